//! Guest systems: programs in a whole kernel of their machine. Each test boots as few as it can.
//!
//! They run where `triplecheck setup --vm` has made the systems; `TRIPLECHECK_REQUIRE` with `vm` forbids to skip them.
#![allow(clippy::print_stdout, reason = "a skip is said aloud")]

mod support;

use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use support::{boots, compile, guest_system, ran, triplecheck, write};

const AARCH64: &str = "aarch64-unknown-linux-gnu";
const S390X: &str = "s390x-unknown-linux-gnu";
const RISCV64: &str = "riscv64gc-unknown-linux-gnu";
const X86_64: &str = "x86_64-unknown-linux-gnu@linux-6.1";

/// Shows all that it is given, changes files, and ends as it is told.
const ODD: &str = r#"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
int main(int argc, char **argv) {
    char cwd[4096];
    for (int i = 1; i < argc; i++) printf("<%s>", argv[i]);
    printf("%s|%s|", getenv("ODD") ? getenv("ODD") : "", getenv("TRIPLECHECK_VM_SERVERS") ? "seen" : "hidden");
    printf("%s|", strrchr(getcwd(cwd, sizeof cwd), '/'));
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    gethostname(cwd, sizeof cwd);
    printf("%d files|%s|%s|", (int)files.rlim_cur, cwd, signal(SIGHUP, SIG_IGN) == SIG_IGN ? "SIGHUP ignored" : "");
    for (int c; (c = getchar()) != EOF;) printf("%02x", c);
    fputs("to stderr", stderr);
    fflush(stdout);
    mkdir("made", 0755);
    FILE *f = fopen("made/file", "w");
    fputs("content", f);
    fclose(f);
    chmod("made/file", 0640);
    remove("old");
    f = fopen("/usr/not-on-the-host", "w");
    printf("|%s", f ? "written" : "refused");
    fflush(stdout);
    if (!strcmp(argv[1], "segv")) { raise(SIGSEGV); }
    return 42;
}
"#;

#[test]
fn a_program_in_a_guest_has_all_that_it_is_given_and_gives_it_back() {
    if !boots(AARCH64) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("odd");
    if !compile("aarch64-linux-gnu-gcc", AARCH64, ODD, &program, &[]) {
        return;
    }
    let work = dir.path().join("a work");
    std::fs::create_dir(&work).unwrap();
    std::fs::write(work.join("old"), "").unwrap();
    for (word, code, signal) in [("", Some(42), None), ("segv", None, Some(11))] {
        #[expect(clippy::disallowed_methods, reason = "a shell sets what the program is to inherit")]
        let mut command = std::process::Command::new("sh");
        command.args([
            "-c",
            "ulimit -n 300; trap '' HUP; exec \"$@\"",
            "sh",
            env!("CARGO_BIN_EXE_triplecheck"),
        ]);
        command.args(["exec", "--emulator", "vm", "--", "../odd", word, "b c", "--"]).current_dir(&work);
        command.env("ODD", "x=\n").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"\0\xff\n").unwrap();
        let output = child.wait_with_output().unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        let inherited =
            format!("300 files|{}|SIGHUP ignored", rustix::system::uname().nodename().to_str().unwrap());
        let written = written();
        assert_eq!(stdout, format!("<{word}><b c><-->x=\n|hidden|/a work|{inherited}|00ff0a|{written}"));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "to stderr");
        assert_eq!((output.status.code(), output.status.signal()), (code, signal));
    }
    assert_eq!(std::fs::read(work.join("made/file")).unwrap(), b"content");
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(work.join("made/file")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o640);
    assert!(!work.join("old").exists());
    assert!(!Path::new("/usr/not-on-the-host").exists());
}

/// The user is the same in the guest, and may there what it may here.
fn written() -> &'static str {
    if rustix::process::geteuid().is_root() { "written" } else { "refused" }
}

/// Ends in the way that it is told; what brings the kernel down is for root alone.
const ENDS: &str = r#"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv) {
    const char *how = argc > 1 ? argv[1] : "";
    puts(how);
    fflush(stdout);
    if (!strcmp(how, "file")) { FILE *f = fopen("out.txt", "w"); fputs("out", f); fclose(f); }
    if (!strcmp(how, "abort")) abort();
    if (!strcmp(how, "child")) { if (fork() == 0) for (;;) pause(); }
    if (!strcmp(how, "ptrace")) {
        int status = 0;
        pid_t child = fork();
        if (child == 0) { ptrace(PTRACE_TRACEME, 0, 0, 0); raise(SIGSTOP); _exit(7); }
        waitpid(child, &status, 0);
        printf("stopped %d\n", WIFSTOPPED(status));
        ptrace(PTRACE_CONT, child, 0, 0);
        waitpid(child, &status, 0);
        printf("ended %d\n", WEXITSTATUS(status));
    }
