//! PE: programs and libraries of Windows, and firmware applications.
//!
//! Addresses in a PE are relative to where it is loaded and are mapped to the file through the section table.
//! Wine answers a truncated or unsuitable file with an exit status and no text at all, so every part of the
//! file that a section claims is checked to be there.

use object::LittleEndian as LE;
use object::pe::{
    IMAGE_DIRECTORY_ENTRY_DELAY_IMPORT, IMAGE_DIRECTORY_ENTRY_IMPORT, IMAGE_FILE_DLL, IMAGE_NT_SIGNATURE,
    ImageDataDirectory, ImageDelayloadDescriptor, ImageDosHeader, ImageFileHeader, ImageImportDescriptor,
    ImageNtHeaders32, ImageNtHeaders64, ImageSectionHeader,
};
use object::pod::Pod;
use object::read::pe::{ImageNtHeaders, ImageOptionalHeader};

use super::excerpt::{Excerpt, Missing};
use super::names::Names;
use super::{Pe, UnreadableBinary, damaged};

const FORMAT: &str = "PE";
/// The most entries of an import table that are walked; usual programs have 5 to 40.
const DESCRIPTORS_MAX: u32 = 1024;
/// The longest DLL name that is read. A file's name has at most 255 characters.
const NAME_BYTES_MAX: u64 = 512;
/// The optional header has 16 directories; a larger number is ignored by Windows.
const DIRECTORIES_MAX: u32 = 16;
/// Sections are mapped in pages, so that a part of the file behind the virtual size is visible up to there.
const PAGE_BYTES: u64 = 4096;
/// From here on in a DOS header's first 64 bytes relocations would overlap `e_lfanew`: linkers for Windows
/// put their relocation table here, and DOS programs with a smaller value have no `e_lfanew` at all.
const NEW_HEADER_BYTES: u16 = 0x40;
/// The descriptor's addresses are relative, as all but Visual C++ 6 write them (`dlattrRva`).
const DELAY_LOAD_RELATIVE: u32 = 1;

/// Reads the PE file that `excerpt` starts with.
pub(super) fn parse(excerpt: &Excerpt<'_>) -> Result<Pe, UnreadableBinary> {
    // A DOS program may be smaller than the DOS header of a Windows program.
    let dos: &ImageDosHeader = excerpt.structure(0).map_err(|_| UnreadableBinary::Dos)?;
    let offset = u64::from(dos.e_lfanew.get(LE));
    let signature = excerpt.bytes(offset, 4);
    if signature != Ok(&IMAGE_NT_SIGNATURE.to_le_bytes()) {
        return Err(match signature {
            Err(missing) if offset != 0 && dos.e_lfarlc.get(LE) >= NEW_HEADER_BYTES => {
                damaged(FORMAT, format!("header: {missing}"))
            }
            _ => UnreadableBinary::Dos,
        });
    }
    let magic_offset = offset + 4 + size_of::<ImageFileHeader>() as u64;
    match header_part(excerpt.bytes(magic_offset, 2))? {
        [0x0b, 0x01] => parse_width::<ImageNtHeaders32>(excerpt, offset),
        [0x0b, 0x02] => parse_width::<ImageNtHeaders64>(excerpt, offset),
        magic => Err(damaged(FORMAT, format!("optional header of unknown kind {magic:02x?}"))),
    }
}

fn header_part<T>(part: Result<T, Missing>) -> Result<T, UnreadableBinary> {
    part.map_err(|missing| damaged(FORMAT, format!("header: {missing}")))
}

fn parse_width<H: ImageNtHeaders>(excerpt: &Excerpt<'_>, offset: u64) -> Result<Pe, UnreadableBinary> {
    let headers: &H = header_part(excerpt.structure(offset))?;
    let (file, optional) = (headers.file_header(), headers.optional_header());
    let directories_offset = offset + size_of::<H>() as u64;
    let optional_bytes = u64::from(file.size_of_optional_header.get(LE));
    let Some(directories_bytes) = optional_bytes.checked_sub(size_of_val(optional) as u64) else {
        return Err(damaged(FORMAT, format!("optional header of {optional_bytes} bytes")));
    };
    let count = u64::from(optional.number_of_rva_and_sizes().min(DIRECTORIES_MAX))
        .min(directories_bytes / size_of::<ImageDataDirectory>() as u64);
    let directories: &[ImageDataDirectory] =
        header_part(excerpt.table(directories_offset, u16::try_from(count).unwrap_or(u16::MAX)))?;
    let sections =
        sections(excerpt, directories_offset + directories_bytes, file.number_of_sections.get(LE))?;
    let image =
        Image { excerpt, sections, headers_bytes: optional.size_of_headers(), base: optional.image_base() };
    let directory = |index: usize| directories.get(index).map_or(0, |entry| entry.virtual_address.get(LE));
    let imports = image.imports(directory(IMAGE_DIRECTORY_ENTRY_IMPORT));
    let delay_imports = image.delay_imports(directory(IMAGE_DIRECTORY_ENTRY_DELAY_IMPORT));
    Ok(Pe {
        machine: file.machine.get(LE).0,
        subsystem: optional.subsystem().0,
        linker: (optional.major_linker_version(), optional.minor_linker_version()),
        is_dll: file.characteristics.get(LE).0 & IMAGE_FILE_DLL.0 != 0,
        complete: imports.is_complete() && delay_imports.is_complete(),
        imports: imports.into_list(),
        delay_imports: delay_imports.into_list(),
    })
}

