//! The parts of a run that several machines have run, put together as if one had run all of it. Pure.
//!
//! Parts are shards of one list of targets, or runs of different targets, or both. What cannot be one run (another commit,
//! another emulator, a shard that is there twice) is refused. What is only missing is said in the merged run and in every
//! report of it, and all that there is stays: a machine that was lost takes nothing with it but its own part.

mod agreement;
mod coverage;

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::error::{Error, Result};
use crate::events::{BuildFailure, Cell, Event, NotRun, RunStarted, TargetInfo, Unmatched};
use crate::report::Summary;
use crate::verdict::{Verdict, Weight};

/// One run of several.
#[derive(Debug, Clone)]
pub struct Part {
    /// What it is called in messages: its directory.
    pub name: String,
    /// Its events.
    pub events: Vec<Event>,
    /// How many of its lines are no events.
    pub unreadable_lines: usize,
    /// Whether it still goes on.
    pub goes_on: bool,
}

impl Part {
    /// What the run is about.
    ///
    /// # Errors
    /// When its events do not begin with that.
    pub fn about(&self) -> Result<&RunStarted> {
        match self.events.first() {
            Some(Event::RunStarted(run)) => Ok(run),
            _ => Err(Error::user(format!("the events of `{}` do not say what the run is about", self.name))
                .hint("leave it out, or run that part again")),
        }
    }

    /// Its last event, if it came to its end.
    fn end(&self) -> Option<(u64, bool, u64, &[Unmatched])> {
        self.events.iter().find_map(|event| match event {
            Event::RunFinished { duration_ms, interrupted, started, unmatched } => {
                Some((*duration_ms, *interrupted, *started, unmatched.as_slice()))
            }
            _ => None,
        })
    }
}

/// A merged run.
#[derive(Debug)]
pub struct Merged {
    /// Its events.
    pub events: Vec<Event>,
    /// What is missing in it, and the command that would add it.
    pub problems: Vec<Problem>,
}

/// Something that is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// One sentence.
    pub text: String,
    /// What to type next.
    pub fix: String,
}

/// Puts parts together under a new name. The order in which they are given counts for nothing.
///
/// # Errors
/// When they are not parts of one run.
pub fn merge(parts: Vec<Part>, name: &str) -> Result<Merged> {
    let mut parts = agreement::last_attempts(parts)?;
    parts.sort_by(|a, b| order(a).cmp(&order(b)));
    agreement::check(&parts)?;
    let targets = coverage::targets(&parts)?;
    let mut problems = coverage::missing_shards(&parts)?;
    problems.extend(parts.iter().filter_map(unfinished));
    let started = started(&parts, name, &targets, &problems)?;
    let absent = coverage::absent(&started, &parts)?;
    let mut events = vec![Event::RunStarted(started)];
    events.extend(builds(&parts));
    events.extend(observed(&parts));
    events.extend(absent.into_iter().map(Event::NotRun));
    events.extend(decided(&parts, &targets));
    let (end, afterwards) = end(&parts, &events, &problems);
    events.push(end);
    events.extend(afterwards);
    Ok(Merged { events, problems })
}

/// By targets and shard, so that the same parts give the same run.
fn order(part: &Part) -> (Vec<&str>, u32, &str) {
    let about = part.about().ok();
    let targets = about.iter().flat_map(|run| &run.targets).map(|info| info.target.as_str()).collect();
    let index = about.and_then(|run| run.shard).map_or(0, |shard| shard.index);
    (targets, index, about.map_or("", |run| &run.run))
}

fn started(parts: &[Part], name: &str, targets: &[TargetInfo], problems: &[Problem]) -> Result<RunStarted> {
    let abouts = parts.iter().map(Part::about).collect::<Result<Vec<_>>>()?;
    let first = abouts.first().copied().ok_or_else(|| Error::ours("nothing is merged"))?;
    let is_covered = |name: &String| targets.iter().any(|info| info.target == *name);
    let earlier = abouts.iter().flat_map(|run| run.incomplete.iter().cloned());
    let all_targets = first.all_targets.clone();
    Ok(RunStarted {
        run: name.to_owned(),
        targets: targets.to_vec(),
        resumed: None,
        children: abouts.iter().find_map(|run| run.children.clone()),
        runnable: first.runnable.iter().filter(|target| !is_covered(target)).cloned().collect(),
        shard: None,
        all_targets: if all_targets.iter().all(is_covered) { Vec::new() } else { all_targets },
        merged: abouts.iter().map(|run| run.run.clone()).collect(),
        incomplete: earlier.chain(problems.iter().map(|problem| problem.text.clone())).collect(),
        ..first.clone()
    })
}

/// What keeps a part from being whole.
fn unfinished(part: &Part) -> Option<Problem> {
    let about = part.about().ok()?;
    let name = &part.name;
    let again = coverage::again(about);
    let resumed = format!("{again} --resume");
    let of = |text: String, fix: String| Some(Problem { text, fix });
    match (part.end(), part.goes_on) {
        (None, true) => of(
            format!("`{name}` goes on: it has not decided everything yet"),
            "wait for its end, and merge again".into(),
        ),
        (None, false) => of(format!("`{name}` was killed before its end"), resumed),
        (Some((_, true, ..)), _) => of(format!("`{name}` was interrupted"), resumed),
        (Some(_), _) if part.unreadable_lines > 0 => {
            let lines = part.unreadable_lines;
            let lines = if lines == 1 { "1 line".to_owned() } else { format!("{lines} lines") };
            of(format!("{lines} of the events of `{name}` cannot be read"), again)
        }
        (Some(_), _) => None,
    }
}

