//! Whether a native side shows the same each time. It is asked when, and only when, a target differs from it: the native
//! side is run again, in another place, later, and with its environment in another order; results of targets wait for that.

use std::sync::Arc;

use triplecheck_emulators::launch::Kind;

use super::cases::Native;
use super::{Coordinator, Done, Judged, Task};
use crate::build::ProgramKind;
use crate::compare::{self, Difference, How, Noise, Side};
use crate::diagnose;
use crate::error::{Error, Result};
use crate::observation::{End, Observation};
use crate::verdict::Verdict;

/// How often a native side is run again at most: once, and once more where that shows that something varies.
const PROBES_MAX: u32 = 2;
/// The most characters of a value that a cause quotes.
const QUOTED_CHARS: usize = 40;

/// What is known of how steady the native side of a case is.
#[derive(Default)]
pub(super) enum State {
    /// Nobody had to ask.
    #[default]
    Unknown,
    /// It is being run again; these results wait.
    Probing { noise: Noise, parked: Vec<(Task, usize, Done)> },
    /// It has been run again.
    Known(Arc<Steadiness>),
}

/// What further native runs have shown.
pub(super) enum Steadiness {
    /// These values vary, perhaps none.
    Values(Noise),
    /// More than values does: there is no native result to compare with.
    Unsteady(Box<Difference>),
}

impl Coordinator<'_, '_> {
    /// What is known of a case's native side.
    pub(super) fn steadiness(&self, place: (usize, usize)) -> Option<Arc<Steadiness>> {
        match &self.known[place.0].cases[place.1].noise {
            State::Known(known) => Some(known.clone()),
            State::Unknown | State::Probing { .. } => None,
        }
    }

    /// Whether a judgement has to wait until the native side has been run again.
    pub(super) fn must_probe(&self, task: &Task, judged: &Judged) -> bool {
        let failed = matches!(judged.verdict, Some(Verdict::Differs | Verdict::CrossFail));
        failed
            && !self.no_more()
            && task.guest.kind == ProgramKind::Plain
            && self.steadiness(task.place).is_none()
    }

    /// Keeps a target's result, and runs the native side again if that is not being done already.
    pub(super) fn park(&mut self, task: Task, target: usize, done: Done) -> Result<()> {
        let place = task.place;
        if let State::Unknown = self.known[place.0].cases[place.1].noise {
            self.known[place.0].cases[place.1].noise =
                State::Probing { noise: Noise::default(), parked: Vec::new() };
            self.probe(&task, 1)?;
        }
        if let State::Probing { parked, .. } = &mut self.known[place.0].cases[place.1].noise {
            parked.push((task, target, done));
        }
        Ok(())
    }

    fn probe(&mut self, task: &Task, probe: u32) -> Result<()> {
        let file = self.known[task.place.0].file(&self.guests.host);
        let file = file.ok_or_else(|| Error::ours("a native program is gone that has been run"))?;
        let limit = self.native_limit(&task.guest.cases[task.place.1], &task.guest.kind);
        self.push(Task { target: None, file, limit, number: 1, probe, ..task.clone() });
        Ok(())
    }

    /// Judges what waits for native runs that will not be made.
    pub(super) fn judge_parked(&mut self) -> Result<()> {
        for at in 0..self.known.len() {
            for case in 0..self.known[at].cases.len() {
                let case = &mut self.known[at].cases[case];
                let parked = match &mut case.noise {
                    State::Probing { noise, parked } => {
                        let (noise, parked) = (std::mem::take(noise), std::mem::take(parked));
                        case.noise = State::Known(Arc::new(Steadiness::Values(noise)));
                        parked
                    }
                    State::Unknown | State::Known(_) => continue,
                };
                self.judge_all(parked)?;
            }
        }
        Ok(())
    }

    fn judge_all(&mut self, parked: Vec<(Task, usize, Done)>) -> Result<()> {
        parked.into_iter().try_for_each(|(task, target, done)| self.target_done(task, target, done))
    }

    /// Takes a further native run, and judges what has waited for it.
    pub(super) fn probe_done(&mut self, task: &Task, done: &Done) -> Result<()> {
        let place = task.place;
        let case = &mut self.known[place.0].cases[place.1];
        let (Native::Done(native), State::Probing { mut noise, parked }) =
            (&case.native, std::mem::take(&mut case.noise))
        else {
            return Err(Error::ours("a native side was run again that nobody asked for"));
        };
        let first = native.done.clone();
        let how = &task.guest.cases[place.1].plan.compare;
        let known = match (&*first, done) {
            (Done::Program(first, _), Done::Program(again, _)) if again.end != End::Interrupted => {
                match compare::noise(side(first), side(again), how) {
                    Ok(more) => {
                        let varies = !more.is_empty();
                        noise.extend(more);
                        if varies && task.probe < PROBES_MAX {
                            case.noise = State::Probing { noise, parked };
                            return self.probe(task, task.probe + 1);
                        }
                        Steadiness::Values(noise)
                    }
                    Err(difference) => Steadiness::Unsteady(difference),
                }
            }
            // It did not come to an end this time; what is known stands.
            _ => Steadiness::Values(noise),
        };
        case.noise = State::Known(Arc::new(known));
        self.judge_all(parked)
    }
}

/// Whether a native run is another than the first in more than values that vary.
pub(super) fn is_odd(first: &Observation, again: &Observation, how: &How) -> bool {
    compare::noise(side(first), side(again), how).is_err()
}

fn side(observation: &Observation) -> Side<'_> {
    Side { observation, windows: cfg!(windows), emulator: Kind::Native }
}

/// A judgement beside a native side that shows something else each time.
pub(super) fn unsteady(judged: Judged, difference: &Difference) -> Judged {
    if !matches!(judged.verdict, Some(Verdict::Differs | Verdict::CrossFail)) {
        return judged;
    }
    let quoted = |value: &str| value.chars().take(QUOTED_CHARS).collect::<String>();
    let (first, again) = difference.values();
    let cause = if difference.reordered {
        format!("natively, too, {} comes in another order each time", difference.place)
    } else {
        let place = diagnose::place(difference);
        format!("natively, too, {place} is `{}` once and `{}` again", quoted(first), quoted(again))
    };
    Judged { verdict: Some(Verdict::Flaky), cause: Some(cause), ..judged }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_without_one_native_result_is_flaky_and_what_ran_out_of_time_is_not() {
        let judged = |verdict| Judged { verdict: Some(verdict), ..Judged::default() };
        let place = "stdout".to_owned();
        let difference =
            Difference { place, at: 2, native: "a".into(), target: "b".into(), ..Difference::default() };
        let flaky = unsteady(judged(Verdict::Differs), &difference);
        assert_eq!(flaky.verdict, Some(Verdict::Flaky));
        assert_eq!(flaky.cause.as_deref(), Some("natively, too, stdout line 2 is `a` once and `b` again"));
        let order = Difference { reordered: true, ..difference.clone() };
        let cause = unsteady(judged(Verdict::Differs), &order).cause;
        assert_eq!(cause.as_deref(), Some("natively, too, stdout comes in another order each time"));
        assert_eq!(unsteady(judged(Verdict::Timeout), &difference).verdict, Some(Verdict::Timeout));
    }
}
