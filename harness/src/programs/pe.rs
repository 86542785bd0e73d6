//! Windows programs: the launcher that learns the whole of an exit status, and the sentinel.
//!
//! One section holds the imports, at its start, and the code behind them, at a fixed place, so that the code finds them.
//! The code is the assembly beside this file; a test assembles it again and compares.

/// The machines whose Windows programs Wine runs on x86 hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bits {
    /// 32-bit x86.
    Bits32,
    /// x86_64.
    Bits64,
}

/// `launcher.exe STATUS-FILE PROGRAM - COMMAND-LINE…`: starts PROGRAM with what is left of the command line, waits for its
/// end, and writes eight bytes into STATUS-FILE: 1 and the status, or 2 and Windows' error where it could not be started;
/// both as little-endian words. The dash makes room for quotes around the first word of the command line.
const LAUNCHER_64: &str = "4881ec08010000ff15f3fbffff4889c60fb728e82d010000e8280100004889c3e8200100004889c7e81801000083fd2275256639\
     2e74204889f24883ee0466892e0fb70283f820760a668942fe4883c202ebee66896afe488d4c2470ff15a6fbffff31c048898424\
     880000008944242848894424304889442438488d4c247048894c2440488d4c245048894c2448ffc0898424e00000008944242045\
     31c94531c04889f24889f9ff1563fbffff85c0742383caff488b4c2450ff1559fbffff488d9424e4000000488b4c2450ff154efb\
     ffffeb14ff154efbffff898424e4000000ff8424e000000031c04889442430c744242880000000c7442420020000004531c94531\
     c0ba000000404889d9ff151dfbffff4883642420004c8d8c24e800000041b808000000488d9424e00000004889c1ff1500fbffff\
     8b8c24e4000000ff15fbfaffff31c94889f066833e2275044883c0020fb71685d2742c83fa22750a83f101750e66890eeb0985c9\
     750583fa2074064883c602ebdb668326004883c60266833e2074f6c3";
const LAUNCHER_32: &str = "89e583ec60ff150010400089c6ff30e8cc000000e8c700000089c3e8c000000089c7e8b9000000596683f922752266390e741d89\
     f283ee0466890e0fb70283f8207609668942fe83c202ebef66894afe8d45a050ff15041040008365ac00c745f8010000008d45e4\
     508d45a0506a006a006a006a016a006a005657ff150810400085c0741a6affff75e4ff150c1040008d45fc50ff75e4ff15101040\
     00eb0cff15141040008945fcff45f86a0068800000006a026a006a00680000004053ff15181040006a008d4df4516a088d4df851\
     50ff151c104000ff75fcff152010400031c989f066833e22750383c0020fb71685d2742a83fa22750a83f101750e66890eeb0985\
     c9750583fa20740583c602ebdc6683260083c60266833e2074f7c3";
const LAUNCHER_IMPORTS: &[&str] = &[
    "GetCommandLineW",
    "GetStartupInfoW",
    "CreateProcessW",
    "WaitForSingleObject",
    "GetExitCodeProcess",
    "GetLastError",
    "CreateFileW",
    "WriteFile",
    "ExitProcess",
];

/// Prints the text behind it, and exits.
const SENTINEL_64: &str = "4883ec38b9f5ffffffff15f1fbffff4883642420004c8d4c243041b821000000488d15140000004889c1ff15d8fbffffb92a0000\
     2aff15d5fbffff";
const SENTINEL_32: &str =
    "6a0089e36af5ff15001040006a00536a21e8000000008104241900000050ff1504104000682a00002aff1508104000";
const SENTINEL_IMPORTS: &[&str] = &["GetStdHandle", "WriteFile", "ExitProcess"];

/// The subsystem of console programs.
const CONSOLE: u16 = 3;

/// The status with which the sentinel exits: one of which a byte is not enough.
pub(crate) const SENTINEL_STATUS: u32 = 0x2a00_002a;

