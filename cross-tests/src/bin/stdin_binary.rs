//! Standard input copied to standard output byte for byte: all 256 values, so any text mode on the way shows.
//! Equal everywhere: stdout as a whole, and the byte count on stderr.

use std::io::{Read, Write};

fn main() -> std::io::Result<()> {
    let mut input = Vec::new();
    std::io::stdin().lock().read_to_end(&mut input)?;
    let mut output = std::io::stdout().lock();
    output.write_all(&input)?;
    output.flush()?;
    let values = input.iter().collect::<std::collections::BTreeSet<_>>().len();
    eprintln!("copied {} bytes with {values} different values", input.len());
    Ok(())
}
