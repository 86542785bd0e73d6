//! Programs without an operating system: which board is chosen, and real ones on each board that is installed.
#![cfg(target_os = "linux")]
#![expect(clippy::disallowed_methods, reason = "these tests start guests themselves")]
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "the helpers of tests are tests")]

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use triplecheck_emulators::binary::Binary;
use triplecheck_emulators::host::{LocalHost, TableHost};
use triplecheck_emulators::launch::{Guest, Kind, Launch};
use triplecheck_emulators::lookup::{Decision, Obstacle, Options, Reason, lookup, lookup_binary, target_of};
use triplecheck_emulators::machine::Machine;
use triplecheck_emulators::packages::Piece;
use triplecheck_emulators::target::Target;

/// The status with which every guest here ends.
const STATUS: i32 = 42;

/// Instructions that ask for the command line, print it and end with [`STATUS`], all by semihosting.
#[derive(Clone, Copy)]
struct Code {
    machine: &'static str,
    /// Where the program is loaded, and where it begins.
    address: u64,
    entry: u64,
    words: &'static [u32],
}

/// A vector table and T32 instructions of the smallest microcontroller; memory at 0x2000_0000.
const T32: Code = Code {
    machine: "aarch32",
    address: 0,
    entry: 9,
    words: &[
        0x2000_1000,
        0x0000_0009,
        0x0025_4c09,
        0x6025_3520,
        0x6060_20c8,
        0x2015_0021,
        0x0029_beab,
        0xbeab_2004,
        0x6020_4804,
        0x6060_202a,
        0x2020_0021,
        0xe7fe_beab,
        0x2000_0000,
        0x0002_0026,
    ],
};
/// A32, with memory at 0x2_0000.
const A32: Code = Code {
    machine: "aarch32",
    address: 0x1_0000,
    entry: 0x1_0000,
    words: &[
        0xe3a0_4802,
        0xe284_5020,
        0xe584_5000,
        0xe3a0_00c8,
        0xe584_0004,
        0xe1a0_1004,
        0xe3a0_0015,
        0xef12_3456,
        0xe1a0_1005,
        0xe3a0_0004,
        0xef12_3456,
        0xe3a0_0802,
        0xe380_0026,
        0xe584_0000,
        0xe3a0_002a,
        0xe584_0004,
        0xe1a0_1004,
        0xe3a0_0020,
        0xef12_3456,
        0xeaff_fffe,
    ],
};
/// A64, with memory at 0x9_0000. All processors of the board begin here; all but the first are put to sleep.
const A64: Code = Code {
    machine: "aarch64",
    address: 0x8_0000,
    entry: 0x8_0000,
    words: &[
        0xd538_00a6,
        0xf240_1cdf,
        0x5400_0281,
        0xd2a0_0124,
        0x9100_8085,
        0xd280_1900,
        0xa900_0085,
        0xaa04_03e1,
        0x5280_02a0,
        0xd45e_0000,
        0xaa05_03e1,
        0x5280_0080,
        0xd45e_0000,
        0xd2a0_0040,
        0xb27f_0000,
        0x9100_9000,
        0xd280_0542,
        0xa900_0880,
        0xaa04_03e1,
        0x5280_0400,
        0xd45e_0000,
        0x1400_0000,
        0xd503_205f,
        0x17ff_ffff,
    ],
};
/// RV32I in the highest mode, with memory a page behind its start.
const RV32: Code = Code {
    machine: "riscv32",
    address: 0x8000_0000,
    entry: 0x8000_0000,
    words: &[
        0x0000_1417,
        0x0204_0493,
        0x0094_2023,
        0x0c80_0513,
        0x00a4_2223,
        0x0004_0593,
        0x0150_0513,
        0x01f0_1013,
        0x0010_0073,
        0x4070_5013,
        0x0004_8593,
        0x0040_0513,
        0x01f0_1013,
        0x0010_0073,
        0x4070_5013,
        0x0002_0537,
        0x0265_0513,
        0x00a4_2023,
        0x02a0_0513,
        0x00a4_2223,
        0x0004_0593,
        0x0200_0513,
        0x01f0_1013,
        0x0010_0073,
        0x4070_5013,
        0x0000_006f,
    ],
};
/// The same with stores of 64 bits.
const RV64: Code = Code {
    machine: "riscv64",
    address: 0x8000_0000,
    entry: 0x8000_0000,
    words: &[
        0x0000_1417,
        0x0204_0493,
        0x0094_3023,
        0x0c80_0513,
        0x00a4_3423,
        0x0004_0593,
        0x0150_0513,
        0x01f0_1013,
        0x0010_0073,
        0x4070_5013,
        0x0004_8593,
        0x0040_0513,
        0x01f0_1013,
        0x0010_0073,
        0x4070_5013,
        0x0002_0537,
        0x0265_0513,
        0x00a4_3023,
        0x02a0_0513,
        0x00a4_3423,
        0x0004_0593,
        0x0200_0513,
        0x01f0_1013,
        0x0010_0073,
        0x4070_5013,
        0x0000_006f,
    ],
};
/// The same where OpenSBI starts it in the middle mode.
const RV64_SUPERVISOR: Code = Code { address: 0x8020_0000, entry: 0x8020_0000, ..RV64 };

