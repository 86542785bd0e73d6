//! One line as tokens, each with what it looks like. Pure, total on any bytes, and linear.
//!
//! A token is as large as what must be compared as a whole: `v1.2.3` is one name and holds no float, `12:30:45.5` is a time
//! of day, `0x1f` is one number and not a `0` before a name. What looks like nothing in particular is compared byte by byte.

use super::dialect::Dialect;
use super::number;

/// A piece of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) class: Class,
}

/// What a token looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Spaces and tabs.
    Blank,
    /// A character that belongs to nothing else.
    Mark,
    /// A name, a word, a dotted version, text in any script.
    Word,
    /// Decimal digits, perhaps with a sign.
    Integer,
    /// A decimal number with a point or an exponent.
    Float,
    /// `0x1f`.
    Hex,
    /// C99's `%a`.
    HexFloat,
    /// Hexadecimal digits without `0x`, eight or more.
    BareHex,
    /// Some spelling of a NaN.
    Nan,
    /// Some spelling of an infinity.
    Infinity,
    /// `(nil)`.
    Null,
    /// A number with a unit of time.
    Duration,
    /// A date, a time of day, or both.
    Time,
    /// 8-4-4-4-12 hexadecimal digits.
    Uuid,
    /// A path below the root of this index.
    Path(usize),
}

/// Whether `byte` may be part of a name.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// The token that begins at `at`, which is before the end of the line.
pub(super) fn next(line: &[u8], at: usize, dialect: &Dialect) -> Token {
    let token = |len: usize, class| Token { start: at, end: at + len, class };
    let rest = &line[at..];
    if is_blank(rest[0]) {
        return token(rest.iter().take_while(|byte| is_blank(**byte)).count(), Class::Blank);
    }
    if let Some((len, root)) = dialect.path(line, at) {
        return token(len, Class::Path(root));
    }
    let inside_word = at > 0 && is_word(line[at - 1]);
    if !inside_word && let Some((len, class)) = number::scan(line, at) {
        return token(len, class);
    }
    if rest.starts_with(b"(nil)") {
        return token(5, Class::Null);
    }
    match word(rest) {
        0 => token(1, Class::Mark),
        len => token(len, Class::Word),
    }
}

pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// The length of the name at the start, dots within it included.
fn word(rest: &[u8]) -> usize {
    let mut len = rest.iter().take_while(|byte| is_word(**byte)).count();
    while len > 0 && rest.get(len) == Some(&b'.') && rest.get(len + 1).copied().is_some_and(is_word) {
        len += 1 + rest[len + 1..].iter().take_while(|byte| is_word(**byte)).count();
    }
    len
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: &[(&str, Class)]) {
        let (dialect, mut at, mut found) = (Dialect::default(), 0, Vec::new());
        while at < line.len() {
            let token = next(line.as_bytes(), at, &dialect);
            assert!(token.start == at && token.end > at, "tokens follow each other");
            at = token.end;
            if !matches!(token.class, Class::Blank | Class::Mark) {
                found.push((&line[token.start..token.end], token.class));
            }
        }
        assert_eq!(found, expected);
    }

    #[test]
    fn numbers_are_told_from_names_that_hold_digits() {
        check(
            "x1 12 -3 +4 1.5 -.5 2e9 1.e",
            &[
                ("x1", Class::Word),
                ("12", Class::Integer),
                ("-3", Class::Integer),
                ("+4", Class::Integer),
                ("1.5", Class::Float),
                ("-.5", Class::Float),
                ("2e9", Class::Float),
                ("1.e", Class::Word),
            ],
        );
        check(
            "a-1 5-3 0..5 f(2,7)",
            &[
                ("a", Class::Word),
                ("1", Class::Integer),
                ("5", Class::Integer),
                ("3", Class::Integer),
                ("0", Class::Integer),
                ("5", Class::Integer),
                ("f", Class::Word),
                ("2", Class::Integer),
                ("7", Class::Integer),
            ],
        );
        check(
            "n=1.25e-3; m=7.",
            &[("n", Class::Word), ("1.25e-3", Class::Float), ("m", Class::Word), ("7", Class::Integer)],
        );
    }

    #[test]
    fn versions_times_and_dates_hold_no_float() {
        check(
            "v1.2 1.2.3 lib.so.6 127.0.0.1 3rd",
            &[
                ("v1.2", Class::Word),
                ("1.2.3", Class::Word),
                ("lib.so.6", Class::Word),
                ("127.0.0.1", Class::Word),
                ("3rd", Class::Word),
            ],
        );
        check(
            "12:30 12:30:45.125 2024-02-29 2024-02-29T01:02:03.5Z 2024-02-29T01:02+01:00 1:1.5",
            &[
                ("12:30", Class::Time),
                ("12:30:45.125", Class::Time),
                ("2024-02-29", Class::Time),
                ("2024-02-29T01:02:03.5Z", Class::Time),
                ("2024-02-29T01:02+01:00", Class::Time),
                ("1", Class::Integer),
                ("1.5", Class::Time),
            ],
        );
        check(
            "0.25s 12ms 3 s 1.5µs 4sx",
            &[
                ("0.25s", Class::Duration),
                ("12ms", Class::Duration),
                ("3", Class::Integer),
                ("s", Class::Word),
                ("1.5µs", Class::Duration),
                ("4sx", Class::Word),
            ],
        );
    }

    #[test]
    fn special_values_are_one_token_with_their_sign() {
        check(
            "nan -nan(ind) -1.#IND00 x-nan nano",
            &[
                ("nan", Class::Nan),
                ("-nan(ind)", Class::Nan),
                ("-1.#IND00", Class::Nan),
                ("x", Class::Word),
                ("nan", Class::Nan),
                ("nano", Class::Word),
            ],
        );
        check(
            "-inf 1.#INF Infinity inf.txt (nil)",
            &[
                ("-inf", Class::Infinity),
                ("1.#INF", Class::Infinity),
                ("Infinity", Class::Infinity),
                ("inf.txt", Class::Word),
                ("(nil)", Class::Null),
            ],
        );
        check(
            "0x1F -0x10 0x1.8p+3 0x 7ffe1234abcd 12345678 c0ffee",
            &[
                ("0x1F", Class::Hex),
                ("-0x10", Class::Hex),
                ("0x1.8p+3", Class::HexFloat),
                ("0x", Class::Word),
                ("7ffe1234abcd", Class::BareHex),
                ("12345678", Class::Integer),
                ("c0ffee", Class::Word),
            ],
        );
        check(
            "550e8400-e29b-41d4-a716-446655440000",
            &[("550e8400-e29b-41d4-a716-446655440000", Class::Uuid)],
        );
    }
}
