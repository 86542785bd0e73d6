//! What grows: three targets in one call against three calls, and what ten thousand cells cost the harness itself.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::{Bench, Outcome, quiet};

/// Targets whose stds and linkers every set-up has.
const TARGETS: [&str; 3] =
    ["aarch64-unknown-linux-gnu", "s390x-unknown-linux-gnu", "riscv64gc-unknown-linux-gnu"];
/// Cases for one target: ten thousand cells.
const CASES: usize = 10_000;
/// How often memory is looked at.
const LOOK_EVERY: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };

impl Bench {
    /// Three targets built and run in one call, and in three calls in a row, both from nothing.
    pub(super) fn targets(&self) -> Outcome {
        let dir = self.work.join("three");
        write_project(&dir)?;
        let run = |targets: &[&str]| -> Result<f64, Box<dyn std::error::Error>> {
            let mut command = quiet(&self.binary);
            command.arg("-C").arg(&dir).args(["run", "--no-cache"]);
            for target in targets {
                command.args(["-t", target]);
            }
            super::timed(&mut command)
        };
        let clean = || match std::fs::remove_dir_all(dir.join("target")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        let (mut one, mut three) = (Vec::new(), Vec::new());
        for _ in 0..self.runs {
            clean()?;
            one.push(run(&TARGETS)?);
            clean()?;
            // The first of them has built the native side for the others.
            three.push(TARGETS.iter().map(|target| run(&[target])).sum::<Result<f64, _>>()?);
        }
        let (one, three) = (super::Samples::sorted(&mut one), super::Samples::sorted(&mut three));
        println!(
            "targets  three in one call {one}, in three calls {three}: ratio {:.2}",
            one.median() / three.median()
        );
        Ok(())
    }

    /// Ten thousand cells whose guests do nothing: processor time and memory of the harness's own process, without its
    /// guests and their supervisors.
    pub(super) fn many(&self) -> Outcome {
        let dir = self.work.join("many");
        std::fs::create_dir_all(&dir)?;
        std::fs::write(dir.join("nothing.c"), "int main(void) { return 0; }\n")?;
        let mut manifest = "targets = [\"i686-unknown-linux-gnu\"]\n[[suite]]\nname = \"c\"\nkind = \"c\"\nsources = \"nothing.c\"\ncases = [\n".to_owned();
        for number in 0..CASES {
            writeln!(manifest, "{{ name = \"{number}\" }},")?;
        }
        manifest.push_str("]\n");
        std::fs::write(dir.join("triplecheck.toml"), manifest)?;
        for (what, words) in [("run", &["--no-cache"][..]), ("run and kept", &[]), ("nothing changed", &[])] {
            let used = self.own_use(&dir, words)?;
            println!(
                "many   {} cells, {what}: {:.2} ms of the harness's own CPU a cell, {:.0} MiB, {:.1} s",
                CASES,
                used.cpu_ms / CASES as f64,
                used.peak_mib,
                used.seconds
            );
        }
        Ok(())
    }

    /// What a run uses up itself.
    fn own_use(&self, dir: &Path, words: &[&str]) -> Result<Used, Box<dyn std::error::Error>> {
        let mut command: Command = quiet(&self.binary);
        command.arg("-C").arg(dir).args(["run", "--json"]).args(words);
        let begun = Instant::now();
        let mut child = command.spawn()?;
        let process = format!("/proc/{}", child.id());
        let mut used = Used::default();
        // The kernel keeps a process's own numbers until it is waited for, but for its memory: that is looked at meanwhile.
        let ended = pidfd_open(Pid::from_child(&child), PidfdFlags::empty())?;
        while poll(&mut [PollFd::new(&ended, PollFlags::IN)], Some(&LOOK_EVERY))? == 0 {
            used.peak_mib = peak_mib(&process).unwrap_or(used.peak_mib);
        }
        used.seconds = begun.elapsed().as_secs_f64();
        used.cpu_ms = super::own_cpu(&std::fs::read_to_string(format!("{process}/stat"))?);
        if !child.wait()?.success() {
            return Err("the run has findings".into());
        }
        Ok(used)
    }

    /// A second run of real crates with nothing changed, against a first one that had nothing to build either.
    pub(super) fn second(&self) -> Outcome {
        let sources = self.crate_sources()?;
        let (mut first_sum, mut second_sum) = (0.0, 0.0);
        for name in ["bytes", "indexmap", "libm", "num-bigint", "ryu"] {
            let dir = sources.join(name);
            let run = || {
                let mut command = quiet(&self.binary);
                command.arg("-C").arg(&dir).arg("run").env_remove("RUST_BACKTRACE");
                command.args(TARGETS[..2].iter().flat_map(|target| ["-t", target]));
                command
            };
            super::timed(&mut run())?;
            std::fs::remove_file(dir.join("target/triplecheck/results.jsonl"))?;
            let first = super::timed(&mut run())?;
            let mut again = Vec::new();
            for _ in 0..self.runs {
                again.push(super::timed(&mut run())?);
            }
            let again = super::Samples::sorted(&mut again);
            let started = super::crates::last_events(&dir)?.find_map(|event| event["started"].as_u64());
            println!(
                "second {name:10} first {first:.0} ms, nothing changed {again}, guests started {}: {:.1} %",
                started.map_or_else(|| "unknown".to_owned(), |count| count.to_string()),
                100.0 * again.median() / first
            );
            first_sum += first;
            second_sum += again.median();
        }
        println!("second sum: {:.1} %", 100.0 * second_sum / first_sum);
        Ok(())
    }
}

/// What a process used up itself.
#[derive(Default)]
struct Used {
    cpu_ms: f64,
    peak_mib: f64,
    seconds: f64,
}

fn peak_mib(process: &str) -> Option<f64> {
    let status = std::fs::read_to_string(format!("{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1024.0)
}

/// A workspace with a few packages, so that there is something to build.
fn write_project(dir: &Path) -> Outcome {
    let mut manifest = "[workspace]\nresolver = \"2\"\nmembers = [".to_owned();
    for package in 0..4 {
        write!(manifest, "\"p{package}\", ")?;
        let root = dir.join(format!("p{package}"));
        std::fs::create_dir_all(root.join("src"))?;
        std::fs::create_dir_all(root.join("tests"))?;
        std::fs::write(
            root.join("Cargo.toml"),
            format!("[package]\nname = \"p{package}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n"),
        )?;
        let mut text = "use std::collections::BTreeMap;\n".to_owned();
        for number in 0..60 {
            writeln!(
                text,
                "pub fn f{number}(n: u32) -> BTreeMap<u32, String> {{ (0..n).map(|k| (k * {number}, format!(\"{{k:?}} {number}\"))).collect() }}\n#[test]\nfn t{number}() {{ assert_eq!(f{number}(40).len(), if {number} == 0 {{ 1 }} else {{ 40 }}); }}"
            )?;
        }
        std::fs::write(root.join("src/lib.rs"), text)?;
        std::fs::write(
            root.join("tests/outer.rs"),
            format!("#[test]\nfn outer() {{ assert_eq!(p{package}::f1(300).len(), 300); }}\n"),
        )?;
    }
    manifest.push_str("]\n");
    std::fs::write(dir.join("Cargo.toml"), manifest)?;
    Ok(())
}
