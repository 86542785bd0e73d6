//! The supervisor's side: takes jobs from the socket that is its standard input, one after the other, and answers each.
//!
//! `std::fs` rather than `fs_err`, because only the error's number travels to the harness, which knows the path.
//!
//! Owns the life of one guest's tree, from its start to the fact that no process of it is left. It must never print, and
//! never wait for anything without a limit while a guest lives. It waits in one `poll` on the socket, the signals, and
//! the two pipes, with the next deadline as its time-out.
//!
//! How a run ends:
//! 1. The guest's main process ends, or a limit is passed, or the socket says stop (any event on it: the harness sends
//!    nothing during a run, so it has shut its end down or is gone).
//! 2. After a deadline: `SIGTERM` to all, then time for all of them to end. After anything else no time is given:
//!    a flooding guest could not even write its farewell, and an interrupted user does not want to wait.
//! 3. What is left is killed until `wait` says that there is no child, which for a subreaper means no descendant.
//! 4. What is in the pipes is read, without waiting for their end.
//!
//! There is neither pidfd nor timerfd here: `SIGCHLD` through the signalfd tells of the guest's end as well as of
//! orphans that must be reaped meanwhile, and `poll` has a time-out of its own. The signal is consumed *before* children
//! are reaped, so a child that ends in between makes the next `poll` return at once.

use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitCode, ExitStatus};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, Resource, Rlimit, Signal, getpid, kill_process_group, set_child_subreaper, setrlimit, setsid,
};

use crate::children::Arrangement;

use super::capture::Capture;
use super::tree::{self, Process};
use super::wire::{self, Order, Reply, Step};
use super::{KILL_TIME_MAX, Limits, SURVIVORS_MAX, Stream, Supervised, Survivor, Termination, Truncated};
use crate::unix::{self, Reaped, Start, StartError, Usage};

/// What `ps` shows. The program's own name is avoided, so that `pkill -9 triplecheck` ends the harness alone, and the
/// supervisors live long enough to end their trees.
const NAME: &CStr = c"guest-supervise";

/// The time-out of a wait that has no deadline; only a job that asks for centuries gets there.
const FOREVER: Duration = Duration::from_secs(60 * 60 * 24 * 365);

/// A refusal by the system, and what was being done.
struct Failure {
    step: Step,
    errno: i32,
}

/// Why the guest's time is over.
enum Ending {
    /// The main process has ended.
    ByItself,
    TimedOut,
    OutputLimit(Stream),
    Interrupted,
}

/// What one wait came to.
#[derive(Debug, Clone, Copy, Default)]
struct Wake {
    stop: bool,
    timed_out: bool,
}

/// The guest that is running, and all that is known of it so far.
struct Watch<'a> {
    control: BorrowedFd<'a>,
    signals: &'a OwnedFd,
    guest: Pid,
    started: Instant,
    captures: [Capture; 2],
    usage: Usage,
    /// The main process's status, and when it was taken.
    ended: Option<(ExitStatus, Instant)>,
    /// Whether no descendant is left.
    alone: bool,
}

/// Serves jobs until the harness closes the socket, which is standard input. The whole of `triplecheck __supervise`.
///
/// Call it before anything else in `main`: it must be the only thread, and no descriptor may be open.
pub fn child_main() -> ExitCode {
    unix::close_inherited_descriptors();
    // First, while there is nothing yet that a change of credentials could take away.
    if let Some(dir) = std::env::args_os().nth(2)
        && let Err(error) = Arrangement::at(dir.into()).enter()
    {
        let _ = writeln!(io::stderr(), "triplecheck: {}", error.sentence());
        return ExitCode::FAILURE;
    }
    match become_supervisor().and_then(|signals| serve(&signals)) {
        Ok(()) => ExitCode::SUCCESS,
        // The harness sees the socket close and the status; there is nobody else to tell.
        Err(_) => ExitCode::FAILURE,
    }
}

