//! Compares what a program showed natively with what it showed on a target. Pure.
//!
//! Both sides are compared as they are first; only lines that then differ are looked at through the rules of [`rules`],
//! token by token, and every rule that made two of them equal is recorded with its count. A rule is a statement about one
//! thing that a correct program may show differently elsewhere. None ever takes one integer for another: where a number
//! may differ it is known what it is (a thread's, a duration of the test harness), or the user has asked for it, or it has
//! been seen to differ natively from run to run.

mod align;
mod binary;
mod dialect;
mod equate;
mod excerpt;
mod how;
mod line;
mod noise;
mod number;
mod rules;
mod token;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use triplecheck_emulators::launch::Kind;

use crate::faults;
use crate::manifest::StreamMode;
use crate::observation::Observation;
use crate::termination::{self, Agreement};
use align::{Lines, Pair};
use dialect::Dialect;
use line::Ground;

pub use excerpt::{EXCERPT_CHARS_MAX, Mark, Marks, excerpt, marks};
pub use how::{How, Normalise, Tolerance};
pub use noise::{Noise, noise};
pub use rules::{About, RULES, RULES_VERSION, Rule};

/// One side of a comparison.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// What was seen.
    pub observation: &'a Observation,
    /// Whether the program is a Windows one: only those may end lines with CR LF.
    pub windows: bool,
    /// Whose own lines may stand in its standard error.
    pub emulator: Kind,
}

/// What a comparison came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// The rules that made parts equal, with how often.
    pub rules: BTreeMap<Rule, u64>,
    /// What differs even so: status first, then stdout, stderr, files. Empty where nothing does.
    pub differences: Vec<Difference>,
}

/// One thing that differs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Difference {
    /// `status`, `stdout`, `stderr` or `file NAME`.
    pub place: String,
    /// The line of the first difference, from 1; the offset from 0 for a binary file; 0 for a status.
    pub at: u64,
    /// What native showed there, shortened to [`EXCERPT_CHARS_MAX`] around what differs.
    pub native: String,
    /// What the target showed there.
    pub target: String,
    /// How many further lines differ in the same place; bytes of a binary file.
    pub more: u64,
    /// The smallest parts of the two texts that differ.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub marks: Vec<Mark>,
    /// The byte of the line, from 1, where the texts do not begin at the line's own beginning.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub column: Option<u64>,
    /// Whether all the lines that differ are there on both sides, in another order.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub reordered: bool,
    /// What a reader must know of how these places were compared.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub remark: Option<String>,
}

impl Difference {
    /// The first of the smallest parts that differ, or the whole texts where nothing is marked.
    pub fn values(&self) -> (&str, &str) {
        let marked = self.marks.first().and_then(|mark| {
            Some((
                self.native.get(mark.native.0..mark.native.1)?,
                self.target.get(mark.target.0..mark.target.1)?,
            ))
        });
        marked.unwrap_or((&self.native, &self.target))
    }
}

impl Comparison {
    /// Whether nothing differs.
    pub fn is_equal(&self) -> bool {
        self.differences.is_empty()
    }

    fn count(&mut self, rule: Rule, count: u64) {
        if count > 0 {
            *self.rules.entry(rule).or_default() += count;
        }
    }
}

/// Compares a target's run with the native one.
pub fn compare(native: Side<'_>, target: Side<'_>, how: &How) -> Comparison {
    compare_beside(native, target, how, &Noise::default())
}

/// Compares a target's run with the native one beside `noise`, the values that are others in each native run.
pub fn compare_beside(native: Side<'_>, target: Side<'_>, how: &How, noise: &Noise) -> Comparison {
    let mut found: BTreeMap<Rule, u64> = BTreeMap::new();
    let mut differences = BTreeMap::new();
    let mut comparison = compare_by(native, target, how, &mut |place, a, b, ground| {
        let mut text = Text { place, ground, noise, rules: BTreeMap::new(), unmatched: Unmatched::default() };
        let aligned = align::align(a, b, &mut text);
        for (rule, count) in std::mem::take(&mut text.rules) {
            *found.entry(rule).or_default() += count;
        }
        let difference = text.difference(a, b, &aligned);
        let equal = difference.is_none();
        differences.extend(difference.map(|difference| (place.to_owned(), difference)));
        equal
    });
    for difference in &mut comparison.differences {
        if let Some(told) = differences.remove(&difference.place) {
            *difference = told;
        }
    }
    for (rule, count) in found {
        comparison.count(rule, count);
    }
    comparison
}

