//! One `cargo build` for the host and all targets.
//!
//! The artifacts are read from cargo's messages. A message line that cannot be read is an error and not text:
//! otherwise a test binary could vanish from the run without a word (cargo_metadata turns unreadable lines
//! into text lines).

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use cargo_metadata::{Artifact, Message};

use super::Told;
use crate::error::{About as _, Error, Result};
use crate::events::BuildFailure;
use crate::plan::CargoOrigin;
use crate::supervise::{self, StopFlag};
use crate::toolchain::{CargoTarget, Toolchain, discard_stale};
use pieces::Pieces;

mod own_main;
mod pieces;

/// One call of cargo.
#[derive(Debug)]
pub struct CargoBuild<'a> {
    /// Which cargo and rustc.
    pub toolchain: &'a Toolchain,
    /// What to build.
    pub origin: &'a CargoOrigin,
    /// For whom; the host first.
    pub targets: &'a [CargoTarget],
    /// Our own target directory, so that neither the user's builds nor ours are thrown away.
    pub target_dir: &'a Path,
    /// Raised when the build is not wanted any more.
    pub stop: &'a StopFlag,
}

/// Builds, and tells of every program as soon as cargo does. What failed, by target.
pub fn build(call: &CargoBuild<'_>, told: Told<'_>) -> Result<Vec<BuildFailure>> {
    fs_err::create_dir_all(call.target_dir).about("create", call.target_dir)?;
    let log = call.target_dir.join("cargo-stderr.txt");
    discard_stale(call.target_dir, call.targets).about("clean", call.target_dir)?;
    let mode = Mode::of(call.origin);
    let mut pieces = Pieces::new(call, told);
    let success = run(call, mode, call.targets, &log, &mut pieces)?;
    if !success && mode == Mode::TestNoRun && !call.stop.is_stopped() {
        // This mode ends at the first error, whoever's it is: each target for itself, so that the others still run.
        for target in call.targets {
            let log = log.with_extension(&target.triple);
            run(call, mode, std::slice::from_ref(target), &log, &mut pieces)?;
        }
    }
    let built = pieces.finish();
    if success {
        return Ok(Vec::new());
    }
    let host = call.targets.first().map_or("", |target| target.triple.as_str());
    let said = fs_err::read(&log).map(|text| errors_of(&String::from_utf8_lossy(&text))).unwrap_or_default();
    Ok(blame(call, &built, &said, host))
}

/// How cargo is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// `cargo build`, which goes on after an error.
    Build,
    /// `cargo test --no-run`, which alone builds the unit tests of a library, program or example that is named.
    TestNoRun,
}

impl Mode {
    fn of(origin: &CargoOrigin) -> Self {
        const ALONE: [&str; 6] = ["--lib", "--bins", "--bin", "--examples", "--example", "--all-targets"];
        let named = origin.selection.iter().any(|word| ALONE.iter().any(|flag| word == flag));
        if origin.tests && named { Mode::TestNoRun } else { Mode::Build }
    }

    fn words(self) -> [&'static str; 2] {
        match self {
            Mode::Build => ["build", "--keep-going"],
            Mode::TestNoRun => ["test", "--no-run"],
        }
    }
}

