//! From differing cells to findings: one cause is told once, with the targets on which it holds and the
//! smallest trait that separates them from those on which it does not. Pure.
//!
//! A cause comes from two runs, or from two values, and the two targets ([`cause_of_runs`]); where the values say
//! nothing, the trait may ([`Finding::class`]); where two traits separate alike, one more target would decide
//! ([`Finding::decide`]).

mod abi;
mod cause;
mod panics;
mod runs;
mod tokens;
mod traits;
mod values;

use std::collections::HashMap;

use serde::Serialize;
use triplecheck_emulators::target::Target;

use crate::compare::Difference;
use crate::events::{Bundled, Cell, Confirmed};
use crate::observation::Observation;
use crate::verdict::{Verdict, Weight};

pub use cause::{Cause, Class};
pub use traits::Decide;
use traits::Separation;

/// All cells with one cause.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Finding {
    /// The verdict of each of its cells.
    pub verdict: Verdict,
    /// One sentence on why, where something is known.
    pub cause: Option<String>,
    /// The class of its cause, told by its values or else by the trait that separates its targets.
    pub class: Option<Class>,
    /// What the failing targets have in common and no passing one has.
    #[serde(rename = "trait")]
    pub trait_: Option<String>,
    /// The one more target that would tell two such traits apart.
    pub decide: Option<Decide>,
    /// What another emulator said of its cells, where one was asked.
    pub confirmed: Option<Confirmation>,
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
    /// The bundles that were kept of its cells.
    pub bundles: Vec<std::path::PathBuf>,
    /// What is known of the emulator that may be behind it.
    pub known: Vec<String>,
    /// The first of its cases.
    pub case: String,
    /// All its cases, `suite::case`.
    pub cases: Vec<String>,
    /// The targets of its cells.
    pub targets: Vec<String>,
}

/// What a second emulator said of a finding's cells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Confirmation {
    /// The emulator that was asked.
    pub emulator: String,
    /// On how many cells it shows the same: the program is at fault.
    pub agrees: usize,
    /// On how many it shows something else: one of the emulators is suspected.
    pub disagrees: usize,
    /// On how many of these it shows what native shows: the first emulator is at fault.
    pub as_native: usize,
    /// The kind of the first emulator.
    pub first: String,
    /// What it showed on the first of those, or why it could not be asked.
    pub shown: Option<String>,
}

/// What was asked and kept after the run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Afterwards<'a> {
    /// What another emulator said.
    pub confirmed: &'a [Confirmed],
    /// The bundles.
    pub bundled: &'a [Bundled],
}

/// One run and its target.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// What it showed.
    pub observation: &'a Observation,
    /// What it was built for.
    pub target: &'a Target,
}

/// Why `target` may differ from `native` in `differences`, from the whole of both runs.
pub fn cause_of_runs(native: &Run<'_>, target: &Run<'_>, differences: &[Difference]) -> Option<Cause> {
    // Ends that count as equal are explained by the rule that made them so.
    if differences.is_empty() { None } else { runs::cause(native, target, differences) }
}

/// Why a test that passes on `native` may fail on `target`, from what it printed there.
pub fn cause_of_failure(text: &str, native: &Target, target: &Target) -> Option<Cause> {
    panics::cause(text, &values::Sides::of(native, target))
}

/// The cause of a death by an instruction that is known by name.
pub(crate) fn lacking_instruction(sentence: String) -> String {
    Cause::new(Class::CpuFeature, sentence).to_string()
}

/// The cause of a failure of what only a kernel does.
pub(crate) fn lacking_kernel(sentence: String) -> String {
    Cause::new(Class::Kernel, sentence).to_string()
}

/// The cause of a failure to start programs of the target where these have no emulator, with the reason for that.
pub(crate) fn childless(why: &str) -> String {
    let sentence = format!(
        "what the program starts itself finds no emulator here ({why}): allow user namespaces, or run it in a guest \
         system (`--emulator vm`)"
    );
    Cause::new(Class::Children, sentence).to_string()
}

/// Groups the findings among `cells`: by cause and trait over all cases, and by case where no cause is known. `here`
/// are the targets that can be run on this host.
pub fn findings(cells: &[Cell], afterwards: &Afterwards<'_>, here: &[String]) -> Vec<Finding> {
    let mut all = ByCase::new();
    for cell in cells {
        all.entry((&cell.suite, &cell.case)).or_default().push(cell);
    }
    let mut groups: Vec<Group<'_>> = Vec::new();
    for group in by_case(cells, &all) {
        match groups.iter_mut().find(|known| known.is_same_cause(&group)) {
            Some(known) => known.cells.extend(group.cells),
            None => groups.push(group),
        }
    }
    groups.iter().map(|group| group.finding(&all, afterwards, here)).collect()
}

/// The cells of each suite's case: a report with ten thousand cells asks for a case's own hundreds of times.
type ByCase<'a> = HashMap<(&'a str, &'a str), Vec<&'a Cell>>;

/// Cells that are told together.
struct Group<'a> {
    verdict: Verdict,
    cause: Option<&'a str>,
    separation: Option<Separation>,
    cells: Vec<&'a Cell>,
}

