//! What the hook says of files that are no programs, of programs that nobody here runs, and of emulators that are
//! none: one message with the file's name and what to do, the documented status, and nothing on standard output.

#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod support;

use std::ffi::OsString;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::{Ran, ran, triplecheck};

/// `e_machine` of AArch64, and a number that nobody has.
const AARCH64: u16 = 183;
const NOBODYS: u16 = 0x7777;

/// The emulators that are looked for on behalf of an AArch64 program.
const EMULATORS: [&str; 2] = ["qemu-aarch64-static", "qemu-aarch64"];

/// A static 64-bit little-endian ELF program without instructions.
fn elf(machine: u16) -> Vec<u8> {
    const BASE: u64 = 0x40_0000;
    const BYTES: u64 = 64 + 56;
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0".to_vec();
    file.extend(machine.to_le_bytes());
    file.extend(1_u32.to_le_bytes());
    for value in [BASE + BYTES, 64, 0] {
        file.extend(value.to_le_bytes()); // e_entry, e_phoff, e_shoff
    }
    file.extend([0; 4]);
    for value in [64_u16, 56, 1, 64, 0, 0] {
        file.extend(value.to_le_bytes());
    }
    file.extend([1, 0, 0, 0, 5, 0, 0, 0]); // PT_LOAD, readable and executable
    for value in [0, BASE, BASE, BYTES, BYTES, 0x1000] {
        file.extend(value.to_le_bytes());
    }
    file
}

/// A 32-bit console program for Windows without sections and imports.
fn pe32() -> Vec<u8> {
    let mut file = b"MZ".to_vec();
    file.resize(0x3c, 0);
    file.extend(0x40_u32.to_le_bytes());
    file.extend(b"PE\0\0");
    file.extend([0x4c, 0x01, 0, 0]); // i386, no sections
    file.extend([0; 12]);
    file.extend(224_u16.to_le_bytes()); // SizeOfOptionalHeader
    file.extend(0x0102_u16.to_le_bytes()); // an executable for 32 bits
    let optional = file.len();
    file.resize(optional + 224, 0);
    file[optional..optional + 2].copy_from_slice(&0x10b_u16.to_le_bytes());
    let mut put = |at: usize, value: u32| {
        file[optional + at..optional + at + 4].copy_from_slice(&value.to_le_bytes());
    };
    put(28, 0x40_0000); // ImageBase
    put(32, 0x1000); // SectionAlignment
    put(36, 0x200); // FileAlignment
    put(56, 0x1000); // SizeOfImage
    put(60, 0x200); // SizeOfHeaders
    put(68, 3); // Subsystem: console
    put(92, 16); // NumberOfRvaAndSizes
    file.resize(0x200, 0);
    file
}

fn put(dir: &Path, name: &str, bytes: &[u8], mode: u32) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, bytes).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    path
}

fn program(dir: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    put(dir, name, bytes, 0o755)
}

/// One message of ours, with these words, a remedy, the status, and nothing that a guest might have printed.
#[track_caller]
fn check(run: &Ran, code: i32, words: &[&str]) {
    assert_eq!(run.code, Some(code), "{}", run.stderr);
    assert_eq!(run.stdout, "");
    assert_eq!(run.stderr.matches("triplecheck: error: ").count(), 1, "{}", run.stderr);
    assert!(run.stderr.starts_with("triplecheck: error: "), "{}", run.stderr);
    assert!(run.stderr.contains("\n  try: "), "nothing to do about it: {}", run.stderr);
    for word in words {
        assert!(run.stderr.contains(word), "`{word}` is not in: {}", run.stderr);
    }
}

fn exec(path: &Path) -> Ran {
    ran(triplecheck().arg("exec").arg(path))
}

#[test]
fn what_is_no_regular_file_is_refused_by_its_kind_and_never_opened() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    std::fs::create_dir(path("some-dir")).unwrap();
    // Opening it would wait for a writer until the end of days.
    let fifo = rustix::fs::CWD;
    rustix::fs::mknodat(fifo, path("some-fifo"), rustix::fs::FileType::Fifo, 0o777.into(), 0).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(path("some-socket")).unwrap();
    for (path, kind) in [
        (path("some-dir"), "a directory"),
        (path("some-fifo"), "a fifo"),
        (path("some-socket"), "a socket"),
        (PathBuf::from("/dev/null"), "a device"),
        (PathBuf::from("/dev/tty"), "a device"),
    ] {
        let shown = path.to_str().unwrap();
        check(&exec(&path), 126, &[shown, kind]);
        let which = ran(triplecheck().arg("which").arg(&path));
        check(&which, 2, &[shown, kind]);
    }
}

