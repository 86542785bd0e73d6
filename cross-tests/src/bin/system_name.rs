//! Faulty on purpose: the name of the operating system is part of a file's name. Must differ on every target that is not
//! Linux.

fn main() {
    println!("plugin-{}.bin", std::env::consts::OS);
}
