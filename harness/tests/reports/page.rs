//! The page as text: whole by itself, and nothing that a guest prints is markup.

use serde_json::Value;

use crate::made::{self, HOSTILE};
use crate::report;

/// The data in a page.
#[track_caller]
pub(crate) fn data(page: &str) -> Value {
    let (_, data) = page.split_once("<script type=\"application/json\" id=\"data\">").unwrap();
    let (data, _) = data.split_once("</script>").unwrap();
    serde_json::from_str(data).unwrap()
}

#[test]
fn it_needs_nothing_beside_itself() {
    let page = report("html", &made::whole());
    for word in [
        "http://",
        "https://",
        " src=",
        "url(",
        "@import",
        "import(",
        "fetch(",
        "<link",
        "<iframe",
        "<base",
        "eval(",
        "innerHTML",
    ] {
        // Markup of the guest's is there as text.
        let ours = page.replace(&escaped(HOSTILE), "").replace(&in_data(HOSTILE), "");
        assert!(!ours.contains(word), "{word}");
    }
    assert!(page.contains("default-src 'none'"), "the policy");
}

#[test]
fn guests_text_is_never_markup() {
    let page = report("html", &made::whole());
    assert_eq!(page.matches("<script").count(), 2, "the data and the page's own");
    assert_eq!(page.matches("</script>").count(), 2);
    assert!(!page.contains("<img"));
    let text = data(&page).to_string();
    assert!(text.contains("</script><script>document.title='owned'</script>"), "it is there as text");
}

#[test]
fn the_policy_names_a_script_that_no_text_in_the_page_can_name() {
    let nonces = |page: &str| -> Vec<String> {
        page.split("nonce=\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
    };
    let first = report("html", &made::whole());
    let mut other = made::whole();
    let other = report("html", &other.split_off(1));
    assert_eq!(nonces(&first).len(), 2);
    assert_eq!(nonces(&first)[0], nonces(&first)[1]);
    assert_ne!(nonces(&first)[0], nonces(&other)[0]);
}

#[test]
fn differing_parts_are_marked_and_rows_are_whole() {
    let data = data(&report("html", &made::whole()));
    let finding =
        data["findings"].as_array().unwrap().iter().find(|finding| finding["case"] == "c::sat").unwrap();
    assert_eq!(finding["difference"]["native"], serde_json::json!(["clamp = ", "-2147483648", ", ok"]));
    assert_eq!(finding["difference"]["target"], serde_json::json!(["clamp = ", "2147483647", ", ok"]));
    let cells: usize =
        data["rows"].as_array().unwrap().iter().map(|row| row[2].as_array().unwrap().len()).sum();
    // All that were decided, and the two that exist on one side only.
    assert_eq!(cells, 22 + 2);
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

fn in_data(text: &str) -> String {
    let json = serde_json::to_string(text).unwrap();
    json[1..json.len() - 1].replace('<', "\\u003c")
}
