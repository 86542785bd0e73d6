//! The coordinator's way to the cache: which results need not be found again, and which are kept.

use std::collections::HashMap;
use std::path::Path;

use super::Run;
use super::cache::{Cache, Entry};
use super::cell::Starter;
use super::guests::Guest;
use super::keys;
use crate::events::{Cell, Event, NotRun};
use crate::plan::PlannedTarget;
use crate::verdict::Weight;

/// A guest's case on a target, by position in the lists of the run.
pub(super) type Place = (usize, usize, usize);

/// The cache, and what keys are made from.
pub(super) struct Cached<'a> {
    pub(super) cache: Cache,
    pub(super) starter: &'a Starter<'a>,
    pub(super) host: &'a PlannedTarget,
}

/// The keys of what is being run, under which it will be kept.
pub(super) type Keys = HashMap<Place, keys::Pair>;

impl Cached<'_> {
    /// What an earlier run recorded of this, if nothing that it depends on has changed. Where there is nothing, the key is
    /// noted for what is going to be found.
    pub(super) fn find(
        &self,
        run: &Run<'_>,
        guest: &Guest,
        sides: &keys::Sides<'_>,
        place: Place,
        keys: &mut Keys,
    ) -> Option<Entry> {
        run.cache.as_ref()?;
        let case = &guest.cases[place.1];
        let key = keys::key(run, self.starter, guest, case, sides)?;
        let entry = self.cache.get(key.whole).cloned();
        if entry.is_none() {
            keys.insert(place, key);
        }
        entry
    }

    /// Whether an earlier run may have found something with this very native side: then it is not worth running before
    /// some target is known to need it.
    pub(super) fn may_know(&self, run: &Run<'_>, guest: &Guest, case: usize, native: &Path) -> bool {
        run.cache.is_some()
            && keys::native(run, self.starter, self.host, guest, &guest.cases[case], native)
                .is_some_and(|key| self.cache.knows_native(key))
    }
}

/// Whether what was recorded may be believed again: all is as it should be.
pub(super) fn is_good(events: &[Event]) -> bool {
    events.iter().all(|event| match event {
        Event::Cell(cell) => cell.verdict.weight() == Weight::Good,
        Event::NotRun(not_run) => not_run.declared || not_run.verdict != crate::verdict::Verdict::NotRun,
        _ => false,
    })
}

/// The entry of what was recorded.
pub(super) fn entry(events: &[Event]) -> Entry {
    let mut entry = Entry::default();
    for event in events {
        match event {
            Event::Cell(cell) => entry.cells.push(Cell { unchanged: true, ..cell.clone() }),
            Event::NotRun(not_run) => entry.not_run.push(NotRun::clone(not_run)),
            _ => {}
        }
    }
    entry
}
