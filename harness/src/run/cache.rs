//! Results that need not be found again: what a guest showed, by everything that it depends on.
//!
//! An entry is what was recorded of one guest (a program's case, or all tests of a test binary) on one target, compared
//! with its native run. Its key is a hash of both sides: the program's bytes, words, environment and input, the project's
//! files where tests run among them, the emulator with its own file, CPU and flags, the sysroot, the kernel, and the rules.
//! Whatever is not in the key (the time, the network, a file elsewhere) must not matter, and `--no-cache` is for guests to
//! which it does. Only results that are as they should be are kept: a finding is always found again.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use triplecheck_emulators::launch::{EnvChange, Launch, Preparation, wine_shim_dir};
use triplecheck_emulators::vm::{INITRAMFS, KERNEL};

use super::keys::Pair;
use crate::error::{About as _, Result};
use crate::events::{Cell, NotRun};
use crate::vm::Wanted;

/// Part of every key: to be raised when the meaning of an entry changes.
const FORMAT: u32 = 2;

/// A file of results that has grown beyond this is begun anew: nobody waits for the results of last year.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Directories of a project that hold results and not sources.
const NOT_SOURCES: [&str; 3] = ["target", ".git", "node_modules"];

/// Variables that say where and when somebody works, and nothing about what programs do.
const VOLATILE: [&str; 22] = [
    "PWD",
    "OLDPWD",
    "SHLVL",
    "_",
    "TMPDIR",
    "COLUMNS",
    "LINES",
    "WINDOWID",
    "TERM_SESSION_ID",
    "SSH_AUTH_SOCK",
    "SSH_CLIENT",
    "SSH_CONNECTION",
    "SSH_TTY",
    "GPG_AGENT_INFO",
    "DBUS_SESSION_BUS_ADDRESS",
    "XDG_SESSION_ID",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "MAKEFLAGS",
    "MAKELEVEL",
    "MFLAGS",
    "MAKE_TERMERR",
];

/// What was recorded of one guest on one target.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Decided cells.
    pub(super) cells: Vec<Cell>,
    /// Tests that are on one side only, or ignored.
    pub(super) not_run: Vec<NotRun>,
}

/// A key under which an entry is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key(blake3::Hash);

/// All results of earlier runs of a project.
#[derive(Debug)]
pub(super) struct Cache {
    known: HashMap<Key, Entry>,
    natives: HashSet<Key>,
    file: Option<fs_err::File>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    key: String,
    /// The key of its native side.
    native: String,
    entry: Entry,
    /// The run that found what is not as it should be: believed only by who takes up that very run.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    only_of: Option<String>,
}

impl Cache {
    /// A cache that holds nothing and keeps nothing.
    pub(super) fn none() -> Self {
        Self { known: HashMap::new(), natives: HashSet::new(), file: None }
    }

    /// Reads the results at `path`, and with those that are as they should be all that the run `resumed` had found. A line
    /// that a killed run left unfinished is passed over.
    pub(super) fn open(path: &Path, resumed: Option<&str>) -> Result<Self> {
        if std::fs::metadata(path).is_ok_and(|meta| meta.len() > FILE_BYTES_MAX) {
            fs_err::remove_file(path).about("remove", path)?;
        }
        let text = match fs_err::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error).about("read", path),
        };
        let lines =
            text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Line>(line).ok());
        let believed = lines.filter(|line| line.only_of.is_none() || line.only_of.as_deref() == resumed);
        let (mut known, mut natives) = (HashMap::new(), HashSet::new());
        for line in believed {
            let keys = [line.key, line.native].map(blake3::Hash::from_hex);
            if let [Ok(key), Ok(native)] = keys {
                known.insert(Key(key), line.entry);
                natives.insert(Key(native));
            }
        }
        if let Some(parent) = path.parent() {
            fs_err::create_dir_all(parent).about("make", parent)?;
        }
        let mut file = fs_err::OpenOptions::new().append(true).create(true).open(path).about("open", path)?;
        if text.last().is_some_and(|byte| *byte != b'\n') {
            file.write_all(b"\n").about("write", path)?;
        }
        Ok(Self { known, natives, file: Some(file) })
    }

    pub(super) fn get(&self, key: Key) -> Option<&Entry> {
        self.known.get(&key)
    }

    /// Whether something is known of which this is the native side.
    pub(super) fn knows_native(&self, native: Key) -> bool {
        self.natives.contains(&native)
    }

    /// Keeps an entry for later runs, or with `only_of` for who takes up this one; for this one it is of no use any more.
    pub(super) fn put(&mut self, keys: Pair, entry: Entry, only_of: Option<&str>) -> Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let [key, native] = [keys.whole, keys.native].map(|key| key.0.to_hex().to_string());
        let line = Line { key, native, entry, only_of: only_of.map(str::to_owned) };
        let Ok(mut text) = serde_json::to_vec(&line) else { return Ok(()) };
        text.push(b'\n');
        let path = file.path().to_owned();
        file.write_all(&text).about("write", path)
    }
}

