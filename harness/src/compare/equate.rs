//! What makes two tokens equal that are not the same bytes. One function per rule, tried in order.

use super::dialect::Dialect;
use super::how::How;
use super::number;
use super::rules::Rule;
use super::token::{Class, Token};

/// One token in its line.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) line: &'a [u8],
    pub(super) token: Token,
    pub(super) dialect: &'a Dialect,
}

impl<'a> Seen<'a> {
    pub(super) fn text(&self) -> &'a [u8] {
        &self.line[self.token.start..self.token.end]
    }

    fn before(&self) -> &'a [u8] {
        &self.line[..self.token.start]
    }

    fn after(&self) -> &'a [u8] {
        &self.line[self.token.end..]
    }

    fn is(&self, class: Class) -> bool {
        self.token.class == class
    }
}

/// A rule that equates tokens: those that fire, `None` where it does not apply.
type Equate = fn(Seen<'_>, Seen<'_>, &How) -> Option<&'static [Rule]>;

const EQUATES: [Equate; 9] = [
    path,
    not_a_number,
    infinity,
    null_pointer,
    exponent_digits,
    hex_float,
    thread_id,
    libtest_time,
    float_tolerance,
];

/// The rules that make two different tokens equal; `None` where none does.
pub(super) fn equate(left: Seen<'_>, right: Seen<'_>, how: &How) -> Option<&'static [Rule]> {
    let fired = EQUATES.iter().find_map(|equate| equate(left, right, how))?;
    fired.iter().all(|rule| how.knows(*rule)).then_some(fired)
}

fn path(left: Seen<'_>, right: Seen<'_>, _how: &How) -> Option<&'static [Rule]> {
    let (Class::Path(a), Class::Path(b)) = (left.token.class, right.token.class) else { return None };
    let (a, b) = (left.dialect.meaning(left.text(), a), right.dialect.meaning(right.text(), b));
    (a == b).then_some(&[Rule::Path])
}

/// A text without its sign, and whether that is a minus; a plus stays.
fn unsigned(text: &[u8]) -> (&[u8], bool) {
    text.strip_prefix(b"-").map_or((text, false), |rest| (rest, true))
}

fn not_a_number(left: Seen<'_>, right: Seen<'_>, _how: &How) -> Option<&'static [Rule]> {
    if !left.is(Class::Nan) || !right.is(Class::Nan) {
        return None;
    }
    let ((a, minus_a), (b, minus_b)) = (unsigned(left.text()), unsigned(right.text()));
    Some(match (minus_a != minus_b, a != b) {
        (true, false) => &[Rule::NanSign],
        (false, _) => &[Rule::NanSpelling],
        (true, true) => &[Rule::NanSign, Rule::NanSpelling],
    })
}

fn infinity(left: Seen<'_>, right: Seen<'_>, _how: &How) -> Option<&'static [Rule]> {
    let sign = |seen: Seen<'_>| matches!(seen.text()[0], b'+' | b'-').then(|| seen.text()[0]);
    (left.is(Class::Infinity) && right.is(Class::Infinity) && sign(left) == sign(right))
        .then_some(&[Rule::InfSpelling])
}

/// glibc writes `(nil)`, others write zero. Two zeros of different lengths are no matter of libraries.
fn null_pointer(left: Seen<'_>, right: Seen<'_>, _how: &How) -> Option<&'static [Rule]> {
    const ZEROS: [&[u8]; 4] = [b"0", b"0x0", b"00000000", b"0000000000000000"];
    let pair = |nil: Seen<'_>, zero: Seen<'_>| nil.is(Class::Null) && ZEROS.contains(&zero.text());
    (pair(left, right) || pair(right, left)).then_some(&[Rule::NullPointer])
}

/// `1e+010` of msvcrt and `1e+10`.
fn exponent_digits(left: Seen<'_>, right: Seen<'_>, _how: &How) -> Option<&'static [Rule]> {
    let pair = |windows: Seen<'_>, other: Seen<'_>| {
        let parts = exponent(windows.text()).zip(exponent(other.text()));
        let Some(((a, long), (b, short))) = parts else { return false };
        windows.dialect.windows && a == b && short.len() == 2 && long.strip_prefix(b"0") == Some(short)
    };
    let floats = left.is(Class::Float) && right.is(Class::Float);
    (floats && (pair(left, right) || pair(right, left))).then_some(&[Rule::ExponentDigits])
}

/// What stands up to the sign of an exponent, and its digits.
fn exponent(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let sign = text.iter().rposition(|byte| matches!(byte, b'+' | b'-'))?;
    (sign > 0).then(|| text.split_at(sign + 1))
}

fn hex_float(left: Seen<'_>, right: Seen<'_>, _how: &How) -> Option<&'static [Rule]> {
    (left.is(Class::HexFloat) && right.is(Class::HexFloat)).then_some(())?;
    (number::hex_float_value(left.text())? == number::hex_float_value(right.text())?)
        .then_some(&[Rule::HexFloat])
}

