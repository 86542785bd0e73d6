//! Which DLLs a Windows program loads before its first instruction, and where they are.
//!
//! Wine ends a program whose DLL is missing with status 53 and no word, and the DLLs that a cross compiler's own runtime
//! consists of are where no Windows search looks. So the import tables are followed here: what Wine brings is passed over,
//! what lies beside the program is found by itself, what lies in the compiler's directories is added to the search, and
//! what is nowhere is named before the start. As with shared objects, only a certain "no" is said.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::binary::{Binary, Pe};
use crate::host::Host;
use crate::lookup::{Obstacle, Reason, Subject};
use crate::machine::Machine;
use crate::packages::Piece;

/// Where a Wine loader's own DLLs are, from a directory above the loader.
const WINE_LIBRARIES: [&str; 4] = ["lib", "lib64", "lib/x86_64-linux-gnu", "lib/i386-linux-gnu"];

/// Below the prefix of a mingw compiler's own root (`/usr/x86_64-w64-mingw32`): Debian's place, then Fedora's.
const MINGW_LIBRARIES: [&str; 3] = ["lib", "bin", "sys-root/mingw/bin"];

/// Names that stand for an interface and not for a file: Windows and Wine map them to DLLs of theirs
/// (Microsoft, "Windows API sets").
const API_SETS: [&str; 2] = ["api-ms-", "ext-ms-"];

/// DLLs of the compiler's runtime, by the start of their names.
const RUNTIME: [&str; 8] = [
    "libgcc_s",
    "libstdc++",
    "libwinpthread",
    "libatomic",
    "libgomp",
    "libquadmath",
    "libssp",
    "libgfortran",
];

/// The DLL that tells a program of gcc's `posix` thread model from one of its `win32` model.
const POSIX_THREADS: &str = "libwinpthread-1.dll";

/// What following the imports came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Dlls {
    /// Directories that have to be added to the search, each once.
    pub(crate) dirs: Vec<PathBuf>,
    /// The first DLL that is nowhere, and which file wants it.
    pub(crate) missing: Option<(String, String)>,
}

/// Follows the imports of the subject's program. `system` are directories in which Wine finds DLLs by itself, `shims` those
/// that will be built. Where `system` holds no DLL of Wine's nothing can be said of anything.
pub(crate) fn follow(subject: &Subject<'_>, machine: &Machine, system: &[PathBuf], shims: &[&str]) -> Dlls {
    let host = subject.host;
    let Some(Binary::Pe(program)) = subject.binary.filter(|_| !system.is_empty()) else {
        return Dlls::default();
    };
    if !program.complete {
        return Dlls::default();
    }
    let beside = beside(subject);
    let mut compiler = None;
    let mut found = Dlls::default();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut pending: Vec<(String, String)> =
        program.imports.iter().map(|name| (name.clone(), "the program".to_owned())).collect();
    pending.reverse();
    while let Some((spelled, importer)) = pending.pop() {
        let name = spelled.to_ascii_lowercase();
        let known = API_SETS.iter().any(|prefix| name.starts_with(prefix))
            || shims.iter().any(|shim| shim.eq_ignore_ascii_case(&name))
            || system.iter().any(|dir| host.is_file(&dir.join(&name)));
        if known || !seen.insert(name.clone()) {
            continue;
        }
        let mut place = beside.iter().find_map(|dir| file_in(host, dir, &name));
        if place.is_none() {
            let dirs = compiler.get_or_insert_with(|| compiler_dirs(host, machine, is_posix(program)));
            place = dirs.iter().find_map(|dir| file_in(host, dir, &name));
            let dir = place.as_deref().and_then(Path::parent).map(Path::to_owned);
            found.dirs.extend(dir.filter(|dir| !found.dirs.contains(dir)));
        }
        let Some(place) = place else {
            found.missing = Some((spelled, importer));
            return found;
        };
        if let Some(Binary::Pe(dll)) =
            host.binary(&place).filter(|binary| matches!(binary, Binary::Pe(pe) if pe.complete))
        {
            pending.extend(dll.imports.iter().map(|import| (import.clone(), format!("`{spelled}`"))));
        }
    }
    found
}

