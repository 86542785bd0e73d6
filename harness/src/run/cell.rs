//! One run of one guest: look its emulator up, lay out its directory, start it supervised, collect what it
//! showed.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use triplecheck_emulators::binary::Binary;
use triplecheck_emulators::host::Host;
use triplecheck_emulators::launch::{CommandLine, Emulator, EnvChange, Guest, Kind, Launch};
use triplecheck_emulators::lookup::{Decision, lookup};

use super::board::Label;
use super::lent;
use super::nests::Nests;
use super::places::{Place, Places};
use super::preparations::Preparations;
use super::sentinels::Sentinels;
use super::systems::Systems;
use super::windows;
use super::work::Work;
use super::{Blocked, Run};
use crate::error::{About as _, Error, Result};
use crate::observation::{End, Observation};
use crate::plan::PlannedTarget;
use crate::supervise::{self, Job, Limits, Stdin, Supervised, Termination};

/// How long a guest has to end by itself after SIGTERM before SIGKILL.
const GRACE: Duration = Duration::from_secs(2);
/// The most of each output stream that is kept and compared, which both sides of a cell hold in memory: a guest that prints
/// more is ended, and its result says so.
pub(crate) const OUTPUT_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// The most of one produced file that is compared.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What to start.
#[derive(Debug, Clone)]
pub(crate) struct Start<'a> {
    pub(crate) program: &'a Path,
    pub(crate) args: &'a [OsString],
    pub(crate) env: Vec<(String, String)>,
    pub(crate) stdin: Option<&'a Path>,
    pub(crate) files: &'a [String],
    /// Where it is started; a fresh empty directory where `None`.
    pub(crate) dir: Option<&'a Path>,
    pub(crate) deadline: Duration,
    /// Whose it is, for whoever watches.
    pub(crate) label: Label<'a>,
    /// Whether what means nothing is to be another than last time: the place, the order of the environment.
    pub(crate) varied: bool,
}

/// Starts guests; shared by all workers.
pub(crate) struct Starter<'a> {
    run: &'a Run<'a>,
    preparations: Preparations,
    nests: Nests,
    sentinels: Sentinels,
    systems: Systems,
    /// Working directories live here and nowhere else.
    work: Work,
    /// By program, target, and whether a kernel of its own is needed.
    decisions: Mutex<HashMap<(PathBuf, String, bool), std::sync::Arc<Decision>>>,
    places: Places,
    /// Counts guests.
    started: AtomicU64,
    hashes: Mutex<HashMap<PathBuf, blake3::Hash>>,
    directories: Mutex<HashMap<PathBuf, blake3::Hash>>,
    project_files: std::sync::OnceLock<blake3::Hash>,
    environment: Vec<(OsString, OsString)>,
}

/// What came of a start.
pub(crate) enum Started {
    /// It ran, under this kind of emulator.
    Ran(Box<Observation>, Kind),
    /// It could not be run here.
    Blocked(Blocked),
}

impl<'a> Starter<'a> {
    pub(crate) fn new(run: &'a Run<'a>) -> Result<Self> {
        Self::with_environment(run, environment())
    }

    /// One whose guests inherit this environment.
    pub(super) fn with_environment(run: &'a Run<'a>, environment: Vec<(OsString, OsString)>) -> Result<Self> {
        let work = Work::make()
            .map_err(|error| Error::world("cannot make a temporary directory").caused_by(error))?;
        Ok(Self {
            run,
            preparations: Preparations::default(),
            nests: Nests::new(work.path().join("nests")),
            sentinels: Sentinels::default(),
            systems: Systems::new(work.path().join("vm")),
            work,
            decisions: Mutex::new(HashMap::new()),
            places: Places::default(),
            started: AtomicU64::new(0),
            hashes: Mutex::new(HashMap::new()),
            directories: Mutex::new(HashMap::new()),
            project_files: std::sync::OnceLock::new(),
            environment,
        })
    }

