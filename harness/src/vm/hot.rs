//! Which of the host's files a guest holds in its memory, as a layer of every program's root (`harness/agent/hot.rs`), and
//! what has to be told it before each program, so that no program sees a file that is older than its start.
//!
//! Held are programs that run for the second time, what their loader reads and looks for in vain, and the directory in which
//! they start. Each path is
//! looked at before each program: what changed is taken out of the layer. A file whose last change is too fresh for its
//! time to tell a further one is not held yet. What is not held is read over 9p, so that nothing here decides what a
//! program sees, only how soon.

mod cache;
mod way;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use triplecheck_emulators::binary::{Binary, Elf};
use triplecheck_emulators::machine::Machine;
use triplecheck_emulators::vm::machines::System;

use super::wire::{Fields, Reader};
use way::{Kind, Libraries, Seen, look, way};

/// How old a file's last change has to be: far more than the steps of any file system's clock (two seconds on FAT).
const SETTLED: Duration = Duration::from_secs(3);

/// The largest file that is held, and the most of all: a guest has 1 GiB.
const FILE_BYTES_MAX: u64 = 64 << 20;
const BYTES_MAX: u64 = 192 << 20;

/// How many paths are looked at before each program.
const ENTRIES_MAX: usize = 1000;

/// How many programs' needs are remembered.
const PROGRAMS_MAX: usize = 1000;

/// What is held, and for whom.
pub(super) struct Hot {
    machine: Option<&'static Machine>,
    settled: Duration,
    held: BTreeMap<PathBuf, Seen>,
    bytes: u64,
    /// Paths that one program has wanted.
    once: HashSet<PathBuf>,
    /// What programs want, by themselves and the links of their sysroot.
    wants: HashMap<Start, Wants>,
    /// What loaders find as their cache, by the links of a sysroot.
    caches: HashMap<Vec<Vec<u8>>, Cache>,
}

/// What decides which files a program wants.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Start {
    pub(super) program: PathBuf,
    /// Of its sysroot.
    pub(super) links: Vec<Vec<u8>>,
    /// Its `LD_LIBRARY_PATH`.
    pub(super) library_path: Vec<PathBuf>,
}

/// What one program wants.
struct Wants {
    program: Seen,
    libraries: Libraries,
    paths: Vec<PathBuf>,
    /// Whether its loader finds a cache of ours: not where the host's will do, or none.
    has_cache: bool,
}

/// A loader's cache with the libraries of all programs that were run. It is one for all of them, since places are used again
/// where nothing else is to be laid over the root.
#[derive(Default)]
struct Cache {
    libraries: Libraries,
    bytes: Vec<u8>,
}

/// What is told the guest with an order.
pub(super) struct Told {
    /// The changes, before the order; empty where there are none.
    pub(super) changes: Vec<u8>,
    /// The cache of the program's loader, with the order; empty where the host's will do.
    pub(super) cache: Vec<u8>,
    /// A digest of what is laid over the root for the program: the links of its sysroot, and that cache.
    pub(super) dress: u64,
}

impl Hot {
    pub(super) fn new(system: &System) -> Self {
        Self {
            machine: Machine::named(system.machine),
            settled: SETTLED,
            held: BTreeMap::new(),
            bytes: 0,
            once: HashSet::new(),
            wants: HashMap::new(),
            caches: HashMap::new(),
        }
    }

    /// What is to be told with this order.
    pub(super) fn before(&mut self, order: &[u8]) -> Told {
        let mut changes = Changes::default();
        let mut cache = Vec::new();
        let mut dress = blake3::Hasher::new();
        self.look_again(&mut changes);
        if let Some((start, cwd)) = start(order) {
            let links = start.links.clone();
            let mut paths;
            (paths, cache) = self.wanted(start);
            paths.push(cwd);
            for path in paths {
                // What runs once is not worth the copy.
                if !self.once.insert(path.clone()) {
                    self.hold(&path, &links, &mut changes);
                }
            }
            for word in links.iter().chain([&cache]) {
                dress.update(&word.len().to_le_bytes()).update(word);
            }
        }
        if self.bytes > BYTES_MAX || self.held.len() > ENTRIES_MAX {
            for top in self.held.keys().filter(|path| path.parent() == Some(Path::new("/"))) {
                changes.removed.push(top.clone());
            }
            changes.added.clear();
            (self.bytes, self.held, self.once) = (0, BTreeMap::new(), HashSet::new());
        }
        let dress = Reader(dress.finalize().as_bytes()).number().unwrap_or_default();
        Told { changes: changes.payload(&self.held), cache, dress }
    }

