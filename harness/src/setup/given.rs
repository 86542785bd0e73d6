//! A kernel that the user gives: what it is, by its first bytes, and whether a guest system can be made of it.
//!
//! What would show at the first boot as silence is refused here: a kernel for another machine, one that is packed in a way
//! that QEMU does not unpack, modules of another kernel or machine, and modules that are missing. Formats:
//! `Documentation/arch/x86/boot.rst`, `…/arm64/booting.rst`, `…/riscv/boot-image-header.rst`, and the heads of arm's and
//! s390's images.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use triplecheck_emulators::vm::machines::System;

use super::kernels::Kernel;
use super::{initramfs, packed};
use crate::vm::image;

/// The words of Linux's banner, before its release.
const BANNER: &[u8] = b"Linux version ";

/// What marks a file that is no kernel as it is, and what it is.
const PACKED: [(&[u8], &str); 4] = [
    (b"\x1f\x8b", "it is packed with gzip: unpack it first (`gunzip`)"),
    (b"\xfd7zXZ", "it is packed with xz: unpack it first (`unxz`)"),
    (b"\x28\xb5\x2f\xfd", "it is packed with zstd: unpack it first (`unzstd`)"),
    (b"!<arch>", "it is a package: unpack it first, and give the kernel in it"),
];

/// Looks at what was given. The error is one sentence.
pub(super) fn examine(system: &System, image: &Path, modules: Option<&Path>) -> Result<Kernel, String> {
    let bytes = fs_err::read(image).map_err(|error| error.to_string())?;
    let name = image.display();
    let machine = machine_of(&bytes).map_err(|why| format!("`{name}` cannot be booted: {why}"))?;
    if machine != system.machine {
        return Err(format!("`{name}` is a kernel for {machine}, and not for {}", system.machine));
    }
    let found = match modules {
        Some(dir) => initramfs::find_modules(dir)?,
        None => std::collections::BTreeMap::new(),
    };
    let mut of_modules = None;
    for module in initramfs::MODULES {
        match found.get(module) {
            Some(path) => of_modules = of_modules.or(Some(of_module(system, path)?)),
            // Given alone, a kernel is taken to have all built in: most images are packed, and do not say. The boot for
            // its snapshot tells.
            None if modules.is_none_or(|dir| builtin(dir).contains(module)) => {}
            None => {
                let dir = modules.unwrap_or(Path::new("")).display();
                return Err(format!(
                    "there is no module `{module}` in `{dir}`, which a guest system needs; \
                     nor does its `modules.builtin` say that it is part of the kernel"
                ));
            }
        }
    }
    let of_image = release_in(&bytes);
    if let (Some(kernel), Some(modules)) = (&of_image, &of_modules)
        && kernel != modules
    {
        return Err(format!("`{name}` is linux-{kernel}, and the modules are those of linux-{modules}"));
    }
    let release =
        of_image.or(of_modules).ok_or_else(|| format!("`{name}` does not say which version it is"))?;
    let modules: PathBuf = modules.map(Path::to_owned).unwrap_or_default();
    Ok(Kernel { release, image: image.to_owned(), modules })
}

/// The machine that an image is for. The error is why it is no image.
fn machine_of(bytes: &[u8]) -> Result<&'static str, String> {
    if let Some((_, why)) = PACKED.iter().find(|(mark, _)| bytes.starts_with(mark)) {
        return Err((*why).to_owned());
    }
    if bytes.starts_with(b"MZ") && bytes.get(4..8) == Some(b"zimg") {
        return Err("it unpacks itself under EFI alone: give the `Image` that is in it".to_owned());
    }
    image::machine_of(bytes).ok_or_else(|| "it is no Linux kernel that is known here".to_owned())
}

/// The release in Linux's banner, where the image is not packed, or in the head of an x86 image.
fn release_in(bytes: &[u8]) -> Option<String> {
    let word = |text: &[u8]| {
        let end = text.iter().position(|byte| *byte == b' ' || *byte == 0)?;
        let word = std::str::from_utf8(&text[..end]).ok()?;
        let is_release = word.starts_with(|c: char| c.is_ascii_digit()) && !word.contains('/');
        is_release.then(|| word.to_owned())
    };
    if bytes.get(0x202..0x206) == Some(b"HdrS") {
        let at = usize::from(u16::from_le_bytes([*bytes.get(0x20e)?, *bytes.get(0x20f)?]));
        return word(bytes.get(at + 0x200..)?);
    }
    memchr::memmem::find_iter(bytes, BANNER).find_map(|at| word(&bytes[at + BANNER.len()..]))
}

