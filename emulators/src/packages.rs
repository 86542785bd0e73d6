//! Install knowledge: what each missing piece is called in each distribution. Data only.
//!
//! An empty answer is a fact too: the distribution has no such package, and a guessed name would send people
//! after something that is not there. Debian's names are checked against its own package lists; where a
//! distribution puts a cross toolchain somewhere that our search for sysroots and prefixes does not reach
//! (Fedora's, which has no C library; Nix's), it counts as absent.

use std::collections::BTreeSet;

use crate::target::Cross;

/// Something that a machine may lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Piece {
    /// QEMU's user-mode emulators.
    QemuUser,
    /// QEMU's system emulator with this suffix (`aarch64`, `x86_64`).
    QemuSystem(&'static str),
    /// The kernel and first process of the guest system for this machine, which `triplecheck setup --vm` brings.
    GuestSystem(&'static str),
    /// 64-bit Wine.
    Wine64,
    /// 32-bit Wine, beside the 64-bit one.
    Wine32,
    /// The C compiler that targets this Debian cross prefix (`aarch64-linux-gnu`), with its C library.
    CrossGcc(&'static str),
    /// Only the C library (and so the loader) for this cross prefix, with the unwinder that Rust programs load.
    CrossLibc(&'static str),
    /// The 32-bit loader and C library of an x86_64 host.
    Libc32,
    /// A mingw-w64 C compiler by prefix (`x86_64-w64-mingw32`).
    Mingw(&'static str),
    /// The host's own C compiler.
    Gcc,
    /// node, for WASI modules that throw exceptions.
    Node,
    /// clang, lld and the C library for WASI.
    WasiC,
    /// A debugger that knows the machines of all targets.
    Gdb,
    /// strace.
    Strace,
    /// The keys by which apt knows Debian's archive, from which kernels of guest systems come.
    DebianKeys,
}

/// In words, as the object of "install": `a C compiler for s390x-linux-gnu`.
impl std::fmt::Display for Piece {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::QemuUser => formatter.write_str("QEMU's user-mode emulators"),
            Self::QemuSystem(suffix) => write!(formatter, "`qemu-system-{suffix}`"),
            Self::GuestSystem(machine) => write!(formatter, "a guest system for {machine}"),
            Self::Wine64 => formatter.write_str("Wine"),
            Self::Wine32 => formatter.write_str("32-bit Wine"),
            Self::CrossGcc(prefix) => write!(formatter, "a C compiler for {prefix} with its C library"),
            Self::CrossLibc(prefix) => write!(formatter, "the C library of {prefix}"),
            Self::Libc32 => formatter.write_str("the 32-bit C library of the host"),
            Self::Mingw(prefix) => write!(formatter, "mingw-w64 (`{prefix}-gcc`)"),
            Self::Gcc => formatter.write_str("a C compiler"),
            Self::Node => formatter.write_str("node"),
            Self::WasiC => formatter.write_str("clang, lld and the C library for WASI"),
            Self::Gdb => formatter.write_str("gdb for all machines"),
            Self::Strace => formatter.write_str("strace"),
            Self::DebianKeys => formatter.write_str("the keys of Debian's archive"),
        }
    }
}

/// Distributions whose package names we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Distribution {
    /// Debian, Ubuntu and what derives from them.
    Debian,
    /// Fedora and RHEL.
    Fedora,
    /// Arch Linux.
    Arch,
    /// Alpine.
    Alpine,
    /// Homebrew.
    Homebrew,
    /// Nix.
    Nix,
}

impl Distribution {
    /// The distribution that an `os-release` file speaks of: its `ID`, or else the first of its `ID_LIKE` that is
    /// known. (Homebrew is never in one; it stands beside a system and not under it.)
    pub fn detect(os_release: &str) -> Option<Self> {
        let value = |key: &str| {
            os_release
                .lines()
                .filter_map(|line| line.trim().strip_prefix(key)?.strip_prefix('='))
                .next_back()
                .unwrap_or_default()
                .trim_matches(['"', '\''])
        };
        std::iter::once(value("ID")).chain(value("ID_LIKE").split_ascii_whitespace()).find_map(Self::by_id)
    }

    fn by_id(id: &str) -> Option<Self> {
        Some(match id {
            "debian" | "ubuntu" => Self::Debian,
            "fedora" | "rhel" | "centos" => Self::Fedora,
            "arch" => Self::Arch,
            "alpine" => Self::Alpine,
            "nixos" => Self::Nix,
            _ => return None,
        })
    }

    /// The words before the packages' names.
    fn installer(self) -> &'static str {
        match self {
            Self::Debian => "sudo apt-get install --no-install-recommends",
            Self::Fedora => "sudo dnf install",
            Self::Arch => "sudo pacman -S",
            Self::Alpine => "sudo apk add",
            Self::Homebrew => "brew install",
            Self::Nix => "nix-shell -p",
        }
    }
}

