//! Stands for one program that runs in a guest system: its input, its output, what it made, and its end.

mod files;
mod signals;

use std::ffi::{OsStr, OsString};
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{FileType, fstat, major, minor};
use rustix::process::{Resource, Rlimit, setrlimit};

use triplecheck_emulators::host::{Host as _, Kvm};
use triplecheck_emulators::vm::KERNEL;
use triplecheck_emulators::vm::accelerators::Accelerator;

use super::guest::REFUSED;
use super::image;
use super::passed::Passed;
use super::up::{Up, without_kvm};
use super::wire::{self, Ended, Fields, kind};
use super::{SERVE_SUBCOMMAND, SERVERS_VARIABLE, VOICE, Wanted, Words};
use crate::unix;
use files::{bring_back, roots};

/// The status with which a hook fails.
const FAILED: u8 = 125;
/// How much input is sent at once.
const CHUNK_BYTES: usize = 64 * 1024;
/// The number of "no such file".
const ENOENT: i32 = 2;

/// A way to a guest system, and the server if it is ours alone.
struct Way {
    stream: UnixStream,
    server: Option<Child>,
}

/// Why the program was not seen to its end.
struct Failure {
    code: u8,
    text: String,
    /// Whether another program may be to blame: the system ended while others ran in it, or before this one was let in.
    may_be_of_others: bool,
}

fn failure(text: impl Into<String>) -> Failure {
    Failure { code: FAILED, text: text.into(), may_be_of_others: false }
}

/// `__vm WORDS`: runs a program in a guest system, and ends as it ended.
///
/// Where the system ended while other programs ran in it, or ended this one for want of memory, the program runs once more in a system of its own, so that only what
/// ends that one too is told as the system's failure. What it has written by then is not written twice. Not repeated is a
/// program whose input is not `/dev/null`, since that is consumed; one that has written more than is kept; and one that
/// writes something else the second time, whose first failure is told. What it made is brought back at its end alone.
pub fn main(words: &[OsString]) -> ExitCode {
    let Some(words) = Words::read(words) else {
        say(
            "usage: triplecheck __vm --machine M --qemu FILE --kernel DIR --cpu MODEL --accel NAME --board NAME \
             [--sysroot DIR] -- PROGRAM",
        );
        return ExitCode::from(FAILED);
    };
    let mut passed = [Passed::default(), Passed::default()];
    let mut is_shared = false;
    let mut ended = reach(&words.wanted).and_then(|way| {
        is_shared = way.server.is_none();
        run_over(&words, way, &mut passed)
    });
    let may_be_of_others = match &ended {
        Err(first) => first.may_be_of_others,
        // The kernel ends the largest, and not the one whose fault it is.
        Ok(Ended::Signalled { out_of_memory, .. }) => *out_of_memory && is_shared,
        Ok(Ended::Exited(_) | Ended::NotStarted { .. }) => false,
    };
    if may_be_of_others && stdin_is_null() && passed.iter().all(|passed| !passed.is_too_much) {
        for passed in &mut passed {
            passed.at = 0;
        }
        let again = start_alone(&words.wanted).and_then(|way| run_over(&words, way, &mut passed));
        if passed.iter().all(|passed| passed.at == passed.bytes.len()) {
            ended = again;
        }
    }
    match ended {
        Ok(Ended::Exited(code)) => ExitCode::from(u8::try_from(code & 0xff).unwrap_or(FAILED)),
        Ok(Ended::Signalled { signal, out_of_memory }) => {
            if out_of_memory {
                say("the guest system ran out of memory");
            }
            // A second core, of this process, would be no help to anybody.
            let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
            unix::die_of(signal);
            ExitCode::from(FAILED)
        }
        Ok(Ended::NotStarted { stage, errno }) => tell(&not_started(&words, &stage, errno)),
        Err(failure) => tell(&failure),
    }
}

