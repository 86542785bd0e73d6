//! What a program's own header says: format, machine, loader, libraries.
//!
//! This module owns the answer's types and the choice of format by the first bytes; each format has a file of
//! its own below. It never starts a program, never follows a name that it finds in one, and never trusts a
//! number in one: all reading goes through [`excerpt::Excerpt`], which has a budget.
//!
//! Two kinds of bad input are told apart. Where the header itself does not fit (it ends early, a segment lies
//! past the end of the file, a table has an impossible size) the answer is [`UnreadableBinary::Damaged`]: no
//! emulator would start it, and most would not say why. Where only the *lists* (needed libraries, imports)
//! could not be read to their end, the rest of the answer stands, the list holds what was read, and its
//! `complete` is false.

mod elf;
mod excerpt;
mod macho;
mod names;
mod pe;
mod script;
mod wasm;

use std::path::Path;

pub use excerpt::ReadAt;

use crate::target::Endian;
use excerpt::Excerpt;

/// A program file, as far as its header tells. At most [`HEADER_BYTES_MAX`] are read from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Binary {
    /// An ELF executable (or shared object with an entry point).
    Elf(Elf),
    /// A Windows program.
    Pe(Pe),
    /// A WebAssembly module or component.
    Wasm(Wasm),
    /// A Mach-O program.
    MachO,
    /// A text file that starts with `#!`.
    Script(Script),
}

/// The most that is read of any program, in bytes: what a hook can afford on each start, and more than the
/// headers and lists of every program that we measured.
pub const HEADER_BYTES_MAX: u64 = 64 * 1024;

/// The most pieces that are read of any program, each with one positioned read (unless the source answers with
/// less than it has). A usual program takes one to ten.
pub const READS_MAX: usize = 128;

/// An ELF header with what its program headers and dynamic section point to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elf {
    /// 32 or 64 (`EI_CLASS`).
    pub bits: u8,
    /// `EI_DATA`.
    pub endian: Endian,
    /// `e_machine`.
    pub machine: u16,
    /// `e_flags`: MIPS ABI, Arm float ABI and BE8, RISC-V float ABI.
    pub flags: u32,
    /// The lowest address that it must be loaded at; `None` where it runs at any (`ET_DYN`) or loads nothing.
    pub load_address: Option<u64>,
    /// `PT_INTERP`; `None` for a static program.
    pub interpreter: Option<String>,
    /// `DT_NEEDED`, in order.
    pub needed: Vec<String>,
    /// `DT_RUNPATH`, or `DT_RPATH` where there is none; unexpanded, split on colons.
    pub runpath: Vec<String>,
    /// Whether there is something to execute: false for an object, a core and a shared library without an
    /// entry point. True does not mean that the file has its execute permission.
    pub executable: bool,
    /// Whether `needed` and `runpath` were read to their end (also true where there is no dynamic section).
    /// False where they are damaged or too long for the budget; they then hold what was read.
    pub complete: bool,
}

/// A PE header with its imports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pe {
    /// `IMAGE_FILE_HEADER.Machine`: 0x8664, 0x14c, 0xaa64.
    pub machine: u16,
    /// `Subsystem`: 3 console, 2 windowed, 10 and up firmware.
    pub subsystem: u16,
    /// Major and minor version of the linker as it gives them: 2 of GNU's, 14 of Microsoft's and LLVM's, 3.0 of Go's.
    pub linker: (u8, u8),
    /// Names of imported DLLs as written, in order: without any one of them the program does not start.
    pub imports: Vec<String>,
    /// Names of delay-loaded DLLs, in order: one that is missing is noticed at its first use, if ever.
    pub delay_imports: Vec<String>,
    /// The file is a DLL.
    pub is_dll: bool,
    /// Whether both lists of imports were read to their end. False where they are damaged or too long for the
    /// budget; they then hold what was read.
    pub complete: bool,
}

/// A WebAssembly file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wasm {
    /// A component (`wasm32-wasip2` and later) and not a core module.
    pub component: bool,
    /// Import modules in order, without repeats: `wasi_snapshot_preview1`, `env`. Empty for a component.
    pub imports: Vec<String>,
    /// The module has a tag section or imports a tag: it throws and catches exceptions.
    pub exceptions: bool,
    /// The module exports `_start`, as far as was read.
    pub start: bool,
    /// Whether the imports and exports were read to their end. Always false for a component, whose own
    /// imports are not read.
    pub complete: bool,
}

