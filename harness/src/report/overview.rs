//! The runs of a project, one line each. Pure.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use serde::Serialize;

use super::text::{BAD, BOLD, DIM, GOOD, WARN};
use super::{Stage, Summary, words};
use crate::error::{Error, Result};
use crate::verdict::Weight;

/// The runs, the last one last.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Overview {
    /// The version of this format.
    schema: u32,
    /// The runs that are listed.
    runs: Vec<Row>,
    /// How many earlier ones there are.
    earlier: usize,
}

/// One run.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Row {
    /// Its name.
    run: String,
    /// Where it is.
    directory: PathBuf,
    /// Why nothing of it can be told; `null` where something can.
    problem: Option<String>,
    /// Whether it came to its end.
    stage: Option<Stage>,
    /// Whether the user interrupted it.
    interrupted: bool,
    /// How long it took, `null` where it has not come to its end.
    duration_ms: Option<u64>,
    /// The version of triplecheck.
    version: Option<String>,
    /// Its targets.
    targets: Vec<String>,
    /// How many cells were decided.
    cells: usize,
    /// How many of them are findings.
    findings: usize,
    /// How many builds failed.
    build_failures: usize,
    /// How many cells have each verdict; verdicts without a cell are left out.
    counts: BTreeMap<&'static str, u64>,
    /// How many lines of its events could not be read.
    unreadable_lines: u64,
    /// The exit status of `run`, `null` where it has not come to its end.
    exit: Option<u8>,
}

impl Overview {
    /// The rows, with the number of runs before them.
    pub fn new(runs: Vec<Row>, earlier: usize) -> Self {
        Self { schema: 1, runs, earlier }
    }

    /// As one JSON object with a line feed at its end.
    ///
    /// # Errors
    /// Only where there is a bug of ours.
    pub fn json(&self) -> Result<String> {
        line_of(self)
    }

    /// As a table.
    pub fn text(&self) -> String {
        let width = self.runs.iter().map(|row| row.run.chars().count()).max().unwrap_or(0).max(3);
        let mut out = String::new();
        if self.earlier > 0 {
            let all = self.earlier + self.runs.len();
            let earlier = words::count(self.earlier, "earlier run");
            let _ = writeln!(out, "{DIM}{earlier}: --last {all}{DIM:#}");
        }
        let _ = writeln!(
            out,
            "{BOLD}{:width$}  {:>12}  {:>7}  {:>7}  {:>8}{BOLD:#}",
            "run", "took", "targets", "cells", "findings"
        );
        for row in &self.runs {
            let _ = writeln!(out, "{:width$}  {}", row.run, row.line());
        }
        out
    }
}

impl Row {
    /// A run that could be read.
    pub fn read(run: String, directory: PathBuf, summary: &Summary) -> Self {
        let about = summary.run.as_ref();
        let ended = summary.stage == Stage::Ended;
        let findings = summary.cells.iter().filter(|cell| cell.verdict.weight() == Weight::Finding).count();
        let counts = summary.counts().into_iter().map(|(verdict, count)| (verdict.name(), count)).collect();
        Self {
            run,
            directory,
            problem: None,
            stage: Some(summary.stage),
            interrupted: summary.interrupted,
            duration_ms: summary.duration_ms,
            version: about.map(|about| about.version.clone()),
            targets: about.iter().flat_map(|run| &run.targets).map(|info| info.target.clone()).collect(),
            cells: summary.cells.len(),
            findings,
            build_failures: summary.build_failures.len(),
            counts,
            unreadable_lines: summary.unreadable_lines,
            exit: ended.then(|| summary.exit_code(false)),
        }
    }

    /// A run of which nothing can be told, and why.
    pub fn unreadable(run: String, directory: PathBuf, problem: String) -> Self {
        Self { run, directory, problem: Some(problem), ..Self::default() }
    }

    fn line(&self) -> String {
        if let Some(problem) = &self.problem {
            return format!("{WARN}{problem}{WARN:#}");
        }
        let Self { duration_ms, targets, cells, findings, build_failures, .. } = self;
        let took = duration_ms.map_or("-".to_owned(), words::seconds);
        let style = if *findings > 0 { BAD } else { GOOD };
        let mut line = format!("{took:>12}  {:>7}  {cells:>7}  {style}{findings:>8}{style:#}", targets.len());
        let mut remarks: Vec<String> = Vec::new();
        remarks.extend((*build_failures > 0).then(|| words::count(*build_failures, "build failure")));
        remarks.extend(match self.stage {
            Some(Stage::GoesOn) => Some("goes on".to_owned()),
            Some(Stage::Killed) => Some("was killed".to_owned()),
            Some(Stage::Ended) if self.interrupted => Some("interrupted".to_owned()),
            Some(Stage::Ended) | None => None,
        });
        let unreadable = usize::try_from(self.unreadable_lines).unwrap_or(usize::MAX);
        remarks.extend((unreadable > 0).then(|| words::count(unreadable, "unreadable line")));
        if !remarks.is_empty() {
            let _ = write!(line, "  {WARN}{}{WARN:#}", remarks.join(", "));
        }
        line
    }
}

/// Any value as one line of JSON.
pub(super) fn line_of(value: &impl Serialize) -> Result<String> {
    let mut text =
        serde_json::to_string(value).map_err(|error| Error::ours("cannot write JSON").caused_by(error))?;
    text.push('\n');
    Ok(text)
}
