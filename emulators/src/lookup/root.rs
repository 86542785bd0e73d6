//! Where a guest's loader and libraries are: the sysroot.
//!
//! A loader's path is not enough to know one by: `/lib/ld.so.1` is PowerPC, MIPS, m68k and PA-RISC, and
//! `/lib/ld-linux.so.2` is i386, alpha, sh4 and SPARC. So a directory is a sysroot for a program only if the
//! file that the program's loader path leads to in it is an ELF file for the program's machine. Links are
//! followed as the kernel follows them, not as a `chroot` would: an absolute link inside a sysroot leads out
//! of it, and that is said when it leads nowhere.

use std::path::{Path, PathBuf};

use crate::host::Host;
use crate::lookup::subject::{self, Subject};
use crate::lookup::{Obstacle, Reason, Trace, note};
use crate::machine::Machine;
use crate::packages::Piece;
use crate::target::{Cross, Target};

/// A directory in which the loader was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Root {
    /// The directory, `/` for the host's own.
    pub(crate) path: PathBuf,
    /// The loader in it.
    pub(crate) loader: PathBuf,
}

/// The first known directory that holds this loader for this machine, or what is missing.
pub(crate) fn find(
    subject: &Subject<'_>,
    machine: &'static Machine,
    loader: &str,
    trace: &mut Trace,
) -> Result<Root, Reason> {
    for Candidate { path, rare } in candidates(subject, machine) {
        let found = inside(&path, loader);
        match examine(subject.host, &path, &found, machine) {
            Ok(()) => {
                note(trace, format!("sysroot {}", path.display()), "chosen");
                return Ok(Root { path, loader: found });
            }
            Err(_) if rare && !subject.host.is_dir(&path) => {}
            Err(why) => note(trace, format!("sysroot {}", path.display()), &why),
        }
    }
    Err(missing(subject, machine, loader))
}

/// Whether the host itself has this loader, for this machine.
pub(crate) fn host_has(host: &dyn Host, machine: &Machine, loader: &str) -> bool {
    host.elf_machine(Path::new(loader)).is_some_and(|found| Some(found) == subject::identity(machine))
}

/// A path as the guest has it, under a directory of the host.
pub(crate) fn inside(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

/// A directory that may be a sysroot.
struct Candidate {
    path: PathBuf,
    /// Hardly anybody has it: not worth a line in the trace where it does not exist.
    rare: bool,
}

/// The directories to look in, in order: the user's, then a compiler's own, then the host, then those that the
/// emulator was built with.
fn candidates(subject: &Subject<'_>, machine: &Machine) -> Vec<Candidate> {
    let usual = |path: PathBuf| Candidate { path, rare: false };
    let rare = |path: PathBuf| Candidate { path, rare: true };
    let mut list: Vec<Candidate> = subject.options.sysroots.iter().cloned().map(usual).collect();
    let callers = subject.host.env("QEMU_LD_PREFIX").filter(|value| !value.is_empty());
    list.extend(callers.map(PathBuf::from).map(usual));
    for prefix in cross_prefixes(subject, machine) {
        let own = Path::new("/usr").join(prefix);
        // Fedora's cross compilers keep the C library one level deeper.
        let deeper = own.join("sys-root");
        list.extend([usual(own), rare(deeper)]);
    }
    list.push(usual(PathBuf::from("/")));
    if let Some(name) = machine.qemu_user {
        let built_in = [format!("/etc/qemu-binfmt/{name}"), format!("/usr/gnemul/qemu-{name}")];
        list.extend(built_in.map(PathBuf::from).map(rare));
    }
    list
}

/// The cross prefixes of a machine, the target's own first.
fn cross_prefixes(subject: &Subject<'_>, machine: &Machine) -> Vec<&'static str> {
    // The C library of Debian's compiler has instructions that a processor with SPE does not have.
    if subject.target.is_some_and(|target| target.facts().abi == "spe") {
        return Vec::new();
    }
    let own = subject.target.and_then(Target::cross_prefix);
    let mut prefixes = machine.cross_prefixes();
    prefixes.sort_by_key(|prefix| own != Some(*prefix));
    prefixes
}

/// Whether the file at `found` is the loader; if not, what is there.
fn examine(host: &dyn Host, root: &Path, found: &Path, machine: &Machine) -> Result<(), String> {
    let wanted = subject::identity(machine);
    let identity = host.elf_machine(found);
    if identity.is_some() && identity == wanted {
        return Ok(());
    }
    let name = found.strip_prefix(root).unwrap_or(found).display();
    Err(match (identity, host.link_target(found)) {
        (Some((bits, _, number)), _) => {
            format!("its `{name}` is for another machine ({bits}-bit, number {number})")
        }
        (None, Some(target)) if target.is_absolute() => {
            format!("its `{name}` is a link that leads out of it, to `{}`", target.display())
        }
        (None, Some(target)) => {
            format!("its `{name}` is a link to `{}`, which is not there", target.display())
        }
        (None, None) if host.is_file(found) => format!("its `{name}` is no ELF file"),
        (None, None) if !host.is_dir(root) => "no such directory".to_owned(),
        (None, None) => format!("no `{name}` in it"),
    })
}

/// That the loader is nowhere, with the package that has it.
fn missing(subject: &Subject<'_>, machine: &Machine, loader: &str) -> Reason {
    Reason {
        obstacle: Obstacle::LibraryMissing,
        text: format!("no sysroot has `{loader}` for {}", machine.name),
        missing: package(subject, machine, loader),
    }
}

/// What brings this loader: the C library for a program that is there, and the compiler for one that is still
/// to be built, whose linker and libraries are needed too.
pub(crate) fn package(subject: &Subject<'_>, machine: &Machine, loader: &str) -> Vec<Piece> {
    let piece = if subject.binary.is_some() { Piece::CrossLibc } else { Piece::CrossGcc };
    cross_prefix_of_loader(subject, machine, loader).map(piece).into_iter().collect()
}

/// The cross prefix whose C library has this loader, where one package has.
fn cross_prefix_of_loader(subject: &Subject<'_>, machine: &Machine, loader: &str) -> Option<&'static str> {
    let prefix = Cross::of_loader(machine, loader)?.prefix;
    cross_prefixes(subject, machine).contains(&prefix).then_some(prefix)
}
