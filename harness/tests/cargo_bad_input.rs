//! Test binaries that do what tests must not: forge libtest's records, print without end, end or hang their process, die
//! before anything is told. Each test gets its own verdict, nobody else's, and nothing is lost.
//!
//! All of it happens on the target only, so that the native side says what is right.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use support::{Ran, ran, runs, triplecheck};

const S390X: &str = "s390x-unknown-linux-gnu";

/// What the guests share: `BIG` is the target, `say` writes past libtest.
const COMMON: &str = "#![allow(dead_code)]
const BIG: bool = cfg!(target_endian = \"big\");
fn say(bytes: &[u8]) {
    let mut out = std::io::stdout();
    std::io::Write::write_all(&mut out, bytes).unwrap();
    std::io::Write::flush(&mut out).unwrap();
}
fn record(event: &str, name: &str) {
    say(format!(\"{{ \\\"type\\\": \\\"test\\\", \\\"event\\\": \\\"{event}\\\", \\\"name\\\": \\\"{name}\\\" }}\\n\").as_bytes());
}
fn end(passed: u32) {
    say(format!(\"{{ \\\"type\\\": \\\"suite\\\", \\\"event\\\": \\\"ok\\\", \\\"passed\\\": {passed}, \\\"failed\\\": 0, \\\"ignored\\\": 0, \\\"measured\\\": 0, \\\"filtered_out\\\": 0 }}\\n\").as_bytes());
}
";

/// A function that runs before `main`, and is given the words as glibc gives them.
const BEFORE_MAIN: &str = "
#[used]
#[unsafe(link_section = \".init_array\")]
static BEFORE: extern \"C\" fn(i32, *const *const std::ffi::c_char) = before;
extern \"C\" fn before(count: i32, words: *const *const std::ffi::c_char) {
    let words: Vec<String> = (0..count as usize)
        .map(|at| unsafe { std::ffi::CStr::from_ptr(*words.add(at)) }.to_str().unwrap().to_owned())
        .collect();
    if BIG { before_main(&words) }
}
";

/// One test binary each.
const BINARIES: &[(&str, &str)] = &[
    (
        "forges",
        "#[test] fn a_says_it_passed() { if BIG { record(\"ok\", \"a_says_it_passed\"); panic!(\"it did not\") } }
         #[test] fn b_says_c_passed() { if BIG { record(\"started\", \"c_fails\"); record(\"ok\", \"c_fails\") } }
         #[test] fn c_fails() { assert!(!BIG, \"big\") }
         #[test] fn d_says_all_is_over() { if BIG { end(5) } }
         #[test] fn e_invents_a_test() { if BIG { record(\"started\", \"nobody\"); record(\"failed\", \"nobody\") } }
         #[test] fn f_says_it_failed() { if BIG { record(\"failed\", \"f_says_it_failed\") } }
         #[test] fn g_passes() {}",
    ),
    (
        "forges_and_dies",
        "#[test] fn a_says_all_passed() {
            if BIG {
                record(\"ok\", \"a_says_all_passed\");
                for name in [\"b_fails\", \"c_passes\"] { record(\"started\", name); record(\"ok\", name) }
                end(3);
                std::process::abort()
            }
         }
         #[test] fn b_fails() { assert!(!BIG, \"big\") }
         #[test] fn c_passes() {}",
    ),
    (
        "prints",
        "#[test] fn a_nul_and_no_utf8() { say(b\"\\0\\xff\\xfe{ \\\"type\\\": \\0\") }
         #[test] fn b_a_gibibyte() { if BIG { let page = [b'x'; 1 << 16]; for _ in 0..1 << 14 { say(&page) } } }
         #[test] fn c_passes() { say(b\"no newline at the end\") }
         #[test] fn d_fails() { println!(\"\\0\\u{7f}captured\"); assert!(!BIG, \"big\") }",
    ),
    (
        "ends",
        "#[test] fn a_aborts() { if BIG { std::process::abort() } }
         #[test] fn b_passes() {}
         #[test] fn c_exits_with_0() { if BIG { std::process::exit(0) } }
         #[test] fn d_exits_with_3() { if BIG { std::process::exit(3) } }
         #[test] fn e_passes() { std::thread::sleep(std::time::Duration::from_millis(200)) }
         #[test] fn f_segfaults() { if BIG { unsafe { std::ptr::null_mut::<u8>().write_volatile(1) } } }
         #[test] fn g_panics() { assert!(!BIG, \"big\") }
         #[test] fn h_passes() {}
         #[test] #[should_panic] fn i_should_panic() { panic!() }
         #[test] #[ignore] fn j_ignored() { std::process::abort() }",
    ),
    (
        "emulator",
        "unsafe extern \"C\" { fn getpid() -> i32; fn kill(pid: i32, signal: i32) -> i32; }
         #[test] fn a_passes() {}
         #[test] fn b_is_killed_once() {
            if BIG && std::fs::File::create_new(\"killed-once\").is_ok() { unsafe { kill(getpid(), 9); } }
         }
         #[test] fn c_passes() {}",
    ),
    (
        "company",
        "use std::sync::atomic::{AtomicBool, Ordering};
         static SET: AtomicBool = AtomicBool::new(false);
         #[test] fn a_sets() { SET.store(true, Ordering::SeqCst) }
         #[test] fn b_fails_after_a() { std::thread::sleep(std::time::Duration::from_millis(300)); assert!(!(BIG && SET.load(Ordering::SeqCst))) }",
    ),
    (
        "leaves",
        "unsafe extern \"C\" { fn close(fd: i32) -> i32; }
         #[test] fn a_forks_a_daemon() { std::process::Command::new(\"sleep\").arg(\"3600\").spawn().unwrap(); }
         #[test] fn b_passes() {}
         #[test] fn c_closes_stdout() { if BIG { unsafe { close(1); } } }
         #[test] fn d_passes() {}",
    ),
    (
        "at_its_end",
        "extern \"C\" fn crash() { std::process::abort() }
         unsafe extern \"C\" { fn atexit(function: extern \"C\" fn()) -> i32; }
         #[test] fn a_leaves_a_bomb() { if BIG { unsafe { atexit(crash); } } }
         #[test] fn b_passes() {}",
    ),
    (
        "always_at_its_end",
        "extern \"C\" fn crash() { std::process::abort() }
         unsafe extern \"C\" { fn atexit(function: extern \"C\" fn()) -> i32; }
         fn before_main(words: &[String]) { if words.iter().all(|word| word != \"--list\") { unsafe { atexit(crash); } } }
         #[test] fn a_passes() {}
         #[test] fn b_passes() {}
         #[test] #[ignore] fn c_ignored() {}",
    ),
    ("aborts_first", "#[test] fn a() {}\nfn before_main(_: &[String]) { std::process::abort() }"),
    ("exits_first", "#[test] fn a() {}\nfn before_main(_: &[String]) { unsafe extern \"C\" { fn _exit(status: i32) -> !; } unsafe { _exit(0) } }"),
    (
        "knows_no_json",
        "fn before_main(words: &[String]) {
            if words.iter().any(|word| word == \"--format\") { eprintln!(\"error: Unrecognized option: 'format'\"); std::process::exit(101) }
         }
         #[test] fn a_passes() {}
         #[test] fn b_fails() { assert!(!BIG, \"big\") }
         #[test] fn c_aborts() { if BIG { std::process::abort() } }
         #[test] fn d_passes() {}
         #[test] #[ignore] fn e_ignored() {}",
    ),
    (
        "loses",
        "fn before_main(words: &[String]) {
            if words.iter().all(|word| word != \"--list\") {
                say(b\"{ \\\"type\\\": \\\"suite\\\", \\\"event\\\": \\\"started\\\", \\\"test_count\\\": 1 }\\n\");
                end(0);
                std::process::exit(0)
            }
         }
         #[test] fn a() {}",
    ),
    ("not_compiled", "#![cfg(target_endian = \"little\")]\n#[test] fn a() {}"),
    (
        "sides",
        "#[cfg(target_endian = \"little\")] #[test] fn little() {}
         #[cfg(target_endian = \"big\")] #[test] fn big() {}
         #[cfg_attr(target_endian = \"big\", ignore = \"no big endian\")] #[test] fn ignored_on_big() {}
         #[cfg_attr(target_endian = \"little\", ignore)] #[test] fn ignored_on_little() {}
         #[test] fn both() {}",
    ),
    (
        "hangs",
        "unsafe extern \"C\" { fn signal(number: i32, handler: usize) -> usize; }
         #[test] fn a_passes() {}
         #[test] fn b_hangs_and_ignores_sigterm() {
            if BIG { unsafe { signal(15, 1); } loop { std::thread::sleep(std::time::Duration::from_secs(60)) } }
         }
         #[test] fn c_passes() {}",
    ),
];

/// A project of some of these binaries.
fn project(names: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let manifest =
        "[package]\nname = \"bad\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[lib]\ntest = false\n";
    support::write(dir.path(), &[("Cargo.toml", manifest), ("src/lib.rs", "")]);
    for name in names {
        let (_, text) = BINARIES.iter().find(|(binary, _)| binary == name).unwrap();
        let (attribute, text) = match text.split_once('\n') {
            Some((first, rest)) if first.starts_with("#!") => (first, rest),
            _ => ("", *text),
        };
        let before = if text.contains("fn before_main") { BEFORE_MAIN } else { "" };
        let text = format!("{attribute}\n{COMMON}{before}{text}\n");
        support::write(dir.path(), &[(&format!("tests/{name}.rs"), &text)]);
    }
    dir
}

/// Verdict and everything that is said of every case.
struct Report {
    ran: Ran,
    cells: BTreeMap<String, (String, String)>,
}

fn run(dir: &Path, words: &[&str]) -> Report {
    let ran = ran(triplecheck().arg("-C").arg(dir).args(["run", "--json", "-t", S390X]).args(words));
    let mut cells = BTreeMap::new();
    let report: serde_json::Value =
        serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}", ran.stderr));
    for entry in report["cells"].as_array().into_iter().chain(report["not_run"].as_array()).flatten() {
        let word = |key: &str| entry[key].as_str().unwrap().to_owned();
        cells.insert(word("case"), (word("verdict"), entry.to_string()));
    }
    for finding in report["findings"].as_array().into_iter().flatten() {
        for cell in finding["cells"].as_array().into_iter().flatten() {
            let case = cell.as_str().unwrap().trim_start_matches("test::").split(" on ").next().unwrap();
            cells.get_mut(case).unwrap().1.push_str(&finding.to_string());
        }
    }
    Report { ran, cells }
}

impl Report {
    /// Exactly these cases, with these verdicts, in each of which these words stand.
    #[track_caller]
    fn check(&self, expected: &[(&str, &str, &str)]) {
        let verdicts: BTreeMap<&str, &str> =
            self.cells.iter().map(|(case, (verdict, _))| (case.as_str(), verdict.as_str())).collect();
        let wanted: BTreeMap<&str, &str> =
            expected.iter().map(|(case, verdict, _)| (*case, *verdict)).collect();
        assert_eq!(verdicts, wanted, "{}\n{}", self.ran.stdout, self.ran.stderr);
        for (case, _, words) in expected {
            let told = &self.cells[*case].1;
            assert!(told.contains(words), "{case}: no `{words}` in {told}");
        }
    }
}

#[test]
fn no_verdict_is_forged() {
    if !runs(S390X) {
        return;
    }
    let dir = project(&["forges", "forges_and_dies"]);
    for words in [&[][..], &["--", "--test-threads=1"], &["--", "--nocapture"]] {
        let report = run(dir.path(), words);
        report.check(&[
            ("forges::a_says_it_passed", "cross-fail", "it did not"),
            ("forges::b_says_c_passed", "same", ""),
            ("forges::c_fails", "cross-fail", "big"),
            ("forges::d_says_all_is_over", "same", ""),
            ("forges::e_invents_a_test", "same", ""),
            ("forges::f_says_it_failed", "same", ""),
            ("forges::g_passes", "same", ""),
            ("forges_and_dies::a_says_all_passed", "cross-fail", "killed by SIGABRT"),
            ("forges_and_dies::b_fails", "cross-fail", "big"),
            ("forges_and_dies::c_passes", "same", ""),
        ]);
    }
}

#[test]
fn whatever_a_test_prints_the_others_keep_their_verdicts() {
    if !runs(S390X) {
        return;
    }
    run(project(&["prints"]).path(), &[]).check(&[
        ("prints::a_nul_and_no_utf8", "same", ""),
        ("prints::b_a_gibibyte", "cross-fail", "bytes of output"),
        ("prints::c_passes", "same", ""),
        ("prints::d_fails", "cross-fail", "captured"),
    ]);
}

#[test]
fn whoever_ends_the_process_is_named_and_the_rest_goes_on() {
    if !runs(S390X) {
        return;
    }
    let dir = project(&["ends", "at_its_end", "always_at_its_end"]);
    for words in [&[][..], &["--", "--test-threads=1"]] {
        run(dir.path(), words).check(&[
            ("ends::a_aborts", "cross-fail", "killed by SIGABRT"),
            ("ends::b_passes", "same", ""),
            ("ends::c_exits_with_0", "cross-fail", "status 0 and no word of the test"),
            ("ends::d_exits_with_3", "cross-fail", "exit status 3"),
            ("ends::e_passes", "same", ""),
            ("ends::f_segfaults", "cross-fail", "killed by SIGSEGV"),
            ("ends::g_panics", "cross-fail", "big"),
            ("ends::h_passes", "same", ""),
            ("ends::i_should_panic", "same", ""),
            ("ends::j_ignored", "same", ""),
            (
                "at_its_end::a_leaves_a_bomb",
                "cross-fail",
                "it passed, and then the process ended: killed by SIGABRT",
            ),
            ("at_its_end::b_passes", "same", ""),
            ("always_at_its_end::(process)", "cross-fail", "every test came to its end"),
            ("always_at_its_end::a_passes", "same", ""),
            ("always_at_its_end::b_passes", "same", ""),
            ("always_at_its_end::c_ignored", "same", ""),
        ]);
    }
}

#[test]
fn what_happens_only_in_company_blames_nobody_alone() {
    if !runs(S390X) {
        return;
    }
    run(project(&["emulator", "company"]).path(), &["--", "--test-threads=1"]).check(&[
        ("emulator::(process)", "flaky", "while `b_is_killed_once` ran"),
        ("emulator::a_passes", "same", ""),
        ("emulator::b_is_killed_once", "same", ""),
        ("emulator::c_passes", "same", ""),
        ("company::a_sets", "same", ""),
        ("company::b_fails_after_a", "flaky", "fails only in company"),
    ]);
}

#[test]
fn of_very_many_failures_those_that_were_not_run_alone_say_so() {
    if !runs(S390X) {
        return;
    }
    let dir = project(&[]);
    let tests: String = (10..62)
        .map(|number| format!("#[test] fn t{number}() {{ assert!(!BIG, \"big {number}\") }}\n"))
        .collect();
    support::write(dir.path(), &[("tests/many.rs", &format!("{COMMON}{tests}"))]);
    let report = run(dir.path(), &[]);
    assert!(report.cells.values().all(|(verdict, _)| verdict == "cross-fail"), "{}", report.ran.stdout);
    let runs = std::fs::read_dir(dir.path().join("target/triplecheck/runs")).unwrap();
    let events = runs.flatten().next().unwrap().path().join("events.jsonl");
    let events = std::fs::read_to_string(events).unwrap();
    let unconfirmed = events.lines().filter(|line| line.contains("too many tests of this binary failed"));
    assert_eq!((report.cells.len(), unconfirmed.count()), (52, 2));
}

#[test]
fn tests_that_get_a_process_of_their_own_have_no_company() {
    if !runs(S390X) {
        return;
    }
    let dir = project(&["company"]);
    for isolated in ["isolated = \"company::b_*\"", "isolation = \"process\""] {
        let manifest = format!("[[suite]]\nname = \"test\"\nkind = \"cargo-test\"\n{isolated}\n");
        support::write(dir.path(), &[("triplecheck.toml", &manifest)]);
        let report = run(dir.path(), &["--no-cache", "--", "--test-threads=1"]);
        report.check(&[("company::a_sets", "same", ""), ("company::b_fails_after_a", "same", "")]);
    }
}

#[test]
fn a_test_with_a_main_of_its_own_fails_by_its_status() {
    if !runs(S390X) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let manifest = "[package]\nname = \"own\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
        [[test]]\nname = \"everywhere\"\nharness = false\n[[test]]\nname = \"on_big\"\nharness = false\n";
    let imitates = "fn main() {\nprintln!(\"\\nrunning 2 tests\\ntest a ... ok\\ntest b ... ok\\n\\ntest result: ok. 2 passed; 0 failed; 0 ignored\");\n}\n";
    support::write(
        dir.path(),
        &[
            ("Cargo.toml", &format!("{manifest}[[test]]\nname = \"imitates\"\nharness = false\n")),
            ("src/lib.rs", ""),
            ("tests/everywhere.rs", "fn main() { std::process::exit(1) }"),
            ("tests/on_big.rs", "fn main() { assert!(!cfg!(target_endian = \"big\")) }"),
            ("tests/imitates.rs", imitates),
        ],
    );
    run(dir.path(), &[]).check(&[
        ("everywhere", "fails-natively", "natively exit status 1"),
        ("on_big", "cross-fail", ""),
        ("imitates::a", "same", ""),
        ("imitates::b", "same", ""),
    ]);
}

#[test]
fn a_daemon_that_keeps_the_output_open_keeps_nobody_waiting() {
    if !runs(S390X) {
        return;
    }
    run(project(&["leaves"]).path(), &["--", "--test-threads=1"]).check(&[
        ("leaves::a_forks_a_daemon", "same", ""),
        ("leaves::b_passes", "same", ""),
        ("leaves::c_closes_stdout", "cross-fail", "or closed its standard output"),
        ("leaves::d_passes", "same", ""),
    ]);
}

#[test]
fn a_binary_that_says_nothing_or_less_than_it_has_is_never_green() {
    if !runs(S390X) {
        return;
    }
    let dir = project(&["aborts_first", "exits_first", "loses", "not_compiled", "sides"]);
    let report = run(dir.path(), &[]);
    report.check(&[
        ("aborts_first::(all tests)", "cross-fail", "killed by SIGABRT, and no word of any test"),
        ("exits_first::(all tests)", "cross-fail", "exit status 0, and no word of any test"),
        ("loses::a", "cross-fail", "lost: the binary has this test"),
        ("not_compiled::a", "missing", "no test of this binary is compiled for this target"),
        ("sides::big", "extra", "not compiled natively"),
        ("sides::both", "same", ""),
        ("sides::ignored_on_big", "not-run", "ignored on this target: no big endian"),
        ("sides::ignored_on_little", "extra", ""),
        ("sides::little", "missing", "not compiled for this target: the binary does not list it"),
    ]);
    assert_eq!(report.ran.code, Some(1), "what is lost is a finding");
    let report = run(dir.path(), &["--test", "sides"]);
    assert_eq!(report.ran.code, Some(0), "what is not compiled is none: {}", report.ran.stdout);
    let report = run(dir.path(), &["--test", "not_compiled"]);
    assert_eq!(report.ran.code, Some(69), "a target without any test has passed none: {}", report.ran.stdout);
}

#[test]
fn a_libtest_that_knows_no_json_is_read_as_text() {
    if !runs(S390X) {
        return;
    }
    run(project(&["knows_no_json"]).path(), &[]).check(&[
        ("knows_no_json::a_passes", "same", ""),
        ("knows_no_json::b_fails", "cross-fail", "big"),
        ("knows_no_json::c_aborts", "cross-fail", "killed by SIGABRT"),
        ("knows_no_json::d_passes", "same", ""),
        ("knows_no_json::e_ignored", "same", ""),
    ]);
}

#[test]
fn a_hang_is_ended_at_the_deadline_and_named() {
    if !runs(S390X) {
        return;
    }
    run(project(&["hangs"]).path(), &["--timeout", "15s"]).check(&[
        ("hangs::a_passes", "same", ""),
        ("hangs::b_hangs_and_ignores_sigterm", "timeout", "no end within 15000 ms"),
        ("hangs::c_passes", "same", ""),
    ]);
}
