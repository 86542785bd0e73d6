//! Builds everything and runs nothing.

use std::sync::mpsc;

use triplecheck_emulators::target::Target;

use super::builds::Builds;
use super::guests::Guests;
use super::schedule::News;
use super::{Observer, Run};
use crate::build::Piece;
use crate::error::Result;
use crate::events::{BuildFailure, Event, NotRun};

/// What was built.
#[derive(Debug, Default)]
pub(crate) struct Built {
    /// The programs, with the positions of their suites in the plan.
    pub(crate) pieces: Vec<(usize, Piece)>,
    /// What failed, by suite.
    pub(crate) failures: Vec<(String, BuildFailure)>,
    /// What cannot be built here.
    pub(crate) not_run: Vec<NotRun>,
    pub(crate) rustc: Option<String>,
}

/// Builds the plan for the host and for all targets, those included that cannot be run here.
///
/// # Errors
/// When the native side cannot be built, or a tool cannot be started.
pub(crate) fn build_only(run: &Run<'_>, observer: &mut dyn Observer) -> Result<Built> {
    let guests = Guests::prepare(run)?;
    let targets: Vec<Target> = run.plan.targets.iter().map(|planned| planned.target.clone()).collect();
    let (news, told) = mpsc::channel();
    let mut built = Built { rustc: guests.rustc(), ..Built::default() };
    std::thread::scope(|scope| {
        let builder =
            scope.spawn(|| Builds { run, guests: &guests, news, enough: run.stop }.build_for(&targets));
        for news in told {
            match news {
                News::Built(suite, piece) => built.pieces.push((suite, piece)),
                News::Recorded(event) => {
                    observer.event(&event);
                    match event {
                        Event::BuildFinished { suite, failures, .. } => {
                            built.failures.extend(failures.into_iter().map(|it| (suite.clone(), it)));
                        }
                        Event::NotRun(not_run) => built.not_run.push(not_run),
                        _ => {}
                    }
                }
                News::Stopped | News::SuiteBuilt(_) | News::BuildsEnded(_) | News::Done(..) => {}
            }
        }
        super::schedule::told_of_panics(|| match builder.join() {
            Ok(outcome) => outcome,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })?;
    Ok(built)
}
