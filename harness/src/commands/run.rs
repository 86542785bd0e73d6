//! `triplecheck run`: the main job on the terminal. Standard output gets the report; progress goes to standard
//! error.

mod follow_up;
mod sharded;

use std::io::Write;
use std::path::{Path, PathBuf};

use triplecheck_emulators::host::{Host as _, LocalHost};
use triplecheck_emulators::target::Target;

use self::follow_up::FollowUp;
use super::built::Opened;
use crate::built::Given;
use crate::cli::{ReportFile, RunArgs};
use crate::error::{About as _, Error, Result};
use crate::events::Event;
use crate::manifest::{self, Project};
use crate::plan::{Origin, Plan, PlannedTarget, Request};
use crate::progress::Progress;
use crate::report;
use crate::run::{Board, Run, run as run_plan};
use crate::setup::Wants;
use crate::setup::systems::{self, Serving};
use crate::shard::Shard;

mod stop;

/// Runs and reports; the exit status.
pub fn run(directory: &Path, args: &RunArgs, out: &mut dyn Write) -> Result<u8> {
    let opened = open(directory, args)?;
    let located;
    let project = if let Some(opened) = &opened {
        &opened.project
    } else {
        located = manifest::locate(directory, args.manifest_path.as_deref())?;
        &located
    };
    let given = opened.as_ref().map(|opened| &opened.given);
    if let Some(emulator) = &args.confirm {
        // An unknown kind is an error now and not after the run.
        super::options(&follow_up::second(emulator, &args.lookup))?;
    }
    let host = super::host();
    let shard = sharded::wanted(args.shard)?;
    let plan = plan(project, args, shard, (&host, given))?;
    if args.setup {
        let targets: Vec<Target> = plan.targets.iter().map(|planned| planned.target.clone()).collect();
        // What could not be installed is not an error of the run: it is listed there with its reason.
        super::setup::install(&project.root, &targets, wants(&plan), args.yes)?;
        super::setup::install_systems(&project.root, &kernel_targets(&plan), Serving::Any, args.yes)?;
    }
    let host = if args.setup { super::host() } else { host };
    let state = state(directory, project, args);
    let run_dir = match &args.run_dir {
        Some(dir) => super::new_directory(&directory.join(dir))?,
        None => state.join(crate::runs::RUNS).join(run_name()),
    };
    let stop = stop::stop_on_signals()?;
    let board = std::sync::Arc::new(Board::default());
    let repeat = args.control.repeat.unwrap_or(1);
    let run = Run {
        plan: &plan,
        host: &host,
        run_dir,
        build_dir: state.join("build"),
        jobs: args.jobs.unwrap_or_else(default_jobs),
        resumed: if args.resume {
            Some(last_unfinished(&state.join(crate::runs::RUNS), shard)?)
        } else {
            None
        },
        // A stress run wants to see everything happen, and what it finds is no plain result.
        // Nor is anything known of programs that are gone after the run.
        cache: (!args.no_cache && args.control.repeat.is_none() && given.is_none())
            .then(|| state.join("results.jsonl")),
        speeds: Some(state.join("speeds.json")),
        repeat,
        fail_fast: args.control.fail_fast,
        board: board.clone(),
        stop: &stop,
        command: command_words(directory, args),
        tail: tail_words(args),
        asked: sharded::asked(project, args),
        given,
    };
    let mut progress = Progress::new(args.json, &board)?;
    if args.built.build_only {
        let to = args.built.archive.as_ref().map(|file| directory.join(file));
        let built = super::built::build(project, &run, (&host, to.as_deref()), &mut progress, out);
        progress.finish();
        return built;
    }
    let mut summary = run_plan(&run, &mut progress)?;
    let follow_up = FollowUp { project, args, host: &host, run: &run };
    if args.discriminate && !stop.is_stopped() {
        follow_up.discriminate(&mut summary, &mut progress)?;
    }
    if let Some(emulator) = args.confirm.as_ref().filter(|_| !stop.is_stopped()) {
        follow_up.confirm(emulator, &mut summary, &mut progress)?;
    }
    progress.finish();
    // Talks on standard error, line by line.
    let kept = match args.bundles.as_ref().filter(|_| !stop.is_stopped()) {
        Some(into) => follow_up.bundles(&mut summary, into, directory),
        None => Ok(()),
    };
    if board.has_lent() {
        super::built::note(
            "native programs ran with the libraries of the archive: this machine's do not suit them",
        );
    }
    board.remarks().iter().for_each(|remark| super::built::note(remark));
    let text = if args.json {
        report::json::render(&summary, args.require)?
    } else {
        report::text::render(&summary, args.control.durations)
    };
    super::report::print(out, &text)?;
    let bazel = sharded::asked_by_bazel(args.shard);
    let reports: Vec<&ReportFile> = args.reports.iter().chain(&bazel).collect();
    super::report::write_all(directory, &run.run_dir, &summary, (&reports, args.require), out)?;
    kept?;
    Ok(summary.exit_code(args.require))
}

