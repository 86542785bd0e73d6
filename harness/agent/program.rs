//! One program's place: namespaces, the file system that it sees, and who watches it.

use std::ffi::{c_int, c_long, OsStr};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

use crate::hot;
use crate::linux::*;
use crate::made::collect;
use crate::start::{Order, Start};
use crate::streams::{close_all, control, hand_over, take_over, word, Streams};
use crate::untouched::Untouched;
use crate::wire::{field, put, Fields};

/// A place in which programs run, one at a time: prepared, running, or being cleared away. Another program runs in it only
/// where the one before has left it as it was.
pub(crate) struct Cell {
    /// Of all places.
    pub(crate) number: u32,
    /// Its share of 9p.
    pub(crate) slot: u64,
    /// The program's number; nothing where it is only prepared.
    pub(crate) id: Option<u32>,
    pub(crate) keeper: c_int,
    /// The way to the keeper; -1 when closed, for which it waits at its end.
    pub(crate) control: c_int,
    /// What is still to be written of the order.
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
    /// The host has counted what its share was asked for when it was ready: before that, no program starts.
    pub(crate) is_counted: bool,
    /// Stands for what was laid over its root for its programs; nothing where none has run.
    dress: Option<u64>,
    /// Whether its program has left it as it was, by what the keeper says.
    pub(crate) is_untouched: Option<bool>,
    /// Whether nothing of the host is remembered in it, by what the host says: no program has asked for anything.
    pub(crate) is_unasked: Option<bool>,
    /// No further program runs in it.
    pub(crate) is_spent: bool,
}

/// The share that an order names, and what is laid over the root for it.
pub(crate) fn slot_and_dress(payload: &[u8]) -> (u64, u64) {
    let mut fields = Fields(payload);
    (fields.number(), fields.number())
}

/// Makes namespaces and a file system for a program that is not known yet; nothing where the system has no more processes or
/// descriptors. Nobody waits for it where it is not `urgent`; one that is takes its program without more ado, and no other.
pub(crate) fn prepare(slot: u64, urgent: bool) -> Option<Cell> {
    let Streams { ours, theirs } = Streams::new()?;
    let Some([control, keepers]) = control() else {
        close_all(&[ours, theirs].concat());
        return None;
    };
    let keeper = clone_into_namespaces();
    if keeper == 0 {
        let [control, stdin, stdout, stderr, report] =
            take_only([keepers, theirs[0], theirs[1], theirs[2], theirs[3]]);
        unsafe { signal(SIGCHLD, SIG_DFL) };
        if !urgent {
            set_turn(0, Turn::Idle);
        }
        let laid = lay_out(slot);
        hot::look_ahead(Path::new("/cell/root"));
        let log = kernel_log();
        let mut untouched = (laid.is_ok() && !urgent).then(Untouched::look).flatten();
        // The root of its mounts, and not only its own: nobody may make a user's namespace from within another root.
        // What this process opens by name is still below it.
        let moved = laid.and_then(|()| take_root());
        if let Some(untouched) = &mut untouched {
            untouched.watch_mounts();
        }
        if !urgent {
            tell(control, word::READY);
        }
        Keeper { start: Start::new(moved, control), control, log, untouched }.keep([stdin, stdout, stderr, report])
    }
    close_all(&theirs);
    close_all(&[keepers]);
    if keeper < 0 {
        close_all(&ours);
        close_all(&[control]);
        return None;
    }
    let [stdout, stderr, report, stdin] = ours;
    static PLACES: AtomicU32 = AtomicU32::new(0);
    Some(Cell {
        number: PLACES.fetch_add(1, Ordering::Relaxed),
        slot,
        id: None,
        keeper,
        control,
        order: Vec::new(),
        from: [stdout, stderr, report],
        stdin,
        pending: Vec::new(),
        ends: false,
        is_over: false,
        is_reaped: false,
        is_counted: urgent,
        dress: None,
        is_untouched: None,
        is_unasked: None,
        is_spent: urgent,
    })
}

impl Cell {
    /// Whether it is, or will be, ready for a program that needs this laid over the root.
    pub(crate) fn suits(&self, dress: u64) -> bool {
        self.id.is_none() && !self.is_over && self.dress.is_none_or(|worn| worn == dress)
    }

    /// Gives it its program, for which it must not wait behind others that are prepared.
    pub(crate) fn take(&mut self, id: u32, order: &[u8]) {
        self.hurry();
        self.id = Some(id);
        self.dress = Some(slot_and_dress(order).1);
        field(&mut self.order, order);
        self.write_order();
    }

    /// Has it made ready, or cleared away, as soon as can be: somebody waits for it.
    pub(crate) fn hurry(&self) {
        set_turn(self.keeper, Turn::Usual);
    }

