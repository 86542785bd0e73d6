//! Who is running now, and how much of what is planned is done: written by workers and the coordinator, read by whoever
//! watches the run. Nothing in it is a result, and nothing waits on it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The board of one run.
#[derive(Debug, Default)]
pub struct Board {
    state: Mutex<State>,
    /// Whether native programs ran with the libraries that came with them.
    lent: AtomicBool,
    /// What else is to be said after the run.
    remarks: Mutex<BTreeSet<String>>,
}

#[derive(Debug, Default)]
struct State {
    /// The next number.
    next: u64,
    running: BTreeMap<u64, Running>,
    shares: BTreeMap<(String, Option<String>), Share>,
}

/// A guest that is running.
#[derive(Debug, Clone)]
pub struct Running {
    /// Unique within the run, and larger for who began later.
    pub number: u64,
    /// The suite.
    pub suite: String,
    /// The case; empty for the unit tests of a library.
    pub case: String,
    /// The target, `None` natively.
    pub target: Option<String>,
    /// What is being done: `tests`, `try 2`, the name of a test that runs alone. Empty for a program.
    pub stage: String,
    /// Since when.
    pub since: Instant,
    /// When it counts as hung.
    pub deadline: Duration,
    /// Where its standard output is written as it comes, if that tells which tests are running.
    pub records: Option<PathBuf>,
}

/// How much of one suite on one target is done, in runs of programs and test binaries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// What is to be run.
    pub planned: u64,
    /// Of that, what has been.
    pub done: u64,
}

/// Whose guest is started, and what it does there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Label<'a> {
    pub(crate) suite: &'a str,
    pub(crate) case: &'a str,
    /// `None` natively.
    pub(crate) target: Option<&'a str>,
    /// Which try it is, or which round of a stress run.
    pub(crate) number: u32,
    pub(crate) doing: Doing<'a>,
}

/// What a guest does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Doing<'a> {
    /// It is a program and runs.
    Program,
    /// It runs tests.
    Tests,
    /// It runs this test alone.
    Test(&'a str),
    /// It lists its tests.
    List,
    /// It is cargo and runs documentation tests.
    Documentation,
}

/// A guest's place on the board; it is gone when this is dropped.
#[derive(Debug)]
pub(crate) struct Seat<'a> {
    board: &'a Board,
    number: u64,
}

impl Board {
    /// Notes that a native program ran with the libraries that came with it, because the host's did not suit it.
    pub(crate) fn lend(&self) {
        self.lent.store(true, Ordering::Relaxed);
    }

    /// Whether one did.
    pub fn has_lent(&self) -> bool {
        self.lent.load(Ordering::Relaxed)
    }

    /// Notes a sentence that is no result, to be said after the run.
    pub(crate) fn remark(&self, text: String) {
        self.remarks.lock().unwrap_or_else(PoisonError::into_inner).insert(text);
    }

    /// What was noted.
    pub fn remarks(&self) -> Vec<String> {
        self.remarks.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Puts a guest on the board, its number given here.
    pub(crate) fn sit(&self, running: Running) -> Seat<'_> {
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        state.running.insert(number, Running { number, ..running });
        Seat { board: self, number }
    }

    /// One more run is to be made.
    pub(crate) fn plan(&self, suite: &str, target: Option<&str>) {
        self.share(suite, target, |share| share.planned += 1);
    }

    /// One that was planned is done, or will not be made.
    pub(crate) fn done(&self, suite: &str, target: Option<&str>) {
        self.share(suite, target, |share| share.done += 1);
    }

    /// Who is running, the longest first.
    pub fn running(&self) -> Vec<Running> {
        self.lock().running.values().cloned().collect()
    }

    /// All shares together.
    pub fn total(&self) -> Share {
        self.lock().shares.values().fold(Share::default(), |sum, share| Share {
            planned: sum.planned + share.planned,
            done: sum.done + share.done,
        })
    }

    /// The share of one suite on one target.
    pub fn share_of(&self, suite: &str, target: Option<&str>) -> Share {
        let key = (suite.to_owned(), target.map(str::to_owned));
        self.lock().shares.get(&key).copied().unwrap_or_default()
    }

