//! What one guest's result depends on, put into the key under which the cache knows it.

use std::path::Path;

use triplecheck_emulators::lookup::Decision;

use super::Run;
use super::cache::{Key, KeyOf};
use super::cell::Starter;
use super::guests::{Guest, GuestCase};
use crate::build::ProgramKind;
use crate::manifest::Isolation;
use crate::plan::PlannedTarget;

/// The two sides of a comparison: where they run, and the program of each.
pub(super) struct Sides<'a> {
    pub(super) native: (&'a PlannedTarget, &'a Path),
    pub(super) target: (&'a PlannedTarget, &'a Path),
}

/// The key of a comparison, and that of its native side alone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    pub(super) native: Key,
    pub(super) whole: Key,
}

/// The keys of a guest's case on a target, compared with its native run; `None` where one of them cannot be run, or a file
/// of them cannot be read.
pub(super) fn key(
    run: &Run<'_>,
    starter: &Starter<'_>,
    guest: &Guest,
    case: &GuestCase,
    sides: &Sides<'_>,
) -> Option<Pair> {
    let mut key = native_side(run, starter, guest, case, sides.native)?;
    let native = key.clone().finish();
    key.text(&sides.target.0.target.to_string());
    add_side(&mut key, run, starter, sides.target, guest, case)?;
    Some(Pair { native, whole: key.finish() })
}

/// The key of the native side of a guest's case.
pub(super) fn native(
    run: &Run<'_>,
    starter: &Starter<'_>,
    host: &PlannedTarget,
    guest: &Guest,
    case: &GuestCase,
    program: &Path,
) -> Option<Key> {
    Some(native_side(run, starter, guest, case, (host, program))?.finish())
}

fn native_side(
    run: &Run<'_>,
    starter: &Starter<'_>,
    guest: &Guest,
    case: &GuestCase,
    side: (&PlannedTarget, &Path),
) -> Option<KeyOf> {
    let mut key = KeyOf::new();
    key.text(&guest.suite);
    key.text(&case.name);
    key.text(&guest.program);
    key.text(&format!("{:?}", case.plan.compare));
    key.environment(starter.environment());
    // What the host's dynamic loader finds where.
    key.stamp(Path::new("/etc/ld.so.cache"));
    match &guest.kind {
        ProgramKind::Plain => {}
        ProgramKind::HostOnly | ProgramKind::CargoDoc { .. } => return None,
        ProgramKind::CargoTest { package_dir, env, libtest } => {
            key.number(u64::from(*libtest));
            key.words(guest.isolated.iter().map(AsRef::as_ref));
            key.words(guest.needs_kernel.iter().map(AsRef::as_ref));
            key.text(&package_dir.display().to_string());
            key.words(env.iter().flat_map(|(name, value)| [name.as_ref(), value.as_ref()]));
            key.words(guest.test_args.iter().map(AsRef::as_ref));
            key.number(u64::from(guest.isolation == Isolation::Process));
            // Which tests are compared, of all that the binary has.
            key.words(run.plan.filters.iter().map(AsRef::as_ref));
            key.text(&run.plan.shard.map(|shard| shard.to_string()).unwrap_or_default());
            key.bytes(starter.project_files(&run.plan.root).as_bytes());
        }
    }
    add_side(&mut key, run, starter, side, guest, case)?;
    Some(key)
}

/// One side: its program, how that is called and started.
fn add_side(
    key: &mut KeyOf,
    run: &Run<'_>,
    starter: &Starter<'_>,
    (side, program): (&PlannedTarget, &Path),
    guest: &Guest,
    case: &GuestCase,
) -> Option<()> {
    key.bytes(program.as_os_str().as_encoded_bytes());
    key.bytes(starter.contents(program)?.as_bytes());
    let some_tests = !guest.needs_kernel.is_empty();
    for needed in std::iter::once(case.plan.needs_kernel).chain(some_tests.then_some(true)) {
        match &*starter.decide(&side.with_kernel(needed), program) {
            Decision::Run(launch, _) => key.launch(launch, &|dir| starter.directory(dir)),
            Decision::Cannot(..) => return None,
        }
    }
    let words = super::schedule::command_words(run, guest, side);
    key.words(words.iter().chain(&case.plan.args).map(AsRef::as_ref));
    let variables = side.env.iter().chain(&case.plan.env);
    key.words(variables.flat_map(|(name, value)| [name.as_ref(), value.as_ref()]));
    if let Some(stdin) = &case.plan.stdin {
        key.bytes(starter.contents(stdin)?.as_bytes());
    }
    key.words(case.plan.files.iter().map(AsRef::as_ref));
    Some(())
}
