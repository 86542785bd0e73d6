//! Programs that the host's own processor and kernel run: those of the host, and those of the 32-bit machine
//! that a 64-bit kernel may run too.
//!
//! A dynamic program also needs its loader. Where the host has none for it but a cross compiler's C library
//! has, that loader is called by its own path with the program as its argument. It is still native, but the
//! program's `/proc/self/exe` then names the loader: the trace says so.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::binary::{Binary, Script};
use crate::family::Offer;
use crate::launch::{ARGV0, Emulator, Kind, Launch};
use crate::lookup::loader::{self, Loader};
use crate::lookup::root::{self, Root};
use crate::lookup::{Obstacle, Reason, Subject, Trace, libraries, note, system_name};
use crate::machine::Machine;
use crate::packages::Piece;
use crate::target::Target;

/// What native execution says of a program.
pub(crate) fn consider(subject: &Subject<'_>, trace: &mut Trace) -> Offer {
    let host = subject.host;
    if let Some(Binary::Script(script)) = subject.binary {
        return script_of_the_host(subject, script);
    }
    if let Err(why) = same_system(subject) {
        return Offer::NotForIt(why);
    }
    if let Some(cpu) = subject.cpu_asked() {
        return Offer::NotForIt(format!("the host's processor cannot be made a `{cpu}`"));
    }
    if subject.wants_floor() {
        return Offer::NotForIt("the host's processor does more than the target promises".to_owned());
    }
    let Some(machine) = subject.machine else {
        return Offer::NotForIt("not a machine that we know".to_owned());
    };
    if !host.executes(machine) {
        return Offer::NotForIt(format!(
            "a {} host does not start {} programs",
            host.machine().name,
            machine.name
        ));
    }
    match loader::needed(subject) {
        Loader::At(loader) if subject.binary.is_some() || !own(subject) => {
            with_loader(subject, machine, &loader, trace)
        }
        Loader::At(_) | Loader::Kernel | Loader::Unknown => Offer::Launch(direct(subject)),
    }
}

/// Whether the target is the host's own, whose programs the host runs whatever their loader is called: some
/// distributions have theirs in a place of their own.
fn own(subject: &Subject<'_>) -> bool {
    subject.target.is_some_and(|target| target.triple() == subject.host.triple())
}

/// Whether the program's system is the host's.
fn same_system(subject: &Subject<'_>) -> Result<(), String> {
    let host = subject.host.os();
    let triple = subject.target.map_or("", Target::triple);
    let same = match host {
        "linux" => subject.is_linux(),
        // arm64e is for Apple's own programs, and x86_64h for processors that Rosetta does not imitate.
        "macos" if triple.starts_with("arm64e-") => false,
        "macos" if triple.starts_with("x86_64h-") => subject.host.machine().name == "x86_64",
        // Mac Catalyst programs are iOS programs that macOS runs.
        "macos" => {
            subject.os == "macos" || subject.target.is_some_and(|target| target.facts().abi == "macabi")
        }
        other => subject.os == other,
    };
    if same { Ok(()) } else { Err(format!("not a program that {} runs", system_name(host))) }
}

/// A script names its own interpreter; whether that is a program of the host is the interpreter's own question.
fn script_of_the_host(subject: &Subject<'_>, script: &Script) -> Offer {
    let interpreter = script.interpreter.as_str();
    if leads_back(subject, script) {
        return Offer::Refused(Reason {
            obstacle: Obstacle::NotAProgram,
            text: "the script's interpreter is this hook itself, which would start it without end".to_owned(),
            missing: Vec::new(),
        });
    }
    if subject.host.is_file(Path::new(interpreter)) {
        return Offer::Launch(direct(subject));
    }
    Offer::Refused(Reason {
        obstacle: Obstacle::NotInstalled,
        text: format!("the script's interpreter `{interpreter}` is not there"),
        missing: Vec::new(),
    })
}

