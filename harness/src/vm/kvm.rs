//! `triplecheck __kvm`: asks the host's KVM what it is good for, and prints one line, which the lookup reads
//! (`triplecheck_emulators::host::Kvm`). A process of its own, because it has signals come, and because a KVM that never
//! answers has to be ended from outside.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use triplecheck_emulators::host::{KVM_DEVICE, Kvm, Proof};

use crate::unix::Processor;

/// Asks, and prints the answer.
pub fn main() -> ExitCode {
    let answer = match ask() {
        Ok(kvm) => kvm,
        Err(why) => Kvm::No { why, hint: None },
    };
    let written = std::io::stdout().write_all(format!("{}\n", answer.to_line()).as_bytes());
    if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn ask() -> Result<Kvm, String> {
    let processor = Processor::new(Path::new(KVM_DEVICE))?;
    let aarch32 = processor.has_aarch32();
    #[cfg(target_arch = "x86_64")]
    {
        processor.run_loop()?;
        Ok(Kvm::Yes { proof: Proof::Loop, aarch32 })
    }
    // Elsewhere its calls are believed until a system does not come up.
    #[cfg(not(target_arch = "x86_64"))]
    Ok(Kvm::Yes { proof: Proof::Calls, aarch32 })
}
