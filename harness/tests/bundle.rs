//! Bundles: a finding that was kept is run again where there is no source and no toolchain.

#![expect(clippy::disallowed_methods, reason = "tests start the scripts of bundles")]

mod support;

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use support::{Ran, ran, runs, triplecheck, write};
use triplecheck::archive::{Limits, unpack};

const S390X: &str = "s390x-unknown-linux-gnu";
const WINDOWS: &str = "x86_64-pc-windows-gnu";
const WASI: &str = "wasm32-wasip1";

/// A program that fails where the lowest byte does not come first.
const ORDER: &str = "#include <stdlib.h>\n#include <stdio.h>\nint main(int argc, char **argv) {\n  union { int i; char c[4]; } u = { 1 };\n  \
    char line[99];\n  if (!fgets(line, sizeof line, stdin)) return 9;\n  printf(\"%s %s %s\\n\", getenv(\"MODE\"), argv[1], line);\n  \
    fflush(stdout);\n  if (u.c[0] != 1) abort();\n  return 0;\n}\n";

/// A machine without anything: a directory with our binary and the emulator, and nothing else on `PATH`.
struct Elsewhere {
    dir: tempfile::TempDir,
    emulator: Option<PathBuf>,
}

impl Elsewhere {
    fn new(target: &str) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        let which = ran(triplecheck().args(["which", "--json", target]));
        let which: Value = serde_json::from_str(&which.stdout).expect("`which --json` is JSON");
        let emulator = which["emulator"]["program"].as_str().map(PathBuf::from);
        if let Some(program) = &emulator {
            symlink(program, dir.path().join(program.file_name().expect("a program has a name")))
                .expect("the temporary directory is writable");
        }
        Self { dir, emulator }
    }

    /// Our binary there, with nothing in its environment but where its caches are.
    fn triplecheck(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_triplecheck"));
        command.env_clear().env("PATH", self.dir.path()).current_dir(self.dir.path()).stdin(Stdio::null());
        for kept in ["HOME", "XDG_CACHE_HOME"] {
            command.envs(std::env::var_os(kept).map(|value| (kept, value)));
        }
        command
    }

    #[track_caller]
    fn repro(&self, bundle: &Path, words: &[&str]) -> Ran {
        ran(self.triplecheck().arg("repro").arg(bundle).args(words))
    }
}

/// The bundles in a directory.
fn bundles(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    found.sort();
    found
}

#[track_caller]
fn script(dir: &Path, words: &[&str], at: &Path, env: &[(&str, &Path)]) -> Option<i32> {
    let mut command = Command::new(dir.join(words[0]));
    command.args(&words[1..]).current_dir(at).envs(env.iter().copied());
    command.stdin(Stdio::null()).output().expect("the script starts").status.code()
}

