//! From two observations to a cell. Pure.

use triplecheck_emulators::launch::Kind;
use triplecheck_emulators::target::Target;

use crate::compare::{self, Comparison, Difference, How, Noise, Side};
use crate::date::Date;
use crate::diagnose::{self, Class};
use crate::events::RuleCount;
use crate::faults::{self, Symptoms};
use crate::libtest::TestOutcome;
use crate::observation::{End, Observation};
use crate::plan::Expectation;
use crate::termination;
use crate::verdict::{Verdict, Weight};

/// What a cell amounts to, before expectations.
#[derive(Debug, Clone, Default)]
pub(crate) struct Judged {
    pub(crate) verdict: Option<Verdict>,
    pub(crate) rules: Vec<RuleCount>,
    pub(crate) cause: Option<String>,
    pub(crate) differences: Vec<Difference>,
}

/// The two runs of one program.
pub(crate) struct Runs<'a> {
    pub(crate) native: &'a Observation,
    pub(crate) native_target: &'a Target,
    pub(crate) observation: &'a Observation,
    pub(crate) target: &'a Target,
    pub(crate) emulator: Kind,
}

impl<'a> Runs<'a> {
    fn sides(&self) -> (Side<'a>, Side<'a>) {
        let side = |observation, target: &Target, emulator| Side {
            observation,
            windows: target.facts().os == "windows",
            emulator,
        };
        let native = side(self.native, self.native_target, Kind::Native);
        (native, side(self.observation, self.target, self.emulator))
    }
}

/// Judges a program's run by its native one, beside what is known to vary natively.
pub(crate) fn program(runs: &Runs<'_>, how: &How, noise: &Noise) -> Judged {
    let (native, target) = runs.sides();
    let mut comparison = compare::compare_beside(native, target, how, noise);
    if comparison.is_equal() {
        comparison.differences.extend(silence(runs));
    }
    let verdict = verdict(runs, &comparison);
    let cause = cause(runs, &comparison, verdict);
    Judged {
        verdict: Some(verdict),
        rules: comparison
            .rules
            .iter()
            .map(|(rule, count)| RuleCount { rule: *rule, count: *count })
            .collect(),
        cause,
        differences: comparison.differences,
    }
}

/// What is known of the emulator in this version that may be behind a failure.
pub(crate) fn known(runs: &Runs<'_>, version: Option<&str>) -> Vec<String> {
    let (native, target) = runs.sides();
    faults::known(&Symptoms { native, target, machine: runs.target.machine(), version })
}

/// A guest that printed nothing where native printed something, whatever the manifest says about comparing it: that it ran
/// at all is then nowhere to be seen.
fn silence(runs: &Runs<'_>) -> Option<Difference> {
    let (stderr, _) = faults::split(&runs.observation.stderr, runs.emulator);
    let streams = [
        ("stdout", &runs.native.stdout, runs.observation.stdout.is_empty()),
        ("stderr", &runs.native.stderr, runs.observation.stdout.is_empty() && stderr.is_empty()),
    ];
    let (place, native, _) = streams.into_iter().find(|(_, native, silent)| *silent && !native.is_empty())?;
    Some(Difference {
        place: place.into(),
        native: format!("{} bytes", native.len()),
        target: "nothing at all".into(),
        ..Difference::default()
    })
}

fn verdict(runs: &Runs<'_>, comparison: &Comparison) -> Verdict {
    let timed_out = |end: &End| matches!(end, End::TimedOut { .. });
    match (timed_out(&runs.native.end), timed_out(&runs.observation.end)) {
        (true, _) => return Verdict::FailsNatively,
        (false, true) => return Verdict::Timeout,
        (false, false) => {}
    }
    if comparison.is_equal() && beyond_limit(runs).is_some() {
        return Verdict::Inconclusive;
    }
    if comparison.is_equal() {
        return if comparison.rules.is_empty() { Verdict::Same } else { Verdict::Equivalent };
    }
    let (native, target) = runs.sides();
    if faults::find(native, target).is_some() {
        Verdict::EmulatorFault
    } else if termination::inconclusive(native, target).is_some() {
        Verdict::Inconclusive
    } else if runs.native.end.is_success() && !runs.observation.end.is_success() {
        Verdict::CrossFail
    } else {
        Verdict::Differs
    }
}

