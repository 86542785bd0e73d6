//! What every row needs: the programs, a start under chosen conditions, and a description of what came of it.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, waitpid};
use tempfile::TempDir;

use crate::families::{Family, Kind};

/// Long enough to mean that something hangs, on a machine with many more processes than cores.
const HANG_LIMIT: Duration = Duration::from_secs(120);
const HANG: Timespec = Timespec { tv_sec: 120, tv_nsec: 0 };

/// The source of the program that starts the others.
const STARTER: &str = include_str!("starter.c");

/// Where everything stands.
pub(crate) struct Bench {
    dir: TempDir,
    starter: PathBuf,
}

/// How one family's program is started.
pub(crate) struct Way {
    pub(crate) kind: Kind,
    /// The program stands here, and is started from here.
    pub(crate) dir: PathBuf,
    starter: PathBuf,
    /// The words before the program: none natively.
    hook: Vec<OsString>,
}

/// The program's name, the same in all families, so that what it says of itself is the same.
pub(crate) const PROBE: &str = "./probe";

impl Bench {
    pub(crate) fn new() -> Bench {
        let dir = tempfile::tempdir().unwrap();
        let starter = dir.path().join("starter");
        let source = dir.path().join("starter.c");
        std::fs::write(&source, STARTER).unwrap();
        let status = Command::new("cc").arg("-o").arg(&starter).arg(&source).status();
        assert!(status.is_ok_and(|status| status.success()), "the host's C compiler is needed here");
        Bench { dir, starter }
    }

    /// The family's program through the hook; `None` where it cannot be made or run.
    pub(crate) fn hooked(&self, family: &Family) -> Option<Way> {
        let hook = vec![env!("CARGO_BIN_EXE_triplecheck").into(), "exec".into()];
        self.way(family, family.name, hook)
    }

    /// The host's own program by itself.
    pub(crate) fn native(&self, family: &Family) -> Option<Way> {
        self.way(family, "native", Vec::new())
    }

    fn way(&self, family: &Family, name: &str, hook: Vec<OsString>) -> Option<Way> {
        let dir = self.dir.path().join(name);
        std::fs::create_dir(&dir).unwrap();
        let dir = dir.canonicalize().unwrap();
        std::fs::write(dir.join("beside.txt"), "beside the program\n").unwrap();
        let program = dir.join(PROBE);
        family.compile(&program).then(|| {
            let all = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(&program, all).unwrap();
            Way { kind: family.kind, dir, starter: self.starter.clone(), hook }
        })
    }
}

impl Way {
    /// The probe with these arguments, started as `setup` says in the words of `starter.c`.
    pub(crate) fn command<A: AsRef<OsStr>>(&self, setup: &[&str], args: &[A]) -> Command {
        self.command_of(PROBE, setup, args)
    }

    /// The same for the probe under another name.
    pub(crate) fn command_of<A: AsRef<OsStr>>(&self, name: &str, setup: &[&str], args: &[A]) -> Command {
        let mut command = Command::new(&self.starter);
        command.args(setup).arg("--").args(&self.hook).arg(name).args(args).current_dir(&self.dir);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env("LC_ALL", "C.UTF-8");
        command
    }

    /// Runs it to its end and describes how that was.
    pub(crate) fn see<A: AsRef<OsStr>>(&self, setup: &[&str], args: &[A]) -> String {
        self.seen(&mut self.command(setup, args))
    }

    /// Runs a command to its end and describes how that was.
    pub(crate) fn seen(&self, command: &mut Command) -> String {
        let output = command.output().unwrap();
        self.describe(output.status, &output.stdout, &output.stderr)
    }

    /// The same, with something on its standard input.
    pub(crate) fn seen_with_input(&self, command: &mut Command, input: &[u8]) -> String {
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let output = std::thread::scope(|scope| {
            // Whoever does not read it all is told by the broken pipe, and by what comes out.
            scope.spawn(move || drop(stdin.write_all(input)));
            child.wait_with_output().unwrap()
        });
        self.describe(output.status, &output.stdout, &output.stderr)
    }

    /// How something ended and what it printed, without the names of directories that are each family's own.
    pub(crate) fn describe(&self, status: ExitStatus, stdout: &[u8], stderr: &[u8]) -> String {
        let mut text = format!("{}\n", ending(status));
        for (name, bytes) in [("stdout", stdout), ("stderr", stderr)] {
            if bytes.is_empty() {
                continue;
            }
            if bytes.len() > 100_000 {
                writeln!(text, "{name}: {} bytes, {}", bytes.len(), blake3::hash(bytes).to_hex()).unwrap();
            } else {
                writeln!(text, "{name}: {}", self.without_names(&String::from_utf8_lossy(bytes))).unwrap();
            }
        }
        text
    }

