//! The system's package manager: which it is, how it is called, and with what rights.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use triplecheck_emulators::host::Host;
use triplecheck_emulators::packages::Distribution;

use crate::toolchain::progress::Progress;
use crate::toolchain::tool::{Ended, Tool, ToolError};

/// How long one call of a package manager may take: a GiB over a slow line.
const INSTALL_DEADLINE: Duration = Duration::from_secs(60 * 60);

/// Has apt wait for another one, such as a fresh machine's own upgrade, for ten minutes and not fail at once.
const LOCK: [&str; 2] = ["-o", "DPkg::Lock::Timeout=600"];

/// How often an installation is tried. Mirrors in the middle of a synchronisation are consistent a moment later.
const ATTEMPTS_MAX: usize = 3;

/// How packages are installed here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct System {
    /// Whose package names count; `None` where we know no names.
    pub distribution: Option<Distribution>,
    /// The package manager that we can call, if it is there.
    pub manager: Option<Manager>,
    /// By which right the system may be changed.
    pub right: Right,
}

/// A package manager that set-up calls itself. The others' commands are only shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manager {
    /// Debian's, by path.
    Apt(PathBuf),
}

/// By which right the system may be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// We are root.
    Root,
    /// There is a sudo; whether it asks is seen when it is used.
    Sudo,
    /// By none.
    None,
}

impl System {
    /// Looks; starts nothing.
    pub fn observe(host: &dyn Host) -> Self {
        let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
        let distribution =
            if host.os() == "macos" { Some(Distribution::Homebrew) } else { Distribution::detect(&release) };
        let apt = host.find_program("apt-get").filter(|_| distribution == Some(Distribution::Debian));
        let right = if rustix::process::geteuid().is_root() {
            Right::Root
        } else if host.find_program("sudo").is_some() {
            Right::Sudo
        } else {
            Right::None
        };
        Self { distribution, manager: apt.map(|apt| Manager::Apt(apt.path)), right }
    }

    /// The command that installs `names`, as one would type it; `None` where the distribution is not known.
    pub fn install_command(&self, names: &[String]) -> Option<String> {
        let call = match self.distribution? {
            Distribution::Debian => "apt-get install -y --no-install-recommends",
            Distribution::Fedora => "dnf install -y",
            Distribution::Arch => "pacman -S --needed",
            Distribution::Alpine => "apk add",
            Distribution::Homebrew => "brew install",
            Distribution::Nix => "nix-shell -p",
        };
        let unprivileged = matches!(self.distribution?, Distribution::Homebrew | Distribution::Nix);
        let sudo = if unprivileged || self.right == Right::Root { "" } else { "sudo " };
        Some(format!("{sudo}{call} {}", names.join(" ")))
    }

    /// How many bytes installing `names` would download, where the package manager says so cheaply.
    pub(crate) fn download_bytes(&self, names: &[String]) -> Option<u64> {
        let Manager::Apt(apt) = self.manager.as_ref()?;
        let tool = Tool::new(apt).args(["install", "--print-uris", "-qq", "-y", "--no-install-recommends"]);
        let answer = tool.args(names).env("LC_ALL", "C").answer().ok()?;
        Some(download_bytes_of(&answer))
    }

    /// Installs `names`. The error is one sentence.
    pub(crate) fn install(&self, names: &[String], progress: &mut dyn Progress) -> Result<(), String> {
        let Some(Manager::Apt(apt)) = &self.manager else {
            return Err(format!("install {} by hand", names.join(" ")));
        };
        self.gain_right()?;
        let words = ["install", "-y", "-q", "--no-install-recommends"];
        let install: Vec<OsString> =
            words.iter().map(OsString::from).chain(names.iter().map(OsString::from)).collect();
        let mut why = String::new();
        for attempt in 1..=ATTEMPTS_MAX {
            match self.apt(apt, &install, progress) {
                Ok(ended) if ended.success => return Ok(()),
                Ok(ended) => why = apt_complaint(&ended.tail),
                Err(error) => return Err(error.to_string()),
            }
            if attempt < ATTEMPTS_MAX {
                progress.detail("updating the package lists, then trying again");
                // Its failure shows in the next attempt, unless the old lists do.
                let _ = self.apt(apt, &["update".into(), "-q".into()], progress);
            }
        }
        Err(why)
    }

    /// Fails early, and without a prompt that nobody answers, where sudo wants a password.
    fn gain_right(&self) -> Result<(), String> {
        match self.right {
            Right::Root => Ok(()),
            Right::Sudo => Tool::new("sudo")
                .args(["-n", "true"])
                .answer()
                .map(|_| ())
                .map_err(|_| "sudo asks for a password; run the command yourself".to_owned()),
            Right::None => Err("this needs root, and there is no sudo".to_owned()),
        }
    }

    fn apt(&self, apt: &Path, words: &[OsString], progress: &mut dyn Progress) -> Result<Ended, ToolError> {
        let words = LOCK.iter().map(OsString::from).chain(words.iter().cloned());
        let tool = if self.right == Right::Root {
            Tool::new(apt).args(words).env("DEBIAN_FRONTEND", "noninteractive")
        } else {
            // sudo drops variables, so that they are given to env behind it.
            Tool::new("sudo")
                .args(["-n", "env", "DEBIAN_FRONTEND=noninteractive"])
                .args([apt.as_os_str().to_owned()])
                .args(words)
        };
        tool.env("LC_ALL", "C").deadline(INSTALL_DEADLINE).stream(|line| progress.detail(line.trim()))
    }
}

/// The sum of the sizes in lines `'URI' NAME BYTES HASH`.
fn download_bytes_of(uris: &str) -> u64 {
    let sizes = uris.lines().filter(|line| line.starts_with('\''));
    sizes.filter_map(|line| line.split_whitespace().nth(2)?.parse::<u64>().ok()).sum()
}

/// What apt complains about, in one line; its first error is the cause of the others.
pub(crate) fn apt_complaint(tail: &str) -> String {
    let complaint = tail.lines().find_map(|line| line.strip_prefix("E: "));
    complaint.or_else(|| tail.lines().last()).unwrap_or("apt-get failed without a word").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn download_sizes_are_summed() {
        let text =
            "'http://a/x.deb' x_1.deb 100 SHA256:aa\nNote: nothing\n'http://a/y.deb' y_1.deb 23 SHA256:bb\n";
        assert_eq!(download_bytes_of(text), 123);
    }

    #[test]
    fn the_first_error_of_apt_is_its_complaint() {
        let tail = "Reading package lists...\nE: Unable to locate package x\nE: and more";
        assert_eq!(apt_complaint(tail), "Unable to locate package x");
    }

    #[test]
    fn commands_of_every_distribution_can_be_typed() {
        let command = |distribution, right| {
            let system = System { distribution: Some(distribution), manager: None, right };
            system.install_command(&["a".to_owned(), "b".to_owned()]).unwrap()
        };
        assert_eq!(
            command(Distribution::Debian, Right::Sudo),
            "sudo apt-get install -y --no-install-recommends a b"
        );
        assert_eq!(command(Distribution::Fedora, Right::Root), "dnf install -y a b");
        assert_eq!(command(Distribution::Homebrew, Right::None), "brew install a b");
    }
}
