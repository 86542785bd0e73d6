//! Bytes that nobody would write by mistake: whatever they say, the answer comes, and within the budget.

use std::path::Path;
use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::RngSeed;
use triplecheck_emulators::binary::Binary;
use triplecheck_emulators::host::TableHost;
use triplecheck_emulators::lookup::{Decision, Options, lookup_binary};
use triplecheck_emulators::machine::Machine;
use triplecheck_emulators::target::Endian;

use crate::images::{ElfImage, PeImage, wasm_list, wasm_module};
use crate::sources::{Endless, read};

/// Every magic number, with the parts of a header that lead on to the rest of it.
const STARTS: [&[u8]; 12] = [
    b"",
    b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x02\0",
    b"\x7fELF\x01\x02\x01\0\0\0\0\0\0\0\0\0\0\x02",
    b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0",
    b"\x7fELF\x02\x02\x01\0\0\0\0\0\0\0\0\0\0\x03",
    b"MZ",
    b"\0asm\x01\0\0\0",
    b"\0asm\x0d\0\x01\0",
    b"#!",
    b"\xca\xfe\xba\xbe\0\0\0",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
];

fn images() -> Vec<Vec<u8>> {
    let mut images = Vec::new();
    for bits in [32, 64] {
        for endian in [Endian::Little, Endian::Big] {
            let mut image = ElfImage::program(bits, endian, 62);
            image.dynamic = Some(vec![(1, "libc.so.6".into()), (29, "$ORIGIN/lib:/opt/x".into())]);
            images.push(image.build());
        }
    }
    for wide in [false, true] {
        let image = PeImage { delay_imports: vec!["late.dll"], ..PeImage::program(wide, 0x8664) };
        images.push(image.build());
    }
    let imports = wasm_list(&[(&["env", "memory"], &[2, 1, 1, 2]), (&["env", "tag"], &[4, 0, 0])]);
    let exports = wasm_list(&[(&["memory"], &[2, 0]), (&["_start"], &[0, 0])]);
    images.push(wasm_module(&[(2, imports), (13, vec![1, 0, 0]), (7, exports), (10, vec![0])]));
    images.push(b"#! /usr/bin/env  triplecheck exec \n".to_vec());
    images.push([&[0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 1][..], &[0; 20]].concat());
    images
}

/// Numbers on which sums overflow, loops run long and signs turn, as bytes to put anywhere.
fn numbers() -> impl Strategy<Value = Vec<u8>> {
    let edges: Vec<u64> =
        vec![0, 1, 0x7f, 0xff, 0xffff, 0x7fff_ffff, 0xffff_ffff, 1 << 32, 1 << 63, u64::MAX - 7, u64::MAX];
    (prop_oneof![select(edges), any::<u64>(), 0..0x1000_u64], select(vec![1_usize, 2, 4, 8]), any::<bool>())
        .prop_map(|(value, len, big)| {
            if big { value.to_be_bytes()[8 - len..].to_vec() } else { value.to_le_bytes()[..len].to_vec() }
        })
}

/// How far the headers, names and dynamic sections of usual programs reach.
const HEADERS_BYTES: usize = 4096;

/// Programs of every Unix system, as they stand on this machine.
static REAL: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let files = ["/bin/sh", "/usr/bin/env"].iter().filter_map(|path| std::fs::read(path).ok());
    files.chain(images()).collect()
});

/// A host that has everything a decision may ask for, in name.
static HOST: LazyLock<TableHost> = LazyLock::new(|| {
    let machine = Machine::named("x86_64").expect("x86_64 is in the table");
    let host = TableHost::new("x86_64-unknown-linux-gnu", "linux", machine)
        .with_builtin_wasi(&["/usr/bin/triplecheck", "__wasi"])
        .program("/usr/lib/wine/wine64");
    Machine::all()
        .filter_map(|machine| machine.qemu_user)
        .fold(host, |host, name| host.static_program(&format!("/usr/bin/qemu-{name}-static")))
});

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 2000,
        rng_seed: RngSeed::Fixed(0x7219_1ec4),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// The lists of an answer never hold more than what could have been read.
fn check_held(binary: &Binary) {
    let lists = match binary {
        Binary::Elf(elf) => vec![&elf.needed, &elf.runpath],
        Binary::Pe(pe) => vec![&pe.imports, &pe.delay_imports],
        Binary::Wasm(wasm) => vec![&wasm.imports],
        Binary::MachO | Binary::Script(_) => Vec::new(),
    };
    for list in lists {
        assert!(list.len() <= 512, "{} names", list.len());
        // Each byte that is no UTF-8 is shown as a character of three.
        assert!(list.iter().map(String::len).sum::<usize>() <= 3 * 64 * 1024);
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_bytes_have_an_answer(start in select(STARTS.to_vec()), rest in vec(any::<u8>(), 0..3000)) {
        if let Ok(binary) = read(&[start, &rest].concat().as_slice()) {
            check_held(&binary);
        }
    }

    #[test]
    fn any_bytes_at_the_start_of_a_huge_file_have_an_answer(
        start in select(STARTS.to_vec()),
        rest in vec(any::<u8>(), 0..600),
        filler in select(vec![0, 1, b'x', 0xff]),
        size in select(vec![1 << 16, 1 << 32, 1 << 63, u64::MAX]),
    ) {
        if let Ok(binary) = read(&Endless { start: [start, &rest].concat(), filler, size }) {
            check_held(&binary);
        }
    }

    /// The bytes are those of real programs, where numbers depend on each other in ways that no small image has; and
    /// whatever was read, the decision about it comes too, with a reason where it is no.
    #[test]
    fn any_change_of_a_real_programs_header_has_an_answer_and_a_decision(
        mut image in select(REAL.clone()),
        changes in vec((0..HEADERS_BYTES, numbers()), 1..8),
        cut in proptest::option::weighted(0.1, any::<Index>()),
    ) {
        for (at, number) in changes {
            let at = at.min(image.len() - 1);
            let len = number.len().min(image.len() - at);
            image[at..at + len].copy_from_slice(&number[..len]);
        }
        if let Some(cut) = cut {
            image.truncate(cut.index(image.len()));
        }
        if let Ok(binary) = read(&image.as_slice()) {
            check_held(&binary);
            match lookup_binary(&*HOST, &binary, Path::new("/t/prog"), &Options::default()) {
                Decision::Run(launch, trace) => {
                    assert!(!trace.is_empty(), "{launch:?}");
                }
                Decision::Cannot(reason, trace) => {
                    assert!(!reason.text.is_empty() && !trace.is_empty(), "{binary:?}");
                }
            }
        }
    }

    #[test]
    fn any_change_of_a_program_has_an_answer(
        mut image in select(images()),
        changes in vec((any::<Index>(), numbers()), 1..6),
        cut in proptest::option::weighted(0.2, any::<Index>()),
        huge in any::<bool>(),
    ) {
        for (at, number) in changes {
            let at = at.index(image.len());
            let len = number.len().min(image.len() - at);
            image[at..at + len].copy_from_slice(&number[..len]);
        }
        if let Some(cut) = cut {
            image.truncate(cut.index(image.len()));
        }
        let answer = if huge {
            read(&Endless { start: image, filler: b'x', size: u64::MAX })
        } else {
            read(&image.as_slice())
        };
        if let Ok(binary) = answer {
            check_held(&binary);
        }
    }
}
