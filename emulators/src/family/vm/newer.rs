//! QEMUs that are newer than what a distribution installs, for systems that run much faster under them. `triplecheck setup
//! --vm` unpacks one from the distribution's own backports, beside the installed one, whose libraries and firmware it uses.

use super::kernels::numbers;
use super::machines::System;
use crate::host::{Host, Program};

/// A row: a QEMU of a distribution's backports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Newer {
    /// What follows `qemu-system-` in the name of the installed one.
    pub emulator: &'static str,
    /// The installed one is as good from this version on.
    pub before: u32,
    /// The code name of the release whose libraries it uses (`VERSION_CODENAME`, os-release(5)).
    pub release: &'static str,
    /// Where the archive has it.
    pub suite: &'static str,
    /// The package.
    pub package: &'static str,
    /// What it is called where it is unpacked: nobody else's is found under this name.
    pub name: &'static str,
    /// What is better under it.
    pub gain: &'static str,
}

/// All rows.
///
/// riscv64: QEMU 7.2 forgets all addresses and all jumps whenever the kernel lets itself at a program's memory and whenever
/// it ends that (`write_mstatus` of `target/riscv/csr.c`, at each change of `SUM`), some 1600 times for a program that prints a
/// line, of which most are for the strings of its environment, eight bytes each time. 10.0 does not; between them nothing was
/// measured.
pub const NEWER: [Newer; 1] = [Newer {
    emulator: "riscv64",
    before: 8,
    release: "bookworm",
    suite: "bookworm-backports",
    package: "qemu-system-riscv",
    name: "qemu-system-riscv64-backport",
    gain: "a program takes little more than half the time under it",
}];

impl Newer {
    /// The row of a system whose installed QEMU is too old to be fast, or is yet to be installed.
    pub fn of(host: &dyn Host, system: &System) -> Option<&'static Self> {
        let row = NEWER.iter().find(|row| row.emulator == system.emulator)?;
        let version = row.installed(host).and_then(|installed| host.version(&installed.path));
        version.is_none_or(|version| numbers(&version).as_slice() < [row.before].as_slice()).then_some(row)
    }

    /// Whether it is unpacked, and what it needs of the installed one can be there.
    pub fn is_there(&self, host: &dyn Host) -> bool {
        host.find_program(self.name).is_some() && self.installed(host).is_some()
    }

    /// The installed one.
    pub fn installed(&self, host: &dyn Host) -> Option<Program> {
        host.find_program(&format!("qemu-system-{}", self.emulator))
    }
}
