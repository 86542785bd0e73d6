//! Which emulator runs a program that was built for another target on this host, with which command line,
//! and why.
//!
//! The decision is [`lookup::lookup`]: a total function from a [`host::Host`], a [`target::Target`] (or only
//! the program's own header) and [`lookup::Options`] to a [`lookup::Decision`]. "Cannot" is a value with a
//! reason and the packages that would change it, not an error. This crate knows no configuration file, no
//! cargo and no report.

pub mod binary;
mod family;
pub use family::vm;
pub mod host;
pub mod launch;
pub mod lookup;
pub mod machine;
pub mod packages;
pub mod spelling;
pub mod target;
