//! Runs one guest to its end and owns every process it starts: the portable contract.
//!
//! Owns the values that describe a run ([`Job`], [`Limits`]) and what came of it ([`Supervised`], [`Termination`]).
//! It must never judge: a crash, a timeout and a flood are values here, and only what kept us from observing at all is
//! a [`SuperviseError`].
//!
//! A guest is not a child of the harness. Between the two stands a *supervisor*: this same binary, executed again as
//! `triplecheck __supervise` ([`child_main`]). It is a child subreaper, so whatever the guest starts stays below it,
//! double forks and `setsid` escapees included, and "no child is left" is a fact the kernel vouches for rather than a
//! guess. The harness cannot do that itself: it runs many guests at once, and could not tell whose orphan it was given.
//!
//! What is surprising:
//! - A supervisor serves one guest after the other ([`Supervisors`] keeps the idle ones), because executing and linking
//!   a program costs more than everything else it does. It goes back to the idle ones only when its tree is empty.
//! - The harness's end of the socket is the life line: when the harness ends in any way, `SIGKILL` included, every
//!   supervisor sees the end of file and ends its tree. `PR_SET_PDEATHSIG` would do that only for the *thread* that
//!   started the supervisor, which may well end before the process does.
//! - The supervisor leads a session of its own without a terminal. So Ctrl-C reaches neither it nor the guest; the
//!   harness alone hears it and passes it on with a [`StopFlag`]. A guest that opens `/dev/tty` gets an error.
//! - The supervisor's own environment is empty. `LD_PRELOAD` and `LD_LIBRARY_PATH` are meant for the guest and must not
//!   reach the program that watches it.
//!
//! - A guest that writes to a pipe which outlives it is no hang: when its tree is gone, what is in the pipe is read, and
//!   whoever else holds it open (a wineserver that was running before) is not waited for.
//! - Whatever a guest starts ends with it. A service that several guests share, such as a wineserver, must be started
//!   outside beforehand; one that a guest starts is reported as leaked and killed.
//!
//! Linux alone has the parts used here (subreaper, signalfd, splice), from version 5.3 on (pidfd), with `/proc` mounted. For another system, `../unix.rs` and `tree.rs` are
//! the files that need a sibling; the types, the encoding and the pool do not change.

mod capture;
mod child;
mod pool;
mod stop;
mod tree;
mod wire;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use crate::unix::reset_child_signal;
pub use child::child_main;
pub(crate) use pool::OWN_BINARY;
pub use pool::Supervisors;
pub use stop::StopFlag;
pub(crate) use tree::terminate_tree;

#[cfg(not(target_os = "linux"))]
compile_error!(
    "triplecheck supervises guests on Linux only; see the notes in supervise.rs for what a port needs"
);

/// The first argument that makes the binary a supervisor. `main` must look for it before it parses anything.
pub const SUBCOMMAND: &str = "__supervise";

/// The most survivors a report lists. A fork bomb would otherwise make the report itself the flood.
pub const SURVIVORS_MAX: usize = 64;

/// How long the tree may take to die after `SIGKILL`. Only a process in an uninterruptible wait, or one that belongs
/// to another user, outlives it; both are reported as leaked rather than waited for.
pub const KILL_TIME_MAX: Duration = Duration::from_secs(10);

/// Supervisors for [`run`], kept for the life of the process.
static SUPERVISORS: Supervisors = Supervisors::new();

/// Everything about one run. Relative paths are relative to the harness's current directory.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// The file to execute. It is not searched for on `PATH`, and a script without `#!` is not handed to a shell.
    pub program: &'a Path,
    /// The guest's `argv[0]`; the program's path as given when absent.
    pub argv0: Option<&'a OsStr>,
    /// The arguments after `argv[0]`, delivered byte for byte.
    pub args: &'a [OsString],
    /// The complete environment, in this order. Nothing of the harness's own is added.
    pub env: &'a [(OsString, OsString)],
    /// The guest's current directory.
    pub dir: &'a Path,
    /// What the guest reads as its standard input.
    pub stdin: Stdin<'a>,
    /// The file to create for what the guest writes to standard output.
    pub stdout: &'a Path,
    /// The file to create for standard error; it must not be the same as `stdout`.
    pub stderr: &'a Path,
    /// When to end the guest.
    pub limits: Limits,
}

/// What a guest finds on its standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stdin<'a> {
    /// Nothing: `/dev/null`.
    Null,
    /// The bytes of this file.
    File(&'a Path),
}

/// What a guest may use up before its tree is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Time from the start of the guest to `SIGTERM`.
    pub deadline: Duration,
    /// Time from `SIGTERM` to `SIGKILL`, for the whole tree.
    pub grace: Duration,
    /// The most bytes kept of each stream.
    ///
    /// A guest that writes more is ended with `SIGKILL` at once, whether or not it was about to end by itself, so that
    /// the outcome does not depend on who was faster. `RLIMIT_FSIZE` would be cheaper, but it also limits the files
    /// that the guest writes as its own work, and it is why the guest writes to pipes rather than to the files.
    pub output_bytes_max: u64,
}

