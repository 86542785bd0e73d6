//! The test suites of ten real crates under an emulator: ours against `cargo test` and cargo-nextest with the same
//! emulator, and against the best schedule of the raw test binaries.
//!
//! All sides run the same files, which ours has built; sources come from the registry, versions are pinned, and what is
//! built is kept in `target/bench` for the next time. The best schedule is the better one of two: each binary whole, one
//! after the other, with libtest's own number of threads; and as many binaries at a time as there are processors, each with
//! one thread, in the best order (longest first, measured before). It starts the emulator and nothing else: no cargo, no
//! native side, no comparison. Ours includes the native side and the comparison; its run phase leaves cargo's own check
//! that nothing is to be built out, which the schedule has not either.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Instant;

use super::{Bench, Outcome, Samples, milliseconds, quiet, timed};

/// The crates, by size of their suites, with the versions that are measured.
const CRATES: [(&str, &str); 10] = [
    ("byteorder", "1.5.0"),
    ("bytes", "1.10.1"),
    ("itoa", "1.0.15"),
    ("ryu", "1.0.20"),
    ("smallvec", "1.15.1"),
    ("indexmap", "2.11.4"),
    ("libm", "0.2.15"),
    ("num-bigint", "0.4.6"),
    ("siphasher", "1.0.1"),
    ("sha2", "0.10.9"),
];

/// Targets and their linkers.
const TARGETS: [(&str, &str); 2] = [
    ("aarch64-unknown-linux-gnu", "aarch64-linux-gnu-gcc"),
    ("s390x-unknown-linux-gnu", "s390x-linux-gnu-gcc"),
];

type Error = Box<dyn std::error::Error>;

/// A test binary and how it is started.
struct Binary {
    words: Vec<String>,
    dir: PathBuf,
    /// How long it takes with one thread.
    alone: f64,
}

/// What one crate came to, in milliseconds.
#[derive(Default)]
struct Row {
    ours: Vec<f64>,
    phase: Vec<f64>,
    cargo: Vec<f64>,
    nextest: Vec<f64>,
    best: Vec<f64>,
}

impl Bench {
    /// Ten crates on two targets.
    pub(super) fn crates(&self) -> Outcome {
        let sources = self.crate_sources()?;
        for (target, linker) in TARGETS {
            let mut sums = [0.0; 5];
            for (name, _) in CRATES {
                match self.measure_crate(&sources.join(name), target, linker) {
                    Ok(row) => {
                        let medians = [row.ours, row.phase, row.cargo, row.nextest, row.best]
                            .map(|mut values| Samples::sorted(&mut values).median());
                        sums.iter_mut().zip(medians).for_each(|(sum, median)| *sum += median);
                        print_row(name, target, medians);
                    }
                    Err(error) => println!("crates {name} on {target} not measured: {error}"),
                }
            }
            print_row("sum", target, sums);
        }
        Ok(())
    }

    /// The sources, each crate in a directory of its own that belongs to no other workspace.
    pub(super) fn crate_sources(&self) -> Result<PathBuf, Error> {
        let vendor = self.kept.join("vendor");
        let crates = self.kept.join("crates");
        std::fs::create_dir_all(self.kept.join("src"))?;
        let pinned: String =
            CRATES.iter().map(|(name, version)| format!("{name} = \"={version}\"\n")).collect();
        let manifest = format!(
            "[package]\nname = \"crates\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n[dependencies]\n{pinned}"
        );
        if std::fs::read_to_string(self.kept.join("Cargo.toml")).is_ok_and(|before| before == manifest) {
            return Ok(crates);
        }
        std::fs::write(self.kept.join("src/lib.rs"), "")?;
        std::fs::write(self.kept.join("Cargo.toml"), &manifest)?;
        timed(quiet("cargo").arg("vendor").arg(&vendor).current_dir(&self.kept))?;
        for (name, _) in CRATES {
            let to = crates.join(name);
            if to.exists() {
                std::fs::remove_dir_all(&to)?;
            }
            std::fs::create_dir_all(&crates)?;
            timed(quiet("cp").arg("-r").args([&vendor.join(name), &to]))?;
            let _ = std::fs::remove_file(to.join("Cargo.lock"));
            let text = std::fs::read_to_string(to.join("Cargo.toml"))?;
            std::fs::write(to.join("Cargo.toml"), text + "\n[workspace]\n")?;
        }
        Ok(crates)
    }

    fn measure_crate(&self, dir: &Path, target: &str, linker: &str) -> Result<Row, Error> {
        self.ours(dir, target)?;
        let cargo = |words: &[&str]| self.cargo_on(dir, target, linker, words);
        let mut binaries = self.binaries(dir, &mut cargo(&["test", "--no-run", "--tests"]))?;
        for binary in &mut binaries {
            binary.alone = binary.time(Some(1))?;
        }
        binaries.sort_by(|left, right| right.alone.total_cmp(&left.alone));
        timed(&mut cargo(&["nextest", "list", "--tests"]))?;
        let mut row = Row::default();
        for _ in 0..self.runs {
            let (wall, build) = self.ours(dir, target)?;
            row.ours.push(wall);
            row.phase.push(wall - build);
            row.cargo.push(timed(&mut cargo(&["test", "--tests"]))?);
            row.nextest.push(timed(&mut cargo(&["nextest", "run", "--tests"]))?);
            row.best.push(in_order(&binaries)?.min(side_by_side(&binaries)?));
        }
        Ok(row)
    }

