//! The processes below a supervisor: who they are, and how they are signalled without hitting a stranger.
//!
//! Owns reading `/proc/*/stat` and every signal that is sent. It must never signal a process id that could have been
//! given to somebody else in the meantime. Three kinds of target are safe:
//! 1. our own child, because its id is not free before we reap it;
//! 2. the process group of such a child: its id is not free while it has a member, and all its members are below us,
//!    since a group never crosses sessions and its session was made by us or by a descendant of ours;
//!    (A child could leave the group between our look and our signal, and be its last member; but ids are handed out in
//!    a circle, so that nobody else gets this one in the microseconds in between.)
//! 3. any process through a pidfd, when `/proc` still says the same of it after the pidfd was opened.
//!
//! Killing needs only the first two. A dead child's children become ours, so killing our children again and again ends
//! the whole tree from the top, and each round wipes out whole groups at once, faster than a fork bomb can grow.
//!
//! `/proc/*/task/*/children` would save reading all of `/proc`, but not every kernel is built with it. The list is only
//! needed when something outlives the guest's main process, so its price (about 10 µs a process) hardly matters.

use std::collections::HashSet;
use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, getpid, kill_process, kill_process_group, pidfd_open, pidfd_send_signal,
};

use super::Survivor;

/// One process as `/proc` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    pid: Pid,
    parent: i32,
    group: i32,
    session: i32,
    /// Ticks from boot to its start; with the pid it names the process for all time.
    started: u64,
    name: String,
}

impl From<Process> for Survivor {
    fn from(process: Process) -> Survivor {
        Survivor { pid: process.pid.as_raw_nonzero().get(), name: process.name }
    }
}

/// Asks a process that we have started and not reaped, and all below it, to end.
///
/// All are stopped first: what goes on would start others that no list has any more, and whose parent is gone when the next
/// one is made. A process that has been sent a signal starts no other before it has taken it (`copy_process` in Linux's
/// `kernel/fork.c`), so that the list is whole when a look at it shows nobody new.
pub(crate) fn terminate_tree(root: u32) {
    let Some(root) = i32::try_from(root).ok().and_then(Pid::from_raw) else { return };
    let _ = kill_process(root, Signal::STOP);
    let mut family: Vec<Process> = Vec::new();
    loop {
        let mut new = below(root).unwrap_or_default();
        new.retain(|process| !family.iter().any(|known| known.is(process)));
        if new.is_empty() {
            break;
        }
        for process in &new {
            process.signal(&[Signal::STOP]);
        }
        family.extend(new);
    }
    for process in family {
        process.signal(&[Signal::TERM, Signal::CONT]);
    }
    let _ = kill_process(root, Signal::TERM);
    let _ = kill_process(root, Signal::CONT);
}

impl Process {
    /// Whether it is the same one, and not a later one with its number.
    fn is(&self, other: &Process) -> bool {
        self.pid == other.pid && self.started == other.started
    }

    /// Sends signals, if it is still the process that was seen.
    fn signal(&self, signals: &[Signal]) {
        let Ok(pidfd) = pidfd_open(self.pid, PidfdFlags::empty()) else { return };
        if read_process(self.pid).is_some_and(|now| now.started == self.started) {
            for signal in signals {
                // A process that has ended meanwhile, or that belongs to somebody else, is left to the kill.
                let _ = pidfd_send_signal(&pidfd, *signal);
            }
        }
    }
}

/// All living processes below this one. Zombies are not among them: they run no more, and need only be reaped.
pub(super) fn descendants() -> io::Result<Vec<Process>> {
    below(getpid())
}

fn below(root: Pid) -> io::Result<Vec<Process>> {
    let mut others = processes()?;
    let mut family = HashSet::from([root.as_raw_nonzero().get()]);
    let mut found = Vec::new();
    // Each pass adds at least one generation, and the list of processes is finite.
    loop {
        let generation: Vec<_> = others.extract_if(.., |process| family.contains(&process.parent)).collect();
        if generation.is_empty() {
            return Ok(found);
        }
        family.extend(generation.iter().map(|process| process.pid.as_raw_nonzero().get()));
        found.extend(generation);
    }
}

/// Asks the whole tree to end, and wakes what is stopped so that it hears of it.
pub(super) fn terminate_descendants() -> io::Result<()> {
    for process in descendants()? {
        process.signal(&[Signal::TERM, Signal::CONT]);
    }
    Ok(())
}

