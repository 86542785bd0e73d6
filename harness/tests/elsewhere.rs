//! Built in one place, run in another: archives of ours and of cargo-nextest, without source and toolchain.

#![expect(
    clippy::disallowed_methods,
    reason = "tests start the binary under test on a machine without anything"
)]

mod support;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use support::{Ran, ran, runs, triplecheck, write};

const S390X: &str = "s390x-unknown-linux-gnu";

/// Tests that need what an archive must bring: a file, the package's program by variable and by its compiled-in path.
const IT: &str = r#"
fn tool(path: &str) -> Vec<u8> { std::process::Command::new(path).output().unwrap().stdout }

#[test]
fn compiled_in() { assert_eq!(tool(env!("CARGO_BIN_EXE_tool")), b"tool\n"); }

#[test]
fn file() { assert_eq!(std::fs::read_to_string("tests/n.txt").unwrap(), "3\n"); }

#[test]
fn order() {
    let dir = std::env::var("CARGO_MANIFEST_DIR").unwrap();
    assert_eq!(std::env::current_dir().unwrap(), std::path::Path::new(&dir).canonicalize().unwrap());
    assert_eq!(u32::from_ne_bytes([3, 0, 0, 0]), 3);
}

#[test]
fn variable() {
    let path = std::env::var("CARGO_BIN_EXE_tool").unwrap_or_else(|_| env!("CARGO_BIN_EXE_tool").into());
    assert_eq!(tool(&path), b"tool\n");
}
"#;

const PLAIN: &str =
    "#include <stdio.h>\nint main(void) { int c = getchar(); printf(\"%c\\n\", c); return 0; }\n";

fn project(root: &Path) {
    let cargo = "[package]\nname = \"codec\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n[profile.dev]\ndebug = false\n";
    let manifest = format!(
        "targets = [\"{S390X}\"]\n[[suite]]\nname = \"unit\"\nkind = \"cargo-test\"\n[[suite]]\nname = \"c\"\nkind = \"c\"\nsources = \"c/*.c\"\ncases = [{{ stdin = \"c/in.txt\" }}]\n"
    );
    write(
        root,
        &[
            ("Cargo.toml", cargo),
            ("triplecheck.toml", manifest.as_str()),
            ("src/main.rs", "fn main() {}\n"),
            ("src/bin/tool.rs", "fn main() { println!(\"tool\"); }\n"),
            ("tests/it.rs", IT),
            ("tests/n.txt", "3\n"),
            ("c/plain.c", PLAIN),
            ("c/in.txt", "x\n"),
        ],
    );
}

