//! `show`: the runs of the past, what changed between two of them, and the history of a case; and what becomes of runs that
//! cannot be read.

use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;
use triplecheck::events::{Event, NotRun};
use triplecheck::verdict::Verdict;

use crate::made::{self, TARGETS};
use crate::schema::Schema;
use crate::support::{Ran, ran, triplecheck};

#[track_caller]
fn show(dir: &Path, words: &[&str]) -> Ran {
    ran(triplecheck().arg("-C").arg(dir).arg("show").args(words))
}

/// What `show --json` prints, held against its schema.
#[track_caller]
fn json(dir: &Path, words: &[&str], schema: &str) -> Value {
    let run = show(dir, &[words, &["--json"]].concat());
    let value: Value =
        serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}", run.stderr));
    assert_eq!(Schema::new(schema).problem(&value), None);
    value
}

/// A project with runs of these names and events, the last one last.
fn project(runs: &[(&str, Vec<Event>)]) -> tempfile::TempDir {
    let project = tempfile::tempdir().unwrap();
    std::fs::write(project.path().join("triplecheck.toml"), "").unwrap();
    for (number, (name, events)) in runs.iter().enumerate() {
        let dir = project.path().join("target/triplecheck/runs").join(name);
        let events = events.iter().cloned().map(|event| match event {
            Event::RunStarted(run) => {
                Event::RunStarted(triplecheck::events::RunStarted { run: (*name).into(), ..run })
            }
            other => other,
        });
        made::record(&dir, &events.collect::<Vec<_>>());
        let file = std::fs::File::options().append(true).open(dir.join("events.jsonl")).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(1_000 + number as u64)).unwrap();
    }
    project
}

/// The whole run, later: two findings of one case are good, one is found elsewhere, a test is gone, a target cannot be run.
fn later() -> Vec<Event> {
    let mut events = made::whole();
    let end = events.pop().unwrap();
    events.retain(
        |event| !matches!(event, Event::Cell(cell) if cell.target == TARGETS[2] || cell.case == "old"),
    );
    for event in &mut events {
        match event {
            Event::Cell(cell) if cell.case == "sat" => {
                cell.verdict = Verdict::Same;
                cell.cause = None;
            }
            Event::Cell(cell) if cell.case == "tests::adds" && cell.target == TARGETS[1] => {
                cell.verdict = Verdict::CrossFail;
                cell.cause = Some("byte-order: the bytes of `n` are reversed".into());
            }
            Event::Cell(cell) if cell.case == "hangs" => cell.verdict = Verdict::Differs,
            Event::RunStarted(run) => {
                run.rustc = Some("rustc 1.96.0 (000000000 2026-06-01)".into());
                run.targets[0].emulator_version = Some("9.2.0".into());
            }
            _ => {}
        }
    }
    events.push(Event::NotRun(NotRun {
        suite: "unit".into(),
        case: "*".into(),
        target: TARGETS[2].into(),
        reason: "there is no Wine here".into(),
        fix: Some("triplecheck setup x86_64-pc-windows-gnu".into()),
        verdict: Verdict::NotRun,
        declared: false,
    }));
    events.push(Event::Cell(made::cell("c", "brand_new", TARGETS[0], Verdict::Same)));
    events.push(end);
    events
}

#[test]
fn runs_are_listed_with_what_they_came_to_and_one_that_cannot_be_read_costs_no_other() {
    let project = project(&[
        ("first", made::whole()),
        ("killed", made::whole()[..9].to_vec()),
        ("newer", made::whole()),
        ("empty", Vec::new()),
    ]);
    let newer = project.path().join("target/triplecheck/runs/newer/events.jsonl");
    let text = std::fs::read_to_string(&newer).unwrap();
    let modified = std::fs::metadata(&newer).unwrap().modified().unwrap();
    std::fs::write(&newer, text.replacen("\"schema\":1", "\"schema\":2", 1)).unwrap();
    std::fs::File::options().append(true).open(&newer).unwrap().set_modified(modified).unwrap();
    let listed = show(project.path(), &[]);
    assert_eq!((listed.code, listed.stderr.as_str()), (Some(0), ""));
    let lines: Vec<&str> = listed.stdout.lines().collect();
    assert_eq!(lines.len(), 5, "{}", listed.stdout);
    assert_eq!(lines[1].split_whitespace().collect::<Vec<_>>()[..6], ["first", "41.2", "s", "4", "22", "12"]);
    assert!(lines[2].contains("1 build failure, was killed"), "{}", lines[2]);
    assert!(lines[3].contains("newer triplecheck (0.1.0, schema 2)"), "{}", lines[3]);
    assert!(lines[4].contains("is empty"), "{}", lines[4]);
    let last = show(project.path(), &["--last", "2"]);
    assert!(last.stdout.starts_with("2 earlier runs: --last 4\n"), "{}", last.stdout);
    let value = json(project.path(), &["-n", "3"], include_str!("../../schema/runs.json"));
    assert_eq!((value["earlier"].as_u64(), value["runs"].as_array().unwrap().len()), (Some(1), 3));
    assert_eq!(value["runs"][0]["stage"], "killed");
    assert_eq!((&value["runs"][1]["exit"], value["runs"][1]["problem"].is_string()), (&Value::Null, true));
}

