//! The main job, on projects made for the purpose and on `cross-tests`.

mod support;

use std::path::Path;

use serde_json::Value;
use support::{compile, ran, repository, runs, triplecheck, write};

const I686: &str = "i686-unknown-linux-gnu";
const S390X: &str = "s390x-unknown-linux-gnu";
const WASM: &str = "wasm32-wasip1";

/// Runs `run --json` in a project and gives the exit status and the report.
#[track_caller]
fn report(project: &Path, words: &[&str]) -> (Option<i32>, Value) {
    let run = ran(triplecheck().arg("-C").arg(project).args(["run", "--json"]).args(words));
    let report = serde_json::from_str(&run.stdout).unwrap_or_else(|error| {
        panic!("no report ({error}), status {:?}:\n{}\n{}", run.code, run.stdout, run.stderr)
    });
    (run.code, report)
}

/// `case target verdict`, sorted.
fn verdicts(report: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let cells = report["cells"].as_array().expect("a report has cells");
    let mut rows: Vec<String> = cells
        .iter()
        .map(|cell| format!("{} {} {}", text(&cell["case"]), text(&cell["target"]), text(&cell["verdict"])))
        .collect();
    rows.sort();
    rows
}

#[test]
fn c_programs_are_compared_with_native_and_differences_explained() {
    if !runs(S390X) || !runs(I686) {
        return;
    }
    let project = tempfile::tempdir().unwrap();
    let manifest = format!(
        "targets = [\"{S390X}\", \"{I686}\"]\n[[suite]]\nname = \"c\"\nkind = \"c\"\nsources = \"*.c\"\n"
    );
    write(
        project.path(),
        &[
            ("triplecheck.toml", &manifest),
            ("clean.c", "#include <stdio.h>\nint main(void) { puts(\"clean\"); return 3; }\n"),
            (
                "order.c",
                "#include <stdio.h>\n#include <string.h>\n#include <stdint.h>\nint main(void) { unsigned char b[4] = {1, 2, 3, 4}; uint32_t n; memcpy(&n, b, 4); printf(\"n = %u\\n\", n); return 0; }\n",
            ),
            (
                "width.c",
                "#include <stdio.h>\nint main(void) { printf(\"long %d\\n\", (int)sizeof(long)); return 0; }\n",
            ),
        ],
    );
    let (code, report) = report(project.path(), &[]);
    assert_eq!(code, Some(1), "{report:#}");
    assert_eq!(
        verdicts(&report),
        [
            format!("clean {I686} same"),
            format!("clean {S390X} same"),
            format!("order {I686} same"),
            format!("order {S390X} differs"),
            format!("width {I686} differs"),
            format!("width {S390X} same"),
        ]
    );
    let causes: Vec<&str> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|finding| finding["cause"].as_str())
        .collect();
    assert!(causes.iter().any(|cause| cause.starts_with("byte-order: ")), "{causes:?}");
    assert!(causes.iter().any(|cause| cause.starts_with("pointer-width: ")), "{causes:?}");
}

#[test]
fn libraries_are_looked_for_beside_a_program_that_was_not_compiled_alone() {
    if !runs(I686) {
        return;
    }
    let project = tempfile::tempdir().unwrap();
    let manifest = format!(
        "targets = [\"{I686}\"]\n[[suite]]\nname = \"c\"\nkind = \"c\"\nsources = \"*.c\"\n[[suite]]\nname = \"dist\"\nkind = \"prebuilt\"\npath = {{ native = \"dist/native/calls\", \"{I686}\" = \"dist/i686/calls\" }}\n"
    );
    write(
        project.path(),
        &[
            ("triplecheck.toml", &manifest),
            (
                "asks.c",
                "#include <stdio.h>\n#include <stdlib.h>\nint main(void) { const char *path = getenv(\"LD_LIBRARY_PATH\"); puts(sizeof(long) == 4 && path ? path : \"nothing\"); return 0; }\n",
            ),
        ],
    );
    let host = "x86_64-unknown-linux-gnu";
    for (name, target, compiler) in [("native", host, "cc"), ("i686", I686, "i686-linux-gnu-gcc")] {
        let dir = project.path().join("dist").join(name);
        std::fs::create_dir_all(&dir).unwrap();
        let search = format!("-L{}", dir.display());
        if !compile(
            compiler,
            target,
            "int answer(void) { return 42; }\n",
            &dir.join("libanswer.so"),
            &["-shared", "-fPIC"],
        ) || !compile(
            compiler,
            target,
            "int answer(void);\nint main(void) { return answer() + (sizeof(long) == 4); }\n",
            &dir.join("calls"),
            &[&search, "-lanswer"],
        ) {
            return;
        }
    }
    // Cargo names its own directories to these tests.
    let run = ran(triplecheck()
        .env_remove("LD_LIBRARY_PATH")
        .arg("-C")
        .arg(project.path())
        .args(["run", "--json"]));
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    // One that finds no library ends like its other side, and so does not differ.
    assert_eq!(
        verdicts(&report),
        [format!("asks {I686} same"), format!("dist {I686} differs")],
        "{report:#}"
    );
}

