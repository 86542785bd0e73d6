//! The part of `run`'s command line that is about long and flaky runs.

use std::time::Duration;

use clap::Args;

use crate::manifest::{Backoff, parse_duration};
use crate::plan::TypedRetries;

/// How often things are run, and when to stop.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Long and flaky runs")]
pub struct ControlArgs {
    /// Run what did not come out as native again, up to N times: what then does is `flaky`
    #[arg(long, value_name = "N")]
    pub retries: Option<u32>,
    /// The wait before the first retry: 500ms, 5s
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub retry_delay: Option<Duration>,
    /// Whether the wait doubles from retry to retry
    #[arg(long, value_name = "HOW", value_enum)]
    pub retry_backoff: Option<Backoff>,
    /// Run everything N times, natively too, and tell how many of the runs did not come out as native
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), conflicts_with_all = ["retries", "resume"])]
    pub repeat: Option<u32>,
    /// Start nothing more after the first finding; what was not run is listed
    #[arg(long)]
    pub fail_fast: bool,
    /// List the N slowest cells; otherwise those that were slow for their native duration
    #[arg(long, value_name = "N")]
    pub durations: Option<usize>,
}

impl ControlArgs {
    /// What was typed of retries. A stress run wants to see every failure, so it makes none.
    pub fn retries(&self) -> TypedRetries {
        TypedRetries {
            most: if self.repeat.is_some() { Some(0) } else { self.retries },
            delay: self.retry_delay,
            backoff: self.retry_backoff,
        }
    }
}
