//! A small library whose unit tests are guests too: a codec and a counter, one test of each kind a test run can hold.
//!
//! The faults here are deliberate and labelled in `triplecheck.toml`.

/// Encoding of small records.
pub mod codec {
    /// Writes a length-prefixed text, the length in big-endian order.
    pub fn encode(text: &str) -> Vec<u8> {
        let length = u16::try_from(text.len()).expect("texts are short");
        [&length.to_be_bytes(), text.as_bytes()].concat()
    }

    /// Reads what [`encode`] wrote; `None` when the bytes end early or are not text.
    pub fn decode(bytes: &[u8]) -> Option<&str> {
        let (length, rest) = bytes.split_first_chunk()?;
        std::str::from_utf8(rest.get(..usize::from(u16::from_be_bytes(*length)))?).ok()
    }

    /// Faulty on purpose: the same in the machine's own byte order.
    pub fn encode_length_natively(length: u16) -> [u8; 2] {
        length.to_ne_bytes()
    }

    #[cfg(test)]
    mod tests {
        use super::{decode, encode, encode_length_natively};

        #[test]
        fn a_text_survives_the_round_trip() {
            assert_eq!(decode(&encode("héllo")), Some("héllo"));
        }

        #[test]
        fn an_empty_text_is_two_bytes() {
            assert_eq!(encode(""), [0, 0]);
        }

        #[test]
        fn a_short_input_is_refused() {
            assert_eq!(decode(&[0]), None);
            assert_eq!(decode(&[0, 5, b'a']), None);
        }

        #[test]
        #[should_panic(expected = "texts are short")]
        fn a_long_text_is_refused() {
            encode(&"x".repeat(70_000));
        }

        /// Passes on little-endian targets only.
        #[test]
        fn native_length_is_little_endian() {
            assert_eq!(encode_length_natively(0x0102), [2, 1]);
        }
    }
}

/// Counting of words.
pub mod words {
    use std::collections::BTreeMap;

    /// How often each word occurs, case ignored.
    pub fn count(text: &str) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for word in text.split_whitespace() {
            *counts.entry(word.to_lowercase()).or_default() += 1;
        }
        counts
    }

    /// The length of the longest word in characters; panics without words.
    pub fn longest(text: &str) -> usize {
        text.split_whitespace().map(|word| word.chars().count()).max().expect("a text has words")
    }

    #[cfg(test)]
    mod tests {
        use super::{count, longest};

        #[test]
        fn case_is_ignored() {
            assert_eq!(count("The the THE").get("the"), Some(&3));
        }

        #[test]
        fn nothing_counts_as_nothing() {
            assert!(count(" \t\n").is_empty());
        }

        #[test]
        fn characters_count_not_bytes() {
            assert_eq!(longest("日本語 ab"), 3);
        }

        #[test]
        fn a_panic_can_be_caught() {
            let outcome = std::panic::catch_unwind(|| longest(""));
            assert!(outcome.is_err());
        }

        #[test]
        fn output_is_captured() {
            println!("a line without meaning");
            eprint!("and one without its end");
            assert_eq!(count("a b").len(), 2);
        }

        #[test]
        #[ignore = "takes longer than it tells"]
        fn many_words() {
            assert_eq!(count(&"word ".repeat(1_000_000)).get("word"), Some(&1_000_000));
        }

        #[test]
        fn returns_a_result() -> Result<(), std::num::ParseIntError> {
            assert_eq!("12".parse::<usize>()?, longest("twelve-chars"));
            Ok(())
        }

        /// Not compiled on 32-bit targets, so the case is missing there, which `cfg` explains.
        #[cfg(target_pointer_width = "64")]
        #[test]
        fn counts_beyond_32_bits() {
            assert!(usize::try_from(1u64 << 40).is_ok());
        }
    }
}

/// What a program may know of its target's words.
pub mod abi {
    /// Bytes of a word.
    pub fn word_bytes() -> usize {
        size_of::<usize>()
    }

    #[cfg(test)]
    mod tests {
        use std::ffi::c_char;

        use super::word_bytes;

        /// Passes on 64-bit targets only, as the next three.
        #[test]
        fn a_word_on_64_bits() {
            assert_eq!(word_bytes(), 8);
        }

        #[test]
        fn a_reference_on_64_bits() {
            assert_eq!(size_of::<&u8>(), 8);
        }

        #[test]
        fn a_slice_on_64_bits() {
            assert_eq!(size_of::<&[u8]>() * 8, 128, "two words in bits");
        }

        #[test]
        fn the_largest_word_on_64_bits() {
            assert_eq!(usize::MAX.to_string(), "18446744073709551615");
        }

        /// Passes where C's `char` is signed.
        #[test]
        fn a_byte_above_127_is_negative() {
            assert_eq!(i32::from(std::hint::black_box(0xc8_u8) as c_char), -56);
        }
    }
}
