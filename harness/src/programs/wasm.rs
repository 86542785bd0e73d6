//! WebAssembly programs: the sentinel, section by section.

/// The status with which the sentinel exits.
pub(crate) const SENTINEL_STATUS: u32 = 42;

/// Where the text is in the program's memory; before it the list of one piece that `fd_write` takes, and behind both its
/// answer.
const TEXT: u8 = 16;
const ANSWER: u8 = 96;

/// `i32`, and the form of a function's type.
const I32: u8 = 0x7f;
const FUNCTION: u8 = 0x60;

/// A WASI preview 1 program that prints `text`.
pub(super) fn sentinel(text: &[u8]) -> Vec<u8> {
    let length = byte(text.len());
    let mut file = b"\0asm\x01\0\0\0".to_vec();
    // Types: of `fd_write`, of `proc_exit`, of `_start`.
    section(&mut file, 1, &[3, FUNCTION, 4, I32, I32, I32, I32, 1, I32, FUNCTION, 1, I32, 0, FUNCTION, 0, 0]);
    let mut imports = vec![2];
    for (name, kind) in [("fd_write", 0), ("proc_exit", 1)] {
        named(&mut imports, "wasi_snapshot_preview1");
        named(&mut imports, name);
        imports.extend([0, kind]);
    }
    section(&mut file, 2, &imports);
    section(&mut file, 3, &[1, 2]); // one function, of the third type
    section(&mut file, 5, &[1, 0, 1]); // one memory of one page
    let mut exports = vec![2];
    named(&mut exports, "memory");
    exports.extend([2, 0]);
    named(&mut exports, "_start");
    exports.extend([0, 2]);
    section(&mut file, 7, &exports);
    let (constant, call, drop, end) = (0x41, 0x10, 0x1a, 0x0b);
    // Constants are signed: two bytes from 64 on.
    let code = [
        0,
        constant,
        1,
        constant,
        0,
        constant,
        1,
        constant,
        ANSWER | 0x80,
        0,
        call,
        0,
        drop,
        constant,
        42,
        call,
        1,
        end,
    ];
    section(&mut file, 10, &[&[1, byte(code.len())], &code[..]].concat());
    let mut memory = vec![TEXT, 0, 0, 0, length, 0, 0, 0];
    memory.resize(usize::from(TEXT), 0);
    memory.extend(text);
    section(&mut file, 11, &[&[1, 0, constant, 0, end, byte(memory.len())], &memory[..]].concat());
    file
}

fn section(file: &mut Vec<u8>, number: u8, content: &[u8]) {
    file.extend([number, byte(content.len())]);
    file.extend(content);
}

fn named(content: &mut Vec<u8>, name: &str) {
    content.push(byte(name.len()));
    content.extend(name.as_bytes());
}

/// A length in LEB128 of one byte.
fn byte(length: usize) -> u8 {
    u8::try_from(length).ok().filter(|length| *length < 0x80).expect("every part is shorter than 128 bytes")
}
