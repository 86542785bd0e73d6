//! The named rules by which two lines count as equal. Each is a statement about one thing that a correct
//! program may show differently on another target, and each that was needed is named in the result.
//!
//! Rules are only appended and their version raised: an older run keeps its meaning.

use std::borrow::Cow;
use std::path::Path;

use serde::{Deserialize, Serialize};
use triplecheck_emulators::launch::Kind;

use super::Side;

/// Raised with every rule that is added or changed; a recorded result names it.
pub const RULES_VERSION: u32 = 1;

/// A rule that made parts of two runs equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// A Windows program ended a line with CR LF where the native one has LF.
    Crlf,
    /// The emulator's own lines were set apart from the program's standard error.
    EmulatorLines,
    /// A path of the run (the program itself, its working or temporary directory) is named, in each side's own
    /// spelling.
    Path,
    /// The number of the thread in Rust's panic message, which is the kernel's.
    ThreadId,
}

impl Rule {
    /// The rule's name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crlf => "crlf",
            Self::EmulatorLines => "emulator-lines",
            Self::Path => "path",
            Self::ThreadId => "thread-id",
        }
    }
}

/// What one rule makes of a line; `None` where it does not apply.
type Step = fn(&[u8], Side<'_>) -> Option<Vec<u8>>;

/// The rules that rewrite a line, in the order of their application.
const STEPS: [(Rule, Step); 2] = [(Rule::Path, name_roots), (Rule::ThreadId, drop_thread_id)];

/// The rules that make two lines equal, in the order of their application; `None` where none do.
///
/// The sides may be swapped: each rule looks at its own side's facts.
pub(super) fn equal((left, a): (&[u8], Side<'_>), (right, b): (&[u8], Side<'_>)) -> Option<Vec<Rule>> {
    let mut fired = Vec::new();
    let (left, right) = (strip_cr(left, right, a, &mut fired), strip_cr(right, left, b, &mut fired));
    if left == right {
        return Some(fired);
    }
    let (mut left, mut right) = (Cow::Borrowed(left), Cow::Borrowed(right));
    for (rule, step) in STEPS {
        let (new_left, new_right) = (step(&left, a), step(&right, b));
        if new_left.is_none() && new_right.is_none() {
            continue;
        }
        left = new_left.map_or(left, Cow::Owned);
        right = new_right.map_or(right, Cow::Owned);
        fired.push(rule);
        if left == right {
            return Some(fired);
        }
    }
    None
}

/// A CR at the end of a Windows program's line, where the other side has none.
fn strip_cr<'a>(line: &'a [u8], other: &[u8], side: Side<'_>, fired: &mut Vec<Rule>) -> &'a [u8] {
    match line.strip_suffix(b"\r") {
        Some(stripped) if side.windows && !other.ends_with(b"\r") => {
            fired.push(Rule::Crlf);
            stripped
        }
        _ => line,
    }
}

/// The run's own directories as placeholders, with the path below them in POSIX form.
fn name_roots(line: &[u8], side: Side<'_>) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(line).ok()?;
    let mut out = text.to_owned();
    for (root, placeholder) in &side.observation.roots {
        for spelling in spellings(root, side) {
            out = replace_root(&out, &spelling, placeholder);
        }
    }
    (out != text).then(|| out.into_bytes())
}

/// How a side may write one directory of the host; Wine shows the host's root as drive Z.
fn spellings(root: &Path, side: Side<'_>) -> Vec<String> {
    let posix = root.display().to_string();
    if side.emulator == Kind::Wine || side.windows {
        let backslashes = posix.replace('/', "\\");
        vec![format!("Z:{backslashes}"), format!("z:{backslashes}"), format!("Z:{posix}"), backslashes, posix]
    } else {
        vec![posix]
    }
}

/// Replaces `root` where a path starts there, and turns the backslashes of that one path around.
fn replace_root(text: &str, root: &str, placeholder: &str) -> String {
    let windows = root.contains('\\');
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(root) {
        let after = &rest[at + root.len()..];
        // `/tmp/ab` is not below `/tmp/a`.
        if after.starts_with(|next: char| next.is_alphanumeric() || matches!(next, '-' | '_' | '.')) {
            out.push_str(&rest[..at + root.len()]);
            rest = after;
            continue;
        }
        out.push_str(&rest[..at]);
        out.push_str(placeholder);
        let path = after
            .find(|next: char| next.is_whitespace() || matches!(next, '"' | '\'' | ':' | ';' | ','))
            .unwrap_or(after.len());
        if windows {
            out.push_str(&after[..path].replace('\\', "/"));
        } else {
            out.push_str(&after[..path]);
        }
        rest = &after[path..];
    }
    out.push_str(rest);
    out
}

/// `thread 'main' (25003) panicked at` without the number (rustc 1.90 and later print the kernel's thread id).
fn drop_thread_id(line: &[u8], _side: Side<'_>) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(line).ok()?;
    let start = text.find("thread '")?;
    let panicked =
        start + text[start..].find(") panicked at ").or_else(|| text[start..].find(") has overflowed"))?;
    let open = start + text[start..panicked].rfind(" (")?;
    let digits = &text[open + 2..panicked];
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| format!("{} (N{}", &text[..open], &text[panicked..]).into_bytes())
}
