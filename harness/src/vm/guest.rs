//! One QEMU with a guest system in it: started, listened to, ended. It dies with the process that owns it, whatever
//! happens to that, and nothing of it is ever on the disk: its port is a socket without a name, its console a pipe.

use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use rustix::io::FdFlags;
use triplecheck_emulators::vm::accelerators::Accelerator;
use triplecheck_emulators::vm::machines::Start;

use super::Wanted;
use super::wire::{self, Fields, kind};

/// How much memory a guest has. It is taken from the host as it is used.
const MEMORY_MIB: u32 = 1024;

/// How long a system may take to boot: under a second of work on a fast machine, a hundred times that on a slow one that
/// is busy.
const BOOT_DEADLINE: Duration = Duration::from_secs(120);

/// How long a system may take to boot under KVM before it is believed that it never will: where KVM works, it takes a
/// second.
const KVM_BOOT_DEADLINE: Duration = Duration::from_secs(30);

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
    ("triplecheck: no port", "it found no port to the host"),
    ("qemu-system-", "QEMU refused to start it"),
];

/// A running system.
pub(super) struct Guest {
    qemu: Child,
    /// The guest's port.
    pub(super) port: UnixStream,
    console: Console,
}

/// What QEMU and the kernel print: the last lines.
#[derive(Clone)]
struct Console {
    lines: Arc<Mutex<VecDeque<String>>>,
    readers: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl Guest {
    /// Boots a system and waits until its agent answers: once more under TCG where it did not under KVM, and then says
    /// why not. The error is one sentence.
    pub(super) fn boot(wanted: &Wanted) -> Result<(Self, Option<String>), String> {
        let deadline = match wanted.accelerator {
            Accelerator::Tcg => return Ok((Self::boot_once(wanted, BOOT_DEADLINE)?, None)),
            Accelerator::Kvm => KVM_BOOT_DEADLINE,
        };
        match Self::boot_once(wanted, deadline) {
            Ok(guest) => Ok((guest, None)),
            Err(why) => match Self::boot_once(&wanted.under_tcg(), BOOT_DEADLINE) {
                Ok(guest) => Ok((guest, Some(why))),
                Err(error) => Err(format!("{error}; and before that under KVM: {why}")),
            },
        }
    }

    fn boot_once(wanted: &Wanted, deadline: Duration) -> Result<Self, String> {
        let mut guest = Self::start(wanted)
            .map_err(|error| format!("`{}` cannot be started: {error}", wanted.qemu.display()))?;
        let hello = guest.greet(deadline);
        match hello {
            Ok(true) => Ok(guest),
            Ok(false) => Err(format!("the guest system did not come up: {}", guest.end())),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let why = guest.end();
                Err(format!("the guest system did not come up within {} s: {why}", deadline.as_secs()))
            }
            Err(error) => Err(format!("the guest system cannot be reached: {error}: {}", guest.end())),
        }
    }

    fn start(wanted: &Wanted) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        let start = Start {
            accelerator: wanted.accelerator,
            board: &wanted.board,
            cpu: &wanted.cpu,
            kernel: &wanted.kernel,
            port_fd: theirs.as_raw_fd(),
            share: Path::new("/"),
            memory_mib: MEMORY_MIB,
        };
        // QEMU inherits this one descriptor. Nothing else is started by this process.
        rustix::io::fcntl_setfd(&theirs, FdFlags::empty())?;
        #[expect(clippy::disallowed_methods, reason = "the one place where a guest system is started")]
        let mut command = std::process::Command::new(&wanted.qemu);
        command.args(wanted.system.words(&start)).current_dir("/");
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
        Ok(Self { qemu, port: ours, console })
    }

    /// Waits for the agent's first word, and gives it the time and random bytes. False where QEMU ends instead.
    fn greet(&mut self, deadline: Duration) -> io::Result<bool> {
        self.port.set_read_timeout(Some(deadline))?;
        let Some(frame) = wire::read(&mut self.port)? else { return Ok(false) };
        self.port.set_read_timeout(None)?;
        let mut seed = [0; SEED_BYTES];
        rustix::rand::getrandom(&mut seed, rustix::rand::GetRandomFlags::empty())?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let mut fields = Fields::default();
        fields.number(now.as_secs()).number(u64::from(now.subsec_nanos())).bytes(&seed);
        wire::write(&mut self.port, 0, kind::SETTLE, &fields.0)?;
        Ok(frame.kind == kind::HELLO)
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
