//! What a module needs of its runtime, told from its section headers alone, so that the right one is started.

/// The section that declares exception tags.
const TAG_SECTION: u8 = 13;

/// What a runtime must be able to do to run a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing beyond WASI preview 1: both runtimes run it.
    Nothing,
    /// Exceptions (Rust built to unwind, C++): node runs it, the built-in runtime does not.
    Exceptions,
    /// The component model (`wasm32-wasip2`): neither runs it.
    Components,
    /// It is no WebAssembly module.
    NotWasm,
}

/// Looks at the headers of a module's sections; a file cut short is judged by what is there.
pub fn needs(file: &[u8]) -> Needs {
    let Some((header, mut rest)) = file.split_first_chunk::<8>() else { return Needs::NotWasm };
    match header {
        [0, b'a', b's', b'm', 1, 0, 0, 0] => (),
        [0, b'a', b's', b'm', _, _, 1, 0] => return Needs::Components,
        _ => return Needs::NotWasm,
    }
    while let Some((&section, after)) = rest.split_first() {
        if section == TAG_SECTION {
            return Needs::Exceptions;
        }
        let Some((length, body)) = leb128(after) else { break };
        let Some(next) = body.get(length..) else { break };
        rest = next;
    }
    Needs::Nothing
}

/// An unsigned 32-bit LEB128 number and what follows it.
fn leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0_u64;
    for (index, &byte) in bytes.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(value).ok()?, &bytes[index + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &[u8] = b"\0asm\x01\0\0\0";

    #[track_caller]
    fn check(sections: &[u8], expected: Needs) {
        assert_eq!(needs(&[EMPTY, sections].concat()), expected);
    }

    #[test]
    fn a_tag_section_means_exceptions() {
        check(&[], Needs::Nothing);
        check(&[1, 1, 0, 13, 1, 0], Needs::Exceptions);
        // A section of the same length in its long form, and a body that merely contains the number.
        check(&[0, 0x82, 0x80, 0, 13, 13, 1, 1, 0], Needs::Nothing);
    }

    #[test]
    fn other_files_are_told_apart() {
        assert_eq!(needs(b"\0asm\x0d\0\x01\0"), Needs::Components);
        assert_eq!(needs(b"\x7fELF\x02\x01\x01\0\0"), Needs::NotWasm);
        assert_eq!(needs(b""), Needs::NotWasm);
    }

    #[test]
    fn a_file_cut_short_is_judged_by_what_is_there() {
        check(&[10, 0xff], Needs::Nothing);
        check(&[10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Needs::Nothing);
        check(&[10, 200, 1, 13], Needs::Nothing);
    }
}
