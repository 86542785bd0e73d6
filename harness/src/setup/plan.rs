//! Which steps are missing, from what is there. Pure: the same state gives the same plan.

use std::path::PathBuf;

use triplecheck_emulators::launch::Preparation;
use triplecheck_emulators::packages::{self, Distribution, Piece};

use super::packages::{Manager, Right, System};
use super::state::{RunState, RustState, State, TargetState};
use crate::toolchain::{Fix, Rustup, Std};

/// The package whose static emulators are unpacked privately.
const QEMU_STATIC: &str = "qemu-user-static";

/// What it downloads, in Debian 12; the size in other releases is near.
const QEMU_STATIC_BYTES: u64 = 63_000_000;

/// What a std of one target downloads from rustup, compressed.
const RUST_STD_BYTES: u64 = 25_000_000;

/// What `rust-src` downloads.
const RUST_SRC_BYTES: u64 = 3_500_000;

/// What has to be done, in an order in which it can be done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// The steps.
    pub steps: Vec<Step>,
    /// What no step of ours can bring, by target.
    pub impossible: Vec<Impossible>,
}

/// Something that is missing and that set-up cannot bring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Impossible {
    /// The target.
    pub triple: String,
    /// One sentence.
    pub text: String,
    /// What the user can do, if anything.
    pub advice: Vec<String>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What is done.
    pub action: Action,
    /// For which targets, in the order in which they were asked for.
    pub targets: Vec<String>,
    /// Why, as a part of a sentence: `to link for s390x-unknown-linux-gnu`.
    pub reason: String,
    /// What it downloads, in bytes, if that is known.
    pub bytes: Option<u64>,
    /// The command that does the same by hand.
    pub command: String,
    /// Whether it changes the system.
    pub needs_root: bool,
    /// Whether set-up can do it; if not, its command is only shown.
    pub ours: bool,
    /// Whether the targets can do without.
    pub optional: bool,
    /// Indices of steps without which this one cannot succeed.
    pub after: Vec<usize>,
}

impl Step {
    /// The step in a few words: `build std for s390x-unknown-linux-gnu`.
    pub fn title(&self) -> String {
        match &self.action {
            Action::Packages(names) => format!("install {}", names.join(" ")),
            Action::UnpackQemu { suffixes, .. } => {
                let names: Vec<String> = suffixes.iter().map(|suffix| format!("qemu-{suffix}")).collect();
                format!("unpack {} privately", names.join(", "))
            }
            Action::AddTargets(_, triples) => format!("rustup target add {}", triples.join(" ")),
            Action::AddSource(_) => "rustup component add rust-src".to_owned(),
            Action::BuildStd(triple) => format!("build std for {triple}"),
            Action::Prepare(Preparation::WinePrefix { .. }) => "prepare Wine".to_owned(),
            Action::Prepare(Preparation::NodeScript(_)) => "prepare node".to_owned(),
        }
    }
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Installs system packages, all in one call.
    Packages(Vec<String>),
    /// Unpacks emulators from a package under the cache directory, without touching the system.
    UnpackQemu {
        /// The suffixes of the emulators: `aarch64`.
        suffixes: Vec<&'static str>,
        /// The directory that stands for the root of the file system.
        into: PathBuf,
    },
    /// `rustup target add`, all in one call.
    AddTargets(Rustup, Vec<String>),
    /// `rustup component add rust-src`.
    AddSource(Rustup),
    /// Builds std for one target.
    BuildStd(String),
    /// Makes what an emulator needs before its first start.
    Prepare(Preparation),
}

impl Plan {
    /// Whether every wanted target is ready; steps that the targets can do without do not count.
    pub fn is_complete(&self) -> bool {
        self.impossible.is_empty() && self.steps.iter().all(|step| step.optional)
    }

    /// Whether it changes the system.
    pub fn needs_root(&self) -> bool {
        self.steps.iter().any(|step| step.needs_root)
    }

    /// Drops the other steps. Indices of steps that were dropped are forgotten: what they bring is there or failed.
    pub(super) fn keep(&mut self, wanted: impl Fn(&Step) -> bool) {
        let kept: Vec<usize> = (0..self.steps.len()).filter(|&index| wanted(&self.steps[index])).collect();
        let position = |index: usize| kept.iter().position(|&old| old == index);
        let mut steps: Vec<Step> = kept.iter().map(|&index| self.steps[index].clone()).collect();
        for step in &mut steps {
            step.after = step.after.iter().filter_map(|&index| position(index)).collect();
        }
        self.steps = steps;
    }

