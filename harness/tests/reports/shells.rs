//! Completion scripts, as the shells themselves read them, and manual pages.

use std::path::Path;
use std::process::Command;

use crate::is_there;
use crate::support::{ran, triplecheck};

#[track_caller]
fn script(shell: &str) -> String {
    let run = ran(triplecheck().args(["completions", shell]));
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{shell}");
    run.stdout
}

/// What a shell prints for a script of ours.
#[track_caller]
fn printed(shell: &str, args: &[&str], dir: &Path) -> String {
    let output = Command::new(shell).args(args).env("HOME", dir).current_dir(dir).output().unwrap();
    assert!(output.status.success(), "{shell}: {}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{shell}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

const WANTED: [&str; 2] = ["s390x-unknown-linux-gnu", "s390x-unknown-linux-musl"];

#[test]
fn bash_completes_commands_flags_and_targets() {
    if !is_there("bash") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("script"), script("bash")).unwrap();
    let complete = |words: &[&str]| -> Vec<String> {
        let list = words.join(" ");
        let (last, before) = (words[words.len() - 1], words[words.len() - 2]);
        let line = format!(
            "source ./script; COMP_WORDS=({list}); COMP_CWORD={}; _triplecheck triplecheck '{last}' '{before}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            words.len() - 1
        );
        printed("bash", &["--norc", "-c", &line], dir.path()).lines().map(str::to_owned).collect()
    };
    assert_eq!(complete(&["triplecheck", "sho"]), ["show"]);
    assert_eq!(complete(&["triplecheck", "run", "-t", "s390x-unknown-linux"]), WANTED);
    assert_eq!(complete(&["triplecheck", "doctor", "s390x-unknown-linux"]), WANTED);
    assert_eq!(complete(&["triplecheck", "report", "--format", "jun"]), ["junit"]);
    assert_eq!(complete(&["triplecheck", "run", "--emulator", "qemu-u"]), ["qemu-user"]);
    assert_eq!(complete(&["triplecheck", "hook", "waf", "--ans"]), ["--answers"]);
}

#[test]
fn fish_completes_the_same() {
    if !is_there("fish") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("script"), script("fish")).unwrap();
    let complete = |line: &str| -> Vec<String> {
        let command = format!("source ./script; complete -C '{line}'");
        let text = printed("fish", &["--no-config", "-c", &command], dir.path());
        text.lines().filter_map(|line| line.split('\t').next()).map(str::to_owned).collect()
    };
    assert_eq!(complete("triplecheck sho"), ["show"]);
    assert_eq!(complete("triplecheck run -t s390x-unknown-linux"), WANTED);
    assert_eq!(complete("triplecheck report --format jun"), ["junit"]);
}

#[test]
fn zsh_reads_its_script() {
    if !is_there("zsh") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("_triplecheck"), script("zsh")).unwrap();
    let line = "fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -D; print -r -- $_comps[triplecheck]; autoload +X _triplecheck && print -r -- ${functions[_triplecheck]}";
    let text = printed("zsh", &["-f", "-c", line], dir.path());
    assert!(text.starts_with("_triplecheck\n") && text.contains(WANTED[0]), "{text}");
}

#[test]
fn an_unknown_shell_and_an_unknown_page_are_refused_with_what_there_is() {
    for (words, parts) in [
        (&["completions", "tcsh"][..], &["tcsh", "bash", "fish", "zsh"][..]),
        (&["man", "rnu"], &["`triplecheck` has no command `rnu`", "`run`"]),
        (&["man", "hook", "wav"], &["`triplecheck hook` has no command `wav`", "`waf`"]),
    ] {
        let run = ran(triplecheck().args(words));
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{words:?}");
        for part in parts {
            assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
        }
    }
}

#[test]
fn pages_tell_the_flags_of_their_command() {
    let page = |words: &[&str]| ran(triplecheck().arg("man").args(words)).stdout;
    let all = page(&[]);
    assert!(all.contains(".TH triplecheck 1") && all.contains("triplecheck\\-run(1)"), "{all}");
    let run = page(&["run"]);
    assert!(run.contains(".TH triplecheck-run 1") && run.contains("\\-\\-fail\\-fast"), "{run}");
    assert!(page(&["hook", "waf"]).contains("\\-\\-answers"));
    let dir = tempfile::tempdir().unwrap();
    let run = ran(triplecheck().arg("-C").arg(dir.path()).args(["man", "--dir", "man1"]));
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""), "{}", run.stderr);
    assert_eq!(std::fs::read_to_string(dir.path().join("man1/triplecheck-run.1")).unwrap(), page(&["run"]));
}
