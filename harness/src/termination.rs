//! How a guest ended, by what it means and not by its number: what is SIGSEGV on Linux is 0xC0000005 on Windows and a trap
//! on WebAssembly. Pure; tables.
//!
//! Two ends are equal if they are the same, or if a named rule says that they mean the same; there is no third way. What
//! stays a difference although it looks alike: SIGSEGV and SIGBUS (two faults of one kernel), success and any failure, an
//! exit status that a program chose and one that a crash left.

use triplecheck_emulators::launch::Kind;

use crate::compare::{Rule, Side};
use crate::observation::{End, signal_name};

/// What an end means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// The program chose this status.
    Exit(u32),
    /// It gave itself up: `abort`, a failed assertion, a fast fail.
    Abort,
    /// It executed an instruction that stops programs, or that this processor does not have.
    Trap,
    /// WebAssembly's `unreachable`, which both of these compile to.
    Unreachable,
    /// It touched memory that is not its own.
    BadAccess,
    /// It used up its stack, and the system says so.
    StackOverflow,
    /// It divided by zero, or a quotient did not fit.
    Arithmetic,
    /// It was not even loaded, or the system's part of it failed.
    NotLoaded,
    /// Something that has no counterpart elsewhere.
    Other,
}

/// What a program ran out of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exhausted {
    /// Stack.
    Stack,
    /// Memory.
    Memory,
}

/// The line before which our WASI runtimes put the name of a trap.
const TRAP: &str = "triplecheck-wasi: trap: ";
/// The status with which they end then.
const TRAP_STATUS: u32 = 134;
/// The status of a Rust program whose main thread panicked.
const PANIC_STATUS: u32 = 101;
/// The status of Microsoft's C library after `abort`, which a program may choose, too.
const WINDOWS_ABORT: u32 = 3;
/// SIGKILL on every architecture.
const SIGKILL: i32 = 9;

/// Signals, by the numbers of x86, Arm, RISC-V, PowerPC and s390x; QEMU turns a guest's own numbers into the host's.
const SIGNALS: &[(i32, Meaning)] = &[
    (4, Meaning::Trap),
    (5, Meaning::Trap),
    (6, Meaning::Abort),
    (7, Meaning::BadAccess),
    (8, Meaning::Arithmetic),
    (11, Meaning::BadAccess),
];

/// Windows' statuses, from its `ntstatus.h`, with what they are called in a sentence. The two last are Wine's own: a
/// function that it lacks, and a failed assertion.
const STATUSES: &[(u32, Meaning, &str)] = &[
    (0x8000_0002, Meaning::BadAccess, "misaligned access"),
    (0x8000_0003, Meaning::Trap, "breakpoint"),
    (0xc000_0005, Meaning::BadAccess, "access violation"),
    (0xc000_0006, Meaning::BadAccess, "page that cannot be read"),
    (0xc000_0017, Meaning::Other, "no memory"),
    (0xc000_001d, Meaning::Trap, "illegal instruction"),
    (0xc000_0025, Meaning::Other, "exception that cannot be continued"),
    (0xc000_007b, Meaning::NotLoaded, "a DLL of another machine"),
    (0xc000_008c, Meaning::Other, "array bounds exceeded"),
    (0xc000_008e, Meaning::Arithmetic, "float division by zero"),
    (0xc000_0090, Meaning::Arithmetic, "invalid float operation"),
    (0xc000_0091, Meaning::Arithmetic, "float overflow"),
    (0xc000_0094, Meaning::Arithmetic, "integer division by zero"),
    (0xc000_0095, Meaning::Arithmetic, "integer overflow"),
    (0xc000_0096, Meaning::Trap, "privileged instruction"),
    (0xc000_00fd, Meaning::StackOverflow, "stack overflow"),
    (0xc000_0135, Meaning::NotLoaded, "a DLL was not found"),
    (0xc000_0138, Meaning::NotLoaded, "a DLL lacks an ordinal"),
    (0xc000_0139, Meaning::NotLoaded, "a DLL lacks a function"),
    (0xc000_013a, Meaning::Other, "interrupted"),
    (0xc000_0142, Meaning::NotLoaded, "a DLL did not start"),
    (0xc000_0374, Meaning::Other, "damaged heap"),
    (0xc000_0409, Meaning::Abort, "fast fail"),
    (0xc000_0417, Meaning::Other, "invalid argument of a C function"),
    (0x8000_0100, Meaning::NotLoaded, "a function that Wine lacks"),
    (0x8000_0101, Meaning::NotLoaded, "a failed assertion of Wine"),
];

