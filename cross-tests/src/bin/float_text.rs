//! Floating-point numbers as text: shortest printing, fixed digits, exponents, parsing, round trips, edge values.
//! Equal everywhere: std does this in software. A NaN is printed only as `NaN`, never as bits.

fn main() {
    let edges = [
        0.1,
        -0.0,
        1.0 / 3.0,
        1e21,
        1e-7,
        123_456_789.125,
        f64::MAX,
        f64::MIN_POSITIVE,
        5e-324,
        f64::EPSILON,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
    ];
    for value in edges {
        println!("{value} {value:?} {value:e} {value:.3} {value:+010.2} {}", value as f32);
    }
    for text in
        ["1e308", "1e309", "4.9e-324", "2.4e-324", "0.30000000000000004", "inf", "-NaN", "1_0", ".5", "1e"]
    {
        println!("{text:?} -> {:?}", text.parse::<f64>().ok());
    }
    // A linear congruential sequence of bit patterns: each finite one must survive the way through text.
    let (mut bits, mut survived, mut digits) = (1u64, 0, 0);
    for _ in 0..2000 {
        bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let value = f64::from_bits(bits);
        if value.is_finite() {
            let text = format!("{value:e}");
            digits += text.len();
            survived += u32::from(text.parse::<f64>().is_ok_and(|back| back.to_bits() == bits));
        }
    }
    println!("{survived} survived, {digits} characters");
}
