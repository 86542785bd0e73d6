//! When something is shown again though nothing has happened: slow guests by their own periods, a line for logs so often
//! that nobody takes the run for dead, a terminal several times a second. Pure.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::run::{Running, slow_period};

/// A terminal shows passing time.
const REDRAW: Duration = Duration::from_millis(200);
/// A log gets its first line of counts after this, and another after so much silence. CI systems end jobs that are
/// silent for ten minutes, and people suspect them after one.
const STATUS_FIRST: Duration = Duration::from_secs(10);
const STATUS_AFTER_SILENCE: Duration = Duration::from_secs(30);
/// A log hears of what has finished so soon.
const LOOK: Duration = Duration::from_secs(2);

pub(super) struct Rhythm {
    terminal: bool,
    begun: Instant,
    /// When the last line was written.
    said: Option<Instant>,
    /// How many periods were told, by guest.
    told: BTreeMap<u64, u32>,
}

impl Rhythm {
    pub(super) fn new(begun: Instant, terminal: bool) -> Self {
        Self { terminal, begun, said: None, told: BTreeMap::new() }
    }

    /// A line was written.
    pub(super) fn said(&mut self, now: Instant) {
        self.said = Some(now);
    }

    /// The guests that have become slow, or slow again, with the number of periods that they have been running for.
    pub(super) fn slow<'a>(&mut self, running: &'a [Running], now: Instant) -> Vec<(&'a Running, u32)> {
        self.told.retain(|number, _| running.iter().any(|guest| guest.number == *number));
        let mut slow = Vec::new();
        for guest in running {
            let periods = periods(guest, now);
            if periods > self.told.get(&guest.number).copied().unwrap_or(0) {
                self.told.insert(guest.number, periods);
                slow.push((guest, periods));
            }
        }
        slow
    }

    /// Whether a log is to hear that the run goes on.
    pub(super) fn is_status_due(&self, now: Instant) -> bool {
        now >= self.status_at()
    }

    fn status_at(&self) -> Instant {
        let first = self.begun + STATUS_FIRST;
        self.said.map_or(first, |said| first.max(said + STATUS_AFTER_SILENCE))
    }

    /// How long until something may be due.
    pub(super) fn next(&self, running: &[Running], now: Instant) -> Duration {
        let regular = if self.terminal { REDRAW } else { LOOK };
        let slow = running.iter().map(|guest| {
            let told = self.told.get(&guest.number).copied().unwrap_or(0);
            let at = guest.since + slow_period(guest.deadline).saturating_mul(told.saturating_add(1));
            at.saturating_duration_since(now)
        });
        slow.fold(regular, Duration::min)
    }
}

fn periods(guest: &Running, now: Instant) -> u32 {
    let elapsed = now.saturating_duration_since(guest.since).as_millis();
    u32::try_from(elapsed / slow_period(guest.deadline).as_millis().max(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest(number: u64, since: Instant) -> Running {
        Running {
            number,
            suite: "c".into(),
            case: "hang".into(),
            target: None,
            stage: String::new(),
            since,
            deadline: Duration::from_secs(60),
            records: None,
        }
    }

    #[test]
    fn a_guest_is_slow_after_each_period_and_told_once_for_each() {
        let begun = Instant::now();
        let mut rhythm = Rhythm::new(begun, false);
        let running = [guest(7, begun)];
        let mut told_at = |seconds| {
            rhythm
                .slow(&running, begun + Duration::from_secs(seconds))
                .iter()
                .map(|(_, n)| *n)
                .collect::<Vec<_>>()
        };
        assert_eq!(told_at(19), [0_u32; 0]);
        assert_eq!(told_at(20), [1]);
        assert_eq!(told_at(21), [0_u32; 0]);
        assert_eq!(told_at(55), [2]);
        assert_eq!(told_at(61), [3]);
    }

    #[test]
    fn a_log_is_never_silent_for_a_minute_and_not_told_twice_what_it_has_just_heard() {
        let begun = Instant::now();
        let mut rhythm = Rhythm::new(begun, false);
        let at = |seconds| begun + Duration::from_secs(seconds);
        assert!(!rhythm.is_status_due(at(9)));
        assert!(rhythm.is_status_due(at(10)));
        rhythm.said(at(10));
        assert!(!rhythm.is_status_due(at(39)));
        assert!(rhythm.is_status_due(at(40)));
        assert!(STATUS_AFTER_SILENCE + LOOK < Duration::from_secs(60));
    }

    #[test]
    fn what_is_due_is_waited_for_and_nothing_else() {
        let begun = Instant::now();
        let rhythm = Rhythm::new(begun, false);
        assert_eq!(rhythm.next(&[], begun), LOOK);
        let nearly = begun + Duration::from_millis(19_500);
        assert_eq!(rhythm.next(&[guest(0, begun)], nearly), Duration::from_millis(500));
        assert_eq!(Rhythm::new(begun, true).next(&[], begun), REDRAW);
    }
}
