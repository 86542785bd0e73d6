//! The compilers: which rustc and cargo a project uses, which standard library each target has, with which
//! linker its programs are linked, and how all of that is told to one cargo call.
//!
//! Owns these decisions and the private sysroots; it never changes the user's toolchain (set-up does, when asked)
//! and never touches the user's own flags. What surprises: a private std is *not* given through rustflags. cargo
//! takes those from exactly one of four places (`RUSTFLAGS`, `target.*`, `build.*` …), so that adding to one either
//! discards the user's or changes what every target is built with. A private std is given as a rustc that knows it
//! ([`compiler`]), and the flags stay the user's.

pub mod cargo;
pub mod cc;
mod compiler;
pub mod fix;
pub mod progress;
pub mod rustc;
pub mod std_sysroot;
pub(crate) mod tool;
pub mod wasi;

use std::path::{Path, PathBuf};

use triplecheck_emulators::host::Host;

pub use cargo::{CargoCall, CargoTarget, cargo_args, discard_stale};
pub use cc::{Cc, CcKind, cc};
pub use fix::{Fix, Unbuildable};
pub use rustc::RustcVersion;
pub use std_sysroot::{BuildStdError, Std};

use tool::{Tool, ToolError};

/// The variable that says where std comes from: `build` never uses an installed one, so that everything can be
/// tried as on a machine where `rustup target add` is impossible.
pub const STD_VARIABLE: &str = "TRIPLECHECK_STD";

/// A rustc with its cargo and what belongs to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toolchain {
    /// The project for which it was found; cargo and rustc run there, so that `rust-toolchain.toml` counts.
    pub project_dir: PathBuf,
    /// Where private sysroots are kept.
    pub cache_dir: PathBuf,
    /// The cargo to call; with its path wherever it was found.
    pub cargo: PathBuf,
    /// The compiler itself, past rustup's proxy where there is one.
    pub rustc: PathBuf,
    /// What rustc says of itself.
    pub version: RustcVersion,
    /// `rustc --print sysroot`.
    pub sysroot: PathBuf,
    /// rustup, if the sysroot is one of its toolchains.
    pub rustup: Option<Rustup>,
    /// Why this is not the rustc that the project would use by itself; cargo must then be told.
    pub instead: Option<String>,
    /// Whether node is there, without which WebAssembly programs that unwind cannot run.
    pub has_node: bool,
    /// Whether installed stds may be used.
    pub std_source: StdSource,
}

/// rustup and the toolchain of its that is in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rustup {
    /// The program.
    pub program: PathBuf,
    /// The toolchain's name: `stable-x86_64-unknown-linux-gnu`.
    pub toolchain: String,
}

/// Where a target's std may come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StdSource {
    /// The installed one if there is one, else a private one.
    Any,
    /// Only private ones.
    Build,
}

impl StdSource {
    /// The source for a value of [`STD_VARIABLE`].
    pub fn of(value: Option<&std::ffi::OsStr>) -> Self {
        if value.is_some_and(|value| value == "build") { Self::Build } else { Self::Any }
    }
}

/// Why no toolchain was found.
#[derive(Debug, thiserror::Error)]
pub enum DetectError {
    /// rustc could not be asked.
    #[error("find the project's rustc")]
    Ask(#[from] ToolError),
    /// It answered something else.
    #[error("recognise the project's rustc `{rustc}`")]
    Odd {
        /// The program.
        rustc: PathBuf,
        /// What was odd.
        source: rustc::OddVersion,
    },
}

impl DetectError {
    /// What the user can do.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Ask(ToolError::Start { .. }) => vec!["install Rust: https://rustup.rs".to_owned()],
            Self::Ask(_) => vec!["`rustc -vV` has to work in the project's directory".to_owned()],
            Self::Odd { rustc, .. } => vec![format!("see what `{} -vV` prints", rustc.display())],
        }
    }
}

impl Toolchain {
    /// The rustc that `cargo build` would use in `project_dir`. Starts two processes, side by side.
    pub fn detect(host: &dyn Host, project_dir: &Path) -> Result<Self, DetectError> {
        let asked = configured_rustc(project_dir).unwrap_or_else(|| PathBuf::from("rustc"));
        Self::of_rustc(host, project_dir, &asked)
    }