    /// Looks at all that is held, and lets go of what has changed.
    fn look_again(&mut self, changes: &mut Changes) {
        let mut gone: Option<PathBuf> = None;
        let mut kept = BTreeMap::new();
        for (path, seen) in std::mem::take(&mut self.held) {
            let below_gone = gone.as_ref().is_some_and(|gone| path.starts_with(gone));
            let now = if below_gone { None } else { look(&path) };
            match now {
                Some(now) if now == seen => drop(kept.insert(path, seen)),
                // A directory in which something else was made or removed.
                Some(now) if now.is_same_directory(&seen) => {
                    changes.touched.insert(path.clone());
                    kept.insert(path, now);
                }
                _ => {
                    self.bytes -= seen.bytes();
                    if !below_gone {
                        changes.touch_above(&path);
                        changes.removed.push(path.clone());
                        gone = Some(path);
                    }
                }
            }
        }
        self.held = kept;
    }

    /// The paths that a program wants, and its loader's cache.
    fn wanted(&mut self, start: Start) -> (Vec<PathBuf>, Vec<u8>) {
        let Some(seen) = look(&start.program) else { return (Vec::new(), Vec::new()) };
        if let Some(wants) = self.wants.get(&start)
            && wants.program == seen
            && wants.libraries.are_as_they_were()
        {
            let cache = self.caches.get(&start.links).filter(|_| wants.has_cache);
            return (wants.paths.clone(), cache.map(|cache| cache.bytes.clone()).unwrap_or_default());
        }
        let (mut wants, elf) = Wants::of(&start, seen, self.machine);
        let cache = elf.and_then(|elf| self.cache(&elf, &wants.libraries, &start.links));
        wants.has_cache = cache.is_some();
        let paths = wants.paths.clone();
        if self.wants.len() >= PROGRAMS_MAX {
            self.wants.clear();
        }
        self.wants.insert(start, wants);
        (paths, cache.unwrap_or_default())
    }

    /// A cache with a program's libraries; nothing where its loader needs none of ours, or has another form.
    fn cache(&mut self, elf: &Elf, libraries: &Libraries, links: &[Vec<u8>]) -> Option<Vec<u8>> {
        let machine = self.machine?;
        // The host's own programs have the host's cache.
        if machine.name == std::env::consts::ARCH || machine.elf_machine != Some(elf.machine) {
            return None;
        }
        let cache = self.caches.entry(links.to_vec()).or_default();
        if !cache.libraries.are_as_they_were() {
            *cache = Cache::default();
            self.wants.retain(|other, _| other.links != links);
        }
        let all = cache.libraries.with(libraries);
        cache.bytes = cache::cache(machine.name, elf, &all.found)?;
        cache.libraries = all;
        Some(cache.bytes.clone())
    }

    /// Has the guest hold what a path leads over and to, if it may.
    fn hold(&mut self, path: &Path, links: &[Vec<u8>], changes: &mut Changes) {
        let Some(way) = way(path, links) else { return };
        let Some((last, seen)) = way.last() else { return };
        if self.held.get(last) == Some(seen) || !self.may_hold(last, seen) {
            return;
        }
        for (path, seen) in way {
            if self.held.get(&path) == Some(&seen) {
                continue;
            }
            changes.touch_above(&path);
            changes.added.push(path.clone());
            self.bytes += seen.bytes();
            self.held.insert(path, seen);
        }
    }

    /// Whether a file's time would tell a further change of it, and whether it is a plain one.
    fn may_hold(&self, path: &Path, seen: &Seen) -> bool {
        if seen.kind != Kind::File {
            return true;
        }
        let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(seen.identity[3]);
        let is_settled = SystemTime::now().duration_since(changed).is_ok_and(|age| age >= self.settled);
        // Capabilities, access lists and the like are not carried over.
        let is_plain = rustix::fs::llistxattr(path, &mut [0u8; 0]).is_ok_and(|bytes| bytes == 0);
        is_settled && is_plain && seen.bytes() <= FILE_BYTES_MAX
    }
}

