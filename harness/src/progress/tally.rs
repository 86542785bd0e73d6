//! What the events of a run amount to so far, as far as it is shown. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use crate::events::Event;
use crate::run::Share;
use crate::verdict::Weight;

/// Counts of cells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) cells: u64,
    pub(super) findings: u64,
    pub(super) not_run: u64,
}

#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) all: Counts,
    pub(super) natives: u64,
    /// Suites that are being built, and since when.
    pub(super) building: Vec<(String, Instant)>,
    by_place: BTreeMap<(String, String), Counts>,
    /// What has been told to be finished.
    told: BTreeSet<(String, Option<String>)>,
}

impl Tally {
    pub(super) fn apply(&mut self, event: &Event, now: Instant) {
        match event {
            Event::BuildStarted { suite, .. } => self.building.push((suite.clone(), now)),
            Event::BuildFinished { suite, .. } => self.building.retain(|(building, _)| building != suite),
            Event::Observed(_) => self.natives += 1,
            Event::Cell(cell) => {
                let finding = u64::from(cell.verdict.weight() == Weight::Finding);
                for counts in [&mut self.all, by_place(&mut self.by_place, &cell.suite, &cell.target)] {
                    counts.cells += 1;
                    counts.findings += finding;
                }
            }
            Event::NotRun(not_run) => {
                for counts in [&mut self.all, by_place(&mut self.by_place, &not_run.suite, &not_run.target)] {
                    counts.not_run += 1;
                }
            }
            Event::RunStarted(_)
            | Event::TargetAdded(_)
            | Event::Confirmed(_)
            | Event::Bundled(_)
            | Event::RunFinished { .. } => {}
        }
    }

    /// What a suite on a target came to, the first time that this is asked about one that is not being built any more.
    pub(super) fn take_finished(
        &mut self,
        suite: &str,
        target: Option<&str>,
        share: Share,
    ) -> Option<Counts> {
        let key = (suite.to_owned(), target.map(str::to_owned));
        let grows = self.building.iter().any(|(building, _)| building == suite);
        if grows || share.planned == 0 || !self.told.insert(key) {
            return None;
        }
        let counts = self.by_place.get(&(suite.to_owned(), target?.to_owned()));
        Some(counts.copied().unwrap_or_default())
    }
}

fn by_place<'a>(
    places: &'a mut BTreeMap<(String, String), Counts>,
    suite: &str,
    target: &str,
) -> &'a mut Counts {
    places.entry((suite.to_owned(), target.to_owned())).or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_is_finished_once_and_not_while_it_is_built() {
        let mut tally = Tally::default();
        let whole = Share { planned: 3, done: 3 };
        let started = Event::BuildStarted { suite: "c".into(), what: String::new() };
        let finished = Event::BuildFinished { suite: "c".into(), duration_ms: 1, failures: Vec::new() };
        tally.apply(&started, Instant::now());
        assert_eq!(tally.take_finished("c", Some("s390x"), whole), None);
        tally.apply(&finished, Instant::now());
        assert_eq!(tally.take_finished("c", Some("s390x"), whole), Some(Counts::default()));
        assert_eq!(tally.take_finished("c", Some("s390x"), whole), None, "once");
        assert_eq!(tally.take_finished("c", None, whole), None, "the native side is no result");
        assert_eq!(tally.take_finished("c", Some("i686"), Share::default()), None, "nothing was planned");
    }
}
