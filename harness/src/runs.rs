//! The runs of a project: where each keeps what it leaves behind, and which one somebody means.
//!
//! A run is found by its name, by its directory, or as the last one. It may have ended, go on, or have been killed:
//! what it recorded is read all the same, and which of the three it is comes with it.

use std::path::{Path, PathBuf};

use triplecheck_emulators::spelling;

use crate::error::{Error, Result};
use crate::events::{self, Damage};
use crate::report::{Stage, Summary};

/// The directory of all runs, in a project's [`state_dir`].
pub const RUNS: &str = "runs";
/// How long guests took in earlier runs, in a project's [`state_dir`].
pub const DURATIONS: &str = "durations.jsonl";
/// The events, in a run's directory.
pub const EVENTS: &str = "events.jsonl";

/// Where runs and builds of a project are kept: cargo's target directory, which every project ignores already.
pub fn state_dir(project: &Path) -> PathBuf {
    project.join("target").join("triplecheck")
}

/// The project in whose [`state_dir`] a run's directory is, for one that is where runs are kept.
pub fn project_of(run: &Path) -> Option<&Path> {
    let root = run.ancestors().nth(4)?;
    (run.parent()? == state_dir(root).join(RUNS)).then_some(root)
}

/// The name of the last run among those in `dir`.
pub fn last(dir: &Path) -> Option<String> {
    named(dir).pop()
}

/// The names of the runs in `dir`, the last one last.
pub fn named(dir: &Path) -> Vec<String> {
    let Ok(entries) = fs_err::read_dir(dir) else { return Vec::new() };
    // By the time of the last event and not by name: of two runs in one second the process ids say nothing.
    let mut runs: Vec<_> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let written = fs_err::metadata(entry.path().join(EVENTS)).ok()?.modified().ok()?;
            Some((written, entry.file_name().into_string().ok()?))
        })
        .collect();
    runs.sort();
    runs.into_iter().map(|(_, name)| name).collect()
}

/// What the last run may be called; `last~2` is the third last.
const LAST: &str = "last";
/// What tells of all of them.
const LIST: &str = "`triplecheck show` lists the runs";

/// The directory of the run that is meant: the last one of the project, one of its runs by name or counted from the last
/// one, or a directory.
///
/// # Errors
/// When there is no such run; what there is instead is told.
pub fn find(project: &Path, here: &Path, given: Option<&str>) -> Result<PathBuf> {
    let dir = state_dir(project).join(RUNS);
    let Some(given) = given else {
        let none = || Error::user(format!("`{}` has no runs yet", project.display())).hint("triplecheck run");
        return last(&dir).map(|name| dir.join(name)).ok_or_else(none);
    };
    let by_path = here.join(given);
    let back = given.strip_prefix(LAST).filter(|_| !by_path.exists());
    if let Some(back) = back.and_then(|back| if back.is_empty() { Some("0") } else { back.strip_prefix('~') })
        && let Ok(back) = back.parse::<usize>()
    {
        let names = named(&dir);
        let all = names.len();
        let too_few = || Error::user(format!("there is no run `{given}`: there are {all} runs")).hint(LIST);
        return names.iter().rev().nth(back).map(|name| dir.join(name)).ok_or_else(too_few);
    }
    for path in [dir.join(given), by_path.clone()] {
        if path.join(EVENTS).is_file() {
            return Ok(path);
        }
    }
    if by_path.is_file() && by_path.file_name().is_some_and(|name| name == EVENTS) {
        return Ok(by_path.parent().map(Path::to_path_buf).unwrap_or_default());
    }
    let problem = if by_path.is_dir() {
        Error::user(format!("`{given}` is no run: there is no `{EVENTS}` in it"))
    } else {
        Error::user(format!("there is no run `{given}`"))
    };
    let names = named(&dir);
    if names.is_empty() {
        return Err(problem.hint("triplecheck run"));
    }
    let nearest = spelling::nearest(given, names.iter().rev().map(String::as_str), 3);
    let problem = nearest.iter().fold(problem, |problem, name| problem.hint(format!("the run `{name}`")));
    Err(problem.hint(LIST))
}

/// A run as it was recorded.
#[derive(Debug)]
pub struct Recorded {
    /// What its events amount to.
    pub summary: Summary,
    /// Lines among them that are no events, and are not in the summary.
    pub damage: Vec<Damage>,
}

