//! `triplecheck show`: the report of a finished run again, from what it recorded.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::cli::ShowArgs;
use crate::date::Date;
use crate::error::{Error, Result};
use crate::report::{self, Summary};
use crate::{events, manifest};

/// For how long an entry that `--expect` writes is good.
const EXPECTED_DAYS: i64 = 90;

/// Prints the report; the exit status of the run.
pub fn show(directory: &Path, args: &ShowArgs, out: &mut dyn Write) -> Result<u8> {
    let summary = Summary::of(events::read(&events_file(directory, args)?)?);
    let text = if args.expect {
        report::expect::render(&summary, Date::in_days(EXPECTED_DAYS))
    } else if args.json {
        report::json::render(&summary, false)?
    } else {
        report::text::render(&summary, None)
    };
    out.write_all(text.as_bytes())
        .map_err(|error| Error::world("cannot print the report").caused_by(error))?;
    // Entries were asked for, and these they are; a report has the status of its run.
    Ok(if args.expect { 0 } else { summary.exit_code(false) })
}

/// The events of the run that was asked for: by its name, by its directory, or the last one.
fn events_file(directory: &Path, args: &ShowArgs) -> Result<PathBuf> {
    let given = args.run.as_ref().map(|run| directory.join(run));
    if let Some(path) = given.filter(|path| path.join("events.jsonl").is_file()) {
        return Ok(path.join("events.jsonl"));
    }
    let project = manifest::locate(directory, args.manifest_path.as_deref())?;
    let runs = super::run::state_dir(&project).join("runs");
    let name = match &args.run {
        Some(run) => run.clone(),
        None => super::run::last_run(&runs)?.ok_or_else(|| {
            Error::user(format!("there is no run in `{}`", runs.display())).hint("triplecheck run")
        })?,
    };
    let file = runs.join(&name).join("events.jsonl");
    if file.is_file() {
        Ok(file)
    } else {
        let text = format!("there is no run `{name}` in `{}`", runs.display());
        Err(Error::user(text).hint("triplecheck show, for the last one"))
    }
}