/// The packages that bring `piece`, empty where the distribution has none.
pub fn packages(piece: Piece, distribution: Distribution) -> Vec<String> {
    match distribution {
        Distribution::Debian => debian(piece),
        Distribution::Fedora => fedora(piece),
        Distribution::Arch => arch(piece),
        Distribution::Alpine => alpine(piece),
        Distribution::Homebrew => homebrew(piece),
        Distribution::Nix => nix(piece),
    }
}

/// One command that installs all `pieces`, to be given to a user's shell; `None` where the
/// distribution has none of them. Pieces without a package are left out: ask [`packages`] about each.
pub fn install_command(pieces: &[Piece], distribution: Distribution) -> Option<String> {
    let names: BTreeSet<String> = pieces.iter().flat_map(|piece| packages(*piece, distribution)).collect();
    if names.is_empty() {
        return None;
    }
    // 32-bit Wine is a package of another architecture, of which apt knows nothing before it is told.
    let first = if names.iter().any(|name| name.ends_with(":i386")) {
        "sudo dpkg --add-architecture i386 && sudo apt-get update && "
    } else {
        ""
    };
    let names: Vec<String> = names.into_iter().collect();
    Some(format!("{first}{} {}", distribution.installer(), names.join(" ")))
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn debian(piece: Piece) -> Vec<String> {
    let cross = |prefix| Cross::of_prefix(prefix);
    let both = |one: Option<&'static str>, other: Option<&'static str>| {
        names(&[one, other].into_iter().flatten().collect::<Vec<_>>())
    };
    match piece {
        // Made by set-up itself.
        Piece::GuestSystem(_) => Vec::new(),
        // Every Debian has them, and no Ubuntu.
        Piece::DebianKeys => names(&["debian-archive-keyring"]),
        Piece::QemuUser => names(&["qemu-user"]),
        Piece::QemuSystem(suffix) => names(&[debian_qemu_system(suffix)]),
        Piece::Wine64 => names(&["wine64"]),
        Piece::Wine32 => names(&["wine32:i386"]),
        Piece::CrossGcc(prefix) => cross(prefix)
            .filter(|cross| !is_mingw(cross.prefix))
            .map_or_else(Vec::new, |cross| both(cross.gcc_package, cross.libc_dev_package)),
        // Without a C library of its own there is nothing that a run could lack.
        Piece::CrossLibc(prefix) => cross(prefix)
            .filter(|cross| cross.libc_package.is_some())
            .map_or_else(Vec::new, |cross| both(cross.libc_package, cross.libgcc_package)),
        Piece::Libc32 => names(&["libc6-i386", "lib32gcc-s1"]),
        // The dependencies bring mingw's headers and import libraries.
        Piece::Mingw(prefix) => cross(prefix)
            .filter(|cross| is_mingw(cross.prefix))
            .map_or_else(Vec::new, |cross| both(cross.gcc_package, None)),
        Piece::Gcc => names(&["gcc", "libc6-dev"]),
        Piece::Gdb => names(&["gdb-multiarch"]),
        Piece::Strace => names(&["strace"]),
        Piece::Node => names(&["nodejs"]),
        Piece::WasiC => names(&["clang", "lld", "wasi-libc", "libclang-rt-dev-wasm32"]),
    }
}

/// Debian gathers the system emulators by family; what has no package of its own is in the last.
fn debian_qemu_system(suffix: &str) -> &'static str {
    match suffix {
        "aarch64" | "arm" => "qemu-system-arm",
        "i386" | "x86_64" => "qemu-system-x86",
        "mips" | "mipsel" | "mips64" | "mips64el" => "qemu-system-mips",
        "ppc" | "ppc64" => "qemu-system-ppc",
        "sparc" | "sparc64" => "qemu-system-sparc",
        _ => "qemu-system-misc",
    }
}

