//! System calls of both sides, told alike, and the first that differs. Pure.
//!
//! QEMU (`-strace`) and strace write nearly the same language. What every start does by itself (memory, threads, signals'
//! set-up, the loader's search for libraries) is another thing on each machine and says nothing of the program, so that it is
//! left out; calls that came under several names in the course of time (`open`, `openat`) count as one. Contents are not
//! compared: QEMU does not show them.

use std::collections::{HashMap, HashSet};

/// One system call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// As it is shown.
    pub text: String,
    /// What is compared: its usual name, its file or descriptor, and what came of it.
    key: String,
}

/// Older, wider and narrower names of one call.
const SAME: &[(&str, &[&str])] = &[
    ("openat", &["open", "creat", "openat2"]),
    ("stat", &["lstat", "fstat", "newfstatat", "fstatat64", "stat64", "lstat64", "fstat64", "statx"]),
    ("access", &["faccessat", "faccessat2"]),
    ("readlinkat", &["readlink"]),
    ("mkdirat", &["mkdir"]),
    ("unlinkat", &["unlink", "rmdir"]),
    ("renameat", &["rename", "renameat2"]),
    ("linkat", &["link"]),
    ("symlinkat", &["symlink"]),
    ("fchmodat", &["chmod", "fchmodat2"]),
    ("lseek", &["_llseek", "llseek"]),
    ("dup3", &["dup2"]),
    ("pipe2", &["pipe"]),
    ("fcntl", &["fcntl64"]),
    ("poll", &["ppoll", "ppoll_time64"]),
    ("select", &["_newselect", "pselect6", "pselect6_time64"]),
    ("getdents64", &["getdents"]),
    ("nanosleep", &["clock_nanosleep", "clock_nanosleep_time64"]),
    ("clock_gettime", &["clock_gettime64", "gettimeofday", "time"]),
    ("clone", &["clone3", "fork", "vfork"]),
    ("wait4", &["waitpid"]),
    ("pread64", &["pread"]),
    ("pwrite64", &["pwrite"]),
    ("ftruncate", &["ftruncate64"]),
    ("truncate", &["truncate64"]),
    ("sendfile", &["sendfile64"]),
    ("statfs", &["statfs64"]),
    ("fstatfs", &["fstatfs64"]),
    ("recvfrom", &["recv"]),
    ("sendto", &["send"]),
    ("accept4", &["accept"]),
    ("epoll_pwait", &["epoll_wait"]),
    ("eventfd2", &["eventfd"]),
    ("exit_group", &["exit"]),
];

/// What a start does by itself.
const HOUSEKEEPING: &[&str] = &[
    "execve",
    "brk",
    "mmap",
    "mmap2",
    "munmap",
    "mprotect",
    "mremap",
    "madvise",
    "set_tid_address",
    "set_robust_list",
    "rseq",
    "prlimit64",
    "getrlimit",
    "ugetrlimit",
    "getrandom",
    "futex",
    "futex_time64",
    "sigaltstack",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "arch_prctl",
    "set_thread_area",
    "sched_getaffinity",
    "sched_yield",
    "membarrier",
    "gettid",
    "getpid",
    "tgkill",
    "uname",
    "riscv_hwprobe",
    "clock_gettime",
];

/// Calls that open a descriptor. Its number says nothing, because QEMU has descriptors of its own: they are counted.
const OPENING: &[&str] = &[
    "openat",
    "dup",
    "dup3",
    "socket",
    "accept4",
    "eventfd2",
    "epoll_create1",
    "timerfd_create",
    "memfd_create",
];

/// Calls whose first argument is a descriptor, or the status: of others it is a process, or a constant by number or name.
const COUNTED: &[&str] = &[
    "read",
    "write",
    "pread64",
    "pwrite64",
    "readv",
    "writev",
    "close",
    "stat",
    "lseek",
    "fcntl",
    "ioctl",
    "ftruncate",
    "fstatfs",
    "getdents64",
    "dup",
    "dup3",
    "fsync",
    "fdatasync",
    "flock",
    "sendto",
    "recvfrom",
    "accept4",
    "bind",
    "connect",
    "listen",
    "shutdown",
    "fchmod",
    "fchown",
    "exit_group",
];

