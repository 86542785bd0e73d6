//! The machine that we run on. Nothing is found before it is asked for, and nothing is found twice: answers
//! are kept for the life of the value, which is that of one command. They are kept in trees, because a hash map asks the
//! system for random bytes, and a hook call has a handful of answers.
//!
//! No process is started but for [`Host::version`], [`Host::cpu_models`], [`Host::accelerators`], [`Host::kvm`] and [`Host::executes`]; what a tool
//! says of itself is remembered between commands.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::bytes::{elf_identity, holds};
use super::identity::{home_of, kernel_machine, own_triple};
use super::{ElfIdentity, Host, Kvm, Program, defect, kvm, sentinel, spawn, tool};
use crate::binary::Binary;
use crate::machine::Machine;

/// The most that is read of a loader to find one of its options. glibc's largest is a third of a MiB.
const SEARCHED_BYTES_MAX: u64 = 4 << 20;

/// Where Rosetta 2 is installed, if it is.
const ROSETTA: &str = "/Library/Apple/usr/libexec/oah/libRosettaRuntime";

/// Where `execvp` looks where there is no `PATH`.
const STANDARD_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// The cache directory below a home.
const CACHE_BELOW_HOME: &str = ".cache/triplecheck";

/// The host of this process.
#[derive(Debug, Default)]
pub struct LocalHost {
    builtin_wasi: Option<Vec<OsString>>,
    builtin_vm: Option<Vec<OsString>>,
    kvm_probe: Option<Vec<OsString>>,
    standard_dirs: bool,
    variables: BTreeMap<String, Option<OsString>>,
    machine: OnceLock<&'static Machine>,
    triple: OnceLock<String>,
    package_dirs: OnceLock<Vec<PathBuf>>,
    executes: Mutex<BTreeMap<&'static str, bool>>,
    programs: Mutex<BTreeMap<String, Option<Program>>>,
    versions: Mutex<BTreeMap<PathBuf, Option<String>>>,
    kvm: OnceLock<Kvm>,
}

impl LocalHost {
    /// This host, of which nothing is known yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same host with a built-in WASI runtime, started by these words followed by the module.
    #[must_use]
    pub fn with_builtin_wasi(mut self, words: Vec<OsString>) -> Self {
        self.builtin_wasi = Some(words);
        self
    }

    /// The same host with guest systems, whose programs are started by these words followed by the program.
    #[must_use]
    pub fn with_builtin_vm(mut self, words: Vec<OsString>) -> Self {
        self.builtin_vm = Some(words);
        self
    }

    /// The same host, whose KVM is asked by these words what it is good for.
    #[must_use]
    pub fn with_kvm_probe(mut self, words: Vec<OsString>) -> Self {
        self.kvm_probe = Some(words);
        self
    }

    /// The same host, asked by somebody whose environment differs in this variable: unset where `None`.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: Option<OsString>) -> Self {
        self.variables.insert(name.to_owned(), value);
        self
    }

    /// The same host, asked on behalf of a program whose `PATH` is its own affair: emulators are looked for in the
    /// standard directories too.
    #[must_use]
    pub fn with_standard_dirs(mut self) -> Self {
        self.standard_dirs = true;
        self
    }

    /// Where the cache is for the user as the system knows them, whatever the environment says.
    pub fn usual_cache_dir() -> Option<PathBuf> {
        let users = std::fs::read_to_string("/etc/passwd").ok()?;
        home_of(&users, rustix::process::geteuid().as_raw()).map(|home| home.join(CACHE_BELOW_HOME))
    }

    /// `usr/bin` of every package that was unpacked privately, the last name (and so the newest) first.
    fn package_dirs(&self) -> &[PathBuf] {
        self.package_dirs.get_or_init(|| {
            let Ok(entries) = std::fs::read_dir(self.cache_dir().join("packages")) else { return Vec::new() };
            let mut dirs: Vec<PathBuf> =
                entries.filter_map(Result::ok).map(|entry| entry.path().join("usr/bin")).collect();
            dirs.sort_unstable_by(|left, right| right.cmp(left));
            dirs
        })
    }

    /// Looks for a program as `execvp` does, and then in the private packages.
    fn search(&self, name: &str) -> Option<Program> {
        if name.contains('/') {
            return program_at(Path::new(name));
        }
        let path = self.env("PATH").unwrap_or_else(|| STANDARD_PATH.into());
        let standard = if self.standard_dirs { STANDARD_PATH } else { "" };
        std::env::split_paths(&path)
            .chain(std::env::split_paths(standard))
            // An empty or relative element is the current directory's business: a decision must not depend on it.
            .filter(|dir| dir.is_absolute())
            .find_map(|dir| program_at(&dir.join(name)))
            .or_else(|| self.package_dirs().iter().find_map(|dir| program_at(&dir.join(name))))
    }

    /// What an earlier command was told, or what `ask` is told now, kept in the cache's directory of this name.
    fn remembered(
        &self,
        kind: &str,
        program: &Path,
        ask: impl FnOnce(&Path) -> Option<String>,
    ) -> Option<String> {
        tool::remembered(&self.cache_dir().join(kind), program, ask)
    }
}

