//! What is there, missing or broken, target by target, with the fix. Changes nothing.
//!
//! It looks with set-up's eyes and shows set-up's plan, so that what doctor finds is what set-up mends. Whether an
//! emulator that is there works is shown by running something in it, which is left to the caller's [`Sentinel`].

mod made;

use triplecheck_emulators::host::Host;
use triplecheck_emulators::lookup::Options;
use triplecheck_emulators::target::Target;

use crate::setup::{Plan, Request, RunState, State, plan, systems};
use crate::toolchain::Std;

/// Runs a small program for a target in its emulator.
pub trait Sentinel {
    /// Runs it. `None` where there is none to run for this target, an error of one sentence where it failed.
    fn run(&mut self, target: &Target) -> Option<Result<(), String>>;
}

/// What doctor found.
#[derive(Debug)]
pub struct Examination {
    /// The toolchain: a sentence about what was found, or about why there is none.
    pub rust: Result<String, String>,
    /// Each target.
    pub targets: Vec<TargetHealth>,
    /// Each guest system of these targets that has been made.
    pub systems: Vec<SystemHealth>,
    /// What set-up would do.
    pub plan: Plan,
}

/// What was found for one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetHealth {
    /// The triple.
    pub triple: String,
    /// Each thing that was looked at.
    pub checks: Vec<Check>,
    /// The commands that mend it, in order.
    pub fixes: Vec<String>,
}

/// What was found of one guest system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemHealth {
    /// The machine of its kernel.
    pub machine: &'static str,
    /// Each thing that was looked at.
    pub checks: Vec<Check>,
    /// The commands that mend it.
    pub fixes: Vec<String>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// `std`, `linker`, `C compiler`, `emulator`, `sentinel`, `guest system`; of a guest system `qemu`, `accelerator`,
    /// `kernel`.
    pub what: &'static str,
    /// How it is.
    pub health: Health,
    /// One sentence, lower-case, without a final stop.
    pub text: String,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It is there, and works as far as was tried.
    Good,
    /// It is missing.
    Missing,
    /// It is there and does not work.
    Broken,
}

impl TargetHealth {
    /// Whether everything is good.
    pub fn is_good(&self) -> bool {
        self.checks.iter().all(|check| check.health == Health::Good)
    }
}

impl Examination {
    /// Whether everything is good.
    pub fn is_good(&self) -> bool {
        let checks = self.systems.iter().flat_map(|system| &system.checks);
        self.targets.iter().all(TargetHealth::is_good)
            && checks.into_iter().all(|check| check.health == Health::Good)
    }
}

/// Examines every target of `request`.
pub fn examine(host: &dyn Host, request: &Request<'_>, sentinel: &mut dyn Sentinel) -> Examination {
    let state = State::observe(host, request);
    let plan = plan(&state);
    let rust = match (&state.rust, &state.toolchain) {
        (Ok(rust), Some(toolchain)) => Ok(format!("rustc {} at {}", rust.release, toolchain.rustc.display())),
        (Ok(rust), None) => Ok(format!("rustc {}", rust.release)),
        (Err(text), _) => Err(text.clone()),
    };
    let mut targets = health(&state, &plan);
    for (found, target) in targets.iter_mut().zip(request.targets) {
        if request.wants.run && systems::is_lacking(host, target, &Options::default()) {
            found.fixes.push(systems::command(target));
        }
        let runs = found.checks.iter().any(|check| check.what == "emulator" && check.health == Health::Good);
        let result = if runs { sentinel.run(target) } else { None };
        found.checks.extend(result.map(|result| match result {
            Ok(()) => Check { what: "sentinel", health: Health::Good, text: "ran as it should".to_owned() },
            Err(text) => Check { what: "sentinel", health: Health::Broken, text },
        }));
    }
    Examination { rust, targets, systems: made::examine(host, request.targets), plan }
}

/// Each target's checks. Pure.
pub fn health(state: &State, plan: &Plan) -> Vec<TargetHealth> {
    let of_target = |target: &crate::setup::TargetState| {
        let mut checks = Vec::new();
        let mut add = |what, health, text: String| checks.push(Check { what, health, text });
        match &target.std {
            Some(Std::Installed) => add("std", Health::Good, "installed with the toolchain".to_owned()),
            Some(Std::Private(path)) => {
                add("std", Health::Good, format!("built by us in {}", path.display()));
            }
            Some(Std::Missing { why, .. }) => add("std", Health::Missing, why.clone()),
            None => {}
        }
        for (what, wanted, found) in
            [("linker", state.wants.rust, &target.linker), ("C compiler", state.wants.c, &target.cc)]
        {
            match found {
                Ok(()) if wanted => add(what, Health::Good, "found".to_owned()),
                Ok(()) => {}
                Err(unbuildable) => add(what, Health::Missing, unbuildable.text.clone()),
            }
        }
        match &target.run {
            RunState::Ready(kind) => add("emulator", Health::Good, kind.to_string()),
            RunState::Prepare(kind, _) => {
                add("emulator", Health::Good, format!("{kind}, to be prepared at its first start"));
            }
            RunState::Lacks { text, .. } | RunState::Never(text) => {
                add("emulator", Health::Missing, text.clone());
            }
        }
        let is_good = checks.iter().all(|check: &Check| check.health == Health::Good);
        let fixes = if is_good { Vec::new() } else { fixes(plan, &target.triple) };
        TargetHealth { triple: target.triple.clone(), checks, fixes }
    };
    state.targets.iter().map(of_target).collect()
}

/// The commands that mend a target.
fn fixes(plan: &Plan, triple: &str) -> Vec<String> {
    let steps = plan.steps.iter().filter(|step| step.targets.iter().any(|name| name == triple));
    let advice = plan.impossible.iter().filter(|item| item.triple == triple).flat_map(|item| &item.advice);
    steps.map(|step| step.command.clone()).chain(advice.cloned()).collect()
}
