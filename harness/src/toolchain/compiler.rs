//! A rustc that knows our private stds: two small scripts and a directory of links.
//!
//! The directory looks like the toolchain's sysroot, but has our std where a target has none; the scripts call the
//! real rustc and rustdoc with `--sysroot` and it. Given to cargo as `RUSTC` and `RUSTDOC` they change nothing else:
//! flags stay the user's, from wherever he gives them, build scripts that probe the compiler see the same std, and
//! doctests find it too. Links for rustc itself would have done once, but it looks for its sysroot from its own
//! library and no longer from `argv[0]`.
//!
//! Each combination of stds has a directory of its own that is never changed, so that runs do not disturb each other.

use std::fmt::Write as _;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use super::{CargoTarget, Toolchain};
use crate::shell::quote;

/// Scripts to be named to cargo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Compiler {
    /// `RUSTC`.
    pub(crate) rustc: PathBuf,
    /// `RUSTDOC`.
    pub(crate) rustdoc: PathBuf,
}

impl Toolchain {
    /// A compiler that knows the private stds and flags of `targets`, `None` where none has any.
    pub(crate) fn compiler_for(&self, targets: &[CargoTarget]) -> io::Result<Option<Compiler>> {
        let special: Vec<&CargoTarget> =
            targets.iter().filter(|target| target.needs_own_compiler()).collect();
        if special.is_empty() {
            return Ok(None);
        }
        let finished = self.cache_dir.join("compilers").join(self.compiler_key(&special));
        if !finished.is_dir() {
            self.make_compiler(&special, &finished)?;
        }
        Ok(Some(Compiler { rustc: finished.join("rustc"), rustdoc: finished.join("rustdoc") }))
    }

    /// The toolchain's own path and the installed targets are part of it: both may change under the same version.
    fn compiler_key(&self, special: &[&CargoTarget]) -> String {
        let mut hasher = blake3::Hasher::new();
        let mut add = |part: &str| {
            hasher.update(part.as_bytes()).update(&[0]);
        };
        add(&self.version.text);
        add(&self.rustc.to_string_lossy());
        let rustlib = self.sysroot.join("lib/rustlib");
        let installed = std::fs::read_dir(rustlib).into_iter().flatten().filter_map(Result::ok);
        let mut names: Vec<_> = installed.map(|entry| entry.file_name()).collect();
        names.sort();
        for name in &names {
            add(&name.to_string_lossy());
        }
        for target in special {
            add(&target.triple);
            add(&target.private_std().unwrap_or(Path::new("")).to_string_lossy());
            for flag in &target.rustflags {
                add(flag);
            }
        }
        hasher.finalize().to_hex()[..16].to_owned()
    }

    fn make_compiler(&self, special: &[&CargoTarget], finished: &Path) -> io::Result<()> {
        let parent = finished.parent().expect("compilers stand in a directory of their own");
        fs_err::create_dir_all(parent)?;
        let scratch = tempfile::Builder::new().prefix(".making-").tempdir_in(parent)?;
        self.link_sysroot(special, &scratch.path().join("sysroot"))?;
        let sysroot = finished.join("sysroot");
        for name in ["rustc", "rustdoc"] {
            let script = self.script(name, special, &sysroot);
            let path = scratch.path().join(name);
            fs_err::write(&path, script)?;
            fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
        }
        let made = scratch.keep();
        match fs_err::rename(&made, finished) {
            // Another process was quicker and made the same.
            Err(_) if finished.is_dir() => fs_err::remove_dir_all(&made),
            renamed => renamed,
        }
    }

    /// Everything that the real sysroot has, as links, and our stds in place of what it lacks.
    fn link_sysroot(&self, special: &[&CargoTarget], sysroot: &Path) -> io::Result<()> {
        let rustlib = sysroot.join("lib/rustlib");
        fs_err::create_dir_all(&rustlib)?;
        // Doctests are compiled by `bin/rustc` of the sysroot.
        fs_err::create_dir_all(sysroot.join("bin"))?;
        for name in ["rustc", "rustdoc"] {
            symlink(self.rustc.with_file_name(name), sysroot.join("bin").join(name))?;
        }
        let private = || special.iter().filter_map(|target| Some((&target.triple, target.private_std()?)));
        let ours = |name: &std::ffi::OsStr| private().any(|(triple, _)| *name == **triple);
        for entry in fs_err::read_dir(self.sysroot.join("lib/rustlib"))? {
            let entry = entry?;
            if !ours(&entry.file_name()) {
                symlink(entry.path(), rustlib.join(entry.file_name()))?;
            }
        }
        for (triple, path) in private() {
            symlink(path.join("lib/rustlib").join(triple), rustlib.join(triple))?;
        }
        Ok(())
    }

    /// A script that calls the real `name`. cargo gives the target as a word of its own after `--target`.
    fn script(&self, name: &str, special: &[&CargoTarget], sysroot: &Path) -> String {
        let program = quote(&self.rustc.with_file_name(name).to_string_lossy());
        let call = format!("exec {program} --sysroot {}", quote(&sysroot.to_string_lossy()));
        let mut text = String::from(
            "#!/bin/sh\n# Made by triplecheck: the compiler, with the stds that were built for it.\n",
        );
        for target in special.iter().filter(|target| !target.rustflags.is_empty()) {
            let flags = target.rustflags.iter().fold(String::new(), |mut flags, flag| {
                let _ = write!(flags, " {}", quote(flag));
                flags
            });
            let _ = writeln!(
                text,
                "case \" $* \" in *\" --target {} \"*) {call}{flags} \"$@\" ;; esac",
                target.triple
            );
        }
        let _ = writeln!(text, "{call} \"$@\"");
        text
    }
}
