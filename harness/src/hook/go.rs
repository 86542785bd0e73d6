//! Go's names for targets: `GOOS` and `GOARCH`, and which pairs of them Go has been ported to.

use triplecheck_emulators::target::Target;

/// A port of Go.
#[derive(Debug, PartialEq, Eq)]
pub struct Port {
    /// `GOOS`.
    pub os: &'static str,
    /// `GOARCH`.
    pub arch: &'static str,
    /// The target that stands for all of the port's where only the port is known: what its programs are is
    /// settled by processor and system, and neither a C library nor a float ABI is in its name.
    triple: &'static str,
}

impl Port {
    /// The port of a target's programs, `None` where Go has none.
    pub fn of(target: &Target) -> Option<&'static Port> {
        let os = GOOS.iter().find(|(os, _)| *os == target.facts().os).map(|(_, goos)| *goos)?;
        Self::find(os, target.machine()?.go?)
    }

    /// The port of these names.
    pub fn find(os: &str, arch: &str) -> Option<&'static Port> {
        PORTS.iter().find(|port| (port.os, port.arch) == (os, arch))
    }

    /// The target that stands for the port.
    pub fn target(&self) -> Target {
        Target::parse(self.triple).expect("a test parses every triple of the table")
    }

    /// The program that the go command looks for on `PATH` to start this port's programs with.
    pub fn exec_name(&self) -> String {
        format!("go_{}_{}_exec", self.os, self.arch)
    }
}

/// Variables that choose a level of the processor below Go's own default for it: by the first word of a triple.
const LEVELS: &[(&str, &str, &str)] = &[
    ("arm", "GOARM", "6"),
    ("armv4t", "GOARM", "5"),
    ("armv5te", "GOARM", "5"),
    ("armv6", "GOARM", "6"),
    ("armv7", "GOARM", "7"),
    ("armv7a", "GOARM", "7"),
    ("thumbv7neon", "GOARM", "7"),
    ("i586", "GO386", "softfloat"),
];

/// The variable and value that keep Go's programs within what the target promises.
pub(super) fn level(target: &Target) -> Option<(&'static str, &'static str)> {
    let word = target.triple().split('-').next()?;
    LEVELS.iter().find(|(processor, _, _)| *processor == word).map(|(_, name, value)| (*name, *value))
}

/// rustc's `target_os` and Go's word for it. WASI is a port of its first preview only, and Go's name says so.
const GOOS: &[(&str, &str)] = &[
    ("aix", "aix"),
    ("android", "android"),
    ("dragonfly", "dragonfly"),
    ("freebsd", "freebsd"),
    ("illumos", "illumos"),
    ("ios", "ios"),
    ("linux", "linux"),
    ("macos", "darwin"),
    ("netbsd", "netbsd"),
    ("openbsd", "openbsd"),
    ("solaris", "solaris"),
    ("wasi", "wasip1"),
    ("windows", "windows"),
];

