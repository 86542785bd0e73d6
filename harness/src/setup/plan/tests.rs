//! Plans for machines made by hand.

use std::fmt::Write as _;

use triplecheck_emulators::launch::Kind;

use super::*;
use crate::setup::state::{RustState, Wants};
use crate::toolchain::{StdSource, Unbuildable};

const S390X: &str = "s390x-unknown-linux-gnu";

/// A machine with a bare toolchain of rustup's and nothing else.
fn bare(distribution: Distribution, targets: Vec<TargetState>) -> State {
    let manager =
        (distribution == Distribution::Debian).then(|| Manager::Apt(PathBuf::from("/usr/bin/apt-get")));
    let rustup = Rustup { program: PathBuf::from("rustup"), toolchain: "stable".to_owned() };
    State {
        wants: Wants::ALL,
        system: System { distribution: Some(distribution), manager, right: Right::Sudo },
        rust: Ok(RustState {
            release: "1.95.0".to_owned(),
            rustup: Some(rustup),
            has_source: false,
            std_source: StdSource::Any,
        }),
        toolchain: None,
        cache_dir: PathBuf::from("/cache"),
        refused: Vec::new(),
        targets,
    }
}

fn lacking(triple: &str, prefix: &'static str, qemu: &'static str) -> TargetState {
    let gcc = Err(Unbuildable::missing(format!("there is no `{prefix}-gcc`"), Piece::CrossGcc(prefix)));
    TargetState {
        triple: triple.to_owned(),
        std: Some(Std::Missing {
            why: "rustc has none".to_owned(),
            fixes: vec![Fix::AddTarget(triple.to_owned())],
        }),
        better_std: false,
        wants_node: false,
        linker: gcc.clone(),
        cc: gcc,
        run: RunState::Lacks {
            text: format!("`qemu-{qemu}` is not installed"),
            pieces: vec![Piece::QemuUser, Piece::CrossLibc(prefix)],
            qemu: Some(qemu),
        },
    }
}

fn ready(triple: &str) -> TargetState {
    TargetState {
        triple: triple.to_owned(),
        std: Some(Std::Installed),
        better_std: false,
        wants_node: false,
        linker: Ok(()),
        cc: Ok(()),
        run: RunState::Ready(Kind::QemuUser),
    }
}

fn s390x_and_riscv64() -> Vec<TargetState> {
    vec![
        lacking(S390X, "s390x-linux-gnu", "s390x"),
        lacking("riscv64gc-unknown-linux-gnu", "riscv64-linux-gnu", "riscv64"),
    ]
}

/// The plan as lines: title, reason, command, and what it needs.
fn told(plan: &Plan) -> String {
    let mut text = String::new();
    for (index, step) in plan.steps.iter().enumerate() {
        let root = if step.needs_root { " [root]" } else { "" };
        let ours = if step.ours { "" } else { " [by hand]" };
        let optional = if step.optional { " [optional]" } else { "" };
        writeln!(text, "{index}. {}{root}{ours}{optional} after {:?}", step.title(), step.after).unwrap();
        writeln!(text, "   {}\n   $ {}", step.reason, step.command).unwrap();
    }
    for item in &plan.impossible {
        writeln!(text, "impossible: {}: {} {:?}", item.triple, item.text, item.advice).unwrap();
    }
    text
}

#[test]
fn a_machine_that_has_everything_needs_nothing() {
    let plan = plan(&bare(Distribution::Debian, vec![ready(S390X)]));
    assert_eq!(plan, Plan::default());
    assert!(plan.is_complete());
}

