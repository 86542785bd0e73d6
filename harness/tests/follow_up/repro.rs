//! One cell looked into: by gdb, by its system calls, by hand.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{self, Ran, is_required, ran, runs, triplecheck, write};

const S390X: &str = "s390x-unknown-linux-gnu";

/// An assertion that fails where the lowest byte does not come first, after a file was made under another name there.
const ORDER: &str = "#include <assert.h>\n#include <stdio.h>\n\
    static int check(int first) {\n  assert(first == 1);\n  return first;\n}\n\
    int main(int argc, char **argv) {\n  union { int i; char c[4]; } u = { 1 };\n  char line[99];\n\
    if (!fgets(line, sizeof line, stdin)) return 9;\n  printf(\"%s %s\", argv[1], line);\n  fflush(stdout);\n\
    fclose(fopen(u.c[0] ? \"little\" : \"big\", \"w\"));\n  return check(u.c[0]) == 1 ? 0 : 1;\n}\n";

fn c_project() -> tempfile::TempDir {
    let project = tempfile::tempdir().expect("a temporary directory can be made");
    let manifest = format!(
        "targets = [\"{S390X}\"]\n[[suite]]\nname = \"c\"\nkind = \"c\"\nsources = \"*.c\"\nflags = [\"-g\"]\ncases = [{{ args = [\"a b\"], stdin = \"in.txt\" }}]\n"
    );
    write(
        project.path(),
        &[("triplecheck.toml", manifest.as_str()), ("order.c", ORDER), ("in.txt", "input\n")],
    );
    project
}

/// Whether a tool is there; one that is required must be.
#[track_caller]
fn has(tool: &str, name: &str) -> bool {
    let found = Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_ok_and(|status| status.success()) {
        return true;
    }
    assert!(!is_required(name), "{name} is required and there is no `{tool}`");
    println!("skipped: there is no `{tool}`");
    false
}

#[track_caller]
fn repro(project: &Path, words: &[&str]) -> Ran {
    ran(triplecheck().arg("-C").arg(project).arg("repro").args(words))
}

/// The words by which gdb carries out commands and ends.
fn gdb<'a>(commands: &[&'a str]) -> Vec<&'a str> {
    let commands = commands.iter().flat_map(|command| ["-ex", *command]);
    ["--", "-nx", "-batch"].into_iter().chain(commands).collect()
}

#[test]
fn gdb_stops_at_the_failing_assertion_of_a_c_program() {
    if !runs(S390X) || !has("gdb-multiarch", "gdb") {
        return;
    }
    let project = c_project();
    let words = gdb(&["continue", "backtrace", "frame function check", "print first"]);
    let run = repro(project.path(), &[&["c::order", "-t", S390X, "--debug"][..], &words].concat());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let line = 1 + ORDER.lines().position(|line| line.contains("assert(")).expect("it is there");
    let frame = format!("in check (first=0) at {}:{line}\n", project.path().join("order.c").display());
    assert!(run.stdout.contains(&frame), "{frame} is not in\n{}\n{}", run.stdout, run.stderr);
    assert!(run.stdout.contains("Breakpoint") && run.stdout.contains("__assert_fail ()"), "{}", run.stdout);
    assert!(run.stdout.contains("\n$1 = 0\n"), "a variable of the guest's is read: {}", run.stdout);
    assert!(run.stdout.contains("a b input\n"), "it has its arguments and its input: {}", run.stdout);
}

#[test]
fn gdb_stops_at_the_panic_of_exactly_the_test_that_fails() {
    if !runs(S390X) || !has("gdb-multiarch", "gdb") {
        return;
    }
    let project = tempfile::tempdir().expect("a temporary directory can be made");
    let lib = "#[cfg(test)]\nmod tests {\n  #[test]\n  fn order_is_little() {\n    assert_eq!(u32::from_ne_bytes([3, 0, 0, 0]), 3);\n  }\n\n  #[test]\n  fn order_is_little_too() { panic!(\"another one\") }\n}\n";
    let manifest = "[package]\nname = \"codec\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n";
    write(project.path(), &[("Cargo.toml", manifest), ("src/lib.rs", lib)]);
    let cell = format!("test::tests::order_is_little on {S390X}");
    let words = gdb(&["continue", "backtrace", "continue", "continue"]);
    let run = repro(project.path(), &[&[cell.as_str(), "--debug"][..], &words].concat());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stdout.contains("core::panicking::panic_fmt ("), "{}\n{}", run.stdout, run.stderr);
    assert!(
        run.stdout.contains("codec::tests::order_is_little () at src/lib.rs:5\n"),
        "{}\n{}",
        run.stdout,
        run.stderr
    );
    assert!(!run.stdout.contains("order_is_little_too"), "{}", run.stdout);
}

