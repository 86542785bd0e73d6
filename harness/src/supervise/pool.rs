//! The harness's side: starts supervisors, hands each a job at a time, and waits for the answer.
//!
//! Owns the supervisor processes and their sockets. It must never touch a guest itself, with one exception: when a
//! supervisor has been killed from outside, it kills what is left in that supervisor's session.
//!
//! Nothing here depends on `SIGCHLD` or on a wait for the supervisor to succeed, since a host program may ignore that
//! signal: the answer comes through the socket, and waiting is only the burial.
#![expect(clippy::disallowed_methods, reason = "one of the spawn modules: it starts the supervisors")]

use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::Pid;

use super::wire::{self, Reply, Step};
use super::{Job, KILL_TIME_MAX, SUBCOMMAND, Stdin, StopFlag, SuperviseError, Supervised, tree};
use crate::unix::SignalsBlocked;

/// The running binary, even after its file has been replaced by a newer one.
pub(crate) const OWN_BINARY: &str = "/proc/self/exe";

/// What a supervisor is called in a process list; see `NAME` in `child.rs`.
const ARGV0: &str = "guest-supervise";

/// How much longer than all of its limits together a supervisor may take before it is given up as lost. A machine with
/// many more runnable processes than cores is slow; a supervisor that was stopped by a debugger never answers.
const ANSWER_SLACK: Duration = Duration::from_secs(60);

/// Supervisor processes: one for each guest that runs at the same time, kept for the next when their guest has ended.
///
/// Dropping it ends them. It may be shared between any number of threads, and as many guests run as threads call
/// [`Supervisors::run`]; the limit is the caller's.
#[derive(Debug)]
pub struct Supervisors {
    program: Option<PathBuf>,
    /// The arrangement whose namespaces they enter.
    within: Option<PathBuf>,
    idle: Mutex<Vec<Supervisor>>,
}

/// One supervisor process that is waiting for a job or working on one. Dropping it kills it, so whoever drops it while
/// it works has to see to its guest.
#[derive(Debug)]
struct Supervisor {
    process: Child,
    socket: UnixStream,
}

/// Why a supervisor's answer was not heard.
enum Silence {
    /// The socket was closed: it is dead.
    Closed,
    /// It was damaged, or the wait itself failed.
    Broken(io::Error),
    /// It did not come long after it should have.
    TooLate,
}

impl Supervisors {
    /// Supervisors that are this very binary.
    #[must_use]
    pub const fn new() -> Supervisors {
        Supervisors { program: None, within: None, idle: Mutex::new(Vec::new()) }
    }

    /// Supervisors that are inside the namespaces of the [`Arrangement`](crate::children::Arrangement) in this
    /// directory, with all that they start.
    #[must_use]
    pub const fn within(dir: PathBuf) -> Supervisors {
        Supervisors { program: None, within: Some(dir), idle: Mutex::new(Vec::new()) }
    }

    /// Supervisors that are another binary with our `main`, for a program that uses the library but is not it.
    #[must_use]
    pub const fn with_program(program: PathBuf) -> Supervisors {
        Supervisors { program: Some(program), within: None, idle: Mutex::new(Vec::new()) }
    }

    /// Runs one guest to its end; see [`super::run`].
    ///
    /// # Errors
    /// As [`super::run`].
    pub fn run(&self, job: &Job<'_>, stop: Option<&StopFlag>) -> Result<Supervised, SuperviseError> {
        let message = wire::encode_job(job)?;
        if stop.is_some_and(StopFlag::is_stopped) {
            return Ok(Supervised::not_begun());
        }
        let mut supervisor = self.engage(&message)?;
        let time_max =
            job.limits.deadline.saturating_add(job.limits.grace).saturating_add(KILL_TIME_MAX + ANSWER_SLACK);
        match supervisor.answer(stop, time_max) {
            Ok(reply) => {
                let stopped = stop.is_some_and(StopFlag::is_stopped);
                let survivors = matches!(&reply, Reply::Ended(ended) if !ended.leaked.is_empty());
                // A supervisor that has been told to stop takes no more jobs, and one that could not kill everything
                // has ended itself; it cannot be told from one that killed what had leaked, so neither is kept.
                if !stopped && !survivors && matches!(reply, Reply::Ended(_)) {
                    self.idle().push(supervisor);
                }
                conclude(reply, job)
            }
            Err(silence) => {
                let how = supervisor.bury(silence);
                match stop {
                    Some(stop) if stop.is_stopped() => Ok(Supervised::not_begun()),
                    _ => Err(SuperviseError::Lost { program: job.program.to_path_buf(), how }),
                }
            }
        }
    }

    /// Finds a supervisor that takes the job: an idle one that is still there, or a new one.
    fn engage(&self, message: &[u8]) -> Result<Supervisor, SuperviseError> {
        while let Some(supervisor) = self.take_idle() {
            if wire::send(&supervisor.socket, message).is_ok() {
                return Ok(supervisor);
            }
        }
        let program = self.program.as_deref().unwrap_or(Path::new(OWN_BINARY));
        let failed = |source| SuperviseError::Spawn { program: program.to_path_buf(), source };
        let supervisor = Supervisor::start(program, self.within.as_deref()).map_err(failed)?;
        wire::send(&supervisor.socket, message).map_err(failed)?;
        Ok(supervisor)
    }

