//! One page for a browser that needs nothing else: no network, no library, no file beside it. Pure.
//!
//! What counts is there as plain HTML (verdict counts, suites × targets), so that something is to be seen at once and where
//! scripts are not allowed. Everything else is data in the page (`html/data.rs`), of which `html/*.js` shows what is wanted.
//!
//! No text of a guest becomes markup: here it is escaped, as data it is JSON without `<`, and the scripts set text only. Its
//! policy lets the page run nothing but its own script: that is named by a hash over all that is in the page, which no text in
//! the page can know.

mod data;

use super::table::{self, Group};
use super::text::symbol;
use super::{Summary, words};
use crate::error::Result;
use crate::verdict::{Verdict, Weight};

const STYLE: &str = include_str!("html/style.css");
/// In this order: each uses what those before it define.
const SCRIPTS: [&str; 5] = [
    include_str!("html/model.js"),
    include_str!("html/dom.js"),
    include_str!("html/grid.js"),
    include_str!("html/panels.js"),
    include_str!("html/main.js"),
];
const PAGE: &str = include_str!("html/page.html");

/// The whole page.
pub(super) fn render(summary: &Summary) -> Result<String> {
    let findings = summary.findings();
    let data = data::render(summary, &findings)?;
    let script = format!("(() => {{\n\"use strict\";\n{}}})();\n", SCRIPTS.concat());
    let head = head(summary, findings.len());
    let overview = overview(summary);
    let nonce = blake3::hash([&data, &script, &head, &overview].map(String::as_str).concat().as_bytes());
    let run = summary.run.as_ref().map_or("", |run| &run.run);
    let title = format!("{} · {run}", words::count(findings.len(), "finding"));
    let parts = [
        ("nonce", nonce.to_hex()[..32].to_owned()),
        ("title", escape(&title)),
        ("style", STYLE.to_owned()),
        ("head", head),
        ("overview", overview),
        ("findings", findings.len().to_string()),
        ("cases", data::cases(summary).to_string()),
        ("not-run", data::not_run_reasons(summary).to_string()),
        ("data", data),
        ("script", script),
    ];
    Ok(fill(PAGE, &parts))
}

