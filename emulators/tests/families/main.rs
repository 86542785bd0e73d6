//! What each family makes of a program, on hosts made by hand.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod windows;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use triplecheck_emulators::binary::{Binary, Elf, Pe, Script, Wasm};
use triplecheck_emulators::host::TableHost;
use triplecheck_emulators::launch::{Guest, Kind, Launch, Preparation};
use triplecheck_emulators::lookup::{Decision, Obstacle, Options, Reason, lookup, lookup_binary};
use triplecheck_emulators::machine::Machine;
use triplecheck_emulators::packages::Piece;
use triplecheck_emulators::target::Target;

fn target(triple: &str) -> Target {
    Target::parse(triple).unwrap()
}

fn machine(triple: &str) -> &'static Machine {
    target(triple).machine().unwrap()
}

const X86_64: &str = "x86_64-unknown-linux-gnu";
const I686: &str = "i686-unknown-linux-gnu";
const AARCH64: &str = "aarch64-unknown-linux-gnu";
const RISCV64: &str = "riscv64gc-unknown-linux-gnu";
const WINDOWS: &str = "x86_64-pc-windows-gnu";
const WASI: &str = "wasm32-wasip1";

fn host() -> TableHost {
    TableHost::new(X86_64, "linux", machine(X86_64))
        .library("/lib64/ld-linux-x86-64.so.2", machine(X86_64))
        .variable("LANG", "C.UTF-8")
}

fn qemu_host() -> TableHost {
    host()
        .program("/usr/bin/qemu-aarch64")
        .library("/usr/aarch64-linux-gnu/lib/ld-linux-aarch64.so.1", machine(AARCH64))
        .library("/usr/aarch64-linux-gnu/lib/libc.so.6", machine(AARCH64))
}

fn elf(triple: &str, interpreter: Option<&str>, needed: &[&str]) -> Elf {
    let machine = machine(triple);
    Elf {
        bits: machine.bits,
        endian: machine.endian,
        machine: machine.elf_machine.unwrap(),
        flags: 0,
        load_address: Some(0x1_0000),
        interpreter: interpreter.map(str::to_owned),
        needed: needed.iter().map(ToString::to_string).collect(),
        runpath: Vec::new(),
        executable: true,
        complete: true,
    }
}

fn dynamic_aarch64(needed: &[&str]) -> Elf {
    elf(AARCH64, Some("/lib/ld-linux-aarch64.so.1"), needed)
}

fn pe(machine: u16, imports: &[&str]) -> Binary {
    Binary::Pe(Pe {
        machine,
        subsystem: 3,
        linker: (14, 0),
        imports: imports.iter().map(ToString::to_string).collect(),
        delay_imports: Vec::new(),
        is_dll: false,
        complete: true,
    })
}

fn module() -> Wasm {
    Wasm {
        component: false,
        imports: vec!["wasi_snapshot_preview1".into()],
        exceptions: false,
        start: true,
        complete: true,
    }
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

fn of(host: &TableHost, triple: &str, binary: &Binary, options: &Options) -> Decision {
    lookup(host, &target(triple), Some(binary), options)
}

/// The command line for `/t/prog x`, as a shell reads it.
fn shell(launch: &Launch) -> String {
    let args = [OsString::from("x")];
    launch.command(&Guest { program: Path::new("/t/prog"), argv0: None, args: &args }).to_shell()
}

fn outcome_of<'a>(decision: &'a Decision, candidate: &str) -> &'a str {
    let (Decision::Run(_, trace) | Decision::Cannot(_, trace)) = decision;
    let step = trace.iter().find(|step| step.candidate == candidate);
    step.map_or_else(|| panic!("no {candidate} in {trace:#?}"), |step| step.outcome.as_str())
}

#[test]
fn a_static_program_gets_no_sysroot() {
    let launch = run(of(&qemu_host(), AARCH64, &Binary::Elf(elf(AARCH64, None, &[])), &Options::default()));
    assert_eq!(shell(&launch), "/usr/bin/qemu-aarch64 -0 /t/prog /t/prog x");
}

