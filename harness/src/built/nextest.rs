//! Archives that `cargo nextest archive` makes: the target directory's programs, with two files that describe them.
//!
//! The format is read as cargo-nextest 0.9.143 writes it (`target/nextest/binaries-metadata.json`, the output of `cargo
//! metadata` beside it); fields that came later or went are optional. Sources are not in it: tests run in the checkout that
//! is named, or where it was built, if that is here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cargo_metadata::Metadata;
use serde::Deserialize;

use super::{Given, Libraries};
use crate::archive;
use crate::build::{Piece, ProgramKind};
use crate::error::{About as _, Error, Result};
use crate::plan::DEFAULT_SUITE;

const BINARIES: &str = "target/nextest/binaries-metadata.json";
const CARGO: &str = "target/nextest/cargo-metadata.json";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Binaries {
    rust_build_meta: BuildMeta,
    rust_binaries: BTreeMap<String, RustBinary>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct BuildMeta {
    target_directory: String,
    #[serde(default)]
    base_output_directories: Vec<String>,
    #[serde(default)]
    linked_paths: Vec<String>,
    #[serde(default)]
    platforms: Option<Platforms>,
    /// The one triple, as older versions have it.
    #[serde(default)]
    target_platform: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Platforms {
    host: Platform,
    #[serde(default)]
    targets: Vec<Platform>,
}

#[derive(Debug, Deserialize)]
struct Platform {
    platform: Triple,
}

#[derive(Debug, Deserialize)]
struct Triple {
    triple: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct RustBinary {
    binary_name: String,
    package_id: String,
    kind: String,
    binary_path: String,
    build_platform: String,
}

/// An archive that was read.
#[derive(Debug)]
pub struct Opened {
    /// What it gives.
    pub given: Given,
    /// The workspace: the checkout, where it was built, or an empty place for it.
    pub root: PathBuf,
    /// Whether that is an empty place.
    pub is_bare: bool,
    /// The target directory, on the machine that built.
    pub was: String,
}

/// Whether an archive that is unpacked in `dir` is one.
pub fn is_one(dir: &Path) -> bool {
    dir.join(BINARIES).is_file()
}

/// Reads the archive `file`, which is unpacked in `dir`. `host` is the triple of this machine.
///
/// # Errors
/// When its descriptions are damaged, or describe what is not in it.
pub fn open(file: &Path, dir: &Path, checkout: Option<&Path>, host: &str) -> Result<Opened> {
    let damaged = |name: &str| Error::user(format!("`{}` has a damaged `{name}`", file.display()));
    let read = |name: &str| fs_err::read(dir.join(name)).about("read", dir.join(name));
    let binaries: Binaries =
        serde_json::from_slice(&read(BINARIES)?).map_err(|error| damaged(BINARIES).caused_by(error))?;
    let metadata: Metadata =
        serde_json::from_slice(&read(CARGO)?).map_err(|error| damaged(CARGO).caused_by(error))?;
    let workspace = metadata.workspace_root.as_std_path();
    let (root, is_bare) = match checkout {
        Some(checkout) => (checkout.to_owned(), false),
        None if workspace.is_dir() => (workspace.to_owned(), false),
        None => (dir.join("workspace"), true),
    };
    let meta = &binaries.rust_build_meta;
    let triples = Triples::of(meta, host);
    let mut packages: Vec<&str> = binaries.rust_binaries.values().map(|it| it.package_id.as_str()).collect();
    packages.sort_unstable();
    packages.dedup();
    let several = packages.len() > 1;
    let mut given = Given::default();
    for binary in binaries.rust_binaries.values() {
        let package = metadata.packages.iter().find(|package| package.id.repr == binary.package_id);
        let package = package.ok_or_else(|| damaged(CARGO))?;
        let below = Path::new(&binary.binary_path).strip_prefix(&meta.target_directory).ok();
        let below =
            below.and_then(Path::to_str).and_then(archive::relative).ok_or_else(|| damaged(BINARIES))?;
        let path = dir.join("target").join(below);
        if !path.is_file() {
            let text = format!("`{}` lacks `{}`, which it describes", file.display(), binary.binary_path);
            return Err(Error::user(text).hint("make it again: cargo nextest archive"));
        }
        // A package that is not in the workspace stays where it is.
        let manifest = package.manifest_path.as_std_path();
        let manifest =
            manifest.strip_prefix(workspace).map_or_else(|_| manifest.to_owned(), |it| root.join(it));
        let package_dir = manifest.parent().unwrap_or(&root).to_owned();
        if is_bare {
            fs_err::create_dir_all(&package_dir).about("create", &package_dir)?;
        }
        let on_host = binary.build_platform == "host" && triples.target != triples.host;
        let kind = if on_host || binary.kind == "proc-macro" {
            ProgramKind::HostOnly
        } else {
            let env = [
                ("CARGO_MANIFEST_DIR", package_dir.display().to_string()),
                ("CARGO_MANIFEST_PATH", manifest.display().to_string()),
                ("CARGO_PKG_NAME", package.name.to_string()),
                ("CARGO_PKG_VERSION", package.version.to_string()),
            ];
            let env = env.map(|(name, value)| (name.to_owned(), value)).to_vec();
            // Whether libtest is its main is nowhere said: one that is no such binary shows when it is asked.
            ProgramKind::CargoTest { package_dir, env, libtest: true }
        };
        let piece = Piece {
            // The package's id holds a path, which another archive's need not share.
            id: format!("{} {} {}", package.name, binary.kind, binary.binary_name),
            name: name(&package.name, binary, several),
            kind,
            target: triples.target.clone(),
            file: path,
        };
        given.pieces.push((DEFAULT_SUITE.to_owned(), piece));
    }
    let mut library_path: Vec<PathBuf> = Vec::new();
    let below = meta.linked_paths.iter().filter_map(|path| archive::relative(path));
    library_path.extend(below.map(|path| dir.join("target").join(path)));
    let outputs = meta.base_output_directories.iter().filter_map(|path| archive::relative(path));
    library_path.extend(outputs.map(|path| dir.join("target").join(path).join("deps")));
    let std = if triples.target == triples.host { "host" } else { "target/0" };
    library_path.push(dir.join("target/nextest/libdirs").join(std));
    library_path.retain(|path| path.is_dir());
    given.sysroots.insert(triples.target.clone(), Libraries { sysroots: Vec::new(), library_path });
    given.targets.extend((triples.target != host).then_some(triples.target));
    Ok(Opened { given, root, is_bare, was: meta.target_directory.clone() })
}

/// Which triples an archive is about.
struct Triples {
    host: String,
    target: String,
}

impl Triples {
    fn of(meta: &BuildMeta, this: &str) -> Self {
        let host = meta.platforms.as_ref().map_or(this, |known| known.host.platform.triple.as_str());
        let target = meta.platforms.as_ref().and_then(|known| known.targets.first());
        let target = target.map(|target| target.platform.triple.as_str());
        let target = target.or(meta.target_platform.as_deref()).unwrap_or(host);
        Self { host: host.to_owned(), target: target.to_owned() }
    }
}

/// The name under which a binary's tests stand, as a build of ours would give it.
fn name(package: &str, binary: &RustBinary, several: bool) -> String {
    let is_library = !matches!(binary.kind.as_str(), "bin" | "test" | "example" | "bench");
    let package = several.then_some(package);
    let binary = (!is_library).then_some(binary.binary_name.as_str());
    package.into_iter().chain(binary).collect::<Vec<_>>().join("::")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn triples(meta: &str) -> (String, String) {
        let text = format!("{{\"target-directory\": \"/t\"{meta}}}");
        let meta: BuildMeta = serde_json::from_str(&text).unwrap();
        let Triples { host, target } = Triples::of(&meta, "here");
        (host, target)
    }

    #[test]
    fn triples_are_read_as_every_version_has_them() {
        let platform = |triple: &str| format!("{{\"platform\": {{\"triple\": \"{triple}\"}}}}");
        let new = |targets: &str| {
            let host = platform("there");
            format!(
                ", \"platforms\": {{\"host\": {host}, \"targets\": [{targets}]}}, \"target-platform\": null"
            )
        };
        assert_eq!(triples(&new(&platform("s390x"))), ("there".into(), "s390x".into()));
        assert_eq!(triples(&new("")), ("there".into(), "there".into()));
        assert_eq!(triples(", \"target-platform\": \"s390x\""), ("here".into(), "s390x".into()));
        assert_eq!(triples(""), ("here".into(), "here".into()));
    }

    #[test]
    fn tests_stand_under_the_names_that_a_build_gives_them() {
        let name = |kind: &str, several| {
            let binary = RustBinary {
                binary_name: "it".into(),
                package_id: "p".into(),
                kind: kind.into(),
                binary_path: "/t/it".into(),
                build_platform: "target".into(),
            };
            name("codec", &binary, several)
        };
        assert_eq!((name("lib", false).as_str(), name("lib", true).as_str()), ("", "codec"));
        assert_eq!((name("test", false).as_str(), name("bin", true).as_str()), ("it", "codec::it"));
    }
}