/// The archives that are to be run, unpacked.
fn open(directory: &Path, args: &RunArgs) -> Result<Option<Opened>> {
    if args.built.from.is_empty() {
        return Ok(None);
    }
    let typed = args.cargo.options(&[]);
    if typed.doc || !typed.args.is_empty() || !typed.selection.is_empty() {
        return Err(Error::user("what cargo builds was said when the archive was made")
            .hint("names of cases choose among what is in it"));
    }
    let files: Vec<PathBuf> = args.built.from.iter().map(|file| directory.join(file)).collect();
    let checkout = args.built.workspace_remap.as_ref().map(|dir| directory.join(dir));
    let state = crate::runs::state_dir(checkout.as_deref().unwrap_or(directory));
    super::built::open(&files, &state, checkout.as_deref(), super::host().triple()).map(Some)
}

/// Where runs and builds are kept: with the project, and where that is gone after the run, where it was asked for.
fn state(directory: &Path, project: &Project, args: &RunArgs) -> PathBuf {
    let brought = !args.built.from.is_empty() && args.built.workspace_remap.is_none();
    crate::runs::state_dir(if brought { directory } else { &project.root })
}

fn plan(
    project: &Project,
    args: &RunArgs,
    shard: Option<Shard>,
    (host, given): (&LocalHost, Option<&Given>),
) -> Result<Plan> {
    let request = Request {
        targets: match given {
            Some(given) => super::built::targets(&args.targets, given)?,
            None => args.targets.clone(),
        },
        filters: args.filters.clone(),
        cargo: args.cargo.options(&args.test_args),
        timeout: args.timeout,
        retries: args.control.retries(),
        options: super::options(&args.lookup)?,
        shard,
    };
    plan_for(project, &request, host, given)
}

pub(super) fn plan_for(
    project: &Project,
    request: &Request,
    host: &LocalHost,
    given: Option<&Given>,
) -> Result<Plan> {
    let mut plan = Plan::new(project, request, host.triple(), &expand)?;
    if let Some(given) = given {
        for planned in &mut plan.targets {
            given.add_libraries(planned.target.triple(), &mut planned.options);
        }
    }
    Ok(plan)
}

/// The targets of the project in `directory` and what it wants of them, for commands that take them from there.
pub(crate) fn manifest_targets(directory: &Path) -> Result<ManifestTargets> {
    let project = manifest::locate(directory, None)?;
    let plan = Plan::new(&project, &Request::default(), super::host().triple(), &expand)?;
    let (wants, kernels) = (wants(&plan), kernel_targets(&plan));
    Ok(ManifestTargets {
        targets: plan.targets.into_iter().map(|planned| planned.target).collect(),
        wants,
        kernels,
    })
}

/// The targets of a project.
pub(crate) struct ManifestTargets {
    pub(crate) targets: Vec<Target>,
    /// What it wants of them.
    pub(crate) wants: Wants,
    /// Those on which something wants a guest system that is not there.
    pub(crate) kernels: Vec<Target>,
}

/// The targets on which something wants a guest system that is not there.
fn kernel_targets(plan: &Plan) -> Vec<Target> {
    let host = super::host();
    let with_kernel: Vec<&Target> = plan.kernel_targets().map(|planned| &planned.target).collect();
    let lacks = |planned: &&PlannedTarget| {
        let needs =
            [false, true].into_iter().filter(|needed| !needed || with_kernel.contains(&&planned.target));
        needs
            .into_iter()
            .any(|needed| systems::is_lacking(&host, &planned.target, &planned.with_kernel(needed).options))
    };
    plan.targets.iter().filter(lacks).map(|planned| planned.target.clone()).collect()
}

/// What the suites need: files that are there only have to be run.
pub(super) fn wants(plan: &Plan) -> Wants {
    let any = |is: fn(&Origin) -> bool| plan.suites.iter().any(|suite| is(&suite.origin));
    Wants {
        rust: any(|origin| matches!(origin, Origin::Cargo(_))),
        c: any(|origin| matches!(origin, Origin::C { .. })),
        run: true,
    }
}

