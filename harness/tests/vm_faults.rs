//! Guest systems that are not as they should be, and what happens to them from outside: each is a verdict with a sentence
//! that says what to do, and leaves nothing running and no file behind.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]
#![allow(clippy::print_stdout, reason = "a skip is said aloud")]

mod support;

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use support::{await_true, boots, compile, guest_system, ran, triplecheck, write};

const AARCH64: &str = "aarch64-unknown-linux-gnu";
const CC: &str = "aarch64-linux-gnu-gcc";

/// A place of its own for a test: the processes that it starts name `cache`, and make their files below `tmp`.
struct Lab {
    dir: tempfile::TempDir,
    system: PathBuf,
}

impl Lab {
    fn new() -> Option<Self> {
        if !boots(AARCH64) {
            return None;
        }
        let there = guest_system(AARCH64);
        let dir = tempfile::tempdir().unwrap();
        let system = dir.path().join("cache/vm/aarch64").join(there.file_name().unwrap());
        std::fs::create_dir_all(&system).unwrap();
        for entry in std::fs::read_dir(there).unwrap() {
            let path = entry.unwrap().path();
            symlink(&path, system.join(path.file_name().unwrap())).unwrap();
        }
        std::fs::create_dir(dir.path().join("tmp")).unwrap();
        Some(Self { dir, system })
    }

    fn tmp(&self) -> PathBuf {
        self.dir.path().join("tmp")
    }

    /// Puts another file in the place of one of the system's.
    fn replace(&self, name: &str, bytes: &[u8]) {
        let path = self.system.join(name);
        std::fs::remove_file(&path).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn initramfs(&self) -> (String, Vec<u8>) {
        let names = std::fs::read_dir(&self.system).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names = names.map(|name| name.into_string().unwrap());
        let name = names.find(|name| name.starts_with("initramfs-")).unwrap();
        let bytes = std::fs::read(self.system.join(&name)).unwrap();
        (name, bytes)
    }

    fn command(&self) -> Command {
        let mut command = triplecheck();
        command.env("TRIPLECHECK_CACHE", self.dir.path().join("cache")).env("TMPDIR", self.tmp());
        command
    }

    /// The processes whose words name this place and `part`.
    fn processes(&self, part: &str) -> Vec<Pid> {
        let ours = self.dir.path().display().to_string();
        let all = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
        let named = all.filter(|entry| {
            let words = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let words = String::from_utf8_lossy(&words);
            words.contains(&ours) && words.contains(part)
        });
        named.filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)).collect()
    }

    #[track_caller]
    fn signal(&self, part: &str, signal: Signal) {
        let found = self.processes(part);
        assert_eq!(found.len(), 1, "{part}");
        kill_process(found[0], signal).unwrap();
    }

    /// Whatever was started has ended, and left no file.
    #[track_caller]
    fn is_clean(&self) {
        await_true("everything has ended", || self.processes("").is_empty());
        let left: Vec<_> =
            std::fs::read_dir(self.tmp()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// An archive in `newc` form without some of its files.
fn without(archive: &[u8], names: &[&str]) -> Vec<u8> {
    let number =
        |at: usize| usize::from_str_radix(std::str::from_utf8(&archive[at..at + 8]).unwrap(), 16).unwrap();
    let mut kept = Vec::new();
    let mut at = 0;
    while at < archive.len() {
        let (size, length) = (number(at + 54), number(at + 94));
        let name = std::str::from_utf8(&archive[at + 110..at + 109 + length]).unwrap();
        let end = ((at + 110 + length).next_multiple_of(4) + size).next_multiple_of(4);
        if !names.contains(&name) {
            kept.extend_from_slice(&archive[at..end]);
        }
        if name == "TRAILER!!!" {
            break;
        }
        at = end;
    }
    kept
}

#[test]
fn a_system_that_is_not_as_it_should_be_is_told_with_what_makes_it_anew() {
    #[track_caller]
    fn check(change: impl FnOnce(&Lab), parts: &[&str]) {
        let Some(lab) = Lab::new() else { return };
        change(&lab);
        let program = lab.dir.path().join("hello");
        if !compile(CC, AARCH64, "int main(void) { return 0; }", &program, &[]) {
            return;
        }
        let run = ran(lab.command().args(["exec", "--emulator", "vm"]).arg(&program));
        assert_eq!(run.code, Some(125), "{}", run.stderr);
        let release = lab.system.file_name().unwrap().to_str().unwrap();
        let version: Vec<&str> = release.split('.').take(2).collect();
        let (place, version) = (lab.system.display(), version.join("."));
        let anew = format!("`rm -r {place} && triplecheck setup --vm {AARCH64}@linux-{version}`");
        for part in parts.iter().copied().chain([anew.as_str()]) {
            assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
        }
        lab.is_clean();
    }
    let lacks = |names: &'static [&str]| {
        move |lab: &Lab| {
            let (name, bytes) = lab.initramfs();
            lab.replace(&name, &without(&bytes, names));
        }
    };
    check(lacks(&["modules/overlay"]), &["the kernel of the guest system has no overlayfs"]);
    check(lacks(&["modules/9p", "modules/9pnet_virtio"]), &["the kernel of the guest system has no 9p"]);
    check(lacks(&["init"]), &["the guest system did not come up: its kernel panicked: "]);
    let mut s390x = vec![0; 0x10008];
    s390x.extend_from_slice(b"S390EP");
    check(|lab| lab.replace("kernel", &s390x), &["/kernel` is a kernel for s390x, and not for aarch64"]);
    check(|lab| lab.replace("kernel", b"no kernel at all"), &["/kernel` is no kernel"]);
}

/// Ends in the way that it is told, but not natively.
const ENDS: &str = r#"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(int argc, char **argv) {
    const char *how = argc > 1 ? argv[1] : "";
    puts(how);
    fflush(stdout);
#ifndef __x86_64__
    static char block[1 << 20];
    memset(block, 1, sizeof block);
    if (!strcmp(how, "memory")) for (;;) memcpy(malloc(sizeof block), block, sizeof block);
    if (!strcmp(how, "share")) {
        int fd = open("big", O_CREAT | O_WRONLY, 0644);
        while (write(fd, block, sizeof block) > 0) {}
        perror("big");
        if (!strcmp(argv[2], "cleans")) unlink("big");
        return 8;
    }
    if (!strcmp(how, "beside")) sleep(2);
    if (!strcmp(how, "wait")) sleep(60);
#endif
    return 3;
}
"#;

