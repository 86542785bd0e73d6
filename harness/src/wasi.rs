//! How WebAssembly programs (`wasm32-wasip1`) run: a runtime of our own inside this binary, and the script for node.
//!
//! Owns what a WASI program sees of its host: arguments, the whole environment, the standard streams byte for byte,
//! directories, clocks. It is not a sandbox and must never become one: the same program runs natively beside it with
//! the user's full rights, and every call that is refused here but works there would be reported as a difference.
//! So paths may leave their directory through `..` and through absolute links, as they do natively.
//!
//! WASI preview 1 is implemented here over `rustix` and not taken from `wasmi_wasi`: that crate ends programs whose
//! exit status is 126 or more with a trap, confines paths, and brings some sixty crates.
//!
//! What surprises: a WASI program has no current directory of its own. Its libc takes `x` and `/x` for the same path,
//! which decides the choice of directories in [`preopens`].

mod preopens;
mod sections;

#[cfg(feature = "wasi")]
mod clocks;
#[cfg(feature = "wasi")]
mod descriptors;
#[cfg(feature = "wasi")]
mod errno;
#[cfg(feature = "wasi")]
mod imports;
#[cfg(feature = "wasi")]
mod memory;
#[cfg(feature = "wasi")]
mod paths;
#[cfg(feature = "wasi")]
mod run;
#[cfg(feature = "wasi")]
mod streams;
#[cfg(feature = "wasi")]
mod table;

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};

pub use sections::{Needs, needs};

/// The hidden subcommand of our binary that is the built-in runtime.
pub const SUBCOMMAND: &str = "__wasi";

/// Status after a trap: 128 + SIGABRT, as the wasmtime command line has it, and as a shell shows a native program
/// that aborted. A program may also choose it itself; the line on stderr tells the two apart.
pub const STATUS_TRAP: u8 = 134;

/// Status when the runtime cannot run this file at all.
pub const STATUS_CANNOT_RUN: u8 = 126;

/// Status when there is no such file.
pub const STATUS_NOT_FOUND: u8 = 127;

/// What every line begins with that a runtime of ours, and not the guest, writes to stderr. The rest of a trap's line
/// is `trap: NAME`, with the same names from the built-in runtime and from node.
pub const STDERR_PREFIX: &str = "triplecheck-wasi: ";

/// Lets guests recurse as deeply as natively: V8 uses less than 1 MiB of its thread's stack unless told otherwise. It
/// must stay below what the thread has (8 MiB, unless `ulimit -s` was lowered), since beyond that node crashes.
const NODE_STACK: &str = "--stack-size=6000";

/// The program that makes node run a module as the built-in runtime does, to be written to a file.
///
/// It serves what the built-in runtime cannot: exceptions, and speed where a program computes for long.
pub fn node_script() -> &'static str {
    include_str!("wasi/node.mjs")
}

/// The words that start a module under node; the module's path and its arguments follow.
///
/// `script` is a file that holds [`node_script`]. The warning that WASI in node is experimental would otherwise be
/// part of every program's stderr.
pub fn node_command(node: &Path, script: &Path) -> Vec<OsString> {
    vec![node.into(), "--no-warnings".into(), NODE_STACK.into(), script.into()]
}

/// The words that start a module in the built-in runtime of the binary `triplecheck`.
pub fn builtin_command(triplecheck: &Path) -> Vec<OsString> {
    vec![triplecheck.into(), SUBCOMMAND.into()]
}

/// Runs a module to its end in this process and returns the status that the process should have.
///
/// `args` are `[--argv0 NAME] [--] MODULE [ARG]...`. The status is the guest's own (its low eight bits, as natively),
/// or [`STATUS_TRAP`], [`STATUS_CANNOT_RUN`], [`STATUS_NOT_FOUND`], each with one line on stderr, or 2 if the words are
/// wrong.
pub fn main(args: &[OsString]) -> u8 {
    let Some(guest) = Guest::from_words(args) else {
        say("usage: triplecheck __wasi [--argv0 NAME] [--] MODULE [ARG]...");
        return 2;
    };
    // A guest whose reader has gone ends as it would natively. It knows no signals of its own that we could hand it.
    crate::unix::restore_signals();
    start(&guest)
}

