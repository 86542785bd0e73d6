//! Locks: mutex, read-write lock, condition variable, one-time initialisation, and a lock poisoned by a panic.
//! Equal everywhere: totals and poison. WASI has no threads: there every worker runs to its end in turn.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, LazyLock, Mutex, OnceLock, RwLock};

static LIMIT: OnceLock<u32> = OnceLock::new();
static TABLE: LazyLock<Vec<u32>> = LazyLock::new(|| (1..=10).map(|n| n * n).collect());

fn run_all(workers: Vec<Box<dyn FnOnce() + Send + '_>>) {
    if cfg!(target_family = "wasm") {
        workers.into_iter().for_each(|worker| worker());
    } else {
        std::thread::scope(|scope| {
            for worker in workers {
                scope.spawn(worker);
            }
        });
    }
}

fn main() {
    let total = Mutex::new(0u32);
    let limits = RwLock::new(Vec::new());
    let finished = (Mutex::new(0), Condvar::new());
    let mut workers: Vec<Box<dyn FnOnce() + Send + '_>> = Vec::new();
    for id in 0..6u32 {
        let (total, limits, finished) = (&total, &limits, &finished);
        workers.push(Box::new(move || {
            for _ in 0..1000 {
                *total.lock().expect("not poisoned") += TABLE[id as usize];
            }
            limits.write().expect("not poisoned").push(*LIMIT.get_or_init(|| 42));
            *finished.0.lock().expect("not poisoned") += 1;
            finished.1.notify_all();
        }));
    }
    // Pushed last, so that the workers it waits for are done before it where all run in turn.
    workers.push(Box::new(|| {
        let count = finished.0.lock().expect("not poisoned");
        let count = finished.1.wait_while(count, |count| *count < 6).expect("not poisoned");
        println!("all {count} finished");
    }));
    run_all(workers);
    println!("total {}", total.into_inner().expect("not poisoned"));
    println!("limits {:?}", limits.read().expect("not poisoned"));

    std::panic::set_hook(Box::new(|_| ()));
    let guarded = Mutex::new(5);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let _guard = guarded.lock().expect("not poisoned");
        panic!("while holding the lock");
    }));
    println!("panicked {}, poisoned {}", outcome.is_err(), guarded.is_poisoned());
}
