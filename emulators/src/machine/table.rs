//! The machines themselves: data, read by column. `_` stands for "has no word for it".
//!
//! Sources: `linux/elf-em.h` and the processors' ABIs (`elf`); `dpkg`'s cputable and the Debian cross compilers
//! (`debian`); QEMU 7.2's list of emulators and their `-cpu help` (the CPU columns), its `cpu-param.h` files (`page`)
//! and `softfloat-specialize.c.inc` (`nan_bits`); rustc's `core::ffi` and GCC's `DEFAULT_SIGNED_CHAR`
//! (`char_signed`). Guests were run for the machines with a Debian cross compiler.
//!
//! Surprises that are right: `i386` and `arm` run under the 32-bit system emulators although the 64-bit ones could;
//! Wine, WASI and GPUs are no machines' emulators, so those columns are empty. s390x has no floor: QEMU's TCG
//! refuses every model from z9 on by name, and everything before is less than the ABI's z10.

use super::LongDouble::{Binary64, Binary128, DoubleDouble, X87};
use super::Machine;
use crate::target::Endian::{Big, Little};

/// A word, or its absence.
macro_rules! word {
    (_) => {
        None
    };
    ($word:literal) => {
        Some($word)
    };
}

/// Rows by position, so that a column lines up under its heading; the fields are named here, once.
macro_rules! table {
    ($([$name:literal $family:literal $endian:ident $bits:literal $elf:tt $user:tt $system:tt $debian:tt $linux:tt
        $uname:tt $go:tt $cpu_default:tt $cpu_floor:tt $char:ident $long_double:ident $page:literal $nan:literal])*) => {
        &[$(Machine {
            name: $name,
            family: $family,
            endian: $endian,
            bits: $bits,
            elf_machine: word!($elf),
            qemu_user: word!($user),
            qemu_system: word!($system),
            debian: word!($debian),
            linux: word!($linux),
            uname: word!($uname),
            go: word!($go),
            cpu_default: word!($cpu_default),
            cpu_floor: word!($cpu_floor),
            char_signed: signed!($char),
            long_double: $long_double,
            page_bytes: $page,
            nan_bits: $nan,
        }),*]
    };
}

/// Plain `char`, in words that can be read in a table.
macro_rules! signed {
    (signed) => {
        true
    };
    (unsigned) => {
        false
    };
}

