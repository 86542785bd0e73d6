//! How one cargo call builds for many targets: which linker, which std, and how cargo is told without anything of
//! the user's own configuration being lost.
//!
//! A linker is named only where the user configured none (`CARGO_TARGET_…_LINKER`, `.cargo/config.toml`). Flags are
//! never named to cargo at all; see [`super::compiler`].

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use triplecheck_emulators::host::Host;
use triplecheck_emulators::packages::Piece;
use triplecheck_emulators::target::Target;

use super::fix::Unbuildable;
use super::{Std, Toolchain, cc, wasi};

/// The file in a target's directory of artifacts that says by which std they were built.
const STAMP: &str = ".triplecheck-std";

/// How cargo builds for one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CargoTarget {
    /// The triple for `--target`.
    pub triple: String,
    /// The linker to name to cargo; `None` where the user configured one or rustc's own choice is right.
    pub linker: Option<PathBuf>,
    /// Flags that the target's std calls for, given by the compiler script and not by cargo.
    pub rustflags: Vec<String>,
    /// More variables for cargo.
    pub env: Vec<(String, String)>,
    /// The std, which is not [`Std::Missing`].
    pub std: Std,
}

impl CargoTarget {
    /// The private sysroot, if it has one.
    pub fn private_std(&self) -> Option<&Path> {
        match &self.std {
            Std::Private(path) => Some(path),
            Std::Installed | Std::Missing { .. } => None,
        }
    }

    pub(crate) fn needs_own_compiler(&self) -> bool {
        self.private_std().is_some() || !self.rustflags.is_empty()
    }

    /// What its artifacts depend on and cargo does not know.
    fn identity(&self) -> String {
        let std =
            self.private_std().map_or_else(|| "installed".to_owned(), |path| path.display().to_string());
        format!("{std} {}", self.rustflags.join(" "))
    }
}

/// Words and variables for one `cargo build` (or `test`) of several targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CargoCall {
    /// `--target A --target B`.
    pub args: Vec<OsString>,
    /// Variables to set, over the user's.
    pub env: Vec<(String, String)>,
}

impl Toolchain {
    /// How programs for `target` are built here, or why not.
    pub fn cargo_target(&self, host: &dyn Host, target: &Target) -> Result<CargoTarget, Unbuildable> {
        let std = self.std_for(target);
        if let Std::Missing { why, fixes } = &std {
            return Err(Unbuildable { text: why.clone(), fixes: fixes.clone() });
        }
        let linker = self.linker(host, target)?;
        let rustflags = self.rustflags(host, target, &std);
        Ok(CargoTarget { triple: target.triple().to_owned(), linker, rustflags, env: Vec::new(), std })
    }

    /// Flags that belong to the std: WebAssembly's are built to unwind, or not. `--sysroot` is the script's to say.
    fn rustflags(&self, host: &dyn Host, target: &Target, std: &Std) -> Vec<String> {
        let Ok(linker) = self.wasi_linker(host) else { return Vec::new() };
        if target.triple() != wasi::TRIPLE {
            return Vec::new();
        }
        let recipe = match std {
            Std::Private(sysroot) => wasi::unwinding(sysroot, &linker),
            Std::Installed | Std::Missing { .. } => wasi::aborting(&linker),
        };
        recipe.rustflags.into_iter().filter(|flag| !flag.starts_with("--sysroot")).collect()
    }

    fn wasi_linker(&self, host: &dyn Host) -> Result<wasi::Linker, Unbuildable> {
        let candidates: Vec<PathBuf> =
            host.find_program("wasm-ld").map(|program| program.path).into_iter().collect();
        wasi::find_linker(&self.sysroot, &self.version.host, &candidates)
            .map_err(|missing| Unbuildable::missing(format!("failed to {missing}"), Piece::WasiC))
    }

    /// The linker to name to cargo, if one has to be named.
    pub(crate) fn linker(&self, host: &dyn Host, target: &Target) -> Result<Option<PathBuf>, Unbuildable> {
        if self.configures_linker(target.triple())? {
            return Ok(None);
        }
        if target.triple() == wasi::TRIPLE {
            return Ok(match self.wasi_linker(host)? {
                wasi::Linker::Own => None,
                wasi::Linker::Program(path) => Some(path),
            });
        }
        let facts = target.facts();
        if facts.family.contains("wasm") || facts.os == "none" {
            return Ok(None);
        }
        if target.triple() == self.version.host {
            return match host.find_program("cc") {
                Some(_) => Ok(None),
                None => Err(Unbuildable::missing("there is no C compiler `cc` to link with", Piece::Gcc)),
            };
        }
        // rustup's std for musl brings its own C library, so that a gcc for glibc links it.
        let sibling = target.triple().strip_suffix("-musl").map(|stem| format!("{stem}-gnu"));
        if sibling.as_ref() == Some(&self.version.host) {
            return Ok(None);
        }
        let sibling = sibling.and_then(|triple| Target::parse(&triple).ok());
        cc::cross_gcc(host, sibling.as_ref().unwrap_or(target)).map(|program| Some(program.path))
    }

    /// Whether the user's own configuration names a linker for the triple.
    fn configures_linker(&self, triple: &str) -> Result<bool, Unbuildable> {
        let options = cargo_config2::ResolveOptions::default()
            .rustc(cargo_config2::PathAndArgs::new(&self.rustc))
            .host_triple(self.version.host.clone());
        let configured = cargo_config2::Config::load_with_options(&self.project_dir, options)
            .and_then(|config| config.linker(triple));
        configured.map(|linker| linker.is_some()).map_err(|error| {
            let text = format!("cargo's configuration cannot be read: {error}");
            Unbuildable { text, fixes: Vec::new() }
        })
    }

