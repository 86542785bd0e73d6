//! What a process needs that becomes somebody else's program and wants to leave no trace of itself: how it was itself
//! started, and an `execve` that changes nothing on the way.
//!
//! `std::process::Command` is of no use here. It gives the new program an empty signal mask and the default for SIGPIPE,
//! and Rust's start-up has by then opened `/dev/null` in the place of closed standard streams and ignored SIGPIPE. A
//! program that was started with a closed standard input, or by a shell that ignores SIGPIPE, would notice. Nor does
//! `std::env` show an environment as it is: entries without `=` or without a name are left out.

use std::ffi::{CStr, CString, OsString, c_char, c_int, c_ulong};
use std::io;
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStringExt as _;
use std::ptr;
use std::sync::atomic::{AtomicU8, Ordering};

use rustix::process::Pid;

/// Bits of [`FOUND`]: one for each standard stream that was closed.
const STREAMS: [RawFd; 3] = [libc::STDIN_FILENO, libc::STDOUT_FILENO, libc::STDERR_FILENO];
/// The signals whose dispositions we change on the way, with their bits of [`FOUND`] for being ignored: the first is
/// ignored by Rust's start-up, the second must have its default while we wait for children.
const CHANGED: [(c_int, u8); 2] = [(libc::SIGPIPE, 1 << 3), (libc::SIGCHLD, 1 << 4)];
/// `AT_FLAGS_PRESERVE_ARGV0` of `linux/binfmts.h`, since Linux 5.12.
const PRESERVE_ARGV0: c_ulong = 1;

/// What [`look_around`] found.
static FOUND: AtomicU8 = AtomicU8::new(0);

/// Runs before Rust's own start-up, which changes what is to be remembered.
// SAFETY: the C library calls every pointer of this section once, before `main`, with arguments that an `extern "C"`
// function may leave unread. The function makes system calls only and stores into an atomic.
#[used]
#[unsafe(link_section = ".init_array")]
static LOOK_AROUND: extern "C" fn() = look_around;

extern "C" fn look_around() {
    let mut found = 0;
    for (bit, fd) in STREAMS.into_iter().enumerate() {
        // SAFETY: asks about a number, whoever it belongs to.
        if unsafe { libc::fcntl(fd, libc::F_GETFD) } == -1 {
            found |= 1 << bit;
        }
    }
    for (signal, bit) in CHANGED {
        let mut action = std::mem::MaybeUninit::<libc::sigaction>::uninit();
        // SAFETY: only asks; the structure is filled in where the call succeeds, which it does for these signals.
        let ignored = unsafe {
            libc::sigaction(signal, ptr::null(), action.as_mut_ptr()) == 0
                && action.assume_init().sa_sigaction == libc::SIG_IGN
        };
        if ignored {
            found |= bit;
        }
    }
    FOUND.store(found, Ordering::Relaxed);
}

/// How this process was started, as far as Rust's start-up has covered it up.
#[derive(Debug, Clone, Copy)]
struct Beginning(u8);

impl Beginning {
    fn of_this_process() -> Beginning {
        Beginning(FOUND.load(Ordering::Relaxed))
    }

    /// Puts it back: closes what was closed, and gives the signals what they had.
    fn restore(self) {
        for (bit, fd) in STREAMS.into_iter().enumerate() {
            if self.0 & (1 << bit) != 0 {
                // SAFETY: it was closed when the process began, so what is there is the `/dev/null` of Rust's start-up.
                // Whoever prints after this gets an error, which every writer of ours expects.
                unsafe { libc::close(fd) };
            }
        }
        self.restore_signals();
    }

    fn restore_signals(self) {
        for (signal, bit) in CHANGED {
            let action = if self.0 & bit == 0 { libc::SIG_DFL } else { libc::SIG_IGN };
            // SAFETY: neither disposition runs code of ours.
            unsafe { libc::signal(signal, action) };
        }
    }
}

/// Gives SIGPIPE and SIGCHLD the dispositions with which this process was started, for a guest that lives inside it.
pub(crate) fn restore_signals() {
    Beginning::of_this_process().restore_signals();
}

/// Whether a signal was ignored when this process was started.
pub(crate) fn began_ignored(signal: c_int) -> bool {
    match CHANGED.into_iter().find(|(changed, _)| *changed == signal) {
        Some((_, bit)) => Beginning::of_this_process().0 & bit != 0,
        None => super::is_ignored(signal),
    }
}

/// The environment as it was given to this process: every entry, in its order, byte for byte.
pub(crate) fn environment() -> Vec<OsString> {
    let mut entries = Vec::new();
    // SAFETY: `environ` is null or an array of NUL-terminated strings that ends with a null pointer; nothing in this
    // process changes the environment.
    unsafe {
        let mut at = environ;
        while !at.is_null() && !(*at).is_null() {
            entries.push(OsString::from_vec(CStr::from_ptr(*at).to_bytes().to_vec()));
            at = at.add(1);
        }
    }
    entries
}

/// Replaces this process by `program`, which finds everything as this process found it. `env` is the complete
/// environment; this process's own, byte for byte, where `None`. Comes back only with the reason why not.
pub(crate) fn execute(program: &CString, argv: &[CString], env: Option<&[CString]>) -> io::Error {
    let argv: Vec<*const c_char> = pointers(argv);
    let env = env.map(pointers);
    Beginning::of_this_process().restore();
    // SAFETY: all strings are NUL-terminated and the arrays end with a null pointer; both live until the call is over,
    // and on success nothing of this process is left to use them. `environ` is only read, and no other thread is there to
    // change it: a hook has one.
    unsafe {
        let env = env.as_ref().map_or(environ.cast(), Vec::as_ptr);
        libc::execve(program.as_ptr(), argv.as_ptr(), env);
    }
    io::Error::last_os_error()
}

unsafe extern "C" {
    static environ: *const *const c_char;
}

fn pointers(strings: &[CString]) -> Vec<*const c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect()
}

/// Whether the kernel started this program as the interpreter of another, by a binfmt_misc registration with the flag
/// `P`. The words are then: the registered path, the program's path, the program's `argv[0]`, its arguments.
pub(crate) fn started_by_binfmt() -> bool {
    // SAFETY: reads the auxiliary vector, which is there for the life of the process.
    unsafe { libc::getauxval(libc::AT_FLAGS) & PRESERVE_ARGV0 != 0 }
}

/// Moves this process into new namespaces, by the kernel's `CLONE_NEW…` bits.
pub(crate) fn unshare(flags: c_int) -> io::Result<()> {
    // SAFETY: the bits that are given concern names, users and mounts, and none of them what threads share in memory.
    if unsafe { libc::unshare(flags) } == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Which of the two processes one is after [`fork`].
pub(crate) enum Fork {
    /// The one that called it, with the child's id.
    Parent(Pid),
    /// The copy. It must end through [`leave`].
    Child,
}

/// Makes a copy of this process.
///
/// The caller must be the only thread: what another was doing (holding the allocator's lock) would stay as it was in the
/// copy for ever. Hooks and supervisors are.
pub(crate) fn fork() -> io::Result<Fork> {
    // SAFETY: one thread, as the caller promises, so that the copy is whole.
    match unsafe { libc::fork() } {
        0 => Ok(Fork::Child),
        pid => Pid::from_raw(pid).filter(|_| pid > 0).map(Fork::Parent).ok_or_else(io::Error::last_os_error),
    }
}

/// Ends this process at once: no destructor runs and no buffer is written, since they are the parent's.
pub(crate) fn leave(status: u8) -> ! {
    // SAFETY: ends this process and nothing else.
    unsafe { libc::_exit(status.into()) }
}
