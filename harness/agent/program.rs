//! One program: namespaces, the file system that it sees, its start, and what it has changed.

use std::ffi::{c_char, c_int, c_long, CString};
use std::fs;
use std::io::Read as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicI32, Ordering};

use crate::hot;
use crate::linux::*;
use crate::wire::{field, put, Fields};

/// A place in which one program runs: prepared, running, or being cleared away.
pub(crate) struct Cell {
    /// Its share of 9p.
    pub(crate) slot: u64,
    /// The program's number; nothing where it is only prepared.
    pub(crate) id: Option<u32>,
    pub(crate) keeper: c_int,
    /// Where the order goes, and what of it is still to be written; -1 when closed.
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

/// The largest file that is brought back: one that has holes may seem larger than everything else.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// What is to be run.
struct Order<'a> {
    piped: bool,
    umask: u32,
    user: u32,
    group: u32,
    groups: Vec<u32>,
    /// Numbers of limits, with what holds and what may.
    limits: Vec<(u32, [u64; 2])>,
    /// A bit for each signal that is ignored, the first for signal 1.
    ignored: u64,
    cwd: &'a [u8],
    /// Names in the root, and where they lead.
    links: Vec<&'a [u8]>,
    roots: Vec<&'a [u8]>,
    program: &'a [u8],
    argv: Vec<&'a [u8]>,
    env: Vec<&'a [u8]>,
}

/// The share that an order names.
pub(crate) fn slot(payload: &[u8]) -> u64 {
    Fields(payload).number()
}

impl<'a> Order<'a> {
    fn read(payload: &'a [u8]) -> Self {
        let mut fields = Fields(payload);
        fields.number();
        Self {
            piped: fields.number() != 0,
            umask: fields.number() as u32,
            user: fields.number() as u32,
            group: fields.number() as u32,
            groups: (0..fields.number()).map(|_| fields.number() as u32).collect(),
            limits: (0..fields.number()).map(|_| (fields.number() as u32, [fields.number(), fields.number()])).collect(),
            ignored: fields.number(),
            cwd: fields.bytes(),
            links: fields.list(),
            roots: fields.list(),
            program: fields.bytes(),
            argv: fields.list(),
            env: fields.list(),
        }
    }
}

