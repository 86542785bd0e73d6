//! Linux programs in a guest system of their own machine: a whole kernel under `qemu-system-…`, for what user-mode
//! emulation cannot do (ptrace, seccomp, namespaces, io_uring, rseq, real page sizes).
//!
//! The command is ours: `triplecheck __vm` takes the program into a system that runs already, or boots one for it alone.
//! A kernel and a first process for it have to be there, which `triplecheck setup --vm` brings; the newest is taken, or
//! the one that the target's variant names (`@linux-6.1`). Never chosen where nobody asks for it and the program is not known to
//! need a kernel: a system takes seconds to boot where user-mode emulation starts in milliseconds. What the machine of the guest
//! asks for is in [`machines`], and what that becomes on this host in [`accelerators`].

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::family::{Offer, linux_machine};
use crate::host::Host;
use crate::launch::{ARGV0, Emulator, EnvChange, Kind, Launch};
use crate::lookup::loader::{self, Loader};
use crate::lookup::{Obstacle, Reason, Subject, Trace, libraries, note, root};
use crate::machine::Machine;
use crate::packages::Piece;

pub mod accelerators;
pub mod kernels;
pub mod machines;
pub mod newer;
mod survey;

pub use survey::{Survey, survey};

use machines::System;

/// The name of the file that holds the kernel.
pub const KERNEL: &str = "kernel";

/// The name of the file that holds the first process and the modules. Its number changes whenever what is said between
/// host and guest does, so that no older one is taken.
pub const INITRAMFS: &str = "initramfs-16";

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
    let Some(first) = System::serving(machine) else {
        return Offer::NotForIt(format!("no guest system is known for {}", machine.name));
    };
    if subject.kind_asked() != Some(Kind::Vm) && !subject.must_have_kernel() {
        return Offer::NotForIt("a guest system is booted only where it is asked for or needed".to_owned());
    }
    let Some(mut words) = host.builtin_vm() else {
        return Offer::NotForIt("not part of this build".to_owned());
    };
    let kernel = kernels::choose(subject, machine, trace);
    let (system, cpu) = match &kernel {
        Ok((system, dir)) => (*system, kernels::cpu(system, &release_of(dir))),
        Err(_) => (first, first.cpu),
    };
    let chosen = match accelerators::choose(subject, system, cpu, trace) {
        Ok(chosen) => chosen,
        Err(lacking) => return refused(lacking.text, lacking.missing),
    };
    if let Some(text) = too_old(host, &chosen) {
        return refused(text, Vec::new());
    }
    let program = chosen.program;
    let kernel = match kernel {
        Ok((_, kernel)) => kernel,
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
    (kernels::numbers(&version).as_slice() < QEMU_MIN.as_slice()).then(|| {
        format!(
            "`{}` {version} cannot share files that belong to others (overlayfs opens them with `O_NOATIME`, and QEMU opens \
             them again without it since 5.0.1): it has to be 5.1 or newer, as all distributions since 2021 have it",
            chosen.name
        )
    })
}

/// The release of the kernel in a system's directory.
pub fn release_of(dir: &Path) -> String {
    dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn refused(text: String, missing: Vec<Piece>) -> Offer {
    Offer::Refused(Reason { obstacle: Obstacle::NotInstalled, text, missing })
}

/// The directory that is laid over the host's root, so that the guest's loader and libraries are where it looks for them;
/// `None` for a static program, and where they are at their places already.
fn sysroot(
    subject: &Subject<'_>,
    machine: &'static Machine,
    trace: &mut Trace,
) -> Result<Option<PathBuf>, Reason> {
    let Loader::At(loader) = loader::needed(subject) else { return Ok(None) };
    // The host's own come first, unless somebody names a directory: the guest sees the host's `/etc/ld.so.cache`, by which
    // the loader of another directory would find the host's C library, and a pair of two versions hangs in `fork`.
    let is_asked = !subject.options.sysroots.is_empty() || subject.host.env("QEMU_LD_PREFIX").is_some();
    if !is_asked && root::host_has(subject.host, machine, &loader) {
        let own = root::Root { path: PathBuf::from("/"), loader: PathBuf::from(&loader) };
        if libraries::missing(subject, machine, &own).is_none() {
            note(trace, "sysroot /", "chosen");
            return Ok(None);
        }
    }
    let found = root::find(subject, machine, &loader, trace)?;
    match libraries::missing(subject, machine, &found) {
        Some(reason) => Err(reason),
        None => Ok(Some(found.path).filter(|path| path.parent().is_some())),
    }
}
