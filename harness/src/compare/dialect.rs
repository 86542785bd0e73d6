//! How one side of a comparison writes: whether its lines may end with CR LF, and how it spells the directories of its run.

use std::borrow::Cow;
use std::path::Path;

use triplecheck_emulators::launch::Kind;

use super::Side;
use super::token::{is_blank, is_word};

/// One side's way of writing.
#[derive(Debug, Default)]
pub(super) struct Dialect {
    pub(super) windows: bool,
    roots: Vec<Root>,
    /// Whether a path of a root holds blanks.
    blank_roots: bool,
    /// The bytes with which paths begin.
    begins: Vec<u8>,
    /// The name of the program's file, which has another suffix on each target, and its root.
    program: Option<(Vec<u8>, usize)>,
}

/// One directory or file of the run.
#[derive(Debug)]
struct Root {
    /// What it is on either side: `<cwd>`, `<tmp>` …
    name: &'static str,
    /// As it may be written, longer spellings first.
    spellings: Vec<Vec<u8>>,
}

/// The root that is the program's own file.
const PROGRAM: &str = "<program>";

impl Dialect {
    pub(super) fn of(side: Side<'_>) -> Self {
        let windows = side.windows || side.emulator == Kind::Wine;
        let observed = &side.observation.roots;
        let root = |(path, name): &(std::path::PathBuf, &'static str)| Root {
            name,
            spellings: if windows { windows_spellings(path) } else { vec![bytes(path)] },
        };
        let program = observed
            .iter()
            .position(|(_, name)| *name == PROGRAM)
            .and_then(|index| Some((observed[index].0.file_name()?.as_encoded_bytes().to_vec(), index)));
        let blank = |(path, _): &(std::path::PathBuf, _)| bytes(path).iter().any(|byte| is_blank(*byte));
        let blank_roots = observed.iter().any(blank);
        let roots: Vec<Root> = observed.iter().map(root).collect();
        let spellings =
            roots.iter().flat_map(|root| &root.spellings).chain(program.iter().map(|(name, _)| name));
        let mut begins: Vec<u8> = spellings.filter_map(|spelling| spelling.first().copied()).collect();
        begins.sort_unstable();
        begins.dedup();
        Self { windows, roots, blank_roots, begins, program }
    }

    /// Whether a root's path, or the program's name, holds blanks.
    pub(super) fn has_blank_roots(&self) -> bool {
        self.blank_roots
    }

    /// The path at `at`, if one begins there that is below a root or is the program's own name: its length and which.
    pub(super) fn path(&self, line: &[u8], at: usize) -> Option<(usize, usize)> {
        if !self.begins.contains(&line[at]) {
            return None;
        }
        let before = at.checked_sub(1).map(|at| line[at]);
        if before.is_some_and(|byte| is_word(byte) || matches!(byte, b'.' | b'-' | b'/' | b'\\')) {
            return None;
        }
        let rest = &line[at..];
        for (index, root) in self.roots.iter().enumerate() {
            let spelling = root.spellings.iter().find(|spelling| rest.starts_with(spelling));
            if let Some(spelling) = spelling
                && is_boundary(&rest[spelling.len()..])
            {
                return Some((spelling.len() + tail(&rest[spelling.len()..], before), index));
            }
        }
        let (name, index) = self.program.as_ref()?;
        let named = rest.starts_with(name) && is_boundary(&rest[name.len()..]);
        named.then_some((name.len(), *index))
    }

    /// What a path token says on either side: which root, and the rest with `/`.
    pub(super) fn meaning<'a>(&self, text: &'a [u8], root: usize) -> (&'static str, Cow<'a, [u8]>) {
        let root = &self.roots[root];
        let Some(spelling) = root.spellings.iter().find(|spelling| text.starts_with(spelling)) else {
            return ("the program's name", Cow::Borrowed(b""));
        };
        let rest = &text[spelling.len()..];
        (root.name, if self.windows { Cow::Owned(slashes(rest)) } else { Cow::Borrowed(rest) })
    }
}

fn bytes(path: &Path) -> Vec<u8> {
    path.as_os_str().as_encoded_bytes().to_vec()
}

/// Wine shows the host's root as drive Z; `{:?}` doubles backslashes, and `canonicalize` puts `\\?\` before.
fn windows_spellings(path: &Path) -> Vec<Vec<u8>> {
    let posix = path.display().to_string();
    let back = posix.replace('/', "\\");
    let doubled = posix.replace('/', "\\\\");
    let mut spellings = Vec::new();
    for drive in ["Z:", "z:"] {
        spellings.push(format!("\\\\\\\\?\\\\{drive}{doubled}"));
        spellings.push(format!("\\\\?\\{drive}{back}"));
        spellings.push(format!("{drive}{doubled}"));
        spellings.push(format!("{drive}{back}"));
        spellings.push(format!("{drive}{posix}"));
    }
    spellings.extend([doubled, back, posix]);
    spellings.into_iter().map(String::into_bytes).collect()
}

/// `/tmp/ab` is not below `/tmp/a`, and nor is `/tmp/a.b`; `/tmp/a.` ends a sentence.
fn is_boundary(rest: &[u8]) -> bool {
    match rest {
        [b'-', ..] => false,
        [b'.', next, ..] => !is_word(*next),
        [next, ..] => !is_word(*next),
        [] => true,
    }
}

/// How far the path goes on behind its root: to the quote that opened before it, else to whatever ends paths in text.
fn tail(rest: &[u8], before: Option<u8>) -> usize {
    if let Some(quote @ (b'"' | b'\'' | b'`')) = before
        && let Some(end) = rest.iter().position(|byte| *byte == quote)
    {
        return end;
    }
    let ends = |byte: &u8| byte.is_ascii_whitespace() || b"\"'`:;,()<>[]{}|=*?".contains(byte);
    rest.iter().position(ends).unwrap_or(rest.len())
}

fn slashes(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let mut bytes = path.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte == b'\\' {
            bytes.next_if_eq(&b'\\');
            out.push(b'/');
        } else {
            out.push(byte);
        }
    }
    out
}