/// Collects what a result depends on. Every part is framed by its length, so that no two lists of parts look alike.
#[derive(Clone)]
pub(super) struct KeyOf {
    hasher: blake3::Hasher,
}

impl KeyOf {
    pub(super) fn new() -> Self {
        let mut key = Self { hasher: blake3::Hasher::new() };
        key.number(FORMAT.into());
        key.number(crate::compare::RULES_VERSION.into());
        key.text(env!("CARGO_PKG_VERSION"));
        key.bytes(rustix::system::uname().release().to_bytes());
        key
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.hasher.update(bytes);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    pub(super) fn number(&mut self, number: u64) {
        self.hasher.update(&number.to_le_bytes());
    }

    pub(super) fn words<'a>(&mut self, words: impl IntoIterator<Item = &'a OsStr>) {
        let words: Vec<&OsStr> = words.into_iter().collect();
        self.number(words.len() as u64);
        for word in words {
            self.bytes(word.as_bytes());
        }
    }

    /// The environment in which guests are started, but for what is [`VOLATILE`].
    pub(super) fn environment(&mut self, variables: &[(OsString, OsString)]) {
        let kept = variables.iter().filter(|(name, _)| !VOLATILE.iter().any(|volatile| name == volatile));
        let sorted: BTreeMap<&OsString, &OsString> = kept.map(|(name, value)| (name, value)).collect();
        self.words(sorted.into_iter().flat_map(|(name, value)| [name.as_os_str(), value.as_os_str()]));
    }

    /// How a guest is started: the emulator and everything that it brings. `directory` gives a directory's hash, because
    /// thousands of cells share one sysroot with hundreds of files.
    pub(super) fn launch(&mut self, launch: &Launch, directory: &dyn Fn(&Path) -> blake3::Hash) {
        self.text(&launch.emulator.kind.to_string());
        self.words(launch.prefix.iter().map(OsString::as_os_str));
        // The emulator's own file, a wrapper of the user's; but not what is written before the first start.
        let ours = match &launch.preparation {
            Some(Preparation::NodeScript(script)) => Some(script.as_path()),
            Some(Preparation::WinePrefix { .. }) | None => None,
        };
        let files =
            launch.prefix.iter().map(Path::new).filter(|word| word.is_absolute() && Some(*word) != ours);
        for file in files.filter(|word| word.is_file()) {
            self.stamp(file);
        }
        if let Some(wanted) = Wanted::of_words(&launch.prefix) {
            // A guest system that was made again is another one.
            for file in [KERNEL, INITRAMFS] {
                self.stamp(&wanted.kernel.join(file));
            }
        }
        for change in &launch.env {
            let value = match change {
                EnvChange::Set(_, value) | EnvChange::Prepend(_, value, _) => value.as_os_str(),
                EnvChange::Remove(_) => OsStr::new(""),
            };
            self.words([change.name(), value]);
        }
        if let Some(sysroot) = launch.sysroot.as_deref().filter(|root| *root != Path::new("/")) {
            for dir in ["lib", "lib64", "usr/lib"] {
                self.bytes(directory(&sysroot.join(dir)).as_bytes());
            }
        }
        match &launch.preparation {
            Some(Preparation::WinePrefix { prefix, .. }) => {
                self.bytes(directory(&wine_shim_dir(prefix)).as_bytes());
            }
            Some(Preparation::NodeScript(_)) => self.text(crate::NODE_SCRIPT),
            None => {}
        }
    }

