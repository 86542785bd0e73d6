//! What the host's KVM is good for: looked at here, asked of a process of the harness, and remembered until the next boot.
//!
//! Whether the device is there and may be opened is looked at each time, because both change with a login or a module. What
//! costs a guest is remembered, by the boot and by the device's own time, which changes when a module makes it anew.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{Host, LocalHost, spawn};

/// The device of Linux's hypervisor.
pub const KVM_DEVICE: &str = "/dev/kvm";

/// What the kernel gives each boot.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// What the host's KVM is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kvm {
    /// Nothing.
    No {
        /// One sentence, lower-case, without a final stop.
        why: String,
        /// What to do about it, where something can be done.
        hint: Option<&'static str>,
    },
    /// It runs guests of the host's own machine.
    Yes {
        /// How that is known.
        proof: Proof,
        /// Whether on aarch64 it runs guests of 32 bits as well.
        aarch32: bool,
    },
}

/// How it is known that KVM runs guests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// A loop in a guest was over as soon as it should be.
    Loop,
    /// Its calls say so. They do where it is too slow to be of use, which then the first boot shows.
    Calls,
}

/// The answers that something can be done about.
const ABSENT: &str = "enable virtualisation in the firmware, or nested virtualisation in a virtual machine's host, and load the \
                      module `kvm_intel`, `kvm_amd` or `kvm`";
const DENIED: &str = "join the group `kvm`: `sudo usermod -aG kvm $USER`, and log in again";

impl Kvm {
    /// The line by which the answer is handed on and remembered.
    pub fn to_line(&self) -> String {
        match self {
            Self::No { why, .. } => format!("no {}", why.replace('\n', " ")),
            Self::Yes { proof, aarch32 } => {
                let proof = match proof {
                    Proof::Loop => "loop",
                    Proof::Calls => "calls",
                };
                format!("yes {proof}{}", if *aarch32 { " aarch32" } else { "" })
            }
        }
    }

    /// Reads such a line.
    pub fn of_line(line: &str) -> Option<Self> {
        let line = line.trim_end();
        if let Some(why) = line.strip_prefix("no ") {
            return Some(Self::No { why: why.to_owned(), hint: None });
        }
        let (proof, aarch32) = match line {
            "yes loop" => (Proof::Loop, false),
            "yes loop aarch32" => (Proof::Loop, true),
            "yes calls" => (Proof::Calls, false),
            "yes calls aarch32" => (Proof::Calls, true),
            _ => return None,
        };
        Some(Self::Yes { proof, aarch32 })
    }
}

/// What this host's is good for, by the words of the process that asks it.
pub(super) fn of(host: &LocalHost, probe: Option<&[OsString]>) -> Kvm {
    let no = |why: &str, hint| Kvm::No { why: why.to_owned(), hint };
    if host.os() != "linux" {
        return no("the host is no Linux", None);
    }
    let device = Path::new(KVM_DEVICE);
    if !device.exists() {
        return no("there is no `/dev/kvm`", Some(ABSENT));
    }
    let access = rustix::fs::Access::READ_OK | rustix::fs::Access::WRITE_OK;
    if rustix::fs::access(device, access).is_err() {
        return no("`/dev/kvm` may not be opened by this user", Some(DENIED));
    }
    let memory = memory(host);
    let known = memory.as_ref().and_then(|file| Kvm::of_line(&std::fs::read_to_string(file).ok()?));
    if let Some(known) = known {
        return known;
    }
    let Some(answer) = probe.and_then(spawn::line) else {
        return no("nobody can ask `/dev/kvm` what it is good for", None);
    };
    match Kvm::of_line(&answer) {
        Some(kvm) => {
            remember(memory.as_deref(), &kvm);
            kvm
        }
        None => no("`/dev/kvm` gave no answer in time", None),
    }
}

/// Where the answer of this boot is kept.
fn memory(host: &LocalHost) -> Option<PathBuf> {
    let boot = std::fs::read_to_string(BOOT_ID).ok()?;
    let device = std::fs::metadata(KVM_DEVICE).ok()?;
    let name = format!("{}-{}-{}", boot.trim(), device.ctime(), device.ctime_nsec());
    Some(host.cache_dir().join("kvm").join(name))
}

/// Keeps an answer in place of that of an earlier boot. Only a memory: where it cannot be written, it is asked again.
fn remember(file: Option<&Path>, kvm: &Kvm) {
    let Some((file, dir)) = file.and_then(|file| Some((file, file.parent()?))) else { return };
    let _ = std::fs::remove_dir_all(dir);
    let unfinished = dir.join(format!(".{}", std::process::id()));
    let _ = std::fs::create_dir_all(dir)
        .and_then(|()| std::fs::write(&unfinished, kvm.to_line()))
        .and_then(|()| std::fs::rename(&unfinished, file));
}

impl LocalHost {
    /// Remembers until the next boot that KVM is of no use, as has shown later than by being asked.
    pub fn refute_kvm(&self, why: &str) {
        let kvm = Kvm::No { why: why.to_owned(), hint: None };
        remember(memory(self).as_deref(), &kvm);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_as_it_was_written() {
        for kvm in [
            Kvm::No { why: "a guest does not run: no".to_owned(), hint: None },
            Kvm::Yes { proof: Proof::Loop, aarch32: false },
            Kvm::Yes { proof: Proof::Calls, aarch32: true },
        ] {
            assert_eq!(Kvm::of_line(&format!("{}\n", kvm.to_line())), Some(kvm));
        }
        for line in ["", "yes", "maybe", "yes loop aarch64", "no"] {
            assert_eq!(Kvm::of_line(line), None, "{line}");
        }
    }

    #[test]
    fn what_is_refuted_is_not_asked_again() {
        let cache = tempfile::tempdir().unwrap();
        let host = LocalHost::new().with_variable("TRIPLECHECK_CACHE", Some(cache.path().into()));
        if memory(&host).is_none() {
            // Without a device there is nothing to refute.
            assert!(matches!(host.kvm(), Kvm::No { .. }));
            return;
        }
        host.refute_kvm("it was slow");
        host.refute_kvm("it was very slow");
        assert_eq!(std::fs::read_dir(cache.path().join("kvm")).unwrap().count(), 1);
        match host.kvm() {
            Kvm::No { why, hint: None } => assert_eq!(why, "it was very slow"),
            // Another user may not open it at all, and is told so.
            Kvm::No { why, .. } => assert!(why.contains("this user"), "{why}"),
            Kvm::Yes { .. } => panic!("it was refuted"),
        }
    }
}
