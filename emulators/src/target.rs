//! Targets: every triple that rustc knows, with the facts that decide how its programs are built and run.
//!
//! A target is looked up, never guessed: an unknown triple is an error that names its nearest neighbours
//! ([`names`]). What a target's *processor* is called elsewhere is the machine's business
//! ([`crate::machine`]), what its C compiler is called is [`cross`]'s; which CPU model QEMU should play is
//! decided in [`cpu`], because a triple may promise less or more than its machine.

use std::fmt;

use crate::machine::{LongDouble, Machine};

pub mod cpu;
pub mod cross;
pub mod names;
mod rustc;
mod spec;

pub use cross::Cross;
pub use rustc::RUSTC_VERSION;
pub use spec::BadCfg;

/// A target triple, optionally with a CPU variant: `s390x-unknown-linux-gnu@z13`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    facts: &'static TargetFacts,
    variant: Option<String>,
}

/// What rustc says of one target (`--print all-target-specs-json`, rustc [`RUSTC_VERSION`]).
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct TargetFacts {
    /// The triple, as rustc spells it.
    pub triple: &'static str,
    /// `target_arch` in cfg terms: `aarch64`, `arm`, `x86`.
    pub arch: &'static str,
    /// `target_os`; `none` for bare metal.
    pub os: &'static str,
    /// `target_env`: `gnu`, `musl`, `msvc`, `p1`, or empty.
    pub env: &'static str,
    /// `target_abi`: `eabihf`, `x32`, or empty.
    pub abi: &'static str,
    /// `target_vendor`.
    pub vendor: &'static str,
    /// `target_family` values in alphabetical order, joined by a blank: `unix`, `windows`, `wasm`,
    /// `unix wasm` or empty.
    pub family: &'static str,
    /// `target_endian`.
    pub endian: Endian,
    /// `target_pointer_width` in bits: 16, 32 or 64.
    pub pointer_width: u8,
    /// The widths in bits for which `target_has_atomic` holds, ascending; empty where there is no
    /// compare-and-swap. `"ptr"` holds where [`Self::pointer_width`] is among them.
    pub atomic_bits: &'static [u8],
    /// Rust's support tier: 1, 2 or 3; 0 where rustc does not say.
    pub tier: u8,
    /// Whether rustc's own list says that it has a standard library (rustup ships it for tiers 1 and 2).
    pub std: bool,
    /// Whether a panic unwinds by default.
    pub unwinds: bool,
    /// Whether executables are linked statically to the C library by default.
    pub crt_static: bool,
    /// Suffix of executables, with its dot: `.exe`, `.wasm` or empty.
    pub exe_suffix: &'static str,
}

/// Byte order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Endian {
    /// Most significant byte first.
    Big,
    /// Least significant byte first.
    Little,
}

/// A triple that is in no table, with the nearest known names.
#[derive(Debug, thiserror::Error)]
#[error("unknown target triple `{given}`")]
pub struct UnknownTriple {
    /// What was asked for.
    pub given: String,
    /// Known triples that look like it, best first; at most three.
    pub nearest: Vec<&'static str>,
}

/// The variant that stands for the target's minimum.
const FLOOR: &str = "floor";

impl Target {
    /// Parses `TRIPLE` or `TRIPLE@VARIANT`. An empty variant (`TRIPLE@`) is an unknown triple: it is more
    /// likely half a word than a wish for the default.
    pub fn parse(text: &str) -> Result<Self, UnknownTriple> {
        let unknown =
            |triple: &str| UnknownTriple { given: text.to_owned(), nearest: names::nearest(triple) };
        let (triple, variant) = match text.split_once('@') {
            None => (text, None),
            Some((triple, "")) => return Err(unknown(triple)),
            Some((triple, variant)) => (triple, Some(variant.to_owned())),
        };
        let facts = find(triple).ok_or_else(|| unknown(triple))?;
        Ok(Self { facts, variant })
    }

    /// Every target of the table, in rustc's order, which is alphabetical.
    pub fn all() -> impl Iterator<Item = Target> {
        rustc::TARGETS.iter().map(Self::of)
    }

