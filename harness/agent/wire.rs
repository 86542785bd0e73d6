//! Frames and fields, as `harness/src/vm/wire.rs` has them on the host's side.

use std::ffi::c_int;

use crate::linux::write;

/// How much may wait to be written.
const FRAMES_BYTES: usize = 128 * 1024;

/// Frames: cell, kind, length, payload.
pub(crate) fn take_frame(input: &mut Vec<u8>) -> Option<(u32, u8, Vec<u8>)> {
    let head = input.get(..9)?;
    let number = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let (id, kind, length) = (number(0), head[4], number(5) as usize);
    let payload = input.get(9..9 + length)?.to_vec();
    input.drain(..9 + length);
    Some((id, kind, payload))
}

/// The way to the host.
pub(crate) struct Port {
    pub(crate) fd: c_int,
    /// Frames that are to be written.
    frames: Vec<u8>,
}

impl Port {
    pub(crate) fn new(fd: c_int) -> Self {
        Self { fd, frames: Vec::new() }
    }

    /// Adds a frame. Each write wakes the host, so that several frames are written at once: see [`Port::flush`].
    pub(crate) fn send(&mut self, id: u32, kind: u8, payload: &[u8]) {
        self.frames.extend_from_slice(&id.to_le_bytes());
        self.frames.push(kind);
        self.frames.extend_from_slice(&(payload.len() as u32).to_le_bytes());
        self.frames.extend_from_slice(payload);
        if self.frames.len() >= FRAMES_BYTES {
            self.flush();
        }
    }

    /// Writes what was sent.
    pub(crate) fn flush(&mut self) {
        put(self.fd, &self.frames);
        self.frames.clear();
    }
}

/// Writes all of it; what cannot be written has nobody who reads it.
pub(crate) fn put(fd: c_int, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let count = unsafe { write(fd, bytes.as_ptr().cast(), bytes.len()) };
        if count <= 0 {
            return;
        }
        bytes = &bytes[count as usize..];
    }
}

pub(crate) fn field(record: &mut Vec<u8>, bytes: &[u8]) {
    record.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    record.extend_from_slice(bytes);
}

/// Numbers of eight bytes, and strings and lists that begin with one.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn number(&mut self) -> u64 {
        let bytes = self.take(8);
        bytes.try_into().map_or(0, u64::from_le_bytes)
    }

    pub(crate) fn bytes(&mut self) -> &'a [u8] {
        let count = self.number() as usize;
        self.take(count)
    }

    pub(crate) fn list(&mut self) -> Vec<&'a [u8]> {
        (0..self.number()).map(|_| self.bytes()).collect()
    }

    pub(crate) fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }
}
