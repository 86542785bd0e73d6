//! What an emulator wrote into its log when a failing guest was run once more under it: every system call (`-strace`) and
//! every translated block (`-d in_asm`) of QEMU, the remarks of Wine (`WINEDEBUG`).

use std::collections::{BTreeSet, VecDeque};

use triplecheck_emulators::launch::Kind;

use crate::compare::Side;

/// The log of one guest.
#[derive(Debug, Clone, Copy)]
pub struct Log<'a> {
    text: &'a [u8],
    emulator: Kind,
}

/// An instruction as QEMU lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// Its bytes, in the order of the listing: as they lie in memory on x86 and s390x, as a number elsewhere.
    pub code: Vec<u8>,
    /// Its text.
    pub text: String,
    /// The function that it is in, where there are symbols.
    pub function: Option<String>,
}

/// The errno of a system call that is not there.
pub(super) const ENOSYS: u32 = 38;

/// Calls that every C library tries at its start, or at each thread's, and does without.
const TRIED_BY_ALL: &[&str] = &["set_robust_list", "rseq", "clone3"];

/// The numbers under which QEMU does not know `rseq` by name: generic, x86_64, i386, Arm, s390x, PowerPC, MIPS (o32, n64,
/// n32), SPARC, m68k.
const RSEQ: &[u32] = &[293, 334, 386, 398, 383, 387, 4367, 5327, 6331, 365, 384];

/// The most calls that are thought to be without their end at once.
const OPEN_MAX: usize = 4;

/// How a `prctl` begins that asks for a filter, and the name under which that call is told.
const PR_SET_SECCOMP: &str = "prctl(22,";
pub(super) const SECCOMP_REQUEST: &str = "prctl(PR_SET_SECCOMP)";

/// System calls that came since their numbers are the same for every machine but Alpha; MIPS adds 4000, 5000 or 6000.
const NEW_CALLS: &[(u32, &str)] = &[
    (424, "pidfd_send_signal"),
    (425, "io_uring_setup"),
    (426, "io_uring_enter"),
    (427, "io_uring_register"),
    (428, "open_tree"),
    (429, "move_mount"),
    (430, "fsopen"),
    (434, "pidfd_open"),
    (435, "clone3"),
    (436, "close_range"),
    (437, "openat2"),
    (438, "pidfd_getfd"),
    (439, "faccessat2"),
    (440, "process_madvise"),
    (441, "epoll_pwait2"),
    (442, "mount_setattr"),
    (444, "landlock_create_ruleset"),
    (445, "landlock_add_rule"),
    (446, "landlock_restrict_self"),
    (447, "memfd_secret"),
    (448, "process_mrelease"),
    (449, "futex_waitv"),
    (451, "cachestat"),
    (452, "fchmodat2"),
];

/// Remarks of Wine that are told: the first few say enough.
const REMARKS_MAX: usize = 3;

impl<'a> Log<'a> {
    /// The log of a side, empty where its guest was not run once more.
    pub fn of(side: Side<'a>) -> Self {
        Self { text: &side.observation.emulator_log, emulator: side.emulator }
    }

    fn lines(self, emulator: Kind) -> impl Iterator<Item = &'a str> {
        let text = if self.emulator == emulator { self.text } else { &[] };
        text.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok())
    }

    /// The system calls that failed, with their errno: QEMU's own lack of one is [`ENOSYS`]. Those that every program
    /// tries are left out.
    ///
    /// Several processes write into one log, each call and each end in pieces, so that a call may stand before another's
    /// end. As many calls may be without their end as there are processes: an error is taken for one of each of the last so
    /// many.
    pub fn failed_calls(self) -> Vec<(String, u32)> {
        let lines: Vec<&str> = self.lines(Kind::QemuUser).collect();
        let processes: BTreeSet<&str> = lines.iter().flat_map(|line| processes(line)).collect();
        let in_one_line = lines.iter().map(|line| calls(line).count()).max().unwrap_or(0);
        let open_max = processes.len().max(in_one_line).clamp(1, OPEN_MAX);
        let mut open: VecDeque<String> = VecDeque::new();
        let mut found: Vec<(String, u32)> = Vec::new();
        for piece in lines.into_iter().flat_map(pieces) {
            let failed: Vec<(String, u32)> = match piece {
                Piece::Call(name) => {
                    open.push_back(name);
                    if open.len() > open_max {
                        open.pop_front();
                    }
                    continue;
                }
                Piece::Unknown(number) => vec![(name_of(number), ENOSYS)],
                Piece::Error(errno) => open.iter().map(|name| (name.clone(), errno)).collect(),
            };
            for call in failed {
                if !TRIED_BY_ALL.contains(&call.0.as_str()) && !found.contains(&call) {
                    found.push(call);
                }
            }
        }
        found
    }

    /// The last instruction that was translated: of a guest that died of it, the one that it died of.
    pub fn last_instruction(self) -> Option<Instruction> {
        let (mut last, mut function) = (None, None);
        for line in self.lines(Kind::QemuUser) {
            if let Some(name) = line.strip_prefix("IN: ") {
                function = Some(name.trim()).filter(|name| !name.is_empty());
            } else if line.starts_with("IN:") {
                function = None;
            } else if let Some((code, text)) = instruction(line) {
                let function = function.map(str::to_owned);
                last = Some(Instruction { code, text, function });
            } else if let (Some(more), Some(last)) = (continued(line), &mut last) {
                last.code.extend(more);
            }
        }
        last
    }

    /// The DLL that Wine did not find, in its words.
    pub fn missing(self) -> Option<&'a str> {
        self.lines(Kind::Wine).find(|line| line.contains(":module:") && line.contains(" not found"))
    }

    /// What Wine says that it does not do: its stubs.
    pub fn stubs(self) -> Vec<&'a str> {
        let mut found: Vec<&str> = Vec::new();
        for line in self.lines(Kind::Wine) {
            let Some((_, remark)) = line.split_once(":fixme:") else { continue };
            let remark = remark.trim_end();
            if (remark.contains("stub")
                || remark.contains("not supported")
                || remark.contains("not implemented"))
                && !found.contains(&remark)
                && found.len() < REMARKS_MAX
            {
                found.push(remark);
            }
        }
        found
    }
}

