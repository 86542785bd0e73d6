//! What is to be done: the manifest and the command line turned into targets, suites and cases. Pure, but for
//! the expansion of source globs, which [`Plan::new`] is given as a function.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;
use triplecheck_emulators::lookup::Options;
use triplecheck_emulators::target::Target;

mod cargo;
mod needs;
mod retries;

pub use cargo::{CargoOptions, CargoOrigin, DEFAULT_SUITE};
pub use retries::{Retries, TypedRetries};

use crate::compare::How;
use crate::date::Date;
use crate::diagnose::Class;
use crate::error::{Error, Result};
use crate::manifest::{self, Manifest, Needs, Project, Suite, SuiteKind};
use crate::pattern::TargetPattern;
use crate::shard::Shard;
use crate::verdict::Verdict;

/// What the command line adds to the manifest.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Targets, instead of the manifest's.
    pub targets: Vec<String>,
    /// Suites and cases, all where empty.
    pub filters: Vec<String>,
    /// What is said to cargo and to its test binaries.
    pub cargo: CargoOptions,
    /// Deadline of every case, instead of the manifest's.
    pub timeout: Option<Duration>,
    /// How often findings are run again, instead of the manifest's word.
    pub retries: TypedRetries,
    /// The kind of emulator to use, whatever the lookup would prefer.
    pub options: Options,
    /// Which part of the cases is wanted, if not all.
    pub shard: Option<Shard>,
}

/// Everything a run needs to know before it builds.
#[derive(Debug)]
pub struct Plan {
    /// The project's directory.
    pub root: PathBuf,
    /// The name of the manifest in it; `None` for a cargo project without one.
    pub manifest: Option<String>,
    /// The targets in the order in which they were asked for; the host's own is left out, being the baseline.
    pub targets: Vec<PlannedTarget>,
    /// The suites in the order of the manifest.
    pub suites: Vec<PlannedSuite>,
    /// Known differences.
    pub expectations: Vec<Expectation>,
    /// The filters of the command line.
    pub filters: Vec<String>,
    /// Whether the targets are the manifest's own, and all of them.
    pub all_targets: bool,
    /// The manifest's targets, whatever was asked for; the host's own is left out.
    pub manifest_targets: Vec<String>,
    /// Which part of the cases is wanted, if not all.
    pub shard: Option<Shard>,
}

/// One target with what the manifest says of it.
#[derive(Debug, Clone)]
pub struct PlannedTarget {
    /// The target.
    pub target: Target,
    /// How its emulator is looked up.
    pub options: Options,
    /// Environment of every run on it.
    pub env: Vec<(String, String)>,
    /// Deadline of every case on it.
    pub timeout: Option<Duration>,
}

/// One suite.
#[derive(Debug, Clone)]
pub struct PlannedSuite {
    /// Its name.
    pub name: String,
    /// Where its programs come from.
    pub origin: Origin,
    /// How often its findings are run again.
    pub retries: Retries,
    /// Refinements by program name.
    pub programs: BTreeMap<String, Refinement>,
    /// What holds for programs that are not refined.
    pub defaults: Refinement,
}

/// Where a suite's programs come from.
#[derive(Debug, Clone)]
pub enum Origin {
    /// A cargo package or workspace.
    Cargo(CargoOrigin),
    /// C sources.
    C {
        /// The files.
        sources: Vec<PathBuf>,
    },
    /// Files that are there.
    Prebuilt {
        /// By pattern of the target, in order; `native` is the baseline.
        paths: Vec<(String, PathBuf)>,
    },
    /// A host command with the triple in it.
    Command {
        /// Its words; `{target}` is replaced.
        words: Vec<String>,
    },
}

/// What holds for one program.
#[derive(Debug, Clone, Default)]
pub struct Refinement {
    /// Its cases, at least one.
    pub cases: Vec<PlannedCase>,
    /// Further compiler flags (C).
    pub flags: Vec<String>,
    /// What is linked (C).
    pub link: Vec<String>,
    /// Where it is not run, and why.
    pub except: Vec<TargetPattern>,
    /// The reason for `except`.
    pub reason: Option<String>,
}

