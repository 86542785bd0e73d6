//! ELF: programs of Linux and most other systems, in both classes and byte orders.
//!
//! Only program headers are looked at, as the kernel and the loader do; section headers may be stripped or
//! wrong. What the kernel refuses (`fs/binfmt_elf.c`: a table above 64 KiB, an interpreter without a NUL) is
//! damage here too, and so is a segment past the end of the file: kernel and QEMU start such a program, which
//! then dies of SIGSEGV or SIGBUS as if the fault were its own.

use object::elf::{
    DT_NEEDED, DT_NULL, DT_RPATH, DT_RUNPATH, DT_STRSZ, DT_STRTAB, ET_DYN, ET_EXEC, FileHeader32,
    FileHeader64, PT_DYNAMIC, PT_INTERP, PT_LOAD,
};
use object::endian::Endianness;
use object::pod;
use object::read::elf::{Dyn, FileHeader, ProgramHeader};

use super::excerpt::Excerpt;
use super::names::Names;
use super::{Elf, UnreadableBinary, damaged};
use crate::target::Endian;

const FORMAT: &str = "ELF";
/// The longest path that Linux takes, with its NUL (`PATH_MAX`).
const PATH_BYTES_MAX: u64 = 4096;
/// The longest run path that is read: two hundred directories of a Nix store, each some 80 bytes long.
const RUNPATH_BYTES_MAX: u64 = 16 * 1024;
/// The most that is read of the dynamic section: 1024 entries of 16 bytes, where usual programs have 30.
const DYNAMIC_BYTES_MAX: u64 = 16 * 1024;
/// A string table up to this size is read at once; of a larger one only the strings that are asked for.
const STRINGS_BYTES_MAX: u64 = 8 * 1024;

type Program<H> = <H as FileHeader>::ProgramHeader;

/// Reads the ELF file that `excerpt` starts with.
pub(super) fn parse(excerpt: &Excerpt<'_>) -> Result<Elf, UnreadableBinary> {
    let ident =
        excerpt.bytes(0, 16).map_err(|missing| damaged(FORMAT, format!("identification: {missing}")))?;
    let endian = match ident[5] {
        1 => Endianness::Little,
        2 => Endianness::Big,
        data => return Err(damaged(FORMAT, format!("byte order {data} is neither 1 (little) nor 2 (big)"))),
    };
    if ident[6] != 1 {
        return Err(damaged(FORMAT, format!("version {} is not 1", ident[6])));
    }
    match ident[4] {
        1 => parse_class::<FileHeader32<Endianness>>(excerpt, endian, 32),
        2 => parse_class::<FileHeader64<Endianness>>(excerpt, endian, 64),
        class => Err(damaged(FORMAT, format!("class {class} is neither 1 (32 bits) nor 2 (64 bits)"))),
    }
}

fn parse_class<H: FileHeader<Endian = Endianness>>(
    excerpt: &Excerpt<'_>,
    endian: Endianness,
    bits: u8,
) -> Result<Elf, UnreadableBinary> {
    let header: &H = excerpt.structure(0).map_err(|missing| damaged(FORMAT, format!("header: {missing}")))?;
    let kind = header.e_type(endian);
    let loadable = kind == ET_EXEC || kind == ET_DYN;
    // Objects and cores have no program that could be started; a core's table may well exceed the budget.
    let segments = if loadable { segments(excerpt, header, endian)? } else { &[] };
    let interpreter = interpreter::<H>(excerpt, segments, endian)?;
    let lists = Lists::read::<H>(excerpt, segments, endian);
    let loads = segments.iter().filter(|segment| segment.p_type(endian) == PT_LOAD);
    let lowest = loads.map(|segment| segment.p_vaddr(endian).into()).min();
    let has_entry = kind == ET_EXEC || header.e_entry(endian).into() != 0;
    Ok(Elf {
        bits,
        endian: match endian {
            Endianness::Little => Endian::Little,
            Endianness::Big => Endian::Big,
        },
        machine: header.e_machine(endian).0,
        flags: header.e_flags(endian).0,
        executable: loadable && (has_entry || interpreter.is_some()),
        load_address: lowest.filter(|_| kind == ET_EXEC),
        interpreter,
        complete: lists.needed.is_complete() && lists.runpath.is_complete(),
        needed: lists.needed.into_list(),
        runpath: lists.runpath.into_list(),
    })
}

/// The program headers of an executable, each `PT_LOAD` checked to lie within the file.
fn segments<'e, H: FileHeader<Endian = Endianness>>(
    excerpt: &'e Excerpt<'_>,
    header: &H,
    endian: Endianness,
) -> Result<&'e [Program<H>], UnreadableBinary> {
    let count = header.e_phnum(endian);
    let entry_bytes = usize::from(header.e_phentsize(endian));
    if count == 0 {
        return Err(damaged(FORMAT, "there are no program headers"));
    }
    if entry_bytes != size_of::<Program<H>>() {
        let detail = format!("a program header of {entry_bytes} bytes, not {}", size_of::<Program<H>>());
        return Err(damaged(FORMAT, detail));
    }
    let segments: &[Program<H>] = excerpt
        .table(header.e_phoff(endian).into(), count)
        .map_err(|missing| damaged(FORMAT, format!("{count} program headers: {missing}")))?;
    for segment in segments.iter().filter(|segment| segment.p_type(endian) == PT_LOAD) {
        let (offset, len) = segment.file_range(endian);
        if len != 0 && offset.checked_add(len).is_none_or(|end| end > excerpt.size()) {
            let detail =
                format!("a segment: {len} bytes at offset {offset} of a file of {} bytes", excerpt.size());
            return Err(damaged(FORMAT, detail));
        }
    }
    Ok(segments)
}

