//! What a program needs to run elsewhere: its loader, its libraries and theirs, DLLs, and the programs beside a test.
//!
//! Libraries are followed by their headers, as the loader would. What a program loads by name while it runs cannot be seen
//! there; the one that glibc itself loads so is taken along. Whatever is named and not found is told.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

use triplecheck_emulators::binary::{Binary, Elf, Pe};
use triplecheck_emulators::launch::{Launch, Preparation, wine_shim_dir};
use triplecheck_emulators::lookup::standard_dirs;
use triplecheck_emulators::target::Target;

use super::{LeftOut, Program};
use crate::error::{Error, Result};

/// What glibc loads when a thread is cancelled, and no header names.
const LOADED_BY_NAME: &str = "libgcc_s.so.1";
/// The most that the programs beside a test may weigh.
const BESIDE_BYTES_MAX: u64 = 256 << 20;

/// The files of one side.
#[derive(Debug)]
pub struct Gathered {
    /// The program, by its names in the bundle.
    pub program: Program,
    /// All files, by their names there.
    pub files: BTreeMap<String, PathBuf>,
    /// What is not among them.
    pub left_out: Vec<LeftOut>,
}

/// Gathers what `program` needs, below the directory `side` of the bundle.
///
/// # Errors
/// When the program is none, or has a name that is no text.
pub fn gather(side: &str, program: &Path, target: &Target, launch: &Launch) -> Result<Gathered> {
    let binary = Binary::read(program).map_err(|error| unreadable(program, error))?;
    let name = program.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| Error::user(format!("`{}` has no name as text", program.display())))?;
    let parent = program.parent().unwrap_or(Path::new("/"));
    // A test finds the programs of its package one directory above its own.
    let is_test = parent.file_name().is_some_and(|name| name == "deps");
    let place = if is_test { format!("{side}/deps") } else { side.to_owned() };
    let file = format!("{place}/{name}");
    let mut gathered = Gathered {
        files: BTreeMap::from([(file.clone(), program.to_owned())]),
        program: Program { file, root: None, libraries: None, loader: None },
        left_out: Vec::new(),
    };
    if let (true, Some(above)) = (is_test, parent.parent()) {
        gathered.beside(side, above);
    }
    gathered.libraries((side, &place), program, &binary, (target, launch));
    Ok(gathered)
}

fn unreadable(program: &Path, error: triplecheck_emulators::binary::UnreadableBinary) -> Error {
    Error::world(format!("cannot pack `{}`", program.display())).caused_by(error)
}

/// Gathers the libraries of a program that stands at `file` in an archive: those with a place of their own below `side`,
/// DLLs beside it. The program itself is not among them.
///
/// # Errors
/// When the program is none.
pub fn libraries(
    (side, file): (&str, &str),
    program: &Path,
    target: &Target,
    launch: &Launch,
) -> Result<Gathered> {
    let binary = Binary::read(program).map_err(|error| unreadable(program, error))?;
    let place = file.rsplit_once('/').map_or("", |(place, _)| place);
    let mut gathered = Gathered {
        files: BTreeMap::new(),
        program: Program { file: file.to_owned(), root: None, libraries: None, loader: None },
        left_out: Vec::new(),
    };
    gathered.libraries((side, place), program, &binary, (target, launch));
    Ok(gathered)
}

impl Gathered {
    fn libraries(
        &mut self,
        (side, place): (&str, &str),
        program: &Path,
        binary: &Binary,
        (target, launch): (&Target, &Launch),
    ) {
        let (parent, name) = (program.parent().unwrap_or(Path::new("/")), program.display());
        match binary {
            Binary::Elf(elf) => self.elf(side, program, elf, target, launch),
            Binary::Pe(pe) => self.dlls(place, parent, pe, launch),
            Binary::Wasm(_) => {}
            Binary::MachO | Binary::Script(_) => {
                let why = "what it needs cannot be read from its header";
                self.left_out.push(LeftOut::new(format!("libraries of {name}"), why));
            }
        }
    }

    /// The programs in the directory above a test's, as they stand below `side`.
    fn beside(&mut self, side: &str, above: &Path) {
        let mut left = BESIDE_BYTES_MAX;
        for path in programs_in(above) {
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            let bytes = std::fs::metadata(&path).map_or(0, |meta| meta.len());
            if bytes > left {
                self.left_out
                    .push(LeftOut::new(format!("the program {name} beside the test"), "it is large"));
                continue;
            }
            left -= bytes;
            self.files.insert(format!("{side}/{name}"), path);
        }
    }

