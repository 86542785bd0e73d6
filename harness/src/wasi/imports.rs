//! The functions of WASI preview 1 under the names by which modules import them.

use wasmi::{Caller, Error, Extern, Linker};

use super::errno::Errno;
use super::memory::Memory;
use super::run::Wasi;
use super::{clocks, descriptors, paths, streams};

const MODULE: &str = "wasi_snapshot_preview1";

/// Binds functions that answer an error number, one line each: name, parameters as the specification has them, and
/// the function that does the work.
macro_rules! bind {
    ($linker:ident: $($name:ident($($parameter:ident: $kind:ty),*) = $work:path;)*) => { $(
        $linker.func_wrap(MODULE, stringify!($name), |mut caller: Caller<'_, Wasi>, $($parameter: $kind),*| {
            call(&mut caller, |wasi, memory| $work(wasi, memory, $($parameter),*))
        })?;
    )* };
}

/// A linker that knows every function of the specification.
pub(super) fn linker(engine: &wasmi::Engine) -> Result<Linker<Wasi>, Error> {
    let mut linker = Linker::new(engine);
    bind_process(&mut linker)?;
    bind_descriptors(&mut linker)?;
    bind_paths(&mut linker)?;
    Ok(linker)
}

fn bind_process(linker: &mut Linker<Wasi>) -> Result<(), Error> {
    linker.func_wrap(MODULE, "proc_exit", |_: Caller<'_, Wasi>, status: i32| -> Result<(), Error> {
        Err(Error::i32_exit(status))
    })?;
    bind!(linker:
        args_get(list: u32, bytes: u32) = args_get;
        args_sizes_get(count: u32, size: u32) = args_sizes_get;
        environ_get(list: u32, bytes: u32) = environ_get;
        environ_sizes_get(count: u32, size: u32) = environ_sizes_get;
        clock_res_get(clock: u32, answer: u32) = clocks::clock_res_get;
        clock_time_get(clock: u32, precision: u64, answer: u32) = clocks::clock_time_get;
        poll_oneoff(wanted: u32, events: u32, count: u32, answer: u32) = clocks::poll_oneoff;
        proc_raise(signal: u32) = proc_raise;
        random_get(address: u32, length: u32) = clocks::random_get;
        sched_yield() = clocks::sched_yield;
        sock_accept(fd: u32, flags: u32, answer: u32) = sock_accept;
        sock_recv(fd: u32, list: u32, count: u32, flags: u32, size: u32, answer: u32) = sock_recv;
        sock_send(fd: u32, list: u32, count: u32, flags: u32, size: u32) = sock_send;
        sock_shutdown(fd: u32, how: u32) = sock_shutdown;
    );
    Ok(())
}

fn bind_descriptors(linker: &mut Linker<Wasi>) -> Result<(), Error> {
    bind!(linker:
        fd_advise(fd: u32, offset: u64, length: u64, advice: u32) = streams::fd_advise;
        fd_allocate(fd: u32, offset: u64, length: u64) = streams::fd_allocate;
        fd_close(fd: u32) = descriptors::fd_close;
        fd_datasync(fd: u32) = streams::fd_datasync;
        fd_fdstat_get(fd: u32, answer: u32) = descriptors::fd_fdstat_get;
        fd_fdstat_set_flags(fd: u32, flags: u32) = descriptors::fd_fdstat_set_flags;
        fd_fdstat_set_rights(fd: u32, base: u64, inheriting: u64) = descriptors::fd_fdstat_set_rights;
        fd_filestat_get(fd: u32, answer: u32) = descriptors::fd_filestat_get;
        fd_filestat_set_size(fd: u32, size: u64) = streams::fd_filestat_set_size;
        fd_filestat_set_times(fd: u32, access: u64, modification: u64, flags: u32)
            = descriptors::fd_filestat_set_times;
        fd_pread(fd: u32, list: u32, count: u32, offset: u64, answer: u32) = streams::fd_pread;
        fd_prestat_get(fd: u32, answer: u32) = descriptors::fd_prestat_get;
        fd_prestat_dir_name(fd: u32, address: u32, length: u32) = descriptors::fd_prestat_dir_name;
        fd_pwrite(fd: u32, list: u32, count: u32, offset: u64, answer: u32) = streams::fd_pwrite;
        fd_read(fd: u32, list: u32, count: u32, answer: u32) = streams::fd_read;
        fd_readdir(fd: u32, address: u32, length: u32, cookie: u64, used: u32) = descriptors::fd_readdir;
        fd_renumber(from: u32, to: u32) = descriptors::fd_renumber;
        fd_seek(fd: u32, offset: i64, whence: u32, answer: u32) = streams::fd_seek;
        fd_sync(fd: u32) = streams::fd_sync;
        fd_tell(fd: u32, answer: u32) = streams::fd_tell;
        fd_write(fd: u32, list: u32, count: u32, answer: u32) = streams::fd_write;
    );
    Ok(())
}

