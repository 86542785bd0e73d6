//! Which part of a run's cases one machine decides. Pure.
//!
//! A case belongs to exactly one shard, with all of its targets, so that each is compared with a native run of the same
//! machine. Which one depends on its name and the number of shards alone, and not on what else there is: machines need not
//! ask each other, and a new test moves no other one.

use serde::{Deserialize, Serialize};

/// The most shards; forges allow 256 jobs at most.
pub const SHARDS_MAX: u32 = 1024;

/// One of several parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Shard {
    /// From 1.
    pub index: u32,
    /// How many there are.
    pub of: u32,
}

impl Shard {
    /// The shard, where there is such a one.
    ///
    /// # Errors
    /// What is wrong with the numbers.
    pub fn new(index: u32, of: u32) -> Result<Self, String> {
        match (index, of) {
            (_, 0) => Err("there must be at least one shard".to_owned()),
            (_, of) if of > SHARDS_MAX => Err(format!("there may be at most {SHARDS_MAX} shards, not {of}")),
            (0, _) => Err("shards are numbered from 1".to_owned()),
            (index, of) if index > of => {
                Err(format!("there is no shard {index} of {of}: they are numbered from 1 to {of}"))
            }
            (index, of) => Ok(Self { index, of }),
        }
    }

    /// Whether it decides this case.
    pub fn owns(self, suite: &str, case: &str) -> bool {
        let mut hasher = blake3::Hasher::new();
        // A name may hold any character but this one.
        hasher.update(suite.as_bytes()).update(b"\0").update(case.as_bytes());
        let mut number = [0; 8];
        hasher.finalize_xof().fill(&mut number);
        u64::from_le_bytes(number) % u64::from(self.of) == u64::from(self.index - 1)
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}", self.index, self.of)
    }
}

/// What is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// As the variables of the CI system or of Bazel say.
    Auto,
    /// This one.
    Of(Shard),
}

/// `2/4`, or `auto`.
///
/// # Errors
/// What is wrong with it.
pub fn parse(text: &str) -> Result<Choice, String> {
    if text == "auto" {
        return Ok(Choice::Auto);
    }
    let numbers = text.split_once('/').and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
    let (index, of) = numbers.ok_or("write it as K/N, such as `2/4`, or as `auto`")?;
    Shard::new(index, of).map(Choice::Of)
}

/// Who tells jobs which part of the work is theirs, and how.
struct Teller {
    name: &'static str,
    index: &'static str,
    /// What the first one is.
    first: u32,
    of: &'static str,
}

/// From each system's own documentation: Bazel's test encyclopedia; the lists of predefined variables of GitLab, CircleCI,
/// Buildkite, Bitbucket, Semaphore, Azure Pipelines. GitHub has none: there the matrix says it. Bazel comes first, because
/// it may itself be started by one of the others.
const TELLERS: [Teller; 7] = [
    Teller { name: "Bazel", index: "TEST_SHARD_INDEX", first: 0, of: "TEST_TOTAL_SHARDS" },
    Teller { name: "GitLab", index: "CI_NODE_INDEX", first: 1, of: "CI_NODE_TOTAL" },
    Teller { name: "CircleCI", index: "CIRCLE_NODE_INDEX", first: 0, of: "CIRCLE_NODE_TOTAL" },
    Teller {
        name: "Buildkite",
        index: "BUILDKITE_PARALLEL_JOB",
        first: 0,
        of: "BUILDKITE_PARALLEL_JOB_COUNT",
    },
    Teller {
        name: "Bitbucket",
        index: "BITBUCKET_PARALLEL_STEP",
        first: 0,
        of: "BITBUCKET_PARALLEL_STEP_COUNT",
    },
    Teller { name: "Semaphore", index: "SEMAPHORE_JOB_INDEX", first: 1, of: "SEMAPHORE_JOB_COUNT" },
    Teller { name: "Azure", index: "SYSTEM_JOBPOSITIONINPHASE", first: 1, of: "SYSTEM_TOTALJOBSINPHASE" },
];

/// The variable by which Bazel learns that shards are understood: a file of this name has to be there afterwards.
pub const STATUS_FILE: &str = "TEST_SHARD_STATUS_FILE";
/// The variable that names the file into which Bazel wants JUnit.
pub const XML_FILE: &str = "XML_OUTPUT_FILE";

