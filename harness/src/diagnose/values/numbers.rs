//! Recognisers of numbers.

use triplecheck_emulators::machine::LongDouble;
use triplecheck_emulators::target::Endian;

use super::Sides;
use crate::diagnose::abi::{FloatLimit, long_double_digits};
use crate::diagnose::cause::{Cause, Class};
use crate::diagnose::tokens::{
    Lines, Pair, decimal_bytes, dumped_bytes, hex_bytes, integer, reversed_in_groups,
};

/// Words beside which a small number is a size or a place in memory.
const SIZES: &[&str] = &["size", "byte", "align", "offset", "field", "record", "struct", "layout", "stride"];
/// Words beside which a number is a moment.
const TIMES: &[&str] = &["time", "second", "date", "epoch", "clock", "year", "expire", "stamp", "20"];

fn integers(pair: Pair<'_>) -> Option<(i128, i128)> {
    Some((integer(pair.native)?, integer(pair.target)?))
}

/// The sentence on byte order, with a hint at what to write instead.
pub(in crate::diagnose) fn byte_order_cause(sides: &Sides<'_>) -> Cause {
    let order = |endian: Endian| format!("{}-endian", endian.name());
    let sentence = format!(
        "the target's value is the native one with its bytes reversed (native is {}, the target {}); \
         fix the order with `to_le_bytes`, `htole32` or shifts",
        order(sides.native.endian),
        order(sides.target.endian)
    );
    Cause::new(Class::ByteOrder, sentence)
}

fn orders_differ(sides: &Sides<'_>) -> bool {
    sides.native.endian != sides.target.endian
}

/// A dump of bytes, or a list of decimal ones, in which numbers are reversed.
pub(super) fn bytes_reversed(line: Lines<'_>, sides: &Sides<'_>) -> Option<Cause> {
    if !orders_differ(sides) {
        return None;
    }
    let fits = |read: fn(&str) -> Vec<u8>, widths: &[usize]| {
        reversed_in_groups(&read(line.native), &read(line.target), widths)
    };
    let bracketed = line.native.contains('[');
    let decimal: &[usize] = if bracketed { &[2, 4, 8, 16] } else { &[4, 8, 16] };
    (fits(dumped_bytes, &[2, 4, 8, 16]) || fits(decimal_bytes, decimal)).then(|| byte_order_cause(sides))
}

/// Hex digits, an integer or a float whose bytes are reversed, inside a longer number too.
pub(super) fn byte_order(pair: Pair<'_>, _line: Lines<'_>, sides: &Sides<'_>) -> Option<Cause> {
    if !orders_differ(sides) {
        return None;
    }
    let hex = hex_bytes(pair.native).zip(hex_bytes(pair.target));
    let hex = hex.is_some_and(|(native, target)| reversed_in_groups(&native, &target, &[2, 4, 8, 16]));
    let fits = hex || whole(pair) || float(pair);
    fits.then(|| byte_order_cause(sides))
}

fn whole(pair: Pair<'_>) -> bool {
    let Some((native, target)) = integers(pair) else { return false };
    [2u32, 4, 8].into_iter().any(|bytes| {
        let bits = bytes * 8;
        let in_range = |value: i128| value >= -(1 << (bits - 1)) && value < 1 << bits;
        let low = |value: i128| u64::try_from(value & ((1 << bits) - 1)).unwrap_or(0);
        in_range(native) && in_range(target) && low(native).swap_bytes() >> (64 - bits) == low(target)
    })
}

fn float(pair: Pair<'_>) -> bool {
    let is_float = |text: &str| text.contains(['.', 'e']);
    if !is_float(pair.native) && !is_float(pair.target) {
        return false;
    }
    let doubles = || Some((pair.native.parse::<f64>().ok()?, pair.target.parse::<f64>().ok()?));
    let singles = || Some((pair.native.parse::<f32>().ok()?, pair.target.parse::<f32>().ok()?));
    doubles().is_some_and(|(native, target)| native.to_bits().swap_bytes() == target.to_bits())
        || singles().is_some_and(|(native, target)| native.to_bits().swap_bytes() == target.to_bits())
}

fn char_cause(sides: &Sides<'_>) -> Option<Cause> {
    let (native, target) = (sides.native.char_signed?, sides.target.char_signed?);
    let word = |signed: bool| if signed { "signed" } else { "unsigned" };
    (native != target).then(|| {
        let sentence = format!(
            "plain `char` is {} on the target and {} natively; write `signed char` or `unsigned char`",
            word(target),
            word(native)
        );
        Cause::new(Class::CharSign, sentence)
    })
}

