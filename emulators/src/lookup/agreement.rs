//! Whether the file is a program at all, and for the target that was asked for. Where the two disagree nothing
//! is considered: an emulator that starts the wrong program would answer for the wrong target.

use crate::binary::{Binary, Elf};
use crate::lookup::subject::{self, Subject, system_name};
use crate::lookup::{Obstacle, Reason};
use crate::machine::Machine;
use crate::target::{Endian, Target};

/// The formats that a target's programs can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Elf,
    Pe,
    Module,
    Component,
    MachO,
    /// Something that we do not read: XCOFF, PTX, an emscripten script.
    Other,
}

/// Why the file cannot be a program of the target, in one sentence that says what both are.
pub(super) fn disagreement(subject: &Subject<'_>) -> Option<Reason> {
    let (target, binary) = (subject.target?, subject.binary?);
    if let Binary::Script(script) = binary {
        // The host runs its own scripts; on behalf of another target it would answer with the host's programs.
        let own = target.triple() == subject.host.triple();
        return (!own).then(|| Reason {
            obstacle: Obstacle::NotAProgram,
            text: format!("a script for `{}`, not a program of `{}`", script.interpreter, target.triple()),
            missing: Vec::new(),
        });
    }
    if fits(target, binary) {
        return None;
    }
    let text = format!("the file is {}, not a program of `{}`", describe(binary), target.triple());
    Some(Reason { obstacle: Obstacle::WrongTarget, text, missing: Vec::new() })
}

/// Why nothing in the world executes this file.
pub(super) fn not_a_program(subject: &Subject<'_>) -> Option<Reason> {
    let text = match subject.binary? {
        Binary::Elf(elf) if !elf.executable => "an object file or shared library without an entry point",
        Binary::Pe(pe) if pe.is_dll => "a DLL, which only another program can load",
        Binary::Elf(_) | Binary::Pe(_) | Binary::Wasm(_) | Binary::MachO | Binary::Script(_) => return None,
    };
    Some(Reason { obstacle: Obstacle::NotAProgram, text: text.to_owned(), missing: Vec::new() })
}

fn fits(target: &Target, binary: &Binary) -> bool {
    let expected = format_of(target);
    let found = match binary {
        Binary::Elf(_) => Format::Elf,
        Binary::Pe(_) => Format::Pe,
        Binary::Wasm(wasm) if wasm.component => Format::Component,
        Binary::Wasm(_) => Format::Module,
        Binary::MachO => Format::MachO,
        Binary::Script(_) => Format::Other,
    };
    if expected == Format::Other {
        return true;
    }
    expected == found
        && match binary {
            Binary::Elf(elf) => fits_machine(target, elf),
            Binary::Pe(pe) => {
                let machine = subject::machine_of(binary);
                let firmware = (10..=13).contains(&pe.subsystem);
                // An ARM64EC program's header says x86_64, so that old loaders let it pass.
                let emulation_compatible = pe.machine == 0x8664 && target.facts().arch == "arm64ec";
                firmware == (target.facts().os == "uefi")
                    && (machine.is_none() || machine == target.machine() || emulation_compatible)
            }
            Binary::Wasm(_) | Binary::MachO | Binary::Script(_) => true,
        }
}

/// A header tells the machine, but for 32-bit SPARC: programs for v8+ are under two numbers.
fn fits_machine(target: &Target, elf: &Elf) -> bool {
    let Some(wanted) = target.machine() else { return true };
    Machine::of_elf(elf).is_some_and(|found| {
        found == wanted || (found.family == "sparc" && wanted.family == "sparc" && found.bits == wanted.bits)
    })
}

fn format_of(target: &Target) -> Format {
    let facts = target.facts();
    match (facts.arch, facts.os) {
        (_, "emscripten" | "cuda" | "amdhsa" | "aix" | "psp") => Format::Other,
        ("wasm32" | "wasm64", "wasi") if facts.env != "p1" => Format::Component,
        ("wasm32" | "wasm64", _) => Format::Module,
        (_, "windows" | "uefi" | "cygwin") => Format::Pe,
        _ if facts.vendor == "apple" => Format::MachO,
        _ => Format::Elf,
    }
}

/// What a file is, with its article: `a 64-bit little-endian ELF program for riscv64`.
fn describe(binary: &Binary) -> String {
    let machine = subject::machine_of(binary).map(|machine| machine.name.to_owned());
    match binary {
        Binary::Elf(elf) => {
            let order = if elf.endian == Endian::Big { "big" } else { "little" };
            let machine = machine.unwrap_or_else(|| format!("machine {}", elf.machine));
            format!("a {}-bit {order}-endian ELF program for {machine}", elf.bits)
        }
        Binary::Pe(pe) => {
            let machine = machine.unwrap_or_else(|| format!("machine {:#x}", pe.machine));
            let system = if (10..=13).contains(&pe.subsystem) { "uefi" } else { "windows" };
            format!("a {} program for {machine}", system_name(system))
        }
        Binary::Wasm(wasm) if wasm.component => "a WebAssembly component".to_owned(),
        Binary::Wasm(_) => "a WebAssembly module".to_owned(),
        Binary::MachO => "a Mach-O program".to_owned(),
        Binary::Script(script) => format!("a script for `{}`", script.interpreter),
    }
}
