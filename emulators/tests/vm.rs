//! When a guest system is chosen, and what is said where there is none.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use triplecheck_emulators::host::TableHost;
use triplecheck_emulators::launch::{Kind, Launch};
use triplecheck_emulators::lookup::{Decision, Options, Reason, lookup};
use triplecheck_emulators::machine::Machine;
use triplecheck_emulators::packages::Piece;
use triplecheck_emulators::target::Target;
use triplecheck_emulators::vm::accelerators::Accelerator;
use triplecheck_emulators::vm::machines::System;
use triplecheck_emulators::vm::{INITRAMFS, survey};

const S390X: &str = "s390x-unknown-linux-gnu";

fn host() -> TableHost {
    let machine = |name| Machine::named(name).unwrap();
    TableHost::new("x86_64-unknown-linux-gnu", "linux", machine("x86_64"))
        .with_builtin_vm(&["/bin/triplecheck", "__vm"])
        .program("/usr/bin/qemu-system-s390x")
        .library("/usr/s390x-linux-gnu/lib/ld64.so.1", machine("s390x"))
}

fn with_kernels(mut host: TableHost) -> TableHost {
    for release in ["6.1.0-50", "6.12.117+deb13", "6.2.0-1"] {
        for file in ["kernel", INITRAMFS] {
            host = host.file(&format!("/cache/vm/s390x/{release}/{file}"));
        }
    }
    // Made by an older triplecheck, whose first process speaks in another way.
    host.file("/cache/vm/s390x/7.0.0/initramfs-0")
}

fn decide(host: &TableHost, triple: &str, emulator: Option<Kind>) -> Decision {
    let options = Options { emulator, ..Options::default() };
    lookup(host, &Target::parse(triple).unwrap(), None, &options)
}

#[track_caller]
fn runs(decision: Decision) -> Launch {
    match decision {
        Decision::Run(launch, _) => launch,
        Decision::Cannot(reason, trace) => panic!("{}\n{trace:#?}", reason.text),
    }
}

#[track_caller]
fn refuses(decision: Decision) -> Reason {
    match decision {
        Decision::Run(launch, _) => panic!("{:?}", launch.prefix),
        Decision::Cannot(reason, _) => reason,
    }
}

fn kernel(launch: &Launch) -> String {
    let place = launch.prefix.iter().position(|word| word == "--kernel").unwrap();
    launch.prefix[place + 1].to_str().unwrap().to_owned()
}

#[test]
fn the_newest_kernel_is_booted_and_a_variant_names_another() {
    let host = with_kernels(host());
    let newest = runs(decide(&host, S390X, Some(Kind::Vm)));
    assert_eq!(kernel(&newest), "/cache/vm/s390x/6.12.117+deb13");
    assert_eq!(newest.sysroot.as_deref(), Some("/usr/s390x-linux-gnu".as_ref()));
    let older = runs(decide(&host, &format!("{S390X}@linux-6.1"), None));
    assert_eq!(kernel(&older), "/cache/vm/s390x/6.1.0-50");
    let absent = refuses(decide(&host, &format!("{S390X}@linux-5.10"), None));
    assert!(absent.text.contains("of version 5.10"), "{}", absent.text);
    assert_eq!((newest.emulator.kind, newest.emulator.cpu.as_deref()), (Kind::Vm, Some("max")));
}

#[test]
fn what_is_missing_is_named_with_the_command_that_brings_it() {
    let none = refuses(decide(&host(), S390X, Some(Kind::Vm)));
    assert!(none.text.contains(&format!("triplecheck setup --vm {S390X}")), "{}", none.text);
    assert_eq!(none.missing, [Piece::GuestSystem("s390x")]);
    let bare = refuses(decide(&host(), "aarch64-unknown-linux-gnu", Some(Kind::Vm)));
    assert_eq!(bare.missing, [Piece::QemuSystem("aarch64"), Piece::GuestSystem("aarch64")]);
    let old = with_kernels(host()).version_of("/usr/bin/qemu-system-s390x", "5.0.0");
    assert!(refuses(decide(&old, S390X, Some(Kind::Vm))).text.contains("O_NOATIME"));
    for version in ["5.0.1", "5.1.0", "10.0"] {
        let fixed = with_kernels(host()).version_of("/usr/bin/qemu-system-s390x", version);
        runs(decide(&fixed, S390X, Some(Kind::Vm)));
    }
    let other = refuses(decide(&host().file("/cache/vm/s390x/6.1.0/kernel"), S390X, Some(Kind::Vm)));
    assert!(other.text.contains("made by another version"), "{}", other.text);
    let broken = with_kernels(host()).defect_of("/usr/bin/qemu-system-s390x", "it prints nothing");
    assert!(refuses(decide(&broken, S390X, Some(Kind::Vm))).text.contains("it prints nothing"));
}

