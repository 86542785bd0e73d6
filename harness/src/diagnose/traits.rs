//! What separates the targets that fail from those that pass.

use triplecheck_emulators::target::{Endian, Target};

/// A property of targets, in the words of the report, in the order in which it is preferred as explanation.
type Trait = (&'static str, fn(&Target) -> bool);

const TRAITS: &[Trait] = &[
    ("big-endian", |target| target.facts().endian == Endian::Big),
    ("32-bit", |target| target.facts().pointer_width == 32),
    ("64-bit", |target| target.facts().pointer_width == 64),
    ("unsigned-char", |target| target.char_signed() == Some(false)),
    ("Windows", |target| target.facts().os == "windows"),
    ("WebAssembly", |target| target.facts().family.contains("wasm")),
    ("non-Linux", |target| target.facts().os != "linux"),
    ("non-x86", |target| !target.facts().arch.starts_with("x86")),
    ("x86", |target| target.facts().arch.starts_with("x86")),
    ("musl", |target| target.facts().env == "musl"),
];

/// The first trait that all of `failing` have and none of `passing` has, as a sentence; `None` where nothing is
/// separated, or where there is nothing to separate from.
pub(super) fn separating(failing: &[String], passing: &[&str]) -> Option<String> {
    let parse = |triple: &str| Target::parse(triple).ok();
    let failing: Vec<Target> = failing.iter().filter_map(|triple| parse(triple)).collect();
    let passing: Vec<Target> = passing.iter().filter_map(|triple| parse(triple)).collect();
    if failing.is_empty() {
        return None;
    }
    if passing.is_empty() {
        return (failing.len() > 1).then(|| format!("on all {} targets", failing.len()));
    }
    let (name, _) =
        TRAITS.iter().find(|(_, holds)| failing.iter().all(holds) && !passing.iter().any(holds))?;
    Some(format!(
        "on {} {name} {} and on none of {} other{}",
        if failing.len() == 1 { "the one".to_owned() } else { format!("all {}", failing.len()) },
        if failing.len() == 1 { "target" } else { "targets" },
        passing.len(),
        if passing.len() == 1 { "" } else { "s" },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(failing: &[&str], passing: &[&str], expected: Option<&str>) {
        let failing: Vec<String> = failing.iter().map(ToString::to_string).collect();
        assert_eq!(separating(&failing, passing).as_deref(), expected);
    }

    const A64: &str = "aarch64-unknown-linux-gnu";
    const S390X: &str = "s390x-unknown-linux-gnu";
    const I686: &str = "i686-unknown-linux-gnu";

    #[test]
    fn the_trait_that_separates_is_named() {
        check(&[S390X], &[A64, I686], Some("on the one big-endian target and on none of 2 others"));
        check(&[I686], &[A64, S390X], Some("on the one 32-bit target and on none of 2 others"));
        check(
            &["s390x-unknown-linux-gnu", "powerpc64-unknown-linux-gnu"],
            &[A64],
            Some("on all 2 big-endian targets and on none of 1 other"),
        );
    }

    #[test]
    fn nothing_is_claimed_where_nothing_separates() {
        check(&[A64], &["riscv64gc-unknown-linux-gnu", I686], None);
        check(&[A64], &[], None);
    }
}
