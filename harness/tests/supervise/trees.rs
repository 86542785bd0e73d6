//! Processes beyond the guest's own: none may be left, whoever dies.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, getpid, kill_process};
use triplecheck::supervise::{StopFlag, SuperviseError, Supervisors, Termination};

use crate::Test;
use crate::guests::ROLE;
use crate::lab::{Lab, await_end, await_word, children_of, find_pidfd};

pub(crate) const TESTS: &[Test] = &[
    ("a_survivor_is_named_and_killed", a_survivor_is_named_and_killed),
    ("an_escapee_is_found", an_escapee_is_found),
    ("a_stranger_that_holds_a_pipe_is_not_waited_for", a_stranger_that_holds_a_pipe_is_not_waited_for),
    ("a_crowd_in_groups_and_sessions_of_its_own_is_ended", a_crowd_is_ended),
    ("orphans_that_end_by_themselves_are_no_leak", orphans_are_no_leak),
    ("a_guest_in_the_supervisors_group_is_ended_alone", a_guest_in_the_supervisors_group_is_ended_alone),
    ("a_raised_flag_ends_the_tree", a_raised_flag_ends_the_tree),
    ("a_flag_raised_before_starts_nothing", a_flag_raised_before_starts_nothing),
    ("sigterm_to_the_supervisor_ends_the_tree", sigterm_to_the_supervisor_ends_the_tree),
    ("a_supervisor_has_no_environment", a_supervisor_has_no_environment),
    ("a_killed_supervisor_is_an_error_and_leaves_nothing", a_killed_supervisor_is_an_error),
    ("a_killed_harness_leaves_nothing", a_killed_harness_leaves_nothing),
    ("a_parent_that_ignores_sigchld_changes_nothing", a_parent_that_ignores_sigchld_changes_nothing),
];

fn a_survivor_is_named_and_killed() {
    // The survivor holds standard output open; waiting for its end would hang.
    let ended = Lab::new("leak 1").check(&Termination::Exited(0));
    assert_eq!(ended.leaked.len(), 1);
    let name = std::env::current_exe().unwrap().file_name().unwrap().to_string_lossy().into_owned();
    assert_eq!(ended.leaked[0].name, name[..name.len().min(15)]);
}

fn an_escapee_is_found() {
    let ended = Lab::new("escape").check(&Termination::Exited(0));
    assert_eq!(ended.leaked.len(), 1);
}

fn a_stranger_that_holds_a_pipe_is_not_waited_for() {
    let lab = Lab::new("announce-and-await");
    let (ready, go) = (lab.fifo("ready"), lab.fifo("go"));
    let (ended, stranger) = thread::scope(|scope| {
        let running = scope.spawn(|| lab.try_run(None, None));
        let pid = await_word(&ready);
        let held = fs_err::File::options().write(true).open(format!("/proc/{pid}/fd/1")).unwrap();
        rustix::io::write(&go, b"!").unwrap();
        (running.join().unwrap(), held)
    });
    let ended = lab.settled(ended);
    drop(stranger);
    assert_eq!((ended.termination, ended.leaked), (Termination::Exited(0), vec![]));
    assert_eq!(lab.stdout(), b"before");
}

fn a_crowd_is_ended() {
    let ended = Lab::new("crowd 50").check(&Termination::Exited(0));
    assert!(ended.leaked.len() >= 17, "every third ignores SIGTERM and lingers: {:?}", ended.leaked);
}

fn orphans_are_no_leak() {
    // The guest itself goes on until they are all gone, so nothing outlives it.
    let ended = Lab::new("orphans").run();
    assert_eq!(ended.termination, Termination::Exited(0));
    assert!(ended.leaked.len() < 20, "orphans are reaped as they end: {:?}", ended.leaked);
}

fn a_guest_in_the_supervisors_group_is_ended_alone() {
    let mut lab = Lab::new("join-supervisor");
    lab.limits.deadline = std::time::Duration::from_millis(300);
    lab.check(&Termination::TimedOut { after: lab.limits.deadline });
}

/// Runs the lab's guest in a thread, waits until it is set up, and then does `act`.
fn while_it_runs(
    lab: &Lab,
    supervisors: &Supervisors,
    stop: Option<&StopFlag>,
    act: impl FnOnce(),
) -> Result<triplecheck::supervise::Supervised, SuperviseError> {
    let ready = lab.fifo("ready");
    thread::scope(|scope| {
        let running = scope.spawn(|| lab.try_run(Some(supervisors), stop));
        assert_eq!(await_word(&ready), "ready");
        assert!(lab.alive().len() >= 2, "the guest and a descendant");
        act();
        running.join().unwrap()
    })
}

