//! `triplecheck exec`: one foreign program, in place of ourselves.
//!
//! Nothing of ours is ever printed to standard output, and nothing at all when the program starts. The process
//! is replaced wherever that is faithful, so that status, signals, job control and memory are the guest's own.
//!
//! The kernel calls the same hook for the programs that a guest starts ([`crate::children`]); those calls are told by a
//! bit that only the kernel sets, and differ in that everything is in place already.

use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use triplecheck_emulators::binary::{Binary, UnreadableBinary};
use triplecheck_emulators::host::{Host, LocalHost};
use triplecheck_emulators::launch::{CommandLine, EnvChange, Guest, Kind, Launch, Preparation};
use triplecheck_emulators::lookup::{Decision, Obstacle, Options, lookup, lookup_binary, target_of};
use triplecheck_emulators::machine::Machine;
use triplecheck_emulators::target::Target;

use crate::children::{self, Found, Policy, Settings};
use crate::error::{Error, Result};
use crate::ledger::{Record, Start};
use crate::prepare::{self, Lifetime, Prepared};
use crate::unix;

mod environment;
mod fidelity;
mod guard;
mod words;

pub use words::{from_args, from_words};

/// What an `exec` is given.
#[derive(Debug, Default)]
pub struct Request {
    /// The target the program must be for.
    pub target: Option<String>,
    /// How the emulator is chosen.
    pub options: Options,
    /// What is done for the guest's children.
    pub children: Policy,
    /// Where the start is recorded.
    pub ledger: Option<PathBuf>,
    /// Set where the kernel calls us for a program that it found.
    pub nested: Option<Nested>,
    /// The program as it was named, and its arguments.
    pub words: Vec<OsString>,
}

/// What is known of a start by the kernel.
#[derive(Debug)]
pub struct Nested {
    /// The program's file.
    pub file: PathBuf,
    /// What the first hook left for it.
    pub settings: Settings,
}

/// Where `execvp` looks where there is no `PATH`: glibc's `_CS_PATH`.
pub(super) const EXECVP_PATH: &str = "/bin:/usr/bin";

/// Why the guest was not started, with the exit status that says so.
#[derive(Debug)]
pub struct Refusal {
    /// 125 the hook itself failed, 126 no emulator can run it, 127 no such file.
    pub code: u8,
    /// What is told.
    pub error: Error,
}

/// The status with which the hook itself fails.
const HOOK_FAILED: u8 = 125;

/// A guest of which only the start is missing.
struct Ready {
    kind: Kind,
    command: CommandLine,
    /// Held as long as the guest runs: it takes it over, or we stay.
    prepared: Option<Prepared>,
}

impl Ready {
    /// Starts it. Comes back only with the reason why that was not possible, or why nobody knows what came of it.
    fn start(self) -> Refusal {
        let program = self.command.program.display();
        let not_started = |error: std::io::Error| {
            let code = if error.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 };
            refuse(code, Error::world(format!("cannot start `{program}`")).caused_by(error))
        };
        let Some(Prepared::Wine(session)) = &self.prepared else {
            let error = replace(self.kind, &self.command);
            // Held until here, and by the guest from here on.
            std::mem::forget(self.prepared);
            return not_started(error);
        };
        match guard::run(|| replace(self.kind, &self.command)) {
            Ok(ended) if ended.is_doubtful() && !session.server_is_up() => {
                let text = "Wine's server was ended while the program ran, and the program with it";
                let hint = "end the server only when nothing runs in its prefix";
                // Its lock is with the descriptors that are closed already.
                std::mem::forget(self.prepared);
                refuse(HOOK_FAILED, Error::world(text).hint(hint))
            }
            Ok(ended) => ended.repeat(),
            Err(error) => not_started(error),
        }
    }
}

/// What was found out about the program on the way to its start, for the ledger.
#[derive(Debug, Default)]
struct Findings {
    program: PathBuf,
    target: Option<String>,
    launch: Option<Launch>,
    version: Option<String>,
    /// Why the guest's children may not find their emulator.
    childless: Option<String>,
    /// Whether it is a program of the host's, where one for another target was asked for.
    of_the_host: bool,
}