#[test]
fn the_static_emulator_comes_first_and_inherits_the_guests_variables() {
    let host = qemu_host()
        .static_program("/usr/bin/qemu-aarch64-static")
        .variable("LD_LIBRARY_PATH", "/caller")
        .variable("LD_PRELOAD", "/p.so");
    let options = Options { library_path: vec!["/t/lib".into()], ..Options::default() };
    let launch = run(of(&host, AARCH64, &Binary::Elf(dynamic_aarch64(&["libc.so.6"])), &options));
    assert_eq!(
        shell(&launch),
        "env LD_LIBRARY_PATH=/t/lib\"${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}\" \
         /usr/bin/qemu-aarch64-static -0 /t/prog -L /usr/aarch64-linux-gnu /t/prog x"
    );
}

#[test]
fn a_dynamic_emulator_does_not_see_the_guests_loader_variables() {
    let host = qemu_host().variable("LD_LIBRARY_PATH", "/caller:rel").variable("LD_PRELOAD", "/p.so");
    let options = Options { library_path: vec!["/t/lib".into()], ..Options::default() };
    let launch = run(of(&host, AARCH64, &Binary::Elf(dynamic_aarch64(&[])), &options));
    assert_eq!(
        shell(&launch),
        "env -u LD_LIBRARY_PATH -u LD_PRELOAD /usr/bin/qemu-aarch64 -0 /t/prog -L /usr/aarch64-linux-gnu \
         -E LD_LIBRARY_PATH=/t/lib:/caller -E LD_PRELOAD=/p.so /t/prog x"
    );
}

#[test]
fn a_comma_which_the_emulator_would_split_at_goes_by_the_environment() {
    let options = Options { library_path: vec!["/a,b".into()], ..Options::default() };
    let decision = of(&qemu_host(), AARCH64, &Binary::Elf(dynamic_aarch64(&[])), &options);
    assert!(outcome_of(&decision, "LD_LIBRARY_PATH").contains("comma"));
    assert!(shell(&run(decision)).starts_with("env LD_LIBRARY_PATH=/a,b /usr/bin/qemu-aarch64 -0"));
}

#[test]
fn the_callers_qemu_variables_are_removed() {
    let host = qemu_host().variable("QEMU_CPU", "z14").variable("QEMU_STRACE", "1");
    let launch = run(of(&host, AARCH64, &Binary::Elf(elf(AARCH64, None, &[])), &Options::default()));
    assert!(shell(&launch).starts_with("env -u QEMU_CPU -u QEMU_STRACE /usr/bin/qemu-aarch64"));
}

#[test]
fn the_callers_sysroot_is_a_candidate_but_not_a_command() {
    let own = "/opt/root/lib/ld-linux-aarch64.so.1";
    let host = qemu_host().variable("QEMU_LD_PREFIX", "/opt/root");
    let wrong = of(&host, AARCH64, &Binary::Elf(dynamic_aarch64(&[])), &Options::default());
    assert_eq!(run(wrong).sysroot, Some(PathBuf::from("/usr/aarch64-linux-gnu")));
    let host = host.library(own, machine(AARCH64));
    let right = of(&host, AARCH64, &Binary::Elf(dynamic_aarch64(&[])), &Options::default());
    assert_eq!(run(right).sysroot, Some(PathBuf::from("/opt/root")));
}

#[test]
fn a_cpu_model_asked_for_is_passed_on_and_keeps_native_away() {
    let options = Options { cpu: Some("Haswell".into()), ..Options::default() };
    let host = host().program("/usr/bin/qemu-x86_64");
    let decision = lookup(&host, &target(X86_64), None, &options);
    assert!(outcome_of(&decision, "native").contains("Haswell"));
    let launch = run(decision);
    assert_eq!(launch.emulator.cpu.as_deref(), Some("Haswell"));
    assert_eq!(shell(&launch), "/usr/bin/qemu-x86_64 -0 /t/prog -cpu Haswell -L / /t/prog x");
    let variant = lookup(&host, &target("x86_64-unknown-linux-gnu@Nehalem"), None, &Options::default());
    assert_eq!(run(variant).emulator.cpu.as_deref(), Some("Nehalem"));
}

