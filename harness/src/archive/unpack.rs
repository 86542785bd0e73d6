//! Unpacks an archive that nobody vouches for.
//!
//! Files and directories are made below one directory, which is empty before; every name is checked first, and nothing is
//! written twice, so that no entry changes what another one made. Links are refused whatever they lead to: no archive of
//! ours or of cargo-nextest's has any. The headers are read raw, because a library that gathers long names for us would
//! gather a gigabyte of them.

use std::io::{self, BufReader, Read};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use tar::EntryType;

use super::{relative, zstd};
use crate::error::{About as _, Error, Result};

/// The most that is taken from an archive.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Entries.
    pub entries_max: u64,
    /// Bytes, unpacked.
    pub bytes_max: u64,
    /// Bytes unpacked for each packed one, once there are [`RATIO_FROM_BYTES`].
    pub ratio_max: u64,
}

/// From how many unpacked bytes on a ratio says something: small files of zeros are no attack.
const RATIO_FROM_BYTES: u64 = 64 << 20;
/// The longest name, and the most that an extended header may hold.
const NAME_BYTES_MAX: u64 = 64 << 10;

impl Limits {
    /// For bundles and archives: more than a workspace's test binaries with debugging information take, and less than would
    /// fill most disks.
    pub const USUAL: Self = Self { entries_max: 200_000, bytes_max: 16 << 30, ratio_max: 1000 };
}

/// Unpacks `archive` into the empty directory `into`.
///
/// # Errors
/// When it is no archive, ends early, is beyond the limits, or wants anything else than files and directories below `into`.
pub fn unpack(archive: &Path, into: &Path, limits: &Limits) -> Result<()> {
    let file = fs_err::File::open(archive).about("read", archive)?;
    let packed_bytes = file.metadata().about("read", archive)?.len();
    let mut unpacking = Unpacking { archive, into, limits, entries: 0, long_name: None };
    let frames = zstd::Frames::new(BufReader::new(file));
    let metered = Metered { inner: frames, bytes: 0, packed_bytes, limits };
    let mut tar = tar::Archive::new(metered);
    let entries = tar.entries().map_err(|error| unpacking.unreadable(error))?.raw(true);
    for entry in entries {
        let entry = entry.map_err(|error| unpacking.unreadable(error))?;
        unpacking.take(entry)?;
    }
    if unpacking.entries == 0 {
        return Err(unpacking.refused("is empty"));
    }
    // What follows the last entry is read as well: an archive that is cut there is not whole.
    io::copy(&mut tar.into_inner(), &mut io::sink()).map_err(|error| unpacking.unreadable(error))?;
    Ok(())
}

struct Unpacking<'a> {
    archive: &'a Path,
    into: &'a Path,
    limits: &'a Limits,
    entries: u64,
    /// The name of the next entry, where it is too long for its header.
    long_name: Option<String>,
}