/// Reads the run in `dir`.
///
/// # Errors
/// When nothing at all can be read there, or it was written by a newer version.
pub fn read(dir: &Path) -> Result<Recorded> {
    let path = dir.join(EVENTS);
    // Asked first: a run that ends meanwhile has then written all that is read.
    let goes_on = events::are_being_written(&path);
    let recorded = events::read(&path)?;
    if recorded.events.is_empty() {
        let text = match recorded.damage.first() {
            None => format!("`{}` is empty: the run ended before anything was recorded", path.display()),
            Some(damage) => {
                format!("`{}` holds no events: line {} is none: {}", path.display(), damage.line, damage.why)
            }
        };
        return Err(Error::user(text).hint("triplecheck run"));
    }
    let mut summary = Summary::of(recorded.events);
    if summary.duration_ms.is_none() {
        summary.stage = if goes_on { Stage::GoesOn } else { Stage::Killed };
    }
    summary.unreadable_lines = recorded.damage.len() as u64;
    Ok(Recorded { summary, damage: recorded.damage })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Event, Log};

    fn run(dir: &Path, name: &str) -> Log {
        let run = dir.join(name);
        fs_err::create_dir_all(&run).unwrap();
        Log::create(&run.join(EVENTS)).unwrap()
    }

    #[test]
    fn a_run_is_found_by_name_by_directory_and_as_the_last() {
        let project = tempfile::tempdir().unwrap();
        let root = project.path();
        let dir = state_dir(root).join(RUNS);
        assert!(find(root, root, None).unwrap_err().render().contains("has no runs yet"));
        for name in ["b", "a"] {
            run(&dir, name).append(&Event::NotRun(not_run())).unwrap();
            let file = fs_err::File::options().append(true).open(dir.join(name).join(EVENTS)).unwrap();
            let seconds = if name == "b" { 1 } else { 2 };
            let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            file.set_modified(time).unwrap();
        }
        assert_eq!(find(root, root, None).unwrap(), dir.join("a"));
        assert_eq!(find(root, root, Some("b")).unwrap(), dir.join("b"));
        assert_eq!(find(root, &dir, Some("b")).unwrap(), dir.join("b"));
        assert_eq!(find(root, &dir, Some("b/events.jsonl")).unwrap(), dir.join("b"));
        assert_eq!(project_of(&dir.join("b")), Some(root));
        assert_eq!(project_of(&dir), None);
        for (last, name) in [("last", "a"), ("last~0", "a"), ("last~1", "b")] {
            assert_eq!(find(root, root, Some(last)).unwrap(), dir.join(name), "{last}");
        }
        let too_far = find(root, root, Some("last~2")).unwrap_err().render();
        assert!(too_far.contains("there are 2 runs"), "{too_far}");
        let absent = find(root, root, Some("ab")).unwrap_err().render();
        for words in ["no run `ab`", "try: the run `a`", "try: the run `b`", "`triplecheck show` lists"] {
            assert!(absent.contains(words), "{absent}");
        }
        let no_run = find(root, root, Some("target")).unwrap_err().render();
        assert!(no_run.contains("`target` is no run"), "{no_run}");
    }

    fn not_run() -> events::NotRun {
        events::NotRun {
            suite: "s".into(),
            case: "c".into(),
            target: "t".into(),
            reason: "r".into(),
            fix: None,
            verdict: crate::verdict::Verdict::NotRun,
            declared: false,
        }
    }

    #[test]
    fn a_run_that_goes_on_is_told_from_one_that_was_killed() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = run(dir.path(), "r");
        let path = dir.path().join("r");
        assert!(read(&path).unwrap_err().render().contains("is empty"));
        log.append(&Event::NotRun(not_run())).unwrap();
        assert_eq!(read(&path).unwrap().summary.stage, Stage::GoesOn);
        drop(log);
        // A process that a test beside this one is just starting has the log open too, until it is another program.
        let given_up = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while read(&path).unwrap().summary.stage == Stage::GoesOn && std::time::Instant::now() < given_up {
            std::thread::yield_now();
        }
        assert_eq!(read(&path).unwrap().summary.stage, Stage::Killed);
        fs_err::write(path.join(EVENTS), "garbage\n").unwrap();
        assert!(read(&path).unwrap_err().render().contains("line 1"));
    }
}
