//! The part of a program that has been read so far.
//!
//! This is the only place that reads a program, and the only one that opens it. It owns the budget: no more
//! than [`HEADER_BYTES_MAX`] bytes in no more than [`READS_MAX`] pieces, whatever the program's own numbers
//! say. Pieces are kept and served again, so that neighbouring structures cost one read. They stand in
//! `OnceCell`s, because slices handed out earlier must stay valid while more is read.

use std::cell::{Cell, OnceCell};
use std::fmt;
use std::fs::{File, FileType};
use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use object::pod::{self, Pod};
use rustix::fs::{Mode, OFlags};

use super::{HEADER_BYTES_MAX, READS_MAX, UnreadableBinary};

/// The first piece: one page holds a usual ELF's headers, loader and names, or all headers of a usual PE.
const FIRST_PIECE_BYTES: u64 = 4096;
/// The least that a later piece reads ahead; a read of this size costs as much as one of a few bytes.
const PIECE_BYTES_MIN: u64 = 512;

/// Bytes that can be read from any position.
pub trait ReadAt {
    /// Reads bytes from `offset` on and says how many; 0 is the end. Fewer than asked for is no end.
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize>;

    /// The size of the whole in bytes.
    fn size(&self) -> io::Result<u64>;
}

impl ReadAt for File {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, bytes, offset)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}

impl ReadAt for &[u8] {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.get(offset..)).unwrap_or_default();
        let count = rest.len().min(bytes.len());
        bytes[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }
}

/// Opens a regular file for reading.
///
/// The kind is asked before opening: opening a device can have effects (a tape rewinds, a watchdog starts).
/// `O_NONBLOCK` and the second look cover a file that was replaced by a fifo in between.
pub(super) fn open(path: &Path) -> Result<File, UnreadableBinary> {
    regular(std::fs::metadata(path).map_err(not_opened)?.file_type())?;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file: File =
        rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| not_opened(errno.into()))?.into();
    regular(file.metadata().map_err(UnreadableBinary::Io)?.file_type())?;
    Ok(file)
}

/// Refuses what is no regular file, by its kind.
fn regular(kind: FileType) -> Result<(), UnreadableBinary> {
    let kinds = [
        (kind.is_dir(), "a directory"),
        (kind.is_fifo(), "a fifo"),
        (kind.is_socket(), "a socket"),
        (kind.is_char_device() || kind.is_block_device(), "a device"),
    ];
    match kinds.into_iter().find(|(is, _)| *is) {
        _ if kind.is_file() => Ok(()),
        Some((_, name)) => Err(UnreadableBinary::NotAFile(name)),
        None => Err(UnreadableBinary::NotAFile("something else")),
    }
}

fn not_opened(error: io::Error) -> UnreadableBinary {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => UnreadableBinary::NotFound,
        _ => UnreadableBinary::Io(error),
    }
}

/// What has been read of a source, and how much more may be.
pub(super) struct Excerpt<'s> {
    source: &'s dyn ReadAt,
    size: u64,
    /// Filled from the front: the first empty cell ends the list.
    pieces: [OnceCell<Piece>; READS_MAX],
    bytes_left: Cell<u64>,
    failure: OnceCell<io::Error>,
}

struct Piece {
    offset: u64,
    bytes: Vec<u8>,
}

/// Why bytes could not be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// They lie past the end of the file, or the file shrank meanwhile.
    PastEnd { offset: u64, len: u64, size: u64 },
    /// They would exceed the budget.
    Budget,
    /// The read failed; [`Excerpt::into_failure`] has the error.
    Failed,
}

impl fmt::Display for Missing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PastEnd { offset, len, size } => {
                write!(formatter, "{len} bytes at offset {offset} of a file of {size} bytes")
            }
            Self::Budget => write!(formatter, "not within the first {HEADER_BYTES_MAX} bytes to be read"),
            Self::Failed => formatter.write_str("the read failed"),
        }
    }
}

impl<'s> Excerpt<'s> {
    /// Starts with nothing read but the size.
    pub(super) fn new(source: &'s dyn ReadAt) -> io::Result<Self> {
        Ok(Self {
            source,
            size: source.size()?,
            pieces: [const { OnceCell::new() }; READS_MAX],
            bytes_left: Cell::new(HEADER_BYTES_MAX),
            failure: OnceCell::new(),
        })
    }