    /// Writes what the socket takes of the order.
    pub(crate) fn write_order(&mut self) {
        let count = unsafe { write(self.control, self.order.as_ptr().cast(), self.order.len()) };
        if count > 0 {
            self.order.drain(..count as usize);
        } else if std::io::Error::last_os_error().kind() != std::io::ErrorKind::WouldBlock {
            self.order.clear();
        }
    }

    /// Takes what the keeper says. Whether the place has just become ready.
    pub(crate) fn listen(&mut self) -> bool {
        let mut words = [0u8; 8];
        let count = unsafe { read(self.control, words.as_mut_ptr().cast(), words.len()) };
        if count <= 0 {
            // It was killed.
            self.let_go();
            return false;
        }
        for said in &words[..count as usize] {
            match *said {
                word::AS_NEW => self.is_untouched = Some(true),
                word::SPENT => self.is_untouched = Some(false),
                _ => {}
            }
        }
        words[..count as usize].contains(&word::READY)
    }

    /// After a program: makes the place ready for the next one, or lets it go. Nothing where that is not known yet.
    /// Whether it is ready.
    pub(crate) fn go_on(&mut self) -> bool {
        if !self.is_over || self.is_reaped || self.control < 0 {
            return false;
        }
        let is_known_to_be_spent =
            self.is_spent || self.id.is_none() || self.is_untouched == Some(false) || self.is_unasked == Some(false);
        if is_known_to_be_spent {
            self.let_go();
            return false;
        }
        if (self.is_untouched, self.is_unasked) != (Some(true), Some(true)) {
            return false;
        }
        let Some(Streams { ours, theirs }) = Streams::new() else {
            self.let_go();
            return false;
        };
        let handed_over = hand_over(self.control, theirs);
        close_all(&theirs);
        if !handed_over {
            close_all(&ours);
            self.let_go();
            return false;
        }
        close_all(&[self.stdin]);
        let [stdout, stderr, report, stdin] = ours;
        (self.from, self.stdin) = ([stdout, stderr, report], stdin);
        (self.id, self.is_over, self.ends) = (None, false, false);
        (self.is_untouched, self.is_unasked) = (None, None);
        self.pending.clear();
        true
    }

    /// Ends it before it has a program. It takes no order any more; the next one for its slot waits until it is gone.
    pub(crate) fn give_up(&mut self) {
        unsafe { kill(self.keeper, SIGKILL) };
        self.is_over = true;
    }

    /// Lets the keeper go, and its namespaces with it.
    fn let_go(&mut self) {
        self.order.clear();
        close_all(&[self.control]);
        self.control = -1;
    }

    /// Closes what is open.
    pub(crate) fn clear(&self) {
        close_all(&self.from);
        close_all(&[self.stdin, self.control]);
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

fn clone_into_namespaces() -> c_int {
    let (flags, stack) = (PLACE_NAMESPACES | SIGCHLD as c_long, 0 as c_long);
    // s390x has the two the other way round.
    let (first, second) = if cfg!(target_arch = "s390x") { (stack, flags) } else { (flags, stack) };
    (unsafe { syscall(SYS_CLONE, first, second, 0 as c_long, 0 as c_long, 0 as c_long) }) as c_int
}

/// The first process of the namespaces: has programs started, waits for their ends, reports.
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
        for number in PASSED_ON {
            unsafe { signal(number, pass_on as extern "C" fn(c_int) as usize) };
        }
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
        EARLY.store(0, Ordering::Relaxed);
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
        self.start.failure.is_none()
    }
}

fn tell(control: c_int, word: u8) {
    put(control, &[word]);
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

/// The host's files below a layer that can be written, as the root. The error names what could not be mounted.
///
/// Between them are two layers of our own: links in the root, for the directories of a sysroot, with the loader's cache, and
/// what [`crate::hot`] holds. Both are filled while the overlay is mounted, with names that nobody has looked up before in it; a sysroot
/// cannot be a layer itself, since overlayfs refuses one that lies within another.
fn lay_out(slot: u64) -> Result<(), (String, i32)> {
    let need = |done: bool, what: &str| {
        if done { Ok(()) } else { Err((what.to_owned(), last_errno())) }
    };
    let options = "trans=virtio,version=9p2000.L,msize=262144,cache=loose,access=any";
    need(mounted(&format!("share{slot}"), "/lower", "9p", MS_RDONLY, options), "mount the share")?;
    // The files of programs are in memory, which they may not take from the programs as a whole.
    need(mounted("cell", "/cell", "tmpfs", 0, "mode=755,size=40%"), "mount a tmpfs")?;
    for dir in ["/cell/upper", "/cell/work", "/cell/root", "/cell/links"] {
        need(fs::create_dir(dir).is_ok(), "create a directory")?;
    }
    // For the loader's cache, and there before anybody looks up what is in it.
    need(hot::mirror_etc(Path::new("/cell/links/etc")), "create a directory")?;
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

