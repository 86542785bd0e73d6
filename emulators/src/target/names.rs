//! What people call targets, and which triple they most likely meant.
//!
//! Others have words of their own for the same thing: GNU and Debian (`arm-linux-gnueabihf`, `ppc64el`), Go
//! (`linux/arm64`), Docker (`linux/arm/v7`), LLVM, Windows. The words are translated into a rustc triple first;
//! spelling mistakes are then measured from there. Only suggestions come out of here: a word is never taken for a
//! triple without being asked for, because a program for the wrong target fails in ways that are hard to read.

use super::rustc::TARGETS;
use crate::spelling::distance;

/// The most that is suggested.
const NEAREST_MAX: usize = 3;
/// The longest name that is looked at, in bytes; every triple is shorter than half of it.
const NAME_BYTES_MAX: usize = 80;

/// Whole names whose meaning is no sum of their words. Debian's armhf is v7, its armel v5te.
const NAMES: &[(&str, &str)] = &[
    ("android", "aarch64-linux-android"),
    ("arm-linux-gnueabi", "armv5te-unknown-linux-gnueabi"),
    ("arm-linux-gnueabihf", "armv7-unknown-linux-gnueabihf"),
    ("arm-linux-musleabihf", "armv7-unknown-linux-musleabihf"),
    ("arm-none-eabi", "thumbv7m-none-eabi"),
    ("armel", "armv5te-unknown-linux-gnueabi"),
    ("armhf", "armv7-unknown-linux-gnueabihf"),
    ("cortex-m0", "thumbv6m-none-eabi"),
    ("cortex-m3", "thumbv7m-none-eabi"),
    ("cortex-m4", "thumbv7em-none-eabihf"),
    ("cortex-m7", "thumbv7em-none-eabihf"),
    ("darwin", "aarch64-apple-darwin"),
    ("emscripten", "wasm32-unknown-emscripten"),
    ("ios", "aarch64-apple-ios"),
    ("linux-arm-v6", "arm-unknown-linux-gnueabihf"),
    ("linux-arm-v7", "armv7-unknown-linux-gnueabihf"),
    ("macos", "aarch64-apple-darwin"),
    ("native", "x86_64-unknown-linux-gnu"),
    ("wasi", "wasm32-wasip1"),
    ("wasip1", "wasm32-wasip1"),
    ("wasip2", "wasm32-wasip2"),
    ("wasm", "wasm32-wasip1"),
    ("wasm32", "wasm32-wasip1"),
    ("wasm32-unknown-wasi", "wasm32-wasip1"),
    ("wasm32-wasi", "wasm32-wasip1"),
    ("wasm32-wasi-preview1", "wasm32-wasip1"),
    ("win32", "i686-pc-windows-gnu"),
    ("win64", "x86_64-pc-windows-gnu"),
    ("windows", "x86_64-pc-windows-gnu"),
    ("wine", "x86_64-pc-windows-gnu"),
    ("x32", "x86_64-unknown-linux-gnux32"),
];

/// Words for a processor, with the word that a triple begins with.
const PROCESSORS: &[(&str, &str)] = &[
    ("386", "i686"),
    ("amd64", "x86_64"),
    ("arm", "armv7"),
    ("arm32", "armv7"),
    ("arm64", "aarch64"),
    ("arm64be", "aarch64_be"),
    ("arm64v8", "aarch64"),
    ("arm32v7", "armv7"),
    ("armv5", "armv5te"),
    ("armv6l", "arm"),
    ("armv7a", "armv7"),
    ("armv7hf", "armv7"),
    ("armv7l", "armv7"),
    ("armv8", "aarch64"),
    ("armv8l", "armv7"),
    ("i386", "i686"),
    ("i486", "i586"),
    ("ia32", "i686"),
    ("loong64", "loongarch64"),
    ("mips64le", "mips64el"),
    ("mipsle", "mipsel"),
    ("powerpc64el", "powerpc64le"),
    ("ppc", "powerpc"),
    ("ppc32", "powerpc"),
    ("ppc64", "powerpc64"),
    ("ppc64el", "powerpc64le"),
    ("ppc64le", "powerpc64le"),
    ("riscv", "riscv64gc"),
    ("riscv32", "riscv32gc"),
    ("riscv64", "riscv64gc"),
    ("rv64", "riscv64gc"),
    ("rv64gc", "riscv64gc"),
    ("s390", "s390x"),
    ("systemz", "s390x"),
    ("x64", "x86_64"),
    ("x86", "i686"),
    ("x86-64", "x86_64"),
    ("x86_32", "i686"),
];

