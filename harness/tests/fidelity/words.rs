//! What a program is told: its words, its name, its environment, its directory.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use crate::lab::{PROBE, Way};
use crate::rows::{Of, Row};

pub(crate) const ROWS: &[Row] = &[
    Row { name: "arguments", see: arguments, of: Of::All },
    Row { name: "arguments-not-utf8", see: arguments_not_utf8, of: Of::All },
    Row { name: "long-argument", see: long_argument, of: Of::All },
    Row { name: "many-arguments", see: many_arguments, of: Of::All },
    Row { name: "own-name", see: own_name, of: Of::All },
    Row { name: "found-on-path", see: found_on_path, of: Of::All },
    Row { name: "environment", see: environment, of: Of::All },
    Row { name: "environment-odd", see: environment_odd, of: Of::All },
    Row { name: "environment-empty", see: environment_empty, of: Of::All },
    Row { name: "variables", see: variables, of: Of::All },
    Row { name: "temporary-directory", see: temporary_directory, of: Of::All },
    Row { name: "working-directory", see: working_directory, of: Of::All },
];

fn arguments(way: &Way) -> String {
    let odd = [
        "words",
        "",
        " ",
        "a b",
        "it's",
        "\"q\"",
        "back\\slash",
        "trailing\\",
        "two\\\\",
        "\\\"",
        "new\nline",
        "tab\t",
        "*",
        "*.txt",
        "$HOME",
        "%PATH%",
        "^&|<>",
        "~",
        "é日本😀",
        "-x",
        "--",
        "--help",
        "-0",
        "@file",
        "{argv0}",
        "",
    ];
    way.see(&[], &odd)
}

fn arguments_not_utf8(way: &Way) -> String {
    way.see(&[], &[OsStr::new("words"), OsStr::from_bytes(b"a\xff\xfe"), OsStr::from_bytes(b"\x80")])
}

fn long_argument(way: &Way) -> String {
    way.see(&[], &["sum".to_owned(), "long ".repeat(20_000)])
}

fn many_arguments(way: &Way) -> String {
    let words = std::iter::once("sum".to_owned()).chain((0..20_000).map(|number| number.to_string()));
    way.see(&[], &words.collect::<Vec<_>>())
}

/// The name by which it was called, by three ways to the same file.
fn own_name(way: &Way) -> String {
    let dir = way.dir.file_name().unwrap().to_str().unwrap();
    let roundabout = format!("../{dir}/probe");
    let absolute = way.dir.join("probe");
    let names = [PROBE, &roundabout, absolute.to_str().unwrap()];
    let seen = names.map(|name| way.seen(&mut way.command_of(name, &[], &["name"])));
    seen.concat().replace(&format!("../{dir}/"), "../DIR/")
}

fn found_on_path(way: &Way) -> String {
    let path = std::env::var_os("PATH").unwrap();
    let dirs = std::iter::once(way.dir.clone()).chain(std::env::split_paths(&path));
    let path = std::env::join_paths(dirs).unwrap();
    way.seen(way.command_of("probe", &[], &["name"]).env("PATH", path))
}

const ONLY: [&str; 11] =
    ["only", "set", "FIRST=1", "set", "lower=2", "set", "EMPTY=", "set", "SPACES=a  b", "set", "é=日本"];

/// Everything in its order.
fn environment(way: &Way) -> String {
    way.see(&ONLY, &["environment"])
}

/// Names that no shell would take, a name twice, an entry without a name, and one without a value.
fn environment_odd(way: &Way) -> String {
    let odd = [
        "only",
        "set",
        "BAD NAME=x",
        "set",
        "TWICE=1",
        "set",
        "TWICE=2",
        "set",
        "=unnamed",
        "set",
        "bare",
        "set",
        "LAST==y",
    ];
    [way.see(&odd, &["environment"]), way.see(&odd, &["variable", "TWICE"])].concat()
}

fn environment_empty(way: &Way) -> String {
    way.see(&["only"], &["environment"])
}

/// What a program asks for by name.
fn variables(way: &Way) -> String {
    let mut setup = ONLY.to_vec();
    setup.extend(["set", "BAD NAME=x", "set", "QEMU_STRACE=", "set", "LD_DEBUG="]);
    ["FIRST", "lower", "SPACES", "BAD NAME", "NOT THERE", "LD_DEBUG"]
        .map(|name| way.see(&setup, &["variable", name]))
        .concat()
}

/// Where it is told to keep temporary files.
fn temporary_directory(way: &Way) -> String {
    let dir = way.dir.join("temporary files");
    std::fs::create_dir_all(&dir).unwrap();
    let names = ["TMPDIR", "TMP", "TEMP"];
    names
        .map(|name| {
            let mut value = OsString::from(format!("{name}=")).into_vec();
            value.extend(dir.as_os_str().as_bytes());
            let value = String::from_utf8(value).unwrap();
            way.see(&["only", "set", &value], &["variable", name])
        })
        .concat()
}

fn working_directory(way: &Way) -> String {
    way.see(&[], &["here"])
}
