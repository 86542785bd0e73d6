//! How guests end, what emulators do wrong, and what is expected of both: real guests under real emulators, and emulators
//! that are made to fail.

mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use support::{ran, runs, triplecheck, write};

const AARCH64: &str = "aarch64-unknown-linux-gnu";
const S390X: &str = "s390x-unknown-linux-gnu";
const WINDOWS: &str = "x86_64-pc-windows-gnu";
const WASM: &str = "wasm32-wasip1";
const HOST: &str = "x86_64-unknown-linux-gnu";

/// Ends as its first argument says.
const ENDS: &str = r#"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static volatile int zero;
static int deep(volatile char *above, int left) {
    volatile char here[4096];
    here[0] = (char)left;
    if (left == 0) return above[0];
    return deep(here, left - 1) + here[0];
}
int main(int argc, char **argv) {
    const char *verb = argc > 1 ? argv[1] : "";
    puts(verb);
    fflush(stdout);
    if (!strcmp(verb, "abort")) abort();
    if (!strcmp(verb, "trap")) __builtin_trap();
    if (!strcmp(verb, "exit")) exit(atoi(argv[2]));
    if (!strcmp(verb, "deep")) return deep((volatile char *)verb, 1000) & 0;
    if (!strcmp(verb, "access")) {
#ifdef __wasm__
        *(volatile char *)0xfffffff0 = 1;
#else
        *(volatile char *)(zero + 8ll) = 1;
#endif
    }
#ifdef _WIN32
    if (!strcmp(verb, "five")) *(volatile char *)(zero + 8ll) = 1;
    if (!strcmp(verb, "unloaded")) exit((int)0xc0000135);
#endif
    if (!strcmp(verb, "five")) exit(5);
    return 0;
}
"#;

const CASES: &str = r#"
[[suite]]
name = "c"
kind = "c"
sources = "*.c"
"#;

/// Runs `run --json` in a project and gives the exit status and the report.
#[track_caller]
fn report(project: &Path, words: &[&str], path: Option<&Path>) -> (Option<i32>, Value) {
    let mut command = triplecheck();
    command.arg("-C").arg(project).args(["run", "--json", "--no-cache"]).args(words);
    if let Some(first) = path {
        let rest = std::env::var_os("PATH").unwrap_or_default();
        let dirs = std::iter::once(first.to_owned()).chain(std::env::split_paths(&rest));
        command.env("PATH", std::env::join_paths(dirs).expect("no directory has a colon in its name"));
    }
    let run = ran(&mut command);
    let report = serde_json::from_str(&run.stdout).unwrap_or_else(|error| {
        panic!("no report ({error}), status {:?}:\n{}\n{}", run.code, run.stdout, run.stderr)
    });
    (run.code, report)
}

/// The cell of a case on a target.
#[track_caller]
fn cell<'a>(report: &'a Value, case: &str, target: &str) -> &'a Value {
    let cells = report["cells"].as_array().expect("a report has cells");
    let found = cells.iter().find(|cell| cell["case"] == case && cell["target"] == target);
    found.unwrap_or_else(|| panic!("no cell {case} on {target}: {report:#}"))
}

/// The verdict of a cell and the rules that it needed, but for those of its text.
fn told(cell: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rules = cell["rules"].as_array().expect("a cell has rules");
    let rules = rules.iter().map(|rule| text(&rule["rule"]));
    let ends: Vec<String> = rules.filter(|rule| rule != "crlf" && rule != "emulator-lines").collect();
    format!("{} {}", text(&cell["verdict"]), ends.join(" "))
}

fn project(manifest: &str, files: &[(&str, &str)]) -> tempfile::TempDir {
    let project = tempfile::tempdir().expect("the temporary directory is writable");
    write(project.path(), &[("triplecheck.toml", manifest)]);
    write(project.path(), files);
    project
}

