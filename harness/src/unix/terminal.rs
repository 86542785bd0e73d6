//! The terminal's mode while keys are listened to: each key comes at once and is not shown. Whatever ends or stops this
//! process puts the mode back first, but for what no process is told of.
//!
//! Ctrl-C and its like stay signals; only the wait for a whole line and the echo are turned off.

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use rustix::process::getpgrp;
use rustix::stdio::stdin;
use rustix::termios::{LocalModes, OptionalActions, Termios, isatty, tcgetattr, tcgetpgrp, tcsetattr};
use signal_hook::low_level;

/// The mode to put back, null while the terminal is as it was found. What it points to is never freed: a handler may
/// be reading it on another thread.
static BEFORE: AtomicPtr<Termios> = AtomicPtr::new(ptr::null_mut());

/// Whether standard input is a terminal and we are the ones it listens to: whoever else reads it is stopped.
pub(crate) fn is_in_front() -> bool {
    isatty(stdin()) && tcgetpgrp(stdin()).is_ok_and(|group| group == getpgrp())
}

/// Listens to single keys from here on, if the terminal is ours.
pub(crate) fn listen_to_keys() {
    if !is_in_front() || !BEFORE.load(Ordering::SeqCst).is_null() {
        return;
    }
    let Ok(before) = tcgetattr(stdin()) else { return };
    let mut mode = before.clone();
    mode.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
    let pointer = Box::into_raw(Box::new(before.clone()));
    // First the way back, then the change.
    BEFORE.store(pointer, Ordering::SeqCst);
    let changed = tcsetattr(stdin(), OptionalActions::Now, &mode);
    if changed.is_err() || BEFORE.load(Ordering::SeqCst) != pointer {
        // A signal has put it back in between, which the change has undone.
        BEFORE.store(ptr::null_mut(), Ordering::SeqCst);
        let _ = tcsetattr(stdin(), OptionalActions::Now, &before);
    }
}

/// Puts the mode back. Does nothing but system calls, because handlers of signals do this.
pub(crate) fn restore_terminal() {
    let before = BEFORE.swap(ptr::null_mut(), Ordering::SeqCst);
    if before.is_null() {
        return;
    }
    // SAFETY: what was stored came from `Box::into_raw` and is never freed.
    let before = unsafe { &*before };
    // A terminal that is gone needs nothing.
    let _ = tcsetattr(stdin(), OptionalActions::Now, before);
}

/// Puts the mode back when this signal comes, before whatever else is registered for it.
pub(crate) fn restore_terminal_on(signal: i32) -> std::io::Result<()> {
    // SAFETY: the action makes one system call, changes one atomic and allocates nothing.
    unsafe { low_level::register(signal, restore_terminal) }.map(|_| ())
}

/// Puts the mode back when this signal comes, and then does what it does to a process that does not handle it.
pub(crate) fn restore_terminal_and_obey(signal: i32) -> std::io::Result<()> {
    let action = move || {
        restore_terminal();
        // It fails only for signals that are not in its table.
        let _ = low_level::emulate_default_handler(signal);
    };
    // SAFETY: as above; emulating the default is made for handlers.
    unsafe { low_level::register(signal, action) }.map(|_| ())
}

/// Whether whoever started us wants this signal ignored, as `nohup` does with SIGHUP.
pub(crate) fn is_ignored(signal: i32) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: nothing is changed without a new action, and `action` is filled in when the call succeeds.
    unsafe {
        libc::sigaction(signal, ptr::null(), action.as_mut_ptr()) == 0
            && action.assume_init().sa_sigaction == libc::SIG_IGN
    }
}
