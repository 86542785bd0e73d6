//! One QEMU with a guest system in it: started, listened to, ended. It dies with the process that owns it, whatever
//! happens to that, and nothing of it is ever on the disk: its port is a socket without a name, its console a pipe.

use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::FdFlags;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open};
use triplecheck_emulators::vm::accelerators::Accelerator;
use triplecheck_emulators::vm::machines::{Memory, Start};

use super::Wanted;
use super::monitor::Monitor;
use super::snapshot::{self, Snapshot};
use super::up::Up;
use super::wire::{self, Fields, kind};

/// How long a system may take to boot: under a second of work on a fast machine, a hundred times that on a slow one that
/// is busy.
const BOOT_DEADLINE: Duration = Duration::from_secs(120);

/// How long a system may take to boot under KVM before it is believed that it never will: where KVM works, it takes a
/// second.
const KVM_BOOT_DEADLINE: Duration = Duration::from_secs(30);

/// How long a restored system may take to answer: a tenth of a second of work.
const RESTORE_DEADLINE: Duration = Duration::from_secs(20);

/// How long a system may take to sleep for a tenth of a second.
const TIMERS_DEADLINE: Duration = Duration::from_secs(5);

/// How long after its port a process may take to be over.
const DEATH_DEADLINE: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// How many of the console's last lines are kept.
const CONSOLE_LINES: usize = 60;

/// Random bytes for the guest's pool at its start.
const SEED_BYTES: usize = 64;

/// What a kernel prints when it, or one of its programs' worlds, comes to an end; the first that is found is told.
const OMENS: &[(&str, &str)] = &[
    ("Kernel panic", "its kernel panicked"),
    ("Out of memory", "it ran out of memory"),
    ("Internal error: Oops", "its kernel failed"),
    ("BUG: ", "its kernel failed"),
    ("soft lockup", "its kernel hung"),
    ("rcu_sched detected stalls", "its kernel hung"),
    ("triplecheck: module", "a module of its kernel could not be loaded"),
    (
        "triplecheck: no port",
        "it found no port to the host (virtio_pci or virtio_console is neither part of its kernel nor among the modules \
         that were given with `setup --vm --kernel FILE --modules DIR`)",
    ),
    ("qemu-system-", REFUSED),
];

/// What is said where QEMU itself did not start.
pub(super) const REFUSED: &str = "QEMU refused to start it";

/// How Linux's last line ends after an oops of its own.
const OOPS: &str = "Fatal exception";

/// A running system.
pub(super) struct Guest {
    qemu: Child,
    /// The guest's port.
    pub(super) port: UnixStream,
    /// QEMU's monitor, until it is taken.
    pub(super) monitor: Option<Monitor>,
    console: Console,
}