/// Signals that have two names.
const SIGNALS: [(&str, &str); 2] = [("SIGIOT", "SIGABRT"), ("SIGPOLL", "SIGIO")];

/// Calls whose result is a number that both sides must agree on.
const NUMBERED: &[&str] =
    &["read", "write", "pread64", "pwrite64", "readv", "writev", "lseek", "recvfrom", "sendto"];

/// The calls of a log that the program makes for itself; `words` are paths of this side, and what stands for them.
pub fn read(log: &str, words: &[(String, &str)]) -> Vec<Call> {
    let mut unfinished: Vec<(String, String)> = Vec::new();
    let (mut loader, mut descriptors) = (Loader::default(), Descriptors::default());
    let mut calls = Vec::new();
    for line in log.lines() {
        let line = line.trim_start();
        let digits = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (thread, rest) = line.split_at(digits);
        let rest = rest.trim_start();
        // strace tells a call that another thread interrupted in two lines.
        if let Some(begun) = rest.strip_suffix("<unfinished ...>") {
            unfinished.push((thread.to_owned(), begun.trim_end().to_owned()));
            continue;
        }
        let whole = match rest.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>")) {
            None => rest.to_owned(),
            Some((_, end)) => match unfinished.iter().rposition(|(of, _)| of == thread) {
                Some(place) => format!("{}{end}", unfinished.remove(place).1),
                None => continue,
            },
        };
        let told = words.iter().fold(whole, |text, (path, word)| text.replace(path.as_str(), word));
        calls.extend(call(&told, &mut loader, &mut descriptors));
    }
    calls
}

/// The call in a line, if it is one of the program's own.
fn call(line: &str, loader: &mut Loader, descriptors: &mut Descriptors) -> Option<Call> {
    if line.starts_with("--- SIG") {
        let text = SIGNALS.iter().fold(line.to_owned(), |text, (name, usual)| text.replace(name, usual));
        let key = text.trim_start_matches("--- ").split([' ', '{']).next()?.to_owned();
        return Some(Call { text, key });
    }
    let (name, rest) = line.split_once('(')?;
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return None;
    }
    let name = SAME.iter().find(|(_, others)| others.contains(&name)).map_or(name, |(usual, _)| usual);
    let (args, result) = rest.rsplit_once(" = ").unwrap_or((rest, "?"));
    let result = result.trim();
    let file = args.split('"').nth(1);
    let first = args.split([',', ')']).next().unwrap_or("").trim();
    if loader.is_at_work(name, file, first, result) || HOUSEKEEPING.contains(&name) {
        return None;
    }
    let object = match file {
        Some(file) if takes_path(name) => format!("\"{file}\""),
        _ if COUNTED.contains(&name) && is_descriptor(first) => descriptors.name(first),
        _ => String::new(),
    };
    // A number that is no error may be an address, or belong to the machine.
    let outcome = match result.split_once('(') {
        Some((_, why)) if result.starts_with("-1") => why.trim_end_matches(')').to_owned(),
        _ if OPENING.contains(&name) => descriptors.open(result.split_whitespace().next().unwrap_or("")),
        _ if NUMBERED.contains(&name) => result.split_whitespace().next().unwrap_or("").to_owned(),
        _ => String::new(),
    };
    Some(Call { text: line.to_owned(), key: format!("{name} {object} {outcome}") })
}

/// Whether an argument is a small number: where strace tells what stands at an address, QEMU tells the address.
fn is_descriptor(argument: &str) -> bool {
    argument.len() <= 6 && argument.bytes().all(|byte| byte.is_ascii_digit())
}

