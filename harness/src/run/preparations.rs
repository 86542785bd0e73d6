//! What emulators need before their first start, made when the first guest asks for it and held until the run
//! ends.

use std::sync::{Mutex, PoisonError};

use triplecheck_emulators::launch::Preparation;

use crate::error::{Error, Result};
use crate::prepare::{self, Lifetime, PrepareError, Prepared};

/// What is in place so far; shared by all workers.
#[derive(Debug, Default)]
pub(super) struct Preparations {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What came of each. A failure is kept too: what could not be made once is not tried for every cell.
    answers: Vec<(Preparation, Result<(), String>)>,
    /// What is held until the end. Programs that differ only in the DLLs they lack share one of these.
    held: Vec<Prepared>,
}

impl Preparations {
    /// Sees to it that `preparation` is in place. The second worker that asks waits for the first. The error is one
    /// sentence.
    pub(super) fn ensure(&self, preparation: &Preparation) -> Result<(), String> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, answer)) = state.answers.iter().find(|(known, _)| known == preparation) {
            return answer.clone();
        }
        let answer = state.make(preparation).map_err(|error| sentence(&error));
        state.answers.push((preparation.clone(), answer.clone()));
        answer
    }

    /// Gives everything back: ends the servers that were started.
    pub(super) fn end(self) -> Result<()> {
        for prepared in self.state.into_inner().unwrap_or_else(PoisonError::into_inner).held {
            prepared.end().map_err(|error| Error::world("cannot end what a run started").caused_by(error))?;
        }
        Ok(())
    }
}

impl State {
    /// Through what is held if it can be, by itself otherwise.
    fn make(&mut self, preparation: &Preparation) -> Result<(), PrepareError> {
        if let Some(answer) = self.held.iter().find_map(|prepared| prepared.extend(preparation)) {
            return answer;
        }
        let options = prepare::Options { lifetime: Lifetime::Run, node_script: crate::NODE_SCRIPT };
        self.held.push(prepare::prepare(preparation, options)?);
        Ok(())
    }
}

/// An error with its causes in one sentence.
fn sentence(error: &dyn std::error::Error) -> String {
    let mut text = format!("failed to {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
