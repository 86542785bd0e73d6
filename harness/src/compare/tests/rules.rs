//! Each rule: what it makes equal, and what it does not.

use super::*;

/// The rules that are to fire, or the values that differ.
type Expected<'a> = Result<&'a [(Rule, u64)], (&'a str, &'a str)>;

#[track_caller]
fn check_with(how: &How, native: &str, target: &str, emulator: Kind, expected: Expected<'_>) {
    let result = outputs(native.as_bytes(), target.as_bytes(), emulator, how);
    match expected {
        Ok(rules) => {
            assert!(result.is_equal(), "{:?}", result.differences);
            assert_eq!(result.rules.into_iter().collect::<Vec<_>>(), rules);
        }
        Err(values) => {
            let first = result.differences.first().expect("a difference");
            assert_eq!(first.values(), values, "{first:?}");
        }
    }
}

#[track_caller]
fn check(native: &str, target: &str, emulator: Kind, expected: Expected<'_>) {
    check_with(&How::default(), native, target, emulator, expected);
}

/// A line under QEMU.
#[track_caller]
fn line(native: &str, target: &str, expected: Expected<'_>) {
    check(native, target, Kind::QemuUser, expected);
}

#[test]
fn equal_bytes_need_no_rule() {
    check("a\r\nb", "a\r\nb", Kind::Wine, Ok(&[]));
    line("", "", Ok(&[]));
}

#[test]
fn crlf_is_equal_only_from_windows_programs() {
    check("a\nb\n", "a\r\nb\r\n", Kind::Wine, Ok(&[(Rule::Crlf, 2)]));
    check("a\r\nb\n", "a\r\r\nb\n", Kind::Wine, Ok(&[(Rule::Crlf, 1)]));
    line("a\nb\n", "a\r\nb\n", Err(("", "\\r")));
    check("a\n", "a\r\r\n", Kind::Wine, Err(("", "\\r")));
}

#[test]
fn the_runs_own_directories_are_equal_in_each_spelling() {
    line("at /tmp/n/cwd/sub/f\n", "at /tmp/t/cwd/sub/f\n", Ok(&[(Rule::Path, 1)]));
    line("in /tmp/n/cwd.\n", "in /tmp/t/cwd.\n", Ok(&[(Rule::Path, 1)]));
    line("/tmp/n/cwd/bin/prog: no\n", "/tmp/t/cwd/bin/prog: no\n", Ok(&[(Rule::Path, 1)]));
    for spelling in [
        "Z:\\tmp\\t\\cwd\\sub\\f",
        "z:\\tmp\\t\\cwd\\sub\\f",
        "Z:/tmp/t/cwd/sub/f",
        "Z:\\\\tmp\\\\t\\\\cwd\\\\sub\\\\f",
        "\\\\?\\Z:\\tmp\\t\\cwd\\sub\\f",
        "\\tmp\\t\\cwd\\sub\\f",
    ] {
        let target = format!("at {spelling}: ok\n");
        check("at /tmp/n/cwd/sub/f: ok\n", &target, Kind::Wine, Ok(&[(Rule::Path, 1)]));
        let elsewhere = target.replace("tmp", "tnp");
        let result = outputs(b"at /tmp/n/cwd/sub/f: ok\n", elsewhere.as_bytes(), Kind::Wine, &How::default());
        assert!(!result.is_equal(), "{elsewhere}");
    }
    check("\"/tmp/n/cwd/a b/c\" x\n", "\"Z:\\tmp\\t\\cwd\\a b\\c\" x\n", Kind::Wine, Ok(&[(Rule::Path, 1)]));
    line("/tmp/n/cwdx\n", "/tmp/t/cwdx\n", Err(("n", "t")));
    line("/tmp/n/cwd/1\n", "/tmp/t/cwd/2\n", Err(("/tmp/n/cwd/1", "/tmp/t/cwd/2")));
    check("a/b\n", "a\\b\n", Kind::Wine, Err(("/", "\\")));
}

