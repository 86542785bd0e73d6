//! What two C ABIs and two processors can differ in, derived from a target's facts. Data for the recognisers and the
//! traits; where a machine is unknown, a fact is `None` and nothing is concluded from it.

use triplecheck_emulators::machine::LongDouble;
use triplecheck_emulators::target::{Endian, Target};

/// What an out-of-range float becomes when it is converted to an integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FloatLimit {
    /// The smallest integer, whatever the float's sign (x86; WebAssembly as clang compiles C for it).
    Smallest,
    /// The nearest integer.
    Nearest,
    /// The largest integer, whatever the float's sign (MIPS before release 6).
    Largest,
}

/// A target's answers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Abi {
    pub(super) endian: Endian,
    pub(super) pointer_bits: u8,
    pub(super) long_bits: u8,
    pub(super) wchar_bytes: u8,
    pub(super) time_bits: u8,
    pub(super) u64_align: u8,
    pub(super) u128_align: u8,
    pub(super) char_signed: Option<bool>,
    pub(super) long_double: Option<LongDouble>,
    pub(super) long_double_bytes: Option<u8>,
    pub(super) page_bytes: Option<u32>,
    pub(super) nan_bits: Option<u32>,
    pub(super) float_limit: FloatLimit,
    /// Whether gcc makes one instruction of `a * b + c`, which rounds once instead of twice.
    pub(super) fuses: bool,
    /// Whether C's `double` is computed in x87 registers, which are wider.
    pub(super) x87: bool,
    /// Whether a 32-bit shift looks at more than five bits of its count.
    pub(super) shift_is_wide: bool,
    pub(super) windows: bool,
    pub(super) wasm: bool,
    pub(super) arch: &'static str,
    /// Where differences in the C library come from: `gnu`, `musl`, `msvcrt`.
    pub(super) libc: &'static str,
}

impl Abi {
    pub(super) fn of(target: &Target) -> Self {
        let facts = target.facts();
        let (arch, bits, windows) = (facts.arch, facts.pointer_width, facts.os == "windows");
        let wasm = facts.family.contains("wasm");
        let machine = target.machine();
        let long_double = target.long_double();
        Self {
            endian: facts.endian,
            pointer_bits: bits,
            long_bits: if windows { 32 } else { bits.max(32) },
            wchar_bytes: if windows || facts.os == "uefi" { 2 } else { 4 },
            time_bits: time_bits(target),
            u64_align: u64_align(arch, windows),
            u128_align: if matches!(arch, "s390x" | "s390" | "arm") { 8 } else { 16 },
            char_signed: target.char_signed(),
            long_double,
            long_double_bytes: long_double.map(|format| long_double_bytes(format, arch)),
            page_bytes: machine.map(|machine| machine.page_bytes),
            nan_bits: machine.map(|machine| machine.nan_bits),
            float_limit: float_limit(target),
            fuses: matches!(
                arch,
                "aarch64" | "riscv64" | "riscv32" | "s390x" | "powerpc" | "powerpc64" | "loongarch64"
            ),
            x87: arch == "x86" || arch == "m68k",
            shift_is_wide: !matches!(
                arch,
                "x86"
                    | "x86_64"
                    | "aarch64"
                    | "riscv32"
                    | "riscv64"
                    | "loongarch64"
                    | "mips"
                    | "mips64"
                    | "mips32r6"
                    | "mips64r6"
                    | "sparc"
                    | "sparc64"
                    | "wasm32"
                    | "wasm64"
            ),
            windows,
            wasm,
            arch,
            libc: match (facts.os, facts.env) {
                ("windows", _) => "msvcrt",
                // wasi-libc is musl's.
                ("wasi", _) => "musl",
                (_, env) => env,
            },
        }
    }
}

/// glibc keeps 32 bits where a port had them before 2020; musl and everything newer has 64.
fn time_bits(target: &Target) -> u8 {
    let facts = target.facts();
    let newer = matches!(facts.arch, "riscv32" | "loongarch32" | "arc");
    let old = match (facts.os, facts.env) {
        ("linux", "gnu" | "uclibc") => facts.pointer_width == 32 && !newer && facts.abi != "x32",
        ("android", _) => facts.pointer_width == 32,
        ("windows", "gnu") => facts.arch == "x86",
        _ => false,
    };
    if old { 32 } else { 64 }
}

/// The alignment of a 64-bit member in a structure.
fn u64_align(arch: &str, windows: bool) -> u8 {
    match arch {
        "x86" if !windows => 4,
        "m68k" | "msp430" => 2,
        "avr" => 1,
        "csky" | "arc" => 4,
        _ => 8,
    }
}

fn long_double_bytes(format: LongDouble, arch: &str) -> u8 {
    match format {
        LongDouble::Binary64 => 8,
        LongDouble::X87 if matches!(arch, "x86" | "m68k") => 12,
        LongDouble::X87 | LongDouble::Binary128 | LongDouble::DoubleDouble => 16,
    }
}

fn float_limit(target: &Target) -> FloatLimit {
    match target.facts().arch {
        "x86" | "x86_64" | "wasm32" | "wasm64" => FloatLimit::Smallest,
        "mips" | "mips64" => FloatLimit::Largest,
        _ => FloatLimit::Nearest,
    }
}

/// The facts that a program may print about its `long double`: digits of the mantissa, decimal digits, digits that
/// survive a round trip (`LDBL_MANT_DIG`, `LDBL_DIG`, `LDBL_DECIMAL_DIG`).
pub(super) fn long_double_digits(format: LongDouble) -> [i128; 3] {
    match format {
        LongDouble::Binary64 => [53, 15, 17],
        LongDouble::X87 => [64, 18, 21],
        LongDouble::Binary128 => [113, 33, 36],
        LongDouble::DoubleDouble => [106, 31, 33],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn abi(triple: &str) -> Abi {
        Abi::of(&Target::parse(triple).unwrap())
    }

    #[test]
    fn windows_has_a_short_long_and_32_bit_glibc_a_short_time() {
        assert_eq!(abi("x86_64-pc-windows-gnu").long_bits, 32);
        assert_eq!(abi("x86_64-unknown-linux-gnu").long_bits, 64);
        assert_eq!(abi("i686-unknown-linux-gnu").time_bits, 32);
        assert_eq!(abi("i686-unknown-linux-musl").time_bits, 64);
        assert_eq!(abi("wasm32-wasip1").time_bits, 64);
        assert_eq!(abi("riscv32gc-unknown-linux-gnu").time_bits, 64);
    }

    #[test]
    fn only_32_bit_x86_of_the_common_targets_aligns_u64_to_4() {
        assert_eq!(abi("i686-unknown-linux-gnu").u64_align, 4);
        assert_eq!(abi("i686-pc-windows-gnu").u64_align, 8);
        assert_eq!(abi("armv7-unknown-linux-gnueabihf").u64_align, 8);
        assert_eq!(abi("s390x-unknown-linux-gnu").u128_align, 8);
        assert_eq!(abi("armv7-unknown-linux-gnueabihf").u128_align, 8);
        assert_eq!(abi("m68k-unknown-linux-gnu").u64_align, 2);
    }

    #[test]
    fn long_double_takes_the_bytes_that_its_abi_pads_it_to() {
        for (triple, bytes) in [
            ("i686-unknown-linux-gnu", 12),
            ("x86_64-unknown-linux-gnu", 16),
            ("armv7-unknown-linux-gnueabihf", 8),
            ("powerpc64le-unknown-linux-gnu", 16),
        ] {
            assert_eq!(abi(triple).long_double_bytes, Some(bytes), "{triple}");
        }
    }
}
