//! `triplecheck report`, and what `run --report` writes: the events are read once, and every report is made from them.

use std::io::Write;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::cli::{ReportArgs, ReportFile};
use crate::error::{About as _, Error, Result};
use crate::events::Damage;
use crate::manifest;
use crate::report::{self, Format, Options, Sources, Summary};
use crate::runs::{self, Recorded};

/// The variable that names the file of a GitHub job's summary.
const STEP_SUMMARY: &str = "GITHUB_STEP_SUMMARY";

/// Writes one report of a recorded run; the exit status: 0, or 2 where its events are damaged.
///
/// # Errors
/// When there is no such run, it cannot be read, or the report cannot be written.
pub fn report(directory: &Path, args: &ReportArgs, out: &mut dyn Write) -> Result<u8> {
    let run_dir = run_dir(directory, None, args.run.as_deref())?;
    let Recorded { mut summary, damage } = runs::read(&run_dir)?;
    if args.without_times {
        summary = summary.without_times();
    }
    let file = args.output.clone().unwrap_or_else(|| PathBuf::from("-"));
    let options = Options { require: args.require, sources: sources(directory, &run_dir, &summary) };
    write(directory, &ReportFile { format: args.format, file }, &summary, &options, out)?;
    told_damage(&run_dir, &damage)?;
    Ok(0)
}

/// Says which lines of a run's events could not be read, after all that could be was told.
///
/// # Errors
/// When there are such lines.
pub(super) fn told_damage(run_dir: &Path, damage: &[Damage]) -> Result<()> {
    let path = run_dir.join(runs::EVENTS);
    let Some(first) = damage.first() else { return Ok(()) };
    let lines: Vec<String> = damage.iter().take(5).map(|damage| damage.line.to_string()).collect();
    let more = if damage.len() > lines.len() { " …" } else { "" };
    Err(Error::user(format!(
        "line {}{more} of `{}` could not be read; the report holds all the others",
        lines.join(", "),
        path.display()
    ))
    .caused_by(first.why.clone()))
}

/// The directory of the run that is meant.
///
/// # Errors
/// When there is no such run.
pub(super) fn run_dir(directory: &Path, manifest_path: Option<&Path>, run: Option<&str>) -> Result<PathBuf> {
    // A run that is named by its directory needs no project around it.
    let project = manifest::locate(directory, manifest_path);
    let root = project.as_ref().map_or(directory, |project| &project.root);
    match runs::find(root, directory, run) {
        Ok(run_dir) => Ok(run_dir),
        // Without a project there are no runs to choose from, and that is what is wrong.
        Err(error) if run.is_some() => Err(error),
        Err(error) => Err(project.err().unwrap_or(error)),
    }
}

/// Writes the reports that `--report` asks for.
///
/// # Errors
/// When one of them cannot be written; the others are.
pub(super) fn write_all(
    directory: &Path,
    run_dir: &Path,
    summary: &Summary,
    (reports, require): (&[&ReportFile], bool),
    out: &mut dyn Write,
) -> Result<()> {
    if reports.is_empty() {
        return Ok(());
    }
    let options = Options { require, sources: sources(directory, run_dir, summary) };
    let written = reports.iter().map(|report| write(directory, report, summary, &options, out));
    let results: Vec<Result<()>> = written.collect();
    results.into_iter().collect()
}

/// Prints a report. A reader that has seen enough is no error.
///
/// # Errors
/// When it cannot be written.
pub(super) fn print(out: &mut dyn Write, text: &str) -> Result<()> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|error| Error::world("cannot print the report").caused_by(error)),
    }
}

fn write(
    directory: &Path,
    to: &ReportFile,
    summary: &Summary,
    options: &Options,
    out: &mut dyn Write,
) -> Result<()> {
    let text = report::render(to.format, summary, options)?;
    if to.file.as_os_str() == "-" {
        print(out, &text)?;
    } else {
        // Colour is for terminals; `out` takes it away by itself.
        let text = anstream::adapter::strip_str(&text).to_string();
        save(&directory.join(&to.file), &text)?;
    }
    match (to.format, std::env::var_os(STEP_SUMMARY)) {
        (Format::Github, Some(path)) if !path.is_empty() => {
            append(Path::new(&path), &report::render(Format::Markdown, summary, options)?)
        }
        _ => Ok(()),
    }
}

/// Puts the whole text in the file's place at once, so that no reader ever sees half a report.
fn save(path: &Path, text: &str) -> Result<()> {
    let is_special = path.metadata().is_ok_and(|meta| !meta.is_file());
    if is_special {
        return fs_err::write(path, text).about("write", path);
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        let permissions = std::fs::Permissions::from_mode(0o666);
        let mut file = tempfile::Builder::new().permissions(permissions).tempfile_in(parent)?;
        file.write_all(text.as_bytes())?;
        file.persist(path)?;
        Ok(())
    };
    write().about("write", path)
}

/// The same, where the file's directory may not be there yet.
pub(super) fn save_with_parents(path: &Path, text: &str) -> Result<()> {
    if let Some(parent) = path.parent() {
        fs_err::create_dir_all(parent).about("create", parent)?;
    }
    save(path, text)
}

/// A step may write its summary in parts, so what is there stays.
fn append(path: &Path, text: &str) -> Result<()> {
    let mut file = fs_err::File::options().append(true).create(true).open(path).about("open", path)?;
    file.write_all(text.as_bytes()).about("append to", path)
}

/// Where the run's sources are in their repository: the nearest directory above the project with a `.git` in it.
fn sources(directory: &Path, run_dir: &Path, summary: &Summary) -> Sources {
    let Some(run) = &summary.run else { return Sources::default() };
    let run_dir = std::path::absolute(run_dir).unwrap_or_else(|_| run_dir.to_owned());
    // A run that is kept elsewhere is taken for one of the project that the report is asked for in.
    let here = || Some(manifest::locate(directory, None).ok()?.root);
    let project = runs::project_of(&run_dir).map(Path::to_path_buf).or_else(here);
    let Some(project) = project.as_deref() else { return Sources::default() };
    let repository = project.ancestors().find(|directory| directory.join(".git").exists()).unwrap_or(project);
    Sources::new(repository, project, &run.suites)
}
