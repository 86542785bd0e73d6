//! Faulty on purpose: a directory is listed in the order in which the system gives it. Must differ on Windows, which
//! sorts names; Unix gives them as they lie on the disk.

use std::fs;

fn main() -> std::io::Result<()> {
    for number in 0..24u32 {
        // Names in no order: a permutation of 24 letters.
        let letter = char::from(b'a' + u8::try_from(number * 7 % 24).unwrap_or(0));
        fs::write(format!("{letter}.txt"), [])?;
    }
    // The fault: nobody sorts the names.
    for entry in fs::read_dir(".")? {
        println!("{}", entry?.file_name().display());
    }
    Ok(())
}
