//! A cause from lines that differ and two targets: what a maintainer would see who knew both ABIs by heart.
//!
//! A recogniser speaks only where the values fit exactly *and* the two targets differ in that respect. It looks at one
//! line or at one pair of values. What explains most of the values wins, so that one accident among many does not.
//! None of them changes a verdict.

pub(super) mod numbers;
pub(super) mod words;

use triplecheck_emulators::target::Target;

use super::abi::Abi;
use super::cause::Cause;
use super::tokens::{Lines, Pair};

/// The two targets of a difference.
pub(super) struct Sides<'a> {
    pub(super) native: Abi,
    pub(super) target: Abi,
    pub(super) native_target: &'a Target,
    pub(super) other: &'a Target,
}

impl<'a> Sides<'a> {
    pub(super) fn of(native: &'a Target, target: &'a Target) -> Self {
        Self { native: Abi::of(native), target: Abi::of(target), native_target: native, other: target }
    }
}

/// Looks at two lines.
type OfLines = fn(Lines<'_>, &Sides<'_>) -> Option<Cause>;
/// Looks at two values, and at the lines for what they are about.
type OfPair = fn(Pair<'_>, Lines<'_>, &Sides<'_>) -> Option<Cause>;

/// Lines as wholes, tried first: a dump of bytes is no list of numbers.
const OF_LINES: &[OfLines] = &[numbers::bytes_reversed, numbers::layout];

const OF_PARTS: &[OfPair] = &[
    numbers::nan,
    words::spelling,
    words::byte_order_name,
    numbers::byte_order,
    numbers::char_sign,
    numbers::long_double,
    numbers::page_size,
    numbers::wide_character,
    numbers::time_width,
    numbers::float_conversion,
    numbers::truncation,
    numbers::width,
    numbers::float_rounding,
    words::machine_name,
];

const OF_WORDS: &[OfPair] = &[words::line_ending, words::path_form, words::name_case, words::locale];

/// What fits, but by less than exactly: asked only where nothing else speaks.
const WEAK: &[OfPair] =
    &[numbers::chars_summed, numbers::first_byte, numbers::shift_count, numbers::size_of_words];

/// The most lines that are looked at: a cause that does not show in these does not show.
const LINES_MAX: usize = 200;

/// The cause that explains most of `lines`.
pub(super) fn cause(lines: &[Lines<'_>], sides: &Sides<'_>) -> Option<Cause> {
    let differing: Vec<Lines<'_>> =
        lines.iter().filter(|line| line.native != line.target).take(LINES_MAX).copied().collect();
    let mut votes = Votes::default();
    for line in &differing {
        if let Some(cause) = OF_LINES.iter().find_map(|recogniser| recogniser(*line, sides)) {
            votes.add(cause, line.parts().len().max(1));
        } else {
            votes.ask(OF_PARTS, &line.parts(), *line, sides);
            votes.ask(OF_WORDS, &line.words(), *line, sides);
        }
    }
    votes.winner().or_else(|| {
        let mut votes = Votes::default();
        for line in &differing {
            votes.ask(WEAK, &line.parts(), *line, sides);
        }
        votes.winner().or_else(|| differing.iter().find_map(|line| words::reordered(*line)))
    })
}

/// Causes and how many values each of them explains, in the order in which they came up.
#[derive(Default)]
struct Votes(Vec<(Cause, usize)>);

impl Votes {
    fn add(&mut self, cause: Cause, weight: usize) {
        match self.0.iter_mut().find(|(known, _)| *known == cause) {
            Some((_, count)) => *count += weight,
            None => self.0.push((cause, weight)),
        }
    }

    fn ask(&mut self, recognisers: &[OfPair], pairs: &[Pair<'_>], line: Lines<'_>, sides: &Sides<'_>) {
        for pair in pairs {
            if let Some(cause) = recognisers.iter().find_map(|recogniser| recogniser(*pair, line, sides)) {
                self.add(cause, 1);
            }
        }
    }

    /// The first of those with the most votes.
    fn winner(self) -> Option<Cause> {
        self.0.into_iter().rev().max_by_key(|(_, count)| *count).map(|(cause, _)| cause)
    }
}

#[cfg(test)]
mod tests;
