//! What a tool says of itself when it is started for that: its version, its CPU models. Both are remembered
//! between commands, by the file's own size and time, because a start costs more than all the rest of a decision.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// The answer from the memory of earlier commands in `dir`, or from `ask`, which is then remembered.
pub(super) fn remembered(
    dir: &Path,
    program: &Path,
    ask: impl FnOnce(&Path) -> Option<String>,
) -> Option<String> {
    let meta = std::fs::metadata(program).ok()?;
    let modified = meta.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    let key = format!("{} {} {}", program.display(), meta.len(), modified.as_nanos());
    let file = dir.join(key.replace(['/', ' '], "_"));
    if let Some(answer) = std::fs::read_to_string(&file).ok().filter(|text| !text.is_empty()) {
        return Some(answer);
    }
    let answer = ask(program)?;
    // Only a memory: where it cannot be written, the next command asks again.
    let unfinished = dir.join(format!(".{}", std::process::id()));
    let _ = std::fs::create_dir_all(dir)
        .and_then(|()| std::fs::write(&unfinished, &answer))
        .and_then(|()| std::fs::rename(&unfinished, &file));
    Some(answer)
}

/// The first number with a dot in what a program says of itself: `qemu-x86_64 version 7.2.22 (Debian …)`,
/// `wine-8.0 (Debian 8.0~repack-4)`, `v20.19.2`.
pub(super) fn version_number(text: &str) -> Option<String> {
    text.split(|letter: char| !letter.is_ascii_digit() && letter != '.')
        .map(|number| number.trim_matches('.'))
        .find(|number| number.contains('.'))
        .map(str::to_owned)
}

/// Wine's version from the head of the `wine.inf` beside it, which costs no process.
pub(super) fn wine_version(program: &Path) -> Option<String> {
    if !program.file_name()?.to_str()?.starts_with("wine") {
        return None;
    }
    program.ancestors().skip(1).take(3).find_map(|dir| {
        let mut head = [0; 256];
        let count = File::open(dir.join("share/wine/wine.inf")).ok()?.read(&mut head).ok()?;
        let head = String::from_utf8_lossy(&head[..count]).into_owned();
        version_number(head.split_once("Version: Wine ")?.1.lines().next()?)
    })
}

/// What QEMU up to version 9 puts before each name.
const FAMILY_WORDS: [&str; 5] = ["x86", "s390", "PowerPC", "MIPS", "Sparc"];

/// The names in what `qemu-… -cpu help` prints. Every machine has a layout of its own, and 10.0 has others than 7.2;
/// common to all is one model a line, its name first, and features in paragraphs of their own at the end.
pub(super) fn cpu_models(text: &str) -> Vec<String> {
    let mut models = Vec::new();
    for line in text.lines().map(str::trim) {
        let heading = line.is_empty() || line.ends_with(':');
        if (heading && !models.is_empty()) || line.contains("CPU feature flags (use") {
            break;
        }
        if !heading {
            models.extend(cpu_model(line));
        }
    }
    models
}

fn cpu_model(line: &str) -> Option<String> {
    let family = line.split_ascii_whitespace().next().filter(|word| FAMILY_WORDS.contains(word));
    let rest = family.map_or(line, |family| line[family.len()..].trim_start());
    // SPARC's names have blanks before QEMU 9.2; what follows them is the version of the integer unit.
    let name = match rest.split_once(" IU ") {
        Some((name, _)) => name,
        None => rest.split_ascii_whitespace().next()?,
    };
    let name = name.trim().trim_matches('\'');
    // Some list the names of types, `la464-loongarch-cpu`, and take the short form too.
    let short = name.strip_suffix("-cpu").map(|name| name.rsplit_once('-').map_or(name, |(name, _)| name));
    Some(short.unwrap_or(name).to_owned()).filter(|name| !name.is_empty())
}

/// The names in what `qemu-system-… -accel help` prints: a heading, and one a line.
pub(super) fn accelerators(text: &str) -> Vec<String> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.contains(' '))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_numbers_are_read_from_what_real_tools_print() {
        for (text, expected) in [
            ("qemu-x86_64 version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)\n", Some("7.2.22")),
            ("wine-8.0 (Debian 8.0~repack-4)", Some("8.0")),
            ("wine-10.0-rc1", Some("10.0")),
            ("v20.19.2\n", Some("20.19.2")),
            ("no number here 42", None),
            ("", None),
        ] {
            assert_eq!(version_number(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn accelerators_are_read_below_their_heading() {
        let text = "Accelerators supported in QEMU binary:\ntcg\nkvm\n";
        assert_eq!(accelerators(text), ["tcg", "kvm"]);
        assert!(accelerators("").is_empty());
    }

    #[test]
    fn cpu_models_are_read_in_every_layout() {
        #[track_caller]
        fn check(text: &str, expected: &[&str]) {
            assert_eq!(cpu_models(text), expected);
        }
        // QEMU 7.2, machine by machine.
        check("Available CPUs:\n  arm926\n  cortex-a53\n", &["arm926", "cortex-a53"]);
        check(
            "Available CPUs:\nx86 486                   (alias configured by machine type)\nx86 Haswell-v4   \
             Intel Core Processor (Haswell, IBRS)\n\nRecognized CPUID flags:\n  3dnow avx\n",
            &["486", "Haswell-v4"],
        );
        check(
            "s390 max             Enables all features\ns390 z13-base        IBM z13 GA1   (static)\n\n\
             Recognized feature flags:\nesan3  Instructions marked as n3\n",
            &["max", "z13-base"],
        );
        check(
            "PowerPC mpc5xx           PVR 00020020\nPowerPC rcpu             (alias for mpc5xx)\n",
            &["mpc5xx", "rcpu"],
        );
        check("MIPS '4Kc'\nMIPS 'I6400'\n", &["4Kc", "I6400"]);
        check("any\nrv64\n", &["any", "rv64"]);
        check("ev4-alpha-cpu\nla464-loongarch-cpu\n", &["ev4", "la464"]);
        check(
            "Sparc  TI MicroSparc I IU 41000000 FPU 00080000\nSparc            LEON3 IU f3000000 FPU 00080000\n\
             Default CPU feature flags (use '-' to remove): float swap\n",
            &["TI MicroSparc I", "LEON3"],
        );
        // QEMU 10.0.
        check("Available CPUs:\n  4Kc\n  hppa64-cpu\n", &["4Kc", "hppa64"]);
        check(
            "Available CPU types:\n Sun-UltraSparc-T1    (IU 003e002302000000 FPU 00000000)\nDefault CPU feature flags \
             (use '-' to remove): vis1\n",
            &["Sun-UltraSparc-T1"],
        );
        check("", &[]);
    }
}
