//! What tasks are expected to cost, from earlier runs or from their native side, and what they did cost.

use std::path::PathBuf;
use std::time::Duration;

use triplecheck_emulators::target::Target;

use super::{Coordinator, Done, NativeDone};
use crate::build::ProgramKind;
use crate::manifest::Isolation;
use crate::plan::PlannedTarget;
use crate::run::durations::{Durations, Subject, Took};
use crate::run::guests::Guest;
use crate::run::millis;
use crate::run::schedule::Task;
use crate::run::spread::{Threads, Work, slowness};
use crate::run::tests_batch::Tests;

/// The variable by which libtest is told how many threads to use.
const THREADS_VARIABLE: &str = "RUST_TEST_THREADS";

impl Coordinator<'_, '_> {
    /// What the native side of a case is expected to cost, with the longest of its targets after it.
    pub(super) fn native_work(&mut self, guest: &Guest, case: usize) -> Work {
        let host = self.guests.host.clone();
        let took = self.took(guest, case, &host);
        let slowest = |native: u64| {
            let targets = &self.run.plan.targets;
            let needed = guest.cases[case].plan.needs_kernel;
            let kinds = targets.iter().map(|planned| self.guests.kind(&planned.target, needed));
            native * kinds.map(slowness).max().unwrap_or(0)
        };
        let guessed = took.as_ref().map_or(0, |took| slowest(took.ms));
        let known = self.run.plan.targets.iter().map(|planned| planned.target.clone()).collect::<Vec<_>>();
        let known = known.iter().filter_map(|target| Some(self.took(guest, case, target)?.ms)).max();
        let then_ms = known.unwrap_or(guessed);
        Work { then_ms, ..self.work(guest, self.cached.host, took) }
    }

    /// What a target of a case is expected to cost: as last time, or as its native side times what the emulator costs.
    pub(super) fn target_work(
        &mut self,
        guest: &Guest,
        case: usize,
        planned: &PlannedTarget,
        native: &NativeDone,
    ) -> Work {
        let times = slowness(self.guests.kind(&planned.target, guest.cases[case].plan.needs_kernel));
        let took = self.took(guest, case, &planned.target);
        let measured = match &*native.done {
            Done::Tests(tests) => tests.durations_ms.iter().map(|(name, ms)| (name.clone(), ms * times)),
            Done::Program(..) | Done::Blocked(_) => {
                let ms = took.map_or(millis(native.took) * times, |took| took.ms);
                return self.work(guest, planned, Some(Took { ms, ..Took::default() }));
            }
        };
        let mut tests: std::collections::BTreeMap<String, u64> = measured.collect();
        let ms = took.as_ref().map_or(millis(native.took) * times, |took| took.ms);
        tests.extend(took.into_iter().flat_map(|took| took.tests));
        self.work(guest, planned, Some(Took { ms, tests }))
    }

    fn work(&self, guest: &Guest, planned: &PlannedTarget, took: Option<Took>) -> Work {
        let (ms, tests) =
            took.map_or((None, Vec::new()), |took| (Some(took.ms), took.tests.into_iter().collect()));
        let mut tests: Vec<(String, u64)> = tests;
        tests.sort_by_key(|(_, ms)| std::cmp::Reverse(*ms));
        let is_test = matches!(guest.kind, ProgramKind::CargoTest { libtest: true, .. });
        let none_apart = guest.isolated.is_empty() && guest.needs_kernel.is_empty();
        let together = is_test && guest.isolation == Isolation::Batch && none_apart;
        let decided = guest.test_args.iter().any(|word| word.starts_with("--test-threads"))
            || self.cached.starter.environment().iter().any(|(name, _)| name == THREADS_VARIABLE)
            || planned.env.iter().any(|(name, _)| name == THREADS_VARIABLE);
        let needed = guest.cases.iter().any(|case| case.plan.needs_kernel);
        let threads =
            if is_test && !decided { self.guests.threads(&planned.target, needed) } else { Threads::NotOurs };

        Work { ms, then_ms: 0, tests, splits: together && guest.test_args.is_empty(), threads }
    }

    /// Notes what a whole task has cost.
    pub(super) fn note_cost(&mut self, task: &Task, done: &Done) {
        let took = match done {
            Done::Tests(tests) => {
                Took { ms: millis(serial(tests)), tests: tests.durations_ms.clone().into_iter().collect() }
            }
            Done::Program(observation, _) => Took { ms: millis(observation.wall), ..Took::default() },
            Done::Blocked(_) => return,
        };
        let target = task.target.map_or(&self.guests.host, |index| &self.run.plan.targets[index].target);
        let subject = subject(&task.guest, task.place.1, target);
        // What some tests of a binary cost says nothing of the whole.
        let part_of_tests = self.run.plan.shard.is_some() && task.guest.kind.is_libtest();
        let whole = task.only.is_empty() && task.probe == 0 && !part_of_tests;
        if whole && !self.stopped() {
            self.durations().note(subject, took);
        }
    }

    /// Leaves what tasks have cost for the next run.
    pub(in crate::run) fn keep_durations(&mut self) {
        let path = self.durations_path();
        // They are a help for the next run; that they cannot be kept is no reason for this one to fail.
        if let Some(durations) = self.durations.take() {
            let _ = durations.write(&path);
        }
    }

    fn took(&mut self, guest: &Guest, case: usize, target: &Target) -> Option<Took> {
        let subject = subject(guest, case, target);
        self.durations().find(&subject).cloned()
    }

    /// They are read when the first guest is to be run: a run that starts none needs none.
    fn durations(&mut self) -> &mut Durations {
        let path = self.durations_path();
        self.durations.get_or_insert_with(|| Durations::read(&path))
    }

    fn durations_path(&self) -> PathBuf {
        self.run.build_dir.with_file_name(crate::runs::DURATIONS)
    }
}

/// What tests would take one after the other.
pub(super) fn serial(tests: &Tests) -> Duration {
    tests.wall.max(Duration::from_millis(tests.durations_ms.values().sum()))
}

fn subject(guest: &Guest, case: usize, target: &Target) -> Subject {
    Subject { suite: guest.suite.clone(), case: guest.cases[case].name.clone(), target: target.to_string() }
}
