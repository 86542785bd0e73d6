//! Makes bundles: builds a cell, gathers what its two programs need, runs them as they are in the bundle, and packs that with
//! what they showed.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use triplecheck_emulators::host::{Host as _, LocalHost};
use triplecheck_emulators::launch::Kind;
use triplecheck_emulators::lookup::Options;

use crate::archive;
use crate::built::{self, Given};
use crate::bundle::gather::{self, Gathered};
use crate::bundle::scripts::{self, Start};
use crate::bundle::{
    self, Bundle, Compare, Emulator, JudgedBy, LeftOut, Machine, PACKAGE, Package, RECORD, Seen, Side,
    environment, package,
};
use crate::date::Date;
use crate::error::{About as _, Error, Result};
use crate::events::Cell;
use crate::manifest::Project;
use crate::observation::Observation;
use crate::plan::Request;
use crate::run::{self, Ready, Run, Single};
use crate::supervise::StopFlag;
use crate::verdict::Weight;

/// How long either side may take where nothing else is known.
const DEADLINE_MS: u64 = 120_000;

/// Where the cells come from.
pub(super) struct Maker<'a> {
    pub(super) project: &'a Project,
    pub(super) host: &'a LocalHost,
    /// What was typed, but for targets and filters.
    pub(super) request: Request,
    pub(super) stop: &'a StopFlag,
    /// What was built elsewhere, where nothing is to be built.
    pub(super) given: Option<&'a Given>,
}

/// Which cell.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named<'a> {
    pub(super) suite: &'a str,
    pub(super) case: &'a str,
    pub(super) target: &'a str,
}

/// A bundle that was made.
pub(super) struct Made {
    pub(super) file: PathBuf,
    pub(super) bytes: u64,
    /// Whether it showed a finding when it was run.
    pub(super) fails: bool,
    pub(super) left_out: Vec<LeftOut>,
}

