//! What bytes of a file say without a reader of their format: whether a text is among them, and whose ELF file it is.

use super::ElfIdentity;
use crate::target::Endian;

/// Whether `bytes` hold `text`. A loader is a third of a MiB and a hook waits for the answer, so only the places
/// of the first byte are compared; that is several times as quick as every window.
pub(super) fn holds(bytes: &[u8], text: &[u8]) -> bool {
    let Some(first) = text.first() else { return true };
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| byte == first) {
        if rest[at..].starts_with(text) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

/// Class, byte order and machine from the first 20 bytes of an ELF file.
pub(super) fn elf_identity(start: &[u8; 20]) -> Option<ElfIdentity> {
    if !start.starts_with(b"\x7fELF") {
        return None;
    }
    let bits = match start[4] {
        1 => 32,
        2 => 64,
        _ => return None,
    };
    let machine = [start[18], start[19]];
    match start[5] {
        1 => Some((bits, Endian::Little, u16::from_le_bytes(machine))),
        2 => Some((bits, Endian::Big, u16::from_be_bytes(machine))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_wherever_it_stands() {
        for (bytes, expected) in
            [("--argv0", true), ("x---argv0", true), ("--argv", false), ("", false), ("--argv--argv0x", true)]
        {
            assert_eq!(holds(bytes.as_bytes(), b"--argv0"), expected, "{bytes}");
        }
    }
}
