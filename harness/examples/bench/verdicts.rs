//! The labelled corpus: what `cross-tests` and its failing emulator must be said to do, and what was said.
//!
//! Labels are the manifest's expectations; every cell without one must be good. A cause is right if its class is the
//! label's, told by the cell's values or, where those say nothing, by the trait that separates the failing targets.

#![expect(clippy::disallowed_methods, reason = "a benchmark starts what it measures")]
#![expect(clippy::print_stdout, reason = "its lines are its result")]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use triplecheck::diagnose::{self, Afterwards, Class};
use triplecheck::events::{Cell, Event};
use triplecheck::manifest::{self, Expect};
use triplecheck::pattern::{TargetPattern, glob};
use triplecheck::report::Summary;
use triplecheck::verdict::{Verdict, Weight};
use triplecheck_emulators::target::Target;

use crate::{Bench, Outcome};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// One label: what a cell must be said to be.
struct Label {
    test: String,
    target: TargetPattern,
    verdict: Verdict,
    cause: Option<Class>,
}

impl Label {
    fn of(expect: &Expect) -> Result<Self> {
        let verdict = Verdict::from_name(expect.verdict.get_ref()).ok_or("a verdict that is none")?;
        let cause = expect.cause.as_ref().and_then(|cause| Class::from_name(cause.get_ref()));
        let target = TargetPattern::parse(expect.target.get_ref())?;
        Ok(Self { test: expect.test.get_ref().clone(), target, verdict, cause })
    }
}

/// What was expected of one cell and what was said.
struct Row {
    case: String,
    target: String,
    expected: Verdict,
    observed: Verdict,
    cause: Option<Class>,
    by_values: Option<Class>,
    by_trait: Option<Class>,
    told: Option<String>,
}

impl Row {
    fn verdict_is_right(&self) -> bool {
        let good = |verdict: Verdict| verdict.weight() == Weight::Good;
        self.expected == self.observed || (good(self.expected) && good(self.observed))
    }

    fn told_class(&self) -> Option<Class> {
        self.by_values.or(self.by_trait)
    }

    /// `None` where the label names no cause or the verdict is wrong already.
    fn cause_is_right(&self) -> Option<bool> {
        let cause = self.cause.filter(|_| self.verdict_is_right())?;
        Some(self.told_class() == Some(cause))
    }

    fn symbol(&self) -> char {
        match (self.verdict_is_right(), self.cause_is_right()) {
            (false, _) => 'V',
            (true, Some(false)) => 'C',
            (true, Some(true)) if self.by_values.is_some() => '+',
            (true, Some(true)) => 't',
            (true, None) if self.expected.weight() == Weight::Good => '=',
            (true, None) => 'x',
        }
    }
}

impl Bench {
    /// Runs the corpus and prints how often verdict and cause are right.
    pub(crate) fn verdicts(&self) -> Outcome {
        let root = Path::new("cross-tests");
        let mut rows = self.corpus(root, None)?;
        let path = self.failing_emulator(&root.join("emulator-faults"))?;
        rows.extend(self.corpus(&root.join("emulator-faults"), Some(&path))?);
        table(&rows);
        matrix(&rows);
        causes(&rows);
        Ok(())
    }

    /// Runs the project in `root`, and labels what it said.
    fn corpus(&self, root: &Path, path: Option<&std::ffi::OsStr>) -> Result<Vec<Row>> {
        let project = manifest::locate(root, None).map_err(|error| error.render())?;
        let labels: Vec<Label> = project.manifest.expect.iter().map(Label::of).collect::<Result<_>>()?;
        let mut command = Command::new(&self.binary);
        command.arg("-C").arg(root).args(["run", "--json", "--no-cache"]);
        command.stdin(Stdio::null()).stderr(Stdio::null()).envs(path.map(|path| ("PATH", path)));
        let report: serde_json::Value = serde_json::from_slice(&command.output()?.stdout)?;
        let name = report["run"].as_str().ok_or("the report names no run")?;
        let events = root.join("target/triplecheck/runs").join(name).join("events.jsonl");
        let events: Vec<Event> = triplecheck::events::read(&events).map_err(|error| error.render())?.events;
        rows(&labels, &Summary::of(events))
    }

    /// A search path on which QEMU is one that fails for certain programs.
    fn failing_emulator(&self, root: &Path) -> Result<std::ffi::OsString> {
        let answer =
            Command::new(&self.binary).args(["which", "--json", "aarch64-unknown-linux-gnu"]).output()?;
        let answer: serde_json::Value = serde_json::from_slice(&answer.stdout)?;
        let real = PathBuf::from(answer["emulator"]["program"].as_str().ok_or("there is no QEMU here")?);
        let script = std::fs::read_to_string(root.join("qemu-that-fails"))?;
        let directory = self.work.join("failing");
        std::fs::create_dir_all(&directory)?;
        let file = directory.join(real.file_name().ok_or("QEMU has no name")?);
        std::fs::write(&file, script.replace("REAL", &real.display().to_string()))?;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755))?;
        let path = std::env::var_os("PATH").unwrap_or_default();
        Ok(std::env::join_paths(std::iter::once(directory).chain(std::env::split_paths(&path)))?)
    }
}

