//! Emulators' faults, told from those of their guests: what an emulator says when it has failed itself, ends that only it
//! can have caused, and what is known of each version. Pure; tables.
//!
//! A fault names the emulator as the culprit. A deviation only stands beside a failure, as something that is known of
//! this version and may be why: it never makes a failure anything else.

mod deviations;
mod instructions;
mod lines;
mod log;

use triplecheck_emulators::launch::Kind;

use crate::compare::Side;
use crate::observation::End;
use crate::termination::{self, Meaning};

pub use deviations::{Symptoms, has_started_in_vain, instruction, known, lacking_kernel};
pub use instructions::feature;
pub use lines::split;
pub use log::Log;

/// A failure of the emulator itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// One sentence: what the emulator could not do.
    pub cause: &'static str,
    /// The line that says so, or the end that does.
    pub line: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.cause, self.line)
    }
}

/// What emulators say when they, and not their guests, have failed (QEMU 7.2–10.0, Wine 8.0–10.0).
const MESSAGES: &[(Kind, &str, &str)] = &[
    (Kind::QemuUser, "QEMU internal SIG", "QEMU itself crashed"),
    (Kind::QemuUser, "unhandled CPU exception", "QEMU met an exception it cannot emulate"),
    (Kind::QemuUser, "Unsupported syscall", "QEMU lacks a system call that the program makes"),
    (Kind::QemuUser, "Could not open", "QEMU did not find the guest's loader"),
    (Kind::QemuUser, "Invalid ELF image", "QEMU refuses the program's format"),
    (Kind::QemuUser, "unable to find CPU model", "QEMU does not know the CPU model asked for"),
    (Kind::QemuUser, "Unable to reserve", "QEMU could not reserve the guest's address space"),
    (Kind::QemuUser, "Unable to find a guest_base", "QEMU found no room for the guest's address space"),
    (Kind::QemuUser, "mmap stack: ", "QEMU got no memory for the guest's stack"),
    (Kind::QemuUser, "TCG error", "QEMU's translator failed"),
    (Kind::QemuUser, "tcg fatal error", "QEMU's translator failed"),
    (Kind::QemuUser, "ERROR:../", "QEMU failed an assertion of its own"),
    (Kind::QemuUser, "Assertion `", "QEMU failed an assertion of its own"),
    (Kind::QemuUser, "could not open gdbserver", "QEMU could not offer its debugger"),
    (Kind::QemuSystem, "ROM regions are overlapping", "the program lies where the board's firmware is"),
    (Kind::QemuSystem, "unable to find CPU model", "QEMU does not know the CPU model asked for"),
    (Kind::QemuSystem, "ERROR:../", "QEMU failed an assertion of its own"),
    (Kind::QemuSystem, "Assertion `", "QEMU failed an assertion of its own"),
    (Kind::Vm, "cannot be started", "the guest system could not be started"),
    (Kind::Vm, "did not come up", "the guest system did not boot"),
    (Kind::Vm, "is gone", "the guest system was lost"),
    (Kind::Vm, "the guest system ended", "the guest system ended before the program did"),
    (Kind::Vm, "is full", "the guest system has no room for what the program wrote"),
    (Kind::Vm, "ran out of memory", "the guest system has too little memory"),
    (Kind::Vm, "lost the program", "the guest system lost the program"),
    (Kind::Vm, "cannot bring back", "what the program made could not be brought back"),
    (Kind::Vm, "cannot start `", "the program could not be started in the guest system"),
    (Kind::Wine, "could not load kernel32.dll", "the Wine prefix is damaged"),
    (Kind::Wine, "err:module:import_dll", "a DLL is missing under Wine"),
    (Kind::Wine, "unimplemented function", "Wine lacks a function that the program calls"),
    (Kind::Wine, "server protocol error", "Wine's server and Wine disagree"),
    (Kind::Wine, "version mismatch", "Wine's server is of another version"),
    (Kind::Wine, "wine client error:", "Wine lost its server"),
    (Kind::Wine, "Bad EXE format", "Wine refuses the program's format"),
    (Kind::Wasi, "cannot run", "the WASI runtime refuses the module"),
    (Kind::Wasi, "trap: out of fuel", "the WASI runtime gave up"),
];

/// The emulator's own failure, if its lines tell of one.
pub fn told(stderr: &[u8], emulator: Kind) -> Option<Fault> {
    lines::own(stderr, emulator).find_map(|line| {
        let row = MESSAGES.iter().find(|(kind, part, _)| *kind == emulator && line.contains(part));
        row.map(|(_, _, cause)| Fault { cause, line: line.into_owned() })
    })
}

/// The emulator's failure that shows in how the target ended where native did not: by its own words, by an end that no
/// program chooses, or by what it wrote into its log.
pub fn find(native: Side<'_>, target: Side<'_>) -> Option<Fault> {
    let observation = target.observation;
    if let Some(fault) = told(&observation.stderr, target.emulator) {
        return Some(fault);
    }
    let not_loaded = |side| termination::meaning(side) == Meaning::NotLoaded;
    if not_loaded(target) && !not_loaded(native) {
        let log = Log::of(target);
        let line = log.missing().map_or_else(|| termination::describe(target), str::to_owned);
        let cause = if observation.end == (End::Exited { code: 0x8000_0100 }) {
            "Wine lacks a function that the program calls"
        } else {
            "the program was not loaded under Wine"
        };
        return Some(Fault { cause, line });
    }
    None
}

#[cfg(test)]
mod tests;
