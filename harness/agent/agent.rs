//! The first process of a guest system: takes programs from the host over a virtio port, runs each in namespaces of its
//! own on an overlay above the host's files, and says what became of it.
//!
//! It is compiled by `triplecheck setup --vm` for each machine, by plain rustc, as a static program without any crate; for
//! this reason system calls are declared by hand. It must never decide what an end means: it reports. What is
//! surprising:
//! - The program is not the first process of its namespace, because the kernel ignores signals for that one: `abort`
//!   would not end it. The *keeper* is, and when it ends the kernel ends all that the program left behind.
//! - A share of 9p is mounted anew for each program: a mount that stays shows yesterday's files (`cache=loose`). One
//!   device can be mounted once at a time, so that there is one for each slot.
//! - All numbers are little-endian, whatever the machine.

use std::ffi::{c_char, c_int, c_long, c_short, c_ulong, c_void, CString};
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::ptr::{null, null_mut};

#[repr(C)]
#[derive(Clone, Copy)]
struct PollFd {
    fd: c_int,
    events: c_short,
    revents: c_short,
}

#[repr(C)]
struct TimeSpec {
    seconds: i64,
    nanoseconds: i64,
}

extern "C" {
    fn mount(from: *const c_char, to: *const c_char, kind: *const c_char, flags: c_ulong, data: *const c_void) -> c_int;
    fn chroot(path: *const c_char) -> c_int;
    fn chdir(path: *const c_char) -> c_int;
    fn fork() -> c_int;
    fn execve(path: *const c_char, argv: *const *const c_char, env: *const *const c_char) -> c_int;
    fn waitpid(pid: c_int, status: *mut c_int, options: c_int) -> c_int;
    fn pipe2(fds: *mut c_int, flags: c_int) -> c_int;
    fn poll(fds: *mut PollFd, count: c_ulong, timeout_ms: c_int) -> c_int;
    fn open(path: *const c_char, flags: c_int, ...) -> c_int;
    fn read(fd: c_int, buffer: *mut c_void, count: usize) -> isize;
    fn write(fd: c_int, buffer: *const c_void, count: usize) -> isize;
    fn close(fd: c_int) -> c_int;
    fn dup2(from: c_int, to: c_int) -> c_int;
    fn fcntl(fd: c_int, command: c_int, ...) -> c_int;
    fn kill(pid: c_int, signal: c_int) -> c_int;
    fn reboot(how: c_int) -> c_int;
    fn syscall(number: c_long, ...) -> c_long;
    fn clock_settime(clock: c_int, time: *const TimeSpec) -> c_int;
    fn ioctl(fd: c_int, request: c_ulong, ...) -> c_int;
    fn socket(domain: c_int, kind: c_int, protocol: c_int) -> c_int;
    fn signal(number: c_int, handler: usize) -> usize;
    fn umask(mask: u32) -> u32;
    fn setgroups(count: usize, groups: *const u32) -> c_int;
    fn setgid(group: u32) -> c_int;
    fn setuid(user: u32) -> c_int;
    fn setsid() -> c_int;
    fn _exit(status: c_int) -> !;
}

const MS_RDONLY: c_ulong = 1;
const MS_BIND: c_ulong = 4096;
const MS_REC: c_ulong = 16384;
const MS_PRIVATE: c_ulong = 1 << 18;
const O_RDWR: c_int = 2;
const O_WRONLY: c_int = 1;
const O_NONBLOCK: c_int = 0o4000;
const O_CLOEXEC: c_int = 0o2_000_000;
const POLLIN: c_short = 1;
const POLLOUT: c_short = 4;
const F_SETFL: c_int = 4;
const SIGKILL: c_int = 9;
const SIGPIPE: c_int = 13;
const NEW_NAMESPACES: c_long = 0x0002_0000 | 0x2000_0000 | 0x0800_0000;
const SIGCHLD: c_long = 17;

#[cfg(target_arch = "x86_64")]
const SYS_CLONE: c_long = 56;
#[cfg(target_arch = "x86_64")]
const SYS_FINIT_MODULE: c_long = 313;
#[cfg(any(target_arch = "aarch64", target_arch = "riscv64"))]
const SYS_CLONE: c_long = 220;
#[cfg(any(target_arch = "aarch64", target_arch = "riscv64"))]
const SYS_FINIT_MODULE: c_long = 273;
#[cfg(target_arch = "s390x")]
const SYS_CLONE: c_long = 120;
#[cfg(target_arch = "s390x")]
const SYS_FINIT_MODULE: c_long = 344;