fn takes_path(name: &str) -> bool {
    !matches!(
        name,
        "read" | "write" | "pread64" | "pwrite64" | "readv" | "writev" | "recvfrom" | "sendto" | "prctl"
    )
}

/// The descriptors that the program has opened, by the order in which it did.
#[derive(Default)]
struct Descriptors {
    names: HashMap<String, String>,
    opened: usize,
}

impl Descriptors {
    fn open(&mut self, number: &str) -> String {
        self.opened += 1;
        let name = format!("#{}", self.opened);
        self.names.insert(number.to_owned(), name.clone());
        name
    }

    /// A standard stream, or whatever is inherited, keeps its number.
    fn name(&self, number: &str) -> String {
        self.names.get(number).cloned().unwrap_or_else(|| number.to_owned())
    }
}

/// What the loader has at hand while it looks for libraries, and others with the files by which the kernel tells of a process:
/// these are other ones on each machine, QEMU's of its own making.
#[derive(Default)]
struct Loader {
    /// Descriptors of such files.
    open: HashSet<String>,
    /// Directories in which it has looked for one; it then asks whether they are there at all.
    searched: HashSet<String>,
}

impl Loader {
    /// Whether it looks for a library, reads it, or is done with it.
    fn is_at_work(&mut self, name: &str, file: Option<&str>, first: &str, result: &str) -> bool {
        match name {
            "openat" | "stat" | "access" if file.is_some_and(is_library) => {
                if name == "openat" && !result.starts_with('-') {
                    self.open.insert(result.split_whitespace().next().unwrap_or("").to_owned());
                }
                let directory = file.and_then(|file| file.rsplit_once('/'));
                self.searched.extend(directory.map(|(directory, _)| directory.to_owned()));
                true
            }
            "stat" if file.is_some_and(|file| self.searched.contains(file)) => true,
            "close" => self.open.remove(first),
            "read" | "pread64" | "stat" | "lseek" => self.open.contains(first),
            _ => false,
        }
    }
}

/// `libc.so.6`, `ld.so.cache`, `/etc/ld-musl-s390x.path`, `/proc/self/maps`.
fn is_library(file: &str) -> bool {
    if file.starts_with("/proc/") || file.starts_with("/sys/") {
        return true;
    }
    let name = file.rsplit('/').next().unwrap_or(file);
    name.contains(".so") || name.starts_with("ld-musl-")
}

/// The position of the first call that is not the same on both sides; `None` where all are.
pub fn divergence(native: &[Call], target: &[Call]) -> Option<usize> {
    let longer = native.len().max(target.len());
    (0..longer)
        .find(|&place| native.get(place).map(|call| &call.key) != target.get(place).map(|call| &call.key))
}

/// How many lines are shown before and after the first divergence.
const CONTEXT: usize = 8;
/// How wide a column is.
const COLUMN: usize = 58;

/// Both sides beside each other, the first divergence marked.
pub fn side_by_side(native: &[Call], target: &[Call], names: [&str; 2]) -> String {
    let found = divergence(native, target);
    let longer = native.len().max(target.len());
    let (first, last) = match found {
        Some(place) => (place.saturating_sub(CONTEXT), (place + CONTEXT + 1).min(longer)),
        None => (longer.saturating_sub(2 * CONTEXT), longer),
    };
    let mut out = format!("  {:COLUMN$}  {}\n", names[0], names[1]);
    if first > 0 {
        out.push_str(&format!("  … {first} calls before these\n"));
    }
    for place in first..last {
        let mark = if found == Some(place) { '>' } else { ' ' };
        let shown = |calls: &[Call]| calls.get(place).map_or("-".to_owned(), |call| clip(&call.text));
        out.push_str(format!("{mark} {:COLUMN$}  {}", shown(native), shown(target)).trim_end());
        out.push('\n');
    }
    if last < longer {
        out.push_str(&format!("  … {} calls after these\n", longer - last));
    }
    let told = match found {
        Some(place) => format!("the first divergence is in call {} of the program's own", place + 1),
        None => format!("no divergence in {longer} calls of the program's own; contents are not compared"),
    };
    out + &told + "\n"
}

