//! From suites to guests: what can be built and run for which target, and why not otherwise.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::Instant;

use triplecheck_emulators::binary::UnreadableBinary;
use triplecheck_emulators::launch::Kind;
use triplecheck_emulators::lookup::{Decision, Obstacle, Reason, lookup};
use triplecheck_emulators::target::Target;

use super::{Blocked, Recorder, Run, millis};
use crate::build::c::CTarget;
use crate::build::cargo::CargoBuild;
use crate::build::{self, Built, ProgramKind};
use crate::error::{Error, Result};
use crate::events::Event;
use crate::plan::{Origin, PlannedCase, PlannedSuite};
use crate::toolchain::{self, CargoTarget, Fix, Toolchain, Unbuildable};

/// A program with the cases in which it is run.
#[derive(Debug, Clone)]
pub struct Guest {
    /// The suite's name.
    pub suite: String,
    /// The program's name; empty for a library's unit tests.
    pub program: String,
    /// Its file for each target, by target as text.
    pub files: BTreeMap<String, PathBuf>,
    /// What kind of program it is.
    pub kind: ProgramKind,
    /// Its cases that the filters select.
    pub cases: Vec<GuestCase>,
    /// Words for a libtest binary.
    pub test_args: Vec<String>,
    /// Whether its tests share a process.
    pub isolation: crate::manifest::Isolation,
}

/// One case of a guest.
#[derive(Debug, Clone)]
pub struct GuestCase {
    /// Its whole name within the suite.
    pub name: String,
    /// How it is called and compared.
    pub plan: PlannedCase,
}

/// What is known about targets before anything is built.
pub(crate) struct Guests {
    toolchain: Option<Toolchain>,
    /// The host as a target.
    pub(crate) host: Target,
    blocked: HashMap<String, Blocked>,
    kinds: HashMap<String, Kind>,
}

impl Guests {
    /// Finds the toolchain where a suite needs one, and the targets that cannot be run here at all.
    pub(crate) fn prepare(run: &Run<'_>) -> Result<Self> {
        let wants_cargo = run
            .plan
            .suites
            .iter()
            .any(|suite| matches!(suite.origin, Origin::Cargo(_)) && run.plan.wants_suite(&suite.name));
        let targets: Vec<Target> = run.plan.targets.iter().map(|planned| planned.target.clone()).collect();
        let toolchain = wants_cargo.then(|| toolchain(run, &targets)).transpose()?;
        let host = Target::parse(run.host.triple())
            .map_err(|error| Error::world(format!("this host's own triple is not known: {error}")))?;
        let (mut blocked, mut kinds) = (HashMap::new(), HashMap::new());
        for planned in &run.plan.targets {
            let name = planned.target.to_string();
            match lookup(run.host, &planned.target, None, &planned.options) {
                Decision::Run(launch, _) => {
                    kinds.insert(name, launch.emulator.kind);
                }
                Decision::Cannot(reason, _) => {
                    let fix = fix(&reason, &planned.target);
                    blocked.insert(name, Blocked { reason: reason.text, fix });
                }
            }
        }
        Ok(Self { toolchain, host, blocked, kinds })
    }

    /// Why nothing of this target can be run, if so.
    pub(crate) fn blocked(&self, target: &Target) -> Option<&Blocked> {
        self.blocked.get(&target.to_string())
    }

    /// The kind of emulator that runs this target, as far as the triple tells.
    pub(crate) fn kind(&self, target: &Target) -> Option<Kind> {
        self.kinds.get(&target.to_string()).copied()
    }

