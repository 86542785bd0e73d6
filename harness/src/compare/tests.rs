//! What counts as equal, by which rule, and what never does.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::observation::End;

fn seen(stdout: &[u8], stderr: &[u8], root: &str) -> Observation {
    Observation {
        end: End::Exited { code: 0 },
        stdout: stdout.to_vec(),
        stderr: stderr.to_vec(),
        files: BTreeMap::new(),
        wall: Duration::ZERO,
        cpu: Duration::ZERO,
        peak_rss_bytes: 0,
        leaked: Vec::new(),
        roots: vec![(root.into(), "<cwd>")],
    }
}

fn side(observation: &Observation, emulator: Kind) -> Side<'_> {
    Side { observation, windows: emulator == Kind::Wine, emulator }
}

/// The rules that are to fire, or the first difference.
type Expected<'a> = Result<&'a [(Rule, u64)], (u64, &'a str, &'a str)>;

#[track_caller]
fn check(native: &[u8], target: &[u8], emulator: Kind, expected: Expected<'_>) {
    let (native, target) = (seen(native, b"", "/tmp/n/cwd"), seen(target, b"", "/tmp/t/cwd"));
    let result = compare(side(&native, Kind::Native), side(&target, emulator), Compare::default());
    match expected {
        Ok(rules) => {
            assert!(result.is_equal(), "{:?}", result.differences);
            assert_eq!(result.rules.into_iter().collect::<Vec<_>>(), rules);
        }
        Err((at, left, right)) => {
            let first = result.differences.first().expect("a difference");
            assert_eq!((first.at, first.native.as_str(), first.target.as_str()), (at, left, right));
        }
    }
}

#[test]
fn equal_bytes_need_no_rule() {
    check(b"a\r\nb", b"a\r\nb", Kind::Wine, Ok(&[]));
    check(b"", b"", Kind::QemuUser, Ok(&[]));
}

#[test]
fn crlf_is_equal_only_from_windows_programs() {
    check(b"a\nb\n", b"a\r\nb\r\n", Kind::Wine, Ok(&[(Rule::Crlf, 2)]));
    check(b"a\nb\n", b"a\r\nb\n", Kind::QemuUser, Err((1, "a", "a\\r")));
    check(b"a\n", b"a\r\r\n", Kind::Wine, Err((1, "a", "a\\r\\r")));
}

#[test]
fn the_runs_own_directories_are_equal_in_each_spelling() {
    check(b"at /tmp/n/cwd/sub/f\n", b"at /tmp/t/cwd/sub/f\n", Kind::QemuUser, Ok(&[(Rule::Path, 1)]));
    check(
        b"at /tmp/n/cwd/sub/f: ok\n",
        b"at Z:\\tmp\\t\\cwd\\sub\\f: ok\r\n",
        Kind::Wine,
        Ok(&[(Rule::Crlf, 1), (Rule::Path, 1)]),
    );
    check(b"/tmp/n/cwdx\n", b"/tmp/t/cwdx\n", Kind::QemuUser, Err((1, "/tmp/n/cwdx", "/tmp/t/cwdx")));
    check(b"a/b\n", b"a\\b\n", Kind::Wine, Err((1, "a/b", "a\\b")));
}

#[test]
fn the_kernels_thread_number_in_a_panic_is_no_difference() {
    check(
        b"thread 'main' (77) panicked at src/x.rs:1:2:\n",
        b"thread 'main' (12345) panicked at src/x.rs:1:2:\n",
        Kind::QemuUser,
        Ok(&[(Rule::ThreadId, 1)]),
    );
    check(
        b"thread 'main' (77) panicked at src/x.rs:1:2:\n",
        b"thread 'main' (77) panicked at src/x.rs:1:3:\n",
        Kind::QemuUser,
        Err((
            1,
            "thread 'main' (77) panicked at src/x.rs:1:2:",
            "thread 'main' (77) panicked at src/x.rs:1:3:",
        )),
    );
}

