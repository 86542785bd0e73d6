//! What a foreign program starts: itself, another, a script, a program for a third machine, with an environment that
//! says nothing, and as a user without any rights; and whole commands in which foreign programs simply start.

#![expect(clippy::disallowed_methods, reason = "one test starts the binary under test as another user")]
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "the helpers of tests are tests")]

mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use support::{Ran, compile, is_required, ran, runs, triplecheck};

/// Says its own name, user, directory and first argument; with `start PROGRAM` it becomes that program, with an empty
/// environment and a name that is not the file's; `exit N` and `signal N` end it so.
const GUEST: &str = r#"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(int argc, char **argv) {
    char here[4096];
    const char *word = argc > 1 ? argv[1] : "";
    if (strcmp(word, "exit") == 0) return atoi(argv[2]);
    if (strcmp(word, "signal") == 0) raise(atoi(argv[2]));
    printf("%s %d %d %s %s\n", argv[0], (int)getuid(), (int)getgid(), getcwd(here, sizeof here), word);
    fflush(stdout);
    if (strcmp(word, "start") != 0) return 3;
    char *nothing[] = {NULL};
    char *words[] = {"another name", "a b", NULL};
    execve(argv[2], words, nothing);
    perror(argv[2]);
    return 99;
}
"#;

const AARCH64: &str = "aarch64-unknown-linux-gnu";
const S390X: &str = "s390x-unknown-linux-gnu";

/// Whether namespaces are to be had: without them the tests of this file have nothing to show.
fn namespaces() -> bool {
    let run = ran(triplecheck().args(["wrap", "--quiet", "--", "/bin/true"]));
    if run.code == Some(0) {
        return true;
    }
    assert!(!is_required("children"), "children of guests are required:\n{}", run.stderr);
    println!("skipped: no user namespaces with binfmt_misc here");
    false
}

/// The guest for aarch64 (dynamic and static) and for s390x.
fn guests(dir: &Path) -> Option<[PathBuf; 3]> {
    let place = |name: &str| dir.join(name);
    let all = [place("dynamic"), place("static"), place("big")];
    let compiled = namespaces()
        && runs(AARCH64)
        && runs(S390X)
        && compile("aarch64-linux-gnu-gcc", AARCH64, GUEST, &all[0], &[])
        && compile("aarch64-linux-gnu-gcc", AARCH64, GUEST, &all[1], &["-static"])
        && compile("s390x-linux-gnu-gcc", S390X, GUEST, &all[2], &[]);
    compiled.then_some(all)
}

fn within(dir: &Path, words: &[&str]) -> Ran {
    ran(triplecheck().current_dir(dir).args(words))
}

#[test]
fn a_guest_starts_itself_and_others_with_an_environment_that_says_nothing() {
    let dir = tempfile::tempdir().unwrap();
    if guests(dir.path()).is_none() {
        return;
    }
    let here = dir.path().canonicalize().unwrap().display().to_string();
    let (user, group) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    for first in ["./dynamic", "./static", "./big"] {
        for second in ["/proc/self/exe", "./dynamic", "./static", "./big"] {
            let run = within(dir.path(), &["exec", first, "start", second]);
            let expected =
                format!("{first} {user} {group} {here} start\nanother name {user} {group} {here} a b\n");
            assert_eq!(
                (run.code, run.stdout, run.stderr),
                (Some(3), expected, String::new()),
                "{first} {second}"
            );
        }
    }
}

#[test]
fn a_script_with_a_foreign_interpreter_starts() {
    let dir = tempfile::tempdir().unwrap();
    let Some([dynamic, ..]) = guests(dir.path()) else { return };
    let script = dir.path().join("script");
    std::fs::write(&script, format!("#!{} word\n", dynamic.display())).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    for words in [&["exec", "./script"][..], &["exec", "./big", "start", "./script"]] {
        let run = within(dir.path(), words);
        assert_eq!((run.code, run.stderr.as_str()), (Some(3), ""), "{words:?}");
        assert!(run.stdout.ends_with(" word\n"), "{words:?}: {}", run.stdout);
    }
}

