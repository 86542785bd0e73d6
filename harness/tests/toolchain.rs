//! Programs built with a private std, as a project with flags of its own builds them.
//!
//! Slow (std is built, once per machine and rustc), so that it runs where `TRIPLECHECK_REQUIRE` names `build-std`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write as _;
use std::path::{Path, PathBuf};

use triplecheck::toolchain::progress::PlainProgress;
use triplecheck::toolchain::{CargoCall, Std, StdSource, Toolchain, discard_stale};
use triplecheck_emulators::host::{Host as _, LocalHost};
use triplecheck_emulators::target::Target;

/// A program whose answer shows the target, a caught panic, a thread, and that the project's own flags arrived.
const PROGRAM: &str = r#"
fn main() {
    let caught = std::panic::catch_unwind(|| panic!("on purpose")).is_err();
    let flagged = cfg!(own_flag);
    println!("{} {} caught={caught} flagged={flagged}", std::env::consts::ARCH, cfg!(target_endian = "big"));
}
#[test]
fn tests_are_built_too() {}
"#;

fn is_required() -> bool {
    let required = std::env::var("TRIPLECHECK_REQUIRE").unwrap_or_default();
    let is_required = required.split(',').any(|name| name == "build-std");
    if !is_required {
        let _ = writeln!(std::io::stderr(), "skipped: TRIPLECHECK_REQUIRE does not name build-std");
    }
    is_required
}

fn project() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let manifest = "[package]\nname = \"guest\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n";
    fs_err::write(dir.path().join("Cargo.toml"), manifest).unwrap();
    fs_err::create_dir_all(dir.path().join("src")).unwrap();
    fs_err::write(dir.path().join("src/main.rs"), PROGRAM).unwrap();
    dir
}

/// Runs cargo as the harness does, with flags of the user's own in the environment.
#[track_caller]
fn cargo(toolchain: &Toolchain, call: &CargoCall, word: &str) -> String {
    let words = [word.into(), "--message-format=short".into()].into_iter().chain(call.args.iter().cloned());
    let mut command = duct::cmd(&toolchain.cargo, words)
        .dir(&toolchain.project_dir)
        .env("RUSTFLAGS", "--cfg own_flag")
        .env("CARGO_TARGET_DIR", target_dir(toolchain))
        .stderr_to_stdout()
        .stdout_capture()
        .unchecked();
    for (name, value) in &call.env {
        command = command.env(name, value);
    }
    let output = command.run().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}");
    text
}

fn target_dir(toolchain: &Toolchain) -> PathBuf {
    toolchain.project_dir.join("target")
}

fn program(toolchain: &Toolchain, triple: &str, suffix: &str) -> PathBuf {
    target_dir(toolchain).join(triple).join("debug").join(format!("guest{suffix}"))
}

#[track_caller]
fn run(words: &[&Path]) -> String {
    let command = duct::cmd(words[0], &words[1..]).stderr_null().env("RUST_BACKTRACE", "0");
    command.read().unwrap()
}

#[test]
fn a_private_std_serves_cargo_with_the_users_own_flags() {
    if !is_required() {
        return;
    }
    let project = project();
    let host = LocalHost::new();
    let mut toolchain = Toolchain::detect(&host, project.path()).unwrap();
    toolchain.std_source = StdSource::Build;
    let targets = [toolchain.version.host.as_str(), "s390x-unknown-linux-gnu"];
    let targets = targets.map(|triple| Target::parse(triple).unwrap());
    let sysroot = toolchain.build_std(&targets[1], &mut PlainProgress::new(std::io::stderr())).unwrap();
    assert_eq!(toolchain.std_for(&targets[1]), Std::Private(sysroot.clone()));

    let built: Vec<_> = targets.iter().map(|target| toolchain.cargo_target(&host, target).unwrap()).collect();
    let call = toolchain.cargo_call(&built).unwrap();
    assert!(call.env.iter().all(|(name, _)| !name.contains("RUSTFLAGS")), "{call:?}");
    discard_stale(&target_dir(&toolchain), &built).unwrap();
    cargo(&toolchain, &call, "build");
    let native = program(&toolchain, targets[0].triple(), "");
    assert_eq!(run(&[&native]), "x86_64 false caught=true flagged=true");
    if let Some(qemu) = host.find_program("qemu-s390x-static").or_else(|| host.find_program("qemu-s390x")) {
        let foreign = program(&toolchain, targets[1].triple(), "");
        let root = Path::new("/usr/s390x-linux-gnu");
        assert_eq!(
            run(&[&qemu.path, Path::new("-L"), root, &foreign]),
            "s390x true caught=true flagged=true"
        );
    }
    let again = cargo(&toolchain, &call, "build");
    assert!(!again.contains("Compiling"), "a second build does nothing: {again}");

    // The same directory with the installed std, where there is one: nothing of the two is mixed.
    toolchain.std_source = StdSource::Any;
    if toolchain.std_for(&targets[1]) == Std::Installed {
        let built = targets.each_ref().map(|target| toolchain.cargo_target(&host, target).unwrap());
        let call = toolchain.cargo_call(&built).unwrap();
        assert!(call.env.iter().all(|(name, _)| name != "RUSTC"), "{call:?}");
        discard_stale(&target_dir(&toolchain), &built).unwrap();
        let again = cargo(&toolchain, &call, "build");
        assert!(again.contains("Compiling guest"), "{again}");
    }
}

#[test]
fn webassembly_programs_catch_panics_with_a_std_of_ours() {
    let host = LocalHost::new();
    let Some(node) = host.find_program("node").filter(|_| is_required()) else { return };
    let project = project();
    let mut toolchain = Toolchain::detect(&host, project.path()).unwrap();
    toolchain.std_source = StdSource::Build;
    let target = Target::parse("wasm32-wasip1").unwrap();
    toolchain.build_std(&target, &mut PlainProgress::new(std::io::stderr())).unwrap();
    let built = [toolchain.cargo_target(&host, &target).unwrap()];
    let call = toolchain.cargo_call(&built).unwrap();
    cargo(&toolchain, &call, "build");
    let script = project.path().join("node.mjs");
    fs_err::write(&script, include_str!("../src/wasi/node.mjs")).unwrap();
    let words = [node.path.as_path(), Path::new("--no-warnings"), &script];
    let answer = run(&[&words[..], &[&program(&toolchain, target.triple(), ".wasm")]].concat());
    assert_eq!(answer, "wasm32 false caught=true flagged=true");
}
