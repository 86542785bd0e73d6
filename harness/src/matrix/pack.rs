//! Targets and shards into jobs, the longest first into the emptiest job. Pure, and the same for the same numbers.

use crate::shard::Shard;

/// What every job costs before it runs anything: to get a machine, the sources, the tool and its packages.
const JOB_MS: u64 = 60_000;
/// What a target adds to that: its compiler and its std.
const TARGET_MS: u64 = 15_000;
/// A shard whose guests run for less than this is not worth building everything once more.
const SHARD_MS_MIN: u64 = 30_000;
/// What a target costs of which nothing is known, where nothing is known of any.
const UNKNOWN_MS: u64 = 60_000;
/// By how much, in percent, the slowest job may be slower than possible, if that saves jobs.
const SLOWER_PERCENT: u64 = 105;

/// What a target has cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Its guests.
    pub run_ms: u64,
    /// Their native sides.
    pub native_ms: u64,
    /// Its part of the builds.
    pub build_ms: u64,
}

/// A job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packed {
    /// By position.
    pub(super) targets: Vec<usize>,
    /// Of its one target.
    pub(super) shard: Option<Shard>,
    /// What is known to be run in it.
    pub(super) estimate_ms: Option<u64>,
}

/// Packs targets into at most `jobs` jobs.
pub(super) fn pack(costs: &[Option<Cost>], jobs: u32) -> Vec<Packed> {
    if costs.is_empty() {
        return Vec::new();
    }
    let items = Items::new(costs);
    let best = items.least(jobs);
    let enough = enough(best);
    let mut packed = items.fewest(enough, jobs).unwrap_or_else(|| items.alone());
    packed.sort_by_key(|job| (std::cmp::Reverse(items.job_ms(job)), job.targets.clone(), job.shard));
    for job in &mut packed {
        let known = job.targets.iter().all(|&index| costs[index].is_some());
        job.estimate_ms = known.then(|| items.job_ms(job) - JOB_MS - TARGET_MS * job.targets.len() as u64);
    }
    packed
}

/// How long the slowest job may take where the least is known: what saves less than a job costs saves nothing.
fn enough(least_ms: u64) -> u64 {
    (least_ms.saturating_mul(SLOWER_PERCENT) / 100).max(least_ms + JOB_MS)
}

/// What the targets of a job cost together: native sides are run and built once for all of them.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    targets: u64,
    run_ms: u64,
    native_ms: u64,
    build_ms: u64,
    build_ms_max: u64,
}

impl Sum {
    fn with(self, cost: &Cost) -> Self {
        Self {
            targets: self.targets + 1,
            run_ms: self.run_ms + cost.run_ms,
            native_ms: self.native_ms.max(cost.native_ms),
            build_ms: self.build_ms + cost.build_ms,
            build_ms_max: self.build_ms_max.max(cost.build_ms),
        }
    }

    fn ms(self, shard: Option<Shard>) -> u64 {
        let parts = u64::from(shard.map_or(1, |shard| shard.of));
        let builds = self.build_ms + self.build_ms_max;
        JOB_MS + TARGET_MS * self.targets + builds + (self.run_ms + self.native_ms) / parts
    }
}

struct Items {
    costs: Vec<Cost>,
    /// Whether anything is known: what is only guessed is not split.
    known: Vec<bool>,
}

impl Items {
    /// What is not known is taken for the mean of what is.
    fn new(costs: &[Option<Cost>]) -> Self {
        let known: Vec<&Cost> = costs.iter().flatten().collect();
        let mean = |of: fn(&Cost) -> u64, otherwise: u64| {
            known
                .iter()
                .map(|cost| of(cost))
                .sum::<u64>()
                .checked_div(known.len() as u64)
                .unwrap_or(otherwise)
        };
        let guess = Cost {
            run_ms: mean(|cost| cost.run_ms, UNKNOWN_MS),
            native_ms: mean(|cost| cost.native_ms, 0),
            build_ms: mean(|cost| cost.build_ms, 0),
        };
        let is_known = costs.iter().map(Option::is_some).collect();
        Self { costs: costs.iter().map(|cost| cost.unwrap_or(guess)).collect(), known: is_known }
    }

    /// How long a job takes.
    fn job_ms(&self, job: &Packed) -> u64 {
        job.targets.iter().fold(Sum::default(), |sum, &index| sum.with(&self.costs[index])).ms(job.shard)
    }

    fn one(index: usize, shard: Option<Shard>) -> Packed {
        Packed { targets: vec![index], shard, estimate_ms: None }
    }

    /// A job for each target.
    fn alone(&self) -> Vec<Packed> {
        (0..self.costs.len()).map(|index| Self::one(index, None)).collect()
    }

    /// Into how many shards a target has to be split, so that each takes at most so long; `None` where none does.
    fn shards(&self, index: usize, limit_ms: u64) -> Option<u32> {
        let most = if self.known[index] { self.costs[index].run_ms / SHARD_MS_MIN } else { 1 };
        let most = u32::try_from(most).unwrap_or(u32::MAX).clamp(1, super::JOBS_MAX);
        let alone = Sum::default().with(&self.costs[index]);
        (1..=most).find(|of| alone.ms(Some(Shard { index: 1, of: *of })) <= limit_ms)
    }

