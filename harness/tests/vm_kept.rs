//! Guest systems that are kept: programs that run one after the other in one, as those of a run do.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]
#![allow(clippy::print_stdout, reason = "a skip is said aloud")]

mod support;

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use support::{boots, compile, guest_system, guest_words, ran, triplecheck};

const AARCH64: &str = "aarch64-unknown-linux-gnu";

/// A server, and how programs are run in its guest.
struct Server {
    process: std::process::Child,
    /// It ends when this is closed.
    life_line: Option<UnixStream>,
    dir: tempfile::TempDir,
}

/// The words for the system that runs a program, as `which` has them for a client.
fn words(program: &Path, cache: Option<&Path>) -> Vec<String> {
    let words = guest_words(program, cache);
    let end = words.iter().position(|word| word == "--argv0").unwrap();
    words[2..end].to_vec()
}

/// Makes a snapshot where there is none, as set-up does.
fn make_snapshot(words: &[String]) {
    let run = ran(triplecheck().arg("__vm-snapshot").args(words));
    assert_eq!((run.stdout.as_str(), run.code), ("", Some(0)));
}

/// The one process that a process has started.
fn child_of(process: u32) -> u32 {
    let children = std::fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap();
    children.trim().parse().unwrap()
}

impl Server {
    fn start(words: &[String]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let socket = triplecheck::vm::socket(words, dir.path()).unwrap();
        let mut command = triplecheck();
        command.arg("__vm-serve").args(words).arg("--listen").arg(socket);
        let (ours, theirs) = UnixStream::pair().unwrap();
        command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        drop(command);
        let mut answer = String::new();
        let told = std::io::BufReader::new(process.stdout.as_mut().unwrap());
        std::io::BufRead::read_line(&mut { told }, &mut answer).unwrap();
        assert!(answer == "up\n" || answer.starts_with("up\t"), "{answer}");
        Self { process, life_line: Some(ours), dir }
    }

    /// Whether its guest was restored: by the words of its QEMU.
    fn is_restored(&self) -> bool {
        let words = std::fs::read(format!("/proc/{}/cmdline", child_of(self.process.id()))).unwrap();
        String::from_utf8_lossy(&words).contains("-incoming")
    }

    fn run(&self, program: &Path) -> (String, Option<i32>) {
        let mut command = triplecheck();
        command.args(["exec", "--emulator", "vm", "--"]).arg(program).stdin(Stdio::null());
        let run = ran(command.env("TRIPLECHECK_VM_SERVERS", self.dir.path()));
        assert!(run.stderr.is_empty(), "{}", run.stderr);
        (run.stdout, run.code)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.life_line.take());
        let _ = self.process.wait();
    }
}

/// Without a cache of its own machine, glibc 2.36 tries 777 paths on s390x for each library.
#[test]
fn a_loader_finds_in_its_cache_where_libraries_are() {
    const S390X: &str = "s390x-unknown-linux-gnu";
    if !boots(S390X) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("program");
    // It tells its loader alone to say what it does, and not that of the host's programs.
    let source = r#"
        #include <math.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <unistd.h>
        int main(int count, char **words) {
            if (getenv("LD_DEBUG")) return printf("%g\n", cos(count - 1)) != 2;
            setenv("LD_DEBUG", "libs", 1);
            unsetenv("LD_LIBRARY_PATH");
            return execv("/proc/self/exe", words);
        }
    "#;
    if !compile("s390x-linux-gnu-gcc", S390X, source, &program, &["-lm"]) {
        return;
    }
    let mut command = triplecheck();
    command.args(["exec", "--emulator", "vm", "--"]).arg(&program);
    let run = ran(&mut command);
    assert_eq!((run.stdout.as_str(), run.code), ("1\n", Some(0)));
    let tried: Vec<&str> =
        run.stderr.lines().filter_map(|line| Some(line.split_once("trying file=")?.1)).collect();
    assert_eq!(tried, ["/lib/libm.so.6", "/lib/libc.so.6"], "{}", run.stderr);
}

