//! What changed from one run to another, cell by cell. Pure.
//!
//! A finding that is no longer there is only `fixed` where its cell was decided again and is good; where it was not (the test
//! is gone, its target was not run, the run was cut short) it is `gone`, with the reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Serialize;

use super::overview::line_of;
use super::text::{BAD, BOLD, DIM, GOOD, WARN};
use super::{Stage, Summary, words};
use crate::error::Result;
use crate::events::{Cell, RunStarted};
use crate::verdict::{Verdict, Weight};

/// The most cells of one kind that the text lists; JSON has them all.
const LISTED_MAX: usize = 100;

/// The comparison of two runs.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Changes<'a> {
    /// The version of this format.
    schema: u32,
    /// The older run.
    old: &'a str,
    /// The newer run.
    new: &'a str,
    /// What else is another one: versions, emulators, the host.
    setting: Vec<String>,
    /// What a reader must know before believing this.
    warnings: Vec<String>,
    /// Findings that were none before.
    new_findings: Vec<Change<'a>>,
    /// Findings that are good now.
    fixed: Vec<Change<'a>>,
    /// Findings of both runs.
    still_failing: Vec<Change<'a>>,
    /// Cells that were decided before and are not now.
    gone: Vec<Change<'a>>,
    /// How many good cells there are that were not decided before.
    added: usize,
    /// How many cells are good in both.
    unchanged: usize,
}

/// One cell, before and after.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Change<'a> {
    suite: &'a str,
    case: &'a str,
    target: &'a str,
    /// What it was, `null` where it was not there.
    was: Option<Verdict>,
    /// What it is, `null` where it is not there.
    is: Option<Verdict>,
    /// Why it is so, where something is known; of a cell that is gone, why it was not decided.
    why: Option<&'a str>,
    /// The command that repeats it.
    repeat: Option<&'a str>,
}

type Place<'a> = (&'a str, &'a str, &'a str);

/// The decided cells of a run by their place; of one that was decided twice the last counts.
fn decided(summary: &Summary) -> BTreeMap<Place<'_>, &Cell> {
    let decided = summary.cells.iter().filter(|cell| is_decided(cell));
    decided.map(|cell| ((&*cell.suite, &*cell.case, &*cell.target), cell)).collect()
}

/// Whether it is good or a finding; a test that ran on one side only is neither.
fn is_decided(cell: &Cell) -> bool {
    cell.verdict.weight() != Weight::Listed
}

/// The cells of a run that were not decided, with their verdict and reason.
fn undecided(summary: &Summary) -> BTreeMap<Place<'_>, (Verdict, &str)> {
    let one_sided = summary.cells.iter().filter(|cell| !is_decided(cell)).map(|cell| {
        let why = cell.cause.as_deref().unwrap_or("it was run on one side only");
        ((&*cell.suite, &*cell.case, &*cell.target), (cell.verdict, why))
    });
    let not_run = summary
        .not_run
        .iter()
        .map(|cell| ((&*cell.suite, &*cell.case, &*cell.target), (cell.verdict, &*cell.reason)));
    one_sided.chain(not_run).collect()
}

impl<'a> Changes<'a> {
    /// Compares two runs, the older one first.
    pub fn between(old: &'a Summary, new: &'a Summary) -> Self {
        let (before, after) = (decided(old), decided(new));
        let (not_before, not_after) = (undecided(old), undecided(new));
        let mut changes = Self {
            schema: 1,
            old: name(old),
            new: name(new),
            setting: setting(old, new),
            warnings: [old, new].into_iter().flat_map(unfinished).collect(),
            new_findings: Vec::new(),
            fixed: Vec::new(),
            still_failing: Vec::new(),
            gone: Vec::new(),
            added: 0,
            unchanged: 0,
        };
        let places: BTreeSet<Place<'a>> = before.keys().chain(after.keys()).copied().collect();
        for place in places {
            let (was, is) = (before.get(&place).copied(), after.get(&place).copied());
            let was_verdict =
                was.map(|cell| cell.verdict).or_else(|| not_before.get(&place).map(|found| found.0));
            let Some(is) = is else {
                let (verdict, why) = why_gone(place, new, &not_after);
                changes.gone.push(Change { is: verdict, why: Some(why), ..change(place, was_verdict, was) });
                continue;
            };
            let fails = |cell: &Cell| cell.verdict.weight() == Weight::Finding;
            let told = Change { is: Some(is.verdict), ..change(place, was_verdict, Some(is)) };
            match (was.map(fails), fails(is)) {
                (Some(true), true) => changes.still_failing.push(told),
                (Some(false) | None, true) => changes.new_findings.push(told),
                (Some(true), false) => changes.fixed.push(told),
                (Some(false), false) => changes.unchanged += 1,
                (None, false) => changes.added += 1,
            }
        }
        changes
    }

