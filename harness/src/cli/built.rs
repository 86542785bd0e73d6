//! The part of `run`'s command line that is about building in one place and running in another.

use std::path::PathBuf;

use clap::{Args, ValueHint};

/// What is built where.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Build once, run elsewhere")]
pub struct BuiltArgs {
    /// Build for the host and all targets, those included that cannot be run here, and run nothing
    #[arg(long, conflicts_with_all = ["from", "shard", "resume", "reports", "json", "bundles", "discriminate", "confirm", "run_dir"])]
    pub build_only: bool,
    /// Put what was built into this file (`.tar.zst`), with loaders, libraries and the project's files but for Rust's sources
    #[arg(long, value_name = "FILE", requires = "build_only", value_hint = ValueHint::FilePath)]
    pub archive: Option<PathBuf>,
    /// Run what is in this archive, of ours or of cargo-nextest, and build nothing. May be repeated: one with the native side,
    /// others with targets
    #[arg(long, value_name = "FILE", conflicts_with_all = ["resume", "setup", "manifest_path"], value_hint = ValueHint::FilePath)]
    pub from: Vec<PathBuf>,
    /// The checkout in which tests of an archive run, instead of the files in it
    #[arg(long, value_name = "DIR", requires = "from", value_hint = ValueHint::DirPath)]
    pub workspace_remap: Option<PathBuf>,
}
