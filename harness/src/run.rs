//! The main job: build, run natively and on every target, compare, and record every step as an event.
//!
//! One thread coordinates: it owns the events and the comparisons. Another one builds, workers only run guests, and all
//! tell the coordinator over one channel. A target's run of a case starts when its program is there and the native one has
//! ended, because its deadline comes from the native duration.

mod board;
mod build_only;
mod builds;
mod bundled;
mod cache;
mod cached;
mod cell;
mod coordinate;
mod doc_tests;
mod durations;
mod expectations;
mod guests;
mod judge;
mod keep;
mod keys;
mod lent;
mod nests;
mod patience;
mod pieces;
mod places;
mod preparations;
mod queue;
mod schedule;
mod sentinels;
mod single;
mod speeds;
mod spread;
mod suites;
mod systems;
mod tests_batch;
mod tries;
mod windows;
mod work;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use triplecheck_emulators::host::Host;
use triplecheck_emulators::launch::{Kind, Launch};
use triplecheck_emulators::lookup::{Decision, Options, lookup};
use triplecheck_emulators::target::Target;

use crate::built::Given;
use crate::error::{About as _, Result};
use crate::events::{Event, Log, NotRun, RunStarted, SCHEMA, TargetInfo};
use crate::plan::{Plan, PlannedTarget};
use crate::report::Summary;
use crate::supervise::StopFlag;
use crate::verdict::Verdict;
use crate::vm::Wanted;

pub use board::{Board, Running, Share};
pub(crate) use build_only::{Built, build_only};
pub(crate) use bundled::{Shown, copy, plan as bundle_plan};
pub(crate) use cell::launch_environment;
pub(crate) use durations::Durations;
pub(crate) use expectations::is_still_unmatched;
pub use guests::{Guest, GuestCase};
pub(crate) use nests::obstacle as children_obstacle;
pub(crate) use patience::slow_period;
pub(crate) use single::{Ready, Single};
pub(crate) use speeds::machine as processor;

/// Everything a run is given.
pub struct Run<'a> {
    /// What to do.
    pub plan: &'a Plan,
    /// The machine.
    pub host: &'a (dyn Host + Sync),
    /// Where it keeps its events and what it keeps of findings.
    pub run_dir: PathBuf,
    /// Where programs are built.
    pub build_dir: PathBuf,
    /// How many guests run at once.
    pub jobs: usize,
    /// Where results are kept for later runs, if they are.
    pub cache: Option<PathBuf>,
    /// Where is kept how fast emulators are, if it is.
    pub speeds: Option<PathBuf>,
    /// How often everything is run.
    pub repeat: u32,
    /// Whether the first finding ends the run.
    pub fail_fast: bool,
    /// Where it is written who is running.
    pub board: Arc<Board>,
    /// The name of the unfinished run that is taken up: its findings count as found.
    pub resumed: Option<String>,
    /// Set when the user asks to stop.
    pub stop: &'a StopFlag,
    /// The words that start this run again, without filters and targets.
    pub command: Vec<String>,
    /// The words behind them all: `--` and what is said to the test binaries.
    pub tail: Vec<String>,
    /// A digest of what was asked but for targets and shard.
    pub asked: String,
    /// What was built elsewhere, where nothing is to be built.
    pub given: Option<&'a Given>,
}

impl<'a> Run<'a> {
    /// A run that records nothing: cells are looked into by hand. `state` is the project's [`crate::runs::state_dir`].
    pub(crate) fn by_hand(
        plan: &'a Plan,
        host: &'a (dyn Host + Sync),
        state: &std::path::Path,
        stop: &'a StopFlag,
    ) -> Self {
        Self {
            plan,
            host,
            run_dir: state.join("repro"),
            build_dir: state.join("build"),
            jobs: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            cache: None,
            speeds: None,
            repeat: 1,
            fail_fast: false,
            board: Arc::new(Board::default()),
            resumed: None,
            stop,
            command: Vec::new(),
            tail: Vec::new(),
            asked: String::new(),
            given: None,
        }
    }

    /// The run's name, which is its directory's.
    pub(crate) fn name(&self) -> String {
        self.run_dir.file_name().and_then(|name| name.to_str()).unwrap_or("run").to_owned()
    }
}

/// Told of every event as it is recorded.
pub trait Observer {
    /// One event, after it was written.
    fn event(&mut self, event: &Event);
}

/// Records events: to the file first, then to the summary and to whoever watches.
pub(crate) struct Recorder<'a> {
    log: Log,
    summary: Summary,
    observer: &'a mut dyn Observer,
    started: Instant,
}

impl Recorder<'_> {
    pub(crate) fn record(&mut self, event: Event) -> Result<()> {
        self.log.append(&event)?;
        self.observer.event(&event);
        self.summary.apply(event);
        Ok(())
    }
}

/// Runs the plan. An error ends it early; everything that was recorded until then is kept in its events.
pub fn run(run: &Run<'_>, observer: &mut dyn Observer) -> Result<Summary> {
    fs_err::create_dir_all(&run.run_dir).about("create", &run.run_dir)?;
    let log = Log::create(&run.run_dir.join(crate::runs::EVENTS))?;
    let mut recorder = Recorder { log, summary: Summary::default(), observer, started: Instant::now() };
    let guests = guests::Guests::prepare(run)?;
    let started = RunStarted { children: children(run, &guests)?, ..started(run, &guests) };
    recorder.record(Event::RunStarted(started))?;
    guests.report_blocked(run, &mut recorder)?;
    let started = schedule::schedule(run, &guests, &mut recorder)?;
    let interrupted = run.stop.is_stopped();
    let duration_ms = millis(recorder.started.elapsed());
    let unmatched =
        if interrupted { Vec::new() } else { expectations::unmatched(run.plan, &recorder.summary) };
    recorder.record(Event::RunFinished { duration_ms, interrupted, started, unmatched })?;
    Ok(recorder.summary)
}

