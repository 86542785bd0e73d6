//! Cases that need a kernel of their own machine: they run in a guest system by themselves, and nowhere else.
#![allow(clippy::print_stdout, reason = "a skip is said aloud")]

mod support;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use support::{boots, is_required, ran, runs, triplecheck, write};

const AARCH64: &str = "aarch64-unknown-linux-gnu";
const TRACES: &str = include_str!("../../cross-tests/c/kernel/ptrace.c");

/// Whether user-mode emulation and a guest system for `AARCH64` are there.
#[track_caller]
fn both_run() -> bool {
    boots(AARCH64) && runs(AARCH64)
}

/// A cache without guest systems, in which the emulators are that set-up may have unpacked.
#[track_caller]
fn cache_without_systems() -> tempfile::TempDir {
    let cache = tempfile::tempdir().expect("a temporary directory can be made");
    let which = ran(triplecheck().args(["which", "--json", AARCH64]));
    let which: Value = serde_json::from_str(&which.stdout).expect("`--json` is JSON");
    let emulator = Path::new(which["emulator"]["program"].as_str().expect("an emulator runs it"));
    if let Some(packages) = emulator.ancestors().find(|dir| dir.ends_with("packages")) {
        std::os::unix::fs::symlink(packages, cache.path().join("packages")).expect("a link can be made");
    }
    cache
}

/// A run of the project with its report.
#[track_caller]
fn report(project: &Path, cache: Option<&Path>, words: &[&str]) -> Value {
    let mut command = triplecheck();
    command.arg("-C").arg(project).args(["run", "--json"]).args(words);
    if let Some(cache) = cache {
        command.env("TRIPLECHECK_CACHE", cache);
    }
    let run = ran(&mut command);
    serde_json::from_str(&run.stdout)
        .unwrap_or_else(|error| panic!("no report ({error}):\n{}\n{}", run.stdout, run.stderr))
}

/// What became of each case: its verdict and the emulator, or why it was not run.
fn cells(report: &Value) -> Vec<String> {
    let word = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let cells = report["cells"].as_array().expect("a report has cells").iter();
    let cells = cells
        .map(|cell| format!("{} {} {}", word(cell, "case"), word(cell, "verdict"), word(cell, "emulator")));
    let not_run = report["not_run"].as_array().expect("a report has what was not run").iter();
    let not_run =
        not_run.map(|cell| format!("{} {}: {}", word(cell, "case"), word(cell, "reason"), word(cell, "fix")));
    let mut all: Vec<String> = cells.chain(not_run).collect();
    all.sort();
    all
}

