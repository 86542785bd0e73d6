//! The findings of a run as `[[expect]]` entries: what is known stays visible, and everything new stands out again.

use std::collections::BTreeMap;

use triplecheck_emulators::target::Target;

use super::Summary;
use crate::date::Date;
use crate::events::Cell;
use crate::pattern::TargetPattern;
use crate::verdict::{Verdict, Weight};

/// Traits that an entry may name instead of its targets, the most telling first.
const TRAITS: &[&str] = &[
    "cfg(target_endian = \"big\")",
    "cfg(target_pointer_width = \"32\")",
    "cfg(windows)",
    "cfg(target_family = \"wasm\")",
    "cfg(not(windows))",
    "cfg(unix)",
    "cfg(not(any(target_arch = \"x86_64\", target_arch = \"x86\")))",
    "cfg(all(unix, not(any(target_arch = \"x86_64\", target_arch = \"x86\"))))",
    "cfg(target_env = \"musl\")",
];

/// Entries for all findings of a run, to be appended to the manifest. Each ends on `until`: what nobody has looked at by
/// then is a finding again.
pub fn render(summary: &Summary, until: Date) -> String {
    let run = summary.run.as_ref().map_or("", |run| run.run.as_str());
    let mut out = format!("# The findings of the run {run}.\n");
    for ((test, verdict), cells) in findings(summary) {
        let failing: Vec<&str> = cells.iter().map(|cell| cell.target.as_str()).collect();
        let judged: Vec<&str> =
            summary.cells.iter().filter(|cell| name(cell) == test).map(|cell| cell.target.as_str()).collect();
        let cause = cells.iter().find_map(|cell| cell.cause.clone());
        let reason = cause.unwrap_or_else(|| "nobody has looked into it yet".to_owned());
        for target in targets(&failing, &judged) {
            let entry = [
                ("test", test.as_str()),
                ("target", target.as_str()),
                ("verdict", verdict.name()),
                ("reason", reason.as_str()),
                ("until", &until.to_string()),
            ];
            out.push_str("\n[[expect]]\n");
            for (key, value) in entry {
                out.push_str(&format!("{key} = {}\n", toml::Value::from(value)));
            }
        }
    }
    out
}

/// The findings by case and verdict. One that an entry stands for already, and that has gone, needs none.
fn findings(summary: &Summary) -> BTreeMap<(String, Verdict), Vec<&Cell>> {
    let mut found: BTreeMap<(String, Verdict), Vec<&Cell>> = BTreeMap::new();
    for cell in &summary.cells {
        if cell.verdict.weight() == Weight::Finding && cell.verdict != Verdict::UnexpectedPass {
            found.entry((name(cell), cell.observed)).or_default().push(cell);
        }
    }
    found
}

fn name(cell: &Cell) -> String {
    format!("{}::{}", cell.suite, cell.case)
}

/// The pattern that means exactly the failing ones of the targets on which the case was judged, or each of them by name.
fn targets(failing: &[&str], judged: &[&str]) -> Vec<String> {
    let only_failing = |text: &str| {
        let Ok(pattern) = TargetPattern::parse(text) else { return false };
        judged.iter().all(|target| {
            Target::parse(target).is_ok_and(|parsed| pattern.matches(&parsed)) == failing.contains(target)
        })
    };
    if failing.len() > 1 && failing.len() == judged.len() {
        return vec!["*".to_owned()];
    }
    let by_trait = TRAITS.iter().filter(|_| failing.len() > 1).find(|text| only_failing(text));
    match by_trait {
        Some(text) => vec![(*text).to_owned()],
        None => failing.iter().map(ToString::to_string).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [&str; 4] = [
        "i686-unknown-linux-gnu",
        "s390x-unknown-linux-gnu",
        "powerpc-unknown-linux-gnu",
        "x86_64-unknown-linux-gnu@Nehalem",
    ];

    #[test]
    fn a_trait_stands_for_targets_that_alone_have_it() {
        #[track_caller]
        fn check(failing: &[&str], expected: &[&str]) {
            assert_eq!(targets(failing, &ALL), expected);
        }
        check(&[ALL[1], ALL[2]], &["cfg(target_endian = \"big\")"]);
        check(&[ALL[0], ALL[2]], &["cfg(target_pointer_width = \"32\")"]);
        check(&[ALL[0], ALL[1]], &[ALL[0], ALL[1]]);
        check(&[ALL[3]], &[ALL[3]]);
        check(&ALL, &["*"]);
    }
}
