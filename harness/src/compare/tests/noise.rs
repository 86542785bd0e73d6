//! What varies natively is masked, and nothing else is.

use super::*;

/// Pairs of values that differ.
type Values = Vec<(String, String)>;

/// The differences that are left beside what the native runs have shown to vary, and the rules.
#[track_caller]
fn beside(native: &[&str], target: &str) -> (Values, Vec<(Rule, u64)>) {
    let how = How::default();
    let runs: Vec<_> = native.iter().map(|text| seen(text.as_bytes(), b"", "/tmp/n/cwd")).collect();
    let first = side(&runs[0], Kind::Native);
    let mut varying = Noise::default();
    for again in &runs[1..] {
        varying.extend(noise(first, side(again, Kind::Native), &how).expect("only values vary"));
    }
    let target = seen(target.as_bytes(), b"", "/tmp/t/cwd");
    let result = compare_beside(first, side(&target, Kind::QemuUser), &how, &varying);
    let values = |difference: &Difference| {
        let (native, target) = difference.values();
        (native.to_owned(), target.to_owned())
    };
    (result.differences.iter().map(values).collect(), result.rules.into_iter().collect())
}

fn differs(native: &str, target: &str) -> Values {
    vec![(native.into(), target.into())]
}

#[test]
fn a_value_that_varies_natively_is_masked() {
    let rules = |rule, count| (Vec::new(), vec![(rule, count)]);
    assert_eq!(beside(&["pid 12 a\n", "pid 13 a\n"], "pid 999 a\n"), rules(Rule::NativeNoise, 1));
    assert_eq!(beside(&["x 0x7ffe01\n", "x 0x7ffd02\n"], "x 0x4000\n"), rules(Rule::Ptr, 1));
    assert_eq!(beside(&["at 12:30:01\n", "at 12:30:02\n"], "at 12:31:00\n"), rules(Rule::NativeNoise, 1));
    assert_eq!(beside(&["t 0.5\n", "t 1\n"], "t 7.25\n"), rules(Rule::NativeNoise, 1));
    assert_eq!(beside(&["[   7]\n", "[  12]\n"], "[1234]\n"), rules(Rule::NativeNoise, 1));
    assert_eq!(beside(&["f tmpXa1\n", "f tmpQb7\n"], "f tmpZz9\n"), rules(Rule::NativeNoise, 1));
    assert_eq!(
        beside(&["f /tmp/n/cwd/a1\n", "f /tmp/n/cwd/b2\n"], "f /tmp/t/cwd/c3\n"),
        rules(Rule::NativeNoise, 1)
    );
    assert_eq!(beside(&["a 1 b 1\n", "a 2 b 1\n", "a 1 b 2\n"], "a 9 b 9\n"), rules(Rule::NativeNoise, 2));
}

#[test]
fn a_value_that_is_stable_natively_is_never_masked() {
    assert_eq!(beside(&["pid 12 n 5\n", "pid 13 n 5\n"], "pid 14 n 6\n").0, differs("5", "6"));
    assert_eq!(beside(&["pid 12\nn 5\n", "pid 13\nn 5\n"], "pid 14\nn 6\n").0, differs("5", "6"));
    assert_eq!(beside(&["n 5\n", "n 5\n"], "n 6\n").0, differs("5", "6"));
}

#[test]
fn a_masked_value_must_be_of_its_kind() {
    assert_eq!(beside(&["x 0x7ffe01\n", "x 0x7ffd02\n"], "x (nil)\n").0, differs("0x7ffe01", "(nil)"));
    assert_eq!(beside(&["x 0x7ffe01\n", "x 0x7ffd02\n"], "x 0x0\n").0, differs("0x7ffe01", "0x0"));
    assert_eq!(beside(&["pid 12\n", "pid 13\n"], "pid none\n").0, differs("12", "none"));
    assert_eq!(beside(&["at 12:30:01\n", "at 12:30:02\n"], "at 5\n").0, differs("12:30:01", "5"));
    assert_eq!(beside(&["t 5\n", "t 6\n"], "t nan\n").0, differs("5", "nan"));
}

#[test]
fn more_than_values_is_no_noise_but_a_program_without_a_result() {
    let vary = |first: &str, again: &str| {
        let (first, again) = (seen(first.as_bytes(), b"", "/n"), seen(again.as_bytes(), b"", "/m"));
        noise(side(&first, Kind::Native), side(&again, Kind::Native), &How::default()).err().map(|d| d.place)
    };
    assert_eq!(vary("a\nb\n", "a\n"), Some("stdout".into()));
    assert_eq!(vary("a b\n", "a\n"), Some("stdout".into()));
    assert_eq!(vary("a 1\n", "a 2\n"), None);
    let (first, mut again) = (seen(b"", b"", "/n"), seen(b"", b"", "/n"));
    again.end = End::Exited { code: 3 };
    let told = noise(side(&first, Kind::Native), side(&again, Kind::Native), &How::default()).unwrap_err();
    assert_eq!((told.place.as_str(), told.target.as_str()), ("status", "exit status 3"));
}
