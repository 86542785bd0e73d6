//! Message passing: an unbounded channel with several senders, a bounded one with back-pressure, hang-ups.
//! Equal everywhere: what arrives (sorted where senders race) and which ends see the hang-up.
//! WASI has no threads: there the senders run first, and the bounded channel gets room for all.

use std::sync::mpsc::{channel, sync_channel};

#[cfg(not(target_family = "wasm"))]
fn start(work: impl FnOnce() + Send + 'static) -> impl FnOnce() {
    let handle = std::thread::spawn(work);
    move || handle.join().expect("no sender panics")
}

#[cfg(target_family = "wasm")]
fn start(work: impl FnOnce() + Send + 'static) -> impl FnOnce() {
    work();
    || ()
}

fn main() {
    let (sender, receiver) = channel();
    let waits: Vec<_> = (0..4u32)
        .map(|id| {
            let sender = sender.clone();
            start(move || (0..5).for_each(|n| sender.send(id * 100 + n).expect("the receiver lives")))
        })
        .collect();
    drop(sender);
    let mut received: Vec<u32> = receiver.iter().collect();
    received.sort_unstable();
    waits.into_iter().for_each(|wait| wait());
    println!("received {received:?}");

    let room = if cfg!(target_family = "wasm") { 64 } else { 1 };
    let (sender, receiver) = sync_channel(room);
    let wait = start(move || (1..=20u64).for_each(|n| sender.send(n * n).expect("the receiver lives")));
    println!("in order {:?}", receiver.iter().collect::<Vec<_>>());
    wait();
    println!("hung up: {:?}", receiver.recv());

    let (sender, receiver) = channel();
    drop(receiver);
    println!("nobody listens: {:?}", sender.send("lost"));
}
