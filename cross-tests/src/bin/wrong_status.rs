//! Faulty on purpose: `exit` with a number that does not fit eight bits. Unix keeps the low byte, which is 0.
//! Must be `cross-fail` on Windows, whose statuses have 32 bits. WASI runtimes disagree on large statuses, so
//! that target is given what Unix makes of it.

fn main() {
    let failures = std::hint::black_box(256);
    println!("{failures} failures");
    std::process::exit(if cfg!(target_family = "wasm") { failures & 0xff } else { failures });
}
