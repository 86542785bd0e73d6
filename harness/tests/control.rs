//! Long and flaky runs: retries, stress, stopping at the first finding, deadlines, and what is shown and can be done
//! meanwhile. Guests that fail by the count of their runs keep it in a file beside the project.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]
#![expect(clippy::disallowed_methods, reason = "a shell with job control is what is tested against")]

mod support;
#[path = "support/terminal.rs"]
mod terminal;

use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use support::{ran, runs, triplecheck, write};
use terminal::Terminal;

const TARGET: &str = "aarch64-unknown-linux-gnu";

/// A C program that counts its runs on the target, and there does `there` with the count in `n`; natively it passes.
fn counting(there: &str) -> String {
    format!(
        "#include <stdio.h>\n#include <stdlib.h>\n#include <unistd.h>\nint main(int c, char **v) {{\n\
         #ifdef __aarch64__\n    FILE *f = fopen(v[1], \"a+\"); fputc('x', f); fflush(f); fseek(f, 0, SEEK_END); long n = ftell(f); fclose(f);\n    {there}\n\
         #endif\n    (void)c; (void)v; puts(\"fine\"); return 0; }}\n"
    )
}

struct Project {
    dir: tempfile::TempDir,
}

impl Project {
    /// C programs by name, each with a file of its own for its count; `keys` are the suite's.
    fn new(keys: &str, programs: &[(&str, &str)]) -> Option<Self> {
        if !runs(TARGET) {
            return None;
        }
        let project = Self { dir: tempfile::tempdir().unwrap() };
        let mut manifest = format!(
            "targets = [\"{TARGET}\"]\n[[suite]]\nname = \"c\"\nkind = \"c\"\nsources = \"*.c\"\n{keys}\n"
        );
        for (name, source) in programs {
            let count = project.path(&format!("{name}.count"));
            manifest.push_str(&format!(
                "[[suite.program]]\nname = \"{name}\"\ncases = [{{ args = [\"{}\"] }}]\n",
                count.display()
            ));
            write(project.dir.path(), &[(&format!("{name}.c"), &counting(source))]);
        }
        write(project.dir.path(), &[("triplecheck.toml", &manifest)]);
        Some(project)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = triplecheck();
        command.arg("-C").arg(self.dir.path()).arg("run").args(words);
        command
    }

    #[track_caller]
    fn report(&self, words: &[&str]) -> Value {
        let run = ran(self.command(&["--json"]).args(words));
        serde_json::from_str(&run.stdout)
            .unwrap_or_else(|error| panic!("no report ({error}), status {:?}:\n{}", run.code, run.stderr))
    }

    /// The events of the only run that there is so far.
    fn events(&self) -> String {
        let runs = std::fs::read_dir(self.path("target/triplecheck/runs")).into_iter().flatten().flatten();
        let files = runs.map(|run| std::fs::read_to_string(run.path().join("events.jsonl")));
        files.flatten().collect()
    }

    /// How often a program ran on the target.
    fn count(&self, name: &str) -> u64 {
        std::fs::metadata(self.path(&format!("{name}.count"))).map_or(0, |meta| meta.len())
    }
}

#[track_caller]
fn cell<'a>(report: &'a Value, case: &str) -> &'a Value {
    let mut cells = report["cells"].as_array().unwrap().iter();
    cells.find(|cell| cell["case"] == case).unwrap_or_else(|| panic!("no cell `{case}`: {report:#}"))
}

fn tried(cell: &Value) -> Vec<&str> {
    cell["tries"].as_array().unwrap().iter().map(|one| one["verdict"].as_str().unwrap()).collect()
}

#[test]
fn what_passes_on_a_retry_is_flaky_and_what_does_not_is_what_it_is() {
    let programs = [("once", "if (n < 2) return 7;"), ("always", "puts(\"other\"); return 7;"), ("well", "")];
    let Some(project) = Project::new("", &programs) else { return };
    let report = project.report(&["--retries", "2"]);
    assert_eq!(report["exit"], 1, "a retry makes nothing good: {report:#}");
    let once = cell(&report, "once");
    assert_eq!(once["verdict"], "flaky");
    assert_eq!(tried(once), ["cross-fail"]);
    assert!(once["cause"].as_str().unwrap().starts_with("passed on try 2 of 3"), "{once:#}");
    let always = cell(&report, "always");
    assert_eq!(always["verdict"], "cross-fail");
    assert_eq!(tried(always), ["cross-fail", "cross-fail"]);
    assert_eq!(cell(&report, "well")["verdict"], "same");
    // What fails each time is run once more at the end, to see what the emulator logs.
    assert_eq!(["once", "always", "well"].map(|name| project.count(name)), [2, 4, 1]);
    let text = ran(&mut project.command(&["--retries", "1", "always"])).stdout;
    assert!(text.contains("tries   cross-fail, cross-fail"), "{text}");
}

