//! The page in a browser: what it shows, what its keys do, and that a guest's text does nothing.
//!
//! A test's own script is put behind the page's, under the page's own policy; what it leaves in the document's attributes is
//! read from the document that the browser prints.

use std::path::Path;
use std::process::Command;

use crate::{is_there, made, report};

/// The page with a script behind it that runs when all is ready.
fn with_script(page: &str, script: &str) -> String {
    let nonce = page.split("script-src 'nonce-").nth(1).unwrap().split('\'').next().unwrap();
    let end = page.rfind("</body>").unwrap();
    let helpers = "const press = (key, at = document.activeElement) => at.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true, cancelable: true}));\n\
        const say = (name, value) => document.documentElement.setAttribute(`data-said-${name}`, value);\n\
        const id = (name) => document.getElementById(name);\n";
    format!("{}<script nonce=\"{nonce}\">{helpers}{script}</script>{}", &page[..end], &page[end..])
}

/// The document after its scripts have run, at this address within the page.
fn document(page: &str, hash: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("page.html");
    std::fs::write(&path, page).unwrap();
    let output = browser(dir.path())
        .args(["--virtual-time-budget=5000", "--dump-dom"])
        .arg(format!("file://{}#{hash}", path.display()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        text.contains("data-ready=\"true\""),
        "the page's script came to its end:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

fn browser(dir: &Path) -> Command {
    let mut command = Command::new("chromium");
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--window-size=1280,900",
    ]);
    command.arg(format!("--user-data-dir={}", dir.join("profile").display()));
    command
}

/// What the test's script said under a name.
#[track_caller]
fn said(document: &str, name: &str) -> String {
    let mark = format!("data-said-{name}=\"");
    let (_, rest) = document.split_once(&mark).unwrap_or_else(|| panic!("nothing is said of {name}"));
    rest.split('"').next().unwrap().to_owned()
}

#[test]
fn findings_are_shown_with_marked_differences_and_a_guests_text_does_nothing() {
    if !is_there("chromium") {
        return;
    }
    let page = report("html", &made::whole());
    let document = document(&with_script(&page, "say('title', document.title);"), "");
    assert_eq!(said(&document, "title"), "11 findings · 2026-11-24-041457-30817 · triplecheck");
    assert_eq!(document.matches("<article class=\"card item\"").count(), 11);
    assert!(document.contains("clamp = <mark>-2147483648</mark>, ok"));
    assert!(document.contains("clamp = <mark>2147483647</mark>, ok"));
    assert!(!document.contains("<img"), "markup of a guest's became an element");
}

#[test]
fn ten_thousand_cells_cost_elements_only_where_they_are_seen_and_are_reached_by_keys() {
    if !is_there("chromium") {
        return;
    }
    let script = "
        const cells = () => document.querySelectorAll('#rows .cell').length;
        say('cells', cells());
        say('height', id('rows').style.height);
        press('End', id('grid'));
        say('last', id('here').getAttribute('aria-label'));
        press('Home'); press('n'); press('Enter');
        say('detail', id('detail').querySelector('h2').textContent);
        say('finding', id('here').className);
        press('Escape');
        say('closed', id('detail').hidden);
        press('ArrowRight'); press('j');
        say('active', document.activeElement.id);
        press('/');
        say('search', document.activeElement.id);
        id('search').value = 'case_1249'; id('search').dispatchEvent(new Event('input'));
        say('found', id('shown').textContent);
        press('Escape'); press('Escape');
        say('cleared', id('shown').textContent);
        press('t');
        say('theme', document.documentElement.dataset.theme);
        press('t');
        say('theme-again', document.documentElement.dataset.theme);
        press('1'); press('j');
        say('item', document.activeElement.dataset.finding);
        press('Enter');
        say('opened', id('detail').hidden);
        say('address', location.hash);";
    let page = report("html", &made::large(10_000));
    let document = document(&with_script(&page, script), "tab=cells");
    let cells: usize = said(&document, "cells").parse().unwrap();
    assert!((100..1_500).contains(&cells), "{cells} cells have elements");
    // 1250 cases and the names of two suites, 28 pixels each.
    assert_eq!(said(&document, "height"), "35056px");
    assert!(said(&document, "last").starts_with("c::module_9::tests::case_"), "{}", said(&document, "last"));
    assert!(said(&document, "detail").starts_with("unit::module_"), "{}", said(&document, "detail"));
    assert!(said(&document, "finding").contains("finding here"), "{}", said(&document, "finding"));
    assert_eq!((said(&document, "closed"), said(&document, "active")), ("true".into(), "grid".into()));
    assert_eq!(
        (said(&document, "search"), said(&document, "found")),
        ("search".into(), "1 of 1250 cases".into())
    );
    assert_eq!(said(&document, "cleared"), "1250 cases");
    assert_ne!(said(&document, "theme"), said(&document, "theme-again"));
    assert_eq!((said(&document, "item"), said(&document, "opened")), ("0".into(), "false".into()));
    let address = said(&document, "address");
    assert!(address.starts_with("#tab=findings&amp;cell="), "{address}");
}

#[test]
fn filters_by_target_verdict_and_cause_leave_what_is_wanted_and_the_address_brings_them_back() {
    if !is_there("chromium") {
        return;
    }
    let page = with_script(
        &report("html", &made::large(2_000)),
        "say('shown', id('shown').textContent); say('verdict', id('filter-verdict').value);
         say('columns', document.querySelectorAll('#grid-head .target').length);
         say('others', document.querySelectorAll('#rows .cell:not(.v-differs):not(.dim)').length);",
    );
    let by_all = "tab=cells&target=s390x-unknown-linux-gnu&verdict=differs&cause=byte-order%3A+the+bytes+of+%60n%60+are+reversed";
    let document = document(&page, by_all);
    let shown = said(&document, "shown");
    let (number, _) = shown.split_once(" of 250 cases").unwrap_or_else(|| panic!("{shown}"));
    assert!((1..5).contains(&number.parse().unwrap()), "{shown}");
    assert_eq!((said(&document, "verdict"), said(&document, "columns")), ("differs".into(), "1".into()));
    assert_eq!(said(&document, "others"), "0", "what is not wanted is dimmed");
}

#[test]
fn without_scripts_counts_and_grid_are_there() {
    if !is_there("chromium") {
        return;
    }
    let page = report("html", &made::whole());
    let (before, _) = page.split_once("<script type=").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("page.html");
    std::fs::write(&path, before).unwrap();
    let picture = dir.path().join("page.png");
    let output = browser(dir.path())
        .arg(format!("--screenshot={}", picture.display()))
        .arg(format!("file://{}", path.display()))
        .output()
        .unwrap();
    assert!(output.status.success());
    assert!(std::fs::metadata(&picture).unwrap().len() > 20_000, "an empty page is a small picture");
    assert!(before.contains("<b>8</b> same") && before.contains("qemu-user 7.2.22"));
}
