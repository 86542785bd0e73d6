//! Which part of the cases is asked for, by the command line or by the CI system, and what a run is about, so that only
//! parts of one thing are merged.

use std::io::Write as _;
use std::path::PathBuf;

use crate::cli::{ReportFile, RunArgs};
use crate::error::{About as _, Error, Result};
use crate::manifest::Project;
use crate::report::Format;
use crate::shard::{self, Choice, Shard};

/// The shard that is asked for; `None` for everything.
pub(super) fn wanted(choice: Option<Choice>) -> Result<Option<Shard>> {
    let shard = match choice {
        None => return Ok(None),
        Some(Choice::Of(shard)) => shard,
        Some(Choice::Auto) => match told()? {
            Some(shard) => shard,
            None => return Ok(None),
        },
    };
    // The one shard of one is everything.
    Ok((shard.of > 1).then_some(shard))
}

fn told() -> Result<Option<Shard>> {
    let variable = |name: &str| std::env::var(name).ok();
    let told = shard::told(variable).map_err(|why| {
        Error::user(format!("`--shard auto`: {why}")).hint("--shard K/N, such as --shard 2/4")
    })?;
    if let Some(path) = variable(shard::STATUS_FILE).filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        fs_err::File::options().create(true).append(true).open(&path).about("make", &path)?;
    }
    let text = match told {
        Some((who, shard)) => format!("shard {shard}, as {who} says"),
        None => "no shard: no variable of a CI system names one, and everything is run".to_owned(),
    };
    // Where nobody listens, the run is no other.
    let _ = writeln!(anstream::stderr(), "{text}");
    Ok(told.map(|(_, shard)| shard))
}

/// The report that Bazel asks for.
pub(super) fn asked_by_bazel(choice: Option<Choice>) -> Option<ReportFile> {
    let file = std::env::var_os(shard::XML_FILE).filter(|file| !file.is_empty())?;
    (choice == Some(Choice::Auto)).then(|| ReportFile { format: Format::Junit, file: file.into() })
}

/// A digest of what is asked but for targets and shard.
pub(super) fn asked(project: &Project, args: &RunArgs) -> String {
    let manifest = project.source.as_ref().map_or("", |source| source.text());
    let cargo = args.cargo.options(&args.test_args);
    let control = (args.control.repeat, args.control.retries, args.timeout);
    let text = format!("{:?}", (manifest, &args.filters, cargo, control, &args.lookup));
    blake3::hash(text.as_bytes()).to_hex()[..16].to_owned()
}