#[test]
fn a_loader_of_another_machine_makes_no_sysroot() {
    let host = host()
        .program("/usr/bin/qemu-aarch64")
        .library("/usr/aarch64-linux-gnu/lib/ld-linux-aarch64.so.1", machine(RISCV64));
    let decision = of(&host, AARCH64, &Binary::Elf(dynamic_aarch64(&[])), &Options::default());
    assert!(outcome_of(&decision, "sysroot /usr/aarch64-linux-gnu").contains("another machine"));
    let reason = cannot(decision);
    assert_eq!(reason.obstacle, Obstacle::LibraryMissing);
    assert_eq!(reason.missing, [Piece::CrossLibc("aarch64-linux-gnu")]);
}

#[test]
fn an_absolute_link_that_leads_out_of_the_sysroot_is_named() {
    let loader = "/usr/aarch64-linux-gnu/lib/ld-linux-aarch64.so.1";
    let host =
        host().program("/usr/bin/qemu-aarch64").dangling_link(loader, "/lib/aarch64-linux-gnu/ld-2.31.so");
    let decision = of(&host, AARCH64, &Binary::Elf(dynamic_aarch64(&[])), &Options::default());
    assert_eq!(
        outcome_of(&decision, "sysroot /usr/aarch64-linux-gnu"),
        "its `lib/ld-linux-aarch64.so.1` is a link that leads out of it, to `/lib/aarch64-linux-gnu/ld-2.31.so`"
    );
}

#[test]
fn a_multiarch_host_is_its_own_sysroot() {
    let host =
        host().program("/usr/bin/qemu-aarch64").library("/lib/ld-linux-aarch64.so.1", machine(AARCH64));
    let launch = run(of(&host, AARCH64, &Binary::Elf(dynamic_aarch64(&[])), &Options::default()));
    assert_eq!(launch.sysroot, Some(PathBuf::from("/")));
}

#[test]
fn a_machine_that_no_rustc_target_has_is_known_by_its_header() {
    let hppa = Machine::named("hppa").unwrap();
    let powerpc = Machine::named("powerpc").unwrap();
    // Both ask for the same loader; only the machine tells the sysroots apart.
    let host = host()
        .program("/usr/bin/qemu-hppa")
        .library("/lib/ld.so.1", powerpc)
        .library("/usr/hppa-linux-gnu/lib/ld.so.1", hppa);
    let mut program = elf("powerpc-unknown-linux-gnu", Some("/lib/ld.so.1"), &[]);
    program.machine = hppa.elf_machine.unwrap();
    let binary = Binary::Elf(program);
    let launch = run(lookup_binary(&host, &binary, Path::new("/t/prog"), &Options::default()));
    assert_eq!(shell(&launch), "/usr/bin/qemu-hppa -0 /t/prog -L /usr/hppa-linux-gnu /t/prog x");
    assert_eq!(triplecheck_emulators::lookup::target_of(&binary), None);
}

#[test]
fn the_floor_of_a_target_is_emulated_and_never_native() {
    let options = Options { floor: true, ..Options::default() };
    let host = i686_host().program("/usr/bin/qemu-i386").library("/lib/ld-linux.so.2", machine(I686));
    let launch = run(lookup(&host, &target("i586-unknown-linux-musl"), None, &options));
    assert_eq!(shell(&launch), "/usr/bin/qemu-i386 -0 /t/prog -cpu pentium /t/prog x");
}

