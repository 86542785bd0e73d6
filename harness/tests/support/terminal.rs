//! A terminal of our own, and a program that believes it was started from a shell there.

#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::disallowed_methods, reason = "tests start the binary under test")]
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

/// Long enough to mean that something hangs, on a machine with many more processes than cores.
const HANG: Timespec = Timespec { tv_sec: 120, tv_nsec: 0 };

/// Our side of a terminal, what was shown there so far, and a hold on the other side.
pub(crate) struct Terminal {
    ours: File,
    theirs: File,
    shown: Vec<u8>,
}

impl Terminal {
    pub(crate) fn new() -> Self {
        let ours: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap();
        let theirs = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        let terminal = Self { ours: ours.into(), theirs, shown: Vec::new() };
        terminal.resize(33, 120);
        terminal
    }

    pub(crate) fn resize(&self, rows: u16, columns: u16) {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.theirs, size).unwrap();
    }

    /// Starts a command in a session of its own whose terminal this is, with all its streams.
    pub(crate) fn start(&self, command: &Command) -> Child {
        let stream = || Stdio::from(self.theirs.try_clone().unwrap());
        let mut session = Command::new("setsid");
        // As a terminal's own shell would: what starts these tests may ignore signals.
        session.args(["--ctty", "env", "--default-signal=INT,QUIT"]);
        session.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => session.env(name, value),
                None => session.env_remove(name),
            };
        }
        session.env("TERM", "xterm").env_remove("CI");
        session.stdin(stream()).stdout(stream()).stderr(stream()).spawn().unwrap()
    }

    pub(crate) fn press(&mut self, keys: &[u8]) {
        self.ours.write_all(keys).unwrap();
    }

    /// Reads until this was shown after what was awaited before; everything up to there.
    #[track_caller]
    pub(crate) fn await_text(&mut self, text: &str) -> String {
        loop {
            let found = self.shown.windows(text.len()).position(|window| window == text.as_bytes());
            if let Some(at) = found {
                let rest = self.shown.split_off(at + text.len());
                return String::from_utf8_lossy(&std::mem::replace(&mut self.shown, rest)).into_owned();
            }
            let mut fds = [PollFd::new(&self.ours, PollFlags::IN)];
            let ready = poll(&mut fds, Some(&HANG)).unwrap();
            let shown = || String::from_utf8_lossy(&self.shown).into_owned();
            assert!(ready > 0, "`{text}` is never shown:\n{}", shown());
            let mut buffer = [0; 4096];
            match self.ours.read(&mut buffer) {
                Ok(count @ 1..) => self.shown.extend(&buffer[..count]),
                _ => panic!("the terminal was closed before `{text}` was shown:\n{}", shown()),
            }
        }
    }

    /// Whether it waits for whole lines and shows what is typed, as every program expects it.
    pub(crate) fn is_as_usual(&self) -> bool {
        let modes = tcgetattr(&self.theirs).unwrap().local_modes;
        modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }
}
