//! Floating-point arithmetic that IEEE 754 fixes to the last bit: sums in a given order, products, square roots,
//! rounding, fused multiply-add, saturating casts. Equal everywhere; no sine or logarithm, whose last digit is the library's.

use std::hint::black_box;

fn main() {
    let numbers: Vec<f64> = (1..=1000).map(|n| black_box(1.0 / f64::from(n))).collect();
    let forward: f64 = numbers.iter().sum();
    let backward: f64 = numbers.iter().rev().sum();
    println!("{:016x} {:016x} {forward}", forward.to_bits(), backward.to_bits());
    // Kahan's compensated sum breaks as soon as intermediate results carry excess precision.
    let (mut sum, mut lost) = (0.0f64, 0.0f64);
    for number in &numbers {
        let corrected = number - lost;
        let next = sum + corrected;
        lost = (next - sum) - corrected;
        sum = next;
    }
    println!("{:016x} {:016x}", sum.to_bits(), lost.to_bits());
    let single: f32 = numbers.iter().map(|number| *number as f32).sum();
    println!("{:08x} {single}", single.to_bits());
    for value in [2.0f64, 0.5, 1e300, 5e-324, 12345.678] {
        let value = black_box(value);
        println!("{:016x} {:016x}", value.sqrt().to_bits(), value.mul_add(value, -1.0).to_bits());
    }
    for value in [-2.5f64, -0.4, 0.5, 1.5, 2.5, 1e18] {
        let value = black_box(value);
        println!(
            "{} {} {} {} {}",
            value.floor(),
            value.ceil(),
            value.trunc(),
            value.round(),
            value.round_ties_even()
        );
    }
    for value in [3e9f64, -3e9, 1e30, -1e30, 255.9, -0.9, f64::NAN, f64::INFINITY] {
        let value = black_box(value);
        println!("{} {} {} {} {}", value as i32, value as u32, value as u8, value as i64, value as u128);
    }
    println!("{} {}", black_box(u64::MAX) as f32, black_box(16_777_217i32) as f32);
    println!("{:?} {:?}", black_box(-0.0f64).total_cmp(&0.0), black_box(f64::NAN).partial_cmp(&1.0));
}