    /// Asks the package manager for sizes. The one part that is not pure, and only for showing.
    pub(super) fn measure(&mut self, system: &System) {
        for step in &mut self.steps {
            if let Action::Packages(names) = &step.action {
                step.bytes = system.download_bytes(names);
            }
        }
    }
}

/// The steps that `state` lacks.
pub fn plan(state: &State) -> Plan {
    let mut making = Making { state, plan: Plan::default() };
    making.packages();
    making.node();
    making.qemu();
    making.stds();
    making.preparations();
    making.impossible();
    making.plan
}

struct Making<'a> {
    state: &'a State,
    plan: Plan,
}

/// What a piece is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Purpose {
    Link,
    CompileC,
    Run,
    Sources,
}

/// The pieces that a target lacks, each with what it is for.
fn pieces(target: &TargetState) -> Vec<(Piece, Purpose)> {
    let of_fixes = |fixes: &[Fix]| -> Vec<Piece> {
        let piece = |fix: &Fix| if let Fix::Install(piece) = fix { Some(*piece) } else { None };
        fixes.iter().filter_map(piece).collect()
    };
    let mut found = Vec::new();
    for (result, purpose) in [(&target.linker, Purpose::Link), (&target.cc, Purpose::CompileC)] {
        if let Err(unbuildable) = result {
            found.extend(of_fixes(&unbuildable.fixes).into_iter().map(|piece| (piece, purpose)));
        }
    }
    if let Some(Std::Missing { fixes, .. }) = &target.std {
        found.extend(of_fixes(fixes).into_iter().map(|piece| (piece, Purpose::Sources)));
    }
    if let RunState::Lacks { pieces, .. } = &target.run {
        found.extend(pieces.iter().map(|&piece| (piece, Purpose::Run)));
    }
    found
}

/// What packages are for, in words: one part for each purpose, with its targets.
fn reason(purposes: &[(Purpose, String)]) -> String {
    let words = [
        (Purpose::Link, "to link for"),
        (Purpose::CompileC, "to compile C for"),
        (Purpose::Run, "to run"),
        (Purpose::Sources, "to build std for"),
    ];
    let part = |(purpose, text): (Purpose, &str)| {
        let of = purposes.iter().filter(|(other, _)| *other == purpose);
        let triples: Vec<&str> = of.map(|(_, triple)| triple.as_str()).collect();
        (!triples.is_empty()).then(|| format!("{text} {}", triples.join(", ")))
    };
    words.into_iter().filter_map(part).collect::<Vec<_>>().join("; ")
}

