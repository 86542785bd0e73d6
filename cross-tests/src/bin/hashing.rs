//! Hashes with fixed keys over bytes and strings: FNV-1a, SipHash through std, a rolling hash, a hash map's contents.
//! Equal everywhere: strings hash as bytes. Integers do not (see `hash_of_integers`), and a map's order is never printed.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};

#[derive(Clone)]
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

fn hash_of(mut hasher: impl Hasher, text: &str) -> u64 {
    text.hash(&mut hasher);
    hasher.finish()
}

fn main() {
    let texts = ["", "a", "triplecheck", "The quick brown fox jumps over the lazy dog", "é日本"];
    for text in texts {
        println!(
            "{:016x} {:016x} {text}",
            hash_of(Fnv::default(), text),
            hash_of(DefaultHasher::new(), text)
        );
    }
    let rolling =
        texts[3].bytes().fold(0u32, |hash, byte| hash.wrapping_mul(257).wrapping_add(u32::from(byte)));
    println!("rolling {rolling:08x}");

    let mut counts: HashMap<char, u32, BuildHasherDefault<Fnv>> = HashMap::default();
    for letter in texts[3].chars() {
        *counts.entry(letter).or_default() += 1;
    }
    let mut sorted: Vec<_> = counts.into_iter().filter(|(_, count)| *count > 2).collect();
    sorted.sort_unstable();
    println!("{sorted:?}");
}
