//! Markdown, for the summary of a GitHub job and for people's notes: what is told first is what counts most, so that a cut
//! at [`BYTES_MAX`] costs the least. Pure.
//!
//! Guests' text stands in fenced blocks and code spans only, made so that no text can end them.

use std::collections::BTreeMap;

use super::table::{self, Group};
use super::{Stage, Summary, words};
use crate::diagnose::Finding;
use crate::events::NotRun;
use crate::verdict::{Verdict, Weight};

/// GitHub refuses a summary of more than 1 MiB a step, all of it.
const BYTES_MAX: usize = 1 << 20;
/// What is kept for the sentence that tells what was cut.
const REMAINDER_BYTES: usize = 512;
/// The most lines of one value or message that are shown.
const LINES_MAX: usize = 40;

/// The whole report.
pub(super) fn render(summary: &Summary) -> String {
    let findings = summary.findings();
    let mut page = Page::default();
    page.add(&head(summary, findings.len()));
    page.add(&grid(summary));
    let titles = (!summary.build_failures.is_empty(), !findings.is_empty(), !summary.not_run.is_empty());
    if titles.0 {
        page.add("### Does not build\n\n");
    }
    for part in builds(summary) {
        page.part(&part, "build failure");
    }
    if titles.1 {
        page.add("### Findings\n\n");
    }
    for finding in &findings {
        page.part(&self::finding(finding), "finding");
    }
    if titles.2 {
        page.add("### Not run\n\n");
    }
    for part in not_run(&summary.not_run) {
        page.part(&part, "reason why something did not run");
    }
    if !summary.unmatched.is_empty() {
        page.add(if titles.2 { "\n### Unused expectations\n\n" } else { "### Unused expectations\n\n" });
    }
    for entry in &summary.unmatched {
        let expected = words::with_issue(&entry.reason, entry.issue.as_deref());
        let text = format!("- {}; it expects {}\n", plain(&words::unmatched(entry)), plain(&expected));
        page.part(&text, "unused expectation");
    }
    page.finish(summary)
}

/// The text so far, and how much of what did not fit any more.
#[derive(Default)]
struct Page {
    text: String,
    left_out: BTreeMap<&'static str, usize>,
}

impl Page {
    /// What is always shown; it is small but for the names of targets and suites.
    fn add(&mut self, text: &str) {
        let room = (BYTES_MAX - REMAINDER_BYTES).saturating_sub(self.text.len());
        if text.len() <= room {
            self.text.push_str(text);
        } else {
            *self.left_out.entry("table").or_default() += 1;
        }
    }

    /// One of many.
    fn part(&mut self, text: &str, what: &'static str) {
        let room = (BYTES_MAX - REMAINDER_BYTES).saturating_sub(self.text.len());
        // Once one did not fit, none of its kind follows: a gap would look as if nothing had been there.
        if text.len() <= room && !self.left_out.contains_key(what) {
            self.text.push_str(text);
        } else {
            *self.left_out.entry(what).or_default() += 1;
        }
    }

    fn finish(mut self, summary: &Summary) -> String {
        if !self.left_out.is_empty() {
            let parts: Vec<String> =
                self.left_out.iter().map(|(what, number)| words::count(*number, what)).collect();
            let run = summary.run.as_ref().map_or("", |run| &run.run);
            let all = format!("triplecheck report --format html {run}");
            self.text.push_str(&format!(
                "> [!NOTE]\n> No room here for {} more; all is in {}\n",
                parts.join(" and "),
                code(all.trim_end())
            ));
        }
        self.text
    }
}

fn head(summary: &Summary, findings: usize) -> String {
    let sign = match (summary.exit_code(false), summary.stage) {
        (0, Stage::Ended) => "✅",
        (0 | 69, _) => "⚠️",
        _ => "❌",
    };
    let mut text = format!("## {sign} {}\n\n", words::count(findings, "finding"));
    text.push_str(&format!("{}\n\n", words::compared(summary)));
    if let Some(run) = &summary.run {
        let rustc = run.rustc.as_ref().map_or(String::new(), |rustc| format!(", {}", code(rustc)));
        text.push_str(&format!("Run {} on {}{rustc}\n\n", code(&run.run), code(&run.host)));
    }
    for warning in words::part(summary).into_iter().chain(words::warnings(summary)) {
        text.push_str(&format!("> [!WARNING]\n> {}\n\n", plain(&warning)));
    }
    text
}