/// Says whether two texts at a place are equal.
type CompareText<'f> = dyn FnMut(&str, &[u8], &[u8], Ground<'_>) -> bool + 'f;

/// Compares everything, texts through `text`; of texts that differ the difference has only its place.
fn compare_by(native: Side<'_>, target: Side<'_>, how: &How, text: &mut CompareText<'_>) -> Comparison {
    let mut comparison = Comparison::default();
    let (n, t) = (native.observation, target.observation);
    match termination::agreement(native, target) {
        Agreement::Same => {}
        Agreement::Equal(rule) => comparison.count(rule, 1),
        Agreement::Different => comparison.differences.push(Difference {
            place: "status".into(),
            native: termination::describe(native),
            target: termination::describe(target),
            ..Difference::default()
        }),
    }
    let dialects = (Dialect::of(native), Dialect::of(target));
    let ground = Ground { native: &dialects.0, target: &dialects.1, how };
    let mut compare_text = |place: &str, a: &[u8], b: &[u8], comparison: &mut Comparison| {
        if a != b && !text(place, a, b, ground) {
            let difference = Difference { place: place.into(), ..Difference::default() };
            comparison.differences.push(difference);
        }
    };
    for (place, mode, a, b) in
        [("stdout", how.stdout, &n.stdout, &t.stdout), ("stderr", how.stderr, &n.stderr, &t.stderr)]
    {
        match mode {
            StreamMode::Ignore => {}
            StreamMode::Exact if a == b => {}
            StreamMode::Exact => comparison.differences.push(binary::difference(place, a, b)),
            StreamMode::Text if place == "stderr" => {
                let ((a, own_a), (b, own_b)) =
                    (faults::split(a, native.emulator), faults::split(b, target.emulator));
                comparison.count(Rule::EmulatorLines, own_a + own_b);
                compare_text(place, &a, &b, &mut comparison);
            }
            StreamMode::Text => compare_text(place, a, b, &mut comparison),
        }
    }
    let names: BTreeSet<&String> = n.files.keys().chain(t.files.keys()).collect();
    for name in names {
        let place = format!("file {name}");
        match (n.files.get(name), t.files.get(name)) {
            (Some(a), Some(b)) if a == b => {}
            (Some(a), Some(b)) if is_text(a) && is_text(b) => compare_text(&place, a, b, &mut comparison),
            (Some(a), Some(b)) => comparison.differences.push(binary::difference(&place, a, b)),
            (a, b) => comparison.differences.push(one_sided(place, a.map(|a| &a[..]), b.map(|b| &b[..]))),
        }
    }
    comparison
}

fn one_sided(place: String, native: Option<&[u8]>, target: Option<&[u8]>) -> Difference {
    let told = |side: Option<&[u8]>| {
        side.map_or("not there".to_owned(), |bytes| format!("a file of length {}", bytes.len()))
    };
    Difference { place, native: told(native), target: told(target), ..Difference::default() }
}

/// Whether a file is compared as text: UTF-8 without NUL.
fn is_text(bytes: &[u8]) -> bool {
    memchr::memchr(0, bytes).is_none() && std::str::from_utf8(bytes).is_ok()
}

/// The lines of one text while they are compared.
struct Text<'a> {
    place: &'a str,
    ground: Ground<'a>,
    noise: &'a Noise,
    rules: BTreeMap<Rule, u64>,
    unmatched: Unmatched<'a>,
}

/// What is kept of unmatched lines.
#[derive(Default)]
struct Unmatched<'a> {
    first: Option<Pair<'a>>,
    count: u64,
    /// The sums of all keys of either side: equal where the lines are the same in another order.
    sums: [u64; 2],
    lines: [u64; 2],
}

