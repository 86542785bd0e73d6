//! The jobs of a CI system: targets packed by what they took, and long ones split into shards. Pure.
//!
//! Each job is one call of `run`, with the targets it is about and, where one target is a job's worth and more, the shard.
//! What is packed are estimates: nothing depends on their being right but how long the slowest job takes.

mod forges;
mod pack;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use triplecheck_emulators::host::{Host, TableHost};
use triplecheck_emulators::lookup::{Decision, Options, lookup};
use triplecheck_emulators::packages::{Distribution, Piece, packages};
use triplecheck_emulators::target::Target;
use triplecheck_emulators::vm::machines::System;

pub use forges::{Forge, render};
pub use pack::Cost;

use crate::events::Event;
use crate::setup::Wants;
use crate::shard::Shard;
use crate::toolchain::{self, Fix};

/// The most jobs of any CI system.
const JOBS_MAX: u32 = 256;
/// How many jobs there are where nobody says it: as many as GitHub runs at once for everyone.
pub const JOBS: u32 = 20;

/// The most characters of a job's name; GitLab takes 255, and pages show fewer.
const NAME_CHARS_MAX: usize = 100;

/// One job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Job {
    /// For people: its targets, and its shard.
    pub name: String,
    /// Its targets.
    pub targets: Vec<String>,
    /// Which part of their cases it runs; `null` for all of them.
    pub shard: Option<Shard>,
    /// Words for `triplecheck run`, quoted for a shell: `-t s390x-unknown-linux-gnu --shard 1/2`.
    pub args: String,
    /// What a bare Debian or Ubuntu lacks, beside Rust: packages that `run --setup` installs.
    pub packages: Vec<String>,
    /// The machines of the guest systems in which its cases run that need a kernel, which `run --setup` makes: each is
    /// some 100 MB to fetch.
    pub guest_systems: Vec<String>,
    /// How long its guests and builds take, in milliseconds; `null` where nothing is recorded.
    pub estimate_ms: Option<u64>,
}

/// All jobs.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Matrix {
    /// The version of this format.
    pub schema: u32,
    /// Where durations come from; `null` where none are known.
    pub durations: Option<String>,
    /// The jobs, the longest first.
    pub jobs: Vec<Job>,
}

/// What is asked for.
#[derive(Debug)]
pub struct Request<'a> {
    /// The targets, in the order of the manifest.
    pub targets: &'a [Target],
    /// What the project's suites need.
    pub wants: Wants,
    /// The targets on which some case needs a kernel of its own machine.
    pub with_kernel: &'a [Target],
    /// The most jobs.
    pub jobs: u32,
    /// What targets cost, as far as it is known.
    pub costs: &'a BTreeMap<String, Cost>,
    /// Where that comes from.
    pub durations: Option<String>,
}

impl Matrix {
    /// Packs the targets.
    pub fn new(request: &Request<'_>) -> Self {
        let names: Vec<String> = request.targets.iter().map(ToString::to_string).collect();
        let costs: Vec<Option<Cost>> = names.iter().map(|name| request.costs.get(name).copied()).collect();
        let packed = pack::pack(&costs, request.jobs.clamp(1, JOBS_MAX));
        let jobs = packed.into_iter().map(|packed| {
            let targets: Vec<String> = packed.targets.iter().map(|&index| names[index].clone()).collect();
            let mut args: Vec<String> =
                targets.iter().map(|target| format!("-t {}", crate::shell::quote(target))).collect();
            args.extend(packed.shard.map(|shard| format!("--shard {shard}")));
            let lacking: Vec<Lacking> =
                packed.targets.iter().map(|&index| request.lacks(&request.targets[index])).collect();
            let packages: BTreeSet<String> = lacking.iter().flat_map(Lacking::packages).collect();
            let systems: BTreeSet<&str> = lacking.iter().filter_map(|it| Some(it.system?.machine)).collect();
            Job {
                name: name(&targets, packed.shard),
                targets,
                shard: packed.shard,
                args: args.join(" "),
                packages: packages.into_iter().collect(),
                guest_systems: systems.into_iter().map(str::to_owned).collect(),
                estimate_ms: packed.estimate_ms,
            }
        });
        Self { schema: 1, durations: request.durations.clone(), jobs: jobs.collect() }
    }
}

