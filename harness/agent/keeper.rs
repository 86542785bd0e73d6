//! The first process of a place: makes its file system, has programs started, waits for their ends, reports.

use std::ffi::{c_int, c_long, OsStr};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicI32, Ordering};

use crate::cell::When;
use crate::hot;
use crate::linux::*;
use crate::made::collect;
use crate::root::{found, lay_out, take_root};
use crate::start::{Order, Start};
use crate::streams::{close_all, take_over, tell, word, Way};
use crate::untouched::Untouched;
use crate::wire::{field, put};

/// Is the keeper of a place: of the way to the agent, and of the streams of the first program, which are standard input, output
/// and error, and report.
pub(crate) fn keep(slot: u64, when: When, way: Way, [stdin, stdout, stderr, report]: [c_int; 4]) -> ! {
    let [control, orders, stdin, stdout, stderr, report] =
        take_only([way.control, way.orders, stdin, stdout, stderr, report]);
    let way = Way { control, orders };
    unsafe { signal(SIGCHLD, SIG_DFL) };
    for number in PASSED_ON {
        unsafe { signal(number, pass_on as extern "C" fn(c_int) as usize) };
    }
    if when == When::Idle {
        set_turn(0, Turn::Idle);
    }
    let founded = found();
    if when != When::Idle {
        let start = Start::new(founded, way, when, Some(slot));
        Keeper { start, control, log: kernel_log(), untouched: None }.keep([stdin, stdout, stderr, report])
    }
    let laid = founded.and_then(|()| lay_out(slot, true));
    hot::look_ahead(Path::new("/cell/root"));
    let mut untouched = laid.is_ok().then(Untouched::look).flatten();
    // The root of its mounts, and not only its own: nobody may make a user's namespace from within another root.
    // What this process opens by name is still below it.
    let moved = laid.and_then(|()| take_root());
    if let Some(untouched) = &mut untouched {
        untouched.watch_mounts();
    }
    tell(control, word::READY);
    let start = Start::new(moved, way, when, None);
    Keeper { start, control, log: kernel_log(), untouched }.keep([stdin, stdout, stderr, report])
}

/// Keeps only these descriptors, under numbers of their own: an end of another cell's pipe would keep that one open.
fn take_only<const COUNT: usize>(fds: [c_int; COUNT]) -> [c_int; COUNT] {
    const FIRST: c_int = 200;
    let kept = fds.map(|fd| unsafe { fcntl(fd, F_DUPFD_CLOEXEC, FIRST) });
    let last = kept[COUNT - 1];
    unsafe {
        for (from, to) in [(3, FIRST - 1), (last + 1, last + 8)] {
            if syscall(SYS_CLOSE_RANGE, from as c_long, to as c_long, 0 as c_long) != 0 {
                // Before Linux 5.9. The agent has far fewer than these.
                for fd in from..=to {
                    close(fd);
                }
            }
        }
    }
    kept
}

/// A keeper, once its place is made.
struct Keeper {
    start: Start,
    /// The way to the agent.
    control: c_int,
    /// The kernel's log.
    log: c_int,
    /// The place as it was; nothing where that cannot be told.
    untouched: Option<Untouched>,
}

impl Keeper {
    fn keep(mut self, mut streams: [c_int; 4]) -> ! {
        loop {
            set_turn(0, Turn::Usual);
            let is_as_new = self.see_to_its_end(streams);
            // Until the agent knows all, what follows would only be in the way.
            set_turn(0, Turn::Idle);
            let is_as_new = is_as_new && self.untouched.as_ref().is_some_and(Untouched::is_still);
            tell(self.control, if is_as_new { word::AS_NEW } else { word::SPENT });
            match take_over(self.control) {
                Some(next) => streams = next,
                None => unsafe { _exit(0) },
            }
        }
    }

