//! The supervisor against real guests that misbehave in every way we have met.
//!
//! This binary is three things, told apart by its first argument: the tests, the guests that they run (`guests.rs`),
//! and, because `supervise::run` executes the running binary, the supervisor in between. So nothing has to be built or
//! found besides, and the tests go through the same start as the real `triplecheck` does.
//!
//! For that it has its own `main` instead of libtest's. It understands the parts of libtest's command line that people
//! and cargo use: a filter, `--exact`, `--skip`, and `--list`. Tests run one after the other, since some of them count the
//! process's descriptors and children.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "these are tests; clippy knows them by libtest's attribute, which they do not have"
)]
#![expect(clippy::zombie_processes, reason = "the guests are badly behaved on purpose")]

mod endings;
mod guests;
mod lab;
mod limits;
mod plumbing;
mod trees;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

/// A test: what it shows, and how.
type Test = (&'static str, fn());

fn main() -> ExitCode {
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|a| a.to_string_lossy().into_owned()).collect();
    match arguments.first().map(String::as_str) {
        Some(triplecheck::supervise::SUBCOMMAND) => triplecheck::supervise::child_main(),
        Some(guests::ROLE) => guests::play(&arguments[1..]),
        _ => run_tests(&arguments),
    }
}

fn run_tests(arguments: &[String]) -> ExitCode {
    let tests: Vec<Test> = [endings::TESTS, trees::TESTS, limits::TESTS, plumbing::TESTS].concat();
    let chosen: Vec<Test> = tests.into_iter().filter(|(name, _)| is_chosen(name, arguments)).collect();
    if arguments.iter().any(|a| a == "--list") {
        for (name, _) in &chosen {
            println!("{name}: test");
        }
        return ExitCode::SUCCESS;
    }
    println!("\nrunning {} tests", chosen.len());
    let mut failed = Vec::new();
    for (name, test) in &chosen {
        let outcome = catch_unwind(AssertUnwindSafe(test));
        println!("test {name} ... {}", if outcome.is_ok() { "ok" } else { "FAILED" });
        failed.extend(outcome.is_err().then_some(*name));
    }
    println!("\ntest result: {} passed; {} failed {failed:?}\n", chosen.len() - failed.len(), failed.len());
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(101) }
}

fn is_chosen(name: &str, arguments: &[String]) -> bool {
    let exact = arguments.iter().any(|a| a == "--exact");
    let matches = |filter: &str| if exact { name == filter } else { name.contains(filter) };
    let mut filters = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--skip" if rest.next().is_some_and(|filter| matches(filter)) => return false,
            // No test is marked as ignored.
            "--ignored" => return false,
            "--format" | "--color" | "--test-threads" | "-Z" => drop(rest.next()),
            flag if flag.starts_with('-') => {}
            filter => filters.push(filter),
        }
    }
    filters.is_empty() || filters.into_iter().any(matches)
}
