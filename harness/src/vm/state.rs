//! The state that QEMU writes for a snapshot, without what is told of memory that is empty anyway.
//!
//! The flash of some boards, twice 64 MiB on those of Arm, is told page by page although nothing is in it. QEMU then looks at each
//! of these pages when it reads the state, an eighth of the time until the system runs. A machine that was just started has
//! that memory empty already. Read as `migration/ram.c` and `migration/savevm.c` of QEMU 7.2 write it; numbers are big-endian. What
//! another version writes otherwise is left as it is.

use std::collections::HashMap;

/// What comes before the pages: the beginning of a section, its number, its name, instance and version.
const RAM: &[u8] = b"\x03ram\0\0\0\0\0\0\0\x04";
/// How far from the beginning of the state that is.
const RAM_WITHIN_BYTES: usize = 4096;
const SECTION_NUMBER_BYTES: usize = 4;

/// The beginnings of a section's first, further and last part, and of what follows each.
const START: u8 = 1;
const PART: u8 = 2;
const END: u8 = 3;
const FOOTER: u8 = 0x7e;

/// Flags, in the bits of an address below the size of a page.
const FLAGS: u64 = 0xfff;
const ZERO: u64 = 0x02;
const MEMORY_SIZE: u64 = 0x04;
const PAGE: u64 = 0x08;
const END_OF_PART: u64 = 0x10;
/// It is of the memory that the one before it is of, which is not named again.
const CONTINUED: u64 = 0x20;

const PAGE_BYTES: usize = 4096;

/// Smaller memory costs nothing.
const WORTH_BYTES: u64 = 1 << 20;

/// The state without the pages of memory in which there is nothing; `None` where there is none, or the state is not as we know
/// it.
pub(super) fn thinned(state: &[u8]) -> Option<Vec<u8>> {
    let begin = state.get(..RAM_WITHIN_BYTES.min(state.len()))?;
    let name = begin.windows(RAM.len()).position(|bytes| bytes == RAM)?;
    let number = &state[name.checked_sub(SECTION_NUMBER_BYTES)?..name];
    if state.get(name.checked_sub(SECTION_NUMBER_BYTES + 1)?) != Some(&START) {
        return None;
    }
    let mut rest = Rest(&state[name + RAM.len()..]);
    let sizes = sizes(&mut rest, number)?;
    let head = &state[..state.len() - rest.0.len()];
    let mut parts = Vec::new();
    loop {
        let part = Part::read(&mut rest, number)?;
        let is_last = part.kind == END;
        parts.push(part);
        if is_last {
            break;
        }
    }
    let pages = || parts.iter().flat_map(|part| &part.pages);
    let is_empty =
        |memory: &[u8]| pages().filter(|page| page.memory == memory).all(|page| page.bytes.is_none());
    let empty: Vec<&[u8]> = sizes
        .into_iter()
        .filter(|(memory, bytes)| *bytes >= WORTH_BYTES && is_empty(memory))
        .map(|(memory, _)| memory)
        .collect();
    if !pages().any(|page| empty.contains(&page.memory)) {
        return None;
    }
    let mut thinned = head.to_vec();
    for part in &parts {
        part.write(&mut thinned, number, &empty);
    }
    thinned.extend_from_slice(rest.0);
    Some(thinned)
}

/// How large each memory is, by its name; what of it is in a file of its own is here too.
fn sizes<'a>(rest: &mut Rest<'a>, section: &[u8]) -> Option<HashMap<&'a [u8], u64>> {
    let total = rest.number()?;
    if total & FLAGS != MEMORY_SIZE {
        return None;
    }
    let (mut sizes, mut left) = (HashMap::new(), total & !FLAGS);
    while left > 0 {
        let (memory, bytes) = (rest.name()?, rest.number()?);
        // Where it is, which is told since memory may be in a file of its own.
        rest.number()?;
        left = left.checked_sub(bytes)?;
        sizes.insert(memory, bytes);
    }
    (rest.number()? == END_OF_PART && rest.footer(section)).then_some(sizes)
}

/// A part of the section of memory.
struct Part<'a> {
    kind: u8,
    pages: Vec<Page<'a>>,
}

/// A page, with what is in it; nothing where it is empty.
struct Page<'a> {
    memory: &'a [u8],
    address: u64,
    bytes: Option<&'a [u8]>,
}

impl<'a> Part<'a> {
    fn read(rest: &mut Rest<'a>, section: &[u8]) -> Option<Self> {
        let kind = *rest.take(1)?.first()?;
        if !matches!(kind, PART | END) || rest.take(SECTION_NUMBER_BYTES)? != section {
            return None;
        }
        let (mut pages, mut memory) = (Vec::new(), None);
        loop {
            let head = rest.number()?;
            let (address, flags) = (head & !FLAGS, head & FLAGS);
            if flags == END_OF_PART {
                return rest.footer(section).then_some(Self { kind, pages });
            }
            if flags & CONTINUED == 0 {
                memory = Some(rest.name()?);
            }
            let bytes = match flags & !CONTINUED {
                ZERO if rest.take(1)? == [0] => None,
                PAGE => Some(rest.take(PAGE_BYTES)?),
                _ => return None,
            };
            pages.push(Page { memory: memory?, address, bytes });
        }
    }

