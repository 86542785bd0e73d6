//! Faulty on purpose: the program says which machine it was built for. Must differ wherever the architecture is
//! not x86_64; on x86_64 Windows it is equal.

fn main() {
    println!("cache key v1-{}", std::env::consts::ARCH);
}
