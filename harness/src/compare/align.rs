//! Which lines of two outputs stand for each other. Streams over both: nothing is kept but a window of lines.
//!
//! Equal stretches are skipped as blocks of memory. Where lines differ, the nearest place is looked for at which both sides
//! go on alike, in windows that grow as long as none is found; a window of [`WINDOW_LINES_MAX`] without one is paired by
//! position, which is said. So the work is linear in the output whatever it holds.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// The first window and the last; each is eight times the one before.
const WINDOW_LINES_MIN: usize = 8;
const WINDOW_LINES_MAX: usize = 4096;
/// Bytes compared at once.
const BLOCK_BYTES: usize = 1 << 16;
/// Unmatched lines after which the rest is not looked at: the verdict stands, and nobody counts so far.
pub(super) const UNMATCHED_MAX: u64 = 10_000;

/// Lines that stand for each other and differ, or one that has no counterpart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair<'a> {
    pub(super) native: Option<&'a [u8]>,
    pub(super) target: Option<&'a [u8]>,
    /// The line's number from 1, natively where it is there.
    pub(super) number: u64,
}

/// What is asked about lines while they are aligned.
pub(super) trait Lines<'a> {
    /// Whether the two lines, which are not the same bytes, count as equal.
    fn equal(&mut self, native: &'a [u8], target: &'a [u8], number: u64) -> bool;
    /// Told of lines that are unmatched; false to end.
    fn unmatched(&mut self, pair: Pair<'a>) -> bool;
    /// A line as it is looked for on the other side.
    fn key(&self, line: &'a [u8], native: bool) -> u64;
}

/// How the lines were aligned.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Aligned {
    /// Some lines were paired by position, because the sides have nothing in common there.
    pub(super) by_position: bool,
    /// The rest was not looked at.
    pub(super) cut: bool,
}

/// The hash of a line as it is.
pub(super) fn hash(line: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    line.hash(&mut hasher);
    hasher.finish()
}

/// The length of the common beginning.
pub(super) fn common_prefix(left: &[u8], right: &[u8]) -> usize {
    let mut at = 0;
    for (a, b) in left.chunks(BLOCK_BYTES).zip(right.chunks(BLOCK_BYTES)) {
        if a != b {
            return at + a.iter().zip(b).take_while(|(a, b)| a == b).count();
        }
        at += a.len();
    }
    at
}

/// The length of the common end.
pub(super) fn common_suffix(left: &[u8], right: &[u8]) -> usize {
    let mut at = 0;
    for (a, b) in left.rchunks(BLOCK_BYTES).zip(right.rchunks(BLOCK_BYTES)) {
        if a != b {
            return at + a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
        }
        at += a.len();
    }
    at
}

/// A place in one output.
#[derive(Clone, Copy)]
struct Cursor<'a> {
    rest: &'a [u8],
    /// The number of the line that begins here, from 1.
    number: u64,
}

impl<'a> Cursor<'a> {
    /// The line here, without its LF, and where it ends with it.
    fn line(&self) -> Option<(&'a [u8], usize)> {
        if self.rest.is_empty() {
            return None;
        }
        Some(match memchr::memchr(b'\n', self.rest) {
            Some(end) => (&self.rest[..end], end + 1),
            None => (self.rest, self.rest.len()),
        })
    }

    fn take(&mut self) -> Option<&'a [u8]> {
        let (line, end) = self.line()?;
        self.rest = &self.rest[end..];
        self.number += 1;
        Some(line)
    }
}

/// Aligns the lines of two outputs, and tells `lines` what is unmatched.
pub(super) fn align<'a>(native: &'a [u8], target: &'a [u8], lines: &mut dyn Lines<'a>) -> Aligned {
    let mut aligned = Aligned::default();
    let mut left = Cursor { rest: native, number: 1 };
    let mut right = Cursor { rest: target, number: 1 };
    loop {
        skip_equal(&mut left, &mut right);
        if let (Some((a, end_a)), Some((b, end_b))) = (left.line(), right.line()) {
            if a == b || lines.equal(a, b, left.number) {
                left = Cursor { rest: &left.rest[end_a..], number: left.number + 1 };
                right = Cursor { rest: &right.rest[end_b..], number: right.number + 1 };
                continue;
            }
        } else if left.rest.is_empty() && right.rest.is_empty() {
            return aligned;
        }
        let (skip_a, skip_b) = match gap(left, right, lines, &mut aligned) {
            // They look alike and are not: that is one line on each side.
            (0, 0) => (1, 1),
            skipped => skipped,
        };
        if !pair_up((&mut left, skip_a), (&mut right, skip_b), lines) {
            aligned.cut = true;
            return aligned;
        }
    }
}

/// Passes the lines that are the same bytes.
fn skip_equal<'a>(left: &mut Cursor<'a>, right: &mut Cursor<'a>) {
    let same = common_prefix(left.rest, right.rest);
    // A line that is cut short on one side only is not the same line.
    let both_end = same == left.rest.len() && same == right.rest.len();
    let start =
        if both_end { same } else { memchr::memrchr(b'\n', &left.rest[..same]).map_or(0, |at| at + 1) };
    let passed = memchr::memchr_iter(b'\n', &left.rest[..start]).count() as u64;
    for cursor in [left, right] {
        cursor.rest = &cursor.rest[start..];
        cursor.number += passed;
    }
}

