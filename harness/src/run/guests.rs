//! From suites to guests: what can be run for which target and why not otherwise, and the cases of a program.

use std::collections::HashMap;
use std::path::Path;

use triplecheck_emulators::binary::UnreadableBinary;
use triplecheck_emulators::launch::Kind;
use triplecheck_emulators::lookup::{Decision, Obstacle, Reason, lookup};
use triplecheck_emulators::packages::Piece as Missing;
use triplecheck_emulators::target::Target;

use super::spread::{self, Threads};
use super::{Blocked, Recorder, Run};
use crate::build::{Piece, ProgramKind};
use crate::error::{Error, Result};
use crate::events::Event;
use crate::plan::{Origin, PlannedCase, PlannedSuite};
use crate::setup::systems;
use crate::toolchain::Toolchain;

/// A program with the cases in which it is run.
#[derive(Debug, Clone)]
pub struct Guest {
    /// The suite's name.
    pub suite: String,
    /// The program's name; empty for a library's unit tests.
    pub program: String,
    /// What kind of program it is.
    pub kind: ProgramKind,
    /// Its cases that the filters select.
    pub cases: Vec<GuestCase>,
    /// Words for a libtest binary.
    pub test_args: Vec<String>,
    /// Whether its tests share a process.
    pub isolation: crate::manifest::Isolation,
    /// Globs over case names: tests that share theirs with no other.
    pub isolated: Vec<String>,
    /// Globs over case names: tests that need a kernel of their own machine.
    pub needs_kernel: Vec<String>,
}

/// One case of a guest.
#[derive(Debug, Clone)]
pub struct GuestCase {
    /// Its whole name within the suite.
    pub name: String,
    /// How it is called and compared.
    pub plan: PlannedCase,
}

impl Guest {
    /// Whether a test of this binary needs a kernel of its own machine.
    pub(super) fn needs_kernel(&self, case: &str) -> bool {
        self.cases.iter().any(|case| case.plan.needs_kernel)
            || self.needs_kernel.iter().any(|glob| crate::pattern::glob(glob, case))
    }
}

/// What is known about targets before anything is built.
pub(crate) struct Guests {
    pub(super) toolchain: Option<Toolchain>,
    /// The rustc that built what was built elsewhere.
    given_rustc: Option<String>,
    /// The host as a target.
    pub(crate) host: Target,
    /// By target, and by whether a kernel of its own is needed.
    blocked: HashMap<Way, Blocked>,
    kinds: HashMap<Way, Kind>,
    threads: HashMap<Way, Threads>,
    /// The needs that cases of this run have.
    needs: Vec<bool>,
    /// The targets on which some case needs a kernel.
    with_kernel: Vec<String>,
}

/// A target, and whether what runs there needs a kernel of its own machine.
type Way = (String, bool);

impl Guests {
    /// Finds the toolchain where a suite needs one, and the targets that cannot be run here at all.
    pub(crate) fn prepare(run: &Run<'_>) -> Result<Self> {
        let is_built_here = |suite: &PlannedSuite| {
            matches!(suite.origin, Origin::Cargo(_)) && run.plan.wants_suite(&suite.name)
        };
        let wants_cargo = run.given.is_none() && run.plan.suites.iter().any(is_built_here);
        let targets: Vec<Target> = run.plan.targets.iter().map(|planned| planned.target.clone()).collect();
        let toolchain = wants_cargo.then(|| toolchain(run, &targets)).transpose()?;
        let host = Target::parse(run.host.triple())
            .map_err(|error| Error::world(format!("this host's own triple is not known: {error}")))?;
        let (mut blocked, mut kinds, mut threads) = (HashMap::new(), HashMap::new(), HashMap::new());
        let needs = run.plan.needs();
        for (planned, needed) in
            run.plan.targets.iter().flat_map(|it| needs.iter().map(move |needed| (it, *needed)))
        {
            let way = (planned.target.to_string(), needed);
            match lookup(run.host, &planned.target, None, &planned.with_kernel(needed).options) {
                Decision::Run(launch, _) => {
                    let version = || run.host.version(launch.emulator.program.as_deref()?);
                    threads
                        .insert(way.clone(), spread::threads_of(launch.emulator.kind, version().as_deref()));
                    kinds.insert(way, launch.emulator.kind);
                }
                Decision::Cannot(reason, _) => {
                    let fix = fix(&reason, &planned.target);
                    blocked.insert(way, Blocked { reason: reason.text, fix });
                }
            }
        }
        let with_kernel = run.plan.kernel_targets().map(|planned| planned.target.to_string()).collect();
        let given_rustc = run.given.and_then(|given| given.rustc.clone());
        Ok(Self { toolchain, given_rustc, host, blocked, kinds, threads, needs, with_kernel })
    }

    /// Why nothing of this target can be run, if so.
    pub(crate) fn blocked(&self, target: &Target) -> Option<&Blocked> {
        // Where the manifest leaves out all that needs a kernel, nobody misses one.
        let is_met = |needed: &&bool| !**needed || self.with_kernel.contains(&target.to_string());
        let found = self.needs.iter().filter(is_met).map(|needed| self.blocked_for(target, *needed));
        found.collect::<Option<Vec<_>>>()?.first().copied()
    }

