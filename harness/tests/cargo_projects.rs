//! `run` in a cargo workspace without any manifest of ours: what is typed as for `cargo test` means the same, and every
//! kind of test that cargo knows gets a verdict or a reason.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use support::{Ran, ran, runs, triplecheck};

const S390X: &str = "s390x-unknown-linux-gnu";

/// Two packages: one with all kinds of targets, one procedural macro.
const FILES: &[(&str, &str)] = &[
    ("Cargo.toml", "[workspace]\nmembers = [\"tool\", \"macros\"]\nresolver = \"2\"\n"),
    (
        "tool/Cargo.toml",
        "[package]\nname = \"tool\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[features]\nextra = []\n[[test]]\nname = \"own_main\"\nharness = false\n",
    ),
    (
        "tool/src/lib.rs",
        "/// ```\n/// assert_eq!(tool::two(), 2);\n/// ```\n/// ```\n/// assert_eq!(1u16.to_ne_bytes(), [1, 0]);\n/// ```\n\
         pub fn two() -> u8 {\n2\n}\n#[cfg(test)]\nmod tests {\n\
         #[test]\nfn adds() {}\n\
         #[test]\n#[ignore]\nfn slow() {}\n\
         #[test]\n#[should_panic]\nfn panics() {\npanic!()\n}\n\
         #[cfg(feature = \"extra\")]\n#[test]\nfn extra() {}\n\
         #[cfg(target_endian = \"little\")]\n#[test]\nfn little() {}\n}\n",
    ),
    (
        "tool/src/main.rs",
        "fn main() {\nprintln!(\"hello\");\nstd::process::exit(3)\n}\n#[test]\nfn in_program() {}\n",
    ),
    (
        "tool/tests/starts.rs",
        "use std::process::Command;\n\
         #[test]\nfn its_program() {\nlet output = Command::new(env!(\"CARGO_BIN_EXE_tool\")).output().unwrap();\n\
         assert_eq!((output.status.code(), &output.stdout[..]), (Some(3), &b\"hello\\n\"[..]));\n}\n\
         #[test]\nfn itself() {\nlet me = std::env::current_exe().unwrap();\n\
         assert!(Command::new(me).arg(\"--list\").output().unwrap().status.success());\n}\n\
         #[test]\nfn reads_a_fixture() {\nassert_eq!(std::fs::read_to_string(\"fixture\").unwrap(), \"42\");\n}\n",
    ),
    ("tool/tests/own_main.rs", "fn main() {\nprintln!(\"my own harness\");\n}\n"),
    ("tool/examples/example.rs", "fn main() {}\n#[test]\nfn in_example() {}\n"),
    ("tool/fixture", "42"),
    (
        "macros/Cargo.toml",
        "[package]\nname = \"macros\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[lib]\nproc-macro = true\n",
    ),
    (
        "macros/src/lib.rs",
        "#[proc_macro]\npub fn same(tokens: proc_macro::TokenStream) -> proc_macro::TokenStream {\ntokens\n}\n#[test]\nfn unit() {}\n",
    ),
];

fn project() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    support::write(dir.path(), FILES);
    dir
}

fn run(dir: &Path, words: &[&str]) -> (Ran, BTreeMap<String, String>) {
    let run = ran(triplecheck().arg("-C").arg(dir).args(["run", "--json", "-t", S390X]).args(words));
    let mut verdicts = BTreeMap::new();
    if let Ok(report) = serde_json::from_str::<serde_json::Value>(&run.stdout) {
        let listed = ["cells", "not_run"].iter().flat_map(|key| report[key].as_array().into_iter().flatten());
        for entry in listed {
            let word = |key: &str| entry[key].as_str().unwrap().to_owned();
            verdicts.insert(word("case"), word("verdict"));
        }
    }
    (run, verdicts)
}

#[track_caller]
fn check(dir: &Path, words: &[&str], expected: &[(&str, &str)]) {
    let (run, verdicts) = run(dir, words);
    let expected =
        expected.iter().map(|(case, verdict)| ((*case).to_owned(), (*verdict).to_owned())).collect();
    assert_eq!(verdicts, expected, "{words:?}: {}", run.stderr);
    assert_eq!(run.code, Some(0), "{words:?}: {}", run.stderr);
}