#[test]
fn a_target_that_needs_a_newer_cpu_model_is_refused_by_an_old_qemu() {
    let target = target("riscv64a23-unknown-linux-gnu");
    let qemu = |version| {
        host()
            .program("/usr/bin/qemu-riscv64")
            .version_of("/usr/bin/qemu-riscv64", version)
            .library("/usr/riscv64-linux-gnu/lib/ld-linux-riscv64-lp64d.so.1", target.machine().unwrap())
    };
    let reason = cannot(lookup(&qemu("7.2.22"), &target, None, &Options::default()));
    assert_eq!(reason.text, "`qemu-riscv64` 7.2.22 has no CPU model `max`, which came with QEMU 8.2");
    let launch = run(lookup(&qemu("10.0.2"), &target, None, &Options::default()));
    assert_eq!(
        shell(&launch),
        "/usr/bin/qemu-riscv64 -0 /t/prog -cpu max -L /usr/riscv64-linux-gnu /t/prog x"
    );
    // Who names a model knows better.
    let options = Options { cpu: Some("rv64,v=true".into()), ..Options::default() };
    run(lookup(&qemu("7.2.22"), &target, None, &options));
}

#[test]
fn a_header_of_another_machine_of_the_family_is_not_taken_for_the_targets() {
    for (triple, other) in [
        ("x86_64-unknown-linux-gnux32", I686),
        ("mips-unknown-linux-gnu", "mipsisa32r6-unknown-linux-gnu"),
        ("mipsisa64r6el-unknown-linux-gnuabi64", "mips64el-unknown-linux-gnuabi64"),
    ] {
        let mut program = elf(other, None, &[]);
        program.flags = if other.starts_with("mipsisa32r6") { 0x9000_1000 } else { 0 };
        let reason = cannot(of(&host(), triple, &Binary::Elf(program), &Options::default()));
        assert_eq!(reason.obstacle, Obstacle::WrongTarget, "{triple}");
    }
    // But 32-bit SPARC has two numbers for one kind of program.
    let mut program = elf("sparc-unknown-linux-gnu", None, &[]);
    program.machine = 2;
    let host = host().program("/usr/bin/qemu-sparc32plus");
    run(of(&host, "sparc-unknown-linux-gnu", &Binary::Elf(program), &Options::default()));
}

#[test]
fn an_emulator_and_a_library_that_are_both_missing_are_both_named() {
    let reason = cannot(lookup(&host(), &target(AARCH64), None, &Options::default()));
    assert_eq!(reason.obstacle, Obstacle::NotInstalled);
    assert_eq!(reason.missing, [Piece::QemuUser, Piece::CrossGcc("aarch64-linux-gnu")]);
}

#[test]
fn a_missing_library_is_named_before_the_start() {
    let program = Binary::Elf(dynamic_aarch64(&["libc.so.6", "libgcc_s.so.1", "libfoo.so"]));
    let reason = cannot(of(&qemu_host(), AARCH64, &program, &Options::default()));
    assert_eq!(reason.text, "the library `libgcc_s.so.1` is not in the sysroot `/usr/aarch64-linux-gnu`");
    assert_eq!(reason.missing, [Piece::CrossGcc("aarch64-linux-gnu")]);
}

#[test]
fn a_library_of_another_machine_does_not_count() {
    let host = qemu_host().library("/t/lib/libfoo.so", machine(X86_64));
    let options = Options { library_path: vec!["/t/lib".into()], ..Options::default() };
    let program = Binary::Elf(dynamic_aarch64(&["libfoo.so"]));
    assert_eq!(cannot(of(&host, AARCH64, &program, &options)).obstacle, Obstacle::LibraryMissing);
    let host = host.library("/t/lib/libfoo.so", machine(AARCH64));
    run(of(&host, AARCH64, &program, &options));
}

#[test]
fn what_is_not_certain_about_libraries_is_left_to_the_loader() {
    let host = qemu_host();
    let mut program = dynamic_aarch64(&["libfoo.so"]);
    program.runpath = vec!["$ORIGIN/../lib".into()];
    run(of(&host, AARCH64, &Binary::Elf(program.clone()), &Options::default()));
    let options = Options { origin: Some("/t".into()), ..Options::default() };
    let reason = cannot(of(&host, AARCH64, &Binary::Elf(program.clone()), &options));
    assert_eq!(reason.obstacle, Obstacle::LibraryMissing);
    let host = host.library("/t/../lib/libfoo.so", machine(AARCH64));
    run(of(&host, AARCH64, &Binary::Elf(program.clone()), &options));
    program.runpath = vec!["/opt/$LIB".into()];
    run(of(&host, AARCH64, &Binary::Elf(program.clone()), &options));
    program.runpath.clear();
    program.complete = false;
    run(of(&host, AARCH64, &Binary::Elf(program), &options));
}

