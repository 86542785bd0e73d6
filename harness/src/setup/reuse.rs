//! A kernel that is there already, in a guest system of an older version of this program: it and its modules are taken out of
//! that, so that only the first process is made anew and nothing is downloaded.

use std::path::Path;

use triplecheck_emulators::vm::KERNEL;
use triplecheck_emulators::vm::kernels::{is_of, numbers};

use super::initramfs;
use super::kernels::Kernel;

/// What the name of a first file system begins with, before its number ([`triplecheck_emulators::vm::INITRAMFS`]).
const PREFIX: &str = "initramfs-";

/// The number of the first one that has all of [`initramfs::MODULES`], or whose kernel has them built in.
const NUMBER_MIN: u32 = 1;

/// The newest kernel below `place` that a variant names and that a system can be made of again.
pub(super) fn find(place: &Path, asked: Option<&str>) -> Option<String> {
    let entries = fs_err::read_dir(place).ok()?.flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut releases: Vec<String> =
        names.filter(|name| !name.starts_with('.') && is_of(name, asked)).collect();
    releases.sort_by_key(|release| std::cmp::Reverse(numbers(release)));
    releases.into_iter().find(|release| modules_of(&place.join(release)).is_ok())
}

/// Takes kernel and modules out of the system in `dir`, the modules into files below `scratch`. The error is one sentence.
pub(super) fn take(dir: &Path, release: &str, scratch: &Path) -> Result<Kernel, String> {
    let io = |error: std::io::Error| error.to_string();
    let modules = scratch.join("modules");
    fs_err::create_dir(&modules).map_err(io)?;
    for (name, bytes) in modules_of(dir)? {
        fs_err::write(modules.join(format!("{name}.ko")), bytes).map_err(io)?;
    }
    Ok(Kernel { release: release.to_owned(), image: dir.join(KERNEL), modules })
}

fn modules_of(dir: &Path) -> Result<Vec<(String, Vec<u8>)>, String> {
    if !dir.join(KERNEL).is_file() {
        return Err(format!("there is no kernel in `{}`", dir.display()));
    }
    let entries = fs_err::read_dir(dir).map_err(|error| error.to_string())?.flatten();
    let numbered = entries.filter_map(|entry| {
        let number: u32 = entry.file_name().to_str()?.strip_prefix(PREFIX)?.parse().ok()?;
        (number >= NUMBER_MIN).then(|| (number, entry.path()))
    });
    let (_, newest) =
        numbered.max().ok_or_else(|| format!("there is no `{PREFIX}…` in `{}`", dir.display()))?;
    let archive = fs_err::read(&newest).map_err(|error| error.to_string())?;
    initramfs::modules_in(&archive)
        .ok_or_else(|| format!("`{}` is no archive of this program's", newest.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A kernel with an archive that has `virtio_pci`, which needs another module, and `overlay`.
    fn system(place: &Path, release: &str, initramfs: &str) {
        let dir = place.join(release);
        fs_err::create_dir_all(&dir).unwrap();
        let modules = tempfile::tempdir().unwrap();
        for (name, needs) in [("virtio_pci", "virtio"), ("virtio", ""), ("overlay", "")] {
            let bytes = format!("ELF {release}\0depends={needs}\0name={name}");
            fs_err::write(modules.path().join(format!("{name}.ko")), bytes).unwrap();
        }
        fs_err::write(dir.join("init"), "an older first process").unwrap();
        let archive = initramfs::make(&dir.join("init"), modules.path()).unwrap();
        fs_err::write(dir.join(initramfs), archive).unwrap();
        fs_err::write(dir.join(KERNEL), release).unwrap();
    }

    #[test]
    fn a_kernel_and_its_modules_are_taken_out_of_an_older_system() {
        let place = tempfile::tempdir().unwrap();
        for release in ["6.1.0-9", "6.1.0-50", "6.12.1-16k"] {
            system(place.path(), release, "initramfs-7");
        }
        assert_eq!(find(place.path(), None).as_deref(), Some("6.1.0-50"));
        assert_eq!(find(place.path(), Some("6.12-16k")).as_deref(), Some("6.12.1-16k"));
        assert_eq!(find(place.path(), Some("5.10")), None);
        assert_eq!(find(Path::new("/nonexistent"), None), None);

        let scratch = tempfile::tempdir().unwrap();
        let dir = place.path().join("6.1.0-50");
        let kernel = take(&dir, "6.1.0-50", scratch.path()).unwrap();
        assert_eq!(fs_err::read_to_string(&kernel.image).unwrap(), "6.1.0-50");
        // With another first process the archive is the same but for that.
        fs_err::write(dir.join("init"), "a newer first process.").unwrap();
        let again = initramfs::make(&dir.join("init"), &kernel.modules).unwrap();
        let before = fs_err::read(dir.join("initramfs-7")).unwrap();
        assert_eq!(initramfs::modules_in(&again), initramfs::modules_in(&before));
        let names: Vec<String> =
            initramfs::modules_in(&again).unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["virtio", "virtio_pci", "overlay"]);
    }

    #[test]
    fn what_is_damaged_is_downloaded_again() {
        let place = tempfile::tempdir().unwrap();
        system(place.path(), "6.1.0-50", "initramfs-7");
        let path = place.path().join("6.1.0-50/initramfs-7");
        let whole = fs_err::read(&path).unwrap();
        for damaged in [&whole[..whole.len() / 2], &whole[..100], b"", &whole[1..]] {
            fs_err::write(&path, damaged).unwrap();
            assert_eq!(find(place.path(), None), None);
        }
        fs_err::write(&path, &whole).unwrap();
        assert!(find(place.path(), None).is_some());
        fs_err::remove_file(place.path().join("6.1.0-50").join(KERNEL)).unwrap();
        assert_eq!(find(place.path(), None), None);
    }

    /// A system that was made with fewer modules cannot be made again of what it has.
    #[test]
    fn modules_that_are_new_make_older_systems_useless() {
        let known = (NUMBER_MIN, ["virtio_pci", "virtio_console", "9p", "9pnet_virtio", "overlay"]);
        assert_eq!(
            (NUMBER_MIN, initramfs::MODULES),
            known,
            "write the number of the next archive to `NUMBER_MIN`, and both here"
        );
    }
}