/// The findings of each case, by verdict and cause, in the order in which they were found.
fn by_case<'a>(cells: &'a [Cell], all: &ByCase<'a>) -> Vec<Group<'a>> {
    let mut groups: HashMap<(&str, &str, Verdict, Option<&str>), Vec<&Cell>> = HashMap::new();
    let mut order = Vec::new();
    for cell in cells.iter().filter(|cell| cell.verdict.weight() == Weight::Finding) {
        let key = (cell.suite.as_str(), cell.case.as_str(), cell.verdict, cell.cause.as_deref());
        let group = groups.entry(key).or_default();
        if group.is_empty() {
            order.push(key);
        }
        group.push(cell);
    }
    let group = |key: &(&str, &str, Verdict, Option<&'_ str>)| groups.get(key).cloned().unwrap_or_default();
    let told = order.iter().map(|key| {
        let (verdict, cause, cells_of) = (key.2, key.3, group(key));
        let failing = targets(&cells_of);
        let separation = traits::separating(&failing, &passing(cells_of[0], &failing, all));
        Group { verdict, cause, separation, cells: cells_of }
    });
    told.collect()
}

/// The targets on which the case of `cell` is as it should be by itself.
fn passing<'a>(cell: &Cell, failing: &[&str], all: &ByCase<'a>) -> Vec<&'a str> {
    let same = all.get(&(cell.suite.as_str(), cell.case.as_str()));
    same.into_iter()
        .flatten()
        .filter(|other| other.observed.weight() == Weight::Good)
        .map(|other| other.target.as_str())
        .filter(|target| !failing.contains(target))
        .collect()
}

/// The targets of `cells`, each once.
fn targets<'a>(cells: &[&'a Cell]) -> Vec<&'a str> {
    let mut targets: Vec<&str> = Vec::new();
    for cell in cells {
        if !targets.contains(&cell.target.as_str()) {
            targets.push(&cell.target);
        }
    }
    targets
}

impl Group<'_> {
    /// Whether both have one cause, told and not merely unknown, and are separated by the same trait.
    fn is_same_cause(&self, other: &Self) -> bool {
        let names = |group: &Self| group.separation.as_ref().map(|separation| separation.names.clone());
        self.cause.is_some()
            && self.cause.and_then(Class::of).is_some()
            && (self.verdict, self.cause) == (other.verdict, other.cause)
            && names(self) == names(other)
    }

    fn finding(&self, all: &ByCase<'_>, afterwards: &Afterwards<'_>, here: &[String]) -> Finding {
        let first = self.cells[0];
        let difference = first.differences.first();
        let targets = targets(&self.cells);
        let told = self.cause.and_then(Class::of);
        let decide = match told {
            Some(_) => None,
            None => traits::deciding(&targets, &passing(first, &targets, all), here),
        };
        let mut cases: Vec<String> = self.cells.iter().map(|cell| case_name(cell)).collect();
        cases.dedup();
        Finding {
            verdict: self.verdict,
            cause: self.cause.map(ToOwned::to_owned),
            class: told.or_else(|| self.separation.as_ref().and_then(|separation| separation.class)),
            trait_: self.separation.as_ref().map(Separation::sentence),
            decide,
            confirmed: confirmation(&self.cells, afterwards.confirmed),
            cells: self.cells.iter().map(|cell| format!("{} on {}", case_name(cell), cell.target)).collect(),
            native: difference.map(|difference| difference.native.clone()),
            target_value: difference.map(|difference| difference.target.clone()),
            place: difference.map(place),
            tries: tries(first),
            difference: difference.cloned(),
            repeat: first.repeat.clone(),
            kept: first.kept.clone(),
            expected: first.expected.clone(),
            issue: first.issue.clone(),
            bundles: bundles(&self.cells, afterwards.bundled),
            known: first.known.clone(),
            case: case_name(first),
            cases,
            targets: targets.into_iter().map(ToOwned::to_owned).collect(),
        }
    }
}

/// Whether `cells` has the one of this name.
fn has(cells: &[&Cell], place: (&String, &String, &String)) -> bool {
    cells.iter().any(|cell| (&cell.suite, &cell.case, &cell.target) == place)
}

/// The bundles of `cells`.
fn bundles(cells: &[&Cell], bundled: &[Bundled]) -> Vec<std::path::PathBuf> {
    let ours = bundled.iter().filter(|one| has(cells, (&one.suite, &one.case, &one.target)));
    ours.map(|one| one.file.clone()).collect()
}

/// What was said of `cells` by the emulator that was asked.
fn confirmation(cells: &[&Cell], confirmed: &[Confirmed]) -> Option<Confirmation> {
    let about = |answer: &&Confirmed| has(cells, (&answer.suite, &answer.case, &answer.target));
    let answers: Vec<&Confirmed> = confirmed.iter().filter(about).collect();
    let first = answers.first()?;
    let count = |agrees: bool| answers.iter().filter(|answer| answer.agrees == Some(agrees)).count();
    let dissent = answers.iter().find(|answer| answer.agrees != Some(true));
    Some(Confirmation {
        emulator: first.emulator.clone(),
        agrees: count(true),
        disagrees: count(false),
        as_native: answers.iter().filter(|answer| answer.agrees == Some(false) && answer.as_native).count(),
        first: cells[0].emulator.clone(),
        shown: dissent.map(|answer| answer.shown.clone()),
    })
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

#[cfg(test)]
mod tests;