#[test]
fn programs_end_alike_by_what_it_means_and_a_windows_status_is_whole() {
    if ![AARCH64, WINDOWS, WASM].into_iter().all(runs) {
        return;
    }
    let cases = ["abort", "trap", "access", "five", "unloaded", "deep"];
    let mut listed: Vec<String> =
        cases.iter().map(|case| format!("{{ name = \"{case}\", args = [\"{case}\"] }}")).collect();
    for status in ["0", "3", "300", "3000000", "-1"] {
        listed.push(format!("{{ name = \"exit {status}\", args = [\"exit\", \"{status}\"] }}"));
    }
    let manifest = format!(
        "targets = [\"{AARCH64}\", \"{WINDOWS}\", \"{WASM}\"]\n{CASES}cases = [{}]\n",
        listed.join(", ")
    );
    let project = project(&manifest, &[("ends.c", ENDS)]);
    let (code, report) = report(project.path(), &[], None);
    assert_eq!(code, Some(1), "{report:#}");
    let check = |case: &str, target: &str, expected: &str| {
        let cell = cell(&report, &format!("ends::{case}"), target);
        assert_eq!(told(cell), expected, "{case} on {target}: {cell:#}");
    };
    check("abort", AARCH64, "equivalent ");
    check("abort", WINDOWS, "equivalent abort");
    check("abort", WASM, "equivalent abort");
    check("trap", AARCH64, "equivalent trap-signal");
    check("trap", WINDOWS, "equivalent trap-signal");
    check("trap", WASM, "equivalent trap-signal");
    check("access", WINDOWS, "equivalent access-violation");
    check("access", WASM, "equivalent access-violation");
    for (case, windows) in [
        ("exit 0", "equivalent "),
        ("exit 3", "equivalent "),
        ("exit 300", "equivalent status-width"),
        ("exit 3000000", "equivalent status-width"),
        ("exit -1", "equivalent status-width"),
    ] {
        check(case, AARCH64, "same ");
        check(case, WINDOWS, windows);
        check(case, WASM, "same ");
    }
    // What Wine itself would call status 5.
    check("five", WINDOWS, "differs ");
    let findings = report["findings"].to_string();
    assert!(findings.contains("exit status 0xc0000005 (access violation)"), "{findings}");
    check("unloaded", WINDOWS, "emulator-fault ");
    // A thread of Windows has 1 MiB of stack, one of Linux 8.
    check("deep", WINDOWS, "inconclusive ");
    let cause = cell(&report, "ends::deep", WINDOWS)["cause"].as_str().unwrap_or_default();
    assert!(cause.contains("the stack overflowed on the target"), "{cause}");
    check("deep", AARCH64, "same ");
}

/// An emulator for s390x that does what `words` of shell say, and is asked for its version as QEMU is; `$real` is the
/// real one, and `$program` what it is to run.
fn pretend_qemu(dir: &Path, words: &str) {
    let real = ran(triplecheck().args(["which", "--json", S390X])).stdout;
    let real: Value = serde_json::from_str(&real).expect("`which` answers");
    let real = real["emulator"]["program"].as_str().expect("it has a program").to_owned();
    let script = format!(
        "#!/bin/sh\nreal={real}\ncase \"$1\" in --version|-version|-cpu) exec $real \"$@\";; esac\nfor program; do :; done\n{words}\n"
    );
    for name in ["qemu-s390x-static", "qemu-s390x"] {
        let file = dir.join(name);
        std::fs::write(&file, &script).expect("the temporary directory is writable");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("the file is ours");
    }
}

const HELLO: &str = "#include <stdio.h>\nint main(void) { puts(\"hello\"); return 0; }\n";
const QUIET: &str = "int main(void) { return 0; }\n";

#[test]
fn nothing_is_believed_of_an_emulator_that_does_not_run_programs() {
    if !runs(S390X) {
        return;
    }
    let project =
        project(&format!("targets = [\"{S390X}\"]\n{CASES}"), &[("hello.c", HELLO), ("quiet.c", QUIET)]);
    let dir = tempfile::tempdir().unwrap();
    for (words, reason) in [
        ("exit 0", "printed nothing and ended with exit status 0"),
        ("exit 42", "printed nothing and ended with exit status 42"),
        ("echo hello; exit 42", "printed 6 bytes that are not its own"),
        ("$real \"$program\"; exit 0", "did print and ended with exit status 0"),
        ("echo 'ld.so: broken' >&2; kill -SEGV $$", "ended with killed by SIGSEGV: ld.so: broken"),
    ] {
        pretend_qemu(dir.path(), words);
        let (code, report) = report(project.path(), &[], Some(dir.path()));
        assert_eq!(code, Some(69), "{words}: {report:#}");
        assert!(report["cells"].as_array().unwrap().is_empty(), "{words}: {report:#}");
        let not_run = report["not_run"].as_array().unwrap();
        assert_eq!(not_run.len(), 2, "{words}: {report:#}");
        for cell in not_run {
            assert!(cell["reason"].as_str().unwrap().contains(reason), "{words}: {cell:#}");
        }
    }
}

