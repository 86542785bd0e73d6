//! `triplecheck setup`: shows what is missing, asks once, installs it, and says what is there afterwards.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;

use triplecheck_emulators::host::Host;
use triplecheck_emulators::launch::Preparation;
use triplecheck_emulators::lookup::Options;
use triplecheck_emulators::packages::Piece;
use triplecheck_emulators::target::Target;
use triplecheck_emulators::vm::machines::System;
use triplecheck_emulators::vm::newer::Newer;

use super::run::ManifestTargets;
use crate::cli::SetupArgs;
use crate::error::{Error, Result};
use crate::prepare::{self, Lifetime};
use crate::report::text::seconds;
use crate::setup::archive::KEYRING;
use crate::setup::newer;
use crate::setup::systems::{self, Missing, Serving, Source, Wish};
use crate::setup::{self, Consent, Ended, Hooks, Plan, Report, Request, Wants};
use crate::toolchain::progress::{PlainProgress, Progress as _};

/// Sets up the named targets, or those of the manifest; the exit status.
pub fn setup(directory: &Path, args: &SetupArgs) -> Result<u8> {
    let found = if args.targets.is_empty() {
        super::run::manifest_targets(directory)?
    } else {
        let parse = |text: &String| Target::parse(text).map_err(crate::plan::unknown_triple);
        let targets: Vec<Target> = args.targets.iter().map(parse).collect::<Result<_>>()?;
        let kernels = without_system(&targets);
        ManifestTargets { targets, wants: Wants::ALL, kernels }
    };
    if let Some(kernel) = &args.kernel {
        return install_given(directory, &found.targets, kernel, args);
    }
    if args.vm {
        return install_systems(directory, &found.targets, Serving::Own, args.yes);
    }
    let status = install(directory, &found.targets, found.wants, args.yes)?;
    Ok(status.max(install_systems(directory, &found.kernels, Serving::Any, args.yes)?))
}

/// Makes the guest system of a kernel that was given; the exit status.
fn install_given(directory: &Path, targets: &[Target], kernel: &Path, args: &SetupArgs) -> Result<u8> {
    let [target] = targets else {
        return Err(Error::user("`--kernel` is the kernel of one target, which has to be named"));
    };
    let system = target.machine().and_then(System::serving);
    let system =
        system.ok_or_else(|| Error::user(format!("no guest system is known for {}", target.triple())))?;
    let own = Target::parse(system.triple).map_err(crate::plan::unknown_triple)?;
    let status = install(directory, &[own], Wants { rust: true, c: false, run: false }, args.yes)?;
    if status != 0 {
        return Ok(status);
    }
    let at = |path: &Path| std::env::current_dir().map_or_else(|_| path.to_owned(), |here| here.join(path));
    let (kernel, modules) = (at(kernel), args.modules.as_deref().map(at));
    let mut progress = PlainProgress::new(std::io::stderr());
    let given = (system, kernel.as_path(), modules.as_deref());
    let release = systems::make_of(&super::host(), directory, given, &mut progress).map_err(Error::user)?;
    // As exact as a variant can be, since others of the same series may be there.
    let series = triplecheck_emulators::vm::kernels::series(&release);
    let pages = series.find('-').map_or("", |at| &series[at..]);
    let version: String = release.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    let target = format!("{}@linux-{}{pages}", target.triple(), version.trim_end_matches('.'));
    say(&format!("linux-{release} is there: `{target}` runs programs in it\n"))?;
    finish(&[Target::parse(&target).map_err(crate::plan::unknown_triple)?], Serving::Own, false)
}