/// Whether the interpreter of the script is the program that asks, named by its path or, through `env`, by its name.
fn leads_back(subject: &Subject<'_>, script: &Script) -> bool {
    let host = subject.host;
    let interpreter = Path::new(&script.interpreter);
    let by_name = || {
        let name = script.argument.as_deref()?.trim_start_matches("-S").split_ascii_whitespace().next()?;
        Some(host.is_own(&host.find_program(name)?.path))
    };
    let is_env = interpreter.file_name().is_some_and(|name| name == "env");
    host.is_own(interpreter) || (is_env && by_name().unwrap_or(false))
}

/// A dynamic program: through the host's loader, or through one from a sysroot where the host lacks the loader
/// or one of the program's libraries.
fn with_loader(subject: &Subject<'_>, machine: &'static Machine, loader: &str, trace: &mut Trace) -> Offer {
    let at_home = on_the_host(subject, machine, loader);
    let Err(reason) = at_home else {
        note(trace, format!("loader {loader}"), "present");
        return Offer::Launch(direct(subject));
    };
    note(trace, format!("loader {loader}"), &reason.text);
    if subject.os == "android" {
        return Offer::Refused(reason);
    }
    let root = match root::find(subject, machine, loader, trace) {
        Ok(root) if root.path != Path::new("/") => root,
        Ok(_) | Err(_) => return Offer::Refused(reason),
    };
    if let Some(reason) = libraries::missing(subject, machine, &root) {
        return Offer::Refused(reason);
    }
    let called = format!("loader {}", root.loader.display());
    note(trace, called, "called with the program: `/proc/self/exe` is then the loader, not the program");
    let prefix = loader_words(subject, machine, &root);
    Offer::Launch(Launch { prefix, sysroot: Some(root.path), env: Vec::new(), ..direct(subject) })
}

/// Whether the kernel and the host's own loader start the program as it stands.
fn on_the_host(subject: &Subject<'_>, machine: &'static Machine, loader: &str) -> Result<(), Reason> {
    let host = subject.host;
    if !root::host_has(host, machine, loader) {
        let piece = match (machine.name, loader) {
            ("x86_32", "/lib/ld-linux.so.2") if host.machine().name == "x86_64" => Some(Piece::Libc32),
            _ => None,
        };
        return Err(Reason {
            obstacle: Obstacle::LibraryMissing,
            text: format!("the host has no loader `{loader}` for {}", machine.name),
            missing: piece.map_or_else(|| root::package(subject, machine, loader), |piece| vec![piece]),
        });
    }
    // The host's own libraries are in whatever places its loader was told of; those of its second machine are
    // in the standard ones, and often only the C library is (Debian's libc6-i386 without lib32gcc-s1).
    if machine == host.machine() {
        return Ok(());
    }
    let home = Root { path: PathBuf::from("/"), loader: PathBuf::from(loader) };
    libraries::missing(subject, machine, &home).map_or(Ok(()), Err)
}

/// `LOADER --argv0 ARGV0 --library-path DIRS`, understood by glibc's loader and musl's.
fn loader_words(subject: &Subject<'_>, machine: &Machine, root: &Root) -> Vec<OsString> {
    let mut words = vec![root.loader.clone().into_os_string()];
    // glibc has it since 2.33; before, the program sees its path instead.
    if subject.host.file_contains(&root.loader, "--argv0") {
        words.extend(["--argv0".into(), ARGV0.into()]);
    }
    // The option replaces LD_LIBRARY_PATH and comes before RUNPATH, so both have to be in it.
    let mut dirs = libraries::guest_dirs(subject);
    let run_path =
        subject.elf().and_then(|elf| libraries::run_path(elf, subject.options.origin.as_deref(), root));
    dirs.extend(run_path.unwrap_or_default());
    dirs.extend(libraries::standard_dirs(&root.path, machine));
    dirs.retain(|dir| subject.host.is_dir(dir));
    words.extend(["--library-path".into(), libraries::joined(&dirs)]);
    words
}

/// The program itself, with its own libraries in front of the caller's.
fn direct(subject: &Subject<'_>) -> Launch {
    Launch {
        emulator: Emulator { kind: Kind::Native, program: None, cpu: None },
        prefix: Vec::new(),
        env: libraries::prepended(&subject.options.library_path).into_iter().collect(),
        sysroot: None,
        preparation: None,
    }
}