#[test]
fn a_cargo_project_is_tested_test_by_test_without_a_manifest() {
    if !runs(S390X) {
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
                "#[cfg(test)]\nmod tests {\n    #[test]\n    fn passes() {}\n    #[test]\n    #[should_panic]\n    fn panics() { panic!() }\n    #[test]\n    #[ignore]\n    fn ignored() {}\n    #[test]\n    fn order() { assert_eq!(1u32.to_ne_bytes()[0], 1); }\n    #[test]\n    fn dies_there() { if cfg!(target_endian = \"big\") { std::process::abort(); } }\n    #[cfg(target_endian = \"little\")]\n    #[test]\n    fn only_little() {}\n    #[test]\n    fn fails_everywhere() { panic!(\"always\") }\n}\n",
            ),
            ("tests/outer.rs", "#[test]\nfn from_outside() {}\n"),
        ],
    );
    let (code, report) = report(project.path(), &["-t", S390X]);
    assert_eq!(code, Some(1), "{report:#}");
    assert_eq!(
        verdicts(&report),
        [
            format!("outer::from_outside {S390X} same"),
            format!("tests::dies_there {S390X} cross-fail"),
            format!("tests::fails_everywhere {S390X} fails-natively"),
            format!("tests::ignored {S390X} same"),
            format!("tests::order {S390X} cross-fail"),
            format!("tests::panics {S390X} same"),
            format!("tests::passes {S390X} same"),
        ]
    );
    let missing = &report["not_run"][0];
    assert_eq!(missing["case"], "tests::only_little");
    assert_eq!(missing["verdict"], "missing");
}

#[test]
fn a_program_that_names_its_own_file_is_no_finding() {
    if !runs(I686) {
        return;
    }
    let project = tempfile::tempdir().unwrap();
    let manifest =
        format!("targets = [\"{I686}\"]\n[[suite]]\nname = \"c\"\nkind = \"c\"\nsources = \"*.c\"\n");
    let usage = "#include <stdio.h>\nint main(int argc, char **argv) { (void)argc; printf(\"usage: %s [OPTION]\\n\", argv[0]); return 0; }\n";
    write(project.path(), &[("triplecheck.toml", &manifest), ("usage.c", usage)]);
    let (code, report) = report(project.path(), &[]);
    assert_eq!(code, Some(0), "{report:#}");
    assert_eq!(verdicts(&report), [format!("usage {I686} equivalent")]);
    assert_eq!(report["cells"][0]["rules"][0]["rule"], "path");
}

#[test]
fn guests_that_hang_flood_or_die_get_a_verdict_and_the_rest_goes_on() {
    if !runs(I686) {
        return;
    }
    let project = tempfile::tempdir().unwrap();
    let manifest = format!(
        "targets = [\"{I686}\"]\n[[suite]]\nname = \"c\"\nkind = \"c\"\nsources = \"*.c\"\ntimeout = \"2s\"\n"
    );
    let only_32_bit = |body: &str| {
        format!(
            "#include <stdio.h>\n#include <stdlib.h>\nint main(void) {{ if (sizeof(void *) == 4) {{ {body} }} return 0; }}\n"
        )
    };
    write(
        project.path(),
        &[
            ("triplecheck.toml", &manifest),
            ("hang.c", &only_32_bit("for (;;) { volatile int x = 0; (void)x; }")),
            ("flood.c", &only_32_bit("for (;;) puts(\"all work and no play\");")),
            ("die.c", &only_32_bit("abort();")),
            ("well.c", "int main(void) { return 0; }\n"),
        ],
    );
    let (code, report) = report(project.path(), &[]);
    assert_eq!(code, Some(1), "{report:#}");
    let rows = verdicts(&report);
    assert_eq!(rows[0], format!("die {I686} cross-fail"));
    assert!(rows[1].starts_with("flood"), "{rows:?}");
    assert!(rows[1].ends_with("cross-fail") || rows[1].ends_with("timeout"), "{rows:?}");
    assert_eq!(rows[2], format!("hang {I686} timeout"));
    assert_eq!(rows[3], format!("well {I686} same"));
}

