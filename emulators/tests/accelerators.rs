//! Which QEMU, accelerator, board and processor a guest system gets, on hosts made by hand.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use triplecheck_emulators::host::{Kvm, Proof, TableHost};
use triplecheck_emulators::launch::Kind;
use triplecheck_emulators::lookup::{Decision, Options, Trace, lookup};
use triplecheck_emulators::machine::Machine;
use triplecheck_emulators::target::Target;

const LOOP: Kvm = Kvm::Yes { proof: Proof::Loop, aarch32: false };

/// The host's machine, its QEMUs with what `-accel help` says of each, its KVM, and the guest's triple.
struct Case<'a> {
    host: &'a str,
    qemu: Vec<(&'a str, &'static [&'static str])>,
    kvm: Kvm,
    guest: &'a str,
}

/// What a guest system is given.
#[derive(Debug, PartialEq, Eq)]
struct Given {
    qemu: String,
    accelerator: String,
    board: String,
    cpu: String,
}

fn given(qemu: &str, accelerator: &str, board: &str, cpu: &str) -> Given {
    let own = str::to_owned;
    Given { qemu: own(qemu), accelerator: own(accelerator), board: own(board), cpu: own(cpu) }
}

fn no(why: &str) -> Kvm {
    Kvm::No { why: why.to_owned(), hint: None }
}

fn row<'a>(host: &'a str, qemu: &[(&'a str, &'static [&'static str])], kvm: Kvm, guest: &'a str) -> Case<'a> {
    Case { host, qemu: qemu.to_vec(), kvm, guest }
}

impl Case<'_> {
    fn decide(&self, options: Options) -> (Result<Given, String>, Trace) {
        let machine = |name| Machine::named(name).unwrap();
        let triple = if self.host == "x86_32" { "i686" } else { self.host };
        let mut host = TableHost::new(&format!("{triple}-unknown-linux-gnu"), "linux", machine(self.host))
            .with_builtin_vm(&["/bin/triplecheck", "__vm"])
            .with_kvm(self.kvm.clone())
            .library("/lib/ld-linux-riscv64-lp64d.so.1", machine("riscv64"))
            .library("/lib/ld64.so.1", machine("s390x"));
        for (path, accelerators) in &self.qemu {
            host = host.program(path).accelerators_of(path, accelerators).version_of(path, "8.2.0");
        }
        for system in triplecheck_emulators::vm::machines::SYSTEMS {
            for file in ["kernel", triplecheck_emulators::vm::INITRAMFS] {
                host = host.file(&format!("/cache/vm/{}/6.1.0-50/{file}", system.machine));
            }
        }
        let options = Options { emulator: Some(Kind::Vm), ..options };
        let target = Target::parse(self.guest).unwrap();
        match lookup(&host, &target, None, &options) {
            Decision::Run(launch, trace) => {
                let words: Vec<&str> = launch.prefix.iter().map(|word| word.to_str().unwrap()).collect();
                let value = |name| words[words.iter().position(|word| *word == name).unwrap() + 1];
                let found = given(value("--qemu"), value("--accel"), value("--board"), value("--cpu"));
                assert_eq!(launch.emulator.cpu.as_deref(), Some(found.cpu.as_str()));
                (Ok(found), trace)
            }
            Decision::Cannot(reason, trace) => (Err(reason.text), trace),
        }
    }

    /// Decides, and looks for words in what the trace says of KVM.
    #[track_caller]
    fn check(&self, expected: &Given, of_kvm: &str) {
        let (found, trace) = self.decide(Options::default());
        assert_eq!(found.as_ref(), Ok(expected), "{trace:#?}");
        let said = trace.iter().find(|step| step.candidate == "accelerator kvm").unwrap();
        assert!(said.outcome.contains(of_kvm), "{}", said.outcome);
        let tcg = trace.iter().any(|step| step.candidate == "accelerator tcg" && step.outcome == "chosen");
        assert_eq!(tcg, expected.accelerator == "tcg");
    }
}

const X86_64: &str = "x86_64-unknown-linux-musl";
const AARCH64: &str = "aarch64-unknown-linux-musl";
const QEMU_X86_64: &str = "/usr/bin/qemu-system-x86_64";
const QEMU_AARCH64: &str = "/usr/bin/qemu-system-aarch64";
const BOTH: &[&str] = &["tcg", "kvm"];

#[test]
fn kvm_is_taken_where_it_is_of_use_and_tcg_where_it_is_not() {
    let case = |kvm, accelerators| Case {
        host: "x86_64",
        qemu: vec![(QEMU_X86_64, accelerators)],
        kvm,
        guest: X86_64,
    };
    let by_kvm = given(QEMU_X86_64, "kvm", "q35", "host");
    let by_tcg = given(QEMU_X86_64, "tcg", "q35", "qemu64");
    case(LOOP, BOTH).check(&by_kvm, "chosen: a guest's loop was over in time");
    case(no("there is no `/dev/kvm`"), BOTH).check(&by_tcg, "there is no `/dev/kvm`");
    case(no("a guest's loop of 0.05 ms was not over after 20 ms"), BOTH)
        .check(&by_tcg, "not over after 20 ms");
    let denied = Kvm::No { why: "it may not be opened".to_owned(), hint: Some("join the group `kvm`") };
    case(denied, BOTH).check(&by_tcg, "it may not be opened: join the group `kvm`");
    case(LOOP, &["tcg"]).check(&by_tcg, "built without it (`-accel help`)");
    let calls = Kvm::Yes { proof: Proof::Calls, aarch32: false };
    case(calls, BOTH).check(&by_kvm, "the first boot has to show the rest");
    // What a program is held to must be held to: no model under KVM.
    let options = Options { cpu: Some("Nehalem".to_owned()), ..Options::default() };
    let (found, trace) = case(LOOP, BOTH).decide(options);
    assert_eq!(found, Ok(given(QEMU_X86_64, "tcg", "q35", "Nehalem")), "{trace:#?}");
}

#[test]
fn each_host_runs_by_kvm_what_its_processor_can() {
    let aarch32 = Kvm::Yes { proof: Proof::Calls, aarch32: true };
    let i686_host: &[(&str, &'static [&'static str])] =
        &[(QEMU_X86_64, &["tcg"]), ("/usr/bin/qemu-system-i386", BOTH), ("/usr/bin/qemu-kvm", BOTH)];
    let by_tcg = given(QEMU_X86_64, "tcg", "q35", "qemu64");
    row("x86_32", i686_host, LOOP, X86_64).check(&by_tcg, "KVM of a 32-bit kernel");
    let arm_host: &[(&str, &'static [&'static str])] = &[(QEMU_AARCH64, BOTH)];
    let by_kvm = given(QEMU_AARCH64, "kvm", "virt,gic-version=host", "host");
    row("aarch64", arm_host, aarch32, AARCH64).check(&by_kvm, "chosen");
    // A 32-bit kernel runs by KVM only where the processor can be one of 32 bits.
    let armv7 = "armv7-unknown-linux-musleabihf";
    let qemu_arm = "/usr/bin/qemu-system-arm";
    let both: &[(&str, &'static [&'static str])] = &[(QEMU_AARCH64, BOTH), (qemu_arm, &["tcg"])];
    let narrow = given(QEMU_AARCH64, "kvm", "virt,gic-version=host", "host,aarch64=off");
    row("aarch64", both, Kvm::Yes { proof: Proof::Calls, aarch32: true }, armv7).check(&narrow, "chosen");
    let by_tcg = given(qemu_arm, "tcg", "virt", "cortex-a15");
    row("aarch64", both, LOOP, armv7).check(&by_tcg, "no aarch32 at EL1");
    row("aarch32", both, LOOP, armv7).check(&by_tcg, "Linux 5.7 has removed KVM");
    let foreign = given(QEMU_AARCH64, "tcg", "virt,gic-version=3", "cortex-a57");
    row("x86_64", arm_host, LOOP, AARCH64)
        .check(&foreign, "the host's processor is no aarch64, it is x86_64");
    row("aarch32", arm_host, LOOP, AARCH64).check(&foreign, "Linux 5.7 has removed KVM");
    for (host, name, board, guest) in [
        ("riscv64", "riscv64", "virt", "riscv64gc-unknown-linux-gnu"),
        ("s390x", "s390x", "s390-ccw-virtio", "s390x-unknown-linux-gnu"),
    ] {
        let qemu = format!("/usr/bin/qemu-system-{name}");
        let calls = Kvm::Yes { proof: Proof::Calls, aarch32: false };
        row(host, &[(qemu.as_str(), BOTH)], calls, guest)
            .check(&given(&qemu, "kvm", board, "host"), "chosen");
    }
}

