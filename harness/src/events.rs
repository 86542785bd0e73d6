//! What happens in a run, as it happens: the only output of a run. Reports, and later resume and merge, read
//! the recorded events and nothing else.
//!
//! `events.jsonl` is one JSON object a line, appended and flushed at once, so that a killed run keeps all that
//! was finished. A reader ignores fields it does not know, and refuses a newer [`SCHEMA`].

use std::io::{BufRead as _, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::compare::{Difference, Rule};
use crate::error::{About as _, Error, Result};
use crate::observation::End;
use crate::shard::Shard;
use crate::verdict::Verdict;

/// The version of the event format.
pub const SCHEMA: u32 = 1;

/// One event.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The first line of every run.
    RunStarted(RunStarted),
    /// A build began.
    BuildStarted {
        /// The suite.
        suite: String,
        /// What is built, in words.
        what: String,
    },
    /// A build ended.
    BuildFinished {
        /// The suite.
        suite: String,
        /// How long it took.
        duration_ms: u64,
        /// What failed, by target; the text is the compiler's own.
        failures: Vec<BuildFailure>,
    },
    /// The native run of a case.
    Observed(Observed),
    /// A cell is decided.
    Cell(Cell),
    /// A cell did not run.
    NotRun(NotRun),
    /// A target that was added after the run, to decide between two explanations.
    TargetAdded(TargetInfo),
    /// What a second emulator said of a finding, after the run.
    Confirmed(Confirmed),
    /// A finding's cell was kept as a bundle, after the run.
    Bundled(Bundled),
    /// The last line of a run that came to its end; what was asked afterwards stands behind it.
    RunFinished {
        /// From the first event to this one.
        duration_ms: u64,
        /// Whether the user interrupted it.
        interrupted: bool,
        /// How many guests were started, natively and on targets.
        #[serde(default)]
        started: u64,
        /// Expectations of the manifest that met no cell, although their suites and targets were run.
        #[serde(default)]
        unmatched: Vec<Unmatched>,
    },
}

/// What a run is about.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RunStarted {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The run's name: time and process, unique on this machine.
    pub run: String,
    /// The version of triplecheck.
    pub version: String,
    /// The version of the comparison rules.
    pub rules_version: u32,
    /// The host's triple.
    pub host: String,
    /// The kernel's release, which user-mode emulation depends on.
    pub kernel: String,
    /// The rustc that built both sides, if any did: `rustc 1.95.0 (59807616e 2026-04-14)`.
    pub rustc: Option<String>,
    /// The targets in the order of the report.
    pub targets: Vec<TargetInfo>,
    /// The suites that were asked for, in the order of the manifest.
    #[serde(default)]
    pub suites: Vec<SuiteInfo>,
    /// The file that describes the suites, relative to the project; `None` for a cargo project without a manifest.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub manifest: Option<String>,
    /// The run that this one takes up, the first one where that took up another.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resumed: Option<String>,
    /// Why the programs that emulated guests start find no emulator, where they do not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub children: Option<String>,
    /// The words that start this run again, but for its filters.
    pub command: Vec<String>,
    /// Which part of the cases this run decides, where it is not all of them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub shard: Option<Shard>,
    /// A digest of what was asked but for targets and shard: runs that differ in it are about different things.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub asked: String,
    /// The commit that the project's repository is at.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub revision: Option<String>,
    /// All targets of the manifest, where not all of them were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub all_targets: Vec<String>,
    /// The runs that were merged into this one.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub merged: Vec<String>,
    /// What is missing in a merged run, one sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub incomplete: Vec<String>,
    /// The targets beyond its own that could have been run here, the likeliest to be built first.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub runnable: Vec<String>,
}

/// A suite of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SuiteInfo {
    /// Its name.
    pub name: String,
    /// Where the relative paths of its programs' messages start, relative to the project: where its compiler ran.
    pub sources: String,
}

/// A target of the run.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TargetInfo {
    /// The triple, with its variant.
    pub target: String,
    /// The kind of emulator, `None` where there is none.
    pub emulator: Option<String>,
    /// Its version.
    pub emulator_version: Option<String>,
    /// What runs the cases that need a kernel of their own machine, where something else than for all others does: its kind
    /// and version.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub kernel: Option<String>,
    /// Why it cannot be run or built here.
    pub reason: Option<String>,
    /// The command that would make it possible.
    pub fix: Option<String>,
}

/// A build that failed for one target.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct BuildFailure {
    /// The target.
    pub target: String,
    /// The program, where only one failed.
    pub program: Option<String>,
    /// What the compiler said.
    pub text: String,
}

/// A native run.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Observed {
    /// The suite.
    pub suite: String,
    /// The case.
    pub case: String,
    /// How it ended.
    pub end: End,
    /// How long it took.
    pub duration_ms: u64,
}

