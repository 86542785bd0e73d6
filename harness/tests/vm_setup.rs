//! What `setup --vm` makes of what is there, without any network.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]
#![allow(clippy::print_stdout, reason = "a skip is said aloud")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use support::{boots, compile, guest_system, ran, triplecheck};

const AARCH64: &str = "aarch64-unknown-linux-gnu";

/// A cache of the test's own with a system as an older version of this program has left it.
fn older_system(cache: &Path) -> PathBuf {
    let there = guest_system(AARCH64);
    let older = cache.join("vm/aarch64").join(there.file_name().unwrap());
    std::fs::create_dir_all(&older).unwrap();
    std::fs::copy(there.join("kernel"), older.join("kernel")).unwrap();
    std::fs::copy(there.join(current_name()), older.join("initramfs-9")).unwrap();
    older
}

/// The name of the first file system.
fn current_name() -> String {
    let names = names_in(&guest_system(AARCH64));
    names.into_iter().rev().find(|name| name.starts_with("initramfs-")).unwrap()
}

/// A program that ends with 7.
fn program(dir: &Path) -> Option<PathBuf> {
    let program = dir.join("ends");
    let source = "int main(void) { return 7; }";
    compile("aarch64-linux-gnu-gcc", AARCH64, source, &program, &["-static"]).then_some(program)
}

/// The binary under test, for which there is no archive of Debian's.
fn offline(cache: &Path) -> Command {
    let mut command = triplecheck();
    command.env("TRIPLECHECK_CACHE", cache).env("TRIPLECHECK_DEBIAN_MIRROR", "file:/nonexistent");
    command
}

fn names_in(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Puts a QEMU there that says it is of this version, and does nothing.
fn useless_qemu(bin: &Path, emulator: &str, version: &str) {
    let path = bin.join(format!("qemu-system-{emulator}"));
    std::fs::create_dir_all(bin).unwrap();
    let text = format!(
        "#!/bin/sh\n[ \"$1\" = --version ] && echo \"QEMU emulator version {version}\" && exit\n\
         echo \"qemu-system-{emulator}: unsupported machine\" >&2\nexit 1\n"
    );
    support::executable(&path, text);
}

#[test]
fn a_system_of_an_older_version_is_made_anew_of_its_own_kernel_by_two_at_once() {
    if !boots(AARCH64) {
        return;
    }
    let cache = tempfile::tempdir().unwrap();
    let older = older_system(cache.path());
    let Some(program) = program(cache.path()) else { return };
    let exec = || {
        let mut command = offline(cache.path());
        ran(command.args(["exec", "--emulator", "vm", "--"]).arg(&program))
    };
    let refused = exec();
    assert!(refused.stderr.contains("was made by another version of this program"), "{}", refused.stderr);
    let setups = [(), ()].map(|()| {
        let mut command = offline(cache.path());
        command.args(["setup", "--yes", "--vm", AARCH64]).stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().unwrap()
    });
    for setup in setups {
        let output = setup.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{told}");
        assert!(told.ends_with("the guest systems are there\n"), "{told}");
    }
    assert_eq!(names_in(older.parent().unwrap()).len(), 1, "nothing is left that was half made");
    let [agent, initramfs, kernel, snapshots] = &names_in(&older)[..] else {
        panic!("{:?}", names_in(&older));
    };
    assert_eq!((agent.as_str(), kernel.as_str(), snapshots.as_str()), ("agent", "kernel", "snapshots"));
    assert!(initramfs.starts_with("initramfs-") && initramfs != "initramfs-9", "{initramfs}");
    assert_eq!(names_in(&older.join("snapshots")).len(), 1);
    let ended = exec();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(7), ""));
}

/// Where there is nothing to make it of, the archive is asked, and what it says is told.
#[test]
fn a_system_whose_parts_are_damaged_is_downloaded() {
    if !boots(AARCH64) {
        return;
    }
    let cache = tempfile::tempdir().unwrap();
    let older = older_system(cache.path());
    let initramfs = std::fs::File::options().write(true).open(older.join("initramfs-9")).unwrap();
    initramfs.set_len(4096).unwrap();
    let run = ran(offline(cache.path()).args(["setup", "--yes", "--vm", AARCH64]));
    assert_eq!(run.code, Some(69), "{}", run.stderr);
    assert!(run.stderr.contains("some 100 MB to fetch"), "{}", run.stderr);
    assert!(run.stderr.contains("failed: make a guest system for aarch64"), "{}", run.stderr);
    assert!(run.stderr.contains("/nonexistent"), "{}", run.stderr);
    assert_eq!(names_in(older.parent().unwrap()).len(), 1, "nothing is left that was half made");
}

