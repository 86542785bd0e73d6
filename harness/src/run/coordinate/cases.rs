//! How far every case has come: which of its programs are there, and on which targets it is still to be run. Whatever is
//! told of a case, [`Coordinator::advance`] finds what can be done next.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use triplecheck_emulators::launch::Kind;
use triplecheck_emulators::target::Target;

use super::natives::Odd;
use super::noise::State;
use super::{Coordinator, Done};
use crate::build::{Piece, ProgramKind};
use crate::error::Result;
use crate::events::{Cell, Event, NotRun};
use crate::plan::PlannedTarget;
use crate::run::Blocked;
use crate::run::cache::Entry;
use crate::run::cached::{self, Place};
use crate::run::guests::{self, Guest, GuestCase};
use crate::run::judge::Judged;
use crate::run::keys::Sides;
use crate::run::queue::Early;
use crate::run::schedule::{HOST_ONLY, Task};

/// A program of which at least one piece is there.
pub(super) struct Known {
    suite: usize,
    pub(super) guest: Arc<Guest>,
    /// Its file for each target, by target as text.
    files: BTreeMap<String, PathBuf>,
    /// What has become of its cases.
    pub(super) cases: Vec<CaseState>,
}

impl Known {
    /// Its file for a target, once that is there.
    pub(super) fn file(&self, target: &Target) -> Option<PathBuf> {
        self.files.get(&target.to_string()).cloned()
    }
}

/// How far a case has come.
pub(super) struct CaseState {
    pub(super) native: Native,
    /// The native rounds of a stress run so far.
    pub(super) rounds: Option<NativeDone>,
    /// What of them was not as in the first.
    pub(super) odd: Odd,
    /// Whether the native side shows the same each time.
    pub(super) noise: State,
    /// One for each target of the plan.
    pub(super) cells: Vec<CellState>,
}

/// How far the native side of a case has come.
pub(super) enum Native {
    /// It is not known to be needed.
    Waiting,
    /// It is queued, or runs.
    Running,
    /// It has ended, and is kept until all its targets are compared.
    Done(NativeDone),
    /// It could not be run, and no target is.
    Blocked(Blocked),
    /// All its targets are compared.
    Over,
}

/// What came of a native side.
#[derive(Clone)]
pub(super) struct NativeDone {
    pub(super) done: Arc<Done>,
    pub(super) took: Duration,
    /// The tests that passed.
    pub(super) passed: Option<Arc<BTreeSet<String>>>,
}

/// How far a cell has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CellState {
    /// One of its programs is not there.
    Unbuilt,
    /// It has to be run, after its native side.
    Ready,
    /// It is queued, or runs.
    Running,
    /// What there is to say of it is recorded.
    Settled,
}

impl Coordinator<'_, '_> {
    /// Takes a program.
    pub(super) fn built(&mut self, suite: usize, piece: Piece) -> Result<()> {
        let at = match self.index.get(&(suite, piece.id.clone())) {
            Some(at) => *at,
            None => self.begin(suite, &piece)?,
        };
        // A second build of the same program changes nothing.
        self.known[at].files.entry(piece.target).or_insert(piece.file);
        (0..self.known[at].cases.len()).try_for_each(|case| self.advance((at, case)))
    }

    /// The first piece of a program: its cases, and the targets on which they will not run whatever is built.
    fn begin(&mut self, suite: usize, piece: &Piece) -> Result<usize> {
        let guest = Arc::new(guests::guest(self.run, &self.run.plan.suites[suite], piece));
        let mut cases = Vec::new();
        if guest.kind == ProgramKind::HostOnly {
            self.host_only(&guest)?;
        } else {
            for case in &guest.cases {
                let cells = self.first_states(&guest, case)?;
                let (native, odd, noise) = (Native::Waiting, Odd::default(), State::default());
                cases.push(CaseState { native, rounds: None, odd, noise, cells });
            }
        }
        self.known.push(Known { suite, guest, files: BTreeMap::new(), cases });
        self.index.insert((suite, piece.id.clone()), self.known.len() - 1);
        Ok(self.known.len() - 1)
    }