/// A guest holds programs that it has run; a test is for what has changed.
#[test]
fn a_guest_that_runs_already_sees_every_change_of_the_hosts_files() {
    if !boots(AARCH64) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (one, two, tool) = (dir.path().join("one"), dir.path().join("two"), dir.path().join("bin/tool"));
    for (name, path) in [("one", &one), ("two", &two)] {
        let source = format!(
            "#include <stdio.h>\nint main(void) {{ char text[9] = \"-\"; FILE *f = fopen(\"{}/data\", \"r\");\n\
             if (f) fgets(text, 9, f); printf(\"{name} %s\", text); return 0; }}\n",
            dir.path().display()
        );
        if !compile("aarch64-linux-gnu-gcc", AARCH64, &source, path, &["-static"]) {
            return;
        }
    }
    std::fs::create_dir(tool.parent().unwrap()).unwrap();
    std::fs::copy(&one, &tool).unwrap();
    let server = Server::start(&words(&tool, None));
    let settled = std::time::Instant::now() + std::time::Duration::from_secs(4);
    let said = |text: &str| (text.to_owned(), Some(0));
    // From the second time on it is held, once its time is old enough.
    while std::time::Instant::now() < settled {
        assert_eq!(server.run(&tool), said("one -"));
    }
    std::fs::write(dir.path().join("data"), "new").unwrap();
    assert_eq!(server.run(&tool), said("one new"));
    std::fs::write(dir.path().join("data"), "old").unwrap();
    assert_eq!(server.run(&tool), said("one old"));
    // The same file with other bytes, then another file, then another directory of this name.
    std::fs::write(&tool, std::fs::read(&two).unwrap()).unwrap();
    assert_eq!(server.run(&tool), said("two old"));
    std::fs::rename(&one, &tool).unwrap();
    assert_eq!(server.run(&tool), said("one old"));
    std::fs::rename(dir.path().join("bin"), dir.path().join("before")).unwrap();
    std::fs::create_dir(dir.path().join("bin")).unwrap();
    std::fs::rename(&two, &tool).unwrap();
    assert_eq!(server.run(&tool), said("two old"));
    std::fs::remove_file(dir.path().join("data")).unwrap();
    assert_eq!(server.run(&tool), said("two -"));
}

/// What a loader looks for in vain is held like what it finds.
#[test]
fn a_library_that_comes_to_lie_where_it_was_looked_for_before_is_found() {
    if !boots(AARCH64) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    for name in ["first", "second"] {
        std::fs::create_dir(at(name)).unwrap();
        let source = format!("const char *answer(void) {{ return \"{name}\"; }}\n");
        let library = at(&format!("{name}.so"));
        let flags = ["-shared", "-fPIC", "-Wl,-soname,libanswer.so"];
        if !compile("aarch64-linux-gnu-gcc", AARCH64, &source, &library, &flags) {
            return;
        }
    }
    std::fs::rename(at("second.so"), at("second/libanswer.so")).unwrap();
    let program = at("program");
    let source =
        "#include <stdio.h>\nconst char *answer(void);\nint main(void) { return puts(answer()) < 0; }\n";
    let library = at("second/libanswer.so").display().to_string();
    if !compile("aarch64-linux-gnu-gcc", AARCH64, source, &program, &[&library]) {
        return;
    }
    // One that needs no library names the same system.
    let other = at("other");
    if !compile("aarch64-linux-gnu-gcc", AARCH64, "int main(void) { return 0; }", &other, &["-static"]) {
        return;
    }
    let server = Server::start(&words(&other, None));
    let answer = || {
        let mut command = triplecheck();
        command.args(["exec", "--emulator", "vm", "--"]).arg(&program).current_dir(dir.path());
        command.env("LD_LIBRARY_PATH", format!("{}:{}", at("first").display(), at("second").display()));
        let run = ran(command.env("TRIPLECHECK_VM_SERVERS", server.dir.path()));
        (run.stdout, run.stderr)
    };
    let settled = std::time::Instant::now() + std::time::Duration::from_secs(4);
    while std::time::Instant::now() < settled {
        assert_eq!(answer(), ("second\n".to_owned(), String::new()));
    }
    std::fs::rename(at("first.so"), at("first/libanswer.so")).unwrap();
    assert_eq!(answer().0, "first\n");
    assert_eq!(answer().0, "first\n");
    std::fs::remove_file(at("first/libanswer.so")).unwrap();
    assert_eq!(answer().0, "second\n");
}

