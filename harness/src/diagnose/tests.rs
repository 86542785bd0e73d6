use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::observation::End;

/// A run after which nothing was asked.
const NOTHING: Afterwards<'_> = Afterwards { confirmed: &[], bundled: &[] };

const HOST: &str = "x86_64-unknown-linux-gnu";
const A64: &str = "aarch64-unknown-linux-gnu";
const ARMV7: &str = "armv7-unknown-linux-gnueabihf";
const I686: &str = "i686-unknown-linux-gnu";
const S390X: &str = "s390x-unknown-linux-gnu";
const WINDOWS: &str = "x86_64-pc-windows-gnu";
const WASI: &str = "wasm32-wasip1";

fn observation(end: End, stdout: &str, stderr: &str) -> Observation {
    Observation {
        end,
        stdout: stdout.as_bytes().to_vec(),
        stderr: stderr.as_bytes().to_vec(),
        files: BTreeMap::new(),
        emulator_log: Vec::new(),
        wall: Duration::ZERO,
        cpu: Duration::ZERO,
        peak_rss_bytes: 0,
        leaked: Vec::new(),
        roots: Vec::new(),
    }
}

const WELL: End = End::Exited { code: 0 };

fn difference(place: &str) -> Difference {
    Difference {
        place: place.to_owned(),
        at: 1,
        native: "(no such line)".to_owned(),
        target: "(no such line)".to_owned(),
        ..Difference::default()
    }
}

/// The class of what differs at `place`.
fn class(native: &Observation, other: &Observation, triple: &str, place: &str) -> Option<Class> {
    let (host, target) = (Target::parse(HOST).unwrap(), Target::parse(triple).unwrap());
    let native = Run { observation: native, target: &host };
    let other = Run { observation: other, target: &target };
    cause_of_runs(&native, &other, &[difference(place)]).map(|cause| cause.class)
}

fn with_file(name: &str, bytes: &[u8]) -> Observation {
    let mut observation = observation(WELL, "", "");
    observation.files.insert(name.to_owned(), bytes.to_vec());
    observation
}

#[test]
fn output_that_stops_early_is_lost_and_not_cut_by_a_crash() {
    let whole = observation(WELL, "one\ntwo\nthree\n", "");
    let cut = observation(WELL, "one\n", "");
    assert_eq!(class(&whole, &cut, A64, "stdout"), Some(Class::LostOutput));
    assert_eq!(class(&whole, &observation(WELL, "", ""), A64, "stdout"), Some(Class::LostOutput));
    let crashed = observation(End::Signalled { signal: 11 }, "one\n", "");
    assert_eq!(class(&whole, &crashed, A64, "stdout"), None);
    assert_eq!(class(&cut, &whole, A64, "stdout"), None, "more than native is not lost");
}

#[test]
fn lines_that_the_comparator_found_elsewhere_are_an_order() {
    let (host, target) = (Target::parse(HOST).unwrap(), Target::parse(A64).unwrap());
    let run = observation(WELL, "a\n", "");
    let (native, other) =
        (Run { observation: &run, target: &host }, Run { observation: &run, target: &target });
    let reordered = Difference { reordered: true, ..difference("stdout") };
    assert_eq!(cause_of_runs(&native, &other, &[reordered]).map(|cause| cause.class), Some(Class::Ordering));
}

#[test]
fn files_are_cut_turned_around_or_written_in_text_mode() {
    let native = with_file("t.bin", &[1, 2, 3, 4, 10, 9]);
    let class = |bytes: &[u8], triple| class(&native, &with_file("t.bin", bytes), triple, "file t.bin");
    assert_eq!(class(&[1, 2, 3], A64), Some(Class::TruncatedFile));
    assert_eq!(class(&[4, 3, 2, 1, 10, 9], S390X), Some(Class::ByteOrder));
    assert_eq!(class(&[4, 3, 2, 1, 10, 9], A64), None);
    assert_eq!(class(&[2, 1, 4, 3, 9, 10], S390X), Some(Class::ByteOrder), "UTF-16");
    assert_eq!(class(&[1, 2, 3, 4, 13, 10, 9], WINDOWS), Some(Class::LineEnding));
    assert_eq!(class(&[1, 2, 3, 4, 13, 10, 9], A64), None);
}

#[test]
fn a_file_under_a_name_in_another_case_is_told_of_windows_only() {
    let (native, other) = (with_file("Data.txt", b"x"), with_file("DATA.TXT", b"x"));
    assert_eq!(class(&native, &other, WINDOWS, "file Data.txt"), Some(Class::NameCase));
    assert_eq!(class(&native, &other, A64, "file Data.txt"), None);
}

#[test]
fn ends_are_told_by_what_the_systems_do() {
    let ended = |end| observation(end, "", "");
    let class = |native, other, triple| class(&ended(native), &ended(other), triple, "status");
    let signalled = |signal| End::Signalled { signal };
    let exited = |code| End::Exited { code };
    assert_eq!(class(WELL, signalled(4), A64), Some(Class::CpuFeature));
    assert_eq!(class(signalled(4), signalled(4), A64), None);
    assert_eq!(class(WELL, signalled(7), ARMV7), Some(Class::Layout));
    assert_eq!(class(signalled(6), exited(3), WINDOWS), Some(Class::Signals));
    assert_eq!(class(signalled(6), exited(3), A64), None);
    assert_eq!(class(exited(44), exited(300), WINDOWS), Some(Class::ExitStatus));
    assert_eq!(class(exited(1), exited(2), A64), None);
    let (host, windows) = (Target::parse(HOST).unwrap(), Target::parse(WINDOWS).unwrap());
    let (native, other) = (ended(exited(44)), ended(exited(300)));
    let native = Run { observation: &native, target: &host };
    let other = Run { observation: &other, target: &windows };
    assert_eq!(cause_of_runs(&native, &other, &[]), None, "nothing differs");
}

