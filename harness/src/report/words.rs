//! Sentences that several reports say. Pure.

use std::collections::HashMap;

use super::{Stage, Summary};
use crate::diagnose::{self, Confirmation, Finding};
use crate::events::{Cell, Repeated, Unmatched};
use crate::shell::quote;
use crate::verdict::Verdict;

/// `3 findings · 120 cells compared with native in 3.0 s: 117 same, 3 differs`.
pub(super) fn headline(summary: &Summary, findings: usize) -> String {
    format!("{} · {}", count(findings, "finding"), compared(summary))
}

/// `120 cells compared with native in 3.0 s: 117 same, 3 differs`.
pub(super) fn compared(summary: &Summary) -> String {
    let counts = summary.counts();
    let told: Vec<String> = Verdict::ALL
        .into_iter()
        .filter_map(|verdict| counts.get(&verdict).map(|count| format!("{count} {verdict}")))
        .collect();
    let told = if told.is_empty() { "nothing ran".to_owned() } else { told.join(", ") };
    format!("{}: {told}", cells_compared(summary))
}

/// `120 cells compared with native in 3.0 s`.
pub(super) fn cells_compared(summary: &Summary) -> String {
    let time = summary.duration_ms.map_or(String::new(), |ms| format!(" in {}", seconds(ms)));
    format!("{} compared with native{time}", count(summary.cells.len(), "cell"))
}

/// What a reader must know before believing the numbers.
pub(super) fn warnings(summary: &Summary) -> Vec<String> {
    let mut warnings = Vec::new();
    match summary.stage {
        Stage::Ended => {}
        Stage::GoesOn => {
            warnings.push("unfinished: the run goes on, and what it has not decided yet is not in here".to_owned());
        }
        Stage::Killed => warnings.push(
            "unfinished: the run was killed, and what it had not decided is not in here; `triplecheck run --resume` takes it up"
                .to_owned(),
        ),
    }
    let about = summary.run.as_ref();
    warnings.extend(about.iter().flat_map(|run| &run.incomplete).map(|what| format!("unfinished: {what}")));
    if summary.interrupted {
        warnings.push("interrupted: what was not finished is not in these numbers".to_owned());
    }
    match summary.unreadable_lines {
        0 => {}
        1 => {
            warnings
                .push("1 line of the run's events cannot be read: what it told is not in here".to_owned());
        }
        lines => {
            let text = "lines of the run's events cannot be read: what they told is not in here";
            warnings.push(format!("{lines} {text}"));
        }
    }
    if let Some(why) = summary.run.as_ref().and_then(|run| run.children.as_ref()) {
        warnings.push(format!("programs that emulated guests start find no emulator here: {why}"));
    }
    warnings
}

/// That this is not all of the cases, where it is not.
pub(super) fn part(summary: &Summary) -> Option<String> {
    let shard = summary.run.as_ref()?.shard?;
    Some(format!("shard {shard}: other cases are in other runs; `triplecheck merge` puts them together"))
}

/// What is known of a finding beside its values, cause and targets, each with its name.
pub(super) fn remarks(finding: &Finding) -> Vec<(&'static str, String)> {
    let mut remarks = Vec::new();
    remarks.extend(finding.tries.iter().map(|tries| ("tries", tries.clone())));
    remarks.extend(finding.known.iter().map(|known| ("known", known.clone())));
    remarks.extend(
        finding.expected.iter().map(|expected| ("expects", with_issue(expected, finding.issue.as_deref()))),
    );
    remarks.extend(second_opinion(finding));
    remarks.extend(
        finding
            .bundles
            .iter()
            .map(|file| ("bundle", format!("triplecheck repro {}", quote(&file.display().to_string())))),
    );
    remarks
}

/// Which further target would decide, and what another emulator says.
pub(super) fn second_opinion(finding: &Finding) -> Vec<(&'static str, String)> {
    let decide = finding.decide.as_ref().map(|decide| {
        let how = if decide.here { "`--discriminate` runs it there" } else { "it cannot be run here yet" };
        ("decide", format!("{}: `{}` would tell; {how}", decide.question, decide.target))
    });
    let confirm = finding.confirmed.as_ref().map(|confirmed| ("confirm", confirmation(confirmed)));
    decide.into_iter().chain(confirm).collect()
}

fn confirmation(confirmed: &Confirmation) -> String {
    let Confirmation { emulator, agrees, disagrees, as_native, first, shown } = confirmed;
    let shown = shown.as_deref().unwrap_or_default();
    match (agrees, disagrees) {
        (0, 0) => format!("`{emulator}` could not be asked: {shown}"),
        (_, 0) => format!("`{emulator}` shows the same: it is the program"),
        (0, all) if all == as_native => {
            format!(
                "under `{emulator}` it comes out as natively: the fault is `{first}`'s, and not the program's"
            )
        }
        (0, _) => format!("`{emulator}` shows {shown}: one of the emulators is suspected"),
        (agrees, disagrees) => {
            format!("`{emulator}` shows the same on {agrees} cells and on {disagrees} not: {shown}")
        }
    }
}

/// An expectation that holds for nothing any more: a test that was renamed, a pattern that is mistyped.
pub(super) fn unmatched(entry: &Unmatched) -> String {
    format!("the expectation of `{}` on `{}` meets no cell of this run", entry.test, entry.target)
}

