//! Cross toolchains as Debian and Ubuntu package them: the compiler's prefix, where the target's libraries
//! stand, and which packages bring both. Data; nobody here looks whether any of it is installed.
//!
//! A row describes a C library as much as a compiler, so a musl target has none although a glibc compiler could
//! link for it: its loader would not be found there. A few rows have no rustc target at all; their C programs
//! can be built and run like others.
//!
//! Longer than our files are: half of it is one table with named fields, and its tests belong beside it.

use crate::machine::Machine;

/// One cross toolchain.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Cross {
    /// What stands before `-gcc`: `aarch64-linux-gnu`, `x86_64-w64-mingw32`.
    pub prefix: &'static str,
    /// The [`Machine`] by name.
    pub machine: &'static str,
    /// The directory with the target's `include` and `lib`, to be given to qemu as `-L`.
    pub sysroot: &'static str,
    /// The loaders (`PT_INTERP`) of programs for it, as they stand under the sysroot; empty where programs have
    /// none. No unique key: always ask together with the machine.
    pub loaders: &'static [&'static str],
    /// The package with the C compiler, `None` where Debian 12 has none: n32 programs are another compiler's
    /// (`mips64-linux-gnuabi64-gcc -mabi=n32`), and loongarch64 has no package at all.
    pub gcc_package: Option<&'static str>,
    /// The package with the C library to link against; it brings [`Self::libc_package`].
    pub libc_dev_package: Option<&'static str>,
    /// The package with the C library and the loader to run with, `None` where nothing is loaded at run time.
    pub libc_package: Option<&'static str>,
    /// The package with `libgcc_s` (the unwinder that Rust's std links), or mingw's run-time DLLs.
    pub libgcc_package: Option<&'static str>,
    /// The rustc targets that it links, the one that it fits best first.
    pub triples: &'static [&'static str],
}

impl Cross {
    /// Every toolchain that we know.
    pub fn all() -> impl Iterator<Item = &'static Cross> {
        CROSS.iter()
    }

    /// The toolchain that links for a rustc triple.
    pub fn of_triple(triple: &str) -> Option<&'static Cross> {
        Self::all().find(|cross| cross.triples.contains(&triple))
    }

    /// The toolchain whose programs are called `PREFIX-gcc`.
    pub fn of_prefix(prefix: &str) -> Option<&'static Cross> {
        Self::all().find(|cross| cross.prefix == prefix)
    }

    /// The C compiler's command: `PREFIX-gcc`.
    pub fn gcc(&self) -> String {
        format!("{}-gcc", self.prefix)
    }

    /// The toolchain whose C library has this loader for this machine: how a program without a target, known only
    /// by its header, finds its sysroot.
    pub fn of_loader(machine: &Machine, loader: &str) -> Option<&'static Cross> {
        Self::all().find(|cross| cross.machine == machine.name && cross.loaders.contains(&loader))
    }
}

