//! What the agent asks of Linux: declarations by hand, since it is compiled without any crate, and two helpers for them.

use std::ffi::{c_char, c_int, c_long, c_short, c_ulong, c_void, CString};

#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct PollFd {
    pub(crate) fd: c_int,
    pub(crate) events: c_short,
    pub(crate) revents: c_short,
}

/// A piece of memory (iovec).
#[repr(C)]
pub(crate) struct Piece {
    pub(crate) at: *mut c_void,
    pub(crate) length: usize,
}

/// What goes over a socket (msghdr).
#[repr(C)]
pub(crate) struct Message {
    pub(crate) name: *mut c_void,
    pub(crate) name_length: u32,
    pub(crate) pieces: *mut Piece,
    pub(crate) piece_count: usize,
    pub(crate) control: *mut c_void,
    pub(crate) control_length: usize,
    pub(crate) flags: c_int,
}

/// Descriptors that go with it (cmsghdr and its data).
#[repr(C)]
pub(crate) struct Passed {
    pub(crate) length: usize,
    pub(crate) level: c_int,
    pub(crate) kind: c_int,
    pub(crate) fds: [c_int; 4],
}

#[repr(C)]
pub(crate) struct TimeSpec {
    pub(crate) seconds: c_long,
    pub(crate) nanoseconds: c_long,
}

extern "C" {
    pub(crate) fn mount(from: *const c_char, to: *const c_char, kind: *const c_char, flags: c_ulong, data: *const c_void) -> c_int;
    pub(crate) fn chroot(path: *const c_char) -> c_int;
    pub(crate) fn chdir(path: *const c_char) -> c_int;
    pub(crate) fn clone(run: extern "C" fn(*mut c_void) -> c_int, stack: *mut c_void, flags: c_int, with: *mut c_void, ...) -> c_int;
    pub(crate) fn execve(path: *const c_char, argv: *const *const c_char, env: *const *const c_char) -> c_int;
    pub(crate) fn waitpid(pid: c_int, status: *mut c_int, options: c_int) -> c_int;
    pub(crate) fn pipe2(fds: *mut c_int, flags: c_int) -> c_int;
    pub(crate) fn poll(fds: *mut PollFd, count: c_ulong, timeout_ms: c_int) -> c_int;
    pub(crate) fn open(path: *const c_char, flags: c_int, ...) -> c_int;
    pub(crate) fn openat(dir: c_int, path: *const c_char, flags: c_int, ...) -> c_int;
    pub(crate) fn lseek(fd: c_int, offset: c_long, from: c_int) -> c_long;
    pub(crate) fn read(fd: c_int, buffer: *mut c_void, count: usize) -> isize;
    pub(crate) fn write(fd: c_int, buffer: *const c_void, count: usize) -> isize;
    pub(crate) fn close(fd: c_int) -> c_int;
    pub(crate) fn dup2(from: c_int, to: c_int) -> c_int;
    pub(crate) fn fcntl(fd: c_int, command: c_int, ...) -> c_int;
    pub(crate) fn kill(pid: c_int, signal: c_int) -> c_int;
    pub(crate) fn reboot(how: c_int) -> c_int;
    pub(crate) fn syscall(number: c_long, ...) -> c_long;
    pub(crate) fn clock_settime(clock: c_int, time: *const TimeSpec) -> c_int;
    pub(crate) fn clock_nanosleep(clock: c_int, flags: c_int, until: *const TimeSpec, rest: *mut TimeSpec) -> c_int;
    pub(crate) fn ioctl(fd: c_int, request: c_ulong, ...) -> c_int;
    pub(crate) fn socket(domain: c_int, kind: c_int, protocol: c_int) -> c_int;
    pub(crate) fn socketpair(domain: c_int, kind: c_int, protocol: c_int, ends: *mut c_int) -> c_int;
    pub(crate) fn sendmsg(socket: c_int, message: *const Message, flags: c_int) -> isize;
    pub(crate) fn recvmsg(socket: c_int, message: *mut Message, flags: c_int) -> isize;
    pub(crate) fn unshare(flags: c_int) -> c_int;
    pub(crate) fn signal(number: c_int, handler: usize) -> usize;
    pub(crate) fn umask(mask: u32) -> u32;
    pub(crate) fn setgroups(count: usize, groups: *const u32) -> c_int;
    pub(crate) fn setgid(group: u32) -> c_int;
    pub(crate) fn setuid(user: u32) -> c_int;
    pub(crate) fn prlimit64(pid: c_int, resource: u32, new: *const u64, old: *mut u64) -> c_int;
    pub(crate) fn sethostname(name: *const c_char, length: usize) -> c_int;
    pub(crate) fn setsid() -> c_int;
    pub(crate) fn getpriority(which: c_int, who: u32) -> c_int;
    fn sched_setscheduler(process: c_int, policy: c_int, priority: *const c_int) -> c_int;
    pub(crate) fn setxattr(path: *const c_char, name: *const c_char, value: *const c_void, size: usize, flags: c_int) -> c_int;
    pub(crate) fn getxattr(path: *const c_char, name: *const c_char, value: *mut c_void, size: usize) -> isize;
    /// All but the first six fields are of no interest; each is a word (statvfs(3)).
    pub(crate) fn statvfs(path: *const c_char, about: *mut [usize; 32]) -> c_int;
    pub(crate) fn symlinkat(to: *const c_char, dir: c_int, at: *const c_char) -> c_int;
    pub(crate) fn mknod(path: *const c_char, mode: u32, device: u64) -> c_int;
    pub(crate) fn lchown(path: *const c_char, owner: u32, group: u32) -> c_int;
    pub(crate) fn utimensat(dir: c_int, path: *const c_char, times: *const TimeSpec, flags: c_int) -> c_int;
    pub(crate) fn _exit(status: c_int) -> !;
}