    /// The first rustc under which every one of `triples` can be built, std included: the project's own, else the
    /// distribution's (`rustc-web` with `rust-web-src` on Debian). Where neither can, it is the project's own.
    ///
    /// All targets and the native baseline share one compiler, so that a difference between two runs is never one
    /// between two compilers.
    pub fn detect_for(host: &dyn Host, project_dir: &Path, triples: &[&str]) -> Result<Self, DetectError> {
        let own = Self::detect(host, project_dir);
        if own.as_ref().is_ok_and(|own| own.provides(triples)) {
            return own;
        }
        let system = Path::new("/usr/bin/rustc");
        let is_own = own.as_ref().is_ok_and(|own| own.rustc == system);
        if is_own || !host.is_file(system) {
            return own;
        }
        let Ok(mut other) = Self::of_rustc(host, project_dir, system) else { return own };
        if !other.provides(triples) {
            return own;
        }
        other.instead = Some(match own {
            Ok(own) => {
                format!("rustc {} has no std for every target and no sources of it", own.version.release)
            }
            Err(error) => format!("failed to {error}"),
        });
        Ok(other)
    }

    /// Whether each target's std is there or can be built or added by us.
    fn provides(&self, triples: &[&str]) -> bool {
        self.has_source()
            || (self.rustup.is_some() && self.std_source == StdSource::Any)
            || triples.iter().all(|triple| !matches!(self.std_for_triple(triple), Std::Missing { .. }))
    }

    fn of_rustc(host: &dyn Host, project_dir: &Path, asked: &Path) -> Result<Self, DetectError> {
        let question = |words: &[&str]| Tool::new(asked).args(words).dir(project_dir).answer();
        let (version, sysroot) = std::thread::scope(|scope| {
            let sysroot = scope.spawn(|| question(&["--print", "sysroot"]));
            let version = question(&["-vV"]);
            (version, sysroot.join().expect("asking a tool does not panic"))
        });
        let version = RustcVersion::parse(&version?)
            .map_err(|source| DetectError::Odd { rustc: asked.to_owned(), source })?;
        let sysroot = PathBuf::from(sysroot?.trim());
        let own = sysroot.join("bin").join(format!("rustc{}", std::env::consts::EXE_SUFFIX));
        Ok(Self {
            project_dir: project_dir.to_owned(),
            cache_dir: host.cache_dir(),
            cargo: find_cargo(host),
            rustc: if host.is_file(&own) { own } else { asked.to_owned() },
            rustup: find_rustup(host, &sysroot),
            std_source: StdSource::of(host.env(STD_VARIABLE).as_deref()),
            has_node: host.find_program("node").is_some(),
            instead: None,
            version,
            sysroot,
        })
    }

    /// Where the std for `triple` that came with this toolchain would be.
    pub(crate) fn installed_libraries(&self, triple: &str) -> PathBuf {
        self.sysroot.join("lib/rustlib").join(triple).join("lib")
    }

    /// Whether std's sources are there, so that it can be built.
    pub fn has_source(&self) -> bool {
        self.sysroot.join("lib/rustlib/src/rust/library/Cargo.lock").is_file()
    }
}

/// The cargo that called us, else the one on `PATH`.
fn find_cargo(host: &dyn Host) -> PathBuf {
    let caller = host.env("CARGO").map(PathBuf::from);
    let found = caller.or_else(|| Some(host.find_program("cargo")?.path));
    found.unwrap_or_else(|| PathBuf::from("cargo"))
}

/// rustup, where `sysroot` is `…/toolchains/NAME`.
fn find_rustup(host: &dyn Host, sysroot: &Path) -> Option<Rustup> {
    if sysroot.parent()?.file_name()? != "toolchains" {
        return None;
    }
    let toolchain = sysroot.file_name()?.to_str()?.to_owned();
    Some(Rustup { program: host.find_program("rustup")?.path, toolchain })
}

/// The rustc that variables or configuration files name, if any. A file that cannot be read is cargo's to report.
fn configured_rustc(project_dir: &Path) -> Option<PathBuf> {
    cargo_config2::Config::load_with_cwd(project_dir).ok()?.build.rustc
}

#[cfg(test)]
mod tests;