    /// The triple without the variant.
    pub fn triple(&self) -> &'static str {
        self.facts.triple
    }

    /// What rustc says of the target.
    pub fn facts(&self) -> &'static TargetFacts {
        self.facts
    }

    /// The CPU model asked for with `@`, if any.
    pub fn variant(&self) -> Option<&str> {
        self.variant.as_deref()
    }

    /// The processor it is for, in the vocabularies of everyone who names it; `None` where no emulator,
    /// distribution or kernel that we know has a name for it.
    pub fn machine(&self) -> Option<&'static Machine> {
        // Bare-metal SPARC is the LEON, a v8, where Linux's programs are for v8+.
        if (self.facts.arch, self.facts.os) == ("sparc", "none") {
            return Machine::named("sparc");
        }
        MACHINES
            .iter()
            .find(|(arch, endian, width, _)| {
                (*arch, *endian, *width) == (self.facts.arch, self.facts.endian, self.facts.pointer_width)
            })
            .and_then(|(_, _, _, machine)| Machine::named(machine))
    }

    /// The C compiler and libraries that Debian has for it, `None` where it has none.
    pub fn cross(&self) -> Option<&'static Cross> {
        Cross::of_triple(self.triple())
    }

    /// The GNU prefix of its C compiler: `aarch64-linux-gnu`.
    pub fn cross_prefix(&self) -> Option<&'static str> {
        self.cross().map(|cross| cross.prefix)
    }

    /// Whether the variant is `floor`: the least that the target promises, whatever model that is.
    pub fn wants_floor(&self) -> bool {
        self.variant() == Some(FLOOR)
    }

    /// The CPU model of the variant; `None` where there is no variant, or no model for `floor`, or where it names a
    /// kernel.
    pub fn cpu_variant(&self) -> Option<&str> {
        if self.wants_floor() {
            self.cpu_floor()
        } else {
            self.variant().filter(|_| self.kernel_variant().is_none())
        }
    }

    /// The kernel's version in a variant such as `linux-6.1`, which stands for a guest system.
    pub fn kernel_variant(&self) -> Option<&str> {
        self.variant()?.strip_prefix("linux-")
    }

    /// The CPU model to ask QEMU for: the variant, or what the target needs beyond QEMU's default;
    /// `None` where QEMU's own default is right.
    pub fn cpu_default(&self) -> Option<&str> {
        self.cpu_variant().or_else(|| cpu::default_of(self))
    }

    /// The CPU model that is nearest to the least that the target promises, so that a program which needs
    /// more dies of an illegal instruction. `None` where QEMU has no model below its default.
    pub fn cpu_floor(&self) -> Option<&'static str> {
        cpu::floor_of(self)
    }

    /// Whether plain `char` is signed in this target's C; `None` where its machine is unknown. Windows,
    /// Apple and the Vita sign it on every processor, whatever the processor's own ABI says.
    pub fn char_signed(&self) -> Option<bool> {
        if matches!(self.facts.os, "windows" | "vita") || self.facts.vendor == "apple" {
            return Some(true);
        }
        self.machine().map(|machine| machine.char_signed)
    }

    /// `long double` in this target's C; `None` where its machine is unknown.
    pub fn long_double(&self) -> Option<LongDouble> {
        let facts = self.facts;
        let machine = self.machine()?;
        let is_x86 = matches!(facts.arch, "x86" | "x86_64");
        Some(match (facts.os, facts.env) {
            ("windows", "gnu") | ("macos" | "ios" | "tvos" | "watchos" | "visionos", _) if is_x86 => {
                LongDouble::X87
            }
            ("windows" | "uefi" | "macos" | "ios" | "tvos" | "watchos" | "visionos", _) => {
                LongDouble::Binary64
            }
            ("android", _) if facts.arch == "x86" => LongDouble::Binary64,
            ("android", _) if facts.arch == "x86_64" => LongDouble::Binary128,
            ("linux", "gnu") => machine.long_double,
            // The pair of doubles is glibc's alone: musl and the BSDs have plain `double` on PowerPC.
            _ if machine.long_double == LongDouble::DoubleDouble => LongDouble::Binary64,
            _ => machine.long_double,
        })
    }

    fn of(facts: &'static TargetFacts) -> Self {
        Self { facts, variant: None }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.triple())?;
        self.variant().map_or(Ok(()), |variant| write!(formatter, "@{variant}"))
    }
}

impl Endian {
    /// The word that cfg and our reports use: `big`, `little`.
    pub fn name(self) -> &'static str {
        match self {
            Endian::Big => "big",
            Endian::Little => "little",
        }
    }
}

/// The row of a triple, spelt exactly.
fn find(triple: &str) -> Option<&'static TargetFacts> {
    rustc::TARGETS.binary_search_by(|facts| facts.triple.cmp(triple)).ok().map(|at| &rustc::TARGETS[at])
}

