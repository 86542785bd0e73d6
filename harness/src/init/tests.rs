use std::path::Path;

use super::*;
use crate::manifest::{Manifest, Source};

/// What is found in a project of these files.
fn found(files: &[(&str, &str)]) -> Found {
    let dir = project(files);
    look::look(dir.path(), "x86_64-unknown-linux-gnu")
}

fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }
    dir
}

/// Its manifest, which must be one.
#[track_caller]
fn suites(found: &Found) -> Vec<String> {
    let text = manifest(found, &[]);
    let parsed = Manifest::parse(&Source::new(Path::new("triplecheck.toml"), text.clone()));
    let parsed = parsed.unwrap_or_else(|error| panic!("{}\n{text}", error.render()));
    assert!(!parsed.targets.is_empty());
    parsed
        .suite
        .iter()
        .map(|suite| format!("{} {:?} {:?}", suite.name.get_ref(), suite.kind, suite.sources))
        .collect()
}

const MAIN: &str = "#include <stdio.h>\n# include <math.h>\nint main(void) { return 0; }\n";

#[test]
fn a_cargo_project_is_tested_by_cargo_alone() {
    let found =
        found(&[("Cargo.toml", ""), ("Makefile", ""), ("tests/a.c", MAIN), ("crates/a/Cargo.toml", "")]);
    assert_eq!(suites(&found), ["unit CargoTest []"]);
    assert_eq!(found.systems, [], "a makefile beside it calls cargo");
}

#[test]
fn cargo_projects_below_are_suites_of_their_own() {
    let found = found(&[("rust/Cargo.toml", ""), ("tools/Cargo.toml", ""), ("vendor/x/Cargo.toml", "")]);
    assert_eq!(suites(&found), ["rust CargoTest []", "tools CargoTest []"]);
    assert!(manifest(&found, &[]).contains("manifest-path = \"rust/Cargo.toml\""));
}

#[test]
fn c_programs_are_those_that_stand_alone() {
    let own = "#include \"mine.h\"\nint main(void) { return 0; }\n";
    let files =
        [("tests/a.c", MAIN), ("tests/lib.c", "int f(void);\n"), ("tests/own.c", own), ("src/x.c", MAIN)];
    let some = found(&files);
    assert_eq!(suites(&some), [r#"tests C ["tests/a.c"]"#]);
    assert!(manifest(&some, &[]).contains("link = [\"-lm\"]"));
    let all = found(&[("tests/a.c", MAIN), ("tests/b.c", MAIN), ("x.c", MAIN)]);
    assert_eq!(suites(&all), [r#"c C ["*.c"]"#, r#"tests C ["tests/*.c"]"#]);
}

#[test]
fn a_build_system_is_known_by_its_file_and_told_with_its_commands() {
    for (files, name) in [
        (&["meson.build", "Makefile"][..], "Meson"),
        (&["CMakeLists.txt"], "CMake"),
        (&["configure.ac", "Makefile.am"], "Autotools"),
        (&["configure.ac", "CMakeLists.txt"], "CMake"),
        (&["wscript", "Makefile"], "waf"),
        (&["go.mod"], "Go"),
        (&["Makefile"], "make"),
    ] {
        let files: Vec<(&str, &str)> = files.iter().map(|file| (*file, "")).collect();
        let found = found(&[files.as_slice(), &[("tests/a.c", MAIN)]].concat());
        assert_eq!(found.systems[0].name, name);
        assert_eq!(suites(&found), [] as [String; 0], "its tests need what it builds");
        let text = manifest(&found, &[]);
        assert!(found.systems[0].commands.iter().all(|line| text.contains(line)), "{text}");
        // Of nothing that runs no program of the target a success may stand.
        assert!(
            found.systems[0].commands.iter().any(|line| line.contains("triplecheck wrap -t \"$target\""))
        );
    }
}

#[test]
fn programs_that_are_there_for_several_targets_are_one_suite() {
    let dir = project(&[("x86/readme", "no program")]);
    let write = |path: &str, triple: &str| {
        let target = triplecheck_emulators::target::Target::parse(triple).unwrap();
        let bytes = crate::programs::sentinel(&target, &[b'a'; crate::programs::TEXT_BYTES]).unwrap().program;
        fs_err::create_dir_all(dir.path().join(path).parent().unwrap()).unwrap();
        fs_err::write(dir.path().join(path), bytes).unwrap();
    };
    write("x86/tool", "x86_64-unknown-linux-gnu");
    write("s390x/tool", "s390x-unknown-linux-gnu");
    write("win/tool.exe", "x86_64-pc-windows-gnu");
    write("s390x/other", "s390x-unknown-linux-gnu");
    let found = look::look(dir.path(), "x86_64-unknown-linux-gnu");
    assert_eq!(found.prebuilt.keys().collect::<Vec<_>>(), ["tool"], "nothing to compare the other with");
    let targets: Vec<&String> = found.prebuilt["tool"].keys().collect();
    assert_eq!(targets[..2], ["native", "s390x-unknown-linux-gnu"]);
    assert_eq!(suites(&found), ["tool Prebuilt []"]);
    assert!(!manifest(&found, &[]).contains("aarch64"), "its targets are those of the files");
}

#[test]
fn the_ci_system_is_that_of_the_files_or_of_the_remote() {
    #[track_caller]
    fn check(files: &[(&str, &str)], expected: Option<Ci>) {
        assert_eq!(look::ci(project(files).path()), expected);
    }
    check(&[(".github/dependabot.yml", "")], Some(Ci::Github));
    check(&[(".gitlab-ci.yml", "")], Some(Ci::Gitlab));
    check(
        &[(".git/config", "[remote \"origin\"]\n\turl = git@gitlab.example.org:a/b.git\n")],
        Some(Ci::Gitlab),
    );
    check(&[(".git/config", "[remote \"origin\"]\n\turl = https://github.com/a/b\n")], Some(Ci::Github));
    check(&[(".git/config", "[remote \"origin\"]\n\turl = /srv/b.git\n")], None);
    check(&[], None);
}

#[test]
fn a_ci_file_has_what_the_project_needs_and_no_place_is_left_empty() {
    let targets = ["s390x-unknown-linux-gnu".to_owned()];
    let placeholder = regex::Regex::new("@[A-Z]+@|#:").unwrap();
    for ci in [Ci::Github, Ci::Gitlab] {
        let text = |found: &Found| ci_file(ci, found, &targets).unwrap().text;
        let run = text(&found(&[("Cargo.toml", "")]));
        let hook = text(&found(&[("go.mod", "")]));
        let both = Found { systems: vec![SYSTEMS[0]], ..found(&[("Cargo.toml", "")]) };
        for text in [&run, &hook, &text(&both), &text(&Found::default())] {
            assert!(!placeholder.is_match(text), "{text}");
        }
        assert!(run.contains("triplecheck matrix") && !run.contains("hook"), "{run}");
        assert!(hook.contains("triplecheck hook go") && !hook.contains("triplecheck matrix"), "{hook}");
        assert!(hook.contains("target: [s390x-unknown-linux-gnu]"), "{hook}");
    }
    assert_eq!(ci_file(Ci::None, &Found::default(), &targets), None);
}

#[test]
fn what_was_asked_for_stands_alone() {
    let text = manifest(&Found::default(), &["wasm32-wasip1".to_owned()]);
    assert!(text.contains("targets = [\n  \"wasm32-wasip1\",\n]"), "{text}");
}
