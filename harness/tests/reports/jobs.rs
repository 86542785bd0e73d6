//! `matrix`: what each CI system is given, from a manifest and a recorded run.

use std::path::Path;

use serde_json::Value;

use crate::made;
use crate::schema::Schema;
use crate::support::{Ran, ran, triplecheck, write};

const SCHEMA: &str = include_str!("../../schema/matrix.json");

#[track_caller]
fn matrix(root: &Path, words: &[&str]) -> Ran {
    ran(triplecheck().arg("-C").arg(root).arg("matrix").args(words))
}

fn project() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let targets = made::TARGETS.map(|target| format!("{target:?}")).join(", ");
    let manifest =
        format!("targets = [{targets}]\n[[suite]]\nname = \"c\"\nkind = \"c\"\nsources = \"*.c\"\n");
    write(dir.path(), &[("triplecheck.toml", &manifest), ("a.c", "int main(void) { return 0; }\n")]);
    dir
}

#[test]
fn every_target_is_in_a_job_of_every_system() {
    let dir = project();
    for system in ["github", "gitlab", "buildkite", "json"] {
        let run = matrix(dir.path(), &["--ci", system, "--jobs", "2"]);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{system}");
        let value: Value = serde_json::from_str(&run.stdout).unwrap();
        for target in made::TARGETS {
            assert!(value.to_string().contains(&format!("-t {target}")), "{system}: {}", run.stdout);
        }
    }
    let github = matrix(dir.path(), &["--ci", "github", "--jobs", "2"]).stdout;
    // It is appended to a file of `NAME=VALUE` lines.
    assert_eq!(github.matches('\n').count(), 1, "{github}");
    let github: Value = serde_json::from_str(&github).unwrap();
    assert_eq!(github["include"].as_array().unwrap().len(), 2);
    let gitlab = matrix(dir.path(), &["--ci", "gitlab", "--jobs", "2"]).stdout;
    let gitlab: Value = serde_json::from_str(&gitlab).unwrap();
    let needs = gitlab["triplecheck:report"]["needs"].as_array().unwrap();
    let names: Vec<&str> = needs.iter().skip(1).map(|need| need["job"].as_str().unwrap()).collect();
    assert!(names.len() == 2 && names.iter().all(|name| gitlab[name]["stage"] == "test"), "{gitlab:#}");
}

#[test]
fn durations_of_a_run_decide_and_the_answer_is_as_its_schema_says() {
    let dir = project();
    let hour = |target: &str, ms: u64| {
        let mut cell = made::cell("c", "a", target, triplecheck::verdict::Verdict::Same);
        cell.duration_ms = ms;
        triplecheck::events::Event::Cell(cell)
    };
    let mut events = vec![made::started(&made::TARGETS)];
    for (target, minutes) in made::TARGETS.iter().zip([60, 10, 10, 10]) {
        events.push(hour(target, minutes * 60_000));
    }
    made::record(&dir.path().join("earlier"), &events);
    let run = matrix(dir.path(), &["--ci", "json", "--jobs", "3", "--from", "earlier"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    let value: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(Schema::new(SCHEMA).problem(&value), None, "{value:#}");
    assert!(Schema::new(SCHEMA).problem(&serde_json::json!({ "schema": 1, "jobs": [{}] })).is_some());
    let args: Vec<&str> =
        value["jobs"].as_array().unwrap().iter().map(|job| job["args"].as_str().unwrap()).collect();
    let long = made::TARGETS[0];
    let rest = made::TARGETS[1..].iter().map(|target| format!("-t {target}")).collect::<Vec<_>>().join(" ");
    assert_eq!(args, [&rest, &format!("-t {long} --shard 1/2"), &format!("-t {long} --shard 2/2")]);
    assert_eq!(value["jobs"][1]["estimate_ms"], 30 * 60_000 + 5, "its native side too");
    let none = matrix(dir.path(), &["--ci", "json"]);
    assert_eq!(serde_json::from_str::<Value>(&none.stdout).unwrap()["durations"], Value::Null);
}

#[test]
fn what_cannot_be_packed_is_refused() {
    let dir = project();
    let root = dir.path();
    for (words, said) in [
        (&["--ci", "travis"][..], "possible values: github, gitlab, buildkite, json"),
        (&[], "--ci <SYSTEM>"),
        (&["--ci", "json", "--jobs", "0"], "0 is not in 1.."),
        (&["--ci", "gitlab", "--jobs", "50"], "at most 49 jobs of this system"),
        (&["--ci", "json", "--from", "absent"], "there is no run `absent`"),
        (&["--ci", "json", "-t", "aarch64-linux"], "did you mean"),
        (&["--ci", "json", "-t", "x86_64-unknown-linux-gnu"], "the host is the only target"),
    ] {
        let run = matrix(root, words);
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{words:?}: {}", run.stderr);
        assert!(run.stderr.contains(said), "`{said}` is not in: {}", run.stderr);
    }
    let nowhere = tempfile::tempdir().unwrap();
    let run = matrix(nowhere.path(), &["--ci", "json"]);
    assert!(run.code == Some(2) && run.stderr.contains("no `triplecheck.toml`"), "{}", run.stderr);
}