/// Traps by the names that our runtimes give them.
const TRAPS: &[(&str, Meaning)] = &[
    ("unreachable", Meaning::Unreachable),
    ("memory access out of bounds", Meaning::BadAccess),
    ("table access out of bounds", Meaning::BadAccess),
    ("indirect call of a wrong function", Meaning::BadAccess),
    ("integer divide by zero", Meaning::Arithmetic),
    ("integer overflow", Meaning::Arithmetic),
    ("stack overflow", Meaning::StackOverflow),
    ("uncaught exception", Meaning::Abort),
];

/// What programs say on standard error when they are out of something: Rust's runtime, C++'s, and both WASI runtimes.
const LAST_WORDS: &[(&str, Exhausted)] = &[
    ("has overflowed its stack", Exhausted::Stack),
    ("triplecheck-wasi: trap: stack overflow", Exhausted::Stack),
    ("memory allocation of ", Exhausted::Memory),
    ("terminate called after throwing an instance of 'std::bad_alloc'", Exhausted::Memory),
    ("triplecheck-wasi: trap: out of memory", Exhausted::Memory),
    ("triplecheck-wasi: trap: memory limit reached", Exhausted::Memory),
];

/// Meanings that are the same by a named rule, whichever side each is on.
const EQUAL: &[(Meaning, Meaning, Rule)] = &[
    (Meaning::Abort, Meaning::Abort, Rule::Abort),
    (Meaning::Abort, Meaning::Unreachable, Rule::Abort),
    (Meaning::Trap, Meaning::Trap, Rule::TrapSignal),
    (Meaning::Trap, Meaning::Unreachable, Rule::TrapSignal),
    (Meaning::BadAccess, Meaning::BadAccess, Rule::AccessViolation),
    // Linux sends the same signal for both; only Windows and WebAssembly tell a full stack apart.
    (Meaning::BadAccess, Meaning::StackOverflow, Rule::StackOverflow),
    (Meaning::StackOverflow, Meaning::StackOverflow, Rule::StackOverflow),
    (Meaning::Arithmetic, Meaning::Arithmetic, Rule::ArithmeticTrap),
];

/// What the two ends of a case have to do with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreement {
    /// They are the same.
    Same,
    /// They mean the same, by this rule.
    Equal(Rule),
    /// They do not.
    Different,
}

/// Compares two ends. Symmetric.
pub fn agreement(native: Side<'_>, target: Side<'_>) -> Agreement {
    let (a, b) = (&native.observation.end, &target.observation.end);
    let (left, right) = (meaning(native), meaning(target));
    if a == b && left == right {
        return Agreement::Same;
    }
    if system(native) == system(target) && !matches!((left, right), (Meaning::Trap, Meaning::Trap)) {
        return Agreement::Different;
    }
    let table = || {
        let row =
            |(x, y, _): &&(Meaning, Meaning, Rule)| (*x, *y) == (left, right) || (*y, *x) == (left, right);
        EQUAL.iter().find(row).map(|(_, _, rule)| *rule)
    };
    table()
        .or_else(|| windows_status((left, native), (right, target)))
        .or_else(|| windows_status((right, target), (left, native)))
        .or_else(|| panic((left, native), (right, target)))
        .or_else(|| panic((right, target), (left, native)))
        .map_or(Agreement::Different, Agreement::Equal)
}

/// The system whose ends it has.
fn system(side: Side<'_>) -> u8 {
    if side.windows {
        1
    } else if side.emulator == Kind::Wasi {
        2
    } else {
        0
    }
}

/// What Windows says with a status alone: `abort` of Microsoft's C library, and more than the eight bits of POSIX.
fn windows_status((windows, side): (Meaning, Side<'_>), (other, _): (Meaning, Side<'_>)) -> Option<Rule> {
    let Meaning::Exit(code) = windows else { return None };
    match other {
        _ if !side.windows => None,
        Meaning::Abort | Meaning::Unreachable => (code == WINDOWS_ABORT).then_some(Rule::Abort),
        // Success is no failure, even if its low bits are.
        Meaning::Exit(low) => (code > 255 && low != 0 && code & 0xff == low).then_some(Rule::StatusWidth),
        Meaning::Trap
        | Meaning::BadAccess
        | Meaning::StackOverflow
        | Meaning::Arithmetic
        | Meaning::NotLoaded
        | Meaning::Other => None,
    }
}

/// A panic where panics do not unwind: a trap, and natively Rust's status. Both sides must have said that it is one.
fn panic((trap, side): (Meaning, Side<'_>), (exit, other): (Meaning, Side<'_>)) -> Option<Rule> {
    let panicked = |side: Side<'_>| contains(&side.observation.stderr, "panicked at ");
    let is_panic = (trap, exit) == (Meaning::Unreachable, Meaning::Exit(PANIC_STATUS));
    (is_panic && panicked(side) && panicked(other)).then_some(Rule::PanicAbort)
}

