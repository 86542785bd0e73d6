//! The environment that an emulator is started with, so that its guest has ours.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use triplecheck_emulators::launch::{EnvChange, Kind};

use crate::unix;

/// Our own environment with `changes`; `None` where it can be handed on as it is.
pub(super) fn of_guest(kind: Kind, changes: &[EnvChange]) -> Option<Vec<OsString>> {
    if changes.is_empty() && kind != Kind::QemuUser {
        return None;
    }
    let mut entries = unix::environment();
    apply(&mut entries, changes);
    if kind == Kind::QemuUser {
        // QEMU's `envlist.c` puts each entry in front of the others, and of two with one name keeps the later. So the guest
        // would see all in reverse, and `getenv` the wrong one of two.
        entries.reverse();
    }
    Some(entries)
}

/// Changes the first entry of a name, which is the one that `getenv` finds; removes all of them.
fn apply(entries: &mut Vec<OsString>, changes: &[EnvChange]) {
    for change in changes {
        let place = entries.iter().position(|entry| value_of(entry, change.name()).is_some());
        let before = place.and_then(|place| value_of(&entries[place], change.name()));
        match (place, change.apply(before)) {
            (Some(place), Some(value)) => entries[place] = entry(change.name(), &value),
            (Some(_), None) => entries.retain(|entry| value_of(entry, change.name()).is_none()),
            (None, Some(value)) => entries.push(entry(change.name(), &value)),
            (None, None) => {}
        }
    }
}

fn value_of<'a>(entry: &'a OsStr, name: &OsStr) -> Option<&'a OsStr> {
    entry.as_bytes().strip_prefix(name.as_bytes())?.strip_prefix(b"=").map(OsStr::from_bytes)
}

fn entry(name: &OsStr, value: &OsStr) -> OsString {
    OsString::from_vec([name.as_bytes(), b"=", value.as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(change: EnvChange, expected: &[&str]) {
        let mut entries: Vec<OsString> = ["A=1", "=odd", "bare", "A=2", "AB=3"].map(OsString::from).to_vec();
        apply(&mut entries, &[change]);
        assert_eq!(entries, expected);
    }

    #[test]
    fn what_is_not_meant_stays_as_it_is() {
        check(EnvChange::Set("A".into(), "x".into()), &["A=x", "=odd", "bare", "A=2", "AB=3"]);
        check(EnvChange::Remove("A".into()), &["=odd", "bare", "AB=3"]);
        check(EnvChange::Prepend("A".into(), "x".into(), ';'), &["A=x;1", "=odd", "bare", "A=2", "AB=3"]);
        check(EnvChange::Set("bare".into(), "x".into()), &["A=1", "=odd", "bare", "A=2", "AB=3", "bare=x"]);
    }
}