/// Why the guest did not start the program, or could not give back what it made.
fn not_started(words: &Words, stage: &str, errno: i32) -> Failure {
    const ENODEV: i32 = 19;
    let (program, why) = (words.program.display(), io::Error::from_raw_os_error(errno));
    if let Some(what) = stage.strip_prefix("bring back ") {
        return failure(format!("cannot bring back {what}: {why}"));
    }
    if stage.starts_with("mount ") && errno == ENODEV {
        let file_system = if stage.contains("overlay") { "overlayfs" } else { "9p" };
        return failure(format!(
            "cannot start `{program}`: the kernel of the guest system has no {file_system}: {}",
            words.wanted.remedy()
        ));
    }
    let code = if errno == ENOENT { 127 } else { 126 };
    let text = format!("cannot run `{program}` in the guest system: failed to {stage}: {why}");
    Failure { code, text, may_be_of_others: false }
}

fn run_over(words: &Words, way: Way, passed: &mut [Passed; 2]) -> Result<Ended, Failure> {
    let ended = run(words, &way.stream, passed);
    let _ = way.stream.shutdown(std::net::Shutdown::Both);
    if let Some(mut server) = way.server {
        let _ = server.wait();
    }
    ended
}

fn tell(failure: &Failure) -> ExitCode {
    say(&failure.text);
    ExitCode::from(failure.code)
}

fn say(text: &str) {
    let _ = io::stderr().write_all(format!("{VOICE}{text}\n").as_bytes());
}

/// The run's server, or one for this program alone.
fn reach(wanted: &Wanted) -> Result<Way, Failure> {
    if let Some(servers) = std::env::var_os(SERVERS_VARIABLE)
        && let Ok(stream) = UnixStream::connect(wanted.socket(Path::new(&servers)))
    {
        return Ok(Way { stream, server: None });
    }
    start_alone(wanted)
}

fn start_alone(wanted: &Wanted) -> Result<Way, Failure> {
    let started = UnixStream::pair().and_then(|(ours, theirs)| {
        let stdin = Stdio::from(OwnedFd::from(theirs));
        Ok((ours, start_server(wanted, &[], stdin)?))
    });
    let (stream, server) =
        started.map_err(|error| failure(format!("a guest system cannot be started: {error}")))?;
    let Server { process, up } = server.map_err(failure)?;
    // In a run, whose server told it, this would be taken for the program's words.
    if let Some(why) = up.not_kvm.filter(|_| std::env::var_os(SERVERS_VARIABLE).is_none()) {
        say(&without_kvm(&why));
    }
    Ok(Way { stream, server: Some(process) })
}

/// A server that is up.
pub(crate) struct Server {
    pub(crate) process: Child,
    pub(crate) up: Up,
}

/// The system as it is started: not under KVM where that has been found useless since it was decided.
fn as_usable(wanted: &Wanted) -> Wanted {
    match wanted.accelerator {
        Accelerator::Kvm if matches!(crate::commands::host().kvm(), Kvm::No { .. }) => wanted.under_tcg(),
        Accelerator::Kvm | Accelerator::Tcg => wanted.clone(),
    }
}

/// Starts a server and waits until its guest is up. The inner error is one sentence.
pub(crate) fn start_server(
    wanted: &Wanted,
    more: &[OsString],
    stdin: Stdio,
) -> io::Result<Result<Server, String>> {
    if let Some(why) = image::problem(&wanted.kernel.join(KERNEL), wanted.system.machine) {
        return Ok(Err(format!("the guest system cannot be started: {why}: {}", wanted.remedy())));
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the server of a guest system is started"
    )]
    let mut command = std::process::Command::new(crate::supervise::OWN_BINARY);
    command.arg(SERVE_SUBCOMMAND).args(as_usable(wanted).words()).args(more);
    command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::null()).env_clear();
    unix::outlast_requests(&mut command);
    let mut process = command.spawn()?;
    let mut answer = String::new();
    if let Some(mut stdout) = process.stdout.take() {
        // Its first line is all that it says; what QEMU inherits of it is another pipe.
        let mut byte = [0];
        while stdout.read(&mut byte)? == 1 && byte[0] != b'\n' {
            answer.push(char::from(byte[0]));
        }
    }
    if let Some(up) = Up::read(&answer) {
        if let Some(why) = &up.not_kvm {
            crate::commands::host().refute_kvm(why);
        }
        return Ok(Ok(Server { process, up }));
    }
    let _ = process.wait();
    Ok(Err(if answer.is_empty() {
        "the guest system's server ended without a word".to_owned()
    } else if answer.contains(REFUSED) {
        // Not the system's fault: a processor that this QEMU does not know, or another QEMU than was thought.
        let about_cpu = answer.contains("CPU model");
        let help = format!(": `{} -cpu help` names those that it knows", wanted.qemu.display());
        format!("{answer}{}", if about_cpu { help.as_str() } else { "" })
    } else if answer.contains("did not come up: ") {
        // One that takes too long is not known to be at fault.
        format!("{answer}: {}", wanted.remedy())
    } else {
        answer
    }))
}

