//! The coordinator: starts the native side of every case as soon as its program is there, then its targets, and turns
//! every result into an event. It alone compares, so that events stand in one order.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use triplecheck_emulators::launch::Kind;

use super::cached::{Cached, Keys, Place};
use super::durations::Durations;
use super::guests::{Guest, GuestCase, Guests};
use super::judge::{self, Judged, Runs};
use super::keep;
use super::queue::Queue;
use super::schedule::{Done, News, Task};
use super::speeds::{self, Speeds};
use super::tests_batch::Tests;
use super::{Blocked, Recorder, Run, millis};
use crate::build::ProgramKind;
use crate::compare::Noise;
use crate::date::Date;
use crate::diagnose;
use crate::error::{Error, Result};
use crate::events::{Cell, Event, NotRun, Observed};
use crate::libtest::TestOutcome;
use crate::observation::{End, Observation};
use crate::plan::PlannedTarget;
use crate::supervise::StopFlag;
use crate::verdict::{Verdict, Weight};
use again::Again;
use cases::{Known, Native, NativeDone};
use ending::Ending;
use noise::Steadiness;

mod again;
mod cases;
mod childless;
mod costs;
mod ending;
mod limits;
mod natives;
mod noise;
mod sides;

/// Decides what is run next, and compares what was run.
pub(super) struct Coordinator<'a, 'r> {
    run: &'a Run<'a>,
    guests: &'a Guests,
    recorder: &'a mut Recorder<'r>,
    queue: &'a Queue,
    /// The programs there are so far, with what has become of their cases.
    known: Vec<Known>,
    /// Where a program of a suite stands among them.
    index: HashMap<(usize, String), usize>,
    /// Whether there may be more.
    building: bool,
    /// Tasks that were queued and have no result yet.
    outstanding: usize,
    today: Date,
    cached: Cached<'a>,
    keys: Keys,
    again: Again,
    speeds: Speeds,
    /// Why nothing more is begun, where that is so.
    ending: Option<Ending>,
    /// Tells the builds of it.
    enough: &'a StopFlag,
    /// The suites of which all programs were told.
    suites_built: BTreeSet<usize>,
    /// The targets whose emulators somebody makes ready, or has; of each also that for what needs a kernel.
    made_ready: BTreeSet<(usize, bool)>,
    /// What earlier runs took, once it is needed.
    durations: Option<Durations>,
}

impl<'a, 'r> Coordinator<'a, 'r> {
    pub(super) fn new(
        run: &'a Run<'a>,
        guests: &'a Guests,
        recorder: &'a mut Recorder<'r>,
        queue: &'a Queue,
        (cached, enough): (Cached<'a>, &'a StopFlag),
    ) -> Self {
        let speeds = run.speeds.as_ref().map(|path| Speeds::read(path, &speeds::machine()));
        Self {
            run,
            guests,
            recorder,
            queue,
            known: Vec::new(),
            index: HashMap::new(),
            building: true,
            outstanding: 0,
            today: Date::today(),
            cached,
            keys: Keys::new(),
            again: Again::default(),
            speeds: speeds.unwrap_or_default(),
            ending: None,
            enough,
            suites_built: BTreeSet::new(),
            made_ready: BTreeSet::new(),
            durations: None,
        }
    }

    /// Runs everything. The first error of ours or the world's ends it; what was recorded stays.
    pub(super) fn coordinate(&mut self, news: &mpsc::Receiver<News>) -> Result<()> {
        while self.building || self.outstanding > 0 || self.again.is_waiting() {
            match self.next_news(news)? {
                None => {}
                Some(News::Stopped) => self.end(Ending::Interrupted),
                Some(News::Recorded(event)) => self.recorder.record(event)?,
                Some(News::Built(suite, piece)) => self.built(suite, piece)?,
                Some(News::SuiteBuilt(suite)) => self.suite_built(suite)?,
                Some(News::BuildsEnded(outcome)) => {
                    // A tool that was interrupted together with us has not failed.
                    if !self.no_more() {
                        outcome?;
                    }
                    self.building = false;
                    self.queue.no_more_builds();
                }
                Some(News::Done(task, done)) => {
                    self.outstanding -= 1;
                    self.done(task, done?)?;
                }
            }
        }
        self.leave_out_rest()?;
        self.run.speeds.as_ref().map_or(Ok(()), |path| self.speeds.write(path))
    }

