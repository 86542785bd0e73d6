//! The CPU model that was asked for, judged by what the installed emulator says it has.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::path::Path;

use triplecheck_emulators::binary::{Binary, Elf};
use triplecheck_emulators::host::{Host, LocalHost, TableHost};
use triplecheck_emulators::lookup::{Decision, Obstacle, Options, Reason, lookup, lookup_binary};
use triplecheck_emulators::machine::Machine;
use triplecheck_emulators::target::Target;

/// A host with one statically linked emulator, its version and the models that it lists.
fn host(suffix: &str, version: &str, models: &[&str]) -> TableHost {
    let path = format!("/usr/bin/qemu-{suffix}-static");
    let host = TableHost::new("x86_64-unknown-linux-gnu", "linux", Machine::named("x86_64").unwrap());
    host.static_program(&path).version_of(&path, version).cpu_models_of(&path, models)
}

fn static_elf(triple: &str) -> Elf {
    let machine = Target::parse(triple).unwrap().machine().unwrap();
    Elf {
        bits: machine.elf_bits(),
        endian: machine.endian,
        machine: machine.elf_machine.unwrap(),
        flags: 0,
        load_address: Some(0x1_0000),
        interpreter: None,
        needed: Vec::new(),
        runpath: Vec::new(),
        executable: true,
        complete: true,
    }
}

/// The decision for a static program of this target, whose variant counts, with the CPU asked for by option.
fn decide(host: &dyn Host, triple: &str, cpu: Option<&str>) -> Decision {
    let target = Target::parse(triple).unwrap();
    let options = Options { cpu: cpu.map(str::to_owned), ..Options::default() };
    lookup(host, &target, Some(&Binary::Elf(static_elf(target.triple()))), &options)
}

#[track_caller]
fn refused(decision: Decision) -> Reason {
    match decision {
        Decision::Run(launch, trace) => panic!("{:?}\n{trace:#?}", launch.prefix),
        Decision::Cannot(reason, _) => reason,
    }
}

#[track_caller]
fn cpu_of(decision: Decision) -> Option<String> {
    match decision {
        Decision::Run(launch, _) => launch.emulator.cpu,
        Decision::Cannot(reason, trace) => panic!("{}\n{trace:#?}", reason.text),
    }
}

const AARCH64: &str = "aarch64-unknown-linux-gnu";
const AARCH64_MODELS: &[&str] = &["a64fx", "cortex-a35", "cortex-a53", "cortex-a57", "max"];

#[test]
fn a_model_that_is_listed_is_taken_and_another_is_refused_with_the_nearest() {
    let host = host("aarch64", "7.2.22", AARCH64_MODELS);
    assert_eq!(cpu_of(decide(&host, AARCH64, Some("cortex-a57"))).as_deref(), Some("cortex-a57"));
    assert_eq!(cpu_of(decide(&host, AARCH64, Some("max,sve=off"))).as_deref(), Some("max,sve=off"));
    let reason = refused(decide(&host, AARCH64, Some("cortex-a55")));
    assert_eq!(reason.obstacle, Obstacle::Forbidden);
    assert_eq!(
        reason.text,
        "`qemu-aarch64 7.2.22` has no CPU model `cortex-a55`: did you mean `cortex-a35`, `cortex-a53`, `cortex-a57`?"
    );
    let reason = refused(decide(&host, AARCH64, Some("z13")));
    assert!(
        reason.text.ends_with("`/usr/bin/qemu-aarch64-static -cpu help` lists those it has"),
        "{}",
        reason.text
    );
}

#[test]
fn a_variant_of_the_target_and_a_floor_are_judged_alike() {
    let s390x = host("s390x", "7.2.22", &["qemu", "max", "z10EC", "z13"]);
    assert_eq!(cpu_of(decide(&s390x, "s390x-unknown-linux-gnu@z13", None)).as_deref(), Some("z13"));
    let reason = refused(decide(&s390x, "s390x-unknown-linux-gnu@z31", None));
    assert!(reason.text.contains("did you mean `z13`"), "{}", reason.text);

    let without_floor = host("aarch64", "7.2.22", &["cortex-a57"]);
    let options = Options { floor: true, ..Options::default() };
    let target = Target::parse(AARCH64).unwrap();
    let program = Binary::Elf(static_elf(AARCH64));
    let reason = refused(lookup(&without_floor, &target, Some(&program), &options));
    assert!(reason.text.contains("no CPU model `cortex-a53`"), "{}", reason.text);
}

#[test]
fn a_model_that_came_later_is_named_with_its_version() {
    let host = host("riscv64", "7.2.22", &["any", "rv64"]);
    let reason = refused(decide(&host, "riscv64gc-unknown-linux-gnu", Some("max")));
    assert!(reason.text.ends_with("it came with QEMU 8.2"), "{}", reason.text);
}

#[test]
fn spelling_and_blanks_count_as_little_as_for_the_emulator() {
    let host = host("sparc64", "7.2.22", &["TI UltraSparc II", "Sun UltraSparc T1"]);
    assert!(cpu_of(decide(&host, "sparc64-unknown-linux-gnu", Some("sun-ultrasparc-t1"))).is_some());
}

