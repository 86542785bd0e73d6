//! How long each run may take, and what runs teach of their emulators' speed.

use std::time::Duration;

use super::{Coordinator, Done, costs};
use crate::build::ProgramKind;
use crate::events::Cell;
use crate::observation::End;
use crate::run::guests::GuestCase;
use crate::run::millis;
use crate::run::patience::{self, Limit};
use crate::run::schedule::Task;
use crate::run::speeds;
use crate::verdict::Verdict;

impl Coordinator<'_, '_> {
    /// What the native side of a case is given.
    pub(super) fn native_limit(&self, case: &GuestCase, kind: &ProgramKind) -> Limit {
        let weight = match kind {
            ProgramKind::Plain => patience::Weight::Program,
            ProgramKind::CargoTest { .. } | ProgramKind::CargoDoc { .. } | ProgramKind::HostOnly => {
                patience::Weight::Tests
            }
        };
        let unasked = || Limit::native(weight, speeds::load(self.run.jobs));
        case.plan.timeout.map_or_else(unasked, Limit::asked)
    }

    /// What a target's run of a case is given, whose native side took so long.
    pub(super) fn target_limit(&self, case: &GuestCase, target: usize, native: Duration) -> Limit {
        let planned = &self.run.plan.targets[target];
        let needed = case.plan.needs_kernel;
        let measured = self.speeds.of(&self.emulator_name(target, needed));
        let kind = self.guests.kind(&planned.target, needed);
        let unasked = || Limit::derived(native, kind, measured, speeds::load(self.run.jobs));
        case.plan.timeout.or(planned.timeout).map_or_else(unasked, Limit::asked)
    }

    /// Under what name it is kept how fast a target's emulator is: another version is another emulator.
    fn emulator_name(&self, target: usize, needs_kernel: bool) -> String {
        let known = self.recorder.summary.run.as_ref().and_then(|run| run.targets.get(target));
        let words = known.map(|info| {
            let of_kernel = info.kernel.as_ref().filter(|_| needs_kernel);
            let parts = match of_kernel {
                Some(kernel) => [Some(&info.target), Some(kernel), None],
                None => [Some(&info.target), info.emulator.as_ref(), info.emulator_version.as_ref()],
            };
            parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ")
        });
        words.unwrap_or_default()
    }

    /// Notes how long a target's run took, if it came to its own end and is comparable with the native one.
    pub(super) fn learn(&mut self, task: &Task, target: usize, native: Duration, done: &Done) {
        let wall = match done {
            Done::Program(observation, _) => match observation.end {
                End::Exited { .. } | End::Signalled { .. } => Some(observation.wall),
                End::TimedOut { .. }
                | End::OutputLimit { .. }
                | End::NotStarted { .. }
                | End::Interrupted => None,
            },
            Done::Tests(tests) => tests.timed_out.is_empty().then(|| costs::serial(tests)),
            Done::Blocked(_) => None,
        };
        if let Some(wall) = wall.filter(|_| task.only.is_empty() && !self.stopped()) {
            let name = self.emulator_name(target, task.guest.cases[task.place.1].plan.needs_kernel);
            self.speeds.learn(&name, native, wall);
        }
    }
}

/// Tells a cell the deadline that it had, and how that came about where it was missed.
pub(super) fn told(cell: Cell, limit: &Limit) -> Cell {
    let missed = (cell.observed == Verdict::Timeout).then(|| format!("no end within {limit}"));
    Cell { limit_ms: millis(limit.deadline), cause: missed.or(cell.cause), ..cell }
}
