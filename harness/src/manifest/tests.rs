//! The messages a user sees for a manifest that is wrong, and the forms that are right.

use super::*;

#[track_caller]
fn problem(text: &str) -> String {
    match Manifest::parse(&Source::new("triplecheck.toml", text)) {
        Ok(_) => panic!("accepted:\n{text}"),
        Err(error) => error.render(),
    }
}

#[test]
fn an_unknown_key_is_named_with_its_place_and_the_nearest_known_one() {
    let text =
        problem("targets = []\n\n[[suite]]\nname = \"unit\"\nkind = \"cargo-test\"\nprofil = \"release\"\n");
    assert!(text.contains("unknown field `profil`"), "{text}");
    assert!(text.contains("triplecheck.toml:6:1"), "{text}");
    assert!(text.contains("did you mean `profile`?"), "{text}");
}

#[test]
fn every_value_that_is_wrong_is_marked() {
    for (text, line, part) in [
        ("targets = [\"a\"", 1, "array"),
        ("[[suite]]\nname = \"c\"\nkind = \"c\"", 2, "lacks `sources`"),
        ("[[suite]]\nname = \"c\"\nkind = \"rust\"", 3, "unknown variant `rust`"),
        (
            "[[suite]]\nname = \"c\"\nkind = \"c\"\nsources = \"*.c\"\nneeds = \"kernal\"",
            5,
            "did you mean `kernel`",
        ),
        (
            "[[suite]]\nname = \"c\"\nkind = \"c\"\nsources = \"*.c\"\ncases = [{ needs = true }]",
            5,
            "wanted string or table",
        ),
        (
            "[[suite]]\nname = \"c\"\nkind = \"command\"\ncommand = [\"ls\"]\nneeds = \"kernel\"",
            5,
            "a `command` runs on the host",
        ),
        (
            "[[suite]]\nname = \"c\"\nkind = \"c\"\nsources = \"*.c\"\nneeds-kernel = \"a\"",
            2,
            "of which only `cargo-test` has any",
        ),
        ("[target.'cfg(sunny)']\nenv = {}", 1, "`sunny` is no property of a target"),
        (
            "[[expect]]\ntest = \"a\"\ntarget = \"*\"\nverdict = \"bad\"\nreason = \"\"",
            4,
            "unknown verdict `bad`",
        ),
        (
            "[[expect]]\ntest = \"a\"\ntarget = \"*\"\nverdict = \"differs\"\ncause = \"endian\"\nreason = \"\"",
            5,
            "unknown class of cause `endian`",
        ),
        (
            "[[expect]]\ntest = \"a\"\ntarget = \"*\"\nverdict = \"differs\"\nreason = \"\"\nuntil = \"soon\"",
            6,
            "`soon` is no date",
        ),
    ] {
        let problem = problem(text);
        assert!(problem.contains(part), "{problem}");
        assert!(problem.contains(&format!("triplecheck.toml:{line}:")), "{problem}");
    }
}

#[test]
fn durations_have_units() {
    assert_eq!(parse_duration("500ms"), Ok(std::time::Duration::from_millis(500)));
    assert_eq!(parse_duration("2m"), Ok(std::time::Duration::from_secs(120)));
    for wrong in ["", "60", "1h", "s", "-1s", "1.5s"] {
        assert!(parse_duration(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn sources_are_one_string_or_a_list() {
    for sources in ["\"c/*.c\"", "[\"c/*.c\"]"] {
        let text = format!("[[suite]]\nname = \"c\"\nkind = \"c\"\nsources = {sources}\n");
        let manifest = Manifest::parse(&Source::new("t", text)).unwrap();
        assert_eq!(manifest.suite[0].sources, ["c/*.c"]);
    }
}

#[test]
fn rules_for_comparing_are_checked_where_they_stand() {
    let suite = |keys: &str| format!("[[suite]]\nname = \"c\"\nkind = \"c\"\nsources = \"a.c\"\n{keys}\n");
    for (keys, place, part) in [
        ("normalise = [{ regex = '(a', replace = \"\" }]", "5:24", "no regular expression: unclosed group"),
        ("normalise = [{ regex = 'a*', replace = \"\" }]", "5:24", "matches nothing at all"),
        ("normalise = [{ regexp = 'a', replace = \"\" }]", "5:16", "did you mean `regex`?"),
        ("normalise = [{ regex = 'a{1000}{1000}{1000}', replace = \"\" }]", "5:24", "size limit"),
        ("compare = { float = { abs = -1.0 } }", "5:29", "`abs` must be a number 0 or more"),
        ("compare = { float = { abs = nan } }", "5:29", "`abs` must be a number 0 or more"),
        ("compare = { float = { rel = 1.5 } }", "5:29", "`rel` must be a number from 0 to below 1"),
        ("compare = { float = { ulp = 1 } }", "5:23", "did you mean `ulps`?"),
        (
            "[[suite.program]]\nname = \"a\"\nnormalise = [{ regex = '[', replace = \"\" }]",
            "7:24",
            "no regular expression",
        ),
    ] {
        let problem = problem(&suite(keys));
        assert!(
            problem.contains(part) && problem.contains(&format!("triplecheck.toml:{place}")),
            "{problem}"
        );
    }
    let text = suite("compare = { float = { ulps = 4, abs = 1, type = \"f32\", signed-zero = false } }");
    let manifest = Manifest::parse(&Source::new("t", text)).unwrap();
    let tolerance = manifest.suite[0].compare.tolerance();
    assert_eq!(
        (tolerance.ulps, tolerance.abs, tolerance.single, tolerance.zeros_equal),
        (4, 1.0, true, true)
    );
}

#[test]
fn expectations_may_stand_in_a_file_of_their_own_and_the_manifests_win() {
    let dir = tempfile::tempdir().unwrap();
    let expect = |test: &str| {
        format!("[[expect]]\ntest = \"{test}\"\ntarget = \"*\"\nverdict = \"differs\"\nreason = \"r\"\n")
    };
    let manifest = dir.path().join("triplecheck.toml");
    fs_err::write(&manifest, format!("expect-from = \"known.toml\"\n{}", expect("own"))).unwrap();
    let error = locate(dir.path(), None).unwrap_err().render();
    assert!(error.contains("triplecheck.toml:1:15") && error.contains("known.toml"), "{error}");
    fs_err::write(dir.path().join("known.toml"), expect("theirs")).unwrap();
    let project = locate(dir.path(), None).unwrap();
    let tests: Vec<&str> =
        project.manifest.expect.iter().map(|expect| expect.test.get_ref().as_str()).collect();
    assert_eq!(tests, ["theirs", "own"]);
    fs_err::write(dir.path().join("known.toml"), "targets = []\n").unwrap();
    let error = locate(dir.path(), None).unwrap_err().render();
    assert!(error.contains("known.toml:1:1") && error.contains("unknown field `targets`"), "{error}");
}
