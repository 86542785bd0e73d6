//! Which targets and shards the parts are about, whether one is there twice, and what is missing. Pure.

use super::{Part, Problem};
use crate::error::{Error, Result};
use crate::events::{NotRun, RunStarted, TargetInfo};
use crate::shard::Shard;
use crate::verdict::Verdict;

/// Everything is one shard of one.
const WHOLE: Shard = Shard { index: 1, of: 1 };

/// All targets, in the manifest's order where that is known; refuses one that was run in two ways.
pub(super) fn targets(parts: &[Part]) -> Result<Vec<TargetInfo>> {
    let mut found: Vec<(&TargetInfo, &Part)> = Vec::new();
    let mut order: Vec<&str> = Vec::new();
    for part in parts {
        let about = part.about()?;
        order.extend(about.all_targets.iter().map(String::as_str));
        for info in &about.targets {
            let Some((known, other)) = found.iter().find(|(known, _)| known.target == info.target) else {
                found.push((info, part));
                continue;
            };
            if how(known) != how(info) {
                let (one, two) = (how(known), how(info));
                return Err(Error::user(format!(
                    "`{}` and `{}` are not parts of one run: `{}` is run by {one} in the one and by {two} in the other",
                    other.name, part.name, info.target
                ))
                .hint("run all parts on machines with the same emulators"));
            }
        }
    }
    let place = |info: &TargetInfo| order.iter().position(|name| *name == info.target);
    let mut found: Vec<TargetInfo> = found.into_iter().map(|(info, _)| info.clone()).collect();
    found.sort_by_key(|info| place(info).unwrap_or(usize::MAX));
    Ok(found)
}

fn how(info: &TargetInfo) -> String {
    let usual = match (&info.reason, &info.emulator, &info.emulator_version) {
        (Some(_), ..) | (None, None, _) => "nothing".to_owned(),
        (None, Some(kind), Some(version)) => format!("{kind} {version}"),
        (None, Some(kind), None) => kind.clone(),
    };
    let kernel = info
        .kernel
        .as_ref()
        .map_or(String::new(), |kernel| format!(", and {kernel} for what needs a kernel"));
    usual + &kernel
}

/// The shards that are missing; refuses those that are there twice, or are of different numbers.
pub(super) fn missing_shards(parts: &[Part]) -> Result<Vec<Problem>> {
    let mut problems: Vec<Problem> = Vec::new();
    for target in targets(parts)? {
        let mut of_target: Vec<(Shard, &Part)> = Vec::new();
        for part in parts {
            let about = part.about()?;
            if about.targets.iter().any(|info| info.target == target.target) {
                of_target.push((about.shard.unwrap_or(WHOLE), part));
            }
        }
        let Some(&(first, first_part)) = of_target.first() else { continue };
        for (index, &(shard, part)) in of_target.iter().enumerate() {
            if shard.of != first.of {
                return Err(Error::user(format!(
                    "`{}` has shard {first} of `{}`, and `{}` has shard {shard}: parts of different runs",
                    first_part.name, target.target, part.name
                ))
                .hint("merge shards of one number only"));
            }
            if let Some((_, other)) = of_target[..index].iter().find(|(known, _)| *known == shard) {
                let what = if shard == WHOLE { "all cases".to_owned() } else { format!("shard {shard}") };
                return Err(Error::user(format!(
                    "{what} of `{}` is there twice: in `{}` and in `{}`",
                    target.target, other.name, part.name
                ))
                .hint("give only one of them, the one that counts"));
            }
        }
        for index in 1..=first.of {
            let shard = Shard { index, of: first.of };
            if of_target.iter().all(|(known, _)| *known != shard) {
                let about = RunStarted { shard: Some(shard), ..first_part.about()?.clone() };
                let problem = Problem { text: format!("shard {shard} is not there"), fix: again(&about) };
                if !problems.contains(&problem) {
                    problems.push(problem);
                }
            }
        }
    }
    Ok(problems)
}

/// The command that runs a part again.
pub(super) fn again(about: &RunStarted) -> String {
    let mut words = about.command.clone();
    if words.is_empty() {
        words = vec!["triplecheck".to_owned(), "run".to_owned()];
    }
    if let Some(shard) = about.shard {
        words.push(format!("--shard {shard}"));
    }
    if !about.all_targets.is_empty() {
        words.extend(about.targets.iter().map(|info| format!("-t {}", info.target)));
    }
    words.join(" ")
}

/// What the manifest's other targets did not run. Where all parts are shards of the same targets, those are what was asked
/// for; else a part with the others is missing.
pub(super) fn absent(started: &RunStarted, parts: &[Part]) -> Result<Vec<NotRun>> {
    let mut abouts = Vec::new();
    for part in parts {
        abouts.push(part.about()?);
    }
    let names = |run: &RunStarted| run.targets.iter().map(|info| info.target.clone()).collect::<Vec<_>>();
    let one_question = abouts.iter().all(|run| run.shard.is_some() && names(run) == names(abouts[0]));
    if one_question {
        return Ok(Vec::new());
    }
    let is_covered = |target: &String| started.targets.iter().any(|info| info.target == *target);
    let absent = started.all_targets.iter().filter(|target| !is_covered(target));
    let not_run = absent.flat_map(|target| {
        started.suites.iter().map(move |suite| NotRun {
            suite: suite.name.clone(),
            case: "*".to_owned(),
            target: target.clone(),
            reason: "the manifest names this target, and none of the merged runs is about it".to_owned(),
            fix: Some(format!("triplecheck run -t {target}")),
            verdict: Verdict::NotRun,
            declared: false,
        })
    });
    Ok(not_run.collect())
}
