//! Legal difference: how long something took. Equivalent everywhere.

use std::time::Instant;

fn main() {
    let start = Instant::now();
    let sum: u64 = (0..200_000u64).map(std::hint::black_box).sum();
    println!("sum {sum}");
    println!("took {} ns", start.elapsed().as_nanos());
}