/// One byte, read with and without a sign.
pub(super) fn char_sign(pair: Pair<'_>, _line: Lines<'_>, sides: &Sides<'_>) -> Option<Cause> {
    let cause = char_cause(sides)?;
    if sign_extended(pair, sides.native.char_signed?) {
        return Some(cause);
    }
    let (native, target) = integers(pair)?;
    let (signed, unsigned) = if sides.native.char_signed? { (native, target) } else { (target, native) };
    // The same byte, or the same byte widened to 32 or 64 bits and printed without a sign.
    let widened = |bits: u32| signed == (1 << bits) - 256 + unsigned;
    ((128..256).contains(&unsigned) && (signed == unsigned - 256 || widened(32) || widened(64)))
        .then_some(cause)
}

/// A byte in hex, behind the `f`s of its sign on one side.
fn sign_extended(pair: Pair<'_>, native_signed: bool) -> bool {
    let (signed, unsigned) =
        if native_signed { (pair.native, pair.target) } else { (pair.target, pair.native) };
    let digits = |text: &'_ str| text.strip_prefix("0x").unwrap_or(text).to_ascii_lowercase();
    let (signed, unsigned) = (digits(signed), digits(unsigned));
    let negative = matches!(unsigned.as_bytes(), [b'8'..=b'9' | b'a'..=b'f', low] if low.is_ascii_hexdigit());
    let sign = signed.strip_suffix(&unsigned).unwrap_or_default();
    negative && matches!(sign.len(), 6 | 14) && sign.bytes().all(|digit| digit == b'f')
}

/// A sum of bytes: each that is above 127 counts 256 more where `char` is unsigned.
pub(super) fn chars_summed(pair: Pair<'_>, _line: Lines<'_>, sides: &Sides<'_>) -> Option<Cause> {
    /// So many bytes above 127 may be in one sum.
    const BYTES_MAX: i128 = 4096;
    let cause = char_cause(sides)?;
    let (native, target) = integers(pair)?;
    let more = if sides.native.char_signed? { target - native } else { native - target };
    (more > 0 && more % 256 == 0 && more / 256 <= BYTES_MAX).then_some(cause)
}

/// Two NaNs, as bits.
pub(super) fn nan(pair: Pair<'_>, _line: Lines<'_>, _sides: &Sides<'_>) -> Option<Cause> {
    let bits = |text: &str| {
        let digits = text.strip_prefix("0x").unwrap_or(text);
        let value = u64::from_str_radix(digits, 16).ok()?;
        match digits.len() {
            8 => Some(f32::from_bits(u32::try_from(value).ok()?).is_nan()),
            16 => Some(f64::from_bits(value).is_nan()),
            _ => None,
        }
    };
    let text = |text: &str| {
        let text = text.trim_start_matches(['-', '+']).to_ascii_lowercase();
        matches!(text.trim_end_matches('0'), "nan" | "1.#ind" | "1.#qnan" | "1.#snan")
    };
    let is_nan = |value: &str| text(value) || bits(value) == Some(true);
    (is_nan(pair.native) && is_nan(pair.target)).then(|| {
        let sentence = "sign or payload of a NaN, which IEEE 754 leaves to the processor; \
                        compare with `is_nan`, or make it canonical before printing";
        Cause::new(Class::Nan, sentence)
    })
}

