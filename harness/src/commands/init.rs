//! `triplecheck init`: looks at a project and writes its manifest and its CI file. What is there already is kept, unless
//! `--force` says otherwise.

use std::io::Write;
use std::path::{Path, PathBuf};

use triplecheck_emulators::host::Host as _;
use triplecheck_emulators::target::Target;

use crate::cli::InitArgs;
use crate::error::{Error, Result};
use crate::init::{self, Ci, GITLAB_INCLUDE, TARGETS, look};
use crate::{manifest, plan};

const MANIFEST: &str = "triplecheck.toml";

/// Writes what is not there yet; says what was found, what was written, and what to type next.
///
/// # Errors
/// When nothing is left to write, or a file cannot be written.
pub fn init(directory: &Path, args: &InitArgs, out: &mut dyn Write) -> Result<u8> {
    for target in &args.targets {
        Target::parse(target).map_err(plan::unknown_triple)?;
    }
    let found = look::look(directory, super::host().triple());
    let repository = directory.ancestors().find(|above| above.join(".git").exists()).unwrap_or(directory);
    let ci = args.ci.or_else(|| look::ci(repository));
    let mut wanted: Vec<(PathBuf, String)> = Vec::new();
    let kept = existing_manifest(directory)?.filter(|_| !args.force);
    let targets = match &kept {
        Some((_, targets)) => targets.clone(),
        None if args.targets.is_empty() => TARGETS.map(|(target, _)| target.to_owned()).to_vec(),
        None => args.targets.clone(),
    };
    if kept.is_none() {
        wanted.push((directory.join(MANIFEST), init::manifest(&found, &args.targets)));
    }
    let below = directory != repository && ci.is_some_and(|ci| ci != Ci::None);
    let ci = if below { Some(Ci::None) } else { ci };
    if let Some(file) = init::ci_file(ci.unwrap_or(Ci::None), &found, &targets) {
        wanted.push((repository.join(file.path), file.text));
    }
    let gitlab = repository.join(".gitlab-ci.yml");
    let includes = std::fs::read_to_string(&gitlab).ok();
    if ci == Some(Ci::Gitlab) && includes.is_none() {
        wanted.push((gitlab, GITLAB_INCLUDE.to_owned()));
    }
    let mut told: Vec<String> = found.told().into_iter().map(|line| format!("found {line}")).collect();
    told.extend(kept.iter().map(|(path, _)| format!("kept  {}", path.display())));
    let (there, new): (Vec<_>, Vec<_>) =
        wanted.into_iter().partition(|(path, _)| path.exists() && !args.force);
    told.extend(there.iter().map(|(path, _)| format!("kept  {}", path.display())));
    if new.is_empty() {
        let text = format!("there is nothing to write: {}", told.join("; "));
        return Err(Error::user(text).hint("triplecheck init --force writes over what is there"));
    }
    for (path, text) in &new {
        super::report::save_with_parents(path, text)?;
        told.push(format!("wrote {}", path.display()));
    }
    if below {
        let root = repository.display();
        told.push(format!("no CI file: the project is not at the root of its repository, `{root}`"));
    }
    if !is_ignored(directory) {
        told.push("add to .gitignore:\n/target".to_owned());
    }
    told.extend(next(ci, includes.as_deref(), &found));
    super::report::print(out, &(told.join("\n") + "\n"))?;
    Ok(0)
}

/// The manifest that the project has, with its targets.
fn existing_manifest(directory: &Path) -> Result<Option<(PathBuf, Vec<String>)>> {
    let own = directory.join(MANIFEST);
    let cargo = directory.join("Cargo.toml");
    let has_table =
        || std::fs::read_to_string(&cargo).is_ok_and(|text| text.contains("metadata.triplecheck"));
    let path = if own.is_file() {
        own
    } else if has_table() {
        cargo
    } else {
        return Ok(None);
    };
    let project = manifest::locate(directory, Some(&path))?;
    let targets = project.manifest.targets.iter().map(|target| target.get_ref().clone()).collect();
    Ok(Some((path, targets)))
}

/// Whether git passes over the directory in which runs and builds are kept.
fn is_ignored(directory: &Path) -> bool {
    let text = std::fs::read_to_string(directory.join(".gitignore")).unwrap_or_default();
    let mut lines = text.lines().map(|line| line.trim().trim_matches('/'));
    lines.any(|line| line == "target" || line == "**/target")
}

/// What is left to the user.
fn next(ci: Option<Ci>, includes: Option<&str>, found: &init::Found) -> Vec<String> {
    let mut next = Vec::new();
    match ci {
        None => next.push(
            "no CI file: there is no `.github`, no `.gitlab-ci.yml`, and no remote of either; `--ci` names one"
                .to_owned(),
        ),
        Some(Ci::Gitlab) if includes.is_some_and(|text| !text.contains(".gitlab/triplecheck.yml")) => {
            next.push(format!("add to .gitlab-ci.yml:\n{}", GITLAB_INCLUDE.trim_end()));
        }
        Some(Ci::Github | Ci::Gitlab | Ci::None) => {}
    }
    next.push(if found.has_suites() {
        "next  triplecheck run --setup".to_owned()
    } else {
        format!("next  the commands in {MANIFEST}, or a suite of your own there")
    });
    next
}