/// By prefix, but for the usual one of a machine before its others. The names were checked against Debian 12's package lists. `arm-linux-gnueabihf` is Debian's armhf, a v7
/// library: it links `arm-…-gnueabihf` (v6), but what comes out runs on v7 alone; likewise `i586` (cmov) and
/// `armv4t` (v5te). On an amd64 host the native compiler is `x86_64-linux-gnu-gcc` and has no cross package.
static CROSS: &[Cross] = &[
    Cross {
        prefix: "aarch64-linux-gnu",
        machine: "aarch64",
        sysroot: "/usr/aarch64-linux-gnu",
        loaders: &["/lib/ld-linux-aarch64.so.1"],
        gcc_package: Some("gcc-aarch64-linux-gnu"),
        libc_dev_package: Some("libc6-dev-arm64-cross"),
        libc_package: Some("libc6-arm64-cross"),
        libgcc_package: Some("libgcc-s1-arm64-cross"),
        triples: &["aarch64-unknown-linux-gnu"],
    },
    Cross {
        prefix: "alpha-linux-gnu",
        machine: "alpha",
        sysroot: "/usr/alpha-linux-gnu",
        loaders: &["/lib/ld-linux.so.2"],
        gcc_package: Some("gcc-alpha-linux-gnu"),
        libc_dev_package: Some("libc6.1-dev-alpha-cross"),
        libc_package: Some("libc6.1-alpha-cross"),
        libgcc_package: Some("libgcc-s1-alpha-cross"),
        triples: &[],
    },
    Cross {
        prefix: "arc-linux-gnu",
        machine: "arc",
        sysroot: "/usr/arc-linux-gnu",
        loaders: &["/lib/ld-linux-arc.so.2"],
        gcc_package: Some("gcc-arc-linux-gnu"),
        libc_dev_package: Some("libc6-dev-arc-cross"),
        libc_package: Some("libc6-arc-cross"),
        libgcc_package: Some("libgcc-s1-arc-cross"),
        triples: &[],
    },
    Cross {
        prefix: "arm-linux-gnueabihf",
        machine: "aarch32",
        sysroot: "/usr/arm-linux-gnueabihf",
        loaders: &["/lib/ld-linux-armhf.so.3"],
        gcc_package: Some("gcc-arm-linux-gnueabihf"),
        libc_dev_package: Some("libc6-dev-armhf-cross"),
        libc_package: Some("libc6-armhf-cross"),
        libgcc_package: Some("libgcc-s1-armhf-cross"),
        triples: &[
            "armv7-unknown-linux-gnueabihf",
            "arm-unknown-linux-gnueabihf",
            "thumbv7neon-unknown-linux-gnueabihf",
        ],
    },
    Cross {
        prefix: "arm-linux-gnueabi",
        machine: "aarch32",
        sysroot: "/usr/arm-linux-gnueabi",
        loaders: &["/lib/ld-linux.so.3"],
        gcc_package: Some("gcc-arm-linux-gnueabi"),
        libc_dev_package: Some("libc6-dev-armel-cross"),
        libc_package: Some("libc6-armel-cross"),
        libgcc_package: Some("libgcc-s1-armel-cross"),
        triples: &[
            "arm-unknown-linux-gnueabi",
            "armv4t-unknown-linux-gnueabi",
            "armv5te-unknown-linux-gnueabi",
            "armv7-unknown-linux-gnueabi",
        ],
    },
    Cross {
        prefix: "hppa-linux-gnu",
        machine: "hppa",
        sysroot: "/usr/hppa-linux-gnu",
        loaders: &["/lib/ld.so.1"],
        gcc_package: Some("gcc-hppa-linux-gnu"),
        libc_dev_package: Some("libc6-dev-hppa-cross"),
        libc_package: Some("libc6-hppa-cross"),
        libgcc_package: Some("libgcc-s4-hppa-cross"),
        triples: &[],
    },
    Cross {
        prefix: "i686-linux-gnu",
        machine: "x86_32",
        sysroot: "/usr/i686-linux-gnu",
        loaders: &["/lib/ld-linux.so.2"],
        gcc_package: Some("gcc-i686-linux-gnu"),
        libc_dev_package: Some("libc6-dev-i386-cross"),
        libc_package: Some("libc6-i386-cross"),
        libgcc_package: Some("libgcc-s1-i386-cross"),
        triples: &["i686-unknown-linux-gnu", "i586-unknown-linux-gnu"],
    },
    Cross {
        prefix: "loongarch64-linux-gnu",
        machine: "loongarch64",
        sysroot: "/usr/loongarch64-linux-gnu",
        loaders: &["/lib64/ld-linux-loongarch-lp64d.so.1"],
        gcc_package: None,
        libc_dev_package: None,
        libc_package: None,
        libgcc_package: None,
        triples: &["loongarch64-unknown-linux-gnu"],
    },
    Cross {
        prefix: "m68k-linux-gnu",
        machine: "m68k",
        sysroot: "/usr/m68k-linux-gnu",
        loaders: &["/lib/ld.so.1"],
        gcc_package: Some("gcc-m68k-linux-gnu"),
        libc_dev_package: Some("libc6-dev-m68k-cross"),
        libc_package: Some("libc6-m68k-cross"),
        libgcc_package: Some("libgcc-s2-m68k-cross"),
        triples: &["m68k-unknown-linux-gnu"],
    },
    Cross {
        prefix: "mips-linux-gnu",
        machine: "mips",
        sysroot: "/usr/mips-linux-gnu",
        loaders: &["/lib/ld.so.1"],
        gcc_package: Some("gcc-mips-linux-gnu"),
        libc_dev_package: Some("libc6-dev-mips-cross"),
        libc_package: Some("libc6-mips-cross"),
        libgcc_package: Some("libgcc-s1-mips-cross"),
        triples: &["mips-unknown-linux-gnu"],
    },
    Cross {
        prefix: "mips64-linux-gnuabi64",
        machine: "mips64",
        sysroot: "/usr/mips64-linux-gnuabi64",
        loaders: &["/lib64/ld.so.1"],
        gcc_package: Some("gcc-mips64-linux-gnuabi64"),
        libc_dev_package: Some("libc6-dev-mips64-cross"),
        libc_package: Some("libc6-mips64-cross"),
        libgcc_package: Some("libgcc-s1-mips64-cross"),
        triples: &["mips64-unknown-linux-gnuabi64"],
    },
    Cross {
        prefix: "mips64-linux-gnuabin32",
        machine: "mipsn32",
        sysroot: "/usr/mips64-linux-gnuabin32",
        loaders: &["/lib32/ld.so.1"],
        gcc_package: None,
        libc_dev_package: None,
        libc_package: Some("libc6-mipsn32-cross"),
        libgcc_package: None,
        triples: &[],
    },
    Cross {
        prefix: "mips64el-linux-gnuabi64",
        machine: "mips64el",
        sysroot: "/usr/mips64el-linux-gnuabi64",
        loaders: &["/lib64/ld.so.1"],
        gcc_package: Some("gcc-mips64el-linux-gnuabi64"),
        libc_dev_package: Some("libc6-dev-mips64el-cross"),
        libc_package: Some("libc6-mips64el-cross"),
        libgcc_package: Some("libgcc-s1-mips64el-cross"),
        triples: &["mips64el-unknown-linux-gnuabi64"],
    },
    Cross {
        prefix: "mips64el-linux-gnuabin32",
        machine: "mipsn32el",
        sysroot: "/usr/mips64el-linux-gnuabin32",
        loaders: &["/lib32/ld.so.1"],
        gcc_package: None,
        libc_dev_package: None,
        libc_package: Some("libc6-mipsn32el-cross"),
        libgcc_package: None,
        triples: &[],
    },
    Cross {
        prefix: "mipsel-linux-gnu",
        machine: "mipsel",
        sysroot: "/usr/mipsel-linux-gnu",
        loaders: &["/lib/ld.so.1"],
        gcc_package: Some("gcc-mipsel-linux-gnu"),
        libc_dev_package: Some("libc6-dev-mipsel-cross"),
        libc_package: Some("libc6-mipsel-cross"),
        libgcc_package: Some("libgcc-s1-mipsel-cross"),
        triples: &["mipsel-unknown-linux-gnu"],
    },
    Cross {
        prefix: "mipsisa32r6-linux-gnu",
        machine: "mips32r6",
        sysroot: "/usr/mipsisa32r6-linux-gnu",
        loaders: &["/lib/ld-linux-mipsn8.so.1"],
        gcc_package: Some("gcc-mipsisa32r6-linux-gnu"),
        libc_dev_package: Some("libc6-dev-mipsr6-cross"),
        libc_package: Some("libc6-mipsr6-cross"),
        libgcc_package: Some("libgcc-s1-mipsr6-cross"),
        triples: &["mipsisa32r6-unknown-linux-gnu"],
    },
    Cross {
        prefix: "mipsisa32r6el-linux-gnu",
        machine: "mips32r6el",
        sysroot: "/usr/mipsisa32r6el-linux-gnu",
        loaders: &["/lib/ld-linux-mipsn8.so.1"],
        gcc_package: Some("gcc-mipsisa32r6el-linux-gnu"),
        libc_dev_package: Some("libc6-dev-mipsr6el-cross"),
        libc_package: Some("libc6-mipsr6el-cross"),
        libgcc_package: Some("libgcc-s1-mipsr6el-cross"),
        triples: &["mipsisa32r6el-unknown-linux-gnu"],
    },
    Cross {
        prefix: "mipsisa64r6-linux-gnuabi64",
        machine: "mips64r6",
        sysroot: "/usr/mipsisa64r6-linux-gnuabi64",
        loaders: &["/lib64/ld-linux-mipsn8.so.1"],
        gcc_package: Some("gcc-mipsisa64r6-linux-gnuabi64"),
        libc_dev_package: Some("libc6-dev-mips64r6-cross"),
        libc_package: Some("libc6-mips64r6-cross"),
        libgcc_package: Some("libgcc-s1-mips64r6-cross"),
        triples: &["mipsisa64r6-unknown-linux-gnuabi64"],
    },
    Cross {
        prefix: "mipsisa64r6-linux-gnuabin32",
        machine: "mipsn32r6",
        sysroot: "/usr/mipsisa64r6-linux-gnuabin32",
        loaders: &["/lib32/ld-linux-mipsn8.so.1"],
        gcc_package: None,
        libc_dev_package: None,
        libc_package: Some("libc6-mipsn32r6-cross"),
        libgcc_package: None,
        triples: &[],
    },
    Cross {
        prefix: "mipsisa64r6el-linux-gnuabi64",
        machine: "mips64r6el",
        sysroot: "/usr/mipsisa64r6el-linux-gnuabi64",
        loaders: &["/lib64/ld-linux-mipsn8.so.1"],
        gcc_package: Some("gcc-mipsisa64r6el-linux-gnuabi64"),
        libc_dev_package: Some("libc6-dev-mips64r6el-cross"),
        libc_package: Some("libc6-mips64r6el-cross"),
        libgcc_package: Some("libgcc-s1-mips64r6el-cross"),
        triples: &["mipsisa64r6el-unknown-linux-gnuabi64"],
    },
    Cross {
        prefix: "mipsisa64r6el-linux-gnuabin32",
        machine: "mipsn32r6el",
        sysroot: "/usr/mipsisa64r6el-linux-gnuabin32",
        loaders: &["/lib32/ld-linux-mipsn8.so.1"],
        gcc_package: None,
        libc_dev_package: None,
        libc_package: Some("libc6-mipsn32r6el-cross"),
        libgcc_package: None,
        triples: &[],
    },
    Cross {
        prefix: "powerpc-linux-gnu",
        machine: "powerpc",
        sysroot: "/usr/powerpc-linux-gnu",
        loaders: &["/lib/ld.so.1"],
        gcc_package: Some("gcc-powerpc-linux-gnu"),
        libc_dev_package: Some("libc6-dev-powerpc-cross"),
        libc_package: Some("libc6-powerpc-cross"),
        libgcc_package: Some("libgcc-s1-powerpc-cross"),
        triples: &["powerpc-unknown-linux-gnu"],
    },
    Cross {
        prefix: "powerpc64-linux-gnu",
        machine: "powerpc64",
        sysroot: "/usr/powerpc64-linux-gnu",
        loaders: &["/lib64/ld64.so.1"],
        gcc_package: Some("gcc-powerpc64-linux-gnu"),
        libc_dev_package: Some("libc6-dev-ppc64-cross"),
        libc_package: Some("libc6-ppc64-cross"),
        libgcc_package: Some("libgcc-s1-ppc64-cross"),
        triples: &["powerpc64-unknown-linux-gnu"],
    },
    Cross {
        prefix: "powerpc64le-linux-gnu",
        machine: "powerpc64le",
        sysroot: "/usr/powerpc64le-linux-gnu",
        loaders: &["/lib64/ld64.so.2"],
        gcc_package: Some("gcc-powerpc64le-linux-gnu"),
        libc_dev_package: Some("libc6-dev-ppc64el-cross"),
        libc_package: Some("libc6-ppc64el-cross"),
        libgcc_package: Some("libgcc-s1-ppc64el-cross"),
        triples: &["powerpc64le-unknown-linux-gnu"],
    },
    Cross {
        prefix: "riscv64-linux-gnu",
        machine: "riscv64",
        sysroot: "/usr/riscv64-linux-gnu",
        loaders: &["/lib/ld-linux-riscv64-lp64d.so.1"],
        gcc_package: Some("gcc-riscv64-linux-gnu"),
        libc_dev_package: Some("libc6-dev-riscv64-cross"),
        libc_package: Some("libc6-riscv64-cross"),
        libgcc_package: Some("libgcc-s1-riscv64-cross"),
        triples: &["riscv64gc-unknown-linux-gnu", "riscv64a23-unknown-linux-gnu"],
    },
    Cross {
        prefix: "s390x-linux-gnu",
        machine: "s390x",
        sysroot: "/usr/s390x-linux-gnu",
        loaders: &["/lib/ld64.so.1"],
        gcc_package: Some("gcc-s390x-linux-gnu"),
        libc_dev_package: Some("libc6-dev-s390x-cross"),
        libc_package: Some("libc6-s390x-cross"),
        libgcc_package: Some("libgcc-s1-s390x-cross"),
        triples: &["s390x-unknown-linux-gnu"],
    },
    Cross {
        prefix: "sh4-linux-gnu",
        machine: "sh4",
        sysroot: "/usr/sh4-linux-gnu",
        loaders: &["/lib/ld-linux.so.2"],
        gcc_package: Some("gcc-sh4-linux-gnu"),
        libc_dev_package: Some("libc6-dev-sh4-cross"),
        libc_package: Some("libc6-sh4-cross"),
        libgcc_package: Some("libgcc-s1-sh4-cross"),
        triples: &[],
    },
    Cross {
        prefix: "sparc64-linux-gnu",
        machine: "sparc64",
        sysroot: "/usr/sparc64-linux-gnu",
        loaders: &["/lib64/ld-linux.so.2"],
        gcc_package: Some("gcc-sparc64-linux-gnu"),
        libc_dev_package: Some("libc6-dev-sparc64-cross"),
        libc_package: Some("libc6-sparc64-cross"),
        libgcc_package: Some("libgcc-s1-sparc64-cross"),
        triples: &["sparc64-unknown-linux-gnu"],
    },
    Cross {
        prefix: "x86_64-linux-gnu",
        machine: "x86_64",
        sysroot: "/usr/x86_64-linux-gnu",
        loaders: &["/lib64/ld-linux-x86-64.so.2"],
        gcc_package: Some("gcc-x86-64-linux-gnu"),
        libc_dev_package: Some("libc6-dev-amd64-cross"),
        libc_package: Some("libc6-amd64-cross"),
        libgcc_package: Some("libgcc-s1-amd64-cross"),
        triples: &["x86_64-unknown-linux-gnu", "x86_64-unknown-linux-gnuasan"],
    },
    Cross {
        prefix: "x86_64-linux-gnux32",
        machine: "x32",
        sysroot: "/usr/x86_64-linux-gnux32",
        loaders: &["/libx32/ld-linux-x32.so.2"],
        gcc_package: Some("gcc-x86-64-linux-gnux32"),
        libc_dev_package: Some("libc6-dev-x32-cross"),
        libc_package: Some("libc6-x32-cross"),
        libgcc_package: Some("libgcc-s1-x32-cross"),
        triples: &["x86_64-unknown-linux-gnux32"],
    },
    Cross {
        prefix: "i686-w64-mingw32",
        machine: "x86_32",
        sysroot: "/usr/i686-w64-mingw32",
        loaders: &[],
        gcc_package: Some("gcc-mingw-w64-i686-win32"),
        libc_dev_package: Some("mingw-w64-i686-dev"),
        libc_package: None,
        libgcc_package: Some("gcc-mingw-w64-i686-win32-runtime"),
        triples: &["i686-pc-windows-gnu", "i686-win7-windows-gnu", "i686-uwp-windows-gnu"],
    },
    Cross {
        prefix: "x86_64-w64-mingw32",
        machine: "x86_64",
        sysroot: "/usr/x86_64-w64-mingw32",
        loaders: &[],
        gcc_package: Some("gcc-mingw-w64-x86-64-win32"),
        libc_dev_package: Some("mingw-w64-x86-64-dev"),
        libc_package: None,
        libgcc_package: Some("gcc-mingw-w64-x86-64-win32-runtime"),
        triples: &["x86_64-pc-windows-gnu", "x86_64-win7-windows-gnu", "x86_64-uwp-windows-gnu"],
    },
    Cross {
        prefix: "arm-none-eabi",
        machine: "aarch32",
        sysroot: "/usr/lib/arm-none-eabi",
        loaders: &[],
        gcc_package: Some("gcc-arm-none-eabi"),
        libc_dev_package: Some("libnewlib-arm-none-eabi"),
        libc_package: None,
        libgcc_package: None,
        triples: &[
            "armv4t-none-eabi",
            "armv5te-none-eabi",
            "armv6-none-eabi",
            "armv6-none-eabihf",
            "armv7a-none-eabi",
            "armv7a-none-eabihf",
            "armv7r-none-eabi",
            "armv7r-none-eabihf",
            "armv8r-none-eabihf",
            "thumbv4t-none-eabi",
            "thumbv5te-none-eabi",
            "thumbv6-none-eabi",
            "thumbv6m-none-eabi",
            "thumbv7a-none-eabi",
            "thumbv7a-none-eabihf",
            "thumbv7em-none-eabi",
            "thumbv7em-none-eabihf",
            "thumbv7m-none-eabi",
            "thumbv7r-none-eabi",
            "thumbv7r-none-eabihf",
            "thumbv8m.base-none-eabi",
            "thumbv8m.main-none-eabi",
            "thumbv8m.main-none-eabihf",
            "thumbv8r-none-eabihf",
        ],
    },
    Cross {
        prefix: "riscv64-unknown-elf",
        machine: "riscv64",
        sysroot: "/usr/lib/picolibc/riscv64-unknown-elf",
        loaders: &[],
        gcc_package: Some("gcc-riscv64-unknown-elf"),
        libc_dev_package: Some("picolibc-riscv64-unknown-elf"),
        libc_package: None,
        libgcc_package: None,
        triples: &[
            "riscv32e-unknown-none-elf",
            "riscv32em-unknown-none-elf",
            "riscv32emc-unknown-none-elf",
            "riscv32i-unknown-none-elf",
            "riscv32im-unknown-none-elf",
            "riscv32ima-unknown-none-elf",
            "riscv32imac-unknown-none-elf",
            "riscv32imafc-unknown-none-elf",
            "riscv32imc-unknown-none-elf",
            "riscv64gc-unknown-none-elf",
            "riscv64im-unknown-none-elf",
            "riscv64imac-unknown-none-elf",
        ],
    },
    Cross {
        prefix: "avr",
        machine: "avr",
        sysroot: "/usr/lib/avr",
        loaders: &[],
        gcc_package: Some("gcc-avr"),
        libc_dev_package: Some("avr-libc"),
        libc_package: None,
        libgcc_package: None,
        triples: &["avr-none"],
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Target;

    #[test]
    fn every_toolchain_agrees_with_its_targets_and_machine() {
        for cross in Cross::all() {
            let machine = Machine::named(cross.machine).unwrap_or_else(|| panic!("{cross:?}"));
            assert_eq!(Cross::of_prefix(cross.prefix), Some(cross));
            assert_eq!(cross.gcc(), format!("{}-gcc", cross.prefix));
            for triple in cross.triples {
                let target = Target::parse(triple).unwrap();
                assert_eq!(target.cross(), Some(cross), "{triple}");
                let theirs = target.machine().unwrap();
                assert_eq!(theirs.family, machine.family, "{triple}");
                assert_eq!(theirs.endian, machine.endian, "{triple}");
            }
            for loader in cross.loaders {
                assert_eq!(Cross::of_loader(machine, loader), Some(cross), "{loader}");
            }
        }
    }

    #[test]
    fn one_loader_path_leads_to_the_sysroot_of_the_machine_that_asks() {
        #[track_caller]
        fn check(machine: &str, loader: &str, prefix: Option<&str>) {
            let machine = Machine::named(machine).unwrap();
            let found = Cross::of_loader(machine, loader).map(|cross| cross.prefix);
            assert_eq!(found, prefix);
        }
        check("powerpc", "/lib/ld.so.1", Some("powerpc-linux-gnu"));
        check("mips", "/lib/ld.so.1", Some("mips-linux-gnu"));
        check("hppa", "/lib/ld.so.1", Some("hppa-linux-gnu"));
        check("m68k", "/lib/ld.so.1", Some("m68k-linux-gnu"));
        check("alpha", "/lib/ld-linux.so.2", Some("alpha-linux-gnu"));
        check("x86_32", "/lib/ld-linux.so.2", Some("i686-linux-gnu"));
        check("aarch32", "/lib/ld-linux-armhf.so.3", Some("arm-linux-gnueabihf"));
        check("aarch32", "/lib/ld-linux.so.3", Some("arm-linux-gnueabi"));
        check("mipsn32", "/lib32/ld.so.1", Some("mips64-linux-gnuabin32"));
        check("mips32r6el", "/lib/ld-linux-mipsn8.so.1", Some("mipsisa32r6el-linux-gnu"));
        check("aarch64", "/lib/ld-musl-aarch64.so.1", None);
    }

    #[test]
    fn every_glibc_target_of_a_machine_that_debian_ports_has_a_toolchain() {
        let without: Vec<&str> = Target::all()
            .filter(|target| {
                let facts = target.facts();
                facts.os == "linux" && facts.env == "gnu" && target.cross().is_none()
            })
            .map(|target| target.triple())
            .collect();
        // Nobody packages these; a user's own sysroot is their only way.
        assert_eq!(
            without,
            [
                "aarch64-unknown-linux-gnu_ilp32",
                "aarch64_be-unknown-linux-gnu",
                "aarch64_be-unknown-linux-gnu_ilp32",
                "armeb-unknown-linux-gnueabi",
                "csky-unknown-linux-gnuabiv2",
                "csky-unknown-linux-gnuabiv2hf",
                "powerpc-unknown-linux-gnuspe",
                "riscv32gc-unknown-linux-gnu",
                "sparc-unknown-linux-gnu",
            ]
        );
    }

    #[test]
    fn the_sysroot_of_a_linux_toolchain_is_named_after_it() {
        for cross in Cross::all().filter(|cross| !cross.loaders.is_empty()) {
            assert_eq!(cross.sysroot, format!("/usr/{}", cross.prefix));
        }
    }
}