    /// What is told next; `None` where the time of a task that waited for it has come, which is queued then.
    fn next_news(&mut self, news: &mpsc::Receiver<News>) -> Result<Option<News>> {
        let gone = || Error::ours("all workers are gone while guests are to be run");
        let Some(due) = self.again.due() else { return news.recv().map(Some).map_err(|_| gone()) };
        match news.recv_timeout(due.saturating_duration_since(Instant::now())) {
            Ok(told) => Ok(Some(told)),
            Err(mpsc::RecvTimeoutError::Timeout) => {
                self.again.take_due(Instant::now()).into_iter().for_each(|task| self.push(task));
                Ok(None)
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => Err(gone()),
        }
    }

    fn done(&mut self, task: Task, done: Done) -> Result<()> {
        self.note_cost(&task, &done);
        match task.target {
            None if task.probe > 0 => self.probe_done(&task, &done),
            None => self.native_done(&task, done),
            Some(target) => self.target_done(task, target, done),
        }
    }

    fn push(&mut self, task: Task) {
        self.outstanding += 1;
        self.queue.push(task);
    }

    fn stopped(&self) -> bool {
        self.run.stop.is_stopped()
    }

    fn native_done(&mut self, task: &Task, done: Done) -> Result<()> {
        let (guest, case) = (task.guest.clone(), task.place.1);
        if task.only.is_empty() {
            self.observed(&guest, &guest.cases[case], &done)?;
        }
        let passed = match &done {
            Done::Tests(tests) => Some(Arc::new(passed(tests))),
            Done::Program(..) | Done::Blocked(_) => None,
        };
        let took = match &done {
            // As if in one thread, which is how the target may be run.
            Done::Tests(tests) => costs::serial(tests),
            Done::Program(observation, _) => observation.wall,
            Done::Blocked(_) => Duration::ZERO,
        };
        let native = match done {
            Done::Blocked(blocked) => {
                let reason = format!("its native side did not run: {}", blocked.reason);
                Native::Blocked(Blocked { reason, fix: blocked.fix })
            }
            done @ (Done::Tests(_) | Done::Program(..)) => {
                let round = NativeDone { done: Arc::new(done), took, passed };
                match self.native_run(task, round) {
                    Some(whole) => Native::Done(whole),
                    None => return Ok(()),
                }
            }
        };
        self.run.board.done(&guest.suite, None);
        self.known[task.place.0].cases[case].native = native;
        self.advance(task.place)
    }

    fn observed(&mut self, guest: &Guest, case: &GuestCase, done: &Done) -> Result<()> {
        let (end, wall) = match done {
            Done::Program(observation, _) => (observation.end.clone(), observation.wall),
            Done::Tests(tests) => {
                let failed = tests.outcomes.values().any(|outcome| matches!(outcome, TestOutcome::Failed(_)));
                let is_bad = failed || !tests.bad_ends.is_empty();
                (End::Exited { code: if is_bad { 101 } else { 0 } }, tests.wall)
            }
            Done::Blocked(_) => return Ok(()),
        };
        let (suite, case) = (guest.suite.clone(), case.name.clone());
        self.recorder.record(Event::Observed(Observed { suite, case, end, duration_ms: millis(wall) }))
    }

    fn target_done(&mut self, task: Task, target: usize, done: Done) -> Result<()> {
        let Native::Done(native) = &self.known[task.place.0].cases[task.place.1].native else {
            return Err(Error::ours("a target was run before its native side"));
        };
        let (native, took) = (native.done.clone(), native.took);
        let judged = self.judged(&task, target, &native, &done);
        if judged.as_ref().is_some_and(|judged| self.must_probe(&task, judged)) {
            return self.park(task, target, done);
        }
        self.learn(&task, target, took, &done);
        let guest = &*task.guest;
        let case = &guest.cases[task.place.1];
        let planned = &self.run.plan.targets[target];
        let events = match (&*native, &done) {
            (_, Done::Blocked(blocked)) => {
                let not_run = blocked.not_run(&guest.suite, &case.name, &planned.target);
                vec![Event::NotRun(not_run)]
            }
            (Done::Program(native, _), Done::Program(observation, kind)) if guest.kind.is_libtest() => {
                self.speechless(guest, planned, Some(native), Some((observation, *kind)))
            }
            (Done::Program(native, _), Done::Program(observation, kind)) => {
                let place = (task.place.0, task.place.1, target);
                let judged = (*kind, judged.unwrap_or_default());
                vec![self.program_done(place, guest, case, planned, (native, observation), judged)?]
            }
            (Done::Tests(native), Done::Tests(tests)) => {
                let mut events = self.tests_done(guest, planned, native, tests);
                if !task.only.is_empty() {
                    let place = (task.place.0, task.place.1, target);
                    let is_asked = |cell: &Cell| task.only.contains(&self.test_name(place, cell));
                    events.retain(|event| matches!(event, Event::Cell(cell) if is_asked(cell)));
                } else if self.stopped() {
                    // A test without an outcome was not reached; it is not lost.
                    let all = events.len();
                    events.retain(|event| matches!(event, Event::Cell(_)));
                    let rest = self.unfinished_tests(&guest.suite, &case.name, &planned.target);
                    events.extend((events.len() < all).then_some(Event::NotRun(rest)));
                }
                events
            }
            (Done::Tests(_), Done::Program(observation, _)) if observation.end == End::Interrupted => {
                let reason = "the run was interrupted".to_owned();
                let not_run =
                    Blocked { reason, fix: None }.not_run(&guest.suite, &case.name, &planned.target);
                vec![Event::NotRun(not_run)]
            }
            (Done::Tests(_), Done::Program(observation, kind)) => {
                self.speechless(guest, planned, None, Some((observation, *kind)))
            }
            (Done::Program(native, _), Done::Tests(_)) => self.speechless(guest, planned, Some(native), None),
            (Done::Blocked(_), _) => {
                let reason = "natively it is no libtest binary, on the target it is".to_owned();
                let not_run =
                    Blocked { reason, fix: None }.not_run(&guest.suite, &case.name, &planned.target);
                vec![Event::NotRun(not_run)]
            }
        };
        let place = (task.place.0, task.place.1, target);
        let told = events.into_iter().map(|event| match event {
            Event::Cell(cell) => Event::Cell(self.told_if_late(place, limits::told(cell, &task.limit))),
            event => event,
        });
        let told = told.collect();
        self.conclude(&task, target, told)
    }

    /// Compares two runs of a program, beside what is known of how steady the native side is.
    fn judged(&self, task: &Task, target: usize, native: &Done, done: &Done) -> Option<Judged> {
        let (Done::Program(native, _), Done::Program(observation, emulator)) = (native, done) else {
            return None;
        };
        let (native_target, target) = (&self.guests.host, &self.run.plan.targets[target].target);
        let runs = Runs { native, native_target, observation, target, emulator: *emulator };
        let how = &task.guest.cases[task.place.1].plan.compare;
        Some(match self.steadiness(task.place).as_deref() {
            None => judge::program(&runs, how, &Noise::default()),
            Some(Steadiness::Values(noise)) => judge::program(&runs, how, noise),
            Some(Steadiness::Unsteady(difference)) => {
                noise::unsteady(judge::program(&runs, how, &Noise::default()), difference)
            }
        })
    }

    fn program_done(
        &mut self,
        place: Place,
        guest: &Guest,
        case: &GuestCase,
        planned: &PlannedTarget,
        (native, observation): (&Observation, &Observation),
        (emulator, mut judged): (Kind, Judged),
    ) -> Result<Event> {
        let blocked = match &observation.end {
            End::Interrupted => Some("the run was interrupted".to_owned()),
            End::NotStarted { why } => Some(format!("it could not be started: {why}")),
            _ => None,
        };
        if let Some(reason) = blocked {
            let not_run = Blocked { reason, fix: None }.not_run(&guest.suite, &case.name, &planned.target);
            return Ok(Event::NotRun(not_run));
        }
        if matches!(guest.kind, ProgramKind::CargoTest { .. }) && !native.end.is_success() {
            // Of a program any status may be meant; a test has failed.
            judged.verdict = Some(Verdict::FailsNatively);
            judged.cause = Some(format!("natively {}", native.end));
        }
        let judged = self.of_program(judged, emulator, observation);
        let mut cell = self.cell(guest, &case.name, planned, emulator, judged);
        cell.duration_ms = millis(observation.wall);
        cell.native_ms = millis(native.wall);
        cell.peak_rss_bytes = observation.peak_rss_bytes;
        cell.leaked.clone_from(&observation.leaked);
        if cell.observed.weight() == Weight::Finding {
            let version = super::emulator_version(self.run, &planned.with_kernel(case.plan.needs_kernel));
            let (native_target, target) = (&self.guests.host, &planned.target);
            let runs = Runs { native, native_target, observation, target, emulator };
            cell.known = judge::known(&runs, version.as_deref());
        }
        // Of many runs that went wrong, the first is kept.
        if cell.verdict.weight() == Weight::Finding && !self.again.has_finding(place) {
            cell.kept = Some(keep::keep(&self.run.run_dir, &cell, native, observation)?);
        }
        Ok(Event::Cell(cell))
    }

    /// The events of a test binary's tests.
    fn tests_done(
        &self,
        guest: &Guest,
        planned: &PlannedTarget,
        native: &Tests,
        tests: &Tests,
    ) -> Vec<Event> {
        let known = |tests: &'_ Tests| -> Vec<String> {
            tests.outcomes.keys().chain(tests.lost.keys()).cloned().collect()
        };
        let names: BTreeSet<String> = known(native).into_iter().chain(known(tests)).collect();
        let mut events: Vec<Event> = self.bad_end(guest, planned, (native, tests)).into_iter().collect();
        for name in &names {
            let case =
                if guest.program.is_empty() { name.clone() } else { format!("{}::{name}", guest.program) };
            let owned = !guest.kind.is_libtest() || self.run.plan.owns(&guest.suite, &case);
            if !owned || !self.run.plan.wants(&guest.suite, &case) {
                continue;
            }
            if let Some(blocked) = tests.blocked.get(name) {
                events.push(Event::NotRun(blocked.not_run(&guest.suite, &case, &planned.target)));
                continue;
            }
            events.push(match (native.outcomes.get(name), tests.outcomes.get(name)) {
                (Some(left), Some(right)) => {
                    let company = tests.only_in_company.contains(name);
                    let emulator = tests.kind_of(name);
                    let timed_out = tests.timed_out.contains(name);
                    let mut judged = judge::test(left, right, emulator, company, timed_out);
                    if tests.unconfirmed.contains(name) {
                        let remark = "too many tests of this binary failed to run each of them alone, too";
                        judged.differences.iter_mut().for_each(|it| it.remark = Some(remark.to_owned()));
                    }
                    self.test_event(guest, planned, &case, name, judged, (native, tests), right)
                }
                (Some(_), None) | (None, _) => self.one_sided(guest, (&case, name), planned, (native, tests)),
            });
        }
        events
    }