#[test]
fn two_runs_are_compared_cell_by_cell() {
    let project = project(&[("old", made::whole()), ("new", later())]);
    let value = json(project.path(), &["last~1", "last"], include_str!("../../schema/changes.json"));
    let names = |key: &str| -> Vec<String> {
        let cells = value[key].as_array().unwrap().iter();
        let name = |cell: &Value| {
            format!("{} {}", cell["case"].as_str().unwrap(), &cell["target"].as_str().unwrap()[..5])
        };
        cells.map(name).collect()
    };
    assert_eq!((value["old"].as_str(), value["new"].as_str()), (Some("old"), Some("new")));
    assert_eq!(names("new_findings"), ["tests::adds s390x"]);
    assert_eq!(names("fixed"), ["sat aarch", "sat s390x"]);
    assert_eq!(names("gone"), ["lines x86_6", "old aarch", "tests::adds x86_6", "tests::subtracts x86_6"]);
    assert_eq!(value["gone"][2]["why"], "there is no Wine here");
    assert_eq!(value["gone"][1]["why"], "it was not asked for, or is there no more");
    assert!(names("still_failing").contains(&"hangs aarch".to_owned()));
    assert_eq!((value["added"].as_u64(), value["unchanged"].as_u64()), (Some(1), Some(6)));
    let text = show(project.path(), &["old", "new"]);
    assert_eq!((text.code, text.stderr.as_str()), (Some(1), ""), "there is a new finding");
    for part in [
        "from old to new\n",
        "  also different: rustc 1.96.0 (000000000 2026-06-01), before rustc 1.95.0",
        "  also different: qemu-user 9.2.0, before qemu-user 7.2.22, on aarch64-unknown-linux-gnu\n",
        "new  unit::tests::adds  on s390x-unknown-linux-gnu\n  verdict cross-fail, before same\n",
        "  repeat  triplecheck run unit::tests::adds -t s390x-unknown-linux-gnu\n",
        "fixed  c::sat  on aarch64-unknown-linux-gnu, s390x-unknown-linux-gnu\n  verdict same, before differs\n",
        "still failing  c::hangs  on aarch64-unknown-linux-gnu\n  verdict differs, before timeout\n",
        "gone  c::old  on aarch64-unknown-linux-gnu\n  verdict not there, before expired\n",
        "gone  2 good cells  on x86_64-pc-windows-gnu\n  why     there is no Wine here\n",
        "gone  c::lines  on x86_64-pc-windows-gnu\n",
        "1 new · 2 fixed · ",
    ] {
        assert!(text.stdout.contains(part), "{part}\nis not in\n{}", text.stdout);
    }
    let back = show(project.path(), &["new", "old"]);
    assert!(back.stdout.contains("new  c::sat  on"), "{}", back.stdout);
    let same = show(project.path(), &["old", "old"]);
    assert_eq!(same.code, Some(0));
    assert!(same.stdout.contains("0 new · 0 fixed · "), "{}", same.stdout);
}

#[test]
fn what_a_killed_run_did_not_come_to_is_gone_and_not_fixed() {
    let project = project(&[("old", made::whole()), ("new", made::whole()[..9].to_vec())]);
    let value = json(project.path(), &["old", "new"], include_str!("../../schema/changes.json"));
    assert_eq!(value["fixed"].as_array().unwrap().len(), 0);
    let gone = value["gone"].as_array().unwrap();
    assert_eq!(gone.len(), 22 - 5);
    let sat = gone.iter().find(|cell| cell["case"] == "sat").unwrap();
    assert_eq!(sat["why"], "the newer run did not come to it");
    assert!(value["warnings"][0].as_str().unwrap().contains("new: unfinished: the run was killed"));
}

