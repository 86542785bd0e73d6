//! The command lines of `show`, `completions` and `man`.

use std::path::PathBuf;

use clap::Args;

/// `show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// A run: its name, its directory, `last` or `last~2`. None lists the runs, one prints its report again, two are
    /// compared, the older one first
    #[arg(value_name = "RUN", num_args = 0..=2)]
    pub runs: Vec<String>,
    /// What this case came to in every run: `suite::case`, a suite, or a glob over them
    #[arg(long, value_name = "CASE", conflicts_with = "runs")]
    pub history: Option<String>,
    /// How many of the last runs are listed or looked into
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "runs")]
    pub last: u32,
    /// Print `[[expect]]` entries for the findings of a run, to be appended to the manifest
    #[arg(long, conflicts_with_all = ["json", "history", "last"])]
    pub expect: bool,
    /// Print it as JSON
    #[arg(long)]
    pub json: bool,
    /// The manifest, instead of the nearest one
    #[arg(long, value_name = "FILE")]
    pub manifest_path: Option<PathBuf>,
}

/// `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    pub shell: clap_complete::Shell,
}

/// `man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The command that the page is about: `run`, `hook waf`; `triplecheck` itself where none is given
    #[arg(value_name = "COMMAND")]
    pub command: Vec<String>,
    /// Write the pages of all commands into this directory
    #[arg(long, value_name = "DIR", conflicts_with = "command", value_hint = clap::ValueHint::DirPath)]
    pub dir: Option<PathBuf>,
}