    #[expect(clippy::too_many_arguments, reason = "one call site; the values have eight origins")]
    fn test_event(
        &self,
        guest: &Guest,
        planned: &PlannedTarget,
        case: &str,
        name: &str,
        mut judged: Judged,
        (native, tests): (&Tests, &Tests),
        outcome: &TestOutcome,
    ) -> Event {
        if judged.verdict == Some(Verdict::NotRun) {
            let reason = match outcome {
                TestOutcome::Ignored(Some(why)) => format!("the test is ignored on this target: {why}"),
                _ => "the test is ignored on this target".to_owned(),
            };
            let not_run = Blocked { reason, fix: None }.not_run(&guest.suite, case, &planned.target);
            return Event::NotRun(NotRun { declared: true, ..not_run });
        }
        if let (None, Some(Verdict::CrossFail), TestOutcome::Failed(text)) =
            (&judged.cause, judged.verdict, outcome)
        {
            let cause = diagnose::cause_of_failure(text, &self.guests.host, &planned.target);
            judged.cause = cause.map(|cause| cause.to_string());
            judged = self.of_test(judged, tests.kind_of(name), text);
        }
        let emulator = tests.kind_of(name);
        let mut cell = self.cell(guest, case, planned, emulator, judged);
        cell.duration_ms = tests.durations_ms.get(name).copied().unwrap_or(0);
        cell.native_ms = native.durations_ms.get(name).copied().unwrap_or(0);
        Event::Cell(cell)
    }