    /// The size of the whole source in bytes.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// The first error of the source, if there was one.
    pub(super) fn into_failure(self) -> Option<io::Error> {
        self.failure.into_inner()
    }

    /// The first `len` bytes, or as many as there are.
    pub(super) fn start(&self, len: u64) -> &[u8] {
        self.bytes(0, len.min(self.size)).unwrap_or_default()
    }

    /// Exactly `len` bytes from `offset`.
    pub(super) fn bytes(&self, offset: u64, len: u64) -> Result<&[u8], Missing> {
        let past_end = Missing::PastEnd { offset, len, size: self.size };
        if offset.checked_add(len).is_none_or(|end| end > self.size) {
            return Err(past_end);
        }
        let wanted = usize::try_from(len).map_err(|_| Missing::Budget)?;
        if let Some(bytes) = self.known(offset).get(..wanted) {
            return Ok(bytes);
        }
        if len > self.bytes_left.get() {
            return Err(Missing::Budget);
        }
        self.read_piece(offset, len)?.get(..wanted).ok_or(past_end)
    }

    /// Bytes from `offset` up to a NUL (not included) among the next `len_max`.
    ///
    /// `Ok(None)` where there is no NUL among them. Reads little at first, because most strings are short.
    pub(super) fn text(&self, offset: u64, len_max: u64) -> Result<Option<&[u8]>, Missing> {
        let len_max = len_max.min(self.size.saturating_sub(offset));
        let known = self.known(offset);
        let known = usize::try_from(len_max).ok().and_then(|len| known.get(..len)).unwrap_or(known);
        if let Some(text) = until_nul(known) {
            return Ok(Some(text));
        }
        let mut len = PIECE_BYTES_MIN.min(len_max);
        loop {
            if let Some(text) = until_nul(self.bytes(offset, len)?) {
                return Ok(Some(text));
            }
            if len == len_max {
                return Ok(None);
            }
            len = len.saturating_mul(8).min(len_max);
        }
    }

    /// The structure at `offset`.
    pub(super) fn structure<T: Pod>(&self, offset: u64) -> Result<&T, Missing> {
        let bytes = self.bytes(offset, size_of::<T>() as u64)?;
        let (structure, _) = pod::from_bytes(bytes)
            .expect("the slice has the structure's size, and the structures of `object` need no alignment");
        Ok(structure)
    }

    /// The `count` structures at `offset`.
    pub(super) fn table<T: Pod>(&self, offset: u64, count: u16) -> Result<&[T], Missing> {
        let bytes = self.bytes(offset, u64::from(count) * size_of::<T>() as u64)?;
        let (table, _) = pod::slice_from_bytes(bytes, usize::from(count))
            .expect("the slice has the table's size, and the structures of `object` need no alignment");
        Ok(table)
    }

    /// What has already been read from `offset` on: the longest such run within one piece.
    fn known(&self, offset: u64) -> &[u8] {
        self.pieces
            .iter()
            .map_while(OnceCell::get)
            .filter_map(|piece| {
                let start = usize::try_from(offset.checked_sub(piece.offset)?).ok()?;
                piece.bytes.get(start..)
            })
            .max_by_key(|bytes| bytes.len())
            .unwrap_or_default()
    }

    /// Reads at least `len` bytes from `offset` unless the source ends before; the caller checked the budget.
    fn read_piece(&self, offset: u64, len: u64) -> Result<&[u8], Missing> {
        let slot = self.pieces.iter().find(|slot| slot.get().is_none()).ok_or(Missing::Budget)?;
        let ahead = if offset == 0 { FIRST_PIECE_BYTES } else { PIECE_BYTES_MIN };
        let wanted = len.max(ahead).min(self.size - offset).min(self.bytes_left.get());
        let wanted = usize::try_from(wanted).map_err(|_| Missing::Budget)?;
        let mut bytes = vec![0; wanted];
        let mut filled = 0;
        while (filled as u64) < len {
            match self.source.read_at(&mut bytes[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count.min(wanted - filled),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    // Only the first error is kept: later ones follow from it.
                    let _ = self.failure.set(error);
                    return Err(Missing::Failed);
                }
            }
        }
        bytes.truncate(filled);
        self.bytes_left.set(self.bytes_left.get() - filled as u64);
        Ok(&slot.get_or_init(|| Piece { offset, bytes }).bytes)
    }
}

fn until_nul(bytes: &[u8]) -> Option<&[u8]> {
    bytes.iter().position(|&byte| byte == 0).map(|end| &bytes[..end])
}
