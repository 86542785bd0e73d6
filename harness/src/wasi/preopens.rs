//! Which directories of the host a WASI program is given, and under which names.
//!
//! wasi-libc strips leading `/` and `./` from the names it is given *and* from the paths a program opens, then takes the
//! longest name that is a prefix. So `tmp/x` and `/tmp/x` are one path to it, a directory given as `/` would replace
//! the one given as `.`, and there is no way to give the whole root. What comes nearest to the native run is `.` for
//! everything, plus those top-level directories of the host that programs open by absolute path, except where the
//! current directory has an entry of that very name: there the relative meaning wins, and only the directories that
//! must work (the current one and the one for temporary files) are given by their full path.
//!
//! `node.mjs` computes the same list.

#![cfg_attr(
    not(feature = "wasi"),
    expect(dead_code, reason = "without the runtime only node's copy is used")
)]

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

/// Directories of the root that programs open by absolute path. Those left out (`bin`, `lib`, `run`, `opt`, …) hold
/// nothing that tests open, but are names that tests give to directories of their own.
const TOP_LEVEL: [&str; 8] = ["dev", "etc", "home", "proc", "sys", "tmp", "usr", "var"];

/// A directory given to the guest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Preopen {
    /// Its name in the guest.
    pub(super) name: PathBuf,
    /// The directory of the host.
    pub(super) directory: PathBuf,
}

/// The facts from which the list is made.
pub(super) struct Surroundings<'a> {
    /// The current directory, absolute.
    pub(super) current: &'a Path,
    /// The directory for temporary files, if one is set.
    pub(super) temporary: Option<&'a Path>,
    /// The program's arguments; an absolute path among them brings in its top-level directory.
    pub(super) arguments: Vec<&'a OsStr>,
}

/// The directories to give, the current one first. `shadowed` tells whether the current directory has an entry of this
/// name.
pub(super) fn preopens(around: &Surroundings<'_>, shadowed: impl Fn(&OsStr) -> bool) -> Vec<Preopen> {
    let mut absolute = BTreeSet::new();
    let needed = [Some(around.current), around.temporary];
    let mut tops: BTreeSet<&OsStr> = TOP_LEVEL.iter().map(OsStr::new).collect();
    tops.extend(needed.iter().flatten().filter_map(|path| top_level(path)));
    tops.extend(around.arguments.iter().filter_map(|word| top_level(Path::new(word))));
    absolute.extend(tops.into_iter().filter(|name| !shadowed(name)).map(|name| Path::new("/").join(name)));
    for path in needed.into_iter().flatten().filter(|path| path.is_absolute()) {
        if path != Path::new("/") && !absolute.iter().any(|given: &PathBuf| path.starts_with(given)) {
            absolute.insert(path.to_path_buf());
        }
    }
    let current = Preopen { name: ".".into(), directory: around.current.to_path_buf() };
    let others = absolute.into_iter().map(|path| Preopen { name: path.clone(), directory: path });
    std::iter::once(current).chain(others).collect()
}

/// The first component of an absolute path.
fn top_level(path: &Path) -> Option<&OsStr> {
    let mut components = path.components();
    match (components.next()?, components.next()?) {
        (Component::RootDir, Component::Normal(name)) => Some(name),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(around: &Surroundings<'_>, shadowed: &str, added: &[&str], absent: &[&str]) {
        let given = preopens(around, |name| name == shadowed);
        let names: Vec<_> = given.iter().map(|preopen| preopen.name.to_string_lossy().into_owned()).collect();
        assert_eq!(names[0], ".");
        assert_eq!(given[0].directory, around.current);
        for name in added {
            assert!(names.iter().any(|given| given == name), "{name} should be in {names:?}");
        }
        for name in absent {
            assert!(!names.iter().any(|given| given == name), "{name} should not be in {names:?}");
        }
    }

    #[test]
    fn paths_that_the_program_is_told_can_be_opened() {
        let around = Surroundings {
            current: Path::new("/projects/one"),
            temporary: Some(Path::new("/scratch/tmp")),
            arguments: vec![OsStr::new("/data/in"), OsStr::new("relative/in"), OsStr::new("--x=/srv")],
        };
        check(
            &around,
            "",
            &["/projects", "/scratch", "/data", "/tmp", "/dev"],
            &["/", "/srv", "/relative", "/bin"],
        );
    }

    #[test]
    fn a_directory_of_the_project_is_not_hidden_by_one_of_the_root() {
        let around = Surroundings { current: Path::new("/tmp/project"), temporary: None, arguments: vec![] };
        check(&around, "tmp", &["/tmp/project", "/dev"], &["/tmp"]);
    }

    #[test]
    fn the_root_as_current_directory_is_given_once() {
        let around = Surroundings { current: Path::new("/"), temporary: None, arguments: vec![] };
        check(&around, "", &["/tmp"], &["/"]);
    }
}