#[test]
fn an_emulators_crash_is_no_finding_about_the_program() {
    if !runs(S390X) {
        return;
    }
    let project = project(&format!("targets = [\"{S390X}\"]\n{CASES}"), &[("hello.c", HELLO)]);
    let dir = tempfile::tempdir().unwrap();
    for (failure, cause) in [
        (
            "echo 'qemu-s390x: QEMU internal SIGSEGV {code=MAPERR, addr=0x20}' >&2; kill -SEGV $$",
            "QEMU itself crashed: qemu-s390x: QEMU internal SIGSEGV",
        ),
        (
            "echo 'ERROR:../tcg/tcg.c:3135:tcg_gen_code: code should not be reached' >&2; kill -ABRT $$",
            "QEMU failed an assertion of its own",
        ),
        (
            "echo 'qemu: unhandled CPU exception 0x9 - aborting' >&2; kill -ABRT $$",
            "an exception it cannot emulate",
        ),
    ] {
        pretend_qemu(
            dir.path(),
            &format!("case $program in */sentinel) exec $real $program;; esac\n{failure}"),
        );
        let (code, report) = report(project.path(), &[], Some(dir.path()));
        assert_eq!(code, Some(1), "{report:#}");
        let cell = cell(&report, "hello", S390X);
        assert_eq!(cell["verdict"], "emulator-fault", "{cell:#}");
        assert!(cell["cause"].as_str().unwrap().contains(cause), "{cell:#}");
    }
}

#[test]
fn a_silent_guest_is_never_good() {
    if !runs(S390X) {
        return;
    }
    let silent = "#include <stdio.h>\nint main(void) { int one = 1; if (*(char *)&one) { puts(\"native\"); fputs(\"too\\n\", stderr); } return 0; }\n";
    for compare in
        ["{ stdout = \"ignore\", stderr = \"ignore\" }", "{ stdout = \"text\", stderr = \"ignore\" }"]
    {
        let manifest = format!("targets = [\"{S390X}\"]\n{CASES}compare = {compare}\n");
        let project = project(&manifest, &[("silent.c", silent), ("hello.c", HELLO)]);
        let (code, report) = report(project.path(), &[], None);
        assert_eq!(code, Some(1), "{report:#}");
        assert_eq!(cell(&report, "silent", S390X)["verdict"], "differs", "{compare}");
        assert_eq!(cell(&report, "hello", S390X)["verdict"], "same", "{compare}");
    }
}

#[test]
fn what_is_known_of_an_emulator_stands_beside_a_failure_and_does_not_change_it() {
    if !runs(AARCH64) {
        return;
    }
    let traced = "#include <stdio.h>\n#include <sys/ptrace.h>\nint main(void) { puts(\"start\"); return ptrace(PTRACE_PEEKUSER, 1, 0, 0) == -1 && __builtin_popcount(*__errno_location()) == 3; }\n";
    // ENOSYS is 38, which has three bits; ESRCH, the native answer, is 3.
    let traced = traced.replace("#include <stdio.h>", "#include <stdio.h>\n#include <errno.h>");
    let manifest = format!("targets = [\"{AARCH64}\"]\n{CASES}");
    let project = project(
        &manifest,
        &[
            ("traced.c", &traced),
            ("fails.c", "int main(void) { return sizeof(void *) != 8 || (char)255 > 0; }\n"),
        ],
    );
    let (code, report) = report(project.path(), &[], None);
    assert_eq!(code, Some(1), "{report:#}");
    let cell = |case| cell(&report, case, AARCH64);
    assert_eq!(cell("traced")["verdict"], "cross-fail");
    let known = cell("traced")["known"].to_string();
    assert!(
        known.contains("known deviation of qemu-user (seen in 7.2): `ptrace` is not emulated"),
        "{known}"
    );
    assert_eq!(cell("fails")["verdict"], "cross-fail");
    assert_eq!(cell("fails")["known"].as_array().unwrap().len(), 0, "{report:#}");
}