    /// A file's path, size and time of change.
    pub(super) fn stamp(&mut self, path: &Path) {
        self.bytes(path.as_os_str().as_bytes());
        let meta = std::fs::metadata(path).ok();
        self.number(meta.as_ref().map_or(0, std::fs::Metadata::len));
        let modified = meta.and_then(|meta| meta.modified().ok()?.duration_since(UNIX_EPOCH).ok());
        self.bytes(&modified.unwrap_or_default().as_nanos().to_le_bytes());
    }

    pub(super) fn finish(self) -> Key {
        Key(self.hasher.finalize())
    }
}

/// A hash of the names in a directory, with sizes and times: what is in a sysroot does not change without them.
pub(super) fn directory(dir: &Path) -> blake3::Hash {
    let mut key = KeyOf { hasher: blake3::Hasher::new() };
    let entries = std::fs::read_dir(dir).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort_unstable();
    key.number(paths.len() as u64);
    for path in &paths {
        key.stamp(path);
    }
    key.hasher.finalize()
}

/// A hash of a project's files by name, size and time: tests read fixtures that nobody declares.
pub(super) fn project_files(root: &Path) -> blake3::Hash {
    let mut key = KeyOf { hasher: blake3::Hasher::new() };
    let mut pending = vec![root.to_owned()];
    while let Some(dir) = pending.pop() {
        let Ok(entries) = std::fs::read_dir(&dir) else { continue };
        let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.sort_unstable();
        for path in paths {
            let name = path.file_name().unwrap_or_default();
            match std::fs::symlink_metadata(&path) {
                Ok(meta) if meta.is_dir() && NOT_SOURCES.iter().any(|no| name == *no) => {}
                Ok(meta) if meta.is_dir() => pending.push(path),
                _ => key.stamp(&path),
            }
        }
    }
    key.hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(parts: &[&str]) -> Key {
        let mut key = KeyOf::new();
        for part in parts {
            key.text(part);
        }
        key.finish()
    }

    fn pair(part: &str) -> Pair {
        Pair { native: key(&["native", part]), whole: key(&[part]) }
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(key(&["ab", "c"]), key(&["a", "bc"]));
        assert_eq!(key(&["a", "b"]), key(&["a", "b"]));
    }

    #[test]
    fn where_and_when_somebody_works_does_not_matter() {
        let with = |name: &str, value: &str| {
            let mut key = KeyOf::new();
            key.environment(&[("LANG".into(), "C".into()), (name.into(), value.into())]);
            key.finish()
        };
        assert_eq!(with("SSH_TTY", "1"), with("SSH_TTY", "2"));
        assert_ne!(with("TZ", "UTC"), with("TZ", "CET"));
    }

    #[test]
    fn entries_come_back_and_an_unfinished_line_does_no_harm() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cache/results.jsonl");
        let mut cache = Cache::open(&path, None).unwrap();
        cache.put(pair("a"), Entry::default(), None).unwrap();
        cache.put(pair("found"), Entry::default(), Some("first")).unwrap();
        drop(cache);
        let mut file = fs_err::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"key\":\"00").unwrap();
        let mut cache = Cache::open(&path, None).unwrap();
        assert!(cache.get(key(&["a"])).is_some() && cache.get(key(&["b"])).is_none());
        assert!(cache.knows_native(pair("a").native) && !cache.knows_native(pair("b").native));
        cache.put(pair("b"), Entry::default(), None).unwrap();
        assert!(Cache::open(&path, None).unwrap().get(key(&["b"])).is_some());
        let found = |resumed| Cache::open(&path, resumed).unwrap().get(key(&["found"])).is_some();
        assert_eq!([None, Some("other"), Some("first")].map(found), [false, false, true]);
    }

    #[test]
    fn a_changed_fixture_is_seen_and_what_was_built_is_not() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("target")).unwrap();
        std::fs::write(dir.path().join("fixture"), "1").unwrap();
        let before = project_files(dir.path());
        std::fs::write(dir.path().join("target/built"), "x").unwrap();
        assert_eq!(project_files(dir.path()), before);
        std::fs::write(dir.path().join("fixture"), "22").unwrap();
        assert_ne!(project_files(dir.path()), before);
    }
}
