//! What Linux does only through calls that the compiler cannot check: the one file of the harness with `unsafe`.
//!
//! Owns signal dispositions and masks, the start of the guest, and the reaping of children with what they used up; in
//! `unix/hook.rs` what a hook needs that becomes its guest, in `unix/guard.rs` what one needs that stays, in
//! `unix/inside.rs` a child in new namespaces, in `unix/kvm.rs` the question whether KVM is of use, in `unix/system.rs` what surrounds a guest system, in `unix/terminal.rs` the mode of a terminal whose keys are listened to. It
//! must never decide anything: every function does one thing and says what came of it.
//!
//! The guest is started with `clone(CLONE_VM | CLONE_VFORK)`, as `posix_spawn` does, and not with `posix_spawn` itself,
//! because that can neither set `PR_SET_PDEATHSIG` nor tell a missing directory from a missing program. `fork` would
//! copy page tables for nothing, and `std::process::Command` forks as soon as it is given a `pre_exec`.
#![expect(unsafe_code, reason = "rustix has no safe form of these calls; every block says why it is sound")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::io;
use std::marker::PhantomData;
use std::mem::{self, MaybeUninit};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::ptr;
use std::time::Duration;

use rustix::process::Pid;

mod guard;
mod hook;
mod inside;
mod kvm;
mod system;
mod terminal;

pub(crate) use guard::{
    act_by_default, become_stream, close_all_but, die_with, every_signal, send, take_signal,
};
pub(crate) use hook::{
    Fork, began_ignored, environment, execute, fork, leave, restore_signals, started_by_binfmt, unshare,
};
pub(crate) use inside::work_inside;
pub(crate) use kvm::Processor;
pub(crate) use system::{die_of, die_with_parent, outlast_requests};
pub(crate) use terminal::{
    is_ignored, is_in_front, listen_to_keys, restore_terminal, restore_terminal_and_obey, restore_terminal_on,
};

/// Stack for the few calls between `clone` and `execve`. Only the pages that are touched are ever there; a debug build
/// needs about two.
const START_STACK_BYTES: usize = 64 * 1024;

/// The first descriptor that is not a standard stream.
const FIRST_INHERITED_FD: RawFd = 3;

/// Blocks every signal for the calling thread until dropped, so that a child started meanwhile inherits the mask.
pub(crate) struct SignalsBlocked {
    before: libc::sigset_t,
    // The mask belongs to the thread, so the guard must not leave it.
    _thread: PhantomData<*const ()>,
}

/// Which signals a supervisor has been sent since it last looked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Pending {
    /// Some child changed its state.
    pub(crate) child: bool,
    /// Somebody wants the supervisor to end: `SIGTERM`, `SIGINT` or `SIGHUP`.
    pub(crate) stop: bool,
}

/// What `wait4` found.
pub(crate) enum Reaped {
    /// This child has ended and is gone.
    Child { pid: i32, status: ExitStatus, usage: Usage },
    /// There are children, and none of them has ended.
    AllRunning,
    /// There is no child at all.
    NoChildren,
}

/// What a process used up, with the children it waited for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    pub(crate) cpu: Duration,
    pub(crate) peak_rss_bytes: u64,
}

/// Everything the guest needs between `clone` and `execve`.
pub(crate) struct Start<'a> {
    pub(crate) program: &'a CStr,
    pub(crate) argv: &'a [&'a CStr],
    pub(crate) envp: &'a [&'a CStr],
    pub(crate) dir: &'a CStr,
    /// Become descriptors 0, 1 and 2; each must itself be 3 or above.
    pub(crate) streams: [BorrowedFd<'a>; 3],
}

/// Why the guest is not running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StartError {
    /// The system gave us no process.
    Process(i32),
    /// The directory could not be entered.
    Directory(i32),
    /// The program could not be executed.
    Execute(i32),
}

/// Makes `SIGCHLD` what it is by default, to be called first thing in `main`.
///
/// A parent that ignores it (cron jobs and some service managers do) hands that on through `execve`, and then every
/// wait for a child fails with `ECHILD` because the kernel has thrown the status away.
pub fn reset_child_signal() {
    // SAFETY: the default disposition runs no code of ours, and no other thread has been started yet that could care.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
}

/// Gives one signal its default disposition again.
pub(crate) fn default_signal(signal: i32) {
    // SAFETY: the default disposition runs no code of ours.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
}

