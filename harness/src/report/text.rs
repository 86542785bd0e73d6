//! The terminal report: a grid of cases × targets, the findings with both values, what did not run and how it
//! could, and the counts. Readable without colour; width is the reader's, so columns are numbered targets.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

pub use super::words::seconds;
use super::{Stage, Summary, durations, table, words};
use crate::diagnose::Finding;
use crate::events::{Cell, NotRun, TargetInfo, Unmatched};
use crate::verdict::Verdict;

/// Suites with more cases than this show only the rows in which something is to be seen.
const ROWS_SHOWN_MAX: usize = 60;
/// The most lines of one compiler message that are shown; the whole is in the events.
const BUILD_LINES_MAX: usize = 40;

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(super) const WARN: Style = AnsiColor::Yellow.on_default();

/// The whole report. `durations` is how many of the slowest cells are listed; those that were slow where it is `None`.
pub fn render(summary: &Summary, durations: Option<usize>) -> String {
    let mut out = String::new();
    let targets = summary.run.as_ref().map_or(&[][..], |run| &run.targets);
    legend(&mut out, targets);
    for suite in suites(summary) {
        grid(&mut out, &suite, targets, summary);
    }
    if !summary.cells.is_empty() {
        let _ = writeln!(out, "\n{DIM}{}{DIM:#}", symbol_legend(summary));
    }
    builds(&mut out, summary);
    let findings = summary.findings();
    for finding in &findings {
        self::finding(&mut out, finding);
    }
    not_run(&mut out, &summary.not_run);
    unmatched(&mut out, &summary.unmatched);
    out.push_str(&durations::table(&summary.cells, durations));
    counts(&mut out, summary, findings.len());
    out
}

/// One character per verdict.
pub(super) fn symbol(verdict: Verdict) -> (char, Style) {
    match verdict {
        Verdict::Same => ('=', GOOD),
        Verdict::Equivalent => ('≈', GOOD),
        Verdict::Expected => ('x', WARN),
        Verdict::Differs => ('≠', BAD),
        Verdict::CrossFail => ('F', BAD),
        Verdict::FailsNatively => ('N', BAD),
        Verdict::Timeout => ('T', BAD),
        Verdict::EmulatorFault => ('E', BAD),
        Verdict::Inconclusive => ('?', BAD),
        Verdict::Flaky => ('~', BAD),
        Verdict::UnexpectedPass => ('P', BAD),
        Verdict::Expired => ('D', BAD),
        Verdict::Missing => ('-', DIM),
        Verdict::Extra => ('+', DIM),
        Verdict::NotRun => ('·', DIM),
    }
}

fn symbol_legend(summary: &Summary) -> String {
    let counts = summary.counts();
    let shown = Verdict::ALL.into_iter().filter(|verdict| counts.contains_key(verdict));
    shown.map(|verdict| format!("{} {verdict}", symbol(verdict).0)).collect::<Vec<_>>().join("   ")
}

fn legend(out: &mut String, targets: &[TargetInfo]) {
    let width = targets.iter().map(|target| target.target.len()).max().unwrap_or(0);
    for (number, target) in targets.iter().enumerate() {
        let how = table::how(target);
        let _ = writeln!(out, "{:>3}  {:width$}  {DIM}{how}{DIM:#}", number + 1, target.target);
    }
}

fn suites(summary: &Summary) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for cell in &summary.cells {
        if !names.contains(&cell.suite) {
            names.push(cell.suite.clone());
        }
    }
    names
}

fn grid(out: &mut String, suite: &str, targets: &[TargetInfo], summary: &Summary) {
    let mut rows: BTreeMap<&str, BTreeMap<&str, Verdict>> = BTreeMap::new();
    for cell in summary.cells.iter().filter(|cell| cell.suite == suite) {
        rows.entry(&cell.case).or_default().insert(&cell.target, cell.verdict);
    }
    for cell in summary.not_run.iter().filter(|cell| cell.suite == suite && cell.case != "*") {
        rows.entry(&cell.case).or_default().entry(&cell.target).or_insert(cell.verdict);
    }
    let plain = |verdict: &Verdict| matches!(verdict, Verdict::Same | Verdict::Equivalent);
    let interesting = |row: &BTreeMap<&str, Verdict>| !row.values().all(plain);
    let all = rows.len();
    let quiet = all > ROWS_SHOWN_MAX;
    let shown: Vec<_> = rows.iter().filter(|(_, row)| !quiet || interesting(row)).collect();
    let width = shown.iter().map(|(case, _)| case.chars().count()).max().unwrap_or(0).clamp(suite.len(), 60);
    let numbers: String = (1..=targets.len()).map(|number| format!("{number:>3}")).collect();
    let _ = writeln!(out, "\n{BOLD}{suite:width$}{BOLD:#}  {DIM}{numbers}{DIM:#}");
    for (case, row) in &shown {
        let _ = write!(out, "{:width$}  ", shorten(case, width));
        for target in targets {
            match row.get(target.target.as_str()) {
                Some(verdict) => {
                    let (symbol, style) = symbol(*verdict);
                    let _ = write!(out, "  {style}{symbol}{style:#}");
                }
                None => out.push_str("   "),
            }
        }
        out.push('\n');
    }
    if shown.len() < all {
        let _ = writeln!(out, "{DIM}{} more cases, equal on every target{DIM:#}", all - shown.len());
    }
}

/// Keeps the end of a long name, which is the part that tells tests apart.
fn shorten(name: &str, width: usize) -> String {
    let count = name.chars().count();
    if count <= width {
        return name.to_owned();
    }
    let kept: String = name.chars().skip(count + 1 - width).collect();
    format!("…{kept}")
}

