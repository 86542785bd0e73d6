//! WebAssembly: imports, exports, exceptions, components, and damage.

use triplecheck_emulators::binary::{Binary, Wasm};

use crate::images::{leb128, wasm_list, wasm_module};
use crate::sources::{Endless, read};
use crate::{check_damaged, check_every_truncation};

const WASI: &str = "wasi_snapshot_preview1";

#[track_caller]
fn read_wasm(bytes: &[u8]) -> Wasm {
    match read(&bytes) {
        Ok(Binary::Wasm(wasm)) => wasm,
        other => panic!("not a WebAssembly file: {other:?}"),
    }
}

fn command() -> Vec<(u8, Vec<u8>)> {
    let imports: &[(&[&str], &[u8])] =
        &[(&[WASI, "fd_write"], &[0, 2]), (&["env", "callback"], &[0, 1]), (&[WASI, "proc_exit"], &[0, 0])];
    let exports: &[(&[&str], &[u8])] = &[(&["memory"], &[2, 0]), (&["_start"], &[0, 3])];
    vec![
        (1, vec![1, 0x60, 0, 0]),
        (2, wasm_list(imports)),
        (7, wasm_list(exports)),
        (10, vec![1, 2, 0, 0x0b]),
        (0, leb128(3)),
    ]
}

#[test]
fn a_command_shows_its_imports_once_each_and_its_start() {
    let expected = Wasm {
        component: false,
        imports: vec![WASI.into(), "env".into()],
        exceptions: false,
        start: true,
        complete: true,
    };
    assert_eq!(read_wasm(&wasm_module(&command())), expected);
}

#[test]
fn a_module_without_sections_is_complete() {
    let wasm = read_wasm(&wasm_module(&[]));
    assert_eq!((wasm.start, wasm.exceptions, wasm.imports.len(), wasm.complete), (false, false, 0, true));
}

#[test]
fn only_a_function_named_start_makes_a_command() {
    let check = |names: &[&str], tail: &[u8], expected| {
        let wasm = read_wasm(&wasm_module(&[(7, wasm_list(&[(names, tail)]))]));
        assert_eq!((wasm.start, wasm.complete), (expected, true), "{names:?} {tail:?}");
    };
    check(&["_start"], &[0, 0], true);
    check(&["_start"], &[3, 0], false);
    check(&["_starts"], &[0, 0], false);
    check(&["_initialize"], &[0, 0], false);
}

#[test]
fn a_tag_section_and_an_imported_tag_mean_exceptions() {
    let check = |id, body: Vec<u8>, expected| {
        assert_eq!(read_wasm(&wasm_module(&[(id, body)])).exceptions, expected);
    };
    check(13, vec![1, 0, 0], true);
    check(13, vec![0], false);
    check(2, wasm_list(&[(&["env", "__cpp_exception"], &[4, 0, 0])]), true);
    check(2, wasm_list(&[(&["env", "other"], &[0, 0])]), false);
}

#[test]
fn every_kind_of_import_is_passed_over() {
    let tails: [&[u8]; 9] = [
        &[0, 0x80, 1],          // function
        &[1, 0x70, 0, 5],       // table of functions
        &[1, 0x70, 1, 5, 10],   // with a maximum
        &[1, 0x63, 0x70, 0, 5], // of nullable references
        &[2, 0, 0x90, 2],       // memory
        &[2, 3, 1, 0x90, 2],    // shared memory
        &[2, 8, 1, 0],          // memory with pages of one byte
        &[3, 0x7f, 1],          // global
        &[3, 0x64, 0x80, 1, 0], // global of a reference
    ];
    for tail in tails {
        let list = wasm_list(&[(&["first", "x"], tail), (&["last", "y"], &[0, 0])]);
        let wasm = read_wasm(&wasm_module(&[(2, list)]));
        assert_eq!((wasm.imports, wasm.complete), (vec!["first".into(), "last".into()], true), "{tail:?}");
    }
    let wasm = read_wasm(&wasm_module(&[(2, wasm_list(&[(&["first", "x"], &[9, 9])]))]));
    assert_eq!((wasm.imports, wasm.complete), (vec!["first".into()], false));
}

#[test]
fn a_component_is_told_from_a_module() {
    let wasm = read_wasm(b"\0asm\x0d\0\x01\0\x07");
    assert_eq!((wasm.component, wasm.complete), (true, false));
    check_damaged(b"\0asm\x02\0\0\0", "WebAssembly", "version and layer");
    check_damaged(b"\0asm\x01", "WebAssembly", "preamble");
}

#[test]
fn every_truncation_within_a_section_is_refused() {
    let whole = wasm_module(&command());
    // A cut between two sections leaves a valid, smaller module: nothing in the format shows it.
    let mut sections = command();
    while sections.pop().is_some() {
        let shorter = wasm_module(&sections);
        assert!(read_wasm(&shorter).complete);
        let next = &whole[shorter.len()..];
        let len = next[1] as usize + 2;
        for cut in 1..len {
            check_damaged(&whole[..shorter.len() + cut], "WebAssembly", "section");
        }
    }
    check_every_truncation(&whole[..8]);
}

#[test]
fn counts_and_sizes_that_cannot_be_are_survived() {
    let endless_count =
        [&[0xff, 0xff, 0xff, 0xff, 0x0f], &wasm_list(&[(&["a", "b"], &[0, 0])])[1..]].concat();
    for id in [2, 7] {
        assert!(!read_wasm(&wasm_module(&[(id, endless_count.clone())])).complete);
    }
    check_damaged(b"\0asm\x01\0\0\0\x02\xff\xff\xff\xff\x0f", "WebAssembly", "4294967295 bytes");
    check_damaged(b"\0asm\x01\0\0\0\x02\xff\xff\xff\xff\x1f", "WebAssembly", "is no header");
    check_damaged(b"\0asm\x01\0\0\0\x02\x80\x80\x80\x80\x80\x80\x00", "WebAssembly", "is no header");
}

#[test]
fn lists_behind_more_sections_than_the_budget_allows_are_incomplete() {
    let mut sections: Vec<(u8, Vec<u8>)> = (0..200).map(|_| (0, vec![0; 5000])).collect();
    assert!(!read_wasm(&wasm_module(&[sections.clone(), command()].concat())).complete);
    // Behind the lists nothing is missed.
    sections.splice(0..0, command());
    let wasm = read_wasm(&wasm_module(&sections));
    assert_eq!((wasm.start, wasm.complete), (true, true));
}

#[test]
fn a_long_import_list_does_not_use_up_what_the_exports_need() {
    let imports: &[(&[&str], &[u8])] = &[(&["env", "some_function_with_a_name"], &[0, 0])];
    let mut sections = command();
    sections[1].1 = wasm_list(&imports.repeat(3000));
    let wasm = read_wasm(&wasm_module(&sections));
    assert_eq!((wasm.imports, wasm.start, wasm.complete), (vec!["env".into()], true, false));
}

#[test]
fn a_file_of_empty_sections_ends_with_the_budget() {
    let wasm = match read(&Endless { start: wasm_module(&[]), filler: 0, size: u64::MAX }) {
        Ok(Binary::Wasm(wasm)) => wasm,
        other => panic!("{other:?}"),
    };
    assert!(!wasm.complete);
}
