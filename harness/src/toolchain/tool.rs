//! Runs the tools that builds need: rustc, cargo, apt-get, rustup. Not for guests, which the supervisor runs.
//!
//! A tool reads nothing, may not outlive its deadline, and what is kept of its output has a limit. Its output is
//! read as it comes, so that a full pipe never stops it.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::shell::quote;

/// What is kept of a tool's output for a message, in lines. A cargo error with its notes fits.
const TAIL_LINES: usize = 60;

/// The longest line that is taken from a tool; JSON messages of cargo are a few KiB.
const LINE_BYTES_MAX: u64 = 1 << 20;

/// After so long without a line, whoever listens is told that there was none.
const SILENCE: Duration = Duration::from_secs(5);

/// What a question to a tool (`rustc -vV`) may take; a cold rustup on a slow disk takes a second.
const ANSWER_DEADLINE: Duration = Duration::from_secs(60);

/// A command line that is yet to be run.
#[derive(Debug, Clone)]
pub(crate) struct Tool {
    program: PathBuf,
    args: Vec<OsString>,
    dir: Option<PathBuf>,
    env: Vec<(OsString, Option<OsString>)>,
    deadline: Duration,
}

/// What became of a tool.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    /// Whether its status was 0.
    pub(crate) success: bool,
    /// Its last lines, stdout and stderr as they came.
    pub(crate) tail: String,
}

/// Why a tool gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// It could not be started.
    #[error("start `{program}`")]
    Start {
        /// Its name or path.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// It did not end in time and was killed.
    #[error("run `{command}`: no end within {seconds} s")]
    Deadline {
        /// The command line.
        command: String,
        /// How long it was given.
        seconds: u64,
    },
    /// It ended with another status than 0.
    #[error("run `{command}`: {message}")]
    Failed {
        /// The command line.
        command: String,
        /// Its last lines.
        message: String,
    },
}

impl Tool {
    /// A tool by name or path, with the deadline of a question.
    pub(crate) fn new(program: impl Into<PathBuf>) -> Self {
        let program = program.into();
        Self { program, args: Vec::new(), dir: None, env: Vec::new(), deadline: ANSWER_DEADLINE }
    }

    /// Adds words.
    pub(crate) fn args<I: IntoIterator<Item = S>, S: Into<OsString>>(mut self, args: I) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets a variable.
    pub(crate) fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), Some(value.into())));
        self
    }

    /// Removes variables.
    pub(crate) fn env_remove<I: IntoIterator<Item = S>, S: Into<OsString>>(mut self, names: I) -> Self {
        self.env.extend(names.into_iter().map(|name| (name.into(), None)));
        self
    }

    /// Runs it there.
    pub(crate) fn dir(mut self, dir: &Path) -> Self {
        self.dir = Some(dir.to_owned());
        self
    }

    /// How long it may take.
    pub(crate) fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Its status does not turn into an error of duct's.
    fn expression(&self) -> duct::Expression {
        self.checked().stdin_null().unchecked()
    }

    /// A part of a pipe, whose failure is the pipe's.
    fn checked(&self) -> duct::Expression {
        // As a string: duct takes a path of one element for a file in the current directory.
        let mut expression = duct::cmd(self.program.as_os_str(), &self.args);
        if let Some(dir) = &self.dir {
            expression = expression.dir(dir);
        }
        for (name, value) in &self.env {
            expression = match value {
                Some(value) => expression.env(name, value),
                None => expression.env_remove(name),
            };
        }
        expression
    }

    fn start_error(&self, source: io::Error) -> ToolError {
        ToolError::Start { program: self.program.display().to_string(), source }
    }

    fn deadline_error(&self) -> ToolError {
        ToolError::Deadline { command: self.to_string(), seconds: self.deadline.as_secs() }
    }

    /// What it writes to stdout; an error with its stderr where its status is not 0.
    pub(crate) fn answer(&self) -> Result<String, ToolError> {
        let expression = self.expression().stdout_capture().stderr_capture();
        let handle = expression.start().map_err(|source| self.start_error(source))?;
        let waited = handle.wait_timeout(self.deadline).map_err(|source| self.start_error(source))?;
        let Some(output) = waited else {
            let _ = handle.kill();
            return Err(self.deadline_error());
        };
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(ToolError::Failed { command: self.to_string(), message })
    }

    /// Runs it with its output piped into `next`, within the deadline of this one. Both have to succeed.
    pub(crate) fn pipe(&self, next: &Tool) -> Result<(), ToolError> {
        let expression = self.checked().pipe(next.checked()).stderr_to_stdout().stdout_capture().unchecked();
        let handle = expression.start().map_err(|source| self.start_error(source))?;
        let waited = handle.wait_timeout(self.deadline).map_err(|source| self.start_error(source))?;
        let Some(output) = waited else {
            let _ = handle.kill();
            return Err(self.deadline_error());
        };
        if output.status.success() {
            return Ok(());
        }
        let message = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Err(ToolError::Failed { command: format!("{self} | {next}"), message })
    }

    /// Runs it to its end and hands every line of its output, stdout and stderr alike, to `each_line`; an empty one
    /// where the tool says nothing for a while.
    pub(crate) fn stream(&self, mut each_line: impl FnMut(&str)) -> Result<Ended, ToolError> {
        let reader =
            self.expression().stderr_to_stdout().reader().map_err(|source| self.start_error(source))?;
        let began = Instant::now();
        let mut tail = VecDeque::with_capacity(TAIL_LINES);
        let (send, receive) = channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut lines = BufReader::new(&reader);
                while let Some(line) = next_line(&mut lines) {
                    if send.send(line).is_err() {
                        break;
                    }
                }
                drop(send);
            });
            loop {
                let left = self.deadline.saturating_sub(began.elapsed());
                match receive.recv_timeout(left.min(SILENCE)) {
                    Ok(line) => {
                        each_line(&line);
                        if tail.len() == TAIL_LINES {
                            tail.pop_front();
                        }
                        tail.push_back(line);
                    }
                    Err(RecvTimeoutError::Disconnected) => return Ok(()),
                    Err(RecvTimeoutError::Timeout) if left > SILENCE => each_line(""),
                    Err(RecvTimeoutError::Timeout) => {
                        let _ = reader.kill();
                        return Err(self.deadline_error());
                    }
                }
            }
        })?;
        let status = reader.try_wait().map_err(|source| self.start_error(source))?;
        let success = status.is_some_and(|output| output.status.success());
        Ok(Ended { success, tail: Vec::from(tail).join("\n") })
    }
}