/// How many of the last calls are shown where two sides cannot be aligned.
const LAST_SHOWN: usize = 30;
/// Where mingw's linker puts programs, 64 and 32 bits wide; Wine leaves them there.
const IMAGES: [u64; 2] = [0x1_4000_0000, 0x40_0000];
/// How large a program is taken to be.
const IMAGE_BYTES_MAX: u64 = 16 << 20;

/// The last calls of Wine's relay that the program itself makes, and the last native ones. A call of Windows' and one of
/// Linux' have nothing in common by which they could be aligned.
pub fn relay(native: &[Call], relay: &str, names: [&str; 2]) -> String {
    let is_own = |call: &str| {
        let from = call.rsplit_once("ret=").and_then(|(_, from)| u64::from_str_radix(from.trim(), 16).ok());
        from.is_some_and(|from| IMAGES.iter().any(|image| (*image..image + IMAGE_BYTES_MAX).contains(&from)))
    };
    let calls = relay.lines().filter_map(|line| line.split_once(":Call ").map(|(_, call)| call));
    let calls: Vec<&str> = calls.filter(|call| is_own(call)).collect();
    let (ours, theirs) = (native.len().min(LAST_SHOWN), calls.len().min(LAST_SHOWN));
    let mut out = format!("{}, the last {ours} of {} calls\n", names[0], native.len());
    out.extend(native[native.len() - ours..].iter().map(|call| format!("  {}\n", call.text)));
    out.push_str(&format!("{}, the last {theirs} of {} calls\n", names[1], calls.len()));
    out.extend(calls[calls.len() - theirs..].iter().map(|call| format!("  {call}\n")));
    out + "calls of Windows' and of Linux' cannot be aligned\n"
}

