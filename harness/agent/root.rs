//! The file system that programs see: the host's files below a layer that can be written.

use std::fs;
use std::path::Path;
use std::ptr::null;

use crate::hot;
use crate::linux::*;

fn need(done: bool, what: &str) -> Result<(), (String, i32)> {
    if done { Ok(()) } else { Err((what.to_owned(), last_errno())) }
}

/// Makes room for what a program writes, and the file systems that need no share: of these, what is mounted here is only moved
/// later. The error names what could not be done, as that of [`lay_out`] does.
pub(crate) fn found() -> Result<(), (String, i32)> {
    // The files of programs are in memory, which they may not take from the programs as a whole.
    need(mounted("cell", "/cell", "tmpfs", 0, "mode=755,size=40%"), "mount a tmpfs")?;
    for dir in ["/cell/upper", "/cell/work", "/cell/root", "/cell/links", "/cell/proc", "/cell/shm"] {
        need(fs::create_dir(dir).is_ok(), "create a directory")?;
    }
    need(mounted("proc", "/cell/proc", "proc", 0, ""), "mount /proc")?;
    need(mounted("shm", "/cell/shm", "tmpfs", 0, "mode=1777,size=40%"), "mount /dev/shm")?;
    Ok(())
}

/// The host's files below a layer that can be written, as the root. The error names what could not be mounted.
///
/// Between them are two layers of our own: links in the root, for the directories of a sysroot, with the loader's cache, and
/// what [`crate::hot`] holds. Both are filled while the overlay is mounted, with names that nobody has looked up before in it; a sysroot
/// cannot be a layer itself, since overlayfs refuses one that lies within another.
pub(crate) fn lay_out(slot: u64, may_need_cache: bool) -> Result<(), (String, i32)> {
    let options = "trans=virtio,version=9p2000.L,msize=262144,cache=loose,access=any";
    need(mounted(&format!("share{slot}"), "/lower", "9p", MS_RDONLY, options), "mount the share")?;
    // For the loader's cache, and there before anybody looks up what is in it.
    if may_need_cache {
        need(hot::mirror_etc(Path::new("/cell/links/etc")), "create a directory")?;
    }
    let options = format!(
        "lowerdir=/cell/links:{}:/lower,upperdir=/cell/upper,workdir=/cell/work,xino=off",
        hot::TREE
    );
    need(mounted("cell", "/cell/root", "overlay", 0, &options), "mount the overlay")?;
    need(mounted("/dev", "/cell/root/dev", "", MS_BIND | MS_REC, ""), "mount /dev")?;
    need(mounted("/cell/proc", "/cell/root/proc", "", MS_MOVE, ""), "mount /proc")?;
    need(mounted("/sys", "/cell/root/sys", "", MS_BIND, ""), "mount /sys")?;
    need(mounted("/cell/shm", "/cell/root/dev/shm", "", MS_MOVE, ""), "mount /dev/shm")?;
    Ok(())
}

/// Makes the overlay the root of all mounts here, and this process's working directory.
pub(crate) fn take_root() -> Result<(), (String, i32)> {
    let [root, here, there] = [c("/cell/root"), c("."), c("/")];
    let done = unsafe {
        chdir(root.as_ptr()) == 0 && mount(here.as_ptr(), there.as_ptr(), null(), MS_MOVE, null()) == 0
    };
    if done { Ok(()) } else { Err(("take the root".to_owned(), last_errno())) }
}
