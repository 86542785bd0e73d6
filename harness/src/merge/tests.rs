use super::*;
use crate::events::{Observed, SCHEMA, SuiteInfo};
use crate::observation::End;
use crate::report::{self, Format, Options};
use crate::shard::Shard;

const A: &str = "aarch64-unknown-linux-gnu";
const S: &str = "s390x-unknown-linux-gnu";

fn info(target: &str) -> TargetInfo {
    TargetInfo {
        target: target.into(),
        emulator: Some("qemu-user".into()),
        emulator_version: Some("7.2".into()),
        kernel: None,
        reason: None,
        fix: None,
    }
}

fn about(name: &str, targets: &[&str], shard: Option<(u32, u32)>) -> RunStarted {
    RunStarted {
        schema: SCHEMA,
        run: name.into(),
        version: "0.1.0".into(),
        rules_version: 1,
        host: "x86_64-unknown-linux-gnu".into(),
        kernel: "6.12".into(),
        rustc: None,
        targets: targets.iter().map(|target| info(target)).collect(),
        suites: vec![SuiteInfo { name: "unit".into(), sources: ".".into() }],
        manifest: None,
        resumed: None,
        children: None,
        command: vec!["triplecheck".into(), "run".into()],
        shard: shard.map(|(index, of)| Shard { index, of }),
        asked: "a".into(),
        revision: Some("c".repeat(40)),
        all_targets: Vec::new(),
        merged: Vec::new(),
        incomplete: Vec::new(),
        runnable: Vec::new(),
    }
}

fn part(about: RunStarted, cells: &[(&str, &str, Verdict)]) -> Part {
    let name = about.run.clone();
    let observed = |case: &str| {
        let (suite, case) = ("unit".to_owned(), case.to_owned());
        Event::Observed(Observed { suite, case, end: End::Exited { code: 0 }, duration_ms: 1 })
    };
    let cells = cells.iter().flat_map(|(case, target, verdict)| {
        [observed(case), Event::Cell(Cell::example(case, target, *verdict))]
    });
    let end = Event::RunFinished { duration_ms: 5, interrupted: false, started: 2, unmatched: Vec::new() };
    let events = std::iter::once(Event::RunStarted(about)).chain(cells).chain([end]).collect();
    Part { name, events, unreadable_lines: 0, goes_on: false }
}

fn shard(index: u32, of: u32, cells: &[(&str, &str, Verdict)]) -> Part {
    part(about(&format!("r{index}"), &[A, S], Some((index, of))), cells)
}

#[track_caller]
fn merged(parts: &[Part]) -> (Summary, Vec<Problem>) {
    let merged = merge(parts.to_vec(), "m").unwrap_or_else(|error| panic!("{}", error.render()));
    (Summary::of(merged.events), merged.problems)
}

fn junit(summary: &Summary) -> String {
    report::render(Format::Junit, summary, &Options::default()).unwrap()
}

#[track_caller]
fn refused(parts: &[Part], words: &[&str]) {
    let told = merge(parts.to_vec(), "m").unwrap_err().render();
    for word in words {
        assert!(told.contains(word), "`{word}` is not in: {told}");
    }
    assert!(told.contains("try: "), "{told}");
}

#[test]
fn shards_make_the_run_that_one_machine_would_have_made_whatever_their_order() {
    let cells = [
        ("a", A, Verdict::Same),
        ("a", S, Verdict::Differs),
        ("b", A, Verdict::Same),
        ("b", S, Verdict::Same),
    ];
    let (one, two) = (shard(1, 2, &cells[2..]), shard(2, 2, &cells[..2]));
    let whole = part(about("m", &[A, S], None), &cells);
    let whole = junit(&Summary::of(whole.events));
    for parts in [[one.clone(), two.clone()], [two, one]] {
        let (summary, problems) = merged(&parts);
        assert_eq!(problems, []);
        let about = summary.run.as_ref().unwrap();
        assert_eq!((about.shard, about.merged.as_slice()), (None, &["r1".to_owned(), "r2".to_owned()][..]));
        assert_eq!((summary.native_runs, summary.started, summary.duration_ms), (2, Some(4), Some(5)));
        let report = junit(&summary);
        assert_eq!(report, whole);
    }
}

