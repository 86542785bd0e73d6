//! How faithful `triplecheck exec` is: one program, compiled for every family of targets, is run natively and through the
//! hook under the same conditions, and what a parent process sees must be equal.
//!
//! A *row* is one question (`rows.rs` and its neighbours), a *family* one kind of target (`families.rs`), and a *cell*
//! both. A row describes in words all that it saw, and the native description is what every family must give, letter for
//! letter. Where a platform cannot, `exceptions.rs` says what is seen instead and why; that is asserted too, and an
//! exception that has become needless fails.
//!
//! The binary has its own `main` instead of libtest's because it prints the whole matrix at its end: `cargo test --test
//! fidelity` is the command for it. It understands a filter on `FAMILY::ROW`, `--exact`, `--skip` and `--list`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "these are tests; clippy knows them by libtest's attribute, which they do not have"
)]

mod endings;
mod exceptions;
mod families;
mod lab;
mod matrix;
mod messages;
mod processes;
mod rows;
mod streams;
#[path = "../support/mod.rs"]
mod support;
mod terminals;
mod windows;
mod words;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let chosen = Chosen::from_words(&arguments);
    if arguments.iter().any(|word| word == "--list") {
        for family in families::FAMILIES {
            for row in rows::all().filter(|row| chosen.holds(family.name, row.name)) {
                println!("{}::{}: test", family.name, row.name);
            }
        }
        return ExitCode::SUCCESS;
    }
    let bench = lab::Bench::new();
    let matrix = matrix::fill(&bench, &chosen);
    println!("{matrix}");
    if matrix.failures().is_empty() { ExitCode::SUCCESS } else { ExitCode::from(101) }
}

/// What of the matrix was asked for, in libtest's words.
#[derive(Debug, Default)]
pub(crate) struct Chosen {
    filters: Vec<String>,
    skipped: Vec<String>,
    exact: bool,
    /// No cell is marked as ignored, so that asking for those is asking for none.
    none: bool,
}

impl Chosen {
    fn from_words(words: &[String]) -> Chosen {
        let mut chosen = Chosen::default();
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            match word.as_str() {
                "--exact" => chosen.exact = true,
                "--ignored" => chosen.none = true,
                "--skip" => chosen.skipped.extend(rest.next().cloned()),
                "--format" | "--color" | "--test-threads" | "-Z" => drop(rest.next()),
                flag if flag.starts_with('-') => {}
                filter => chosen.filters.push(filter.to_owned()),
            }
        }
        chosen
    }

    /// Whether a cell is to be filled.
    pub(crate) fn holds(&self, family: &str, row: &str) -> bool {
        let name = format!("{family}::{row}");
        let matches =
            |filter: &String| if self.exact { name == *filter } else { name.contains(filter.as_str()) };
        !self.none
            && !self.skipped.iter().any(matches)
            && (self.filters.is_empty() || self.filters.iter().any(matches))
    }
}