impl Maker<'_> {
    /// Makes the bundle of a cell below `into`.
    ///
    /// # Errors
    /// When there is no such cell, or it cannot be built or run here.
    pub(super) fn make(&self, named: Named<'_>, finding: Option<&Cell>, into: &Path) -> Result<Made> {
        let Named { suite, case, target } = named;
        let cell = format!("{suite}::{case}");
        let request =
            Request { targets: vec![target.to_owned()], filters: vec![cell], ..self.request.clone() };
        let plan = super::run::plan_for(self.project, &request, self.host, self.given)?;
        if plan.targets.is_empty() {
            return Err(Error::user(format!(
                "`{target}` is the host itself, with which others are compared"
            )));
        }
        let state = crate::runs::state_dir(&self.project.root);
        let run = Run { given: self.given, ..Run::by_hand(&plan, self.host, &state, self.stop) };
        let single = Single::prepare(&run, suite, case)?;
        let stage = tempfile::Builder::new()
            .prefix("triplecheck-bundle-")
            .tempdir()
            .map_err(|error| Error::world("cannot make a temporary directory").caused_by(error))?;
        let staged = stage.path();
        let bundle = self.stage(&single, (named, finding), staged);
        single.finish()?;
        let (mut bundle, recipe) = bundle?;
        let plan = run::bundle_plan(self.host, &bundle, staged, self.request.options.clone())?;
        let run = Run::by_hand(&plan, self.host, &state, self.stop);
        let single = Single::of_bundle(&run, &bundle, staged)?;
        let shown = show(&single, &mut bundle, recipe.as_ref(), staged);
        single.finish()?;
        let fails = shown?.weight() == Weight::Finding;
        let record = serde_json::to_vec_pretty(&bundle)
            .map_err(|error| Error::ours("cannot write a bundle's record").caused_by(error))?;
        write(&staged.join(RECORD), &record)?;
        let file = into.join(format!("{}.tar.zst", bundle.id));
        archive::pack(&archive::files_below(staged)?, &file)?;
        let bytes = fs_err::metadata(&file).map_or(0, |meta| meta.len());
        Ok(Made { file, bytes, fails, left_out: bundle.left_out })
    }

    /// Copies everything that the cell needs to `stage`, and says what that is.
    fn stage(
        &self,
        single: &Single<'_>,
        (named, finding): (Named<'_>, Option<&Cell>),
        stage: &Path,
    ) -> Result<(Bundle, Option<scripts::Recipe>)> {
        let (target, native) = (&single.target, single.native()?);
        if matches!(target.launch.emulator.kind, Kind::Remote | Kind::Custom) {
            return Err(Error::user("what a command of yours runs (`runner`) is in no bundle"));
        }
        let mut left_out = Vec::new();
        let mut program = |ready: &Ready, side: &str| -> Result<bundle::Program> {
            let Gathered { program, files, left_out: missing } =
                gather::gather(side, &ready.program, &ready.target, &ready.launch)?;
            for (name, path) in files {
                run::copy(&path, &stage.join(name))?;
            }
            left_out.extend(missing);
            Ok(program)
        };
        let (program, native_program) = (program(target, "target")?, program(native, "native")?);
        let stdin = target.stdin.as_ref().map(|path| -> Result<String> {
            let name = "input/stdin".to_owned();
            run::copy(path, &stage.join(&name)).map(|()| name)
        });
        let chosen = environment::choose(target.inherited(), target.own_env());
        left_out.extend(chosen.left_out);
        let mut env = chosen.env;
        let mut place = None;
        if let Some(dir) = &single.call.dir {
            let was = dir.display().to_string();
            for value in env.values_mut().filter(|value| value.starts_with(&was)) {
                *value = value.replacen(&was, PACKAGE, 1);
            }
            let (files, missing) = package::files(dir)?;
            left_out.extend(missing);
            for (name, path) in files {
                run::copy(&path, &stage.join("package").join(name))?;
            }
            fs_err::create_dir_all(stage.join("package")).about("create", stage)?;
            place = Some(Package { dir: "package".to_owned(), was });
        }
        let mut args = Vec::new();
        for word in &target.args {
            let text = word.to_str();
            let text = text.ok_or_else(|| {
                Error::user(format!(
                    "the argument `{}` is not text, which a bundle's must be",
                    word.display()
                ))
            })?;
            if environment::is_secret_value(text) {
                let what = "nothing: an argument looks like a secret, and is in the bundle";
                left_out.push(LeftOut::new(what, "without it this would be another case"));
            }
            args.push(text.to_owned());
        }
        let recipe = single.call.recipe.as_ref().map(|(source, recipe)| -> Result<scripts::Recipe> {
            for path in with_headers(source) {
                let name = path.file_name().unwrap_or_default();
                run::copy(&path, &stage.join("source").join(name))?;
            }
            Ok(recipe.clone())
        });
        let emulator = &target.launch.emulator;
        let version = emulator.program.as_ref().and_then(|program| self.host.version(program));
        let limit = finding.map(|cell| cell.limit_ms).filter(|limit| *limit > 0);
        let bundle = Bundle {
            schema: bundle::SCHEMA,
            id: bundle::id(named.suite, named.case, named.target),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            made: Date::today().to_string(),
            suite: named.suite.to_owned(),
            case: named.case.to_owned(),
            target: named.target.to_owned(),
            machine: this_machine(self.host),
            rustc: single.call.rustc.clone(),
            emulator: Emulator {
                kind: emulator.kind.to_string(),
                program: emulator.program.as_deref().and_then(name_of),
                version,
                cpu: emulator.cpu.clone(),
            },
            judged_by: if place.is_some() { JudgedBy::Status } else { JudgedBy::Output },
            program,
            native: native_program,
            args,
            stdin: stdin.transpose()?,
            package: place,
            files: single.call.files.clone(),
            env,
            left_out,
            deadline_ms: limit.or(single.call.timeout.map(run::millis)).unwrap_or(DEADLINE_MS),
            compare: Compare::of(&single.call.how),
            finding: finding.cloned(),
            seen: None,
        };
        Ok((bundle, recipe.transpose()?))
    }
}

