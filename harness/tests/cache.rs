//! What an earlier run has found is not found again, until something changes that it depends on; each such thing is
//! changed here by itself.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod support;

use std::path::{Path, PathBuf};

use support::{ran, runs, triplecheck};

const TARGET: &str = "aarch64-unknown-linux-gnu";

const MANIFEST: &str = r#"
targets = ["aarch64-unknown-linux-gnu"]
[[suite]]
name = "c"
kind = "c"
sources = "*.c"
[[suite.program]]
name = "echo"
cases = [{ name = "in", stdin = "input" }]
[[suite.program]]
name = "plain"
cases = [{ name = "a" }, { name = "b", args = ["x"] }]
"#;

const FILES: &[(&str, &str)] = &[
    ("triplecheck.toml", MANIFEST),
    ("input", "first\n"),
    (
        "echo.c",
        "#include <stdio.h>\nint main(void) { int c; while ((c = getchar()) != EOF) putchar(c); return 0; }\n",
    ),
    ("plain.c", "#include <stdio.h>\nint main(int c, char **v) { printf(\"%d\\n\", c); return 0; }\n"),
];

struct Project {
    dir: tempfile::TempDir,
    variables: Vec<(&'static str, std::ffi::OsString)>,
}

impl Project {
    fn new() -> Option<Self> {
        if !runs(TARGET) {
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        support::write(dir.path(), FILES);
        Some(Self { dir, variables: Vec::new() })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// How many guests a run starts, and how many findings it has.
    #[track_caller]
    fn run(&self, words: &[&str]) -> (u64, usize) {
        let mut command = triplecheck();
        command.arg("-C").arg(self.dir.path()).args(["run", "--json"]).args(words);
        let run = ran(command.envs(self.variables.iter().cloned()));
        let report: serde_json::Value =
            serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{}", run.stderr));
        let cells = report["cells"].as_array().unwrap();
        assert_eq!(cells.len(), 3, "every run tells every cell: {}", run.stdout);
        (report["guests_started"].as_u64().unwrap(), report["findings"].as_array().unwrap().len())
    }

    /// After everything was found once, nothing is started; after `change` so many guests are, and then none again.
    #[track_caller]
    fn check(&mut self, what: &str, words: &[&str], started: u64, change: impl FnOnce(&mut Self)) {
        change(self);
        assert_eq!(self.run(words), (started, 0), "{what}");
        assert_eq!(self.run(words), (0, 0), "{what}, a second time");
    }
}

#[test]
fn what_has_not_changed_is_not_run_and_what_has_is() {
    let Some(mut project) = Project::new() else { return };
    project.check("everything is new", &[], 6, |_| {});
    project
        .check("the environment", &[], 6, |project| project.variables.push(("TZ", "Africa/Nairobi".into())));
    project.check("where somebody works", &[], 0, |project| {
        project.variables.push(("SSH_TTY", "/dev/pts/7".into()));
    });
    project.check("one program", &[], 2, |project| {
        let text = FILES[2].1.replace("return 0", "return 7");
        std::fs::write(project.path("echo.c"), text).unwrap();
    });
    project.check("an input", &[], 2, |project| std::fs::write(project.path("input"), "other\n").unwrap());
    project.check("a case's arguments", &[], 2, |project| {
        std::fs::write(project.path("triplecheck.toml"), MANIFEST.replace("\"x\"", "\"x\", \"y\"")).unwrap();
    });
    project.check("the CPU model", &["--cpu", "cortex-a53"], 6, |_| {});
    assert_eq!(project.run(&["--no-cache"]), (6, 0), "on demand everything is run");
}

#[test]
fn another_emulator_and_another_sysroot_are_changes() {
    let Some(mut project) = Project::new() else { return };
    project.check("everything is new", &[], 6, |_| {});
    let which = ran(triplecheck().args(["which", "--json", TARGET]));
    let answer: serde_json::Value = serde_json::from_str(&which.stdout).unwrap();
    let emulator = PathBuf::from(answer["emulator"]["program"].as_str().unwrap());
    let bin = project.path("bin");
    let copy = bin.join(emulator.file_name().unwrap());
    let install = || {
        std::fs::create_dir_all(&bin).unwrap();
        // By another process: a file that was open for writing when a third forked could not be executed.
        assert!(support::copies(&emulator, &copy));
    };
    project.check("an emulator in another place", &[], 6, |project| {
        install();
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
        project.variables.push(("PATH", path.into()));
    });
    project.check("another file in its place", &[], 6, |_| {
        std::fs::remove_file(&copy).unwrap();
        install();
    });
    let sysroot = PathBuf::from(answer["sysroot"].as_str().unwrap());
    let own = project.path("sysroot");
    std::fs::create_dir_all(&own).unwrap();
    assert!(support::copies(&sysroot.join("lib"), &own.join("lib")));
    let words = ["--sysroot", own.to_str().unwrap()];
    project.check("a sysroot", &words, 6, |_| {});
    project.check("a library of it", &words, 6, |_| {
        let library = own.join("lib/libc.so.6");
        let bytes = std::fs::read(&library).unwrap();
        std::fs::remove_file(&library).unwrap();
        std::fs::write(&library, bytes).unwrap();
    });
}

#[test]
fn a_finding_is_always_found_again_and_an_expectation_is_looked_at_again() {
    let Some(project) = Project::new() else { return };
    let differs =
        "#include <stdio.h>\nint main(void) {\n#ifdef __aarch64__\nputs(\"other\");\n#endif\nreturn 0; }\n";
    std::fs::write(project.path("plain.c"), differs).unwrap();
    // Each difference is looked at natively once more.
    assert_eq!(project.run(&[]), (8, 2));
    assert_eq!(project.run(&[]), (6, 2), "only what was good is not run again");
    let expect = "[[expect]]\ntest = \"c::plain::*\"\ntarget = \"aarch64-unknown-linux-gnu\"\nverdict = \"differs\"\nreason = \"so it is\"\n";
    let manifest = format!("{MANIFEST}{expect}");
    std::fs::write(project.path("triplecheck.toml"), &manifest).unwrap();
    assert_eq!(project.run(&[]), (6, 0));
    assert_eq!(project.run(&[]), (0, 0), "an expected difference is as it should be");
    std::fs::write(
        project.path("triplecheck.toml"),
        manifest.replace("so it is\"", "so it was\"\nuntil = \"2020-01-01\""),
    )
    .unwrap();
    assert_eq!(project.run(&[]).1, 2, "what has run out is a finding, whatever was kept");
}

/// Ends the project's last run as a kill would have: its last event is not there.
fn kill_last_run(project: &Project) {
    let runs = std::fs::read_dir(project.path("target/triplecheck/runs")).unwrap();
    let files = runs.map(|entry| entry.unwrap().path().join("events.jsonl"));
    let events = files.max_by_key(|file| std::fs::metadata(file).unwrap().modified().unwrap()).unwrap();
    let text = std::fs::read_to_string(&events).unwrap();
    let (kept, finished) = text.trim_end().rsplit_once('\n').unwrap();
    let finished: serde_json::Value = serde_json::from_str(finished).unwrap();
    assert_eq!(finished["event"], "run-finished");
    std::fs::write(&events, format!("{kept}\n")).unwrap();
}

#[test]
fn a_run_that_was_killed_is_taken_up_where_it_was() {
    let Some(project) = Project::new() else { return };
    let differs =
        "#include <stdio.h>\nint main(void) {\n#ifdef __aarch64__\nputs(\"other\");\n#endif\nreturn 0; }\n";
    std::fs::write(project.path("plain.c"), differs).unwrap();
    let refused = ran(triplecheck().arg("-C").arg(project.dir.path()).args(["run", "--resume"]));
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert_eq!(project.run(&[]), (8, 2));
    let refused = ran(triplecheck().arg("-C").arg(project.dir.path()).args(["run", "--resume"]));
    assert!(refused.stderr.contains("came to its end"), "{}", refused.stderr);
    kill_last_run(&project);
    assert_eq!(project.run(&["--resume"]), (0, 2), "what it had found is not found again");
    kill_last_run(&project);
    assert_eq!(project.run(&["--resume"]), (0, 2), "nor by who takes up who took it up");
    // One result lost, and nothing else.
    let kept = project.path("target/triplecheck/results.jsonl");
    let text = std::fs::read_to_string(&kept).unwrap();
    let lines = text.lines().filter(|line| !line.contains("\"case\":\"echo::in\""));
    let rest: String = lines.map(|line| format!("{line}\n")).collect();
    assert_eq!(rest.lines().count() + 1, text.lines().count());
    std::fs::write(&kept, rest).unwrap();
    kill_last_run(&project);
    assert_eq!(project.run(&["--resume"]), (2, 2));
    assert_eq!(project.run(&[]), (6, 2), "a new run finds every finding again");
}

#[test]
fn a_killed_run_leaves_what_it_had_found() {
    let Some(project) = Project::new() else { return };
    assert_eq!(project.run(&[]), (6, 0));
    let kept = project.path("target/triplecheck/results.jsonl");
    let text = std::fs::read_to_string(&kept).unwrap();
    assert_eq!(text.lines().count(), 3);
    // As if it had been killed while it wrote the last one.
    std::fs::write(&kept, &text[..text.len() - 20]).unwrap();
    assert_eq!(project.run(&[]), (2, 0));
    assert_eq!(project.run(&[]), (0, 0));
    assert!(Path::new(&kept).is_file());
}
