//! What every test needs: a directory, a job to start from, and eyes for processes and descriptors.

use std::ffi::OsString;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tempfile::TempDir;
use triplecheck::supervise::{
    Job, Limits, Stdin, StopFlag, SuperviseError, Supervised, Supervisors, Termination, run,
};

use crate::guests::ROLE;

/// Long enough to mean that something hangs, on a machine with many more processes than cores.
pub(crate) const HANG: Duration = Duration::from_secs(60);

/// The environment variable by which a tree is found in `/proc`.
const MARK: &str = "TRIPLECHECK_TEST_MARK";

/// One run in a directory of its own. The fields are what the next run gets.
pub(crate) struct Lab {
    pub(crate) dir: TempDir,
    pub(crate) program: PathBuf,
    pub(crate) argv0: Option<OsString>,
    pub(crate) args: Vec<OsString>,
    pub(crate) env: Vec<(OsString, OsString)>,
    pub(crate) cwd: PathBuf,
    pub(crate) stdin: Option<PathBuf>,
    pub(crate) limits: Limits,
    mark: String,
}

impl Lab {
    /// A lab whose guest is this binary in the role of `guest`, the words of which are split at blanks.
    pub(crate) fn new(guest: &str) -> Lab {
        let mut lab = Lab::with_program(&std::env::current_exe().unwrap());
        lab.args = [ROLE].into_iter().chain(guest.split(' ')).map(OsString::from).collect();
        lab
    }

    /// A lab whose guest is any program, without arguments.
    pub(crate) fn with_program(program: &Path) -> Lab {
        let dir = tempfile::tempdir().unwrap();
        let mark = dir.path().file_name().unwrap().to_str().unwrap().to_owned();
        Lab {
            program: program.to_path_buf(),
            argv0: None,
            args: Vec::new(),
            env: vec![(MARK.into(), mark.clone().into())],
            cwd: dir.path().to_path_buf(),
            stdin: None,
            limits: Limits { deadline: HANG, grace: HANG, output_bytes_max: 1 << 20 },
            mark,
            dir,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs the guest, with supervisors of `supervisors` or else those of the process.
    pub(crate) fn try_run(
        &self,
        supervisors: Option<&Supervisors>,
        stop: Option<&StopFlag>,
    ) -> Result<Supervised, SuperviseError> {
        let (stdout, stderr) = (self.path("stdout"), self.path("stderr"));
        let job = Job {
            program: &self.program,
            argv0: self.argv0.as_deref(),
            args: &self.args,
            env: &self.env,
            dir: &self.cwd,
            stdin: self.stdin.as_deref().map_or(Stdin::Null, Stdin::File),
            stdout: &stdout,
            stderr: &stderr,
            limits: self.limits,
        };
        match supervisors {
            Some(supervisors) => supervisors.run(&job, stop),
            None => run(&job, stop),
        }
    }

    /// Runs the guest and asserts what holds after every run: nothing of it is left, and the counts are true.
    #[track_caller]
    pub(crate) fn run(&self) -> Supervised {
        self.settled(self.try_run(None, None))
    }

    #[track_caller]
    pub(crate) fn settled(&self, ended: Result<Supervised, SuperviseError>) -> Supervised {
        let ended = ended.unwrap_or_else(|error| panic!("{error}: {:?}", std::error::Error::source(&error)));
        assert_eq!(self.alive(), [], "the tree must be gone");
        assert_eq!(ended.stdout_bytes, self.stdout().len() as u64);
        assert_eq!(ended.stderr_bytes, self.stderr().len() as u64);
        ended
    }

    /// Runs the guest and asserts how it ended.
    #[track_caller]
    pub(crate) fn check(&self, expected: &Termination) -> Supervised {
        let ended = self.run();
        assert_eq!(ended.termination, *expected, "stderr: {}", String::from_utf8_lossy(&self.stderr()));
        ended
    }

    pub(crate) fn stdout(&self) -> Vec<u8> {
        fs_err::read(self.path("stdout")).unwrap()
    }

    pub(crate) fn stderr(&self) -> Vec<u8> {
        fs_err::read(self.path("stderr")).unwrap()
    }

    /// The living processes that this lab's guest has started, by the mark in their environment.
    pub(crate) fn alive(&self) -> Vec<Pid> {
        let wanted = format!("{MARK}={}", self.mark).into_bytes();
        let has_mark = |pid: &Pid| {
            // The dead have no environment any more, and those of other users are not ours.
            let environ =
                std::fs::read(format!("/proc/{}/environ", pid.as_raw_nonzero())).unwrap_or_default();
            environ.split(|byte| *byte == 0).any(|variable| variable == wanted)
        };
        pids().into_iter().filter(has_mark).collect()
    }

    /// A named pipe in the guest's directory. By `ready` a guest says that it has got somewhere.
    ///
    /// It is open for both directions here, so that neither side waits for the other to open it, and a guest that died
    /// is a failure rather than a hang.
    pub(crate) fn fifo(&self, name: &str) -> File {
        let path = self.path(name);
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR)
            .unwrap();
        File::options().read(true).write(true).open(path).unwrap()
    }
}

/// Waits for the guest to say something, and returns it.
#[track_caller]
pub(crate) fn await_word(fifo: &File) -> String {
    await_readable(fifo, "the guest does not get ready");
    let mut word = vec![0; 100];
    let count = rustix::io::read(fifo, &mut *word).unwrap();
    String::from_utf8_lossy(&word[..count]).trim().to_owned()
}

/// Everything in `/proc`.
pub(crate) fn pids() -> Vec<Pid> {
    let entries = fs_err::read_dir("/proc").unwrap();
    entries.flatten().filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)).collect()
}

/// The children of a process, zombies included.
pub(crate) fn children_of(parent: Pid) -> Vec<Pid> {
    let is_child = |pid: &Pid| {
        let stat =
            std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
        let tail = stat.rsplit_once(") ").map_or("", |(_, tail)| tail);
        tail.split(' ').nth(1) == Some(parent.as_raw_nonzero().to_string().as_str())
    };
    pids().into_iter().filter(is_child).collect()
}

/// The descriptors that this process has open.
pub(crate) fn descriptors() -> usize {
    fs_err::read_dir("/proc/self/fd").unwrap().count()
}

/// A hold on a process; `None` when it has just ended.
pub(crate) fn find_pidfd(pid: Pid) -> Option<OwnedFd> {
    pidfd_open(pid, PidfdFlags::empty()).ok()
}

/// Waits until the process of this pidfd has ended.
#[track_caller]
pub(crate) fn await_end(pidfd: &OwnedFd) {
    await_readable(pidfd, "a process that should have ended is still there");
}

#[track_caller]
fn await_readable(descriptor: impl AsFd, otherwise: &str) {
    let timeout = Timespec::try_from(HANG).unwrap();
    let ready = poll(&mut [PollFd::new(&descriptor, PollFlags::IN)], Some(&timeout)).unwrap();
    assert_eq!(ready, 1, "{otherwise}");
}
