//! A program at a terminal.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::Stdio;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::lab::{Way, await_readable};
use crate::rows::{Of, Row};

pub(crate) const ROWS: &[Row] = &[
    Row { name: "terminal", see: terminal, of: Of::All },
    Row { name: "terminal-output", see: terminal_output, of: Of::All },
    Row { name: "terminal-for-stderr-only", see: terminal_for_stderr_only, of: Of::All },
    Row { name: "terminal-keys", see: terminal_keys, of: Of::All },
];

/// A terminal of 33 rows and 77 columns: our side and the program's.
fn pair() -> (File, File) {
    let master: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let slave = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    tcsetwinsize(&slave, Winsize { ws_row: 33, ws_col: 77, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    (File::from(master), slave)
}

/// Everything until the last program at the terminal is gone, which Linux tells by an error.
fn shown(master: &mut File) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        await_readable(master, "the terminal stays open");
        match master.read(&mut buffer) {
            Ok(count) if count > 0 => bytes.extend(&buffer[..count]),
            _ => return bytes,
        }
    }
}

fn at_a_terminal(way: &Way, args: &[&str], keys: Option<&[u8]>) -> String {
    let (mut master, slave) = pair();
    let name =
        std::fs::read_link(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&slave))).unwrap();
    let stream = || Stdio::from(slave.try_clone().unwrap());
    let mut command = way.command(&["terminal", "limit", "4", "0", "0"], args);
    let mut child = command.stdin(stream()).stdout(stream()).stderr(stream()).spawn().unwrap();
    drop((command, slave));
    let mut begin = Vec::new();
    if let Some(keys) = keys {
        let mut byte = [0];
        while !begin.ends_with(b"ready") {
            await_readable(&master, "the guest says nothing");
            if !matches!(master.read(&mut byte), Ok(1)) {
                break;
            }
            begin.extend(byte);
        }
        master.write_all(keys).unwrap();
    }
    begin.extend(shown(&mut master));
    let text = way.describe(child.wait().unwrap(), &begin, b"");
    text.replace(name.to_str().unwrap(), "TERMINAL").escape_debug().to_string().replace("\\n", "\n")
}

fn terminal(way: &Way) -> String {
    at_a_terminal(way, &["terminal"], None)
}

fn terminal_output(way: &Way) -> String {
    at_a_terminal(way, &["streams"], None)
}

fn terminal_for_stderr_only(way: &Way) -> String {
    let (mut master, slave) = pair();
    let output = way.command(&[], &["streams"]).stderr(slave).output().unwrap();
    let stderr = shown(&mut master);
    way.describe(output.status, &output.stdout, &stderr)
}

/// ^C and ^\ as the terminal sends them: to the whole group in front.
fn terminal_keys(way: &Way) -> String {
    [b"\x03", b"\x1c"].map(|key| at_a_terminal(way, &["await"], Some(key))).concat()
}
