//! Two lines, token by token: whether rules make them equal, and if not, where they differ.

use std::borrow::Cow;
use std::ops::Range;

use super::dialect::Dialect;
use super::equate::{Seen, equate, is_kin};
use super::how::How;
use super::noise::Noisy;
use super::rules::Rule;
use super::token::{Class, Token, is_blank, next};

/// A longer line is compared but for its ending byte by byte: nobody reads it, and rules would copy it.
pub(super) const RULED_LINE_BYTES_MAX: usize = 16 << 20;
/// So far behind the first difference of a line further ones are marked.
const MARKED_BYTES_MAX: usize = 400;

/// What two lines are compared by.
#[derive(Clone, Copy)]
pub(super) struct Ground<'a> {
    pub(super) native: &'a Dialect,
    pub(super) target: &'a Dialect,
    pub(super) how: &'a How,
}

/// Both lines after what is done to whole lines, and the rules that did it.
pub(super) struct Decoded<'a> {
    pub(super) native: Cow<'a, [u8]>,
    pub(super) target: Cow<'a, [u8]>,
    pub(super) rules: Vec<Rule>,
    /// Whether tokens are still where they are in the native line by itself.
    pub(super) in_place: bool,
}

/// The spans of the smallest parts that differ: native and target.
pub(super) type Spans = Vec<(Range<usize>, Range<usize>)>;

/// The rules that make two lines equal, `None` where none do. `noisy` are the native line's tokens that vary natively.
pub(super) fn equal(native: &[u8], target: &[u8], ground: Ground<'_>, noisy: &Noisy) -> Option<Vec<Rule>> {
    let mut decoded = decode(native, target, ground);
    if decoded.native == decoded.target {
        return Some(decoded.rules);
    }
    if native.len().max(target.len()) > RULED_LINE_BYTES_MAX {
        return None;
    }
    let mut fired = std::mem::take(&mut decoded.rules);
    let mut judge = Judge { ground, noisy: if decoded.in_place { noisy } else { Noisy::NONE } };
    walk(&decoded, ground, &mut judge, &mut fired).then_some(fired)
}

/// What is done to whole lines: endings, colours, the user's replacements.
pub(super) fn decode<'a>(native: &'a [u8], target: &'a [u8], ground: Ground<'_>) -> Decoded<'a> {
    let mut rules = Vec::new();
    let (mut left, mut right) = (native, target);
    if left.ends_with(b"\r") != right.ends_with(b"\r") || left.len() != right.len() {
        for (line, dialect) in [(&mut left, ground.native), (&mut right, ground.target)] {
            if dialect.windows && line.ends_with(b"\r") {
                *line = &line[..line.len() - 1];
                rules.push(Rule::Crlf);
            }
        }
    }
    let mut decoded = Decoded { native: left.into(), target: right.into(), rules, in_place: true };
    if native.len().max(target.len()) > RULED_LINE_BYTES_MAX || decoded.native == decoded.target {
        return decoded;
    }
    colours(&mut decoded, ground.how);
    if ground.how.knows(Rule::Normalise) {
        normalise(&mut decoded, ground.how);
    }
    decoded
}

/// Takes colours away where only one side has any; where both have, they must be the same.
fn colours(decoded: &mut Decoded<'_>, how: &How) {
    const ESCAPE: u8 = 0x1b;
    let (left, right) = (decoded.native.contains(&ESCAPE), decoded.target.contains(&ESCAPE));
    if left == right || !how.knows(Rule::Ansi) {
        return;
    }
    decoded.in_place = !left;
    let line = if left { &mut decoded.native } else { &mut decoded.target };
    let plain = without_colours(line);
    if plain.len() < line.len() {
        *line = Cow::Owned(plain);
        decoded.rules.push(Rule::Ansi);
    }
}

/// `line` without sequences that set colours (`ESC [ … m`) or links and titles (`ESC ] … BEL` or `ESC \`).
fn without_colours(line: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some((first, after)) = rest.split_first() {
        let len = match rest {
            [0x1b, b'[', parameters @ ..] => {
                let len = parameters
                    .iter()
                    .take_while(|byte| byte.is_ascii_digit() || b";:".contains(byte))
                    .count();
                (parameters.get(len) == Some(&b'm')).then_some(len + 3)
            }
            [0x1b, b']', text @ ..] => {
                let len = text.iter().take_while(|byte| !matches!(byte, 0x07 | 0x1b)).count();
                match &text[len..] {
                    [0x07, ..] => Some(len + 3),
                    [0x1b, b'\\', ..] => Some(len + 4),
                    _ => None,
                }
            }
            _ => None,
        };
        if len.is_none() {
            out.push(*first);
        }
        rest = len.map_or(after, |len| &rest[len..]);
    }
    out
}

