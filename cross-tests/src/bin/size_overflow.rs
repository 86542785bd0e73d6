//! Faulty on purpose: the size of an image computed in `usize`. Must be `cross-fail` on 32-bit targets,
//! where the product overflows and a debug build panics. Equal elsewhere.

fn bytes_needed(width: usize, height: usize) -> usize {
    // The fault: no checked multiplication, no wider type.
    width * height * 4
}

fn main() {
    for (width, height) in [(640, 480), (30_000, 30_000), (70_000, 70_000)] {
        println!("{width} x {height}");
        println!("  {} bytes", bytes_needed(std::hint::black_box(width), height));
    }
}
