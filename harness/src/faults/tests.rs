use std::collections::BTreeMap;
use std::time::Duration;

use super::log::Instruction;
use super::*;
use crate::observation::Observation;
use triplecheck_emulators::machine::Machine;
use triplecheck_emulators::target::Target;

fn seen(end: End, stdout: &str, stderr: &str, log: &str) -> Observation {
    Observation {
        end,
        stdout: stdout.into(),
        stderr: stderr.into(),
        files: BTreeMap::new(),
        wall: Duration::ZERO,
        cpu: Duration::ZERO,
        peak_rss_bytes: 0,
        leaked: Vec::new(),
        emulator_log: log.into(),
        roots: Vec::new(),
    }
}

fn target(text: &str) -> Target {
    Target::parse(text).unwrap()
}

fn side(observation: &Observation, emulator: Kind) -> Side<'_> {
    Side { observation, windows: emulator == Kind::Wine, emulator }
}

#[test]
fn an_emulators_own_failure_is_told_from_its_words() {
    let cause = |stderr: &str, kind| told(stderr.as_bytes(), kind).map(|fault| fault.cause);
    let crash = "x\nqemu-aarch64: QEMU internal SIGSEGV {code=MAPERR, addr=0x20}\n";
    assert_eq!(cause(crash, Kind::QemuUser), Some("QEMU itself crashed"));
    assert_eq!(cause("qemu: uncaught target signal 11 (Segmentation fault)\n", Kind::QemuUser), None);
    assert_eq!(cause("QEMU internal SIGSEGV\n", Kind::QemuUser), None, "the guest's own words");
    assert_eq!(cause(crash, Kind::Wine), None, "another emulator's words");
    let assertion = "**\nERROR:../tcg/tcg.c:3135:tcg_gen_code: assertion failed\n";
    assert_eq!(cause(assertion, Kind::QemuUser), Some("QEMU failed an assertion of its own"));
    assert_eq!(cause("ERROR: ../tcg is no directory\n", Kind::QemuUser), None);
    let missing =
        "0024:err:module:import_dll Library absent.dll (which is needed by L\"Z:\\\\g.exe\") not found\n";
    assert_eq!(cause(missing, Kind::Wine), Some("a DLL is missing under Wine"));
    let stub = "wine: Call from 000000007B01234E to unimplemented function foo.dll.Bar, aborting\n";
    assert_eq!(cause(stub, Kind::Wine), Some("Wine lacks a function that the program calls"));
    let refused = "triplecheck-wasi: cannot run `x.wasm`: it is a component\n";
    assert_eq!(cause(refused, Kind::Wasi), Some("the WASI runtime refuses the module"));
}

#[test]
fn a_program_that_was_not_loaded_is_the_emulators_fault_and_says_what_was_missing() {
    let native = seen(End::Exited { code: 0 }, "", "", "");
    let log =
        "0024:err:module:import_dll Library absent.dll (which is needed by L\"Z:\\\\g.exe\") not found\n";
    let target = seen(End::Exited { code: 0xc000_0135 }, "", "", log);
    let fault = find(side(&native, Kind::Native), side(&target, Kind::Wine)).unwrap();
    assert!(fault.to_string().contains("absent.dll"), "{fault}");
    let target = seen(End::Exited { code: 0x35 }, "", "", "");
    assert_eq!(
        find(side(&native, Kind::Native), side(&target, Kind::Wine)),
        None,
        "a status of the program's"
    );
}

