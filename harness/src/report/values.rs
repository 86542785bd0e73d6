//! A difference as the terminal shows it: both values below each other, with what differs coloured and underlined, in no
//! more than 80 columns.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use crate::compare::Difference;
use crate::diagnose;

/// How many characters of a value fit beside its label.
const VALUE_CHARS: usize = 66;
/// How many characters stand before the first difference of a value that does not fit.
const LEAD_CHARS: usize = 24;
/// How many characters of a sentence fit behind its label.
const SENTENCE_CHARS: usize = 70;

const DIM: Style = Style::new().dimmed();
const DIFFERS: Style = AnsiColor::Red.on_default().bold();

/// The place, both values, and what else there is to say of where they differ.
pub(super) fn show(difference: &Difference) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "  {DIM}{}{}{DIM:#}", diagnose::place(difference), more(difference));
    let native: Vec<_> = difference.marks.iter().map(|mark| mark.native).collect();
    let target: Vec<_> = difference.marks.iter().map(|mark| mark.target).collect();
    for (side, text, marks) in
        [("native", &difference.native, &native), ("target", &difference.target, &target)]
    {
        if marks.is_empty() {
            plain(&mut out, side, text);
        } else {
            marked(&mut out, side, text, marks);
        }
    }
    if difference.reordered {
        let _ = writeln!(out, "  order   all lines that differ are there on both sides");
    }
    if let Some(remark) = &difference.remark {
        out.push_str(&sentence("note", remark));
    }
    out
}

/// A sentence behind its label, in lines of no more than 80 columns.
pub(super) fn sentence(label: &str, text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last_mut().expect("there is a line from the start");
        if !last.is_empty() && last.chars().count() + 1 + word.chars().count() > SENTENCE_CHARS {
            lines.push(word.to_owned());
        } else {
            last.extend((!last.is_empty()).then_some(' '));
            last.push_str(word);
        }
    }
    let labels = std::iter::once(label).chain(std::iter::repeat(""));
    labels.zip(&lines).map(|(label, line)| format!("  {label:7} {line}\n")).collect()
}

/// `, and 2 more lines`.
fn more(difference: &Difference) -> String {
    let unit = if diagnose::is_binary(difference) { "byte" } else { "line" };
    match difference.more {
        0 => String::new(),
        1 => format!(", and one more {unit}"),
        more => format!(", and {more} more {unit}s"),
    }
}

/// A value, or several lines of one, as it is.
fn plain(out: &mut String, side: &str, text: &str) {
    if text.is_empty() {
        let _ = writeln!(out, "    {side:7} {DIM}(an empty line){DIM:#}");
    }
    for (number, line) in text.lines().enumerate() {
        let _ = writeln!(out, "    {:7} {line}", if number == 0 { side } else { "" });
    }
}

/// A value of one line with its marks, and a line of carets below.
fn marked(out: &mut String, side: &str, text: &str, marks: &[(usize, usize)]) {
    let count = |text: &str| text.chars().count();
    let first = marks.first().and_then(|mark| text.get(..mark.0)).map_or(0, count);
    let skipped = if count(text) <= VALUE_CHARS { 0 } else { first.saturating_sub(LEAD_CHARS) };
    let (mut line, mut carets) = (String::new(), String::new());
    if skipped > 0 {
        line.push('…');
        carets.push(' ');
    }
    let mut inside = false;
    let shown = text.char_indices().skip(skipped).take(VALUE_CHARS);
    let end = shown.clone().last().map_or(text.len(), |(at, character)| at + character.len_utf8());
    for (at, character) in shown {
        let differs = marks.iter().any(|(from, to)| (*from..*to).contains(&at));
        if differs != inside {
            let _ = if differs { write!(line, "{DIFFERS}") } else { write!(line, "{DIFFERS:#}") };
            inside = differs;
        }
        line.push(character);
        // Something that one side lacks altogether is pointed to.
        let lacks = marks.iter().any(|(from, to)| from == to && *from == at);
        carets.push(if differs || lacks {
            '^'
        } else if character == '\t' {
            '\t'
        } else {
            ' '
        });
    }
    if inside {
        let _ = write!(line, "{DIFFERS:#}");
    }
    if end < text.len() {
        line.push('…');
    } else if marks.iter().any(|(from, to)| from == to && *from == end) {
        carets.push('^');
    }
    let _ = writeln!(out, "    {side:7} {line}");
    let _ = writeln!(out, "    {:7} {DIFFERS}{}{DIFFERS:#}", "", carets.trim_end());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Mark;

    #[track_caller]
    fn check(difference: &Difference, expected: &str) {
        assert_eq!(anstream::adapter::strip_str(&show(difference)).to_string(), expected);
    }

    fn difference(native: &str, target: &str, marks: &[Mark]) -> Difference {
        let (native, target) = (native.into(), target.into());
        Difference {
            place: "stdout".into(),
            at: 3,
            native,
            target,
            marks: marks.into(),
            ..Difference::default()
        }
    }

    fn mark(native: (usize, usize), target: (usize, usize)) -> Mark {
        Mark { native, target }
    }

    #[test]
    fn values_stand_below_each_other_with_carets_where_they_differ() {
        check(
            &Difference {
                more: 2,
                ..difference(
                    "x = -56, y = 1",
                    "x = 200, y = 2",
                    &[mark((4, 7), (4, 7)), mark((13, 14), (13, 14))],
                )
            },
            concat!(
                "  stdout line 3, and 2 more lines\n",
                "    native  x = -56, y = 1\n",
                "                ^^^      ^\n",
                "    target  x = 200, y = 2\n",
                "                ^^^      ^\n",
            ),
        );
        check(
            &difference("ab", "a", &[mark((1, 2), (1, 1))]),
            "  stdout line 3\n    native  ab\n             ^\n    target  a\n             ^\n",
        );
    }

    #[test]
    fn a_long_value_is_shown_around_what_differs_in_80_columns() {
        let long = |end: &str| format!("{}{end}{}", "é".repeat(200), "z".repeat(100));
        let shown = show(&difference(&long("1"), &long("2"), &[mark((400, 401), (400, 401))]));
        let shown = anstream::adapter::strip_str(&shown).to_string();
        for line in shown.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        assert!(shown.contains("é1z") && shown.contains("é2z"), "{shown}");
        assert_eq!(shown.lines().nth(2).unwrap().trim(), "^");
    }

    #[test]
    fn a_sentence_goes_on_below_itself() {
        let shown = sentence("cause", &"word ".repeat(20));
        assert_eq!(shown.lines().count(), 2);
        assert!(
            shown.lines().all(|line| line.chars().count() <= 80 && line[10..].starts_with("word")),
            "{shown}"
        );
    }

    #[test]
    fn what_a_reader_must_know_is_said() {
        let told = Difference { reordered: true, remark: Some("so".into()), ..difference("a", "", &[]) };
        check(
            &told,
            "  stdout line 3\n    native  a\n    target  (an empty line)\n  order   all lines that differ are there on both sides\n  note    so\n",
        );
    }
}
