//! Builds and runs at the same time, and test binaries spread over processors.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod support;

use std::path::Path;

use serde_json::Value;
use support::{ran, runs, triplecheck, write};

const I686: &str = "i686-unknown-linux-gnu";
const S390X: &str = "s390x-unknown-linux-gnu";

#[track_caller]
fn report(project: &Path, words: &[&str]) -> Value {
    let run = ran(triplecheck().arg("-C").arg(project).args(["run", "--json"]).args(words));
    serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{}\n{}", run.stdout, run.stderr))
}

fn verdicts(report: &Value) -> Vec<String> {
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let cells = report["cells"].as_array().unwrap();
    let mut rows: Vec<String> =
        cells.iter().map(|cell| format!("{} {}", word(&cell["case"]), word(&cell["verdict"]))).collect();
    rows.sort();
    rows
}

/// The second suite's build waits for what a guest of the first one does.
#[test]
fn a_guest_runs_while_another_suite_is_built() {
    if !runs(I686) {
        return;
    }
    let project = tempfile::tempdir().unwrap();
    let mark = project.path().join("mark");
    let manifest = format!(
        "targets = [\"{I686}\"]\n[[suite]]\nname = \"first\"\nkind = \"c\"\nsources = \"first.c\"\n\
         [[suite]]\nname = \"second\"\nkind = \"cargo-bin\"\n"
    );
    let guest = format!(
        "#include <stdio.h>\nint main(void) {{ FILE *f = fopen(\"{}\", \"w\"); return f == NULL || fclose(f); }}\n",
        mark.display()
    );
    let build = format!(
        "fn main() {{\nlet end = std::time::Instant::now() + std::time::Duration::from_secs(120);\n\
         while !std::path::Path::new({:?}).exists() {{\nassert!(std::time::Instant::now() < end, \"nobody runs\");\n\
         std::thread::sleep(std::time::Duration::from_millis(10));\n}}\n}}\n",
        mark.display().to_string()
    );
    write(
        project.path(),
        &[
            ("triplecheck.toml", &manifest),
            ("first.c", &guest),
            (
                "Cargo.toml",
                "[package]\nname = \"second\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n",
            ),
            ("build.rs", &build),
            ("src/main.rs", "fn main() {}\n"),
        ],
    );
    let report = report(project.path(), &[]);
    assert_eq!(verdicts(&report), ["first same", "second same"], "{report:#}");
}

/// Six tests that take long enough to be worth two processes, one of which ends its process.
const LONG_TESTS: &str = "fn long() {\nstd::thread::sleep(std::time::Duration::from_millis(400));\n}\n\
    #[test]\nfn a() {\nlong()\n}\n#[test]\nfn b() {\nlong()\n}\n#[test]\nfn c() {\nlong()\n}\n\
    #[test]\nfn d() {\nlong()\n}\n#[test]\nfn short() {}\n\
    #[test]\nfn dies() {\nlong();\nif cfg!(target_endian = \"big\") { std::process::abort() }\n}\n\
    #[cfg(target_endian = \"big\")]\n#[test]\nfn only_there() {}\n";

fn long_project() -> tempfile::TempDir {
    let project = tempfile::tempdir().unwrap();
    let package = "[package]\nname = \"long\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n";
    write(project.path(), &[("Cargo.toml", package), ("src/lib.rs", LONG_TESTS)]);
    project
}

#[track_caller]
fn check_long(report: &Value) {
    let expected = ["a same", "b same", "c same", "d same", "dies cross-fail", "short same"];
    assert_eq!(verdicts(report), expected, "{report:#}");
    let extra: Vec<&str> =
        report["not_run"].as_array().unwrap().iter().map(|entry| entry["case"].as_str().unwrap()).collect();
    assert_eq!(extra, ["only_there"], "what is there on the target only is in no piece by name: {report:#}");
}

#[test]
fn a_long_binary_is_spread_over_processes_and_nothing_of_it_is_lost() {
    if !runs(S390X) {
        return;
    }
    let project = long_project();
    let whole = report(project.path(), &["-t", S390X, "--jobs", "1"]);
    check_long(&whole);
    let spread = report(project.path(), &["-t", S390X, "--jobs", "2", "--no-cache"]);
    check_long(&spread);
    // Where nobody dies, it is one more process and no other.
    let healthy = LONG_TESTS.replace("std::process::abort()", "()");
    std::fs::write(project.path().join("src/lib.rs"), healthy).unwrap();
    let started = ["1", "2"].map(|jobs| {
        let report = report(project.path(), &["-t", S390X, "--jobs", jobs, "--no-cache"]);
        report["guests_started"].as_u64().unwrap()
    });
    assert!(started[1] > started[0], "{started:?}");
}

#[test]
fn what_the_user_says_about_threads_is_left_alone() {
    if !runs(S390X) {
        return;
    }
    let project = tempfile::tempdir().unwrap();
    let test = "#[test]\nfn told() {\nlet told = std::env::var(\"RUST_TEST_THREADS\").unwrap_or_default();\n\
                assert!(told == \"7\" || std::env::args().any(|word| word == \"--test-threads=3\") && told.is_empty(), \"{told}\");\n}\n";
    let package = "[package]\nname = \"told\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n";
    write(project.path(), &[("Cargo.toml", package), ("src/lib.rs", test)]);
    let mut command = triplecheck();
    command.arg("-C").arg(project.path()).args(["run", "-t", S390X]);
    let by_words = ran(command.args(["--", "--test-threads=3"]));
    assert_eq!(by_words.code, Some(0), "{}", by_words.stdout);
    let mut command = triplecheck();
    command.arg("-C").arg(project.path()).args(["run", "-t", S390X]);
    let by_variable = ran(command.env("RUST_TEST_THREADS", "7"));
    assert_eq!(by_variable.code, Some(0), "{}", by_variable.stdout);
}

#[test]
fn damaged_durations_do_no_harm() {
    if !runs(S390X) {
        return;
    }
    let project = long_project();
    let kept = project.path().join("target/triplecheck/durations.jsonl");
    check_long(&report(project.path(), &["-t", S390X]));
    let text = std::fs::read(&kept).unwrap();
    std::fs::write(&kept, [&text[..text.len() / 2], b"\xff\0\n{\"subject\":3}\n"].concat()).unwrap();
    check_long(&report(project.path(), &["-t", S390X, "--no-cache"]));
    assert_eq!(std::fs::read(&kept).unwrap().split(|byte| *byte == b'\n').count(), 3, "it is whole again");
}
