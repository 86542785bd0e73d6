//! The machine table against the real emulators: every one named exists, every CPU model is one they list, and a
//! guest that looks at its own processor agrees with the row.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "asks the real emulators; the spawn modules are for what the tool itself starts"
)]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use triplecheck_emulators::machine::{LongDouble, Machine};
use triplecheck_emulators::target::cpu::NEWER;
use triplecheck_emulators::target::{Cross, Endian, Target};

/// Whether `TRIPLECHECK_REQUIRE` has this word.
fn is_required(name: &str) -> bool {
    std::env::var("TRIPLECHECK_REQUIRE").is_ok_and(|words| words.split(',').any(|word| word == name))
}

/// What a program prints, or `None` (and a word about it) where it is not installed.
fn output(program: &str, args: &[&str]) -> Option<String> {
    match Command::new(program).args(args).output() {
        Ok(output) => Some(String::from_utf8_lossy(&output.stdout).into_owned()),
        Err(error) => {
            assert!(!is_required("qemu-user"), "{program}: {error}");
            println!("skipped: {program}: {error}");
            None
        }
    }
}

/// QEMU's version, as `(7, 2)`.
fn qemu_version(suffix: &str) -> Option<(u32, u32)> {
    let text = output(&format!("qemu-{suffix}"), &["--version"])?;
    let (_, rest) = text.split_once("version ")?;
    let mut numbers = rest.split(['.', ' ']).map_while(|word| word.parse().ok());
    Some((numbers.next()?, numbers.next()?))
}

/// The model's name without the flags that may follow it.
fn model(cpu: &str) -> &str {
    cpu.split(',').next().unwrap_or(cpu)
}

/// Whether `qemu-SUFFIX -cpu help` lists the model: as a word of its own, quoted or not.
fn lists(help: &str, cpu: &str) -> bool {
    help.split([' ', '\n', '\t', '\'', '(', ')']).any(|word| word.eq_ignore_ascii_case(model(cpu)))
}

#[test]
fn every_user_mode_emulator_that_we_name_is_one_that_qemu_7_has() {
    // From Debian 12's qemu-user 7.2. QEMU 9.1 dropped nios2 and 9.2 dropped cris.
    const KNOWN: &[&str] = &[
        "aarch64",
        "aarch64_be",
        "alpha",
        "arm",
        "armeb",
        "cris",
        "hexagon",
        "hppa",
        "i386",
        "loongarch64",
        "m68k",
        "microblaze",
        "microblazeel",
        "mips",
        "mips64",
        "mips64el",
        "mipsel",
        "mipsn32",
        "mipsn32el",
        "nios2",
        "or1k",
        "ppc",
        "ppc64",
        "ppc64le",
        "riscv32",
        "riscv64",
        "s390x",
        "sh4",
        "sh4eb",
        "sparc",
        "sparc32plus",
        "sparc64",
        "x86_64",
        "xtensa",
        "xtensaeb",
    ];
    let named: BTreeSet<&str> = Machine::all().filter_map(|machine| machine.qemu_user).collect();
    assert_eq!(named, KNOWN.iter().copied().collect());
    if qemu_version("aarch64") != Some((7, 2)) {
        println!("skipped: no QEMU 7.2 to compare the list with");
        return;
    }
    for suffix in named {
        assert!(qemu_version(suffix).is_some(), "qemu-{suffix} is not installed");
    }
}

