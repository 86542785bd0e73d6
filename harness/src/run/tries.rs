//! What several runs of one cell amount to: retries of a finding, and the rounds of a stress run. Pure.
//!
//! A finding that does not come back is never made good by that: it is `flaky`, a finding of its own.

use crate::events::{Cell, Repeated, Try};
use crate::verdict::{Verdict, Weight};

/// The most characters of what one try showed.
const TEXT_CHARS_MAX: usize = 200;

/// Whether it may help to run a cell's target side again. What fails natively, or is told apart by a date or an
/// expectation, is what it is.
pub(super) fn is_retried(cell: &Cell) -> bool {
    match cell.verdict {
        Verdict::Differs
        | Verdict::CrossFail
        | Verdict::Timeout
        | Verdict::EmulatorFault
        | Verdict::Inconclusive => true,
        Verdict::Same
        | Verdict::Equivalent
        | Verdict::FailsNatively
        | Verdict::Flaky
        | Verdict::Missing
        | Verdict::Extra
        | Verdict::NotRun
        | Verdict::Expected
        | Verdict::UnexpectedPass
        | Verdict::Expired => false,
    }
}

/// The cell after a further try. `most` is how many retries there may be. Its `observed` verdict counts; whoever calls
/// holds it against what is expected.
pub(super) fn retried(before: Cell, after: Cell, most: u32) -> Cell {
    let mut tries = before.tries.clone();
    tries.push(told(&before));
    if after.observed.weight() != Weight::Good {
        return Cell { tries, ..after };
    }
    let number = tries.len() + 1;
    let cause = format!("passed on try {number} of {}", u64::from(most) + 1);
    let cause = match before.cause {
        Some(why) => format!("{cause}; before: {why}"),
        None => cause,
    };
    Cell { observed: Verdict::Flaky, cause: Some(cause), tries, ..before }
}

/// The cell of all rounds of a stress run so far, from that of the rounds before and that of one more.
pub(super) fn repeated(before: Cell, after: Cell) -> Cell {
    let old = before.repeated.unwrap_or_else(|| first_round(&before));
    let findings = old.findings + u32::from(is_finding(after.observed));
    let counts = Repeated { runs: old.runs + 1, findings, ..old };
    // The first finding stays the one that is shown; among good ones the one that needed rules.
    let worse = if rank(after.observed) > rank(before.observed) { after } else { before };
    Cell { repeated: Some(counts), ..worse }
}

/// A cell after its last round, with the number of native rounds that were not as the first: one that did not always
/// come out the same is flaky.
pub(super) fn concluded(cell: Cell, native_odd: u32) -> Cell {
    let counts = Repeated { native_odd, ..cell.repeated.unwrap_or_else(|| first_round(&cell)) };
    let Repeated { runs, findings, .. } = counts;
    let cell = Cell { repeated: Some(counts), ..cell };
    if native_odd == 0 && (findings == 0 || findings == runs) {
        return cell;
    }
    let mut cause = format!("{findings} of {runs} runs did not come out as native");
    if native_odd > 0 {
        cause.push_str(&format!("; natively {native_odd} of {runs} did not as the first"));
    }
    if findings > 0 {
        cause.push_str(&format!("; the first that did not: {}", cell.observed));
    }
    Cell { observed: Verdict::Flaky, cause: Some(cause), ..cell }
}

fn first_round(cell: &Cell) -> Repeated {
    Repeated { runs: 1, findings: u32::from(is_finding(cell.observed)), native_odd: 0 }
}

fn is_finding(verdict: Verdict) -> bool {
    verdict.weight() == Weight::Finding
}

fn rank(verdict: Verdict) -> u8 {
    match verdict.weight() {
        Weight::Good => u8::from(verdict != Verdict::Same),
        Weight::Listed => 2,
        Weight::Finding => 3,
    }
}

