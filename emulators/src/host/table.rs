//! A host that exists in a test only: every answer is one that was put in.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{ElfIdentity, Host, Kvm, Program};
use crate::binary::Binary;
use crate::lookup::subject::identity;
use crate::machine::Machine;

/// A host made by hand. What was not put in is not there.
#[derive(Debug, Clone)]
pub struct TableHost {
    triple: String,
    os: String,
    machine: &'static Machine,
    executes: BTreeSet<&'static str>,
    programs: BTreeMap<String, Program>,
    versions: BTreeMap<PathBuf, String>,
    cpu_models: BTreeMap<PathBuf, Vec<String>>,
    accelerators: BTreeMap<PathBuf, Vec<String>>,
    kvm: Kvm,
    defects: BTreeMap<PathBuf, String>,
    own: Option<PathBuf>,
    locked: BTreeMap<String, PathBuf>,
    files: BTreeMap<PathBuf, Option<ElfIdentity>>,
    binaries: BTreeMap<PathBuf, Binary>,
    links: BTreeMap<PathBuf, PathBuf>,
    texts: BTreeSet<(PathBuf, String)>,
    builtin_wasi: Option<Vec<OsString>>,
    builtin_vm: Option<Vec<OsString>>,
    env: BTreeMap<String, OsString>,
}

impl TableHost {
    /// A host with nothing on it: no program, no file, no environment.
    pub fn new(triple: &str, os: &str, machine: &'static Machine) -> Self {
        Self {
            triple: triple.to_owned(),
            os: os.to_owned(),
            machine,
            executes: BTreeSet::new(),
            programs: BTreeMap::new(),
            versions: BTreeMap::new(),
            cpu_models: BTreeMap::new(),
            accelerators: BTreeMap::new(),
            kvm: Kvm::No { why: "there is no `/dev/kvm`".to_owned(), hint: None },
            defects: BTreeMap::new(),
            own: None,
            locked: BTreeMap::new(),
            files: BTreeMap::new(),
            binaries: BTreeMap::new(),
            links: BTreeMap::new(),
            texts: BTreeSet::new(),
            builtin_wasi: None,
            builtin_vm: None,
            env: BTreeMap::new(),
        }
    }

    /// Its kernel starts programs for this machine too.
    #[must_use]
    pub fn executing(mut self, machine: &'static Machine) -> Self {
        self.executes.insert(machine.name);
        self
    }

    /// A dynamically linked program at this path, found by its path and by the path's last part.
    #[must_use]
    pub fn program(mut self, path: &str) -> Self {
        self.add_program(path, false);
        self
    }

    /// A statically linked program at this path, found by its path and by the path's last part.
    #[must_use]
    pub fn static_program(mut self, path: &str) -> Self {
        self.add_program(path, true);
        self
    }

    fn add_program(&mut self, path: &str, is_static: bool) {
        let program = Program { path: path.into(), is_static };
        let name = path.rsplit('/').next().unwrap_or(path);
        self.programs.insert(name.to_owned(), program.clone());
        self.programs.insert(path.to_owned(), program);
        let own = identity(self.machine);
        self.files.entry(path.into()).or_insert(own);
    }

    /// What `PATH --version` says, as a number.
    #[must_use]
    pub fn version_of(mut self, path: &str, version: &str) -> Self {
        self.versions.insert(path.into(), version.to_owned());
        self
    }

    /// The CPU models that `PATH -cpu help` lists.
    #[must_use]
    pub fn cpu_models_of(mut self, path: &str, models: &[&str]) -> Self {
        self.cpu_models.insert(path.into(), models.iter().map(ToString::to_string).collect());
        self
    }

    /// The accelerators that `PATH -accel help` lists.
    #[must_use]
    pub fn accelerators_of(mut self, path: &str, names: &[&str]) -> Self {
        self.accelerators.insert(path.into(), names.iter().map(ToString::to_string).collect());
        self
    }

    /// What its KVM is good for.
    #[must_use]
    pub fn with_kvm(mut self, kvm: Kvm) -> Self {
        self.kvm = kvm;
        self
    }

    /// Why the program at this path does not work.
    #[must_use]
    pub fn defect_of(mut self, path: &str, defect: &str) -> Self {
        self.defects.insert(path.into(), defect.to_owned());
        self
    }

    /// A file on `PATH` without the permission to execute it, found by the path's last part.
    #[must_use]
    pub fn locked(mut self, path: &str) -> Self {
        let name = path.rsplit('/').next().unwrap_or(path);
        self.locked.insert(name.to_owned(), path.into());
        self
    }

