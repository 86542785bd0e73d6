//! What only programs under Wine have: a server in common.

use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;

use crate::families::Kind;
use crate::lab::{Running, Way};
use crate::rows::{Of, Row};
use crate::streams::end_of_file_of;
use crate::support::{ran, triplecheck};

pub(crate) const ROWS: &[Row] = &[
    Row { name: "end-of-file-cold", see: end_of_file_cold, of: Of::Wine },
    Row { name: "server-ended-meanwhile", see: server_ended_meanwhile, of: Of::Wine },
];

/// A cache of our own, kept from run to run: the server of the user's prefix is not ours to end.
fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("fidelity-cache")
}

fn command(way: &Way, args: &[&str]) -> Command {
    let mut command = way.command(&[], args);
    command.env("TRIPLECHECK_CACHE", cache());
    command
}

/// Ends the server of our prefix.
fn end_server() {
    let which = ran(triplecheck().args(["which", "--json", "x86_64-pc-windows-gnu"]));
    let answer: serde_json::Value = serde_json::from_str(&which.stdout).unwrap();
    let wine = Path::new(answer["emulator"]["program"].as_str().unwrap()).canonicalize().unwrap();
    let server = ["wineserver64", "wineserver"].map(|name| wine.with_file_name(name));
    let server = server.iter().find(|path| path.is_file()).unwrap();
    for prefix in std::fs::read_dir(cache().join("wine")).unwrap().flatten().map(|entry| entry.path()) {
        if prefix.join("system.reg").is_file() {
            // 2 where there is none.
            Command::new(server).arg("-k").env("WINEPREFIX", &prefix).status().unwrap();
        }
    }
}

/// The first program after the start of the server, whose services would keep its streams open.
fn end_of_file_cold(way: &Way) -> String {
    if way.kind == Kind::Wine {
        // Makes the prefix where it is not there.
        command(way, &["exit", "0"]).status().unwrap();
        end_server();
    }
    end_of_file_of(way, &mut command(way, &["streams"]))
}

/// Natively there is no server, and the program is ended itself.
fn server_ended_meanwhile(way: &Way) -> String {
    let running = Running::start(&mut command(way, &["await"]));
    let first = running.line();
    if way.kind == Kind::Wine {
        end_server();
    } else {
        running.send(Signal::TERM);
    }
    format!("{first}\n{}", running.end(way))
}