impl Wants {
    /// Itself, its loader and its libraries, and what its loader looks for in vain; and what it is, where it has a loader.
    fn of(start: &Start, seen: Seen, machine: Option<&'static Machine>) -> (Self, Option<Elf>) {
        let mut wants = Self {
            program: seen,
            libraries: Libraries::default(),
            paths: vec![start.program.clone()],
            has_cache: false,
        };
        let mut dynamic = None;
        if let (Some(machine), Ok(Binary::Elf(elf))) = (machine, Binary::read(&start.program))
            && let Some(loader) = &elf.interpreter
        {
            wants.paths.push(loader.into());
            wants.paths.extend(["/etc/ld.so.preload", "/etc/ld.so.cache"].map(PathBuf::from));
            wants.libraries = Libraries::of(&elf.needed, machine, &start.links, &start.library_path);
            wants.paths.extend(wants.libraries.paths.iter().cloned());
            dynamic = Some(elf);
        }
        wants.paths.sort_unstable();
        wants.paths.dedup();
        (wants, dynamic)
    }
}

/// What is to be told.
#[derive(Default)]
struct Changes {
    removed: Vec<PathBuf>,
    added: Vec<PathBuf>,
    /// Directories whose attributes are to be set.
    touched: BTreeSet<PathBuf>,
}

impl Changes {
    fn touch_above(&mut self, path: &Path) {
        let above = path.ancestors().skip(1).filter(|above| above.parent().is_some());
        self.touched.extend(above.map(Path::to_owned));
    }

    /// As `harness/agent/hot.rs` reads it: removals, directories from the root down, everything else.
    fn payload(&self, held: &BTreeMap<PathBuf, Seen>) -> Vec<u8> {
        let mut fields = Fields::default();
        let nothing = Seen { kind: Kind::Absent, about: [0; 5], identity: [0; 5], to: Vec::new() };
        let mut put = |word: u8, path: &Path, seen: &Seen| {
            fields.0.push(word);
            fields.bytes(path.as_os_str().as_bytes());
            for number in seen.about {
                fields.number(number);
            }
            fields.bytes(&seen.to);
        };
        for path in &self.removed {
            put(b'x', path, &nothing);
        }
        for path in &self.touched {
            if let Some(seen) = held.get(path) {
                put(b'd', path, seen);
            }
        }
        for path in &self.added {
            let Some(seen) = held.get(path) else { continue };
            match seen.kind {
                Kind::Directory if self.touched.contains(path) => {}
                Kind::Directory => put(b'd', path, seen),
                Kind::File => put(b'f', path, seen),
                Kind::Link => put(b'l', path, seen),
                Kind::Absent => put(b'w', path, seen),
            }
        }
        fields.0
    }
}