fn sections<'e>(
    excerpt: &'e Excerpt<'_>,
    offset: u64,
    count: u16,
) -> Result<&'e [ImageSectionHeader], UnreadableBinary> {
    let sections: &[ImageSectionHeader] = excerpt
        .table(offset, count)
        .map_err(|missing| damaged(FORMAT, format!("table of {count} sections: {missing}")))?;
    for section in sections {
        let (offset, len) = file_range(section);
        if len != 0 && offset + len > excerpt.size() {
            let detail =
                format!("a section: {len} bytes at offset {offset} of a file of {} bytes", excerpt.size());
            return Err(damaged(FORMAT, detail));
        }
    }
    Ok(sections)
}

/// Offset and length of a section's bytes in the file, as far as they are visible in memory.
fn file_range(section: &ImageSectionHeader) -> (u64, u64) {
    let raw = u64::from(section.size_of_raw_data.get(LE));
    // No virtual size means all of it, to Windows and to old linkers.
    let len = match u64::from(section.virtual_size.get(LE)) {
        0 => raw,
        len => raw.min(len.next_multiple_of(PAGE_BYTES)),
    };
    let offset = u64::from(section.pointer_to_raw_data.get(LE));
    // Uninitialised data has no place in the file.
    if offset == 0 { (0, 0) } else { (offset, len) }
}

/// The parts of a PE file that map an address to a place in the file.
struct Image<'e, 's> {
    excerpt: &'e Excerpt<'s>,
    sections: &'e [ImageSectionHeader],
    headers_bytes: u32,
    base: u64,
}

impl<'e> Image<'e, '_> {
    /// The place in the file of a relative address, if it has one.
    fn offset(&self, address: u32) -> Option<u64> {
        if address < self.headers_bytes {
            return Some(address.into());
        }
        self.sections.iter().find_map(|section| {
            let within = u64::from(address.checked_sub(section.virtual_address.get(LE))?);
            let (offset, len) = file_range(section);
            (within < len).then_some(offset + within)
        })
    }

    fn name(&self, address: u32) -> Option<&'e [u8]> {
        self.excerpt.text(self.offset(address)?, NAME_BYTES_MAX).ok().flatten()
    }

    /// Entry `index` of the table at the relative address `table`.
    fn descriptor<T: Pod>(&self, table: u32, index: u32) -> Option<&'e T> {
        let within = index.checked_mul(u32::try_from(size_of::<T>()).ok()?)?;
        self.excerpt.structure(self.offset(table.checked_add(within)?)?).ok()
    }

    fn imports(&self, table: u32) -> Names {
        let mut names = Names::new();
        if table == 0 {
            return names;
        }
        for index in 0..DESCRIPTORS_MAX {
            let Some(entry) = self.descriptor::<ImageImportDescriptor>(table, index) else { break };
            // What Windows and Wine take for the end is less than a descriptor full of zeros.
            if entry.name.get(LE) == 0 || entry.first_thunk.get(LE) == 0 {
                return names;
            }
            names.push(self.name(entry.name.get(LE)));
        }
        names.miss();
        names
    }

    fn delay_imports(&self, table: u32) -> Names {
        let mut names = Names::new();
        if table == 0 {
            return names;
        }
        for index in 0..DESCRIPTORS_MAX {
            let Some(entry) = self.descriptor::<ImageDelayloadDescriptor>(table, index) else { break };
            let name = entry.dll_name_rva.get(LE);
            if name == 0 {
                return names;
            }
            let is_relative = entry.attributes.get(LE) & DELAY_LOAD_RELATIVE != 0;
            let address = if is_relative { Some(name) } else { self.relative(name) };
            names.push(address.and_then(|address| self.name(address)));
        }
        names.miss();
        names
    }

    fn relative(&self, address: u32) -> Option<u32> {
        u32::try_from(u64::from(address).checked_sub(self.base)?).ok()
    }
}
