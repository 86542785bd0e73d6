//! How often what did not come out as native is run again: the manifest's word, and the command line's over it.

use std::time::Duration;

use toml::Spanned;

use super::Resolver;
use crate::error::Result;
use crate::manifest::{Backoff, Suite};

/// The longest wait before a try: doubling has an end.
const DELAY_MAX: Duration = Duration::from_secs(300);

/// How often, and how soon.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retries {
    /// The most further runs of one cell.
    pub most: u32,
    /// The wait before the first of them.
    pub delay: Duration,
    /// How the wait grows.
    pub backoff: Backoff,
}

/// What was typed of it; the manifest's word stands where nothing was.
#[derive(Debug, Clone, Copy, Default)]
pub struct TypedRetries {
    /// `--retries`.
    pub most: Option<u32>,
    /// `--retry-delay`.
    pub delay: Option<Duration>,
    /// `--retry-backoff`.
    pub backoff: Option<Backoff>,
}

impl Retries {
    /// The wait before the try of this number, the second being the first that is waited for.
    pub fn delay_before(&self, number: u32) -> Duration {
        let doublings = match self.backoff {
            Backoff::Fixed => 0,
            Backoff::Exponential => number.saturating_sub(2),
        };
        self.delay.saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX)).min(DELAY_MAX)
    }
}

impl Resolver<'_> {
    /// What holds for a suite, or without one for the project.
    pub(super) fn retries(&self, suite: Option<&Suite>) -> Result<Retries> {
        let (typed, manifest) = (self.request.retries, self.manifest());
        let of_suite = |delay: fn(&Suite) -> Option<&Spanned<String>>| suite.and_then(delay);
        let delay = of_suite(|suite| suite.retry_delay.as_ref()).or(manifest.retry_delay.as_ref());
        let most = typed.most.or(suite.and_then(|suite| suite.retries)).or(manifest.retries);
        let backoff =
            typed.backoff.or(suite.and_then(|suite| suite.retry_backoff)).or(manifest.retry_backoff);
        Ok(Retries {
            most: most.unwrap_or(0),
            delay: typed.delay.or(self.duration(delay)?).unwrap_or_default(),
            backoff: backoff.unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_the_same_or_double_up_to_a_limit() {
        let delays = |backoff| {
            let retries = Retries { most: 9, delay: Duration::from_secs(2), backoff };
            [2, 3, 4, 40, u32::MAX].map(|number| retries.delay_before(number).as_secs())
        };
        assert_eq!(delays(Backoff::Fixed), [2, 2, 2, 2, 2]);
        assert_eq!(delays(Backoff::Exponential), [2, 4, 8, 300, 300]);
        assert_eq!(Retries::default().delay_before(5), Duration::ZERO);
    }
}