#[test]
fn a_c_program_fails_again_where_there_is_neither_source_nor_compiler() {
    if !runs(S390X) {
        return;
    }
    let project = tempfile::tempdir().expect("a temporary directory can be made");
    let manifest = format!(
        "targets = [\"{S390X}\"]\n[[suite]]\nname = \"c\"\nkind = \"c\"\nsources = \"*.c\"\ncases = [{{ args = [\"a b\"], stdin = \"in.txt\", env = {{ MODE = \"it's\", API_TOKEN = \"hunter2\" }} }}]\n"
    );
    write(
        project.path(),
        &[("triplecheck.toml", manifest.as_str()), ("order.c", ORDER), ("in.txt", "input\n")],
    );
    let elsewhere = Elsewhere::new(S390X);
    let kept = elsewhere.dir.path().join("kept");
    let run = ran(triplecheck().arg("-C").arg(project.path()).args(["run", "--bundles"]).arg(&kept));
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("without the variable API_TOKEN: it looks like a secret"), "{}", run.stderr);
    let source = project.path().join("order.c");
    std::fs::copy(&source, elsewhere.dir.path().join("order.c")).expect("it is copied");
    project.close().expect("the source is gone");
    let [bundle] = &bundles(&kept)[..] else { panic!("one finding, one bundle: {:?}", bundles(&kept)) };
    assert!(
        run.stdout.contains(&format!("bundle  triplecheck repro {}\n", bundle.display())),
        "{}",
        run.stdout
    );

    let again = elsewhere.repro(bundle, &[]);
    assert_eq!(again.code, Some(1), "{}\n{}", again.stdout, again.stderr);
    for part in [
        "c::order on s390x-unknown-linux-gnu\n",
        "here      cross-fail: natively exit status 0; on the target killed by SIGABRT\n",
        "output    of the target as recorded\n",
        "nothing that is known of it is different here\nit repeats\n",
    ] {
        assert!(again.stdout.contains(part), "{part}\nis not in\n{}", again.stdout);
    }
    let other = elsewhere.repro(bundle, &["--cpu", "max", "--json"]);
    let other: Value = serde_json::from_str(&other.stdout).expect("`--json` is JSON");
    assert_eq!(other["repeats"], true, "{other:#}");
    assert_eq!(
        other["different"],
        serde_json::json!([{"what": "CPU model", "there": "its default", "here": "max"}])
    );

    let unpacked = elsewhere.dir.path().join("unpacked");
    std::fs::create_dir(&unpacked).expect("it can be made");
    unpack(bundle, &unpacked, &Limits::USUAL).expect("a bundle of ours is unpacked");
    let all = std::fs::read_to_string(unpacked.join("bundle.json")).expect("it is there");
    assert!(all.contains("API_TOKEN") && !all.contains("hunter2"), "{all}");
    let emulator = elsewhere.emulator.clone().unwrap_or_default();
    let env = [("EMULATOR", emulator.as_path())];
    assert_eq!(script(&unpacked, &["run.sh"], Path::new("/"), &env), Some(134));
    assert_eq!(script(&unpacked, &["run.sh", "native"], Path::new("/"), &env), Some(0));
    assert_eq!(script(&unpacked, &["interesting.sh"], elsewhere.dir.path(), &env), Some(0));
    let harmless = ORDER.replace("abort()", "puts(\"\")");
    std::fs::write(elsewhere.dir.path().join("order.c"), harmless).expect("it is written");
    assert_eq!(script(&unpacked, &["interesting.sh"], elsewhere.dir.path(), &env), Some(1));
}

#[test]
fn a_file_that_differs_is_what_a_reducer_keeps() {
    if !runs(S390X) {
        return;
    }
    let project = tempfile::tempdir().expect("a temporary directory can be made");
    let manifest = format!(
        "targets = [\"{S390X}\"]\n[[suite]]\nname = \"c\"\nkind = \"c\"\nsources = \"*.c\"\ncases = [{{ files = [\"*.bin\"] }}]\n"
    );
    let source = "#include <stdio.h>\nint main(void) {\n  int one = 1;\n  FILE *f = fopen(\"out.bin\", \"w\");\n  fwrite(&one, 1, sizeof one, f);\n  return fclose(f);\n}\n";
    write(project.path(), &[("triplecheck.toml", manifest.as_str()), ("made.c", source)]);
    let elsewhere = Elsewhere::new(S390X);
    let here = elsewhere.dir.path();
    let words = ["repro", "c::made", "-t", S390X, "--bundle"];
    let made = ran(triplecheck().arg("-C").arg(project.path()).args(words).arg(here));
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let unpacked = here.join("unpacked");
    std::fs::create_dir(&unpacked).expect("it can be made");
    let bundle = PathBuf::from(made.stdout.trim_end());
    unpack(&bundle, &unpacked, &Limits::USUAL).expect("a bundle of ours is unpacked");
    let kept = |side: &str| std::fs::read(unpacked.join("observed").join(side).join("files/out.bin")).ok();
    assert_eq!((kept("native"), kept("target")), (Some(vec![1, 0, 0, 0]), Some(vec![0, 0, 0, 1])));
    let emulator = elsewhere.emulator.clone().unwrap_or_default();
    let env = [("EMULATOR", emulator.as_path())];
    for (text, status) in [
        (source.to_owned(), 0),
        (source.replace("int one", "char one"), 1),
        (source.replace("out.bin", "other"), 1),
    ] {
        std::fs::write(here.join("made.c"), &text).expect("it is written");
        assert_eq!(script(&unpacked, &["interesting.sh"], here, &env), Some(status), "{text}");
    }
}

