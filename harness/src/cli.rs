//! What was typed. `exec` and the hidden subcommands are taken before this, because a hook call must not pay
//! for a parser.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::children::Policy;
use crate::report::Format;

mod built;
mod cargo;
mod control;
mod jobs;
mod repro;
mod show;

pub use built::BuiltArgs;
pub use cargo::CargoArgs;
pub use control::ControlArgs;
pub use jobs::{InitArgs, MatrixArgs, MergeArgs};
pub use repro::ReproArgs;
pub use show::{CompletionsArgs, ManArgs, ShowArgs};

/// Builds, runs and compares test programs on every target, with the emulator looked up.
#[derive(Debug, Parser)]
#[command(name = "triplecheck", version, about, max_term_width = 100)]
pub struct Cli {
    /// Act as if started in this directory
    #[arg(short = 'C', value_name = "DIR", global = true)]
    pub directory: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Build, run natively and on every target, compare, report
    Run(Box<RunArgs>),
    /// Run one foreign program: the hook for waf, cargo, meson, CMake, autotools, Go
    Exec(ExecArgs),
    /// Run any command in which foreign programs simply start: make check, ctest, cargo test, a shell
    Wrap(WrapArgs),
    /// The emulator that would run a triple or a file, its command line, and why
    Which(WhichArgs),
    /// Any report again, from the events of a run that has ended, goes on, or was killed
    Report(ReportArgs),
    /// The jobs of a CI system: targets packed by what they took, long ones split into shards
    Matrix(MatrixArgs),
    /// Make one run of the parts that several machines have run
    Merge(MergeArgs),
    /// Every target, and whether it can be built and run here
    Targets(TargetsArgs),
    /// What is missing, broken or too old for a target, and the fix
    Doctor(DoctorArgs),
    /// Install what doctor finds missing
    Setup(SetupArgs),
    /// The runs of the past, what changed between two of them, and the history of a case
    Show(ShowArgs),
    /// Look into one cell: under gdb, with its system calls shown, by hand in a shell, or from a bundle
    Repro(Box<ReproArgs>),
    /// Write a triplecheck.toml and a CI file for this project, from what is found in it
    Init(InitArgs),
    /// Configuration that makes another build system run foreign programs
    #[command(subcommand)]
    Hook(HookCommand),
    /// The script by which a shell completes commands, flags and targets
    Completions(CompletionsArgs),
    /// The manual page of a command
    Man(ManArgs),
}

/// `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Suites or cases: `rust`, `rust::args`, `'c::*'`; without a manifest, parts of tests' names. All where none is
    /// given
    #[arg(value_name = "SUITE|CASE-GLOB")]
    pub filters: Vec<String>,
    /// A target triple, optionally with `@CPU`; instead of the manifest's
    #[arg(short, long = "target", value_name = "TARGET")]
    pub targets: Vec<String>,
    /// Install what is missing first
    #[arg(long)]
    pub setup: bool,
    /// Do not ask before installing
    #[arg(long, requires = "setup")]
    pub yes: bool,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
    /// Write this report too: text, json, junit, html, markdown, github or gitlab; `-` is standard output. May be
    /// repeated
    #[arg(long = "report", value_name = "FORMAT=FILE", value_parser = parse_report)]
    pub reports: Vec<ReportFile>,
    /// Only this part of the cases: 2/4 is the second of four. `auto` asks the variables of GitLab, CircleCI, Buildkite,
    /// Bazel and others
    #[arg(long, value_name = "K/N", value_parser = crate::shard::parse)]
    pub shard: Option<crate::shard::Choice>,
    /// Keep the run in this directory, where nothing may be yet [default: among the project's runs]
    #[arg(long, value_name = "DIR", conflicts_with = "resume", value_hint = clap::ValueHint::DirPath)]
    pub run_dir: Option<PathBuf>,
    /// Keep findings as bundles in this directory, from which they can be run again on another machine: of every cause
    /// the first case on each target
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub bundles: Option<PathBuf>,
    /// How many guests run at once [default: the number of processors]
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<usize>,
    /// Deadline of every case: 60s, 500ms, 2m
    #[arg(long, value_name = "DURATION", value_parser = crate::manifest::parse_duration)]
    pub timeout: Option<std::time::Duration>,
    /// Take up the last run where it was killed: nothing that it had finished is run again
    #[arg(long, conflicts_with = "no_cache")]
    pub resume: bool,
    /// Run everything, whether or not it has changed since an earlier run
    #[arg(long)]
    pub no_cache: bool,
    /// Whatever could not run is an error (exit status 69)
    #[arg(long)]
    pub require: bool,
    /// Build here, run there.
    #[command(flatten)]
    pub built: BuiltArgs,
    /// Retries, stress, when to stop.
    #[command(flatten)]
    pub control: ControlArgs,
    /// Afterwards run what failed on the one more target that tells two explanations apart
    #[arg(long)]
    pub discriminate: bool,
    /// Afterwards ask another emulator or CPU model about every finding: qemu-user, qemu-user@max, @max
    #[arg(long, value_name = "EMULATOR")]
    pub confirm: Option<String>,
    /// The manifest, instead of the nearest one
    #[arg(long, value_name = "FILE")]
    pub manifest_path: Option<PathBuf>,
    /// How the emulator is chosen.
    #[command(flatten)]
    pub lookup: LookupArgs,
    /// What cargo builds.
    #[command(flatten)]
    pub cargo: CargoArgs,
    /// Words for the test binaries: `--skip NAME`, `--include-ignored`, `--test-threads N`
    #[arg(last = true, value_name = "TEST-ARG")]
    pub test_args: Vec<String>,
}

