//! The tests of one libtest binary, run in one process and told apart by libtest's own records.
//!
//! A process that ends early takes its unfinished tests with it: each of those is run again alone, which names
//! the culprit, and the rest goes on in new batches, smaller ones the more often that happens. What a batch says is
//! believed only where it is consistent ([`crate::libtest`]); tests that it is not about are run alone too. A failure on
//! a target is confirmed alone before it is reported, because a test that fails only in company is another finding.
//! A process that dies although each of its tests passes is a finding about the process, and nobody is blamed for it.

mod alone;
mod rest;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use triplecheck_emulators::launch::Kind;

use super::Blocked;
use super::board::{Doing, Label};
use super::cell::{Start, Started, Starter};
use crate::error::Result;
use crate::libtest::{self, Standing, TestOutcome, TestRun, Words};
use crate::manifest::Isolation;
use crate::observation::{End, Observation};
use crate::plan::PlannedTarget;
use crate::shard::Shard;

/// The most failures of one binary that are confirmed alone; beyond that the binary as a whole is broken.
const CONFIRMED_MAX: usize = 50;

/// A test binary and how it is called.
#[derive(Debug, Clone)]
pub(crate) struct Batch<'a> {
    pub(crate) program: &'a Path,
    pub(crate) package_dir: &'a Path,
    pub(crate) env: &'a [(String, String)],
    pub(crate) args: &'a [String],
    /// Whether libtest is its `main`; else it is started as cargo does, and its output may or may not be libtest's.
    pub(crate) libtest: bool,
    pub(crate) isolation: Isolation,
    /// The name under which its tests stand in the suite; empty for a library's.
    pub(crate) name: &'a str,
    /// Globs over the names of the suite's cases: these tests get a process of their own.
    pub(crate) isolated: &'a [String],
    /// Globs over the names of the suite's cases: these tests need a kernel of their own machine, and a process of their own.
    pub(crate) needs_kernel: &'a [String],
    /// Exactly these tests, instead of those that the words select.
    pub(crate) only: Option<&'a [String]>,
    /// Of those only the tests of this shard, if not of all.
    pub(crate) shard: Option<Shard>,
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
    /// Tests that failed in the batch and were not run alone, because too many did.
    pub(crate) unconfirmed: BTreeSet<String>,
    /// Tests that were ended at the deadline when run alone.
    pub(crate) timed_out: BTreeSet<String>,
    /// Tests that the binary has and that came to no outcome, and why.
    pub(crate) lost: BTreeMap<String, String>,
    /// Bad ends of the process for which no test is to blame.
    pub(crate) bad_ends: Vec<BadEnd>,
    /// Tests that cannot be run here, and why.
    pub(crate) blocked: BTreeMap<String, Blocked>,
    /// Tests that ran under another emulator than the rest of the binary.
    pub(crate) kinds: BTreeMap<String, Kind>,
    /// How long it took until every test had an outcome, confirmations left out.
    pub(crate) wall: Duration,
    /// The emulator.
    pub(crate) kind: Option<Kind>,
}

/// A bad end of a process whose tests are all well by themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BadEnd {
    /// How it ended, and the last that it said.
    pub(crate) told: String,
    /// The tests that ran at that time; none where all were done.
    pub(crate) during: Vec<String>,
}

impl Tests {
    /// The emulator under which a test ran.
    pub(crate) fn kind_of(&self, name: &str) -> Kind {
        self.kinds.get(name).copied().or(self.kind).unwrap_or(Kind::Native)
    }
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
    let with_kernel = planned.with_kernel(true);
    let mut runner = Runner {
        starter,
        planned: if batch.needs_kernel_as_a_whole() { &with_kernel } else { planned },
        with_kernel: &with_kernel,
        batch,
        words: Words::of(batch.args),
        style: if batch.libtest { Style::Json } else { Style::Text },
        tests: Tests::default(),
        alone: BTreeSet::new(),
        doubted: BTreeSet::new(),
        deaths: 0,
        died_after: BTreeSet::new(),
        unexplained: Vec::new(),
        interrupted: false,
    };
    let outcome = match runner.apart()? {
        Some((together, apart)) => {
            runner.settle(together)?;
            apart.iter().try_for_each(|name| runner.alone(name))?;
            None
        }
        None => runner.whole()?,
    };
    if let Some(outcome) = outcome {
        return Ok(outcome);
    }
    runner.clear_doubts()?;
    runner.confirm()?;
    Ok(Outcome::Tests(runner.tests))
}

