//! The guest systems of a run: each is booted when the first program for it is started, and kept until the run ends.

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use triplecheck_emulators::launch::{Kind, Launch};

use crate::vm::{Wanted, client};

/// How often a system that ended is booted again in one run: one that a program brings down may be brought down by each.
const BOOTS_MAX: usize = 20;

/// Systems by the socket of their server.
pub(super) struct Systems {
    /// Where servers listen.
    dir: PathBuf,
    known: Mutex<HashMap<PathBuf, Arc<Mutex<Known>>>>,
    /// Why they are not under KVM, where they should have been.
    not_kvm: Mutex<Option<String>>,
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
        Self { dir, known: Mutex::default(), not_kvm: Mutex::default() }
    }

    /// Where servers listen.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
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
            Ok((running, not_kvm)) => {
                let mut told = self.not_kvm.lock().unwrap_or_else(PoisonError::into_inner);
                *told = told.take().or(not_kvm);
                known.running = Some(running);
                Ok(())
            }
            Err(why) => {
                known.failure = Some(why.clone());
                Err(why)
            }
        }
    }

    /// Ends all of them, and says why they were not under KVM.
    pub(super) fn end(self) -> Option<String> {
        for known in self.known.into_inner().unwrap_or_else(PoisonError::into_inner).into_values() {
            let running = known.lock().unwrap_or_else(PoisonError::into_inner).running.take();
            if let Some(Running { mut server, _life_line: life_line }) = running {
                drop(life_line);
                let _ = server.wait();
            }
        }
        self.not_kvm.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

fn boot(dir: &Path, wanted: &Wanted, socket: PathBuf) -> Result<(Running, Option<String>), String> {
    let io = |error: std::io::Error| format!("a guest system cannot be started: {error}");
    fs_err::create_dir_all(dir).map_err(io)?;
    let (ours, theirs) = UnixStream::pair().map_err(io)?;
    let listen: [OsString; 2] = ["--listen".into(), socket.into()];
    let server = client::start_server(wanted, &listen, Stdio::from(OwnedFd::from(theirs))).map_err(io)??;
    Ok((Running { server: server.process, _life_line: ours }, server.not_kvm))
}