#[test]
fn options_hold_for_the_children_too() {
    const MODEL: &str = r#"
        #include <stdio.h>
        #include <sys/auxv.h>
        #include <unistd.h>
        int main(int argc, char **argv) {
            printf("%d\n", (getauxval(AT_HWCAP) & (1 << 22)) != 0);
            fflush(stdout);
            char *nothing[] = {NULL}, *words[] = {"p", NULL};
            if (argc > 1) execve("/proc/self/exe", words, nothing);
            return 0;
        }
    "#;
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("model");
    // Bit 22 of aarch64's AT_HWCAP is SVE, which an A64FX has and a Cortex-A53 has not.
    if !namespaces() || !runs(AARCH64) || !compile("aarch64-linux-gnu-gcc", AARCH64, MODEL, &program, &[]) {
        return;
    }
    for (cpu, expected) in [("a64fx", "1\n1\n"), ("cortex-a53", "0\n0\n")] {
        let run = within(dir.path(), &["exec", "--cpu", cpu, "./model", "again"]);
        assert_eq!((run.code, run.stdout.as_str()), (Some(0), expected), "{cpu}: {}", run.stderr);
        let target = format!("{AARCH64}@{cpu}");
        let run = within(dir.path(), &["wrap", "-t", &target, "--", "./model", "again"]);
        assert_eq!((run.code, run.stdout.as_str()), (Some(0), expected), "{cpu}: {}", run.stderr);
    }
}