fn builds(out: &mut String, summary: &Summary) {
    let mut by_text: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (suite, failure) in &summary.build_failures {
        let what = failure.program.as_ref().map_or(suite.clone(), |program| format!("{suite}::{program}"));
        by_text.entry(&failure.text).or_default().push(format!("{what} for {}", failure.target));
    }
    for (text, whats) in by_text {
        let _ = writeln!(out, "\n{BAD}does not build{BAD:#}  {}", whats.join(", "));
        for line in text.lines().take(BUILD_LINES_MAX) {
            let _ = writeln!(out, "  {line}");
        }
        let rest = text.lines().count().saturating_sub(BUILD_LINES_MAX);
        if rest > 0 {
            let _ = writeln!(out, "  {DIM}… {rest} more lines{DIM:#}");
        }
    }
}

fn finding(out: &mut String, finding: &Finding) {
    let (_, style) = symbol(finding.verdict);
    let more = match finding.cases.len() - 1 {
        0 => String::new(),
        1 => " and 1 more case".to_owned(),
        more => format!(" and {more} more cases"),
    };
    let _ = writeln!(
        out,
        "\n{style}{}{style:#}  {BOLD}{}{BOLD:#}{more}  on {}",
        finding.verdict,
        finding.case,
        finding.targets.join(", ")
    );
    if let Some(difference) = &finding.difference {
        out.push_str(&super::values::show(difference));
    }
    if let Some(cause) = &finding.cause {
        out.push_str(&super::values::sentence("cause", cause));
    }
    if let Some(trait_) = &finding.trait_ {
        out.push_str(&super::values::sentence("where", trait_));
    }
    if finding.cases.len() > 1 {
        let _ = writeln!(out, "  cases   {}", some(&finding.cases));
    }
    for (name, remark) in words::remarks(finding) {
        let _ = writeln!(out, "  {name:7} {remark}");
    }
    if let Some(kept) = &finding.kept {
        let _ = writeln!(out, "  {DIM}output  {}{DIM:#}", kept.display());
    }
    let _ = writeln!(out, "  repeat  {}", finding.repeat);
}

/// The first of many names, and how many more there are.
fn some(names: &[String]) -> String {
    /// More names than these are counted.
    const NAMES_MAX: usize = 8;
    let shown = names[..names.len().min(NAMES_MAX)].join(", ");
    match names.len().saturating_sub(NAMES_MAX) {
        0 => shown,
        more => format!("{shown} … and {more} more"),
    }
}

/// One line per reason, with what it concerns counted and the command that would change it.
fn not_run(out: &mut String, cells: &[NotRun]) {
    let mut by_reason: BTreeMap<(&str, Option<&str>, Verdict), Vec<&NotRun>> = BTreeMap::new();
    for cell in cells {
        by_reason.entry((&cell.reason, cell.fix.as_deref(), cell.verdict)).or_default().push(cell);
    }
    for ((reason, fix, verdict), cells) in by_reason {
        let mut targets: Vec<&str> = cells.iter().map(|cell| cell.target.as_str()).collect();
        targets.sort_unstable();
        targets.dedup();
        let what = match cells.as_slice() {
            [cell] if cell.case == "*" => format!("suite {}", cell.suite),
            [cell] => format!("{}::{}", cell.suite, cell.case),
            cells => format!("{} cells, first {}::{}", cells.len(), cells[0].suite, cells[0].case),
        };
        let _ = writeln!(out, "\n{WARN}{verdict}{WARN:#}  {what}  on {}", targets.join(", "));
        let _ = writeln!(out, "  reason  {reason}");
        if let Some(fix) = fix {
            let _ = writeln!(out, "  try     {fix}");
        }
    }
}

fn unmatched(out: &mut String, entries: &[Unmatched]) {
    for entry in entries {
        let _ = writeln!(out, "\n{WARN}unused{WARN:#}  {}", words::unmatched(entry));
        let _ = writeln!(out, "  expects {}", words::with_issue(&entry.reason, entry.issue.as_deref()));
    }
}

fn counts(out: &mut String, summary: &Summary, findings: usize) {
    let style = match (findings, summary.stage) {
        (0, Stage::Ended) if summary.build_failures.is_empty() => GOOD,
        (0, Stage::GoesOn | Stage::Killed) if summary.build_failures.is_empty() => WARN,
        _ => BAD,
    };
    let found = words::count(findings, "finding");
    let _ = writeln!(out, "\n{style}{found}{style:#} · {}", words::compared(summary));
    let unchanged = summary.cells.iter().filter(|cell| cell.unchanged).count();
    if let Some(started) = summary.started.filter(|_| unchanged > 0) {
        let _ = writeln!(
            out,
            "{DIM}{unchanged} of them unchanged since an earlier run; guests started: {started}{DIM:#}"
        );
    }
    for target in summary.bare_targets() {
        let _ = writeln!(out, "{WARN}nothing was compared on {target}: it has none of the tests{WARN:#}");
    }
    rules(out, &summary.cells);
    for warning in words::part(summary).into_iter().chain(words::warnings(summary)) {
        let _ = writeln!(out, "{WARN}{warning}{WARN:#}");
    }
}

/// Which rules made cells equivalent: a rule that nobody sees hides faults.
fn rules(out: &mut String, cells: &[Cell]) {
    let mut fired: BTreeMap<&str, u64> = BTreeMap::new();
    for cell in cells {
        for rule in &cell.rules {
            *fired.entry(rule.rule.name()).or_default() += 1;
        }
    }
    if !fired.is_empty() {
        let told: Vec<String> = fired.iter().map(|(rule, count)| format!("{rule} in {count}")).collect();
        let _ = writeln!(out, "{DIM}equal after rules: {}{DIM:#}", told.join(", "));
    }
}
