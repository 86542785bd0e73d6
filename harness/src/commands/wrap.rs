//! `triplecheck wrap`: any command, in which foreign programs simply start.
//!
//! What a prefix in front of programs cannot reach (shell tests, libtool's wrapper scripts, programs that start
//! themselves, recipes of make) is reached by telling the kernel, for this command and all below it and nobody else
//! ([`crate::children`]). Every start is recorded; a command that says "success" although one of them failed for our
//! reasons does not get away with it.

use std::collections::BTreeMap;
use std::ffi::{CString, OsStr, OsString};
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, Signal, WaitOptions, WaitStatus, getpid, kill_process, pidfd_open,
    setrlimit, waitpid,
};
use triplecheck_emulators::host::LocalHost;
use triplecheck_emulators::launch::Kind;
use triplecheck_emulators::lookup::{Decision, Options, lookup};
use triplecheck_emulators::target::Target;

use crate::children::{Arrangement, Settings};
use crate::cli::WrapArgs;
use crate::error::{About as _, Error, Result};
use crate::ledger::{self, Record, Start};
use crate::unix::{self, Fork};

/// Signals that somebody may send to us and means the command. Those of the terminal's keys reach it by themselves.
const PASSED_ON: [i32; 4] = [
    signal_hook::consts::SIGTERM,
    signal_hook::consts::SIGHUP,
    signal_hook::consts::SIGUSR1,
    signal_hook::consts::SIGUSR2,
];
/// Signals of the terminal's keys: the command decides what they do, and we wait for it.
const OF_THE_TERMINAL: [i32; 2] = [signal_hook::consts::SIGINT, signal_hook::consts::SIGQUIT];

/// Runs the command and gives its own status; 69 where it says success although a start failed for our reasons, or
/// nothing of a target was started that was named.
///
/// # Errors
/// When the command cannot be started with foreign programs at its hand.
pub fn wrap(args: &WrapArgs) -> Result<ExitCode> {
    let host = super::host();
    let options = super::options(&args.lookup)?;
    let expected = expected(&host, &args.targets, &options)?;
    let dir = tempfile::Builder::new()
        .prefix("triplecheck-wrap-")
        .tempdir()
        .about("make a directory in", std::env::temp_dir())?;
    let ledger = match &args.ledger {
        Some(path) => std::path::absolute(path).about("name absolutely", path)?,
        None => dir.path().join("ledger"),
    };
    let known = ledger::read(&ledger)?.len();
    let mut settings = Settings::of(&host, &options, None, Some(&ledger));
    settings.cpus = expected.iter().filter_map(|target| cpu(target, &options)).collect();
    let arrangement = Arrangement::write(&dir.path().join("hook"), &host, &settings)?;
    let (program, words) = command(&args.words)?;
    arrangement.enter().map_err(|error| {
        Error::world("cannot let foreign programs start by themselves here")
            .caused_by(error)
            .hint("triplecheck exec PROGRAM, in front of each foreign program")
            .hint("apt-get install qemu-user-static, as root of the machine: it registers its emulators for all")
    })?;
    let status = supervise(&program, &words)?;
    let records = ledger::read(&ledger)?;
    let records = records.get(known..).unwrap_or_default();
    let outcome = Outcome::of(records, &expected);
    if !args.quiet || !outcome.is_clean() {
        // A closed standard error leaves the status.
        let _ = anstream::stderr().write_all(outcome.summary().as_bytes());
    }
    // Before we may end by a signal, which runs no destructor.
    let path = dir.path().to_owned();
    dir.close().about("remove", path)?;
    Ok(match status {
        Ended::Exited(0) if !outcome.is_clean() => ExitCode::from(69),
        Ended::Exited(code) => ExitCode::from(code),
        Ended::Signalled(signal) => die_of(signal),
    })
}

/// The targets that were named, all of which must be runnable; without those whose programs the kernel starts by itself,
/// because nobody sees that.
fn expected(host: &LocalHost, names: &[String], options: &Options) -> Result<Vec<Target>> {
    let mut targets = Vec::new();
    for name in names {
        let target = Target::parse(name).map_err(crate::plan::unknown_triple)?;
        match lookup(host, &target, None, options) {
            Decision::Run(launch, _) if launch.emulator.kind == Kind::Native => {}
            Decision::Run(..) => targets.push(target),
            Decision::Cannot(reason, _) => {
                let text = format!("programs of `{target}` cannot be run here: {}", reason.text);
                let fix =
                    (!reason.missing.is_empty()).then(|| format!("triplecheck setup {}", target.triple()));
                return Err(fix.into_iter().fold(Error::world(text), Error::hint));
            }
        }
    }
    Ok(targets)
}