#[test]
fn a_build_that_fails_for_one_target_leaves_the_others() {
    if !runs(I686) || !runs(S390X) {
        return;
    }
    let project = tempfile::tempdir().unwrap();
    let manifest = format!(
        "targets = [\"{I686}\", \"{S390X}\"]\n[[suite]]\nname = \"c\"\nkind = \"c\"\nsources = \"*.c\"\n"
    );
    write(
        project.path(),
        &[
            ("triplecheck.toml", &manifest),
            ("picky.c", "#ifdef __s390x__\n#error not here\n#endif\nint main(void) { return 0; }\n"),
        ],
    );
    let (code, report) = report(project.path(), &[]);
    assert_eq!(code, Some(2), "{report:#}");
    assert_eq!(verdicts(&report), [format!("picky {I686} same")]);
    let failure = &report["build_failures"][0];
    assert_eq!(failure["target"], S390X);
    assert!(failure["text"].as_str().unwrap().contains("not here"));
}

#[test]
fn an_expectation_that_no_longer_holds_is_a_finding() {
    if !runs(I686) {
        return;
    }
    let project = tempfile::tempdir().unwrap();
    let manifest = format!(
        "targets = [\"{I686}\"]\n[[suite]]\nname = \"c\"\nkind = \"c\"\nsources = \"*.c\"\n\
         [[expect]]\ntest = \"c::width\"\ntarget = 'cfg(target_pointer_width = \"32\")'\nverdict = \"differs\"\nreason = \"long\"\n\
         [[expect]]\ntest = \"c::clean\"\ntarget = \"*\"\nverdict = \"differs\"\nreason = \"none\"\n"
    );
    write(
        project.path(),
        &[
            ("triplecheck.toml", &manifest),
            ("clean.c", "int main(void) { return 0; }\n"),
            (
                "width.c",
                "#include <stdio.h>\nint main(void) { printf(\"%d\\n\", (int)sizeof(long)); return 0; }\n",
            ),
        ],
    );
    let (code, report) = report(project.path(), &[]);
    assert_eq!(code, Some(1), "{report:#}");
    assert_eq!(
        verdicts(&report),
        [format!("clean {I686} unexpected-pass"), format!("width {I686} expected")]
    );
}

#[test]
fn a_run_in_which_nothing_ran_is_no_success() {
    let project = tempfile::tempdir().unwrap();
    let manifest =
        "targets = [\"aarch64-apple-darwin\"]\n[[suite]]\nname = \"c\"\nkind = \"c\"\nsources = \"*.c\"\n";
    write(project.path(), &[("triplecheck.toml", manifest), ("a.c", "int main(void) { return 0; }\n")]);
    let (code, report) = report(project.path(), &[]);
    assert_eq!(code, Some(69), "{report:#}");
    assert_eq!(report["not_run"][0]["target"], "aarch64-apple-darwin");
}

#[test]
fn mistakes_on_the_command_line_and_in_the_manifest_are_told_with_their_place() {
    let project = tempfile::tempdir().unwrap();
    write(project.path(), &[("triplecheck.toml", "targets = [\"aarch64-linux-gnu\"]\n")]);
    let run = ran(triplecheck().arg("-C").arg(project.path()).arg("run"));
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("triplecheck.toml:1:12"), "{}", run.stderr);
    assert!(run.stderr.contains("did you mean `aarch64-unknown-linux-gnu`"), "{}", run.stderr);
    let empty = tempfile::tempdir().unwrap();
    let run = ran(triplecheck().arg("-C").arg(empty.path()).args(["run", "-t", S390X]));
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("no `triplecheck.toml`"), "{}", run.stderr);
}

/// The labelled guests: every clean one is equal on every target, every faulty one is found exactly where its
/// label says, and nothing was left out.
#[test]
fn every_guest_of_cross_tests_gets_the_verdict_of_its_label() {
    let targets = [
        I686,
        "aarch64-unknown-linux-gnu",
        "armv7-unknown-linux-gnueabihf",
        "riscv64gc-unknown-linux-gnu",
        S390X,
        "powerpc64le-unknown-linux-gnu",
        "x86_64-pc-windows-gnu",
        WASM,
    ];
    let runnable: Vec<&str> = targets.into_iter().filter(|target| runs(target)).collect();
    let words: Vec<&str> = runnable.iter().flat_map(|target| ["-t", target]).collect();
    let (code, report) = report(&repository().join("cross-tests"), &words);
    let odd: Vec<&Value> = report["cells"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|cell| !matches!(cell["verdict"].as_str(), Some("same" | "equivalent" | "expected")))
        .collect();
    assert!(odd.is_empty() && code == Some(0), "status {code:?}\n{odd:#?}\n{:#}", report["findings"]);
    for target in runnable {
        let of = |field: &str, verdict: &str| {
            let cells = report["cells"].as_array().unwrap();
            cells.iter().filter(|cell| cell["target"] == target && cell[field] == verdict).count()
        };
        assert!(
            of("verdict", "same") + of("verdict", "equivalent") >= 30,
            "{target} has too few clean cells"
        );
        assert!(
            target == WASM || target == "powerpc64le-unknown-linux-gnu" || of("verdict", "expected") > 0,
            "{target} has no labelled fault"
        );
    }
}
