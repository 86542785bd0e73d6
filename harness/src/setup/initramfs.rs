//! The first file system of a guest: our first process and the modules it loads, as an archive in the kernel's own format
//! (`Documentation/driver-api/early-userspace/buffer-format.rst`), not compressed: unpacking would cost more than reading.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::packed::contents;

/// The modules without which no program can be run, in the order in which they are loaded; what they need themselves is
/// found in them. One that is not there is part of the kernel, or its absence shows at the first boot.
pub(super) const MODULES: [&str; 5] = ["virtio_pci", "virtio_console", "9p", "9pnet_virtio", "overlay"];

/// Mode of a directory and of a program, with the bits of the file's type.
const DIRECTORY: u32 = 0o40_755;
const PROGRAM: u32 = 0o100_755;
const FILE: u32 = 0o100_644;
const CHARACTER_DEVICE: u32 = 0o20_600;

/// The archive. The error is one sentence.
pub(super) fn make(init: &Path, modules: &Path) -> Result<Vec<u8>, String> {
    let read = |path: &Path| fs_err::read(path).map_err(|error| error.to_string());
    let mut archive = Archive::default();
    for dir in ["dev", "proc", "sys", "tmp", "lower", "cell", "modules"] {
        archive.add(dir, DIRECTORY, (0, 0), &[]);
    }
    // Before any file system is mounted, the kernel opens its console for the first process.
    archive.add("dev/console", CHARACTER_DEVICE, (5, 1), &[]);
    archive.add("init", PROGRAM, (0, 0), &read(init)?);
    // A kernel that was given without modules has all built in.
    let found = if modules.as_os_str().is_empty() { BTreeMap::new() } else { find_modules(modules)? };
    let loaded = load_order(&found)?;
    let order: Vec<&str> = loaded.iter().map(|(name, _)| name.as_str()).collect();
    archive.add("modules/order", FILE, (0, 0), order.join("\n").as_bytes());
    for (name, bytes) in &loaded {
        archive.add(&format!("modules/{name}"), FILE, (0, 0), bytes);
    }
    Ok(archive.finish())
}

/// The modules in an archive of ours, in the order in which they are loaded; `None` where it is none, or damaged.
pub(super) fn modules_in(archive: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let mut files: BTreeMap<&str, &[u8]> = BTreeMap::new();
    let mut rest = archive;
    loop {
        if !rest.starts_with(MAGIC) {
            return None;
        }
        let number = |index: usize| {
            let at = MAGIC.len() + index * NUMBER_CHARS;
            let digits = std::str::from_utf8(rest.get(at..at + NUMBER_CHARS)?).ok()?;
            usize::try_from(u32::from_str_radix(digits, 16).ok()?).ok()
        };
        let name_end = HEADER_BYTES + number(NAME_SIZE)?;
        let name = std::str::from_utf8(rest.get(HEADER_BYTES..name_end.checked_sub(1)?)?).ok()?;
        if name == TRAILER {
            break;
        }
        let start = name_end.next_multiple_of(4);
        let end = start + number(FILE_SIZE)?;
        if let Some(module) = name.strip_prefix("modules/") {
            files.insert(module, rest.get(start..end)?);
        }
        rest = rest.get(end.next_multiple_of(4)..)?;
    }
    let order = std::str::from_utf8(files.get("order")?).ok()?;
    let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    order
        .lines()
        .map(|name| Some((name.to_owned(), files.get(name).filter(|_| is_name(name))?.to_vec())))
        .collect()
}

/// All modules below a directory, by the name by which others speak of them.
pub(super) fn find_modules(root: &Path) -> Result<BTreeMap<String, PathBuf>, String> {
    let mut found = BTreeMap::new();
    let mut pending = vec![root.to_owned()];
    while let Some(dir) = pending.pop() {
        for entry in fs_err::read_dir(&dir).map_err(|error| error.to_string())? {
            let path = entry.map_err(|error| error.to_string())?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_dir() && !path.is_symlink() {
                pending.push(path);
            } else if let Some((stem, _)) = name.split_once(".ko") {
                found.insert(stem.replace('-', "_"), path);
            }
        }
    }
    Ok(found)
}

