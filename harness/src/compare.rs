//! Compares what a program showed natively with what it showed on a target. Pure.
//!
//! Both sides are compared byte for byte first; only lines that then differ are looked at through the rules of
//! [`rules`], and every rule that made two lines equal is recorded with its count. No rule ever changes a
//! digit: what it equates is a line ending, a known directory or the number of a thread.

mod emulator_lines;
mod rules;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use triplecheck_emulators::launch::Kind;

use crate::manifest::{Compare, StreamMode};
use crate::observation::Observation;

pub use emulator_lines::{Fault, fault_of};
pub use rules::{RULES_VERSION, Rule};

/// One side of a comparison.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// What was seen.
    pub observation: &'a Observation,
    /// Whether the program is a Windows one: only those may end lines with CR LF.
    pub windows: bool,
    /// Whose own lines may stand in its standard error.
    pub emulator: Kind,
}

/// What a comparison came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// The rules that made parts equal, with how often.
    pub rules: BTreeMap<Rule, u64>,
    /// What differs even so: status first, then stdout, stderr, files. Empty where nothing does.
    pub differences: Vec<Difference>,
}

/// One thing that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// `status`, `stdout`, `stderr` or `file NAME`.
    pub place: String,
    /// The line of the first difference, from 1; the offset from 0 for a binary file; 0 for a status.
    pub at: u64,
    /// What native showed there, shortened to [`EXCERPT_CHARS_MAX`].
    pub native: String,
    /// What the target showed there.
    pub target: String,
    /// How many further lines differ in the same place.
    pub more: u64,
}

/// The most of one value that is kept, in characters: enough for any line a person reads.
pub const EXCERPT_CHARS_MAX: usize = 400;

impl Comparison {
    /// Whether nothing differs.
    pub fn is_equal(&self) -> bool {
        self.differences.is_empty()
    }

    fn count(&mut self, rules: &[Rule]) {
        for rule in rules {
            *self.rules.entry(*rule).or_default() += 1;
        }
    }
}

/// Compares a target's run with the native one.
pub fn compare(native: Side<'_>, target: Side<'_>, how: Compare) -> Comparison {
    let mut comparison = Comparison::default();
    if native.observation.end != target.observation.end {
        comparison.differences.push(Difference {
            place: "status".into(),
            at: 0,
            native: native.observation.end.to_string(),
            target: target.observation.end.to_string(),
            more: 0,
        });
    }
    let (n, t) = (native.observation, target.observation);
    stream(&mut comparison, "stdout", how.stdout, (&n.stdout, native), (&t.stdout, target));
    stream(&mut comparison, "stderr", how.stderr, (&n.stderr, native), (&t.stderr, target));
    files(&mut comparison, native, target);
    comparison
}