fn normalise(decoded: &mut Decoded<'_>, how: &How) {
    let mut changed = false;
    for rule in how.normalise.iter() {
        for line in [&mut decoded.native, &mut decoded.target] {
            if let Cow::Owned(new) = rule.regex.replace_all(line, rule.replace.as_bytes()) {
                changed = true;
                *line = Cow::Owned(new);
            }
        }
    }
    if changed {
        decoded.rules.push(Rule::Normalise);
    }
}

/// Decides about pairs of different tokens.
pub(super) trait Decide {
    /// The rules that make them equal; `index` counts the tokens of the native line.
    fn decide(&self, native: Seen<'_>, target: Seen<'_>, index: usize) -> Option<&'static [Rule]>;
    /// Whether `index` matters, so that no token may be passed over.
    fn counts(&self) -> bool;
    /// Told of a pair that was decided to be equal by `rules` and is where it may be.
    fn accept(&mut self, _index: usize, _rules: &'static [Rule]) {}
}

struct Judge<'a> {
    ground: Ground<'a>,
    noisy: &'a Noisy,
}

impl Decide for Judge<'_> {
    fn decide(&self, native: Seen<'_>, target: Seen<'_>, index: usize) -> Option<&'static [Rule]> {
        equate(native, target, self.ground.how).or_else(|| {
            self.noisy.contains(index).then_some(())?;
            match is_kin(native, target)? {
                Rule::Ptr => Some(&[Rule::Ptr][..]),
                _ => Some(&[Rule::NativeNoise]),
            }
        })
    }

    fn counts(&self) -> bool {
        !self.noisy.is_empty()
    }
}

/// A cursor over the tokens of one line.
#[derive(Clone, Copy)]
struct Tokens<'a> {
    line: &'a [u8],
    dialect: &'a Dialect,
    at: usize,
    index: usize,
}

impl<'a> Tokens<'a> {
    fn new(line: &'a [u8], dialect: &'a Dialect) -> Self {
        Self { line, dialect, at: 0, index: 0 }
    }

    fn peek(&self) -> Option<Seen<'a>> {
        (self.at < self.line.len()).then(|| Seen {
            line: self.line,
            token: next(self.line, self.at, self.dialect),
            dialect: self.dialect,
        })
    }

    fn pass(&mut self, token: Token) {
        self.at = token.end;
        self.index += 1;
    }

    /// The blanks here, which may be none, passed.
    fn blanks(&mut self) -> usize {
        match self.peek() {
            Some(seen) if seen.token.class == Class::Blank => {
                self.pass(seen.token);
                seen.token.end - seen.token.start
            }
            _ => 0,
        }
    }
}

/// Walks both lines; false at the first pair that nothing makes equal. Where a rule equates tokens of different lengths,
/// the blanks that pad them to a column may differ by as much.
pub(super) fn walk(
    decoded: &Decoded<'_>,
    ground: Ground<'_>,
    judge: &mut dyn Decide,
    fired: &mut Vec<Rule>,
) -> bool {
    let mut left = Tokens::new(&decoded.native, ground.native);
    let mut right = Tokens::new(&decoded.target, ground.target);
    if !judge.counts() {
        left.at = common_tokens(&decoded.native, &decoded.target, ground);
        right.at = left.at;
    }
    // By how much the native token before was longer than the target's.
    let mut owed = 0;
    loop {
        match step(&mut left, &mut right, owed, judge, fired) {
            Some(Step::Went { longer }) => owed = longer,
            Some(Step::Ended) => return true,
            None => return false,
        }
    }
}

/// Where the last blanks begin before the first difference: no token spans them, so that both lines are cut there alike.
/// Only a path may hold blanks, behind a quote or in a root.
fn common_tokens(native: &[u8], target: &[u8], ground: Ground<'_>) -> usize {
    let common = &native[..super::align::common_prefix(native, target)];
    if memchr::memchr3(b'"', b'\'', b'`', common).is_some()
        || ground.native.has_blank_roots()
        || ground.target.has_blank_roots()
    {
        return 0;
    }
    let Some(last) = memchr::memrchr2(b' ', b'\t', common) else { return 0 };
    common[..last].iter().rposition(|byte| !is_blank(*byte)).map_or(0, |at| at + 1)
}

enum Step {
    Went { longer: isize },
    Ended,
}