/// Says what it finds of programs before it, and leaves what its word says.
const TRACES: &str = r#"
    #define _GNU_SOURCE
    #include <dirent.h>
    #include <fcntl.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <string.h>
    #include <sys/mount.h>
    #include <sys/resource.h>
    #include <sys/sem.h>
    #include <sys/stat.h>
    #include <sys/statfs.h>
    #include <sys/utsname.h>
    #include <unistd.h>
    static int entries(const char *path) {
        DIR *dir = opendir(path);
        int count = 0;
        for (struct dirent *entry; dir && (entry = readdir(dir));)
            count += path[1] == 'd' || (entry->d_name[0] > '0' && entry->d_name[0] <= '9');
        if (dir) closedir(dir);
        return count;
    }
    /* Nothing for which the host has to be asked. */
    static void look(void) {
        struct utsname name;
        struct statfs sys;
        struct stat root;
        uname(&name);
        statfs("/sys", &sys);
        stat("/", &root);
        int id = semget(IPC_PRIVATE, 1, 0600);
        semctl(id, 0, IPC_RMID);
        printf("process %d semaphores %d processes %d shm %d sys %lx name %.5s root %o flags %d%d%d nice %d\n", getpid(), id,
            entries("/proc"), entries("/dev/shm"), (long)sys.f_type, name.nodename, root.st_mode,
            fcntl(0, F_GETFL) & O_NONBLOCK, fcntl(1, F_GETFL) & O_NONBLOCK, fcntl(2, F_GETFL) & O_NONBLOCK,
            getpriority(PRIO_PROCESS, 0));
    }
    static void keeper(void) {
        char text[999] = "";
        FILE *stat = fopen("/proc/1/stat", "r");
        fread(text, 1, 998, stat);
        char *at = strrchr(text, ')');
        for (int field = 2; field < 22; field++) at = strchr(at + 1, ' ');
        printf("%d\n", atoi(at));
    }
    static void is(const char *what, int failed) {
        if (failed) printf("%s failed\n", what);
    }
    int main(int count, char **words) {
        const char *word = words[1];
        look();
        keeper();
        fflush(stdout);
        if (!strcmp(word, "checks")) printf("%d %d\n", access("/trace", F_OK), access("/tmp/trace", F_OK));
        if (!strcmp(word, "writes")) is(word, fclose(fopen("/trace", "w")));
        if (!strcmp(word, "writes-below")) is(word, mkdir("/tmp/trace", 0700));
        if (!strcmp(word, "changes")) is(word, chmod("/", 0700));
        if (!strcmp(word, "shares")) is(word, fclose(fopen("/dev/shm/trace", "w")));
        if (!strcmp(word, "signals")) is(word, semget(IPC_PRIVATE, 1, 0600) < 0);
        if (!strcmp(word, "mounts")) is(word, mount("none", "/sys", "tmpfs", 0, ""));
        if (!strcmp(word, "names")) is(word, sethostname("other", 5));
        if (!strcmp(word, "renices")) is(word, setpriority(PRIO_USER, 0, 5));
        if (!strcmp(word, "turns")) for (int fd = 0; fd < 3; fd++) is(word, fcntl(fd, F_SETFL, O_NONBLOCK));
        if (!strcmp(word, "stays") && !fork()) { setsid(); for (;;) pause(); }
        if (!strcmp(word, "dies")) raise(9);
        if (!strcmp(word, "reads")) { printf("read %c\n", getchar()); fflush(stdout); _exit(0); }
        return 0;
    }
"#;

