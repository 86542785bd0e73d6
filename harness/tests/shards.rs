//! A run in parts: shards, and what they are together.

#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod support;

use std::path::{Path, PathBuf};

use support::{Ran, ran, runs, triplecheck, write};

const I686: &str = "i686-unknown-linux-gnu";
const S390X: &str = "s390x-unknown-linux-gnu";

#[track_caller]
fn in_project(project: &Path, words: &[&str]) -> Ran {
    ran(triplecheck().arg("-C").arg(project).args(words))
}

/// C programs and Rust's tests, with findings of each, a test that only one target has, and an expectation that meets none.
fn project() -> tempfile::TempDir {
    let project = tempfile::tempdir().unwrap();
    let manifest = format!(
        r#"targets = ["{I686}", "{S390X}"]
[[suite]]
name = "c"
kind = "c"
sources = "c/*.c"
[[suite]]
name = "unit"
kind = "cargo-test"
[[suite]]
name = "echo"
kind = "command"
command = ["echo", "{{target}}"]
targets-except = ["*"]
reason = "it prints its target"
[[expect]]
test = "c::width"
target = "{I686}"
verdict = "differs"
reason = "long is short"
[[expect]]
test = "c::nothing"
target = "{S390X}"
verdict = "differs"
reason = "there is no such case"
"#
    );
    let clean = "#include <stdio.h>\nint main(void) { puts(\"clean\"); return 3; }\n";
    let order = "#include <stdio.h>\n#include <string.h>\n#include <stdint.h>\nint main(void) { unsigned char b[4] = {1, 2, 3, 4}; uint32_t n; memcpy(&n, b, 4); printf(\"n = %u\\n\", n); return 0; }\n";
    let width =
        "#include <stdio.h>\nint main(void) { printf(\"long %d\\n\", (int)sizeof(long)); return 0; }\n";
    let tests: String = (0..12).map(|number| format!("    #[test]\n    fn t{number}() {{}}\n")).collect();
    let lib = format!(
        "#[cfg(test)]\nmod tests {{\n{tests}    #[test]\n    fn order() {{ assert_eq!(1u32.to_ne_bytes()[0], 1); }}\n    #[test]\n    fn dies_there() {{ if cfg!(target_endian = \"big\") {{ std::process::abort(); }} }}\n    #[cfg(target_endian = \"little\")]\n    #[test]\n    fn only_little() {{}}\n    #[test]\n    #[ignore]\n    fn ignored() {{}}\n}}\n"
    );
    let cargo = "[package]\nname = \"demo\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n";
    let mut files = vec![
        ("triplecheck.toml", manifest.as_str()),
        ("Cargo.toml", cargo),
        ("src/lib.rs", &lib),
        ("tests/outer.rs", "#[test]\nfn from_outside() {}\n"),
        ("c/order.c", order),
        ("c/width.c", width),
    ];
    files.extend(["c/a.c", "c/b.c", "c/d.c"].map(|name| (name, clean)));
    write(project.path(), &files);
    project
}

/// The directory of the last run.
#[track_caller]
fn last_run(project: &Path) -> PathBuf {
    let dir = project.join("target/triplecheck/runs");
    let name = triplecheck::runs::last(&dir).unwrap();
    dir.join(name)
}