const STRACE: &str = "\
7 set_robust_list(4882656,24,4882656,1,0,4882704) = -1 errno=38 (Function not implemented)
7 Unknown syscall 293
7 ptrace(0,0,0,0,-7469910286278378967,4860464) = -1 errno=38 (Function not implemented)
7 Unknown syscall 425
7 openat(AT_FDCWD,\"/x (y)\",O_RDONLY) = -1 errno=2 (No such file or directory)
----------------
IN: main
0x40000011bb:  e8 99 ff ff ff           callq    0x4000001159

----------------
IN: f
0x4000001161:  48 b8 06 00 00 00 06 00  movabsq  $0x600000006, %rax
0x4000001169:  00 00
0x400000116b:  c4 e1 f9 6e c0           vmovq    %rax, %xmm0
";

#[test]
fn a_log_tells_which_calls_failed_and_which_instruction_came_last() {
    let observation = seen(End::Signalled { signal: 4 }, "", "", STRACE);
    let log = Log::of(side(&observation, Kind::QemuUser));
    let calls = log.failed_calls();
    let calls: Vec<(&str, u32)> = calls.iter().map(|call| (call.0.as_str(), call.1)).collect();
    assert_eq!(calls, [("ptrace", 38), ("io_uring_setup", 38), ("openat", 2)]);
    let last = log.last_instruction().unwrap();
    assert_eq!(last.text, "vmovq %rax, %xmm0");
    assert_eq!(last.function.as_deref(), Some("f"));
    let told = instruction(side(&observation, Kind::QemuUser), &target("x86_64-unknown-linux-gnu@Nehalem"));
    assert_eq!(
        told.as_deref(),
        Some("the instruction `vmovq %rax, %xmm0` (c4 e1 f9 6e c0) in `f` needs AVX, which `Nehalem` lacks")
    );
    assert!(Log::of(side(&observation, Kind::Native)).failed_calls().is_empty());
}

#[test]
fn what_only_a_kernel_does_is_told_from_what_every_program_tries() {
    #[track_caller]
    fn check(log: &str, emulator: Kind, expected: Option<&str>) {
        let said = "it: Function not implemented\nOs { code: 22, message: \"Invalid argument\" }\n";
        let observation = seen(End::Exited { code: 1 }, "", said, log);
        let told = lacking_kernel(side(&observation, emulator));
        match expected {
            Some(part) => assert!(told.as_deref().is_some_and(|told| told.contains(part)), "{told:?}"),
            None => assert_eq!(told, None),
        }
    }
    let inside = "12 wait4(13,3651,0,0,1,36)ptrace(0,0,0,0,9,9) = -1 errno=38 (Function not implemented)\n";
    check(
        inside,
        Kind::QemuUser,
        Some("qemu-user has no kernel of the program's own machine, and `ptrace` fails"),
    );
    check(inside, Kind::Vm, None);
    let tried_and_done_without = seen(End::Exited { code: 1 }, "4\n", "", inside);
    assert_eq!(lacking_kernel(side(&tried_and_done_without, Kind::QemuUser)), None);
    let apart =
        "12 ptrace(0,0,0,0,9,9)11 wait4(12,3651,0,0,1,36)\n = -1 errno=38 (Function not implemented)\n";
    check(apart, Kind::QemuUser, Some("`ptrace` fails"));
    let piecewise = "11 wait4(12,36,0,0,1,72) = 0\n12 ptrace(0,0,0,0,9,9) = 11 write(1,0x5,7)-1 errno=38 (Function not implemented)\n7\n";
    check(piecewise, Kind::QemuUser, Some("`ptrace` fails"));
    let names =
        "12 openat(-100,\"/ptrace(1) (2)\",0) = 3\n12 fstat(3) = -1 errno=38 (Function not implemented)\n";
    check(names, Kind::QemuUser, None);
    let in_a_listing = "IN: main\n0x40000011bb:  e8 99 ff ff ff           movq    12 ptrace(0,0,0,0,9,9)0x8(%rbp), %rax\n\
        12  = -1 errno=38 (Function not implemented)\n";
    check(in_a_listing, Kind::QemuUser, Some("`ptrace` fails"));
    let filter = "12 prctl(22,2,365114299856,0) = -1 errno=22 (Invalid argument)\n";
    check(filter, Kind::QemuUser, Some("`prctl(PR_SET_SECCOMP)`"));
    check("12 prctl(15,2,0,0) = -1 errno=22 (Invalid argument)\n", Kind::QemuUser, None);
    let apart =
        "12 unshare(CLONE_NEWUTS|CLONE_NEWUSER) = -1 errno=22 (Invalid argument)\n12 Unknown syscall 425\n";
    check(apart, Kind::QemuUser, Some("`unshare`, `io_uring_setup`"));
    let tried = "12 Unknown syscall 293\n12 set_robust_list(3,24) = -1 errno=38 (Function not implemented)\n\
        12 openat2(3,0) = -1 errno=38 (Function not implemented)\n";
    check(tried, Kind::QemuUser, None);
}

#[test]
fn a_listing_without_text_or_symbols_is_told_by_its_bytes() {
    let log = "IN: \n0x004006d4:  2518e3e0  .byte    0xe0, 0xe3, 0x18, 0x25\n";
    let observation = seen(End::Signalled { signal: 4 }, "", "", log);
    let told = instruction(side(&observation, Kind::QemuUser), &target("aarch64-unknown-linux-gnu"));
    assert_eq!(told.as_deref(), Some("the instruction `25 18 e3 e0` needs SVE"));
}

#[test]
fn instructions_are_known_by_the_feature_that_they_need() {
    #[track_caller]
    fn check(machine: &str, code: &str, expected: Option<&str>) {
        let digits: String = code.split_whitespace().collect();
        let code =
            (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap());
        let instruction = Instruction { code: code.collect(), text: String::new(), function: None };
        assert_eq!(feature(Machine::named(machine).unwrap(), &instruction), expected, "{machine} {digits}");
    }
    // As GNU as writes them.
    check("x86_64", "f3 0f b8 c7", Some("POPCNT"));
    check("x86_64", "f3 48 0f bd c7", Some("LZCNT"));
    check("x86_64", "66 0f 38 dc c1", Some("AES"));
    check("x86_64", "0f 38 c8 c1", Some("SHA"));
    check("x86_64", "66 0f 3a 44 c1 00", Some("PCLMULQDQ"));
    check("x86_64", "f2 48 0f 38 f1 c7", Some("SSE4.2 (crc32)"));
    check("x86_64", "66 0f 3a 0f c1 08", Some("SSSE3"));
    check("x86_64", "66 0f 38 40 c1", Some("SSE4.1"));
    check("x86_64", "c5 f8 58 c1", Some("AVX"));
    check("x86_64", "c5 fd fe c1", Some("AVX2"));
    check("x86_64", "c5 f9 fe c1", Some("AVX"));
    check("x86_64", "c4 e2 7d 58 c1", Some("AVX2"));
    check("x86_64", "c4 e2 f5 b8 c2", Some("FMA"));
    check("x86_64", "c4 e2 c3 f7 c7", Some("BMI2"));
    check("x86_64", "c4 e2 78 f3 cf", Some("BMI1"));
    check("x86_64", "62 f1 7c 48 58 c1", Some("AVX-512"));
    check("x86_64", "48 0f c7 0f", Some("CMPXCHG16B"));
    check("x86_64", "0f c7 f0", Some("RDRAND"));
    check("x86_64", "0f 0b", Some(instructions::STOP));
    check("x86_32", "0f 44 c1", Some("CMOV"));
    check("x86_32", "66 0f ef c1", Some("SSE2"));
    check("x86_64", "48 89 e5", None);
    check("aarch64", "25 18 e3 e0", Some("SVE"));
    check("aarch64", "f8 20 00 41", Some("LSE"));
    check("aarch64", "c8 a0 7c 41", Some("LSE"));
    check("aarch64", "4e 28 48 20", Some("AES"));
    check("aarch64", "5e 28 08 20", Some("SHA-1 or SHA-256"));
    check("aarch64", "1a c2 40 20", Some("CRC32"));
    check("aarch64", "4e 82 94 20", Some("DotProd"));
    check("aarch64", "d5 03 20 1f", None);
    check("aarch32", "f2 22 08 44", Some("NEON"));
    check("aarch32", "e7 10 f1 11", Some("hardware division"));
    check("aarch32", "e3 00 00 01", Some("Armv6T2 (movw, movt)"));
    check("aarch32", "e7 f0 00 f0", Some(instructions::STOP));
    check("riscv64", "0d 05 75 57", Some("V"));
    check("riscv64", "20 b5 25 33", Some("Zba"));
    check("riscv64", "c0 00 10 73", Some(instructions::STOP));
    check("powerpc64le", "f0 21 14 d7", Some("VSX"));
    check("s390x", "e7 00 00 00 00 44", Some("the vector facility (z13)"));
    check("m68k", "4e 40", None);
}

#[track_caller]
fn deviation(
    native: &Observation,
    target: &Observation,
    emulator: Kind,
    version: &str,
    expected: Option<&str>,
) {
    let machine = Machine::named("x86_64");
    let (native, target) = (side(native, Kind::Native), side(target, emulator));
    let told = known(&Symptoms { native, target, machine, version: Some(version) });
    match expected {
        Some(words) => assert!(told.iter().any(|text| text.contains(words)), "{told:?}"),
        None => assert!(told.is_empty(), "{told:?}"),
    }
}

#[test]
fn what_is_known_of_a_version_stands_beside_what_it_explains() {
    let ok = seen(End::Exited { code: 0 }, "fine\n", "", "");
    let failed = |log: &str| seen(End::Exited { code: 1 }, "broken\n", "", log);
    let text = "known deviation of qemu-user (seen in 7.2): `ptrace` is not emulated";
    deviation(&ok, &failed(STRACE), Kind::QemuUser, "7.2.22", Some(text));
    deviation(&ok, &failed(STRACE), Kind::QemuUser, "7.2.22", Some("[io_uring_setup]"));
    deviation(&ok, &failed(""), Kind::QemuUser, "7.2.22", None);
    let evex = "0x1:  62 f1 7c 48 58 c1        vaddps   %zmm1, %zmm0, %zmm0\n";
    deviation(&ok, &failed(evex), Kind::QemuUser, "7.2.22", Some("AVX-512"));
    let enosys = seen(End::Exited { code: 0 }, "Function not implemented\n", "", "");
    deviation(&ok, &enosys, Kind::QemuUser, "7.2.22", Some("lacks a system call (ENOSYS)"));
    deviation(&enosys, &enosys, Kind::QemuUser, "7.2.22", None);
    let not_found = seen(End::Exited { code: 0 }, "No such file or directory\n", "", "");
    deviation(&not_found, &failed(""), Kind::QemuUser, "10.0", Some("posix_spawn"));
    let dll = seen(End::Exited { code: 1 }, "bcryptprimitives.dll\n", "", "");
    deviation(&ok, &dll, Kind::Wine, "8.0", Some("(before 9.0)"));
    deviation(&ok, &dll, Kind::Wine, "9.0", None);
    let stub = "0024:fixme:file:CreateSymbolicLinkW (x, y, 0): stub\n0024:fixme:a:b unrelated\n";
    deviation(&ok, &failed(stub), Kind::Wine, "8.0", Some("wine itself says: file:CreateSymbolicLinkW"));
    let panic = |end, more: &str| seen(end, "", &format!("thread 'main' panicked at a.rs:1:1:\n{more}"), "");
    let trap = panic(End::Exited { code: 134 }, "triplecheck-wasi: trap: unreachable\n");
    deviation(&ok, &trap, Kind::Wasi, "0.1.0", Some("a panic ends the program"));
    deviation(&ok, &panic(End::Exited { code: 101 }, ""), Kind::Wasi, "0.1.0", None);
    let nan = |bits: &str| seen(End::Exited { code: 0 }, bits, "", "");
    deviation(&nan("7fc00000\n"), &nan("0xffc00001\n"), Kind::QemuUser, "7.2", Some("payload of a NaN"));
    deviation(&nan("12345678\n"), &nan("12345679\n"), Kind::QemuUser, "7.2", None);
}

/// As QEMU 7.2 writes it when a program and what it starts are in their calls at once.
#[test]
fn a_program_that_was_started_in_vain_is_found_however_two_logs_lie_in_each_other() {
    let none = "12 execve(\"/self\",{\"self\",NULL}) = 0\n11 wait4(-1,36,0,0,1,72) = -1 errno=10 (No child processes)\n";
    for (log, expected) in [
        ("12 execve(\"/self\",{\"self\",NULL}) = -1 errno=8 (Exec format error)\n", true),
        (
            "12 execve(\"/self\",{\"self\",NULL}) = 12\n11 wait4(-1,36,0,0,1,72) = -1 errno=8 (Exec format error)\n",
            true,
        ),
        (
            "12 execve(\"/self\",{\"self\",NULL}) = 11 wait4(-1,36,0,0,1,72)-1 errno=8 (Exec format error)\n12 exit_group(8)\n",
            true,
        ),
        (
            "12 execve(\"/self\",{\"self\",NULL}) = 12\n = -1 errno=8 (Exec format error)\n12 exit_group(8)\n",
            true,
        ),
        (
            "12 execve(\"/self\",{\"self\",NULL})11 wait4(-1,36,0,0,1,72) = -1 errno=8 (Exec format error)\n",
            true,
        ),
        (
            "11 wait4(-1,36,0,0,1,72)12 execve(\"/self\",{\"self\",NULL}) = -1 errno=8 (Exec format error)\n",
            true,
        ),
        (none, false),
    ] {
        let observation = seen(End::Exited { code: 1 }, "", "", log);
        assert_eq!(has_started_in_vain(side(&observation, Kind::QemuUser)), expected, "{log}");
    }
}