/// Puts each part in the place that names it: `{{title}}`. A place in a part stays as it is.
fn fill(page: &str, parts: &[(&str, String)]) -> String {
    let mut out = String::with_capacity(page.len() + parts.iter().map(|(_, text)| text.len()).sum::<usize>());
    let mut rest = page;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").expect("the page's places are closed");
        let part = parts.iter().find(|(part, _)| *part == name);
        out.push_str(before);
        out.push_str(&part.expect("the page's places are all filled").1);
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The title with what it is about, and what must be known before the numbers are believed.
fn head(summary: &Summary, findings: usize) -> String {
    let title = match (summary.build_failures.is_empty(), findings) {
        (true, 0) if summary.cells.is_empty() => "Nothing ran".to_owned(),
        (true, 0) if summary.is_whole() => "All as expected".to_owned(),
        (_, findings) => words::count(findings, "finding"),
    };
    let mut text = String::from("<div>");
    if let Some(run) = &summary.run {
        text.push_str(&format!("<div class=\"brand\">triplecheck <span>{}</span></div>", escape(&run.run)));
    }
    text.push_str(&format!("<h1>{title}</h1><p>{}</p>", words::cells_compared(summary)));
    if let Some(run) = &summary.run {
        let rustc = run.rustc.as_ref().map_or(String::new(), |rustc| format!(", {rustc}"));
        text.push_str(&format!("<p>{}</p>", escape(&format!("on {}{rustc}", run.host))));
    }
    text.push_str("</div>");
    text
}

/// What is to be seen without scripts: warnings, the counts of verdicts, and the table of targets and suites.
fn overview(summary: &Summary) -> String {
    let mut text = String::new();
    for warning in words::part(summary).into_iter().chain(words::warnings(summary)) {
        text.push_str(&format!("<p class=\"warning\">{}</p>", escape(&warning)));
    }
    for entry in &summary.unmatched {
        let expected = words::with_issue(&entry.reason, entry.issue.as_deref());
        let sentence = format!("{}; it expects {expected}", words::unmatched(entry));
        text.push_str(&format!("<p class=\"warning\">{}</p>", escape(&sentence)));
    }
    text.push_str(&bar(summary));
    builds(&mut text, summary);
    text.push_str(&matrix(summary));
    text
}

/// Builds that failed, the compiler's words folded away.
fn builds(text: &mut String, summary: &Summary) {
    let mut by_text = std::collections::BTreeMap::<&str, Vec<String>>::new();
    for (suite, failure) in &summary.build_failures {
        let what = failure.program.as_ref().map_or(suite.clone(), |program| format!("{suite}::{program}"));
        by_text.entry(&failure.text).or_default().push(format!("{what} for {}", failure.target));
    }
    for (said, whats) in by_text {
        text.push_str(&format!(
            "<details class=\"card item\" open><summary><span class=\"badge v v-differs\">does not build</span> {}</summary><pre>{}</pre></details>",
            escape(&whats.join(", ")),
            escape(said)
        ));
    }
}

/// How many cells have each verdict, as a bar and as buttons.
fn bar(summary: &Summary) -> String {
    let counts = summary.counts();
    let all: u64 = counts.values().sum();
    if all == 0 {
        return String::new();
    }
    let (mut bars, mut chips, mut before) = (String::new(), String::new(), 0);
    for verdict in Verdict::ALL {
        let Some(count) = counts.get(&verdict) else { continue };
        let (x, end) = (before * 10_000 / all, (before + count) * 10_000 / all);
        before += count;
        bars.push_str(&format!(
            "<rect class=\"v v-{verdict}\" x=\"{x}\" width=\"{}\" height=\"10\"/>",
            // One of ten thousand is seen too.
            (end - x).max(20)
        ));
        chips.push_str(&format!(
            "<li><button type=\"button\" class=\"chip{}\" data-verdict=\"{verdict}\" disabled><span class=\"dot v v-{verdict}\" aria-hidden=\"true\">{}</span><b>{count}</b> {verdict}</button></li>",
            if verdict.weight() == Weight::Finding { " finding" } else { "" },
            symbol(verdict).0
        ));
    }
    format!(
        "<svg class=\"bar\" viewBox=\"0 0 10000 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">{bars}</svg><ul class=\"legend\">{chips}</ul>"
    )
}

/// Targets downwards, suites across.
fn matrix(summary: &Summary) -> String {
    let (groups, suites) = (table::groups(summary), table::suites(summary));
    if groups.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "<div class=\"card scroll\"><table class=\"matrix\"><thead><tr><th scope=\"col\">target</th><th scope=\"col\">run by</th>",
    );
    for suite in &suites {
        text.push_str(&format!("<th scope=\"col\">{}</th>", escape(suite)));
    }
    text.push_str("<th scope=\"col\" class=\"number\">slowdown</th></tr></thead><tbody>");
    for target in table::targets(summary) {
        let of_target: Vec<&Group<'_>> = groups.iter().filter(|group| group.target == target).collect();
        let how = of_target.iter().find_map(|group| group.info).map_or("the host".to_owned(), table::how);
        text.push_str(&format!("<tr><th scope=\"row\">{}</th><td>{}</td>", escape(target), escape(&how)));
        for suite in &suites {
            let group = of_target.iter().find(|group| group.suite == *suite);
            text.push_str(&group.map_or("<td></td>".to_owned(), |group| square(group)));
        }
        let (native, there) =
            of_target.iter().map(|group| group.times()).fold((0, 0), |(a, b), (c, d)| (a + c, b + d));
        let slowdown = words::slowdown(native, there).map_or(String::new(), |times| format!("{times} ×"));
        text.push_str(&format!("<td class=\"number\">{slowdown}</td></tr>"));
    }
    text.push_str("</tbody></table></div>");
    text
}

fn square(group: &Group<'_>) -> String {
    let counts = group.counts();
    let mut parts = String::new();
    if !group.build_failures.is_empty() {
        parts.push_str("<span class=\"badge v v-differs\">does not build</span>");
    }
    for weight in [Weight::Finding, Weight::Good, Weight::Listed] {
        for verdict in Verdict::ALL.into_iter().filter(|verdict| verdict.weight() == weight) {
            let Some(count) = counts.get(&verdict) else { continue };
            let class = if weight == Weight::Finding { " finding" } else { "" };
            parts.push_str(&format!(
                "<span class=\"count{class}\" title=\"{count} {verdict}\"><span class=\"dot v v-{verdict}\" aria-hidden=\"true\">{}</span><b>{count}</b><span class=\"unseen\"> {verdict}</span></span>",
                symbol(verdict).0
            ));
        }
    }
    format!(
        "<td data-suite=\"{}\" data-target=\"{}\"><div class=\"counts\">{parts}</div></td>",
        escape(group.suite),
        escape(group.target)
    )
}

/// Text as it reads, in elements and in quoted attributes.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in words::visible(text).chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_never_becomes_markup_and_never_a_place_of_the_page() {
        assert_eq!(escape("<a b=\"c\" d='&'>"), "&lt;a b=&quot;c&quot; d=&#39;&amp;&#39;&gt;");
        let parts = [("a", "{{b}}".to_owned()), ("b", "2".to_owned())];
        assert_eq!(fill("x{{a}}y{{b}}z", &parts), "x{{b}}y2z");
    }
}
