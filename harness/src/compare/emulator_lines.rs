//! The lines that emulators print into their guest's standard error, and what they say of the emulator.
//!
//! A line is the emulator's only if it starts as that emulator's own messages do; a guest that prints the
//! same words under another emulator keeps them.

use std::borrow::Cow;

use triplecheck_emulators::launch::Kind;

/// Sets the emulator's own lines apart: the guest's bytes, and how many lines were taken out.
pub(super) fn split(stderr: &[u8], emulator: Kind) -> (Cow<'_, [u8]>, u64) {
    let own = |line: &[u8]| is_own(line, emulator);
    let count = stderr.split_inclusive(|byte| *byte == b'\n').filter(|line| own(line)).count();
    if count == 0 {
        return (Cow::Borrowed(stderr), 0);
    }
    let kept = stderr.split_inclusive(|byte| *byte == b'\n').filter(|line| !own(line)).flatten().copied();
    (Cow::Owned(kept.collect()), count as u64)
}

/// Whether this line of standard error is the emulator's.
fn is_own(line: &[u8], emulator: Kind) -> bool {
    match emulator {
        Kind::QemuUser => line.starts_with(b"qemu: ") || is_qemu_name(line),
        Kind::Wine => line.starts_with(b"wine: ") || is_wine_channel(line),
        Kind::Wasi => line.starts_with(b"triplecheck: wasi: "),
        Kind::QemuSystem => {
            line.starts_with(b"qemu-system-") || line.starts_with(b"qemu: ") || is_board_remark(line)
        }
        Kind::Native | Kind::Remote | Kind::Custom => false,
    }
}

/// What QEMU's model of a board's timer says on every start (lm3s6965evb, QEMU 7.2).
fn is_board_remark(line: &[u8]) -> bool {
    line.trim_ascii_end() == b"Timer with period zero, disabling"
}

/// `qemu-aarch64: …`: the program's own name and a colon.
fn is_qemu_name(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"qemu-") else { return false };
    let name = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    let rest = rest[name..].strip_prefix(b"-static").unwrap_or(&rest[name..]);
    name > 0 && rest.starts_with(b": ")
}

/// `0024:err:module:import_dll …`: thread id in hex, class, channel.
fn is_wine_channel(line: &[u8]) -> bool {
    let mut parts = line.splitn(3, |byte| *byte == b':');
    let (Some(thread), Some(class)) = (parts.next(), parts.next()) else { return false };
    thread.len() >= 4
        && thread.iter().all(u8::is_ascii_hexdigit)
        && matches!(class, b"err" | b"fixme" | b"warn" | b"trace")
}

/// A failure of the emulator itself, told from its own lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// One sentence: what the emulator could not do.
    pub cause: &'static str,
    /// The line that says so.
    pub line: String,
}

/// What emulators say when they, and not their guests, have failed (QEMU 7.2–10.0, Wine 8.0).
const FAULTS: &[(Kind, &str, &str)] = &[
    (Kind::QemuUser, "QEMU internal SIG", "QEMU itself crashed"),
    (Kind::QemuUser, "unhandled CPU exception", "QEMU met an exception it cannot emulate"),
    (Kind::QemuUser, "Unsupported syscall", "QEMU lacks a system call that the program makes"),
    (Kind::QemuUser, "Could not open", "QEMU did not find the guest's loader"),
    (Kind::QemuUser, "Invalid ELF image", "QEMU refuses the program's format"),
    (Kind::QemuUser, "unable to find CPU model", "QEMU does not know the CPU model asked for"),
    (Kind::QemuUser, "Unable to reserve", "QEMU could not reserve the guest's address space"),
    (Kind::QemuUser, "TCG error", "QEMU's translator failed"),
    (Kind::QemuSystem, "ROM regions are overlapping", "the program lies where the board's firmware is"),
    (Kind::QemuSystem, "unable to find CPU model", "QEMU does not know the CPU model asked for"),
    (Kind::Wine, "could not load kernel32.dll", "the Wine prefix is damaged"),
    (Kind::Wine, "err:module:import_dll", "a DLL is missing under Wine"),
    (Kind::Wine, "unimplemented function", "Wine lacks a function that the program calls"),
    (Kind::Wine, "server protocol error", "Wine's server and Wine disagree"),
    (Kind::Wasi, "cannot run", "the WASI runtime refuses the module"),
];

/// The emulator's own failure, if its lines tell of one.
pub fn fault_of(stderr: &[u8], emulator: Kind) -> Option<Fault> {
    stderr.split(|byte| *byte == b'\n').filter(|line| is_own(line, emulator)).find_map(|line| {
        let line = String::from_utf8_lossy(line);
        FAULTS
            .iter()
            .find(|(kind, part, _)| *kind == emulator && line.contains(part))
            .map(|(_, _, cause)| Fault { cause, line: line.trim_end().to_owned() })
    })
}
