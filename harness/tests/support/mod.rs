//! What the tests share: the binary under test, and the rule by which a test that cannot run is not silent.

#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::print_stdout, reason = "a skip is said aloud")]
#![allow(clippy::disallowed_methods, reason = "tests start the binary under test")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The binary under test.
pub(crate) fn triplecheck() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_triplecheck"));
    command.stdin(Stdio::null()).env_remove("RUST_BACKTRACE");
    command
}

/// The cargo that builds these tests.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.stdin(Stdio::null());
    command
}

/// What it printed, and how it ended.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs it to its end.
#[track_caller]
pub(crate) fn ran(command: &mut Command) -> Ran {
    let Output { status, stdout, stderr } = command.output().expect("the binary under test starts");
    Ran {
        code: status.code(),
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    }
}

/// Whether what `name` stands for may not be skipped.
pub(crate) fn is_required(name: &str) -> bool {
    std::env::var("TRIPLECHECK_REQUIRE").is_ok_and(|list| list.split(',').any(|entry| entry == name))
}

/// Whether programs for `target` can be run here. Where they cannot, the test is skipped aloud, or fails if
/// `TRIPLECHECK_REQUIRE` names the target.
#[track_caller]
pub(crate) fn runs(target: &str) -> bool {
    let which = ran(triplecheck().args(["which", target]));
    if which.code == Some(0) {
        return true;
    }
    assert!(!is_required(target), "{target} is required and cannot be run:\n{}", which.stdout);
    println!("skipped: {target} cannot be run here");
    false
}

/// The same of a guest system for `target`, which is required as `vm`.
#[track_caller]
pub(crate) fn boots(target: &str) -> bool {
    let which = ran(triplecheck().args(["which", "--emulator", "vm", target]));
    if which.code == Some(0) {
        return true;
    }
    assert!(!is_required("vm"), "a guest system for {target} is required:\n{}", which.stdout);
    println!("skipped: no guest system for {target}");
    false
}

/// The words of the command by which a guest system runs `what`, a target or a program; `cache` instead of the user's own.
#[track_caller]
pub(crate) fn guest_words(what: &Path, cache: Option<&Path>) -> Vec<String> {
    let mut command = triplecheck();
    command.args(["which", "--json", "--emulator", "vm"]).arg(what);
    if let Some(cache) = cache {
        command.env("TRIPLECHECK_CACHE", cache);
    }
    let which = ran(&mut command);
    let which: serde_json::Value = serde_json::from_str(&which.stdout).expect("`--json` is JSON");
    let words = which["command"].as_array().expect("there is a guest system");
    words.iter().map(|word| word.as_str().expect("words are text").to_owned()).collect()
}

/// The directory of a target's guest system.
#[track_caller]
pub(crate) fn guest_system(target: &str) -> PathBuf {
    let words = guest_words(Path::new(target), None);
    let place = words.iter().position(|word| word == "--kernel").expect("its kernel is named");
    PathBuf::from(&words[place + 1])
}

/// A C compiler by name; where it is missing the test is skipped aloud, or fails if its target is required.
#[track_caller]
pub(crate) fn compile(cc: &str, target: &str, source: &str, output: &Path, flags: &[&str]) -> bool {
    let file = output.with_extension("c");
    std::fs::write(&file, source).expect("the temporary directory is writable");
    let status = Command::new(cc).arg("-o").arg(output).arg(&file).args(flags).status();
    match status {
        Ok(status) => {
            assert!(status.success(), "`{cc}` fails");
            true
        }
        Err(error) => {
            assert!(!is_required(target), "{target} is required and there is no `{cc}`: {error}");
            println!("skipped: there is no `{cc}`");
            false
        }
    }
}

/// Writes a program that is a script. Not written by this process: while a test forks beside this one, that could not be executed.
pub(crate) fn executable(path: &Path, text: String) {
    let written = duct::cmd!("install", "-m", "755", "/dev/stdin", path).stdin_bytes(text).run();
    written.expect("`install` is part of every system");
}

/// Writes a project's files below `root`.
pub(crate) fn write(root: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path: PathBuf = root.join(name);
        std::fs::create_dir_all(path.parent().expect("a file below the root has a parent"))
            .expect("the temporary directory is writable");
        std::fs::write(path, text).expect("the temporary directory is writable");
    }
}

/// Copies a file or a directory as `cp` does.
pub(crate) fn copies(from: &Path, to: &Path) -> bool {
    Command::new("cp").arg("-rL").args([from, to]).status().is_ok_and(|status| status.success())
}

/// The repository's root.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is in the workspace").to_owned()
}

/// Waits until something is so that nobody tells of; a test that waits for long fails.
#[track_caller]
pub(crate) fn await_true(what: &str, mut is_so: impl FnMut() -> bool) {
    const STEP: rustix::event::Timespec = rustix::event::Timespec { tv_sec: 0, tv_nsec: 10_000_000 };
    let until = std::time::Instant::now() + std::time::Duration::from_secs(120);
    while !is_so() {
        assert!(std::time::Instant::now() < until, "never: {what}");
        let _ = rustix::event::poll(&mut [], Some(&STEP));
    }
}