impl<'a> Lines<'a> for Text<'a> {
    fn equal(&mut self, native: &'a [u8], target: &'a [u8], number: u64) -> bool {
        let Some(fired) = line::equal(native, target, self.ground, self.noise.at(self.place, number)) else {
            return false;
        };
        for rule in fired {
            *self.rules.entry(rule).or_default() += 1;
        }
        true
    }

    fn unmatched(&mut self, pair: Pair<'a>) -> bool {
        self.unmatched.first.get_or_insert(pair);
        self.unmatched.count += 1;
        for (side, line) in [pair.native, pair.target].into_iter().enumerate() {
            if let Some(line) = line {
                self.unmatched.sums[side] = self.unmatched.sums[side].wrapping_add(self.key(line, side == 0));
                self.unmatched.lines[side] += 1;
            }
        }
        self.unmatched.count < align::UNMATCHED_MAX
    }

    fn key(&self, line: &'a [u8], native: bool) -> u64 {
        text_key(line, if native { self.ground.native } else { self.ground.target })
    }
}

impl Text<'_> {
    fn difference(self, native: &[u8], target: &[u8], aligned: &align::Aligned) -> Option<Difference> {
        let Some(first) = self.unmatched.first else {
            return self.line_feed_at_end(native, target);
        };
        let remark = match (aligned.cut, aligned.by_position) {
            (true, _) => {
                Some(format!("after {} lines that differ the rest was not compared", self.unmatched.count))
            }
            (false, true) => {
                Some("the sides have so little in common that lines were paired by number".into())
            }
            (false, false) => None,
        };
        let none: &[u8] = b"(no such line)";
        let (a, b) = (first.native.unwrap_or(none), first.target.unwrap_or(none));
        let (decoded, spans);
        let shown = if first.native.is_some() && first.target.is_some() {
            decoded = line::decode(a, b, self.ground);
            spans = line::spans(&decoded, self.ground, self.noise.at(self.place, first.number));
            excerpt::show(&decoded.native, &decoded.target, &spans)
        } else {
            excerpt::show(a, b, &Vec::new())
        };
        let Unmatched { sums, lines, count, .. } = self.unmatched;
        Some(Difference {
            place: self.place.to_owned(),
            at: first.number,
            native: shown.native,
            target: shown.target,
            more: count - 1,
            marks: shown.marks,
            column: shown.column,
            reordered: !aligned.cut && lines[0] == lines[1] && lines[0] > 0 && sums[0] == sums[1],
            remark,
        })
    }

    /// All lines are equal, and the last one ends on one side only.
    fn line_feed_at_end(&self, native: &[u8], target: &[u8]) -> Option<Difference> {
        let ends = |text: &[u8]| text.is_empty() || text.ends_with(b"\n");
        if ends(native) == ends(target) {
            return None;
        }
        let told =
            |text: &[u8]| if ends(text) { "(a line feed at the end)" } else { "(no line feed at the end)" };
        Some(Difference {
            place: self.place.to_owned(),
            at: native.split(|byte| *byte == b'\n').count() as u64 - u64::from(ends(native)),
            native: told(native).to_owned(),
            target: told(target).to_owned(),
            ..Difference::default()
        })
    }
}

/// A line as it is looked for on the other side: without its side's ending, colours, directories and spellings of NaN.
fn text_key(line: &[u8], dialect: &Dialect) -> u64 {
    if line.len() > line::RULED_LINE_BYTES_MAX {
        return align::hash(line);
    }
    let line = if dialect.windows { line.strip_suffix(b"\r").unwrap_or(line) } else { line };
    let (mut key, mut at) = (Vec::with_capacity(line.len()), 0);
    while at < line.len() {
        let token = token::next(line, at, dialect);
        let text = &line[at..token.end];
        let (known, rest): (&str, Cow<'_, [u8]>) = match token.class {
            token::Class::Path(root) => dialect.meaning(text, root),
            token::Class::Nan => ("nan", Cow::Borrowed(&[])),
            _ => ("", Cow::Borrowed(text)),
        };
        key.extend_from_slice(known.as_bytes());
        key.extend_from_slice(&rest);
        at = token.end;
    }
    align::hash(&key)
}

#[cfg(test)]
mod tests;
