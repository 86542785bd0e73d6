//! What a program has changed of the files that it saw.

use std::ffi::c_int;
use std::fs;
use std::io::Read as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use crate::linux::*;
use crate::wire::{field, put};

/// The largest file that is brought back: one that has holes may seem larger than everything else.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// Whether a directory took the place of one that the host has.
fn is_made_anew(upper: &Path, path: &Path) -> bool {
    let (upper, mut value) = (c(upper.as_os_str().as_bytes()), [0u8; 1]);
    let name = c"trusted.overlay.opaque".as_ptr();
    let count = unsafe { getxattr(upper.as_ptr(), name, value.as_mut_ptr().cast(), 1) };
    // Every new directory says that it is opaque.
    count == 1 && value == *b"y" && Path::new("/lower").join(path.strip_prefix("/").unwrap_or(path)).is_dir()
}

/// Reports what was changed below `root`: files and directories that were made, and what was removed. The error is a number,
/// of a file that cannot be reported: an empty one in its place would be taken for what the program made.
pub(crate) fn collect(report: c_int, root: &Path) -> Result<(), i32> {
    let upper = Path::new("/cell/upper").join(root.strip_prefix("/").unwrap_or(root));
    let mut pending = vec![PathBuf::new()];
    while let Some(below) = pending.pop() {
        for entry in fs::read_dir(upper.join(&below)).into_iter().flatten().flatten() {
            let below = below.join(entry.file_name());
            let Ok(about) = entry.path().symlink_metadata() else { continue };
            let kind = about.file_type();
            let (word, data) = if kind.is_dir() {
                pending.push(below.clone());
                (if is_made_anew(&entry.path(), &root.join(&below)) { b'o' } else { b'd' }, Vec::new())
            } else if kind.is_symlink() {
                let to = fs::read_link(entry.path()).unwrap_or_default();
                (b'l', to.into_os_string().into_vec())
            } else if kind.is_file() {
                report_file(report, &entry.path(), &about, &root.join(below))?;
                continue;
            } else if kind.is_char_device() && about.rdev() == 0 {
                (b'w', Vec::new())
            } else {
                continue;
            };
            let mut record = vec![b'c', word];
            record.extend_from_slice(&about.mode().to_le_bytes());
            field(&mut record, root.join(below).as_os_str().as_bytes());
            field(&mut record, &data);
            put(report, &record);
        }
    }
    Ok(())
}

/// Reports a file that was made, piece by piece: it may be as large as all that is free. The error is a number, and says that
/// nothing is reported yet.
fn report_file(report: c_int, file: &Path, about: &fs::Metadata, name: &Path) -> Result<(), i32> {
    const EFBIG: i32 = 27;
    if about.size() > FILE_BYTES_MAX {
        return Err(EFBIG);
    }
    let mut source = fs::File::open(file).map_err(|error| error.raw_os_error().unwrap_or(0))?;
    let mut record = vec![b'c', b'r'];
    record.extend_from_slice(&about.mode().to_le_bytes());
    field(&mut record, name.as_os_str().as_bytes());
    record.extend_from_slice(&about.size().to_le_bytes());
    put(report, &record);
    let (mut left, mut buffer) = (about.size(), [0; 64 * 1024]);
    while left > 0 {
        let most = buffer.len().min(left as usize);
        match source.read(&mut buffer[..most]) {
            // Nobody is left who could have made it shorter. A report that breaks off is none.
            Ok(0) | Err(_) => unsafe { _exit(1) },
            Ok(count) => {
                put(report, &buffer[..count]);
                left -= count as u64;
            }
        }
    }
    Ok(())
}
