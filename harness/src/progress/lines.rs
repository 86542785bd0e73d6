//! The words in which a run tells what it is doing. Pure.

use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};

use super::screen::Paint;
use super::tally::{Counts, Tally};
use crate::events::Event;
use crate::report::text::seconds;
use crate::run::{Running, Share};
use crate::verdict::Weight;

/// The most findings that are told as they are found; the report has all of them.
const FINDINGS_TOLD_MAX: u64 = 100;
/// The most running tests of one binary that are named.
const TESTS_NAMED_MAX: usize = 3;
/// The most running guests that are named in one line of a log.
const GUESTS_NAMED_MAX: usize = 2;

const BAD: Style = AnsiColor::Red.on_default().bold();
const WARN: Style = AnsiColor::Yellow.on_default().bold();

/// What is said at once of an event.
pub(super) fn of_event(event: &Event, tally: &Tally, paint: Paint) -> Option<String> {
    match event {
        Event::RunStarted(run) => {
            let rustc = run.rustc.as_deref().unwrap_or("no rustc needed");
            let targets = count(run.targets.len() as u64, "target");
            let shard = run.shard.map_or(String::new(), |shard| format!(", shard {shard}"));
            Some(format!("run {} on {} ({rustc}), {targets}{shard}", run.run, run.host))
        }
        Event::BuildStarted { suite, what } => Some(format!("build {suite}: {what}")),
        Event::BuildFinished { suite, duration_ms, failures } => {
            let failed = match failures.len() {
                0 => String::new(),
                count => format!(", {count} failed"),
            };
            Some(format!("built {suite} in {}{failed}", seconds(*duration_ms)))
        }
        Event::Cell(cell) if cell.verdict.weight() == Weight::Finding => {
            let finding = paint.word(BAD, cell.verdict.name());
            match tally.all.findings {
                0..=FINDINGS_TOLD_MAX => {
                    Some(format!("{finding}  {}::{} on {}", cell.suite, cell.case, cell.target))
                }
                number if number == FINDINGS_TOLD_MAX + 1 => {
                    Some("further findings are counted here and told in the report".to_owned())
                }
                _ => None,
            }
        }
        Event::Cell(_)
        | Event::Observed(_)
        | Event::NotRun(_)
        | Event::TargetAdded(_)
        | Event::Confirmed(_)
        | Event::Bundled(_)
        | Event::RunFinished { .. } => None,
    }
}

/// `SLOW [> 20 s] c::hang on s390x-unknown-linux-gnu`: how long a guest has been running, in whole periods.
pub(super) fn slow(guest: &Running, periods: u32, tests: &[String], paint: Paint) -> String {
    let elapsed = crate::run::slow_period(guest.deadline).saturating_mul(periods);
    format!("{} [> {}] {}{}", paint.word(WARN, "SLOW"), short(elapsed), guest.name(), doing(guest, tests))
}

/// The first line below what was said: time, counts, what is being built.
pub(super) fn head(elapsed: Duration, tally: &Tally, total: Share, now: Instant) -> String {
    let mut parts = vec![counts(tally, total)];
    parts.extend(building(tally, now));
    format!("{}  {}", short(elapsed), parts.join(", "))
}

/// A running guest in one line.
pub(super) fn row(guest: &Running, now: Instant) -> String {
    let elapsed = now.saturating_duration_since(guest.since);
    format!("{:>9}  {}{}", short(elapsed), guest.name(), doing(guest, &[]))
}

/// A line of a log that says that the run goes on.
pub(super) fn status(
    elapsed: Duration,
    tally: &Tally,
    total: Share,
    running: &[Running],
    now: Instant,
) -> String {
    let mut text = head(elapsed, tally, total, now);
    let named = running
        .iter()
        .take(GUESTS_NAMED_MAX)
        .map(|guest| format!("{} for {}", guest.name(), short(now.saturating_duration_since(guest.since))));
    let named: Vec<String> = named.collect();
    if !named.is_empty() {
        text.push_str(&format!("; running {}", named.join(", ")));
        if running.len() > named.len() {
            text.push_str(&format!(" and {} more", running.len() - named.len()));
        }
    }
    text
}

/// What is known of a running guest, when somebody asks.
pub(super) fn running(guest: &Running, tests: &[String], now: Instant) -> Vec<String> {
    let elapsed = now.saturating_duration_since(guest.since);
    let left = guest.deadline.saturating_sub(elapsed);
    let what = doing(guest, tests);
    vec![format!("{:>9}  {}{what}, {} left", short(elapsed), guest.name(), short(left))]
}

