//! A system as it is when it has just been booted, on the disk: its memory in one file, which all guests that are restored
//! share until they write to it, and the rest of its state in another.
//!
//! `triplecheck setup --vm` makes it (`triplecheck __vm-snapshot`), once for each QEMU, words, kernel and first process;
//! one that was made with others is never restored, and is removed when a new one is made. It is made beside and
//! renamed, so that one that is there is complete, and anybody may delete it: what cannot be restored is booted.
//! What is surprising: some QEMUs restore systems whose timers stand still (riscv64 under 7.2 and 10.0), which looks well
//! until a program sleeps. Every snapshot is restored once and asked before anybody else may use it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use rustix::fs::{FlockOperation, flock};
use triplecheck_emulators::vm::accelerators::Accelerator;
use triplecheck_emulators::vm::machines::Start;
use triplecheck_emulators::vm::{INITRAMFS, KERNEL};

use super::Wanted;
use super::guest::Guest;

/// The hidden subcommand that makes a snapshot.
pub const SUBCOMMAND: &str = "__vm-snapshot";

/// The directory of a kernel's snapshots, beside the kernel.
const PLACE: &str = "snapshots";

/// How many snapshots a kernel may have: one for each processor model that is in use, some 100 MB each.
const SNAPSHOTS_MAX: usize = 3;

/// Where a snapshot says why there is none.
const UNUSABLE: &str = "unusable";

/// Changes when what is in a snapshot does.
const FORMAT: u32 = 1;

/// A snapshot that may be restored.
pub(super) struct Snapshot(PathBuf);

/// What there is of a system's snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// None is made: guests under KVM boot in no time.
    NotWanted,
    Missing,
    /// It was made, and cannot be used.
    Unusable(String),
    Usable,
}

impl Snapshot {
    /// The snapshot of a system, if there is one.
    pub(super) fn of(wanted: &Wanted) -> Option<Self> {
        let dir = (state(wanted) == State::Usable).then(|| place(wanted))??;
        // By this the one that was used last is known.
        let now = fs_err::File::open(&dir).ok()?;
        let _ = now.into_parts().0.set_modified(SystemTime::now());
        Some(Self(dir))
    }

    /// The file of the memory.
    pub(super) fn memory(&self) -> PathBuf {
        self.0.join("memory")
    }

    /// The file of everything else.
    pub(super) fn state(&self) -> PathBuf {
        self.0.join("state")
    }

    /// Removes it. Guests that were restored from it keep what they have of it.
    pub(super) fn discard(&self) {
        let _ = fs_err::remove_dir_all(&self.0);
    }
}

/// What there is of a system's snapshot.
pub(crate) fn state(wanted: &Wanted) -> State {
    match wanted.accelerator {
        Accelerator::Kvm => return State::NotWanted,
        Accelerator::Tcg => {}
    }
    let Some(dir) = place(wanted) else { return State::Missing };
    if let Ok(why) = fs_err::read_to_string(dir.join(UNUSABLE)) {
        return State::Unusable(why);
    }
    if Snapshot(dir).state().is_file() { State::Usable } else { State::Missing }
}

/// Where the snapshot is that belongs to this system, and to no other: to this QEMU, these words, this kernel and this
/// first process.
fn place(wanted: &Wanted) -> Option<PathBuf> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&FORMAT.to_le_bytes());
    for file in [&wanted.qemu, &wanted.kernel.join(KERNEL), &wanted.kernel.join(INITRAMFS)] {
        let about = fs_err::metadata(file).ok()?;
        let changed = about.modified().ok()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        hasher.update(file.as_os_str().as_encoded_bytes()).update(&[0]);
        hasher.update(&about.len().to_le_bytes()).update(&changed.as_nanos().to_le_bytes());
    }
    for word in wanted.system.words(&Start { kernel: Path::new(""), ..wanted.start() }) {
        hasher.update(word.as_encoded_bytes()).update(&[0]);
    }
    Some(wanted.kernel.join(PLACE).join(&hasher.finalize().to_hex()[..16]))
}

/// `__vm-snapshot WORDS`: makes the system's snapshot where there is none. Prints why it is unusable, if it is.
pub fn main(words: &[std::ffi::OsString]) -> ExitCode {
    use std::io::Write as _;
    let Some(wanted) = Wanted::of_words(words) else { return ExitCode::from(2) };
    let (text, code) = match make(&wanted) {
        Ok(State::Unusable(why)) => (why, ExitCode::SUCCESS),
        Ok(_) => return ExitCode::SUCCESS,
        Err(why) => (why, ExitCode::FAILURE),
    };
    let _ = std::io::stdout().write_all(format!("{text}\n").as_bytes());
    code
}

