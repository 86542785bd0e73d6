//! The pool: workers run guests, a thread builds, one coordinator decides what is run next and compares. Every wait is on
//! a channel or a condition; nothing polls.
//!
//! While a build goes on, which uses all processors by itself, half of the workers rest: more would only make guests slow.

use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};

use triplecheck_emulators::launch::Kind;
use triplecheck_emulators::lookup::Options;

use super::board::{Doing, Label};
use super::builds::Builds;
use super::cache::Cache;
use super::cached::Cached;
use super::cell::{Start, Started, Starter};
use super::coordinate::Coordinator;
use super::doc_tests;
use super::guests::{Guest, Guests};
use super::patience::Limit;
use super::tests_batch::{self, Batch, Tests};
use super::{Blocked, Recorder, Run};
use crate::build::{Piece, ProgramKind};
use crate::error::{Error, Result};
use crate::events::Event;
use crate::manifest::Isolation;
use crate::observation::Observation;
use crate::plan::PlannedTarget;
use crate::supervise::StopFlag;

/// Why a procedural macro's tests are run for no target.
pub(super) const HOST_ONLY: &str = "a procedural macro is part of the compiler, which runs on the host only";

/// What the coordinator is told.
pub(super) enum News {
    /// The user wants to stop.
    Stopped,
    /// Something to record.
    Recorded(Event),
    /// A program of the suite at this position of the plan is there.
    Built(usize, Piece),
    /// No more of this suite will be there.
    SuiteBuilt(usize),
    /// No more of any suite will be there.
    BuildsEnded(Result<()>),
    /// A task has come to its end.
    Done(Task, Result<Done>),
}

/// One run of one case.
#[derive(Clone)]
pub(super) struct Task {
    pub(super) guest: Arc<Guest>,
    /// The positions of the guest and of its case among all that are known.
    pub(super) place: (usize, usize),
    /// `None` for the native side.
    pub(super) target: Option<usize>,
    /// The program.
    pub(super) file: PathBuf,
    pub(super) limit: Limit,
    /// Which run of the case it is: a retry, or a round of a stress run, has a number above 1.
    pub(super) number: u32,
    /// The tests that are run, each alone; all of them where none is named.
    pub(super) only: Vec<String>,
    /// The tests that passed natively.
    pub(super) passed_natively: Option<Arc<BTreeSet<String>>>,
    /// The how manieth further run of a native side it is, to see what varies; 0 for all that is compared.
    pub(super) probe: u32,
    /// Whether its native side ended well.
    pub(super) native_success: bool,
}

/// What a task came to.
pub(super) enum Done {
    Program(Box<Observation>, Kind),
    Tests(Tests),
    Blocked(Blocked),
}

/// Builds all suites and runs all cases of their programs; how many guests were started.
pub(super) fn schedule(run: &Run<'_>, guests: &Guests, recorder: &mut Recorder<'_>) -> Result<u64> {
    let starter = Starter::new(run)?;
    let cache = match &run.cache {
        Some(path) => Cache::open(path, run.resumed.as_deref())?,
        None => Cache::none(),
    };
    let queue = Queue::new(run.jobs.max(1));
    let (sender, news) = mpsc::channel();
    let flag = || {
        StopFlag::new().map_err(|error| Error::world("cannot watch for the end of the run").caused_by(error))
    };
    let (enough, over) = (flag()?, flag()?);
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
                    let result = execute(run, starter, host, &task);
                    queue.ended();
                    // The coordinator outlives the workers, unless it has given up already.
                    let _ = sender.send(News::Done(task, result));
                }
            });
        }
        scope.spawn(|| {
            let builds = Builds { run, guests, news: sender.clone(), enough: &enough };
            let outcome = builds.build();
            let _ = sender.send(News::BuildsEnded(outcome));
        });
        let (over, watcher) = (&over, sender.clone());
        scope.spawn(move || {
            if run.stop.await_unless(over) {
                let _ = watcher.send(News::Stopped);
            }
        });
        let cached = Cached { cache, starter: &starter, host: &host };
        let mut coordinator = Coordinator::new(run, guests, recorder, &queue, (cached, &enough));
        let outcome = coordinator.coordinate(&news);
        over.stop();
        queue.close();
        outcome
    });
    let count = starter.started();
    starter.finish()?;
    outcome.map(|()| count)
}

