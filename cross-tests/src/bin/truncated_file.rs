//! Faulty on purpose: a table is written through a window measured in machine words.
//! Must differ on 32-bit targets in the produced file alone: stdout, stderr and status are equal.

use std::fs;
use std::mem::size_of;

fn main() -> std::io::Result<()> {
    let table: Vec<u8> = (0..=255).collect();
    // The fault: 32 words are 256 bytes only where a word has eight.
    let window = 32 * size_of::<usize>();
    fs::create_dir_all("out")?;
    fs::write("out/table.bin", &table[..window])?;
    println!("table written");
    Ok(())
}
