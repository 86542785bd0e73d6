//! Builds the programs of a suite for the host and for every target: one cargo call for all of them, the C
//! compiler of each, or files that are there already. Each program is told of as soon as it is there, so that it can be
//! run while others are built.
//!
//! A build that fails for one target leaves the others whole; its text is kept and told once.

pub mod c;
pub mod cargo;
pub mod doc;
mod resolve;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use resolve::resolve;

/// A program of a suite, built for one target.
#[derive(Debug, Clone)]
pub struct Piece {
    /// What makes it the same program on all targets; no two programs of a suite have the same.
    pub id: String,
    /// Its name in cases.
    pub name: String,
    /// What kind of program it is.
    pub kind: ProgramKind,
    /// The target as text; the host's triple is the baseline.
    pub target: String,
    /// The file.
    pub file: PathBuf,
}

/// Is told of every program when it is there.
pub type Told<'a> = &'a mut dyn FnMut(Piece);

/// What kind of program, and what it needs to be started as its build system would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProgramKind {
    /// Started as it is, in a directory of its own.
    Plain,
    /// The tests of a procedural macro, which is part of the compiler: it is built for the host and runs nowhere else.
    HostOnly,
    /// Documentation tests, which cargo builds and runs itself.
    CargoDoc {
        /// How cargo is called, by triple.
        calls: BTreeMap<String, doc::DocCall>,
    },
    /// A test binary of cargo's, started in its package's directory with what cargo sets.
    CargoTest {
        /// The package's directory.
        package_dir: PathBuf,
        /// Variables that `cargo test` sets, the same for all targets.
        env: Vec<(String, String)>,
        /// Whether libtest is its `main`, and not one of its own (`harness = false`).
        libtest: bool,
    },
}

impl ProgramKind {
    /// Whether it is a test binary whose `main` is libtest's.
    pub fn is_libtest(&self) -> bool {
        matches!(self, Self::CargoTest { libtest: true, .. })
    }
}