const POPCOUNT: &str = r#"
#include <stdio.h>
#ifdef __x86_64__
__attribute__((target("avx2"))) static int wide(int count) {
    typedef int v8 __attribute__((vector_size(32)));
    volatile v8 a = { count, 2, 3, 4, 5, 6, 7, 8 };
    v8 b = a + a;
    return b[0];
}
#else
static int wide(int count) { return 2 * count; }
#endif
int main(int argc, char **argv) { puts("start"); fflush(stdout); printf("%d\n", wide(argc)); return 0; }
"#;

#[test]
fn a_cpu_model_is_a_target_of_its_own_and_a_missing_feature_is_named() {
    let (old, new) = (format!("{HOST}@Nehalem"), format!("{HOST}@Haswell"));
    let (floor, small) = (format!("{HOST}@floor"), format!("{AARCH64}@cortex-a53"));
    if ![AARCH64, &old, &new, &floor, &small].into_iter().all(|target| runs(target)) {
        return;
    }
    if !std::path::Path::new("/proc/cpuinfo").exists()
        || !std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default().contains(" avx2 ")
    {
        println!("skipped: this processor has no AVX2 for the native side");
        return;
    }
    let manifest =
        format!("targets = [\"{old}\", \"{new}\", \"{floor}\", \"{small}\", \"{AARCH64}\"]\n{CASES}");
    let project = project(&manifest, &[("wide.c", POPCOUNT)]);
    let (code, report) = report(project.path(), &[], None);
    assert_eq!(code, Some(1), "{report:#}");
    let cell = |target| cell(&report, "wide", target);
    // QEMU warns about what of the model it does not translate.
    assert!(matches!(told(cell(&new)).as_str(), "same " | "equivalent "), "{report:#}");
    assert_eq!(cell(&new)["emulator"], "qemu-user");
    assert_eq!(cell(&small)["verdict"], "same");
    assert_eq!(cell(AARCH64)["verdict"], "same");
    for (target, model) in [(&old, "Nehalem"), (&floor, "Opteron_G1")] {
        let cell = cell(target);
        assert_eq!(cell["verdict"], "cross-fail", "{cell:#}");
        let cause = cell["cause"].as_str().unwrap_or_default();
        assert!(cause.contains("needs AVX") && cause.contains(&format!("`{model}` lacks")), "{cause}");
        assert!(cause.contains("in `"), "the function is named: {cause}");
        let repeat = cell["repeat"].as_str().unwrap_or_default();
        assert!(repeat.ends_with(&format!("-t {target}")), "{repeat}");
    }
}

#[test]
fn cargo_tests_run_on_cpu_models_too() {
    let (old, small) = (format!("{HOST}@Nehalem"), format!("{AARCH64}@cortex-a53"));
    if ![AARCH64, &old, &small].into_iter().all(|target| runs(target)) {
        return;
    }
    let project = tempfile::tempdir().unwrap();
    write(
        project.path(),
        &[
            (
                "Cargo.toml",
                "[package]\nname = \"demo\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n",
            ),
            (
                "src/lib.rs",
                "#[test]\nfn plain() {}\n#[cfg(target_arch = \"x86_64\")]\n#[test]\nfn detected() { assert!(!is_x86_feature_detected!(\"avx\")); }\n",
            ),
        ],
    );
    let (_, report) = report(project.path(), &["-t", &old, "-t", &small, "-t", AARCH64], None);
    assert_eq!(cell(&report, "plain", &old)["verdict"], "same", "{report:#}");
    assert_eq!(cell(&report, "plain", &small)["verdict"], "same", "{report:#}");
    assert_eq!(cell(&report, "plain", AARCH64)["verdict"], "same", "{report:#}");
    // It fails on the host, whose processor has AVX, and passes on a model without.
    assert_eq!(cell(&report, "detected", &old)["verdict"], "fails-natively", "{report:#}");
}

#[test]
fn a_variant_that_nobody_can_model_is_refused() {
    for (target, words) in [
        ("s390x-unknown-linux-gnu@floor", "no CPU model is known for the least"),
        ("x86_64-pc-windows-gnu@Nehalem", "run without a model of a processor"),
        ("wasm32-wasip1@floor", "run without a model of a processor"),
    ] {
        let which = ran(triplecheck().args(["which", target]));
        assert_eq!(which.code, Some(126), "{target}: {}", which.stdout);
        assert!(which.stdout.contains(words), "{target}: {}", which.stdout);
    }
}

