//! What one guest's result depends on, put into the key under which the cache knows it.

use triplecheck_emulators::lookup::Decision;

use super::Run;
use super::cache::{Key, KeyOf};
use super::cell::Starter;
use super::guests::{Guest, GuestCase};
use crate::build::ProgramKind;
use crate::manifest::Isolation;
use crate::plan::PlannedTarget;

/// The key of a guest's case on a target, compared with its native run; `None` where one of them cannot be run, or a file
/// of them cannot be read.
pub(super) fn key(
    run: &Run<'_>,
    starter: &Starter<'_>,
    host: &PlannedTarget,
    planned: &PlannedTarget,
    guest: &Guest,
    case: &GuestCase,
) -> Option<Key> {
    let mut key = KeyOf::new();
    key.text(&guest.suite);
    key.text(&case.name);
    key.text(&guest.program);
    key.text(&planned.target.to_string());
    key.text(&format!("{:?}", case.plan.compare));
    key.environment(starter.environment());
    // What the host's dynamic loader finds where.
    key.stamp(std::path::Path::new("/etc/ld.so.cache"));
    for side in [host, planned] {
        add_side(&mut key, run, starter, side, guest, case)?;
    }
    match &guest.kind {
        ProgramKind::Plain => {}
        ProgramKind::HostOnly | ProgramKind::CargoDoc { .. } => return None,
        ProgramKind::CargoTest { package_dir, env } => {
            key.text(&package_dir.display().to_string());
            key.words(env.iter().flat_map(|(name, value)| [name.as_ref(), value.as_ref()]));
            key.words(guest.test_args.iter().map(AsRef::as_ref));
            key.number(u64::from(guest.isolation == Isolation::Process));
            // Which tests are compared, of all that the binary has.
            key.words(run.plan.filters.iter().map(AsRef::as_ref));
            key.bytes(starter.project_files(&run.plan.root).as_bytes());
        }
    }
    Some(key.finish())
}

/// One side: its program, how that is called and started.
fn add_side(
    key: &mut KeyOf,
    run: &Run<'_>,
    starter: &Starter<'_>,
    side: &PlannedTarget,
    guest: &Guest,
    case: &GuestCase,
) -> Option<()> {
    let program = guest.files.get(&side.target.to_string())?;
    key.bytes(program.as_os_str().as_encoded_bytes());
    key.bytes(starter.contents(program)?.as_bytes());
    match &*starter.decide(side, program) {
        Decision::Run(launch, _) => key.launch(launch),
        Decision::Cannot(..) => return None,
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
