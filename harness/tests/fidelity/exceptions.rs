//! Where a family cannot be as native: what is seen instead, and why. Each is asserted.

use crate::families::{Family, Kind};

/// One reason, for some families and rows.
pub(crate) struct Exception {
    /// What it is called in the matrix.
    pub(crate) name: &'static str,
    families: Whose,
    rows: &'static [&'static str],
    /// All of these occur in what is seen.
    pub(crate) seen: &'static [&'static str],
    /// Why it cannot be otherwise.
    pub(crate) why: &'static str,
}

/// Some of the families.
enum Whose {
    Kinds(&'static [Kind]),
    Names(&'static [&'static str]),
}

impl Exception {
    /// The one for this cell.
    pub(crate) fn of(family: &Family, row: &str) -> Option<&'static Exception> {
        EXCEPTIONS.iter().find(|exception| exception.rows.contains(&row) && exception.families.hold(family))
    }
}

impl Whose {
    fn hold(&self, family: &Family) -> bool {
        match self {
            Whose::Kinds(kinds) => kinds.contains(&family.kind),
            Whose::Names(names) => names.contains(&family.name),
        }
    }
}

const QEMU: Whose = Whose::Kinds(&[Kind::Qemu]);
const WINE: Whose = Whose::Kinds(&[Kind::Wine]);
const WASI: Whose = Whose::Kinds(&[Kind::Builtin, Kind::Node]);
const NODE: Whose = Whose::Kinds(&[Kind::Node]);
const NOT_LINUX: Whose = Whose::Kinds(&[Kind::Wine, Kind::Builtin, Kind::Node]);

/// What QEMU does not print for riscv64, although it ends in the same way.
const QEMU_WITH_NOTE: Whose = Whose::Names(&["aarch64", "aarch64-static", "armv7", "s390x", "powerpc64le"]);
const QEMU_NOTE: &str = "where no core is allowed, QEMU 7.2 says on stderr that its guest left one, and cannot be \
     kept from that; the signal is the guest's own.";

