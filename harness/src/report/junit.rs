//! JUnit XML, as Jenkins, GitLab and most others read it. Pure.
//!
//! One test suite for each suite and target. The target stands in the names of suite and class, because readers tell tests
//! apart by those alone: the same case on two targets would be one test to them. What is flaky or was tried again is told as
//! Maven's Surefire tells it. Nothing in it depends on when, where or in which order cells were decided: the same events
//! give the same file, merged or not.
//!
//! `tests/reports/junit.xsd` is the grammar that Jenkins' and Surefire's schemas have in common, and the tests hold this to
//! it. It has no properties of test cases; what a cell has to say of itself stands in its output.

use std::collections::HashMap;
use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestRerun, TestSuite};

use super::table::{self, Group};
use super::{Summary, words};
use crate::diagnose::{self, Finding};
use crate::error::{Error, Result};
use crate::events::{Cell, NotRun};
use crate::verdict::{Verdict, Weight};

/// The whole report.
pub(super) fn render(summary: &Summary) -> Result<String> {
    let mut report = Report::new("triplecheck");
    let findings = summary.findings();
    let by_cell = words::by_cell(&findings);
    for group in table::groups(summary) {
        report.add_test_suite(suite(&group, &by_cell));
    }
    if let Some(suite) = of_the_run(summary) {
        report.add_test_suite(suite);
    }
    let text = report
        .to_string()
        .map_err(|error| Error::ours("cannot write the report as JUnit XML").caused_by(error))?;
    // XML has no way to write these two, and quick-junit lets them pass.
    Ok(without_root_skipped(&text.replace(['\u{fffe}', '\u{ffff}'], "")))
}

/// The root's `skipped` is not in Jenkins' schema, and each suite has its own.
fn without_root_skipped(text: &str) -> String {
    let skipped = text.find("<testsuites ").and_then(|start| {
        let end = start + text[start..].find('>')?;
        let at = start + text[start..end].find(" skipped=\"")?;
        let length = text[at..end].match_indices('"').nth(1)?.0 + 1;
        Some(at..at + length)
    });
    let mut text = text.to_owned();
    if let Some(skipped) = skipped {
        text.replace_range(skipped, "");
    }
    text
}

fn suite(group: &Group<'_>, findings: &HashMap<&str, &Finding>) -> TestSuite {
    let mut suite = TestSuite::new(format!("{}::{}", group.target, group.suite));
    let (native_ms, target_ms) = group.times();
    suite.set_time(Duration::from_millis(target_ms));
    for (name, value) in properties(group, native_ms, target_ms) {
        suite.add_property(Property::new(name, value));
    }
    let class = format!("{}.{}", group.target, group.suite);
    for failure in &group.build_failures {
        let program = failure.program.as_deref().map_or(String::new(), |program| format!(" of {program}"));
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_type("build");
        status.set_message(first_line(&failure.text));
        status.set_description(failure.text.as_str());
        suite.add_test_case(case(&format!("(build{program})"), &class, 0, status));
    }
    for cell in &group.cells {
        suite.add_test_case(decided(cell, &class, findings));
    }
    for cell in &group.not_run {
        suite.add_test_case(skipped(cell, &class));
    }
    suite
}

/// What the suite and its target are, each name at most once.
fn properties(group: &Group<'_>, native_ms: u64, target_ms: u64) -> Vec<(String, String)> {
    let mut properties = vec![("target".to_owned(), group.target.to_owned())];
    let mut add = |name: &str, value: Option<String>| {
        properties.extend(value.map(|value| (name.to_owned(), value)));
    };
    let info = group.info;
    add("emulator", info.and_then(|info| info.emulator.clone()));
    add("emulator-version", info.and_then(|info| info.emulator_version.clone()));
    add("native-seconds", Some(format!("{}.{:03}", native_ms / 1000, native_ms % 1000)));
    add("slowdown", words::slowdown(native_ms, target_ms));
    for (verdict, count) in group.counts() {
        add(&format!("verdict.{verdict}"), Some(count.to_string()));
    }
    let mut rules = std::collections::BTreeMap::<&str, u64>::new();
    for rule in group.cells.iter().flat_map(|cell| &cell.rules) {
        *rules.entry(rule.rule.name()).or_default() += rule.count;
    }
    for (rule, count) in rules {
        add(&format!("rule.{rule}"), Some(count.to_string()));
    }
    properties
}

fn case(name: &str, class: &str, duration_ms: u64, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(name, status);
    case.set_classname(class);
    case.set_time(Duration::from_millis(duration_ms));
    case
}

fn decided(cell: &Cell, class: &str, findings: &HashMap<&str, &Finding>) -> TestCase {
    let message = words::without_thread_numbers(&words::reason(cell));
    let account = || account(cell, findings.get(words::cell_name(cell).as_str()).copied());
    let status = match (cell.verdict.weight(), kind(cell.verdict)) {
        (Weight::Good | Weight::Listed, _) => TestCaseStatus::success(),
        (Weight::Finding, None) => {
            let mut status = TestCaseStatus::success();
            status.add_reruns(tries(cell, NonSuccessKind::Failure));
            if cell.tries.is_empty() {
                status.add_rerun(rerun(NonSuccessKind::Failure, cell.verdict, &message, account()));
            }
            status
        }
        (Weight::Finding, Some(kind)) => {
            let mut status = TestCaseStatus::non_success(kind);
            status.set_type(cell.verdict.name());
            status.set_message(message);
            status.set_description(account());
            status.add_reruns(tries(cell, kind));
            status
        }
    };
    let mut case = case(&cell.case, class, cell.duration_ms, status);
    if cell.verdict != Verdict::Same {
        case.set_system_out(told(cell));
    }
    case
}

