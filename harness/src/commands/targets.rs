//! `triplecheck targets`: every target that rustc knows, and whether it can be run here.

use std::io::Write;

use serde::Serialize;
use triplecheck_emulators::lookup::{Decision, Options, lookup};
use triplecheck_emulators::target::Target;

use crate::cli::TargetsArgs;
use crate::error::{Error, Result};
use crate::toolchain::Std;

#[derive(Serialize)]
struct Row<'a> {
    target: &'a str,
    tier: u8,
    runs: bool,
    emulator: Option<String>,
    std: &'static str,
    reason: Option<&'a str>,
}

/// Lists the targets; the counts go to standard error, being talk.
pub fn targets(args: &TargetsArgs, out: &mut dyn Write, talk: &mut dyn Write) -> Result<u8> {
    let host = super::host();
    let toolchain = crate::toolchain::Toolchain::detect(&host, std::path::Path::new("."));
    let print = |error| Error::world("cannot print").caused_by(error);
    let (mut running, mut all) = (0, 0);
    for target in Target::all() {
        let decision = lookup(&host, &target, None, &Options::default());
        let std = match &toolchain {
            Ok(toolchain) => match toolchain.std_for(&target) {
                Std::Installed => "installed",
                Std::Private(_) => "private",
                Std::Missing { .. } => "missing",
            },
            Err(_) => "no rustc",
        };
        all += 1;
        let row = match &decision {
            Decision::Run(launch, _) => {
                running += 1;
                let emulator = Some(launch.emulator.kind.to_string());
                Row {
                    target: target.triple(),
                    tier: target.facts().tier,
                    runs: true,
                    emulator,
                    std,
                    reason: None,
                }
            }
            Decision::Cannot(_, _) if args.runnable => continue,
            Decision::Cannot(reason, _) => Row {
                target: target.triple(),
                tier: target.facts().tier,
                runs: false,
                emulator: None,
                std,
                reason: Some(&reason.text),
            },
        };
        if args.json {
            let line = serde_json::to_string(&row)
                .map_err(|error| Error::ours("cannot write a target as JSON").caused_by(error))?;
            writeln!(out, "{line}").map_err(print)?;
        } else {
            let how = row.emulator.as_deref().or(row.reason).unwrap_or_default();
            let mark = if row.runs { "runs" } else { "-" };
            writeln!(out, "{:40} {mark:5} std {std:10} {how}", row.target).map_err(print)?;
        }
    }
    writeln!(talk, "{running} of {all} targets run here").map_err(print)?;
    Ok(0)
}