/// Where the section begins in memory, and where the code begins in it.
const SECTION: u32 = 0x1000;
const CODE: u32 = 0x400;
/// Where the headers end and the section begins in the file.
const HEADERS_BYTES: u32 = 0x200;
/// What is in the section before the code: the address table, the look-up table, the descriptors, the names.
const LOOKUP: u32 = 0x80;
const DESCRIPTORS: u32 = 0x100;
const LIBRARY: u32 = 0x140;
const NAMES: u32 = 0x150;

/// The launcher. A console program also for those with windows: its child has its streams either way, whereas a console
/// program started by one with windows gets none.
pub(crate) fn launcher(bits: Bits) -> Vec<u8> {
    let code = match bits {
        Bits::Bits32 => LAUNCHER_32,
        Bits::Bits64 => LAUNCHER_64,
    };
    image(bits, LAUNCHER_IMPORTS, bytes(code))
}

/// A console program that prints `text`, which must be as long as [`super::TEXT_BYTES`], and exits with
/// [`SENTINEL_STATUS`].
pub(super) fn sentinel(bits: Bits, text: &[u8]) -> Vec<u8> {
    let code = match bits {
        Bits::Bits32 => SENTINEL_32,
        Bits::Bits64 => SENTINEL_64,
    };
    let mut code = bytes(code);
    code.extend(text);
    image(bits, SENTINEL_IMPORTS, code)
}

/// The bytes of a text of hexadecimal digits.
fn bytes(hex: &str) -> Vec<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = hex.as_bytes().chunks_exact(2);
    pairs.filter_map(|pair| Some(digit(&pair[0])? << 4 | digit(&pair[1])?)).collect()
}

/// The whole file.
fn image(bits: Bits, imports: &[&str], code: Vec<u8>) -> Vec<u8> {
    let mut section = import_tables(bits, imports);
    section.resize(CODE as usize, 0);
    section.extend(code);
    section.resize(section.len().next_multiple_of(0x200), 0);
    let mut file = headers(bits, word(section.len()));
    file.resize(HEADERS_BYTES as usize, 0);
    file.extend(section);
    file
}

/// What the loader reads to fill in the addresses of the functions.
fn import_tables(bits: Bits, imports: &[&str]) -> Vec<u8> {
    let mut names = Vec::new();
    let mut thunks = Vec::new();
    for name in imports {
        let at = SECTION + NAMES + word(names.len());
        thunks.extend(at.to_le_bytes());
        if bits == Bits::Bits64 {
            thunks.extend([0; 4]);
        }
        // A hint of where the name is, which may be wrong, and the name, at an even place.
        names.extend([0; 2]);
        names.extend(name.as_bytes());
        names.push(0);
        names.resize(names.len().next_multiple_of(2), 0);
    }
    let mut table = thunks.clone();
    let mut put = |at: u32, bytes: &[u8]| {
        table.resize(at as usize, 0);
        table.extend(bytes);
    };
    put(LOOKUP, &thunks);
    let descriptor = [SECTION + LOOKUP, 0, 0, SECTION + LIBRARY, SECTION];
    put(DESCRIPTORS, &descriptor.map(u32::to_le_bytes).concat());
    put(LIBRARY, b"KERNEL32.dll");
    put(NAMES, &names);
    table
}

