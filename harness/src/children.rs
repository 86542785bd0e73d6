//! How the programs that a guest starts find their emulator in turn.
//!
//! A kernel starts a foreign program only if somebody has told it how. Debian's qemu packages tell it for the whole
//! machine, as root, once; without that a guest that starts itself gets `ENOEXEC`, and what its shell or its C library
//! makes of that is often a false success. So we tell the kernel ourselves, in a namespace that only the guest and its
//! children are in ([`namespace`]), with this very program as the interpreter: every nested start is a hook call with
//! its own sysroot, CPU model and record.
//!
//! What a nested hook has to know travels in its `argv[0]`, which is the path that was registered: beside the link of
//! that name lies a file with the [`Settings`]. An environment variable would be seen by the guest, and lost as soon as
//! it starts something with an environment of its own.
//!
//! Nothing is arranged for guests of Wine and of WASI runtimes, which start their children themselves or not at all.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use triplecheck_emulators::host::{Host, LocalHost};
use triplecheck_emulators::launch::{Kind, Launch};
use triplecheck_emulators::lookup::Options;
use triplecheck_emulators::machine::Machine;

use crate::error::{About as _, Error, Result};

mod namespace;
mod registrations;

pub use namespace::CannotEnter;
pub(crate) use namespace::enter;

/// The link by which a nested hook is registered, beside its settings.
const HOOK: &str = "hook";
/// The settings of nested hooks, as JSON.
const SETTINGS: &str = "settings.json";
/// The lines to be registered, each followed by a zero byte.
const LINES: &str = "registrations";
/// Where emulators are found without being told.
const STANDARD_DIRS: [&str; 3] = ["/usr/local/bin", "/usr/bin", "/bin"];
/// The interpreter where there are no settings: the running program, whatever it is called.
const OWN_BINARY: &str = "/proc/self/exe";

/// What is done for a guest's children.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Policy {
    /// The host's registrations where they fit, else private ones, else none.
    #[default]
    Auto,
    /// Private registrations in a user namespace, or refuse.
    Private,
    /// Nothing: whatever the host has.
    Off,
}

/// What nested hooks are told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The kind of emulator that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emulator: Option<String>,
    /// CPU models, by our names of machines.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub cpus: BTreeMap<String, String>,
    /// Whether the least that a machine promises is modelled.
    #[serde(default)]
    pub floor: bool,
    /// Where loaders and libraries are looked for first.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub sysroots: Vec<PathBuf>,
    /// Directories with the guests' own libraries.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub library_path: Vec<PathBuf>,
    /// Where every start is recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ledger: Option<PathBuf>,
    /// Our cache directory, where it is not the user's usual one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<PathBuf>,
    /// Where emulators are found, in the form of `PATH`, where the standard directories are not enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
}

impl Settings {
    /// The settings under which the children of the guest that `launch` starts run like itself.
    pub fn of(
        host: &dyn Host,
        options: &Options,
        guest: Option<(&Machine, &Launch)>,
        ledger: Option<&Path>,
    ) -> Settings {
        let cpu = guest.zip(options.cpu.clone()).map(|((machine, _), cpu)| (machine.name.to_owned(), cpu));
        let cache = host.cache_dir();
        let emulator = guest.and_then(|(_, launch)| launch.emulator.program.as_deref());
        let in_its_place = emulator.is_some_and(|program| {
            program.starts_with(&cache)
                || STANDARD_DIRS.iter().any(|dir| program.parent() == Some(Path::new(dir)))
        });
        Settings {
            emulator: options.emulator.map(|kind| kind.to_string()),
            cpus: cpu.into_iter().collect(),
            floor: options.floor,
            sysroots: options.sysroots.clone(),
            library_path: options.library_path.clone(),
            ledger: ledger.map(Path::to_owned),
            cache: (LocalHost::usual_cache_dir().as_ref() != Some(&cache)).then_some(cache),
            path: host.env("PATH").filter(|_| !in_its_place).map(PathBuf::from),
        }
    }