/// Runs what was staged, and writes down what it showed and how it is started.
fn show(
    single: &Single<'_>,
    bundle: &mut Bundle,
    recipe: Option<&scripts::Recipe>,
    stage: &Path,
) -> Result<crate::verdict::Verdict> {
    let shown = single.show(bundle, stage)?;
    keep(&stage.join("observed/native"), &shown.native)?;
    keep(&stage.join("observed/target"), &shown.target)?;
    bundle.seen = Some(Seen {
        verdict: shown.verdict,
        cause: shown.judged.cause,
        differences: shown.judged.differences,
        native: Side::of(&shown.native),
        target: Side::of(&shown.target),
    });
    let start = |ready: &Ready| (ready.command(&[]), ready.launch.emulator.kind);
    let ((target, kind), (native, native_kind)) = (start(&single.target), start(single.native()?));
    let programs = |ready: &Ready| {
        let is_test = bundle.package.is_some();
        if is_test { built::programs_beside(&ready.program) } else { Vec::new() }
    };
    let (of_target, of_native) = (programs(&single.target), programs(single.native()?));
    let target = Start { command: &target, kind, programs: &of_target };
    let native = Start { command: &native, kind: native_kind, programs: &of_native };
    script(&stage.join("run.sh"), &scripts::run(bundle, stage, target, native))?;
    script(&stage.join("interesting.sh"), &scripts::interesting(bundle, recipe))?;
    if kind == Kind::Wasi {
        write(&stage.join("wasi.mjs"), crate::NODE_SCRIPT.as_bytes())?;
    }
    Ok(shown.verdict)
}
/// This machine, as far as bundles tell of it.
pub(super) fn this_machine(host: &LocalHost) -> Machine {
    Machine {
        triple: host.triple().to_owned(),
        kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
        processor: run::processor(),
    }
}

/// The last part of a path, as text.
pub(super) fn name_of(path: &Path) -> Option<String> {
    path.file_name()?.to_str().map(str::to_owned)
}

/// The first case of every finding on each of its targets: which cells of a run are kept.
pub(super) fn representatives(summary: &crate::report::Summary) -> Vec<Cell> {
    let mut cells = Vec::new();
    for finding in summary.findings() {
        for target in &finding.targets {
            let of_finding = |cell: &&Cell| {
                cell.target == *target
                    && finding.cells.contains(&format!("{}::{} on {}", cell.suite, cell.case, cell.target))
            };
            cells.extend(summary.cells.iter().find(of_finding).cloned());
        }
    }
    cells
}

/// A source with the headers that stand beside it.
fn with_headers(source: &Path) -> Vec<PathBuf> {
    let entries =
        source.parent().into_iter().filter_map(|dir| std::fs::read_dir(dir).ok()).flatten().flatten();
    let headers = entries.map(|entry| entry.path());
    let headers = headers.filter(|path| path.extension().is_some_and(|extension| extension == "h"));
    std::iter::once(source.to_owned()).chain(headers).collect()
}

/// Keeps what a side printed and made.
fn keep(dir: &Path, seen: &Observation) -> Result<()> {
    write(&dir.join("stdout"), &seen.stdout)?;
    write(&dir.join("stderr"), &seen.stderr)?;
    seen.files.iter().try_for_each(|(name, bytes)| write(&dir.join("files").join(name), bytes))
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let parent = path.parent().unwrap_or(Path::new("/"));
    fs_err::create_dir_all(parent).about("create", parent)?;
    fs_err::write(path, bytes).about("write", path)
}

fn script(path: &Path, text: &str) -> Result<()> {
    write(path, text.as_bytes())?;
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o755)).about("change", path)
}

/// What is said of a bundle that was made.
pub(super) fn told(named: Named<'_>, made: &Made) -> String {
    let Named { suite, case, target } = named;
    let mut text = format!(
        "bundle {suite}::{case} on {target}: {} ({} KiB)",
        made.file.display(),
        made.bytes.div_ceil(1024)
    );
    for LeftOut { what, why } in &made.left_out {
        text.push_str(&format!("\n  without {what}: {why}"));
    }
    if !made.fails {
        text.push_str("\n  it did not fail when it was run as it is in the bundle: what makes it fail is not in there, or it is flaky");
    }
    text
}

/// What is typed of a lookup, for the plan of a bundle.
pub(super) fn request(cargo: crate::plan::CargoOptions, options: Options) -> Request {
    Request { cargo, options, ..Request::default() }
}
