//! Linux programs for another processor, under QEMU's user-mode emulation.
//!
//! QEMU itself checks little before it starts and says less: a missing file ends with status 1 and no word
//! (QEMU 7.2), a missing loader with 255, which a program may also return. So everything that can be known
//! before is decided here: the emulator, the sysroot by loader and machine, and the libraries.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::family::{Offer, cpu_model, linux_machine, too_old};
use crate::host::Program;
use crate::launch::{ARGV0, Emulator, EnvChange, Kind, Launch};
use crate::lookup::loader::{self, Loader};
use crate::lookup::{Obstacle, Reason, Subject, Trace, libraries, note, root};
use crate::machine::Machine;
use crate::packages::Piece;

/// QEMU's own variables, from its `linux-user/main.c`, 7.2 to 10.0. The caller's must not reach it: a CPU model
/// for one machine ends the emulator of another, and `QEMU_STRACE` writes into the guest's stderr.
const VARIABLES: [&str; 21] = [
    "QEMU_ARGV0",
    "QEMU_CPU",
    "QEMU_DFILTER",
    "QEMU_GDB",
    "QEMU_GUEST_BASE",
    "QEMU_JITDUMP",
    "QEMU_LD_PREFIX",
    "QEMU_LOG",
    "QEMU_LOG_FILENAME",
    "QEMU_ONE_INSN_PER_TB",
    "QEMU_PAGESIZE",
    "QEMU_PERFMAP",
    "QEMU_PLUGIN",
    "QEMU_RAND_SEED",
    "QEMU_RESERVED_VA",
    "QEMU_SET_ENV",
    "QEMU_SINGLESTEP",
    "QEMU_STACK_SIZE",
    "QEMU_STRACE",
    "QEMU_TB_SIZE",
    "QEMU_UNSET_ENV",
];

/// Variables that a dynamic loader obeys: the guest's is meant, but a dynamic QEMU's would be the first.
const LOADER_VARIABLES: [&str; 3] = ["LD_PRELOAD", "LD_AUDIT", "LD_DEBUG"];

/// What QEMU says of a program.
pub(crate) fn consider(subject: &Subject<'_>, trace: &mut Trace) -> Offer {
    let machine = match linux_machine(subject) {
        Ok(machine) => machine,
        Err(why) => return Offer::NotForIt(why.to_owned()),
    };
    let Some(suffix) = machine.qemu_user else {
        return Offer::NotForIt(format!("QEMU has no user-mode emulator for {}", machine.name));
    };
    if subject.target.is_some_and(|target| target.triple().ends_with("-gnuasan")) {
        return Offer::Refused(Reason {
            obstacle: Obstacle::NoEmulator,
            text: "AddressSanitizer's shadow memory does not fit beside QEMU's own".to_owned(),
            missing: Vec::new(),
        });
    }
    let found = find_program(subject, suffix, trace);
    let sysroot = find_sysroot(subject, machine, trace);
    let program = match found {
        Found::Program(program) => program,
        Found::Broken(text) => return not_installed(text, sysroot.err()),
        Found::Nothing => return not_installed(format!("`qemu-{suffix}` is not installed"), sysroot.err()),
    };
    let name = format!("qemu-{suffix}");
    let refusal = too_old::refusal(subject, &program, &name, trace)
        .or_else(|| cpu_model::refusal(subject, &program, &name, cpu(subject).as_deref(), trace));
    match (refusal, sysroot) {
        (Some(reason), _) | (None, Err(reason)) => Offer::Refused(reason),
        (None, Ok(sysroot)) => Offer::Launch(launch(subject, &program, sysroot, machine, trace)),
    }
}

/// No emulator that works, and perhaps no sysroot either: all that has to be installed is told at once.
fn not_installed(text: String, sysroot: Option<Reason>) -> Offer {
    let missing =
        std::iter::once(Piece::QemuUser).chain(sysroot.into_iter().flat_map(|reason| reason.missing));
    Offer::Refused(Reason { obstacle: Obstacle::NotInstalled, text, missing: missing.collect() })
}

/// What was found under the emulator's names.
enum Found {
    Program(Program),
    /// Files of the name that are no working emulator, each with what is wrong with it.
    Broken(String),
    Nothing,
}