/// The files that a glob matches below `root`, sorted; `*` matches within one path element only.
fn expand(root: &Path, glob: &str) -> Result<Vec<PathBuf>> {
    let mut found = vec![root.to_owned()];
    for element in Path::new(glob).components() {
        let element = element.as_os_str().to_string_lossy().into_owned();
        let mut next = Vec::new();
        for directory in found {
            if !element.contains('*') {
                next.push(directory.join(&element));
                continue;
            }
            for entry in fs_err::read_dir(&directory).about("list", &directory)? {
                let name = entry.about("list", &directory)?.file_name();
                if crate::pattern::glob(&element, &name.to_string_lossy()) {
                    next.push(directory.join(name));
                }
            }
        }
        found = next;
    }
    found.retain(|path| path.is_file());
    found.sort();
    Ok(found)
}

/// The last run in `dir`, which must not have come to its end, and have been the same shard.
fn last_unfinished(dir: &Path, shard: Option<Shard>) -> Result<String> {
    let nothing = || Error::user("there is no run to take up").hint("triplecheck run");
    let last = crate::runs::last(dir).ok_or_else(nothing)?;
    let events = crate::events::read(&dir.join(&last).join(crate::runs::EVENTS))?.events;
    if events.iter().any(|event| matches!(event, Event::RunFinished { interrupted: false, .. })) {
        let text = format!("the last run, `{last}`, came to its end: there is nothing to take up");
        return Err(Error::user(text).hint("triplecheck run"));
    }
    let other = events.iter().find_map(|event| match event {
        Event::RunStarted(run) if run.shard != shard => Some(run.shard),
        _ => None,
    });
    if let Some(other) = other {
        let text =
            |shard: Option<Shard>| shard.map_or("no shard".to_owned(), |shard| format!("shard {shard}"));
        let problem = format!("the last run, `{last}`, was {}, and not {}", text(other), text(shard));
        let hint = other.map_or(String::new(), |shard| format!(" --shard {shard}"));
        return Err(Error::user(problem).hint(format!("triplecheck run --resume{hint}")));
    }
    let taken_up = events.into_iter().find_map(|event| match event {
        Event::RunStarted(run) => run.resumed,
        _ => None,
    });
    Ok(taken_up.unwrap_or(last))
}

/// A name that sorts by time and is unique on this machine.
pub(super) fn run_name() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let (day, second) = (now.as_secs() / 86_400, now.as_secs() % 86_400);
    let date = crate::date::Date::from_unix_days(i64::try_from(day).unwrap_or(0));
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{date}-{hour:02}{minute:02}{second:02}-{}", std::process::id())
}

fn default_jobs() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The words that start this run again, to which a case and a target are added.
fn command_words(directory: &Path, args: &RunArgs) -> Vec<String> {
    let mut words = vec!["triplecheck".to_owned()];
    let here = std::env::current_dir().ok();
    if here.as_deref() != Some(directory) {
        words.extend(["-C".to_owned(), crate::shell::quote(&directory.display().to_string())]);
    }
    words.push("run".to_owned());
    if let Some(path) = &args.manifest_path {
        words.extend(["--manifest-path".to_owned(), crate::shell::quote(&path.display().to_string())]);
    }
    for file in &args.built.from {
        words.extend(["--from".to_owned(), crate::shell::quote(&file.display().to_string())]);
    }
    if let Some(dir) = &args.built.workspace_remap {
        words.extend(["--workspace-remap".to_owned(), crate::shell::quote(&dir.display().to_string())]);
    }
    words.extend(args.cargo.doc.then(|| "--doc".to_owned()));
    let typed = args.cargo.options(&[]);
    words.extend(
        typed.args.iter().chain(&typed.selection).map(|word| crate::shell::quote(&word.to_string_lossy())),
    );
    if let Some(timeout) = args.timeout {
        words.extend(["--timeout".to_owned(), format!("{}ms", timeout.as_millis())]);
    }
    if let Some(kind) = &args.lookup.emulator {
        words.extend(["--emulator".to_owned(), kind.clone()]);
    }
    if let Some(cpu) = &args.lookup.cpu {
        words.extend(["--cpu".to_owned(), crate::shell::quote(cpu)]);
    }
    words
}

/// The words behind the case and the target.
fn tail_words(args: &RunArgs) -> Vec<String> {
    let words = args.test_args.iter().map(|word| crate::shell::quote(word));
    if args.test_args.is_empty() {
        Vec::new()
    } else {
        std::iter::once("--".to_owned()).chain(words).collect()
    }
}