#[test]
fn a_case_that_needs_a_kernel_runs_in_a_guest_system_beside_others_that_do_not() {
    if !both_run() {
        return;
    }
    let project = tempfile::tempdir().unwrap();
    let manifest = format!(
        "targets = [\"{AARCH64}\"]\n[[suite]]\nname = \"c\"\nkind = \"c\"\nsources = \"*.c\"\n\
         [[suite.program]]\nname = \"traces\"\n\
         cases = [{{ name = \"here\", needs = \"kernel\" }}, {{ name = \"plain\" }}]\n\
         [[suite.program]]\nname = \"whole\"\nneeds = \"kernel\"\n"
    );
    write(project.path(), &[("triplecheck.toml", &manifest), ("traces.c", TRACES), ("whole.c", TRACES)]);
    let first = report(project.path(), None, &[]);
    let here = ["traces::here same vm", "traces::plain cross-fail qemu-user", "whole same vm"];
    assert_eq!(cells(&first), here, "{first:#}");
    // The one without is told to need one.
    let finding = &first["findings"][0];
    assert_eq!((&finding["class"], &finding["decide"]), (&"kernel".into(), &Value::Null), "{finding:#}");
    let cause = "kernel: qemu-user has no kernel of the program's own machine, and `ptrace` fails under it; a guest \
        system has one: `--emulator vm`, or `needs = \"kernel\"` in the manifest";
    assert_eq!(finding["cause"], cause);
    let target = &first["targets"][0];
    assert_eq!(target["emulator"], "qemu-user", "{target}");
    assert!(
        target["kernel"].as_str().is_some_and(|text| text.starts_with("vm qemu-system-aarch64")),
        "{target}"
    );
    // What was good is believed again, under the emulator that showed it.
    let second = report(project.path(), None, &[]);
    assert_eq!(cells(&second), here, "{second:#}");
    let again = second["cells"].as_array().unwrap().iter().filter(|cell| cell["unchanged"] == true);
    assert_eq!(again.count(), 2, "{second:#}");
    // By hand it runs in a guest system, too.
    let cell = format!("c::traces::here on {AARCH64}");
    let by_hand = |how: &str, typed: &str| {
        let mut command = triplecheck();
        command.arg("-C").arg(project.path()).args(["repro", &cell, how]).env("SHELL", "/bin/sh");
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let shell = by_hand("--shell", "guest\n");
    let printed = String::from_utf8_lossy(&shell.stdout);
    assert_eq!(printed, "stopped by SIGSTOP 1, holds 11\nexited with 42\n");
    for how in ["--trace", "--debug"] {
        let refused = by_hand(how, "");
        let told = String::from_utf8_lossy(&refused.stderr);
        assert!(
            told.contains(&format!("try: --emulator qemu-user {how}")) && told.contains("--shell"),
            "{told}"
        );
    }
    // Whoever names an emulator gets it.
    let user = report(project.path(), None, &["--emulator", "qemu-user"]);
    let there = [
        "traces::here cross-fail qemu-user",
        "traces::plain cross-fail qemu-user",
        "whole cross-fail qemu-user",
    ];
    assert_eq!(cells(&user), there, "{user:#}");
    // Without a guest system it is not run, which is no finding, and never silently under something else.
    let cache = cache_without_systems();
    let without = report(project.path(), Some(cache.path()), &[]);
    let why = format!(
        "it needs a kernel of its own machine, and there is no guest system for aarch64: `triplecheck setup --vm {AARCH64}` \
         brings it: triplecheck setup --vm {AARCH64}"
    );
    let expected = [format!("traces::here {why}"), here[1].to_owned(), format!("whole {why}")];
    assert_eq!(cells(&without), expected, "{without:#}");
    assert_eq!(without["findings"].as_array().unwrap().len(), 1, "{without:#}");
}

#[test]
fn tests_of_a_binary_that_need_a_kernel_run_in_a_guest_system_and_the_others_do_not() {
    if !both_run() {
        return;
    }
    let project = tempfile::tempdir().unwrap();
    let manifest = format!(
        "targets = [\"{AARCH64}\"]\n[[suite]]\nname = \"unit\"\nkind = \"cargo-test\"\nneeds-kernel = \"kernel::*\"\n"
    );
    let lib = "#[cfg(test)]\nmod kernel {\n\
        unsafe extern \"C\" { fn ptrace(request: i32, child: i32, address: usize, data: usize) -> i64; }\n\
        #[test]\nfn traces() { assert_eq!(unsafe { ptrace(0, 0, 0, 0) }, 0); }\n}\n\
        #[cfg(test)]\nmod plain {\n#[test]\nfn adds() {}\n#[test]\nfn subtracts() {}\n}\n";
    let cargo = "[package]\nname = \"p\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n";
    write(
        project.path(),
        &[("triplecheck.toml", manifest.as_str()), ("Cargo.toml", cargo), ("src/lib.rs", lib)],
    );
    let plain = ["plain::adds same qemu-user", "plain::subtracts same qemu-user"];
    let first = report(project.path(), None, &[]);
    assert_eq!(cells(&first), ["kernel::traces same vm", plain[0], plain[1]], "{first:#}");
    // A variant of the target names a kernel, for all of its cases.
    let kernels = format!("{AARCH64}@linux-1.0");
    let other = report(project.path(), None, &["-t", &kernels]);
    assert!(cells(&other)[0].contains("there is no guest system of version 1.0"), "{other:#}");
}

/// What the second opinion says, by case: on how many cells it agrees, and on how many it shows what native shows.
fn opinions(report: &Value) -> BTreeMap<String, (u64, u64)> {
    let mut told = BTreeMap::<String, (u64, u64)>::new();
    for finding in report["findings"].as_array().expect("a report has findings") {
        let of = |key: &str| finding["confirmed"][key].as_u64().expect("it was asked");
        let entry = told.entry(finding["case"].as_str().expect("a case has a name").to_owned()).or_default();
        *entry = (entry.0 + of("agrees"), entry.1 + of("as_native"));
    }
    told
}

#[test]
fn a_guest_system_tells_the_emulators_faults_from_the_programs() {
    const ARMV7: &str = "armv7-unknown-linux-gnueabihf";
    if !both_run() || !runs(ARMV7) {
        return;
    }
    let project = tempfile::tempdir().unwrap();
    let manifest = format!(
        "targets = [\"{AARCH64}\", \"{ARMV7}\"]\n[[suite]]\nname = \"c\"\nkind = \"c\"\nsources = \"*.c\"\n"
    );
    let sign = "#include <stdio.h>\nint main(void) { char c = (char)200; puts(c < 0 ? \"low\" : \"high\"); return 0; }\n";
    write(project.path(), &[("triplecheck.toml", &manifest), ("traces.c", TRACES), ("sign.c", sign)]);
    let first = report(project.path(), None, &["--confirm", "vm"]);
    // On aarch64, and on aarch32, whose programs its kernel runs.
    let expected = [("c::sign".to_owned(), (2, 0)), ("c::traces".to_owned(), (0, 2))];
    assert_eq!(opinions(&first), BTreeMap::from(expected), "{first:#}");
    let text = ran(triplecheck().arg("-C").arg(project.path()).arg("report")).stdout;
    for sentence in [
        "`vm` shows the same: it is the program",
        "under `vm` it comes out as natively: the fault is `qemu-user`'s, and not the program's",
    ] {
        assert!(text.contains(sentence), "{text}");
    }
    let cache = cache_without_systems();
    let without = report(project.path(), Some(cache.path()), &["--confirm", "vm", "traces", "-t", AARCH64]);
    let why = format!("there is no guest system for aarch64: `triplecheck setup --vm {AARCH64}` brings it");
    assert_eq!(opinions(&without), BTreeMap::from([("c::traces".to_owned(), (0, 0))]), "{without:#}");
    assert_eq!(without["findings"][0]["confirmed"]["shown"], why, "{without:#}");
}

/// Starts itself, and ends as that ends.
const STARTS_ITSELF: &str = "#include <stdio.h>\n#include <sys/wait.h>\n#include <unistd.h>\n\
    int main(int argc, char **argv) { (void)argv; if (argc > 1) return 0; int status = 0;\n\
    if (fork() == 0) { execl(\"/proc/self/exe\", \"self\", \"child\", (char *)0); _exit(8); }\n\
    wait(&status); puts(status ? \"failed\" : \"well\"); return status != 0; }\n";

#[test]
fn a_program_that_starts_itself_is_told_why_it_cannot_where_namespaces_are_forbidden() {
    if !runs(AARCH64) {
        return;
    }
    let project = tempfile::tempdir().unwrap();
    let manifest =
        format!("targets = [\"{AARCH64}\"]\n[[suite]]\nname = \"c\"\nkind = \"c\"\nsources = \"*.c\"\n");
    write(project.path(), &[("triplecheck.toml", &manifest), ("self.c", STARTS_ITSELF)]);
    // Within a user's namespace its root may forbid any further one.
    let script = "echo 0 >/proc/sys/user/max_user_namespaces && exec \"$@\"";
    #[expect(clippy::disallowed_methods, reason = "the test makes a place without namespaces")]
    let mut command = std::process::Command::new("unshare");
    command.args(["--user", "--map-root-user", "sh", "-c", script, "sh", env!("CARGO_BIN_EXE_triplecheck")]);
    let run = ran(command.arg("-C").arg(project.path()).args(["run", "--json", "--no-cache"]));
    if run.stderr.contains("unshare failed") || run.stderr.contains("/proc/sys/user/max_user_namespaces") {
        assert!(!is_required("children"), "{}", run.stderr);
        println!("skipped: no namespaces: {}", run.stderr);
        return;
    }
    let report: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{}", run.stderr));
    let finding = &report["findings"][0];
    assert_eq!((&finding["class"], &finding["decide"]), (&"children".into(), &Value::Null), "{report:#}");
    let cause = finding["cause"].as_str().unwrap();
    let why = "(there may be no more user or mount namespaces here: `user.max_user_namespaces` is 0)";
    for part in ["what the program starts itself finds no emulator here ", why, "`--emulator vm`"] {
        assert!(cause.contains(part), "{cause}");
    }
}

/// What wants a guest system says so in every command, with the variant that is wanted.
#[test]
fn whatever_wants_a_guest_system_that_is_not_there_is_offered_its_making() {
    if !both_run() {
        return;
    }
    let cache = cache_without_systems();
    let project = tempfile::tempdir().unwrap();
    let files = |targets: &str, needs: &str| {
        let manifest = format!(
            "targets = [{targets}]\n[[suite]]\nname = \"s\"\nkind = \"c\"\nsources = \"a.c\"\n{needs}"
        );
        write(project.path(), &[("triplecheck.toml", &manifest), ("a.c", "int main(void) { return 0; }\n")]);
    };
    let said = |words: &[&str]| {
        let mut command = triplecheck();
        command.arg("-C").arg(project.path()).args(words).env("TRIPLECHECK_CACHE", cache.path());
        let run = ran(&mut command);
        run.stdout + &run.stderr
    };
    let check = |words: &[&str], parts: &[&str]| {
        let text = said(words);
        for part in parts {
            assert!(text.contains(part), "{words:?}: `{part}` is not in:\n{text}");
        }
        for part in ["everything is there", "no package is known", "sysroot"] {
            assert!(!text.contains(part), "{words:?}: {text}");
        }
    };
    let newest = format!("triplecheck setup --vm {AARCH64}@linux-6.12");
    let making = "make a guest system for aarch64 with linux-6.12";
    files(&format!("\"{AARCH64}@linux-6.12\""), "");
    check(&["setup"], &["everything but the guest systems is there for the target", making]);
    check(&["setup", &format!("{AARCH64}@linux-6.12")], &[making]);
    check(&["run", "--setup"], &[making, &format!("try     {newest}\n")]);
    check(&["doctor"], &["missing  emulator", &format!("try      {newest}\n")]);
    check(&["matrix", "--ci", "json"], &[r#""guest_systems":["aarch64"]"#, "qemu-system-arm"]);
    files(&format!("\"{AARCH64}\""), "needs = \"kernel\"\n");
    check(&["matrix", "--ci", "json"], &[r#""guest_systems":["aarch64"]"#, "qemu-system-arm", "qemu-user"]);
    check(&["doctor"], &["missing  guest system", &format!("try      triplecheck setup --vm {AARCH64}\n")]);
    files(&format!("\"{AARCH64}\""), "");
    assert!(said(&["setup"]).contains("everything is there for the target"));
    assert!(said(&["matrix", "--ci", "json"]).contains(r#""guest_systems":[]"#));
    let making = "make a guest system for aarch64 with linux-6.1:";
    assert!(said(&["run", "--setup", "--emulator", "vm"]).contains(making));
}