/// The static emulator if there is one: it starts sooner, and the guest's `LD_*` variables do not hit it.
fn find_program(subject: &Subject<'_>, suffix: &str, trace: &mut Trace) -> Found {
    let mut broken = Vec::new();
    for name in [format!("qemu-{suffix}-static"), format!("qemu-{suffix}")] {
        let Some(program) = subject.host.find_program(&name) else {
            match subject.host.find_locked(&name) {
                Some(path) => broken.push(format!("`{}` is not executable", path.display())),
                None => note(trace, &name, "not found"),
            }
            continue;
        };
        let path = program.path.display();
        if let Some(defect) = subject.host.defect(&program.path) {
            note(trace, &name, &format!("broken: `{path}`: {defect}"));
            broken.push(format!("`{path}` is no working QEMU: {defect}"));
            continue;
        }
        let linked = if program.is_static { "static" } else { "dynamic" };
        note(trace, &name, &format!("found: `{path}`, {linked}"));
        return Found::Program(program);
    }
    if broken.is_empty() { Found::Nothing } else { Found::Broken(broken.join("; ")) }
}

/// The CPU model to ask for: the user's, or what the target or the machine needs beyond QEMU's own default.
fn cpu(subject: &Subject<'_>) -> Option<String> {
    let default = || match subject.target {
        Some(target) => target.cpu_default().map(str::to_owned),
        None => subject.machine?.cpu_default.map(str::to_owned),
    };
    subject.cpu_asked().or_else(default)
}

/// The directory for `-L`, `None` for a static program.
fn find_sysroot(
    subject: &Subject<'_>,
    machine: &'static Machine,
    trace: &mut Trace,
) -> Result<Option<PathBuf>, Reason> {
    let Loader::At(loader) = loader::needed(subject) else { return Ok(None) };
    if loader.starts_with("/system/") {
        // bionic's linker looks for its libraries and its configuration in /system and nowhere else.
        return if root::host_has(subject.host, machine, &loader) {
            Ok(None)
        } else {
            let text = format!("no Android system on this host: `{loader}` is not there");
            Err(Reason { obstacle: Obstacle::LibraryMissing, text, missing: Vec::new() })
        };
    }
    let found = root::find(subject, machine, &loader, trace)?;
    match libraries::missing(subject, machine, &found) {
        Some(reason) => Err(reason),
        None => Ok(Some(found.path)),
    }
}

fn launch(
    subject: &Subject<'_>,
    program: &Program,
    sysroot: Option<PathBuf>,
    machine: &Machine,
    trace: &mut Trace,
) -> Launch {
    if subject.wants_floor() && subject.cpu_floor().is_none() {
        note(trace, "floor", &format!("no CPU model is known for the least that {} promises", machine.name));
    }
    if subject.target.is_none() && sysroot.is_none() {
        note(
            trace,
            "program",
            "static, and so taken for Linux's: one for bare metal looks the same until it is named",
        );
    }
    let cpu = cpu(subject);
    let mut prefix: Vec<OsString> = vec![program.path.clone().into(), "-0".into(), ARGV0.into()];
    if let Some(cpu) = &cpu {
        prefix.extend(["-cpu".into(), cpu.into()]);
    }
    if let Some(sysroot) = &sysroot {
        prefix.extend(["-L".into(), sysroot.into()]);
    }
    let mut env: Vec<EnvChange> = VARIABLES
        .iter()
        .filter(|name| subject.host.env(name).is_some())
        .map(|name| EnvChange::Remove(OsString::from(name)))
        .collect();
    if program.is_static {
        env.extend(libraries::prepended(&subject.options.library_path));
    } else {
        deflect(subject, &mut prefix, &mut env, trace);
    }
    let emulator = Emulator { kind: Kind::QemuUser, program: Some(program.path.clone()), cpu };
    Launch { emulator, prefix, env, sysroot, preparation: None }
}

/// Takes the loader's variables out of a dynamic emulator's environment and gives them to the guest by `-E`.
fn deflect(subject: &Subject<'_>, prefix: &mut Vec<OsString>, env: &mut Vec<EnvChange>, trace: &mut Trace) {
    let library_path = libraries::joined(&libraries::guest_dirs(subject));
    let mut wanted: Vec<(&str, OsString)> = Vec::new();
    if !library_path.is_empty() {
        wanted.push(("LD_LIBRARY_PATH", library_path));
    }
    wanted.extend(LOADER_VARIABLES.iter().filter_map(|name| Some((*name, subject.host.env(name)?))));
    for (name, value) in wanted {
        if value.as_encoded_bytes().contains(&b',') {
            // `-E` splits at commas and has no escape for them. glibc skips libraries of other machines.
            note(trace, name, "holds a comma, which `-E` cannot carry: the emulator sees it too");
            env.push(EnvChange::Set(name.into(), value));
            continue;
        }
        let mut word = OsString::from(name);
        word.push("=");
        word.push(&value);
        prefix.extend(["-E".into(), word]);
        if subject.host.env(name).is_some() {
            env.push(EnvChange::Remove(name.into()));
        }
    }
}
