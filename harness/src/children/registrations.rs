//! The lines that make a kernel start foreign programs through us, in the form of `binfmt_misc`
//! (`Documentation/admin-guide/binfmt-misc.rst` of the kernel).
//!
//! A line tells files by their first bytes, and may leave bits out. The hook reads the header itself, so a line need not
//! tell one foreign machine from another, only from those of the host. What must never be registered is a machine whose programs the kernel starts itself: the hook would execute
//! them, and so itself, for ever.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use triplecheck_emulators::machine::Machine;
use triplecheck_emulators::target::Endian;

/// Where registrations are written to and found.
pub(crate) const DIRECTORY: &str = "/proc/sys/fs/binfmt_misc";

/// How the names of ours begin.
pub(crate) const NAME_PREFIX: &str = "triplecheck-";

/// One that is always there where ours are.
pub(crate) const WITNESS: &str = "triplecheck-pe";

/// Between the fields of a line: a byte that no path of a sane person holds. The kernel takes whatever comes first.
const SEPARATOR: u8 = 0x01;

/// `F`: the interpreter is opened now, so that it is found in every root directory. `P`: the program's `argv[0]` is
/// passed on.
const FLAGS: &[u8] = b"FP";

/// The longest line that the kernel takes, its `MAX_REGISTER_LENGTH`.
pub(crate) const LINE_BYTES_MAX: usize = 1920;

/// How files begin whose programs are started through us, other than ELF: a DOS or Windows program, a WebAssembly
/// module.
const OTHERS: [(&str, &[u8]); 2] = [("pe", b"MZ"), ("wasm", b"\\x00asm")];

/// The interpreter's path, of what the kernel says about a registration.
pub(crate) fn interpreter(entry: &[u8]) -> Option<&[u8]> {
    entry.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"interpreter "))
}

/// A few lines for the ways in which the programs of all machines begin that QEMU's user mode runs, and for Windows and
/// WebAssembly programs. `executes` says of a machine of `own`'s family whether the kernel starts it by itself.
pub(crate) fn lines(
    own: &'static Machine,
    executes: impl Fn(&'static Machine) -> bool,
    interpreter: &Path,
) -> Vec<Vec<u8>> {
    let mut forms: BTreeMap<(u8, bool), Numbers> = BTreeMap::new();
    for machine in Machine::all() {
        let sibling = machine.family == own.family && machine.endian == own.endian;
        let at_home = machine == own || (sibling && executes(machine));
        if !at_home && machine.qemu_user.is_none() {
            continue;
        }
        let numbers = forms.entry((machine.elf_bits(), machine.endian == Endian::Big)).or_default();
        let side = if at_home { &mut numbers.at_home } else { &mut numbers.foreign };
        side.extend(machine.elf_numbers());
    }
    let elf = forms.into_iter().flat_map(|((bits, big), numbers)| {
        cover(&numbers).into_iter().enumerate().map(move |(index, bits_of_number)| {
            let name = format!("elf{bits}-{}-{index}", if big { "be" } else { "le" });
            line(
                &name,
                &elf_magic(bits, big, bits_of_number.value),
                &elf_mask(big, bits_of_number.mask),
                interpreter,
            )
        })
    });
    elf.chain(OTHERS.into_iter().map(|(name, magic)| line(name, magic, b"", interpreter))).collect()
}

/// The values of `e_machine` in one class and byte order, in no order and perhaps repeated.
#[derive(Debug, Default)]
struct Numbers {
    foreign: Vec<u16>,
    at_home: Vec<u16>,
}

/// Some bits of `e_machine` and what they must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bits {
    mask: u16,
    value: u16,
}

impl Bits {
    fn fit(self, number: u16) -> bool {
        number & self.mask == self.value
    }
}

/// As few conditions as a greedy choice finds, which together fit every foreign number and never one that is at home. The
/// kernel takes 10 µs for each line, and a hook call waits for them and for this choice. Numbers that nobody knows may fit
/// too: the hook refuses them with a word, where the kernel would have none.
fn cover(numbers: &Numbers) -> Vec<Bits> {
    let mut left = numbers.foreign.clone();
    left.retain(|number| !numbers.at_home.contains(number));
    let mut chosen = Vec::new();
    while let Some(first) = left.first() {
        let exact = Bits { mask: u16::MAX, value: *first };
        let condition = best(&left, &numbers.at_home).unwrap_or(exact);
        left.retain(|number| !condition.fit(*number));
        chosen.push(condition);
    }
    chosen
}

/// The condition that fits most of `wanted`, at least one, and none of `unwanted`: the first of the best, which asks for
/// the fewest bits.
fn best(wanted: &[u16], unwanted: &[u16]) -> Option<Bits> {
    let (mut best, mut most) = (None, 0);
    for condition in conditions().filter(|condition| !unwanted.iter().any(|number| condition.fit(*number))) {
        let count = wanted.iter().filter(|number| condition.fit(**number)).count();
        if count > most {
            (best, most) = (Some(condition), count);
        }
        if most == wanted.len() {
            break;
        }
    }
    best
}

/// All conditions on no bit, on one bit and on two.
fn conditions() -> impl Iterator<Item = Bits> {
    let one = |bit: u32, set: bool| Bits { mask: 1 << bit, value: if set { 1 << bit } else { 0 } };
    let single = (0..u16::BITS).flat_map(move |bit| [one(bit, false), one(bit, true)]);
    let double = single.clone().flat_map(move |left| {
        single
            .clone()
            .filter(move |right| left.mask < right.mask)
            .map(move |right| Bits { mask: left.mask | right.mask, value: left.value | right.value })
    });
    let single = (0..u16::BITS).flat_map(move |bit| [one(bit, false), one(bit, true)]);
    [Bits { mask: 0, value: 0 }].into_iter().chain(single).chain(double)
}

