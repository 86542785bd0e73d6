//! Tests that one side has and the other has not, and what concerns a test binary and none of its tests.
//!
//! A test that is absent because the target's binary was compiled without it is listed. One that the binary has and that
//! came to no outcome is lost, which is a finding.

use triplecheck_emulators::launch::Kind;

use super::Coordinator;
use crate::compare::Difference;
use crate::events::{Event, NotRun};
use crate::faults;
use crate::libtest::TestOutcome;
use crate::observation::Observation;
use crate::plan::PlannedTarget;
use crate::run::Blocked;
use crate::run::guests::Guest;
use crate::run::judge::{Judged, outcome_text};
use crate::run::tests_batch::{BadEnd, Tests};
use crate::verdict::Verdict;

/// The most tests of a bad end that are named.
const NAMED_MAX: usize = 4;

impl Coordinator<'_, '_> {
    /// The event of a test without an outcome on at least one side.
    pub(super) fn one_sided(
        &self,
        guest: &Guest,
        (case, name): (&str, &str),
        planned: &PlannedTarget,
        (native, tests): (&Tests, &Tests),
    ) -> Event {
        let lost = |side: &Tests| side.lost.get(name).map(|why| format!("no outcome: {why}"));
        let text = |side: &Tests| side.outcomes.get(name).map(outcome_text).or_else(|| lost(side));
        let lost_here = tests.lost.contains_key(name);
        let verdict = match native.outcomes.get(name) {
            Some(TestOutcome::Passed) if lost_here => Verdict::CrossFail,
            Some(TestOutcome::Passed | TestOutcome::Ignored(_)) => {
                return Event::NotRun(Self::absent(guest, case, planned, Verdict::Missing, tests));
            }
            Some(TestOutcome::Failed(_)) => Verdict::FailsNatively,
            None if native.lost.contains_key(name) => Verdict::FailsNatively,
            None if lost_here => Verdict::CrossFail,
            None => return Event::NotRun(Self::absent(guest, case, planned, Verdict::Extra, native)),
        };
        let absent = || "(not compiled for it)".to_owned();
        let cause = lost_here.then(|| "lost: the binary has this test, and it came to no outcome".to_owned());
        let difference = Difference {
            place: "outcome".into(),
            native: text(native).unwrap_or_else(absent),
            target: text(tests).unwrap_or_else(absent),
            ..Difference::default()
        };
        let judged =
            Judged { verdict: Some(verdict), cause, differences: vec![difference], ..Judged::default() };
        Event::Cell(self.cell(guest, case, planned, tests.kind.unwrap_or(Kind::Native), judged))
    }

    /// A test that only one side's binary has; `without` is the other side.
    fn absent(
        guest: &Guest,
        case: &str,
        planned: &PlannedTarget,
        verdict: Verdict,
        without: &Tests,
    ) -> NotRun {
        let side = if verdict == Verdict::Missing { "for this target" } else { "natively" };
        let reason = if without.outcomes.is_empty() && without.lost.is_empty() {
            format!("no test of this binary is compiled {side}: its list is empty")
        } else {
            format!("the test is not compiled {side}: the binary does not list it")
        };
        let blocked = Blocked { reason, fix: None };
        NotRun { verdict, ..blocked.not_run(&guest.suite, case, &planned.target) }
    }

    /// The finding that a process died for which no test is to blame.
    pub(super) fn bad_end(
        &self,
        guest: &Guest,
        planned: &PlannedTarget,
        (native, tests): (&Tests, &Tests),
    ) -> Option<Event> {
        let (natively, here) = (native.bad_ends.first(), tests.bad_ends.first());
        let bad_end = here.or(natively)?;
        let emulator = tests.kind.unwrap_or(Kind::Native);
        let fault = here.and_then(|here| faults::told(here.told.as_bytes(), emulator));
        let verdict = match (natively, &fault) {
            (Some(_), _) => Verdict::FailsNatively,
            (None, Some(_)) => Verdict::EmulatorFault,
            (None, None) if bad_end.during.is_empty() => Verdict::CrossFail,
            (None, None) => Verdict::Flaky,
        };
        let text = |side: Option<&BadEnd>| {
            side.map_or("its tests ended, and then the process in order", |bad_end| &bad_end.told).to_owned()
        };
        let difference = Difference {
            place: "process".into(),
            native: text(natively),
            target: text(here),
            ..Difference::default()
        };
        let cause = fault.map_or_else(|| company(&bad_end.during), |fault| fault.to_string());
        let judged = Judged {
            verdict: Some(verdict),
            cause: Some(cause),
            differences: vec![difference],
            ..Judged::default()
        };
        let case = in_program(guest, "(process)");
        Some(Event::Cell(self.cell(guest, &case, planned, emulator, judged)))
    }

    /// A test binary that said no word of any test, natively or on the target. All shards meet it, and one tells it.
    pub(super) fn speechless(
        &self,
        guest: &Guest,
        planned: &PlannedTarget,
        native: Option<&Observation>,
        target: Option<(&Observation, Kind)>,
    ) -> Vec<Event> {
        let case = in_program(guest, "(all tests)");
        if !self.run.plan.owns(&guest.suite, &case) {
            return Vec::new();
        }
        let fault = target.and_then(|(observation, emulator)| faults::told(&observation.stderr, emulator));
        let verdict = match (native, &fault) {
            (Some(_), _) => Verdict::FailsNatively,
            (None, Some(_)) => Verdict::EmulatorFault,
            (None, None) => Verdict::CrossFail,
        };
        let text = |observation: Option<&Observation>| match observation {
            Some(observation) => {
                let said = String::from_utf8_lossy(&observation.stderr);
                let tail: Vec<&str> = said.lines().rev().take(4).collect();
                let tail: String = tail.into_iter().rev().map(|line| format!("\n{line}")).collect();
                format!("{}, and no word of any test{tail}", observation.end)
            }
            None => "a list of tests".to_owned(),
        };
        let difference = Difference {
            place: "outcome".into(),
            native: text(native),
            target: text(target.map(|(observation, _)| observation)),
            ..Difference::default()
        };
        let judged = Judged {
            verdict: Some(verdict),
            cause: fault.map(|fault| fault.to_string()),
            differences: vec![difference],
            ..Judged::default()
        };
        let emulator = target.map_or(Kind::Native, |(_, kind)| kind);
        vec![Event::Cell(self.cell(guest, &case, planned, emulator, judged))]
    }
}

/// A name within a guest's program.
fn in_program(guest: &Guest, name: &str) -> String {
    if guest.program.is_empty() { name.to_owned() } else { format!("{}::{name}", guest.program) }
}

/// What is known of a bad end for which nobody is to blame.
fn company(during: &[String]) -> String {
    let named: Vec<String> = during.iter().take(NAMED_MAX).map(|name| format!("`{name}`")).collect();
    let more = match during.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    match named.as_slice() {
        [] => "every test came to its end, and then the process did not come to its own".to_owned(),
        named => format!("the process died while {}{more} ran; alone it does not", named.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_running_is_named_and_not_blamed() {
        let names: Vec<String> = ["a", "b", "c", "d", "e"].map(ToOwned::to_owned).into();
        assert_eq!(company(&names[..2]), "the process died while `a`, `b` ran; alone it does not");
        assert!(company(&names).contains("`d` and 1 more ran"));
        assert!(company(&[]).starts_with("every test came to its end"));
    }
}
