//! Random programs: what csmith makes is free of undefined behaviour, so that its checksum must be the same everywhere;
//! with one step seeded that is not, it must differ on exactly the targets where that step does.
//!
//! Seeds are fixed, from 1 on. A program that is too small to say anything, does not compile in time or does not end
//! in time natively is replaced by the next seed's, and counted.

#![expect(clippy::disallowed_methods, reason = "a benchmark starts what it measures")]
#![expect(clippy::print_stdout, reason = "its lines are its result")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use triplecheck::diagnose::{self, Afterwards, Class};
use triplecheck::events::Cell;
use triplecheck::pattern::TargetPattern;
use triplecheck::report::Summary;
use triplecheck::verdict::{Verdict, Weight};
use triplecheck_emulators::target::Target;

use crate::{Bench, Outcome};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Two of them big-endian, one 32-bit.
const TARGETS: [&str; 5] = [
    "aarch64-unknown-linux-gnu",
    "armv7-unknown-linux-gnueabihf",
    "riscv64gc-unknown-linux-gnu",
    "s390x-unknown-linux-gnu",
    "powerpc64-unknown-linux-gnu",
];

/// Unions read as another member, and packed members through pointers, are not the same everywhere.
const OPTIONS: &[&str] = &[
    "--quiet",
    "--concise",
    "--no-unions",
    "--no-packed-struct",
    "--max-funcs",
    "5",
    "--max-block-depth",
    "3",
    "--max-block-size",
    "3",
    "--max-expr-complexity",
    "6",
    "--max-array-dim",
    "2",
    "--max-array-len-per-dim",
    "6",
];

/// A smaller program is little more than its own skeleton.
const BYTES_MIN: usize = 4000;

/// More seeds than these for one program, and csmith does not make what is asked for.
const SEEDS_PER_PROGRAM_MAX: u64 = 20;

/// Where csmith makes its result known: seeded steps stand before it.
const END: &str = "platform_main_end(";

/// One kind of step that is not the same everywhere.
struct Seeded {
    name: &'static str,
    /// Statements that change the checksum on the targets of `where_` and on no other.
    code: &'static str,
    where_: &'static str,
    class: Class,
}

const SEEDED: [Seeded; 4] = [
    Seeded {
        name: "byte order",
        code: "{ uint32_t word = (crc32_context & 0x00fffffeu) | 1u; transparent_crc(*(uint8_t *)&word, \"s\", print_hash_value); }",
        where_: "cfg(target_endian = \"big\")",
        class: Class::ByteOrder,
    },
    Seeded {
        name: "width of long",
        code: "{ unsigned long word = crc32_context | 0x80000000ul; transparent_crc(word * 3, \"s\", print_hash_value); }",
        where_: "cfg(target_pointer_width = \"32\")",
        class: Class::PointerWidth,
    },
    Seeded {
        name: "sign of char",
        code: "{ char byte = (char)(crc32_context | 0x80); transparent_crc((uint64_t)(int64_t)byte, \"s\", print_hash_value); }",
        where_: "*",
        class: Class::CharSign,
    },
    Seeded {
        name: "float to int",
        code: "{ volatile float large = 3e9f + (crc32_context & 0xff); transparent_crc((uint64_t)(int64_t)(int)large, \"s\", print_hash_value); }",
        where_: "*",
        class: Class::FloatConversion,
    },
];

/// How many seeds were passed over, and why.
#[derive(Default)]
struct Replaced {
    small: u64,
    failed: u64,
    slow: u64,
}