    /// Whether there are findings that were none before.
    pub fn has_new_findings(&self) -> bool {
        !self.new_findings.is_empty()
    }

    /// As one JSON object with a line feed at its end.
    ///
    /// # Errors
    /// Only where there is a bug of ours.
    pub fn json(&self) -> Result<String> {
        line_of(self)
    }

    /// For a terminal.
    pub fn text(&self) -> String {
        let mut out = format!("from {BOLD}{}{BOLD:#} to {BOLD}{}{BOLD:#}\n", self.old, self.new);
        for setting in &self.setting {
            let _ = writeln!(out, "  also different: {setting}");
        }
        for (style, name, cells) in [
            (BAD, "new", &self.new_findings),
            (GOOD, "fixed", &self.fixed),
            (WARN, "still failing", &self.still_failing),
            (DIM, "gone", &self.gone),
        ] {
            let mut groups: Vec<(&Change<'_>, Vec<&str>)> = Vec::new();
            // A good cell that is gone is one of many, as a rule: they are counted below.
            let told: Vec<&Change<'_>> = cells.iter().filter(|change| !change.is_good_and_gone()).collect();
            for change in told.iter().take(LISTED_MAX).copied() {
                match groups.iter_mut().find(|(known, _)| known.is_told_with(change)) {
                    Some((_, targets)) => targets.push(change.target),
                    None => groups.push((change, vec![change.target])),
                }
            }
            for (change, targets) in groups {
                let _ = writeln!(
                    out,
                    "\n{style}{name}{style:#}  {BOLD}{}::{}{BOLD:#}  on {}",
                    change.suite,
                    change.case,
                    targets.join(", ")
                );
                out.push_str(&change.lines());
            }
            if told.len() > LISTED_MAX {
                let _ = writeln!(out, "\n{DIM}… {} more, all in --json{DIM:#}", told.len() - LISTED_MAX);
            }
        }
        self.good_and_gone(&mut out);
        let _ = writeln!(
            out,
            "\n{} new · {} fixed · {} still failing · {} gone · {} added · {} good in both",
            self.new_findings.len(),
            self.fixed.len(),
            self.still_failing.len(),
            self.gone.len(),
            self.added,
            self.unchanged
        );
        for warning in &self.warnings {
            let _ = writeln!(out, "{WARN}{warning}{WARN:#}");
        }
        out
    }
}

impl Changes<'_> {
    /// Good cells that are gone, counted by reason.
    fn good_and_gone(&self, out: &mut String) {
        let mut by_reason: BTreeMap<&str, Vec<&Change<'_>>> = BTreeMap::new();
        for change in self.gone.iter().filter(|change| change.is_good_and_gone()) {
            by_reason.entry(change.why.unwrap_or_default()).or_default().push(change);
        }
        for (why, cells) in by_reason {
            let mut targets: Vec<&str> = cells.iter().map(|cell| cell.target).collect();
            targets.sort_unstable();
            targets.dedup();
            let what = match cells.as_slice() {
                [cell] => format!("{}::{}", cell.suite, cell.case),
                cells => words::count(cells.len(), "good cell"),
            };
            let _ = writeln!(out, "\n{DIM}gone{DIM:#}  {what}  on {}", targets.join(", "));
            out.push_str(&super::values::sentence("why", why));
        }
    }
}

