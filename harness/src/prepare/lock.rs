//! Locks between processes, and files that appear whole or not at all.
//!
//! The locks are `flock`'s: they belong to the open file, so that the kernel gives them back when a process dies,
//! and a program that inherits the descriptor goes on holding them.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use super::{PrepareError, at};

/// Whether others may hold the lock too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sharing {
    /// Others may.
    Shared,
    /// Nobody else.
    Exclusive,
}

/// Opens (and creates) the file to be locked.
pub(super) fn open(path: &Path) -> Result<File, PrepareError> {
    File::options().create(true).truncate(false).read(true).write(true).open(path).map_err(at("open", path))
}

/// Locks the file at `path` and waits for it, but not for longer than `limit`.
pub(super) fn lock(path: &Path, sharing: Sharing, limit: Duration) -> Result<File, PrepareError> {
    let file = open(path)?;
    if try_lock(&file, sharing).map_err(at("lock", path))? {
        return Ok(file);
    }
    // flock knows no time limit. The thread outlives ours only where we gave up, and then lets go at once.
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let locked = wait_for_lock(&file, sharing).map(|()| file);
        drop(sender.send(locked));
    });
    match receiver.recv_timeout(limit) {
        Ok(locked) => locked.map_err(at("lock", path)),
        Err(_) => Err(PrepareError::Busy { path: path.to_owned(), waited: limit }),
    }
}

/// Locks the file if nobody stands in the way. A lock that it holds already is changed to this kind.
pub(super) fn try_lock(file: &File, sharing: Sharing) -> io::Result<bool> {
    let operation = match sharing {
        Sharing::Shared => FlockOperation::NonBlockingLockShared,
        Sharing::Exclusive => FlockOperation::NonBlockingLockExclusive,
    };
    match flock(file, operation) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn wait_for_lock(file: &File, sharing: Sharing) -> io::Result<()> {
    let operation = match sharing {
        Sharing::Shared => FlockOperation::LockShared,
        Sharing::Exclusive => FlockOperation::LockExclusive,
    };
    loop {
        match flock(file, operation) {
            Ok(()) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Makes sure that the file holds `content`. A reader sees the old file or the new one, never a part.
pub(super) fn write_if_other(path: &Path, content: &[u8]) -> Result<(), PrepareError> {
    if std::fs::read(path).is_ok_and(|found| found == content) {
        return Ok(());
    }
    write_whole(path, content)
}

/// Replaces the file at `path`, in one step and safely on the disk.
pub(super) fn write_whole(path: &Path, content: &[u8]) -> Result<(), PrepareError> {
    let dir = path.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(dir).map_err(at("create", dir))?;
    let mut file = tempfile::NamedTempFile::new_in(dir).map_err(at("write in", dir))?;
    file.write_all(content).and_then(|()| file.as_file().sync_all()).map_err(at("write", path))?;
    file.persist(path).map_err(|error| error.error).map_err(at("replace", path))?;
    Ok(())
}
