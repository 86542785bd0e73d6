//! A bundle: one cell as a `.tar.zst` from which it can be run again anywhere, without its source and its toolchain.
//!
//! ```text
//! bundle.json         this record
//! run.sh              runs it without triplecheck; `run.sh native` its native counterpart
//! interesting.sh      for C-Vise and creduce: status 0 while a program still fails like this one
//! target/, native/    the programs, `root/` with their loader and libraries, `lib/` with those from elsewhere
//! input/stdin         what it reads
//! package/            the files beside a test, but for its sources
//! source/             a C program's own source
//! observed/           what either side showed when the bundle was made
//! B3SUMS              a digest of every other file
//! ```
//!
//! What is observed in it was observed with what is in it, in the environment that is in it: a bundle is run once before it
//! is packed.

pub mod environment;
pub mod gather;
pub mod package;
mod read;
pub mod scripts;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::compare::{Difference, How, Normalise, Tolerance};
use crate::error::{Error, Result};
use crate::events::Cell;
use crate::manifest::StreamMode;
use crate::observation::{End, Observation};
use crate::verdict::Verdict;

pub use read::read;

/// The version of the record.
pub const SCHEMA: u32 = 1;
/// The record's name.
pub const RECORD: &str = "bundle.json";
/// What stands for the directory of a test's package in values of variables.
pub const PACKAGE: &str = "{package}";

/// The record of a bundle.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Bundle {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Its name: that of its file without `.tar.zst`.
    pub id: String,
    /// The version of triplecheck that made it.
    pub version: String,
    /// The day.
    pub made: String,
    /// The suite.
    pub suite: String,
    /// The case.
    pub case: String,
    /// The target, with its variant.
    pub target: String,
    /// Where it was made.
    pub machine: Machine,
    /// The rustc that built both sides, if one did.
    pub rustc: Option<String>,
    /// What ran it there.
    pub emulator: Emulator,
    /// What it is judged by.
    pub judged_by: JudgedBy,
    /// Its program on the target.
    pub program: Program,
    /// Its native counterpart.
    pub native: Program,
    /// The arguments of both.
    pub args: Vec<String>,
    /// The file that both read.
    pub stdin: Option<String>,
    /// The directory in which a test runs.
    pub package: Option<Package>,
    /// Globs of the files that it makes and that are compared.
    pub files: Vec<String>,
    /// The variables it gets beside `PATH`, `HOME` and `TMPDIR`; [`PACKAGE`] stands for the package's directory.
    pub env: BTreeMap<String, String>,
    /// What is not in the bundle, and why.
    pub left_out: Vec<LeftOut>,
    /// How long either side may take.
    pub deadline_ms: u64,
    /// How the sides are compared.
    pub compare: Compare,
    /// What the run found, where there was one.
    pub finding: Option<Cell>,
    /// What the bundle showed when it was made.
    pub seen: Option<Seen>,
}

/// A machine, as far as it may make a difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Machine {
    /// Its own triple.
    pub triple: String,
    /// Its kernel's release.
    pub kernel: String,
    /// How many processors of which model.
    pub processor: String,
}

/// An emulator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Emulator {
    /// Its kind.
    pub kind: String,
    /// Its program, without a directory.
    pub program: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// The model of a processor that it was told to be.
    pub cpu: Option<String>,
}

/// What decides whether it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum JudgedBy {
    /// What it prints and makes, and how it ends.
    Output,
    /// How it ends, as tests do.
    Status,
}

/// A program with what it needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Program {
    /// The file.
    pub file: String,
    /// Its sysroot: loader and libraries, where it has any.
    pub root: Option<String>,
    /// The directory of libraries from elsewhere.
    pub libraries: Option<String>,
    /// Its loader, below the sysroot.
    pub loader: Option<String>,
}

/// The directory in which a test runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Package {
    /// Where it is in the bundle.
    pub dir: String,
    /// Where it was, which the test may know by heart (`env!("CARGO_MANIFEST_DIR")`).
    pub was: String,
}

/// Something that is not in a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LeftOut {
    /// A variable, a library, a file.
    pub what: String,
    /// Why.
    pub why: String,
}

impl LeftOut {
    /// What, and why.
    pub fn new(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { what: what.into(), why: why.into() }
    }
}

/// How the sides are compared: [`How`], as it is written down.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Compare {
    /// Standard output.
    pub stdout: StreamMode,
    /// Standard error.
    pub stderr: StreamMode,
    /// The tolerance for floats.
    pub float: Float,
    /// Expressions and what replaces them.
    pub normalise: Vec<(String, String)>,
    /// The version of the rules.
    pub rules_version: u32,
}