/// The command line as one would type it; paste-able, words with odd letters in single quotes.
impl fmt::Display for Tool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = self.env.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
        for (name, value) in set {
            write!(formatter, "{}={} ", name.display(), quote(&value.to_string_lossy()))?;
        }
        formatter.write_str(&quote(&self.program.to_string_lossy()))?;
        self.args.iter().try_for_each(|arg| write!(formatter, " {}", quote(&arg.to_string_lossy())))
    }
}

/// The next line without its end, damaged text replaced; `None` at the end or where reading fails, which duct
/// does when the tool's status is asked for again below.
fn next_line(lines: &mut impl io::BufRead) -> Option<String> {
    let mut bytes = Vec::new();
    match lines.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes) {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(String::from_utf8_lossy(&bytes).trim_end().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Tool {
        Tool::new("/bin/sh").args(["-c", script])
    }

    #[test]
    fn lines_of_both_streams_arrive_and_the_status_is_kept() {
        let mut lines = Vec::new();
        let ended =
            shell("echo one; echo two >&2; exit 3").stream(|line| lines.push(line.to_owned())).unwrap();
        lines.sort();
        assert_eq!(lines, ["one", "two"]);
        assert!(!ended.success);
        assert!(ended.tail.contains("one"), "{}", ended.tail);
    }

    #[test]
    fn a_tool_that_does_not_end_is_killed_at_its_deadline() {
        let tool = shell("exec sleep 1000").deadline(Duration::from_millis(50));
        assert!(matches!(tool.stream(|_| ()), Err(ToolError::Deadline { .. })));
        assert!(matches!(tool.answer(), Err(ToolError::Deadline { .. })));
    }

    #[test]
    fn a_failure_carries_what_the_tool_wrote_to_stderr() {
        let error = shell("echo bad luck >&2; exit 1").answer().unwrap_err();
        assert!(error.to_string().ends_with(": bad luck"), "{error}");
    }

    #[test]
    fn a_missing_tool_is_an_error_that_names_it() {
        let error = Tool::new("/nonexistent/tool").answer().unwrap_err();
        assert_eq!(error.to_string(), "start `/nonexistent/tool`");
    }

    #[test]
    fn command_lines_can_be_pasted_into_a_shell() {
        let tool = Tool::new("cp").args(["a b", "it's", "-n"]).env("X", "1");
        assert_eq!(tool.to_string(), r"X=1 cp 'a b' 'it'\''s' -n");
    }
}