    fn first_states(&mut self, guest: &Guest, case: &GuestCase) -> Result<Vec<CellState>> {
        let mut states = Vec::new();
        for planned in &self.run.plan.targets {
            let excepted = self.excepted(guest, &planned.target);
            let blocked = self.guests.blocked_for(&planned.target, case.plan.needs_kernel);
            states.push(if self.guests.blocked(&planned.target).is_some() {
                CellState::Settled
            } else if let Some(reason) = excepted {
                let not_run =
                    Blocked { reason, fix: None }.not_run(&guest.suite, &case.name, &planned.target);
                self.recorder.record(Event::NotRun(NotRun { declared: true, ..not_run }))?;
                CellState::Settled
            } else if let Some(blocked) = blocked {
                let not_run = blocked.not_run(&guest.suite, &case.name, &planned.target);
                self.recorder.record(Event::NotRun(not_run))?;
                CellState::Settled
            } else {
                CellState::Unbuilt
            });
        }
        Ok(states)
    }

    /// Says that nothing more of a suite will be there: what has no program does not run.
    pub(super) fn suite_built(&mut self, suite: usize) -> Result<()> {
        self.suites_built.insert(suite);
        for at in 0..self.known.len() {
            if self.known[at].suite != suite || self.no_more() {
                continue;
            }
            for case in 0..self.known[at].cases.len() {
                self.leave_out_unbuilt((at, case))?;
            }
        }
        Ok(())
    }

    fn leave_out_unbuilt(&mut self, place: (usize, usize)) -> Result<()> {
        for (index, planned) in self.run.plan.targets.iter().enumerate() {
            let known = &self.known[place.0];
            if known.cases[place.1].cells[index] != CellState::Unbuilt {
                continue;
            }
            let reason = if known.files.contains_key(&planned.target.to_string()) {
                "its native side did not run: there is no program for this target: it did not build"
            } else {
                "there is no program for this target"
            };
            let blocked = Blocked { reason: reason.to_owned(), fix: None };
            let guest = known.guest.clone();
            self.not_run(&guest, place, index, &blocked)?;
        }
        Ok(())
    }

    /// Does what can be done for a case: finds what earlier runs know, queues its native side and its targets.
    pub(super) fn advance(&mut self, place: (usize, usize)) -> Result<()> {
        self.look_up(place)?;
        if self.no_more() {
            return Ok(());
        }
        let (guest, file) = {
            let known = &self.known[place.0];
            let Some(file) = known.files.get(&self.guests.host.to_string()) else { return Ok(()) };
            (known.guest.clone(), file.clone())
        };
        let state = &self.known[place.0].cases[place.1];
        let any = |state: &CaseState, wanted| state.cells.contains(&wanted);
        match &state.native {
            Native::Waiting => {
                let needed = any(state, CellState::Ready)
                    || (any(state, CellState::Unbuilt)
                        && !self.cached.may_know(self.run, &guest, place.1, &file));
                if needed {
                    self.known[place.0].cases[place.1].native = Native::Running;
                    self.run.board.plan(&guest.suite, None);
                    let limit = self.native_limit(&guest.cases[place.1], &guest.kind);
                    let work = self.native_work(&guest, place.1);
                    self.push(Task {
                        guest,
                        place,
                        target: None,
                        file,
                        limit,
                        number: 1,
                        probe: 0,
                        only: Vec::new(),
                        passed_natively: None,
                        native_success: false,
                        work,
                        part: None,
                    });
                }
            }
            Native::Done(_) => self.ready(&guest, place),
            Native::Blocked(blocked) => {
                let blocked = blocked.clone();
                for index in 0..self.run.plan.targets.len() {
                    if self.known[place.0].cases[place.1].cells[index] == CellState::Ready {
                        self.not_run(&guest, place, index, &blocked)?;
                    }
                }
            }
            Native::Running | Native::Over => {}
        }
        Ok(())
    }

    /// Of the targets whose programs are there now, takes those that an earlier run knows; the others have to be run.
    fn look_up(&mut self, place: (usize, usize)) -> Result<()> {
        for (index, planned) in self.run.plan.targets.iter().enumerate() {
            let known = &self.known[place.0];
            if known.cases[place.1].cells[index] != CellState::Unbuilt || self.no_more() {
                continue;
            }
            let native = known.files.get(&self.guests.host.to_string());
            let target = known.files.get(&planned.target.to_string());
            let (Some(native), Some(target)) = (native, target) else { continue };
            let sides = Sides { native: (self.cached.host, native), target: (planned, target) };
            let (guest, target) = (known.guest.clone(), target.clone());
            let cell = (place.0, place.1, index);
            let entry = self.cached.find(self.run, &guest, &sides, cell, &mut self.keys);
            let settled = match entry {
                Some(entry) => self.reuse(&guest, planned, entry)?,
                None => false,
            };
            if settled {
                self.settle(place, index);
            } else {
                self.run.board.plan(&guest.suite, Some(&planned.target.to_string()));
                self.known[place.0].cases[place.1].cells[index] = CellState::Ready;
                let needs_kernel = guest.cases[place.1].plan.needs_kernel;
                if self.made_ready.insert((index, needs_kernel)) {
                    self.queue.push_early(Early { target: index, program: target, needs_kernel });
                }
            }
        }
        Ok(())
    }

