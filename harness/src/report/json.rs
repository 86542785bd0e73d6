//! The JSON report: one object, schema 1, which `harness/schema/report.json` describes. Fields are only ever added.

use serde::Serialize;

use super::{Stage, Summary};
use crate::diagnose::{Class, Finding};
use crate::error::{Error, Result};
use crate::events::{Repeated, RuleCount, TargetInfo, Try, Unmatched};
use crate::shard::Shard;
use crate::verdict::Verdict;

/// What a run came to.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Report<'a> {
    /// The version of this format.
    schema: u32,
    /// The run's name.
    run: &'a str,
    /// The host's triple.
    host: &'a str,
    /// The rustc that built both sides, if any did.
    rustc: Option<&'a str>,
    /// The targets in the order in which they were asked for.
    targets: &'a [TargetInfo],
    /// Which part of the cases this run decided; `null` for all of them.
    shard: Option<Shard>,
    /// The runs that were merged into this one.
    merged: &'a [String],
    /// What is missing in a merged run, one sentence each.
    incomplete: &'a [String],
    /// Decided cells, in the order in which they were decided.
    cells: Vec<CellRow<'a>>,
    /// The findings, each with all cells that have its cause.
    findings: Vec<Finding>,
    /// Cells that did not run, or exist on one side only.
    not_run: Vec<NotRunRow<'a>>,
    /// Builds that failed.
    build_failures: Vec<BuildRow<'a>>,
    /// How many cells have each verdict; verdicts without a cell are left out.
    counts: std::collections::BTreeMap<&'static str, u64>,
    /// How long the run took, `null` where it has not come to its end.
    duration_ms: Option<u64>,
    /// Whether the user interrupted it.
    interrupted: bool,
    /// Expectations of the manifest that met no cell.
    unmatched: &'a [Unmatched],
    /// How many guests were started, `null` where the run has not come to its end.
    guests_started: Option<u64>,
    /// Whether the run came to its end.
    stage: Stage,
    /// How many lines of its events could not be read.
    unreadable_lines: u64,
    /// The exit status of `run`, `null` where it has not come to its end.
    exit: Option<u8>,
}

/// A decided cell.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct CellRow<'a> {
    suite: &'a str,
    case: &'a str,
    target: &'a str,
    emulator: &'a str,
    /// What it amounts to, expectations applied.
    verdict: Verdict,
    /// What it amounts to by itself.
    observed: Verdict,
    /// The rules by which it counts as equal.
    rules: &'a [RuleCount],
    cause: Option<&'a str>,
    known: &'a [String],
    expected: Option<&'a str>,
    issue: Option<&'a str>,
    cause_class: Option<Class>,
    duration_ms: u64,
    native_ms: u64,
    /// The deadline of the run that counts.
    limit_ms: u64,
    /// Earlier runs of it, where it was run more than once.
    tries: &'a [Try],
    /// What the runs of a stress run came to.
    repeated: Option<Repeated>,
    /// The command that repeats it.
    repeat: &'a str,
    /// Whether it was found by an earlier run, since which nothing that it depends on has changed.
    unchanged: bool,
}

/// A cell that did not run.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct NotRunRow<'a> {
    suite: &'a str,
    /// `*` for all of the suite.
    case: &'a str,
    target: &'a str,
    verdict: Verdict,
    reason: &'a str,
    /// The command that would make it run, where one would.
    fix: Option<&'a str>,
    /// Whether the manifest or the test itself leaves it out.
    declared: bool,
}

/// A build that failed.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
        shard: run.and_then(|run| run.shard),
        merged: run.map_or(&[], |run| &run.merged),
        incomplete: run.map_or(&[], |run| &run.incomplete),
        cells: cells(summary),
        findings: summary.findings(),
        not_run: not_run(summary),
        build_failures: builds(summary),
        counts: summary.counts().into_iter().map(|(verdict, count)| (verdict.name(), count)).collect(),
        duration_ms: summary.duration_ms,
        interrupted: summary.interrupted,
        unmatched: &summary.unmatched,
        guests_started: summary.started,
        stage: summary.stage,
        unreadable_lines: summary.unreadable_lines,
        exit: (summary.stage == Stage::Ended).then(|| summary.exit_code(require_all)),
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
