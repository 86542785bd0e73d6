//! Signals that this process gets are for the program in the guest, and for all that it has started there: whoever gives a
//! program up, or interrupts it, does to it what it would do to a program under user-mode emulation.

use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::{flag, low_level};

use crate::unix;
use crate::vm::wire::{self, kind};

/// Signals that end a process which does not handle them, and that others send. Their numbers are the same on all machines
/// that have a system.
const PASSED_ON: [i32; 6] = [SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2];

/// From now on, passes signals on, until this process ends.
pub(super) fn pass_on(stream: Arc<Mutex<UnixStream>>) -> io::Result<()> {
    let (mut woken, wake) = UnixStream::pair()?;
    let mut raised: Vec<(i32, Arc<AtomicBool>)> = Vec::new();
    for signal in PASSED_ON.into_iter().filter(|signal| !unix::began_ignored(*signal)) {
        let flag = Arc::new(AtomicBool::new(false));
        flag::register(signal, flag.clone())?;
        low_level::pipe::register(signal, wake.try_clone()?)?;
        raised.push((signal, flag));
    }
    std::thread::spawn(move || {
        while woken.read(&mut [0; 64]).is_ok_and(|count| count > 0) {
            for (signal, flag) in &raised {
                if flag.swap(false, Ordering::Relaxed) {
                    let stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
                    let _ = wire::write(&mut &*stream, 0, kind::SIGNAL, &signal.to_le_bytes());
                }
            }
        }
    });
    Ok(())
}
