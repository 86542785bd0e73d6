//! Lines as words and numbers.

/// Two lines that stand for each other and differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lines<'a> {
    pub(super) native: &'a str,
    pub(super) target: &'a str,
}

/// Two words, or parts of words, that stand at the same place and differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair<'a> {
    pub(super) native: &'a str,
    pub(super) target: &'a str,
}

impl<'a> Lines<'a> {
    /// The words that differ, blank-separated.
    pub(super) fn words(self) -> Vec<Pair<'a>> {
        pairs(self.native.split_whitespace(), self.target.split_whitespace())
    }

    /// The numbers and names that differ: words without the punctuation around and between them.
    pub(super) fn parts(self) -> Vec<Pair<'a>> {
        pairs(parts(self.native), parts(self.target))
    }

    /// Whether one of `words` occurs in what both lines say.
    pub(super) fn speaks_of(self, words: &[&str]) -> bool {
        let native = self.native.to_ascii_lowercase();
        words.iter().any(|word| native.contains(word))
    }
}

fn pairs<'a>(native: impl Iterator<Item = &'a str>, target: impl Iterator<Item = &'a str>) -> Vec<Pair<'a>> {
    let all = native.zip(target).map(|(native, target)| Pair { native, target });
    all.filter(|pair| pair.native != pair.target).collect()
}

/// `fields at (0x10, -2.5): a.b` as `fields`, `at`, `0x10`, `-2.5`, `a`, `b`: a point belongs to a number only where
/// there is just one.
pub(super) fn parts(line: &str) -> impl Iterator<Item = &str> {
    let outer = line.split(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-' | '+' | '_' | '#')));
    let word = |part: &&str| !part.is_empty();
    outer.map(|part| part.trim_end_matches(['.', '-', '+'])).filter(word).flat_map(|part| {
        // `1.#INF` is how old C libraries of Windows write it.
        let is_number = part.parse::<f64>().is_ok() || part.contains('#');
        let inner = move |c: char| !is_number && c == '.';
        part.split(inner).filter(|part| !part.is_empty())
    })
}

/// An integer in decimal or, with `0x`, in hex.
pub(super) fn integer(text: &str) -> Option<i128> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u128::from_str_radix(digits, 16).ok()?.try_into().ok(),
        None => text.parse().ok(),
    }
}

/// The bytes that an even number of hex digits stands for, at least two bytes.
pub(super) fn hex_bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x").unwrap_or(text).as_bytes();
    let even = digits.len() >= 4 && digits.len().is_multiple_of(2);
    if !even || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    digits.chunks_exact(2).map(|two| Some(value(two[0])? << 4 | value(two[1])?)).collect()
}

/// The bytes of a dump: every part of the line that is two hex digits.
pub(super) fn dumped_bytes(line: &str) -> Vec<u8> {
    let two = |part: &&str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    parts(line).filter(two).filter_map(|part| u8::from_str_radix(part, 16).ok()).collect()
}

/// The parts of a line that are decimal bytes.
pub(super) fn decimal_bytes(line: &str) -> Vec<u8> {
    parts(line).filter_map(|part| part.parse().ok()).collect()
}

/// Whether `target` is `native` with the bytes of numbers of 2, 4, 8 or 16 bytes reversed where they differ.
pub(super) fn reversed_in_groups(native: &[u8], target: &[u8], widths: &[usize]) -> bool {
    if native.len() != target.len() || native == target {
        return false;
    }
    let (mut done, mut at) = (0, 0);
    while at < native.len() {
        if native[at] == target[at] {
            at += 1;
            continue;
        }
        // The first and the last byte of a number may be equal, so it may start before the first difference.
        let group = widths.iter().find_map(|width| {
            (done.max((at + 1).saturating_sub(*width))..=at).rev().find_map(|start| {
                let (left, right) = (native.get(start..start + width)?, target.get(start..start + width)?);
                left.iter().rev().eq(right).then_some(start + width)
            })
        });
        match group {
            Some(end) => (done, at) = (end, end),
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn punctuation_belongs_to_no_part_but_signs_and_one_point_do() {
        let split: Vec<&str> = parts("at (0x10, -2.5): 1.2.3.4, n=7.").collect();
        assert_eq!(split, ["at", "0x10", "-2.5", "1", "2", "3", "4", "n", "7"]);
    }

    #[test]
    fn numbers_inside_longer_bytes_are_found_reversed() {
        let all = &[2, 4, 8, 16];
        assert!(reversed_in_groups(b"ab\x01\x02\x03\x04cd", b"ab\x04\x03\x02\x01cd", all));
        assert!(reversed_in_groups(&[0, 0, 1, 0], &[0, 1, 0, 0], all), "equal at both ends");
        assert!(reversed_in_groups(&[1, 2, 9, 3, 4, 5, 6], &[2, 1, 9, 6, 5, 4, 3], all));
        assert!(!reversed_in_groups(&[1, 2, 3], &[3, 2, 1], all), "no number has three bytes");
        assert!(!reversed_in_groups(&[1, 2, 3, 4], &[1, 2, 3, 4], all));
        assert!(!reversed_in_groups(&[1, 2, 3, 4], &[4, 3, 2, 0], all));
        assert!(!reversed_in_groups(&[1, 2], &[2, 1, 0], all));
    }
}
