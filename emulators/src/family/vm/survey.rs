//! What is there of a guest system, piece by piece, for whoever asks what is wrong with one rather than whether a program
//! can be run in it.

use super::accelerators::{self, Accelerator};
use super::machines::System;
use super::{kernels, too_old};
use crate::host::Host;
use crate::lookup::{Options, Subject, Trace};
use crate::packages::Piece;
use crate::target::Target;

/// What is there of one system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// The QEMU that would run it, or why none does and what brings one.
    pub qemu: Result<String, (String, Vec<Piece>)>,
    /// Who would execute its instructions, where QEMU does at all.
    pub accelerator: Option<Accelerator>,
    /// Why KVM would, or would not.
    pub kvm: String,
    /// The kernels that were put there: each release, and whether its first process speaks as this version does.
    pub kernels: Vec<(String, bool)>,
}

/// Looks.
pub fn survey(host: &dyn Host, system: &System) -> Survey {
    let kernels = kernels::releases(host, system);
    let options = Options::default();
    let mut trace = Trace::new();
    let chosen = match Target::parse(system.triple) {
        Ok(target) => {
            let subject = Subject::of_target(host, &target, None, &options);
            accelerators::choose(&subject, system, system.cpu, &mut trace)
        }
        Err(error) => Err(accelerators::Lacking { text: error.to_string(), missing: Vec::new() }),
    };
    let kvm = trace.into_iter().find(|step| step.candidate == accelerators::KVM_STEP);
    let kvm = kvm.map(|step| step.outcome).unwrap_or_default();
    let accelerator = chosen.as_ref().ok().map(|chosen| chosen.accelerator);
    let qemu = chosen.map_err(|lacking| (lacking.text, lacking.missing)).and_then(|chosen| {
        let version = host.version(&chosen.program.path).unwrap_or_default();
        let found = format!("`{}` {version}", chosen.program.path.display());
        too_old(host, &chosen).map_or(Ok(found), |text| Err((text, Vec::new())))
    });
    Survey { qemu, accelerator, kvm, kernels }
}
