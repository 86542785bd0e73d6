//! The directories of cells: where a program starts, where it may write, and where its output goes.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::error::{About as _, Result};

/// The directories and files of one program.
pub(super) struct Place {
    pub(super) root: PathBuf,
    /// Where it starts, unless it is told another directory.
    pub(super) cwd: PathBuf,
    /// Its `TMPDIR`.
    pub(super) tmp: PathBuf,
    pub(super) stdout: PathBuf,
    pub(super) stderr: PathBuf,
    /// Whether it is used again when it is empty again.
    is_lasting: bool,
}

/// The places of a run.
///
/// Those of programs in guest systems are used for others when they are empty again: a guest that has looked up a directory for one
/// program need not ask for another one. Others are not: a process that somebody left behind might write into them.
#[derive(Default)]
pub(super) struct Places {
    /// Numbers places.
    count: AtomicU64,
    /// Those of guest systems that are free.
    free: Mutex<Vec<Place>>,
}

impl Places {
    /// A place below `work`. One of a name of another length than usual where it is `varied`.
    pub(super) fn take(&self, work: &Path, is_of_guests: bool, varied: bool) -> Result<Place> {
        let is_lasting = is_of_guests && !varied;
        if is_lasting && let Some(place) = self.free().pop() {
            return Ok(place);
        }
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let root = work.join(if varied { format!("{number}-again") } else { format!("{number}") });
        let place = Place {
            cwd: root.join("cwd"),
            tmp: root.join("tmp"),
            stdout: root.join("stdout"),
            stderr: root.join("stderr"),
            root,
            is_lasting,
        };
        for directory in [&place.cwd, &place.tmp] {
            fs_err::create_dir_all(directory).about("create", directory)?;
        }
        Ok(place)
    }

    /// Takes a place back, whose program is over, and may have left processes behind. What cannot be removed now goes with the
    /// whole directory at the end, whose failure is told.
    pub(super) fn give_back(&self, place: Place, has_left_processes: bool) {
        if place.is_lasting && !has_left_processes && place.empty().is_ok() {
            self.free().push(place);
        } else {
            place.remove();
        }
    }

    fn free(&self) -> std::sync::MutexGuard<'_, Vec<Place>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Makes it what it was. An error where anything else is in it.
    fn empty(&self) -> io::Result<()> {
        for directory in [&self.cwd, &self.tmp] {
            for entry in fs_err::read_dir(directory)? {
                let entry = entry?;
                let is_directory = entry.file_type()?.is_dir();
                let removed = if is_directory { fs_err::remove_dir_all } else { fs_err::remove_file };
                removed(entry.path())?;
            }
        }
        for file in [&self.stdout, &self.stderr] {
            match fs_err::remove_file(file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        match fs_err::read_dir(&self.root)?.count() {
            2 => Ok(()),
            _ => Err(io::ErrorKind::DirectoryNotEmpty.into()),
        }
    }

    /// Removes it at once, so that a thousand cells do not fill the disk.
    pub(super) fn remove(self) {
        let _ = fs_err::remove_dir_all(self.root);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_of_guests_is_used_again_when_it_is_empty_again() {
        let work = tempfile::tempdir().unwrap();
        let places = Places::default();
        let take = |is_of_guests, varied| places.take(work.path(), is_of_guests, varied).unwrap();
        let first = take(true, false);
        let (root, cwd) = (first.root.clone(), first.cwd.clone());
        fs_err::create_dir_all(cwd.join("made/below")).unwrap();
        for file in [&cwd.join("file"), &first.tmp.join("file"), &first.stdout, &first.stderr] {
            fs_err::write(file, "").unwrap();
        }
        assert_ne!(take(true, false).root, root, "it is not free");
        places.give_back(first, false);
        assert_ne!(take(false, false).root, root);
        assert_ne!(take(true, true).root, root);
        let again = take(true, false);
        assert_eq!(again.root, root);
        assert_eq!(
            fs_err::read_dir(&cwd).unwrap().count() + fs_err::read_dir(&again.tmp).unwrap().count(),
            0
        );
        assert!(!again.stdout.exists() && !again.stderr.exists());
        // Not if anybody has put something beside it, or still could; nor others.
        fs_err::write(root.join("other"), "").unwrap();
        places.give_back(again, false);
        assert!(!root.exists());
        for (is_of_guests, varied, has_left_processes) in
            [(true, false, true), (false, false, false), (true, true, false)]
        {
            let place = take(is_of_guests, varied);
            let root = place.root.clone();
            places.give_back(place, has_left_processes);
            assert!(!root.exists());
        }
    }
}
