//! The decision: which emulator runs a program on this host, or why none does.
//!
//! [`lookup`] is total and pure. It asks the [`Host`] and nothing else, it never fails, and whatever it decides
//! comes with the trace of every candidate in the order in which it was considered. The order is fixed:
//! the user's own command, native (with the 32-bit programs that a 64-bit kernel runs), qemu-user, Wine, WASI, and
//! a guest system, a board of QEMU's system emulators.
//! The families are in [`crate::family`]; this file only puts them in order and chooses the reason that is told
//! when all of them pass.
//!
//! What must never happen here: a guess that a file decides. Whether the kernel starts a machine's programs is
//! tried, whether a loader is the right one is read from its header, and a file that is for another target than
//! was asked for is refused before anything is considered.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::binary::Binary;
use crate::family::{self, Offer};
use crate::host::Host;
use crate::launch::{Emulator, Kind, Launch};
use crate::packages::Piece;
use crate::target::Target;

mod agreement;
pub(crate) mod dlls;
pub(crate) mod libraries;
pub(crate) mod loader;
mod obstacle;
pub(crate) mod root;
pub(crate) mod subject;
mod triple;

pub use libraries::standard_dirs;
pub(crate) use subject::{Subject, system_name};
pub use triple::target_of;

/// What the user prefers, forbids or knows better.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Use this kind, or say why it cannot be.
    pub emulator: Option<Kind>,
    /// Use this command, before everything else (`--runner`, `CARGO_TARGET_…_RUNNER`).
    pub custom: Option<Vec<OsString>>,
    /// The CPU model to emulate.
    pub cpu: Option<String>,
    /// Model the least that the target promises, so that a violation of its floor shows.
    pub floor: bool,
    /// Directories to search for the loader before the known ones.
    pub sysroots: Vec<PathBuf>,
    /// Absolute directories with the guest's own libraries (the build tree, a DLL directory), searched before
    /// those of the caller's `LD_LIBRARY_PATH` or `WINEPATH`, which reach the guest too.
    pub library_path: Vec<PathBuf>,
    /// The program needs a kernel of its own machine, which user-mode emulation does not have: it passes system calls on to
    /// the host's. Where a kind is asked for, that decides.
    pub needs_kernel: bool,
    /// The absolute directory of the program, for which `$ORIGIN` stands in its `RUNPATH`.
    pub origin: Option<PathBuf>,
}

/// What was decided, with every candidate that was considered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It can be run like this.
    Run(Launch, Trace),
    /// It cannot be run here, for this reason.
    Cannot(Reason, Trace),
}

/// The candidates in the order in which they were considered.
pub type Trace = Vec<Considered>;

/// One candidate and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Considered {
    /// `native`, `qemu-user`, `sysroot /usr/aarch64-linux-gnu` …
    pub candidate: String,
    /// `chosen`, or why it was passed over.
    pub outcome: String,
}

/// Why a program cannot be run here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// What kind of obstacle.
    pub obstacle: Obstacle,
    /// One sentence, lower-case, without a final stop.
    pub text: String,
    /// What would remove the obstacle, empty where nothing would.
    pub missing: Vec<Piece>,
}

/// Kinds of obstacle, for exit codes and counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Obstacle {
    /// No emulator that we know runs this target on this host.
    NoEmulator,
    /// There is one, but it is not installed.
    NotInstalled,
    /// The guest's loader or one of its libraries is missing.
    LibraryMissing,
    /// The file is for another target than was asked for.
    WrongTarget,
    /// The file is nothing that can be executed.
    NotAProgram,
    /// The user's options forbid what would work.
    Forbidden,
}

/// Decides how programs of `target` (and this one, where it is known) are run on `host`.
///
/// Pure and total: it asks `host` and nothing else, and every answer carries its trace.
pub fn lookup(host: &dyn Host, target: &Target, binary: Option<&Binary>, options: &Options) -> Decision {
    decide(&Subject::of_target(host, target, binary, options))
}

/// Decides how the program at `path` is run on `host` from its header alone: for programs whose machine no
/// rustc target has, and for hooks that are not told a target. `$ORIGIN` is the directory of `path` where the
/// options do not say.
pub fn lookup_binary(host: &dyn Host, binary: &Binary, path: &Path, options: &Options) -> Decision {
    let mut options = options.clone();
    options.origin =
        options.origin.or_else(|| path.parent().filter(|dir| dir.is_absolute()).map(Path::to_owned));
    decide(&Subject::of_binary(host, binary, &options))
}