/// Facts of `long double`, or its digits beyond those of a `double`.
pub(super) fn long_double(pair: Pair<'_>, line: Lines<'_>, sides: &Sides<'_>) -> Option<Cause> {
    /// Digits that a `double` has for certain: two formats of `long double` agree on them.
    const DOUBLE_DIGITS: usize = 15;
    let (native, target) = (sides.native.long_double?, sides.target.long_double?);
    if native == target && sides.native.long_double_bytes == sides.target.long_double_bytes {
        return None;
    }
    let digits = || {
        let pairs = long_double_digits(native).into_iter().zip(long_double_digits(target));
        pairs.filter(|(left, right)| left != right).any(|facts| integers(pair) == Some(facts))
    };
    let bytes = || {
        let facts = (sides.native.long_double_bytes?.into(), sides.target.long_double_bytes?.into());
        Some(line.speaks_of(&["long double", "long-double", "ldbl"]) && integers(pair) == Some(facts))
    };
    let tail = || {
        let significant = |text: &str| {
            let digits = text.bytes().filter(u8::is_ascii_digit).skip_while(|digit| *digit == b'0');
            text.contains('.').then(|| digits.collect::<Vec<u8>>())
        };
        let (left, right) = (significant(pair.native)?, significant(pair.target)?);
        let common = left.iter().zip(&right).take_while(|(left, right)| left == right).count();
        Some(left.len().min(right.len()) > DOUBLE_DIGITS + 2 && common >= DOUBLE_DIGITS)
    };
    (digits() || bytes() == Some(true) || (native != target && tail() == Some(true))).then(|| {
        let name = |format: LongDouble| match format {
            LongDouble::Binary64 => "a plain double",
            LongDouble::X87 => "x87's 80 bits",
            LongDouble::Binary128 => "IEEE's 128 bits",
            LongDouble::DoubleDouble => "a pair of doubles",
        };
        let sentence = format!(
            "`long double` is {} on the target and {} natively; use `double`, or round before printing",
            name(target),
            name(native)
        );
        Cause::new(Class::LongDouble, sentence)
    })
}

/// The two page sizes.
pub(super) fn page_size(pair: Pair<'_>, _line: Lines<'_>, sides: &Sides<'_>) -> Option<Cause> {
    let (native, target) = (sides.native.page_bytes?, sides.target.page_bytes?);
    let fits = native != target && integers(pair)? == (native.into(), target.into());
    fits.then(|| {
        let sentence =
            format!("a page has {target} bytes on the target and {native} natively; ask `sysconf` for it");
        Cause::new(Class::PageSize, sentence)
    })
}

/// The size of `wchar_t`, or a character beyond 16 bits as its first surrogate.
pub(super) fn wide_character(pair: Pair<'_>, _line: Lines<'_>, sides: &Sides<'_>) -> Option<Cause> {
    let (native, target) = (sides.native.wchar_bytes, sides.target.wchar_bytes);
    let size = integers(pair) == Some((native.into(), target.into()));
    let surrogate = || {
        let value = |text: &str| u32::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok();
        let character = char::from_u32(value(pair.native)?)?;
        let mut units = [0; 2];
        Some(
            character.len_utf16() == 2
                && u32::from(character.encode_utf16(&mut units)[0]) == value(pair.target)?,
        )
    };
    (native != target && (size || surrogate() == Some(true))).then(|| {
        let sentence = format!(
            "`wchar_t` has {target} bytes on the target and {native} natively; use `char32_t` or UTF-8"
        );
        Cause::new(Class::WideCharacter, sentence)
    })
}

/// A moment after January 2038 that became one before 1970, as seconds or as a year.
pub(super) fn time_width(pair: Pair<'_>, line: Lines<'_>, sides: &Sides<'_>) -> Option<Cause> {
    if (sides.native.time_bits, sides.target.time_bits) != (64, 32) || !line.speaks_of(TIMES) {
        return None;
    }
    let (native, target) = integers(pair)?;
    let beyond = native > i128::from(i32::MAX);
    let seconds = beyond && (target == wrapped(native, 32) && target < 0 || target == -1);
    // 2^32 seconds are 136.1 years.
    let year = (2038..2107).contains(&native) && matches!(native - target, 136 | 137);
    (seconds || year).then(|| {
        let sentence = "`time_t` has 32 bits on the target and ends in January 2038; \
                        build with `-D_TIME_BITS=64 -D_FILE_OFFSET_BITS=64`, or count in 64 bits";
        Cause::new(Class::TimeWidth, sentence)
    })
}

/// `value` cut to `bits` and read with a sign.
fn wrapped(value: i128, bits: u32) -> i128 {
    let low = value & ((1 << bits) - 1);
    if low >> (bits - 1) == 1 { low - (1 << bits) } else { low }
}

