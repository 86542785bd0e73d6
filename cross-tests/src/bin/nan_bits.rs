//! Faulty on purpose: the bits of a computed NaN are printed. Which NaN an invalid operation makes is the
//! machine's choice. Must differ on every target that is not x86; WebAssembly inherits the host's choice.

use std::hint::black_box;

fn main() {
    let (zero, same_zero) = (black_box(0.0f64), black_box(0.0f64));
    println!("0/0       {:016x}", (zero / same_zero).to_bits());
    let (infinity, same_infinity) = (black_box(f64::INFINITY), black_box(f64::INFINITY));
    println!("inf - inf {:016x}", (infinity - same_infinity).to_bits());
    println!("sqrt(-1)  {:016x}", black_box(-1.0f64).sqrt().to_bits());
    println!("is a NaN: {}", (zero / same_zero).is_nan());
}
