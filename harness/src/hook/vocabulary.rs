//! What CMake, Meson and the GNU tools call a target's system and processor.
//!
//! Sources: CMake's `Modules/Platform` and the documentation of `CMAKE_SYSTEM_PROCESSOR`; Meson's reference tables
//! and its `known_cpu_families`; autoconf's `config.sub`.

use triplecheck_emulators::target::Target;

/// `target_os`, CMake's `CMAKE_SYSTEM_NAME`, Meson's `system`.
const SYSTEMS: &[(&str, &str, &str)] = &[
    ("aix", "AIX", "aix"),
    ("android", "Android", "android"),
    ("cygwin", "CYGWIN", "cygwin"),
    ("dragonfly", "DragonFly", "dragonfly"),
    ("freebsd", "FreeBSD", "freebsd"),
    ("fuchsia", "Fuchsia", "fuchsia"),
    ("haiku", "Haiku", "haiku"),
    ("hurd", "GNU", "gnu"),
    ("illumos", "SunOS", "sunos"),
    ("ios", "iOS", "darwin"),
    ("linux", "Linux", "linux"),
    ("macos", "Darwin", "darwin"),
    ("netbsd", "NetBSD", "netbsd"),
    ("nto", "QNX", "qnx"),
    ("openbsd", "OpenBSD", "openbsd"),
    ("solaris", "SunOS", "sunos"),
    ("tvos", "tvOS", "darwin"),
    ("visionos", "visionOS", "darwin"),
    ("watchos", "watchOS", "darwin"),
    ("windows", "Windows", "windows"),
];

/// Our machines and Meson's families of processors; it keeps byte order apart.
const FAMILIES: &[(&str, &str)] = &[
    ("aarch32", "arm"),
    ("aarch32_be", "arm"),
    ("aarch64", "aarch64"),
    ("aarch64_be", "aarch64"),
    ("aarch64_be_ilp32", "aarch64"),
    ("aarch64_ilp32", "aarch64"),
    ("arm64ec", "aarch64"),
    ("avr", "avr"),
    ("csky", "csky"),
    ("loongarch64", "loongarch64"),
    ("m68k", "m68k"),
    ("mips", "mips"),
    ("mips32r6", "mips"),
    ("mips32r6el", "mips"),
    ("mips64", "mips64"),
    ("mips64el", "mips64"),
    ("mips64r6", "mips64"),
    ("mips64r6el", "mips64"),
    ("mipsel", "mips"),
    ("msp430", "msp430"),
    ("powerpc", "ppc"),
    ("powerpc64", "ppc64"),
    ("powerpc64le", "ppc64"),
    ("riscv32", "riscv32"),
    ("riscv64", "riscv64"),
    ("s390x", "s390x"),
    ("sparc", "sparc"),
    ("sparc32plus", "sparc"),
    ("sparc64", "sparc64"),
    ("wasm32", "wasm32"),
    ("wasm64", "wasm64"),
    ("x32", "x86_64"),
    ("x86_32", "x86"),
    ("x86_64", "x86_64"),
];

/// Systems that do not call a processor what Linux's `uname -m` calls it.
const PROCESSORS: &[(&str, &str, &str)] = &[
    ("freebsd", "x86_64", "amd64"),
    ("ios", "aarch64", "arm64"),
    ("macos", "aarch64", "arm64"),
    ("none", "aarch32", "arm"),
    ("openbsd", "x86_64", "amd64"),
    ("tvos", "aarch64", "arm64"),
    ("visionos", "aarch64", "arm64"),
    ("windows", "aarch32", "ARM"),
    ("windows", "aarch64", "ARM64"),
    ("windows", "x86_32", "X86"),
    ("windows", "x86_64", "AMD64"),
];

/// `uname -m` of processors below the ones that their machine's row names: by the first word of a triple.
const OLDER: &[(&str, &str)] = &[
    ("arm", "armv6l"),
    ("armv4t", "armv4tl"),
    ("armv5te", "armv5tel"),
    ("armv6", "armv6l"),
    ("i386", "i386"),
    ("i586", "i586"),
];

/// `CMAKE_SYSTEM_NAME`; `Generic` is CMake's word for a system of which it knows nothing.
pub(super) fn cmake_system(target: &Target) -> &'static str {
    system(target).map_or("Generic", |(_, cmake, _)| cmake)
}

/// Meson's `system`, which is any word, but some are known to projects.
pub(super) fn meson_system(target: &Target) -> &'static str {
    system(target).map_or(target.facts().os, |(_, _, meson)| meson)
}

fn system(target: &Target) -> Option<&'static (&'static str, &'static str, &'static str)> {
    SYSTEMS.iter().find(|(os, _, _)| *os == target.facts().os)
}

