//! libtest's JSON records. They may start in the middle of a line, because code that is not Rust's prints without asking
//! libtest.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{Counts, TestOutcome, TestRun, milliseconds};

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
    passed: Option<u64>,
    failed: Option<u64>,
    ignored: Option<u64>,
}

/// Reads the records out of a test binary's standard output. `None` where there are none: the program is no
/// libtest binary, an old one, or gone before it announced anything.
pub fn parse_json(stdout: &[u8]) -> Option<TestRun> {
    let mut reader = Reader::default();
    for line in stdout.split(|byte| *byte == b'\n') {
        for record in records(line) {
            reader.apply(record);
        }
    }
    let mut run = reader.run;
    run.announced?;
    run.unfinished = reader.started;
    run.unfinished.retain(|name| !run.outcomes.contains_key(name));
    Some(run)
}

#[derive(Default)]
struct Reader {
    run: TestRun,
    /// In the order in which they started.
    started: Vec<String>,
    known: BTreeSet<String>,
}

impl Reader {
    fn apply(&mut self, record: Record) {
        match (record.kind.as_str(), record.event.as_str()) {
            ("suite", "started") => self.run.announced = self.run.announced.or(record.test_count),
            ("suite", "ok" | "failed") => {
                self.run.counted = Some(Counts {
                    passed: record.passed.unwrap_or(0),
                    failed: record.failed.unwrap_or(0),
                    ignored: record.ignored.unwrap_or(0),
                });
            }
            ("test", event) => {
                let event = event.to_owned();
                self.test(&event, record);
            }
            _ => {}
        }
    }

    fn test(&mut self, event: &str, record: Record) {
        let told = [record.message.or(record.reason), record.stdout];
        let told = || told.into_iter().flatten().collect::<Vec<_>>().join("\n");
        let outcome = match event {
            "started" => None,
            "ok" => Some(TestOutcome::Passed),
            "failed" => Some(TestOutcome::Failed(told())),
            "ignored" => Some(TestOutcome::Ignored(Some(told()).filter(|told| !told.is_empty()))),
            // `timeout` warns of a test that takes long.
            _ => return,
        };
        let Some(name) = record.name else { return };
        // An end that is followed by tests was none.
        self.run.counted = None;
        let is_started = self.known.contains(&name);
        match outcome {
            None if is_started => {
                self.run.suspects.insert(name);
            }
            None => {
                self.started.push(name.clone());
                self.known.insert(name);
            }
            Some(_) if !is_started => {
                self.run.suspects.insert(name);
            }
            Some(outcome) if self.run.outcomes.contains_key(&name) => {
                // Which of them is libtest's shows when it runs alone; what a failure told is not to be lost.
                if matches!(outcome, TestOutcome::Failed(_)) {
                    self.run.outcomes.insert(name.clone(), outcome);
                }
                self.run.suspects.insert(name);
            }
            Some(outcome) => {
                if let Some(seconds) = record.exec_time {
                    self.run.durations_ms.insert(name.clone(), milliseconds(seconds));
                }
                self.run.outcomes.insert(name, outcome);
            }
        }
    }
}