/// [`Tolerance`], as it is written down.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Float {
    ulps: u64,
    abs: f64,
    rel: f64,
    single: bool,
    zeros_equal: bool,
}

impl Compare {
    /// Writes it down.
    pub fn of(how: &How) -> Self {
        let Tolerance { ulps, abs, rel, single, zeros_equal } = how.float;
        let rules = how.normalise.iter();
        Self {
            stdout: how.stdout,
            stderr: how.stderr,
            float: Float { ulps, abs, rel, single, zeros_equal },
            normalise: rules.map(|rule| (rule.regex.as_str().to_owned(), rule.replace.clone())).collect(),
            rules_version: how.rules_version,
        }
    }

    /// Reads it back.
    ///
    /// # Errors
    /// When a rule is no regular expression, which no bundle of ours has.
    pub fn how(&self) -> Result<How> {
        let Float { ulps, abs, rel, single, zeros_equal } = self.float;
        let rules = self.normalise.iter().map(|(regex, replace)| {
            let regex = regex::bytes::Regex::new(regex)
                .map_err(|error| Error::user("the bundle has a damaged rule").caused_by(error))?;
            Ok(Normalise { regex, replace: replace.clone() })
        });
        Ok(How {
            stdout: self.stdout,
            stderr: self.stderr,
            float: Tolerance { ulps, abs, rel, single, zeros_equal },
            normalise: rules.collect::<Result<Vec<_>>>()?.into(),
            rules_version: self.rules_version,
        })
    }
}

/// What both sides showed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Seen {
    /// What it amounts to.
    pub verdict: Verdict,
    /// Why, where that is known.
    pub cause: Option<String>,
    /// What differs.
    pub differences: Vec<Difference>,
    /// The native side; what it printed is in `observed/native`.
    pub native: Side,
    /// The target's; what it printed is in `observed/target`.
    pub target: Side,
}

/// What one side showed, but for its output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Side {
    /// How it ended.
    pub end: End,
    /// How long it took.
    pub duration_ms: u64,
    /// Paths that its output may name, and what they stand for.
    pub roots: Vec<(String, String)>,
}

/// The words that stand for paths in outputs.
const ROOTS: [&str; 3] = ["<program>", "<cwd>", "<tmp>"];

impl Side {
    /// Of an observation.
    pub fn of(observation: &Observation) -> Self {
        let roots = observation.roots.iter();
        Self {
            end: observation.end.clone(),
            duration_ms: crate::run::millis(observation.wall),
            roots: roots.map(|(path, word)| (path.display().to_string(), (*word).to_owned())).collect(),
        }
    }

    /// The observation again, with what is kept of its output.
    pub(crate) fn observation(&self, kept: read::Kept) -> Observation {
        let word = |word: &String| ROOTS.into_iter().find(|known| known == word);
        Observation {
            end: self.end.clone(),
            stdout: kept.stdout,
            stderr: kept.stderr,
            files: kept.files,
            wall: std::time::Duration::from_millis(self.duration_ms),
            cpu: std::time::Duration::ZERO,
            peak_rss_bytes: 0,
            leaked: Vec::new(),
            emulator_log: Vec::new(),
            roots: self.roots.iter().filter_map(|(path, name)| Some((path.into(), word(name)?))).collect(),
        }
    }
}

impl Bundle {
    /// `suite::case on target`.
    pub fn cell(&self) -> String {
        format!("{}::{} on {}", self.suite, self.case, self.target)
    }
}

/// The name of a cell's bundle: readable, and another for every cell.
pub fn id(suite: &str, case: &str, target: &str) -> String {
    let cell = format!("{suite}::{case} on {target}");
    let digest = blake3::hash(cell.as_bytes()).to_hex();
    format!("{}-{}", crate::inspect::file_name(&cell), &digest[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundles_of_different_cells_have_different_names() {
        let one = id("c", "a b", "s390x-unknown-linux-gnu");
        assert!(one.starts_with("c--a-b-on-s390x-unknown-linux-gnu-"), "{one}");
        assert_ne!(one, id("c", "a-b", "s390x-unknown-linux-gnu"));
    }

    #[test]
    fn how_sides_are_compared_survives_being_written_down() {
        let regex = regex::bytes::Regex::new(r"pid \d+").unwrap();
        let how = How {
            stdout: StreamMode::Exact,
            float: Tolerance { ulps: 3, abs: 0.5, ..Tolerance::default() },
            normalise: [Normalise { regex, replace: "pid N".into() }].into(),
            ..How::default()
        };
        let text = serde_json::to_string(&Compare::of(&how)).unwrap();
        let again = serde_json::from_str::<Compare>(&text).unwrap().how().unwrap();
        assert_eq!(format!("{how:?}"), format!("{again:?}"));
    }
}
