//! Machines: one row per instruction set, execution mode and encoding, with the word that each foreign
//! vocabulary has for it. Names follow ISA, then mode: `aarch64` (A64) and `aarch32` (A32, T32) are two modes
//! of one family; a bare "arm" stands only in the columns of those who say so.
//!
//! A row is a fact about the processor and its Linux ABI. What differs by operating system or triple is
//! answered by [`crate::target::Target`], which falls back on the row.

use crate::binary::Elf;
use crate::target::{Cross, Endian};

mod table;

/// One instruction set in one mode and byte order.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Machine {
    /// Our name, unique in the table: `aarch64`, `aarch32`, `x86_32`, `x86_64`, `riscv64`, `mips64el`, `mipsn32`.
    pub name: &'static str,
    /// The family whose 64-bit member may run its 32-bit member: `arm`, `x86`, `mips`, `riscv`.
    pub family: &'static str,
    /// Byte order.
    pub endian: Endian,
    /// Register width in bits as the ELF class has it (32 for n32 and x32); 16 for AVR and MSP430, whose
    /// programs are in 32-bit ELF files.
    pub bits: u8,
    /// ELF `e_machine` (`linux/elf-em.h`); `None` where programs are not ELF.
    pub elf_machine: Option<u16>,
    /// The suffix of `qemu-…` (user mode), `None` where no QEMU from 7.2 to 10 has a user-mode emulator.
    pub qemu_user: Option<&'static str>,
    /// The suffix of `qemu-system-…`; the 64-bit one where it runs both.
    pub qemu_system: Option<&'static str>,
    /// Debian's architecture name (`dpkg-architecture -L`), ports and cross compilers included.
    pub debian: Option<&'static str>,
    /// The kernel's `ARCH=`.
    pub linux: Option<&'static str>,
    /// `uname -m` as qemu-user answers it, or the kernel where there is no qemu-user.
    pub uname: Option<&'static str>,
    /// `GOARCH`, where Go has a port.
    pub go: Option<&'static str>,
    /// The CPU model to ask QEMU for by default, `None` for QEMU's own default.
    pub cpu_default: Option<&'static str>,
    /// The CPU model that is nearest to the least that the machine's programs may expect; a name that QEMU 7.2
    /// lists in `-cpu help`, or `None` where no model is below the default.
    pub cpu_floor: Option<&'static str>,
    /// Whether plain `char` is signed in C (the ABI's default on Linux).
    pub char_signed: bool,
    /// `long double` in C on Linux.
    pub long_double: LongDouble,
    /// The guest's page size in bytes under qemu-user.
    pub page_bytes: u32,
    /// The bit pattern of `0.0f32 / 0.0`, as QEMU computes it where it emulates the machine.
    pub nan_bits: u32,
}

/// Format of C's `long double`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LongDouble {
    /// The same as `double`.
    Binary64,
    /// 80 bits: x87's, and the Motorola 68881's, which has the same 64 bits of precision.
    X87,
    /// IEEE 754 quadruple.
    Binary128,
    /// A pair of doubles (PowerPC).
    DoubleDouble,
}

/// `e_flags` of MIPS: registers are 64 bits wide although the file's class is 32 (`EF_MIPS_ABI2`).
const MIPS_N32: u32 = 0x20;
/// `e_flags` of MIPS: the field that names the architecture revision (`EF_MIPS_ARCH`).
const MIPS_ARCH: u32 = 0xf000_0000;
/// The two values of that field from release 6 on, which broke with the earlier encodings.
const MIPS_R6: [u32; 2] = [0x9000_0000, 0xa000_0000];
/// `e_machine` of MIPS.
const ELF_MIPS: u16 = 8;

