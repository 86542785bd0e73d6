//! A panic ends its thread, not the program: the payload arrives at the join, other threads go on.
//! Equal everywhere: all lines. WASI has no threads: there the piece of work is fenced by `catch_unwind`.

#[cfg(not(target_family = "wasm"))]
fn apart(work: fn() -> u32) -> std::thread::Result<u32> {
    std::thread::Builder::new().name("worker".into()).spawn(work).expect("threads exist").join()
}

#[cfg(target_family = "wasm")]
fn apart(work: fn() -> u32) -> std::thread::Result<u32> {
    std::panic::catch_unwind(work)
}

fn main() {
    std::panic::set_hook(Box::new(|_| eprintln!("a worker panics")));
    let jobs: [fn() -> u32; 3] = [|| 1, || panic!("worker gave up"), || 3];
    for (index, job) in jobs.into_iter().enumerate() {
        match apart(job) {
            Ok(value) => println!("job {index}: {value}"),
            Err(payload) => println!("job {index}: {:?}", payload.downcast_ref::<&str>()),
        }
    }
    println!("main goes on");
}
