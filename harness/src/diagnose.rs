//! From differing cells to findings: one cause is told once, with the targets on which it holds and the
//! smallest trait that separates them from those on which it does not. Pure.

mod traits;
mod values;

use std::collections::BTreeMap;

use serde::Serialize;
use triplecheck_emulators::target::Target;

use crate::compare::Difference;
use crate::events::Cell;
use crate::verdict::{Verdict, Weight};

/// All cells with one cause.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Finding {
    /// The verdict of each of its cells.
    pub verdict: Verdict,
    /// One sentence on why, where something is known.
    pub cause: Option<String>,
    /// What the failing targets have in common and no passing one has.
    #[serde(rename = "trait")]
    pub trait_: Option<String>,
    /// `suite::case on target`.
    pub cells: Vec<String>,
    /// What native showed at the first difference.
    pub native: Option<String>,
    /// What the target showed there.
    pub target_value: Option<String>,
    /// Where that is: `stdout line 3`.
    pub place: Option<String>,
    /// What the runs of the first of its cells came to, where there was more than one.
    pub tries: Option<String>,
    /// The first difference itself.
    #[serde(skip)]
    pub difference: Option<Difference>,
    /// The command that repeats the first of its cells.
    pub repeat: String,
    /// Where the outputs of the first of its cells are kept.
    pub kept: Option<std::path::PathBuf>,
    /// The reason of the expectation that was not met or has expired.
    pub expected: Option<String>,
    /// Where that is tracked.
    pub issue: Option<String>,
    /// What is known of the emulator that may be behind it.
    pub known: Vec<String>,
    /// The case all cells belong to.
    pub case: String,
    /// The targets of its cells.
    pub targets: Vec<String>,
}

/// One sentence on why `difference` may be, from its two values and the facts of the two targets.
pub fn cause_of(difference: &Difference, native: &Target, target: &Target) -> Option<String> {
    values::cause(&difference.native, &difference.target, native, target)
}

/// Groups the findings among `cells`.
pub fn findings(cells: &[Cell]) -> Vec<Finding> {
    let mut groups: BTreeMap<(String, Verdict, Option<String>), Vec<&Cell>> = BTreeMap::new();
    let mut order = Vec::new();
    for cell in cells.iter().filter(|cell| cell.verdict.weight() == Weight::Finding) {
        let key = (case_name(cell), cell.verdict, cell.cause.clone());
        let group = groups.entry(key.clone()).or_default();
        if group.is_empty() {
            order.push(key);
        }
        group.push(cell);
    }
    order.iter().filter_map(|key| Some(finding(key, groups.get(key)?, cells))).collect()
}

fn finding(key: &(String, Verdict, Option<String>), group: &[&Cell], all: &[Cell]) -> Finding {
    let (name, verdict, cause) = key;
    let first = group[0];
    let difference = first.differences.first();
    let targets: Vec<String> = group.iter().map(|cell| cell.target.clone()).collect();
    let rest: Vec<&str> = all
        .iter()
        .filter(|cell| case_name(cell) == *name && !targets.contains(&cell.target))
        .filter(|cell| cell.observed.weight() == Weight::Good)
        .map(|cell| cell.target.as_str())
        .collect();
    Finding {
        verdict: *verdict,
        cause: cause.clone(),
        trait_: traits::separating(&targets, &rest),
        cells: group.iter().map(|cell| format!("{} on {}", case_name(cell), cell.target)).collect(),
        native: difference.map(|difference| difference.native.clone()),
        target_value: difference.map(|difference| difference.target.clone()),
        place: difference.map(place),
        tries: tries(first),
        difference: difference.cloned(),
        repeat: first.repeat.clone(),
        kept: first.kept.clone(),
        expected: first.expected.clone(),
        issue: first.issue.clone(),
        known: first.known.clone(),
        case: name.clone(),
        targets,
    }
}

/// `cross-fail, timeout, then as native`; `3 of 20 runs did not come out as native`.
fn tries(cell: &Cell) -> Option<String> {
    if let Some(all) = cell.repeated.filter(|all| all.runs > 1) {
        return Some(format!("{} of {} runs did not come out as native", all.findings, all.runs));
    }
    if cell.tries.is_empty() {
        return None;
    }
    let earlier: Vec<&str> = cell.tries.iter().map(|one| one.verdict.name()).collect();
    let last = if cell.observed == Verdict::Flaky { "then as native" } else { cell.observed.name() };
    Some(format!("{}, {last}", earlier.join(", ")))
}

fn case_name(cell: &Cell) -> String {
    format!("{}::{}", cell.suite, cell.case)
}

/// `stdout line 3`, `stdout line 1, byte 700001`, `file out.bin offset 16`, `status`.
pub fn place(difference: &Difference) -> String {
    let place = &difference.place;
    match (difference.at, difference.column) {
        (at, _) if is_binary(difference) => format!("{place} offset {at}"),
        (0, _) => place.clone(),
        (at, None) => format!("{place} line {at}"),
        (at, Some(column)) => format!("{place} line {at}, byte {column}"),
    }
}

/// Whether the difference is one of bytes, and not of lines.
pub fn is_binary(difference: &Difference) -> bool {
    difference.native.ends_with(" bytes)")
}
