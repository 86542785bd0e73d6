//! WASI programs in our own runtime and under node: modules assembled here byte by byte, and C programs where clang and
//! wasi-libc are installed.
#![expect(clippy::print_stdout, reason = "a test that cannot run says so")]
#![expect(clippy::unwrap_used, reason = "what these tests set up themselves has to work")]

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use duct::cmd;
use triplecheck::{toolchain, wasi};

const BINARY: &str = env!("CARGO_BIN_EXE_triplecheck");

/// What a run showed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shown {
    status: Option<i32>,
    stdout: Vec<u8>,
    stderr: String,
}

/// How to start a module.
struct Runtime {
    name: &'static str,
    command: Vec<OsString>,
    _script: Option<tempfile::NamedTempFile>,
}

fn builtin() -> Runtime {
    Runtime { name: "built in", command: wasi::builtin_command(Path::new(BINARY)), _script: None }
}

/// Our runtime, and node if it is there.
fn runtimes() -> Vec<Runtime> {
    let mut all = vec![builtin()];
    if let Some(node) = find("node", &["node"]) {
        let script = tempfile::Builder::new().suffix(".mjs").tempfile().unwrap();
        fs_err::write(script.path(), wasi::node_script()).unwrap();
        let command = wasi::node_command(&node, script.path());
        all.push(Runtime { name: "node", command, _script: Some(script) });
    }
    all
}

/// A program on PATH. Absence is said, and is a failure where `TRIPLECHECK_REQUIRE` names the program or the target.
fn find(program: &str, required_as: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file());
    if found.is_none() {
        skip(&format!("no `{program}` on PATH"), required_as);
    }
    found
}

fn skip(reason: &str, required_as: &[&str]) {
    let required = std::env::var("TRIPLECHECK_REQUIRE").unwrap_or_default();
    let names: Vec<_> = required.split(',').map(str::trim).collect();
    assert!(!required_as.iter().any(|name| names.contains(name)), "required, but {reason}");
    println!("skipped: {reason}");
}

fn run(runtime: &Runtime, directory: &Path, words: &[&str], stdin: &[u8]) -> Shown {
    let (program, fixed) = runtime.command.split_first().unwrap();
    let words = fixed.iter().cloned().chain(words.iter().map(OsString::from));
    start(&cmd(program, words), directory, stdin)
}

fn start(expression: &duct::Expression, directory: &Path, stdin: &[u8]) -> Shown {
    let output = expression
        .dir(directory)
        .env("PROBE", "x=y z")
        .stdin_bytes(stdin)
        .stdout_capture()
        .stderr_capture()
        .unchecked()
        .run()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    Shown { status: output.status.code(), stdout: output.stdout, stderr }
}

/// A section: its number, and its contents behind their length.
fn section(number: u8, contents: &[u8]) -> Vec<u8> {
    let length = u8::try_from(contents.len()).unwrap();
    assert!(length < 0x80, "one byte of LEB128");
    [&[number, length], contents].concat()
}

/// A module that exports a memory and `_start` with this body, which may call `proc_exit` (0) and `args_sizes_get` (1).
fn module(body: &[u8]) -> Vec<u8> {
    let import = |name: &str, kind: u8| {
        let from = "wasi_snapshot_preview1";
        let words = [from, name].map(|word| [&[u8::try_from(word.len()).unwrap()], word.as_bytes()].concat());
        [words.concat(), vec![0, kind]].concat()
    };
    let types = [3, 0x60, 1, 0x7f, 0, 0x60, 2, 0x7f, 0x7f, 1, 0x7f, 0x60, 0, 0];
    let imports = [vec![2], import("proc_exit", 0), import("args_sizes_get", 1)].concat();
    let exports = [&[2, 6], b"memory".as_slice(), &[2, 0, 6], b"_start", &[0, 2]].concat();
    let function = [&[0], body, &[0x0b]].concat();
    let code = [&[1, u8::try_from(function.len()).unwrap()], function.as_slice()].concat();
    [
        b"\0asm\x01\0\0\0".to_vec(),
        section(1, &types),
        section(2, &imports),
        section(3, &[1, 2]),
        section(5, &[1, 0, 1]),
        section(7, &exports),
        section(10, &code),
    ]
    .concat()
}

