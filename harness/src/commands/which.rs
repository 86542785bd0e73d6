//! `triplecheck which`: the emulator that would run a triple or a file, the command line that can be pasted
//! into a shell, and every candidate that was considered.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;
use triplecheck_emulators::binary::Binary;
use triplecheck_emulators::host::{Host, LocalHost};
use triplecheck_emulators::launch::{EnvChange, Guest, Launch};
use triplecheck_emulators::lookup::{Considered, Decision, Options, lookup, lookup_binary};
use triplecheck_emulators::packages::{self, Distribution, Piece};
use triplecheck_emulators::target::Target;

use crate::cli::WhichArgs;
use crate::error::{Error, Result};
use crate::vm::Wanted;
use crate::vm::snapshot::{self, State};

/// One answer, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Answer {
    schema: u32,
    input: String,
    target: Option<String>,
    host: String,
    decision: &'static str,
    emulator: Option<EmulatorAnswer>,
    command: Vec<String>,
    env: std::collections::BTreeMap<String, Option<String>>,
    sysroot: Option<String>,
    reason: Option<String>,
    install: Vec<String>,
    trace: Vec<Step>,
}

#[derive(Debug, Serialize)]
struct EmulatorAnswer {
    kind: String,
    program: Option<String>,
    version: Option<String>,
    cpu: Option<String>,
    /// Of a guest system: `kvm` or `tcg`. Why not KVM stands in the trace.
    accelerator: Option<&'static str>,
    /// Of a guest system: whether it is `restored` or `booted`. Why it is booted stands in the trace.
    start: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct Step {
    candidate: String,
    outcome: String,
}

/// Answers every input; 126 where one cannot be run, 0 otherwise.
pub fn which(args: &WhichArgs, out: &mut dyn std::io::Write) -> Result<u8> {
    let host = super::host();
    let options = super::options(&args.lookup)?;
    let mut all_run = true;
    for input in &args.inputs {
        let (target, decision, program) = decide(&host, input, &options)?;
        all_run &= matches!(decision, Decision::Run(..));
        let answer = answer(&host, input, target.as_ref(), &decision, &program);
        let text = if args.json {
            let json = serde_json::to_string(&answer);
            json.map_err(|error| Error::ours("cannot write the answer as JSON").caused_by(error))? + "\n"
        } else {
            render(&answer, &decision, &program)
        };
        out.write_all(text.as_bytes()).map_err(|error| Error::world("cannot print").caused_by(error))?;
    }
    Ok(if all_run { 0 } else { 126 })
}

/// The words that stand for the program where only a triple is given.
const PROGRAM: &str = "PROGRAM";

fn decide(
    host: &LocalHost,
    input: &OsStr,
    options: &Options,
) -> Result<(Option<Target>, Decision, OsString)> {
    let path = Path::new(input);
    let looks_like_file = path.exists() || input.to_string_lossy().contains('/');
    if !looks_like_file {
        let target = Target::parse(&input.to_string_lossy()).map_err(crate::plan::unknown_triple)?;
        let options = Options {
            cpu: options.cpu.clone().or_else(|| target.cpu_variant().map(Into::into)),
            ..options.clone()
        };
        let decision = lookup(host, &target, None, &options);
        return Ok((Some(target), decision, PROGRAM.into()));
    }
    let absolute = std::path::absolute(path).map_err(|error| {
        Error::world(format!("cannot name `{}` absolutely", path.display())).caused_by(error)
    })?;
    let binary = Binary::read(&absolute).map_err(|error| {
        let advice = error.advice();
        Error::user(format!("cannot read `{}`", path.display())).caused_by(error).hint(advice)
    })?;
    let target = triplecheck_emulators::lookup::target_of(&binary);
    let decision = lookup_binary(host, &binary, &absolute, options);
    Ok((target, decision, absolute.into_os_string()))
}

fn answer(
    host: &LocalHost,
    input: &OsStr,
    target: Option<&Target>,
    decision: &Decision,
    program: &OsStr,
) -> Answer {
    let mut answer = Answer {
        schema: 1,
        input: input.to_string_lossy().into_owned(),
        target: target.map(ToString::to_string),
        host: host.triple().to_owned(),
        decision: "cannot",
        emulator: None,
        command: Vec::new(),
        env: std::collections::BTreeMap::new(),
        sysroot: None,
        reason: None,
        install: Vec::new(),
        trace: Vec::new(),
    };
    let trace = match decision {
        Decision::Run(launch, trace) => {
            fill(&mut answer, host, launch, program);
            trace
        }
        Decision::Cannot(reason, trace) => {
            answer.reason = Some(reason.text.clone());
            answer.install = install(&reason.missing);
            trace
        }
    };
    answer.trace.splice(0..0, trace.iter().map(step));
    answer
}

fn step(considered: &Considered) -> Step {
    Step { candidate: considered.candidate.clone(), outcome: considered.outcome.clone() }
}

fn fill(answer: &mut Answer, host: &LocalHost, launch: &Launch, program: &OsStr) {
    let text = |word: &OsStr| word.to_string_lossy().into_owned();
    let emulator = &launch.emulator;
    let wanted = Wanted::of_words(&launch.prefix);
    let (start, why) = wanted.as_ref().map(start_of).unzip();
    answer.decision = "run";
    answer.emulator = Some(EmulatorAnswer {
        kind: emulator.kind.to_string(),
        program: emulator.program.as_ref().map(|program| program.display().to_string()),
        version: crate::run::version_of(host, launch),
        cpu: emulator.cpu.clone(),
        accelerator: wanted.map(|wanted| wanted.accelerator.name()),
        start,
    });
    answer.trace.extend(why.map(|outcome| Step { candidate: "snapshot".to_owned(), outcome }));
    let command = launch.command(&Guest { program: Path::new(program), argv0: None, args: &[] });
    answer.command = std::iter::once(command.program.display().to_string())
        .chain(command.args.iter().map(|word| text(word)))
        .collect();
    for change in &command.env {
        match change {
            EnvChange::Set(name, value) | EnvChange::Prepend(name, value, _) => {
                answer.env.insert(text(name), Some(text(value)));
            }
            EnvChange::Remove(name) => {
                answer.env.insert(text(name), None);
            }
        }
    }
    answer.sysroot = launch.sysroot.as_ref().map(|sysroot| sysroot.display().to_string());
}

/// Whether a guest system is restored or booted, and why.
fn start_of(wanted: &Wanted) -> (&'static str, String) {
    let state = snapshot::state(wanted);
    match (&state, state.why_it_is_booted(wanted)) {
        (_, Some(why)) => ("booted", why),
        (State::NotWanted, None) => {
            ("booted", "none is made, since systems boot in no time under KVM".to_owned())
        }
        (State::Usable | State::Missing(_) | State::Unusable(_), None) => ("restored", "chosen".to_owned()),
    }
}

/// The packages of this distribution that bring all pieces.
pub(crate) fn install(pieces: &[Piece]) -> Vec<String> {
    let Some(distribution) = distribution() else { return Vec::new() };
    pieces.iter().flat_map(|piece| packages::packages(*piece, distribution)).collect()
}

/// The one command of this distribution that installs all pieces.
pub(crate) fn install_command(pieces: &[Piece]) -> Option<String> {
    packages::install_command(pieces, distribution()?)
}

fn distribution() -> Option<Distribution> {
    Distribution::detect(&fs_err::read_to_string("/etc/os-release").ok()?)
}

fn render(answer: &Answer, decision: &Decision, program: &OsStr) -> String {
    let mut out = String::new();
    let target = answer.target.as_deref().unwrap_or("no target that rustc knows");
    let named_itself = answer.target.as_deref() == Some(answer.input.as_str());
    let told = if named_itself { String::new() } else { format!("  ({target})") };
    let _ = writeln!(out, "{}{told}", answer.input);
    match decision {
        Decision::Run(launch, _) => {
            if let Some(emulator) = &answer.emulator {
                let parts = [
                    Some(emulator.kind.clone()),
                    emulator.version.clone(),
                    emulator.cpu.clone().map(|cpu| format!("cpu {cpu}")),
                    emulator.accelerator.map(|name| format!("accelerator {name}")),
                    emulator.start.map(|start| format!("({start})")),
                ];
                let _ = writeln!(
                    out,
                    "  runs with  {}",
                    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
                );
            }
            let command = launch.command(&Guest { program: Path::new(program), argv0: None, args: &[] });
            let _ = writeln!(out, "  command    {}", command.to_shell());
            if let Some(sysroot) = &answer.sysroot {
                let _ = writeln!(out, "  sysroot    {sysroot}");
            }
        }
        Decision::Cannot(reason, _) => {
            let _ = writeln!(out, "  cannot run here: {}", reason.text);
            if let Some(command) = install_command(&reason.missing) {
                let _ = writeln!(out, "  try        {command}");
            }
        }
    }
    for step in &answer.trace {
        let _ = writeln!(out, "  considered {}: {}", step.candidate, step.outcome);
    }
    out
}
