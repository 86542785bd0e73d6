//! Kernels of guest systems: which of Debian's there are for each machine, what a variant of a target names, and which of
//! those that were put there is booted.
//!
//! A kernel is known by its release (`6.12.117+deb13`), with the size of its pages behind it where Debian has one with
//! another size beside it (`6.12.117+deb13-16k`); a variant names as much of that as it wants: `linux-6.12`, `linux-6.12-16k`.

use std::path::PathBuf;

use super::machines::System;
use super::{INITRAMFS, KERNEL};
use crate::host::Host;
use crate::lookup::{Subject, Trace, note};
use crate::machine::Machine;
use crate::target::Target;

/// A row: a kernel in Debian's archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packaged {
    /// The machine of its system.
    pub machine: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The size of its pages, where the same suite has a kernel with another.
    pub pages: Option<&'static str>,
    /// Debian's release.
    pub suite: &'static str,
    /// What follows `linux-image-`.
    pub flavour: &'static str,
}

const fn usual(machine: &'static str, version: &'static str, flavour: &'static str) -> Packaged {
    Packaged { machine, version, pages: None, suite: suite(version), flavour }
}

const fn paged(
    machine: &'static str,
    version: &'static str,
    pages: &'static str,
    flavour: &'static str,
) -> Packaged {
    Packaged { machine, version, pages: Some(pages), suite: suite(version), flavour }
}

/// The stable release whose kernel has this version.
const fn suite(version: &str) -> &'static str {
    match version.as_bytes() {
        b"5.10" => "bullseye",
        b"6.1" => "bookworm",
        b"6.12" => "trixie",
        _ => panic!("no suite is known for this version"),
    }
}

/// All rows, the one that is taken where none is named first for each machine.
pub const PACKAGED: [Packaged; 18] = [
    usual("x86_64", "6.1", "amd64"),
    usual("x86_64", "5.10", "amd64"),
    usual("x86_64", "6.12", "amd64"),
    usual("aarch64", "6.1", "arm64"),
    usual("aarch64", "5.10", "arm64"),
    usual("aarch64", "6.12", "arm64"),
    paged("aarch64", "6.12", "16k", "arm64-16k"),
    usual("aarch32", "6.1", "armmp-lpae"),
    usual("aarch32", "5.10", "armmp-lpae"),
    usual("aarch32", "6.12", "armmp-lpae"),
    // The first stable release with this architecture.
    usual("riscv64", "6.12", "riscv64"),
    usual("s390x", "6.1", "s390x"),
    usual("s390x", "5.10", "s390x"),
    usual("s390x", "6.12", "s390x"),
    // Its pages have 64 KiB up to 6.1, and 4 KiB from 6.12 on where no size is named.
    usual("powerpc64le", "6.1", "powerpc64le"),
    usual("powerpc64le", "5.10", "powerpc64le"),
    usual("powerpc64le", "6.12", "powerpc64le"),
    paged("powerpc64le", "6.12", "64k", "powerpc64le-64k"),
];

/// The processor under emulation for kernels whose pages the system's own cannot do: 16 KiB is no granule of a Cortex-A57,
/// and its kernel stops there without a word.
const CPUS: [(&str, &str, &str); 1] = [("aarch64", "16k", "cortex-a76")];

/// The processor under emulation for the kernel of this release.
pub fn cpu(system: &System, release: &str) -> &'static str {
    let (_, pages) = split(release);
    let row = CPUS.iter().find(|(machine, size, _)| *machine == system.machine && Some(*size) == pages);
    row.map_or(system.cpu, |(_, _, cpu)| cpu)
}

impl Packaged {
    /// What a variant names for a system, or its first kernel.
    pub fn find(system: &System, asked: Option<&str>) -> Option<&'static Packaged> {
        let is_meant = |kernel: &Packaged| asked.is_none_or(|asked| series(asked) == kernel.series());
        PACKAGED.iter().find(|kernel| kernel.machine == system.machine && is_meant(kernel))
    }

    /// All of a system.
    pub fn all(system: &System) -> impl Iterator<Item = &'static Packaged> {
        PACKAGED.iter().filter(move |kernel| kernel.machine == system.machine)
    }

    /// `6.12-16k`.
    pub fn series(&self) -> String {
        format!("{}{}", self.version, self.pages.map_or(String::new(), |pages| format!("-{pages}")))
    }
}

/// The system and the directory of the kernel to boot: the newest, or the newest of what the variant names; that of the
/// program's own machine first, and then that of another whose kernel runs its programs too. The error is one sentence.
pub(super) fn choose(
    subject: &Subject<'_>,
    machine: &Machine,
    trace: &mut Trace,
) -> Result<(&'static System, PathBuf), String> {
    let asked = subject.target.and_then(Target::kernel_variant);
    let mut is_outdated = false;
    for system in System::all_serving(machine) {
        let place = place(subject.host, system);
        let mut releases = releases(subject.host, system);
        releases.retain(|(release, _)| is_of(release, asked));
        is_outdated |= releases.iter().any(|(_, is_current)| !is_current);
        if let Some((release, _)) = releases.into_iter().rev().find(|(_, is_current)| *is_current) {
            note(trace, format!("kernel linux-{release} for {}", system.machine), "chosen");
            return Ok((system, place.join(release)));
        }
        let found = if is_outdated { "made by another version of this program" } else { "none" };
        note(trace, format!("kernels in {}", place.display()), found);
    }
    let triple = subject.target.map_or(String::new(), |target| format!(" {}", target.triple()));
    let (which, variant) = asked
        .map_or_else(Default::default, |asked| (format!(" of version {asked}"), format!("@linux-{asked}")));
    let setup = format!("`triplecheck setup --vm{triple}{variant}`");
    let name = machine.name;
    Err(if is_outdated {
        format!(
            "the guest system{which} for {name} was made by another version of this program: {setup} makes it anew"
        )
    } else {
        format!("there is no guest system{which} for {name}: {setup} brings it")
    })
}

