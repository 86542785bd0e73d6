//! Which board of QEMU's runs a bare-metal target's programs, and what is known where none does.
//!
//! A board here has the processor, and QEMU has semihosting for that processor: the calls by which a program
//! without an operating system prints, reads its arguments and ends with a status. A program for another board
//! of the same processor (its memory elsewhere, its console a UART) is the user's own command's business. Checked
//! with QEMU 7.2 and 10.0 by starting a program on each board of Arm's and RISC-V's; MIPS's by its documentation.

use crate::launch::{SEMIHOSTING_LINE, SEMIHOSTING_WORDS};
use crate::machine::Machine;
use crate::target::Target;

/// One board.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Board {
    /// The first words of the triples that it is for.
    pub(super) words: &'static [&'static str],
    /// The suffix of `qemu-system-…`.
    pub(super) emulator: &'static str,
    /// QEMU's name for it (`-M`).
    pub(super) name: &'static str,
    /// The processor, where it is neither the board's own nor the one that the target names.
    pub(super) cpu: Option<&'static str>,
    /// The first version of QEMU that has it, where that is newer than 7.2.
    pub(super) since: Option<&'static str>,
    /// The sound device, which must be told to be silent: QEMU otherwise looks for the host's sound and complains.
    pub(super) sound: Option<&'static str>,
    /// Where the firmware that QEMU adds by itself ends. A program that lies below takes the firmware's place, and
    /// runs in the processor's highest mode; one above is started by it.
    pub(super) firmware_end: Option<u64>,
    /// How the guest gets its words: the marker in the launch's prefix.
    pub(super) arguments: &'static str,
}

/// What most boards have.
const PLAIN: Board = Board {
    words: &[],
    emulator: "arm",
    name: "",
    cpu: None,
    since: None,
    sound: None,
    firmware_end: None,
    arguments: SEMIHOSTING_LINE,
};

/// Where RISC-V's programs for QEMU's firmware (OpenSBI) are linked; it lies in the 2 MiB below.
const OPENSBI_END: u64 = 0x8020_0000;

pub(super) const BOARDS: &[Board] = &[
    // Microcontrollers: flash at 0, memory at 0x2000_0000. The board is a Cortex-M3's, and takes any other.
    Board {
        words: &["thumbv6m", "thumbv7m", "thumbv7em", "thumbv8m.base", "thumbv8m.main"],
        name: "lm3s6965evb",
        ..PLAIN
    },
    Board { words: &["armv7a", "thumbv7a"], name: "xilinx-zynq-a9", cpu: Some("cortex-a9"), ..PLAIN },
    // The real-time profile.
    Board { words: &["armv7r", "thumbv7r", "armebv7r"], name: "versatilepb", sound: Some("pl041"), ..PLAIN },
    Board { words: &["armv8r", "thumbv8r"], name: "mps3-an536", since: Some("9.0"), ..PLAIN },
    Board {
        words: &["armv6", "thumbv6"],
        name: "versatilepb",
        cpu: Some("arm1176"),
        sound: Some("pl041"),
        ..PLAIN
    },
    Board {
        words: &["armv5te", "thumbv5te"],
        name: "versatilepb",
        cpu: Some("arm926"),
        sound: Some("pl041"),
        ..PLAIN
    },
    Board {
        words: &["armv4t", "thumbv4t"],
        name: "versatilepb",
        cpu: Some("ti925t"),
        sound: Some("pl041"),
        ..PLAIN
    },
    // Memory from 0 on; programs are linked to 0x8_0000, where the real board's firmware puts them. All four
    // processors begin with the program, which has to put three of them to sleep.
    Board { words: &["aarch64", "aarch64_be"], emulator: "aarch64", name: "raspi3b", ..PLAIN },
    Board {
        words: &[
            "riscv32e",
            "riscv32em",
            "riscv32emc",
            "riscv32i",
            "riscv32im",
            "riscv32ima",
            "riscv32imac",
            "riscv32imafc",
            "riscv32imc",
        ],
        emulator: "riscv32",
        name: "virt",
        firmware_end: Some(OPENSBI_END),
        ..PLAIN
    },
    Board {
        words: &["riscv64gc", "riscv64im", "riscv64imac"],
        emulator: "riscv64",
        name: "virt",
        firmware_end: Some(OPENSBI_END),
        ..PLAIN
    },
    Board { words: &["mips"], emulator: "mips", name: "malta", arguments: SEMIHOSTING_WORDS, ..PLAIN },
    Board { words: &["mipsel"], emulator: "mipsel", name: "malta", arguments: SEMIHOSTING_WORDS, ..PLAIN },
];

