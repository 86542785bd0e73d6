//! Package names: all of them in one snapshot for the reviewer, and Debian's against apt's own lists.
#![expect(clippy::disallowed_methods, reason = "asks the real apt-cache, and says so where there is none")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::Command;

use triplecheck_emulators::packages::{Distribution, Piece, install_command, packages};
use triplecheck_emulators::target::Cross;

const DISTRIBUTIONS: [Distribution; 6] = [
    Distribution::Debian,
    Distribution::Fedora,
    Distribution::Arch,
    Distribution::Alpine,
    Distribution::Homebrew,
    Distribution::Nix,
];

/// Every piece, the parametrised ones with all that Debian packages or QEMU has.
fn pieces() -> Vec<Piece> {
    let mut pieces = vec![
        Piece::QemuUser,
        Piece::Wine64,
        Piece::Wine32,
        Piece::Libc32,
        Piece::Gcc,
        Piece::Node,
        Piece::WasiC,
    ];
    pieces.extend(["aarch64", "arm", "i386", "mips64el", "ppc64", "s390x", "sparc64"].map(Piece::QemuSystem));
    for cross in Cross::all() {
        if cross.prefix.ends_with("mingw32") {
            pieces.push(Piece::Mingw(cross.prefix));
        } else {
            pieces.extend([Piece::CrossGcc(cross.prefix), Piece::CrossLibc(cross.prefix)]);
        }
    }
    pieces
}

#[test]
fn every_piece_has_the_reviewed_packages() {
    let mut text = String::new();
    for piece in pieces() {
        writeln!(text, "{piece:?}").unwrap();
        for distribution in DISTRIBUTIONS {
            let names = packages(piece, distribution);
            if !names.is_empty() {
                writeln!(text, "  {distribution:?}: {}", names.join(" ")).unwrap();
            }
        }
    }
    insta::assert_snapshot!(text);
}

/// Names that this Debian cannot confirm, with the reason.
const UNCONFIRMED: &[(&str, &str)] = &[
    ("wine32:i386", "another architecture's, unknown before it is added"),
    ("gcc-x86-64-linux-gnu", "cross on other hosts; on amd64 it is `gcc`"),
];

#[test]
fn debian_has_every_package_that_we_name() {
    if !std::fs::read_to_string("/etc/os-release")
        .is_ok_and(|text| Distribution::detect(&text) == Some(Distribution::Debian))
    {
        println!("skipped: not a Debian");
        return;
    }
    let names: BTreeSet<String> = pieces()
        .into_iter()
        .flat_map(|piece| packages(piece, Distribution::Debian))
        .filter(|name| !UNCONFIRMED.iter().any(|(known, _)| known == name))
        .collect();
    let output = Command::new("apt-cache").arg("policy").args(&names).env("LC_ALL", "C").output();
    let Ok(output) = output else {
        println!("skipped: no apt-cache");
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let mut found = BTreeSet::new();
    let mut current = None;
    for line in text.lines() {
        if let Some(name) = line.strip_suffix(':').filter(|name| !name.starts_with(' ')) {
            current = Some(name.to_owned());
        } else if line.trim().strip_prefix("Candidate:").is_some_and(|version| version.trim() != "(none)") {
            found.extend(current.take());
        }
    }
    // A slim image ships no lists; then apt knows only what is installed, and nothing can be said.
    if !found.contains("gcc-s390x-linux-gnu") && !found.contains("qemu-user") {
        println!("skipped: apt has no package lists");
        return;
    }
    let absent: Vec<&String> = names.difference(&found).collect();
    assert!(absent.is_empty(), "apt knows no {absent:?}");
}

#[test]
fn one_command_installs_each_package_once_and_in_order() {
    #[track_caller]
    fn check(pieces: &[Piece], distribution: Distribution, command: Option<&str>) {
        assert_eq!(install_command(pieces, distribution).as_deref(), command);
    }
    let arm = Piece::CrossGcc("aarch64-linux-gnu");
    check(
        &[arm, Piece::QemuUser, arm, Piece::CrossLibc("aarch64-linux-gnu")],
        Distribution::Debian,
        Some(
            "sudo apt-get install --no-install-recommends gcc-aarch64-linux-gnu libc6-arm64-cross \
             libc6-dev-arm64-cross libgcc-s1-arm64-cross qemu-user",
        ),
    );
    check(
        &[Piece::Wine32],
        Distribution::Debian,
        Some(
            "sudo dpkg --add-architecture i386 && sudo apt-get update && \
             sudo apt-get install --no-install-recommends wine32:i386",
        ),
    );
    check(&[Piece::QemuUser, arm], Distribution::Fedora, Some("sudo dnf install qemu-user"));
    check(&[arm], Distribution::Arch, Some("sudo pacman -S aarch64-linux-gnu-gcc"));
    check(&[Piece::Gcc], Distribution::Alpine, Some("sudo apk add gcc musl-dev"));
    check(&[Piece::QemuUser], Distribution::Homebrew, None);
    check(&[Piece::Node], Distribution::Homebrew, Some("brew install node"));
    check(&[Piece::QemuUser], Distribution::Nix, Some("nix-shell -p qemu"));
    check(&[], Distribution::Debian, None);
    check(&[Piece::CrossGcc("no-such-prefix")], Distribution::Debian, None);
}

#[test]
fn a_system_is_recognised_by_its_own_name_and_then_by_its_kin() {
    #[track_caller]
    fn check(os_release: &str, distribution: Option<Distribution>) {
        assert_eq!(Distribution::detect(os_release), distribution);
    }
    check("PRETTY_NAME=\"Debian GNU/Linux 12\"\nID=debian\n", Some(Distribution::Debian));
    check("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", Some(Distribution::Debian));
    check("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", Some(Distribution::Fedora));
    check("ID=manjaro\nID_LIKE=arch\n", Some(Distribution::Arch));
    check("ID=alpine\r\n", Some(Distribution::Alpine));
    check("ID='nixos'\n", Some(Distribution::Nix));
    check("ID=opensuse-leap\nID_LIKE=\"suse opensuse\"\n", None);
    check("VERSION_ID=12\nBUILD_ID=debian\n", None);
    check("", None);
}
