//! Windows programs, under Wine. Wine is no emulator of processors: it runs programs of the host's own machine,
//! and 32-bit ones only where it was installed for them.
//!
//! The Wine loader is called, not Debian's `/usr/bin/wine`: that is a shell script which prints hints on every
//! start and loses variables whose names are not identifiers. What a run needs beside the command (a private
//! prefix, a server, a missing DLL) is named as a [`Preparation`] and made by the harness. Wine 8 ends a 32-bit
//! program that it cannot run with status 0 and no output, so that is decided here and never tried.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::binary::Binary;
use crate::family::Offer;
use crate::host::{Host, Program};
use crate::launch::{Emulator, EnvChange, Kind, Launch, Preparation, wine_shim_dir};
use crate::lookup::{Obstacle, Reason, Subject, Trace, dlls, note};
use crate::machine::Machine;
use crate::packages::Piece;

/// What every Rust program since 1.78 imports, and every Go program since 1.22 loads as it starts (`loadOptionalSyscalls`
/// in `runtime/os_windows.go`). Wine has it since version 9.
const SHIM: &str = "bcryptprimitives.dll";
/// The version that Go's linker gives itself in every header.
const GO_LINKER: (u8, u8) = (3, 0);
/// The first major version of Wine with that DLL, and with 32-bit programs on a purely 64-bit host.
const COMPLETE_SINCE: u32 = 9;

/// The loaders to look for, in order. Debian's own place first: what it has on `PATH` is the script.
const LOADERS: [&str; 5] =
    ["/usr/lib/wine/wine64", "wine64", "/opt/wine-stable/bin/wine", "/opt/wine-devel/bin/wine", "wine"];
/// Debian's 32-bit loader.
const LOADER_32: &str = "/usr/lib/wine/wine";

/// What Wine says of a program.
pub(crate) fn consider(subject: &Subject<'_>, trace: &mut Trace) -> Offer {
    let host = subject.host;
    if subject.os != "windows" {
        return Offer::NotForIt("runs Windows programs only".to_owned());
    }
    if !matches!(host.os(), "linux" | "macos") {
        return Offer::NotForIt("runs on Linux and macOS hosts only".to_owned());
    }
    if subject.target.is_some_and(|target| target.facts().vendor == "uwp") {
        return Offer::NotForIt("has no app container, in which Universal Windows programs run".to_owned());
    }
    let Some(machine) = subject.machine else {
        return Offer::NotForIt("not a machine that we know".to_owned());
    };
    if let Err(why) = runs_natively(host, machine) {
        return Offer::NotForIt(why);
    }
    match find(host, machine, trace) {
        Ok((program, version)) => match launch(subject, machine, &program, version.as_deref(), trace) {
            Ok(launch) => Offer::Launch(launch),
            Err(reason) => Offer::Refused(reason),
        },
        Err(reason) => Offer::Refused(reason),
    }
}

/// Whether programs of this machine can run at all, since Wine translates no instructions.
fn runs_natively(host: &dyn Host, machine: &'static Machine) -> Result<(), String> {
    let own = host.machine();
    let can = match machine.name {
        // Wine for macOS is an x86_64 program; Rosetta translates it together with what it runs.
        "x86_64" | "x86_32" if host.os() == "macos" => {
            Machine::named("x86_64").is_some_and(|x86| host.executes(x86))
        }
        _ if host.os() == "macos" => false,
        "x86_32" => own.name == "x86_64" || own.name == "x86_32",
        "arm64ec" => own.name == "aarch64",
        _ => own == machine,
    };
    if can {
        return Ok(());
    }
    Err(format!("Wine does not translate {} instructions for a {} host", machine.name, own.name))
}

/// The loader for programs of this machine, with its version where it was asked for.
fn find(host: &dyn Host, machine: &Machine, trace: &mut Trace) -> Result<(Program, Option<String>), Reason> {
    if machine.bits == 32 {
        if let Some(program) = host.find_program(LOADER_32).filter(|program| is_32_bit(host, &program.path)) {
            note(trace, LOADER_32, "found, 32-bit");
            let version = host.version(&program.path);
            return Ok((program, version));
        }
        note(trace, LOADER_32, "no 32-bit Wine there");
    }
    for name in LOADERS {
        let Some(program) = host.find_program(name) else {
            note(trace, name, "not found");
            continue;
        };
        if let Some(defect) = host.defect(&program.path) {
            note(trace, name, &format!("broken: `{}`: {defect}", program.path.display()));
            continue;
        }
        let version = host.version(&program.path);
        if machine.bits == 32 && !runs_32_bit(host, &program.path, version.as_deref()) {
            note(trace, name, "has no 32-bit part: it would end with status 0 and no output");
            continue;
        }
        let script = host.elf_machine(&program.path).is_none() && host.os() == "linux";
        note(trace, name, if script { "found, a script" } else { "found" });
        return Ok((program, version));
    }
    Err(not_installed(host, machine))
}

fn not_installed(host: &dyn Host, machine: &Machine) -> Reason {
    let works = |name: &&str| host.find_program(name).filter(|found| host.defect(&found.path).is_none());
    let any = LOADERS.iter().any(|name| works(name).is_some());
    let (text, missing) = match (machine.bits, any) {
        (32, true) => ("only 64-bit Wine is installed, and this is a 32-bit program", vec![Piece::Wine32]),
        (32, false) => ("32-bit Wine is not installed", vec![Piece::Wine32]),
        _ => ("Wine is not installed", vec![Piece::Wine64]),
    };
    Reason { obstacle: Obstacle::NotInstalled, text: text.to_owned(), missing }
}

fn is_32_bit(host: &dyn Host, path: &Path) -> bool {
    host.elf_machine(path).is_some_and(|(bits, _, _)| bits == 32)
}