fn a_supervisor_has_no_environment() {
    let (mut lab, supervisors, before) = (Lab::new("leak-and-linger"), own(), children_of(getpid()));
    lab.env.push(("LD_BIND_NOW".into(), "1".into()));
    let stop = StopFlag::new().unwrap();
    let ended = while_it_runs(&lab, &supervisors, Some(&stop), || {
        let supervisor = newest_child(&before).as_raw_nonzero();
        assert_eq!(fs_err::read_to_string(format!("/proc/{supervisor}/environ")).unwrap(), "");
        assert_eq!(fs_err::read_to_string(format!("/proc/{supervisor}/comm")).unwrap(), "guest-supervise\n");
        stop.stop();
    });
    lab.settled(ended);
}

fn own() -> Supervisors {
    Supervisors::with_program(std::env::current_exe().unwrap())
}

/// The one supervisor that this test has started; those of the other tests are children, too.
fn newest_child(before: &[Pid]) -> Pid {
    let new: Vec<Pid> = children_of(getpid()).into_iter().filter(|pid| !before.contains(pid)).collect();
    assert_eq!(new.len(), 1);
    new[0]
}

fn a_raised_flag_ends_the_tree() {
    for guest in ["leak-and-linger", "escape-and-linger"] {
        let (lab, supervisors, stop) = (Lab::new(guest), own(), StopFlag::new().unwrap());
        let ended = while_it_runs(&lab, &supervisors, Some(&stop), || stop.stop());
        assert_eq!(lab.settled(ended).termination, Termination::Interrupted);
        assert!(stop.is_stopped());
    }
}

fn a_flag_raised_before_starts_nothing() {
    let (lab, stop) = (Lab::new("exit 0"), StopFlag::new().unwrap());
    assert!(!stop.is_stopped());
    rustix::io::write(stop.waker().unwrap(), b"x").unwrap();
    let ended = lab.try_run(None, Some(&stop)).unwrap();
    assert_eq!(ended.termination, Termination::Interrupted);
    assert!(!lab.path("stdout").exists());
}

fn sigterm_to_the_supervisor_ends_the_tree() {
    let (lab, supervisors, before) = (Lab::new("escape-and-linger"), own(), children_of(getpid()));
    let ended = while_it_runs(&lab, &supervisors, None, || {
        kill_process(newest_child(&before), Signal::TERM).unwrap();
    });
    assert_eq!(lab.settled(ended).termination, Termination::Interrupted);
}

fn a_killed_supervisor_is_an_error() {
    let (lab, supervisors, before) = (Lab::new("leak-and-linger"), own(), children_of(getpid()));
    let ended = while_it_runs(&lab, &supervisors, None, || {
        kill_process(newest_child(&before), Signal::KILL).unwrap();
    });
    let error = ended.unwrap_err();
    assert!(matches!(&error, SuperviseError::Lost { how, .. } if how.contains("signal: 9")), "{error}");
    assert_eq!(lab.alive(), []);
    // The next run finds another supervisor.
    let lab = Lab::new("exit 6");
    assert_eq!(lab.settled(lab.try_run(Some(&supervisors), None)).termination, Termination::Exited(6));
}

/// This binary as a harness of its own, which runs `guest` in the lab's directory, started through `wrapper`.
#[expect(clippy::disallowed_methods, reason = "the harness under test is a process")]
fn harness(lab: &Lab, wrapper: &[&str], guest: &str) -> Child {
    let own = std::env::current_exe().unwrap();
    let mut command = match wrapper {
        [] => Command::new(own),
        [program, arguments @ ..] => {
            let mut command = Command::new(program);
            command.args(arguments).arg(own);
            command
        }
    };
    command.args([ROLE, "harness"]).arg(lab.dir.path()).args(guest.split(' '));
    command.envs(lab.env.iter().cloned()).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap()
}

fn a_killed_harness_leaves_nothing() {
    for guest in ["leak-and-linger", "escape-and-linger"] {
        let lab = Lab::new("");
        let ready = lab.fifo("ready");
        let mut harness = harness(&lab, &[], guest);
        assert_eq!(await_word(&ready), "ready");
        let id = Pid::from_raw(harness.id().cast_signed()).unwrap();
        let everyone: Vec<_> =
            lab.alive().into_iter().chain(children_of(id)).filter_map(find_pidfd).collect();
        assert!(everyone.len() >= 4, "harness, supervisor, guest and its child");
        harness.kill().unwrap();
        harness.wait().unwrap();
        everyone.iter().for_each(await_end);
        assert_eq!(lab.alive(), []);
    }
}

fn a_parent_that_ignores_sigchld_changes_nothing() {
    let lab = Lab::new("");
    let ignoring = ["/usr/bin/env", "--ignore-signal=CHLD"];
    let mut harness = harness(&lab, &ignoring, "exit 3");
    let mut said = String::new();
    harness.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(harness.wait().unwrap().success());
    assert_eq!(said, "Exited(3)\n");
}
