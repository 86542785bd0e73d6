//! What the guest does by path, relative to one of its directories.

use std::ffi::OsString;
use std::fs::File;

use rustix::fs::{AtFlags, Mode, OFlags};

use super::descriptors::{
    FLAG_APPEND, FLAG_DSYNC, FLAG_NONBLOCK, FLAG_RSYNC, FLAG_SYNC, RIGHT_READ, RIGHT_WRITE, timestamps,
    write_stat,
};
use super::errno::Errno;
use super::memory::Memory;
use super::run::Wasi;
use super::table::Descriptor;

type Answer = Result<(), Errno>;

const LOOKUP_FOLLOW: u32 = 1;

const OPEN_CREATE: u32 = 1;
const OPEN_DIRECTORY: u32 = 2;
const OPEN_EXCLUSIVE: u32 = 4;
const OPEN_TRUNCATE: u32 = 8;

/// The guest cannot say which permissions a file shall have; these, less the umask, are what native programs ask for.
const FILE_MODE: Mode = Mode::from_raw_mode(0o666);
const DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o777);

#[expect(clippy::too_many_arguments, reason = "the signature is the specification's")]
pub(super) fn path_open(
    wasi: &mut Wasi,
    memory: &mut Memory,
    directory: u32,
    lookup: u32,
    path: u32,
    length: u32,
    open: u32,
    rights: u64,
    _inheriting: u64,
    flags: u32,
    answer: u32,
) -> Answer {
    let at = place(wasi, memory, directory, path, length)?;
    let flags = open_flags(lookup, open, rights, flags);
    let opened = rustix::io::retry_on_intr(|| rustix::fs::openat(at.directory, &at.path, flags, FILE_MODE))?;
    let number = wasi.table.insert(Descriptor::new(File::from(opened)))?;
    memory.write_u32(answer, number)
}

fn open_flags(lookup: u32, open: u32, rights: u64, flags: u32) -> OFlags {
    let access = match (rights & RIGHT_READ != 0, rights & RIGHT_WRITE != 0) {
        (true, true) => OFlags::RDWR,
        (false, true) => OFlags::WRONLY,
        (_, false) => OFlags::RDONLY,
    };
    let mut host = access | OFlags::CLOEXEC | OFlags::NOCTTY;
    host.set(OFlags::NOFOLLOW, lookup & LOOKUP_FOLLOW == 0);
    host.set(OFlags::CREATE, open & OPEN_CREATE != 0);
    host.set(OFlags::DIRECTORY, open & OPEN_DIRECTORY != 0);
    host.set(OFlags::EXCL, open & OPEN_EXCLUSIVE != 0);
    host.set(OFlags::TRUNC, open & OPEN_TRUNCATE != 0);
    host.set(OFlags::APPEND, flags & FLAG_APPEND != 0);
    host.set(OFlags::NONBLOCK, flags & FLAG_NONBLOCK != 0);
    if flags & FLAG_DSYNC != 0 {
        host |= OFlags::DSYNC;
    }
    if flags & (FLAG_SYNC | FLAG_RSYNC) != 0 {
        host |= OFlags::SYNC;
    }
    host
}

/// A path and the directory from which it leads.
struct Place<'a> {
    directory: rustix::fd::BorrowedFd<'a>,
    path: OsString,
}

fn place<'a>(wasi: &'a Wasi, memory: &Memory, fd: u32, path: u32, length: u32) -> Result<Place<'a>, Errno> {
    Ok(Place { directory: wasi.table.fd(fd)?, path: memory.path(path, length)? })
}

/// The flag for calls that follow links unless told not to.
fn no_follow(lookup: u32) -> AtFlags {
    if lookup & LOOKUP_FOLLOW == 0 { AtFlags::SYMLINK_NOFOLLOW } else { AtFlags::empty() }
}

pub(super) fn path_filestat_get(
    wasi: &mut Wasi,
    memory: &mut Memory,
    fd: u32,
    lookup: u32,
    path: u32,
    length: u32,
    answer: u32,
) -> Answer {
    let at = place(wasi, memory, fd, path, length)?;
    let stat = rustix::fs::statat(at.directory, &at.path, no_follow(lookup))?;
    write_stat(memory, answer, &stat)
}