impl Unpacking<'_> {
    fn take(&mut self, mut entry: tar::Entry<'_, impl Read>) -> Result<()> {
        self.entries += 1;
        if self.entries > self.limits.entries_max {
            return Err(self.refused(&format!("has more than {} entries", self.limits.entries_max)));
        }
        let kind = entry.header().entry_type();
        match kind {
            EntryType::GNULongName => {
                let bytes = self.short(&mut entry)?;
                let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
                self.long_name = Some(self.text(text)?);
                return Ok(());
            }
            EntryType::XHeader => {
                let bytes = self.short(&mut entry)?;
                self.long_name = self.extended(&bytes)?.or(self.long_name.take());
                return Ok(());
            }
            // What holds for all entries is a comment, or nothing that we would believe.
            EntryType::XGlobalHeader => return self.short(&mut entry).map(|_| ()),
            _ => {}
        }
        let name = match self.long_name.take() {
            Some(name) => name,
            None => self.text(&entry.header().path_bytes())?,
        };
        let Some(path) = relative(name.strip_prefix("./").unwrap_or(&name)) else {
            if name == "./" && kind == EntryType::Directory {
                return Ok(());
            }
            return Err(
                self.refused(&format!("wants to write to `{}`, outside of its place", name.escape_debug()))
            );
        };
        let path = self.into.join(path);
        match kind {
            EntryType::Regular | EntryType::Continuous => self.file(&name, &path, entry),
            EntryType::Directory => self.directory(&name, &path),
            other => Err(self.refused(&format!("holds {}, `{}`", described(other), name.escape_debug()))),
        }
    }

    fn directory(&self, name: &str, path: &Path) -> Result<()> {
        fs_err::create_dir_all(path).map_err(|error| self.clash(name, error))
    }

    fn file(&self, name: &str, path: &Path, mut entry: tar::Entry<'_, impl Read>) -> Result<()> {
        let parent = path.parent().unwrap_or(self.into);
        self.directory(name, parent)?;
        let executable = entry.header().mode().is_ok_and(|mode| mode & 0o100 != 0);
        let mode = if executable { 0o755 } else { 0o644 };
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(path)
            .map_err(|error| self.clash(name, error))?;
        let size = entry.size();
        let copied = io::copy(&mut entry, &mut file).map_err(|error| self.unreadable(error))?;
        if copied == size { Ok(()) } else { Err(self.unreadable(io::ErrorKind::UnexpectedEof.into())) }
    }

    /// The whole of an entry that is no file.
    fn short(&self, entry: &mut tar::Entry<'_, impl Read>) -> Result<Vec<u8>> {
        if entry.size() > NAME_BYTES_MAX {
            return Err(self.refused(&format!("holds a name or a header of {} bytes", entry.size())));
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(|error| self.unreadable(error))?;
        Ok(bytes)
    }

    /// The name in an extended header.
    fn extended(&self, bytes: &[u8]) -> Result<Option<String>> {
        let mut name = None;
        for extension in tar::PaxExtensions::new(bytes) {
            let extension = extension.map_err(|error| self.unreadable(error))?;
            match extension.key_bytes() {
                b"path" => name = Some(self.text(extension.value_bytes())?),
                b"size" => return Err(self.refused("holds a file whose size stands in an extended header")),
                key if key.starts_with(b"GNU.sparse") => {
                    return Err(self.refused(&format!("holds {}", described(EntryType::GNUSparse))));
                }
                // Times, owners: nothing that we keep.
                _ => {}
            }
        }
        Ok(name)
    }

    fn text(&self, bytes: &[u8]) -> Result<String> {
        let text = std::str::from_utf8(bytes).map(str::to_owned);
        text.map_err(|_| self.refused(&format!("has a name that is no text: `{}`", bytes.escape_ascii())))
    }

    fn refused(&self, why: &str) -> Error {
        Error::user(format!("`{}` is not unpacked: it {why}", self.archive.display()))
    }

    /// Something stands there already, or the disk does not take it.
    fn clash(&self, name: &str, error: io::Error) -> Error {
        match error.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
                self.refused(&format!("has two entries for `{}`", name.escape_debug()))
            }
            _ => Error::world(format!("cannot unpack `{}`", self.archive.display())).caused_by(error),
        }
    }

    /// What the bytes of the archive came to.
    fn unreadable(&self, error: io::Error) -> Error {
        if let Some(Beyond(why)) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
            return self.refused(why).hint("unpack it by hand if you trust it: tar --zstd -xf");
        }
        if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            return Error::world(format!("cannot unpack `{}`", self.archive.display())).caused_by(error);
        }
        let text = format!("`{}` is damaged, cut short, or no `.tar.zst` at all", self.archive.display());
        Error::user(text).caused_by(error).hint("copy or download it again")
    }
}

/// What an entry is that is neither a file nor a directory.
fn described(kind: EntryType) -> &'static str {
    match kind {
        EntryType::Symlink | EntryType::Link | EntryType::GNULongLink => "a link",
        EntryType::Char | EntryType::Block => "a device",
        EntryType::Fifo => "a named pipe",
        EntryType::GNUSparse => "a file with holes",
        _ => "something that is no file",
    }
}

/// That a limit was reached.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Beyond(String);

/// Counts what is unpacked, and gives up where that is too much.
struct Metered<'a, R> {
    inner: R,
    bytes: u64,
    packed_bytes: u64,
    limits: &'a Limits,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.bytes += read as u64;
        if self.bytes > self.limits.bytes_max {
            return Err(io::Error::other(Beyond(format!("holds more than {} bytes", self.limits.bytes_max))));
        }
        let most = self.packed_bytes.saturating_mul(self.limits.ratio_max).max(RATIO_FROM_BYTES);
        if self.bytes > most {
            let why = format!("unpacks to more than {} times its size", self.limits.ratio_max);
            return Err(io::Error::other(Beyond(why)));
        }
        Ok(read)
    }
}
