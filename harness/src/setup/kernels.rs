//! Debian's kernels: found, downloaded and unpacked, but not installed.

use std::path::{Path, PathBuf};

use triplecheck_emulators::vm::kernels::{Packaged, numbers};
use triplecheck_emulators::vm::machines::System;

use super::archive::{Archive, only};
use crate::toolchain::progress::Progress;

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
    let archive = Archive::open(kernel.suite, system.debian, dir, progress)?;
    let meta = format!("linux-image-{}:{}", kernel.flavour, system.debian);
    let told = archive.ask(&["depends", &meta])?;
    let newest = dependency(&told).ok_or_else(|| format!("`{meta}` names no kernel"))?;
    let names = archive.ask(&["pkgnames", "linux-image-"]).unwrap_or_default();
    let (package, file) = archive.download(&builds(&newest, &names, kernel), progress)?;
    let root = archive.unpack(&file, &MEMBERS.map(str::to_owned), progress)?;
    let image = only(&root.join("boot"), |name| name.starts_with("vmlinu"))?;
    let release = release(&package, kernel);
    Ok(Kernel { release, image, modules: root })
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
}