/// Whether this Wine runs 32-bit programs: a 32-bit loader, or one of version 9 and up with its 32-bit DLLs.
fn runs_32_bit(host: &dyn Host, wine: &Path, version: Option<&str>) -> bool {
    if is_32_bit(host, wine) {
        return true;
    }
    let new = major(version).is_some_and(|major| major >= COMPLETE_SINCE);
    let libraries = ["lib", "lib64", "lib/x86_64-linux-gnu", "lib/i386-linux-gnu"];
    let has_dlls = || {
        wine.ancestors().skip(2).take(2).any(|top| {
            libraries.iter().any(|dir| host.is_file(&top.join(dir).join("wine/i386-windows/ntdll.dll")))
        })
    };
    new && has_dlls()
}

fn major(version: Option<&str>) -> Option<u32> {
    version?.split('.').next()?.parse().ok()
}

fn launch(
    subject: &Subject<'_>,
    machine: &Machine,
    wine: &Program,
    version: Option<&str>,
    trace: &mut Trace,
) -> Result<Launch, Reason> {
    let host = subject.host;
    let shims = shims(subject, version);
    let prefix = prefix_dir(host, machine, version);
    let system = dlls::system_dirs(host, machine, &wine.path, &prefix);
    let dlls = dlls::follow(subject, machine, &system, &shims);
    if let Some((dll, importer)) = &dlls.missing {
        return Err(dlls::missing(dll, importer, machine));
    }
    for dir in &dlls.dirs {
        note(trace, format!("DLLs in {}", dir.display()), "added to WINEPATH: the program imports them");
    }
    let env = environment(subject, &prefix, &shims, &dlls.dirs);
    Ok(Launch {
        emulator: Emulator { kind: Kind::Wine, program: Some(wine.path.clone()), cpu: None },
        prefix: vec![wine.path.clone().into()],
        env,
        sysroot: None,
        preparation: Some(Preparation::WinePrefix { prefix, wine: wine.path.clone(), shims }),
    })
}

/// `CACHE/wine/VERSION-MACHINE`: one prefix for all programs, made once.
fn prefix_dir(host: &dyn Host, machine: &Machine, version: Option<&str>) -> PathBuf {
    host.cache_dir().join("wine").join(format!("{}-{}", version.unwrap_or("unknown"), machine.name))
}

/// The DLLs that this Wine lacks and the program wants. A program whose imports are not known wants them.
fn shims(subject: &Subject<'_>, version: Option<&str>) -> Vec<&'static str> {
    // One that somebody put beside the program is the first that Wine finds.
    let beside = |dir: &PathBuf| subject.host.is_file(&dir.join(SHIM));
    if subject.options.origin.iter().any(beside) {
        return Vec::new();
    }
    let lacks = major(version).is_none_or(|major| major < COMPLETE_SINCE);
    let wants = match subject.binary {
        Some(Binary::Pe(pe)) if pe.complete => {
            let imported =
                pe.imports.iter().chain(&pe.delay_imports).any(|name| name.eq_ignore_ascii_case(SHIM));
            imported || pe.linker == GO_LINKER
        }
        _ => true,
    };
    if lacks && wants { vec![SHIM] } else { Vec::new() }
}

fn environment(
    subject: &Subject<'_>,
    prefix: &Path,
    shims: &[&'static str],
    compiler: &[PathBuf],
) -> Vec<EnvChange> {
    let host = subject.host;
    let set = |name: &str, value: OsString| EnvChange::Set(name.into(), value);
    // Wine looks for its server below TMPDIR, so that a guest with one of its own would start a server of its own, at
    // ten times the cost. Windows programs are given TEMP by Wine instead.
    let mut env = vec![set("WINEPREFIX", prefix.into()), EnvChange::Remove("TMPDIR".into())];
    if host.env("WINEDEBUG").is_none() {
        env.push(set("WINEDEBUG", "-all".into()));
    }
    // The crash dialogue's text would land on the guest's stdout and cost seconds. The user's word counts more.
    let overrides = host.env("WINEDLLOVERRIDES").unwrap_or_default();
    if !overrides.to_string_lossy().contains("winedbg.exe") {
        env.push(EnvChange::Prepend("WINEDLLOVERRIDES".into(), "winedbg.exe=d".into(), ';'));
    }
    let own = subject.options.library_path.iter();
    let mut dirs: Vec<OsString> = own.chain(compiler).map(|dir| windows_path(dir)).collect();
    if !shims.is_empty() {
        dirs.push(windows_path(&wine_shim_dir(prefix)));
    }
    if !dirs.is_empty() {
        env.push(EnvChange::Prepend("WINEPATH".into(), dirs.join(&OsString::from(";")), ';'));
    }
    if !utf8_locale(host) {
        // In any other locale Wine loses every byte of an argument that is not ASCII.
        let name = if host.os() == "macos" { "en_US.UTF-8" } else { "C.UTF-8" };
        env.push(set("LC_ALL", name.into()));
    }
    env
}

/// `Z:\…`, as Wine shows the host's files to its programs.
fn windows_path(path: &Path) -> OsString {
    let Some(text) = path.to_str() else { return path.as_os_str().to_owned() };
    OsString::from(format!("Z:{}", text.replace('/', "\\")))
}

/// Whether the caller's locale, as libc finds it, is one of UTF-8.
fn utf8_locale(host: &dyn Host) -> bool {
    let first = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| host.env(name).filter(|value| !value.is_empty()))
        .unwrap_or_default();
    let name = first.to_string_lossy().to_ascii_lowercase();
    name.ends_with("utf-8") || name.ends_with("utf8")
}