/// A decided cell.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Cell {
    /// The suite.
    pub suite: String,
    /// The case.
    pub case: String,
    /// The target.
    pub target: String,
    /// The kind of emulator that ran it.
    pub emulator: String,
    /// What it amounts to, expectations applied.
    pub verdict: Verdict,
    /// What it amounts to by itself.
    pub observed: Verdict,
    /// The rules by which it counts as equal.
    pub rules: Vec<RuleCount>,
    /// One sentence on why, where something is known.
    pub cause: Option<String>,
    /// What differs.
    pub differences: Vec<Difference>,
    /// How long it took on the target.
    pub duration_ms: u64,
    /// How long it took natively.
    pub native_ms: u64,
    /// When its run on the target would have counted as hung; 0 where that is not known.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub limit_ms: u64,
    /// Earlier runs of it on the target, in order. The cell itself is the last one, or `flaky` where that came out as native.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tries: Vec<Try>,
    /// What all runs of a stress run came to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeated: Option<Repeated>,
    /// The target's peak memory.
    pub peak_rss_bytes: u64,
    /// Processes it left behind, which were ended.
    pub leaked: Vec<String>,
    /// The command that repeats this cell.
    pub repeat: String,
    /// Where its outputs are kept, for findings.
    pub kept: Option<PathBuf>,
    /// The reason of the expectation that applied.
    pub expected: Option<String>,
    /// Where that is tracked.
    #[serde(default)]
    pub issue: Option<String>,
    /// What is known of the emulator that may be behind the failure, one sentence each.
    #[serde(default)]
    pub known: Vec<String>,
    /// Whether it was found by an earlier run, since which nothing that it depends on has changed.
    #[serde(default)]
    pub unchanged: bool,
}

/// One of several runs of a cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Try {
    /// What it amounted to.
    pub verdict: Verdict,
    /// What it showed, in one line.
    pub text: String,
    /// How long it took on the target.
    pub duration_ms: u64,
}

/// What the runs of a stress run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Repeated {
    /// How often the cell was run, natively and on the target.
    pub runs: u32,
    /// In how many of them the target did not come out as native.
    pub findings: u32,
    /// How many native runs did not come out as the first one.
    pub native_odd: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde wants")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What a second emulator said of a finding's cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Confirmed {
    /// The suite.
    pub suite: String,
    /// The case.
    pub case: String,
    /// The target.
    pub target: String,
    /// The emulator that was asked, as it was typed.
    pub emulator: String,
    /// Whether it showed the same; `None` where it could not be asked.
    pub agrees: Option<bool>,
    /// Whether it came out there as natively.
    #[serde(default)]
    pub as_native: bool,
    /// What it showed, or why it could not be asked.
    pub shown: String,
}

/// A cell that was kept for another machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Bundled {
    /// The suite.
    pub suite: String,
    /// The case.
    pub case: String,
    /// The target.
    pub target: String,
    /// The bundle, as it is reached from where the run was asked for.
    pub file: PathBuf,
}

/// A rule and how often it was needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RuleCount {
    /// The rule.
    pub rule: Rule,
    /// How often.
    pub count: u64,
}

/// A cell that did not run.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct NotRun {
    /// The suite.
    pub suite: String,
    /// The case; `*` for all of the suite.
    pub case: String,
    /// The target.
    pub target: String,
    /// Why.
    pub reason: String,
    /// The command that would make it run, where one would.
    pub fix: Option<String>,
    /// `not-run`, `missing` or `extra`.
    pub verdict: Verdict,
    /// Whether the manifest or the test itself leaves it out: nothing on this machine would make it run.
    #[serde(default)]
    pub declared: bool,
}

impl NotRun {
    /// Whether it would have run on a machine with everything installed, if nothing had kept it from that.
    pub fn is_lacking(&self) -> bool {
        self.verdict == Verdict::NotRun && !self.declared
    }
}

/// An expectation that met no cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Unmatched {
    /// Its pattern of cases.
    pub test: String,
    /// Its pattern of targets.
    pub target: String,
    /// Why something was expected.
    pub reason: String,
    /// Where it is tracked.
    pub issue: Option<String>,
}

/// Appends events to a file.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: fs_err::File,
}

impl Log {
    /// Starts a new file.
    pub fn create(path: &Path) -> Result<Self> {
        let file = fs_err::File::create_new(path).about("create", path)?;
        // Readers ask by it whether the run goes on. Nobody else writes here, so that nothing depends on getting it.
        let _ = flock(&file, FlockOperation::NonBlockingLockExclusive);
        Ok(Self { path: path.to_owned(), file })
    }

    /// Goes on with a file that is there.
    pub fn reopen(path: &Path) -> Result<Self> {
        let file = fs_err::OpenOptions::new().append(true).open(path).about("append to", path)?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Appends one event: one `write` of one whole line, so that a reader never sees half of it from us.
    pub fn append(&mut self, event: &Event) -> Result<()> {
        let mut line = serde_json::to_vec(event)
            .map_err(|error| Error::ours("cannot write an event as JSON").caused_by(error))?;
        line.push(b'\n');
        self.file.write_all(&line).about("append to", &self.path)
    }
}

/// What could be read of a run's events.
#[derive(Debug, Default)]
pub struct Recorded {
    /// The events, in order.
    pub events: Vec<Event>,
    /// Lines that are no events, as [`Damage`]. What stands around them is kept.
    pub damage: Vec<Damage>,
}

/// A line that is no event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Its number, from 1.
    pub line: usize,
    /// Why it is none.
    pub why: String,
}

