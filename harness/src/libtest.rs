//! What a libtest binary says of its tests: JSON records, or the text it prints where it does not know JSON.
//!
//! Records may start in the middle of a line, because code that is not Rust's prints without asking libtest.
//! A guest may also print something that looks like a record; only tests that were announced by `started` count,
//! and the first result of a name is the one that is kept.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// The outcome of one test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TestOutcome {
    /// It passed.
    Passed,
    /// It failed, and printed this.
    Failed(String),
    /// It is marked `#[ignore]`, or libtest leaves it out on this target.
    Ignored(Option<String>),
}

/// All that one run of a test binary told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TestRun {
    /// Outcomes by name.
    pub outcomes: BTreeMap<String, TestOutcome>,
    /// Durations by name, in milliseconds, where libtest told them.
    pub durations_ms: BTreeMap<String, u64>,
    /// Tests that started and have no outcome: whoever ended the process is among them.
    pub unfinished: Vec<String>,
    /// How many tests the binary announced.
    pub announced: Option<u64>,
    /// Whether the binary came to its own end.
    pub finished: bool,
}

#[derive(Debug, Deserialize)]
struct Record {
    #[serde(rename = "type")]
    kind: String,
    event: String,
    name: Option<String>,
    stdout: Option<String>,
    message: Option<String>,
    reason: Option<String>,
    exec_time: Option<f64>,
    test_count: Option<u64>,
}

/// Reads the records out of a test binary's standard output. `None` where there are none: the program is no
/// libtest binary, or an old one.
pub fn parse_json(stdout: &[u8]) -> Option<TestRun> {
    let mut run = TestRun::default();
    let mut started = BTreeSet::new();
    for line in stdout.split(|byte| *byte == b'\n') {
        for record in records(line) {
            apply(&mut run, &mut started, record);
        }
    }
    run.announced?;
    run.unfinished = started.into_iter().filter(|name| !run.outcomes.contains_key(name)).collect();
    Some(run)
}

fn apply(run: &mut TestRun, started: &mut BTreeSet<String>, record: Record) {
    match (record.kind.as_str(), record.event.as_str(), record.name) {
        ("suite", "started", _) => run.announced = run.announced.or(record.test_count),
        ("suite", "ok" | "failed", _) => run.finished = true,
        ("test", "started", Some(name)) => {
            started.insert(name);
        }
        ("test", event, Some(name)) if started.contains(&name) && !run.outcomes.contains_key(&name) => {
            let outcome = match event {
                "ok" => TestOutcome::Passed,
                "ignored" => TestOutcome::Ignored(record.message),
                "failed" => {
                    let told = [record.message.or(record.reason), record.stdout];
                    TestOutcome::Failed(told.into_iter().flatten().collect::<Vec<_>>().join("\n"))
                }
                _ => return,
            };
            if let Some(seconds) = record.exec_time {
                run.durations_ms.insert(name.clone(), milliseconds(seconds));
            }
            run.outcomes.insert(name, outcome);
        }
        _ => {}
    }
}

/// Seconds as libtest prints them, as whole milliseconds; nonsense is 0.
fn milliseconds(seconds: f64) -> u64 {
    u64::try_from(std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default().as_millis())
        .unwrap_or(0)
}

/// The JSON records on one line, wherever on it they start.
fn records(line: &[u8]) -> Vec<Record> {
    const START: &[u8] = b"{ \"type\":";
    const START_TIGHT: &[u8] = b"{\"type\":";
    let mut found = Vec::new();
    let mut at = 0;
    while at < line.len() {
        let rest = &line[at..];
        if rest.starts_with(START) || rest.starts_with(START_TIGHT) {
            let mut stream = serde_json::Deserializer::from_slice(rest).into_iter::<Record>();
            if let Some(Ok(record)) = stream.next() {
                found.push(record);
                at += stream.byte_offset().max(1);
                continue;
            }
        }
        at += 1;
    }
    found
}

