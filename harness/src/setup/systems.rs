//! Makes guest systems: Debian's kernel, downloaded and unpacked but not installed, the few modules that it needs, and our
//! first process, compiled here by the toolchain that builds everything else.
//!
//! A system is a directory `vm/MACHINE/RELEASE` under the cache directory. It is made beside and renamed, so that one
//! that is there is complete. It can be deleted at any time.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{CWD, FlockOperation, RenameFlags, flock, renameat_with};
use triplecheck_emulators::host::Host;
use triplecheck_emulators::launch::Kind;
use triplecheck_emulators::lookup::{Decision, Options, lookup};
use triplecheck_emulators::packages::Piece;
use triplecheck_emulators::target::Target;
use triplecheck_emulators::vm::kernels::{Packaged, is_of, place, series};
use triplecheck_emulators::vm::machines::System;
use triplecheck_emulators::vm::{INITRAMFS, KERNEL};

use super::{given, initramfs, kernels, packed, reuse};
use crate::toolchain::progress::Progress;
use crate::toolchain::tool::Tool;
use crate::toolchain::{Std, Toolchain};
use crate::vm::{AGENT_SOURCES, Wanted, agent_key, snapshot};

/// The file that says of which source the first process was compiled.
const AGENT_KEY: &str = "agent";

/// How long compiling the first process may take: one small file.
const COMPILE_DEADLINE: Duration = Duration::from_secs(10 * 60);

/// How long a system may take to be booted, saved and restored, after others who do the same.
const SNAPSHOT_DEADLINE: Duration = Duration::from_secs(10 * 60);

/// A system that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// The system.
    pub system: &'static System,
    /// Its kernel.
    pub kernel: Source,
}

/// Where a kernel comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Debian's archive.
    Debian(&'static Packaged),
    /// The system of this release that an older version of this program has made.
    There(String),
}

impl Wish {
    /// Whether it is made already.
    fn is_made(&self, place: &Path) -> bool {
        let is_it = |release: &str| match &self.kernel {
            Source::Debian(kernel) => series(release) == kernel.series(),
            Source::There(there) => release == there,
        };
        let entries = fs_err::read_dir(place).into_iter().flatten().flatten();
        let mut names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        names.any(|name| is_it(&name) && is_current_in(&place.join(name)))
    }
}

/// What is to be done for targets.
#[derive(Debug, Default)]
pub struct Missing {
    /// Systems that are not there, or were made by an older triplecheck.
    pub wishes: Vec<Wish>,
    /// All systems that the targets run in, whose QEMU is needed.
    pub systems: Vec<&'static System>,
    /// A sentence for each target for which there is none.
    pub impossible: Vec<String>,
}

/// Whose kernel is good enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serving {
    /// That of the target's own machine.
    Own,
    /// Any that runs its programs.
    Any,
}

/// What `targets` need and what of it is not there.
pub fn missing(host: &dyn Host, targets: &[Target], serving: Serving) -> Missing {
    let mut found = Missing::default();
    for target in targets {
        let asked = target.kernel_variant();
        let all = all_serving(target);
        let candidates: Vec<&System> = match serving {
            Serving::Own => all.take(1).collect(),
            Serving::Any => all.collect(),
        };
        let Some(&first) = candidates.first() else {
            found.impossible.push(format!("no guest system is known for {}", target.triple()));
            continue;
        };
        let is_made = |system: &&&System| {
            let releases = host.names_in(&place(host, system));
            releases.iter().any(|release| is_of(release, asked) && is_current(host, system, release))
        };
        let made = candidates.iter().find(is_made).copied();
        let system = made.unwrap_or(first);
        if made.is_none() {
            let there = reuse::find(&place(host, system), asked).map(Source::There);
            let Some(kernel) = there.or_else(|| Packaged::find(system, asked).map(Source::Debian)) else {
                found.impossible.push(unknown(system, asked.unwrap_or_default()));
                continue;
            };
            let wish = Wish { system, kernel };
            if !found.wishes.contains(&wish) {
                found.wishes.push(wish);
            }
        }
        if !found.systems.contains(&system) {
            found.systems.push(system);
        }
    }
    found
}

/// The systems in which a target's programs run, whose kernels are all Linux; its own machine's first.
fn all_serving(target: &Target) -> impl Iterator<Item = &'static System> {
    let machine = target.machine().filter(|_| target.triple().split('-').any(|part| part == "linux"));
    machine.into_iter().flat_map(System::all_serving)
}

fn unknown(system: &System, asked: &str) -> String {
    let known: Vec<String> =
        Packaged::all(system).map(|kernel| format!("linux-{}", kernel.series())).collect();
    format!(
        "no stable release of Debian has linux-{asked} for {}; there are {}",
        system.machine,
        known.join(", ")
    )
}

