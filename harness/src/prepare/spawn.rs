//! Starts the tools of a preparation: Wine's own programs and the C compiler. Never a guest.
//!
//! Wine's services live on long after the program that woke them, so nothing of the caller may reach them: the
//! environment is empty but for what is given, the streams are `/dev/null` or a file of ours, the process group is
//! a new one (Ctrl-C in the terminal must not kill them under somebody else's guest), and the descriptors 3 to 9
//! are closed, because autoconf has its standard output on 6 and make its job tokens on 3 and 4. Higher ones would
//! need `close_range` between fork and exec; they are left open until the spawner of the guests offers that.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use duct::Expression;

use super::{PrepareError, at};

/// The shell program that closes what was inherited. POSIX shells take one digit in a redirection, not more.
const CLOSE_THEN_EXEC: &str = "exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; exec \"$@\"";

/// Of what a failed tool said, this much is repeated.
const TAIL_BYTES: usize = 600;

/// One start of a tool.
#[derive(Debug)]
pub(super) struct Tool {
    /// What it is for, as in "failed to `make a Wine prefix`".
    pub(super) doing: &'static str,
    /// The program, absolute.
    pub(super) program: PathBuf,
    /// Its arguments.
    pub(super) args: Vec<OsString>,
    /// Its whole environment.
    pub(super) env: Vec<(OsString, OsString)>,
    /// Its working directory.
    pub(super) dir: PathBuf,
    /// A file for both of its output streams; `/dev/null` where there is none.
    pub(super) log: Option<PathBuf>,
    /// It is killed after this.
    pub(super) limit: Duration,
}

impl Tool {
    /// Runs it to its end and returns the exit status; an error where it could not start or did not end in time.
    pub(super) fn run(&self) -> Result<i32, PrepareError> {
        let expression = self.expression().stdin_null();
        let expression = match &self.log {
            Some(log) => expression.stderr_to_stdout().stdout_path(log),
            None => expression.stdout_null().stderr_null(),
        };
        let handle = expression.start().map_err(at("start", &self.program))?;
        let ended = handle.wait_timeout(self.limit).map_err(at("wait for", &self.program))?;
        if let Some(output) = ended {
            return Ok(output.status.code().unwrap_or(128));
        }
        // The process is one of ours alone, so that a failure to kill it can only mean that it has just ended.
        drop(handle.kill());
        Err(self.failed(&format!("was still running after {} s", self.limit.as_secs())))
    }

    /// Runs it and wants status 0.
    pub(super) fn succeed(&self) -> Result<(), PrepareError> {
        match self.run()? {
            0 => Ok(()),
            status => Err(self.failed(&format!("exited with {status}"))),
        }
    }

    /// The error that says how it failed, with the end of its log.
    pub(super) fn failed(&self, outcome: &str) -> PrepareError {
        let said = self.log.as_deref().map(tail).unwrap_or_default();
        let outcome = if said.is_empty() { outcome.to_owned() } else { format!("{outcome}: {said}") };
        PrepareError::Tool { doing: self.doing, tool: self.program.clone(), outcome }
    }

    /// The process apart from its streams.
    pub(super) fn expression(&self) -> Expression {
        let mut words: Vec<OsString> = vec!["-c".into(), CLOSE_THEN_EXEC.into(), "sh".into()];
        words.push(self.program.clone().into());
        words.extend_from_slice(&self.args);
        duct::cmd("/bin/sh", words)
            .full_env(self.env.clone())
            .dir(&self.dir)
            .before_spawn(|command| {
                command.process_group(0);
                Ok(())
            })
            .unchecked()
    }
}

/// The end of a file in one line, empty where it cannot be read.
fn tail(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap_or_default();
    let start = bytes.len().saturating_sub(TAIL_BYTES);
    String::from_utf8_lossy(&bytes[start..]).split_whitespace().collect::<Vec<_>>().join(" ")
}
