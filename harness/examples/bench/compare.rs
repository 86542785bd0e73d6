//! What a comparison costs: two outputs of 100 MiB each, in a process of its own so that its memory can be seen.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use triplecheck::compare::{How, Side, compare};
use triplecheck::observation::{End, Observation};
use triplecheck_emulators::launch::Kind;

use super::{Bench, Outcome, milliseconds};

const OUTPUT_BYTES: usize = 100 << 20;

/// Makes a side's line of its number.
type MakeLine = fn(usize) -> String;

/// The kinds of outputs: name, native line, target line.
const KINDS: [(&str, MakeLine, MakeLine); 5] = [
    ("the same", plain, plain),
    ("CR LF on each line", plain, |n| format!("{}\r\n", plain(n).trim_end())),
    ("a NaN's sign on each line", |n| format!("value {n} is -nan\n"), |n| format!("value {n} is nan\n")),
    ("a line too many in each hundred", plain, |n| {
        if n % 100 == 50 { format!("extra\n{}", plain(n)) } else { plain(n) }
    }),
    (
        "one endless line",
        |_| "0123456789abcdef".to_owned(),
        |n| if n == 3 << 20 { "0123456789abcdeF" } else { "0123456789abcdef" }.to_owned(),
    ),
];

fn plain(number: usize) -> String {
    format!("line {number}: the quick brown fox\n")
}

impl Bench {
    pub(super) fn compare(&self) -> Outcome {
        let (native, target) = (self.work.join("native.out"), self.work.join("target.out"));
        for (name, native_line, target_line) in KINDS {
            // As many lines on both sides: only what is named differs.
            let lines = write(&native, native_line, |_, bytes| bytes < OUTPUT_BYTES)?;
            write(&target, target_line, |line, _| line < lines)?;
            let this = std::env::current_exe()?;
            let output =
                std::process::Command::new(this).arg("compare-once").args([&native, &target]).output()?;
            print!("compare  two outputs of 100 MiB, {name}: {}", String::from_utf8_lossy(&output.stdout));
        }
        Ok(())
    }
}

/// Writes lines while `goes_on`, which is told of the next line's number and the bytes so far; how many it were.
fn write(
    path: &Path,
    line: MakeLine,
    goes_on: impl Fn(usize, usize) -> bool,
) -> Result<usize, Box<dyn std::error::Error>> {
    let mut text = String::with_capacity(OUTPUT_BYTES + OUTPUT_BYTES / 8);
    let mut number = 0;
    while goes_on(number, text.len()) {
        text.push_str(&line(number));
        number += 1;
    }
    std::fs::write(path, text)?;
    Ok(number)
}

/// Compares two files, and prints time, peak memory and what came of it.
pub(super) fn once(native: &Path, target: &Path) -> Outcome {
    let (native, target) = (observation(native)?, observation(target)?);
    let side = |observation, emulator| Side { observation, windows: emulator == Kind::Wine, emulator };
    let begun = Instant::now();
    let result = compare(side(&native, Kind::Native), side(&target, Kind::Wine), &How::default());
    let took = milliseconds(begun.elapsed());
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default().trim();
    let peak_kib: usize = peak.trim_end_matches(" kB").parse()?;
    let found = match result.differences.first() {
        None => format!("equal after {} uses of rules", result.rules.values().sum::<u64>()),
        Some(first) => format!("{} lines differ", first.more + 1),
    };
    println!("{took:.0} ms, peak {} MiB with both outputs; {found}", peak_kib / 1024);
    Ok(())
}

fn observation(path: &Path) -> Result<Observation, Box<dyn std::error::Error>> {
    Ok(Observation {
        emulator_log: Vec::new(),
        end: End::Exited { code: 0 },
        stdout: std::fs::read(path)?,
        stderr: Vec::new(),
        files: BTreeMap::new(),
        wall: Duration::ZERO,
        cpu: Duration::ZERO,
        peak_rss_bytes: 0,
        leaked: Vec::new(),
        roots: vec![("/tmp/somewhere/cwd".into(), "<cwd>"), ("/tmp/somewhere/tmp".into(), "<tmp>")],
    })
}
