//! The guest's file descriptors.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};

use super::errno::Errno;

/// One open file or directory.
#[derive(Debug)]
pub(super) struct Descriptor {
    /// The host's file. Also for directories and streams: what differs is asked of the kernel at every call.
    pub(super) file: File,
    /// The name under which the guest was given this directory at the start.
    pub(super) preopen: Option<OsString>,
    /// What a directory held when reading of it began, so that the guest's position in it stays valid.
    pub(super) listing: Option<Vec<Entry>>,
}

/// One name in a directory.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: Vec<u8>,
    pub(super) inode: u64,
    pub(super) filetype: u8,
}

impl Descriptor {
    pub(super) fn new(file: File) -> Self {
        Self { file, preopen: None, listing: None }
    }
}

/// All that are open, by number.
#[derive(Debug, Default)]
pub(super) struct Table(BTreeMap<u32, Descriptor>);

impl Table {
    /// Opens `descriptor` under the lowest free number, as POSIX wants it.
    pub(super) fn insert(&mut self, descriptor: Descriptor) -> Result<u32, Errno> {
        let taken = self.0.keys().zip(0_u32..).take_while(|(number, index)| *number == index).count();
        let number = u32::try_from(taken).map_err(|_| Errno::OVERFLOW)?;
        self.0.insert(number, descriptor);
        Ok(number)
    }

    pub(super) fn set(&mut self, number: u32, descriptor: Descriptor) {
        self.0.insert(number, descriptor);
    }

    pub(super) fn get(&self, number: u32) -> Result<&Descriptor, Errno> {
        self.0.get(&number).ok_or(Errno::BADF)
    }

    pub(super) fn get_mut(&mut self, number: u32) -> Result<&mut Descriptor, Errno> {
        self.0.get_mut(&number).ok_or(Errno::BADF)
    }

    pub(super) fn remove(&mut self, number: u32) -> Result<Descriptor, Errno> {
        self.0.remove(&number).ok_or(Errno::BADF)
    }

    pub(super) fn file(&self, number: u32) -> Result<&File, Errno> {
        self.get(number).map(|descriptor| &descriptor.file)
    }

    pub(super) fn fd(&self, number: u32) -> Result<BorrowedFd<'_>, Errno> {
        self.file(number).map(AsFd::as_fd)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_free_number_is_taken() {
        let open = || Descriptor::new(File::open("/").unwrap());
        let mut table = Table::default();
        for expected in 0..4 {
            assert_eq!(table.insert(open()), Ok(expected));
        }
        table.remove(1).unwrap();
        assert_eq!(table.insert(open()), Ok(1));
        assert_eq!(table.insert(open()), Ok(4));
        assert_eq!(table.remove(9).map(|_| ()), Err(Errno::BADF));
    }
}
