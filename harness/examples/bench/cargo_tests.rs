//! The tests of a cargo project: all of a binary in one process against a process for each, and a second run.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use super::{Bench, Outcome, quiet, timed};

/// How many tests the crate has.
const TESTS: usize = 200;

/// A target, its linker.
const TARGETS: [(&str, &str); 2] = [
    ("aarch64-unknown-linux-gnu", "aarch64-linux-gnu-gcc"),
    ("x86_64-pc-windows-gnu", "x86_64-w64-mingw32-gcc"),
];

impl Bench {
    /// Many small tests in one binary, and the same binary under cargo-nextest with our hook as its runner. Ours runs the
    /// native side too, and compares.
    pub(super) fn cargo_tests(&self) -> Outcome {
        let dir = self.work.join("small");
        std::fs::create_dir_all(dir.join("src"))?;
        std::fs::write(
            dir.join("Cargo.toml"),
            "[package]\nname = \"small\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n",
        )?;
        let mut text = String::new();
        for number in 0..TESTS {
            writeln!(text, "#[test]\nfn t{number}() {{\nassert_eq!({number} + 1, {});\n}}", number + 1)?;
        }
        std::fs::write(dir.join("src/lib.rs"), text)?;
        for (target, linker) in TARGETS {
            if let Err(error) = self.against_nextest(&dir, target, linker) {
                println!("cargo-tests  {target} not measured: {error}");
            }
        }
        self.second_run(&dir)
    }

    fn run_words(&self, dir: &Path, words: &[&str]) -> Command {
        let mut command = quiet(&self.binary);
        command.arg("-C").arg(dir).args(["run", "--lib"]).args(words);
        command
    }

    fn against_nextest(&self, dir: &Path, target: &str, linker: &str) -> Outcome {
        let ours = || self.run_words(dir, &["--no-cache", "-t", target]);
        timed(&mut ours())?;
        let name = target.replace('-', "_").to_uppercase();
        let theirs = || {
            let mut command = quiet("cargo");
            // The same binaries: ours has built them there.
            command.args(["nextest", "run", "--lib", "--target", target, "--target-dir"]);
            command.arg(dir.join("target/triplecheck/build/cargo")).current_dir(dir);
            command.env(format!("CARGO_TARGET_{name}_LINKER"), super::on_path(linker));
            command.env(format!("CARGO_TARGET_{name}_RUNNER"), format!("{} exec", self.binary.display()));
            command
        };
        timed(&mut theirs())?;
        let (ours, theirs) = super::paired(self.runs, &ours, &theirs)?;
        println!(
            "cargo-tests  {TESTS} tests, {target}: triplecheck run {ours}, nextest {theirs}: {:.1} times as fast",
            theirs.median() / ours.median()
        );
        Ok(())
    }

    fn second_run(&self, dir: &Path) -> Outcome {
        let targets: Vec<&str> = TARGETS.iter().flat_map(|(target, _)| ["-t", *target]).collect();
        let again = || self.run_words(dir, &targets);
        let everything = || {
            let mut command = self.run_words(dir, &targets);
            command.arg("--no-cache");
            command
        };
        timed(&mut again())?;
        let (again, everything) = super::paired(self.runs, &again, &everything)?;
        println!(
            "cargo-tests  nothing changed {again}, everything again {everything}: {:.1} %",
            100.0 * again.median() / everything.median()
        );
        Ok(())
    }
}
