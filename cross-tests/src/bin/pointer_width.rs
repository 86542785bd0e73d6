//! Faulty on purpose: file sizes kept in `usize`. Must differ on 32-bit targets, where the upper half is lost.

fn main() {
    let sizes = [700u64, 3 << 30, 5 << 30, 1 << 40];
    for size in sizes {
        // The fault: a size in a file need not fit the address space.
        let kept = std::hint::black_box(size) as usize;
        println!("{size} bytes, {} blocks of 4 KiB", kept / 4096);
    }
}
