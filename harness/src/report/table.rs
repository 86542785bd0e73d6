//! The cells of a run by suite and target, in an order that does not depend on which was decided first. Pure.

use std::collections::{BTreeMap, HashMap};

use super::Summary;
use crate::events::{BuildFailure, Cell, NotRun, TargetInfo};
use crate::verdict::{Verdict, Weight};

/// Everything of one suite on one target.
#[derive(Debug)]
pub(super) struct Group<'a> {
    pub(super) suite: &'a str,
    pub(super) target: &'a str,
    /// What the run says of the target; `None` for the host, where a native build failed.
    pub(super) info: Option<&'a TargetInfo>,
    /// By name.
    pub(super) cells: Vec<&'a Cell>,
    /// By name.
    pub(super) not_run: Vec<&'a NotRun>,
    pub(super) build_failures: Vec<&'a BuildFailure>,
}

impl Group<'_> {
    /// How many cells have each verdict.
    pub(super) fn counts(&self) -> BTreeMap<Verdict, u64> {
        let mut counts = BTreeMap::new();
        let verdicts = self.cells.iter().map(|cell| cell.verdict);
        for verdict in verdicts.chain(self.not_run.iter().map(|cell| cell.verdict)) {
            *counts.entry(verdict).or_default() += 1;
        }
        counts
    }

    /// How many cells count this way.
    pub(super) fn weighing(&self, weight: Weight) -> u64 {
        self.counts()
            .into_iter()
            .filter(|(verdict, _)| verdict.weight() == weight)
            .map(|(_, count)| count)
            .sum()
    }

    /// How long all cells took natively and on the target, in milliseconds.
    pub(super) fn times(&self) -> (u64, u64) {
        let sum = |of: fn(&Cell) -> u64| self.cells.iter().map(|cell| of(cell)).sum();
        (sum(|cell| cell.native_ms), sum(|cell| cell.duration_ms))
    }
}

/// All groups that have something in them: suites in the order of the manifest, within them targets in that of the run.
pub(super) fn groups(summary: &Summary) -> Vec<Group<'_>> {
    let (suites, targets) = (suites(summary), targets(summary));
    let infos: HashMap<&str, &TargetInfo> =
        summary.run.iter().flat_map(|run| &run.targets).map(|info| (info.target.as_str(), info)).collect();
    let position: HashMap<(&str, &str), usize> = suites
        .iter()
        .flat_map(|suite| targets.iter().map(move |target| (*suite, *target)))
        .enumerate()
        .map(|(index, place)| (place, index))
        .collect();
    let mut groups: Vec<Group<'_>> = suites
        .iter()
        .flat_map(|suite| targets.iter().map(move |target| (*suite, *target)))
        .map(|(suite, target)| Group {
            suite,
            target,
            info: infos.get(target).copied(),
            cells: Vec::new(),
            not_run: Vec::new(),
            build_failures: Vec::new(),
        })
        .collect();
    for cell in &summary.cells {
        groups[position[&(cell.suite.as_str(), cell.target.as_str())]].cells.push(cell);
    }
    for cell in &summary.not_run {
        groups[position[&(cell.suite.as_str(), cell.target.as_str())]].not_run.push(cell);
    }
    for (suite, failure) in &summary.build_failures {
        groups[position[&(suite.as_str(), failure.target.as_str())]].build_failures.push(failure);
    }
    for group in &mut groups {
        group.cells.sort_by_key(|cell| cell.case.as_str());
        group.not_run.sort_by_key(|cell| (cell.case.as_str(), cell.verdict, cell.reason.as_str()));
        group.build_failures.sort_by_key(|failure| (failure.program.as_deref(), failure.text.as_str()));
    }
    groups.retain(|group| {
        !(group.cells.is_empty() && group.not_run.is_empty() && group.build_failures.is_empty())
    });
    groups
}

/// The names of all suites of which something is known: those of the run first, others by name.
pub(super) fn suites(summary: &Summary) -> Vec<&str> {
    let known = summary.run.iter().flat_map(|run| &run.suites).map(|suite| suite.name.as_str());
    let cells = summary.cells.iter().map(|cell| cell.suite.as_str());
    let not_run = summary.not_run.iter().map(|cell| cell.suite.as_str());
    let builds = summary.build_failures.iter().map(|(suite, _)| suite.as_str());
    let seen: std::collections::BTreeSet<&str> = cells.chain(not_run).chain(builds).collect();
    let mut names: Vec<&str> = known.filter(|name| seen.contains(name)).collect();
    let others: Vec<&str> = seen.into_iter().filter(|name| !names.contains(name)).collect();
    names.extend(others);
    names
}

/// The names of all targets of which something is known: those of the run first, others by name.
pub(super) fn targets(summary: &Summary) -> Vec<&str> {
    let mut names: Vec<&str> =
        summary.run.iter().flat_map(|run| &run.targets).map(|info| info.target.as_str()).collect();
    let cells = summary.cells.iter().map(|cell| cell.target.as_str());
    let not_run = summary.not_run.iter().map(|cell| cell.target.as_str());
    let builds = summary.build_failures.iter().map(|(_, failure)| failure.target.as_str());
    let seen: std::collections::BTreeSet<&str> = cells.chain(not_run).chain(builds).collect();
    let others: Vec<&str> = seen.into_iter().filter(|name| !names.contains(name)).collect();
    names.extend(others);
    names
}

/// How a target is run: `qemu-user 7.2.22`, or why it is not.
pub(super) fn how(info: &TargetInfo) -> String {
    let usual = match (&info.reason, &info.emulator, &info.emulator_version) {
        (Some(reason), ..) => format!("cannot run here: {reason}"),
        (None, Some(kind), Some(version)) => format!("{kind} {version}"),
        (None, Some(kind), None) => kind.clone(),
        (None, None, _) => String::new(),
    };
    let kernel = info.kernel.iter().map(|kernel| format!("{kernel} for what needs a kernel"));
    let ways = std::iter::once(usual).filter(|usual| !usual.is_empty()).chain(kernel);
    ways.collect::<Vec<_>>().join("; ")
}