/// What cannot be made is said, and never followed by a word that all is there.
#[test]
fn what_stands_in_the_way_of_a_guest_system_is_said_and_is_a_failure() {
    if !boots(AARCH64) {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let (cache, bin) = (place.path().join("cache"), place.path().join("bin"));
    let Some(program) = program(place.path()) else { return };
    let older = older_system(&cache);
    std::fs::copy(older.join("initramfs-9"), older.join(current_name())).unwrap();
    let agent = guest_system(AARCH64).join("agent");
    std::fs::copy(agent, older.join("agent")).unwrap();
    let qemu = |version: &str| useless_qemu(&bin, "aarch64", version);
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let setup = |target: &str, parts: &[&str]| {
        let run = ran(offline(&cache).args(["setup", "--yes", "--vm", target]).env("PATH", &path));
        assert_eq!(run.code, Some(69), "{}", run.stderr);
        assert!(!run.stderr.contains("the guest systems are there"), "{}", run.stderr);
        for part in parts {
            assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
        }
    };
    setup("x86_64-pc-windows-gnu", &["no guest system is known for x86_64-pc-windows-gnu"]);
    setup("wasm32-wasip1", &["no guest system is known for wasm32-wasip1"]);
    setup(&format!("{AARCH64}@linux-9.9"), &["no stable release of Debian has linux-9.9 for aarch64"]);
    let failed = "failed: make a snapshot of the guest system for aarch64: the guest system did not come up: QEMU refused to start it: ";
    let cpu = "unable to find CPU model 'cortex-x'";
    setup(&format!("{AARCH64}@cortex-x"), &[failed, cpu]);
    let run =
        ran(offline(&cache).args(["exec", "--emulator", "vm", "--cpu", "cortex-x", "--"]).arg(&program));
    assert!(
        run.stderr.contains(cpu) && run.stderr.contains("-cpu help` names those that it knows"),
        "{}",
        run.stderr
    );
    assert!(run.code == Some(125) && !run.stderr.contains("rm -r"), "{}", run.stderr);
    // In a run it is told once, without advice that would not help.
    let manifest = format!(
        "targets = [\"{AARCH64}\"]\n[[suite]]\nname = \"s\"\nkind = \"c\"\nsources = \"ends.c\"\nneeds = \"kernel\"\n"
    );
    std::fs::write(place.path().join("triplecheck.toml"), manifest).unwrap();
    let of_project = |words: &[&str]| ran(offline(&cache).arg("-C").arg(place.path()).args(words)).stdout;
    let told = of_project(&["run", "--no-cache", "--cpu", "cortex-x"]);
    assert!(told.contains(cpu) && !told.contains("  try "), "{told}");

    let doctor = || of_project(&["doctor", AARCH64]);
    assert!(doctor().contains("  ok       kernel      linux-"));
    let kernel = std::fs::read(older.join("kernel")).unwrap();
    std::fs::write(older.join("kernel"), "none").unwrap();
    let told = doctor();
    assert!(told.contains("kernel` is no kernel\n") && !told.contains("ok       kernel"), "{told}");
    assert!(
        told.contains(&format!(
            "  try      rm -r {} && triplecheck setup --vm {AARCH64}@linux-",
            older.display()
        )),
        "{told}"
    );
    std::fs::write(older.join("kernel"), kernel).unwrap();

    qemu("8.2.1");
    setup(AARCH64, &[failed, "unsupported machine"]);
    qemu("4.2.1");
    setup(AARCH64, &[&format!("not possible: {AARCH64}: `qemu-system-aarch64` 4.2.1 cannot share files")]);
}

/// Debian 12 has a newer one beside its own. That it cannot be had is told, and is no failure of its own.
#[test]
fn a_newer_qemu_is_fetched_where_the_installed_one_is_slow_and_the_release_has_one() {
    const RISCV64: &str = "riscv64gc-unknown-linux-gnu";
    if !boots(AARCH64) {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let (cache, bin) = (place.path().join("cache"), place.path().join("bin"));
    let system = cache.join("vm/riscv64/6.12.1");
    std::fs::create_dir_all(&system).unwrap();
    for (name, from) in [("kernel", "kernel"), ("agent", "agent"), (&*current_name(), &*current_name())] {
        std::fs::copy(guest_system(AARCH64).join(from), system.join(name)).unwrap();
    }
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let setup = |version: &str| {
        useless_qemu(&bin, "riscv64", version);
        ran(offline(&cache).args(["setup", "--yes", "--vm", RISCV64]).env("PATH", &path)).stderr
    };
    let step = "unpack qemu-system-riscv of bookworm-backports privately";
    let is_bookworm = std::fs::read_to_string("/etc/os-release")
        .is_ok_and(|about| about.contains("VERSION_CODENAME=bookworm"));
    let told = setup("7.2.22");
    assert_eq!(told.contains(&format!("  {step}: some 8 MB to fetch; ")), is_bookworm, "{told}");
    let failure = told.lines().find(|line| line.starts_with(&format!("failed: {step}: ")));
    assert_eq!(failure.is_some(), is_bookworm, "{told}");
    if let Some(failure) = failure {
        assert!(failure.ends_with(": `qemu-system-riscv64` does without it"), "{failure}");
    }
    // It is used all the same, or would be if it did anything.
    let tried =
        "make a snapshot of the guest system for riscv64: the guest system did not come up: QEMU refused";
    assert!(told.contains(tried), "{told}");
    let told = setup("8.2.0");
    assert!(!told.contains(step) && told.contains(tried), "{told}");
}