    /// Runs a guest to its end.
    pub(crate) fn start(&self, planned: &PlannedTarget, start: &Start<'_>) -> Result<Started> {
        let decision = self.decide(planned, start.program);
        let launch = match launch_of(&decision, planned) {
            Ok(launch) => launch,
            Err(blocked) => return Ok(Started::Blocked(blocked)),
        };
        let guest = Guest { program: start.program, argv0: None, args: start.args };
        if let Some(word) = launch.unspeakable(&guest) {
            let reason =
                format!("`{}` cannot be passed to a program on {}", word.display(), launch.emulator.kind);
            return Ok(Started::Blocked(Blocked { reason, fix: None }));
        }
        if let Err(blocked) = self.ensure_ready(planned, launch) {
            return Ok(Started::Blocked(blocked));
        }
        self.started.fetch_add(1, Ordering::Relaxed);
        let mut observation = self.observe(launch, planned, start)?;
        let is_host = planned.target.to_string() == self.run.host.triple() && launch.prefix.is_empty();
        if let Some(refusal) = lent::refusal(&observation)
            && is_host
            && !planned.options.sysroots.is_empty()
        {
            let Some(own) = lent::launch(&planned.options, start.program, launch) else {
                return Ok(Started::Blocked(unsuited(&refusal)));
            };
            observation = self.observe(&own, planned, start)?;
            if let Some(refusal) = lent::refusal(&observation) {
                return Ok(Started::Blocked(unsuited(&refusal)));
            }
            self.run.board.lend();
        }
        Ok(Started::Ran(Box::new(observation), launch.emulator.kind))
    }

    /// Makes the emulator of a program ready before it is needed. What is wrong is told when it is.
    pub(super) fn make_ready(&self, planned: &PlannedTarget, program: &Path) {
        if let Decision::Run(launch, _) = &*self.decide(planned, program) {
            let _ = self.ensure_ready(planned, launch);
        }
    }

    /// Sees to it that what the emulator needs is in place and that it has been shown to run programs.
    fn ensure_ready(&self, planned: &PlannedTarget, launch: &Launch) -> Result<(), Blocked> {
        if let Some(preparation) = &launch.preparation
            && let Err(reason) = self.preparations.ensure(preparation)
        {
            let fix = Some(format!("triplecheck setup {}", planned.target));
            return Err(Blocked { reason, fix });
        }
        if let Err(reason) = self.systems.ensure(launch) {
            // A system that is there does not start: what mends that depends on why, and stands in the reason.
            return Err(Blocked { reason, fix: None });
        }
        if planned.target.to_string() == self.run.host.triple() {
            return Ok(());
        }
        self.sentinels.ensure(self, planned, &self.work.path().join("sentinels"))
    }

    /// How a program is started by hand, with all that its emulator needs in place.
    pub(super) fn launch(&self, planned: &PlannedTarget, program: &Path) -> Result<Launch, Blocked> {
        let decision = self.decide(planned, program);
        let launch = launch_of(&decision, planned)?;
        self.ensure_ready(planned, launch)?;
        Ok(launch.clone())
    }

    /// Where the servers of guest systems listen.
    pub(super) fn servers(&self) -> &Path {
        self.systems.dir()
    }

    /// Where working directories are made, until the end.
    pub(super) fn work(&self) -> &Path {
        self.work.path()
    }

    /// Runs a sentinel; `None` where it cannot be run here, or what it needs cannot be made.
    pub(super) fn observe_sentinel(
        &self,
        planned: &PlannedTarget,
        start: &Start<'_>,
    ) -> Result<Option<Observation>> {
        let decision = self.decide(planned, start.program);
        let Decision::Run(launch, _) = &*decision else { return Ok(None) };
        if let Some(preparation) = &launch.preparation
            && self.preparations.ensure(preparation).is_err()
        {
            return Ok(None);
        }
        self.observe(launch, planned, start).map(Some)
    }

