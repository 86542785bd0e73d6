//! One `cargo build` for the host and all targets.
//!
//! The artifacts are read from cargo's messages. A message line that cannot be read is an error and not text:
//! otherwise a test binary could vanish from the run without a word (cargo_metadata turns unreadable lines
//! into text lines).

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use cargo_metadata::{Artifact, Message, TargetKind};

use super::{Built, Program, ProgramKind};
use crate::error::{About as _, Error, Result};
use crate::events::BuildFailure;
use crate::plan::CargoOrigin;
use crate::toolchain::{CargoTarget, Toolchain, discard_stale};

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
}

/// Builds, and says which program stands where.
pub fn build(call: &CargoBuild<'_>) -> Result<Built> {
    fs_err::create_dir_all(call.target_dir).about("create", call.target_dir)?;
    let log = call.target_dir.join("cargo-stderr.txt");
    discard_stale(call.target_dir, call.targets).about("clean", call.target_dir)?;
    let mode = Mode::of(call.origin);
    let output = run(call, mode, call.targets, &log)?;
    let mut artifacts = artifacts(&output.stdout)?;
    if !output.status.success() && mode == Mode::TestNoRun {
        // This mode ends at the first error, whoever's it is: each target for itself, so that the others still run.
        for target in call.targets {
            let output = run(call, mode, std::slice::from_ref(target), &log.with_extension(&target.triple))?;
            artifacts.extend(self::artifacts(&output.stdout)?);
        }
    }
    let host = call.targets.first().map_or("", |target| target.triple.as_str());
    let programs = programs(call, &artifacts);
    let mut failures = Vec::new();
    if !output.status.success() {
        let said =
            fs_err::read(&log).map(|text| errors_of(&String::from_utf8_lossy(&text))).unwrap_or_default();
        failures = blame(call, &programs, &said, host);
    }
    Ok(Built { programs, failures })
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

fn run(
    call: &CargoBuild<'_>,
    mode: Mode,
    targets: &[CargoTarget],
    log: &Path,
) -> Result<std::process::Output> {
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
    command
        .stdin_null()
        .stdout_capture()
        .stderr_path(log)
        .run()
        .map_err(|error| Error::world(format!("cannot start `{}`", cargo.display())).caused_by(error))
}

/// The artifacts among cargo's messages.
fn artifacts(stdout: &[u8]) -> Result<Vec<Artifact>> {
    let mut found = Vec::new();
    for message in Message::parse_stream(stdout) {
        match message {
            Ok(Message::CompilerArtifact(artifact)) => found.push(artifact),
            Ok(Message::TextLine(line)) if line.starts_with("{\"reason\"") => {
                return Err(Error::ours(format!("a message of cargo's cannot be read: {}", excerpt(&line)))
                    .hint("this cargo is newer than what triplecheck knows; please report it"));
            }
            Ok(_) => {}
            Err(error) => return Err(Error::world("cannot read cargo's messages").caused_by(error)),
        }
    }
    Ok(found)
}

fn excerpt(line: &str) -> String {
    line.chars().take(200).collect()
}

fn programs(call: &CargoBuild<'_>, artifacts: &[Artifact]) -> Vec<Program> {
    let wanted: Vec<&Artifact> =
        artifacts.iter().filter(|artifact| is_wanted(artifact, call.origin.tests)).collect();
    let packages: BTreeSet<&str> = wanted.iter().map(|artifact| artifact.package_id.repr.as_str()).collect();
    let mut programs: BTreeMap<String, Program> = BTreeMap::new();
    for artifact in wanted {
        let (Some(executable), Some(triple)) = (&artifact.executable, triple_of(artifact, call.target_dir))
        else {
            continue;
        };
        let name = name(artifact, call.origin.tests, packages.len() > 1);
        let kind = match call.origin.tests {
            true if artifact.target.kind.contains(&TargetKind::ProcMacro) => ProgramKind::HostOnly,
            true => test_kind(artifact),
            false => ProgramKind::Plain,
        };
        let program =
            programs.entry(name.clone()).or_insert_with(|| Program { name, files: BTreeMap::new(), kind });
        program.files.insert(triple, executable.clone().into_std_path_buf());
    }
    programs.into_values().collect()
}

fn is_wanted(artifact: &Artifact, tests: bool) -> bool {
    artifact.executable.is_some()
        && artifact.profile.test == tests
        && !artifact.target.kind.contains(&TargetKind::CustomBuild)
}

/// The triple is the directory below ours in which cargo put the file.
fn triple_of(artifact: &Artifact, target_dir: &Path) -> Option<String> {
    let path = artifact.executable.as_ref()?.as_std_path();
    let below = path.strip_prefix(target_dir).ok()?;
    Some(below.components().next()?.as_os_str().to_str()?.to_owned())
}

/// The name under which a program's cases stand: nothing for a library's unit tests, the target's name
/// otherwise, the package's in front where there are several.
fn name(artifact: &Artifact, tests: bool, several_packages: bool) -> String {
    let target = &artifact.target;
    let is_library = !target.kind.iter().any(|kind| {
        matches!(kind, TargetKind::Bin | TargetKind::Test | TargetKind::Example | TargetKind::Bench)
    });
    let mut parts = Vec::new();
    if several_packages {
        parts.push(package_name(artifact));
    }
    if !(tests && is_library) {
        parts.push(target.name.clone());
    }
    parts.join("::")
}

/// The package's name, from the directory of its manifest where its id does not say it.
fn package_name(artifact: &Artifact) -> String {
    let id = &artifact.package_id.repr;
    let tail = id.rsplit_once('#').map_or(id.as_str(), |(_, tail)| tail);
    match tail.split_once('@') {
        Some((name, _)) => name.to_owned(),
        None => {
            artifact.manifest_path.parent().and_then(|dir| dir.file_name()).unwrap_or("package").to_owned()
        }
    }
}

/// What `cargo test` would give the binary: its package's directory and the variables that name it.
fn test_kind(artifact: &Artifact) -> ProgramKind {
    let package_dir = parent(artifact.manifest_path.as_std_path());
    let env = vec![
        ("CARGO_MANIFEST_DIR".to_owned(), package_dir.display().to_string()),
        ("CARGO_MANIFEST_PATH".to_owned(), artifact.manifest_path.to_string()),
        ("CARGO_PKG_NAME".to_owned(), package_name(artifact)),
    ];
    ProgramKind::CargoTest { package_dir, env }
}

/// Which targets a failed build is to be blamed on: those that lack a program which another one has, or all.
fn blame(call: &CargoBuild<'_>, programs: &[Program], said: &str, host: &str) -> Vec<BuildFailure> {
    let mut everywhere = programs.iter().filter(|program| program.kind != ProgramKind::HostOnly).peekable();
    let none = everywhere.peek().is_none();
    let lacks = |triple: &str| none || everywhere.clone().any(|program| !program.files.contains_key(triple));
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
        let damaged = b"{\"reason\":\"compiler-artifact\",\"package_id\":3}\n";
        assert!(artifacts(damaged).unwrap_err().render().contains("cannot be read"));
        assert!(artifacts(b"some build script says hello\n").unwrap().is_empty());
    }

    #[test]
    fn errors_are_told_without_the_noise_around_them() {
        let text = "   Compiling a v0.1.0\nwarning: unused\n --> src/lib.rs:1:1\n\nerror[E0308]: mismatched types\n --> src/lib.rs:2:2\n  |\n\nerror: could not compile `a`\n";
        let told = errors_of(text);
        assert!(told.starts_with("error[E0308]: mismatched types\n --> src/lib.rs:2:2"), "{told}");
        assert!(!told.contains("unused"), "{told}");
    }
}
