//! What one cell amounts to.

use serde::{Deserialize, Serialize};

/// The verdict of one cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Byte for byte as native.
    Same,
    /// Equal after named rules.
    Equivalent,
    /// Both ran to an end; output, status or files differ.
    Differs,
    /// Passes natively, fails on the target.
    CrossFail,
    /// Fails natively too, and in the same way or another.
    FailsNatively,
    /// The target's run hit its deadline and the native one did not.
    Timeout,
    /// The emulator failed, not the program.
    EmulatorFault,
    /// Neither side of the comparison can be believed: out of memory, a one-sided stack overflow.
    Inconclusive,
    /// Did not repeat.
    Flaky,
    /// A test that the target lacks.
    Missing,
    /// A test that only the target has.
    Extra,
    /// Did not run, for a reason that is told with it.
    NotRun,
    /// A finding that the manifest expects.
    Expected,
    /// The manifest expects a finding and there is none.
    UnexpectedPass,
    /// The manifest's expectation has run out.
    Expired,
}

/// How a verdict counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// As it should be.
    Good,
    /// Told, but no finding.
    Listed,
    /// A finding: exit status 1.
    Finding,
}

impl Verdict {
    /// All verdicts, in the order in which reports list them.
    pub const ALL: [Self; 15] = [
        Self::Same,
        Self::Equivalent,
        Self::Expected,
        Self::Differs,
        Self::CrossFail,
        Self::FailsNatively,
        Self::Timeout,
        Self::EmulatorFault,
        Self::Inconclusive,
        Self::Flaky,
        Self::UnexpectedPass,
        Self::Expired,
        Self::Missing,
        Self::Extra,
        Self::NotRun,
    ];

    /// The verdict's name in reports, manifests and events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Equivalent => "equivalent",
            Self::Differs => "differs",
            Self::CrossFail => "cross-fail",
            Self::FailsNatively => "fails-natively",
            Self::Timeout => "timeout",
            Self::EmulatorFault => "emulator-fault",
            Self::Inconclusive => "inconclusive",
            Self::Flaky => "flaky",
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::NotRun => "not-run",
            Self::Expected => "expected",
            Self::UnexpectedPass => "unexpected-pass",
            Self::Expired => "expired",
        }
    }

    /// The verdict of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.name() == name)
    }

    /// How it counts.
    pub fn weight(self) -> Weight {
        match self {
            Self::Same | Self::Equivalent | Self::Expected => Weight::Good,
            Self::Missing | Self::Extra | Self::NotRun => Weight::Listed,
            Self::Differs
            | Self::CrossFail
            | Self::FailsNatively
            | Self::Timeout
            | Self::EmulatorFault
            | Self::Inconclusive
            | Self::Flaky
            | Self::UnexpectedPass
            | Self::Expired => Weight::Finding,
        }
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(self.name())
    }
}