/// A name that no other job has, because each target is in one job, or in shards.
fn name(targets: &[String], shard: Option<Shard>) -> String {
    let shard = shard.map_or(String::new(), |shard| format!(" {shard}"));
    match targets.join(", ") {
        all if all.len() <= NAME_CHARS_MAX => format!("{all}{shard}"),
        _ => format!("{} and {} more{shard}", targets[0], targets.len() - 1),
    }
}

/// What a run says of its targets' costs.
pub fn costs<'a>(events: impl IntoIterator<Item = &'a Event>) -> BTreeMap<String, Cost> {
    let mut costs: BTreeMap<String, Cost> = BTreeMap::new();
    let (mut build_ms, mut targets) = (0, 0);
    for event in events {
        match event {
            Event::RunStarted(run) => targets = run.targets.len() as u64,
            Event::BuildFinished { duration_ms, .. } => build_ms += duration_ms,
            Event::Cell(cell) => {
                let cost = costs.entry(cell.target.clone()).or_default();
                cost.run_ms += cell.duration_ms;
                cost.native_ms += cell.native_ms;
            }
            _ => {}
        }
    }
    // The host is built for, too.
    for cost in costs.values_mut() {
        cost.build_ms = build_ms / (targets + 1);
    }
    costs
}

/// A machine of a CI system: with Debian, and nothing on it.
const BARE: &str = "x86_64-unknown-linux-gnu";

/// What a machine lacks for a target.
struct Lacking {
    pieces: Vec<Piece>,
    /// The guest system in which some cases run.
    system: Option<&'static System>,
}

impl Lacking {
    fn packages(&self) -> impl Iterator<Item = String> + '_ {
        self.pieces.iter().flat_map(|piece| packages(*piece, Distribution::Debian))
    }
}

impl Request<'_> {
    /// What a bare Debian machine lacks for a target: asked of the lookup itself.
    fn lacks(&self, target: &Target) -> Lacking {
        let mut lacking = Lacking { pieces: Vec::new(), system: None };
        let Ok(native) = Target::parse(BARE) else { return lacking };
        let Some(machine) = native.machine() else { return lacking };
        let words = &["triplecheck"];
        let bare = TableHost::new(BARE, "linux", machine).with_builtin_wasi(words).with_builtin_vm(words);
        let with_kernel = self.with_kernel.contains(target);
        for needs_kernel in [false, true].into_iter().filter(|needed| !needed || with_kernel) {
            let options = Options { needs_kernel, ..Options::default() };
            if let Decision::Cannot(reason, _) = lookup(&bare as &dyn Host, target, None, &options) {
                lacking.pieces.extend(reason.missing);
            }
        }
        lacking.system = lacking.pieces.iter().find_map(|piece| match piece {
            Piece::GuestSystem(machine) => System::named(machine),
            _ => None,
        });
        // Rust links with the target's C compiler; a WebAssembly module is linked by Rust itself.
        if self.wants.c || (self.wants.rust && target.cross().is_some()) {
            lacking.pieces.extend(compiler(&bare, target, &native));
        }
        // The first process of a guest system is compiled for the system's own target.
        if let Some(own) = lacking.system.and_then(|system| Target::parse(system.triple).ok()) {
            lacking.pieces.extend(compiler(&bare, &own, &native));
            lacking.pieces.push(Piece::DebianKeys);
        }
        lacking
    }
}

