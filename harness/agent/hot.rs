//! Files of the host that are kept in the guest's memory, as a layer of every program's root: the host says before each
//! program what of them has changed, so that none is ever older than that. A program that is run again is not read over
//! 9p again, and QEMU has its code translated already.

use std::collections::BTreeSet;
use std::ffi::c_long;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::linux::*;
use crate::wire::Fields;

/// The layer.
pub(crate) const TREE: &str = "/store/tree";

/// Files are written here and renamed, so that one in the layer is whole.
const SCRATCH: &str = "/store/scratch";

/// What is mounted in every root.
const OWN: [&str; 3] = ["dev", "proc", "sys"];

/// How many directories are looked into before a program.
const LOOKS_MAX: usize = 60;

/// The share from which they are taken. Nothing of it is cached.
const SHARE: &str = "/store/share";

/// Makes the layer. It holds empty directories for what is mounted in every root: an opaque one is not looked for on the
/// host.
pub(crate) fn make() {
    let _ = fs::create_dir_all("/store");
    mounted("store", "/store", "tmpfs", 0, "mode=755,size=40%");
    for dir in [TREE, SHARE] {
        let _ = fs::create_dir(dir);
    }
    for name in OWN {
        let dir = Path::new(TREE).join(name);
        let _ = fs::create_dir(&dir);
        let dir = c(dir.as_os_str().as_bytes());
        unsafe { setxattr(dir.as_ptr(), c"trusted.overlay.opaque".as_ptr(), c"y".as_ptr().cast(), 1, 0) };
    }
}

/// Takes over what has changed: for each path what is to be there, its mode, owner, group and time, and where a link
/// leads. What cannot be taken is not in the layer afterwards, so that programs find it on the host. Directories get their
/// times last, since what is put into them changes them.
pub(crate) fn change(payload: &[u8]) {
    let mut fields = Fields(payload);
    let mut directories = Vec::new();
    let Ok(mut known) = DIRECTORIES.lock() else { return };
    while !fields.0.is_empty() {
        let kind = fields.take(1).first().copied();
        let path = Path::new(std::ffi::OsStr::from_bytes(fields.bytes()));
        let about: [u64; 5] = std::array::from_fn(|_| fields.number());
        let to = fields.bytes();
        let below = path.strip_prefix("/").unwrap_or(path);
        let at = Path::new(TREE).join(below);
        let done = match kind {
            Some(b'd') => {
                directories.push((at.clone(), about));
                let done = at.is_dir() || fs::create_dir(&at).is_ok();
                known.extend(done.then(|| below.to_owned()));
                done
            }
            Some(b'l') => std::os::unix::fs::symlink(std::ffi::OsStr::from_bytes(to), &at).is_ok(),
            Some(b'w') => unsafe { mknod(c(at.as_os_str().as_bytes()).as_ptr(), 0o20_000, 0) == 0 },
            Some(b'f') => copy(below, &at, &about),
            _ => false,
        };
        if !done {
            known.retain(|known| !known.starts_with(below));
            remove(&at);
        } else if kind != Some(b'w') {
            describe(&at, &about, kind == Some(b'l'));
        }
    }
    for (at, about) in directories.iter().rev() {
        describe(at, about, false);
    }
}

/// The directories that are in the layer, each with all that are above it.
static DIRECTORIES: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Has a new root find the directories of the layer on the host, which takes a question each, before a program asks.
/// Whoever has found them must not be used once one of them is another: see [`takes_away`].
pub(crate) fn look_ahead(root: &Path) {
    let Ok(directories) = DIRECTORIES.lock() else { return };
    let mut directories = directories.iter().take(LOOKS_MAX).peekable();
    while let Some(below) = directories.next() {
        // Whoever looks for the one that comes next passes this one.
        if directories.peek().is_none_or(|next| !next.starts_with(below)) {
            let _ = fs::symlink_metadata(root.join(below));
        }
    }
}

/// Whether a change takes something out of the layer.
pub(crate) fn takes_away(payload: &[u8]) -> bool {
    payload.first() == Some(&b'x')
}

fn remove(at: &Path) {
    let is_dir = at.symlink_metadata().is_ok_and(|about| about.is_dir());
    let _ = if is_dir { fs::remove_dir_all(at) } else { fs::remove_file(at) };
}

fn copy(below: &Path, at: &Path, about: &[u64; 5]) -> bool {
    let from = Path::new(SHARE).join(below);
    if !Path::new(SHARE).join("proc").exists() {
        let options = "trans=virtio,version=9p2000.L,msize=262144,cache=none,access=any";
        mounted("share0", SHARE, "9p", MS_RDONLY, options);
    }
    let scratch = PathBuf::from(SCRATCH);
    let done = fs::copy(from, &scratch).is_ok();
    describe(&scratch, about, false);
    if done && fs::rename(&scratch, at).is_ok() {
        return true;
    }
    let _ = fs::remove_file(scratch);
    false
}

/// Makes a directory that looks like the host's `/etc`. The layer, which knows it after the first programs, need not ask.
pub(crate) fn mirror_etc(at: &Path) -> bool {
    let known = fs::symlink_metadata(Path::new(TREE).join("etc"));
    let Ok(about) = known.or_else(|_| fs::metadata("/lower/etc")) else { return true };
    let [mode, owner, group] = [about.mode(), about.uid(), about.gid()].map(u64::from);
    let done = fs::create_dir(at).is_ok();
    describe(at, &[mode, owner, group, about.mtime() as u64, about.mtime_nsec() as u64], false);
    done
}

/// Gives a file the attributes that it has on the host.
fn describe(at: &Path, about: &[u64; 5], is_link: bool) {
    let [mode, owner, group, seconds, nanoseconds] = *about;
    let path = c(at.as_os_str().as_bytes());
    let time = || TimeSpec { seconds: seconds as c_long, nanoseconds: nanoseconds as c_long };
    unsafe { lchown(path.as_ptr(), owner as u32, group as u32) };
    if !is_link {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode as u32 & 0o7777);
        let _ = fs::set_permissions(at, mode);
    }
    unsafe { utimensat(AT_FDCWD, path.as_ptr(), [time(), time()].as_ptr(), AT_SYMLINK_NOFOLLOW) };
}
