//! The tests of one libtest binary, run in one process and told apart by libtest's own records.
//!
//! A process that ends early takes its unfinished tests with it: each of those is run again alone, which names
//! the culprit, and the rest goes on in a new batch. A failure on a target is confirmed alone before it is
//! reported, because a test that fails only in company is another finding.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use triplecheck_emulators::launch::Kind;

use super::Blocked;
use super::board::{Doing, Label};
use super::cell::{Start, Started, Starter};
use crate::error::Result;
use crate::libtest::{self, TestOutcome, TestRun};
use crate::manifest::Isolation;
use crate::observation::{End, Observation};
use crate::plan::PlannedTarget;

/// The most characters of test names in one command line; Windows allows 32,767 for all of it.
const NAME_CHARS_MAX: usize = 20_000;
/// The most failures of one binary that are confirmed alone; beyond that the binary as a whole is broken.
const CONFIRMED_MAX: usize = 50;

/// A test binary and how it is called.
#[derive(Debug, Clone)]
pub(crate) struct Batch<'a> {
    pub(crate) program: &'a Path,
    pub(crate) package_dir: &'a Path,
    pub(crate) env: &'a [(String, String)],
    pub(crate) args: &'a [String],
    pub(crate) isolation: Isolation,
    pub(crate) deadline: Duration,
    pub(crate) label: Label<'a>,
    /// The tests that passed natively: their failures are confirmed. `None` for the native side itself.
    pub(crate) passed_natively: Option<&'a BTreeSet<String>>,
}

/// What the tests of one binary came to.
#[derive(Debug, Default)]
pub(crate) struct Tests {
    /// Outcomes by test name.
    pub(crate) outcomes: BTreeMap<String, TestOutcome>,
    /// Durations by test name.
    pub(crate) durations_ms: BTreeMap<String, u64>,
    /// Tests that failed in the batch and passed alone.
    pub(crate) only_in_company: BTreeSet<String>,
    /// Tests that were ended at the deadline when run alone.
    pub(crate) timed_out: BTreeSet<String>,
    /// How long the first batch took.
    pub(crate) wall: Duration,
    /// The emulator.
    pub(crate) kind: Option<Kind>,
}

/// What running a binary came to.
pub(crate) enum Outcome {
    /// It is a libtest binary.
    Tests(Tests),
    /// It is not: its own observation is all there is.
    Program(Box<Observation>, Kind),
    /// It cannot be run here.
    Blocked(Blocked),
}

/// Runs all tests of a binary.
pub(crate) fn run(starter: &Starter<'_>, planned: &PlannedTarget, batch: &Batch<'_>) -> Result<Outcome> {
    let mut runner = Runner { starter, planned, batch, tests: Tests::default() };
    let (observation, kind) = match runner.start(batch.args, Doing::Tests)? {
        Started::Ran(observation, kind) => (observation, kind),
        Started::Blocked(blocked) => return Ok(Outcome::Blocked(blocked)),
    };
    let Some(first) = read(&observation) else {
        return Ok(Outcome::Program(observation, kind));
    };
    runner.tests.wall = observation.wall;
    runner.tests.kind = Some(kind);
    let whole = first.finished && batch.isolation == Isolation::Batch;
    runner.absorb(first);
    if !whole && observation.end != End::Interrupted {
        runner.rest()?;
    }
    runner.confirm()?;
    Ok(Outcome::Tests(runner.tests))
}

/// Runs some tests of a binary, each alone.
pub(crate) fn run_alone(
    starter: &Starter<'_>,
    planned: &PlannedTarget,
    batch: &Batch<'_>,
    names: &[String],
) -> Result<Outcome> {
    let mut runner = Runner { starter, planned, batch, tests: Tests::default() };
    names.iter().try_for_each(|name| runner.alone(name))?;
    Ok(Outcome::Tests(runner.tests))
}

fn read(observation: &Observation) -> Option<TestRun> {
    libtest::parse_json(&observation.stdout).or_else(|| libtest::parse_text(&observation.stdout))
}

struct Runner<'a> {
    starter: &'a Starter<'a>,
    planned: &'a PlannedTarget,
    batch: &'a Batch<'a>,
    tests: Tests,
}

