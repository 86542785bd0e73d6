//! Carries out a plan, step by step. A step that fails takes with it those that need it, and no others.

use std::time::Duration;

use triplecheck_emulators::host::Host;
use triplecheck_emulators::target::Target;

use super::plan::{Action, Plan, Step};
use super::state::State;
use super::{Hooks, Request, unpack};
use crate::toolchain::progress::{Outcome, Progress};
use crate::toolchain::tool::Tool;
use crate::toolchain::{Rustup, Toolchain};

/// How long rustup may take for its downloads.
const RUSTUP_DEADLINE: Duration = Duration::from_secs(30 * 60);

/// What was done and what is missing still.
#[derive(Debug)]
pub struct Report {
    /// Every step that was tried, in order.
    pub steps: Vec<StepReport>,
    /// What a new look at the machine finds missing.
    pub missing: Plan,
}

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepReport {
    /// The step.
    pub step: Step,
    /// Why it failed or was not begun: one sentence. `None` where it did what it should.
    pub failure: Option<String>,
}

impl StepReport {
    /// The targets whose std rustup could not bring.
    pub(super) fn refused_targets(&self) -> Vec<String> {
        match (&self.step.action, &self.failure) {
            (Action::AddTargets(_, triples), Some(_)) => triples.clone(),
            _ => Vec::new(),
        }
    }
}

/// Carries out `plan`.
pub(super) fn execute(
    plan: &Plan,
    state: &State,
    look: &dyn Fn() -> Box<dyn Host>,
    request: &Request<'_>,
    hooks: &mut dyn Hooks,
    progress: &mut dyn Progress,
) -> Vec<StepReport> {
    let mut reports: Vec<StepReport> = Vec::new();
    for step in &plan.steps {
        progress.step(&step.title());
        let broken = step.after.iter().copied().find(|&index| reports[index].failure.is_some());
        let failure = if let Some(index) = broken {
            let why = format!("it needs a step that failed: {}", reports[index].step.title());
            progress.done(Outcome::Skipped(&why));
            Some(why)
        } else if step.ours {
            let failure = act(&step.action, state, look, request, hooks, progress).err();
            progress.done(failure.as_deref().map_or(Outcome::Done, Outcome::Failed));
            failure
        } else {
            let why = format!("run it yourself: {}", step.command);
            progress.done(Outcome::Skipped(&why));
            Some(why)
        };
        reports.push(StepReport { step: step.clone(), failure });
    }
    reports
}

/// One step. The error is one sentence, or cargo's own words.
fn act(
    action: &Action,
    state: &State,
    look: &dyn Fn() -> Box<dyn Host>,
    request: &Request<'_>,
    hooks: &mut dyn Hooks,
    progress: &mut dyn Progress,
) -> Result<(), String> {
    match action {
        Action::Packages(names) => state.system.install(names, progress),
        Action::UnpackQemu { suffixes, into } => {
            unpack::qemu(suffixes, into, progress).map_err(|error| error.to_string())
        }
        Action::AddTargets(tool, triples) => {
            let words = ["target", "add", "--toolchain", &tool.toolchain];
            let words = words.into_iter().chain(triples.iter().map(String::as_str));
            rustup(tool, words, progress)
        }
        Action::AddSource(tool) => {
            rustup(tool, ["component", "add", "--toolchain", &tool.toolchain, "rust-src"], progress)
        }
        Action::BuildStd(triple) => {
            let toolchain = builder(state, look, request)?;
            toolchain.build_std_for_triple(triple, progress).map(|_| ()).map_err(|error| with_sources(&error))
        }
        Action::Prepare(preparation) => hooks.prepare(preparation),
    }
}

/// The toolchain that builds std: the one that was found at first, if it has the sources by now, else the one that
/// a step before this one has installed.
fn builder(
    state: &State,
    look: &dyn Fn() -> Box<dyn Host>,
    request: &Request<'_>,
) -> Result<Toolchain, String> {
    if let Some(toolchain) = state.toolchain.as_ref().filter(|toolchain| toolchain.has_source()) {
        return Ok(toolchain.clone());
    }
    let triples: Vec<&str> = request.targets.iter().map(Target::triple).collect();
    Toolchain::detect_for(&*look(), request.project_dir, &triples).map_err(|error| with_sources(&error))
}

/// Calls rustup and reports its first complaint.
fn rustup<'a>(
    rustup: &Rustup,
    words: impl IntoIterator<Item = &'a str>,
    progress: &mut dyn Progress,
) -> Result<(), String> {
    let tool = Tool::new(&rustup.program).args(words).deadline(RUSTUP_DEADLINE);
    let ended = tool
        .stream(|line| progress.detail(line.trim().trim_start_matches("info: ")))
        .map_err(|error| with_sources(&error))?;
    if ended.success { Ok(()) } else { Err(rustup_complaint(&ended.tail)) }
}

/// rustup's first error, in one line.
fn rustup_complaint(tail: &str) -> String {
    let error = tail.lines().find_map(|line| line.trim().strip_prefix("error: "));
    error.or_else(|| tail.lines().last()).unwrap_or("rustup failed without a word").to_owned()
}

/// An error with what caused it, in one line.
fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rustups_first_error_is_its_complaint() {
        let tail = "info: syncing\nerror: could not download file\nCaused by: dns";
        assert_eq!(rustup_complaint(tail), "could not download file");
        assert_eq!(rustup_complaint(""), "rustup failed without a word");
    }
}
