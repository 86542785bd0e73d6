//! What the name of a link to our binary means.
//!
//! Consumers that take a single word (cargo's variables with a path that has a blank), or that search `PATH` for a
//! name of their own (the go command), are given a link. Its name ends in `-exec` or `_exec`, behaves as `exec`,
//! and says which target's programs are expected; a program for another one is refused. The header still decides
//! everything else: `go_linux_arm64_exec` starts any aarch64 Linux program, whatever its C library.

use triplecheck_emulators::target::Target;

use super::go::Port;

/// The name of the link for programs of `target`.
pub fn name_of(target: &Target) -> String {
    format!("{target}-exec")
}

/// The names of all links for `target`: its own, and the one that Go looks for. A CPU model is in no name of Go's.
pub fn names_of(target: &Target) -> Vec<String> {
    let go = Port::of(target).filter(|_| target.variant().is_none()).map(Port::exec_name);
    std::iter::once(name_of(target)).chain(go).collect()
}

/// What a program's own name asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// It is no link of these.
    NotALink,
    /// `exec` for whatever the program's header says.
    Any,
    /// `exec` for programs of this target. It may be one that nobody knows, which is `exec`'s to refuse: a link
    /// that silently expected nothing would let any program pass.
    Target(String),
}

impl Meaning {
    /// The target that is expected.
    pub fn target(self) -> Option<String> {
        match self {
            Meaning::Target(text) => Some(text),
            Meaning::NotALink | Meaning::Any => None,
        }
    }
}

/// The meaning of the name that we were started by, without its directory.
pub fn meaning(name: &str) -> Meaning {
    let Some(stem) = name.strip_suffix("-exec").or_else(|| name.strip_suffix("_exec")) else {
        return Meaning::NotALink;
    };
    if let Some((os, arch)) = stem.strip_prefix("go_").and_then(|pair| pair.split_once('_')) {
        let target = Port::find(os, arch).map(|port| port.target().to_string());
        return Meaning::Target(target.unwrap_or_else(|| format!("{os}/{arch}")));
    }
    if Target::parse(stem).is_ok() || begins_like_a_triple(stem) {
        return Meaning::Target(stem.to_owned());
    }
    Meaning::Any
}

/// Whether someone meant a triple: `aarch64-linux-gnu`, but not `triplecheck` or `run-foreign`.
fn begins_like_a_triple(stem: &str) -> bool {
    let Some((processor, _)) = stem.split_once('-') else { return false };
    Target::all().any(|target| target.triple().split('-').next() == Some(processor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, target: &str) {
        assert_eq!(meaning(name), Meaning::Target(target.to_owned()));
    }

    #[test]
    fn every_name_that_we_give_is_understood_by_us() {
        for target in Target::all() {
            for name in names_of(&target) {
                let Meaning::Target(text) = meaning(&name) else { panic!("{name} names no target") };
                let meant = Target::parse(&text).unwrap();
                assert_eq!(meant.machine(), target.machine(), "{name}");
                assert_eq!(meant.facts().os, target.facts().os, "{name}");
            }
        }
    }

    #[test]
    fn a_model_is_part_of_the_name_but_not_of_gos() {
        let target = Target::parse("s390x-unknown-linux-gnu@z13").unwrap();
        assert_eq!(names_of(&target), ["s390x-unknown-linux-gnu@z13-exec"]);
        check("s390x-unknown-linux-gnu@z13-exec", "s390x-unknown-linux-gnu@z13");
    }

    #[test]
    fn names_that_name_no_target_expect_none() {
        for name in ["triplecheck-exec", "foreign_exec", "-exec", "run-foreign-exec"] {
            assert_eq!(meaning(name), Meaning::Any, "{name}");
        }
        for name in ["triplecheck", "cargo-triplecheck", "exec", ""] {
            assert_eq!(meaning(name), Meaning::NotALink, "{name}");
        }
    }

    #[test]
    fn a_target_that_nobody_knows_is_passed_on_to_be_refused() {
        check("aarch64-linux-gnu-exec", "aarch64-linux-gnu");
        check("go_linux_riscv32_exec", "linux/riscv32");
    }
}