/// What kernels say of machines whose row has another name for `uname -m`: older processors, Arm's compatibility
/// mode, Apple's and OpenBSD's word for AArch64.
const UNAME_ALIASES: &[(&str, Endian, &str)] = &[
    ("i386", Endian::Little, "x86_32"),
    ("i486", Endian::Little, "x86_32"),
    ("i586", Endian::Little, "x86_32"),
    ("amd64", Endian::Little, "x86_64"),
    ("arm64", Endian::Little, "aarch64"),
    ("armv8l", Endian::Little, "aarch32"),
    ("armv8b", Endian::Big, "aarch32_be"),
    // Its programs are 32-bit: no distribution has others.
    ("parisc64", Endian::Big, "hppa"),
];

/// Numbers that were used before the registered one, or beside it, with the registered one.
const ELF_MACHINE_ALIASES: &[(u16, u16)] = &[
    // EM_486, never registered, and still in QEMU's own binfmt table.
    (6, 3),
    // EM_MICROBLAZE_OLD.
    (0xbaab, 189),
    // EM_S390_OLD.
    (0xa390, 22),
    // EM_ARC_COMPACT: the processor before ARCv2.
    (93, 195),
];

/// PE's `IMAGE_FILE_HEADER.Machine`. An ARM64EC program says 0x8664: only its hybrid metadata tells.
const PE_MACHINES: &[(u16, &str)] = &[
    (0x014c, "x86_32"),
    (0x8664, "x86_64"),
    (0xaa64, "aarch64"),
    (0xa641, "arm64ec"),
    (0x01c0, "aarch32"),
    (0x01c2, "aarch32"),
    (0x01c4, "aarch32"),
    (0x5032, "riscv32"),
    (0x5064, "riscv64"),
    (0x6232, "loongarch32"),
    (0x6264, "loongarch64"),
];