impl Host for LocalHost {
    fn os(&self) -> &str {
        std::env::consts::OS
    }

    fn machine(&self) -> &'static Machine {
        self.machine.get_or_init(kernel_machine)
    }

    fn triple(&self) -> &str {
        self.triple.get_or_init(|| own_triple(self))
    }

    fn executes(&self, machine: &'static Machine) -> bool {
        let own = self.machine();
        if machine == own {
            return true;
        }
        if self.os() == "macos" {
            return own.name == "aarch64" && machine.name == "x86_64" && self.is_file(Path::new(ROSETTA));
        }
        // A kernel runs another machine's programs only if it is the narrower sibling of its own.
        if machine.family != own.family || machine.endian != own.endian || own.bits != 64 {
            return false;
        }
        let mut known = self.executes.lock().unwrap_or_else(PoisonError::into_inner);
        *known.entry(machine.name).or_insert_with(|| starts(machine))
    }

    fn find_program(&self, name: &str) -> Option<Program> {
        let mut known = self.programs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(name) {
            return found.clone();
        }
        let found = self.search(name);
        known.insert(name.to_owned(), found.clone());
        found
    }

    fn find_locked(&self, name: &str) -> Option<PathBuf> {
        let path = self.env("PATH")?;
        let mut files = std::env::split_paths(&path).map(|dir| dir.join(name));
        files.find(|file| file.is_absolute() && file.is_file() && program_at(file).is_none())
    }

    fn version(&self, program: &Path) -> Option<String> {
        let mut known = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(version) = known.get(program) {
            return version.clone();
        }
        let ask = |program: &Path| tool::version_number(&spawn::version_text(program)?);
        let version = tool::wine_version(program).or_else(|| self.remembered("versions", program, ask));
        known.insert(program.to_owned(), version.clone());
        version
    }

    fn cpu_models(&self, program: &Path) -> Option<Vec<String>> {
        let ask = |program: &Path| Some(tool::cpu_models(&spawn::cpu_help_text(program)?).join("\n"));
        let models = self.remembered("cpu-models", program, ask)?;
        Some(models.lines().map(str::to_owned).collect())
    }

    fn accelerators(&self, program: &Path) -> Option<Vec<String>> {
        let ask = |program: &Path| Some(tool::accelerators(&spawn::accelerators_text(program)?).join("\n"));
        let names = self.remembered("accelerators", program, ask)?;
        Some(names.lines().map(str::to_owned).collect())
    }

    fn kvm(&self) -> Kvm {
        self.kvm.get_or_init(|| kvm::of(self, self.kvm_probe.as_deref())).clone()
    }

    fn defect(&self, program: &Path) -> Option<String> {
        defect::of(self, program)
    }

    fn is_own(&self, path: &Path) -> bool {
        defect::is_own(path)
    }

    fn is_file(&self, path: &Path) -> bool {
        path.is_file()
    }

    fn is_dir(&self, path: &Path) -> bool {
        path.is_dir()
    }

    fn link_target(&self, path: &Path) -> Option<PathBuf> {
        std::fs::read_link(path).ok()
    }

    fn names_in(&self, path: &Path) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(path) else { return Vec::new() };
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
    }

    fn binary(&self, path: &Path) -> Option<Binary> {
        Binary::read(path).ok()
    }

    fn elf_machine(&self, path: &Path) -> Option<ElfIdentity> {
        let mut start = [0; 20];
        File::open(path).ok()?.read_exact(&mut start).ok()?;
        elf_identity(&start)
    }

    fn file_contains(&self, path: &Path, text: &str) -> bool {
        let mut bytes = Vec::new();
        let read = File::open(path).and_then(|file| file.take(SEARCHED_BYTES_MAX).read_to_end(&mut bytes));
        read.is_ok() && holds(&bytes, text.as_bytes())
    }

    fn builtin_wasi(&self) -> Option<Vec<OsString>> {
        self.builtin_wasi.clone()
    }

    fn builtin_vm(&self) -> Option<Vec<OsString>> {
        self.builtin_vm.clone()
    }

    fn cache_dir(&self) -> PathBuf {
        let absolute = |value: OsString| Some(PathBuf::from(value)).filter(|path| path.is_absolute());
        self.env("TRIPLECHECK_CACHE")
            .and_then(absolute)
            .or_else(|| self.env("XDG_CACHE_HOME").and_then(absolute).map(|dir| dir.join("triplecheck")))
            .or_else(|| self.env("HOME").and_then(absolute).map(|dir| dir.join(CACHE_BELOW_HOME)))
            .or_else(LocalHost::usual_cache_dir)
            .unwrap_or_else(|| std::env::temp_dir().join("triplecheck-cache"))
    }

    fn env(&self, name: &str) -> Option<OsString> {
        self.variables.get(name).cloned().unwrap_or_else(|| std::env::var_os(name))
    }
}

