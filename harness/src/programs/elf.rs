//! Linux programs: the sentinel of every machine that has a Rust target, as words of machine code.
//!
//! Each is `write(1, TEXT, 33); exit(42)`. The text stands at one address for all, whose two halves every instruction set
//! can load. The instructions are from the architecture manuals, the numbers from each kernel's table of system calls; the
//! tests run every program under its QEMU.

use triplecheck_emulators::machine::Machine;
use triplecheck_emulators::target::Endian;

/// The status with which the sentinel exits: none that a failing loader or shell would give.
pub(crate) const SENTINEL_STATUS: u32 = 42;

/// Where the program is loaded: above every `mmap_min_addr`, a multiple of every page size.
const BASE: u32 = 0x0040_0000;
/// Where the text is in the file, and with [`BASE`] in memory.
const TEXT: u32 = 0x200;

/// The instructions.
enum Code {
    /// One after the other.
    Bytes(&'static [u8]),
    /// Words of 32 bits in the data's byte order.
    Words(&'static [u32]),
    /// Words of 32 bits that are little-endian also where the data is not.
    LittleWords(&'static [u32]),
}

/// `e_flags` and instructions of the machines of this name.
type Row = (&'static str, u32, Code);

const AARCH64: &[u32] = &[
    0xd280_0808,
    0xd280_0020,
    0xd2a0_0801,
    0xf280_4001,
    0xd280_0422,
    0xd400_0001,
    0xd280_0ba8,
    0xd280_0540,
    0xd400_0001,
];
const AARCH32: &[u32] = &[
    0xe3a0_7004,
    0xe3a0_0001,
    0xe3a0_1501,
    0xe381_1c02,
    0xe3a0_2021,
    0xef00_0000,
    0xe3a0_7001,
    0xe3a0_002a,
    0xef00_0000,
];
const RISCV: &[u32] = &[
    0x0400_0893,
    0x0010_0513,
    0x0040_05b7,
    0x2005_8593,
    0x0210_0613,
    0x0000_0073,
    0x05d0_0893,
    0x02a0_0513,
    0x0000_0073,
];
const POWERPC: &[u32] = &[
    0x3800_0004,
    0x3860_0001,
    0x3c80_0040,
    0x6084_0200,
    0x38a0_0021,
    0x4400_0002,
    0x3800_0001,
    0x3860_002a,
    0x4400_0002,
];
const LOONGARCH64: &[u32] = &[
    0x0381_000b,
    0x0380_0404,
    0x1400_8005,
    0x0388_00a5,
    0x0380_8406,
    0x002b_0000,
    0x0381_740b,
    0x0380_a804,
    0x002b_0000,
];
/// o32, n32 and n64 differ in the numbers only: from 4000, 6000 and 5000.
const MIPS_O32: &[u32] = &[
    0x2402_0fa4,
    0x2404_0001,
    0x3c05_0040,
    0x34a5_0200,
    0x2406_0021,
    0x0000_000c,
    0x2402_0fa1,
    0x2404_002a,
    0x0000_000c,
];
const MIPS_N32: &[u32] = &[
    0x2402_1771,
    0x2404_0001,
    0x3c05_0040,
    0x34a5_0200,
    0x2406_0021,
    0x0000_000c,
    0x2402_17aa,
    0x2404_002a,
    0x0000_000c,
];
const MIPS_N64: &[u32] = &[
    0x2402_1389,
    0x2404_0001,
    0x3c05_0040,
    0x34a5_0200,
    0x2406_0021,
    0x0000_000c,
    0x2402_13c2,
    0x2404_002a,
    0x0000_000c,
];
const SPARC32: &[u32] = &[
    0x8210_2004,
    0x9010_2001,
    0x1300_1000,
    0x9212_6200,
    0x9410_2021,
    0x91d0_2010,
    0x8210_2001,
    0x9010_202a,
    0x91d0_2010,
];
const SPARC64: &[u32] = &[
    0x8210_2004,
    0x9010_2001,
    0x1300_1000,
    0x9212_6200,
    0x9410_2021,
    0x91d0_206d,
    0x8210_2001,
    0x9010_202a,
    0x91d0_206d,
];

const HEXAGON: &[u32] = &[
    0x7800_c806,
    0x7800_c020,
    0x7221_c040,
    0x7121_c200,
    0x7800_c422,
    0x5400_c004,
    0x7800_cba6,
    0x7800_c540,
    0x5400_c004,
];

const ROWS: &[Row] = &[
    (
        "x86_64",
        0,
        Code::Bytes(
            b"\xb8\x01\0\0\0\xbf\x01\0\0\0\xbe\0\x02\x40\0\xba\x21\0\0\0\x0f\x05\xb8\x3c\0\0\0\xbf\x2a\0\0\0\x0f\x05",
        ),
    ),
    // The numbers of x86_64 with bit 30 set.
    (
        "x32",
        0,
        Code::Bytes(
            b"\xb8\x01\0\0\x40\xbf\x01\0\0\0\xbe\0\x02\x40\0\xba\x21\0\0\0\x0f\x05\xb8\x3c\0\0\x40\xbf\x2a\0\0\0\x0f\x05",
        ),
    ),
    (
        "x86_32",
        0,
        Code::Bytes(
            b"\xb8\x04\0\0\0\xbb\x01\0\0\0\xb9\0\x02\x40\0\xba\x21\0\0\0\xcd\x80\xb8\x01\0\0\0\xbb\x2a\0\0\0\xcd\x80",
        ),
    ),
    ("aarch64", 0, Code::LittleWords(AARCH64)),
    ("aarch64_be", 0, Code::LittleWords(AARCH64)),
    // EABI version 5, and BE8, whose instructions stay little-endian.
    ("aarch32", 0x0500_0000, Code::LittleWords(AARCH32)),
    ("aarch32_be", 0x0580_0000, Code::LittleWords(AARCH32)),
    ("riscv32", 0, Code::Words(RISCV)),
    ("riscv64", 0, Code::Words(RISCV)),
    (
        "s390x",
        0,
        Code::Bytes(
            b"\xa7\x29\0\x01\xa5\x3e\0\x40\xa5\x3b\x02\0\xa7\x49\0\x21\x0a\x04\xa7\x29\0\x2a\x0a\x01",
        ),
    ),
    ("powerpc", 0, Code::Words(POWERPC)),
    // ELFv2, in which the entry is code: in ELFv1 it is the address of its address.
    ("powerpc64", 2, Code::Words(POWERPC)),
    ("powerpc64le", 2, Code::Words(POWERPC)),
    // Version 67 of the architecture.
    ("hexagon", 0x67, Code::Words(HEXAGON)),
    ("loongarch64", 0x43, Code::Words(LOONGARCH64)),
    (
        "m68k",
        0,
        Code::Bytes(b"\x70\x04\x72\x01\x24\x3c\0\x40\x02\0\x76\x21\x4e\x40\x70\x01\x72\x2a\x4e\x40"),
    ),
    // The architecture (MIPS32r2, MIPS64r2, release 6 of both) and the ABI.
    ("mips", 0x7000_1000, Code::Words(MIPS_O32)),
    ("mipsel", 0x7000_1000, Code::Words(MIPS_O32)),
    ("mips32r6", 0x9000_1400, Code::Words(MIPS_O32)),
    ("mips32r6el", 0x9000_1400, Code::Words(MIPS_O32)),
    ("mipsn32", 0x8000_0020, Code::Words(MIPS_N32)),
    ("mipsn32el", 0x8000_0020, Code::Words(MIPS_N32)),
    ("mips64", 0x8000_0000, Code::Words(MIPS_N64)),
    ("mips64el", 0x8000_0000, Code::Words(MIPS_N64)),
    ("mips64r6", 0xa000_0400, Code::Words(MIPS_N64)),
    ("mips64r6el", 0xa000_0400, Code::Words(MIPS_N64)),
    ("sparc", 0, Code::Words(SPARC32)),
    // EF_SPARC_32PLUS goes with the number of its own.
    ("sparc32plus", 0x100, Code::Words(SPARC32)),
    ("sparc64", 0, Code::Words(SPARC64)),
];

/// A program for `machine` that prints `text`; `None` where we have none.
pub(super) fn sentinel(machine: &Machine, text: &[u8]) -> Option<Vec<u8>> {
    let (_, flags, code) = ROWS.iter().find(|(name, ..)| *name == machine.name)?;
    let order = Order(machine.endian);
    let code: Vec<u8> = match code {
        Code::Bytes(bytes) => bytes.to_vec(),
        Code::Words(words) => words.iter().flat_map(|word| order.four(*word)).collect(),
        Code::LittleWords(words) => words.iter().flat_map(|word| word.to_le_bytes()).collect(),
    };
    let mut file = headers(machine, *flags, order)?;
    file.extend(code);
    file.resize(TEXT as usize, 0);
    file.extend(text);
    Some(file)
}

/// The ELF header and one program header that maps the whole file, readable and executable.
fn headers(machine: &Machine, flags: u32, order: Order) -> Option<Vec<u8>> {
    let wide = machine.elf_bits() == 64;
    let (header_bytes, segment_bytes) = if wide { (64_u16, 56_u16) } else { (52, 32) };
    let data = if order.0 == Endian::Big { 2 } else { 1 };
    let mut file = vec![0x7f, b'E', b'L', b'F', if wide { 2 } else { 1 }, data, 1, 0];
    file.resize(16, 0);
    let address = |file: &mut Vec<u8>, value: u32| {
        if wide {
            file.extend(order.eight(value));
        } else {
            file.extend(order.four(value));
        }
    };
    file.extend(order.two(2)); // an executable
    file.extend(order.two(machine.elf_machine?));
    file.extend(order.four(1));
    address(&mut file, BASE + u32::from(header_bytes + segment_bytes)); // the entry
    address(&mut file, u32::from(header_bytes)); // the segments' headers
    address(&mut file, 0);
    file.extend(order.four(flags));
    for value in [header_bytes, segment_bytes, 1, if wide { 64 } else { 40 }, 0, 0] {
        file.extend(order.two(value)); // sizes and counts of headers
    }
    let (load, readable_and_executable, alignment) = (1, 5, 0x1_0000);
    let bytes = TEXT + u32::try_from(super::TEXT_BYTES).ok()?;
    file.extend(order.four(load));
    if wide {
        file.extend(order.four(readable_and_executable));
    }
    for value in [0, BASE, BASE, bytes, bytes] {
        address(&mut file, value); // offset, addresses, sizes
    }
    if !wide {
        file.extend(order.four(readable_and_executable));
    }
    address(&mut file, alignment);
    Some(file)
}

/// Numbers in a byte order.
#[derive(Clone, Copy)]
struct Order(Endian);

impl Order {
    fn two(self, value: u16) -> [u8; 2] {
        match self.0 {
            Endian::Big => value.to_be_bytes(),
            Endian::Little => value.to_le_bytes(),
        }
    }

    fn four(self, value: u32) -> [u8; 4] {
        match self.0 {
            Endian::Big => value.to_be_bytes(),
            Endian::Little => value.to_le_bytes(),
        }
    }

    fn eight(self, value: u32) -> [u8; 8] {
        match self.0 {
            Endian::Big => u64::from(value).to_be_bytes(),
            Endian::Little => u64::from(value).to_le_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use triplecheck_emulators::host::{Host as _, LocalHost};
    use triplecheck_emulators::target::Target;

    #[test]
    fn every_row_is_a_machine_and_fits_its_place() {
        for (name, flags, _) in ROWS {
            let machine = Machine::named(name).unwrap_or_else(|| panic!("{name} is no machine"));
            let file = sentinel(machine, &[b'x'; super::super::TEXT_BYTES]).unwrap();
            assert_eq!(file.len(), TEXT as usize + super::super::TEXT_BYTES, "{name}: the code is too long");
            let found = Machine::of_elf_header(
                machine.elf_bits(),
                machine.endian,
                machine.elf_machine.unwrap(),
                *flags,
            );
            assert_eq!(found, Some(machine), "{name}: the flags are another machine's");
        }
    }

    fn qemu_of(host: &LocalHost, machine: &Machine) -> Option<PathBuf> {
        let name = format!("qemu-{}", machine.qemu_user?);
        let found = host.find_program(&format!("{name}-static")).or_else(|| host.find_program(&name))?;
        Some(found.path)
    }

    #[test]
    fn every_sentinel_prints_its_text_under_its_emulator() {
        let host = LocalHost::new();
        let required = std::env::var("TRIPLECHECK_REQUIRE").unwrap_or_default();
        let linux = |target: &Target| target.facts().os == "linux";
        let required: Vec<&Machine> = required
            .split(',')
            .filter_map(|triple| Target::parse(triple).ok().filter(linux)?.machine())
            .filter(|machine| machine.family != host.machine().family)
            .collect();
        let text = *b"00112233445566778899aabbccddeeff\n";
        let dir = tempfile::tempdir().unwrap();
        for (name, ..) in ROWS {
            let machine = Machine::named(name).unwrap();
            let Some(qemu) = qemu_of(&host, machine) else {
                assert!(!required.contains(&machine), "there is no QEMU for {name}");
                println!("skipped: there is no QEMU for {name}");
                continue;
            };
            let file = dir.path().join(name);
            // Written by another process: a fork of another test could hold the file open for writing.
            let bytes = sentinel(machine, &text).unwrap();
            duct::cmd!("cp", "/dev/stdin", &file).stdin_bytes(bytes).run().unwrap();
            duct::cmd!("chmod", "+x", &file).run().unwrap();
            let output = duct::cmd!(qemu, &file).stdout_capture().unchecked().run().unwrap();
            assert_eq!(output.stdout, text, "{name}");
            assert_eq!(output.status.code(), Some(42), "{name}");
        }
    }
}