/// Starts the program in our place. Comes back only with the reason why that was not possible.
pub fn exec(request: &Request) -> Refusal {
    // What is started on the way (a probe of the host, Wine's server) has to be waited for, whatever our own parent thinks
    // of SIGCHLD; the guest gets back what it was.
    unix::reset_child_signal();
    let mut findings = Findings::default();
    let refusal = match prepare(request, &mut findings) {
        Ok(ready) => match record(request, &findings, None) {
            Ok(()) => ready.start(),
            Err(error) => refuse(HOOK_FAILED, error),
        },
        Err(refusal) => refusal,
    };
    match record(request, &findings, Some(&refusal)) {
        Ok(()) => refusal,
        // Both are told: the first is why, the second why nobody else will know.
        Err(error) => Refusal { error: refusal.error.hint(error.render()), ..refusal },
    }
}

/// The command line that runs the request, with everything ready that it needs.
fn prepare(request: &Request, findings: &mut Findings) -> Result<Ready, Refusal> {
    let host = match &request.nested {
        Some(nested) => nested.settings.host(super::host()),
        None => super::host(),
    };
    let (name, args) =
        request.words.split_first().ok_or_else(|| refuse(125, Error::user("no program is named")))?;
    let program = match &request.nested {
        Some(nested) => absolute(&nested.file)?,
        None => resolve(&host, name, request.target.as_deref())?,
    };
    findings.program.clone_from(&program);
    let binary = Binary::read(&program).map_err(|error| unreadable(&program, error))?;
    if request.nested.is_none() {
        check_executable(&program)?;
    }
    let wants_record = request.ledger.is_some();
    if wants_record {
        findings.target = target_of(&binary).map(|target| target.to_string());
    }
    let decision = decide(&host, request, &binary, &program)?;
    let launch = match decision {
        Decision::Run(launch, _) => launch,
        Decision::Cannot(reason, _) => {
            findings.of_the_host = reason.obstacle == Obstacle::WrongTarget && is_of_the_host(&host, &binary);
            let text = format!("cannot run `{}`: {}", program.display(), reason.text);
            let error = Error::world(text)
                .hint(format!("triplecheck which {}", crate::shell::quote(&program.display().to_string())));
            let install = super::which::install_command(&reason.missing);
            return Err(refuse(126, install.into_iter().fold(error, Error::hint)));
        }
    };
    let guest = Guest { program: &program, argv0: Some(name.as_os_str()), args };
    fidelity::check(&launch, machine_of(&binary), &guest)?;
    if wants_record {
        findings.version = launch.emulator.program.as_deref().and_then(|program| host.version(program));
    }
    let prepared = match &launch.preparation {
        Some(preparation) => Some(made(preparation, &program)?),
        None => None,
    };
    let mut command = launch.command(&guest);
    if request.nested.is_none() {
        findings.childless = arrange_children(&host, request, &binary, &launch, &mut command)?;
    }
    let kind = launch.emulator.kind;
    fidelity::settle(kind);
    findings.launch = Some(launch);
    Ok(Ready { kind, command, prepared })
}

fn decide(host: &LocalHost, request: &Request, binary: &Binary, program: &Path) -> Result<Decision, Refusal> {
    let Some(text) = &request.target else {
        let options = match &request.nested {
            Some(nested) => nested.settings.options(machine_of(binary)),
            None => request.options.clone(),
        };
        return Ok(lookup_binary(host, binary, program, &options));
    };
    let target = Target::parse(text).map_err(|unknown| refuse(125, crate::plan::unknown_triple(unknown)))?;
    let options = Options { origin: program.parent().map(Path::to_owned), ..request.options.clone() };
    Ok(lookup(host, &target, Some(binary), &options))
}

/// Whether this is a program that the host has for itself.
fn is_of_the_host(host: &dyn Host, binary: &Binary) -> bool {
    matches!(binary, Binary::Script(_)) || machine_of(binary) == Some(host.machine())
}

fn machine_of(binary: &Binary) -> Option<&'static Machine> {
    match binary {
        Binary::Elf(elf) => Machine::of_elf(elf),
        Binary::Pe(pe) => Machine::of_pe(pe.machine),
        Binary::Wasm(_) | Binary::MachO | Binary::Script(_) => None,
    }
}

