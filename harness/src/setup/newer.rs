//! Brings a QEMU that is newer than the installed one, for systems that run much faster under it ([`Newer`]): one file under
//! the cache directory, which can be deleted at any time.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

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

/// Removes the QEMU of these words, where it is one that was brought: what it cannot do, the installed one may.
pub(crate) fn give_up(words: &[impl AsRef<OsStr>]) -> Option<PathBuf> {
    let mut words = words.iter().map(AsRef::as_ref).skip_while(|word| *word != "--qemu");
    let qemu = Path::new(words.nth(1)?);
    let name = qemu.file_name()?;
    NEWER.iter().find(|newer| newer.name == name)?;
    fs_err::remove_file(qemu).ok()?;
    Some(qemu.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_known_by_its_code_name() {
        let debian = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_CODENAME=bookworm\nID=debian\n";
        assert_eq!(release(debian), Some("bookworm"));
        assert_eq!(release("VERSION_CODENAME=\"noble\"\n"), Some("noble"));
        assert_eq!(release("ID=arch\n"), None);
    }

    #[test]
    fn only_what_was_brought_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let [own, brought] = ["qemu-system-riscv64", NEWER[0].name].map(|name| dir.path().join(name));
        for file in [&own, &brought] {
            fs_err::write(file, "").unwrap();
        }
        let words =
            |qemu: &Path| ["--machine", "riscv64", "--qemu", qemu.to_str().unwrap()].map(str::to_owned);
        assert_eq!(give_up(&words(&own)), None);
        assert_eq!(give_up(&words(&brought)), Some(brought.clone()));
        assert_eq!(give_up(&words(&brought)), None, "it is gone");
        assert_eq!((own.exists(), brought.exists()), (true, false));
    }
}