    fn without_names(&self, text: &str) -> String {
        text.replace(self.dir.to_str().unwrap(), "DIR")
    }
}

/// How a process ended, in words.
pub(crate) fn ending(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => format!("{status:?}"),
    }
}

/// A program that has been started and has said that it is ready.
pub(crate) struct Running {
    pub(crate) pid: Pid,
    /// Open for as long as it shall run.
    _stdin: Option<std::process::ChildStdin>,
    stdout: File,
    stderr: File,
}

impl Running {
    /// Starts `command`, which is to print `ready`.
    pub(crate) fn start(command: &mut Command) -> Running {
        let mut child: Child = command.stdin(Stdio::piped()).spawn().unwrap();
        let pid = Pid::from_child(&child);
        let file = |fd: OwnedFd| File::from(fd);
        let running = Running {
            pid,
            _stdin: child.stdin.take(),
            stdout: file(child.stdout.take().unwrap().into()),
            stderr: file(child.stderr.take().unwrap().into()),
        };
        // Waited for by its id, since the standard library knows only of ends.
        drop(child);
        running
    }

    /// The next line that it prints; empty when it has closed its output.
    pub(crate) fn line(&self) -> String {
        let mut line = Vec::new();
        let mut byte = [0];
        loop {
            await_readable(&self.stdout, "the guest says nothing");
            match (&self.stdout).read(&mut byte) {
                Ok(1) if byte[0] != b'\n' => line.push(byte[0]),
                _ => return String::from_utf8_lossy(&line).into_owned(),
            }
        }
    }

    pub(crate) fn send(&self, signal: Signal) {
        kill_process(self.pid, signal).unwrap();
    }

    /// The next change of its state, in words.
    pub(crate) fn change(&self) -> String {
        state(self.await_change(WaitOptions::UNTRACED | WaitOptions::CONTINUED))
    }

    /// Waits for its end and describes it, with what it has printed since.
    pub(crate) fn end(mut self, way: &Way) -> String {
        let status = self.await_change(WaitOptions::empty());
        let stdout = self.rest();
        let mut stderr = Vec::new();
        await_readable(&self.stderr, "somebody keeps the guest's stderr");
        self.stderr.read_to_end(&mut stderr).unwrap();
        way.describe(ExitStatus::from_raw(status.as_raw()), &stdout, &stderr)
    }

    /// Waits for a change of its state; whoever hangs is killed and fails the row.
    fn await_change(&self, which: WaitOptions) -> WaitStatus {
        let (done, ended) = mpsc::channel::<()>();
        let pid = self.pid;
        std::thread::scope(|scope| {
            let watch = scope.spawn(move || {
                let hangs = ended.recv_timeout(HANG_LIMIT) == Err(RecvTimeoutError::Timeout);
                if hangs {
                    kill_process(pid, Signal::KILL).unwrap();
                }
                hangs
            });
            let status = waitpid(Some(pid), which).unwrap().unwrap().1;
            drop(done);
            assert!(!watch.join().unwrap(), "the guest does not change its state");
            status
        })
    }

    fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        await_readable(&self.stdout, "somebody keeps the guest's stdout");
        self.stdout.read_to_end(&mut rest).unwrap();
        rest
    }
}

fn state(status: WaitStatus) -> String {
    if status.stopped() {
        format!("stopped by {}", status.stopping_signal().unwrap_or_default())
    } else if status.continued() {
        "continued".to_owned()
    } else {
        ending(ExitStatus::from_raw(status.as_raw()))
    }
}

/// Waits until something can be read, or the other end is closed.
#[track_caller]
pub(crate) fn await_readable(descriptor: &impl std::os::fd::AsFd, otherwise: &str) {
    let ready = poll(&mut [PollFd::new(descriptor, PollFlags::IN)], Some(&HANG)).unwrap();
    assert_eq!(ready, 1, "{otherwise}");
}

/// The living processes for which `holds`, by their names.
pub(crate) fn processes(holds: impl Fn(&Path) -> bool) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let is_process = |path: &PathBuf| {
        path.file_name().unwrap().to_str().unwrap().bytes().all(|byte| byte.is_ascii_digit())
    };
    let processes = entries.map(|entry| entry.path()).filter(is_process).filter(|path| holds(path));
    let name =
        |path: PathBuf| std::fs::read_to_string(path.join("comm")).unwrap_or_default().trim().to_owned();
    processes.map(name).filter(|name| !name.is_empty()).collect()
}