/// What the environment says, and who says it; `None` where nobody says anything. `find` gives the value of a variable.
///
/// # Errors
/// When it says something that cannot be.
pub fn told(find: impl Fn(&str) -> Option<String>) -> Result<Option<(&'static str, Shard)>, String> {
    let find = |name: &str| find(name).filter(|value| !value.is_empty());
    let number = |name: &str, value: String| {
        value.parse::<u32>().map_err(|_| format!("`{name}` is `{value}`, which is no number"))
    };
    for teller in &TELLERS {
        let Some(of) = find(teller.of) else { continue };
        let of = number(teller.of, of)?;
        // Bazel without shards, and GitLab without `parallel`: a total alone, of one.
        let index = match find(teller.index) {
            None if of <= 1 => continue,
            None => return Err(format!("`{}` is {of}, and `{}` is not set", teller.of, teller.index)),
            Some(index) => number(teller.index, index)?,
        };
        let index = index.checked_sub(teller.first).and_then(|index| index.checked_add(1)).unwrap_or(0);
        let shard = Shard::new(index, of).map_err(|why| {
            format!("`{}` and `{}`, the variables of {}: {why}", teller.index, teller.of, teller.name)
        })?;
        return Ok(Some((teller.name, shard)));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_case_is_in_exactly_one_shard(suite: String, case: String, of in 1_u32..64) {
            let owners = (1..=of).filter(|index| Shard { index: *index, of }.owns(&suite, &case));
            prop_assert_eq!(owners.count(), 1);
        }

        #[test]
        fn what_is_printed_is_what_may_be_typed(of in 1..=SHARDS_MAX, part: u32) {
            let shard = Shard::new(part % of + 1, of).unwrap();
            prop_assert_eq!(parse(&shard.to_string()), Ok(Choice::Of(shard)));
        }

        #[test]
        fn any_text_is_a_shard_or_is_refused_with_a_word(text: String) {
            if let Err(why) = parse(&text) {
                prop_assert!(!why.is_empty());
            }
        }
    }

    #[test]
    fn shards_of_many_cases_are_of_one_size() {
        for index in 1..=4 {
            let shard = Shard { index, of: 4 };
            let own = (0..10_000).filter(|number| shard.owns("c", &format!("case_{number}"))).count();
            assert!((2_300..2_700).contains(&own), "{shard}: {own}");
        }
    }

    #[test]
    fn where_cases_are_never_changes() {
        // Machines with different versions of us must agree, and a cache by shard must stay good.
        let places = ["a", "b", "c", "d", "e", "f"]
            .map(|case| (1..=3).find(|index| Shard { index: *index, of: 3 }.owns("suite", case)).unwrap());
        assert_eq!(places, [1, 3, 3, 1, 3, 1]);
    }

    #[test]
    fn a_shard_that_cannot_be_is_refused() {
        for (text, word) in [
            ("0/4", "numbered from 1"),
            ("5/4", "no shard 5 of 4"),
            ("1/0", "at least one"),
            ("1/9999", "at most 1024"),
            ("2", "such as `2/4`"),
            ("-1/4", "such as `2/4`"),
            ("a/b", "such as `2/4`"),
            ("1/4/2", "such as `2/4`"),
        ] {
            assert!(parse(text).unwrap_err().contains(word), "{text}: {}", parse(text).unwrap_err());
        }
    }

    #[test]
    fn what_ci_systems_say_is_understood() {
        let told = |variables: &[(&str, &str)]| {
            told(|name| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            })
        };
        let shard = |index, of| Shard { index, of };
        for (variables, who, expected) in [
            ([("TEST_SHARD_INDEX", "0"), ("TEST_TOTAL_SHARDS", "3")], "Bazel", shard(1, 3)),
            ([("CI_NODE_INDEX", "3"), ("CI_NODE_TOTAL", "3")], "GitLab", shard(3, 3)),
            ([("CIRCLE_NODE_INDEX", "1"), ("CIRCLE_NODE_TOTAL", "2")], "CircleCI", shard(2, 2)),
            (
                [("BUILDKITE_PARALLEL_JOB", "7"), ("BUILDKITE_PARALLEL_JOB_COUNT", "8")],
                "Buildkite",
                shard(8, 8),
            ),
            ([("SYSTEM_JOBPOSITIONINPHASE", "1"), ("SYSTEM_TOTALJOBSINPHASE", "1")], "Azure", shard(1, 1)),
        ] {
            assert_eq!(told(&variables), Ok(Some((who, expected))));
        }
        assert_eq!(told(&[("CI_NODE_TOTAL", "1")]), Ok(None), "GitLab without `parallel`");
        assert_eq!(told(&[("TEST_TOTAL_SHARDS", "")]), Ok(None));
        for (variables, word) in [
            (&[("CI_NODE_TOTAL", "4")][..], "`CI_NODE_INDEX` is not set"),
            (&[("CI_NODE_INDEX", "0"), ("CI_NODE_TOTAL", "4")], "variables of GitLab: shards are numbered"),
            (&[("TEST_SHARD_INDEX", "4"), ("TEST_TOTAL_SHARDS", "4")], "no shard 5 of 4"),
            (&[("TEST_SHARD_INDEX", "x"), ("TEST_TOTAL_SHARDS", "4")], "`x`, which is no number"),
        ] {
            assert!(told(variables).unwrap_err().contains(word), "{:?}", told(variables));
        }
    }
}