/// Targets downwards, suites across: names of targets are long.
fn grid(summary: &Summary) -> String {
    let groups = table::groups(summary);
    let (suites, targets) = (table::suites(summary), table::targets(summary));
    if groups.is_empty() {
        return String::new();
    }
    let mut text = String::from("| target | run by |");
    for suite in &suites {
        text.push_str(&format!(" {} |", code(suite)));
    }
    text.push_str(" slowdown |\n|---|---|");
    text.push_str(&"---|".repeat(suites.len()));
    text.push_str("--:|\n");
    for target in targets {
        let of_target: Vec<&Group<'_>> = groups.iter().filter(|group| group.target == target).collect();
        let how = of_target.iter().find_map(|group| group.info).map_or("the host".to_owned(), table::how);
        text.push_str(&format!("| {} | {} |", code(target), plain(&how)));
        for suite in &suites {
            let group = of_target.iter().find(|group| group.suite == *suite);
            text.push_str(&format!(" {} |", group.map_or(String::new(), |group| square(group))));
        }
        let (native, there) =
            of_target.iter().map(|group| group.times()).fold((0, 0), |(a, b), (c, d)| (a + c, b + d));
        let slowdown = words::slowdown(native, there).map_or(String::new(), |times| format!("{times} ×"));
        text.push_str(&format!(" {slowdown} |\n"));
    }
    text.push('\n');
    text
}

/// `✅ 212`, `❌ 1 differs, ✅ 211, ⚪ 3 not-run`.
fn square(group: &Group<'_>) -> String {
    let mut parts = Vec::new();
    if !group.build_failures.is_empty() {
        parts.push("❌ does not build".to_owned());
    }
    let counts = group.counts();
    let told = |weight: Weight| -> Vec<String> {
        Verdict::ALL
            .into_iter()
            .filter(|verdict| verdict.weight() == weight)
            .filter_map(|verdict| counts.get(&verdict).map(|count| format!("{count} {verdict}")))
            .collect()
    };
    parts.extend(told(Weight::Finding).into_iter().map(|part| format!("❌ {part}")));
    let good = group.weighing(Weight::Good);
    parts.extend((good > 0).then(|| format!("✅ {good}")));
    parts.extend(told(Weight::Listed).into_iter().map(|part| format!("⚪ {part}")));
    parts.join(", ")
}

fn builds(summary: &Summary) -> Vec<String> {
    let mut by_text: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (suite, failure) in &summary.build_failures {
        let what = failure.program.as_ref().map_or(suite.clone(), |program| format!("{suite}::{program}"));
        by_text.entry(&failure.text).or_default().push(format!(
            "{} for {}",
            code(&what),
            code(&failure.target)
        ));
    }
    by_text
        .into_iter()
        .map(|(text, whats)| format!("{}\n\n{}", whats.join(", "), fenced("text", text)))
        .collect()
}

fn finding(finding: &Finding) -> String {
    let targets: Vec<String> = finding.targets.iter().map(|target| code(target)).collect();
    let mut text = format!("#### {} {} on {}\n\n", finding.verdict, code(&finding.case), targets.join(", "));
    text.extend(finding.cause.as_ref().map(|cause| format!("{}\n\n", plain(cause))));
    text.extend(finding.trait_.as_ref().map(|trait_| format!("{}\n\n", plain(trait_))));
    if let (Some(native), Some(target)) = (&finding.native, &finding.target_value) {
        let mut block = finding.place.clone().unwrap_or_default();
        for (side, value) in [("native", native), ("target", target)] {
            for (number, line) in value.lines().enumerate() {
                block.push_str(&format!("\n  {:7} {line}", if number == 0 { side } else { "" }));
            }
        }
        text.push_str(&fenced("text", &block));
    }
    for (name, remark) in words::remarks(finding) {
        text.push_str(&format!("**{name}** {}\n\n", plain(&remark)));
    }
    text.push_str(&fenced("sh", &finding.repeat));
    if finding.cells.len() > 1 {
        let cells: Vec<String> = finding.cells.iter().map(|cell| format!("- {}\n", code(cell))).collect();
        let summary = words::count(cells.len(), "cell");
        text.push_str(&format!(
            "<details><summary>{summary}</summary>\n\n{}\n</details>\n\n",
            cells.concat()
        ));
    }
    text
}

