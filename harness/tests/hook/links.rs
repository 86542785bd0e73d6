//! Links: their names, what they expect, and what they never overwrite.

use std::path::Path;
use std::process::Command;

use crate::support::{compile, ran, runs, triplecheck};

const AARCH64: &str = "aarch64-unknown-linux-gnu";
const PROGRAM: &str = "#include <stdio.h>\nint main(void) { puts(\"ran\"); return 42; }\n";

/// Makes links in `dir`; their paths.
#[track_caller]
fn link(dir: &Path, targets: &[&str]) -> Vec<String> {
    let run = ran(triplecheck().args(["hook", "link", "--force"]).arg(dir).args(targets));
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    run.stdout.lines().map(str::to_owned).collect()
}

#[track_caller]
fn started_by(link: &Path, program: &Path) -> (Option<i32>, String, String) {
    #[expect(clippy::disallowed_methods, reason = "a test starts the link under test")]
    let run = ran(Command::new(link).arg(program).stdin(std::process::Stdio::null()));
    (run.code, run.stdout, run.stderr)
}

#[test]
fn links_are_named_after_the_target_and_after_gos_port() {
    let dir = tempfile::tempdir().unwrap();
    let links = dir.path().join("new/links");
    let path = |name: &str| links.join(name).display().to_string();
    let targets =
        [AARCH64, "aarch64-unknown-linux-musl", "sparc64-unknown-linux-gnu", "s390x-unknown-linux-gnu@z13"];
    let made = link(&links, &targets);
    let names = [
        "aarch64-unknown-linux-gnu-exec",
        "go_linux_arm64_exec",
        "aarch64-unknown-linux-musl-exec",
        "sparc64-unknown-linux-gnu-exec",
        "s390x-unknown-linux-gnu@z13-exec",
    ];
    assert_eq!(made, names.map(path));
    assert_eq!(link(&links, &targets), made, "a second time changes nothing");
    assert_eq!(std::fs::read_dir(&links).unwrap().count(), names.len(), "and nothing is left over");
}

#[test]
fn a_directory_is_meant_from_where_the_command_acts() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("project")).unwrap();
    let words = ["-C", "project", "hook", "link", "--force", "links", AARCH64];
    let run = ran(triplecheck().current_dir(dir.path()).args(words));
    let expected = dir.path().join("project/links/aarch64-unknown-linux-gnu-exec").display().to_string();
    assert_eq!(run.stdout.lines().next(), Some(expected.as_str()), "{}", run.stderr);
    assert!(std::path::Path::new(&expected).is_symlink());
}

#[test]
fn a_link_to_a_binary_that_has_moved_is_led_to_the_new_place() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("aarch64-unknown-linux-gnu-exec");
    std::os::unix::fs::symlink("/gone/triplecheck", &path).unwrap();
    link(dir.path(), &[AARCH64]);
    assert_eq!(std::fs::read_link(&path).unwrap(), Path::new(env!("CARGO_BIN_EXE_triplecheck")));
}

#[test]
fn what_is_not_our_link_is_not_overwritten_and_nothing_is_made() {
    for (what, make) in [
        ("a file", (|path| std::fs::write(path, "mine").unwrap()) as fn(&Path)),
        ("a directory", |path| std::fs::create_dir(path).unwrap()),
        ("a link to `/bin/true`", |path| std::os::unix::fs::symlink("/bin/true", path).unwrap()),
    ] {
        let dir = tempfile::tempdir().unwrap();
        make(&dir.path().join("go_linux_arm64_exec"));
        let run = ran(triplecheck().args(["hook", "link", "--force"]).arg(dir.path()).arg(AARCH64));
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{what}");
        assert!(
            run.stderr.contains(&format!("go_linux_arm64_exec` is {what}, and is not replaced")),
            "{}",
            run.stderr
        );
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "{what}");
    }
}

#[test]
fn a_link_starts_programs_of_its_target_and_refuses_others() {
    if !runs(AARCH64) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let made = link(dir.path(), &[AARCH64, "s390x-unknown-linux-gnu"]);
    let ours = dir.path().join("dynamic");
    let static_one = dir.path().join("static");
    let compiler = "aarch64-linux-gnu-gcc";
    if !compile(compiler, AARCH64, PROGRAM, &ours, &[])
        || !compile(compiler, AARCH64, PROGRAM, &static_one, &["-static"])
    {
        return;
    }
    for link in &made[..2] {
        for program in [&ours, &static_one] {
            let expected = (Some(42), "ran\n".to_owned(), String::new());
            assert_eq!(started_by(Path::new(link), program), expected, "{link}");
        }
        let (code, stdout, stderr) =
            started_by(Path::new(link), Path::new(env!("CARGO_BIN_EXE_triplecheck")));
        assert_eq!((code, stdout.as_str()), (Some(126), ""), "{stderr}");
        assert!(
            stderr.contains("program for x86_64, not a program of `aarch64-unknown-linux-gnu`"),
            "{stderr}"
        );
    }
    for link in &made[2..] {
        let (code, stdout, stderr) = started_by(Path::new(link), &ours);
        assert_eq!((code, stdout.as_str()), (Some(126), ""), "{stderr}");
        assert!(stderr.contains("not a program of `s390x-unknown-linux-gnu`"), "{stderr}");
    }
}

#[test]
fn a_link_named_after_a_target_that_nobody_knows_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for (name, known_as) in
        [("aarch64-linux-gnu-exec", "aarch64-linux-gnu"), ("go_linux_riscv32_exec", "linux/riscv32")]
    {
        let path = dir.path().join(name);
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_triplecheck"), &path).unwrap();
        let (code, stdout, stderr) = started_by(&path, Path::new("/bin/true"));
        assert_eq!((code, stdout.as_str()), (Some(125), ""));
        assert!(stderr.contains(&format!("unknown target triple `{known_as}`")), "{stderr}");
    }
}

#[test]
fn without_a_target_every_link_is_for_one_that_runs_here() {
    let dir = tempfile::tempdir().unwrap();
    let run = ran(triplecheck().args(["hook", "link"]).arg(dir.path()));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let runnable = ran(triplecheck().args(["targets", "--runnable", "--json"])).stdout.lines().count();
    let made = run.stdout.lines().filter(|line| line.ends_with("-exec")).count();
    assert_eq!(made, runnable);
    assert!(made > 0, "a host runs its own programs at least");
}

#[test]
fn a_target_that_cannot_be_run_here_is_refused_unless_forced() {
    let dir = tempfile::tempdir().unwrap();
    let darwin = "aarch64-apple-darwin";
    for command in [vec!["hook", "link", "links", darwin], vec!["hook", "cargo", darwin]] {
        let run = ran(triplecheck().current_dir(dir.path()).args(&command));
        assert_eq!((run.code, run.stdout.as_str()), (Some(69), ""), "{command:?}");
        assert!(
            run.stderr.contains("programs of `aarch64-apple-darwin` cannot be run here: "),
            "{}",
            run.stderr
        );
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        let run = ran(triplecheck().current_dir(dir.path()).args(&command).arg("--force"));
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{command:?}");
        assert!(run.stdout.contains("aarch64-apple-darwin"), "{}", run.stdout);
        let _ = std::fs::remove_dir_all(dir.path().join("links"));
    }
}
