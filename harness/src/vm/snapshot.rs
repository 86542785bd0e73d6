//! A system as it is when it has just been booted, on the disk: its memory in one file, which all guests that are restored
//! share until they write to it, and the rest of its state in another.
//!
//! `triplecheck setup --vm` makes it (`triplecheck __vm-snapshot`), once for each QEMU, words, kernel and first process;
//! one that was made with others is never restored, and is removed when a new one is made. It is made beside and
//! renamed, so that one that is there is complete, and anybody may delete it: what cannot be restored is booted.
//! What is surprising: a restored system whose timers stand still looks well until a program sleeps. What QEMU saves of some machines
//! is without the time for which the kernel has set its timer (riscv64 under 7.2 and 10.0), so that the agent has it set anew
//! first of all (`settle` of `agent/boot.rs`), and every snapshot is restored once and asked before anybody else may use it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use rustix::fs::{FlockOperation, flock};
use triplecheck_emulators::vm::accelerators::Accelerator;
use triplecheck_emulators::vm::machines::Start;
use triplecheck_emulators::vm::{INITRAMFS, KERNEL};

use super::Wanted;
use super::guest::Guest;
use super::state::thinned;

/// The hidden subcommand that makes a snapshot.
pub const SUBCOMMAND: &str = "__vm-snapshot";

/// The directory of a kernel's snapshots, beside the kernel.
const PLACE: &str = "snapshots";

/// How many snapshots a kernel may have: one for each processor model that is in use, some 100 MB each.
const SNAPSHOTS_MAX: usize = 3;

/// A file system with less free is full.
const ROOM_BYTES_MIN: u64 = 1 << 20;

/// Where a snapshot says why it cannot be used.
const UNUSABLE: &str = "unusable";

/// What is left of one that was thrown away: why.
const LOST: &str = "lost";

/// Of what a snapshot is, a part a line: by which it is told how another one differs.
const OF: &str = "of";

/// Changes when what is in a snapshot does.
const FORMAT: u32 = 2;

/// The word by which one is made where there is one that cannot be used.
pub(crate) const AGAIN: &str = "--again";

/// What the answer begins with where there is a snapshot that cannot be used, and where none could be made.
pub(crate) const CANNOT_BE_USED: &str = "unusable ";
pub(crate) const FAILED: &str = "failed ";

/// What is made once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Retry {
    Nothing,
    /// What could not be used when it was made: the disk may have been full, or the machine busy.
    Unusable,
}

/// A snapshot that may be restored.
pub(super) struct Snapshot(PathBuf);

/// What there is of a system's snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// None is made: guests under KVM boot in no time.
    NotWanted,
    /// There is none, or none of this QEMU and processor; why.
    Missing(String),
    /// It was made, and could not be used; why.
    Unusable(String),
    Usable,
}

