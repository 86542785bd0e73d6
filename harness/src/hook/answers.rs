//! The answers file of Samba's waf: what each check of a configuration said, one a line, in the order in which
//! they were asked. Emulated and native answers are compared here; where they differ, either the target does, or
//! the emulator.

use std::fmt;

/// One line: the text of the check, and what it answered.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line<'a> {
    check: &'a str,
    answer: Answer<'a>,
}

/// What a check answered: its exit status and its output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer<'a> {
    status: i64,
    output: &'a str,
}

/// The status by which waf knows an answer that nobody gave.
const UNKNOWN: i64 = 254;

/// A line that waf would refuse, or never find.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("line {line} is no answer: `{text}`")]
pub struct BadLine {
    /// Counted from one.
    pub line: usize,
    /// The line.
    pub text: String,
}

/// A check on which two files do not agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disagreement<'a> {
    /// The text of the check.
    pub check: &'a str,
    /// The native answer, `None` where there is none.
    pub native: Option<Answer<'a>>,
    /// The foreign answer.
    pub foreign: Option<Answer<'a>>,
}

/// What came of comparing two files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison<'a> {
    /// How many different checks both have together.
    pub checks: usize,
    /// Those on which they do not agree: the native file's in its order, then those that only the foreign one has.
    pub disagreements: Vec<Disagreement<'a>>,
}

/// An answers file. Of several answers to one check the first counts, as it does for waf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers<'a>(Vec<Line<'a>>);

impl<'a> Answers<'a> {
    /// Reads a file. Empty lines and comments are waf's own rules.
    pub fn parse(text: &'a str) -> Result<Self, BadLine> {
        let mut lines: Vec<Line<'a>> = Vec::new();
        for (at, text) in text.lines().enumerate() {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let bad = || BadLine { line: at + 1, text: text.to_owned() };
            let (check, answer) = text.split_once(':').ok_or_else(bad)?;
            let line = Line { check: check.trim(), answer: Answer::parse(answer.trim()).ok_or_else(bad)? };
            if !lines.iter().any(|earlier| earlier.check == line.check) {
                lines.push(line);
            }
        }
        Ok(Self(lines))
    }

    fn find(&self, check: &str) -> Option<Answer<'a>> {
        self.0.iter().find(|line| line.check == check).map(|line| line.answer)
    }
}

impl<'a> Answer<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let plain = |status| Some(Self { status, output: "" });
        match text {
            "OK" | "YES" => plain(0),
            "NO" | "FAIL" => plain(1),
            "UNKNOWN" => plain(UNKNOWN),
            _ => Self::parse_output(text),
        }
    }

    /// `"text"`, `'text'` or `(status, "text")`. waf takes every quote at either end away.
    fn parse_output(text: &'a str) -> Option<Self> {
        for quote in ['"', '\''] {
            if text.starts_with(quote) {
                return Some(Self { status: 0, output: text.trim_matches(quote) });
            }
        }
        let (status, rest) = text.strip_prefix('(')?.strip_suffix(')')?.split_once(',')?;
        let output = rest.trim().strip_prefix('"')?.strip_suffix('"')?;
        Some(Self { status: status.trim().parse().ok()?, output })
    }
}

impl fmt::Display for Answer<'_> {
    /// As waf writes it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.status, self.output) {
            (0, "") => formatter.write_str("OK"),
            (1, "") => formatter.write_str("NO"),
            (UNKNOWN, "") => formatter.write_str("UNKNOWN"),
            (0, output) => write!(formatter, "\"{output}\""),
            (status, output) => write!(formatter, "({status}, \"{output}\")"),
        }
    }
}

/// Compares two files, check by check.
pub fn compare<'a>(native: &Answers<'a>, foreign: &Answers<'a>) -> Comparison<'a> {
    let only_foreign = foreign.0.iter().filter(|line| native.find(line.check).is_none());
    let checks: Vec<&'a str> = native.0.iter().chain(only_foreign).map(|line| line.check).collect();
    let all = checks.iter().map(|check| Disagreement {
        check,
        native: native.find(check),
        foreign: foreign.find(check),
    });
    let disagreements = all.filter(|found| found.native != found.foreign).collect();
    Comparison { checks: checks.len(), disagreements }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_an_answer_is_read_and_written_as_waf_does() {
        #[track_caller]
        fn check(text: &str, written: &str) {
            assert_eq!(Answer::parse(text).unwrap().to_string(), written);
        }
        check("OK", "OK");
        check("YES", "OK");
        check("FAIL", "NO");
        check("UNKNOWN", "UNKNOWN");
        check("\"x86_64\"", "\"x86_64\"");
        check("'x86_64'", "\"x86_64\"");
        check("\"\"", "OK");
        check("(0, \"a, b\")", "\"a, b\"");
        check("( -11 , \"\" )", "(-11, \"\")");
        check("(1, \"\")", "NO");
        for bad in ["", "MAYBE", "(1)", "(x, \"y\")", "(1, y)", "(1, \"y\""] {
            assert_eq!(Answer::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn files_are_compared_by_check_and_the_first_answer_counts() {
        let native = "# comment\n\nChecking uname: \"x86_64\"\nChecking getconf: OK\nChecking getconf: NO\nOnly here: OK\n";
        let foreign = "Checking getconf: YES\nChecking uname: \"aarch64\"\nOnly there: (3, \"x: y\")\n";
        let (native, foreign) = (Answers::parse(native).unwrap(), Answers::parse(foreign).unwrap());
        let found = compare(&native, &foreign);
        assert_eq!(found.checks, 4);
        let told: Vec<String> = found
            .disagreements
            .iter()
            .map(|one| {
                let show =
                    |answer: Option<Answer>| answer.map_or("-".to_owned(), |answer| answer.to_string());
                format!("{}: {} {}", one.check, show(one.native), show(one.foreign))
            })
            .collect();
        let expected =
            ["Checking uname: \"x86_64\" \"aarch64\"", "Only here: OK -", "Only there: - (3, \"x: y\")"];
        assert_eq!(told, expected);
        assert!(compare(&native, &native).disagreements.is_empty());
    }

    #[test]
    fn a_line_that_is_no_answer_is_named() {
        let error = Answers::parse("Checking a: OK\nChecking b\n").unwrap_err();
        assert_eq!(error.to_string(), "line 2 is no answer: `Checking b`");
        assert!(Answers::parse("Checking c: maybe").is_err());
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_reads_the_same(status in -300i64..300, output in "[a-z ,():]{0,12}") {
            let answer = Answer { status, output: output.trim() };
            let text = answer.to_string();
            proptest::prop_assert_eq!(Answer::parse(&text), Some(answer));
        }
    }
}
