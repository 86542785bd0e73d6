//! The private Wine prefix and the server that runs in it, held while programs use them.
//!
//! One prefix serves all programs of a Wine version; it is never `~/.wine`. Its server is started by us before the
//! first guest, since Wine's services inherit the streams of whichever program comes first and keep its pipes open
//! long after it has ended. Ending a server ends every program in the prefix **with status 0**, so everybody who
//! uses it holds a shared lock, and only who gets it exclusively may end the server.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};

use super::lock::{self, Sharing};
use super::shim;
use super::{Lifetime, PrepareError, at};
use crate::programs::pe::{self, Bits};

mod prefix;
mod processes;
mod server;

pub use processes::Process;
pub use server::{Keeper, LINGER_SECONDS};

/// Somebody else makes the prefix, or ends its server: 120 s for the making, and some for the machine.
const LOCK_LIMIT: Duration = Duration::from_secs(180);

/// How often a prefix that was made is found unmade again before we give up: each time, another Wine was installed
/// in between.
const ATTEMPTS_MAX: usize = 3;

/// Where everything of one prefix is.
#[derive(Debug, Clone)]
struct Site {
    /// `WINEPREFIX`.
    prefix: PathBuf,
    /// The loader, `wine64`.
    wine: PathBuf,
    /// Our own notes beside the prefix: locks, what is known of the server, logs.
    state: PathBuf,
}

/// What a Wine preparation asks for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Directory of the prefix (`WINEPREFIX`).
    pub prefix: &'a Path,
    /// The loader.
    pub wine: &'a Path,
    /// DLLs to build and put on `WINEPATH`, by name.
    pub shims: &'a [&'static str],
}

/// A prefix in use. Other processes cannot end its server until this is dropped or ended.
#[derive(Debug)]
pub struct WineSession {
    site: Site,
    /// Locked shared.
    users: File,
    /// Keeps the server up for a run; `None` for a single call.
    keeper: Option<Keeper>,
    /// Whether this session found no server, or none of ours, and started one.
    started: bool,
}

/// Where the launcher for programs in the prefix at `prefix` stands while a run lasts.
pub fn launcher_path(prefix: &Path) -> PathBuf {
    beside(prefix).join("launcher.exe")
}

/// The directory of our own notes beside a prefix.
fn beside(prefix: &Path) -> PathBuf {
    let mut name = prefix.file_name().unwrap_or_default().to_owned();
    name.push("-state");
    prefix.with_file_name(name)
}

/// How a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// The server was not ours to end, or others are using it: it goes by itself [`LINGER_SECONDS`] after the last.
    Left,
    /// It was ended, and no process of Wine is left. These had outlived their server and were killed.
    Stopped {
        /// What had to be killed; normally empty.
        killed: Vec<Process>,
    },
}

impl WineSession {
    /// Makes the prefix, its missing DLLs and its server where they are not there, and holds them.
    pub fn start(wanted: Wanted<'_>, lifetime: Lifetime) -> Result<WineSession, PrepareError> {
        let site = Site::new(&wanted)?;
        // The cheapest first: without a compiler there is no need to make a prefix.
        site.provide(wanted.shims)?;
        let users = site.enter()?;
        site.install(wanted.shims)?;
        let started = server::warm(&site)?;
        let keeper = match lifetime {
            Lifetime::Call => None,
            Lifetime::Run => {
                lock::write_if_other(&launcher_path(wanted.prefix), &pe::launcher(site.bits()?))?;
                Some(Keeper::start(&site)?)
            }
        };
        Ok(WineSession { site, users, keeper, started })
    }

    /// Whether this session is one of the prefix that is wanted, under the Wine that is wanted.
    pub fn serves(&self, wanted: &Wanted<'_>) -> bool {
        self.site.prefix == wanted.prefix && self.site.wine == wanted.wine
    }

