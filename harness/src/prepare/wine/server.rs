//! The Wine server of a prefix: whether one is up and warm, starting one, keeping one up, ending it.
//!
//! The server holds a lock on a file of its own, which the kernel can be asked about: no process is started to learn
//! that all is well. A server alone is not enough: its services must have been woken by a program whose streams are
//! nobody's pipes. That is noted with the server's process id and start time, since ids come again.
//!
//! Surprises: a server started with a time limit and never used stays **for ever**, the limit counts from the end of
//! its last program. `wineserver -w` waits for it. Debian's `wineserver` is a script that sets a limit of 0; Debian
//! keeps the server's directory under a random name in `/tmp`, noted in the prefix, where others derive it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, PipeWriter, Read};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::{Flock, FlockOffsetType, FlockType, fcntl_getlk};

use super::super::lock::{self, Sharing};
use super::super::spawn::Tool;
use super::super::{PrepareError, at};
use super::processes::{self, Process};
use super::{LOCK_LIMIT, Site};

/// A server that a single call started ends this long after its last program: longer than a build takes between
/// two runs of its tests, and short enough that nobody wonders.
pub const LINGER_SECONDS: u32 = 120;

/// `wineserver -p` answers within milliseconds.
const SERVER_LIMIT: Duration = Duration::from_secs(20);
/// The first program wakes the services: 0.4 s on a free machine.
const WARM_LIMIT: Duration = Duration::from_secs(60);
/// `wineserver -k` waits for the services: 0.8 s.
const STOP_LIMIT: Duration = Duration::from_secs(30);
/// A new client is greeted within a millisecond.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// The keeper ends within milliseconds of the end of its input.
const KEEPER_LIMIT: Duration = Duration::from_secs(20);

/// What `wineserver -p` says where a server is up already.
const ALREADY_UP: i32 = 2;

/// Wine's own program that waits for its input; started by its full path, since a bare name goes through a second
/// process.
const WAITER: &str = "C:\\windows\\system32\\cmd.exe";

/// A process of Wine that does nothing, so that the server has a reason to stay, however long no guest runs. It ends
/// with its input, thus also when this process is killed, and then the server's time limit counts.
#[derive(Debug)]
pub struct Keeper {
    input: PipeWriter,
    handle: duct::Handle,
    tool: Tool,
}

/// Makes sure that a server is up whose services hold nobody's pipes. Says whether it had to be started.
pub(super) fn warm(site: &Site) -> Result<bool, PrepareError> {
    if is_warm(site) {
        return Ok(false);
    }
    let _maker = lock::lock(&site.maker_path(), Sharing::Exclusive, LOCK_LIMIT)?;
    if is_warm(site) {
        return Ok(false);
    }
    let program = find_program(site)?;
    let mut tool = site.tool("start the Wine server", &[], SERVER_LIMIT);
    tool.program = program;
    tool.args = vec![format!("-p{LINGER_SECONDS}").into()];
    let started = match tool.run()? {
        0 => true,
        ALREADY_UP => false,
        status => return Err(tool.failed(&format!("exited with {status}"))),
    };
    site.tool("wake Wine's services", &[WAITER, "/d", "/c", "exit"], WARM_LIMIT).succeed()?;
    if let Some(process) = find_server(site) {
        lock::write_whole(&warm_path(site), process.identity().as_bytes())?;
    }
    Ok(started)
}

/// Ends the server and everything in the prefix. What had outlived an earlier server is killed, and returned.
///
/// To be called only by who holds the users' lock alone.
pub(super) fn stop(site: &Site) -> Result<Vec<Process>, PrepareError> {
    if find_server(site).is_some() {
        let mut tool = site.tool("end the Wine server", &[], STOP_LIMIT);
        tool.program = find_program(site)?;
        tool.args = vec!["-k".into()];
        tool.run()?;
    }
    let killed = processes::kill_all_of(&site.prefix, STOP_LIMIT)?;
    match fs::remove_file(warm_path(site)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at("remove", &warm_path(site))(error)),
        _ => Ok(killed),
    }
}

impl Keeper {
    /// Starts it, and waits for nothing: a server that was just used stays for [`LINGER_SECONDS`] by itself, and until then
    /// the keeper is long its client.
    pub(super) fn start(site: &Site) -> Result<Keeper, PrepareError> {
        let tool = site.tool("keep the Wine server up", &[WAITER, "/d", "/c", "pause"], KEEPER_LIMIT);
        let failed = |source| PrepareError::Io { doing: "start", path: tool.program.clone(), source };
        let (input_reader, input) = io::pipe().map_err(failed)?;
        let expression = tool.expression().stdin_file(input_reader).stdout_null().stderr_null();
        let handle = expression.start().map_err(failed)?;
        Ok(Keeper { input, handle, tool })
    }