    /// What the emulator writes into its log when it runs a guest that has failed once more; nothing where it does not
    /// fail in the same way again.
    pub(super) fn examine(
        &self,
        planned: &PlannedTarget,
        start: &Start<'_>,
        failed: &Observation,
    ) -> Result<Vec<u8>> {
        let decision = self.decide(planned, start.program);
        let Decision::Run(launch, _) = &*decision else { return Ok(Vec::new()) };
        let mut launch = launch.clone();
        match launch.emulator.kind {
            // Every system call, and every instruction when it is first met.
            Kind::QemuUser => {
                let words = ["-strace", "-d", "in_asm"].map(OsString::from);
                launch.prefix.splice(1..1, words);
            }
            Kind::Wine => launch.env.push(EnvChange::Set("WINEDEBUG".into(), "err+all,fixme+all".into())),
            Kind::Native | Kind::Wasi | Kind::QemuSystem | Kind::Vm | Kind::Remote | Kind::Custom => {
                return Ok(Vec::new());
            }
        }
        let observation = self.observe(&launch, planned, start)?;
        Ok(if observation.end == failed.end { observation.stderr } else { Vec::new() })
    }

    /// Runs a guest in a place of its own.
    fn observe(&self, launch: &Launch, planned: &PlannedTarget, start: &Start<'_>) -> Result<Observation> {
        let is_of_guests = launch.emulator.kind == Kind::Vm;
        let place = self.places.take(self.work.path(), is_of_guests, start.varied)?;
        let launched = windows::launched(launch, &planned.target, start.program, start.args, &place.root);
        let guest = match &launched {
            Some(launched) => Guest { program: &launched.program, argv0: None, args: &launched.args },
            None => Guest { program: start.program, argv0: None, args: start.args },
        };
        let supervised = self.supervise(launch, &launch.command(&guest), planned, start, &place)?;
        let mut observation = collect(&supervised, start, &place)?;
        if let Some(launched) = launched {
            observation.end = windows::end(&launched.status, observation.end);
        }
        self.places.give_back(place, !observation.leaked.is_empty());
        Ok(observation)
    }

    /// Runs a tool of the host's for a target, as it is and where it is told.
    pub(super) fn start_tool(&self, host: &PlannedTarget, start: &Start<'_>) -> Result<Observation> {
        let launch = Launch {
            emulator: Emulator { kind: Kind::Native, program: None, cpu: None },
            prefix: Vec::new(),
            env: Vec::new(),
            sysroot: None,
            preparation: None,
        };
        self.started.fetch_add(1, Ordering::Relaxed);
        self.observe(&launch, host, start)
    }

    /// The environment that all guests inherit.
    pub(super) fn environment(&self) -> &[(OsString, OsString)] {
        &self.environment
    }

    /// The machine that we run on.
    pub(super) fn host(&self) -> &dyn Host {
        self.run.host
    }

    /// Whether native programs ran with the libraries that came with them.
    pub(super) fn has_lent(&self) -> bool {
        self.run.board.has_lent()
    }

    /// How many guests were started.
    pub(super) fn started(&self) -> u64 {
        self.started.load(Ordering::Relaxed)
    }

