//! Annotations of a GitHub workflow: one line for each finding, shown at the line of the failing assertion. Pure.

use std::collections::HashMap;

use super::sources::Sources;
use super::{Summary, location, words};
use crate::diagnose::Finding;
use crate::events::Cell;

/// GitHub shows no more errors of one step than this, and says nothing of the others.
const ANNOTATIONS_MAX: usize = 10;

/// One line for each build failure and finding, at most [`ANNOTATIONS_MAX`]; the last one tells of those that have none.
pub(super) fn render(summary: &Summary, sources: &Sources) -> String {
    let mut lines: Vec<String> = warnings(summary);
    let mut errors = builds(summary, sources);
    let findings = summary.findings();
    let cells: HashMap<String, &Cell> = summary
        .cells
        .iter()
        .map(|cell| (format!("{} on {}", words::case_name(cell), cell.target), cell))
        .collect();
    errors.extend(findings.iter().map(|found| finding(found, &cells, sources)));
    let all = errors.len();
    if all > ANNOTATIONS_MAX {
        errors.truncate(ANNOTATIONS_MAX - 1);
        let rest = all - errors.len();
        errors.push(Annotation {
            place: String::new(),
            title: format!("{rest} more findings"),
            text: format!("{}; all are in the summary of this job", words::headline(summary, findings.len())),
        });
    }
    lines.extend(errors.iter().map(Annotation::line));
    lines.concat()
}

/// What is wrong with the run, and with its expectations; the last line tells of those that have none.
fn warnings(summary: &Summary) -> Vec<String> {
    let mut warnings = words::warnings(summary);
    warnings.extend(summary.unmatched.iter().map(words::unmatched));
    let all = warnings.len();
    if all > ANNOTATIONS_MAX {
        warnings.truncate(ANNOTATIONS_MAX - 1);
        warnings.push(format!("{} more warnings are in the summary of this job", all - warnings.len()));
    }
    warnings.iter().map(|warning| format!("::warning title=triplecheck::{}\n", data(warning))).collect()
}

struct Annotation {
    /// `file=…,line=…,col=…,`, or nothing.
    place: String,
    title: String,
    text: String,
}

impl Annotation {
    fn line(&self) -> String {
        format!("::error {}title={}::{}\n", self.place, property(&self.title), data(&self.text))
    }
}

fn builds(summary: &Summary, sources: &Sources) -> Vec<Annotation> {
    let mut by_text: Vec<(&str, &str, Vec<&str>)> = Vec::new();
    for (suite, failure) in &summary.build_failures {
        match by_text.iter_mut().find(|(text, ..)| *text == failure.text) {
            Some((_, _, targets)) => targets.push(&failure.target),
            None => by_text.push((&failure.text, suite, vec![&failure.target])),
        }
    }
    by_text
        .into_iter()
        .map(|(text, suite, targets)| Annotation {
            place: place(suite, [text].into_iter(), sources),
            title: format!("{suite} does not build for {}", targets.join(", ")),
            text: text.to_owned(),
        })
        .collect()
}

fn finding(finding: &Finding, cells: &HashMap<String, &Cell>, sources: &Sources) -> Annotation {
    let first = finding.cells.first().and_then(|cell| cells.get(cell));
    let place = first.map_or(String::new(), |cell| place(&cell.suite, values(cell), sources));
    let mut text: Vec<String> = Vec::new();
    text.extend(finding.cause.clone());
    text.extend(finding.trait_.clone());
    if let (Some(native), Some(target)) = (&finding.native, &finding.target_value) {
        text.push(finding.place.clone().unwrap_or_default());
        text.push(format!("  native  {native}"));
        text.push(format!("  target  {target}"));
    }
    text.extend(words::remarks(finding).into_iter().map(|(name, remark)| format!("{name}: {remark}")));
    text.push(finding.repeat.clone());
    Annotation {
        place,
        title: format!("{}: {} on {}", finding.verdict, finding.case, finding.targets.join(", ")),
        text: text.join("\n"),
    }
}

/// What a cell's program said, the target's side first: a failing assertion is where its own line is.
pub(super) fn values(cell: &Cell) -> impl Iterator<Item = &str> {
    let targets = cell.differences.iter().map(|difference| difference.target.as_str());
    targets.chain(cell.differences.iter().map(|difference| difference.native.as_str()))
}

fn place<'a>(suite: &str, texts: impl Iterator<Item = &'a str>, sources: &Sources) -> String {
    let found = texts
        .filter_map(location::find)
        .find_map(|found| sources.find(suite, found.file).map(|file| (file, found)));
    let Some((file, found)) = found else { return String::new() };
    let column = found.column.map_or(String::new(), |column| format!("col={column},"));
    format!("file={},line={},{column}", property(&file), found.line)
}

/// Text behind the colons. A line feed would end the command, and the next line might be one of a guest's.
fn data(text: &str) -> String {
    words::visible(text).replace('%', "%25").replace('\n', "%0A")
}

/// The value of a property, in which separators of properties are escaped too.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_can_end_an_annotation_or_begin_another() {
        let annotation = Annotation {
            place: String::new(),
            title: "a: 100%, b\n::error::c".into(),
            text: "1\r\n::add-mask::x\n100%".into(),
        };
        assert_eq!(
            annotation.line(),
            "::error title=a%3A 100%25%2C b%0A%3A%3Aerror%3A%3Ac::1\\r%0A::add-mask::x%0A100%25\n"
        );
    }
}