/// What is loaded, each after what it needs.
fn load_order(found: &BTreeMap<String, PathBuf>) -> Result<Vec<(String, Vec<u8>)>, String> {
    let mut order: Vec<(String, Vec<u8>)> = Vec::new();
    for name in MODULES {
        add_with_needs(name, found, &mut order)?;
    }
    Ok(order)
}

fn add_with_needs(
    name: &str,
    found: &BTreeMap<String, PathBuf>,
    order: &mut Vec<(String, Vec<u8>)>,
) -> Result<(), String> {
    let Some(path) = found.get(name).filter(|_| order.iter().all(|(known, _)| known != name)) else {
        return Ok(());
    };
    let bytes = contents(path)?;
    // A module cannot need itself, not even by way of others: it could never be loaded.
    for need in needs(&bytes) {
        add_with_needs(&need, found, order)?;
    }
    order.push((name.to_owned(), bytes));
    Ok(())
}

/// What a module says in its `.modinfo` that it needs; `modules.dep` is made when a package is installed.
fn needs(module: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let Some(place) = memchr::memmem::find(module, KEY) else { return Vec::new() };
    let list = module[place + KEY.len()..].split(|byte| *byte == 0).next().unwrap_or_default();
    let names = String::from_utf8_lossy(list);
    names.split(',').filter(|name| !name.is_empty()).map(|name| name.replace('-', "_")).collect()
}

/// What each file of an archive begins with.
const MAGIC: &[u8] = b"070701";
/// The numbers after it: how many, how long each, and which of them are sizes.
const NUMBERS: usize = 13;
const NUMBER_CHARS: usize = 8;
const FILE_SIZE: usize = 6;
const NAME_SIZE: usize = 11;
const HEADER_BYTES: usize = MAGIC.len() + NUMBERS * NUMBER_CHARS;
/// The name of the last file.
const TRAILER: &str = "TRAILER!!!";

/// An archive in `newc` form: for each file a header of hexadecimal numbers, its name and its bytes, each part filled up to
/// a multiple of four.
#[derive(Default)]
struct Archive {
    bytes: Vec<u8>,
    count: u32,
}

impl Archive {
    fn add(&mut self, name: &str, mode: u32, device: (u32, u32), contents: &[u8]) {
        self.count += 1;
        let size = u32::try_from(contents.len()).expect("a module is far below 4 GiB");
        let name_bytes = u32::try_from(name.len() + 1).expect("names are short");
        let links = 1;
        let numbers: [u32; NUMBERS] =
            [self.count, mode, 0, 0, links, 0, size, 0, 0, device.0, device.1, name_bytes, 0];
        self.bytes.extend_from_slice(MAGIC);
        for number in numbers {
            self.bytes.extend_from_slice(format!("{number:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.fill();
        self.bytes.extend_from_slice(contents);
        self.fill();
    }

    fn fill(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    fn finish(mut self) -> Vec<u8> {
        self.add(TRAILER, 0, (0, 0), &[]);
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_as_the_kernel_wants_it() {
        let mut archive = Archive::default();
        archive.add("init", PROGRAM, (0, 0), b"hello");
        let bytes = archive.finish();
        let text = String::from_utf8(bytes.clone()).unwrap();
        assert!(text.starts_with("07070100000001000081ed"), "{text}");
        assert_eq!(&bytes[54..62], b"00000005");
        assert_eq!(&bytes[110..120], b"init\0\0hell");
        assert_eq!(bytes.len() % 4, 0);
        assert!(text.contains("TRAILER!!!\0"));
    }

    #[test]
    fn modules_come_after_what_they_need() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, needs: &str| {
            fs_err::write(dir.path().join(name), format!("ELF\0depends={needs}\0name=x")).unwrap();
        };
        write("9p.ko", "9pnet,netfs");
        write("9pnet.ko", "");
        write("netfs.ko", "");
        write("9pnet_virtio.ko", "9pnet,virtio-ring");
        write("virtio-ring.ko", "");
        write("other.ko", "");
        let order = load_order(&find_modules(dir.path()).unwrap()).unwrap();
        let names: Vec<&str> = order.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["9pnet", "netfs", "9p", "virtio_ring", "9pnet_virtio"]);
    }
}