/// Why what is equal may go on differently: both sides were ended because of how much they print.
fn beyond_limit(runs: &Runs<'_>) -> Option<String> {
    match (&runs.native.end, &runs.observation.end) {
        (End::OutputLimit { bytes_max }, End::OutputLimit { .. }) => Some(format!(
            "both sides print more than {bytes_max} bytes: these are equal, and no more was compared"
        )),
        _ => None,
    }
}

fn cause(runs: &Runs<'_>, comparison: &Comparison, verdict: Verdict) -> Option<String> {
    let (native, target) = runs.sides();
    match verdict {
        Verdict::EmulatorFault => faults::find(native, target).map(|fault| fault.to_string()),
        Verdict::Inconclusive => termination::inconclusive(native, target).or_else(|| beyond_limit(runs)),
        Verdict::Timeout => Some(format!(
            "{} on the target, and an end after {} ms natively",
            runs.observation.end,
            runs.native.wall.as_millis()
        )),
        Verdict::FailsNatively => Some(format!("natively {}", runs.native.end)),
        _ => faults::instruction(target, runs.target).map(diagnose::lacking_instruction).or_else(|| {
            let native = diagnose::Run { observation: runs.native, target: runs.native_target };
            let seen = diagnose::Run { observation: runs.observation, target: runs.target };
            diagnose::cause_of_runs(&native, &seen, &comparison.differences)
                .map(|cause| cause.to_string())
                .or_else(|| faults::lacking_kernel(target).map(diagnose::lacking_kernel))
        }),
    }
}

/// Judges one test of a libtest binary; `None` where there is nothing to compare.
pub(crate) fn test(
    native: &TestOutcome,
    target: &TestOutcome,
    emulator: Kind,
    only_in_company: bool,
    timed_out: bool,
) -> Judged {
    // A test that fails says so itself, in panics; only what ended its process may be another's fault.
    let text = match target {
        TestOutcome::Failed(text) => text.as_str(),
        TestOutcome::Passed | TestOutcome::Ignored(_) => "",
    };
    let fault = faults::told(text.as_bytes(), emulator);
    let exhausted = termination::exhausted_by_words(text);
    let verdict = match (native, target) {
        (TestOutcome::Passed, TestOutcome::Passed) | (TestOutcome::Ignored(_), TestOutcome::Ignored(_)) => {
            Verdict::Same
        }
        (TestOutcome::Passed, TestOutcome::Failed(_)) if timed_out => Verdict::Timeout,
        (TestOutcome::Passed, TestOutcome::Failed(_)) if fault.is_some() => Verdict::EmulatorFault,
        (TestOutcome::Passed, TestOutcome::Failed(_)) if exhausted.is_some() => Verdict::Inconclusive,
        (TestOutcome::Passed, TestOutcome::Failed(_)) if only_in_company => Verdict::Flaky,
        (TestOutcome::Passed, TestOutcome::Failed(_)) => Verdict::CrossFail,
        (TestOutcome::Failed(_), _) => Verdict::FailsNatively,
        (_, TestOutcome::Ignored(_)) => Verdict::NotRun,
        (TestOutcome::Ignored(_), _) => Verdict::Extra,
    };
    let differences = if verdict == Verdict::Same {
        Vec::new()
    } else {
        let (native, target) = (outcome_text(native), outcome_text(target));
        vec![Difference { place: "outcome".into(), native, target, ..Difference::default() }]
    };
    let cause = match verdict {
        Verdict::Flaky => Some("fails only in company: alone it passes".to_owned()),
        Verdict::EmulatorFault => fault.map(|fault| fault.to_string()),
        Verdict::Inconclusive => exhausted.map(|what| {
            let end = text.lines().next().unwrap_or_default();
            termination::one_sided(what, "on the target", end)
        }),
        _ => None,
    };
    Judged { verdict: Some(verdict), cause, differences, ..Judged::default() }
}

/// A test's outcome as findings show it.
pub(crate) fn outcome_text(outcome: &TestOutcome) -> String {
    match outcome {
        TestOutcome::Passed => "ok".to_owned(),
        TestOutcome::Failed(text) => format!("failed\n{}", text.trim_end()),
        TestOutcome::Ignored(_) => "ignored".to_owned(),
    }
}