#[test]
fn a_programs_name_has_another_suffix_on_another_target() {
    let (native, mut target) =
        (seen(b"usage: prog FILE\n", b"", "/n"), seen(b"usage: prog.exe FILE\n", b"", "/t"));
    target.roots[0].0 = "/t/bin/prog.exe".into();
    let result = compare(side(&native, Kind::Native), side(&target, Kind::Wine), &How::default());
    assert_eq!((result.is_equal(), result.rules.get(&Rule::Path)), (true, Some(&1)));
    target.stdout = b"usage: other.exe FILE\n".to_vec();
    assert!(!compare(side(&native, Kind::Native), side(&target, Kind::Wine), &How::default()).is_equal());
    target.stdout = b"usage: /t/bin/prog.exe FILE\n".to_vec();
    assert!(!compare(side(&native, Kind::Native), side(&target, Kind::Wine), &How::default()).is_equal());
}

#[test]
fn the_kernels_thread_number_in_a_panic_is_no_difference() {
    let panic = |id: u32, line: u32| format!("thread 'main' ({id}) panicked at src/x.rs:{line}:2:\n");
    line(&panic(77, 1), &panic(12345, 1), Ok(&[(Rule::ThreadId, 1)]));
    line(&panic(77, 1), &panic(77, 3), Err(("1", "3")));
    line("main (77) panicked at x\n", "main (78) panicked at x\n", Err(("77", "78")));
    line("thread 'a' (7) overtook\n", "thread 'a' (8) overtook\n", Err(("7", "8")));
}

#[test]
fn colours_on_one_side_only_are_no_difference() {
    line("\x1b[31mred\x1b[0m\n", "red\n", Ok(&[(Rule::Ansi, 1)]));
    line("link\n", "\x1b]8;;file\x1b\\link\x1b]8;;\x07\n", Ok(&[(Rule::Ansi, 1)]));
    line("\x1b[31mred\n", "\x1b[32mred\n", Err(("31mred", "32mred")));
    line("\x1b[2Jx\n", "x\n", Err(("\\u{1b}[2J", "")));
}

#[test]
fn a_nan_is_a_nan_whatever_its_sign_and_spelling() {
    line("mean -nan\n", "mean nan\n", Ok(&[(Rule::NanSign, 1)]));
    line("mean=-nan,\n", "mean=NaN,\n", Ok(&[(Rule::NanSign, 1), (Rule::NanSpelling, 1)]));
    check("-nan\n", "-nan(ind)\n", Kind::Wine, Ok(&[(Rule::NanSpelling, 1)]));
    check("nan\n", "1.#QNAN\n", Kind::Wine, Ok(&[(Rule::NanSpelling, 1)]));
    check("-nan\n", "-1.#IND00\n", Kind::Wine, Ok(&[(Rule::NanSpelling, 1)]));
    line("a nan b -nan\n", "a -nan b nan\n", Ok(&[(Rule::NanSign, 2)]));
    line("Nan\n", "nan\n", Err(("Nan", "nan")));
    line("nan\n", "0.0\n", Err(("nan", "0.0")));
    line("nan\n", "inf\n", Err(("nan", "inf")));
    line("7fc00000\n", "ffc00000\n", Err(("7fc00000", "ffc00000")));
    line("nan_1\n", "-nan_1\n", Err(("", "-")));
}

#[test]
fn padding_may_differ_by_what_a_rule_made_longer_and_no_more() {
    line("[    nan]\n", "[   -nan]\n", Ok(&[(Rule::NanSign, 1)]));
    line("[ nan]\n", "[-nan]\n", Ok(&[(Rule::NanSign, 1)]));
    line("[nan    ]\n", "[-nan   ]\n", Ok(&[(Rule::NanSign, 1)]));
    line("nan \n", "-nan\n", Ok(&[(Rule::NanSign, 1)]));
    line("[    nan]\n", "[    -nan]\n", Ok(&[(Rule::NanSign, 1)]));
    line("[  nan]\n", "[ nan]\n", Err((" ", "")));
    line("[   nan]\n", "[ -nan]\n", Err(("  ", "-")));
    line("[nan    ]\n", "[-nan ]\n", Err(("   ", "")));
}