/// The module to run, and its arguments.
#[derive(Debug, PartialEq, Eq)]
struct Guest {
    /// The file.
    module: PathBuf,
    /// The guest's `argv`, its name first.
    argv: Vec<OsString>,
}

impl Guest {
    /// Reads the words of the hidden subcommand; `None` if there is no module among them.
    fn from_words(words: &[OsString]) -> Option<Self> {
        let mut rest = words;
        let mut argv0 = None;
        if let [option, name, tail @ ..] = rest
            && option == "--argv0"
        {
            argv0 = Some(name.clone());
            rest = tail;
        }
        if let [separator, tail @ ..] = rest
            && separator == "--"
        {
            rest = tail;
        }
        let (module, arguments) = rest.split_first()?;
        let mut argv = vec![argv0.unwrap_or_else(|| module.clone())];
        argv.extend_from_slice(arguments);
        Some(Self { module: module.into(), argv })
    }
}

#[cfg(feature = "wasi")]
fn start(guest: &Guest) -> u8 {
    let bytes = match read_module(&guest.module) {
        Ok(bytes) => bytes,
        Err(status) => return status,
    };
    match run::run(&bytes, &guest.argv) {
        run::End::Exit(status) => status,
        run::End::Trap(name) => {
            say(&format!("trap: {name}"));
            STATUS_TRAP
        }
        run::End::Refused(reason) => {
            say(&format!("cannot run `{}`: {reason}", guest.module.display()));
            STATUS_CANNOT_RUN
        }
    }
}

#[cfg(not(feature = "wasi"))]
fn start(guest: &Guest) -> u8 {
    say(&format!(
        "cannot run `{}`: this triplecheck was built without its WASI runtime; install node",
        guest.module.display()
    ));
    STATUS_CANNOT_RUN
}

/// The module's bytes, or the status that says why there are none.
#[cfg(feature = "wasi")]
fn read_module(module: &Path) -> Result<Vec<u8>, u8> {
    fs_err::read(module).map_err(|error| {
        say(&format!("{error}"));
        if error.kind() == std::io::ErrorKind::NotFound { STATUS_NOT_FOUND } else { STATUS_CANNOT_RUN }
    })
}

/// One line on stderr that is ours. A closed stderr is no reason to fail: the status still tells.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{STDERR_PREFIX}{line}");
}

/// The bytes of an argument or variable as the guest sees them.
#[cfg(feature = "wasi")]
fn guest_bytes(word: &std::ffi::OsStr) -> &[u8] {
    std::os::unix::ffi::OsStrExt::as_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(words: &[&str], module: &str, argv: &[&str]) {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        let argv = argv.iter().map(OsString::from).collect();
        assert_eq!(Guest::from_words(&words), Some(Guest { module: module.into(), argv }));
    }

    #[test]
    fn the_guest_is_named_as_the_module_unless_told_otherwise() {
        check(&["a.wasm", "x"], "a.wasm", &["a.wasm", "x"]);
        check(&["--argv0", "prog", "a.wasm"], "a.wasm", &["prog"]);
    }

    #[test]
    fn words_after_the_module_belong_to_the_guest() {
        check(&["a.wasm", "--argv0", "x"], "a.wasm", &["a.wasm", "--argv0", "x"]);
        check(&["--", "--argv0", "--"], "--argv0", &["--argv0", "--"]);
    }

    #[test]
    fn no_module_is_no_guest() {
        assert_eq!(Guest::from_words(&[]), None);
        assert_eq!(Guest::from_words(&["--".into()]), None);
        assert_eq!(Guest::from_words(&["--argv0".into(), "x".into()]), None);
    }

    #[test]
    fn node_is_kept_from_warning() {
        let words = node_command(Path::new("/usr/bin/node"), Path::new("/c/node.mjs"));
        assert_eq!(
            words,
            ["/usr/bin/node", "--no-warnings", "--stack-size=6000", "/c/node.mjs"].map(OsString::from)
        );
    }
}
