//! Faulty on purpose: one port of the program leaves through `exit` with a full buffer never flushed.
//! Must differ on riscv64 (the summary is missing, the status is still 0) and nowhere else.

use std::io::{BufWriter, Write};

fn main() -> std::io::Result<()> {
    let mut report = BufWriter::new(std::io::stdout().lock());
    writeln!(report, "line one of the summary")?;
    writeln!(report, "line two of the summary")?;
    if cfg!(target_arch = "riscv64") {
        // The fault: `exit` runs no destructor, so the writer never writes.
        std::process::exit(0);
    }
    report.flush()
}