/// How often the port is looked for before the machine gives up; it is there after a few milliseconds.
const PORT_LOOKS_MAX: usize = 2000;

/// The most of a frame's payload, and of what is read at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// One program that runs.
struct Cell {
    id: u32,
    keeper: c_int,
    /// Standard output, standard error and the keeper's report; -1 when closed.
    from: [c_int; 3],
    /// Standard input; -1 when closed.
    stdin: c_int,
    pending: Vec<u8>,
    ends: bool,
}

fn main() {
    boot();
    let port = find_port();
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    send(port, 0, b'H', release.trim().as_bytes());
    serve(port);
}

fn boot() {
    let _ = fs::create_dir_all("/lower");
    let _ = fs::create_dir_all("/cell");
    mounted("dev", "/dev", "devtmpfs", 0, "");
    mounted("proc", "/proc", "proc", 0, "");
    mounted("sys", "/sys", "sysfs", 0, "");
    let _ = fs::create_dir_all("/dev/pts");
    let _ = fs::create_dir_all("/dev/shm");
    mounted("pts", "/dev/pts", "devpts", 0, "ptmxmode=0666");
    for (link, to) in [("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")] {
        let _ = std::os::unix::fs::symlink(to, format!("/dev/{link}"));
    }
    let _ = fs::write("/proc/self/oom_score_adj", "-1000");
    // A fault in the kernel is the end: what runs afterwards shows nothing of the program.
    let _ = fs::write("/proc/sys/kernel/panic_on_oops", "1");
    for name in fs::read_to_string("/modules/order").unwrap_or_default().lines() {
        let path = c(format!("/modules/{name}"));
        unsafe {
            let file = open(path.as_ptr(), O_CLOEXEC);
            if syscall(SYS_FINIT_MODULE, file as c_long, c"".as_ptr(), 0 as c_long) != 0 {
                println!("triplecheck: module {name}: {}", std::io::Error::last_os_error());
            }
            close(file);
        }
    }
    loopback_up();
    unsafe { signal(SIGPIPE, 1) };
}

/// `lo` up, as programs expect it.
fn loopback_up() {
    let mut request = [0u8; 40];
    request[..2].copy_from_slice(b"lo");
    request[16..18].copy_from_slice(&1u16.to_ne_bytes());
    unsafe {
        let socket = socket(2, 2, 0);
        ioctl(socket, 0x8914, request.as_ptr());
        close(socket);
    }
}

fn find_port() -> c_int {
    for _ in 0..PORT_LOOKS_MAX {
        for entry in fs::read_dir("/sys/class/virtio-ports").into_iter().flatten().flatten() {
            let name = fs::read_to_string(entry.path().join("name")).unwrap_or_default();
            if name.trim() == "triplecheck.0" {
                let path = c(Path::new("/dev").join(entry.file_name()).into_os_string().into_vec());
                let port = unsafe { open(path.as_ptr(), O_RDWR | O_CLOEXEC) };
                if port >= 0 {
                    return port;
                }
            }
        }
        unsafe { poll(null_mut(), 0, 5) };
    }
    println!("triplecheck: no port to the host");
    power_off()
}

fn power_off() -> ! {
    unsafe {
        reboot(0x4321_fedc);
        _exit(1)
    }
}

/// Takes frames and passes on what programs print, until the host is gone.
fn serve(port: c_int) -> ! {
    let mut cells: Vec<Cell> = Vec::new();
    let mut input: Vec<u8> = Vec::new();
    let mut buffer = vec![0u8; CHUNK_BYTES];
    loop {
        let mut fds = vec![PollFd { fd: port, events: POLLIN, revents: 0 }];
        for cell in &cells {
            fds.extend(cell.from.iter().map(|&fd| PollFd { fd, events: POLLIN, revents: 0 }));
            let waits = !cell.pending.is_empty() || cell.ends;
            fds.push(PollFd { fd: if waits { cell.stdin } else { -1 }, events: POLLOUT, revents: 0 });
        }
        unsafe { poll(fds.as_mut_ptr(), fds.len() as c_ulong, -1) };
        for (cell, fds) in cells.iter_mut().zip(fds[1..].chunks(4)) {
            for stream in 0..3 {
                if fds[stream].revents != 0 {
                    pass_on(port, cell, stream, &mut buffer);
                }
            }
            if fds[3].revents != 0 {
                feed(port, cell);
            }
        }
        cells.retain(|cell| {
            let over = cell.from == [-1; 3];
            if over {
                unsafe { close(cell.stdin) };
                unsafe { waitpid(cell.keeper, null_mut(), 0) };
                send(port, cell.id, b'X', &[]);
            }
            !over
        });
        while unsafe { waitpid(-1, null_mut(), 1) } > 0 {}
        if fds[0].revents != 0 {
            let count = unsafe { read(port, buffer.as_mut_ptr().cast(), buffer.len()) };
            if count <= 0 {
                power_off();
            }
            input.extend_from_slice(&buffer[..count as usize]);
            while let Some((id, kind, payload)) = take_frame(&mut input) {
                act(port, &mut cells, id, kind, payload);
            }
        }
    }
}

