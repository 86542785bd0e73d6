//! What would make a target buildable or runnable: said by whoever finds something missing, done by set-up.

use std::fmt;

use triplecheck_emulators::packages::Piece;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Fix {
    /// Install a piece of the system.
    Install(Piece),
    /// `rustup target add` for this triple.
    AddTarget(String),
    /// Get std's sources: `rustup component add rust-src`, or the distribution's package.
    AddSource,
    /// Build std for this triple into a private sysroot.
    BuildStd(String),
    /// Something that only the user can do: a sentence, lower-case, without a final stop.
    Advise(String),
}

/// Why nothing can be built for a target here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Unbuildable {
    /// One sentence, lower-case, without a final stop.
    pub text: String,
    /// What would change it, in the order in which it has to be done; empty where nothing would.
    pub fixes: Vec<Fix>,
}

impl Unbuildable {
    /// Something is missing that a piece of the system would bring.
    pub(crate) fn missing(text: impl Into<String>, piece: Piece) -> Self {
        Self { text: text.into(), fixes: vec![Fix::Install(piece)] }
    }

    /// Nothing that we know would help, but for this advice.
    pub(crate) fn advise(text: impl Into<String>, advice: &str) -> Self {
        Self { text: text.into(), fixes: vec![Fix::Advise(advice.to_owned())] }
    }
}

/// In words, as a part of a list.
impl fmt::Display for Fix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fix::Install(piece) => write!(formatter, "install {piece}"),
            Fix::AddTarget(triple) => write!(formatter, "rustup target add {triple}"),
            Fix::AddSource => formatter.write_str("install the sources of std (`rust-src`)"),
            Fix::BuildStd(triple) => write!(formatter, "build std for {triple}: triplecheck setup {triple}"),
            Fix::Advise(advice) => formatter.write_str(advice),
        }
    }
}
