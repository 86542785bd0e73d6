//! `run --build-only --archive` and `run --from`: what is built here, and what was built elsewhere.

mod pack;

use std::io::Write;
use std::path::{Path, PathBuf};

use triplecheck_emulators::host::LocalHost;

use crate::archive::{self, Limits};
use crate::build::{Piece, ProgramKind};
use crate::built::{self, Given, RECORD, ROOT, Record, nextest};
use crate::bundle::LeftOut;
use crate::error::{About as _, Error, Result};
use crate::manifest::{self, Manifest, Project};
use crate::plan::Origin;
use crate::run::{Observer, Run, build_only};

/// Builds, and packs what was built where that is asked for; the exit status.
pub(super) fn build(
    project: &Project,
    run: &Run<'_>,
    (host, to): (&LocalHost, Option<&Path>),
    observer: &mut dyn Observer,
    out: &mut dyn Write,
) -> Result<u8> {
    let built = build_only(run, observer)?;
    if run.stop.is_stopped() {
        return Err(Error::interrupted());
    }
    // A command of the host's is nothing that was built, and neither is what cargo will build itself.
    let is_built = |(suite, piece): &&(usize, Piece)| {
        let is_command = matches!(run.plan.suites[*suite].origin, Origin::Command { .. });
        !is_command && matches!(piece.kind, ProgramKind::Plain | ProgramKind::CargoTest { .. })
    };
    let programs = built.pieces.iter().filter(is_built).count();
    let targets = run.plan.targets.len();
    let many = if targets == 1 { "" } else { "s" };
    let mut text = format!("{programs} programs for {targets} target{many} and the host\n");
    let mut not_run = built.not_run.clone();
    if let Some(to) = to {
        let record = pack::pack(project, run.plan, &built, host, to)?;
        let bytes = fs_err::metadata(to).map_or(0, |meta| meta.len());
        text.push_str(&format!("archive {} ({} KiB)\n", to.display(), bytes.div_ceil(1024)));
        for LeftOut { what, why } in record.left_out {
            text.push_str(&format!("  without {what}: {why}\n"));
        }
        // Some is built and cannot be packed.
        not_run = record.not_run;
        text.push_str(&format!(
            "run it elsewhere: triplecheck run --from {}\n",
            crate::shell::quote(&to.display().to_string())
        ));
    }
    for (suite, failure) in &built.failures {
        let program = failure.program.as_deref().map_or(String::new(), |program| format!("::{program}"));
        text.push_str(&format!(
            "did not build: {suite}{program} for {}\n{}\n",
            failure.target,
            failure.text.trim_end()
        ));
    }
    for not_run in &not_run {
        text.push_str(&format!("not built: {} for {}: {}\n", not_run.suite, not_run.target, not_run.reason));
        text.extend(not_run.fix.iter().map(|fix| format!("  try: {fix}\n")));
    }
    super::report::print(out, &text)?;
    Ok(if built.failures.is_empty() { 0 } else { 2 })
}

/// Archives that were unpacked, for as long as this lives.
pub(super) struct Opened {
    pub(super) project: Project,
    pub(super) given: Given,
    /// Gone when this is.
    places: Vec<tempfile::TempDir>,
}

/// Unpacks archives below `state`. `checkout` is where their tests run, instead of in the files that they bring.
/// `host` is the triple of this machine.
pub(super) fn open(files: &[PathBuf], state: &Path, checkout: Option<&Path>, host: &str) -> Result<Opened> {
    if let Some(checkout) = checkout.filter(|checkout| !checkout.is_dir()) {
        return Err(Error::user(format!("there is no directory `{}`", checkout.display())));
    }
    fs_err::create_dir_all(state).about("create", state)?;
    let mut opened: Option<Opened> = None;
    for file in files {
        let place = tempfile::Builder::new().prefix(".from-").tempdir_in(state).about("write in", state)?;
        let dir = place.path();
        archive::unpack(file, dir, &Limits::USUAL)?;
        let (project, given) = if dir.join(RECORD).is_file() {
            ours(file, dir, checkout)?
        } else if nextest::is_one(dir) {
            nextests(file, dir, checkout, host)?
        } else {
            let text = format!("`{}` is no archive of built programs", file.display());
            let is_bundle = dir.join(crate::bundle::RECORD).is_file();
            let hint = if is_bundle {
                "triplecheck repro, which runs bundles"
            } else {
                "triplecheck run --build-only --archive FILE"
            };
            return Err(Error::user(text).hint(hint));
        };
        match &mut opened {
            None => opened = Some(Opened { project, given, places: vec![place] }),
            Some(opened) => {
                opened.given.add(given);
                opened.places.push(place);
            }
        }
    }
    let opened = opened.ok_or_else(|| Error::ours("no archive is named"))?;
    let pieces = &opened.given.pieces;
    if !pieces.is_empty() && !pieces.iter().any(|(_, piece)| piece.target == host) {
        return Err(Error::user(format!(
            "there is no native side: no archive has programs for `{host}`, with which others are compared"
        ))
        .hint("--from may be repeated: one archive for the host, others for targets"));
    }
    Ok(opened)
}

