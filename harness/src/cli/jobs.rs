//! The command lines of `init`, `matrix` and `merge`.

use std::path::PathBuf;

use clap::Args;

use super::{ReportFile, parse_report};
use crate::init::Ci;
use crate::matrix::Forge;

/// `merge`.
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// The directories of the runs, or directories below which they are
    #[arg(required = true, value_name = "RUN-DIR", value_hint = clap::ValueHint::DirPath)]
    pub runs: Vec<PathBuf>,
    /// Where the merged run is put [default: among the project's runs]
    #[arg(short, long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub output: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
    /// Write this report too, as for `run`. May be repeated
    #[arg(long = "report", value_name = "FORMAT=FILE", value_parser = parse_report)]
    pub reports: Vec<ReportFile>,
    /// Whatever could not run is an error (exit status 69)
    #[arg(long)]
    pub require: bool,
}

/// `matrix`.
#[derive(Debug, Args)]
pub struct MatrixArgs {
    /// The system that runs the jobs
    #[arg(long, value_name = "SYSTEM", value_enum)]
    pub ci: Forge,
    /// The most jobs [default: 20]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub jobs: Option<u32>,
    /// A run whose durations count, by name or directory; those of all runs here where none is given
    #[arg(long, value_name = "RUN-DIR")]
    pub from: Option<String>,
    /// A target triple, optionally with `@CPU`; instead of the manifest's
    #[arg(short, long = "target", value_name = "TARGET")]
    pub targets: Vec<String>,
    /// The manifest, instead of the nearest one
    #[arg(long, value_name = "FILE")]
    pub manifest_path: Option<PathBuf>,
}

/// `init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The CI system [default: by the project's files, or where it is pushed to]
    #[arg(long, value_name = "SYSTEM", value_enum)]
    pub ci: Option<Ci>,
    /// A target triple, optionally with `@CPU`; some that differ from the host where none is given
    #[arg(short, long = "target", value_name = "TARGET")]
    pub targets: Vec<String>,
    /// Write over files that are there already
    #[arg(long)]
    pub force: bool,
}
