//! What `run` makes of programs that are not the same twice, and of what the manifest says about comparing.

mod support;

use std::path::Path;

use serde_json::Value;
use support::{ran, runs, triplecheck, write};

const I686: &str = "i686-unknown-linux-gnu";

/// Runs C programs natively and on i686; the keys belong to their suite.
#[track_caller]
fn report(project: &Path, keys: &str, programs: &[(&str, &str)]) -> Value {
    let manifest =
        format!("targets = [\"{I686}\"]\n[[suite]]\nname = \"c\"\nkind = \"c\"\nsources = \"*.c\"\n{keys}\n");
    write(project, &[("triplecheck.toml", &manifest)]);
    write(project, programs);
    let run = ran(triplecheck().arg("-C").arg(project).args(["run", "--json"]));
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| {
        panic!("no report ({error}), status {:?}:\n{}\n{}", run.code, run.stdout, run.stderr)
    })
}

/// `case verdict rule(count) …`, sorted.
fn rows(report: &Value) -> Vec<String> {
    let cells = report["cells"].as_array().expect("a report has cells");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let row = |cell: &Value| {
        let rules = cell["rules"].as_array().into_iter().flatten();
        let rules = rules.map(|rule| format!(" {}({})", text(&rule["rule"]), rule["count"]));
        format!("{} {}{}", text(&cell["case"]), text(&cell["verdict"]), rules.collect::<String>())
    };
    let mut rows: Vec<String> = cells.iter().map(row).collect();
    rows.sort();
    rows
}

#[test]
fn what_varies_natively_is_masked_and_what_does_not_is_found() {
    if !runs(I686) {
        return;
    }
    let project = tempfile::tempdir().unwrap();
    let include = "#include <stdio.h>\n#include <string.h>\n#include <unistd.h>\n";
    let noisy =
        "int main(void) { int x = 1; printf(\"pid %d\\nat %p\\n\", (int)getpid(), (void *)&x); return 0; }\n";
    let faulty =
        "int main(void) { printf(\"pid %d has %d\\n\", (int)getpid(), (int)sizeof(long)); return 0; }\n";
    // As many lines as its directory has characters, which is in another place each time.
    let unsteady = "int main(void) { char d[4096]; if (!getcwd(d, sizeof d)) return 9; printf(\"%d\\n\", (int)sizeof(long)); for (size_t i = strlen(d); i; i--) puts(\"x\"); return 0; }\n";
    let steady = "int main(void) { printf(\"size %d\\n\", (int)sizeof(long)); return 0; }\n";
    let programs = [("faulty", faulty), ("noisy", noisy), ("steady", steady), ("unsteady", unsteady)];
    let programs: Vec<_> =
        programs.iter().map(|(name, text)| (format!("{name}.c"), format!("{include}{text}"))).collect();
    let programs: Vec<_> = programs.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let report = report(project.path(), "", &programs);
    assert_eq!(
        rows(&report),
        ["faulty differs", "noisy equivalent native-noise(1) ptr(1)", "steady differs", "unsteady flaky"],
        "{report:#}"
    );
    let findings = report["findings"].as_array().unwrap();
    let cause = |verdict: &str| {
        let finding = findings.iter().find(|finding| finding["verdict"] == verdict);
        finding.and_then(|finding| finding["cause"].as_str()).unwrap_or_default().to_owned()
    };
    assert!(cause("flaky").starts_with("natively, too, stdout line "), "{}", cause("flaky"));
}

#[test]
fn the_manifest_asks_for_tolerance_and_replacements() {
    if !runs(I686) {
        return;
    }
    let project = tempfile::tempdir().unwrap();
    let size = "#include <stdio.h>\nint main(void) { printf(\"mean %.4f of %s\\n\", 1.0 + sizeof(long) / 1e4, sizeof(long) == 8 ? \"LP64\" : \"ILP32\"); return 0; }\n";
    let keys =
        "compare = { float = { abs = 1e-3 } }\nnormalise = [{ regex = 'of I?LP\\d+', replace = \"of LP\" }]";
    let asked = report(project.path(), keys, &[("size.c", size)]);
    assert_eq!(rows(&asked), ["size equivalent float-tolerance(1) normalise(1)"], "{asked:#}");
    let strict = report(project.path(), "", &[("size.c", size)]);
    assert_eq!(rows(&strict), ["size differs"]);
}

#[test]
fn a_difference_is_shown_with_both_values_and_what_differs_below() {
    if !runs(I686) {
        return;
    }
    let project = tempfile::tempdir().unwrap();
    let source = "#include <stdio.h>\nint main(void) { printf(\"a long has %d bytes\\n\", (int)sizeof(long)); return 0; }\n";
    report(project.path(), "", &[("width.c", source)]);
    let run = ran(triplecheck().arg("-C").arg(project.path()).arg("run").env("NO_COLOR", "1"));
    let expected = concat!(
        "  stdout line 1\n",
        "    native  a long has 8 bytes\n",
        "                       ^\n",
        "    target  a long has 4 bytes\n",
        "                       ^\n",
    );
    assert!(run.stdout.contains(expected), "{}", run.stdout);
    // What is to be pasted is not broken.
    let pasted = |line: &str| line.starts_with("  repeat") || line.starts_with("  output");
    assert!(run.stdout.lines().all(|line| pasted(line) || line.chars().count() <= 80), "{}", run.stdout);
}
