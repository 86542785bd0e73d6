//! libtest's plain text, which old ones, harnesses that imitate it and rustdoc print. Documentation tests come in
//! several parts, one for each crate and kind, which are read as one run.

use super::{Counts, TestOutcome, TestRun};

/// Reads `test NAME ... ok`. Failures carry what stands under `---- NAME stdout ----`.
pub fn parse_text(stdout: &[u8]) -> Option<TestRun> {
    let text = String::from_utf8_lossy(stdout);
    let mut run = TestRun::default();
    let mut counted = Counts::default();
    let mut open = false;
    for line in text.lines() {
        if let Some(count) = announced(line) {
            *run.announced.get_or_insert(0) += count;
            open = true;
        } else if let Some(counts) = counts(line) {
            counted.add(counts);
            open = false;
            run.counted = Some(counted);
        } else if line == "failures:" {
            // What failing tests printed follows, and is no outcome whatever it looks like.
            open = false;
        } else if open && let Some((name, outcome)) = outcome(line) {
            run.counted = None;
            if run.outcomes.contains_key(name) {
                run.suspects.insert(name.to_owned());
            } else {
                run.outcomes.insert(name.to_owned(), outcome);
            }
        }
    }
    for (name, outcome) in &mut run.outcomes {
        if let TestOutcome::Failed(told) = outcome {
            section(&text, name).clone_into(told);
        }
    }
    run.announced.is_some().then_some(run)
}

/// `running 3 tests`.
fn announced(line: &str) -> Option<u64> {
    let rest = line.strip_prefix("running ")?;
    rest.strip_suffix(" tests").or_else(|| rest.strip_suffix(" test"))?.parse().ok()
}

/// `test result: FAILED. 2 passed; 1 failed; 0 ignored; …`.
fn counts(line: &str) -> Option<Counts> {
    let (_, numbers) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let mut counts = Counts::default();
    for part in numbers.split("; ") {
        let Some((number, what)) = part.split_once(' ') else { continue };
        let Ok(number) = number.parse() else { continue };
        match what {
            "passed" => counts.passed = number,
            "failed" => counts.failed = number,
            "ignored" => counts.ignored = number,
            _ => {}
        }
    }
    Some(counts)
}

fn outcome(line: &str) -> Option<(&str, TestOutcome)> {
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

/// What a failing test printed, as libtest repeats it at its end.
fn section<'a>(text: &'a str, name: &str) -> &'a str {
    let head = format!("---- {name} stdout ----\n");
    let Some(at) = text.find(&head) else { return "" };
    let body = &text[at + head.len()..];
    let end = body.find("\n---- ").or_else(|| body.find("\nfailures:")).unwrap_or(body.len());
    body[..end].trim_end()
}

/// Reads `--list`: `NAME: test` lines, and benchmarks, which run once as tests.
pub fn parse_list(stdout: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(stdout);
    let name = |line: &str| {
        let line = line.trim_end();
        let name = line.strip_suffix(": test").or_else(|| line.strip_suffix(": benchmark"));
        name.or_else(|| line.strip_suffix(": bench")).map(ToOwned::to_owned)
    };
    text.lines().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::libtest::Standing;

    const TEXT: &str = "\nrunning 4 tests\ntest a ... ok\ntest b - should panic ... ok\ntest c ... ignored, slow\ntest d::e ... FAILED\n\nfailures:\n\n---- d::e stdout ----\nboom\ntest a ... FAILED\n\nfailures:\n    d::e\n\ntest result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\n";

    #[test]
    fn text_is_understood_where_there_is_no_json() {
        let run = parse_text(TEXT.as_bytes()).unwrap();
        assert_eq!(run.outcomes["a"], TestOutcome::Passed, "what a test printed is no outcome");
        assert_eq!(run.outcomes["b"], TestOutcome::Passed);
        assert_eq!(run.outcomes["c"], TestOutcome::Ignored(Some("slow".into())));
        assert_eq!(run.outcomes["d::e"], TestOutcome::Failed("boom\ntest a ... FAILED".into()));
        assert_eq!(run.standing(false), Standing::Whole);
        assert_eq!(run.standing(true), Standing::Broken);
    }

    #[test]
    fn parts_are_one_run() {
        let second = "\nrunning 1 test\ntest f ... ok\n\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n";
        let run = parse_text(format!("{TEXT}{second}").as_bytes()).unwrap();
        assert_eq!(run.announced, Some(5));
        assert_eq!(run.outcomes["f"], TestOutcome::Passed);
        assert_eq!(run.standing(false), Standing::Whole);
    }

    #[test]
    fn text_that_breaks_off_or_tells_twice_is_not_believed() {
        let cut = &TEXT[..TEXT.find("test d::e").unwrap()];
        assert_eq!(parse_text(cut.as_bytes()).unwrap().standing(false), Standing::Broken);
        let twice = TEXT.replace("test c ... ignored, slow", "test a ... ok");
        assert_eq!(parse_text(twice.as_bytes()).unwrap().standing(false), Standing::Broken);
    }

    #[test]
    fn output_of_other_programs_is_no_test_run() {
        assert_eq!(parse_text(b"test a ... ok\n"), None);
    }

    #[test]
    fn a_list_holds_tests_and_benchmarks() {
        let list = b"a::b: test\r\nc: benchmark\nd: test\n\n2 tests, 1 benchmark\n";
        assert_eq!(parse_list(list), ["a::b", "c", "d"]);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>, cut: usize) {
            let _ = parse_text(&bytes);
            let _ = parse_text(&TEXT.as_bytes()[..cut % TEXT.len()]);
        }
    }
}
