//! What a process needs that stands in for its only child: it hears of every signal and passes it on, stops and ends as
//! the child does, and holds nothing open that is the child's.

use std::io;
use std::mem::{self, MaybeUninit};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use rustix::process::Pid;

/// A signal that was sent to this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) number: i32,
    /// By a process. What the kernel sends for a terminal goes to the whole group, and so to the child as well.
    pub(crate) by_process: bool,
}

/// A descriptor that tells of every signal. They must be blocked.
pub(crate) fn every_signal() -> io::Result<OwnedFd> {
    // SAFETY: the set is initialised by sigfillset before it is used, and a descriptor that signalfd returns is ours.
    unsafe {
        let mut set = MaybeUninit::uninit();
        libc::sigfillset(set.as_mut_ptr());
        match libc::signalfd(-1, set.as_ptr(), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) {
            -1 => Err(io::Error::last_os_error()),
            fd => Ok(OwnedFd::from_raw_fd(fd)),
        }
    }
}

/// Takes the next pending signal from [`every_signal`].
pub(crate) fn take_signal(descriptor: &OwnedFd) -> Option<Sent> {
    let size = mem::size_of::<libc::signalfd_siginfo>();
    let mut info = MaybeUninit::<libc::signalfd_siginfo>::uninit();
    // SAFETY: `info` is writable for exactly `size` bytes.
    let read = unsafe { libc::read(descriptor.as_raw_fd(), info.as_mut_ptr().cast(), size) };
    if usize::try_from(read) != Ok(size) {
        return None;
    }
    // SAFETY: the kernel wrote the whole record.
    let info = unsafe { info.assume_init() };
    let number = i32::try_from(info.ssi_signo).ok()?;
    // `SI_USER`, `SI_QUEUE` and `SI_TKILL` are not positive; every cause inside the kernel is.
    Some(Sent { number, by_process: info.ssi_code <= 0 })
}

/// Passes a signal on.
pub(crate) fn send(pid: Pid, signal: i32) {
    // SAFETY: the child has not been waited for to its end, so that the id is still its own. A failure means that it
    // cannot be told any more, which its end will say.
    unsafe { libc::kill(pid.as_raw_pid(), signal) };
}

/// Does to this process what `signal` does by default: for one that stops, returns when it is continued; for one that
/// ends, does not return. All signals must be blocked, and are again afterwards.
pub(crate) fn act_by_default(signal: i32) {
    // SAFETY: the default disposition runs no code of ours; the set is initialised before it is used. The signal is
    // pending when it is unblocked, so that it acts at once.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        let mut set = MaybeUninit::uninit();
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), signal);
        libc::raise(signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, set.as_ptr(), ptr::null_mut());
        libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), ptr::null_mut());
    }
}

/// Ties this process's life to its parent's, to be called in a child. `false` if that has ended already.
pub(crate) fn die_with(parent: Pid) -> bool {
    // SAFETY: both calls concern numbers only.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        libc::getppid() == parent.as_raw_pid()
    }
}

/// Puts `descriptor` in the place of a standard stream.
pub(crate) fn become_stream(descriptor: BorrowedFd<'_>, number: RawFd) -> io::Result<()> {
    // SAFETY: replaces a standard stream, which nothing of Rust's owns.
    if unsafe { libc::dup2(descriptor.as_raw_fd(), number) } == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Closes everything but standard error and `keep`, so that whoever waits for the end of a pipe does not wait for us.
pub(crate) fn close_all_but(keep: &[RawFd]) {
    let numbers = super::open_descriptors();
    for fd in numbers.into_iter().filter(|fd| !keep.contains(fd)) {
        // SAFETY: closes what was inherited; of what this process has opened, its owners are in `keep` or have forgotten
        // it. The descriptor used for listing has been closed already and fails harmlessly.
        unsafe { libc::close(fd) };
    }
    // The numbers of the streams stay taken, so that nothing else is mistaken for one.
    if let Ok(null) = std::fs::File::options().read(true).write(true).open("/dev/null") {
        for number in [libc::STDIN_FILENO, libc::STDOUT_FILENO] {
            // SAFETY: as above.
            unsafe { libc::dup2(null.as_raw_fd(), number) };
        }
    }
}
