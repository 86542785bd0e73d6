//! Which targets a case still has to be run on, and what becomes of those on which it has not.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use triplecheck_emulators::launch::Kind;
use triplecheck_emulators::target::Target;

use super::{Coordinator, TARGET_LEAST, patience};
use crate::error::Result;
use crate::events::{Cell, Event, NotRun};
use crate::plan::PlannedTarget;
use crate::run::Blocked;
use crate::run::cache::Entry;
use crate::run::cached::{self, Place};
use crate::run::guests::Guest;
use crate::run::judge::Judged;
use crate::run::schedule::{HOST_ONLY, Task};

impl Coordinator<'_, '_> {
    /// The targets on which a case has to be run. What cannot be, and what was found before, is recorded.
    pub(super) fn todo(&mut self, guest: usize, case: usize) -> Result<Vec<usize>> {
        let program = &self.built[guest];
        let name = &program.cases[case].name;
        let mut todo = Vec::new();
        for (index, planned) in self.run.plan.targets.iter().enumerate() {
            if self.guests.blocked(&planned.target).is_some() || self.stopped() {
                continue;
            }
            let reason = match self.excepted(program, &planned.target) {
                Some(reason) => Some((reason, true)),
                None if program.files.contains_key(&planned.target.to_string()) => None,
                None => Some(("there is no program for this target".to_owned(), false)),
            };
            if let Some((reason, declared)) = reason {
                let not_run = Blocked { reason, fix: None }.not_run(&program.suite, name, &planned.target);
                self.recorder.record(Event::NotRun(NotRun { declared, ..not_run }))?;
                continue;
            }
            let place = (guest, case, index);
            let known = self.cached.find(self.run, program, (place, planned), &mut self.keys);
            let settled = match known {
                Some(entry) => self.reuse(program, planned, entry)?,
                None => false,
            };
            if !settled {
                todo.push(index);
            }
        }
        Ok(todo)
    }

    /// Records what an earlier run found; `false` where today's expectations make something else of it.
    pub(super) fn reuse(&mut self, guest: &Guest, planned: &PlannedTarget, entry: Entry) -> Result<bool> {
        let cells = entry.cells.into_iter().map(|cell| {
            let judged = Judged { verdict: Some(cell.observed), ..Judged::default() };
            let fresh = self.cell(guest, &cell.case, planned, Kind::Native, judged);
            let (verdict, repeat, expected) = (fresh.verdict, fresh.repeat, fresh.expected);
            Event::Cell(Cell { verdict, repeat, expected, ..cell })
        });
        let events: Vec<Event> = cells.chain(entry.not_run.into_iter().map(Event::NotRun)).collect();
        if !cached::is_good(&events) {
            return Ok(false);
        }
        events.into_iter().try_for_each(|event| self.recorder.record(event)).map(|()| true)
    }

    /// Records what was found, and keeps it for later runs where all of it is as it should be.
    pub(super) fn found(&mut self, place: Place, events: Vec<Event>) -> Result<()> {
        if let Some(key) = self.keys.remove(&place).filter(|_| cached::is_good(&events)) {
            self.cached.cache.put(key, cached::entry(&events))?;
        }
        events.into_iter().try_for_each(|event| self.recorder.record(event))
    }

    /// Queues the target runs of a case; how many there are.
    pub(super) fn ready(
        &mut self,
        task: &Task,
        took: Duration,
        passed: Option<&Arc<BTreeSet<String>>>,
    ) -> usize {
        let case = &self.built[task.guest].cases[task.case];
        if self.stopped() {
            return 0;
        }
        let todo = self.todo.remove(&(task.guest, task.case)).unwrap_or_default();
        for index in &todo {
            let planned = &self.run.plan.targets[*index];
            let deadline = case.plan.timeout.or(planned.timeout).unwrap_or_else(|| {
                TARGET_LEAST.max(took.saturating_mul(patience(self.guests.kind(&planned.target))))
            });
            self.push(Task {
                guest: task.guest,
                case: task.case,
                target: Some(*index),
                deadline,
                passed_natively: passed.cloned(),
            });
        }
        todo.len()
    }

    /// The manifest's reason for not running a guest on a target.
    pub(super) fn excepted(&self, guest: &Guest, target: &Target) -> Option<String> {
        let suite = self.run.plan.suites.iter().find(|suite| suite.name == guest.suite)?;
        let refinement = suite.refinement(&guest.program);
        let excepted = refinement.except.iter().any(|pattern| pattern.matches(target));
        excepted.then(|| {
            let why = refinement.reason.as_deref().unwrap_or("no reason is given");
            format!("the manifest leaves it out here: {why}")
        })
    }

    pub(super) fn no_target_runs(&mut self, task: &Task, blocked: &Blocked) -> Result<()> {
        let guest = &self.built[task.guest];
        let case = &guest.cases[task.case];
        for index in self.todo.remove(&(task.guest, task.case)).unwrap_or_default() {
            let not_run = blocked.not_run(&guest.suite, &case.name, &self.run.plan.targets[index].target);
            self.recorder.record(Event::NotRun(not_run))?;
        }
        Ok(())
    }

    /// Lists a program that is no target's.
    pub(super) fn host_only(&mut self, guest: &Guest) -> Result<()> {
        for planned in &self.run.plan.targets {
            let blocked = Blocked { reason: HOST_ONLY.to_owned(), fix: None };
            let not_run = blocked.not_run(&guest.suite, &guest.program, &planned.target);
            self.recorder.record(Event::NotRun(NotRun { declared: true, ..not_run }))?;
        }
        Ok(())
    }
}