    /// The settings as bytes that are equal where they are.
    pub(crate) fn key(&self) -> Result<Vec<u8>> {
        json(self)
    }

    /// The host as a nested hook asks it: what the guest has made of `PATH` and `HOME` is the guest's affair.
    pub fn host(&self, host: LocalHost) -> LocalHost {
        let cache = self.cache.clone().or_else(LocalHost::usual_cache_dir);
        let host =
            host.with_standard_dirs().with_variable("TRIPLECHECK_CACHE", cache.map(PathBuf::into_os_string));
        match &self.path {
            Some(path) => host.with_variable("PATH", Some(path.clone().into_os_string())),
            None => host,
        }
    }

    /// The lookup's options for a program of `machine`.
    pub fn options(&self, machine: Option<&Machine>) -> Options {
        Options {
            emulator: self.emulator.as_deref().and_then(crate::commands::kind_named),
            cpu: machine.and_then(|machine| self.cpus.get(machine.name)).cloned(),
            floor: self.floor,
            sysroots: self.sysroots.clone(),
            library_path: self.library_path.clone(),
            ..Options::default()
        }
    }

    /// The settings of the hook that was registered as `argv0`; the defaults where it has none, or where they are not
    /// to be seen from the root directory that the guest has given itself.
    pub fn of_nested(argv0: &OsStr) -> Settings {
        let path = Path::new(argv0).with_file_name(SETTINGS);
        let text = if argv0 == OWN_BINARY { None } else { std::fs::read(path).ok() };
        text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
    }

    /// The settings of the hook that the kernel calls for programs started here; `None` where that is none of ours.
    pub(crate) fn of_surroundings() -> Option<Settings> {
        let entry = Path::new(registrations::DIRECTORY).join(registrations::WITNESS);
        let text = std::fs::read(entry).ok()?;
        Some(Settings::of_nested(OsStr::from_bytes(registrations::interpreter(&text)?)))
    }
}

/// Registrations with the settings of their hooks, in a directory that must be there as long as a guest is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrangement {
    dir: PathBuf,
}

impl Arrangement {
    /// Writes everything into `dir`, which is made.
    ///
    /// # Errors
    /// When a file cannot be written, or the settings hold a path that JSON cannot.
    pub fn write(dir: &Path, host: &dyn Host, settings: &Settings) -> Result<Arrangement> {
        let executes = |machine| host.executes(machine);
        Self::write_as(dir, dir, host, settings, &executes)?;
        Ok(Arrangement { dir: dir.to_owned() })
    }

