//! One cell, built and made ready to be started by hand: under a debugger, with its system calls shown, from a shell.
//!
//! What is started is what a run starts (program, words, variables, standard input, emulator with all it needs), but nothing
//! is supervised, judged or recorded. Of a libtest binary it is exactly the one test.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use triplecheck_emulators::launch::{CommandLine, Guest as Program, Kind, Launch};
use triplecheck_emulators::target::Target;

use super::builds::Builds;
use super::cell::{self, Starter};
use super::guests::{self, Guests};
use super::schedule::News;
use super::{Blocked, Run};
use crate::build::{Piece, ProgramKind};
use crate::bundle::scripts::{self, Recipe};
use crate::compare::How;
use crate::error::{About as _, Error, Result};
use crate::events::Event;
use crate::libtest::Words;
use crate::manifest::StreamMode;
use crate::plan::{Origin, PlannedSuite, PlannedTarget};
use crate::toolchain;

/// A cell whose programs are built.
pub(crate) struct Single<'a> {
    pub(super) starter: Starter<'a>,
    /// Its guest on the target.
    pub(crate) target: Ready,
    /// The same natively, or why it cannot be.
    pub(crate) native: Result<Ready, String>,
    /// How it is called and judged.
    pub(crate) call: Call,
}

/// A guest that can be started.
#[derive(Debug, Clone)]
pub(crate) struct Ready {
    pub(crate) target: Target,
    pub(super) planned: PlannedTarget,
    pub(crate) launch: Launch,
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    /// Where it is started.
    pub(crate) dir: PathBuf,
    /// The file that it reads; nothing where `None`.
    pub(crate) stdin: Option<PathBuf>,
    environment: Vec<(OsString, OsString)>,
    /// `TMPDIR`, the target's and the case's.
    set: Vec<(OsString, OsString)>,
    /// By which it finds the guest system that it is run in.
    servers: Option<(OsString, OsString)>,
    /// The case's alone.
    case_env: Vec<(String, String)>,
}

impl Ready {
    /// A guest with the directories that it has: where it is started, and for temporary files.
    pub(super) fn new(
        starter: &Starter<'_>,
        planned: &PlannedTarget,
        program: &Path,
        (call, case_env): (&Call, Vec<(String, String)>),
        (cwd, tmp): (PathBuf, PathBuf),
    ) -> Result<Self, Blocked> {
        let launch = starter.launch(planned, program)?;
        let mut set: Vec<(OsString, OsString)> = vec![("TMPDIR".into(), tmp.into_os_string())];
        set.extend(planned.env.iter().chain(&case_env).map(|(name, value)| (name.into(), value.into())));
        // The system that is up already, so that no start by hand has to boot another one.
        let is_vm = launch.emulator.kind == Kind::Vm;
        let servers = is_vm.then(|| (crate::vm::SERVERS_VARIABLE.into(), starter.servers().into()));
        Ok(Self {
            target: planned.target.clone(),
            planned: planned.clone(),
            launch,
            program: program.to_owned(),
            args: call.args.clone(),
            dir: call.dir.clone().unwrap_or(cwd),
            stdin: call.stdin.clone(),
            environment: starter.environment().to_vec(),
            set,
            servers,
            case_env,
        })
    }

    /// The command line, with further words for the emulator in front of its own.
    pub(crate) fn command(&self, words: &[OsString]) -> CommandLine {
        let mut launch = self.launch.clone();
        if !launch.prefix.is_empty() {
            launch.prefix.splice(1..1, words.iter().cloned());
        }
        launch.command(&Program { program: &self.program, argv0: None, args: &self.args })
    }

    /// The environment that it inherits.
    pub(crate) fn inherited(&self) -> &[(OsString, OsString)] {
        &self.environment
    }

    /// The whole environment of a command line of its own.
    pub(crate) fn env(&self, command: &CommandLine) -> Vec<(OsString, OsString)> {
        cell::apply(self.environment.clone(), self.by_hand(), command)
    }

