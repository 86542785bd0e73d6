//! Build systems that have tests of their own: by which file each is known, and the commands that build and test for the target
//! in the shell's variable `target`. Data.
//!
//! What `triplecheck hook SYSTEM` prints does the work; `wrap` around the tests finds what a hook does not reach, and lets no
//! success stand of which nothing was started on the target.

/// A build system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuildSystem {
    /// What it is called.
    pub name: &'static str,
    /// The file by which it is known.
    pub marker: &'static str,
    /// The commands for one target, for a shell that ends at the first failure.
    pub commands: &'static [&'static str],
}

/// The systems, the one that counts first where a project has several: who generates makefiles stands before make.
pub const SYSTEMS: [BuildSystem; 8] = [
    BuildSystem {
        name: "Meson",
        marker: "meson.build",
        commands: &[
            "triplecheck hook meson \"$target\" >\"$target.ini\"",
            "meson setup \"build-$target\" --cross-file \"$target.ini\"",
            "triplecheck wrap -t \"$target\" -- meson test -C \"build-$target\" --print-errorlogs",
        ],
    },
    BuildSystem {
        name: "CMake",
        marker: "CMakeLists.txt",
        commands: &[
            "triplecheck hook cmake \"$target\" >\"$target.cmake\"",
            "cmake -S . -B \"build-$target\" -DCMAKE_TOOLCHAIN_FILE=\"$PWD/$target.cmake\"",
            "cmake --build \"build-$target\"",
            "triplecheck wrap -t \"$target\" -- ctest --test-dir \"build-$target\" --output-on-failure",
        ],
    },
    BuildSystem { name: "Autotools", marker: "configure.ac", commands: &AUTORECONF },
    BuildSystem { name: "Autotools", marker: "configure.in", commands: &AUTORECONF },
    BuildSystem {
        name: "waf",
        marker: "wscript",
        commands: &[
            "lines=$(triplecheck hook waf \"$target\")",
            "sh -ec \"$lines\"",
            "make",
            "triplecheck wrap -t \"$target\" -- make check",
        ],
    },
    BuildSystem {
        name: "Go",
        marker: "go.mod",
        commands: &[
            "lines=$(triplecheck hook go \"$target\")",
            "triplecheck wrap -t \"$target\" -- sh -ec \"$lines\"",
        ],
    },
    BuildSystem { name: "make", marker: "Makefile", commands: &MAKE },
    BuildSystem { name: "make", marker: "GNUmakefile", commands: &MAKE },
];

// The lines are taken first: a substitution among the words of a command may fail unseen.
const AUTORECONF: [&str; 3] = [
    "if [ ! -x configure ]; then autoreconf -fi; fi",
    "lines=$(triplecheck hook autotools \"$target\")",
    "triplecheck wrap -t \"$target\" -- sh -ec \"$lines\"",
];

const MAKE: [&str; 3] = [
    "triplecheck hook make \"$target\" >\"$target.mk\"",
    "cc=$(sed -n 's/^CC := //p' \"$target.mk\")",
    "triplecheck wrap -t \"$target\" -- make check CC=\"$cc\"",
];
