//! ELF: fields, lists, what counts as executable, and damage.

use triplecheck_emulators::binary::{Binary, Elf};
use triplecheck_emulators::target::Endian;

use crate::images::ElfImage;
use crate::sources::{Counted, Endless, read};
use crate::{check_damaged, check_every_truncation};

const FORMS: [(u8, Endian); 4] =
    [(32, Endian::Little), (32, Endian::Big), (64, Endian::Little), (64, Endian::Big)];

fn little() -> ElfImage {
    ElfImage::program(64, Endian::Little, 183)
}

#[track_caller]
fn read_elf(bytes: &[u8]) -> Elf {
    match read(&bytes) {
        Ok(Binary::Elf(elf)) => elf,
        other => panic!("not an ELF file: {other:?}"),
    }
}

/// Overwrites the bytes at `at`.
fn patched(image: &ElfImage, at: usize, with: &[u8]) -> Vec<u8> {
    let mut bytes = image.build();
    bytes[at..at + with.len()].copy_from_slice(with);
    bytes
}

#[test]
fn a_dynamic_program_is_read_in_both_classes_and_byte_orders() {
    for (bits, endian) in FORMS {
        let mut image = ElfImage::program(bits, endian, 0x9026);
        image.flags = 0x7000_0123;
        let expected = Elf {
            bits,
            endian,
            machine: 0x9026,
            flags: 0x7000_0123,
            load_address: Some(0x1_0000),
            interpreter: Some("/lib/ld-test.so.1".into()),
            needed: vec!["libm.so.6".into(), "libc.so.6".into()],
            runpath: Vec::new(),
            executable: true,
            complete: true,
        };
        assert_eq!(read_elf(&image.build()), expected);
    }
}

#[test]
fn a_static_program_has_neither_loader_nor_libraries_and_is_complete() {
    let image = ElfImage { interpreter: None, dynamic: None, ..little() };
    let elf = read_elf(&image.build());
    assert_eq!((elf.interpreter, elf.needed.len(), elf.executable, elf.complete), (None, 0, true, true));
}

#[test]
fn the_run_path_is_split_and_not_expanded() {
    let check = |dynamic: &[(u64, &str)], expected: &[&str]| {
        let dynamic = dynamic.iter().map(|(tag, text)| (*tag, (*text).to_owned())).collect();
        let elf = read_elf(&ElfImage { dynamic: Some(dynamic), ..little() }.build());
        assert_eq!(
            (elf.runpath.iter().map(String::as_str).collect::<Vec<_>>().as_slice(), elf.complete),
            (expected, true)
        );
    };
    check(&[(29, "$ORIGIN/lib:/opt/x")], &["$ORIGIN/lib", "/opt/x"]);
    check(&[(15, "/r1:/r2")], &["/r1", "/r2"]);
    // The loader ignores DT_RPATH where there is a DT_RUNPATH, whichever comes first.
    check(&[(15, "/old"), (29, "/new")], &["/new"]);
    check(&[(29, "/new"), (15, "/old")], &["/new"]);
    check(&[(29, "")], &[]);
    check(&[(29, "/a::/b")], &["/a", "", "/b"]);
}

#[test]
fn only_what_could_be_started_is_executable() {
    let check = |kind, entry, interpreter, expected| {
        let elf = read_elf(&ElfImage { kind, entry, interpreter, ..little() }.build());
        assert_eq!(elf.executable, expected, "kind {kind}, entry {entry}, interpreter {interpreter:?}");
    };
    check(2, 0, None, true);
    check(3, 0x40, Some("/lib/ld.so"), true); // position-independent program
    check(3, 0x40, None, true); // static-pie, or the loader itself
    check(3, 0, Some("/lib/ld.so"), true); // libc.so.6 names its loader
    check(3, 0, None, false); // shared library
    check(1, 0x40, None, false); // object
    check(4, 0x40, None, false); // core
}

#[test]
fn the_program_headers_of_a_core_are_not_needed() {
    // A core of many mappings: PN_XNUM headers, of which none is in this file.
    let bytes = patched(&ElfImage { kind: 4, ..little() }, 56, &[0xff, 0xff]);
    assert!(!read_elf(&bytes).executable);
}

#[test]
fn every_truncation_is_refused() {
    for (bits, endian) in FORMS {
        check_every_truncation(&ElfImage::program(bits, endian, 62).build());
    }
}

