//! Faulty under Wine: the byte count that `fs::copy` returns. On Windows std learns it from the progress routine of
//! `CopyFileExW`, which Wine 8 never calls, so the count is 0 there though the copy is complete.
//! Must differ on Windows as long as Wine runs it; a real Windows machine gives what Unix gives.

use std::fs;

fn main() -> std::io::Result<()> {
    fs::write("original.txt", "forty-two bytes of text, or nearly so ...\n")?;
    println!("copied {} bytes", fs::copy("original.txt", "copy.txt")?);
    println!("the copy is equal: {}", fs::read("original.txt")? == fs::read("copy.txt")?);
    Ok(())
}
