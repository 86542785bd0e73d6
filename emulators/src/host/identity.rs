//! Who the host is and whose its user is: the kernel's machine, the triple of its own programs, a home.

use std::path::{Path, PathBuf};

use super::{Host as _, LocalHost};
use crate::binary::Binary;
use crate::machine::Machine;
use crate::target::Endian;

/// The home directory in `passwd(5)` of the user with this id.
pub(super) fn home_of(users: &str, id: u32) -> Option<PathBuf> {
    let rows = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let id = id.to_string();
    let home = rows.into_iter().find_map(|row| match row[..] {
        [_, _, uid, _, _, home, ..] if uid == id => Some(PathBuf::from(home)),
        _ => None,
    })?;
    home.is_absolute().then_some(home)
}

/// The machine of the running kernel, which may be wider than the one this program was compiled for.
pub(super) fn kernel_machine() -> &'static Machine {
    let name = rustix::system::uname();
    let endian = if cfg!(target_endian = "big") { Endian::Big } else { Endian::Little };
    let name = name.machine().to_string_lossy();
    Machine::of_uname(&name, endian)
        .or_else(|| Machine::named(std::env::consts::ARCH))
        .expect("every machine that this program can be compiled for is in the table")
}

/// The triple of the host's own programs, as its shell's header tells: a 64-bit kernel may carry a 32-bit system,
/// and a loader of glibc may stand on a system of musl.
pub(super) fn own_triple(host: &LocalHost) -> String {
    let shell = Binary::read(Path::new("/bin/sh")).ok();
    if let Some(target) = shell.as_ref().filter(|_| host.os() == "linux").and_then(crate::lookup::target_of) {
        return target.triple().to_owned();
    }
    let arch = match host.machine().name {
        "x86_32" => "i686",
        other => other,
    };
    match host.os() {
        "macos" => format!("{arch}-apple-darwin"),
        "linux" => format!("{arch}-unknown-linux-gnu"),
        os => format!("{arch}-unknown-{os}"),
    }
}
