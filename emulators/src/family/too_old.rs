//! Targets whose programs an old QEMU starts and then kills: what is wrong, and the version that is known to work.

use crate::binary::Elf;
use crate::host::Program;
use crate::lookup::{Obstacle, Reason, Subject, Trace, note};
use crate::target::Target;

use super::cpu_model::is_older;

/// One machine with which an old QEMU fails.
struct Row {
    machine: &'static str,
    /// Only programs of this C library, as `target_env` has it; any where empty.
    env: &'static str,
    /// Only programs that load this library.
    library: Option<&'static str>,
    /// QEMU before this version fails.
    before: &'static str,
    /// A version with which such programs were seen to run.
    works: &'static str,
    what: &'static str,
}

const ROWS: &[Row] = &[
    Row {
        machine: "powerpc",
        env: "gnu",
        library: Some("libm.so.6"),
        before: "8.0",
        works: "10.0",
        what: "does not know the instruction by which glibc's libm reads the rounding mode",
    },
    Row {
        machine: "loongarch64",
        env: "",
        library: None,
        before: "8.0",
        works: "10.0",
        what: "lacks the vector instructions (LSX) of which compilers make use",
    },
];

/// Why this emulator is too old for the program; a note where only some programs are concerned and the header
/// does not tell whether this is one.
pub(super) fn refusal(
    subject: &Subject<'_>,
    program: &Program,
    emulator: &str,
    trace: &mut Trace,
) -> Option<Reason> {
    let machine = subject.machine?.name;
    let row = ROWS.iter().find(|row| row.machine == machine && is_of(subject, row.env))?;
    let version = subject.host.version(&program.path)?;
    if !is_older(&version, row.before) {
        return None;
    }
    let text = format!("`{emulator}` {version} {}: QEMU {} is known to work", row.what, row.works);
    let concerned = row.library.is_none_or(|library| {
        subject.elf().is_none_or(|elf| elf.needed.iter().any(|needed| needed == library))
    });
    if concerned {
        return Some(Reason { obstacle: Obstacle::NotInstalled, text, missing: Vec::new() });
    }
    note(trace, emulator, &text);
    None
}

/// Whether the program is of this C library; musl's loader tells where there is no target.
fn is_of(subject: &Subject<'_>, env: &str) -> bool {
    let musl = |elf: &Elf| elf.interpreter.as_deref().is_some_and(|loader| loader.contains("ld-musl"));
    match (subject.target.map(Target::facts), subject.elf()) {
        _ if env.is_empty() => true,
        (Some(facts), _) => facts.env == env,
        (None, elf) => (env == "musl") == elf.is_some_and(musl),
    }
}