#[test]
fn what_needs_a_kernel_takes_the_guest_system_by_itself_and_nothing_else() {
    let needing = |host: &TableHost, triple: &str, emulator| {
        let options = Options { emulator, needs_kernel: true, ..Options::default() };
        lookup(host, &Target::parse(triple).unwrap(), None, &options)
    };
    let user = |host: TableHost| host.program("/usr/bin/qemu-s390x");
    let there = user(with_kernels(host()));
    assert_eq!(runs(decide(&there, S390X, None)).emulator.kind, Kind::QemuUser);
    assert_eq!(runs(needing(&there, S390X, None)).emulator.kind, Kind::Vm);
    let asked = runs(needing(&there, S390X, Some(Kind::QemuUser)));
    assert_eq!(asked.emulator.kind, Kind::QemuUser, "who names an emulator gets it");
    let none = refuses(needing(&user(host()), S390X, None));
    assert!(
        none.text.starts_with("it needs a kernel of its own machine, and there is no guest system"),
        "{}",
        none.text
    );
    assert_eq!(none.missing, [Piece::GuestSystem("s390x")]);
    let own = runs(needing(&there, "x86_64-unknown-linux-gnu", None));
    assert_eq!(own.emulator.kind, Kind::Native, "the host has a kernel");
    for (triple, part) in [
        ("x86_64-pc-windows-gnu", "runs Linux programs only"),
        ("wasm32-wasip1", "runs Linux programs only"),
        ("loongarch64-unknown-linux-gnu", "no guest system is known for loongarch64"),
    ] {
        let reason = refuses(needing(&there, triple, None));
        assert!(
            reason.text.starts_with("only `vm` has the kernel that it needs"),
            "{triple}: {}",
            reason.text
        );
        assert!(reason.text.contains(part) && reason.missing.is_empty(), "{triple}: {reason:?}");
    }
}

#[test]
fn a_guest_system_is_never_chosen_by_itself_nor_for_what_it_cannot_run() {
    let host = with_kernels(host());
    let reason = refuses(decide(&host, S390X, None));
    assert!(reason.missing.contains(&Piece::QemuUser), "{reason:?}");
    let windows = refuses(decide(&host, "x86_64-pc-windows-gnu", Some(Kind::Vm)));
    assert!(windows.text.contains("runs Linux programs only"), "{}", windows.text);
    let unknown = refuses(decide(&host, "loongarch64-unknown-linux-gnu", Some(Kind::Vm)));
    assert!(unknown.text.contains("no guest system is known"), "{}", unknown.text);
}

#[test]
fn a_survey_tells_what_is_there_of_a_system_and_what_is_wrong_with_it() {
    let system = System::named("s390x").unwrap();
    let none = survey(&host(), system);
    assert!(none.kernels.is_empty() && none.qemu.unwrap().contains("/usr/bin/qemu-system-s390x"));
    let host =
        with_kernels(host()).file("/cache/vm/s390x/7.0.0/kernel").file("/cache/vm/s390x/.making-x/kernel");
    let found = survey(&host, system);
    let kernels: Vec<_> = found.kernels.iter().map(|(name, current)| (name.as_str(), *current)).collect();
    assert_eq!(kernels, [("6.1.0-50", true), ("6.2.0-1", true), ("6.12.117+deb13", true), ("7.0.0", false)]);
    assert_eq!(found.accelerator, Some(Accelerator::Tcg));
    assert!(found.kvm.contains("the host's processor is no s390x"), "{}", found.kvm);
    let old = survey(&host.version_of("/usr/bin/qemu-system-s390x", "4.2.1"), system);
    assert!(old.qemu.unwrap_err().0.contains("`O_NOATIME`"));
    let machine = Machine::named("x86_64").unwrap();
    let bare = survey(&TableHost::new("x86_64-unknown-linux-gnu", "linux", machine), system);
    let (text, missing) = bare.qemu.unwrap_err();
    assert!(text.contains("is not installed") && missing.contains(&Piece::QemuSystem("s390x")), "{text}");
}

/// An armv7 program runs under a kernel of its own machine where there is one, and under aarch64's where that is there alone.
#[test]
fn the_kernel_of_the_program_s_own_machine_comes_first() {
    let machine = |name| Machine::named(name).unwrap();
    let made = |host: TableHost, machine: &str, release: &str| {
        let dir = format!("/cache/vm/{machine}/{release}");
        host.file(&format!("{dir}/kernel")).file(&format!("{dir}/{INITRAMFS}"))
    };
    let host = TableHost::new("x86_64-unknown-linux-gnu", "linux", machine("x86_64"))
        .with_builtin_vm(&["/bin/triplecheck", "__vm"])
        .program("/usr/bin/qemu-system-aarch64")
        .program("/usr/bin/qemu-system-arm")
        .library("/usr/arm-linux-gnueabihf/lib/ld-linux-armhf.so.3", machine("aarch32"));
    let triple = "armv7-unknown-linux-gnueabihf";
    let lent = made(host, "aarch64", "6.12.117+deb13");
    assert_eq!(kernel(&runs(decide(&lent, triple, Some(Kind::Vm)))), "/cache/vm/aarch64/6.12.117+deb13");
    let own = made(lent, "aarch32", "6.1.0-50");
    assert_eq!(kernel(&runs(decide(&own, triple, Some(Kind::Vm)))), "/cache/vm/aarch32/6.1.0-50");
    let variant = format!("{triple}@linux-6.12");
    assert_eq!(kernel(&runs(decide(&own, &variant, None))), "/cache/vm/aarch64/6.12.117+deb13");
}

