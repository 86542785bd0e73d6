//! What a number looks like in text, in all the spellings of C libraries, and what it is worth.

use super::token::{Class, is_word};

/// The number at `at`, where no name may have begun before: its length and class. A number that goes on as a name
/// (`3rd`, `1.2.3`) is none.
pub(super) fn scan(line: &[u8], at: usize) -> Option<(usize, Class)> {
    let rest = &line[at..];
    let sign = usize::from(matches!(rest[0], b'+' | b'-'));
    let unsigned = &rest[sign..];
    if sign == 0
        && let Some(found) = uuid(unsigned).or_else(|| time(unsigned)).or_else(|| bare_hex(unsigned))
    {
        return Some(found);
    }
    let (len, class) = special(unsigned).or_else(|| hex(unsigned)).or_else(|| decimal(line, at + sign))?;
    Some((sign + len, class))
}

/// Whether nothing follows at `len` that would make a name of it.
fn ends(text: &[u8], len: usize) -> bool {
    let follows = |at: usize| text.get(at).copied().is_some_and(is_word);
    !(follows(len) || text.get(len) == Some(&b'.') && follows(len + 1))
}

const NANS: [&[u8]; 11] = [
    b"nan(snan)",
    b"nan(ind)",
    b"NAN(SNAN)",
    b"NAN(IND)",
    b"nan",
    b"NaN",
    b"NAN",
    b"1.#IND",
    b"1.#QNAN",
    b"1.#SNAN",
    b"1.#NAN",
];
const INFINITIES: [&[u8]; 7] = [b"infinity", b"Infinity", b"INFINITY", b"inf", b"Inf", b"INF", b"1.#INF"];

fn special(text: &[u8]) -> Option<(usize, Class)> {
    let find = |names: &[&[u8]], class| {
        names.iter().find(|name| text.starts_with(name)).map(|name| {
            // `1.#INF00`: old Windows libraries pad to the precision.
            let zeros = if name.contains(&b'#') { digits_of(&text[name.len()..], b"0") } else { 0 };
            (name.len() + zeros, class)
        })
    };
    let found = find(&NANS, Class::Nan).or_else(|| find(&INFINITIES, Class::Infinity));
    found.filter(|(len, _)| ends(text, *len))
}

fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

fn digits_of(text: &[u8], set: &[u8]) -> usize {
    text.iter().take_while(|byte| set.contains(byte)).count()
}

fn hex_digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_hexdigit()).count()
}

fn hex(text: &[u8]) -> Option<(usize, Class)> {
    if !(text.starts_with(b"0x") || text.starts_with(b"0X")) {
        return None;
    }
    let whole = hex_digits(&text[2..]);
    if let Some(len) = hex_float(text, 2 + whole) {
        return Some((len, Class::HexFloat));
    }
    (whole > 0 && ends(text, 2 + whole)).then_some((2 + whole, Class::Hex))
}

/// The length of a `%a` whose whole part ends at `len`: its exponent is what tells it from an integer.
fn hex_float(text: &[u8], mut len: usize) -> Option<usize> {
    if text.get(len) == Some(&b'.') {
        len += 1 + hex_digits(&text[len + 1..]);
    }
    if !matches!(text.get(len), Some(b'p' | b'P')) {
        return None;
    }
    len += 1 + usize::from(matches!(text.get(len + 1), Some(b'+' | b'-')));
    let exponent = digits(&text[len..]);
    (exponent > 0 && ends(text, len + exponent)).then_some(len + exponent)
}

fn bare_hex(text: &[u8]) -> Option<(usize, Class)> {
    let len = hex_digits(text);
    let mixed =
        || text[..len].iter().any(u8::is_ascii_digit) && text[..len].iter().any(u8::is_ascii_alphabetic);
    // `12345e67` is a float, `1234567e` is none.
    let float = || decimal_len(text).is_some_and(|(number, _)| number == len);
    (len >= 8 && ends(text, len) && mixed() && !float()).then_some((len, Class::BareHex))
}

fn uuid(text: &[u8]) -> Option<(usize, Class)> {
    let mut len = 0;
    for (group, size) in [8, 4, 4, 4, 12].into_iter().enumerate() {
        if group > 0 {
            (text.get(len) == Some(&b'-')).then_some(())?;
            len += 1;
        }
        (hex_digits(text.get(len..len + size)?) == size).then_some(())?;
        len += size;
    }
    ends(text, len).then_some((len, Class::Uuid))
}

/// A date, a time of day, or a date with one, with fractions of a second and a zone.
fn time(text: &[u8]) -> Option<(usize, Class)> {
    let len = match date(text) {
        Some(len) if matches!(text.get(len), Some(b'T' | b't')) => {
            len + 1 + clock(&text[len + 1..]).filter(|len| *len > 0)?
        }
        Some(len) => len,
        None => clock(text)?,
    };
    ends(text, len).then_some((len, Class::Time))
}

fn date(text: &[u8]) -> Option<usize> {
    let shape = [4, 2, 2];
    let mut len = 0;
    for (part, size) in shape.into_iter().enumerate() {
        if part > 0 {
            (text.get(len) == Some(&b'-')).then_some(())?;
            len += 1;
        }
        (digits(&text[len..]) == size).then_some(())?;
        len += size;
    }
    Some(len)
}