    /// A regular file that is the asking program itself.
    #[must_use]
    pub fn own(mut self, path: &str) -> Self {
        self.own = Some(path.into());
        self.file(path)
    }

    /// A regular file that is no ELF file.
    #[must_use]
    pub fn file(mut self, path: &str) -> Self {
        self.files.insert(path.into(), None);
        self
    }

    /// An ELF file for this machine: a loader or a library.
    #[must_use]
    pub fn library(mut self, path: &str, machine: &Machine) -> Self {
        let identity = identity(machine);
        self.files.insert(path.into(), identity);
        self
    }

    /// A regular file whose header says this.
    #[must_use]
    pub fn binary_at(mut self, path: &str, binary: Binary) -> Self {
        self.binaries.insert(path.into(), binary);
        self.file(path)
    }

    /// A symbolic link whose target, as written, leads nowhere on this host.
    #[must_use]
    pub fn dangling_link(mut self, path: &str, target: &str) -> Self {
        self.links.insert(path.into(), target.into());
        self
    }

    /// The file at this path holds this text.
    #[must_use]
    pub fn text_in(mut self, path: &str, text: &str) -> Self {
        self.texts.insert((path.into(), text.to_owned()));
        self
    }

    /// Guest systems, whose programs are started by these words.
    #[must_use]
    pub fn with_builtin_vm(mut self, words: &[&str]) -> Self {
        self.builtin_vm = Some(words.iter().map(OsString::from).collect());
        self
    }

    /// The words of a built-in WASI runtime.
    #[must_use]
    pub fn with_builtin_wasi(mut self, words: &[&str]) -> Self {
        self.builtin_wasi = Some(words.iter().map(OsString::from).collect());
        self
    }

    /// An environment variable of the caller.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.into());
        self
    }
}

impl Host for TableHost {
    fn os(&self) -> &str {
        &self.os
    }

    fn machine(&self) -> &'static Machine {
        self.machine
    }

    fn triple(&self) -> &str {
        &self.triple
    }

    fn executes(&self, machine: &'static Machine) -> bool {
        machine == self.machine || self.executes.contains(machine.name)
    }

    fn find_program(&self, name: &str) -> Option<Program> {
        self.programs.get(name).cloned()
    }

    fn find_locked(&self, name: &str) -> Option<PathBuf> {
        self.locked.get(name).cloned()
    }

    fn version(&self, program: &Path) -> Option<String> {
        self.versions.get(program).cloned()
    }

    fn cpu_models(&self, program: &Path) -> Option<Vec<String>> {
        self.cpu_models.get(program).cloned()
    }

    fn accelerators(&self, program: &Path) -> Option<Vec<String>> {
        self.accelerators.get(program).cloned()
    }

    fn kvm(&self) -> Kvm {
        self.kvm.clone()
    }

    fn defect(&self, program: &Path) -> Option<String> {
        self.defects.get(program).cloned()
    }

    fn is_own(&self, path: &Path) -> bool {
        self.own.as_deref() == Some(path)
    }

    fn is_file(&self, path: &Path) -> bool {
        self.files.contains_key(path)
    }

    fn is_dir(&self, path: &Path) -> bool {
        self.files.keys().any(|file| file != path && file.starts_with(path))
    }

    fn link_target(&self, path: &Path) -> Option<PathBuf> {
        self.links.get(path).cloned()
    }

    fn names_in(&self, path: &Path) -> Vec<String> {
        let below = self.files.keys().filter_map(|file| file.strip_prefix(path).ok()?.components().next());
        let mut names: Vec<String> =
            below.map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
        names.dedup();
        names
    }

    fn binary(&self, path: &Path) -> Option<Binary> {
        self.binaries.get(path).cloned()
    }

    fn elf_machine(&self, path: &Path) -> Option<ElfIdentity> {
        *self.files.get(path)?
    }

    fn file_contains(&self, path: &Path, text: &str) -> bool {
        self.texts.iter().any(|(file, held)| file == path && held == text)
    }

    fn builtin_wasi(&self) -> Option<Vec<OsString>> {
        self.builtin_wasi.clone()
    }

    fn builtin_vm(&self) -> Option<Vec<OsString>> {
        self.builtin_vm.clone()
    }

    fn cache_dir(&self) -> PathBuf {
        PathBuf::from("/cache")
    }

    fn env(&self, name: &str) -> Option<OsString> {
        self.env.get(name).cloned()
    }
}