impl Making<'_> {
    /// Whether qemu is unpacked and not installed: where there is Debian's package manager.
    fn unpacks_qemu(&self) -> bool {
        matches!(self.state.system.manager, Some(Manager::Apt(_)))
    }

    /// All system packages of all targets as one step.
    fn packages(&mut self) {
        let (mut names, mut targets, mut purposes) = (Vec::new(), Vec::new(), Vec::new());
        let Some(distribution) = self.state.system.distribution else { return };
        for target in &self.state.targets {
            for (piece, purpose) in pieces(target) {
                if piece == Piece::QemuUser && self.unpacks_qemu() {
                    continue;
                }
                let packages = packages::packages(piece, distribution);
                if packages.is_empty() {
                    continue;
                }
                push_new(&mut names, packages);
                push_new(&mut targets, [target.triple.clone()]);
                push_new(&mut purposes, [(purpose, target.triple.clone())]);
            }
        }
        if self.lacks_source_of_distribution() {
            push_new(&mut names, ["rustc-web".to_owned(), "rust-web-src".to_owned()]);
            let built = self.stds_to_build();
            push_new(&mut purposes, built.iter().map(|triple| (Purpose::Sources, triple.clone())));
            push_new(&mut targets, built);
        }
        if !names.is_empty() {
            self.push_packages(distribution, names, targets, reason(&purposes), false);
        }
    }

    /// node, by itself: WebAssembly's programs run without it, but a panic ends them.
    fn node(&mut self) {
        let Some(distribution) = self.state.system.distribution else { return };
        let names = packages::packages(Piece::Node, distribution);
        let wanting = self.state.targets.iter().filter(|target| target.wants_node);
        let targets: Vec<String> = wanting.map(|target| target.triple.clone()).collect();
        if !targets.is_empty() && !names.is_empty() {
            let reason = format!("to catch panics on {}", targets.join(", "));
            self.push_packages(distribution, names, targets, reason, true);
        }
    }

    fn push_packages(
        &mut self,
        distribution: Distribution,
        names: Vec<String>,
        targets: Vec<String>,
        reason: String,
        optional: bool,
    ) {
        let system = &self.state.system;
        let unprivileged = matches!(distribution, Distribution::Homebrew | Distribution::Nix);
        self.plan.steps.push(Step {
            command: system.install_command(&names).unwrap_or_default(),
            ours: system.manager.is_some() && system.right != Right::None,
            action: Action::Packages(names),
            targets,
            reason,
            bytes: None,
            needs_root: !unprivileged,
            optional,
            after: Vec::new(),
        });
    }

    /// The emulators that are unpacked privately.
    fn qemu(&mut self) {
        if !self.unpacks_qemu() {
            return;
        }
        let (mut suffixes, mut targets) = (Vec::new(), Vec::new());
        for target in &self.state.targets {
            if let RunState::Lacks { pieces, qemu: Some(suffix), .. } = &target.run
                && pieces.contains(&Piece::QemuUser)
            {
                push_new(&mut suffixes, [*suffix]);
                push_new(&mut targets, [target.triple.clone()]);
            }
        }
        if suffixes.is_empty() {
            return;
        }
        let into = self.state.cache_dir.join("packages").join(QEMU_STATIC);
        self.plan.steps.push(Step {
            command: format!(
                "apt-get download {QEMU_STATIC} && dpkg-deb -x {QEMU_STATIC}_*.deb {}",
                into.display()
            ),
            reason: format!("to run {}", targets.join(", ")),
            action: Action::UnpackQemu { suffixes, into },
            targets,
            bytes: Some(QEMU_STATIC_BYTES),
            needs_root: false,
            ours: true,
            optional: false,
            after: Vec::new(),
        });
    }

    /// The targets whose std has to be built.
    fn stds_to_build(&self) -> Vec<String> {
        let builds = |target: &&TargetState| match &target.std {
            Some(Std::Missing { fixes, .. }) => {
                self.state.refused.contains(&target.triple)
                    || fixes.iter().any(|fix| matches!(fix, Fix::BuildStd(_)))
            }
            Some(Std::Installed | Std::Private(_)) | None => target.better_std,
        };
        self.state.targets.iter().filter(builds).map(|target| target.triple.clone()).collect()
    }

    /// Whether std's sources are needed and rustup cannot bring them, but Debian can.
    fn lacks_source_of_distribution(&self) -> bool {
        let lacks = self.state.rust.as_ref().is_ok_and(|rust| !rust.has_source && rust.rustup.is_none());
        lacks
            && !self.stds_to_build().is_empty()
            && self.state.system.distribution == Some(Distribution::Debian)
    }

    /// Stds: those that rustup has in one call, and one step for each that is built.
    fn stds(&mut self) {
        let Ok(rust) = &self.state.rust else { return };
        let adds =
            |target: &&TargetState| !self.state.refused.contains(&target.triple) && adds_target(target);
        let added: Vec<String> =
            self.state.targets.iter().filter(adds).map(|target| target.triple.clone()).collect();
        if let Some(rustup) = rust.rustup.clone().filter(|_| !added.is_empty()) {
            let command = format!("rustup target add --toolchain {} {}", rustup.toolchain, added.join(" "));
            let bytes = Some(RUST_STD_BYTES * added.len() as u64);
            let action = Action::AddTargets(rustup, added.clone());
            self.push_std(action, added, "for the standard library", command).bytes = bytes;
        }
        let built = self.stds_to_build();
        let source = self.source(rust, &built);
        for triple in built {
            let command = format!("triplecheck setup {triple}");
            let optional = self.is_optional(&triple);
            let purpose =
                if optional { "to catch panics, by a standard library" } else { "for the standard library" };
            let step = self.push_std(Action::BuildStd(triple.clone()), vec![triple], purpose, command);
            step.optional = optional;
            step.after.extend(source);
        }
    }

    /// The step that brings the sources with which `built` are built, if one has to.
    fn source(&mut self, rust: &RustState, built: &[String]) -> Option<usize> {
        if built.is_empty() || rust.has_source {
            return None;
        }
        let Some(rustup) = rust.rustup.clone() else {
            let brings = |step: &Step| matches!(step.action, Action::Packages(_)) && !step.optional;
            return self.plan.steps.iter().position(brings);
        };
        let command = format!("rustup component add --toolchain {} rust-src", rustup.toolchain);
        let optional = built.iter().all(|triple| self.is_optional(triple));
        let purpose = "to build the standard library";
        let step = self.push_std(Action::AddSource(rustup), built.to_vec(), purpose, command);
        step.bytes = Some(RUST_SRC_BYTES);
        step.optional = optional;
        Some(self.plan.steps.len() - 1)
    }

    /// Whether the target has a std already, and only a better one is built.
    fn is_optional(&self, triple: &str) -> bool {
        self.state.targets.iter().any(|target| target.triple == triple && target.better_std)
    }

    fn push_std(
        &mut self,
        action: Action,
        targets: Vec<String>,
        purpose: &str,
        command: String,
    ) -> &mut Step {
        let reason = format!("{purpose} of {}", targets.join(", "));
        self.plan.steps.push(Step {
            action,
            targets,
            reason,
            bytes: None,
            command,
            needs_root: false,
            ours: true,
            optional: false,
            after: Vec::new(),
        });
        self.plan.steps.last_mut().expect("a step was just pushed")
    }

    /// What emulators need before their first start. One preparation serves all targets that ask for the same.
    fn preparations(&mut self) {
        for target in &self.state.targets {
            let RunState::Prepare(kind, preparation) = &target.run else { continue };
            let action = Action::Prepare(preparation.clone());
            if let Some(step) = self.plan.steps.iter_mut().find(|step| step.action == action) {
                step.targets.push(target.triple.clone());
                continue;
            }
            // The shims are made with the target's compiler, which the package step brings.
            let packages = self.plan.steps.iter().position(|step| {
                matches!(step.action, Action::Packages(_))
                    && !step.optional
                    && step.targets.contains(&target.triple)
            });
            self.plan.steps.push(Step {
                action,
                targets: vec![target.triple.clone()],
                reason: format!("so that {kind} starts at once"),
                bytes: None,
                command: format!("triplecheck setup {}", target.triple),
                needs_root: false,
                ours: true,
                optional: false,
                after: packages.into_iter().collect(),
            });
        }
    }

    /// What is left over: sentences for what no step brings.
    fn impossible(&mut self) {
        let known = self.state.system.distribution;
        let has_package = |piece: Piece| {
            known.is_some_and(|known| !packages::packages(piece, known).is_empty())
                || piece == Piece::QemuUser && self.unpacks_qemu()
                // Made by what comes after these steps (`systems`).
                || matches!(piece, Piece::GuestSystem(_))
        };
        let mut impossible = Vec::new();
        if let (Err(text), true) = (&self.state.rust, self.state.wants.rust) {
            let advice = vec!["install Rust: https://rustup.rs".to_owned()];
            impossible.push(Impossible { triple: String::new(), text: text.clone(), advice });
        }
        for target in &self.state.targets {
            for result in [&target.linker, &target.cc] {
                let Err(unbuildable) = result else { continue };
                let possible = |fix: &Fix| matches!(fix, Fix::Install(piece) if has_package(*piece));
                if !unbuildable.fixes.iter().any(possible) {
                    let advice = unbuildable.fixes.iter().map(ToString::to_string).collect();
                    impossible.push(Impossible {
                        triple: target.triple.clone(),
                        text: unbuildable.text.clone(),
                        advice,
                    });
                }
            }
            impossible.extend(never_runs(target, &has_package));
        }
        impossible.dedup();
        self.plan.impossible = impossible;
    }
}

