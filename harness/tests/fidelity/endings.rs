//! How a program ends, as its parent sees it.

use std::fmt::Write as _;
use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;

use crate::lab::{Way, ending};
use crate::rows::{Of, Row};

pub(crate) const ROWS: &[Row] = &[
    Row { name: "exit-codes", see: exit_codes, of: Of::All },
    Row { name: "death-by-signal", see: death_by_signal, of: Of::All },
    Row { name: "death-by-real-time-signal", see: death_by_real_time_signal, of: Of::All },
    Row { name: "crash", see: crash, of: Of::All },
    Row { name: "abort", see: abort, of: Of::All },
    Row { name: "broken-pipe", see: broken_pipe, of: Of::All },
];

/// No core files: they would be as large as the emulator, and natively are a matter of the machine's settings.
const NO_CORE: [&str; 4] = ["limit", "4", "0", "0"];

/// The signals that end a program that does nothing about them.
const FATAL: [i32; 24] =
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 24, 25, 26, 27, 29, 30, 31, 17];

fn exit_codes(way: &Way) -> String {
    let mut text = String::new();
    for code in 0..=255 {
        let output = way.command(&[], &["exit", &code.to_string()]).output().unwrap();
        let silent = output.stdout.is_empty() && output.stderr.is_empty();
        if output.status.code() != Some(code) || !silent {
            writeln!(text, "{code}: {output:?}").unwrap();
        }
    }
    text + "all others exact"
}

fn by_signals(way: &Way, signals: impl IntoIterator<Item = i32>) -> String {
    let mut text = String::new();
    for signal in signals {
        let output = way.command(&NO_CORE, &["signal", &signal.to_string()]).output().unwrap();
        writeln!(text, "{signal}: {}", ending(output.status)).unwrap();
    }
    text
}

fn death_by_signal(way: &Way) -> String {
    by_signals(way, FATAL)
}

fn death_by_real_time_signal(way: &Way) -> String {
    by_signals(way, 34..=64)
}

fn crash(way: &Way) -> String {
    way.see(&NO_CORE, &["fault"])
}

fn abort(way: &Way) -> String {
    way.see(&NO_CORE, &["abort"])
}

/// The reader of its output goes away.
fn broken_pipe(way: &Way) -> String {
    let mut child = way.command(&[], &["flood"]).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut begin = [0; 10];
    stdout.read_exact(&mut begin).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    let status = std::process::ExitStatus::from_raw(output.status.into_raw());
    way.describe(status, &begin, &output.stderr)
}