#[test]
fn an_emulator_that_lists_nothing_is_left_to_judge_for_itself() {
    let silent = host("hexagon", "7.2.22", &[]);
    let decision = decide(&silent, "hexagon-unknown-linux-musl", Some("v67"));
    let (Decision::Run(_, trace) | Decision::Cannot(_, trace)) = &decision;
    assert!(trace.iter().any(|step| step.outcome.contains("does not tell its CPU models")), "{trace:#?}");
    assert_eq!(cpu_of(decision).as_deref(), Some("v67"));
}

#[test]
fn what_the_translator_does_not_have_is_told() {
    const X86_64: &str = "x86_64-unknown-linux-gnu";
    let host = host("x86_64", "7.2.22", &["Haswell", "Nehalem", "Skylake-Server", "max"]);
    for asked in ["x86-64-v4", "max,+avx512f", "Haswell,avx512bw=on"] {
        let reason = refused(decide(&host, X86_64, Some(asked)));
        assert_eq!(reason.obstacle, Obstacle::Forbidden, "{asked}");
        assert!(reason.text.contains("AVX-512"), "{}", reason.text);
    }
    let reason = refused(decide(&host, X86_64, Some("x86-64-v3")));
    assert!(reason.text.ends_with("it is `Haswell` there"), "{}", reason.text);
    let decision = decide(&host, X86_64, Some("Skylake-Server"));
    let (Decision::Run(_, trace) | Decision::Cannot(_, trace)) = &decision;
    assert!(
        trace.iter().any(|step| step.candidate == "cpu" && step.outcome.contains("AVX-512")),
        "{trace:#?}"
    );
    assert!(cpu_of(decision).is_some());
}

#[test]
fn an_old_qemu_is_refused_where_it_is_known_to_fail_and_a_newer_one_is_named() {
    const POWERPC: &str = "powerpc-unknown-linux-gnu";
    const LOADER: &str = "/lib/ld.so.1";
    let machine = Target::parse(POWERPC).unwrap().machine().unwrap();
    let root = "/usr/powerpc-linux-gnu/lib";
    let host = |version| {
        host("ppc", version, &[])
            .library(&format!("{root}/ld.so.1"), machine)
            .library(&format!("{root}/libm.so.6"), machine)
            .library(&format!("{root}/libc.so.6"), machine)
    };
    let program = |needed: &[&str]| {
        let needed = needed.iter().map(ToString::to_string).collect();
        Binary::Elf(Elf { interpreter: Some(LOADER.into()), needed, ..static_elf(POWERPC) })
    };
    let with_libm = program(&["libm.so.6", "libc.so.6"]);
    let target = Target::parse(POWERPC).unwrap();
    let options = Options::default();
    let reason = refused(lookup(&host("7.2.22"), &target, Some(&with_libm), &options));
    assert_eq!(reason.obstacle, Obstacle::NotInstalled);
    assert!(reason.text.starts_with("`qemu-ppc` 7.2.22 "), "{}", reason.text);
    assert!(reason.text.ends_with("QEMU 10.0 is known to work"), "{}", reason.text);
    refused(lookup(&host("7.2.22"), &target, None, &options));
    refused(lookup_binary(&host("7.2.22"), &with_libm, Path::new("/t/p"), &options));
    // Without libm, or with musl's, or with a new QEMU, nothing speaks against it.
    cpu_of(lookup(&host("7.2.22"), &target, Some(&program(&["libc.so.6"])), &options));
    cpu_of(lookup(&host("10.0.2"), &target, Some(&with_libm), &options));
    let musl = Target::parse("powerpc-unknown-linux-musl").unwrap();
    cpu_of(lookup(&host("7.2.22"), &musl, Some(&program(&["libc.so.6"])), &options));

    let loongarch = self::host("loongarch64", "7.2.22", &["la464"]);
    let reason = refused(decide(&loongarch, "loongarch64-unknown-linux-musl", None));
    assert!(reason.text.contains("LSX"), "{}", reason.text);
}

#[test]
fn installed_emulators_list_models_that_they_take() {
    let cache = tempfile::tempdir().unwrap();
    let host = || LocalHost::new().with_variable("TRIPLECHECK_CACHE", Some(cache.path().into()));
    // Found in the user's own cache too, where private packages are.
    let finder = LocalHost::new();
    let mut listed = 0;
    for (suffix, expected) in [
        ("aarch64", "cortex-a53"),
        ("arm", "cortex-a8"),
        ("i386", "coreduo"),
        ("m68k", "m68020"),
        ("mips", "24Kf"),
        ("ppc", "750"),
        ("riscv64", "sifive-u54"),
        ("s390x", "z13"),
        ("sparc64", "Sun-UltraSparc-T1"),
        ("x86_64", "Haswell"),
    ] {
        let names = [format!("qemu-{suffix}-static"), format!("qemu-{suffix}")];
        let Some(program) = names.iter().find_map(|name| finder.find_program(name)) else {
            println!("skipped: {suffix}: not installed");
            continue;
        };
        let models = host().cpu_models(&program.path).unwrap();
        let plain = |name: &str| name.replace(' ', "-");
        assert!(models.iter().any(|model| plain(model) == expected), "{suffix}: {models:?}");
        assert!(!models.iter().any(String::is_empty), "{suffix}: {models:?}");
        assert_eq!(host().cpu_models(&program.path), Some(models), "{suffix} is remembered otherwise");
        listed += 1;
    }
    assert!(
        listed > 0 || std::env::var("TRIPLECHECK_REQUIRE").is_err(),
        "emulators are required and none was there"
    );
}
