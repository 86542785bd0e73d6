//! Packs what `run --build-only` has built.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use triplecheck_emulators::binary::Binary;
use triplecheck_emulators::host::{Host as _, LocalHost};
use triplecheck_emulators::launch::{Emulator, Kind, Launch};
use triplecheck_emulators::lookup::{Decision, Options, find_sysroot, lookup};
use triplecheck_emulators::target::Target;

use crate::archive;
use crate::build::{Piece, ProgramKind};
use crate::built::{self, Failure, Place, Program, RECORD, ROOT, Record, Sysroot, Test};
use crate::bundle::{LeftOut, gather, package};
use crate::date::Date;
use crate::error::{About as _, Error, Result};
use crate::events::NotRun;
use crate::manifest::Project;
use crate::plan::Plan;
use crate::run::Built;

/// Packs what was built; the record of it.
pub(super) fn pack(
    project: &Project,
    plan: &Plan,
    built: &Built,
    host: &LocalHost,
    to: &Path,
) -> Result<Record> {
    let mut packing = Packing {
        project,
        host,
        files: BTreeMap::new(),
        places: Vec::new(),
        sysroots: BTreeMap::new(),
        left_out: Vec::new(),
    };
    packing.place(&project.root)?;
    let (mut programs, mut seen) = (Vec::new(), BTreeSet::new());
    let mut not_run = built.not_run.clone();
    for (index, piece) in &built.pieces {
        let suite = &plan.suites[*index];
        // CPU models of one triple share its programs.
        let triple = piece.target.split('@').next().unwrap_or(&piece.target).to_owned();
        if matches!(suite.origin, crate::plan::Origin::Command { .. })
            || !seen.insert((*index, piece.id.clone(), triple.clone()))
        {
            continue;
        }
        if let ProgramKind::CargoDoc { .. } = piece.kind {
            let reason = "documentation tests are built and run by cargo itself, and are in no archive";
            let blocked = |target: &str| NotRun {
                suite: suite.name.clone(),
                case: "*".to_owned(),
                target: target.to_owned(),
                reason: reason.to_owned(),
                fix: None,
                verdict: crate::verdict::Verdict::NotRun,
                declared: true,
            };
            let all = plan.targets.iter().map(|planned| blocked(&planned.target.to_string()));
            let is_new =
                |new: &NotRun| !not_run.iter().any(|it| (&it.suite, &it.target) == (&new.suite, &new.target));
            let new: Vec<NotRun> = all.filter(is_new).collect();
            not_run.extend(new);
            continue;
        }
        programs.push(packing.program(&suite.name, piece, &triple)?);
    }
    for case in plan
        .suites
        .iter()
        .flat_map(|suite| suite.programs.values().chain([&suite.defaults]))
        .flat_map(|it| &it.cases)
    {
        if let Some(stdin) = &case.stdin {
            packing.input(stdin);
        }
    }
    let Packing { mut files, mut places, sysroots, left_out, .. } = packing;
    // The longest first: a package may lie below another.
    places.sort_by_key(|place| std::cmp::Reverse(place.was.len()));
    let record = Record {
        schema: built::SCHEMA,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        made: Date::today().to_string(),
        host: host.triple().to_owned(),
        rustc: built.rustc.clone(),
        manifest: plan.manifest.clone(),
        targets: plan.targets.iter().map(|planned| planned.target.to_string()).collect(),
        places,
        programs,
        failures: built
            .failures
            .iter()
            .map(|(suite, failure)| Failure { suite: suite.clone(), failure: failure.clone() })
            .collect(),
        not_run,
        sysroots,
        left_out,
    };
    let text = serde_json::to_vec_pretty(&record)
        .map_err(|error| Error::ours("cannot write an archive's record").caused_by(error))?;
    let written = tempfile::NamedTempFile::new().about("write", "a temporary file")?;
    fs_err::write(written.path(), text).about("write", written.path())?;
    files.insert(RECORD.to_owned(), written.path().to_owned());
    archive::pack(&files, to)?;
    Ok(record)
}

/// An archive that is being made.
struct Packing<'a> {
    project: &'a Project,
    host: &'a LocalHost,
    files: BTreeMap<String, PathBuf>,
    places: Vec<Place>,
    sysroots: BTreeMap<String, Sysroot>,
    left_out: Vec<LeftOut>,
}