fn i686_host() -> TableHost {
    host().executing(machine(I686))
}

fn dynamic_i686(needed: &[&str]) -> Binary {
    Binary::Elf(elf(I686, Some("/lib/ld-linux.so.2"), needed))
}

#[test]
fn a_32_bit_program_runs_natively_where_its_loader_is() {
    let host = i686_host().library("/lib/ld-linux.so.2", machine(I686));
    let launch = run(of(&host, I686, &dynamic_i686(&[]), &Options::default()));
    assert_eq!(shell(&launch), "/t/prog x");
    let launch = run(of(&i686_host(), I686, &Binary::Elf(elf(I686, None, &[])), &Options::default()));
    assert_eq!((launch.emulator.kind, shell(&launch).as_str()), (Kind::Native, "/t/prog x"));
}

#[test]
fn a_32_bit_program_runs_through_the_cross_sysroots_loader() {
    let loader = "/usr/i686-linux-gnu/lib/ld-linux.so.2";
    let host = i686_host().library(loader, machine(I686)).text_in(loader, "--argv0");
    let options = Options { library_path: vec!["/t".into()], ..Options::default() };
    let host = host.library("/t/libx.so", machine(I686));
    let decision = of(&host, I686, &dynamic_i686(&["libx.so"]), &options);
    assert!(outcome_of(&decision, &format!("loader {loader}")).contains("/proc/self/exe"));
    let launch = run(decision);
    assert_eq!(launch.emulator.kind, Kind::Native);
    assert_eq!(
        shell(&launch),
        "/usr/i686-linux-gnu/lib/ld-linux.so.2 --argv0 /t/prog --library-path /t:/usr/i686-linux-gnu/lib /t/prog x"
    );
}

#[test]
fn a_host_with_the_32_bit_loader_but_not_the_library_falls_back_to_the_sysroot() {
    let host = i686_host()
        .library("/lib/ld-linux.so.2", machine(I686))
        .library("/usr/i686-linux-gnu/lib/ld-linux.so.2", machine(I686));
    let program = dynamic_i686(&["libgcc_s.so.1"]);
    assert_eq!(
        cannot(of(&host, I686, &program, &Options::default())).missing,
        [Piece::CrossGcc("i686-linux-gnu")]
    );
    let host = host.library("/usr/i686-linux-gnu/lib/libgcc_s.so.1", machine(I686));
    let launch = run(of(&host, I686, &program, &Options::default()));
    assert_eq!(launch.sysroot, Some(PathBuf::from("/usr/i686-linux-gnu")));
}

#[test]
fn a_kernel_without_32_bit_support_leaves_it_to_qemu() {
    let host =
        host().program("/usr/bin/qemu-i386").library("/usr/i686-linux-gnu/lib/ld-linux.so.2", machine(I686));
    let launch = run(of(&host, I686, &dynamic_i686(&[]), &Options::default()));
    assert_eq!(launch.emulator.kind, Kind::QemuUser);
}

#[test]
fn a_file_for_another_target_is_refused_and_both_are_named() {
    let reason = cannot(of(&qemu_host(), RISCV64, &Binary::Elf(dynamic_aarch64(&[])), &Options::default()));
    assert_eq!(reason.obstacle, Obstacle::WrongTarget);
    assert_eq!(
        reason.text,
        "the file is a 64-bit little-endian ELF program for aarch64, not a program of `riscv64gc-unknown-linux-gnu`"
    );
    for (triple, binary) in [
        (AARCH64, pe(0x8664, &[])),
        (WINDOWS, Binary::Elf(dynamic_aarch64(&[]))),
        (WINDOWS, pe(0x14c, &[])),
        (WASI, pe(0x8664, &[])),
        (WASI, Binary::Wasm(Wasm { component: true, ..module() })),
        (X86_64, Binary::MachO),
        ("aarch64-apple-darwin", Binary::Elf(dynamic_aarch64(&[]))),
        ("x86_64-unknown-uefi", pe(0x8664, &[])),
    ] {
        let reason = cannot(of(&qemu_host(), triple, &binary, &Options::default()));
        assert_eq!(reason.obstacle, Obstacle::WrongTarget, "{triple} {binary:?}");
    }
}

