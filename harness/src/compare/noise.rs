//! What is another value in each native run, and so nothing that a target could be held to.
//!
//! A value is masked only if it has been seen to vary natively, and even then the target must show a value of its kind.
//! Where more than single values vary (lines, their number, the status, bytes of a file), there is no mask: the program has
//! no result that could be compared.

use std::collections::{BTreeMap, BTreeSet};

use super::align::{self, Lines, Pair};
use super::equate::{Seen, equate, is_kin};
use super::how::How;
use super::line::{self, Decide, Ground};
use super::rules::Rule;
use super::{Difference, Side, text_key};

/// The tokens of one native line that vary, by index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Noisy(pub(super) BTreeSet<usize>);

impl Noisy {
    pub(super) const NONE: &'static Self = &Self(BTreeSet::new());

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn contains(&self, index: usize) -> bool {
        self.0.contains(&index)
    }
}

/// The values of a native run that vary, by place (`stdout`, `file NAME`) and line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Noise(BTreeMap<String, BTreeMap<u64, Noisy>>);

impl Noise {
    /// Whether nothing varies.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many values vary.
    pub fn values(&self) -> usize {
        self.0.values().flat_map(BTreeMap::values).map(|noisy| noisy.0.len()).sum()
    }

    /// Adds what another pair of runs has shown; both must be of the same first run.
    pub fn extend(&mut self, other: Self) {
        for (place, lines) in other.0 {
            let known = self.0.entry(place).or_default();
            for (number, noisy) in lines {
                known.entry(number).or_default().0.extend(noisy.0);
            }
        }
    }

    pub(super) fn at(&self, place: &str, number: u64) -> &Noisy {
        self.0.get(place).and_then(|lines| lines.get(&number)).unwrap_or(Noisy::NONE)
    }
}

/// What varies between two native runs of one program; the difference where it is more than single values.
pub fn noise(first: Side<'_>, again: Side<'_>, how: &How) -> Result<Noise, Box<Difference>> {
    let mut noise = Noise::default();
    let comparison = super::compare_by(first, again, how, &mut |place, a, b, ground| {
        let mut probe = Probe { ground, lines: BTreeMap::new(), unmatched: false };
        align::align(a, b, &mut probe);
        let steady = !probe.unmatched;
        if steady && !probe.lines.is_empty() {
            noise.0.insert(place.to_owned(), probe.lines);
        }
        steady
    });
    if comparison.is_equal() {
        return Ok(noise);
    }
    // What rules do not equate either, with its values.
    let told = super::compare(first, again, how).differences.into_iter().chain(comparison.differences).next();
    Err(told.unwrap_or_default().into())
}

/// Collects what varies in one text.
struct Probe<'a> {
    ground: Ground<'a>,
    lines: BTreeMap<u64, Noisy>,
    unmatched: bool,
}

impl<'a> Lines<'a> for Probe<'a> {
    fn equal(&mut self, native: &'a [u8], again: &'a [u8], number: u64) -> bool {
        let decoded = line::decode(native, again, self.ground);
        if decoded.native == decoded.target {
            return true;
        }
        if !decoded.in_place || native.len().max(again.len()) > line::RULED_LINE_BYTES_MAX {
            return false;
        }
        let mut varying = Varying { ground: self.ground, noisy: Noisy::default() };
        let equal = line::walk(&decoded, self.ground, &mut varying, &mut Vec::new());
        if equal && !varying.noisy.0.is_empty() {
            self.lines.insert(number, varying.noisy);
        }
        equal
    }

    fn unmatched(&mut self, _pair: Pair<'a>) -> bool {
        self.unmatched = true;
        false
    }

    fn key(&self, line: &'a [u8], _native: bool) -> u64 {
        text_key(line, self.ground.native)
    }
}

/// Takes a token for another of its kind, and notes which.
struct Varying<'a> {
    ground: Ground<'a>,
    noisy: Noisy,
}

impl Decide for Varying<'_> {
    fn decide(&self, native: Seen<'_>, again: Seen<'_>, _index: usize) -> Option<&'static [Rule]> {
        equate(native, again, self.ground.how)
            .or_else(|| is_kin(native, again).map(|_| &[Rule::NativeNoise][..]))
    }

    fn counts(&self) -> bool {
        true
    }

    fn accept(&mut self, index: usize, rules: &'static [Rule]) {
        if rules.contains(&Rule::NativeNoise) {
            self.noisy.0.insert(index);
        }
    }
}
