//! Programs without an operating system, on a board of QEMU's system emulators, with semihosting: the program's
//! prints, its arguments and its status come through calls that the emulator answers.
//!
//! Which board is in [`boards`]. A header rarely tells that a program is for bare metal, because a static program
//! for Linux looks the same; then the target has to be named, and the trace says so. Surprising: QEMU has one
//! console for both of the guest's output streams, and it ends with status 0 when it is asked to terminate
//! (SIGTERM), so a supervisor must remember that it did.

use std::ffi::OsString;

use crate::family::{Offer, cpu_model};
use crate::host::Program;
use crate::launch::{Emulator, Kind, Launch, SEMIHOSTING_CONSOLE, SEMIHOSTING_LINE};
use crate::lookup::{Obstacle, Reason, Subject, Trace, note};
use crate::packages::Piece;
use crate::target::{Endian, Target};

mod boards;

use boards::Board;

/// What a board says of a program.
pub(crate) fn consider(subject: &Subject<'_>, trace: &mut Trace) -> Offer {
    if subject.os != "none" {
        let static_elf = subject.elf().is_some_and(|elf| elf.interpreter.is_none());
        return Offer::NotForIt(if subject.target.is_none() && static_elf {
            "a static program of Linux and one for bare metal look alike: only a target that is named tells"
                .into()
        } else {
            "runs programs without an operating system only".into()
        });
    }
    let board = match choose(subject) {
        Choice::Board(board) => board,
        Choice::None(why) => return Offer::NotForIt(why),
        Choice::Ambiguous(text) => {
            return Offer::Refused(Reason { obstacle: Obstacle::NoEmulator, text, missing: Vec::new() });
        }
    };
    if let Some(loader) = subject.elf().and_then(|elf| elf.interpreter.as_deref()) {
        return Offer::Refused(Reason {
            obstacle: Obstacle::WrongTarget,
            text: format!("the program asks for the loader `{loader}`: it is for an operating system"),
            missing: Vec::new(),
        });
    }
    let name = format!("qemu-system-{}", board.emulator);
    let Some(program) = subject.host.find_program(&name) else {
        note(trace, &name, "not found");
        return Offer::Refused(Reason {
            obstacle: Obstacle::NotInstalled,
            text: format!("`{name}` is not installed"),
            missing: vec![Piece::QemuSystem(board.emulator)],
        });
    };
    if let Some(defect) = subject.host.defect(&program.path) {
        let text = format!("`{}` is no working QEMU: {defect}", program.path.display());
        note(trace, &name, &text);
        let missing = vec![Piece::QemuSystem(board.emulator)];
        return Offer::Refused(Reason { obstacle: Obstacle::NotInstalled, text, missing });
    }
    note(trace, &name, &format!("found: `{}`, board `{}`", program.path.display(), board.name));
    let cpu = cpu(subject, board);
    let refusal = too_old(subject, board, &name, &program)
        .or_else(|| cpu_model::refusal(subject, &program, &name, cpu.as_deref(), trace));
    if let Some(reason) = refusal {
        return Offer::Refused(reason);
    }
    note(trace, "console", "the guest's standard output and standard error are one stream to QEMU");
    let big = subject.machine.is_some_and(|machine| machine.endian == Endian::Big);
    if big && board.arguments == SEMIHOSTING_LINE {
        // Seen with 7.2 and 10.0; MIPS's calls pass everything in registers.
        note(
            trace,
            "semihosting",
            "QEMU reads what a call points to in little-endian order, for any program",
        );
    }
    Offer::Launch(launch(subject, board, &program, cpu))
}

/// Which board is to be used, or why none is.
enum Choice {
    Board(&'static Board),
    /// Several; the target has to tell.
    Ambiguous(String),
    None(String),
}

/// The board for the target, or for the machine where no triple of ours tells more and all its boards are one.
fn choose(subject: &Subject<'_>) -> Choice {
    let triple = subject.target.map(Target::triple);
    if let Some(board) = triple.and_then(boards::of_triple) {
        return Choice::Board(board);
    }
    if let Some(why) = triple.and_then(boards::why_not) {
        return Choice::None(why.to_owned());
    }
    let Some(machine) = subject.machine else {
        return Choice::None("not a machine that we know".to_owned());
    };
    match boards::of_machine(machine).as_slice() {
        [] => Choice::None(format!("no board with semihosting is known for {}", machine.name)),
        [board] => Choice::Board(board),
        [board, ..] => Choice::Ambiguous(format!(
            "{} has many kinds of processor: name the target (`{}-…`)",
            subject.name(),
            board.words.join("-…`, `")
        )),
    }
}

/// The CPU model: the user's, the board's for this target, or what the target names; else the board's own.
fn cpu(subject: &Subject<'_>, board: &Board) -> Option<String> {
    let named = || subject.target.and_then(Target::cpu_default);
    subject.cpu_asked().or_else(|| board.cpu.or_else(named).map(str::to_owned))
}

fn too_old(subject: &Subject<'_>, board: &Board, name: &str, program: &Program) -> Option<Reason> {
    let since = board.since?;
    let version = subject.host.version(&program.path)?;
    cpu_model::is_older(&version, since).then(|| Reason {
        obstacle: Obstacle::NotInstalled,
        text: format!("`{name}` {version} has no board `{}`, which came with QEMU {since}", board.name),
        missing: Vec::new(),
    })
}

fn launch(subject: &Subject<'_>, board: &Board, program: &Program, cpu: Option<String>) -> Launch {
    let mut prefix: Vec<OsString> = vec![program.path.clone().into(), "-M".into(), board.name.into()];
    let mut add = |words: &[&str]| prefix.extend(words.iter().map(OsString::from));
    if let Some(cpu) = &cpu {
        add(&["-cpu", cpu]);
    }
    // Nothing but the console reaches our streams: no window, no monitor, no UART, no configuration of the user's.
    add(&["-no-user-config", "-display", "none", "-monitor", "none", "-serial", "none"]);
    if board.firmware_end.is_some_and(|end| load_address(subject).is_none_or(|address| address < end)) {
        add(&["-bios", "none"]);
    }
    if let Some(device) = board.sound {
        add(&["-audiodev", "none,id=silence", "-global", &format!("{device}.audiodev=silence")]);
    }
    add(&["-chardev", &format!("stdio,id={SEMIHOSTING_CONSOLE}")]);
    add(&["-semihosting-config", board.arguments, "-kernel"]);
    let emulator = Emulator { kind: Kind::QemuSystem, program: Some(program.path.clone()), cpu };
    Launch { emulator, prefix, env: Vec::new(), sysroot: None, preparation: None }
}

fn load_address(subject: &Subject<'_>) -> Option<u64> {
    subject.elf().and_then(|elf| elf.load_address)
}