#[test]
fn the_manifest_may_ask_for_retries_and_expect_what_is_flaky() {
    let Some(project) =
        Project::new("retries = 1\nretry-delay = \"1ms\"", &[("once", "if (n % 2) return 7;")])
    else {
        return;
    };
    assert_eq!(cell(&project.report(&[]), "once")["verdict"], "flaky");
    assert_eq!(cell(&project.report(&["--retries", "0"]), "once")["verdict"], "cross-fail");
    let manifest = std::fs::read_to_string(project.path("triplecheck.toml")).unwrap();
    let expect =
        "[[expect]]\ntest = \"c::once\"\ntarget = \"*\"\nverdict = \"flaky\"\nreason = \"it races\"\n";
    write(project.dir.path(), &[("triplecheck.toml", &format!("{manifest}{expect}"))]);
    std::fs::remove_file(project.path("once.count")).unwrap();
    let report = project.report(&[]);
    assert_eq!((&cell(&report, "once")["verdict"], &report["exit"]), (&"expected".into(), &0.into()));
}

#[test]
fn a_single_test_of_a_binary_is_retried_without_the_others() {
    if !runs(TARGET) {
        return;
    }
    let project = tempfile::tempdir().unwrap();
    let count = |name: &str| format!("{}/{name}.count", project.path().display());
    let test = |name: &str, there: &str| {
        format!(
            "#[test]\nfn {name}() {{\n    if cfg!(target_arch = \"aarch64\") {{\n        use std::io::Write;\n        let mut f = std::fs::File::options().append(true).create(true).open({:?}).unwrap();\n        f.write_all(b\"x\").unwrap();\n        let n = f.metadata().unwrap().len();\n        assert!({there}, \"run {{n}}\");\n    }}\n}}\n",
            count(name)
        )
    };
    // Twice before it counts as failed: in the batch, and alone.
    let source = [test("third_time", "n >= 3"), test("never", "n == 0"), test("well", "n > 0")].concat();
    write(
        project.path(),
        &[
            (
                "Cargo.toml",
                "[package]\nname = \"demo\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n",
            ),
            ("src/lib.rs", &source),
        ],
    );
    let words = ["run", "--json", "--retries", "2", "-t", TARGET];
    let run = ran(triplecheck().arg("-C").arg(project.path()).args(words));
    let report: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{}", run.stderr));
    assert_eq!(cell(&report, "third_time")["verdict"], "flaky", "{report:#}");
    assert_eq!(tried(cell(&report, "third_time")), ["cross-fail"]);
    assert_eq!(cell(&report, "never")["verdict"], "cross-fail");
    assert_eq!(tried(cell(&report, "never")), ["cross-fail", "cross-fail"]);
    assert_eq!(cell(&report, "well")["verdict"], "same");
    let runs = ["third_time", "never", "well"].map(|name| std::fs::metadata(count(name)).unwrap().len());
    assert_eq!(runs, [3, 4, 1]);
}

#[test]
fn a_test_that_passes_natively_only_on_a_retry_is_flaky_on_every_target() {
    if !runs(TARGET) {
        return;
    }
    let project = tempfile::tempdir().unwrap();
    let count = project.path().join("late.count");
    let source = format!(
        "#[test]\nfn late() {{\n    if cfg!(target_arch = \"x86_64\") {{\n        use std::io::Write;\n        let mut f = std::fs::File::options().append(true).create(true).open({count:?}).unwrap();\n        f.write_all(b\"x\").unwrap();\n        assert!(f.metadata().unwrap().len() > 1);\n    }}\n}}\n#[test]\nfn never() {{ panic!(\"everywhere\") }}\n"
    );
    write(
        project.path(),
        &[
            (
                "Cargo.toml",
                "[package]\nname = \"demo\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n",
            ),
            ("src/lib.rs", &source),
        ],
    );
    let words = ["run", "--json", "--retries", "1", "-t", TARGET];
    let run = ran(triplecheck().arg("-C").arg(project.path()).args(words));
    let report: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{}", run.stderr));
    let late = cell(&report, "late");
    assert_eq!(late["verdict"], "flaky", "{report:#}");
    assert_eq!(late["cause"], "natively it passed on try 2 of 2");
    assert_eq!(cell(&report, "never")["verdict"], "fails-natively");
}

