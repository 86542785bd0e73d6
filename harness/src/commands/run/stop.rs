//! How a run hears that it is to end: the first signal ends guests in order and reports what there is, the second ends us
//! at once, and nothing is left running because every supervisor sees its socket close.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::{flag, low_level};

use crate::error::{Error, Result};
use crate::supervise::StopFlag;
use crate::unix;

/// Signals that ask for an end.
const STOPPING: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];
/// Signals that do what they always do, once the terminal is as it was.
const OBEYED: [i32; 2] = [SIGQUIT, SIGTSTP];
/// The status of a run that was ended by signals.
const INTERRUPTED: i32 = 130;

/// Listens to signals; the flag is raised by the first.
pub(super) fn stop_on_signals() -> Result<StopFlag> {
    register().map_err(|error| Error::world("cannot listen for signals").caused_by(error))
}

fn register() -> std::io::Result<StopFlag> {
    let stop = StopFlag::new()?;
    let seen = Arc::new(AtomicBool::new(false));
    // What is ignored from the start (nohup, a job in the background of a script) stays so.
    for signal in STOPPING.into_iter().filter(|signal| !unix::is_ignored(*signal)) {
        // In this order, which is that of the actions.
        unix::restore_terminal_on(signal)?;
        flag::register_conditional_shutdown(signal, INTERRUPTED, seen.clone())?;
        flag::register(signal, seen.clone())?;
        low_level::pipe::register(signal, stop.waker()?)?;
    }
    for signal in OBEYED.into_iter().filter(|signal| !unix::is_ignored(*signal)) {
        unix::restore_terminal_and_obey(signal)?;
    }
    Ok(stop)
}
