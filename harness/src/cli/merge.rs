//! The command line of `merge`.

use std::path::PathBuf;

use clap::Args;

use super::{ReportFile, parse_report};

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
