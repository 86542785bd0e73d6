//! `triplecheck.toml`: what the user typed, exactly, and the errors that point into it.
//!
//! Owns the file format and nothing of its meaning: [`crate::plan`] gives it one. Unknown keys are errors
//! with the nearest known key. `untagged` and `flatten` are not used, because serde's messages for them
//! name neither the key nor the line.

mod compare;
mod locate;
mod problem;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use toml::Spanned;

pub use compare::{Compare, Float, FloatWidth, Normalise, StreamMode};
pub use locate::{Project, locate};
pub use problem::Source;

use crate::diagnose::Class;
use crate::error::Result;
use crate::pattern::TargetPattern;

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Manifest {
    /// Only under `[workspace.metadata.triplecheck]`: the manifest stands in this file instead.
    pub manifest: Option<PathBuf>,
    /// Triples, optionally with `@CPU`.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Vec<String>"))]
    pub targets: Vec<Spanned<String>>,
    /// Deadline of one case: `60s`, `500ms`, `2m`.
    #[cfg_attr(test, schemars(with = "Option<schema::Duration>"))]
    pub timeout: Option<Spanned<String>>,
    /// How often a cell that is a finding is run again.
    pub retries: Option<u32>,
    /// The wait before the first retry: `500ms`, `5s`.
    #[cfg_attr(test, schemars(with = "Option<schema::Duration>"))]
    pub retry_delay: Option<Spanned<String>>,
    /// Whether the wait doubles from retry to retry.
    pub retry_backoff: Option<Backoff>,
    /// `[[suite]]`.
    #[serde(default)]
    pub suite: Vec<Suite>,
    /// `[target.'cfg(…)']`.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "BTreeMap<String, TargetTable>"))]
    pub target: BTreeMap<Spanned<String>, TargetTable>,
    /// `[[expect]]`.
    #[serde(default)]
    pub expect: Vec<Expect>,
    /// A file with further `[[expect]]` and nothing else, relative to this one.
    #[cfg_attr(test, schemars(with = "Option<PathBuf>"))]
    pub expect_from: Option<Spanned<PathBuf>>,
}

/// The file of `expect-from`.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct Expects {
    #[serde(default)]
    expect: Vec<Expect>,
}

/// Where a suite's cases come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SuiteKind {
    /// The libtest binaries of a cargo package.
    CargoTest,
    /// The programs of a cargo package.
    CargoBin,
    /// C sources, each of them a program.
    C,
    /// Files that are there already, one path per target.
    Prebuilt,
    /// Any command, in which `{target}` stands for the triple; it makes nothing foreign by itself.
    Command,
}

/// What a case needs beside an emulator that runs its program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Needs {
    /// A kernel of its own machine (ptrace, seccomp, namespaces, io_uring, rseq, real page sizes): where the host does not run
    /// the program itself, it runs in a guest system.
    Kernel,
}