/// Words for an operating system, with the vendor and system that a triple has for it.
const SYSTEMS: &[(&str, &str)] = &[
    ("darwin", "apple-darwin"),
    ("freebsd", "unknown-freebsd"),
    ("linux", "unknown-linux"),
    ("macos", "apple-darwin"),
    ("macosx", "apple-darwin"),
    ("mingw", "pc-windows-gnu"),
    ("mingw32", "pc-windows-gnu"),
    ("mingw64", "pc-windows-gnu"),
    ("netbsd", "unknown-netbsd"),
    ("openbsd", "unknown-openbsd"),
    ("win32", "pc-windows"),
    ("win64", "pc-windows"),
    ("windows", "pc-windows"),
];

/// Words that say nothing, between the processor and the system.
const VENDORS: &[&str] = &["apple", "pc", "unknown", "w64", "redhat", "suse", "alpine", "buildroot", "none"];

/// Known triples that look like `given`, best first, at most three; empty where nothing comes near.
pub fn nearest(given: &str) -> Vec<&'static str> {
    let given = given.trim().to_ascii_lowercase();
    if given.is_empty() || given.len() > NAME_BYTES_MAX {
        return Vec::new();
    }
    let meant = translate(&given);
    // A third of the letters may be wrong; beyond that a suggestion is a guess.
    let limit = (given.len() / 3).max(2);
    let mut found: Vec<(usize, u8, &'static str)> = TARGETS
        .iter()
        .filter_map(|facts| {
            let wrong = distance(&given, facts.triple).min(distance(&meant, facts.triple));
            // Tier 0 means unknown, and stands behind 3.
            let tier = if facts.tier == 0 { 4 } else { facts.tier };
            (wrong <= limit).then_some((wrong, tier, facts.triple))
        })
        .collect();
    found.sort_unstable();
    found.truncate(NEAREST_MAX);
    found.into_iter().map(|(_, _, triple)| triple).collect()
}

