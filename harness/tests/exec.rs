//! The hook: the guest's own status and signal, pristine streams, and a clear word when it cannot.

mod support;

use std::os::unix::process::ExitStatusExt as _;

use support::{compile, ran, runs, triplecheck};

/// Ends as its first argument says: an exit status, or `signal N`; prints its arguments one a line.
const ENDER: &str = r#"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int main(int argc, char **argv) {
    for (int i = 2; i < argc; i++) printf("[%s]\n", argv[i]);
    fflush(stdout);
    if (argc > 1 && strncmp(argv[1], "signal", 6) == 0) raise(atoi(argv[1] + 6));
    return argc > 1 ? atoi(argv[1]) : 0;
}
"#;

/// Target, compiler, file name, flags.
const FAMILIES: &[(&str, &str, &str, &[&str])] = &[
    ("x86_64-unknown-linux-gnu", "cc", "ender-x86_64", &[]),
    ("i686-unknown-linux-gnu", "i686-linux-gnu-gcc", "ender-i686", &[]),
    ("aarch64-unknown-linux-gnu", "aarch64-linux-gnu-gcc", "ender-aarch64", &[]),
    ("aarch64-unknown-linux-gnu", "aarch64-linux-gnu-gcc", "ender-aarch64-static", &["-static"]),
    ("armv7-unknown-linux-gnueabihf", "arm-linux-gnueabihf-gcc", "ender-armv7", &[]),
    ("riscv64gc-unknown-linux-gnu", "riscv64-linux-gnu-gcc", "ender-riscv64", &[]),
    ("s390x-unknown-linux-gnu", "s390x-linux-gnu-gcc", "ender-s390x", &[]),
    ("powerpc64le-unknown-linux-gnu", "powerpc64le-linux-gnu-gcc", "ender-ppc64le", &[]),
];

#[test]
fn status_signal_and_arguments_are_the_guests_own() {
    let dir = tempfile::tempdir().unwrap();
    for (target, cc, name, flags) in FAMILIES {
        let program = dir.path().join(name);
        if !runs(target) || !compile(cc, target, ENDER, &program, flags) {
            continue;
        }
        for code in [0, 1, 42, 125, 126, 127, 255] {
            let run = ran(triplecheck().arg("exec").arg(&program).arg(code.to_string()));
            assert_eq!((run.code, run.stderr.as_str()), (Some(code), ""), "{name}");
        }
        let words = ["", " ", "it's \"q\"", "back\\slash", "é日本", "-x", "--"];
        let run = ran(triplecheck().args(["exec", "-t", target, "--"]).arg(&program).arg("0").args(words));
        let expected: String = words.iter().map(|word| format!("[{word}]\n")).collect();
        assert_eq!((run.code, run.stdout), (Some(0), expected), "{name}: {}", run.stderr);
        for signal in [6, 15] {
            let status = triplecheck()
                .arg("exec")
                .arg(&program)
                .arg(format!("signal{signal}"))
                .output()
                .unwrap()
                .status;
            assert_eq!(status.signal(), Some(signal), "{name}");
        }
    }
}

#[test]
fn a_windows_program_gives_its_status_and_its_arguments() {
    const TARGET: &str = "x86_64-pc-windows-gnu";
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("ender.exe");
    if !runs(TARGET) || !compile("x86_64-w64-mingw32-gcc", TARGET, ENDER, &program, &[]) {
        return;
    }
    let run = ran(triplecheck().arg("exec").arg(&program).args(["42", "a b", "", "c\"d", "e\\"]));
    assert_eq!(run.code, Some(42), "{}", run.stderr);
    assert_eq!(run.stdout.replace('\r', ""), "[a b]\n[]\n[c\"d]\n[e\\]\n");
}

#[test]
fn what_cannot_be_run_is_told_and_nothing_is_printed_to_stdout() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    support::write(dir.path(), &[("text", "hello\n"), ("empty", ""), ("cut", "\x7fELF\x02\x01\x01")]);
    std::fs::create_dir(path("directory")).unwrap();
    for (name, code, words) in [
        ("nothing", 127, "there is no program"),
        ("text", 126, "not a program"),
        ("empty", 126, "empty"),
        ("cut", 126, "truncated"),
        ("directory", 126, "not a regular file"),
    ] {
        let run = ran(triplecheck().arg("exec").arg(path(name)));
        assert_eq!(run.code, Some(code), "{name}: {}", run.stderr);
        assert!(run.stderr.contains(words), "{name}: {}", run.stderr);
        assert_eq!(run.stdout, "", "{name}");
    }
    let run = ran(triplecheck().args(["exec", "--infra-code", "99"]).arg(path("nothing")));
    assert_eq!(run.code, Some(99), "{}", run.stderr);
}

#[test]
fn a_program_for_another_target_than_asked_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("ender");
    if !compile("cc", "x86_64-unknown-linux-gnu", ENDER, &program, &[]) {
        return;
    }
    let run = ran(triplecheck().args(["exec", "-t", "s390x-unknown-linux-gnu"]).arg(&program));
    assert_eq!(run.code, Some(126), "{}", run.stderr);
    assert!(run.stderr.contains("s390x"), "{}", run.stderr);
}

#[test]
fn a_file_without_execute_permission_is_refused_as_the_kernel_would() {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("ender");
    if !compile("cc", "x86_64-unknown-linux-gnu", ENDER, &program, &[]) {
        return;
    }
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let run = ran(triplecheck().arg("exec").arg(&program));
    assert_eq!(run.code, Some(126), "{}", run.stderr);
    assert!(run.stderr.contains("not executable"), "{}", run.stderr);
}