    /// Ends it.
    pub(super) fn end(self) -> Result<(), PrepareError> {
        drop(self.input);
        let ended = self.handle.wait_timeout(KEEPER_LIMIT).map_err(at("wait for", &self.tool.program))?;
        if ended.is_none() {
            // It is ours alone; a failure can only mean that it has just ended.
            drop(self.handle.kill());
        }
        Ok(())
    }
}

impl Site {
    /// One of Wine's programs, in this prefix and in nothing of the caller's.
    pub(super) fn tool(&self, doing: &'static str, args: &[&str], limit: Duration) -> Tool {
        let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
        let env: [(&str, OsString); 6] = [
            ("WINEPREFIX", self.prefix.clone().into()),
            ("WINEDEBUG", "-all".into()),
            // Mono and Gecko would ask to be downloaded; menus would be written into the user's desktop.
            ("WINEDLLOVERRIDES", "mscoree,mshtml,winemenubuilder.exe,winedbg.exe=d".into()),
            // Wine links the prefix's `Documents` and others to the home directory's.
            ("HOME", self.state.clone().into()),
            ("PATH", path),
            ("LC_ALL", "C.UTF-8".into()),
        ];
        Tool {
            doing,
            program: self.wine.clone(),
            args: args.iter().map(OsString::from).collect(),
            env: env.map(|(name, value)| (name.into(), value)).into(),
            dir: self.state.clone(),
            log: None,
            limit,
        }
    }
}

/// Whether the server that we warmed is still up.
fn is_warm(site: &Site) -> bool {
    let Ok(noted) = fs::read_to_string(warm_path(site)) else { return false };
    find_server(site).is_some_and(|process| process.identity() == noted)
}

/// Whether the server that we warmed is up and answers. One that is being ended still holds its lock while it ends its
/// programs and writes its registry, but takes no new client any more; a sound one greets each with a message.
pub(super) fn answers(site: &Site) -> bool {
    let greets = |lock: PathBuf| {
        let mut client = UnixStream::connect(lock.with_file_name("socket")).ok()?;
        client.set_read_timeout(Some(ANSWER_LIMIT)).ok()?;
        client.read(&mut [0; 16]).ok().filter(|count| *count > 0)
    };
    is_warm(site) && lock_files(site).into_iter().find_map(greets).is_some()
}

/// The process that holds the server's lock.
fn find_server(site: &Site) -> Option<Process> {
    lock_files(site).into_iter().find_map(|path| {
        let file = File::options().write(true).open(path).ok()?;
        let wanted = Flock {
            start: 0,
            length: 1,
            pid: None,
            typ: FlockType::WriteLock,
            offset_type: FlockOffsetType::Set,
        };
        let holder = fcntl_getlk(&file, &wanted).ok()??.pid?;
        Process::find(holder)
    })
}

/// Where the server's lock may be: Debian's place, then everybody else's.
fn lock_files(site: &Site) -> Vec<PathBuf> {
    let Ok(data) = fs::metadata(&site.prefix) else { return Vec::new() };
    let server = format!("server-{:x}-{:x}", data.dev(), data.ino());
    let user = rustix::process::getuid().as_raw();
    let debian = fs::read_to_string(site.prefix.join("wineserver")).ok().map(|name| name.trim().to_owned());
    let dirs = debian.into_iter().chain([format!(".wine-{user}")]);
    dirs.map(|dir| PathBuf::from("/tmp").join(dir).join(&server).join("lock")).collect()
}

/// The server's program stands beside the loader. On Debian the one with the number is the program and the other
/// a script.
fn find_program(site: &Site) -> Result<PathBuf, PrepareError> {
    let loader = fs::canonicalize(&site.wine).map_err(at("find", &site.wine))?;
    [&site.wine, &loader]
        .into_iter()
        .filter_map(|loader| loader.parent())
        .flat_map(|dir| ["wineserver64", "wineserver32", "wineserver"].map(|name| dir.join(name)))
        .find(|path| path.is_file())
        .ok_or_else(|| PrepareError::NoServer { wine: site.wine.clone() })
}

fn warm_path(site: &Site) -> PathBuf {
    site.state.join("warm")
}
