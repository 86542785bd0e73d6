//! Faulty on purpose: a file header and a checksum written in the machine's own byte order.
//! Must differ on big-endian targets, in stdout and in the produced file, and nowhere else.

use std::fs;

fn main() -> std::io::Result<()> {
    let mut header = b"IMG1".to_vec();
    // The fault: `to_ne_bytes` where the format needs a fixed order.
    header.extend(640u32.to_ne_bytes());
    header.extend(480u16.to_ne_bytes());
    fs::create_dir_all("out")?;
    fs::write("out/header.bin", &header)?;
    println!("header {header:02x?}");
    let words =
        header[..8].chunks_exact(4).map(|word| u32::from_ne_bytes(word.try_into().expect("four bytes")));
    println!("checksum {:08x}", words.fold(0, |sum, word| sum ^ word));
    Ok(())
}