impl Packing<'_> {
    /// The archive's directory for one of this machine, with its files, unless it lies in one that is there already.
    fn place(&mut self, dir: &Path) -> Result<()> {
        if self.places.iter().any(|place| dir.starts_with(&place.was)) {
            return Ok(());
        }
        let number = self.places.len();
        let name = if number == 0 { ROOT.to_owned() } else { format!("other/{number}") };
        let (files, left_out) = package::files(dir)?;
        self.files.extend(files.into_iter().map(|(file, path)| (format!("{name}/{file}"), path)));
        self.left_out.extend(left_out);
        self.places.push(Place { was: dir.display().to_string(), dir: name });
        Ok(())
    }

    /// The name of a file of this machine in the archive; a new one where it lies outside of all places.
    fn name(&self, path: &Path) -> Result<String> {
        let below = |place: &Place| {
            let rest = path.strip_prefix(&place.was).ok()?.to_str()?;
            Some(format!("{}/{rest}", place.dir))
        };
        if let Some(name) = self.places.iter().find_map(below) {
            return Ok(name);
        }
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| Error::user(format!("`{}` has no name as text", path.display())))?;
        let digest = blake3::hash(path.as_os_str().as_encoded_bytes()).to_hex();
        Ok(format!("programs/{}/{name}", &digest[..16]))
    }

    fn program(&mut self, suite: &str, piece: &Piece, triple: &str) -> Result<Program> {
        let mut program = Program {
            suite: suite.to_owned(),
            id: piece.id.clone(),
            name: piece.name.clone(),
            target: triple.to_owned(),
            file: None,
            test: None,
        };
        if piece.kind == ProgramKind::HostOnly {
            return Ok(program);
        }
        if let ProgramKind::CargoTest { package_dir, env, libtest } = &piece.kind {
            self.place(package_dir)?;
            let package_dir = package_dir.display().to_string();
            program.test = Some(Test { package_dir, env: env.clone(), libtest: *libtest });
        }
        let file = self.name(&piece.file)?;
        let deps = piece.file.parent().filter(|dir| dir.file_name().is_some_and(|name| name == "deps"));
        if let Some(above) = deps.and_then(Path::parent).filter(|_| program.test.is_some()) {
            for beside in gather::programs_in(above) {
                self.files.insert(self.name(&beside)?, beside);
            }
        }
        self.libraries(&file, &piece.file, triple)?;
        self.files.insert(file.clone(), piece.file.clone());
        program.file = Some(file);
        Ok(program)
    }

    fn libraries(&mut self, name: &str, file: &Path, triple: &str) -> Result<()> {
        let target = Target::parse(triple).map_err(crate::plan::unknown_triple)?;
        let binary = Binary::read(file)
            .map_err(|error| Error::world(format!("cannot pack `{}`", file.display())).caused_by(error))?;
        let options = Options { origin: file.parent().map(Path::to_path_buf), ..Options::default() };
        let launch = match lookup(self.host, &target, Some(&binary), &options) {
            Decision::Run(launch, _) => launch,
            // What cannot be run here may have its libraries here all the same: it was linked with them.
            Decision::Cannot(..) => Launch {
                emulator: Emulator { kind: Kind::Native, program: None, cpu: None },
                prefix: Vec::new(),
                env: Vec::new(),
                sysroot: find_sysroot(self.host, &target, &binary, &options),
                preparation: None,
            },
        };
        let side = format!("sysroot/{triple}");
        let gathered = gather::libraries((&side, name), file, &target, &launch)?;
        let known = self.sysroots.entry(triple.to_owned()).or_default();
        known.root = known.root.take().or(gathered.program.root);
        known.libraries = known.libraries.take().or(gathered.program.libraries);
        self.files.extend(gathered.files);
        for left_out in gathered.left_out {
            let LeftOut { what, why } = left_out;
            let left_out = LeftOut::new(format!("{what} of {triple}"), why);
            if !self.left_out.contains(&left_out) {
                self.left_out.push(left_out);
            }
        }
        Ok(())
    }

    /// A file that a case reads, however large it is.
    fn input(&mut self, path: &Path) {
        if let Ok(below) = path.strip_prefix(&self.project.root)
            && let Some(below) = below.to_str()
            && path.is_file()
        {
            self.files.insert(format!("{ROOT}/{below}"), path.to_owned());
            self.left_out.retain(|left_out| left_out.what != format!("the file {below}"));
        }
    }
}
