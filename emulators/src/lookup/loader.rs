//! Which dynamic loader a program asks for: the one that its header names, or, where there is no program yet,
//! the one that programs of its target will name.

use crate::binary::Binary;
use crate::lookup::Subject;
use crate::target::{Endian, TargetFacts};

/// What loads the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Loader {
    /// The kernel alone: it is static.
    Kernel,
    /// The loader at this absolute path.
    At(String),
    /// It is not known what programs of this target ask for.
    Unknown,
}

/// The loader of the program, or of the target's programs in general.
pub(crate) fn needed(subject: &Subject<'_>) -> Loader {
    match (subject.binary, subject.target) {
        (Some(Binary::Elf(elf)), _) => elf.interpreter.clone().map_or(Loader::Kernel, Loader::At),
        (None, Some(target)) if target.facts().crt_static => Loader::Kernel,
        (None, Some(target)) => usual(target.facts()).map_or(Loader::Unknown, Loader::At),
        _ => Loader::Unknown,
    }
}

/// The path that each C library's ABI fixes for its loader.
fn usual(facts: &TargetFacts) -> Option<String> {
    match (facts.os, facts.env) {
        ("android", _) if facts.pointer_width == 64 => Some("/system/bin/linker64".into()),
        ("android", _) => Some("/system/bin/linker".into()),
        ("linux", "gnu") => glibc(facts).map(str::to_owned),
        ("linux", "musl" | "ohos") => Some(format!("/lib/ld-musl-{}.so.1", musl(facts)?)),
        ("linux", "uclibc") if facts.pointer_width == 32 => Some("/lib/ld-uClibc.so.0".into()),
        _ => None,
    }
}

/// From glibc's `sysdeps/*/shlib-versions` and the ABI lists on its wiki.
fn glibc(facts: &TargetFacts) -> Option<&'static str> {
    let big = facts.endian == Endian::Big;
    Some(match facts.arch {
        "x86_64" if facts.abi == "x32" => "/libx32/ld-linux-x32.so.2",
        "x86_64" => "/lib64/ld-linux-x86-64.so.2",
        "x86" | "sparc" => "/lib/ld-linux.so.2",
        "aarch64" if facts.abi == "ilp32" => "/lib/ld-linux-aarch64_ilp32.so.1",
        "aarch64" if big => "/lib/ld-linux-aarch64_be.so.1",
        "aarch64" => "/lib/ld-linux-aarch64.so.1",
        "arm" if facts.abi == "eabihf" => "/lib/ld-linux-armhf.so.3",
        "arm" => "/lib/ld-linux.so.3",
        "riscv64" => "/lib/ld-linux-riscv64-lp64d.so.1",
        "riscv32" => "/lib/ld-linux-riscv32-ilp32d.so.1",
        "loongarch64" => "/lib64/ld-linux-loongarch-lp64d.so.1",
        "s390x" => "/lib/ld64.so.1",
        "powerpc64" if big => "/lib64/ld64.so.1",
        "powerpc64" => "/lib64/ld64.so.2",
        "powerpc" | "mips" | "m68k" => "/lib/ld.so.1",
        "mips64" if facts.pointer_width == 32 => "/lib32/ld.so.1",
        "mips64" => "/lib64/ld.so.1",
        "mips32r6" => "/lib/ld-linux-mipsn8.so.1",
        "mips64r6" => "/lib64/ld-linux-mipsn8.so.1",
        "sparc64" => "/lib64/ld-linux.so.2",
        _ => return None,
    })
}

/// musl's name for the machine, from its `configure`. Rust's 32-bit MIPS targets and OpenWrt's are
/// the soft-float ones.
fn musl(facts: &TargetFacts) -> Option<&'static str> {
    let big = facts.endian == Endian::Big;
    Some(match facts.arch {
        "x86" => "i386",
        "aarch64" if big => "aarch64_be",
        "arm" if facts.abi == "eabihf" => "armhf",
        "powerpc64" if !big => "powerpc64le",
        "mips" if big => "mips-sf",
        "mips" => "mipsel-sf",
        "mips64" if facts.vendor == "openwrt" => "mips64-sf",
        "mips64" if !big => "mips64el",
        "powerpc" if facts.abi == "spe" => "powerpc-sf",
        "x86_64" | "aarch64" | "arm" | "riscv32" | "riscv64" | "s390x" | "loongarch64" | "powerpc"
        | "powerpc64" | "mips64" | "hexagon" | "m68k" => facts.arch,
        _ => return None,
    })
}