impl Snapshot {
    /// The snapshot of a system, if there is one.
    pub(super) fn of(wanted: &Wanted) -> Option<Self> {
        let dir = (state(wanted) == State::Usable).then(|| place(wanted))?.ok()?;
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

    /// Throws it away, and leaves the reason in its place. Guests that were restored from it keep what they have of it.
    pub(super) fn discard(&self, why: &str) {
        for file in [self.state(), self.memory(), self.0.join(OF)] {
            let _ = fs_err::remove_file(file);
        }
        let _ = fs_err::write(self.0.join(LOST), why);
    }
}

impl State {
    /// Why this system is booted where others are restored, and what to do about it; `None` where it is not.
    pub(crate) fn why_it_is_booted(&self, wanted: &Wanted) -> Option<String> {
        let setup = wanted.setup();
        match self {
            Self::NotWanted | Self::Usable => None,
            Self::Missing(why) => Some(format!("{why}: {setup} makes one")),
            Self::Unusable(why) => Some(format!(
                "its snapshot could not be used when it was made: {why}: {setup} tries once more"
            )),
        }
    }
}

/// What there is of a system's snapshot.
pub(crate) fn state(wanted: &Wanted) -> State {
    match wanted.accelerator {
        Accelerator::Kvm => return State::NotWanted,
        Accelerator::Tcg => {}
    }
    let dir = match place(wanted) {
        Ok(dir) => dir,
        Err(error) => return State::Missing(error.to_string()),
    };
    if let Ok(why) = fs_err::read_to_string(dir.join(UNUSABLE)) {
        return State::Unusable(why);
    }
    if let Ok(why) = fs_err::read_to_string(dir.join(LOST)) {
        return State::Missing(format!(
            "its snapshot was thrown away, because no system came up from it: {why}"
        ));
    }
    if Snapshot(dir).state().is_file() { State::Usable } else { State::Missing(others(wanted)) }
}

/// What is there in the place of a snapshot that is missing.
fn others(wanted: &Wanted) -> String {
    let is_of = lines(&parts(wanted).unwrap_or_default());
    let there = fs_err::read_dir(wanted.kernel.join(PLACE)).into_iter().flatten().flatten();
    let of_others = there.filter_map(|entry| fs_err::read_to_string(entry.path().join(OF)).ok());
    let differing = of_others.map(|of| {
        let differing = is_of.lines().filter(|line| of.lines().all(|other| other != *line));
        differing.filter_map(|line| Some(line.split_once(' ')?.1.to_owned())).collect::<Vec<_>>()
    });
    // The nearest tells most.
    match differing.min_by_key(Vec::len) {
        Some(what) if !what.is_empty() => {
            format!("its snapshot is of another {}", what.join(" and another "))
        }
        Some(_) | None => "no snapshot of it was made".to_owned(),
    }
}

/// A part of what a snapshot is of: what a user calls it, and by which bytes it is told from another.
type Part = (String, Vec<u8>);

/// Of what a system's snapshot is: of this QEMU, this kernel and first process, and these words.
fn parts(wanted: &Wanted) -> std::io::Result<Vec<Part>> {
    let mut parts = Vec::new();
    let (kernel, initramfs) = (wanted.kernel.join(KERNEL), wanted.kernel.join(INITRAMFS));
    let qemu = format!("version of `{}`", wanted.qemu.display());
    for (what, file) in [(qemu.as_str(), &wanted.qemu), ("kernel", &kernel), ("first process", &initramfs)] {
        let about = fs_err::metadata(file)?;
        let changed = about.modified()?.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let mut bytes = file.as_os_str().as_encoded_bytes().to_vec();
        bytes.push(0);
        bytes.extend(about.len().to_le_bytes());
        bytes.extend(changed.as_nanos().to_le_bytes());
        parts.push((what.to_owned(), bytes));
    }
    let words = wanted.system.words(&Start { kernel: Path::new(""), ..wanted.start() });
    let words = words.iter().flat_map(|word| word.as_encoded_bytes().iter().copied().chain([0]));
    parts.push(("processor or board".to_owned(), words.collect()));
    Ok(parts)
}

/// The parts as [`OF`] has them: digest and name.
fn lines(parts: &[Part]) -> String {
    let line = |(what, bytes): &Part| {
        format!("{} {}\n", &blake3::hash(bytes).to_hex()[..16], what.replace('\n', " "))
    };
    parts.iter().map(line).collect()
}

/// Where the snapshot is that belongs to this system, and to no other.
fn place(wanted: &Wanted) -> std::io::Result<PathBuf> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&FORMAT.to_le_bytes());
    for (_, bytes) in parts(wanted)? {
        hasher.update(&bytes);
    }
    Ok(wanted.kernel.join(PLACE).join(&hasher.finalize().to_hex()[..16]))
}