impl Runner<'_> {
    fn start<S: AsRef<str>>(&self, words: &[S], doing: Doing<'_>) -> Result<Started> {
        let mut args: Vec<OsString> = words.iter().map(|word| word.as_ref().into()).collect();
        args.extend(["--format", "json", "-Zunstable-options", "--report-time"].map(OsString::from));
        self.start_plain(&args, doing)
    }

    fn start_plain(&self, args: &[OsString], doing: Doing<'_>) -> Result<Started> {
        let mut env = self.batch.env.to_vec();
        // libtest gives its records on stable only to those who say this; it changes nothing else in it.
        env.push(("RUSTC_BOOTSTRAP".into(), "1".into()));
        self.starter.start(
            self.planned,
            &Start {
                program: self.batch.program,
                args,
                env,
                stdin: None,
                files: &[],
                dir: Some(self.batch.package_dir),
                deadline: self.batch.deadline,
                label: Label { doing, ..self.batch.label },
                varied: false,
            },
        )
    }

    /// Keeps the outcomes of a batch; under process isolation only the names count.
    fn absorb(&mut self, run: TestRun) {
        if self.batch.isolation == Isolation::Process {
            return;
        }
        for (name, outcome) in run.outcomes {
            self.tests.outcomes.entry(name).or_insert(outcome);
        }
        self.tests.durations_ms.extend(run.durations_ms);
    }

    /// Runs what has no outcome yet.
    fn rest(&mut self) -> Result<()> {
        let mut remaining = self.list()?;
        remaining.retain(|name| !self.tests.outcomes.contains_key(name));
        while let Some(first) = remaining.first().cloned() {
            if self.batch.isolation == Isolation::Process {
                self.alone(&first)?;
            } else {
                self.next_batch(&remaining, &first)?;
            }
            let before = remaining.len();
            remaining.retain(|name| !self.tests.outcomes.contains_key(name));
            if remaining.len() == before {
                // Neither a batch nor the test alone gave it an outcome: the run was interrupted.
                break;
            }
        }
        Ok(())
    }

    fn next_batch(&mut self, remaining: &[String], first: &str) -> Result<()> {
        let mut chars = 0;
        let names = remaining.iter().take_while(|name| {
            chars += name.len() + 3;
            chars < NAME_CHARS_MAX || name.as_str() == first
        });
        let mut words: Vec<String> = vec!["--exact".into()];
        words.extend(names.cloned());
        let Started::Ran(observation, _) = self.start(&words, Doing::Tests)? else { return Ok(()) };
        let Some(run) = read(&observation) else { return self.alone(first) };
        let unfinished = run.unfinished.clone();
        let progressed = !run.outcomes.is_empty();
        self.absorb(run);
        for name in &unfinished {
            self.alone(name)?;
        }
        if !progressed && unfinished.is_empty() { self.alone(first) } else { Ok(()) }
    }

    /// Runs one test by itself; whatever ends its process is its outcome.
    fn alone(&mut self, name: &str) -> Result<()> {
        let Started::Ran(observation, kind) = self.start(&["--exact", name], Doing::Test(name))? else {
            return Ok(());
        };
        self.tests.kind = Some(kind);
        if observation.end == End::Interrupted {
            return Ok(());
        }
        let told = read(&observation).and_then(|mut run| {
            self.tests.durations_ms.extend(std::mem::take(&mut run.durations_ms));
            run.outcomes.remove(name)
        });
        let outcome = told.unwrap_or_else(|| {
            if matches!(observation.end, End::TimedOut { .. }) {
                self.tests.timed_out.insert(name.to_owned());
            }
            TestOutcome::Failed(format!("{}\n{}", observation.end, tail(&observation.stderr)))
        });
        self.tests.outcomes.insert(name.to_owned(), outcome);
        Ok(())
    }

    /// The names of all tests that the batch's arguments select.
    fn list(&self) -> Result<Vec<String>> {
        let mut args: Vec<OsString> = self.batch.args.iter().map(OsString::from).collect();
        args.extend(["--list", "--format", "terse"].map(OsString::from));
        match self.start_plain(&args, Doing::List)? {
            Started::Ran(observation, _) => Ok(libtest::parse_list(&observation.stdout)),
            Started::Blocked(_) => Ok(Vec::new()),
        }
    }

    fn confirm(&mut self) -> Result<()> {
        let Some(passed) = self.batch.passed_natively else { return Ok(()) };
        let failed: Vec<String> = self
            .tests
            .outcomes
            .iter()
            .filter(|(name, outcome)| matches!(outcome, TestOutcome::Failed(_)) && passed.contains(*name))
            .map(|(name, _)| name.clone())
            .take(CONFIRMED_MAX)
            .collect();
        for name in failed {
            let in_company = self.tests.outcomes.remove(&name);
            self.alone(&name)?;
            let alone = self.tests.outcomes.get(&name);
            if matches!(alone, Some(TestOutcome::Passed)) {
                self.tests.only_in_company.insert(name.clone());
            }
            // What it said in company is the finding where it passes alone, and stands where there is no more.
            if let Some(outcome) = in_company
                && !matches!(alone, Some(TestOutcome::Failed(_)))
            {
                self.tests.outcomes.insert(name, outcome);
            }
        }
        Ok(())
    }
}

/// The last lines of a standard error, where a crash says why.
fn tail(stderr: &[u8]) -> String {
    const LINES: usize = 12;
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}
