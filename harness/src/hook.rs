//! Configuration for other people's build systems: the text that makes each of them start foreign programs
//! through us, from the facts of a target.
//!
//! Pure: what is installed and what can be run is the command's business ([`crate::commands::hook`]). Whatever a
//! build system splits, joins or expands is undone here by its own rules ([`words`]); a text that cannot be
//! written so that it works as pasted is an error or a comment that says why, never a text that almost works.

use triplecheck_emulators::target::Target;

use crate::shell::quote;

pub mod answers;
mod compilers;
mod configurations;
pub mod go;
pub mod link;
mod vocabulary;
mod words;

pub use configurations::configuration;

/// The status of a failure of ours where the reader has a word for it: automake and meson call it a hard error,
/// which no expected failure excuses.
const HARD_ERROR: u8 = 99;

/// A build system that can be told to start programs through a hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum System {
    /// waf with Samba's extensions.
    Waf {
        /// The absolute path of the file for `--cross-answers`.
        answers: Option<String>,
    },
    /// cargo, and nextest, which reads the same.
    Cargo,
    /// Meson.
    Meson,
    /// CMake and CTest.
    Cmake,
    /// autoconf's `configure` and automake's `make check`.
    Autotools,
    /// The go command.
    Go,
    /// Bazel.
    Bazel,
    /// Hand-written makefiles.
    Make,
    /// The variables of all that read variables, for a shell.
    Env,
}

/// The command that stands in front of a foreign program, and what it is for.
#[derive(Debug, Clone)]
pub struct Hook {
    /// The target whose programs are started.
    pub target: Target,
    /// The triple of the machine that builds.
    pub host: String,
    /// The absolute path of our binary.
    pub binary: String,
    /// The absolute directory with one-word links to it ([`link`]), where those are to be used.
    pub links: Option<String>,
}

impl Hook {
    /// The words before the program. Options end with `--`, because a program's name may begin with a dash.
    fn words(&self) -> Vec<String> {
        self.command(None)
    }

    /// The same for a reader to whom [`HARD_ERROR`] means something. A link takes no options.
    fn words_with_hard_error(&self) -> Vec<String> {
        self.command(Some(HARD_ERROR))
    }

    fn command(&self, infra_code: Option<u8>) -> Vec<String> {
        if let Some(link) = self.link(&link::name_of(&self.target)) {
            return vec![link];
        }
        let mut words = vec![self.binary.clone(), "exec".into(), "-t".into(), self.target.to_string()];
        words.extend(infra_code.into_iter().flat_map(|code| ["--infra-code".to_owned(), code.to_string()]));
        words.push("--".into());
        words
    }

    /// The path of the link of this name, where links are to be used.
    fn link(&self, name: &str) -> Option<String> {
        self.links.as_ref().map(|dir| format!("{}/{name}", dir.trim_end_matches('/')))
    }

    /// A whole command under `wrap`, for what no prefix reaches.
    fn wrap(&self, command: &str) -> String {
        format!("{} wrap -t {} -- {command}", quote(&self.binary), quote(&self.target.to_string()))
    }

    /// Whether the host's own programs are meant, whose compiler is the plain one.
    fn is_native(&self) -> bool {
        self.target.triple() == self.host
    }
}
