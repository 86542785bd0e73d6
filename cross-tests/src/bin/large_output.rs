//! One mebibyte of output in uneven pieces: more than any pipe holds, so a reader that stops early or a
//! writer that loses a piece shows. Equal everywhere: every byte.

use std::io::Write;

const OUTPUT_BYTES: usize = 1 << 20;

fn main() -> std::io::Result<()> {
    let mut output = std::io::stdout().lock();
    let (mut written, mut line) = (0, 0u32);
    while written < OUTPUT_BYTES {
        let mut text = format!("{line:07} {}", "0123456789abcdef".repeat(line as usize % 13));
        text.truncate(OUTPUT_BYTES - written - 1);
        text.push('\n');
        output.write_all(text.as_bytes())?;
        written += text.len();
        line += 1;
    }
    output.flush()?;
    eprintln!("wrote {written} bytes in {line} lines");
    Ok(())
}