fn fedora(piece: Piece) -> Vec<String> {
    match piece {
        // Made by set-up itself, with Debian's apt.
        Piece::GuestSystem(_) | Piece::DebianKeys => Vec::new(),
        Piece::QemuUser => names(&["qemu-user"]),
        Piece::QemuSystem(suffix) => names(&[match suffix {
            "i386" | "x86_64" => "qemu-system-x86",
            "mips" | "mipsel" | "mips64" | "mips64el" => "qemu-system-mips",
            "ppc" | "ppc64" => "qemu-system-ppc",
            "riscv32" | "riscv64" => "qemu-system-riscv",
            "sparc" | "sparc64" => "qemu-system-sparc",
            "aarch64" => "qemu-system-aarch64",
            "arm" => "qemu-system-arm",
            "s390x" => "qemu-system-s390x",
            "loongarch64" => "qemu-system-loongarch64",
            _ => return Vec::new(),
        }]),
        Piece::Wine64 => names(&["wine-core"]),
        Piece::Wine32 => names(&["wine-core.i686"]),
        Piece::Libc32 => names(&["glibc.i686", "libgcc.i686"]),
        Piece::Mingw("x86_64-w64-mingw32") => names(&["mingw64-gcc"]),
        Piece::Mingw("i686-w64-mingw32") => names(&["mingw32-gcc"]),
        // Its cross compilers build kernels: they come without a C library.
        Piece::CrossGcc(_) | Piece::CrossLibc(_) | Piece::Mingw(_) => Vec::new(),
        Piece::Gcc => names(&["gcc", "glibc-devel"]),
        Piece::Gdb => names(&["gdb"]),
        Piece::Strace => names(&["strace"]),
        Piece::Node => names(&["nodejs"]),
        Piece::WasiC => names(&["clang", "lld", "wasi-libc-static"]),
    }
}

fn arch(piece: Piece) -> Vec<String> {
    match piece {
        // Made by set-up itself, with Debian's apt.
        Piece::GuestSystem(_) | Piece::DebianKeys => Vec::new(),
        Piece::QemuUser => names(&["qemu-user"]),
        Piece::QemuSystem(suffix) => {
            let package = if matches!(suffix, "i386" | "x86_64") { "x86" } else { suffix };
            vec![format!("qemu-system-{package}")]
        }
        // One package for both widths.
        Piece::Wine64 | Piece::Wine32 => names(&["wine"]),
        // The other cross compilers are built by their users.
        Piece::CrossGcc("aarch64-linux-gnu") => names(&["aarch64-linux-gnu-gcc"]),
        Piece::CrossGcc("riscv64-linux-gnu") => names(&["riscv64-linux-gnu-gcc"]),
        // The unwinder is in the compiler's package.
        Piece::CrossLibc("aarch64-linux-gnu") => names(&["aarch64-linux-gnu-gcc", "aarch64-linux-gnu-glibc"]),
        Piece::CrossLibc("riscv64-linux-gnu") => names(&["riscv64-linux-gnu-gcc", "riscv64-linux-gnu-glibc"]),
        Piece::Libc32 => names(&["lib32-glibc", "lib32-gcc-libs"]),
        Piece::Mingw(prefix) if is_mingw(prefix) => names(&["mingw-w64-gcc"]),
        Piece::CrossGcc(_) | Piece::CrossLibc(_) | Piece::Mingw(_) => Vec::new(),
        Piece::Gcc => names(&["gcc"]),
        Piece::Gdb => names(&["gdb"]),
        Piece::Strace => names(&["strace"]),
        Piece::Node => names(&["nodejs"]),
        Piece::WasiC => names(&["clang", "lld", "wasi-libc", "wasi-compiler-rt"]),
    }
}

