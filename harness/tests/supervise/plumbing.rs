//! What a guest is given, what is taken from it, and what the harness keeps of it all: nothing.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use rustix::process::getpid;
use triplecheck::supervise::{Supervisors, Termination};

use crate::Test;
use crate::guests;
use crate::lab::{Lab, children_of, descriptors};

pub(crate) const TESTS: &[Test] = &[
    ("output_is_exact", output_is_exact),
    ("standard_input_is_delivered_exactly", standard_input_is_delivered_exactly),
    ("arguments_are_exact", arguments_are_exact),
    ("the_environment_is_what_was_given", the_environment_is_what_was_given),
    ("signals_are_as_in_a_fresh_login", signals_are_as_in_a_fresh_login),
    ("the_guest_has_three_descriptors", the_guest_has_three_descriptors),
    ("the_guest_leads_a_group_in_another_session", the_guest_leads_a_group_in_another_session),
    ("closed_streams_do_not_end_the_run", closed_streams_do_not_end_the_run),
    ("sixty_four_guests_run_at_once", sixty_four_guests_run_at_once),
    ("eight_threads_share_their_supervisors", eight_threads_share_their_supervisors),
    ("nothing_is_left_in_the_harness", nothing_is_left_in_the_harness),
    ("the_real_binary_is_a_supervisor", the_real_binary_is_a_supervisor),
];

fn output_is_exact() {
    for count in [0, 1, 65_536, 300_000] {
        let lab = Lab::new(&format!("write {count}"));
        lab.check(&Termination::Exited(0));
        assert!(lab.stdout() == guests::bytes(count), "{count} bytes");
    }
}

fn standard_input_is_delivered_exactly() {
    let mut lab = Lab::with_program(Path::new("/bin/cat"));
    lab.check(&Termination::Exited(0));
    assert_eq!(lab.stdout(), b"");
    let input = lab.path("input");
    fs_err::write(&input, guests::bytes(300_000)).unwrap();
    lab.stdin = Some(input);
    lab.check(&Termination::Exited(0));
    assert!(lab.stdout() == guests::bytes(300_000));
}

fn arguments_are_exact() {
    let mut lab = Lab::with_program(Path::new("/bin/cat"));
    lab.argv0 = Some("-not cat".into());
    lab.args = vec!["/proc/self/cmdline".into(), "--".into()];
    lab.check(&Termination::Exited(0));
    assert_eq!(lab.stdout(), b"-not cat\0/proc/self/cmdline\0--\0");

    let mut lab = Lab::with_program(Path::new("/usr/bin/printf"));
    let odd: [&[u8]; 6] = [b"", b" ", b"a\nb", b"\xff\xfe", b"\"$HOME\\", b"*"];
    lab.args =
        [OsString::from("%s;")].into_iter().chain(odd.map(|arg| OsStr::from_bytes(arg).into())).collect();
    lab.check(&Termination::Exited(0));
    assert_eq!(lab.stdout(), b"; ;a\nb;\xff\xfe;\"$HOME\\;*;");
}

fn the_environment_is_what_was_given() {
    let mut lab = Lab::with_program(Path::new("/usr/bin/env"));
    lab.env = vec![("Z".into(), "1".into()), ("A".into(), "x=\ny".into()), ("BAD NAME".into(), "".into())];
    lab.check(&Termination::Exited(0));
    assert_eq!(lab.stdout(), b"Z=1\nA=x=\ny\nBAD NAME=\n");
    lab.env.clear();
    lab.check(&Termination::Exited(0));
    assert_eq!(lab.stdout(), b"");
}

fn signals_are_as_in_a_fresh_login() {
    let mut lab = Lab::with_program(Path::new("/bin/cat"));
    lab.args = vec!["/proc/self/status".into()];
    lab.check(&Termination::Exited(0));
    let status = String::from_utf8(lab.stdout()).unwrap();
    for field in ["SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt"] {
        let (_, mask) = status.split_once(&format!("\n{field}:\t")).unwrap();
        let mask = u64::from_str_radix(mask.lines().next().unwrap(), 16).unwrap();
        // Every posix_spawn of glibc leaves its two internal signals, 32 and 33, ignored.
        assert_eq!(mask & !(0b11 << 31), 0, "{field}");
    }
}

fn the_guest_has_three_descriptors() {
    // One that is inherited on purpose, as a make jobserver's is.
    let stray = fs_err::File::open("/dev/full").unwrap();
    rustix::io::fcntl_setfd(&stray, rustix::io::FdFlags::empty()).unwrap();
    let supervisors = Supervisors::with_program(std::env::current_exe().unwrap());
    let lab = Lab::new("descriptors");
    lab.settled(lab.try_run(Some(&supervisors), None));
    let said = String::from_utf8(lab.stdout()).unwrap();
    let names: Vec<&str> = said.lines().map(|name| name.split([':', '[']).next().unwrap()).collect();
    // One of them is the listing itself.
    assert_eq!(names.len(), 4, "{said}");
    assert_eq!((names[0], &names[2..]), ("/dev/null", &["pipe", "pipe"][..]), "{said}");
}