/// What the two machines make of a float that does not fit.
pub(super) fn float_conversion(pair: Pair<'_>, _line: Lines<'_>, sides: &Sides<'_>) -> Option<Cause> {
    /// What conversions to integers of one width give: the smallest also without its sign.
    const LIMITS: [[i128; 5]; 2] = [
        [i32::MIN as i128, i32::MAX as i128, u32::MAX as i128, 1 << 31, 0],
        [i64::MIN as i128, i64::MAX as i128, u64::MAX as i128, 1 << 63, 0],
    ];
    if sides.native.float_limit == sides.target.float_limit {
        return None;
    }
    let (native, target) = integers(pair)?;
    let fits = LIMITS.iter().any(|limits| limits.contains(&native) && limits.contains(&target));
    fits.then(|| {
        let word = |limit: FloatLimit| match limit {
            FloatLimit::Smallest => "the smallest integer",
            FloatLimit::Nearest => "the nearest integer",
            FloatLimit::Largest => "the largest integer",
        };
        let sentence = format!(
            "a float that does not fit the integer is converted, which C leaves undefined: {} natively, {} on \
             the target; check the range first",
            word(sides.native.float_limit),
            word(sides.target.float_limit)
        );
        Cause::new(Class::FloatConversion, sentence)
    })
}

/// The class and the sentence for what has 32 bits on the target and 64 natively.
fn narrower(sides: &Sides<'_>) -> Option<Cause> {
    let (native, target) = (sides.native, sides.target);
    if target.pointer_bits == 32 && native.pointer_bits == 64 {
        let sentence = "`usize`, pointers and C's `long` and `size_t` have 32 bits on the target; use a type of \
                        stated width";
        return Some(Cause::new(Class::PointerWidth, sentence));
    }
    (target.long_bits == 32 && native.long_bits == 64).then(|| {
        let sentence = "C's `long` has 32 bits on Windows, 64-bit Windows too; use `int64_t` or `long long`";
        Cause::new(Class::LongWidth, sentence)
    })
}

/// A number of which the target kept the lower bits, also after a division by a power of two.
pub(super) fn truncation(pair: Pair<'_>, _line: Lines<'_>, sides: &Sides<'_>) -> Option<Cause> {
    /// Fewer bits than these agree by accident.
    const BITS_MIN: u32 = 16;
    let cause = narrower(sides)?;
    let (native, target) = wide_integers(pair)?;
    let kept = |bits: u32| {
        let low = native.rem_euclid(1 << bits);
        !(0..1 << bits).contains(&native) && (low == target || wrapped(native, bits) == target)
    };
    (BITS_MIN..=32).any(kept).then_some(cause)
}

/// Integers in decimal or in hex with or without `0x`, where both sides have the same form.
fn wide_integers(pair: Pair<'_>) -> Option<(i128, i128)> {
    let hex = |text: &str| {
        let fits = text.len() >= 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if fits { u128::from_str_radix(text, 16).ok()?.try_into().ok() } else { None }
    };
    integers(pair).or_else(|| Some((hex(pair.native)?, hex(pair.target)?)))
}

/// The size of a word in bytes or bits, and the limits of one.
pub(super) fn width(pair: Pair<'_>, _line: Lines<'_>, sides: &Sides<'_>) -> Option<Cause> {
    const LIMITS: [(i128, i128); 2] =
        [(i64::MAX as i128, i32::MAX as i128), (i64::MIN as i128, i32::MIN as i128)];
    let cause = narrower(sides)?;
    let values = integers(pair)?;
    (matches!(values, (8, 4) | (64, 32)) || LIMITS.contains(&values)).then_some(cause)
}

/// Sizes and offsets that fit two words becoming narrower, but other layouts as well.
pub(super) fn size_of_words(pair: Pair<'_>, line: Lines<'_>, sides: &Sides<'_>) -> Option<Cause> {
    let cause = narrower(sides)?;
    let (native, target) = integers(pair)?;
    let narrowed = native > target && native - target <= native / 2 && (native - target) % 4 == 0;
    (line.speaks_of(SIZES) && native <= SIZE_MAX && narrowed).then_some(cause)
}

/// Structures larger than this are not recognised by their sizes.
const SIZE_MAX: i128 = 4096;