/// A target of each board, with a program for it.
const GUESTS: &[(&str, Code)] = &[
    ("thumbv6m-none-eabi", T32),
    ("thumbv7m-none-eabi", T32),
    ("thumbv7em-none-eabihf", T32),
    ("thumbv8m.base-none-eabi", T32),
    ("thumbv8m.main-none-eabi", T32),
    ("armv7a-none-eabi", A32),
    ("armv7r-none-eabihf", A32),
    ("armv6-none-eabi", A32),
    ("armv5te-none-eabi", A32),
    ("armv4t-none-eabi", A32),
    ("aarch64-unknown-none", A64),
    ("riscv32i-unknown-none-elf", RV32),
    ("riscv32imac-unknown-none-elf", RV32),
    ("riscv64gc-unknown-none-elf", RV64),
    ("riscv64imac-unknown-none-elf", RV64_SUPERVISOR),
];

/// The program as an ELF file with one segment.
fn image(code: Code) -> Vec<u8> {
    let machine = Machine::named(code.machine).unwrap();
    let wide = machine.elf_bits() == 64;
    let bytes: Vec<u8> = code.words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let mut file = vec![0x7f, b'E', b'L', b'F', if wide { 2 } else { 1 }, 1, 1, 0];
    file.resize(16, 0);
    let int = |file: &mut Vec<u8>, value: u32| file.extend(value.to_le_bytes());
    let half = |file: &mut Vec<u8>, value: u16| file.extend(value.to_le_bytes());
    let word = |file: &mut Vec<u8>, value: u64| {
        file.extend(&value.to_le_bytes()[..if wide { 8 } else { 4 }]);
    };
    let (header, segment) = if wide { (64, 56) } else { (52, 32) };
    half(&mut file, 2); // ET_EXEC
    half(&mut file, machine.elf_machine.unwrap());
    int(&mut file, 1);
    word(&mut file, code.entry);
    word(&mut file, u64::from(header)); // e_phoff
    word(&mut file, 0); // e_shoff
    int(&mut file, if code.machine == "aarch32" { 0x0500_0200 } else { 0 }); // EABI 5
    for value in [header, segment, 1, 0, 0, 0] {
        half(&mut file, value);
    }
    let offset = u64::from(header + segment);
    let len = bytes.len() as u64;
    int(&mut file, 1); // PT_LOAD
    if wide {
        int(&mut file, 7);
    }
    for value in [offset, code.address, code.address, len, len] {
        word(&mut file, value);
    }
    if !wide {
        int(&mut file, 7);
    }
    word(&mut file, 4);
    file.extend(bytes);
    file
}

fn binary(code: Code) -> Binary {
    Binary::read_from(&image(code).as_slice()).unwrap()
}

fn target(triple: &str) -> Target {
    Target::parse(triple).unwrap()
}

fn host() -> TableHost {
    TableHost::new("x86_64-unknown-linux-gnu", "linux", Machine::named("x86_64").unwrap())
}

/// A host with these emulators.
fn host_with(programs: &[&str]) -> TableHost {
    programs.iter().fold(host(), |host, name| host.program(&format!("/usr/bin/{name}")))
}

#[track_caller]
fn run(decision: Decision) -> Launch {
    match decision {
        Decision::Run(launch, _) => launch,
        Decision::Cannot(reason, trace) => panic!("{}\n{trace:#?}", reason.text),
    }
}

