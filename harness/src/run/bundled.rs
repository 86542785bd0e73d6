//! A bundle's two programs, run as a run runs them: with their own libraries, in the environment that is in the bundle, and
//! judged by the same rules. Nothing of it is recorded.
//!
//! What is surprising: the native program may be for another machine than this one. Then what is recorded of it stands in
//! for it, and that is said.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use triplecheck_emulators::host::Host;
use triplecheck_emulators::launch::Kind;
use triplecheck_emulators::lookup::{Decision, Options, lookup};
use triplecheck_emulators::target::Target;

use super::Run;
use super::board::{Doing, Label};
use super::cell::{Start, Started, Starter};
use super::judge::{self, Judged, Runs};
use super::single::{Call, Ready, Single, cannot};
use crate::archive;
use crate::built;
use crate::bundle::{Bundle, JudgedBy, PACKAGE, Program};
use crate::compare::Noise;
use crate::error::{About as _, Error, Result};
use crate::manifest::StreamMode;
use crate::observation::{End, Observation};
use crate::plan::{Plan, PlannedTarget};
use crate::verdict::Verdict;

/// What a bundle showed here.
pub(crate) struct Shown {
    pub(crate) verdict: Verdict,
    pub(crate) judged: Judged,
    pub(crate) target: Observation,
    pub(crate) native: Observation,
    /// What there is to say of the native side: that it could not run here, or ran with its own loader.
    pub(crate) remark: Option<String>,
}

/// The plan that has the bundle's target and nothing else. `typed` is what the user prefers; the rest is as recorded.
pub(crate) fn plan(host: &dyn Host, bundle: &Bundle, dir: &Path, typed: Options) -> Result<Plan> {
    let target = Target::parse(&bundle.target).map_err(crate::plan::unknown_triple)?;
    let mut options = with_libraries(typed, &bundle.program, dir);
    options.cpu = options.cpu.or_else(|| bundle.emulator.cpu.clone());
    if options.emulator.is_none() {
        // The same kind, so that only what is told is different; another one where this machine has no such.
        let kind = crate::commands::kind_named(&bundle.emulator.kind);
        // What ran in a guest system needs a kernel of its own here, too: the host's, where it runs the program.
        options.needs_kernel = kind == Some(Kind::Vm);
        let asked = Options { emulator: kind, ..options.clone() };
        if matches!(lookup(host, &target, None, &asked), Decision::Run(..)) {
            options = asked;
        }
    }
    Ok(Plan {
        root: dir.to_owned(),
        manifest: None,
        targets: vec![PlannedTarget { target, options, env: Vec::new(), timeout: None }],
        suites: Vec::new(),
        expectations: Vec::new(),
        filters: Vec::new(),
        all_targets: false,
        manifest_targets: Vec::new(),
        shard: None,
    })
}

/// The options by which a program finds what the bundle has of libraries.
fn with_libraries(mut options: Options, program: &Program, dir: &Path) -> Options {
    let place = |name: &Option<String>| name.as_ref().map(|name| dir.join(name));
    options.sysroots.extend(place(&program.root));
    options.library_path.extend(place(&program.libraries));
    options
}

impl<'a> Single<'a> {
    /// The cell of the bundle in `dir`.
    ///
    /// # Errors
    /// When its target cannot be run here, or the bundle lacks a file.
    pub(crate) fn of_bundle(run: &'a Run<'a>, bundle: &Bundle, dir: &Path) -> Result<Self> {
        let planned = run.plan.targets.first().ok_or_else(|| Error::ours("a bundle without a target"))?;
        let host = Target::parse(run.host.triple())
            .map_err(|error| Error::world(format!("this host's own triple is not known: {error}")))?;
        let starter = Starter::with_environment(run, of_this_machine())?;
        let call = call(bundle, dir)?;
        let options = with_libraries(Options::default(), &bundle.native, dir);
        let native = PlannedTarget { target: host, options, env: Vec::new(), timeout: None };
        let package = bundle.package.as_ref().map(|package| dir.join(&package.dir));
        let ready = |planned: &PlannedTarget, program: &Program, side: &str| -> Result<Ready> {
            let place = starter.work().join(side);
            let (cwd, tmp) = (place.join("cwd"), place.join("tmp"));
            for directory in [&cwd, &tmp] {
                fs_err::create_dir_all(directory).about("create", directory)?;
            }
            // Tests write beside their files: each side gets its own.
            for (name, path) in package
                .iter()
                .map(|dir| archive::files_below(dir))
                .collect::<Result<Vec<_>>>()?
                .into_iter()
                .flatten()
            {
                copy(&path, &cwd.join(name))?;
            }
            let here = cwd.display().to_string();
            let env = bundle.env.iter().map(|(name, value)| (name.clone(), value.replace(PACKAGE, &here)));
            let file = dir.join(&program.file);
            // What is compiled in leads to where it was built; the variables lead here.
            let beside = package.iter().flat_map(|_| built::programs_beside(&file));
            let env = env.chain(beside).collect();
            Ready::new(&starter, planned, &file, (&call, env), (cwd, tmp))
                .map_err(|blocked| cannot(&blocked, &planned.target))
        };
        let target = ready(planned, &bundle.program, "target")?;
        let native = match other_machine(&bundle.machine.triple, &native.target) {
            Some(why) => Err(why),
            None => ready(&native, &bundle.native, "native").map_err(|error| error.sentence()),
        };
        Ok(Self { starter, target, native, call })
    }