/// What is read of a log of calls: `4711 ptrace(0,0,0,0,0,0) = -1 errno=38 (Function not implemented)`, or
/// `4711 Unknown syscall 425`.
enum Piece {
    /// A call's name, as it begins.
    Call(String),
    /// A call that QEMU does not know.
    Unknown(u32),
    /// The end of one that failed.
    Error(u32),
}

/// The calls that begin in a line: where the name begins, and where it ends. What is quoted is a name of a file.
fn calls(line: &str) -> impl Iterator<Item = (usize, usize)> + '_ {
    let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    line.match_indices('(').filter_map(move |(end, _)| {
        let start = line[..end].rfind(|character| !is_name(character)).map_or(0, |place| place + 1);
        let is_quoted = line[..start].matches('"').count() % 2 == 1;
        // In a listing, numbers stand before registers: `0x8(%rbp)`.
        let is_named = line[start..end].starts_with(|character: char| !character.is_ascii_digit());
        (start < end && is_named && !is_quoted).then_some((start, end))
    })
}

/// The processes that a line's calls are of, as far as they stand right before them.
fn processes(line: &str) -> impl Iterator<Item = &str> + '_ {
    calls(line).filter_map(|(start, _)| {
        let before = line[..start].strip_suffix(' ')?;
        let number = &before[before.trim_end_matches(|character: char| character.is_ascii_digit()).len()..];
        (!number.is_empty()).then_some(number)
    })
}

/// The pieces of a line, in their order.
fn pieces(line: &str) -> Vec<Piece> {
    const ERROR: &str = "-1 errno=";
    const UNKNOWN: &str = "Unknown syscall ";
    let number = |text: &str| {
        let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
        text[..digits].parse::<u32>().ok()
    };
    let begun = calls(line).map(|(start, end)| {
        let is_request = line[start..].starts_with(PR_SET_SECCOMP);
        let name = if is_request { SECCOMP_REQUEST } else { &line[start..end] };
        (end, Piece::Call(name.to_owned()))
    });
    let after = |mark: &'static str| {
        line.match_indices(mark).filter_map(move |(at, _)| Some((at, number(&line[at + mark.len()..])?)))
    };
    let errors = after(ERROR).map(|(at, errno)| (at, Piece::Error(errno)));
    let unknown = after(UNKNOWN).filter(|(_, number)| !RSEQ.contains(number));
    let unknown = unknown.map(|(at, number)| (at, Piece::Unknown(number)));
    let mut all: Vec<(usize, Piece)> = begun.chain(errors).chain(unknown).collect();
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, piece)| piece).collect()
}

/// The name of a call that QEMU knows by its number alone.
fn name_of(number: u32) -> String {
    let plain = if (4000..7000).contains(&number) { number % 1000 } else { number };
    let name = NEW_CALLS.iter().find(|row| row.0 == plain);
    name.map_or_else(|| format!("number {number}"), |row| row.1.to_owned())
}

/// `0x40000011bb:  e8 99 ff ff ff           callq    0x4000001159`: address, code in hexadecimal, two blanks, text.
fn instruction(line: &str) -> Option<(Vec<u8>, String)> {
    let (address, rest) = line.split_once(": ")?;
    address.strip_prefix("0x")?.chars().all(|digit| digit.is_ascii_hexdigit()).then_some(())?;
    let rest = rest.trim();
    let (code, text) = rest.split_once("  ").unwrap_or((rest, ""));
    Some((hex(code)?, text.split_whitespace().collect::<Vec<_>>().join(" ")))
}

/// The rest of a long instruction's code, on a line of its own: `0x4000001169:  00 00`.
fn continued(line: &str) -> Option<Vec<u8>> {
    hex(line.trim())
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: String = text.split_whitespace().collect();
    if digits.is_empty() || !digits.len().is_multiple_of(2) {
        return None;
    }
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()).collect()
}