/// One way of calling a program.
#[derive(Debug, Clone)]
pub struct PlannedCase {
    /// Its name, `None` where the program has only this one.
    pub name: Option<String>,
    /// Arguments.
    pub args: Vec<OsString>,
    /// The file it reads.
    pub stdin: Option<PathBuf>,
    /// Additional environment.
    pub env: Vec<(String, String)>,
    /// Globs of files it makes.
    pub files: Vec<String>,
    /// Whether it needs a kernel of its own machine.
    pub needs_kernel: bool,
    /// Deadline, `None` to derive it from the native run.
    pub timeout: Option<Duration>,
    /// How results are compared.
    pub compare: How,
}

/// A known difference.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// A glob over `suite::case`.
    pub test: String,
    /// The targets.
    pub target: TargetPattern,
    /// The same, as it is written.
    pub target_text: String,
    /// What is expected.
    pub verdict: Verdict,
    /// The class of cause that is expected.
    pub cause: Option<Class>,
    /// Why.
    pub reason: String,
    /// Where it is tracked.
    pub issue: Option<String>,
    /// The last day.
    pub until: Option<Date>,
}

impl Plan {
    /// Gives the manifest and the command line their meaning. `expand` lists the files that a glob matches.
    pub fn new(
        project: &Project,
        request: &Request,
        host: &str,
        expand: &dyn Fn(&Path, &str) -> Result<Vec<PathBuf>>,
    ) -> Result<Self> {
        let resolver = Resolver { project, request };
        let targets = resolver.targets(host)?;
        let suites = resolver.suites(expand)?;
        let expectations = project.manifest.expect.iter().map(|expect| Expectation {
            test: expect.test.get_ref().clone(),
            target: pattern(expect.target.get_ref()),
            target_text: expect.target.get_ref().clone(),
            verdict: Verdict::from_name(expect.verdict.get_ref())
                .expect("checked when the manifest was read"),
            cause: expect.cause.as_ref().and_then(|cause| Class::from_name(cause.get_ref())),
            reason: expect.reason.clone(),
            issue: expect.issue.clone(),
            until: expect.until.as_ref().and_then(|until| Date::parse(until.get_ref())),
        });
        Ok(Self {
            root: project.root.clone(),
            manifest: project
                .source
                .as_ref()
                .and_then(|source| Some(source.path().file_name()?.to_string_lossy().into_owned())),
            targets,
            suites,
            expectations: expectations.collect(),
            filters: resolver.filters(),
            all_targets: request.targets.is_empty(),
            manifest_targets: project
                .manifest
                .targets
                .iter()
                .map(|text| text.get_ref().clone())
                .filter(|target| target != host)
                .collect(),
            shard: request.shard,
        })
    }

    /// Whether the filters of the command line select anything of this suite, as far as names tell now.
    pub fn wants_suite(&self, suite: &str) -> bool {
        self.filters.is_empty()
            || self.filters.iter().any(|filter| {
                filter.contains('*') || filter == suite || !filter.contains("::") || {
                    filter.starts_with(&format!("{suite}::"))
                        || !self.suites.iter().any(|other| filter.starts_with(&format!("{}::", other.name)))
                }
            })
    }

    /// Whether the filters select this case.
    pub fn wants(&self, suite: &str, case: &str) -> bool {
        self.filters.is_empty()
            || self.filters.iter().any(|filter| crate::pattern::selects(filter, suite, case))
    }

    /// Whether this run, and no other shard, decides this case.
    pub fn owns(&self, suite: &str, case: &str) -> bool {
        self.shard.is_none_or(|shard| shard.owns(suite, case))
    }

    /// How often findings of this suite are run again.
    pub fn retries(&self, suite: &str) -> Retries {
        let planned = self.suites.iter().find(|planned| planned.name == suite);
        planned.map(|planned| planned.retries).unwrap_or_default()
    }

    /// The expectation for a cell, the last one in the file winning.
    pub fn expectation(&self, suite: &str, case: &str, target: &Target) -> Option<&Expectation> {
        let full = format!("{suite}::{case}");
        self.expectations
            .iter()
            .rev()
            .find(|expect| crate::pattern::glob(&expect.test, &full) && expect.target.matches(target))
    }
}

impl Refinement {
    /// Whether the manifest leaves the program out on a target.
    pub fn is_excepted(&self, target: &Target) -> bool {
        self.except.iter().any(|pattern| pattern.matches(target))
    }
}

impl PlannedSuite {
    /// What holds for the program of this name.
    pub fn refinement(&self, program: &str) -> &Refinement {
        self.programs.get(program).unwrap_or(&self.defaults)
    }
}

