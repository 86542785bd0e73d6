//! The standard library of each target: installed with the toolchain, or built by us, once, in release mode, into
//! a private sysroot under the cache directory.
//!
//! A private sysroot is a plain directory `std/RELEASE-TRIPLE-KEY` that has the layout of rustc's own. Its name
//! says by which rustc and with which flags it was built; it is finished if it is there, because it is made beside
//! and renamed. It is never changed afterwards.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use triplecheck_emulators::packages::Piece;
use triplecheck_emulators::target::Target;

use super::fix::Fix;
use super::progress::Progress;
use super::tool::{Tool, ToolError};
use super::{StdSource, Toolchain, wasi};

/// Changes whenever the way of building changes, so that what an older triplecheck built is not taken for ours.
const RECIPE: &str = "1";

/// What is built. `test` for test binaries, `proc_macro` because std's own workspace is built as one, both panic
/// runtimes because a profile may ask for either.
const CRATES: &str = "-Zbuild-std=core,alloc,std,panic_unwind,panic_abort,proc_macro,test";

/// How long a build may take. It needs 90 s of processor time; a loaded small machine may need ten times that.
const BUILD_DEADLINE: Duration = Duration::from_secs(60 * 60);

/// The manifest of a crate with nothing in it; std is what is built.
const EMPTY_MANIFEST: &str = "[package]\nname = \"empty\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\
    [profile.release]\ndebug = false\n[workspace]\n";

/// Where a target's std comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Std {
    /// It came with the toolchain.
    Installed,
    /// It was built by us: a sysroot that has it, and it alone.
    Private(PathBuf),
    /// There is none.
    Missing {
        /// One sentence, lower-case, without a final stop.
        why: String,
        /// What would bring it, in order.
        fixes: Vec<Fix>,
    },
}

impl Std {
    /// One word for tables.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Installed => "installed",
            Self::Private(_) => "private",
            Self::Missing { .. } => "missing",
        }
    }
}

/// Why std could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildStdError {
    /// Its sources are not installed.
    #[error("build std for `{triple}`: the sources of rustc {release} are not installed")]
    NoSource {
        /// The target.
        triple: String,
        /// The rustc's release.
        release: String,
    },
    /// A directory or file could not be made or read; the source names it.
    #[error("build std for `{triple}`")]
    Io {
        /// The target.
        triple: String,
        /// What the system said.
        source: io::Error,
    },
    /// cargo could not be run.
    #[error("build std for `{triple}`")]
    Tool {
        /// The target.
        triple: String,
        /// What happened.
        source: ToolError,
    },
    /// It was built, but cannot be made into a sysroot.
    #[error("build std for `{triple}`: failed to {message}")]
    Incomplete {
        /// The target.
        triple: String,
        /// What is missing.
        message: String,
    },
    /// cargo ended with an error; these are its last lines.
    #[error("build std for `{triple}`:\n{message}")]
    Cargo {
        /// The target.
        triple: String,
        /// cargo's last lines.
        message: String,
    },
}

impl Toolchain {
    /// The std that programs for `target` are built with.
    pub fn std_for(&self, target: &Target) -> Std {
        self.std_for_triple(target.triple())
    }

    pub(crate) fn std_for_triple(&self, triple: &str) -> Std {
        if triple == wasi::TRIPLE && self.has_node && self.private_sysroot(triple).is_dir() {
            // rustup's std ends the program at the first panic; ours does not.
            return Std::Private(self.private_sysroot(triple));
        }
        // The host's own std is never rebuilt: build scripts and the baseline are what the user's cargo makes.
        let may_be_installed = self.std_source == StdSource::Any || triple == self.version.host;
        if may_be_installed && has_std(&self.installed_libraries(triple)) {
            return Std::Installed;
        }
        let private = self.private_sysroot(triple);
        if private.is_dir() {
            return Std::Private(private);
        }
        Std::Missing {
            why: format!("rustc {} has no std for {triple}", self.version.release),
            fixes: self.std_fixes(triple),
        }
    }

    fn std_fixes(&self, triple: &str) -> Vec<Fix> {
        if self.rustup.is_some() && self.std_source == StdSource::Any && is_shipped(triple) {
            return vec![Fix::AddTarget(triple.to_owned())];
        }
        let build = Fix::BuildStd(triple.to_owned());
        if triple == wasi::TRIPLE && wasi::find_libc(&self.sysroot).is_err() {
            return vec![Fix::AddSource, Fix::Install(Piece::WasiC), build];
        }
        if self.has_source() { vec![build] } else { vec![Fix::AddSource, build] }
    }

