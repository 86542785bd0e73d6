//! The builds of a run, on a thread of their own: suite after suite, each program told to the coordinator as soon as it
//! may be run, so that guests run while others are built.
//!
//! What cargo builds may be run when cargo has built all of it, as under `cargo test`: a program may start others of its
//! package by their path, and cargo puts them there, or replaces them, until its last call has ended.
//!
//! Documentation tests come last: cargo itself runs them, and would wait for a build that holds its directory.

use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Instant;

use triplecheck_emulators::target::Target;

use super::guests::Guests;
use super::schedule::News;
use super::{Blocked, Run, millis};
use crate::build::c::{CTarget, Programs};
use crate::build::cargo::CargoBuild;
use crate::build::{self, Piece, ProgramKind, Told};
use crate::built::Given;
use crate::error::{Error, Result};
use crate::events::{BuildFailure, Event};
use crate::plan::{CargoOrigin, Origin, PlannedSuite};
use crate::supervise::StopFlag;
use crate::toolchain::{self, CargoTarget, Fix, Unbuildable};

/// The builds of a run, and who is told.
pub(super) struct Builds<'a> {
    pub(super) run: &'a Run<'a>,
    pub(super) guests: &'a Guests,
    pub(super) news: mpsc::Sender<News>,
    /// Set when nothing more is to be begun.
    pub(super) enough: &'a StopFlag,
}