/// Tasks that are ready; a closed queue ends its workers.
pub(super) struct Queue {
    state: Mutex<Waiting>,
    changed: Condvar,
    workers: usize,
}

struct Waiting {
    tasks: VecDeque<Task>,
    closed: bool,
    /// How many tasks are being worked on, and how many may be.
    running: usize,
    running_max: usize,
}

impl Queue {
    fn new(workers: usize) -> Self {
        let tasks = VecDeque::new();
        let state = Waiting { tasks, closed: false, running: 0, running_max: workers.div_ceil(2) };
        Self { state: Mutex::new(state), changed: Condvar::new(), workers }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, task: Task) {
        self.state().tasks.push_back(task);
        self.changed.notify_one();
    }

    /// From now on all workers work.
    pub(super) fn no_more_builds(&self) {
        self.state().running_max = self.workers;
        self.changed.notify_all();
    }

    /// Forgets all that nobody has begun; how much that was.
    pub(super) fn clear(&self) -> usize {
        let mut state = self.state();
        let count = state.tasks.len();
        state.tasks.clear();
        count
    }

    fn close(&self) {
        let mut state = self.state();
        state.tasks.clear();
        state.closed = true;
        self.changed.notify_all();
    }

    fn next(&self) -> Option<Task> {
        let rests = |state: &mut Waiting| {
            !state.closed && (state.tasks.is_empty() || state.running >= state.running_max)
        };
        let mut state = self.changed.wait_while(self.state(), rests).unwrap_or_else(PoisonError::into_inner);
        let task = state.tasks.pop_front()?;
        state.running += 1;
        Some(task)
    }

    /// Says that a task that was taken has come to its end.
    fn ended(&self) {
        self.state().running -= 1;
        self.changed.notify_one();
    }
}

/// Runs a task, on a worker.
fn execute(run: &Run<'_>, starter: &Starter<'_>, host: &PlannedTarget, task: &Task) -> Result<Done> {
    let (guest, program) = (&*task.guest, &*task.file);
    let case = &guest.cases[task.place.1];
    let planned = task.target.map_or(host, |target| &run.plan.targets[target]);
    let triple = planned.target.to_string();
    let label = Label {
        suite: &guest.suite,
        case: &case.name,
        target: task.target.map(|_| triple.as_str()),
        number: task.number,
        doing: Doing::Program,
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
                deadline: task.limit.deadline,
                label,
                varied: task.probe > 0,
            };
            Ok(match starter.start(planned, &start)? {
                Started::Ran(mut observation, kind) => {
                    if task.native_success && observation.has_failed() {
                        observation.emulator_log = starter.examine(planned, &start, &observation)?;
                    }
                    Done::Program(observation, kind)
                }
                Started::Blocked(blocked) => Done::Blocked(blocked),
            })
        }
        ProgramKind::HostOnly => Ok(Done::Blocked(Blocked { reason: HOST_ONLY.to_owned(), fix: None })),
        ProgramKind::CargoDoc { calls } => {
            let Some(call) = calls.get(planned.target.triple()) else {
                let reason = format!("there is no call of cargo for {triple}");
                return Ok(Done::Blocked(Blocked { reason, fix: None }));
            };
            doc_tests::run(starter, planned, host, program, call, (task.limit.deadline, label))
        }
        ProgramKind::CargoTest { package_dir, env, libtest } => {
            let batch = Batch {
                libtest: *libtest,
                name: &guest.program,
                isolated: &guest.isolated,
                only: (!task.only.is_empty()).then_some(task.only.as_slice()),
                program,
                package_dir,
                env,
                args: &guest.test_args,
                // What is run again is run alone.
                isolation: if task.only.is_empty() { guest.isolation } else { Isolation::Process },
                deadline: task.limit.deadline,
                label,
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