/// Reads the events of a run. A last line cut short (the run goes on, or the machine died while it was written) is left
/// out; any other line that is no event is told.
///
/// # Errors
/// When the file cannot be read, or was written by a newer version.
pub fn read(path: &Path) -> Result<Recorded> {
    let file = fs_err::File::open(path).about("read", path)?;
    let mut recorded = Recorded::default();
    let mut reader = std::io::BufReader::new(file);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if reader.read_until(b'\n', &mut line).about("read", path)? == 0 {
            break;
        }
        let whole = line.ends_with(b"\n");
        match serde_json::from_slice::<Event>(&line) {
            Ok(Event::RunStarted(run)) if run.schema > SCHEMA => return Err(newer(path, &run)),
            Ok(event) => recorded.events.push(event),
            Err(_) if !whole => {}
            Err(error) => recorded.damage.push(Damage { line: number, why: error.to_string() }),
        }
    }
    Ok(recorded)
}

fn newer(path: &Path, run: &RunStarted) -> Error {
    Error::user(format!(
        "`{}` was written by a newer triplecheck ({}, schema {})",
        path.display(),
        run.version,
        run.schema
    ))
    .hint("use that version, or a newer one")
}

/// Whether the run that writes these events still goes on. It holds a lock on them that the kernel takes from it when it
/// ends, however it ends; where a file system has no locks, no run seems to go on.
pub fn are_being_written(path: &Path) -> bool {
    let Ok(file) = std::fs::File::open(path) else { return false };
    let lock = flock(&file, FlockOperation::NonBlockingLockShared);
    lock == Err(rustix::io::Errno::WOULDBLOCK)
}

#[cfg(test)]
impl Cell {
    /// A cell for tests, of the suite `unit`.
    pub(crate) fn example(case: &str, target: &str, verdict: Verdict) -> Self {
        Self {
            suite: "unit".into(),
            case: case.into(),
            target: target.into(),
            emulator: "qemu-user".into(),
            verdict,
            observed: verdict,
            rules: Vec::new(),
            cause: None,
            differences: Vec::new(),
            duration_ms: 0,
            native_ms: 0,
            limit_ms: 0,
            tries: Vec::new(),
            repeated: None,
            peak_rss_bytes: 0,
            leaked: Vec::new(),
            repeat: String::new(),
            kept: None,
            expected: None,
            issue: None,
            known: Vec::new(),
            unchanged: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished() -> Event {
        Event::RunFinished { duration_ms: 5, interrupted: false, started: 2, unmatched: Vec::new() }
    }

    #[test]
    fn a_cut_last_line_is_left_out_and_any_other_damage_is_told_without_losing_what_stands_around_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        let mut log = Log::create(&path).unwrap();
        log.append(&finished()).unwrap();
        log.append(&finished()).unwrap();
        assert_eq!(read(&path).unwrap().events.len(), 2);
        let whole = fs_err::read(&path).unwrap();
        fs_err::write(&path, &whole[..whole.len() - 9]).unwrap();
        let cut = read(&path).unwrap();
        assert_eq!((cut.events.len(), cut.damage.len()), (1, 0), "the half line is left out");
        let garbage = [b"{\"event\":\"cell\"\n".as_slice(), &whole, b"\0\0\xff\n", &whole].concat();
        fs_err::write(&path, garbage).unwrap();
        let read = read(&path).unwrap();
        let lines: Vec<usize> = read.damage.iter().map(|damage| damage.line).collect();
        assert_eq!((read.events.len(), lines), (4, vec![1, 4]));
    }

    #[test]
    fn whether_a_run_goes_on_is_known_by_its_lock() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        assert!(!are_being_written(&path));
        let log = Log::create(&path).unwrap();
        assert!(are_being_written(&path));
        drop(log);
        assert!(!are_being_written(&path));
    }

    #[test]
    fn a_newer_schema_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        let newer = RunStarted {
            schema: SCHEMA + 1,
            run: "r".into(),
            version: "9.0.0".into(),
            rules_version: 9,
            host: "h".into(),
            kernel: String::new(),
            rustc: None,
            targets: Vec::new(),
            suites: Vec::new(),
            manifest: None,
            resumed: None,
            children: None,
            command: Vec::new(),
            shard: None,
            asked: String::new(),
            revision: None,
            all_targets: Vec::new(),
            merged: Vec::new(),
            incomplete: Vec::new(),
            runnable: Vec::new(),
        };
        Log::create(&path).unwrap().append(&Event::RunStarted(newer)).unwrap();
        assert!(read(&path).unwrap_err().render().contains("newer triplecheck (9.0.0"));
    }
}
