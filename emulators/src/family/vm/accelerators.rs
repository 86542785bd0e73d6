//! Which QEMU runs a guest system on this host, with which accelerator, board and processor: decided before a command line
//! is made, because what is right for KVM (`-cpu host`, `gic-version=host`) is an error after QEMU has fallen back to TCG.
//!
//! KVM is taken where it runs this machine's systems on this host ([`KVM`]), has been shown to be of use
//! ([`crate::host::Host::kvm`]), is part of the QEMU that is found, and where nobody asked for a CPU model, to which KVM
//! would not hold a program. Everything else is TCG. Each reason stands in the trace.

use super::machines::System;
use super::newer::Newer;
use crate::host::{Host, Kvm, Program, Proof};
use crate::lookup::{Subject, Trace, note};
use crate::packages::Piece;

/// Who executes a guest's instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accelerator {
    /// The host's processor.
    Kvm,
    /// QEMU's translator.
    Tcg,
}

impl Accelerator {
    /// QEMU's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        }
    }

    /// The accelerator that QEMU calls so.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Kvm, Self::Tcg].into_iter().find(|accelerator| accelerator.name() == name)
    }
}

/// A row: how KVM of one machine runs the systems of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByKvm {
    /// The machine of the host's kernel.
    pub host: &'static str,
    /// The machine of the guest's.
    pub guest: &'static str,
    /// What follows `qemu-system-`: a QEMU has KVM only where it is one for the host's own machine.
    pub emulator: &'static str,
    /// The board.
    pub board: &'static str,
    /// The processor.
    pub cpu: &'static str,
    /// Whether the processor must be able to be one of 32 bits (aarch32 at EL1), which many are not.
    pub needs_aarch32: bool,
}

const fn by_kvm(
    host: &'static str,
    guest: &'static str,
    emulator: &'static str,
    board: &'static str,
) -> ByKvm {
    ByKvm { host, guest, emulator, board, cpu: "host", needs_aarch32: false }
}

/// All rows: QEMU's `meson.build` (which of its programs are made with KVM on which host) and Linux's
/// `Documentation/virt/kvm`.
pub const KVM: [ByKvm; 10] = [
    by_kvm("x86_64", "x86_64", "x86_64", "q35"),
    // The interrupt controller has to be the one that the host has.
    by_kvm("aarch64", "aarch64", "aarch64", "virt,gic-version=host"),
    ByKvm {
        cpu: "host,aarch64=off",
        needs_aarch32: true,
        ..by_kvm("aarch64", "aarch32", "aarch64", "virt,gic-version=host")
    },
    by_kvm("riscv64", "riscv64", "riscv64", "virt"),
    by_kvm("s390x", "s390x", "s390x", "s390-ccw-virtio"),
    // A guest chooses its byte order itself.
    by_kvm("powerpc64le", "powerpc64le", "ppc64", "pseries"),
    by_kvm("powerpc64le", "powerpc64", "ppc64", "pseries"),
    by_kvm("powerpc64", "powerpc64", "ppc64", "pseries"),
    by_kvm("powerpc64", "powerpc64le", "ppc64", "pseries"),
    by_kvm("loongarch64", "loongarch64", "loongarch64", "virt"),
];

/// Hosts and guests of which somebody might expect more than KVM can do, and why it cannot. An empty guest is any.
const NEVER: [(&str, &str, &str); 2] = [
    ("x86_32", "x86_64", "KVM of a 32-bit kernel runs no system of 64 bits"),
    ("aarch32", "", "Linux 5.7 has removed KVM from 32-bit Arm"),
];

/// Names of QEMU without its machine's, which is then the host's own: `qemu-kvm` of NixOS, Debian's `kvm`, and what Red
/// Hat's systems have beside the path. Taken for no other machine: a foreign system under them does not start, or starts
/// as something else (nixpkgs issue 334064).
const OWN_NAMES: [&str; 3] = ["qemu-kvm", "kvm", "/usr/libexec/qemu-kvm"];

/// What the trace calls the question whether KVM is taken.
pub(super) const KVM_STEP: &str = "accelerator kvm";

/// How a system is going to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chosen {
    /// The QEMU.
    pub(super) program: Program,
    /// The name under which it was found.
    pub(super) name: String,
    pub(super) accelerator: Accelerator,
    pub(super) board: &'static str,
    pub(super) cpu: String,
}

/// Why there is no QEMU for it.
pub(super) struct Lacking {
    pub(super) text: String,
    pub(super) missing: Vec<Piece>,
}

