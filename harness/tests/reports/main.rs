//! Reports: every format from the same recorded events, and what becomes of events that are damaged.

#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]
#![expect(clippy::disallowed_methods, reason = "tests start the tools that read what we write")]
#![expect(clippy::print_stdout, reason = "a skip is said aloud")]

#[path = "../support/mod.rs"]
mod support;

mod browser;
mod damaged;
mod forges;
mod jobs;
mod junit;
mod made;
mod page;
mod schema;
mod shells;
mod shows;

use std::path::Path;
use std::process::{Command, Stdio};

use support::{ran, triplecheck};
use triplecheck::events::Event;

/// The report of these events in this format, by the command.
#[track_caller]
fn report(format: &str, events: &[Event]) -> String {
    let dir = tempfile::tempdir().unwrap();
    made::record(&dir.path().join("run"), events);
    report_of(dir.path(), format)
}

/// The report of the run `run` in `dir`.
#[track_caller]
fn report_of(dir: &Path, format: &str) -> String {
    let run = ran(triplecheck().arg("-C").arg(dir).args(["report", "--format", format, "run"]));
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{}", run.stdout);
    run.stdout
}

/// Whether a tool of the system is there. Where it is not the test is skipped aloud, or fails if `TRIPLECHECK_REQUIRE`
/// names the tool.
fn is_there(tool: &str) -> bool {
    let found = Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_ok_and(|status| status.success()) {
        return true;
    }
    assert!(!support::is_required(tool), "{tool} is required and not there");
    println!("skipped: there is no {tool}");
    false
}

#[test]
fn the_same_events_give_the_same_report_and_the_order_of_decisions_counts_for_nothing_in_junit() {
    let events = made::whole();
    let mut other_order = events.clone();
    let end = other_order.len() - 1;
    other_order[1..end].reverse();
    for format in ["text", "json", "junit", "html", "markdown", "github", "gitlab"] {
        assert_eq!(report(format, &events), report(format, &events), "{format}");
    }
    for format in ["junit", "gitlab"] {
        assert_eq!(report(format, &events), report(format, &other_order), "{format}");
    }
}

#[test]
fn what_was_asked_after_a_run_and_what_its_expectations_lack_is_in_every_format() {
    let parts = [
        "`powerpc64-unknown-linux-gnu` would tell; `--discriminate` runs it there",
        "`qemu-user@max` shows the same: it is the program",
        "the expectation of `c::oder` on `s390x*` meets no cell of this run",
        "of 20 runs",
    ];
    for format in ["text", "junit", "html", "markdown", "github", "gitlab"] {
        let text = report(format, &made::with_opinions());
        for part in parts {
            assert!(text.contains(part), "`{part}` is not in the format {format}:\n{text}");
        }
    }
    let json: serde_json::Value = serde_json::from_str(&report("json", &made::with_opinions())).unwrap();
    let findings = json["findings"].as_array().unwrap();
    let order = findings.iter().find(|finding| finding["case"] == "unit::tests::order").unwrap();
    assert_eq!(order["decide"]["target"], "powerpc64-unknown-linux-gnu");
    assert_eq!(
        (&order["confirmed"]["agrees"], &json["unmatched"][0]["test"]),
        (&1.into(), &"c::oder".into())
    );
    let stress = json["cells"].as_array().unwrap().iter().find(|cell| cell["case"] == "stress").unwrap();
    assert_eq!(stress["repeated"]["runs"], 20);
}

#[test]
fn a_run_writes_its_reports_itself_and_an_unknown_format_is_refused_before_anything_runs() {
    const TARGET: &str = "i686-unknown-linux-gnu";
    if !support::runs(TARGET) {
        return;
    }
    let project = tempfile::tempdir().unwrap();
    let manifest =
        format!("targets = [\"{TARGET}\"]\n[[suite]]\nname = \"c\"\nkind = \"c\"\nsources = \"*.c\"\n");
    let width =
        "#include <stdio.h>\nint main(void) { printf(\"long %d\\n\", (int)sizeof(long)); return 0; }\n";
    support::write(project.path(), &[("triplecheck.toml", &manifest), ("width.c", width)]);
    let run_with = |reports: &[&str]| {
        let words = reports.iter().flat_map(|report| ["--report", report]);
        ran(triplecheck().arg("-C").arg(project.path()).arg("run").args(words))
    };
    for wrong in ["word=report.doc", "junit", "html="] {
        let run = run_with(&[wrong]);
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{}", run.stderr);
        assert!(run.stderr.contains(wrong) || run.stderr.contains("junit=report.xml"), "{}", run.stderr);
    }
    assert!(!project.path().join("target").exists());
    let run = run_with(&["junit=a.xml", "json=a.json", "gitlab=-"]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stdout.contains("differs  c::width") && run.stdout.contains("\"check_name\": \"differs\""));
    let text = |name: &str| std::fs::read_to_string(project.path().join(name)).unwrap();
    let last = ran(triplecheck().arg("-C").arg(project.path()).args(["report", "-f", "junit"]));
    assert_eq!((last.code, last.stdout), (Some(0), text("a.xml")));
    let json: serde_json::Value = serde_json::from_str(&text("a.json")).unwrap();
    assert_eq!((json["stage"].as_str(), json["exit"].as_u64()), (Some("ended"), Some(1)));
}
