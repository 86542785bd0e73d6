//! Mach-O: programs of Apple's systems, thin or "fat" (several machines in one file).
//!
//! No emulator of ours runs them, so only the format is established, with enough of a look at the header to
//! tell a truncated program from a whole one and a fat program from a Java class, which has the same magic.

use object::Endianness;
use object::macho::{
    FAT_MAGIC, FAT_MAGIC_64, FatArch32, FatArch64, FatHeader, MH_MAGIC, MH_MAGIC_64, MachHeader32,
    MachHeader64,
};

use super::excerpt::Excerpt;
use super::{UnreadableBinary, damaged};

const FORMAT: &str = "Mach-O";
/// The first Java class version, 45, stands where a fat file has its number of machines.
const FAT_MACHINES_MAX: u32 = 44;

/// Whether a file that starts with these eight bytes is a Mach-O program.
pub(super) fn is_magic(start: &[u8]) -> bool {
    match first_word(start) {
        Some(FAT_MAGIC | FAT_MAGIC_64) => start
            .get(4..8)
            .and_then(first_word)
            .is_some_and(|machines| (1..=FAT_MACHINES_MAX).contains(&machines)),
        Some(word) => is_thin(word) || is_thin(word.swap_bytes()),
        None => false,
    }
}

/// Checks that the Mach-O file that `excerpt` starts with has a whole header.
pub(super) fn parse(excerpt: &Excerpt<'_>) -> Result<(), UnreadableBinary> {
    let start = excerpt.start(8);
    let header = match first_word(start) {
        Some(word @ (FAT_MAGIC | FAT_MAGIC_64)) => {
            let machines = start.get(4..8).and_then(first_word).unwrap_or_default();
            let entry_bytes =
                if word == FAT_MAGIC { size_of::<FatArch32>() } else { size_of::<FatArch64>() } as u64;
            size_of::<FatHeader>() as u64 + u64::from(machines) * entry_bytes
        }
        Some(word) if word == MH_MAGIC || word.swap_bytes() == MH_MAGIC => {
            size_of::<MachHeader32<Endianness>>() as u64
        }
        _ => size_of::<MachHeader64<Endianness>>() as u64,
    };
    excerpt.bytes(0, header).map(|_| ()).map_err(|missing| damaged(FORMAT, format!("header: {missing}")))
}

fn is_thin(word: u32) -> bool {
    word == MH_MAGIC || word == MH_MAGIC_64
}

fn first_word(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().copied().map(u32::from_be_bytes)
}
