//! One test in a process of its own: there the end of the process is the test's, whatever was printed.

use super::rest::NOT_FOUND;
use super::{Doing, Runner, Started, Style, told};
use crate::error::Result;
use crate::libtest::{TestOutcome, TestRun};
use crate::observation::{End, Observation};

/// What a process with one test came to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Alone {
    /// The test told it, and the process's end agrees.
    Told(TestOutcome),
    /// The process did not end as one does in which no test fails and none ends it; this is what can be said of it.
    Died(String),
    /// It passed, and then the process ended in this way.
    DiedAfter(String),
    /// No test of this name was run.
    NotThere,
}

/// What the process of the test `name` came to: its count and its exit status decide, records say only why.
fn judge(name: &str, run: Option<&TestRun>, observation: &Observation) -> Alone {
    let Some(run) = run else { return Alone::Died(told(observation)) };
    let outcome = run.outcomes.get(name);
    let failure = match outcome {
        Some(TestOutcome::Failed(text)) => Some(text.clone()),
        Some(TestOutcome::Passed | TestOutcome::Ignored(_)) | None => None,
    };
    let passed = matches!(outcome, Some(TestOutcome::Passed));
    match (run.counted, observation.end.is_success()) {
        (Some(counted), _) if counted.passed + counted.failed + counted.ignored == 0 => Alone::NotThere,
        (Some(counted), true) if counted.failed == 0 && counted.passed == 0 => match outcome {
            Some(ignored @ TestOutcome::Ignored(_)) => Alone::Told(ignored.clone()),
            Some(TestOutcome::Passed | TestOutcome::Failed(_)) | None => {
                Alone::Told(TestOutcome::Ignored(None))
            }
        },
        (Some(counted), true) if counted.failed == 0 => Alone::Told(TestOutcome::Passed),
        (Some(counted), false) if counted.failed > 0 => {
            // Where output is not captured, the test has said it to the standard error.
            let text = failure.filter(|text| !text.is_empty()).unwrap_or_else(|| told(observation));
            Alone::Told(TestOutcome::Failed(text))
        }
        (Some(_), true) => Alone::Died("it failed, and the process ended with status 0".to_owned()),
        (Some(counted), false) => {
            let text = format!("it passed, and then the process ended: {}", told(observation));
            // Whoever counts more than was announced is not libtest.
            let is_counted = run.announced == Some(counted.passed) && run.suspects.is_empty();
            if passed && is_counted { Alone::DiedAfter(text) } else { Alone::Died(text) }
        }
        (None, true) => Alone::Died("the process ended with status 0 and no word of the test's outcome: it ended the process, or closed its standard output".to_owned()),
        (None, false) => {
            let seen = told(observation);
            let text = failure.map_or_else(|| seen.clone(), |text| format!("{}\n{seen}", text.trim_end()));
            Alone::Died(if passed { format!("it told `ok`, and did not come to its end: {text}") } else { text })
        }
    }
}