pub(crate) const EXCEPTIONS: &[Exception] = &[
    Exception {
        name: "real-time",
        families: QEMU,
        rows: &["death-by-real-time-signal"],
        seen: &["34: signal 36\n", "62: signal 64\n"],
        why: "QEMU keeps two of the host's real-time signals for its C library, and moves the guest's by two.",
    },
    Exception {
        name: "qemu-note",
        families: QEMU_WITH_NOTE,
        rows: &["crash"],
        seen: &["signal 11\n", "qemu: uncaught target signal 11 "],
        why: QEMU_NOTE,
    },
    Exception {
        name: "qemu-note",
        families: QEMU_WITH_NOTE,
        rows: &["abort"],
        seen: &["signal 6\n", "qemu: uncaught target signal 6 "],
        why: QEMU_NOTE,
    },
    Exception {
        name: "qemu-note",
        families: QEMU_WITH_NOTE,
        rows: &["quit", "terminal-keys"],
        seen: &["signal 3\n", "qemu: uncaught target signal 3 "],
        why: QEMU_NOTE,
    },
    Exception {
        name: "plain-environment",
        families: QEMU,
        rows: &["environment-odd"],
        seen: &["[BAD NAME=x]\n[TWICE=1]\n[=unnamed]\n[LAST==y]\n", "[1]\n"],
        why: "QEMU keeps one variable of each name (the first, as getenv does) and drops entries without `=`.",
    },
    Exception {
        name: "no-core",
        families: QEMU,
        rows: &["core-limit"],
        seen: &["limit 0\n"],
        why: "set to 0 on purpose: QEMU would leave its own core, a hundred megabytes, beside the guest's.",
    },
    Exception {
        name: "address-space",
        families: Whose::Kinds(&[Kind::Qemu, Kind::Wine, Kind::Node]),
        rows: &["address-space-limit"],
        seen: &["exit 126\n", "ulimit -v", "needs about"],
        why: "the emulator reserves more than the limit before the guest begins; refused with a word.",
    },
    Exception {
        name: "no-such-call",
        families: NOT_LINUX,
        rows: &[
            "signals-that-are-handled",
            "inherited-signal-state",
            "closed-streams",
            "inherited-descriptors",
            "process-ids",
            "umask",
            "niceness",
            "limits",
            "core-limit",
            "address-space-limit",
        ],
        seen: &["no such call", "exit 99\n"],
        why: "neither Windows nor WASI preview 1 has the calls by which a program would learn or use this.",
    },
    Exception {
        name: "no-signals",
        families: WINE,
        rows: &["death-by-signal"],
        seen: &["2: exit 3\n", "11: exit 3\n", "15: exit 3\n"],
        why: "Windows has no signals: `raise` of its C library ends the program with status 3.",
    },
    Exception {
        name: "no-signals",
        families: WINE,
        rows: &["death-by-real-time-signal"],
        seen: &["34: exit 98\n", "64: exit 98\n"],
        why: "Windows has no signals.",
    },
    Exception {
        name: "no-signals",
        families: WASI,
        rows: &["death-by-signal", "death-by-real-time-signal"],
        seen: &["exit 134\n"],
        why: "WASI has no signals: `raise` of its C library is a trap, status 134.",
    },
    Exception {
        name: "exit-5",
        families: WINE,
        rows: &["crash"],
        seen: &["exit 5\n", "wine: Unhandled page fault"],
        why: "a crash under Windows is a status, 0xC0000005, of which Unix keeps the low eight bits.",
    },
    Exception {
        name: "exit-3",
        families: WINE,
        rows: &["abort"],
        seen: &["exit 3\n"],
        why: "`abort` of the Windows C library is status 3.",
    },
    Exception {
        name: "trap",
        families: WASI,
        rows: &["crash"],
        seen: &["exit 134\n", "triplecheck-wasi: trap: memory access out of bounds"],
        why: "a crash of WebAssembly is a trap: status 134, with its name on stderr.",
    },
    Exception {
        name: "trap",
        families: WASI,
        rows: &["abort"],
        seen: &["exit 134\n", "triplecheck-wasi: trap: unreachable"],
        why: "`abort` of WASI's C library is a trap: status 134, with its name on stderr.",
    },
    Exception {
        name: "no-sigpipe",
        families: WINE,
        rows: &["broken-pipe"],
        seen: &["exit 93\n", "write fails"],
        why: "Windows programs are told of a broken pipe by the failure of their write, and by no signal.",
    },
    Exception {
        name: "sigusr1-is-taken",
        families: Whose::Kinds(&[Kind::Wine, Kind::Node]),
        rows: &["user-signal"],
        seen: &["ready\nsignal 15\n"],
        why: "Wine uses SIGUSR1 to suspend threads, node to start its debugger: neither ends of it.",
    },
    Exception {
        name: "unicode-only",
        families: WINE,
        rows: &["arguments-not-utf8"],
        seen: &["exit 126\n", "is not UTF-8"],
        why: "Windows programs are given UTF-16, so that other bytes would be lost; refused with a word.",
    },
    Exception {
        name: "unicode-only",
        families: NODE,
        rows: &["arguments-not-utf8"],
        seen: &["[a\\ef\\bf\\bd"],
        why: "node decodes its words as UTF-8 before any program of ours can see them.",
    },
    Exception {
        name: "32767",
        families: WINE,
        rows: &["long-argument", "many-arguments"],
        seen: &["exit 126\n", "Windows takes 32767", "response file"],
        why: "a Windows command line has at most 32,767 characters; refused with a word.",
    },
    Exception {
        name: "windows-path",
        families: WINE,
        rows: &["own-name", "found-on-path"],
        seen: &["exit 0\n", "[Z:\\5c"],
        why: "Wine names a program by its Windows path.",
    },
    Exception {
        name: "windows-path",
        families: WINE,
        rows: &["working-directory"],
        seen: &["exit 0\n", "[Z:\\5c", "beside the program"],
        why: "the directory is the right one, and has its Windows name.",
    },
    Exception {
        name: "windows-variables",
        families: WINE,
        rows: &["environment"],
        seen: &["[FIRST=1]\n[lower=2]\n[EMPTY=]\n[SPACES=a  b]\n[\\c3\\a9=", "[OS=Windows_NT]\n"],
        why: "everything of the caller's is there, and Windows adds its own.",
    },
    Exception {
        name: "windows-variables",
        families: WINE,
        rows: &["environment-odd"],
        seen: &["[BAD NAME=x]\n[TWICE=1]\n[TWICE=2]\n[=unnamed]\n[bare]\n[LAST==y]\n", "[OS=Windows_NT]\n"],
        why: "everything of the caller's is there, and Windows adds its own.",
    },
    Exception {
        name: "windows-variables",
        families: WINE,
        rows: &["environment-empty"],
        seen: &["[OS=Windows_NT]\n", "[SystemRoot="],
        why: "no Windows program could start without them.",
    },
    Exception {
        name: "windows-variables",
        families: WINE,
        rows: &["temporary-directory"],
        seen: &["not set", "[C:\\5cusers\\5c", "Temp]"],
        why: "Wine takes TMP and TEMP from its registry, and TMPDIR would move its server.",
    },
    Exception {
        name: "utf8-variables",
        families: NODE,
        rows: &["environment-odd"],
        seen: &["[BAD NAME=x]\n[TWICE=1]\n[LAST==y]\n"],
        why: "node keeps one variable of each name, and only those that have a name and a value.",
    },
    Exception {
        name: "server-lost",
        families: WINE,
        rows: &["server-ended-meanwhile"],
        seen: &["exit 125\n", "Wine's server was ended"],
        why: "Wine itself would say 0, as if the program had succeeded; the hook says that it is not known.",
    },
    Exception {
        name: "no-directory",
        families: WASI,
        rows: &["working-directory"],
        seen: &["[/]\n", "beside the program"],
        why: "WASI has no working directory; relative names are found where they would be.",
    },
    Exception {
        name: "pipe-for-terminal",
        families: WINE,
        rows: &["terminal"],
        seen: &["terminal 1", "terminal 0"],
        why: "Wine would draw on a terminal with escape sequences, so that it is given a pipe for its output.",
    },
    Exception {
        name: "no-such-call",
        families: WASI,
        rows: &["terminal"],
        seen: &["terminal 1\\r\nterminal 1\\r\nterminal 1\\r\n"],
        why: "WASI programs are told that it is a terminal, but have no call for its size or its group.",
    },
];
