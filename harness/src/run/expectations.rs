//! Expectations of the manifest that met no cell: a renamed test or a mistyped pattern would otherwise stay for ever. Pure.

use triplecheck_emulators::target::Target;

use crate::events::Unmatched;
use crate::pattern::TargetPattern;
use crate::plan::{Expectation, Plan};
use crate::report::Summary;

/// The expectations that hold for nothing in this run, of those for which there should have been something: their whole
/// suite was selected, and one of their targets.
pub(super) fn unmatched(plan: &Plan, summary: &Summary) -> Vec<Unmatched> {
    let is_idle =
        |entry: &&Expectation| is_selected(plan, entry) && !is_met(&entry.test, &entry.target, summary);
    plan.expectations
        .iter()
        .filter(is_idle)
        .map(|entry| Unmatched {
            test: entry.test.clone(),
            target: entry.target_text.clone(),
            reason: entry.reason.clone(),
            issue: entry.issue.clone(),
        })
        .collect()
}

/// Whether an entry that met nothing in one part of a run meets nothing in all of it either.
pub(crate) fn is_still_unmatched(entry: &Unmatched, summary: &Summary) -> bool {
    TargetPattern::parse(&entry.target).map_or(true, |on| !is_met(&entry.test, &on, summary))
}

fn is_selected(plan: &Plan, entry: &Expectation) -> bool {
    let of_suite = |suite: &String| entry.test.starts_with(&format!("{suite}::"));
    let whole_suite = plan.filters.is_empty()
        || plan.suites.iter().any(|suite| of_suite(&suite.name) && plan.filters.contains(&suite.name));
    let on_target = plan.targets.iter().any(|planned| entry.target.matches(&planned.target));
    whole_suite && (on_target || plan.all_targets)
}

/// Whether a cell is meant by the entry. Of a suite that did not run at all nobody knows the cases.
fn is_met(test: &str, on: &TargetPattern, summary: &Summary) -> bool {
    let means = |suite: &str, case: &str, target: &str| {
        let named = crate::pattern::glob(test, &format!("{suite}::{case}"))
            || (case == "*" && test.starts_with(&format!("{suite}::")));
        named && Target::parse(target).is_ok_and(|target| on.matches(&target))
    };
    let failed_build =
        summary.build_failures.iter().any(|(suite, failure)| means(suite, "*", &failure.target));
    failed_build
        || summary.cells.iter().any(|cell| means(&cell.suite, &cell.case, &cell.target))
        || summary.not_run.iter().any(|cell| means(&cell.suite, &cell.case, &cell.target))
}