/// Decides, and says why. `cpu` is the processor under emulation where nobody asks for one.
pub(super) fn choose(
    subject: &Subject<'_>,
    system: &System,
    cpu: &str,
    trace: &mut Trace,
) -> Result<Chosen, Lacking> {
    let mut unusable = None;
    match kvm(subject, system, trace) {
        Ok((chosen, proof)) => {
            let how = match proof {
                Proof::Loop => "a guest's loop was over in time",
                Proof::Calls => "its calls answer; the first boot has to show the rest",
            };
            note(trace, KVM_STEP, &format!("chosen: {how}"));
            found(trace, &chosen);
            return Ok(chosen);
        }
        Err(why) => note(trace, KVM_STEP, &why),
    }
    let newer = Newer::of(subject.host, system).filter(|newer| newer.is_there(subject.host));
    let newer = newer.map(|newer| newer.name.to_owned());
    for name in newer.into_iter().chain(names(subject.host, system.emulator)) {
        let Some(program) = subject.host.find_program(&name) else {
            note(trace, &name, "not found");
            continue;
        };
        if let Some(defect) = subject.host.defect(&program.path) {
            let text = format!("`{}` is no working QEMU: {defect}", program.path.display());
            note(trace, &name, &text);
            unusable.get_or_insert(text);
            continue;
        }
        note(trace, "accelerator tcg", "chosen");
        let cpu = subject.cpu_asked().unwrap_or_else(|| cpu.to_owned());
        let chosen = Chosen { program, name, accelerator: Accelerator::Tcg, board: system.board, cpu };
        found(trace, &chosen);
        return Ok(chosen);
    }
    let qemu = Piece::QemuSystem(system.emulator);
    if let Some(text) = unusable {
        return Err(Lacking { text, missing: vec![qemu] });
    }
    let text = format!("`qemu-system-{}` is not installed", system.emulator);
    Err(Lacking { text, missing: vec![qemu, Piece::GuestSystem(system.machine)] })
}

fn found(trace: &mut Trace, chosen: &Chosen) {
    let path = chosen.program.path.display();
    note(trace, &chosen.name, &format!("found: `{path}`, board `{}`, cpu `{}`", chosen.board, chosen.cpu));
}

/// The names under which the QEMU of this machine is looked for.
fn names(host: &dyn Host, emulator: &str) -> Vec<String> {
    let own = KVM.iter().find(|row| row.host == host.machine().name && row.host == row.guest);
    let is_own = own.is_some_and(|row| row.emulator == emulator);
    let more = OWN_NAMES.iter().filter(|_| is_own).map(ToString::to_string);
    std::iter::once(format!("qemu-system-{emulator}")).chain(more).collect()
}

/// The system under KVM, or why not.
fn kvm(subject: &Subject<'_>, system: &System, trace: &mut Trace) -> Result<(Chosen, Proof), String> {
    let host = subject.host;
    let (own, guest) = (host.machine().name, system.machine);
    let Some(row) = KVM.iter().find(|row| (row.host, row.guest) == (own, guest)) else {
        let never = NEVER.iter().find(|(host, of, _)| *host == own && (of.is_empty() || *of == guest));
        return Err(match never {
            Some((_, _, why)) => (*why).to_owned(),
            None => format!("the host's processor is no {guest}, it is {own}"),
        });
    };
    if let Some(cpu) = subject.cpu_asked() {
        return Err(format!("not taken: it would not hold programs to the CPU model `{cpu}`"));
    }
    let proof = match host.kvm() {
        Kvm::No { why, hint: Some(hint) } => return Err(format!("{why}: {hint}")),
        Kvm::No { why, hint: None } => return Err(format!("`/dev/kvm` is of no use: {why}")),
        Kvm::Yes { aarch32: false, .. } if row.needs_aarch32 => {
            return Err("this processor runs no 32-bit kernel (it has no aarch32 at EL1)".to_owned());
        }
        Kvm::Yes { proof, .. } => proof,
    };
    let mut why = format!("no QEMU for the host's own machine (`qemu-system-{}`) is installed", row.emulator);
    for name in names(host, row.emulator) {
        let Some(program) = host.find_program(&name) else {
            note(trace, &name, "not found");
            continue;
        };
        if let Some(defect) = host.defect(&program.path) {
            why = format!("`{}` is no working QEMU: {defect}", program.path.display());
        } else if host.accelerators(&program.path).is_some_and(|names| names.iter().any(|name| name == "kvm"))
        {
            let (accelerator, board, cpu) = (Accelerator::Kvm, row.board, row.cpu.to_owned());
            return Ok((Chosen { program, name, accelerator, board, cpu }, proof));
        } else {
            why = format!("`{}` was built without it (`-accel help`)", program.path.display());
        }
        note(trace, &name, &why);
    }
    Err(why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Machine;

    #[test]
    fn every_row_names_machines_that_we_know_and_no_two_are_of_the_same() {
        for (at, row) in KVM.iter().enumerate() {
            assert!(Machine::named(row.host).is_some() && Machine::named(row.guest).is_some(), "{row:?}");
            let is_same = |other: &ByKvm| (other.host, other.guest) == (row.host, row.guest);
            assert_eq!(KVM.iter().position(is_same), Some(at));
            let never = NEVER
                .iter()
                .any(|(host, guest, _)| *host == row.host && (guest.is_empty() || *guest == row.guest));
            assert!(!never, "{row:?}");
            let own = KVM.iter().find(|own| own.host == row.host && own.guest == row.host).unwrap();
            assert_eq!(own.emulator, row.emulator, "KVM is part of the host's own QEMU alone");
        }
    }

    #[test]
    fn accelerators_have_the_names_that_they_are_found_by() {
        for accelerator in [Accelerator::Kvm, Accelerator::Tcg] {
            assert_eq!(Accelerator::named(accelerator.name()), Some(accelerator));
        }
        assert_eq!(Accelerator::named("hvf"), None);
    }
}
