//! A panic that nobody catches ends the program with status 101, after its drops, output kept.
//! Equal everywhere: stdout, the message on stderr and the status. The message comes from a hook of our own,
//! because std's default one shows the thread's number, which no two runs share.

struct Last;

impl Drop for Last {
    fn drop(&mut self) {
        println!("dropped on the way out");
    }
}

fn main() {
    std::panic::set_hook(Box::new(|info| {
        eprintln!("fatal: {}", info.payload().downcast_ref::<&str>().unwrap_or(&"no text"));
    }));
    let _last = Last;
    println!("before");
    if std::hint::black_box(true) {
        panic!("nobody catches this");
    }
    println!("never reached");
}