    /// Makes the DLLs that a further program lacks, for a session that serves it: server and keeper are those that it has.
    pub fn add(&self, shims: &[&'static str]) -> Result<(), PrepareError> {
        self.site.provide(shims)?;
        self.site.install(shims)
    }

    /// The prefix (`WINEPREFIX`).
    pub fn prefix(&self) -> &Path {
        &self.site.prefix
    }

    /// Whether this session started the server.
    pub fn started_server(&self) -> bool {
        self.started
    }

    /// Whether the server of this session's start is still up. Where it is not, or is on its way out, whatever ran in the
    /// prefix was ended by it, with status 0.
    pub fn server_is_up(&self) -> bool {
        server::answers(&self.site)
    }

    /// Lets the lock live on in the program that this process executes.
    pub(super) fn keep_across_exec(&self) -> io::Result<()> {
        let flags = fcntl_getfd(&self.users)?;
        Ok(fcntl_setfd(&self.users, flags.difference(FdFlags::CLOEXEC))?)
    }

    /// The processes that run in the prefix now: guests, Wine's services, the server, our keeper.
    pub fn processes(&self) -> Vec<Process> {
        processes::of_prefix(&self.site.prefix)
    }

    /// Gives the prefix back. If this session started the server and nobody else uses it, the server is ended and
    /// no process of Wine is left; otherwise it stays and ends by itself.
    pub fn end(self) -> Result<Ended, PrepareError> {
        if let Some(keeper) = self.keeper {
            keeper.end()?;
        }
        let alone =
            lock::try_lock(&self.users, Sharing::Exclusive).map_err(at("lock", &self.site.users_path()))?;
        if !self.started || !alone {
            return Ok(Ended::Left);
        }
        let killed = server::stop(&self.site)?;
        Ok(Ended::Stopped { killed })
    }
}

impl Site {
    fn new(wanted: &Wanted<'_>) -> Result<Site, PrepareError> {
        let Wanted { prefix, wine, shims: _ } = *wanted;
        if prefix.file_name().is_none() || !prefix.is_absolute() {
            return Err(PrepareError::NotAPrefix { path: prefix.to_owned() });
        }
        Ok(Site { prefix: prefix.to_owned(), wine: wine.to_owned(), state: beside(prefix) })
    }

    /// Held shared by everybody who uses the prefix.
    fn users_path(&self) -> PathBuf {
        self.state.join("users")
    }

    /// Held exclusively by whoever makes something.
    fn maker_path(&self) -> PathBuf {
        self.state.join("maker")
    }

    /// The lock that says that we use a complete prefix; makes the prefix first where needed.
    fn enter(&self) -> Result<File, PrepareError> {
        for _ in 0..ATTEMPTS_MAX {
            match lock::lock(&self.users_path(), Sharing::Shared, LOCK_LIMIT) {
                Ok(users) if prefix::is_complete(self)? => {
                    self.check_owner()?;
                    return Ok(users);
                }
                // Let go of the lock: whoever makes the prefix wants it alone.
                Ok(users) => drop(users),
                Err(PrepareError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            prefix::make(self)?;
        }
        Err(PrepareError::Tool {
            doing: "make a Wine prefix",
            tool: self.wine.clone(),
            outcome: format!("was replaced by another one {ATTEMPTS_MAX} times meanwhile"),
        })
    }

    /// Builds the DLLs that are missing.
    fn provide(&self, shims: &[&'static str]) -> Result<(), PrepareError> {
        if shims.is_empty() {
            return Ok(());
        }
        let dir = shim::dir_of(&self.prefix);
        let bits = self.bits()?;
        if shim::are_there(&dir, shims, bits)? {
            return Ok(());
        }
        shim::build(&dir, shims, bits)
    }

    /// Puts the DLLs in the directory of the system's own, by links: who asks for one of the system's by name, as Go's
    /// runtime does, does not look on `WINEPATH`.
    fn install(&self, shims: &[&'static str]) -> Result<(), PrepareError> {
        if shims.is_empty() {
            return Ok(());
        }
        let windows = self.prefix.join("drive_c/windows");
        // A prefix for both widths has the 32-bit DLLs in a directory of their own.
        let apart = windows.join("syswow64");
        let system = match self.bits()? {
            Bits::Bits32 if apart.is_dir() => apart,
            Bits::Bits32 | Bits::Bits64 => windows.join("system32"),
        };
        for name in shims {
            let place = system.join(name);
            match std::os::unix::fs::symlink(shim::dir_of(&self.prefix).join(name), &place) {
                // From an earlier start, or from another one just now.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                done => done.map_err(at("link", &place))?,
            }
        }
        Ok(())
    }

    /// What the loader says of itself: the fifth byte of an ELF file is its class.
    fn bits(&self) -> Result<Bits, PrepareError> {
        use std::io::Read;
        let mut header = [0_u8; 5];
        let read = File::open(&self.wine).and_then(|mut file| file.read_exact(&mut header));
        read.map_err(at("read", &self.wine))?;
        Ok(if header == *b"\x7fELF\x01" { Bits::Bits32 } else { Bits::Bits64 })
    }

    /// Wine refuses a prefix that is not the user's own.
    fn check_owner(&self) -> Result<(), PrepareError> {
        let owner = std::fs::metadata(&self.prefix).map_err(at("look at", &self.prefix))?.uid();
        let user = rustix::process::geteuid().as_raw();
        if owner == user {
            return Ok(());
        }
        Err(PrepareError::NotOurs { path: self.prefix.clone(), owner, user })
    }
}
