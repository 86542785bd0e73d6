//! The lines that emulators print into their guest's standard error.
//!
//! A line is the emulator's only if it starts as that emulator's own messages do; a guest that prints the
//! same words under another emulator keeps them.

use std::borrow::Cow;

use triplecheck_emulators::launch::Kind;

/// Sets the emulator's own lines apart: the guest's bytes, and how many lines were taken out.
pub fn split(stderr: &[u8], emulator: Kind) -> (Cow<'_, [u8]>, u64) {
    let own = |line: &[u8]| is_own(line, emulator);
    let count = stderr.split_inclusive(|byte| *byte == b'\n').filter(|line| own(line)).count();
    if count == 0 {
        return (Cow::Borrowed(stderr), 0);
    }
    let kept = stderr.split_inclusive(|byte| *byte == b'\n').filter(|line| !own(line)).flatten().copied();
    (Cow::Owned(kept.collect()), count as u64)
}

/// The emulator's own lines, as text.
pub(super) fn own(stderr: &[u8], emulator: Kind) -> impl Iterator<Item = Cow<'_, str>> {
    let lines = stderr.split(|byte| *byte == b'\n');
    lines
        .filter(move |line| is_own(line, emulator))
        .map(|line| String::from_utf8_lossy(line.trim_ascii_end()))
}

/// Whether this line of standard error is the emulator's.
fn is_own(line: &[u8], emulator: Kind) -> bool {
    let starts = |start: &str| line.starts_with(start.as_bytes());
    match emulator {
        Kind::QemuUser => starts("qemu: ") || is_qemu_name(line) || is_assertion(line),
        Kind::Wine => {
            starts("wine: ")
                || starts("wineserver: ")
                || starts("wine client error:")
                || is_wine_channel(line)
        }
        Kind::Wasi => starts("triplecheck-wasi: "),
        Kind::Vm => starts(crate::vm::VOICE),
        Kind::QemuSystem => {
            starts("qemu-system-") || starts("qemu: ") || is_board_remark(line) || is_assertion(line)
        }
        Kind::Native | Kind::Remote | Kind::Custom => false,
    }
}

/// What QEMU's model of a board's timer says on every start (lm3s6965evb, QEMU 7.2).
fn is_board_remark(line: &[u8]) -> bool {
    line.trim_ascii_end() == b"Timer with period zero, disabling"
}

/// `qemu-aarch64: …`: the program's own name and a colon. Asserted in C's own way: `qemu-ppc64: ../FILE:LINE: …`.
fn is_qemu_name(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"qemu-") else { return false };
    let name = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    let rest = rest[name..].strip_prefix(b"-static").unwrap_or(&rest[name..]);
    name > 0 && rest.starts_with(b": ")
}

/// A failed assertion in the way of `GLib`, in QEMU's sources, whose paths begin so in every build of it:
/// `ERROR:../tcg/tcg.c:3135:…`, and the line after it.
fn is_assertion(line: &[u8]) -> bool {
    ["ERROR:../", "Bail out! ERROR:../"].iter().any(|start| line.starts_with(start.as_bytes()))
}

/// `0024:err:module:import_dll …`: thread id in hex, class, channel.
fn is_wine_channel(line: &[u8]) -> bool {
    let mut parts = line.splitn(3, |byte| *byte == b':');
    let (Some(thread), Some(class)) = (parts.next(), parts.next()) else { return false };
    thread.len() >= 4
        && thread.iter().all(u8::is_ascii_hexdigit)
        && matches!(class, b"err" | b"fixme" | b"warn" | b"trace")
}
