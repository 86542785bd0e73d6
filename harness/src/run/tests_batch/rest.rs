//! What is done when not all tests run in one process, or when that process did not come to its end in order.

use std::collections::BTreeSet;
use std::ffi::OsString;

use super::{BadEnd, CONFIRMED_MAX, Doing, Runner, Started, told};
use crate::error::Result;
use crate::libtest::{self, Standing, TestOutcome, TestRun};
use crate::manifest::Isolation;
use crate::observation::{End, Observation};

/// The most characters of test names in one command line; Windows allows 32,767 for all of it.
const NAME_CHARS_MAX: usize = 20_000;

/// How a batch went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// Every test of it has its outcome.
    InOrder,
    /// Some have none: the next one shall be smaller.
    Died,
}

impl Runner<'_> {
    /// The tests that run together and those that run by themselves, where not all run together.
    pub(super) fn apart(&mut self) -> Result<Option<(Vec<String>, Vec<String>)>> {
        let batch = self.batch;
        let none_apart = batch.isolated.is_empty() && batch.needs_kernel.is_empty();
        let all_together = batch.isolation == Isolation::Batch && none_apart && batch.shard.is_none();
        if !batch.libtest || (batch.only.is_none() && all_together) {
            return Ok(None);
        }
        let names = match (batch.only, batch.passed_natively) {
            (Some(names), _) => names.to_vec(),
            (None, passed) => match (self.list()?, passed) {
                (Ok(names), _) => names,
                (Err(_), Some(passed)) => passed.iter().cloned().collect(),
                (Err(_), None) => Vec::new(),
            },
        };
        if names.is_empty() {
            // It has no tests, is no libtest binary, or dies: a run of all of it shows which.
            return Ok(None);
        }
        let owned = names.into_iter().filter(|name| batch.is_owned(name));
        let (apart, together): (Vec<_>, Vec<_>) = owned.partition(|name| batch.is_isolated(name));
        let chosen = batch.only.is_some() || batch.shard.is_some();
        Ok((chosen || !apart.is_empty()).then_some((together, apart)))
    }

    /// Goes on after a run of everything that did not come to its end in order.
    pub(super) fn after(&mut self, run: TestRun, observation: &Observation) -> Result<()> {
        let listed = match self.list()? {
            // A harness that only looks like libtest may have no list.
            Ok(names) if !names.is_empty() || run.outcomes.is_empty() => Some(names),
            Ok(_) => None,
            Err(why) => {
                self.tests.bad_ends.push(BadEnd { told: why, during: Vec::new() });
                None
            }
        };
        let names = listed.unwrap_or_else(|| {
            let known = self.batch.passed_natively.into_iter().flatten();
            let told = run.outcomes.keys().chain(&run.unfinished);
            let names: BTreeSet<String> = known.chain(told).cloned().collect();
            if let Some(announced) = run.announced.filter(|announced| *announced > names.len() as u64) {
                let told = format!("it announced {announced} tests, told of {} and lists none", names.len());
                self.tests.bad_ends.push(BadEnd { told, during: Vec::new() });
            }
            names.into_iter().collect()
        });
        self.sort_out(run, observation, &names)?;
        self.settle(names)
    }

    /// Gives every one of these tests an outcome, or a reason why it has none.
    pub(super) fn settle(&mut self, mut remaining: Vec<String>) -> Result<()> {
        remaining.retain(|name| !self.is_settled(name));
        let mut size = remaining.len();
        while !remaining.is_empty() && !self.interrupted {
            let names = fitting(&remaining, size);
            let progress = match names {
                [name] => self.alone(name).map(|()| Progress::InOrder)?,
                names => self.together(names)?,
            };
            size = match progress {
                Progress::InOrder => size.saturating_mul(2),
                Progress::Died => (names.len() / 2).max(1),
            };
            remaining.retain(|name| !self.is_settled(name));
        }
        let deaths = self.deaths;
        let bad_ends = self.unexplained.drain(..).filter(|(_, before)| *before == deaths);
        self.tests.bad_ends.extend(bad_ends.map(|(bad_end, _)| bad_end));
        Ok(())
    }

    /// Runs these tests in one process.
    fn together(&mut self, names: &[String]) -> Result<Progress> {
        let mut words = self.words.manner.clone();
        words.push("--exact".to_owned());
        words.extend(names.iter().cloned());
        let started = self.start(&words, Doing::Tests)?;
        let run = self.read(&started);
        let observation = match started {
            Started::Ran(observation, _) => observation,
            Started::Blocked(blocked) => {
                let lost = names.iter().map(|name| (name.clone(), blocked.reason.clone()));
                self.tests.lost.extend(lost);
                return Ok(Progress::InOrder);
            }
        };
        let Some(run) = run else { return Ok(Progress::Died) };
        if run.standing(observation.end.is_success()) == Standing::Broken {
            self.sort_out(run, &observation, names)?;
            return Ok(Progress::Died);
        }
        self.keep(run, &observation)?;
        for name in names.iter().filter(|name| !self.tests.outcomes.contains_key(*name)) {
            self.tests.lost.insert(name.clone(), NOT_FOUND.to_owned());
        }
        Ok(Progress::InOrder)
    }

    /// Keeps all that a run told in which every test came to an outcome.
    pub(super) fn keep(&mut self, run: TestRun, observation: &Observation) -> Result<()> {
        let passed = run.outcomes.iter().filter(|(_, outcome)| **outcome == TestOutcome::Passed);
        let names: Vec<String> = passed.map(|(name, _)| name.clone()).collect();
        let standing = run.standing(observation.end.is_success());
        self.tests.outcomes.extend(run.outcomes);
        self.tests.durations_ms.extend(run.durations_ms);
        if standing != Standing::EndedBadly || self.interrupted {
            return Ok(());
        }
        // Whose doing the end is shows alone, and so does whether all that was told before it is true. Of a large binary
        // the end is a finding by itself.
        let deaths = self.deaths;
        if names.len() <= CONFIRMED_MAX {
            names.iter().try_for_each(|name| self.alone(name))?;
        }
        if names.iter().all(|name| self.died_after.contains(name)) {
            // It ends so whichever test it has run: that is nothing of the tests.
            let passed = names.into_iter().map(|name| (name, TestOutcome::Passed));
            self.tests.outcomes.extend(passed);
        } else if self.deaths > deaths {
            return Ok(());
        }
        self.tests.bad_ends.push(BadEnd { told: told(observation), during: Vec::new() });
        Ok(())
    }

    /// Keeps what a broken run of these tests told, as far as it can be believed, and runs alone what it left unfinished
    /// or told of as libtest does not.
    fn sort_out(&mut self, run: TestRun, observation: &Observation, names: &[String]) -> Result<()> {
        let names: BTreeSet<&String> = names.iter().collect();
        let died = !is_its_own_end(&run, &observation.end);
        // Each test has one outcome, and the count or the status says otherwise: it may be anyone's.
        let contradicts = run.suspects.is_empty()
            && run.unfinished.is_empty()
            && run.announced == u64::try_from(run.outcomes.len()).ok();
        let questionable = |name: &String| run.suspects.contains(name) || run.unfinished.contains(name);
        let alone: Vec<&String> =
            names.iter().copied().filter(|name| questionable(name) && !self.alone.contains(*name)).collect();
        let told: Vec<String> = run
            .outcomes
            .iter()
            .filter(|(name, _)| names.contains(name) && !questionable(name) && !self.alone.contains(*name))
            .map(|(name, _)| name.clone())
            .collect();
        if !contradicts {
            for name in &told {
                self.tests.outcomes.insert(name.clone(), run.outcomes[name].clone());
            }
            self.tests.durations_ms.extend(run.durations_ms);
        }
        if self.interrupted {
            return Ok(());
        }
        let deaths = self.deaths;
        alone.into_iter().try_for_each(|name| self.alone(name))?;
        if !died || deaths != self.deaths {
            return Ok(());
        }
        let during = run.unfinished.iter().filter(|name| names.contains(name)).cloned().collect();
        let bad_end = BadEnd { told: super::told(observation), during };
        self.unexplained.push((bad_end, self.deaths));
        // Nobody dies alone of those that were running. Perhaps one that was believed to be done still was: all of them
        // once more, in a smaller batch, down to one.
        for name in &told {
            self.tests.outcomes.remove(name);
        }
        Ok(())
    }

    /// The names of all tests that the words select; or why they are not known.
    fn list(&mut self) -> Result<std::result::Result<Vec<String>, String>> {
        let mut args: Vec<OsString> = if self.batch.libtest {
            self.words.manner.iter().chain(&self.words.choice).map(OsString::from).collect()
        } else {
            self.batch.args.iter().map(OsString::from).collect()
        };
        args.push("--list".into());
        Ok(match self.start_plain(&args, Doing::List)? {
            Started::Ran(observation, _) if observation.end.is_success() => {
                Ok(libtest::parse_list(&observation.stdout))
            }
            Started::Ran(observation, _) => {
                self.interrupted |= observation.end == End::Interrupted;
                Err(format!("asked for the list of its tests: {}", told(&observation)))
            }
            Started::Blocked(blocked) => Err(blocked.reason),
        })
    }
}

