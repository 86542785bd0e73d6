//! A test binary that is run in several processes, and what they came to together.
//!
//! What is surprising: where pieces do not simply add up, the binary is run again as a whole, and only that counts. A test
//! that fails in a piece and passes alone may have met another piece of its own binary, which is our doing and no finding;
//! and a piece that tells nothing of tests says nothing of the others.

use std::sync::{Arc, Mutex, PoisonError};

use super::schedule::{Done, Task};
use super::spread::{self, Piece, Threads, Work};
use super::tests_batch::Tests;
use crate::error::Result;

/// What makes a task a part of another.
#[derive(Clone)]
pub(super) struct Part {
    /// Words that choose its tests.
    pub(super) words: Vec<String>,
    gathering: Arc<Gathering>,
}

/// The results of the parts so far.
struct Gathering {
    whole: Task,
    expected: usize,
    results: Mutex<Vec<Result<Done>>>,
}

/// What all parts came to.
pub(super) enum Together {
    /// They add up.
    Whole(Box<Result<Done>>),
    /// They do not: the binary has to be run as a whole.
    Again,
}

/// The parts of a task: one for each piece, and one for all other tests.
pub(super) fn split(task: &Task, pieces: &[Piece]) -> Vec<Task> {
    let (expected, results) = (pieces.len() + 1, Mutex::default());
    let gathering = Arc::new(Gathering { whole: task.clone(), expected, results });
    let apart: u64 = pieces.iter().map(|piece| piece.ms).sum();
    let rest = (spread::all_but(pieces), task.work.ms.unwrap_or(0).saturating_sub(apart));
    let words = pieces.iter().map(|piece| (spread::only(&piece.names), piece.ms));
    let parts = words.chain(std::iter::once(rest)).map(|(words, ms)| Task {
        part: Some(Part { words, gathering: gathering.clone() }),
        work: Work { ms: Some(ms), threads: Threads::One, ..Work::default() },
        ..task.clone()
    });
    parts.collect()
}

impl Part {
    /// Takes the result of this part; the whole task and what all parts came to, if it was the last one.
    pub(super) fn ended(&self, result: Result<Done>) -> Option<(Task, Together)> {
        let mut results = self.gathering.results.lock().unwrap_or_else(PoisonError::into_inner);
        results.push(result);
        let all = results.len() == self.gathering.expected;
        all.then(|| (self.gathering.whole.clone(), together(std::mem::take(&mut *results))))
    }
}

fn together(results: Vec<Result<Done>>) -> Together {
    let mut whole = Tests::default();
    for result in results {
        match result {
            Ok(Done::Tests(tests)) if tests.only_in_company.is_empty() => add(&mut whole, tests),
            Ok(Done::Tests(_) | Done::Program(..) | Done::Blocked(_)) => return Together::Again,
            Err(error) => return Together::Whole(Box::new(Err(error))),
        }
    }
    Together::Whole(Box::new(Ok(Done::Tests(whole))))
}

fn add(whole: &mut Tests, tests: Tests) {
    let Tests {
        outcomes,
        durations_ms,
        only_in_company,
        unconfirmed,
        timed_out,
        lost,
        blocked,
        kinds,
        bad_ends,
        wall,
        kind,
    } = tests;
    whole.outcomes.extend(outcomes);
    whole.durations_ms.extend(durations_ms);
    whole.only_in_company.extend(only_in_company);
    whole.unconfirmed.extend(unconfirmed);
    whole.timed_out.extend(timed_out);
    whole.lost.extend(lost);
    whole.blocked.extend(blocked);
    whole.kinds.extend(kinds);
    whole.bad_ends.extend(bad_ends);
    whole.wall += wall;
    whole.kind = whole.kind.or(kind);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::libtest::TestOutcome;
    use crate::run::Blocked;

    fn tests(names: &[&str]) -> Tests {
        let outcomes = names.iter().map(|name| ((*name).to_owned(), TestOutcome::Passed)).collect();
        Tests { outcomes, wall: Duration::from_secs(1), ..Tests::default() }
    }

    fn parts() -> Vec<Task> {
        let pieces = [Piece { names: vec!["long".into()], ms: 700 }];
        let work = Work { ms: Some(1000), ..Work::default() };
        split(&Task { work, ..Task::for_tests() }, &pieces)
    }

    #[test]
    fn every_test_is_in_one_part() {
        let parts = parts();
        let words: Vec<&[String]> =
            parts.iter().map(|part| part.part.as_ref().unwrap().words.as_slice()).collect();
        assert_eq!(words, [&["--exact", "long"][..], &["--exact", "--skip", "long"][..]]);
        assert_eq!(parts.iter().map(|part| part.work.ms.unwrap()).collect::<Vec<_>>(), [700, 300]);
    }

    #[test]
    fn the_last_part_brings_what_all_came_to() {
        let parts = parts();
        let part = |index: usize| parts[index].part.as_ref().unwrap();
        assert!(part(1).ended(Ok(Done::Tests(tests(&["a", "b"])))).is_none());
        let last = part(0).ended(Ok(Done::Tests(tests(&["long"]))));
        let Some((task, Together::Whole(whole))) = last else { panic!("they add up") };
        let Ok(Done::Tests(whole)) = *whole else { panic!("they have outcomes") };
        assert!(
            task.part.is_none() && task.work.ms == Some(1000),
            "the whole task is what has come to its end"
        );
        assert_eq!(whole.outcomes.keys().collect::<Vec<_>>(), ["a", "b", "long"]);
        assert_eq!(whole.wall, Duration::from_secs(2));
    }

    #[test]
    fn what_does_not_add_up_is_run_as_a_whole() {
        let company = Tests { only_in_company: ["a".to_owned()].into(), ..tests(&["a"]) };
        let blocked = Blocked { reason: "no".into(), fix: None };
        for odd in [Done::Tests(company), Done::Blocked(blocked)] {
            let parts = parts();
            let part = |index: usize| parts[index].part.as_ref().unwrap();
            assert!(part(0).ended(Ok(Done::Tests(tests(&["long"])))).is_none());
            assert!(matches!(part(1).ended(Ok(odd)), Some((_, Together::Again))));
        }
    }
}