fn the_guest_leads_a_group_in_another_session() {
    let lab = Lab::new("who");
    lab.check(&Termination::Exited(0));
    let said = String::from_utf8(lab.stdout()).unwrap();
    let ids: Vec<&str> = said.split(' ').collect();
    assert_eq!(ids[0], ids[1], "it leads its group");
    assert_ne!(ids[2], guests::session(), "no terminal signals reach it");
}

fn closed_streams_do_not_end_the_run() {
    let ended = Lab::new("close-and-exit").check(&Termination::Exited(0));
    assert_eq!(ended.leaked, []);
}

fn sixty_four_guests_run_at_once() {
    let barrier = Barrier::new(64);
    thread::scope(|scope| {
        for index in 0..64_u32 {
            let barrier = &barrier;
            scope.spawn(move || {
                let lab = Lab::new(&format!("exit {index}"));
                barrier.wait();
                lab.check(&Termination::Exited(index));
            });
        }
    });
}

fn eight_threads_share_their_supervisors() {
    let supervisors = Supervisors::with_program(std::env::current_exe().unwrap());
    let before = children_of(getpid()).len();
    thread::scope(|scope| {
        for thread in 0..8 {
            let supervisors = &supervisors;
            scope.spawn(move || {
                for round in 0..8 {
                    let code = thread * 8 + round;
                    let lab = Lab::new(&format!("exit {code}"));
                    let ended = lab.settled(lab.try_run(Some(supervisors), None));
                    assert_eq!(ended.termination, Termination::Exited(code));
                }
            });
        }
    });
    let started = children_of(getpid()).len() - before;
    assert!((1..=8).contains(&started), "{started} supervisors for 64 runs");
}

fn nothing_is_left_in_the_harness() {
    let children = children_of(getpid());
    let open = descriptors();
    let supervisors = Supervisors::with_program(std::env::current_exe().unwrap());
    for guest in ["exit 0", "leak 2", "escape", "signal 6", "flood stdout", "write 100000"] {
        let mut lab = Lab::new(guest);
        lab.limits.output_bytes_max = 50_000;
        lab.settled(lab.try_run(Some(&supervisors), None));
        lab.program = lab.path("missing");
        lab.settled(lab.try_run(Some(&supervisors), None));
    }
    drop(supervisors);
    assert_eq!(children_of(getpid()), children, "no supervisor is left, not even as a zombie");
    assert_eq!(descriptors(), open);
}

fn the_real_binary_is_a_supervisor() {
    let supervisors = Supervisors::with_program(env!("CARGO_BIN_EXE_triplecheck").into());
    let lab = Lab::new("exit 5");
    assert_eq!(lab.settled(lab.try_run(Some(&supervisors), None)).termination, Termination::Exited(5));
}

/// Runs `/bin/true` so many times, `plainly`, `supervised`, or with supervisors started `afresh`, and prints the wall
/// time of one run and the peak memory of the last. The shell's `time` tells the processor time:
/// `time target/release/deps/supervise-… guest cost supervised 1000`.
pub(crate) fn cost(how: &str, rounds: u32) {
    let supervisors = Supervisors::with_program(std::env::current_exe().unwrap());
    let lab = Lab::with_program(Path::new("/bin/true"));
    let mut peak = 0;
    let started = Instant::now();
    for _ in 0..rounds {
        match how {
            "supervised" => peak = lab.try_run(Some(&supervisors), None).unwrap().peak_rss_bytes,
            "afresh" => {
                let supervisors = Supervisors::with_program(std::env::current_exe().unwrap());
                lab.try_run(Some(&supervisors), None).unwrap();
            }
            _ => spawn_plainly(&lab),
        }
    }
    println!("{how}: {:?} a run, peak {} KiB", started.elapsed() / rounds, peak / 1024);
}

#[expect(clippy::disallowed_methods, reason = "the plain spawn is what is compared with")]
fn spawn_plainly(lab: &Lab) {
    let output = |name| std::fs::File::create(lab.path(name)).unwrap();
    std::process::Command::new(&lab.program)
        .env_clear()
        .current_dir(&lab.cwd)
        .stdin(std::process::Stdio::null())
        .stdout(output("stdout"))
        .stderr(output("stderr"))
        .status()
        .unwrap();
}