/// `proc_exit(status)`.
fn exit_with(status: u32) -> Vec<u8> {
    let low = u8::try_from(status & 0x7f).unwrap();
    // Always two bytes, so that the sign bit of the second is free.
    let high = u8::try_from(status >> 7).unwrap();
    module(&[0x41, low | 0x80, high, 0x10, 0])
}

#[track_caller]
fn check(name: &str, bytes: &[u8], arguments: &[&str], status: i32, stderr: &str) {
    let directory = tempfile::tempdir().unwrap();
    fs_err::write(directory.path().join(name), bytes).unwrap();
    for runtime in runtimes() {
        let words: Vec<_> = std::iter::once(name).chain(arguments.iter().copied()).collect();
        let shown = run(&runtime, directory.path(), &words, b"");
        assert_eq!(shown.status, Some(status), "{}: {shown:?}", runtime.name);
        assert_eq!(shown.stderr, stderr, "{}", runtime.name);
    }
}

#[test]
fn every_status_arrives_as_natively() {
    for status in [0, 1, 42, 125, 126, 127, 128, 200, 255] {
        check("exit.wasm", &exit_with(status), &[], i32::try_from(status).unwrap(), "");
    }
    check("exit.wasm", &exit_with(256 + 7), &[], 7, "");
}

#[test]
fn returning_from_start_is_success() {
    check("empty.wasm", &module(&[]), &[], 0, "");
}

#[test]
fn the_guest_gets_its_name_and_all_arguments() {
    let count_as_status = module(&[0x41, 0, 0x41, 4, 0x10, 1, 0x1a, 0x41, 0, 0x28, 2, 0, 0x10, 0]);
    check("count.wasm", &count_as_status, &["a", "", "--argv0", "b c"], 5, "");
    let size_as_status = module(&[0x41, 0, 0x41, 4, 0x10, 1, 0x1a, 0x41, 4, 0x28, 2, 0, 0x10, 0]);
    check("size.wasm", &size_as_status, &["ab"], 13, "");
}

#[test]
fn a_trap_is_named_and_has_a_status_of_its_own() {
    let trap = |name: &str| format!("triplecheck-wasi: trap: {name}\n");
    check("trap.wasm", &module(&[0]), &[], 134, &trap("unreachable"));
    let divide = [0x41, 1, 0x41, 0, 0x6d, 0x1a];
    check("trap.wasm", &module(&divide), &[], 134, &trap("integer divide by zero"));
    let load = [0x41, 0x7f, 0x28, 2, 0, 0x1a];
    check("trap.wasm", &module(&load), &[], 134, &trap("memory access out of bounds"));
    let convert = [0x43, 0, 0, 0xc0, 0x7f, 0xa8, 0x1a];
    check("trap.wasm", &module(&convert), &[], 134, &trap("invalid conversion to integer"));
    let overflow = [0x41, 0x80, 0x80, 0x80, 0x80, 0x78, 0x41, 0x7f, 0x6d, 0x1a];
    check("trap.wasm", &module(&overflow), &[], 134, &trap("integer overflow"));
}

#[test]
fn endless_recursion_ends_the_guest_and_not_us() {
    check("deep.wasm", &module(&[0x10, 2]), &[], 134, "triplecheck-wasi: trap: stack overflow\n");
}

#[track_caller]
fn check_refused(bytes: &[u8], reason: &str) {
    let directory = tempfile::tempdir().unwrap();
    fs_err::write(directory.path().join("bad.wasm"), bytes).unwrap();
    for runtime in runtimes() {
        let shown = run(&runtime, directory.path(), &["bad.wasm"], b"");
        assert_eq!(shown.status, Some(126), "{}: {shown:?}", runtime.name);
        assert!(shown.stderr.starts_with("triplecheck-wasi: cannot run `bad.wasm`: "), "{shown:?}");
        if runtime.name == "built in" {
            assert!(shown.stderr.contains(reason), "{shown:?}");
        }
    }
}