/// One of the two streams that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How a guest came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Termination {
    /// It exited by itself with this code.
    Exited(u32),
    /// A signal that did not come from the supervisor ended it.
    Signalled {
        /// The signal's number on the host.
        signal: i32,
        /// Whether the kernel says that a core was dumped. The core limit is 0, so only a pipe handler makes this true.
        core: bool,
    },
    /// The deadline passed and the tree was ended, even if the guest then exited with a code of its own.
    TimedOut {
        /// The deadline that passed.
        after: Duration,
    },
    /// More than [`Limits::output_bytes_max`] was written. The file holds exactly the first so many bytes.
    OutputLimit {
        /// The stream on which that was noticed first.
        stream: Stream,
    },
    /// The kernel refused to execute the program: `ENOENT`, `EACCES`, `ENOEXEC`, `E2BIG` and the like. A guest that ran
    /// and exited with 127 is [`Termination::Exited`]. `ENOENT` for a file that exists means that its `#!` interpreter
    /// or dynamic loader does not.
    NotStarted {
        /// The error number of `execve`.
        errno: i32,
    },
    /// The [`StopFlag`] was raised, or the supervisor was told to stop by a signal.
    Interrupted,
}

/// A process that was still alive when the guest's main process had ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survivor {
    /// Its process id; it has been killed since.
    pub pid: i32,
    /// Its name as the kernel knows it, at most 15 bytes.
    pub name: String,
}

/// Which streams held more than was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Truncated {
    /// Standard output is cut off at the limit.
    pub stdout: bool,
    /// Standard error is cut off at the limit.
    pub stderr: bool,
}

/// What came of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Supervised {
    /// How the guest ended.
    pub termination: Termination,
    /// Time from the start of the guest to the end of its main process.
    pub wall: Duration,
    /// User and system time of the guest and of every descendant.
    pub cpu: Duration,
    /// The largest resident set of any one process of the tree. Never below the supervisor's own few MiB, because the
    /// kernel counts what a process occupied before `execve`.
    pub peak_rss_bytes: u64,
    /// What outlived the guest's main process when that ended by itself, at most [`SURVIVORS_MAX`]; and after any
    /// ending what did not die within [`KILL_TIME_MAX`].
    pub leaked: Vec<Survivor>,
    /// Which streams are incomplete.
    pub truncated: Truncated,
    /// Bytes in the file for standard output.
    pub stdout_bytes: u64,
    /// Bytes in the file for standard error.
    pub stderr_bytes: u64,
}

/// What kept us from observing a run at all. Nothing of the guest is left when it is returned, but for what the
/// variant's own text says.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SuperviseError {
    /// The binary could not be executed as a supervisor.
    #[error("start the supervisor `{program}`")]
    Spawn {
        /// The supervisor's program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// One of the job's files or its directory could not be used.
    #[error("{act} `{path}`")]
    File {
        /// What was tried: "open", "create", "write to", "enter".
        act: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A string of the job holds a NUL byte, which no program can be given.
    #[error("pass {what} with a NUL byte to `{program}`")]
    Nul {
        /// Which part of the job: "an argument", "an environment variable", "a path".
        what: &'static str,
        /// The guest's program.
        program: PathBuf,
    },
    /// The system refused the supervisor something it needs: processes, descriptors, memory, `/proc`.
    #[error("{act} for `{program}`")]
    System {
        /// What was tried.
        act: &'static str,
        /// The guest's program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The supervisor itself was killed, or did not answer long after every limit had passed. The guest's session has
    /// been killed; a descendant that had left that session and lost its parents may survive.
    #[error("hear from the supervisor of `{program}` ({how})")]
    Lost {
        /// The guest's program.
        program: PathBuf,
        /// What became of the supervisor.
        how: String,
    },
}

/// Runs one guest to its end, with supervisors that are kept for the next call.
///
/// Blocks the calling thread; call it from as many threads as guests shall run at once. When `stop` is raised before or
/// during the run, the tree is killed at once and the result is [`Termination::Interrupted`].
///
/// The supervisors are the running binary itself, so its `main` must give way to [`child_main`]. A program that does
/// not, a test for example, names one that does with [`Supervisors::with_program`].
///
/// # Errors
/// [`SuperviseError`] when nothing could be observed; everything a guest can do is a [`Termination`].
pub fn run(job: &Job<'_>, stop: Option<&StopFlag>) -> Result<Supervised, SuperviseError> {
    SUPERVISORS.run(job, stop)
}

impl Stream {
    /// Both, in the order of their descriptors.
    pub const ALL: [Stream; 2] = [Stream::Stdout, Stream::Stderr];

    fn index(self) -> usize {
        match self {
            Stream::Stdout => 0,
            Stream::Stderr => 1,
        }
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stream::Stdout => "standard output",
            Stream::Stderr => "standard error",
        })
    }
}

impl Supervised {
    /// A run that was given up before its guest was started.
    fn not_begun() -> Supervised {
        Supervised {
            termination: Termination::Interrupted,
            wall: Duration::ZERO,
            cpu: Duration::ZERO,
            peak_rss_bytes: 0,
            leaked: Vec::new(),
            truncated: Truncated::default(),
            stdout_bytes: 0,
            stderr_bytes: 0,
        }
    }
}