/// Sends the order and carries on until the program is over.
fn run(words: &Words, stream: &UnixStream, passed: &mut [Passed; 2]) -> Result<Ended, Failure> {
    let lost = |error: io::Error| failure(format!("the guest system is gone: {error}"));
    let not_let_in = |failure| Failure { may_be_of_others: true, ..failure };
    let piped = !stdin_is_null();
    let roots = roots();
    let order = order(words, piped, &roots)?;
    // A server that is gone before it has let this one in may have been ended by another's program.
    wire::write(&mut &*stream, 0, kind::RUN, &order).map_err(lost).map_err(not_let_in)?;
    let hello = wire::read(&mut &*stream).map_err(lost).map_err(not_let_in)?;
    if hello.is_none_or(|frame| frame.kind != kind::HELLO) {
        return Err(not_let_in(failure("the guest system is gone")));
    }
    let (taken, more) = channel();
    // Frames of several threads are written whole.
    let writer = Arc::new(Mutex::new(stream.try_clone().map_err(lost)?));
    signals::pass_on(writer.clone()).map_err(lost)?;
    if piped {
        std::thread::spawn(move || feed(&writer, &more));
    }
    let mut report = Vec::new();
    let [out, err] = passed;
    let differs = || failure("the program wrote something else when it ran again");
    loop {
        let frame = match wire::read(&mut &*stream) {
            Ok(Some(frame)) => frame,
            Ok(None) => return Err(failure("the guest system is gone: its server was ended")),
            Err(error) => return Err(lost(error)),
        };
        match frame.kind {
            kind::STDOUT => out.pass(&mut io::stdout().lock(), &frame.payload).ok_or_else(differs)?,
            kind::STDERR => err.pass(&mut io::stderr().lock(), &frame.payload).ok_or_else(differs)?,
            kind::REPORT => report.extend_from_slice(&frame.payload),
            kind::INPUT => drop(taken.send(())),
            kind::OVER => break,
            kind::GONE => {
                let why = String::from_utf8_lossy(&frame.payload);
                let gone = failure(format!("the guest system ended while the program ran: {why}"));
                return Err(Failure { may_be_of_others: frame.cell > 1, ..gone });
            }
            _ => {}
        }
    }
    if [out, err].iter().any(|passed| passed.at < passed.bytes.len()) {
        return Err(differs());
    }
    let (changes, ended, is_full) = wire::report(&report)
        .ok_or_else(|| failure("the guest system lost the program: what watches it there was killed"))?;
    for change in &changes {
        bring_back(change, &roots)
            .map_err(|error| failure(format!("cannot bring back what the program made: {error}")))?;
    }
    if is_full { without_files(ended) } else { Ok(ended) }
}

/// What is made of the end of a program of which nothing is brought back, because there was no room for what it wrote: a
/// failure stands as it is, and a success is none.
fn without_files(ended: Ended) -> Result<Ended, Failure> {
    let text = "the guest system is full: it has no more room for what programs write, and nothing is brought back; \
                `--emulator qemu-user` writes to this machine's disk";
    match ended {
        Ended::Exited(0) => Err(failure(text)),
        ended => {
            say(text);
            Ok(ended)
        }
    }
}