/// Whether nothing runs programs of `target` for want of a guest system.
pub fn is_lacking(host: &dyn Host, target: &Target, options: &Options) -> bool {
    let is_system = |piece: &Piece| matches!(piece, Piece::GuestSystem(_));
    matches!(lookup(host, target, None, options), Decision::Cannot(reason, _) if reason.missing.iter().any(is_system))
}

/// The command that makes the guest system of `target`.
pub(crate) fn command(target: &Target) -> String {
    // Another variant names a processor, which is the same system's.
    let which = target.kernel_variant().map_or_else(|| target.triple().to_owned(), |_| target.to_string());
    format!("triplecheck setup --vm {which}")
}

/// Whether the system of this kernel is there, with a first process that was made of the present source.
pub(crate) fn is_current(host: &dyn Host, system: &System, release: &str) -> bool {
    is_current_in(&place(host, system).join(release))
}

fn is_current_in(dir: &Path) -> bool {
    dir.join(INITRAMFS).is_file()
        && fs_err::read_to_string(dir.join(AGENT_KEY)).is_ok_and(|key| key == agent_key())
}

/// The systems of `targets` that are there without a snapshot of theirs, as words for the command that makes it: which kernel and
/// QEMU it is of depends on the lookup. One that could not be used is made once more for whoever names the system.
pub fn without_snapshot(
    host: &dyn Host,
    targets: &[Target],
    serving: Serving,
) -> Vec<(&'static System, Vec<OsString>)> {
    let mut found: Vec<(&System, Vec<OsString>)> = Vec::new();
    for target in targets {
        if let Some(wanted) = wanted(host, target)
            && is_to_be_made(&snapshot::state(&wanted), serving)
            && found.iter().all(|(_, words)| *words != wanted.words())
        {
            found.push((wanted.system, wanted.words()));
        }
    }
    found
}

fn is_to_be_made(state: &snapshot::State, serving: Serving) -> bool {
    match state {
        snapshot::State::Missing(_) => true,
        snapshot::State::Unusable(_) => serving == Serving::Own,
        snapshot::State::NotWanted | snapshot::State::Usable => false,
    }
}

/// What there is of the snapshot of a target's system, where there is a system.
pub(crate) fn snapshot_of(host: &dyn Host, target: &Target) -> Option<snapshot::State> {
    wanted(host, target).map(|wanted| snapshot::state(&wanted))
}

fn wanted(host: &dyn Host, target: &Target) -> Option<Wanted> {
    match in_system(host, target) {
        Decision::Run(launch, _) => Wanted::of_words(&launch.prefix),
        Decision::Cannot(..) => None,
    }
}

fn in_system(host: &dyn Host, target: &Target) -> Decision {
    let options = Options { emulator: Some(Kind::Vm), ..Options::default() };
    lookup(host, target, None, &options)
}

/// Why programs of `targets` cannot run in the systems that are there, a sentence for each target: their QEMU is of no use. What is
/// missing, or unknown, is told before.
pub fn useless(host: &dyn Host, targets: &[Target]) -> Vec<String> {
    let why = |target: &Target| match in_system(host, target) {
        Decision::Cannot(reason, _)
            if !reason.missing.iter().any(|it| matches!(it, Piece::GuestSystem(_))) =>
        {
            Some(format!("{target}: {}", reason.text))
        }
        Decision::Cannot(..) | Decision::Run(..) => None,
    };
    targets.iter().filter(|target| all_serving(target).next().is_some()).filter_map(why).collect()
}

/// Makes a system's snapshot, once more where one could not be used. What it says is why none can be used.
pub fn make_snapshot(words: &[OsString]) -> Result<Option<String>, String> {
    let words =
        [snapshot::SUBCOMMAND, snapshot::AGAIN].into_iter().map(Into::into).chain(words.iter().cloned());
    let tool = Tool::new(crate::supervise::OWN_BINARY).args(words).deadline(SNAPSHOT_DEADLINE);
    let said = tool.answer().map_err(|error| error.to_string())?;
    match (said.strip_prefix(snapshot::FAILED), said.strip_prefix(snapshot::CANNOT_BE_USED)) {
        (Some(why), _) => Err(why.trim_end().to_owned()),
        (None, why) => Ok(why.map(|why| why.trim_end().to_owned())),
    }
}

/// Makes one system, unless another set-up has made it meanwhile. The error is one sentence.
pub fn make(
    host: &dyn Host,
    project_dir: &Path,
    wish: &Wish,
    progress: &mut dyn Progress,
) -> Result<(), String> {
    let (system, place) = (wish.system, place(host, wish.system));
    let _lock = lock(&place, progress)?;
    if wish.is_made(&place) {
        return Ok(());
    }
    let obtain = |scratch: &Path, progress: &mut dyn Progress| match &wish.kernel {
        Source::Debian(packaged) => kernels::fetch(system, packaged, scratch, progress),
        Source::There(release) => reuse::take(&place.join(release), release, scratch),
    };
    assemble(host, project_dir, system, progress, obtain).map(drop)
}