/// Whether the program was built for gcc's `posix` thread model.
fn is_posix(program: &Pe) -> bool {
    program.imports.iter().any(|import| import.eq_ignore_ascii_case(POSIX_THREADS))
}

/// That a DLL is nowhere, with the package that has it where it is one of the compiler's.
pub(crate) fn missing(dll: &str, importer: &str, machine: &Machine) -> Reason {
    let prefix = mingw_prefix(machine)
        .filter(|_| RUNTIME.iter().any(|start| dll.to_ascii_lowercase().starts_with(start)));
    Reason {
        obstacle: Obstacle::LibraryMissing,
        text: format!(
            "`{dll}`, which {importer} imports, is not beside the program, not in WINEPATH, and not part of Wine"
        ),
        missing: prefix.map(Piece::CrossGcc).into_iter().collect(),
    }
}

/// Wine's own directories with DLLs for `machine`: those below its loader, and the prefix's; none where the first is not
/// known.
pub(crate) fn system_dirs(host: &dyn Host, machine: &Machine, wine: &Path, prefix: &Path) -> Vec<PathBuf> {
    let name = match machine.name {
        "x86_32" => "i386-windows",
        "aarch64" | "arm64ec" => "aarch64-windows",
        _ => "x86_64-windows",
    };
    let above = wine.ancestors().skip(2).take(2);
    let own = above
        .flat_map(|top| WINE_LIBRARIES.iter().map(move |dir| top.join(dir).join("wine").join(name)))
        .find(|dir| host.is_file(&dir.join("ntdll.dll")));
    own.map_or_else(Vec::new, |own| vec![own, prefix.join("drive_c/windows/system32")])
}

/// The directories that Wine searches for this program by itself, as far as they are known: its own, the options', the
/// caller's `WINEPATH`, the current one.
fn beside(subject: &Subject<'_>) -> Vec<PathBuf> {
    let mut dirs: Vec<PathBuf> = subject.options.origin.iter().cloned().collect();
    dirs.extend(subject.options.library_path.iter().cloned());
    let list = subject.host.env("WINEPATH").unwrap_or_default();
    dirs.extend(list.to_string_lossy().split(';').filter_map(unix_path));
    dirs.push(PathBuf::from("."));
    dirs
}

/// `Z:\usr\lib` as the host has it; other drives are the prefix's affair.
fn unix_path(windows: &str) -> Option<PathBuf> {
    let rest = windows.strip_prefix("Z:").or_else(|| windows.strip_prefix("z:")).unwrap_or(windows);
    let path = rest.replace('\\', "/");
    path.starts_with('/').then(|| PathBuf::from(path))
}

/// The file of this name in any spelling, as Windows finds it.
fn file_in(host: &dyn Host, dir: &Path, name: &str) -> Option<PathBuf> {
    let exact = dir.join(name);
    if host.is_file(&exact) {
        return Some(exact);
    }
    let spelled = host.names_in(dir).into_iter().find(|entry| entry.eq_ignore_ascii_case(name))?;
    Some(dir.join(spelled))
}

/// The GNU prefix of the compiler whose DLLs these programs load.
fn mingw_prefix(machine: &Machine) -> Option<&'static str> {
    match machine.name {
        "x86_64" => Some("x86_64-w64-mingw32"),
        "x86_32" => Some("i686-w64-mingw32"),
        _ => None,
    }
}

/// Where the compiler keeps its runtime's DLLs, the thread model that fits first: Debian has one directory for each
/// (`/usr/lib/gcc/x86_64-w64-mingw32/12-posix`).
fn compiler_dirs(host: &dyn Host, machine: &Machine, posix: bool) -> Vec<PathBuf> {
    let Some(prefix) = mingw_prefix(machine) else { return Vec::new() };
    let top = Path::new("/usr/lib/gcc").join(prefix);
    let mut versions = host.names_in(&top);
    let model = if posix { "-posix" } else { "-win32" };
    // The newest last, and then taken from the end.
    versions.sort_by_key(|name| (name.ends_with(model), version(name)));
    let own = MINGW_LIBRARIES.iter().map(|dir| Path::new("/usr").join(prefix).join(dir));
    versions.iter().rev().map(|version| top.join(version)).chain(own).collect()
}

/// The number that a name begins with.
fn version(name: &str) -> u32 {
    name.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}
