//! Reports: readers of a run's events. [`Summary`] folds the events; each writer below turns it into text. All pure.
//!
//! The same events always give the same text: nothing in here looks at a clock, a directory or a terminal.

mod annotations;
pub mod changes;
mod durations;
pub mod expect;
mod gitlab;
pub mod history;
mod html;
pub mod json;
mod junit;
mod location;
mod markdown;
pub mod overview;
#[cfg(test)]
mod schema;
mod sources;
mod table;
pub mod text;
mod values;
mod words;

use std::collections::BTreeMap;

use serde::Serialize;

pub use sources::Sources;

use crate::diagnose::{self, Finding};
use crate::error::Result;
use crate::events::{BuildFailure, Bundled, Cell, Confirmed, Event, NotRun, RunStarted, Unmatched};
use crate::verdict::{Verdict, Weight};

/// All that the events of a run amount to.
#[derive(Debug, Default)]
pub struct Summary {
    /// The run's first event.
    pub run: Option<RunStarted>,
    /// Decided cells, in the order in which they were decided.
    pub cells: Vec<Cell>,
    /// Cells that did not run.
    pub not_run: Vec<NotRun>,
    /// Builds that failed, with their suite.
    pub build_failures: Vec<(String, BuildFailure)>,
    /// What a second emulator said of findings.
    pub confirmed: Vec<Confirmed>,
    /// The bundles that were kept of findings.
    pub bundled: Vec<Bundled>,
    /// How long the run took, `None` while it has not ended.
    pub duration_ms: Option<u64>,
    /// Whether the user interrupted it.
    pub interrupted: bool,
    /// How many native runs there were.
    pub native_runs: u64,
    /// How many guests were started, `None` while the run has not ended.
    pub started: Option<u64>,
    /// Expectations of the manifest that met no cell.
    pub unmatched: Vec<Unmatched>,
    /// Whether it came to its end.
    pub stage: Stage,
    /// How many lines of its events could not be read.
    pub unreadable_lines: u64,
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// To its end.
    #[default]
    Ended,
    /// It goes on: cells will follow.
    GoesOn,
    /// It was killed, or its machine died: cells are missing.
    Killed,
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// The terminal's grid, findings and counts
    Text,
    /// One JSON object, as harness/schema/report.json describes it
    Json,
    /// JUnit XML, as Jenkins, GitLab and others read it
    Junit,
    /// One page for a browser, which needs nothing else
    Html,
    /// Markdown, within the 1 MiB of a GitHub job summary
    Markdown,
    /// Annotations of a GitHub workflow; the Markdown goes to `$GITHUB_STEP_SUMMARY`
    Github,
    /// GitLab's code quality JSON
    Gitlab,
}

/// What a report needs to know beside the run's events.
#[derive(Debug, Default)]
pub struct Options {
    /// Whether whatever could not run is an error.
    pub require: bool,
    /// Where the run's sources are in their repository.
    pub sources: Sources,
}

/// Writes a report.
///
/// # Errors
/// Only where there is a bug of ours.
pub fn render(format: Format, summary: &Summary, options: &Options) -> Result<String> {
    match format {
        Format::Text => Ok(text::render(summary, None)),
        Format::Json => json::render(summary, options.require),
        Format::Junit => junit::render(summary),
        Format::Html => html::render(summary),
        Format::Markdown => Ok(markdown::render(summary)),
        Format::Github => Ok(annotations::render(summary, &options.sources)),
        Format::Gitlab => gitlab::render(summary, &options.sources),
    }
}

impl Summary {
    /// Folds all events of a run.
    pub fn of(events: impl IntoIterator<Item = Event>) -> Self {
        let mut summary = Self::default();
        for event in events {
            summary.apply(event);
        }
        summary
    }

