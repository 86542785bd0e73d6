//! What a panic's or an abort's text says of its cause.

use super::cause::{Cause, Class};
use super::tokens::{Lines, integer, parts};
use super::values::{self, Sides, numbers};

/// Whether a text tells of a Rust panic.
pub(super) fn has_panicked(text: &str) -> bool {
    text.contains("panicked at ")
}

/// The cause of a panic that native does not have.
pub(super) fn cause(text: &str, sides: &Sides<'_>) -> Option<Cause> {
    /// What std's panics say where a number does not fit a word, with the class and the sentence for a narrower one.
    const WORDS: &[(&str, Class, &str)] = &[
        (
            "with overflow",
            Class::Overflow,
            "arithmetic overflows: `usize` has 32 bits on the target; use `u64` or `checked_` operations",
        ),
        (
            "TryFromIntError",
            Class::PointerWidth,
            "a number does not fit: `usize` has 32 bits on the target; use a type of stated width",
        ),
        (
            "out of range integral type",
            Class::PointerWidth,
            "a number does not fit: `usize` has 32 bits on the target; use a type of stated width",
        ),
        (
            "capacity overflow",
            Class::Overflow,
            "more is allocated than the target can address: `usize` has 32 bits there",
        ),
        (
            "LayoutError",
            Class::Overflow,
            "more is allocated than the target can address: `usize` has 32 bits there",
        ),
    ];
    if let Some(cause) = assertion(text, sides) {
        return Some(cause);
    }
    let narrower = sides.target.pointer_bits < sides.native.pointer_bits;
    let word = WORDS.iter().find(|(word, ..)| narrower && text.contains(word));
    word.map(|(_, class, sentence)| Cause::new(*class, *sentence)).or_else(|| reversed_number(text, sides))
}

/// The two values of a failed `assert_eq!`: natively they are equal, so one of them is the native value; which one is
/// not said, so both ways are tried.
fn assertion(text: &str, sides: &Sides<'_>) -> Option<Cause> {
    let after = |label: &str| {
        let start = text.find(label)? + label.len();
        text[start..].lines().next().map(str::trim)
    };
    let (left, right) = (after("  left: ")?, after(" right: ")?);
    values::cause(&[Lines { native: right, target: left }], sides)
        .or_else(|| values::cause(&[Lines { native: left, target: right }], sides))
}

/// A huge number that is a small one with its bytes reversed: a length or an index read in the wrong order.
pub(super) fn reversed_number(text: &str, sides: &Sides<'_>) -> Option<Cause> {
    /// What is larger is no likely length.
    const SMALL_MAX: u64 = 0xffff;
    if sides.native.endian == sides.target.endian {
        return None;
    }
    let reversed = |value: i128| {
        let value = u64::try_from(value).ok()?;
        let small = match u32::try_from(value) {
            Ok(narrow) => narrow.swap_bytes().into(),
            Err(_) => value.swap_bytes(),
        };
        (value > SMALL_MAX * SMALL_MAX / 256 && (1..=SMALL_MAX).contains(&small)).then_some(())
    };
    parts(text).find_map(|part| reversed(integer(part)?)).map(|()| numbers::byte_order_cause(sides))
}
