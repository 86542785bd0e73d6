//! `triplecheck exec`: one foreign program, in place of ourselves.
//!
//! Nothing of ours is ever printed to standard output, and nothing at all when the program starts. The process
//! is replaced wherever that is faithful, so that status, signals, job control and memory are the guest's own.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};

use triplecheck_emulators::binary::{Binary, UnreadableBinary};
use triplecheck_emulators::host::Host;
use triplecheck_emulators::launch::{CommandLine, EnvChange, Guest, Preparation};
use triplecheck_emulators::lookup::{Decision, Options, lookup, lookup_binary};
use triplecheck_emulators::target::Target;

use crate::error::{Error, Result};
use crate::prepare::{self, Lifetime};

/// What an `exec` is given.
#[derive(Debug, Default)]
pub struct Request {
    /// The target the program must be for.
    pub target: Option<String>,
    /// How the emulator is chosen.
    pub options: Options,
    /// The program as it was named, and its arguments.
    pub words: Vec<OsString>,
}

/// Why the guest was not started, with the exit status that says so.
#[derive(Debug)]
pub struct Refusal {
    /// 125 the hook itself failed, 126 no emulator can run it, 127 no such file.
    pub code: u8,
    /// What is told.
    pub error: Error,
}

/// Starts the program in our place. Comes back only with the reason why that was not possible.
pub fn exec(request: &Request) -> Refusal {
    match prepare(request) {
        Ok(command) => {
            let error = replace(&command);
            let code = if error.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 };
            let text = format!("cannot start `{}`", command.program.display());
            Refusal { code, error: Error::world(text).caused_by(error) }
        }
        Err(refusal) => refusal,
    }
}

/// The command line that runs the request, with everything ready that it needs.
fn prepare(request: &Request) -> Result<CommandLine, Refusal> {
    let host = super::host();
    let (name, args) =
        request.words.split_first().ok_or_else(|| refuse(125, Error::user("no program is named")))?;
    let program = resolve(&host, name)?;
    let binary = Binary::read(&program).map_err(|error| unreadable(&program, error))?;
    check_executable(&program)?;
    let decision = match &request.target {
        Some(text) => {
            let target =
                Target::parse(text).map_err(|unknown| refuse(125, crate::plan::unknown_triple(unknown)))?;
            lookup(
                &host,
                &target,
                Some(&binary),
                &Options { origin: program.parent().map(Path::to_owned), ..request.options.clone() },
            )
        }
        None => lookup_binary(&host, &binary, &program, &request.options),
    };
    let launch = match decision {
        Decision::Run(launch, _) => launch,
        Decision::Cannot(reason, _) => {
            let text = format!("cannot run `{}`: {}", program.display(), reason.text);
            let error = Error::world(text)
                .hint(format!("triplecheck which {}", crate::shell::quote(&program.display().to_string())));
            let install = super::which::install_command(&reason.missing);
            return Err(refuse(126, install.into_iter().fold(error, Error::hint)));
        }
    };
    if let Some(preparation) = &launch.preparation {
        ready(preparation, &program)?;
    }
    Ok(launch.command(&Guest { program: &program, argv0: Some(name.as_os_str()), args }))
}

/// Puts in place what the emulator needs, and lets the guest go on holding it.
fn ready(preparation: &Preparation, program: &Path) -> Result<(), Refusal> {
    let options = prepare::Options { lifetime: Lifetime::Call, node_script: crate::NODE_SCRIPT };
    let failed = || Error::world(format!("cannot prepare the emulator for `{}`", program.display()));
    let prepared = prepare::prepare(preparation, options).map_err(|error| {
        let hints = error.hints();
        refuse(125, hints.into_iter().fold(failed().caused_by(error), Error::hint))
    })?;
    prepared.keep_across_exec().map_err(|error| refuse(125, failed().caused_by(error)))?;
    // The guest takes over what is held; dropping it here would give it back.
    std::mem::forget(prepared);
    Ok(())
}

fn refuse(code: u8, error: Error) -> Refusal {
    Refusal { code, error }
}

/// Finds the file as `execvp` does: a name without a slash on `PATH`, anything else as it is. Absolute, since
/// emulators look for relative names elsewhere.
fn resolve(host: &dyn Host, name: &OsStr) -> Result<PathBuf, Refusal> {
    let missing = || refuse(127, Error::user(format!("there is no program `{}`", Path::new(name).display())));
    if !name.as_bytes().contains(&b'/') {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| host.is_file(file));
        return found.ok_or_else(missing);
    }
    let path = Path::new(name);
    if !path.exists() {
        return Err(missing());
    }
    std::path::absolute(path).map_err(|error| {
        refuse(125, Error::world(format!("cannot name `{}` absolutely", path.display())).caused_by(error))
    })
}

/// The kernel refuses a file without execute permission; an emulator would run it all the same.
fn check_executable(program: &Path) -> Result<(), Refusal> {
    rustix::fs::access(program, rustix::fs::Access::EXEC_OK).map_err(|error| {
        let text = format!("`{}` is not executable", program.display());
        refuse(126, Error::user(text).caused_by(error).hint(format!("chmod +x {}", program.display())))
    })
}

fn unreadable(program: &Path, error: UnreadableBinary) -> Refusal {
    let code = if matches!(error, UnreadableBinary::NotFound) { 127 } else { 126 };
    refuse(code, Error::user(format!("cannot run `{}`", program.display())).caused_by(error))
}

/// Replaces this process; the built-in WASI runtime is a process of ours already and is entered directly.
#[expect(clippy::disallowed_methods, reason = "a hook becomes its guest; there is nothing left to supervise")]
fn replace(command: &CommandLine) -> std::io::Error {
    let mut process = std::process::Command::new(&command.program);
    process.args(&command.args);
    if let Some(argv0) = &command.argv0 {
        process.arg0(argv0);
    }
    for change in &command.env {
        match change {
            EnvChange::Set(name, value) => process.env(name, value),
            EnvChange::Remove(name) => process.env_remove(name),
            EnvChange::Prepend(name, value, separator) => {
                let mut new = value.clone();
                if let Some(old) = std::env::var_os(name).filter(|old| !old.is_empty()) {
                    new.push(separator.to_string());
                    new.push(old);
                }
                process.env(name, new)
            }
        };
    }
    process.exec()
}

/// The request of `exec` without options and of a link whose name ends in `-exec` or `_exec`: those are taken
/// without the command-line parser. `None` for everything else.
pub fn from_words(words: &[OsString]) -> Option<Request> {
    let name = Path::new(words.first()?).file_name()?.as_bytes();
    let is_link = name.ends_with(b"-exec") || name.ends_with(b"_exec");
    let rest = if is_link { &words[1..] } else { words.get(2..)? };
    if !is_link && words.get(1)?.as_os_str() != OsStr::new("exec") {
        return None;
    }
    let mut request = Request::default();
    let mut rest = rest.iter();
    let program = loop {
        let word = rest.next()?;
        match word.as_bytes() {
            b"--" => break rest.next()?,
            b"-t" | b"--target" if !is_link => request.target = Some(rest.next()?.to_str()?.to_owned()),
            bytes if bytes.starts_with(b"-") && !is_link => return None,
            _ => break word,
        }
    };
    request.words = std::iter::once(program).chain(rest).cloned().collect();
    Some(request)
}

/// The request of a fully parsed command line.
pub fn from_args(args: crate::cli::ExecArgs) -> Result<Request> {
    let options = super::options(&args.lookup)?;
    Ok(Request { target: args.target, options, words: args.words })
}