fn become_supervisor() -> io::Result<OwnedFd> {
    unix::reset_all_signals();
    let blocked = unix::SignalsBlocked::new();
    // The harness started us with all signals blocked, and so they stay: the guest gets a mask of its own.
    std::mem::forget(blocked);
    // Fails only for a leader of a process group, which a process that was started by the harness is not.
    setsid()?;
    set_child_subreaper(Some(getpid()))?;
    // QEMU writes two files for each crash, hundreds of megabytes, into the guest's directory.
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    rustix::thread::set_name(NAME)?;
    unix::signal_descriptor()
}

fn serve(signals: &OwnedFd) -> io::Result<()> {
    let stdin = io::stdin();
    let control = stdin.as_fd();
    // Not through `Stdin`, which would read ahead into a buffer where poll does not see it.
    let mut socket = File::from(control.try_clone_to_owned()?);
    loop {
        // A new buffer each time: what a long job occupied would count as the peak memory of every later guest.
        let mut message = Vec::new();
        if !wire::receive(&mut socket, &mut message)? {
            return Ok(());
        }
        let reply = match wire::decode_job(&message) {
            None => Reply::Failed { step: Step::Decode, errno: Errno::BADMSG.raw_os_error() },
            Some(order) => match supervise(&order, control, signals) {
                Ok(ended) => Reply::Ended(ended),
                Err(Failure { step, errno }) => Reply::Failed { step, errno },
            },
        };
        wire::send(control, &wire::encode_reply(&reply))?;
        if !matches!(unix::reap(), Reaped::NoChildren) {
            // Something did not die. Whatever it does from here must not be mixed up with the next guest.
            return Ok(());
        }
    }
}

fn supervise(order: &Order<'_>, control: BorrowedFd<'_>, signals: &OwnedFd) -> Result<Supervised, Failure> {
    let stdin = open_stdin(order.stdin)?;
    let bytes_max = order.limits.output_bytes_max;
    let (stdout, guest_stdout) = capture(order.stdout, Step::CreateStdout, bytes_max)?;
    let (stderr, guest_stderr) = capture(order.stderr, Step::CreateStderr, bytes_max)?;
    let started = Instant::now();
    let start = Start {
        program: order.program,
        argv: &order.argv,
        envp: &order.envp,
        dir: order.dir,
        streams: [stdin.as_fd(), guest_stdout.as_fd(), guest_stderr.as_fd()],
    };
    let guest = match unix::start(&start) {
        Ok(guest) => guest,
        Err(StartError::Execute(errno)) => return Ok(not_started(errno)),
        Err(StartError::Directory(errno)) => return Err(Failure { step: Step::EnterDirectory, errno }),
        Err(StartError::Process(errno)) => return Err(Failure { step: Step::StartProcess, errno }),
    };
    // The guest has its own copies; ours would keep the pipes from ever ending.
    drop((stdin, guest_stdout, guest_stderr));
    let captures = [stdout, stderr];
    let usage = Usage::default();
    let watch = Watch { control, signals, guest, started, captures, usage, ended: None, alone: false };
    watch.finish(order.limits)
}