#[test]
fn a_file_without_an_entry_point_is_no_program() {
    let mut object = elf(AARCH64, None, &[]);
    object.executable = false;
    let reason = cannot(of(&qemu_host(), AARCH64, &Binary::Elf(object), &Options::default()));
    assert_eq!(reason.obstacle, Obstacle::NotAProgram);
    let Binary::Pe(mut dll) = pe(0x8664, &[]) else { unreachable!() };
    dll.is_dll = true;
    let reason = cannot(of(&host(), WINDOWS, &Binary::Pe(dll), &Options::default()));
    assert_eq!(reason.obstacle, Obstacle::NotAProgram);
}

#[test]
fn a_script_is_a_program_of_the_host_only() {
    let script = Binary::Script(Script { interpreter: "/bin/sh".into(), argument: None });
    let host = host().file("/bin/sh");
    let alone = lookup_binary(&host, &script, Path::new("/t/prog"), &Options::default());
    assert_eq!(run(alone).emulator.kind, Kind::Native);
    let reason = cannot(of(&host, AARCH64, &script, &Options::default()));
    assert_eq!(reason.obstacle, Obstacle::NotAProgram);
    let bare = lookup_binary(&self::host(), &script, Path::new("/t/prog"), &Options::default());
    assert!(cannot(bare).text.contains("/bin/sh"));
}

#[test]
fn a_script_whose_interpreter_is_the_hook_is_refused() {
    let host = host().own("/b/x-exec").file("/usr/bin/env").file("/bin/sh");
    let decide = |interpreter: &str, argument: Option<&str>| {
        let script = Script { interpreter: interpreter.into(), argument: argument.map(str::to_owned) };
        lookup_binary(&host, &Binary::Script(script), Path::new("/t/prog"), &Options::default())
    };
    let reason = cannot(decide("/b/x-exec", None));
    assert_eq!(reason.obstacle, Obstacle::NotAProgram);
    assert!(reason.text.contains("without end"), "{}", reason.text);
    assert_eq!(run(decide("/bin/sh", None)).emulator.kind, Kind::Native);
    assert_eq!(run(decide("/usr/bin/env", Some("python3"))).emulator.kind, Kind::Native);
}

#[test]
fn a_broken_emulator_is_named_with_what_is_wrong_and_a_working_one_taken_instead() {
    let broken = host().static_program("/a/qemu-aarch64-static").defect_of("/a/qemu-aarch64-static", "empty");
    let program = Binary::Elf(elf(AARCH64, None, &[]));
    let reason = cannot(of(&broken, AARCH64, &program, &Options::default()));
    assert_eq!(reason.text, "`/a/qemu-aarch64-static` is no working QEMU: empty");
    assert_eq!((reason.obstacle, reason.missing), (Obstacle::NotInstalled, vec![Piece::QemuUser]));
    let launch = run(of(&broken.program("/b/qemu-aarch64"), AARCH64, &program, &Options::default()));
    assert_eq!(launch.emulator.program, Some("/b/qemu-aarch64".into()));

    let locked = host().locked("/a/qemu-aarch64");
    let reason = cannot(of(&locked, AARCH64, &program, &Options::default()));
    assert_eq!(reason.text, "`/a/qemu-aarch64` is not executable");

    let board = host().program("/a/qemu-system-arm").defect_of("/a/qemu-system-arm", "empty");
    let reason = cannot(lookup(&board, &target("thumbv7m-none-eabi"), None, &Options::default()));
    assert_eq!(reason.text, "`/a/qemu-system-arm` is no working QEMU: empty");
    assert_eq!(reason.missing, [Piece::QemuSystem("arm")]);
}

