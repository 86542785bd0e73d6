//! A child that works inside new namespaces on its parent's behalf and ends: what it opens there is the parent's.
//!
//! It is no `fork`: it shares memory and descriptors with its parent, as a `vfork` does, so that no page is copied and
//! nothing has to be sent back. What keeps that sound is that the two never run at once. While the parent prepares (a map
//! of user ids is written from outside), the child sits in a system call; then the parent sits in one until the child has
//! ended.

use std::ffi::{c_int, c_void};
use std::io::{self, Write as _};
use std::os::fd::{AsRawFd as _, RawFd};
use std::ptr;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, waitpid};

/// Stack for a mount, a few files and the text of ids. Only the pages that are touched are ever there.
const STACK_BYTES: usize = 256 * 1024;

/// What the child needs, and what it leaves.
struct Plan<W, R> {
    /// Where it reads that it may begin.
    signal: RawFd,
    parent: i32,
    work: Option<W>,
    result: Option<R>,
}

/// Runs `work` in a child that was born into new namespaces, by the kernel's `CLONE_NEW…` bits, after `prepare` has been
/// called with its id from outside. Descriptors that `work` opens are open here.
///
/// The caller must be the only thread.
///
/// # Errors
/// The outer one where there is no such child, or something ended it; the inner one is that of `prepare` or of `work`.
pub(crate) fn work_inside<R, E>(
    namespaces: c_int,
    prepare: impl FnOnce(Pid) -> Result<(), E>,
    work: impl FnOnce() -> Result<R, E>,
) -> io::Result<Result<R, E>> {
    let (signal, mut starter) = io::pipe()?;
    let mut plan =
        Plan { signal: signal.as_raw_fd(), parent: getpid().as_raw_pid(), work: Some(work), result: None };
    let mut stack = vec![0_u8; STACK_BYTES];
    let child = clone(namespaces, &mut stack, &mut plan)?;
    let prepared = prepare(child);
    let begun = prepared.is_ok() && starter.write_all(&[0]).is_ok();
    if !begun {
        let _ = kill_process(child, Signal::KILL);
    }
    // Until here the child has done nothing but to read; from here on we do nothing until it has ended.
    while matches!(waitpid(Some(child), WaitOptions::empty()), Err(Errno::INTR)) {}
    if let Err(error) = prepared {
        return Ok(Err(error));
    }
    // SAFETY: the child, which is gone, wrote it behind the compiler's back; `None` takes its place.
    let result = unsafe { ptr::read_volatile(&raw const plan.result) };
    std::mem::forget(plan);
    result.ok_or_else(|| io::Error::other("the process in them was ended"))
}

fn clone<W: FnOnce() -> R, R>(namespaces: c_int, stack: &mut [u8], plan: &mut Plan<W, R>) -> io::Result<Pid> {
    let flags = libc::CLONE_VM | libc::CLONE_FILES | libc::SIGCHLD | namespaces;
    // SAFETY: the child shares our memory. `stack` and `plan` outlive it, because `work_inside` waits for its end, and
    // nothing but the child uses them meanwhile. The stack grows downwards from its aligned upper end. What the two do at
    // the same time touches no common memory (see the head of this file), and there is no other thread.
    let pid = unsafe {
        let top = stack.as_mut_ptr().add(stack.len());
        let top = top.sub(top.addr() % 16);
        libc::clone(begin::<W, R>, top.cast(), flags, ptr::from_mut(plan).cast::<c_void>())
    };
    // Read before anything else could change it; a negative number may not even be asked for its process.
    let error = io::Error::last_os_error();
    if pid > 0 { Pid::from_raw(pid).ok_or(error) } else { Err(error) }
}

/// The child. A panic in it ends it, since it cannot unwind any further.
extern "C" fn begin<W: FnOnce() -> R, R>(plan: *mut c_void) -> c_int {
    let plan = plan.cast::<Plan<W, R>>();
    // SAFETY: `clone` passes a pointer to its plan, which outlives us. Until the byte has come only system calls are made,
    // and afterwards our parent waits.
    unsafe {
        // The pipe is ours too, so that its end would never come if our parent was killed.
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        let mut byte = 0_u8;
        if libc::getppid() != (*plan).parent || libc::read((*plan).signal, (&raw mut byte).cast(), 1) != 1 {
            libc::_exit(1);
        }
        if let Some(work) = ptr::replace(&raw mut (*plan).work, None) {
            ptr::write_volatile(&raw mut (*plan).result, Some(work()));
        }
        libc::_exit(0);
    }
}
