//! Where a manifest's text came from, and errors that point into it: file, line, column and the marked span.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

use triplecheck_emulators::spelling::distance;

use crate::error::Error;

/// A manifest's text with its place.
#[derive(Debug, Clone)]
pub struct Source {
    path: PathBuf,
    text: String,
    /// Lines before the text in the real file, where the text is a part of it.
    lines_before: usize,
}

impl Source {
    /// The text of the file at `path`.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        Self { path: path.into(), text: text.into(), lines_before: 0 }
    }

    /// The text itself.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The file it came from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A user's error at `span` (byte offsets into the text).
    pub fn problem(&self, span: Range<usize>, text: impl Into<String>) -> Error {
        Error::user(format!("{}\n{}", text.into(), self.excerpt(span)))
    }

    /// A TOML error with its place and, for an unknown key, the nearest known one.
    pub fn toml_problem(&self, error: &toml::de::Error) -> Error {
        let message = error.message();
        let span = error.span().unwrap_or(0..0);
        let problem = self.problem(span, message);
        match suggestion(message) {
            Some(known) => problem.hint(format!("did you mean `{known}`?")),
            None => problem,
        }
    }

    /// `  --> file:line:column` with the line and the span marked below it.
    fn excerpt(&self, span: Range<usize>) -> String {
        let start = floor_boundary(&self.text, span.start);
        let before = &self.text[..start];
        let line_number = before.matches('\n').count() + 1 + self.lines_before;
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line_end = self.text[start..].find('\n').map_or(self.text.len(), |at| start + at);
        let line = self.text[line_start..line_end].trim_end_matches('\r');
        let column = self.text[line_start..start].chars().count() + 1;
        let end = floor_boundary(&self.text, span.end).clamp(start, line_end);
        let width = self.text[start..end].chars().count().max(1);
        let gutter = line_number.to_string().len();
        let mut out = format!("{:gutter$}--> {}:{line_number}:{column}\n", "", self.path.display());
        let _ = writeln!(out, "{:gutter$} |\n{line_number} | {line}", "");
        let _ = write!(out, "{:gutter$} | {:pad$}{}", "", "", "^".repeat(width), pad = column - 1);
        out
    }
}

/// The nearest character boundary at or before `at`.
fn floor_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// For serde's "unknown field `x`, expected one of `a`, `b`": the `a` or `b` that `x` was meant to be.
fn suggestion(message: &str) -> Option<String> {
    let rest =
        message.strip_prefix("unknown field `").or_else(|| message.strip_prefix("unknown variant `"))?;
    let (given, rest) = rest.split_once('`')?;
    let known = rest.split('`').skip(1).step_by(2);
    known
        .map(|known| (distance(given, known), known))
        .filter(|(distance, known)| *distance <= known.len().max(given.len()) / 2)
        .min()
        .map(|(_, known)| known.to_owned())
}
