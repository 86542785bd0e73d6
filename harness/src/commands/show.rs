//! `triplecheck show`: the report of a finished run again, from what it recorded.

use std::io::Write;
use std::path::Path;

use crate::cli::ShowArgs;
use crate::date::Date;
use crate::error::Result;
use crate::{report, runs};

/// For how long an entry that `--expect` writes is good.
const EXPECTED_DAYS: i64 = 90;

/// Prints the report; the exit status of the run.
pub fn show(directory: &Path, args: &ShowArgs, out: &mut dyn Write) -> Result<u8> {
    let run_dir = super::report::run_dir(directory, args.manifest_path.as_deref(), args.run.as_deref())?;
    let summary = runs::read(&run_dir)?.summary;
    let text = if args.expect {
        report::expect::render(&summary, Date::in_days(EXPECTED_DAYS))
    } else if args.json {
        report::json::render(&summary, false)?
    } else {
        report::text::render(&summary, None)
    };
    super::report::print(out, &text)?;
    // Entries were asked for, and these they are; a report has the status of its run.
    Ok(if args.expect { 0 } else { summary.exit_code(false) })
}
