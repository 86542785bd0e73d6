//! What is asked after a run: the one more target that tells two explanations apart, and a second emulator.
//!
//! Each is a run of its own, in a directory below the first one's, of the cases that failed and nothing else. What it
//! found is appended to the events of the first run, so that every later report knows it.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use triplecheck_emulators::host::LocalHost;

use super::plan_for;
use crate::cli::{LookupArgs, RunArgs};
use crate::commands::bundle::{self, Maker, Named};
use crate::error::{Fault, Result};
use crate::events::{Bundled, Cell, Confirmed, Event, Log, NotRun};
use crate::manifest::Project;
use crate::plan::Request;
use crate::report::Summary;
use crate::run::{Observer, Run, run as run_plan};
use crate::verdict::Weight;

/// A run that has ended, with what it takes to ask more.
pub(super) struct FollowUp<'a> {
    pub(super) project: &'a Project,
    pub(super) args: &'a RunArgs,
    pub(super) host: &'a LocalHost,
    pub(super) run: &'a Run<'a>,
}

/// Cases, by the target on which they are to be run.
type Wanted = BTreeMap<String, Vec<String>>;

impl FollowUp<'_> {
    /// Runs failing cases on the targets that tell which of two traits is the cause.
    pub(super) fn discriminate(&self, summary: &mut Summary, observer: &mut dyn Observer) -> Result<()> {
        let mut wanted = Wanted::new();
        for finding in summary.findings() {
            if let Some(decide) = finding.decide.filter(|decide| decide.here) {
                wanted.entry(decide.target).or_default().extend(finding.cases);
            }
        }
        for (target, cases) in wanted {
            let found = self.again(&target, &cases, &self.args.lookup, "decide", observer)?;
            let infos = found.run.into_iter().flat_map(|run| run.targets).map(Event::TargetAdded);
            let asked = |suite: &str, case: &str| cases.contains(&format!("{suite}::{case}"));
            let cells =
                found.cells.into_iter().filter(|cell| asked(&cell.suite, &cell.case)).map(Event::Cell);
            let not_run = found.not_run.into_iter().map(Event::NotRun);
            self.append(infos.chain(cells).chain(not_run), summary)?;
        }
        Ok(())
    }

    /// Runs failing cells under another emulator or CPU model, and records whether it shows the same.
    pub(super) fn confirm(
        &self,
        emulator: &str,
        summary: &mut Summary,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        let failing = summary.cells.iter().filter(|cell| cell.verdict.weight() == Weight::Finding);
        let mut by_target: BTreeMap<String, Vec<Cell>> = BTreeMap::new();
        for cell in failing {
            by_target.entry(cell.target.clone()).or_default().push(cell.clone());
        }
        let lookup = second(emulator, &self.args.lookup);
        for (target, cells) in by_target {
            // A CPU model behind the triple would be asked for again.
            let triple = target.split('@').next().unwrap_or(&target);
            let cases: Vec<String> = cells.iter().map(name).collect();
            let found = self.again(triple, &cases, &lookup, "confirm", observer)?;
            let answers = cells.iter().map(|cell| Event::Confirmed(answer(cell, &found, emulator)));
            self.append(answers, summary)?;
        }
        Ok(())
    }

    /// Keeps the findings as bundles in `into`, as seen from `directory`. One that cannot be kept is told, and the others
    /// are.
    pub(super) fn bundles(&self, summary: &mut Summary, into: &Path, directory: &Path) -> Result<()> {
        let args = self.args;
        let options = crate::commands::options(&args.lookup)?;
        let request = bundle::request(args.cargo.options(&args.test_args), options);
        let maker = Maker {
            project: self.project,
            host: self.host,
            request,
            stop: self.run.stop,
            given: self.run.given,
        };
        let cells = bundle::representatives(summary);
        let mut bundled = Vec::new();
        for cell in cells.iter().take_while(|_| !self.run.stop.is_stopped()) {
            let named = Named { suite: &cell.suite, case: &cell.case, target: &cell.target };
            let text = match maker.make(named, Some(cell), &directory.join(into)) {
                Ok(made) => {
                    bundled.push(Event::Bundled(Bundled {
                        suite: cell.suite.clone(),
                        case: cell.case.clone(),
                        target: cell.target.clone(),
                        file: into.join(made.file.file_name().unwrap_or_default()),
                    }));
                    bundle::told(named, &made)
                }
                Err(error) if error.fault() == Fault::Ours => return Err(error),
                Err(error) => format!("no bundle of {}: {}", name(cell), error.sentence()),
            };
            // Talk is for standard error; where that is closed nobody misses it.
            let _ = writeln!(anstream::stderr(), "{text}");
        }
        self.append(bundled.into_iter(), summary)
    }

    /// Runs `cases` on `target`.
    fn again(
        &self,
        target: &str,
        cases: &[String],
        lookup: &LookupArgs,
        purpose: &str,
        observer: &mut dyn Observer,
    ) -> Result<Summary> {
        let request = Request {
            targets: vec![target.to_owned()],
            filters: cases.to_vec(),
            cargo: self.args.cargo.options(&self.args.test_args),
            timeout: self.args.timeout,
            retries: self.args.control.retries(),
            options: crate::commands::options(lookup)?,
            // The cases are named: they are this shard's already.
            shard: None,
        };
        let plan = plan_for(self.project, &request, self.host, self.run.given)?;
        let run = Run {
            plan: &plan,
            run_dir: self.run.run_dir.join(purpose).join(target),
            build_dir: self.run.build_dir.clone(),
            cache: None,
            resumed: None,
            speeds: self.run.speeds.clone(),
            board: self.run.board.clone(),
            repeat: 1,
            fail_fast: false,
            command: self.run.command.clone(),
            tail: self.run.tail.clone(),
            asked: self.run.asked.clone(),
            ..*self.run
        };
        run_plan(&run, observer)
    }

    fn append(&self, events: impl Iterator<Item = Event>, summary: &mut Summary) -> Result<()> {
        let mut log = Log::reopen(&self.run.run_dir.join("events.jsonl"))?;
        for event in events {
            log.append(&event)?;
            summary.apply(event);
        }
        Ok(())
    }
}

