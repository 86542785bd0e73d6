//! The words that libtest is given: what the user says of the choice of tests and of how they run is kept, what would
//! change the form of the output is not, because that is ours to choose.

/// What a word means to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// How tests run: said again whenever some of them are started by name.
    Manner,
    /// Which tests run: replaced by names.
    Choice,
    /// The form of the output, or a choice that would lose tests.
    Ours,
}

/// libtest's options, and whether a value follows.
const OPTIONS: &[(&str, Meaning, bool)] = &[
    ("--ignored", Meaning::Manner, false),
    ("--include-ignored", Meaning::Manner, false),
    ("--exclude-should-panic", Meaning::Choice, false),
    ("--force-run-in-process", Meaning::Manner, false),
    ("--test", Meaning::Manner, false),
    ("--bench", Meaning::Manner, false),
    ("--nocapture", Meaning::Manner, false),
    ("--no-capture", Meaning::Manner, false),
    ("--show-output", Meaning::Manner, false),
    ("--test-threads", Meaning::Manner, true),
    ("--ensure-time", Meaning::Manner, false),
    ("--shuffle", Meaning::Manner, false),
    ("--shuffle-seed", Meaning::Manner, true),
    ("--skip", Meaning::Choice, true),
    ("--exact", Meaning::Choice, false),
    ("--fail-fast", Meaning::Ours, false),
    ("--report-time", Meaning::Ours, false),
    ("--format", Meaning::Ours, true),
    ("--color", Meaning::Ours, true),
    ("--logfile", Meaning::Ours, true),
    ("--quiet", Meaning::Ours, false),
    ("-q", Meaning::Ours, false),
    ("-Z", Meaning::Ours, true),
];

/// A user's words for a test binary, by what they mean.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// How tests run.
    pub manner: Vec<String>,
    /// Which tests run.
    pub choice: Vec<String>,
}

impl Words {
    /// Sorts what was typed. A word that libtest does not know is left to it to refuse.
    pub fn of(typed: &[String]) -> Self {
        let mut words = Self::default();
        let mut rest = typed.iter();
        while let Some(word) = rest.next() {
            let (name, joined) =
                word.split_once('=').map_or((word.as_str(), false), |(name, _)| (name, true));
            let known = OPTIONS.iter().find(|(option, ..)| *option == name);
            let (meaning, takes_value) = match known {
                Some((_, meaning, takes_value)) => (*meaning, *takes_value && !joined),
                None if word.starts_with("-Z") => (Meaning::Ours, false),
                None if word.starts_with('-') => (Meaning::Manner, false),
                None => (Meaning::Choice, false),
            };
            let value = if takes_value { rest.next() } else { None };
            let list = match meaning {
                Meaning::Manner => &mut words.manner,
                Meaning::Choice => &mut words.choice,
                Meaning::Ours => continue,
            };
            list.extend(std::iter::once(word).chain(value).cloned());
        }
        words
    }

    /// Whether tests write through to the standard output already.
    pub fn shows_output(&self) -> bool {
        self.manner.iter().any(|word| word == "--nocapture" || word == "--no-capture")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_replace_the_choice_and_the_form_is_ours() {
        let typed = "--ignored --skip slow --test-threads 2 -q --format=pretty part --exact -Z unstable-options --shuffle-seed=7 --fail-fast";
        let typed: Vec<String> = typed.split(' ').map(ToOwned::to_owned).collect();
        let words = Words::of(&typed);
        assert_eq!(words.manner, ["--ignored", "--test-threads", "2", "--shuffle-seed=7"]);
        assert_eq!(words.choice, ["--skip", "slow", "part", "--exact"]);
        assert!(!words.shows_output());
        assert!(Words::of(&["--nocapture".to_owned()]).shows_output());
    }
}
