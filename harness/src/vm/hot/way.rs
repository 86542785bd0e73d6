//! Where paths lead on the host, as a guest goes them, and what a program's loader looks for.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use triplecheck_emulators::binary::Binary;
use triplecheck_emulators::lookup::standard_dirs;
use triplecheck_emulators::machine::Machine;

/// How many links a path may lead over, and how many libraries a program may have, before they are left to 9p.
const LINKS_MAX: usize = 20;
const LIBRARIES_MAX: usize = 60;

/// Where glibc's loader looks for variants of libraries in each directory of `LD_LIBRARY_PATH`, as 2.36 asks for them on the
/// processors of our systems; beside these in `tls`, and since 2.37 in `glibc-hwcaps` alone.
const VARIANTS: [(&str, &[&str]); 5] = [
    ("aarch32", &["neon", "v7l", "vfp"]),
    ("aarch64", &["aarch64"]),
    ("s390x", &["eimm", "ldisp", "vx", "vxe", "vxe2", "z15", "zarch"]),
    ("x86_64", &["x86_64"]),
    ("powerpc64le", &["altivec", "dfp", "power9"]),
];

/// What every root has for itself.
const OWN: [&str; 3] = ["/dev", "/proc", "/sys"];

/// What a path was when it was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) kind: Kind,
    /// Mode, owner, group, and the time of the last change of its contents.
    pub(super) about: [u64; 5],
    /// Device, inode, and for files their size and the time of the last change of any kind.
    pub(super) identity: [u64; 5],
    /// Where a link leads.
    pub(super) to: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Directory,
    File,
    Link,
    Absent,
}

/// Where a path leads: all that is passed on the way, the last of it last.
pub(super) type Way = Vec<(PathBuf, Seen)>;

impl Seen {
    pub(super) fn bytes(&self) -> u64 {
        if self.kind == Kind::File { self.identity[2] } else { 0 }
    }

    pub(super) fn is_same_directory(&self, other: &Self) -> bool {
        self.kind == Kind::Directory && other.kind == Kind::Directory && self.identity == other.identity
    }
}

/// What is at a path, without following it; `None` where that cannot be said, or is of a kind that is not held.
pub(super) fn look(path: &Path) -> Option<Seen> {
    let about = match fs_err::symlink_metadata(path) {
        Ok(about) => about,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Some(Seen { kind: Kind::Absent, about: [0; 5], identity: [0; 5], to: Vec::new() });
        }
        Err(_) => return None,
    };
    let number = |number: i64| u64::try_from(number).ok();
    let (seconds, nanoseconds) = (number(about.mtime())?, number(about.mtime_nsec())?);
    let kind = match about.file_type() {
        kind if kind.is_dir() => Kind::Directory,
        kind if kind.is_file() => Kind::File,
        kind if kind.is_symlink() => Kind::Link,
        _ => return None,
    };
    let to = match kind {
        Kind::Link => fs_err::read_link(path).ok()?.into_os_string().into_vec(),
        _ => Vec::new(),
    };
    let changed = [about.size(), number(about.ctime())?, number(about.ctime_nsec())?];
    let [size, ctime, ctime_nsec] = if kind == Kind::Directory { [0; 3] } else { changed };
    Some(Seen {
        kind,
        about: [about.mode().into(), about.uid().into(), about.gid().into(), seconds, nanoseconds],
        identity: [about.dev(), about.ino(), size, ctime, ctime_nsec],
        to,
    })
}

/// What a path leads over, as the guest goes it: names in the root that a sysroot has taken are links of its own.
pub(super) fn way(path: &Path, links: &[Vec<u8>]) -> Option<Way> {
    let mut way = Way::new();
    let mut at = PathBuf::from("/");
    let mut rest: Vec<Vec<u8>> = parts(path);
    let mut followed = 0;
    while let Some(part) = rest.pop() {
        if part == b".." {
            at.pop();
            continue;
        }
        let is_root = at.parent().is_none();
        let taken = links.chunks_exact(2).find(|pair| is_root && pair[0] == part);
        let next = at.join(OsStr::from_bytes(&part));
        if OWN.iter().any(|own| next.starts_with(own)) {
            return None;
        }
        let to = if let Some(pair) = taken {
            pair[1].clone()
        } else {
            let seen = look(&next)?;
            way.push((next.clone(), seen.clone()));
            match seen.kind {
                Kind::Directory => {
                    at = next;
                    continue;
                }
                Kind::Link => seen.to,
                Kind::File | Kind::Absent => return Some(way),
            }
        };
        followed += 1;
        if followed > LINKS_MAX {
            return None;
        }
        let to = Path::new(OsStr::from_bytes(&to));
        if to.is_absolute() {
            at = PathBuf::from("/");
        }
        rest.extend(parts(to));
    }
    Some(way)
}

