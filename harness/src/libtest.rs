//! What a libtest binary says of its tests: JSON records, or the text it prints where it does not know JSON.
//!
//! Both stand on the standard output that the tests themselves write to, so nothing here is believed only because it is
//! there. libtest announces how many tests it runs, tells of each exactly once after its start (in JSON), and counts
//! them at its end; what does not fit, because a test printed something that looks like a record or broke one in two,
//! makes the run [`Standing::Broken`], and whoever asked has the tests in question run alone. A process that forges all
//! of it, the end and the exit status included, is not found out: it could as well have no assertions.

mod json;
mod text;
mod words;

use std::collections::{BTreeMap, BTreeSet};

pub use json::parse_json;
pub use text::{parse_list, parse_text};
pub use words::Words;

/// The outcome of one test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TestOutcome {
    /// It passed.
    Passed,
    /// It failed, and printed this.
    Failed(String),
    /// It is marked `#[ignore]`, or libtest leaves it out on this target.
    Ignored(Option<String>),
}

/// How many tests a binary counted at its end, by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tests that passed.
    pub passed: u64,
    /// Tests that failed.
    pub failed: u64,
    /// Tests that were not run.
    pub ignored: u64,
}

impl Counts {
    fn of<'a>(outcomes: impl IntoIterator<Item = &'a TestOutcome>) -> Self {
        let mut counts = Self::default();
        for outcome in outcomes {
            match outcome {
                TestOutcome::Passed => counts.passed += 1,
                TestOutcome::Failed(_) => counts.failed += 1,
                TestOutcome::Ignored(_) => counts.ignored += 1,
            }
        }
        counts
    }

    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }
}

/// All that one run of a test binary told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TestRun {
    /// Outcomes by name; of a name that is told of twice, the first, or a failure.
    pub outcomes: BTreeMap<String, TestOutcome>,
    /// Durations by name, in milliseconds, where libtest told them.
    pub durations_ms: BTreeMap<String, u64>,
    /// Tests that started and have no outcome, in the order of their start: whoever ended the process is among them.
    pub unfinished: Vec<String>,
    /// Names that are told of as libtest does not: twice, or without a start.
    pub suspects: BTreeSet<String>,
    /// How many tests the binary announced.
    pub announced: Option<u64>,
    /// What it counted at its end, if that is the last that it told.
    pub counted: Option<Counts>,
}

/// How far a run can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Every announced test has one outcome, and the count and the exit status say the same.
    Whole,
    /// Every announced test has one outcome and none failed; then the process ended as after a failure.
    EndedBadly,
    /// Some tests have no outcome that can be believed.
    Broken,
}

impl TestRun {
    /// How far the run can be believed, if its process exited with status 0 (`success`) or in another way.
    pub fn standing(&self, success: bool) -> Standing {
        let counts = Counts::of(self.outcomes.values());
        let each_once = self.suspects.is_empty()
            && self.unfinished.is_empty()
            && self.announced == u64::try_from(self.outcomes.len()).ok();
        match (each_once, self.counted) {
            (true, Some(counted)) if counted == counts => match (counts.failed, success) {
                (0, true) | (1.., false) => Standing::Whole,
                (0, false) => Standing::EndedBadly,
                (1.., true) => Standing::Broken,
            },
            // It was gone before it could count.
            (true, None) if counts.failed == 0 => Standing::EndedBadly,
            (true, None) if !success => Standing::Whole,
            (true | false, _) => Standing::Broken,
        }
    }
}

/// Seconds as libtest prints them, as whole milliseconds; nonsense is 0.
fn milliseconds(seconds: f64) -> u64 {
    u64::try_from(std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default().as_millis())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(outcomes: &[(&str, TestOutcome)], counted: Option<Counts>) -> TestRun {
        TestRun {
            outcomes: outcomes.iter().map(|(name, outcome)| ((*name).to_owned(), outcome.clone())).collect(),
            announced: Some(outcomes.len() as u64),
            counted,
            ..TestRun::default()
        }
    }

    #[test]
    fn a_run_is_believed_where_records_count_and_status_agree() {
        let failed = || TestOutcome::Failed(String::new());
        let counts = |passed, failed| Some(Counts { passed, failed, ignored: 0 });
        let good = run(&[("a", TestOutcome::Passed), ("b", TestOutcome::Passed)], counts(2, 0));
        assert_eq!(good.standing(true), Standing::Whole);
        assert_eq!(good.standing(false), Standing::EndedBadly);
        let bad = run(&[("a", TestOutcome::Passed), ("b", failed())], counts(1, 1));
        assert_eq!(bad.standing(false), Standing::Whole);
        assert_eq!(bad.standing(true), Standing::Broken, "a failure and status 0");
        let gone = TestRun { counted: None, ..good.clone() };
        assert_eq!(gone.standing(true), Standing::EndedBadly, "status 0 before the end is no end");
        let miscounted = TestRun { counted: counts(1, 1), ..good.clone() };
        assert_eq!(miscounted.standing(false), Standing::Broken);
        let lost = TestRun { announced: Some(3), ..good.clone() };
        assert_eq!(lost.standing(true), Standing::Broken);
        let suspect = TestRun { suspects: BTreeSet::from(["a".to_owned()]), ..good };
        assert_eq!(suspect.standing(true), Standing::Broken);
    }
}
