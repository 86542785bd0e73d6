//! The one error type of the harness: what happened, why, what to type next, and whose fault it is.
//!
//! A failing test is not an error but a verdict; nothing here counts tests. What is surprising: there is no
//! `From<io::Error>`, because an I/O error without the name of its object helps nobody.

use std::error::Error as StdError;
use std::fmt;

/// Whose fault it is, and with it the exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The command line, the manifest or a build is wrong: 2.
    User,
    /// Something that is required is not on this machine: 69 (`EX_UNAVAILABLE` of `sysexits.h`).
    World,
    /// A bug of ours: 70 (`EX_SOFTWARE`).
    Ours,
    /// The user interrupted the run: 130.
    Interrupted,
}

/// An error for people: the text fits after "failed to" or stands alone, and `hints` say what to type next.
#[derive(Debug)]
pub struct Error {
    fault: Fault,
    text: String,
    hints: Vec<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The result of everything that can fail here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of the user's: a wrong command line, manifest or build.
    pub fn user(text: impl Into<String>) -> Self {
        Self::new(Fault::User, text)
    }

    /// An error of the world's: something required is missing or broken here.
    pub fn world(text: impl Into<String>) -> Self {
        Self::new(Fault::World, text)
    }

    /// A bug of ours.
    pub fn ours(text: impl Into<String>) -> Self {
        Self::new(Fault::Ours, text)
    }

    /// The user asked us to stop.
    pub fn interrupted() -> Self {
        Self::new(Fault::Interrupted, "interrupted")
    }

    fn new(fault: Fault, text: impl Into<String>) -> Self {
        Self { fault, text: text.into(), hints: Vec::new(), source: None }
    }

    /// Adds what the user may type or do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds the cause, which the text does not repeat.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        self.fault
    }

    /// What may help, in order.
    pub fn hints(&self) -> &[String] {
        &self.hints
    }

    /// The exit status that goes with the fault.
    pub fn exit_code(&self) -> u8 {
        match self.fault {
            Fault::User => 2,
            Fault::World => 69,
            Fault::Ours => 70,
            Fault::Interrupted => 130,
        }
    }

    /// The text with its causes, in one line.
    pub fn sentence(&self) -> String {
        let mut line = self.text.clone();
        let mut cause = StdError::source(self);
        while let Some(error) = cause {
            line.push_str(&format!(": {error}"));
            cause = error.source();
        }
        line
    }

    /// The whole account as it is printed: text, causes, hints.
    pub fn render(&self) -> String {
        let mut out = format!("error: {}", self.text);
        let mut cause = StdError::source(self);
        while let Some(error) = cause {
            out.push_str(&format!("\n  because: {error}"));
            cause = error.source();
        }
        for hint in &self.hints {
            out.push_str(&format!("\n  try: {hint}"));
        }
        out
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

/// Names the object of an I/O failure: `fs::read(p).about("read", p)?`.
pub trait About<T> {
    /// Turns the error into one of the world's that says what was tried on which file.
    fn about(self, verb: &str, object: impl AsRef<std::path::Path>) -> Result<T>;
}

impl<T, E: StdError + Send + Sync + 'static> About<T> for std::result::Result<T, E> {
    fn about(self, verb: &str, object: impl AsRef<std::path::Path>) -> Result<T> {
        self.map_err(|error| {
            Error::world(format!("cannot {verb} `{}`", object.as_ref().display())).caused_by(error)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_tells_its_cause_and_what_to_type() {
        let error = Error::world("cannot run `s390x-unknown-linux-gnu` here")
            .caused_by(std::io::Error::other("no qemu"))
            .hint("triplecheck setup s390x-unknown-linux-gnu");
        assert_eq!(
            error.render(),
            "error: cannot run `s390x-unknown-linux-gnu` here\n  because: no qemu\n  try: triplecheck setup s390x-unknown-linux-gnu"
        );
        assert_eq!(error.exit_code(), 69);
    }
}