    /// The jobs of which none takes longer, if so many are enough.
    fn within(&self, limit_ms: u64, jobs: u32) -> Option<Vec<Packed>> {
        let mut packed = Vec::new();
        let mut whole = Vec::new();
        for index in 0..self.costs.len() {
            match self.shards(index, limit_ms)? {
                1 => whole.push(index),
                of => packed.extend((1..=of).map(|part| Self::one(index, Some(Shard { index: part, of })))),
            }
        }
        let left = (jobs as usize).checked_sub(packed.len())?;
        if whole.is_empty() {
            return Some(packed);
        }
        // The longest first, each into the job that is then the shortest.
        let alone_ms = |index: usize| Sum::default().with(&self.costs[index]).ms(None);
        whole.sort_by_key(|&index| (std::cmp::Reverse(alone_ms(index)), index));
        let mut bins: Vec<(Sum, Vec<usize>)> = vec![Default::default(); left.min(whole.len())];
        for index in whole {
            let cost = &self.costs[index];
            let (sum, targets) = bins.iter_mut().min_by_key(|(sum, _)| sum.with(cost).ms(None))?;
            *sum = sum.with(cost);
            if sum.ms(None) > limit_ms {
                return None;
            }
            targets.push(index);
        }
        packed.extend(bins.into_iter().map(|(_, mut targets)| {
            targets.sort_unstable();
            Packed { targets, shard: None, estimate_ms: None }
        }));
        Some(packed)
    }

    /// The fewest jobs of which none takes longer, of at most so many.
    fn fewest(&self, limit_ms: u64, jobs: u32) -> Option<Vec<Packed>> {
        let mut best = self.within(limit_ms, jobs)?;
        let (mut low, mut high) = (1, jobs);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.within(limit_ms, middle) {
                Some(found) => (best, high) = (found, middle),
                None => low = middle + 1,
            }
        }
        Some(best)
    }

    /// The least that the slowest of so many jobs takes.
    fn least(&self, jobs: u32) -> u64 {
        let all = Packed { targets: (0..self.costs.len()).collect(), shard: None, estimate_ms: None };
        let (mut low, mut high) = (0, self.job_ms(&all));
        while low < high {
            let middle = low + (high - low) / 2;
            if self.within(middle, jobs).is_some() { high = middle } else { low = middle + 1 }
        }
        high
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn cost() -> impl Strategy<Value = Option<Cost>> {
        let cost = (0..4_000_000_u64, 0..400_000_u64, 0..200_000_u64)
            .prop_map(|(run_ms, native_ms, build_ms)| Cost { run_ms, native_ms, build_ms });
        prop::option::weighted(0.9, cost)
    }

    proptest! {
        #[test]
        fn every_case_of_every_target_is_in_exactly_one_job(
            costs in prop::collection::vec(cost(), 1..24),
            jobs in 1_u32..40,
        ) {
            let packed = pack(&costs, jobs);
            prop_assert!(packed.len() <= jobs as usize, "{} jobs", packed.len());
            let mut parts: BTreeMap<usize, Vec<Option<Shard>>> = BTreeMap::new();
            for job in &packed {
                prop_assert!(!job.targets.is_empty());
                prop_assert!(job.shard.is_none() || job.targets.len() == 1);
                for index in &job.targets {
                    parts.entry(*index).or_default().push(job.shard);
                }
            }
            prop_assert_eq!(parts.len(), costs.len());
            for parts in parts.values_mut() {
                parts.sort();
                let of = parts[0].map_or(1, |shard| shard.of);
                let all: Vec<Option<Shard>> =
                    (1..=of).map(|index| (of > 1).then_some(Shard { index, of })).collect();
                prop_assert_eq!(&*parts, &all);
            }
        }

        #[test]
        fn the_slowest_job_is_near_the_least_that_is_possible(
            costs in prop::collection::vec(cost(), 1..24),
            jobs in 1_u32..24,
        ) {
            let items = Items::new(&costs);
            let slowest = pack(&costs, jobs).iter().map(|job| items.job_ms(job)).max().unwrap();
            // What the longest-first rule promises: no more than an even share and one longest target on top of it.
            let one = |index| items.job_ms(&Items::one(index, None));
            let all: u64 = (0..costs.len()).map(one).sum();
            let longest = (0..costs.len()).map(one).max().unwrap();
            prop_assert!(slowest <= enough(all / u64::from(jobs) + longest));
        }

        #[test]
        fn the_same_numbers_give_the_same_jobs(costs in prop::collection::vec(cost(), 1..9), jobs in 1_u32..9) {
            prop_assert_eq!(pack(&costs, jobs), pack(&costs, jobs));
        }
    }

    fn runs<const N: usize>(ms: [u64; N]) -> [Option<Cost>; N] {
        ms.map(|run_ms| Some(Cost { run_ms, ..Cost::default() }))
    }

    fn targets(packed: &[Packed]) -> Vec<Vec<usize>> {
        packed.iter().map(|job| job.targets.clone()).collect()
    }

    #[test]
    fn what_takes_no_time_is_one_job_and_what_is_unknown_one_each() {
        assert_eq!(targets(&pack(&runs([10, 2_000, 500]), 20)), [[0, 1, 2]]);
        assert_eq!(targets(&pack(&[None, None, None], 20)), [[0], [1], [2]]);
        assert!(pack(&[None, None], 20).iter().all(|job| job.shard.is_none()), "a guess is not split");
        assert_eq!(pack(&[], 3), []);
    }

    #[test]
    fn the_longest_stands_alone_and_the_others_share() {
        let minute = 60_000;
        let costs = runs([6, 5, 4, 3, 15].map(|minutes| minutes * minute));
        let packed = pack(&costs, 3);
        assert_eq!(targets(&packed), [vec![4], vec![0, 3], vec![1, 2]]);
        assert_eq!(packed[1].estimate_ms, Some(9 * minute));
        let more = pack(&costs, 5);
        assert!(more.iter().any(|job| job.targets == [4] && job.shard.is_some()), "{more:?}");
    }
}
