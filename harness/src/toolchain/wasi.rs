//! How Rust and C programs are built for wasm32-wasip1 from the pieces that a machine has.
//!
//! Owns the flags, the linker and the object that std needs to unwind there. Building std is not its affair: it says
//! with which flags ([`STD_RUSTFLAGS`]), and completes the private sysroot afterwards ([`furnish`]).
//!
//! What surprises:
//! * rustup's std for this target is built with `panic=abort`. A panic there ends the program with a trap (status 134),
//!   `catch_unwind` catches nothing, one failing test ends its test binary, and `-Cpanic=unwind` is refused by rustc:
//!   "the crate `panic_unwind` does not have the panic strategy `unwind`". Hence the private sysroot.
//! * rustc asks the linker to turn what is undefined into imports, so a missing piece is no link error: the program
//!   fails to start, for want of a module `env`.
//! * rustc links crt1 and libc from `self-contained/` in *the sysroot it is told to use*. Filling that directory of the
//!   private sysroot, from rustup's or from the system's wasi-libc, makes the flags the same for both.
//! * Programs that unwind use WebAssembly exceptions in the form that node runs; the built-in runtime runs the others.
//! * libtest ignores `#[should_panic]` tests on this target, whatever std can do.

use std::io;
use std::path::{Path, PathBuf};

use duct::cmd;

/// The target that this module is about.
pub const TRIPLE: &str = "wasm32-wasip1";

/// The flags with which std is built so that programs can unwind; programs are built with them as well.
pub const STD_RUSTFLAGS: [&str; 1] = ["-Cpanic=unwind"];

/// The stack of a native program's main thread; without it C programs have 64 KiB, Rust programs 1 MiB, and recursion
/// that is harmless natively ends in a trap.
const STACK_BYTES: u32 = 8 << 20;

/// The object made from [`SUPPORT_SOURCE`], beside the libraries of the private sysroot.
const SUPPORT_OBJECT: &str = "triplecheck-wasi-support.o";

/// See the head of that file.
const SUPPORT_SOURCE: &str = include_str!("wasi_support.rs");

/// Directories that distributions and the WASI SDK use as a sysroot for C: Debian, Fedora, Arch, the SDK.
const C_SYSROOTS: [&str; 4] =
    ["/usr", "/usr/wasm32-wasi", "/usr/share/wasi-sysroot", "/opt/wasi-sdk/share/wasi-sysroot"];

/// Names under which a sysroot keeps this target's libraries, and by which clang knows the target.
const C_TARGETS: [&str; 2] = ["wasm32-wasip1", "wasm32-wasi"];

/// What wasi-libc offers only when asked, but native programs simply have. The libraries are archives: a program that
/// uses nothing of them does not grow.
const EMULATED: [(&str, &str); 4] = [
    ("_WASI_EMULATED_SIGNAL", "wasi-emulated-signal"),
    ("_WASI_EMULATED_PROCESS_CLOCKS", "wasi-emulated-process-clocks"),
    ("_WASI_EMULATED_MMAN", "wasi-emulated-mman"),
    ("_WASI_EMULATED_GETPID", "wasi-emulated-getpid"),
];

/// Without it `printf("%Lf")` of a program prints advice and aborts.
const LONG_DOUBLE: &str = "c-printscan-long-double";

/// Where the startup object and libc come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Libc {
    /// Holds `crt1-command.o` and `libc.a`.
    pub directory: PathBuf,
    /// Who put it there.
    pub origin: LibcOrigin,
}

/// Who provides a libc.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LibcOrigin {
    /// rustup, with its std for this target: made for exactly this rustc.
    Rustup,
    /// The system's wasi-libc, which may be years older than std expects.
    System,
}

/// What links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Linker {
    /// rustc's own `rust-lld`, which it takes for this target by itself.
    Own,
    /// `wasm-ld` of the system.
    Program(PathBuf),
}

/// How programs are built for this target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WasiRecipe {
    /// The linker to name to cargo, if any.
    pub linker: Option<PathBuf>,
    /// The flags for rustc, and for rustdoc as well where there are doctests.
    pub rustflags: Vec<String>,
}

/// How a C program is compiled and linked in one call: `compiler flags… SOURCES -o OUT libraries…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CRecipe {
    /// The compiler.
    pub compiler: PathBuf,
    /// Words before the sources.
    pub flags: Vec<String>,
    /// Words after them.
    pub libraries: Vec<String>,
}