/// Calls cargo, and hands its artifacts over as they come; whether it ended well.
fn run(
    call: &CargoBuild<'_>,
    mode: Mode,
    targets: &[CargoTarget],
    log: &Path,
    pieces: &mut Pieces<'_>,
) -> Result<bool> {
    let mut args: Vec<OsString> = mode.words().iter().map(OsString::from).collect();
    args.extend(call.origin.selection.iter().cloned());
    args.push("--message-format=json-render-diagnostics".into());
    args.extend(["--manifest-path".into(), call.origin.manifest_path.clone().into()]);
    args.extend(["--target-dir".into(), call.target_dir.into()]);
    args.extend(call.origin.args.iter().cloned());
    let cargo_call = call.toolchain.cargo_call(targets).about("prepare a build in", call.target_dir)?;
    args.extend(cargo_call.args);
    let cargo = &call.toolchain.cargo;
    let mut command = duct::cmd(cargo, args).dir(parent(&call.origin.manifest_path)).unchecked();
    for (name, value) in cargo_call.env {
        command = command.env(name, value);
    }
    let failed =
        |error: std::io::Error| Error::world(format!("cannot start `{}`", cargo.display())).caused_by(error);
    let output = command.stdin_null().stderr_path(log).reader().map_err(failed)?;
    let over = StopFlag::new().map_err(failed)?;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            if call.stop.await_unless(&over) {
                // With its compilers and build scripts, which would go on without it.
                output.pids().into_iter().for_each(supervise::terminate_tree);
            }
        });
        // An early end drops the reader, which ends cargo.
        let read = artifacts(BufReader::new(&output), &mut |artifact| pieces.take(&artifact));
        over.stop();
        read
    })?;
    let ended = output.try_wait().map_err(failed)?;
    Ok(ended.is_some_and(|output| output.status.success()))
}

/// Hands over the artifacts among cargo's messages.
fn artifacts(messages: impl BufRead, each: &mut dyn FnMut(Artifact)) -> Result<()> {
    for message in Message::parse_stream(messages) {
        match message {
            Ok(Message::CompilerArtifact(artifact)) => each(artifact),
            Ok(Message::TextLine(line)) if line.starts_with("{\"reason\"") => {
                return Err(Error::ours(format!("a message of cargo's cannot be read: {}", excerpt(&line)))
                    .hint("this cargo is newer than what triplecheck knows; please report it"));
            }
            Ok(_) => {}
            Err(error) => return Err(Error::world("cannot read cargo's messages").caused_by(error)),
        }
    }
    Ok(())
}

fn excerpt(line: &str) -> String {
    line.chars().take(200).collect()
}

/// Which targets a failed build is to be blamed on: those that lack a program which another one has, or all.
fn blame(call: &CargoBuild<'_>, built: &[BTreeSet<String>], said: &str, host: &str) -> Vec<BuildFailure> {
    let lacks = |triple: &str| built.is_empty() || built.iter().any(|targets| !targets.contains(triple));
    let mut blamed: Vec<&str> =
        call.targets.iter().map(|target| target.triple.as_str()).filter(|triple| lacks(triple)).collect();
    if blamed.is_empty() {
        blamed.push(host);
    }
    blamed
        .into_iter()
        .map(|target| BuildFailure { target: target.to_owned(), program: None, text: said.to_owned() })
        .collect()
}

/// The errors in what cargo printed, without its progress lines and the warnings.
fn errors_of(text: &str) -> String {
    let mut out = String::new();
    let mut keep = false;
    for line in text.lines() {
        if !line.starts_with([' ', '\t']) && !line.is_empty() {
            keep = line.starts_with("error")
                || line.starts_with("Caused by")
                || (keep && !line.starts_with("warning"));
        }
        if keep {
            out.push_str(line);
            out.push('\n');
        }
    }
    if out.is_empty() { text.to_owned() } else { out }
}

fn parent(path: &Path) -> PathBuf {
    path.parent().map(Path::to_path_buf).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_cannot_be_read_is_not_lost() {
        let read = |messages: &[u8]| {
            let mut found = 0;
            artifacts(messages, &mut |_| found += 1).map(|()| found)
        };
        let damaged = b"{\"reason\":\"compiler-artifact\",\"package_id\":3}\n";
        assert!(read(damaged).unwrap_err().render().contains("cannot be read"));
        assert_eq!(read(b"some build script says hello\n").unwrap(), 0);
    }

    #[test]
    fn errors_are_told_without_the_noise_around_them() {
        let text = "   Compiling a v0.1.0\nwarning: unused\n --> src/lib.rs:1:1\n\nerror[E0308]: mismatched types\n --> src/lib.rs:2:2\n  |\n\nerror: could not compile `a`\n";
        let told = errors_of(text);
        assert!(told.starts_with("error[E0308]: mismatched types\n --> src/lib.rs:2:2"), "{told}");
        assert!(!told.contains("unused"), "{told}");
    }
}
