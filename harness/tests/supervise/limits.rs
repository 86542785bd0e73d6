//! Deadlines and output limits.

use std::time::Duration;

use triplecheck::supervise::{Stream, Termination, Truncated};

use crate::Test;
use crate::guests;
use crate::lab::Lab;

pub(crate) const TESTS: &[Test] = &[
    ("a_guest_that_hangs_is_timed_out", a_guest_that_hangs_is_timed_out),
    ("a_guest_that_ignores_sigterm_is_killed", a_guest_that_ignores_sigterm_is_killed),
    ("the_last_words_after_sigterm_are_kept", the_last_words_after_sigterm_are_kept),
    ("a_hanging_escapee_goes_with_the_guest", a_hanging_escapee_goes_with_the_guest),
    ("a_flood_is_cut_at_the_limit", a_flood_is_cut_at_the_limit),
    ("a_flood_on_both_streams_is_cut_on_both", a_flood_on_both_streams_is_cut_on_both),
    ("the_limit_itself_is_not_a_flood", the_limit_itself_is_not_a_flood),
    ("time_and_memory_are_counted", time_and_memory_are_counted),
];

/// The outcome is the timeout, so waiting longer would not make it any surer.
const SHORT: Duration = Duration::from_millis(100);

fn a_guest_that_hangs_is_timed_out() {
    for guest in ["linger", "stopped"] {
        let mut lab = Lab::new(guest);
        lab.limits.deadline = SHORT;
        let ended = lab.check(&Termination::TimedOut { after: SHORT });
        assert!(ended.wall >= SHORT);
        assert_eq!(ended.leaked, []);
    }
}

fn a_guest_that_ignores_sigterm_is_killed() {
    let mut lab = Lab::new("deaf");
    lab.limits.deadline = Duration::from_secs(1);
    lab.limits.grace = SHORT;
    lab.check(&Termination::TimedOut { after: lab.limits.deadline });
}

fn the_last_words_after_sigterm_are_kept() {
    let mut lab = Lab::new("farewell");
    // Time to get as far as listening for the signal.
    lab.limits.deadline = Duration::from_secs(2);
    lab.check(&Termination::TimedOut { after: lab.limits.deadline });
    assert_eq!(lab.stdout(), b"farewell");
}

fn a_hanging_escapee_goes_with_the_guest() {
    let mut lab = Lab::new("escape-and-linger");
    fs_err::write(lab.path("ready"), "").unwrap();
    lab.limits.deadline = Duration::from_secs(1);
    lab.check(&Termination::TimedOut { after: lab.limits.deadline });
}

fn a_flood_is_cut_at_the_limit() {
    for (word, stream) in [("stdout", Stream::Stdout), ("stderr", Stream::Stderr)] {
        let mut lab = Lab::new(&format!("flood {word}"));
        lab.limits.output_bytes_max = 200_001;
        let ended = lab.check(&Termination::OutputLimit { stream });
        let (kept, other) = match stream {
            Stream::Stdout => (ended.stdout_bytes, ended.stderr_bytes),
            Stream::Stderr => (ended.stderr_bytes, ended.stdout_bytes),
        };
        assert_eq!((kept, other), (200_001, 0));
        let stdout = stream == Stream::Stdout;
        assert_eq!(ended.truncated, Truncated { stdout, stderr: !stdout });
    }
}

fn a_flood_on_both_streams_is_cut_on_both() {
    let mut lab = Lab::new("flood stdout stderr");
    lab.limits.output_bytes_max = 500_000;
    let ended = lab.run();
    assert!(matches!(ended.termination, Termination::OutputLimit { .. }), "{ended:?}");
    assert!(ended.stdout_bytes <= 500_000 && ended.stderr_bytes <= 500_000);
    assert!(ended.truncated.stdout || ended.truncated.stderr);
}

fn the_limit_itself_is_not_a_flood() {
    for (written, limit, flood) in
        [(0, 0, false), (1, 0, true), (70_000, 70_000, false), (70_001, 70_000, true)]
    {
        let mut lab = Lab::new(&format!("write {written}"));
        lab.limits.output_bytes_max = limit;
        let flooded = Termination::OutputLimit { stream: Stream::Stdout };
        let expected = if flood { flooded } else { Termination::Exited(0) };
        let ended = lab.check(&expected);
        assert_eq!(ended.truncated, Truncated { stdout: flood, stderr: false });
        let kept = written.min(usize::try_from(limit).unwrap());
        assert_eq!(lab.stdout(), guests::bytes(kept));
    }
}

fn time_and_memory_are_counted() {
    for guest in ["burn", "burn-child"] {
        let ended = Lab::new(guest).check(&Termination::Exited(0));
        assert!(ended.cpu >= guests::BURN, "{guest}: {:?}", ended.cpu);
        assert!(ended.wall > Duration::ZERO);
    }
    let small = Lab::new("exit 0").check(&Termination::Exited(0)).peak_rss_bytes;
    let large = Lab::new("allocate").check(&Termination::Exited(0)).peak_rss_bytes;
    let allocated = guests::ALLOCATE_BYTES as u64;
    assert!(small > 0 && small < allocated && large >= allocated, "{small} {large}");
}