/// Whether rustup is to add the target's std.
fn adds_target(target: &TargetState) -> bool {
    matches!(&target.std, Some(Std::Missing { fixes, .. }) if fixes.iter().any(|fix| matches!(fix, Fix::AddTarget(_))))
}

/// Why a target's programs cannot be run here by anything that we can install.
fn never_runs(target: &TargetState, has_package: &dyn Fn(Piece) -> bool) -> Option<Impossible> {
    let (text, advice) = match &target.run {
        RunState::Never(text) => (text.clone(), Vec::new()),
        RunState::Lacks { text, pieces, .. } => {
            let homeless: Vec<String> =
                pieces.iter().filter(|&&piece| !has_package(piece)).map(ToString::to_string).collect();
            if homeless.is_empty() {
                return None;
            }
            let text = format!("{text}, and no package is known here for {}", homeless.join(", "));
            (text, vec![format!("give it a sysroot with the C library of {}", target.triple)])
        }
        RunState::Ready(_) | RunState::Prepare(..) => return None,
    };
    Some(Impossible { triple: target.triple.clone(), text, advice })
}

/// Adds those that are not there yet.
fn push_new<T: PartialEq>(list: &mut Vec<T>, items: impl IntoIterator<Item = T>) {
    for item in items {
        if !list.contains(&item) {
            list.push(item);
        }
    }
}

#[cfg(test)]
mod tests;
