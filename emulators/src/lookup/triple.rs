//! From a program's header back to a triple. A header knows less than a triple: where several fit, the most
//! usual one is taken, and only what the loader or the imports prove is added.

use crate::binary::{Binary, Elf, Pe};
use crate::lookup::subject;
use crate::target::Target;

/// The target that a program's header speaks of: the best-known triple that fits it (glibc before musl where
/// the loader does not tell), `None` where no rustc target fits.
pub fn target_of(binary: &Binary) -> Option<Target> {
    let triple = match binary {
        Binary::Elf(elf) => of_elf(elf)?,
        Binary::Pe(pe) => of_pe(pe, subject::machine_of(binary)?.name)?,
        Binary::Wasm(wasm) if wasm.component => "wasm32-wasip2".to_owned(),
        Binary::Wasm(wasm) if wasm.imports.iter().any(|name| name == "wasi_snapshot_preview1") => {
            "wasm32-wasip1".to_owned()
        }
        Binary::Wasm(_) => "wasm32-unknown-unknown".to_owned(),
        Binary::MachO | Binary::Script(_) => return None,
    };
    Target::parse(&triple).ok()
}

/// The C library that a loader's path proves; glibc where nothing does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Libc {
    Gnu,
    Musl,
    Android,
}

fn of_elf(elf: &Elf) -> Option<String> {
    if subject::is_bare(elf) {
        // Which of its family's processors it is for is in no header.
        return None;
    }
    let loader = elf.interpreter.as_deref().unwrap_or_default();
    let libc = match loader {
        path if path.contains("ld-musl") => Libc::Musl,
        path if path.starts_with("/system/bin/linker") => Libc::Android,
        // Another system's loader: no header of ours tells which triple.
        path if path.starts_with("/libexec/") || path.starts_with("/usr/libexec/") => return None,
        _ => Libc::Gnu,
    };
    let machine = crate::machine::Machine::of_elf(elf)?.name;
    if machine == "aarch32" {
        return Some(of_aarch32(elf, loader, libc));
    }
    let (gnu, musl) = match machine {
        "x86_64" => ("x86_64-unknown-linux-gnu", "x86_64-unknown-linux-musl"),
        "x32" => ("x86_64-unknown-linux-gnux32", ""),
        "x86_32" => ("i686-unknown-linux-gnu", "i686-unknown-linux-musl"),
        "aarch64" => ("aarch64-unknown-linux-gnu", "aarch64-unknown-linux-musl"),
        "aarch64_be" => ("aarch64_be-unknown-linux-gnu", "aarch64_be-unknown-linux-musl"),
        "aarch32_be" => ("armeb-unknown-linux-gnueabi", ""),
        "riscv64" => ("riscv64gc-unknown-linux-gnu", "riscv64gc-unknown-linux-musl"),
        "riscv32" => ("riscv32gc-unknown-linux-gnu", "riscv32gc-unknown-linux-musl"),
        "s390x" => ("s390x-unknown-linux-gnu", "s390x-unknown-linux-musl"),
        "powerpc64le" => ("powerpc64le-unknown-linux-gnu", "powerpc64le-unknown-linux-musl"),
        "powerpc64" => ("powerpc64-unknown-linux-gnu", "powerpc64-unknown-linux-musl"),
        "powerpc" => ("powerpc-unknown-linux-gnu", "powerpc-unknown-linux-musl"),
        "loongarch64" => ("loongarch64-unknown-linux-gnu", "loongarch64-unknown-linux-musl"),
        "mips32r6" => ("mipsisa32r6-unknown-linux-gnu", ""),
        "mips32r6el" => ("mipsisa32r6el-unknown-linux-gnu", ""),
        "mips64r6" => ("mipsisa64r6-unknown-linux-gnuabi64", ""),
        "mips64r6el" => ("mipsisa64r6el-unknown-linux-gnuabi64", ""),
        "mips" => ("mips-unknown-linux-gnu", "mips-unknown-linux-musl"),
        "mipsel" => ("mipsel-unknown-linux-gnu", "mipsel-unknown-linux-musl"),
        "mips64" => ("mips64-unknown-linux-gnuabi64", "mips64-unknown-linux-muslabi64"),
        "mips64el" => ("mips64el-unknown-linux-gnuabi64", "mips64el-unknown-linux-muslabi64"),
        "m68k" => ("m68k-unknown-linux-gnu", ""),
        "sparc" | "sparc32plus" => ("sparc-unknown-linux-gnu", ""),
        "sparc64" => ("sparc64-unknown-linux-gnu", ""),
        "hexagon" => ("", "hexagon-unknown-linux-musl"),
        _ => return None,
    };
    let android = match machine {
        "x86_64" => "x86_64-linux-android",
        "x86_32" => "i686-linux-android",
        "aarch64" => "aarch64-linux-android",
        "riscv64" => "riscv64-linux-android",
        _ => "",
    };
    let triple = match libc {
        Libc::Gnu => gnu,
        Libc::Musl => musl,
        Libc::Android => android,
    };
    (!triple.is_empty()).then(|| triple.to_owned())
}

/// Arm's float ABI is in the loader's name, or in `EF_ARM_ABI_FLOAT_HARD` of a static program. The architecture
/// version is in no header; 7 for hard float and 5 for soft float are those of the distributions.
fn of_aarch32(elf: &Elf, loader: &str, libc: Libc) -> String {
    let hard = loader.contains("armhf") || (!loader.contains("ld-linux.so.3") && elf.flags & 0x400 != 0);
    match (libc, hard) {
        (Libc::Gnu, true) => "armv7-unknown-linux-gnueabihf",
        (Libc::Gnu, false) => "armv5te-unknown-linux-gnueabi",
        (Libc::Musl, true) => "armv7-unknown-linux-musleabihf",
        (Libc::Musl, false) => "armv5te-unknown-linux-musleabi",
        (Libc::Android, _) => "armv7-linux-androideabi",
    }
    .to_owned()
}

/// Microsoft's C library comes with DLLs of its own names; without one of them it is mingw's.
fn of_pe(pe: &Pe, machine: &str) -> Option<String> {
    if (10..=13).contains(&pe.subsystem) {
        return match machine {
            "x86_64" => Some("x86_64-unknown-uefi".to_owned()),
            "x86_32" => Some("i686-unknown-uefi".to_owned()),
            "aarch64" => Some("aarch64-unknown-uefi".to_owned()),
            _ => None,
        };
    }
    let msvc = pe.imports.iter().any(|name| name.to_ascii_lowercase().starts_with("vcruntime"));
    Some(
        match (machine, msvc) {
            ("x86_64", true) => "x86_64-pc-windows-msvc",
            ("x86_64", false) => "x86_64-pc-windows-gnu",
            ("x86_32", true) => "i686-pc-windows-msvc",
            ("x86_32", false) => "i686-pc-windows-gnu",
            ("aarch64", true) => "aarch64-pc-windows-msvc",
            ("aarch64", false) => "aarch64-pc-windows-gnullvm",
            ("aarch32", _) => "thumbv7a-pc-windows-msvc",
            _ => return None,
        }
        .to_owned(),
    )
}
