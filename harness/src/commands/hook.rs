//! `triplecheck hook`: configuration for other build systems, the links that some of them need, and the comparison
//! of their answers.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use triplecheck_emulators::host::Host as _;
use triplecheck_emulators::lookup::{Decision, Options, lookup};
use triplecheck_emulators::target::Target;

use crate::cli::{CompareAnswersArgs, HookCommand, HookTargetArgs, LinkArgs};
use crate::error::{About as _, Error, Result};
use crate::hook::answers::{Answer, Answers, compare};
use crate::hook::{Hook, System, configuration, link};

/// Prints what was asked for; 1 where answers differ, 0 otherwise.
pub fn hook(
    directory: &Path,
    command: &HookCommand,
    out: &mut dyn Write,
    talk: &mut dyn Write,
) -> Result<u8> {
    let (system, args) = match command {
        HookCommand::Link(args) => return make_links(directory, args, out),
        HookCommand::CompareAnswers(args) => return compare_answers(directory, args, out, talk),
        HookCommand::Waf(args) => {
            let answers = args.answers.as_ref().map(|file| text(&absolute(directory, file)?)).transpose()?;
            (System::Waf { answers }, &args.target)
        }
        HookCommand::Cargo(args) => (System::Cargo, args),
        HookCommand::Meson(args) => (System::Meson, args),
        HookCommand::Cmake(args) => (System::Cmake, args),
        HookCommand::Autotools(args) => (System::Autotools, args),
        HookCommand::Go(args) => (System::Go, args),
        HookCommand::Bazel(args) => (System::Bazel, args),
        HookCommand::Make(args) => (System::Make, args),
        HookCommand::Env(args) => (System::Env, args),
    };
    let printed = configure(directory, &system, args)?;
    out.write_all(printed.as_bytes()).map_err(|error| Error::world("cannot print").caused_by(error))?;
    Ok(0)
}

/// The configuration, with the links that it uses in place.
fn configure(directory: &Path, system: &System, args: &HookTargetArgs) -> Result<String> {
    let target = parse(&args.triple)?;
    if !args.force {
        check_runs(&target)?;
    }
    let binary = binary()?;
    let links = args.link.as_ref().map(|dir| absolute(directory, dir)).transpose()?;
    let hook = Hook {
        target,
        host: super::host().triple().to_owned(),
        binary: text(&binary)?,
        links: links.as_deref().map(text).transpose()?,
    };
    let configuration = configuration(system, &hook)?;
    if let Some(dir) = &links {
        link_all(dir, &link::names_of(&hook.target), &binary)?;
    }
    Ok(configuration)
}

fn make_links(directory: &Path, args: &LinkArgs, out: &mut dyn Write) -> Result<u8> {
    let asked: Vec<Target> = args.targets.iter().map(|triple| parse(triple)).collect::<Result<_>>()?;
    if !args.force {
        asked.iter().try_for_each(check_runs)?;
    }
    let targets = if asked.is_empty() { runnable() } else { asked };
    let mut names: Vec<String> = Vec::new();
    for name in targets.iter().flat_map(link::names_of) {
        // One of Go's names stands for several targets.
        if !names.contains(&name) {
            names.push(name);
        }
    }
    for path in link_all(&absolute(directory, &args.links)?, &names, &binary()?)? {
        writeln!(out, "{}", path.display()).map_err(|error| Error::world("cannot print").caused_by(error))?;
    }
    Ok(0)
}

fn parse(triple: &str) -> Result<Target> {
    Target::parse(triple).map_err(crate::plan::unknown_triple)
}

/// That something here runs the target's programs: a hook that only ever refuses would turn a build's checks into
/// wrong answers.
fn check_runs(target: &Target) -> Result<()> {
    match lookup(&super::host(), target, None, &Options::default()) {
        Decision::Run(..) => Ok(()),
        Decision::Cannot(reason, _) => {
            let error = Error::world(format!("programs of `{target}` cannot be run here: {}", reason.text));
            let install = super::which::install_command(&reason.missing);
            let error = install.into_iter().fold(error, Error::hint);
            Err(error.hint("`--force` where they will be run elsewhere"))
        }
    }
}

