//! The harness: builds test programs for every target, runs them under the emulator that the lookup chose,
//! compares each run with the native one, and says what differs. See ARCHITECTURE.md for the map.

pub mod archive;
pub mod build;
pub mod built;
pub mod bundle;
pub mod children;
pub mod cli;
pub mod commands;
pub mod compare;
pub mod date;
pub mod diagnose;
pub mod doctor;
pub mod error;
pub mod events;
pub mod faults;
pub mod hook;
pub mod init;
pub mod inspect;
pub mod ledger;
pub mod libtest;
pub mod manifest;
pub mod matrix;
pub mod merge;
pub mod observation;
pub mod pattern;
pub mod plan;
pub mod prepare;
mod programs;
pub mod progress;
pub mod report;
pub mod revision;
pub mod run;
pub mod runs;
pub mod setup;
pub mod shard;
pub mod shell;
pub mod supervise;
pub mod termination;
pub mod toolchain;
mod unix;
pub mod verdict;
pub mod vm;
#[cfg(feature = "wasi")]
pub mod wasi;

/// The hidden subcommand that is the built-in WASI runtime.
pub const WASI_SUBCOMMAND: &str = "__wasi";
/// The script that makes node a WASI runtime, for modules that throw exceptions.
pub const NODE_SCRIPT: &str = include_str!("wasi/node.mjs");