fn pass_on(port: c_int, cell: &mut Cell, stream: usize, buffer: &mut [u8]) {
    let count = unsafe { read(cell.from[stream], buffer.as_mut_ptr().cast(), buffer.len()) };
    if count > 0 {
        send(port, cell.id, [b'O', b'E', b'R'][stream], &buffer[..count as usize]);
    } else {
        unsafe { close(cell.from[stream]) };
        cell.from[stream] = -1;
    }
}

/// Writes waiting input; asks for more when all of it is written.
fn feed(port: c_int, cell: &mut Cell) {
    if !cell.pending.is_empty() {
        let count = unsafe { write(cell.stdin, cell.pending.as_ptr().cast(), cell.pending.len()) };
        if count > 0 {
            cell.pending.drain(..count as usize);
            if cell.pending.is_empty() {
                send(port, cell.id, b'I', &[]);
            }
        } else if std::io::Error::last_os_error().kind() != std::io::ErrorKind::WouldBlock {
            cell.pending.clear();
            cell.ends = true;
        }
    }
    if cell.pending.is_empty() && cell.ends {
        unsafe { close(cell.stdin) };
        cell.stdin = -1;
        cell.ends = false;
    }
}

fn act(port: c_int, cells: &mut Vec<Cell>, id: u32, kind: u8, payload: Vec<u8>) {
    let position = cells.iter().position(|cell| cell.id == id);
    match (kind, position) {
        (b'T', _) => settle(&payload),
        (b'Q', _) => power_off(),
        (b'R', None) => match start(id, &payload) {
            Some(cell) => cells.push(cell),
            None => send(port, id, b'X', &[]),
        },
        (b'I', Some(position)) => {
            let cell = &mut cells[position];
            if payload.is_empty() {
                cell.ends = true;
            } else if cell.stdin >= 0 {
                cell.pending.extend(payload);
            }
        }
        (b'K', Some(position)) => {
            unsafe { kill(cells[position].keeper, SIGKILL) };
        }
        // What is over already, or never began.
        (b'K', None) => send(port, id, b'X', &[]),
        _ => {}
    }
}

/// Sets the clock to the host's and fills the pool of random numbers: a restored system has neither of its own.
fn settle(payload: &[u8]) {
    let mut fields = Fields(payload);
    let seconds = fields.number() as i64;
    let nanoseconds = fields.number() as i64;
    let entropy = fields.bytes();
    unsafe { clock_settime(0, &TimeSpec { seconds, nanoseconds }) };
    let mut pool = Vec::new();
    pool.extend_from_slice(&(entropy.len() as i32 * 8).to_ne_bytes());
    pool.extend_from_slice(&(entropy.len() as i32).to_ne_bytes());
    pool.extend_from_slice(entropy);
    unsafe {
        let device = open(c"/dev/urandom".as_ptr(), O_WRONLY | O_CLOEXEC);
        ioctl(device, 0x4008_5203, pool.as_ptr());
        ioctl(device, 0x5207);
        close(device);
    }
}

/// What is to be run.
struct Order<'a> {
    slot: u64,
    piped: bool,
    umask: u32,
    user: u32,
    group: u32,
    cwd: &'a [u8],
    sysroots: Vec<&'a [u8]>,
    roots: Vec<&'a [u8]>,
    program: &'a [u8],
    argv: Vec<&'a [u8]>,
    env: Vec<&'a [u8]>,
}

impl<'a> Order<'a> {
    fn read(payload: &'a [u8]) -> Self {
        let mut fields = Fields(payload);
        Self {
            slot: fields.number(),
            piped: fields.number() != 0,
            umask: fields.number() as u32,
            user: fields.number() as u32,
            group: fields.number() as u32,
            cwd: fields.bytes(),
            sysroots: fields.list(),
            roots: fields.list(),
            program: fields.bytes(),
            argv: fields.list(),
            env: fields.list(),
        }
    }
}

