//! The host, as the lookup asks about it. Every answer is found when it is first asked for, so that a hook
//! call does not pay for what its decision does not need; tests answer from a table made by hand.
//!
//! [`LocalHost`] is the machine we run on, [`TableHost`] one that exists in a test only. The lookup must never
//! ask anything but this trait: that is what makes it a function.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::binary::Binary;
use crate::machine::Machine;
use crate::target::Endian;

mod bytes;
mod defect;
mod identity;
mod kvm;
mod local;
mod sentinel;
mod spawn;
mod table;
mod tool;

pub use kvm::{KVM_DEVICE, Kvm, Proof};
pub use local::LocalHost;
pub use table::TableHost;

/// A program found on the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Its absolute path.
    pub path: PathBuf,
    /// Whether it is linked statically; a static qemu starts 4–7 ms sooner and is deaf to `LD_LIBRARY_PATH`.
    pub is_static: bool,
}

/// What an ELF file says of itself in its first 20 bytes: class in bits, byte order, `e_machine`.
pub type ElfIdentity = (u8, Endian, u16);

/// What the lookup may ask.
pub trait Host: Sync {
    /// The operating system, as `target_os` has it: `linux`, `macos`.
    fn os(&self) -> &str;

    /// The machine of the host's kernel.
    fn machine(&self) -> &'static Machine;

    /// The host's own triple, for which native programs are built.
    fn triple(&self) -> &str;

    /// Whether a static program for `machine` really starts here. Found by starting one, not by a rule.
    fn executes(&self, machine: &'static Machine) -> bool;

    /// A program by name: on `PATH`, then in the private unpacked packages; or by its absolute path.
    fn find_program(&self, name: &str) -> Option<Program>;

    /// The first file on `PATH` that has this name and may not be executed: what somebody meant to be found.
    fn find_locked(&self, name: &str) -> Option<PathBuf>;

    /// What `PROGRAM --version` says, reduced to the number.
    fn version(&self, program: &Path) -> Option<String>;

    /// The CPU models in what `PROGRAM -cpu help` prints, in its order and without repeating the machine's name;
    /// `None` where it prints none.
    fn cpu_models(&self, program: &Path) -> Option<Vec<String>>;

    /// The accelerators in what `PROGRAM -accel help` prints; `None` where it prints none.
    fn accelerators(&self, program: &Path) -> Option<Vec<String>>;

    /// What the host's KVM is good for, found by a guest under a time budget and not by a rule.
    fn kvm(&self) -> Kvm;

    /// Why the program at `path`, found under an emulator's name, would not work as one; `None` where it answers.
    fn defect(&self, program: &Path) -> Option<String>;

    /// Whether the file at `path` (links followed) is the program that asks: whoever starts it starts itself.
    fn is_own(&self, path: &Path) -> bool;

    /// Whether a regular file stands at `path` (links followed).
    fn is_file(&self, path: &Path) -> bool;

    /// Whether a directory stands at `path`.
    fn is_dir(&self, path: &Path) -> bool;

    /// Where the symbolic link at `path` points, as written; `None` where there is no link.
    fn link_target(&self, path: &Path) -> Option<PathBuf>;

    /// The names in the directory at `path`, in no order; none where it cannot be listed.
    fn names_in(&self, path: &Path) -> Vec<String>;

    /// What the header of the file at `path` says; `None` where it says nothing.
    fn binary(&self, path: &Path) -> Option<Binary>;

    /// The ELF class, byte order and machine of the file at `path` (links followed), `None` where there is
    /// none. A loader's path is no unique key (`/lib/ld.so.1` is PowerPC, MIPS, m68k and PA-RISC), its machine
    /// is.
    fn elf_machine(&self, path: &Path) -> Option<ElfIdentity>;

    /// Whether the file at `path` holds this text anywhere in its first 4 MiB: how an option of a loader is
    /// found without starting it.
    fn file_contains(&self, path: &Path, text: &str) -> bool;

    /// The command words of the built-in WASI runtime, without the module: `["/…/triplecheck", "__wasi"]`.
    fn builtin_wasi(&self) -> Option<Vec<OsString>>;

    /// The command words that run a program in a guest system, without the program: `["/…/triplecheck", "__vm"]`.
    fn builtin_vm(&self) -> Option<Vec<OsString>>;

    /// A directory for private prefixes, shims and unpacked packages.
    fn cache_dir(&self) -> PathBuf;

    /// An environment variable that changes a decision (`LD_LIBRARY_PATH`, `WINEPATH`).
    fn env(&self, name: &str) -> Option<OsString>;
}

/// Puts a program of a test at `path`, in place of what is there.
///
/// Another process writes it: a test that forks while we hold the file open would keep it busy (`ETXTBSY`) for
/// whoever starts it next.
#[cfg(test)]
fn write_program(path: &Path, bytes: &[u8], mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    let written = path.with_extension("written");
    std::fs::write(&written, bytes).expect("the temporary directory is writable");
    std::fs::set_permissions(&written, std::fs::Permissions::from_mode(mode)).expect("the file is ours");
    let _ = std::fs::remove_file(path);
    #[expect(clippy::disallowed_methods, reason = "the test starts a tool of the system")]
    let copied = std::process::Command::new("cp").arg(&written).arg(path).status().expect("there is a `cp`");
    assert!(copied.success(), "{} is not copied", path.display());
}