#[test]
fn runs_of_different_targets_are_one_run_and_a_target_that_nobody_ran_is_listed() {
    let all = vec![A.to_owned(), S.to_owned(), "wasm32-wasip1".to_owned()];
    let one = |name: &str, target: &str| {
        let about = RunStarted { all_targets: all.clone(), ..about(name, &[target], None) };
        part(about, &[("a", target, Verdict::Same)])
    };
    let (summary, problems) = merged(&[one("y", S), one("x", A)]);
    let targets: Vec<&str> =
        summary.run.iter().flat_map(|run| &run.targets).map(|info| info.target.as_str()).collect();
    assert_eq!((targets, problems.len()), (vec![A, S], 0), "in the manifest's order");
    assert_eq!(summary.native_runs, 1, "the native side of one case, run by two");
    let absent = &summary.not_run[0];
    assert_eq!((&*absent.case, &*absent.target), ("*", "wasm32-wasip1"));
    assert_eq!(absent.fix.as_deref(), Some("triplecheck run -t wasm32-wasip1"));
    assert_eq!((summary.exit_code(false), summary.exit_code(true)), (0, 69));
}

#[test]
fn what_cannot_be_one_run_is_refused() {
    let (one, two) = (shard(1, 2, &[]), shard(2, 2, &[]));
    let other = |change: &dyn Fn(&mut RunStarted)| {
        let mut about = about("r2", &[A, S], Some((2, 2)));
        change(&mut about);
        part(about, &[])
    };
    refused(&[one.clone(), other(&|run| run.revision = None)], &["`r1` and `r2`", "their commit is `cccc"]);
    refused(&[one.clone(), other(&|run| run.asked = "b".into())], &["filters and options is `a` and `b`"]);
    refused(&[one.clone(), other(&|run| run.rules_version = 2)], &["comparison rules is `1` and `2`"]);
    refused(
        &[one.clone(), other(&|run| run.targets[0].emulator_version = Some("9.2".into()))],
        &["is run by qemu-user 7.2 in the one and by qemu-user 9.2 in the other"],
    );
    refused(
        &[one.clone(), other(&|run| run.shard = Some(Shard { index: 2, of: 4 }))],
        &["shard 2/4", "shard 1/2"],
    );
    let again = part(about("r3", &[A, S], Some((1, 2))), &[]);
    refused(&[one.clone(), again, two], &["shard 1/2 of", "is there twice: in `r1` and in `r3`"]);
    refused(&[one.clone(), one.clone()], &["are the same run, `r1`"]);
    let whole = part(about("r3", &[A, S], None), &[]);
    refused(&[whole.clone(), part(about("r4", &[A], None), &[])], &["all cases of `aarch64", "twice"]);
    refused(&[one, whole], &["parts of different runs"]);
    let headless = Part { name: "x".into(), events: Vec::new(), unreadable_lines: 0, goes_on: false };
    refused(&[headless], &["`x` do not say what the run is about"]);
}

#[track_caller]
fn lacks(parts: &[Part], text: &str, fix: &str) {
    let (summary, problems) = merged(parts);
    assert_eq!(problems, [Problem { text: text.into(), fix: fix.into() }]);
    assert_eq!(summary.run.as_ref().unwrap().incomplete, [text]);
    assert!(summary.cells.iter().any(|cell| cell.case == "a"), "nothing that was obtained is lost");
    assert_ne!(summary.exit_code(false), 0);
    let junit = junit(&summary);
    assert!(junit.contains("unfinished") && junit.contains("the run is whole"), "{junit}");
}