/// The release of the kernel that a module is for, which must be for this machine.
fn of_module(system: &System, path: &Path) -> Result<String, String> {
    const KEY: &[u8] = b"\0vermagic=";
    let bytes = packed::contents(path)?;
    let name = path.display();
    match image::of_elf(&bytes) {
        Some(machine) if machine == system.machine => {}
        Some(machine) => {
            return Err(format!("`{name}` is a module for {machine}, and not for {}", system.machine));
        }
        None => return Err(format!("`{name}` is no module")),
    }
    let at = memchr::memmem::find(&bytes, KEY).ok_or_else(|| format!("`{name}` is no module"))?;
    let text = bytes[at + KEY.len()..].split(|byte| *byte == b' ' || *byte == 0).next().unwrap_or_default();
    Ok(String::from_utf8_lossy(text).into_owned())
}

/// What `modules.builtin` names as part of the kernel.
fn builtin(dir: &Path) -> BTreeSet<String> {
    let text = fs_err::read_to_string(dir.join("modules.builtin")).unwrap_or_default();
    let stem = |line: &str| Some(line.rsplit('/').next()?.strip_suffix(".ko")?.replace('-', "_"));
    text.lines().filter_map(stem).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(mark: &str, release: &str) -> Vec<u8> {
        let (at, bytes, _) = image::MARKS.iter().find(|(.., machine)| *machine == mark).unwrap();
        let mut image = vec![0; 0x11000];
        image[*at..*at + bytes.len()].copy_from_slice(bytes);
        image.extend_from_slice(format!("Linux version %s\0Linux version {release} (a@b)\0").as_bytes());
        image
    }

    fn module(machine: u16, release: &str) -> Vec<u8> {
        let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
        bytes.resize(18, 0);
        bytes.extend_from_slice(&machine.to_le_bytes());
        bytes.extend_from_slice(format!("\0vermagic={release} SMP\0depends=\0").as_bytes());
        bytes
    }

    #[test]
    fn what_cannot_be_booted_is_refused_with_the_reason() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let modules = at("modules");
        fs_err::create_dir(&modules).unwrap();
        let put = |machine, release: &str| {
            for name in initramfs::MODULES.iter().skip(1) {
                fs_err::write(modules.join(format!("{name}.ko")), module(machine, release)).unwrap();
            }
        };
        let kernel = at("Image");
        let examine = |bytes: &[u8], with: Option<&Path>| {
            fs_err::write(&kernel, bytes).unwrap();
            super::examine(System::named("aarch64").unwrap(), &kernel, with)
        };
        let refused = |bytes: &[u8], with: Option<&Path>, words: &str| {
            let why = examine(bytes, with).unwrap_err();
            assert!(why.contains(words), "{why}");
        };
        let good = image("aarch64", "6.8.3-mine");
        refused(&image("riscv64", "6.8.3"), None, "is a kernel for riscv64, and not for aarch64");
        refused(&module(21, "6.8.3"), None, "and not for aarch64");
        refused(b"\x1f\x8b\x08", None, "packed with gzip");
        refused(b"hello", None, "no Linux kernel that is known");
        refused(b"", None, "no Linux kernel that is known");
        assert_eq!(examine(&good, None).unwrap().release, "6.8.3-mine");
        put(183, "6.8.3-mine");
        refused(&good, Some(&modules), "no module `virtio_pci`");
        fs_err::write(modules.join("modules.builtin"), "kernel/drivers/virtio/virtio_pci.ko\n").unwrap();
        assert_eq!(examine(&good, Some(&modules)).unwrap().release, "6.8.3-mine");
        refused(&image("aarch64", "6.9.0"), Some(&modules), "the modules are those of linux-6.8.3-mine");
        put(62, "6.8.3-mine");
        refused(&good, Some(&modules), "is a module for x86_64");
    }
}
