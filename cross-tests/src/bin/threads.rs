//! Threads: joined results, scoped borrows, a barrier, shared atomics (64-bit ones on 32-bit targets too).
//! Equal everywhere: the results, which no schedule can change.
//! WASI has no threads: there the same work runs one piece after the other, without the barrier.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

const WORKERS: u64 = 8;
const THREADED: bool = !cfg!(target_family = "wasm");

fn triangle(worker: u64) -> u64 {
    (0..=worker * 1000).sum()
}

fn main() {
    let sums: Vec<u64> = if THREADED {
        let handles: Vec<_> = (0..WORKERS).map(|worker| thread::spawn(move || triangle(worker))).collect();
        handles.into_iter().map(|handle| handle.join().expect("no worker panics")).collect()
    } else {
        (0..WORKERS).map(triangle).collect()
    };
    println!("joined {sums:?}");

    let text = String::from("borrowed by scoped threads");
    let counted = AtomicU64::new(1 << 40);
    let count = |letter: char| {
        counted.fetch_add(text.matches(letter).count() as u64, Ordering::Relaxed);
    };
    if THREADED {
        let count = &count;
        thread::scope(|scope| {
            for letter in ['b', 'e', 's'] {
                scope.spawn(move || count(letter));
            }
        });
    } else {
        ['b', 'e', 's'].into_iter().for_each(count);
    }
    println!("counted {}", counted.into_inner());

    let arrived = Arc::new(AtomicU32::new(0));
    let late = Arc::new(AtomicU32::new(0));
    if THREADED {
        let barrier = Arc::new(Barrier::new(4));
        let handles: Vec<_> = (0..4)
            .map(|_| {
                let (barrier, arrived, late) =
                    (Arc::clone(&barrier), Arc::clone(&arrived), Arc::clone(&late));
                thread::spawn(move || {
                    arrived.fetch_add(1, Ordering::SeqCst);
                    barrier.wait();
                    late.fetch_add(u32::from(arrived.load(Ordering::SeqCst) != 4), Ordering::SeqCst);
                })
            })
            .collect();
        handles.into_iter().for_each(|handle| handle.join().expect("no worker panics"));
    } else {
        arrived.store(4, Ordering::SeqCst);
    }
    println!("arrived {}, saw fewer {}", arrived.load(Ordering::SeqCst), late.load(Ordering::SeqCst));
}