/// One `[[suite]]`.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Suite {
    /// Its name, unique in the file.
    #[cfg_attr(test, schemars(with = "String"))]
    pub name: Spanned<String>,
    /// Its kind.
    pub kind: SuiteKind,
    /// Cargo suites: the package's `Cargo.toml`, relative to this file. Default: the one beside it.
    pub manifest_path: Option<PathBuf>,
    /// Cargo suites: only this package of the workspace.
    pub package: Option<String>,
    /// Cargo suites: features to turn on.
    #[serde(default)]
    pub features: Vec<String>,
    /// Cargo suites: without default features.
    #[serde(default)]
    pub no_default_features: bool,
    /// Cargo suites: with all features.
    #[serde(default)]
    pub all_features: bool,
    /// Cargo suites: `dev` (the default), `release` or one of the package's own.
    pub profile: Option<String>,
    /// Arguments for every program of the suite; for `cargo-test`, test name filters.
    #[serde(default)]
    pub args: Vec<String>,
    /// `cargo-test`: whether tests share a process.
    #[serde(default)]
    pub isolation: Isolation,
    /// `cargo-test`: globs of tests, named as in the report without the suite, that get a process of their own.
    #[serde(default, deserialize_with = "one_or_many")]
    #[cfg_attr(test, schemars(with = "schema::OneOrMany"))]
    pub isolated: Vec<String>,
    /// What all cases of the suite need.
    #[cfg_attr(test, schemars(with = "Option<Needs>"))]
    pub needs: Option<Spanned<Needs>>,
    /// `cargo-test`: globs of tests, named as in the report without the suite, that need a kernel of their own machine. Each
    /// gets a process of its own, on both sides.
    #[serde(default, deserialize_with = "one_or_many")]
    #[cfg_attr(test, schemars(with = "schema::OneOrMany"))]
    pub needs_kernel: Vec<String>,
    /// `c`: globs of source files, relative to this file; each file is one program.
    #[serde(default, deserialize_with = "one_or_many")]
    #[cfg_attr(test, schemars(with = "schema::OneOrMany"))]
    pub sources: Vec<String>,
    /// `c`: compiler flags.
    #[serde(default)]
    pub flags: Vec<String>,
    /// `c`: what to link, after the source.
    #[serde(default)]
    pub link: Vec<String>,
    /// `prebuilt`: the program for each triple; `native` or the host's triple is the baseline.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "BTreeMap<String, PathBuf>"))]
    pub path: BTreeMap<Spanned<String>, PathBuf>,
    /// `command`: the words to run.
    #[serde(default)]
    pub command: Vec<String>,
    /// Refinements of single programs.
    #[serde(default)]
    pub program: Vec<Program>,
    /// Cases of every program of the suite; one without arguments where there are none.
    #[serde(default)]
    pub cases: Vec<Case>,
    /// How results are compared.
    #[serde(default)]
    pub compare: Compare,
    /// What is replaced on both sides before lines are compared.
    #[serde(default)]
    pub normalise: Vec<Normalise>,
    /// Environment for every case.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Deadline of one case.
    #[cfg_attr(test, schemars(with = "Option<schema::Duration>"))]
    pub timeout: Option<Spanned<String>>,
    /// How often a cell that is a finding is run again.
    pub retries: Option<u32>,
    /// The wait before the first retry.
    #[cfg_attr(test, schemars(with = "Option<schema::Duration>"))]
    pub retry_delay: Option<Spanned<String>>,
    /// Whether the wait doubles from retry to retry.
    pub retry_backoff: Option<Backoff>,
    /// Targets on which the suite makes no sense: listed as not run, with `reason`.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Vec<String>"))]
    pub targets_except: Vec<Spanned<String>>,
    /// Why not there.
    pub reason: Option<String>,
}

/// One program of a suite.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Program {
    /// The program's name: the cargo binary or the source's stem.
    #[cfg_attr(test, schemars(with = "String"))]
    pub name: Spanned<String>,
    /// Its cases, instead of the suite's.
    #[serde(default)]
    pub cases: Vec<Case>,
    /// What its cases need; of a suite that needs it already, nothing more.
    pub needs: Option<Needs>,
    /// How its results are compared, instead of the suite's.
    pub compare: Option<Compare>,
    /// What is replaced in its lines, after what the suite replaces.
    #[serde(default)]
    pub normalise: Vec<Normalise>,
    /// Further compiler flags.
    #[serde(default)]
    pub flags: Vec<String>,
    /// Further things to link.
    #[serde(default)]
    pub link: Vec<String>,
    /// Deadline of one case.
    #[cfg_attr(test, schemars(with = "Option<schema::Duration>"))]
    pub timeout: Option<Spanned<String>>,
    /// Targets on which the program makes no sense: listed as not run, with `reason`.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Vec<String>"))]
    pub targets_except: Vec<Spanned<String>>,
    /// Why not there.
    pub reason: Option<String>,
}

/// One way of calling a program.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Case {
    /// Its name; the case's number where there are several and none is given.
    pub name: Option<String>,
    /// Arguments.
    #[serde(default)]
    pub args: Vec<String>,
    /// A file, relative to this manifest, that the program reads as its standard input.
    pub stdin: Option<PathBuf>,
    /// What this case needs.
    pub needs: Option<Needs>,
    /// Additional environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Globs of files the program makes, relative to its working directory.
    #[serde(default)]
    pub files: Vec<String>,
    /// Deadline.
    #[cfg_attr(test, schemars(with = "Option<schema::Duration>"))]
    pub timeout: Option<Spanned<String>>,
}