/// Sizes and offsets of one structure, all of them smaller where a member is aligned to less. Half of everything is a
/// structure of words, which [`width`] recognises.
pub(super) fn layout(line: Lines<'_>, sides: &Sides<'_>) -> Option<Cause> {
    let (native, target) = (sides.native, sides.target);
    let member = if target.u64_align < native.u64_align {
        ("a 64-bit", target.u64_align, native.u64_align)
    } else if target.u128_align < native.u128_align {
        ("a 128-bit", target.u128_align, native.u128_align)
    } else {
        return None;
    };
    if !line.speaks_of(SIZES) {
        return None;
    }
    let values: Option<Vec<(i128, i128)>> = line.parts().into_iter().map(integers).collect();
    let values = values.filter(|values| !values.is_empty())?;
    let step = i128::from(member.1);
    let smaller = |&(native, target): &(i128, i128)| {
        native <= SIZE_MAX && target > 0 && native > target && (native - target) % step == 0
    };
    let halves = |&(native, target): &(i128, i128)| native == 2 * target;
    let words = target.pointer_bits < native.pointer_bits && values.iter().all(halves);
    // Few structures have a 128-bit member, so the alignment itself must be among the values.
    let says_so = target.u64_align < native.u64_align || values.contains(&(16, 8));
    (values.iter().all(smaller) && !words && says_so).then(|| {
        let sentence = format!(
            "{} member of a structure is aligned to {} on the target and to {} natively, so its layout is no \
             file format; write the fields one by one",
            member.0, member.1, member.2
        );
        Cause::new(Class::Layout, sentence)
    })
}

/// Floats that differ in their last digits, where the two sides round differently.
pub(super) fn float_rounding(pair: Pair<'_>, _line: Lines<'_>, sides: &Sides<'_>) -> Option<Cause> {
    /// Fewer digits than these are no last digits of a float.
    const DIGITS_MIN: usize = 6;
    /// How far apart rounding may bring two results, in units of the last place.
    const ULPS_MAX: u64 = 64;
    let digits = |text: &str| text.bytes().filter(u8::is_ascii_digit).count();
    if !pair.native.contains('.') || digits(pair.native) < DIGITS_MIN {
        return None;
    }
    let near = |left: u64, right: u64| left.abs_diff(right) <= ULPS_MAX;
    let doubles = (pair.native.parse::<f64>().ok()?, pair.target.parse::<f64>().ok()?);
    let singles = (pair.native.parse::<f32>().ok()?, pair.target.parse::<f32>().ok()?);
    // A shorter text stands for a `float`, whose units are larger.
    let fits = if digits(pair.native) > 9 {
        near(doubles.0.to_bits(), doubles.1.to_bits())
    } else {
        near(singles.0.to_bits().into(), singles.1.to_bits().into())
    };
    let why = if sides.native.fuses != sides.target.fuses {
        "one side fuses `a * b + c` into one rounding (`-ffp-contract=off` stops it)"
    } else if sides.native.x87 != sides.target.x87 {
        "one side computes `double` in wider x87 registers (`-msse2 -mfpmath=sse` stops it)"
    } else if sides.native.libc != sides.target.libc {
        "the two mathematical libraries round differently"
    } else {
        return None;
    };
    fits.then(|| Cause::new(Class::FloatRounding, format!("the last digits of a float differ: {why}")))
}

/// The first byte of a wider number, as `*(char *)&n` and a union have it: the lowest on one side, and the highest, which is
/// 0 in a small number, on the other.
pub(super) fn first_byte(pair: Pair<'_>, _line: Lines<'_>, sides: &Sides<'_>) -> Option<Cause> {
    if !orders_differ(sides) {
        return None;
    }
    let (native, target) = integers(pair)?;
    let (lowest, highest) =
        if sides.native.endian == Endian::Little { (native, target) } else { (target, native) };
    ((1..256).contains(&lowest) && highest == 0).then(|| {
        let sentence = "it may be one byte of a wider number, read through a pointer or a union: the first byte is the \
                        lowest on a little-endian machine and the highest on a big-endian one; use shifts, or \
                        `to_le_bytes`";
        Cause::new(Class::ByteOrder, sentence)
    })
}

/// A value that a shift by the width of its type left alone on one side and cleared on the other.
pub(super) fn shift_count(pair: Pair<'_>, _line: Lines<'_>, sides: &Sides<'_>) -> Option<Cause> {
    if sides.native.shift_is_wide == sides.target.shift_is_wide {
        return None;
    }
    let zero = |text: &str| text.trim_start_matches("0x").bytes().all(|byte| byte == b'0');
    let number = |text: &str| integer(text).is_some() || hex_bytes(text).is_some();
    let (wide, narrow) =
        if sides.target.shift_is_wide { (pair.target, pair.native) } else { (pair.native, pair.target) };
    (number(wide) && number(narrow) && zero(wide) && !zero(narrow)).then(|| {
        let sentence = "it may be a shift by the width of the type or more, which C leaves undefined: processors \
                        look at five or more bits of the count";
        Cause::new(Class::ShiftCount, sentence)
    })
}
