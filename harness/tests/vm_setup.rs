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
    let names = std::fs::read_dir(&there).unwrap().map(|entry| entry.unwrap().file_name());
    let initramfs = names.map(|name| name.into_string().unwrap()).find(|name| name.starts_with("initramfs-"));
    std::fs::copy(there.join(initramfs.unwrap()), older.join("initramfs-9")).unwrap();
    older
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

#[test]
fn a_system_of_an_older_version_is_made_anew_of_its_own_kernel_by_two_at_once() {
    if !boots(AARCH64) {
        return;
    }
    let cache = tempfile::tempdir().unwrap();
    let older = older_system(cache.path());
    let program = cache.path().join("ends");
    if !compile("aarch64-linux-gnu-gcc", AARCH64, "int main(void) { return 7; }", &program, &["-static"]) {
        return;
    }
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
