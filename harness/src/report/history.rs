//! What cases came to in the runs of the past, target by target. Pure.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::overview::line_of;
use super::text::{BOLD, DIM, symbol};
use super::{Summary, words};
use crate::error::Result;
use crate::pattern;
use crate::verdict::Verdict;

/// The most cases that the text shows; JSON has them all.
const CASES_MAX: usize = 20;

/// The most of a cause that a line tells; JSON has all of it.
const WHY_CHARS_MAX: usize = 60;

/// The history of all cases that were asked for.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct History<'a> {
    /// The version of this format.
    schema: u32,
    /// The runs that were looked into, the last one last.
    runs: Vec<&'a str>,
    /// The cases that were asked for, by name.
    cases: Vec<OfCase<'a>>,
}

/// One case.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct OfCase<'a> {
    suite: &'a str,
    case: &'a str,
    /// Its targets, those of the last run first.
    targets: Vec<OnTarget<'a>>,
}

/// One case on one target.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct OnTarget<'a> {
    target: &'a str,
    /// What it came to, the last run last; a run that knows nothing of it is not among them.
    runs: Vec<Outcome<'a>>,
}

/// What one run says of it.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Outcome<'a> {
    run: &'a str,
    verdict: Verdict,
    /// Why, where something is known.
    why: Option<&'a str>,
    duration_ms: Option<u64>,
    native_ms: Option<u64>,
}

impl<'a> History<'a> {
    /// The history of the cases that `wanted` selects, in runs of which the last one stands last.
    pub fn of(runs: &'a [(String, Summary)], wanted: &str) -> Self {
        let mut cases: BTreeMap<(&str, &str), BTreeMap<&str, Vec<Outcome<'a>>>> = BTreeMap::new();
        let mut order: Vec<&str> = Vec::new();
        for (run, summary) in runs.iter().rev() {
            order.extend(summary.run.iter().flat_map(|run| &run.targets).map(|info| info.target.as_str()));
            let cells = summary.cells.iter().map(|cell| {
                let why = cell.cause.as_deref();
                let (duration_ms, native_ms) = (Some(cell.duration_ms), Some(cell.native_ms));
                let outcome = Outcome { run, verdict: cell.verdict, why, duration_ms, native_ms };
                (cell.suite.as_str(), cell.case.as_str(), cell.target.as_str(), outcome)
            });
            let others = summary.not_run.iter().filter(|cell| cell.case != "*").map(|cell| {
                let why = Some(cell.reason.as_str());
                let outcome = Outcome { run, verdict: cell.verdict, why, duration_ms: None, native_ms: None };
                (cell.suite.as_str(), cell.case.as_str(), cell.target.as_str(), outcome)
            });
            for (suite, case, target, outcome) in cells.chain(others) {
                if !pattern::selects(wanted, suite, case) {
                    continue;
                }
                let known = cases.entry((suite, case)).or_default().entry(target).or_default();
                // Of a cell that was decided twice the last decision counts.
                known.retain(|other| other.run != run);
                known.push(outcome);
            }
        }
        let place = |target: &str| order.iter().position(|known| *known == target).unwrap_or(usize::MAX);
        let cases = cases.into_iter().map(|((suite, case), targets)| {
            let mut targets: Vec<OnTarget<'a>> = targets
                .into_iter()
                .map(|(target, runs)| OnTarget { target, runs: runs.into_iter().rev().collect() })
                .collect();
            targets.sort_by_key(|on| place(on.target));
            OfCase { suite, case, targets }
        });
        Self { schema: 1, runs: runs.iter().map(|(run, _)| run.as_str()).collect(), cases: cases.collect() }
    }

    /// Whether no run knows such a case.
    pub fn is_empty(&self) -> bool {
        self.cases.is_empty()
    }

    /// As one JSON object with a line feed at its end.
    ///
    /// # Errors
    /// Only where there is a bug of ours.
    pub fn json(&self) -> Result<String> {
        line_of(self)
    }