/// A piece without which nothing can be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MissingPiece {
    /// No startup object and libc.
    #[error("find wasi-libc (`crt1-command.o` and `libc.a`)")]
    Libc,
    /// Nothing that links WebAssembly.
    #[error("find a linker for WebAssembly (`rust-lld` or `wasm-ld`)")]
    Linker,
    /// No compiler-rt for this target, and no std of rustup's to take its place.
    #[error("find the compiler's run-time library for WebAssembly (`libclang_rt.builtins-wasm32.a`)")]
    Builtins,
}

impl MissingPiece {
    /// The Debian package that has it; for Rust programs `rustup target add wasm32-wasip1` gives libc as well.
    pub fn debian_package(self) -> &'static str {
        match self {
            Self::Libc => "wasi-libc",
            Self::Linker => "lld",
            Self::Builtins => "libclang-rt-14-dev-wasm32",
        }
    }
}

/// Why a sysroot could not be completed.
#[derive(Debug, thiserror::Error)]
pub enum FurnishError {
    /// A file could not be read, written or started; the source names it.
    #[error("complete the sysroot for `{TRIPLE}`")]
    Io(#[from] io::Error),
    /// rustc refused the source of the support object.
    #[error("compile the support object for `{TRIPLE}`: {0}")]
    Compile(String),
}

/// The libc to use: rustup's if its std for this target is installed, else the system's.
pub fn find_libc(rustc_sysroot: &Path) -> Result<Libc, MissingPiece> {
    let rustup = library_directory(rustc_sysroot).join("self-contained");
    if is_libc(&rustup) {
        return Ok(Libc { directory: rustup, origin: LibcOrigin::Rustup });
    }
    let system = find_c_sysroot().ok_or(MissingPiece::Libc)?;
    Ok(Libc { directory: system.libraries(), origin: LibcOrigin::System })
}

/// The linker to use: rustc's own, else the first of `candidates` (the paths found for `wasm-ld`, best first).
pub fn find_linker(rustc_sysroot: &Path, host: &str, candidates: &[PathBuf]) -> Result<Linker, MissingPiece> {
    let name = format!("rust-lld{}", std::env::consts::EXE_SUFFIX);
    if rustc_sysroot.join("lib/rustlib").join(host).join("bin").join(name).is_file() {
        return Ok(Linker::Own);
    }
    candidates.first().cloned().map(Linker::Program).ok_or(MissingPiece::Linker)
}

/// Completes a private sysroot that already holds the target's std, built with [`STD_RUSTFLAGS`], so that
/// [`unwinding`] works: puts libc where rustc looks for it and compiles the support object.
///
/// `rustc` is a path; a bare name would be looked for in the current directory.
pub fn furnish(rustc: &Path, sysroot: &Path, libc: &Libc) -> Result<(), FurnishError> {
    let directory = library_directory(sysroot);
    let own = directory.join("self-contained");
    fs_err::create_dir_all(&own)?;
    for file in ["crt1-command.o", "libc.a"] {
        fs_err::copy(libc.directory.join(file), own.join(file))?;
    }
    compile_support(rustc, sysroot, &directory, libc)
}

/// rustc itself assembles the object: it is there in any case, and a C compiler need not be. `RUSTC_BOOTSTRAP` lets a
/// stable one assemble for WebAssembly.
fn compile_support(rustc: &Path, sysroot: &Path, directory: &Path, libc: &Libc) -> Result<(), FurnishError> {
    let source = tempfile::Builder::new().suffix(".rs").tempfile()?;
    fs_err::write(source.path(), SUPPORT_SOURCE)?;
    let mut words: Vec<std::ffi::OsString> =
        ["--edition=2024", "--crate-name=support", "--crate-type=lib", "--emit=obj", "-Copt-level=1"]
            .map(Into::into)
            .to_vec();
    words.extend(["--target", TRIPLE, "--sysroot"].map(Into::into));
    words.push(sysroot.into());
    words.extend(STD_RUSTFLAGS.map(Into::into));
    if libc.origin == LibcOrigin::System {
        words.extend(["--cfg", "without_threads"].map(Into::into));
    }
    words.push("-o".into());
    words.push(directory.join(SUPPORT_OBJECT).into());
    words.push(source.path().into());
    let output = cmd(rustc, words)
        .env("RUSTC_BOOTSTRAP", "1")
        .stdin_null()
        .stderr_to_stdout()
        .stdout_capture()
        .unchecked()
        .run()?;
    if output.status.success() {
        Ok(())
    } else {
        Err(FurnishError::Compile(String::from_utf8_lossy(&output.stdout).trim().to_owned()))
    }
}

/// How to build against a furnished sysroot: programs unwind, and need node to run.
pub fn unwinding(sysroot: &Path, linker: &Linker) -> WasiRecipe {
    let support = library_directory(sysroot).join(SUPPORT_OBJECT);
    let mut rustflags = vec![format!("--sysroot={}", sysroot.display())];
    rustflags.extend(STD_RUSTFLAGS.map(str::to_owned));
    rustflags.push(format!("-Clink-arg={}", support.display()));
    WasiRecipe { linker: linker.program(), rustflags: with_stack(rustflags) }
}

/// How to build against rustup's std: every panic is a trap, and both runtimes run the programs.
pub fn aborting(linker: &Linker) -> WasiRecipe {
    WasiRecipe { linker: linker.program(), rustflags: with_stack(Vec::new()) }
}

fn with_stack(mut rustflags: Vec<String>) -> Vec<String> {
    rustflags.push(format!("-Clink-arg=-zstack-size={STACK_BYTES}"));
    rustflags
}

impl Linker {
    fn program(&self) -> Option<PathBuf> {
        match self {
            Self::Own => None,
            Self::Program(path) => Some(path.clone()),
        }
    }
}

/// How C is compiled by this clang, given by its path. `rustc_sysroot` may lend its run-time library where clang has none.
///
/// There are no threads, no `setjmp`, no sockets and no processes in this C library: programs that use them do not
/// compile. The stack is put first in memory, so that its overflow is a trap and not silent damage to data.
pub fn c_recipe(clang: &Path, rustc_sysroot: Option<&Path>) -> Result<CRecipe, MissingPiece> {
    let sysroot = find_c_sysroot().ok_or(MissingPiece::Libc)?;
    let mut flags =
        vec![format!("--target={}", sysroot.target), format!("--sysroot={}", sysroot.directory.display())];
    flags.extend(EMULATED.iter().map(|(define, _)| format!("-D{define}")));
    flags.extend([format!("-Wl,-z,stack-size={STACK_BYTES}"), "-Wl,--stack-first".to_owned()]);
    let mut libraries: Vec<String> = EMULATED.iter().map(|(_, library)| format!("-l{library}")).collect();
    if sysroot.libraries().join(format!("lib{LONG_DOUBLE}.a")).is_file() {
        libraries.push(format!("-l{LONG_DOUBLE}"));
    }
    libraries.push("-lm".to_owned());
    if !has_builtins(clang, sysroot.target) {
        let lent = rustc_sysroot.and_then(find_rust_builtins).ok_or(MissingPiece::Builtins)?;
        flags.push("-nodefaultlibs".to_owned());
        libraries.extend(["-lc".to_owned(), lent.display().to_string()]);
    }
    Ok(CRecipe { compiler: clang.to_path_buf(), flags, libraries })
}

/// A sysroot for C, and the name of the target in it.
struct CSysroot {
    directory: PathBuf,
    target: &'static str,
}

impl CSysroot {
    fn libraries(&self) -> PathBuf {
        self.directory.join("lib").join(self.target)
    }
}

fn find_c_sysroot() -> Option<CSysroot> {
    let named = std::env::var_os("WASI_SYSROOT").map(PathBuf::from);
    let directories = named.into_iter().chain(C_SYSROOTS.map(PathBuf::from));
    directories
        .flat_map(|directory| C_TARGETS.map(|target| CSysroot { directory: directory.clone(), target }))
        .find(|sysroot| is_libc(&sysroot.libraries()))
}

fn is_libc(directory: &Path) -> bool {
    directory.join("crt1-command.o").is_file() && directory.join("libc.a").is_file()
}

/// clang names the file it would link whether or not it is there.
fn has_builtins(clang: &Path, target: &str) -> bool {
    let words = [&format!("--target={target}"), "-rtlib=compiler-rt", "-print-libgcc-file-name"];
    let named = cmd(clang, words).stdin_null().stderr_null().stdout_capture().unchecked().run();
    named.is_ok_and(|output| {
        output.status.success() && Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_file()
    })
}

/// std's own run-time library has the same functions under the same names.
fn find_rust_builtins(rustc_sysroot: &Path) -> Option<PathBuf> {
    let entries = fs_err::read_dir(library_directory(rustc_sysroot)).ok()?;
    entries.filter_map(|entry| Some(entry.ok()?.path())).find(|path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("libcompiler_builtins-")
            && path.extension().is_some_and(|extension| extension == "rlib")
    })
}

/// Where a sysroot keeps this target's std.
fn library_directory(sysroot: &Path) -> PathBuf {
    sysroot.join("lib/rustlib").join(TRIPLE).join("lib")
}