fn nextests(file: &Path, dir: &Path, checkout: Option<&Path>, host: &str) -> Result<(Project, Given)> {
    let nextest::Opened { given, root, is_bare, was } = nextest::open(file, dir, checkout, host)?;
    if is_bare {
        note(
            "an archive of cargo-nextest has no files of the project, and tests that read some will fail: --workspace-remap names a checkout",
        );
    }
    told_of_paths(&given, &dir.join("target"), &was);
    let is_cargo = root.join("Cargo.toml").is_file();
    let project =
        if is_cargo { manifest::locate(&root, Some(Path::new("Cargo.toml")))? } else { bare_project(&root) };
    // The manifest's suites are not what nextest has built.
    Ok((if project.manifest.suite.is_empty() { project } else { bare_project(&root) }, given))
}

fn ours(file: &Path, dir: &Path, checkout: Option<&Path>) -> Result<(Project, Given)> {
    let record = Record::read(file, dir)?;
    let root = checkout.map_or_else(|| dir.join(ROOT), Path::to_path_buf);
    if checkout.is_some() {
        settle(&dir.join(ROOT), &root)?;
    }
    let manifest = record.manifest.as_deref().unwrap_or("Cargo.toml");
    let project = if root.join(manifest).is_file() {
        manifest::locate(&root, Some(Path::new(manifest)))?
    } else {
        return Err(Error::user(format!("there is no `{manifest}` in `{}`", root.display()))
            .hint("--workspace-remap names the directory that holds it"));
    };
    let given = record.given(dir, &root);
    let was = record.places.iter().find(|place| place.dir == ROOT).map_or("", |place| &place.was);
    if told_of_paths(&given, &root, was) && checkout.is_none() {
        note(&format!("where the checkout lies at `{was}` and is named by --workspace-remap they pass"));
    }
    Ok((project, given))
}

/// Puts programs where a build in the checkout would have put them: tests know the paths of their package's programs.
fn settle(from: &Path, checkout: &Path) -> Result<()> {
    let state = crate::runs::state_dir(Path::new(""));
    let built = from.join(&state);
    if !built.is_dir() {
        return Ok(());
    }
    for (name, path) in archive::files_below(&built)? {
        let to = checkout.join(&state).join(name);
        let parent = to.parent().unwrap_or(checkout);
        fs_err::create_dir_all(parent).about("create", parent)?;
        fs_err::rename(&path, &to).about("move", &to)?;
    }
    Ok(())
}

/// Tells of tests that look for their package's programs where they were built, which is not here; whether there are any.
/// What is below `now` was below `was`.
fn told_of_paths(given: &Given, now: &Path, was: &str) -> bool {
    let mut told: Vec<String> = Vec::new();
    for (_, piece) in &given.pieces {
        let beside = built::programs_beside(&piece.file);
        let Some(bytes) = (!beside.is_empty()).then(|| std::fs::read(&piece.file).ok()).flatten() else {
            continue;
        };
        for (variable, path) in beside {
            let Ok(below) = Path::new(&path).strip_prefix(now) else { continue };
            let before = Path::new(was).join(below);
            let is_known = || memchr::memmem::find(&bytes, before.as_os_str().as_encoded_bytes()).is_some();
            if !before.is_file() && !told.contains(&variable) && is_known() {
                told.push(variable);
            }
        }
    }
    if !told.is_empty() {
        note(&format!(
            "tests have paths of `{was}` compiled in (env!(\"{}\")), which are not here, and will fail; the variables themselves are set when they run",
            told.join("\"), env!(\"")
        ));
    }
    !told.is_empty()
}

/// Says what is no error and should be known.
pub(super) fn note(text: &str) {
    // Where nobody listens, the run is no other.
    let _ = writeln!(anstream::stderr(), "note: {text}");
}

/// A cargo project without any manifest of ours.
fn bare_project(root: &Path) -> Project {
    Project { root: root.to_owned(), source: None, manifest: Manifest::default(), is_cargo: true }
}

/// The targets of a run from archives: those that were asked for, which must be in them, or all of them.
pub(super) fn targets(asked: &[String], given: &Given) -> Result<Vec<String>> {
    if asked.is_empty() {
        return Ok(given.targets.clone());
    }
    let triple = |target: &str| target.split('@').next().unwrap_or(target).to_owned();
    let has = |target: &&String| given.pieces.iter().any(|(_, piece)| piece.target == triple(target));
    match asked.iter().find(|target| !has(target) && !given.targets.contains(*target)) {
        None => Ok(asked.to_vec()),
        Some(target) => {
            let known = given.targets.join("`, `");
            Err(Error::user(format!("no archive has programs for `{target}`; there are some for `{known}`")))
        }
    }
}