    /// A hash of a file's bytes; the same file is read once.
    pub(super) fn contents(&self, path: &Path) -> Option<blake3::Hash> {
        let lock = || self.hashes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(path) {
            return Some(*known);
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(fs_err::File::open(path).ok()?).ok()?;
        Some(*lock().entry(path.to_owned()).or_insert_with(|| hasher.finalize()))
    }

    /// A hash of what is in a directory; each is looked at once.
    pub(super) fn directory(&self, path: &Path) -> blake3::Hash {
        let mut known = self.directories.lock().unwrap_or_else(PoisonError::into_inner);
        *known.entry(path.to_owned()).or_insert_with(|| super::cache::directory(path))
    }

    /// A hash of the project's files; they are looked at once.
    pub(super) fn project_files(&self, root: &Path) -> blake3::Hash {
        *self.project_files.get_or_init(|| super::cache::project_files(root))
    }

    /// The decision for this file; the same file is asked about once.
    pub(super) fn decide(&self, planned: &PlannedTarget, program: &Path) -> std::sync::Arc<Decision> {
        let key = (program.to_owned(), planned.target.to_string(), planned.options.needs_kernel);
        let lock = || self.decisions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(&key) {
            return known.clone();
        }
        let mut options = planned.options.clone();
        options.origin = program.parent().map(Path::to_path_buf);
        // Its libraries may lie beside it, but not beside what we have compiled alone: there a loader would look for each
        // library in vain, under hundreds of names on some machines.
        if !program.starts_with(self.run.build_dir.join(crate::build::c::DIR)) {
            options.library_path.extend(options.origin.clone());
        }
        let decision = match Binary::read(program) {
            Ok(binary) => lookup(self.run.host, &planned.target, Some(&binary), &options),
            Err(error) => super::guests::unreadable(program, &error),
        };
        lock().entry(key).or_insert_with(|| decision.into()).clone()
    }

    fn supervise(
        &self,
        launch: &Launch,
        command: &CommandLine,
        planned: &PlannedTarget,
        start: &Start<'_>,
        place: &Place,
    ) -> Result<Supervised> {
        let mut set: Vec<(OsString, OsString)> = vec![("TMPDIR".into(), place.tmp.clone().into_os_string())];
        set.extend(planned.env.iter().chain(&start.env).map(|(name, value)| (name.into(), value.into())));
        if launch.emulator.kind == Kind::Vm {
            set.push((crate::vm::SERVERS_VARIABLE.into(), self.systems.dir().into()));
        }
        let mut env = apply(self.environment.clone(), set, command);
        if start.varied {
            env.reverse();
        }
        let job = Job {
            program: &command.program,
            argv0: command.argv0.as_deref(),
            args: &command.args,
            env: &env,
            dir: start.dir.unwrap_or(&place.cwd),
            stdin: start.stdin.map_or(Stdin::Null, Stdin::File),
            stdout: &place.stdout,
            stderr: &place.stderr,
            limits: Limits { deadline: start.deadline, grace: GRACE, output_bytes_max: OUTPUT_BYTES_MAX },
        };
        let in_system = self.systems.enter(launch);
        let shown = self.run.board.sit(start.label.running(start.deadline, &place.stdout));
        let supervised = match self.nests.supervisors(self.run.host, planned, launch)? {
            Some(supervisors) => supervisors.run(&job, Some(self.run.stop)),
            None => supervise::run(&job, Some(self.run.stop)),
        };
        drop((shown, in_system));
        supervised.map_err(|error| {
            Error::world(format!("cannot supervise `{}`", start.program.display())).caused_by(error)
        })
    }

    /// Ends what preparations started: Wine's server.
    pub(crate) fn finish(self) -> Result<()> {
        self.systems.end().into_iter().for_each(|note| self.run.board.remark(note));
        self.preparations.end()?;
        let path = self.work.path().to_owned();
        self.work.close().about("remove", path)
    }
}

fn collect(supervised: &Supervised, start: &Start<'_>, place: &Place) -> Result<Observation> {
    let read = |path: &Path| match fs_err::read(path) {
        Ok(bytes) => Ok(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Error::world(format!("cannot read `{}`", path.display())).caused_by(error)),
    };
    let cwd = start.dir.unwrap_or(&place.cwd);
    Ok(Observation {
        end: end(&supervised.termination),
        stdout: read(&place.stdout)?,
        stderr: read(&place.stderr)?,
        files: produced(cwd, start.files)?,
        wall: supervised.wall,
        cpu: supervised.cpu,
        peak_rss_bytes: supervised.peak_rss_bytes,
        emulator_log: Vec::new(),
        leaked: supervised.leaked.iter().map(|survivor| survivor.name.clone()).collect(),
        // The program's own path first: it may lie below one of the directories.
        roots: vec![
            (start.program.to_owned(), "<program>"),
            (cwd.to_owned(), "<cwd>"),
            (place.tmp.clone(), "<tmp>"),
        ],
    })
}

fn end(termination: &Termination) -> End {
    match termination {
        Termination::Exited(code) => End::Exited { code: *code },
        Termination::Signalled { signal, .. } => End::Signalled { signal: *signal },
        Termination::TimedOut { after } => End::TimedOut { deadline_ms: super::millis(*after) },
        Termination::OutputLimit { .. } => End::OutputLimit { bytes_max: OUTPUT_BYTES_MAX },
        Termination::NotStarted { errno } => {
            End::NotStarted { why: std::io::Error::from_raw_os_error(*errno).to_string() }
        }
        Termination::Interrupted => End::Interrupted,
    }
}

/// The files below `directory` that a glob names, by relative path with `/`.
fn produced(directory: &Path, globs: &[String]) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut found = BTreeMap::new();
    if globs.is_empty() {
        return Ok(found);
    }
    // A star crosses directories already, so `**/` may stand for none.
    let globs: Vec<String> = globs.iter().map(|glob| glob.replace("**/", "*")).collect();
    let mut pending = vec![directory.to_owned()];
    while let Some(here) = pending.pop() {
        for entry in fs_err::read_dir(&here).about("list", &here)? {
            let path = entry.about("list", &here)?.path();
            // Links are neither followed nor read: a guest may not make us read the host's files.
            let kind = fs_err::symlink_metadata(&path).about("look at", &path)?;
            if kind.is_dir() {
                pending.push(path);
                continue;
            }
            let Some(name) = path.strip_prefix(directory).ok().and_then(Path::to_str) else { continue };
            if kind.is_file() && globs.iter().any(|glob| crate::pattern::glob(glob, name)) {
                let bytes = if kind.len() > FILE_BYTES_MAX {
                    format!("(a file of {} bytes, more than is compared)", kind.len()).into_bytes()
                } else {
                    fs_err::read(&path).about("read", &path)?
                };
                found.insert(name.to_owned(), bytes);
            }
        }
    }
    Ok(found)
}