/// What a machine lacks to compile C for a target.
fn compiler(host: &dyn Host, target: &Target, native: &Target) -> Vec<Piece> {
    let Err(unbuildable) = toolchain::cc(host, target, native) else { return Vec::new() };
    let piece = |fix: &Fix| match fix {
        Fix::Install(piece) => Some(*piece),
        Fix::AddTarget(_) | Fix::AddSource | Fix::BuildStd(_) | Fix::Advise(_) => None,
    };
    unbuildable.fixes.iter().filter_map(piece).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(targets: &[&str], jobs: u32, costs: &[(&str, u64)]) -> Matrix {
        let targets: Vec<Target> = targets.iter().map(|text| Target::parse(text).unwrap()).collect();
        let costs = costs.iter().map(|(target, run_ms)| {
            ((*target).to_owned(), Cost { run_ms: *run_ms, native_ms: 0, build_ms: 0 })
        });
        let wants = Wants { rust: true, c: true, run: true };
        let (with_kernel, costs, durations) = (&[], &costs.collect(), None);
        Matrix::new(&Request { targets: &targets, wants, with_kernel, jobs, costs, durations })
    }

    #[test]
    fn a_job_says_what_it_runs_and_what_it_needs() {
        let matrix = matrix(&["s390x-unknown-linux-gnu", "x86_64-pc-windows-gnu", "wasm32-wasip1"], 3, &[]);
        let told: Vec<(&str, String)> =
            matrix.jobs.iter().map(|job| (job.args.as_str(), job.packages.join(" "))).collect();
        let expected = [
            ("-t s390x-unknown-linux-gnu", "gcc-s390x-linux-gnu libc6-dev-s390x-cross"),
            ("-t x86_64-pc-windows-gnu", "gcc-mingw-w64-x86-64-win32"),
            ("-t wasm32-wasip1", "clang"),
        ];
        for ((args, packages), (wanted, needed)) in told.iter().zip(expected) {
            assert_eq!(*args, wanted);
            for package in needed.split(' ') {
                assert!(packages.split(' ').any(|name| name == package), "{packages}");
            }
        }
        assert!(told[0].1.contains("qemu-user") && told[1].1.contains("wine64"), "{told:?}");
        assert!(!told[2].1.contains("qemu"), "{told:?}");
    }

    #[test]
    fn a_job_whose_cases_need_a_kernel_says_what_brings_one() {
        let target = |text: &str| Target::parse(text).unwrap();
        let check = |text: &str, with_kernel: bool, systems: &[&str], packages: &[&str]| {
            let targets = [target(text)];
            let with_kernel = if with_kernel { &targets[..] } else { &[] };
            let (wants, costs) = (Wants { rust: false, c: false, run: true }, &BTreeMap::new());
            let request = Request { targets: &targets, wants, with_kernel, jobs: 1, costs, durations: None };
            let job = Matrix::new(&request).jobs.remove(0);
            assert_eq!(job.guest_systems, systems, "{text}");
            for package in packages {
                assert_eq!(
                    job.packages.iter().any(|name| name == package),
                    !systems.is_empty(),
                    "{text} {package}"
                );
            }
        };
        let needed = ["qemu-system-misc", "gcc-s390x-linux-gnu", "debian-archive-keyring"];
        check("s390x-unknown-linux-gnu", true, &["s390x"], &needed);
        check("s390x-unknown-linux-gnu", false, &[], &["qemu-system-misc", "debian-archive-keyring"]);
        check("s390x-unknown-linux-musl", true, &["s390x"], &needed);
        check("s390x-unknown-linux-gnu@linux-6.12", false, &["s390x"], &needed);
        // The machine of the job runs these itself, and no guest system could run that.
        check("x86_64-unknown-linux-gnu", true, &[], &["qemu-system-x86"]);
        check("wasm32-wasip1", true, &[], &["qemu-system-x86"]);
    }

    #[test]
    fn a_target_that_takes_longer_than_its_share_is_split() {
        let minute = 60_000;
        let costs = [
            ("s390x-unknown-linux-gnu", 30 * minute),
            ("aarch64-unknown-linux-gnu", 5 * minute),
            ("i686-unknown-linux-gnu", 4 * minute),
        ];
        let matrix = matrix(&costs.map(|(target, _)| target), 4, &costs);
        let args: Vec<&str> = matrix.jobs.iter().map(|job| job.args.as_str()).collect();
        assert_eq!(
            args,
            [
                "-t s390x-unknown-linux-gnu --shard 1/3",
                "-t s390x-unknown-linux-gnu --shard 2/3",
                "-t s390x-unknown-linux-gnu --shard 3/3",
                "-t aarch64-unknown-linux-gnu -t i686-unknown-linux-gnu",
            ]
        );
        assert_eq!(matrix.jobs[0].name, "s390x-unknown-linux-gnu 1/3");
    }
}