fn started(run: &Run<'_>, guests: &guests::Guests) -> RunStarted {
    RunStarted {
        schema: SCHEMA,
        run: run.name(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        rules_version: crate::compare::RULES_VERSION,
        host: run.host.triple().to_owned(),
        kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
        rustc: guests.rustc(),
        targets: run.plan.targets.iter().map(|target| target_info(run, guests, target)).collect(),
        suites: suites::suites(run.plan),
        manifest: run.plan.manifest.clone(),
        resumed: run.resumed.clone(),
        children: None,
        command: run.command.clone(),
        shard: run.plan.shard,
        asked: run.asked.clone(),
        revision: crate::revision::of(&run.plan.root),
        all_targets: if run.plan.all_targets { Vec::new() } else { run.plan.manifest_targets.clone() },
        merged: Vec::new(),
        incomplete: Vec::new(),
        runnable: runnable(run),
    }
}

/// The targets that are not in the plan and could be run here, with a compiler of their own before others.
fn runnable(run: &Run<'_>) -> Vec<String> {
    let planned =
        |target: &Target| run.plan.targets.iter().any(|planned| planned.target.triple() == target.triple());
    let runs =
        |target: &Target| matches!(lookup(run.host, target, None, &Options::default()), Decision::Run(..));
    let found = Target::all().filter(|target| {
        let facts = target.facts();
        facts.std && facts.os == "linux" && facts.env == "gnu" && !planned(target) && runs(target)
    });
    let mut found: Vec<Target> = found.collect();
    let gcc =
        |target: &Target| target.cross().and_then(|cross| run.host.find_program(&cross.gcc())).is_some();
    found.sort_by_key(|target| (!gcc(target), target.facts().tier));
    found.iter().map(ToString::to_string).collect()
}

/// Why the children of emulated guests find no emulator, if any guest is emulated.
fn children(run: &Run<'_>, guests: &guests::Guests) -> Result<Option<String>> {
    let emulated = |planned: &PlannedTarget| {
        [false, true].iter().any(|needed| guests.kind(&planned.target, *needed) == Some(Kind::QemuUser))
    };
    if run.plan.targets.iter().any(emulated) { children_obstacle(run.host) } else { Ok(None) }
}

/// The version of the emulator that runs a target's programs.
pub(crate) fn emulator_version(run: &Run<'_>, planned: &PlannedTarget) -> Option<String> {
    match lookup(run.host, &planned.target, None, &planned.options) {
        Decision::Run(launch, _) => version_of(run.host, &launch),
        Decision::Cannot(..) => None,
    }
}

/// The version of a launch's emulator; of a guest system which QEMU and which kernel.
pub(crate) fn version_of(host: &dyn Host, launch: &Launch) -> Option<String> {
    let program = launch.emulator.program.as_deref()?;
    let version = host.version(program);
    match Wanted::of_words(&launch.prefix).filter(|_| launch.emulator.kind == Kind::Vm) {
        Some(wanted) => {
            let name = program.file_name().unwrap_or_default().display();
            Some(format!("{name} {} {}", version.unwrap_or_default(), wanted.kernel_name()))
        }
        None => version,
    }
}

fn target_info(run: &Run<'_>, guests: &guests::Guests, planned: &PlannedTarget) -> TargetInfo {
    let blocked = guests.blocked(&planned.target);
    let needs = run.plan.needs();
    let way =
        |needed: bool| match lookup(run.host, &planned.target, None, &planned.with_kernel(needed).options) {
            Decision::Run(launch, _) => Some((launch.emulator.kind, version_of(run.host, &launch))),
            Decision::Cannot(..) => None,
        };
    let (emulator, version) = needs.first().and_then(|needed| way(*needed)).unzip();
    let some_need_one = run.plan.kernel_targets().any(|it| it.target == planned.target);
    let kernel = if needs.len() > 1 && some_need_one {
        way(true).filter(|(kind, _)| Some(*kind) != emulator)
    } else {
        None
    };
    TargetInfo {
        target: planned.target.to_string(),
        emulator: emulator.map(|kind| kind.to_string()),
        emulator_version: version.flatten(),
        kernel: kernel
            .map(|(kind, version)| format!("{kind} {}", version.unwrap_or_default()).trim_end().to_owned()),
        reason: blocked.map(|blocked| blocked.reason.clone()),
        fix: blocked.and_then(|blocked| blocked.fix.clone()),
    }
}

/// Why nothing of a target can be run.
#[derive(Debug, Clone)]
pub(crate) struct Blocked {
    pub(crate) reason: String,
    pub(crate) fix: Option<String>,
}

impl Blocked {
    /// The event for a case (or `*`) that this keeps from running.
    pub(crate) fn not_run(&self, suite: &str, case: &str, target: &Target) -> NotRun {
        NotRun {
            suite: suite.to_owned(),
            case: case.to_owned(),
            target: target.to_string(),
            reason: self.reason.clone(),
            fix: self.fix.clone(),
            verdict: Verdict::NotRun,
            declared: false,
        }
    }
}

/// A duration in whole milliseconds, as reports have it.
pub(crate) fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
