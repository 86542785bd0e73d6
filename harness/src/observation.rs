//! What one run showed: how it ended, what it printed, what it made, how long it took.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How a guest ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum End {
    /// It exited with this status.
    Exited {
        /// The status, 0 to 255 on POSIX, 32 bits where the whole of a Windows status is known.
        code: u32,
    },
    /// A signal killed it.
    Signalled {
        /// The signal's number on the host.
        signal: i32,
    },
    /// It was ended at its deadline.
    TimedOut {
        /// The deadline, in milliseconds.
        deadline_ms: u64,
    },
    /// It was ended because it printed more than is kept.
    OutputLimit {
        /// The limit, in bytes a stream.
        bytes_max: u64,
    },
    /// It could not be started.
    NotStarted {
        /// Why.
        why: String,
    },
    /// The run was interrupted.
    Interrupted,
}

impl End {
    /// Whether the guest ended well: exit status 0.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Exited { code: 0 })
    }
}

impl std::fmt::Display for End {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exited { code } if *code > 255 => write!(formatter, "exit status {code:#010x}"),
            Self::Exited { code } => write!(formatter, "exit status {code}"),
            Self::Signalled { signal } => write!(formatter, "killed by {}", signal_name(*signal)),
            Self::TimedOut { deadline_ms } => write!(formatter, "no end within {deadline_ms} ms"),
            Self::OutputLimit { bytes_max } => write!(formatter, "more than {bytes_max} bytes of output"),
            Self::NotStarted { why } => write!(formatter, "not started: {why}"),
            Self::Interrupted => formatter.write_str("interrupted"),
        }
    }
}

/// The name of a signal, as Linux numbers them on every architecture that hosts us but MIPS, Alpha, SPARC and
/// PA-RISC (`signal(7)`).
pub fn signal_name(signal: i32) -> String {
    const NAMES: [&str; 31] = [
        "SIGHUP",
        "SIGINT",
        "SIGQUIT",
        "SIGILL",
        "SIGTRAP",
        "SIGABRT",
        "SIGBUS",
        "SIGFPE",
        "SIGKILL",
        "SIGUSR1",
        "SIGSEGV",
        "SIGUSR2",
        "SIGPIPE",
        "SIGALRM",
        "SIGTERM",
        "SIGSTKFLT",
        "SIGCHLD",
        "SIGCONT",
        "SIGSTOP",
        "SIGTSTP",
        "SIGTTIN",
        "SIGTTOU",
        "SIGURG",
        "SIGXCPU",
        "SIGXFSZ",
        "SIGVTALRM",
        "SIGPROF",
        "SIGWINCH",
        "SIGIO",
        "SIGPWR",
        "SIGSYS",
    ];
    let index = usize::try_from(signal).ok().and_then(|signal| signal.checked_sub(1));
    index.and_then(|index| NAMES.get(index)).map_or_else(|| format!("signal {signal}"), ToString::to_string)
}

impl Observation {
    /// Whether it came to an end, and a bad one.
    pub fn has_failed(&self) -> bool {
        match self.end {
            End::Exited { code } => code != 0,
            End::Signalled { .. } => true,
            End::TimedOut { .. } | End::OutputLimit { .. } | End::NotStarted { .. } | End::Interrupted => {
                false
            }
        }
    }
}

/// One run of one program.
#[derive(Debug, Clone)]
pub struct Observation {
    /// How it ended.
    pub end: End,
    /// Standard output, up to the limit.
    pub stdout: Vec<u8>,
    /// Standard error, up to the limit, the emulator's own lines among it.
    pub stderr: Vec<u8>,
    /// Files it made that its case names, by relative path.
    pub files: BTreeMap<String, Vec<u8>>,
    /// From start to end.
    pub wall: Duration,
    /// Processor time of the guest and its children.
    pub cpu: Duration,
    /// Peak resident memory of its largest process, in bytes.
    pub peak_rss_bytes: u64,
    /// Processes that were still there when it had ended, by name.
    pub leaked: Vec<String>,
    /// What the emulator wrote into its log when the guest was run once more after it had failed; mostly empty.
    pub emulator_log: Vec<u8>,
    /// Its own file, the directory it ran in and its temporary directory, which its output may name.
    pub roots: Vec<(PathBuf, &'static str)>,
}