/// Whether the tests of one binary share a process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Isolation {
    /// One process per binary.
    #[default]
    Batch,
    /// One process per test.
    Process,
}

/// How the wait before a retry grows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Backoff {
    /// It stays as it is.
    #[default]
    Fixed,
    /// It doubles.
    Exponential,
}

/// Settings for the targets that a pattern matches.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TargetTable {
    /// Environment of every run on these targets.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// A command that runs their programs, instead of the emulator found.
    #[serde(default)]
    pub runner: Vec<String>,
    /// The CPU model to emulate.
    pub cpu: Option<String>,
    /// Where their loader and libraries are.
    pub sysroot: Option<PathBuf>,
    /// Deadline of one case.
    #[cfg_attr(test, schemars(with = "Option<schema::Duration>"))]
    pub timeout: Option<Spanned<String>>,
}

/// A known difference.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Expect {
    /// A glob over `suite::case`.
    #[cfg_attr(test, schemars(with = "String"))]
    pub test: Spanned<String>,
    /// A triple, a glob or a `cfg(…)` expression.
    #[cfg_attr(test, schemars(with = "String"))]
    pub target: Spanned<String>,
    /// The verdict that is expected there.
    #[cfg_attr(test, schemars(with = "crate::verdict::Verdict"))]
    pub verdict: Spanned<String>,
    /// The class of cause that is expected: the same verdict for another recognised cause is a finding.
    #[cfg_attr(test, schemars(with = "Option<Class>"))]
    pub cause: Option<Spanned<String>>,
    /// Why.
    pub reason: String,
    /// Where it is tracked.
    pub issue: Option<String>,
    /// The last day on which it is expected: `2027-06-30`.
    #[cfg_attr(test, schemars(with = "Option<schema::Day>"))]
    pub until: Option<Spanned<String>>,
}

impl Manifest {
    /// Reads and checks the text of a manifest; `source` is what messages point into.
    pub fn parse(source: &Source) -> Result<Self> {
        let manifest: Self = toml::from_str(source.text()).map_err(|error| source.toml_problem(&error))?;
        manifest.check(source)?;
        Ok(manifest)
    }

    /// What the types cannot say: names are unique, patterns parse, each kind has what it needs.
    fn check(&self, source: &Source) -> Result<()> {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        for suite in &self.suite {
            if !seen.insert(suite.name.get_ref()) {
                return Err(source.problem(
                    suite.name.span(),
                    format!("the suite `{}` is there twice", suite.name.get_ref()),
                ));
            }
            suite.check(source)?;
        }
        self.target.keys().try_for_each(|pattern| check_pattern(source, pattern))?;
        check_expects(source, &self.expect)
    }

    /// Takes in the expectations of the file that `expect-from` names; those of the manifest itself come last and win.
    fn add_expects(&mut self, source: &Source, root: &Path) -> Result<()> {
        let Some(path) = &self.expect_from else { return Ok(()) };
        let file = root.join(path.get_ref());
        let text = fs_err::read_to_string(&file).map_err(|error| {
            source.problem(path.span(), format!("cannot read `{}`", file.display())).caused_by(error)
        })?;
        let theirs = Source::new(file, text);
        let Expects { expect } =
            toml::from_str(theirs.text()).map_err(|error| theirs.toml_problem(&error))?;
        check_expects(&theirs, &expect)?;
        self.expect.splice(0..0, expect);
        Ok(())
    }
}