#[test]
fn impossible_headers_are_named() {
    check_damaged(&patched(&little(), 4, &[3]), "ELF", "class 3");
    check_damaged(&patched(&little(), 5, &[0]), "ELF", "byte order 0");
    check_damaged(&patched(&little(), 6, &[0]), "ELF", "version 0");
    check_damaged(&patched(&little(), 54, &[57]), "ELF", "57 bytes, not 56");
    check_damaged(&patched(&little(), 56, &[0, 0]), "ELF", "no program headers");
    check_damaged(&patched(&little(), 56, &[0xff, 0xff]), "ELF", "65535 program headers");
    check_damaged(&patched(&little(), 32, &[0xff; 8]), "ELF", "3 program headers");
    // The first segment's offset, and its size in the file.
    check_damaged(&patched(&little(), 64 + 8, &[0xff; 8]), "ELF", "a segment");
    check_damaged(&patched(&little(), 64 + 32, &[0, 0, 0, 0, 0, 0, 0, 0x80]), "ELF", "a segment");
}

#[test]
fn a_table_that_lies_in_the_file_but_not_in_the_budget_is_refused() {
    let start = patched(&little(), 56, &[0xff, 0xff]);
    match read(&Endless { start, filler: 0, size: u64::MAX }) {
        Err(error) => assert!(error.to_string().contains("65535 program headers"), "{error}"),
        Ok(binary) => panic!("{binary:?}"),
    }
}

#[test]
fn an_interpreter_that_the_kernel_would_refuse_is_damage() {
    // The second program header: offset at 8, size at 32.
    let interpreter = 64 + 56;
    check_damaged(&patched(&little(), interpreter + 32, &[0]), "ELF", "path of 0 bytes");
    check_damaged(&patched(&little(), interpreter + 32, &[17]), "ELF", "has no end");
    check_damaged(&patched(&little(), interpreter + 8, &[0xff; 8]), "ELF", "interpreter's path");
    check_damaged(&patched(&little(), interpreter + 33, &[0x11]), "ELF", "interpreter's path of 43");
}

#[test]
fn damaged_lists_leave_the_rest_of_the_answer() {
    let check = |bytes: &[u8], needed: &[&str]| {
        let elf = read_elf(bytes);
        assert_eq!(elf.needed, needed);
        assert!(!elf.complete);
        assert_eq!((elf.machine, elf.interpreter.as_deref()), (183, Some("/lib/ld-test.so.1")));
    };
    let dynamic = 64 + 2 * 56;
    check(&patched(&little(), dynamic + 8, &[0xff; 8]), &[]);
    check(&ElfImage { ended: false, ..little() }.build(), &["libm.so.6", "libc.so.6"]);
    // The string table ends within the second name.
    check(&ElfImage { strings_len: Some(12), ..little() }.build(), &["libm.so.6"]);
    // One name that never ends.
    let image = ElfImage { dynamic: Some(vec![(1, "x".repeat(5000))]), ..little() };
    check(&image.build(), &[]);
}

#[test]
fn a_thousand_entries_that_share_one_name_do_not_multiply_it() {
    let mut image = little();
    image.dynamic = Some((0..1000).map(|_| (1, String::new())).collect());
    image.strings_len = Some(u64::MAX);
    let mut bytes = image.build();
    // All strings are empty, so the table is a run of NULs: make it one long string, named a thousand times.
    let strings = 64 + 3 * 56 + "/lib/ld-test.so.1\0".len();
    bytes[strings..strings + 1000].fill(b'x');
    let elf = read_elf(&bytes);
    assert!(!elf.complete);
    let held: usize = elf.needed.iter().map(String::len).sum();
    assert!(held <= 64 * 1024, "{held} bytes of names are held");
    assert!(!elf.needed.is_empty());
}

#[test]
fn of_a_large_string_table_only_the_names_are_read() {
    let image = ElfImage {
        dynamic: Some(vec![(1, "libfirst.so".into()), (7, "x".repeat(60_000)), (1, "libsecond.so".into())]),
        ..little()
    };
    let bytes = image.build();
    let source = bytes.as_slice();
    let counted = Counted::new(&source);
    let Ok(Binary::Elf(elf)) = Binary::read_from(&counted) else { panic!("not read") };
    assert_eq!((elf.needed, elf.complete), (vec!["libfirst.so".into(), "libsecond.so".into()], true));
    assert!(counted.bytes.get() < 8 * 1024, "{} bytes", counted.bytes.get());
}