/// One pair of tokens, or of blanks and tokens; `None` where they differ, with both cursors where they were.
fn step(
    left: &mut Tokens<'_>,
    right: &mut Tokens<'_>,
    owed: isize,
    judge: &mut dyn Decide,
    fired: &mut Vec<Rule>,
) -> Option<Step> {
    let (a, b) = (left.peek(), right.peek());
    if let (None, None) = (&a, &b) {
        return Some(Step::Ended);
    }
    if let (Some(a), Some(b)) = (&a, &b)
        && a.text() == b.text()
    {
        left.pass(a.token);
        right.pass(b.token);
        return Some(Step::Went { longer: 0 });
    }
    let (mut new_left, mut new_right) = (*left, *right);
    let padding = len(new_left.blanks()) - len(new_right.blanks());
    if owed != 0 && padding == -owed {
        (*left, *right) = (new_left, new_right);
        return Some(Step::Went { longer: 0 });
    }
    let (a, b) = (new_left.peek()?, new_right.peek()?);
    let longer = len(a.text().len()) - len(b.text().len());
    if padding != 0 && padding != -longer {
        return None;
    }
    let rules = judge.decide(a, b, new_left.index)?;
    judge.accept(new_left.index, rules);
    fired.extend_from_slice(rules);
    new_left.pass(a.token);
    new_right.pass(b.token);
    (*left, *right) = (new_left, new_right);
    Some(Step::Went { longer: if padding == 0 { longer } else { 0 } })
}

fn len(count: usize) -> isize {
    isize::try_from(count).unwrap_or(isize::MAX)
}

/// The smallest parts in which two lines differ: single tokens where the lines are built alike, else what is left between
/// a common beginning and a common end.
pub(super) fn spans(decoded: &Decoded<'_>, ground: Ground<'_>, noisy: &Noisy) -> Spans {
    if decoded.native.len().max(decoded.target.len()) > RULED_LINE_BYTES_MAX {
        return vec![between(&decoded.native, &decoded.target, 0, 0)];
    }
    let mut judge = Judge { ground, noisy: if decoded.in_place { noisy } else { Noisy::NONE } };
    let mut left = Tokens::new(&decoded.native, ground.native);
    let mut right = Tokens::new(&decoded.target, ground.target);
    let (mut spans, mut owed) = (Spans::new(), 0);
    loop {
        match step(&mut left, &mut right, owed, &mut judge, &mut Vec::new()) {
            Some(Step::Went { longer }) => owed = longer,
            Some(Step::Ended) => return spans,
            None => {
                let first = spans
                    .first()
                    .map_or((left.at, right.at), |(a, b): &(Range<_>, Range<_>)| (a.start, b.start));
                let (Some(a), Some(b)) = (left.peek(), right.peek()) else {
                    return vec![between(&decoded.native, &decoded.target, first.0, first.1)];
                };
                if a.token.class == Class::Blank || b.token.class == Class::Blank {
                    return vec![between(&decoded.native, &decoded.target, first.0, first.1)];
                }
                spans.push((a.token.start..a.token.end, b.token.start..b.token.end));
                left.pass(a.token);
                right.pass(b.token);
                owed = len(a.text().len()) - len(b.text().len());
                if a.token.end > first.0 + MARKED_BYTES_MAX || b.token.end > first.1 + MARKED_BYTES_MAX {
                    return spans;
                }
            }
        }
    }
}

/// What is left of both lines from `left` and `right` on when the common beginning and the common end are taken away.
fn between(native: &[u8], target: &[u8], left: usize, right: usize) -> (Range<usize>, Range<usize>) {
    let (a, b) = (&native[left..], &target[right..]);
    let mut start = super::align::common_prefix(a, b);
    let inside = |text: &[u8], at: usize| text.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
    // Not in the middle of a character.
    while start > 0 && (inside(a, start) || inside(b, start)) {
        start -= 1;
    }
    let mut end = super::align::common_suffix(&a[start..], &b[start..]);
    while end > 0 && (inside(a, a.len() - end) || inside(b, b.len() - end)) {
        end -= 1;
    }
    (left + start..native.len() - end, right + start..target.len() - end)
}

/// The smallest parts in which two texts without any context differ.
pub(super) fn plain_spans(native: &[u8], target: &[u8]) -> Spans {
    if native == target {
        return Spans::new();
    }
    let (dialect, how) = (Dialect::default(), How::default());
    let ground = Ground { native: &dialect, target: &dialect, how: &how };
    let decoded = Decoded { native: native.into(), target: target.into(), rules: Vec::new(), in_place: true };
    spans(&decoded, ground, Noisy::NONE)
}