/// `CMAKE_SYSTEM_PROCESSOR`, and Meson's `cpu`: what the system calls the processor.
pub(super) fn processor(target: &Target) -> &'static str {
    let facts = target.facts();
    let Some(machine) = target.machine() else { return facts.arch };
    let word = target.triple().split('-').next();
    let special = PROCESSORS.iter().find(|(os, name, _)| (*os, *name) == (facts.os, machine.name));
    let older = OLDER.iter().find(|(first, _)| Some(*first) == word);
    special
        .map(|(_, _, theirs)| *theirs)
        .or_else(|| older.map(|(_, uname)| *uname))
        .or(machine.uname)
        .unwrap_or(machine.name)
}

/// Meson's `cpu_family`; our own name where it has none, of which it warns and goes on.
pub(super) fn meson_family(target: &Target) -> &'static str {
    let machine = target.machine().map_or(target.facts().arch, |machine| machine.name);
    FAMILIES.iter().find(|(ours, _)| *ours == machine).map_or(machine, |(_, family)| family)
}

/// The name for `configure --host`: what the C compiler is called by, else built by the rules of `config.sub`.
pub(super) fn gnu(target: &Target) -> String {
    if let Some(prefix) = target.cross_prefix() {
        return prefix.to_owned();
    }
    let facts = target.facts();
    let processor = target.machine().and_then(|machine| machine.uname).unwrap_or(facts.arch);
    match facts.os {
        "linux" => format!("{processor}-linux-{}{}", facts.env, facts.abi),
        "windows" => format!("{processor}-w64-mingw32"),
        "android" => format!("{processor}-linux-android{}", facts.abi),
        "none" if facts.abi.starts_with("eabi") => "arm-none-eabi".to_owned(),
        "none" => format!("{processor}-none-elf"),
        _ if facts.vendor == "apple" => format!("{processor}-apple-darwin"),
        os => format!("{processor}-unknown-{os}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use triplecheck_emulators::machine::Machine;

    #[test]
    fn every_row_is_used_by_a_target() {
        for (os, _, _) in SYSTEMS {
            assert!(Target::all().any(|target| target.facts().os == *os), "{os}");
        }
        for (name, _) in FAMILIES {
            assert!(Machine::named(name).is_some(), "{name}");
        }
        for (os, name, _) in PROCESSORS {
            let used = |target: Target| {
                target.facts().os == *os && target.machine().is_some_and(|found| found.name == *name)
            };
            assert!(Target::all().any(used), "{os} {name}");
        }
        for (word, _) in OLDER {
            assert!(Target::all().any(|target| target.triple().split('-').next() == Some(word)), "{word}");
        }
    }

    #[test]
    fn names_are_those_that_the_tools_use() {
        #[track_caller]
        fn check(triple: &str, names: [&str; 5]) {
            let target = Target::parse(triple).unwrap();
            let found = [
                cmake_system(&target),
                processor(&target),
                meson_system(&target),
                meson_family(&target),
                &gnu(&target),
            ];
            assert_eq!(found, names);
        }
        check("aarch64-unknown-linux-gnu", ["Linux", "aarch64", "linux", "aarch64", "aarch64-linux-gnu"]);
        check("aarch64-unknown-linux-musl", ["Linux", "aarch64", "linux", "aarch64", "aarch64-linux-musl"]);
        check(
            "armv7-unknown-linux-musleabihf",
            ["Linux", "armv7l", "linux", "arm", "armv7l-linux-musleabihf"],
        );
        check("armv5te-unknown-linux-gnueabi", ["Linux", "armv5tel", "linux", "arm", "arm-linux-gnueabi"]);
        check("i686-unknown-linux-gnu", ["Linux", "i686", "linux", "x86", "i686-linux-gnu"]);
        check(
            "powerpc64le-unknown-linux-gnu",
            ["Linux", "ppc64le", "linux", "ppc64", "powerpc64le-linux-gnu"],
        );
        check("x86_64-pc-windows-gnu", ["Windows", "AMD64", "windows", "x86_64", "x86_64-w64-mingw32"]);
        check("x86_64-pc-windows-msvc", ["Windows", "AMD64", "windows", "x86_64", "x86_64-w64-mingw32"]);
        check("wasm32-wasip1", ["Generic", "wasm32", "wasi", "wasm32", "wasm32-unknown-wasi"]);
        check("aarch64-apple-darwin", ["Darwin", "arm64", "darwin", "aarch64", "aarch64-apple-darwin"]);
        check("thumbv7m-none-eabi", ["Generic", "arm", "none", "arm", "arm-none-eabi"]);
    }
}
