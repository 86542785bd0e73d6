//! An x86 kernel's image unpacks itself, which takes seconds of work under emulation. What is inside is an ELF file, and QEMU
//! boots that as it is, provided that it says where it is entered (`Documentation/arch/x86/boot.rst` for the image,
//! `Documentation/virt/…/pvh` and Xen's `elfnote.h` for the entry).

use std::io;
use std::path::Path;
use std::time::Duration;

use crate::toolchain::tool::{Tool, ToolError};

/// How long unpacking may take.
const UNPACK_DEADLINE: Duration = Duration::from_secs(10 * 60);

/// A way in which the kernel in an image is packed.
struct Packing {
    /// How the packed kernel begins.
    mark: &'static [u8],
    /// What the tool wants its file's name to end in.
    suffix: &'static str,
    tool: &'static str,
    /// What the tool has to be told so that it writes a file beside the packed one.
    options: &'static [&'static str],
    /// Whether the image has the length of what is unpacked after it. gzip has it of its own
    /// (`arch/x86/boot/compressed/Makefile`).
    has_length_after: bool,
}

/// All ways, as `scripts/extract-vmlinux` knows them.
const PACKINGS: [Packing; 7] = [
    Packing {
        mark: b"\x1f\x8b\x08",
        suffix: "gz",
        tool: "gzip",
        options: &["-d", "-q"],
        has_length_after: false,
    },
    Packing { mark: b"\xfd7zXZ\0", suffix: "xz", tool: "xz", options: &["-d", "-q"], has_length_after: true },
    Packing {
        mark: b"\x28\xb5\x2f\xfd",
        suffix: "zst",
        tool: "zstd",
        options: &["-d", "-q"],
        has_length_after: true,
    },
    Packing {
        mark: b"\x02\x21\x4c\x18",
        suffix: "lz4",
        tool: "lz4",
        options: &["-d", "-q", "-m"],
        has_length_after: true,
    },
    Packing { mark: b"BZh", suffix: "bz2", tool: "bzip2", options: &["-d", "-q"], has_length_after: true },
    Packing { mark: b"\x5d\0\0", suffix: "lzma", tool: "xz", options: &["-d", "-q"], has_length_after: true },
    Packing { mark: b"\x89LZO", suffix: "lzo", tool: "lzop", options: &["-d", "-q"], has_length_after: true },
];

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
    let io = |error: io::Error| error.to_string();
    let Some((payload, packing)) = payload(image) else { return Ok(None) };
    let packed = to.with_extension(packing.suffix);
    fs_err::write(&packed, payload).map_err(io)?;
    let tool = Tool::new(packing.tool).args(packing.options).args([&packed]).deadline(UNPACK_DEADLINE);
    let answer = tool.answer();
    if packed.is_file() {
        fs_err::remove_file(&packed).map_err(io)?;
    }
    match answer {
        Ok(_) => fs_err::read(to).map(Some).map_err(io),
        // What unpacks it is not here: the guest does it by itself.
        Err(ToolError::Start { .. }) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
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

    /// `None` where the tool is not here.
    fn packed(packing: &Packing, bytes: &[u8]) -> Option<Vec<u8>> {
        let options: &[&str] = match packing.suffix {
            "lz4" => &["-l", "-q", "-m"],
            "lzma" => &["--format=lzma"],
            _ => &[],
        };
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs_err::write(&file, bytes).unwrap();
        match Tool::new(packing.tool).args(options).args([&file]).answer() {
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
                let image = image(packing.mark, counted);
                assert_eq!(placed(&image), image, "{}", packing.tool);
                continue;
            };
            assert_eq!(placed(&image(&payload, counted)), good, "{}", packing.tool);
            for without in [kernel(*b"Xen\0", 17), kernel(*b"GNU\0", ENTRY_NOTE)] {
                let image = image(&packed(packing, &without).unwrap(), counted);
                assert_eq!(placed(&image), image, "{}", packing.tool);
            }
        }
        // As it came: packed in a way that nobody knows, and not packed at all.
        for as_it_is in [image(b"abcdefgh", 4), good] {
            assert_eq!(placed(&as_it_is), as_it_is);
        }
    }

    #[test]
    fn what_is_packed_in_an_image_is_found_and_nothing_in_what_is_none() {
        let found = |image: &[u8]| payload(image).map(|(bytes, packing)| (bytes.to_vec(), packing.tool));
        assert_eq!(found(&image(b"\xfd7zXZ\0abc", 4)), Some((b"\xfd7zXZ\0abc".to_vec(), "xz")));
        assert_eq!(found(&image(b"BZh", u32::MAX - 3)), None);
        assert_eq!(found(&image(b"abcd", 4)), None);
        assert_eq!(found(b"\x7fELF"), None);
        assert!(!entry_is_told(&kernel(*b"Xen\0", ENTRY_NOTE)[..0x80]));
        assert!(!entry_is_told(b"\x7fELF\x02\x01"));
    }
}
