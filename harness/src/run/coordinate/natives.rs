//! Native sides that are run more than once: the rounds of a stress run, and tests that failed where retries are wanted.
//! Targets are compared with the first run; what did not repeat natively is told with every target.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::again::due;
use super::cases::NativeDone;
use super::{Coordinator, Done, noise};
use crate::events::Cell;
use crate::libtest::TestOutcome;
use crate::run::cached::Place;
use crate::run::schedule::Task;
use crate::run::tests_batch::Tests;
use crate::verdict::{Verdict, Weight};

/// The most tests of one binary that are tried again natively; where more fail, the binary as a whole is broken.
const RETRIED_MAX: usize = 50;

/// What did not repeat natively.
#[derive(Default)]
pub(super) struct Odd {
    /// Rounds that were not as the first one.
    program: u32,
    /// The same, by test.
    tests: BTreeMap<String, u32>,
    /// The try on which a test passed that had failed before.
    late: BTreeMap<String, u32>,
}

impl Odd {
    /// In how many rounds this test, or the program, was not as in the first.
    pub(super) fn of(&self, test: &str) -> u32 {
        self.program + self.tests.get(test).copied().unwrap_or(0)
    }

    fn compare(&mut self, native: &Tests, tests: &Tests) {
        for (name, outcome) in &native.outcomes {
            let same = tests
                .outcomes
                .get(name)
                .is_some_and(|other| std::mem::discriminant(other) == std::mem::discriminant(outcome));
            if !same {
                *self.tests.entry(name.clone()).or_default() += 1;
            }
        }
    }

    /// Takes the tests that passed on a later try as passed.
    fn absorb(&mut self, native: &mut Tests, tests: &Tests, number: u32) {
        for (name, outcome) in &tests.outcomes {
            if let (TestOutcome::Passed, Some(old @ TestOutcome::Failed(_))) =
                (outcome, native.outcomes.get_mut(name))
            {
                *old = TestOutcome::Passed;
                self.late.insert(name.clone(), number);
            }
        }
    }
}

impl Coordinator<'_, '_> {
    /// Takes one native run of a case; what all of them came to, after the last.
    pub(super) fn native_run(&mut self, task: &Task, done: NativeDone) -> Option<NativeDone> {
        let repeats = self.run.repeat > 1;
        let first = match self.known[task.place.0].cases[task.place.1].rounds.take() {
            None => done,
            Some(first) if repeats => self.further_round(task, first, &done),
            Some(first) => self.further_try(task, first, &done),
        };
        let next = if repeats { self.next_round(task) } else { self.next_try(task, &first) };
        let Some(next) = next.filter(|_| !self.no_more()) else { return Some(first) };
        let due = if repeats { None } else { due(self.run.plan.retries(&task.guest.suite), next.number) };
        self.known[task.place.0].cases[task.place.1].rounds = Some(first);
        self.run_again(next, due);
        None
    }

    fn next_round(&self, task: &Task) -> Option<Task> {
        (task.number < self.run.repeat).then(|| Task { number: task.number + 1, ..task.clone() })
    }

    /// The tests that have failed so far, once more.
    fn next_try(&self, task: &Task, first: &NativeDone) -> Option<Task> {
        let Done::Tests(tests) = &*first.done else { return None };
        let failed = tests.outcomes.iter().filter(|(_, outcome)| matches!(outcome, TestOutcome::Failed(_)));
        let only: Vec<String> = failed.map(|(name, _)| name.clone()).collect();
        let wanted = (1..=RETRIED_MAX).contains(&only.len());
        let allowed = task.number <= self.run.plan.retries(&task.guest.suite).most;
        (wanted && allowed).then(|| Task { number: task.number + 1, only, ..task.clone() })
    }

    fn further_round(&mut self, task: &Task, first: NativeDone, done: &NativeDone) -> NativeDone {
        let odd = &mut self.known[task.place.0].cases[task.place.1].odd;
        match (&*first.done, &*done.done) {
            (Done::Program(native, _), Done::Program(observation, _)) => {
                let how = &task.guest.cases[task.place.1].plan.compare;
                odd.program += u32::from(noise::is_odd(native, observation, how));
            }
            (Done::Tests(native), Done::Tests(tests)) => odd.compare(native, tests),
            _ => odd.program += 1,
        }
        NativeDone { took: first.took.max(done.took), ..first }
    }

    fn further_try(&mut self, task: &Task, mut first: NativeDone, done: &NativeDone) -> NativeDone {
        let odd = &mut self.known[task.place.0].cases[task.place.1].odd;
        // Nobody else has it before the last try.
        if let (Some(Done::Tests(native)), Done::Tests(tests)) = (Arc::get_mut(&mut first.done), &*done.done)
        {
            odd.absorb(native, tests, task.number);
            first.passed = Some(Arc::new(super::passed(native)));
        }
        first
    }

    /// The cell as `flaky`, if it came out as native only because native was tried again.
    pub(super) fn told_if_late(&self, place: Place, cell: Cell) -> Cell {
        let late = &self.known[place.0].cases[place.1].odd.late;
        if late.is_empty() {
            return cell;
        }
        let Some(number) = late.get(&self.test_name(place, &cell)).copied() else { return cell };
        if cell.observed.weight() != Weight::Good {
            return cell;
        }
        let of = u64::from(self.run.plan.retries(&cell.suite).most) + 1;
        let cause = Some(format!("natively it passed on try {number} of {of}"));
        self.held_against_expectation(Cell { observed: Verdict::Flaky, cause, ..cell })
    }
}
