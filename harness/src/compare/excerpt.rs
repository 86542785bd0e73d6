//! The part of two lines that is shown to people: around the first difference, with what differs marked.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::line::Spans;

/// The most of one value that is kept, in characters: enough for any line a person reads.
pub const EXCERPT_CHARS_MAX: usize = 400;
/// How much of a longer line is shown before its first difference, in bytes.
const LEAD_BYTES: usize = 120;
/// The most parts of one line that are marked.
const MARKS_MAX: usize = 16;

/// One of the smallest parts that differ, in bytes of [`super::Difference::native`] and [`super::Difference::target`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Mark {
    /// From and to, in the native text.
    pub native: (usize, usize),
    /// From and to, in the target's.
    pub target: (usize, usize),
}

/// The smallest parts in which two texts differ, in bytes of each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    /// Of the native text.
    pub native: Vec<Range<usize>>,
    /// Of the target's.
    pub target: Vec<Range<usize>>,
}

/// The smallest parts in which two texts differ, for texts that no [`super::Difference`] has marked.
pub fn marks(native: &str, target: &str) -> Marks {
    let spans = super::line::plain_spans(native.as_bytes(), target.as_bytes());
    let (native, target) = spans.into_iter().take(MARKS_MAX).unzip();
    Marks { native, target }
}

/// Two lines as they are shown.
#[derive(Debug, Default)]
pub(super) struct Shown {
    pub(super) native: String,
    pub(super) target: String,
    pub(super) marks: Vec<Mark>,
    /// The byte of the native line, from 1, at which the first difference is, where that line is not shown from its start.
    pub(super) column: Option<u64>,
}

/// Both lines around their first difference.
pub(super) fn show(native: &[u8], target: &[u8], spans: &Spans) -> Shown {
    let first = spans.first().map_or((0, 0), |(a, b)| (a.start, b.start));
    let native_spans: Vec<_> = spans.iter().take(MARKS_MAX).map(|(a, _)| a.clone()).collect();
    let target_spans: Vec<_> = spans.iter().take(MARKS_MAX).map(|(_, b)| b.clone()).collect();
    let (native_from, target_from) = (window(native, first.0), window(target, first.1));
    let (native, native_marks) = escape(native, native_from, &native_spans);
    let (target, target_marks) = escape(target, target_from, &target_spans);
    let marks = native_marks.into_iter().zip(target_marks).map(|(native, target)| Mark { native, target });
    // What was cut off on one side is not shown on the other either.
    let marks = marks.filter(|mark| mark.native.0 < native.len() || mark.target.0 < target.len()).collect();
    let column = (native_from > 0).then_some(first.0 as u64 + 1);
    Shown { native, target, marks, column }
}

/// Where the shown part of a line begins.
fn window(line: &[u8], first: usize) -> usize {
    if line.len() <= EXCERPT_CHARS_MAX { 0 } else { first.saturating_sub(LEAD_BYTES) }
}

/// A line from `from` on as a person reads it, and where `spans` are in it.
fn escape(line: &[u8], from: usize, spans: &[Range<usize>]) -> (String, Vec<(usize, usize)>) {
    let mut out = String::new();
    let mut places = vec![(usize::MAX, usize::MAX); spans.len()];
    let mut at = from;
    if from > 0 {
        out.push('…');
        // Not in the middle of a character.
        while line.get(at).is_some_and(|byte| byte & 0xc0 == 0x80) && at < from + 3 {
            at += 1;
        }
    }
    // No more bytes than four a character are looked at, however long the line is.
    let seen = &line[at..line.len().min(at + 4 * EXCERPT_CHARS_MAX)];
    let characters = seen
        .utf8_chunks()
        .flat_map(|chunk| chunk.valid().chars().map(Ok).chain(chunk.invalid().iter().map(Err)));
    let mut cut = at + seen.len() < line.len();
    for (count, character) in characters.enumerate() {
        if count == EXCERPT_CHARS_MAX {
            cut = true;
            break;
        }
        note(&mut places, spans, at, out.len());
        match character {
            Ok('\t') => out.push('\t'),
            Ok(character) if character.is_control() => out.extend(character.escape_default()),
            Ok(character) => out.push(character),
            Err(byte) => out.push_str(&format!("\\x{byte:02x}")),
        }
        at += character.map_or(1, char::len_utf8);
    }
    note(&mut places, spans, at, out.len());
    let end = out.len();
    if cut {
        out.push('…');
    }
    (out, places.into_iter().map(|(start, stop)| (start.min(end), stop.min(end))).collect())
}

/// Notes in `places` what begins or ends at byte `at` of the line, which is byte `shown` of the text.
fn note(places: &mut [(usize, usize)], spans: &[Range<usize>], at: usize, shown: usize) {
    for (place, span) in places.iter_mut().zip(spans) {
        if at >= span.start && place.0 == usize::MAX {
            place.0 = shown;
        }
        if at >= span.end && place.1 == usize::MAX {
            place.1 = shown;
        }
    }
}

/// A whole line as a person reads it: control characters escaped, bytes that are no UTF-8 in hex, shortened.
pub fn excerpt(line: &[u8]) -> String {
    escape(line, 0, &[]).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(native: &[u8], target: &[u8], span: (Range<usize>, Range<usize>), expected: (&str, &str)) {
        let shown = show(native, target, &vec![span]);
        let mark = shown.marks[0];
        assert_eq!(
            (&shown.native[mark.native.0..mark.native.1], &shown.target[mark.target.0..mark.target.1]),
            expected
        );
    }

    #[test]
    fn texts_without_marks_are_marked_between_characters() {
        let marked = |native: &str, target: &str| {
            let marks = marks(native, target);
            let part = |text: &str, ranges: &[Range<usize>]| -> Vec<String> {
                ranges.iter().map(|range| text[range.clone()].to_owned()).collect()
            };
            (part(native, &marks.native), part(target, &marks.target))
        };
        let owned = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(marked("a 1 b 2", "a 1 b 3"), (owned(&["2"]), owned(&["3"])));
        assert_eq!(marked("x é", "x è y"), (owned(&["é"]), owned(&["è y"])));
        assert_eq!(marked("same", "same"), (owned(&[]), owned(&[])));
    }

    #[test]
    fn marks_follow_what_is_escaped_before_them() {
        check(b"\x01\xff n = 5", b"\x01\xff n = 17", (7..8, 7..9), ("5", "17"));
        check(b"abc", b"ab", (2..3, 2..2), ("c", ""));
        assert_eq!(excerpt(b"a\x01\xff\tb"), "a\\u{1}\\xff\tb");
    }

    #[test]
    fn a_long_line_is_shown_around_its_difference() {
        let (mut native, mut target) = (vec![b'x'; 1 << 20], vec![b'x'; 1 << 20]);
        native[700_000] = b'1';
        target[700_000] = b'2';
        let shown = show(&native, &target, &vec![(700_000..700_001, 700_000..700_001)]);
        let mark = shown.marks[0];
        assert_eq!((&shown.native[mark.native.0..mark.native.1], shown.column), ("1", Some(700_001)));
        assert!(shown.native.starts_with('…') && shown.native.ends_with('…'));
        assert_eq!(shown.target.chars().count(), EXCERPT_CHARS_MAX + 2);
    }
}
