//! What a program has written so far, as long as it may have to run again.

use std::io;

use crate::unix;

/// How much output is kept of a program that may have to run again.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// What was written to one of the outputs, so that a second run of the program only writes what comes after it.
#[derive(Default)]
pub(super) struct Passed {
    pub(super) bytes: Vec<u8>,
    pub(super) at: usize,
    pub(super) is_too_much: bool,
}

impl Passed {
    /// Writes what was not written before; `None` where what was is something else.
    pub(super) fn pass(&mut self, to: &mut impl io::Write, bytes: &[u8]) -> Option<()> {
        let known = &self.bytes[self.at..];
        let (again, new) = bytes.split_at(bytes.len().min(known.len()));
        if !known.starts_with(again) {
            return None;
        }
        self.at += again.len();
        self.is_too_much |= self.bytes.len() + new.len() > KEPT_BYTES_MAX;
        if !self.is_too_much {
            self.bytes.extend_from_slice(new);
            self.at += new.len();
        }
        pass(to, new);
        Some(())
    }
}

/// Writes as the program would have: where nobody reads, this ends as the program would.
fn pass(to: &mut impl io::Write, bytes: &[u8]) {
    if to
        .write_all(bytes)
        .and_then(|()| to.flush())
        .is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    {
        unix::die_of(libc::SIGPIPE);
    }
}