    /// The suites and targets of which everything is done, in a fixed order.
    pub fn finished(&self) -> Vec<(String, Option<String>)> {
        let state = self.lock();
        let whole = state.shares.iter().filter(|(_, share)| share.done >= share.planned);
        whole.map(|(key, _)| key.clone()).collect()
    }

    fn share(&self, suite: &str, target: Option<&str>, change: impl FnOnce(&mut Share)) {
        let key = (suite.to_owned(), target.map(str::to_owned));
        change(self.lock().shares.entry(key).or_default());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing is half done while the lock is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    /// `unit::tests on s390x-unknown-linux-gnu`, `unit natively`.
    pub fn name(&self) -> String {
        let case = if self.case.is_empty() { String::new() } else { format!("::{}", self.case) };
        let place = match &self.target {
            Some(target) => format!("on {target}"),
            None => "natively".to_owned(),
        };
        format!("{}{case} {place}", self.suite)
    }

    /// The tests that have begun and not ended, if it tells.
    pub fn tests(&self) -> Vec<String> {
        let text = self.records.as_ref().and_then(|path| std::fs::read(path).ok());
        text.and_then(|text| crate::libtest::parse_json(&text)).map_or_else(Vec::new, |run| run.unfinished)
    }
}

impl Label<'_> {
    /// A guest of this label that starts now.
    pub(crate) fn running(&self, deadline: Duration, stdout: &Path) -> Running {
        let doing = match self.doing {
            Doing::Program => None,
            Doing::Tests => Some("tests".to_owned()),
            Doing::Test(name) => Some(format!("{name} alone")),
            Doing::List => Some("list of tests".to_owned()),
            Doing::Documentation => Some("documentation tests".to_owned()),
        };
        let number = (self.number > 1).then(|| format!("run {}", self.number));
        let stage = number.into_iter().chain(doing).collect::<Vec<_>>().join(", ");
        Running {
            number: 0,
            suite: self.suite.to_owned(),
            case: self.case.to_owned(),
            target: self.target.map(str::to_owned),
            stage,
            since: Instant::now(),
            deadline,
            records: matches!(self.doing, Doing::Tests).then(|| stdout.to_owned()),
        }
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.board.lock().running.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running(case: &str, target: Option<&str>) -> Running {
        Running {
            number: 0,
            suite: "unit".into(),
            case: case.into(),
            target: target.map(str::to_owned),
            stage: String::new(),
            since: Instant::now(),
            deadline: Duration::from_secs(60),
            records: None,
        }
    }

    #[test]
    fn a_guest_is_on_the_board_as_long_as_it_runs() {
        let board = Board::default();
        let first = board.sit(running("a", Some("s390x-unknown-linux-gnu")));
        let second = board.sit(running("", None));
        let names: Vec<String> = board.running().iter().map(Running::name).collect();
        assert_eq!(names, ["unit::a on s390x-unknown-linux-gnu", "unit natively"]);
        drop(first);
        assert_eq!(board.running().len(), 1);
        drop(second);
        assert!(board.running().is_empty());
    }

    #[test]
    fn what_is_done_is_counted_by_suite_and_target() {
        let board = Board::default();
        board.plan("unit", None);
        board.plan("unit", Some("a"));
        board.plan("unit", Some("a"));
        board.done("unit", None);
        board.done("unit", Some("a"));
        assert_eq!(board.total(), Share { planned: 3, done: 2 });
        assert_eq!(board.share_of("unit", Some("a")), Share { planned: 2, done: 1 });
        assert_eq!(board.finished(), [("unit".to_owned(), None)]);
    }

    #[test]
    fn a_test_binary_tells_which_tests_are_running() {
        let dir = tempfile::tempdir().unwrap();
        let records = dir.path().join("stdout");
        let begun =
            |name: &str| format!("{{ \"type\": \"test\", \"event\": \"started\", \"name\": \"{name}\" }}\n");
        let text = format!(
            "{{ \"type\": \"suite\", \"event\": \"started\", \"test_count\": 2 }}\n{}{}{{ \"type\": \"test\", \"name\": \"a\", \"event\": \"ok\" }}\n",
            begun("a"),
            begun("b")
        );
        std::fs::write(&records, text).unwrap();
        assert_eq!(Running { records: Some(records), ..running("", None) }.tests(), ["b"]);
        assert!(running("", None).tests().is_empty());
    }
}
