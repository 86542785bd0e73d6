//! The files of a package or project that travel with its programs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::LeftOut;
use crate::archive;
use crate::error::{About as _, Result};

/// The largest file that is taken along, and how many bytes of them.
const FILE_BYTES_MAX: u64 = 16 << 20;
const ALL_BYTES_MAX: u64 = 256 << 20;
/// How the names of files end that are nobody else's.
const SECRET: [&str; 5] = [".pem", ".key", ".p12", ".pfx", "id_rsa"];
/// Directories that tools fill.
const BUILT: [&str; 2] = ["target", "node_modules"];

/// The files below `dir` by their names there, but for Rust's sources, hidden files, what is built, archives of ours,
/// and secrets; and what of them is left out for being large or secret.
///
/// # Errors
/// When a directory cannot be listed.
pub fn files(dir: &Path) -> Result<(BTreeMap<String, PathBuf>, Vec<LeftOut>)> {
    let mut left = ALL_BYTES_MAX;
    let (mut files, mut left_out) = (BTreeMap::new(), Vec::new());
    let mut pending = vec![(String::new(), dir.to_owned())];
    while let Some((prefix, here)) = pending.pop() {
        let mut entries = Vec::new();
        for entry in fs_err::read_dir(&here).about("list", &here)? {
            entries.push(entry.about("list", &here)?.path());
        }
        // In order, so that what is beyond the limit is the same each time.
        entries.sort();
        for path in entries {
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            // Hidden files are the tools' and the user's; a test's own have names.
            if name.starts_with('.') || (path.is_dir() && BUILT.contains(&name)) {
                continue;
            }
            let stored = format!("{prefix}{name}");
            if path.is_dir() && !path.is_symlink() {
                pending.push((format!("{stored}/"), path));
                continue;
            }
            let is_source = path.extension().is_some_and(|extension| extension == "rs");
            if !path.is_file() || is_source || archive::is_ours(&path) {
                continue;
            }
            let bytes = fs_err::metadata(&path).map_or(0, |meta| meta.len());
            let why = if SECRET.iter().any(|end| name.ends_with(end)) {
                Some("it looks like a secret")
            } else if bytes > FILE_BYTES_MAX || bytes > left {
                Some("it is large")
            } else {
                None
            };
            if let Some(why) = why {
                left_out.push(LeftOut::new(format!("the file {stored}"), why));
                continue;
            }
            left -= bytes;
            files.insert(stored, path);
        }
    }
    Ok((files, left_out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_test_may_read_is_taken_along_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            let path = dir.path().join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, bytes).unwrap();
        };
        for name in ["Cargo.toml", "src/lib.rs", "tests/data/in.bin", "target/debug/x", ".git/config"] {
            write(name, b"1");
        }
        write("tests/server.key", b"1");
        write("tests/data/x.tar.zst", b"not ours");
        let ours = BTreeMap::from([("x".to_owned(), dir.path().join("Cargo.toml"))]);
        archive::pack(&ours, &dir.path().join("out/ours.tar.zst")).unwrap();
        fs_err::File::create(dir.path().join("huge")).unwrap().set_len(FILE_BYTES_MAX + 1).unwrap();
        let (files, left_out) = files(dir.path()).unwrap();
        assert_eq!(
            files.into_keys().collect::<Vec<_>>(),
            ["Cargo.toml", "tests/data/in.bin", "tests/data/x.tar.zst"]
        );
        let left_out: Vec<&str> = left_out.iter().map(|it| it.what.as_str()).collect();
        assert_eq!(left_out, ["the file huge", "the file tests/server.key"]);
    }
}