fn not_run(cells: &[NotRun]) -> Vec<String> {
    let mut by_reason: BTreeMap<(Verdict, &str, Option<&str>), Vec<&NotRun>> = BTreeMap::new();
    for cell in cells {
        by_reason.entry((cell.verdict, &cell.reason, cell.fix.as_deref())).or_default().push(cell);
    }
    let told = by_reason.into_iter().map(|((verdict, reason, fix), cells)| {
        let mut targets: Vec<&str> = cells.iter().map(|cell| cell.target.as_str()).collect();
        targets.sort_unstable();
        targets.dedup();
        let targets: Vec<String> = targets.into_iter().map(code).collect();
        let what = match cells.as_slice() {
            [cell] if cell.case == "*" => format!("suite {}", code(&cell.suite)),
            [cell] => code(&format!("{}::{}", cell.suite, cell.case)),
            cells => words::count(cells.len(), "cell"),
        };
        let fix = fix.map_or(String::new(), |fix| format!("; try {}", code(fix)));
        format!("- **{verdict}** {what} on {}: {}{fix}\n", targets.join(", "), plain(reason))
    });
    told.collect()
}

/// A code span that the text cannot end, also within a table.
fn code(text: &str) -> String {
    let text = words::visible(text).replace('\n', " ").replace('|', "\\|");
    let fence = "`".repeat(longest_run(&text) + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// A block that the text cannot end.
fn fenced(language: &str, text: &str) -> String {
    let text = words::visible(text);
    let fence = "`".repeat(longest_run(&text).max(2) + 1);
    let mut lines: Vec<&str> = text.lines().take(LINES_MAX).collect();
    let rest = text.lines().count() - lines.len();
    let more = format!("… {}", words::count(rest, "more line"));
    if rest > 0 {
        lines.push(&more);
    }
    format!("{fence}{language}\n{}\n{fence}\n\n", lines.join("\n"))
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// Text as it reads, whatever signs are in it. Our own sentences use backquotes for names, which stay.
fn plain(text: &str) -> String {
    let text = words::visible(text);
    let mut out = String::with_capacity(text.len());
    let even = text.matches('`').count().is_multiple_of(2) && !text.contains("``");
    let mut in_code = false;
    for character in text.chars() {
        match character {
            '`' if even => {
                in_code = !in_code;
                out.push('`');
            }
            '\n' => out.push(' '),
            '|' => out.push_str("\\|"),
            '<' if !in_code => out.push_str("&lt;"),
            '&' if !in_code => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '~' | '>' | '@' if !in_code => {
                out.push('\\');
                out.push(character);
            }
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_its_code_span_or_block() {
        assert_eq!(code("a|b"), "`a\\|b`");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(code("a``b\nc"), "```a``b c```");
        assert_eq!(fenced("text", "a\n```\n# b"), "````text\na\n```\n# b\n````\n\n");
        let long = "x\n".repeat(LINES_MAX + 3);
        assert!(fenced("text", &long).contains("… 3 more lines\n```"));
    }

    #[test]
    fn signs_of_markdown_and_html_in_sentences_are_only_signs() {
        assert_eq!(plain("a <b> & *c* | d_e"), "a &lt;b\\> &amp; \\*c\\* \\| d\\_e");
        assert_eq!(plain("use `a<b>` now"), "use `a<b>` now");
        assert_eq!(plain("one ` <b>"), "one \\` &lt;b\\>");
    }

    #[test]
    fn what_does_not_fit_is_counted_and_nothing_follows_it() {
        let mut page = Page::default();
        page.part(&"x".repeat(BYTES_MAX - REMAINDER_BYTES - 10), "finding");
        page.part(&"y".repeat(11), "finding");
        page.part("z", "finding");
        let text = page.finish(&Summary::default());
        assert!(text.len() <= BYTES_MAX, "{}", text.len());
        assert!(
            text.ends_with(
                "No room here for 2 findings more; all is in `triplecheck report --format html`\n"
            )
        );
    }
}
