//! What is told when no family runs a program: the obstacle that the user can do most about, or, where nothing
//! on this host could run it, why that is so.

use crate::binary::Binary;
use crate::launch::Kind;
use crate::lookup::subject::{Subject, system_name};
use crate::lookup::{Obstacle, Reason};

/// The one reason that stands for the whole decision.
///
/// `refusals` are those of families that are right for the program, in their order; the first is the nearest to
/// running it. `passed_over` is what the last family said that is not right for it.
pub(super) fn reason(subject: &Subject<'_>, refusals: Vec<Reason>, passed_over: Option<String>) -> Reason {
    if let Some(first) = refusals.into_iter().next() {
        let needs = subject.must_have_kernel();
        let text = if needs {
            format!("it needs a kernel of its own machine, and {}", first.text)
        } else {
            first.text
        };
        return Reason { text, ..first };
    }
    if subject.must_have_kernel() {
        let why = passed_over.unwrap_or_default();
        let text = format!("only `{}` has the kernel that it needs: {why}", Kind::Vm);
        return Reason { obstacle: Obstacle::NoEmulator, text, missing: Vec::new() };
    }
    match subject.kind_asked() {
        Some(kind) => {
            Reason { obstacle: Obstacle::Forbidden, text: forbidden(kind, passed_over), missing: Vec::new() }
        }
        None => Reason {
            obstacle: Obstacle::NoEmulator,
            text: no_emulator(subject, passed_over.as_deref()),
            missing: Vec::new(),
        },
    }
}

/// The options name a kind, and that kind is not for this program.
fn forbidden(kind: Kind, passed_over: Option<String>) -> String {
    match kind {
        Kind::Native | Kind::QemuUser | Kind::Wine | Kind::Wasi | Kind::QemuSystem | Kind::Vm => {
            format!("only `{kind}` is allowed: {}", passed_over.unwrap_or_default())
        }
        Kind::Custom => "only a command of the user is allowed, and none was given".to_owned(),
        Kind::Remote => {
            format!("only `{kind}` is allowed, which needs a machine that was set up for it")
        }
    }
}

/// Why nothing on this host runs it: one sentence about the program's system, or about its processor.
fn no_emulator(subject: &Subject<'_>, passed_over: Option<&str>) -> String {
    let name = subject.name();
    let host = subject.host.os();
    if let Some(why) = of_a_special_kind(subject) {
        return format!("{name} {why}");
    }
    match subject.os {
        "linux" | "android" if host != "linux" => {
            format!("{name} is for Linux, and {} needs a virtual machine for that", system_name(host))
        }
        "linux" | "android" => no_linux_emulator(subject, &name),
        "windows" => no_wine(subject, &name),
        "none" => bare_metal(&name, passed_over),
        "uefi" => format!("{name} is for UEFI firmware: it needs a machine to boot, not an operating system"),
        "wasi" => format!("{name} is for WASI, but the file is no WebAssembly module"),
        "unknown" => format!("{name} is for a system that nobody has named"),
        "emscripten" => {
            format!("{name} is a script for node or a browser with a module beside it, not a program")
        }
        "cuda" | "amdhsa" => format!("{name} runs on a graphics processor, inside a program of the host"),
        "macos" if host == "macos" => format!("{name} is for another kind of machine than this Mac"),
        "macos" => format!("{name} is for macOS, which runs on Apple's machines only"),
        "ios" | "tvos" | "watchos" | "visionos" => {
            format!("{name} needs a device, or the simulator of Xcode on macOS")
        }
        "horizon" | "psp" | "psx" | "vita" | "vexos" => {
            format!("{name} needs its console, or an emulator of that")
        }
        "espidf" | "nuttx" | "rtems" | "solid_asp3" | "zephyr" => {
            format!("{name} is built into the image of a board: it needs that board, or a machine like it")
        }
        "zkvm" => format!("{name} runs in a prover's own virtual machine"),
        "script" => format!("a script is run by the {} host or by nobody", system_name(host)),
        os => format!("{name} needs {} itself, in a virtual machine or on another computer", system_name(os)),
    }
}

/// What a triple says beside its system that settles the matter.
fn of_a_special_kind(subject: &Subject<'_>) -> Option<&'static str> {
    let library = "has no entry point and no system: it is a library for a browser or an embedder";
    let Some(target) = subject.target else {
        return matches!(subject.binary, Some(Binary::Wasm(_))).then_some(library);
    };
    let facts = target.facts();
    Some(match (facts.arch, facts.os) {
        ("wasm32" | "wasm64", "unknown" | "none") => library,
        ("wasm32" | "wasm64", "linux") => {
            "makes the system calls of Linux from WebAssembly, which needs a WALI engine"
        }
        ("bpf", _) => "is loaded into a kernel, not started",
        _ if facts.vendor == "uwp" => "runs in an app container of Windows, which Wine does not have",
        _ if facts.vendor == "unikraft" => {
            "is a unikernel image: it needs a machine to boot, not an operating system"
        }
        ("aarch64", "linux") if facts.abi == "ilp32" => {
            "has an ABI of 32-bit pointers that no kernel and no emulator runs"
        }
        _ if facts.env == "sgx" => "runs in an SGX enclave, which needs that hardware and its runner",
        _ if facts.abi == "macabi" => "is for macOS, which runs on Apple's machines only",
        _ => return None,
    })
}

/// A Linux program whose processor neither the host nor QEMU has.
fn no_linux_emulator(subject: &Subject<'_>, name: &str) -> String {
    match subject.machine {
        Some(machine) if machine.name == "x32" => {
            format!("{name} is x32, which this kernel does not run and QEMU has no emulator for")
        }
        Some(machine) => {
            format!(
                "QEMU has no user-mode emulator for {}, and this host does not run its programs",
                machine.name
            )
        }
        None => format!("{name} is for a processor that no emulator we know of has"),
    }
}

/// A Windows program for a processor that is not the host's.
fn no_wine(subject: &Subject<'_>, name: &str) -> String {
    let host = subject.host.machine().name;
    match subject.machine {
        _ if !matches!(subject.host.os(), "linux" | "macos") => {
            format!("{name} is for Windows, and there is no Wine for {}", system_name(subject.host.os()))
        }
        Some(machine) => {
            format!(
                "{name} is for Windows on {}: Wine on {host} runs programs of its own processor only",
                machine.name
            )
        }
        None => format!("{name} is for Windows on a processor that we do not know"),
    }
}

/// A program without a system, for a processor that no board of QEMU's has in a way that is of use.
fn bare_metal(name: &str, passed_over: Option<&str>) -> String {
    let why = passed_over.unwrap_or("no board is known for it");
    format!("{name} is for bare metal, and {why}")
}
