//! The directory below which all guests of a run have theirs. It is gone when the run is over; what a run has left that
//! was killed, the next one removes at its end.
//!
//! Who is alive is told by a lock on a file in it, which the kernel takes from a process that dies. The file comes to its
//! place with the lock held, so that there is no moment in which the directory of a run that begins looks abandoned.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

/// What the names of these directories begin with.
const PREFIX: &str = "triplecheck-";

/// The file whose lock the run holds.
const ALIVE: &str = ".alive";

pub(super) struct Work {
    dir: tempfile::TempDir,
    /// Holds the lock.
    _alive: fs_err::File,
}

impl Work {
    pub(super) fn make() -> io::Result<Self> {
        Self::make_in(&std::env::temp_dir())
    }

    fn make_in(parent: &Path) -> io::Result<Self> {
        let dir = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?;
        let beside = dir.path().join(".alive-to-be");
        let alive = fs_err::File::create(&beside)?;
        // Where a file system has no locks, nobody takes one from us either.
        let _ = flock(&alive, FlockOperation::NonBlockingLockExclusive);
        fs_err::rename(beside, dir.path().join(ALIVE))?;
        Ok(Self { dir, _alive: alive })
    }

    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Removes it, and what killed runs have left beside it.
    pub(super) fn close(self) -> io::Result<()> {
        let parent = self.dir.path().parent().map(Path::to_owned);
        let closed = self.dir.close();
        if let Some(parent) = parent {
            sweep(&parent);
        }
        closed
    }
}

/// Removes the directories of dead runs of this user's. What cannot be removed is left.
fn sweep(parent: &Path) {
    for entry in fs_err::read_dir(parent).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(PREFIX) && is_abandoned(&entry.path()) {
            let _ = fs_err::remove_dir_all(entry.path());
        }
    }
}

/// Whether the run of this directory is dead for certain.
fn is_abandoned(dir: &Path) -> bool {
    let ours = rustix::process::geteuid().as_raw();
    let is_ours = fs_err::symlink_metadata(dir).is_ok_and(|about| about.is_dir() && about.uid() == ours);
    let Some(alive) = fs_err::File::open(dir.join(ALIVE)).ok().filter(|_| is_ours) else { return false };
    flock(&alive, FlockOperation::NonBlockingLockExclusive).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_directories_of_dead_runs_are_removed() {
        let parent = tempfile::tempdir().unwrap();
        let at = |name: &str| parent.path().join(name);
        let living = Work::make_in(parent.path()).unwrap();
        let ending = Work::make_in(parent.path()).unwrap();
        let dead = at("triplecheck-dead");
        // One that has just begun, something of another program's, and what only links to a dead one.
        for dir in [&dead, &at("triplecheck-begins"), &at("other")] {
            fs_err::create_dir_all(dir.join("cell/tmp")).unwrap();
        }
        fs_err::write(dead.join(ALIVE), "").unwrap();
        fs_err::write(at("other").join(ALIVE), "").unwrap();
        std::os::unix::fs::symlink(at("other"), at("triplecheck-link")).unwrap();
        let (kept, ended) = (living.path().to_owned(), ending.path().to_owned());
        ending.close().unwrap();
        assert!(!dead.exists() && !ended.exists());
        for left in [&kept.join(ALIVE), &at("triplecheck-begins"), &at("other/cell"), &at("triplecheck-link")]
        {
            assert!(left.exists(), "{}", left.display());
        }
        living.close().unwrap();
        assert!(!kept.exists());
    }
}
