//! The toolchain of this machine, asked as a user's project would ask it.

use triplecheck_emulators::host::LocalHost;
use triplecheck_emulators::target::Target;

use super::*;
use crate::toolchain::std_sysroot::std_key;

fn detect() -> Toolchain {
    Toolchain::detect(&LocalHost::new(), Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The same toolchain, as it would be where nothing was ever built by us.
fn with_empty_cache(dir: &Path) -> Toolchain {
    Toolchain { cache_dir: dir.to_owned(), ..detect() }
}

#[test]
fn the_rustc_that_compiles_this_is_found_past_its_proxy() {
    let toolchain = detect();
    assert!(toolchain.rustc.is_file(), "{toolchain:?}");
    assert!(toolchain.sysroot.join("lib/rustlib").is_dir(), "{toolchain:?}");
    assert_eq!(toolchain.std_for_triple(&toolchain.version.host), Std::Installed);
    assert_eq!(toolchain.instead, None);
}

#[test]
fn a_directory_that_is_not_there_is_an_error_with_a_hint() {
    let error = Toolchain::detect(&LocalHost::new(), Path::new("/nonexistent/project")).unwrap_err();
    assert!(!error.hints().is_empty());
}

#[test]
fn the_name_of_a_private_sysroot_depends_on_everything_that_makes_it() {
    let key = std_key("rustc 1.95.0", "s390x-unknown-linux-gnu", &[]);
    assert_eq!(key.len(), 12);
    assert_eq!(key, std_key("rustc 1.95.0", "s390x-unknown-linux-gnu", &[]));
    assert_ne!(key, std_key("rustc 1.95.1", "s390x-unknown-linux-gnu", &[]));
    assert_ne!(key, std_key("rustc 1.95.0", "riscv64gc-unknown-linux-gnu", &[]));
    assert_ne!(key, std_key("rustc 1.95.0", "s390x-unknown-linux-gnu", &["-Cpanic=unwind"]));
    assert_ne!(std_key("a", "b", &["c", "d"]), std_key("a", "b", &["cd"]));
}

#[test]
fn a_private_std_is_used_only_where_none_is_installed_or_where_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let mut toolchain = with_empty_cache(dir.path());
    let triple = "mips64-unknown-linux-gnuabi64";
    assert!(matches!(toolchain.std_for_triple(triple), Std::Missing { .. }));
    let private = toolchain.private_sysroot(triple);
    fs_err::create_dir_all(&private).unwrap();
    assert_eq!(toolchain.std_for_triple(triple), Std::Private(private));
    toolchain.std_source = StdSource::Build;
    let host = toolchain.version.host.clone();
    assert_eq!(toolchain.std_for_triple(&host), Std::Installed, "the host's own is never rebuilt");
}

#[test]
fn what_rustup_has_is_asked_of_rustup_and_the_rest_is_built() {
    let dir = tempfile::tempdir().unwrap();
    let mut toolchain = with_empty_cache(dir.path());
    toolchain.sysroot = dir.path().to_owned();
    toolchain.rustup = Some(Rustup { program: PathBuf::from("rustup"), toolchain: "stable".to_owned() });
    let fixes = |toolchain: &Toolchain, triple: &str| match toolchain.std_for_triple(triple) {
        Std::Missing { fixes, .. } => fixes,
        other => panic!("{other:?}"),
    };
    let (shipped, built) = ("s390x-unknown-linux-gnu", "mips64-unknown-linux-gnuabi64");
    assert_eq!(fixes(&toolchain, shipped), [Fix::AddTarget(shipped.to_owned())]);
    assert_eq!(fixes(&toolchain, built), [Fix::AddSource, Fix::BuildStd(built.to_owned())]);
    toolchain.std_source = StdSource::Build;
    assert_eq!(fixes(&toolchain, shipped), [Fix::AddSource, Fix::BuildStd(shipped.to_owned())]);
}

#[test]
fn std_without_sources_cannot_be_built_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let mut toolchain = with_empty_cache(dir.path());
    toolchain.sysroot = dir.path().join("sysroot");
    let target = Target::parse("s390x-unknown-linux-gnu").unwrap();
    let error = toolchain.build_std(&target, &mut progress::Silent).unwrap_err();
    assert!(matches!(error, BuildStdError::NoSource { .. }), "{error}");
    assert!(!dir.path().join("std").exists());
}

#[test]
fn a_failed_build_tells_cargos_own_words_and_leaves_no_sysroot() {
    let dir = tempfile::tempdir().unwrap();
    let mut toolchain = with_empty_cache(&dir.path().join("cache"));
    // Sources that are none: cargo finds the lock file and nothing else.
    let library = dir.path().join("lib/rustlib/src/rust/library");
    fs_err::create_dir_all(&library).unwrap();
    fs_err::write(library.join("Cargo.lock"), "").unwrap();
    fs_err::create_dir_all(dir.path().join("bin")).unwrap();
    toolchain.cargo = toolchain.sysroot.join("bin/cargo");
    toolchain.sysroot = dir.path().to_owned();
    let target = Target::parse("mips64-unknown-linux-gnuabi64").unwrap();
    toolchain.rustc = PathBuf::from("/bin/false");
    let error = toolchain.build_std(&target, &mut progress::Silent).unwrap_err();
    assert!(error.to_string().contains("error: "), "{error}");
    let left: Vec<_> =
        fs_err::read_dir(dir.path().join("cache/std")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(left.iter().all(|path| path.extension().is_some_and(|end| end == "lock")), "{left:?}");
}

#[test]
fn an_unknown_linker_is_said_with_the_piece_that_brings_it() {
    let toolchain = detect();
    let host = LocalHost::new();
    let target = Target::parse("x86_64-apple-darwin").unwrap();
    let unbuildable = toolchain.linker(&host, &target).unwrap_err();
    assert!(matches!(unbuildable.fixes[..], [Fix::Advise(_)]), "{unbuildable:?}");
}

#[test]
fn a_linker_that_the_project_configures_is_left_to_cargo() {
    let dir = tempfile::tempdir().unwrap();
    fs_err::create_dir_all(dir.path().join(".cargo")).unwrap();
    let config = "[target.s390x-unknown-linux-gnu]\nlinker = \"my-own-ld\"\n";
    fs_err::write(dir.path().join(".cargo/config.toml"), config).unwrap();
    let toolchain = Toolchain { project_dir: dir.path().to_owned(), ..detect() };
    let target = Target::parse("s390x-unknown-linux-gnu").unwrap();
    assert_eq!(toolchain.linker(&LocalHost::new(), &target), Ok(None));
    fs_err::write(dir.path().join(".cargo/config.toml"), "[target").unwrap();
    assert!(toolchain.linker(&LocalHost::new(), &target).unwrap_err().text.contains("configuration"));
}