#[test]
fn other_names_of_qemu_are_of_the_host_s_own_machine() {
    let case = |paths: &[&'static str], kvm, guest| {
        let qemu: Vec<_> = paths.iter().map(|path| (*path, BOTH)).collect();
        row("x86_64", &qemu, kvm, guest)
    };
    let slow = || no("it is slow");
    // Red Hat's, which is not on the path.
    let red_hat = "/usr/libexec/qemu-kvm";
    case(&[red_hat], LOOP, X86_64).check(&given(red_hat, "kvm", "q35", "host"), "chosen");
    case(&[red_hat], slow(), X86_64).check(&given(red_hat, "tcg", "q35", "qemu64"), "it is slow");
    let nixos = "/run/current-system/sw/bin/qemu-kvm";
    case(&[nixos], LOOP, X86_64).check(&given(nixos, "kvm", "q35", "host"), "chosen");
    // The full name comes first.
    case(&[nixos, QEMU_X86_64], LOOP, X86_64).check(&given(QEMU_X86_64, "kvm", "q35", "host"), "chosen");
    // A QEMU of one's own without KVM stands aside for one that has it, and runs where KVM is of no use.
    let own = row("x86_64", &[(QEMU_X86_64, &["tcg"]), (red_hat, BOTH)], LOOP, X86_64);
    own.check(&given(red_hat, "kvm", "q35", "host"), "chosen");
    // A foreign guest is never started with the host's own.
    for paths in [&[red_hat][..], &[nixos], &["/usr/bin/kvm"]] {
        let (found, trace) = case(paths, LOOP, AARCH64).decide(Options::default());
        assert_eq!(found, Err("`qemu-system-aarch64` is not installed".to_owned()), "{trace:#?}");
        assert!(trace.iter().all(|step| !step.outcome.contains(paths[0])), "{trace:#?}");
    }
}
