//! `run` in a cargo workspace without any manifest of ours: what is typed as for `cargo test` means the same, and every
//! kind of test that cargo knows gets a verdict or a reason.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use support::{Ran, ran, runs, triplecheck};

const S390X: &str = "s390x-unknown-linux-gnu";

/// Three packages: one with all kinds of targets, one procedural macro, one of the latest edition.
const FILES: &[(&str, &str)] = &[
    ("Cargo.toml", "[workspace]\nmembers = [\"tool\", \"macros\", \"later\"]\nresolver = \"2\"\n"),
    (
        "tool/Cargo.toml",
        "[package]\nname = \"tool\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[features]\nextra = []\n[[test]]\nname = \"own_main\"\nharness = false\n[[bench]]\nname = \"own_bench\"\nharness = false\n",
    ),
    (
        "tool/build.rs",
        "fn main() {\nlet endian = std::env::var(\"CARGO_CFG_TARGET_ENDIAN\").unwrap();\n\
         println!(\"cargo::rustc-env=ENDIAN={endian}\");\n\
         let out = std::env::var(\"OUT_DIR\").unwrap();\n\
         std::fs::write(out + \"/made.rs\", \"const MADE: u8 = 7;\").unwrap();\n}\n",
    ),
    (
        "tool/src/lib.rs",
        "/// ```\n/// assert_eq!(tool::two(), 2);\n/// ```\n/// ```\n/// assert_eq!(1u16.to_ne_bytes(), [1, 0]);\n/// ```\n\
         pub fn two() -> u8 {\n2\n}\n#[cfg(test)]\nmod tests {\n\
         #[test]\nfn adds() {}\n\
         include!(concat!(env!(\"OUT_DIR\"), \"/made.rs\"));\n\
         #[test]\nfn built() {\nlet big = cfg!(target_endian = \"big\");\n\
         assert_eq!((MADE, env!(\"ENDIAN\")), (7, if big { \"big\" } else { \"little\" }));\n}\n\
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
    // They take no words, as most do not.
    (
        "tool/tests/own_main.rs",
        "fn main() {\nassert_eq!(std::env::args().count(), 1);\nprintln!(\"my own harness\");\n}\n",
    ),
    ("tool/benches/own_bench.rs", "fn main() {\nassert_eq!(std::env::args().count(), 1);\n}\n"),
    ("later/Cargo.toml", "[package]\nname = \"later\"\nversion = \"0.1.0\"\nedition = \"2024\"\n"),
    (
        "later/src/lib.rs",
        "/// ```\n/// assert_eq!(later::two(), 2);\n/// ```\n/// ```should_panic\n/// panic!();\n/// ```\n\
         /// ```\n/// assert_eq!(1u16.to_ne_bytes(), [1, 0]);\n/// ```\npub fn two() -> u8 {\n2\n}\n",
    ),
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
            ("tool::own_bench", "same"),
            ("tool::own_main", "same"),
            ("tool::starts::its_program", "same"),
            ("tool::starts::itself", "same"),
            ("tool::starts::reads_a_fixture", "same"),
            ("tool::tests::adds", "same"),
            ("tool::tests::built", "same"),
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
    let built = ("tests::built", "same");
    let (panics, slow) = (("tests::panics", "same"), ("tests::slow", "same"));
    check(
        dir.path(),
        &["-p", "tool", "--lib", "--features", "extra"],
        &[adds, built, ("tests::extra", "same"), little, panics, slow],
    );
    check(dir.path(), &["-p", "tool", "--lib", "adds", "pan"], &[adds, panics]);
    check(
        dir.path(),
        &["-p", "tool", "--lib", "--", "--skip", "adds", "--skip", "little", "-q", "--include-ignored"],
        &[built, panics, slow],
    );
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
    // Of the latest edition they are one program.
    let (run, verdicts) = self::run(dir.path(), &["-p", "later", "--doc"]);
    let expected = [
        ("doc::later/src/lib.rs - two (line 1)", "same"),
        ("doc::later/src/lib.rs - two (line 4)", "same"),
        ("doc::later/src/lib.rs - two (line 7)", "cross-fail"),
    ];
    let expected = expected.map(|(case, verdict)| (case.to_owned(), verdict.to_owned()));
    assert_eq!(verdicts, BTreeMap::from(expected), "{}", run.stderr);
}

#[test]
fn cargo_finds_it_as_a_command_of_its_own() {
    let dir = Path::new(env!("CARGO_BIN_EXE_cargo-triplecheck")).parent().unwrap();
    let path = std::env::var_os("PATH").unwrap();
    let path = std::env::join_paths(std::iter::once(dir.to_owned()).chain(std::env::split_paths(&path)));
    let words = ["which", "--json", "x86_64-unknown-linux-gnu", "sparc64-unknown-linux-gnu"];
    let by_cargo = ran(support::cargo().arg("triplecheck").args(words).env("PATH", path.unwrap()));
    let directly = ran(triplecheck().args(words));
    assert_eq!((by_cargo.code, by_cargo.stdout), (directly.code, directly.stdout), "{}", by_cargo.stderr);
}

#[test]
fn a_target_whose_panics_abort_names_the_test_and_says_what_it_said() {
    const WASI: &str = "wasm32-wasip1";
    if !runs(WASI) {
        return;
    }
    let (dir, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let lib = "#[test] fn a_passes() {}\n\
        #[test] fn b_fails() { println!(\"said before\"); assert!(!cfg!(target_family = \"wasm\"), \"no wasm\") }\n\
        #[test] fn c_passes() {}\n#[test] #[should_panic] fn d_should_panic() { panic!() }\n";
    let manifest = "[package]\nname = \"aborts\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";
    support::write(dir.path(), &[("Cargo.toml", manifest), ("src/lib.rs", lib)]);
    // Without a std of ours, rustup's is taken, which does not unwind.
    let mut command = triplecheck();
    command.env("TRIPLECHECK_CACHE", cache.path()).arg("-C").arg(dir.path());
    let run = ran(command.args(["run", "-t", WASI]));
    for words in ["cross-fail  test::b_fails  on", "no wasm", "2 same, 1 cross-fail, 1 not-run"] {
        assert!(run.stdout.contains(words), "no `{words}` in {}{}", run.stdout, run.stderr);
    }
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
