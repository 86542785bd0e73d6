//! Whether a file is an archive of ours, from its first bytes.

use std::io::{BufReader, Read as _};
use std::path::Path;

use super::digests::SUMS;
use super::zstd;

/// How long the name in a header of `tar` is at most.
const NAME_BYTES: usize = 100;

/// Whether we have packed it: its first entry is the list of digests.
pub fn is_ours(path: &Path) -> bool {
    if !path.to_string_lossy().ends_with("zst") {
        return false;
    }
    let Ok(file) = std::fs::File::open(path) else { return false };
    let mut name = [0; NAME_BYTES];
    let read = zstd::Frames::new(BufReader::new(file)).read_exact(&mut name);
    read.is_ok() && name.strip_prefix(SUMS.as_bytes()).is_some_and(|rest| rest[0] == 0)
}