/// The JSON records on one line, wherever on it they start.
fn records(line: &[u8]) -> Vec<Record> {
    const START: &[u8] = b"{ \"type\":";
    const START_TIGHT: &[u8] = b"{\"type\":";
    let mut found = Vec::new();
    let mut rest = line;
    while let Some(at) = rest.iter().position(|byte| *byte == b'{') {
        rest = &rest[at..];
        let mut used = 1;
        if rest.starts_with(START) || rest.starts_with(START_TIGHT) {
            let mut stream = serde_json::Deserializer::from_slice(rest).into_iter::<Record>();
            if let Some(Ok(record)) = stream.next() {
                found.push(record);
                used = stream.byte_offset().max(1);
            }
        }
        rest = &rest[used..];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::libtest::Standing;

    const STARTED: &str = r#"{ "type": "suite", "event": "started", "test_count": 3 }"#;

    fn test(event: &str, name: &str) -> String {
        format!(r#"{{ "type": "test", "event": "{event}", "name": "{name}" }}"#)
    }

    fn end(passed: u64, failed: u64) -> String {
        let event = if failed == 0 { "ok" } else { "failed" };
        format!(
            r#"{{ "type": "suite", "event": "{event}", "passed": {passed}, "failed": {failed}, "ignored": 0, "measured": 0, "filtered_out": 0 }}"#
        )
    }

    fn announced(count: u64) -> String {
        STARTED.replace('3', &count.to_string())
    }

    #[track_caller]
    fn parse(lines: &[String]) -> TestRun {
        parse_json(lines.join("\n").as_bytes()).unwrap()
    }

    #[test]
    fn records_are_found_in_the_middle_of_a_line() {
        let text = format!(
            "{STARTED}\n{}\nC says {{hi{}\n{}{}\n",
            test("started", "b"),
            test("ok", "b"),
            test("started", "c"),
            test("started", "a")
        );
        let run = parse_json(text.as_bytes()).unwrap();
        assert_eq!(run.outcomes["b"], TestOutcome::Passed);
        assert_eq!(run.unfinished, ["c", "a"], "in the order of their start");
        assert_eq!(run.counted, None);
    }

    #[test]
    fn a_whole_run_is_believed() {
        let run = parse(&[announced(1), test("started", "a"), test("ok", "a"), end(1, 0)]);
        assert_eq!(run.standing(true), Standing::Whole);
    }

    #[test]
    fn a_record_that_a_test_forges_makes_its_name_a_suspect() {
        let real = |name: &str, event: &str| [test("started", name), test(event, name)];
        // For itself, before it fails.
        let [start, failed] = real("a", "failed");
        let run = parse(&[announced(1), start, test("ok", "a"), failed, end(0, 1)]);
        assert_eq!(run.suspects, BTreeSet::from(["a".to_owned()]));
        assert_eq!(run.standing(false), Standing::Broken);
        // For one that runs later, start and all.
        let ([start, ok], fake) = (real("a", "ok"), real("b", "ok"));
        let later = real("b", "failed");
        let lines =
            [vec![announced(2), start], fake.into(), vec![ok], later.into(), vec![end(1, 1)]].concat();
        let run = parse(&lines);
        assert_eq!(run.suspects, BTreeSet::from(["b".to_owned()]));
        assert_eq!(run.outcomes["a"], TestOutcome::Passed);
        // For one that is none.
        let [start, ok] = real("a", "ok");
        let run = parse(&[announced(1), start, test("ok", "nobody"), ok, end(1, 0)]);
        assert_eq!(run.suspects, BTreeSet::from(["nobody".to_owned()]));
        assert!(!run.outcomes.contains_key("nobody"));
    }

    #[test]
    fn an_end_that_a_test_forges_is_none() {
        let lines = [announced(2), test("started", "a"), end(2, 0), test("ok", "a"), test("started", "b")];
        let run = parse(&lines);
        assert_eq!(run.counted, None);
        assert_eq!(run.unfinished, ["b"]);
        let run = parse(&lines[..3]);
        assert_eq!(run.standing(true), Standing::Broken, "two tests are counted, none has an outcome");
    }

    #[test]
    fn a_record_that_another_thread_broke_in_two_is_missed() {
        let broken = r#"{ "type": "test", "nam C thread says hi e": "a", "event": "ok" }"#.to_owned();
        let run = parse(&[announced(1), test("started", "a"), broken, end(1, 0)]);
        assert_eq!(run.unfinished, ["a"]);
        assert_eq!(run.standing(true), Standing::Broken);
    }

    #[test]
    fn what_a_failing_test_printed_is_text_and_no_record() {
        let quoted = serde_json::to_string(&test("ok", "b")).unwrap();
        let failed = format!(r#"{{ "type": "test", "name": "a", "event": "failed", "stdout": {quoted} }}"#);
        let run = parse(&[announced(1), test("started", "a"), failed, end(0, 1)]);
        assert_eq!(run.standing(false), Standing::Whole);
        assert!(matches!(&run.outcomes["a"], TestOutcome::Failed(told) if told.contains("\"b\"")));
    }

    #[test]
    fn output_of_other_programs_is_no_test_run() {
        assert_eq!(parse_json(b"hello\n"), None);
        assert_eq!(parse_json(test("started", "a").as_bytes()), None, "nothing was announced");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>, cut: usize) {
            let text = [STARTED.as_bytes(), &bytes, test("ok", "x").as_bytes()].concat();
            let _ = parse_json(&text[..cut % (text.len() + 1)]);
        }
    }
}
