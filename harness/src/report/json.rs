//! The JSON report: one object, schema 1. Fields are only ever added.

use serde::Serialize;

use super::Summary;
use crate::diagnose::{Class, Finding};
use crate::error::{Error, Result};
use crate::events::{Repeated, RuleCount, TargetInfo, Try, Unmatched};
use crate::verdict::Verdict;

#[derive(Serialize)]
struct Report<'a> {
    schema: u32,
    run: &'a str,
    host: &'a str,
    rustc: Option<&'a str>,
    targets: &'a [TargetInfo],
    cells: Vec<CellRow<'a>>,
    findings: Vec<Finding>,
    not_run: Vec<NotRunRow<'a>>,
    build_failures: Vec<BuildRow<'a>>,
    counts: std::collections::BTreeMap<&'static str, u64>,
    duration_ms: Option<u64>,
    interrupted: bool,
    unmatched: &'a [Unmatched],
    guests_started: Option<u64>,
    exit: u8,
}

#[derive(Serialize)]
struct CellRow<'a> {
    suite: &'a str,
    case: &'a str,
    target: &'a str,
    emulator: &'a str,
    verdict: Verdict,
    observed: Verdict,
    rules: &'a [RuleCount],
    cause: Option<&'a str>,
    known: &'a [String],
    expected: Option<&'a str>,
    issue: Option<&'a str>,
    cause_class: Option<Class>,
    duration_ms: u64,
    native_ms: u64,
    limit_ms: u64,
    tries: &'a [Try],
    repeated: Option<Repeated>,
    repeat: &'a str,
    unchanged: bool,
}

#[derive(Serialize)]
struct NotRunRow<'a> {
    suite: &'a str,
    case: &'a str,
    target: &'a str,
    verdict: Verdict,
    reason: &'a str,
    fix: Option<&'a str>,
    declared: bool,
}

#[derive(Serialize)]
struct BuildRow<'a> {
    suite: &'a str,
    target: &'a str,
    program: Option<&'a str>,
    text: &'a str,
}

/// The whole report as one JSON object with a line feed at its end.
pub fn render(summary: &Summary, require_all: bool) -> Result<String> {
    let run = summary.run.as_ref();
    let report = Report {
        schema: 1,
        run: run.map_or("", |run| &run.run),
        host: run.map_or("", |run| &run.host),
        rustc: run.and_then(|run| run.rustc.as_deref()),
        targets: run.map_or(&[], |run| &run.targets),
        cells: cells(summary),
        findings: summary.findings(),
        not_run: not_run(summary),
        build_failures: builds(summary),
        counts: summary.counts().into_iter().map(|(verdict, count)| (verdict.name(), count)).collect(),
        duration_ms: summary.duration_ms,
        interrupted: summary.interrupted,
        unmatched: &summary.unmatched,
        guests_started: summary.started,
        exit: summary.exit_code(require_all),
    };
    let mut text = serde_json::to_string(&report)
        .map_err(|error| Error::ours("cannot write the report as JSON").caused_by(error))?;
    text.push('\n');
    Ok(text)
}

fn cells(summary: &Summary) -> Vec<CellRow<'_>> {
    summary
        .cells
        .iter()
        .map(|cell| CellRow {
            suite: &cell.suite,
            case: &cell.case,
            target: &cell.target,
            emulator: &cell.emulator,
            verdict: cell.verdict,
            observed: cell.observed,
            rules: &cell.rules,
            cause: cell.cause.as_deref(),
            known: &cell.known,
            expected: cell.expected.as_deref(),
            issue: cell.issue.as_deref(),
            cause_class: cell.cause.as_deref().and_then(Class::of),
            duration_ms: cell.duration_ms,
            native_ms: cell.native_ms,
            limit_ms: cell.limit_ms,
            tries: &cell.tries,
            repeated: cell.repeated,
            repeat: &cell.repeat,
            unchanged: cell.unchanged,
        })
        .collect()
}

fn not_run(summary: &Summary) -> Vec<NotRunRow<'_>> {
    summary
        .not_run
        .iter()
        .map(|cell| NotRunRow {
            suite: &cell.suite,
            case: &cell.case,
            target: &cell.target,
            verdict: cell.verdict,
            reason: &cell.reason,
            fix: cell.fix.as_deref(),
            declared: cell.declared,
        })
        .collect()
}

fn builds(summary: &Summary) -> Vec<BuildRow<'_>> {
    summary
        .build_failures
        .iter()
        .map(|(suite, failure)| BuildRow {
            suite,
            target: &failure.target,
            program: failure.program.as_deref(),
            text: &failure.text,
        })
        .collect()
}