#[test]
fn a_stress_run_counts_how_often_things_go_wrong() {
    let programs = [("often", "if (n % 3 == 0) return 7;"), ("always", "return 7;"), ("well", "")];
    let Some(project) = Project::new("", &programs) else { return };
    let report = project.report(&["--repeat", "6"]);
    assert_eq!(report["exit"], 1);
    let often = cell(&report, "often");
    assert_eq!(often["verdict"], "flaky", "{report:#}");
    assert_eq!((&often["repeated"]["runs"], &often["repeated"]["findings"]), (&6.into(), &2.into()));
    assert_eq!(cell(&report, "always")["verdict"], "cross-fail");
    assert_eq!(cell(&report, "always")["repeated"]["findings"], 6);
    assert_eq!(cell(&report, "well")["verdict"], "same");
    assert_eq!(cell(&report, "well")["repeated"]["runs"], 6);
    assert_eq!(report["cells"].as_array().unwrap().len(), 3, "one cell for all its runs");
    assert_eq!(["often", "always", "well"].map(|name| project.count(name)), [6, 6, 6]);
    // The native side of the two that differ is run once more, to see what varies there.
    assert_eq!(report["guests_started"], 36 + 2, "natively as often");
    std::fs::remove_file(project.path("often.count")).unwrap();
    let report = project.report(&["--repeat", "50", "--fail-fast", "often"]);
    let counts = &cell(&report, "often")["repeated"];
    assert_eq!((&counts["runs"], &counts["findings"]), (&3.into(), &1.into()), "until it fails: {report:#}");
    let report = project.report(&["well"]);
    assert_eq!(report["guests_started"], 2, "what a stress run found is nobody else's result");
}

#[test]
fn the_first_finding_ends_the_run_and_the_rest_is_listed() {
    // The longest natively, so that it is among the first on the target. Each time that it is looked into, the worker takes
    // one of the others while the result is on its way.
    let failing = "return 7;\n#else\n    usleep(100000);";
    let others = ["a", "c", "d", "e", "f", "g", "h", "i", "k"];
    let programs: Vec<_> = others.iter().map(|name| (*name, "")).chain([("b", failing)]).collect();
    let Some(project) = Project::new("", &programs) else { return };
    let report = project.report(&["--fail-fast", "-j", "1"]);
    assert_eq!((&report["exit"], &report["interrupted"]), (&1.into(), &false.into()), "{report:#}");
    let cells = report["cells"].as_array().unwrap();
    let not_run = report["not_run"].as_array().unwrap();
    assert_eq!(cells.len() + not_run.len(), programs.len(), "nothing is silently left out: {report:#}");
    assert_eq!(cell(&report, "b")["verdict"], "cross-fail");
    assert!(!not_run.is_empty(), "{report:#}");
    for cell in not_run {
        assert!(cell["reason"].as_str().unwrap().contains("--fail-fast"), "{cell}");
        assert!(cell["fix"].as_str().unwrap().starts_with("triplecheck "), "{cell}");
    }
    let started: u64 = others.iter().map(|name| project.count(name)).sum();
    assert_eq!(started + 1, cells.len() as u64, "what is listed has not been started");
}

#[test]
fn a_time_out_says_where_its_limit_comes_from() {
    let programs = [("hang", "for (;;) pause();"), ("well", "")];
    let Some(project) = Project::new("", &programs) else { return };
    let report = project.report(&["--timeout", "2s"]);
    let hang = cell(&report, "hang");
    assert_eq!((&hang["verdict"], &hang["limit_ms"]), (&"timeout".into(), &2000.into()), "{report:#}");
    let cause = hang["cause"].as_str().unwrap();
    assert!(cause.starts_with("no end within 2 s, as `--timeout` or the manifest says"), "{cause}");
    assert!(hang["repeat"].as_str().unwrap().contains("--timeout 2000ms"), "{hang}");
    let derived = project.report(&["--no-cache", "well"]);
    assert!(cell(&derived, "well")["limit_ms"].as_u64().unwrap() >= 60_000, "{derived:#}");
}