#ifndef __x86_64__
    if (!strcmp(how, "panic")) {
        int fd = open("/proc/sysrq-trigger", O_WRONLY);
        if (write(fd, "c", 1) == 1) pause();
    }
    if (!strcmp(how, "beside")) sleep(3);
    if (!strcmp(how, "hang")) pause();
#endif
    return 3;
}
"#;

fn report(project: &Path, tmp: &Path, words: &[&str]) -> (Value, String) {
    let mut command = triplecheck();
    command.arg("-C").arg(project).args(["run", "--json", "--no-cache", "--emulator", "vm"]).args(words);
    let run = ran(command.env("TMPDIR", tmp));
    let report =
        serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{}\n{}", run.stdout, run.stderr));
    (report, run.stderr)
}

#[test]
fn a_run_keeps_one_guest_for_many_programs_and_tells_its_end_from_theirs() {
    if !boots(S390X) || !rustix::process::geteuid().is_root() {
        return;
    }
    let project = tempfile::tempdir().unwrap();
    let tmp = tempfile::tempdir().unwrap();
    let cases = ["file", "abort", "ptrace", "child", "beside", "panic", "hang", "after"].map(|how| {
        // What runs beside the one that brings the kernel down has time for a second system.
        let timeout = if how == "hang" { 6 } else { 60 };
        format!("{{ name = \"{how}\", args = [\"{how}\"], files = [\"*.txt\"], timeout = \"{timeout}s\" }}")
    });
    let manifest = format!(
        "targets = [\"{S390X}\"]\n[[suite]]\nname = \"s\"\nkind = \"c\"\nsources = \"ends.c\"\ncases = [{}]\n",
        cases.join(", ")
    );
    write(project.path(), &[("triplecheck.toml", &manifest), ("ends.c", ENDS)]);
    let (report, stderr) = report(project.path(), tmp.path(), &["-j", "2"]);
    let cells = report["cells"].as_array().unwrap_or_else(|| panic!("{report}\n{stderr}"));
    let mut verdicts: Vec<(&str, &str)> = cells
        .iter()
        .map(|cell| {
            (cell["case"].as_str().unwrap().rsplit("::").next().unwrap(), cell["verdict"].as_str().unwrap())
        })
        .collect();
    verdicts.sort_unstable();
    let expected = [
        ("abort", "same"),
        ("after", "same"),
        ("beside", "same"),
        ("child", "same"),
        ("file", "same"),
        ("hang", "timeout"),
        ("panic", "emulator-fault"),
        ("ptrace", "same"),
    ];
    assert_eq!(verdicts, expected, "{report:#}\n{stderr}");
    assert!(report.to_string().contains("Kernel panic"), "{report:#}");
    assert!(report["targets"].to_string().contains("qemu-system-s390x"), "{}", report["targets"]);
    // Nothing is left, neither on the disk nor among the processes.
    assert_eq!(std::fs::read_dir(tmp.path()).unwrap().count(), 0);
    let ours = tmp.path().display().to_string();
    let left = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok).filter(|entry| {
        let words = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&words).contains(&ours)
    });
    assert_eq!(left.count(), 0);
}

#[test]
fn without_a_system_the_command_that_makes_one_is_told() {
    let cache = tempfile::tempdir().unwrap();
    let which =
        ran(triplecheck().args(["which", "--emulator", "vm", S390X]).env("TRIPLECHECK_CACHE", cache.path()));
    assert_eq!(which.code, Some(126));
    assert!(
        which.stdout.contains("setup --vm") || which.stdout.contains("is not installed"),
        "{}",
        which.stdout
    );
}

