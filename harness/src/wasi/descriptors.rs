//! What the guest learns about its descriptors, and what it does to them as such.

use std::os::fd::BorrowedFd;

use rustix::fs::{FileType, OFlags, Stat, Timespec, Timestamps};

use super::errno::Errno;
use super::memory::{Memory, to_usize};
use super::run::Wasi;
use super::table::Entry;

type Answer = Result<(), Errno>;

pub(super) const FILETYPE_DIRECTORY: u8 = 3;
const FILETYPE_CHARACTER: u8 = 2;

pub(super) const FLAG_APPEND: u32 = 1;
pub(super) const FLAG_DSYNC: u32 = 2;
pub(super) const FLAG_NONBLOCK: u32 = 4;
pub(super) const FLAG_RSYNC: u32 = 8;
pub(super) const FLAG_SYNC: u32 = 16;

pub(super) const RIGHT_READ: u64 = 1 << 1;
pub(super) const RIGHT_WRITE: u64 = 1 << 6;
const RIGHT_SEEK: u64 = 1 << 2;
const RIGHT_TELL: u64 = 1 << 5;
const RIGHTS_ALL: u64 = (1 << 30) - 1;

const TIME_ACCESS: u32 = 1;
const TIME_ACCESS_NOW: u32 = 2;
const TIME_MODIFICATION: u32 = 4;
const TIME_MODIFICATION_NOW: u32 = 8;

pub(super) fn fd_close(wasi: &mut Wasi, _: &mut Memory, fd: u32) -> Answer {
    wasi.table.remove(fd).map(drop)
}

pub(super) fn fd_renumber(wasi: &mut Wasi, _: &mut Memory, from: u32, to: u32) -> Answer {
    wasi.table.get(to)?;
    let descriptor = wasi.table.remove(from)?;
    wasi.table.set(to, descriptor);
    Ok(())
}

/// libc decides from the rights whether a descriptor reads or writes, and takes a character device that cannot seek
/// for a terminal; so the rights say just that. No other right is ever withheld.
pub(super) fn fd_fdstat_get(wasi: &mut Wasi, memory: &mut Memory, fd: u32, answer: u32) -> Answer {
    let file = wasi.table.fd(fd)?;
    let filetype = filetype(FileType::from_raw_mode(rustix::fs::fstat(file)?.st_mode));
    let flags = rustix::fs::fcntl_getfl(file)?;
    let mut rights = RIGHTS_ALL;
    if flags & OFlags::RWMODE == OFlags::RDONLY && filetype != FILETYPE_DIRECTORY {
        rights &= !RIGHT_WRITE;
    } else if flags & OFlags::RWMODE == OFlags::WRONLY {
        rights &= !RIGHT_READ;
    }
    if filetype == FILETYPE_CHARACTER && rustix::termios::isatty(file) {
        rights &= !(RIGHT_SEEK | RIGHT_TELL);
    }
    let mut bytes = [0; 24];
    bytes[0] = filetype;
    bytes[2..4].copy_from_slice(&guest_flags(flags).to_le_bytes());
    bytes[8..16].copy_from_slice(&rights.to_le_bytes());
    bytes[16..24].copy_from_slice(&RIGHTS_ALL.to_le_bytes());
    memory.write(answer, &bytes)
}

fn guest_flags(flags: OFlags) -> u16 {
    let set = [(OFlags::APPEND, 1), (OFlags::NONBLOCK, 4), (OFlags::SYNC, 16), (OFlags::DSYNC, 2)];
    set.into_iter().filter(|(host, _)| flags.contains(*host)).fold(0, |all, (_, guest)| all | guest)
}

pub(super) fn fd_fdstat_set_flags(wasi: &mut Wasi, _: &mut Memory, fd: u32, flags: u32) -> Answer {
    let file = wasi.table.fd(fd)?;
    let mut host = rustix::fs::fcntl_getfl(file)?;
    host.set(OFlags::APPEND, flags & FLAG_APPEND != 0);
    host.set(OFlags::NONBLOCK, flags & FLAG_NONBLOCK != 0);
    Ok(rustix::fs::fcntl_setfl(file, host)?)
}

/// Rights can only be given up, and a native program has none to give up.
pub(super) fn fd_fdstat_set_rights(wasi: &mut Wasi, _: &mut Memory, fd: u32, _: u64, _: u64) -> Answer {
    wasi.table.get(fd).map(drop)
}

pub(super) fn fd_filestat_get(wasi: &mut Wasi, memory: &mut Memory, fd: u32, answer: u32) -> Answer {
    write_stat(memory, answer, &rustix::fs::fstat(wasi.table.fd(fd)?)?)
}

pub(super) fn fd_filestat_set_times(
    wasi: &mut Wasi,
    _: &mut Memory,
    fd: u32,
    access: u64,
    modification: u64,
    flags: u32,
) -> Answer {
    let times = timestamps(access, modification, flags)?;
    Ok(rustix::fs::futimens(wasi.table.fd(fd)?, &times)?)
}

pub(super) fn timestamps(access: u64, modification: u64, flags: u32) -> Result<Timestamps, Errno> {
    Ok(Timestamps {
        last_access: timestamp(access, flags & TIME_ACCESS != 0, flags & TIME_ACCESS_NOW != 0)?,
        last_modification: timestamp(
            modification,
            flags & TIME_MODIFICATION != 0,
            flags & TIME_MODIFICATION_NOW != 0,
        )?,
    })
}