/// A project with a case for each of these words.
fn project(root: &Path, words: &[&str]) -> PathBuf {
    let cases: Vec<String> = words
        .iter()
        .map(|how| format!("{{ name = \"{how}\", args = {:?} }}", how.split('-').collect::<Vec<_>>()))
        .collect();
    let manifest = format!(
        "targets = [\"{AARCH64}\"]\n[[suite]]\nname = \"s\"\nkind = \"c\"\nsources = \"ends.c\"\nneeds = \"kernel\"\n\
         cases = [{}]\n",
        cases.join(", ")
    );
    let project = root.join("project");
    write(&project, &[("triplecheck.toml", manifest.as_str()), ("ends.c", ENDS)]);
    project
}

/// `memory emulator-fault`, by case.
fn verdicts(report: &Value) -> Vec<String> {
    let cells = report["cells"].as_array().unwrap().iter().chain(report["not_run"].as_array().unwrap());
    let told = cells.map(|cell| {
        let case = cell["case"].as_str().unwrap().trim_start_matches("ends::");
        format!("{case} {}", cell["verdict"].as_str().unwrap_or("not-run"))
    });
    let mut told: Vec<String> = told.collect();
    told.sort();
    told
}

#[test]
fn a_program_that_takes_all_memory_or_all_room_is_told_from_those_beside_it() {
    let Some(lab) = Lab::new() else { return };
    let project = project(lab.dir.path(), &["beside", "memory", "share-cleans", "share-stays", "last"]);
    let run = ran(lab.command().arg("-C").arg(project).args(["run", "--json", "--no-cache", "-j", "2"]));
    let report: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{}", run.stderr));
    let expected = [
        "beside same",
        "last same",
        "memory emulator-fault",
        "share-cleans differs",
        "share-stays emulator-fault",
    ];
    assert_eq!(verdicts(&report), expected, "{report:#}\n{}", run.stderr);
    let text = report.to_string();
    for part in [
        "the guest system has no room for what the program wrote",
        "the guest system has too little memory: triplecheck-vm: the guest system ran out of memory",
        "what a program writes stays in the guest's memory until its end, and is at most 400 MiB",
    ] {
        assert!(text.contains(part), "{part}: {report:#}");
    }
    lab.is_clean();
}

/// A run with one program in the guest that waits there, and others after it.
struct Waiting {
    lab: Lab,
    run: Child,
}

