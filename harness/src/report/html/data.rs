//! What the page's script works on, as compact JSON: each name once, a cell as a few numbers, and further words only for
//! cells that have something to say. `model.js` unpacks it. Pure.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::super::table::{self, Group};
use super::super::text::symbol;
use super::super::{Summary, words};
use crate::compare::{self, Difference};
use crate::diagnose::{self, Finding};
use crate::error::{Error, Result};
use crate::events::{Cell, NotRun};
use crate::verdict::{Verdict, Weight};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    command: String,
    /// Name, sign, whether it is a finding.
    verdicts: Vec<(&'static str, char, bool)>,
    targets: Vec<Target<'a>>,
    suites: Vec<&'a str>,
    causes: Vec<&'a str>,
    /// Suite, case, cells.
    rows: Vec<(usize, &'a str, Vec<Square>)>,
    details: Vec<Detail<'a>>,
    findings: Vec<FoundThere<'a>>,
    not_run: Vec<NotThere<'a>>,
}

/// Target, verdict, milliseconds there and natively, and the place of its [`Detail`] if it has any.
type Square = Vec<u64>;

#[derive(Serialize)]
struct Target<'a> {
    name: &'a str,
    how: String,
}

#[derive(Default, PartialEq, Serialize)]
struct Detail<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differences: Vec<Sides>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rules: Vec<(&'static str, u64)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issue: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    known: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repeat: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<String>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    leaked: &'a [String],
    /// Verdict and what was seen, of earlier runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tries: Vec<(usize, &'a str)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repeated: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    unchanged: bool,
}

/// Both values, in parts that are in common and parts that differ, in turn.
#[derive(PartialEq, Serialize)]
struct Sides {
    place: String,
    native: Vec<String>,
    target: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

#[derive(Serialize)]
struct FoundThere<'a> {
    verdict: usize,
    case: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'a str>,
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    trait_: Option<&'a str>,
    /// Row and target.
    cells: Vec<(usize, usize)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    difference: Option<Sides>,
    /// Name and sentence.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    remarks: Vec<(&'static str, String)>,
    repeat: &'a str,
}

#[derive(Serialize)]
struct NotThere<'a> {
    verdict: usize,
    what: String,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<&'a str>,
    targets: Vec<&'a str>,
}

/// How many cases the grid has.
pub(super) fn cases(summary: &Summary) -> usize {
    let cells = summary.cells.iter().map(|cell| (cell.suite.as_str(), cell.case.as_str()));
    let not_run = summary.not_run.iter().map(|cell| (cell.suite.as_str(), cell.case.as_str()));
    let all: std::collections::HashSet<_> = cells.chain(not_run.filter(|(_, case)| *case != "*")).collect();
    all.len()
}

/// How many reasons there are why something did not run.
pub(super) fn not_run_reasons(summary: &Summary) -> usize {
    by_reason(summary).len()
}

/// The data as JSON in which no tag and no comment can begin.
pub(super) fn render(summary: &Summary, findings: &[Finding]) -> Result<String> {
    let json = serde_json::to_string(&collect(summary, findings))
        .map_err(|error| Error::ours("cannot write the page's data").caused_by(error))?;
    // `<` is only ever part of a string there.
    Ok(json.replace('<', "\\u003c"))
}

fn collect<'a>(summary: &'a Summary, findings: &'a [Finding]) -> Data<'a> {
    let run = summary.run.as_ref();
    let command = run.map_or(String::new(), |run| run.command.join(" "));
    let names = table::targets(summary);
    let info = |name: &str| run.and_then(|run| run.targets.iter().find(|info| info.target == name));
    let targets: Vec<Target<'a>> = names
        .iter()
        .map(|name| Target { name, how: info(name).map_or("the host".to_owned(), table::how) })
        .collect();
    let suites = table::suites(summary);
    let mut rows = Rows { command: &command, targets: positions(&names), ..Rows::default() };
    for group in table::groups(summary) {
        let suite = suites.iter().position(|suite| *suite == group.suite).unwrap_or(0);
        rows.add(suite, &group);
    }
    let Rows { by_case, causes, details, .. } = rows;
    let mut places = HashMap::new();
    let rows: Vec<_> = by_case
        .into_iter()
        .enumerate()
        .map(|(index, ((suite, case), squares))| {
            places.insert(format!("{}::{case}", suites[suite]), index);
            (suite, case, squares)
        })
        .collect();
    let findings = findings.iter().map(|finding| found(finding, &places, &names)).collect();
    Data {
        verdicts: Verdict::ALL
            .map(|verdict| (verdict.name(), symbol(verdict).0, verdict.weight() == Weight::Finding))
            .to_vec(),
        targets,
        suites,
        causes,
        rows,
        details,
        findings,
        not_run: by_reason(summary),
        command,
    }
}

fn positions<'a>(names: &[&'a str]) -> HashMap<&'a str, usize> {
    names.iter().enumerate().map(|(index, name)| (*name, index)).collect()
}

/// The rows as they are collected.
#[derive(Default)]
struct Rows<'a, 'b> {
    command: &'b str,
    targets: HashMap<&'a str, usize>,
    by_case: BTreeMap<(usize, &'a str), Vec<Square>>,
    causes: Vec<&'a str>,
    cause_places: HashMap<&'a str, usize>,
    details: Vec<Detail<'a>>,
}

impl<'a> Rows<'a, '_> {
    fn add(&mut self, suite: usize, group: &Group<'a>) {
        let target = self.targets[group.target];
        for cell in &group.cells {
            let detail = self.detail(cell);
            let square = self.square(target, cell.verdict, (cell.duration_ms, cell.native_ms), detail);
            self.by_case.entry((suite, cell.case.as_str())).or_default().push(square);
        }
        for cell in group.not_run.iter().filter(|cell| cell.case != "*") {
            let detail = Detail { reason: Some(&cell.reason), fix: cell.fix.as_deref(), ..Detail::default() };
            let square = self.square(target, cell.verdict, (0, 0), detail);
            self.by_case.entry((suite, cell.case.as_str())).or_default().push(square);
        }
    }

