//! WebAssembly: core modules, and components as far as telling them apart.
//!
//! Sections are walked by their sizes; of most only the header is read. The walk goes to the end of the file,
//! although the lists stand near its front: a truncated module is best named before an engine is asked.

use std::ops::RangeInclusive;

use super::excerpt::{Excerpt, Missing};
use super::names::Names;
use super::{UnreadableBinary, Wasm, damaged};

const FORMAT: &str = "WebAssembly";
/// Magic number, version and layer.
const PREAMBLE_BYTES: u64 = 8;
/// An identifier and a size of at most five bytes.
const SECTION_HEADER_BYTES_MAX: u64 = 6;
/// The most that is read of the import section, and of the export section. Both together leave room for the
/// headers of a hundred sections within the budget.
const LIST_BYTES_MAX: u64 = 24 * 1024;

/// The most sections that are walked: empty ones take two bytes each, so that the budget alone would allow
/// thirty thousand. Usual modules have 10 to 20.
const SECTIONS_MAX: u32 = 1024;

const SECTION_IMPORT: u8 = 2;
const SECTION_EXPORT: u8 = 7;
const SECTION_TAG: u8 = 13;
/// Start, element, code, data and data count: behind these there are no more imports, tags and exports.
const SECTIONS_BEHIND_LISTS: RangeInclusive<u8> = 8..=12;

/// Reads the WebAssembly file that `excerpt` starts with.
pub(super) fn parse(excerpt: &Excerpt<'_>) -> Result<Wasm, UnreadableBinary> {
    let preamble = excerpt
        .bytes(0, PREAMBLE_BYTES)
        .map_err(|missing| damaged(FORMAT, format!("preamble: {missing}")))?;
    match preamble[4..] {
        [1, 0, 0, 0] => parse_module(excerpt),
        // The version of components still counts up while they are being specified; the layer stays.
        [_, _, 1, 0] => Ok(Wasm {
            component: true,
            imports: Vec::new(),
            exceptions: false,
            start: false,
            complete: false,
        }),
        _ => Err(damaged(FORMAT, format!("version and layer {:02x?} are unknown", &preamble[4..]))),
    }
}

fn parse_module(excerpt: &Excerpt<'_>) -> Result<Wasm, UnreadableBinary> {
    let mut module = Module { imports: Names::new(), exceptions: false, start: false, complete: true };
    let mut lists_are_over = false;
    let mut at = PREAMBLE_BYTES;
    for _ in 0..SECTIONS_MAX {
        if at == excerpt.size() {
            lists_are_over = true;
            break;
        }
        let Some(section) = Section::find(excerpt, at)? else { break };
        lists_are_over |= SECTIONS_BEHIND_LISTS.contains(&section.id);
        module.read(&section, excerpt);
        at = section.end;
    }
    Ok(Wasm {
        component: false,
        complete: lists_are_over && module.complete && module.imports.is_complete(),
        imports: module.imports.into_list(),
        exceptions: module.exceptions,
        start: module.start,
    })
}

/// Where a section's body lies, and what its header calls it.
struct Section {
    id: u8,
    start: u64,
    end: u64,
}

impl Section {
    /// The section whose header is at `at`; `None` where the budget does not reach to it.
    fn find(excerpt: &Excerpt<'_>, at: u64) -> Result<Option<Self>, UnreadableBinary> {
        let header = match excerpt.bytes(at, SECTION_HEADER_BYTES_MAX.min(excerpt.size() - at)) {
            Ok(header) => header,
            Err(Missing::Budget) => return Ok(None),
            Err(missing) => return Err(damaged(FORMAT, format!("section header: {missing}"))),
        };
        let mut cursor = Cursor { rest: header };
        let (Some(id), Some(len)) = (cursor.byte(), cursor.u32()) else {
            return Err(damaged(
                FORMAT,
                format!("section header at offset {at}: {header:02x?} is no header"),
            ));
        };
        let start = at + (header.len() - cursor.rest.len()) as u64;
        let end = start + u64::from(len);
        if end > excerpt.size() {
            let detail =
                format!("section {id}: {len} bytes at offset {start} of a file of {} bytes", excerpt.size());
            return Err(damaged(FORMAT, detail));
        }
        Ok(Some(Self { id, start, end }))
    }