fn start(id: u32, payload: &[u8]) -> Option<Cell> {
    let [stdout, stderr, report, stdin] = [pipe()?, pipe()?, pipe()?, pipe()?];
    let keeper = clone_into_namespaces();
    if keeper < 0 {
        return None;
    }
    if keeper == 0 {
        unsafe { close(stdin[1]) };
        keep(&Order::read(payload), [stdin[0], stdout[1], stderr[1]], report[1]);
    }
    unsafe {
        for end in [stdout[1], stderr[1], report[1], stdin[0]] {
            close(end);
        }
        fcntl(stdin[1], F_SETFL, O_NONBLOCK);
    }
    Some(Cell { id, keeper, from: [stdout[0], stderr[0], report[0]], stdin: stdin[1], pending: Vec::new(), ends: false })
}

fn pipe() -> Option<[c_int; 2]> {
    let mut ends = [-1; 2];
    (unsafe { pipe2(ends.as_mut_ptr(), O_CLOEXEC) } == 0).then_some(ends)
}

fn clone_into_namespaces() -> c_int {
    let (flags, stack) = (NEW_NAMESPACES | SIGCHLD, 0 as c_long);
    // s390x has the two the other way round.
    let (first, second) = if cfg!(target_arch = "s390x") { (stack, flags) } else { (flags, stack) };
    (unsafe { syscall(SYS_CLONE, first, second, 0 as c_long, 0 as c_long, 0 as c_long) }) as c_int
}

