//! Programs that were built elsewhere: an archive of them, and what a run is given instead of a build.
//!
//! ```text
//! archive.json    this record
//! root/           the project's files but for Rust's sources, its programs where the build put them
//! other/N/        packages that are not below the project
//! sysroot/TARGET/ loaders and libraries
//! B3SUMS          a digest of every other file
//! ```
//!
//! What is surprising: paths of the machine that built are in the record, and in the programs. Those of the record are
//! those of wherever the archive is unpacked; those in programs (`env!("CARGO_MANIFEST_DIR")`) cannot be, and hold where the
//! project lies at the same path.

pub mod nextest;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::archive;
use crate::build::{Piece, ProgramKind};
use crate::bundle::LeftOut;
use crate::error::{About as _, Error, Result};
use crate::events::{BuildFailure, NotRun};

/// The version of the record.
pub const SCHEMA: u32 = 1;
/// The record's name.
pub const RECORD: &str = "archive.json";
/// The project, in the archive.
pub const ROOT: &str = "root";

/// The record of an archive.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Record {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The version of triplecheck that made it.
    pub version: String,
    /// The day.
    pub made: String,
    /// The triple of the machine that built it.
    pub host: String,
    /// The rustc that built it, if one did.
    pub rustc: Option<String>,
    /// The manifest's name in the project; `None` for a cargo project without one.
    pub manifest: Option<String>,
    /// The targets that it was built for.
    pub targets: Vec<String>,
    /// Directories of the machine that built it, the longest first.
    pub places: Vec<Place>,
    /// The programs.
    pub programs: Vec<Program>,
    /// What did not build.
    pub failures: Vec<Failure>,
    /// What was not to be built, and why.
    pub not_run: Vec<NotRun>,
    /// Loaders and libraries, by target.
    pub sysroots: BTreeMap<String, Sysroot>,
    /// What is not in the archive, and why.
    pub left_out: Vec<LeftOut>,
}

/// A directory there, and its place in the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Place {
    /// Where it was.
    pub was: String,
    /// Where it is in the archive.
    pub dir: String,
}

/// A program.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Program {
    /// Its suite.
    pub suite: String,
    /// What makes it the same program on all targets.
    pub id: String,
    /// Its name in cases.
    pub name: String,
    /// The triple it is for.
    pub target: String,
    /// Its file in the archive; `None` where it runs nowhere but beside the compiler.
    pub file: Option<String>,
    /// How it is started, where it is a test binary.
    pub test: Option<Test>,
}

/// How a test binary is started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Test {
    /// Its package's directory, on the machine that built it.
    pub package_dir: String,
    /// Variables that cargo sets, with paths of that machine.
    pub env: Vec<(String, String)>,
    /// Whether libtest is its `main`.
    pub libtest: bool,
}

/// A build that failed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Failure {
    /// The suite.
    pub suite: String,
    /// What failed.
    pub failure: BuildFailure,
}

/// Loader and libraries of a target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Sysroot {
    /// The directory with the loader.
    pub root: Option<String>,
    /// The directory of libraries from elsewhere.
    pub libraries: Option<String>,
}

/// What a run is given instead of a build.
#[derive(Debug, Default)]
pub struct Given {
    /// The rustc that built it.
    pub rustc: Option<String>,
    /// The programs by suite, for triples.
    pub pieces: Vec<(String, Piece)>,
    /// What did not build, by suite.
    pub failures: Vec<(String, BuildFailure)>,
    /// What was not to be built.
    pub not_run: Vec<NotRun>,
    /// Directories with loaders, and directories of libraries, by triple.
    pub sysroots: BTreeMap<String, Libraries>,
    /// The targets that it was built for, the host's own left out.
    pub targets: Vec<String>,
}

/// Where a target's loader and libraries are.
#[derive(Debug, Clone, Default)]
pub struct Libraries {
    /// Directories with loaders.
    pub sysroots: Vec<PathBuf>,
    /// Directories of further libraries.
    pub library_path: Vec<PathBuf>,
}

impl Given {
    /// Adds what another archive holds.
    pub fn add(&mut self, other: Self) {
        self.rustc = self.rustc.take().or(other.rustc);
        self.pieces.extend(other.pieces);
        self.failures.extend(other.failures);
        self.not_run.extend(other.not_run);
        for (triple, more) in other.sysroots {
            let known = self.sysroots.entry(triple).or_default();
            known.sysroots.extend(more.sysroots);
            known.library_path.extend(more.library_path);
        }
        for target in other.targets {
            if !self.targets.contains(&target) {
                self.targets.push(target);
            }
        }
    }

    /// The options by which programs of `triple` find their libraries.
    pub fn add_libraries(&self, triple: &str, options: &mut triplecheck_emulators::lookup::Options) {
        let Some(known) = self.sysroots.get(triple) else { return };
        // What the user names comes first.
        options.sysroots.extend(known.sysroots.iter().cloned());
        options.library_path.extend(known.library_path.iter().cloned());
    }
}