/// The CPU model for a target's machine: of its variant, or the one for all.
fn cpu(target: &Target, options: &Options) -> Option<(String, String)> {
    let cpu = target.cpu_variant().map(str::to_owned).or_else(|| options.cpu.clone())?;
    Some((target.machine()?.name.to_owned(), cpu))
}

/// The command's file, found as `execvp` finds it, and its words.
fn command(words: &[OsString]) -> Result<(CString, Vec<CString>)> {
    let name = words.first().ok_or_else(|| Error::user("no command is named"))?;
    let path = if name.as_bytes().contains(&b'/') {
        PathBuf::from(name)
    } else {
        let dirs = std::env::var_os("PATH").unwrap_or_else(|| super::exec::EXECVP_PATH.into());
        let executable =
            |file: &PathBuf| file.is_file() && rustix::fs::access(file, rustix::fs::Access::EXEC_OK).is_ok();
        let found = std::env::split_paths(&dirs).map(|dir| dir.join(name)).find(executable);
        found.ok_or_else(|| Error::user(format!("there is no command `{}`", name.display())))?
    };
    let c = |text: &OsStr| {
        CString::new(text.as_bytes())
            .map_err(|error| Error::user("a zero byte in the command").caused_by(error))
    };
    Ok((c(path.as_os_str())?, words.iter().map(|word| c(word)).collect::<Result<_>>()?))
}

/// How the command ended.
enum Ended {
    Exited(u8),
    Signalled(i32),
}

/// Starts the command as a child in our own process group and waits for it, passing signals on.
fn supervise(program: &CString, argv: &[CString]) -> Result<Ended> {
    let broken = |error| Error::world("cannot watch the command").caused_by(std::io::Error::from(error));
    let blocked = unix::SignalsBlocked::new();
    let child = match unix::fork().map_err(|error| Error::world("cannot start a process").caused_by(error))? {
        Fork::Child => {
            drop(blocked);
            let error = unix::execute(program, argv, None);
            let text = format!("triplecheck: cannot start `{}`: {error}\n", program.to_string_lossy());
            let _ = rustix::io::write(rustix::stdio::stderr(), text.as_bytes());
            unix::leave(if error.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 });
        }
        Fork::Parent(child) => child,
    };
    let mut signals = Vec::new();
    for signal in PASSED_ON.into_iter().chain(OF_THE_TERMINAL) {
        let (told, teller) = UnixStream::pair().map_err(broken_io)?;
        signal_hook::low_level::pipe::register(signal, teller).map_err(broken_io)?;
        signals.push((signal, told));
    }
    drop(blocked);
    let pidfd = pidfd_open(child, PidfdFlags::empty()).map_err(broken)?;
    loop {
        let mut fds = vec![PollFd::new(&pidfd, PollFlags::IN)];
        fds.extend(signals.iter().map(|(_, told)| PollFd::new(told, PollFlags::IN)));
        match poll(&mut fds, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(broken(errno)),
        }
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        for ((signal, told), ready) in signals.iter_mut().zip(ready.iter().skip(1)) {
            if *ready {
                pass_on(*signal, told, child);
            }
        }
        if ready.first() == Some(&true) {
            return ended(child).map_err(broken);
        }
    }
}

fn broken_io(error: std::io::Error) -> Error {
    Error::world("cannot watch the command").caused_by(error)
}

/// Gives a signal that we were sent to the command. It has not been waited for, so its id is still its own.
fn pass_on(signal: i32, told: &mut UnixStream, child: Pid) {
    let _ = told.read(&mut [0; 16]);
    if let Some(signal) = Signal::from_named_raw(signal).filter(|_| PASSED_ON.contains(&signal)) {
        let _ = kill_process(child, signal);
    }
}