/// The directory of a system's kernels, each in a directory of its own that has its release as its name.
pub fn place(host: &dyn Host, system: &System) -> PathBuf {
    host.cache_dir().join("vm").join(system.machine)
}

/// The kernels that were put there for a system, the newest last: each release, and whether its first process speaks as
/// this version does.
pub(super) fn releases(host: &dyn Host, system: &System) -> Vec<(String, bool)> {
    let place = place(host, system);
    let has = |release: &str, file: &str| host.is_file(&place.join(release).join(file));
    let mut releases: Vec<(String, bool)> = host
        .names_in(&place)
        .into_iter()
        .filter(|release| !release.starts_with('.') && has(release, KERNEL))
        .map(|release| {
            let is_current = has(&release, INITRAMFS);
            (release, is_current)
        })
        .collect();
    releases.sort_by_key(|(release, _)| numbers(release));
    releases
}

/// Whether a kernel is one of what a variant names (`6.1`, `6.12-16k`): the same numbers as far as it names them, and the
/// same size of pages, which is the distribution's usual one where it names none.
pub fn is_of(release: &str, asked: Option<&str>) -> bool {
    let (version, pages) = split(release);
    let (asked, asked_pages) = asked.map_or(("", None), split);
    let rest = version.strip_prefix(asked);
    pages == asked_pages
        && rest.is_some_and(|rest| asked.is_empty() || !rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// `6.12-16k` of `6.12.117+deb13-16k`: what a variant would name it by.
pub fn series(release: &str) -> String {
    let (version, pages) = split(release);
    let mut numbers = version.split(|c: char| !c.is_ascii_digit());
    let (major, minor) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    format!("{major}.{minor}{}", pages.map_or(String::new(), |pages| format!("-{pages}")))
}

/// A version, and the size of pages at its end: `6.12`, `16k`.
fn split(name: &str) -> (&str, Option<&str>) {
    let is_size = |end: &str| end.strip_suffix('k').is_some_and(|number| number.parse::<u32>().is_ok());
    match name.rsplit_once('-') {
        Some((version, end)) if is_size(end) => (version, Some(end)),
        _ => (name, None),
    }
}

/// The numbers in a kernel's release, by which the newer is known: `6.12.117+deb13` is after `6.1.0-50`.
pub fn numbers(release: &str) -> Vec<u32> {
    release.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::machines::SYSTEMS;
    use super::*;

    #[test]
    fn every_system_has_kernels_and_no_two_have_one_name() {
        for system in &SYSTEMS {
            let all: Vec<String> = Packaged::all(system).map(Packaged::series).collect();
            assert!(!all.is_empty(), "{}", system.machine);
            for (at, series) in all.iter().enumerate() {
                assert_eq!(all.iter().position(|other| other == series), Some(at));
                let found = Packaged::find(system, Some(series)).unwrap();
                assert_eq!((found.machine, &found.series()), (system.machine, series));
            }
            let exact = format!("{}.5", all[0]);
            assert_eq!(Packaged::find(system, Some(&exact)), Packaged::find(system, None));
            assert_eq!(Packaged::find(system, Some("2.6")), None);
        }
        assert!(PACKAGED.iter().all(|kernel| System::named(kernel.machine).is_some()));
        let aarch64 = System::named("aarch64").unwrap();
        assert_eq!(cpu(aarch64, "6.12.117+deb13-16k"), "cortex-a76");
        assert_eq!(cpu(aarch64, "6.12.117+deb13"), aarch64.cpu);
    }

    #[test]
    fn a_variant_names_versions_and_sizes_of_pages() {
        for (release, asked, expected) in [
            ("6.1.0-50", None, true),
            ("6.1.0-50", Some("6.1"), true),
            ("6.12.117+deb13", Some("6.1"), false),
            ("6.12.117+deb13", Some("6.12"), true),
            ("6.12.117+deb13", Some("6.12.117"), true),
            ("6.12.117+deb13", Some("6.12-16k"), false),
            ("6.12.117+deb13-16k", Some("6.12-16k"), true),
            ("6.12.117+deb13-16k", Some("6.12"), false),
            ("6.12.117+deb13-16k", None, false),
            ("6.12.117+deb13-16k", Some("6.1-16k"), false),
        ] {
            assert_eq!(is_of(release, asked), expected, "{release} {asked:?}");
        }
        assert_eq!(series("6.12.117+deb13-16k"), "6.12-16k");
        assert_eq!(series("6.1.0-50"), "6.1");
        assert_eq!(series(""), ".");
    }
}