/// Reads libtest's plain text: `test NAME ... ok`. Failures carry what stands under `---- NAME stdout ----`.
pub fn parse_text(stdout: &[u8]) -> Option<TestRun> {
    let text = String::from_utf8_lossy(stdout);
    let mut run = TestRun::default();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("running ")
            && let Some(count) = rest.strip_suffix(" tests").or_else(|| rest.strip_suffix(" test"))
        {
            run.announced = run.announced.or(count.parse().ok());
        } else if line.starts_with("test result: ") {
            run.finished = true;
        } else if let Some((name, outcome)) = text_outcome(line) {
            run.outcomes.entry(name.to_owned()).or_insert(outcome);
        }
    }
    for (name, outcome) in &mut run.outcomes {
        if let TestOutcome::Failed(told) = outcome {
            let head = format!("---- {name} stdout ----\n");
            if let Some(at) = text.find(&head) {
                let body = &text[at + head.len()..];
                let end = body.find("\n---- ").or_else(|| body.find("\nfailures:")).unwrap_or(body.len());
                body[..end].trim_end().clone_into(told);
            }
        }
    }
    run.announced.is_some().then_some(run)
}

fn text_outcome(line: &str) -> Option<(&str, TestOutcome)> {
    let (name, outcome) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    let name = name.strip_suffix(" - should panic").unwrap_or(name);
    let outcome = match outcome.split([',', ' ']).next()? {
        "ok" => TestOutcome::Passed,
        "FAILED" => TestOutcome::Failed(String::new()),
        "ignored" => TestOutcome::Ignored(outcome.strip_prefix("ignored, ").map(ToOwned::to_owned)),
        _ => return None,
    };
    Some((name, outcome))
}

/// Reads `--list --format terse`: `NAME: test` lines; benchmarks are left out.
pub fn parse_list(stdout: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(stdout);
    text.lines().filter_map(|line| line.trim_end().strip_suffix(": test")).map(ToOwned::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STARTED: &str = r#"{ "type": "suite", "event": "started", "test_count": 3 }"#;

    fn test(event: &str, name: &str) -> String {
        format!(r#"{{ "type": "test", "event": "{event}", "name": "{name}" }}"#)
    }

    #[test]
    fn records_are_found_in_the_middle_of_a_line() {
        let text = format!(
            "{STARTED}\n{}\nC says hi{}\n{}{}\n",
            test("started", "a"),
            test("ok", "a"),
            test("started", "b"),
            test("started", "c")
        );
        let run = parse_json(text.as_bytes()).unwrap();
        assert_eq!(run.outcomes["a"], TestOutcome::Passed);
        assert_eq!(run.unfinished, ["b", "c"]);
        assert!(!run.finished);
    }

    #[test]
    fn a_record_for_a_test_that_never_started_is_not_believed() {
        let text = format!("{STARTED}\n{}\n", test("ok", "fake"));
        assert!(parse_json(text.as_bytes()).unwrap().outcomes.is_empty());
    }

    #[test]
    fn text_is_understood_where_there_is_no_json() {
        let text = "\nrunning 4 tests\ntest a ... ok\ntest b - should panic ... ok\ntest c ... ignored, slow\ntest d::e ... FAILED\n\nfailures:\n\n---- d::e stdout ----\nboom\n\nfailures:\n    d::e\n\ntest result: FAILED. 2 passed; 1 failed\n";
        let run = parse_text(text.as_bytes()).unwrap();
        assert_eq!(run.outcomes["b"], TestOutcome::Passed);
        assert_eq!(run.outcomes["c"], TestOutcome::Ignored(Some("slow".into())));
        assert_eq!(run.outcomes["d::e"], TestOutcome::Failed("boom".into()));
        assert!(run.finished);
    }

    #[test]
    fn output_of_other_programs_is_no_test_run() {
        assert_eq!(parse_json(b"hello\n"), None);
        assert_eq!(parse_text(b"test a ... ok\n"), None);
    }

    #[test]
    fn a_list_holds_tests_and_no_benchmarks() {
        assert_eq!(parse_list(b"a::b: test\r\nc: bench\nd: test\n"), ["a::b", "d"]);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>, cut: usize) {
            let text = [STARTED.as_bytes(), &bytes, test("ok", "x").as_bytes()].concat();
            let _ = parse_json(&text[..cut % (text.len() + 1)]);
            let _ = parse_text(&bytes);
        }
    }
}
