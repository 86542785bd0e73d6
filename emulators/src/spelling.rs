//! How far apart two words are, and which of the known words somebody most likely meant.
//!
//! Words are short and nearly always ASCII, so they are compared byte by byte. Nothing here knows what the words
//! stand for: triples, CPU models and the keys of a manifest are all measured alike.

/// The known words that are near enough to `given` to be worth naming, the nearest first, at most `count`.
///
/// Up to a third of the bytes may be wrong, and two in a short word; beyond that a suggestion is a guess. Case
/// does not count. Words that are equally near stand in their own order.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>, count: usize) -> Vec<&'a str> {
    let given = given.to_ascii_lowercase();
    let limit = (given.len() / 3).max(2);
    let mut found: Vec<(usize, &'a str)> = known
        .into_iter()
        .map(|word| (distance(&given, &word.to_ascii_lowercase()), word))
        .filter(|(wrong, _)| *wrong <= limit)
        .collect();
    found.sort_by_key(|(wrong, _)| *wrong);
    found.truncate(count);
    found.into_iter().map(|(_, word)| word).collect()
}

/// How many bytes must be inserted, removed, replaced, or swapped with their neighbour to turn `a` into `b`.
pub fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut earlier = vec![0; b.len() + 1];
    let mut above: Vec<usize> = (0..=b.len()).collect();
    let mut this = vec![0; b.len() + 1];
    for row in 1..=a.len() {
        this[0] = row;
        for column in 1..=b.len() {
            let differ = usize::from(a[row - 1] != b[column - 1]);
            let mut least = (above[column] + 1).min(this[column - 1] + 1).min(above[column - 1] + differ);
            let is_swap = row > 1 && column > 1 && a[row - 1] == b[column - 2] && a[row - 2] == b[column - 1];
            if is_swap {
                least = least.min(earlier[column - 2] + 1);
            }
            this[column] = least;
        }
        std::mem::swap(&mut earlier, &mut above);
        std::mem::swap(&mut above, &mut this);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_slip_of_the_hand_counts_once() {
        for (left, right, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("same", "same", 0),
            ("cortex-a53", "cortex-a35", 1),
            ("targets", "target", 1),
            ("Haswell", "haswell", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(left, right), expected, "{left} {right}");
            assert_eq!(distance(right, left), expected, "{right} {left}");
        }
    }

    #[test]
    fn only_what_comes_near_is_suggested_and_the_nearest_first() {
        let known = ["cortex-a53", "cortex-a57", "cortex-m3", "max"];
        assert_eq!(nearest("CORTEX-A55", known, 2), ["cortex-a53", "cortex-a57"]);
        assert_eq!(nearest("mxa", known, 3), ["max"]);
        assert!(nearest("power10", known, 3).is_empty());
    }
}