/// What QEMU and the kernel print: the last lines.
#[derive(Clone)]
struct Console {
    lines: Arc<Mutex<VecDeque<String>>>,
    readers: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl Guest {
    /// Restores a system where there is a snapshot of it, or boots one. A snapshot from which twice no system comes up is
    /// thrown away. The error is one sentence.
    pub(super) fn come_up(wanted: &Wanted) -> Result<(Self, Up), String> {
        let deadline = match wanted.accelerator {
            Accelerator::Tcg => {
                let (guest, not_restored) = Self::restore_or_boot(wanted)?;
                return Ok((guest, Up { not_restored, ..Up::default() }));
            }
            Accelerator::Kvm => KVM_BOOT_DEADLINE,
        };
        match Self::boot_once(wanted, deadline) {
            Ok(guest) => Ok((guest, Up::default())),
            Err(why) => match Self::boot_under_tcg(&wanted.under_tcg()) {
                Ok(guest) => Ok((guest, Up { not_kvm: Some(why), ..Up::default() })),
                Err(error) => Err(format!("{error}; and before that under KVM: {why}")),
            },
        }
    }

    /// A system, and why it was booted and not restored, if so.
    fn restore_or_boot(wanted: &Wanted) -> Result<(Self, Option<String>), String> {
        if let Some(snapshot) = Snapshot::of(wanted) {
            // Once more, since a machine may have been short of something for a moment; a fault of the snapshot's is there again.
            match Self::restore(wanted, &snapshot).or_else(|_| Self::restore(wanted, &snapshot)) {
                Ok(guest) => return Ok((guest, None)),
                Err(why) => snapshot.discard(&why),
            }
        }
        let not_restored = snapshot::state(wanted).why_it_is_booted(wanted);
        Ok((Self::boot_under_tcg(wanted)?, not_restored))
    }

    fn boot_under_tcg(wanted: &Wanted) -> Result<Self, String> {
        once_more(|| Self::boot_once(wanted, BOOT_DEADLINE))
    }

    fn boot_once(wanted: &Wanted, deadline: Duration) -> Result<Self, String> {
        let mut guest = Self::start(wanted, Memory::Own)?;
        guest.greet(deadline)?;
        guest.settle(deadline)?;
        Ok(guest)
    }

    /// A system that was just booted with its memory in a file, and has done nothing yet, and its QEMU's monitor.
    pub(super) fn boot_into(wanted: &Wanted, memory: &Path) -> Result<(Self, Monitor), String> {
        once_more(|| {
            // What an earlier boot has left in it is no memory of a machine that was just switched on.
            fs_err::File::create(memory).map_err(|error| error.to_string())?;
            let mut guest = Self::start(wanted, Memory::Kept(memory))?;
            guest.greet(BOOT_DEADLINE)?;
            let monitor = guest.monitor.take().ok_or("QEMU has no monitor")?;
            Ok((guest, monitor))
        })
    }

    /// A system as it was when the snapshot was made, with the time of now and random bytes of its own.
    pub(super) fn restore(wanted: &Wanted, snapshot: &Snapshot) -> Result<Self, String> {
        let mut guest = Self::start(wanted, Memory::Restored(&snapshot.memory()))?;
        let restored = guest.monitor.as_mut().ok_or("QEMU has no monitor".to_owned()).and_then(|monitor| {
            let state = fs_err::File::open(snapshot.state()).map_err(|error| error.to_string())?;
            monitor.restore(&state)
        });
        if let Err(why) = restored {
            return Err(format!("QEMU did not restore it: {why}: {}", guest.end()));
        }
        guest.settle(RESTORE_DEADLINE)?;
        Ok(guest)
    }

    fn start(wanted: &Wanted, memory: Memory<'_>) -> Result<Self, String> {
        Self::start_qemu(wanted, memory)
            .map_err(|error| format!("`{}` cannot be started: {error}", wanted.qemu.display()))
    }

    fn start_qemu(wanted: &Wanted, memory: Memory<'_>) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        let (monitor, monitors_end) = UnixStream::pair()?;
        // QEMU inherits these descriptors. Nothing else is started by this process.
        rustix::io::fcntl_setfd(&theirs, FdFlags::empty())?;
        rustix::io::fcntl_setfd(&monitors_end, FdFlags::empty())?;
        let words = wanted.system.words(&Start {
            port_fd: theirs.as_raw_fd(),
            memory,
            monitor_fd: Some(monitors_end.as_raw_fd()),
            ..wanted.start()
        });
        #[expect(clippy::disallowed_methods, reason = "the one place where a guest system is started")]
        let mut command = std::process::Command::new(&wanted.qemu);
        command.args(words).current_dir("/");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        crate::unix::die_with_parent(&mut command);
        let mut qemu = command.spawn()?;
        let console = Console { lines: Arc::default(), readers: Arc::default() };
        if let Some(stdout) = qemu.stdout.take() {
            console.listen(stdout);
        }
        if let Some(stderr) = qemu.stderr.take() {
            console.listen(stderr);
        }
        Ok(Self { qemu, port: ours, monitor: Some(Monitor::new(monitor)), console })
    }

    /// Waits for the agent's first word.
    fn greet(&mut self, deadline: Duration) -> Result<(), String> {
        self.expect(kind::HELLO, deadline)
    }

    /// Gives it the time, random bytes and this machine's name, and waits until it has them and has set its timer anew.
    fn settle(&mut self, deadline: Duration) -> Result<(), String> {
        let mut seed = [0; SEED_BYTES];
        let given = rustix::rand::getrandom(&mut seed, rustix::rand::GetRandomFlags::empty());
        given.map_err(|error| format!("there are no random bytes: {error}"))?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let mut fields = Fields::default();
        fields.number(now.as_secs()).number(u64::from(now.subsec_nanos())).bytes(&seed);
        fields.bytes(rustix::system::uname().nodename().to_bytes());
        self.ask(kind::SETTLE, &fields.0, deadline)
    }

    /// Whether its timers run, which those of a restored system may not.
    pub(super) fn prove_timers(&mut self) -> Result<(), String> {
        self.ask(kind::TIMERS, &[], TIMERS_DEADLINE)
    }

    /// Asks, and waits for an answer of the same kind.
    fn ask(&mut self, kind: u8, payload: &[u8], deadline: Duration) -> Result<(), String> {
        let asked = wire::write(&mut self.port, 0, kind, payload);
        asked.map_err(|error| format!("the guest system cannot be reached: {error}: {}", self.end()))?;
        self.expect(kind, deadline)
    }

    /// Waits for a frame. The error says why the system ended, as far as that is known.
    fn expect(&mut self, kind: u8, deadline: Duration) -> Result<(), String> {
        let read = self.port.set_read_timeout(Some(deadline)).and_then(|()| wire::read(&mut self.port));
        let frame = read.and_then(|frame| self.port.set_read_timeout(None).map(|()| frame));
        match frame {
            Ok(Some(frame)) if frame.kind == kind => Ok(()),
            Ok(_) => Err(format!("the guest system did not come up: {}", self.end())),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let why = self.end();
                Err(format!("the guest system did not come up within {} s: {why}", deadline.as_secs_f64()))
            }
            Err(error) => Err(format!("the guest system cannot be reached: {error}: {}", self.end())),
        }
    }