/// What an order starts, and the directory in which.
pub(super) fn start(order: &[u8]) -> Option<(Start, PathBuf)> {
    const LIBRARY_PATH: &[u8] = b"LD_LIBRARY_PATH=";
    let mut reader = Reader(order);
    let _piped = reader.number()?;
    super::inherited::pass_over(&mut reader)?;
    let cwd = PathBuf::from(OsStr::from_bytes(reader.bytes()?));
    let links = reader.list()?.into_iter().map(<[u8]>::to_vec).collect();
    let _roots = reader.list()?;
    let program = cwd.join(OsStr::from_bytes(reader.bytes()?));
    let _argv = reader.list()?;
    let env = reader.list()?;
    let library_path = env.iter().find_map(|entry| entry.strip_prefix(LIBRARY_PATH)).unwrap_or_default();
    let dirs =
        library_path.split(|byte| matches!(byte, b':' | b';')).map(|dir| Path::new(OsStr::from_bytes(dir)));
    let library_path = dirs.filter(|dir| dir.is_absolute()).map(Path::to_owned).collect();
    Some((Start { program, links, library_path }, cwd))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Scene {
        dir: tempfile::TempDir,
        hot: Hot,
    }

    impl Scene {
        fn new() -> Self {
            let system = System::named("aarch64").unwrap();
            // No time passes in a test.
            let hot = Hot { settled: Duration::ZERO, ..Hot::new(system) };
            Self { dir: tempfile::tempdir().unwrap(), hot }
        }

        fn at(&self, name: &str) -> PathBuf {
            self.dir.path().canonicalize().unwrap().join(name)
        }

        /// What is told before a program of this name is run: words and names, without the directories above.
        fn told(&mut self, program: &str) -> Vec<String> {
            let mut fields = Fields::default();
            fields.number(0);
            super::super::inherited::write(&mut fields);
            fields.bytes(b"/").list([].into_iter()).list([].into_iter());
            fields.bytes(self.at(program).as_os_str().as_bytes());
            fields.list([].into_iter()).list([].into_iter());
            let payload = self.hot.before(&fields.0).changes;
            let (mut reader, mut told) = (Reader(&payload), Vec::new());
            while let Some(word) = reader.byte() {
                let path = PathBuf::from(OsStr::from_bytes(reader.bytes().unwrap()));
                for _ in 0..5 {
                    reader.number().unwrap();
                }
                reader.bytes().unwrap();
                if let Ok(name) = path.strip_prefix(self.at("")) {
                    told.push(format!("{} {}", char::from(word), name.display()));
                }
            }
            assert!(reader.0.is_empty());
            told
        }
    }

    #[test]
    fn what_runs_again_is_held_until_it_changes() {
        let mut scene = Scene::new();
        fs_err::create_dir(scene.at("bin")).unwrap();
        fs_err::write(scene.at("bin/tool"), "one").unwrap();
        assert_eq!(scene.told("bin/tool"), Vec::<String>::new());
        assert_eq!(scene.told("bin/tool"), ["d ", "d bin", "f bin/tool"]);
        assert_eq!(scene.told("bin/tool"), Vec::<String>::new());
        // Another file beside it changes the directory's time alone.
        fs_err::write(scene.at("bin/other"), "").unwrap();
        assert_eq!(scene.told("bin/tool"), ["d bin"]);
        // Of the same length, and with the time that it had.
        let time = fs_err::metadata(scene.at("bin/tool")).unwrap().modified().unwrap();
        let file = std::fs::File::options().write(true).open(scene.at("bin/tool")).unwrap();
        std::io::Write::write_all(&mut &file, b"two").unwrap();
        file.set_modified(time).unwrap();
        drop(file);
        assert_eq!(scene.told("bin/tool"), ["x bin/tool", "d ", "d bin", "f bin/tool"]);
        fs_err::remove_file(scene.at("bin/tool")).unwrap();
        assert_eq!(scene.told("bin/tool"), ["x bin/tool", "d ", "d bin", "w bin/tool"]);
    }

    #[test]
    fn links_are_held_and_a_directory_that_is_another_one_takes_all_below_with_it() {
        let mut scene = Scene::new();
        for name in ["one", "two"] {
            fs_err::create_dir(scene.at(name)).unwrap();
            fs_err::write(scene.at(name).join("tool"), name).unwrap();
        }
        fs_err::os::unix::fs::symlink("one", scene.at("now")).unwrap();
        scene.told("now/tool");
        assert_eq!(scene.told("now/tool"), ["d ", "d one", "l now", "f one/tool"]);
        fs_err::remove_file(scene.at("now")).unwrap();
        fs_err::os::unix::fs::symlink("two", scene.at("now")).unwrap();
        assert_eq!(scene.told("now/tool"), ["x now", "d ", "d two", "l now", "f two/tool"]);
        fs_err::rename(scene.at("two"), scene.at("three")).unwrap();
        fs_err::os::unix::fs::symlink("three", scene.at("two")).unwrap();
        assert_eq!(scene.told("now/tool"), ["x two", "d ", "d three", "l two", "f three/tool"]);
    }

    #[test]
    fn a_file_that_was_changed_just_now_is_not_held() {
        let mut scene = Scene::new();
        scene.hot.settled = SETTLED;
        fs_err::write(scene.at("tool"), "").unwrap();
        for _ in 0..3 {
            assert_eq!(scene.told("tool"), Vec::<String>::new());
        }
    }

    #[test]
    fn what_is_more_than_a_guest_should_hold_is_let_go_as_a_whole() {
        let mut scene = Scene::new();
        for name in ["a", "b", "c", "d"] {
            let file = std::fs::File::create(scene.at(name)).unwrap();
            file.set_len(FILE_BYTES_MAX - 1).unwrap();
            scene.told(name);
            scene.told(name);
        }
        assert!(scene.hot.held.is_empty());
        assert_eq!(scene.hot.bytes, 0);
    }
}
