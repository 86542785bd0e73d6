//! Guest systems that are kept: programs that run one after the other in one, as those of a run do.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]
#![allow(clippy::print_stdout, reason = "a skip is said aloud")]

mod support;

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use support::{compile, is_required, ran, triplecheck};

const AARCH64: &str = "aarch64-unknown-linux-gnu";

/// Whether a guest system for `target` is there.
#[track_caller]
fn boots(target: &str) -> bool {
    let which = ran(triplecheck().args(["which", "--emulator", "vm", target]));
    if which.code == Some(0) {
        return true;
    }
    assert!(!is_required("vm"), "a guest system for {target} is required:\n{}", which.stdout);
    println!("skipped: no guest system for {target}");
    false
}

/// A server, and how programs are run in its guest.
struct Server {
    process: std::process::Child,
    /// It ends when this is closed.
    life_line: Option<UnixStream>,
    dir: tempfile::TempDir,
}

impl Server {
    fn start(program: &Path) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let which = ran(triplecheck().args(["which", "--json", "--emulator", "vm"]).arg(program));
        let which: Value = serde_json::from_str(&which.stdout).unwrap();
        let words: Vec<&str> =
            which["command"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let end = words.iter().position(|word| *word == "--argv0").unwrap();
        let socket = triplecheck::vm::socket(&words, dir.path()).unwrap();
        let mut command = triplecheck();
        command.arg("__vm-serve").args(&words[2..end]).arg("--listen").arg(socket);
        let (ours, theirs) = UnixStream::pair().unwrap();
        command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        drop(command);
        let mut answer = [0; 3];
        std::io::Read::read_exact(process.stdout.as_mut().unwrap(), &mut answer).unwrap();
        assert_eq!(&answer, b"up\n");
        Self { process, life_line: Some(ours), dir }
    }

    fn run(&self, program: &Path) -> (String, Option<i32>) {
        let mut command = triplecheck();
        command.args(["exec", "--emulator", "vm", "--"]).arg(program).stdin(Stdio::null());
        let run = ran(command.env("TRIPLECHECK_VM_SERVERS", self.dir.path()));
        assert!(run.stderr.is_empty(), "{}", run.stderr);
        (run.stdout, run.code)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.life_line.take());
        let _ = self.process.wait();
    }
}

/// A guest holds programs that it has run; a test is for what has changed.
#[test]
fn a_guest_that_runs_already_sees_every_change_of_the_hosts_files() {
    if !boots(AARCH64) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (one, two, tool) = (dir.path().join("one"), dir.path().join("two"), dir.path().join("bin/tool"));
    for (name, path) in [("one", &one), ("two", &two)] {
        let source = format!(
            "#include <stdio.h>\nint main(void) {{ char text[9] = \"-\"; FILE *f = fopen(\"{}/data\", \"r\");\n\
             if (f) fgets(text, 9, f); printf(\"{name} %s\", text); return 0; }}\n",
            dir.path().display()
        );
        if !compile("aarch64-linux-gnu-gcc", AARCH64, &source, path, &["-static"]) {
            return;
        }
    }
    std::fs::create_dir(tool.parent().unwrap()).unwrap();
    std::fs::copy(&one, &tool).unwrap();
    let server = Server::start(&tool);
    let settled = std::time::Instant::now() + std::time::Duration::from_secs(4);
    let said = |text: &str| (text.to_owned(), Some(0));
    // From the second time on it is held, once its time is old enough.
    while std::time::Instant::now() < settled {
        assert_eq!(server.run(&tool), said("one -"));
    }
    std::fs::write(dir.path().join("data"), "new").unwrap();
    assert_eq!(server.run(&tool), said("one new"));
    std::fs::write(dir.path().join("data"), "old").unwrap();
    assert_eq!(server.run(&tool), said("one old"));
    // The same file with other bytes, then another file, then another directory of this name.
    std::fs::write(&tool, std::fs::read(&two).unwrap()).unwrap();
    assert_eq!(server.run(&tool), said("two old"));
    std::fs::rename(&one, &tool).unwrap();
    assert_eq!(server.run(&tool), said("one old"));
    std::fs::rename(dir.path().join("bin"), dir.path().join("before")).unwrap();
    std::fs::create_dir(dir.path().join("bin")).unwrap();
    std::fs::rename(&two, &tool).unwrap();
    assert_eq!(server.run(&tool), said("two old"));
    std::fs::remove_file(dir.path().join("data")).unwrap();
    assert_eq!(server.run(&tool), said("two -"));
}