/// The headers, from the PE/COFF specification. The image stays where it is linked to: it has no relocations.
fn headers(bits: Bits, section_bytes: u32) -> Vec<u8> {
    let wide = bits == Bits::Bits64;
    let (machine, magic, base, optional_bytes): (u16, u16, u64, u16) =
        if wide { (0x8664, 0x20b, 0x1_4000_0000, 240) } else { (0x14c, 0x10b, 0x40_0000, 224) };
    let mut file = b"MZ".to_vec();
    file.resize(0x3c, 0);
    put32(&mut file, &[0x40]); // where the next header is
    file.extend(b"PE\0\0");
    put16(&mut file, &[machine, 1]); // sections
    put32(&mut file, &[0, 0, 0]); // time, symbols
    // No relocations, executable, large addresses or 32 bits.
    put16(&mut file, &[optional_bytes, if wide { 0x23 } else { 0x103 }]);
    put16(&mut file, &[magic, 1]);
    put32(&mut file, &[section_bytes, 0, 0, SECTION + CODE, SECTION]);
    if wide {
        file.extend(base.to_le_bytes());
    } else {
        put32(&mut file, &[SECTION]); // data
        file.extend(base.to_le_bytes()[..4].iter());
    }
    put32(&mut file, &[0x1000, 0x200]); // alignment in memory and in the file
    put16(&mut file, &[5, 2, 0, 0, 5, 2]); // Windows Server 2003, the first with 64 bits
    let memory = SECTION + section_bytes.next_multiple_of(0x1000);
    put32(&mut file, &[0, memory, HEADERS_BYTES, 0]);
    put16(&mut file, &[CONSOLE, 0]);
    for bytes in [0x10_0000_u64, 0x1000, 0x10_0000, 0x1000] {
        let bytes = bytes.to_le_bytes(); // stack and heap: reserved, committed
        file.extend(&bytes[..if wide { 8 } else { 4 }]);
    }
    put32(&mut file, &[0, 16]); // directories
    put32(&mut file, &[0, 0, SECTION + DESCRIPTORS, 40]);
    file.resize(file.len() + 14 * 8, 0);
    file.extend(b".text\0\0\0");
    put32(&mut file, &[section_bytes, SECTION, section_bytes, HEADERS_BYTES, 0, 0, 0]);
    put32(&mut file, &[0xe000_0060]); // code and data, readable, writable, executable
    file
}

fn put16(file: &mut Vec<u8>, values: &[u16]) {
    file.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}

fn put32(file: &mut Vec<u8>, values: &[u32]) {
    file.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}

fn word(length: usize) -> u32 {
    u32::try_from(length).expect("these programs have some hundred bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use triplecheck_emulators::binary::Binary;

    /// What the sentinel prints here.
    const TEXT: &[u8; 33] = b"0123456789abcdef0123456789abcdef\n";

    #[test]
    fn the_headers_say_what_the_programs_are() {
        let dir = tempfile::tempdir().unwrap();
        for (bits, machine) in [(Bits::Bits32, 0x14c), (Bits::Bits64, 0x8664)] {
            for (name, file) in [("launcher", launcher(bits)), ("sentinel", sentinel(bits, TEXT))] {
                let path = dir.path().join(name);
                std::fs::write(&path, file).unwrap();
                let Ok(Binary::Pe(pe)) = Binary::read(&path) else { panic!("{name} is no PE file") };
                assert_eq!((pe.machine, pe.is_dll, pe.complete), (machine, false, true), "{name}");
                assert_eq!(pe.imports, ["KERNEL32.dll"], "{name}");
                assert_eq!(pe.subsystem, CONSOLE);
            }
        }
    }

    #[test]
    #[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
    fn the_code_is_the_assembly_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let sources = [
            ("--64", include_str!("launcher64.s"), LAUNCHER_64),
            ("--32", include_str!("launcher32.s"), LAUNCHER_32),
            ("--64", include_str!("sentinel64.s"), SENTINEL_64),
            ("--32", include_str!("sentinel32.s"), SENTINEL_32),
        ];
        for (width, source, code) in sources {
            let (object, binary) = (dir.path().join("object"), dir.path().join("binary"));
            // The assembler comes with every C compiler, which the linking of these tests needs.
            duct::cmd!("as", width, "-o", &object).stdin_bytes(source).run().unwrap();
            duct::cmd!("objcopy", "-O", "binary", "-j", ".text", &object, &binary).run().unwrap();
            assert_eq!(std::fs::read(&binary).unwrap(), bytes(code), "{source}");
        }
    }
}
