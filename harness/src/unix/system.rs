//! What the processes around a guest system need: QEMU must not outlive its owner, and a client ends by the signal by which
//! its program ended.

use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::ptr;

/// Has the kernel kill what `command` starts when the thread that starts it ends; that must be the main one.
pub(crate) fn die_with_parent(command: &mut Command) {
    // SAFETY: the closure makes one system call with numbers only, which is allowed between fork and exec.
    unsafe {
        command.pre_exec(|| match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        });
    }
}

/// Has what `command` starts take no `SIGTERM`: a supervisor that gives a program up sends one to all around it, and only
/// the program is meant. What it starts inherits the mask, and QEMU leaves it as it is.
pub(crate) fn outlast_requests(command: &mut Command) {
    // SAFETY: the calls are allowed between fork and exec; the set is initialised before it is used.
    unsafe {
        command.pre_exec(|| {
            let mut set = std::mem::MaybeUninit::uninit();
            libc::sigemptyset(set.as_mut_ptr());
            libc::sigaddset(set.as_mut_ptr(), libc::SIGTERM);
            match libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), ptr::null_mut()) {
                0 => Ok(()),
                errno => Err(std::io::Error::from_raw_os_error(errno)),
            }
        });
    }
}

/// Ends this process by `signal`. Returns only where that does not end a process.
pub(crate) fn die_of(signal: i32) {
    // SAFETY: the default disposition runs no code of ours; the set is initialised before it is used.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        let mut set = std::mem::MaybeUninit::uninit();
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, set.as_ptr(), ptr::null_mut());
        libc::raise(signal);
    }
}