/// Why a listed test has no outcome where the binary ran and said nothing of it.
pub(super) const NOT_FOUND: &str = "the binary lists it, and does not run it when it is named";

/// Whether the process ended as libtest ends it: after a count, and with a status that says the same.
fn is_its_own_end(run: &TestRun, end: &End) -> bool {
    const FAILED: u32 = 101;
    run.counted.is_some_and(|counted| match end {
        End::Exited { code: 0 } => counted.failed == 0,
        End::Exited { code: FAILED } => counted.failed > 0,
        End::Exited { .. }
        | End::Signalled { .. }
        | End::TimedOut { .. }
        | End::OutputLimit { .. }
        | End::NotStarted { .. }
        | End::Interrupted => false,
    })
}

/// As many names from the front as make one command line, at most `count` and at least one.
fn fitting(names: &[String], count: usize) -> &[String] {
    let mut chars = 0;
    let fit = names.iter().take(count.max(1)).take_while(|name| {
        chars += name.len() + 3;
        chars < NAME_CHARS_MAX
    });
    &names[..fit.count().max(1).min(names.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_never_empty_and_never_too_long() {
        let names: Vec<String> = (0..3).map(|number| "n".repeat(9_000) + &number.to_string()).collect();
        assert_eq!(fitting(&names, 3).len(), 2);
        assert_eq!(fitting(&names, 1).len(), 1);
        assert_eq!(fitting(&names, 0).len(), 1);
        let long = ["n".repeat(NAME_CHARS_MAX + 1)];
        assert_eq!(fitting(&long, 5).len(), 1);
        assert_eq!(fitting(&[], 5).len(), 0);
    }
}
