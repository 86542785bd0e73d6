//! Stays while a program runs under Wine, and stands in for it: becoming Wine would not be faithful.
//!
//! * Wine ends a program with status **0** when SIGINT or SIGQUIT comes, and also when its server is ended by somebody
//!   else: a build would take both for success. Here the first ends us by that signal, and the second is a failure of
//!   ours.
//! * Wine draws on a terminal, with escape sequences around every write, where a native program's bytes are shown as they
//!   are. It is given a pipe instead, from which we copy.
//!
//! Everything else is passed on as it comes: signals, stops and continuations, the status. Killing us kills the program.
//! What cannot be told apart: a program that handles SIGINT by itself and then ends with 0 counts as interrupted.

use std::fs::File;
use std::io::{self, IsTerminal as _, PipeReader, PipeWriter, Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd, RawFd};
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Resource, Rlimit, Signal, WaitOptions, getpid, getrlimit, setrlimit, waitpid};

use crate::unix::{self, Fork, SignalsBlocked};

/// The signals after which Wine ends a program with status 0.
const LOST: [i32; 2] = [libc::SIGINT, libc::SIGQUIT];
/// A pipe's worth.
const COPY_BYTES: usize = 64 * 1024;

/// How the program ended.
pub(super) struct Ended {
    status: ExitStatus,
    /// The last of [`LOST`] that came.
    interrupted: Option<i32>,
}

/// A terminal that is kept from Wine: what is read from the pipe is written to it.
struct Screen {
    terminal: File,
    pipe: PipeReader,
}

/// The program's ends of the pipes, with the streams that they are for.
type Streams = Vec<(RawFd, PipeWriter)>;

/// Runs what `become_program` turns a process into, to its end.
pub(super) fn run(become_program: impl FnOnce() -> io::Error) -> io::Result<Ended> {
    let blocked = SignalsBlocked::new();
    let signals = unix::every_signal()?;
    let (screens, streams) = screens()?;
    let parent = getpid();
    let child = match unix::fork()? {
        Fork::Parent(child) => child,
        Fork::Child => {
            let ready = unix::die_with(parent)
                && streams.iter().all(|(number, pipe)| unix::become_stream(pipe.as_fd(), *number).is_ok());
            drop(blocked);
            if ready {
                let error = become_program();
                // Where nobody hears it, the status tells.
                let _ = writeln!(io::stderr(), "triplecheck: error: cannot start Wine: {error}");
            }
            unix::leave(super::HOOK_FAILED);
        }
    };
    drop(streams);
    let mut keep: Vec<RawFd> = vec![signals.as_raw_fd()];
    keep.extend(screens.iter().flat_map(|screen| [screen.terminal.as_raw_fd(), screen.pipe.as_raw_fd()]));
    unix::close_all_but(&keep);
    let ended = attend(child, &signals, screens)?;
    // They stay blocked: what comes now comes too late for the program.
    std::mem::forget(blocked);
    Ok(ended)
}

/// The terminals among our output streams, and the pipes for the program in their place. Two streams to one terminal
/// share a pipe, so that what is written to both stays in its order.
fn screens() -> io::Result<(Vec<Screen>, Streams)> {
    let (mut screens, mut streams) = (Vec::new(), Vec::new());
    let (stdout, stderr) = (io::stdout(), io::stderr());
    let of_stdout = stdout.is_terminal().then(|| screen(stdout.as_fd())).transpose()?;
    let shared = of_stdout.is_some() && stderr.is_terminal() && same_file(&stdout, &stderr);
    let of_stderr = (stderr.is_terminal() && !shared).then(|| screen(stderr.as_fd())).transpose()?;
    if let Some((_, pipe)) = of_stdout.as_ref().filter(|_| shared) {
        streams.push((libc::STDERR_FILENO, pipe.try_clone()?));
    }
    for (number, made) in [(libc::STDOUT_FILENO, of_stdout), (libc::STDERR_FILENO, of_stderr)] {
        if let Some((screen, pipe)) = made {
            screens.push(screen);
            streams.push((number, pipe));
        }
    }
    Ok((screens, streams))
}

