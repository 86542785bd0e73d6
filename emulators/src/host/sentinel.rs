//! Programs of about a hundred bytes, one per machine that a 64-bit kernel may or may not run beside its own.
//!
//! Each waits for the end of its standard input and then exits with [`STATUS`]. The waiting is what makes the
//! answer honest: while the program waits, the parent can see in `/proc/PID/exe` whether the kernel executes
//! this file or an emulator that somebody registered with binfmt_misc. Written as words of machine code, since
//! no compiler for these targets can be expected on the host; the tests run each one under its qemu.

use crate::machine::Machine;
use crate::target::Endian;

/// The status with which a sentinel exits: none that a failing loader or shell would give.
pub(super) const STATUS: i32 = 42;

/// Where the program is loaded: above every `mmap_min_addr`, a multiple of every page size.
const BASE: u32 = 0x0040_0000;
/// Sizes of the ELF header and of one program header, both 32-bit.
const HEADERS_BYTES: u32 = 52 + 32;

/// Code, `e_flags`, and the byte order of the instructions (which is not the data's on big-endian Arm v6+).
struct Body {
    code: Code,
    flags: u32,
}

/// `read(0, sp, 1); exit(42)` in the machine's instructions.
enum Code {
    Bytes(&'static [u8]),
    Words(Endian, [u32; 8]),
}

/// The sentinel for `machine`; `None` where no 64-bit kernel is known to run it as a second machine.
pub(super) fn program(machine: &Machine) -> Option<Vec<u8>> {
    let number = machine.elf_machine?;
    // Release 6 of MIPS would need instructions that only it has: kernels do not look at the release.
    if machine.bits != 32 || machine.name.contains("r6") {
        return None;
    }
    let body = body(machine, number)?;
    let code = match body.code {
        Code::Bytes(bytes) => bytes.to_vec(),
        Code::Words(endian, words) => words.iter().flat_map(|word| bytes4(endian, *word)).collect(),
    };
    let mut file = headers(machine.endian, number, body.flags, code.len());
    file.extend(code);
    Some(file)
}

/// The instructions, from the architecture manuals and each kernel's system call table.
fn body(machine: &Machine, number: u16) -> Option<Body> {
    const BIG: Endian = Endian::Big;
    let (flags, code) = match (number, machine.endian) {
        (3, _) => (0, Code::Bytes(b"\xb8\x03\0\0\0\x31\xdb\x89\xe1\xba\x01\0\0\0\xcd\x80\xb8\x01\0\0\0\xbb\x2a\0\0\0\xcd\x80")),
        // x32: the numbers of x86_64 with bit 30 set.
        (62, _) => (0, Code::Bytes(b"\xb8\0\0\0\x40\x31\xff\x48\x89\xe6\xba\x01\0\0\0\x0f\x05\xb8\x3c\0\0\x40\xbf\x2a\0\0\0\x0f\x05")),
        (40, endian) => (
            // EABI version 5; BE8, whose instructions stay little-endian.
            if endian == BIG { 0x0580_0000 } else { 0x0500_0000 },
            Code::Words(
                Endian::Little,
                [0xe3a0_7003, 0xe3a0_0000, 0xe1a0_100d, 0xe3a0_2001, 0xef00_0000, 0xe3a0_7001, 0xe3a0_002a, 0xef00_0000],
            ),
        ),
        (20, BIG) => (
            0,
            Code::Words(
                BIG,
                [0x3800_0003, 0x3860_0000, 0x7c24_0b78, 0x38a0_0001, 0x4400_0002, 0x3800_0001, 0x3860_002a, 0x4400_0002],
            ),
        ),
        (8, endian) => {
            let n32 = machine.name.starts_with("mipsn32");
            // o32 numbers start at 4000, n32 numbers at 6000; the flags name ABI and MIPS32r2 or MIPS64r2.
            let (flags, read, exit) = if n32 { (0x8000_0020, 6000, 6058) } else { (0x7000_1000, 4003, 4001) };
            let li_v0 = 0x2402_0000;
            (
                flags,
                Code::Words(
                    endian,
                    [li_v0 | read, 0x2404_0000, 0x03a0_2825, 0x2406_0001, 0x0000_000c, li_v0 | exit, 0x2404_002a, 0x0000_000c],
                ),
            )
        }
        // EF_SPARC_32PLUS goes with the number of its own.
        (2 | 18, BIG) => (
            if number == 18 { 0x100 } else { 0 },
            Code::Words(
                BIG,
                [0x8210_2003, 0x9010_2000, 0x9210_000e, 0x9410_2001, 0x91d0_2010, 0x8210_2001, 0x9010_202a, 0x91d0_2010],
            ),
        ),
        (243, Endian::Little) => (
            0,
            Code::Words(
                Endian::Little,
                [0x03f0_0893, 0x0000_0513, 0x0001_0593, 0x0010_0613, 0x0000_0073, 0x05d0_0893, 0x02a0_0513, 0x0000_0073],
            ),
        ),
        _ => return None,
    };
    Some(Body { code, flags })
}

/// The ELF header and one program header that maps the whole file, readable and executable.
fn headers(endian: Endian, number: u16, flags: u32, code_bytes: usize) -> Vec<u8> {
    let data = if endian == Endian::Big { 2 } else { 1 };
    let mut file = vec![0x7f, b'E', b'L', b'F', 1, data, 1, 0];
    file.resize(16, 0);
    let half = |file: &mut Vec<u8>, value: u16| file.extend(bytes2(endian, value));
    let word = |file: &mut Vec<u8>, value: u32| file.extend(bytes4(endian, value));
    half(&mut file, 2); // ET_EXEC
    half(&mut file, number);
    word(&mut file, 1);
    word(&mut file, BASE + HEADERS_BYTES); // e_entry
    word(&mut file, 52); // e_phoff
    word(&mut file, 0); // e_shoff
    word(&mut file, flags);
    for value in [52, 32, 1, 40, 0, 0] {
        half(&mut file, value); // sizes and counts of headers
    }
    let bytes = HEADERS_BYTES + u32::try_from(code_bytes).expect("a sentinel is shorter than a page");
    // PT_LOAD: offset, virtual and physical address, size in file and memory, R+X, alignment
    for value in [1, 0, BASE, BASE, bytes, bytes, 5, 0x1_0000] {
        word(&mut file, value);
    }
    file
}

fn bytes2(endian: Endian, value: u16) -> [u8; 2] {
    match endian {
        Endian::Big => value.to_be_bytes(),
        Endian::Little => value.to_le_bytes(),
    }
}

fn bytes4(endian: Endian, value: u32) -> [u8; 4] {
    match endian {
        Endian::Big => value.to_be_bytes(),
        Endian::Little => value.to_le_bytes(),
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use crate::host::{Host as _, LocalHost};
    use crate::target::Target;
    use std::io::Write as _;

    /// Machines whose sentinels can be checked: by the qemu of each, which needs no sysroot for them.
    const TRIPLES: [&str; 9] = [
        "i686-unknown-linux-gnu",
        "armv7-unknown-linux-gnueabihf",
        "armeb-unknown-linux-gnueabi",
        "powerpc-unknown-linux-gnu",
        "mips-unknown-linux-gnu",
        "mipsel-unknown-linux-gnu",
        "sparc-unknown-linux-gnu",
        "riscv32gc-unknown-linux-gnu",
        "mips64-unknown-linux-gnuabi64",
    ];

    #[test]
    fn every_sentinel_exits_with_its_status_under_its_emulator() {
        let host = LocalHost::new();
        for triple in TRIPLES {
            let machine = Target::parse(triple).unwrap().machine().unwrap();
            let Some(bytes) = program(machine) else {
                assert_eq!(machine.bits, 64, "{triple} has no sentinel");
                continue;
            };
            // Programs of the host's own family need no emulator here, and so none is required for them.
            let foreign = machine.family != host.machine().family;
            let name = format!("qemu-{}", machine.qemu_user.unwrap());
            let found = host.find_program(&format!("{name}-static")).or_else(|| host.find_program(&name));
            let Some(qemu) = found else {
                let required = std::env::var("TRIPLECHECK_REQUIRE").unwrap_or_default();
                assert!(!foreign || !required.split(',').any(|item| item == triple), "`{name}` is missing");
                println!("skipped: {triple}: `{name}` is not installed");
                continue;
            };
            // QEMU does not start a file without its execute permission, nor one that is open for writing.
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            let mut file = tempfile::Builder::new().permissions(mode).tempfile().unwrap();
            file.write_all(&bytes).unwrap();
            let file = file.into_temp_path();
            #[expect(clippy::disallowed_methods, reason = "the test starts the emulator itself")]
            let status = std::process::Command::new(qemu.path)
                .arg(&file)
                .stdin(std::process::Stdio::null())
                .status()
                .unwrap();
            assert_eq!(status.code(), Some(STATUS), "{triple}");
        }
    }

    #[test]
    fn the_kernel_says_no_to_a_machine_that_it_does_not_have() {
        let own = LocalHost::new().machine();
        let foreign = if own.family == "riscv" {
            "armv7-unknown-linux-gnueabihf"
        } else {
            "riscv32gc-unknown-linux-gnu"
        };
        let machine = Target::parse(foreign).unwrap().machine().unwrap();
        assert!(!crate::host::spawn::executes(&program(machine).unwrap(), STATUS));
    }

    #[test]
    fn a_program_that_ends_otherwise_is_no_yes() {
        let machine = Target::parse("i686-unknown-linux-gnu").unwrap().machine().unwrap();
        assert!(!crate::host::spawn::executes(&program(machine).unwrap(), STATUS + 1));
    }
}
