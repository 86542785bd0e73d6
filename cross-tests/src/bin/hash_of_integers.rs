//! Faulty on purpose: an on-disk bucket number taken from std's hash of integers, which feeds the hasher
//! their bytes in machine order. Must differ on big-endian targets and nowhere else.

use std::hash::{DefaultHasher, Hash, Hasher};

fn bucket(key: u32) -> u64 {
    let mut hasher = DefaultHasher::new();
    // The fault: hashing the integer instead of its bytes in a stated order.
    key.hash(&mut hasher);
    hasher.finish() % 64
}

fn main() {
    for key in [1u32, 2, 1000, 0xdead_beef] {
        println!("key {key} goes to bucket {}", bucket(key));
    }
}