    /// Where the private sysroot for `triple` is or would be.
    pub(crate) fn private_sysroot(&self, triple: &str) -> PathBuf {
        let key = std_key(&self.version.text, triple, std_rustflags(triple));
        self.cache_dir.join("std").join(format!("{}-{triple}-{key}", self.version.release))
    }

    /// Builds std and test for `target` into its private sysroot, unless that is there already, and returns it.
    ///
    /// Of several callers one builds and the others wait for it. Interrupted at any point, it leaves nothing that
    /// would be taken for finished.
    pub fn build_std(&self, target: &Target, progress: &mut dyn Progress) -> Result<PathBuf, BuildStdError> {
        self.build_std_for_triple(target.triple(), progress)
    }

    pub(crate) fn build_std_for_triple(
        &self,
        triple: &str,
        progress: &mut dyn Progress,
    ) -> Result<PathBuf, BuildStdError> {
        let finished = self.private_sysroot(triple);
        if finished.is_dir() {
            return Ok(finished);
        }
        if !self.has_source() {
            let release = self.version.release.clone();
            return Err(BuildStdError::NoSource { triple: triple.to_owned(), release });
        }
        let io_error = |source| BuildStdError::Io { triple: triple.to_owned(), source };
        let _lock = lock_beside(&finished, progress).map_err(io_error)?;
        if finished.is_dir() {
            return Ok(finished);
        }
        let scratch = Scratch::make(&finished).map_err(io_error)?;
        let libraries = self.compile_std(triple, &scratch, progress)?;
        let sysroot = scratch.path.join("sysroot");
        let library_dir = sysroot.join("lib/rustlib").join(triple).join("lib");
        gather(&libraries, &library_dir).map_err(io_error)?;
        if triple == wasi::TRIPLE {
            let furnished =
                wasi::find_libc(&self.sysroot).map_err(|missing| missing.to_string()).and_then(|libc| {
                    wasi::furnish(&self.rustc, &sysroot, &libc).map_err(|error| error.to_string())
                });
            let message = |message| BuildStdError::Incomplete { triple: triple.to_owned(), message };
            furnished.map_err(message)?;
        }
        fs_err::rename(&sysroot, &finished).map_err(io_error)?;
        Ok(finished)
    }

    /// Runs cargo and returns the libraries that it made for the target.
    fn compile_std(
        &self,
        triple: &str,
        scratch: &Scratch,
        progress: &mut dyn Progress,
    ) -> Result<Vec<PathBuf>, BuildStdError> {
        let tool = self.build_std_tool(triple, &scratch.path);
        let mut libraries = Vec::new();
        let ended = tool
            .stream(|line| match library_files(line, triple) {
                Some(files) => libraries.extend(files),
                None => {
                    if let Some(what) = line.trim().strip_prefix("Compiling ") {
                        progress.detail(&format!("compiling {}", what.split(' ').next().unwrap_or(what)));
                    } else if !line.starts_with('{') {
                        progress.detail(line.trim());
                    }
                }
            })
            .map_err(|source| BuildStdError::Tool { triple: triple.to_owned(), source })?;
        if !ended.success || libraries.is_empty() {
            return Err(BuildStdError::Cargo { triple: triple.to_owned(), message: readable(&ended.tail) });
        }
        Ok(libraries)
    }

    /// The cargo call. It runs with nothing of the user's own settings that could change std: neither flags nor
    /// profiles nor wrappers; CARGO_ENCODED_RUSTFLAGS, even empty, beats what configuration files say.
    fn build_std_tool(&self, triple: &str, scratch: &Path) -> Tool {
        let own_cargo = self.sysroot.join("bin").join(format!("cargo{}", std::env::consts::EXE_SUFFIX));
        let cargo = if own_cargo.is_file() { own_cargo } else { self.cargo.clone() };
        let disturbing = std::env::vars_os().filter_map(|(name, _)| {
            let text = name.to_str()?;
            let prefixes = ["CARGO_PROFILE_", "CARGO_TARGET_", "CARGO_BUILD_", "CARGO_UNSTABLE_", "RUSTC"];
            let single = ["RUSTFLAGS", "RUSTDOCFLAGS", "CARGO_INCREMENTAL", "RUSTUP_TOOLCHAIN"];
            let set_below = ["RUSTC", "RUSTC_BOOTSTRAP", "CARGO_BUILD_BUILD_DIR"];
            let disturbs = prefixes.iter().any(|prefix| text.starts_with(prefix)) || single.contains(&text);
            (disturbs && !set_below.contains(&text)).then_some(name)
        });
        Tool::new(cargo)
            .args([
                "build",
                "--release",
                "--message-format=json-render-diagnostics",
                "--target",
                triple,
                CRATES,
            ])
            .dir(scratch)
            .deadline(BUILD_DEADLINE)
            .env("RUSTC", self.rustc.as_os_str())
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUST_BACKTRACE", "0")
            .env("CARGO_ENCODED_RUSTFLAGS", std_rustflags(triple).join("\u{1f}"))
            .env("CARGO_TARGET_DIR", scratch.join("target").as_os_str())
            .env("CARGO_BUILD_BUILD_DIR", scratch.join("target").as_os_str())
            .env_remove(disturbing.filter(|name| name != "CARGO_TARGET_DIR"))
    }
}

