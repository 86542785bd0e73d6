//! WebAssembly programs for WASI preview 1: in the built-in runtime, or in node where a module throws exceptions.
//!
//! Only programs are run: a module with an entry point that talks to WASI. A module for a browser or for
//! nothing at all has no `main` that anybody could start, and a component is of another kind altogether.

use std::ffi::OsString;

use crate::binary::{Binary, Wasm};
use crate::family::Offer;
use crate::launch::{ARGV0, Emulator, Kind, Launch, Preparation};
use crate::lookup::{Obstacle, Reason, Subject, Trace, note};
use crate::packages::Piece;

/// The first node whose `node:wasi` needs no option on the command line.
const NODE_MAJOR_MIN: u32 = 18;
/// The imports of a WASI preview 1 program.
const PREVIEW_1: &str = "wasi_snapshot_preview1";

/// What the WASI runtimes say of a program.
pub(crate) fn consider(subject: &Subject<'_>, trace: &mut Trace) -> Offer {
    let module = match (subject.os, subject.binary) {
        ("wasi", Some(Binary::Wasm(module))) => Some(module),
        ("wasi", None) => None,
        _ => return Offer::NotForIt("runs WASI programs only".to_owned()),
    };
    if let Some(reason) = unsupported(subject, module) {
        return Offer::Refused(reason);
    }
    let exceptions = module.is_some_and(|module| module.exceptions);
    if exceptions {
        note(trace, "built-in runtime", "does not have exceptions, which this module uses");
    } else if let Some(words) = subject.host.builtin_wasi() {
        note(trace, "built-in runtime", "found");
        return Offer::Launch(launch(words, None));
    } else {
        note(trace, "built-in runtime", "not part of this build");
    }
    node(subject, trace)
}

/// What of WASI is not run by anything here.
fn unsupported(subject: &Subject<'_>, module: Option<&Wasm>) -> Option<Reason> {
    let env = subject.target.map_or("p1", |target| target.facts().env);
    let component = module.map_or(env != "p1", |module| module.component);
    let threads = subject.target.is_some_and(|target| target.triple().ends_with("-threads"))
        || module.is_some_and(|module| module.imports.iter().any(|name| name == "wasi"));
    let (obstacle, text) = if component {
        (
            Obstacle::NoEmulator,
            "a WebAssembly component, which only a component runtime such as wasmtime runs",
        )
    } else if threads {
        (Obstacle::NoEmulator, "a WASI program with threads, which neither the built-in runtime nor node has")
    } else if module.is_some_and(|module| module.complete && !module.start) {
        (Obstacle::NotAProgram, "a WebAssembly module without an entry point: it exports no `_start`")
    } else if module.is_some_and(|module| module.complete && !imports_only_wasi(module)) {
        (Obstacle::NoEmulator, "a WebAssembly module that imports more than WASI preview 1")
    } else {
        return None;
    };
    Some(Reason { obstacle, text: text.to_owned(), missing: Vec::new() })
}

fn imports_only_wasi(module: &Wasm) -> bool {
    module.imports.iter().all(|name| name == PREVIEW_1)
}

/// node with our script, which makes it behave as the built-in runtime does.
fn node(subject: &Subject<'_>, trace: &mut Trace) -> Offer {
    let host = subject.host;
    let refused = |text: String| {
        Offer::Refused(Reason { obstacle: Obstacle::NotInstalled, text, missing: vec![Piece::Node] })
    };
    let Some(program) = host.find_program("node").or_else(|| host.find_program("nodejs")) else {
        note(trace, "node", "not found");
        return refused("node is not installed".to_owned());
    };
    let version = host.version(&program.path).unwrap_or_default();
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < NODE_MAJOR_MIN) {
        note(trace, "node", &format!("too old: {version}"));
        return refused(format!("node is older than {NODE_MAJOR_MIN}"));
    }
    note(trace, "node", "found");
    let script = host.cache_dir().join("wasi").join("node.mjs");
    // Without the first option, a warning that WASI is experimental would be part of every program's stderr. The second
    // lets guests recurse as deeply as natively; it must stay below the 8 MiB that a thread has.
    let words: Vec<OsString> =
        vec![program.path.into(), "--no-warnings".into(), "--stack-size=6000".into(), script.clone().into()];
    Offer::Launch(launch(words, Some(Preparation::NodeScript(script))))
}

/// Both runtimes take the guest's own name before the module, and after `--` any path as a module.
fn launch(mut prefix: Vec<OsString>, preparation: Option<Preparation>) -> Launch {
    let program = prefix.first().map(Into::into);
    prefix.extend(["--argv0".into(), ARGV0.into(), "--".into()]);
    Launch {
        emulator: Emulator { kind: Kind::Wasi, program, cpu: None },
        prefix,
        env: Vec::new(),
        sysroot: None,
        preparation,
    }
}
