//! Linux programs in a guest system of their own machine: a whole kernel under `qemu-system-…`, for what user-mode
//! emulation cannot do (ptrace, seccomp, namespaces, io_uring, rseq, real page sizes).
//!
//! The command is ours: `triplecheck __vm` takes the program into a system that runs already, or boots one for it alone.
//! A kernel and a first process for it have to be there, which `triplecheck setup --vm` brings; the newest is taken, or
//! the one that the target's variant names (`@linux-6.1`). Never chosen where nobody asks for it and the program is not known to
//! need a kernel: a system takes seconds to boot where user-mode emulation starts in milliseconds. What the machine of the guest
//! asks for is in [`machines`], and what that becomes on this host in [`accelerators`].

use std::ffi::OsString;
use std::path::PathBuf;

use crate::family::{Offer, linux_machine};
use crate::host::Host;
use crate::launch::{ARGV0, Emulator, EnvChange, Kind, Launch};
use crate::lookup::loader::{self, Loader};
use crate::lookup::{Obstacle, Reason, Subject, Trace, libraries, note, root};
use crate::machine::Machine;
use crate::packages::Piece;
use crate::target::Target;

pub mod accelerators;
pub mod machines;
mod survey;

pub use survey::{Survey, survey};

use machines::System;

/// The name of the file that holds the kernel.
pub const KERNEL: &str = "kernel";

/// The name of the file that holds the first process and the modules. Its number changes whenever what is said between
/// host and guest does, so that no older one is taken.
pub const INITRAMFS: &str = "initramfs-9";

/// The first QEMU whose 9p server opens a file again without `O_NOATIME` where that is not allowed (commit `a5804fcf7b22`,
/// in 5.1 and in the stable release before it). overlayfs opens every file of the layer below with it, since Linux 4.19.
const QEMU_MIN: [u32; 3] = [5, 0, 1];

/// What a guest system says of a program.
pub(crate) fn consider(subject: &Subject<'_>, trace: &mut Trace) -> Offer {
    let host = subject.host;
    let machine = match linux_machine(subject) {
        Ok(machine) => machine,
        Err(why) => return Offer::NotForIt(why.to_owned()),
    };
    let Some(system) = System::serving(machine) else {
        return Offer::NotForIt(format!("no guest system is known for {}", machine.name));
    };
    if subject.kind_asked() != Some(Kind::Vm) && !subject.must_have_kernel() {
        return Offer::NotForIt("a guest system is booted only where it is asked for or needed".to_owned());
    }
    let Some(mut words) = host.builtin_vm() else {
        return Offer::NotForIt("not part of this build".to_owned());
    };
    let chosen = match accelerators::choose(subject, system, trace) {
        Ok(chosen) => chosen,
        Err(lacking) => return refused(lacking.text, lacking.missing),
    };
    if let Some(text) = too_old(host, &chosen) {
        return refused(text, Vec::new());
    }
    let program = chosen.program;
    let kernel = match kernel(subject, system, trace) {
        Ok(kernel) => kernel,
        Err(text) => return refused(text, vec![Piece::GuestSystem(system.machine)]),
    };
    let sysroot = match sysroot(subject, machine, trace) {
        Ok(sysroot) => sysroot,
        Err(reason) => return Offer::Refused(reason),
    };
    let cpu = chosen.cpu;
    let word = |text: &str| OsString::from(text);
    words.extend([word("--machine"), word(system.machine), word("--qemu"), program.path.clone().into()]);
    words.extend([word("--kernel"), kernel.clone().into(), word("--cpu"), cpu.clone().into()]);
    words.extend([word("--accel"), word(chosen.accelerator.name()), word("--board"), word(chosen.board)]);
    if let Some(sysroot) = &sysroot {
        words.extend([word("--sysroot"), sysroot.into()]);
    }
    words.extend([word("--argv0"), word(ARGV0), word("--")]);
    let env: Vec<EnvChange> = libraries::prepended(&subject.options.library_path).into_iter().collect();
    let emulator = Emulator { kind: Kind::Vm, program: Some(program.path), cpu: Some(cpu) };
    Offer::Launch(Launch { emulator, prefix: words, env, sysroot, preparation: None })
}

/// That the QEMU does not do what every guest system needs.
fn too_old(host: &dyn Host, chosen: &accelerators::Chosen) -> Option<String> {
    let version = host.version(&chosen.program.path)?;
    (numbers(&version).as_slice() < QEMU_MIN.as_slice()).then(|| {
        format!(
            "`{}` {version} cannot share files that belong to others (overlayfs opens them with `O_NOATIME`, and QEMU opens \
             them again without it since 5.0.1): it has to be 5.1 or newer, as all distributions since 2021 have it",
            chosen.name
        )
    })
}

