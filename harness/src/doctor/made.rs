//! The guest systems that were made: their QEMU, who executes their instructions, and their kernels.

use triplecheck_emulators::host::Host;
use triplecheck_emulators::target::Target;
use triplecheck_emulators::vm::KERNEL;
use triplecheck_emulators::vm::accelerators::Accelerator;
use triplecheck_emulators::vm::kernels::{place, series};
use triplecheck_emulators::vm::machines::System;
use triplecheck_emulators::vm::newer::Newer;
use triplecheck_emulators::vm::{Survey, survey};

use super::{Check, Health, SystemHealth};
use crate::setup::newer;
use crate::setup::systems::{is_current, snapshot_of};
use crate::vm::snapshot::State;
use crate::vm::{image, made_anew};

/// The systems that programs of `targets` would run in, as far as one was made.
pub(super) fn examine(host: &dyn Host, targets: &[Target]) -> Vec<SystemHealth> {
    let mut systems: Vec<&'static System> = Vec::new();
    for system in targets.iter().filter_map(Target::machine).flat_map(System::all_serving) {
        if !systems.contains(&system) {
            systems.push(system);
        }
    }
    let surveyed = systems.into_iter().map(|system| (system, survey(host, system)));
    surveyed
        .filter(|(_, survey)| !survey.kernels.is_empty())
        .map(|(system, mut survey)| {
            let mut damaged = Vec::new();
            survey.kernels.retain_mut(|(release, current)| {
                *current = *current && is_current(host, system, release);
                let dir = place(host, system).join(release.as_str());
                let Some(why) = image::problem(&dir.join(KERNEL), system.machine) else { return true };
                damaged.push((dir, why));
                false
            });
            // It would be made of what is damaged.
            let target = Target::parse(system.triple).ok().filter(|_| damaged.is_empty());
            let snapshot = target.and_then(|target| snapshot_of(host, &target));
            let mut health = health(system, survey, snapshot, newer::missing(host, system));
            for (dir, why) in damaged {
                health.checks.push(Check { what: "kernel", health: Health::Broken, text: why });
                health.fixes.push(made_anew(system, &dir));
            }
            health
        })
        .collect()
}

/// What a survey means. Pure.
fn health(system: &System, survey: Survey, snapshot: Option<State>, newer: Option<&Newer>) -> SystemHealth {
    let mut checks = Vec::new();
    let mut fixes = Vec::new();
    let mut add = |what, health, text: String| checks.push(Check { what, health, text });
    let setup = |variant: String| format!("triplecheck setup --vm {}{variant}", system.triple);
    match survey.qemu {
        Ok(text) => match newer {
            // It is slower, and right.
            Some(newer) => {
                let (package, suite, gain) = (newer.package, newer.suite, newer.gain);
                let of_setup = setup(String::new());
                let text = format!("{text}; `{of_setup}` unpacks `{package}` of {suite} beside it: {gain}");
                add("qemu", Health::Good, text);
            }
            None => add("qemu", Health::Good, text),
        },
        Err((text, missing)) if missing.is_empty() => add("qemu", Health::Broken, text),
        Err((text, _)) => {
            add("qemu", Health::Missing, text);
            fixes.push(setup(String::new()));
        }
    }
    match survey.accelerator {
        Some(Accelerator::Kvm) => add("accelerator", Health::Good, format!("kvm ({})", survey.kvm)),
        Some(Accelerator::Tcg) => add("accelerator", Health::Good, format!("tcg, not kvm: {}", survey.kvm)),
        None => {}
    }
    let is_good =
        |of: &str| survey.kernels.iter().any(|(release, current)| *current && series(release) == of);
    for (release, current) in &survey.kernels {
        let series = series(release);
        if *current {
            add("kernel", Health::Good, format!("linux-{release}"));
        } else if !is_good(&series) {
            // Where there is a newer one of its series, an old one is only what nobody has deleted.
            let text =
                format!("the first process of linux-{release} was made by another version of this program");
            add("kernel", Health::Missing, text);
            fixes.push(setup(format!("@linux-{series}")));
        }
    }
    match snapshot {
        Some(State::Usable) => add("snapshot", Health::Good, "restored in the place of a boot".to_owned()),
        // Nothing that could be done about it here: it is slower, and right.
        Some(State::Unusable(why)) => {
            add("snapshot", Health::Good, format!("none, so that it is booted for each run: {why}"));
        }
        Some(State::Missing(why)) => {
            add("snapshot", Health::Missing, format!("none, so that it is booted for each run: {why}"));
            fixes.push(setup(String::new()));
        }
        Some(State::NotWanted) | None => {}
    }
    SystemHealth { machine: system.machine, checks, fixes }
}

#[cfg(test)]
mod tests {
    use triplecheck_emulators::vm::newer::NEWER;

    use super::*;

    #[test]
    fn a_system_that_another_version_made_is_told_with_the_command_that_makes_it_anew() {
        let system = System::named("s390x").unwrap();
        let survey = |current| Survey {
            qemu: Ok("`/usr/bin/qemu-system-s390x` 7.2".to_owned()),
            accelerator: Some(Accelerator::Tcg),
            kvm: "there is no `/dev/kvm`".to_owned(),
            kernels: vec![("6.1.0-50".to_owned(), true), ("6.12.1".to_owned(), current)],
        };
        let told = |survey, snapshot| health(system, survey, snapshot, None);
        let good = told(survey(true), Some(State::Usable));
        assert!(good.fixes.is_empty() && good.checks.iter().all(|check| check.health == Health::Good));
        assert_eq!(good.checks[1].text, "tcg, not kvm: there is no `/dev/kvm`");
        let unsaved = told(survey(true), Some(State::Missing("it was thrown away".to_owned())));
        assert_eq!(unsaved.fixes, ["triplecheck setup --vm s390x-unknown-linux-gnu"]);
        let unusable = told(survey(true), Some(State::Unusable("its timers stand still".to_owned())));
        assert!(unusable.fixes.is_empty());
        assert!(unusable.checks.last().unwrap().text.ends_with("its timers stand still"));
        let stale = told(survey(false), None);
        assert_eq!(stale.fixes, ["triplecheck setup --vm s390x-unknown-linux-gnu@linux-6.12"]);
        assert_eq!(stale.checks[3].health, Health::Missing);
        let outdated = Survey {
            kernels: vec![("6.1.0-9".to_owned(), false), ("6.1.0-50".to_owned(), true)],
            ..survey(true)
        };
        assert_eq!(told(outdated, None).checks.len(), 3);
        let too_old = Survey { qemu: Err(("it is too old".to_owned(), Vec::new())), ..survey(true) };
        assert_eq!(told(too_old, None).checks[0].health, Health::Broken);
    }

    #[test]
    fn that_a_newer_qemu_is_to_be_had_is_said_and_is_no_defect() {
        let system = System::named("riscv64").unwrap();
        let survey = Survey {
            qemu: Ok("`/usr/bin/qemu-system-riscv64` 7.2".to_owned()),
            accelerator: Some(Accelerator::Tcg),
            kvm: String::new(),
            kernels: vec![("6.12.1".to_owned(), true)],
        };
        let told = health(system, survey, Some(State::Usable), Some(&NEWER[0]));
        assert!(told.fixes.is_empty() && told.checks[0].health == Health::Good);
        let text = &told.checks[0].text;
        let setup = "`triplecheck setup --vm riscv64gc-unknown-linux-gnu` unpacks `qemu-system-riscv`";
        assert!(text.starts_with("`/usr/bin/qemu-system-riscv64` 7.2; ") && text.contains(setup), "{text}");
    }
}