#[test]
fn what_is_missing_is_said_in_the_merged_run_and_costs_nothing_else() {
    let cells = [("a", A, Verdict::Same)];
    let whole = [shard(1, 3, &cells), shard(2, 3, &[]), shard(3, 3, &[("b", A, Verdict::Differs)])];
    lacks(&whole[..2], "shard 3/3 is not there", "triplecheck run --shard 3/3");
    lacks(&[whole[0].clone(), whole[2].clone()], "shard 2/3 is not there", "triplecheck run --shard 2/3");
    let changed = |change: &dyn Fn(&mut Part)| {
        let mut parts = whole.clone();
        change(&mut parts[1]);
        parts
    };
    let killed = changed(&|part| drop(part.events.pop()));
    lacks(&killed, "`r2` was killed before its end", "triplecheck run --shard 2/3 --resume");
    let goes_on = changed(&|part| {
        part.events.pop();
        part.goes_on = true;
    });
    lacks(&goes_on, "`r2` goes on: it has not decided everything yet", "wait for its end, and merge again");
    let damaged = changed(&|part| part.unreadable_lines = 1);
    lacks(&damaged, "1 line of the events of `r2` cannot be read", "triplecheck run --shard 2/3");
}

#[test]
fn a_run_that_took_up_a_killed_one_stands_for_both() {
    let (mut killed, two) = (shard(1, 2, &[("a", A, Verdict::Same)]), shard(2, 2, &[]));
    killed.events.pop();
    let resumed = RunStarted { resumed: Some("r1".into()), ..about("r9", &[A, S], Some((1, 2))) };
    let resumed = part(resumed, &[("a", A, Verdict::Same), ("b", A, Verdict::Same)]);
    let (summary, problems) = merged(&[killed, resumed, two]);
    assert_eq!((summary.cells.len(), problems.len()), (2, 0));
}

#[test]
fn what_every_shard_tells_is_told_once_and_the_worst_of_it_stands() {
    let failure = BuildFailure { target: S.into(), program: None, text: "no".into() };
    let with = |index: u32, verdict: Verdict| {
        let mut part = shard(index, 2, &[("(process)", A, verdict)]);
        let build = Event::BuildStarted { suite: "unit".into(), what: "tests".into() };
        let failures = vec![failure.clone()];
        let built = Event::BuildFinished { suite: "unit".into(), duration_ms: 1, failures };
        let not_run = NotRun {
            suite: "unit".into(),
            case: "*".into(),
            target: S.into(),
            reason: "r".into(),
            fix: None,
            verdict: Verdict::NotRun,
            declared: false,
        };
        part.events.splice(1..1, [build, built, Event::NotRun(not_run)]);
        part
    };
    let (summary, _) = merged(&[with(1, Verdict::Same), with(2, Verdict::CrossFail)]);
    assert_eq!((summary.build_failures.len(), summary.not_run.len()), (1, 1));
    assert_eq!((summary.cells.len(), summary.cells[0].verdict), (1, Verdict::CrossFail));
}

#[test]
fn an_expectation_that_one_part_meets_is_met() {
    let entry =
        |test: &str| Unmatched { test: test.into(), target: "*".into(), reason: "r".into(), issue: None };
    let with = |index: u32, cells: &[(&str, &str, Verdict)], tests: &[&str]| {
        let mut part = shard(index, 2, cells);
        if let Some(Event::RunFinished { unmatched, .. }) = part.events.last_mut() {
            *unmatched = tests.iter().map(|test| entry(test)).collect();
        }
        part
    };
    let one = with(1, &[("a", A, Verdict::Same)], &["unit::b", "unit::c"]);
    let two = with(2, &[("b", A, Verdict::Same)], &["unit::c"]);
    assert_eq!(Summary::of(one.events.clone()).unmatched, [], "a shard alone cannot know");
    let (summary, _) = merged(&[one, two]);
    assert_eq!(summary.unmatched, [entry("unit::c")]);
}