    /// Why nothing of this target can be run that needs a kernel, or does not, if so.
    pub(super) fn blocked_for(&self, target: &Target, needed: bool) -> Option<&Blocked> {
        self.blocked.get(&(target.to_string(), needed))
    }

    /// The kind of emulator that runs on this target what needs a kernel or does not, as far as the triple tells.
    pub(crate) fn kind(&self, target: &Target, needed: bool) -> Option<Kind> {
        self.kinds.get(&(target.to_string(), needed)).copied()
    }

    /// Who decides on the test threads of this target's test binaries.
    pub(crate) fn threads(&self, target: &Target, needed: bool) -> Threads {
        self.threads.get(&(target.to_string(), needed)).copied().unwrap_or(Threads::Ours)
    }

    /// The rustc of this run, as it names itself.
    pub(crate) fn rustc(&self) -> Option<String> {
        let here = self.toolchain.as_ref().map(|toolchain| {
            toolchain.version.text.lines().next().unwrap_or(&toolchain.version.release).to_owned()
        });
        here.or_else(|| self.given_rustc.clone())
    }

    /// Records every suite of every blocked target as not run.
    pub(crate) fn report_blocked(&self, run: &Run<'_>, recorder: &mut Recorder<'_>) -> Result<()> {
        for planned in &run.plan.targets {
            let Some(blocked) = self.blocked(&planned.target) else { continue };
            for suite in run.plan.suites.iter().filter(|suite| run.plan.wants_suite(&suite.name)) {
                recorder.record(Event::NotRun(blocked.not_run(&suite.name, "*", &planned.target)))?;
            }
        }
        Ok(())
    }
}

/// The rustc under which both sides are built.
fn toolchain(run: &Run<'_>, targets: &[Target]) -> Result<Toolchain> {
    let triples: Vec<&str> = targets.iter().map(Target::triple).collect();
    Toolchain::detect_for(run.host, &run.plan.root, &triples).map_err(|error| {
        let hints = error.hints();
        hints
            .into_iter()
            .fold(Error::world("there is no usable Rust toolchain").caused_by(error), Error::hint)
    })
}

/// The guest that a program is, with the cases that the filters select.
pub(super) fn guest(run: &Run<'_>, suite: &PlannedSuite, piece: &Piece) -> Guest {
    let refinement = suite.refinement(&piece.name);
    let is_test = matches!(piece.kind, ProgramKind::CargoTest { .. } | ProgramKind::CargoDoc { .. });
    let name = |case: &PlannedCase| match (&case.name, piece.name.as_str()) {
        (Some(case), "") => case.clone(),
        (Some(case), program) => format!("{program}::{case}"),
        (None, program) => program.to_owned(),
    };
    let cases: Vec<GuestCase> = refinement
        .cases
        .iter()
        .map(|case| GuestCase { name: name(case), plan: case.clone() })
        .filter(|case| is_test || run.plan.wants(&suite.name, &case.name))
        // Of libtest's binaries each test has its own shard.
        .filter(|case| piece.kind.is_libtest() || run.plan.owns(&suite.name, &case.name))
        .collect();
    let (test_args, isolation, isolated, needs_kernel) = match &suite.origin {
        Origin::Cargo(origin) => {
            let globs = (origin.isolated.clone(), origin.needs_kernel.clone());
            (origin.test_args.clone(), origin.isolation, globs.0, globs.1)
        }
        Origin::C { .. } | Origin::Prebuilt { .. } | Origin::Command { .. } => Default::default(),
    };
    Guest {
        suite: suite.name.clone(),
        program: piece.name.clone(),
        kind: piece.kind.clone(),
        cases,
        test_args,
        isolation,
        isolated,
        needs_kernel,
    }
}

/// The command that would remove the obstacle.
pub(crate) fn fix(reason: &Reason, target: &Target) -> Option<String> {
    match reason.obstacle {
        Obstacle::NotInstalled | Obstacle::LibraryMissing if !reason.missing.is_empty() => {
            let is_system = reason.missing.iter().any(|piece| matches!(piece, Missing::GuestSystem(_)));
            Some(if is_system { systems::command(target) } else { format!("triplecheck setup {target}") })
        }
        Obstacle::NotInstalled
        | Obstacle::LibraryMissing
        | Obstacle::NoEmulator
        | Obstacle::WrongTarget
        | Obstacle::NotAProgram
        | Obstacle::Forbidden => None,
    }
}

/// The decision for a file that is no program.
pub(crate) fn unreadable(path: &Path, error: &UnreadableBinary) -> Decision {
    let reason = Reason {
        obstacle: Obstacle::NotAProgram,
        text: format!("`{}` cannot be run: {error}", path.display()),
        missing: Vec::new(),
    };
    Decision::Cannot(reason, Vec::new())
}