    /// Runs one program. Whether it ended by itself, so that the place may be as it was.
    fn see_to_its_end(&mut self, [stdin, stdout, stderr, report]: [c_int; 4]) -> bool {
        let log = self.log;
        unsafe { lseek(log, 0, SEEK_END) };
        let program = self.start.program([stdin, stdout, stderr]);
        if self.start.order.is_empty() {
            unsafe { _exit(0) };
        }
        // One that came before there was anybody to take it.
        let early = EARLY.swap(0, Ordering::Relaxed);
        if early != 0 {
            unsafe { kill(-1, early) };
        }
        close_all(&[stdin, stdout, stderr]);
        let mut status = 0;
        loop {
            let ended = unsafe { waitpid(-1, &mut status, 0) };
            if ended == program || ended < 0 {
                break;
            }
        }
        unsafe { kill(-1, SIGKILL) };
        while unsafe { waitpid(-1, null_mut(), 0) } > 0 {}
        let record = match &self.start.failure {
            Some((stage, errno)) => failure(stage, *errno),
            None => {
                let order = Order::read(&self.start.order);
                let has_written = self.untouched.as_ref().is_none_or(Untouched::is_written);
                let roots = if has_written { order.roots.as_slice() } else { &[] };
                end(roots, status, log, report)
                    .unwrap_or_else(|errno| failure("bring back what the program made", errno))
            }
        };
        put(report, &record);
        close_all(&[report]);
        self.start.order.clear();
        self.start.failure.is_none()
    }
}

/// Reports what the program has made below these directories. The result is the record of its end; the error is a number, of
/// a file that cannot be brought back.
fn end(roots: &[&[u8]], status: c_int, log: c_int, report: c_int) -> Result<Vec<u8>, i32> {
    // What there is may be cut off anywhere.
    let is_full = !roots.is_empty() && is_full();
    for root in roots.iter().filter(|_| !is_full) {
        collect(report, Path::new(OsStr::from_bytes(root)))?;
    }
    let was_killed = status & 0x7f == SIGKILL;
    let oom = u8::from(was_killed && tells_of_want(log));
    let (kind, code) = if status & 0x7f == 0 { (0, status >> 8 & 0xff) } else { (1, status & 0x7f) };
    let mut record = vec![b'x', kind, oom, u8::from(is_full)];
    record.extend_from_slice(&code.to_le_bytes());
    Ok(record)
}

/// Signals that are for the program and all that it has started.
const PASSED_ON: [c_int; 6] = [1, 2, 3, 10, 12, 15];

static EARLY: AtomicI32 = AtomicI32::new(0);

extern "C" fn pass_on(number: c_int) {
    if unsafe { kill(-1, number) } != 0 {
        EARLY.store(number, Ordering::Relaxed);
    }
}

/// Whether nothing more can be written.
fn is_full() -> bool {
    let mut about = [0usize; 32];
    // The fourth is the number of free blocks.
    unsafe { statvfs(c"/cell".as_ptr(), &mut about) == 0 && about[3] == 0 }
}

fn failure(stage: &str, errno: i32) -> Vec<u8> {
    let mut record = vec![b'f'];
    record.extend_from_slice(&errno.to_le_bytes());
    field(&mut record, stage.as_bytes());
    record
}

/// The kernel's log; -1 where it cannot be had.
fn kernel_log() -> c_int {
    unsafe { open(c"/dev/kmsg".as_ptr(), O_NONBLOCK | O_CLOEXEC) }
}

/// Whether the kernel has killed for want of memory, by what has not been read of the log.
fn tells_of_want(log: c_int) -> bool {
    let mut record = [0u8; 8192];
    loop {
        let count = unsafe { read(log, record.as_mut_ptr().cast(), record.len()) };
        // One record at a time; what was lost because it was too much is an error of its own (EPIPE).
        match count {
            1.. => {
                let text = String::from_utf8_lossy(&record[..count as usize]);
                if text.contains("Out of memory: Killed process") {
                    return true;
                }
            }
            _ if last_errno() == EPIPE => {}
            _ => return false,
        }
    }
}
