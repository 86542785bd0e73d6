//! Which feature of its processor an instruction needs, for those that processors of one family may lack. From the
//! manuals of Intel, Arm, RISC-V International and IBM; not a disassembler: what is not in the tables is told
//! by its bytes.

use triplecheck_emulators::machine::Machine;

use super::log::Instruction;

/// The feature, or that the instruction is there to stop programs.
pub fn feature(machine: &Machine, instruction: &Instruction) -> Option<&'static str> {
    let code = instruction.code.as_slice();
    match machine.family {
        "x86" => x86(code),
        "s390" => row(S390X, u32::from(*code.first()?)),
        "arm" if machine.bits == 64 => row(AARCH64, word(code)?),
        "arm" => row(AARCH32, word(code)?),
        "riscv" => row(RISCV, word(code)?),
        "ppc" => row(POWERPC, word(code)?),
        _ => None,
    }
}

/// What a deliberate end is called.
pub(super) const STOP: &str = "nothing: it stops programs";

/// Mask, value and feature; the first that fits counts.
type Row = (u32, u32, &'static str);

fn row(rows: &[Row], code: u32) -> Option<&'static str> {
    rows.iter().find(|(mask, value, _)| code & mask == *value).map(|row| row.2)
}

/// Four bytes, listed as a number.
fn word(code: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(code.try_into().ok()?))
}

const AARCH64: &[Row] = &[
    (0xffff_0000, 0x0000_0000, STOP),
    (0x9e00_0000, 0x8000_0000, "SME"),
    (0x1e00_0000, 0x0400_0000, "SVE"),
    (0x3fff_fc00, 0x38bf_c000, "LRCPC"),
    (0x3b20_0c00, 0x3820_0000, "LSE"),
    (0x3fa0_7c00, 0x08a0_7c00, "LSE"),
    (0xbfa0_7c00, 0x0820_7c00, "LSE"),
    (0x7fe0_e000, 0x1ac0_4000, "CRC32"),
    (0xffff_cc00, 0x4e28_4800, "AES"),
    (0xbfe0_fc00, 0x0ee0_e000, "PMULL"),
    (0xffff_0c00, 0x5e28_0800, "SHA-1 or SHA-256"),
    (0xffe0_8c00, 0x5e00_0000, "SHA-1 or SHA-256"),
    (0xffe0_f000, 0xce60_8000, "SHA-512"),
    (0xffff_fc00, 0xcec0_8000, "SHA-512"),
    (0xff80_0000, 0xce00_0000, "SHA-3"),
    (0x9f20_fc00, 0x0e00_9400, "DotProd"),
    (0xbfe0_f400, 0x0e80_a400, "I8MM"),
    (0xbf20_fc00, 0x2e00_8400, "RDM"),
    (0xffff_fc00, 0x1e7e_0000, "JSCVT"),
    (0xbf20_e400, 0x2e00_c400, "FCMA"),
    (0xffe0_0000, 0x1ee0_0000, "FP16"),
    (0x9f60_c400, 0x0e40_0400, "FP16"),
    (0xffff_fbff, 0xd65f_0bff, "PAuth"),
    (0xff20_0400, 0xf820_0400, "PAuth"),
    (0xffff_0000, 0xdac1_0000, "PAuth"),
    (0xffff_ffc0, 0xd53b_2400, "RNG"),
];

const AARCH32: &[Row] = &[
    (0xfff0_00f0, 0xe7f0_00f0, STOP),
    (0xfe00_0000, 0xf200_0000, "NEON"),
    (0xff10_0000, 0xf400_0000, "NEON"),
    (0xffff_ffd0, 0xf57f_f050, "Armv7 barriers"),
    (0x0f80_0e00, 0x0e80_0a00, "VFP"),
    (0x0c00_0e00, 0x0c00_0a00, "VFP"),
    (0x0fd0_00f0, 0x0710_0010, "hardware division"),
    (0x0fb0_0000, 0x0300_0000, "Armv6T2 (movw, movt)"),
    (0x0f80_0ff0, 0x0180_0f90, "Armv6 exclusives"),
    (0x0ff0_0ff0, 0x06b0_0f30, "Armv6 (rev)"),
    (0x0f80_03f0, 0x0680_0070, "Armv6 (extensions)"),
    (0x0fff_0ff0, 0x016f_0f10, "Armv5 (clz)"),
    (0x0fff_fff0, 0x012f_ff30, "Armv5 (blx)"),
];

