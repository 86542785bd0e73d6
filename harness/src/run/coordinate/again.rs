//! Cells that are run more than once: findings that are retried, and the rounds of a stress run. Until a cell's last run
//! nothing of it is recorded.

use std::collections::HashMap;
use std::time::Instant;

use super::{Coordinator, ending};
use crate::error::Result;
use crate::events::{Cell, Event};
use crate::plan::Retries;
use crate::run::cached::Place;
use crate::run::judge;
use crate::run::schedule::Task;
use crate::run::tries;
use crate::verdict::Verdict;

/// What waits for further runs.
#[derive(Default)]
pub(super) struct Again {
    /// What the runs so far came to, by cell.
    pending: HashMap<Place, Vec<Event>>,
    /// Tasks whose time has not come.
    held: Vec<(Instant, Task)>,
}

impl Again {
    pub(super) fn is_waiting(&self) -> bool {
        !self.held.is_empty()
    }

    /// When the next task's time comes.
    pub(super) fn due(&self) -> Option<Instant> {
        self.held.iter().map(|(due, _)| *due).min()
    }

    /// The tasks whose time has come.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<Task> {
        let (due, held) = std::mem::take(&mut self.held).into_iter().partition(|(due, _)| *due <= now);
        self.held = held;
        let due: Vec<(Instant, Task)> = due;
        due.into_iter().map(|(_, task)| task).collect()
    }

    /// Whether an earlier run of this cell, which is not recorded yet, was a finding.
    pub(super) fn has_finding(&self, place: Place) -> bool {
        let is_kept = |event: &Event| matches!(event, Event::Cell(cell) if cell.kept.is_some());
        self.pending.get(&place).is_some_and(|events| events.iter().any(is_kept))
    }

    /// Keeps a task until its time comes.
    pub(super) fn hold(&mut self, due: Instant, task: Task) {
        self.held.push((due, task));
    }

    /// Forgets what was to be run; what is known already stays.
    pub(super) fn give_up(&mut self) {
        self.held.clear();
    }
}

impl Coordinator<'_, '_> {
    /// Takes what one run of a cell came to. Runs it again where that is wanted, and records it where not.
    pub(super) fn conclude(&mut self, task: &Task, target: usize, events: Vec<Event>) -> Result<()> {
        let place = (task.place.0, task.place.1, target);
        let events = match self.again.pending.remove(&place) {
            Some(before) => self.merge(task, before, events),
            None => events,
        };
        if let Some((due, next)) = self.next_run(task, target, &events) {
            self.again.pending.insert(place, events);
            self.run_again(next, due);
            return Ok(());
        }
        self.finish(place, events)
    }

    /// Queues a further run, now or when its time comes.
    pub(super) fn run_again(&mut self, task: Task, due: Option<Instant>) {
        match due {
            Some(due) => self.again.hold(due, task),
            None => self.push(task),
        }
    }

    /// Records what is known of cells that will not be run again after all.
    pub(super) fn finish_pending(&mut self) -> Result<()> {
        let mut pending: Vec<(Place, Vec<Event>)> = self.again.pending.drain().collect();
        pending.sort_by_key(|(place, _)| *place);
        pending.into_iter().try_for_each(|(place, events)| self.finish(place, events))
    }

    fn finish(&mut self, place: Place, events: Vec<Event>) -> Result<()> {
        let repeats = self.run.repeat > 1;
        let finished = events.into_iter().map(|event| match event {
            Event::Cell(cell) if repeats => {
                let odd = self.known[place.0].cases[place.1].odd.of(&self.test_name(place, &cell));
                Event::Cell(self.held_against_expectation(tries::concluded(cell, odd)))
            }
            event => event,
        });
        let finished = finished.collect();
        // What is settled counts as told.
        self.found(place, finished)?;
        self.settle((place.0, place.1), place.2);
        Ok(())
    }

    /// What the runs so far and one more amount to.
    fn merge(&self, task: &Task, before: Vec<Event>, after: Vec<Event>) -> Vec<Event> {
        let mut fresh: HashMap<String, Cell> = HashMap::new();
        for event in after {
            // What did not run this time says nothing.
            if let Event::Cell(cell) = event {
                fresh.insert(cell.case.clone(), cell);
            }
        }
        let most = self.run.plan.retries(&task.guest.suite).most;
        let any = !fresh.is_empty();
        let merged = before.into_iter().map(|event| match event {
            Event::Cell(old) if self.run.repeat > 1 => match fresh.remove(&old.case) {
                Some(new) => Event::Cell(tries::repeated(old, new)),
                None => Event::Cell(old),
            },
            Event::Cell(old) => {
                let new = fresh.remove(&old.case);
                if !any || !tries::is_retried(&old) {
                    return Event::Cell(old);
                }
                // A binary that had told nothing of its tests, and now has, is as it should be.
                let new = new.unwrap_or_else(|| Cell { observed: Verdict::Same, ..old.clone() });
                Event::Cell(self.held_against_expectation(tries::retried(old, new, most)))
            }
            event => event,
        });
        let merged: Vec<Event> = merged.collect();
        // A test that was not there the first time.
        merged.into_iter().chain(fresh.into_values().map(Event::Cell)).collect()
    }

    /// The next run of a cell, and when, where there is one.
    fn next_run(&self, task: &Task, target: usize, events: &[Event]) -> Option<(Option<Instant>, Task)> {
        if self.no_more() {
            return None;
        }
        let place = (task.place.0, task.place.1, target);
        let next = Task { number: task.number + 1, ..task.clone() };
        if self.run.repeat > 1 {
            let enough = self.run.fail_fast && events.iter().any(ending::is_finding);
            return (task.number < self.run.repeat && !enough).then_some((None, next));
        }
        let retries = self.run.plan.retries(&task.guest.suite);
        let wanted: Vec<String> = events
            .iter()
            .filter_map(|event| match event {
                Event::Cell(cell) if tries::is_retried(cell) => Some(self.test_name(place, cell)),
                _ => None,
            })
            .collect();
        if wanted.is_empty() || task.number > retries.most {
            return None;
        }
        let due = due(retries, next.number);
        // Tests are run alone, if it was tests that failed and not the whole binary.
        let passed = task.passed_natively.as_ref();
        let are_tests = passed.is_some_and(|passed| wanted.iter().all(|name| passed.contains(name)));
        let only = if are_tests { wanted } else { Vec::new() };
        Some((due, Task { only, ..next }))
    }

    /// The name of a cell's test within its binary; the whole case's where it is none.
    pub(super) fn test_name(&self, place: Place, cell: &Cell) -> String {
        let program = &self.known[place.0].guest.program;
        let name = cell.case.strip_prefix(program.as_str()).and_then(|rest| rest.strip_prefix("::"));
        name.unwrap_or(&cell.case).to_owned()
    }

    /// The cell with the verdict that counts for what was observed.
    pub(super) fn held_against_expectation(&self, cell: Cell) -> Cell {
        let planned = self.run.plan.targets.iter().find(|planned| planned.target.to_string() == cell.target);
        let expectation =
            planned.and_then(|planned| self.run.plan.expectation(&cell.suite, &cell.case, &planned.target));
        let (verdict, expected) =
            judge::expect(cell.observed, cell.cause.as_deref(), expectation, self.today);
        let issue = expectation.and_then(|expectation| expectation.issue.clone());
        Cell { verdict, expected, issue, ..cell }
    }
}

/// When the try of this number may begin, where it has to wait.
pub(super) fn due(retries: Retries, number: u32) -> Option<Instant> {
    let delay = retries.delay_before(number);
    (!delay.is_zero()).then(|| Instant::now() + delay)
}
