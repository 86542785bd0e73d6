//! What is to be run, from the target, from the program's header, or from both: the one question that every
//! family is asked.

use crate::binary::{Binary, Elf};
use crate::host::{ElfIdentity, Host};
use crate::launch::Kind;
use crate::lookup::Options;
use crate::machine::Machine;
use crate::target::Target;

/// What is to be run, on which host, with which options.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) host: &'a dyn Host,
    pub(crate) options: &'a Options,
    pub(crate) target: Option<&'a Target>,
    pub(crate) binary: Option<&'a Binary>,
    /// The machine it is for, where one of our table is.
    pub(crate) machine: Option<&'static Machine>,
    /// The operating system it is for, as `target_os` has it: `unknown` for WebAssembly without one, `none` for
    /// bare metal.
    pub(crate) os: &'a str,
}

impl<'a> Subject<'a> {
    pub(crate) fn of_target(
        host: &'a dyn Host,
        target: &'a Target,
        binary: Option<&'a Binary>,
        options: &'a Options,
    ) -> Self {
        let machine = target.machine();
        Self { host, options, target: Some(target), binary, machine, os: target.facts().os }
    }

    pub(crate) fn of_binary(host: &'a dyn Host, binary: &'a Binary, options: &'a Options) -> Self {
        let machine = machine_of(binary);
        Self { host, options, target: None, binary: Some(binary), machine, os: os_of(binary) }
    }

    /// What it is called in a sentence: the triple, or the machine and system of its header.
    pub(crate) fn name(&self) -> String {
        match (self.target, self.machine) {
            (Some(target), _) => format!("`{}`", target.triple()),
            (None, Some(machine)) => format!("{} {}", machine.name, system_name(self.os)),
            (None, None) => match self.binary {
                Some(Binary::Elf(elf)) => {
                    format!("the program (ELF machine {}, {} bits)", elf.machine, elf.bits)
                }
                Some(Binary::Pe(pe)) => format!("the program (PE machine {:#06x})", pe.machine),
                _ => format!("unknown machine, {}", system_name(self.os)),
            },
        }
    }

    /// The header of an ELF program, where there is one.
    pub(crate) fn elf(&self) -> Option<&'a Elf> {
        match self.binary {
            Some(Binary::Elf(elf)) => Some(elf),
            _ => None,
        }
    }

    /// Whether it is a program that Linux kernels run: Android's is one, only its loader is in another place. A
    /// unikernel that offers Linux's calls is none, and ILP32 never came into the kernel for Arm.
    pub(crate) fn is_linux(&self) -> bool {
        let facts = self.target.map(Target::facts);
        let never = facts.is_some_and(|facts| {
            facts.vendor == "unikraft" || (facts.arch == "aarch64" && facts.abi == "ilp32")
        });
        matches!(self.os, "linux" | "android") && !never
    }

    /// The CPU model nearest to the least that the target or the machine promises.
    pub(crate) fn cpu_floor(&self) -> Option<&'static str> {
        match self.target {
            Some(target) => target.cpu_floor(),
            None => self.machine?.cpu_floor,
        }
    }

    /// Whether the least that the target promises is to be modelled.
    pub(crate) fn wants_floor(&self) -> bool {
        self.options.floor || self.target.is_some_and(Target::wants_floor)
    }

    /// The kind of emulator that was asked for: by option, or by a variant that names a kernel.
    pub(crate) fn kind_asked(&self) -> Option<Kind> {
        let kernel = self.target.and_then(Target::kernel_variant);
        self.options.emulator.or(kernel.map(|_| Kind::Vm))
    }

    /// Whether only what has a kernel of the program's machine will do.
    pub(crate) fn must_have_kernel(&self) -> bool {
        self.options.needs_kernel && self.kind_asked().is_none()
    }

    /// The CPU model that was asked for: by option, by the target's variant, or as the target's floor.
    pub(crate) fn cpu_asked(&self) -> Option<String> {
        let floor = || if self.wants_floor() { self.cpu_floor() } else { None };
        self.options
            .cpu
            .clone()
            .or_else(|| self.target.and_then(Target::cpu_variant).map(str::to_owned))
            .or_else(|| floor().map(str::to_owned))
    }
}

