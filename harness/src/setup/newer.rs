//! Brings a QEMU that is newer than the installed one, for systems that run much faster under it ([`Newer`]): one file under
//! the cache directory, which can be deleted at any time.

use std::ffi::OsString;
use std::path::PathBuf;

use triplecheck_emulators::host::Host;
use triplecheck_emulators::vm::machines::System;
use triplecheck_emulators::vm::newer::{NEWER, Newer};

use super::archive::Archive;
use crate::toolchain::progress::Progress;
use crate::toolchain::tool::Tool;

/// The one that this system would gain from and that could be had here.
pub(crate) fn missing(host: &dyn Host, system: &System) -> Option<&'static Newer> {
    let newer = Newer::of(host, system).filter(|newer| !newer.is_there(host))?;
    host.find_program("apt-get")?;
    let about = fs_err::read_to_string("/etc/os-release").ok()?;
    (release(&about) == Some(newer.release)).then_some(newer)
}

/// The code name of a distribution's release (os-release(5)).
fn release(about: &str) -> Option<&str> {
    Some(about.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="))?.trim_matches('"'))
}

/// Downloads and unpacks it, for the installed one's libraries and firmware. The error is one sentence.
pub(crate) fn bring(host: &dyn Host, newer: &Newer, progress: &mut dyn Progress) -> Result<(), String> {
    let io = |error: std::io::Error| error.to_string();
    let name = host.machine().name;
    let own = System::named(name).ok_or_else(|| format!("Debian's name of {name} is not known"))?;
    let packages = host.cache_dir().join("packages");
    fs_err::create_dir_all(&packages).map_err(io)?;
    let scratch = tempfile::Builder::new().prefix(".unpacking-").tempdir_in(&packages).map_err(io)?;
    let archive = Archive::open(newer.suite, own.debian, scratch.path(), progress)?;
    let (_, package) = archive.download(&[newer.package.to_owned()], progress)?;
    let member = format!("./usr/bin/qemu-system-{}", newer.emulator);
    let program = archive.unpack(&package, std::slice::from_ref(&member), progress)?.join(member);
    // Without the libraries it does not even say that.
    Tool::new(&program).args(["--version"]).answer().map_err(|error| error.to_string())?;
    let bin = packages.join(newer.package).join("usr/bin");
    fs_err::create_dir_all(&bin).map_err(io)?;
    fs_err::rename(program, bin.join(newer.name)).map_err(io)
}

/// The QEMU of these words, where it is one that was brought, and the words with the installed one, which may do what it cannot.
pub(crate) fn with_installed(host: &dyn Host, words: &[OsString]) -> Option<(PathBuf, Vec<OsString>)> {
    let place = words.iter().position(|word| word == "--qemu")? + 1;
    let brought = PathBuf::from(words.get(place)?);
    let newer = NEWER.iter().find(|newer| brought.file_name().is_some_and(|name| name == newer.name))?;
    let mut words = words.to_vec();
    words[place] = newer.installed(host)?.path.into();
    Some((brought, words))
}

#[cfg(test)]
mod tests {
    use triplecheck_emulators::host::TableHost;
    use triplecheck_emulators::machine::Machine;

    use super::*;

    #[test]
    fn a_release_is_known_by_its_code_name() {
        let debian = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_CODENAME=bookworm\nID=debian\n";
        assert_eq!(release(debian), Some("bookworm"));
        assert_eq!(release("VERSION_CODENAME=\"noble\"\n"), Some("noble"));
        assert_eq!(release("ID=arch\n"), None);
    }

    #[test]
    fn for_one_that_was_brought_there_is_the_installed_one() {
        let host = TableHost::new("x86_64-unknown-linux-gnu", "linux", Machine::named("x86_64").unwrap());
        let there = host.program("/usr/bin/qemu-system-riscv64");
        let words = |qemu: &str| ["--machine", "riscv64", "--qemu", qemu, "--cpu", "c"].map(OsString::from);
        let (own, brought) = ("/usr/bin/qemu-system-riscv64", "/cache/usr/bin/qemu-system-riscv64-backport");
        let found = with_installed(&there, &words(brought));
        assert_eq!(found, Some((brought.into(), words(own).to_vec())));
        assert_eq!(with_installed(&there, &words(own)), None);
        let host = TableHost::new("x86_64-unknown-linux-gnu", "linux", Machine::named("x86_64").unwrap());
        assert_eq!(with_installed(&host, &words(brought)), None, "it is not there");
    }
}