/// The flags with which a target's std is built, and its programs as well.
pub(crate) fn std_rustflags(triple: &str) -> &'static [&'static str] {
    if triple == wasi::TRIPLE { &wasi::STD_RUSTFLAGS } else { &[] }
}

/// The part of a private sysroot's name that stands for the compiler, the target, the flags and our recipe.
pub(crate) fn std_key(version_text: &str, triple: &str, rustflags: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in [RECIPE, version_text, triple].iter().chain(rustflags) {
        hasher.update(part.as_bytes()).update(&[0]);
    }
    hasher.finalize().to_hex()[..12].to_owned()
}

/// Whether a directory has a libstd in it. rustup makes the directory before it fills it.
fn has_std(libraries: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(libraries) else { return false };
    entries.filter_map(Result::ok).any(|entry| {
        let path = PathBuf::from(entry.file_name());
        let is_std = path.to_str().is_some_and(|name| name.starts_with("libstd-"));
        is_std && path.extension().is_some_and(|end| end == "rlib")
    })
}

/// Whether rust-lang ships a std for the triple: that is what tiers 1 and 2 promise. Where our table does not know the
/// tier, rustup will say.
fn is_shipped(triple: &str) -> bool {
    Target::parse(triple).map_or(true, |target| target.facts().tier <= 2)
}

/// The library files that a line of cargo's JSON names, `None` where it is no such line. Only the target's are
/// taken: build scripts leave libraries of the host.
fn library_files(line: &str, triple: &str) -> Option<Vec<PathBuf>> {
    if !line.starts_with('{') {
        return None;
    }
    let message: serde_json::Value = serde_json::from_str(line).ok()?;
    if message["reason"] != "compiler-artifact" || message["target"]["name"] == "empty" {
        return None;
    }
    let files =
        message["filenames"].as_array()?.iter().filter_map(|file| Some(PathBuf::from(file.as_str()?)));
    let ours = files.filter(|file| {
        file.extension().is_some_and(|end| end == "rlib") && file.iter().any(|part| part == triple)
    });
    Some(ours.collect())
}

/// cargo's words without its JSON.
fn readable(tail: &str) -> String {
    let lines: Vec<&str> = tail.lines().filter(|line| !line.starts_with('{')).collect();
    let start = lines.iter().position(|line| line.starts_with("error")).unwrap_or(0);
    lines[start..].join("\n")
}

/// Moves libraries to where rustc looks for them. They were made on the same file system.
fn gather(libraries: &[PathBuf], into: &Path) -> io::Result<()> {
    fs_err::create_dir_all(into)?;
    for library in libraries {
        let name = library.file_name().expect("cargo names files");
        fs_err::rename(library, into.join(name))?;
    }
    Ok(())
}

/// The path with another ending after its last name, which has dots of its own.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    path.with_file_name(name)
}

/// Waits until no one else builds this sysroot. The lock is the kernel's and ends with its holder.
fn lock_beside(finished: &Path, progress: &mut dyn Progress) -> io::Result<fs_err::File> {
    use rustix::fs::{FlockOperation, flock};

    fs_err::create_dir_all(finished.parent().expect("sysroots stand in a directory of their own"))?;
    let file = fs_err::File::create(beside(finished, "lock"))?;
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        progress.detail("waiting for another triplecheck that builds it");
        flock(&file, FlockOperation::LockExclusive)?;
    }
    Ok(file)
}

/// The directory in which one std is built: beside the finished one, under its lock, so that what a killed
/// predecessor left behind can be removed.
struct Scratch {
    path: PathBuf,
}

impl Scratch {
    fn make(finished: &Path) -> io::Result<Self> {
        let path = beside(finished, "scratch");
        if path.exists() {
            fs_err::remove_dir_all(&path)?;
        }
        fs_err::create_dir_all(path.join("src"))?;
        fs_err::write(path.join("Cargo.toml"), EMPTY_MANIFEST)?;
        fs_err::write(path.join("src/lib.rs"), "#![no_std]\n")?;
        Ok(Self { path })
    }
}

/// Removes some 150 MB that nobody needs any more.
impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs_err::remove_dir_all(&self.path);
    }
}