/// The parts of a path, the first one last.
pub(super) fn parts(path: &Path) -> Vec<Vec<u8>> {
    let parts = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.as_bytes().to_vec()),
        Component::ParentDir => Some(b"..".to_vec()),
        Component::Prefix(_) | Component::RootDir | Component::CurDir => None,
    });
    let mut parts: Vec<Vec<u8>> = parts.collect();
    parts.reverse();
    parts
}

/// A program's libraries, as its loader finds them.
#[derive(Default)]
pub(super) struct Libraries {
    /// Where they are looked for before they are found, and where they are.
    pub(super) paths: Vec<PathBuf>,
    /// Names, and where the guest has them. Not among them are those of which there is a variant for some processors, which
    /// is the loader's to choose.
    pub(super) found: Vec<(String, String)>,
    /// What the directories were in which they are looked for: where one is another, all this may be.
    dirs: Vec<Way>,
}

impl Libraries {
    /// Those that are needed, and those which they need, looked for in `first` before all other directories.
    pub(super) fn of(needed: &[String], machine: &Machine, links: &[Vec<u8>], first: &[PathBuf]) -> Self {
        let mut libraries = Self::default();
        let variants_of =
            VARIANTS.iter().find(|(name, _)| *name == machine.name).map_or(&[][..], |row| row.1);
        for dir in first {
            libraries
                .paths
                .extend(["glibc-hwcaps", "tls"].iter().chain(variants_of).map(|name| dir.join(name)));
            libraries.dirs.extend(way(dir, links));
        }
        let mut pending = needed.to_vec();
        let mut known: BTreeSet<String> = BTreeSet::new();
        let mut dirs = standard_dirs(Path::new("/"), machine);
        // The loader of glibc looks into a machine's own directories first (dl-load.c), and in each for variants.
        dirs.sort_by_key(|dir| (!dir.to_string_lossy().contains("-linux-"), dir.starts_with("/usr")));
        let mut variants = Vec::new();
        for dir in &dirs {
            let Some(way) = way(dir, links) else { continue };
            if let Some((real, seen)) = way.last()
                && seen.kind == Kind::Directory
            {
                variants.extend(dirs_below(real));
            }
            libraries.dirs.push(way);
        }
        while let Some(name) = pending.pop() {
            if known.len() == LIBRARIES_MAX || name.contains('/') || !known.insert(name.clone()) {
                continue;
            }
            for dir in first.iter().chain(&dirs) {
                let path = dir.join(&name);
                libraries.paths.extend([dir.join("glibc-hwcaps"), path.clone()]);
                let Some(way) = way(&path, links) else { continue };
                let Some((found, _)) = way.last().filter(|(_, seen)| seen.kind == Kind::File) else {
                    continue;
                };
                if let Ok(Binary::Elf(elf)) = Binary::read(found) {
                    pending.extend(elf.needed);
                }
                if let Some(path) = path.to_str()
                    && !first.contains(dir)
                    && !variants.iter().any(|dir| dir.join(&name).exists())
                {
                    libraries.found.push((name, path.to_owned()));
                }
                break;
            }
        }
        libraries
    }

    /// These, and the others that are found in the same directories, by their names.
    pub(super) fn with(&self, others: &Self) -> Self {
        let found: BTreeMap<_, _> = self.found.iter().chain(&others.found).cloned().collect();
        Self { paths: Vec::new(), found: found.into_iter().collect(), dirs: others.dirs.clone() }
    }

    /// Whether the directories are what they were, and the same names are in them.
    pub(super) fn are_as_they_were(&self) -> bool {
        self.dirs.iter().all(|way| {
            let is_as_it_was = |(place, (path, seen)): (usize, &(PathBuf, Seen))| {
                look(path)
                    .is_some_and(|now| now == *seen || place + 1 < way.len() && now.is_same_directory(seen))
            };
            way.iter().enumerate().all(is_as_it_was)
        })
    }
}

/// The directories in which a loader may look for variants of the libraries of `dir`: `glibc-hwcaps/z15`, `tls/i686`, `z13`.
fn dirs_below(dir: &Path) -> Vec<PathBuf> {
    let below = |dir: &Path| -> Vec<PathBuf> {
        let entries = fs_err::read_dir(dir).into_iter().flatten().flatten();
        // Those of Debian's machines have libraries of their own.
        let is_variant = |entry: &fs_err::DirEntry| !entry.file_name().to_string_lossy().contains("-linux-");
        entries.filter(is_variant).map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
    };
    let mut dirs = below(dir);
    for nested in ["glibc-hwcaps", "tls"] {
        dirs.extend(below(&dir.join(nested)));
    }
    dirs
}