/// Gives every signal its default disposition, for this process and for all it will start.
pub(crate) fn reset_all_signals() {
    for signal in 1..=libc::SIGRTMAX() {
        // SAFETY: as above. SIGKILL, SIGSTOP and the C library's own signals are refused, which is what we want. Rust's
        // handler for stack overflows goes too: the kernel's own SIGSEGV then ends the supervisor, only without a text.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

impl SignalsBlocked {
    pub(crate) fn new() -> SignalsBlocked {
        let mut before = MaybeUninit::uninit();
        // SAFETY: `all` is initialised by sigfillset, and pthread_sigmask initialises `before` when it succeeds, which
        // it always does for SIG_SETMASK and valid pointers.
        unsafe {
            let mut all = MaybeUninit::uninit();
            libc::sigfillset(all.as_mut_ptr());
            libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
            SignalsBlocked { before: before.assume_init(), _thread: PhantomData }
        }
    }
}

impl Drop for SignalsBlocked {
    fn drop(&mut self) {
        // SAFETY: `before` was filled in by pthread_sigmask on this very thread, since the guard is not Send.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.before, ptr::null_mut()) };
    }
}

/// A descriptor that becomes readable when a child changes its state or somebody wants us to end. The signals must be
/// blocked, which they are for a supervisor's whole life.
pub(crate) fn signal_descriptor() -> io::Result<OwnedFd> {
    // SAFETY: the set is initialised by sigemptyset before it is used, and a descriptor that signalfd returns is ours.
    unsafe {
        let mut set = MaybeUninit::uninit();
        libc::sigemptyset(set.as_mut_ptr());
        for signal in [libc::SIGCHLD, libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
            libc::sigaddset(set.as_mut_ptr(), signal);
        }
        match libc::signalfd(-1, set.as_ptr(), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) {
            -1 => Err(io::Error::last_os_error()),
            fd => Ok(OwnedFd::from_raw_fd(fd)),
        }
    }
}

/// Takes all pending signals from a [`signal_descriptor`].
pub(crate) fn take_signals(descriptor: &OwnedFd) -> Pending {
    let mut pending = Pending::default();
    let size = mem::size_of::<libc::signalfd_siginfo>();
    loop {
        let mut info = MaybeUninit::<libc::signalfd_siginfo>::uninit();
        // SAFETY: `info` is writable for exactly `size` bytes.
        let read = unsafe { libc::read(descriptor.as_raw_fd(), info.as_mut_ptr().cast(), size) };
        if usize::try_from(read) != Ok(size) {
            // Nothing is pending: the descriptor does not block, and it gives whole records or none.
            return pending;
        }
        // SAFETY: the kernel wrote the whole record.
        let signal = unsafe { info.assume_init() }.ssi_signo;
        if i32::try_from(signal) == Ok(libc::SIGCHLD) {
            pending.child = true;
        } else {
            pending.stop = true;
        }
    }
}

/// Keeps whatever the harness's own parent left open from every guest.
pub(crate) fn close_inherited_descriptors() {
    // SAFETY: called before this process has opened anything itself, so nothing that Rust owns is closed; the standard
    // library's streams are below the range. The system call is used because older C libraries lack the function.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, FIRST_INHERITED_FD, c_int::MAX, 0) };
    if closed == 0 {
        return;
    }
    // Linux before 5.9.
    for fd in open_descriptors() {
        // SAFETY: as above; the descriptor used for listing has been closed already and fails harmlessly.
        unsafe { libc::close(fd) };
    }
}

/// Takes the status of one ended child, whichever it is, without waiting for one to end.
pub(crate) fn reap() -> Reaped {
    let mut status = 0;
    let mut usage = MaybeUninit::<libc::rusage>::uninit();
    // SAFETY: both pointers are valid for writing.
    let pid = unsafe { libc::wait4(-1, &raw mut status, libc::WNOHANG | libc::__WALL, usage.as_mut_ptr()) };
    match pid {
        0 => Reaped::AllRunning,
        // ECHILD is the only failure possible: WNOHANG is not interrupted, and the arguments are right.
        -1 => Reaped::NoChildren,
        _ => {
            // SAFETY: wait4 fills in the usage of every child it returns.
            let usage = unsafe { usage.assume_init() };
            let usage = Usage {
                cpu: duration(usage.ru_utime) + duration(usage.ru_stime),
                // The kernel counts in KiB.
                peak_rss_bytes: u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024,
            };
            Reaped::Child { pid, status: ExitStatus::from_raw(status), usage }
        }
    }
}

/// Executes a program as a child in a process group of its own, with every signal unblocked and `SIGKILL` for the time
/// when its parent dies. Returns when the program is running or cannot.
pub(crate) fn start(start: &Start<'_>) -> Result<Pid, StartError> {
    let argv = pointers(start.argv);
    let envp = pointers(start.envp);
    let mut plan = Plan {
        program: start.program.as_ptr(),
        argv: argv.as_ptr(),
        envp: envp.as_ptr(),
        dir: start.dir.as_ptr(),
        streams: start.streams.map(|fd| fd.as_raw_fd()),
        parent: std::process::id().cast_signed(),
        error: None,
    };
    let mut stack = vec![0_u8; START_STACK_BYTES];
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    // SAFETY: the child shares our memory, but CLONE_VFORK suspends us until it has executed the program or ended, so
    // that it alone uses `plan` and `stack`, and both outlive it. The stack grows downwards from its aligned upper end.
    // `enter_guest` makes only system calls: no allocation, no lock, no unwinding. Nobody else runs in this process: a
    // supervisor has one thread, and all signals are blocked or have no handler.
    let pid = unsafe {
        let top = stack.as_mut_ptr().add(START_STACK_BYTES);
        let top = top.sub(top.addr() % 16);
        libc::clone(enter_guest, top.cast(), flags, (&raw mut plan).cast())
    };
    // SAFETY: the child wrote through the pointer behind the compiler's back, so the value is read the same way.
    let error = unsafe { ptr::read_volatile(&raw const plan.error) };
    match (Pid::from_raw(pid).filter(|_| pid > 0), error) {
        (None, _) => {
            Err(StartError::Process(io::Error::last_os_error().raw_os_error().unwrap_or(libc::EAGAIN)))
        }
        (Some(pid), None) => Ok(pid),
        (Some(_), Some(error)) => {
            // SAFETY: waits for the child that has just ended; no pointer is kept.
            unsafe { libc::waitpid(pid, ptr::null_mut(), libc::__WALL) };
            Err(error)
        }
    }
}

/// [`Start`] in the form of system calls, and the child's answer.
struct Plan {
    program: *const c_char,
    argv: *const *const c_char,
    envp: *const *const c_char,
    dir: *const c_char,
    streams: [RawFd; 3],
    parent: i32,
    error: Option<StartError>,
}

/// The child, from `clone` to `execve`. It shares all memory with its suspended parent, so it must only make system
/// calls and store into the plan.
extern "C" fn enter_guest(plan: *mut c_void) -> c_int {
    // SAFETY: `start` passes a pointer to its plan, which nobody else uses while the child lives; all strings and arrays
    // in it are NUL-terminated and outlive the child.
    unsafe {
        let plan = plan.cast::<Plan>();
        // Its own group, so that one signal reaches it and its children at once and none of it reaches the supervisor.
        libc::setpgid(0, 0);
        // The tree must not outlive a supervisor that is killed itself. The second half of the pair closes the gap in
        // which the supervisor died before the request was made.
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        if libc::getppid() != (*plan).parent {
            libc::_exit(0);
        }
        // dup2 clears CLOEXEC, and everything else the supervisor has open is CLOEXEC.
        let [stdin, stdout, stderr] = (*plan).streams;
        libc::dup2(stdin, libc::STDIN_FILENO);
        libc::dup2(stdout, libc::STDOUT_FILENO);
        libc::dup2(stderr, libc::STDERR_FILENO);
        if libc::chdir((*plan).dir) == -1 {
            ptr::write_volatile(
                &raw mut (*plan).error,
                Some(StartError::Directory(*libc::__errno_location())),
            );
            libc::_exit(127);
        }
        // Last, because a signal that was waiting ends the child here, which is then as if it had ended the guest.
        let mut none = MaybeUninit::uninit();
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), ptr::null_mut());
        libc::execve((*plan).program, (*plan).argv, (*plan).envp);
        ptr::write_volatile(&raw mut (*plan).error, Some(StartError::Execute(*libc::__errno_location())));
        libc::_exit(127);
    }
}

fn pointers(strings: &[&CStr]) -> Vec<*const c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect()
}

fn duration(time: libc::timeval) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or(0))
}

fn open_descriptors() -> Vec<RawFd> {
    let Ok(entries) = fs_err::read_dir("/proc/self/fd") else { return Vec::new() };
    let numbers = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter(|fd| *fd >= FIRST_INHERITED_FD).collect()
}