fn interpreter<H: FileHeader<Endian = Endianness>>(
    excerpt: &Excerpt<'_>,
    segments: &[Program<H>],
    endian: Endianness,
) -> Result<Option<String>, UnreadableBinary> {
    // The first one counts, as for the kernel.
    let Some(segment) = segments.iter().find(|segment| segment.p_type(endian) == PT_INTERP) else {
        return Ok(None);
    };
    let (offset, len) = segment.file_range(endian);
    if !(2..=PATH_BYTES_MAX).contains(&len) {
        return Err(damaged(FORMAT, format!("an interpreter's path of {len} bytes")));
    }
    let bytes = excerpt
        .bytes(offset, len)
        .map_err(|missing| damaged(FORMAT, format!("interpreter's path: {missing}")))?;
    // The kernel demands the NUL at the end and stops at the first one.
    if bytes.last() != Some(&0) {
        return Err(damaged(FORMAT, "the interpreter's path has no end"));
    }
    let path = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
    Ok(Some(String::from_utf8_lossy(path).into_owned()))
}

/// What the dynamic section points to.
struct Lists {
    needed: Names,
    runpath: Names,
}

/// The values of the dynamic section that matter here; strings are offsets into the string table.
#[derive(Default)]
struct Dynamic {
    needed: Vec<u64>,
    runpath: Option<u64>,
    rpath: Option<u64>,
    strings_address: u64,
    strings_len: u64,
    ended: bool,
}

impl Lists {
    fn read<H: FileHeader<Endian = Endianness>>(
        excerpt: &Excerpt<'_>,
        segments: &[Program<H>],
        endian: Endianness,
    ) -> Self {
        let mut lists = Self { needed: Names::new(), runpath: Names::new() };
        let Some(segment) = segments.iter().find(|segment| segment.p_type(endian) == PT_DYNAMIC) else {
            return lists;
        };
        let (offset, len) = segment.file_range(endian);
        let Ok(bytes) = excerpt.bytes(offset, len.min(DYNAMIC_BYTES_MAX)) else {
            lists.needed.miss();
            return lists;
        };
        let dynamic = Dynamic::parse::<H>(bytes, endian);
        if !dynamic.ended {
            lists.needed.miss();
        }
        let strings = Strings::find::<H>(excerpt, segments, endian, &dynamic);
        for &at in &dynamic.needed {
            lists.needed.push(strings.get(at, PATH_BYTES_MAX));
        }
        if let Some(at) = dynamic.runpath.or(dynamic.rpath) {
            lists.add_runpath(strings.get(at, RUNPATH_BYTES_MAX));
        }
        lists
    }

    fn add_runpath(&mut self, text: Option<&[u8]>) {
        match text {
            None => self.runpath.miss(),
            // To the loader an empty path is none, although an empty *part* is the current directory.
            Some([]) => {}
            Some(text) => text.split(|&byte| byte == b':').for_each(|part| self.runpath.push(Some(part))),
        }
    }
}

impl Dynamic {
    fn parse<H: FileHeader<Endian = Endianness>>(bytes: &[u8], endian: Endianness) -> Self {
        let count = bytes.len() / size_of::<H::Dyn>();
        let (entries, _) = pod::slice_from_bytes::<H::Dyn>(bytes, count)
            .expect("the count was derived from the slice, and the structures of `object` need no alignment");
        let mut dynamic = Self::default();
        for entry in entries {
            let value: u64 = entry.d_val(endian).into();
            match entry.d_tag(endian) {
                DT_NULL => {
                    dynamic.ended = true;
                    break;
                }
                DT_NEEDED => dynamic.needed.push(value),
                DT_RUNPATH => dynamic.runpath = Some(value),
                DT_RPATH => dynamic.rpath = Some(value),
                DT_STRTAB => dynamic.strings_address = value,
                DT_STRSZ => dynamic.strings_len = value,
                _ => {}
            }
        }
        dynamic
    }
}

/// Where the dynamic string table lies in the file; of no length where it could not be found.
struct Strings<'e, 's> {
    excerpt: &'e Excerpt<'s>,
    offset: u64,
    len: u64,
}

impl<'e, 's> Strings<'e, 's> {
    fn find<H: FileHeader<Endian = Endianness>>(
        excerpt: &'e Excerpt<'s>,
        segments: &[Program<H>],
        endian: Endianness,
        dynamic: &Dynamic,
    ) -> Self {
        let place = segments.iter().filter(|segment| segment.p_type(endian) == PT_LOAD).find_map(|segment| {
            let (offset, len) = segment.file_range(endian);
            let within = dynamic.strings_address.checked_sub(segment.p_vaddr(endian).into())?;
            let rest = len.checked_sub(within)?;
            Some((offset.checked_add(within)?, rest.min(dynamic.strings_len)))
        });
        let (offset, len) = place.unwrap_or_default();
        if len <= STRINGS_BYTES_MAX {
            // Only fetched ahead; a failure shows when a string is asked for.
            let _ = excerpt.bytes(offset, len);
        }
        Self { excerpt, offset, len }
    }

    fn get(&self, at: u64, len_max: u64) -> Option<&'e [u8]> {
        let rest = self.len.checked_sub(at)?;
        self.excerpt.text(self.offset.checked_add(at)?, rest.min(len_max)).ok().flatten()
    }
}