#[test]
fn how_slow_an_emulator_is_gets_measured_and_kept() {
    let Some(project) = Project::new("", &[("spin", "")]) else { return };
    // Long enough natively to be no measurement of the start.
    let spin = "#include <time.h>\nint main(void) { clock_t end = clock() + CLOCKS_PER_SEC / 5; while (clock() < end) ; return 0; }\n";
    write(project.dir.path(), &[("spin.c", spin)]);
    project.report(&[]);
    let kept: Value =
        serde_json::from_slice(&std::fs::read(project.path("target/triplecheck/speeds.json")).unwrap())
            .unwrap();
    let (emulator, ratios) = kept["ratios"].as_object().unwrap().iter().next().unwrap();
    assert!(emulator.starts_with(&format!("{TARGET} qemu-user ")), "{emulator}");
    assert_eq!(ratios.as_array().unwrap().len(), 1);
}

#[test]
fn a_log_names_what_is_over_and_findings_at_once() {
    let Some(project) = Project::new("", &[("fails", "return 7;"), ("well", "")]) else { return };
    let run = ran(&mut project.command(&[]));
    let lines: Vec<&str> = run.stderr.lines().collect();
    assert!(lines.contains(&&*format!("cross-fail  c::fails on {TARGET}")), "{}", run.stderr);
    assert!(lines.contains(&&*format!("done c on {TARGET}: 2 cells, 1 finding")), "{}", run.stderr);
    assert!(!run.stderr.contains('\u{1b}'), "nothing is coloured or moved: {:?}", run.stderr);
}

/// The processes below this one, by name.
fn below(parent: u32, name: &str) -> Vec<Pid> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let Some((head, tail)) = stat.rsplit_once(')') else { continue };
        let Some((pid, comm)) = head.split_once(" (") else { continue };
        let mut fields = tail.split_whitespace().skip(1);
        if comm == name && fields.next().and_then(|field| field.parse().ok()) == Some(parent) {
            found.extend(pid.parse().ok().and_then(Pid::from_raw));
        }
    }
    found
}

fn pid(child: &std::process::Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap()
}

/// Whether whoever started the tests has this signal ignored, and so the program under test, too: `nohup` does.
fn is_ignored(signal: Signal) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    u64::from_str_radix(mask.trim(), 16).unwrap() >> (signal.as_raw() - 1) & 1 == 1
}

/// Whether any process has this word on its command line.
fn is_running(word: &Path) -> bool {
    let word = word.as_os_str().as_encoded_bytes();
    std::fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|argument| argument == word)
    })
}

const HANG: &[(&str, &str)] = &[("hang", "for (;;) pause();")];
const HANGING: &str = "c::hang on aarch64-unknown-linux-gnu";

#[test]
fn a_key_tells_what_is_running_and_one_ctrl_c_ends_it_in_order() {
    let Some(project) = Project::new("", HANG) else { return };
    let mut terminal = Terminal::new();
    let mut child = terminal.start(&project.command(&[]));
    terminal.await_text(HANGING);
    assert!(!terminal.is_as_usual(), "keys come one by one");
    terminal.resize(12, 60);
    terminal.press(b"t");
    let told = terminal.await_text(" left");
    assert!(told.contains(HANGING), "{told}");
    terminal.press(b"\x03");
    let report = terminal.await_text("interrupted");
    assert_eq!(child.wait().unwrap().code(), Some(130), "{report}");
    assert!(terminal.is_as_usual());
    assert!(!is_running(&project.path("hang.count")), "no guest is left");
}

#[test]
fn a_second_ctrl_c_ends_at_once_and_nothing_is_left_running() {
    let Some(project) = Project::new("", HANG) else { return };
    let mut terminal = Terminal::new();
    let mut child = terminal.start(&project.command(&[]));
    terminal.await_text(HANGING);
    // A supervisor that does not answer keeps the first from being enough.
    let supervisors = below(child.id(), "guest-supervise");
    assert!(!supervisors.is_empty());
    for supervisor in &supervisors {
        kill_process(*supervisor, Signal::STOP).unwrap();
    }
    terminal.press(b"\x03");
    // The terminal is given back by the first already, which shows that it has been heard.
    support::await_true("the first is heard", || terminal.is_as_usual());
    assert!(child.try_wait().unwrap().is_none());
    terminal.press(b"\x03");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(terminal.is_as_usual());
    for supervisor in supervisors {
        // It may have seen the end of its life line already.
        let _ = kill_process(supervisor, Signal::CONT);
    }
    support::await_true("the guest is gone", || !is_running(&project.path("hang.count")));
}

