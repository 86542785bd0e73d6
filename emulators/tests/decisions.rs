//! Every target on a handful of hosts: the whole domain of the decision in one reviewed file.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::fmt::Write as _;

use triplecheck_emulators::host::TableHost;
use triplecheck_emulators::lookup::{Decision, Options, lookup};
use triplecheck_emulators::machine::Machine;
use triplecheck_emulators::target::Target;

fn machine(triple: &str) -> &'static Machine {
    Target::parse(triple).unwrap().machine().unwrap()
}

const X86_64: &str = "x86_64-unknown-linux-gnu";
const I686: &str = "i686-unknown-linux-gnu";
const AARCH64: &str = "aarch64-unknown-linux-gnu";
const ARMV7: &str = "armv7-unknown-linux-gnueabihf";

/// A Debian host with nothing installed for the purpose, but for its own C library.
fn bare(triple: &str, loader: &str) -> TableHost {
    TableHost::new(triple, "linux", machine(triple))
        .library(loader, machine(triple))
        .with_builtin_wasi(&["/usr/bin/triplecheck", "__wasi"])
}

/// Every emulator of Debian, and the C library of every cross compiler.
fn full(mut host: TableHost) -> TableHost {
    for target in Target::all() {
        let Some(machine) = target.machine() else { continue };
        if let Some(name) = machine.qemu_user {
            host = host.static_program(&format!("/usr/bin/qemu-{name}-static"));
        }
        if let Some(name) = machine.qemu_system {
            host = host.program(&format!("/usr/bin/qemu-system-{name}"));
        }
    }
    for (prefix, loader, triple) in CROSS_ROOTS {
        let loader = format!("/usr/{prefix}{loader}");
        host = host.library(&loader, machine(triple)).text_in(&loader, "--argv0");
    }
    host.program("/usr/bin/node").version_of("/usr/bin/node", "20.19.2")
}

/// Debian's `libc6-*-cross` packages, their loaders, and a target of each machine.
const CROSS_ROOTS: [(&str, &str, &str); 21] = [
    ("x86_64-linux-gnu", "/lib64/ld-linux-x86-64.so.2", X86_64),
    ("x86_64-linux-gnux32", "/libx32/ld-linux-x32.so.2", "x86_64-unknown-linux-gnux32"),
    ("i686-linux-gnu", "/lib/ld-linux.so.2", I686),
    ("aarch64-linux-gnu", "/lib/ld-linux-aarch64.so.1", AARCH64),
    ("arm-linux-gnueabi", "/lib/ld-linux.so.3", ARMV7),
    ("arm-linux-gnueabihf", "/lib/ld-linux-armhf.so.3", ARMV7),
    ("riscv64-linux-gnu", "/lib/ld-linux-riscv64-lp64d.so.1", "riscv64gc-unknown-linux-gnu"),
    ("s390x-linux-gnu", "/lib/ld64.so.1", "s390x-unknown-linux-gnu"),
    ("powerpc64le-linux-gnu", "/lib64/ld64.so.2", "powerpc64le-unknown-linux-gnu"),
    ("powerpc64-linux-gnu", "/lib64/ld64.so.1", "powerpc64-unknown-linux-gnu"),
    ("powerpc-linux-gnu", "/lib/ld.so.1", "powerpc-unknown-linux-gnu"),
    ("mips-linux-gnu", "/lib/ld.so.1", "mips-unknown-linux-gnu"),
    ("mipsel-linux-gnu", "/lib/ld.so.1", "mipsel-unknown-linux-gnu"),
    ("mips64-linux-gnuabi64", "/lib64/ld.so.1", "mips64-unknown-linux-gnuabi64"),
    ("mips64el-linux-gnuabi64", "/lib64/ld.so.1", "mips64el-unknown-linux-gnuabi64"),
    ("mipsisa32r6el-linux-gnu", "/lib/ld-linux-mipsn8.so.1", "mipsisa32r6el-unknown-linux-gnu"),
    ("mipsisa64r6el-linux-gnuabi64", "/lib64/ld-linux-mipsn8.so.1", "mipsisa64r6el-unknown-linux-gnuabi64"),
    ("m68k-linux-gnu", "/lib/ld.so.1", "m68k-unknown-linux-gnu"),
    ("sparc64-linux-gnu", "/lib64/ld-linux.so.2", "sparc64-unknown-linux-gnu"),
    ("mipsisa32r6-linux-gnu", "/lib/ld-linux-mipsn8.so.1", "mipsisa32r6-unknown-linux-gnu"),
    ("mipsisa64r6-linux-gnuabi64", "/lib64/ld-linux-mipsn8.so.1", "mipsisa64r6-unknown-linux-gnuabi64"),
];

