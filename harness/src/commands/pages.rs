//! `triplecheck completions` and `triplecheck man`: what shells and manuals know of the command line, made from the same
//! definitions that parse it.
//!
//! Completion scripts are static: a shell completes without starting us. What has a fixed set of values (targets, kinds of
//! emulator) gets it here and not in the parser, which gives better errors for them and takes `TARGET@CPU`.

use std::io::Write;
use std::path::Path;

use clap::builder::PossibleValuesParser;
use clap::{Arg, Command, CommandFactory as _};
use triplecheck_emulators::launch::Kind;
use triplecheck_emulators::target::Target;

use crate::cli::{Cli, CompletionsArgs, ManArgs};
use crate::error::{About as _, Error, Result};

const NAME: &str = "triplecheck";

/// Prints the script for a shell.
///
/// # Errors
/// When it cannot be printed.
pub fn completions(args: &CompletionsArgs, out: &mut dyn Write) -> Result<u8> {
    let mut command = with_values(Cli::command());
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, NAME, &mut script);
    super::report::print(out, &String::from_utf8_lossy(&script))?;
    Ok(0)
}

/// Gives each argument that stands for a target or a kind of emulator its values.
fn with_values(command: Command) -> Command {
    let command = command.mut_args(|arg: Arg| {
        let name = arg.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
        match name.as_deref() {
            Some("TARGET" | "TRIPLE") => {
                arg.value_parser(PossibleValuesParser::new(Target::all().map(|target| target.triple())))
            }
            Some("KIND") => arg.value_parser(PossibleValuesParser::new(super::KINDS.map(Kind::name))),
            _ => arg,
        }
    });
    command.mut_subcommands(with_values)
}

/// Prints the page of a command, or writes the pages of all commands into a directory.
///
/// # Errors
/// When there is no such command, or a page cannot be written.
pub fn man(directory: &Path, args: &ManArgs, out: &mut dyn Write) -> Result<u8> {
    let mut command = Cli::command();
    command.build();
    if let Some(dir) = &args.dir {
        let dir = directory.join(dir);
        fs_err::create_dir_all(&dir).about("create", &dir)?;
        write_pages(&command, &dir)?;
        return Ok(0);
    }
    let mut wanted = &command;
    for word in &args.command {
        wanted = wanted.find_subcommand(word).ok_or_else(|| unknown(wanted, word))?;
    }
    super::report::print(out, &page(wanted)?)?;
    Ok(0)
}

fn unknown(command: &Command, word: &str) -> Error {
    let known: Vec<&str> = visible(command).map(Command::get_name).collect();
    let name = command.get_bin_name().unwrap_or(NAME);
    match known.as_slice() {
        [] => Error::user(format!("`{name}` has no commands below it")),
        known => Error::user(format!("`{name}` has no command `{word}`; it has `{}`", known.join("`, `"))),
    }
}

fn visible(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help")
}

/// The page of a command and those of all below it, each in a file of its own.
fn write_pages(command: &Command, dir: &Path) -> Result<()> {
    let path = dir.join(format!("{}.1", page_name(command)));
    fs_err::write(&path, page(command)?).about("write", &path)?;
    visible(command).try_for_each(|command| write_pages(command, dir))
}

/// `triplecheck-hook-waf`.
fn page_name(command: &Command) -> String {
    command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned()
}

fn page(command: &Command) -> Result<String> {
    let mut text = Vec::new();
    let man = clap_mangen::Man::new(command.clone()).title(page_name(command)).manual("triplecheck manual");
    man.render(&mut text).map_err(|error| Error::ours("cannot write the manual page").caused_by(error))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_of_the_command_line_are_sound_with_and_without_values_for_completion() {
        Cli::command().debug_assert();
        with_values(Cli::command()).debug_assert();
    }

    fn count(command: &Command) -> usize {
        1 + visible(command).map(count).sum::<usize>()
    }

    #[test]
    fn every_command_has_a_page_of_its_own_name() {
        let dir = tempfile::tempdir().unwrap();
        let mut command = Cli::command();
        command.build();
        write_pages(&command, dir.path()).unwrap();
        let files: Vec<_> =
            fs_err::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(files.len(), count(&command), "{files:?}");
        for file in files {
            let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
            let text = fs_err::read_to_string(&file).unwrap();
            assert!(text.contains(&format!(".TH {name} 1")), "{name}: {text}");
        }
    }
}