#[track_caller]
fn cannot(decision: Decision) -> Reason {
    match decision {
        Decision::Run(launch, trace) => panic!("{:?}\n{trace:#?}", launch.prefix),
        Decision::Cannot(reason, _) => reason,
    }
}

fn shell(launch: &Launch) -> String {
    let args = [OsString::from("x")];
    launch.command(&Guest { program: Path::new("/t/prog"), argv0: None, args: &args }).to_shell()
}

#[test]
fn a_target_gets_its_board_and_its_processor() {
    let host = host_with(&["qemu-system-arm", "qemu-system-riscv64"]);
    let decide = |triple, options: &Options| run(lookup(&host, &target(triple), None, options));
    let options = Options::default();
    assert_eq!(
        shell(&decide("thumbv7m-none-eabi", &options)),
        "/usr/bin/qemu-system-arm -M lm3s6965evb -cpu cortex-m3 -no-user-config -display none -monitor none \
         -serial none -chardev stdio,id=console -semihosting-config \
         enable=on,target=native,chardev=console,arg=/t/prog,arg=x -kernel /t/prog"
    );
    let sound = shell(&decide("armv5te-none-eabi", &options));
    assert!(sound.contains("-M versatilepb -cpu arm926 "), "{sound}");
    assert!(sound.contains(" -audiodev none,id=silence -global pl041.audiodev=silence "), "{sound}");
    let asked = Options { cpu: Some("cortex-m4".into()), ..Options::default() };
    let launch = decide("thumbv7m-none-eabi", &asked);
    assert_eq!((launch.emulator.kind, launch.emulator.cpu.as_deref()), (Kind::QemuSystem, Some("cortex-m4")));
}

#[test]
fn firmware_is_left_out_where_the_program_takes_its_place() {
    let host = host_with(&["qemu-system-riscv64"]);
    let target = target("riscv64gc-unknown-none-elf");
    let decide = |code| run(lookup(&host, &target, Some(&binary(code)), &Options::default()));
    assert!(shell(&decide(RV64)).contains(" -bios none "));
    assert!(!shell(&decide(RV64_SUPERVISOR)).contains("-bios"));
}

#[test]
fn a_missing_emulator_is_named_with_its_package() {
    for (triple, suffix) in [
        ("thumbv6m-none-eabi", "arm"),
        ("aarch64-unknown-none", "aarch64"),
        ("riscv32imac-unknown-none-elf", "riscv32"),
        ("mipsel-unknown-none", "mipsel"),
    ] {
        let reason = cannot(lookup(&host(), &target(triple), None, &Options::default()));
        assert_eq!(reason.obstacle, Obstacle::NotInstalled, "{triple}");
        assert_eq!(reason.missing, [Piece::QemuSystem(suffix)], "{triple}");
        assert_eq!(reason.text, format!("`qemu-system-{suffix}` is not installed"));
    }
}

#[test]
fn a_board_that_came_later_is_named_with_its_version() {
    let host = |version| host_with(&["qemu-system-arm"]).version_of("/usr/bin/qemu-system-arm", version);
    let decide = |version| lookup(&host(version), &target("armv8r-none-eabihf"), None, &Options::default());
    let reason = cannot(decide("7.2.22"));
    assert_eq!(reason.text, "`qemu-system-arm` 7.2.22 has no board `mps3-an536`, which came with QEMU 9.0");
    assert_eq!(run(decide("10.0.2")).emulator.cpu.as_deref(), Some("cortex-r52"));
}

#[test]
fn a_header_tells_bare_metal_only_at_address_zero_and_never_which_processor() {
    let host = host_with(&["qemu-system-arm", "qemu-system-aarch64", "qemu-arm", "qemu-riscv64"]);
    let decide = |code| lookup_binary(&host, &binary(code), Path::new("/t/prog"), &Options::default());
    assert_eq!(target_of(&binary(T32)), None);
    let reason = cannot(decide(T32));
    assert!(reason.text.contains("bare metal") && reason.text.contains("name the target"), "{}", reason.text);
    assert!(reason.text.contains("thumbv7m"), "{}", reason.text);
    // One kind of board for the whole machine: nothing more needs to be known.
    let at_zero = Code { address: 0, entry: 0, ..A64 };
    assert_eq!(run(decide(at_zero)).emulator.kind, Kind::QemuSystem);
    // Elsewhere it looks like a static program of Linux, and is taken for one.
    assert_eq!(run(decide(RV64)).emulator.kind, Kind::QemuUser);
    let reason = cannot(lookup_binary(&self::host(), &binary(RV64), Path::new("/t/p"), &Options::default()));
    assert_eq!(reason.missing, [Piece::QemuUser]);
}