fn hosts() -> Vec<(&'static str, TableHost)> {
    let loader = "/lib64/ld-linux-x86-64.so.2";
    let wine = |host: TableHost| {
        host.program("/usr/lib/wine/wine64")
            .version_of("/usr/lib/wine/wine64", "8.0")
            .variable("LANG", "C.UTF-8")
    };
    vec![
        ("Debian x86_64, nothing installed", bare(X86_64, loader).executing(machine(I686))),
        ("Debian x86_64, everything installed", wine(full(bare(X86_64, loader).executing(machine(I686))))),
        ("Debian x86_64, everything installed, kernel without IA32", wine(full(bare(X86_64, loader)))),
        (
            "Linux aarch64 with AArch32 at EL0, everything installed",
            full(bare(AARCH64, "/lib/ld-linux-aarch64.so.1").executing(machine(ARMV7))),
        ),
        (
            "Linux aarch64 without AArch32, everything installed",
            full(bare(AARCH64, "/lib/ld-linux-aarch64.so.1")),
        ),
        (
            "Linux i686, everything installed",
            full(bare(I686, "/lib/ld-linux.so.2"))
                .program("/usr/lib/wine/wine")
                .version_of("/usr/lib/wine/wine", "8.0")
                .variable("LANG", "C.UTF-8"),
        ),
        (
            "macOS aarch64, node and Rosetta",
            TableHost::new("aarch64-apple-darwin", "macos", machine(AARCH64))
                .executing(machine(X86_64))
                .program("/opt/homebrew/bin/node")
                .version_of("/opt/homebrew/bin/node", "22.1.0"),
        ),
    ]
}

/// One line for a decision: the kind and its words, or the obstacle, the reason and what is missing.
fn line(decision: &Decision) -> String {
    match decision {
        Decision::Run(launch, _) => {
            let words: Vec<_> = launch.prefix.iter().map(|word| word.to_string_lossy()).collect();
            format!("{} {}", launch.emulator.kind, words.join(" ")).trim_end().to_owned()
        }
        Decision::Cannot(reason, _) => {
            let mut text = format!("- {:?}: {}", reason.obstacle, reason.text);
            if !reason.missing.is_empty() {
                write!(text, " {:?}", reason.missing).unwrap();
            }
            text
        }
    }
}

#[test]
fn every_target_on_every_host_is_decided_as_reviewed() {
    let options = Options::default();
    let hosts = hosts();
    let decide = |host: &TableHost, target: &Target| line(&lookup(host, target, None, &options));
    let mut table = String::new();
    for (at, (name, host)) in hosts.iter().enumerate() {
        let left_out = if at == 0 { "" } else { " (what is as on the first host is left out)" };
        write!(table, "\n# {name}{left_out}\n\n").unwrap();
        for target in Target::all() {
            let decided = decide(host, &target);
            if at == 0 || decided != decide(&hosts[0].1, &target) {
                writeln!(table, "{target}: {decided}").unwrap();
            }
        }
    }
    insta::assert_snapshot!("decisions", table);
}

#[test]
fn every_decision_has_a_trace_that_ends_with_it() {
    let options = Options::default();
    for (name, host) in hosts() {
        for target in Target::all() {
            match lookup(&host, &target, None, &options) {
                Decision::Run(launch, trace) => {
                    let last = trace.last().unwrap();
                    assert_eq!(
                        (last.candidate.as_str(), last.outcome.as_str()),
                        (launch.emulator.kind.to_string().as_str(), "chosen"),
                        "{target} on {name}"
                    );
                }
                Decision::Cannot(reason, trace) => {
                    assert!(!reason.text.is_empty() && !reason.text.ends_with('.'), "{target} on {name}");
                    let kinds: Vec<_> = trace.iter().map(|step| step.candidate.as_str()).collect();
                    for kind in ["native", "qemu-user", "wine", "wasi", "qemu-system"] {
                        assert!(kinds.contains(&kind), "{kind} is not in the trace of {target} on {name}");
                    }
                }
            }
        }
    }
}
