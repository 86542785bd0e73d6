//! What separates the targets that fail from those that pass, and which further target would tell two such traits
//! apart. Pure, over the facts of targets.

use serde::Serialize;
use triplecheck_emulators::machine::LongDouble;
use triplecheck_emulators::target::{Endian, Target};

use super::abi::{Abi, FloatLimit};
use super::cause::Class;

/// A property of targets.
struct Trait {
    /// In the words of the report.
    name: &'static str,
    /// The class of cause that shows where it holds, where there is one.
    class: Option<Class>,
    holds: fn(&Abi, &Target) -> bool,
}

const fn new(name: &'static str, class: Option<Class>, holds: fn(&Abi, &Target) -> bool) -> Trait {
    Trait { name, class, holds }
}

/// In the order in which they are preferred as explanation: what programs stumble over most comes first, what merely
/// goes with it later.
const TRAITS: &[Trait] = &[
    new("big-endian", Some(Class::ByteOrder), |abi, _| abi.endian == Endian::Big),
    new("32-bit", Some(Class::PointerWidth), |abi, _| abi.pointer_bits == 32),
    new("unsigned-char", Some(Class::CharSign), |abi, _| abi.char_signed == Some(false)),
    new("Windows", None, |abi, _| abi.windows),
    new("WebAssembly", None, |abi, _| abi.wasm),
    new("32-bit-long", Some(Class::LongWidth), |abi, _| abi.long_bits == 32),
    new("32-bit-time", Some(Class::TimeWidth), |abi, _| abi.time_bits == 32),
    new("small-alignment", Some(Class::Layout), |abi, _| abi.u64_align < 8),
    new("saturating", Some(Class::FloatConversion), |abi, _| abi.float_limit == FloatLimit::Nearest),
    new("positive-NaN", Some(Class::Nan), |abi, _| abi.nan_bits.is_some_and(|bits| bits >> 31 == 0)),
    new("wide-shift", Some(Class::ShiftCount), |abi, _| abi.shift_is_wide),
    new("fused-multiply", Some(Class::FloatRounding), |abi, _| abi.fuses),
    new("quad-precision", Some(Class::LongDouble), |abi, _| abi.long_double == Some(LongDouble::Binary128)),
    new("non-x87", Some(Class::LongDouble), |abi, _| {
        abi.long_double.is_some_and(|format| format != LongDouble::X87)
    }),
    new("64-bit", None, |abi, _| abi.pointer_bits == 64),
    new("non-Linux", None, |_, target| target.facts().os != "linux"),
    new("non-x86", None, |abi, _| !abi.arch.starts_with("x86")),
    new("x86", None, |abi, _| abi.arch.starts_with("x86")),
    new("musl", None, |abi, _| abi.libc == "musl"),
];

/// What the failing targets have in common and no passing one has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Separation {
    /// One trait, or two that hold together; empty where all targets fail.
    pub(super) names: Vec<&'static str>,
    /// The class of cause that goes with it.
    pub(super) class: Option<Class>,
    failing: usize,
    passing: usize,
}

impl Separation {
    /// The line of the report.
    pub(super) fn sentence(&self) -> String {
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        if self.names.is_empty() {
            return format!("on all {} targets", self.failing);
        }
        format!(
            "on {} {} target{} and on none of {} other{}",
            if self.failing == 1 { "the one".to_owned() } else { format!("all {}", self.failing) },
            self.names.join(" "),
            plural(self.failing),
            self.passing,
            plural(self.passing),
        )
    }
}

/// The one target that would tell which of two explanations is the right one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Decide {
    /// The target to run it on.
    pub target: String,
    /// The explanation that a failure there confirms or a pass refutes, and the other one.
    pub question: String,
    /// Whether the target can be run here.
    pub here: bool,
}

/// A target with its facts.
struct Known {
    target: Target,
    abi: Abi,
}

fn known(triples: &[&str]) -> Vec<Known> {
    let parsed = triples.iter().filter_map(|triple| Target::parse(triple).ok());
    parsed.map(|target| Known { abi: Abi::of(&target), target }).collect()
}

impl Trait {
    fn of(&self, known: &Known) -> bool {
        (self.holds)(&known.abi, &known.target)
    }

    fn separates(&self, failing: &[Known], passing: &[Known]) -> bool {
        failing.iter().all(|known| self.of(known)) && !passing.iter().any(|known| self.of(known))
    }
}

/// The smallest trait, or conjunction of two, that all of `failing` have and none of `passing` has.
pub(super) fn separating(failing: &[&str], passing: &[&str]) -> Option<Separation> {
    let (failing, passing) = (known(failing), known(passing));
    if failing.is_empty() || (passing.is_empty() && failing.len() == 1) {
        return None;
    }
    let separation = |names: Vec<&'static str>, class| Separation {
        names,
        class,
        failing: failing.len(),
        passing: passing.len(),
    };
    if passing.is_empty() {
        return Some(separation(Vec::new(), None));
    }
    if let Some(one) = TRAITS.iter().find(|one| one.separates(&failing, &passing)) {
        return Some(separation(vec![one.name], one.class));
    }
    // Of two traits, each must hold on all failing targets, and each rules out some of the passing ones.
    let common: Vec<&Trait> = TRAITS.iter().filter(|one| failing.iter().all(|known| one.of(known))).collect();
    common.iter().enumerate().find_map(|(index, first)| {
        let second = common[index + 1..]
            .iter()
            .find(|second| !passing.iter().any(|known| first.of(known) && second.of(known)))?;
        let class = first.class.or(second.class);
        Some(separation(vec![first.name, second.name], class))
    })
}