/// Every target whose programs can be run here.
fn runnable() -> Vec<Target> {
    let host = super::host();
    let runs =
        |target: &Target| matches!(lookup(&host, target, None, &Options::default()), Decision::Run(..));
    Target::all().filter(runs).collect()
}

fn binary() -> Result<PathBuf> {
    std::env::current_exe()
        .map_err(|error| Error::world("cannot find the path of this program").caused_by(error))
}

/// A path as it is named from anywhere: what is pasted is pasted elsewhere.
fn absolute(directory: &Path, path: &Path) -> Result<PathBuf> {
    std::path::absolute(directory.join(path)).about("name", path)
}

/// A path as text, since a configuration is.
fn text(path: &Path) -> Result<String> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        Error::user(format!("`{}` cannot be written into a configuration: it is not UTF-8", path.display()))
    })
}

/// Makes links of these names to `binary`, or leaves those that are there. Nothing is made if one of them cannot be.
fn link_all(directory: &Path, names: &[String], binary: &Path) -> Result<Vec<PathBuf>> {
    fs_err::create_dir_all(directory).about("make", directory)?;
    let paths: Vec<PathBuf> = names.iter().map(|name| directory.join(name)).collect();
    let mut absent = Vec::new();
    for path in &paths {
        if !is_there(path, binary)? {
            absent.push(path);
        }
    }
    absent.into_iter().try_for_each(|path| replace(path, binary))?;
    Ok(paths)
}

/// Whether the link is there as it should be; an error where something that is not ours is in its place.
fn is_there(path: &Path, binary: &Path) -> Result<bool> {
    let kind = match fs_err::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => {
            return Err(Error::world(format!("cannot look at `{}`", path.display())).caused_by(error));
        }
    };
    let not_ours = |what: String| {
        Error::user(format!("`{}` is {what}, and is not replaced", path.display()))
            .hint("remove it, or name another directory")
    };
    if !kind.is_symlink() {
        return Err(not_ours(if kind.is_dir() { "a directory" } else { "a file" }.to_owned()));
    }
    let destination = fs_err::read_link(path).about("read", path)?;
    // A binary that has moved since is ours by its name, and its links are led to the new place.
    let ours = [binary.file_name(), Some(OsStr::new("triplecheck"))].contains(&destination.file_name());
    if !ours {
        return Err(not_ours(format!("a link to `{}`", destination.display())));
    }
    Ok(destination == binary)
}

/// Puts the link in place in one step, so that a build that is running never misses it.
fn replace(path: &Path, binary: &Path) -> Result<()> {
    let directory = path.parent().expect("a link's path is a name joined to a directory");
    let scratch = tempfile::Builder::new()
        .prefix(".triplecheck-")
        .tempdir_in(directory)
        .about("write into", directory)?;
    let new = scratch.path().join("link");
    symlink(binary, &new).about("make", &new)?;
    fs_err::rename(&new, path).about("make", path)
}

fn compare_answers(
    directory: &Path,
    args: &CompareAnswersArgs,
    out: &mut dyn Write,
    talk: &mut dyn Write,
) -> Result<u8> {
    let read = |file: &Path| fs_err::read_to_string(directory.join(file)).about("read", file);
    let (native, foreign) = (read(&args.native)?, read(&args.foreign)?);
    let parse = |text, file: &Path| {
        Answers::parse(text)
            .map_err(|bad| Error::user(format!("`{}` is no answers file", file.display())).caused_by(bad))
    };
    let comparison = compare(&parse(&native, &args.native)?, &parse(&foreign, &args.foreign)?);
    let show =
        |answer: Option<Answer<'_>>| answer.map_or_else(|| "no answer".to_owned(), |one| one.to_string());
    let print = |error| Error::world("cannot print").caused_by(error);
    for one in &comparison.disagreements {
        let (native, foreign) = (show(one.native), show(one.foreign));
        writeln!(out, "{}\n  native   {native}\n  foreign  {foreign}", one.check).map_err(print)?;
    }
    let differ = comparison.disagreements.len();
    writeln!(talk, "{differ} of {} answers differ", comparison.checks).map_err(print)?;
    Ok(u8::from(differ > 0))
}
