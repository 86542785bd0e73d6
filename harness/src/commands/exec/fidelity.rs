//! What would make a guest differ from a native run although its emulator is sound: refused here, or settled before the
//! start.

use std::ffi::OsString;
use std::path::Path;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use triplecheck_emulators::launch::{Guest, Kind, Launch};
use triplecheck_emulators::machine::Machine;

use super::{Refusal, refuse};
use crate::error::Error;

/// The longest command line of Windows, in UTF-16 units (`CreateProcessW`). Wine 8 ends with status 1 and no word beyond.
const WINDOWS_COMMAND_MAX: usize = 32_767;

/// The address space without which an emulator cannot even begin.
struct Needs {
    kind: Kind,
    /// The guest's, where it makes a difference.
    bits: Option<u8>,
    bytes: u64,
}

/// Measured with QEMU 7.2, Wine 8.0 and node 20: with less, no program started; a little above, it is a matter of chance.
const ADDRESS_SPACE: &[Needs] = &[
    // All that the guest can address is reserved for it.
    Needs { kind: Kind::QemuUser, bits: Some(32), bytes: 1 << 32 },
    // The buffer of translated code alone takes 128 MiB.
    Needs { kind: Kind::QemuUser, bits: None, bytes: 192 << 20 },
    Needs { kind: Kind::Wine, bits: None, bytes: 1536 << 20 },
    // node reserves all that a module can address and as much again, so as not to check each access.
    Needs { kind: Kind::Wasi, bits: None, bytes: 11_000 << 20 },
];

/// Refuses what the emulator would get wrong in silence.
pub(super) fn check(launch: &Launch, machine: Option<&Machine>, guest: &Guest<'_>) -> Result<(), Refusal> {
    let Guest { program, args, .. } = *guest;
    check_address_space(launch, machine, program)?;
    if let Some(word) = launch.unspeakable(guest) {
        let text = format!("cannot run `{}`: `{}` cannot be passed to it", program.display(), word.display());
        let hint = "the emulator has no way to quote a word that holds both kinds of quotes";
        return Err(refuse(126, Error::world(text).hint(hint)));
    }
    if launch.emulator.kind != Kind::Wine {
        return Ok(());
    }
    if let Some(odd) = args.iter().find(|arg| arg.to_str().is_none()) {
        let text = format!(
            "cannot run `{}`: the argument `{}` is not UTF-8, and Windows programs are given Unicode",
            program.display(),
            odd.display()
        );
        return Err(refuse(126, Error::user(text)));
    }
    let units: usize = std::iter::once(program.as_os_str())
        .chain(args.iter().map(OsString::as_os_str))
        .map(|word| windows_units(&word.to_string_lossy()))
        .sum();
    if units > WINDOWS_COMMAND_MAX {
        let text = format!(
            "cannot run `{}`: its command line has {units} characters, and Windows takes {WINDOWS_COMMAND_MAX}",
            program.display()
        );
        return Err(refuse(126, Error::user(text).hint("pass the arguments in a response file")));
    }
    Ok(())
}

/// Refuses where a limit of the address space (`ulimit -v`) is too small for the emulator itself.
fn check_address_space(launch: &Launch, machine: Option<&Machine>, program: &Path) -> Result<(), Refusal> {
    let kind = launch.emulator.kind;
    if kind == Kind::Wasi && launch.preparation.is_none() {
        // The built-in runtime, which reserves nothing. node is prepared.
        return Ok(());
    }
    let Some(limit) = getrlimit(Resource::As).current else { return Ok(()) };
    let bits = machine.map(|machine| machine.bits);
    let needed =
        ADDRESS_SPACE.iter().find(|needs| needs.kind == kind && needs.bits.is_none_or(|of| Some(of) == bits));
    let Some(needed) = needed.filter(|needed| limit < needed.bytes) else { return Ok(()) };
    let text = format!(
        "cannot run `{}`: the limit of the address space (`ulimit -v`) is {} MiB, and {kind} needs about {} MiB",
        program.display(),
        limit >> 20,
        needed.bytes >> 20,
    );
    Err(refuse(126, Error::world(text).hint("raise it, or limit memory by another means, such as a cgroup")))
}

/// What a word takes of a Windows command line: itself, a blank, and where it needs them the quotes around it and a
/// backslash before each quote inside.
fn windows_units(word: &str) -> usize {
    let own: usize = word.chars().map(|c| c.len_utf16() + usize::from(c == '"')).sum();
    let quotes = if word.is_empty() || word.contains([' ', '\t', '"', '\n']) { 2 } else { 0 };
    own + quotes + 1
}

/// Changes in this process, for the guest to inherit, what must not be as it is.
pub(super) fn settle(kind: Kind) {
    if kind != Kind::QemuUser {
        return;
    }
    // For each crash QEMU leaves two files in the guest's directory, its own core among them with hundreds of megabytes,
    // where a native crash leaves one of the guest's size.
    let core = getrlimit(Resource::Core);
    if core.current != Some(0) {
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: core.maximum });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_a_windows_command_line_is_counted_as_windows_does() {
        assert_eq!(windows_units("abc"), 4);
        assert_eq!(windows_units(""), 3);
        assert_eq!(windows_units("a b"), 6);
        assert_eq!(windows_units("a\"b"), 7);
        assert_eq!(windows_units("😀"), 3);
    }
}