/// Which machine stands behind rustc's `target_arch`, byte order and pointer width. Thumb triples say `arm`
/// here, as cfg does: T32 is an encoding of `aarch32`, not a machine.
const MACHINES: &[(&str, Endian, u8, &str)] = &[
    ("aarch64", Endian::Big, 32, "aarch64_be_ilp32"),
    ("aarch64", Endian::Big, 64, "aarch64_be"),
    ("aarch64", Endian::Little, 32, "aarch64_ilp32"),
    ("aarch64", Endian::Little, 64, "aarch64"),
    ("amdgpu", Endian::Little, 64, "amdgcn"),
    ("arm", Endian::Big, 32, "aarch32_be"),
    ("arm", Endian::Little, 32, "aarch32"),
    ("arm64ec", Endian::Little, 64, "arm64ec"),
    ("avr", Endian::Little, 16, "avr"),
    ("bpf", Endian::Big, 64, "bpfeb"),
    ("bpf", Endian::Little, 64, "bpfel"),
    ("csky", Endian::Little, 32, "csky"),
    ("hexagon", Endian::Little, 32, "hexagon"),
    ("loongarch32", Endian::Little, 32, "loongarch32"),
    ("loongarch64", Endian::Little, 64, "loongarch64"),
    ("m68k", Endian::Big, 32, "m68k"),
    ("mips", Endian::Big, 32, "mips"),
    ("mips", Endian::Little, 32, "mipsel"),
    ("mips32r6", Endian::Big, 32, "mips32r6"),
    ("mips32r6", Endian::Little, 32, "mips32r6el"),
    ("mips64", Endian::Big, 64, "mips64"),
    ("mips64", Endian::Little, 64, "mips64el"),
    ("mips64r6", Endian::Big, 64, "mips64r6"),
    ("mips64r6", Endian::Little, 64, "mips64r6el"),
    ("msp430", Endian::Little, 16, "msp430"),
    ("nvptx64", Endian::Little, 64, "nvptx64"),
    ("powerpc", Endian::Big, 32, "powerpc"),
    ("powerpc64", Endian::Big, 64, "powerpc64"),
    ("powerpc64", Endian::Little, 64, "powerpc64le"),
    ("riscv32", Endian::Little, 32, "riscv32"),
    ("riscv64", Endian::Little, 64, "riscv64"),
    ("s390x", Endian::Big, 64, "s390x"),
    // rustc builds for v8 with v9's ELF machine (`-mv8plus`) on Linux.
    ("sparc", Endian::Big, 32, "sparc32plus"),
    ("sparc64", Endian::Big, 64, "sparc64"),
    ("wasm32", Endian::Little, 32, "wasm32"),
    ("wasm64", Endian::Little, 64, "wasm64"),
    ("x86", Endian::Little, 32, "x86_32"),
    ("x86_64", Endian::Little, 32, "x32"),
    ("x86_64", Endian::Little, 64, "x86_64"),
    ("xtensa", Endian::Little, 32, "xtensa"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::LongDouble;

    #[test]
    fn a_variant_is_kept_apart_from_its_triple() {
        let target = Target::parse("s390x-unknown-linux-gnu@z13").unwrap();
        assert_eq!(target.triple(), "s390x-unknown-linux-gnu");
        assert_eq!(target.variant(), Some("z13"));
        assert_eq!(target.cpu_default(), Some("z13"));
        assert_eq!(target.to_string(), "s390x-unknown-linux-gnu@z13");
    }

    #[test]
    fn half_a_variant_and_an_empty_triple_are_refused() {
        let half = Target::parse("s390x-unknown-linux-gnu@").unwrap_err();
        assert_eq!(half.nearest.first(), Some(&"s390x-unknown-linux-gnu"));
        assert!(Target::parse("").unwrap_err().nearest.is_empty());
        assert!(Target::parse("@z13").is_err());
    }

    #[test]
    fn every_target_finds_itself_and_a_machine_of_its_own_byte_order_and_width() {
        for target in Target::all() {
            assert_eq!(Target::parse(target.triple()).unwrap(), target);
            let facts = target.facts();
            let machine = target.machine().unwrap_or_else(|| panic!("{target} has no machine"));
            assert_eq!(machine.endian, facts.endian, "{target}");
            assert_eq!(machine.bits, facts.pointer_width, "{target}");
        }
    }

    #[test]
    fn every_row_of_the_machine_mapping_is_used_and_named_once() {
        for (at, (arch, endian, width, machine)) in MACHINES.iter().enumerate() {
            assert!(Machine::named(machine).is_some(), "{machine}");
            assert!(
                Target::all().any(|target| {
                    let facts = target.facts();
                    (facts.arch, facts.endian, facts.pointer_width) == (*arch, *endian, *width)
                }),
                "no target is {arch} {endian:?} {width}"
            );
            assert!(!MACHINES[..at].iter().any(|row| row.3 == *machine), "{machine}");
        }
    }

    #[test]
    fn c_types_follow_the_system_where_it_overrules_the_processor() {
        #[track_caller]
        fn check(triple: &str, char_signed: bool, long_double: LongDouble) {
            let target = Target::parse(triple).unwrap();
            assert_eq!(target.char_signed(), Some(char_signed));
            assert_eq!(target.long_double(), Some(long_double));
        }
        check("aarch64-unknown-linux-gnu", false, LongDouble::Binary128);
        check("aarch64-apple-darwin", true, LongDouble::Binary64);
        check("aarch64-pc-windows-msvc", true, LongDouble::Binary64);
        check("x86_64-unknown-linux-gnu", true, LongDouble::X87);
        check("x86_64-pc-windows-gnu", true, LongDouble::X87);
        check("x86_64-pc-windows-msvc", true, LongDouble::Binary64);
        check("x86_64-linux-android", true, LongDouble::Binary128);
        check("powerpc64le-unknown-linux-gnu", false, LongDouble::DoubleDouble);
        check("powerpc64le-unknown-linux-musl", false, LongDouble::Binary64);
        check("powerpc64-unknown-freebsd", false, LongDouble::Binary64);
    }
}