    /// A cell of which everything is said. With its last one, what the native side has shown is let go.
    pub(super) fn settle(&mut self, place: (usize, usize), target: usize) {
        let known = &mut self.known[place.0];
        let state = &mut known.cases[place.1];
        if matches!(state.cells[target], CellState::Ready | CellState::Running) {
            let target = self.run.plan.targets[target].target.to_string();
            self.run.board.done(&known.guest.suite, Some(&target));
        }
        state.cells[target] = CellState::Settled;
        if state.cells.iter().all(|cell| *cell == CellState::Settled) {
            state.native = Native::Over;
        }
    }

    pub(super) fn not_run(
        &mut self,
        guest: &Guest,
        place: (usize, usize),
        target: usize,
        blocked: &Blocked,
    ) -> Result<()> {
        let planned = &self.run.plan.targets[target];
        let not_run = blocked.not_run(&guest.suite, &guest.cases[place.1].name, &planned.target);
        self.recorder.record(Event::NotRun(not_run))?;
        self.settle(place, target);
        Ok(())
    }

    /// Queues the targets whose programs are there, after their native side.
    fn ready(&mut self, guest: &Arc<Guest>, place: (usize, usize)) {
        let case = &guest.cases[place.1];
        for (index, planned) in self.run.plan.targets.iter().enumerate() {
            let known = &mut self.known[place.0];
            let state = &mut known.cases[place.1];
            let (Native::Done(native), CellState::Ready) = (&state.native, state.cells[index]) else {
                continue;
            };
            let Some(file) = known.files.get(&planned.target.to_string()).cloned() else { continue };
            let native = native.clone();
            let native_success = matches!(&*native.done, Done::Program(seen, _) if seen.end.is_success());
            state.cells[index] = CellState::Running;
            let limit = self.target_limit(case, index, native.took);
            let work = self.target_work(guest, place.1, planned, &native);
            self.push(Task {
                guest: guest.clone(),
                place,
                target: Some(index),
                file,
                limit,
                number: 1,
                probe: 0,
                only: Vec::new(),
                passed_natively: native.passed,
                native_success,
                work,
                part: None,
            });
        }
    }

    /// Records what an earlier run found; `false` where today's expectations make something else of it.
    pub(super) fn reuse(&mut self, guest: &Guest, planned: &PlannedTarget, entry: Entry) -> Result<bool> {
        let cells = entry.cells.into_iter().map(|cell| {
            let (verdict, cause) = (Some(cell.observed), cell.cause.clone());
            let judged = Judged { verdict, cause, ..Judged::default() };
            let fresh = self.cell(guest, &cell.case, planned, Kind::Native, judged);
            let (verdict, repeat, expected) = (fresh.verdict, fresh.repeat, fresh.expected);
            Event::Cell(Cell { verdict, repeat, expected, issue: fresh.issue, ..cell })
        });
        let events: Vec<Event> = cells.chain(entry.not_run.into_iter().map(Event::NotRun)).collect();
        if !cached::is_good(&events) && self.run.resumed.is_none() {
            return Ok(false);
        }
        self.record_all(events).map(|()| true)
    }

    /// Records what was found, and keeps it for later runs where all of it is as it should be.
    pub(super) fn found(&mut self, place: Place, events: Vec<Event>) -> Result<()> {
        // Of a run that is being interrupted nothing more is kept: a binary's tests may not all be there.
        let whole = !events.iter().any(|event| matches!(event, Event::NotRun(cell) if cell.is_lacking()));
        if let Some(key) = self.keys.remove(&place).filter(|_| whole && !self.stopped()) {
            let name = self.run.resumed.clone().unwrap_or_else(|| self.run.name());
            let only_of = if cached::is_good(&events) { None } else { Some(name.as_str()) };
            self.cached.cache.put(key, cached::entry(&events), only_of)?;
        }
        self.record_all(events)
    }

    /// The manifest's reason for not running a guest on a target.
    pub(super) fn excepted(&self, guest: &Guest, target: &Target) -> Option<String> {
        let suite = self.run.plan.suites.iter().find(|suite| suite.name == guest.suite)?;
        let refinement = suite.refinement(&guest.program);
        refinement.is_excepted(target).then(|| {
            let why = refinement.reason.as_deref().unwrap_or("no reason is given");
            format!("the manifest leaves it out here: {why}")
        })
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
