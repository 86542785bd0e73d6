//! `triplecheck doctor`: what is there, missing or broken for each target, and the fix. A small C program that has to
//! print a word of ours shows that the emulator works.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use triplecheck_emulators::binary::Binary;
use triplecheck_emulators::host::{Host, LocalHost};
use triplecheck_emulators::launch::Guest;
use triplecheck_emulators::lookup::{Decision, Options, lookup};
use triplecheck_emulators::target::Target;

use super::run::ManifestTargets;
use crate::cli::DoctorArgs;
use crate::doctor::{Check, Examination, Health, Sentinel, examine};
use crate::error::{Error, Result};
use crate::prepare::{self, Lifetime};
use crate::setup::{Request, Wants, systems};

/// How long the sentinel may take: a cold Wine prefix on a slow machine needs a minute.
const SENTINEL_DEADLINE: Duration = Duration::from_secs(300);

/// Examines the named targets, or those of the manifest; 0 where all is good, 69 otherwise.
pub fn doctor(directory: &Path, args: &DoctorArgs, out: &mut dyn Write) -> Result<u8> {
    let ManifestTargets { targets, wants, kernels } = if args.targets.is_empty() {
        super::run::manifest_targets(directory)?
    } else {
        let parse = |text: &String| Target::parse(text).map_err(crate::plan::unknown_triple);
        let targets = args.targets.iter().map(parse).collect::<Result<_>>()?;
        ManifestTargets { targets, wants: Wants::ALL, kernels: Vec::new() }
    };
    let host = super::host();
    let request = Request { project_dir: directory, targets: &targets, wants };
    let work =
        tempfile::tempdir().map_err(|error| Error::world("cannot make a directory").caused_by(error))?;
    let mut sentinel = CSentinel { host: &host, work: work.path() };
    let mut examination = examine(&host, &request, &mut sentinel);
    for (health, target) in examination.targets.iter_mut().zip(&targets) {
        let fix = systems::command(target);
        if kernels.contains(target) && !health.fixes.contains(&fix) {
            let text = "some cases need a kernel of their own machine, and there is none".to_owned();
            health.checks.push(Check { what: "guest system", health: Health::Missing, text });
            health.fixes.push(fix);
        }
    }
    let children = match crate::run::children_obstacle(&host)? {
        None => "what an emulated program starts finds its emulator too".to_owned(),
        Some(why) => format!("what an emulated program starts finds no emulator: {why}"),
    };
    out.write_all(format!("{children}\n{}", render(&examination)).as_bytes())
        .map_err(|error| Error::world("cannot print").caused_by(error))?;
    Ok(if examination.is_good() { 0 } else { 69 })
}

fn render(examination: &Examination) -> String {
    let mut text = match &examination.rust {
        Ok(found) => format!("{found}\n"),
        Err(why) => format!("no Rust: {why}\n"),
    };
    for target in &examination.targets {
        text.push_str(&section(&target.triple, &target.checks, &target.fixes));
    }
    for system in &examination.systems {
        text.push_str(&section(&format!("guest system {}", system.machine), &system.checks, &system.fixes));
    }
    text
}

fn section(name: &str, checks: &[Check], fixes: &[String]) -> String {
    let mut text = format!("\n{name}\n");
    for check in checks {
        let mark = match check.health {
            Health::Good => "ok",
            Health::Missing => "missing",
            Health::Broken => "broken",
        };
        text.push_str(&format!("  {mark:8} {:11} {}\n", check.what, check.text));
    }
    for fix in fixes {
        text.push_str(&format!("  try      {fix}\n"));
    }
    text
}

/// Builds and runs one C program for each target.
struct CSentinel<'a> {
    host: &'a LocalHost,
    work: &'a Path,
}

impl Sentinel for CSentinel<'_> {
    fn run(&mut self, target: &Target) -> Option<Result<(), String>> {
        let native = Target::parse(self.host.triple()).ok()?;
        let cc = crate::toolchain::cc(self.host, target, &native).ok()?;
        Some(self.build_and_run(target, &cc))
    }
}

impl CSentinel<'_> {
    fn build_and_run(&self, target: &Target, cc: &crate::toolchain::Cc) -> Result<(), String> {
        // Another word each time: what an emulator printed before cannot be taken for this run.
        let word = format!("{}-{}", target.triple(), std::process::id());
        let source = self.work.join("sentinel.c");
        let program = self.work.join(format!("{}{}", target.triple(), target.facts().exe_suffix));
        let text = format!("#include <stdio.h>\nint main(void) {{ puts(\"{word}\"); return 42; }}\n");
        fs_err::write(&source, text).map_err(|error| error.to_string())?;
        let mut args = cc.args.clone();
        args.extend(["-o".into(), program.display().to_string(), source.display().to_string()]);
        args.extend(cc.libraries.iter().cloned());
        let built = duct::cmd(&cc.program, args).stdin_null().stdout_null().stderr_null().unchecked().run();
        if !built.is_ok_and(|output| output.status.success()) {
            return Err(format!("`{}` does not build a C program", cc.program.display()));
        }
        let binary = Binary::read(&program).map_err(|error| error.to_string())?;
        let launch = match lookup(self.host, target, Some(&binary), &Options::default()) {
            Decision::Run(launch, _) => launch,
            Decision::Cannot(reason, _) => return Err(reason.text),
        };
        let _prepared = launch
            .preparation
            .as_ref()
            .map(|preparation| {
                let options = prepare::Options { lifetime: Lifetime::Call, node_script: crate::NODE_SCRIPT };
                prepare::prepare(preparation, options).map_err(|error| format!("failed to {error}"))
            })
            .transpose()?;
        let command = launch.command(&Guest { program: &program, argv0: None, args: &[] });
        let env = crate::run::launch_environment(&command);
        let handle = duct::cmd(&command.program, &command.args)
            .full_env(env)
            .dir(self.work)
            .stdin_null()
            .stdout_capture()
            .stderr_null()
            .unchecked()
            .start()
            .map_err(|error| error.to_string())?;
        let Some(output) = handle.wait_timeout(SENTINEL_DEADLINE).map_err(|error| error.to_string())? else {
            let _ = handle.kill();
            return Err(format!("no end within {} s", SENTINEL_DEADLINE.as_secs()));
        };
        let said = String::from_utf8_lossy(&output.stdout);
        if said.trim_end() == word && output.status.code() == Some(42) {
            Ok(())
        } else {
            Err(format!(
                "a program that prints a word and exits with 42 ended with {} and printed {said:?}",
                output.status
            ))
        }
    }
}
