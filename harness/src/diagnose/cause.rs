//! Classes of causes, and the one sentence that tells one.
//!
//! A cause is recorded as text, `CLASS: sentence`, so that an old reader shows a new class; [`Class::of`] reads the
//! class back.

use std::fmt;

use serde::{Serialize, Serializer};

/// In which respect two targets differ, or what a program did that shows on one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename_all = "kebab-case"))]
pub enum Class {
    /// Which byte of a number comes first.
    ByteOrder,
    /// The width of pointers, `usize` and, on Unix, C's `long`.
    PointerWidth,
    /// C's `long` alone: 32 bits on 64-bit Windows.
    LongWidth,
    /// Whether plain `char` is signed.
    CharSign,
    /// An out-of-range float made an integer.
    FloatConversion,
    /// The format of `long double`.
    LongDouble,
    /// Sign and payload of a NaN.
    Nan,
    /// The last digits of a float: fused multiply-add, x87's extra precision, another mathematical library.
    FloatRounding,
    /// How a C library spells a float or a pointer.
    Spelling,
    /// CR LF.
    LineEnding,
    /// Separators and drives of paths.
    PathForm,
    /// The size of a page of memory.
    PageSize,
    /// The width of `wchar_t`.
    WideCharacter,
    /// The width of `time_t`.
    TimeWidth,
    /// What a C library makes of locales.
    Locale,
    /// The same things in another order.
    Ordering,
    /// Alignment and padding of structures.
    Layout,
    /// An instruction that the processor lacks, or a deliberate trap.
    CpuFeature,
    /// Arithmetic that does not fit the target's word.
    Overflow,
    /// The bits of a shift's count that a processor looks at.
    ShiftCount,
    /// Output that was never flushed.
    LostOutput,
    /// A file that ends early.
    TruncatedFile,
    /// Names that differ in case only.
    NameCase,
    /// The machine's own name in the output.
    MachineName,
    /// How many bits of an exit status a system keeps.
    ExitStatus,
    /// Signals on a system without them.
    Signals,
    /// What only a kernel of the program's own machine does.
    Kernel,
    /// Programs that the program starts find no emulator.
    Children,
    /// A value that does not repeat: memory that was never written, a race.
    Unstable,
}

impl Class {
    /// All classes.
    pub const ALL: [Self; 29] = [
        Self::ByteOrder,
        Self::PointerWidth,
        Self::LongWidth,
        Self::CharSign,
        Self::FloatConversion,
        Self::LongDouble,
        Self::Nan,
        Self::FloatRounding,
        Self::Spelling,
        Self::LineEnding,
        Self::PathForm,
        Self::PageSize,
        Self::WideCharacter,
        Self::TimeWidth,
        Self::Locale,
        Self::Ordering,
        Self::Layout,
        Self::CpuFeature,
        Self::Overflow,
        Self::ShiftCount,
        Self::LostOutput,
        Self::TruncatedFile,
        Self::NameCase,
        Self::MachineName,
        Self::ExitStatus,
        Self::Signals,
        Self::Kernel,
        Self::Children,
        Self::Unstable,
    ];

    /// The name in reports and manifests.
    pub fn name(self) -> &'static str {
        match self {
            Self::ByteOrder => "byte-order",
            Self::PointerWidth => "pointer-width",
            Self::LongWidth => "long-width",
            Self::CharSign => "char-sign",
            Self::FloatConversion => "float-conversion",
            Self::LongDouble => "long-double",
            Self::Nan => "nan",
            Self::FloatRounding => "float-rounding",
            Self::Spelling => "spelling",
            Self::LineEnding => "line-ending",
            Self::PathForm => "path-form",
            Self::PageSize => "page-size",
            Self::WideCharacter => "wide-character",
            Self::TimeWidth => "time-width",
            Self::Locale => "locale",
            Self::Ordering => "ordering",
            Self::Layout => "layout",
            Self::CpuFeature => "cpu-feature",
            Self::Overflow => "overflow",
            Self::ShiftCount => "shift-count",
            Self::LostOutput => "lost-output",
            Self::TruncatedFile => "truncated-file",
            Self::NameCase => "name-case",
            Self::MachineName => "machine-name",
            Self::ExitStatus => "exit-status",
            Self::Signals => "signals",
            Self::Kernel => "kernel",
            Self::Children => "children",
            Self::Unstable => "unstable",
        }
    }

    /// The class of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }

    /// The class with which a recorded cause begins; `None` for a cause of no class, such as an emulator's fault.
    pub fn of(cause: &str) -> Option<Self> {
        Self::from_name(cause.split_once(": ")?.0)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl Serialize for Class {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Why two runs differ.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cause {
    /// Its class.
    pub class: Class,
    /// One sentence that a maintainer can act on.
    pub sentence: String,
}

impl Cause {
    pub(super) fn new(class: Class, sentence: impl Into<String>) -> Self {
        Self { class, sentence: sentence.into() }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.class, self.sentence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_of_a_recorded_cause_is_read_back() {
        for class in Class::ALL {
            assert_eq!(Class::of(&Cause::new(class, "a sentence: with a colon").to_string()), Some(class));
        }
        assert_eq!(Class::of("an instruction that QEMU lacks: qemu: unhandled"), None);
        assert_eq!(Class::of("byte-order"), None);
    }
}
