//! Programs that we make ourselves, byte by byte, because they are needed where no compiler can be expected: a *sentinel*
//! for every machine, which shows that an emulator really runs programs, and the launcher of Windows programs.
//!
//! Pure: who starts them writes them to a file first.

mod elf;
pub(crate) mod pe;
mod wasm;

use triplecheck_emulators::target::Target;

/// How long the text of a sentinel is: 32 digits and a line feed.
pub(crate) const TEXT_BYTES: usize = 33;

/// A program that prints a text and exits, and how it exits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sentinel {
    /// The file.
    pub(crate) program: Vec<u8>,
    /// The status with which it exits.
    pub(crate) status: u32,
    /// How its name ends.
    pub(crate) suffix: &'static str,
}

/// The sentinel for programs of `target` that prints `text`; `None` where we have none: systems without an emulator of
/// ours, bare metal, and machines that no test of ours could run.
pub(crate) fn sentinel(target: &Target, text: &[u8; TEXT_BYTES]) -> Option<Sentinel> {
    let facts = target.facts();
    match (facts.os, facts.arch) {
        ("linux", _) => {
            let program = elf::sentinel(target.machine()?, text)?;
            Some(Sentinel { program, status: elf::SENTINEL_STATUS, suffix: "" })
        }
        ("windows", "x86_64" | "x86") => {
            let bits = if facts.arch == "x86" { pe::Bits::Bits32 } else { pe::Bits::Bits64 };
            let program = pe::sentinel(bits, text);
            Some(Sentinel { program, status: pe::SENTINEL_STATUS, suffix: ".exe" })
        }
        ("wasi", "wasm32") if facts.env == "p1" => {
            let program = wasm::sentinel(text);
            Some(Sentinel { program, status: wasm::SENTINEL_STATUS, suffix: ".wasm" })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_have_the_sentinel_of_their_format() {
        #[track_caller]
        fn check(triple: &str, start: Option<&[u8]>) {
            let made = sentinel(&Target::parse(triple).unwrap(), &[b'0'; TEXT_BYTES]);
            assert_eq!(made.as_ref().map(|made| &made.program[..4]), start, "{triple}");
            assert!(
                made.is_none_or(|made| made
                    .program
                    .windows(TEXT_BYTES)
                    .any(|part| part == [b'0'; TEXT_BYTES]))
            );
        }
        check("aarch64-unknown-linux-gnu@cortex-a53", Some(b"\x7fELF"));
        check("x86_64-unknown-linux-musl", Some(b"\x7fELF"));
        check("i686-pc-windows-gnu", Some(b"MZ\0\0"));
        check("wasm32-wasip1", Some(b"\0asm"));
        check("wasm32-wasip2", None);
        check("thumbv7m-none-eabi", None);
        check("aarch64-pc-windows-gnullvm", None);
        check("x86_64-unknown-freebsd", None);
    }
}
