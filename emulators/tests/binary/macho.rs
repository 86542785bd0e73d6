//! Mach-O: thin and fat, and what only looks like it.

use triplecheck_emulators::binary::{Binary, UnreadableBinary};

use crate::check_damaged;
use crate::sources::read;

fn padded(start: &[u8], len: usize) -> Vec<u8> {
    let mut bytes = start.to_vec();
    bytes.resize(len, 0);
    bytes
}

#[test]
fn thin_programs_of_both_widths_and_byte_orders_are_known() {
    for (magic, header) in [
        ([0xfe, 0xed, 0xfa, 0xce], 28),
        ([0xce, 0xfa, 0xed, 0xfe], 28),
        ([0xfe, 0xed, 0xfa, 0xcf], 32),
        ([0xcf, 0xfa, 0xed, 0xfe], 32),
    ] {
        assert!(matches!(read(&padded(&magic, header).as_slice()), Ok(Binary::MachO)), "{magic:x?}");
        check_damaged(&padded(&magic, header - 1), "Mach-O", "header");
        check_damaged(&magic, "Mach-O", "header");
    }
}

#[test]
fn a_fat_program_is_told_from_a_java_class() {
    let fat = padded(&[0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 2], 8 + 2 * 20);
    assert!(matches!(read(&fat.as_slice()), Ok(Binary::MachO)));
    check_damaged(&fat[..fat.len() - 1], "Mach-O", "header");
    let fat_64 = padded(&[0xca, 0xfe, 0xba, 0xbf, 0, 0, 0, 2], 8 + 2 * 32);
    assert!(matches!(read(&fat_64.as_slice()), Ok(Binary::MachO)));
    // Minor and major version of a class: 45.3 of Java 1.1, 52.0 of Java 8, 65.0 of Java 21.
    for version in [[0, 3, 0, 45], [0, 0, 0, 52], [0, 0, 0, 65], [0, 0, 0, 0]] {
        let class = padded(&[&[0xca, 0xfe, 0xba, 0xbe], &version[..]].concat(), 2000);
        assert!(matches!(read(&class.as_slice()), Err(UnreadableBinary::Unknown)), "{version:?}");
    }
}