fn rows(labels: &[Label], summary: &Summary) -> Result<Vec<Row>> {
    // By themselves, as if nothing had been expected.
    let cells: Vec<Cell> =
        summary.cells.iter().map(|cell| Cell { verdict: cell.observed, ..cell.clone() }).collect();
    let mut by_trait: BTreeMap<String, Class> = BTreeMap::new();
    for finding in diagnose::findings(&cells, &Afterwards::default(), &[]) {
        if let Some(class) = finding.class {
            by_trait.extend(finding.cells.into_iter().map(|cell| (cell, class)));
        }
    }
    let mut rows = Vec::new();
    for cell in &cells {
        let case = format!("{}::{}", cell.suite, cell.case);
        let place = format!("{case} on {}", cell.target);
        let (expected, cause) = label(labels, &case, &cell.target)?;
        rows.push(Row {
            expected,
            cause,
            observed: cell.observed,
            by_values: cell.cause.as_deref().and_then(Class::of),
            by_trait: by_trait.get(&place).copied(),
            told: cell.cause.clone(),
            target: cell.target.clone(),
            case,
        });
    }
    for not_run in summary.not_run.iter().filter(|not_run| !not_run.declared) {
        let case = format!("{}::{}", not_run.suite, not_run.case);
        let (expected, cause) = label(labels, &case, &not_run.target)?;
        rows.push(Row {
            expected,
            cause,
            observed: not_run.verdict,
            by_values: None,
            by_trait: None,
            told: Some(not_run.reason.clone()),
            target: not_run.target.clone(),
            case,
        });
    }
    Ok(rows)
}

/// What a cell must be said to be: the last label that is about it, and good where none is.
fn label(labels: &[Label], case: &str, target: &str) -> Result<(Verdict, Option<Class>)> {
    let parsed = Target::parse(target).map_err(|error| error.to_string())?;
    let about = |label: &&Label| glob(&label.test, case) && label.target.matches(&parsed);
    let found = labels.iter().rev().find(about);
    Ok(found.map_or((Verdict::Same, None), |label| (label.verdict, label.cause)))
}

/// Every case of which something other than good is expected or was said.
fn table(rows: &[Row]) {
    let mut targets: Vec<&str> = Vec::new();
    let mut cases: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        if !targets.contains(&row.target.as_str()) {
            targets.push(&row.target);
        }
        cases.entry(&row.case).or_default().push(row);
    }
    let all = cases.len();
    cases.retain(|_, rows| rows.iter().any(|row| row.symbol() != '='));
    let width = cases.keys().map(|case| case.len()).max().unwrap_or(0);
    for (number, target) in targets.iter().enumerate() {
        println!("{:>3}  {target}", number + 1);
    }
    let head: String = (1..=targets.len()).map(|number| format!("{number:>3}")).collect();
    println!("\n{:width$}  {head}", "");
    for (case, rows) in &cases {
        let symbol =
            |target: &&str| rows.iter().find(|row| row.target == *target).map_or(' ', |row| row.symbol());
        let line: String = targets.iter().map(|target| format!("  {}", symbol(target))).collect();
        println!("{case:width$}  {line}");
    }
    println!("{} more cases, clean and said to be so on every target", all - cases.len());
    println!(
        "= clean   + verdict and cause right   t cause by the trait of the targets   x verdict right, no cause \
              labelled   C wrong cause   V wrong verdict\n"
    );
}

/// Expected against said.
fn matrix(rows: &[Row]) {
    let name = |verdict: Verdict| if verdict.weight() == Weight::Good { "good" } else { verdict.name() };
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut names: Vec<&str> = Vec::new();
    for row in rows {
        let (expected, observed) = (name(row.expected), name(row.observed));
        *counts.entry((expected, observed)).or_default() += 1;
        for name in [expected, observed] {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    println!("{:>15}   said to be", "");
    println!("{:>15} {}", "labelled", names.iter().map(|name| format!("{name:>15}")).collect::<String>());
    for expected in &names {
        let count = |observed: &&str| counts.get(&(*expected, *observed)).copied().unwrap_or(0);
        println!(
            "{expected:>15} {}",
            names.iter().map(|name| format!("{:>15}", count(name))).collect::<String>()
        );
    }
    let right = rows.iter().filter(|row| row.verdict_is_right()).count();
    println!("\nverdicts: {right} of {} right ({})", rows.len(), percent(right, rows.len()));
    for row in rows.iter().filter(|row| !row.verdict_is_right()) {
        let told = row.told.as_deref().unwrap_or("no cause");
        println!("  {} on {}: {} and not {} ({told})", row.case, row.target, row.observed, row.expected);
    }
}

fn causes(rows: &[Row]) {
    let labelled: Vec<&Row> = rows.iter().filter(|row| row.cause_is_right().is_some()).collect();
    let right: Vec<&&Row> = labelled.iter().filter(|row| row.cause_is_right() == Some(true)).collect();
    let by_values = right.iter().filter(|row| row.by_values.is_some()).count();
    println!(
        "causes: {} of {} right ({}), {by_values} of them by the values and {} by the trait",
        right.len(),
        labelled.len(),
        percent(right.len(), labelled.len()),
        right.len() - by_values
    );
    for row in labelled.iter().filter(|row| row.cause_is_right() == Some(false)) {
        let name = |class: Option<Class>| class.map_or("nothing", Class::name);
        println!("  {} on {}: {} and not {}", row.case, row.target, name(row.told_class()), name(row.cause));
    }
    let clean = rows.iter().filter(|row| row.expected.weight() == Weight::Good);
    let false_alarms = clean.filter(|row| !row.verdict_is_right() || row.by_values.is_some()).count();
    println!("false alarms: {false_alarms}");
}

/// Rounded down, so that 100 % means all.
fn percent(part: usize, whole: usize) -> String {
    let tenths = (part * 1000).checked_div(whole).unwrap_or(1000);
    format!("{}.{} %", tenths / 10, tenths % 10)
}
