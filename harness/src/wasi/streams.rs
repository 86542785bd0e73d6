//! Reading and writing of open files: bytes go straight between the guest's memory and the host's descriptor.

use std::io::{IoSlice, IoSliceMut};

use rustix::fs::SeekFrom;
use rustix::io::retry_on_intr;

use super::errno::Errno;
use super::memory::{Memory, Span};
use super::run::Wasi;

/// The most that one read of several buffers takes through an intermediate buffer.
const GATHERED_BYTES_MAX: usize = 1 << 20;

type Answer = Result<(), Errno>;

pub(super) fn fd_write(
    wasi: &mut Wasi,
    memory: &mut Memory,
    fd: u32,
    buffers: u32,
    count: u32,
    written: u32,
) -> Answer {
    let file = wasi.table.fd(fd)?;
    let spans = memory.buffers(buffers, count)?;
    let slices: Vec<_> = spans.iter().map(|span| IoSlice::new(memory.bytes(*span))).collect();
    let length = retry_on_intr(|| rustix::io::writev(file, &slices))?;
    memory.write_size(written, length)
}

pub(super) fn fd_pwrite(
    wasi: &mut Wasi,
    memory: &mut Memory,
    fd: u32,
    buffers: u32,
    count: u32,
    offset: u64,
    written: u32,
) -> Answer {
    let file = wasi.table.fd(fd)?;
    let mut total = 0;
    for span in memory.buffers(buffers, count)? {
        let length = retry_on_intr(|| rustix::io::pwrite(file, memory.bytes(span), offset + total))?;
        total += u64::try_from(length).map_err(|_| Errno::OVERFLOW)?;
        if length < span.len() {
            break;
        }
    }
    memory.write_u32(written, u32::try_from(total).map_err(|_| Errno::OVERFLOW)?)
}

pub(super) fn fd_read(
    wasi: &mut Wasi,
    memory: &mut Memory,
    fd: u32,
    buffers: u32,
    count: u32,
    read: u32,
) -> Answer {
    let file = wasi.table.fd(fd)?;
    let length = fill(memory, buffers, count, |slice| {
        retry_on_intr(|| rustix::io::readv(file, &mut [IoSliceMut::new(slice)]))
    })?;
    memory.write_size(read, length)
}

pub(super) fn fd_pread(
    wasi: &mut Wasi,
    memory: &mut Memory,
    fd: u32,
    buffers: u32,
    count: u32,
    offset: u64,
    read: u32,
) -> Answer {
    let file = wasi.table.fd(fd)?;
    let length =
        fill(memory, buffers, count, |slice| retry_on_intr(|| rustix::io::pread(file, &mut *slice, offset)))?;
    memory.write_size(read, length)
}

/// One read of the host into all buffers. Several of them may overlap in the guest's memory, so they are filled from
/// an intermediate one; libc's own streams pass two, programs mostly one.
fn fill(
    memory: &mut Memory,
    buffers: u32,
    count: u32,
    read: impl FnOnce(&mut [u8]) -> rustix::io::Result<usize>,
) -> Result<usize, Errno> {
    let spans = memory.buffers(buffers, count)?;
    match spans[..] {
        [] => Ok(read(&mut [])?),
        [span] => Ok(read(memory.bytes_mut(span))?),
        _ => {
            let wanted: usize = spans.iter().map(|span| span.len()).sum();
            let mut gathered = vec![0; wanted.min(GATHERED_BYTES_MAX)];
            let length = read(&mut gathered)?;
            scatter(memory, &spans, &gathered[..length]);
            Ok(length)
        }
    }
}

fn scatter(memory: &mut Memory, spans: &[Span], mut bytes: &[u8]) {
    for span in spans {
        let (now, later) = bytes.split_at(span.len().min(bytes.len()));
        memory.bytes_mut(*span)[..now.len()].copy_from_slice(now);
        bytes = later;
    }
}

pub(super) fn fd_seek(
    wasi: &mut Wasi,
    memory: &mut Memory,
    fd: u32,
    offset: i64,
    whence: u32,
    position: u32,
) -> Answer {
    let target = match whence {
        0 => SeekFrom::Start(u64::try_from(offset).map_err(|_| Errno::INVAL)?),
        1 => SeekFrom::Current(offset),
        2 => SeekFrom::End(offset),
        _ => return Err(Errno::INVAL),
    };
    let reached = rustix::fs::seek(wasi.table.fd(fd)?, target)?;
    memory.write_u64(position, reached)
}

pub(super) fn fd_tell(wasi: &mut Wasi, memory: &mut Memory, fd: u32, position: u32) -> Answer {
    memory.write_u64(position, rustix::fs::tell(wasi.table.fd(fd)?)?)
}

pub(super) fn fd_sync(wasi: &mut Wasi, _: &mut Memory, fd: u32) -> Answer {
    Ok(wasi.table.file(fd)?.sync_all()?)
}

pub(super) fn fd_datasync(wasi: &mut Wasi, _: &mut Memory, fd: u32) -> Answer {
    Ok(wasi.table.file(fd)?.sync_data()?)
}

/// Advice changes nothing that a program can see, so only its arguments are checked.
pub(super) fn fd_advise(wasi: &mut Wasi, _: &mut Memory, fd: u32, _: u64, _: u64, advice: u32) -> Answer {
    wasi.table.get(fd)?;
    if advice > 5 { Err(Errno::INVAL) } else { Ok(()) }
}

pub(super) fn fd_allocate(wasi: &mut Wasi, _: &mut Memory, fd: u32, offset: u64, length: u64) -> Answer {
    let file = wasi.table.fd(fd)?;
    Ok(rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), offset, length)?)
}

pub(super) fn fd_filestat_set_size(wasi: &mut Wasi, _: &mut Memory, fd: u32, size: u64) -> Answer {
    Ok(rustix::fs::ftruncate(wasi.table.fd(fd)?, size)?)
}
