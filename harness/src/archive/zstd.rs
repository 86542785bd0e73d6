//! Zstandard, in pure Rust: the program is published static, and must be buildable where no C compiler is.

use std::io::{self, BufRead, Read, Write};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use ruzstd::encoding::{CompressionLevel, compress as encode};

/// Compresses everything that `from` gives.
///
/// # Errors
/// What reading or writing came to.
pub(super) fn compress(from: impl Read, mut to: impl Write) -> io::Result<()> {
    let (mut read, mut written) = (None, None);
    // The encoder panics on an error of either side, and a full disk is no panic: it is kept, and told afterwards.
    encode(
        Reading { from, failed: &mut read },
        Writing { to: &mut to, failed: &mut written },
        CompressionLevel::Fastest,
    );
    read.or(written).map_or_else(|| to.flush(), Err)
}

struct Reading<'a, R> {
    from: R,
    failed: &'a mut Option<io::Error>,
}

impl<R: Read> Read for Reading<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.from.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failed.get_or_insert(error);
                    return Ok(0);
                }
                read => return read,
            }
        }
    }
}

struct Writing<'a, W> {
    to: W,
    failed: &'a mut Option<io::Error>,
}

impl<W: Write> Write for Writing<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failed.is_none()
            && let Err(error) = self.to.write_all(bytes)
        {
            self.failed.get_or_insert(error);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a file of frames holds, one after the other. Its end is the end of a whole frame: a file that is cut short is an
/// error.
pub(super) struct Frames<R> {
    source: R,
    decoder: FrameDecoder,
    within: bool,
    /// Whether there was a frame at all.
    any: bool,
}

impl<R: BufRead> Frames<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, decoder: FrameDecoder::new(), within: false, any: false }
    }

    /// Goes to the next frame; `false` at the end.
    fn next(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.source) {
                Ok(()) => {
                    (self.within, self.any) = (true, true);
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    io::copy(&mut (&mut self.source).take(length.into()), &mut io::sink())?;
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        if self.any { Ok(false) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    /// What the frame's own checksum says of it, where it has one.
    fn check(&self) -> io::Result<()> {
        match (self.decoder.get_checksum_from_data(), self.decoder.get_calculated_checksum()) {
            (Some(told), Some(found)) if told != found => {
                Err(io::Error::new(io::ErrorKind::InvalidData, "its checksum does not fit what it holds"))
            }
            _ => Ok(()),
        }
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while self.within || self.next()? {
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let strategy = BlockDecodingStrategy::UptoBlocks(1);
                self.decoder.decode_blocks(&mut self.source, strategy).map_err(io::Error::other)?;
            }
            let read = self.decoder.read(buffer)?;
            if read > 0 {
                return Ok(read);
            }
            self.check()?;
            self.within = false;
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compressed(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        compress(bytes, &mut out).unwrap();
        out
    }

    fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        Frames::new(bytes).read_to_end(&mut out).map(|_| out)
    }

    #[test]
    fn frames_stand_one_after_the_other_and_some_are_skipped() {
        let mut file = compressed(b"one ");
        file.extend([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
        file.extend(compressed(b"two"));
        assert_eq!(read(&file).unwrap(), b"one two");
    }

    #[test]
    fn what_is_cut_short_or_changed_is_an_error() {
        let text: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        let whole = compressed(&text);
        assert_eq!(read(&whole).unwrap(), text);
        for length in [0, 3, 9, whole.len() / 2, whole.len() - 1] {
            assert!(read(&whole[..length]).is_err(), "{length} of {}", whole.len());
        }
        assert!(read(b"no frame at all").is_err());
        let mut changed = whole;
        let last = changed.len() - 1;
        changed[last] ^= 1;
        assert!(read(&changed).is_err(), "the checksum");
    }

    #[test]
    fn an_error_of_either_side_is_told_and_no_panic() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("broken"))
            }
        }
        impl Write for Broken {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::Error::other("full"))
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        assert_eq!(compress(Broken, Vec::new()).unwrap_err().to_string(), "broken");
        assert_eq!(compress(&b"x"[..], Broken).unwrap_err().to_string(), "full");
    }
}
