//! The command line of `repro`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use super::{CargoArgs, LookupArgs};

/// `repro`.
#[derive(Debug, Args)]
pub struct ReproArgs {
    /// The cell: `suite::case`, or `suite::case on TARGET` as reports name it; or a bundle, which is run again here without its
    /// source and its toolchain
    #[arg(value_name = "CELL|BUNDLE")]
    pub cell: String,
    /// Its target; the first on which the last run found something where none is given
    #[arg(short, long = "target", value_name = "TARGET")]
    pub target: Option<String>,
    /// Attach gdb to its guest, with breakpoints where programs fail
    #[arg(long, conflicts_with_all = ["trace", "shell"])]
    pub debug: bool,
    /// Show its system calls beside the native ones, and mark the first that differs
    #[arg(long, conflicts_with = "shell")]
    pub trace: bool,
    /// Start a shell in which `guest` and `native` run it, and programs of its target simply start
    #[arg(long)]
    pub shell: bool,
    /// Keep it as a bundle in this directory, from which it can be run again on another machine
    #[arg(long, value_name = "DIR", conflicts_with_all = ["debug", "trace", "shell"])]
    pub bundle: Option<PathBuf>,
    /// Of a bundle: print what came of it as JSON
    #[arg(long, conflicts_with_all = ["debug", "trace", "shell", "bundle"])]
    pub json: bool,
    /// The manifest, instead of the nearest one
    #[arg(long, value_name = "FILE")]
    pub manifest_path: Option<PathBuf>,
    /// How the emulator is chosen.
    #[command(flatten)]
    pub lookup: LookupArgs,
    /// What cargo builds.
    #[command(flatten)]
    pub cargo: CargoArgs,
    /// Further words for gdb: `-ex continue -ex bt`
    #[arg(last = true, value_name = "GDB-ARG")]
    pub gdb_args: Vec<OsString>,
}
