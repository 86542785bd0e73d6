//! C compilers: which one compiles and links a C program for a target.
//!
//! The variables that the `cc` crate made customary come first, so that what builds a project's C dependencies builds
//! our C cases too. A plain `CC` counts for the host alone: it names a native compiler almost everywhere, and one for
//! another target would silently build for the wrong machine.

use std::path::{Path, PathBuf};

use triplecheck_emulators::host::{Host, Program};
use triplecheck_emulators::packages::Piece;
use triplecheck_emulators::target::{Cross, Target};

use super::fix::Unbuildable;
use super::{Toolchain, wasi};

/// A C compiler that also links: `program args… SOURCES -o OUT libraries…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cc {
    /// The compiler.
    pub program: PathBuf,
    /// Words before the sources.
    pub args: Vec<String>,
    /// Words after them.
    pub libraries: Vec<String>,
    /// Whose command line it has.
    pub kind: CcKind,
    /// Where it was found: a variable's name, or `PATH`.
    pub origin: String,
}

/// Families of C compilers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CcKind {
    /// gcc, and whatever else calls itself cc.
    Gcc,
    /// clang.
    Clang,
    /// `zig cc`: clang with a C library of its own for every target.
    Zig,
}

/// The C compiler for `target`, where programs of `native` are the host's own.
pub fn cc(host: &dyn Host, target: &Target, native: &Target) -> Result<Cc, Unbuildable> {
    let is_host = target.triple() == native.triple();
    if let Some(cc) = cc_of_variables(host, target.triple(), is_host) {
        return Ok(cc);
    }
    if is_host {
        return ["cc", "gcc", "clang"]
            .iter()
            .find_map(|name| host.find_program(name))
            .map(found)
            .ok_or_else(|| Unbuildable::missing("there is no C compiler for the host", Piece::Gcc));
    }
    if target.triple() == wasi::TRIPLE {
        return wasi_cc(host);
    }
    if target.cross().is_none() {
        let text = format!("no C compiler is known for {}", target.triple());
        let advice = format!("name one in the variable CC_{}", target.triple().replace('-', "_"));
        return Err(Unbuildable::advise(text, &advice));
    }
    cross_gcc(host, target).map(found)
}

/// clang with the C library for WASI, as the recipe has it.
fn wasi_cc(host: &dyn Host) -> Result<Cc, Unbuildable> {
    let lacks = |text: String| Unbuildable::missing(text, Piece::WasiC);
    let clang = host
        .find_program("clang")
        .ok_or_else(|| lacks("there is no clang to compile for WASI".to_owned()))?;
    let recipe = wasi::c_recipe(&clang.path, None).or_else(|missing| {
        // rustc's std can lend what clang lacks; only then is rustc asked where it is.
        let toolchain = Toolchain::detect(host, Path::new(".")).map_err(|_| missing)?;
        wasi::c_recipe(&clang.path, Some(&toolchain.sysroot))
    });
    let recipe = recipe.map_err(|missing| lacks(format!("failed to {missing}")))?;
    Ok(Cc {
        program: recipe.compiler,
        args: recipe.flags,
        libraries: recipe.libraries,
        kind: CcKind::Clang,
        origin: "PATH".to_owned(),
    })
}

/// The compiler that a variable names: `CC_aarch64-unknown-linux-gnu`, `CC_aarch64_unknown_linux_gnu`, then
/// `TARGET_CC` for other targets than the host, `HOST_CC` and `CC` for the host.
fn cc_of_variables(host: &dyn Host, triple: &str, is_host: bool) -> Option<Cc> {
    let own = [format!("CC_{triple}"), format!("CC_{}", triple.replace('-', "_"))];
    let general: &[&str] = if is_host { &["HOST_CC", "CC"] } else { &["TARGET_CC"] };
    own.into_iter().chain(general.iter().map(|&name| name.to_owned())).find_map(|name| {
        let value = host.env(&name)?.into_string().ok()?;
        // As the cc crate does: blanks separate words (`ccache gcc`), and paths with blanks are not possible.
        let mut words = value.split_whitespace().map(str::to_owned);
        let program = PathBuf::from(words.next()?);
        let args: Vec<String> = words.collect();
        let kind = kind_of(args.first().map_or(program.as_path(), |word| compiler_behind(&program, word)));
        Some(Cc { program, args, libraries: Vec::new(), kind, origin: name })
    })
}

/// The compiler that is meant where a caching wrapper stands in front of it.
fn compiler_behind<'a>(program: &'a Path, next: &'a str) -> &'a Path {
    let wrappers = ["ccache", "sccache", "distcc", "icecc"];
    let name = program.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if wrappers.contains(&name) { Path::new(next) } else { program }
}

fn found(program: Program) -> Cc {
    let kind = kind_of(&program.path);
    Cc { program: program.path, args: Vec::new(), libraries: Vec::new(), kind, origin: "PATH".to_owned() }
}

/// A compiler's family by its name.
fn kind_of(program: &Path) -> CcKind {
    let name = program.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if name.contains("clang") {
        CcKind::Clang
    } else if name.starts_with("zig") {
        CcKind::Zig
    } else {
        CcKind::Gcc
    }
}

/// The gcc that compiles and links for another target, or the piece that would bring it.
pub(crate) fn cross_gcc(host: &dyn Host, target: &Target) -> Result<Program, Unbuildable> {
    let triple = target.triple();
    let Some(cross) = Cross::of_triple(triple) else {
        let advice = format!("name one to cargo: target.{triple}.linker in .cargo/config.toml");
        return Err(Unbuildable::advise(format!("no C compiler is known that links for {triple}"), &advice));
    };
    let gcc = cross.gcc();
    // Debian names the mingw compilers by their threads as well; the plain name is an alternative that may be gone.
    let names = [gcc.clone(), format!("{gcc}-win32"), format!("{gcc}-posix")];
    names.iter().find_map(|name| host.find_program(name)).ok_or_else(|| {
        let is_mingw = target.facts().os == "windows";
        let piece = if is_mingw { Piece::Mingw(cross.prefix) } else { Piece::CrossGcc(cross.prefix) };
        Unbuildable::missing(format!("there is no `{gcc}` to link for {triple}"), piece)
    })
}
