//! A cause from two values and two targets: what a maintainer would see who knew both ABIs by heart.
//!
//! Each recogniser says "may be" only where the numbers fit exactly *and* the two targets really differ in that
//! respect; none of them changes a verdict.

use triplecheck_emulators::target::{Endian, Target};

/// The two targets of a difference.
struct Sides<'a> {
    native: &'a Target,
    target: &'a Target,
}

/// A recogniser: the differing tokens and the targets to a sentence.
type Recogniser = fn(&str, &str, &Sides<'_>) -> Option<String>;

const RECOGNISERS: &[Recogniser] =
    &[byte_order, char_sign, nan_sign, saturation, truncation, width, separators, line_ending];

/// The first recogniser that fits the first pair of tokens that differ.
pub(super) fn cause(native: &str, target: &str, native_target: &Target, other: &Target) -> Option<String> {
    let sides = Sides { native: native_target, target: other };
    let (left, right) = first_differing_tokens(native, target)?;
    RECOGNISERS.iter().find_map(|recogniser| recogniser(left, right, &sides))
}

/// The first two blank-separated words that differ, without the punctuation that both have around them.
fn first_differing_tokens<'a>(native: &'a str, target: &'a str) -> Option<(&'a str, &'a str)> {
    let (left, right) = native.split_whitespace().zip(target.split_whitespace()).find(|(l, r)| l != r)?;
    let trim =
        |word: &'a str| word.trim_matches(|c: char| matches!(c, ',' | ';' | ':' | '(' | ')' | '[' | ']'));
    let after_equals = |word: &'a str| trim(word.rsplit_once('=').map_or(word, |(_, value)| value));
    Some((after_equals(left), after_equals(right)))
}

/// An integer in decimal or hex, with its number of hex digits where it is hex.
fn integer(text: &str) -> Option<(i128, Option<usize>)> {
    if let Some(digits) = text.strip_prefix("0x") {
        return Some((i128::from(u64::from_str_radix(digits, 16).ok()?), Some(digits.len())));
    }
    text.parse().ok().map(|value| (value, None))
}

fn byte_order(left: &str, right: &str, sides: &Sides<'_>) -> Option<String> {
    if sides.native.facts().endian == sides.target.facts().endian {
        return None;
    }
    let reversed_hex = |text: &str| -> Option<String> {
        let digits = text.strip_prefix("0x").unwrap_or(text);
        let even = digits.len() >= 4
            && digits.len().is_multiple_of(2)
            && digits.bytes().all(|b| b.is_ascii_hexdigit());
        even.then(|| {
            let pairs: Vec<&str> = (0..digits.len()).step_by(2).rev().map(|i| &digits[i..i + 2]).collect();
            pairs.concat()
        })
    };
    let hex =
        reversed_hex(left).is_some_and(|r| r.eq_ignore_ascii_case(right.strip_prefix("0x").unwrap_or(right)));
    let number = || {
        let ((left, _), (right, _)) = (integer(left)?, integer(right)?);
        let swapped = |bytes: u32| {
            let mask = (1i128 << (bytes * 8)) - 1;
            let value = u64::try_from(left & mask).ok()?;
            Some(i128::from(value.swap_bytes() >> (64 - bytes * 8)) == (right & mask))
        };
        let fits = |bytes: u32| (left | right) >> (bytes * 8) == 0 && swapped(bytes) == Some(true);
        [2, 4, 8].into_iter().any(fits).then_some(())
    };
    (hex || number().is_some()).then(|| {
        let name = |endian| if endian == Endian::Big { "big-endian" } else { "little-endian" };
        format!(
            "byte order: the target's value is the native one with its bytes reversed (native is {}, the target {})",
            name(sides.native.facts().endian),
            name(sides.target.facts().endian)
        )
    })
}

fn char_sign(left: &str, right: &str, sides: &Sides<'_>) -> Option<String> {
    let signed = Target::char_signed;
    if signed(sides.native)? == signed(sides.target)? {
        return None;
    }
    let ((left, _), (right, _)) = (integer(left)?, integer(right)?);
    ((left - right).abs() == 256 && (left < 0) != (right < 0)).then(|| {
        let (kind, other) = if signed(sides.target) == Some(true) { ("signed", "unsigned") } else { ("unsigned", "signed") };
        format!("plain `char` is {kind} on the target and {other} natively; write `signed char` or `unsigned char`")
    })
}

fn nan_sign(left: &str, right: &str, _sides: &Sides<'_>) -> Option<String> {
    const NAN_BITS: [&str; 6] =
        ["7fc00000", "ffc00000", "7ff8000000000000", "fff8000000000000", "7fffffff", "7fffffffffffffff"];
    let is_nan = |text: &str| {
        let text = text.strip_prefix("0x").unwrap_or(text).trim_start_matches('-').to_ascii_lowercase();
        text == "nan" || text.starts_with("nan(") || NAN_BITS.contains(&text.as_str())
    };
    (is_nan(left) && is_nan(right))
        .then(|| "sign or payload of a NaN, which IEEE 754 leaves to the processor".to_owned())
}