fn alpine(piece: Piece) -> Vec<String> {
    match piece {
        // Made by set-up itself, with Debian's apt.
        Piece::GuestSystem(_) | Piece::DebianKeys => Vec::new(),
        // One package for each emulator and none for all: those of the machines that Rust's tier 2 runs on.
        Piece::QemuUser => names(&[
            "qemu-aarch64",
            "qemu-arm",
            "qemu-i386",
            "qemu-ppc64le",
            "qemu-riscv64",
            "qemu-s390x",
            "qemu-x86_64",
        ]),
        Piece::QemuSystem(suffix) => vec![format!("qemu-system-{suffix}")],
        Piece::Wine64 | Piece::Wine32 => names(&["wine"]),
        Piece::Mingw("x86_64-w64-mingw32") => names(&["mingw-w64-gcc"]),
        Piece::Mingw("i686-w64-mingw32") => names(&["i686-mingw-w64-gcc"]),
        // musl throughout: no glibc for any target, nor a 32-bit one for the host.
        Piece::CrossGcc(_) | Piece::CrossLibc(_) | Piece::Libc32 | Piece::Mingw(_) => Vec::new(),
        Piece::Gcc => names(&["gcc", "musl-dev"]),
        Piece::Gdb => names(&["gdb-multiarch"]),
        Piece::Strace => names(&["strace"]),
        Piece::Node => names(&["nodejs"]),
        Piece::WasiC => names(&["clang", "lld", "wasi-libc", "wasi-compiler-rt"]),
    }
}

fn homebrew(piece: Piece) -> Vec<String> {
    match piece {
        // Made by set-up itself, with Debian's apt.
        Piece::GuestSystem(_) | Piece::DebianKeys => Vec::new(),
        Piece::QemuSystem(_) => names(&["qemu"]),
        Piece::Wine64 | Piece::Wine32 => names(&["wine-stable"]),
        Piece::Mingw(prefix) if is_mingw(prefix) => names(&["mingw-w64"]),
        // QEMU's user-mode emulation needs the guest's kernel, which Darwin is not.
        Piece::QemuUser | Piece::CrossGcc(_) | Piece::CrossLibc(_) | Piece::Libc32 | Piece::Mingw(_) => {
            Vec::new()
        }
        Piece::Gcc => names(&["gcc"]),
        Piece::Gdb => names(&["gdb"]),
        Piece::Strace => Vec::new(),
        Piece::Node => names(&["node"]),
        Piece::WasiC => names(&["lld", "llvm", "wasi-libc", "wasi-runtimes"]),
    }
}

fn nix(piece: Piece) -> Vec<String> {
    match piece {
        // Made by set-up itself, with Debian's apt.
        Piece::GuestSystem(_) | Piece::DebianKeys => Vec::new(),
        Piece::QemuUser | Piece::QemuSystem(_) => names(&["qemu"]),
        Piece::Wine64 => names(&["wine64"]),
        Piece::Wine32 => names(&["wine"]),
        Piece::Mingw("x86_64-w64-mingw32") => names(&["pkgsCross.mingwW64.buildPackages.gcc"]),
        Piece::Mingw("i686-w64-mingw32") => names(&["pkgsCross.mingw32.buildPackages.gcc"]),
        // Its cross compilers have other prefixes, and their libraries no common root.
        Piece::CrossGcc(_) | Piece::CrossLibc(_) | Piece::Libc32 | Piece::WasiC | Piece::Mingw(_) => {
            Vec::new()
        }
        Piece::Gcc => names(&["gcc"]),
        Piece::Gdb => names(&["gdb"]),
        Piece::Strace => names(&["strace"]),
        Piece::Node => names(&["nodejs"]),
    }
}

fn is_mingw(prefix: &str) -> bool {
    prefix.ends_with("-w64-mingw32")
}