    /// Says why it is gone: because somebody has killed QEMU, or from its last lines.
    pub(super) fn lost(&mut self) -> String {
        if let Ok(process) = pidfd_open(Pid::from_child(&self.qemu), PidfdFlags::empty()) {
            // The port is closed a little before the end of the process is told.
            let _ = poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&DEATH_DEADLINE));
        }
        match self.qemu.try_wait() {
            Ok(Some(status)) if status.signal().is_some() => {
                self.end();
                format!("somebody ended QEMU: {status}")
            }
            Ok(_) | Err(_) => self.end(),
        }
    }

    /// Ends it, and says from its last lines why it may have ended before.
    pub(super) fn end(&mut self) -> String {
        let _ = self.qemu.kill();
        let status = self.qemu.wait();
        for reader in self.console.readers.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = reader.join();
        }
        let lines = self.console.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let found = OMENS.iter().find_map(|(omen, meaning)| {
            let line = lines.iter().find(|line| line.contains(omen))?;
            Some(format!("{meaning}: {}", line.trim()))
        });
        found.unwrap_or_else(|| match (lines.back(), status) {
            (Some(line), _) => format!("its last line was `{}`", line.trim()),
            // The end that was made to it here.
            (None, Ok(status)) if status.signal() == Some(Signal::KILL.as_raw()) => {
                "it printed nothing".to_owned()
            }
            (None, Ok(status)) => format!("it printed nothing, and QEMU ended with {status}"),
            (None, Err(error)) => format!("it printed nothing: {error}"),
        })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

/// Boots once more where the kernel failed in itself: under QEMU 7.2, 2 of 170 boots of s390x, six at a time, ended in an oops.
/// One without a first process, or whose first process gives up, fails in the same way again.
fn once_more<T>(boot: impl Fn() -> Result<T, String>) -> Result<T, String> {
    boot().or_else(|why| if why.contains(OOPS) { boot() } else { Err(why) })
}

