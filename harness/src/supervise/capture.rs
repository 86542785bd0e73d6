//! One output stream of the guest: from its pipe into a file, up to a limit.
//!
//! Owns the supervisor's end of the pipe and the file. It must never wait: a pipe may be held open for ever by a process
//! that is none of ours (a wineserver that was running before), so an end of file is welcome but never required.

use std::fs::File;
use std::os::fd::OwnedFd;

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::{Errno, read, retry_on_intr, write};
use rustix::pipe::{PipeFlags, SpliceFlags, pipe_with, splice};

/// The most moved by one call. Pipes hold 64 KiB unless somebody enlarged them.
const CHUNK_BYTES: usize = 64 * 1024;

/// The state of one stream.
pub(super) struct Capture {
    /// `None` once it has ended or nothing more is wanted.
    pipe: Option<OwnedFd>,
    file: File,
    remaining: u64,
    kept: u64,
    overflowed: bool,
    failed: Option<Errno>,
    /// Some file systems do not splice; they are copied to.
    spliceable: bool,
}

/// What one attempt to move bytes came to.
enum Moved {
    Bytes,
    NothingNow,
    End,
}

impl Capture {
    /// A capture into `file`, and the end of the pipe that is to be the guest's.
    pub(super) fn new(file: File, bytes_max: u64) -> Result<(Capture, OwnedFd), Errno> {
        let (pipe, guest_end) = pipe_with(PipeFlags::CLOEXEC)?;
        // Only our end: a guest that finds its standard output non-blocking gets errors it has never heard of.
        fcntl_setfl(&pipe, OFlags::NONBLOCK)?;
        let capture = Capture {
            pipe: Some(pipe),
            file,
            remaining: bytes_max,
            kept: 0,
            overflowed: false,
            failed: None,
            spliceable: true,
        };
        Ok((capture, guest_end))
    }

    /// The pipe to wait for, while there is anything to wait for.
    pub(super) fn pipe(&self) -> Option<&OwnedFd> {
        self.pipe.as_ref()
    }

    /// The bytes in the file.
    pub(super) fn kept(&self) -> u64 {
        self.kept
    }

    /// Whether there was more than the limit.
    pub(super) fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// Why the file could not be written.
    pub(super) fn failed(&self) -> Option<Errno> {
        self.failed
    }

    /// Moves what is in the pipe now, at most one chunk. Returns whether more may follow at once.
    pub(super) fn pump(&mut self) -> bool {
        match self.move_chunk() {
            Ok(Moved::Bytes) => true,
            Ok(Moved::NothingNow) => false,
            Ok(Moved::End) => {
                self.pipe = None;
                false
            }
            Err(error) => {
                self.failed = Some(error);
                self.pipe = None;
                false
            }
        }
    }

    /// Moves all that is left in the pipe, which ends because the limit does.
    pub(super) fn drain(&mut self) {
        while self.pump() {}
    }

    fn move_chunk(&mut self) -> Result<Moved, Errno> {
        let Some(pipe) = &self.pipe else { return Ok(Moved::NothingNow) };
        let wanted = usize::try_from(self.remaining).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
        if wanted == 0 {
            return self.look_beyond_the_limit();
        }
        let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
        let moved = if self.spliceable {
            retry_on_intr(|| splice(pipe, None, &self.file, None, wanted, flags))
        } else {
            copy(pipe, &self.file, wanted)
        };
        match moved {
            Ok(0) => Ok(Moved::End),
            Ok(count) => {
                self.kept += count as u64;
                self.remaining -= count as u64;
                Ok(Moved::Bytes)
            }
            Err(Errno::AGAIN) => Ok(Moved::NothingNow),
            Err(Errno::INVAL) if self.spliceable => {
                self.spliceable = false;
                self.move_chunk()
            }
            Err(error) => Err(error),
        }
    }

    /// One byte more tells a guest that wrote exactly the limit from one that wrote beyond it.
    fn look_beyond_the_limit(&mut self) -> Result<Moved, Errno> {
        let Some(pipe) = &self.pipe else { return Ok(Moved::NothingNow) };
        let mut byte = [0; 1];
        match retry_on_intr(|| read(pipe, &mut byte)) {
            Ok(0) => Ok(Moved::End),
            Ok(_) => {
                self.overflowed = true;
                Ok(Moved::End)
            }
            Err(Errno::AGAIN) => Ok(Moved::NothingNow),
            Err(error) => Err(error),
        }
    }
}

fn copy(pipe: &OwnedFd, file: &File, wanted: usize) -> Result<usize, Errno> {
    let mut buffer = vec![0; wanted];
    let count = retry_on_intr(|| read(pipe, &mut *buffer))?;
    let mut rest = &buffer[..count];
    while !rest.is_empty() {
        let written = retry_on_intr(|| write(file, rest))?;
        rest = &rest[written..];
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends `bytes` through a capture limited to `bytes_max`, and says what arrived and whether it was cut.
    #[track_caller]
    fn check(bytes: &[u8], bytes_max: u64, spliceable: bool, expected: (&[u8], bool)) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        let (mut capture, guest_end) = Capture::new(File::create(&path).unwrap(), bytes_max).unwrap();
        capture.spliceable = spliceable;
        // Small enough for the pipe, so that nothing waits.
        write(&guest_end, bytes).unwrap();
        capture.drain();
        let end = capture.pipe().is_none();
        let file = fs_err::read(&path).unwrap();
        assert_eq!((file.as_slice(), capture.overflowed()), expected);
        assert_eq!(capture.kept(), expected.0.len() as u64);
        assert_eq!(end, expected.1, "a pipe that is still open is waited for unless the limit was passed");
        assert_eq!(capture.failed(), None);
    }

    #[test]
    fn what_was_written_is_kept_up_to_the_limit() {
        for spliceable in [true, false] {
            check(b"abc", 4, spliceable, (b"abc", false));
            check(b"abcd", 4, spliceable, (b"abcd", false));
            check(b"abcde", 4, spliceable, (b"abcd", true));
            check(b"a", 0, spliceable, (b"", true));
        }
    }

    #[test]
    fn a_full_disk_is_told() {
        let file = File::options().write(true).open("/dev/full").unwrap();
        let (mut capture, guest_end) = Capture::new(file, 100).unwrap();
        write(&guest_end, b"lost").unwrap();
        capture.drain();
        assert_eq!(capture.failed(), Some(Errno::NOSPC));
    }
}
