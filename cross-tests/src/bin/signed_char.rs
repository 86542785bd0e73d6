//! Faulty on purpose: bytes passed through C's `char`, whose sign is the platform's choice, are widened to `i32`.
//! Must differ where plain char is unsigned: Arm, RISC-V, s390x and PowerPC on Linux.

use std::ffi::c_char;

fn widen(byte: c_char) -> i32 {
    byte.into()
}

fn main() {
    let text = "naïve";
    let sum: i32 = text.bytes().map(|byte| widen(byte as c_char)).sum();
    println!("sum {sum}");
    println!("smallest {:?}", text.bytes().map(|byte| widen(byte as c_char)).min());
}