/// What the user prefers in the lookup.
#[derive(Debug, Clone, Args, Default)]
pub struct LookupArgs {
    /// Use this kind of emulator: native, qemu-user, wine, wasi, qemu-system, vm
    #[arg(long, value_name = "KIND")]
    pub emulator: Option<String>,
    /// The CPU model to emulate
    #[arg(long, value_name = "MODEL")]
    pub cpu: Option<String>,
    /// Model the least that the target promises, so that a violation shows
    #[arg(long)]
    pub floor: bool,
    /// Where the guest's loader and libraries are
    #[arg(long, value_name = "DIR")]
    pub sysroot: Vec<PathBuf>,
}

/// `exec`.
#[derive(Debug, Args)]
pub struct ExecArgs {
    /// The target the program must be for
    #[arg(short, long = "target", value_name = "TARGET")]
    pub target: Option<String>,
    /// The exit status for failures of the hook itself, instead of 125, 126 and 127
    #[arg(long, value_name = "N")]
    pub infra_code: Option<u8>,
    /// What is done so that programs which the program starts find their emulator too [default: auto]
    /// [env: TRIPLECHECK_CHILDREN]
    #[arg(long, value_name = "HOW", value_enum)]
    pub children: Option<Policy>,
    /// Append a record of the start to this file, as JSON lines [env: TRIPLECHECK_LEDGER]
    #[arg(long, value_name = "FILE")]
    pub ledger: Option<PathBuf>,
    /// How the emulator is chosen.
    #[command(flatten)]
    pub lookup: LookupArgs,
    /// The program and its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true, value_name = "PROGRAM")]
    pub words: Vec<OsString>,
}

/// `wrap`.
#[derive(Debug, Args)]
pub struct WrapArgs {
    /// A target of which a success must have started programs, optionally with `@CPU`
    #[arg(short, long = "target", value_name = "TARGET")]
    pub targets: Vec<String>,
    /// Keep the record of all starts in this file, as JSON lines
    #[arg(long, value_name = "FILE")]
    pub ledger: Option<PathBuf>,
    /// Do not say at the end what was started
    #[arg(short, long)]
    pub quiet: bool,
    /// How emulators are chosen.
    #[command(flatten)]
    pub lookup: LookupArgs,
    /// The command and its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true, value_name = "COMMAND")]
    pub words: Vec<OsString>,
}

/// `which`.
#[derive(Debug, Args)]
pub struct WhichArgs {
    /// Triples or files
    #[arg(required = true, value_name = "TRIPLE|FILE")]
    pub inputs: Vec<OsString>,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
    /// How the emulator is chosen.
    #[command(flatten)]
    pub lookup: LookupArgs,
}

/// `report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// How it is written
    #[arg(short, long, value_enum, default_value = "text", hide_possible_values = false)]
    pub format: Format,
    /// Write it to this file, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Whatever could not run is an error
    #[arg(long)]
    pub require: bool,
    /// Leave out how long anything took, so that two runs which found the same give the same text
    #[arg(long)]
    pub without_times: bool,
    /// A run's name, or its directory; the last run where none is given
    #[arg(value_name = "RUN")]
    pub run: Option<String>,
}

/// A report and the file that it goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportFile {
    /// How it is written.
    pub format: Format,
    /// Where it goes; `-` is standard output.
    pub file: PathBuf,
}