/// Whether the kernel starts a program for `machine`: it is given one.
#[cfg(target_os = "linux")]
fn starts(machine: &Machine) -> bool {
    sentinel::program(machine).is_some_and(|program| spawn::executes(&program, sentinel::STATUS))
}

/// No kernel but Linux is known to run a second ELF machine for us.
#[cfg(not(target_os = "linux"))]
fn starts(_machine: &Machine) -> bool {
    false
}

/// A regular file that this process may execute.
fn program_at(path: &Path) -> Option<Program> {
    if !path.is_file() || rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_err() {
        return None;
    }
    let is_static = matches!(Binary::read(path), Ok(Binary::Elf(elf)) if elf.interpreter.is_none());
    Some(Program { path: path.to_owned(), is_static })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::write_program;

    fn program_in(dir: &Path, name: &str, mode: u32) -> PathBuf {
        std::fs::create_dir_all(dir).unwrap();
        let path = dir.join(name);
        write_program(&path, b"#!/bin/sh\necho \"tool version 1.2.3 (of 2020)\"\n", mode);
        path
    }

    fn host(path: &[&Path], cache: &Path) -> LocalHost {
        LocalHost::new()
            .with_variable("PATH", Some(std::env::join_paths(path).unwrap()))
            .with_variable("TRIPLECHECK_CACHE", Some(cache.into()))
    }

    #[test]
    fn a_home_is_found_by_its_users_id() {
        let users =
            "root:x:0:0:root:/root:/bin/bash\nodd\nbuild:x:1000:1000::/home/build:/bin/sh\nno:x:7:7:::\n";
        assert_eq!(home_of(users, 1000), Some("/home/build".into()));
        assert_eq!(home_of(users, 0), Some("/root".into()));
        assert_eq!((home_of(users, 7), home_of(users, 100)), (None, None));
    }

    #[test]
    fn programs_are_found_as_execvp_does_and_then_in_the_private_packages() {
        let dir = tempfile::tempdir().unwrap();
        let [first, second, cache] = ["first", "second", "cache"].map(|name| dir.path().join(name));
        program_in(&first, "tool", 0o644);
        std::fs::create_dir_all(first.join("directory")).unwrap();
        let expected = program_in(&second, "tool", 0o755);
        let private = program_in(&cache.join("packages/qemu-10.0/usr/bin"), "private", 0o755);
        program_in(&cache.join("packages/qemu-10.0/usr/bin"), "tool", 0o755);
        let host = host(&[&first, &second], &cache);
        assert_eq!(host.find_program("tool").map(|found| found.path), Some(expected.clone()));
        assert_eq!(host.find_program("private").map(|found| found.path), Some(private));
        assert_eq!(host.find_program("directory"), None);
        assert_eq!(host.find_program(first.join("tool").to_str().unwrap()), None);
        let by_path = host.find_program(expected.to_str().unwrap()).unwrap();
        assert_eq!((by_path.path, by_path.is_static), (expected, false));
    }

    #[test]
    fn a_version_is_remembered_until_the_program_changes() {
        let dir = tempfile::tempdir().unwrap();
        let tool = program_in(dir.path(), "tool", 0o755);
        let cache = dir.path().join("cache");
        let version = || host(&[dir.path()], &cache).version(&tool);
        assert_eq!(version().as_deref(), Some("1.2.3"));
        assert_eq!(std::fs::read_dir(cache.join("versions")).unwrap().count(), 1);
        assert_eq!(version().as_deref(), Some("1.2.3"));
        write_program(&tool, b"#!/bin/sh\necho 1.10\n", 0o755);
        assert_eq!(version().as_deref(), Some("1.10"));
        write_program(&tool, b"#!/bin/sh\nexit 1\n", 0o755);
        assert_eq!(version(), None);
    }

    #[test]
    fn the_cache_is_where_the_variables_say() {
        let cache_of = |own: Option<&str>, xdg: Option<&str>| {
            let host = LocalHost::new()
                .with_variable("TRIPLECHECK_CACHE", own.map(Into::into))
                .with_variable("XDG_CACHE_HOME", xdg.map(Into::into))
                .with_variable("HOME", Some("/h".into()));
            host.cache_dir().to_str().unwrap().to_owned()
        };
        assert_eq!(cache_of(Some("/own"), Some("/xdg")), "/own");
        assert_eq!(cache_of(Some("relative"), Some("/xdg")), "/xdg/triplecheck");
        assert_eq!(cache_of(None, None), "/h/.cache/triplecheck");
    }

    #[test]
    fn what_is_no_elf_file_has_no_machine() {
        let dir = tempfile::tempdir().unwrap();
        let host = LocalHost::new();
        for (name, bytes) in
            [("empty", &b""[..]), ("text", b"this is a text of more than 20 bytes"), ("cut", b"\x7fELF")]
        {
            let path = dir.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(host.elf_machine(&path), None, "{name}");
        }
        assert_eq!(host.elf_machine(dir.path()), None);
        assert_eq!(host.elf_machine(&dir.path().join("absent")), None);
    }
}
