//! One program's place: namespaces, the file system that it sees, and who watches it.

use std::ffi::{c_int, c_long, OsStr};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicI32, Ordering};

use crate::hot;
use crate::linux::*;
use crate::made::collect;
use crate::start::{read_order, Order, Start};
use crate::wire::{field, put, Fields};

/// A place in which one program runs: prepared, running, or being cleared away.
pub(crate) struct Cell {
    /// Its share of 9p.
    pub(crate) slot: u64,
    /// The program's number; nothing where it is only prepared.
    pub(crate) id: Option<u32>,
    pub(crate) keeper: c_int,
    /// Where the order goes, and what of it is still to be written; -1 when closed, for which the keeper waits at its end.
    pub(crate) order_to: c_int,
    pub(crate) order: Vec<u8>,
    /// Standard output, standard error and the keeper's report; -1 when closed.
    pub(crate) from: [c_int; 3],
    /// Standard input; -1 when closed.
    pub(crate) stdin: c_int,
    pub(crate) pending: Vec<u8>,
    pub(crate) ends: bool,
    /// The host knows that the program is over.
    pub(crate) is_over: bool,
    /// The keeper is gone, and its namespaces with it.
    pub(crate) is_reaped: bool,
}

/// The share that an order names.
pub(crate) fn slot(payload: &[u8]) -> u64 {
    Fields(payload).number()
}

/// Makes namespaces and a file system for a program that is not known yet; nothing where the system has no more processes or
/// descriptors. Nobody waits for it where it is not `urgent`.
pub(crate) fn prepare(slot: u64, urgent: bool) -> Option<Cell> {
    let [stdout, stderr, report, stdin, order] = [pipe()?, pipe()?, pipe()?, pipe()?, pipe()?];
    let keeper = clone_into_namespaces();
    if keeper == 0 {
        let ours = take_only([order[0], stdin[0], stdout[1], stderr[1], report[1]]);
        unsafe { signal(SIGCHLD, SIG_DFL) };
        if !urgent {
            set_turn(0, Turn::Idle);
        }
        let laid = lay_out(slot);
        hot::look_ahead(Path::new("/cell/root"));
        let log = kernel_log();
        // The root of its mounts, and not only its own: nobody may make a user's namespace from within another root.
        // What this process opens by name is still below it.
        let moved = laid.and_then(|()| take_root());
        set_turn(0, Turn::Usual);
        let start = Start::new(moved, ours[0], [ours[1], ours[2], ours[3]]);
        keep(start, log, &ours);
    }
    unsafe {
        for end in [stdout[1], stderr[1], report[1], stdin[0], order[0]] {
            close(end);
        }
        if keeper < 0 {
            for end in [stdout[0], stderr[0], report[0], stdin[1], order[1]] {
                close(end);
            }
            return None;
        }
        fcntl(stdin[1], F_SETFL, O_NONBLOCK);
        fcntl(order[1], F_SETFL, O_NONBLOCK);
    }
    let from = [stdout[0], stderr[0], report[0]];
    Some(Cell {
        slot,
        id: None,
        keeper,
        order_to: order[1],
        order: Vec::new(),
        from,
        stdin: stdin[1],
        pending: Vec::new(),
        ends: false,
        is_over: false,
        is_reaped: false,
    })
}

impl Cell {
    /// Gives it its program, for which it must not wait behind others that are prepared.
    pub(crate) fn take(&mut self, id: u32, order: &[u8]) {
        self.hurry();
        self.id = Some(id);
        field(&mut self.order, order);
        self.write_order();
    }

    /// Has it made ready, or cleared away, as soon as can be: somebody waits for it.
    pub(crate) fn hurry(&self) {
        set_turn(self.keeper, Turn::Usual);
    }

    /// Writes what the pipe takes of the order.
    pub(crate) fn write_order(&mut self) {
        let count = unsafe { write(self.order_to, self.order.as_ptr().cast(), self.order.len()) };
        if count > 0 {
            self.order.drain(..count as usize);
        } else if std::io::Error::last_os_error().kind() != std::io::ErrorKind::WouldBlock {
            self.order.clear();
        }
    }

    /// Lets the keeper go, and its namespaces with it.
    pub(crate) fn let_go(&mut self) {
        self.order.clear();
        unsafe { close(self.order_to) };
        self.order_to = -1;
    }

    /// Closes what is open.
    pub(crate) fn clear(&self) {
        for fd in self.from.into_iter().chain([self.stdin, self.order_to]).filter(|fd| *fd >= 0) {
            unsafe { close(fd) };
        }
    }
}