/// Sees to it that what the guest starts finds its emulator. Says why not, where that is no reason to refuse.
fn arrange_children(
    host: &LocalHost,
    request: &Request,
    binary: &Binary,
    launch: &Launch,
    command: &mut CommandLine,
) -> Result<Option<String>, Refusal> {
    let machine = machine_of(binary);
    let found = children::found(launch, machine, matches!(binary, Binary::Script(_)));
    match (request.children, &found) {
        (Policy::Off, _) | (_, Found::NotNeeded | Found::Ours) | (Policy::Auto, Found::Host) => {
            return Ok(None);
        }
        (Policy::Auto | Policy::Private, _) => {}
    }
    let guest = machine.map(|machine| (machine, launch));
    let settings = Settings::of(host, &request.options, guest, request.ledger.as_deref());
    // The host's own family is taken to run natively, which is found out by starting something; but the guest does not.
    let entered = children::enter_for(host, &settings, |sibling| Some(sibling) != machine);
    match (entered, request.children, &launch.sysroot) {
        (Ok(()), _, _) => Ok(None),
        (Err(error), Policy::Private, _) => Err(refuse(125, error)),
        (Err(error), _, sysroot) => {
            if let (Found::HostWithoutSysroot, Some(sysroot)) = (found, sysroot) {
                // The kernel starts QEMU without our `-L`; this is the only other way to tell it.
                command.env.push(EnvChange::Set("QEMU_LD_PREFIX".into(), sysroot.into()));
                return Ok(None);
            }
            Ok(Some(error.render()))
        }
    }
}

/// Writes the record of this start, where a ledger is kept.
fn record(request: &Request, findings: &Findings, refusal: Option<&Refusal>) -> Result<()> {
    let Some(path) = &request.ledger else { return Ok(()) };
    let kind = findings.launch.as_ref().map(|launch| launch.emulator.kind);
    let verdict = match (refusal, kind) {
        // Its answers would be the host's: a configure test that asks for `getconf` is rightly told no.
        (Some(_), _) if findings.of_the_host => Start::Native,
        (Some(_), _) => Start::Infrastructure,
        (None, Some(Kind::Native)) => Start::Native,
        (None, _) if request.nested.is_some() => Start::Nested,
        (None, _) => Start::Ran,
    };
    let error = refusal.map(|refusal| &refusal.error);
    let record = Record {
        verdict,
        argv: request.words.iter().map(|word| word.to_string_lossy().into_owned()).collect(),
        program: findings.program.clone(),
        cwd: std::env::current_dir().ok(),
        target: findings.target.clone(),
        emulator: kind.map(|kind| kind.to_string()),
        version: findings.version.clone(),
        sysroot: findings.launch.as_ref().and_then(|launch| launch.sysroot.clone()),
        status: refusal.map(|refusal| refusal.code),
        reason: error.map(Error::sentence).or_else(|| findings.childless.clone()),
        fixes: error.map(|error| error.hints().to_vec()).unwrap_or_default(),
    };
    record.append(path)
}

/// Puts in place what the emulator needs, and lets the guest go on holding it.
fn made(preparation: &Preparation, program: &Path) -> Result<Prepared, Refusal> {
    let options = prepare::Options { lifetime: Lifetime::Call, node_script: crate::NODE_SCRIPT };
    let failed = || Error::world(format!("cannot prepare the emulator for `{}`", program.display()));
    let prepared = prepare::prepare(preparation, options).map_err(|error| {
        let hints = error.hints();
        refuse(125, hints.into_iter().fold(failed().caused_by(error), Error::hint))
    })?;
    prepared.keep_across_exec().map_err(|error| refuse(125, failed().caused_by(error)))?;
    Ok(prepared)
}

fn refuse(code: u8, error: Error) -> Refusal {
    Refusal { code, error }
}