/// The environment guests inherit: ours, without what would make runs differ for reasons of the harness.
fn environment() -> Vec<(OsString, OsString)> {
    const DROPPED: &[&str] = &["RUST_BACKTRACE", "RUST_LIB_BACKTRACE", "RUST_LOG"];
    let mut env: Vec<(OsString, OsString)> = std::env::vars_os()
        .filter(|(name, _)| {
            let name = name.to_string_lossy();
            !DROPPED.contains(&&*name) && !name.starts_with("CARGO_") && !name.starts_with("TRIPLECHECK_")
        })
        .collect();
    // A panic that symbolises a large binary under an emulator takes a hundred times as long.
    env.push(("RUST_BACKTRACE".into(), "0".into()));
    env
}

/// The complete environment in which a launch is started outside of a run.
pub(crate) fn launch_environment(command: &CommandLine) -> Vec<(OsString, OsString)> {
    apply(environment(), Vec::new(), command)
}

/// That neither the host's libraries nor those that came with a program suit it.
fn unsuited(refusal: &str) -> Blocked {
    Blocked { reason: format!("this machine's libraries do not suit it: {refusal}"), fix: None }
}

/// How it is run, or why it cannot be.
fn launch_of<'d>(decision: &'d Decision, planned: &PlannedTarget) -> Result<&'d Launch, Blocked> {
    match decision {
        Decision::Run(launch, _) => Ok(launch),
        Decision::Cannot(reason, _) => {
            let fix = super::guests::fix(reason, &planned.target);
            Err(Blocked { reason: reason.text.clone(), fix })
        }
    }
}

/// `base` with the case's variables set and then the launch's changes made.
pub(super) fn apply(
    base: Vec<(OsString, OsString)>,
    set: Vec<(OsString, OsString)>,
    command: &CommandLine,
) -> Vec<(OsString, OsString)> {
    let mut env: BTreeMap<OsString, OsString> = base.into_iter().chain(set).collect();
    for change in &command.env {
        match change {
            EnvChange::Set(name, value) => {
                env.insert(name.clone(), value.clone());
            }
            EnvChange::Remove(name) => {
                env.remove(name);
            }
            EnvChange::Prepend(name, value, separator) => {
                let old = env.get(name).filter(|old| !old.is_empty()).cloned();
                let mut new = value.clone();
                if let Some(old) = old {
                    new.push(separator.to_string());
                    new.push(old);
                }
                env.insert(name.clone(), new);
            }
        }
    }
    env.into_iter().collect()
}
