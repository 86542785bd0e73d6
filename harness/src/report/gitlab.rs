//! GitLab's code quality report: a JSON array with one entry for each finding's cell. Pure.
//!
//! An entry's fingerprint tells GitLab which findings of two branches are the same, so it is made of what the finding is
//! about (verdict, case, target) and of nothing that another run may show otherwise.

use serde::Serialize;

use super::sources::Sources;
use super::{Summary, annotations, location, table, words};
use crate::diagnose::Finding;
use crate::error::{Error, Result};
use crate::events::{BuildFailure, Cell};
use crate::verdict::{Verdict, Weight};

#[derive(Serialize)]
struct Entry<'a> {
    description: String,
    check_name: &'a str,
    fingerprint: String,
    severity: &'static str,
    location: Location,
}

#[derive(Serialize)]
struct Location {
    path: String,
    lines: Lines,
}

#[derive(Serialize)]
struct Lines {
    begin: u32,
}

/// The whole report.
pub(super) fn render(summary: &Summary, sources: &Sources) -> Result<String> {
    let manifest = summary.run.as_ref().and_then(|run| run.manifest.as_deref()).unwrap_or("Cargo.toml");
    let nowhere = sources.of_project(manifest);
    let findings = summary.findings();
    let by_cell = words::by_cell(&findings);
    let mut entries = Vec::new();
    for group in table::groups(summary) {
        for failure in &group.build_failures {
            entries.push(build(group.suite, failure, sources, &nowhere));
        }
        for cell in group.cells.iter().filter(|cell| cell.verdict.weight() == Weight::Finding) {
            entries.push(entry(
                cell,
                by_cell.get(words::cell_name(cell).as_str()).copied(),
                sources,
                &nowhere,
            ));
        }
    }
    for warning in words::warnings(summary) {
        entries.push(Entry {
            fingerprint: fingerprint(&["run", &warning]),
            description: warning,
            check_name: "triplecheck/run",
            severity: "info",
            location: Location { path: nowhere.clone(), lines: Lines { begin: 1 } },
        });
    }
    for unmatched in &summary.unmatched {
        entries.push(Entry {
            fingerprint: fingerprint(&["unmatched", &unmatched.test, &unmatched.target, &unmatched.reason]),
            description: words::unmatched(unmatched),
            check_name: "triplecheck/expect",
            severity: "info",
            location: Location { path: nowhere.clone(), lines: Lines { begin: 1 } },
        });
    }
    let mut text = serde_json::to_string_pretty(&entries)
        .map_err(|error| Error::ours("cannot write the report as JSON").caused_by(error))?;
    text.push('\n');
    Ok(text)
}

fn entry<'a>(cell: &'a Cell, finding: Option<&Finding>, sources: &Sources, nowhere: &str) -> Entry<'a> {
    let mut told = vec![words::without_thread_numbers(&words::reason(cell))];
    let opinions = finding.map(words::second_opinion).unwrap_or_default();
    told.extend(opinions.into_iter().map(|(_, opinion)| opinion));
    told.extend(cell.repeated.map(words::repeated));
    Entry {
        description: format!("{}: {}", words::cell_name(cell), told.join("; ")),
        check_name: cell.verdict.name(),
        fingerprint: fingerprint(&[cell.verdict.name(), &cell.suite, &cell.case, &cell.target]),
        severity: severity(cell.verdict),
        location: place(&cell.suite, annotations::values(cell), sources, nowhere),
    }
}

fn build<'a>(suite: &str, failure: &BuildFailure, sources: &Sources, nowhere: &str) -> Entry<'a> {
    let program = failure.program.as_deref().unwrap_or("");
    let what = if program.is_empty() { suite.to_owned() } else { format!("{suite}::{program}") };
    let first = failure.text.lines().find(|line| !line.trim().is_empty()).unwrap_or("no message").trim();
    Entry {
        description: format!("{what} does not build for {}: {first}", failure.target),
        check_name: "build",
        fingerprint: fingerprint(&["build", suite, program, &failure.target]),
        severity: "blocker",
        location: place(suite, [failure.text.as_str()].into_iter(), sources, nowhere),
    }
}

fn place<'a>(
    suite: &str,
    texts: impl Iterator<Item = &'a str>,
    sources: &Sources,
    nowhere: &str,
) -> Location {
    let found = texts
        .filter_map(location::find)
        .find_map(|found| Some((sources.find(suite, found.file)?, found.line.max(1))));
    let (path, begin) = found.unwrap_or((nowhere.to_owned(), 1));
    Location { path, lines: Lines { begin } }
}

/// Each part with its length, so that no two lists of parts are the same text.
fn fingerprint(parts: &[&str]) -> String {
    let text: String = parts.iter().map(|part| format!("{}:{part}", part.len())).collect();
    blake3::hash(text.as_bytes()).to_hex()[..32].to_owned()
}

fn severity(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::CrossFail | Verdict::Timeout => "critical",
        Verdict::Differs | Verdict::FailsNatively => "major",
        Verdict::EmulatorFault
        | Verdict::Inconclusive
        | Verdict::Flaky
        | Verdict::UnexpectedPass
        | Verdict::Expired => "minor",
        Verdict::Same
        | Verdict::Equivalent
        | Verdict::Missing
        | Verdict::Extra
        | Verdict::NotRun
        | Verdict::Expected => "info",
    }
}