/// Kills our children and their groups. Returns the children that were alive; their own children become ours.
pub(super) fn kill_children() -> io::Result<Vec<Process>> {
    let own = getpid().as_raw_nonzero().get();
    let children: Vec<_> = processes()?.into_iter().filter(|process| process.parent == own).collect();
    for child in &children {
        // A child may have joined the supervisor's own group, which must not be hit as a whole.
        match Pid::from_raw(child.group).filter(|group| group.as_raw_nonzero().get() != own) {
            Some(group) => drop(kill_process_group(group, Signal::KILL)),
            None => drop(kill_process(child.pid, Signal::KILL)),
        }
    }
    Ok(children)
}

/// Kills every process of the session that `leader` leads, for a harness whose supervisor has been killed. The leader
/// must not have been reaped, so that its id still means this session. Returns what to wait for.
pub(super) fn kill_session(leader: Pid) -> io::Result<Vec<OwnedFd>> {
    let mut dying = Vec::new();
    for process in processes()?.into_iter().filter(|process| process.session == leader.as_raw_nonzero().get())
    {
        let Ok(pidfd) = pidfd_open(process.pid, PidfdFlags::empty()) else { continue };
        let same = read_process(process.pid).is_some_and(|now| now.started == process.started);
        if same && pidfd_send_signal(&pidfd, Signal::KILL) != Err(Errno::PERM) {
            dying.push(pidfd);
        }
    }
    Ok(dying)
}

fn processes() -> io::Result<Vec<Process>> {
    let entries = std::fs::read_dir("/proc")?;
    let pids = entries.flatten().filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?));
    Ok(pids.filter_map(read_process).collect())
}

fn read_process(pid: Pid) -> Option<Process> {
    // Not readable means that it ended while we were reading the list.
    let stat = std::fs::read(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    parse_stat(pid, &String::from_utf8_lossy(&stat))
}

/// Reads a line such as `42 (name) S 1 42 42 0 …`; the name may itself hold blanks and parentheses. `None` for a zombie.
fn parse_stat(pid: Pid, stat: &str) -> Option<Process> {
    let (head, tail) = stat.rsplit_once(") ")?;
    let (_, name) = head.split_once('(')?;
    let fields: Vec<&str> = tail.split_ascii_whitespace().collect();
    let state = *fields.first()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    let number = |index: usize| fields.get(index)?.parse().ok();
    Some(Process {
        pid,
        parent: number(1)?,
        group: number(2)?,
        session: number(3)?,
        started: fields.get(19)?.parse().ok()?,
        name: name.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAIL: &str = "7 8 9 0 -1 4194560 116 0 0 0 0 0 0 0 20 0 1 0 5512 2564096 226 18446744073709551615";

    #[test]
    fn a_name_may_hold_anything() {
        let pid = Pid::from_raw(42).unwrap();
        let process = parse_stat(pid, &format!("42 (a) R (b c)) S {TAIL}")).unwrap();
        assert_eq!(process.name, "a) R (b c)");
        assert_eq!((process.parent, process.group, process.session), (7, 8, 9));
        assert_eq!(process.started, 5512);
    }

    #[test]
    fn the_dead_and_the_damaged_are_no_processes() {
        let pid = Pid::from_raw(42).unwrap();
        assert_eq!(parse_stat(pid, &format!("42 (gone) Z {TAIL}")), None);
        for damaged in ["", "42 (x", "42 (x) S 1 2", "42 x) S 1 2 3"] {
            assert_eq!(parse_stat(pid, damaged), None, "{damaged:?}");
        }
    }

    #[test]
    fn a_tree_that_goes_on_growing_is_ended_whole() {
        use std::io::Read as _;
        use std::os::unix::process::CommandExt as _;

        // As a build tool does: a child is replaced as soon as it ends.
        const GROWS: &str = "trap '' HUP; while :; do (sleep 1000; :) & (sleep 1000; :) & echo; wait; done";
        #[expect(clippy::disallowed_methods, reason = "the test starts what is ended")]
        let mut shell = std::process::Command::new("/bin/sh");
        shell.args(["-c", GROWS]).process_group(0).stdout(std::process::Stdio::piped());
        let mut root = shell.spawn().unwrap();
        root.stdout.take().unwrap().read_exact(&mut [0]).unwrap();
        let group = i32::try_from(root.id()).unwrap();
        terminate_tree(root.id());
        root.wait().unwrap();
        let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
        let left = || -> Vec<Process> {
            processes().unwrap().into_iter().filter(|process| process.group == group).collect()
        };
        while !left().is_empty() {
            assert!(std::time::Instant::now() < end, "still there: {:?}", left());
        }
    }

    #[test]
    fn this_process_is_found_with_its_parent() {
        let own = read_process(getpid()).unwrap();
        let parent = rustix::process::getppid().map_or(0, |parent| parent.as_raw_nonzero().get());
        assert_eq!((own.pid, own.parent), (getpid(), parent));
    }
}
