//! What emulators need before their first start, made when the first guest asks for it and held until the run
//! ends.

use std::sync::{Mutex, PoisonError};

use triplecheck_emulators::launch::Preparation;

use crate::error::{Error, Result};
use crate::prepare::{self, Lifetime, Prepared};

/// What is in place so far; shared by all workers.
#[derive(Debug, Default)]
pub(super) struct Preparations {
    /// A failure is kept too: what could not be made once is not tried for every cell.
    made: Mutex<Vec<(Preparation, Result<Prepared, String>)>>,
}

impl Preparations {
    /// Sees to it that `preparation` is in place. The second worker that asks waits for the first. The error is one
    /// sentence.
    pub(super) fn ensure(&self, preparation: &Preparation) -> Result<(), String> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, result)) = made.iter().find(|(known, _)| known == preparation) {
            return result.as_ref().map(|_| ()).map_err(Clone::clone);
        }
        let options = prepare::Options { lifetime: Lifetime::Run, node_script: crate::NODE_SCRIPT };
        let result = prepare::prepare(preparation, options).map_err(|error| sentence(&error));
        let answer = result.as_ref().map(|_| ()).map_err(Clone::clone);
        made.push((preparation.clone(), result));
        answer
    }

    /// Gives everything back: ends the servers that were started.
    pub(super) fn end(self) -> Result<()> {
        for (_, prepared) in self.made.into_inner().unwrap_or_else(PoisonError::into_inner) {
            if let Ok(prepared) = prepared {
                prepared
                    .end()
                    .map_err(|error| Error::world("cannot end what a run started").caused_by(error))?;
            }
        }
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
