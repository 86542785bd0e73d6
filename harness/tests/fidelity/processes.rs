//! What a program is as a process.

use std::os::unix::ffi::OsStrExt as _;

use crate::lab::{Running, Way, processes};
use crate::rows::{Of, Row};

pub(crate) const ROWS: &[Row] = &[
    Row { name: "process-ids", see: process_ids, of: Of::All },
    Row { name: "umask", see: umask, of: Of::All },
    Row { name: "niceness", see: niceness, of: Of::All },
    Row { name: "limits", see: limits, of: Of::All },
    Row { name: "core-limit", see: core_limit, of: Of::All },
    Row { name: "address-space-limit", see: address_space_limit, of: Of::All },
    Row { name: "nothing-left-behind", see: nothing_left_behind, of: Of::All },
    Row { name: "nothing-left-when-killed", see: nothing_left_when_killed, of: Of::All },
];

/// The guest is the process that was started, and nobody's child but ours.
fn process_ids(way: &Way) -> String {
    let child = way.command(&[], &["process"]).spawn().unwrap();
    let pid = child.id();
    let output = child.wait_with_output().unwrap();
    let text = way.describe(output.status, &output.stdout, &output.stderr);
    text.replace(&format!("pid {pid}\n"), "pid of what was started\n")
        .replace(&format!("parent {}\n", std::process::id()), "parent is who started it\n")
}

fn umask(way: &Way) -> String {
    way.see(&["umask", "0137"], &["umask"])
}

fn niceness(way: &Way) -> String {
    way.see(&["nice", "7"], &["nice"])
}

/// Of processor time, file size, data, stack and open files: values that no emulator needs more of.
fn limits(way: &Way) -> String {
    let setup = [
        "limit", "0", "1000", "2000", "limit", "1", "50000000", "60000000", "limit", "3", "4194304",
        "8388608", "limit", "4", "0", "0", "limit", "7", "200", "300",
    ];
    way.see(&setup, &["limits"])
}

/// A core file is allowed.
fn core_limit(way: &Way) -> String {
    way.see(&["limit", "4", "1000000", "1000000"], &["limit", "4"])
}

fn address_space_limit(way: &Way) -> String {
    way.see(&["limit", "9", "200000000", "200000000"], &["limit", "9"])
}

const MARK: &str = "TRIPLECHECK_FIDELITY_MARK";

/// The living processes that were started by whoever has this mark.
fn marked(mark: &str) -> Vec<String> {
    let wanted = format!("{MARK}={mark}");
    processes(|process| {
        let environ = std::fs::read(process.join("environ")).unwrap_or_default();
        environ.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes())
    })
}

fn mark(way: &Way) -> String {
    String::from_utf8_lossy(way.dir.as_os_str().as_bytes()).into_owned()
}

fn nothing_left_behind(way: &Way) -> String {
    let mark = mark(way);
    let seen = way.seen(way.command(&[], &["streams"]).env(MARK, &mark));
    format!("{seen}left: {:?}", marked(&mark))
}

/// A hook that is killed takes its guest with it.
fn nothing_left_when_killed(way: &Way) -> String {
    let mark = mark(way);
    let running = Running::start(way.command(&[], &["await"]).env(MARK, &mark));
    let first = running.line();
    running.send(rustix::process::Signal::KILL);
    // Its output ends when the last of its processes does.
    let seen = running.end(way);
    format!("{first}\n{seen}left: {:?}", marked(&mark))
}
