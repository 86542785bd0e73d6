//! Tasks that are ready, the longest first, and who may take one. A closed queue ends its workers.
//!
//! What is expected to take longest with all that depends on it goes first, so that it is not what everybody waits for in
//! the end; what nobody has measured goes before that, because it may be the longest. While a build goes on, which uses all
//! processors by itself, half of the workers rest: more would only make guests slow.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::pieces;
use super::schedule::Task;
use super::spread::{Room, Spread, Threads, Work, spread};

/// How much may run at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    /// Guests.
    pub(super) workers: usize,
    /// Processors.
    pub(super) processors: usize,
}

/// Tasks that are ready.
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    size: Size,
}

struct State {
    tasks: BTreeMap<Rank, Task>,
    /// What is made ready where no task is.
    early: Vec<Early>,
    /// What the tasks are expected to cost, as far as that is known.
    tasks_ms: u64,
    pushed: u64,
    closed: bool,
    /// How many tasks are being worked on, and how many may be.
    running: usize,
    running_max: usize,
    /// How many processors they use.
    busy: usize,
}

/// The order of tasks: by length, then as they came.
type Rank = (Reverse<u64>, u64);

/// A target whose programs are there and will be run: whoever has nothing else to do makes its emulator ready, while the
/// native side runs that its own tasks wait for.
pub(super) struct Early {
    /// The position of the target in the plan.
    pub(super) target: usize,
    /// One of its programs.
    pub(super) program: PathBuf,
    /// Whether that needs a kernel of its own machine.
    pub(super) needs_kernel: bool,
}

/// What a worker does next.
pub(super) enum Next {
    Task(Box<Taken>),
    Early(Early),
}

/// A task that a worker has taken.
pub(super) struct Taken {
    pub(super) task: Task,
    /// How many processors it counts for, and how many test threads it gets.
    pub(super) threads: usize,
}

impl Queue {
    /// A queue beside which builds go on.
    pub(super) fn new(size: Size) -> Self {
        let state = State {
            tasks: BTreeMap::new(),
            early: Vec::new(),
            tasks_ms: 0,
            pushed: 0,
            closed: false,
            running: 0,
            running_max: size.workers.div_ceil(2),
            busy: 0,
        };
        Self { state: Mutex::new(state), changed: Condvar::new(), size }
    }

    pub(super) fn push(&self, task: Task) {
        self.state().push(task);
        self.changed.notify_one();
    }

    /// What is done when there is nothing to run.
    pub(super) fn push_early(&self, early: Early) {
        self.state().early.push(early);
        self.changed.notify_one();
    }

    /// From now on all workers work.
    pub(super) fn no_more_builds(&self) {
        self.state().running_max = self.size.workers;
        self.changed.notify_all();
    }

    /// Forgets all that nobody has begun; how much that was. Parts stay: another one of their binary may have been begun.
    pub(super) fn clear(&self) -> usize {
        let mut state = self.state();
        let (parts, forgotten): (BTreeMap<Rank, Task>, _) =
            std::mem::take(&mut state.tasks).into_iter().partition(|(_, task)| task.part.is_some());
        let forgotten: BTreeMap<Rank, Task> = forgotten;
        state.tasks_ms = parts.values().filter_map(|task| task.work.ms).sum();
        state.tasks = parts;
        state.early.clear();
        forgotten.len()
    }

