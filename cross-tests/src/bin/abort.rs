//! `abort`: no destructors, no flushing, death by SIGABRT. Equal on every Unix target.
//! Labelled elsewhere: Windows has no signals (status 0xC0000409), WebAssembly traps.

struct Unseen;

impl Drop for Unseen {
    fn drop(&mut self) {
        println!("a destructor ran");
    }
}

fn main() {
    let _unseen = Unseen;
    println!("about to abort");
    std::process::abort();
}