/// A suite that is over on a target.
pub(super) fn finished(suite: &str, target: Option<&str>, counts: Counts) -> String {
    let place = target.map_or_else(|| "natively".to_owned(), |target| format!("on {target}"));
    let mut text = format!("done {suite} {place}: {}", count(counts.cells, "cell"));
    text.push_str(&format!(", {}", count(counts.findings, "finding")));
    if counts.not_run > 0 {
        text.push_str(&format!(", {} not compared", counts.not_run));
    }
    text
}

fn counts(tally: &Tally, total: Share) -> String {
    let mut text = String::new();
    if total.planned > 0 {
        text.push_str(&format!("{}/{} runs, ", total.done, total.planned));
    }
    let Counts { cells, findings, .. } = tally.all;
    text.push_str(&format!("{} compared, {}", count(cells, "cell"), count(findings, "finding")));
    text
}

fn building(tally: &Tally, now: Instant) -> Option<String> {
    let named = tally
        .building
        .iter()
        .map(|(suite, since)| format!("{suite} for {}", short(now.saturating_duration_since(*since))));
    let named: Vec<String> = named.collect();
    (!named.is_empty()).then(|| format!("building {}", named.join(" and ")))
}

/// `: tests (a, b and 2 more)`.
fn doing(guest: &Running, tests: &[String]) -> String {
    let stage = if guest.stage.is_empty() { String::new() } else { format!(": {}", guest.stage) };
    let named = tests.iter().take(TESTS_NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    match tests.len() {
        0 => stage,
        number if number > TESTS_NAMED_MAX => {
            format!("{stage} ({named} and {} more)", number - TESTS_NAMED_MAX)
        }
        _ => format!("{stage} ({named})"),
    }
}

fn count(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Whole seconds: what is shown while it grows needs no more.
fn short(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Cell;
    use crate::verdict::Verdict;

    const S390X: &str = "s390x-unknown-linux-gnu";

    fn guest(stage: &str, since: Instant) -> Running {
        Running {
            number: 0,
            suite: "unit".into(),
            case: "codec".into(),
            target: Some(S390X.into()),
            stage: stage.into(),
            since,
            deadline: Duration::from_secs(300),
            records: None,
        }
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_slow_guest_is_told_with_its_time_and_the_tests_that_are_running() {
        let guest = guest("tests", Instant::now());
        assert_eq!(
            slow(&guest, 1, &names(&["a", "b"]), Paint::none()),
            format!("SLOW [> 1 min 40 s] unit::codec on {S390X}: tests (a, b)")
        );
        assert_eq!(
            slow(&guest, 2, &names(&["a", "b", "c", "d", "e"]), Paint::none()),
            format!("SLOW [> 3 min 20 s] unit::codec on {S390X}: tests (a, b, c and 2 more)")
        );
    }

    #[test]
    fn a_line_of_a_log_has_time_counts_builds_and_who_is_running() {
        let begun = Instant::now();
        let now = begun + Duration::from_secs(72);
        let mut tally = Tally::default();
        tally.apply(&Event::BuildStarted { suite: "c".into(), what: String::new() }, begun);
        tally.apply(&Event::Cell(Cell::example("codec", S390X, Verdict::Same)), begun);
        tally.apply(&Event::Cell(Cell::example("codec", S390X, Verdict::CrossFail)), begun);
        let running = [guest("", begun), guest("", begun), guest("", begun)];
        assert_eq!(
            status(Duration::from_secs(72), &tally, Share { planned: 40, done: 12 }, &running, now),
            format!(
                "1 min 12 s  12/40 runs, 2 cells compared, 1 finding, building c for 1 min 12 s; \
                 running unit::codec on {S390X} for 1 min 12 s, unit::codec on {S390X} for 1 min 12 s and 1 more"
            )
        );
    }

    #[test]
    fn who_asks_hears_of_the_time_that_is_left() {
        let begun = Instant::now();
        assert_eq!(
            running(&guest("try 2", begun), &[], begun + Duration::from_secs(31)),
            [format!("     31 s  unit::codec on {S390X}: try 2, 4 min 29 s left")]
        );
    }

    #[test]
    fn a_flood_of_findings_is_cut_off_and_that_is_said() {
        let mut tally = Tally::default();
        let event = Event::Cell(Cell::example("codec", S390X, Verdict::Differs));
        let told: Vec<String> = (0..200)
            .filter_map(|_| {
                tally.apply(&event, Instant::now());
                of_event(&event, &tally, Paint::none())
            })
            .collect();
        assert_eq!(told.len(), 101);
        assert_eq!(told[0], format!("differs  unit::codec on {S390X}"));
        assert!(told[100].starts_with("further findings"), "{}", told[100]);
    }

    #[test]
    fn a_suite_that_is_over_on_a_target_is_one_line() {
        let counts = Counts { cells: 40, findings: 1, not_run: 2 };
        assert_eq!(
            finished("unit", Some(S390X), counts),
            format!("done unit on {S390X}: 40 cells, 1 finding, 2 not compared")
        );
    }
}