    /// The variables that are set where it is started by hand: its own, and the way to its guest system.
    pub(crate) fn by_hand(&self) -> Vec<(OsString, OsString)> {
        self.set.iter().chain(&self.servers).cloned().collect()
    }

    /// The variables that are the case's own.
    pub(super) fn case_env(&self) -> &[(String, String)] {
        &self.case_env
    }

    /// The variables that are the case's or the target's own.
    pub(crate) fn own_env(&self) -> &[(OsString, OsString)] {
        &self.set
    }
}

/// What is called how, on either side.
pub(crate) struct Call {
    pub(super) args: Vec<OsString>,
    pub(super) env: Vec<(String, String)>,
    pub(super) stdin: Option<PathBuf>,
    /// A fresh directory where `None`.
    pub(crate) dir: Option<PathBuf>,
    /// Whether it needs a kernel of its own machine.
    pub(super) needs_kernel: bool,
    /// Globs of the files that it makes.
    pub(crate) files: Vec<String>,
    /// How its sides are compared.
    pub(crate) how: How,
    /// Its deadline, where the user gave one.
    pub(crate) timeout: Option<Duration>,
    /// The rustc that built it, if one did.
    pub(crate) rustc: Option<String>,
    /// How it is compiled from one source, where it is.
    pub(crate) recipe: Option<(PathBuf, Recipe)>,
}

impl<'a> Single<'a> {
    /// Builds the case of the suite for the host and for the plan's one target.
    ///
    /// # Errors
    /// When there is no such case, it does not build, or it cannot be run here.
    pub(crate) fn prepare(run: &'a Run<'a>, suite: &str, case: &str) -> Result<Self> {
        let guests = Guests::prepare(run)?;
        let planned = run.plan.targets.first().ok_or_else(|| Error::user("no target is named"))?;
        if let Some(blocked) = guests.blocked(&planned.target) {
            return Err(cannot(blocked, &planned.target));
        }
        let target = planned.target.to_string();
        let pieces = build(run, &guests, suite, &target)?;
        let planned_suite = run.plan.suites.iter().find(|known| known.name == suite);
        let planned_suite = planned_suite.ok_or_else(|| no_case(run, suite, case))?;
        let of_target: Vec<&Piece> = pieces.iter().filter(|piece| piece.target == target).collect();
        let (piece, call) =
            choose(run, planned_suite, &of_target, case)?.ok_or_else(|| no_case(run, suite, case))?;
        let native = pieces.iter().find(|other| other.id == piece.id && other.target == run.host.triple());
        let native = native.ok_or_else(|| Error::user(format!("`{suite}::{case}` is not built natively")))?;
        let host = PlannedTarget {
            target: guests.host.clone(),
            options: triplecheck_emulators::lookup::Options::default(),
            env: Vec::new(),
            timeout: None,
        };
        let starter = Starter::new(run)?;
        let ready = |planned: &PlannedTarget, piece: &Piece, side: &str| -> Result<Ready> {
            let place = starter.work().join(side);
            let (cwd, tmp) = (place.join("cwd"), place.join("tmp"));
            for directory in [&cwd, &tmp] {
                fs_err::create_dir_all(directory).about("create", directory)?;
            }
            Ready::new(&starter, planned, &piece.file, (&call, call.env.clone()), (cwd, tmp))
                .map_err(|blocked| cannot(&blocked, &planned.target))
        };
        let with_kernel = planned.with_kernel(call.needs_kernel);
        let (target, native) = (ready(&with_kernel, piece, "target")?, ready(&host, native, "native")?);
        let is_cargo = matches!(planned_suite.origin, Origin::Cargo(_));
        let rustc = guests.rustc().filter(|_| is_cargo);
        let recipe = recipe(run, planned_suite, piece, [&guests.host, &planned.target]);
        Ok(Self { starter, target, native: Ok(native), call: Call { rustc, recipe, ..call } })
    }