/// What the types of `[[expect]]` cannot say.
fn check_expects(source: &Source, expects: &[Expect]) -> Result<()> {
    for expect in expects {
        check_pattern(source, &expect.target)?;
        if let Some(cause) = &expect.cause
            && Class::from_name(cause.get_ref()).is_none()
        {
            let known = Class::ALL.map(Class::name).join("`, `");
            let text = format!("unknown class of cause `{}`; known are `{known}`", cause.get_ref());
            return Err(source.problem(cause.span(), text));
        }
        if crate::verdict::Verdict::from_name(expect.verdict.get_ref()).is_none() {
            let known = crate::verdict::Verdict::ALL.map(crate::verdict::Verdict::name).join("`, `");
            let text = format!("unknown verdict `{}`; known are `{known}`", expect.verdict.get_ref());
            return Err(source.problem(expect.verdict.span(), text));
        }
        if let Some(until) = &expect.until
            && crate::date::Date::parse(until.get_ref()).is_none()
        {
            let text = format!("`{}` is no date; write it as `2027-06-30`", until.get_ref());
            return Err(source.problem(until.span(), text));
        }
    }
    Ok(())
}

impl Suite {
    fn check(&self, source: &Source) -> Result<()> {
        let span = self.name.span();
        let lacks = |what: &str| {
            Err(source.problem(span.clone(), format!("the suite `{}` lacks `{what}`", self.name.get_ref())))
        };
        match self.kind {
            SuiteKind::C if self.sources.is_empty() => return lacks("sources"),
            SuiteKind::Prebuilt if self.path.is_empty() => return lacks("path"),
            SuiteKind::Command if self.command.is_empty() => return lacks("command"),
            SuiteKind::C
            | SuiteKind::Prebuilt
            | SuiteKind::Command
            | SuiteKind::CargoTest
            | SuiteKind::CargoBin => {}
        }
        if let (Some(needs), SuiteKind::Command) = (&self.needs, self.kind) {
            let text = "a `command` runs on the host, and brings no kernel of another machine";
            return Err(source.problem(needs.span(), text));
        }
        if !self.needs_kernel.is_empty() && self.kind != SuiteKind::CargoTest {
            let problem = source
                .problem(span.clone(), "`needs-kernel` names tests, of which only `cargo-test` has any");
            return Err(problem.hint("`needs = \"kernel\"` for the suite, one of its programs or cases"));
        }
        let excepted = self.targets_except.iter();
        for pattern in excepted.chain(self.program.iter().flat_map(|program| &program.targets_except)) {
            check_pattern(source, pattern)?;
        }
        let programs = || self.program.iter();
        let compares = programs().filter_map(|program| program.compare.as_ref());
        compares.chain([&self.compare]).try_for_each(|compare| compare.check(source))?;
        let rules = programs().flat_map(|program| &program.normalise);
        self.normalise.iter().chain(rules).try_for_each(|rule| rule.check(source))
    }
}

fn check_pattern(source: &Source, pattern: &Spanned<String>) -> Result<()> {
    match TargetPattern::parse(pattern.get_ref()) {
        Ok(_) => Ok(()),
        Err(why) => Err(source.problem(pattern.span(), format!("bad target pattern: {why}"))),
    }
}

/// Reads `"60s"`, `"500ms"`, `"2m"`; the error is one sentence.
pub fn parse_duration(text: &str) -> Result<std::time::Duration, String> {
    let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor_ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        _ => return Err(format!("`{text}` is no duration; write `60s`, `500ms` or `2m`")),
    };
    let number: u64 = number.parse().map_err(|_| format!("`{text}` is no duration; write `60s`"))?;
    Ok(std::time::Duration::from_millis(number.saturating_mul(factor_ms)))
}

/// Resolves a path of the manifest against the directory the manifest is in.
pub fn resolve(base: &Path, path: &Path) -> PathBuf {
    base.join(path)
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    struct OneOrMany;
    impl<'de> Visitor<'de> for OneOrMany {
        type Value = Vec<String>;

        fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("a string or a list of strings")
        }

        fn visit_str<E: de::Error>(self, value: &str) -> Result<Vec<String>, E> {
            Ok(vec![value.to_owned()])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<String>, A::Error> {
            let mut values = Vec::new();
            while let Some(value) = list.next_element()? {
                values.push(value);
            }
            Ok(values)
        }
    }
    deserializer.deserialize_any(OneOrMany)
}

#[cfg(test)]
mod schema;
#[cfg(test)]
mod tests;