pub(crate) const CLOCK_REALTIME: c_int = 0;
pub(crate) const CLOCK_MONOTONIC: c_int = 1;
pub(crate) const TIMER_ABSTIME: c_int = 1;
pub(crate) const MS_RDONLY: c_ulong = 1;
pub(crate) const MS_BIND: c_ulong = 4096;
pub(crate) const MS_MOVE: c_ulong = 8192;
pub(crate) const MS_REC: c_ulong = 16384;
/// Other than on all the rest of the machines.
pub(crate) const O_DIRECTORY: c_int = if cfg!(any(target_arch = "aarch64", target_arch = "arm", target_arch = "powerpc64")) { 0o40_000 } else { 0o200_000 };
pub(crate) const O_RDWR: c_int = 2;
pub(crate) const O_WRONLY: c_int = 1;
pub(crate) const O_CREAT: c_int = 0o100;
pub(crate) const O_NONBLOCK: c_int = 0o4000;
pub(crate) const O_CLOEXEC: c_int = 0o2_000_000;
pub(crate) const AF_UNIX: c_int = 1;
pub(crate) const SOCK_STREAM: c_int = 1;
pub(crate) const SOL_SOCKET: c_int = 1;
pub(crate) const SCM_RIGHTS: c_int = 1;
pub(crate) const MSG_NOSIGNAL: c_int = 0x4000;
pub(crate) const MSG_CMSG_CLOEXEC: c_int = 0x4000_0000;
pub(crate) const POLLIN: c_short = 1;
pub(crate) const POLLPRI: c_short = 2;
pub(crate) const POLLOUT: c_short = 4;
pub(crate) const SEEK_SET: c_int = 0;
pub(crate) const SEEK_END: c_int = 2;
pub(crate) const EPIPE: i32 = 32;
pub(crate) const F_SETFL: c_int = 4;
pub(crate) const F_DUPFD_CLOEXEC: c_int = 1030;
pub(crate) const AT_FDCWD: c_int = -100;
pub(crate) const AT_SYMLINK_NOFOLLOW: c_int = 0x100;
pub(crate) const SIG_DFL: usize = 0;
pub(crate) const SIG_IGN: usize = 1;
pub(crate) const SIGKILL: c_int = 9;
pub(crate) const SIGPIPE: c_int = 13;
/// Those of mounts and processes.
pub(crate) const PLACE_NAMESPACES: c_long = 0x0002_0000 | 0x2000_0000;
/// That of System V's objects.
pub(crate) const OBJECTS_NAMESPACE: c_int = 0x0800_0000;
/// That of the host's name.
pub(crate) const NAME_NAMESPACE: c_int = 0x0400_0000;
pub(crate) const CLONE_VM: c_int = 0x100;
pub(crate) const CLONE_VFORK: c_int = 0x4000;
pub(crate) const RLIMIT_NOFILE: u32 = 7;
/// `fs.nr_open`, beyond which no limit may be.
pub(crate) const NOFILE_MAX: u64 = 1 << 20;
pub(crate) const SIGCHLD: c_int = 17;
/// The same on all machines, as all calls since Linux 5.1.
pub(crate) const SYS_CLOSE_RANGE: c_long = 436;