impl Watch<'_> {
    /// Sees the guest to its end and its tree to nothing.
    fn finish(mut self, limits: Limits) -> Result<Supervised, Failure> {
        let ending = self.until_end(limits.deadline);
        let mut survivors = Vec::new();
        if !self.alone {
            match ending {
                Ok(Ending::ByItself) => survivors = tree::descendants().map_err(listing_failed)?,
                Ok(Ending::TimedOut) => self.terminate(limits.grace)?,
                Ok(Ending::OutputLimit(_) | Ending::Interrupted) | Err(_) => {}
            }
        }
        let undead = self.kill_all()?;
        survivors
            .extend(undead.into_iter().filter(|process| !survivors.contains(process)).collect::<Vec<_>>());
        let ending = ending?;
        for capture in &mut self.captures {
            capture.drain();
        }
        self.result(ending, limits, survivors)
    }

    /// Waits until the guest ends by itself or must be ended.
    fn until_end(&mut self, deadline: Duration) -> Result<Ending, Failure> {
        let until = self.started.checked_add(deadline);
        loop {
            let wake = self.wait(until)?;
            if self.ended.is_some() {
                return Ok(Ending::ByItself);
            }
            if wake.stop {
                return Ok(Ending::Interrupted);
            }
            if let Some(stream) = self.overflowed() {
                return Ok(Ending::OutputLimit(stream));
            }
            self.check_captures()?;
            if wake.timed_out {
                return Ok(Ending::TimedOut);
            }
        }
    }

    /// Asks everything to end and waits until it has, for as long as `grace`. The output goes on being read, since it
    /// may say why the guest hung.
    fn terminate(&mut self, grace: Duration) -> Result<(), Failure> {
        if tree::terminate_descendants().is_err() {
            return Ok(());
        }
        let until = Instant::now().checked_add(grace);
        while !self.alone {
            let wake = self.wait(until)?;
            if wake.stop || wake.timed_out || self.overflowed().is_some() {
                break;
            }
        }
        Ok(())
    }

    /// Kills until nothing is left, and returns what would not die.
    fn kill_all(&mut self) -> Result<Vec<Process>, Failure> {
        let until = Instant::now() + KILL_TIME_MAX;
        if self.ended.is_none() {
            // Not reaped, so the id is still the guest's. Most trees are one group, and die here without a look at
            // /proc, which may even be missing.
            let _ = kill_process_group(self.guest, Signal::KILL);
        }
        loop {
            self.reap();
            if self.alone {
                return Ok(Vec::new());
            }
            let children = tree::kill_children().map_err(listing_failed)?;
            // A child that dies hands its own children to us before it tells us, so each signal is news of progress.
            let mut fds = [PollFd::new(self.signals, PollFlags::IN)];
            if wait_for(&mut fds, Some(until))? {
                return Ok(children);
            }
            unix::take_signals(self.signals);
        }
    }

    /// Waits for one event or for the deadline, and does what every event asks for: bytes are moved, children reaped.
    fn wait(&mut self, until: Option<Instant>) -> Result<Wake, Failure> {
        let (timed_out, stop, child, readable) = {
            let mut fds = Vec::with_capacity(4);
            fds.push(PollFd::new(&self.control, PollFlags::IN | PollFlags::RDHUP));
            fds.push(PollFd::new(self.signals, PollFlags::IN));
            let pipes = || self.captures.iter().filter_map(Capture::pipe);
            fds.extend(pipes().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
            let timed_out = wait_for(&mut fds, until)?;
            let mut woken = fds.iter().map(|fd| !fd.revents().is_empty());
            let control = woken.next() == Some(true);
            let signals = woken.next() == Some(true);
            let mut readable = [false; 2];
            for (readable, capture) in readable.iter_mut().zip(&self.captures) {
                *readable = capture.pipe().is_some() && woken.next() == Some(true);
            }
            (timed_out, control, signals, readable)
        };
        for (capture, readable) in self.captures.iter_mut().zip(readable) {
            if readable {
                capture.pump();
            }
        }
        let mut wake = Wake { stop, timed_out };
        if child {
            let pending = unix::take_signals(self.signals);
            wake.stop |= pending.stop;
            self.reap();
        }
        Ok(wake)
    }

    /// Takes every child that has ended: the guest, and orphans that have become ours.
    fn reap(&mut self) {
        loop {
            match unix::reap() {
                Reaped::Child { pid, status, usage } => {
                    self.usage.cpu += usage.cpu;
                    self.usage.peak_rss_bytes = self.usage.peak_rss_bytes.max(usage.peak_rss_bytes);
                    if pid == self.guest.as_raw_nonzero().get() {
                        self.ended = Some((status, Instant::now()));
                    }
                }
                Reaped::AllRunning => return,
                Reaped::NoChildren => {
                    self.alone = true;
                    return;
                }
            }
        }
    }

    fn overflowed(&self) -> Option<Stream> {
        Stream::ALL.into_iter().find(|stream| self.captures[stream.index()].overflowed())
    }

    fn check_captures(&self) -> Result<(), Failure> {
        for (capture, step) in self.captures.iter().zip([Step::WriteStdout, Step::WriteStderr]) {
            if let Some(errno) = capture.failed() {
                return Err(Failure { step, errno: errno.raw_os_error() });
            }
        }
        Ok(())
    }

    fn result(self, ending: Ending, limits: Limits, survivors: Vec<Process>) -> Result<Supervised, Failure> {
        self.check_captures()?;
        // Judged by what was written, so that it does not matter whether the limit was noticed before the guest ended.
        let termination = match (ending, self.overflowed(), self.ended) {
            (Ending::OutputLimit(stream), _, _) | (Ending::ByItself, Some(stream), _) => {
                Termination::OutputLimit { stream }
            }
            (Ending::Interrupted, _, _) => Termination::Interrupted,
            (Ending::TimedOut, _, _) => Termination::TimedOut { after: limits.deadline },
            (Ending::ByItself, None, Some((status, _))) => ended_as(status),
            (Ending::ByItself, None, None) => {
                unreachable!("a guest ends by itself only when its status was taken")
            }
        };
        let ended_at = self.ended.map_or_else(Instant::now, |(_, at)| at);
        let [stdout, stderr] = &self.captures;
        Ok(Supervised {
            termination,
            wall: ended_at - self.started,
            cpu: self.usage.cpu,
            peak_rss_bytes: self.usage.peak_rss_bytes,
            leaked: survivors.into_iter().take(SURVIVORS_MAX).map(Survivor::from).collect(),
            truncated: Truncated { stdout: stdout.overflowed(), stderr: stderr.overflowed() },
            stdout_bytes: stdout.kept(),
            stderr_bytes: stderr.kept(),
        })
    }
}

