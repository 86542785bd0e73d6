//! The pool: workers run guests, a thread builds, one coordinator decides what is run next and compares. Every wait is on
//! a channel or a condition; nothing polls.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};

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
use super::pieces::{Part, Together};
use super::queue::{Next, Queue, Size, Taken};
use super::spread::Work;
use super::tests_batch::{self, Batch, Tests};
use super::{Blocked, Recorder, Run};
use crate::build::{Piece, ProgramKind};
use crate::built;
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

/// One run of one case, or a part of one.
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
    /// What it is expected to cost.
    pub(super) work: Work,
    /// Which tests of a binary, where they are not run in one process.
    pub(super) part: Option<Part>,
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
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let workers = run.jobs.max(1);
    let queue = Queue::new(Size { workers, processors: processors.max(workers) });
    let (sender, news) = mpsc::channel();
    let flag = || {
        StopFlag::new().map_err(|error| Error::world("cannot watch for the end of the run").caused_by(error))
    };
    let (enough, over) = (flag()?, flag()?);
    let mut options = Options::default();
    if let Some(given) = run.given {
        given.add_libraries(run.host.triple(), &mut options);
    }
    let host = PlannedTarget { target: guests.host.clone(), options, env: Vec::new(), timeout: None };
    let outcome = std::thread::scope(|scope| {
        for _ in 0..run.jobs.max(1) {
            let (sender, queue, starter, host) = (sender.clone(), &queue, &starter, &host);
            scope.spawn(move || {
                while let Some(next) = queue.next() {
                    let taken = match next {
                        Next::Task(taken) => *taken,
                        Next::Early(early) => {
                            let planned = run.plan.targets[early.target].with_kernel(early.needs_kernel);
                            starter.make_ready(&planned, &early.program);
                            queue.ended(1);
                            continue;
                        }
                    };
                    let threads = taken.threads;
                    let done = work(run, starter, host, taken);
                    queue.ended(threads);
                    if let Some((task, result)) = done {
                        // The coordinator outlives the workers, unless it has given up already.
                        let _ = sender.send(News::Done(task, result));
                    }
                }
            });
        }
        scope.spawn(|| {
            let builds = Builds { run, guests, news: sender.clone(), enough: &enough };
            let outcome = told_of_panics(|| builds.build());
            let _ = sender.send(News::BuildsEnded(outcome));
        });
        let (over, enough, watcher) = (&over, &enough, sender.clone());
        scope.spawn(move || {
            if run.stop.await_unless(over) {
                let _ = watcher.send(News::Stopped);
            }
        });
        let cached = Cached { cache, starter: &starter, host: &host };
        let _end = End { over, enough, queue: &queue };
        let mut coordinator = Coordinator::new(run, guests, recorder, &queue, (cached, enough));
        let outcome = coordinator.coordinate(&news);
        coordinator.keep_durations();
        outcome
    });
    let count = starter.started();
    starter.finish()?;
    outcome.map(|()| count)
}

/// Ends the other threads when the coordinator is done, however it ends: all of them are waited for.
struct End<'a> {
    over: &'a StopFlag,
    enough: &'a StopFlag,
    queue: &'a Queue,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.over.stop();
        self.enough.stop();
        self.queue.close();
    }
}

/// What `work` comes to; a panic is an error of ours, so that nobody waits for a thread that is gone.
pub(super) fn told_of_panics<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    // What the panic left half-done is not looked at again: the error ends the run.
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(Error::ours("a thread of the run has panicked; its words are above")))
}

/// Runs a task that was taken; `None` for all parts of a task but the last one to end, which brings the whole task.
fn work(
    run: &Run<'_>,
    starter: &Starter<'_>,
    host: &PlannedTarget,
    taken: Taken,
) -> Option<(Task, Result<Done>)> {
    let Taken { task, threads } = taken;
    let result = told_of_panics(|| execute(run, starter, host, &task, threads));
    let Some(part) = &task.part else { return Some((task, result)) };
    let (whole, together) = part.ended(result)?;
    let result = match together {
        Together::Whole(result) => *result,
        Together::Again => told_of_panics(|| execute(run, starter, host, &whole, threads)),
    };
    Some((whole, result))
}

/// Runs a task, on a worker.
fn execute(
    run: &Run<'_>,
    starter: &Starter<'_>,
    host: &PlannedTarget,
    task: &Task,
    threads: usize,
) -> Result<Done> {
    let (guest, program) = (&*task.guest, &*task.file);
    let case = &guest.cases[task.place.1];
    let planned = task.target.map_or(host, |target| &run.plan.targets[target]);
    let planned = &*planned.with_kernel(case.plan.needs_kernel);
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
                    // Looked at is what stays a failure: a run between two tries, or two rounds, could change what they find.
                    let last = run.repeat == 1 && task.number > run.plan.retries(&guest.suite).most;
                    if last && task.native_success && observation.has_failed() {
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
            let mut env: Vec<_> = env.iter().cloned().chain(task.work.threads.variable(threads)).collect();
            if run.given.is_some() {
                // Where it was built, the paths that are compiled in lead there.
                env.extend(built::programs_beside(program));
            }
            let part = task.part.iter().flat_map(|part| &part.words);
            let args: Vec<String> = guest.test_args.iter().chain(part).cloned().collect();
            let batch = Batch {
                libtest: *libtest,
                name: &guest.program,
                isolated: &guest.isolated,
                needs_kernel: &guest.needs_kernel,
                only: (!task.only.is_empty()).then_some(task.only.as_slice()),
                shard: run.plan.shard,
                program,
                package_dir,
                env: &env,
                args: &args,
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

#[cfg(test)]
impl Task {
    /// A task about nothing.
    pub(super) fn for_tests() -> Self {
        let guest = Guest {
            suite: "test".into(),
            program: String::new(),
            kind: ProgramKind::Plain,
            cases: Vec::new(),
            test_args: Vec::new(),
            isolation: Isolation::Batch,
            isolated: Vec::new(),
            needs_kernel: Vec::new(),
        };
        Self {
            guest: Arc::new(guest),
            place: (0, 0),
            target: None,
            file: PathBuf::new(),
            limit: Limit::asked(std::time::Duration::from_secs(1)),
            number: 1,
            only: Vec::new(),
            probe: 0,
            passed_natively: None,
            native_success: false,
            work: Work::default(),
            part: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_in_a_thread_is_an_error_that_ends_the_run() {
        let error = told_of_panics(|| -> Result<()> { panic!("as a test wants it") }).unwrap_err();
        assert!(error.render().contains("has panicked"), "{}", error.render());
        assert_eq!(told_of_panics(|| Ok(1)).ok(), Some(1));
    }
}