#[test]
fn an_infinity_keeps_its_sign() {
    check("inf\n", "1.#INF00\n", Kind::Wine, Ok(&[(Rule::InfSpelling, 1)]));
    line("-inf\n", "-Infinity\n", Ok(&[(Rule::InfSpelling, 1)]));
    line("inf\n", "-inf\n", Err(("inf", "-inf")));
    line("inf\n", "info\n", Err(("inf", "info")));
}

#[test]
fn a_null_pointer_is_nil_or_zero() {
    check("p (nil)\n", "p 0000000000000000\n", Kind::Wine, Ok(&[(Rule::NullPointer, 1)]));
    line("p (nil)\n", "p 0\n", Ok(&[(Rule::NullPointer, 1)]));
    line("p 0x0\n", "p (nil)\n", Ok(&[(Rule::NullPointer, 1)]));
    line("p (nil)\n", "p 0x1000\n", Err(("(nil)", "0x1000")));
    line("p 0\n", "p 0000000000000000\n", Err(("0", "0000000000000000")));
    line("p (nil)\n", "p 00\n", Err(("(nil)", "00")));
}

#[test]
fn addresses_that_are_stable_natively_are_data() {
    line("0x01020304\n", "0x04030201\n", Err(("0x01020304", "0x04030201")));
    line("0x7ffd12345678\n", "0x40007ff8e0\n", Err(("0x7ffd12345678", "0x40007ff8e0")));
}

#[test]
fn a_third_digit_of_an_exponent_is_windows() {
    check("1.5e+10 2e-07\n", "1.5e+010 2e-007\n", Kind::Wine, Ok(&[(Rule::ExponentDigits, 2)]));
    line("1e+10\n", "1e+010\n", Err(("1e+10", "1e+010")));
    check("1e+10\n", "1e+011\n", Kind::Wine, Err(("1e+10", "1e+011")));
    check("1e+10\n", "1e-010\n", Kind::Wine, Err(("1e+10", "1e-010")));
    check("1e+10\n", "2e+010\n", Kind::Wine, Err(("1e+10", "2e+010")));
    check("1e+5\n", "1e+005\n", Kind::Wine, Err(("1e+5", "1e+005")));
}

#[test]
fn hexadecimal_floats_are_equal_by_value() {
    line("0xc.8p+0\n", "0x1.9p+3\n", Ok(&[(Rule::HexFloat, 1)]));
    line(
        "0xc.8p+0\n",
        "0x1.9000000000000000000000000001p+3\n",
        Err(("0xc.8p+0", "0x1.9000000000000000000000000001p+3")),
    );
    line("-0x0p+0\n", "0x0p+0\n", Err(("-0x0p+0", "0x0p+0")));
}

#[test]
fn the_seconds_of_rusts_test_harness_are_no_difference() {
    let summary = |passed: u32, time: &str| {
        format!("test result: ok. {passed} passed; 0 failed; 0 filtered out; finished in {time}s\n")
    };
    line(&summary(5, "0.00"), &summary(5, "1.25"), Ok(&[(Rule::LibtestTime, 1)]));
    line(&summary(5, "0.00"), &summary(6, "0.00"), Err(("5", "6")));
    line("job finished in 0.00s\n", "job finished in 1.25s\n", Err(("0.00s", "1.25s")));
}

fn tolerance(float: Tolerance) -> How {
    How { float, ..How::default() }
}