/// overlayfs opens files of the layer below with `O_NOATIME`, which the kernel allows to a file's owner alone: QEMU, as a user
/// who owns none of the files, has to try again without. Before QEMU 5.1 it did not, and nothing on the overlay could be
/// read or executed.
#[test]
fn a_guest_runs_and_reads_files_that_belong_to_another_user_than_qemu() {
    const NOBODY: &str = "65534";
    if !boots(AARCH64) || !rustix::process::geteuid().is_root() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let open = |path: &Path| {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(path, mode).unwrap();
    };
    open(dir.path());
    let program = dir.path().join("reads");
    let source = "#include <fcntl.h>\n#include <stdio.h>\n#include <unistd.h>\n\
        int main(void) { char text[9] = \"\"; int fd = open(\"text\", O_RDONLY); long n = read(fd, text, 8);\n\
        printf(\"%ld %s %d\", n, text, (int)getuid()); return open(\"text\", O_RDONLY | O_NOATIME) == -1 ? 7 : 0; }\n";
    if !compile("aarch64-linux-gnu-gcc", AARCH64, source, &program, &["-D_GNU_SOURCE"]) {
        return;
    }
    std::fs::write(dir.path().join("text"), "of root\n").unwrap();
    // What root has is closed to others: the system and the binary under test are copied to where they may be read.
    let kernel = guest_system(AARCH64);
    let cache = dir.path().join("cache");
    std::fs::create_dir_all(cache.join("vm/aarch64")).unwrap();
    assert!(support::copies(&kernel, &cache.join("vm/aarch64").join(kernel.file_name().unwrap())));
    let binary = dir.path().join("triplecheck");
    assert!(support::copies(Path::new(env!("CARGO_BIN_EXE_triplecheck")), &binary));
    #[expect(clippy::disallowed_methods, reason = "the test starts the binary under test as another user")]
    let mut command = std::process::Command::new("setpriv");
    command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--"]).arg(&binary);
    command.args(["exec", "--emulator", "vm", "--"]).arg(&program).current_dir(dir.path());
    let run = ran(command.env("TRIPLECHECK_CACHE", &cache).env("HOME", "/nonexistent").stdin(Stdio::null()));
    assert_eq!((run.stdout.as_str(), run.code), ("8 of root\n 65534", Some(7)), "{}", run.stderr);
}

/// The guests of `cross-tests` that user-mode emulation cannot run.
const KERNEL: [(&str, &str); 5] = [
    ("io_uring.c", include_str!("../../cross-tests/c/kernel/io_uring.c")),
    ("ptrace.c", include_str!("../../cross-tests/c/kernel/ptrace.c")),
    ("rseq.c", include_str!("../../cross-tests/c/kernel/rseq.c")),
    ("seccomp.c", include_str!("../../cross-tests/c/kernel/seccomp.c")),
    ("unshare.c", include_str!("../../cross-tests/c/kernel/unshare.c")),
];

#[test]
fn what_user_mode_emulation_cannot_do_works_in_every_guest_system() {
    if ![AARCH64, S390X, RISCV64, X86_64].into_iter().all(boots) {
        return;
    }
    let all = [
        AARCH64,
        S390X,
        RISCV64,
        X86_64,
        "i686-unknown-linux-gnu",
        "armv7-unknown-linux-gnueabihf",
        "powerpc64le-unknown-linux-gnu",
        "aarch64-unknown-linux-gnu@linux-6.12-16k",
        "powerpc64le-unknown-linux-gnu@linux-6.12",
    ];
    let (there, missing): (Vec<&str>, Vec<&str>) = all
        .into_iter()
        .partition(|target| ran(triplecheck().args(["which", "--emulator", "vm", target])).code == Some(0));
    println!("skipped: no guest system for {missing:?}");
    let project = tempfile::tempdir().unwrap();
    let manifest = format!("targets = {there:?}\n[[suite]]\nname = \"k\"\nkind = \"c\"\nsources = \"*.c\"\n");
    write(project.path(), &[("triplecheck.toml", manifest.as_str())]);
    write(project.path(), &KERNEL);
    let tmp = tempfile::tempdir().unwrap();
    let (report, stderr) = report(project.path(), tmp.path(), &[]);
    let cells = report["cells"].as_array().unwrap_or_else(|| panic!("{report}\n{stderr}"));
    assert_eq!(cells.len(), KERNEL.len() * there.len(), "{report:#}\n{stderr}");
    for cell in cells {
        assert_eq!(
            (cell["verdict"].as_str(), cell["emulator"].as_str()),
            (Some("same"), Some("vm")),
            "{cell:#}"
        );
    }
}