/// Makes the guest systems for `targets`, and what they are made with; the exit status.
pub(crate) fn install_systems(
    directory: &Path,
    targets: &[Target],
    serving: Serving,
    yes: bool,
) -> Result<u8> {
    if targets.is_empty() {
        return Ok(0);
    }
    let Missing { wishes, systems: needed, impossible } = systems::missing(&super::host(), targets, serving);
    for why in &impossible {
        say(&format!("{why}\n"))?;
    }
    // Their first process is compiled for these, whatever C library the programs use.
    let triples =
        wishes.iter().map(|wish| Target::parse(wish.system.triple).map_err(crate::plan::unknown_triple));
    let triples: Vec<Target> = triples.collect::<Result<_>>()?;
    if !triples.is_empty() {
        let status = install(directory, &triples, Wants { rust: true, c: false, run: false }, yes)?;
        if status != 0 {
            return Ok(status);
        }
    }
    let mut steps: Vec<(String, Vec<String>)> = Vec::new();
    let host = super::host();
    let mut newer: Vec<&Newer> = needed.iter().filter_map(|system| newer::missing(&host, system)).collect();
    newer.dedup();
    for system in needed {
        let name = format!("qemu-system-{}", system.emulator);
        let packages = super::which::install(&[Piece::QemuSystem(system.emulator)]);
        if host.find_program(&name).is_none() && steps.iter().all(|(_, known)| *known != packages) {
            steps.push((name, packages));
        }
    }
    let keys = super::which::install(&[Piece::DebianKeys]);
    let fetches = wishes.iter().any(|wish| matches!(wish.kernel, Source::Debian(_))) || !newer.is_empty();
    if fetches && !keys.is_empty() && !Path::new(KEYRING).is_file() {
        steps.push((Piece::DebianKeys.to_string(), keys));
    }
    if steps.is_empty() && wishes.is_empty() && newer.is_empty() {
        return finish(targets, serving, !impossible.is_empty());
    }
    let mut text = String::from("to be done:\n");
    for (name, packages) in &steps {
        text.push_str(&format!("  install {} for {name}, as root\n", packages.join(" ")));
    }
    for newer in &newer {
        let (title, gain) = (unpacking(newer), newer.gain);
        text.push_str(&format!("  {title}: some 8 MB to fetch; {gain}\n"));
    }
    for wish in &wishes {
        let effort = match &wish.kernel {
            Source::Debian(_) => "some 100 MB to fetch",
            Source::There(_) => "its kernel is there, and nothing to fetch",
        };
        text.push_str(&format!("  make {}: {effort}\n", title(wish)));
    }
    say(&text)?;
    match answer(yes) {
        Consent::Yes => {}
        Consent::No => {
            say("nothing was changed\n")?;
            return Ok(69);
        }
        Consent::NobodyToAsk => {
            say("nothing was changed: there is no terminal to ask on\n  try: the same command with --yes\n")?;
            return Ok(69);
        }
    }
    let mut progress = PlainProgress::new(std::io::stderr());
    let mut failed = false;
    let mut done = |title: String, made: std::result::Result<(), String>| {
        if let Err(why) = made {
            failed = true;
            return say(&format!("failed: {title}: {why}\n"));
        }
        Ok(())
    };
    for (name, packages) in steps {
        progress.step(&format!("install {}", packages.join(" ")));
        done(name, setup::System::observe(&host).install(&packages, &mut progress))?;
    }
    for newer in newer {
        progress.step(&unpacking(newer));
        // Looked at anew: what it needs was perhaps installed just now.
        if let Err(why) = newer::bring(&super::host(), newer, &mut progress) {
            let (title, emulator) = (unpacking(newer), newer.emulator);
            say(&format!("failed: {title}: {why}: `qemu-system-{emulator}` does without it\n"))?;
        }
    }
    for wish in wishes {
        let title = format!("make {}", title(&wish));
        progress.step(&title);
        done(title, systems::make(&host, directory, &wish, &mut progress))?;
    }
    finish(targets, serving, failed || !impossible.is_empty())
}

/// Makes the snapshots that are missing, from which the systems of later runs are restored, and says whether all is there; the
/// exit status. Where a snapshot cannot be used, systems are booted: that is said, and is no failure.
fn finish(targets: &[Target], serving: Serving, mut lacks_some: bool) -> Result<u8> {
    let mut progress = PlainProgress::new(std::io::stderr());
    for why in systems::useless(&super::host(), targets) {
        lacks_some = true;
        say(&format!("not possible: {why}\n"))?;
    }
    for (system, words) in systems::without_snapshot(&super::host(), targets, serving) {
        let title = format!("make a snapshot of the guest system for {}", system.machine);
        progress.step(&title);
        let made = systems::make_snapshot(&words);
        if let Err(why) | Ok(Some(why)) = &made
            && let Some((qemu, words)) = newer::with_installed(&super::host(), &words)
            && let Ok(None) = systems::make_snapshot(&words)
        {
            let _ = fs_err::remove_file(&qemu);
            let qemu = qemu.display();
            say(&format!("`{qemu}` is removed, and the installed QEMU does without it: {why}\n"))?;
            continue;
        }
        match made {
            Ok(None) => {}
            Ok(Some(why)) => {
                say(&format!("guest systems for {} are booted each time: {why}\n", system.machine))?;
            }
            Err(why) => {
                lacks_some = true;
                say(&format!("failed: {title}: {why}\n"))?;
            }
        }
    }
    if lacks_some {
        return Ok(69);
    }
    say("the guest systems are there\n")?;
    Ok(0)
}

fn unpacking(newer: &Newer) -> String {
    format!("unpack {} of {} privately", newer.package, newer.suite)
}

fn title(wish: &Wish) -> String {
    let kernel = match &wish.kernel {
        Source::Debian(packaged) => packaged.series(),
        Source::There(release) => release.clone(),
    };
    format!("a guest system for {} with linux-{kernel}", wish.system.machine)
}