    /// Drops what waits, and ends the workers.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.tasks.clear();
        state.early.clear();
        state.closed = true;
        self.changed.notify_all();
    }

    /// What is to be done next; waits for it. `None` when there will be no more.
    pub(super) fn next(&self) -> Option<Next> {
        let rests = |state: &mut State| {
            let nothing = state.tasks.is_empty() && state.early.is_empty();
            !state.closed && (nothing || state.running >= state.running_max)
        };
        let mut state = self.changed.wait_while(self.state(), rests).unwrap_or_else(PoisonError::into_inner);
        let Some(task) = state.pop() else {
            let early = state.early.pop()?;
            state.running += 1;
            state.busy += 1;
            return Some(Next::Early(early));
        };
        // Tests that are run again are run alone anyway.
        let choice = if task.only.is_empty() {
            spread(&task.work, self.room(&state))
        } else {
            Spread::Whole { threads: 1 }
        };
        let (task, threads) = match choice {
            Spread::Whole { threads } => (task, threads),
            Spread::Split(found) => {
                let mut parts = pieces::split(&task, &found);
                let first = parts.remove(0);
                for part in parts {
                    state.push(part);
                }
                self.changed.notify_all();
                (first, 1)
            }
        };
        state.running += 1;
        state.busy += threads;
        Some(Next::Task(Box::new(Taken { task, threads })))
    }

    /// Says that what was taken has come to its end; `threads` is 1 where it was no task.
    pub(super) fn ended(&self, threads: usize) {
        let mut state = self.state();
        state.running -= 1;
        state.busy -= threads;
        self.changed.notify_one();
    }

    fn room(&self, state: &State) -> Room {
        let building = state.running_max < self.size.workers;
        let processors = if building { state.running_max } else { self.size.processors };
        Room {
            free: processors.saturating_sub(state.busy),
            lanes: state.running_max.min(processors),
            idle: state.running_max.saturating_sub(state.running + 1),
            waiting: state.tasks.len(),
            waiting_ms: state.tasks_ms,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn push(&mut self, task: Task) {
        self.tasks_ms += task.work.ms.unwrap_or(0);
        self.pushed += 1;
        self.tasks.insert((Reverse(urgency(&task.work)), self.pushed), task);
    }

    fn pop(&mut self) -> Option<Task> {
        let (_, task) = self.tasks.pop_first()?;
        self.tasks_ms -= task.work.ms.unwrap_or(0);
        Some(task)
    }
}

/// How long it takes until a task and what depends on it are done.
fn urgency(work: &Work) -> u64 {
    work.ms.map_or(u64::MAX, |ms| ms + work.then_ms)
}

impl Threads {
    /// The variable by which libtest is told, where that is ours to decide.
    pub(super) fn variable(self, threads: usize) -> Option<(String, String)> {
        match self {
            Threads::NotOurs => None,
            Threads::Ours | Threads::One => Some(("RUST_TEST_THREADS".to_owned(), threads.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(name: usize, ms: Option<u64>, then_ms: u64) -> Task {
        Task { place: (name, 0), work: Work { ms, then_ms, ..Work::default() }, ..Task::for_tests() }
    }

    fn queue(tasks: Vec<Task>) -> Queue {
        let queue = Queue::new(Size { workers: 2, processors: 2 });
        for task in tasks {
            queue.push(task);
        }
        queue
    }

    fn next(queue: &Queue) -> Taken {
        match queue.next() {
            Some(Next::Task(taken)) => *taken,
            Some(Next::Early(_)) | None => panic!("there is no task"),
        }
    }

    fn order(queue: &Queue) -> Vec<usize> {
        queue.no_more_builds();
        let mut names = Vec::new();
        while !queue.state().tasks.is_empty() {
            let taken = next(queue);
            names.push(taken.task.place.0);
            queue.ended(taken.threads);
        }
        names
    }

    #[test]
    fn the_longest_goes_first_and_what_is_unknown_before_it() {
        let queue =
            queue(vec![task(0, Some(5), 0), task(1, Some(900), 0), task(2, None, 0), task(3, None, 0)]);
        assert_eq!(order(&queue), [2, 3, 1, 0]);
    }

    #[test]
    fn a_native_side_counts_for_what_depends_on_it_and_a_long_target_is_not_delayed_by_short_ones() {
        let long_target = task(0, Some(30_000), 0);
        let (native_of_long, native_of_short) = (task(1, Some(100), 40_000), task(2, Some(500), 900));
        assert_eq!(order(&queue(vec![native_of_short, long_target, native_of_long])), [1, 0, 2]);
    }

    #[test]
    fn half_of_the_workers_rest_while_something_is_built() {
        let queue = queue(vec![task(0, None, 0), task(1, None, 0)]);
        let first = next(&queue);
        {
            let state = queue.state();
            assert!(state.running >= state.running_max, "a second worker would wait");
        }
        queue.ended(first.threads);
        assert_eq!(next(&queue).task.place.0, 1);
    }

    #[test]
    fn what_nobody_has_begun_is_forgotten_but_for_parts_of_what_somebody_has() {
        let tests: Vec<(String, u64)> = ["a", "b"].map(|name| (name.to_owned(), 5000)).into();
        let work = Work { ms: Some(10_000), tests, splits: true, threads: Threads::One, then_ms: 0 };
        let queue = queue(vec![Task { work, ..Task::for_tests() }, task(1, Some(5), 0)]);
        queue.no_more_builds();
        assert!(next(&queue).task.part.is_some(), "it is split");
        queue.push_early(Early { target: 0, program: PathBuf::new(), needs_kernel: false });
        assert_eq!(queue.clear(), 1);
        assert!(next(&queue).task.part.is_some(), "its other part is run");
        assert!(queue.state().early.is_empty(), "no emulator is made ready for nothing");
    }

    #[test]
    fn emulators_are_made_ready_by_those_who_have_nothing_to_run() {
        let queue = queue(vec![task(0, None, 0)]);
        queue.push_early(Early { target: 7, program: PathBuf::new(), needs_kernel: false });
        queue.no_more_builds();
        assert_eq!(next(&queue).task.place.0, 0);
        assert!(matches!(queue.next(), Some(Next::Early(Early { target: 7, .. }))));
    }

    #[test]
    fn a_closed_queue_gives_nothing_more() {
        let queue = queue(vec![task(0, None, 0)]);
        queue.close();
        assert!(queue.next().is_none());
    }
}
