//! DLLs that an old Wine lacks, built on the spot with the mingw compiler from the sources in this file.
//!
//! A DLL is known by its name. Beside it lies a key, the hash of its source and of the compiler's arguments, so
//! that a newer source replaces it. Wine finds it through `WINEPATH`, which the lookup sets.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use triplecheck_emulators::packages::Piece;

use super::lock::{self, Sharing};
use super::spawn::Tool;
use super::{PrepareError, at};
use crate::programs::pe::Bits;

/// A small DLL compiles in a fraction of a second; the rest is a loaded machine.
const COMPILE_LIMIT: Duration = Duration::from_secs(60);

/// The arguments common to all. Without the C runtime the DLL loads sooner, and without a time stamp it is the
/// same file each time it is built.
const FLAGS: [&str; 7] =
    ["-shared", "-O2", "-s", "-nostdlib", "-Wl,--no-insert-timestamp", "-Wl,--entry=0", "-Wl,--kill-at"];

/// What every Rust program since 1.78 imports. Wine has it since version 9; this one asks the same source of
/// random bytes that Wine's own does.
const PROCESS_PRNG: &str = "\
#include <windows.h>
BOOLEAN WINAPI SystemFunction036(PVOID, ULONG);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T size)
{
    const SIZE_T most = 1 << 30;
    while (size) {
        ULONG part = (ULONG)(size < most ? size : most);
        if (!SystemFunction036(data, part)) return FALSE;
        data += part;
        size -= part;
    }
    return TRUE;
}
";

/// One DLL that can be built.
struct Source {
    name: &'static str,
    text: &'static str,
    libraries: &'static [&'static str],
}

const SOURCES: [Source; 1] =
    [Source { name: "bcryptprimitives.dll", text: PROCESS_PRNG, libraries: &["-ladvapi32"] }];

/// The prefix of mingw's tools for these programs.
fn mingw(bits: Bits) -> &'static str {
    match bits {
        Bits::Bits32 => "i686-w64-mingw32",
        Bits::Bits64 => "x86_64-w64-mingw32",
    }
}

fn compiler_of(bits: Bits) -> &'static str {
    match bits {
        Bits::Bits32 => "i686-w64-mingw32-gcc",
        Bits::Bits64 => "x86_64-w64-mingw32-gcc",
    }
}

/// Where the DLLs for the prefix at `prefix` lie: beside it, so that a prefix can be made anew without them.
pub(super) fn dir_of(prefix: &Path) -> PathBuf {
    let mut name = prefix.file_name().unwrap_or_default().to_owned();
    name.push("-shims");
    prefix.with_file_name(name)
}

/// Whether all of `names` are there and of the present source. Costs one small read for each.
pub(super) fn are_there(dir: &Path, names: &[&'static str], bits: Bits) -> Result<bool, PrepareError> {
    for name in names {
        let source = find(name)?;
        let known =
            std::fs::read(key_path(dir, name)).is_ok_and(|key| key == key_of(source, bits).as_bytes());
        if !known || !dir.join(name).exists() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Builds those of `names` that are not there.
pub(super) fn build(dir: &Path, names: &[&'static str], bits: Bits) -> Result<(), PrepareError> {
    std::fs::create_dir_all(dir).map_err(at("create", dir))?;
    let _lock = lock::lock(&dir.join("lock"), Sharing::Exclusive, COMPILE_LIMIT * 2)?;
    for name in names {
        if !are_there(dir, &[name], bits)? {
            build_one(dir, find(name)?, bits)?;
        }
    }
    Ok(())
}

fn build_one(dir: &Path, source: &Source, bits: Bits) -> Result<(), PrepareError> {
    let compiler = find_on_path(compiler_of(bits)).ok_or(PrepareError::CompilerMissing {
        dll: source.name.to_owned(),
        compiler: compiler_of(bits),
        piece: Piece::Mingw(mingw(bits)),
    })?;
    let work = tempfile::tempdir_in(dir).map_err(at("create a directory in", dir))?;
    let file = work.path().join("shim.c");
    std::fs::write(&file, source.text).map_err(at("write", &file))?;
    let output = work.path().join(source.name);
    let mut args: Vec<OsString> = FLAGS.iter().map(OsString::from).collect();
    args.extend(["-o".into(), output.clone().into(), file.into()]);
    args.extend(source.libraries.iter().map(OsString::from));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let tool = Tool {
        doing: "build a DLL that this Wine lacks",
        program: compiler,
        args,
        env: vec![
            ("PATH".into(), path),
            ("LC_ALL".into(), "C".into()),
            ("TMPDIR".into(), work.path().into()),
        ],
        dir: work.path().to_owned(),
        log: Some(work.path().join("log")),
        limit: COMPILE_LIMIT,
    };
    tool.succeed()?;
    let target = dir.join(source.name);
    std::fs::rename(&output, &target).map_err(at("write", &target))?;
    lock::write_whole(&key_path(dir, source.name), key_of(source, bits).as_bytes())
}

fn find(name: &str) -> Result<&'static Source, PrepareError> {
    SOURCES
        .iter()
        .find(|source| source.name == name)
        .ok_or_else(|| PrepareError::UnknownShim { dll: name.to_owned() })
}

fn key_path(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.key"))
}

fn key_of(source: &Source, bits: Bits) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in FLAGS.iter().chain(source.libraries).chain([&source.text, &mingw(bits)]) {
        hasher.update(part.as_bytes()).update(&[0]);
    }
    hasher.finalize().to_hex().to_string()
}

/// The compiler is looked for only when it is needed, which a hook call's environment may not even allow for.
fn find_on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}