    /// Words and variables for one cargo call that builds for all of `targets`. Writes the compiler script if there
    /// has to be one.
    pub fn cargo_call(&self, targets: &[CargoTarget]) -> io::Result<CargoCall> {
        let mut env = Vec::new();
        if let Some(compiler) = self.compiler_for(targets)? {
            env.extend(compiler_env(&compiler.rustc, &compiler.rustdoc));
            // A caching wrapper (sccache) does not see which std a script brings, and would mix objects of two.
            if targets.iter().any(|target| target.private_std().is_some()) {
                env.push(("RUSTC_WRAPPER".to_owned(), String::new()));
            }
        } else if self.instead.is_some() {
            env.extend(compiler_env(&self.rustc, &self.rustc.with_file_name("rustdoc")));
        }
        let mut call = cargo_args(targets);
        call.env.extend(env);
        Ok(call)
    }
}

/// `RUSTC` and `RUSTDOC`.
fn compiler_env(rustc: &Path, rustdoc: &Path) -> [(String, String); 2] {
    [("RUSTC", rustc), ("RUSTDOC", rustdoc)].map(|(name, path)| (name.to_owned(), path.display().to_string()))
}

/// The part of [`Toolchain::cargo_call`] that needs no compiler script. Pure.
pub fn cargo_args(targets: &[CargoTarget]) -> CargoCall {
    let mut call = CargoCall { args: Vec::new(), env: Vec::new() };
    for target in targets {
        call.args.extend(["--target".into(), target.triple.clone().into()]);
        if let Some(linker) = &target.linker {
            call.env.push((linker_variable(&target.triple), linker.display().to_string()));
        }
        call.env.extend(target.env.iter().cloned());
    }
    call
}

/// `CARGO_TARGET_<TRIPLE>_LINKER`, as cargo spells triples in variables.
fn linker_variable(triple: &str) -> String {
    let name: String =
        triple.chars().map(|letter| if "-.".contains(letter) { '_' } else { letter }).collect();
    format!("CARGO_TARGET_{}_LINKER", name.to_ascii_uppercase())
}

/// Removes from cargo's `target_dir` what was built there for a target against another std than it has now, and
/// notes the one it has. Call it before cargo.
///
/// cargo rebuilds when rustc's version or flags change. A std that was installed or built since changes neither,
/// and crates of the two do not link together ("found possibly newer version of crate `std`").
pub fn discard_stale(target_dir: &Path, targets: &[CargoTarget]) -> io::Result<()> {
    for target in targets {
        let dir = target_dir.join(&target.triple);
        let stamp = dir.join(STAMP);
        let now = target.identity();
        // What cargo built without us was built with an installed std.
        let before = std::fs::read_to_string(&stamp).unwrap_or_else(|_| "installed ".to_owned());
        if before != now && dir.is_dir() {
            fs_err::remove_dir_all(&dir)?;
        }
        if before != now {
            fs_err::create_dir_all(&dir)?;
            fs_err::write(&stamp, now)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(triple: &str, linker: Option<&str>, std: Std) -> CargoTarget {
        let linker = linker.map(PathBuf::from);
        CargoTarget { triple: triple.to_owned(), linker, rustflags: Vec::new(), env: Vec::new(), std }
    }

    #[test]
    fn one_call_names_every_target_and_its_linker() {
        let call = cargo_args(&[
            target("x86_64-unknown-linux-gnu", None, Std::Installed),
            target("thumbv8m.main-none-eabi", Some("/usr/bin/ld.lld"), Std::Installed),
            target("s390x-unknown-linux-gnu", Some("/usr/bin/s390x-linux-gnu-gcc"), Std::Installed),
        ]);
        let words: Vec<_> = call.args.iter().map(|word| word.to_str().unwrap()).collect();
        assert_eq!(
            words.join(" "),
            "--target x86_64-unknown-linux-gnu --target thumbv8m.main-none-eabi --target s390x-unknown-linux-gnu"
        );
        assert_eq!(
            call.env,
            [
                ("CARGO_TARGET_THUMBV8M_MAIN_NONE_EABI_LINKER".to_owned(), "/usr/bin/ld.lld".to_owned()),
                (
                    "CARGO_TARGET_S390X_UNKNOWN_LINUX_GNU_LINKER".to_owned(),
                    "/usr/bin/s390x-linux-gnu-gcc".to_owned()
                ),
            ]
        );
    }

    #[test]
    fn artifacts_of_another_std_are_discarded_and_others_kept() {
        let dir = tempfile::tempdir().unwrap();
        let installed = [target("a-b-c", None, Std::Installed)];
        let private = [target("a-b-c", None, Std::Private(PathBuf::from("/std/1")))];
        let artifact = dir.path().join("a-b-c/debug/x.rlib");
        let write = || {
            fs_err::create_dir_all(artifact.parent().unwrap()).unwrap();
            fs_err::write(&artifact, "").unwrap();
        };
        write();
        discard_stale(dir.path(), &installed).unwrap();
        assert!(artifact.exists(), "cargo alone builds with the installed std");
        discard_stale(dir.path(), &private).unwrap();
        assert!(!artifact.exists());
        write();
        discard_stale(dir.path(), &private).unwrap();
        assert!(artifact.exists());
        discard_stale(dir.path(), &installed).unwrap();
        assert!(!artifact.exists());
    }
}