/// Waits until no other set-up makes a system of this machine. The lock ends with what is returned, and with the process.
fn lock(place: &Path, progress: &mut dyn Progress) -> Result<fs_err::File, String> {
    fs_err::create_dir_all(place).map_err(|error| error.to_string())?;
    let file = fs_err::File::open(place).map_err(|error| error.to_string())?;
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        progress.detail("waiting for another set-up, which makes a system of this machine");
        let locked = flock(&file, FlockOperation::LockExclusive);
        locked.map_err(|error| format!("`{}` cannot be locked: {error}", place.display()))?;
    }
    Ok(file)
}

/// Makes one system of a kernel and modules that the user gives; its release. The error is one sentence.
pub fn make_of(
    host: &dyn Host,
    project_dir: &Path,
    (system, image, modules): (&'static System, &Path, Option<&Path>),
    progress: &mut dyn Progress,
) -> Result<String, String> {
    let _lock = lock(&place(host, system), progress)?;
    assemble(host, project_dir, system, progress, |_, _| given::examine(system, image, modules))
}

fn assemble(
    host: &dyn Host,
    project_dir: &Path,
    system: &'static System,
    progress: &mut dyn Progress,
    obtain: impl FnOnce(&Path, &mut dyn Progress) -> Result<kernels::Kernel, String>,
) -> Result<String, String> {
    let io = |error: std::io::Error| error.to_string();
    let place = place(host, system);
    let scratch = tempfile::Builder::new().prefix(".making-").tempdir_in(&place).map_err(io)?;
    let kernel = obtain(scratch.path(), progress)?;
    progress.detail("compiling its first process");
    let agent = compile(host, project_dir, system, scratch.path())?;
    progress.detail("putting it together");
    let made = scratch.path().join("made");
    fs_err::create_dir(&made).map_err(io)?;
    packed::place(&kernel.image, &made.join(KERNEL))?;
    let archive = initramfs::make(&agent, &kernel.modules)?;
    fs_err::write(made.join(INITRAMFS), archive).map_err(io)?;
    fs_err::write(made.join(AGENT_KEY), agent_key()).map_err(io)?;
    take_the_place_of(&made, &place.join(&kernel.release)).map_err(io)?;
    Ok(kernel.release)
}

/// Puts a directory in the place of another, if there is one, which is left where it was and goes with the scratch
/// directory. A guest that is started meanwhile finds one of them.
fn take_the_place_of(new: &Path, old: &Path) -> std::io::Result<()> {
    if !old.is_dir() {
        return fs_err::rename(new, old);
    }
    let exchanged = renameat_with(CWD, new, CWD, old, RenameFlags::EXCHANGE);
    exchanged.or_else(|_| {
        // Not every file system can.
        fs_err::remove_dir_all(old)?;
        fs_err::rename(new, old)
    })
}

/// Compiles the first process as a static program.
fn compile(host: &dyn Host, project_dir: &Path, system: &System, dir: &Path) -> Result<PathBuf, String> {
    let target = Target::parse(system.triple).map_err(|error| error.to_string())?;
    let toolchain = Toolchain::detect_for(host, project_dir, &[system.triple])
        .map_err(|error| format!("failed to {error}"))?;
    let linker = toolchain.linker(host, &target).map_err(|unbuildable| unbuildable.text)?;
    let agent = dir.join("init");
    for (name, text) in AGENT_SOURCES {
        fs_err::write(dir.join(name), text).map_err(|error| error.to_string())?;
    }
    let mut words: Vec<OsString> = ["--edition=2021", "-Copt-level=s", "-Cpanic=abort", "-Cstrip=symbols"]
        .into_iter()
        .chain(["-Ctarget-feature=+crt-static", "--target", system.triple])
        .map(Into::into)
        .collect();
    if let Some(linker) = linker {
        let mut word = OsString::from("-Clinker=");
        word.push(linker);
        words.push(word);
    }
    match toolchain.std_for(&target) {
        Std::Private(sysroot) => words.extend(["--sysroot".into(), sysroot.into()]),
        Std::Installed | Std::Missing { .. } => {}
    }
    words.extend(["-o".into(), agent.clone().into(), dir.join(AGENT_SOURCES[0].0).into()]);
    let tool = Tool::new(&toolchain.rustc).args(words).deadline(COMPILE_DEADLINE);
    tool.answer().map_err(|error| format!("failed to compile its first process: {error}"))?;
    Ok(agent)
}