fn clip(text: &str) -> String {
    if text.chars().count() <= COLUMN {
        return text.to_owned();
    }
    // What came of it stands at the end.
    let end: String = text.chars().rev().take(COLUMN / 3).collect::<Vec<_>>().into_iter().rev().collect();
    let start: String = text.chars().take(COLUMN - COLUMN / 3 - 1).collect();
    format!("{start}…{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NATIVE: &str = "\
100 execve(\"/w/native/prog\", [\"prog\"], 0x7ffd /* 9 vars */) = 0
100 brk(NULL)                         = 0x55d0
100 access(\"/etc/ld.so.preload\", R_OK) = -1 ENOENT (No such file or directory)
100 openat(AT_FDCWD, \"/lib/x86_64-linux-gnu/libc.so.6\", O_RDONLY|O_CLOEXEC) = 3
100 read(3, \"\\177ELF\"..., 832)          = 832
100 fstat(3, {st_mode=S_IFREG|0755, st_size=1922136, ...}) = 0
100 close(3)                          = 0
100 open(\"/w/native/cwd/data\", O_RDONLY) = 3
100 read(3,  <unfinished ...>
101 futex(0x1, FUTEX_WAIT) = 0
100 <... read resumed>\"abcd\", 4)          = 4
100 close(3) = 0
100 write(1, \"first\\n\", 6)              = 6
100 exit_group(0)                     = ?
100 +++ exited with 0 +++
";
    const TARGET: &str = "\
200 brk(NULL) = 0x0000004000005000
200 openat(AT_FDCWD,\"/w/target/tls/vx/libc.so.6\",O_RDONLY|O_CLOEXEC) = -1 errno=2 (No such file or directory)
200 newfstatat(AT_FDCWD,\"/w/target/tls/vx\",0x2802430,0) = -1 errno=2 (No such file or directory)
200 openat(AT_FDCWD,\"/etc/ld.so.cache\",O_RDONLY|O_CLOEXEC) = -1 errno=2 (No such file or directory)
200 openat(AT_FDCWD,\"/lib/libc.so.6\",O_RDONLY|O_CLOEXEC) = 3
200 read(3,0x2804c60,832) = 832
200 close(3) = 0
200 openat(AT_FDCWD,\"/w/target/cwd/data\",O_RDONLY) = 4
200 read(4,0x40007fc0,4) = 4
200 openat(AT_FDCWD,\"/proc/self/maps\",O_RDONLY) = 5
200 read(5,0x40007fc0,4096) = 1984
200 close(5) = 0
200 close(4) = 0
200 write(1,0x2a0,7) = 7
--- SIGIOT {si_signo=SIGIOT, si_code=SI_TKILL} ---
200 exit_group(0)
";

    fn sides() -> (Vec<Call>, Vec<Call>) {
        let words = |side: &str| vec![(format!("/w/{side}"), "<work>")];
        (read(NATIVE, &words("native")), read(TARGET, &words("target")))
    }

    #[test]
    fn what_a_start_does_by_itself_is_left_out_and_names_of_one_call_count_as_one() {
        let (native, target) = sides();
        assert_eq!(native.len(), 5, "{native:?}");
        assert_eq!(native[0].key, "openat \"<work>/cwd/data\" #1");
        assert_eq!(
            native[..3].iter().map(|call| &call.key).collect::<Vec<_>>(),
            target[..3].iter().map(|call| &call.key).collect::<Vec<_>>()
        );
    }

    #[test]
    fn the_first_divergence_is_marked() {
        let (native, target) = sides();
        assert_eq!(divergence(&native, &target), Some(3));
        assert_eq!(divergence(&native, &native), None);
        assert_eq!(divergence(&native, &native[..4]), Some(4));
        let text = side_by_side(&native, &target, ["native", "target"]);
        let marked: Vec<&str> = text.lines().filter(|line| line.starts_with('>')).collect();
        assert_eq!(marked.len(), 1, "{text}");
        assert!(marked[0].contains("write(1, ") && marked[0].ends_with("write(1,0x2a0,7) = 7"), "{text}");
        assert!(text.ends_with("the first divergence is in call 4 of the program's own\n"), "{text}");
    }

    #[test]
    fn of_wines_relay_only_the_programs_own_calls_are_shown() {
        let log = "00d4:Call ntdll.NtCreateFile(0021eca8) ret=7b018724\n00d4:Call msvcrt.fopen(140009029 \"little\",14000903b \"w\") ret=140001677\n00d4:Ret  msvcrt.fopen() retval=1 ret=140001677\n";
        let text = relay(&[], log, ["native", "windows"]);
        assert!(
            text.contains("windows, the last 1 of 1 calls\n  msvcrt.fopen(140009029 \"little\""),
            "{text}"
        );
    }

    #[test]
    fn errors_are_the_same_by_their_words_and_signals_by_their_names() {
        let one = |line: &str| read(line, &[]).pop().unwrap().key;
        assert_eq!(
            one("1 open(\"/x\", O_RDONLY) = -1 ENOENT (No such file or directory)"),
            one("2 openat(AT_FDCWD,\"/x\",O_RDONLY) = -1 errno=2 (No such file or directory)")
        );
        assert_eq!(one("1 --- SIGABRT {si_signo=SIGABRT} ---"), one("--- SIGIOT {si_signo=SIGIOT} ---"));
        assert_eq!(
            one("1 poll([{fd=0, events=0}], 1, 0) = 0 (Timeout)"),
            one("2 poll(274920833288,1,0,274920834568,0,274878852096) = 0")
        );
        assert_eq!(one("1 prctl(PR_SET_NAME, \"t\") = 0"), one("2 prctl(15,274925137632,0,8) = 0"));
        assert_eq!(one("1 kill(100, SIGTERM) = 0"), one("2 kill(200,SIGTERM) = 0"));
        assert_ne!(one("1 exit_group(0) = ?"), one("2 exit_group(1)"));
        assert_eq!(read("garbage\n12 \n1 <... read resumed>) = 1\n", &[]), []);
    }
}