#[test]
fn a_users_command_comes_before_everything() {
    let options = Options { custom: Some(vec!["ssh".into(), "board".into()]), ..Options::default() };
    let launch = run(of(&host(), "avr-none", &Binary::MachO, &options));
    assert_eq!((launch.emulator.kind, shell(&launch).as_str()), (Kind::Custom, "ssh board /t/prog x"));
}

#[test]
fn a_kind_that_was_asked_for_is_used_or_refused_with_its_reason() {
    let asked = |kind| Options { emulator: Some(kind), ..Options::default() };
    let host = host().program("/usr/bin/qemu-x86_64");
    let launch = run(lookup(&host, &target(X86_64), None, &asked(Kind::QemuUser)));
    assert_eq!(launch.emulator.kind, Kind::QemuUser);
    let reason = cannot(lookup(&host, &target(WINDOWS), None, &asked(Kind::QemuUser)));
    assert_eq!(reason.obstacle, Obstacle::Forbidden);
    assert_eq!(reason.text, "only `qemu-user` is allowed: runs Linux programs only");
    let reason = cannot(lookup(&host, &target(WINDOWS), None, &asked(Kind::Wine)));
    assert_eq!((reason.obstacle, reason.missing.as_slice()), (Obstacle::NotInstalled, &[Piece::Wine64][..]));
    let reason = cannot(lookup(&host, &target(X86_64), None, &asked(Kind::QemuSystem)));
    assert_eq!(reason.obstacle, Obstacle::Forbidden);
}

#[test]
fn a_module_runs_in_the_built_in_runtime_or_in_node() {
    let node = || host().program("/usr/bin/node").version_of("/usr/bin/node", "20.19.2");
    let both = node().with_builtin_wasi(&["/bin/triplecheck", "__wasi"]);
    let plain = Binary::Wasm(module());
    let throwing = Binary::Wasm(Wasm { exceptions: true, ..module() });
    let line = |host: &TableHost, binary: &Binary| shell(&run(of(host, WASI, binary, &Options::default())));
    assert_eq!(line(&both, &plain), "/bin/triplecheck __wasi --argv0 /t/prog -- /t/prog x");
    assert_eq!(
        line(&both, &throwing),
        "/usr/bin/node --no-warnings --stack-size=6000 /cache/wasi/node.mjs --argv0 /t/prog -- /t/prog x"
    );
    assert_eq!(
        line(&node(), &plain),
        "/usr/bin/node --no-warnings --stack-size=6000 /cache/wasi/node.mjs --argv0 /t/prog -- /t/prog x"
    );
    let old = host().program("/usr/bin/node").version_of("/usr/bin/node", "16.2.0");
    assert_eq!(cannot(of(&old, WASI, &throwing, &Options::default())).missing, [Piece::Node]);
    assert_eq!(cannot(of(&host(), WASI, &plain, &Options::default())).missing, [Piece::Node]);
}

#[test]
fn modules_that_are_no_programs_are_refused() {
    let host = host().with_builtin_wasi(&["/bin/triplecheck", "__wasi"]);
    let decide = |module: Wasm| {
        cannot(lookup_binary(&host, &Binary::Wasm(module), Path::new("/t/prog"), &Options::default()))
    };
    let library = decide(Wasm { start: false, ..module() });
    assert_eq!(library.obstacle, Obstacle::NotAProgram);
    let browser = decide(Wasm { imports: vec!["wbg".into()], start: false, ..module() });
    assert!(browser.text.contains("no entry point"), "{}", browser.text);
    let component = decide(Wasm { component: true, imports: vec![], ..module() });
    assert!(component.text.contains("component"), "{}", component.text);
    let mixed = decide(Wasm { imports: vec!["wasi_snapshot_preview1".into(), "env".into()], ..module() });
    assert_eq!(mixed.obstacle, Obstacle::NoEmulator);
}
