//! `triplecheck merge`: reads the parts, writes the merged run beside the others, and reports it as `run` would.
//!
//! The parts are only read. What is written is there whole, with the findings' outputs, before it gets its name.

use std::io::Write;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::cli::{MergeArgs, ReportFile};
use crate::error::{About as _, Error, Result};
use crate::events::{self, Event, Log};
use crate::merge::{self, Part, Problem};
use crate::report::{self, Summary};
use crate::{manifest, runs};

/// How deep below a given directory runs are looked for: artifacts of CI systems lie a few directories down.
const DEPTH_MAX: usize = 8;
/// Where a run keeps the outputs of its findings.
const FINDINGS: &str = "findings";

/// Merges and reports; the exit status: that of `run`, or 2 where a part is missing.
///
/// # Errors
/// When the runs are not parts of one, cannot be read, or do not make a whole one: then all that there is was written first.
pub fn merge(directory: &Path, args: &MergeArgs, out: &mut dyn Write) -> Result<u8> {
    let output = output(directory, args)?;
    let mut dirs = Vec::new();
    for given in &args.runs {
        dirs.extend(runs_below(&directory.join(given))?);
    }
    dirs.sort();
    dirs.dedup();
    let parts = dirs.iter().map(|dir| read(directory, dir)).collect::<Result<Vec<Part>>>()?;
    let name =
        output.file_name().map_or_else(super::run::run_name, |name| name.to_string_lossy().into_owned());
    let merged = merge::merge(parts, &name)?;
    let events = write(&output, merged.events)?;
    let summary = Summary::of(events);
    let text = if args.json {
        report::json::render(&summary, args.require)?
    } else {
        report::text::render(&summary, None)
    };
    super::report::print(out, &text)?;
    let reports: Vec<&ReportFile> = args.reports.iter().collect();
    super::report::write_all(directory, &output, &summary, (&reports, args.require), out)?;
    match told(&merged.problems, &output) {
        Some(error) => Err(error),
        None => Ok(summary.exit_code(args.require)),
    }
}

/// Where the merged run goes, where nothing may be yet.
fn output(directory: &Path, args: &MergeArgs) -> Result<PathBuf> {
    let Some(output) = &args.output else {
        let project = manifest::locate(directory, None).map_err(|error| {
            Error::user("there is no project here whose run it would be")
                .caused_by(error)
                .hint("triplecheck merge --output merged RUN-DIR…")
        })?;
        return Ok(runs::state_dir(&project.root).join(runs::RUNS).join(super::run::run_name()));
    };
    super::new_directory(&directory.join(output))
}

/// The run that a directory or a file is, or all runs below it.
fn runs_below(given: &Path) -> Result<Vec<PathBuf>> {
    if given.is_file() && given.file_name().is_some_and(|name| name == runs::EVENTS) {
        return Ok(given.parent().map(Path::to_path_buf).into_iter().collect());
    }
    let mut found = Vec::new();
    let mut pending = vec![(given.to_owned(), 0)];
    while let Some((dir, depth)) = pending.pop() {
        // Below a run there are only its own follow-ups.
        if dir.join(runs::EVENTS).is_file() {
            found.push(dir);
            continue;
        }
        let entries = match fs_err::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if depth == 0 => {
                let text = format!("there is no run `{}`", dir.display());
                return Err(Error::user(text).caused_by(error).hint("`triplecheck show` lists the runs"));
            }
            Err(error) => return Err(error).about("list", &dir),
        };
        for entry in entries {
            let entry = entry.about("list", &dir)?;
            if depth < DEPTH_MAX && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                pending.push((entry.path(), depth + 1));
            }
        }
    }
    if found.is_empty() {
        let text = format!("there is no run in `{}`: no `{}` is below it", given.display(), runs::EVENTS);
        return Err(Error::user(text)
            .hint("a run's directory is the one that its job has kept: target/triplecheck/runs/NAME"));
    }
    Ok(found)
}

fn read(directory: &Path, dir: &Path) -> Result<Part> {
    let path = dir.join(runs::EVENTS);
    let name = dir.strip_prefix(directory).unwrap_or(dir).display().to_string();
    // Asked first: a run that ends meanwhile has then written all that is read.
    let goes_on = events::are_being_written(&path);
    let mut recorded = events::read(&path)?;
    if let (true, Some(damage)) = (recorded.events.is_empty(), recorded.damage.first()) {
        let text = format!("`{}` holds no events: line {} is none", path.display(), damage.line);
        return Err(Error::user(text)
            .caused_by(damage.why.clone())
            .hint("leave it out, or run that part again"));
    }
    if recorded.events.is_empty() {
        let text = format!("`{}` is empty: the run ended before anything was recorded", path.display());
        return Err(Error::user(text).hint("leave it out, or run that part again"));
    }
    for event in &mut recorded.events {
        if let Event::Cell(cell) = event {
            cell.kept = cell.kept.take().and_then(|kept| here(dir, &kept));
        }
    }
    Ok(Part { name, events: recorded.events, unreadable_lines: recorded.damage.len(), goes_on })
}

/// Where the outputs of a finding are on this machine, if they came with the run.
fn here(run_dir: &Path, kept: &Path) -> Option<PathBuf> {
    let mut components = kept.components().rev();
    let (target, name) = (components.next()?, components.next()?);
    let path = run_dir.join(FINDINGS).join(name).join(target);
    path.is_dir().then_some(path)
}

/// Writes the run and the outputs of its findings; its events, which say where those are now.
fn write(output: &Path, mut events: Vec<Event>) -> Result<Vec<Event>> {
    let parent = output.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs_err::create_dir_all(parent).about("create", parent)?;
    let permissions = std::fs::Permissions::from_mode(0o755);
    let work = tempfile::Builder::new().prefix(".merge-").permissions(permissions).tempdir_in(parent);
    let work = work.about("write in", parent)?;
    for (number, event) in events.iter_mut().enumerate() {
        let Event::Cell(cell) = event else { continue };
        let Some(from) = &cell.kept else { continue };
        let Some(target) = from.file_name() else { continue };
        let name = from.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        let within = Path::new(FINDINGS).join(format!("{number:05}-{name}")).join(target);
        copy(from, &work.path().join(&within))?;
        cell.kept = Some(output.join(within));
    }
    let mut log = Log::create(&work.path().join(runs::EVENTS))?;
    events.iter().try_for_each(|event| log.append(event))?;
    drop(log);
    let work = work.keep();
    // An empty directory that is there is replaced.
    fs_err::rename(&work, output).about("make", output)?;
    Ok(events)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs_err::create_dir_all(to).about("create", to)?;
    for entry in fs_err::read_dir(from).about("list", from)? {
        let entry = entry.about("list", from)?;
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        match entry.file_type().about("look at", &path)? {
            kind if kind.is_dir() => copy(&path, &to)?,
            // Nothing of ours is a link; one that somebody has put there is not followed.
            kind if kind.is_file() => {
                fs_err::copy(&path, &to).about("copy", &path)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// What is missing, after everything that there is was told.
fn told(problems: &[Problem], output: &Path) -> Option<Error> {
    let (first, others) = problems.split_first()?;
    let mut text = first.text.clone();
    for problem in others {
        text.push_str(&format!("; {}", problem.text));
    }
    let place = output.display();
    let error =
        Error::user(format!("the run is not whole: {text}; all that there is was merged into `{place}`"));
    Some(problems.iter().fold(error, |error, problem| error.hint(&problem.fix)))
}