    /// One run of ours with everything built: how long, and how long of that until cargo had said so.
    fn ours(&self, dir: &Path, target: &str) -> Result<(f64, f64), Error> {
        let begun = Instant::now();
        let mut command = quiet(&self.binary);
        command.arg("-C").arg(dir).args(["run", "--no-cache", "-t", target]);
        let status = command.env_remove("RUST_BACKTRACE").status()?;
        let wall = milliseconds(begun.elapsed());
        if !status.success() {
            return Err(format!("`triplecheck run` in `{}` ended with {status}", dir.display()).into());
        }
        let build: f64 = last_events(dir)?
            .filter(|event| event["event"] == "build-finished")
            .filter_map(|event| event["duration_ms"].as_f64())
            .sum();
        Ok((wall, build))
    }

    /// A call of cargo for what ours has built, with the hook as its runner.
    fn cargo_on(&self, dir: &Path, target: &str, linker: &str, words: &[&str]) -> Command {
        let name = target.replace('-', "_").to_uppercase();
        let mut command = quiet("cargo");
        command.args(words).args(["--target", target, "--target-dir"]);
        command.arg(dir.join("target/triplecheck/build/cargo")).current_dir(dir);
        command.env(format!("CARGO_TARGET_{name}_LINKER"), super::on_path(linker)).env("RUST_BACKTRACE", "0");
        command.env(format!("CARGO_TARGET_{name}_RUNNER"), format!("{} exec", self.binary.display()));
        command
    }

    /// The test binaries that `call` would run.
    fn binaries(&self, dir: &Path, call: &mut Command) -> Result<Vec<Binary>, Error> {
        let output = call.arg("--message-format=json").stdout(std::process::Stdio::piped()).output()?;
        let text = String::from_utf8(output.stdout)?;
        let messages = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let mut found = Vec::new();
        for message in messages.filter(|message| message["profile"]["test"] == true) {
            let Some(file) = message["executable"].as_str() else { continue };
            let mut words = vec!["env".to_owned()];
            let answer = self.answer(Path::new(file))?;
            let changes: BTreeMap<String, String> =
                serde_json::from_value(answer["env"].clone()).unwrap_or_default();
            words.extend(changes.iter().map(|(name, value)| format!("{name}={value}")));
            let command = answer["command"].as_array().ok_or("`which` gives no command")?;
            words.extend(command.iter().filter_map(|word| word.as_str().map(str::to_owned)));
            found.push(Binary { words, dir: dir.to_owned(), alone: 0.0 });
        }
        if found.is_empty() { Err("there are no test binaries".into()) } else { Ok(found) }
    }
}

/// The events of the last run in a project.
pub(super) fn last_events(dir: &Path) -> Result<impl Iterator<Item = serde_json::Value>, Error> {
    let runs = std::fs::read_dir(dir.join("target/triplecheck/runs"))?;
    let files = runs.filter_map(|run| Some(run.ok()?.path().join("events.jsonl")));
    let written = |file: &PathBuf| std::fs::metadata(file).and_then(|meta| meta.modified()).ok();
    let last = files.max_by_key(written).ok_or("a run leaves its events")?;
    let text = std::fs::read_to_string(last)?;
    let events: Vec<_> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    Ok(events.into_iter())
}

impl Binary {
    /// Runs it, with as many threads as it likes where none are said.
    fn time(&self, threads: Option<usize>) -> Result<f64, Error> {
        let (program, rest) = self.words.split_first().ok_or("an empty command")?;
        let mut command = quiet(program);
        command.args(rest).current_dir(&self.dir).env("CARGO_MANIFEST_DIR", &self.dir);
        command.env("RUST_BACKTRACE", "0");
        if let Some(threads) = threads {
            command.env("RUST_TEST_THREADS", threads.to_string());
        }
        timed(&mut command)
    }
}

/// Each whole, one after the other.
fn in_order(binaries: &[Binary]) -> Result<f64, Error> {
    let begun = Instant::now();
    for binary in binaries {
        binary.time(None)?;
    }
    Ok(milliseconds(begun.elapsed()))
}

/// As many at a time as there are processors, one thread each, in the order given.
fn side_by_side(binaries: &[Binary]) -> Result<f64, Error> {
    let processors = std::thread::available_parallelism()?.get();
    let begun = Instant::now();
    let waiting = Mutex::new(binaries.iter());
    let next = || waiting.lock().ok().and_then(|mut waiting| waiting.next());
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..processors)
            .map(|_| {
                scope.spawn(|| {
                    while let Some(binary) = next() {
                        binary.time(Some(1)).map_err(|error| error.to_string())?;
                    }
                    Ok::<(), String>(())
                })
            })
            .collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().unwrap_or_else(|_| Err("a thread died".into())))
    })?;
    Ok(milliseconds(begun.elapsed()))
}

fn print_row(name: &str, target: &str, [ours, phase, cargo, nextest, best]: [f64; 5]) {
    let seconds = |value: f64| format!("{:.2} s", value / 1000.0);
    let against = |theirs: f64| format!("{} ({:.2})", seconds(theirs), ours / theirs);
    println!(
        "crates {name:10} {target}: triplecheck {}, cargo test {}, nextest {}; run phase {}, best raw schedule {}: ratio {:.2}",
        seconds(ours),
        against(cargo),
        against(nextest),
        seconds(phase),
        seconds(best),
        phase / best
    );
}
