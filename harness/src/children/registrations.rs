//! The lines that make a kernel start foreign programs through us, in the form of `binfmt_misc`
//! (`Documentation/admin-guide/binfmt-misc.rst` of the kernel).
//!
//! A line tells files by their first bytes. Those of ELF are the same for machines that differ in flags only (n32 and
//! o32 of MIPS): the hook reads the rest of the header itself, so one line for each class, byte order and number is
//! enough. What must never be registered is a machine whose programs the kernel starts itself: the hook would execute
//! them, and so itself, for ever.

use std::collections::BTreeSet;
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

/// One line for every way in which the programs of some machine begin that QEMU's user mode runs, and for Windows and
/// WebAssembly programs. `executes` says of a machine of `own`'s family whether the kernel starts it by itself.
pub(crate) fn lines(
    own: &'static Machine,
    executes: impl Fn(&'static Machine) -> bool,
    interpreter: &Path,
) -> Vec<Vec<u8>> {
    let foreign = Machine::all().filter(|machine| machine.qemu_user.is_some()).filter(|machine| {
        let sibling = machine.family == own.family && machine.endian == own.endian;
        *machine != own && !(sibling && executes(machine))
    });
    // What the kernel starts itself, by the same three facts, in case a foreign machine shares them.
    let at_home: BTreeSet<_> = own.elf_numbers().map(|number| identity(own, number)).collect();
    let identities: BTreeSet<(u8, bool, u16)> = foreign
        .flat_map(|machine| machine.elf_numbers().map(move |number| identity(machine, number)))
        .filter(|identity| !at_home.contains(identity))
        .collect();
    let elf = identities.into_iter().map(|(bits, big, number)| {
        let name = format!("elf{bits}-{}-{number}", if big { "be" } else { "le" });
        line(&name, &elf_magic(bits, big, number), &elf_mask(big), interpreter)
    });
    elf.chain(OTHERS.into_iter().map(|(name, magic)| line(name, magic, b"", interpreter))).collect()
}

/// Class in bits, whether the byte order is big, and `e_machine`.
fn identity(machine: &Machine, number: u16) -> (u8, bool, u16) {
    (machine.elf_bits(), machine.endian == Endian::Big, number)
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
    let half = |value: u16| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    bytes.extend(half(2));
    bytes.extend(half(number));
    escaped(&bytes)
}

/// Which bits of them matter: not the ABI, which Debian's libraries set and its programs do not, nor what is padding;
/// and of the type all but the bit that tells 2 from 3.
fn elf_mask(big: bool) -> Vec<u8> {
    let mut mask = vec![0xff; 7];
    mask.extend([0; 9]);
    mask.extend(if big { [0xff, 0xfe] } else { [0xfe, 0xff] });
    mask.extend([0xff, 0xff]);
    escaped(&mask)
}

/// Every byte as `\xNN`, as the kernel reads them: a zero byte would end the line.
fn escaped(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().flat_map(|byte| format!("\\x{byte:02x}").into_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(own: &str, executes: bool) -> Vec<String> {
        let own = Machine::named(own).unwrap();
        lines(own, |_| executes, Path::new("/hook"))
            .into_iter()
            .map(|line| {
                assert!(line.len() < LINE_BYTES_MAX);
                let fields: Vec<&[u8]> = line.split(|byte| *byte == SEPARATOR).collect();
                String::from_utf8_lossy(fields[1]).into_owned()
            })
            .collect()
    }

    #[test]
    fn what_the_kernel_starts_itself_is_never_ours() {
        let names_on_x86 = names("x86_64", true);
        // 62 is x86-64 and x32, 3 and 6 are its 32-bit programs.
        for absent in ["elf64-le-62", "elf32-le-62", "elf32-le-3", "elf32-le-6"] {
            assert!(!names_on_x86.contains(&format!("{NAME_PREFIX}{absent}")), "{absent}");
        }
        for present in ["elf64-le-183", "elf64-be-22", "elf32-le-40", "elf32-be-8", "pe", "wasm"] {
            assert!(names_on_x86.contains(&format!("{NAME_PREFIX}{present}")), "{present}");
        }
        assert!(names("x86_64", false).contains(&format!("{NAME_PREFIX}elf32-le-3")));
        let names_on_arm = names("aarch64", true);
        assert!(!names_on_arm.contains(&format!("{NAME_PREFIX}elf64-le-183")));
        assert!(!names_on_arm.contains(&format!("{NAME_PREFIX}elf32-le-40")));
        assert!(names_on_arm.contains(&format!("{NAME_PREFIX}elf64-le-62")));
    }

    #[test]
    fn a_line_is_what_the_kernel_reads() {
        let own = Machine::named("x86_64").unwrap();
        let lines = lines(own, |_| true, Path::new("/a b/hook"));
        let line = lines.iter().find(|line| String::from_utf8_lossy(line).contains("elf64-le-183")).unwrap();
        let text = String::from_utf8_lossy(line).replace('\x01', ":");
        assert_eq!(
            text,
            ":triplecheck-elf64-le-183:M::\\x7f\\x45\\x4c\\x46\\x02\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\
             \\x00\\x02\\x00\\xb7\\x00:\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\
             \\x00\\xfe\\xff\\xff\\xff:/a b/hook:FP"
        );
    }
}