/// `__vm-snapshot [--again] WORDS`: makes the system's snapshot where there is none, or with `--again` where there is none that can be
/// used. Prints why it cannot be used, or why none could be made.
pub fn main(words: &[std::ffi::OsString]) -> ExitCode {
    use std::io::Write as _;
    let Some(wanted) = Wanted::of_words(words) else { return ExitCode::from(2) };
    let retry = if words.iter().any(|word| word == AGAIN) { Retry::Unusable } else { Retry::Nothing };
    let text = match make(&wanted, retry) {
        Ok(State::Unusable(why)) => format!("{CANNOT_BE_USED}{why}\n"),
        Ok(State::Usable | State::NotWanted | State::Missing(_)) => String::new(),
        Err(why) => format!("{FAILED}{why}\n"),
    };
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

/// Makes a snapshot where there is none. The error is one sentence; a snapshot that cannot be used is none.
fn make(wanted: &Wanted, retry: Retry) -> Result<State, String> {
    let io = |error: std::io::Error| error.to_string();
    let place = wanted.kernel.join(PLACE);
    fs_err::create_dir_all(&place).map_err(io)?;
    // The second who comes waits for the first. The lock ends with the process.
    let lock = fs_err::File::open(&place).map_err(io)?;
    flock(&lock, FlockOperation::LockExclusive).map_err(|error| error.to_string())?;
    match state(wanted) {
        State::Missing(_) => {}
        State::Unusable(_) if retry == Retry::Unusable => {}
        found @ (State::NotWanted | State::Usable | State::Unusable(_)) => return Ok(found),
    }
    clean(&place).map_err(io)?;
    let (of, dir) = (lines(&parts(wanted).map_err(io)?), self::place(wanted).map_err(io)?);
    let scratch = tempfile::Builder::new().prefix(".making-").tempdir_in(&place).map_err(io)?;
    let made = Snapshot(scratch.path().join("made"));
    fs_err::create_dir(&made.0).map_err(io)?;
    let tried = save(wanted, &made).map_err(|why| full(&place).unwrap_or(why))?;
    if let Err(why) = &tried {
        // That is no fault of QEMU's, and will not stay.
        if let Some(why) = full(&place) {
            return Err(why);
        }
        fs_err::remove_dir_all(&made.0).and_then(|()| fs_err::create_dir(&made.0)).map_err(io)?;
        fs_err::write(made.0.join(UNUSABLE), why).map_err(io)?;
    }
    fs_err::write(made.0.join(OF), of).map_err(io)?;
    // Another set-up may have made the system anew.
    if self::place(wanted).map_err(io)? != dir {
        return Err(
            "its kernel or QEMU was changed meanwhile: the same command makes the snapshot now".to_owned()
        );
    }
    // What is left there of one that could not be used.
    if dir.is_dir() {
        fs_err::remove_dir_all(&dir).map_err(io)?;
    }
    fs_err::rename(&made.0, &dir).map_err(io)?;
    Ok(tried.map_or_else(State::Unusable, |()| State::Usable))
}

/// Boots the system, and saves it. The inner error is why what was saved cannot be used.
fn save(wanted: &Wanted, made: &Snapshot) -> Result<Result<(), String>, String> {
    let io = |error: std::io::Error| error.to_string();
    let (mut guest, mut monitor) = Guest::boot_into(wanted, &made.memory())?;
    let state = fs_err::File::create(made.state()).map_err(io)?;
    let saved = monitor.save(&state).map_err(|why| format!("QEMU does not save it: {why}"));
    let _ = guest.end();
    if saved.is_err() {
        return Ok(saved);
    }
    let whole = fs_err::read(made.state()).map_err(io)?;
    if let Some(thinned) = thinned(&whole) {
        // Whatever is wrong with it, the whole state is what QEMU has made, and is judged by itself.
        fs_err::write(made.state(), thinned).map_err(io)?;
        if try_out(wanted, made).is_ok() {
            return Ok(Ok(()));
        }
        fs_err::write(made.state(), whole).map_err(io)?;
    }
    Ok(try_out(wanted, made))
}

/// Whether what was made can be restored, and its timers run then.
fn try_out(wanted: &Wanted, made: &Snapshot) -> Result<(), String> {
    let mut guest = Guest::restore(wanted, made)?;
    guest.prove_timers().map_err(|why| format!("its timers stand still after a restore: {why}"))
}

/// That the file system has no room, where a guest whose memory is there dies of it, and says nothing.
fn full(place: &Path) -> Option<String> {
    let about = rustix::fs::statvfs(place).ok()?;
    let free = about.f_bavail.saturating_mul(about.f_frsize);
    (free < ROOM_BYTES_MIN)
        .then(|| format!("there is no more room in `{}`: it takes some 100 MB", place.display()))
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
        assert_eq!(place(&wanted).unwrap(), first);
        let other = Wanted { cpu: "cortex-a72".to_owned(), ..wanted.clone() };
        assert_ne!(place(&other).unwrap(), first);
        fs_err::write(dir.path().join(INITRAMFS), "another one").unwrap();
        let second = place(&wanted).unwrap();
        assert_ne!(second, first);
        fs_err::write(dir.path().join("qemu"), "a newer one").unwrap();
        assert_ne!(place(&wanted).unwrap(), second);
        fs_err::remove_file(dir.path().join(KERNEL)).unwrap();
        assert!(place(&wanted).is_err());
    }

    #[test]
    fn only_a_whole_snapshot_that_was_tried_is_used() {
        let dir = tempfile::tempdir().unwrap();
        let wanted = wanted(dir.path());
        assert_eq!(state(&wanted), State::Missing("no snapshot of it was made".to_owned()));
        assert!(Snapshot::of(&wanted).is_none());
        let place = place(&wanted).unwrap();
        fs_err::create_dir_all(&place).unwrap();
        fs_err::write(place.join("state"), "").unwrap();
        assert_eq!(state(&wanted), State::Usable);
        assert_eq!(state(&Wanted { accelerator: Accelerator::Kvm, ..wanted.clone() }), State::NotWanted);
        fs_err::write(place.join(UNUSABLE), "why").unwrap();
        let told = state(&wanted).why_it_is_booted(&wanted).unwrap();
        assert!(told.contains(": why: `triplecheck setup --vm aarch64-unknown-linux-gnu@linux-"), "{told}");
        assert_eq!(state(&wanted), State::Unusable("why".to_owned()));
        assert!(Snapshot::of(&wanted).is_none());
    }

    #[test]
    fn why_a_system_is_booted_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let wanted = wanted(dir.path());
        let put = |wanted: &Wanted| {
            let place = place(wanted).unwrap();
            fs_err::create_dir_all(&place).unwrap();
            fs_err::write(place.join("state"), "").unwrap();
            fs_err::write(place.join(OF), lines(&parts(wanted).unwrap())).unwrap();
        };
        let why = |wanted: &Wanted| match state(wanted) {
            State::Missing(why) => Some(why),
            other => other.why_it_is_booted(wanted),
        };
        put(&wanted);
        assert_eq!(why(&wanted), None);
        let other = Wanted { cpu: "cortex-a72".to_owned(), ..wanted.clone() };
        assert_eq!(why(&other).unwrap(), "its snapshot is of another processor or board");
        Snapshot::of(&wanted).unwrap().discard("its last line was `x`");
        let lost = "its snapshot was thrown away, because no system came up from it: its last line was `x`";
        assert_eq!((why(&wanted).as_deref(), Snapshot::of(&wanted).is_none()), (Some(lost), true));
        // Of one that is gone nothing is told of others.
        assert_eq!(why(&other).unwrap(), "no snapshot of it was made");
        put(&other);
        fs_err::write(dir.path().join("qemu"), "a newer one").unwrap();
        let qemu = format!("its snapshot is of another version of `{}`", wanted.qemu.display());
        assert_eq!(why(&other).as_deref(), Some(qemu.as_str()));
        assert_eq!(why(&wanted).unwrap(), format!("{qemu} and another processor or board"));
    }

    #[test]
    fn a_file_system_without_room_is_told_from_one_with() {
        // This one never has any.
        let told = full(Path::new("/proc")).unwrap();
        assert!(told.contains("no more room in `/proc`"), "{told}");
        assert_eq!(full(Path::new("/nonexistent")), None);
        assert_eq!(full(tempfile::tempdir().unwrap().path()), None);
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
