//! Unpacks Debian's statically linked qemu under the cache directory: no root, no change to the system, and no
//! registration of foreign programs with the host's kernel, which installing that package would bring.
//!
//! Only the emulators that are wanted are kept, some 5 to 15 MB each of the package's 380. They can be deleted at any time.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::packages::apt_complaint;
use crate::toolchain::progress::Progress;
use crate::toolchain::tool::{Tool, ToolError};

/// The package.
const PACKAGE: &str = "qemu-user-static";

/// How long its download may take: 63 MB over a slow line.
const DOWNLOAD_DEADLINE: Duration = Duration::from_secs(30 * 60);

/// How long unpacking may take.
const UNPACK_DEADLINE: Duration = Duration::from_secs(10 * 60);

/// Why the emulators could not be unpacked.
#[derive(Debug, thiserror::Error)]
pub(super) enum UnpackError {
    /// A directory or file could not be made; the source names it.
    #[error("unpack `{PACKAGE}`: {0}")]
    Io(#[from] io::Error),
    /// A tool could not be run or failed.
    #[error("{0}")]
    Tool(#[from] ToolError),
    /// apt could not download it.
    #[error("{0}")]
    Download(String),
    /// The package came without an emulator that we want.
    #[error("`{PACKAGE}` has no working `{name}`: {why}")]
    Absent {
        /// The emulator.
        name: String,
        /// What its start said.
        why: String,
    },
}

/// Puts the emulators `qemu-SUFFIX-static` into `into/usr/bin`.
pub(super) fn qemu(suffixes: &[&str], into: &Path, progress: &mut dyn Progress) -> Result<(), UnpackError> {
    let parent = into.parent().expect("private packages stand in a directory of their own");
    fs_err::create_dir_all(parent)?;
    let scratch = tempfile::Builder::new().prefix(".unpacking-").tempdir_in(parent)?;
    let archive = download(scratch.path(), progress)?;
    progress.detail("unpacking");
    let root = scratch.path().join("root");
    fs_err::create_dir_all(&root)?;
    extract(&archive, suffixes, &root)?;
    let bin = into.join("usr/bin");
    fs_err::create_dir_all(&bin)?;
    for suffix in suffixes {
        let name = format!("qemu-{suffix}-static");
        let program = root.join("usr/bin").join(&name);
        if let Err(error) = Tool::new(&program).args(["--version"]).answer() {
            return Err(UnpackError::Absent { name, why: error.to_string() });
        }
        fs_err::rename(&program, bin.join(&name))?;
    }
    Ok(())
}

/// Downloads the package into `dir`: by the system's package lists, else by lists of our own, for which no rights
/// are needed (a container image often comes without any).
fn download(dir: &Path, progress: &mut dyn Progress) -> Result<PathBuf, UnpackError> {
    let lists = dir.join("lists");
    let cache = dir.join("cache");
    let private = [
        format!("Dir::State::Lists={}", lists.display()),
        format!("Dir::Cache={}", cache.display()),
        "Debug::NoLocking=1".to_owned(),
    ];
    let own: Vec<String> = private.into_iter().flat_map(|option| ["-o".to_owned(), option]).collect();
    let mut why = match fetch(dir, &[], progress)? {
        Ok(archive) => return Ok(archive),
        Err(why) => why,
    };
    progress.detail("reading the package lists");
    fs_err::create_dir_all(lists.join("partial"))?;
    fs_err::create_dir_all(cache.join("archives/partial"))?;
    // Without the option, an update that reached nobody counts as a success.
    let words = ["-o", "APT::Update::Error-Mode=any", "update", "-q"];
    let update = apt(dir, &own, &words).stream(|line| progress.detail(line.trim()))?;
    if update.success {
        match fetch(dir, &own, progress)? {
            Ok(archive) => return Ok(archive),
            Err(later) => why = later,
        }
    }
    Err(UnpackError::Download(why))
}

/// One attempt. The inner error is apt's complaint.
fn fetch(
    dir: &Path,
    options: &[String],
    progress: &mut dyn Progress,
) -> Result<Result<PathBuf, String>, UnpackError> {
    let ended =
        apt(dir, options, &["download", "-q", PACKAGE]).stream(|line| progress.detail(line.trim()))?;
    if !ended.success {
        return Ok(Err(apt_complaint(&ended.tail)));
    }
    for entry in fs_err::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "deb") {
            return Ok(Ok(path));
        }
    }
    Ok(Err("apt-get downloaded nothing".to_owned()))
}

fn apt(dir: &Path, options: &[String], words: &[&str]) -> Tool {
    let options = options.iter().map(String::as_str);
    Tool::new("apt-get")
        .args(options.chain(words.iter().copied()))
        .env("LC_ALL", "C")
        .dir(dir)
        .deadline(DOWNLOAD_DEADLINE)
}

/// Takes the wanted emulators alone out of the package. duct pipes one tool into the other.
fn extract(archive: &Path, suffixes: &[&str], root: &Path) -> Result<(), UnpackError> {
    let members = suffixes.iter().map(|suffix| format!("./usr/bin/qemu-{suffix}-static"));
    let words = ["-x".into(), "-C".into(), root.as_os_str().to_owned()];
    Tool::new("dpkg-deb")
        .args(["--fsys-tarfile".into(), archive.as_os_str().to_owned()])
        .deadline(UNPACK_DEADLINE)
        .pipe(&Tool::new("tar").args(words.into_iter().chain(members.map(Into::into))))?;
    Ok(())
}
