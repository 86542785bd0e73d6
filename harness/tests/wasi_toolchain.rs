//! Rust programs for wasm32-wasip1, built by our recipes and run: with rustup's std, and with one that unwinds.
#![expect(clippy::print_stdout, reason = "a test that cannot run says so")]
#![expect(clippy::unwrap_used, reason = "what these tests set up themselves has to work")]

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use duct::cmd;
use triplecheck::toolchain::wasi::{self as recipes, Libc, LibcOrigin, Linker, TRIPLE, WasiRecipe};
use triplecheck::wasi;

fn skip(reason: &str) {
    let required = std::env::var("TRIPLECHECK_REQUIRE").unwrap_or_default();
    assert!(!required.split(',').any(|name| name.trim() == TRIPLE), "required, but {reason}");
    println!("skipped: {reason}");
}

/// The path of the rustc that cargo would take.
fn rustc() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&path).map(|dir| dir.join("rustc")).find(|file| file.is_file()).unwrap()
}

fn sysroot() -> PathBuf {
    cmd!(rustc(), "--print", "sysroot").read().unwrap().into()
}

/// The triple that rustc itself runs on.
fn host() -> String {
    let version = cmd!(rustc(), "-vV").read().unwrap();
    version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned()
}

fn linker() -> Linker {
    recipes::find_linker(&sysroot(), &host(), &["/usr/bin/wasm-ld".into()]).unwrap()
}

fn compile(recipe: &WasiRecipe, program: &Path, more: &[&str]) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wasi/probe.rs");
    let mut words: Vec<OsString> = vec!["--edition=2024".into(), "--target".into(), TRIPLE.into()];
    words.extend(recipe.rustflags.iter().map(OsString::from));
    words.extend(recipe.linker.iter().map(|linker| format!("-Clinker={}", linker.display()).into()));
    words.extend(more.iter().map(OsString::from));
    words.extend([source.into(), "-o".into(), program.into()]);
    cmd(rustc(), words).run().unwrap();
}

/// Status, stdout and stderr of a run.
fn run(command: &[OsString], program: &Path, words: &[&str]) -> (Option<i32>, String, String) {
    let (runtime, fixed) = command.split_first().unwrap();
    let words = fixed.iter().cloned().chain([program.into()]).chain(words.iter().map(OsString::from));
    let output = cmd(runtime, words)
        .dir(program.parent().unwrap())
        .env("PROBE", "x")
        .env("RUST_BACKTRACE", "0")
        .stdin_null()
        .stdout_capture()
        .stderr_capture()
        .unchecked()
        .run()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

const SEEN: &str = "Ok(\"x\")\nllo world 11\n2\na thread: false\n";

#[test]
fn with_rustups_std_programs_run_and_a_panic_is_a_trap() {
    if !sysroot().join("lib/rustlib").join(TRIPLE).join("lib/self-contained").is_dir() {
        return skip("rustup's std for wasm32-wasip1 is not installed");
    }
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("probe.wasm");
    compile(&recipes::aborting(&linker()), &program, &[]);
    assert_eq!(wasi::needs(&fs_err::read(&program).unwrap()), wasi::Needs::Nothing);
    let command = wasi::builtin_command(Path::new(env!("CARGO_BIN_EXE_triplecheck")));
    let ended = run(&command, &program, &["exit"]);
    assert_eq!(ended, (Some(42), format!("[\"exit\"] {SEEN}"), String::new()));
    let (status, _, stderr) = run(&command, &program, &["panic"]);
    assert_eq!(status, Some(134), "{stderr}");
    assert!(stderr.contains("as told"), "{stderr}");
    assert!(stderr.ends_with("triplecheck-wasi: trap: unreachable\n"), "{stderr}");
}

/// Every libc that is there, since both are used on somebody's machine.
fn libcs() -> Vec<Libc> {
    let system = Libc { directory: "/usr/lib/wasm32-wasi".into(), origin: LibcOrigin::System };
    let found = recipes::find_libc(&sysroot()).ok();
    let system = system.directory.join("libc.a").is_file().then_some(system);
    let mut all: Vec<Libc> = found.into_iter().chain(system).collect();
    all.dedup();
    all
}

fn build_std(scratch: &Path, sysroot: &Path) {
    fs_err::create_dir_all(scratch.join("src")).unwrap();
    fs_err::write(scratch.join("src/lib.rs"), "#![no_std]\n").unwrap();
    let manifest = "[package]\nname = \"empty\"\nedition = \"2024\"\n[workspace]\n";
    fs_err::write(scratch.join("Cargo.toml"), manifest).unwrap();
    let crates = "-Zbuild-std=core,alloc,std,panic_unwind,panic_abort,proc_macro,test";
    cmd!("cargo", "build", "--release", crates, "--target", TRIPLE, "--target-dir", scratch.join("target"))
        .dir(scratch)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", recipes::STD_RUSTFLAGS.join(" "))
        .run()
        .unwrap();
    let libraries = sysroot.join("lib/rustlib").join(TRIPLE).join("lib");
    fs_err::create_dir_all(&libraries).unwrap();
    for entry in fs_err::read_dir(scratch.join("target").join(TRIPLE).join("release/deps")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.extension().is_some_and(|it| it == "rlib") && !name.starts_with("libempty-") {
            fs_err::copy(&path, libraries.join(name)).unwrap();
        }
    }
}

/// Builds std, which takes a minute: runs where `TRIPLECHECK_REQUIRE` names `build-std`.
#[test]
fn with_our_std_programs_unwind_under_node() {
    let required = std::env::var("TRIPLECHECK_REQUIRE").unwrap_or_default();
    if !required.split(',').any(|name| name.trim() == "build-std") {
        println!("skipped: TRIPLECHECK_REQUIRE does not name build-std");
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let sysroot = scratch.path().join("sysroot");
    build_std(&scratch.path().join("std"), &sysroot);
    let script = scratch.path().join("node.mjs");
    fs_err::write(&script, wasi::node_script()).unwrap();
    let command = wasi::node_command(Path::new("node"), &script);
    assert!(!libcs().is_empty());
    for libc in libcs() {
        recipes::furnish(&rustc(), &sysroot, &libc).unwrap();
        let program = scratch.path().join("probe.wasm");
        compile(&recipes::unwinding(&sysroot, &linker()), &program, &[]);
        let ended = run(&command, &program, &["exit", "a b"]);
        assert_eq!(ended, (Some(42), format!("[\"exit\", \"a b\"] {SEEN}"), String::new()), "{libc:?}");
        let (status, stdout, stderr) = run(&command, &program, &["catch"]);
        assert_eq!((status, stdout), (Some(0), format!("[\"catch\"] {SEEN}caught: true\n")), "{stderr}");
        assert_eq!(run(&command, &program, &["panic"]).0, Some(101));
        compile(&recipes::unwinding(&sysroot, &linker()), &program, &["--test"]);
        let (status, stdout, stderr) = run(&command, &program, &[]);
        assert_eq!(status, Some(101), "{stderr}");
        assert!(stdout.contains("test result: FAILED. 2 passed; 1 failed"), "{stdout}");
    }
}
