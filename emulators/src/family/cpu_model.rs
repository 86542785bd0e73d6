//! Whether the installed QEMU can play the CPU model that was asked for. QEMU refuses an unknown name with a word
//! of its own and status 1, which a program may return too; and what its translator does not have it leaves out
//! with a warning on the guest's standard error. So both are judged before the start.

use crate::host::Program;
use crate::lookup::{Obstacle, Reason, Subject, Trace, note};
use crate::spelling;
use crate::target::Target;
use crate::target::cpu::newer_since;

/// The most names that a refusal suggests.
const NEAREST_MAX: usize = 3;

/// Names of x86 levels that compilers know, and QEMU's model for each; `None` where its translator (TCG) lacks
/// what the level needs. From the x86-64 psABI and the definitions in QEMU's `target/i386/cpu.c`.
const X86_LEVELS: &[(&str, Option<&str>)] = &[
    ("x86-64", Some("Opteron_G1")),
    ("x86-64-v2", Some("Nehalem")),
    ("x86-64-v3", Some("Haswell")),
    ("x86-64-v4", None),
];

/// Starts of the names of x86 features that TCG has in no version up to 10, with what they are called.
const X86_BEYOND_TCG: &[(&str, &str)] = &[("avx512", "AVX-512"), ("avx10", "AVX10"), ("amx", "AMX")];

/// Starts of the names of x86 models that have AVX-512 in silicon, from `target/i386/cpu.c`.
const X86_WITH_AVX512: &[&str] = &[
    "Skylake-Server",
    "Cascadelake-Server",
    "Cooperlake",
    "Icelake-Client",
    "Icelake-Server",
    "SapphireRapids",
    "GraniteRapids",
    "KnightsMill",
    "EPYC-Genoa",
    "EPYC-Turin",
];

/// Why this emulator cannot be the CPU `cpu`; `None` where it can, or where nothing speaks against it.
pub(super) fn refusal(
    subject: &Subject<'_>,
    program: &Program,
    emulator: &str,
    cpu: Option<&str>,
    trace: &mut Trace,
) -> Option<Reason> {
    let cpu = cpu?;
    let Some(asked) = subject.cpu_asked() else { return too_new(subject, program, emulator, cpu) };
    if subject.machine.is_some_and(|machine| machine.family == "x86") {
        if let Some(text) = beyond_tcg(&asked) {
            note(trace, "cpu", &text);
            return Some(Reason { obstacle: Obstacle::Forbidden, text, missing: Vec::new() });
        }
        if X86_WITH_AVX512.iter().any(|start| asked.starts_with(start)) {
            let text =
                format!("`{asked}` has AVX-512, and QEMU's translator has not: the program sees it without");
            note(trace, "cpu", &text);
        }
    }
    unknown(subject, program, emulator, &asked, trace)
}

/// That the asked model is not in the emulator's own list.
fn unknown(
    subject: &Subject<'_>,
    program: &Program,
    emulator: &str,
    asked: &str,
    trace: &mut Trace,
) -> Option<Reason> {
    let Some(models) = subject.host.cpu_models(&program.path).filter(|models| !models.is_empty()) else {
        note(
            trace,
            "cpu",
            &format!("`{emulator}` does not tell its CPU models: `{asked}` is passed on as it is"),
        );
        return None;
    };
    // What comes after a comma switches single features of the model.
    let model = asked.split(',').next().unwrap_or(asked);
    let plain = |name: &str| name.to_ascii_lowercase().replace(' ', "-");
    if models.iter().any(|known| plain(known) == plain(model)) {
        return None;
    }
    let version = subject.host.version(&program.path).unwrap_or_default();
    let name = format!("{emulator} {version}");
    let name = name.trim_end();
    let level = X86_LEVELS.iter().find(|(level, _)| *level == model).and_then(|(_, ours)| *ours);
    let near = spelling::nearest(model, models.iter().map(String::as_str), NEAREST_MAX);
    let hint = match (level, newer_since(model)) {
        (Some(ours), _) => format!("it is `{ours}` there"),
        (None, Some(since)) => format!("it came with QEMU {since}"),
        (None, None) if near.is_empty() => {
            format!("`{} -cpu help` lists those it has", program.path.display())
        }
        (None, None) => format!("did you mean `{}`?", near.join("`, `")),
    };
    let text = format!("`{name}` has no CPU model `{model}`: {hint}");
    Some(Reason { obstacle: Obstacle::Forbidden, text, missing: Vec::new() })
}

/// What of the asked model or of its features QEMU's translator lacks.
fn beyond_tcg(asked: &str) -> Option<String> {
    let mut parts = asked.split(',');
    let model = parts.next().unwrap_or(asked);
    if X86_LEVELS.contains(&(model, None)) {
        return Some(format!(
            "`{model}` needs AVX-512, which QEMU's translator does not have: `Haswell` is v3"
        ));
    }
    // `+name`, `name` and `name=on` switch on; `-name` and `name=off` switch off.
    let on = |part: &&str| !part.starts_with('-') && !part.ends_with("=off");
    parts.filter(on).find_map(|part| {
        let feature = part.trim_start_matches('+').trim_end_matches("=on");
        let (_, called) = X86_BEYOND_TCG.iter().find(|(start, _)| feature.starts_with(start))?;
        Some(format!("`{feature}` is a part of {called}, which QEMU's translator does not have"))
    })
}

/// That this QEMU lacks the model which the target itself needs: without it the program would die of an illegal
/// instruction, or the emulator before the program.
fn too_new(subject: &Subject<'_>, program: &Program, emulator: &str, cpu: &str) -> Option<Reason> {
    let since = newer_since(cpu).filter(|_| subject.target.and_then(Target::cpu_default) == Some(cpu))?;
    let version = subject.host.version(&program.path)?;
    is_older(&version, since).then(|| Reason {
        obstacle: Obstacle::NotInstalled,
        text: format!("`{emulator}` {version} has no CPU model `{cpu}`, which came with QEMU {since}"),
        missing: Vec::new(),
    })
}

/// Whether one version is older than another, by major and minor number; what is no number counts as 0.
pub(super) fn is_older(version: &str, than: &str) -> bool {
    let numbers = |version: &str| {
        let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
    };
    numbers(version) < numbers(than)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_that_no_version_translates_are_told_only_where_they_are_switched_on() {
        for (asked, expected) in [
            ("x86-64-v4", Some("AVX-512")),
            ("max,+avx512f", Some("AVX-512")),
            ("max,avx512bw=on", Some("AVX-512")),
            ("max,avx2=on,+amx-tile", Some("AMX")),
            ("max,-avx512f", None),
            ("max,avx512f=off", None),
            ("x86-64-v3", None),
            ("Haswell", None),
        ] {
            let text = beyond_tcg(asked);
            assert_eq!(text.is_some(), expected.is_some(), "{asked}: {text:?}");
            assert!(text.unwrap_or_default().contains(expected.unwrap_or_default()), "{asked}");
        }
    }

    #[test]
    fn versions_are_compared_by_number() {
        assert!(is_older("7.2.22", "8.2") && is_older("9.0", "10.0"));
        assert!(!is_older("8.2.0", "8.2") && !is_older("10.0.2", "9.1"));
    }
}
