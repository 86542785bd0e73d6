//! Sources of bytes that are no file: one that counts what is taken from it, one that fails, and one that is
//! far larger than memory.

use std::cell::Cell;
use std::io;

use triplecheck_emulators::binary::{Binary, HEADER_BYTES_MAX, READS_MAX, ReadAt, UnreadableBinary};

/// Counts the bytes and reads that another source serves.
pub(crate) struct Counted<'s> {
    pub(crate) source: &'s dyn ReadAt,
    pub(crate) bytes: Cell<u64>,
    pub(crate) reads: Cell<usize>,
}

impl<'s> Counted<'s> {
    pub(crate) fn new(source: &'s dyn ReadAt) -> Self {
        Self { source, bytes: Cell::new(0), reads: Cell::new(0) }
    }
}

impl ReadAt for Counted<'_> {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let count = self.source.read_at(bytes, offset)?;
        self.bytes.set(self.bytes.get() + count as u64);
        self.reads.set(self.reads.get() + 1);
        Ok(count)
    }

    fn size(&self) -> io::Result<u64> {
        self.source.size()
    }
}

/// Bytes at the start and one byte repeated behind them, up to any size.
pub(crate) struct Endless {
    pub(crate) start: Vec<u8>,
    pub(crate) filler: u8,
    pub(crate) size: u64,
}

impl ReadAt for Endless {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let count = bytes.len().min(usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX));
        bytes[..count].fill(self.filler);
        self.start.as_slice().read_at(&mut bytes[..count], offset)?;
        Ok(count)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.size)
    }
}

/// Serves a number of bytes from the front and fails behind them, like a disk with a bad sector.
pub(crate) struct Failing {
    pub(crate) start: Vec<u8>,
    pub(crate) size: u64,
}

impl ReadAt for Failing {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        match self.start.as_slice().read_at(bytes, offset)? {
            0 => Err(io::Error::other("bad sector")),
            count => Ok(count),
        }
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.size)
    }
}

/// Reads a header and checks that the budget was kept.
#[track_caller]
pub(crate) fn read(source: &dyn ReadAt) -> Result<Binary, UnreadableBinary> {
    let counted = Counted::new(source);
    let answer = Binary::read_from(&counted);
    assert!(counted.bytes.get() <= HEADER_BYTES_MAX, "{} bytes were read", counted.bytes.get());
    assert!(counted.reads.get() <= READS_MAX, "{} reads were made", counted.reads.get());
    answer
}
