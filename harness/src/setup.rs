//! Set-up: from what targets need and what is there to the steps that are missing, and their execution.
//!
//! [`State::observe`] looks, [`plan()`] decides and is pure, `execute` acts and only when it was allowed to. Doctor
//! shows the same plan without acting. Nothing is installed that no wanted target needs; what can be had without
//! touching the system (a static qemu, a private std) is not installed into it.

pub(crate) mod archive;
mod execute;
mod given;
mod initramfs;
mod kernels;
pub(crate) mod newer;
mod packages;
mod packed;
mod plan;
mod reuse;
mod state;
pub mod systems;
mod unpack;

use std::path::Path;

use triplecheck_emulators::host::Host;
use triplecheck_emulators::launch::Preparation;
use triplecheck_emulators::target::Target;

use execute::execute;
pub use execute::{Report, StepReport};
pub use packages::{Manager, System};
pub use plan::{Action, Plan, Step, plan};
pub use state::{RunState, State, TargetState, Wants};

use crate::toolchain::progress::Progress;

/// What set-up is asked for.
#[derive(Debug)]
pub struct Request<'a> {
    /// The project whose toolchain counts.
    pub project_dir: &'a Path,
    /// The targets that should be buildable and runnable afterwards.
    pub targets: &'a [Target],
    /// What should be possible for each.
    pub wants: Wants,
}

/// What set-up leaves to its caller.
pub trait Hooks {
    /// Shows the plan and says whether it may be carried out. `--yes` is an answer; so is a question on a terminal.
    fn confirm(&mut self, plan: &Plan) -> Consent;

    /// Makes what an emulator needs before its first start (a Wine prefix). The error is one sentence.
    fn prepare(&mut self, preparation: &Preparation) -> Result<(), String>;
}

/// An answer to a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// Do it.
    Yes,
    /// Do nothing: the user said no.
    No,
    /// Do nothing: there is no one to ask (no terminal and no `--yes`).
    NobodyToAsk,
}

/// How set-up ended.
#[derive(Debug)]
pub enum Ended {
    /// Nothing was missing.
    Complete,
    /// The plan was shown and not carried out.
    Refused(Plan, Consent),
    /// It was carried out; the report says how, and what is missing still.
    Ran(Report),
}

impl Ended {
    /// The exit status: 0 when all wanted targets are ready, 69 when something is missing still.
    pub fn status(&self) -> u8 {
        match self {
            Self::Complete => 0,
            Self::Refused(..) => 69,
            Self::Ran(report) => {
                if report.missing.is_complete() {
                    0
                } else {
                    69
                }
            }
        }
    }
}

/// How often set-up looks and acts. The second round makes what the first one's packages call for (a Wine prefix), or
/// builds the stds that rustup could not bring; a third has never been needed, and more would go round in circles.
const ROUNDS_MAX: usize = 3;

/// Sets up everything that `request` asks for: looks, plans, asks once, acts, and looks again.
///
/// `look` gives a host that has not yet seen anything: hosts remember what they found, and what is installed here has
/// to be found afterwards.
pub fn setup(
    look: &dyn Fn() -> Box<dyn Host>,
    request: &Request<'_>,
    hooks: &mut dyn Hooks,
    progress: &mut dyn Progress,
) -> Ended {
    let state = State::observe(&*look(), request);
    let mut planned = plan(&state);
    if planned.steps.is_empty() && planned.impossible.is_empty() {
        return Ended::Complete;
    }
    if planned.steps.is_empty() {
        return Ended::Ran(Report { steps: Vec::new(), missing: planned });
    }
    planned.measure(&state.system);
    match hooks.confirm(&planned) {
        Consent::Yes => Ended::Ran(act(look, request, state, planned, hooks, progress)),
        refused => Ended::Refused(planned, refused),
    }
}

/// Carries out the plan, and then what it has made possible.
fn act(
    look: &dyn Fn() -> Box<dyn Host>,
    request: &Request<'_>,
    mut state: State,
    mut planned: Plan,
    hooks: &mut dyn Hooks,
    progress: &mut dyn Progress,
) -> Report {
    let mut steps: Vec<StepReport> = Vec::new();
    for _ in 0..ROUNDS_MAX {
        let tried = execute(&planned, &state, look, request, hooks, progress);
        let refused = tried.iter().flat_map(StepReport::refused_targets).collect::<Vec<_>>();
        steps.extend(tried);
        state = State::observe(&*look(), request);
        state.refused = refused;
        planned = plan(&state);
        let new = |step: &Step| !step.needs_root && steps.iter().all(|done| done.step.action != step.action);
        if !planned.steps.iter().any(new) {
            break;
        }
        planned.keep(new);
    }
    state.refused.clear();
    Report { steps, missing: plan(&state) }
}