#[test]
fn the_first_system_call_that_differs_is_marked() {
    if !runs(S390X) || !has("strace", "strace") {
        return;
    }
    let project = c_project();
    let run = repro(project.path(), &["c::order", "-t", S390X, "--trace"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let marked: Vec<&str> = run.stdout.lines().filter(|line| line.starts_with('>')).collect();
    assert_eq!(marked.len(), 1, "{}", run.stdout);
    assert!(marked[0].contains("\"little\"") && marked[0].contains("\"big\""), "{}", run.stdout);
    assert!(run.stdout.contains("SIGABRT"), "{}", run.stdout);
    let kept = project.path().join("target/triplecheck/traces/c--order-on-s390x-unknown-linux-gnu");
    for (file, text) in
        [("native/calls", "exit_group(0)"), ("target/stderr", "Assertion"), ("native/stdout", "a b input")]
    {
        let path = kept.join(file);
        let read =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(read.contains(text), "{file}: {read}");
    }
}

#[test]
fn in_the_shell_both_sides_are_run_by_a_word() {
    if !runs(S390X) || !has_children() {
        return;
    }
    let project = c_project();
    let mut child = triplecheck()
        .arg("-C")
        .arg(project.path())
        .args(["repro", "c::order", "-t", S390X, "--shell"])
        .env("SHELL", "/bin/sh")
        .current_dir(project.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let program = project.path().join("target/triplecheck/build/c/c").join(S390X).join("order");
    let script = format!(
        "native; echo native $?\nguest; echo guest $?\necho x | {} direct; echo direct $?\nexit 7\n",
        program.display()
    );
    child.stdin.take().expect("it is piped").write_all(script.as_bytes()).expect("the shell reads");
    let output = child.wait_with_output().expect("it ends");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(7), "{stderr}");
    for part in ["a b input\nnative 0\n", "a b input\nguest 134\n", "direct x\ndirect 134\n"] {
        assert!(stdout.contains(part), "{part}\nis not in\n{stdout}\n{stderr}");
    }
}

/// Whether foreign programs may simply start here.
fn has_children() -> bool {
    let wrapped = ran(triplecheck().args(["wrap", "-q", "--", "true"]));
    assert!(!(is_required("children") && wrapped.code != Some(0)), "{}", wrapped.stderr);
    wrapped.code == Some(0)
}

#[test]
fn what_cannot_be_looked_into_is_refused_with_what_would_help() {
    let project = c_project();
    for (words, code, parts) in [
        (
            &["c::order", "-t", S390X][..],
            2,
            &["`--debug`, `--trace` or `--shell`", "triplecheck run c::order"][..],
        ),
        (&["order", "--debug"], 2, &["`order` is no cell", "suite::case"]),
        (&["c::order", "--debug"], 2, &["name the target of `c::order`"]),
        (&["c::order", "-t", "x86_64-unknown-linux-gnu", "--shell"], 2, &["is the host itself"]),
        (&["c::order", "-t", S390X, "--trace", "--", "-batch"], 2, &["--debug"]),
        (&["c::order", "-t", S390X, "--trace", "--shell"], 2, &["cannot be used with"]),
    ] {
        let run = repro(project.path(), words);
        assert_eq!((run.code, run.stdout.as_str()), (Some(code), ""), "{words:?}: {}", run.stderr);
        for part in parts {
            assert!(run.stderr.contains(part), "`{part}` is not in: {}", run.stderr);
        }
    }
    if cfg!(not(target_arch = "x86_64")) || !support::runs(S390X) {
        return;
    }
    let absent = repro(project.path(), &["c::odrer", "-t", S390X, "--shell"]);
    assert_eq!(absent.code, Some(2), "{}", absent.stderr);
    assert!(absent.stderr.contains("there is no case `c::odrer`"), "{}", absent.stderr);
}

#[test]
fn a_tool_that_is_missing_is_named_with_its_package_before_anything_is_built() {
    let project = c_project();
    for (mode, tool, package) in [("--debug", "gdb-multiarch", "gdb"), ("--trace", "strace", "strace")] {
        let run = ran(triplecheck()
            .arg("-C")
            .arg(project.path())
            .args(["repro", "c::order", "-t", S390X, mode])
            .env("PATH", project.path()));
        assert_eq!((run.code, run.stdout.as_str()), (Some(69), ""), "{}", run.stderr);
        assert!(run.stderr.contains(&format!("there is no `{tool}`")), "{}", run.stderr);
        if Path::new("/etc/debian_version").exists() {
            assert!(run.stderr.contains("apt-get install") && run.stderr.contains(package), "{}", run.stderr);
        }
    }
    assert!(!project.path().join("target").exists());
}
