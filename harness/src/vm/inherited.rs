//! What a program inherits beside its words, environment and directory: mask, user, groups, limits, and which signals it
//! ignores. The guest's own would be those of its first process.

use rustix::process::{Resource, getegid, geteuid, getgroups, getrlimit, umask};

use super::wire::{Fields, Reader};
use crate::unix;

/// The limits that are carried over, with their numbers in `asm-generic/resource.h`, which hold for all machines that have
/// guest systems. Left out are those that count against the whole machine: processes and pending signals.
const LIMITS: [(Resource, u64); 13] = [
    (Resource::Cpu, 0),
    (Resource::Fsize, 1),
    (Resource::Data, 2),
    (Resource::Stack, 3),
    (Resource::Core, 4),
    (Resource::Nofile, 7),
    (Resource::Memlock, 8),
    (Resource::As, 9),
    (Resource::Locks, 10),
    (Resource::Msgqueue, 12),
    (Resource::Nice, 13),
    (Resource::Rtprio, 14),
    (Resource::Rttime, 15),
];

/// The signals that a program may find ignored and whose number is the same everywhere: all but those that cannot be.
const SIGNALS: std::ops::RangeInclusive<i32> = 1..=31;

/// Appends what this process has inherited.
pub(super) fn write(fields: &mut Fields) {
    let mask = umask(rustix::fs::Mode::empty());
    umask(mask);
    fields.number(mask.bits().into());
    fields.number(geteuid().as_raw().into());
    fields.number(getegid().as_raw().into());
    let groups = getgroups().unwrap_or_default();
    fields.number(groups.len() as u64);
    for group in groups {
        fields.number(group.as_raw().into());
    }
    fields.number(LIMITS.len() as u64);
    for (resource, number) in LIMITS {
        let limit = getrlimit(resource);
        fields.number(number);
        fields.number(limit.current.unwrap_or(u64::MAX)).number(limit.maximum.unwrap_or(u64::MAX));
    }
    fields.number(ignored());
}

/// Passes over what [`write()`] has appended.
pub(super) fn pass_over(reader: &mut Reader<'_>) -> Option<()> {
    for _mask_user_group in 0..3 {
        reader.number()?;
    }
    for _group in 0..reader.number()? {
        reader.number()?;
    }
    for _limit in 0..reader.number()? {
        for _number_current_maximum in 0..3 {
            reader.number()?;
        }
    }
    reader.number().map(drop)
}

/// A bit for each signal that is ignored, the first for signal 1. Rust's runtime changes one of them at its start.
fn ignored() -> u64 {
    SIGNALS.filter(|signal| unix::began_ignored(*signal)).map(|signal| 1 << (signal - 1)).sum()
}
