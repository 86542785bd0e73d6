//! Debian's kernels: found, downloaded and unpacked by apt with lists of its own, for any architecture, without any
//! change to the system's package state. apt checks the archive's signatures.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use triplecheck_emulators::vm::kernels::{Packaged, numbers};
use triplecheck_emulators::vm::machines::System;

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

/// How many builds of a kernel are tried.
const BUILDS_MAX: usize = 3;

/// What is taken out of a package: the kernel, and the directories that the modules of a guest are in.
const MEMBERS: [&str; 5] = [
    "./boot/vmlinu*",
    "*/kernel/drivers/virtio/*",
    "*/kernel/drivers/char/*",
    "*/kernel/net/9p/*",
    "*/kernel/fs/*",
];

/// An unpacked kernel.
#[derive(Debug)]
pub(super) struct Kernel {
    /// `6.1.0-50`.
    pub(super) release: String,
    /// The file to boot, as the package has it.
    pub(super) image: PathBuf,
    /// Where its modules are.
    pub(super) modules: PathBuf,
}

/// Downloads and unpacks the newest build of `kernel` for `system` into `dir`. The error is one sentence.
pub(super) fn fetch(
    system: &System,
    kernel: &Packaged,
    dir: &Path,
    progress: &mut dyn Progress,
) -> Result<Kernel, String> {
    keys_in(Path::new(KEYRING))?;
    let apt = Apt::new(system, kernel, dir).map_err(|error| error.to_string())?;
    progress.detail("reading Debian's package lists");
    let update = ["-o", "APT::Update::Error-Mode=any", "update", "-q"];
    apt.attempt(&update, progress)?;
    let meta = format!("linux-image-{}:{}", kernel.flavour, system.debian);
    let told = apt.tool("apt-cache", &["depends", &meta]).answer().map_err(|error| error.to_string())?;
    let newest = dependency(&told).ok_or_else(|| format!("`{meta}` names no kernel"))?;
    let names = apt.tool("apt-cache", &["pkgnames", "linux-image-"]).answer().unwrap_or_default();
    let package = apt.download(&builds(&newest, &names, kernel), system, progress)?;
    let archive = only(dir, |name| name.starts_with("linux-image-"))?;
    progress.detail("unpacking");
    let root = dir.join("root");
    fs_err::create_dir(&root).map_err(|error| error.to_string())?;
    let mut words = vec!["-x".into(), "-C".into(), root.as_os_str().to_owned(), "--wildcards".into()];
    words.extend(MEMBERS.map(Into::into));
    Tool::new("dpkg-deb")
        .args(["--fsys-tarfile".into(), archive.into_os_string()])
        .deadline(UNPACK_DEADLINE)
        .pipe(&Tool::new("tar").args(words))
        .map_err(|error| error.to_string())?;
    let image = only(&root.join("boot"), |name| name.starts_with("vmlinu"))?;
    let release = release(&package, kernel);
    Ok(Kernel { release, image, modules: root })
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

/// The package that a package of no content of its own stands for.
fn dependency(depends: &str) -> Option<String> {
    let name = depends.lines().find_map(|line| line.trim().strip_prefix("Depends: linux-image-"))?;
    Some(format!("linux-image-{}", name.split(':').next().unwrap_or(name)))
}

/// All builds of a kernel in the archive's lists, the newest first. A list may name a file for hours that its mirror has no
/// more or not yet; the build before it is still there then.
fn builds(newest: &str, names: &str, kernel: &Packaged) -> Vec<String> {
    let is_build = |name: &str| {
        let version = name.strip_prefix("linux-image-");
        let version = version.and_then(|name| name.strip_suffix(kernel.flavour)?.strip_suffix('-'));
        // `6.1.0-50` is a version, `6.1.0-50-rt` another flavour.
        version.is_some_and(|version| {
            version.split('-').all(|part| part.starts_with(|c: char| c.is_ascii_digit()))
        })
    };
    let mut older: Vec<&str> = names.lines().filter(|name| is_build(name) && **name != *newest).collect();
    older.sort_by_key(|name| std::cmp::Reverse(numbers(name)));
    let older = older.into_iter().map(str::to_owned).take(BUILDS_MAX - 1);
    std::iter::once(newest.to_owned()).chain(older).collect()
}

/// `6.1.0-50` of `linux-image-6.1.0-50-arm64`, and `6.12.117+deb13-16k` of `linux-image-6.12.117+deb13-arm64-16k`.
fn release(package: &str, kernel: &Packaged) -> String {
    let name = package.strip_prefix("linux-image-").unwrap_or(package);
    let version = name.strip_suffix(&format!("-{}", kernel.flavour)).unwrap_or(name);
    format!("{version}{}", kernel.pages.map_or(String::new(), |pages| format!("-{pages}")))
}

/// The one file in `dir` whose name is of this kind.
fn only(dir: &Path, is_wanted: impl Fn(&str) -> bool) -> Result<PathBuf, String> {
    for entry in fs_err::read_dir(dir).map_err(|error| error.to_string())? {
        let entry = entry.map_err(|error| error.to_string())?;
        if entry.file_name().to_str().is_some_and(&is_wanted) {
            return Ok(entry.path());
        }
    }
    Err(format!("nothing that is wanted is in `{}`", dir.display()))
}

/// apt with state of its own.
struct Apt {
    dir: PathBuf,
    options: Vec<String>,
}

impl Apt {
    fn new(system: &System, kernel: &Packaged, dir: &Path) -> io::Result<Self> {
        for below in ["state", "lists/partial", "cache/archives/partial"] {
            fs_err::create_dir_all(dir.join(below))?;
        }
        fs_err::write(dir.join("status"), "")?;
        let mirror = std::env::var(MIRROR_VARIABLE).unwrap_or_else(|_| MIRROR.to_owned());
        let source =
            format!("deb [arch={} signed-by={KEYRING}] {mirror} {} main\n", system.debian, kernel.suite);
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
            ("APT::Architectures::", system.debian.to_owned()),
        ];
        let words =
            options.into_iter().flat_map(|(name, value)| ["-o".to_owned(), format!("{name}={value}")]);
        Ok(Self { dir: dir.to_owned(), options: words.collect() })
    }

    fn tool(&self, program: &str, words: &[&str]) -> Tool {
        Tool::new(program)
            .args(self.options.iter().map(String::as_str).chain(words.iter().copied()))
            .env("LC_ALL", "C")
            .dir(&self.dir)
            .deadline(DOWNLOAD_DEADLINE)
    }

    /// Downloads the first of these that can be had, and says which. The error is that of the first.
    fn download(
        &self,
        packages: &[String],
        system: &System,
        progress: &mut dyn Progress,
    ) -> Result<String, String> {
        let mut first = None;
        for package in packages {
            match self.attempt(&["download", "-q", &format!("{package}:{}", system.debian)], progress) {
                Ok(()) => return Ok(package.clone()),
                Err(why) => drop(first.get_or_insert(why)),
            }
        }
        Err(first.unwrap_or_default())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_behind_a_meta_package_is_named() {
        let depends = "linux-image-arm64:arm64\n  Depends: linux-image-6.1.0-50-arm64:arm64\n";
        let package = dependency(depends).unwrap();
        assert_eq!(package, "linux-image-6.1.0-50-arm64");
        let kernel = |machine: &str, asked| Packaged::find(System::named(machine).unwrap(), asked).unwrap();
        assert_eq!(release(&package, kernel("aarch64", None)), "6.1.0-50");
        let riscv64 = release("linux-image-6.12.117+deb13-riscv64", kernel("riscv64", None));
        assert_eq!(riscv64, "6.12.117+deb13");
        let paged = release("linux-image-6.12.117+deb13-arm64-16k", kernel("aarch64", Some("6.12-16k")));
        assert_eq!(paged, "6.12.117+deb13-16k");
        assert_eq!(dependency("linux-image-arm64\n"), None);
        let names = "linux-image-6.1.0-47-rt-arm64\nlinux-image-6.1.0-9-arm64\nlinux-image-6.1.0-50-arm64\n\
                     linux-image-6.1.0-47-arm64\nlinux-image-arm64\nlinux-image-6.1.0-47-arm64-16k\n";
        let all = builds(&package, names, kernel("aarch64", None));
        assert_eq!(
            all,
            ["linux-image-6.1.0-50-arm64", "linux-image-6.1.0-47-arm64", "linux-image-6.1.0-9-arm64"]
        );
    }

    #[test]
    fn an_archive_whose_keys_are_missing_is_not_asked() {
        let why = keys_in(Path::new("/nonexistent/keys.gpg")).unwrap_err();
        assert!(why.contains("`/nonexistent/keys.gpg`") && why.contains("`debian-archive-keyring`"), "{why}");
        assert_eq!(keys_in(&std::env::current_exe().unwrap()), Ok(()));
    }
}
