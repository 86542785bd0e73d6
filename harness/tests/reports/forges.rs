//! What GitHub and GitLab show: within their limits, at the right line, and nothing that a guest prints is a command.

use serde_json::Value;
use triplecheck::events::Event;
use triplecheck::verdict::Verdict;

use crate::made::{self, TARGETS};
use crate::support::{ran, triplecheck};
use crate::{report, report_of};

/// The 1 MiB that GitHub takes of one step.
const SUMMARY_BYTES_MAX: usize = 1 << 20;

#[test]
fn the_summary_shows_the_grid_the_findings_and_how_to_repeat_them() {
    let text = report("markdown", &made::whole());
    for part in [
        "## ❌ 11 findings\n",
        "| target | run by | `unit` | `c` | slowdown |\n",
        "| `s390x-unknown-linux-gnu` | qemu-user 7.2.22 | ❌ 1 cross-fail, ✅ 2 | ❌ 1 differs | 9.2 × |\n",
        "#### differs `c::sat` on `aarch64-unknown-linux-gnu`, `s390x-unknown-linux-gnu`\n",
        "  native  clamp = -2147483648, ok\n  target  clamp = 2147483647, ok\n",
        "```sh\ntriplecheck run c::sat -t aarch64-unknown-linux-gnu\n```\n",
        "- **not-run** suite `c` on `wasm32-wasip1`: there is no `wasm32-wasip1` C library here; try `triplecheck setup wasm32-wasip1`\n",
    ] {
        assert!(text.contains(part), "{part}\nis not in\n{text}");
    }
    assert!(text.contains("<script>"), "what a guest prints is shown");
    assert!(!outside_code(&text).contains("<script"), "{}", outside_code(&text));
}

/// Markdown without its fenced blocks and code spans, in which everything is text.
fn outside_code(text: &str) -> String {
    let mut out = String::new();
    let mut fence: Option<&str> = None;
    for line in text.lines() {
        let ticks = &line[..line.len() - line.trim_start_matches('`').len()];
        match fence {
            Some(open) if ticks.len() >= open.len() && line == ticks => fence = None,
            Some(_) => {}
            None if ticks.len() > 2 && !line[ticks.len()..].contains('`') => fence = Some(ticks),
            None => out.push_str(&format!("{}\n", without_spans(line))),
        }
    }
    assert_eq!(fence, None, "every block ends");
    out
}

/// A span begins with a run of backquotes and ends with the next run that is as long.
fn without_spans(line: &str) -> String {
    let run = |text: &str| text.len() - text.trim_start_matches('`').len();
    let (mut out, mut rest) = (String::new(), line);
    while let Some(at) = rest.find('`') {
        out.push_str(&rest[..at]);
        let length = run(&rest[at..]);
        let mut end = at + length;
        let closed = loop {
            let Some(next) = rest[end..].find('`') else { break false };
            end += next;
            let other = run(&rest[end..]);
            end += other;
            if other == length {
                break true;
            }
        };
        rest = &rest[if closed { end } else { at + length }..];
    }
    out + rest
}

#[test]
fn a_summary_too_long_for_github_ends_with_what_is_left_out() {
    let mut events = vec![made::started(&TARGETS)];
    for number in 0..4_000 {
        let mut cell = made::cell("c", &format!("case_{number}"), TARGETS[0], Verdict::Differs);
        let value = format!("{number} {}", "x".repeat(390));
        cell.differences = vec![made::difference("stdout", 1, &value, &value.replace('x', "y"))];
        events.push(Event::Cell(cell));
    }
    let text = report("markdown", &events);
    assert!(text.len() <= SUMMARY_BYTES_MAX && text.len() > SUMMARY_BYTES_MAX / 2, "{}", text.len());
    let shown = text.matches("#### ").count();
    assert!(
        text.contains(&format!("No room here for {} findings more", 4_000 - shown)),
        "{}",
        &text[text.len() - 300..]
    );
}