/// Class, byte order and number with which the files of `machine` begin.
pub(crate) fn identity(machine: &Machine) -> Option<ElfIdentity> {
    machine.elf_machine.map(|number| (machine.elf_bits(), machine.endian, number))
}

/// The system that a header speaks of. The loader's path tells the BSDs from Linux; a static ELF program is taken
/// for Linux, since `EI_OSABI` is zero in nearly all of them, unless it lies where no Linux puts a program.
fn os_of(binary: &Binary) -> &'static str {
    match binary {
        Binary::Elf(elf) if is_bare(elf) => "none",
        Binary::Elf(elf) => match elf.interpreter.as_deref() {
            Some(path) if path.starts_with("/system/bin/linker") => "android",
            Some("/libexec/ld-elf.so.1" | "/libexec/ld-elf32.so.1") => "freebsd",
            Some("/usr/libexec/ld.elf_so") => "netbsd",
            Some("/usr/libexec/ld.so") => "openbsd",
            Some("/usr/libexec/ld-elf.so.2") => "dragonfly",
            Some("/system/runtime_loader") => "haiku",
            Some("/usr/lib/ldqnx.so.2" | "/usr/lib/ldqnx-64.so.2") => "nto",
            Some(path) if path.starts_with("/lib/amd64/") || path.starts_with("/usr/lib/amd64/") => "solaris",
            Some("/lib/ld.so.1.hurd" | "/lib/ld.so") => "hurd",
            _ => "linux",
        },
        // EFI application, boot and run-time drivers, ROM image: 10 to 13.
        Binary::Pe(pe) if (10..=13).contains(&pe.subsystem) => "uefi",
        Binary::Pe(_) => "windows",
        Binary::Wasm(wasm) if wasm.component || wasm.imports.iter().any(|name| name.starts_with("wasi")) => {
            "wasi"
        }
        Binary::Wasm(_) => "unknown",
        Binary::MachO => "macos",
        Binary::Script(_) => "script",
    }
}

/// The lowest address at which Linux may load a program: the first page is never given away, so that a null
/// pointer leads nowhere (`vm.mmap_min_addr`).
const LINUX_ADDRESS_MIN: u64 = 4096;

/// Whether this can only be a program for bare metal: it asks for address 0, where microcontrollers begin.
pub(super) fn is_bare(elf: &Elf) -> bool {
    elf.interpreter.is_none() && elf.load_address.is_some_and(|address| address < LINUX_ADDRESS_MIN)
}

/// The machine of a header, where our table has it.
pub(crate) fn machine_of(binary: &Binary) -> Option<&'static Machine> {
    match binary {
        Binary::Elf(elf) => Machine::of_elf(elf),
        // The hybrid form of Windows on Arm, which holds native code too.
        Binary::Pe(pe) if pe.machine == 0xa64e => Machine::named("aarch64"),
        Binary::Pe(pe) => Machine::of_pe(pe.machine),
        Binary::Wasm(_) | Binary::MachO | Binary::Script(_) => None,
    }
}

/// A system's name as people write it.
pub(crate) fn system_name(os: &str) -> &str {
    match os {
        "none" => "bare metal",
        "linux" => "Linux",
        "android" => "Android",
        "windows" => "Windows",
        "uefi" => "UEFI",
        "wasi" => "WASI",
        "macos" => "macOS",
        "ios" => "iOS",
        "tvos" => "tvOS",
        "watchos" => "watchOS",
        "visionos" => "visionOS",
        "freebsd" => "FreeBSD",
        "netbsd" => "NetBSD",
        "openbsd" => "OpenBSD",
        "dragonfly" => "DragonFly BSD",
        "illumos" => "illumos",
        "solaris" => "Solaris",
        "haiku" => "Haiku",
        "hurd" => "GNU/Hurd",
        "fuchsia" => "Fuchsia",
        "redox" => "Redox",
        "nto" => "QNX",
        "aix" => "AIX",
        "hermit" => "Hermit",
        "vxworks" => "VxWorks",
        "cygwin" => "Cygwin",
        "helenos" => "HelenOS",
        "l4re" => "L4Re",
        "lynxos178" => "LynxOS-178",
        "managarm" => "Managarm",
        "motor" => "Motor OS",
        "qurt" => "QuRT",
        "teeos" => "TEEOS",
        "trusty" => "Trusty",
        "xous" => "Xous",
        other => other,
    }
}