/// Waits for any of `fds`; `true` when `until` came first.
fn wait_for(fds: &mut [PollFd<'_>], until: Option<Instant>) -> Result<bool, Failure> {
    loop {
        let left = until.map_or(FOREVER, |until| until.saturating_duration_since(Instant::now()));
        let timeout = Timespec::try_from(left.min(FOREVER)).expect("a year fits");
        match poll(fds, Some(&timeout)) {
            Ok(0) if until.is_some_and(|until| Instant::now() >= until) => return Ok(true),
            // An early wake-up, which the rounding of time-outs allows.
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(false),
            Err(errno) => return Err(Failure { step: Step::Wait, errno: errno.raw_os_error() }),
        }
    }
}

fn ended_as(status: ExitStatus) -> Termination {
    match (status.code(), status.signal()) {
        (Some(code), _) => Termination::Exited(code.cast_unsigned()),
        (None, Some(signal)) => Termination::Signalled { signal, core: status.core_dumped() },
        (None, None) => unreachable!("wait4 without WUNTRACED tells only of processes that have ended"),
    }
}

fn not_started(errno: i32) -> Supervised {
    Supervised { termination: Termination::NotStarted { errno }, ..Supervised::not_begun() }
}

fn open_stdin(path: &CStr) -> Result<File, Failure> {
    let path = if path.is_empty() { c"/dev/null" } else { path };
    File::open(as_path(path)).map_err(|error| failure(Step::OpenStdin, &error))
}

fn capture(path: &CStr, step: Step, bytes_max: u64) -> Result<(Capture, OwnedFd), Failure> {
    let file = File::create(as_path(path)).map_err(|error| failure(step, &error))?;
    Capture::new(file, bytes_max).map_err(|errno| Failure { step: Step::Pipe, errno: errno.raw_os_error() })
}

fn as_path(path: &CStr) -> &Path {
    Path::new(OsStr::from_bytes(path.to_bytes()))
}

#[expect(clippy::needless_pass_by_value, reason = "it is the argument of map_err")]
fn listing_failed(error: io::Error) -> Failure {
    failure(Step::ListProcesses, &error)
}

fn failure(step: Step, error: &io::Error) -> Failure {
    Failure { step, errno: error.raw_os_error().unwrap_or(Errno::IO.raw_os_error()) }
}