/// `32-bit time_t (https://example.org/42)`.
pub(super) fn with_issue(reason: &str, issue: Option<&str>) -> String {
    issue.map_or(reason.to_owned(), |issue| format!("{reason} ({issue})"))
}

/// `1 cell`, `2 cells`.
pub(super) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// `850 ms`, `12.3 s`, `4 min 5 s`.
pub fn seconds(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        _ => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1_000),
    }
}

/// How many times as long as natively, with one digit behind the point; `None` where that says nothing.
pub(super) fn slowdown(native_ms: u64, target_ms: u64) -> Option<String> {
    let tenths = target_ms.checked_mul(10)?.checked_add(native_ms / 2)?.checked_div(native_ms)?;
    Some(format!("{}.{}", tenths / 10, tenths % 10))
}

/// `findings in 3 of 100 runs, 1 odd natively`.
pub(super) fn repeated(repeated: Repeated) -> String {
    let Repeated { runs, findings, native_odd } = repeated;
    let odd = if native_odd > 0 { format!(", {native_odd} odd natively") } else { String::new() };
    format!("findings in {findings} of {runs} runs{odd}")
}

/// The finding of each cell that is one, by the cell's name.
pub(super) fn by_cell(findings: &[Finding]) -> HashMap<&str, &Finding> {
    let cells = findings.iter().flat_map(|found| found.cells.iter().map(move |cell| (cell.as_str(), found)));
    cells.collect()
}

/// `suite::case on target`, as findings name their cells.
pub(super) fn cell_name(cell: &Cell) -> String {
    format!("{} on {}", case_name(cell), cell.target)
}

/// `suite::case`.
pub(super) fn case_name(cell: &Cell) -> String {
    format!("{}::{}", cell.suite, cell.case)
}

/// In one line: the cause, or else the first difference, or else the verdict.
pub(super) fn reason(cell: &Cell) -> String {
    if let Some(cause) = &cell.cause {
        return cause.clone();
    }
    match (&cell.expected, cell.differences.first()) {
        (_, Some(difference)) => {
            let (native, target) = (one_line(&difference.native), one_line(&difference.target));
            format!("{}: native {native}, target {target}", diagnose::place(difference))
        }
        (Some(expected), None) => format!("{}: {expected}", cell.verdict),
        (None, None) => cell.verdict.to_string(),
    }
}

/// The most of a value that a line holds, in characters.
const LINE_CHARS_MAX: usize = 160;

/// The line of a text that says most: the one behind a panic's place, else the first that is not empty.
fn one_line(text: &str) -> String {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    let telling = match first {
        "failed" => lines.find(|line| !line.contains(" panicked at ")).unwrap_or(first),
        _ => first,
    };
    let shown: String = telling.chars().take(LINE_CHARS_MAX).collect();
    if shown.len() < telling.len() { format!("`{shown}…`") } else { format!("`{shown}`") }
}

/// The text with its control characters told and not sent: what a guest prints moves nobody's cursor, and no reader has to
/// refuse it.
pub(super) fn visible(text: &str) -> std::borrow::Cow<'_, str> {
    let is_told = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if !text.contains(is_told) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_told(character) { out.extend(character.escape_default()) } else { out.push(character) }
    }
    out.into()
}

/// The text without the number of the thread that panicked, which is another one in every run: a report of the same
/// failure is then the same text.
pub(super) fn without_thread_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(") panicked at ") {
        let (before, after) = rest.split_at(at);
        let digits = before.len() - before.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        match before[..before.len() - digits].strip_suffix("' (") {
            Some(name) if digits > 0 => {
                out.push_str(name);
                out.push('\'');
                rest = &after[1..];
            }
            _ => {
                out.push_str(before);
                out.push(')');
                rest = &after[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slowdown_is_rounded_and_left_out_where_native_took_no_time() {
        assert_eq!(slowdown(10, 92).as_deref(), Some("9.2"));
        assert_eq!(slowdown(3, 1).as_deref(), Some("0.3"));
        assert_eq!(slowdown(0, 7), None);
        assert_eq!(slowdown(1, u64::MAX), None);
    }

    #[test]
    fn only_the_number_of_a_panicking_thread_is_dropped() {
        let check = |text: &str, expected: &str| assert_eq!(without_thread_numbers(text), expected);
        check("thread 'a' (12) panicked at x:1:1", "thread 'a' panicked at x:1:1");
        check("(12) panicked at, f() panicked at x", "(12) panicked at, f() panicked at x");
        check("'a' (1) panicked at b 'c' (2) panicked at d", "'a' panicked at b 'c' panicked at d");
        check("nothing", "nothing");
    }

    #[test]
    fn control_characters_are_told() {
        assert_eq!(visible("a\n\tb"), "a\n\tb");
        assert_eq!(visible("\u{1b}[31m\r\0"), "\\u{1b}[31m\\r\\u{0}");
    }

    #[test]
    fn the_telling_line_of_a_failing_test_is_its_message() {
        let text = "failed\n\nthread 't' (1) panicked at src/lib.rs:1:1:\nassertion failed: x";
        assert_eq!(one_line(text), "`assertion failed: x`");
        assert_eq!(one_line("failed"), "`failed`");
        assert_eq!(one_line(&"ä".repeat(200)).chars().count(), LINE_CHARS_MAX + 3);
    }
}