impl Console {
    fn listen(&self, stream: impl io::Read + Send + 'static) {
        let lines = self.lines.clone();
        let reader = std::thread::spawn(move || {
            let mut stream = BufReader::new(stream);
            let mut line = Vec::new();
            // A console prints lines; a program that floods it is cut into pieces.
            while matches!(io::Read::take(&mut stream, 4096).read_until(b'\n', &mut line), Ok(count) if count > 0)
            {
                let mut kept = lines.lock().unwrap_or_else(PoisonError::into_inner);
                if kept.len() == CONSOLE_LINES {
                    kept.pop_front();
                }
                kept.push_back(String::from_utf8_lossy(&line).into_owned());
                line.clear();
            }
        });
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILS: &str =
        "its kernel panicked: [ 2.3] Kernel panic - not syncing: Fatal exception: panic_on_oops";
    const HAS_NO_INIT: &str =
        "its kernel panicked: [ 2.3] Kernel panic - not syncing: No working init found.";

    #[track_caller]
    fn booted(ends: &[Result<(), &str>]) -> (Result<(), String>, usize) {
        let boots = std::cell::Cell::new(0);
        let ended = once_more(|| {
            let end = ends[boots.get()];
            boots.set(boots.get() + 1);
            end.map_err(str::to_owned)
        });
        (ended, boots.get())
    }

    #[test]
    fn a_kernel_that_fails_in_itself_is_booted_once_more() {
        assert_eq!(booted(&[Ok(())]), (Ok(()), 1));
        assert_eq!(booted(&[Err(FAILS), Ok(())]), (Ok(()), 2));
        assert_eq!(booted(&[Err(FAILS), Err("other")]), (Err("other".to_owned()), 2));
        assert_eq!(booted(&[Err(HAS_NO_INIT)]), (Err(HAS_NO_INIT.to_owned()), 1));
    }

    /// What a QEMU becomes that does this, when its system has half a second to come up.
    #[track_caller]
    fn comes_up(does: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let (qemu, process) = (dir.path().join("qemu"), dir.path().join("process"));
        let text = format!("#!/bin/sh\necho $$ >'{}'\n{does}\n", process.display());
        // Not written by this process: while a test forks beside this one, that could not be executed.
        let written = duct::cmd!("install", "-m", "755", "/dev/stdin", &qemu).stdin_bytes(text).run();
        written.expect("`install` is part of every system");
        let words = [
            "--machine",
            "s390x",
            "--kernel",
            "/k",
            "--cpu",
            "max",
            "--accel",
            "tcg",
            "--board",
            "b",
            "--qemu",
        ];
        let words: Vec<std::ffi::OsString> = words.into_iter().map(Into::into).chain([qemu.into()]).collect();
        let wanted = Wanted::of_words(&words).unwrap();
        let why = Guest::boot_once(&wanted, Duration::from_millis(500)).err().unwrap();
        let process = fs_err::read_to_string(process).unwrap();
        assert!(!Path::new("/proc").join(process.trim()).exists(), "it still runs");
        why
    }

    #[test]
    fn a_system_that_hangs_at_its_boot_is_given_up_with_its_last_line_and_ended() {
        let hangs = comes_up("echo booting; exec sleep 600");
        assert_eq!(hangs, "the guest system did not come up within 0.5 s: its last line was `booting`");
        let silent = comes_up("exec sleep 600");
        assert_eq!(silent, "the guest system did not come up within 0.5 s: it printed nothing");
        let stalls =
            comes_up("echo 'rcu: INFO: rcu_sched detected stalls on CPUs/tasks:'; echo more; exec sleep 600");
        assert!(stalls.contains("within 0.5 s: its kernel hung: rcu: INFO: "), "{stalls}");
        let ends = comes_up("echo 'qemu-system-s390x: no such board' >&2");
        assert_eq!(
            ends,
            "the guest system did not come up: QEMU refused to start it: qemu-system-s390x: no such board"
        );
    }
}