impl Runner<'_> {
    /// Runs one test by itself, once; whatever ends its process is its outcome.
    pub(super) fn alone(&mut self, name: &str) -> Result<()> {
        if self.interrupted || !self.alone.insert(name.to_owned()) {
            return Ok(());
        }
        let words = [self.words.manner.as_slice(), &["--exact".to_owned(), name.to_owned()]].concat();
        let started = self.start(&words, Doing::Test(name))?;
        let run = self.read(&started);
        let observation = match started {
            Started::Ran(observation, _) if observation.end == End::Interrupted => return Ok(()),
            Started::Ran(observation, _) => observation,
            Started::Blocked(blocked) => {
                self.tests.blocked.insert(name.to_owned(), blocked);
                return Ok(());
            }
        };
        if let Some(run) = &run {
            self.tests
                .durations_ms
                .extend(run.durations_ms.get_key_value(name).map(|(k, v)| (k.clone(), *v)));
            // Whoever tells of other tests here did so in company, too.
            let others = run.outcomes.keys().chain(&run.suspects).filter(|other| *other != name);
            self.doubted.extend(others.filter(|other| self.tests.outcomes.contains_key(*other)).cloned());
        }
        let outcome = match judge(name, run.as_ref(), &observation) {
            Alone::Told(outcome) => outcome,
            Alone::NotThere => {
                self.tests.outcomes.remove(name);
                self.tests.lost.insert(name.to_owned(), NOT_FOUND.to_owned());
                return Ok(());
            }
            Alone::DiedAfter(text) => {
                self.deaths += 1;
                self.died_after.insert(name.to_owned());
                TestOutcome::Failed(text)
            }
            Alone::Died(text) => {
                self.deaths += 1;
                if matches!(observation.end, End::TimedOut { .. }) {
                    self.tests.timed_out.insert(name.to_owned());
                    TestOutcome::Failed(text)
                } else {
                    TestOutcome::Failed(self.last_words(name, &words)?.unwrap_or(text))
                }
            }
        };
        self.tests.outcomes.insert(name.to_owned(), outcome);
        Ok(())
    }

    /// What a test that takes its process with it says when libtest does not keep that to itself: the message of a panic
    /// that aborts.
    fn last_words(&mut self, name: &str, words: &[String]) -> Result<Option<String>> {
        if self.style == Style::Text || self.words.shows_output() {
            return Ok(None);
        }
        let wall = self.tests.wall;
        let words = [words, &["--nocapture".to_owned()]].concat();
        let started = self.start(&words, Doing::Test(name))?;
        self.tests.wall = wall;
        let Started::Ran(observation, _) = started else { return Ok(None) };
        let is_same = !observation.end.is_success()
            && !matches!(observation.end, End::Interrupted | End::TimedOut { .. });
        Ok((is_same && !observation.stderr.is_empty()).then(|| told(&observation)))
    }

    /// Runs alone the tests whose outcome somebody else may have told.
    pub(super) fn clear_doubts(&mut self) -> Result<()> {
        while let Some(name) = self.doubted.pop_first() {
            if !self.alone.contains(&name) {
                self.tests.outcomes.remove(&name);
                self.alone(&name)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::libtest::Counts;

    fn ended(end: End) -> Observation {
        Observation {
            end,
            stdout: Vec::new(),
            stderr: b"some words\n".to_vec(),
            files: BTreeMap::new(),
            wall: Duration::ZERO,
            cpu: Duration::ZERO,
            peak_rss_bytes: 0,
            leaked: Vec::new(),
            emulator_log: Vec::new(),
            roots: Vec::new(),
        }
    }

    fn run(outcome: Option<TestOutcome>, counted: Option<[u64; 3]>) -> TestRun {
        TestRun {
            outcomes: outcome.into_iter().map(|outcome| ("a".to_owned(), outcome)).collect(),
            announced: Some(1),
            counted: counted.map(|[passed, failed, ignored]| Counts { passed, failed, ignored }),
            ..TestRun::default()
        }
    }

    #[test]
    fn the_end_of_the_process_decides_and_not_what_was_printed() {
        let passed = || Some(TestOutcome::Passed);
        let failed = || Some(TestOutcome::Failed("boom".into()));
        let exited = |code| ended(End::Exited { code });
        let judged = |told: &TestRun, end: &Observation| judge("a", Some(told), end);
        let good = run(passed(), Some([1, 0, 0]));
        assert_eq!(judged(&good, &exited(0)), Alone::Told(TestOutcome::Passed));
        assert!(
            matches!(judged(&good, &ended(End::Signalled { signal: 11 })), Alone::DiedAfter(text) if text.contains("passed, and then"))
        );
        let bad = run(failed(), Some([0, 1, 0]));
        assert_eq!(judged(&bad, &exited(101)), Alone::Told(TestOutcome::Failed("boom".into())));
        assert!(matches!(judged(&bad, &exited(0)), Alone::Died(_)));
        let forged = run(passed(), Some([0, 1, 0]));
        assert!(matches!(judged(&forged, &exited(101)), Alone::Told(TestOutcome::Failed(_))));
        assert!(
            matches!(judged(&run(passed(), None), &exited(0)), Alone::Died(text) if text.contains("status 0"))
        );
        assert!(
            matches!(judged(&run(None, None), &exited(134)), Alone::Died(text) if text.contains("some words"))
        );
        assert_eq!(judged(&run(None, Some([0, 0, 0])), &exited(0)), Alone::NotThere);
        assert_eq!(judged(&run(None, Some([0, 0, 1])), &exited(0)), Alone::Told(TestOutcome::Ignored(None)));
        assert!(matches!(judge("a", None, &exited(0)), Alone::Died(_)), "no word of any test");
    }
}