fn timestamp(nanoseconds: u64, set: bool, now: bool) -> Result<Timespec, Errno> {
    match (set, now) {
        (true, true) => Err(Errno::INVAL),
        (true, false) => timespec(nanoseconds),
        (false, true) => Ok(Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW }),
        (false, false) => Ok(Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT }),
    }
}

/// Nanoseconds as the host counts time.
pub(super) fn timespec(nanoseconds: u64) -> Result<Timespec, Errno> {
    let seconds = nanoseconds / 1_000_000_000;
    Ok(Timespec {
        tv_sec: seconds.try_into().map_err(|_| Errno::OVERFLOW)?,
        tv_nsec: (nanoseconds % 1_000_000_000).try_into().map_err(|_| Errno::OVERFLOW)?,
    })
}

pub(super) fn fd_prestat_get(wasi: &mut Wasi, memory: &mut Memory, fd: u32, answer: u32) -> Answer {
    let name = wasi.table.get(fd)?.preopen.as_ref().ok_or(Errno::BADF)?;
    memory.write_u32(answer, 0)?;
    memory.write_size(answer.checked_add(4).ok_or(Errno::FAULT)?, name.len())
}

pub(super) fn fd_prestat_dir_name(
    wasi: &mut Wasi,
    memory: &mut Memory,
    fd: u32,
    address: u32,
    length: u32,
) -> Answer {
    let name = wasi.table.get(fd)?.preopen.as_ref().ok_or(Errno::BADF)?;
    if to_usize(length) < name.len() {
        return Err(Errno(37));
    }
    memory.write(address, super::guest_bytes(name))
}

/// The directory is read as a whole when reading starts at its beginning: what the guest adds and removes while it goes
/// through the list neither hides nor repeats the other names.
pub(super) fn fd_readdir(
    wasi: &mut Wasi,
    memory: &mut Memory,
    fd: u32,
    address: u32,
    length: u32,
    cookie: u64,
    used: u32,
) -> Answer {
    let descriptor = wasi.table.get_mut(fd)?;
    if cookie == 0 || descriptor.listing.is_none() {
        descriptor.listing = Some(list(rustix::fd::AsFd::as_fd(&descriptor.file))?);
    }
    let entries = descriptor.listing.as_deref().unwrap_or_default();
    let buffer = memory.span(address, length)?;
    let first = usize::try_from(cookie).map_err(|_| Errno::INVAL)?;
    let mut bytes = Vec::new();
    for (index, entry) in entries.iter().enumerate().skip(first) {
        if bytes.len() >= buffer.len() {
            break;
        }
        append_entry(&mut bytes, index, entry)?;
    }
    bytes.truncate(buffer.len());
    memory.write(address, &bytes)?;
    memory.write_size(used, bytes.len())
}

fn append_entry(bytes: &mut Vec<u8>, index: usize, entry: &Entry) -> Answer {
    let next = u64::try_from(index).map_err(|_| Errno::OVERFLOW)? + 1;
    let length = u32::try_from(entry.name.len()).map_err(|_| Errno::OVERFLOW)?;
    bytes.extend_from_slice(&next.to_le_bytes());
    bytes.extend_from_slice(&entry.inode.to_le_bytes());
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&[entry.filetype, 0, 0, 0]);
    bytes.extend_from_slice(&entry.name);
    Ok(())
}

fn list(directory: BorrowedFd<'_>) -> Result<Vec<Entry>, Errno> {
    let entry = |entry: rustix::fs::DirEntry| Entry {
        name: entry.file_name().to_bytes().to_vec(),
        inode: entry.ino(),
        filetype: filetype(entry.file_type()),
    };
    let entries = rustix::fs::Dir::read_from(directory)?;
    entries.map(|read| read.map(entry).map_err(Errno::from)).collect()
}

pub(super) fn filetype(host: FileType) -> u8 {
    match host {
        FileType::BlockDevice => 1,
        FileType::CharacterDevice => FILETYPE_CHARACTER,
        FileType::Directory => FILETYPE_DIRECTORY,
        FileType::RegularFile => 4,
        FileType::Socket => 6,
        FileType::Symlink => 7,
        // WASI has no pipes; libc knows them as "unknown".
        FileType::Fifo | FileType::Unknown => 0,
    }
}

#[allow(
    clippy::allow_attributes,
    clippy::cast_lossless,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    clippy::unnecessary_cast,
    reason = "the widths and signs of these fields differ from host to host; none holds more than 64 bits"
)]
pub(super) fn write_stat(memory: &mut Memory, answer: u32, stat: &Stat) -> Answer {
    let time = |seconds: i64, nanoseconds: u64| (seconds as u64).wrapping_mul(1_000_000_000) + nanoseconds;
    let mut bytes = [0; 64];
    let words = [
        (0, stat.st_dev as u64),
        (8, stat.st_ino as u64),
        (24, stat.st_nlink as u64),
        (32, stat.st_size as u64),
        (40, time(stat.st_atime as i64, stat.st_atime_nsec as u64)),
        (48, time(stat.st_mtime as i64, stat.st_mtime_nsec as u64)),
        (56, time(stat.st_ctime as i64, stat.st_ctime_nsec as u64)),
    ];
    for (offset, word) in words {
        bytes[offset..offset + 8].copy_from_slice(&word.to_le_bytes());
    }
    bytes[16] = filetype(FileType::from_raw_mode(stat.st_mode));
    memory.write(answer, &bytes)
}
