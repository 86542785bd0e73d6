//! `triplecheck show`: the runs of the past, what changed between two of them, and the history of a case.
//!
//! A run that cannot be read costs no other: it is listed with the reason, and left out of histories with a word about it.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use triplecheck_emulators::spelling;

use crate::cli::{ReportArgs, ShowArgs};
use crate::date::Date;
use crate::error::{Error, Result};
use crate::report::changes::Changes;
use crate::report::history::History;
use crate::report::overview::{Overview, Row};
use crate::report::{self, Format, Summary};
use crate::runs::{self, Recorded};

/// For how long an entry that `--expect` writes is good.
const EXPECTED_DAYS: i64 = 90;

/// Prints what was asked for; the exit status: 0, 1 where a comparison has new findings.
///
/// # Errors
/// When there is no such run, it cannot be read, or lines of its events are damaged: then the rest is printed first.
pub fn show(directory: &Path, args: &ShowArgs, out: &mut dyn Write) -> Result<u8> {
    match (&args.history, args.runs.as_slice()) {
        (Some(wanted), _) => history(directory, args, wanted, out),
        (None, [] | [_]) if args.expect => expect(directory, args, out),
        (None, []) => list(directory, args, out),
        (None, [run]) => {
            let format = if args.json { Format::Json } else { Format::Text };
            let (output, require, without_times) = (None, false, false);
            let run = Some(run.clone());
            super::report::report(directory, &ReportArgs { format, output, require, without_times, run }, out)
        }
        (None, [old, new, ..]) => compare(directory, args, [old, new], out),
    }
}

fn expect(directory: &Path, args: &ShowArgs, out: &mut dyn Write) -> Result<u8> {
    let run = args.runs.first().map(String::as_str);
    let run_dir = super::report::run_dir(directory, args.manifest_path.as_deref(), run)?;
    let Recorded { summary, damage } = runs::read(&run_dir)?;
    super::report::print(out, &report::expect::render(&summary, Date::in_days(EXPECTED_DAYS)))?;
    super::report::told_damage(&run_dir, &damage)?;
    Ok(0)
}

/// The directories of the last runs, the last one last, and how many there are before them.
fn last_runs(directory: &Path, args: &ShowArgs) -> Result<(Vec<(String, PathBuf)>, usize)> {
    // Where there are no runs at all, this says so.
    super::report::run_dir(directory, args.manifest_path.as_deref(), None)?;
    let project = crate::manifest::locate(directory, args.manifest_path.as_deref())?;
    let dir = runs::state_dir(&project.root).join(runs::RUNS);
    let mut names = runs::named(&dir);
    let wanted = usize::try_from(args.last).unwrap_or(usize::MAX);
    let earlier = names.len().saturating_sub(wanted);
    names.drain(..earlier);
    Ok((names.into_iter().map(|name| (name.clone(), dir.join(name))).collect(), earlier))
}

fn list(directory: &Path, args: &ShowArgs, out: &mut dyn Write) -> Result<u8> {
    let (runs, earlier) = last_runs(directory, args)?;
    let rows = runs.into_iter().map(|(name, dir)| match runs::read(&dir) {
        Ok(recorded) => Row::read(name, dir, &recorded.summary),
        Err(error) => Row::unreadable(name, dir, error.sentence()),
    });
    let overview = Overview::new(rows.collect(), earlier);
    let text = if args.json { overview.json()? } else { overview.text() };
    super::report::print(out, &text)?;
    Ok(0)
}

fn compare(directory: &Path, args: &ShowArgs, names: [&String; 2], out: &mut dyn Write) -> Result<u8> {
    let read = |name: &String| -> Result<(PathBuf, Recorded)> {
        let dir = super::report::run_dir(directory, args.manifest_path.as_deref(), Some(name))?;
        let recorded = runs::read(&dir)?;
        Ok((dir, recorded))
    };
    let (old, new) = (read(names[0])?, read(names[1])?);
    let changes = Changes::between(&old.1.summary, &new.1.summary);
    let text = if args.json { changes.json()? } else { changes.text() };
    super::report::print(out, &text)?;
    for (dir, recorded) in [&old, &new] {
        super::report::told_damage(dir, &recorded.damage)?;
    }
    Ok(u8::from(changes.has_new_findings()))
}

fn history(directory: &Path, args: &ShowArgs, wanted: &str, out: &mut dyn Write) -> Result<u8> {
    let (runs, _) = last_runs(directory, args)?;
    let mut read: Vec<(String, Summary)> = Vec::new();
    let mut problems: Vec<Error> = Vec::new();
    for (name, dir) in runs {
        match runs::read(&dir) {
            Ok(recorded) => {
                problems.extend(super::report::told_damage(&dir, &recorded.damage).err());
                read.push((name, recorded.summary));
            }
            Err(error) => problems.push(error),
        }
    }
    let mut history = History::of(&read, wanted);
    // A part of a name will do where no whole one fits.
    let part = format!("*{wanted}*");
    if history.is_empty() {
        history = History::of(&read, &part);
    }
    if history.is_empty() {
        return Err(problems.into_iter().next().unwrap_or_else(|| unknown_case(&read, wanted)));
    }
    let text = if args.json { history.json()? } else { history.text() };
    super::report::print(out, &text)?;
    // What could be read was told; that there was more is told last, where it is seen.
    problems.into_iter().next().map_or(Ok(0), Err)
}

fn unknown_case(runs: &[(String, Summary)], wanted: &str) -> Error {
    let cells = runs.iter().flat_map(|(_, summary)| &summary.cells);
    let mut known: BTreeSet<String> = BTreeSet::new();
    for cell in cells {
        known.insert(cell.suite.clone());
        known.insert(cell.case.clone());
        known.insert(format!("{}::{}", cell.suite, cell.case));
    }
    let nearest = spelling::nearest(wanted, known.iter().map(String::as_str), 3);
    let problem = Error::user(format!("none of the last {} runs knows a case `{wanted}`", runs.len()));
    match nearest.as_slice() {
        [] => problem.hint("triplecheck report, which lists the cases of the last run"),
        names => names.iter().fold(problem, |problem, name| {
            problem.hint(format!("triplecheck show --history {}", crate::shell::quote(name)))
        }),
    }
}