/// A test that fails with the byte order, needs a file beside it and starts a program of its package; and one that fails
/// with the width of a word.
fn cargo_project(project: &Path) {
    let manifest = "[package]\nname = \"codec\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n[profile.dev]\ndebug = false\n";
    let it = "#[test]\nfn order() {\n  let text = std::fs::read_to_string(\"tests/n.txt\").unwrap();\n  \
        let tool = std::env::var(\"CARGO_BIN_EXE_tool\").unwrap_or(env!(\"CARGO_BIN_EXE_tool\").into());\n  \
        let tool = std::process::Command::new(tool).output().unwrap();\n  assert_eq!(tool.stdout, b\"tool\\n\");\n  \
        assert_eq!(u32::from_ne_bytes([3, 0, 0, 0]).to_string(), text.trim());\n}\n\n#[test]\nfn order_too() { println!(\"another one\"); }\n";
    let lib = "#[test]\nfn width() { assert_eq!(std::env::consts::FAMILY, \"unix\"); }\n";
    write(
        project,
        &[
            ("Cargo.toml", manifest),
            ("src/lib.rs", lib),
            ("src/bin/tool.rs", "fn main() { println!(\"tool\"); }\n"),
            ("tests/it.rs", it),
            ("tests/n.txt", "3\n"),
        ],
    );
}

#[test]
fn exactly_one_test_fails_again_under_every_kind_of_emulator() {
    let project = tempfile::tempdir().expect("a temporary directory can be made");
    cargo_project(project.path());
    let targets: Vec<&str> = [S390X, WINDOWS, WASI].into_iter().filter(|target| runs(target)).collect();
    for target in targets {
        let elsewhere = Elsewhere::new(target);
        if target == WASI
            && let Some(node) = ["node", "nodejs"].into_iter().find_map(on_path)
        {
            symlink(node, elsewhere.dir.path().join("node")).expect("it is linked");
        }
        let cell = if target == S390X { "test::it::order" } else { "test::width" };
        let kept = elsewhere.dir.path().join("kept");
        let made = ran(triplecheck()
            .arg("-C")
            .arg(project.path())
            .args(["repro", cell, "-t", target, "--bundle"])
            .arg(&kept));
        assert_eq!(made.code, Some(0), "{target}: {}", made.stderr);
        let bundle = PathBuf::from(made.stdout.trim_end());
        let built = project.path().join("target");
        std::fs::rename(&built, project.path().join("hidden")).expect("what was built is not there");
        let again = elsewhere.repro(&bundle, &["--json"]);
        let told: Value = serde_json::from_str(&again.stdout)
            .unwrap_or_else(|error| panic!("{target}: {error}\n{}\n{}", again.stdout, again.stderr));
        assert_eq!((again.code, &told["repeats"]), (Some(1), &Value::Bool(true)), "{told:#}");
        assert_eq!(told["recorded"]["native"], "exit status 0", "{told:#}");
        assert_eq!(told["output"], Value::Null, "{told:#}");

        let unpacked = elsewhere.dir.path().join("unpacked");
        std::fs::create_dir(&unpacked).expect("it can be made");
        unpack(&bundle, &unpacked, &Limits::USUAL).expect("a bundle of ours is unpacked");
        let seen = std::fs::read_to_string(unpacked.join("observed/target/stdout")).expect("it is there");
        assert!(seen.contains("running 1 test\n") && !seen.contains("another one"), "{seen}");
        let emulator = elsewhere.emulator.clone().unwrap_or_default();
        if target == S390X {
            let env = [("EMULATOR", emulator.as_path())];
            assert_eq!(script(&unpacked, &["run.sh", "native"], Path::new("/"), &env), Some(0));
            assert_eq!(script(&unpacked, &["run.sh"], Path::new("/"), &env), Some(101));
        }
        std::fs::rename(project.path().join("hidden"), &built).expect("it is there again");
        let files = bundles(&unpacked.join("package/tests"));
        assert_eq!(files, [unpacked.join("package/tests/n.txt")], "no source is in it");
    }
}

/// A program of this machine's `PATH`.
fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|path| path.is_file())
}

#[test]
fn what_is_no_whole_bundle_is_refused_before_anything_runs() {
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    let at = |name: &str| dir.path().join(name);
    std::fs::write(at("none.tar.zst"), "no archive").expect("it is written");
    std::fs::write(at("text"), "x").expect("it is written");
    let files = |text: &str| {
        std::fs::write(at("text"), text).expect("it is written");
        std::collections::BTreeMap::from([("bundle.json".to_owned(), at("text"))])
    };
    for (name, record) in [("old.tar.zst", "{}"), ("new.tar.zst", "{\"schema\": 99}")] {
        triplecheck::archive::pack(&files(record), &at(name)).expect("it is packed");
    }
    let other = std::collections::BTreeMap::from([("x".to_owned(), at("text"))]);
    triplecheck::archive::pack(&other, &at("other.tar.zst")).expect("it is packed");
    for (name, words, code) in [
        ("absent.tar.zst", "there is no bundle `absent.tar.zst`", 2),
        ("none.tar.zst", "is damaged, cut short, or no `.tar.zst` at all", 2),
        ("old.tar.zst", "has a damaged `bundle.json`", 2),
        ("new.tar.zst", "was made by a newer triplecheck (schema 99)", 2),
        ("other.tar.zst", "is no bundle: there is no `bundle.json` in it", 2),
    ] {
        let run = ran(triplecheck().arg("repro").arg(name).current_dir(dir.path()));
        assert_eq!((run.code, run.stdout.as_str()), (Some(code), ""), "{name}: {}", run.stderr);
        assert!(run.stderr.contains(words), "`{words}` is not in: {}", run.stderr);
    }
}

