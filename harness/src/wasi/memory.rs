//! The guest's memory, read and written through checked addresses: a bad address is the guest's error, never a panic.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use super::errno::Errno;

/// At most this many buffers are served by one call, as on Linux (`IOV_MAX`); the rest is a short read or write.
const BUFFERS_MAX: u32 = 1024;

/// The memory for the time of one call.
pub(super) struct Memory<'a>(pub(super) &'a mut [u8]);

/// A stretch of the guest's memory that lies within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    start: usize,
    length: usize,
}

impl Span {
    /// Its length in bytes.
    pub(super) fn len(self) -> usize {
        self.length
    }
}

impl Memory<'_> {
    /// The stretch of `length` bytes from `address` on.
    pub(super) fn span(&self, address: u32, length: u32) -> Result<Span, Errno> {
        let span = Span { start: to_usize(address), length: to_usize(length) };
        if span.start.checked_add(span.length).is_some_and(|end| end <= self.0.len()) {
            Ok(span)
        } else {
            Err(Errno::FAULT)
        }
    }

    pub(super) fn bytes(&self, span: Span) -> &[u8] {
        &self.0[span.start..span.start + span.length]
    }

    pub(super) fn bytes_mut(&mut self, span: Span) -> &mut [u8] {
        &mut self.0[span.start..span.start + span.length]
    }

    pub(super) fn read<const N: usize>(&self, address: u32) -> Result<[u8; N], Errno> {
        let start = to_usize(address);
        self.0.get(start..).and_then(|rest| rest.first_chunk::<N>()).copied().ok_or(Errno::FAULT)
    }

    pub(super) fn read_u32(&self, address: u32) -> Result<u32, Errno> {
        self.read(address).map(u32::from_le_bytes)
    }

    pub(super) fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), Errno> {
        let start = to_usize(address);
        let end = start.checked_add(bytes.len()).ok_or(Errno::FAULT)?;
        self.0.get_mut(start..end).ok_or(Errno::FAULT)?.copy_from_slice(bytes);
        Ok(())
    }

    pub(super) fn write_u32(&mut self, address: u32, value: u32) -> Result<(), Errno> {
        self.write(address, &value.to_le_bytes())
    }

    pub(super) fn write_u64(&mut self, address: u32, value: u64) -> Result<(), Errno> {
        self.write(address, &value.to_le_bytes())
    }

    /// A count of bytes, as a size of the guest.
    pub(super) fn write_size(&mut self, address: u32, value: usize) -> Result<(), Errno> {
        self.write_u32(address, u32::try_from(value).map_err(|_| Errno::OVERFLOW)?)
    }

    /// A path, any bytes.
    pub(super) fn path(&self, address: u32, length: u32) -> Result<OsString, Errno> {
        Ok(OsString::from_vec(self.bytes(self.span(address, length)?).to_vec()))
    }

    /// The buffers that `count` pairs of address and length at `address` name, empty ones left out.
    pub(super) fn buffers(&self, address: u32, count: u32) -> Result<Vec<Span>, Errno> {
        let mut spans = Vec::new();
        for index in 0..count.min(BUFFERS_MAX) {
            let pair = address.checked_add(index * 8).ok_or(Errno::FAULT)?;
            let length = self.read_u32(pair.checked_add(4).ok_or(Errno::FAULT)?)?;
            let span = self.span(self.read_u32(pair)?, length)?;
            if span.length > 0 {
                spans.push(span);
            }
        }
        Ok(spans)
    }
}

/// A guest's number as an index of the host, which is never narrower here.
pub(super) fn to_usize(value: u32) -> usize {
    usize::try_from(value).expect("hosts have at least 32-bit addresses")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_beyond_the_end_are_refused() {
        let mut bytes = [0_u8; 16];
        let mut memory = Memory(&mut bytes);
        assert_eq!(memory.write_u64(8, 1), Ok(()));
        assert_eq!(memory.write_u64(9, 1), Err(Errno::FAULT));
        assert_eq!(memory.write_u32(u32::MAX, 1), Err(Errno::FAULT));
        assert_eq!(memory.read_u32(13), Err(Errno::FAULT));
        assert_eq!(memory.span(16, 0).map(Span::len), Ok(0));
        assert_eq!(memory.span(1, u32::MAX), Err(Errno::FAULT));
    }

    #[test]
    fn buffers_are_those_that_hold_something() {
        let mut bytes = [0_u8; 40];
        let mut memory = Memory(&mut bytes);
        for (index, word) in [32, 4, 0, 0, 36, 4].into_iter().enumerate() {
            memory.write_u32(u32::try_from(index).unwrap() * 4, word).unwrap();
        }
        let spans = memory.buffers(0, 3).unwrap();
        assert_eq!(spans, [Span { start: 32, length: 4 }, Span { start: 36, length: 4 }]);
        memory.write_u32(4, 9).unwrap();
        assert_eq!(memory.buffers(0, 3), Err(Errno::FAULT));
        assert_eq!(memory.buffers(u32::MAX - 3, 1), Err(Errno::FAULT));
    }
}