    /// Writes into `dir` what will be found as `final_dir`.
    fn write_as(
        dir: &Path,
        final_dir: &Path,
        host: &dyn Host,
        settings: &Settings,
        executes: &dyn Fn(&'static Machine) -> bool,
    ) -> Result<()> {
        let exe = std::env::current_exe().about("find", OWN_BINARY)?;
        std::fs::create_dir_all(dir).about("make", dir)?;
        let hook = dir.join(HOOK);
        std::os::unix::fs::symlink(exe, &hook).about("make", &hook)?;
        let text = json(settings)?;
        std::fs::write(dir.join(SETTINGS), text).about("write", dir.join(SETTINGS))?;
        let mut bytes = Vec::new();
        for line in registrations::lines(host.machine(), executes, &final_dir.join(HOOK)) {
            if line.len() > registrations::LINE_BYTES_MAX {
                let text =
                    format!("`{}` is too long a path to be registered with the kernel", final_dir.display());
                return Err(Error::user(text));
            }
            bytes.extend(line);
            bytes.push(0);
        }
        std::fs::write(dir.join(LINES), bytes).about("write", dir.join(LINES))
    }

    /// One that was written.
    pub fn at(dir: PathBuf) -> Arrangement {
        Arrangement { dir }
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Enters namespaces in which it holds. The process must have one thread.
    pub(crate) fn enter(&self) -> std::result::Result<(), CannotEnter> {
        let bytes = std::fs::read(self.dir.join(LINES)).map_err(CannotEnter::unreadable)?;
        let lines: Vec<Vec<u8>> = bytes.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
        enter(lines.split_last().map_or(&[][..], |(_, lines)| lines))
    }
}

/// What the children of a guest will find.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// They need nothing of ours.
    NotNeeded,
    /// Our registrations hold already: we are inside.
    Ours,
    /// The host's own registration for the machine, which finds the sysroot by itself.
    Host,
    /// The host's own registration, which must be told the sysroot.
    HostWithoutSysroot,
    /// Nothing.
    Nothing,
}

/// What the children of the guest that `launch` starts will find as things are.
pub(crate) fn found(launch: &Launch, machine: Option<&Machine>, is_script: bool) -> Found {
    if launch.emulator.kind != Kind::QemuUser && !is_script {
        return Found::NotNeeded;
    }
    let directory = Path::new(registrations::DIRECTORY);
    if directory.join(registrations::WITNESS).exists() {
        return Found::Ours;
    }
    let Some(suffix) = machine.and_then(|machine| machine.qemu_user) else { return Found::Nothing };
    let entry = std::fs::read_to_string(directory.join(format!("qemu-{suffix}"))).unwrap_or_default();
    match (entry.starts_with("enabled"), &launch.sysroot) {
        (false, _) => Found::Nothing,
        (true, None) => Found::Host,
        (true, Some(root)) if root == Path::new("/") => Found::Host,
        (true, Some(_)) => Found::HostWithoutSysroot,
    }
}

/// Enters namespaces for the guest of one hook call, with the settings of that call. `executes` is what is known of the
/// host's own family without starting anything.
///
/// # Errors
/// When the kernel refuses, or the settings cannot be written; this process is then as it was before.
pub(crate) fn enter_for(
    host: &dyn Host,
    settings: &Settings,
    executes: impl Fn(&'static Machine) -> bool,
) -> Result<()> {
    let refused = |error: CannotEnter| Error::world("the guest's children cannot be run").caused_by(error);
    if *settings == Settings::default() {
        let lines = registrations::lines(host.machine(), executes, Path::new(OWN_BINARY));
        return enter(&lines).map_err(refused);
    }
    kept(host, settings, &executes)?.enter().map_err(refused)
}

/// The arrangement for these settings in the cache directory: written once, and there for every later call.
fn kept(
    host: &dyn Host,
    settings: &Settings,
    executes: &dyn Fn(&'static Machine) -> bool,
) -> Result<Arrangement> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&json(settings)?);
    // Another program registers itself, and the machines that it knows; and who is native depends on the guest.
    hasher.update(std::env::current_exe().unwrap_or_default().as_os_str().as_bytes());
    hasher.update(env!("CARGO_PKG_VERSION").as_bytes());
    let at_home =
        Machine::all().filter(|machine| machine.family == host.machine().family && executes(machine));
    at_home.for_each(|machine| {
        hasher.update(machine.name.as_bytes());
    });
    let hooks = host.cache_dir().join("hooks");
    let dir = hooks.join(hasher.finalize().to_hex().as_str());
    if dir.is_dir() {
        return Ok(Arrangement::at(dir));
    }
    std::fs::create_dir_all(&hooks).about("make", &hooks)?;
    let unfinished =
        tempfile::Builder::new().prefix(".unfinished-").tempdir_in(&hooks).about("make", &hooks)?;
    Arrangement::write_as(unfinished.path(), &dir, host, settings, executes)?;
    match std::fs::rename(unfinished.path(), &dir) {
        Ok(()) => drop(unfinished.keep()),
        // Another call was quicker, and wrote the same.
        Err(_) if dir.is_dir() => {}
        Err(error) => return Err(error).about("make", &dir),
    }
    Ok(Arrangement::at(dir))
}

fn json(settings: &Settings) -> Result<Vec<u8>> {
    serde_json::to_vec(settings)
        .map_err(|error| Error::user("a path of the settings is not UTF-8").caused_by(error))
}