/// How many lines of each side have no counterpart here.
fn gap<'a>(
    left: Cursor<'a>,
    right: Cursor<'a>,
    lines: &dyn Lines<'a>,
    aligned: &mut Aligned,
) -> (usize, usize) {
    let (mut a, mut b) = (Window::new(left, true), Window::new(right, false));
    let mut size = WINDOW_LINES_MIN;
    loop {
        a.grow(size, lines);
        b.grow(size, lines);
        if let Some(found) = meeting(&a.keys, &b.keys) {
            return found;
        }
        let whole = a.is_whole() && b.is_whole();
        if whole || size >= WINDOW_LINES_MAX {
            aligned.by_position |= !whole;
            return (a.keys.len(), b.keys.len());
        }
        size *= 8;
    }
}

/// The lines ahead on one side, by their keys.
struct Window<'a> {
    cursor: Cursor<'a>,
    native: bool,
    keys: Vec<u64>,
}

impl<'a> Window<'a> {
    fn new(cursor: Cursor<'a>, native: bool) -> Self {
        Self { cursor, native, keys: Vec::new() }
    }

    fn grow(&mut self, size: usize, lines: &dyn Lines<'a>) {
        while self.keys.len() < size
            && let Some(line) = self.cursor.take()
        {
            self.keys.push(lines.key(line, self.native));
        }
    }

    fn is_whole(&self) -> bool {
        self.cursor.rest.is_empty()
    }
}

/// The nearest place at which both sides go on alike: for two lines, or to the end of what is seen; failing that for one.
fn meeting(left: &[u64], right: &[u64]) -> Option<(usize, usize)> {
    // Where each key is first on the right; of the many that equal lines would be, only the first can be nearest.
    let mut places: HashMap<u64, usize> = HashMap::new();
    for (at, key) in right.iter().enumerate() {
        places.entry(*key).or_insert(at);
    }
    let candidates = left.iter().enumerate().filter_map(|(a, key)| Some((a, *places.get(key)?)));
    let goes_on = |&(a, b): &(usize, usize)| match (left.get(a + 1), right.get(b + 1)) {
        (Some(next), Some(other)) => next == other,
        (None, _) | (_, None) => true,
    };
    let nearest = |(a, b): &(usize, usize)| (a + b, a.abs_diff(*b));
    let (firm, loose): (Vec<_>, Vec<_>) = candidates.partition(goes_on);
    firm.into_iter().min_by_key(nearest).or_else(|| loose.into_iter().min_by_key(nearest))
}

/// Pairs the next lines of both sides by position, as far as they go.
fn pair_up<'a>(
    (left, skip_a): (&mut Cursor<'a>, usize),
    (right, skip_b): (&mut Cursor<'a>, usize),
    lines: &mut dyn Lines<'a>,
) -> bool {
    for at in 0..skip_a.max(skip_b) {
        let number = left.number;
        let native = if at < skip_a { left.take() } else { None };
        let target = if at < skip_b { right.take() } else { None };
        if let (Some(a), Some(b)) = (native, target)
            && (a == b || lines.equal(a, b, number))
        {
            continue;
        }
        if !lines.unmatched(Pair { native, target, number }) {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Plain {
        pairs: Vec<String>,
    }

    impl<'a> Lines<'a> for Plain {
        fn equal(&mut self, native: &'a [u8], target: &'a [u8], _number: u64) -> bool {
            native.eq_ignore_ascii_case(target)
        }

        fn unmatched(&mut self, pair: Pair<'a>) -> bool {
            let text = |line: Option<&[u8]>| {
                line.map_or("-".into(), |line| String::from_utf8_lossy(line).into_owned())
            };
            self.pairs.push(format!("{}:{}/{}", pair.number, text(pair.native), text(pair.target)));
            true
        }

        fn key(&self, line: &'a [u8], _native: bool) -> u64 {
            hash(&line.to_ascii_lowercase())
        }
    }

    #[track_caller]
    fn check(native: &str, target: &str, expected: &[&str]) {
        let lines = |words: &str| {
            words.split(' ').filter(|word| !word.is_empty()).map(|w| format!("{w}\n")).collect()
        };
        let (native, target): (String, String) = (lines(native), lines(target));
        let mut plain = Plain::default();
        let aligned = align(native.as_bytes(), target.as_bytes(), &mut plain);
        assert_eq!(
            (plain.pairs, aligned),
            (expected.iter().map(ToString::to_string).collect(), Aligned::default())
        );
    }

    #[test]
    fn a_line_more_or_less_is_one_pair() {
        check("a b c", "a b c", &[]);
        check("a b c", "a x b c", &["2:-/x"]);
        check("a x b c", "a b c", &["2:x/-"]);
        check("a b c", "a x c", &["2:b/x"]);
        check("a b", "a b c d", &["3:-/c", "3:-/d"]);
        check("", "a", &["1:-/a"]);
        check("a b c d e f", "b c d x f", &["1:a/-", "5:e/x"]);
        check(
            "1 2 3 4 5 6 7 8 9 10 11 12 13",
            "1 x 13",
            &[
                "2:2/x", "3:3/-", "4:4/-", "5:5/-", "6:6/-", "7:7/-", "8:8/-", "9:9/-", "10:10/-", "11:11/-",
                "12:12/-",
            ],
        );
    }

    #[test]
    fn lines_that_rules_equate_are_matched() {
        check("A b C", "a B c", &[]);
        check("A b C", "x a B c", &["1:-/x"]);
    }

    #[test]
    fn outputs_without_anything_in_common_are_paired_by_position() {
        let numbers = |from: usize| -> String { (from..from + 10_000).map(|n| format!("{n}\n")).collect() };
        let (native, target) = (numbers(0), numbers(50_000));
        let mut plain = Plain::default();
        let aligned = align(native.as_bytes(), target.as_bytes(), &mut plain);
        assert_eq!((plain.pairs.len(), aligned.by_position), (10_000, true));
        assert_eq!(plain.pairs[9_999], "10000:9999/59999");
    }
}