/// How the binary is asked for its outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// libtest's records.
    Json,
    /// Words as the user typed them, and libtest's text in return.
    Text,
}

struct Runner<'a> {
    starter: &'a Starter<'a>,
    planned: &'a PlannedTarget,
    /// The same for tests that need a kernel.
    with_kernel: &'a PlannedTarget,
    batch: &'a Batch<'a>,
    words: Words,
    style: Style,
    tests: Tests,
    /// Tests that were run alone: what they came to there is final.
    alone: BTreeSet<String>,
    /// Tests whose outcome somebody else may have told.
    doubted: BTreeSet<String>,
    /// How many tests took their process with them when they ran alone.
    deaths: usize,
    /// Those of them that had passed before.
    died_after: BTreeSet<String>,
    /// Bad ends of batches with the deaths before them: a later one explains them.
    unexplained: Vec<(BadEnd, usize)>,
    interrupted: bool,
}

impl Batch<'_> {
    /// The name of a test's case in its suite.
    fn case(&self, name: &str) -> String {
        if self.name.is_empty() { name.to_owned() } else { format!("{}::{name}", self.name) }
    }

    /// Whether the test is of this run's shard.
    fn is_owned(&self, name: &str) -> bool {
        self.shard.is_none_or(|shard| shard.owns(self.label.suite, &self.case(name)))
    }

    /// Whether a test gets a process of its own.
    fn is_isolated(&self, name: &str) -> bool {
        self.isolation == Isolation::Process || self.is_among(self.isolated, name) || self.needs_kernel(name)
    }

    /// Whether a test needs a kernel of its own machine.
    fn needs_kernel(&self, name: &str) -> bool {
        self.is_among(self.needs_kernel, name)
    }

    /// Whether the binary does: one of its tests does, and it cannot be asked for that test alone.
    fn needs_kernel_as_a_whole(&self) -> bool {
        let natively = self.passed_natively.into_iter().flatten();
        let binary = self.needs_kernel.iter().any(|glob| crate::pattern::glob(glob, self.name));
        !self.libtest && (binary || natively.into_iter().any(|name| self.needs_kernel(name)))
    }

    fn is_among(&self, globs: &[String], name: &str) -> bool {
        let case = self.case(name);
        globs.iter().any(|glob| crate::pattern::glob(glob, &case))
    }
}