fn change<'a>(place: Place<'a>, was: Option<Verdict>, cell: Option<&'a Cell>) -> Change<'a> {
    let (suite, case, target) = place;
    Change {
        suite,
        case,
        target,
        was,
        is: None,
        why: cell.and_then(|cell| cell.cause.as_deref()),
        repeat: cell.map(|cell| cell.repeat.as_str()),
    }
}

impl Change<'_> {
    fn is_good_and_gone(&self) -> bool {
        let weight = |verdict: Option<Verdict>| verdict.map(Verdict::weight);
        !matches!(weight(self.is), Some(Weight::Good | Weight::Finding))
            && weight(self.was) != Some(Weight::Finding)
    }

    fn is_told_with(&self, other: &Self) -> bool {
        (self.suite, self.case, self.was, self.is, self.why)
            == (other.suite, other.case, other.was, other.is, other.why)
    }

    fn lines(&self) -> String {
        let told = |verdict: Option<Verdict>| verdict.map_or("not there", Verdict::name);
        let mut text = match (self.was, self.is) {
            (was, is) if was == is => format!("  verdict {}\n", told(is)),
            (was, is) => format!("  verdict {}, before {}\n", told(is), told(was)),
        };
        if let Some(why) = self.why {
            text.push_str(&super::values::sentence("why", why));
        }
        let fails = self.is.is_some_and(|verdict| verdict.weight() == Weight::Finding);
        if let Some(repeat) = self.repeat.filter(|_| fails) {
            let _ = writeln!(text, "  repeat  {repeat}");
        }
        text
    }
}

/// What became of a cell that the newer run did not decide.
fn why_gone<'a>(
    (suite, case, target): Place<'a>,
    new: &'a Summary,
    undecided: &BTreeMap<Place<'a>, (Verdict, &'a str)>,
) -> (Option<Verdict>, &'a str) {
    let told = [case, "*"].into_iter().find_map(|case| undecided.get(&(suite, case, target)));
    if let Some((verdict, reason)) = told {
        return (Some(*verdict), reason);
    }
    let Some(run) = &new.run else { return (None, "the newer run does not say what it was about") };
    let why = if !run.suites.is_empty() && run.suites.iter().all(|known| known.name != suite) {
        "its suite was not asked for"
    } else if run.targets.iter().all(|known| known.target != target) {
        "its target was not asked for"
    } else if new.build_failures.iter().any(|(of, failure)| of == suite && failure.target == target) {
        "it does not build"
    } else if new.stage != Stage::Ended || new.interrupted {
        "the newer run did not come to it"
    } else {
        "it was not asked for, or is there no more"
    };
    (None, why)
}

fn name(summary: &Summary) -> &str {
    summary.run.as_ref().map_or("", |run| &run.run)
}

fn unfinished(summary: &Summary) -> Vec<String> {
    words::warnings(summary).into_iter().map(|warning| format!("{}: {warning}", name(summary))).collect()
}

/// What else is another one in the newer run: a change may be due to it.
fn setting(old: &Summary, new: &Summary) -> Vec<String> {
    let (Some(old), Some(new)) = (&old.run, &new.run) else { return Vec::new() };
    let rustc = |run: &RunStarted| run.rustc.clone().unwrap_or_else(|| "no rustc".to_owned());
    let mut told: Vec<String> = [
        ("host ", old.host.clone(), new.host.clone()),
        ("kernel ", old.kernel.clone(), new.kernel.clone()),
        ("triplecheck ", old.version.clone(), new.version.clone()),
        ("rules ", old.rules_version.to_string(), new.rules_version.to_string()),
        ("", rustc(old), rustc(new)),
    ]
    .into_iter()
    .filter(|(_, old, new)| old != new)
    .map(|(what, old, new)| format!("{what}{new}, before {old}"))
    .collect();
    let mut emulators: BTreeMap<(String, String), Vec<&str>> = BTreeMap::new();
    for info in &new.targets {
        let Some(before) = old.targets.iter().find(|before| before.target == info.target) else { continue };
        let (was, is) = (super::table::how(before), super::table::how(info));
        if was != is {
            emulators.entry((is, was)).or_default().push(&info.target);
        }
    }
    told.extend(
        emulators.into_iter().map(|((is, was), on)| format!("{is}, before {was}, on {}", on.join(", "))),
    );
    told
}
