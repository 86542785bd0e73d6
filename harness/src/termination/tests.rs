use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::observation::Observation;

const ABORT: End = End::Signalled { signal: 6 };
const SEGV: End = End::Signalled { signal: 11 };
const LINUX: (bool, Kind) = (false, Kind::Native);
const WINDOWS: (bool, Kind) = (true, Kind::Wine);
const WASM: (bool, Kind) = (false, Kind::Wasi);

fn observation(end: End, stderr: &str) -> Observation {
    Observation {
        end,
        stdout: Vec::new(),
        stderr: stderr.into(),
        files: BTreeMap::new(),
        wall: Duration::ZERO,
        cpu: Duration::ZERO,
        peak_rss_bytes: 0,
        leaked: Vec::new(),
        roots: Vec::new(),
        emulator_log: Vec::new(),
    }
}

fn exited(code: u32) -> End {
    End::Exited { code }
}

/// The agreement of two ends, which must not depend on the side.
#[track_caller]
fn check(native: (End, &str, (bool, Kind)), target: (End, &str, (bool, Kind)), expected: Agreement) {
    let (left, right) = (observation(native.0, native.1), observation(target.0, target.1));
    let side = |observation, (windows, emulator)| Side { observation, windows, emulator };
    let (left, right) = (side(&left, native.2), side(&right, target.2));
    assert_eq!(agreement(left, right), expected);
    assert_eq!(agreement(right, left), expected, "the other way round");
    assert_eq!(agreement(left, left), Agreement::Same);
    assert_eq!(agreement(right, right), Agreement::Same);
}

fn trap(name: &str) -> String {
    format!("the guest's own\ntriplecheck-wasi: trap: {name}\n")
}

#[test]
fn ends_that_mean_the_same_are_equal_by_a_named_rule() {
    use Agreement::Equal;
    let linux = |end| (end, "", LINUX);
    let windows = |code| (exited(code), "", WINDOWS);
    check(linux(ABORT), windows(3), Equal(Rule::Abort));
    check(linux(ABORT), windows(0xc000_0409), Equal(Rule::Abort));
    check(linux(ABORT), (exited(134), &trap("unreachable"), WASM), Equal(Rule::Abort));
    check(linux(End::Signalled { signal: 4 }), linux(End::Signalled { signal: 5 }), Equal(Rule::TrapSignal));
    check(linux(End::Signalled { signal: 4 }), windows(0xc000_001d), Equal(Rule::TrapSignal));
    let unreachable = trap("unreachable");
    check(linux(End::Signalled { signal: 4 }), (exited(134), &unreachable, WASM), Equal(Rule::TrapSignal));
    check(linux(SEGV), windows(0xc000_0005), Equal(Rule::AccessViolation));
    check(linux(SEGV), windows(0xc000_00fd), Equal(Rule::StackOverflow));
    let overflow = trap("stack overflow");
    check(linux(SEGV), (exited(134), &overflow, WASM), Equal(Rule::StackOverflow));
    check(linux(End::Signalled { signal: 8 }), windows(0xc000_0094), Equal(Rule::ArithmeticTrap));
    check(linux(exited(44)), windows(300), Equal(Rule::StatusWidth));
    check(linux(exited(255)), windows(u32::MAX), Equal(Rule::StatusWidth));
    let (native, target) =
        ("thread 'main' panicked at src/main.rs:1:1:\n", "thread 'main' panicked at src/main.rs:1:1:\n");
    let target = format!("{target}{}", trap("unreachable"));
    check((exited(101), native, LINUX), (exited(134), &target, WASM), Equal(Rule::PanicAbort));
}

#[test]
fn ends_that_only_look_alike_stay_different() {
    use Agreement::Different;
    let linux = |end| (end, "", LINUX);
    let windows = |code| (exited(code), "", WINDOWS);
    // The low byte of a crash is a status that a program may choose.
    check(linux(exited(5)), windows(0xc000_0005), Different);
    check(linux(exited(0)), windows(256), Different);
    check(linux(exited(1)), windows(256), Different);
    check(linux(exited(3)), windows(3), Agreement::Same);
    check(linux(exited(3)), linux(ABORT), Different);
    check(linux(SEGV), linux(End::Signalled { signal: 7 }), Different);
    check(linux(SEGV), windows(0xc000_0135), Different);
    check(linux(exited(134)), (exited(134), &trap("unreachable"), WASM), Different);
    check(linux(exited(134)), (exited(134), "", WASM), Agreement::Same);
    check(linux(exited(101)), (exited(134), &trap("unreachable"), WASM), Different);
    // The guest's own words before its last line are no trap of the runtime's.
    check(
        linux(exited(134)),
        (exited(134), "triplecheck-wasi: trap: unreachable\nmore\n", WASM),
        Agreement::Same,
    );
}

#[track_caller]
fn concludes(native: (End, &str, (bool, Kind)), target: (End, &str, (bool, Kind)), expected: Option<&str>) {
    let (left, right) = (observation(native.0, native.1), observation(target.0, target.1));
    let side = |observation, (windows, emulator)| Side { observation, windows, emulator };
    let told = inconclusive(side(&left, native.2), side(&right, target.2));
    match expected {
        Some(words) => assert!(told.as_ref().is_some_and(|told| told.contains(words)), "{told:?}"),
        None => assert_eq!(told, None),
    }
}

#[test]
fn what_only_one_side_runs_out_of_concludes_nothing() {
    let fine = || (exited(0), "", LINUX);
    concludes(fine(), (exited(0xc000_00fd), "", WINDOWS), Some("the stack overflowed on the target"));
    concludes(fine(), (exited(134), &trap("stack overflow"), WASM), Some("the stack overflowed"));
    let words = "thread 'main' has overflowed its stack\nfatal runtime error: stack overflow, aborting\n";
    concludes((ABORT, words, LINUX), fine(), Some("the stack overflowed natively"));
    let words = "memory allocation of 5368709120 bytes failed\n";
    concludes(fine(), (ABORT, words, LINUX), Some("memory ran out on the target"));
    concludes(fine(), (exited(0xc000_0409), words, WINDOWS), Some("memory ran out"));
    concludes(fine(), (End::Signalled { signal: 9 }, "", LINUX), Some("memory ran out"));
    // A fault is a fault, and two sides out of the same thing can be compared.
    concludes(fine(), (SEGV, "", LINUX), None);
    concludes(fine(), (exited(1), words, LINUX), None);
    concludes((ABORT, words, LINUX), (exited(0xc000_0409), words, WINDOWS), None);
}

#[test]
fn an_end_is_told_by_its_name() {
    #[track_caller]
    fn told(end: End, stderr: &str, (windows, emulator): (bool, Kind), expected: &str) {
        let observation = observation(end, stderr);
        assert_eq!(describe(Side { observation: &observation, windows, emulator }), expected);
    }
    told(exited(0xc000_0005), "", WINDOWS, "exit status 0xc0000005 (access violation)");
    told(exited(3_000_000), "", WINDOWS, "exit status 0x002dc6c0");
    told(exited(3), "", LINUX, "exit status 3");
    told(exited(134), &trap("unreachable"), WASM, "trap: unreachable");
    told(exited(134), "", WASM, "exit status 134");
    told(SEGV, "", LINUX, "killed by SIGSEGV");
    told(End::Signalled { signal: 4 }, "", LINUX, "killed by SIGILL (illegal instruction or trap)");
}