fn refused(text: String, missing: Vec<Piece>) -> Offer {
    Offer::Refused(Reason { obstacle: Obstacle::NotInstalled, text, missing })
}

/// The directory of the kernel to boot: the newest, or the newest of the version that the variant names.
fn kernel(subject: &Subject<'_>, system: &System, trace: &mut Trace) -> Result<PathBuf, String> {
    let place = subject.host.cache_dir().join("vm").join(system.machine);
    let asked = subject.target.and_then(Target::kernel_variant);
    let mut releases = subject.host.names_in(&place);
    releases.retain(|release| is_of(release, asked));
    let has = |release: &str, file: &str| subject.host.is_file(&place.join(release).join(file));
    let is_outdated = releases.iter().any(|release| has(release, KERNEL));
    releases.retain(|release| has(release, INITRAMFS));
    releases.sort_by_key(|release| numbers(release));
    if let Some(release) = releases.pop() {
        note(trace, format!("kernel linux-{release}"), "chosen");
        return Ok(place.join(release));
    }
    let name = subject.machine.map_or("this machine", |machine| machine.name);
    let triple = subject.target.map_or(system.triple, Target::triple);
    let (which, variant) = asked
        .map_or_else(Default::default, |asked| (format!(" of version {asked}"), format!("@linux-{asked}")));
    let setup = format!("`triplecheck setup --vm {triple}{variant}`");
    if is_outdated {
        note(trace, format!("kernels in {}", place.display()), "made by another version of this program");
        return Err(format!(
            "the guest system{which} for {name} was made by another version of this program: {setup} makes it anew"
        ));
    }
    note(trace, format!("kernels in {}", place.display()), "none");
    Err(format!("there is no guest system{which} for {name}: {setup} brings it"))
}

/// Whether a kernel is one of what a variant names (`6.1`, `6.12-16k`): the same numbers as far as it names them, and the
/// same size of pages, which is the distribution's usual one where it names none.
pub fn is_of(release: &str, asked: Option<&str>) -> bool {
    let (version, pages) = split(release);
    let (asked, asked_pages) = asked.map_or(("", None), split);
    let rest = version.strip_prefix(asked);
    pages == asked_pages
        && rest.is_some_and(|rest| asked.is_empty() || !rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// `6.12-16k` of `6.12.117+deb13-16k`: what a variant would name it by.
pub fn series(release: &str) -> String {
    let (version, pages) = split(release);
    let mut numbers = version.split(|c: char| !c.is_ascii_digit());
    let (major, minor) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    format!("{major}.{minor}{}", pages.map_or(String::new(), |pages| format!("-{pages}")))
}

/// A version, and the size of pages at its end: `6.12`, `16k`.
fn split(name: &str) -> (&str, Option<&str>) {
    let is_size = |end: &str| end.strip_suffix('k').is_some_and(|number| number.parse::<u32>().is_ok());
    match name.rsplit_once('-') {
        Some((version, end)) if is_size(end) => (version, Some(end)),
        _ => (name, None),
    }
}

/// The numbers in a kernel's release, by which the newer is known: `6.12.117+deb13` is after `6.1.0-50`.
fn numbers(release: &str) -> Vec<u32> {
    release.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}

/// The directory that is laid over the host's root, so that the guest's loader and libraries are where it looks for them;
/// `None` for a static program, and where they are at their places already.
fn sysroot(
    subject: &Subject<'_>,
    machine: &'static Machine,
    trace: &mut Trace,
) -> Result<Option<PathBuf>, Reason> {
    let Loader::At(loader) = loader::needed(subject) else { return Ok(None) };
    let found = root::find(subject, machine, &loader, trace)?;
    match libraries::missing(subject, machine, &found) {
        Some(reason) => Err(reason),
        None => Ok(Some(found.path).filter(|path| path.parent().is_some())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variant_names_versions_and_sizes_of_pages() {
        for (release, asked, expected) in [
            ("6.1.0-50", None, true),
            ("6.1.0-50", Some("6.1"), true),
            ("6.12.117+deb13", Some("6.1"), false),
            ("6.12.117+deb13", Some("6.12"), true),
            ("6.12.117+deb13", Some("6.12.117"), true),
            ("6.12.117+deb13", Some("6.12-16k"), false),
            ("6.12.117+deb13-16k", Some("6.12-16k"), true),
            ("6.12.117+deb13-16k", Some("6.12"), false),
            ("6.12.117+deb13-16k", None, false),
            ("6.12.117+deb13-16k", Some("6.1-16k"), false),
        ] {
            assert_eq!(is_of(release, asked), expected, "{release} {asked:?}");
        }
        assert_eq!(series("6.12.117+deb13-16k"), "6.12-16k");
        assert_eq!(series("6.1.0-50"), "6.1");
        assert_eq!(series(""), ".");
    }
}