/// Whether a finding is a failure of the program's or of what runs it; `None` where it passes in the end.
fn kind(verdict: Verdict) -> Option<NonSuccessKind> {
    match verdict {
        Verdict::Flaky => None,
        Verdict::EmulatorFault | Verdict::Inconclusive => Some(NonSuccessKind::Error),
        Verdict::Same
        | Verdict::Equivalent
        | Verdict::Differs
        | Verdict::CrossFail
        | Verdict::FailsNatively
        | Verdict::Timeout
        | Verdict::Missing
        | Verdict::Extra
        | Verdict::NotRun
        | Verdict::Expected
        | Verdict::UnexpectedPass
        | Verdict::Expired => Some(NonSuccessKind::Failure),
    }
}

/// The tries before the last one that did not come out as they should.
fn tries(cell: &Cell, kind: NonSuccessKind) -> Vec<TestRerun> {
    let failed = cell.tries.iter().filter(|one| one.verdict.weight() == Weight::Finding);
    failed.map(|one| rerun(kind, one.verdict, &one.text, one.text.clone())).collect()
}

fn rerun(kind: NonSuccessKind, verdict: Verdict, message: &str, account: String) -> TestRerun {
    let mut rerun = TestRerun::new(kind);
    rerun.set_type(verdict.name());
    rerun.set_message(message);
    // Surefire's schema wants it, whatever language it is a trace of.
    rerun.set_stack_trace(account);
    rerun
}

/// Both values of every difference, and the command that repeats them.
fn account(cell: &Cell, finding: Option<&Finding>) -> String {
    let mut lines = Vec::new();
    lines.extend(cell.cause.as_ref().map(|cause| format!("cause   {cause}")));
    for difference in &cell.differences {
        lines.push(diagnose::place(difference));
        for (side, value) in [("native", &difference.native), ("target", &difference.target)] {
            let value = words::without_thread_numbers(value);
            for (number, line) in value.lines().enumerate() {
                lines.push(format!("  {:7} {line}", if number == 0 { side } else { "" }));
            }
        }
        if difference.more > 0 {
            lines.push(format!("  and {} more", difference.more));
        }
    }
    lines.extend(cell.expected.as_ref().map(|expected| format!("expected  {expected}")));
    lines.extend(cell.known.iter().map(|known| format!("known   {known}")));
    lines.extend(cell.issue.as_ref().map(|issue| format!("issue   {issue}")));
    let opinions = finding.map(words::second_opinion).unwrap_or_default();
    lines.extend(opinions.into_iter().map(|(name, opinion)| format!("{name:7} {opinion}")));
    lines.push(format!("repeat  {}", cell.repeat));
    lines.join("\n")
}

/// What a cell has to say of itself.
fn told(cell: &Cell) -> String {
    let mut lines = vec![format!("verdict   {}", cell.verdict)];
    lines.extend((cell.observed != cell.verdict).then(|| format!("observed  {}", cell.observed)));
    let rules: Vec<String> =
        cell.rules.iter().map(|rule| format!("{} ({})", rule.rule.name(), rule.count)).collect();
    lines.extend((!rules.is_empty()).then(|| format!("rules     {}", rules.join(", "))));
    lines.extend(cell.expected.as_ref().map(|expected| format!("expected  {expected}")));
    lines.extend(cell.repeated.map(|repeated| format!("repeated  {}", words::repeated(repeated))));
    let slowdown = words::slowdown(cell.native_ms, cell.duration_ms);
    let slowdown = slowdown.map_or(String::new(), |times| format!(", here {times} times as long"));
    lines.push(format!("natively  {}{slowdown}", words::seconds(cell.native_ms)));
    lines.extend((!cell.leaked.is_empty()).then(|| format!("left behind  {}", cell.leaked.join(", "))));
    lines.join("\n")
}

fn skipped(cell: &NotRun, class: &str) -> TestCase {
    let mut status = TestCaseStatus::skipped();
    // Surefire's schema has no type of what is skipped.
    status.set_message(format!("{}: {}", cell.verdict, cell.reason));
    if let Some(fix) = &cell.fix {
        status.set_description(format!("try: {fix}"));
    }
    let name = if cell.case == "*" { "(all)" } else { &cell.case };
    case(name, class, 0, status)
}

/// What is wrong with the run as a whole, so that half a run is not taken for a whole one, and with what it expects.
fn of_the_run(summary: &Summary) -> Option<TestSuite> {
    let unfinished = !summary.is_whole();
    if !unfinished && summary.unmatched.is_empty() {
        return None;
    }
    let mut suite = TestSuite::new("triplecheck");
    suite.set_time(Duration::ZERO);
    if unfinished {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_type("unfinished");
        status.set_message(words::warnings(summary).join("; "));
        suite.add_test_case(case("the run is whole", "triplecheck", 0, status));
    }
    for (index, entry) in summary.unmatched.iter().enumerate() {
        let mut status = TestCaseStatus::skipped();
        status.set_message(words::unmatched(entry));
        status
            .set_description(format!("expects {}", words::with_issue(&entry.reason, entry.issue.as_deref())));
        // Two entries may be about the same cells; names are unique.
        let name = format!("expectation {}: {} on {}", index + 1, entry.test, entry.target);
        suite.add_test_case(case(&name, "triplecheck", 0, status));
    }
    Some(suite)
}

fn first_line(text: &str) -> &str {
    text.lines().find(|line| !line.trim().is_empty()).unwrap_or("does not build").trim()
}