#[test]
fn an_ordinary_user_keeps_their_own_id() {
    const NOBODY: u32 = 65534;
    if !rustix::process::getuid().is_root() {
        println!("skipped: only root can become somebody else; the other tests show the ordinary user");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let Some([dynamic, ..]) = guests(dir.path()) else { return };
    // Everything where everybody can reach it: the program itself, and the emulators that set-up has unpacked for root.
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let bin = dir.path().join("triplecheck");
    std::fs::copy(env!("CARGO_BIN_EXE_triplecheck"), &bin).unwrap();
    let which = ran(triplecheck().args(["which", "--json"]).arg(&dynamic));
    let answer: serde_json::Value = serde_json::from_str(&which.stdout).unwrap();
    let packages = dir.path().join("cache/packages/copy/usr/bin");
    std::fs::create_dir_all(&packages).unwrap();
    let emulator = PathBuf::from(answer["emulator"]["program"].as_str().unwrap());
    std::fs::copy(&emulator, packages.join(emulator.file_name().unwrap())).unwrap();
    std::os::unix::fs::chown(dir.path().join("cache"), Some(NOBODY), Some(NOBODY)).unwrap();
    let as_nobody = |words: &[&str]| {
        let mut command = Command::new(&bin);
        command.uid(NOBODY).gid(NOBODY).args(words).current_dir(dir.path()).env_clear();
        ran(command.env("TRIPLECHECK_CACHE", dir.path().join("cache")))
    };
    let here = dir.path().canonicalize().unwrap().display().to_string();
    let expected =
        format!("./dynamic {NOBODY} {NOBODY} {here} start\nanother name {NOBODY} {NOBODY} {here} a b\n");
    for words in [
        &["exec", "--children", "private", "./dynamic", "start", "/proc/self/exe"][..],
        &["wrap", "--", "./dynamic", "start", "./dynamic"],
    ] {
        let run = as_nobody(words);
        assert_eq!(
            (run.code, run.stdout.as_str()),
            (Some(3), expected.as_str()),
            "{words:?}: {}",
            run.stderr
        );
    }
}

#[test]
fn a_foreign_program_is_not_passed_over_for_the_hosts_of_the_same_name() {
    let dir = tempfile::tempdir().unwrap();
    if guests(dir.path()).is_none() {
        return;
    }
    std::fs::rename(dir.path().join("dynamic"), dir.path().join("cat")).unwrap();
    // dash and Python's subprocess go on to the next `cat` of PATH when the kernel refuses the first.
    let script = "PATH=$PWD:$PATH; cat word; echo status $?; true | cat again | /bin/cat";
    let run = within(dir.path(), &["wrap", "-t", AARCH64, "--", "sh", "-c", script]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stdout.contains(" word\nstatus 3\n") && run.stdout.ends_with(" again\n"), "{}", run.stdout);
    assert!(run.stderr.contains(&format!("2 of {AARCH64}")), "{}", run.stderr);
}

#[test]
fn wrap_gives_the_commands_own_status_and_signal() {
    let dir = tempfile::tempdir().unwrap();
    if guests(dir.path()).is_none() {
        return;
    }
    for (script, code) in [("./static exit 42", 42), ("exit 0", 0), ("./big exit 255; exit $?", 255)] {
        let run = within(dir.path(), &["wrap", "--quiet", "--", "sh", "-c", script]);
        assert_eq!((run.code, run.stderr.as_str()), (Some(code), ""), "{script}");
    }
    let temporary = tempfile::tempdir().unwrap();
    let mut command = triplecheck();
    command
        .current_dir(dir.path())
        .env("TMPDIR", temporary.path())
        .args(["wrap", "./static", "signal", "15"]);
    let status = command.status().unwrap();
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0, "nothing is left behind");
    assert_eq!(status.signal(), Some(15));
    let run = within(dir.path(), &["wrap", "no-such-command"]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
}

#[test]
fn a_success_over_a_start_that_failed_for_our_reasons_is_none() {
    let dir = tempfile::tempdir().unwrap();
    if guests(dir.path()).is_none() {
        return;
    }
    // A loader that nobody has.
    let loader = "-Wl,--dynamic-linker=/lib/ld-nobody-has-this.so.1";
    let lost = dir.path().join("lost");
    assert!(compile("aarch64-linux-gnu-gcc", AARCH64, GUEST, &lost, &[loader]));
    let script = "./lost; ./lost && echo ran; ./dynamic; exit 0";
    let ledger = dir.path().join("ledger");
    let run = ran(triplecheck()
        .current_dir(dir.path())
        .args(["wrap", "-t", S390X, "--ledger"])
        .arg(&ledger)
        .args(["--", "sh", "-c", script]));
    assert_eq!(run.code, Some(69), "{}", run.stderr);
    for part in ["ld-nobody-has-this.so.1", "(2 times)", &format!("no program of `{S390X}`")] {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    let text = std::fs::read_to_string(&ledger).unwrap();
    let records: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let verdicts: Vec<&str> = records.iter().map(|record| record["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["infrastructure", "infrastructure", "nested"], "{text}");
    assert_eq!(records[0]["status"], 126);
    assert_eq!(records[2]["target"], AARCH64);
    // The command's own failure is its own.
    let run = within(dir.path(), &["wrap", "--", "sh", "-c", "./lost; exit 7"]);
    assert_eq!(run.code, Some(7), "{}", run.stderr);
}

#[test]
fn a_success_without_any_program_of_a_named_target_is_none() {
    let dir = tempfile::tempdir().unwrap();
    if guests(dir.path()).is_none() {
        return;
    }
    let run = within(dir.path(), &["wrap", "--quiet", "-t", AARCH64, "--", "true", "./dynamic"]);
    assert_eq!(run.code, Some(69), "{}", run.stderr);
    assert!(run.stderr.contains(&format!("error: no program of `{AARCH64}` was started")), "{}", run.stderr);
    let run = within(dir.path(), &["wrap", "--quiet", "-t", AARCH64, "--", "false"]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    // What the kernel starts without us is seen by nobody.
    let native = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let run = within(dir.path(), &["wrap", "--quiet", "-t", &native, "--", "true"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
}

#[test]
fn calls_of_the_hook_are_recorded_by_the_command_around_them() {
    let dir = tempfile::tempdir().unwrap();
    if guests(dir.path()).is_none() {
        return;
    }
    // A build system that hands programs to the hook, with an environment of its own.
    let hook = triplecheck().get_program().to_string_lossy().into_owned();
    let script = "env -i \"$0\" exec ./dynamic; env -i \"$0\" exec ./none; exit 0";
    let run = within(dir.path(), &["wrap", "-t", AARCH64, "--", "sh", "-c", script, &hook]);
    assert_eq!(run.code, Some(69), "{}", run.stderr);
    for part in [format!("started: 1 of {AARCH64}\n"), "error: there is no program `./none`".to_owned()] {
        assert!(run.stderr.contains(&part), "{part}: {}", run.stderr);
    }
}

#[test]
fn a_program_of_the_hosts_is_no_answer_and_no_failure_of_ours() {
    let dir = tempfile::tempdir().unwrap();
    if guests(dir.path()).is_none() {
        return;
    }
    let ledger = dir.path().join("ledger");
    let bin = env!("CARGO_BIN_EXE_triplecheck");
    // As a configure script does: what the host's own program would say is not asked for.
    let script = format!(
        "{bin} exec -t {AARCH64} -- getconf LFS_CFLAGS || {bin} exec -t {AARCH64} -- ./dynamic exit 0"
    );
    let run = ran(triplecheck()
        .current_dir(dir.path())
        .args(["wrap", "-t", AARCH64, "--ledger"])
        .arg(&ledger)
        .args(["--", "sh", "-c", &script]));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let text = std::fs::read_to_string(&ledger).unwrap();
    let records: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        (records[0]["verdict"].as_str(), records[0]["status"].as_u64()),
        (Some("native"), Some(126)),
        "{text}"
    );
    assert_eq!(records[1]["verdict"], "ran", "{text}");
}

#[test]
fn windows_and_webassembly_programs_start_too() {
    const WINDOWS: &str = "x86_64-pc-windows-gnu";
    const SOURCE: &str =
        "#include <stdio.h>\nint main(int c, char **v) { printf(\"%d %s\", c, v[1]); return 5; }\n";
    let dir = tempfile::tempdir().unwrap();
    if !namespaces() || !runs(WINDOWS) {
        return;
    }
    if !compile("x86_64-w64-mingw32-gcc", WINDOWS, SOURCE, &dir.path().join("p.exe"), &[]) {
        return;
    }
    let script = "./p.exe 'a b' | cat; echo; ./p.exe x >/dev/null; echo $?";
    let run = within(dir.path(), &["wrap", "-t", WINDOWS, "--", "sh", "-c", script]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), "2 a b\n5\n"), "{}", run.stderr);
    // As on Windows, a name may lack its suffix where a program of Windows is asked for.
    for name in ["./p", "p"] {
        let run = ran(triplecheck()
            .current_dir(dir.path())
            .env("PATH", format!("{}:/usr/bin:/bin", dir.path().display()))
            .args(["exec", "-t", WINDOWS, name, "a b"]));
        assert_eq!((run.code, run.stdout.as_str()), (Some(5), "2 a b"), "{name}: {}", run.stderr);
        let run = within(dir.path(), &["exec", name]);
        assert_eq!(run.code, Some(127), "{name}: {}", run.stderr);
    }
    // Nothing but an export of a function that does nothing: the smallest program of WASI.
    let module = wat_module();
    std::fs::write(dir.path().join("p.wasm"), module).unwrap();
    std::fs::set_permissions(dir.path().join("p.wasm"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let run = within(dir.path(), &["wrap", "--", "sh", "-c", "./p.wasm; echo $?"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), "4\n"), "{}", run.stderr);
}

/// A module that imports `proc_exit` of WASI and calls it with 4.
fn wat_module() -> Vec<u8> {
    let mut bytes = b"\0asm\x01\0\0\0".to_vec();
    let mut section = |id: u8, body: &[u8]| {
        bytes.push(id);
        bytes.push(u8::try_from(body.len()).unwrap());
        bytes.extend(body);
    };
    section(1, b"\x02\x60\x01\x7f\x00\x60\x00\x00");
    section(2, b"\x01\x16wasi_snapshot_preview1\x09proc_exit\x00\x00");
    section(3, b"\x01\x01");
    section(5, b"\x01\x00\x01");
    section(7, b"\x02\x06_start\x00\x01\x06memory\x02\x00");
    section(10, b"\x01\x06\x00\x41\x04\x10\x00\x0b");
    bytes
}

#[test]
fn a_hook_call_keeps_its_ledger_where_the_environment_says() {
    let dir = tempfile::tempdir().unwrap();
    let Some([dynamic, ..]) = guests(dir.path()) else { return };
    let ledger = dir.path().join("ledger");
    let run =
        ran(triplecheck().env("TRIPLECHECK_LEDGER", &ledger).arg("exec").arg(&dynamic).args(["exit", "9"]));
    assert_eq!(run.code, Some(9), "{}", run.stderr);
    let run = ran(triplecheck().env("TRIPLECHECK_LEDGER", &ledger).arg("exec").arg(dir.path().join("none")));
    assert_eq!(run.code, Some(127), "{}", run.stderr);
    let text = std::fs::read_to_string(&ledger).unwrap();
    let verdicts: Vec<String> = text
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["verdict"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(verdicts, ["ran", "infrastructure"], "{text}");
}