/// Makes namespaces and a file system for a program that is not known yet; nothing where the system has no more processes or
/// descriptors. Nobody waits for it where it is not `urgent`.
pub(crate) fn prepare(slot: u64, urgent: bool) -> Option<Cell> {
    let [stdout, stderr, report, stdin, order] = [pipe()?, pipe()?, pipe()?, pipe()?, pipe()?];
    let keeper = clone_into_namespaces();
    if keeper == 0 {
        let ours = take_only([order[0], stdin[0], stdout[1], stderr[1], report[1]]);
        unsafe { signal(SIGCHLD, 0) };
        if !urgent {
            unsafe { setpriority(0, 0, 19) };
        }
        let laid = lay_out(slot);
        hot::look_ahead(Path::new("/cell/root"));
        let killed_before = oom_kills();
        // The root of its mounts, and not only its own: nobody may make a user's namespace from within another root.
        // What this process opens by name is still below it.
        let moved = laid.and_then(|()| take_root());
        let payload = read_all(ours[0]);
        if payload.is_empty() {
            unsafe { _exit(0) };
        }
        unsafe { setpriority(0, 0, 0) };
        keep(&Order::read(&payload), moved, killed_before, [ours[1], ours[2], ours[3]], ours[4]);
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
    /// Gives it its program.
    pub(crate) fn take(&mut self, id: u32, order: Vec<u8>) {
        self.id = Some(id);
        self.order = order;
        self.write_order();
    }

    /// Writes what the pipe takes of the order.
    pub(crate) fn write_order(&mut self) {
        let count = unsafe { write(self.order_to, self.order.as_ptr().cast(), self.order.len()) };
        if count > 0 {
            self.order.drain(..count as usize);
        } else if std::io::Error::last_os_error().kind() != std::io::ErrorKind::WouldBlock {
            self.order.clear();
        }
        if self.order.is_empty() {
            unsafe { close(self.order_to) };
            self.order_to = -1;
        }
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
        if syscall(SYS_CLOSE_RANGE, 3 as c_long, (FIRST - 1) as c_long, 0 as c_long) != 0 {
            for fd in 3..FIRST {
                close(fd);
            }
        }
        // The agent has far fewer than this.
        for fd in last + 1..last + 8 {
            close(fd);
        }
    }
    kept
}

fn read_all(fd: c_int) -> Vec<u8> {
    let (mut all, mut buffer) = (Vec::new(), [0u8; 4096]);
    loop {
        let count = unsafe { read(fd, buffer.as_mut_ptr().cast(), buffer.len()) };
        if count <= 0 {
            unsafe { close(fd) };
            return all;
        }
        all.extend_from_slice(&buffer[..count as usize]);
    }
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

/// The first process of the namespaces, once it has its order: starts the program, reports.
fn keep(
    order: &Order<'_>,
    laid: Result<(), (String, i32)>,
    killed_before: u64,
    streams: [c_int; 3],
    report: c_int,
) -> ! {
    let failed = |stage: &str| -> ! {
        let error = std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
        report_failure(report, stage, error)
    };
    if let Err((stage, errno)) = laid {
        report_failure(report, &stage, errno);
    }
    for pair in order.links.chunks_exact(2) {
        let at = Path::new("/cell/links").join(std::ffi::OsStr::from_bytes(pair[0]));
        if std::os::unix::fs::symlink(std::ffi::OsStr::from_bytes(pair[1]), at).is_err() {
            failed("lay the sysroot over the root");
        }
    }
    let Some(exec) = pipe() else { failed("pipe") };
    for number in PASSED_ON {
        unsafe { signal(number, pass_on as extern "C" fn(c_int) as usize) };
    }
    let program = unsafe { fork() };
    if program < 0 {
        failed("fork");
    }
    if program == 0 {
        for number in PASSED_ON {
            unsafe { signal(number, 0) };
        }
        unsafe { close(exec[0]) };
        become_program(order, streams, exec[1]);
    }
    // One that came before there was anybody to take it.
    let early = EARLY.swap(0, Ordering::Relaxed);
    if early != 0 {
        unsafe { kill(-1, early) };
    }
    unsafe { close(exec[1]) };
    for stream in streams {
        unsafe { close(stream) };
    }
    let mut failure = [0u8; 5];
    let count = unsafe { read(exec[0], failure.as_mut_ptr().cast(), 5) };
    let mut status = 0;
    loop {
        let ended = unsafe { waitpid(-1, &mut status, 0) };
        if ended == program || ended < 0 {
            break;
        }
    }
    unsafe { kill(-1, SIGKILL) };
    while unsafe { waitpid(-1, null_mut(), 0) } > 0 {}
    if count == 5 {
        let stage = if failure[0] == b'd' { "enter the directory" } else { "execute" };
        report_failure(report, stage, i32::from_le_bytes([failure[1], failure[2], failure[3], failure[4]]));
    }
    // What there is may be cut off anywhere.
    let is_full = is_full();
    for root in order.roots.iter().filter(|_| !is_full) {
        collect(report, Path::new(std::ffi::OsStr::from_bytes(root)));
    }
    let was_killed = status & 0x7f == SIGKILL;
    let oom = u8::from(was_killed && oom_kills() > killed_before);
    let (kind, code) = if status & 0x7f == 0 { (0, status >> 8 & 0xff) } else { (1, status & 0x7f) };
    let mut record = vec![b'x', kind, oom, u8::from(is_full)];
    record.extend_from_slice(&code.to_le_bytes());
    put(report, &record);
    unsafe { _exit(0) }
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

fn report_failure(report: c_int, stage: &str, errno: i32) -> ! {
    let mut record = vec![b'f'];
    record.extend_from_slice(&errno.to_le_bytes());
    field(&mut record, stage.as_bytes());
    put(report, &record);
    unsafe { _exit(1) }
}

/// How often the kernel has killed for want of memory.
fn oom_kills() -> u64 {
    let text = fs::read_to_string("/proc/vmstat").unwrap_or_default();
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.parse().ok()).unwrap_or(0)
}

/// The host's files below a layer that can be written, as the root. The error names what could not be mounted.
///
/// Between them are two layers of our own: links in the root, for the directories of a sysroot, and what [`crate::hot`]
/// holds. Both are filled while the overlay is mounted, with names that nobody has looked up before in it; a sysroot
/// cannot be a layer itself, since overlayfs refuses one that lies within another.
fn lay_out(slot: u64) -> Result<(), (String, i32)> {
    let need = |done: bool, what: &str| {
        let errno = || std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
        if done { Ok(()) } else { Err((what.to_owned(), errno())) }
    };
    need(mounted("none", "/", "", MS_REC | MS_PRIVATE, ""), "make mounts private")?;
    let options = "trans=virtio,version=9p2000.L,msize=262144,cache=loose,access=any";
    need(mounted(&format!("share{slot}"), "/lower", "9p", MS_RDONLY, options), "mount the share")?;
    // The files of programs are in memory, which they may not take from the programs as a whole.
    need(mounted("cell", "/cell", "tmpfs", 0, "mode=755,size=40%"), "mount a tmpfs")?;
    for dir in ["/cell/upper", "/cell/work", "/cell/root", "/cell/links"] {
        need(fs::create_dir(dir).is_ok(), "create a directory")?;
    }
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
    let errno = || std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
    if done { Ok(()) } else { Err(("take the root".to_owned(), errno())) }
}

fn become_program(order: &Order<'_>, streams: [c_int; 3], exec: c_int) -> ! {
    let failed = |stage: u8| -> ! {
        let errno = std::io::Error::last_os_error().raw_os_error().unwrap_or(0).to_le_bytes();
        put(exec, &[stage, errno[0], errno[1], errno[2], errno[3]]);
        unsafe { _exit(127) }
    };
    let _ = fs::write("/proc/self/oom_score_adj", "0");
    let [cwd, program] = [c(order.cwd), c(order.program)];
    let argv: Vec<CString> = order.argv.iter().map(|word| c(*word)).collect();
    let env: Vec<CString> = order.env.iter().map(|word| c(*word)).collect();
    unsafe {
        if chroot(c".".as_ptr()) != 0 || chdir(cwd.as_ptr()) != 0 {
            failed(b'd');
        }
        let null = open(c"/dev/null".as_ptr(), O_RDWR | O_CLOEXEC);
        dup2(if order.piped { streams[0] } else { null }, 0);
        dup2(streams[1], 1);
        dup2(streams[2], 2);
        for number in 1..=31 {
            signal(number, usize::from(order.ignored >> (number - 1) & 1 == 1));
        }
        setsid();
        umask(order.umask);
        for (resource, limit) in &order.limits {
            // One beyond what this kernel allows at most leaves that.
            let _ = limited(*resource, *limit);
        }
        if setgroups(order.groups.len(), order.groups.as_ptr()) != 0 || setgid(order.group) != 0 || setuid(order.user) != 0 {
            failed(b'd');
        }
        execve(program.as_ptr(), pointers(&argv).as_ptr(), pointers(&env).as_ptr());
    }
    failed(b'x')
}

/// Sets a limit of this process; descriptors beyond the kernel's own limit are that many.
fn limited(resource: u32, [current, maximum]: [u64; 2]) -> bool {
    let most = match resource {
        RLIMIT_NOFILE => NOFILE_MAX,
        _ => u64::MAX,
    };
    let limit = [current.min(most), maximum.min(most)];
    unsafe { prlimit64(0, resource, limit.as_ptr(), null_mut()) == 0 }
}

fn pointers(words: &[CString]) -> Vec<*const c_char> {
    words.iter().map(|word| word.as_ptr()).chain([null()]).collect()
}

/// Whether a directory took the place of one that the host has.
fn is_made_anew(upper: &Path, path: &Path) -> bool {
    let (upper, mut value) = (c(upper.as_os_str().as_bytes()), [0u8; 1]);
    let name = c"trusted.overlay.opaque".as_ptr();
    let count = unsafe { getxattr(upper.as_ptr(), name, value.as_mut_ptr().cast(), 1) };
    // Every new directory says that it is opaque.
    count == 1 && value == *b"y" && Path::new("/lower").join(path.strip_prefix("/").unwrap_or(path)).is_dir()
}

/// Reports what was changed below `root`: files and directories that were made, and what was removed.
fn collect(report: c_int, root: &Path) {
    let upper = Path::new("/cell/upper").join(root.strip_prefix("/").unwrap_or(root));
    let mut pending = vec![PathBuf::new()];
    while let Some(below) = pending.pop() {
        for entry in fs::read_dir(upper.join(&below)).into_iter().flatten().flatten() {
            let below = below.join(entry.file_name());
            let Ok(about) = entry.path().symlink_metadata() else { continue };
            let kind = about.file_type();
            let (word, data) = if kind.is_dir() {
                pending.push(below.clone());
                (if is_made_anew(&entry.path(), &root.join(&below)) { b'o' } else { b'd' }, Vec::new())
            } else if kind.is_symlink() {
                let to = fs::read_link(entry.path()).unwrap_or_default();
                (b'l', to.into_os_string().into_vec())
            } else if kind.is_file() {
                // An empty file in its place would be taken for what the program made.
                if let Err(errno) = report_file(report, &entry.path(), &about, &root.join(below)) {
                    report_failure(report, "bring back what the program made", errno);
                }
                continue;
            } else if kind.is_char_device() && about.rdev() == 0 {
                (b'w', Vec::new())
            } else {
                continue;
            };
            let mut record = vec![b'c', word];
            record.extend_from_slice(&about.mode().to_le_bytes());
            field(&mut record, root.join(below).as_os_str().as_bytes());
            field(&mut record, &data);
            put(report, &record);
        }
    }
}

/// Reports a file that was made, piece by piece: it may be as large as all that is free. The error is a number, and says that
/// nothing is reported yet.
fn report_file(report: c_int, file: &Path, about: &fs::Metadata, name: &Path) -> Result<(), i32> {
    const EFBIG: i32 = 27;
    if about.size() > FILE_BYTES_MAX {
        return Err(EFBIG);
    }
    let mut source = fs::File::open(file).map_err(|error| error.raw_os_error().unwrap_or(0))?;
    let mut record = vec![b'c', b'r'];
    record.extend_from_slice(&about.mode().to_le_bytes());
    field(&mut record, name.as_os_str().as_bytes());
    record.extend_from_slice(&about.size().to_le_bytes());
    put(report, &record);
    let (mut left, mut buffer) = (about.size(), [0; 64 * 1024]);
    while left > 0 {
        let most = buffer.len().min(left as usize);
        match source.read(&mut buffer[..most]) {
            // Nobody is left who could have made it shorter. A report that breaks off is none.
            Ok(0) | Err(_) => unsafe { _exit(1) },
            Ok(count) => {
                put(report, &buffer[..count]);
                left -= count as u64;
            }
        }
    }
    Ok(())
}
