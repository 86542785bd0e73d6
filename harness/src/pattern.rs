//! Patterns over targets and over case names, as the manifest and the command line write them.
//!
//! A target pattern is a triple, a glob over triples, or cargo's `cfg(…)` language; a case pattern is a glob
//! over `suite::case`. Both match values only: no toolchain is asked.

use cfg_expr::expr::{Predicate, TargetPredicate};
use cfg_expr::targets::{Endian as CfgEndian, HasAtomic};
use triplecheck_emulators::target::{Endian, Target, TargetFacts};

/// Which targets something applies to.
#[derive(Debug, Clone)]
pub enum TargetPattern {
    /// A triple, or a glob with `*` over triples.
    Triple(String),
    /// `cfg(target_endian = "big")`.
    Cfg(Box<cfg_expr::Expression>),
}

impl TargetPattern {
    /// Parses a triple, a glob or a `cfg(…)` expression. The error is one sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        if !text.starts_with("cfg(") {
            return Ok(Self::Triple(text.to_owned()));
        }
        let expression = cfg_expr::Expression::parse(text).map_err(|error| error.to_string())?;
        for predicate in expression.predicates() {
            if let Some(problem) = unknowable(&predicate) {
                return Err(problem);
            }
        }
        Ok(Self::Cfg(Box::new(expression)))
    }

    /// Whether `target` is meant. A triple pattern ignores the variant unless it names one itself.
    pub fn matches(&self, target: &Target) -> bool {
        match self {
            Self::Triple(pattern) if pattern.contains('@') => glob(pattern, &target.to_string()),
            Self::Triple(pattern) => glob(pattern, target.triple()),
            Self::Cfg(expression) => expression.eval(|predicate| holds(predicate, target.facts())),
        }
    }
}

/// A predicate that no target fact answers; asking it would silently be "no".
fn unknowable(predicate: &Predicate<'_>) -> Option<String> {
    match predicate {
        Predicate::Target(TargetPredicate::HasAtomic(HasAtomic::IntegerSize(_) | HasAtomic::Pointer)) => None,
        Predicate::Target(TargetPredicate::HasAtomic(_)) => Some(
            "this form of `target_has_atomic` is not known here; ask for a width in bits, or `ptr`".into(),
        ),
        Predicate::Target(_) => None,
        Predicate::Feature(name) => Some(format!("`feature = \"{name}\"` is no property of a target")),
        Predicate::TargetFeature(name) => {
            Some(format!("`target_feature = \"{name}\"` depends on flags; use `target_arch`"))
        }
        Predicate::Flag("unix" | "windows") => None,
        Predicate::Flag(name) => Some(format!("`{name}` is no property of a target")),
        Predicate::Test | Predicate::DebugAssertions | Predicate::ProcMacro => {
            Some("`test`, `debug_assertions` and `proc_macro` are no properties of a target".into())
        }
        Predicate::KeyValue { key, .. } => Some(format!("`{key}` is no property of a target")),
    }
}

fn holds(predicate: &Predicate<'_>, facts: &TargetFacts) -> bool {
    let family = |name: &str| facts.family.split(' ').any(|family| family == name);
    match predicate {
        Predicate::Target(predicate) => match predicate {
            TargetPredicate::Abi(abi) => abi.as_str() == facts.abi,
            TargetPredicate::Arch(arch) => arch.as_str() == facts.arch,
            TargetPredicate::Endian(endian) => match facts.endian {
                Endian::Big => *endian == CfgEndian::big,
                Endian::Little => *endian == CfgEndian::little,
            },
            TargetPredicate::Env(env) => env.as_str() == facts.env,
            TargetPredicate::Family(name) => family(name.as_str()),
            TargetPredicate::Os(os) => os.as_str() == facts.os,
            TargetPredicate::Panic(panic) => (panic.as_str() == "unwind") == facts.unwinds,
            TargetPredicate::PointerWidth(width) => *width == facts.pointer_width,
            TargetPredicate::Vendor(vendor) => vendor.as_str() == facts.vendor,
            TargetPredicate::HasAtomic(HasAtomic::IntegerSize(bits)) => {
                facts.atomic_bits.iter().any(|known| u16::from(*known) == *bits)
            }
            TargetPredicate::HasAtomic(HasAtomic::Pointer) => {
                facts.atomic_bits.contains(&facts.pointer_width)
            }
            // Refused by `unknowable` when the pattern was parsed.
            TargetPredicate::HasAtomic(_) => false,
        },
        Predicate::Flag(name) => family(name),
        Predicate::Test
        | Predicate::DebugAssertions
        | Predicate::ProcMacro
        | Predicate::Feature(_)
        | Predicate::TargetFeature(_)
        | Predicate::KeyValue { .. } => false,
    }
}

