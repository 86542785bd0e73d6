//! A list of names taken out of a program: libraries, modules, directories.
//!
//! Names may overlap in the file, so the budget of what is *read* does not limit how much a list could hold: a
//! thousand entries may all point at one long string. The list therefore has limits of its own.

use super::HEADER_BYTES_MAX;

/// The most names in one list. Of 3000 ELF files on a Debian 12 none needs more than 21 libraries, of 2200 PE
/// files none imports more than 22.
const NAMES_MAX: usize = 512;

/// Names in the order of the file, and whether they are all.
#[derive(Debug)]
pub(super) struct Names {
    list: Vec<String>,
    bytes_left: u64,
    complete: bool,
}

impl Names {
    /// An empty list, complete until something is missed.
    pub(super) fn new() -> Self {
        Self { list: Vec::new(), bytes_left: HEADER_BYTES_MAX, complete: true }
    }

    /// Adds a name, or notes that one is missing. Bytes that are no UTF-8 are replaced: such a name cannot be
    /// found, and the message about it shows where it is odd.
    pub(super) fn push(&mut self, name: Option<&[u8]>) {
        let Some(name) = name else { return self.miss() };
        let Some(bytes_left) = self.bytes_left.checked_sub(name.len() as u64) else { return self.miss() };
        if self.list.len() == NAMES_MAX {
            return self.miss();
        }
        self.bytes_left = bytes_left;
        self.list.push(String::from_utf8_lossy(name).into_owned());
    }

    /// As [`push`](Self::push), but a name that is already there is not added again.
    pub(super) fn push_new(&mut self, name: &[u8]) {
        if !self.list.iter().any(|known| known.as_bytes() == name) {
            self.push(Some(name));
        }
    }

    /// Notes that there is more than the list will hold.
    pub(super) fn miss(&mut self) {
        self.complete = false;
    }

    /// Whether nothing was missed so far.
    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    /// The names.
    pub(super) fn into_list(self) -> Vec<String> {
        self.list
    }
}
