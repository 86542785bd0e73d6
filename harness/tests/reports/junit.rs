//! JUnit: valid by the grammar that its strictest readers have in common, and true.

use std::process::Command;

use crate::made::{self, HOSTILE};
use crate::{is_there, report};
use quick_junit::{FlakyOrRerun, NonSuccessKind, Report, TestCase, TestCaseStatus};

#[track_caller]
fn read(xml: &str) -> Report {
    Report::deserialize_from_str(xml).unwrap_or_else(|error| panic!("{error}\n{xml}"))
}

fn case<'a>(report: &'a Report, suite: &str, name: &str) -> &'a TestCase {
    let suite = report.test_suites.iter().find(|found| found.name.as_str() == suite).unwrap();
    suite.test_cases.iter().find(|case| case.name.as_str() == name).unwrap()
}

#[test]
fn it_is_valid_by_the_grammar_of_its_readers() {
    if !is_there("xmllint") {
        return;
    }
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reports/junit.xsd");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("report.xml");
    let valid = |text: &str| {
        std::fs::write(&path, text).unwrap();
        let output =
            Command::new("xmllint").args(["--noout", "--schema", schema]).arg(&path).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let whole = report("junit", &made::whole());
    let unfinished = report("junit", &made::whole()[..9]);
    let opinions = report("junit", &made::with_opinions());
    for text in [&whole, &unfinished, &opinions, &report("junit", &made::large(500))] {
        let (is_valid, said) = valid(text);
        assert!(is_valid, "{said}\n{text}");
    }
    // The grammar itself is one that can say no.
    for (from, to) in [
        ("<testsuites ", "<testsuites skipped=\"1\" "),
        (" type=\"differs\"", ""),
        ("tests::adds", "tests::subtracts"),
    ] {
        let broken = whole.replace(from, to);
        assert!(broken != whole && !valid(&broken).0, "{from}");
    }
}

#[test]
fn suites_are_told_apart_by_target_and_counted() {
    let report = read(&report("junit", &made::whole()));
    let names: Vec<&str> = report.test_suites.iter().map(|suite| suite.name.as_str()).collect();
    assert_eq!(
        names[..3],
        ["aarch64-unknown-linux-gnu::unit", "s390x-unknown-linux-gnu::unit", "x86_64-pc-windows-gnu::unit"]
    );
    let s390x = &report.test_suites[1];
    let property = |name: &str| {
        let found = s390x.properties.iter().find(|property| property.name.as_str() == name);
        found.map(|property| property.value.as_str())
    };
    assert_eq!(property("target"), Some("s390x-unknown-linux-gnu"));
    assert_eq!((property("emulator"), property("emulator-version")), (Some("qemu-user"), Some("7.2.22")));
    assert_eq!((property("slowdown"), property("verdict.cross-fail")), (Some("9.2"), Some("1")));
    assert_eq!((s390x.tests, s390x.failures, s390x.errors), (3, 1, 0));
    let windows =
        report.test_suites.iter().find(|suite| suite.name.as_str() == "x86_64-pc-windows-gnu::c").unwrap();
    let crlf = windows.properties.iter().find(|property| property.name.as_str() == "rule.crlf");
    assert_eq!(crlf.map(|property| property.value.as_str()), Some("3"));
}

#[test]
fn a_finding_is_a_failure_with_both_values_and_the_command_that_repeats_it() {
    let report = read(&report("junit", &made::whole()));
    let sat = case(&report, "s390x-unknown-linux-gnu::c", "sat");
    assert_eq!(sat.classname.as_deref(), Some("s390x-unknown-linux-gnu.c"));
    let TestCaseStatus::NonSuccess { kind, message, ty, description, .. } = &sat.status else {
        panic!("{sat:?}")
    };
    assert_eq!((*kind, ty.as_deref()), (NonSuccessKind::Failure, Some("differs")));
    assert_eq!(message.as_deref(), Some("a float out of range is converted to an integer otherwise"));
    let description = description.as_deref().unwrap();
    for part in [
        "stdout line 3\n  native  clamp = -2147483648, ok\n  target  clamp = 2147483647, ok\n  and 2 more\n",
        "repeat  triplecheck run c::sat -t s390x-unknown-linux-gnu",
    ] {
        assert!(description.contains(part), "{description}");
    }
    let order = case(&report, "s390x-unknown-linux-gnu::unit", "tests::order");
    let TestCaseStatus::NonSuccess { description, .. } = &order.status else { panic!("{order:?}") };
    // The number of the thread is another one in every run.
    assert!(description.as_deref().unwrap().contains("thread 'tests::order' panicked at src/lib.rs:10:9:"));
}

#[test]
fn every_verdict_has_its_place() {
    let report = read(&report("junit", &made::whole()));
    let of = |name: &str| &case(&report, "aarch64-unknown-linux-gnu::c", name).status;
    let kind = |name: &str| match of(name) {
        TestCaseStatus::NonSuccess { kind, .. } => Some(*kind),
        TestCaseStatus::Success { .. } | TestCaseStatus::Skipped { .. } => None,
    };
    for (name, expected) in [
        ("hangs", Some(NonSuccessKind::Failure)),
        ("native", Some(NonSuccessKind::Failure)),
        ("repaired", Some(NonSuccessKind::Failure)),
        ("old", Some(NonSuccessKind::Failure)),
        ("emulator", Some(NonSuccessKind::Error)),
        ("overflow", Some(NonSuccessKind::Error)),
        ("known", None),
    ] {
        assert_eq!(kind(name), expected, "{name}");
    }
    let TestCaseStatus::NonSuccess { description, .. } = of("emulator") else { panic!() };
    assert!(
        description.as_deref().unwrap().contains("known   QEMU 7.2 has no `io_uring`\nissue   tracker 42\n")
    );
    // What passes in the end is a success that tells of the try which failed, as Surefire has it.
    let TestCaseStatus::Success { flaky_runs } = of("sometimes") else { panic!() };
    assert!(flaky_runs[0].stack_trace.as_ref().unwrap().as_str().contains("killed by SIGSEGV"));
    // What failed more than once tells of the tries before.
    let TestCaseStatus::NonSuccess { reruns, .. } = of("tried") else { panic!() };
    assert_eq!((reruns.kind, reruns.runs.len()), (FlakyOrRerun::Rerun, 1));
    assert_eq!(reruns.runs[0].message.as_deref(), Some("status: exit status 0, killed by SIGBUS"));
    let all = &case(&report, "wasm32-wasip1::c", "(all)").status;
    let TestCaseStatus::Skipped { message, description, .. } = all else { panic!("{all:?}") };
    assert_eq!(message.as_deref(), Some("not-run: there is no `wasm32-wasip1` C library here"));
    assert_eq!(description.as_deref(), Some("try: triplecheck setup wasm32-wasip1"));
    let build = &case(&report, "wasm32-wasip1::c", "(build of net)").status;
    let TestCaseStatus::NonSuccess { kind, .. } = build else { panic!("{build:?}") };
    assert_eq!(*kind, NonSuccessKind::Error);
}

#[test]
fn what_a_guest_prints_is_text_and_what_xml_cannot_hold_is_left_out() {
    let report = read(&report("junit", &made::whole()));
    let suite = report.test_suites.iter().find(|suite| suite.name.as_str() == "wasm32-wasip1::c").unwrap();
    let hostile = suite.test_cases.iter().find(|case| case.name.as_str().contains("owned")).unwrap();
    let kept = HOSTILE
        .replace("\u{1b}[31m", "")
        .replace("\u{1b}[0m", "")
        .replace(['\u{0}', '\u{1}', '\u{fffe}'], "");
    assert_eq!(hostile.name.as_str(), kept);
}

#[test]
fn half_a_run_is_not_taken_for_a_whole_one() {
    let report = read(&report("junit", &made::whole()[..9]));
    assert_eq!((report.errors, report.failures), (1 + 1, 0), "the build failure, and that it is unfinished");
    let status = &case(&report, "triplecheck", "the run is whole").status;
    let TestCaseStatus::NonSuccess { message, .. } = status else { panic!("{status:?}") };
    assert!(message.as_deref().unwrap().contains("the run was killed"), "{message:?}");
}
