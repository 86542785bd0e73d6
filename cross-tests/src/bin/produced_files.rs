//! Files as the result: a text report and two binary files under `out/`, compared like stdout.
//! Equal everywhere: names and bytes; integers are written in a fixed byte order, lines end in `\n`.

use std::fs;
use std::io::{BufWriter, Write};

fn main() -> std::io::Result<()> {
    fs::create_dir_all("out/nested")?;
    let mut table = BufWriter::new(fs::File::create("out/squares.bin")?);
    for number in 0u32..256 {
        table.write_all(&number.to_be_bytes())?;
        table.write_all(&(u64::from(number) * u64::from(number)).to_le_bytes())?;
    }
    table.flush()?;
    let every_byte: Vec<u8> = (0..=255).collect();
    fs::write("out/nested/bytes.bin", every_byte)?;
    let mut report = fs::File::create("out/report.txt")?;
    for number in [1u32, 12, 123] {
        writeln!(report, "{number:>5} {:>7}", number * number)?;
    }
    println!("three files");
    Ok(())
}
