//! What a kernel's file says of itself. A kernel of another machine prints nothing and never ends: without this look the
//! whole time that a boot may take would be waited for.

use std::io::Read as _;
use std::path::Path;

use triplecheck_emulators::binary::Binary;
use triplecheck_emulators::machine::Machine;
use triplecheck_emulators::target::Endian;

/// How much of a file is read: what s390x says stands behind 64 KiB.
const READ_BYTES: u64 = 66 * 1024;

/// Where an image that is no ELF file says for which machine it is (`Documentation/arch/arm64/booting.rst`,
/// `…/riscv/boot-image-header.rst`, `…/x86/boot.rst`, `arch/s390/boot/head.S`, `arch/arm/boot/compressed/head.S`).
pub(crate) const MARKS: &[(usize, &[u8], &str)] = &[
    (0x38, b"ARMd", "aarch64"),
    (0x30, b"RISCV\0\0\0", "riscv64"),
    (0x10008, b"S390EP", "s390x"),
    (0x24, b"\x18\x28\x6f\x01", "aarch32"),
    (0x202, b"HdrS", "x86_64"),
];

/// Forms of which the machine is not asked: U-Boot's wrapping.
const WITHOUT_MACHINE: &[u8] = b"\x27\x05\x19\x56";

/// Why no system of this machine can be booted from the kernel at `path`; `None` where it may be.
pub(crate) fn problem(path: &Path, machine: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let file = fs_err::File::open(path);
    if let Err(error) = file.and_then(|file| file.take(READ_BYTES).read_to_end(&mut bytes)) {
        return Some(format!("{error}"));
    }
    match machine_of(&bytes).or_else(|| of_pe(path)) {
        Some(found) if found == machine => None,
        Some(found) => Some(format!("`{}` is a kernel for {found}, and not for {machine}", path.display())),
        None if bytes.starts_with(WITHOUT_MACHINE) => None,
        None => Some(format!("`{}` is no kernel", path.display())),
    }
}

/// The machine of the kernel that begins with these bytes.
pub(crate) fn machine_of(bytes: &[u8]) -> Option<&'static str> {
    let is_marked = |at: usize, mark: &[u8]| bytes.get(at..).is_some_and(|rest| rest.starts_with(mark));
    let marked = MARKS.iter().find(|(at, mark, _)| is_marked(*at, mark));
    marked.map(|(_, _, machine)| *machine).or_else(|| of_elf(bytes))
}

/// The machine of an image that is for EFI firmware.
fn of_pe(path: &Path) -> Option<&'static str> {
    match Binary::read(path).ok()? {
        Binary::Pe(pe) => Machine::of_pe(pe.machine).map(|machine| machine.name),
        Binary::Elf(_) | Binary::Wasm(_) | Binary::MachO | Binary::Script(_) => None,
    }
}

/// The machine that the first bytes of an ELF file name: a kernel, or a module.
pub(crate) fn of_elf(bytes: &[u8]) -> Option<&'static str> {
    let head = bytes.get(..20).filter(|head| head.starts_with(b"\x7fELF"))?;
    let (endian, number) = match head[5] {
        1 => (Endian::Little, u16::from_le_bytes([head[18], head[19]])),
        _ => (Endian::Big, u16::from_be_bytes([head[18], head[19]])),
    };
    let bits = if head[4] == 2 { 64 } else { 32 };
    // The flags matter on MIPS alone, for which there is no system.
    Machine::of_elf_header(bits, endian, number, 0).map(|machine| machine.name)
}

#[cfg(test)]
mod tests {
    use triplecheck_emulators::target::Target;

    use super::*;

    #[track_caller]
    fn check(at: usize, mark: &[u8], machine: &str, expected: Option<&str>) {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut bytes = vec![0; at];
        bytes.extend_from_slice(mark);
        bytes.resize(bytes.len() + 64, 0);
        fs_err::write(file.path(), &bytes).unwrap();
        let found = problem(file.path(), machine);
        match expected {
            Some(part) => assert!(found.as_deref().is_some_and(|found| found.contains(part)), "{found:?}"),
            None => assert_eq!(found, None),
        }
    }

    #[test]
    fn a_kernel_of_another_machine_is_known_before_it_is_booted() {
        check(0x38, b"ARMd", "aarch64", None);
        check(0x38, b"ARMd", "s390x", Some("is a kernel for aarch64, and not for s390x"));
        check(0x10008, b"S390EP", "s390x", None);
        check(0x202, b"HdrS", "aarch64", Some("is a kernel for x86_64, and not for aarch64"));
        let elf = crate::programs::sentinel(&Target::parse("x86_64-unknown-linux-gnu").unwrap(), &[b'0'; 33])
            .unwrap();
        check(0, &elf.program, "riscv64", Some("is a kernel for x86_64, and not for riscv64"));
        check(0, &elf.program, "x86_64", None);
        check(0, b"root:x:0:0:", "aarch64", Some("is no kernel"));
        check(0, WITHOUT_MACHINE, "aarch64", None);
        assert!(
            problem(Path::new("/nonexistent/kernel"), "aarch64").is_some_and(|why| why.contains("kernel"))
        );
    }
}
