//! The guests: this binary, started again to misbehave in one particular way.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use rustix::process::{Signal, getpgrp, getpid, kill_process};
use rustix::time::{ClockId, clock_gettime};

use crate::lab::Lab;

/// The first argument that makes this binary a guest.
pub(crate) const ROLE: &str = "guest";

/// What `burn` uses up.
pub(crate) const BURN: Duration = Duration::from_millis(30);

/// What `allocate` touches.
pub(crate) const ALLOCATE_BYTES: usize = 48 << 20;

/// Plays the guest that `words` name.
pub(crate) fn play(words: &[String]) -> ExitCode {
    let word = |index: usize| words.get(index).map_or("", String::as_str);
    match word(0) {
        "exit" => return ExitCode::from(word(1).parse::<u8>().unwrap()),
        // Again and again, because Rust's handler for stack overflows takes the first SIGSEGV and SIGBUS and then steps
        // aside.
        "signal" => loop {
            kill_process(getpid(), Signal::from_named_raw(word(1).parse().unwrap()).unwrap()).unwrap();
        },
        "linger" => linger(),
        // Only the process itself can say so: its parent goes on before the kernel has set up all that `/proc` shows.
        "announce-and-linger" => {
            announce();
            linger();
        }
        "leak" => drop((0..word(1).parse::<u32>().unwrap()).map(|_| again("linger")).collect::<Vec<_>>()),
        "leak-and-linger" => {
            let _child = again("announce-and-linger");
            linger();
        }
        "escape" => drop(again("escape-middle linger").wait()),
        "escape-middle" => {
            rustix::process::setsid().unwrap();
            let _child = again(&words[1..].join(" "));
        }
        "escape-and-linger" => {
            again("escape-middle announce-and-linger").wait().unwrap();
            linger();
        }
        "crowd" => crowd(word(1).parse().unwrap()),
        "orphans" => drop((0..20).map(|_| again("orphan-middle").wait()).collect::<Vec<_>>()),
        "orphan-middle" => drop(again("exit 0")),
        "join-supervisor" => {
            let supervisor = rustix::process::getppid().unwrap();
            rustix::process::setpgid(None, Some(supervisor)).unwrap();
            linger();
        }
        // Until somebody writes to the second pipe that the test has made.
        "announce-and-await" => {
            std::fs::write("ready", format!("{}\n", getpid().as_raw_nonzero())).unwrap();
            print("before");
            std::fs::File::open("go").unwrap().read_exact(&mut [0]).unwrap();
        }
        "deaf" => {
            ignore_sigterm();
            linger();
        }
        "farewell" => {
            let (mut told, teller) = UnixStream::pair().unwrap();
            signal_hook::low_level::pipe::register(signal_hook::consts::SIGTERM, teller).unwrap();
            told.read_exact(&mut [0]).unwrap();
            print("farewell");
        }
        "stopped" => kill_process(getpid(), Signal::STOP).unwrap(),
        "flood" => flood(&words[1..]),
        "write" => print_bytes(word(1).parse().unwrap()),
        "burn" => burn(),
        "burn-child" => drop(again("burn").wait()),
        "allocate" => drop(std::hint::black_box(vec![1_u8; ALLOCATE_BYTES])),
        "who" => print(&format!("{:?} {:?} {}", getpid(), getpgrp(), session())),
        "close-and-exit" => close_and_exit(),
        "descriptors" => print(&open_descriptors()),
        "harness" => harness(Path::new(word(1)), words[2..].join(" ").as_str()),
        "cost" => crate::plumbing::cost(word(1), word(2).parse().unwrap()),
        other => panic!("no such guest: {other}"),
    }
    ExitCode::SUCCESS
}

/// The session of this process, as `/proc` shows it: 0 where its leader is outside of our PID namespace, as in a
/// container that somebody entered. (`getsid` answers 0 there too, which rustix takes for impossible.)
pub(crate) fn session() -> String {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // `pid (name) state ppid pgrp session …`, and the name may hold anything.
    let (_, after_name) = stat.rsplit_once(") ").unwrap();
    after_name.split(' ').nth(3).unwrap().to_owned()
}

/// Starts this binary once more. It is there and executed when this returns.
fn again(guest: &str) -> Child {
    command(guest).spawn().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "a guest that starts processes is what is tested")]
fn command(guest: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg(ROLE).args(guest.split(' '));
    command
}

fn linger() -> ! {
    loop {
        std::thread::park();
    }
}

/// Tells the test, by the named pipe it has made, that all is set up.
fn announce() {
    std::fs::write("ready", "ready\n").unwrap();
}

fn ignore_sigterm() {
    signal_hook::flag::register(signal_hook::consts::SIGTERM, Arc::new(AtomicBool::new(false))).unwrap();
}

/// Processes in groups and sessions of their own, each with one child more, which nobody waits for.
fn crowd(count: usize) {
    let _children: Vec<Child> = (0..count)
        .map(|index| match index % 3 {
            0 => command("deaf").spawn().unwrap(),
            1 => command("leak 1").process_group(0).spawn().unwrap(),
            _ => command("escape").spawn().unwrap(),
        })
        .collect();
}

fn flood(streams: &[String]) {
    let chunk = [b'x'; 8192];
    let writers: Vec<_> = streams
        .iter()
        .map(|stream| {
            let to_stdout = stream == "stdout";
            std::thread::spawn(move || {
                let mut stream: Box<dyn Write> =
                    if to_stdout { Box::new(std::io::stdout()) } else { Box::new(std::io::stderr()) };
                while stream.write_all(&chunk).is_ok() {}
            })
        })
        .collect();
    for writer in writers {
        writer.join().unwrap();
    }
}

fn print(text: &str) {
    std::io::stdout().write_all(text.as_bytes()).unwrap();
}

/// All byte values, over and over.
pub(crate) fn bytes(count: usize) -> Vec<u8> {
    (0..=u8::MAX).cycle().take(count).collect()
}

fn print_bytes(count: usize) {
    std::io::stdout().write_all(&bytes(count)).unwrap();
    std::io::stdout().flush().unwrap();
}

fn burn() {
    let used = || Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap();
    while used() < BURN {}
}

fn close_and_exit() {
    let null = || Stdio::null();
    // A child that holds none of the streams lets the pipes end long before the tree does.
    let mut child = command("linger").stdin(null()).stdout(null()).stderr(null()).spawn().unwrap();
    rustix::stdio::dup2_stdout(std::fs::File::open("/dev/null").unwrap()).unwrap();
    rustix::stdio::dup2_stderr(std::fs::File::open("/dev/null").unwrap()).unwrap();
    let mut rest = Vec::new();
    std::io::stdin().read_to_end(&mut rest).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
}

fn open_descriptors() -> String {
    let entries = std::fs::read_dir("/proc/self/fd").unwrap();
    let targets = entries.flatten().filter_map(|entry| std::fs::read_link(entry.path()).ok());
    let mut names: Vec<String> = targets.map(|target| target.to_string_lossy().into_owned()).collect();
    names.sort();
    names.join("\n")
}

/// A harness of its own, for tests of what happens when it is killed or badly started.
fn harness(dir: &Path, guest: &str) {
    let mut lab = Lab::new(guest);
    lab.cwd = dir.to_path_buf();
    // The outer test looks for its own mark.
    lab.env = std::env::vars_os().collect();
    let ended = lab.try_run(None, None).unwrap();
    print(&format!("{:?}\n{}", ended.termination, String::from_utf8_lossy(&lab.stdout())));
}