fn name(cell: &Cell) -> String {
    format!("{}::{}", cell.suite, cell.case)
}

/// `KIND`, `KIND@CPU` or `@CPU` on top of what was typed for the first run.
pub(super) fn second(emulator: &str, typed: &LookupArgs) -> LookupArgs {
    let (kind, cpu) = match emulator.split_once('@') {
        Some((kind, cpu)) => (kind, Some(cpu.to_owned())),
        None => (emulator, None),
    };
    LookupArgs {
        emulator: if kind.is_empty() { typed.emulator.clone() } else { Some(kind.to_owned()) },
        cpu,
        floor: false,
        sysroot: typed.sysroot.clone(),
    }
}

/// What the second emulator says of `cell`.
fn answer(cell: &Cell, found: &Summary, emulator: &str) -> Confirmed {
    let same = |suite: &str, case: &str| (suite, case) == (cell.suite.as_str(), cell.case.as_str());
    let answer = |agrees, as_native, shown: String| Confirmed {
        suite: cell.suite.clone(),
        case: cell.case.clone(),
        target: cell.target.clone(),
        emulator: emulator.to_owned(),
        agrees,
        as_native,
        shown,
    };
    // Of a variant of the target the second emulator knows nothing, so that it is another one.
    if cell.emulator == emulator && !cell.target.contains('@') {
        return answer(None, false, format!("it is what `{emulator}` has shown already"));
    }
    if let Some(other) = found.cells.iter().find(|other| same(&other.suite, &other.case)) {
        return answer(Some(agree(cell, other)), other.observed.weight() == Weight::Good, shown(other));
    }
    let not_run = found.not_run.iter().find(|other| other.case == "*" || same(&other.suite, &other.case));
    answer(None, false, not_run.map_or("it did not run there".to_owned(), why))
}

/// Why it did not run, with the command that would change that.
fn why(not_run: &NotRun) -> String {
    match &not_run.fix {
        Some(fix) if !not_run.reason.contains(fix) => format!("{}; try: {fix}", not_run.reason),
        Some(_) | None => not_run.reason.clone(),
    }
}

