//! The families of emulators, one file each: from what is to be run to a launch, or to what stands in the way.

use crate::launch::Launch;
use crate::lookup::Reason;

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