#[test]
fn a_file_that_is_not_there_is_told_from_one_that_cannot_be_reached() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    program(dir.path(), "prog-here", &elf(AARCH64));
    symlink("nowhere", path("dangling")).unwrap();
    symlink("x-exec", path("x-exec")).unwrap();
    for (name, code, word) in [
        ("absent", 127, "not there"),
        ("prog-here/below", 127, "not there"),
        ("dangling", 127, "`nowhere`"),
        ("x-exec", 126, "symbolic links"),
    ] {
        check(&exec(&path(name)), code, &[path(name).to_str().unwrap(), word]);
    }
    for (name, word) in
        [("no-such-name", "PATH"), ("", "PATH"), ("-x", "--help"), ("prog-here", "./prog-here")]
    {
        let run = ran(triplecheck().current_dir(dir.path()).arg("exec").arg(name));
        check(&run, 127, &[name, word]);
    }
}

#[test]
fn headers_that_are_cut_or_lie_are_refused_before_any_emulator_sees_them() {
    let dir = tempfile::tempdir().unwrap();
    let whole = elf(AARCH64);
    let with = |at: usize, bytes: &[u8]| {
        let mut file = whole.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        file
    };
    let module = b"\0asm\x01\0\0\0\x02\xff\xff\xff\xff\x0f";
    for (name, bytes, word) in [
        ("elf-identification", &whole[..7], "truncated or damaged ELF"),
        ("elf-header", &whole[..40], "truncated or damaged ELF"),
        ("elf-segments", &whole[..80], "truncated or damaged ELF"),
        ("elf-far-segments", &with(32, &[0xff; 8]), "truncated or damaged ELF"),
        ("elf-many-segments", &with(56, &[0xff; 2]), "truncated or damaged ELF"),
        ("elf-huge-segment", &with(96, &[0xff; 7]), "truncated or damaged ELF"),
        ("elf-class", &with(4, &[9]), "truncated or damaged ELF"),
        ("pe-header", &pe32()[..0x50], "truncated or damaged PE"),
        ("dos", &b"MZ\x90\0\x03\0\0\0"[..], "MZ"),
        ("wasm-section", &module[..], "WebAssembly"),
        ("script-without-interpreter", b"#!\n", "no interpreter"),
        ("script-without-end", &[&b"#!/"[..], &[b'x'; 5000]].concat(), "cut off"),
        ("text", b"hello\n", "not a program"),
        ("nothing", b"", "empty"),
    ] {
        let path = program(dir.path(), name, bytes);
        check(&exec(&path), 126, &[path.to_str().unwrap(), word]);
    }
}

#[test]
fn a_machine_that_nobody_emulates_is_named_by_its_number() {
    let dir = tempfile::tempdir().unwrap();
    let path = program(dir.path(), "alien", &elf(NOBODYS));
    check(&exec(&path), 126, &[path.to_str().unwrap(), "30583", "no emulator"]);
}

/// The same file for somebody who is not root, to whom permissions mean something.
fn as_anybody(binary: &Path, program: &Path) -> Ran {
    const NOBODY: u32 = 65534;
    #[expect(clippy::disallowed_methods, reason = "the test starts the binary under test")]
    let mut command = Command::new(binary);
    command.arg("exec").arg(program).env("TRIPLECHECK_CACHE", "/nonexistent").current_dir("/");
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    ran(&mut command)
}

#[test]
fn permissions_are_those_of_the_user() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let binary = dir.path().join("triplecheck");
    // By another process: a test that forks while we write would keep the file busy for whoever starts it.
    #[expect(clippy::disallowed_methods, reason = "the test starts a tool of the system")]
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_triplecheck")).arg(&binary).status().unwrap();
    assert!(copied.success());
    let locked = put(dir.path(), "locked", &elf(AARCH64), 0o644);
    check(&as_anybody(&binary, &locked), 126, &["locked", "not executable", "chmod +x"]);
    let unreadable = put(dir.path(), "unreadable", &elf(AARCH64), 0o711);
    check(&as_anybody(&binary, &unreadable), 126, &["unreadable", "Permission denied", "must be readable"]);
    let closed = dir.path().join("closed");
    std::fs::create_dir(&closed).unwrap();
    program(&closed, "inside", &elf(AARCH64));
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o600)).unwrap();
    let run = as_anybody(&binary, &closed.join("inside"));
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o700)).unwrap();
    check(&run, 126, &["closed/inside", "Permission denied"]);
}

/// The search path with `first` in front.
fn path_with(first: &Path) -> OsString {
    let old = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(std::iter::once(first.to_owned()).chain(std::env::split_paths(&old))).unwrap()
}

