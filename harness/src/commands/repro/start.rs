//! Starts what people look into: guests in the background, debuggers and tracers, all of them by hand and none supervised.
//! Whatever is started here in the background is ended here.

#![expect(
    clippy::disallowed_methods,
    reason = "one of the spawn modules: it starts guests that are looked into"
)]

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use wait_timeout::ChildExt as _;

use crate::error::{About as _, Error, Result};
use crate::run::Ready;

/// How long an emulator may take until it waits for a debugger.
const STUB_DEADLINE: Duration = Duration::from_secs(30);

/// A guest that runs in the background, in a process group of its own so that the terminal's keys are the debugger's.
pub(super) struct Background {
    child: Child,
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(group) = Pid::from_raw(self.child.id().cast_signed()) {
            // It may have ended with its debugger.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

/// How a guest is started: further words for its emulator, and a program in front of all.
#[derive(Default)]
pub(super) struct How {
    pub(super) emulator_words: Vec<OsString>,
    pub(super) before: Vec<OsString>,
    /// Variables on top of its own.
    pub(super) env: Vec<(OsString, OsString)>,
}

fn command(ready: &Ready, how: &How) -> Result<Command> {
    let line = ready.command(&how.emulator_words);
    let env = ready.env(&line);
    let mut command = if let Some((first, rest)) = how.before.split_first() {
        let mut command = Command::new(first);
        command.args(rest).arg(&line.program);
        command
    } else {
        let mut command = Command::new(&line.program);
        command.arg0(line.argv0.as_deref().unwrap_or(line.program.as_os_str()));
        command
    };
    command.args(&line.args).env_clear().envs(env).envs(how.env.iter().cloned()).current_dir(&ready.dir);
    let stdin = match &ready.stdin {
        Some(path) => fs_err::File::open(path).about("read", path)?.into_parts().0.into(),
        None => Stdio::null(),
    };
    command.stdin(stdin).process_group(0);
    Ok(command)
}

/// Starts a guest whose emulator makes a socket and waits on it, and gives it back when the socket is there.
pub(super) fn waiting(ready: &Ready, how: &How, socket: &Path) -> Result<Background> {
    let dir = socket.parent().unwrap_or(Path::new("/"));
    let watch =
        inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK).about("watch", dir)?;
    inotify::add_watch(&watch, dir, inotify::WatchFlags::CREATE).about("watch", dir)?;
    let program = ready.command(&[]).program;
    let child = command(ready, how)?.spawn().about("start", &program)?;
    let mut guest = Background { child };
    let pid = Pid::from_raw(guest.child.id().cast_signed())
        .ok_or_else(|| Error::ours("a process without a number"))?;
    let process = pidfd_open(pid, PidfdFlags::empty()).about("watch", &program)?;
    let deadline = Instant::now() + STUB_DEADLINE;
    while !socket.exists() {
        let left = deadline.saturating_duration_since(Instant::now());
        let told = || Error::world(format!("`{}` does not wait for a debugger", program.display()));
        if left.is_zero() {
            return Err(told());
        }
        if let Ok(Some(status)) = guest.child.try_wait() {
            return Err(told().caused_by(format!("it ended with {status}")));
        }
        let timeout =
            Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: i64::from(left.subsec_nanos()) };
        let mut fds = [PollFd::new(&watch, PollFlags::IN), PollFd::new(&process, PollFlags::IN)];
        let _ = poll(&mut fds, Some(&timeout));
        // What is told is looked for above; it is read so that the next wait is one.
        let mut events = [0; 4096];
        let _ = rustix::io::read(&watch, &mut events);
    }
    Ok(guest)
}

/// Runs a guest to its end with its output in files of `dir`; what is still running at the deadline is ended. Says how it
/// ended, `None` at the deadline.
pub(super) fn to_end(ready: &Ready, how: &How, dir: &Path, deadline: Duration) -> Result<Option<ExitStatus>> {
    fs_err::create_dir_all(dir).about("create", dir)?;
    let file = |name: &str| -> Result<Stdio> {
        let path = dir.join(name);
        Ok(fs_err::File::create(&path).about("create", &path)?.into_parts().0.into())
    };
    let mut command = command(ready, how)?;
    command.stdout(file("stdout")?).stderr(file("stderr")?);
    let program = PathBuf::from(command.get_program());
    let mut guest = Background { child: command.spawn().about("start", &program)? };
    guest.child.wait_timeout(deadline).about("wait for", &program)
}

/// Runs a program in the foreground: the terminal is its own, and its keys do not end us.
pub(super) fn foreground(program: &Path, args: &[OsString], how: &Foreground<'_>) -> Result<ExitStatus> {
    // A handler is gone in what is started, so that it can do with the signal what it likes.
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGQUIT] {
        signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))
            .map_err(|error| Error::world("cannot listen for signals").caused_by(error))?;
    }
    let mut command = Command::new(program);
    command.args(args).current_dir(how.dir);
    if let Some(env) = how.env {
        command.env_clear().envs(env.iter().cloned());
    }
    command.status().about("start", program)
}

/// Where and in which environment a program runs in the foreground; ours where there is none.
pub(super) struct Foreground<'a> {
    pub(super) dir: &'a Path,
    pub(super) env: Option<&'a [(OsString, OsString)]>,
}
