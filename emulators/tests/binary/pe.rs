//! PE: fields, both lists of imports, DOS programs, and damage.

use triplecheck_emulators::binary::{Binary, Pe, UnreadableBinary};

use crate::images::PeImage;
use crate::sources::read;
use crate::{check_damaged, check_every_truncation};

#[track_caller]
fn read_pe(bytes: &[u8]) -> Pe {
    match read(&bytes) {
        Ok(Binary::Pe(pe)) => pe,
        other => panic!("not a PE file: {other:?}"),
    }
}

#[test]
fn a_program_and_a_library_are_read_in_both_widths() {
    for (wide, machine) in [(true, 0x8664), (false, 0x14c), (true, 0xaa64)] {
        let mut image = PeImage::program(wide, machine);
        image.delay_imports = vec!["late.dll", "later.dll"];
        let mut expected = Pe {
            machine,
            subsystem: 3,
            linker: (0, 0),
            imports: vec!["KERNEL32.dll".into(), "msvcrt.dll".into()],
            delay_imports: vec!["late.dll".into(), "later.dll".into()],
            is_dll: false,
            complete: true,
        };
        assert_eq!(read_pe(&image.build()), expected);
        (image.dll, image.subsystem) = (true, 2);
        (expected.is_dll, expected.subsystem) = (true, 2);
        assert_eq!(read_pe(&image.build()), expected);
    }
}

#[test]
fn absolute_addresses_in_delay_load_descriptors_are_understood() {
    let image =
        PeImage { delay_imports: vec!["late.dll"], delay_absolute: true, ..PeImage::program(false, 0x14c) };
    let pe = read_pe(&image.build());
    assert_eq!((pe.delay_imports, pe.complete), (vec!["late.dll".to_owned()], true));
}

#[test]
fn a_program_without_imports_is_complete() {
    let pe = read_pe(&PeImage { imports: Vec::new(), ..PeImage::program(true, 0x8664) }.build());
    assert_eq!((pe.imports, pe.complete), (Vec::new(), true));
}

#[test]
fn every_truncation_is_refused() {
    for wide in [true, false] {
        let whole = PeImage::program(wide, 0x8664).build();
        check_every_truncation(&whole);
        check_damaged(&whole[..0x70], "PE", "of a file of 112 bytes");
        check_damaged(&whole[..whole.len() - 1], "PE", "a section");
    }
}

#[test]
fn an_mz_file_without_a_pe_header_is_a_dos_program() {
    let mut dos = PeImage::program(false, 0x14c).build();
    dos[PeImage::HEADER..PeImage::HEADER + 2].copy_from_slice(b"NE");
    // A DOS program's relocations may stand where a Windows program has the offset of its PE header.
    let mut old = vec![0xff; 0x100];
    old[..2].copy_from_slice(b"MZ");
    old[0x18..0x1a].copy_from_slice(&[0x1c, 0]);
    for bytes in [&dos[..], &old, b"MZ"] {
        assert!(matches!(read(&bytes), Err(UnreadableBinary::Dos)), "{:?}", read(&bytes));
    }
}

#[test]
fn impossible_headers_are_named() {
    let whole = PeImage::program(true, 0x8664).build();
    let patched = |at: usize, with: &[u8]| {
        let mut bytes = whole.clone();
        bytes[PeImage::HEADER + at..PeImage::HEADER + at + with.len()].copy_from_slice(with);
        bytes
    };
    check_damaged(&patched(24, &[0x07, 0x01]), "PE", "unknown kind");
    check_damaged(&patched(20, &[16, 0]), "PE", "optional header of 16 bytes");
    check_damaged(&patched(20, &[0xff, 0xff]), "PE", "table of 1 sections");
    check_damaged(&patched(6, &[0xff, 0xff]), "PE", "table of 65535 sections");
    // Windows takes any number of directories for sixteen.
    assert!(read_pe(&patched(24 + 108, &[0xff; 4])).complete);
}

#[test]
fn an_import_table_without_an_end_leaves_what_was_read() {
    let pe = read_pe(&PeImage { ended: false, ..PeImage::program(true, 0x8664) }.build());
    assert_eq!(pe.imports[..2], ["KERNEL32.dll", "msvcrt.dll"]);
    assert!(!pe.complete);
    // A table that points nowhere.
    let mut bytes = PeImage::program(true, 0x8664).build();
    let directories = PeImage::HEADER + 24 + 112;
    bytes[directories + 8..directories + 12].copy_from_slice(&[0, 0, 0, 0xf0]);
    let pe = read_pe(&bytes);
    assert_eq!((pe.imports, pe.machine, pe.complete), (Vec::new(), 0x8664, false));
}