fn clock(text: &[u8]) -> Option<usize> {
    let mut len = digits(text);
    (1..=2).contains(&len).then_some(())?;
    let two_more = |len: usize| text.get(len) == Some(&b':') && digits(&text[len + 1..]) == 2;
    two_more(len).then_some(())?;
    while two_more(len) {
        len += 3;
    }
    if text.get(len) == Some(&b'.') {
        let fraction = digits(&text[len + 1..]);
        len += if fraction > 0 { 1 + fraction } else { 0 };
    }
    Some(len + zone(&text[len..]))
}

fn zone(text: &[u8]) -> usize {
    match text.first() {
        Some(b'Z') => 1,
        Some(b'+' | b'-') => match digits(&text[1..]) {
            4 => 5,
            2 if text.get(3) == Some(&b':') && digits(&text[4..]) == 2 => 6,
            _ => 0,
        },
        _ => 0,
    }
}

const UNITS: [&[u8]; 5] = [b"s", b"ms", b"us", b"ns", "µs".as_bytes()];

fn decimal(line: &[u8], at: usize) -> Option<(usize, Class)> {
    let text = &line[at..];
    // The second dot of a range, `0..5`, begins no fraction.
    if text.first() == Some(&b'.') && at > 0 && line[at - 1] == b'.' {
        return None;
    }
    let (len, float) = decimal_len(text)?;
    let unit = UNITS.iter().find(|unit| text[len..].starts_with(unit) && ends(text, len + unit.len()));
    if let Some(unit) = unit {
        return Some((len + unit.len(), Class::Duration));
    }
    if !ends(text, len) {
        return None;
    }
    // The seconds of `1:02.5` where the whole did not look like a time.
    let after_colon = at > 1 && line[at - 1] == b':' && line[at - 2].is_ascii_digit();
    Some((
        len,
        if !float {
            Class::Integer
        } else if after_colon {
            Class::Time
        } else {
            Class::Float
        },
    ))
}

/// The length of a decimal number, and whether it has a point or an exponent.
fn decimal_len(text: &[u8]) -> Option<(usize, bool)> {
    let whole = digits(text);
    let mut len = whole;
    if text.get(len) == Some(&b'.') {
        let fraction = digits(&text[len + 1..]);
        len += if fraction > 0 { 1 + fraction } else { 0 };
    }
    if len == 0 {
        return None;
    }
    let float = len > whole;
    if matches!(text.get(len), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(len + 1), Some(b'+' | b'-')));
        let exponent = digits(text.get(len + 1 + sign..).unwrap_or_default());
        if exponent > 0 {
            return Some((len + 1 + sign + exponent, true));
        }
    }
    Some((len, float))
}

/// The exact value of a `%a`: negative, mantissa without trailing zero bits, exponent of two. `None` where the mantissa has
/// more than 128 bits.
pub(super) fn hex_float_value(text: &[u8]) -> Option<(bool, u128, i64)> {
    let text = std::str::from_utf8(text).ok()?;
    let negative = text.starts_with('-');
    let text = text.trim_start_matches(['+', '-']).to_ascii_lowercase();
    let (digits, exponent) = text.strip_prefix("0x")?.split_once('p')?;
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let fraction = fraction.trim_end_matches('0');
    let mantissa = u128::from_str_radix(&format!("0{whole}{fraction}"), 16).ok()?;
    let exponent = exponent.parse::<i64>().ok()?.checked_sub(4 * i64::try_from(fraction.len()).ok()?)?;
    if mantissa == 0 {
        return Some((negative, 0, 0));
    }
    let zeros = mantissa.trailing_zeros();
    Some((negative, mantissa >> zeros, exponent.checked_add(i64::from(zeros))?))
}

/// The value of a float in either notation, as a binary64; `None` for what is none or does not fit.
pub(super) fn value(text: &[u8]) -> Option<f64> {
    if let Some((negative, mantissa, exponent)) = hex_float_value(text) {
        let exponent = i32::try_from(exponent).ok()?;
        #[expect(clippy::cast_precision_loss, reason = "a tolerance is about to be applied")]
        let value = (mantissa as f64) * 2f64.powi(exponent);
        return value.is_finite().then_some(if negative { -value } else { value });
    }
    let text = std::str::from_utf8(text).ok()?;
    let text = UNITS.iter().fold(text, |text, unit| {
        std::str::from_utf8(unit).ok().and_then(|unit| text.strip_suffix(unit)).unwrap_or(text)
    });
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_hexadecimal_float_have_one_value() {
        let same = ["0x1.9p+3", "0xc.8p+0", "0x1.9000p3", "0X3.2P+2"];
        for text in same {
            assert_eq!(hex_float_value(text.as_bytes()), Some((false, 25, -1)), "{text}");
            assert_eq!(value(text.as_bytes()), Some(12.5));
        }
        assert_eq!(hex_float_value(b"-0x0p+0"), Some((true, 0, 0)));
        assert_eq!(hex_float_value(b"0x1.ffffffffffffffffffffffffffffffffffffp0"), None);
        assert_eq!(value(b"-1.5e3"), Some(-1500.0));
        assert_eq!(value(b"0.25s"), Some(0.25));
        assert_eq!(value(b"1e999"), None);
    }
}