    /// Its native side.
    ///
    /// # Errors
    /// When there is none here.
    pub(crate) fn native(&self) -> Result<&Ready> {
        self.native.as_ref().map_err(|why| Error::world(format!("its native side cannot be run here: {why}")))
    }

    /// A directory that lives as long as this.
    pub(crate) fn work(&self) -> &Path {
        self.starter.work()
    }

    /// Ends what an emulator needed.
    pub(crate) fn finish(self) -> Result<()> {
        self.starter.finish()
    }
}

pub(super) fn cannot(blocked: &Blocked, target: &Target) -> Error {
    let error = Error::world(format!("`{target}` cannot be run here: {}", blocked.reason));
    blocked.fix.iter().fold(error, Error::hint)
}

fn no_case(run: &Run<'_>, suite: &str, case: &str) -> Error {
    let suites: Vec<&str> = run.plan.suites.iter().map(|suite| suite.name.as_str()).collect();
    let error = Error::user(format!("there is no case `{suite}::{case}`"));
    let error = match triplecheck_emulators::spelling::nearest(suite, suites.iter().copied(), 1).first() {
        Some(near) if *near != suite => error.hint(format!("the suite `{near}`")),
        _ => error,
    };
    error.hint("triplecheck report, which lists the cases of the last run")
}

/// Builds what the filters want, and gives the programs of the suite.
fn build(run: &Run<'_>, guests: &Guests, suite: &str, target: &str) -> Result<Vec<Piece>> {
    let (news, told) = mpsc::channel();
    // Nobody waits for it meanwhile: the channel holds what is told.
    Builds { run, guests, news, enough: run.stop }.build()?;
    let mut pieces = Vec::new();
    for news in told {
        match news {
            News::Built(index, piece) if run.plan.suites[index].name == suite => pieces.push(piece),
            News::Recorded(Event::BuildFinished { suite: of, failures, .. }) if of == suite => {
                let ours = failures
                    .into_iter()
                    .find(|failure| failure.target == target || failure.target == guests.host.to_string());
                if let Some(failure) = ours {
                    let text = format!("`{suite}` does not build for {}", failure.target);
                    return Err(Error::user(text).caused_by(failure.text));
                }
            }
            News::Recorded(Event::NotRun(cell)) if cell.suite == suite => {
                let error = Error::world(format!("`{suite}` is not run on {}: {}", cell.target, cell.reason));
                return Err(cell.fix.into_iter().fold(error, Error::hint));
            }
            News::Stopped
            | News::Recorded(_)
            | News::Built(..)
            | News::SuiteBuilt(_)
            | News::BuildsEnded(_)
            | News::Done(..) => {}
        }
    }
    Ok(pieces)
}