#[test]
fn every_cpu_model_is_one_that_its_emulator_lists() {
    let mut asked: BTreeSet<(&str, &str)> = BTreeSet::new();
    for machine in Machine::all() {
        let models = [machine.cpu_default, machine.cpu_floor].into_iter().flatten();
        asked.extend(models.filter_map(|cpu| Some((machine.qemu_user?, cpu))));
    }
    for target in Target::all() {
        let Some(suffix) = target.machine().and_then(|machine| machine.qemu_user) else { continue };
        // `Target::all` yields targets without a variant, so the default is a name of the table's.
        let models = [target.cpu_default().map(String::from), target.cpu_floor().map(String::from)];
        for cpu in models.into_iter().flatten() {
            asked.insert((suffix, String::leak(cpu)));
        }
    }
    assert!(asked.len() > 20, "{asked:?}");
    for (suffix, cpu) in asked {
        if NEWER.iter().any(|(newer, _)| *newer == model(cpu)) {
            continue;
        }
        let Some(help) = output(&format!("qemu-{suffix}"), &["-cpu", "help"]) else { continue };
        assert!(lists(&help, cpu), "qemu-{suffix} -cpu help lists no {cpu}:\n{help}");
    }
}

#[test]
fn newer_models_are_used_and_really_newer() {
    for (cpu, since) in NEWER {
        let used = Target::all().any(|target| target.cpu_default() == Some(cpu));
        assert!(used, "{cpu} ({since})");
    }
    // `max` is old elsewhere; on RISC-V it is not.
    if qemu_version("riscv64") == Some((7, 2)) {
        let help = output("qemu-riscv64", &["-cpu", "help"]).unwrap_or_default();
        assert!(!lists(&help, "max"), "{help}");
    }
}

/// Prints what the table claims: pointer width, byte order, NaN, page, `char`, `long double`.
const GUEST: &str = r#"
#include <float.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
int main(void) {
    volatile float zero = 0;
    float nan = zero / zero;
    uint32_t bits, one = 1;
    memcpy(&bits, &nan, 4);
    printf("%d %d %08x %ld %d %d\n", (int)sizeof(void *) * 8, *(char *)&one == 1, (unsigned)bits,
           sysconf(_SC_PAGESIZE), (char)-1 < 0, LDBL_MANT_DIG);
    return 0;
}
"#;

/// What [`GUEST`] should print on a machine.
fn expected(machine: &Machine) -> String {
    let mantissa = match machine.long_double {
        LongDouble::Binary64 => 53,
        LongDouble::X87 => 64,
        LongDouble::Binary128 => 113,
        LongDouble::DoubleDouble => 106,
    };
    format!(
        "{} {} {:08x} {} {} {mantissa}\n",
        machine.bits,
        u8::from(machine.endian == Endian::Little),
        machine.nan_bits,
        machine.page_bytes,
        u8::from(machine.char_signed),
    )
}

#[test]
fn a_guest_finds_itself_on_the_machine_that_the_table_describes() {
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("guest.c");
    std::fs::write(&source, GUEST).unwrap();
    for cross in Cross::all().filter(|cross| !cross.loaders.is_empty()) {
        let machine = Machine::named(cross.machine).unwrap();
        let compiler = format!("{}-gcc", cross.prefix);
        let program = directory.path().join(cross.prefix);
        let Ok(build) = Command::new(&compiler).arg(&source).arg("-o").arg(&program).output() else {
            let required = cross.triples.iter().any(|triple| is_required(triple));
            assert!(!required, "{compiler} is not installed");
            println!("skipped: {compiler} is not installed");
            continue;
        };
        let errors = String::from_utf8_lossy(&build.stderr);
        assert!(build.status.success(), "{compiler}: {errors}");
        let Some(suffix) = machine.qemu_user else {
            println!("skipped: QEMU runs no {}", machine.name);
            continue;
        };
        // The host's own compiler has no sysroot of this name; its programs run on the host's.
        let sysroot = if Path::new(cross.sysroot).is_dir() { cross.sysroot } else { "/" };
        let told = |cpu: Option<&str>| {
            let mut args = vec!["-L", sysroot];
            args.extend(cpu.iter().flat_map(|cpu| ["-cpu", cpu]));
            args.push(program.to_str().expect("a temporary path in UTF-8"));
            output(&format!("qemu-{suffix}"), &args)
        };
        for cpu in [None, machine.cpu_floor] {
            if let Some(text) = told(cpu) {
                assert_eq!(text, expected(machine), "{} on {cpu:?}", cross.prefix);
            }
        }
    }
}
