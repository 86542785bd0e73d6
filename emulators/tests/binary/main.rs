//! What is read from a program's header, on programs made in memory and on the files of the host.
//!
//! Every read here goes through [`sources::read`], which also checks that the budget is kept.

mod elf;
mod files;
mod hostile;
mod images;
mod macho;
mod pe;
mod script;
mod sources;
mod wasm;

use triplecheck_emulators::binary::{Binary, UnreadableBinary};

/// Asserts that `bytes` are damaged in the way that `detail` says.
#[track_caller]
fn check_damaged(bytes: &[u8], format: &str, detail: &str) {
    match sources::read(&bytes) {
        Err(UnreadableBinary::Damaged { format: said, detail: why }) => {
            assert_eq!(said, format);
            assert!(why.contains(detail), "`{why}` does not mention `{detail}`");
        }
        other => panic!("not damaged: {other:?}"),
    }
}

/// Asserts that no proper prefix of `bytes` passes for a program.
#[track_caller]
fn check_every_truncation(bytes: &[u8]) {
    for len in 0..bytes.len() {
        let answer = sources::read(&&bytes[..len]);
        assert!(answer.is_err(), "{len} of {} bytes were taken for {answer:?}", bytes.len());
    }
}

#[test]
fn an_empty_file_is_said_to_be_empty() {
    assert!(matches!(sources::read(&&[][..]), Err(UnreadableBinary::Empty)));
}

#[test]
fn text_and_other_data_are_no_program() {
    for bytes in
        [&b"hello"[..], b"#", b"#\n!", b"M", b"\x7fEL", b"\0as", b"!<arch>\n", b"PK\x03\x04", &[0; 64]]
    {
        assert!(matches!(sources::read(&bytes), Err(UnreadableBinary::Unknown)), "{bytes:?}");
    }
}

#[test]
fn a_failing_disk_is_told_apart_from_a_damaged_file() {
    let whole = images::ElfImage::program(64, triplecheck_emulators::target::Endian::Little, 62).build();
    for len in [0, 4, 64, whole.len() - 1] {
        let source = sources::Failing { start: whole[..len].to_vec(), size: whole.len() as u64 };
        match Binary::read_from(&source) {
            Err(UnreadableBinary::Io(error)) => assert_eq!(error.to_string(), "bad sector"),
            other => panic!("with {len} good bytes: {other:?}"),
        }
    }
}