/// Finds the file as `execvp` does: a name without a slash on `PATH`, anything else as it is. Absolute, since
/// emulators look for relative names elsewhere. Where a program of Windows is asked for, its name may lack the suffix, as
/// it may there.
fn resolve(host: &dyn Host, name: &OsStr, target: Option<&str>) -> Result<PathBuf, Refusal> {
    let mut names = vec![name.to_owned()];
    if target.is_some_and(|target| target.contains("-windows")) {
        names.push([name, OsStr::new(".exe")].into_iter().collect());
    }
    let in_dir = |dir: &Path| names.iter().map(|name| dir.join(name)).find(|file| host.is_file(file));
    if !name.as_bytes().contains(&b'/') {
        let path = std::env::var_os("PATH").unwrap_or_else(|| EXECVP_PATH.into());
        return std::env::split_paths(&path).find_map(|dir| in_dir(&dir)).ok_or_else(|| not_on_path(name));
    }
    let path = Path::new(name);
    match path.metadata() {
        Ok(_) => absolute(path),
        Err(error) => match in_dir(Path::new("")) {
            Some(file) => absolute(&file),
            None => Err(not_there(path, error)),
        },
    }
}

fn absolute(path: &Path) -> Result<PathBuf, Refusal> {
    std::path::absolute(path).map_err(|error| {
        refuse(125, Error::world(format!("cannot name `{}` absolutely", path.display())).caused_by(error))
    })
}

/// That no directory of `PATH` has a file of this name, with what was probably meant.
fn not_on_path(name: &OsStr) -> Refusal {
    let shown = Path::new(name).display();
    let hint = match name.as_bytes() {
        [b'-', ..] => "options stand before the program: see `triplecheck exec --help`".to_owned(),
        _ if !name.is_empty() && Path::new(name).exists() => format!("for the file here write `./{shown}`"),
        _ => "a name without a slash is looked up on `PATH`".to_owned(),
    };
    refuse(127, Error::user(format!("there is no program `{shown}`")).hint(hint))
}

/// Why there is nothing at `path`: no such file, a link that leads nowhere, or a way that is closed.
fn not_there(path: &Path, error: std::io::Error) -> Refusal {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    let text = format!("there is no program `{}`", path.display());
    match (error.kind(), std::fs::read_link(path)) {
        (NotFound, Ok(target)) => {
            let hint = format!("it is a link to `{}`, which is not there", target.display());
            refuse(127, Error::user(text).hint(hint))
        }
        (NotFound | NotADirectory, _) => {
            refuse(127, Error::user(text).hint("the file or one of its directories is not there"))
        }
        _ => {
            let hint = "look at the links and directories on the way to it";
            refuse(126, Error::user(format!("cannot run `{}`", path.display())).caused_by(error).hint(hint))
        }
    }
}

/// The kernel refuses a file without execute permission; an emulator would run it all the same.
fn check_executable(program: &Path) -> Result<(), Refusal> {
    rustix::fs::access(program, rustix::fs::Access::EXEC_OK).map_err(|error| {
        let text = format!("`{}` is not executable", program.display());
        refuse(126, Error::user(text).caused_by(error).hint(format!("chmod +x {}", program.display())))
    })
}

fn unreadable(program: &Path, error: UnreadableBinary) -> Refusal {
    let code = if matches!(error, UnreadableBinary::NotFound) { 127 } else { 126 };
    let advice = error.advice();
    refuse(code, Error::user(format!("cannot run `{}`", program.display())).caused_by(error).hint(advice))
}

/// Replaces this process. Comes back only with the reason why not.
fn replace(kind: Kind, command: &CommandLine) -> std::io::Error {
    let argv0 = command.argv0.as_deref().unwrap_or(command.program.as_os_str());
    let words = std::iter::once(argv0).chain(command.args.iter().map(OsString::as_os_str));
    // Words of a command line and paths that were opened hold no zero byte, or the kernel had not passed them to us.
    let c = |text: &OsStr| CString::new(text.as_bytes()).map_err(std::io::Error::from);
    let built = (|| {
        let env = environment::of_guest(kind, &command.env);
        let env =
            env.map(|env| env.iter().map(|entry| c(entry)).collect::<Result<Vec<_>, _>>()).transpose()?;
        Ok((c(command.program.as_os_str())?, words.map(c).collect::<Result<Vec<_>, _>>()?, env))
    })();
    match built {
        Ok((program, argv, env)) => unix::execute(&program, &argv, env.as_deref()),
        Err(error) => error,
    }
}
