//! What is there: the toolchain, the system's package manager, and for each target its std, its linker, its C
//! compiler and its emulator. Looks and never changes anything; starts two processes (rustc) and no more.

use std::path::PathBuf;

use triplecheck_emulators::host::Host;
use triplecheck_emulators::launch::{Kind, Preparation};
use triplecheck_emulators::lookup::{self, Decision, Obstacle, Options};
use triplecheck_emulators::packages::Piece;
use triplecheck_emulators::target::Target;

use super::Request;
use super::packages::System;
use crate::toolchain::{self, Rustup, Std, StdSource, Toolchain, Unbuildable, wasi};

/// What should be possible for the targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wants {
    /// Rust programs are built.
    pub rust: bool,
    /// C programs are built.
    pub c: bool,
    /// Programs are run.
    pub run: bool,
}

impl Wants {
    /// Everything.
    pub const ALL: Self = Self { rust: true, c: true, run: true };
}

/// What is there. A plain value, so that plans can be made for machines that are not at hand.
#[derive(Debug, Clone)]
pub struct State {
    /// What is wanted.
    pub wants: Wants,
    /// How packages are installed here.
    pub system: System,
    /// The Rust toolchain, or the sentence that says why there is none.
    pub rust: Result<RustState, String>,
    /// The toolchain itself, for building std.
    pub toolchain: Option<Toolchain>,
    /// Where private packages and stds are kept.
    pub cache_dir: PathBuf,
    /// Targets whose std rustup was asked for and could not bring.
    pub refused: Vec<String>,
    /// Each wanted target.
    pub targets: Vec<TargetState>,
}

/// What matters of the toolchain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RustState {
    /// `1.95.0`.
    pub release: String,
    /// rustup and the toolchain's name in it.
    pub rustup: Option<Rustup>,
    /// Whether std's sources are there.
    pub has_source: bool,
    /// Where stds may come from.
    pub std_source: StdSource,
}

/// What is there for one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetState {
    /// The triple.
    pub triple: String,
    /// Its std; `None` where there is no toolchain or no Rust is wanted.
    pub std: Option<Std>,
    /// Whether a private std would be better than the installed one: on WebAssembly it lets panics be caught.
    pub better_std: bool,
    /// Whether it would be, if node were there, which runs the programs that are built with it.
    pub wants_node: bool,
    /// Why Rust programs cannot be linked, if so.
    pub linker: Result<(), Unbuildable>,
    /// Why C programs cannot be built, if so.
    pub cc: Result<(), Unbuildable>,
    /// Whether its programs can be run.
    pub run: RunState,
}

/// Whether programs of a target can be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunState {
    /// Yes.
    Ready(Kind),
    /// Yes, once this has been made.
    Prepare(Kind, Preparation),
    /// Not before these pieces are there.
    Lacks {
        /// One sentence.
        text: String,
        /// The pieces.
        pieces: Vec<Piece>,
        /// The suffix of the qemu that runs it: `aarch64`.
        qemu: Option<&'static str>,
    },
    /// Never on this host, for this reason.
    Never(String),
}

impl State {
    /// Looks.
    pub fn observe(host: &dyn Host, request: &Request<'_>) -> Self {
        let triples: Vec<&str> = request.targets.iter().map(Target::triple).collect();
        let found = Toolchain::detect_for(host, request.project_dir, &triples);
        let rust = match &found {
            Ok(toolchain) => Ok(RustState {
                release: toolchain.version.release.clone(),
                rustup: toolchain.rustup.clone(),
                has_source: toolchain.has_source(),
                std_source: toolchain.std_source,
            }),
            Err(error) => Err(format!("failed to {error}")),
        };
        let toolchain = found.ok();
        let look = |target: &Target| observe_target(host, toolchain.as_ref(), request.wants, target);
        let targets = request.targets.iter().map(look).collect();
        Self {
            wants: request.wants,
            system: System::observe(host),
            rust,
            cache_dir: host.cache_dir(),
            refused: Vec::new(),
            targets,
            toolchain,
        }
    }
}

fn observe_target(
    host: &dyn Host,
    toolchain: Option<&Toolchain>,
    wants: Wants,
    target: &Target,
) -> TargetState {
    let rust = toolchain.filter(|_| wants.rust);
    let std = rust.map(|toolchain| toolchain.std_for(target));
    let can_better = target.triple() == wasi::TRIPLE
        && rust.is_some_and(|toolchain| toolchain.has_source() || toolchain.rustup.is_some());
    let has_node = rust.is_some_and(|toolchain| toolchain.has_node);
    TargetState {
        triple: target.triple().to_owned(),
        better_std: can_better && has_node && std == Some(Std::Installed),
        wants_node: can_better && !has_node,
        std,
        linker: rust.map_or(Ok(()), |toolchain| toolchain.linker(host, target).map(|_| ())),
        cc: if wants.c { cc_state(host, target) } else { Ok(()) },
        run: if wants.run { observe_run(host, target) } else { RunState::Ready(Kind::Native) },
    }
}

/// Whether there is a C compiler for `target`.
fn cc_state(host: &dyn Host, target: &Target) -> Result<(), Unbuildable> {
    match Target::parse(host.triple()) {
        Ok(native) => toolchain::cc(host, target, &native).map(|_| ()),
        Err(error) => Err(Unbuildable { text: error.to_string(), fixes: Vec::new() }),
    }
}

/// Whether programs of `target` can be run, as the lookup decides without one of them at hand.
fn observe_run(host: &dyn Host, target: &Target) -> RunState {
    match lookup::lookup(host, target, None, &Options::default()) {
        Decision::Run(launch, _) => {
            let kind = launch.emulator.kind;
            match launch.preparation.filter(|preparation| !is_made(host, preparation)) {
                Some(preparation) => RunState::Prepare(kind, preparation),
                None => RunState::Ready(kind),
            }
        }
        Decision::Cannot(reason, _)
            if reason.missing.is_empty() || reason.obstacle == Obstacle::NoEmulator =>
        {
            RunState::Never(reason.text)
        }
        Decision::Cannot(reason, _) => RunState::Lacks {
            text: reason.text,
            pieces: reason.missing,
            qemu: target.machine().and_then(|machine| machine.qemu_user),
        },
    }
}

/// Whether what a preparation makes is there, as far as one file shows: making it again is quick and harmless.
fn is_made(host: &dyn Host, preparation: &Preparation) -> bool {
    match preparation {
        Preparation::WinePrefix { prefix, .. } => host.is_file(&prefix.join("system.reg")),
        // Written at the first run, at no cost worth a step.
        Preparation::NodeScript(_) => true,
    }
}