/// A place in a guest is used again where it is as it was; what one program leaves must not be there for the next.
#[test]
fn nothing_is_left_of_one_program_for_the_next_and_where_nothing_was_its_place_is_used_again() {
    if !boots(AARCH64) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("traces");
    if !compile("aarch64-linux-gnu-gcc", AARCH64, TRACES, &program, &["-static"]) {
        return;
    }
    let server = Server::start(&words(&program, None));
    let run = |word: &str, input: Stdio| {
        let mut command = triplecheck();
        command.args(["exec", "--emulator", "vm", "--"]).arg(&program).arg(word).stdin(input);
        let run = ran(command.current_dir(dir.path()).env("TRIPLECHECK_VM_SERVERS", server.dir.path()));
        assert!(run.stderr.is_empty(), "{}", run.stderr);
        let mut lines = run.stdout.lines().map(str::to_owned);
        let (view, keeper) = (lines.next().unwrap(), lines.next().unwrap());
        (view, keeper, lines.collect::<Vec<_>>())
    };
    let (first, _, _) = run("looks", Stdio::null());
    assert!(first.starts_with("process 2 semaphores 0 processes 2 shm 2 sys 62656572 "), "{first}");
    // Files are held from the second time on, once their times are old enough.
    let settled = std::time::Instant::now() + std::time::Duration::from_secs(4);
    while std::time::Instant::now() < settled {
        run("looks", Stdio::null());
    }
    let keepers = || {
        let mut keepers = std::collections::BTreeSet::new();
        for _ in 0..8 {
            let (view, keeper, _) = run("looks", Stdio::null());
            assert_eq!(view, first);
            keepers.insert(keeper);
        }
        keepers
    };
    assert!(keepers().len() < 6, "every program had a place of its own");
    for word in [
        "writes",
        "writes-below",
        "changes",
        "shares",
        "signals",
        "mounts",
        "names",
        "renices",
        "turns",
        "stays",
        "dies",
    ] {
        let (view, _, rest) = run(word, Stdio::null());
        assert_eq!((view, rest.as_slice()), (first.clone(), [].as_slice()), "{word}");
        keepers();
    }
    let (_, _, rest) = run("checks", Stdio::null());
    assert_eq!(rest, ["-1 -1"]);
    for input in ["abc", "xyz"] {
        let path = dir.path().join("input");
        std::fs::write(&path, input).unwrap();
        let (view, _, rest) = run("reads", std::fs::File::open(path).unwrap().into());
        assert_eq!((view, rest), (first.clone(), vec![format!("read {}", &input[..1])]));
    }
}

/// A restored guest has the time and the random numbers of the snapshot, unless it is given others; and the kernel believes of its timer
/// what was so when that was made.
#[track_caller]
fn restores(target: &str, cc: &str) {
    if !boots(target) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("shows");
    let source = "#include <stdio.h>\n#include <sys/random.h>\n#include <time.h>\n#include <unistd.h>\n\
        int main(void) { unsigned long long some[2]; getrandom(some, sizeof some, 0); usleep(20000);\n\
        printf(\"%llx%llx %lld\", some[0], some[1], (long long)time(0)); return 0; }\n";
    if !compile(cc, target, source, &program, &["-static"]) {
        return;
    }
    let words = words(&program, None);
    make_snapshot(&words);
    let now = || i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
    let before = now();
    let shown = [(), ()].map(|()| {
        let server = Server::start(&words);
        assert!(server.is_restored(), "{target}");
        let (text, code) = server.run(&program);
        assert_eq!(code, Some(0), "{target}");
        let (random, time) = text.split_once(' ').unwrap();
        let time: i64 = time.parse().unwrap();
        assert!((before - 1..=now() + 1).contains(&time), "{target}: {time} {before}");
        random.to_owned()
    });
    assert_ne!(shown[0], shown[1], "{target}");
}

#[test]
fn guests_from_one_snapshot_have_the_time_of_now_random_bytes_of_their_own_and_timers() {
    restores(AARCH64, "aarch64-linux-gnu-gcc");
    restores("riscv64gc-unknown-linux-gnu", "riscv64-linux-gnu-gcc");
    restores("s390x-unknown-linux-gnu", "s390x-linux-gnu-gcc");
}

