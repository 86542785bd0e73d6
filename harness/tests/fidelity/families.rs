//! The families: one for each way in which a program of another platform is run.

use std::path::{Path, PathBuf};
use std::process::Command;

use triplecheck::toolchain::wasi;

use crate::support::{is_required, runs};

/// The source of the program that every family has a copy of.
const PROBE: &str = include_str!("probe.c");

/// One family.
pub(crate) struct Family {
    /// What it is called in the matrix.
    pub(crate) name: &'static str,
    pub(crate) target: &'static str,
    compiler: &'static str,
    flags: &'static [&'static str],
    pub(crate) kind: Kind,
}

/// What the rows and exceptions tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The host's processor and kernel.
    Native,
    Qemu,
    Wine,
    /// The WASI runtime inside our binary.
    Builtin,
    Node,
}

const fn family(
    name: &'static str,
    target: &'static str,
    compiler: &'static str,
    kind: Kind,
    flags: &'static [&'static str],
) -> Family {
    Family { name, target, compiler, flags, kind }
}

/// All of them, in the order of the matrix.
pub(crate) const FAMILIES: &[Family] = &[
    family("x86_64", "x86_64-unknown-linux-gnu", "cc", Kind::Native, &[]),
    family("i686", "i686-unknown-linux-gnu", "i686-linux-gnu-gcc", Kind::Native, &[]),
    family("aarch64", "aarch64-unknown-linux-gnu", "aarch64-linux-gnu-gcc", Kind::Qemu, &[]),
    family("aarch64-static", "aarch64-unknown-linux-gnu", "aarch64-linux-gnu-gcc", Kind::Qemu, &["-static"]),
    family("armv7", "armv7-unknown-linux-gnueabihf", "arm-linux-gnueabihf-gcc", Kind::Qemu, &[]),
    family("riscv64", "riscv64gc-unknown-linux-gnu", "riscv64-linux-gnu-gcc", Kind::Qemu, &[]),
    family("s390x", "s390x-unknown-linux-gnu", "s390x-linux-gnu-gcc", Kind::Qemu, &[]),
    family("powerpc64le", "powerpc64le-unknown-linux-gnu", "powerpc64le-linux-gnu-gcc", Kind::Qemu, &[]),
    family("wine", "x86_64-pc-windows-gnu", "x86_64-w64-mingw32-gcc", Kind::Wine, &[]),
    family("wasi", wasi::TRIPLE, "clang", Kind::Builtin, &[]),
    family("wasi-node", wasi::TRIPLE, "clang", Kind::Node, &[]),
];

impl Family {
    /// Compiles the probe to `program`; where that or running it is impossible, says so, or panics if the family is
    /// required.
    pub(crate) fn compile(&self, program: &Path) -> bool {
        let found = runs(self.target) && (self.kind != Kind::Node || has_node());
        if !found || !self.build(program) {
            assert!(
                !found || !is_required(self.target),
                "`{}` is required and cannot be compiled",
                self.target
            );
            println!("skipped: {}", self.name);
            return false;
        }
        if self.kind == Kind::Wine {
            // The linker adds its suffix whatever it is told.
            std::fs::rename(program.with_extension("exe"), program).unwrap();
        }
        if self.kind == Kind::Node {
            let module = std::fs::read(program).unwrap();
            std::fs::write(program, with_exception(&module)).unwrap();
        }
        true
    }

    fn build(&self, program: &Path) -> bool {
        let source = program.with_extension("c");
        std::fs::write(&source, PROBE).unwrap();
        let (compiler, before, after) = match self.kind {
            Kind::Builtin | Kind::Node => {
                let Some(clang) = find(self.compiler) else { return false };
                match wasi::c_recipe(&clang, rustc_sysroot().as_deref()) {
                    Ok(recipe) => (recipe.compiler, recipe.flags, recipe.libraries),
                    Err(missing) => {
                        println!("skipped: cannot {missing}");
                        return false;
                    }
                }
            }
            _ => {
                let flags = self.flags.iter().map(|flag| (*flag).to_owned()).collect();
                (self.compiler.into(), flags, Vec::new())
            }
        };
        let status = Command::new(&compiler)
            .arg("-O1")
            .args(before)
            .arg(&source)
            .arg("-o")
            .arg(program)
            .args(after)
            .status();
        // A compiler that is not there is a reason to skip; one that fails is none.
        let there = status.is_ok();
        assert!(!there || status.is_ok_and(|status| status.success()), "`{}` fails", compiler.display());
        there
    }
}

fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}

fn has_node() -> bool {
    find("node").or_else(|| find("nodejs")).is_some()
}

fn rustc_sysroot() -> Option<PathBuf> {
    let output = Command::new("rustc").args(["--print", "sysroot"]).output().ok()?;
    Some(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}

/// The module with a declared exception that nobody throws, which only node accepts: the same program in the other
/// runtime.
fn with_exception(module: &[u8]) -> Vec<u8> {
    // WebAssembly, "Modules": the tag section (13) stands between those of memories (5) and of globals (6).
    const HEADER: usize = 8;
    const TAGS: u8 = 13;
    const BEFORE_TAGS: std::ops::RangeInclusive<u8> = 1..=5;
    let mut at = HEADER;
    let mut result_free = None;
    let mut place = HEADER;
    while let Some(&id) = module.get(at) {
        let (length, body) = number(module, at + 1);
        let end = body + length;
        if id == 1 {
            result_free = type_without_results(module, body);
        }
        if BEFORE_TAGS.contains(&id) {
            place = end;
        }
        at = end;
    }
    let kind = result_free.expect("every C program has a function without a result");
    let section = [TAGS, 3, 1, 0, kind];
    [&module[..place], &section, &module[place..]].concat()
}

/// The index of the first function type without results, in a section of types.
fn type_without_results(module: &[u8], body: usize) -> Option<u8> {
    let (count, mut at) = number(module, body);
    for index in 0..count {
        // 0x60, the parameters, the results; each value type of a C program is one byte.
        let (parameters, types) = number(module, at + 1);
        let (results, rest) = number(module, types + parameters);
        if results == 0 {
            return u8::try_from(index).ok().filter(|index| *index < 0x80);
        }
        at = rest + results;
    }
    None
}

/// An unsigned LEB128 number at `at`, and where it ends.
fn number(bytes: &[u8], mut at: usize) -> (usize, usize) {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = bytes[at];
        at += 1;
        value |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return (value, at);
        }
    }
}
