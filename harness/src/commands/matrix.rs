//! `triplecheck matrix`: the jobs of a CI system, from the manifest and from what earlier runs took. Nothing is probed and
//! nothing started, so that a job whose answer others wait for is over at once.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use triplecheck_emulators::host::Host as _;
use triplecheck_emulators::target::Target;

use crate::cli::MatrixArgs;
use crate::error::{Error, Result};
use crate::manifest;
use crate::matrix::{self, Cost, JOBS, Matrix};
use crate::plan;
use crate::run::Durations;
use crate::runs;

/// Prints the jobs.
///
/// # Errors
/// When there is no project, no target, or no such run.
pub fn matrix(directory: &Path, args: &MatrixArgs, out: &mut dyn Write) -> Result<u8> {
    let project = manifest::locate(directory, args.manifest_path.as_deref())?;
    let host = super::host();
    let request = plan::Request { targets: args.targets.clone(), ..plan::Request::default() };
    let plan = super::run::plan_for(&project, &request, &host, None)?;
    let targets: Vec<Target> = plan.targets.iter().map(|planned| planned.target.clone()).collect();
    if targets.is_empty() {
        return Err(Error::user("the host is the only target: there is nothing to run elsewhere")
            .hint("triplecheck matrix -t aarch64-unknown-linux-gnu -t s390x-unknown-linux-gnu"));
    }
    let most = args.ci.jobs_max();
    if let Some(jobs) = args.jobs.filter(|jobs| *jobs > most) {
        let text = format!("there may be at most {most} jobs of this system, not {jobs}");
        return Err(Error::user(text).hint(format!("--jobs {most}")));
    }
    let (costs, durations) = match &args.from {
        Some(run) => {
            let run_dir = runs::find(&project.root, directory, Some(run))?;
            let recorded = crate::events::read(&run_dir.join(runs::EVENTS))?;
            (matrix::costs(&recorded.events), Some(run.clone()))
        }
        None => of_all_runs(&project.root, host.triple()),
    };
    let with_kernel: Vec<Target> = plan.kernel_targets().map(|planned| planned.target.clone()).collect();
    let request = matrix::Request {
        targets: &targets,
        with_kernel: &with_kernel,
        wants: super::run::wants(&plan),
        jobs: args.jobs.unwrap_or(JOBS),
        costs: &costs,
        durations,
    };
    super::report::print(out, &matrix::render(args.ci, &Matrix::new(&request))?)?;
    Ok(0)
}

/// What guests took in the runs of this project on this machine, and where that is kept.
fn of_all_runs(root: &Path, host: &str) -> (BTreeMap<String, Cost>, Option<String>) {
    let path = runs::state_dir(root).join(runs::DURATIONS);
    let durations = Durations::read(&path);
    let sums = durations.by_target();
    let native_ms = sums.get(host).copied().unwrap_or(0);
    let of_targets = sums.iter().filter(|(target, _)| **target != host);
    let costs: BTreeMap<String, Cost> = of_targets
        .map(|(target, run_ms)| ((*target).to_owned(), Cost { run_ms: *run_ms, native_ms, build_ms: 0 }))
        .collect();
    let known = !costs.is_empty();
    (costs, known.then(|| path.display().to_string()))
}
