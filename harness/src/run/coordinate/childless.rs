//! Failures of programs that start others of their own machine where these find no emulator: the run knows why they do not,
//! and a trait that separates targets would explain nothing.

use super::Coordinator;
use crate::compare::Side;
use crate::diagnose;
use crate::faults;
use crate::observation::Observation;
use crate::run::judge::Judged;
use triplecheck_emulators::launch::Kind;

/// How a program, a shell and Rust's library say that the kernel does not know a program's format (ENOEXEC).
const WORDS: [&str; 2] = ["Exec format error", "os error 8)"];

impl Coordinator<'_, '_> {
    /// Tells a failure without a cause that what the program started had no emulator, where its log shows that.
    pub(super) fn of_program(&self, judged: Judged, emulator: Kind, observation: &Observation) -> Judged {
        let side = Side { observation, windows: false, emulator };
        self.told(judged, || faults::has_started_in_vain(side))
    }

    /// The same of a test, by what it says.
    pub(super) fn of_test(&self, judged: Judged, emulator: Kind, text: &str) -> Judged {
        self.told(judged, || emulator == Kind::QemuUser && WORDS.iter().any(|words| text.contains(words)))
    }

    fn told(&self, judged: Judged, shows: impl FnOnce() -> bool) -> Judged {
        let why = self.recorder.summary.run.as_ref().and_then(|run| run.children.as_ref());
        match why {
            Some(why) if judged.cause.is_none() && !judged.differences.is_empty() && shows() => {
                Judged { cause: Some(diagnose::childless(why)), ..judged }
            }
            Some(_) | None => judged,
        }
    }
}
