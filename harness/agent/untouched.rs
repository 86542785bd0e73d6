//! Whether a place is as it was before its program: then another one may run in it, which finds nothing that a new place
//! would not have.

use std::ffi::{c_int, CStr};
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;

use crate::linux::*;

/// Settings of a namespace of processes (since Linux 6.3 and 6.14; before, the second is the system's).
const SETTINGS: [&CStr; 2] = [c"/proc/sys/vm/memfd_noexec", c"/proc/sys/kernel/pid_max"];

/// The first process of a namespace is its keeper.
const KEEPER: &[u8] = b"1";

/// A place that no program has changed.
pub(crate) struct Untouched {
    /// Where all would be that a program writes.
    upper: Seen,
    shm: Seen,
    /// Tells when a mount changes.
    mounts: c_int,
    settings: Vec<(c_int, Vec<u8>)>,
    last_process: c_int,
}

/// A directory of a tmpfs, and what it looked like.
struct Seen {
    directory: File,
    look: [i64; 7],
}

impl Seen {
    fn at(path: &str) -> Option<Self> {
        let directory = File::open(path).ok()?;
        let look = Self::look(&directory)?;
        Some(Self { directory, look })
    }

    /// A change of it or of what is in it changes one of these. The time alone would not do, which goes by ticks; but each
    /// name that is there counts in the size.
    fn look(directory: &File) -> Option<[i64; 7]> {
        let about = directory.metadata().ok()?;
        let (links, size) = (about.nlink() as i64, about.size() as i64);
        let [mode, owner, group] = [about.mode(), about.uid(), about.gid()].map(i64::from);
        Some([about.ctime(), about.ctime_nsec(), links, size, mode, owner, group])
    }

    fn is_another(&self) -> bool {
        Self::look(&self.directory) != Some(self.look)
    }
}

impl Untouched {
    /// Looks at a place in which nothing has run; nothing where that cannot be told.
    pub(crate) fn look() -> Option<Self> {
        let open_at = |path: &CStr, flags: c_int| unsafe { open(path.as_ptr(), flags | O_CLOEXEC) };
        let settings = SETTINGS.map(|path| open_at(path, 0)).into_iter().filter(|fd| *fd >= 0);
        let last_process = open_at(c"/proc/sys/kernel/ns_last_pid", O_WRONLY);
        (last_process >= 0).then_some(Self {
            upper: Seen::at("/cell/upper")?,
            shm: Seen::at("/cell/root/dev/shm")?,
            mounts: -1,
            settings: settings.map(|fd| (fd, setting(fd))).collect(),
            last_process,
        })
    }

    /// Whether a program has written anything of the host's files.
    pub(crate) fn is_written(&self) -> bool {
        self.upper.is_another()
    }

    /// From now on no mount is to change.
    pub(crate) fn watch_mounts(&mut self) {
        self.mounts = unsafe { open(c"/proc/self/mounts".as_ptr(), O_CLOEXEC) };
    }

    /// Whether it is as it was. If so, the next program will be the process that the last one was.
    pub(crate) fn is_still(&self) -> bool {
        let mut mounts = PollFd { fd: self.mounts, events: POLLPRI, revents: 0 };
        self.mounts >= 0
            && unsafe { poll(&mut mounts, 1, 0) } == 0
            && !self.is_written()
            && !self.shm.is_another()
            // Not if somebody has asked for less of the processor for all processes that there are.
            && unsafe { getpriority(0, 0) } == 0
            && self.settings.iter().all(|(fd, was)| setting(*fd) == *was)
            && unsafe {
                lseek(self.last_process, 0, SEEK_SET);
                write(self.last_process, KEEPER.as_ptr().cast(), KEEPER.len()) == KEEPER.len() as isize
            }
    }
}

fn setting(fd: c_int) -> Vec<u8> {
    let mut value = vec![0; 32];
    let count = unsafe {
        lseek(fd, 0, SEEK_SET);
        read(fd, value.as_mut_ptr().cast(), value.len())
    };
    value.truncate(count.max(0) as usize);
    value
}