#[test]
fn there_are_at_most_ten_annotations_at_the_lines_of_failing_assertions() {
    let text = report("github", &made::whole());
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 10, "{text}");
    assert!(lines.iter().all(|line| line.starts_with("::error ")), "{text}");
    assert!(
        lines[0].starts_with("::error file=net.c,line=3,col=10,title=c does not build for wasm32-wasip1::"),
        "{}",
        lines[0]
    );
    assert!(
        lines[1].starts_with("::error file=src/lib.rs,line=10,col=9,title=cross-fail%3A unit%3A%3A"),
        "{}",
        lines[1]
    );
    assert!(lines[9].starts_with("::error title=3 more findings::11 findings"), "{}", lines[9]);
}

#[test]
fn places_are_those_of_the_repository_and_the_summary_goes_where_github_wants_it() {
    let repository = tempfile::tempdir().unwrap();
    let project = repository.path().join("cross");
    std::fs::create_dir_all(repository.path().join(".git")).unwrap();
    std::fs::create_dir_all(&project).unwrap();
    std::fs::write(project.join("triplecheck.toml"), "").unwrap();
    made::record(&project.join("target/triplecheck/runs/run"), &made::whole());
    let summary = repository.path().join("summary.md");
    std::fs::write(&summary, "before\n").unwrap();
    let mut command = triplecheck();
    command
        .arg("-C")
        .arg(&project)
        .args(["report", "--format", "github"])
        .env("GITHUB_STEP_SUMMARY", &summary);
    let run = ran(&mut command);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    // The suite's compiler ran in `rust` below the project; C's sources are named from the project.
    assert!(run.stdout.contains("::error file=cross/rust/src/lib.rs,line=10,"), "{}", run.stdout);
    assert!(run.stdout.contains("::error file=cross/net.c,line=3,"), "{}", run.stdout);
    let text = std::fs::read_to_string(&summary).unwrap();
    assert_eq!(text, format!("before\n{}", report_of(&project, "markdown")));
    let quality: Value = serde_json::from_str(&report_of(&project, "gitlab")).unwrap();
    let paths: Vec<&str> =
        quality.as_array().unwrap().iter().filter_map(|entry| entry["location"]["path"].as_str()).collect();
    assert!(
        paths.contains(&"cross/rust/src/lib.rs") && paths.contains(&"cross/triplecheck.toml"),
        "{paths:?}"
    );
}

#[test]
fn code_quality_entries_are_told_apart_and_found_again() {
    let read = |text: &str| -> Vec<Value> { serde_json::from_str(text).unwrap() };
    let entries = read(&report("gitlab", &made::whole()));
    let fingerprints: std::collections::BTreeSet<&str> =
        entries.iter().filter_map(|entry| entry["fingerprint"].as_str()).collect();
    // One build failure, and twelve cells with a finding.
    assert_eq!((entries.len(), fingerprints.len()), (13, 13));
    for entry in &entries {
        let severity = entry["severity"].as_str().unwrap();
        assert!(["info", "minor", "major", "critical", "blocker"].contains(&severity), "{entry}");
        assert!(entry["description"].is_string() && entry["check_name"].is_string(), "{entry}");
        assert!(entry["location"]["path"].is_string(), "{entry}");
        assert!(entry["location"]["lines"]["begin"].as_u64() >= Some(1), "{entry}");
    }
    // Other values, other times and another thread: the same finding.
    let mut again = made::whole();
    for event in &mut again {
        if let Event::Cell(cell) = event {
            cell.duration_ms += 7;
            for difference in &mut cell.differences {
                difference.target = difference.target.replace("1920", "77").replace("2147483647", "0");
            }
        }
    }
    let again = read(&report("gitlab", &again));
    let same = |left: &Value, right: &Value| left["fingerprint"] == right["fingerprint"];
    assert!(entries.iter().zip(&again).all(|(left, right)| same(left, right)));
}
