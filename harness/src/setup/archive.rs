//! Debian's archive, asked by apt with lists of its own: packages of any architecture and release are downloaded and taken
//! apart, without any change to the system's package state. apt checks the archive's signatures.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::packages::apt_complaint;
use crate::toolchain::progress::Progress;
use crate::toolchain::tool::{Ended, Tool};

/// The archive, unless [`MIRROR_VARIABLE`] names another copy of it.
const MIRROR: &str = "http://deb.debian.org/debian";

/// The variable that names another copy of Debian's archive.
const MIRROR_VARIABLE: &str = "TRIPLECHECK_DEBIAN_MIRROR";

/// The keys by which apt knows Debian's archive.
pub(crate) const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// How long a download may take: 120 MB over a slow line.
const DOWNLOAD_DEADLINE: Duration = Duration::from_secs(30 * 60);

/// How long unpacking may take.
const UNPACK_DEADLINE: Duration = Duration::from_secs(10 * 60);

/// How often a download is tried: mirrors in the middle of a synchronisation are consistent a moment later.
const ATTEMPTS_MAX: usize = 3;

/// One release of the archive, for one architecture.
pub(super) struct Archive {
    /// Where its lists are, and where packages come.
    dir: PathBuf,
    architecture: &'static str,
    /// What apt is told before all else.
    options: Vec<String>,
}

impl Archive {
    /// Reads its lists into `dir`. The error is one sentence, as in all that follows.
    pub(super) fn open(
        suite: &str,
        architecture: &'static str,
        dir: &Path,
        progress: &mut dyn Progress,
    ) -> Result<Self, String> {
        keys_in(Path::new(KEYRING))?;
        let archive = Self::prepare(suite, architecture, dir).map_err(|error| error.to_string())?;
        progress.detail("reading Debian's package lists");
        // Without the option, an update that reached nobody counts as a success.
        archive.attempt(&["-o", "APT::Update::Error-Mode=any", "update", "-q"], progress)?;
        Ok(archive)
    }

    fn prepare(suite: &str, architecture: &'static str, dir: &Path) -> std::io::Result<Self> {
        for below in ["state", "lists/partial", "cache/archives/partial"] {
            fs_err::create_dir_all(dir.join(below))?;
        }
        fs_err::write(dir.join("status"), "")?;
        let mirror = std::env::var(MIRROR_VARIABLE).unwrap_or_else(|_| MIRROR.to_owned());
        let source = format!("deb [arch={architecture} signed-by={KEYRING}] {mirror} {suite} main\n");
        fs_err::write(dir.join("sources.list"), source)?;
        let at = |name: &str| dir.join(name).display().to_string();
        let options = [
            ("Dir::State", at("state")),
            ("Dir::State::Lists", at("lists")),
            ("Dir::State::status", at("status")),
            ("Dir::Cache", at("cache")),
            ("Dir::Etc::SourceList", at("sources.list")),
            ("Dir::Etc::SourceParts", "/dev/null".to_owned()),
            ("Debug::NoLocking", "1".to_owned()),
            ("Acquire::Languages", "none".to_owned()),
            ("APT::Architectures::", architecture.to_owned()),
        ];
        let options =
            options.into_iter().flat_map(|(name, value)| ["-o".to_owned(), format!("{name}={value}")]);
        Ok(Self { dir: dir.to_owned(), architecture, options: options.collect() })
    }

    /// What `apt-cache` says of its lists.
    pub(super) fn ask(&self, words: &[&str]) -> Result<String, String> {
        self.tool("apt-cache", words).answer().map_err(|error| error.to_string())
    }

    /// Downloads the first of these packages that can be had, and says which, and where it is. The error is that of the first.
    pub(super) fn download(
        &self,
        packages: &[String],
        progress: &mut dyn Progress,
    ) -> Result<(String, PathBuf), String> {
        let mut first = None;
        for package in packages {
            let named = format!("{package}:{}", self.architecture);
            match self.attempt(&["download", "-q", &named], progress) {
                Ok(()) => {
                    let file = only(&self.dir, |name| name.starts_with(&format!("{package}_")))?;
                    return Ok((package.clone(), file));
                }
                Err(why) => drop(first.get_or_insert(why)),
            }
        }
        Err(first.unwrap_or_default())
    }

    /// Takes the members of these names, which are patterns, out of a package that was downloaded; they come below what is returned.
    pub(super) fn unpack(
        &self,
        package: &Path,
        members: &[String],
        progress: &mut dyn Progress,
    ) -> Result<PathBuf, String> {
        progress.detail("unpacking");
        let root = self.dir.join("root");
        fs_err::create_dir(&root).map_err(|error| error.to_string())?;
        let mut words = vec!["-x".into(), "-C".into(), root.as_os_str().to_owned(), "--wildcards".into()];
        words.extend(members.iter().map(Into::into));
        Tool::new("dpkg-deb")
            .args(["--fsys-tarfile".into(), package.as_os_str().to_owned()])
            .deadline(UNPACK_DEADLINE)
            .pipe(&Tool::new("tar").args(words))
            .map_err(|error| error.to_string())?;
        Ok(root)
    }

    fn tool(&self, program: &str, words: &[&str]) -> Tool {
        Tool::new(program)
            .args(self.options.iter().map(String::as_str).chain(words.iter().copied()))
            .env("LC_ALL", "C")
            .dir(&self.dir)
            .deadline(DOWNLOAD_DEADLINE)
    }

    fn attempt(&self, words: &[&str], progress: &mut dyn Progress) -> Result<(), String> {
        let mut why = String::new();
        for _ in 0..ATTEMPTS_MAX {
            let ended = self.tool("apt-get", words).stream(|line| progress.detail(line.trim()));
            match ended.map_err(|error| error.to_string())? {
                Ended { success: true, .. } => return Ok(()),
                Ended { tail, .. } => why = apt_complaint(&tail),
            }
        }
        Err(why)
    }
}

/// Whether the archive's keys are there, without which apt believes nothing of it.
fn keys_in(keyring: &Path) -> Result<(), String> {
    if keyring.is_file() {
        return Ok(());
    }
    let keyring = keyring.display();
    Err(format!(
        "there is no `{keyring}`, by which apt knows Debian's archive: the package `debian-archive-keyring` brings it"
    ))
}

/// The one file in `dir` whose name is of this kind.
pub(super) fn only(dir: &Path, is_wanted: impl Fn(&str) -> bool) -> Result<PathBuf, String> {
    for entry in fs_err::read_dir(dir).map_err(|error| error.to_string())? {
        let entry = entry.map_err(|error| error.to_string())?;
        if entry.file_name().to_str().is_some_and(&is_wanted) {
            return Ok(entry.path());
        }
    }
    Err(format!("nothing that is wanted is in `{}`", dir.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_whose_keys_are_missing_is_not_asked() {
        let why = keys_in(Path::new("/nonexistent/keys.gpg")).unwrap_err();
        assert!(why.contains("`/nonexistent/keys.gpg`") && why.contains("`debian-archive-keyring`"), "{why}");
        assert_eq!(keys_in(&std::env::current_exe().unwrap()), Ok(()));
    }
}