    /// The section's body, cut where it is too long.
    fn body<'e>(&self, excerpt: &'e Excerpt<'_>) -> Cursor<'e> {
        let len = (self.end - self.start).min(LIST_BYTES_MAX);
        Cursor { rest: excerpt.bytes(self.start, len).unwrap_or_default() }
    }
}

/// What is known of a module so far.
struct Module {
    imports: Names,
    exceptions: bool,
    start: bool,
    complete: bool,
}

impl Module {
    fn read(&mut self, section: &Section, excerpt: &Excerpt<'_>) {
        let whole = match section.id {
            SECTION_IMPORT => self.read_imports(section.body(excerpt)),
            SECTION_EXPORT => self.read_exports(section.body(excerpt)),
            SECTION_TAG => section.body(excerpt).u32().map(|count| self.exceptions |= count != 0),
            _ => Some(()),
        };
        self.complete &= whole.is_some();
    }

    /// `None` where the section ends early or holds what we do not know.
    fn read_imports(&mut self, mut cursor: Cursor<'_>) -> Option<()> {
        for _ in 0..cursor.u32()? {
            self.imports.push_new(cursor.name()?);
            cursor.name()?;
            match cursor.byte()? {
                0 => cursor.skip_integer()?,
                1 => {
                    cursor.skip_value_type()?;
                    cursor.skip_limits()?;
                }
                2 => cursor.skip_limits()?,
                3 => {
                    cursor.skip_value_type()?;
                    cursor.byte()?;
                }
                4 => {
                    self.exceptions = true;
                    cursor.byte()?;
                    cursor.skip_integer()?;
                }
                _ => return None,
            }
        }
        Some(())
    }

    /// Looks for `_start` and stops there: nothing else of the exports is of interest.
    fn read_exports(&mut self, mut cursor: Cursor<'_>) -> Option<()> {
        for _ in 0..cursor.u32()? {
            let name = cursor.name()?;
            let kind = cursor.byte()?;
            cursor.skip_integer()?;
            if name == b"_start" && kind == 0 {
                self.start = true;
                break;
            }
        }
        Some(())
    }
}

/// Takes values off the front of bytes; every method is `None` where they end early.
struct Cursor<'e> {
    rest: &'e [u8],
}

impl<'e> Cursor<'e> {
    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }

    /// An unsigned integer of 32 bits in LEB128.
    fn u32(&mut self) -> Option<u32> {
        let mut value = 0_u64;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return u32::try_from(value).ok();
            }
        }
        None
    }

    /// An integer of up to 64 bits in LEB128, signed or not.
    fn skip_integer(&mut self) -> Option<()> {
        for _ in 0..10 {
            if self.byte()? & 0x80 == 0 {
                return Some(());
            }
        }
        None
    }

    fn name(&mut self) -> Option<&'e [u8]> {
        let len = usize::try_from(self.u32()?).ok()?;
        let (name, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(name)
    }

    /// A value type: one byte, or a reference type (`ref`, `ref null`) with the heap type it refers to.
    fn skip_value_type(&mut self) -> Option<()> {
        match self.byte()? {
            0x63 | 0x64 => self.skip_integer(),
            _ => Some(()),
        }
    }

    /// Limits: flags, the minimum, and what the flags add: a maximum (bit 0) and a page size (bit 3).
    fn skip_limits(&mut self) -> Option<()> {
        let flags = self.byte()?;
        self.skip_integer()?;
        if flags & 1 != 0 {
            self.skip_integer()?;
        }
        if flags & 8 != 0 {
            self.skip_integer()?;
        }
        Some(())
    }
}