    fn write(&self, to: &mut Vec<u8>, section: &[u8], without: &[&[u8]]) {
        to.push(self.kind);
        to.extend_from_slice(section);
        let mut memory = None;
        for page in self.pages.iter().filter(|page| !without.contains(&page.memory)) {
            let continued = if memory == Some(page.memory) { CONTINUED } else { 0 };
            let kind = if page.bytes.is_some() { PAGE } else { ZERO };
            to.extend_from_slice(&(page.address | kind | continued).to_be_bytes());
            if continued == 0 {
                to.extend_from_slice(page.memory);
            }
            to.extend_from_slice(page.bytes.unwrap_or(&[0]));
            memory = Some(page.memory);
        }
        to.extend_from_slice(&END_OF_PART.to_be_bytes());
        to.push(FOOTER);
        to.extend_from_slice(section);
    }
}

/// What is still to be read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_be_bytes)
    }

    /// A name, after its length, with which it is kept.
    fn name(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(*self.0.first()?);
        self.take(1 + length)
    }

    fn footer(&mut self, section: &[u8]) -> bool {
        self.take(1) == Some(&[FOOTER]) && self.take(SECTION_NUMBER_BYTES) == Some(section)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECTION: &[u8] = &[0, 0, 0, 2];
    const FLASH: &[u8] = b"\x0bvirt.flash0";
    const TABLES: &[u8] = b"\x06tables";

    /// A state with these memories, whose sizes are given, and these records in its last part.
    fn state(memories: &[(&[u8], u64)], records: &[&[u8]]) -> Vec<u8> {
        let number = |number: u64| number.to_be_bytes().to_vec();
        let total: u64 = memories.iter().map(|(_, bytes)| bytes).sum();
        let mut pieces: Vec<Vec<u8>> =
            vec![b"QEVM\0\0\0\x03\x07\0\0\0\x04virt\x01".to_vec(), SECTION.to_vec()];
        pieces.extend([RAM.to_vec(), number(total | MEMORY_SIZE)]);
        for (memory, bytes) in memories {
            pieces.extend([memory.to_vec(), number(*bytes), number(0)]);
        }
        let end = [number(END_OF_PART), vec![FOOTER], SECTION.to_vec()].concat();
        pieces.extend([end.clone(), vec![END], SECTION.to_vec()]);
        pieces.extend(records.iter().map(|record| record.to_vec()));
        pieces.extend([end, b"\x04the devices".to_vec()]);
        pieces.concat()
    }

    fn record(address: u64, kind: u64, name: &[u8], bytes: &[u8]) -> Vec<u8> {
        [&(address | kind).to_be_bytes(), name, bytes].concat()
    }

    #[test]
    fn memory_in_which_there_is_nothing_is_left_out() {
        let memories: [(&[u8], u64); 2] = [(FLASH, WORTH_BYTES), (TABLES, 12288)];
        let page = [7; PAGE_BYTES];
        let table = record(0, PAGE, TABLES, &page);
        // An empty page of memory in which there is something may stand for one that was not empty at the start.
        let (hole, named_hole) =
            (record(4096, ZERO | CONTINUED, b"", &[0]), record(4096, ZERO, TABLES, &[0]));
        let (first, second) = (record(0, ZERO, FLASH, &[0]), record(4096, ZERO | CONTINUED, b"", &[0]));
        let full = state(&memories, &[&first, &second, &table, &hole]);
        assert_eq!(thinned(&full), Some(state(&memories, &[&table, &hole])));
        let full = state(&memories, &[&table, &first, &second, &named_hole]);
        assert_eq!(thinned(&full), Some(state(&memories, &[&table, &hole])));
    }

    #[test]
    fn a_state_stays_that_tells_nothing_in_vain_or_is_not_known() {
        let page = [7; PAGE_BYTES];
        let (empty, full) = (record(0, ZERO, FLASH, &[0]), record(4096, PAGE | CONTINUED, b"", &page));
        assert_eq!(thinned(&state(&[(FLASH, WORTH_BYTES)], &[&empty, &full])), None, "something is in it");
        assert_eq!(thinned(&state(&[(FLASH, 4096)], &[&empty])), None, "it is small");
        assert_eq!(thinned(&state(&[(FLASH, WORTH_BYTES)], &[])), None);
        let compressed = record(0, 0x40, FLASH, &[0]);
        assert_eq!(thinned(&state(&[(FLASH, WORTH_BYTES)], &[&compressed])), None);
        let filled = record(0, ZERO, FLASH, &[1]);
        assert_eq!(thinned(&state(&[(FLASH, WORTH_BYTES)], &[&filled])), None);
        let nameless = record(0, ZERO | CONTINUED, b"", &[0]);
        assert_eq!(thinned(&state(&[(FLASH, WORTH_BYTES)], &[&nameless])), None);
        let whole = state(&[(FLASH, WORTH_BYTES)], &[&empty]);
        assert!(thinned(&whole).is_some());
        let end = whole.len() - b"\x04the devices".len();
        for length in 0..end {
            assert_eq!(thinned(&whole[..length]), None, "cut off after {length} bytes");
        }
    }
}