    /// The rustc of this run, as it names itself.
    pub(crate) fn rustc(&self) -> Option<String> {
        self.toolchain.as_ref().map(|toolchain| {
            toolchain.version.text.lines().next().unwrap_or(&toolchain.version.release).to_owned()
        })
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

    /// Builds every suite that the filters want.
    pub(crate) fn build(&mut self, run: &Run<'_>, recorder: &mut Recorder<'_>) -> Result<Vec<Guest>> {
        let mut guests = Vec::new();
        for suite in run.plan.suites.iter().filter(|suite| run.plan.wants_suite(&suite.name)) {
            let targets: Vec<Target> = run
                .plan
                .targets
                .iter()
                .map(|planned| planned.target.clone())
                .filter(|target| self.blocked(target).is_none())
                .collect();
            let what = describe(&suite.origin, targets.len() + 1);
            recorder.record(Event::BuildStarted { suite: suite.name.clone(), what })?;
            let begun = Instant::now();
            let built = match &suite.origin {
                Origin::Cargo(_) => self.build_cargo(run, suite, &targets, recorder)?,
                Origin::C { sources } => self.build_c(run, suite, sources, &targets, recorder)?,
                Origin::Prebuilt { paths } => build::resolve(&suite.name, paths, &self.host, &targets),
                Origin::Command { words } => command(run, suite, words, &self.host, &targets)?,
            };
            let duration_ms = millis(begun.elapsed());
            let failures = built.failures.clone();
            recorder.record(Event::BuildFinished { suite: suite.name.clone(), duration_ms, failures })?;
            guests.extend(select(run, suite, built));
        }
        Ok(guests)
    }

    fn build_cargo(
        &self,
        run: &Run<'_>,
        suite: &PlannedSuite,
        targets: &[Target],
        recorder: &mut Recorder<'_>,
    ) -> Result<Built> {
        let Origin::Cargo(origin) = &suite.origin else { return Ok(Built::default()) };
        let toolchain =
            self.toolchain.as_ref().ok_or_else(|| Error::ours("no toolchain for a cargo suite"))?;
        let mut buildable: Vec<CargoTarget> = Vec::new();
        for target in std::iter::once(&self.host).chain(targets) {
            match toolchain.cargo_target(run.host, target) {
                Ok(cargo_target) => buildable.push(cargo_target),
                Err(unbuildable) => not_built(suite, target, unbuildable, &self.host, recorder)?,
            }
        }
        let target_dir = run.build_dir.join("cargo");
        if origin.doc {
            let program = build::doc::program(toolchain, origin, &buildable, &target_dir)?;
            return Ok(Built { programs: vec![program], failures: Vec::new() });
        }
        let call = CargoBuild { toolchain, origin, targets: &buildable, target_dir: &target_dir };
        build::cargo::build(&call)
    }

    fn build_c(
        &self,
        run: &Run<'_>,
        suite: &PlannedSuite,
        sources: &[PathBuf],
        targets: &[Target],
        recorder: &mut Recorder<'_>,
    ) -> Result<Built> {
        let mut buildable = Vec::new();
        for target in std::iter::once(&self.host).chain(targets) {
            match toolchain::cc(run.host, target, &self.host) {
                Ok(cc) => buildable.push(CTarget {
                    target: target.to_string(),
                    cc,
                    exe_suffix: target.facts().exe_suffix,
                }),
                Err(unbuildable) => not_built(suite, target, unbuildable, &self.host, recorder)?,
            }
        }
        build::c::build(suite, sources, &buildable, &run.build_dir.join("c"), run.jobs)
    }
}

/// A target for which a suite cannot be built is not run, with the fix; without the host nothing can be
/// compared at all, which is an error.
fn not_built(
    suite: &PlannedSuite,
    target: &Target,
    unbuildable: Unbuildable,
    host: &Target,
    recorder: &mut Recorder<'_>,
) -> Result<()> {
    if target == host {
        let error = Error::world(format!(
            "the native side of `{}` cannot be built: {}",
            suite.name, unbuildable.text
        ));
        return Err(fix_of(&unbuildable, target).into_iter().fold(error, Error::hint));
    }
    let fix = fix_of(&unbuildable, target);
    let blocked = Blocked { reason: unbuildable.text, fix };
    recorder.record(Event::NotRun(blocked.not_run(&suite.name, "*", target)))
}

/// The command, or the advice, that would make a target buildable.
fn fix_of(unbuildable: &Unbuildable, target: &Target) -> Option<String> {
    let advice = unbuildable.fixes.iter().find_map(|fix| match fix {
        Fix::Advise(advice) => Some(advice.clone()),
        Fix::Install(_) | Fix::AddTarget(_) | Fix::AddSource | Fix::BuildStd(_) => None,
    });
    advice.or_else(|| (!unbuildable.fixes.is_empty()).then(|| format!("triplecheck setup {target}")))
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

fn describe(origin: &Origin, targets: usize) -> String {
    match origin {
        Origin::Cargo(origin) if origin.tests => format!("test binaries for {targets} targets"),
        Origin::Cargo(_) => format!("programs for {targets} targets"),
        Origin::C { sources } => format!("{} C programs for {targets} targets", sources.len()),
        Origin::Prebuilt { .. } => "nothing, the files are there".to_owned(),
        Origin::Command { .. } => "nothing, it is a command".to_owned(),
    }
}

/// A host command: the same program for every target, with the triple among its words.
fn command(
    run: &Run<'_>,
    suite: &PlannedSuite,
    words: &[String],
    host: &Target,
    targets: &[Target],
) -> Result<Built> {
    let name = words.first().map_or("", String::as_str);
    let program = if name.contains('/') {
        Some(run.plan.root.join(name))
    } else {
        run.host.find_program(name).map(|program| program.path)
    };
    let Some(program) = program.filter(|program| program.is_file()) else {
        return Err(Error::user(format!("the suite `{}` names no program: `{name}`", suite.name)));
    };
    let files =
        std::iter::once(host).chain(targets).map(|target| (target.to_string(), program.clone())).collect();
    let program = build::Program { name: suite.name.clone(), files, kind: ProgramKind::Plain };
    Ok(Built { programs: vec![program], failures: Vec::new() })
}

/// The guests with the cases that the filters select.
fn select(run: &Run<'_>, suite: &PlannedSuite, built: Built) -> Vec<Guest> {
    let mut guests = Vec::new();
    for program in built.programs {
        let refinement = suite.refinement(&program.name);
        let is_test = matches!(program.kind, ProgramKind::CargoTest { .. } | ProgramKind::CargoDoc { .. });
        let name = |case: &PlannedCase| match (&case.name, program.name.as_str()) {
            (Some(case), "") => case.clone(),
            (Some(case), program) => format!("{program}::{case}"),
            (None, program) => program.to_owned(),
        };
        let cases: Vec<GuestCase> = refinement
            .cases
            .iter()
            .map(|case| GuestCase { name: name(case), plan: case.clone() })
            .filter(|case| is_test || run.plan.wants(&suite.name, &case.name))
            .collect();
        let (test_args, isolation) = match &suite.origin {
            Origin::Cargo(origin) => (origin.test_args.clone(), origin.isolation),
            Origin::C { .. } | Origin::Prebuilt { .. } | Origin::Command { .. } => Default::default(),
        };
        guests.push(Guest {
            suite: suite.name.clone(),
            program: program.name,
            files: program.files,
            kind: program.kind,
            cases,
            test_args,
            isolation,
        });
    }
    guests
}

/// The command that would remove the obstacle.
pub(crate) fn fix(reason: &Reason, target: &Target) -> Option<String> {
    match reason.obstacle {
        Obstacle::NotInstalled | Obstacle::LibraryMissing if !reason.missing.is_empty() => {
            Some(format!("triplecheck setup {target}"))
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
