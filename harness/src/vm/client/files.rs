//! What a program made, brought back to the host.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::vm::wire::Change;

/// The directories from which what the program made is brought back: where it is, and where it may put what it wants.
pub(super) fn roots() -> Vec<PathBuf> {
    let mut roots: Vec<PathBuf> = std::env::current_dir().into_iter().collect();
    let tmp = std::env::var_os("TMPDIR").and_then(|tmp| fs_err::canonicalize(tmp).ok());
    roots.extend(tmp.filter(|tmp| roots.iter().all(|root| !tmp.starts_with(root))));
    roots
}

/// Does on the host what the program did below its directories.
pub(super) fn bring_back(change: &Change, roots: &[PathBuf]) -> io::Result<()> {
    let path = PathBuf::from(OsString::from_vec(change.path.clone()));
    let is_plain = path.components().all(|part| part != std::path::Component::ParentDir);
    if !is_plain || !roots.iter().any(|root| path.starts_with(root)) {
        return Err(io::Error::other(format!("`{}` is not where the program was", path.display())));
    }
    let there = fs_err::symlink_metadata(&path).ok();
    match (change.kind, &there) {
        // Made anew: nothing of what was there before is in it.
        (b'o', Some(there)) if there.is_dir() => fs_err::remove_dir_all(&path)?,
        (b'w', None) => return Ok(()),
        (b'd', Some(there)) if there.is_dir() => {}
        (b'd' | b'w' | b'l', Some(there)) if there.is_dir() => fs_err::remove_dir_all(&path)?,
        (b'r', Some(there)) if there.is_file() => {}
        (_, Some(_)) => fs_err::remove_file(&path)?,
        (_, None) => {}
    }
    match change.kind {
        b'o' => fs_err::create_dir(&path)?,
        b'd' if there.is_none_or(|there| !there.is_dir()) => fs_err::create_dir(&path)?,
        b'l' => {
            let to = PathBuf::from(OsString::from_vec(change.data.clone()));
            return fs_err::os::unix::fs::symlink(to, &path);
        }
        b'r' => fs_err::write(&path, &change.data)?,
        b'w' => return Ok(()),
        _ => {}
    }
    fs_err::set_permissions(&path, std::fs::Permissions::from_mode(change.mode & 0o7777))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(kind: u8, path: &std::path::Path, data: &[u8]) -> Change {
        let path = path.as_os_str().to_owned().into_vec();
        Change { kind, mode: 0o755, path, data: data.to_vec() }
    }

    #[test]
    fn a_directory_that_was_made_anew_has_nothing_of_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        let roots = [dir.path().to_owned()];
        let sub = dir.path().join("sub");
        for (kind, left) in [(b'd', true), (b'o', false)] {
            fs_err::create_dir_all(&sub).unwrap();
            fs_err::write(sub.join("old"), "").unwrap();
            bring_back(&change(kind, &sub, &[]), &roots).unwrap();
            bring_back(&change(b'r', &sub.join("new"), b"x"), &roots).unwrap();
            assert_eq!(sub.join("old").exists(), left);
            assert_eq!(fs_err::read(sub.join("new")).unwrap(), b"x");
        }
        fs_err::remove_dir_all(&sub).unwrap();
        bring_back(&change(b'o', &sub, &[]), &roots).unwrap();
        assert!(sub.is_dir());
    }

    #[test]
    fn nothing_is_written_elsewhere() {
        let dir = tempfile::tempdir().unwrap();
        let roots = [dir.path().join("in")];
        for path in ["out", "in/../out"] {
            assert!(bring_back(&change(b'r', &dir.path().join(path), b"x"), &roots).is_err());
        }
        assert_eq!(fs_err::read_dir(dir.path()).unwrap().count(), 0);
    }
}
