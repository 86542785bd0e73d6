//! The guest systems of a run: each is booted when the first program for it is started, and kept until the run ends.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use triplecheck_emulators::launch::{Kind, Launch};
use triplecheck_emulators::vm::machines::SLOTS;

use crate::vm::{Wanted, client};

/// How often a system that ended is booted again in one run: one that a program brings down may be brought down by each.
const BOOTS_MAX: usize = 20;

/// How many programs are in a system at once: for a further one there is no share, and its time would pass while it waits.
#[derive(Default)]
struct Places {
    taken: Mutex<usize>,
    freed: Condvar,
}

/// A program's place in a system, until it is over.
pub(super) struct Place(Arc<Places>);

impl Drop for Place {
    fn drop(&mut self) {
        *self.0.taken.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.freed.notify_one();
    }
}

/// Systems by the socket of their server.
pub(super) struct Systems {
    /// Where servers listen.
    dir: PathBuf,
    known: Mutex<HashMap<PathBuf, Arc<Mutex<Known>>>>,
    places: Mutex<HashMap<PathBuf, Arc<Places>>>,
    /// What is to be told of how they came up.
    notes: Mutex<BTreeSet<String>>,
}

/// One system.
#[derive(Default)]
struct Known {
    running: Option<Running>,
    boots: usize,
    /// Why it is not tried again.
    failure: Option<String>,
}

struct Running {
    server: Child,
    /// The server ends when this is closed.
    _life_line: UnixStream,
}

impl Systems {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir, known: Mutex::default(), places: Mutex::default(), notes: Mutex::default() }
    }

    /// Where servers listen.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Waits for a place in the system that a launch needs, where it needs one.
    pub(super) fn enter(&self, launch: &Launch) -> Option<Place> {
        let wanted = Wanted::of_words(&launch.prefix).filter(|_| launch.emulator.kind == Kind::Vm)?;
        let places = {
            let mut all = self.places.lock().unwrap_or_else(PoisonError::into_inner);
            all.entry(wanted.socket(&self.dir)).or_default().clone()
        };
        let taken = places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let free = places.freed.wait_while(taken, |taken| *taken >= SLOTS);
        *free.unwrap_or_else(PoisonError::into_inner) += 1;
        Some(Place(places))
    }

    /// Sees to it that the system that a launch needs is up. The second worker that asks waits for the first. The error is
    /// one sentence.
    pub(super) fn ensure(&self, launch: &Launch) -> Result<(), String> {
        if launch.emulator.kind != Kind::Vm {
            return Ok(());
        }
        let Some(wanted) = Wanted::of_words(&launch.prefix) else { return Ok(()) };
        let socket = wanted.socket(&self.dir);
        let known = {
            let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            all.entry(socket.clone()).or_default().clone()
        };
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = &mut known.running {
            if matches!(running.server.try_wait(), Ok(None)) {
                return Ok(());
            }
            known.running = None;
        }
        if let Some(failure) = &known.failure {
            return Err(failure.clone());
        }
        if known.boots == BOOTS_MAX {
            return Err(format!("the guest system has ended {BOOTS_MAX} times"));
        }
        known.boots += 1;
        match boot(&self.dir, &wanted, socket) {
            Ok((running, notes)) => {
                self.notes.lock().unwrap_or_else(PoisonError::into_inner).extend(notes);
                known.running = Some(running);
                Ok(())
            }
            Err(why) => {
                known.failure = Some(why.clone());
                Err(why)
            }
        }
    }

    /// Ends all of them; what is to be told of how they came up.
    pub(super) fn end(self) -> BTreeSet<String> {
        for known in self.known.into_inner().unwrap_or_else(PoisonError::into_inner).into_values() {
            let running = known.lock().unwrap_or_else(PoisonError::into_inner).running.take();
            if let Some(Running { mut server, _life_line: life_line }) = running {
                drop(life_line);
                let _ = server.wait();
            }
        }
        self.notes.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

fn boot(dir: &Path, wanted: &Wanted, socket: PathBuf) -> Result<(Running, Vec<String>), String> {
    let io = |error: std::io::Error| format!("a guest system cannot be started: {error}");
    fs_err::create_dir_all(dir).map_err(io)?;
    let (ours, theirs) = UnixStream::pair().map_err(io)?;
    let listen: [OsString; 2] = ["--listen".into(), socket.into()];
    let server = client::start_server(wanted, &listen, Stdio::from(OwnedFd::from(theirs))).map_err(io)??;
    Ok((Running { server: server.process, _life_line: ours }, server.up.notes(wanted)))
}