/// Keeps only these descriptors, under numbers of their own: an end of another cell's pipe would keep that one open.
fn take_only(fds: [c_int; 5]) -> [c_int; 5] {
    const FIRST: c_int = 200;
    let kept = fds.map(|fd| unsafe { fcntl(fd, F_DUPFD_CLOEXEC, FIRST) });
    let last = kept[4];
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

pub(crate) fn pipe() -> Option<[c_int; 2]> {
    let mut ends = [-1; 2];
    (unsafe { pipe2(ends.as_mut_ptr(), O_CLOEXEC) } == 0).then_some(ends)
}

fn clone_into_namespaces() -> c_int {
    let (flags, stack) = (NEW_NAMESPACES | SIGCHLD as c_long, 0 as c_long);
    // s390x has the two the other way round.
    let (first, second) = if cfg!(target_arch = "s390x") { (stack, flags) } else { (flags, stack) };
    (unsafe { syscall(SYS_CLONE, first, second, 0 as c_long, 0 as c_long, 0 as c_long) }) as c_int
}

/// The first process of the namespaces: has the program started, waits for its end, reports.
fn keep(mut start: Start, log: c_int, &[order, stdin, stdout, stderr, report]: &[c_int; 5]) -> ! {
    for number in PASSED_ON {
        unsafe { signal(number, pass_on as extern "C" fn(c_int) as usize) };
    }
    let program = start.program();
    if start.order.is_empty() {
        unsafe { _exit(0) };
    }
    // One that came before there was anybody to take it.
    let early = EARLY.swap(0, Ordering::Relaxed);
    if early != 0 {
        unsafe { kill(-1, early) };
    }
    for stream in [stdin, stdout, stderr] {
        unsafe { close(stream) };
    }
    let mut status = 0;
    loop {
        let ended = unsafe { waitpid(-1, &mut status, 0) };
        if ended == program || ended < 0 {
            break;
        }
    }
    unsafe { kill(-1, SIGKILL) };
    while unsafe { waitpid(-1, null_mut(), 0) } > 0 {}
    let record = match start.failure {
        Some((stage, errno)) => failure(&stage, errno),
        None => end(&Order::read(&start.order), status, log, report).unwrap_or_else(|errno| {
            failure("bring back what the program made", errno)
        }),
    };
    put(report, &record);
    // Until the agent knows all, the end of this process and its namespaces would only be in the way.
    unsafe { close(report) };
    read_order(order);
    set_turn(0, Turn::Idle);
    unsafe { _exit(0) }
}

/// Reports what the program has made. The result is the record of its end; the error is a number, of a file that cannot be
/// brought back.
fn end(order: &Order<'_>, status: c_int, log: c_int, report: c_int) -> Result<Vec<u8>, i32> {
    // What there is may be cut off anywhere.
    let is_full = is_full();
    for root in order.roots.iter().filter(|_| !is_full) {
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

/// The kernel's log from now on; -1 where it cannot be had.
fn kernel_log() -> c_int {
    unsafe {
        let log = open(c"/dev/kmsg".as_ptr(), O_NONBLOCK | O_CLOEXEC);
        lseek(log, 0, SEEK_END);
        log
    }
}

/// Whether the kernel has killed for want of memory since the log was opened.
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

/// The host's files below a layer that can be written, as the root. The error names what could not be mounted.
///
/// Between them are two layers of our own: links in the root, for the directories of a sysroot, with the loader's cache, and
/// what [`crate::hot`] holds. Both are filled while the overlay is mounted, with names that nobody has looked up before in it; a sysroot
/// cannot be a layer itself, since overlayfs refuses one that lies within another.
fn lay_out(slot: u64) -> Result<(), (String, i32)> {
    let need = |done: bool, what: &str| {
        if done { Ok(()) } else { Err((what.to_owned(), last_errno())) }
    };
    need(mounted("none", "/", "", MS_REC | MS_PRIVATE, ""), "make mounts private")?;
    let options = "trans=virtio,version=9p2000.L,msize=262144,cache=loose,access=any";
    need(mounted(&format!("share{slot}"), "/lower", "9p", MS_RDONLY, options), "mount the share")?;
    // The files of programs are in memory, which they may not take from the programs as a whole.
    need(mounted("cell", "/cell", "tmpfs", 0, "mode=755,size=40%"), "mount a tmpfs")?;
    for dir in ["/cell/upper", "/cell/work", "/cell/root", "/cell/links"] {
        need(fs::create_dir(dir).is_ok(), "create a directory")?;
    }
    // For the loader's cache, and there before anybody looks up what is in it.
    need(hot::mirror(Path::new("/lower/etc"), Path::new("/cell/links/etc")), "create a directory")?;
    let options = format!(
        "lowerdir=/cell/links:{}:/lower,upperdir=/cell/upper,workdir=/cell/work,xino=off",
        hot::TREE
    );
    need(mounted("cell", "/cell/root", "overlay", 0, &options), "mount the overlay")?;
    need(mounted("/dev", "/cell/root/dev", "", MS_BIND | MS_REC, ""), "mount /dev")?;
    need(mounted("proc", "/cell/root/proc", "proc", 0, ""), "mount /proc")?;
    need(mounted("/sys", "/cell/root/sys", "", MS_BIND, ""), "mount /sys")?;
    need(mounted("shm", "/cell/root/dev/shm", "tmpfs", 0, "mode=1777,size=40%"), "mount /dev/shm")?;
    Ok(())
}

/// Makes the overlay the root of all mounts here, and this process's working directory.
fn take_root() -> Result<(), (String, i32)> {
    let [root, here, there] = [c("/cell/root"), c("."), c("/")];
    let done = unsafe {
        chdir(root.as_ptr()) == 0 && mount(here.as_ptr(), there.as_ptr(), null(), MS_MOVE, null()) == 0
    };
    if done { Ok(()) } else { Err(("take the root".to_owned(), last_errno())) }
}

