//! The jobs as each CI system reads them. GitLab and Buildkite take JSON where they take YAML, so that nothing is quoted twice.

use serde_json::{Value, json};

use super::{Job, Matrix};
use crate::error::{Error, Result};

/// Who runs the jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Forge {
    /// GitHub: one line for a job's output, which another job takes as its matrix
    Github,
    /// GitLab: a whole child pipeline
    Gitlab,
    /// Buildkite: steps for `buildkite-agent pipeline upload`
    Buildkite,
    /// The jobs themselves, as harness/schema/matrix.json describes them
    Json,
}

impl Forge {
    /// The most jobs that it takes.
    pub fn jobs_max(self) -> u32 {
        match self {
            Self::Github | Self::Buildkite | Self::Json => 256,
            // The last job needs all others and the one before, and at most 50 may be needed.
            Self::Gitlab => 49,
        }
    }
}

/// Where jobs leave their runs, each below a directory of its own.
const PARTS: &str = "triplecheck-parts";

/// Writes the jobs for a CI system, with a line feed at the end.
///
/// # Errors
/// Only where there is a bug of ours.
pub fn render(forge: Forge, matrix: &Matrix) -> Result<String> {
    let text = match forge {
        Forge::Github => serde_json::to_string(&github(matrix)),
        Forge::Gitlab => serde_json::to_string_pretty(&gitlab(matrix)),
        Forge::Buildkite => serde_json::to_string_pretty(&buildkite(matrix)),
        Forge::Json => serde_json::to_string(matrix),
    };
    let text = text.map_err(|error| Error::ours("cannot write the jobs as JSON").caused_by(error))?;
    Ok(text + "\n")
}

/// Expressions of workflows know no lists: each value is a word or words.
fn github(matrix: &Matrix) -> Value {
    let include: Vec<Value> = matrix
        .jobs
        .iter()
        .map(|job| {
            json!({
                "name": job.name,
                "args": job.args,
                "targets": job.targets.join(" "),
                "packages": job.packages.join(" "),
                "guest_systems": job.guest_systems.join(" "),
            })
        })
        .collect();
    json!({ "include": include })
}

/// The call of a job, whose run is told from all others by the job's number.
fn run(job: &Job, number: &str) -> String {
    let bundles = format!("{PARTS}/bundles");
    format!("triplecheck run --setup --yes {} --run-dir \"{PARTS}/{number}\" --bundles {bundles}", job.args)
}

fn merge(reports: &[&str]) -> String {
    let reports: String = reports.iter().map(|report| format!(" --report {report}")).collect();
    format!("triplecheck merge {PARTS} --output triplecheck-merged{reports}")
}

/// The child pipeline of a job that has left the tool in `triplecheck-tool/bin`.
fn gitlab(matrix: &Matrix) -> Value {
    let plan = json!({ "pipeline": "$PARENT_PIPELINE_ID", "job": "triplecheck:plan" });
    let path = "export PATH=\"$CI_PROJECT_DIR/triplecheck-tool/bin:$PATH\"";
    let jobs = matrix.jobs.iter().map(|job| json!({ "job": job.name }));
    let needs: Vec<Value> = std::iter::once(plan.clone()).chain(jobs).collect();
    let reports = ["junit=triplecheck.xml", "gitlab=gl-code-quality-report.json", "html=triplecheck.html"];
    let mut pipeline = json!({
        "stages": ["test", "report"],
        "default": { "image": "$TRIPLECHECK_IMAGE" },
        "triplecheck:report": {
            "stage": "report",
            "when": "always",
            "needs": needs,
            // Where the next pipeline's first job finds what its targets took.
            "cache": { "key": "triplecheck", "paths": ["triplecheck-merged/"], "policy": "push", "when": "always" },
            "script": [path, merge(&reports)],
            "artifacts": {
                "when": "always",
                "paths": ["triplecheck-merged/", "triplecheck.html", format!("{PARTS}/bundles/")],
                "reports": { "junit": "triplecheck.xml", "codequality": "gl-code-quality-report.json" },
            },
        },
    });
    for job in &matrix.jobs {
        pipeline[&job.name] = json!({
            "stage": "test",
            "needs": [plan],
            "script": [path, run(job, "$CI_JOB_ID")],
            "artifacts": { "when": "always", "paths": [format!("{PARTS}/")] },
        });
    }
    pipeline
}

/// A dollar sign is doubled, because the agent that uploads the steps fills in variables of its own job.
fn buildkite(matrix: &Matrix) -> Value {
    let paths = json!([format!("{PARTS}/**/*")]);
    let jobs = matrix.jobs.iter().map(|job| {
        let command = run(job, "$$BUILDKITE_JOB_ID");
        json!({ "label": job.name, "command": command, "artifact_paths": paths })
    });
    let report = json!({
        "label": "triplecheck report",
        "commands": [
            format!("buildkite-agent artifact download '{PARTS}/**/*' ."),
            merge(&["junit=triplecheck.xml", "html=triplecheck.html"]),
        ],
        "artifact_paths": ["triplecheck.html", "triplecheck.xml"],
    });
    let wait = json!({ "wait": Value::Null, "continue_on_failure": true });
    let steps: Vec<Value> = jobs.chain([wait, report]).collect();
    json!({ "steps": steps })
}