/// The targets whose programs nothing runs for want of a guest system.
fn without_system(targets: &[Target]) -> Vec<Target> {
    let host = super::host();
    let is_lacking = |target: &&Target| systems::is_lacking(&host, target, &Options::default());
    targets.iter().filter(is_lacking).cloned().collect()
}

/// Sets up `targets` for what the project in `directory` wants of them; the exit status.
pub(crate) fn install(directory: &Path, targets: &[Target], wants: Wants, yes: bool) -> Result<u8> {
    let look = || -> Box<dyn Host> { Box::new(super::host()) };
    let request = Request { project_dir: directory, targets, wants };
    let begun = std::time::Instant::now();
    let mut asker = Asker { yes };
    let ended = setup::setup(&look, &request, &mut asker, &mut PlainProgress::new(std::io::stderr()));
    // They are made after this.
    let but = if wants.run && !without_system(targets).is_empty() { " but the guest systems" } else { "" };
    let talk = match &ended {
        Ended::Complete if wants.run => format!("everything{but} is there for {}\n", count(targets.len())),
        Ended::Complete => String::new(),
        Ended::Refused(_, Consent::NobodyToAsk) => {
            "nothing was changed: there is no terminal to ask on\n  try: the same command with --yes\n"
                .to_owned()
        }
        Ended::Refused(..) => "nothing was changed\n".to_owned(),
        Ended::Ran(report) => {
            let took = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            told(report, targets.len(), but) + &format!("set-up took {}\n", seconds(took))
        }
    };
    say(&talk)?;
    Ok(ended.status())
}

fn count(targets: usize) -> String {
    if targets == 1 { "the target".to_owned() } else { format!("all {targets} targets") }
}

fn say(text: &str) -> Result<()> {
    anstream::stderr()
        .write_all(text.as_bytes())
        .map_err(|error| Error::world("cannot print").caused_by(error))
}

/// What failed and what is missing still, each with the command that would mend it.
fn told(report: &Report, targets: usize, but: &str) -> String {
    let mut text = String::new();
    for step in &report.steps {
        if let Some(failure) = &step.failure {
            text.push_str(&format!("failed: {}: {failure}\n", step.step.title()));
        }
    }
    for step in &report.missing.steps {
        let kind = if step.optional { "could be better" } else { "missing" };
        text.push_str(&format!(
            "{kind}: {} ({})\n  try: {}\n",
            step.reason,
            step.targets.join(", "),
            step.command
        ));
    }
    for impossible in &report.missing.impossible {
        let of =
            if impossible.triple.is_empty() { String::new() } else { format!("{}: ", impossible.triple) };
        text.push_str(&format!("not possible: {of}{}\n", impossible.text));
        for advice in &impossible.advice {
            text.push_str(&format!("  try: {advice}\n"));
        }
    }
    if report.missing.is_complete() && but.is_empty() {
        text.push_str(&format!("{} can be built and run\n", count(targets)));
    } else if report.missing.is_complete() {
        text.push_str(&format!("everything{but} is there for {}\n", count(targets)));
    }
    text
}

/// Whether what was shown may be done: `--yes`, or an answer on a terminal.
fn answer(yes: bool) -> Consent {
    if yes {
        return Consent::Yes;
    }
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Consent::NobodyToAsk;
    }
    let mut answer = String::new();
    let asked = say("go on? [Y/n] ").is_ok() && std::io::stdin().lock().read_line(&mut answer).is_ok();
    match answer.trim() {
        "" | "y" | "Y" | "yes" if asked && !answer.is_empty() => Consent::Yes,
        _ => Consent::No,
    }
}

/// Shows the plan; asks on a terminal, unless `--yes` has answered.
struct Asker {
    yes: bool,
}

impl Hooks for Asker {
    fn confirm(&mut self, plan: &Plan) -> Consent {
        let mut text = String::from("to be done:\n");
        for (number, step) in plan.steps.iter().enumerate() {
            let size = step.bytes.map_or(String::new(), |bytes| format!(", {} MiB to fetch", bytes >> 20));
            let root = if step.needs_root { ", as root" } else { "" };
            text.push_str(&format!("  {}. {}\n     {}{size}{root}\n", number + 1, step.title(), step.reason));
        }
        if say(&text).is_err() {
            return Consent::NobodyToAsk;
        }
        answer(self.yes)
    }

    fn prepare(&mut self, preparation: &Preparation) -> Result<(), String> {
        let options = prepare::Options { lifetime: Lifetime::Call, node_script: crate::NODE_SCRIPT };
        prepare::prepare(preparation, options).map(drop).map_err(|error| format!("failed to {error}"))
    }
}