    fn cell(
        &self,
        guest: &Guest,
        case: &str,
        planned: &PlannedTarget,
        emulator: Kind,
        judged: Judged,
    ) -> Cell {
        let observed = judged.verdict.unwrap_or(Verdict::Inconclusive);
        let expectation = self.run.plan.expectation(&guest.suite, case, &planned.target);
        let (verdict, expected) = judge::expect(observed, judged.cause.as_deref(), expectation, self.today);
        let name = format!("{}::{case}", guest.suite);
        let mut repeat = self.run.command.clone();
        repeat.extend([crate::shell::quote(&name), "-t".to_owned(), planned.target.to_string()]);
        repeat.extend(self.run.tail.iter().cloned());
        Cell {
            suite: guest.suite.clone(),
            case: case.to_owned(),
            target: planned.target.to_string(),
            emulator: emulator.to_string(),
            verdict,
            observed,
            rules: judged.rules,
            cause: judged.cause,
            differences: judged.differences,
            duration_ms: 0,
            native_ms: 0,
            limit_ms: 0,
            tries: Vec::new(),
            repeated: None,
            peak_rss_bytes: 0,
            leaked: Vec::new(),
            repeat: repeat.join(" "),
            kept: None,
            expected,
            issue: expectation.and_then(|expectation| expectation.issue.clone()),
            known: Vec::new(),
            unchanged: false,
        }
    }
}

fn passed(tests: &Tests) -> BTreeSet<String> {
    let passed = tests.outcomes.iter().filter(|(_, outcome)| matches!(outcome, TestOutcome::Passed));
    passed.map(|(name, _)| name.clone()).collect()
}