impl Runner<'_> {
    /// Runs everything in one process; an outcome where that told nothing of tests.
    fn whole(&mut self) -> Result<Option<Outcome>> {
        let mut words = self.batch.args.to_vec();
        if self.style == Style::Json {
            words = [self.words.manner.as_slice(), &self.words.choice].concat();
        }
        let mut started = self.start(&words, Doing::Tests)?;
        let was_interrupted =
            |started: &Started| matches!(started, Started::Ran(seen, _) if seen.end == End::Interrupted);
        if self.style == Style::Json && self.read(&started).is_none() && !was_interrupted(&started) {
            // An old libtest, or none at all: as cargo would start it.
            self.style = Style::Text;
            if let Started::Ran(..) = started {
                started = self.start(self.batch.args, Doing::Tests)?;
            }
        }
        let run = self.read(&started);
        let (observation, kind) = match started {
            Started::Ran(observation, kind) => (observation, kind),
            Started::Blocked(blocked) => return Ok(Some(Outcome::Blocked(blocked))),
        };
        let Some(run) = run else { return Ok(Some(Outcome::Program(observation, kind))) };
        self.tests.kind = Some(kind);
        match run.standing(observation.end.is_success()) {
            Standing::Whole | Standing::EndedBadly => self.keep(run, &observation)?,
            Standing::Broken if self.interrupted => self.keep(run, &observation)?,
            Standing::Broken => self.after(run, &observation)?,
        }
        Ok(None)
    }

    fn read(&self, started: &Started) -> Option<TestRun> {
        let Started::Ran(observation, _) = started else { return None };
        match self.style {
            Style::Json => libtest::parse_json(&observation.stdout),
            Style::Text => libtest::parse_text(&observation.stdout),
        }
    }

    /// Starts the binary with these words and those that make it tell its outcomes.
    fn start<S: AsRef<str>>(&mut self, words: &[S], doing: Doing<'_>) -> Result<Started> {
        let mut args: Vec<OsString> = words.iter().map(|word| word.as_ref().into()).collect();
        if self.style == Style::Json {
            args.extend(["--format", "json", "-Zunstable-options", "--report-time"].map(OsString::from));
        }
        let started = self.start_plain(&args, doing)?;
        if let Started::Ran(observation, kind) = &started {
            self.tests.wall += observation.wall;
            match doing {
                Doing::Test(name) if self.batch.needs_kernel(name) => {
                    self.tests.kinds.insert(name.to_owned(), *kind);
                }
                _ => self.tests.kind = Some(*kind),
            }
            self.interrupted |= observation.end == End::Interrupted;
        }
        Ok(started)
    }

    fn start_plain(&self, args: &[OsString], doing: Doing<'_>) -> Result<Started> {
        let mut env = self.batch.env.to_vec();
        if self.style == Style::Json {
            // libtest gives its records on stable only to those who say this; it changes nothing else in it.
            env.push(("RUSTC_BOOTSTRAP".into(), "1".into()));
        }
        let planned = match doing {
            Doing::Test(name) if self.batch.needs_kernel(name) => self.with_kernel,
            _ => self.planned,
        };
        self.starter.start(
            planned,
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

    fn is_settled(&self, name: &str) -> bool {
        let tests = &self.tests;
        tests.outcomes.contains_key(name) || tests.lost.contains_key(name) || tests.blocked.contains_key(name)
    }

    /// Confirms alone what failed in company, where it passed natively.
    fn confirm(&mut self) -> Result<()> {
        let Some(passed) = self.batch.passed_natively else { return Ok(()) };
        let wall = self.tests.wall;
        let failed: Vec<String> = self
            .tests
            .outcomes
            .iter()
            .filter(|(name, outcome)| matches!(outcome, TestOutcome::Failed(_)) && passed.contains(*name))
            .map(|(name, _)| name.clone())
            .filter(|name| !self.alone.contains(name))
            .collect();
        let (confirmed, unconfirmed) = failed.split_at(failed.len().min(CONFIRMED_MAX));
        self.tests.unconfirmed.extend(unconfirmed.iter().cloned());
        for name in confirmed {
            let in_company = self.tests.outcomes.remove(name);
            self.alone(name)?;
            let alone = self.tests.outcomes.get(name);
            if matches!(alone, Some(TestOutcome::Passed)) {
                self.tests.only_in_company.insert(name.clone());
            }
            // What it said in company is the finding where it passes alone, and stands where there is no more.
            if let Some(outcome) = in_company
                && !matches!(alone, Some(TestOutcome::Failed(_)))
            {
                self.tests.lost.remove(name);
                self.tests.outcomes.insert(name.clone(), outcome);
            }
        }
        self.tests.wall = wall;
        Ok(())
    }
}

/// How a process ended and the last lines of its standard error, where a crash says why.
pub(super) fn told(observation: &Observation) -> String {
    const LINES: usize = 12;
    let text = String::from_utf8_lossy(&observation.stderr);
    let lines: Vec<&str> = text.lines().collect();
    let tail = lines[lines.len().saturating_sub(LINES)..].join("\n");
    format!("{}\n{tail}", observation.end).trim_end().to_owned()
}
