//! Which project a command is about: the nearest `triplecheck.toml`, or the nearest `Cargo.toml` with or
//! without a `triplecheck` table, upwards from the directory the command is given in.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Manifest, Source};
use crate::error::{About as _, Error, Result};

/// A project: its manifest and where that stands.
#[derive(Debug)]
pub struct Project {
    /// The directory of the manifest; its relative paths start here.
    pub root: PathBuf,
    /// What messages about the manifest point into; `None` for a cargo project without a table of ours.
    pub source: Option<Source>,
    /// The manifest, empty where there is none.
    pub manifest: Manifest,
    /// Whether a `Cargo.toml` stands in `root`.
    pub is_cargo: bool,
}

const MANIFEST: &str = "triplecheck.toml";

/// Finds the project of `directory`; `explicit` is a manifest (or `Cargo.toml`) that the user named.
pub fn locate(directory: &Path, explicit: Option<&Path>) -> Result<Project> {
    if let Some(path) = explicit {
        let path = directory.join(path);
        return if path.file_name().is_some_and(|name| name == "Cargo.toml") {
            from_cargo(&path)
        } else {
            from_file(&path)
        };
    }
    for ancestor in directory.ancestors() {
        if ancestor.join(MANIFEST).is_file() {
            return from_file(&ancestor.join(MANIFEST));
        }
        if ancestor.join("Cargo.toml").is_file() {
            return from_cargo(&ancestor.join("Cargo.toml"));
        }
    }
    Err(Error::user(format!(
        "there is no `{MANIFEST}` and no `Cargo.toml` in `{}` or above",
        directory.display()
    ))
    .hint("run it in a cargo project, or write a `triplecheck.toml`")
    .hint("triplecheck exec PROGRAM runs one program without any manifest"))
}

fn from_file(path: &Path) -> Result<Project> {
    let source = Source::new(path, fs_err::read_to_string(path).about("read", path)?);
    let mut manifest = Manifest::parse(&source)?;
    let root = parent(path);
    manifest.add_expects(&source, &root)?;
    let is_cargo = root.join("Cargo.toml").is_file();
    Ok(Project { root, source: Some(source), manifest, is_cargo })
}

/// The few keys of `Cargo.toml` that we read; everything else is cargo's.
#[derive(Debug, Deserialize)]
struct CargoToml {
    workspace: Option<Section>,
    package: Option<Section>,
}

#[derive(Debug, Deserialize)]
struct Section {
    metadata: Option<Metadata>,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    triplecheck: Option<Manifest>,
}

fn from_cargo(path: &Path) -> Result<Project> {
    let source = Source::new(path, fs_err::read_to_string(path).about("read", path)?);
    let cargo: CargoToml = toml::from_str(source.text()).map_err(|error| source.toml_problem(&error))?;
    let table = |section: Option<Section>| section?.metadata?.triplecheck;
    let root = parent(path);
    match table(cargo.package).or_else(|| table(cargo.workspace)) {
        Some(Manifest { manifest: Some(elsewhere), .. }) => from_file(&root.join(elsewhere)),
        Some(mut manifest) => {
            manifest.check(&source)?;
            manifest.add_expects(&source, &root)?;
            Ok(Project { root, source: Some(source), manifest, is_cargo: true })
        }
        None => Ok(Project { root, source: None, manifest: Manifest::default(), is_cargo: true }),
    }
}

fn parent(path: &Path) -> PathBuf {
    path.parent().map(Path::to_path_buf).unwrap_or_default()
}