#[test]
fn every_kind_of_test_gets_a_verdict_or_a_reason() {
    if !runs(S390X) {
        return;
    }
    let dir = project();
    check(
        dir.path(),
        &["--all-targets"],
        &[
            ("macros", "not-run"),
            ("tool::example::in_example", "same"),
            ("tool::own_main", "same"),
            ("tool::starts::its_program", "same"),
            ("tool::starts::itself", "same"),
            ("tool::starts::reads_a_fixture", "same"),
            ("tool::tests::adds", "same"),
            ("tool::tests::little", "missing"),
            ("tool::tests::panics", "same"),
            ("tool::tests::slow", "same"),
            ("tool::tool::in_program", "same"),
        ],
    );
}

#[test]
fn what_cargo_test_takes_means_the_same() {
    if !runs(S390X) {
        return;
    }
    let dir = project();
    let (adds, little) = (("tests::adds", "same"), ("tests::little", "missing"));
    let (panics, slow) = (("tests::panics", "same"), ("tests::slow", "same"));
    check(
        dir.path(),
        &["-p", "tool", "--lib", "--features", "extra"],
        &[adds, ("tests::extra", "same"), little, panics, slow],
    );
    check(dir.path(), &["-p", "tool", "--lib", "adds", "pan"], &[adds, panics]);
    check(dir.path(), &["-p", "tool", "--lib", "--", "--skip", "adds", "--skip", "little"], &[panics, slow]);
    check(dir.path(), &["-p", "tool", "--test", "starts", "itself"], &[("starts::itself", "same")]);
    check(
        dir.path(),
        &["--workspace", "--exclude", "macros", "--bin", "tool"],
        &[("tool::in_program", "same")],
    );
    let (run, _) = run(dir.path(), &["-p", "nobody"]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stdout.contains("nobody"), "{}", run.stdout);
}

#[test]
fn documentation_tests_are_compared_one_by_one() {
    if !runs(S390X) {
        return;
    }
    let dir = project();
    let (run, verdicts) = run(dir.path(), &["-p", "tool", "--doc"]);
    let expected = [
        ("doc::tool/src/lib.rs - two (line 1)", "same"),
        ("doc::tool/src/lib.rs - two (line 4)", "cross-fail"),
    ];
    let expected = expected.map(|(case, verdict)| (case.to_owned(), verdict.to_owned()));
    assert_eq!(verdicts, BTreeMap::from(expected), "{}", run.stderr);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    check(dir.path(), &["-p", "tool", "--doc", "1)"], &[("doc::tool/src/lib.rs - two (line 1)", "same")]);
}

#[test]
fn a_target_that_does_not_build_does_not_keep_the_others() {
    const I686: &str = "i686-unknown-linux-gnu";
    if !runs(S390X) || !runs(I686) {
        return;
    }
    for words in [&["--tests"][..], &["--lib", "--bins"]] {
        let dir = project();
        let program = dir.path().join("tool/src/main.rs");
        let text = std::fs::read_to_string(&program).unwrap();
        std::fs::write(
            &program,
            text + "#[cfg(target_endian = \"big\")]\ncompile_error!(\"no big endian\");\n",
        )
        .unwrap();
        let run =
            ran(triplecheck().arg("-C").arg(dir.path()).args(["run", "-t", S390X, "-t", I686]).args(words));
        assert!(run.stdout.contains("does not build  test for s390x-unknown-linux-gnu\n"), "{}", run.stdout);
        assert_eq!(run.stdout.matches("no big endian").count(), 2, "its line and its text: {}", run.stdout);
        let row = |name: &str| run.stdout.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        assert!(row("tool::tool::in_program").contains('='), "{words:?}: {}", run.stdout);
        assert!(row("tool::tests::adds").contains('='), "{words:?}: {}", run.stdout);
    }
}