    fn square(
        &mut self,
        target: usize,
        verdict: Verdict,
        (ms, native_ms): (u64, u64),
        detail: Detail<'a>,
    ) -> Square {
        let mut square = vec![target as u64, position(verdict) as u64, ms, native_ms];
        if detail != Detail::default() {
            square.push(self.details.len() as u64);
            self.details.push(detail);
        }
        square
    }

    fn detail(&mut self, cell: &'a Cell) -> Detail<'a> {
        let cause = cell.cause.as_deref().map(|cause| {
            *self.cause_places.entry(cause).or_insert_with(|| {
                self.causes.push(cause);
                self.causes.len() - 1
            })
        });
        // The script makes the usual command by itself.
        let usual = format!("{} {}::{} -t {}", self.command, cell.suite, cell.case, cell.target);
        Detail {
            cause,
            differences: cell.differences.iter().map(sides).collect(),
            rules: cell.rules.iter().map(|rule| (rule.rule.name(), rule.count)).collect(),
            observed: (cell.observed != cell.verdict).then(|| position(cell.observed)),
            expected: cell.expected.as_deref(),
            issue: cell.issue.as_deref(),
            known: &cell.known,
            repeat: (cell.repeat != usual).then_some(cell.repeat.as_str()),
            kept: cell.kept.as_ref().map(|kept| kept.display().to_string()),
            leaked: &cell.leaked,
            tries: cell.tries.iter().map(|one| (position(one.verdict), one.text.as_str())).collect(),
            repeated: cell.repeated.map(words::repeated),
            unchanged: cell.unchanged,
            ..Detail::default()
        }
    }
}

fn position(verdict: Verdict) -> usize {
    Verdict::ALL.iter().position(|other| *other == verdict).unwrap_or(0)
}

fn sides(difference: &Difference) -> Sides {
    let recorded = !difference.marks.is_empty();
    let found = if recorded {
        compare::Marks::default()
    } else {
        compare::marks(&difference.native, &difference.target)
    };
    let parts_of = |text: &str, recorded: Vec<(usize, usize)>, found: &[std::ops::Range<usize>]| {
        let found = found.iter().map(|range| (range.start, range.end));
        // What was recorded may have been changed by hand since; then nothing is marked.
        parts(text, &recorded.into_iter().chain(found).collect::<Vec<_>>())
            .unwrap_or_else(|| vec![text.to_owned()])
    };
    let (native, target) = difference.marks.iter().map(|mark| (mark.native, mark.target)).unzip();
    let unit = if diagnose::is_binary(difference) { "byte" } else { "line" };
    let mut notes = Vec::new();
    notes.extend((difference.more > 0).then(|| {
        words::count(usize::try_from(difference.more).unwrap_or(usize::MAX), &format!("more {unit}"))
    }));
    notes.extend(difference.reordered.then(|| "the same lines in another order".to_owned()));
    notes.extend(difference.remark.clone());
    Sides {
        place: diagnose::place(difference),
        native: parts_of(&difference.native, native, &found.native),
        target: parts_of(&difference.target, target, &found.target),
        notes,
    }
}

/// The text cut at the marks: in common, differing, in common …; `None` where they are no marks of this text.
fn parts(text: &str, marks: &[(usize, usize)]) -> Option<Vec<String>> {
    let mut parts = Vec::with_capacity(2 * marks.len() + 1);
    let mut done = 0;
    for &(start, end) in marks {
        parts.push(text.get(done..start)?.to_owned());
        parts.push(text.get(start..end)?.to_owned());
        done = end;
    }
    parts.push(text.get(done..)?.to_owned());
    Some(parts)
}

fn found<'a>(finding: &'a Finding, places: &HashMap<String, usize>, targets: &[&str]) -> FoundThere<'a> {
    let place = |cell: &String| {
        let (case, target) = cell.rsplit_once(" on ")?;
        Some((*places.get(case)?, targets.iter().position(|other| *other == target)?))
    };
    FoundThere {
        verdict: position(finding.verdict),
        case: &finding.case,
        cause: finding.cause.as_deref(),
        trait_: finding.trait_.as_deref(),
        cells: finding.cells.iter().filter_map(place).collect(),
        difference: finding.difference.as_ref().map(sides),
        remarks: words::remarks(finding),
        repeat: &finding.repeat,
    }
}

fn by_reason(summary: &Summary) -> Vec<NotThere<'_>> {
    let mut groups: BTreeMap<(Verdict, &str, Option<&str>), Vec<&NotRun>> = BTreeMap::new();
    for cell in &summary.not_run {
        groups.entry((cell.verdict, &cell.reason, cell.fix.as_deref())).or_default().push(cell);
    }
    groups
        .into_iter()
        .map(|((verdict, reason, fix), cells)| {
            let mut targets: Vec<&str> = cells.iter().map(|cell| cell.target.as_str()).collect();
            targets.sort_unstable();
            targets.dedup();
            let what = match cells.as_slice() {
                [cell] if cell.case == "*" => format!("suite {}", cell.suite),
                [cell] => format!("{}::{}", cell.suite, cell.case),
                cells => words::count(cells.len(), "cell"),
            };
            NotThere { verdict: position(verdict), what, reason, fix, targets }
        })
        .collect()
}