/// The directory in which this program's loader is, whether or not anything runs it here.
pub fn find_sysroot(host: &dyn Host, target: &Target, binary: &Binary, options: &Options) -> Option<PathBuf> {
    let subject = Subject::of_target(host, target, Some(binary), options);
    let loader = subject.elf()?.interpreter.as_deref()?;
    let root = root::find(&subject, subject.machine?, loader, &mut Trace::new());
    root.ok().map(|root| root.path)
}

/// How a family is asked.
type Consider = fn(&Subject<'_>, &mut Trace) -> Offer;

/// The families in the order in which they are considered.
const FAMILIES: [(Kind, Consider); 6] = [
    (Kind::Native, family::native::consider),
    (Kind::QemuUser, family::qemu_user::consider),
    (Kind::Wine, family::wine::consider),
    (Kind::Wasi, family::wasi::consider),
    (Kind::Vm, family::vm::consider),
    (Kind::QemuSystem, family::qemu_system::consider),
];

fn decide(subject: &Subject<'_>) -> Decision {
    let mut trace = Trace::new();
    if let Some(launch) = custom(subject, &mut trace) {
        return Decision::Run(launch, trace);
    }
    if let Some(reason) = agreement::disagreement(subject).or_else(|| agreement::not_a_program(subject)) {
        note(&mut trace, "program", &reason.text);
        return Decision::Cannot(reason, trace);
    }
    if let Some(reason) = without_model(subject) {
        note(&mut trace, "cpu", &reason.text);
        return Decision::Cannot(reason, trace);
    }
    let mut refusals = Vec::new();
    let mut passed_over = None;
    for (kind, consider) in FAMILIES {
        if subject.kind_asked().is_some_and(|asked| asked != kind) {
            note(&mut trace, kind, "not the kind that was asked for");
            continue;
        }
        if subject.must_have_kernel() && !matches!(kind, Kind::Native | Kind::Vm) {
            note(&mut trace, kind, "has no kernel of the program's own machine, which is needed");
            continue;
        }
        match consider(subject, &mut trace) {
            Offer::Launch(launch) => {
                note(&mut trace, kind, "chosen");
                return Decision::Run(launch, trace);
            }
            Offer::Refused(reason) => {
                note(&mut trace, kind, &reason.text);
                refusals.push(reason);
            }
            Offer::NotForIt(why) => {
                note(&mut trace, kind, &why);
                passed_over = Some(why);
            }
        }
    }
    Decision::Cannot(obstacle::reason(subject, refusals, passed_over), trace)
}

/// That the variant of the target names no processor that anybody could model: a result under its name would be another's.
fn without_model(subject: &Subject<'_>) -> Option<Reason> {
    let target = subject.target?;
    let variant = target.variant()?;
    let text = if matches!(subject.os, "windows" | "wasi") {
        format!("`@{variant}`: programs for {} run without a model of a processor", system_name(subject.os))
    } else if target.wants_floor() && target.cpu_floor().is_none() {
        format!("no CPU model is known for the least that `{}` promises", target.triple())
    } else {
        return None;
    };
    Some(Reason { obstacle: Obstacle::Forbidden, text, missing: Vec::new() })
}

/// The user's own command. It is believed: not even the program's header is looked at.
fn custom(subject: &Subject<'_>, trace: &mut Trace) -> Option<Launch> {
    let words = subject.options.custom.as_ref()?;
    if words.is_empty() {
        note(trace, Kind::Custom, "the command has no words");
        return None;
    }
    note(trace, Kind::Custom, "chosen: the user's own command");
    let program = words.first().map(PathBuf::from);
    Some(Launch {
        emulator: Emulator { kind: Kind::Custom, program, cpu: None },
        prefix: words.clone(),
        env: Vec::new(),
        sysroot: None,
        preparation: None,
    })
}

/// Adds one line to the trace.
pub(crate) fn note(trace: &mut Trace, candidate: impl fmt::Display, outcome: &str) {
    trace.push(Considered { candidate: candidate.to_string(), outcome: outcome.to_owned() });
}
