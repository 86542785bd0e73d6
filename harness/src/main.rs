//! The `triplecheck` command: takes what was typed, calls the library, turns the result into an exit status.
//!
//! The hidden subcommands and `exec` are recognised before the command line is parsed, because each is started
//! once per guest.

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser as _;
use triplecheck::cli::{Cli, Command};
use triplecheck::commands;
use triplecheck::error::{Error, Result};

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    match commands::exec::from_words(&words) {
        Some(Ok(request)) => return refused(&commands::exec::exec(&request), None),
        Some(Err(error)) => return refused(&commands::exec::Refusal { code: HOOK_FAILED, error }, None),
        None => {}
    }
    match words.get(1).and_then(|word| word.to_str()) {
        Some(triplecheck::supervise::SUBCOMMAND) => return triplecheck::supervise::child_main(),
        Some(triplecheck::vm::SUBCOMMAND) => return triplecheck::vm::client::main(&words[2..]),
        Some(triplecheck::vm::SERVE_SUBCOMMAND) => return triplecheck::vm::serve_main(&words[2..]),
        Some(triplecheck::vm::snapshot::SUBCOMMAND) => return triplecheck::vm::snapshot::main(&words[2..]),
        Some(triplecheck::vm::KVM_SUBCOMMAND) => return triplecheck::vm::kvm::main(),
        #[cfg(feature = "wasi")]
        Some(triplecheck::WASI_SUBCOMMAND) => return ExitCode::from(triplecheck::wasi::main(&words[2..])),
        _ => {}
    }
    triplecheck::supervise::reset_child_signal();
    // `cargo triplecheck …` passes its own name as the first word.
    let words = words
        .iter()
        .enumerate()
        .filter(|(index, word)| !(*index == 1 && word.as_os_str() == OsStr::new("triplecheck")));
    let cli = match Cli::try_parse_from(words.clone().map(|(_, word)| word)) {
        Ok(cli) => cli,
        Err(error) => return misused(&error, words.map(|(_, word)| word.as_os_str())),
    };
    match dispatch(cli) {
        Ok(code) => code,
        Err(error) => fail(&error),
    }
}

fn dispatch(cli: Cli) -> Result<ExitCode> {
    let here = std::env::current_dir()
        .map_err(|error| Error::world("cannot find the current directory").caused_by(error))?;
    let directory: PathBuf = cli.directory.map_or(here.clone(), |directory| here.join(directory));
    let directory = std::path::absolute(&directory)
        .map_err(|error| Error::world(format!("cannot use `{}`", directory.display())).caused_by(error))?;
    let mut out = anstream::stdout();
    let code = match cli.command {
        Command::Run(args) => commands::run::run(&directory, &args, &mut out)?,
        Command::Exec(args) => {
            let infra_code = args.infra_code;
            let request = match commands::exec::from_args(args) {
                Ok(request) => request,
                Err(error) => {
                    return Ok(refused(&commands::exec::Refusal { code: HOOK_FAILED, error }, infra_code));
                }
            };
            return Ok(refused(&commands::exec::exec(&request), infra_code));
        }
        Command::Wrap(args) => return commands::wrap::wrap(&args),
        Command::Which(args) => commands::which::which(&args, &mut out)?,
        Command::Report(args) => commands::report::report(&directory, &args, &mut out)?,
        Command::Init(args) => commands::init::init(&directory, &args, &mut out)?,
        Command::Matrix(args) => commands::matrix::matrix(&directory, &args, &mut out)?,
        Command::Merge(args) => commands::merge::merge(&directory, &args, &mut out)?,
        Command::Targets(args) => commands::targets::targets(&args, &mut out, &mut anstream::stderr())?,
        Command::Doctor(args) => commands::doctor::doctor(&directory, &args, &mut out)?,
        Command::Setup(args) => commands::setup::setup(&directory, &args)?,
        Command::Show(args) => commands::show::show(&directory, &args, &mut out)?,
        Command::Repro(args) => return commands::repro::repro(&directory, &args, &mut out),
        Command::Hook(command) => {
            commands::hook::hook(&directory, &command, &mut out, &mut anstream::stderr())?
        }
        Command::Completions(args) => commands::pages::completions(&args, &mut out)?,
        Command::Man(args) => commands::pages::man(&directory, &args, &mut out)?,
    };
    Ok(ExitCode::from(code))
}

/// The exit status of a hook that was not understood: 2 might be its guest's.
const HOOK_FAILED: u8 = 125;

/// Says what is wrong with the command line, or prints the help that was asked for.
fn misused<'a>(error: &clap::Error, mut words: impl Iterator<Item = &'a OsStr>) -> ExitCode {
    let name = words.next().map(Path::new).and_then(Path::file_name).unwrap_or_default();
    let is_link = [&b"-exec"[..], b"_exec"].iter().any(|end| name.as_encoded_bytes().ends_with(end));
    if is_link {
        return refused(
            &commands::exec::Refusal { code: HOOK_FAILED, error: Error::user("no program is named") },
            None,
        );
    }
    // Where nobody reads it any more, the status is all that is left to say.
    let _ = error.print();
    let is_hook = words.next().is_some_and(|word| word == "exec");
    match u8::try_from(error.exit_code()) {
        Ok(0) => ExitCode::SUCCESS,
        _ if is_hook => ExitCode::from(HOOK_FAILED),
        code => ExitCode::from(code.unwrap_or(2)),
    }
}

fn refused(refusal: &commands::exec::Refusal, infra_code: Option<u8>) -> ExitCode {
    fail(&refusal.error);
    ExitCode::from(infra_code.unwrap_or(refusal.code))
}

/// Prints an error with its hints. A closed standard error leaves only the exit status.
fn fail(error: &Error) -> ExitCode {
    let _ = writeln!(anstream::stderr(), "triplecheck: {}", error.render());
    ExitCode::from(error.exit_code())
}