#[test]
fn four_shards_merged_are_byte_for_byte_the_run_of_one_machine() {
    if !runs(I686) || !runs(S390X) {
        return;
    }
    let project = project();
    let root = project.path();
    let whole = in_project(root, &["run", "--no-cache"]);
    assert_eq!(whole.code, Some(1), "{}{}", whole.stdout, whole.stderr);
    let junit = |run: &str| {
        let report = in_project(root, &["report", "-f", "junit", "--without-times", run]);
        assert_eq!((report.code, report.stderr.as_str()), (Some(0), ""), "{run}");
        report.stdout
    };
    let expected = junit("last");
    let count = |text: &str, what: &str| text.matches(what).count();
    assert!(expected.contains("order") && expected.contains("dies_there") && expected.contains("c::nothing"));
    let artifacts = tempfile::tempdir().unwrap();
    let mut cells = Vec::new();
    for index in 1..=4 {
        let shard = format!("{index}/4");
        let run = in_project(root, &["run", "--no-cache", "--shard", &shard]);
        assert!(matches!(run.code, Some(0 | 1)), "{shard}: {:?}\n{}{}", run.code, run.stdout, run.stderr);
        assert!(
            run.stdout.contains(&format!("shard {shard}: other cases are in other runs")),
            "{}",
            run.stdout
        );
        let part = junit("last");
        assert!(!part.contains("c::nothing"), "what one shard does not meet another may");
        cells.push(count(&part, "<testcase "));
        // As a CI system keeps it: in some directory, for another machine.
        let place = artifacts.path().join(format!("job-{index}"));
        std::fs::create_dir(&place).unwrap();
        std::fs::rename(last_run(root), place.join("run")).unwrap();
    }
    let parts = artifacts.path().to_str().unwrap();
    let merge = in_project(root, &["merge", parts, "--report", "junit=merged.xml"]);
    assert_eq!(merge.code, Some(1), "{}{}", merge.stdout, merge.stderr);
    assert_eq!(junit("last"), expected);
    let with_times = std::fs::read_to_string(root.join("merged.xml")).unwrap();
    assert_ne!(with_times, expected, "durations are there unless they are left out");
    // Nothing is in two shards, and none has it all.
    assert!(cells.iter().filter(|cells| **cells > 3).count() >= 2, "{cells:?}");
    let kept = last_run(root).join("findings");
    assert_eq!(std::fs::read_dir(kept).unwrap().count(), 1, "the outputs of `order`");

    damaged(root, artifacts.path());
}

#[track_caller]
fn says(run: &Ran, words: &[&str]) {
    assert_eq!(run.code, Some(2), "{}{}", run.stdout, run.stderr);
    for word in words {
        assert!(run.stderr.contains(word), "`{word}` is not in {}", run.stderr);
    }
}