/// `:name:M:offset:magic:mask:interpreter:flags`, with the separator of ours.
fn line(name: &str, magic: &[u8], mask: &[u8], interpreter: &Path) -> Vec<u8> {
    let name = format!("{NAME_PREFIX}{name}");
    let fields: [&[u8]; 8] =
        [b"", name.as_bytes(), b"M", b"", magic, mask, interpreter.as_os_str().as_bytes(), FLAGS];
    fields.join(&SEPARATOR)
}

/// The first 20 bytes of an ELF executable: identification, type, machine. `ET_EXEC` is 2, `ET_DYN` 3.
fn elf_magic(bits: u8, big: bool, number: u16) -> Vec<u8> {
    let class = if bits == 64 { 2 } else { 1 };
    let mut bytes = vec![0x7f, b'E', b'L', b'F', class, if big { 2 } else { 1 }, 1];
    bytes.extend([0; 9]);
    bytes.extend(half(big, 2));
    bytes.extend(half(big, number));
    escaped(&bytes)
}

/// Which bits of them matter: not the ABI, which Debian's libraries set and its programs do not, nor what is padding;
/// of the type all but the bit that tells 2 from 3, and these of the machine.
fn elf_mask(big: bool, number: u16) -> Vec<u8> {
    let mut mask = vec![0xff; 7];
    mask.extend([0; 9]);
    mask.extend(half(big, 0xfffe));
    mask.extend(half(big, number));
    escaped(&mask)
}

fn half(big: bool, value: u16) -> [u8; 2] {
    if big { value.to_be_bytes() } else { value.to_le_bytes() }
}

/// Every byte as `\xNN`, as the kernel reads them: a zero byte would end the line.
fn escaped(bytes: &[u8]) -> Vec<u8> {
    let digit = |value: u8| b"0123456789abcdef"[usize::from(value)];
    bytes.iter().flat_map(|byte| [b'\\', b'x', digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines as the kernel reads them: which one takes a file that begins with these bytes, if any.
    fn taken_by(lines: &[Vec<u8>], start: &[u8]) -> Option<String> {
        let bytes = |field: &[u8]| -> Vec<u8> {
            let text = String::from_utf8_lossy(field).into_owned();
            let mut out = Vec::new();
            let mut rest = text.as_str();
            while !rest.is_empty() {
                if let Some(hex) = rest.strip_prefix("\\x") {
                    out.push(u8::from_str_radix(&hex[..2], 16).unwrap());
                    rest = &hex[2..];
                } else {
                    out.push(rest.as_bytes()[0]);
                    rest = &rest[1..];
                }
            }
            out
        };
        lines.iter().find_map(|line| {
            assert!(line.len() < LINE_BYTES_MAX);
            let fields: Vec<&[u8]> = line.split(|byte| *byte == SEPARATOR).collect();
            let (magic, mask) = (bytes(fields[4]), bytes(fields[5]));
            let mask = if mask.is_empty() { vec![0xff; magic.len()] } else { mask };
            let fits =
                magic.iter().zip(&mask).zip(start).all(|((magic, mask), byte)| (byte ^ magic) & mask == 0);
            fits.then(|| String::from_utf8_lossy(fields[1]).into_owned())
        })
    }

    fn start_of(machine: &Machine, number: u16) -> Vec<u8> {
        let big = machine.endian == Endian::Big;
        let mut start = vec![
            0x7f,
            b'E',
            b'L',
            b'F',
            if machine.elf_bits() == 64 { 2 } else { 1 },
            if big { 2 } else { 1 },
            1,
        ];
        start.extend([3; 9]);
        start.extend(half(big, 3));
        start.extend(half(big, number));
        start
    }

    #[test]
    fn every_foreign_machine_is_ours_and_none_that_the_kernel_starts_itself() {
        for own in ["x86_64", "aarch64", "riscv64", "powerpc64le", "s390x", "x86_32", "mips64el"] {
            let own = Machine::named(own).unwrap();
            for executes in [true, false] {
                let lines = lines(own, |_| executes, Path::new("/hook"));
                assert!(lines.len() < 20, "{}: {}", own.name, lines.len());
                for machine in Machine::all() {
                    let sibling = machine.family == own.family && machine.endian == own.endian;
                    let at_home = machine == own || (sibling && executes);
                    for number in machine.elf_numbers() {
                        let taken = taken_by(&lines, &start_of(machine, number));
                        if at_home {
                            assert_eq!(taken, None, "{} on {}", machine.name, own.name);
                        } else if machine.qemu_user.is_some()
                            && !own.elf_numbers().any(|n| start_of(own, n) == start_of(machine, number))
                        {
                            assert!(taken.is_some(), "{} on {}", machine.name, own.name);
                        }
                    }
                }
                assert_eq!(taken_by(&lines, b"MZ\x90\0").as_deref(), Some(WITNESS));
                assert!(taken_by(&lines, b"\0asm\x01\0\0\0").is_some());
                assert_eq!(taken_by(&lines, b"#!/bin/sh\n          "), None);
            }
        }
    }

    #[test]
    fn a_line_is_what_the_kernel_reads() {
        let own = Machine::named("x86_64").unwrap();
        let lines = lines(own, |_| true, Path::new("/a b/hook"));
        let line = lines.iter().find(|line| String::from_utf8_lossy(line).contains("elf64-be-0")).unwrap();
        let text = String::from_utf8_lossy(line).replace('\x01', ":");
        assert_eq!(
            text,
            ":triplecheck-elf64-be-0:M::\\x7f\\x45\\x4c\\x46\\x02\\x02\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\
             \\x00\\x02\\x00\\x00:\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\
             \\xff\\xfe\\x00\\x00:/a b/hook:FP"
        );
    }
}
