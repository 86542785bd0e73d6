//! Faulty on purpose: a capacity doubled until it is large enough, in `usize`, with wrapping arithmetic.
//! Must be `timeout` on 32-bit targets, where the capacity becomes 0 and stays there. Equal elsewhere.

fn capacity_for(needed: u64) -> usize {
    let mut capacity = 1usize;
    while (capacity as u64) < needed {
        // The fault: 0 is a fixed point of doubling.
        capacity = std::hint::black_box(capacity.wrapping_mul(2));
    }
    capacity
}

fn main() {
    println!("{}", capacity_for(1000));
    println!("{}", capacity_for(5 << 30));
}