impl Machine {
    /// Every machine, by family.
    pub fn all() -> impl Iterator<Item = &'static Machine> {
        table::MACHINES.iter()
    }

    /// The machine of this name of ours.
    pub fn named(name: &str) -> Option<&'static Machine> {
        Self::all().find(|machine| machine.name == name)
    }

    /// The machine that an ELF file is for.
    pub fn of_elf(elf: &Elf) -> Option<&'static Machine> {
        Self::of_elf_header(elf.bits, elf.endian, elf.machine, elf.flags)
    }

    /// The machine that an ELF header is for: its class in bits, `EI_DATA`, `e_machine` and `e_flags`.
    ///
    /// The flags matter on MIPS alone, where they tell n32 from o32 and release 6 from what came before. (BE8 on
    /// aarch32 and ELFv1 or v2 on PowerPC are flags too, but neither changes who runs the program.)
    pub fn of_elf_header(bits: u8, endian: Endian, e_machine: u16, e_flags: u32) -> Option<&'static Machine> {
        let e_machine = ELF_MACHINE_ALIASES
            .iter()
            .find_map(|(alias, registered)| (*alias == e_machine).then_some(*registered))
            .unwrap_or(e_machine);
        if e_machine == ELF_MIPS {
            return Self::of_mips_elf(bits, endian, e_flags);
        }
        Self::all().find(|machine| {
            machine.elf_machine == Some(e_machine) && machine.endian == endian && machine.elf_bits() == bits
        })
    }

    /// The machine that a PE header is for.
    pub fn of_pe(machine: u16) -> Option<&'static Machine> {
        PE_MACHINES.iter().find(|(number, _)| *number == machine).and_then(|(_, name)| Self::named(name))
    }

    /// The machine that `uname -m` names on a host of this byte order; of several, the widest and oldest: a 64-bit
    /// kernel says the same to its 32-bit programs, and MIPS kernels do not say their release.
    pub fn of_uname(name: &str, endian: Endian) -> Option<&'static Machine> {
        let alias = UNAME_ALIASES.iter().find(|row| (row.0, row.1) == (name, endian)).map(|row| row.2);
        // The version of a 32-bit Arm kernel: `armv6l`, `armv5tejl`, `armv7b`.
        let arm = name.strip_prefix("armv").and_then(|version| match (version.chars().last()?, endian) {
            ('l', Endian::Little) => Some("aarch32"),
            ('b', Endian::Big) => Some("aarch32_be"),
            _ => None,
        });
        if let Some(machine) = alias.or(arm).and_then(Self::named) {
            return Some(machine);
        }
        let candidates = || Self::all().filter(|row| row.uname == Some(name) && row.endian == endian);
        let widest = candidates().map(|row| row.bits).max()?;
        candidates().find(|row| row.bits == widest)
    }

    /// The GNU prefixes of the C toolchains whose libraries its Linux programs load, the usual one first.
    pub fn cross_prefixes(&self) -> Vec<&'static str> {
        Cross::all()
            .filter(|cross| cross.machine == self.name && !cross.loaders.is_empty())
            .map(|cross| cross.prefix)
            .collect()
    }

    /// The numbers in `e_machine` of the machine's ELF files: the registered one, and those that were used beside it.
    pub fn elf_numbers(&self) -> impl Iterator<Item = u16> {
        let registered = self.elf_machine;
        let aliases =
            ELF_MACHINE_ALIASES.iter().filter(move |row| Some(row.1) == registered).map(|(alias, _)| *alias);
        registered.into_iter().chain(aliases)
    }

    /// The class in bits of the machine's ELF files.
    pub fn elf_bits(&self) -> u8 {
        self.bits.max(32)
    }

    fn of_mips_elf(bits: u8, endian: Endian, e_flags: u32) -> Option<&'static Machine> {
        let width = match (bits, e_flags & MIPS_N32 != 0) {
            (64, _) => "mips64",
            (32, true) => "mipsn32",
            (32, false) if MIPS_R6.contains(&(e_flags & MIPS_ARCH)) => "mips32",
            (32, false) => "mips",
            _ => return None,
        };
        let release = if MIPS_R6.contains(&(e_flags & MIPS_ARCH)) { "r6" } else { "" };
        let order = match endian {
            Endian::Big => "",
            Endian::Little => "el",
        };
        Self::all().find(|machine| {
            machine.elf_machine == Some(ELF_MIPS)
                && machine.name.strip_prefix(width).and_then(|rest| rest.strip_prefix(release)) == Some(order)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_machine_is_found_by_its_name_and_by_its_own_header() {
        for (at, machine) in Machine::all().enumerate() {
            assert_eq!(Machine::named(machine.name), Some(machine));
            assert!(!Machine::all().take(at).any(|other| other.name == machine.name), "{}", machine.name);
            let Some(number) = machine.elf_machine else {
                continue;
            };
            let flags = match machine.name {
                name if name.contains("n32r6") => MIPS_N32 | MIPS_R6[1],
                name if name.contains("n32") => MIPS_N32,
                name if name.starts_with("mips") && name.contains("r6") => MIPS_R6[0],
                _ => 0,
            };
            let found = Machine::of_elf_header(machine.elf_bits(), machine.endian, number, flags);
            assert_eq!(found, Some(machine), "{}", machine.name);
        }
    }

    #[test]
    fn headers_that_share_a_number_are_told_apart() {
        #[track_caller]
        fn check(bits: u8, endian: Endian, number: u16, flags: u32, name: Option<&str>) {
            let found = Machine::of_elf_header(bits, endian, number, flags);
            assert_eq!(found.map(|machine| machine.name), name);
        }
        check(64, Endian::Little, 0x3e, 0, Some("x86_64"));
        check(32, Endian::Little, 0x3e, 0, Some("x32"));
        check(32, Endian::Little, 3, 0, Some("x86_32"));
        check(32, Endian::Little, 6, 0, Some("x86_32"));
        check(32, Endian::Little, 40, 0x0500_0400, Some("aarch32"));
        check(32, Endian::Big, 40, 0x0580_0400, Some("aarch32_be"));
        check(64, Endian::Big, 183, 0, Some("aarch64_be"));
        check(32, Endian::Little, 183, 0, Some("aarch64_ilp32"));
        // e_flags as Debian's compilers write them.
        check(32, Endian::Big, 8, 0x7000_1007, Some("mips"));
        check(32, Endian::Little, 8, 0x7000_1027, Some("mipsn32el"));
        check(64, Endian::Little, 8, 0x8000_0007, Some("mips64el"));
        check(32, Endian::Little, 8, 0x9000_1407, Some("mips32r6el"));
        check(64, Endian::Big, 8, 0xa000_0407, Some("mips64r6"));
        check(32, Endian::Big, 8, 0xa000_0427, Some("mipsn32r6"));
        check(64, Endian::Big, 21, 1, Some("powerpc64"));
        check(64, Endian::Little, 21, 2, Some("powerpc64le"));
        check(64, Endian::Big, 22, 0, Some("s390x"));
        check(32, Endian::Big, 22, 0, Some("s390"));
        check(32, Endian::Big, 18, 0, Some("sparc32plus"));
        check(32, Endian::Little, 0xbaab, 0, Some("microblazeel"));
        check(64, Endian::Little, 0, 0, None);
        check(16, Endian::Little, 8, 0, None);
        check(64, Endian::Big, 0x3e, 0, None);
    }

    #[test]
    fn pe_machines_are_known_by_number() {
        for (number, name) in PE_MACHINES {
            assert_eq!(Machine::of_pe(*number).map(|machine| machine.name), Some(*name));
        }
        assert_eq!(Machine::of_pe(0), None);
        assert_eq!(Machine::of_pe(0x200), None, "Itanium");
    }

    #[test]
    fn kernels_names_are_understood() {
        #[track_caller]
        fn check(name: &str, endian: Endian, machine: Option<&str>) {
            assert_eq!(Machine::of_uname(name, endian).map(|machine| machine.name), machine, "{name}");
        }
        check("x86_64", Endian::Little, Some("x86_64"));
        check("i586", Endian::Little, Some("x86_32"));
        check("i686", Endian::Little, Some("x86_32"));
        check("aarch64", Endian::Little, Some("aarch64"));
        check("arm64", Endian::Little, Some("aarch64"));
        check("armv7l", Endian::Little, Some("aarch32"));
        check("armv5tejl", Endian::Little, Some("aarch32"));
        check("armv8l", Endian::Little, Some("aarch32"));
        check("armv6b", Endian::Big, Some("aarch32_be"));
        check("ppc64le", Endian::Little, Some("powerpc64le"));
        check("mips", Endian::Big, Some("mips"));
        check("mips64", Endian::Little, Some("mips64el"));
        check("mips64", Endian::Big, Some("mips64"));
        check("s390x", Endian::Big, Some("s390x"));
        check("sparc64", Endian::Big, Some("sparc64"));
        check("parisc64", Endian::Big, Some("hppa"));
        check("x86_64", Endian::Big, None);
        check("", Endian::Little, None);
        check("armv", Endian::Little, None);
    }

    #[test]
    fn a_machine_knows_its_cross_prefixes_with_the_usual_one_first() {
        let prefixes = |name| Machine::named(name).unwrap().cross_prefixes();
        assert_eq!(prefixes("aarch32"), ["arm-linux-gnueabihf", "arm-linux-gnueabi"]);
        assert_eq!(prefixes("x86_64"), ["x86_64-linux-gnu"]);
        assert_eq!(prefixes("mips32r6el"), ["mipsisa32r6el-linux-gnu"]);
        assert_eq!(prefixes("avr"), [""; 0]);
    }

    #[test]
    fn rows_are_consistent() {
        for machine in Machine::all() {
            assert!(matches!(machine.bits, 16 | 32 | 64), "{}", machine.name);
            assert!(machine.page_bytes.is_power_of_two(), "{}", machine.name);
            let nan = f32::from_bits(machine.nan_bits);
            assert!(nan.is_nan(), "{}", machine.name);
            // A model is QEMU's to play, so there has to be a QEMU.
            let has_model = machine.cpu_default.is_some() || machine.cpu_floor.is_some();
            let has_qemu = machine.qemu_user.is_some() || machine.qemu_system.is_some();
            assert!(has_qemu || !has_model, "{}", machine.name);
        }
    }
}
