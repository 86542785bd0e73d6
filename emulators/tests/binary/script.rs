//! `#!` lines, each as the Linux kernel passes it on (measured on 6.18 with an interpreter that prints its
//! arguments).

use triplecheck_emulators::binary::{Binary, Script};

use crate::check_damaged;
use crate::sources::read;

#[track_caller]
fn check(bytes: &[u8], interpreter: &str, argument: Option<&str>) {
    let expected = Script { interpreter: interpreter.to_owned(), argument: argument.map(str::to_owned) };
    match read(&bytes) {
        Ok(Binary::Script(script)) => assert_eq!(script, expected),
        other => panic!("not a script: {other:?}"),
    }
}

#[test]
fn the_rest_of_the_line_is_one_argument() {
    check(b"#!/bin/sh\necho", "/bin/sh", None);
    check(b"#!/usr/bin/env python3 -u\n", "/usr/bin/env", Some("python3 -u"));
    check(b"#! \t/a \t b  c \t\nx", "/a", Some("b  c"));
    check(b"#!/a b\\ \"c\"\n", "/a", Some("b\\ \"c\""));
}

#[test]
fn a_carriage_return_belongs_to_the_name() {
    check(b"#!/bin/sh\r\n", "/bin/sh\r", None);
    check(b"#!/bin/sh -e\r\n", "/bin/sh", Some("-e\r"));
}

#[test]
fn a_line_that_ends_with_the_file_is_padded_with_nuls() {
    check(b"#!/a", "/a", None);
    check(b"#!/a x  ", "/a", Some("x  "));
    check(b"#!/a ", "/a", Some(""));
}

#[test]
fn a_nul_ends_the_line() {
    check(b"#!/a\0x\n", "/a", None);
    check(b"#!/a b\0c\n", "/a", Some("b"));
}

#[test]
fn a_line_without_an_interpreter_is_damage() {
    for bytes in
        [&b"#!"[..], b"#!\n", b"#! \t\n", b"#!  ", b"#!\0\n", &[b"#!".as_slice(), &[b' '; 300]].concat()]
    {
        check_damaged(bytes, "script", "no interpreter");
    }
}

#[test]
fn only_256_bytes_are_looked_at() {
    let long = |blank: &str, len: usize| [b"#!", blank.as_bytes(), &vec![b'x'; len], b"\n"].concat();
    check_damaged(&long("", 254), "script", "cut off");
    check(&long("", 253), &"x".repeat(253), None);
    // An argument is cut: the interpreter can read the file again.
    check(&long("/a ", 300), "/a", Some(&"x".repeat(250)));
    check(&long("/a ", 250), "/a", Some(&"x".repeat(250)));
}