fn screen(terminal: std::os::fd::BorrowedFd<'_>) -> io::Result<(Screen, PipeWriter)> {
    let (pipe, writer) = io::pipe()?;
    rustix::io::ioctl_fionbio(&pipe, true)?;
    Ok((Screen { terminal: File::from(terminal.try_clone_to_owned()?), pipe }, writer))
}

fn same_file(one: &impl std::os::fd::AsFd, other: &impl std::os::fd::AsFd) -> bool {
    let device = |file: &dyn std::os::fd::AsFd| rustix::fs::fstat(file.as_fd()).map(|stat| stat.st_rdev);
    matches!((device(one), device(other)), (Ok(one), Ok(other)) if one == other)
}

/// Passes on what comes, until the program has ended.
fn attend(child: Pid, signals: &OwnedFd, mut screens: Vec<Screen>) -> io::Result<Ended> {
    let mut interrupted = None;
    loop {
        let mut watched = vec![PollFd::new(signals, PollFlags::IN)];
        watched.extend(screens.iter().map(|screen| PollFd::new(&screen.pipe, PollFlags::IN)));
        // Without a deadline: the program takes as long as it takes, and ends with us when we are ended.
        poll(&mut watched, None)?;
        drop(watched);
        screens.retain_mut(Screen::copy);
        while let Some(sent) = unix::take_signal(signals) {
            if sent.number == libc::SIGCHLD {
                if let Some(status) = look(child)? {
                    // What the program wrote is in the pipes by now; what its own children may still write is not
                    // waited for, as no shell would.
                    screens.retain_mut(Screen::copy);
                    return Ok(Ended { status, interrupted });
                }
                continue;
            }
            if LOST.contains(&sent.number) {
                interrupted = Some(sent.number);
            }
            if sent.by_process || sent.number == libc::SIGCONT {
                unix::send(child, sent.number);
            }
        }
    }
}

/// What has become of the program: stops with it, and says how it ended if it has.
fn look(child: Pid) -> io::Result<Option<ExitStatus>> {
    while let Some((_, status)) = waitpid(Some(child), WaitOptions::NOHANG | WaitOptions::UNTRACED)? {
        match status.stopping_signal() {
            Some(signal) => {
                unix::act_by_default(signal);
                unix::send(child, Signal::CONT.as_raw());
            }
            None => return Ok(Some(ExitStatus::from_raw(status.as_raw()))),
        }
    }
    Ok(None)
}

impl Screen {
    /// Copies what is there. `false` when nothing will come any more.
    fn copy(&mut self) -> bool {
        let mut buffer = vec![0; COPY_BYTES];
        loop {
            match self.pipe.read(&mut buffer) {
                Ok(0) => return false,
                // A terminal that is gone is no reason to end the program.
                Ok(count) => drop(self.terminal.write_all(&buffer[..count])),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
            }
        }
    }
}

impl Ended {
    /// Whether the status may be Wine's own doing, and not the program's.
    pub(super) fn is_doubtful(&self) -> bool {
        self.status.code() == Some(0) && self.interrupted.is_none()
    }

    /// Ends this process in the same way.
    pub(super) fn repeat(&self) -> ! {
        let lost = self.interrupted.filter(|_| self.status.code() == Some(0));
        if let Some(signal) = self.status.signal().or(lost) {
            // The program's own core, if it is to have one, has been written.
            let limit = getrlimit(Resource::Core);
            let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: limit.maximum });
            unix::act_by_default(signal);
        }
        // A status that is neither a code nor a fatal signal does not occur for a process that has ended.
        let code = self.status.code().and_then(|code| u8::try_from(code).ok());
        unix::leave(code.unwrap_or(super::HOOK_FAILED));
    }
}