/// Makes a snapshot where there is none. The error is one sentence; a snapshot that cannot be used is none.
fn make(wanted: &Wanted) -> Result<State, String> {
    let io = |error: std::io::Error| error.to_string();
    let place = wanted.kernel.join(PLACE);
    fs_err::create_dir_all(&place).map_err(io)?;
    // The second who comes waits for the first. The lock ends with the process.
    let lock = fs_err::File::open(&place).map_err(io)?;
    flock(&lock, FlockOperation::LockExclusive).map_err(|error| error.to_string())?;
    let found = state(wanted);
    if found != State::Missing {
        return Ok(found);
    }
    clean(&place).map_err(io)?;
    let scratch = tempfile::Builder::new().prefix(".making-").tempdir_in(&place).map_err(io)?;
    let made = Snapshot(scratch.path().join("made"));
    fs_err::create_dir(&made.0).map_err(io)?;
    let (mut guest, mut monitor) = Guest::boot_into(wanted, &made.memory())?;
    let tried = fs_err::File::create(made.state())
        .map_err(io)
        .and_then(|state| monitor.save(&state))
        .map_err(|why| format!("QEMU does not save it: {why}"));
    let _ = guest.end();
    let tried = tried.and_then(|()| {
        let mut guest = Guest::restore(wanted, &made)?;
        guest.prove_timers().map_err(|why| format!("its timers stand still after a restore: {why}"))
    });
    if let Err(why) = &tried {
        fs_err::remove_dir_all(&made.0).and_then(|()| fs_err::create_dir(&made.0)).map_err(io)?;
        fs_err::write(made.0.join(UNUSABLE), why).map_err(io)?;
    }
    let dir = self::place(wanted).ok_or("its kernel was removed meanwhile")?;
    fs_err::rename(&made.0, &dir).map_err(io)?;
    Ok(tried.map_or_else(State::Unusable, |()| State::Usable))
}

/// Removes what was left half made, and all but the snapshots that were used last, so that with a new one there are not
/// more than a kernel may have.
fn clean(place: &Path) -> std::io::Result<()> {
    let mut kept: Vec<(SystemTime, PathBuf)> = Vec::new();
    for entry in fs_err::read_dir(place)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with('.') {
            fs_err::remove_dir_all(entry.path())?;
        } else {
            kept.push((entry.metadata()?.modified()?, entry.path()));
        }
    }
    kept.sort_unstable();
    for (_, old) in kept.iter().rev().skip(SNAPSHOTS_MAX - 1) {
        fs_err::remove_dir_all(old)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use triplecheck_emulators::vm::machines::System;

    use super::*;

    fn wanted(dir: &Path) -> Wanted {
        for name in ["qemu", KERNEL, INITRAMFS] {
            fs_err::write(dir.join(name), name).unwrap();
        }
        let system = System::named("aarch64").unwrap();
        Wanted {
            system,
            qemu: dir.join("qemu"),
            kernel: dir.to_owned(),
            cpu: system.cpu.to_owned(),
            accelerator: Accelerator::Tcg,
            board: system.board.to_owned(),
        }
    }

    #[test]
    fn a_snapshot_is_of_one_qemu_kernel_and_processor() {
        let dir = tempfile::tempdir().unwrap();
        let wanted = wanted(dir.path());
        let first = place(&wanted).unwrap();
        assert_eq!(place(&wanted), Some(first.clone()));
        let other = Wanted { cpu: "cortex-a72".to_owned(), ..wanted.clone() };
        assert_ne!(place(&other), Some(first.clone()));
        fs_err::write(dir.path().join(INITRAMFS), "another one").unwrap();
        let second = place(&wanted).unwrap();
        assert_ne!(second, first);
        fs_err::write(dir.path().join("qemu"), "a newer one").unwrap();
        assert_ne!(place(&wanted), Some(second));
        fs_err::remove_file(dir.path().join(KERNEL)).unwrap();
        assert_eq!(place(&wanted), None);
    }

    #[test]
    fn only_a_whole_snapshot_that_was_tried_is_used() {
        let dir = tempfile::tempdir().unwrap();
        let wanted = wanted(dir.path());
        assert_eq!(state(&wanted), State::Missing);
        assert!(Snapshot::of(&wanted).is_none());
        let place = place(&wanted).unwrap();
        fs_err::create_dir_all(&place).unwrap();
        fs_err::write(place.join("state"), "").unwrap();
        assert_eq!(state(&wanted), State::Usable);
        assert_eq!(state(&Wanted { accelerator: Accelerator::Kvm, ..wanted.clone() }), State::NotWanted);
        fs_err::write(place.join(UNUSABLE), "why").unwrap();
        assert_eq!(state(&wanted), State::Unusable("why".to_owned()));
        assert!(Snapshot::of(&wanted).is_none());
    }

    #[test]
    fn the_snapshots_that_were_used_last_are_kept_and_nothing_half_made() {
        let dir = tempfile::tempdir().unwrap();
        for (name, age) in [("a", 3), ("b", 1), ("c", 4), ("d", 2), (".making-x", 0)] {
            fs_err::create_dir(dir.path().join(name)).unwrap();
            let used = SystemTime::now() - std::time::Duration::from_secs(age * 1000);
            std::fs::File::open(dir.path().join(name)).unwrap().set_modified(used).unwrap();
        }
        clean(dir.path()).unwrap();
        let mut left: Vec<_> =
            fs_err::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["b", "d"]);
    }
}