#[rustfmt::skip]
pub(super) static MACHINES: &[Machine] = table! {
    // name               family       endian bits elf    user           system         debian        linux        uname         go         cpu_default cpu_floor          char_signed long_double  page   nan_bits
    // arm family
    [ "aarch64"          "arm"        Little 64   183    "aarch64"      "aarch64"      "arm64"       "arm64"      "aarch64"     "arm64"    _           "cortex-a53"       unsigned    Binary128    4096   0x7fc0_0000 ]
    [ "aarch64_be"       "arm"        Big    64   183    "aarch64_be"   "aarch64"      _             "arm64"      "aarch64_be"  _          _           "cortex-a53"       unsigned    Binary128    4096   0x7fc0_0000 ]
    [ "aarch64_ilp32"    "arm"        Little 32   183    _              _              "arm64ilp32"  _            _             _          _           _                  unsigned    Binary128    4096   0x7fc0_0000 ]
    [ "aarch64_be_ilp32" "arm"        Big    32   183    _              _              _             _            _             _          _           _                  unsigned    Binary128    4096   0x7fc0_0000 ]
    [ "arm64ec"          "arm"        Little 64   _      _              _              _             _            _             _          _           _                  signed      Binary64     4096   0x7fc0_0000 ]
    [ "aarch32"          "arm"        Little 32   40     "arm"          "arm"          "armhf"       "arm"        "armv7l"      "arm"      _           "cortex-a8"        unsigned    Binary64     4096   0x7fc0_0000 ]
    [ "aarch32_be"       "arm"        Big    32   40     "armeb"        "arm"          "armeb"       "arm"        "armv7b"      _          _           "cortex-a8"        unsigned    Binary64     4096   0x7fc0_0000 ]
    // x86 family
    [ "x86_64"           "x86"        Little 64   62     "x86_64"       "x86_64"       "amd64"       "x86_64"     "x86_64"      "amd64"    _           "Opteron_G1"       signed      X87          4096   0xffc0_0000 ]
    [ "x32"              "x86"        Little 32   62     _              "x86_64"       "x32"         "x86_64"     "x86_64"      _          _           _                  signed      X87          4096   0xffc0_0000 ]
    [ "x86_32"           "x86"        Little 32   3      "i386"         "i386"         "i386"        "i386"       "i686"        "386"      _           "coreduo"          signed      X87          4096   0xffc0_0000 ]
    // riscv family
    [ "riscv64"          "riscv"      Little 64   243    "riscv64"      "riscv64"      "riscv64"     "riscv"      "riscv64"     "riscv64"  _           "sifive-u54"       unsigned    Binary128    4096   0x7fc0_0000 ]
    [ "riscv32"          "riscv"      Little 32   243    "riscv32"      "riscv32"      _             "riscv"      "riscv32"     _          _           "sifive-u34"       unsigned    Binary128    4096   0x7fc0_0000 ]
    // s390 family
    [ "s390x"            "s390"       Big    64   22     "s390x"        "s390x"        "s390x"       "s390"       "s390x"       "s390x"    _           _                  unsigned    Binary128    4096   0x7fc0_0000 ]
    [ "s390"             "s390"       Big    32   22     _              _              "s390"        "s390"       "s390"        _          _           _                  unsigned    Binary128    4096   0x7fc0_0000 ]
    // ppc family
    [ "powerpc64le"      "ppc"        Little 64   21     "ppc64le"      "ppc64"        "ppc64el"     "powerpc"    "ppc64le"     "ppc64le"  _           "power8"           unsigned    DoubleDouble 4096   0x7fc0_0000 ]
    [ "powerpc64"        "ppc"        Big    64   21     "ppc64"        "ppc64"        "ppc64"       "powerpc"    "ppc64"       "ppc64"    _           "970"              unsigned    DoubleDouble 4096   0x7fc0_0000 ]
    [ "powerpc"          "ppc"        Big    32   20     "ppc"          "ppc"          "powerpc"     "powerpc"    "ppc"         _          _           "750"              unsigned    DoubleDouble 4096   0x7fc0_0000 ]
    // mips family
    [ "mips64el"         "mips"       Little 64   8      "mips64el"     "mips64el"     "mips64el"    "mips"       "mips64"      "mips64le" _           "MIPS64R2-generic" signed      Binary128    4096   0x7fbf_ffff ]
    [ "mips64"           "mips"       Big    64   8      "mips64"       "mips64"       "mips64"      "mips"       "mips64"      "mips64"   _           "MIPS64R2-generic" signed      Binary128    4096   0x7fbf_ffff ]
    [ "mipsn32el"        "mips"       Little 32   8      "mipsn32el"    "mips64el"     "mipsn32el"   "mips"       "mips64"      _          _           "MIPS64R2-generic" signed      Binary128    4096   0x7fbf_ffff ]
    [ "mipsn32"          "mips"       Big    32   8      "mipsn32"      "mips64"       "mipsn32"     "mips"       "mips64"      _          _           "MIPS64R2-generic" signed      Binary128    4096   0x7fbf_ffff ]
    [ "mipsel"           "mips"       Little 32   8      "mipsel"       "mipsel"       "mipsel"      "mips"       "mips"        "mipsle"   _           _                  signed      Binary64     4096   0x7fbf_ffff ]
    [ "mips"             "mips"       Big    32   8      "mips"         "mips"         "mips"        "mips"       "mips"        "mips"     _           _                  signed      Binary64     4096   0x7fbf_ffff ]
    [ "mips64r6el"       "mips"       Little 64   8      "mips64el"     "mips64el"     "mips64r6el"  "mips"       "mips64"      _          _           "I6400"            signed      Binary128    4096   0x7fc0_0000 ]
    [ "mips64r6"         "mips"       Big    64   8      "mips64"       "mips64"       "mips64r6"    "mips"       "mips64"      _          _           "I6400"            signed      Binary128    4096   0x7fc0_0000 ]
    [ "mipsn32r6el"      "mips"       Little 32   8      "mipsn32el"    "mips64el"     "mipsn32r6el" "mips"       "mips64"      _          _           "I6400"            signed      Binary128    4096   0x7fc0_0000 ]
    [ "mipsn32r6"        "mips"       Big    32   8      "mipsn32"      "mips64"       "mipsn32r6"   "mips"       "mips64"      _          _           "I6400"            signed      Binary128    4096   0x7fc0_0000 ]
    [ "mips32r6el"       "mips"       Little 32   8      "mipsel"       "mipsel"       "mipsr6el"    "mips"       "mips"        _          _           "mips32r6-generic" signed      Binary64     4096   0x7fc0_0000 ]
    [ "mips32r6"         "mips"       Big    32   8      "mips"         "mips"         "mipsr6"      "mips"       "mips"        _          _           "mips32r6-generic" signed      Binary64     4096   0x7fc0_0000 ]
    // sparc family
    [ "sparc64"          "sparc"      Big    64   43     "sparc64"      "sparc64"      "sparc64"     "sparc"      "sparc64"     _          _           _                  signed      Binary128    8192   0x7fff_ffff ]
    [ "sparc32plus"      "sparc"      Big    32   18     "sparc32plus"  "sparc64"      _             "sparc"      "sparc64"     _          _           _                  signed      Binary128    8192   0x7fff_ffff ]
    [ "sparc"            "sparc"      Big    32   2      "sparc"        "sparc"        "sparc"       "sparc"      "sparc"       _          _           _                  signed      Binary128    4096   0x7fff_ffff ]
    // loongarch family
    [ "loongarch64"      "loongarch"  Little 64   258    "loongarch64"  "loongarch64"  "loong64"     "loongarch"  "loongarch64" "loong64"  _           _                  signed      Binary128    4096   0x7fc0_0000 ]
    [ "loongarch32"      "loongarch"  Little 32   258    _              "loongarch64"  _             "loongarch"  "loongarch32" _          _           _                  signed      Binary128    4096   0x7fc0_0000 ]
    // alone in their families
    [ "m68k"             "m68k"       Big    32   4      "m68k"         "m68k"         "m68k"        "m68k"       "m68k"        _          _           "m68020"           signed      X87          4096   0x7fff_ffff ]
    [ "hppa"             "hppa"       Big    32   15     "hppa"         "hppa"         "hppa"        "parisc"     "parisc"      _          _           _                  signed      Binary64     4096   0x7fa0_0000 ]
    [ "hppa64"           "hppa"       Big    64   15     _              "hppa"         _             "parisc"     "parisc64"    _          _           _                  signed      Binary64     4096   0x7fa0_0000 ]
    [ "alpha"            "alpha"      Little 64   0x9026 "alpha"        "alpha"        "alpha"       "alpha"      "alpha"       _          _           _                  signed      Binary128    8192   0x7fc0_0000 ]
    [ "sh4"              "sh"         Little 32   42     "sh4"          "sh4"          "sh4"         "sh"         "sh4"         _          _           _                  signed      Binary64     4096   0x7fbf_ffff ]
    [ "sh4eb"            "sh"         Big    32   42     "sh4eb"        "sh4eb"        "sh4eb"       "sh"         "sh4"         _          _           _                  signed      Binary64     4096   0x7fbf_ffff ]
    [ "hexagon"          "hexagon"    Little 32   164    "hexagon"      _              _             "hexagon"    "hexagon"     _          _           _                  unsigned    Binary64     4096   0xffff_ffff ]
    [ "or1k"             "or1k"       Big    32   92     "or1k"         "or1k"         "or1k"        "openrisc"   "openrisc"    _          _           _                  signed      Binary64     8192   0x7fc0_0000 ]
    [ "microblaze"       "microblaze" Big    32   189    "microblaze"   "microblaze"   _             "microblaze" "microblaze"  _          _           _                  signed      Binary64     4096   0xffc0_0000 ]
    [ "microblazeel"     "microblaze" Little 32   189    "microblazeel" "microblazeel" _             "microblaze" "microblaze"  _          _           _                  signed      Binary64     4096   0xffc0_0000 ]
    [ "nios2"            "nios2"      Little 32   113    "nios2"        "nios2"        "nios2"       "nios2"      "nios2"       _          _           _                  signed      Binary64     4096   0x7fc0_0000 ]
    [ "cris"             "cris"       Little 32   76     "cris"         "cris"         _             _            "cris"        _          _           _                  signed      Binary64     8192   0x7fc0_0000 ]
    [ "csky"             "csky"       Little 32   252    _              _              _             "csky"       "csky"        _          _           _                  unsigned    Binary64     4096   0x7fc0_0000 ]
    [ "arc"              "arc"        Little 32   195    _              _              "arc"         "arc"        "arc"         _          _           _                  unsigned    Binary64     8192   0x7fc0_0000 ]
    [ "xtensa"           "xtensa"     Little 32   94     "xtensa"       "xtensa"       _             "xtensa"     "xtensa"      _          _           _                  unsigned    Binary64     4096   0x7fc0_0000 ]
    [ "xtensaeb"         "xtensa"     Big    32   94     "xtensaeb"     "xtensaeb"     _             "xtensa"     "xtensa"      _          _           _                  unsigned    Binary64     4096   0x7fc0_0000 ]
    [ "tricore"          "tricore"    Little 32   44     _              "tricore"      _             _            _             _          _           _                  signed      Binary64     4096   0x7fc0_0000 ]
    [ "rx"               "rx"         Little 32   173    _              "rx"           _             _            _             _          _           _                  unsigned    Binary64     4096   0x7fc0_0000 ]
    [ "avr"              "avr"        Little 16   83     _              "avr"          _             _            _             _          _           _                  signed      Binary64     256    0x7fc0_0000 ]
    [ "msp430"           "msp430"     Little 16   105    _              _              _             _            _             _          _           _                  unsigned    Binary64     256    0x7fc0_0000 ]
    // no processors
    [ "bpfel"            "bpf"        Little 64   247    _              _              _             _            _             _          _           _                  signed      Binary64     4096   0x7fc0_0000 ]
    [ "bpfeb"            "bpf"        Big    64   247    _              _              _             _            _             _          _           _                  signed      Binary64     4096   0x7fc0_0000 ]
    [ "nvptx64"          "nvptx"      Little 64   190    _              _              _             _            _             _          _           _                  signed      Binary64     4096   0x7fff_ffff ]
    [ "amdgcn"           "amdgcn"     Little 64   224    _              _              _             _            _             _          _           _                  signed      Binary64     4096   0x7fc0_0000 ]
    [ "wasm32"           "wasm"       Little 32   _      _              _              _             _            _             "wasm"     _           _                  signed      Binary128    65_536 0x7fc0_0000 ]
    [ "wasm64"           "wasm"       Little 64   _      _              _              _             _            _             _          _           _                  signed      Binary128    65_536 0x7fc0_0000 ]
};
