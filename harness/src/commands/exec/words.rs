//! The command line of `exec`, read by hand: a hook call must not pay for a parser.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::{Nested, Request};
use clap::ValueEnum as _;

use crate::children::{Policy, Settings};
use crate::cli::ExecArgs;
use crate::error::{Error, Result};
use crate::hook::link::{self, Meaning};
use crate::ledger;
use crate::unix;

/// The variable that says what is done for the guest's children.
const CHILDREN_VARIABLE: &str = "TRIPLECHECK_CHILDREN";

/// The request of the kernel's own calls, of `exec` without options and of a link whose name ends in `-exec` or
/// `_exec`: those are taken without the command-line parser. `None` for everything else.
///
/// # Errors
/// When a variable of ours has no meaning.
pub fn from_words(words: &[OsString]) -> Option<Result<Request>> {
    if unix::started_by_binfmt() {
        return of_the_kernel(words).map(Ok);
    }
    let mut request = of_a_caller(words)?;
    Some(policy_of_environment().map(|children| {
        request.children = children;
        request.ledger = ledger_of_surroundings();
        request
    }))
}

fn of_a_caller(words: &[OsString]) -> Option<Request> {
    let meaning = Path::new(words.first()?).file_name()?.to_str().map_or(Meaning::NotALink, link::meaning);
    let is_link = meaning != Meaning::NotALink;
    let rest = if is_link { &words[1..] } else { words.get(2..)? };
    if !is_link && words.get(1)?.as_os_str() != OsStr::new("exec") {
        return None;
    }
    let mut request = Request { target: meaning.target(), ..Request::default() };
    let mut rest = rest.iter();
    let program = loop {
        let word = rest.next()?;
        match word.as_bytes() {
            b"--" => break rest.next()?,
            b"-t" | b"--target" if !is_link => request.target = Some(rest.next()?.to_str()?.to_owned()),
            bytes if bytes.starts_with(b"-") && !is_link => return None,
            _ => break word,
        }
    };
    request.words = std::iter::once(program).chain(rest).cloned().collect();
    Some(request)
}

/// What the kernel passes to a registered interpreter with the flag `P`: the registered path, the program's path, its
/// `argv[0]`, its arguments.
fn of_the_kernel(words: &[OsString]) -> Option<Request> {
    let settings = Settings::of_nested(words.first()?);
    Some(Request {
        ledger: settings.ledger.clone().or_else(ledger_of_environment),
        nested: Some(Nested { file: PathBuf::from(words.get(1)?), settings }),
        words: words.get(2..)?.to_vec(),
        ..Request::default()
    })
}

/// What is done for the guest's children, where no option says.
fn policy_of_environment() -> Result<Policy> {
    let Some(word) = std::env::var_os(CHILDREN_VARIABLE).filter(|word| !word.is_empty()) else {
        return Ok(Policy::default());
    };
    let policy = word.to_str().and_then(|word| Policy::from_str(word, false).ok());
    policy.ok_or_else(|| {
        let text = format!("`{CHILDREN_VARIABLE}={}` has no meaning", word.display());
        Error::user(text).hint(format!("{CHILDREN_VARIABLE}=auto, private or off"))
    })
}

/// The request of a fully parsed command line.
///
/// # Errors
/// When an option has no meaning.
pub fn from_args(args: ExecArgs) -> Result<Request> {
    let options = super::super::options(&args.lookup)?;
    Ok(Request {
        target: args.target,
        options,
        children: match args.children {
            Some(children) => children,
            None => policy_of_environment()?,
        },
        ledger: args.ledger.or_else(ledger_of_surroundings),
        nested: None,
        words: args.words,
    })
}

/// The ledger of a call that names none: of the command that is wrapped around it, which even a caller that empties the
/// environment cannot take away; else the one that the environment names.
fn ledger_of_surroundings() -> Option<PathBuf> {
    Settings::of_surroundings().and_then(|settings| settings.ledger).or_else(ledger_of_environment)
}

/// The ledger that the environment names.
fn ledger_of_environment() -> Option<PathBuf> {
    std::env::var_os(ledger::VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from)
}