/// What would tell the first trait that separates from the others, or from the failing machine itself. `here` are the
/// targets that can be run on this host, in the order of preference.
pub(super) fn deciding(failing: &[&str], passing: &[&str], here: &[String]) -> Option<Decide> {
    let (failed, passed) = (known(failing), known(passing));
    let hypotheses: Vec<&Trait> = TRAITS.iter().filter(|one| one.separates(&failed, &passed)).collect();
    let first = hypotheses.first()?;
    let machine = failed[0].abi.arch;
    let one_machine = failed.iter().all(|known| known.abi.arch == machine)
        && !passed.iter().any(|known| known.abi.arch == machine);
    let fresh = |triple: &&str| !failing.contains(triple) && !passing.contains(triple);
    let everywhere: Vec<&str> = Target::all().map(|target| target.triple()).filter(comparable).collect();
    let here_first = here.iter().map(String::as_str).chain(everywhere);
    let candidates = known(&here_first.filter(fresh).collect::<Vec<_>>());
    // A target on which the first explanation holds and as few of the others as can be; one that can be run here
    // before all others, and the earlier the better.
    let rivals = |candidate: &Known| {
        let others = hypotheses[1..].iter().filter(|rival| !rival.of(candidate));
        let mut names: Vec<String> = others.map(|rival| rival.name.to_owned()).collect();
        if one_machine && candidate.abi.arch != machine {
            names.insert(0, format!("{machine} itself"));
        }
        names
    };
    let ruled_out = candidates.into_iter().filter(|candidate| first.of(candidate)).map(|candidate| {
        let names = rivals(&candidate);
        (candidate, names)
    });
    let is_here = |candidate: &Known| here.iter().any(|known| known == candidate.target.triple());
    let (candidate, names) = ruled_out
        .rev()
        .filter(|(_, names)| !names.is_empty())
        .max_by_key(|(candidate, names)| (is_here(candidate), names.len()))?;
    let triple = candidate.target.triple();
    Some(Decide {
        target: triple.to_owned(),
        question: format!("{} or {}", first.name, names[0]),
        here: is_here(&candidate),
    })
}

/// Targets with an operating system and a standard library, which a suite can be expected to build for.
fn comparable(triple: &&str) -> bool {
    Target::parse(triple).is_ok_and(|target| {
        let facts = target.facts();
        facts.std && facts.os == "linux" && facts.env == "gnu" && target.cross().is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(failing: &[&str], passing: &[&str], expected: Option<&str>) {
        let separation = separating(failing, passing);
        assert_eq!(separation.map(|separation| separation.sentence()).as_deref(), expected);
    }

    const A64: &str = "aarch64-unknown-linux-gnu";
    const S390X: &str = "s390x-unknown-linux-gnu";
    const I686: &str = "i686-unknown-linux-gnu";
    const PPC64: &str = "powerpc64-unknown-linux-gnu";
    const ARMV7: &str = "armv7-unknown-linux-gnueabihf";

    #[test]
    fn the_trait_that_separates_is_named() {
        check(&[S390X], &[A64, I686], Some("on the one big-endian target and on none of 2 others"));
        check(&[I686], &[A64, S390X], Some("on the one 32-bit target and on none of 2 others"));
        check(&[S390X, PPC64], &[A64], Some("on all 2 big-endian targets and on none of 1 other"));
        check(&[S390X, A64], &[], Some("on all 2 targets"));
    }

    #[test]
    fn two_traits_together_separate_where_no_single_one_does() {
        let passing = [I686, A64, "powerpc64le-unknown-linux-gnu"];
        check(&[ARMV7], &passing, Some("on the one 32-bit unsigned-char target and on none of 3 others"));
    }

    #[test]
    fn nothing_is_claimed_where_nothing_separates() {
        check(&[A64], &["riscv64gc-unknown-linux-gnu", I686], None);
        check(&[A64], &[], None);
        check(&[], &[A64], None);
    }

    #[test]
    fn the_target_that_would_decide_shares_the_trait_and_not_the_machine() {
        let decide = deciding(&[S390X], &[A64, I686], &[PPC64.to_owned()]).unwrap();
        assert_eq!((decide.target.as_str(), decide.here), (PPC64, true));
        assert_eq!(decide.question, "big-endian or s390x itself");
        let elsewhere = deciding(&[S390X], &[A64, I686], &[]).unwrap();
        assert!(!elsewhere.here, "{elsewhere:?}");
        let endian = Target::parse(&elsewhere.target).unwrap().facts().endian;
        assert_eq!(endian, Endian::Big);
    }

    #[test]
    fn nothing_is_to_be_decided_where_two_machines_share_the_only_trait() {
        let here = vec!["mips64-unknown-linux-gnuabi64".to_owned()];
        assert_eq!(deciding(&[S390X, PPC64], &[A64, "powerpc64le-unknown-linux-gnu", ARMV7], &here), None);
        assert_eq!(deciding(&[A64], &["riscv64gc-unknown-linux-gnu", I686], &here), None);
    }
}
