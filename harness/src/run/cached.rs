//! The coordinator's way to the cache: which results need not be found again, and which are kept.

use std::collections::HashMap;

use super::Run;
use super::cache::{Cache, Entry, Key};
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
pub(super) type Keys = HashMap<Place, Key>;

impl Cached<'_> {
    /// What an earlier run recorded of this, if nothing that it depends on has changed. Where there is nothing, the key is
    /// noted for what is going to be found.
    pub(super) fn find(
        &self,
        run: &Run<'_>,
        guest: &Guest,
        (place, planned): (Place, &PlannedTarget),
        keys: &mut Keys,
    ) -> Option<Entry> {
        run.cache.as_ref()?;
        let key = keys::key(run, self.starter, self.host, planned, guest, &guest.cases[place.1])?;
        let entry = self.cache.get(key).cloned();
        if entry.is_none() {
            keys.insert(place, key);
        }
        entry
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