/// Whether `text` matches `pattern`, in which `*` stands for any run of characters, colons included.
///
/// Linear in practice and at worst `pattern × text`: one backtracking point is kept, never a stack of them.
pub fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if p < pattern.len() && pattern[p] == b'*' {
            star = Some((p, t));
            p += 1;
        } else if p < pattern.len() && pattern[p] == text[t] {
            p += 1;
            t += 1;
        } else if let Some((star_p, star_t)) = star {
            p = star_p + 1;
            t = star_t + 1;
            star = Some((star_p, t));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// Whether a case is meant by `filter`: a glob over `suite::case`, or a plain word that is the suite, the
/// case, or a `::` prefix of the whole name.
pub fn selects(filter: &str, suite: &str, case: &str) -> bool {
    let full = format!("{suite}::{case}");
    if filter.contains('*') {
        return glob(filter, &full) || glob(filter, case);
    }
    full == filter || case == filter || suite == filter || full.starts_with(&format!("{filter}::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_whole_names() {
        assert!(glob("c::*", "c::char_sign"));
        assert!(glob("*::leap", "unit::time::leap"));
        assert!(glob("*", ""));
        assert!(glob("a*b*c", "aXbXbc"));
        assert!(!glob("c::*", "rust::char_sign"));
        assert!(!glob("ab", "abc"));
    }

    #[test]
    fn a_word_selects_a_suite_a_case_or_a_prefix() {
        assert!(selects("rust", "rust", "args::plain"));
        assert!(selects("rust::args", "rust", "args::plain"));
        assert!(selects("args::plain", "rust", "args::plain"));
        assert!(!selects("rust::arg", "rust", "args::plain"));
    }

    #[test]
    fn cfg_patterns_know_the_widths_of_atomics() {
        #[track_caller]
        fn check(width: &str, triple: &str, matches: bool) {
            let pattern = TargetPattern::parse(&format!("cfg(target_has_atomic = \"{width}\")")).unwrap();
            assert_eq!(pattern.matches(&Target::parse(triple).unwrap()), matches, "{width} {triple}");
        }
        check("64", "x86_64-unknown-linux-gnu", true);
        check("64", "powerpc-unknown-linux-gnu", false);
        check("32", "powerpc-unknown-linux-gnu", true);
        check("128", "aarch64-unknown-linux-gnu", true);
        check("128", "x86_64-unknown-linux-gnu", false);
        check("ptr", "powerpc-unknown-linux-gnu", true);
        check("ptr", "thumbv6m-none-eabi", false);
        let text = "cfg(not(target_has_atomic = \"64\"))";
        let pattern = TargetPattern::parse(text).unwrap();
        assert!(pattern.matches(&Target::parse("mipsel-unknown-linux-gnu").unwrap()));
        assert!(TargetPattern::parse("cfg(target_has_atomic = \"seven\")").is_err());
    }

    #[test]
    fn cfg_patterns_refuse_what_no_target_can_answer() {
        for pattern in ["cfg(feature = \"x\")", "cfg(test)", "cfg(target_endian = big)", "cfg(sunny)"] {
            assert!(TargetPattern::parse(pattern).is_err(), "{pattern}");
        }
    }
}
