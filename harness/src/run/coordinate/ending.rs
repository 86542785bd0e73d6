//! A run that ends before everything was run: what ended it, and what that leaves out, every cell of which is listed.

use triplecheck_emulators::target::Target;

use super::Coordinator;
use super::cases::CellState;
use crate::error::Result;
use crate::events::{Event, NotRun};
use crate::run::Blocked;
use crate::verdict::Weight;

/// Why nothing more is begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// The user wants to stop.
    Interrupted,
    /// `--fail-fast`.
    FirstFinding,
}

impl Coordinator<'_, '_> {
    /// Whether nothing more is to be begun.
    pub(super) fn no_more(&self) -> bool {
        self.ending.is_some() || self.stopped()
    }

    /// Begins nothing more. What is running goes on, unless it is stopped as well.
    pub(super) fn end(&mut self, ending: Ending) {
        self.ending.get_or_insert(ending);
        self.enough.stop();
        self.outstanding -= self.queue.clear();
        self.again.give_up();
    }

    /// Records events, and sees whether one of them is the first finding.
    pub(super) fn record_all(&mut self, events: Vec<Event>) -> Result<()> {
        let finding = events.iter().any(is_finding);
        events.into_iter().try_for_each(|event| self.recorder.record(event))?;
        if finding && self.run.fail_fast {
            self.end(Ending::FirstFinding);
        }
        Ok(())
    }

    /// Lists what was not run because the run ended early.
    pub(super) fn leave_out_rest(&mut self) -> Result<()> {
        self.judge_parked()?;
        self.finish_pending()?;
        let ending = match self.ending {
            Some(ending) => ending,
            None if self.stopped() => Ending::Interrupted,
            None => return Ok(()),
        };
        let blocked = self.left_out(ending);
        for at in 0..self.known.len() {
            for case in 0..self.known[at].cases.len() {
                for target in 0..self.run.plan.targets.len() {
                    if self.known[at].cases[case].cells[target] != CellState::Settled {
                        let guest = self.known[at].guest.clone();
                        self.not_run(&guest, (at, case), target, &blocked)?;
                    }
                }
            }
        }
        let unbuilt = self.run.plan.suites.iter().enumerate().filter(|(index, suite)| {
            self.run.plan.wants_suite(&suite.name) && !self.suites_built.contains(index)
        });
        let unbuilt: Vec<&str> = unbuilt.map(|(_, suite)| suite.name.as_str()).collect();
        for suite in unbuilt {
            for planned in &self.run.plan.targets {
                if self.guests.blocked(&planned.target).is_none() {
                    let not_run = blocked.not_run(suite, "*", &planned.target);
                    self.recorder.record(Event::NotRun(not_run))?;
                }
            }
        }
        Ok(())
    }

    /// The tests of a binary that an interrupted run had not come to.
    pub(super) fn unfinished_tests(&self, suite: &str, case: &str, target: &Target) -> NotRun {
        let case = if case.is_empty() { "(other tests)" } else { case };
        self.left_out(Ending::Interrupted).not_run(suite, case, target)
    }

    fn left_out(&self, ending: Ending) -> Blocked {
        let mut words = self.run.command.clone();
        let reason = match ending {
            Ending::Interrupted => {
                words.push("--resume".to_owned());
                "the run was interrupted"
            }
            Ending::FirstFinding => "the first finding ended the run (`--fail-fast`)",
        };
        for planned in &self.run.plan.targets {
            words.extend(["-t".to_owned(), planned.target.to_string()]);
        }
        words.extend(self.run.tail.iter().cloned());
        Blocked { reason: reason.to_owned(), fix: Some(words.join(" ")) }
    }
}

/// Whether an event is a finding.
pub(super) fn is_finding(event: &Event) -> bool {
    matches!(event, Event::Cell(cell) if cell.verdict.weight() == Weight::Finding)
}