/// What an expectation makes of an observed verdict: the verdict that counts, and the reason it gives.
pub(crate) fn expect(
    observed: Verdict,
    cause: Option<&str>,
    expectation: Option<&Expectation>,
    today: Date,
) -> (Verdict, Option<String>) {
    let Some(expectation) = expectation else { return (observed, None) };
    let expired = expectation.until.is_some_and(|until| until < today);
    // The same verdict for another cause is news; for a cause that was not recognised it is none.
    let other_cause =
        expectation.cause.zip(cause.and_then(Class::of)).is_some_and(|(expected, told)| expected != told);
    let verdict = match (observed == expectation.verdict && !other_cause, expired) {
        (true, false) => Verdict::Expected,
        (true, true) => Verdict::Expired,
        (false, _) if observed.weight() == Weight::Good => Verdict::UnexpectedPass,
        (false, _) => return (observed, None),
    };
    (verdict, Some(expectation.reason.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::TargetPattern;

    fn expectation(until: Option<&str>) -> Expectation {
        Expectation {
            test: "*".into(),
            target: TargetPattern::parse("*").unwrap(),
            target_text: "*".into(),
            verdict: Verdict::Differs,
            cause: Some(Class::ByteOrder),
            reason: "known".into(),
            issue: None,
            until: until.and_then(Date::parse),
        }
    }

    #[test]
    fn an_expectation_holds_is_missed_or_has_run_out() {
        let today = Date::parse("2026-11-23").unwrap();
        let verdict = |observed, until| expect(observed, None, Some(&expectation(until)), today).0;
        assert_eq!(verdict(Verdict::Differs, None), Verdict::Expected);
        assert_eq!(verdict(Verdict::Differs, Some("2026-11-23")), Verdict::Expected);
        assert_eq!(verdict(Verdict::Differs, Some("2026-11-22")), Verdict::Expired);
        assert_eq!(verdict(Verdict::Same, None), Verdict::UnexpectedPass);
        assert_eq!(verdict(Verdict::CrossFail, None), Verdict::CrossFail, "another finding stays one");
        assert_eq!(expect(Verdict::Differs, None, None, today).0, Verdict::Differs);
        let caused = |cause| expect(Verdict::Differs, Some(cause), Some(&expectation(None)), today).0;
        assert_eq!(caused("byte-order: reversed"), Verdict::Expected);
        assert_eq!(caused("char-sign: unsigned"), Verdict::Differs, "for another cause it is a finding");
    }

    #[test]
    fn two_floods_are_not_called_the_same() {
        let target = Target::parse("x86_64-unknown-linux-gnu").unwrap();
        let seen = |end: End| Observation {
            end,
            stdout: b"y\ny\n".to_vec(),
            stderr: Vec::new(),
            files: std::collections::BTreeMap::new(),
            wall: std::time::Duration::ZERO,
            cpu: std::time::Duration::ZERO,
            peak_rss_bytes: 0,
            leaked: Vec::new(),
            emulator_log: Vec::new(),
            roots: Vec::new(),
        };
        let judged = |end: End| {
            let run = seen(end);
            let emulator = Kind::QemuUser;
            let runs =
                Runs { native: &run, native_target: &target, observation: &run, target: &target, emulator };
            program(&runs, &How::default(), &Noise::default())
        };
        let flood = judged(End::OutputLimit { bytes_max: 4 });
        assert_eq!(flood.verdict, Some(Verdict::Inconclusive));
        assert!(flood.cause.is_some_and(|cause| cause.contains("more than 4 bytes")));
        assert_eq!(judged(End::Exited { code: 0 }).verdict, Some(Verdict::Same));
    }

    #[test]
    fn a_test_is_judged_by_its_native_outcome() {
        let failed = || TestOutcome::Failed("boom".into());
        let judged = |native, target| test(&native, &target, Kind::QemuUser, false, false).verdict.unwrap();
        assert_eq!(judged(TestOutcome::Passed, TestOutcome::Passed), Verdict::Same);
        assert_eq!(judged(TestOutcome::Passed, failed()), Verdict::CrossFail);
        assert_eq!(judged(failed(), failed()), Verdict::FailsNatively);
        assert_eq!(judged(failed(), TestOutcome::Passed), Verdict::FailsNatively);
        assert_eq!(judged(TestOutcome::Passed, TestOutcome::Ignored(None)), Verdict::NotRun);
        assert_eq!(
            test(&TestOutcome::Passed, &failed(), Kind::QemuUser, true, false).verdict,
            Some(Verdict::Flaky)
        );
        assert_eq!(
            test(&TestOutcome::Passed, &failed(), Kind::QemuUser, false, true).verdict,
            Some(Verdict::Timeout)
        );
    }
}
