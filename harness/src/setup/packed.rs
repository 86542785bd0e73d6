//! What is packed of a kernel, and how it is unpacked: its modules, and what is in its image.
//!
//! An x86 kernel's image unpacks itself, which takes seconds of work under emulation. What is inside is an ELF file, and QEMU
//! boots that as it is, provided that it says where it is entered (`Documentation/arch/x86/boot.rst` for the image,
//! `Documentation/virt/…/pvh` and Xen's `elfnote.h` for the entry).

use std::io::{self, Read as _};
use std::path::Path;
use std::time::Duration;

use crate::toolchain::tool::{Tool, ToolError};

/// How long unpacking may take.
const UNPACK_DEADLINE: Duration = Duration::from_secs(10 * 60);

/// A way in which a kernel or a module is packed.
struct Packing {
    /// How what is packed begins.
    mark: &'static [u8],
    /// What the tool wants its file's name to end in, as do the names of modules.
    suffix: &'static str,
    /// How it is unpacked.
    by: By,
    /// Whether the image has the length of what is unpacked after it. gzip has it of its own
    /// (`arch/x86/boot/compressed/Makefile`).
    has_length_after: bool,
}

/// Who unpacks.
enum By {
    /// This program.
    Us(fn(&[u8]) -> io::Result<Vec<u8>>),
    /// A tool, which has to be told so that it writes a file beside the packed one.
    Tool(&'static str, &'static [&'static str]),
}

const fn packing(mark: &'static [u8], suffix: &'static str, by: By) -> Packing {
    Packing { mark, suffix, by, has_length_after: true }
}

/// All ways, as `scripts/extract-vmlinux` knows them. What Debian packs with, and a minimal system has no tool for, we
/// unpack ourselves.
const PACKINGS: [Packing; 7] = [
    Packing { has_length_after: false, ..packing(b"\x1f\x8b\x08", "gz", By::Tool("gzip", &["-d", "-q"])) },
    packing(b"\xfd7zXZ\0", "xz", By::Us(xz)),
    packing(b"\x28\xb5\x2f\xfd", "zst", By::Us(zstd)),
    packing(b"\x02\x21\x4c\x18", "lz4", By::Tool("lz4", &["-d", "-q", "-m"])),
    packing(b"BZh", "bz2", By::Tool("bzip2", &["-d", "-q"])),
    packing(b"\x5d\0\0", "lzma", By::Tool("xz", &["-d", "-q"])),
    packing(b"\x89LZO", "lzo", By::Tool("lzop", &["-d", "-q"])),
];

fn xz(packed: &[u8]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    lzma_rust2::XzReader::new(packed, false).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn zstd(packed: &[u8]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    ruzstd::decoding::StreamingDecoder::new(packed).map_err(io::Error::other)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl Packing {
    /// Unpacks; `beside` is a file that is not there, for a tool. The inner error names the tool that is not here.
    fn unpack(&self, packed: &[u8], beside: &Path) -> Result<Result<Vec<u8>, &'static str>, String> {
        let io = |error: io::Error| error.to_string();
        let (tool, options) = match self.by {
            By::Us(unpack) => return unpack(packed).map(Ok).map_err(io),
            By::Tool(tool, options) => (tool, options),
        };
        let mut file = beside.as_os_str().to_owned();
        file.push(".");
        file.push(self.suffix);
        fs_err::write(&file, packed).map_err(io)?;
        let answer = Tool::new(tool).args(options).args([&file]).deadline(UNPACK_DEADLINE).answer();
        if Path::new(&file).is_file() {
            fs_err::remove_file(&file).map_err(io)?;
        }
        match answer {
            Ok(_) => {
                let bytes = fs_err::read(beside).map_err(io)?;
                fs_err::remove_file(beside).map_err(io)?;
                Ok(Ok(bytes))
            }
            Err(ToolError::Start { .. }) => Ok(Err(tool)),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// The bytes of a file, unpacked where its name says that it is packed. What is there is left as it is.
pub(super) fn contents(path: &Path) -> Result<Vec<u8>, String> {
    let bytes = fs_err::read(path).map_err(|error| error.to_string())?;
    let end = path.extension().and_then(|end| end.to_str()).unwrap_or_default();
    let Some(packing) = PACKINGS.iter().find(|packing| packing.suffix == end) else { return Ok(bytes) };
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    let unpacked = packing.unpack(&bytes, &dir.path().join("unpacked"));
    match unpacked.map_err(|why| format!("`{}` cannot be unpacked: {why}", path.display()))? {
        Ok(bytes) => Ok(bytes),
        Err(tool) => Err(format!("`{}` cannot be unpacked: `{tool}` is not installed", path.display())),
    }
}

/// The type of the note with the entry for hypervisors, by its owner's list.
const ENTRY_NOTE: u32 = 18;
/// The owner of that note.
const ENTRY_OWNER: &[u8] = b"Xen\0";
/// `PT_NOTE` of elf(5).
const NOTES: u32 = 4;

/// Puts the kernel at `to` in the form that QEMU boots soonest.
pub(super) fn place(image: &Path, to: &Path) -> Result<(), String> {
    let io = |error: io::Error| error.to_string();
    let image = fs_err::read(image).map_err(io)?;
    // An image that is packed in another way, or has no such entry, is slower to boot, but bootable.
    match unpacked(&image, to)? {
        Some(kernel) if entry_is_told(&kernel) => fs_err::write(to, kernel).map_err(io),
        _ => fs_err::write(to, image).map_err(io),
    }
}

/// The kernel within an x86 image, where it is one. It is unpacked beside `to`.
fn unpacked(image: &[u8], to: &Path) -> Result<Option<Vec<u8>>, String> {
    let Some((payload, packing)) = payload(image) else { return Ok(None) };
    // Where what unpacks it is not here, the guest does it by itself.
    packing.unpack(payload, to).map(Result::ok)
}

/// The packed kernel within an x86 image, by the boot protocol's header (its offset is that of the protected-mode code), and
/// how it is packed.
fn payload(image: &[u8]) -> Option<(&[u8], &'static Packing)> {
    if image.get(0x202..0x206)? != b"HdrS" {
        return None;
    }
    let number = |at: usize| usize::try_from(word(image, at)?).ok();
    let start = (usize::from(*image.get(0x1f1)?) + 1) * 512 + number(0x248)?;
    let payload = image.get(start..start.checked_add(number(0x24c)?)?)?;
    let packing = PACKINGS.iter().find(|packing| payload.starts_with(packing.mark))?;
    let end = payload.len().checked_sub(if packing.has_length_after { 4 } else { 0 })?;
    Some((&payload[..end], packing))
}

/// Whether a 64-bit ELF file has the note by which QEMU finds its entry (`CONFIG_PVH`).
fn entry_is_told(kernel: &[u8]) -> bool {
    notes(kernel)
        .is_some_and(|mut notes| notes.any(|(owner, kind)| owner == ENTRY_OWNER && kind == ENTRY_NOTE))
}

/// Owner and type of all notes; none where it is no such file.
fn notes(elf: &[u8]) -> Option<impl Iterator<Item = (&[u8], u32)>> {
    if !elf.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let long = |at: usize| {
        let bytes = elf.get(at..at.checked_add(8)?)?.try_into().ok()?;
        usize::try_from(u64::from_le_bytes(bytes)).ok()
    };
    let short = |at: usize| Some(usize::from(u16::from_le_bytes(elf.get(at..at + 2)?.try_into().ok()?)));
    let (first, size, count) = (long(0x20)?, short(0x36)?, short(0x38)?);
    let mut found = Vec::new();
    for number in 0..count {
        let at = first.checked_add(number * size)?;
        if word(elf, at)? != NOTES {
            continue;
        }
        let (start, length) = (long(at.checked_add(0x8)?)?, long(at.checked_add(0x20)?)?);
        let mut rest = elf.get(start..start.checked_add(length)?)?;
        while let (Some(owner), Some(about), Some(kind)) = (word(rest, 0), word(rest, 4), word(rest, 8)) {
            let (owner, about) = (usize::try_from(owner).ok()?, usize::try_from(about).ok()?);
            found.push((rest.get(12..12usize.checked_add(owner)?)?, kind));
            let next = 12 + owner.next_multiple_of(4) + about.next_multiple_of(4);
            rest = rest.get(next..).unwrap_or_default();
        }
    }
    Some(found.into_iter())
}

/// Four bytes as a number.
fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An image with `payload` and four bytes after it, of which `counted` are counted.
    fn image(payload: &[u8], counted: u32) -> Vec<u8> {
        let mut image = vec![0; 1040];
        image[0x1f1] = 1;
        image[0x202..0x206].copy_from_slice(b"HdrS");
        image[0x248..0x24c].copy_from_slice(&16u32.to_le_bytes());
        let length = u32::try_from(payload.len()).unwrap() + counted;
        image[0x24c..0x250].copy_from_slice(&length.to_le_bytes());
        image.extend_from_slice(payload);
        image.extend_from_slice(b"\x08\0\0\0");
        image
    }

    /// An ELF file with one program header and one note.
    fn kernel(owner: [u8; 4], kind: u32) -> Vec<u8> {
        let mut elf = vec![0; 0x40 + 0x38];
        elf[..6].copy_from_slice(b"\x7fELF\x02\x01");
        elf[0x20] = 0x40;
        elf[0x36] = 0x38;
        elf[0x38] = 1;
        elf[0x40] = 4;
        elf[0x48] = 0x78;
        elf[0x60] = 20;
        for number in [4, 4, kind] {
            elf.extend_from_slice(&number.to_le_bytes());
        }
        elf.extend_from_slice(&owner);
        elf.extend_from_slice(&[0; 4]);
        elf
    }

    fn placed(image: &[u8]) -> Vec<u8> {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("image"), dir.path().join("kernel"));
        fs_err::write(&from, image).unwrap();
        place(&from, &to).unwrap();
        fs_err::remove_file(&from).unwrap();
        let left: Vec<_> = fs_err::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(left, [to.as_path()]);
        fs_err::read(&to).unwrap()
    }

    /// What packs.
    fn tool(packing: &Packing) -> &'static str {
        match packing.by {
            By::Us(_) if packing.suffix == "zst" => "zstd",
            By::Us(_) => "xz",
            By::Tool(tool, _) => tool,
        }
    }

    /// `None` where the tool is not here.
    fn packed(packing: &Packing, bytes: &[u8]) -> Option<Vec<u8>> {
        let options: &[&str] = match packing.suffix {
            "lz4" => &["-l", "-q", "-m"],
            "lzma" => &["--format=lzma"],
            // As the kernel's own makefile does.
            "xz" => &["--check=crc32", "--x86", "--lzma2=dict=32MiB"],
            _ => &[],
        };
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs_err::write(&file, bytes).unwrap();
        match Tool::new(tool(packing)).args(options).args([&file]).answer() {
            Ok(_) => Some(fs_err::read(file.with_extension(packing.suffix)).unwrap()),
            Err(ToolError::Start { .. }) => None,
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn an_image_is_placed_unpacked_where_qemu_can_boot_what_is_in_it() {
        let good = kernel(*b"Xen\0", ENTRY_NOTE);
        for packing in &PACKINGS {
            let counted = if packing.has_length_after { 4 } else { 0 };
            let Some(payload) = packed(packing, &good) else {
                if let By::Tool(tool, _) = packing.by {
                    let image = image(packing.mark, counted);
                    assert_eq!(placed(&image), image, "{tool}");
                }
                continue;
            };
            assert_eq!(placed(&image(&payload, counted)), good, "{}", packing.suffix);
            for without in [kernel(*b"Xen\0", 17), kernel(*b"GNU\0", ENTRY_NOTE)] {
                let image = image(&packed(packing, &without).unwrap(), counted);
                assert_eq!(placed(&image), image, "{}", packing.suffix);
            }
        }
        // As it came: packed in a way that nobody knows, and not packed at all.
        for as_it_is in [image(b"abcdefgh", 4), good] {
            assert_eq!(placed(&as_it_is), as_it_is);
        }
    }

    #[test]
    fn what_is_packed_in_an_image_is_found_and_nothing_in_what_is_none() {
        let found = |image: &[u8]| payload(image).map(|(bytes, packing)| (bytes.to_vec(), packing.suffix));
        assert_eq!(found(&image(b"\xfd7zXZ\0abc", 4)), Some((b"\xfd7zXZ\0abc".to_vec(), "xz")));
        assert_eq!(found(&image(b"BZh", u32::MAX - 3)), None);
        assert_eq!(found(&image(b"abcd", 4)), None);
        assert_eq!(found(b"\x7fELF"), None);
        assert!(!entry_is_told(&kernel(*b"Xen\0", ENTRY_NOTE)[..0x80]));
        assert!(!entry_is_told(b"\x7fELF\x02\x01"));
    }

    #[test]
    fn a_module_is_unpacked_by_its_name_and_one_that_is_damaged_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let put = |name: &str, bytes: &[u8]| {
            let path = dir.path().join(name);
            fs_err::write(&path, bytes).unwrap();
            path
        };
        assert_eq!(contents(&put("plain.ko", b"module")).unwrap(), b"module");
        // Of `xz --check=crc32` and of `zstd`.
        let xz: &[u8] = b"\xfd7zXZ\0\0\x01i\x22\xde6\x02\0!\x01\x16\0\0\0t/\xe5\xa3\x01\0\x05module\0\0\0(&$\x0c\0\x01\x1a\x06\xc5\xea\xc8y\x90B\x99\x0d\x01\0\0\0\0\x01YZ";
        let zst: &[u8] = b"(\xb5/\xfd\x04X1\0\0module]\x89\xa9\x8d";
        for (name, packed) in [("m.ko.xz", xz), ("m.ko.zst", zst)] {
            assert_eq!(contents(&put(name, packed)).unwrap(), b"module", "{name}");
            let damaged = put(name, &packed[..packed.len() - 9]);
            let why = contents(&damaged).unwrap_err();
            assert!(why.starts_with(&format!("`{}` cannot be unpacked: ", damaged.display())), "{why}");
        }
        let why = contents(&put("m.ko.gz", b"none")).unwrap_err();
        assert!(why.contains("m.ko.gz` cannot be unpacked: "), "{why}");
        assert_eq!(fs_err::read_dir(dir.path()).unwrap().count(), 4, "nothing is left beside it");
    }
}