    /// For a terminal: since when each target is as it is, and below it a row for each run.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for (index, case) in self.cases.iter().take(CASES_MAX).enumerate() {
            if index > 0 {
                out.push('\n');
            }
            self.case(&mut out, case);
        }
        if self.cases.len() > CASES_MAX {
            let more = words::count(self.cases.len() - CASES_MAX, "more case");
            let _ = writeln!(out, "\n{DIM}… {more}, all in --json{DIM:#}");
        }
        out
    }

    fn case(&self, out: &mut String, case: &OfCase<'_>) {
        let _ = writeln!(out, "{BOLD}{}::{}{BOLD:#}", case.suite, case.case);
        let width = case.targets.iter().map(|on| on.target.len()).max().unwrap_or(0);
        for (number, on) in case.targets.iter().enumerate() {
            let _ = writeln!(out, "{:>3}  {:width$}  {}", number + 1, on.target, since(&on.runs));
        }
        let runs: Vec<&str> = self.runs.iter().copied().filter(|run| case.knows(run)).collect();
        let width = runs.iter().map(|run| run.chars().count()).max().unwrap_or(0);
        let numbers: String = (1..=case.targets.len()).map(|number| format!("{number:>3}")).collect();
        let _ = writeln!(out, "\n{:width$}  {DIM}{numbers}{DIM:#}", "");
        let mut seen: Vec<Verdict> = Vec::new();
        for run in runs {
            let mut row = format!("{run:width$}  ");
            for on in &case.targets {
                match on.runs.iter().find(|outcome| outcome.run == run) {
                    None => row.push_str("   "),
                    Some(outcome) => {
                        seen.push(outcome.verdict);
                        let (sign, style) = symbol(outcome.verdict);
                        let _ = write!(row, "  {style}{sign}{style:#}");
                    }
                }
            }
            let _ = writeln!(out, "{}", row.trim_end());
        }
        let shown = Verdict::ALL.into_iter().filter(|verdict| seen.contains(verdict));
        let legend: Vec<String> = shown.map(|verdict| format!("{} {verdict}", symbol(verdict).0)).collect();
        let _ = writeln!(out, "{DIM}{}{DIM:#}", legend.join("   "));
    }
}

impl OfCase<'_> {
    fn knows(&self, run: &str) -> bool {
        self.targets.iter().any(|on| on.runs.iter().any(|outcome| outcome.run == run))
    }
}

/// `same in all 4 runs`; `differs since RUN, before same: WHY`.
fn since(runs: &[Outcome<'_>]) -> String {
    let Some(last) = runs.last() else { return String::new() };
    let streak = runs.iter().rev().take_while(|outcome| outcome.verdict == last.verdict).count();
    let first = &runs[runs.len() - streak];
    let mut text = match (runs.len(), runs.len().checked_sub(streak + 1)) {
        (1, _) => format!("{} in {}", last.verdict, last.run),
        (all, None) => format!("{} in all {all} runs", last.verdict),
        (_, Some(before)) => {
            format!("{} since {}, before {}", last.verdict, first.run, runs[before].verdict)
        }
    };
    if let Some(why) = last.why {
        let shown: String = why.chars().take(WHY_CHARS_MAX).collect();
        let more = if shown.len() < why.len() { "…" } else { "" };
        let _ = write!(text, ": {shown}{more}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_when_a_case_is_as_it_is_is_told() {
        #[track_caller]
        fn check(verdicts: &[Verdict], expected: &str) {
            let names = ["a", "b", "c", "d"];
            let runs: Vec<Outcome<'_>> = verdicts
                .iter()
                .zip(names)
                .map(|(verdict, run)| Outcome {
                    run,
                    verdict: *verdict,
                    why: (*verdict == Verdict::Differs).then_some("byte-order: n"),
                    duration_ms: None,
                    native_ms: None,
                })
                .collect();
            assert_eq!(since(&runs), expected);
        }
        check(&[Verdict::Same], "same in a");
        check(&[Verdict::Same, Verdict::Same], "same in all 2 runs");
        check(
            &[Verdict::Same, Verdict::Differs, Verdict::Differs],
            "differs since b, before same: byte-order: n",
        );
        check(&[Verdict::Differs, Verdict::Flaky, Verdict::Same], "same since c, before flaky");
    }
}