#[test]
fn a_bare_debian_needs_one_call_of_apt_one_of_rustup_and_a_private_qemu() {
    insta::assert_snapshot!(told(&plan(&bare(Distribution::Debian, s390x_and_riscv64()))), @r#"
    0. install gcc-s390x-linux-gnu libc6-dev-s390x-cross libc6-s390x-cross libgcc-s1-s390x-cross gcc-riscv64-linux-gnu libc6-dev-riscv64-cross libc6-riscv64-cross libgcc-s1-riscv64-cross [root] after []
       to link for s390x-unknown-linux-gnu, riscv64gc-unknown-linux-gnu; to compile C for s390x-unknown-linux-gnu, riscv64gc-unknown-linux-gnu; to run s390x-unknown-linux-gnu, riscv64gc-unknown-linux-gnu
       $ sudo apt-get install -y --no-install-recommends gcc-s390x-linux-gnu libc6-dev-s390x-cross libc6-s390x-cross libgcc-s1-s390x-cross gcc-riscv64-linux-gnu libc6-dev-riscv64-cross libc6-riscv64-cross libgcc-s1-riscv64-cross
    1. unpack qemu-s390x, qemu-riscv64 privately after []
       to run s390x-unknown-linux-gnu, riscv64gc-unknown-linux-gnu
       $ apt-get download qemu-user-static && dpkg-deb -x qemu-user-static_*.deb /cache/packages/qemu-user-static
    2. rustup target add s390x-unknown-linux-gnu riscv64gc-unknown-linux-gnu after []
       for the standard library of s390x-unknown-linux-gnu, riscv64gc-unknown-linux-gnu
       $ rustup target add --toolchain stable s390x-unknown-linux-gnu riscv64gc-unknown-linux-gnu
    "#);
}

#[test]
fn on_fedora_the_command_is_shown_and_not_run() {
    insta::assert_snapshot!(told(&plan(&bare(Distribution::Fedora, s390x_and_riscv64()))), @r#"
    0. install qemu-user [root] [by hand] after []
       to run s390x-unknown-linux-gnu, riscv64gc-unknown-linux-gnu
       $ sudo dnf install -y qemu-user
    1. rustup target add s390x-unknown-linux-gnu riscv64gc-unknown-linux-gnu after []
       for the standard library of s390x-unknown-linux-gnu, riscv64gc-unknown-linux-gnu
       $ rustup target add --toolchain stable s390x-unknown-linux-gnu riscv64gc-unknown-linux-gnu
    impossible: s390x-unknown-linux-gnu: there is no `s390x-linux-gnu-gcc` ["install a C compiler for s390x-linux-gnu with its C library"]
    impossible: s390x-unknown-linux-gnu: `qemu-s390x` is not installed, and no package is known here for the C library of s390x-linux-gnu ["give it a sysroot with the C library of s390x-unknown-linux-gnu"]
    impossible: riscv64gc-unknown-linux-gnu: there is no `riscv64-linux-gnu-gcc` ["install a C compiler for riscv64-linux-gnu with its C library"]
    impossible: riscv64gc-unknown-linux-gnu: `qemu-riscv64` is not installed, and no package is known here for the C library of riscv64-linux-gnu ["give it a sysroot with the C library of riscv64gc-unknown-linux-gnu"]
    "#);
}

#[test]
fn what_rustup_refused_is_built_from_sources() {
    let mut state = bare(
        Distribution::Debian,
        vec![TargetState {
            run: RunState::Ready(Kind::QemuUser),
            linker: Ok(()),
            cc: Ok(()),
            ..s390x_and_riscv64().remove(0)
        }],
    );
    state.refused = vec![S390X.to_owned()];
    insta::assert_snapshot!(told(&plan(&state)), @r#"
    0. rustup component add rust-src after []
       to build the standard library of s390x-unknown-linux-gnu
       $ rustup component add --toolchain stable rust-src
    1. build std for s390x-unknown-linux-gnu after [0]
       for the standard library of s390x-unknown-linux-gnu
       $ triplecheck setup s390x-unknown-linux-gnu
    "#);
}

#[test]
fn without_rustup_debians_own_rustc_brings_the_sources() {
    let mut target = ready(S390X);
    let fixes = vec![Fix::AddSource, Fix::BuildStd(S390X.to_owned())];
    target.std = Some(Std::Missing { why: "rustc has none".to_owned(), fixes });
    let mut state = bare(Distribution::Debian, vec![target]);
    state.rust.as_mut().unwrap().rustup = None;
    insta::assert_snapshot!(told(&plan(&state)), @r#"
    0. install rustc-web rust-web-src [root] after []
       to build std for s390x-unknown-linux-gnu
       $ sudo apt-get install -y --no-install-recommends rustc-web rust-web-src
    1. build std for s390x-unknown-linux-gnu after [0]
       for the standard library of s390x-unknown-linux-gnu
       $ triplecheck setup s390x-unknown-linux-gnu
    "#);
}

#[test]
fn a_better_std_is_optional() {
    let target = TargetState { better_std: true, ..ready("wasm32-wasip1") };
    let plan = plan(&bare(Distribution::Debian, vec![target]));
    assert!(plan.is_complete());
    insta::assert_snapshot!(told(&plan), @r#"
    0. rustup component add rust-src [optional] after []
       to build the standard library of wasm32-wasip1
       $ rustup component add --toolchain stable rust-src
    1. build std for wasm32-wasip1 [optional] after [0]
       to catch panics, by a standard library of wasm32-wasip1
       $ triplecheck setup wasm32-wasip1
    "#);
}

#[test]
fn node_is_brought_where_panics_are_to_be_caught() {
    let target = TargetState { wants_node: true, ..ready("wasm32-wasip1") };
    let plan = plan(&bare(Distribution::Debian, vec![target]));
    assert!(plan.is_complete(), "programs run without it");
    insta::assert_snapshot!(told(&plan), @r#"
    0. install nodejs [root] [optional] after []
       to catch panics on wasm32-wasip1
       $ sudo apt-get install -y --no-install-recommends nodejs
    "#);
}

#[test]
fn what_nobody_can_bring_is_said_and_not_planned() {
    let mut target = ready("sparc-unknown-none-elf");
    target.run = RunState::Never("no emulator runs it".to_owned());
    let plan = plan(&bare(Distribution::Debian, vec![target]));
    assert!(!plan.is_complete());
    insta::assert_snapshot!(told(&plan), @r#"
    impossible: sparc-unknown-none-elf: no emulator runs it []
    "#);
}

#[test]
fn wine_is_prepared_once_for_all_its_targets() {
    let preparation = Preparation::WinePrefix {
        prefix: "/cache/wine".into(),
        wine: "/usr/lib/wine/wine64".into(),
        shims: vec![],
    };
    let target = |triple: &str| TargetState {
        run: RunState::Prepare(Kind::Wine, preparation.clone()),
        ..ready(triple)
    };
    let targets = vec![target("x86_64-pc-windows-gnu"), target("x86_64-pc-windows-gnullvm")];
    let plan = plan(&bare(Distribution::Debian, targets));
    assert_eq!(plan.steps.len(), 1);
    assert_eq!(plan.steps[0].targets.len(), 2);
}