/// `go tool dist list`, Go 1.19 to 1.24, without the ports that no rustc target is for.
static PORTS: &[Port] = &[
    Port { os: "aix", arch: "ppc64", triple: "powerpc64-ibm-aix" },
    Port { os: "android", arch: "386", triple: "i686-linux-android" },
    Port { os: "android", arch: "amd64", triple: "x86_64-linux-android" },
    Port { os: "android", arch: "arm", triple: "armv7-linux-androideabi" },
    Port { os: "android", arch: "arm64", triple: "aarch64-linux-android" },
    Port { os: "darwin", arch: "amd64", triple: "x86_64-apple-darwin" },
    Port { os: "darwin", arch: "arm64", triple: "aarch64-apple-darwin" },
    Port { os: "dragonfly", arch: "amd64", triple: "x86_64-unknown-dragonfly" },
    Port { os: "freebsd", arch: "386", triple: "i686-unknown-freebsd" },
    Port { os: "freebsd", arch: "amd64", triple: "x86_64-unknown-freebsd" },
    Port { os: "freebsd", arch: "arm", triple: "armv7-unknown-freebsd" },
    Port { os: "freebsd", arch: "arm64", triple: "aarch64-unknown-freebsd" },
    Port { os: "freebsd", arch: "riscv64", triple: "riscv64gc-unknown-freebsd" },
    Port { os: "illumos", arch: "amd64", triple: "x86_64-unknown-illumos" },
    Port { os: "ios", arch: "amd64", triple: "x86_64-apple-ios" },
    Port { os: "ios", arch: "arm64", triple: "aarch64-apple-ios" },
    Port { os: "linux", arch: "386", triple: "i686-unknown-linux-gnu" },
    Port { os: "linux", arch: "amd64", triple: "x86_64-unknown-linux-gnu" },
    Port { os: "linux", arch: "arm", triple: "armv7-unknown-linux-gnueabihf" },
    Port { os: "linux", arch: "arm64", triple: "aarch64-unknown-linux-gnu" },
    Port { os: "linux", arch: "loong64", triple: "loongarch64-unknown-linux-gnu" },
    Port { os: "linux", arch: "mips", triple: "mips-unknown-linux-gnu" },
    Port { os: "linux", arch: "mips64", triple: "mips64-unknown-linux-gnuabi64" },
    Port { os: "linux", arch: "mips64le", triple: "mips64el-unknown-linux-gnuabi64" },
    Port { os: "linux", arch: "mipsle", triple: "mipsel-unknown-linux-gnu" },
    Port { os: "linux", arch: "ppc64", triple: "powerpc64-unknown-linux-gnu" },
    Port { os: "linux", arch: "ppc64le", triple: "powerpc64le-unknown-linux-gnu" },
    Port { os: "linux", arch: "riscv64", triple: "riscv64gc-unknown-linux-gnu" },
    Port { os: "linux", arch: "s390x", triple: "s390x-unknown-linux-gnu" },
    Port { os: "netbsd", arch: "386", triple: "i686-unknown-netbsd" },
    Port { os: "netbsd", arch: "amd64", triple: "x86_64-unknown-netbsd" },
    Port { os: "netbsd", arch: "arm", triple: "armv7-unknown-netbsd-eabihf" },
    Port { os: "netbsd", arch: "arm64", triple: "aarch64-unknown-netbsd" },
    Port { os: "openbsd", arch: "386", triple: "i686-unknown-openbsd" },
    Port { os: "openbsd", arch: "amd64", triple: "x86_64-unknown-openbsd" },
    Port { os: "openbsd", arch: "arm64", triple: "aarch64-unknown-openbsd" },
    Port { os: "openbsd", arch: "ppc64", triple: "powerpc64-unknown-openbsd" },
    Port { os: "openbsd", arch: "riscv64", triple: "riscv64gc-unknown-openbsd" },
    Port { os: "solaris", arch: "amd64", triple: "x86_64-pc-solaris" },
    Port { os: "wasip1", arch: "wasm", triple: "wasm32-wasip1" },
    Port { os: "windows", arch: "386", triple: "i686-pc-windows-gnu" },
    Port { os: "windows", arch: "amd64", triple: "x86_64-pc-windows-gnu" },
    Port { os: "windows", arch: "arm", triple: "thumbv7a-pc-windows-msvc" },
    Port { os: "windows", arch: "arm64", triple: "aarch64-pc-windows-msvc" },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_port_is_the_port_of_the_target_that_stands_for_it() {
        for port in PORTS {
            assert_eq!(Port::of(&port.target()), Some(port));
        }
    }

    #[test]
    fn every_word_of_the_tables_is_used() {
        for (_, goos) in GOOS {
            assert!(PORTS.iter().any(|port| port.os == *goos), "{goos}");
        }
        for (processor, _, _) in LEVELS {
            let used = Target::all().any(|target| target.triple().split('-').next() == Some(processor));
            assert!(used, "{processor}");
        }
    }

    #[test]
    fn targets_without_a_port_have_none() {
        for triple in ["sparc64-unknown-linux-gnu", "thumbv7m-none-eabi", "wasm32-unknown-unknown"] {
            assert_eq!(Port::of(&Target::parse(triple).unwrap()), None, "{triple}");
        }
        let musl = Port::of(&Target::parse("aarch64-unknown-linux-musl").unwrap()).unwrap();
        assert_eq!(musl.exec_name(), "go_linux_arm64_exec");
    }
}