impl Record {
    /// Reads the record of the archive `file`, which is unpacked in `dir`.
    ///
    /// # Errors
    /// When it is damaged, was changed, or was made by a newer version.
    pub fn read(file: &Path, dir: &Path) -> Result<Self> {
        let problem = |why: &str| Error::user(format!("`{}` {why}", file.display()));
        archive::verify(dir, file)?;
        let text = fs_err::read(dir.join(RECORD)).about("read", dir.join(RECORD))?;
        let damaged = |error| problem(&format!("has a damaged `{RECORD}`")).caused_by(error);
        let value: serde_json::Value = serde_json::from_slice(&text).map_err(damaged)?;
        let schema = value.get("schema").and_then(serde_json::Value::as_u64).unwrap_or(0);
        if schema > u64::from(SCHEMA) {
            let error = problem(&format!("was made by a newer triplecheck (schema {schema})"));
            return Err(error.hint("use that version, or a newer one"));
        }
        let record: Self = serde_json::from_value(value).map_err(damaged)?;
        let files = record.programs.iter().filter_map(|program| program.file.as_ref());
        let libraries =
            record.sysroots.values().flat_map(|sysroot| sysroot.root.iter().chain(&sysroot.libraries));
        let places = record.places.iter().map(|place| &place.dir);
        let mut all = files.chain(libraries).chain(places).chain(&record.manifest);
        match all.find(|path| archive::relative(path).is_none()) {
            Some(path) => {
                Err(problem(&format!("names a path that leads out of it: `{}`", path.escape_debug())))
            }
            None => Ok(record),
        }
    }

    /// What the archive gives, unpacked in `dir`. `root` is where the project is: in the archive, or a checkout.
    pub fn given(&self, dir: &Path, root: &Path) -> Given {
        let place = |name: &str| match Path::new(name).strip_prefix(ROOT) {
            Ok(below) => root.join(below),
            Err(_) => dir.join(name),
        };
        let moved = |text: &str| moved(&self.places, text, &place);
        let pieces = self.programs.iter().map(|program| {
            let kind = match (&program.test, &program.file) {
                (_, None) => ProgramKind::HostOnly,
                (None, Some(_)) => ProgramKind::Plain,
                (Some(test), Some(_)) => ProgramKind::CargoTest {
                    package_dir: PathBuf::from(moved(&test.package_dir)),
                    env: test.env.iter().map(|(name, value)| (name.clone(), moved(value))).collect(),
                    libtest: test.libtest,
                },
            };
            let piece = Piece {
                id: program.id.clone(),
                name: program.name.clone(),
                kind,
                target: program.target.clone(),
                file: program.file.as_deref().map(place).unwrap_or_default(),
            };
            (program.suite.clone(), piece)
        });
        let libraries = |sysroot: &Sysroot| Libraries {
            sysroots: sysroot.root.iter().map(|name| dir.join(name)).collect(),
            library_path: sysroot.libraries.iter().map(|name| dir.join(name)).collect(),
        };
        Given {
            rustc: self.rustc.clone(),
            pieces: pieces.collect(),
            failures: self.failures.iter().map(|it| (it.suite.clone(), it.failure.clone())).collect(),
            not_run: self.not_run.clone(),
            sysroots: self.sysroots.iter().map(|(triple, it)| (triple.clone(), libraries(it))).collect(),
            targets: self.targets.clone(),
        }
    }
}

/// A text that begins with one of the places, with where that is now.
fn moved(places: &[Place], text: &str, place: &dyn Fn(&str) -> PathBuf) -> String {
    let found = places.iter().find_map(|known| {
        let rest = text.strip_prefix(&known.was)?;
        (rest.is_empty() || rest.starts_with('/')).then(|| format!("{}{rest}", place(&known.dir).display()))
    });
    found.unwrap_or_else(|| text.to_owned())
}

/// The variables by which cargo tells a test of its package's programs, for a test binary at `program`: they stand one
/// directory above it.
pub fn programs_beside(program: &Path) -> Vec<(String, String)> {
    let Some(deps) = program.parent().filter(|dir| dir.file_name().is_some_and(|name| name == "deps")) else {
        return Vec::new();
    };
    let Some(above) = deps.parent() else { return Vec::new() };
    let entries = std::fs::read_dir(above).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<(String, String)> = entries
        .filter(|path| path.is_file())
        .filter_map(|path| {
            let suffix = path.extension().and_then(|extension| extension.to_str());
            let is_program = matches!(suffix, None | Some("exe" | "wasm"));
            let name = path.file_stem()?.to_str().filter(|_| is_program)?;
            Some((format!("CARGO_BIN_EXE_{name}"), path.to_str()?.to_owned()))
        })
        .collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_wherever_the_project_is_now() {
        let place = |was: &str, dir: &str| Place { was: was.into(), dir: dir.into() };
        let places = [place("/ci/checkout/lib", "other/1"), place("/ci/checkout", "root")];
        let now = |dir: &str| match dir {
            "root" => PathBuf::from("/home/me/checkout"),
            dir => Path::new("/tmp/x").join(dir),
        };
        for (text, expected) in [
            ("/ci/checkout", "/home/me/checkout"),
            ("/ci/checkout/tests/n.txt", "/home/me/checkout/tests/n.txt"),
            ("/ci/checkout/lib/a", "/tmp/x/other/1/a"),
            ("/ci/checkoutshop", "/ci/checkoutshop"),
            ("codec", "codec"),
        ] {
            assert_eq!(moved(&places, text, &now), expected);
        }
    }

    #[test]
    fn a_test_is_told_of_the_programs_above_it() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join("debug").join(name);
        fs_err::create_dir_all(at("deps")).unwrap();
        for name in ["tool", "tool.d", "win.exe", "libx.rlib", "deps/it-1"] {
            fs_err::write(at(name), "").unwrap();
        }
        let text = |name: &str| at(name).display().to_string();
        assert_eq!(
            programs_beside(&at("deps/it-1")),
            [
                ("CARGO_BIN_EXE_tool".to_owned(), text("tool")),
                ("CARGO_BIN_EXE_win".to_owned(), text("win.exe"))
            ]
        );
        assert!(programs_beside(&at("tool")).is_empty());
    }
}