/// `thread 'main' (25003) panicked at`: rustc 1.90 and later print the kernel's number of the thread.
fn thread_id(left: Seen<'_>, right: Seen<'_>, _how: &How) -> Option<&'static [Rule]> {
    const BEFORE: &[u8] = b"thread '";
    let is_id = |seen: Seen<'_>| {
        let (before, after) = (seen.before(), seen.after());
        seen.text().iter().all(u8::is_ascii_digit)
            && before.ends_with(b"' (")
            && (after.starts_with(b") panicked at ") || after.starts_with(b") has overflowed its stack"))
            && before.windows(BEFORE.len()).any(|window| window == BEFORE)
    };
    (is_id(left) && is_id(right)).then_some(&[Rule::ThreadId])
}

/// The lines in which Rust's test harnesses tell their time: how they begin, and what stands right before it.
const LIBTEST_TIMES: [(&[u8], &[u8]); 3] = [
    (b"test result: ", b"; finished in "),
    (b"all doctests ran in ", b"all doctests ran in "),
    (b"all doctests ran in ", b"; merged doctests compilation took "),
];

fn libtest_time(left: Seen<'_>, right: Seen<'_>, _how: &How) -> Option<&'static [Rule]> {
    let is_time = |seen: Seen<'_>| {
        seen.is(Class::Duration)
            && LIBTEST_TIMES
                .iter()
                .any(|(begins, before)| seen.line.starts_with(begins) && seen.before().ends_with(before))
    };
    (is_time(left) && is_time(right)).then_some(&[Rule::LibtestTime])
}

fn float_tolerance(left: Seen<'_>, right: Seen<'_>, how: &How) -> Option<&'static [Rule]> {
    let float = |seen: Seen<'_>| {
        let duration = seen.is(Class::Duration) && seen.text().contains(&b'.');
        (seen.is(Class::Float) || seen.is(Class::HexFloat) || duration) && !follows_version(seen.before())
    };
    if !float(left) || !float(right) || left.token.class != right.token.class {
        return None;
    }
    let unit = |seen: Seen<'_>| {
        let text = seen.text();
        let end = text.iter().rposition(u8::is_ascii_digit).map_or(0, |at| at + 1);
        text[end..].to_vec()
    };
    if left.is(Class::Duration) && unit(left) != unit(right) {
        return None;
    }
    let (a, b) = (number::value(left.text())?, number::value(right.text())?);
    if a == 0.0 && b == 0.0 && a.is_sign_negative() != b.is_sign_negative() {
        return how.float.zeros_equal.then_some(&[Rule::SignedZero]);
    }
    how.float.allows(a, b).then_some(&[Rule::FloatTolerance])
}

/// `version 1.2`, `version: "1.2`: a number with two parts that is no float.
fn follows_version(before: &[u8]) -> bool {
    let trimmed = before.trim_ascii_end();
    let end = trimmed.iter().rposition(|byte| !b" \t:=\"'".contains(byte)).map_or(0, |at| at + 1);
    let word = &trimmed[..end];
    [&b"version"[..], b"release", b" ver", b" ver."]
        .iter()
        .any(|name| word.len() >= name.len() && word[word.len() - name.len()..].eq_ignore_ascii_case(name))
}

/// Whether a value that varies natively may be this one on the target: a number for a number, an address for an address,
/// a name for a name.
pub(super) fn is_kin(left: Seen<'_>, right: Seen<'_>) -> Option<Rule> {
    if is_address(left) && is_address(right) {
        return Some(Rule::Ptr);
    }
    let number = |seen: Seen<'_>| matches!(seen.token.class, Class::Integer | Class::Float);
    let digits = |seen: Seen<'_>| {
        matches!(seen.token.class, Class::Integer | Class::BareHex | Class::Word)
            && seen.text().iter().all(u8::is_ascii_hexdigit)
    };
    let same = left.token.class == right.token.class
        && matches!(
            left.token.class,
            Class::Word | Class::HexFloat | Class::Duration | Class::Time | Class::Uuid
        );
    let below_one_root = || {
        let (Class::Path(a), Class::Path(b)) = (left.token.class, right.token.class) else { return false };
        left.dialect.meaning(left.text(), a).0 == right.dialect.meaning(right.text(), b).0
    };
    (same || number(left) && number(right) || digits(left) && digits(right) || below_one_root())
        .then_some(Rule::NativeNoise)
}

/// Whether this is how its side writes an address that is not null.
fn is_address(seen: Seen<'_>) -> bool {
    let text = seen.text();
    let digits = match seen.token.class {
        Class::Hex => text.strip_prefix(b"0x").unwrap_or_default(),
        Class::Integer | Class::BareHex | Class::Word
            if seen.dialect.windows && matches!(text.len(), 8 | 16) =>
        {
            text
        }
        _ => return false,
    };
    !digits.is_empty()
        && digits.iter().all(u8::is_ascii_hexdigit)
        && digits.iter().any(|digit| *digit != b'0')
}