#[test]
fn an_emulator_that_is_there_but_broken_is_named_and_not_started() {
    let dir = tempfile::tempdir().unwrap();
    let guest = program(dir.path(), "guest", &elf(AARCH64));
    let foreign = elf(NOBODYS);
    for (what, bytes, mode, word) in [
        ("silent", &b"#!/bin/sh\nexit 1\n"[..], 0o755, "does not answer `--version`"),
        ("true", b"#!/bin/sh\n", 0o755, "does not answer `--version`"),
        ("text", b"some text\n", 0o755, "not a program"),
        ("empty", b"", 0o755, "empty"),
        ("orphan", b"#!/nowhere/sh\n", 0o755, "/nowhere/sh"),
        ("foreign", &foreign, 0o755, "a program for"),
        ("locked", b"#!/bin/sh\nexit 0\n", 0o644, "not executable"),
    ] {
        let bin = dir.path().join(what);
        std::fs::create_dir(&bin).unwrap();
        for name in EMULATORS {
            put(&bin, name, bytes, mode);
        }
        // Without the user's own packages, in which a good emulator may be.
        let cache = dir.path().join("cache");
        let mut command = triplecheck();
        // Nothing else is on it: a good emulator further on would rightly be taken instead of a locked file.
        command.env("PATH", &bin).env("TRIPLECHECK_CACHE", &cache);
        let run = ran(command.arg("exec").arg(&guest));
        let broken = bin.join(EMULATORS[0]);
        check(&run, 126, &[guest.to_str().unwrap(), broken.to_str().unwrap(), word]);
    }
}

#[test]
fn the_hook_does_not_call_itself_without_end() {
    let dir = tempfile::tempdir().unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_triplecheck"));
    let hook = dir.path().join("x-exec");
    symlink(binary, &hook).unwrap();
    let cache = dir.path().join("cache");

    // Through itself, twice over: a long way, but one with an end.
    let run = ran(triplecheck().arg("exec").arg(&hook).arg(binary).args(["exec", "/bin/sh", "-c", "exit 7"]));
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (Some(7), "", ""));

    // Nothing is left for the innermost one.
    let run = ran(triplecheck().arg("exec").arg(&hook));
    assert_eq!((run.code, run.stdout.as_str()), (Some(125), ""), "{}", run.stderr);
    assert!(run.stderr.contains("no program is named"), "{}", run.stderr);

    // The emulator's name is a link to us.
    let bin = dir.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    for name in EMULATORS {
        symlink(binary, bin.join(name)).unwrap();
    }
    let guest = program(dir.path(), "guest", &elf(AARCH64));
    let mut command = triplecheck();
    command.env("PATH", path_with(&bin)).env("TRIPLECHECK_CACHE", &cache);
    let run = ran(command.arg("exec").arg(&guest));
    check(&run, 126, &["guest", bin.join(EMULATORS[0]).to_str().unwrap(), "itself"]);

    // A script whose interpreter is the hook, by path and through `env`.
    let by_path = format!("#!{}\n", hook.display());
    for (name, text) in [
        ("by-path", by_path.as_str()),
        ("by-env", "#!/usr/bin/env x-exec\n"),
        ("by-split", "#!/usr/bin/env -S x-exec --\n"),
    ] {
        let script = program(dir.path(), name, text.as_bytes());
        let mut command = triplecheck();
        command.env("PATH", path_with(dir.path()));
        let run = ran(command.arg("exec").arg(&script));
        check(&run, 126, &[name, "this hook itself"]);
    }
}

#[test]
fn a_hook_that_is_not_understood_fails_with_a_status_of_its_own() {
    for words in [&["exec"][..], &["exec", "-t"], &["exec", "--emulator", "nonsense", "/bin/sh"]] {
        let run = ran(triplecheck().args(words));
        assert_eq!((run.code, run.stdout.as_str()), (Some(125), ""), "{words:?}: {}", run.stderr);
        assert!(run.stderr.contains("error: "), "{words:?}: {}", run.stderr);
    }
    // Help that was asked for is no failure, and elsewhere the status of a wrong command line is another.
    assert_eq!(ran(triplecheck().args(["exec", "--help"])).code, Some(0));
    assert_eq!(ran(triplecheck().args(["which"])).code, Some(2));
}

#[test]
fn a_32_bit_windows_program_is_refused_where_wine_would_end_well_without_running_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = program(dir.path(), "prog.exe", &pe32());
    if ran(triplecheck().args(["which", "i686-pc-windows-gnu"])).code == Some(0) {
        println!("skipped: 32-bit Wine is installed, and nothing is to be refused");
        return;
    }
    check(&exec(&path), 126, &["prog.exe", "32-bit"]);
    let run = ran(triplecheck().args(["exec", "-t", "i686-pc-windows-gnu"]).arg(&path));
    check(&run, 126, &["prog.exe", "32-bit"]);
}
