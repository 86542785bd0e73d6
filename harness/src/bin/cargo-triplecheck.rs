//! `cargo triplecheck …`: cargo looks for a program of this name, which becomes the one beside it.

#![expect(clippy::disallowed_methods, reason = "it starts nothing, it becomes the other program")]

use std::ffi::OsStr;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// The status of a program that cannot be started, as shells have it.
const NOT_STARTED: u8 = 127;

fn main() -> ExitCode {
    const NAME: &str = "triplecheck";
    let mut words = std::env::args_os().skip(1).peekable();
    // cargo passes the name of the command as the first word.
    words.next_if(|word| word == OsStr::new(NAME));
    let beside = std::env::current_exe().ok().map(|me| me.with_file_name(NAME)).filter(|path| path.is_file());
    let program = beside.unwrap_or_else(|| PathBuf::from(NAME));
    let error = Command::new(&program).args(words).exec();
    // A closed standard error leaves only the exit status.
    let _ = writeln!(
        std::io::stderr(),
        "triplecheck: error: cannot start `{}`: {error}\n  try: cargo install triplecheck",
        program.display()
    );
    ExitCode::from(NOT_STARTED)
}