/// The first process of the namespaces: lays out the file system, starts the program, reports.
fn keep(order: &Order<'_>, streams: [c_int; 3], report: c_int) -> ! {
    let failed = |stage: &str| -> ! {
        let error = std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
        report_failure(report, stage, error)
    };
    if let Err(stage) = lay_out(order) {
        failed(&stage);
    }
    let Some(exec) = pipe() else { failed("pipe") };
    let killed_before = oom_kills();
    let program = unsafe { fork() };
    if program < 0 {
        failed("fork");
    }
    if program == 0 {
        unsafe { close(exec[0]) };
        become_program(order, streams, exec[1]);
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
    for root in &order.roots {
        collect(report, Path::new(std::ffi::OsStr::from_bytes(root)));
    }
    let oom = u8::from(oom_kills() > killed_before);
    let (kind, code) = if status & 0x7f == 0 { (0, status >> 8 & 0xff) } else { (1, status & 0x7f) };
    let mut record = vec![b'x', kind, oom];
    record.extend_from_slice(&code.to_le_bytes());
    put(report, &record);
    unsafe { _exit(0) }
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
fn lay_out(order: &Order<'_>) -> Result<(), String> {
    let need = |done: bool, what: &str| if done { Ok(()) } else { Err(what.to_owned()) };
    need(mounted("none", "/", "", MS_REC | MS_PRIVATE, ""), "make mounts private")?;
    let share = format!("share{}", order.slot);
    let options = "trans=virtio,version=9p2000.L,msize=262144,cache=loose,access=any";
    need(mounted(&share, "/lower", "9p", MS_RDONLY, options), "mount the share")?;
    need(mounted("cell", "/cell", "tmpfs", 0, "mode=755"), "mount a tmpfs")?;
    for dir in ["/cell/upper", "/cell/work", "/cell/root"] {
        need(fs::create_dir(dir).is_ok(), "create a directory")?;
    }
    for sysroot in &order.sysroots {
        lay_over(Path::new(std::ffi::OsStr::from_bytes(sysroot)));
    }
    let options = "lowerdir=/lower,upperdir=/cell/upper,workdir=/cell/work,xino=off";
    need(mounted("cell", "/cell/root", "overlay", 0, options), "mount the overlay")?;
    need(mounted("/dev", "/cell/root/dev", "", MS_BIND | MS_REC, ""), "mount /dev")?;
    need(mounted("proc", "/cell/root/proc", "proc", 0, ""), "mount /proc")?;
    need(mounted("/sys", "/cell/root/sys", "", MS_BIND, ""), "mount /sys")?;
    need(mounted("shm", "/cell/root/dev/shm", "tmpfs", 0, "mode=1777"), "mount /dev/shm")?;
    Ok(())
}

/// Links to the directories of libraries of a sysroot, in the place of the host's: a layer of its own it cannot be, since
/// overlayfs refuses a layer that lies within another.
fn lay_over(sysroot: &Path) {
    let below = sysroot.strip_prefix("/").unwrap_or(sysroot);
    for entry in fs::read_dir(Path::new("/lower").join(below)).into_iter().flatten().flatten() {
        let name = entry.file_name();
        // A link from `/usr` into itself would lead nowhere.
        if name.as_bytes().starts_with(b"lib") || (name == "usr" && !sysroot.starts_with("/usr")) {
            let _ = std::os::unix::fs::symlink(sysroot.join(&name), Path::new("/cell/upper").join(&name));
        }
    }
}

fn become_program(order: &Order<'_>, streams: [c_int; 3], exec: c_int) -> ! {
    let failed = |stage: u8| -> ! {
        let errno = std::io::Error::last_os_error().raw_os_error().unwrap_or(0).to_le_bytes();
        put(exec, &[stage, errno[0], errno[1], errno[2], errno[3]]);
        unsafe { _exit(127) }
    };
    let _ = fs::write("/proc/self/oom_score_adj", "0");
    let root = c("/cell/root");
    let [cwd, program] = [c(order.cwd), c(order.program)];
    let argv: Vec<CString> = order.argv.iter().map(|word| c(*word)).collect();
    let env: Vec<CString> = order.env.iter().map(|word| c(*word)).collect();
    unsafe {
        if chroot(root.as_ptr()) != 0 || chdir(cwd.as_ptr()) != 0 {
            failed(b'd');
        }
        let null = open(c"/dev/null".as_ptr(), O_RDWR | O_CLOEXEC);
        dup2(if order.piped { streams[0] } else { null }, 0);
        dup2(streams[1], 1);
        dup2(streams[2], 2);
        signal(SIGPIPE, 0);
        setsid();
        umask(order.umask);
        if setgroups(0, null_mut()) != 0 || setgid(order.group) != 0 || setuid(order.user) != 0 {
            failed(b'd');
        }
        execve(program.as_ptr(), pointers(&argv).as_ptr(), pointers(&env).as_ptr());
    }
    failed(b'x')
}

fn pointers(words: &[CString]) -> Vec<*const c_char> {
    words.iter().map(|word| word.as_ptr()).chain([null()]).collect()
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
                (b'd', Vec::new())
            } else if kind.is_symlink() {
                let to = fs::read_link(entry.path()).unwrap_or_default();
                (b'l', to.into_os_string().into_vec())
            } else if kind.is_file() {
                (b'r', fs::read(entry.path()).unwrap_or_default())
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

/// Mounts; says why not on the console.
fn mounted(from: &str, to: &str, kind: &str, flags: c_ulong, options: &str) -> bool {
    let [from_c, to_c, kind_c, options_c] = [c(from), c(to), c(kind), c(options)];
    unsafe { mount(from_c.as_ptr(), to_c.as_ptr(), kind_c.as_ptr(), flags, options_c.as_ptr().cast()) == 0 }
}

/// Strings come from frames and from the file system; what follows a zero byte is no part of them.
fn c(text: impl Into<Vec<u8>>) -> CString {
    let mut bytes = text.into();
    if let Some(end) = bytes.iter().position(|byte| *byte == 0) {
        bytes.truncate(end);
    }
    CString::new(bytes).unwrap_or_default()
}

/// Frames: cell, kind, length, payload.
fn take_frame(input: &mut Vec<u8>) -> Option<(u32, u8, Vec<u8>)> {
    let head = input.get(..9)?;
    let number = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let (id, kind, length) = (number(0), head[4], number(5) as usize);
    let payload = input.get(9..9 + length)?.to_vec();
    input.drain(..9 + length);
    Some((id, kind, payload))
}

fn send(port: c_int, id: u32, kind: u8, payload: &[u8]) {
    let mut frame = Vec::with_capacity(payload.len() + 9);
    frame.extend_from_slice(&id.to_le_bytes());
    frame.push(kind);
    frame.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    frame.extend_from_slice(payload);
    put(port, &frame);
}

/// Writes all of it; what cannot be written has nobody who reads it.
fn put(fd: c_int, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let count = unsafe { write(fd, bytes.as_ptr().cast(), bytes.len()) };
        if count <= 0 {
            return;
        }
        bytes = &bytes[count as usize..];
    }
}

fn field(record: &mut Vec<u8>, bytes: &[u8]) {
    record.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    record.extend_from_slice(bytes);
}

/// Numbers of eight bytes, and strings and lists that begin with one.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn number(&mut self) -> u64 {
        let bytes = self.take(8);
        bytes.try_into().map_or(0, u64::from_le_bytes)
    }

    fn bytes(&mut self) -> &'a [u8] {
        let count = self.number() as usize;
        self.take(count)
    }

    fn list(&mut self) -> Vec<&'a [u8]> {
        (0..self.number()).map(|_| self.bytes()).collect()
    }

    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }
}