    /// Runs both sides to their ends and judges them.
    ///
    /// # Errors
    /// When the target's side cannot be started here.
    pub(crate) fn show(&self, bundle: &Bundle, dir: &Path) -> Result<Shown> {
        let (native, remark) = self.native_side(bundle, dir)?;
        let (target, kind) = self.observe(bundle, &self.target)?;
        let recorded_host = Target::parse(&bundle.machine.triple).map_err(crate::plan::unknown_triple)?;
        let native_target = self.native.as_ref().map_or(&recorded_host, |ready| &ready.target);
        let runs = Runs {
            native: &native,
            native_target,
            observation: &target,
            target: &self.target.target,
            emulator: kind,
        };
        let mut judged = judge::program(&runs, &self.call.how, &Noise::default());
        if bundle.judged_by == JudgedBy::Status && !native.end.is_success() {
            judged.verdict = Some(Verdict::FailsNatively);
            judged.cause = Some(format!("natively {}", native.end));
        }
        let verdict = judged.verdict.unwrap_or(Verdict::Inconclusive);
        Ok(Shown { verdict, judged, target, native, remark })
    }

    fn native_side(&self, bundle: &Bundle, dir: &Path) -> Result<(Observation, Option<String>)> {
        let why = match &self.native {
            Ok(ready) => match self.observe(bundle, ready) {
                Ok((seen, _)) => {
                    let remark =
                        "the native side ran with the libraries of the bundle: this machine's do not suit it";
                    return Ok((seen, self.starter.has_lent().then(|| remark.to_owned())));
                }
                Err(error) => error.sentence(),
            },
            Err(why) => why.clone(),
        };
        let recorded = bundle.observed(dir, "native")?.ok_or_else(|| {
            Error::world(format!("the native side of `{}` cannot be run here: {why}", bundle.cell()))
        })?;
        Ok((
            recorded,
            Some(format!(
                "the native side did not run here ({why}): what is recorded of it is compared with"
            )),
        ))
    }

    fn observe(&self, bundle: &Bundle, ready: &Ready) -> Result<(Observation, Kind)> {
        let triple = ready.target.to_string();
        let label = Label {
            suite: &bundle.suite,
            case: &bundle.case,
            target: Some(&triple),
            number: 1,
            doing: Doing::Program,
        };
        let start = Start {
            program: &ready.program,
            args: &ready.args,
            env: ready.case_env().to_vec(),
            stdin: ready.stdin.as_deref(),
            files: &self.call.files,
            dir: bundle.package.is_some().then_some(&*ready.dir),
            deadline: Duration::from_millis(bundle.deadline_ms),
            label,
            varied: false,
        };
        match self.starter.start(&ready.planned, &start)? {
            Started::Ran(observation, kind) => match &observation.end {
                End::Interrupted => Err(Error::interrupted()),
                End::NotStarted { why } => {
                    Err(Error::world(format!("`{triple}` could not be started here: {why}")))
                }
                _ => Ok((*observation, kind)),
            },
            Started::Blocked(blocked) => Err(cannot(&blocked, &ready.target)),
        }
    }
}

/// The call as the bundle has it.
fn call(bundle: &Bundle, dir: &Path) -> Result<Call> {
    let mut how = bundle.compare.how()?;
    if bundle.judged_by == JudgedBy::Status {
        (how.stdout, how.stderr) = (StreamMode::Ignore, StreamMode::Ignore);
    }
    Ok(Call {
        args: bundle.args.iter().map(OsString::from).collect(),
        env: Vec::new(),
        stdin: bundle.stdin.as_ref().map(|name| dir.join(name)),
        dir: None,
        // Of what the plan says.
        needs_kernel: false,
        files: bundle.files.clone(),
        how,
        timeout: None,
        rustc: bundle.rustc.clone(),
        recipe: None,
    })
}

/// What guests inherit: where programs are and whose the machine is.
fn of_this_machine() -> Vec<(OsString, OsString)> {
    ["PATH", "HOME"].into_iter().filter_map(|name| Some((name.into(), std::env::var_os(name)?))).collect()
}

/// Why programs of `there` do not run natively here; `None` where they do.
fn other_machine(there: &str, here: &Target) -> Option<String> {
    let same = Target::parse(there).is_ok_and(|there| {
        let (there, here) = (there.facts(), here.facts());
        (there.arch, there.os) == (here.arch, here.os)
    });
    (!same).then(|| format!("it is for {there}, and this machine is {here}"))
}

/// Copies a file, and makes the directories above it.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(parent) = to.parent() {
        fs_err::create_dir_all(parent).about("create", parent)?;
    }
    fs_err::copy(from, to).about("copy", from).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_of_another_machine_do_not_run_natively() {
        let here = Target::parse("x86_64-unknown-linux-gnu").unwrap();
        assert_eq!(other_machine("x86_64-unknown-linux-musl", &here), None);
        let why = other_machine("aarch64-unknown-linux-gnu", &here).unwrap();
        assert!(why.contains("is for aarch64-unknown-linux-gnu"), "{why}");
        assert!(other_machine("no-such-thing", &here).is_some());
    }
}