/// Every machine has built the same: what failed on each is told once.
fn builds(parts: &[Part]) -> Vec<Event> {
    let mut suites: Vec<(&str, &str, u64, Vec<&BuildFailure>)> = Vec::new();
    for event in parts.iter().flat_map(|part| &part.events) {
        match event {
            Event::BuildStarted { suite, what } if suites.iter().all(|known| known.0 != suite) => {
                suites.push((suite, what, 0, Vec::new()));
            }
            Event::BuildFinished { suite, duration_ms, failures } => {
                let Some(known) = suites.iter_mut().find(|known| known.0 == suite) else { continue };
                known.2 = known.2.max(*duration_ms);
                for failure in failures {
                    let is_same = |other: &&BuildFailure| {
                        (&other.target, &other.program) == (&failure.target, &failure.program)
                    };
                    if !known.3.iter().any(is_same) {
                        known.3.push(failure);
                    }
                }
            }
            _ => {}
        }
    }
    let events = suites.into_iter().flat_map(|(suite, what, duration_ms, failures)| {
        let suite = suite.to_owned();
        let failures = failures.into_iter().cloned().collect();
        [
            Event::BuildStarted { suite: suite.clone(), what: what.to_owned() },
            Event::BuildFinished { suite, duration_ms, failures },
        ]
    });
    events.collect()
}

/// Native runs: one for each case, whichever targets and tests it was made for.
fn observed(parts: &[Part]) -> Vec<Event> {
    let mut known: BTreeMap<(&str, &str), Event> = BTreeMap::new();
    for event in parts.iter().flat_map(|part| &part.events) {
        let Event::Observed(observed) = event else { continue };
        let entry = known.entry((&observed.suite, &observed.case)).or_insert_with(|| event.clone());
        if let Event::Observed(other) = entry
            && other.end.is_success()
            && !observed.end.is_success()
        {
            *entry = event.clone();
        }
    }
    known.into_values().collect()
}

/// Cells and what did not run, in an order that does not depend on who decided first.
fn decided(parts: &[Part], targets: &[TargetInfo]) -> Vec<Event> {
    let places: HashMap<&str, usize> =
        targets.iter().enumerate().map(|(index, info)| (info.target.as_str(), index)).collect();
    let place = |target: &str| places.get(target).copied().unwrap_or(usize::MAX);
    let mut cells: Vec<&Cell> = Vec::new();
    let mut owner: HashMap<(&str, &str, &str), (usize, usize)> = HashMap::new();
    let mut not_run: Vec<&NotRun> = Vec::new();
    let mut told: HashSet<(&str, &str, &str, Verdict, &str)> = HashSet::new();
    for (number, part) in parts.iter().enumerate() {
        for event in &part.events {
            match event {
                Event::Cell(cell) => {
                    // The process of a test binary is every shard's: the worst of what they tell of it stands.
                    match owner.entry((&cell.suite, &cell.case, &cell.target)) {
                        std::collections::hash_map::Entry::Occupied(known) if known.get().0 != number => {
                            let other = &mut cells[known.get().1];
                            if other.verdict.weight() != Weight::Finding {
                                *other = cell;
                            }
                        }
                        entry => {
                            entry.insert_entry((number, cells.len()));
                            cells.push(cell);
                        }
                    }
                }
                Event::NotRun(cell) => {
                    let key = (&*cell.suite, &*cell.case, &*cell.target, cell.verdict, &*cell.reason);
                    if told.insert(key) {
                        not_run.push(cell);
                    }
                }
                _ => {}
            }
        }
    }
    cells.sort_by_key(|cell| (&cell.suite, &cell.case, place(&cell.target)));
    not_run.sort_by_key(|cell| (&cell.suite, &cell.case, place(&cell.target)));
    let cells = cells.into_iter().cloned().map(Event::Cell);
    cells.chain(not_run.into_iter().cloned().map(Event::NotRun)).collect()
}

/// The end of the run, and what was asked after it.
fn end(parts: &[Part], events: &[Event], problems: &[Problem]) -> (Event, Vec<Event>) {
    let ends: Vec<_> = parts.iter().filter_map(Part::end).collect();
    let summary = Summary::of(events.iter().cloned());
    let mut unmatched: Vec<Unmatched> = Vec::new();
    // What the missing parts would have met is not known.
    let candidates = ends.iter().filter(|_| problems.is_empty()).flat_map(|(.., unmatched)| *unmatched);
    for entry in candidates {
        if !unmatched.contains(entry) && crate::run::is_still_unmatched(entry, &summary) {
            unmatched.push(entry.clone());
        }
    }
    let end = Event::RunFinished {
        // They ran beside each other.
        duration_ms: ends.iter().map(|end| end.0).max().unwrap_or(0),
        interrupted: ends.iter().any(|end| end.1),
        started: ends.iter().map(|end| end.2).sum(),
        unmatched,
    };
    let mut added: HashSet<&str> = HashSet::new();
    let about = summary.run.as_ref();
    let known = |target: &str| about.is_some_and(|run| run.targets.iter().any(|info| info.target == target));
    let afterwards = parts.iter().flat_map(|part| &part.events).filter(|event| match event {
        Event::TargetAdded(info) => !known(&info.target) && added.insert(&info.target),
        Event::Confirmed(_) | Event::Bundled(_) => true,
        _ => false,
    });
    (end, afterwards.cloned().collect())
}

#[cfg(test)]
mod tests;
