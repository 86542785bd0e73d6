//! What wakes whoever watches a run: time, a key, the end of the run, and our return from having been stopped.
//!
//! Keys are read from a terminal that is ours in every respect: standard input, and both outputs too, because a pager
//! behind a pipe reads the same terminal. Nothing is read while another group of processes is in front.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::termios::isatty;

use crate::unix;

/// Keys that are answered; all others are read and dropped.
const KEYS: [u8; 6] = [b'\n', b'\r', b't', b'i', b'?', b' '];
/// More keys than anybody presses between two looks.
const READ_BYTES: usize = 256;

/// Why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Woken {
    /// Time has passed, or nothing worth a word happened.
    Time,
    /// Somebody wants to know what is running.
    Key,
    /// The run is over.
    End,
}

/// What is waited for.
pub(super) struct Keys {
    /// Ends when the run does.
    quit: OwnedFd,
    /// Gets a byte when we go on after having been stopped; `None` where keys are not read. A pipe that nobody can write
    /// to would be ready for ever.
    resumed: Option<OwnedFd>,
    /// Whether keys are read at all.
    reads: bool,
}

impl Keys {
    /// Listens to keys if `shown` on a terminal that is ours. What comes with it ends the waiting when it is dropped.
    pub(super) fn new(shown: bool) -> io::Result<(Self, OwnedFd)> {
        let (quit, end) = pipe_with(PipeFlags::CLOEXEC)?;
        let reads = shown && isatty(rustix::stdio::stdin()) && isatty(rustix::stdio::stdout());
        let mut resumed = None;
        if reads {
            let (ours, wake) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
            signal_hook::low_level::pipe::register(signal_hook::consts::SIGCONT, wake)?;
            unix::listen_to_keys();
            resumed = Some(ours);
        }
        Ok((Self { quit, resumed, reads }, end))
    }

    /// Waits so long at most.
    pub(super) fn wait(&mut self, time_max: Duration) -> Woken {
        let timeout = Timespec::try_from(time_max).ok();
        let stdin = rustix::stdio::stdin();
        let listens = self.reads && unix::is_in_front();
        let mut fds = vec![PollFd::new(&self.quit, PollFlags::IN)];
        fds.extend(self.resumed.as_ref().map(|resumed| PollFd::new(resumed, PollFlags::IN)));
        fds.extend(listens.then(|| PollFd::from_borrowed_fd(stdin, PollFlags::IN)));
        if !matches!(poll(&mut fds, timeout.as_ref()), Ok(1..)) {
            return Woken::Time;
        }
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        drop(fds);
        if ready[0] {
            return Woken::End;
        }
        if let Some(resumed) = &self.resumed
            && ready[1]
        {
            let _ = rustix::io::read(resumed, &mut [0; READ_BYTES]);
            unix::listen_to_keys();
        }
        // Standard input is listened to only together with our return, as the third.
        if ready.get(2) == Some(&true) { self.read(stdin) } else { Woken::Time }
    }

    fn read(&mut self, stdin: BorrowedFd<'_>) -> Woken {
        let mut bytes = [0; READ_BYTES];
        match rustix::io::read(stdin.as_fd(), &mut bytes) {
            Ok(count @ 1..) if bytes[..count].iter().any(|byte| KEYS.contains(byte)) => Woken::Key,
            Ok(1..) | Err(rustix::io::Errno::INTR) => Woken::Time,
            // The terminal is gone, or somebody else's: it would be ready for ever.
            Ok(0) | Err(_) => {
                self.reads = false;
                Woken::Time
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn where_no_keys_are_read_only_time_and_the_end_wake() {
        let (mut keys, end) = Keys::new(false).unwrap();
        let (begun, time) = (Instant::now(), Duration::from_millis(50));
        assert_eq!(keys.wait(time), Woken::Time);
        assert!(begun.elapsed() >= time, "it did not wait");
        drop(end);
        assert_eq!(keys.wait(Duration::from_secs(600)), Woken::End);
    }
}