/// How the results of a suite's program are compared, or those of a program that is not refined.
fn how(suite: &Suite, program: Option<&manifest::Program>) -> How {
    let compare = program.and_then(|program| program.compare.as_ref()).unwrap_or(&suite.compare);
    let rules = suite.normalise.iter().chain(program.iter().flat_map(|program| &program.normalise));
    let rules = rules.map(|rule| rule.compile().expect("checked when the manifest was read"));
    How {
        stdout: compare.stdout,
        stderr: compare.stderr,
        float: compare.tolerance(),
        normalise: rules.collect(),
        ..How::default()
    }
}

fn pattern(text: &str) -> TargetPattern {
    TargetPattern::parse(text).expect("checked when the manifest was read")
}

struct Resolver<'a> {
    project: &'a Project,
    request: &'a Request,
}

impl Resolver<'_> {
    fn manifest(&self) -> &Manifest {
        &self.project.manifest
    }

    /// The filters that are ours to apply.
    fn filters(&self) -> Vec<String> {
        let plain = self.is_plain_project();
        let ours = |filter: &&String| !(plain && cargo::is_for_libtest(filter));
        self.request.filters.iter().filter(ours).cloned().collect()
    }

    /// A problem in the manifest at `span`, or without a place where there is none.
    fn problem(&self, span: std::ops::Range<usize>, text: String) -> Error {
        match &self.project.source {
            Some(source) => source.problem(span, text),
            None => Error::user(text),
        }
    }

    fn targets(&self, host: &str) -> Result<Vec<PlannedTarget>> {
        let mut found: Vec<Target> = Vec::new();
        let mut add = |target: Target| {
            if target.to_string() != host && !found.contains(&target) {
                found.push(target);
            }
        };
        for text in &self.request.targets {
            add(Target::parse(text).map_err(unknown_triple)?);
        }
        if self.request.targets.is_empty() {
            for text in &self.manifest().targets {
                let target = Target::parse(text.get_ref()).map_err(|unknown| {
                    let problem = self.problem(text.span(), unknown.to_string());
                    nearest(&unknown.nearest).into_iter().fold(problem, Error::hint)
                })?;
                add(target);
            }
        }
        if found.is_empty() && self.request.targets.is_empty() && self.manifest().targets.is_empty() {
            return Err(Error::user("no target is named")
                .hint("triplecheck run -t aarch64-unknown-linux-gnu -t s390x-unknown-linux-gnu"));
        }
        found.into_iter().map(|target| self.target(target)).collect()
    }

    fn target(&self, target: Target) -> Result<PlannedTarget> {
        let mut planned =
            PlannedTarget { options: self.request.options.clone(), env: Vec::new(), timeout: None, target };
        for (key, table) in &self.manifest().target {
            if !pattern(key.get_ref()).matches(&planned.target) {
                continue;
            }
            planned.env.extend(table.env.clone());
            if !table.runner.is_empty() && planned.options.custom.is_none() {
                planned.options.custom = Some(table.runner.iter().map(OsString::from).collect());
            }
            if let Some(cpu) = &table.cpu {
                planned.options.cpu.get_or_insert_with(|| cpu.clone());
            }
            if let Some(sysroot) = &table.sysroot {
                planned.options.sysroots.push(manifest::resolve(&self.project.root, sysroot));
            }
            planned.timeout = self.duration(table.timeout.as_ref())?.or(planned.timeout);
        }
        if planned.target.variant().is_some() {
            planned.options.cpu = planned.target.cpu_variant().map(str::to_owned);
        }
        Ok(planned)
    }

    fn suites(&self, expand: &dyn Fn(&Path, &str) -> Result<Vec<PathBuf>>) -> Result<Vec<PlannedSuite>> {
        if self.is_plain_project() {
            return Ok(vec![self.default_suite()?]);
        }
        self.manifest().suite.iter().map(|suite| self.suite(suite, expand)).collect()
    }

    fn suite(
        &self,
        suite: &Suite,
        expand: &dyn Fn(&Path, &str) -> Result<Vec<PathBuf>>,
    ) -> Result<PlannedSuite> {
        let origin = match suite.kind {
            SuiteKind::CargoTest | SuiteKind::CargoBin => Origin::Cargo(self.cargo(suite)),
            SuiteKind::C => Origin::C { sources: self.sources(suite, expand)? },
            SuiteKind::Prebuilt => Origin::Prebuilt {
                paths: suite
                    .path
                    .iter()
                    .map(|(key, path)| (key.get_ref().clone(), manifest::resolve(&self.project.root, path)))
                    .collect(),
            },
            SuiteKind::Command => Origin::Command { words: suite.command.clone() },
        };
        let defaults = Refinement {
            cases: self.cases(suite, &suite.cases, None)?,
            flags: suite.flags.clone(),
            link: suite.link.clone(),
            except: suite.targets_except.iter().map(|text| pattern(text.get_ref())).collect(),
            reason: suite.reason.clone(),
        };
        let mut programs = BTreeMap::new();
        for program in &suite.program {
            let mut refinement = defaults.clone();
            let cases = if program.cases.is_empty() { &suite.cases } else { &program.cases };
            refinement.cases = self.cases(suite, cases, Some(program))?;
            refinement.flags.extend(program.flags.clone());
            refinement.link.extend(program.link.clone());
            refinement.except.extend(program.targets_except.iter().map(|text| pattern(text.get_ref())));
            refinement.reason = program.reason.clone().or(refinement.reason);
            programs.insert(program.name.get_ref().clone(), refinement);
        }
        let retries = self.retries(Some(suite))?;
        Ok(PlannedSuite { name: suite.name.get_ref().clone(), origin, retries, programs, defaults })
    }

    fn sources(
        &self,
        suite: &Suite,
        expand: &dyn Fn(&Path, &str) -> Result<Vec<PathBuf>>,
    ) -> Result<Vec<PathBuf>> {
        let mut sources = Vec::new();
        for glob in &suite.sources {
            let found = expand(&self.project.root, glob)?;
            if found.is_empty() {
                let text = format!("no file matches `{glob}` of the suite `{}`", suite.name.get_ref());
                return Err(self.problem(suite.name.span(), text));
            }
            sources.extend(found);
        }
        Ok(sources)
    }

    fn cases(
        &self,
        suite: &Suite,
        cases: &[manifest::Case],
        program: Option<&manifest::Program>,
    ) -> Result<Vec<PlannedCase>> {
        let compare = how(suite, program);
        let timeout = program.and_then(|program| program.timeout.as_ref()).or(suite.timeout.as_ref());
        let needs = suite.needs.as_ref().map(Spanned::get_ref).copied();
        let needs = needs.or_else(|| program?.needs);
        let one = [manifest::Case::default()];
        let cases = if cases.is_empty() { &one[..] } else { cases };
        let several = cases.len() > 1;
        cases
            .iter()
            .enumerate()
            .map(|(number, case)| {
                let own = self.duration(case.timeout.as_ref())?;
                let inherited = self.duration(timeout.or(self.manifest().timeout.as_ref()))?;
                let args = suite.args.iter().chain(&case.args).map(OsString::from).collect();
                let env = suite.env.iter().chain(&case.env).map(|(k, v)| (k.clone(), v.clone())).collect();
                Ok(PlannedCase {
                    name: case.name.clone().or_else(|| several.then(|| (number + 1).to_string())),
                    args,
                    stdin: case.stdin.as_ref().map(|path| manifest::resolve(&self.project.root, path)),
                    env,
                    files: case.files.clone(),
                    needs_kernel: needs.or(case.needs) == Some(Needs::Kernel),
                    timeout: self.request.timeout.or(own).or(inherited),
                    compare: compare.clone(),
                })
            })
            .collect()
    }

    fn duration(&self, text: Option<&Spanned<String>>) -> Result<Option<Duration>> {
        text.map(|text| {
            manifest::parse_duration(text.get_ref()).map_err(|why| self.problem(text.span(), why))
        })
        .transpose()
    }
}

/// The user's error for a triple that no one knows.
#[expect(clippy::needless_pass_by_value, reason = "the shape that `map_err` takes")]
pub fn unknown_triple(unknown: triplecheck_emulators::target::UnknownTriple) -> Error {
    let hints = nearest(&unknown.nearest);
    hints.into_iter().fold(Error::user(unknown.to_string()), Error::hint)
}

fn nearest(names: &[&'static str]) -> Option<String> {
    (!names.is_empty()).then(|| format!("did you mean `{}`?", names.join("` or `")))
}