fn ended(child: Pid) -> Result<Ended, Errno> {
    loop {
        match waitpid(Some(child), WaitOptions::empty()) {
            Ok(Some((_, status))) => return Ok(of_status(status)),
            Ok(None) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

fn of_status(status: WaitStatus) -> Ended {
    match (status.exit_status(), status.terminating_signal()) {
        (_, Some(signal)) => Ended::Signalled(signal),
        (code, None) => Ended::Exited(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)),
    }
}

/// Ends this process by the signal that ended the command, without a core of our own.
fn die_of(signal: i32) -> ExitCode {
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    unix::default_signal(signal);
    if let Some(signal) = Signal::from_named_raw(signal) {
        let _ = kill_process(getpid(), signal);
    }
    // Only a signal that does not end a process comes back.
    ExitCode::from(u8::try_from(128 + signal).unwrap_or(u8::MAX))
}

/// What the ledger says of the whole command.
struct Outcome<'a> {
    /// How many programs of each target were started.
    started: BTreeMap<&'a str, usize>,
    /// The targets that were named and of which nothing was started: what the command says of them it cannot know.
    absent: Vec<&'a Target>,
    /// Why starts failed for our reasons: how often, and what would help.
    failed: BTreeMap<&'a str, (usize, &'a [String])>,
}

impl<'a> Outcome<'a> {
    fn of(records: &'a [Record], expected: &'a [Target]) -> Outcome<'a> {
        let mut started: BTreeMap<&str, usize> = BTreeMap::new();
        let mut failed: BTreeMap<&str, (usize, &[String])> = BTreeMap::new();
        for record in records {
            if record.verdict == Start::Infrastructure {
                let reason = record.reason.as_deref().unwrap_or("not started");
                failed.entry(reason).or_insert((0, &record.fixes)).0 += 1;
            } else {
                *started.entry(record.target.as_deref().unwrap_or("an unnamed machine")).or_default() += 1;
            }
        }
        let absent = expected.iter().filter(|target| !is_among(target, &started)).collect();
        Outcome { started, absent, failed }
    }

    /// Whether a success of the command is one.
    fn is_clean(&self) -> bool {
        self.absent.is_empty() && self.failed.is_empty()
    }

    /// What was started, and what could not be.
    fn summary(&self) -> String {
        let started: Vec<String> =
            self.started.iter().map(|(target, count)| format!("{count} of {target}")).collect();
        let started = if started.is_empty() { "none".to_owned() } else { started.join(", ") };
        let mut text = format!("triplecheck: foreign programs started: {started}\n");
        for target in &self.absent {
            text.push_str(&format!(
                "triplecheck: error: no program of `{}` was started; was it built, and is it what ran?\n",
                target.triple()
            ));
        }
        for (reason, (count, fixes)) in &self.failed {
            let times = if *count == 1 { String::new() } else { format!(" ({count} times)") };
            text.push_str(&format!("triplecheck: error: {reason}{times}\n"));
            for fix in *fixes {
                text.push_str(&format!("  try: {fix}\n"));
            }
        }
        text
    }
}

/// Whether a program of the target's machine is among those that were started: the header of a static program does not
/// tell one C library from another.
fn is_among(target: &Target, counts: &BTreeMap<&str, usize>) -> bool {
    counts.keys().any(|name| Target::parse(name).is_ok_and(|started| started.machine() == target.machine()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(verdict: Start, target: &str, reason: Option<&str>) -> Record {
        Record {
            verdict,
            argv: vec!["./p".into()],
            program: "/b/p".into(),
            cwd: None,
            target: Some(target.into()),
            emulator: None,
            version: None,
            sysroot: None,
            status: None,
            reason: reason.map(Into::into),
            fixes: vec!["apt-get install it".into()],
        }
    }

    #[test]
    fn a_target_of_which_nothing_ran_is_told_and_equal_failures_are_told_once() {
        let targets = ["s390x-unknown-linux-gnu", "aarch64-unknown-linux-musl"]
            .map(|name| Target::parse(name).unwrap());
        let records = [
            record(Start::Nested, "aarch64-unknown-linux-gnu", None),
            record(Start::Nested, "aarch64-unknown-linux-gnu", None),
            record(Start::Infrastructure, "riscv64gc-unknown-linux-gnu", Some("no loader")),
            record(Start::Infrastructure, "riscv64gc-unknown-linux-gnu", Some("no loader")),
        ];
        let outcome = Outcome::of(&records, &targets);
        assert!(!outcome.is_clean());
        assert_eq!(
            outcome.summary(),
            "triplecheck: foreign programs started: 2 of aarch64-unknown-linux-gnu\n\
             triplecheck: error: no program of `s390x-unknown-linux-gnu` was started; was it built, and is it what \
             ran?\n\
             triplecheck: error: no loader (2 times)\n  try: apt-get install it\n"
        );
    }
}