fn stream(
    comparison: &mut Comparison,
    place: &str,
    mode: StreamMode,
    (native_bytes, native): (&[u8], Side<'_>),
    (target_bytes, target): (&[u8], Side<'_>),
) {
    match mode {
        StreamMode::Ignore => {}
        _ if native_bytes == target_bytes => {}
        StreamMode::Exact => comparison.differences.push(binary(place, native_bytes, target_bytes)),
        StreamMode::Text => {
            let split = |bytes, side: Side<'_>| match place {
                "stderr" => emulator_lines::split(bytes, side.emulator),
                _ => (std::borrow::Cow::Borrowed(bytes), 0),
            };
            let (native_bytes, native_own) = split(native_bytes, native);
            let (target_bytes, target_own) = split(target_bytes, target);
            let own = native_own + target_own;
            if own > 0 {
                *comparison.rules.entry(Rule::EmulatorLines).or_default() += own;
            }
            text(comparison, place, (&native_bytes, native), (&target_bytes, target));
        }
    }
}

fn files(comparison: &mut Comparison, native: Side<'_>, target: Side<'_>) {
    let (n, t) = (&native.observation.files, &target.observation.files);
    let names: std::collections::BTreeSet<&String> = n.keys().chain(t.keys()).collect();
    for name in names {
        let place = format!("file {name}");
        match (n.get(name), t.get(name)) {
            (Some(left), Some(right)) if left == right => {}
            (Some(left), Some(right)) if is_text(left) && is_text(right) => {
                text(comparison, &place, (left, native), (right, target));
            }
            (Some(left), Some(right)) => comparison.differences.push(binary(&place, left, right)),
            (left, right) => {
                let told = |side: Option<&Vec<u8>>| {
                    side.map_or("not there".to_owned(), |bytes| format!("{} bytes", bytes.len()))
                };
                let (native, target) = (told(left), told(right));
                comparison.differences.push(Difference { place, at: 0, native, target, more: 0 });
            }
        }
    }
}

/// Compares line by line, then through the rules; what stays different is aligned, so that one line too many
/// is one difference and not a hundred.
fn text(
    comparison: &mut Comparison,
    place: &str,
    (native_bytes, native): (&[u8], Side<'_>),
    (target_bytes, target): (&[u8], Side<'_>),
) {
    let native_lines = lines(native_bytes);
    let target_lines = lines(target_bytes);
    let mut first: Option<Difference> = None;
    for pair in align(&native_lines, &target_lines) {
        let fired = match pair.both() {
            Some((left, right)) => rules::equal((left, native), (right, target)),
            None => None,
        };
        match (fired, &mut first) {
            (Some(rules), _) => comparison.count(&rules),
            (None, Some(first)) => first.more += 1,
            (None, None) => {
                let shown = |line: Option<&[u8]>| line.map_or("(no such line)".to_owned(), excerpt);
                let (native, target) = (shown(pair.native), shown(pair.target));
                first =
                    Some(Difference { place: place.to_owned(), at: pair.number, native, target, more: 0 });
            }
        }
    }
    comparison.differences.extend(first);
}

/// Two lines that stand for each other, or one that has no counterpart.
struct Pair<'a> {
    native: Option<&'a [u8]>,
    target: Option<&'a [u8]>,
    /// The line's number, natively where it is there.
    number: u64,
}

impl<'a> Pair<'a> {
    fn both(&self) -> Option<(&'a [u8], &'a [u8])> {
        Some((self.native?, self.target?))
    }
}

/// Above this many lines a side, alignment is by position: a line diff is quadratic at worst.
const ALIGNED_LINES_MAX: usize = 20_000;

/// The pairs that are not already equal byte for byte.
fn align<'a>(native: &[&'a [u8]], target: &[&'a [u8]]) -> Vec<Pair<'a>> {
    if native.len() == target.len() || native.len().max(target.len()) > ALIGNED_LINES_MAX {
        return by_position(native, target, 0);
    }
    let key = |line: &&'a [u8]| line.strip_suffix(b"\r").unwrap_or(line);
    let (native_keys, target_keys): (Vec<_>, Vec<_>) =
        (native.iter().map(key).collect(), target.iter().map(key).collect());
    let mut pairs = Vec::new();
    for op in similar::capture_diff_slices(similar::Algorithm::Myers, &native_keys, &target_keys) {
        let (left, right) = (op.old_range(), op.new_range());
        pairs.extend(by_position(&native[left.clone()], &target[right], left.start));
    }
    pairs
}

fn by_position<'a>(native: &[&'a [u8]], target: &[&'a [u8]], start: usize) -> Vec<Pair<'a>> {
    (0..native.len().max(target.len()))
        .map(|i| Pair {
            native: native.get(i).copied(),
            target: target.get(i).copied(),
            number: (start + i + 1) as u64,
        })
        .filter(|pair| pair.native != pair.target)
        .collect()
}

/// Splits at LF; a last line without one is a line too, an empty text has none. The LF belongs to no line, so
/// a missing one at the very end is told as a line of its own kind by [`rules`].
fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    if bytes.is_empty() {
        return Vec::new();
    }
    let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    if bytes.ends_with(b"\n") {
        lines.pop();
    } else {
        lines.push(b"\\ no newline at the end");
    }
    lines
}

/// Whether a file is compared as text: UTF-8 without NUL.
fn is_text(bytes: &[u8]) -> bool {
    !bytes.contains(&0) && std::str::from_utf8(bytes).is_ok()
}

fn binary(place: &str, native: &[u8], target: &[u8]) -> Difference {
    let common = native.iter().zip(target).take_while(|(left, right)| left == right).count();
    let window = |bytes: &[u8]| {
        let end = bytes.len().min(common + 16);
        let hex: Vec<String> = bytes[common.min(end)..end].iter().map(|byte| format!("{byte:02x}")).collect();
        let shown = if hex.is_empty() { "(end)".to_owned() } else { hex.join(" ") };
        format!("{shown} (of {} bytes)", bytes.len())
    };
    Difference {
        place: place.to_owned(),
        at: common as u64,
        native: window(native),
        target: window(target),
        more: 0,
    }
}

/// A line as a person reads it: control characters escaped, bytes that are no UTF-8 in hex, shortened.
pub fn excerpt(line: &[u8]) -> String {
    let mut out = String::new();
    for (count, character) in line
        .utf8_chunks()
        .flat_map(|chunk| chunk.valid().chars().map(Ok).chain(chunk.invalid().iter().map(Err)))
        .enumerate()
    {
        if count == EXCERPT_CHARS_MAX {
            out.push('…');
            break;
        }
        match character {
            Ok('\t') => out.push('\t'),
            Ok(character) if character.is_control() => out.extend(character.escape_default()),
            Ok(character) => out.push(character),
            Err(byte) => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out
}

#[cfg(test)]
mod tests;