/// A system of a test's own, without the snapshots of the one that it is a copy of, and a program for it, which ends with 7.
struct Own {
    cache: tempfile::TempDir,
    system: PathBuf,
    program: PathBuf,
}

impl Own {
    fn new() -> Option<Self> {
        let cache = tempfile::tempdir().unwrap();
        let program = cache.path().join("ends");
        let source = "int main(void) { return 7; }";
        if !boots(AARCH64) || !compile("aarch64-linux-gnu-gcc", AARCH64, source, &program, &["-static"]) {
            return None;
        }
        let there = guest_system(AARCH64);
        let system = cache.path().join("vm/aarch64").join(there.file_name().unwrap());
        std::fs::create_dir_all(&system).unwrap();
        for entry in std::fs::read_dir(&there).unwrap().map(Result::unwrap) {
            if entry.path().is_file() {
                std::fs::copy(entry.path(), system.join(entry.file_name())).unwrap();
            }
        }
        Some(Self { cache, system, program })
    }

    fn words(&self) -> Vec<String> {
        words(&self.program, Some(self.cache.path()))
    }
}

#[test]
fn a_snapshot_stays_from_which_a_system_came_up_at_the_second_attempt() {
    let Some(own) = Own::new() else { return };
    let mut words = own.words();
    // A QEMU that fails once.
    let (fails, qemu) = (own.cache.path().join("fails"), own.cache.path().join("qemu"));
    let real = words.iter().position(|word| word == "--qemu").unwrap() + 1;
    let text =
        format!("#!/bin/sh\nrm '{}' 2>/dev/null && exit 1\nexec '{}' \"$@\"\n", fails.display(), words[real]);
    support::executable(&qemu, text);
    words[real] = qemu.to_str().unwrap().to_owned();
    make_snapshot(&words);
    std::fs::write(&fails, "").unwrap();
    for _ in 0..2 {
        let server = Server::start(&words);
        assert!(server.is_restored() && !fails.exists());
    }
}

#[test]
fn a_snapshot_that_cannot_be_restored_is_thrown_away_and_the_system_booted_which_is_told() {
    let Some(own) = Own::new() else { return };
    let (dir, program, words) = (own.cache.path(), &own.program, own.words());
    make_snapshot(&words);
    let start = || {
        let mut which = triplecheck();
        which.args(["which", "--emulator", "vm"]).arg(program).env("TRIPLECHECK_CACHE", dir);
        let run = ran(&mut which);
        let start = run.stdout.lines().find(|line| line.starts_with("  considered snapshot: "));
        start.unwrap().strip_prefix("  considered snapshot: ").unwrap().to_owned()
    };
    assert_eq!(start(), "chosen");
    let snapshots =
        || std::fs::read_dir(own.system.join("snapshots")).unwrap().map(|entry| entry.unwrap().path());
    let state = snapshots().next().unwrap().join("state");
    let file = std::fs::File::options().write(true).open(&state).unwrap();
    file.set_len(file.metadata().unwrap().len() / 2).unwrap();
    let mut command = triplecheck();
    command.args(["exec", "--emulator", "vm", "--"]).arg(program);
    let run = ran(command.env("TRIPLECHECK_CACHE", dir));
    assert_eq!((run.code, run.stderr.as_str()), (Some(7), ""));
    let release = own.system.file_name().unwrap().to_str().unwrap();
    let series = release.split('.').take(2).collect::<Vec<_>>().join(".");
    let told = start();
    let lost = "its snapshot was thrown away, because no system came up from it: ";
    let setup = format!(": `triplecheck setup --vm {AARCH64}@linux-{series}` makes one");
    assert!(told.starts_with(lost) && told.ends_with(&setup), "{told}");

    // A run says so, once.
    let manifest = format!(
        "targets = [\"{AARCH64}\"]\n[[suite]]\nname = \"s\"\nkind = \"c\"\nsources = \"ends.c\"\nneeds = \"kernel\"\n"
    );
    let project = dir.join("project");
    let source = "int main(void) { return 7; }";
    support::write(&project, &[("triplecheck.toml", manifest.as_str()), ("ends.c", source)]);
    let mut command = triplecheck();
    command.arg("-C").arg(project).args(["run", "--no-cache"]).env("TRIPLECHECK_CACHE", dir);
    let run = ran(&mut command);
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    let note =
        format!("note: the guest system of linux-{series} for aarch64 was booted and not restored: {lost}");
    let notes: Vec<&str> = run.stderr.lines().filter(|line| line.starts_with("note: ")).collect();
    assert!(
        matches!(notes[..], [told] if told.starts_with(&note) && told.ends_with(&setup)),
        "{}",
        run.stderr
    );

    make_snapshot(&words);
    assert_eq!((start().as_str(), snapshots().count()), ("chosen", 1));
}