#[cfg(target_arch = "x86_64")]
pub(crate) const SYS_CLONE: c_long = 56;
#[cfg(target_arch = "x86_64")]
pub(crate) const SYS_FINIT_MODULE: c_long = 313;
#[cfg(any(target_arch = "aarch64", target_arch = "riscv64"))]
pub(crate) const SYS_CLONE: c_long = 220;
#[cfg(any(target_arch = "aarch64", target_arch = "riscv64"))]
pub(crate) const SYS_FINIT_MODULE: c_long = 273;
#[cfg(any(target_arch = "s390x", target_arch = "arm", target_arch = "powerpc64"))]
pub(crate) const SYS_CLONE: c_long = 120;
#[cfg(target_arch = "s390x")]
pub(crate) const SYS_FINIT_MODULE: c_long = 344;
#[cfg(target_arch = "arm")]
pub(crate) const SYS_FINIT_MODULE: c_long = 379;
#[cfg(target_arch = "powerpc64")]
pub(crate) const SYS_FINIT_MODULE: c_long = 353;

/// PowerPC has other bits for the direction of a request.
pub(crate) const RNDADDENTROPY: c_ulong = if cfg!(target_arch = "powerpc64") { 0x8008_5203 } else { 0x4008_5203 };
pub(crate) const RNDRESEEDCRNG: c_ulong = if cfg!(target_arch = "powerpc64") { 0x2000_5207 } else { 0x5207 };

/// Mounts; says why not on the console.
pub(crate) fn mounted(from: &str, to: &str, kind: &str, flags: c_ulong, options: &str) -> bool {
    let [from_c, to_c, kind_c, options_c] = [c(from), c(to), c(kind), c(options)];
    unsafe { mount(from_c.as_ptr(), to_c.as_ptr(), kind_c.as_ptr(), flags, options_c.as_ptr().cast()) == 0 }
}

/// Strings come from frames and from the file system; what follows a zero byte is no part of them.
pub(crate) fn c(text: impl Into<Vec<u8>>) -> CString {
    let mut bytes = text.into();
    if let Some(end) = bytes.iter().position(|byte| *byte == 0) {
        bytes.truncate(end);
    }
    CString::new(bytes).unwrap_or_default()
}

/// Whose turn it is to be executed.
#[derive(Clone, Copy)]
pub(crate) enum Turn {
    /// With all others: `SCHED_OTHER`.
    Usual = 0,
    /// With all others, but not before the one whose turn it is has had its time: `SCHED_BATCH`.
    Last = 3,
    /// When nobody else has anything to do, and not a moment longer: `SCHED_IDLE`.
    Idle = 5,
}

/// Sets a process's turn; that of this one where it is 0.
pub(crate) fn set_turn(process: c_int, turn: Turn) {
    unsafe { sched_setscheduler(process, turn as c_int, &0) };
}

pub(crate) fn last_errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}
