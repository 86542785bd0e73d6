//! `#!` lines, read as the kernel reads them (`fs/binfmt_script.c`).
//!
//! The kernel looks at the first 256 bytes only, padded with NULs. A longer argument is cut silently, but an
//! interpreter that might be cut is refused. Only blanks and tabs separate: a carriage return before the line
//! feed belongs to the interpreter's name, which is why a script with Windows line ends "does not exist".

use super::excerpt::Excerpt;
use super::{Script, UnreadableBinary, damaged};

/// `BINPRM_BUF_SIZE`: what the kernel reads of a program before it knows the format.
const LINE_BYTES_MAX: usize = 256;

/// Reads the `#!` line that `excerpt` starts with.
pub(super) fn parse(excerpt: &Excerpt<'_>) -> Result<Script, UnreadableBinary> {
    let mut buffer = [0; LINE_BYTES_MAX];
    let start = excerpt.start(LINE_BYTES_MAX as u64);
    buffer[..start.len()].copy_from_slice(start);
    let line = trim_blanks_end(trim_blanks_start(line(&buffer).map_err(|detail| damaged("script", detail))?));
    let name_len = line.iter().position(|&byte| is_terminator(byte)).unwrap_or(line.len());
    let (name, rest) = line.split_at(name_len);
    if name.is_empty() {
        return Err(damaged("script", "no interpreter after `#!`"));
    }
    // A NUL ends the whole line for the kernel, which handles it as a C string.
    let argument = rest.first().filter(|&&byte| is_blank(byte)).map(|_| until_nul(trim_blanks_start(rest)));
    Ok(Script { interpreter: text(name), argument: argument.map(text) })
}

/// What the kernel takes for the line: up to the line feed, or else the whole buffer but its last byte.
fn line(buffer: &[u8; LINE_BYTES_MAX]) -> Result<&[u8], &'static str> {
    // The search for the line feed ends at a NUL, so that one behind it does not count.
    if let Some(end) = until_nul(buffer).iter().position(|&byte| byte == b'\n') {
        return Ok(&buffer[2..end]);
    }
    let name = trim_blanks_start(&buffer[2..]);
    if !name.is_empty() && !name.iter().any(|&byte| is_terminator(byte)) {
        return Err("the interpreter's path is cut off after 256 bytes");
    }
    Ok(&buffer[2..LINE_BYTES_MAX - 1])
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

fn is_terminator(byte: u8) -> bool {
    is_blank(byte) || byte == 0
}

fn trim_blanks_start(bytes: &[u8]) -> &[u8] {
    let blanks = bytes.iter().take_while(|&&byte| is_blank(byte)).count();
    &bytes[blanks..]
}

fn trim_blanks_end(bytes: &[u8]) -> &[u8] {
    let blanks = bytes.iter().rev().take_while(|&&byte| is_blank(byte)).count();
    &bytes[..bytes.len() - blanks]
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