#[test]
fn a_tolerance_is_for_floats_and_only_when_asked() {
    line("x 1.5\n", "x 1.5000001\n", Err(("1.5", "1.5000001")));
    let near = tolerance(Tolerance { abs: 10.0, ..Tolerance::default() });
    let allows = |native: &str, target: &str| {
        check_with(&near, native, target, Kind::QemuUser, Ok(&[(Rule::FloatTolerance, 1)]));
    };
    allows("x 1.5\n", "x 1.75\n");
    allows("{\"x\":1.5}\n", "{\"x\":-1.75e0}\n");
    allows("took 1.5s\n", "took 1.75s\n");
    allows("0x1.8p+0\n", "0x1.cp+0\n");
    let refuses = |native: &str, target: &str, values: (&str, &str)| {
        check_with(&near, native, target, Kind::QemuUser, Err(values));
    };
    refuses("n 12345\n", "n 12346\n", ("12345", "12346"));
    refuses("v1.2.3\n", "v1.2.4\n", ("v1.2.3", "v1.2.4"));
    refuses("v1.2\n", "v1.3\n", ("v1.2", "v1.3"));
    refuses("version 1.2\n", "version 1.3\n", ("1.2", "1.3"));
    refuses("version: \"1.2\"\n", "version: \"1.3\"\n", ("1.2", "1.3"));
    refuses("1.2.3\n", "1.2.4\n", ("1.2.3", "1.2.4"));
    refuses("at 12:30:45.5\n", "at 12:30:46.5\n", ("12:30:45.5", "12:30:46.5"));
    refuses("2024-05-06\n", "2024-05-07\n", ("2024-05-06", "2024-05-07"));
    refuses("6.5.2024\n", "7.5.2024\n", ("6.5.2024", "7.5.2024"));
    refuses("127.0.0.1\n", "127.0.0.2\n", ("127.0.0.1", "127.0.0.2"));
    refuses("took 12ms\n", "took 13ms\n", ("12ms", "13ms"));
    refuses("took 1.5s\n", "took 1.5ms\n", ("1.5s", "1.5ms"));
    refuses("x 1.5\n", "x 2\n", ("1.5", "2"));
    refuses("x 1.5\n", "x nan\n", ("1.5", "nan"));
    refuses("x 1.5\n", "x 12.5\n", ("1.5", "12.5"));
    refuses("x 0x10\n", "x 0x11\n", ("0x10", "0x11"));
}

#[test]
fn the_sign_of_a_zero_matters_unless_the_manifest_says_not() {
    let near = tolerance(Tolerance { abs: 1.0, ulps: 9, ..Tolerance::default() });
    check_with(&near, "0.0\n", "-0.0\n", Kind::QemuUser, Err(("0.0", "-0.0")));
    let asked = tolerance(Tolerance { zeros_equal: true, ..Tolerance::default() });
    check_with(&asked, "0.0\n", "-0.0\n", Kind::QemuUser, Ok(&[(Rule::SignedZero, 1)]));
    check_with(&asked, "0\n", "-0\n", Kind::QemuUser, Err(("0", "-0")));
}

#[test]
fn the_manifests_own_replacements_are_counted() {
    let rule = Normalise { regex: regex::bytes::Regex::new(r"pid (\d+)").unwrap(), replace: "pid N".into() };
    let how = How { normalise: [rule].into(), ..How::default() };
    check_with(&how, "a pid 12\nb\n", "a pid 9\nb\n", Kind::QemuUser, Ok(&[(Rule::Normalise, 1)]));
    check_with(&how, "a pid 12 x\n", "a pid 9 y\n", Kind::QemuUser, Err(("x", "y")));
    check_with(&how, "a 12\n", "a 9\n", Kind::QemuUser, Err(("12", "9")));
}

#[test]
fn an_older_version_leaves_out_what_came_later() {
    let old = How { rules_version: 1, ..How::default() };
    check_with(&old, "-nan\n", "nan\n", Kind::QemuUser, Err(("-nan", "nan")));
    check_with(&old, "\x1b[1ma\n", "a\n", Kind::QemuUser, Err(("\\u{1b}[1m", "")));
    check_with(&old, "a\n", "a\r\n", Kind::Wine, Ok(&[(Rule::Crlf, 1)]));
    check_with(&old, "/tmp/n/cwd\n", "/tmp/t/cwd\n", Kind::QemuUser, Ok(&[(Rule::Path, 1)]));
}

#[test]
fn a_line_too_many_is_one_difference() {
    let first = |native: &str, target: &str| {
        let result = outputs(native.as_bytes(), target.as_bytes(), Kind::QemuUser, &How::default());
        let first = &result.differences[0];
        (first.at, first.native.clone(), first.target.clone(), first.more)
    };
    assert_eq!(first("a\nb\nc\n", "a\nx\nb\nc\n"), (2, "(no such line)".into(), "x".into(), 0));
    assert_eq!(first("a\n1\nc\n2\n", "a\n9\nc\n8\n"), (2, "1".into(), "9".into(), 1));
    let ends = |what: &str| format!("({what} line feed at the end)");
    assert_eq!(first("a\nb\n", "a\nb"), (2, ends("a"), ends("no"), 0));
}

