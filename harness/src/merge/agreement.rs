//! Whether runs are parts of one: the same question, asked of the same sources, by the same rules. Pure.

use std::collections::HashSet;

use super::Part;
use crate::error::{Error, Result};
use crate::events::RunStarted;
use crate::shard::Shard;

/// The parts without those that another one has taken up where they were killed.
pub(super) fn last_attempts(parts: Vec<Part>) -> Result<Vec<Part>> {
    let mut taken_up: HashSet<Identity> = HashSet::new();
    for part in &parts {
        let about = part.about()?;
        taken_up.extend(about.resumed.as_ref().map(|name| identity(about, name)));
    }
    let is_last = |part: &Part| {
        let ended = part.end().is_some_and(|end| !end.1);
        ended || part.about().is_ok_and(|run| !taken_up.contains(&identity(run, &run.run)))
    };
    Ok(parts.into_iter().filter(is_last).collect())
}

/// A run's name is unique on one machine; two machines may give the same to different parts.
type Identity = (String, Option<Shard>, Vec<String>);

fn identity(about: &RunStarted, name: &str) -> Identity {
    let targets = about.targets.iter().map(|info| info.target.clone()).collect();
    (name.to_owned(), about.shard, targets)
}

/// What all parts must have in common.
struct Aspect {
    name: &'static str,
    of: fn(&RunStarted) -> String,
}

const ASPECTS: [Aspect; 7] = [
    Aspect { name: "version of triplecheck", of: |run| run.version.clone() },
    Aspect { name: "version of the comparison rules", of: |run| run.rules_version.to_string() },
    Aspect { name: "host", of: |run| run.host.clone() },
    Aspect { name: "commit", of: |run| run.revision.clone().unwrap_or_else(|| "none".to_owned()) },
    Aspect { name: "rustc", of: |run| run.rustc.clone().unwrap_or_else(|| "none".to_owned()) },
    Aspect {
        name: "list of suites",
        of: |run| run.suites.iter().map(|suite| suite.name.as_str()).collect::<Vec<_>>().join(", "),
    },
    Aspect {
        name: "digest of manifest, filters and options",
        of: |run| if run.asked.is_empty() { "none".to_owned() } else { run.asked.clone() },
    },
];

/// Refuses what cannot be one run, and a run that is there twice.
pub(super) fn check(parts: &[Part]) -> Result<()> {
    let Some((first, others)) = parts.split_first() else {
        return Err(Error::user("there is nothing to merge").hint("triplecheck merge RUN-DIR RUN-DIR"));
    };
    let about = first.about()?;
    for part in others {
        let other = part.about()?;
        for aspect in &ASPECTS {
            let (one, two) = ((aspect.of)(about), (aspect.of)(other));
            if one != two {
                let name = aspect.name;
                return Err(Error::user(format!(
                    "`{}` and `{}` are not parts of one run: their {name} is `{one}` and `{two}`",
                    first.name, part.name
                ))
                .hint("merge the parts of one run only, all with the same sources, options and versions")
                .hint(format!("triplecheck report {} tells of that one alone", part.name)));
            }
        }
    }
    for (index, part) in parts.iter().enumerate() {
        let run = &part.about()?.run;
        let same = identity(part.about()?, run);
        let is_same = |other: &&Part| other.about().is_ok_and(|other| identity(other, &other.run) == same);
        if let Some(other) = parts[..index].iter().find(is_same) {
            let text = format!("`{}` and `{}` are the same run, `{run}`", other.name, part.name);
            return Err(Error::user(text).hint("give each run once"));
        }
    }
    Ok(())
}
