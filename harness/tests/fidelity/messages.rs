//! Signals that are sent to a running program, and the dispositions that it inherits.

use std::fmt::Write as _;

use rustix::process::Signal;

use crate::lab::{Running, Way};
use crate::rows::{Of, Row};

pub(crate) const ROWS: &[Row] = &[
    Row { name: "signals-that-end", see: signals_that_end, of: Of::All },
    Row { name: "user-signal", see: user_signal, of: Of::All },
    Row { name: "interrupt", see: interrupt, of: Of::All },
    Row { name: "quit", see: quit, of: Of::All },
    Row { name: "signals-that-are-handled", see: signals_that_are_handled, of: Of::All },
    Row { name: "job-control", see: job_control, of: Of::All },
    Row { name: "inherited-signal-state", see: inherited_signal_state, of: Of::All },
];

fn ended_by(way: &Way, signal: Signal) -> String {
    let running = Running::start(&mut way.command(&["limit", "4", "0", "0"], &["await"]));
    let first = running.line();
    running.send(signal);
    format!("{first}\n{}", running.end(way))
}

fn signals_that_end(way: &Way) -> String {
    let signals = [Signal::TERM, Signal::HUP, Signal::KILL, Signal::ALARM];
    signals.map(|signal| ended_by(way, signal)).concat()
}

/// SIGUSR1, and SIGTERM for who is still there.
fn user_signal(way: &Way) -> String {
    let running = Running::start(&mut way.command(&[], &["await"]));
    let first = running.line();
    running.send(Signal::USR1);
    running.send(Signal::TERM);
    format!("{first}\n{}", running.end(way))
}

fn interrupt(way: &Way) -> String {
    ended_by(way, Signal::INT)
}

fn quit(way: &Way) -> String {
    ended_by(way, Signal::QUIT)
}

fn signals_that_are_handled(way: &Way) -> String {
    let running = Running::start(&mut way.command(&[], &["handle"]));
    let mut text = running.line();
    let signals = [
        Signal::HUP,
        Signal::INT,
        Signal::QUIT,
        Signal::TERM,
        Signal::USR1,
        Signal::WINCH,
        Signal::TSTP,
        Signal::CONT,
    ];
    if text == "ready" {
        for signal in signals {
            running.send(signal);
            writeln!(text, "\n{}", running.line()).unwrap();
        }
        running.send(Signal::USR2);
    }
    text + &running.end(way)
}

/// Stopped and continued, twice, in a process group of its own as a shell's jobs are.
fn job_control(way: &Way) -> String {
    let running = Running::start(&mut way.command(&["group"], &["await"]));
    let mut text = running.line();
    for signal in [Signal::TSTP, Signal::STOP] {
        running.send(signal);
        text += &format!("\n{}", running.change());
        running.send(Signal::CONT);
        text += &format!("\n{}", running.change());
    }
    running.send(Signal::TERM);
    format!("{text}\n{}", running.end(way))
}

/// Blocked SIGUSR1 and SIGPIPE, ignored SIGHUP, SIGPIPE and SIGCHLD.
fn inherited_signal_state(way: &Way) -> String {
    let odd = ["block", "10", "block", "13", "ignore", "1", "ignore", "13", "ignore", "17"];
    [way.see(&[], &["signals"]), way.see(&odd, &["signals"])].concat()
}
