//! How long guests took in earlier runs, so that the longest are started first and long test binaries can be spread.
//!
//! One JSON object a line, written anew at the end of a run. It is a help and nothing depends on it: a line that cannot be
//! read is passed over, a file that is too large is begun anew, and a run that is killed just leaves the old one.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{About as _, Error, Result};

/// A file larger than this is not ours, or damaged: the limits below allow a fifth of it.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// The most guests of which anything is kept; those that were run last stay.
const GUESTS_MAX: usize = 50_000;
/// The most tests of one binary that are kept, the longest.
const TESTS_MAX: usize = 200;
/// Tests that are shorter say nothing about where the time goes.
const TEST_MS_MIN: u64 = 10;

/// A guest on a target, both as text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Subject {
    /// The suite.
    pub(super) suite: String,
    /// The case, or the test binary.
    pub(super) case: String,
    /// The target; the host's triple natively.
    pub(super) target: String,
}

/// How long something took.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Took {
    /// All of it, on one processor.
    pub(super) ms: u64,
    /// Its long tests, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) tests: BTreeMap<String, u64>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    subject: Subject,
    took: Took,
}

/// What is known of all guests.
#[derive(Debug, Default)]
pub(crate) struct Durations {
    earlier: BTreeMap<Subject, Took>,
    now: BTreeMap<Subject, Took>,
}

impl Durations {
    /// Reads what earlier runs have left at `path`, as far as it can be read.
    pub(crate) fn read(path: &Path) -> Self {
        let fits = std::fs::metadata(path).is_ok_and(|meta| meta.len() <= FILE_BYTES_MAX);
        let text = if fits { fs_err::read(path).unwrap_or_default() } else { Vec::new() };
        let lines = text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
        let earlier = lines.map(|line: Line| (line.subject, line.took)).collect();
        Self { earlier, now: BTreeMap::new() }
    }

    /// What all guests of each target took when they were run last.
    pub(crate) fn by_target(&self) -> BTreeMap<&str, u64> {
        let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
        for (subject, took) in self.earlier.iter().chain(&self.now) {
            *sums.entry(&subject.target).or_default() += took.ms;
        }
        sums
    }

    /// How long it took when it was run last.
    pub(super) fn find(&self, subject: &Subject) -> Option<&Took> {
        self.now.get(subject).or_else(|| self.earlier.get(subject))
    }

    /// Notes how long it took now.
    pub(super) fn note(&mut self, subject: Subject, took: Took) {
        let mut tests: Vec<(String, u64)> =
            took.tests.into_iter().filter(|(_, ms)| *ms >= TEST_MS_MIN).collect();
        tests.sort_by_key(|(_, ms)| std::cmp::Reverse(*ms));
        tests.truncate(TESTS_MAX);
        self.now.insert(subject, Took { ms: took.ms, tests: tests.into_iter().collect() });
    }

    /// Writes everything for the next run, if there is anything new.
    pub(super) fn write(self, path: &Path) -> Result<()> {
        if self.now.is_empty() {
            return Ok(());
        }
        let room = GUESTS_MAX.saturating_sub(self.now.len());
        let old = self.earlier.into_iter().filter(|(subject, _)| !self.now.contains_key(subject)).take(room);
        let mut text = Vec::new();
        for (subject, took) in
            self.now.iter().take(GUESTS_MAX).map(|(s, t)| (s.clone(), t.clone())).chain(old)
        {
            serde_json::to_writer(&mut text, &Line { subject, took })
                .map_err(|error| Error::ours("cannot write durations as JSON").caused_by(error))?;
            text.push(b'\n');
        }
        let directory = path.parent().unwrap_or(Path::new("."));
        let file = tempfile::NamedTempFile::new_in(directory).about("create a file in", directory)?;
        fs_err::write(file.path(), text).about("write", file.path())?;
        // Two runs of one project at a time: the last one's durations stand, whole.
        file.persist(path).map_err(|error| error.error).about("write", path)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(case: &str) -> Subject {
        Subject { suite: "test".into(), case: case.into(), target: "s390x-unknown-linux-gnu".into() }
    }

    fn took(ms: u64, tests: &[(&str, u64)]) -> Took {
        Took { ms, tests: tests.iter().map(|(name, ms)| ((*name).to_owned(), *ms)).collect() }
    }

    #[test]
    fn the_next_run_knows_what_this_one_and_those_before_took() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("durations.jsonl");
        let mut first = Durations::read(&path);
        first.note(subject("a"), took(900, &[("long", 800), ("short", 3)]));
        first.note(subject("b"), took(5, &[]));
        first.write(&path).unwrap();
        let mut second = Durations::read(&path);
        second.note(subject("b"), took(7, &[]));
        second.write(&path).unwrap();
        let third = Durations::read(&path);
        assert_eq!(third.find(&subject("a")), Some(&took(900, &[("long", 800)])));
        assert_eq!(third.find(&subject("b")), Some(&took(7, &[])));
        assert_eq!(third.find(&subject("c")), None);
    }

    #[test]
    fn a_damaged_file_costs_what_is_damaged() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("durations.jsonl");
        let mut first = Durations::read(&path);
        first.note(subject("a"), took(1, &[]));
        first.note(subject("b"), took(2, &[]));
        first.write(&path).unwrap();
        let text = fs_err::read_to_string(&path).unwrap();
        fs_err::write(&path, [b"\xff\0{\n", text.replacen("\"ms\"", "\"m", 1).as_bytes()].concat()).unwrap();
        let known = Durations::read(&path);
        assert_eq!((known.find(&subject("a")), known.find(&subject("b"))), (None, Some(&took(2, &[]))));
    }

    #[test]
    fn what_is_kept_has_a_limit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("durations.jsonl");
        let mut known = Durations::default();
        let many: Vec<(String, u64)> = (0..1000).map(|number| (format!("t{number}"), 10 + number)).collect();
        known.note(subject("a"), Took { ms: 1, tests: many.into_iter().collect() });
        known.write(&path).unwrap();
        let known = Durations::read(&path);
        let tests = &known.find(&subject("a")).unwrap().tests;
        assert_eq!((tests.len(), tests.values().min()), (TESTS_MAX, Some(&810)), "the longest stay");
    }
}
