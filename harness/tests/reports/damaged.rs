//! Events that are damaged, cut, from the future or not there at all: one message that says so, and what is left is told.

use std::io::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::made;
use crate::support::{Ran, ran, triplecheck};

#[track_caller]
fn run_in(dir: &Path, words: &[&str]) -> Ran {
    ran(triplecheck().arg("-C").arg(dir).arg("report").args(words))
}

/// A recorded run whose events are then changed.
fn changed(change: impl FnOnce(&str) -> Vec<u8>) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    made::record(&dir.path().join("run"), &made::whole());
    let path = dir.path().join("run/events.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, change(&text)).unwrap();
    dir
}

#[track_caller]
fn refused(run: &Ran, words: &[&str]) {
    assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{}", run.stderr);
    assert_eq!(run.stderr.matches("error: ").count(), 1, "{}", run.stderr);
    for word in words {
        assert!(run.stderr.contains(word), "`{word}` is not in: {}", run.stderr);
    }
}

#[test]
fn a_run_that_was_killed_says_that_it_is_unfinished_in_every_format() {
    // The last whole line and half of another are gone.
    let dir = changed(|text| text.as_bytes()[..text.len() - 120].to_vec());
    for format in ["text", "junit", "html", "markdown", "github", "gitlab"] {
        let run = run_in(dir.path(), &["-f", format, "run"]);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{format}");
        assert!(run.stdout.contains("unfinished: the run was killed"), "{format}: {}", run.stdout);
    }
    let json: Value = serde_json::from_str(&run_in(dir.path(), &["-f", "json", "run"]).stdout).unwrap();
    assert_eq!((json["stage"].as_str(), json["exit"].as_u64()), (Some("killed"), None));
}

#[test]
fn a_run_that_goes_on_is_reported_as_far_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("run")).unwrap();
    let path = dir.path().join("run/events.jsonl");
    let mut log = triplecheck::events::Log::create(&path).unwrap();
    for event in &made::whole()[..8] {
        log.append(event).unwrap();
    }
    let mut half = std::fs::File::options().append(true).open(&path).unwrap();
    half.write_all(b"{\"event\":\"cell\",\"suite\":").unwrap();
    let run = run_in(dir.path(), &["run"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    assert!(run.stdout.contains("unfinished: the run goes on"), "{}", run.stdout);
    assert!(run.stdout.contains("4 cells compared"), "{}", run.stdout);
}

#[test]
fn garbage_among_the_events_is_told_and_costs_nothing_else() {
    let dir = changed(|text| {
        let mut lines: Vec<&[u8]> = text.split_inclusive('\n').map(str::as_bytes).collect();
        lines.insert(5, b"\0\0\xff garbage\n");
        lines.insert(7, b"{\"event\":\"of-tomorrow\"}\n");
        lines.concat()
    });
    let run = run_in(dir.path(), &["run"]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("line 6, 8 of") && run.stderr.contains("events.jsonl"), "{}", run.stderr);
    assert!(run.stdout.contains("11 findings · 22 cells"), "{}", run.stdout);
    assert!(run.stdout.contains("2 lines of the run's events cannot be read"), "{}", run.stdout);
}

#[test]
fn what_cannot_be_reported_is_refused_with_its_reason() {
    let newer = changed(|text| text.replacen("\"schema\":1", "\"schema\":2", 1).into_bytes());
    refused(
        &run_in(newer.path(), &["run"]),
        &["newer triplecheck (0.1.0, schema 2)", "try: use that version"],
    );
    let empty = changed(|_| Vec::new());
    refused(&run_in(empty.path(), &["run"]), &["events.jsonl` is empty", "try: triplecheck run"]);
    let garbage = changed(|_| b"garbage\nmore\n".to_vec());
    refused(&run_in(garbage.path(), &["run"]), &["holds no events", "line 1"]);
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("some")).unwrap();
    refused(&run_in(dir.path(), &["some"]), &["`some` is no run", "events.jsonl"]);
    refused(&run_in(dir.path(), &["absent"]), &["no run `absent`"]);
    refused(&run_in(dir.path(), &[]), &["no `triplecheck.toml` and no `Cargo.toml`"]);
    std::fs::write(dir.path().join("triplecheck.toml"), "").unwrap();
    refused(&run_in(dir.path(), &[]), &["has no runs yet", "try: triplecheck run"]);
}

#[test]
fn a_report_goes_into_its_file_at_once_or_not_at_all() {
    let dir = changed(|text| text.as_bytes().to_vec());
    let run = run_in(dir.path(), &["-f", "junit", "-o", "report.xml", "run"]);
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (Some(0), "", ""));
    let text = std::fs::read_to_string(dir.path().join("report.xml")).unwrap();
    assert_eq!(text, run_in(dir.path(), &["-f", "junit", "run"]).stdout);
    let run = run_in(dir.path(), &["-o", "no/such/report.txt", "run"]);
    assert_eq!(run.code, Some(69));
    assert!(run.stderr.contains("no/such/report.txt"), "{}", run.stderr);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "the run and its one report");
}
