//! Carries out what has to exist before an emulator can start: a private Wine prefix with its server, DLLs that
//! Wine lacks, the script that makes node a WASI runtime.
//!
//! The lookup names these as [`Preparation`]s and does no I/O; here they are made, once, under a lock, by whichever
//! process comes first. Everything is idempotent and safe against a crash half-way: what is not complete is made
//! anew. A hook call pays for this on every start, so that the way through an existing preparation is a handful of
//! system calls. Nothing outside the cache directory is ever written, and never the user's own `~/.wine`.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use triplecheck_emulators::launch::Preparation;
use triplecheck_emulators::packages::Piece;

mod lock;
mod shim;
mod spawn;
pub mod wine;

pub use wine::{Ended, WineSession};

/// How long what was prepared is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// For one program, into which this process turns itself (`exec`) or for which it waits. A server that had to
    /// be started stays for a while, so that the next call finds it.
    Call,
    /// For many programs, until [`Prepared::end`]. The server is kept up for all of that time.
    Run,
}

/// What a preparation needs to know from its caller.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// How long it is needed.
    pub lifetime: Lifetime,
    /// The text of the script for [`Preparation::NodeScript`].
    pub node_script: &'a str,
}

/// A preparation that is in place. Dropping it leaves the server, if there is one, to its own time limit.
#[derive(Debug)]
pub enum Prepared {
    /// A Wine prefix that is complete, with a server whose services hold nobody's pipes.
    Wine(Box<WineSession>),
    /// The script stands at this path.
    NodeScript(PathBuf),
}

/// Why something could not be prepared. All of these are the world's doing (exit 69, or 125 from a hook).
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// A file operation failed.
    #[error("{doing} `{path}`")]
    Io {
        /// What was being done: `create`, `lock`.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Wine refuses a prefix that belongs to somebody else, and so do we.
    #[error("use the Wine prefix `{path}`: it belongs to user {owner}, and this is user {user}")]
    NotOurs {
        /// The prefix.
        path: PathBuf,
        /// The user id that owns it.
        owner: u32,
        /// Our effective user id.
        user: u32,
    },
    /// The directory was not made by us: it may be precious, and it is neither used nor replaced.
    #[error("make a Wine prefix at `{path}`: what stands there was not made by triplecheck")]
    Foreign {
        /// The directory.
        path: PathBuf,
    },
    /// The path cannot be a prefix: relative, or without a name.
    #[error("make a Wine prefix at `{path}`: not an absolute path with a parent")]
    NotAPrefix {
        /// The path.
        path: PathBuf,
    },
    /// A tool ended badly, or not in time.
    #[error("{doing}: `{tool}` {outcome}")]
    Tool {
        /// What it was to do: `make a Wine prefix`.
        doing: &'static str,
        /// The program.
        tool: PathBuf,
        /// `exited with 1`, `was still running after 120 s`, with the end of what it said.
        outcome: String,
    },
    /// There is no `wineserver` beside the loader.
    #[error("find the `wineserver` that belongs to `{wine}`")]
    NoServer {
        /// The loader.
        wine: PathBuf,
    },
    /// The compiler that builds a missing DLL is not installed.
    #[error("build `{dll}`, which this Wine lacks: there is no `{compiler}`")]
    CompilerMissing {
        /// The DLL.
        dll: String,
        /// The compiler, as looked for on `PATH`.
        compiler: &'static str,
        /// What would bring it.
        piece: Piece,
    },
    /// We have no source for a DLL of this name.
    #[error("build `{dll}`, which this Wine lacks: no source for it")]
    UnknownShim {
        /// The DLL.
        dll: String,
    },
    /// Another process held the lock for longer than any preparation takes.
    #[error("lock `{path}`: another process has held it for {} s", .waited.as_secs())]
    Busy {
        /// The lock file.
        path: PathBuf,
        /// How long we waited.
        waited: Duration,
    },
}

impl PrepareError {
    /// What has to be installed, where that is the trouble.
    pub fn missing(&self) -> Option<Piece> {
        match self {
            PrepareError::CompilerMissing { piece, .. } => Some(*piece),
            PrepareError::NoServer { .. } => Some(Piece::Wine64),
            PrepareError::Io { .. }
            | PrepareError::NotOurs { .. }
            | PrepareError::Foreign { .. }
            | PrepareError::NotAPrefix { .. }
            | PrepareError::Tool { .. }
            | PrepareError::UnknownShim { .. }
            | PrepareError::Busy { .. } => None,
        }
    }

    /// Advice, one sentence each; empty where there is none.
    pub fn hints(&self) -> Vec<String> {
        match self {
            PrepareError::NotOurs { path, .. } => {
                vec![format!("run as the owner of `{}`, or give another cache directory", path.display())]
            }
            PrepareError::Foreign { path } => {
                vec![format!("move `{}` away, or give another cache directory", path.display())]
            }
            PrepareError::UnknownShim { .. } => vec!["use Wine 9 or newer".to_owned()],
            PrepareError::CompilerMissing { .. } => {
                vec!["install the compiler, or Wine 9 or newer, which has this DLL".to_owned()]
            }
            PrepareError::Io { .. }
            | PrepareError::NotAPrefix { .. }
            | PrepareError::Tool { .. }
            | PrepareError::NoServer { .. }
            | PrepareError::Busy { .. } => Vec::new(),
        }
    }
}

impl Prepared {
    /// Lets the program that this process turns itself into go on holding what was prepared, so that no other
    /// process ends the Wine server under it (which would end the guest with status 0).
    pub fn keep_across_exec(&self) -> io::Result<()> {
        match self {
            Prepared::Wine(session) => session.keep_across_exec(),
            Prepared::NodeScript(_) => Ok(()),
        }
    }

    /// Sees to it that `preparation` is in place through what is held already. `None` where this is of no use to it, so that
    /// it has to be prepared by itself.
    pub fn extend(&self, preparation: &Preparation) -> Option<Result<(), PrepareError>> {
        match (self, preparation) {
            (Prepared::Wine(session), Preparation::WinePrefix { prefix, wine, shims }) => {
                session.serves(&wine::Wanted { prefix, wine, shims }).then(|| session.add(shims))
            }
            _ => None,
        }
    }

    /// Gives back what was held. `None` where there was nothing to end.
    pub fn end(self) -> Result<Option<Ended>, PrepareError> {
        match self {
            Prepared::Wine(session) => session.end().map(Some),
            Prepared::NodeScript(_) => Ok(None),
        }
    }
}

/// Sees to it that `preparation` is in place, and holds it until the answer is dropped or ended.
pub fn prepare(preparation: &Preparation, options: Options<'_>) -> Result<Prepared, PrepareError> {
    match preparation {
        Preparation::WinePrefix { prefix, wine, shims } => {
            let session = WineSession::start(wine::Wanted { prefix, wine, shims }, options.lifetime)?;
            Ok(Prepared::Wine(Box::new(session)))
        }
        Preparation::NodeScript(path) => {
            lock::write_if_other(path, options.node_script.as_bytes())?;
            Ok(Prepared::NodeScript(path.clone()))
        }
    }
}

/// Turns the answer of a file operation into an error that names it.
fn at<'a>(doing: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> PrepareError + 'a {
    move |source| PrepareError::Io { doing, path: path.to_owned(), source }
}