impl Bench {
    /// Makes the programs, runs them with and without their seeded step, and prints how many verdicts are right.
    pub(crate) fn csmith(&self) -> Outcome {
        let count: u64 = std::env::var("CSMITH_PROGRAMS").map_or(Ok(300), |text| text.parse())?;
        let root = self.work.join("csmith");
        let begun = Instant::now();
        let replaced = generate(&root, count)?;
        println!(
            "csmith {count} programs made in {} s; replaced: {} too small, {} that fail, {} too slow",
            begun.elapsed().as_secs(),
            replaced.small,
            replaced.failed,
            replaced.slow
        );
        let begun = Instant::now();
        let run = Command::new(&self.binary)
            .arg("-C")
            .arg(&root)
            .args(["run", "--json", "--no-cache"])
            .stdin(Stdio::null())
            .output()?;
        let report: serde_json::Value = serde_json::from_slice(&run.stdout)?;
        let name = report["run"].as_str().ok_or("the report names no run")?;
        let events = root.join("target/triplecheck/runs").join(name).join("events.jsonl");
        let events = triplecheck::events::read(&events).map_err(|error| error.render())?.events;
        let summary = Summary::of(events);
        println!(
            "csmith {} cells on {} targets in {} s",
            summary.cells.len(),
            TARGETS.len(),
            begun.elapsed().as_secs()
        );
        account(&summary, count)
    }
}

/// Writes the sources and the manifest.
fn generate(root: &Path, count: u64) -> Result<Replaced> {
    let (plain, seeded) = (root.join("plain"), root.join("seeded"));
    std::fs::create_dir_all(&plain)?;
    std::fs::create_dir_all(&seeded)?;
    let mut replaced = Replaced::default();
    let mut made = 0;
    for seed in 1.. {
        if made == count {
            break;
        }
        // It leaves a file behind where it is started.
        let mut csmith = Command::new("csmith");
        csmith.current_dir(root).args(["--seed", &seed.to_string()]).args(OPTIONS);
        let output = csmith.output();
        let output = output.map_err(|error| format!("`csmith` is needed: {error}"))?;
        if !output.status.success() || seed > count * SEEDS_PER_PROGRAM_MAX {
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            return Err(format!("`csmith` makes no such programs, at seed {seed}: {said}").into());
        }
        let source = of_stated_width(&String::from_utf8(output.stdout)?);
        let Some(end) = source.find(END).filter(|_| source.len() >= BYTES_MIN) else {
            replaced.small += 1;
            continue;
        };
        // The number of the program and not the seed chooses the step, so that each kind is there as often.
        let kind = usize::try_from(made)? % SEEDED.len();
        let name = format!("p{made:03}_{seed}.c");
        let file = plain.join(&name);
        std::fs::write(&file, &source)?;
        let program = root.join("native");
        if !within(10, Command::new("cc").args(FLAGS).arg("-o").arg(&program).arg(&file))? {
            replaced.failed += 1;
        } else if !within(1, &mut Command::new(&program))? {
            replaced.slow += 1;
        } else {
            let (before, after) = source.split_at(end);
            std::fs::write(seeded.join(&name), format!("{before}{}\n    {after}", SEEDED[kind].code))?;
            made += 1;
            continue;
        }
        std::fs::remove_file(&file)?;
    }
    std::fs::write(root.join("triplecheck.toml"), manifest())?;
    Ok(replaced)
}

const FLAGS: [&str; 3] = ["-O1", "-w", "-I/usr/include/csmith"];

fn manifest() -> String {
    let quoted = |words: &[&str]| words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", ");
    let mut text = format!("targets = [{}]\n", quoted(&TARGETS));
    for suite in ["plain", "seeded"] {
        let _ = write!(
            text,
            "\n[[suite]]\nname = \"{suite}\"\nkind = \"c\"\nsources = \"{suite}/*.c\"\nflags = [{}]\n",
            quoted(&FLAGS)
        );
    }
    text
}

/// Whether a command ends well within so many seconds of processor time, which other programs do not use up.
fn within(seconds: u32, command: &mut Command) -> Result<bool> {
    let mut limited = Command::new("sh");
    limited.args(["-c", &format!("ulimit -t {seconds}; exec \"$0\" \"$@\"")]);
    limited.arg(command.get_program()).args(command.get_args());
    let status = limited.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    Ok(status.success())
}