fn bind_paths(linker: &mut Linker<Wasi>) -> Result<(), Error> {
    bind!(linker:
        path_create_directory(fd: u32, path: u32, length: u32) = paths::path_create_directory;
        path_filestat_get(fd: u32, lookup: u32, path: u32, length: u32, answer: u32) = paths::path_filestat_get;
        path_filestat_set_times(
            fd: u32, lookup: u32, path: u32, length: u32, access: u64, modification: u64, flags: u32
        ) = paths::path_filestat_set_times;
        path_link(
            old_fd: u32, lookup: u32, old: u32, old_length: u32, new_fd: u32, new: u32, new_length: u32
        ) = paths::path_link;
        path_open(
            fd: u32, lookup: u32, path: u32, length: u32, open: u32, rights: u64, inheriting: u64, flags: u32,
            answer: u32
        ) = paths::path_open;
        path_readlink(fd: u32, path: u32, length: u32, address: u32, size: u32, used: u32) = paths::path_readlink;
        path_remove_directory(fd: u32, path: u32, length: u32) = paths::path_remove_directory;
        path_rename(old_fd: u32, old: u32, old_length: u32, new_fd: u32, new: u32, new_length: u32)
            = paths::path_rename;
        path_symlink(target: u32, target_length: u32, fd: u32, path: u32, length: u32) = paths::path_symlink;
        path_unlink_file(fd: u32, path: u32, length: u32) = paths::path_unlink_file;
    );
    Ok(())
}

/// Gives a function the guest's memory and answers its error number.
fn call(
    caller: &mut Caller<'_, Wasi>,
    work: impl FnOnce(&mut Wasi, &mut Memory) -> Result<(), Errno>,
) -> Result<u32, Error> {
    let memory = caller.get_export("memory").and_then(Extern::into_memory);
    let Some(memory) = memory else { return Err(Error::new("the module exports no memory")) };
    let (bytes, wasi) = memory.data_and_store_mut(caller);
    Ok(work(wasi, &mut Memory(bytes)).map_or_else(|error| u32::from(error.0), |()| 0))
}

type Answer = Result<(), Errno>;

fn args_get(wasi: &mut Wasi, memory: &mut Memory, list: u32, bytes: u32) -> Answer {
    write_strings(memory, &wasi.arguments, list, bytes)
}

fn args_sizes_get(wasi: &mut Wasi, memory: &mut Memory, count: u32, size: u32) -> Answer {
    write_sizes(memory, &wasi.arguments, count, size)
}

fn environ_get(wasi: &mut Wasi, memory: &mut Memory, list: u32, bytes: u32) -> Answer {
    write_strings(memory, &wasi.environment, list, bytes)
}

fn environ_sizes_get(wasi: &mut Wasi, memory: &mut Memory, count: u32, size: u32) -> Answer {
    write_sizes(memory, &wasi.environment, count, size)
}

/// Strings one behind the other, each ended by a zero, and a list of their addresses.
fn write_strings(memory: &mut Memory, strings: &[Vec<u8>], list: u32, bytes: u32) -> Answer {
    let mut entry = list;
    let mut next = bytes;
    for string in strings {
        memory.write_u32(entry, next)?;
        memory.write(next, string)?;
        let length = u32::try_from(string.len()).map_err(|_| Errno::OVERFLOW)?;
        let end = next.checked_add(length).ok_or(Errno::FAULT)?;
        memory.write(end, &[0])?;
        next = end.checked_add(1).ok_or(Errno::FAULT)?;
        entry = entry.checked_add(4).ok_or(Errno::FAULT)?;
    }
    Ok(())
}

fn write_sizes(memory: &mut Memory, strings: &[Vec<u8>], count: u32, size: u32) -> Answer {
    memory.write_size(count, strings.len())?;
    memory.write_size(size, strings.iter().map(|string| string.len() + 1).sum())
}

/// There are no signals in WASI; libc's emulation of them does not come here.
fn proc_raise(_: &mut Wasi, _: &mut Memory, _: u32) -> Answer {
    Err(Errno::NOSYS)
}

/// Preview 1 has no way to make a socket, and none is given to the guest.
fn not_a_socket(wasi: &Wasi, fd: u32) -> Answer {
    wasi.table.get(fd)?;
    Err(Errno::NOTSOCK)
}

fn sock_accept(wasi: &mut Wasi, _: &mut Memory, fd: u32, _: u32, _: u32) -> Answer {
    not_a_socket(wasi, fd)
}

#[expect(clippy::too_many_arguments, reason = "the signature is the specification's")]
fn sock_recv(wasi: &mut Wasi, _: &mut Memory, fd: u32, _: u32, _: u32, _: u32, _: u32, _: u32) -> Answer {
    not_a_socket(wasi, fd)
}

fn sock_send(wasi: &mut Wasi, _: &mut Memory, fd: u32, _: u32, _: u32, _: u32, _: u32) -> Answer {
    not_a_socket(wasi, fd)
}

fn sock_shutdown(wasi: &mut Wasi, _: &mut Memory, fd: u32, _: u32) -> Answer {
    not_a_socket(wasi, fd)
}
