//! The named rules by which two outputs count as equal. Each is a statement about one thing that a correct program may
//! show differently on another target, and each that was needed is named in the result with its count.
//!
//! Rules are only appended, each with the version in which it came: who asks for an older version gets an older meaning.

use serde::{Deserialize, Serialize};

/// Raised with every rule that is added or changed; a recorded run names it.
pub const RULES_VERSION: u32 = 2;

/// A rule that made parts of two runs equal; [`RULES`] says what each of them states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Line endings of a Windows program.
    Crlf,
    /// The emulator's own lines.
    EmulatorLines,
    /// The run's own directories.
    Path,
    /// A thread's number in a panic message.
    ThreadId,
    /// Colours on one side only.
    Ansi,
    /// The sign of a NaN.
    NanSign,
    /// The spelling of a NaN.
    NanSpelling,
    /// The spelling of an infinity.
    InfSpelling,
    /// The spelling of a null pointer.
    NullPointer,
    /// The third digit of an exponent.
    ExponentDigits,
    /// The spelling of a `%a`.
    HexFloat,
    /// The time that tests took.
    LibtestTime,
    /// The manifest's tolerance for floats.
    FloatTolerance,
    /// The sign of a zero, where the manifest says so.
    SignedZero,
    /// The manifest's own replacements.
    Normalise,
    /// What varies natively.
    NativeNoise,
    /// An address that varies natively.
    Ptr,
    /// Giving up.
    Abort,
    /// An instruction that stops programs.
    TrapSignal,
    /// Memory that is not the program's.
    AccessViolation,
    /// A full stack.
    StackOverflow,
    /// Division by zero, or an overflow.
    ArithmeticTrap,
    /// More bits than POSIX has for a status.
    StatusWidth,
    /// A panic that does not unwind.
    PanicAbort,
}

/// What there is to say of a rule.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// The rule.
    pub rule: Rule,
    /// Its name in reports and events.
    pub name: &'static str,
    /// The version of the rules in which it came.
    pub since: u32,
    /// The statement that it makes.
    pub meaning: &'static str,
}

/// All rules, in the order of [`Rule`].
pub const RULES: [About; 24] = [
    about(Rule::Crlf, "crlf", 1, "a Windows program ends a line with CR LF where the other side has LF"),
    about(Rule::EmulatorLines, "emulator-lines", 1, "lines that the emulator itself wrote to standard error"),
    about(
        Rule::Path,
        "path",
        1,
        "the program, its working or temporary directory, each in its side's own spelling, and what lies below them",
    ),
    about(Rule::ThreadId, "thread-id", 1, "the kernel's number of the thread in a panic message"),
    about(Rule::Ansi, "ansi", 2, "one side coloured the line and the other side nothing in it"),
    about(Rule::NanSign, "nan-sign", 2, "the sign of a NaN, which IEEE 754 gives no meaning"),
    about(
        Rule::NanSpelling,
        "nan-spelling",
        2,
        "how a library writes a NaN: `nan`, `NaN`, `nan(ind)`, `1.#QNAN`",
    ),
    about(
        Rule::InfSpelling,
        "inf-spelling",
        2,
        "how a library writes an infinity of the same sign: `inf`, `1.#INF`",
    ),
    about(
        Rule::NullPointer,
        "null-pointer",
        2,
        "a null pointer as `(nil)` on one side, as zero on the other",
    ),
    about(
        Rule::ExponentDigits,
        "exponent-digits",
        2,
        "a third digit, 0, in an exponent of old Windows libraries",
    ),
    about(Rule::HexFloat, "hex-float", 2, "two spellings of `%a` for exactly the same number"),
    about(Rule::LibtestTime, "libtest-time", 2, "the seconds in the last line of a Rust test binary"),
    about(
        Rule::FloatTolerance,
        "float-tolerance",
        2,
        "two floats within the tolerance that the manifest asks for",
    ),
    about(Rule::SignedZero, "signed-zero", 2, "-0.0 and 0.0, where the manifest says that they are equal"),
    about(Rule::Normalise, "normalise", 2, "what the manifest's own `normalise` rules replace"),
    about(Rule::NativeNoise, "native-noise", 2, "a value that is another one in each native run"),
    about(Rule::Ptr, "ptr", 2, "an address that is another one in each native run"),
    about(
        Rule::Abort,
        "abort",
        2,
        "both gave themselves up: SIGABRT, Windows' 3 and 0xC0000409, `unreachable`",
    ),
    about(
        Rule::TrapSignal,
        "trap-signal",
        2,
        "both ran into an instruction that stops programs: SIGILL, SIGTRAP",
    ),
    about(
        Rule::AccessViolation,
        "access-violation",
        2,
        "both touched memory not their own: SIGSEGV, 0xC0000005",
    ),
    about(Rule::StackOverflow, "stack-overflow", 2, "both used up their stack: SIGSEGV, 0xC00000FD, a trap"),
    about(
        Rule::ArithmeticTrap,
        "arithmetic-trap",
        2,
        "both divided by zero or overflowed: SIGFPE, 0xC0000094",
    ),
    about(Rule::StatusWidth, "status-width", 2, "a Windows status, of which POSIX has the low eight bits"),
    about(
        Rule::PanicAbort,
        "panic-abort",
        2,
        "both panicked, and on one side panics trap instead of unwinding",
    ),
];

const fn about(rule: Rule, name: &'static str, since: u32, meaning: &'static str) -> About {
    About { rule, name, since, meaning }
}

impl Rule {
    /// What there is to say of it.
    pub fn about(self) -> &'static About {
        &RULES[self as usize]
    }

    /// The rule's name in reports.
    pub fn name(self) -> &'static str {
        self.about().name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_described_once_and_is_written_as_it_is_called() {
        for (index, about) in RULES.iter().enumerate() {
            assert_eq!(about.rule as usize, index);
            assert_eq!(about.rule.name(), about.name);
            assert_eq!(serde_json::to_string(&about.rule).unwrap(), format!("\"{}\"", about.name));
            assert!((1..=RULES_VERSION).contains(&about.since));
        }
    }
}
