//! Legal difference: a random number, which is another one in every run. Equivalent everywhere.

use std::hash::{BuildHasher, RandomState};

fn main() {
    println!("session {}", RandomState::new().hash_one(1));
    println!("2 users");
}
