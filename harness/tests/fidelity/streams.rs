//! What a program reads and writes.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::Stdio;

use crate::lab::{Way, processes};
use crate::rows::{Of, Row};

pub(crate) const ROWS: &[Row] = &[
    Row { name: "streams-are-the-guests", see: streams_are_the_guests, of: Of::All },
    Row { name: "binary-data", see: binary_data, of: Of::All },
    Row { name: "stdin-not-read-ahead", see: stdin_not_read_ahead, of: Of::All },
    Row { name: "stdin-from-a-file", see: stdin_from_a_file, of: Of::All },
    Row { name: "output-appended-to-a-file", see: output_appended_to_a_file, of: Of::All },
    Row { name: "closed-streams", see: closed_streams, of: Of::All },
    Row { name: "output-to-a-closed-stream", see: output_to_a_closed_stream, of: Of::All },
    Row { name: "inherited-descriptors", see: inherited_descriptors, of: Of::All },
    Row { name: "end-of-file", see: end_of_file, of: Of::All },
];

/// Bytes without a pattern, always the same.
fn data(length: usize) -> Vec<u8> {
    // A linear congruential generator; only its repeatability matters.
    let states = std::iter::successors(Some(1_u32), |state| {
        Some(state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223))
    });
    states.map(|state| state.to_be_bytes()[0]).take(length).collect()
}

fn streams_are_the_guests(way: &Way) -> String {
    way.see(&[], &["streams"])
}

fn binary_data(way: &Way) -> String {
    way.seen_with_input(&mut way.command(&[], &["copy"]), &data(5_000_000))
}

/// Three programs read a line each from one pipe.
fn stdin_not_read_ahead(way: &Way) -> String {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"one\ntwo\nthree\nrest").unwrap();
    drop(writer);
    let mut text = String::new();
    for _ in 0..3 {
        text += &way.seen(way.command(&[], &["line"]).stdin(reader.try_clone().unwrap()));
    }
    let mut rest = String::new();
    let mut reader = reader;
    reader.read_to_string(&mut rest).unwrap();
    text + &rest
}

/// The place in a file moves on by what was read, and no further.
fn stdin_from_a_file(way: &Way) -> String {
    let path = way.dir.join("lines.txt");
    std::fs::write(&path, "one\ntwo\nthree\n").unwrap();
    let mut file = File::open(&path).unwrap();
    let mut text = way.seen(way.command(&[], &["line"]).stdin(file.try_clone().unwrap()));
    file.read_to_string(&mut text).unwrap();
    text
}

fn output_appended_to_a_file(way: &Way) -> String {
    let path = way.dir.join("log.txt");
    let _ = std::fs::remove_file(&path);
    let log = || Stdio::from(File::options().append(true).create(true).open(&path).unwrap());
    for _ in 0..2 {
        let mut command = way.command(&[], &["streams"]);
        command.stdout(log()).stderr(log()).status().unwrap();
    }
    std::fs::read_to_string(&path).unwrap()
}

/// Which descriptors are there: told through a copy of standard output, which may be closed itself.
fn closed_streams(way: &Way) -> String {
    let mut text = String::new();
    for closed in [
        &[][..],
        &["close", "0"],
        &["close", "1"],
        &["close", "2"],
        &["close", "0", "close", "1", "close", "2"],
    ] {
        let setup = [&["copy", "1", "9"], closed].concat();
        writeln!(text, "{closed:?} {}", way.see(&setup, &["descriptors", "9"])).unwrap();
    }
    text
}

/// A program that ends well although nobody hears it.
fn output_to_a_closed_stream(way: &Way) -> String {
    let closed = ["0", "1", "2"].map(|fd| way.see(&["close", fd], &["exit", "7"]));
    closed.concat()
}

fn inherited_descriptors(way: &Way) -> String {
    let setup = ["copy", "1", "7", "open", "/dev/null", "5"];
    [way.see(&setup, &["put", "7"]), way.see(&setup, &["descriptors", "7"])].concat()
}

/// Nobody but the guest holds its output: the end of file comes when the guest ends.
fn end_of_file(way: &Way) -> String {
    end_of_file_of(way, &mut way.command(&[], &["streams"]))
}

/// The same for one command.
pub(crate) fn end_of_file_of(way: &Way, command: &mut std::process::Command) -> String {
    let mut child = command.spawn().unwrap();
    let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let status = child.wait().unwrap();
    let pipes = [inode(&stdout), inode(&stderr)];
    let own = std::fs::read_to_string("/proc/self/comm").unwrap();
    // Between its start and its program, a child of another row is still called as we are.
    let mut holders = processes(|process| {
        let fds = std::fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
        fds.filter_map(|fd| std::fs::read_link(fd.path()).ok())
            .any(|link| pipes.iter().any(|pipe| link.as_os_str() == pipe.as_str()))
    });
    // Wine's server has a copy of what its clients have open, and gives it back a moment after their end.
    holders.retain(|name| name != own.trim() && !name.starts_with("wineserver"));
    let (mut out, mut err) = (Vec::new(), Vec::new());
    stdout.read_to_end(&mut out).unwrap();
    stderr.read_to_end(&mut err).unwrap();
    format!("held by {holders:?}\n{}", way.describe(status, &out, &err))
}

fn inode(pipe: &impl std::os::fd::AsFd) -> String {
    format!("pipe:[{}]", rustix::fs::fstat(pipe).unwrap().st_ino)
}
