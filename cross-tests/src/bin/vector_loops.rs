//! Loops that compilers turn into SIMD instructions: saturating pixels, dot products, prefix sums, byte search.
//! Equal everywhere: integer results, and float lanes added in a fixed order.

use std::hint::black_box;

fn blend(under: &[u8], over: &[u8]) -> Vec<u8> {
    under.iter().zip(over).map(|(under, over)| under.saturating_add(over / 2)).collect()
}

fn dot_in_lanes(left: &[f32], right: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 8];
    for (left, right) in left.chunks_exact(8).zip(right.chunks_exact(8)) {
        for lane in 0..8 {
            lanes[lane] += left[lane] * right[lane];
        }
    }
    lanes.iter().sum()
}

fn main() {
    let under: Vec<u8> = (0..4096u32).map(|n| (n * 7 % 256) as u8).collect();
    let over: Vec<u8> = (0..4096u32).map(|n| (n * 13 % 256) as u8).collect();
    let blended = blend(black_box(&under), black_box(&over));
    println!("{} {:?}", blended.iter().map(|&pixel| u64::from(pixel)).sum::<u64>(), &blended[100..110]);

    let left: Vec<f32> = (0..1024u16).map(|n| f32::from(n) / 7.0).collect();
    let right: Vec<f32> = (0..1024u16).map(|n| f32::from(1024 - n) / 3.0).collect();
    println!("{:08x}", dot_in_lanes(black_box(&left), black_box(&right)).to_bits());

    let products: i64 = under.iter().zip(&over).map(|(a, b)| i64::from(*a) * i64::from(*b) - 5000).sum();
    let extremes = under.iter().zip(&over).map(|(a, b)| i16::from(*a) - i16::from(*b));
    println!("{products} {:?} {:?}", extremes.clone().min(), extremes.max());

    let mut running = 0u32;
    let prefix: Vec<u32> = under
        .iter()
        .map(|&n| {
            running = running.wrapping_mul(31).wrapping_add(u32::from(n));
            running
        })
        .collect();
    println!("{} {}", prefix[1000], prefix[4095]);
    println!("{:?} {}", over.iter().position(|&n| n == 201), over.iter().filter(|&&n| n > 127).count());
}