/// What is wrong with parts is said, with all that there is merged, or nothing written.
#[track_caller]
fn damaged(root: &Path, artifacts: &Path) {
    let part = |index: u32| artifacts.join(format!("job-{index}"));
    let merge = |parts: &[u32], output: &str| {
        let mut words = vec!["merge".to_owned(), "--output".to_owned(), output.to_owned()];
        words.extend(parts.iter().map(|index| part(*index).display().to_string()));
        in_project(root, &words.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let run = merge(&[1, 2, 4], "three");
    says(&run, &["the run is not whole: shard 3/4 is not there", " run --shard 3/4"]);
    assert!(run.stdout.contains("unfinished: shard 3/4 is not there"), "{}", run.stdout);
    assert!(root.join("three/events.jsonl").is_file(), "what there is is merged");
    says(&merge(&[1, 2], "three"), &["`", "three` is there already"]);
    std::fs::create_dir(part(5)).unwrap();
    std::fs::create_dir(part(5).join("again")).unwrap();
    let events = part(4).join("run/events.jsonl");
    let text = std::fs::read_to_string(&events).unwrap();
    let copy = part(5).join("again/events.jsonl");
    std::fs::write(&copy, text.replacen("\"run\":\"", "\"run\":\"other-", 1)).unwrap();
    says(&merge(&[1, 2, 3, 4, 5], "five"), &["shard 4/4 of", "is there twice", "job-5/again"]);
    std::fs::write(&copy, text.replacen("\"asked\":\"", "\"asked\":\"0", 1)).unwrap();
    says(&merge(&[1, 2, 3, 5], "five"), &["are not parts of one run: their digest of manifest"]);
    std::fs::write(&copy, text.replacen("\"schema\":1", "\"schema\":2", 1)).unwrap();
    says(&merge(&[1, 2, 3, 5], "five"), &["written by a newer triplecheck (0.1.0, schema 2)", "job-5/again"]);
    std::fs::write(&copy, "").unwrap();
    says(&merge(&[1, 2, 3, 5], "five"), &["events.jsonl` is empty", "leave it out"]);
    std::fs::write(&copy, "garbage\n\0").unwrap();
    says(&merge(&[1, 2, 3, 5], "five"), &["holds no events", "line 1"]);
    assert!(!root.join("five").exists(), "nothing is written of what is refused");
    // Half a line at the end, where the machine died.
    std::fs::write(&copy, &text.as_bytes()[..text.len() - 30]).unwrap();
    let run = merge(&[1, 2, 3, 5], "five");
    says(&run, &["again` was killed before its end", " run --shard 4/4 --resume"]);
    assert!(run.stdout.contains("cells compared"), "{}", run.stdout);
    says(&in_project(root, &["merge", "src"]), &["there is no run in", "target/triplecheck/runs/NAME"]);
    says(&in_project(root, &["merge", "absent"]), &["there is no run `", "absent"]);
}

#[test]
fn bazel_and_ci_systems_choose_the_shard_and_what_they_want_is_written() {
    let project = tempfile::tempdir().unwrap();
    let root = project.path();
    // The sentinel of the host's own kind: nothing has to be built, and each shard has its part of the cases.
    let cases: String = (0..8).map(|number| format!("{{ name = \"c{number}\" }}, ")).collect();
    let manifest = format!(
        "targets = [\"{I686}\"]\n[[suite]]\nname = \"echo\"\nkind = \"prebuilt\"\npath = {{ native = \"true\", \"{I686}\" = \"true\" }}\ncases = [{cases}]\n"
    );
    write(root, &[("triplecheck.toml", &manifest)]);
    std::fs::copy("/bin/true", root.join("true")).unwrap();
    let run = |variables: &[(&str, &str)], words: &[&str]| {
        let mut command = triplecheck();
        for name in ["CI_NODE_TOTAL", "CI_NODE_INDEX", "TEST_TOTAL_SHARDS", "TEST_SHARD_INDEX"] {
            command.env_remove(name);
        }
        command.envs(variables.iter().copied()).arg("-C").arg(root).args(["run", "--json"]).args(words);
        ran(&mut command)
    };
    let status = root.join("status");
    let xml = root.join("test.xml");
    let bazel = [
        ("TEST_TOTAL_SHARDS", "2"),
        ("TEST_SHARD_INDEX", "1"),
        ("TEST_SHARD_STATUS_FILE", status.to_str().unwrap()),
        ("XML_OUTPUT_FILE", xml.to_str().unwrap()),
    ];
    let sharded = run(&bazel, &["--shard", "auto"]);
    assert!(sharded.stderr.contains("shard 2/2, as Bazel says"), "{}", sharded.stderr);
    let report: serde_json::Value = serde_json::from_str(&sharded.stdout).unwrap();
    assert_eq!(report["shard"]["index"], 2);
    assert!(status.is_file() && std::fs::read_to_string(&xml).unwrap().contains("<testsuites"));
    let gitlab = run(&[("CI_NODE_TOTAL", "2"), ("CI_NODE_INDEX", "1")], &["--shard", "auto"]);
    assert!(gitlab.stderr.contains("shard 1/2, as GitLab says"), "{}", gitlab.stderr);
    let cases = |run: &Ran| {
        let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        let rows = [&report["cells"], &report["not_run"]];
        let rows = rows.iter().flat_map(|rows| rows.as_array().unwrap());
        rows.map(|row| row["case"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let mut all: Vec<String> = cases(&sharded).into_iter().chain(cases(&gitlab)).collect();
    all.sort();
    let mut expected = cases(&run(&[], &[]));
    expected.sort();
    assert_eq!(all, expected, "disjoint, and complete");
    assert_eq!(all.len(), 8);
    let none = run(&[], &["--shard", "auto"]);
    assert!(none.stderr.contains("no shard: no variable of a CI system names one"), "{}", none.stderr);
    let wrong = run(&[("CI_NODE_TOTAL", "3")], &["--shard", "auto"]);
    assert_eq!((wrong.code, wrong.stdout.as_str()), (Some(2), ""));
    assert!(wrong.stderr.contains("`CI_NODE_INDEX` is not set") && wrong.stderr.contains("try: --shard K/N"));
    let refused = run(&[], &["--shard", "5/4"]);
    assert!(
        refused.code == Some(2) && refused.stderr.contains("there is no shard 5 of 4"),
        "{}",
        refused.stderr
    );
    // The last run is no shard, and is over; one that was killed is taken up as what it was.
    let last = last_run(root).join("events.jsonl");
    let text = std::fs::read_to_string(&last).unwrap();
    let end = text.trim_end().rfind('\n').unwrap();
    std::fs::write(&last, &text[..=end]).unwrap();
    let resumed = run(&[], &["--resume", "--shard", "1/2"]);
    assert_eq!(resumed.code, Some(2));
    assert!(resumed.stderr.contains("was no shard, and not shard 1/2"), "{}", resumed.stderr);
}
