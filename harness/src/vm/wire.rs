//! What client, server and agent say to each other: frames of a cell's number, a kind, a length and a payload. Numbers are
//! little-endian. The agent has its own copy of this, since it is compiled alone.

use std::io::{self, Read, Write};

/// The most that one frame may hold: a frame of more is no frame of ours.
const PAYLOAD_BYTES_MAX: u32 = 64 << 20;

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) cell: u32,
    pub(super) kind: u8,
    pub(super) payload: Vec<u8>,
}

/// Kinds of frames. Those of the host and those of the guest are told apart by who sends them.
pub(super) mod kind {
    /// To the guest: run this.
    pub(crate) const RUN: u8 = b'R';
    /// To the guest: input; without bytes, its end. From the guest: the input was taken, more may come.
    pub(crate) const INPUT: u8 = b'I';
    /// To the guest: send this signal to all processes of the cell.
    pub(crate) const SIGNAL: u8 = b'S';
    /// To the guest: end this cell.
    pub(crate) const KILL: u8 = b'K';
    /// To the guest: what has changed of the files that it holds.
    pub(crate) const LAYER: u8 = b'L';
    /// To the guest, of a cell that is over: whether its share was asked for nothing, so that its place may be used again.
    pub(crate) const UNASKED: u8 = b'V';
    /// From the guest: the place of this slot, which has a number in the stead of a cell, asks nothing of its share until a
    /// program runs in it. To the guest: its requests are counted, a program may run.
    pub(crate) const READY: u8 = b'Z';
    /// To the guest: show that timers run. From the guest: they do.
    pub(crate) const TIMERS: u8 = b'P';
    /// To the guest: answer. From the guest: it is there.
    pub(crate) const ANSWER: u8 = b'A';
    /// To the guest: the time, and random bytes. From the guest: it has them.
    pub(crate) const SETTLE: u8 = b'T';
    /// From the guest: it is up; the kernel's release.
    pub(crate) const HELLO: u8 = b'H';
    /// From the guest: standard output.
    pub(crate) const STDOUT: u8 = b'O';
    /// From the guest: standard error.
    pub(crate) const STDERR: u8 = b'E';
    /// From the guest: a part of the keeper's report.
    pub(crate) const REPORT: u8 = b'R';
    /// From the guest: nothing more comes of this cell.
    pub(crate) const OVER: u8 = b'X';
    /// From the server: the system is gone, and why; the number is of how many programs ran in it.
    pub(crate) const GONE: u8 = b'G';
}

/// Reads a frame; `None` at the end of the stream.
pub(super) fn read(from: &mut impl Read) -> io::Result<Option<Frame>> {
    let mut head = [0; 9];
    match from.read_exact(&mut head) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let number = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let length = number(5);
    if length > PAYLOAD_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "no frame of ours"));
    }
    let mut payload = vec![0; length as usize];
    from.read_exact(&mut payload)?;
    Ok(Some(Frame { cell: number(0), kind: head[4], payload }))
}

/// Writes a frame in one call.
pub(super) fn write(to: &mut impl Write, cell: u32, kind: u8, payload: &[u8]) -> io::Result<()> {
    let length = u32::try_from(payload.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let mut frame = Vec::with_capacity(payload.len() + 9);
    frame.extend_from_slice(&cell.to_le_bytes());
    frame.push(kind);
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(payload);
    to.write_all(&frame)
}

/// Fields of a payload on the way to the guest.
#[derive(Debug, Default)]
pub(super) struct Fields(pub(super) Vec<u8>);

impl Fields {
    pub(super) fn number(&mut self, number: u64) -> &mut Self {
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn list<'b>(&mut self, list: impl ExactSizeIterator<Item = &'b [u8]>) -> &mut Self {
        self.number(list.len() as u64);
        for bytes in list {
            self.bytes(bytes);
        }
        self
    }
}

/// How a program ended in the guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ended {
    Exited(i32),
    /// By this signal; whether the kernel has killed for want of memory meanwhile.
    Signalled {
        signal: i32,
        out_of_memory: bool,
    },
    /// It was not started: what could not be done, and the error's number.
    NotStarted {
        stage: String,
        errno: i32,
    },
}

/// Something that the program changed below its directories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) kind: u8,
    pub(super) mode: u32,
    pub(super) path: Vec<u8>,
    pub(super) data: Vec<u8>,
}

/// The keeper's report, and whether there was no room left for what the program wrote; `None` where it is not complete, as when the keeper was killed.
pub(super) fn report(bytes: &[u8]) -> Option<(Vec<Change>, Ended, bool)> {
    let mut reader = Reader(bytes);
    let mut changes = Vec::new();
    loop {
        match reader.byte()? {
            b'c' => changes.push(Change {
                kind: reader.byte()?,
                mode: u32::try_from(reader.int()?).ok()?,
                path: reader.bytes()?.to_vec(),
                data: reader.bytes()?.to_vec(),
            }),
            b'x' => {
                let signalled = reader.byte()? == 1;
                let (out_of_memory, is_full) = (reader.byte()? == 1, reader.byte()? == 1);
                let code = reader.int()?;
                let ended = if signalled {
                    Ended::Signalled { signal: code, out_of_memory }
                } else {
                    Ended::Exited(code)
                };
                return Some((changes, ended, is_full));
            }
            b'f' => {
                let errno = reader.int()?;
                let stage = String::from_utf8_lossy(reader.bytes()?).into_owned();
                return Some((changes, Ended::NotStarted { stage, errno }, false));
            }
            _ => return None,
        }
    }
}

/// Reads what [`Fields`] and the guest write.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn int(&mut self) -> Option<i32> {
        self.take(4)?.try_into().ok().map(i32::from_le_bytes)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }

    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let count = self.number()?;
        self.take(usize::try_from(count).ok()?)
    }

    pub(super) fn list(&mut self) -> Option<Vec<&'a [u8]>> {
        (0..self.number()?).map(|_| self.bytes()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_as_they_were() {
        let mut bytes = Vec::new();
        write(&mut bytes, 3, kind::STDOUT, b"abc").unwrap();
        write(&mut bytes, 1, kind::OVER, b"").unwrap();
        let mut from = bytes.as_slice();
        let first = Frame { cell: 3, kind: kind::STDOUT, payload: b"abc".to_vec() };
        assert_eq!(read(&mut from).unwrap(), Some(first));
        assert_eq!(read(&mut from).unwrap().unwrap().kind, kind::OVER);
        assert_eq!(read(&mut from).unwrap(), None);
        assert!(read(&mut [0, 0, 0, 0, b'O', 255, 255, 255, 255].as_slice()).is_err());
    }

    #[test]
    fn a_report_that_was_cut_short_tells_nothing() {
        let mut bytes = vec![b'c', b'r', 0xa4, 0x81, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, b'f'];
        bytes.extend([2, 0, 0, 0, 0, 0, 0, 0, b'h', b'i']);
        assert_eq!(report(&bytes), None);
        bytes.extend([b'x', 1, 0, 1, 9, 0, 0, 0]);
        let (changes, ended, is_full) = report(&bytes).unwrap();
        assert_eq!((changes[0].path.as_slice(), changes[0].data.as_slice()), (&b"f"[..], &b"hi"[..]));
        assert_eq!(changes[0].mode, 0o100_644);
        assert_eq!((ended, is_full), (Ended::Signalled { signal: 9, out_of_memory: false }, true));
        for end in 0..bytes.len() {
            assert_eq!(report(&bytes[..end]), None);
        }
    }
}
