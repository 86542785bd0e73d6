//! Outputs that no person would write: they are compared all the same, and in time.

use super::*;

#[track_caller]
fn check(native: &[u8], target: &[u8], equal: bool) -> Comparison {
    let result = outputs(native, target, Kind::QemuUser, &How::default());
    assert_eq!(result.is_equal(), equal);
    result
}

#[test]
fn an_endless_line_is_compared_and_shown_where_it_differs() {
    let mut native = vec![b'7'; line::RULED_LINE_BYTES_MAX + 100];
    let mut target = native.clone();
    check(&native, &target, true);
    native[9_000_000] = b'1';
    target[9_000_000] = b'2';
    let result = check(&native, &target, false);
    let first = &result.differences[0];
    assert_eq!((first.values(), first.column), (("1", "2"), Some(9_000_001)));
    assert!(first.native.len() < 2_000);
}

#[test]
fn nul_and_invalid_utf8_are_bytes_like_others() {
    check(b"a\0b\xff\xfe\n", b"a\0b\xff\xfe\n", true);
    let result = check(b"a\0b\xff\n", b"a\0b\xfe\n", false);
    assert_eq!(result.differences[0].values(), ("b\\xff", "b\\xfe"));
    check(b"\xff -nan\n", b"\xff nan\n", true);
}

#[test]
fn long_outputs_with_nothing_in_common_are_bounded_and_it_is_said() {
    let numbers = |from: u32| -> Vec<u8> {
        (from..from + 30_000).flat_map(|n| format!("{n}\n").into_bytes()).collect()
    };
    let result = check(&numbers(0), &numbers(1_000_000), false);
    let first = &result.differences[0];
    assert_eq!((first.at, first.values(), first.more + 1), (1, ("0", "1000000"), align::UNMATCHED_MAX));
    assert!(first.remark.as_deref().is_some_and(|remark| remark.contains("the rest was not compared")));
}

#[test]
fn a_line_of_many_tokens_is_linear() {
    let line = |word: &str| format!("{word} ").repeat(20_000).into_bytes();
    check(&line("-nan"), &line("nan"), true);
    check(&line("'/tmp/n/cwd"), &line("'/tmp/t/cwd"), true);
    check(&line("\x1b["), &line("x"), false);
}

#[test]
fn a_replacement_that_would_backtrack_is_linear() {
    let rule =
        Normalise { regex: regex::bytes::Regex::new("(a*)*b|(x+x+)+y").unwrap(), replace: String::new() };
    let how = How { normalise: [rule].into(), ..How::default() };
    let (native, target) = (vec![b'a'; 100_000], vec![b'x'; 100_000]);
    assert!(!outputs(&native, &target, Kind::QemuUser, &how).is_equal());
}