const RISCV: &[Row] = &[
    (0xffff_ffff, 0xc000_1073, STOP),
    (0x0000_007f, 0x0000_0057, "V"),
    (0x0000_707f, 0x0000_0007, "V"),
    (0x0000_707f, 0x0000_5007, "V"),
    (0x0000_707f, 0x0000_6007, "V"),
    (0x0000_707f, 0x0000_7007, "V"),
    (0x0000_707f, 0x0000_0027, "V"),
    (0x0000_707f, 0x0000_5027, "V"),
    (0x0000_707f, 0x0000_6027, "V"),
    (0x0000_707f, 0x0000_7027, "V"),
    (0xfe00_0077, 0x2000_0033, "Zba"),
    (0xfe00_707f, 0x0800_003b, "Zba"),
    (0xfe00_707f, 0x4000_4033, "Zbb"),
    (0xfe00_607f, 0x4000_6033, "Zbb"),
    (0xfe00_0077, 0x6000_0033, "Zbb"),
    (0xfe00_407f, 0x0a00_4033, "Zbb"),
    (0xff80_007f, 0x6000_0013, "Zbb"),
    (0xfe00_407f, 0x0a00_0033, "Zbc"),
    (0xbe00_007f, 0x2800_0033, "Zbs"),
    (0xfe00_007f, 0x6800_0033, "Zbs"),
    (0x0000_007f, 0x0000_0053, "F or D"),
    (0x0000_007f, 0x0000_0007, "F or D"),
    (0x0000_007f, 0x0000_0027, "F or D"),
    (0x0000_007f, 0x0000_002f, "A"),
];

const POWERPC: &[Row] = &[
    (0xffff_ffff, 0x0000_0000, STOP),
    (0xffff_ffff, 0x7fe0_0008, STOP),
    (0xfc00_0000, 0x0400_0000, "prefixed instructions (Power10)"),
    (0xfc00_0000, 0x1000_0000, "AltiVec or SPE"),
    (0xfc00_0000, 0xf000_0000, "VSX"),
    (0xfc00_0000, 0xf400_0000, "VSX (Power9)"),
    (0xfc00_0000, 0xe400_0000, "VSX (Power9)"),
];

const S390X: &[Row] = &[
    (0xff, 0x00, STOP),
    (0xff, 0xe7, "the vector facility (z13)"),
    (0xff, 0xe6, "the vector enhancements (z14)"),
];

/// What tells x86's instructions apart: the last prefix that counts, the map of opcodes, the opcode, what follows it.
struct X86<'a> {
    prefix: u8,
    wide: bool,
    rest: &'a [u8],
}

fn x86(code: &[u8]) -> Option<&'static str> {
    let mut x86 = X86 { prefix: 0, wide: false, rest: code };
    while let [byte, rest @ ..] = x86.rest {
        match byte {
            0x66 | 0xf2 | 0xf3 => x86.prefix = if x86.prefix > 0x66 { x86.prefix } else { *byte },
            0x26 | 0x2e | 0x36 | 0x3e | 0x64 | 0x65 | 0x67 | 0xf0 => {}
            // REX, which is `inc` and `dec` on 32-bit x86: those are on every processor.
            0x40..=0x4f => x86.wide = byte & 8 != 0,
            _ => break,
        }
        x86.rest = rest;
    }
    match x86.rest {
        [0x62, ..] => Some("AVX-512"),
        [0xc5, second, opcode, ..] => Some(vex(1, second & 3, second & 4 != 0, *opcode)),
        [0xc4, second, third, opcode, ..] => Some(vex(second & 31, third & 3, third & 4 != 0, *opcode)),
        [0x0f, 0x38, opcode, ..] => map_38(x86.prefix, *opcode),
        [0x0f, 0x3a, opcode, ..] => map_3a(*opcode),
        [0x0f, opcode, rest @ ..] => map_0f(&x86, *opcode, rest.first().copied()),
        [0xcc | 0xf1, ..] => Some(STOP),
        _ => None,
    }
}