fn saturation(left: &str, right: &str, _sides: &Sides<'_>) -> Option<String> {
    const LIMITS: [i128; 6] = [
        i32::MIN as i128,
        i32::MAX as i128,
        i64::MIN as i128,
        i64::MAX as i128,
        u32::MAX as i128,
        u64::MAX as i128,
    ];
    let ((left, _), (right, _)) = (integer(left)?, integer(right)?);
    let limit = |value: i128| LIMITS.contains(&value);
    (limit(left) && (limit(right) || right == 0) || limit(right) && left == 0).then(|| {
        "conversion of a float that does not fit the integer, which C leaves undefined: x86 gives the minimum, others saturate".to_owned()
    })
}

fn truncation(left: &str, right: &str, sides: &Sides<'_>) -> Option<String> {
    let (native, target) = (sides.native.facts(), sides.target.facts());
    let narrower = target.pointer_width < native.pointer_width;
    let llp64 = target.os == "windows" && native.os != "windows";
    if !narrower && !llp64 {
        return None;
    }
    let ((left, _), (right, _)) = (integer(left)?, integer(right)?);
    let low = left & 0xffff_ffff;
    let signed = if low > i128::from(i32::MAX) { low - (1 << 32) } else { low };
    (left != right && (right == low || right == signed)).then(|| {
        let what = if narrower { "`usize`, pointers and `long` have" } else { "`long` has" };
        format!("width: {what} 32 bits on the target; the value is the native one cut off")
    })
}

fn width(left: &str, right: &str, sides: &Sides<'_>) -> Option<String> {
    let (native, target) = (sides.native.facts(), sides.target.facts());
    match (left, right) {
        ("8" | "64", "4" | "32") if target.pointer_width < native.pointer_width => {
            Some("width: the target is 32-bit, so `usize`, pointers and C's `long` have 4 bytes".into())
        }
        ("8" | "64", "4" | "32") if target.os == "windows" => {
            Some("width: Windows is LLP64, so C's `long` has 4 bytes".into())
        }
        ("4", "2") if target.os == "windows" => Some("width: `wchar_t` has 2 bytes on Windows".into()),
        _ => None,
    }
}

fn separators(left: &str, right: &str, sides: &Sides<'_>) -> Option<String> {
    (sides.target.facts().os == "windows" && left.contains('/') && left.replace('/', "\\") == right)
        .then(|| "path separator: Windows writes `\\`".to_owned())
}

fn line_ending(left: &str, right: &str, sides: &Sides<'_>) -> Option<String> {
    (sides.target.facts().os == "windows" && left == "0a" && right == "0d")
        .then(|| "line ending: the file was opened in text mode, so Windows wrote CR LF".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(native: &str, value: &str, triple: &str, expected: Option<&str>) {
        let host = Target::parse("x86_64-unknown-linux-gnu").unwrap();
        let cause = cause(native, value, &host, &Target::parse(triple).unwrap());
        match expected {
            Some(part) => assert!(cause.as_deref().is_some_and(|cause| cause.contains(part)), "{cause:?}"),
            None => assert_eq!(cause, None),
        }
    }

    #[test]
    fn values_that_fit_a_difference_of_the_targets_are_explained() {
        check("n = 0x01020304", "n = 0x04030201", "s390x-unknown-linux-gnu", Some("byte order"));
        check("16909060", "67305985", "s390x-unknown-linux-gnu", Some("byte order"));
        check("c=-56", "c=200", "aarch64-unknown-linux-gnu", Some("`char` is unsigned"));
        check("8", "4", "i686-unknown-linux-gnu", Some("32-bit"));
        check("long 8", "long 4", "x86_64-pc-windows-gnu", Some("LLP64"));
        check("4294967296", "0", "armv7-unknown-linux-gnueabihf", Some("cut off"));
        check("-nan", "nan", "aarch64-unknown-linux-gnu", Some("NaN"));
        check("-2147483648", "2147483647", "aarch64-unknown-linux-gnu", Some("conversion"));
        check("a/b", "a\\b", "x86_64-pc-windows-gnu", Some("separator"));
    }

    #[test]
    fn nothing_is_explained_by_what_both_targets_share() {
        check("0x01020304", "0x04030201", "aarch64-unknown-linux-gnu", None);
        check("-56", "200", "i686-unknown-linux-gnu", None);
        check("8", "4", "aarch64-unknown-linux-gnu", None);
        check("left", "right", "s390x-unknown-linux-gnu", None);
    }
}
