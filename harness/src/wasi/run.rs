//! One module from its bytes to its end: load, give it its surroundings, start it, say how it ended.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use wasmi::{
    CompilationMode, Config, Engine, Error, Module, Store, StoreLimits, StoreLimitsBuilder, TrapCode,
};

use super::imports;
use super::preopens::{Surroundings, preopens};
use super::sections::{Needs, needs};
use super::table::{Descriptor, Table};
use crate::unix;

/// The depth of calls at which a guest's stack overflows. Natively 8 MiB of stack hold some 170 000 frames of a small
/// unoptimised function.
const CALL_DEPTH_MAX: usize = 200_000;

/// The bytes of locals and operands at which it overflows: what the frames above need, and some large ones.
const STACK_BYTES_MAX: usize = 64 << 20;

/// A guest may not grow its memory beyond this: the largest object that allocators of 32-bit targets serve, and little
/// enough that a few runaway guests at once do not take the host with them.
const MEMORY_BYTES_MAX: usize = 2 << 30;

/// How a run ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It returned, or chose a status, of which the low eight bits count.
    Exit(u8),
    /// It was stopped for what it did.
    Trap(String),
    /// It never ran.
    Refused(String),
}

/// What one guest has of the world.
pub(super) struct Wasi {
    pub(super) arguments: Vec<Vec<u8>>,
    /// `NAME=value`, in the host's order.
    pub(super) environment: Vec<Vec<u8>>,
    pub(super) table: Table,
    limits: StoreLimits,
}

/// Runs the module with these words as its `argv`.
pub(super) fn run(module: &[u8], argv: &[OsString]) -> End {
    match needs(module) {
        Needs::Nothing => (),
        Needs::Exceptions => {
            return End::Refused(
                "it uses WebAssembly exceptions, which node runs and this runtime does not".into(),
            );
        }
        Needs::Components => {
            return End::Refused("it is a component (WASI preview 2), not a preview 1 module".into());
        }
        Needs::NotWasm => return End::Refused("it is not a WebAssembly module".into()),
    }
    match load(module, argv) {
        Ok(loaded) => loaded.start(),
        Err(error) => End::Refused(error),
    }
}

struct Loaded {
    store: Store<Wasi>,
    linker: wasmi::Linker<Wasi>,
    module: Module,
}

fn load(module: &[u8], argv: &[OsString]) -> Result<Loaded, String> {
    let engine = Engine::new(&configuration());
    let module = Module::new(&engine, module).map_err(|error| error.to_string())?;
    if module.get_export("_start").is_none() {
        return Err("it exports no `_start`, so it is not a program".into());
    }
    let mut store = Store::new(&engine, Wasi::new(argv).map_err(|error| error.to_string())?);
    store.limiter(|wasi| &mut wasi.limits);
    let linker = imports::linker(&engine).map_err(|error| error.to_string())?;
    Ok(Loaded { store, linker, module })
}

/// Functions are translated when they are first called: most of a program's libc never is. They are validated before,
/// so that a damaged module is refused instead of half run.
fn configuration() -> Config {
    let mut config = Config::default();
    config.compilation_mode(CompilationMode::LazyTranslation);
    config.set_max_recursion_depth(CALL_DEPTH_MAX);
    config.set_max_stack_height(STACK_BYTES_MAX);
    config
}

impl Loaded {
    fn start(mut self) -> End {
        let instance = match self.linker.instantiate_and_start(&mut self.store, &self.module) {
            Ok(instance) => instance,
            // The start section runs code of the guest, which may exit or trap like any other.
            Err(error) if error.i32_exit_status().is_some() || error.as_trap_code().is_some() => {
                return end(&error);
            }
            Err(error) => return End::Refused(error.to_string()),
        };
        let start = match instance.get_typed_func::<(), ()>(&self.store, "_start") {
            Ok(start) => start,
            Err(error) => return End::Refused(error.to_string()),
        };
        start.call(&mut self.store, ()).map_or_else(|error| end(&error), |()| End::Exit(0))
    }
}

fn end(error: &Error) -> End {
    if let Some(status) = error.i32_exit_status() {
        return End::Exit(status.to_le_bytes()[0]);
    }
    End::Trap(error.as_trap_code().map_or_else(|| error.to_string(), |code| trap_name(code).to_owned()))
}

/// The name of a trap, the same as `node.mjs` gives it.
fn trap_name(code: TrapCode) -> &'static str {
    match code {
        TrapCode::UnreachableCodeReached => "unreachable",
        TrapCode::MemoryOutOfBounds => "memory access out of bounds",
        TrapCode::TableOutOfBounds => "table access out of bounds",
        TrapCode::IndirectCallToNull | TrapCode::BadSignature => "indirect call of a wrong function",
        TrapCode::IntegerDivisionByZero => "integer divide by zero",
        TrapCode::IntegerOverflow => "integer overflow",
        TrapCode::BadConversionToInteger => "invalid conversion to integer",
        TrapCode::StackOverflow => "stack overflow",
        TrapCode::OutOfFuel => "out of fuel",
        TrapCode::GrowthOperationLimited => "memory limit reached",
        TrapCode::OutOfSystemMemory => "out of memory",
    }
}

impl Wasi {
    fn new(argv: &[OsString]) -> std::io::Result<Self> {
        let current = std::env::current_dir()?;
        let temporary = std::env::var_os("TMPDIR").filter(|path| !path.is_empty());
        let around = Surroundings {
            current: &current,
            temporary: temporary.as_deref().map(Path::new),
            arguments: argv.iter().skip(1).map(OsString::as_os_str).collect(),
        };
        let mut table = Table::default();
        give_standard_streams(&mut table);
        let first_free = 3;
        let given = preopens(&around, |name| Path::new(name).symlink_metadata().is_ok());
        // A directory that the user may not open is one that the program could not use natively either.
        let opened = given.into_iter().filter_map(|one| Some((File::open(&one.directory).ok()?, one.name)));
        for (number, (file, name)) in (first_free..).zip(opened) {
            table.set(number, Descriptor { preopen: Some(name.into()), ..Descriptor::new(file) });
        }
        let environment = unix::environment().into_iter().map(OsStringExt::into_vec);
        Ok(Self {
            arguments: argv.iter().map(|word| super::guest_bytes(word).to_vec()).collect(),
            environment: environment.collect(),
            table,
            limits: StoreLimitsBuilder::new().memory_size(MEMORY_BYTES_MAX).build(),
        })
    }
}

/// The host's own three streams, by duplicates: the guest may close its numbers without closing ours.
fn give_standard_streams(table: &mut Table) {
    let streams = [rustix::stdio::stdin(), rustix::stdio::stdout(), rustix::stdio::stderr()];
    for (number, stream) in (0_u32..).zip(streams) {
        if let Ok(copy) = rustix::io::fcntl_dupfd_cloexec(stream, 3) {
            table.set(number, Descriptor::new(File::from(copy)));
        }
    }
}
