//! What is in a project, by its files. Nothing is started and nothing is changed; what cannot be read is passed over, because
//! what is made from it is there to be read and changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use triplecheck_emulators::binary::Binary;
use triplecheck_emulators::lookup::target_of;

use super::{CPrograms, Ci, Found, SYSTEMS};

/// How deep below the project files are looked for.
const DEPTH_MAX: usize = 4;
/// How many files are looked at, in a project of any size.
const FILES_MAX: usize = 20_000;
/// A C program of tests that is larger is none.
const SOURCE_BYTES_MAX: u64 = 256 * 1024;
/// Directories whose files are nobody's own.
const NOT_OURS: [&str; 8] =
    ["target", "node_modules", "vendor", "third_party", "third-party", "deps", "subprojects", "CMakeFiles"];
/// Directories in which C files are programs to be run.
const OF_TESTS: [&str; 7] = ["", "test", "tests", "check", "example", "examples", "c"];
/// Headers whose functions are in a library of their own, and what links it.
const LINKED: [(&str, &str); 3] = [("math.h", "-lm"), ("pthread.h", "-pthread"), ("threads.h", "-pthread")];

/// Looks into the project in `root`; `host` is the host's triple.
pub fn look(root: &Path, host: &str) -> Found {
    let files = files(root);
    let cargo = cargo(&files);
    let has = |marker: &str| files.iter().any(|file| file.as_os_str() == marker);
    let mut systems: Vec<_> = SYSTEMS.into_iter().filter(|system| has(system.marker)).collect();
    // A generator and what it generates from are one system.
    systems.dedup_by_key(|system| system.name);
    let c = if cargo.is_empty() && systems.is_empty() { c_programs(root, &files) } else { Vec::new() };
    let prebuilt = prebuilt(root, &files, host);
    // What cargo builds is not built by a makefile that only calls it.
    let systems = if cargo.is_empty() { systems } else { Vec::new() };
    Found { cargo, systems, c, prebuilt, branch: branch(root) }
}

/// The CI system that the project in a repository uses, by its files or else by where it is pushed to.
pub fn ci(repository: &Path) -> Option<Ci> {
    if repository.join(".github").is_dir() {
        return Some(Ci::Github);
    }
    if repository.join(".gitlab-ci.yml").is_file() || repository.join(".gitlab").is_dir() {
        return Some(Ci::Gitlab);
    }
    let config = std::fs::read_to_string(repository.join(".git/config")).ok()?;
    let urls = config.lines().filter_map(|line| line.trim().strip_prefix("url")).collect::<Vec<_>>();
    let of = |name: &str| urls.iter().any(|url| url.contains(name));
    match (of("github"), of("gitlab")) {
        (true, _) => Some(Ci::Github),
        (false, true) => Some(Ci::Gitlab),
        (false, false) => None,
    }
}

/// The branch that is checked out.
fn branch(root: &Path) -> Option<String> {
    let repository = root.ancestors().find(|above| above.join(".git").exists())?;
    let head = std::fs::read_to_string(repository.join(".git/HEAD")).ok()?;
    head.trim().strip_prefix("ref: refs/heads/").map(str::to_owned)
}

/// Files below `root`, relative to it, sorted.
fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut pending = vec![(root.to_owned(), 0)];
    while let Some((dir, depth)) = pending.pop() {
        let Ok(entries) = std::fs::read_dir(&dir) else { continue };
        let mut entries: Vec<_> = entries.filter_map(Result::ok).collect();
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name();
            let hidden = name.as_encoded_bytes().starts_with(b".");
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() && depth < DEPTH_MAX && !hidden && !NOT_OURS.iter().any(|no| name == *no) {
                pending.push((entry.path(), depth + 1));
            } else if kind.is_file() && found.len() < FILES_MAX {
                found.extend(entry.path().strip_prefix(root).map(Path::to_path_buf));
            }
        }
    }
    found.sort();
    found
}

/// The package or workspace of the project itself, or else those one directory down.
fn cargo(files: &[PathBuf]) -> Vec<PathBuf> {
    let at = |depth: usize| {
        let named = |file: &&PathBuf| file.file_name().is_some_and(|name| name == "Cargo.toml");
        let found = files.iter().filter(named).filter(|file| file.components().count() == depth);
        found.cloned().collect::<Vec<_>>()
    };
    let own = at(1);
    if own.is_empty() { at(2) } else { own }
}

/// A C file.
struct Source {
    name: String,
    /// What it links, if it is a program that stands alone.
    link: Option<Vec<String>>,
}

/// C programs that stand alone: they have a `main` and include no file of the project's.
fn c_programs(root: &Path, files: &[PathBuf]) -> Vec<CPrograms> {
    let mut by_directory: BTreeMap<String, Vec<Source>> = BTreeMap::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|end| end == "c")) {
        let directory = file.parent().unwrap_or(Path::new("")).to_string_lossy().into_owned();
        let last = directory.rsplit('/').next().unwrap_or_default();
        if OF_TESTS.contains(&last) {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let link = alone(&root.join(file));
            by_directory.entry(directory).or_default().push(Source { name, link });
        }
    }
    let programs = by_directory.into_iter().filter_map(|(directory, files)| {
        let all = files.iter().all(|file| file.link.is_some());
        let mut link: Vec<String> = files.iter().filter_map(|file| file.link.clone()).flatten().collect();
        link.sort();
        link.dedup();
        let names: Vec<String> =
            files.into_iter().filter(|file| file.link.is_some()).map(|file| file.name).collect();
        (!names.is_empty()).then(|| CPrograms {
            directory,
            files: if all { Vec::new() } else { names },
            link,
        })
    });
    programs.collect()
}

/// What a C program links, if it stands alone.
fn alone(path: &Path) -> Option<Vec<String>> {
    if std::fs::metadata(path).ok()?.len() > SOURCE_BYTES_MAX {
        return None;
    }
    let text = String::from_utf8_lossy(&std::fs::read(path).ok()?).into_owned();
    let has_main = text.lines().any(|line| {
        let line = line.trim_start();
        line.starts_with("int main(") || line.starts_with("int main (") || line.starts_with("main(")
    });
    let includes: Vec<&str> = text
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix('#')?.trim_start().strip_prefix("include"))
        .map(str::trim)
        .collect();
    if !has_main || includes.iter().any(|include| include.starts_with('"')) {
        return None;
    }
    let link = LINKED.iter().filter(|(header, _)| includes.contains(&format!("<{header}>").as_str()));
    Some(link.map(|(_, word)| (*word).to_owned()).collect())
}

/// Programs of one name that are there for the host and for other targets.
fn prebuilt(root: &Path, files: &[PathBuf], host: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut found: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for file in files {
        let end = file.extension().map(|end| end.to_string_lossy().into_owned()).unwrap_or_default();
        if !matches!(end.as_str(), "" | "exe" | "wasm") {
            continue;
        }
        let Ok(binary) = Binary::read(&root.join(file)) else { continue };
        let runs = match &binary {
            Binary::Elf(elf) => elf.executable,
            Binary::Pe(pe) => !pe.is_dll,
            Binary::Wasm(_) => true,
            Binary::MachO | Binary::Script(_) => false,
        };
        let Some(target) = target_of(&binary).filter(|_| runs) else { continue };
        let target = if target.triple() == host { "native".to_owned() } else { target.to_string() };
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let path = file.to_string_lossy().into_owned();
        found.entry(name).or_default().entry(target).or_insert(path);
    }
    found.retain(|_, paths| paths.contains_key("native") && paths.len() > 1);
    found
}