/// Sends standard input, a piece whenever the last one was taken.
fn feed(stream: &Mutex<UnixStream>, taken: &Receiver<()>) {
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let count = io::stdin().lock().read(&mut buffer).unwrap_or(0);
        let written = {
            let stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
            wire::write(&mut &*stream, 0, kind::INPUT, &buffer[..count])
        };
        if written.is_err() || count == 0 || taken.recv().is_err() {
            return;
        }
    }
}

fn stdin_is_null() -> bool {
    let Ok(about) = fstat(rustix::stdio::stdin()) else { return true };
    let device = (major(about.st_rdev), minor(about.st_rdev));
    FileType::from_raw_mode(about.st_mode) == FileType::CharacterDevice && device == (1, 3)
}

fn order(words: &Words, piped: bool, roots: &[PathBuf]) -> Result<Vec<u8>, Failure> {
    let cwd = std::env::current_dir()
        .map_err(|error| failure(format!("cannot find the current directory: {error}")))?;
    let bytes = |path: &PathBuf| path.as_os_str().as_bytes().to_vec();
    let argv0 = words.argv0.as_deref().unwrap_or(words.program.as_os_str());
    let argv: Vec<&OsStr> =
        std::iter::once(argv0).chain(words.args.iter().map(OsString::as_os_str)).collect();
    let hidden = format!("{SERVERS_VARIABLE}=");
    let env: Vec<OsString> = unix::environment()
        .into_iter()
        .filter(|entry| !entry.as_bytes().starts_with(hidden.as_bytes()))
        .collect();
    let mut fields = Fields::default();
    fields.number(piped.into());
    super::inherited::write(&mut fields);
    fields.bytes(cwd.as_os_str().as_bytes());
    let links = words.sysroot.as_deref().map(links_over).unwrap_or_default();
    fields.list(links.iter().map(|path| path.as_os_str().as_bytes()));
    let roots: Vec<Vec<u8>> = roots.iter().map(bytes).collect();
    fields.list(roots.iter().map(Vec::as_slice));
    fields.bytes(words.program.as_os_str().as_bytes());
    fields.list(argv.iter().map(|word| word.as_bytes()));
    fields.list(env.iter().map(|entry| entry.as_bytes()));
    Ok(fields.0)
}

/// The directories of libraries of a sysroot that take the place of the host's: names in the root and where they lead, in
/// turn.
fn links_over(sysroot: &Path) -> Vec<PathBuf> {
    let mut links = Vec::new();
    for entry in fs_err::read_dir(sysroot).into_iter().flatten().flatten() {
        let name = entry.file_name();
        // A link from `/usr` into itself would lead nowhere.
        if name.as_bytes().starts_with(b"lib") || (name == "usr" && !sysroot.starts_with("/usr")) {
            links.extend([PathBuf::from(&name), sysroot.join(&name)]);
        }
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_whose_files_are_lost_has_not_succeeded() {
        let failed = without_files(Ended::Exited(0)).err().unwrap();
        assert!(failed.code == FAILED && failed.text.contains("is full"), "{}", failed.text);
        assert_eq!(without_files(Ended::Exited(3)).ok(), Some(Ended::Exited(3)));
    }

    /// Where it finds nothing, everything is slower and nothing fails.
    #[test]
    fn the_server_finds_program_and_links_in_an_order() {
        let sysroot = tempfile::tempdir().unwrap();
        fs_err::create_dir(sysroot.path().join("lib")).unwrap();
        let words = "--machine s390x --qemu /q --kernel /k --cpu max --accel tcg --board b -- bin/p x";
        let words: Vec<OsString> = words.split(' ').map(OsString::from).collect();
        let words = Words { sysroot: Some(sysroot.path().to_owned()), ..Words::read(&words).unwrap() };
        let order = order(&words, true, &[]).ok().unwrap();
        let lib = sysroot.path().join("lib");
        let links = vec![b"lib".to_vec(), lib.as_os_str().as_bytes().to_vec()];
        let (start, cwd) = super::super::hot::start(&order).unwrap();
        let here = std::env::current_dir().unwrap();
        assert_eq!((start.program, start.links, cwd), (here.join("bin/p"), links, here));
    }
}