/// csmith writes `L` and means 64 bits, which holds where it was started: `0x1FL` becomes `0x1FLL`, so that the
/// programs mean the same where `long` has 32.
fn of_stated_width(source: &str) -> String {
    let mut out = String::with_capacity(source.len() + 1000);
    let mut rest = source;
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    while let Some(start) = rest.find(is_word) {
        let (before, word) = rest.split_at(start);
        let (word, after) = word.split_at(word.find(|c| !is_word(c)).unwrap_or(word.len()));
        out.push_str(before);
        out.push_str(word);
        if word.starts_with(|c: char| c.is_ascii_digit()) && word.ends_with('L') && !word.ends_with("LL") {
            out.push('L');
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The step that a program has.
fn kind_of(case: &str) -> Result<&'static Seeded> {
    let number =
        case.strip_prefix('p').and_then(|rest| rest.split('_').next()).ok_or("a case without a number")?;
    Ok(&SEEDED[number.parse::<usize>()? % SEEDED.len()])
}

fn account(summary: &Summary, count: u64) -> Outcome {
    let good = |cell: &Cell| cell.observed.weight() == Weight::Good;
    let of = |suite: &'static str| summary.cells.iter().filter(move |cell| cell.suite == suite);
    let complete = |suite| of(suite).count() as u64 == count * TARGETS.len() as u64;
    for suite in ["plain", "seeded"] {
        if !complete(suite) {
            println!(
                "csmith {suite}: only {} cells were compared: {:?}",
                of(suite).count(),
                summary.counts()
            );
        }
    }
    let alarms: Vec<&Cell> = of("plain").filter(|cell| !good(cell)).collect();
    println!("csmith plain: {} cells, {} false alarms", of("plain").count(), alarms.len());
    for cell in &alarms {
        println!("  {} on {}: {} {}", cell.case, cell.target, cell.observed, cell.repeat);
    }

    let mut by_kind: BTreeMap<&str, (usize, usize, usize)> = BTreeMap::new();
    for cell in of("seeded") {
        let seeded = kind_of(&cell.case)?;
        let target = Target::parse(&cell.target).map_err(|error| error.to_string())?;
        let differs = TargetPattern::parse(seeded.where_)?.matches(&target);
        let (seeds, found, false_ones) = by_kind.entry(seeded.name).or_default();
        *seeds += usize::from(differs);
        *found += usize::from(differs && cell.observed == Verdict::Differs);
        *false_ones += usize::from(!differs && !good(cell));
        if differs != (cell.observed == Verdict::Differs) {
            println!("  {} on {}: {} for {}", cell.case, cell.target, cell.observed, seeded.name);
        }
    }
    for (name, (seeds, found, false_ones)) in &by_kind {
        println!("csmith seeded, {name}: {found} of {seeds} found, {false_ones} false alarms elsewhere");
    }
    let programs: std::collections::BTreeSet<&str> =
        of("seeded").filter(|cell| !good(cell)).map(|cell| cell.case.as_str()).collect();
    println!("csmith seeded: {} of {count} programs found", programs.len());
    traits(summary)
}

/// How often the trait of the failing targets alone leads to the cause: a checksum says nothing by itself.
fn traits(summary: &Summary) -> Outcome {
    let (mut right, mut separated, mut all) = (0, 0, 0);
    let cells: Vec<Cell> = summary.cells.iter().filter(|cell| cell.suite == "seeded").cloned().collect();
    for finding in diagnose::findings(&cells, &Afterwards::default(), &[]) {
        let case = finding.case.strip_prefix("seeded::").unwrap_or(&finding.case);
        all += 1;
        separated += usize::from(finding.targets.len() < TARGETS.len());
        right += usize::from(finding.class == Some(kind_of(case)?.class));
    }
    println!(
        "csmith seeded: {all} findings, {separated} on some targets only, of these {right} with the right cause"
    );
    Ok(())
}