/// Ends when it is asked to, fills its file system, or makes a directory anew.
const ODD: &str = r#"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
static void say(const char *text) { if (write(1, text, strlen(text)) < 0) _exit(8); }
static void asked(int number) { say(number == SIGTERM ? "asked\n" : "?"); _exit(9); }
int main(int argc, char **argv) {
    static char block[1 << 20];
    if (!strcmp(argv[1], "waits")) { signal(SIGTERM, asked); say("waits\n"); for (;;) pause(); }
    if (!strcmp(argv[1], "dies")) { say("waits\n"); for (;;) pause(); }
    if (!strcmp(argv[1], "fills")) {
        int fd = open("full", O_WRONLY | O_CREAT, 0644);
        while (write(fd, block, sizeof block) > 0);
        perror("write");
        return 1;
    }
    remove("sub/old");
    return rmdir("sub") || mkdir("sub", 0755) || open("sub/new", O_WRONLY | O_CREAT, 0644) < 0;
}
"#;

#[test]
fn what_a_program_is_asked_and_what_becomes_of_its_files_is_as_without_a_guest() {
    if !boots(AARCH64) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("odd");
    if !compile("aarch64-linux-gnu-gcc", AARCH64, ODD, &program, &["-static"]) {
        return;
    }
    let server = Server::start(&words(&program, None));
    let work = dir.path().join("work");
    std::fs::create_dir_all(work.join("sub")).unwrap();
    std::fs::write(work.join("sub/old"), "").unwrap();
    let command = |word: &str| {
        let mut command = triplecheck();
        command.args(["exec", "--emulator", "vm", "--"]).arg(&program).arg(word).current_dir(&work);
        command.env("TRIPLECHECK_VM_SERVERS", server.dir.path());
        command
    };
    for (word, text, code, signal) in
        [("waits", "waits\nasked\n", Some(9), None), ("dies", "waits\n", None, Some(15))]
    {
        let mut child = command(word).stdout(Stdio::piped()).spawn().unwrap();
        let mut first = [0; 6];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut first).unwrap();
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!([&first, output.stdout.as_slice()].concat(), text.as_bytes());
        assert_eq!((output.status.code(), output.status.signal()), (code, signal));
    }
    // In a system of its own, where what gives it up asks all around it to end.
    let mut child =
        command("waits").env_remove("TRIPLECHECK_VM_SERVERS").stdout(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 6];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut first).unwrap();
    let [own_server, qemu] = [child_of(child.id()), child_of(child_of(child.id()))];
    for process in [qemu, own_server, child.id()] {
        let process = rustix::process::Pid::from_raw(i32::try_from(process).unwrap()).unwrap();
        rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.stdout.as_slice(), output.status.code()), (b"asked\n".as_slice(), Some(9)));
    support::await_true("its system has ended with it", || !Path::new(&format!("/proc/{qemu}")).exists());

    let run = ran(&mut command("makes"));
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    assert!(work.join("sub/new").exists() && !work.join("sub/old").exists());
    let run = ran(&mut command("fills"));
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("No space left on device\n"), "{}", run.stderr);
    assert!(run.stderr.contains("triplecheck-vm: the guest system is full"), "{}", run.stderr);
    assert!(!work.join("full").exists());
}
