//! Suites that cargo builds: the manifest's, and the one that stands for a project without any, with what the command
//! line says to cargo and to the test binaries.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use super::{Origin, PlannedCase, PlannedSuite, Refinement, Resolver};
use crate::compare::How;
use crate::error::Result;
use crate::manifest::{self, Isolation, Suite, SuiteKind};

/// What cargo builds, and how the result is called.
#[derive(Debug, Clone)]
pub struct CargoOrigin {
    /// Its `Cargo.toml`.
    pub manifest_path: PathBuf,
    /// Test binaries, and not programs.
    pub tests: bool,
    /// Documentation tests, and nothing else.
    pub doc: bool,
    /// Which of the package's targets: `--tests`, `--lib`, `--test NAME` …
    pub selection: Vec<OsString>,
    /// Further words for cargo: package, features, profile.
    pub args: Vec<OsString>,
    /// Arguments for the test binaries.
    pub test_args: Vec<String>,
    /// Whether tests share a process.
    pub isolation: Isolation,
    /// Globs over case names: tests that share theirs with no other.
    pub isolated: Vec<String>,
    /// Globs over case names: tests that need a kernel of their own machine.
    pub needs_kernel: Vec<String>,
}

/// What the command line says to cargo, for all suites that it builds.
#[derive(Debug, Clone, Default)]
pub struct CargoOptions {
    /// Which of a package's targets, instead of all tests: `--lib`, `--test NAME` …
    pub selection: Vec<OsString>,
    /// Documentation tests, and nothing else.
    pub doc: bool,
    /// Packages, features, profile.
    pub args: Vec<OsString>,
    /// Words for the test binaries, after those of the manifest.
    pub test_args: Vec<String>,
}

/// The suite of a project without a manifest, by name.
pub const DEFAULT_SUITE: &str = "test";

/// Whether a filter of a project without a manifest is one for libtest, which takes parts of names, and not the name of
/// the suite or a pattern of ours.
pub(super) fn is_for_libtest(filter: &str) -> bool {
    let ours = filter == DEFAULT_SUITE || filter.starts_with(&format!("{DEFAULT_SUITE}::"));
    !ours && !filter.contains('*')
}

impl Resolver<'_> {
    /// Whether there is nothing but a cargo project.
    pub(super) fn is_plain_project(&self) -> bool {
        self.manifest().suite.is_empty() && self.project.is_cargo
    }

    /// A cargo project without suites is tested as `cargo test` would.
    pub(super) fn default_suite(&self) -> Result<PlannedSuite> {
        let mut origin = CargoOrigin {
            manifest_path: self.project.root.join("Cargo.toml"),
            tests: true,
            doc: false,
            selection: Vec::new(),
            args: Vec::new(),
            test_args: Vec::new(),
            isolation: Isolation::Batch,
            isolated: Vec::new(),
            needs_kernel: Vec::new(),
        };
        self.add_options(&mut origin);
        let filters = self.request.filters.iter();
        origin.test_args.extend(filters.filter(|filter| is_for_libtest(filter)).cloned());
        Ok(PlannedSuite {
            name: DEFAULT_SUITE.into(),
            origin: Origin::Cargo(origin),
            retries: self.retries(None)?,
            programs: BTreeMap::new(),
            defaults: Refinement {
                cases: vec![PlannedCase {
                    timeout: self.request.timeout,
                    name: None,
                    args: Vec::new(),
                    stdin: None,
                    env: Vec::new(),
                    files: Vec::new(),
                    needs_kernel: false,
                    compare: How::default(),
                }],
                ..Refinement::default()
            },
        })
    }

    /// The origin of a suite in the manifest.
    pub(super) fn cargo(&self, suite: &Suite) -> CargoOrigin {
        let mut args: Vec<OsString> = Vec::new();
        let mut flag = |words: &[&str]| args.extend(words.iter().map(OsString::from));
        if let Some(package) = &suite.package {
            flag(&["--package", package]);
        }
        if !suite.features.is_empty() {
            flag(&["--features", &suite.features.join(",")]);
        }
        if suite.no_default_features {
            flag(&["--no-default-features"]);
        }
        if suite.all_features {
            flag(&["--all-features"]);
        }
        if let Some(profile) = &suite.profile {
            flag(&["--profile", profile]);
        }
        let manifest = suite.manifest_path.clone().unwrap_or_else(|| "Cargo.toml".into());
        let mut origin = CargoOrigin {
            manifest_path: manifest::resolve(&self.project.root, &manifest),
            tests: suite.kind == SuiteKind::CargoTest,
            doc: false,
            selection: Vec::new(),
            args,
            test_args: suite.args.clone(),
            isolation: suite.isolation,
            isolated: suite.isolated.clone(),
            needs_kernel: suite.needs_kernel.clone(),
        };
        self.add_options(&mut origin);
        origin
    }

    /// What was typed. Programs are chosen by the manifest alone: `--lib` has no meaning for them.
    fn add_options(&self, origin: &mut CargoOrigin) {
        let typed = &self.request.cargo;
        origin.args.extend(typed.args.iter().cloned());
        origin.selection = match (origin.tests, typed.selection.is_empty()) {
            (true, false) => typed.selection.clone(),
            (true, true) => vec!["--tests".into()],
            (false, _) => vec!["--bins".into()],
        };
        origin.doc = origin.tests && typed.doc;
        if origin.tests {
            origin.test_args.extend(typed.test_args.iter().cloned());
        }
    }
}