#[test]
fn lines_in_another_order_are_told() {
    let reordered = |native: &str, target: &str| {
        let result = outputs(native.as_bytes(), target.as_bytes(), Kind::QemuUser, &How::default());
        result.differences[0].reordered
    };
    assert!(reordered("a\nb\nc\n", "b\na\nc\n"));
    assert!(reordered("a 1\nb 2\nc 3\nd 4\n", "d 4\nc 3\nb 2\na 1\n"));
    assert!(!reordered("a\nb\nc\n", "b\nx\nc\n"));
}

#[test]
fn all_the_smallest_parts_that_differ_are_marked() {
    let result = outputs(b"x=1 y=2 z=3\n", b"x=9 y=2 z=8\n", Kind::QemuUser, &How::default());
    let first = &result.differences[0];
    let marked: Vec<_> = first.marks.iter().map(|mark| &first.target[mark.target.0..mark.target.1]).collect();
    assert_eq!(marked, ["9", "8"]);
}

#[test]
fn only_the_running_emulators_own_lines_are_set_apart() {
    let native = seen(b"", b"oops\n", "/n");
    let target = seen(b"", b"oops\nqemu: uncaught target signal 6 (Aborted) - core dumped\n", "/t");
    let how = How::default();
    let result = compare(side(&native, Kind::Native), side(&target, Kind::QemuUser), &how);
    assert!(result.is_equal());
    assert_eq!(result.rules.get(&Rule::EmulatorLines), Some(&1));
    let result = compare(side(&native, Kind::Native), side(&target, Kind::Wine), &how);
    assert!(!result.is_equal(), "a Wine guest that prints QEMU's words prints them itself");
}

#[test]
fn binary_files_differ_by_offset() {
    let (mut native, mut target) = (seen(b"", b"", "/n"), seen(b"", b"", "/t"));
    native.files.insert("out.bin".into(), vec![0, 1, 2, 3]);
    target.files.insert("out.bin".into(), vec![0, 1, 9]);
    let result = compare(side(&native, Kind::Native), side(&target, Kind::QemuUser), &How::default());
    let first = &result.differences[0];
    assert_eq!((first.place.as_str(), first.at, first.more), ("file out.bin", 2, 1));
    assert_eq!((first.native.as_str(), first.target.as_str()), ("02 03 (of 4 bytes)", "09 (of 3 bytes)"));
    assert_eq!(first.values(), ("02", "09"));
}

#[test]
fn text_files_are_compared_by_the_same_rules() {
    let (mut native, mut target) = (seen(b"", b"", "/n"), seen(b"", b"", "/t"));
    native.files.insert("out.txt".into(), b"-nan\n".to_vec());
    target.files.insert("out.txt".into(), b"nan\r\n".to_vec());
    let result = compare(side(&native, Kind::Native), side(&target, Kind::Wine), &How::default());
    assert_eq!(result.rules.into_iter().collect::<Vec<_>>(), [(Rule::Crlf, 1), (Rule::NanSign, 1)]);
}

#[test]
fn a_missing_file_and_another_status_are_differences() {
    let (mut native, mut target) = (seen(b"", b"", "/n"), seen(b"", b"", "/t"));
    native.files.insert("out".into(), b"x".to_vec());
    target.end = End::Signalled { signal: 6 };
    let result = compare(side(&native, Kind::Native), side(&target, Kind::QemuUser), &How::default());
    let places: Vec<_> = result.differences.iter().map(|d| (d.place.as_str(), d.target.as_str())).collect();
    assert_eq!(places, [("status", "killed by SIGABRT"), ("file out", "not there")]);
}

#[test]
fn a_mode_may_take_no_rule_or_no_look() {
    let exact = How { stdout: StreamMode::Exact, ..How::default() };
    let result = outputs(b"-nan\n", b"nan\n", Kind::QemuUser, &exact);
    assert_eq!((result.differences[0].at, result.rules.len()), (0, 0));
    let ignored = How { stdout: StreamMode::Ignore, ..How::default() };
    assert!(outputs(b"a\n", b"b\n", Kind::QemuUser, &ignored).is_equal());
}