#[test]
fn panics_are_read_for_their_values_and_words() {
    let told = |text: &str, triple| {
        let (host, target) = (Target::parse(HOST).unwrap(), Target::parse(triple).unwrap());
        cause_of_failure(text, &host, &target).map(|cause| cause.class)
    };
    let assertion =
        "panicked at src/lib.rs:1:2:\nassertion `left == right` failed\n  left: 50331648\n right: 3\n";
    assert_eq!(told(assertion, S390X), Some(Class::ByteOrder));
    assert_eq!(told(assertion, A64), None);
    assert_eq!(told("panicked at x:\nattempt to multiply with overflow", I686), Some(Class::Overflow));
    assert_eq!(told("panicked at x:\nattempt to multiply with overflow", S390X), None);
    let narrowed = "called `Result::unwrap()` on an `Err` value: TryFromIntError(())";
    assert_eq!(told(narrowed, WASI), Some(Class::PointerWidth));
    let slice = "range end index 83886080 out of range for slice of length 10";
    assert_eq!(told(slice, S390X), Some(Class::ByteOrder));
    assert_eq!(told(slice, A64), None);
}

fn cell(case: &str, target: &str, verdict: Verdict, cause: Option<&str>) -> Cell {
    Cell {
        suite: "s".into(),
        case: case.into(),
        target: target.into(),
        emulator: "qemu-user".into(),
        verdict,
        observed: verdict,
        rules: Vec::new(),
        cause: cause.map(ToOwned::to_owned),
        differences: Vec::new(),
        duration_ms: 0,
        native_ms: 0,
        limit_ms: 0,
        tries: Vec::new(),
        repeated: None,
        peak_rss_bytes: 0,
        leaked: Vec::new(),
        repeat: format!("triplecheck run s::{case} -t {target}"),
        kept: None,
        expected: None,
        issue: None,
        known: Vec::new(),
        unchanged: false,
    }
}

/// Forty tests that fail on the big-endian target and pass elsewhere.
fn forty(cause: Option<&str>) -> Vec<Cell> {
    let names = (0..40).map(|number| format!("t{number}"));
    let row = |name: String| {
        let fails = cell(&name, S390X, Verdict::CrossFail, cause);
        [fails, cell(&name, A64, Verdict::Same, None), cell(&name, I686, Verdict::Same, None)]
    };
    names.flat_map(row).collect()
}

#[test]
fn one_cause_over_forty_tests_is_one_finding() {
    let findings = findings(&forty(Some("byte-order: reversed")), &NOTHING, &[]);
    assert_eq!(findings.len(), 1);
    assert_eq!((findings[0].cases.len(), findings[0].cells.len()), (40, 40));
    assert_eq!(findings[0].targets, [S390X]);
    assert_eq!(findings[0].class, Some(Class::ByteOrder));
    assert_eq!(findings[0].decide, None, "the values have decided");
}

#[test]
fn tests_without_a_known_cause_are_told_one_by_one_with_what_would_decide() {
    let here = ["powerpc64-unknown-linux-gnu".to_owned()];
    let findings = findings(&forty(None), &NOTHING, &here);
    assert_eq!(findings.len(), 40);
    assert_eq!(findings[0].class, Some(Class::ByteOrder), "by its trait");
    let decide = findings[0].decide.as_ref().unwrap();
    assert_eq!((decide.target.as_str(), decide.here), ("powerpc64-unknown-linux-gnu", true));
}

#[test]
fn one_sentence_on_differently_separated_targets_is_two_findings() {
    let cause = Some("byte-order: reversed");
    let mut cells = forty(cause);
    cells.push(cell("other", S390X, Verdict::CrossFail, cause));
    cells.push(cell("other", A64, Verdict::CrossFail, cause));
    cells.push(cell("other", I686, Verdict::Same, None));
    assert_eq!(findings(&cells, &NOTHING, &[]).len(), 2);
}

#[test]
fn what_a_second_emulator_said_stands_with_the_finding() {
    let answer = |agrees, shown: &str| Confirmed {
        suite: "s".into(),
        case: "t0".into(),
        target: S390X.into(),
        emulator: "qemu-user@max".into(),
        agrees,
        as_native: shown == "same",
        shown: shown.into(),
    };
    let of = |answer: Confirmed| {
        let afterwards = Afterwards { confirmed: &[answer], bundled: &[] };
        findings(&forty(None), &afterwards, &[])[0].confirmed.clone().unwrap()
    };
    assert_eq!((of(answer(Some(true), "")).agrees, of(answer(Some(true), "")).shown), (1, None));
    let dissent = |shown| {
        let found = of(answer(Some(false), shown));
        (found.disagrees, found.as_native)
    };
    assert_eq!((dissent("4"), dissent("same")), ((1, 0), (1, 1)));
    assert_eq!(of(answer(None, "no such model")).shown.as_deref(), Some("no such model"));
}

proptest! {
    #[test]
    fn equal_runs_have_no_cause(text: String, code: u8) {
        let run = observation(End::Exited { code: code.into() }, &text, &text);
        for triple in [A64, S390X, I686, WINDOWS, WASI] {
            for place in ["stdout", "stderr", "status"] {
                prop_assert_eq!(class(&run, &run, triple, place), None);
            }
        }
    }

    #[test]
    fn any_runs_are_diagnosed_without_a_panic(left: String, right: String, told: String) {
        for triple in [A64, S390X, I686, WINDOWS, WASI] {
            let (native, other) = (observation(WELL, &left, ""), observation(WELL, &right, &told));
            let _ = class(&native, &other, triple, "stdout");
            let _ = class(&native, &other, triple, "stderr");
        }
    }
}
