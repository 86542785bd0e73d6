//! Integer arithmetic in every width: wrapping, checked, saturating, shifts, 128-bit products and quotients, roots.
//! Equal everywhere: all results; nothing here depends on the width of `usize`.

use std::hint::black_box;

fn gcd(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn main() {
    let big = black_box(0xfedc_ba98_7654_3210_0123_4567_89ab_cdef_u128);
    let small = black_box(1_000_000_007_u64);
    println!("{} {}", big / u128::from(small), big % u128::from(small));
    println!("{}", big.wrapping_mul(big) ^ (big >> 3));
    println!("{}", gcd(big, u128::from(small) * 12));
    let factorial = (1..=33u128).product::<u128>();
    println!("33! = {factorial}, 34! fits: {}", factorial.checked_mul(black_box(35) * 9).is_some());
    let negative = black_box(-170_141_183_460_469_231_731_687_303_715_884_105_728_i128);
    println!("{} {} {}", negative / 10, negative % 10, negative.rem_euclid(7));
    println!("{:?} {:?}", negative.checked_neg(), negative.checked_div(-1));

    println!("{} {}", black_box(i8::MIN).wrapping_neg(), black_box(i8::MIN).saturating_neg());
    println!("{:?} {:?}", black_box(200u8).checked_add(55), black_box(200u8).overflowing_add(56));
    println!("{} {}", black_box(-7i32) / 2, black_box(-7i32).div_euclid(2));
    println!("{} {}", black_box(-7i64) >> 1, black_box(1u64).rotate_right(1));
    println!("{} {}", black_box(u64::MAX).saturating_add(1), black_box(i64::MIN).unsigned_abs());
    println!("{} {}", black_box(3i64).pow(39), black_box(99_999_999u64).isqrt());
    println!("{} {}", black_box(300i32) as u8, black_box(-1i16) as u32);
    for value in [0u64, 1, 0xff00, u64::MAX / 3] {
        let value = black_box(value);
        println!(
            "{} {} {} {}",
            value.count_ones(),
            value.leading_zeros(),
            value.trailing_zeros(),
            value.swap_bytes()
        );
    }
    for text in ["18446744073709551615", "18446744073709551616", "-1", "+7", "", "0x10"] {
        println!("{text:?} -> {:?}", text.parse::<u64>().map_err(|error| error.to_string()));
    }
}