    /// Folds one event.
    pub fn apply(&mut self, event: Event) {
        match event {
            Event::RunStarted(run) => self.run = Some(run),
            Event::BuildStarted { .. } => {}
            Event::BuildFinished { suite, failures, .. } => {
                self.build_failures.extend(failures.into_iter().map(|failure| (suite.clone(), failure)));
            }
            Event::Observed(_) => self.native_runs += 1,
            Event::Cell(cell) => self.cells.push(cell),
            Event::NotRun(not_run) => self.not_run.push(not_run),
            Event::TargetAdded(target) => {
                if let Some(run) = &mut self.run {
                    run.targets.push(target);
                }
            }
            Event::Confirmed(confirmed) => self.confirmed.push(confirmed),
            Event::Bundled(bundled) => self.bundled.push(bundled),
            Event::RunFinished { duration_ms, interrupted, started, unmatched } => {
                // What no case of one shard meets, one of another may.
                self.unmatched = if self.is_part() { Vec::new() } else { unmatched };
                self.started = Some(started);
                self.duration_ms = Some(duration_ms);
                self.interrupted = interrupted;
            }
        }
    }

    /// The same, as if nothing had taken any time.
    #[must_use]
    pub fn without_times(mut self) -> Self {
        self.duration_ms = self.duration_ms.map(|_| 0);
        for cell in &mut self.cells {
            (cell.duration_ms, cell.native_ms, cell.limit_ms) = (0, 0, 0);
            cell.tries.iter_mut().for_each(|one| one.duration_ms = 0);
        }
        self
    }

    /// The findings, one per cause.
    pub fn findings(&self) -> Vec<Finding> {
        let here = self.run.as_ref().map_or(&[][..], |run| &run.runnable);
        diagnose::findings(
            &self.cells,
            &diagnose::Afterwards { confirmed: &self.confirmed, bundled: &self.bundled },
            here,
        )
    }

    /// How many cells have each verdict; verdicts without a cell are left out.
    pub fn counts(&self) -> BTreeMap<Verdict, u64> {
        let mut counts = BTreeMap::new();
        let verdicts = self.cells.iter().map(|cell| cell.verdict);
        for verdict in verdicts.chain(self.not_run.iter().map(|cell| cell.verdict)) {
            *counts.entry(verdict).or_default() += 1;
        }
        counts
    }

    /// Whether something did not run that would on a machine with everything installed.
    fn lacks(&self) -> bool {
        self.not_run.iter().any(NotRun::is_lacking)
    }

    /// The targets of which tests are missing and nothing was compared: they pass only by having none.
    pub fn bare_targets(&self) -> Vec<&str> {
        // A part may have no test of a target by chance.
        let whole = self.run.iter().filter(|run| run.shard.is_none());
        let targets = whole.flat_map(|run| &run.targets).map(|target| target.target.as_str());
        let is_bare = |target: &&str| {
            !self.cells.iter().any(|cell| cell.target == *target)
                && self.not_run.iter().any(|cell| cell.target == *target && cell.verdict == Verdict::Missing)
        };
        targets.filter(is_bare).collect()
    }

    /// Whether nothing that belongs to it is missing.
    fn is_whole(&self) -> bool {
        !self.is_incomplete() && self.stage == Stage::Ended && !self.interrupted && self.unreadable_lines == 0
    }

    /// Whether this is a run whose other cases are in other runs.
    fn is_part(&self) -> bool {
        self.run.as_ref().is_some_and(|run| run.shard.is_some())
    }

    /// Whether nothing ran at all, or nothing of a target whose tests are missing. A part may be empty; what all parts come
    /// to is known when they are merged.
    fn is_hollow(&self) -> bool {
        let nothing_ran = self.cells.is_empty() && (!self.is_part() || self.lacks());
        nothing_ran || !self.bare_targets().is_empty()
    }

    /// Whether a merged run lacks some of its parts.
    fn is_incomplete(&self) -> bool {
        self.run.as_ref().is_some_and(|run| !run.incomplete.is_empty())
    }

    /// The exit status of `run`: 0 all as expected, 1 findings, 2 a build failed, 69 nothing ran at all, or nothing of a
    /// target whose tests are missing, or a merged run lacks a part, or `require_all` and something did not run, 130 interrupted.
    pub fn exit_code(&self, require_all: bool) -> u8 {
        let finding = self.cells.iter().any(|cell| cell.verdict.weight() == Weight::Finding);
        if self.interrupted {
            130
        } else if !self.build_failures.is_empty() {
            2
        } else if finding {
            1
        } else if self.is_hollow() || self.is_incomplete() || (require_all && self.lacks()) {
            69
        } else {
            0
        }
    }
}
