//! The part of `run`'s command line that is cargo's: what is typed behind `cargo test` means the same here.

use std::ffi::OsString;

use clap::Args;

use crate::plan::CargoOptions;

/// Packages, features and targets of the project, as `cargo test` takes them.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Cargo")]
pub struct CargoArgs {
    /// Test this package
    #[arg(short, long = "package", value_name = "SPEC")]
    pub packages: Vec<String>,
    /// Test all packages of the workspace
    #[arg(long)]
    pub workspace: bool,
    /// Leave this package out
    #[arg(long, value_name = "SPEC")]
    pub exclude: Vec<String>,
    /// Features, between blanks or commas
    #[arg(short = 'F', long, value_name = "FEATURES")]
    pub features: Vec<String>,
    /// All features
    #[arg(long)]
    pub all_features: bool,
    /// Without the feature `default`
    #[arg(long)]
    pub no_default_features: bool,
    /// With optimisation
    #[arg(short, long)]
    pub release: bool,
    /// With this profile
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// The library's unit tests
    #[arg(long)]
    pub lib: bool,
    /// The unit tests of all programs
    #[arg(long)]
    pub bins: bool,
    /// The unit tests of this program
    #[arg(long = "bin", value_name = "NAME")]
    pub bin: Vec<String>,
    /// All integration tests, and the unit tests
    #[arg(long)]
    pub tests: bool,
    /// This integration test
    #[arg(long = "test", value_name = "NAME")]
    pub test: Vec<String>,
    /// The tests of all examples
    #[arg(long)]
    pub examples: bool,
    /// The tests of this example
    #[arg(long = "example", value_name = "NAME")]
    pub example: Vec<String>,
    /// All benchmarks, each once as a test
    #[arg(long)]
    pub benches: bool,
    /// This benchmark, once as a test
    #[arg(long = "bench", value_name = "NAME")]
    pub bench: Vec<String>,
    /// All of these
    #[arg(long)]
    pub all_targets: bool,
    /// The documentation's tests, and nothing else
    #[arg(long, conflicts_with_all = ["lib", "bins", "bin", "tests", "test", "examples", "example", "benches", "bench", "all_targets"])]
    pub doc: bool,
    /// `Cargo.lock` stays as it is
    #[arg(long)]
    pub locked: bool,
    /// Without the network
    #[arg(long)]
    pub offline: bool,
}

impl CargoArgs {
    /// The words for cargo, with `test_args` for the test binaries.
    pub fn options(&self, test_args: &[String]) -> CargoOptions {
        CargoOptions {
            selection: words(&self.selection_flags(), &self.selection_lists()),
            doc: self.doc,
            args: words(&self.flags(), &self.lists()),
            test_args: test_args.to_vec(),
        }
    }

    fn selection_flags(&self) -> [(&'static str, bool); 6] {
        [
            ("--lib", self.lib),
            ("--bins", self.bins),
            ("--tests", self.tests),
            ("--examples", self.examples),
            ("--benches", self.benches),
            ("--all-targets", self.all_targets),
        ]
    }

    fn selection_lists(&self) -> [(&'static str, &[String]); 4] {
        [("--bin", &self.bin), ("--test", &self.test), ("--example", &self.example), ("--bench", &self.bench)]
    }

    fn flags(&self) -> [(&'static str, bool); 6] {
        [
            ("--workspace", self.workspace),
            ("--all-features", self.all_features),
            ("--no-default-features", self.no_default_features),
            ("--release", self.release),
            ("--locked", self.locked),
            ("--offline", self.offline),
        ]
    }

    fn lists(&self) -> [(&'static str, &[String]); 4] {
        [
            ("--package", &self.packages),
            ("--exclude", &self.exclude),
            ("--features", &self.features),
            ("--profile", self.profile.as_slice()),
        ]
    }
}

fn words(flags: &[(&str, bool)], lists: &[(&str, &[String])]) -> Vec<OsString> {
    let flags = flags.iter().filter(|(_, given)| *given).map(|(flag, _)| OsString::from(flag));
    let lists = lists
        .iter()
        .flat_map(|(flag, values)| values.iter().flat_map(move |value| [OsString::from(flag), value.into()]));
    flags.chain(lists).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargos_words_go_to_cargo_and_the_choice_of_targets_apart() {
        let args = CargoArgs {
            packages: vec!["a".into()],
            features: vec!["x,y".into()],
            release: true,
            lib: true,
            test: vec!["t".into(), "u".into()],
            ..CargoArgs::default()
        };
        let options = args.options(&["--skip".into(), "slow".into()]);
        assert_eq!(options.args, ["--release", "--package", "a", "--features", "x,y"]);
        assert_eq!(options.selection, ["--lib", "--test", "t", "--test", "u"]);
        assert_eq!(options.test_args, ["--skip", "slow"]);
    }
}
