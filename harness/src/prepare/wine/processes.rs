//! The processes of one prefix, told by their environment, and the end of those that must not stay.
//!
//! A server that was killed leaves its services behind for good, holding whatever pipes they had. They are nobody's
//! children any more, so only `/proc` knows them.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::super::{PrepareError, at};

/// A process that was seen. The start time tells it from a later one with the same id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: Pid,
    /// Its start, in clock ticks since the system's.
    pub started: u64,
    /// Its name, as the kernel has it: at most 15 bytes.
    pub name: String,
}

impl Process {
    /// What `/proc` says of this process. `None` for one that is gone, or dead and only not yet waited for.
    pub(super) fn find(pid: Pid) -> Option<Process> {
        let text = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
        // The name is in parentheses and may hold anything; the third field follows the last one.
        let (head, rest) = text.rsplit_once(") ")?;
        let name = head.split_once('(')?.1.to_owned();
        let mut fields = rest.split(' ');
        if matches!(fields.next()?, "Z" | "X") {
            return None;
        }
        // The start time is field 22, and the state was field 3.
        let started = fields.nth(18)?.parse().ok()?;
        Some(Process { pid, started, name })
    }

    /// What tells it from every other process until the system starts anew.
    pub(super) fn identity(&self) -> String {
        format!("{} {}", self.pid.as_raw_nonzero(), self.started)
    }
}

/// The living processes whose `WINEPREFIX` is this one.
pub(super) fn of_prefix(prefix: &Path) -> Vec<Process> {
    let mut wanted = b"WINEPREFIX=".to_vec();
    wanted.extend_from_slice(prefix.as_os_str().as_bytes());
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(Pid::from_raw)
        .filter(|pid| *pid != rustix::process::getpid())
        .filter(|pid| {
            let environment = fs::read(format!("/proc/{}/environ", pid.as_raw_nonzero())).unwrap_or_default();
            let root = PathBuf::from(format!("/proc/{}/root", pid.as_raw_nonzero()));
            environment.split(|byte| *byte == 0).any(|variable| variable == wanted)
                && runs_wine(*pid)
                && is_same_in(&root, prefix)
        })
        .filter_map(Process::find)
        .collect()
}

/// Whether the prefix is the same directory for a process with this root. A container has its own at the same path.
fn is_same_in(root: &Path, prefix: &Path) -> bool {
    let identity = |path: &Path| fs::metadata(path).map(|about| (about.dev(), about.ino())).ok();
    let below = prefix.strip_prefix("/").unwrap_or(prefix);
    identity(prefix).is_none_or(|own| identity(&root.join(below)) == Some(own))
}

/// A shell or a build that has the variable in its environment is none of ours to kill.
fn runs_wine(pid: Pid) -> bool {
    let program = fs::read_link(format!("/proc/{}/exe", pid.as_raw_nonzero())).unwrap_or_default();
    program.file_name().is_some_and(|name| name.as_bytes().starts_with(b"wine"))
}

/// Kills every process of the prefix and waits for its end. Returns those that there were.
pub(super) fn kill_all_of(prefix: &Path, limit: Duration) -> Result<Vec<Process>, PrepareError> {
    let deadline = Instant::now() + limit;
    let mut killed = Vec::new();
    loop {
        // A process may start another before it dies, so look until none is seen.
        let found = of_prefix(prefix);
        if found.is_empty() {
            return Ok(killed);
        }
        for process in found {
            kill(&process, deadline).map_err(at("end a process of", prefix))?;
            killed.push(process);
        }
    }
}

fn kill(process: &Process, deadline: Instant) -> io::Result<()> {
    let descriptor = match pidfd_open(process.pid, PidfdFlags::empty()) {
        Ok(descriptor) => descriptor,
        Err(rustix::io::Errno::SRCH) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    // From here on the id cannot come to mean another process; until here it could.
    if Process::find(process.pid).as_ref() != Some(process) {
        return Ok(());
    }
    match pidfd_send_signal(&descriptor, Signal::KILL) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => {}
        Err(error) => return Err(error.into()),
    }
    let left = deadline.saturating_duration_since(Instant::now());
    let limit = Timespec::try_from(left).map_err(|_| io::ErrorKind::TimedOut)?;
    let ended = poll(&mut [PollFd::new(&descriptor, PollFlags::IN)], Some(&limit))?;
    if ended == 0 { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_at_the_same_path_in_another_root_is_another() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let prefix = dir.path().join("prefix");
        let below = prefix.strip_prefix("/").unwrap();
        fs_err::create_dir_all(other.path().join(below)).unwrap();
        assert!(is_same_in(other.path(), &prefix), "where it is gone, its processes are still its own");
        fs_err::create_dir(&prefix).unwrap();
        assert!(is_same_in(Path::new("/"), &prefix));
        assert!(is_same_in(Path::new("/proc/self/root"), &prefix));
        assert!(!is_same_in(other.path(), &prefix));
        assert!(!is_same_in(&dir.path().join("none"), &prefix));
    }
}
