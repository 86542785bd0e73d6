//! The families of emulators, one file each: from what is to be run to a launch, or to what stands in the way.

use crate::launch::Launch;
use crate::lookup::{Reason, Subject};
use crate::machine::Machine;

mod cpu_model;
pub(crate) mod native;
pub(crate) mod qemu_system;
pub(crate) mod qemu_user;
mod too_old;
pub mod vm;
pub(crate) mod wasi;
pub(crate) mod wine;

/// What a family says of a program.
#[derive(Debug)]
pub(crate) enum Offer {
    /// It runs it like this.
    Launch(Launch),
    /// It is the family for it, but something stands in the way.
    Refused(Reason),
    /// It is not the family for it; why, as it stands in the trace.
    NotForIt(String),
}

/// The machine of a Linux program on a Linux host, as the families need it that bring Linux programs to another machine; or
/// why they are not the ones for it.
fn linux_machine(subject: &Subject<'_>) -> Result<&'static Machine, &'static str> {
    if !subject.is_linux() {
        return Err("runs Linux programs only");
    }
    if subject.host.os() != "linux" {
        return Err("runs on Linux hosts only");
    }
    subject.machine.ok_or("not a machine that we know")
}