#[expect(clippy::too_many_arguments, reason = "the signature is the specification's")]
pub(super) fn path_filestat_set_times(
    wasi: &mut Wasi,
    memory: &mut Memory,
    fd: u32,
    lookup: u32,
    path: u32,
    length: u32,
    access: u64,
    modification: u64,
    flags: u32,
) -> Answer {
    let at = place(wasi, memory, fd, path, length)?;
    let times = timestamps(access, modification, flags)?;
    Ok(rustix::fs::utimensat(at.directory, &at.path, &times, no_follow(lookup))?)
}

pub(super) fn path_create_directory(
    wasi: &mut Wasi,
    memory: &mut Memory,
    fd: u32,
    path: u32,
    length: u32,
) -> Answer {
    let at = place(wasi, memory, fd, path, length)?;
    Ok(rustix::fs::mkdirat(at.directory, &at.path, DIRECTORY_MODE)?)
}

pub(super) fn path_remove_directory(
    wasi: &mut Wasi,
    memory: &mut Memory,
    fd: u32,
    path: u32,
    length: u32,
) -> Answer {
    let at = place(wasi, memory, fd, path, length)?;
    Ok(rustix::fs::unlinkat(at.directory, &at.path, AtFlags::REMOVEDIR)?)
}

pub(super) fn path_unlink_file(
    wasi: &mut Wasi,
    memory: &mut Memory,
    fd: u32,
    path: u32,
    length: u32,
) -> Answer {
    let at = place(wasi, memory, fd, path, length)?;
    Ok(rustix::fs::unlinkat(at.directory, &at.path, AtFlags::empty())?)
}

#[expect(clippy::too_many_arguments, reason = "the signature is the specification's")]
pub(super) fn path_rename(
    wasi: &mut Wasi,
    memory: &mut Memory,
    old_fd: u32,
    old_path: u32,
    old_length: u32,
    new_fd: u32,
    new_path: u32,
    new_length: u32,
) -> Answer {
    let old = place(wasi, memory, old_fd, old_path, old_length)?;
    let new = place(wasi, memory, new_fd, new_path, new_length)?;
    Ok(rustix::fs::renameat(old.directory, &old.path, new.directory, &new.path)?)
}

#[expect(clippy::too_many_arguments, reason = "the signature is the specification's")]
pub(super) fn path_link(
    wasi: &mut Wasi,
    memory: &mut Memory,
    old_fd: u32,
    lookup: u32,
    old_path: u32,
    old_length: u32,
    new_fd: u32,
    new_path: u32,
    new_length: u32,
) -> Answer {
    let old = place(wasi, memory, old_fd, old_path, old_length)?;
    let new = place(wasi, memory, new_fd, new_path, new_length)?;
    let follow = if lookup & LOOKUP_FOLLOW == 0 { AtFlags::empty() } else { AtFlags::SYMLINK_FOLLOW };
    Ok(rustix::fs::linkat(old.directory, &old.path, new.directory, &new.path, follow)?)
}

pub(super) fn path_symlink(
    wasi: &mut Wasi,
    memory: &mut Memory,
    target: u32,
    target_length: u32,
    fd: u32,
    path: u32,
    length: u32,
) -> Answer {
    let target = memory.path(target, target_length)?;
    let at = place(wasi, memory, fd, path, length)?;
    Ok(rustix::fs::symlinkat(&target, at.directory, &at.path)?)
}

/// A target longer than the buffer is cut, as `readlink` does.
#[expect(clippy::too_many_arguments, reason = "the signature is the specification's")]
pub(super) fn path_readlink(
    wasi: &mut Wasi,
    memory: &mut Memory,
    fd: u32,
    path: u32,
    length: u32,
    address: u32,
    address_length: u32,
    used: u32,
) -> Answer {
    let at = place(wasi, memory, fd, path, length)?;
    let buffer = memory.span(address, address_length)?;
    let target = rustix::fs::readlinkat(at.directory, &at.path, Vec::new())?;
    let bytes = target.as_bytes();
    let length = bytes.len().min(buffer.len());
    memory.write(address, &bytes[..length])?;
    memory.write_size(used, length)
}