/// What the end of one side means.
pub fn meaning(side: Side<'_>) -> Meaning {
    match side.observation.end {
        End::Exited { code } if side.windows => {
            STATUSES.iter().find(|row| row.0 == code).map_or(Meaning::Exit(code), |row| row.1)
        }
        End::Exited { code } => match trap(side) {
            Some(name) => TRAPS.iter().find(|row| row.0 == name).map_or(Meaning::Other, |row| row.1),
            None => Meaning::Exit(code),
        },
        End::Signalled { signal } => {
            SIGNALS.iter().find(|row| row.0 == signal).map_or(Meaning::Other, |row| row.1)
        }
        End::TimedOut { .. } | End::OutputLimit { .. } | End::NotStarted { .. } | End::Interrupted => {
            Meaning::Other
        }
    }
}

/// The name of the trap with which a WebAssembly program ended.
fn trap(side: Side<'_>) -> Option<&str> {
    let trapped = side.emulator == Kind::Wasi && side.observation.end == End::Exited { code: TRAP_STATUS };
    let last = || side.observation.stderr.trim_ascii_end().rsplit(|byte| *byte == b'\n').next();
    std::str::from_utf8(trapped.then(last)??).ok()?.strip_prefix(TRAP)
}

/// How one side ended, for people.
pub fn describe(side: Side<'_>) -> String {
    match &side.observation.end {
        End::Exited { code } if side.windows => match STATUSES.iter().find(|row| row.0 == *code) {
            Some((_, _, called)) => format!("exit status {code:#010x} ({called})"),
            None => side.observation.end.to_string(),
        },
        End::Signalled { signal } if meaning(side) == Meaning::Trap => {
            format!("killed by {} (illegal instruction or trap)", signal_name(*signal))
        }
        end => trap(side).map_or_else(|| end.to_string(), |name| format!("trap: {name}")),
    }
}

/// What a side ran out of, if its end and its last words say so.
pub fn exhausted(side: Side<'_>) -> Option<Exhausted> {
    let end = &side.observation.end;
    match end {
        End::Exited { code: 0xc000_0017 } if side.windows => return Some(Exhausted::Memory),
        End::Signalled { signal: SIGKILL } => return Some(Exhausted::Memory),
        _ if end.is_success() => return None,
        _ if meaning(side) == Meaning::StackOverflow => return Some(Exhausted::Stack),
        _ => {}
    }
    let ended_so = matches!(meaning(side), Meaning::Abort | Meaning::Unreachable | Meaning::Other)
        || (side.windows && *end == End::Exited { code: WINDOWS_ABORT });
    // A test that merely prints such words and then fails otherwise is not out of anything.
    let said = |(words, _): &&(&str, Exhausted)| contains(&side.observation.stderr, words);
    LAST_WORDS.iter().filter(|_| ended_so).find(said).map(|(_, what)| *what)
}

/// Why nothing can be concluded from the two ends: one side alone ran out of something that each system measures in its
/// own way.
pub fn inconclusive(native: Side<'_>, target: Side<'_>) -> Option<String> {
    if agreement(native, target) != Agreement::Different {
        return None;
    }
    let (left, right) = (exhausted(native), exhausted(target));
    let (what, who, end) = match (left, right) {
        (None, Some(what)) => (what, "on the target", target),
        (Some(what), None) => (what, "natively", native),
        (None, None) | (Some(_), Some(_)) => return None,
    };
    Some(one_sided(what, who, &describe(end)))
}

/// The sentence of a verdict that cannot be given.
pub fn one_sided(what: Exhausted, who: &str, end: &str) -> String {
    let what = match what {
        Exhausted::Stack => "the stack overflowed",
        Exhausted::Memory => "memory ran out",
    };
    format!(
        "{what} {who} and not on the other side ({end}): how much there is differs, so neither side is wrong"
    )
}

/// What a failed test's own text says that it ran out of.
pub fn exhausted_by_words(text: &str) -> Option<Exhausted> {
    if text.contains("0xc00000fd") {
        return Some(Exhausted::Stack);
    }
    LAST_WORDS.iter().find(|(words, _)| text.contains(words)).map(|(_, what)| *what)
}

fn contains(bytes: &[u8], words: &str) -> bool {
    bytes.windows(words.len()).any(|window| window == words.as_bytes())
}

#[cfg(test)]
mod tests;