/// A machine with our binary and the emulator, and nothing else on `PATH`.
fn elsewhere(place: &Path) -> Command {
    let path = place.join("bin");
    if !path.exists() {
        std::fs::create_dir_all(&path).expect("the temporary directory is writable");
        let which = ran(triplecheck().args(["which", "--json", S390X]));
        let which: Value = serde_json::from_str(&which.stdout).expect("`which --json` is JSON");
        let program = PathBuf::from(which["emulator"]["program"].as_str().unwrap_or_default());
        symlink(&program, path.join(program.file_name().unwrap_or_default())).expect("it is linked");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_triplecheck"));
    command.env_clear().env("PATH", path).current_dir(place).stdin(Stdio::null());
    for kept in ["HOME", "XDG_CACHE_HOME"] {
        command.envs(std::env::var_os(kept).map(|value| (kept, value)));
    }
    command
}

/// The verdicts of a run by case.
#[track_caller]
fn verdicts(run: &Ran) -> BTreeMap<String, String> {
    let report: Value = serde_json::from_str(&run.stdout)
        .unwrap_or_else(|error| panic!("no report ({error}):\n{}\n{}", run.stdout, run.stderr));
    assert_eq!(report["not_run"], json!([]), "{report:#}");
    let cells = report["cells"].as_array().expect("a report has cells");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    cells.iter().map(|cell| (text(&cell["case"]), text(&cell["verdict"]))).collect()
}

fn expected(changed: &[(&str, &str)]) -> BTreeMap<String, String> {
    let mut all = BTreeMap::from(
        ["it::compiled_in", "it::file", "it::order", "it::variable", "plain"].map(|case| (case, "same")),
    );
    all.extend([("it::order", "cross-fail")]);
    all.extend(changed.iter().copied());
    all.into_iter().map(|(case, verdict)| (case.to_owned(), verdict.to_owned())).collect()
}

#[test]
fn what_was_built_here_is_run_where_there_is_neither_source_nor_toolchain() {
    if !runs(S390X) {
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    let at = |name: &str| dir.path().join(name);
    std::fs::create_dir(at("there")).expect("it can be made");
    project(&at("there"));
    let archive = at("built.tar.zst");
    let built = ran(triplecheck()
        .arg("-C")
        .arg(at("there"))
        .args(["run", "--build-only", "--archive"])
        .arg(&archive));
    assert_eq!(built.code, Some(0), "{}\n{}", built.stdout, built.stderr);
    assert!(built.stdout.contains("8 programs for 1 target and the host\n"), "{}", built.stdout);
    std::fs::rename(at("there"), at("moved")).expect("it is moved");
    std::fs::remove_dir_all(at("moved/target")).expect("what was built is gone");

    let run = |words: &[&str]| {
        ran(elsewhere(dir.path()).args(["run", "--json", "--from"]).arg(&archive).args(words))
    };
    // Its own files; what is compiled in leads nowhere, and is told.
    let alone = run(&[]);
    assert_eq!(alone.code, Some(1), "{}", alone.stderr);
    assert_eq!(verdicts(&alone), expected(&[("it::compiled_in", "fails-natively")]));
    assert!(alone.stderr.contains("compiled in (env!(\"CARGO_BIN_EXE_tool\"))"), "{}", alone.stderr);
    // A checkout elsewhere: its files count, and its directory.
    std::fs::write(at("moved/tests/n.txt"), "4\n").expect("it is written");
    let moved = run(&["--workspace-remap", "moved", "unit"]);
    let mut wanted = expected(&[("it::compiled_in", "fails-natively"), ("it::file", "fails-natively")]);
    wanted.remove("plain");
    assert_eq!(verdicts(&moved), wanted);
    // A checkout where it was built: everything is as there.
    std::fs::write(at("moved/tests/n.txt"), "3\n").expect("it is written");
    std::fs::rename(at("moved"), at("there")).expect("it is moved back");
    let back = run(&["--workspace-remap", "there", "-t", S390X]);
    assert_eq!(verdicts(&back), expected(&[]));
    assert!(!back.stderr.contains("compiled in"), "{}", back.stderr);

    for (words, code, part) in [
        (&["-t", "mips-unknown-linux-gnu"][..], 2, "no archive has programs for `mips-unknown-linux-gnu`"),
        (&["--lib"], 2, "what cargo builds was said when the archive was made"),
        (&["--workspace-remap", "nowhere"], 2, "there is no directory"),
    ] {
        let refused = run(words);
        assert_eq!(
            (refused.code, refused.stdout.as_str()),
            (Some(code), ""),
            "{words:?}: {}",
            refused.stderr
        );
        assert!(refused.stderr.contains(part), "`{part}` is not in: {}", refused.stderr);
    }
    nextests(dir.path());
}

/// The same programs as cargo-nextest packs them: one archive for the host, one for the target.
fn nextests(dir: &Path) {
    let host = ran(Command::new(env!("CARGO_BIN_EXE_triplecheck")).args(["which", "--json", S390X]));
    let host: Value = serde_json::from_str(&host.stdout).expect("`which --json` is JSON");
    let host = host["host"].as_str().expect("it names the host").to_owned();
    for (triple, archive) in [(host.as_str(), "host.tar.zst"), (S390X, "target.tar.zst")] {
        nextest(dir, (triple, &host), &dir.join(archive));
    }
    std::fs::rename(dir.join("there"), dir.join("moved")).expect("it is moved");
    let run = |words: &[&str]| ran(elsewhere(dir).args(["run", "--json"]).args(words));
    let both = ["--from", "host.tar.zst", "--from", "target.tar.zst"];
    let mut wanted = expected(&[("it::compiled_in", "fails-natively")]);
    wanted.remove("plain");
    let moved = run(&[&both[..], &["--workspace-remap", "moved"]].concat());
    assert_eq!(verdicts(&moved), wanted, "{}", moved.stderr);
    let bare = run(&both);
    wanted.insert("it::file".to_owned(), "fails-natively".to_owned());
    assert_eq!(verdicts(&bare), wanted, "{}", bare.stderr);
    assert!(bare.stderr.contains("has no files of the project"), "{}", bare.stderr);

    let alone = run(&["--from", "target.tar.zst"]);
    assert_eq!(alone.code, Some(2), "{}", alone.stderr);
    assert!(alone.stderr.contains("there is no native side"), "{}", alone.stderr);
}

/// Packs the project's test binary for a triple in the layout of `cargo nextest archive` 0.9.143.
fn nextest(dir: &Path, (triple, host): (&str, &str), to: &Path) {
    let root = dir.join("there");
    let built = root.join("target/triplecheck/build/cargo").join(triple).join("debug");
    let entries = std::fs::read_dir(built.join("deps")).expect("it was put there").flatten();
    let mut programs = entries.map(|entry| entry.path());
    let it = programs.find(|path| path.to_string_lossy().contains("/it-")).expect("the test was built");
    // As with nextest, what is built for the host is in no directory of the triple's.
    let below = if triple == host { "debug".to_owned() } else { format!("{triple}/debug") };
    let name = it.file_name().expect("it has a name").to_string_lossy().into_owned();
    let package = format!("path+file://{}#codec@0.1.0", root.display());
    let platform = |triple: &str| json!({"platform": {"triple": triple, "target-features": "unknown"}, "libdir": {"status": "unavailable", "reason": "rustc-not-found"}});
    let targets = if triple == host { json!([]) } else { json!([platform(triple)]) };
    let target_dir = root.join("target");
    let binaries = json!({
        "rust-build-meta": {
            "target-directory": target_dir,
            "base-output-directories": [below],
            "non-test-binaries": {&package: [{"name": "tool", "kind": "bin-exe", "path": format!("{below}/tool"), "build-platform": "target"}]},
            "build-script-out-dirs": {},
            "linked-paths": [],
            "platforms": {"host": platform(host), "targets": targets},
            "target-platforms": [{"triple": triple, "target-features": "unknown"}],
            "target-platform": null,
        },
        "rust-binaries": {
            "codec::it": {
                "binary-id": "codec::it",
                "binary-name": "it",
                "package-id": &package,
                "kind": "test",
                "binary-path": target_dir.join(&below).join("deps").join(&name),
                "build-platform": "target",
            }
        }
    });
    let metadata =
        ran(support::cargo().args(["metadata", "--format-version", "1", "--no-deps"]).current_dir(&root));
    let mut builder = tar::Builder::new(Vec::new());
    let mut text = |name: &str, text: &str| {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o664);
        builder.append_data(&mut header, name, text.as_bytes()).expect("it fits into memory");
    };
    text("target/nextest/binaries-metadata.json", &binaries.to_string());
    text("target/nextest/cargo-metadata.json", &metadata.stdout);
    builder.append_path_with_name(&it, format!("target/{below}/deps/{name}")).expect("it is packed");
    builder.append_path_with_name(built.join("tool"), format!("target/{below}/tool")).expect("it is packed");
    let tar = builder.into_inner().expect("it fits into memory");
    let level = ruzstd::encoding::CompressionLevel::Fastest;
    let packed = ruzstd::encoding::compress_to_vec(tar.as_slice(), level);
    std::fs::File::create(to).and_then(|mut file| file.write_all(&packed)).expect("it is written");
}

#[test]
fn what_is_no_archive_of_programs_is_refused() {
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    let at = |name: &str| dir.path().join(name);
    let packed = |archive: &str, entries: &[(&str, &str)]| {
        let mut files = BTreeMap::new();
        for (number, (name, text)) in entries.iter().enumerate() {
            let path = at(&format!("{archive}-{number}"));
            std::fs::write(&path, text).expect("it is written");
            files.insert((*name).to_owned(), path);
        }
        triplecheck::archive::pack(&files, &at(archive)).expect("it is packed");
    };
    let record = |file: &str| {
        let program =
            json!({"suite": "c", "id": "p", "name": "p", "target": S390X, "file": file, "test": null});
        json!({
            "schema": 1, "version": "0", "made": "2026-11-26", "host": "x", "rustc": null, "manifest": null, "targets": [],
            "places": [], "programs": [program], "failures": [], "not_run": [], "sysroots": {}, "left_out": [],
        })
        .to_string()
    };
    packed("other", &[("x", "y")]);
    packed("bundle", &[("bundle.json", "{}")]);
    packed("damaged", &[("archive.json", "{")]);
    packed("newer", &[("archive.json", "{\"schema\": 7}")]);
    packed("hostile", &[("archive.json", &record("../../bin/sh"))]);
    packed("rootless", &[("archive.json", &record("root/p"))]);
    packed(
        "nextest",
        &[("target/nextest/binaries-metadata.json", "[]"), ("target/nextest/cargo-metadata.json", "{}")],
    );
    for (name, part) in [
        ("other", "is no archive of built programs"),
        ("bundle", "triplecheck repro, which runs bundles"),
        ("damaged", "has a damaged `archive.json`"),
        ("newer", "was made by a newer triplecheck (schema 7)"),
        ("hostile", "names a path that leads out of it: `../../bin/sh`"),
        ("rootless", "there is no `Cargo.toml` in"),
        ("nextest", "has a damaged `target/nextest/binaries-metadata.json`"),
    ] {
        let run = ran(triplecheck().args(["run", "--from", name]).current_dir(dir.path()));
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{name}: {}", run.stderr);
        assert!(run.stderr.contains(part), "`{part}` is not in: {}", run.stderr);
        let left = std::fs::read_dir(at("target/triplecheck")).into_iter().flatten().count();
        assert_eq!(left, 0, "{name}: what was unpacked is gone");
    }
}