/// The triple that the words of `given` amount to; `given` itself where they amount to nothing.
fn translate(given: &str) -> String {
    let name = given.replace(['/', ' ', ':'], "-");
    let look_up = |table: &[(&str, &'static str)], word: &str| {
        table.iter().find(|(theirs, _)| *theirs == word).map(|(_, ours)| *ours)
    };
    if let Some(triple) = look_up(NAMES, &name) {
        return triple.to_owned();
    }
    // The one processor that others spell with the separator in it.
    let name = name.replace("x86-64", "x86_64");
    let is_processor = |word: &str| TARGETS.iter().any(|facts| facts.triple.split('-').next() == Some(word));
    let (mut processor, mut system, mut rest) = (None, None, Vec::new());
    for word in name.split('-').filter(|word| !word.is_empty()) {
        if let Some(ours) = look_up(PROCESSORS, word).filter(|_| processor.is_none()) {
            processor = Some(ours.to_owned());
        } else if processor.is_none() && is_processor(word) {
            processor = Some(word.to_owned());
        } else if let Some(ours) = look_up(SYSTEMS, word).filter(|_| system.is_none()) {
            system = Some(ours);
        } else if !VENDORS.contains(&word) {
            rest.push(word);
        }
    }
    match (processor, system) {
        (Some(processor), Some(system)) => complete(&processor, system, &rest),
        // A processor alone: most people want its Linux.
        (Some(processor), None) if rest.is_empty() => complete(&processor, "unknown-linux", &rest),
        _ => name,
    }
}

/// A triple with the environment that its system has where none was named.
fn complete(processor: &str, system: &str, rest: &[&str]) -> String {
    let mut environment = rest.join("-");
    if environment.is_empty() && matches!(system, "unknown-linux" | "pc-windows") {
        environment.push_str("gnu");
    }
    // The 32-bit Arm ABIs have their own names, and the 64-bit MIPS ones too.
    if processor.starts_with("armv7") && matches!(environment.as_str(), "gnu" | "musl") {
        environment += "eabihf";
    }
    if processor.starts_with("mips64") && matches!(environment.as_str(), "gnu" | "musl") {
        environment += "abi64";
    }
    if environment.is_empty() {
        format!("{processor}-{system}")
    } else {
        format!("{processor}-{system}-{environment}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Target;

    #[test]
    fn other_peoples_names_lead_to_rustcs_triple() {
        #[track_caller]
        fn check(given: &str, first: &str) {
            assert_eq!(nearest(given).first().copied(), Some(first), "{given}: {:?}", nearest(given));
        }
        check("aarch64-linux-gnu", "aarch64-unknown-linux-gnu");
        check("arm64", "aarch64-unknown-linux-gnu");
        check("arm64-linux", "aarch64-unknown-linux-gnu");
        check("linux/arm64", "aarch64-unknown-linux-gnu");
        check("linux/arm/v7", "armv7-unknown-linux-gnueabihf");
        check("linux/386", "i686-unknown-linux-gnu");
        check("aarch64-linux-musl", "aarch64-unknown-linux-musl");
        check("arm-linux-gnueabihf", "armv7-unknown-linux-gnueabihf");
        check("arm-linux-gnueabi", "armv5te-unknown-linux-gnueabi");
        check("armhf", "armv7-unknown-linux-gnueabihf");
        check("armv7l", "armv7-unknown-linux-gnueabihf");
        check("armv7-linux-gnueabihf", "armv7-unknown-linux-gnueabihf");
        check("riscv64-unknown-linux-gnu", "riscv64gc-unknown-linux-gnu");
        check("riscv64", "riscv64gc-unknown-linux-gnu");
        check("riscv64-linux-gnu", "riscv64gc-unknown-linux-gnu");
        check("ppc64el", "powerpc64le-unknown-linux-gnu");
        check("ppc64le-linux", "powerpc64le-unknown-linux-gnu");
        check("powerpc64le-linux-gnu", "powerpc64le-unknown-linux-gnu");
        check("s390x", "s390x-unknown-linux-gnu");
        check("s390x-linux-gnu", "s390x-unknown-linux-gnu");
        check("x86_64-windows", "x86_64-pc-windows-gnu");
        check("x86_64-w64-mingw32", "x86_64-pc-windows-gnu");
        check("i686-w64-mingw32", "i686-pc-windows-gnu");
        check("windows/amd64", "x86_64-pc-windows-gnu");
        check("x86_64-windows-gnu", "x86_64-pc-windows-gnu");
        check("win64", "x86_64-pc-windows-gnu");
        check("x86_64-windows-msvc", "x86_64-pc-windows-msvc");
        check("x86_64-linux-gnu", "x86_64-unknown-linux-gnu");
        check("x86_64-pc-linux-gnu", "x86_64-unknown-linux-gnu");
        check("x86-64-linux", "x86_64-unknown-linux-gnu");
        check("amd64", "x86_64-unknown-linux-gnu");
        check("i386-linux-gnu", "i686-unknown-linux-gnu");
        check("mips64el-linux-gnuabi64", "mips64el-unknown-linux-gnuabi64");
        check("mips64el", "mips64el-unknown-linux-gnuabi64");
        check("mipsle", "mipsel-unknown-linux-gnu");
        check("wasm32-wasi", "wasm32-wasip1");
        check("wasm32-unknown-wasi", "wasm32-wasip1");
        check("arm64-apple-darwin", "aarch64-apple-darwin");
        check("arm64-macos", "aarch64-apple-darwin");
        check("loong64", "loongarch64-unknown-linux-gnu");
    }

    #[test]
    fn slips_of_the_finger_are_forgiven() {
        #[track_caller]
        fn check(given: &str, first: &str) {
            assert_eq!(nearest(given).first().copied(), Some(first), "{given}: {:?}", nearest(given));
        }
        check("aarhc64-unknown-linux-gnu", "aarch64-unknown-linux-gnu");
        check("s390-unknown-linux-gnu", "s390x-unknown-linux-gnu");
        check("aarch64-unknown-linux-gun", "aarch64-unknown-linux-gnu");
        check("x86_64-unknown-linux-gun", "x86_64-unknown-linux-gnu");
        check("X86_64-Unknown-Linux-GNU", "x86_64-unknown-linux-gnu");
        check("armv7-unknown-linux-gnueabifh", "armv7-unknown-linux-gnueabihf");
        check("wasm32-wasip", "wasm32-wasip1");
        check("i686-pc-window-gnu", "i686-pc-windows-gnu");
        check(" s390x-unknown-linux-gnu ", "s390x-unknown-linux-gnu");
    }

    #[test]
    fn nothing_is_suggested_for_what_is_no_target() {
        assert!(nearest("").is_empty());
        assert!(nearest("zzzzzzzzzzzzzzzzzzzzzz").is_empty());
        assert!(nearest("hello world, this is not a triple").is_empty());
        assert!(nearest(&"a".repeat(10_000)).is_empty());
        assert!(nearest("ünïcödé").is_empty());
    }

    #[test]
    fn every_name_that_we_translate_ends_at_a_real_triple() {
        for (theirs, ours) in NAMES {
            assert!(Target::parse(ours).is_ok(), "{theirs} → {ours}");
            assert_eq!(nearest(theirs).first(), Some(ours), "{theirs}");
        }
        for (theirs, ours) in PROCESSORS {
            assert!(
                Target::all().any(|target| target.triple().split('-').next() == Some(ours)),
                "{theirs} → {ours}"
            );
        }
    }
}