#[test]
fn a_line_too_many_is_one_difference() {
    check(b"a\nb\nc\n", b"a\nx\nb\nc\n", Kind::QemuUser, Err((2, "(no such line)", "x")));
    check(b"a\nb\n", b"a\nb", Kind::QemuUser, Err((3, "(no such line)", "\\ no newline at the end")));
}

#[test]
fn only_the_running_emulators_own_lines_are_set_apart() {
    let native = seen(b"", b"oops\n", "/n");
    let target = seen(b"", b"oops\nqemu: uncaught target signal 6 (Aborted) - core dumped\n", "/t");
    let result = compare(side(&native, Kind::Native), side(&target, Kind::QemuUser), Compare::default());
    assert!(result.is_equal());
    assert_eq!(result.rules.get(&Rule::EmulatorLines), Some(&1));
    let result = compare(side(&native, Kind::Native), side(&target, Kind::Wine), Compare::default());
    assert!(!result.is_equal(), "a Wine guest that prints QEMU's words prints them itself");
}

#[test]
fn binary_files_differ_by_offset() {
    let (mut native, mut target) = (seen(b"", b"", "/n"), seen(b"", b"", "/t"));
    native.files.insert("out.bin".into(), vec![0, 1, 2, 3]);
    target.files.insert("out.bin".into(), vec![0, 1, 9]);
    let result = compare(side(&native, Kind::Native), side(&target, Kind::QemuUser), Compare::default());
    let first = &result.differences[0];
    assert_eq!((first.place.as_str(), first.at), ("file out.bin", 2));
    assert_eq!((first.native.as_str(), first.target.as_str()), ("02 03 (of 4 bytes)", "09 (of 3 bytes)"));
}

#[test]
fn a_missing_file_and_another_status_are_differences() {
    let (mut native, mut target) = (seen(b"", b"", "/n"), seen(b"", b"", "/t"));
    native.files.insert("out".into(), b"x".to_vec());
    target.end = End::Signalled { signal: 6 };
    let result = compare(side(&native, Kind::Native), side(&target, Kind::QemuUser), Compare::default());
    let places: Vec<_> = result.differences.iter().map(|d| (d.place.as_str(), d.target.as_str())).collect();
    assert_eq!(places, [("status", "killed by SIGABRT"), ("file out", "not there")]);
}

#[test]
fn an_emulators_own_failure_is_told_from_its_words() {
    let fault = fault_of(b"x\nqemu: QEMU internal SIGSEGV {code=MAPERR, addr=0x20}\n", Kind::QemuUser);
    assert_eq!(fault.map(|fault| fault.cause), Some("QEMU itself crashed"));
    assert_eq!(fault_of(b"qemu: uncaught target signal 11 (Segmentation fault)\n", Kind::QemuUser), None);
    assert_eq!(fault_of(b"QEMU internal SIGSEGV\n", Kind::QemuUser), None, "the guest's own words");
}

proptest::proptest! {
    #[test]
    fn comparing_is_total_and_reflexive(bytes: Vec<u8>, other: Vec<u8>) {
        let (a, b) = (seen(&bytes, &other, "/tmp/n"), seen(&bytes, &other, "/tmp/n"));
        let result = compare(side(&a, Kind::Native), side(&b, Kind::QemuUser), Compare::default());
        proptest::prop_assert!(result.is_equal());
        let c = seen(&other, &bytes, "/tmp/n");
        let forth = compare(side(&a, Kind::Native), side(&c, Kind::QemuUser), Compare::default());
        let back = compare(side(&c, Kind::Native), side(&a, Kind::QemuUser), Compare::default());
        proptest::prop_assert_eq!(forth.is_equal(), back.is_equal());
    }

    #[test]
    fn two_different_numbers_are_never_equal(left: u64, right: u64) {
        proptest::prop_assume!(left != right);
        let (a, b) = (format!("n {left}\n"), format!("n {right}\r\n"));
        let (a, b) = (seen(a.as_bytes(), b"", "/tmp/n"), seen(b.as_bytes(), b"", "/tmp/n"));
        let result = compare(side(&a, Kind::Native), side(&b, Kind::Wine), Compare::default());
        proptest::prop_assert!(!result.is_equal());
    }
}