/// A cell as one of several tries.
fn told(cell: &Cell) -> Try {
    let showed = cell.differences.first().map(|difference| difference.target.trim().replace('\n', " "));
    let text = showed.or_else(|| cell.cause.clone()).unwrap_or_default();
    let text = text.chars().take(TEXT_CHARS_MAX).collect();
    Try { verdict: cell.observed, text, duration_ms: cell.duration_ms }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(verdict: Verdict) -> Cell {
        Cell::example("a", "s390x-unknown-linux-gnu", verdict)
    }

    fn after_tries(verdicts: &[Verdict]) -> Cell {
        let (first, rest) = verdicts.split_first().unwrap();
        rest.iter().fold(cell(*first), |before, verdict| retried(before, cell(*verdict), 2))
    }

    #[test]
    fn what_passes_on_a_retry_is_flaky_and_never_good() {
        let flaky = after_tries(&[Verdict::CrossFail, Verdict::Timeout, Verdict::Same]);
        assert_eq!(flaky.observed, Verdict::Flaky);
        assert_eq!(flaky.cause.as_deref(), Some("passed on try 3 of 3"));
        let tried: Vec<Verdict> = flaky.tries.iter().map(|one| one.verdict).collect();
        assert_eq!(tried, [Verdict::CrossFail, Verdict::Timeout]);
        assert_eq!(after_tries(&[Verdict::Differs, Verdict::Equivalent]).observed, Verdict::Flaky);
    }

    #[test]
    fn what_fails_each_time_is_the_finding_that_it_is() {
        let finding = after_tries(&[Verdict::Differs, Verdict::Differs, Verdict::CrossFail]);
        assert_eq!(finding.observed, Verdict::CrossFail);
        assert_eq!(finding.tries.len(), 2);
        assert_eq!(finding.cause, None);
    }

    #[test]
    fn what_no_retry_changes_is_not_retried() {
        let retried = Verdict::ALL.into_iter().filter(|verdict| is_retried(&cell(*verdict)));
        let names: Vec<&str> = retried.map(Verdict::name).collect();
        assert_eq!(names, ["differs", "cross-fail", "timeout", "emulator-fault", "inconclusive"]);
    }

    fn after_rounds(rounds: &[Verdict], native_odd: u32) -> Cell {
        let (first, rest) = rounds.split_first().unwrap();
        concluded(
            rest.iter().fold(cell(*first), |before, verdict| repeated(before, cell(*verdict))),
            native_odd,
        )
    }

    #[test]
    fn of_many_rounds_the_worst_counts_and_a_mixture_is_flaky() {
        let same = after_rounds(&[Verdict::Same; 3], 0);
        let counts = Repeated { runs: 3, findings: 0, native_odd: 0 };
        assert_eq!((same.observed, same.repeated), (Verdict::Same, Some(counts)));
        let rules = after_rounds(&[Verdict::Same, Verdict::Equivalent, Verdict::Same], 0);
        assert_eq!(rules.observed, Verdict::Equivalent);
        let always = after_rounds(&[Verdict::Differs; 4], 0);
        assert_eq!((always.observed, always.cause), (Verdict::Differs, None));
        let mixed = after_rounds(&[Verdict::Same, Verdict::CrossFail, Verdict::Same], 0);
        assert_eq!(mixed.observed, Verdict::Flaky);
        assert_eq!(
            mixed.cause.as_deref(),
            Some("1 of 3 runs did not come out as native; the first that did not: cross-fail")
        );
    }

    #[test]
    fn a_native_side_that_does_not_repeat_is_told() {
        let odd = after_rounds(&[Verdict::Same, Verdict::Same], 1);
        assert_eq!(odd.observed, Verdict::Flaky);
        assert_eq!(
            odd.cause.as_deref(),
            Some("0 of 2 runs did not come out as native; natively 1 of 2 did not as the first")
        );
        let once = after_rounds(&[Verdict::Same], 0);
        assert_eq!(once.repeated, Some(Repeated { runs: 1, findings: 0, native_odd: 0 }));
    }
}
