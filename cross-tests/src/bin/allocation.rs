//! The allocator: a 64 MiB block, every alignment up to a page, zeroed memory, growing and shrinking, zero-sized values.
//! Equal everywhere: contents and whether addresses are aligned, never an address.

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, realloc};
use std::rc::{Rc, Weak};

fn aligned_block(alignment: usize) -> Option<bool> {
    let layout = Layout::from_size_align(alignment * 3, alignment).ok()?;
    // SAFETY: the layout has a size above zero, and the block is freed with the same layout.
    unsafe {
        let block = alloc(layout);
        let aligned = !block.is_null() && block.addr().is_multiple_of(alignment);
        dealloc(block, layout);
        Some(aligned)
    }
}

fn main() {
    let mut big = vec![0u8; 64 << 20];
    for (index, byte) in big.iter_mut().enumerate().step_by(4096) {
        *byte = (index >> 12) as u8;
    }
    println!("{} {}", big.len(), big.iter().step_by(4096).map(|byte| u64::from(*byte)).sum::<u64>());
    drop(big);

    println!("{:?}", (0..=12).map(|power| aligned_block(1 << power)).collect::<Vec<_>>());
    println!("not a power of two: {:?}", aligned_block(24));

    let layout = Layout::array::<u32>(8).expect("small");
    // SAFETY: every access is inside the block, which is freed with the layout it last had.
    unsafe {
        let block = alloc_zeroed(layout).cast::<u32>();
        for index in 0..8 {
            *block.add(index) += index as u32 * 11;
        }
        let block = realloc(block.cast(), layout, 4096).cast::<u32>();
        println!("{:?}", std::slice::from_raw_parts(block, 8));
        dealloc(block.cast(), Layout::from_size_align(4096, layout.align()).expect("small"));
    }

    let units = vec![(); 1_000_000];
    println!("{} {}", units.len(), std::mem::size_of_val(units.as_slice()));
    let shared = Rc::new(vec![1, 2, 3]);
    let watcher: Weak<_> = Rc::downgrade(&shared);
    println!("{} {:?}", Rc::strong_count(&shared), watcher.upgrade().map(|list| list.len()));
    drop(shared);
    println!("{:?}", watcher.upgrade());
}
