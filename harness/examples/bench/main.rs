//! The benchmark behind `ci/bench`: every line runs both of its sides in one go, in turn, and prints the ratio or
//! the difference. Nothing here passes or fails; a noisy machine gives noisy lines, with their spread.
//!
//! Arguments: the `triplecheck` binary, then the names of the lines wanted (`exec`, `nested`, `wine`, `which`, `cell`,
//! `cargo-tests`, `compare`, `html`, `matrix`, `targets`, `second`, `many`, `vm`, `peers`, `setup`), all where none is given; `crates`, which takes half
//! an hour, `verdicts` and `csmith` only where they are named. `--runs N` says how often each side of the longer lines is run,
//! five times where nothing is said.

#![expect(clippy::disallowed_methods, reason = "a benchmark starts what it measures")]
#![expect(clippy::print_stdout, reason = "its lines are its result")]
#![expect(clippy::cast_precision_loss, reason = "counts of runs are far below 2^52")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

mod cargo_tests;
mod compare;
mod crates;
mod csmith;
mod hook;
mod html;
mod matrix;
mod scale;
mod verdicts;
mod vm;

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// One line of the benchmark.
type Line = (&'static str, fn(&Bench) -> Outcome);

fn main() -> Outcome {
    let mut words = std::env::args().skip(1);
    if std::env::args().nth(1).as_deref() == Some("compare-once") {
        let files: Vec<PathBuf> = words.skip(1).map(PathBuf::from).collect();
        let [native, target] = files.as_slice() else {
            return Err("usage: bench compare-once FILE FILE".into());
        };
        return compare::once(native, target);
    }
    let binary = PathBuf::from(words.next().ok_or("usage: bench TRIPLECHECK [LINE]...")?);
    // Lines that work in other directories name it too.
    let binary = std::path::absolute(binary)?;
    let mut wanted: Vec<String> = words.collect();
    let mut runs = RUNS;
    if let Some(at) = wanted.iter().position(|word| word == "--runs") {
        runs = wanted
            .get(at + 1)
            .and_then(|number| number.parse().ok())
            .filter(|number| *number > 0)
            .ok_or("--runs N")?;
        wanted.drain(at..=at + 1);
    }
    let work = tempfile::tempdir()?;
    // What takes long to fetch and to build is kept for the next time.
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("target").join("bench");
    let bench = Bench { binary, work: work.path().to_owned(), kept, runs };
    let lines: [Line; 18] = [
        ("exec", Bench::exec),
        ("nested", Bench::nested),
        ("wine", Bench::wine),
        ("which", Bench::which),
        ("cell", Bench::cell),
        ("cargo-tests", Bench::cargo_tests),
        ("compare", Bench::compare),
        ("html", Bench::html),
        ("matrix", Bench::matrix),
        ("targets", Bench::targets),
        ("second", Bench::second),
        ("many", Bench::many),
        ("vm", Bench::vm),
        ("peers", Bench::peers),
        ("crates", Bench::crates),
        ("setup", Bench::setup),
        ("verdicts", Bench::verdicts),
        ("csmith", Bench::csmith),
    ];
    // Those that take many minutes, or install something first, are measured by name only.
    let by_name_only = ["crates", "verdicts", "csmith"];
    for (name, line) in lines {
        let all = wanted.is_empty() && !by_name_only.contains(&name);
        if (all || wanted.iter().any(|wanted| wanted == name))
            && let Err(error) = line(&bench)
        {
            println!("{name:6} not measured: {error}");
        }
    }
    Ok(())
}

/// How often each side of a line is run where nothing else is said.
const RUNS: usize = 5;

struct Bench {
    binary: PathBuf,
    work: PathBuf,
    /// A directory that is there the next time too.
    kept: PathBuf,
    runs: usize,
}

/// Sorted samples in milliseconds.
struct Samples(Vec<f64>);

impl Samples {
    /// Takes samples that are there.
    fn sorted(values: &mut Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self(std::mem::take(values))
    }

    fn median(&self) -> f64 {
        self.0[self.0.len() / 2]
    }
}

impl std::fmt::Display for Samples {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (least, most) = (self.0[0], self.0[self.0.len() - 1]);
        write!(formatter, "{:.2} ms ({least:.2}–{most:.2})", self.median())
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn quiet(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// The program's absolute path, as triplecheck names linkers to cargo: under another name for the same linker, cargo would build
/// everything anew each time that the other side has its turn.
fn on_path(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).map(|dir| dir.join(program));
    places.find(|place| place.is_file()).unwrap_or_else(|| program.into())
}

fn timed(command: &mut Command) -> Result<f64, Box<dyn std::error::Error>> {
    let begun = Instant::now();
    let status = command.status()?;
    if !status.success() {
        return Err(format!("`{command:?}` ended with {status}").into());
    }
    Ok(milliseconds(begun.elapsed()))
}

/// Runs two commands in turn, after one warm-up of each.
fn paired(
    runs: usize,
    left: &dyn Fn() -> Command,
    right: &dyn Fn() -> Command,
) -> Result<(Samples, Samples), Box<dyn std::error::Error>> {
    let (mut lefts, mut rights) = (Vec::new(), Vec::new());
    timed(&mut left())?;
    timed(&mut right())?;
    for _ in 0..runs {
        lefts.push(timed(&mut left())?);
        rights.push(timed(&mut right())?);
    }
    Ok((Samples::sorted(&mut lefts), Samples::sorted(&mut rights)))
}

/// Processor time of all children that were waited for, in milliseconds.
fn children_cpu() -> f64 {
    // `getrusage` would need `unsafe` or another crate; the kernel tells the same in `/proc/self/stat`, in ticks
    // of a hundredth of a second (proc(5), fields 16 and 17).
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
    let field = |index: usize| after.split_whitespace().nth(index).and_then(|text| text.parse::<f64>().ok());
    (field(13).unwrap_or(0.0) + field(14).unwrap_or(0.0)) * 10.0
}

/// A process's own processor time in milliseconds, from its `/proc/PID/stat`: fields 14 and 15, in ticks.
fn own_cpu(stat: &str) -> f64 {
    let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
    let fields: Vec<f64> = after.split_whitespace().filter_map(|text| text.parse().ok()).collect();
    // The state is no number, so that the parent is the first one here.
    (fields.get(10).unwrap_or(&0.0) + fields.get(11).unwrap_or(&0.0)) * 10.0
}

impl Bench {
    /// A C program that prints one line, for the compiler `cc`.
    fn hello(&self, cc: &str, name: &str) -> Result<PathBuf, Box<dyn std::error::Error>> {
        self.hello_with(cc, name, &[])
    }

    fn hello_with(
        &self,
        cc: &str,
        name: &str,
        flags: &[&str],
    ) -> Result<PathBuf, Box<dyn std::error::Error>> {
        self.compiled(cc, name, "#include <stdio.h>\nint main(void) { puts(\"hello\"); return 0; }\n", flags)
    }

    fn compiled(
        &self,
        cc: &str,
        name: &str,
        text: &str,
        flags: &[&str],
    ) -> Result<PathBuf, Box<dyn std::error::Error>> {
        let output = self.work.join(name);
        let source = output.with_extension("c");
        std::fs::write(&source, text)?;
        let built = quiet(cc).arg("-O1").args(flags).arg("-o").arg(&output).arg(&source).status();
        if !built.is_ok_and(|status| status.success()) {
            return Err(format!("`{cc}` is missing or fails").into());
        }
        Ok(output)
    }

    /// What `which` says of a program.
    fn answer(&self, program: &Path) -> Result<serde_json::Value, Box<dyn std::error::Error>> {
        self.answer_with(&[], program)
    }

    fn answer_with(
        &self,
        options: &[&str],
        program: &Path,
    ) -> Result<serde_json::Value, Box<dyn std::error::Error>> {
        let answer =
            Command::new(&self.binary).args(["which", "--json"]).args(options).arg(program).output()?;
        Ok(serde_json::from_slice(&answer.stdout)?)
    }

    /// The words with which `which` says that a program is started.
    fn words(&self, program: &Path) -> Result<Vec<String>, Box<dyn std::error::Error>> {
        self.words_with(&[], program)
    }

    fn words_with(
        &self,
        options: &[&str],
        program: &Path,
    ) -> Result<Vec<String>, Box<dyn std::error::Error>> {
        let answer = self.answer_with(options, program)?;
        if let Some(why) = answer["reason"].as_str() {
            return Err(format!("`{}` is not run: {why}", program.display()).into());
        }
        let words = answer["command"].as_array().ok_or("`which` gives no command")?;
        Ok(words.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect())
    }

    fn which(&self) -> Outcome {
        let ours = || {
            let mut command = quiet(&self.binary);
            command.args(["which", "aarch64-unknown-linux-gnu"]);
            command
        };
        let (ours, nothing) = paired(50, &ours, &|| quiet("true"))?;
        println!("which  triplecheck which TRIPLE {ours}, `true` {nothing}");
        Ok(())
    }

    /// What the harness costs a cell: a run of many trivial cells against the same guests started one by one. i686,
    /// which the host runs itself: an emulator's own noise is larger than what is measured.
    fn cell(&self) -> Outcome {
        const CASES: usize = 300;
        self.hello("i686-linux-gnu-gcc", "unused")?;
        let cases: Vec<String> = (0..CASES).map(|number| format!("{{ name = \"{number}\" }}")).collect();
        let manifest = format!(
            "targets = [\"i686-unknown-linux-gnu\"]\n[[suite]]\nname = \"c\"\nkind = \"c\"\nsources = \"hello.c\"\ncases = [{}]\n",
            cases.join(", ")
        );
        std::fs::write(self.work.join("triplecheck.toml"), manifest)?;
        // The harness leaves without waiting for its supervisors; here they are waited for, so that they are counted.
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
        let run = || {
            let status =
                quiet(&self.binary).arg("-C").arg(&self.work).args(["run", "--json", "--no-cache"]).status();
            while let Ok(Some(_)) = rustix::process::wait(rustix::process::WaitOptions::empty()) {}
            status
        };
        run()?;
        let before = children_cpu();
        if !run()?.success() {
            return Err("the run has findings".into());
        }
        let harness = children_cpu() - before;
        let build = self.work.join("target/triplecheck/build/c/c");
        let guests =
            ["x86_64-unknown-linux-gnu/hello", "i686-unknown-linux-gnu/hello"].map(|path| build.join(path));
        let before = children_cpu();
        for guest in &guests {
            self.directly(guest, CASES)?;
        }
        let direct = children_cpu() - before;
        let cells = CASES as f64;
        println!(
            "cell   {:.2} ms of CPU a cell and its native run under the harness, {:.2} ms alone: added {:.2} ms",
            harness / cells,
            direct / cells,
            (harness - direct) / cells
        );
        Ok(())
    }

    /// Starts a guest as `which` says, so many times.
    fn directly(&self, guest: &Path, times: usize) -> Outcome {
        let words = self.words(guest)?;
        let (program, rest) = words.split_first().ok_or("`which` gives an empty command")?;
        for _ in 0..times {
            timed(quiet(program).args(rest))?;
        }
        Ok(())
    }

    /// A set-up that finds everything there.
    fn setup(&self) -> Outcome {
        let targets = ["aarch64-unknown-linux-gnu", "x86_64-pc-windows-gnu", "wasm32-wasip1"];
        let ours = || {
            let mut command = quiet(&self.binary);
            command.arg("setup").arg("--yes").args(targets);
            command
        };
        let (ours, nothing) = paired(5, &ours, &|| quiet("true"))?;
        println!("setup  with everything there {ours}, `true` {nothing}");
        Ok(())
    }
}