#[test]
fn ctrl_z_gives_the_terminal_back_until_the_run_goes_on() {
    let Some(project) = Project::new("", HANG) else { return };
    let mut terminal = Terminal::new();
    let mut child = terminal.start(&project.command(&[]));
    terminal.await_text(HANGING);
    assert!(!terminal.is_as_usual());
    terminal.press(b"\x1a");
    support::await_true("it is stopped", || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
        stat.rsplit_once(')').unwrap().1.trim_start().starts_with('T')
    });
    assert!(terminal.is_as_usual());
    kill_process(pid(&child), Signal::CONT).unwrap();
    support::await_true("keys come one by one again", || !terminal.is_as_usual());
    terminal.press(b"\n");
    terminal.await_text(" left");
    kill_process(pid(&child), Signal::TERM).unwrap();
    terminal.await_text("interrupted");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(terminal.is_as_usual());
}

#[test]
fn in_the_background_nothing_is_read_and_the_terminal_left_alone() {
    let Some(project) = Project::new("", &[("well", "")]) else { return };
    let mut terminal = Terminal::new();
    let run = project.command(&[]);
    let mut shell = Command::new("sh");
    // With job control, so that it has a group of its own that is not in front.
    shell
        .args(["-mc", "\"$0\" \"$@\" & wait $!; echo status $?"])
        .arg(run.get_program())
        .args(run.get_args());
    let mut child = terminal.start(&shell);
    terminal.await_text("0 findings");
    terminal.await_text("status 0");
    assert!(child.wait().unwrap().success());
    assert!(terminal.is_as_usual());
}

#[test]
fn without_a_terminal_a_signal_ends_in_order_and_what_was_not_run_is_listed() {
    let programs = [("a", ""), ("hang", "for (;;) pause();")];
    let Some(project) = Project::new("", &programs) else { return };
    for signal in [Signal::INT, Signal::TERM, Signal::HUP].into_iter().filter(|signal| !is_ignored(*signal)) {
        // Two at once, since nobody promises which of them is first.
        let mut command = project.command(&["--json", "--no-cache", "-j", "2"]);
        let count = project.path("hang.count");
        let _ = std::fs::remove_file(&count);
        let _ = std::fs::remove_dir_all(project.path("target/triplecheck/runs"));
        let child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
        support::await_true("the guest runs", || std::fs::metadata(&count).is_ok_and(|meta| meta.len() > 0));
        support::await_true("the other one is compared", || project.events().contains("\"event\":\"cell\""));
        kill_process(pid(&child), signal).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{signal:?}");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["interrupted"], true);
        assert_eq!(cell(&report, "a")["verdict"], "same");
        let not_run = &report["not_run"][0];
        assert_eq!(
            (&not_run["case"], &not_run["reason"]),
            (&"hang".into(), &"the run was interrupted".into())
        );
    }
}

#[test]
fn a_build_is_ended_with_all_that_it_has_started() {
    if !runs(TARGET) {
        return;
    }
    let project = tempfile::tempdir().unwrap();
    // A build script that waits for ever, under a name that nobody else has.
    let script = "fn main() { std::fs::write(std::env::var(\"OUT_DIR\").unwrap() + \"/begun\", std::process::id().to_string()).unwrap(); loop { std::thread::park(); } }\n";
    write(
        project.path(),
        &[
            (
                "Cargo.toml",
                "[package]\nname = \"demo\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n",
            ),
            ("build.rs", script),
            ("src/lib.rs", "#[test]\nfn a() {}\n"),
        ],
    );
    let mut command = triplecheck();
    command.arg("-C").arg(project.path()).args(["run", "--json", "-t", TARGET]);
    let child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut begun = None;
    support::await_true("the build script runs", || {
        begun = find(&project.path().join("target"), "begun")
            .filter(|file| std::fs::metadata(file).unwrap().len() > 0);
        begun.is_some()
    });
    let script = std::fs::read_to_string(begun.unwrap()).unwrap();
    kill_process(pid(&child), Signal::TERM).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        report["build_failures"].as_array().unwrap().len(),
        0,
        "what was ended has not failed: {report:#}"
    );
    assert_eq!(report["not_run"][0]["case"], "*", "{report:#}");
    support::await_true("the build script is gone", || !Path::new(&format!("/proc/{script}")).exists());
}

/// A file of this name somewhere below `dir`.
fn find(dir: &Path, name: &str) -> Option<PathBuf> {
    let entries = std::fs::read_dir(dir).ok()?;
    entries.flatten().find_map(|entry| {
        let path = entry.path();
        if path.is_dir() { find(&path, name) } else { (path.file_name()? == name).then_some(path) }
    })
}
