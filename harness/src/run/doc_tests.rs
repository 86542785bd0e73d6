//! Documentation tests: cargo runs them, with the hook in front of each, and what it prints is read.

use std::path::Path;
use std::time::Duration;

use triplecheck_emulators::launch::Kind;
use triplecheck_emulators::lookup::{Decision, lookup};

use super::Blocked;
use super::board::{Doing, Label};
use super::cell::{Start, Starter};
use super::schedule::Done;
use super::tests_batch::{BadEnd, Tests, told};
use crate::build::doc::DocCall;
use crate::error::Result;
use crate::libtest::{self, Standing};
use crate::observation::End;
use crate::plan::PlannedTarget;

/// The lines of cargo's that are told where there were no tests.
const TOLD_LINES: usize = 6;

/// Runs all documentation tests for a target.
pub(super) fn run(
    starter: &Starter<'_>,
    planned: &PlannedTarget,
    host: &PlannedTarget,
    cargo: &Path,
    call: &DocCall,
    (deadline, label): (Duration, Label<'_>),
) -> Result<Done> {
    if let Some(variant) = planned.target.variant() {
        // cargo knows one runner for each triple.
        let reason = format!("documentation tests run on the default CPU model only, not on `{variant}`");
        return Ok(Done::Blocked(Blocked { reason, fix: None }));
    }
    let start = Start {
        program: cargo,
        args: &call.args,
        env: call.env.clone(),
        stdin: None,
        files: &[],
        dir: Some(&call.dir),
        deadline,
        label: Label { doing: Doing::Documentation, ..label },
        varied: false,
    };
    let observation = starter.start_tool(host, &start)?;
    let Some(run) = libtest::parse_text(&observation.stdout) else {
        let told = String::from_utf8_lossy(&observation.stderr);
        let lines: Vec<&str> = told.lines().collect();
        let reason = match observation.end {
            End::Interrupted => "the run was interrupted".to_owned(),
            _ => format!(
                "cargo ran no documentation tests: {}",
                lines[lines.len().saturating_sub(TOLD_LINES)..].join("\n")
            ),
        };
        return Ok(Done::Blocked(Blocked { reason, fix: None }));
    };
    let kind = match lookup(starter.host(), &planned.target, None, &planned.options) {
        Decision::Run(launch, _) => launch.emulator.kind,
        Decision::Cannot(..) => Kind::Native,
    };
    let bad_end = match run.standing(observation.end.is_success()) {
        Standing::Whole => None,
        Standing::EndedBadly | Standing::Broken => {
            Some(BadEnd { told: format!("cargo: {}", told(&observation)), during: run.unfinished })
        }
    };
    Ok(Done::Tests(Tests {
        bad_ends: bad_end.into_iter().filter(|_| observation.end != End::Interrupted).collect(),
        outcomes: run.outcomes,
        durations_ms: run.durations_ms,
        wall: observation.wall,
        kind: Some(kind),
        ..Tests::default()
    }))
}