impl Builds<'_> {
    /// Builds every suite that the filters want, for the targets that can be run here.
    pub(super) fn build(&self) -> Result<()> {
        let targets = self.run.plan.targets.iter().map(|planned| planned.target.clone());
        let targets: Vec<Target> = targets.filter(|target| self.guests.blocked(target).is_none()).collect();
        match self.run.given {
            Some(given) => self.give(given, &targets),
            None => self.build_for(&targets),
        }
    }

    /// Tells of what was built elsewhere.
    fn give(&self, given: &Given, targets: &[Target]) -> Result<()> {
        for (index, suite) in self.run.plan.suites.iter().enumerate() {
            if !self.run.plan.wants_suite(&suite.name) || self.is_over() {
                continue;
            }
            let what = "nothing, it was built before".to_owned();
            self.tell(News::Recorded(Event::BuildStarted { suite: suite.name.clone(), what }));
            let is_wanted = |triple: &str| targets.iter().any(|target| target.to_string() == triple);
            let not_run = given.not_run.iter().filter(|it| it.suite == suite.name && is_wanted(&it.target));
            for not_run in not_run {
                self.tell(News::Recorded(Event::NotRun(not_run.clone())));
            }
            let told = &mut |piece| self.tell(News::Built(index, piece));
            for (_, piece) in given.pieces.iter().filter(|(of, _)| *of == suite.name) {
                self.for_all_models(targets, told, piece);
            }
            if let Origin::Command { words } = &suite.origin {
                self.command(suite, words, targets, told)?;
            }
            let failures = given.failures.iter().filter(|(of, _)| *of == suite.name);
            let failures = failures.map(|(_, failure)| failure.clone()).collect();
            let event = Event::BuildFinished { suite: suite.name.clone(), duration_ms: 0, failures };
            self.tell(News::Recorded(event));
            self.tell(News::SuiteBuilt(index));
        }
        Ok(())
    }

    /// Builds every suite that the filters want, for these targets and the host.
    pub(super) fn build_for(&self, targets: &[Target]) -> Result<()> {
        let is_doc = |suite: &PlannedSuite| matches!(&suite.origin, Origin::Cargo(origin) if origin.doc);
        let wanted = self.run.plan.suites.iter().enumerate();
        let mut wanted: Vec<(usize, &PlannedSuite)> =
            wanted.filter(|(_, suite)| self.run.plan.wants_suite(&suite.name)).collect();
        wanted.sort_by_key(|(_, suite)| is_doc(suite));
        let is_cargo = |suite: &PlannedSuite| matches!(&suite.origin, Origin::Cargo(origin) if !origin.doc);
        let mut cargo_left = wanted.iter().filter(|(_, suite)| is_cargo(suite)).count();
        let mut held = Vec::new();
        for (index, suite) in wanted {
            if self.is_over() {
                break;
            }
            let what = describe(&suite.origin, targets.len() + 1);
            self.tell(News::Recorded(Event::BuildStarted { suite: suite.name.clone(), what }));
            let begun = Instant::now();
            let failures = self.suite(suite, targets, &mut |piece| {
                let built = News::Built(index, piece);
                if is_cargo(suite) { held.push(built) } else { self.tell(built) }
            })?;
            let duration_ms = millis(begun.elapsed());
            // What was ended has not failed, and its suite is not built: that is listed at the end.
            let ended = self.is_over() && !failures.is_empty();
            let failures = if ended { Vec::new() } else { failures };
            let event = Event::BuildFinished { suite: suite.name.clone(), duration_ms, failures };
            self.tell(News::Recorded(event));
            if ended {
                break;
            }
            if is_cargo(suite) {
                held.push(News::SuiteBuilt(index));
                cargo_left -= 1;
            } else {
                self.tell(News::SuiteBuilt(index));
            }
            if cargo_left == 0 {
                for news in held.drain(..) {
                    self.tell(news);
                }
            }
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.run.stop.is_stopped() || self.enough.is_stopped()
    }

    fn tell(&self, news: News) {
        // The coordinator outlives the builds, unless it has given up already.
        let _ = self.news.send(news);
    }

    fn suite(&self, suite: &PlannedSuite, targets: &[Target], told: Told<'_>) -> Result<Vec<BuildFailure>> {
        // What the manifest leaves out on a target need not build there.
        let is_wanted = |target: &&Target| !suite.defaults.is_excepted(target);
        let targets = &targets.iter().filter(is_wanted).cloned().collect::<Vec<_>>();
        match &suite.origin {
            Origin::Cargo(origin) => self.cargo(suite, origin, targets, told),
            Origin::C { sources } => self.c(suite, sources, targets, told),
            Origin::Prebuilt { paths } => {
                Ok(build::resolve(&suite.name, paths, &self.guests.host, targets, told))
            }
            Origin::Command { words } => self.command(suite, words, targets, told),
        }
    }

    fn cargo(
        &self,
        suite: &PlannedSuite,
        origin: &CargoOrigin,
        targets: &[Target],
        told: Told<'_>,
    ) -> Result<Vec<BuildFailure>> {
        let toolchain =
            self.guests.toolchain.as_ref().ok_or_else(|| Error::ours("no toolchain for a cargo suite"))?;
        let mut buildable: Vec<CargoTarget> = Vec::new();
        for target in std::iter::once(&self.guests.host).chain(targets) {
            match toolchain.cargo_target(self.run.host, target) {
                // CPU models of one triple share its programs.
                Ok(known) if buildable.iter().any(|other| other.triple == known.triple) => {}
                Ok(cargo_target) => buildable.push(cargo_target),
                Err(unbuildable) => self.not_built(suite, target, unbuildable)?,
            }
        }
        let told = &mut |piece: Piece| self.for_all_models(targets, told, &piece);
        let target_dir = self.run.build_dir.join("cargo");
        if origin.doc {
            build::doc::pieces(toolchain, origin, &buildable, &target_dir)?.into_iter().for_each(told);
            return Ok(Vec::new());
        }
        let call =
            CargoBuild { toolchain, origin, targets: &buildable, target_dir: &target_dir, stop: self.enough };
        build::cargo::build(&call, told)
    }

    /// Tells of a program for the host and for every CPU model of its triple: they share it.
    fn for_all_models(&self, targets: &[Target], told: Told<'_>, piece: &Piece) {
        if piece.kind == ProgramKind::HostOnly {
            return told(piece.clone());
        }
        let of_triple = targets.iter().filter(|target| target.triple() == piece.target);
        let host = (self.guests.host.triple() == piece.target).then_some(&self.guests.host);
        for target in host.into_iter().chain(of_triple) {
            told(Piece { target: target.to_string(), ..piece.clone() });
        }
    }

    fn c(
        &self,
        suite: &PlannedSuite,
        sources: &[PathBuf],
        targets: &[Target],
        told: Told<'_>,
    ) -> Result<Vec<BuildFailure>> {
        let mut buildable: Vec<CTarget> = Vec::new();
        for target in std::iter::once(&self.guests.host).chain(targets) {
            if buildable.iter().any(|other| other.target == target.triple()) {
                continue;
            }
            match toolchain::cc(self.run.host, target, &self.guests.host) {
                Ok(cc) => buildable.push(CTarget {
                    target: target.triple().to_owned(),
                    cc,
                    exe_suffix: target.facts().exe_suffix,
                }),
                Err(unbuildable) => self.not_built(suite, target, unbuildable)?,
            }
        }
        let told = &mut |piece: Piece| self.for_all_models(targets, told, &piece);
        let is_wanted = |program: &str, triple: &str| {
            let refinement = suite.refinement(program);
            let mut models = targets.iter().filter(|target| target.triple() == triple).peekable();
            models.peek().is_none() || models.any(|target| !refinement.is_excepted(target))
        };
        let programs = Programs { suite, sources, is_wanted: &is_wanted };
        build::c::build(&programs, &buildable, &self.run.build_dir.join(build::c::DIR), self.run.jobs, told)
    }

    /// A host command: the same program for every target, with the triple among its words.
    fn command(
        &self,
        suite: &PlannedSuite,
        words: &[String],
        targets: &[Target],
        told: Told<'_>,
    ) -> Result<Vec<BuildFailure>> {
        let name = words.first().map_or("", String::as_str);
        let program = if name.contains('/') {
            Some(self.run.plan.root.join(name))
        } else {
            self.run.host.find_program(name).map(|program| program.path)
        };
        let Some(program) = program.filter(|program| program.is_file()) else {
            return Err(Error::user(format!("the suite `{}` names no program: `{name}`", suite.name)));
        };
        for target in std::iter::once(&self.guests.host).chain(targets) {
            told(Piece {
                id: suite.name.clone(),
                name: suite.name.clone(),
                kind: ProgramKind::Plain,
                target: target.to_string(),
                file: program.clone(),
            });
        }
        Ok(Vec::new())
    }

    /// A target for which a suite cannot be built is not run, with the fix; without the host nothing can be
    /// compared at all, which is an error.
    fn not_built(&self, suite: &PlannedSuite, target: &Target, unbuildable: Unbuildable) -> Result<()> {
        if *target == self.guests.host {
            let error = Error::world(format!(
                "the native side of `{}` cannot be built: {}",
                suite.name, unbuildable.text
            ));
            return Err(fix_of(&unbuildable, target).into_iter().fold(error, Error::hint));
        }
        let fix = fix_of(&unbuildable, target);
        let blocked = Blocked { reason: unbuildable.text, fix };
        self.tell(News::Recorded(Event::NotRun(blocked.not_run(&suite.name, "*", target))));
        Ok(())
    }
}

/// The command, or the advice, that would make a target buildable.
fn fix_of(unbuildable: &Unbuildable, target: &Target) -> Option<String> {
    let advice = unbuildable.fixes.iter().find_map(|fix| match fix {
        Fix::Advise(advice) => Some(advice.clone()),
        Fix::Install(_) | Fix::AddTarget(_) | Fix::AddSource | Fix::BuildStd(_) => None,
    });
    advice.or_else(|| (!unbuildable.fixes.is_empty()).then(|| format!("triplecheck setup {target}")))
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