/// `html=report.html`.
fn parse_report(text: &str) -> Result<ReportFile, String> {
    let example = "write it as FORMAT=FILE, such as `junit=report.xml`";
    let (format, file) = text.split_once('=').ok_or(example)?;
    let format = <Format as clap::ValueEnum>::from_str(format, false).map_err(|_| {
        let known: Vec<String> = <Format as clap::ValueEnum>::value_variants()
            .iter()
            .filter_map(|format| {
                Some(format!("`{}`", clap::ValueEnum::to_possible_value(format)?.get_name()))
            })
            .collect();
        format!("there is no report format `{format}`; known are {}", known.join(", "))
    })?;
    if file.is_empty() {
        return Err(example.to_owned());
    }
    Ok(ReportFile { format, file: PathBuf::from(file) })
}

/// `targets`.
#[derive(Debug, Args)]
pub struct TargetsArgs {
    /// Only targets that can be run here
    #[arg(long)]
    pub runnable: bool,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Triples; the manifest's, or all that are known to work, where none is given
    #[arg(value_name = "TRIPLE")]
    pub targets: Vec<String>,
}

/// `setup`.
#[derive(Debug, Args)]
pub struct SetupArgs {
    /// Triples; the manifest's where none is given
    #[arg(value_name = "TRIPLE")]
    pub targets: Vec<String>,
    /// Also download kernels and make the guest systems for --emulator vm
    #[arg(long)]
    pub vm: bool,
    /// Make the guest system of the one TRIPLE of this kernel, instead of one of Debian's
    #[arg(long, value_name = "FILE", requires = "vm")]
    pub kernel: Option<std::path::PathBuf>,
    /// Where that kernel's modules are, as in `/lib/modules/RELEASE`
    #[arg(long, value_name = "DIR", requires = "kernel")]
    pub modules: Option<std::path::PathBuf>,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// `hook`.
#[derive(Debug, Subcommand)]
pub enum HookCommand {
    /// waf with Samba's extensions: the line that configures
    Waf(WafArgs),
    /// cargo and nextest: a section of .cargo/config.toml, and variables
    Cargo(HookTargetArgs),
    /// Meson: a cross file
    Meson(HookTargetArgs),
    /// CMake and CTest: a toolchain file
    Cmake(HookTargetArgs),
    /// autoconf and automake: the lines that configure, build and test
    Autotools(HookTargetArgs),
    /// The go command: the lines that test
    Go(HookTargetArgs),
    /// Bazel: lines of a .bazelrc
    Bazel(HookTargetArgs),
    /// Makefiles: a part to include
    Make(HookTargetArgs),
    /// Variables for a shell, for all that read variables
    Env(HookTargetArgs),
    /// Make links that start the programs of one target: `TRIPLE-exec`, and `go_GOOS_GOARCH_exec`
    Link(LinkArgs),
    /// Compare two files of waf's answers, check by check
    CompareAnswers(CompareAnswersArgs),
}

/// `hook SYSTEM`.
#[derive(Debug, Args)]
pub struct HookTargetArgs {
    /// The target whose programs are run
    #[arg(value_name = "TRIPLE")]
    pub triple: String,
    /// Make one-word links in this directory, and use them
    #[arg(long, value_name = "DIR")]
    pub link: Option<PathBuf>,
    /// Also for a target whose programs cannot be run here
    #[arg(long)]
    pub force: bool,
}

/// `hook waf`.
#[derive(Debug, Args)]
pub struct WafArgs {
    /// What all have.
    #[command(flatten)]
    pub target: HookTargetArgs,
    /// Let waf read its answers from this file, and add those that the hook gives
    #[arg(long, value_name = "FILE")]
    pub answers: Option<PathBuf>,
}

/// `hook link`.
#[derive(Debug, Args)]
pub struct LinkArgs {
    /// Where the links are made
    #[arg(value_name = "DIR")]
    pub links: PathBuf,
    /// Triples; all whose programs can be run here where none is given
    #[arg(value_name = "TRIPLE")]
    pub targets: Vec<String>,
    /// Also for targets whose programs cannot be run here
    #[arg(long)]
    pub force: bool,
}

/// `hook compare-answers`.
#[derive(Debug, Args)]
pub struct CompareAnswersArgs {
    /// The answers of the host
    #[arg(value_name = "NATIVE-FILE")]
    pub native: PathBuf,
    /// The answers of another target
    #[arg(value_name = "FOREIGN-FILE")]
    pub foreign: PathBuf,
}
