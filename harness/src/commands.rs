//! The commands: each takes what was typed and gives the exit status. Printing happens here and below.

mod built;
mod bundle;
pub mod doctor;
pub mod exec;
pub mod hook;
pub mod init;
pub mod matrix;
pub mod merge;
pub mod pages;
pub mod report;
pub mod repro;
pub mod run;
pub mod setup;
pub mod show;
pub mod targets;
pub mod which;
pub mod wrap;

use std::path::{Path, PathBuf};

use triplecheck_emulators::host::LocalHost;
use triplecheck_emulators::launch::Kind;
use triplecheck_emulators::lookup::Options;

use crate::cli::LookupArgs;
use crate::error::{Error, Result};

/// The kinds of emulator that can be asked for.
const KINDS: [Kind; 6] = [Kind::Native, Kind::QemuUser, Kind::Wine, Kind::Wasi, Kind::QemuSystem, Kind::Vm];

/// The kind of this name.
pub(crate) fn kind_named(name: &str) -> Option<Kind> {
    KINDS.into_iter().find(|kind| kind.to_string() == name)
}

/// A directory for something new: one that is not there, or is empty.
pub(crate) fn new_directory(path: &Path) -> Result<PathBuf> {
    let is_empty = || std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
    if path.exists() && !is_empty() {
        let text = format!("`{}` is there already, and nothing is written over", path.display());
        return Err(Error::user(text).hint("name another directory, or remove that one"));
    }
    Ok(path.to_owned())
}

/// The options of a lookup from what was typed.
pub(crate) fn options(args: &LookupArgs) -> Result<Options> {
    let emulator = match &args.emulator {
        None => None,
        Some(name) => {
            let known = KINDS.map(|kind| kind.to_string()).join("`, `");
            Some(kind_named(name).ok_or_else(|| {
                Error::user(format!("there is no emulator kind `{name}`; known are `{known}`"))
            })?)
        }
    };
    Ok(Options {
        emulator,
        cpu: args.cpu.clone(),
        floor: args.floor,
        sysroots: args.sysroot.clone(),
        ..Options::default()
    })
}

/// The host as it is, with our own binary as WASI runtime and as the way into guest systems.
pub(crate) fn host() -> LocalHost {
    let host = LocalHost::new();
    let Ok(exe) = std::env::current_exe() else { return host };
    let word = |name: &str| vec![exe.clone().into_os_string(), name.into()];
    let host =
        host.with_builtin_vm(word(crate::vm::SUBCOMMAND)).with_kvm_probe(word(crate::vm::KVM_SUBCOMMAND));
    if cfg!(feature = "wasi") { host.with_builtin_wasi(word(crate::WASI_SUBCOMMAND)) } else { host }
}