/// Instructions in the newer encoding.
fn vex(map: u8, prefix: u8, is_256: bool, opcode: u8) -> &'static str {
    match (map, opcode) {
        (2, 0x96..=0x9f | 0xa6..=0xaf | 0xb6..=0xbf) => "FMA",
        (2, 0xf2 | 0xf3) => "BMI1",
        (2, 0xf7) if prefix == 0 => "BMI1",
        (2, 0xf5..=0xf7) | (3, 0xf0) => "BMI2",
        (2, 0x13) | (3, 0x1d) => "F16C",
        (2, 0xdb..=0xdf) | (3, 0xdf) => "AES (VEX)",
        (3, 0x44) => "PCLMULQDQ (VEX)",
        (2, 0x36 | 0x45..=0x47 | 0x58..=0x5a | 0x78 | 0x79 | 0x8c | 0x8e | 0x90..=0x93)
        | (3, 0x00..=0x02 | 0x38 | 0x39 | 0x46) => "AVX2",
        // Whole numbers in 256 bits; in 128 they are AVX.
        (1, 0x60..=0x76 | 0xd1..=0xd5 | 0xd7..=0xe5 | 0xe8..=0xef | 0xf1..=0xfe) if is_256 => "AVX2",
        (2, 0x00..=0x0b | 0x1c..=0x1e | 0x20..=0x25 | 0x28..=0x2b | 0x30..=0x41) if is_256 => "AVX2",
        _ => "AVX",
    }
}

fn map_38(prefix: u8, opcode: u8) -> Option<&'static str> {
    Some(match opcode {
        0x00..=0x0b | 0x1c..=0x1e => "SSSE3",
        0x37 => "SSE4.2",
        0x10..=0x17 | 0x20..=0x25 | 0x28..=0x2b | 0x30..=0x41 => "SSE4.1",
        0xdb..=0xdf => "AES",
        0xc8..=0xcd => "SHA",
        0xcf => "GFNI",
        0xf0 | 0xf1 if prefix == 0xf2 => "SSE4.2 (crc32)",
        0xf0 | 0xf1 => "MOVBE",
        0xf6 => "ADX",
        _ => return None,
    })
}

fn map_3a(opcode: u8) -> Option<&'static str> {
    Some(match opcode {
        0x0f => "SSSE3",
        0x08..=0x0e | 0x14..=0x17 | 0x20..=0x22 | 0x40..=0x42 => "SSE4.1",
        0x60..=0x63 => "SSE4.2",
        0x44 => "PCLMULQDQ",
        0xdf => "AES",
        0xcc => "SHA",
        0xce | 0xcf => "GFNI",
        _ => return None,
    })
}

fn map_0f(x86: &X86<'_>, opcode: u8, next: Option<u8>) -> Option<&'static str> {
    let group = next.map(|byte| byte >> 3 & 7);
    Some(match (x86.prefix, opcode) {
        (_, 0x0b | 0xb9 | 0xff) => STOP,
        (0xf3, 0xb8) => "POPCNT",
        (0xf3, 0xbd) => "LZCNT",
        (0xf3, 0xbc) => "BMI1 (tzcnt)",
        (0xf3, 0xae) if next.is_some_and(|byte| byte >= 0xc0) => "FSGSBASE",
        (_, 0xc7) => match group {
            Some(1) if x86.wide => "CMPXCHG16B",
            Some(1) => "CMPXCHG8B",
            Some(6) => "RDRAND",
            Some(7) => "RDSEED",
            _ => return None,
        },
        (_, 0x01) => match next {
            Some(0xd0) => "XSAVE",
            Some(0xf9) => "RDTSCP",
            _ => return None,
        },
        (0x66 | 0xf2, 0x7c | 0x7d | 0xd0) | (0xf2, 0xf0 | 0x12) | (0xf3, 0x12 | 0x16) => "SSE3",
        (_, 0x40..=0x4f) => "CMOV",
        (0x66 | 0xf2, 0x10..=0x17 | 0x28..=0x2f | 0x50..=0x7f | 0xc2 | 0xc4..=0xc6 | 0xd0..=0xfe)
        | (0xf3, 0x6f | 0x7e | 0x7f | 0x5a | 0x5b | 0xe6 | 0xd6) => "SSE2",
        (_, 0x10..=0x17 | 0x28..=0x2f | 0x50..=0x5f | 0xc2 | 0xc6) => "SSE",
        (_, 0x60..=0x7f | 0xd1..=0xfe) => "MMX",
        _ => return None,
    })
}