/// A bundle by hand: `change` spoils its record, which is otherwise whole.
fn by_hand(dir: &Path, name: &str, change: &dyn Fn(&mut Value)) -> PathBuf {
    let host = ran(triplecheck().args(["which", "--json", "/bin/sh"]));
    let host: Value = serde_json::from_str(&host.stdout).expect("`which --json` is JSON");
    let machine = json!({"triple": host["host"], "kernel": "0", "processor": "none"});
    let program = json!({"file": "target/sh", "root": null, "libraries": null, "loader": null});
    let mut record = json!({
        "schema": 1, "id": "x", "version": "0", "made": "2026-11-26", "suite": "c", "case": "x", "target": host["host"],
        "machine": machine, "rustc": null, "judged_by": "output", "program": program, "native": program,
        "emulator": {"kind": "native", "program": null, "version": null, "cpu": null},
        "args": ["-c", "echo $A"], "stdin": null, "package": null, "files": [], "env": {"A": "b"}, "left_out": [],
        "deadline_ms": 10000, "finding": null, "seen": null,
        "compare": {
            "stdout": "text", "stderr": "text", "normalise": [], "rules_version": 2,
            "float": {"ulps": 0, "abs": 0.0, "rel": 0.0, "single": false, "zeros_equal": false},
        },
    });
    change(&mut record);
    let json = dir.join("bundle.json");
    std::fs::write(&json, record.to_string()).expect("it is written");
    let files = [("bundle.json", json), ("target/sh", PathBuf::from("/bin/sh"))];
    let files = files.map(|(name, path)| (name.to_owned(), path)).into();
    let bundle = dir.join(name).with_extension("tar.zst");
    triplecheck::archive::pack(&files, &bundle).expect("it is packed");
    bundle
}

#[test]
fn a_record_that_somebody_wrote_by_hand_is_no_danger() {
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    let whole = ran(triplecheck().arg("repro").arg(by_hand(dir.path(), "whole", &|_| ())));
    assert_eq!(whole.code, Some(0), "{}\n{}", whole.stdout, whole.stderr);
    assert!(whole.stdout.ends_with("it does not repeat here\n"), "{}", whole.stdout);
    for (name, pointer, value, code, part) in [
        ("out", "/program/file", json!("../../../bin/sh"), 2, "names a path that leads out of it"),
        ("rooted", "/native/root", json!("/"), 2, "names a path that leads out of it"),
        ("input", "/stdin", json!("/etc/passwd"), 2, "names a path that leads out of it"),
        ("place", "/package", json!({"dir": "..", "was": "/"}), 2, "names a path that leads out of it"),
        ("absent", "/program/file", json!("target/none"), 69, "target/none"),
        ("triple", "/target", json!("no-such-machine"), 2, "no-such-machine"),
        ("variable", "/env", json!({"A=B": "c"}), 2, "names a variable that cannot be one"),
        ("nul", "/args/1", json!("a\0b"), 2, "holds a word that cannot be passed"),
        ("value", "/env/A", json!("a\0b"), 2, "holds a word that cannot be passed"),
        ("rule", "/compare/normalise", json!([["(", ""]]), 2, "has a damaged rule"),
        ("kind", "/judged_by", json!("luck"), 2, "has a damaged `bundle.json`"),
    ] {
        let spoil = |record: &mut Value| *record.pointer_mut(pointer).expect("it is there") = value.clone();
        let run = ran(triplecheck().arg("repro").arg(by_hand(dir.path(), name, &spoil)));
        assert_eq!((run.code, run.stdout.as_str()), (Some(code), ""), "{name}: {}", run.stderr);
        assert!(run.stderr.contains(part), "{name}: `{part}` is not in: {}", run.stderr);
    }
}
