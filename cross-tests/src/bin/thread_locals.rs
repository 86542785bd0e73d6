//! Thread-local storage: own value per thread, lazily made, dropped when the thread ends.
//! Equal everywhere: values and number of drops. WASI has no threads: each visit there resets the value by hand.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicU32, Ordering};

static DROPPED: AtomicU32 = AtomicU32::new(0);

struct Noticed(Vec<u32>);

impl Drop for Noticed {
    fn drop(&mut self) {
        DROPPED.fetch_add(1, Ordering::SeqCst);
    }
}

thread_local! {
    static COUNTER: Cell<u64> = const { Cell::new(7) };
    static HISTORY: RefCell<Noticed> = const { RefCell::new(Noticed(Vec::new())) };
}

fn visit(steps: u32) -> (u64, usize) {
    for step in 0..steps {
        COUNTER.set(COUNTER.get() * 3 + u64::from(step));
        HISTORY.with_borrow_mut(|history| history.0.push(step));
    }
    (COUNTER.get(), HISTORY.with_borrow(|history| history.0.len()))
}

#[cfg(not(target_family = "wasm"))]
fn visit_apart(steps: u32) -> (u64, usize) {
    std::thread::spawn(move || visit(steps)).join().expect("no visitor panics")
}

#[cfg(target_family = "wasm")]
fn visit_apart(steps: u32) -> (u64, usize) {
    let counter = COUNTER.replace(7);
    let history = HISTORY.replace(Noticed(Vec::new()));
    let seen = visit(steps);
    COUNTER.set(counter);
    drop(HISTORY.replace(history));
    seen
}

fn main() {
    println!("main {:?}", visit(3));
    println!("apart {:?}", visit_apart(5));
    println!("apart {:?}", visit_apart(1));
    println!("main again {:?}", visit(0));
    println!("dropped {}", DROPPED.load(Ordering::SeqCst));
}