#[test]
fn what_is_no_program_is_refused_with_the_reason() {
    check_refused(b"#!/bin/sh\n", "not a WebAssembly module");
    check_refused(b"", "not a WebAssembly module");
    check_refused(b"\0asm\x0d\0\x01\0", "a component");
    check_refused(b"\0asm\x01\0\0\0", "exports no `_start`");
    check_refused(&module(&[])[..60], "");
    let foreign = exit_with(1).iter().map(|&byte| if byte == b'w' { b'v' } else { byte }).collect::<Vec<_>>();
    check_refused(&foreign, "vasi_snapshot_");
}

#[test]
fn a_missing_file_is_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    for runtime in runtimes() {
        let shown = run(&runtime, directory.path(), &["none.wasm"], b"");
        assert_eq!(shown.status, Some(127), "{}: {shown:?}", runtime.name);
        assert!(shown.stderr.contains("none.wasm"), "{shown:?}");
    }
}

#[test]
fn exceptions_are_left_to_node() {
    let mut bytes = module(&[]);
    // The tag section stands between those of memories and exports.
    let exports = bytes.windows(8).position(|window| window[2..] == *b"\x02\x06memo").unwrap();
    bytes.splice(exports..exports, section(13, &[1, 0, 0]));
    let directory = tempfile::tempdir().unwrap();
    fs_err::write(directory.path().join("tag.wasm"), &bytes).unwrap();
    assert_eq!(wasi::needs(&bytes), wasi::Needs::Exceptions);
    for runtime in runtimes() {
        let shown = run(&runtime, directory.path(), &["tag.wasm"], b"");
        if runtime.name == "node" {
            assert_eq!((shown.status, shown.stderr.as_str()), (Some(0), ""));
        } else {
            assert_eq!(shown.status, Some(126));
            assert!(shown.stderr.contains("exceptions, which node runs"), "{shown:?}");
        }
    }
}

/// Compiles C for WASI, or says why it cannot be done here.
fn compile(source: &Path, program: &Path) -> Option<()> {
    let required = [toolchain::wasi::TRIPLE];
    let clang = find("clang", &required)?;
    let recipe = match toolchain::wasi::c_recipe(&clang, None) {
        Ok(recipe) => recipe,
        Err(missing) => {
            skip(&format!("failed to {missing}"), &required);
            return None;
        }
    };
    let words = recipe.flags.iter().map(OsString::from);
    let words = words.chain(["-O1".into(), source.into(), "-o".into(), program.into()]);
    let words = words.chain(recipe.libraries.iter().map(OsString::from));
    cmd(recipe.compiler, words).run().unwrap();
    Some(())
}

/// A relative link is followed from the directory that was opened, and not from its own: node 18, whose WASI library (uvwasi) is
/// older than 0.0.20.
fn follows_links_from_the_wrong_place(node: &Runtime) -> bool {
    let version = cmd(&node.command[0], ["-p", "process.versions.uvwasi"]).read().unwrap();
    let numbers: Vec<u32> = version.trim().split('.').map(|part| part.parse().unwrap()).collect();
    numbers < vec![0, 0, 20]
}

#[test]
fn a_program_sees_the_same_as_natively() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wasi/everything.c");
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("everything.wasm");
    if compile(&source, &program).is_none() {
        return;
    }
    let native = directory.path().join("everything");
    cmd("cc", [OsString::from("-O1"), source.into(), "-o".into(), native.clone().into()]).run().unwrap();
    let stdin: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let here = directory.path().to_str().unwrap();
    let arguments = ["", "two  words", "-x", here];
    let expected = start(&cmd(native, arguments), directory.path(), &stdin);
    assert_eq!(expected.status, Some(200), "{expected:?}");
    for runtime in runtimes() {
        let words = ["everything.wasm", arguments[0], arguments[1], arguments[2], arguments[3]];
        let mut expected = expected.clone();
        if runtime.name == "node" && follows_links_from_the_wrong_place(&runtime) {
            // Once the files are done; nothing else is otherwise.
            let at = b"variable <x=y z>\n";
            let place = expected.stdout.windows(at.len()).position(|part| part == at).unwrap() + at.len();
            let line = "line 54: stat(\"d/l\", &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 6 does not hold (No such file or directory)\n";
            expected.stdout.splice(place..place, line.bytes());
            expected.status = Some(1);
        }
        assert_eq!(run(&runtime, directory.path(), &words, &stdin), expected, "{}", runtime.name);
    }
}
