//! The pool: workers run guests, one coordinator decides what is run next and compares. Every wait is on a
//! channel or a condition; nothing polls.

use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};
use std::time::Duration;

use triplecheck_emulators::launch::Kind;
use triplecheck_emulators::lookup::Options;

use super::cache::Cache;
use super::cached::Cached;
use super::cell::{Start, Started, Starter};
use super::coordinate::Coordinator;
use super::doc_tests;
use super::guests::{Guest, Guests};
use super::tests_batch::{self, Batch, Tests};
use super::{Blocked, Recorder, Run};
use crate::build::ProgramKind;
use crate::error::Result;
use crate::observation::Observation;
use crate::plan::PlannedTarget;

/// Why a procedural macro's tests are run for no target.
pub(super) const HOST_ONLY: &str = "a procedural macro is part of the compiler, which runs on the host only";

/// One run of one case.
pub(super) struct Task {
    pub(super) guest: usize,
    pub(super) case: usize,
    /// `None` for the native side.
    pub(super) target: Option<usize>,
    pub(super) deadline: Duration,
    /// The tests that passed natively.
    pub(super) passed_natively: Option<Arc<BTreeSet<String>>>,
}

/// What a task came to.
pub(super) enum Done {
    Program(Box<Observation>, Kind),
    Tests(Tests),
    Blocked(Blocked),
}

/// Runs all cases of all guests; how many were started.
pub(super) fn schedule(
    run: &Run<'_>,
    guests: &Guests,
    built: &[Guest],
    recorder: &mut Recorder<'_>,
) -> Result<u64> {
    let starter = Starter::new(run)?;
    let cache = run.cache.as_deref().map_or_else(|| Ok(Cache::none()), Cache::open)?;
    let queue = Queue::default();
    let (sender, results) = mpsc::channel();
    let host = PlannedTarget {
        target: guests.host.clone(),
        options: Options::default(),
        env: Vec::new(),
        timeout: None,
    };
    let outcome = std::thread::scope(|scope| {
        for _ in 0..run.jobs.max(1) {
            let (sender, queue, starter, host) = (sender.clone(), &queue, &starter, &host);
            scope.spawn(move || {
                while let Some(task) = queue.next() {
                    let result = execute(run, starter, host, built, &task);
                    // The coordinator outlives the workers, unless it has given up already.
                    let _ = sender.send((task, result));
                }
            });
        }
        let cached = Cached { cache, starter: &starter, host: &host };
        let outcome = Coordinator::new(run, guests, built, recorder, &queue, cached).coordinate(&results);
        queue.close();
        outcome
    });
    let count = starter.started();
    starter.finish()?;
    outcome.map(|()| count)
}

/// Tasks that are ready; a closed queue ends its workers.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<(std::collections::VecDeque<Task>, bool)>,
    changed: Condvar,
}

impl Queue {
    pub(super) fn push(&self, task: Task) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).0.push_back(task);
        self.changed.notify_one();
    }

    fn close(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.0.clear();
        state.1 = true;
        self.changed.notify_all();
    }

    fn next(&self) -> Option<Task> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self
            .changed
            .wait_while(state, |(tasks, closed)| tasks.is_empty() && !*closed)
            .unwrap_or_else(PoisonError::into_inner);
        state.0.pop_front()
    }
}

/// Runs a task, on a worker.
fn execute(
    run: &Run<'_>,
    starter: &Starter<'_>,
    host: &PlannedTarget,
    built: &[Guest],
    task: &Task,
) -> Result<Done> {
    let guest = &built[task.guest];
    let case = &guest.cases[task.case];
    let planned = task.target.map_or(host, |target| &run.plan.targets[target]);
    let Some(program) = guest.files.get(&planned.target.to_string()) else {
        let reason = "there is no program for this target: it did not build".to_owned();
        return Ok(Done::Blocked(Blocked { reason, fix: None }));
    };
    match &guest.kind {
        ProgramKind::Plain => {
            let words = command_words(run, guest, planned);
            let args: Vec<_> = words.into_iter().chain(case.plan.args.iter().cloned()).collect();
            let start = Start {
                program,
                args: &args,
                env: case.plan.env.clone(),
                stdin: case.plan.stdin.as_deref(),
                files: &case.plan.files,
                dir: None,
                deadline: task.deadline,
            };
            Ok(match starter.start(planned, &start)? {
                Started::Ran(observation, kind) => Done::Program(observation, kind),
                Started::Blocked(blocked) => Done::Blocked(blocked),
            })
        }
        ProgramKind::HostOnly => Ok(Done::Blocked(Blocked { reason: HOST_ONLY.to_owned(), fix: None })),
        ProgramKind::CargoDoc { calls } => {
            let triple = planned.target.to_string();
            let Some(call) = calls.get(planned.target.triple()) else {
                let reason = format!("there is no call of cargo for {triple}");
                return Ok(Done::Blocked(Blocked { reason, fix: None }));
            };
            doc_tests::run(starter, planned, host, program, call, task.deadline)
        }
        ProgramKind::CargoTest { package_dir, env } => {
            let batch = Batch {
                program,
                package_dir,
                env,
                args: &guest.test_args,
                isolation: guest.isolation,
                deadline: task.deadline,
                passed_natively: task.passed_natively.as_deref(),
            };
            Ok(match tests_batch::run(starter, planned, &batch)? {
                tests_batch::Outcome::Tests(tests) => Done::Tests(tests),
                tests_batch::Outcome::Program(observation, kind) => Done::Program(observation, kind),
                tests_batch::Outcome::Blocked(blocked) => Done::Blocked(blocked),
            })
        }
    }
}

/// The words of a command suite after its program, with the triple put in.
pub(super) fn command_words(
    run: &Run<'_>,
    guest: &Guest,
    planned: &PlannedTarget,
) -> Vec<std::ffi::OsString> {
    let suite = run.plan.suites.iter().find(|suite| suite.name == guest.suite);
    match suite.map(|suite| &suite.origin) {
        Some(crate::plan::Origin::Command { words }) => {
            let triple = planned.target.to_string();
            words.iter().skip(1).map(|word| word.replace("{target}", &triple).into()).collect()
        }
        _ => Vec::new(),
    }
}