    fn elf(&mut self, side: &str, program: &Path, elf: &Elf, target: &Target, launch: &Launch) {
        let root = launch.sysroot.clone().unwrap_or_else(|| PathBuf::from("/"));
        let (in_root, in_lib) = (format!("{side}/root"), format!("{side}/lib"));
        let Some(loader) = &elf.interpreter else { return };
        let found = root.join(loader.trim_start_matches('/'));
        if found.is_file() {
            let name = format!("{in_root}/{}", loader.trim_start_matches('/'));
            self.program.root = Some(in_root.clone());
            self.program.loader = Some(name.clone());
            self.files.insert(name, found);
        } else {
            self.left_out.push(LeftOut::new(format!("the loader {loader}"), "it is not here"));
        }
        let standard: Vec<PathBuf> = target.machine().map_or_else(Vec::new, |machine| {
            let mut dirs = standard_dirs(&root, machine);
            if root != Path::new("/") {
                dirs.extend(standard_dirs(Path::new("/"), machine));
            }
            dirs
        });
        let mut seen: BTreeSet<String> = BTreeSet::new();
        let mut pending: VecDeque<(String, Vec<PathBuf>)> = VecDeque::new();
        let mut add = |elf: &Elf, path: &Path, pending: &mut VecDeque<(String, Vec<PathBuf>)>| {
            let own = own_dirs(elf, path, program, &root);
            let new = elf.needed.iter().filter(|name| seen.insert((*name).clone()));
            pending.extend(new.map(|name| (name.clone(), own.clone())));
        };
        add(elf, program, &mut pending);
        pending.push_back((LOADED_BY_NAME.to_owned(), Vec::new()));
        while let Some((name, own)) = pending.pop_front() {
            let fits = |path: &PathBuf| match Binary::read(path) {
                Ok(Binary::Elf(found)) if same_machine(&found, elf) => Some(found),
                _ => None,
            };
            let dirs = own.iter().chain(&standard);
            let found = dirs.map(|dir| dir.join(&name)).find_map(|path| fits(&path).map(|elf| (path, elf)));
            let Some((path, library)) = found else {
                if name != LOADED_BY_NAME && !loader.ends_with(&name) {
                    self.left_out.push(LeftOut::new(format!("the library {name}"), "it is not found here"));
                }
                continue;
            };
            let at_home = standard.iter().any(|dir| path.starts_with(dir));
            let top = if path.starts_with(&root) { root.as_path() } else { Path::new("/") };
            let stored = match path.strip_prefix(top).ok().and_then(Path::to_str) {
                Some(below) if at_home => format!("{in_root}/{below}"),
                _ => {
                    self.program.libraries = Some(in_lib.clone());
                    format!("{in_lib}/{name}")
                }
            };
            add(&library, &path, &mut pending);
            self.files.insert(stored, path);
        }
    }

    /// The DLLs that are not Wine's own: beside the program, in the directories that the launch adds, and built by us.
    fn dlls(&mut self, place: &str, parent: &Path, pe: &Pe, launch: &Launch) {
        let mut dirs = vec![parent.to_owned()];
        dirs.extend(launch.env.iter().filter(|change| change.name() == "WINEPATH").flat_map(|change| {
            let list = change.apply(None).unwrap_or_default().to_string_lossy().into_owned();
            let unix = |dir: &str| PathBuf::from(dir.trim_start_matches("Z:").replace('\\', "/"));
            list.split(';').map(unix).collect::<Vec<_>>()
        }));
        if let Some(Preparation::WinePrefix { prefix, .. }) = &launch.preparation {
            dirs.push(wine_shim_dir(prefix));
        }
        let mut pending: Vec<String> = pe.imports.iter().chain(&pe.delay_imports).cloned().collect();
        let mut seen = BTreeSet::new();
        while let Some(name) = pending.pop() {
            if !seen.insert(name.to_ascii_lowercase()) {
                continue;
            }
            let found = dirs.iter().find_map(|dir| file_in(dir, &name));
            let Some(path) = found else { continue };
            if let Ok(Binary::Pe(dll)) = Binary::read(&path) {
                pending.extend(dll.imports);
            }
            self.files.insert(format!("{place}/{name}"), path);
        }
    }
}

/// The programs in a directory, in order.
pub fn programs_in(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let is_program = |binary| match binary {
        Binary::Elf(elf) => elf.executable,
        Binary::Pe(pe) => !pe.is_dll,
        Binary::Wasm(_) => true,
        Binary::MachO | Binary::Script(_) => false,
    };
    let mut programs: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.is_file() && Binary::read(path).is_ok_and(is_program))
        .collect();
    programs.sort();
    programs
}

/// The directories that one file names for the libraries that it needs: its `RUNPATH`, and the program's own directory,
/// which a run adds.
fn own_dirs(elf: &Elf, file: &Path, program: &Path, root: &Path) -> Vec<PathBuf> {
    let origin = file.parent().and_then(Path::to_str).unwrap_or_default();
    let mut dirs = Vec::new();
    for entry in elf.runpath.iter().filter(|entry| !entry.is_empty()) {
        let entry = entry.replace("${ORIGIN}", origin).replace("$ORIGIN", origin);
        dirs.push(root.join(entry.trim_start_matches('/')));
        dirs.push(PathBuf::from(entry));
    }
    dirs.extend(program.parent().map(Path::to_owned));
    dirs
}

fn same_machine(one: &Elf, other: &Elf) -> bool {
    (one.bits, one.endian, one.machine) == (other.bits, other.endian, other.machine)
}

/// The file of this name in any spelling, as Windows finds it.
fn file_in(dir: &Path, name: &str) -> Option<PathBuf> {
    let exact = dir.join(name);
    if exact.is_file() {
        return Some(exact);
    }
    let entries = std::fs::read_dir(dir).ok()?.flatten().map(|entry| entry.path());
    entries
        .filter(|path| path.is_file())
        .find(|path| path.file_name().is_some_and(|found| found.to_string_lossy().eq_ignore_ascii_case(name)))
}
