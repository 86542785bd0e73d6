//! What the user asks of a comparison beyond the rules that hold for everybody.

use std::sync::Arc;

use regex::bytes::Regex;

use super::rules::{RULES_VERSION, Rule};
use crate::manifest::StreamMode;

/// How the runs of one program are compared.
#[derive(Debug, Clone)]
pub struct How {
    /// Standard output.
    pub stdout: StreamMode,
    /// Standard error.
    pub stderr: StreamMode,
    /// How far apart two floats may be.
    pub float: Tolerance,
    /// Replacements on both sides before lines are compared.
    pub normalise: Arc<[Normalise]>,
    /// The version of the rules: an older one leaves out what came later.
    pub rules_version: u32,
}

impl Default for How {
    fn default() -> Self {
        Self {
            stdout: StreamMode::Text,
            stderr: StreamMode::Text,
            float: Tolerance::default(),
            normalise: Arc::default(),
            rules_version: RULES_VERSION,
        }
    }
}

impl How {
    /// Whether `rule` is one of those that are asked for.
    pub(super) fn knows(&self, rule: Rule) -> bool {
        rule.about().since <= self.rules_version
    }
}

/// How far apart two floats may be and count as equal: any one of the bounds is enough. Integers, versions and times are
/// never within a tolerance.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tolerance {
    /// In representable values between them.
    pub ulps: u64,
    /// As a difference.
    pub abs: f64,
    /// As a part of the larger one.
    pub rel: f64,
    /// Whether [`Self::ulps`] counts values of 32 bits.
    pub single: bool,
    /// Whether -0.0 equals 0.0.
    pub zeros_equal: bool,
}

impl Tolerance {
    /// Whether the two finite values are near enough: never where no bound is given. Zeros of different sign are for
    /// [`Self::zeros_equal`] to decide.
    pub fn allows(&self, left: f64, right: f64) -> bool {
        if self.ulps == 0 && self.abs == 0.0 && self.rel == 0.0 {
            return false;
        }
        if left == 0.0 && right == 0.0 {
            return left.is_sign_negative() == right.is_sign_negative();
        }
        let distance = (left - right).abs();
        distance <= self.abs
            || distance <= self.rel * left.abs().max(right.abs())
            || self.ulps > 0 && self.ulps_between(left, right) <= self.ulps
    }

    /// How many representable values `right` is away from `left`.
    fn ulps_between(&self, left: f64, right: f64) -> u64 {
        // The order of floats is that of their bits as integers, but for the sign.
        let double = |value: f64| match value.to_bits().cast_signed() {
            bits if bits < 0 => i64::MIN - bits,
            bits => bits,
        };
        #[expect(clippy::cast_possible_truncation, reason = "the program printed a value of 32 bits")]
        let single = |value: f64| match (value as f32).to_bits().cast_signed() {
            bits if bits < 0 => i64::from(i32::MIN) - i64::from(bits),
            bits => i64::from(bits),
        };
        if self.single { single(left).abs_diff(single(right)) } else { double(left).abs_diff(double(right)) }
    }
}

/// One of the manifest's `normalise` rules. The engine is linear in the text, whatever the expression.
#[derive(Debug, Clone)]
pub struct Normalise {
    /// What is replaced in each line.
    pub regex: Regex,
    /// By what; `$1` stands for the first group.
    pub replace: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tolerance_is_one_of_three_bounds() {
        let ulps = |ulps, single| Tolerance { ulps, single, ..Tolerance::default() };
        let next = f64::from_bits(1.5f64.to_bits() + 1);
        assert!(ulps(1, false).allows(1.5, next) && !ulps(0, false).allows(1.5, next));
        assert!(!ulps(1, false).allows(1.5, f64::from_bits(1.5f64.to_bits() + 2)));
        assert!(ulps(2, false).allows(f64::from_bits(1), -f64::from_bits(1)), "across zero");
        assert!(ulps(1, true).allows(0.1f32.into(), f64::from(f32::from_bits(0.1f32.to_bits() + 1))));
        assert!(!ulps(1, false).allows(0.1f32.into(), f64::from(f32::from_bits(0.1f32.to_bits() + 1))));
        assert!(!Tolerance::default().allows(1.5, 1.5), "`1.5` and `1.50` are not the same text");
        assert!(!ulps(u64::MAX, false).allows(0.0, -0.0), "strict unless asked");
        let near = Tolerance { abs: 0.25, ..Tolerance::default() };
        assert!(near.allows(1.0, 1.25) && near.allows(1.25, 1.0) && !near.allows(1.0, 1.2501));
        let near = Tolerance { rel: 0.125, ..Tolerance::default() };
        assert!(near.allows(7.0, 8.0) && !near.allows(6.9, 8.0) && !near.allows(-7.0, 8.0));
    }
}
