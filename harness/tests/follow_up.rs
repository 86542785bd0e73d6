//! What is asked after a run: one more target, and a second emulator.

#![expect(clippy::disallowed_methods, reason = "one test asks for tools of the system")]
#![expect(clippy::print_stdout, reason = "a skip is said aloud")]

#[path = "follow_up/repro.rs"]
mod repro;
mod support;

use std::path::Path;

use serde_json::Value;
use support::{ran, runs, triplecheck, write};

const A64: &str = "aarch64-unknown-linux-gnu";
const ARMV7: &str = "armv7-unknown-linux-gnueabihf";
const I686: &str = "i686-unknown-linux-gnu";

/// A number in which nobody sees that it depends on the width of a word.
const BUCKET: &str = "#include <stdio.h>\n#include <stdint.h>\nint main(void) {\n\
    uint32_t h = (uint32_t)sizeof(void *) * 2654435761u; printf(\"bucket %u\\n\", (unsigned)(h >> 22)); return 0; }\n";

/// A project with that program, for an emulated 64-bit and an emulated 32-bit target.
fn project() -> tempfile::TempDir {
    let project = tempfile::tempdir().expect("a temporary directory can be made");
    let manifest = format!(
        "targets = [\"{A64}\", \"{ARMV7}\"]\n[[suite]]\nname = \"c\"\nkind = \"c\"\nsources = \"*.c\"\n"
    );
    let clean = "#include <stdio.h>\nint main(void) { puts(\"clean\"); return 0; }\n";
    write(
        project.path(),
        &[("triplecheck.toml", manifest.as_str()), ("bucket.c", BUCKET), ("clean.c", clean)],
    );
    project
}

#[track_caller]
fn report(project: &Path, words: &[&str]) -> Value {
    let run = ran(triplecheck().arg("-C").arg(project).args(["run", "--json"]).args(words));
    serde_json::from_str(&run.stdout)
        .unwrap_or_else(|error| panic!("no report ({error}):\n{}\n{}", run.stdout, run.stderr))
}

/// The only finding.
#[track_caller]
fn finding(report: &Value) -> &Value {
    let findings = report["findings"].as_array().expect("a report has findings");
    assert_eq!(findings.len(), 1, "{report:#}");
    &findings[0]
}

#[test]
fn the_target_that_decides_is_named_and_run_when_asked() {
    if ![A64, ARMV7, I686].into_iter().all(runs) {
        return;
    }
    let project = project();
    let first = report(project.path(), &[]);
    assert_eq!(finding(&first)["targets"], serde_json::json!([ARMV7]));
    assert_eq!(finding(&first)["decide"]["question"], "32-bit or arm itself", "{first:#}");
    assert_eq!(finding(&first)["decide"]["target"], I686);
    assert_eq!(finding(&first)["decide"]["here"], true);

    let second = report(project.path(), &["--discriminate"]);
    assert_eq!(finding(&second)["targets"], serde_json::json!([ARMV7, I686]), "{second:#}");
    assert_eq!(finding(&second)["class"], "pointer-width");
    let cells = second["cells"].as_array().unwrap();
    let on_i686: Vec<&Value> = cells.iter().filter(|cell| cell["target"] == I686).collect();
    assert_eq!(on_i686.len(), 1, "only what failed is run there: {second:#}");
    assert_eq!(second["targets"].as_array().unwrap().len(), 3);
}

#[test]
fn a_second_cpu_model_is_asked_about_findings_and_says_whether_it_agrees() {
    if ![A64, ARMV7].into_iter().all(runs) {
        return;
    }
    let project = project();
    let confirmed = report(project.path(), &["--confirm", "qemu-user@max"]);
    let confirmed = &finding(&confirmed)["confirmed"];
    assert_eq!((&confirmed["agrees"], &confirmed["disagrees"]), (&1.into(), &0.into()), "{confirmed:#}");

    let unknown = report(project.path(), &["--confirm", "wine"]);
    let confirmed = &finding(&unknown)["confirmed"];
    assert_eq!((&confirmed["agrees"], &confirmed["disagrees"]), (&0.into(), &0.into()), "{confirmed:#}");
    assert!(confirmed["shown"].as_str().is_some_and(|why| !why.is_empty()), "{confirmed:#}");
}

#[test]
fn a_second_emulator_that_nobody_knows_is_an_error_before_the_run() {
    let project = project();
    let run = ran(triplecheck().arg("-C").arg(project.path()).args(["run", "--confirm", "qemu-usr"]));
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("no emulator kind `qemu-usr`"), "{}", run.stderr);
    assert!(!run.stderr.contains("build"), "nothing was run: {}", run.stderr);
}