/// Whether two runs of a cell show the same: the verdict, and for the same reason or with the same values.
fn agree(cell: &Cell, other: &Cell) -> bool {
    let values = |cell: &Cell| {
        let shown =
            cell.differences.iter().map(|difference| (difference.place.clone(), difference.target.clone()));
        shown.collect::<Vec<_>>()
    };
    // The outcome of a test is told in words that name threads and directories.
    let is_test = cell.differences.iter().any(|difference| difference.place == "outcome");
    cell.observed == other.observed
        && (is_test || values(cell) == values(other) || (cell.cause.is_some() && cell.cause == other.cause))
}

fn shown(cell: &Cell) -> String {
    let value = cell.differences.first().and_then(|difference| difference.target.lines().next());
    value.map_or(cell.observed.to_string(), |value| format!("{} with `{value}`", cell.observed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Difference;
    use crate::verdict::Verdict;

    fn cell(observed: Verdict, value: &str, cause: Option<&str>) -> Cell {
        let difference = serde_json::json!(
            {"place": "stdout", "at": 1, "native": "0", "target": value, "more": 0}
        );
        let difference: Difference = serde_json::from_value(difference).unwrap();
        let cell = serde_json::json!({
            "suite": "s", "case": "c", "target": "t", "emulator": "qemu-user", "verdict": observed,
            "observed": observed, "rules": [], "cause": cause, "differences": [difference], "duration_ms": 0,
            "native_ms": 0, "peak_rss_bytes": 0, "leaked": [], "repeat": "", "kept": null, "expected": null,
        });
        serde_json::from_value(cell).unwrap()
    }

    #[test]
    fn emulators_agree_where_verdict_and_values_or_causes_are_the_same() {
        let first = cell(Verdict::Differs, "1", Some("byte-order: x"));
        assert!(agree(&first, &cell(Verdict::Differs, "1", None)));
        assert!(agree(&first, &cell(Verdict::Differs, "2", Some("byte-order: x"))));
        assert!(!agree(&first, &cell(Verdict::Differs, "2", None)));
        assert!(!agree(&first, &cell(Verdict::Same, "1", None)));
    }

    #[test]
    fn a_second_emulator_is_a_kind_a_cpu_or_both() {
        let typed = LookupArgs { emulator: Some("wine".into()), ..LookupArgs::default() };
        let second = |text| {
            let lookup = super::second(text, &typed);
            (lookup.emulator, lookup.cpu)
        };
        assert_eq!(second("qemu-user"), (Some("qemu-user".into()), None));
        assert_eq!(second("qemu-user@max"), (Some("qemu-user".into()), Some("max".into())));
        assert_eq!(second("@max"), (Some("wine".into()), Some("max".into())));
    }

    #[test]
    fn an_emulator_that_could_not_be_asked_says_why() {
        let mut found = Summary::default();
        let not_run = serde_json::json!({"suite": "s", "case": "*", "target": "t", "reason": "no such CPU", "fix": null,
            "verdict": "not-run"});
        found.not_run.push(serde_json::from_value(not_run).unwrap());
        let answer = answer(&cell(Verdict::Differs, "1", None), &found, "qemu-user@zz");
        assert_eq!((answer.agrees, answer.shown.as_str()), (None, "no such CPU"));
        found.not_run[0].fix = Some("triplecheck setup t".into());
        let answer = super::answer(&cell(Verdict::Differs, "1", None), &found, "vm");
        assert_eq!(answer.shown, "no such CPU; try: triplecheck setup t");
        let again = super::answer(&cell(Verdict::Differs, "1", None), &found, "qemu-user");
        assert_eq!((again.agrees, again.shown.as_str()), (None, "it is what `qemu-user` has shown already"));
    }

    #[test]
    fn an_emulator_under_which_all_is_as_natively_clears_the_program() {
        let mut found = Summary::default();
        found.cells.push(cell(Verdict::Same, "", None));
        let told = answer(&cell(Verdict::CrossFail, "1", None), &found, "vm");
        assert_eq!((told.agrees, told.as_native), (Some(false), true));
        found.cells[0] = cell(Verdict::Differs, "2", None);
        let told = answer(&cell(Verdict::Differs, "1", None), &found, "vm");
        assert_eq!((told.agrees, told.as_native), (Some(false), false));
    }
}