impl Waiting {
    fn start(lab: Lab) -> Self {
        let project = project(lab.dir.path(), &["wait", "last"]);
        let words = ["run", "--json", "--no-cache", "-j", "1"];
        let mut run = lab.command();
        run.arg("-C").arg(project).args(words).stdout(Stdio::piped()).stderr(Stdio::piped());
        let run = run.spawn().unwrap();
        let waiting = Self { lab, run };
        await_true("the program waits in the guest", || waiting.waits());
        waiting
    }

    /// Whether the program has printed that it waits, and is in a guest.
    fn waits(&self) -> bool {
        let runs = std::fs::read_dir(self.lab.tmp()).unwrap().filter_map(Result::ok);
        let places =
            runs.flat_map(|run| std::fs::read_dir(run.path()).into_iter().flatten().filter_map(Result::ok));
        let mut outputs = places.map(|place| std::fs::read(place.path().join("stdout")).unwrap_or_default());
        !self.lab.processes("qemu-system-").is_empty() && outputs.any(|output| output == b"wait\n")
    }

    /// Its report, once it has come to its end.
    fn report(self) -> (Lab, Value) {
        let output = self.run.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        (self.lab, serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{stderr}")))
    }
}

#[test]
fn a_guest_that_somebody_ends_is_told_and_the_rest_runs_in_another_one() {
    for (part, told) in [
        ("-initrd", "the guest system ended while the program ran: somebody ended QEMU: signal: 9 (SIGKILL)"),
        ("__vm-serve", "the guest system is gone: its server was ended"),
    ] {
        let Some(lab) = Lab::new() else { return };
        let waiting = Waiting::start(lab);
        waiting.lab.signal(part, Signal::KILL);
        let (lab, report) = waiting.report();
        assert_eq!(verdicts(&report), ["last same", "wait emulator-fault"], "{report:#}");
        assert!(report.to_string().contains(told), "{report:#}");
        lab.is_clean();
    }
}

#[test]
fn a_run_that_is_ended_leaves_no_guest_behind() {
    let Some(lab) = Lab::new() else { return };
    let waiting = Waiting::start(lab);
    kill_process(Pid::from_child(&waiting.run), Signal::INT).unwrap();
    let (lab, report) = waiting.report();
    assert!(report.to_string().contains("the run was interrupted"), "{report:#}");
    lab.is_clean();

    let Some(lab) = Lab::new() else { return };
    let mut waiting = Waiting::start(lab);
    waiting.run.kill().unwrap();
    waiting.run.wait().unwrap();
    // Nobody is left who could remove the directories of a run that is killed; its processes end all the same, and the
    // next run removes what it has left.
    await_true("everything has ended", || waiting.lab.processes("").is_empty());
    assert_eq!(std::fs::read_dir(waiting.lab.tmp()).unwrap().count(), 1);
    let project = waiting.lab.dir.path().join("project");
    let next = ran(waiting.lab.command().arg("-C").arg(project).args(["run", "--no-cache", "s::*last"]));
    assert_eq!(next.code, Some(0), "{}", next.stderr);
    waiting.lab.is_clean();

    let Some(lab) = Lab::new() else { return };
    let program = lab.dir.path().join("ends");
    if !compile(CC, AARCH64, ENDS, &program, &[]) {
        return;
    }
    let mut command = lab.command();
    command.args(["exec", "--emulator", "vm"]).arg(&program).arg("wait").stdout(Stdio::piped());
    let mut exec = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(exec.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "wait\n");
    exec.kill().unwrap();
    exec.wait().unwrap();
    lab.is_clean();
}

/// A signal that nobody takes would leave whoever has sent it waiting.
#[test]
fn a_guest_that_hangs_is_ended_when_its_program_is_asked_to_end() {
    let Some(lab) = Lab::new() else { return };
    let program = lab.dir.path().join("ends");
    if !compile(CC, AARCH64, ENDS, &program, &[]) {
        return;
    }
    let mut command = lab.command();
    command.args(["exec", "--emulator", "vm"]).arg(&program).arg("wait");
    let mut exec = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(exec.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "wait\n");
    lab.signal("-initrd", Signal::STOP);
    kill_process(Pid::from_child(&exec), Signal::TERM).unwrap();
    await_true("the program has ended", || exec.try_wait().unwrap().is_some());
    let output = exec.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(125), "{stderr}");
    assert!(
        stderr.contains("the guest system ended while the program ran: it did not answer for 20 s"),
        "{stderr}"
    );
    lab.is_clean();
}