/// A `#!` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// The interpreter's path, as written.
    pub interpreter: String,
    /// The rest of the line, as the kernel passes it: one argument.
    pub argument: Option<String>,
}

/// Why a file is no program that we can read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnreadableBinary {
    /// The file is not there.
    #[error("no such file")]
    NotFound,
    /// It is a directory, a fifo or a device, as its text says with its article.
    #[error("{0}, not a regular file")]
    NotAFile(&'static str),
    /// It could not be read.
    #[error("cannot be read")]
    Io(#[source] std::io::Error),
    /// It has no bytes at all.
    #[error("the file is empty")]
    Empty,
    /// It starts like a program, but ends before its own header does.
    #[error("truncated or damaged {format} file: {detail}")]
    Damaged {
        /// `ELF`, `PE`, `WebAssembly`.
        format: &'static str,
        /// What did not fit.
        detail: String,
    },
    /// An `MZ` file without a PE header: a program for DOS, 16-bit Windows or OS/2.
    #[error("a DOS or 16-bit program: an `MZ` header without a PE header")]
    Dos,
    /// No known magic number.
    #[error("not a program: no ELF, PE, WebAssembly or Mach-O header and no `#!` line")]
    Unknown,
}

impl UnreadableBinary {
    /// What somebody who meant to start the file may do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::NotFound => "check the path: the file or one of its directories is not there",
            Self::NotAFile(_) => "name the file of a program",
            Self::Io(_) => "its header must be readable, by permission and in fact, to find its emulator",
            Self::Empty | Self::Damaged { .. } => "build it or copy it again: the file is not whole",
            Self::Dos => "it needs an emulator of DOS, such as DOSBox",
            Self::Unknown => {
                "check what was built: no system starts such a file; a script needs a first line `#!…`"
            }
        }
    }
}

impl Binary {
    /// Reads the header of the file at `path`, following symbolic links.
    ///
    /// A fifo or a device is refused without being opened. Execute permission is not looked at.
    pub fn read(path: &Path) -> Result<Self, UnreadableBinary> {
        Self::read_from(&excerpt::open(path)?)
    }

    /// Reads the header of a program that need not be a file.
    ///
    /// Reads at most [`HEADER_BYTES_MAX`] bytes of `source`, in at most [`READS_MAX`] pieces.
    pub fn read_from(source: &dyn ReadAt) -> Result<Self, UnreadableBinary> {
        let excerpt = Excerpt::new(source).map_err(UnreadableBinary::Io)?;
        let answer = Self::parse(&excerpt);
        // A parser sees only that bytes are missing. That the disk failed outweighs what it made of that.
        match excerpt.into_failure() {
            Some(error) => Err(UnreadableBinary::Io(error)),
            None => answer,
        }
    }

    fn parse(excerpt: &Excerpt<'_>) -> Result<Self, UnreadableBinary> {
        if excerpt.size() == 0 {
            return Err(UnreadableBinary::Empty);
        }
        match excerpt.start(MAGIC_BYTES) {
            [0x7f, b'E', b'L', b'F', ..] => elf::parse(excerpt).map(Self::Elf),
            [b'M', b'Z', ..] => pe::parse(excerpt).map(Self::Pe),
            [0, b'a', b's', b'm', ..] => wasm::parse(excerpt).map(Self::Wasm),
            [b'#', b'!', ..] => script::parse(excerpt).map(Self::Script),
            magic if macho::is_magic(magic) => macho::parse(excerpt).map(|()| Self::MachO),
            _ => Err(UnreadableBinary::Unknown),
        }
    }
}

/// The longest magic number that is looked at: Mach-O's, with the count that tells it from a Java class.
const MAGIC_BYTES: u64 = 8;

/// Says which part of a `format` file does not fit, and how.
fn damaged(format: &'static str, detail: impl Into<String>) -> UnreadableBinary {
    UnreadableBinary::Damaged { format, detail: detail.into() }
}
