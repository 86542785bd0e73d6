//! Which CPU model QEMU should play for a target: what differs from the machine's row.
//!
//! A row is keyed by the triple's first word, or by a whole triple. All names are QEMU's, and QEMU 7.2 lists each
//! in `-cpu help` but for those in [`NEWER`]. A floor is only as honest as the C library beside the program: Debian's
//! armhf and i386 libraries need more than `arm-…-gnueabihf` and `i586-…-gnu` promise, and die on those floors
//! before `main`. That is a fact about the library; static programs (musl) are not affected.

use super::Target;

/// Models named here that QEMU 7.2 does not have, each with the first version that has it.
pub const NEWER: &[(&str, &str)] = &[
    // `max` came to RISC-V late; before it there is no model with the vector extension on.
    ("max", "8.2"),
    ("cortex-r52", "9.0"),
];

/// The first version of QEMU that has this model, where that is newer than 7.2.
pub(crate) fn newer_since(cpu: &str) -> Option<&'static str> {
    NEWER.iter().find(|(newer, _)| *newer == cpu).map(|(_, since)| *since)
}

/// Key, model by default, least model; `None` leaves the answer to the machine's row.
type Row = (&'static str, Option<&'static str>, Option<&'static str>);

const ROWS: &[Row] = &[
    // aarch32, by architecture version. `sa1110` would be v4 without Thumb, below what v4t promises.
    ("armv4t", None, Some("ti925t")),
    ("thumbv4t", None, Some("ti925t")),
    ("armv5te", None, Some("arm926")),
    ("thumbv5te", None, Some("arm926")),
    ("arm", None, Some("arm1176")),
    ("armv6", None, Some("arm1176")),
    ("armv6k", None, Some("arm1176")),
    ("thumbv6", None, Some("arm1176")),
    // The microcontroller and real-time profiles: QEMU's default is an application processor, which runs
    // neither their exception model nor, in the other direction, notices what they lack.
    ("thumbv6m", Some("cortex-m0"), Some("cortex-m0")),
    ("thumbv7m", Some("cortex-m3"), Some("cortex-m3")),
    ("thumbv7em", Some("cortex-m4"), Some("cortex-m4")),
    // QEMU has no cortex-m23, so a use of the main line's instructions passes.
    ("thumbv8m.base", Some("cortex-m33"), Some("cortex-m33")),
    ("thumbv8m.main", Some("cortex-m33"), Some("cortex-m33")),
    ("armv7r", Some("cortex-r5f"), Some("cortex-r5")),
    ("thumbv7r", Some("cortex-r5f"), Some("cortex-r5")),
    ("armebv7r", Some("cortex-r5f"), Some("cortex-r5")),
    ("armv8r", Some("cortex-r52"), Some("cortex-r52")),
    ("thumbv8r", Some("cortex-r52"), Some("cortex-r52")),
    // x86: i686 is rustc's pentium4, hence SSE2, which the machine's row has.
    ("i586", None, Some("pentium")),
    ("i686-linux-android", None, Some("n270")),
    ("x86_64-linux-android", None, Some("Nehalem")),
    ("x86_64h", None, Some("Haswell")),
    // RISC-V, by extensions. Nothing models an I without M and C.
    ("riscv64a23", Some("max"), Some("max")),
    ("riscv64imac", None, Some("sifive-e51")),
    ("riscv64im", None, Some("sifive-e51")),
    ("riscv32imac", None, Some("sifive-e31")),
    ("riscv32ima", None, Some("sifive-e31")),
    ("riscv32imafc", None, Some("sifive-e34")),
    ("riscv32imc", None, Some("lowrisc-ibex")),
    ("riscv32im", None, Some("lowrisc-ibex")),
    ("riscv32i", None, Some("lowrisc-ibex")),
    ("riscv32e", None, Some("lowrisc-ibex")),
    ("riscv32em", None, Some("lowrisc-ibex")),
    ("riscv32emc", None, Some("lowrisc-ibex")),
    // SPE: another floating-point unit altogether, which only this core has.
    ("powerpc-unknown-linux-gnuspe", Some("e500v2"), Some("e500v2")),
    ("powerpc-unknown-linux-muslspe", Some("e500v2"), Some("e500v2")),
    ("powerpc-wrs-vxworks-spe", Some("e500v2"), Some("e500v2")),
];

/// The model to ask for by default; `None` for QEMU's own.
pub(super) fn default_of(target: &Target) -> Option<&'static str> {
    row(target).and_then(|(_, default, _)| *default).or_else(|| target.machine()?.cpu_default)
}

/// The model nearest to the target's floor; `None` where there is none below the default.
pub(super) fn floor_of(target: &Target) -> Option<&'static str> {
    row(target).and_then(|(_, _, floor)| *floor).or_else(|| target.machine()?.cpu_floor)
}

/// The row of the whole triple, or else of its first word.
fn row(target: &Target) -> Option<&'static Row> {
    let triple = target.triple();
    let word = triple.split('-').next().unwrap_or(triple);
    let find = |key: &str| ROWS.iter().find(|row| row.0 == key);
    find(triple).or_else(|| find(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_some_targets_and_stands_once() {
        for (at, (key, default, floor)) in ROWS.iter().enumerate() {
            let is_used = Target::all()
                .any(|target| target.triple() == *key || target.triple().split('-').next() == Some(key));
            assert!(is_used, "{key}");
            assert!(default.is_some() || floor.is_some(), "{key}");
            assert!(!ROWS[..at].iter().any(|row| row.0 == *key), "{key}");
        }
    }

    #[test]
    fn floors_follow_the_triple_where_it_promises_less_than_its_machine() {
        #[track_caller]
        fn check(triple: &str, default: Option<&str>, floor: Option<&str>) {
            let target = Target::parse(triple).unwrap();
            assert_eq!(target.cpu_default(), default, "{triple}");
            assert_eq!(target.cpu_floor(), floor, "{triple}");
        }
        check("i586-unknown-linux-musl", None, Some("pentium"));
        check("i686-unknown-linux-gnu", None, Some("coreduo"));
        check("i686-linux-android", None, Some("n270"));
        check("armv5te-unknown-linux-gnueabi", None, Some("arm926"));
        check("armv7-unknown-linux-gnueabihf", None, Some("cortex-a8"));
        check("s390x-unknown-linux-gnu", None, None);
        check("s390x-unknown-linux-gnu@z13", Some("z13"), None);
        check("thumbv7m-none-eabi", Some("cortex-m3"), Some("cortex-m3"));
        check("powerpc-unknown-linux-gnuspe", Some("e500v2"), Some("e500v2"));
        check("powerpc-unknown-linux-gnu", None, Some("750"));
        check("wasm32-wasip1", None, None);
    }
}
