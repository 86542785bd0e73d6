//! Whether the libraries that a program names are there, before an emulator is started to find out.
//!
//! Only a certain "no" is said. The loader's own search is wider than what can be known without it (caches,
//! configuration files, tokens in a `RUNPATH`), so whatever is not certain passes, and the loader decides.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::binary::Elf;
use crate::host::Host;
use crate::launch::EnvChange;
use crate::lookup::root::{Root, inside};
use crate::lookup::subject::{self, Subject};
use crate::lookup::{Obstacle, Reason};
use crate::machine::Machine;
use crate::packages::Piece;

/// Directories that a loader searches by itself, as the guest has them; those of 32-bit libraries beside
/// 64-bit ones last.
const STANDARD: [&str; 7] = ["lib", "usr/lib", "usr/local/lib", "lib64", "usr/lib64", "lib32", "usr/lib32"];

/// The first library that is certainly missing, as a reason.
pub(crate) fn missing(subject: &Subject<'_>, machine: &Machine, root: &Root) -> Option<Reason> {
    let elf = subject.elf()?;
    // musl answers for its own names, and its search path is in a file.
    if !elf.complete || root.loader.to_string_lossy().contains("ld-musl") {
        return None;
    }
    let mut dirs = guest_dirs(subject);
    dirs.extend(run_path(elf, subject.options.origin.as_deref(), root)?);
    // Under `-L` whatever is not in the sysroot is looked for on the host, so a multiarch library counts too.
    dirs.extend(standard_dirs(&root.path, machine));
    dirs.extend(standard_dirs(Path::new("/"), machine));
    let identity = subject::identity(machine);
    let library = elf.needed.iter().find(|name| {
        let there = |dir: &PathBuf| is_for(subject.host, &dir.join(name), identity);
        !name.contains('/') && !dirs.iter().any(there)
    })?;
    Some(Reason {
        obstacle: Obstacle::LibraryMissing,
        text: if root.path == Path::new("/") {
            format!("the host has no library `{library}` for {}", machine.name)
        } else {
            format!("the library `{library}` is not in the sysroot `{}`", root.path.display())
        },
        missing: package(library, machine, root).into_iter().collect(),
    })
}

fn is_for(host: &dyn Host, path: &Path, identity: Option<crate::host::ElfIdentity>) -> bool {
    let found = host.elf_machine(path);
    found.is_some() && found == identity
}

/// The guest's own directories: the options', then those of the caller's `LD_LIBRARY_PATH`.
pub(crate) fn guest_dirs(subject: &Subject<'_>) -> Vec<PathBuf> {
    let mut dirs = subject.options.library_path.clone();
    if let Some(list) = subject.host.env("LD_LIBRARY_PATH") {
        dirs.extend(std::env::split_paths(&list).filter(|dir| dir.is_absolute()));
    }
    dirs
}

/// Directories as one word with colons between them. One that holds a colon cannot be said to a loader.
pub(crate) fn joined(dirs: &[PathBuf]) -> OsString {
    let mut list = OsString::new();
    for dir in dirs.iter().filter(|dir| !dir.as_os_str().as_encoded_bytes().contains(&b':')) {
        if !list.is_empty() {
            list.push(":");
        }
        list.push(dir);
    }
    list
}

/// `LD_LIBRARY_PATH` with these directories in front, where there are any.
pub(crate) fn prepended(dirs: &[PathBuf]) -> Option<EnvChange> {
    let list = joined(dirs);
    // macOS has a name of its own, but no host of ours gives a macOS program libraries yet.
    (!list.is_empty()).then(|| EnvChange::Prepend("LD_LIBRARY_PATH".into(), list, ':'))
}

/// The program's `RUNPATH` with `$ORIGIN` expanded, both as the host and as the sysroot has it; `None` where it
/// holds what cannot be expanded.
pub(crate) fn run_path(elf: &Elf, origin: Option<&Path>, root: &Root) -> Option<Vec<PathBuf>> {
    let mut dirs = Vec::new();
    for entry in elf.runpath.iter().filter(|entry| !entry.is_empty()) {
        let mut text = entry.clone();
        if entry.contains('$') {
            let origin = origin?.to_str()?;
            text = entry.replace("${ORIGIN}", origin).replace("$ORIGIN", origin);
        }
        if text.contains('$') || !text.starts_with('/') {
            return None;
        }
        dirs.push(inside(&root.path, &text));
        dirs.push(PathBuf::from(text));
    }
    Some(dirs)
}

/// The standard directories of libraries for `machine` under `top`, with Debian's multiarch ones.
pub fn standard_dirs(top: &Path, machine: &Machine) -> Vec<PathBuf> {
    let multiarch = machine.cross_prefixes().into_iter().flat_map(|prefix| {
        // Debian names the directory by its oldest processor and the compiler by its usual one.
        let name = if prefix == "i686-linux-gnu" { "i386-linux-gnu" } else { prefix };
        [format!("lib/{name}"), format!("usr/lib/{name}")]
    });
    let standard = STANDARD.into_iter().map(str::to_owned);
    standard.chain(multiarch).map(|dir| top.join(dir)).collect()
}

/// The package that has a library of the compiler or the C library.
fn package(library: &str, machine: &Machine, root: &Root) -> Option<Piece> {
    let prefixes = machine.cross_prefixes();
    let prefix =
        prefixes.iter().find(|prefix| root.path == Path::new("/usr").join(prefix)).or(prefixes.first())?;
    match library.split(".so").next()? {
        "libgcc_s" | "libatomic" | "libgomp" => Some(Piece::CrossGcc(prefix)),
        "libc" | "libm" | "libdl" | "libpthread" | "librt" | "libutil" | "libresolv" => {
            Some(Piece::CrossLibc(prefix))
        }
        _ => None,
    }
}