#[test]
fn expectations_are_written_for_findings_shown_with_their_issue_and_told_when_they_hold_for_nothing() {
    if ![AARCH64, S390X].into_iter().all(runs) {
        return;
    }
    let order =
        "#include <stdio.h>\nint main(void) { int one = 1; printf(\"%d\\n\", *(char *)&one); return 0; }\n";
    let targets = format!("targets = [\"{AARCH64}\", \"{S390X}\"]\n{CASES}");
    let project = project(&targets, &[("order.c", order), ("hello.c", HELLO)]);
    let path = project.path();
    let show = |words: &[&str]| ran(triplecheck().arg("-C").arg(path).arg("show").args(words));
    assert_eq!(show(&[]).code, Some(2), "there is no run yet");
    assert_eq!(report(path, &[], None).0, Some(1));
    let entries = show(&["--expect"]);
    assert_eq!(entries.code, Some(0), "{}", entries.stderr);
    assert!(entries.stdout.contains("test = \"c::order\""), "{}", entries.stdout);
    write(path, &[("triplecheck.toml", &format!("{targets}{}", entries.stdout))]);
    let (code, expected) = report(path, &[], None);
    assert_eq!(code, Some(0), "{expected:#}");
    assert_eq!(cell(&expected, "order", S390X)["verdict"], "expected");
    assert_eq!(expected["unmatched"].as_array().map(Vec::len), Some(0), "{expected:#}");

    let entry = |test: &str, until: &str| {
        format!(
            "[[expect]]\ntest = \"{test}\"\ntarget = 'cfg(target_endian = \"big\")'\nverdict = \"differs\"\nreason = \"known\"\nissue = \"https://example.org/42\"\n{until}\n"
        )
    };
    let stale = format!(
        "{targets}{}{}{}",
        entry("c::order", "until = \"2020-01-01\""),
        entry("c::hello", ""),
        entry("c::oder", "")
    );
    write(path, &[("triplecheck.toml", &stale)]);
    let (code, stale) = report(path, &[], None);
    assert_eq!(code, Some(1), "{stale:#}");
    assert_eq!(cell(&stale, "order", S390X)["verdict"], "expired");
    assert_eq!(cell(&stale, "hello", S390X)["verdict"], "unexpected-pass");
    assert_eq!(stale["unmatched"][0]["test"], "c::oder", "{stale:#}");
    assert_eq!(stale["unmatched"].as_array().map(Vec::len), Some(1), "{stale:#}");
    let text = show(&["last"]);
    assert_eq!(text.code, Some(0), "{}", text.stderr);
    assert!(text.stdout.contains("expects known (https://example.org/42)"), "{}", text.stdout);
    assert!(text.stdout.contains("`c::oder`"), "{}", text.stdout);
    // Of a case that was not asked for nothing is known.
    let (_, part) = report(path, &["c::hello"], None);
    assert_eq!(part["unmatched"].as_array().map(Vec::len), Some(0), "{part:#}");
}

#[test]
fn prebuilt_windows_programs_need_no_compiler_for_their_status() {
    if !runs(WINDOWS) {
        return;
    }
    let project = tempfile::tempdir().unwrap();
    let compiled = |cc: &str, name: &str| -> Option<PathBuf> {
        let file = project.path().join(name);
        support::compile(cc, WINDOWS, ENDS, &file, &[]).then_some(file)
    };
    let (Some(_), Some(_)) = (compiled("cc", "ends"), compiled("x86_64-w64-mingw32-gcc", "ends.exe")) else {
        return;
    };
    let manifest = format!(
        "targets = [\"{WINDOWS}\"]\n[[suite]]\nname = \"p\"\nkind = \"prebuilt\"\npath = {{ native = \"ends\", \"{WINDOWS}\" = \"ends.exe\" }}\ncases = [{{ name = \"n\", args = [\"exit\", \"3000000\"] }}, {{ name = \"quoted\", args = [\"a \\\"b\\\" c\\\\\", \"\", \"é\"] }}]\n"
    );
    write(project.path(), &[("triplecheck.toml", &manifest)]);
    let (code, report) = report(project.path(), &[], None);
    assert_eq!(code, Some(0), "{report:#}");
    assert_eq!(told(cell(&report, "p::n", WINDOWS)), "equivalent status-width");
}
