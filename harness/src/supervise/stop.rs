//! The request to end every guest at once, as something a thread can wait for.
//!
//! Owns one pipe whose reading end becomes readable when the flag is raised, and stays so: nobody reads the byte, so any
//! number of threads see it. An atomic boolean would need a thread that looks at it from time to time.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};

/// Raised once, by Ctrl-C for example, and never lowered.
#[derive(Debug)]
pub struct StopFlag {
    read: OwnedFd,
    write: OwnedFd,
}

impl StopFlag {
    /// A flag that is not raised.
    ///
    /// # Errors
    /// When the process has no descriptors left.
    pub fn new() -> io::Result<StopFlag> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        Ok(StopFlag { read, write })
    }

    /// Raises the flag. Raising it again changes nothing.
    pub fn stop(&self) {
        // The only failure is a full pipe, and a pipe that holds something is a raised flag.
        let _ = rustix::io::write(&self.write, b"!");
    }

    /// Whether the flag has been raised.
    pub fn is_stopped(&self) -> bool {
        let mut fds = [PollFd::new(&self.read, PollFlags::IN)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        matches!(poll(&mut fds, Some(&now)), Ok(1..))
    }

    /// Waits until this flag is raised, or `other` is; whether it was this one.
    pub fn await_unless(&self, other: &StopFlag) -> bool {
        loop {
            let mut fds = [PollFd::new(&self.read, PollFlags::IN), PollFd::new(&other.read, PollFlags::IN)];
            match poll(&mut fds, None) {
                Err(rustix::io::Errno::INTR) => {}
                Ok(_) => return !fds[0].revents().is_empty(),
                Err(_) => return false,
            }
        }
    }

    /// A descriptor that raises the flag when any byte is written to it, which is what
    /// `signal_hook::low_level::pipe::register` does in a signal handler.
    ///
    /// # Errors
    /// When the process has no descriptors left.
    pub fn waker(&self) -> io::Result<OwnedFd> {
        self.write.try_clone()
    }
}

impl AsFd for StopFlag {
    /// Becomes readable when the flag is raised. It must be waited for, not read.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.read.as_fd()
    }
}