#[test]
fn kernels_with_pages_of_another_size_are_booted_where_they_are_named() {
    let host = TableHost::new("x86_64-unknown-linux-gnu", "linux", Machine::named("x86_64").unwrap())
        .with_builtin_vm(&["/bin/triplecheck", "__vm"])
        .program("/usr/bin/qemu-system-aarch64")
        .library("/lib/ld-linux-aarch64.so.1", Machine::named("aarch64").unwrap());
    let dir = "/cache/vm/aarch64/6.12.117+deb13";
    let host = ["", "-16k"].iter().fold(host, |host, pages| {
        host.file(&format!("{dir}{pages}/kernel")).file(&format!("{dir}{pages}/{INITRAMFS}"))
    });
    let triple = "aarch64-unknown-linux-gnu";
    let usual = runs(decide(&host, triple, Some(Kind::Vm)));
    assert_eq!((kernel(&usual).as_str(), usual.emulator.cpu.as_deref()), (dir, Some("cortex-a57")));
    let paged = runs(decide(&host, &format!("{triple}@linux-6.12-16k"), None));
    assert_eq!(kernel(&paged), format!("{dir}-16k"));
    // The other processor has no granule of 16 KiB.
    assert_eq!(paged.emulator.cpu.as_deref(), Some("cortex-a76"));
}

/// With both there, the loader of a compiler's directory would load the C library of the host, which may be another version.
#[test]
fn the_host_s_own_libraries_come_before_those_of_a_compiler() {
    let machine = |name| Machine::named(name).unwrap();
    let triple = "i686-unknown-linux-gnu";
    let cross = TableHost::new("x86_64-unknown-linux-gnu", "linux", machine("x86_64"))
        .with_builtin_vm(&["/bin/triplecheck", "__vm"])
        .program("/usr/bin/qemu-system-x86_64")
        .file("/cache/vm/x86_64/6.1.0-50/kernel")
        .file(&format!("/cache/vm/x86_64/6.1.0-50/{INITRAMFS}"))
        .library("/usr/i686-linux-gnu/lib/ld-linux.so.2", machine("x86_32"));
    let lent = runs(decide(&cross, triple, Some(Kind::Vm)));
    assert_eq!(lent.sysroot.as_deref(), Some("/usr/i686-linux-gnu".as_ref()));
    let both = cross.library("/lib/ld-linux.so.2", machine("x86_32"));
    assert_eq!(runs(decide(&both, triple, Some(Kind::Vm))).sysroot, None);
    let options = Options {
        emulator: Some(Kind::Vm),
        sysroots: vec!["/usr/i686-linux-gnu".into()],
        ..Options::default()
    };
    let asked = runs(lookup(&both, &Target::parse(triple).unwrap(), None, &options));
    assert_eq!(asked.sysroot.as_deref(), Some("/usr/i686-linux-gnu".as_ref()));
}

#[test]
fn a_newer_qemu_that_was_unpacked_is_taken_in_the_place_of_a_slow_one() {
    const INSTALLED: &str = "/usr/bin/qemu-system-riscv64";
    const NEWER: &str = "/cache/packages/qemu-system-riscv/usr/bin/qemu-system-riscv64-backport";
    let host = |installed: Option<&str>| {
        let machine = |name| Machine::named(name).unwrap();
        let mut host = TableHost::new("x86_64-unknown-linux-gnu", "linux", machine("x86_64"))
            .with_builtin_vm(&["/bin/triplecheck", "__vm"])
            .library("/usr/riscv64-linux-gnu/lib/ld-linux-riscv64-lp64d.so.1", machine("riscv64"))
            .program(NEWER)
            .version_of(NEWER, "10.0.2");
        for file in ["kernel", INITRAMFS] {
            host = host.file(&format!("/cache/vm/riscv64/6.12.1/{file}"));
        }
        match installed {
            Some(version) => host.program(INSTALLED).version_of(INSTALLED, version),
            None => host,
        }
    };
    let decided = |host: TableHost| decide(&host, "riscv64gc-unknown-linux-gnu", Some(Kind::Vm));
    let taken = |host| runs(decided(host)).emulator.program.unwrap();
    for (version, expected) in [("7.2.22", NEWER), ("8.2.2", INSTALLED), ("10.0.0", INSTALLED)] {
        assert_eq!(taken(host(Some(version))).to_str(), Some(expected), "{version}");
    }
    let broken = host(Some("7.2.22")).defect_of(NEWER, "it does not answer `--version`");
    assert_eq!(taken(broken).to_str(), Some(INSTALLED));
    // Its libraries and its firmware came with the installed one.
    let alone = refuses(decided(host(None)));
    assert_eq!(alone.missing, [Piece::QemuSystem("riscv64"), Piece::GuestSystem("riscv64")]);
}