    fn take_idle(&self) -> Option<Supervisor> {
        self.idle().pop()
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Supervisor>> {
        // Nothing is left half done while the lock is held, so a panic elsewhere does not spoil the list.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Supervisors {
    fn default() -> Supervisors {
        Supervisors::new()
    }
}

impl Supervisor {
    fn start(program: &Path, within: Option<&Path>) -> io::Result<Supervisor> {
        let (socket, theirs) = UnixStream::pair()?;
        // Ctrl-C reaches the whole group of the terminal. A supervisor that has not yet left it, nor blocked anything,
        // would die of it; so it is born with everything blocked.
        let blocked = SignalsBlocked::new();
        let process = Command::new(program)
            .arg0(ARGV0)
            .arg(SUBCOMMAND)
            .args(within)
            // What is meant for a guest, LD_PRELOAD above all, must not reach the program that watches it.
            .env_clear()
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            // For the message of a panic. It is closed together with the harness's own.
            .stderr(Stdio::inherit())
            .spawn()?;
        drop(blocked);
        Ok(Supervisor { process, socket })
    }

    /// Waits for the answer to the job it was given, and passes a raised flag on.
    fn answer(&mut self, stop: Option<&StopFlag>, time_max: Duration) -> Result<Reply, Silence> {
        let until = Instant::now().checked_add(time_max);
        if !self.await_event(stop, until)? {
            // Its end of file is the sign to stop; what it has to say still comes back.
            // One that has just died cannot be told, which the next wait will show.
            let _ = self.socket.shutdown(Shutdown::Write);
            self.await_event(None, until)?;
        }
        let mut message = Vec::new();
        match wire::receive(&self.socket, &mut message) {
            Ok(true) => wire::decode_reply(&message)
                .ok_or_else(|| Silence::Broken(io::Error::from(io::ErrorKind::InvalidData))),
            Ok(false) => Err(Silence::Closed),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Err(Silence::Closed),
            Err(error) => Err(Silence::Broken(error)),
        }
    }

    /// Waits until the socket has something (`true`) or the flag is raised (`false`).
    fn await_event(&self, stop: Option<&StopFlag>, until: Option<Instant>) -> Result<bool, Silence> {
        loop {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            // A time that does not fit is longer than any machine runs.
            let timeout = left.and_then(|left| Timespec::try_from(left).ok());
            let mut fds = vec![PollFd::new(&self.socket, PollFlags::IN)];
            fds.extend(stop.map(|stop| PollFd::from_borrowed_fd(stop.as_fd(), PollFlags::IN)));
            match poll(&mut fds, timeout.as_ref()) {
                Ok(0) if left.is_some_and(|left| left.is_zero()) => return Err(Silence::TooLate),
                Ok(0) | Err(Errno::INTR) => {}
                // An answer counts for more than a flag raised at the same time.
                Ok(_) => return Ok(!fds[0].revents().is_empty()),
                Err(errno) => return Err(Silence::Broken(errno.into())),
            }
        }
    }

    /// Ends a supervisor that did not answer, and what it leaves behind. Says how it was found.
    fn bury(mut self, silence: Silence) -> String {
        let id = self.process.id();
        let _ = self.process.kill();
        // Not reaped yet, so that the session's id is still its own.
        if let Some(leader) = i32::try_from(id).ok().and_then(Pid::from_raw) {
            end_session(leader);
        }
        let status = self.process.wait();
        match (silence, status) {
            (Silence::Closed, Ok(status)) => format!("{status}"),
            (Silence::Closed, Err(_)) => "it ended without an answer".to_owned(),
            (Silence::Broken(error), _) => error.to_string(),
            (Silence::TooLate, _) => "no answer long after every limit had passed".to_owned(),
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        // It has no guest at this point, so nothing is lost by not letting it find out that the socket is closed; and
        // one that was stopped by a debugger would never find out.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Kills the session of a dead supervisor until nothing of it is left. It may be forking, so it takes a few rounds, and
/// the time for all of them is limited.
fn end_session(leader: Pid) {
    let until = Instant::now() + KILL_TIME_MAX;
    // Without /proc there is nothing more that could be done.
    while let Ok(dying) = tree::kill_session(leader) {
        if dying.is_empty() {
            return;
        }
        for pidfd in dying {
            let left = until.saturating_duration_since(Instant::now());
            let timeout = Timespec::try_from(left).expect("KILL_TIME_MAX fits");
            let mut fds = [PollFd::new(&pidfd, PollFlags::IN)];
            if !matches!(poll(&mut fds, Some(&timeout)), Ok(1..)) {
                return;
            }
        }
    }
}

/// Turns a supervisor's answer into the caller's words.
fn conclude(reply: Reply, job: &Job<'_>) -> Result<Supervised, SuperviseError> {
    let (step, errno) = match reply {
        Reply::Ended(ended) => return Ok(ended),
        Reply::Failed { step, errno } => (step, errno),
    };
    let source = io::Error::from_raw_os_error(errno);
    let file = |act, path: &Path| (act, Some(path.to_path_buf()));
    let (act, path) = match (step, job.stdin) {
        (Step::OpenStdin, Stdin::File(path)) => file("open", path),
        (Step::OpenStdin, Stdin::Null) => file("open", Path::new("/dev/null")),
        (Step::CreateStdout, _) => file("create", job.stdout),
        (Step::CreateStderr, _) => file("create", job.stderr),
        (Step::WriteStdout, _) => file("write to", job.stdout),
        (Step::WriteStderr, _) => file("write to", job.stderr),
        (Step::EnterDirectory, _) => file("enter", job.dir),
        (Step::Pipe, _) => ("make pipes", None),
        (Step::StartProcess, _) => ("start a process", None),
        (Step::Wait, _) => ("wait", None),
        (Step::ListProcesses, _) => ("list processes", None),
        (Step::Decode, _) => ("understand the job", None),
    };
    Err(match path {
        Some(path) => SuperviseError::File { act, path, source },
        None => SuperviseError::System { act, program: job.program.to_path_buf(), source },
    })
}
