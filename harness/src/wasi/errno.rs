//! The error numbers of WASI preview 1, which are its own, and the host's errors translated to them.

use rustix::io::Errno as Host;

/// An error number as the guest sees it. `0`, success, is never one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Errno(pub(super) u16);

impl Errno {
    pub(super) const BADF: Self = Self(8);
    pub(super) const FAULT: Self = Self(21);
    pub(super) const INVAL: Self = Self(28);
    pub(super) const IO: Self = Self(29);
    pub(super) const NOSYS: Self = Self(52);
    pub(super) const NOTSOCK: Self = Self(57);
    pub(super) const OVERFLOW: Self = Self(61);
}

/// Host errors and their numbers in the specification. Whatever is not among them becomes an I/O error.
const NUMBERS: [(Host, u16); 60] = [
    (Host::TOOBIG, 1),
    (Host::ACCESS, 2),
    (Host::ADDRINUSE, 3),
    (Host::ADDRNOTAVAIL, 4),
    (Host::AFNOSUPPORT, 5),
    (Host::AGAIN, 6),
    (Host::ALREADY, 7),
    (Host::BADF, 8),
    (Host::BADMSG, 9),
    (Host::BUSY, 10),
    (Host::CANCELED, 11),
    (Host::CHILD, 12),
    (Host::CONNABORTED, 13),
    (Host::CONNREFUSED, 14),
    (Host::CONNRESET, 15),
    (Host::DEADLK, 16),
    (Host::DOM, 18),
    (Host::DQUOT, 19),
    (Host::EXIST, 20),
    (Host::FAULT, 21),
    (Host::FBIG, 22),
    (Host::HOSTUNREACH, 23),
    (Host::IDRM, 24),
    (Host::ILSEQ, 25),
    (Host::INPROGRESS, 26),
    (Host::INTR, 27),
    (Host::INVAL, 28),
    (Host::IO, 29),
    (Host::ISDIR, 31),
    (Host::LOOP, 32),
    (Host::MFILE, 33),
    (Host::MLINK, 34),
    (Host::NAMETOOLONG, 37),
    (Host::NFILE, 41),
    (Host::NOBUFS, 42),
    (Host::NODEV, 43),
    (Host::NOENT, 44),
    (Host::NOEXEC, 45),
    (Host::NOLCK, 46),
    (Host::NOMEM, 48),
    (Host::NOSPC, 51),
    (Host::NOSYS, 52),
    (Host::NOTCONN, 53),
    (Host::NOTDIR, 54),
    (Host::NOTEMPTY, 55),
    (Host::NOTSOCK, 57),
    (Host::NOTSUP, 58),
    (Host::NOTTY, 59),
    (Host::NXIO, 60),
    (Host::OVERFLOW, 61),
    (Host::PERM, 63),
    (Host::PIPE, 64),
    (Host::RANGE, 68),
    (Host::ROFS, 69),
    (Host::SPIPE, 70),
    (Host::SRCH, 71),
    (Host::STALE, 72),
    (Host::TIMEDOUT, 73),
    (Host::TXTBSY, 74),
    (Host::XDEV, 75),
];

impl From<Host> for Errno {
    fn from(error: Host) -> Self {
        NUMBERS.iter().find(|(host, _)| *host == error).map_or(Self::IO, |(_, number)| Self(*number))
    }
}

impl From<std::io::Error> for Errno {
    fn from(error: std::io::Error) -> Self {
        Host::from_io_error(&error).map_or(Self::IO, Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_errors_keep_their_meaning() {
        assert_eq!(Errno::from(Host::NOENT), Errno(44));
        assert_eq!(Errno::from(Host::BADF), Errno::BADF);
        assert_eq!(Errno::from(std::io::Error::from_raw_os_error(Host::ISDIR.raw_os_error())), Errno(31));
        assert_eq!(Errno::from(Host::NOTBLK), Errno::IO);
    }

    #[test]
    fn no_number_stands_for_two_errors() {
        for (index, (host, number)) in NUMBERS.iter().enumerate() {
            assert!(!NUMBERS[..index].iter().any(|(other, _)| other == host), "{host:?}");
            assert!(!NUMBERS[..index].iter().any(|(_, other)| other == number), "{host:?}");
        }
    }
}
