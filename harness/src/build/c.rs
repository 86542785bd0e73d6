//! C programs: each source is one program, compiled by each target's compiler.
//!
//! A program whose source, headers beside it, flags and compiler have not changed is not compiled again; the
//! key stands in a file beside it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use super::{Piece, ProgramKind, Told};
use crate::error::{About as _, Error, Result};
use crate::events::BuildFailure;
use crate::plan::PlannedSuite;
use crate::toolchain::Cc;

/// The directory of programs that are compiled here, within that of what is built. Nothing else is in it.
pub const DIR: &str = "c";

/// A target and its C compiler.
#[derive(Debug)]
pub struct CTarget {
    /// The target, as text.
    pub target: String,
    /// Its compiler.
    pub cc: Cc,
    /// The suffix of its programs.
    pub exe_suffix: &'static str,
}

/// The programs of a suite.
pub struct Programs<'a> {
    /// The suite.
    pub suite: &'a PlannedSuite,
    /// Their sources, one for each.
    pub sources: &'a [PathBuf],
    /// Whether the program of this name is wanted for this triple.
    pub is_wanted: &'a dyn Fn(&str, &str) -> bool,
}

/// One compilation.
struct Unit<'a> {
    name: &'a str,
    source: &'a Path,
    target: &'a CTarget,
    output: PathBuf,
    args: Vec<String>,
    key: String,
}

/// Compiles every source for every target for which it is wanted, `jobs` at a time, into `out_dir`.
pub fn build(
    programs: &Programs<'_>,
    targets: &[CTarget],
    out_dir: &Path,
    jobs: usize,
    told: Told<'_>,
) -> Result<Vec<BuildFailure>> {
    let mut units = Vec::new();
    for source in programs.sources {
        let name = source.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let hash = hash_source(source)?;
        for target in targets.iter().filter(|target| (programs.is_wanted)(name, &target.target)) {
            units.push(unit(programs.suite, name, source, &hash, target, out_dir));
        }
    }
    let mut failures = BTreeMap::new();
    compile_all(&units, jobs, &mut |index, result| {
        let unit = &units[index];
        match result? {
            None => told(Piece {
                id: unit.name.to_owned(),
                name: unit.name.to_owned(),
                kind: ProgramKind::Plain,
                target: unit.target.target.clone(),
                file: unit.output.clone(),
            }),
            Some(text) => {
                let (target, program) = (unit.target.target.clone(), Some(unit.name.to_owned()));
                failures.insert(index, BuildFailure { target, program, text });
            }
        }
        Ok(())
    })?;
    // In the order of the sources, whichever was compiled first.
    Ok(failures.into_values().collect())
}

fn unit<'a>(
    suite: &PlannedSuite,
    name: &'a str,
    source: &'a Path,
    source_hash: &str,
    target: &'a CTarget,
    out_dir: &Path,
) -> Unit<'a> {
    let refinement = suite.refinement(name);
    let output = out_dir.join(&suite.name).join(&target.target).join(format!("{name}{}", target.exe_suffix));
    let mut args: Vec<String> = target.cc.args.clone();
    args.extend(refinement.flags.iter().cloned());
    args.extend(["-o".into(), output.display().to_string(), source.display().to_string()]);
    args.extend(refinement.link.iter().cloned());
    args.extend(target.cc.libraries.iter().cloned());
    let mut hasher = blake3::Hasher::new();
    for part in [source_hash, &identity(&target.cc.program)] {
        hasher.update(part.as_bytes()).update(&[0]);
    }
    for arg in &args {
        hasher.update(arg.as_bytes()).update(&[0]);
    }
    let key = hasher.finalize().to_hex().to_string();
    Unit { name, source, target, output, args, key }
}

/// A compiler by its path, size and time: another version behind the same name compiles anew.
fn identity(program: &Path) -> String {
    let meta = fs_err::metadata(program).ok();
    let seen = meta.map(|meta| (meta.len(), meta.modified().ok()));
    format!("{} {seen:?}", program.display())
}

/// The source with the headers that stand beside it.
fn hash_source(source: &Path) -> Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&fs_err::read(source).about("read", source)?);
    let directory = source.parent().unwrap_or(Path::new("."));
    let mut headers: Vec<PathBuf> = fs_err::read_dir(directory)
        .about("list", directory)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "h"))
        .collect();
    headers.sort();
    for header in headers {
        hasher.update(&fs_err::read(&header).about("read", &header)?);
    }
    Ok(hasher.finalize().to_hex().to_string())
}

/// Compiles what has changed, and hands every result over as it comes, by position in `units`. The first error ends it.
fn compile_all(
    units: &[Unit<'_>],
    jobs: usize,
    each: &mut dyn FnMut(usize, Result<Option<String>>) -> Result<()>,
) -> Result<()> {
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..jobs.min(units.len()) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                while let Some((index, unit)) = next_of(next, units) {
                    if sender.send((index, compile(unit))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        receiver.into_iter().try_for_each(|(index, result)| each(index, result))
    })
}

fn next_of<'a, T>(next: &AtomicUsize, items: &'a [T]) -> Option<(usize, &'a T)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    items.get(index).map(|item| (index, item))
}

/// `None` when the program is there, else what the compiler said.
fn compile(unit: &Unit<'_>) -> Result<Option<String>> {
    let stamp = PathBuf::from(format!("{}.key", unit.output.display()));
    let known = fs_err::read_to_string(&stamp).is_ok_and(|key| key == unit.key);
    if known && unit.output.is_file() {
        return Ok(None);
    }
    let directory = unit.output.parent().unwrap_or(Path::new("."));
    fs_err::create_dir_all(directory).about("create", directory)?;
    let output = duct::cmd(&unit.target.cc.program, &unit.args)
        .dir(unit.source.parent().unwrap_or(Path::new(".")))
        .stdin_null()
        // duct applies what is outermost first: standard error joins a standard output that is captured already.
        .stderr_to_stdout()
        .stdout_capture()
        .unchecked()
        .run()
        .map_err(|error| {
            Error::world(format!("cannot start `{}`", unit.target.cc.program.display())).caused_by(error)
        })?;
    if !output.status.success() {
        return Ok(Some(String::from_utf8_lossy(&output.stdout).into_owned()));
    }
    fs_err::write(&stamp, &unit.key).about("write", &stamp)?;
    Ok(None)
}
