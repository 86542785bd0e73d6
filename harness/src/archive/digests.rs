//! The list of digests in an archive, as `b3sum` writes and checks it: every file but the list itself, each once.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::files_below;
use crate::error::{About as _, Error, Result};

/// Its name.
pub const SUMS: &str = "B3SUMS";

/// The list for these files.
///
/// # Errors
/// When one of them cannot be read.
pub(super) fn list(files: &BTreeMap<String, PathBuf>) -> Result<String> {
    let mut text = String::new();
    for (name, path) in files.iter().filter(|(name, _)| *name != SUMS) {
        let _ = writeln!(text, "{}  {name}", digest(path)?);
    }
    Ok(text)
}

fn digest(path: &Path) -> Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(fs_err::File::open(path).about("read", path)?).about("read", path)?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// Compares what was unpacked into `dir` with its list. `what` is the archive's name, for messages.
///
/// # Errors
/// When there is no list, or a file is missing, changed, or not in it.
pub fn verify(dir: &Path, what: &Path) -> Result<()> {
    let problem = |text: String| Error::user(format!("`{}` {text}", what.display()));
    let Ok(list) = fs_err::read_to_string(dir.join(SUMS)) else {
        return Err(problem(format!("has no list of digests (`{SUMS}`): triplecheck did not make it")));
    };
    let mut files = files_below(dir)?;
    files.remove(SUMS);
    for line in list.lines() {
        let known = line.split_once("  ").filter(|(digest, _)| digest.len() == 64);
        let Some((told, name)) = known else {
            return Err(problem(format!("has a damaged list of digests (`{SUMS}`)")));
        };
        let Some(path) = files.remove(name) else {
            return Err(problem(format!("lacks the file `{name}`, which its list of digests names")));
        };
        if digest(&path)? != told {
            return Err(problem(format!("was changed: `{name}` is not what its list of digests says")));
        }
    }
    match files.keys().next() {
        Some(name) => Err(problem(format!("was changed: `{name}` is not in its list of digests"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(change: impl Fn(&Path)) -> String {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [("a", "1"), ("b/c", "2")] {
            let path = dir.path().join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        }
        let sums = list(&files_below(dir.path()).unwrap()).unwrap();
        fs_err::write(dir.path().join(SUMS), sums).unwrap();
        change(dir.path());
        verify(dir.path(), Path::new("x.tar.zst")).map_or_else(|error| error.render(), |()| "whole".into())
    }

    #[test]
    fn every_change_is_told() {
        assert_eq!(told(|_| ()), "whole");
        for (change, words) in [
            (
                (|dir: &Path| fs_err::write(dir.join("a"), "2").unwrap()) as fn(&Path),
                "changed: `a` is not what",
            ),
            (|dir| fs_err::write(dir.join("d"), "2").unwrap(), "changed: `d` is not in its list"),
            (|dir| fs_err::remove_file(dir.join("b/c")).unwrap(), "lacks the file `b/c`"),
            (|dir| fs_err::remove_file(dir.join(SUMS)).unwrap(), "has no list"),
            (|dir| fs_err::write(dir.join(SUMS), "x\n").unwrap(), "a damaged list"),
        ] {
            let told = told(change);
            assert!(told.contains(words) && told.contains("x.tar.zst"), "{told}");
        }
    }
}