#[test]
fn a_finding_whose_test_is_run_on_one_side_only_is_gone_and_not_fixed() {
    let mut events = made::whole();
    for event in &mut events {
        if let Event::Cell(cell) = event
            && cell.case == "sat"
        {
            cell.verdict = Verdict::Extra;
            cell.cause = None;
        }
    }
    let project = project(&[("old", made::whole()), ("new", events)]);
    let value = json(project.path(), &["old", "new"], include_str!("../../schema/changes.json"));
    assert_eq!(value["fixed"].as_array().unwrap().len(), 0);
    let gone = value["gone"].as_array().unwrap();
    let told: Vec<_> = gone.iter().map(|cell| (cell["case"].as_str(), cell["is"].as_str())).collect();
    assert_eq!(told, [(Some("sat"), Some("extra")); 2]);
    assert_eq!(gone[0]["why"], "it was run on one side only");
}

#[test]
fn the_history_of_a_case_tells_since_when_it_is_as_it_is() {
    let project =
        project(&[("a", later()), ("b", made::whole()), ("c", made::whole()), ("empty", Vec::new())]);
    let run = show(project.path(), &["--history", "c::sat"]);
    assert_eq!(run.code, Some(2), "one run cannot be read");
    assert!(run.stderr.contains("is empty"), "{}", run.stderr);
    for part in [
        "c::sat\n  1  aarch64-unknown-linux-gnu  differs since b, before same: a float out of range",
        "\na    =  =\nb    ≠  ≠\nc    ≠  ≠\n",
        "= same   ≠ differs\n",
    ] {
        assert!(run.stdout.contains(part), "{part}\nis not in\n{}", run.stdout);
    }
    let part = show(project.path(), &["--history", "subtr"]);
    assert!(part.stdout.starts_with("unit::tests::subtracts\n"), "a part of a name will do: {}", part.stdout);
    let value = json(project.path(), &["--history", "unit::*"], include_str!("../../schema/history.json"));
    let cases: Vec<&str> =
        value["cases"].as_array().unwrap().iter().filter_map(|case| case["case"].as_str()).collect();
    assert_eq!(
        cases,
        ["tests::adds", "tests::only_here", "tests::only_there", "tests::order", "tests::subtracts"]
    );
    let windows =
        value["cases"][0]["targets"].as_array().unwrap().iter().find(|on| on["target"] == TARGETS[2]);
    assert_eq!(windows.unwrap()["runs"].as_array().unwrap().len(), 2, "what a run does not know is left out");
}

#[test]
fn names_that_mean_nothing_are_refused_with_the_nearest_ones() {
    let project = project(&[("2026-11-25-212406-21299", made::whole()), ("2026-11-26-080000-77", later())]);
    for (words, parts) in [
        (
            &["last", "2026-11-25-212406-21298"][..],
            &["no run `2026-11-25-212406-21298`", "the run `2026-11-25-212406-21299`"][..],
        ),
        (&["last~2", "last"], &["no run `last~2`: there are 2 runs", "`triplecheck show` lists the runs"]),
        (&["--history", "c::sta"], &["knows a case `c::sta`", "triplecheck show --history c::sat"]),
        (&["a", "b", "c"], &["unexpected"]),
        (&["--expect", "--json"], &["cannot be used with"]),
    ] {
        let run = show(project.path(), words);
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{words:?}: {}", run.stderr);
        for part in parts {
            assert!(run.stderr.contains(part), "`{part}` is not in: {}", run.stderr);
        }
    }
}

#[test]
fn a_damaged_line_costs_its_own_cell_and_is_told() {
    let project = project(&[("old", made::whole()), ("new", made::whole())]);
    let path = project.path().join("target/triplecheck/runs/new/events.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{text}garbage\n")).unwrap();
    let run = show(project.path(), &["old", "new"]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("line 33 of") || run.stderr.contains("could not be read"), "{}", run.stderr);
    assert!(run.stdout.contains("0 new · 0 fixed"), "{}", run.stdout);
}
