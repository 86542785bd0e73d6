//! Makes an archive. The same files give the same bytes: names in order, no times, no owners, and of the modes only whether
//! a file may be executed.

use std::collections::BTreeMap;
use std::io::{BufReader, BufWriter, Read, Seek as _, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::digests::{self, SUMS};
use super::zstd;
use crate::error::{About as _, Result};

/// Packs `files`, named as in the archive, with a list of their digests. What stood at `to` before is replaced when the
/// archive is whole.
///
/// # Errors
/// When a file cannot be read, or the archive cannot be written.
pub fn pack(files: &BTreeMap<String, PathBuf>, to: &Path) -> Result<()> {
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs_err::create_dir_all(parent).about("create", parent)?;
    let mut plain = tempfile::tempfile_in(parent).about("write in", parent)?;
    let mut builder = tar::Builder::new(BufWriter::new(&mut plain));
    let sums = digests::list(files)?;
    append(&mut builder, (SUMS, 0o644, sums.len() as u64), sums.as_bytes()).about("write in", parent)?;
    for (name, path) in files {
        let file = fs_err::File::open(path).about("read", path)?;
        let meta = file.metadata().about("read", path)?;
        let mode = if meta.permissions().mode() & 0o100 == 0 { 0o644 } else { 0o755 };
        append(&mut builder, (name, mode, meta.len()), BufReader::new(file)).about("pack", path)?;
    }
    builder.into_inner().and_then(|mut writer| writer.flush()).about("write in", parent)?;
    plain.seek(SeekFrom::Start(0)).about("read in", parent)?;
    let packed =
        tempfile::Builder::new().prefix(".packing-").tempfile_in(parent).about("write in", parent)?;
    zstd::compress(BufReader::new(plain), BufWriter::new(packed.as_file())).about("write", to)?;
    // A temporary file is its owner's alone; an archive is for others too, as far as they reach it.
    let public = std::fs::Permissions::from_mode(0o644);
    packed.as_file().set_permissions(public).about("write", to)?;
    packed.persist(to).about("write", to)?;
    Ok(())
}

fn append(
    builder: &mut tar::Builder<impl Write>,
    (name, mode, size): (&str, u32, u64),
    data: impl Read,
) -> std::io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(0);
    // A file that shrinks or grows meanwhile must not shift the entries behind it.
    let mut exact = Exact { data, left: size };
    builder.append_data(&mut header, name, &mut exact)?;
    if exact.left == 0 { Ok(()) } else { Err(std::io::Error::other("it changed while it was packed")) }
}

/// So many bytes and no more.
struct Exact<R> {
    data: R,
    left: u64,
}

impl<R: Read> Read for Exact<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.data.read(&mut buffer[..most])?;
        self.left -= read as u64;
        Ok(read)
    }
}
