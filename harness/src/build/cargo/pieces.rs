//! From cargo's artifacts to programs with the names under which their cases stand.
//!
//! What is surprising: a name carries its package's only where several packages have programs, which is known for certain
//! when cargo has ended. Until it is known, the programs of the only package so far are held back; a call that can select
//! one package only is seen beforehand, and so is the second package of any other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cargo_metadata::{Artifact, TargetKind};

use super::own_main::OwnMains;
use super::{CargoBuild, parent};
use crate::build::{Piece, ProgramKind, Told};
use crate::plan::CargoOrigin;

/// Turns artifacts into programs and hands them over as soon as they have a name.
pub(super) struct Pieces<'a> {
    tests: bool,
    target_dir: &'a Path,
    told: Told<'a>,
    /// The packages that have programs.
    packages: BTreeSet<String>,
    /// Whether there are several, as soon as that is certain.
    several: Option<bool>,
    held: Vec<Artifact>,
    own_mains: OwnMains,
    /// The targets for which each program is there, but for those that are the host's only.
    built: BTreeMap<String, BTreeSet<String>>,
}

impl<'a> Pieces<'a> {
    pub(super) fn new(call: &CargoBuild<'a>, told: Told<'a>) -> Self {
        let manifest = fs_err::read_to_string(&call.origin.manifest_path).unwrap_or_default();
        Self {
            tests: call.origin.tests,
            target_dir: call.target_dir,
            told,
            packages: BTreeSet::new(),
            several: selects_one_package(call.origin, &manifest).then_some(false),
            held: Vec::new(),
            own_mains: OwnMains::default(),
            built: BTreeMap::new(),
        }
    }

    /// Takes an artifact of any kind.
    pub(super) fn take(&mut self, artifact: &Artifact) {
        if !is_wanted(artifact, self.tests) {
            return;
        }
        self.packages.insert(artifact.package_id.repr.clone());
        if self.several.is_none() && self.packages.len() > 1 {
            self.named(true);
        }
        match self.several {
            Some(several) => self.tell(artifact, several),
            None => self.held.push(artifact.clone()),
        }
    }

    /// Says that cargo has ended; the targets of each program.
    pub(super) fn finish(mut self) -> Vec<BTreeSet<String>> {
        if self.several.is_none() {
            self.named(false);
        }
        self.built.into_values().collect()
    }

    fn named(&mut self, several: bool) {
        self.several = Some(several);
        for artifact in std::mem::take(&mut self.held) {
            self.tell(&artifact, several);
        }
    }

    fn tell(&mut self, artifact: &Artifact, several: bool) {
        let (Some(executable), Some(target)) = (&artifact.executable, triple_of(artifact, self.target_dir))
        else {
            return;
        };
        let kind = match self.tests {
            true if artifact.target.kind.contains(&TargetKind::ProcMacro) => ProgramKind::HostOnly,
            true => test_kind(artifact, !self.own_mains.has(artifact)),
            false => ProgramKind::Plain,
        };
        let id = format!("{} {:?} {}", artifact.package_id.repr, artifact.target.kind, artifact.target.name);
        if kind != ProgramKind::HostOnly {
            self.built.entry(id.clone()).or_default().insert(target.clone());
        }
        let (name, file) = (name(artifact, self.tests, several), executable.clone().into_std_path_buf());
        (self.told)(Piece { id, name, kind, target, file });
    }
}

/// Whether a call of cargo selects one package, whatever the workspace holds: it is named, or the manifest is a package's
/// and nothing else is said.
fn selects_one_package(origin: &CargoOrigin, manifest: &str) -> bool {
    let words: Vec<&str> = origin.args.iter().filter_map(|word| word.to_str()).collect();
    if words.iter().any(|word| matches!(*word, "--workspace" | "--all")) {
        return false;
    }
    let named: Vec<&str> =
        words.windows(2).filter(|pair| pair[0] == "--package").map(|pair| pair[1]).collect();
    match named[..] {
        [] => {
            let manifest: toml::Table = manifest.parse().unwrap_or_default();
            let defaults = manifest.get("workspace").and_then(|workspace| workspace.get("default-members"));
            manifest.contains_key("package") && defaults.is_none()
        }
        [one] => !one.contains(['*', '?', '[']),
        _ => false,
    }
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
fn test_kind(artifact: &Artifact, libtest: bool) -> ProgramKind {
    let package_dir: PathBuf = parent(artifact.manifest_path.as_std_path());
    let env = vec![
        ("CARGO_MANIFEST_DIR".to_owned(), package_dir.display().to_string()),
        ("CARGO_MANIFEST_PATH".to_owned(), artifact.manifest_path.to_string()),
        ("CARGO_PKG_NAME".to_owned(), package_name(artifact)),
    ];
    ProgramKind::CargoTest { package_dir, env, libtest }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Isolation;

    const PACKAGE: &str = "[package]\nname = \"a\"\n";

    #[track_caller]
    fn check(words: &[&str], manifest: &str, one: bool) {
        let origin = CargoOrigin {
            manifest_path: PathBuf::new(),
            tests: true,
            doc: false,
            selection: Vec::new(),
            args: words.iter().map(Into::into).collect(),
            test_args: Vec::new(),
            isolation: Isolation::Batch,
            needs_kernel: Vec::new(),
            isolated: Vec::new(),
        };
        assert_eq!(selects_one_package(&origin, manifest), one, "{words:?} {manifest}");
    }

    #[test]
    fn a_call_that_selects_one_package_is_known_beforehand() {
        check(&[], PACKAGE, true);
        check(&["--package", "a"], "[workspace]", true);
        check(&["--release"], "[package]\nname = \"a\"\n[workspace]\nmembers = [\"b\"]\n", true);
    }

    #[test]
    fn a_call_that_may_select_several_is_waited_for() {
        check(&[], "[workspace]\nmembers = [\"a\"]\n", false);
        check(&[], "[package]\nname = \"a\"\n[workspace]\ndefault-members = [\"b\"]\n", false);
        check(&["--workspace"], PACKAGE, false);
        check(&["--package", "a*"], PACKAGE, false);
        check(&["--package", "a", "--package", "b"], PACKAGE, false);
        check(&[], "no toml", false);
    }
}
