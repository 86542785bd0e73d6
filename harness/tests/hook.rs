//! `triplecheck hook`: what is printed, and that build systems take it as it is.

mod support;

use triplecheck::hook::{Hook, System, configuration};
use triplecheck_emulators::target::Target;

#[path = "hook/links.rs"]
mod links;
#[path = "hook/pasted.rs"]
mod pasted;

fn hook(triple: &str) -> Hook {
    Hook {
        target: Target::parse(triple).expect("the tests name triples that rustc knows"),
        host: "x86_64-unknown-linux-gnu".to_owned(),
        binary: "/opt/triplecheck/bin/triplecheck".to_owned(),
        links: None,
    }
}

fn systems() -> [(&'static str, System); 10] {
    [
        ("waf", System::Waf { answers: None }),
        ("waf --answers", System::Waf { answers: Some("/src/answers".to_owned()) }),
        ("cargo", System::Cargo),
        ("meson", System::Meson),
        ("cmake", System::Cmake),
        ("autotools", System::Autotools),
        ("go", System::Go),
        ("bazel", System::Bazel),
        ("make", System::Make),
        ("env", System::Env),
    ]
}

/// Every configuration of one hook, one after the other.
fn all(hook: &Hook) -> String {
    let one = |(name, system): &(&str, System)| match configuration(system, hook) {
        Ok(text) => format!("===== {name}\n{text}"),
        Err(error) => format!("===== {name}\n{}\n", error.render()),
    };
    systems().iter().map(one).collect()
}

#[test]
fn configurations_are_the_reviewed_ones() {
    for triple in ["aarch64-unknown-linux-gnu", "x86_64-pc-windows-gnu", "wasm32-wasip1"] {
        insta::assert_snapshot!(triple, all(&hook(triple)));
    }
}

#[test]
fn a_target_without_a_usual_compiler_or_a_port_is_told_so() {
    insta::assert_snapshot!("without-compiler", all(&hook("aarch64-unknown-linux-musl")));
    insta::assert_snapshot!("without-port", all(&hook("sparc64-unknown-linux-gnu")));
}

#[test]
fn a_path_with_blanks_and_quotes_is_quoted_as_each_reader_wants_it() {
    let binary = "/opt/it's mine/triple$check".to_owned();
    insta::assert_snapshot!("odd-path", all(&Hook { binary, ..hook("i586-unknown-linux-gnu") }));
}

#[test]
fn links_are_used_where_they_are_wanted() {
    let links = Some("/opt/links/".to_owned());
    insta::assert_snapshot!(
        "links",
        all(&Hook { links: links.clone(), ..hook("armv5te-unknown-linux-gnueabi") })
    );
    // A CPU model has a link of its own, but none of Go's names has room for it.
    let with_model = Hook { links, ..hook("s390x-unknown-linux-gnu@z13") };
    let text = configuration(&System::Go, &with_model).unwrap();
    assert!(text.contains("-exec /opt/links/s390x-unknown-linux-gnu@z13-exec"), "{text}");
}

#[test]
fn the_hosts_own_programs_are_built_by_its_own_compiler() {
    insta::assert_snapshot!("native", all(&hook("x86_64-unknown-linux-gnu")));
}

#[test]
fn every_target_has_every_configuration_but_gos() {
    for target in Target::all() {
        let hook = hook(target.triple());
        for (name, system) in systems() {
            let text = configuration(&system, &hook);
            assert!(text.is_ok() || system == System::Go, "{name} {target}: {text:?}");
        }
    }
}