/// Why the rest has no board here, by the first word of the triple.
const BOARDLESS: &[(&str, &str)] = &[
    ("aarch64v8r", "QEMU has no processor of the Armv8-R AArch64 profile"),
    ("avr", "QEMU's AVR boards have no way to end with a status: use simavr or the board"),
    ("hexagon", "QEMU has no board for it up to version 10"),
    ("loongarch32", "QEMU has no semihosting for LoongArch"),
    ("loongarch64", "QEMU has no semihosting for LoongArch"),
    ("m68k", "the semihosting of QEMU's m68k boards is ColdFire's own, which is not used here"),
    ("msp430", "QEMU has no MSP430: use mspdebug's simulator or the board"),
    ("s390x", "QEMU has no semihosting for s390x"),
    ("sparc", "QEMU's LEON3 board is not known to end with the program's status: use tsim-leon3"),
    ("x86_64", "QEMU has no semihosting for x86: it needs a boot loader and a debug-exit device"),
    ("xtensa", "QEMU's Xtensa boards are not Espressif's chips: use Espressif's own QEMU"),
];

/// The board for a triple.
pub(super) fn of_triple(triple: &str) -> Option<&'static Board> {
    let word = first_word(triple);
    BOARDS.iter().find(|board| board.words.contains(&word))
}

/// Why there is no board for a triple, where that is known.
pub(super) fn why_not(triple: &str) -> Option<&'static str> {
    let word = first_word(triple);
    BOARDLESS.iter().find(|(known, _)| *known == word).map(|(_, why)| *why)
}

/// The boards that run a machine's bare-metal targets.
pub(super) fn of_machine(machine: &Machine) -> Vec<&'static Board> {
    let targets: Vec<Target> = Target::all()
        .filter(|target| target.facts().os == "none" && target.machine() == Some(machine))
        .collect();
    let runs = |board: &&Board| {
        targets.iter().any(|target| of_triple(target.triple()).is_some_and(|found| found == *board))
    };
    BOARDS.iter().filter(runs).collect()
}

fn first_word(triple: &str) -> &str {
    triple.split('-').next().unwrap_or(triple)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bare-metal targets that have a processor.
    fn bare() -> Vec<Target> {
        let no_processor = |target: &Target| matches!(target.facts().arch, "bpf" | "wasm32" | "wasm64");
        Target::all().filter(|target| target.facts().os == "none" && !no_processor(target)).collect()
    }

    #[test]
    fn every_bare_metal_target_has_a_board_or_a_reason_and_not_both() {
        for target in bare() {
            let triple = target.triple();
            assert_ne!(of_triple(triple).is_some(), why_not(triple).is_some(), "{triple}");
        }
    }

    #[test]
    fn every_word_is_some_targets_and_stands_once() {
        let used = |word: &str| bare().iter().any(|target| first_word(target.triple()) == word);
        let words: Vec<&str> = BOARDS
            .iter()
            .flat_map(|board| board.words)
            .copied()
            .chain(BOARDLESS.iter().map(|(word, _)| *word))
            .collect();
        for (at, word) in words.iter().enumerate() {
            assert!(used(word), "{word}");
            assert!(!words[..at].contains(word), "{word}");
        }
    }

    #[test]
    fn a_board_runs_the_machine_of_its_targets() {
        for target in bare() {
            let Some(board) = of_triple(target.triple()) else { continue };
            let suffix = target.machine().and_then(|machine| machine.qemu_system);
            assert_eq!(suffix, Some(board.emulator), "{target}");
        }
    }
}