#[test]
fn what_cannot_tell_a_static_program_from_a_bare_one_says_so() {
    let decision = lookup_binary(&host(), &binary(A32), Path::new("/t/prog"), &Options::default());
    let (Decision::Run(_, trace) | Decision::Cannot(_, trace)) = decision;
    let step = trace.iter().find(|step| step.candidate == "qemu-system").unwrap();
    assert!(step.outcome.contains("look alike"), "{}", step.outcome);
}

#[test]
fn a_program_with_a_loader_is_none_for_bare_metal() {
    let Binary::Elf(mut elf) = binary(A32) else { unreachable!() };
    elf.interpreter = Some("/lib/ld-linux.so.3".into());
    let host = host_with(&["qemu-system-arm"]);
    let target = target("armv7a-none-eabi");
    let reason = cannot(lookup(&host, &target, Some(&Binary::Elf(elf)), &Options::default()));
    assert_eq!(reason.obstacle, Obstacle::WrongTarget);
    assert!(reason.text.contains("/lib/ld-linux.so.3"), "{}", reason.text);
}

#[test]
fn what_has_no_board_says_why() {
    for (triple, words) in [
        ("x86_64-unknown-none", "no semihosting for x86"),
        ("avr-none", "simavr"),
        ("bpfel-unknown-none", "loaded into a kernel"),
        ("loongarch64-unknown-none", "no semihosting for LoongArch"),
    ] {
        let reason = cannot(lookup(&host(), &target(triple), None, &Options::default()));
        assert_eq!(reason.obstacle, Obstacle::NoEmulator, "{triple}");
        assert!(reason.text.contains(words), "{triple}: {}", reason.text);
    }
}

/// Writes the program, looks up its launch and starts it; `None`, said aloud, where the emulator is missing.
fn started(dir: &Path, triple: &str, code: Code, args: &[&str]) -> Option<Output> {
    let program: PathBuf = dir.join(format!("{triple}.elf"));
    std::fs::write(&program, image(code)).unwrap();
    let binary = Binary::read(&program).unwrap();
    let launch = match lookup(&LocalHost::new(), &target(triple), Some(&binary), &Options::default()) {
        Decision::Run(launch, _) => launch,
        Decision::Cannot(reason, trace) => {
            let required = std::env::var("TRIPLECHECK_REQUIRE").unwrap_or_default();
            assert!(!required.split(',').any(|item| item == triple), "{}\n{trace:#?}", reason.text);
            println!("skipped: {triple}: {}", reason.text);
            return None;
        }
    };
    let args: Vec<OsString> = args.iter().map(OsString::from).collect();
    let guest = Guest { program: &program, argv0: Some(OsStr::new("own name")), args: &args };
    assert_eq!(launch.unspeakable(&guest), None);
    let line = launch.command(&guest);
    println!("{triple}: {line}");
    Some(Command::new(&line.program).args(&line.args).stdin(Stdio::null()).output().unwrap())
}

#[test]
fn real_programs_print_their_words_and_end_with_their_status_on_every_board() {
    let dir = tempfile::tempdir().unwrap();
    for (triple, code) in GUESTS {
        let Some(output) = started(dir.path(), triple, *code, &["a b", "", "c,d", "it's"]) else { continue };
        let stderr = String::from_utf8_lossy(&output.stderr);
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert_eq!(stdout, "'own name' 'a b' '' c,d \"it's\"", "{triple}: {stderr}");
        assert_eq!(output.status.code(), Some(STATUS), "{triple}: {stderr}");
        // The one line that a board's own timer brings about; nothing of the host's sound, screen or network.
        let lines: Vec<&str> =
            stderr.lines().filter(|line| *line != "Timer with period zero, disabling").collect();
        assert!(lines.is_empty(), "{triple}: {stderr}");
    }
}