/// The program that has the case, and how it is called. Of test binaries the one with the longest name that the case's
/// begins with.
fn choose<'a>(
    run: &Run<'_>,
    suite: &PlannedSuite,
    pieces: &[&'a Piece],
    case: &str,
) -> Result<Option<(&'a Piece, Call)>> {
    let mut tests: Vec<(&'a Piece, String)> = Vec::new();
    for piece in pieces {
        let guest = guests::guest(run, suite, piece);
        match &piece.kind {
            ProgramKind::Plain => {
                if let Some(found) = guest.cases.iter().find(|found| found.name == case) {
                    let plan = &found.plan;
                    let (args, env) = (plan.args.clone(), plan.env.clone());
                    let call = Call {
                        args,
                        env,
                        stdin: plan.stdin.clone(),
                        dir: None,
                        needs_kernel: plan.needs_kernel,
                        files: plan.files.clone(),
                        how: plan.compare.clone(),
                        timeout: plan.timeout,
                        rustc: None,
                        recipe: None,
                    };
                    return Ok(Some((piece, call)));
                }
            }
            ProgramKind::CargoTest { .. } => {
                let name = match piece.name.as_str() {
                    "" => Some(case),
                    program => case
                        .strip_prefix(program)
                        .and_then(|rest| if rest.is_empty() { Some(rest) } else { rest.strip_prefix("::") }),
                };
                tests.extend(name.map(|name| (*piece, name.to_owned())));
            }
            ProgramKind::HostOnly | ProgramKind::CargoDoc { .. } => {}
        }
    }
    tests.sort_by_key(|(piece, _)| std::cmp::Reverse(piece.name.len()));
    let Some((piece, name)) = tests.into_iter().next() else { return Ok(None) };
    let ProgramKind::CargoTest { package_dir, env, libtest } = &piece.kind else {
        return Err(Error::ours(format!("`{}` is no test binary", piece.name)));
    };
    let guest = guests::guest(run, suite, piece);
    // What stands in parentheses is about the process as a whole.
    let is_whole = name.is_empty() || name.starts_with('(');
    let needs_kernel = guest.needs_kernel(case);
    let args = if *libtest && !is_whole { test_words(&guest.test_args, &name) } else { guest.test_args };
    let call = Call {
        args: args.into_iter().map(OsString::from).collect(),
        env: env.clone(),
        stdin: None,
        dir: Some(package_dir.clone()),
        needs_kernel,
        files: Vec::new(),
        // A test fails by its status, whatever it prints.
        how: How { stdout: StreamMode::Ignore, stderr: StreamMode::Ignore, ..How::default() },
        timeout: guest.cases.first().and_then(|case| case.plan.timeout),
        rustc: None,
        recipe: None,
    };
    Ok(Some((piece, call)))
}

/// How a C program is compiled, natively and for the target.
fn recipe(
    run: &Run<'_>,
    suite: &PlannedSuite,
    piece: &Piece,
    targets: [&Target; 2],
) -> Option<(PathBuf, Recipe)> {
    let Origin::C { sources } = &suite.origin else { return None };
    let source = sources.iter().find(|source| source.file_stem().is_some_and(|stem| stem == &*piece.name))?;
    let refinement = suite.refinement(&piece.name);
    let [native, target] = targets.map(|target| {
        let cc = toolchain::cc(run.host, target, targets[0]).ok()?;
        let mut words = vec![cc.program.display().to_string()];
        words.extend(cc.args);
        words.extend(refinement.flags.iter().cloned());
        words.extend(["-o", scripts::OUT, scripts::SOURCE].map(str::to_owned));
        words.extend(refinement.link.iter().cloned());
        words.extend(cc.libraries);
        Some(words)
    });
    let name = source.file_name()?.to_str()?.to_owned();
    Some((source.clone(), Recipe { source: name, native: native?, target: target? }))
}

/// The words by which a libtest binary runs exactly one test, on its main thread, and lets it print.
fn test_words(typed: &[String], name: &str) -> Vec<String> {
    let manner = Words::of(typed).manner;
    let mut words = vec![name.to_owned(), "--exact".to_owned(), "--nocapture".to_owned()];
    if !manner.iter().any(|word| word.starts_with("--test-threads")) {
        words.push("--test-threads=1".to_owned());
    }
    // Whoever looks into an ignored test wants it to run.
    if !manner.iter().any(|word| word.ends_with("ignored")) {
        words.push("--include-ignored".to_owned());
    }
    words.extend(manner.into_iter().filter(|word| word != "--nocapture"));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_is_called_by_its_whole_name_and_in_the_manner_that_was_typed() {
        let words = |typed: &[&str]| {
            let typed: Vec<String> = typed.iter().map(ToString::to_string).collect();
            test_words(&typed, "a::b").join(" ")
        };
        assert_eq!(words(&["part"]), "a::b --exact --nocapture --test-threads=1 --include-ignored");
        assert_eq!(
            words(&["--ignored", "--test-threads", "2", "--skip", "x"]),
            "a::b --exact --nocapture --ignored --test-threads 2"
        );
    }
}
