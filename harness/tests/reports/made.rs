//! Runs made by hand: their events, of every kind and with every verdict, and with the worst that a guest can print.

use std::path::{Path, PathBuf};

use triplecheck::compare::{Difference, Rule};
use triplecheck::events::{
    BuildFailure, Cell, Confirmed, Event, Log, NotRun, Observed, Repeated, RuleCount, RunStarted, SCHEMA,
    SuiteInfo, TargetInfo, Try, Unmatched,
};
use triplecheck::observation::End;
use triplecheck::verdict::Verdict;

/// Text that is markup, a command or the end of a line in one format or another.
pub(crate) const HOSTILE: &str = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"> \
    ]]> & `code` ``` | %0A ::error::owned {{data}} \u{1b}[31mred\u{1b}[0m \u{0}\u{1}\u{fffe} \u{2028} \\x";

pub(crate) const TARGETS: [&str; 4] =
    ["aarch64-unknown-linux-gnu", "s390x-unknown-linux-gnu", "x86_64-pc-windows-gnu", "wasm32-wasip1"];

fn emulator(target: &str) -> (&'static str, Option<&'static str>) {
    match target {
        "x86_64-pc-windows-gnu" => ("wine", Some("8.0")),
        "wasm32-wasip1" => ("wasi", None),
        _ => ("qemu-user", Some("7.2.22")),
    }
}

pub(crate) fn started(targets: &[&str]) -> Event {
    let info = |target: &&str| TargetInfo {
        target: (*target).into(),
        emulator: Some(emulator(target).0.into()),
        emulator_version: emulator(target).1.map(str::to_owned),
        kernel: None,
        reason: None,
        fix: None,
    };
    let suite = |name: &str, sources: &str| SuiteInfo { name: name.into(), sources: sources.into() };
    Event::RunStarted(RunStarted {
        schema: SCHEMA,
        run: "2026-11-24-041457-30817".into(),
        version: "0.1.0".into(),
        rules_version: 1,
        host: "x86_64-unknown-linux-gnu".into(),
        kernel: "6.12".into(),
        rustc: Some("rustc 1.95.0 (59807616e 2026-04-14)".into()),
        targets: targets.iter().map(info).collect(),
        suites: vec![suite("unit", "rust"), suite("c", ".")],
        manifest: Some("triplecheck.toml".into()),
        resumed: None,
        children: None,
        command: vec!["triplecheck".into(), "run".into()],
        shard: None,
        asked: "a".into(),
        revision: None,
        all_targets: Vec::new(),
        merged: Vec::new(),
        incomplete: Vec::new(),
        runnable: Vec::new(),
    })
}

pub(crate) fn cell(suite: &str, case: &str, target: &str, verdict: Verdict) -> Cell {
    Cell {
        suite: suite.into(),
        case: case.into(),
        target: target.into(),
        emulator: emulator(target).0.into(),
        verdict,
        observed: verdict,
        rules: Vec::new(),
        cause: None,
        differences: Vec::new(),
        duration_ms: 92,
        native_ms: 10,
        peak_rss_bytes: 1 << 20,
        leaked: Vec::new(),
        repeat: format!("triplecheck run {suite}::{case} -t {target}"),
        kept: None,
        expected: None,
        issue: None,
        known: Vec::new(),
        unchanged: false,
        limit_ms: 10_000,
        tries: Vec::new(),
        repeated: None,
    }
}

pub(crate) fn difference(place: &str, at: u64, native: &str, target: &str) -> Difference {
    Difference {
        place: place.into(),
        at,
        native: native.into(),
        target: target.into(),
        ..Difference::default()
    }
}

fn panic(file: &str) -> String {
    format!(
        "failed\n\nthread 'tests::order' (1920) panicked at {file}:\nassertion `left == right` failed\n  left: 50331648\n right: 3"
    )
}

/// A run with every verdict and every kind of event.
pub(crate) fn whole() -> Vec<Event> {
    let mut events = vec![started(&TARGETS)];
    events.push(Event::BuildStarted { suite: "c".into(), what: "2 C programs for 5 targets".into() });
    let failures = vec![BuildFailure {
        target: TARGETS[3].into(),
        program: Some("net".into()),
        text: "net.c:3:10: fatal error: sys/socket.h: no such file\n    3 | #include <sys/socket.h>\n".into(),
    }];
    events.push(Event::BuildFinished { suite: "c".into(), duration_ms: 1200, failures });
    let end = End::Exited { code: 0 };
    events.push(Event::Observed(Observed { suite: "c".into(), case: "sat".into(), end, duration_ms: 10 }));
    for target in TARGETS {
        for case in ["tests::adds", "tests::subtracts"] {
            events.push(Event::Cell(cell("unit", case, target, Verdict::Same)));
        }
    }
    let add = |events: &mut Vec<Event>, cell: Cell| events.push(Event::Cell(cell));
    for target in &TARGETS[1..2] {
        let mut order = cell("unit", "tests::order", target, Verdict::CrossFail);
        order.differences = vec![difference("outcome", 0, "ok", &panic("src/lib.rs:10:9"))];
        add(&mut events, order);
    }
    for target in &TARGETS[..2] {
        let mut sat = cell("c", "sat", target, Verdict::Differs);
        sat.cause = Some("a float out of range is converted to an integer otherwise".into());
        sat.differences = vec![Difference {
            more: 2,
            ..difference("stdout", 3, "clamp = -2147483648, ok", "clamp = 2147483647, ok")
        }];
        sat.kept = Some(PathBuf::from("/state/runs/r/findings/0000-c-sat").join(target));
        add(&mut events, sat);
    }
    let mut lines = cell("c", "lines", TARGETS[2], Verdict::Equivalent);
    lines.rules = vec![RuleCount { rule: Rule::Crlf, count: 3 }, RuleCount { rule: Rule::Path, count: 1 }];
    add(&mut events, lines);
    let mut hostile = cell("c", HOSTILE, TARGETS[3], Verdict::Differs);
    hostile.cause = Some(HOSTILE.into());
    hostile.differences = vec![difference("stdout", 1, HOSTILE, &format!("{HOSTILE} there"))];
    hostile.leaked = vec![HOSTILE.into()];
    add(&mut events, hostile);
    for (case, verdict) in [
        ("hangs", Verdict::Timeout),
        ("emulator", Verdict::EmulatorFault),
        ("overflow", Verdict::Inconclusive),
        ("sometimes", Verdict::Flaky),
        ("tried", Verdict::Differs),
        ("native", Verdict::FailsNatively),
        ("repaired", Verdict::UnexpectedPass),
        ("old", Verdict::Expired),
        ("known", Verdict::Expected),
    ] {
        let mut cell = cell("c", case, TARGETS[0], verdict);
        cell.observed = Verdict::Differs;
        cell.differences = vec![difference("status", 0, "exit status 0", "killed by SIGSEGV")];
        let text = "status: exit status 0, killed by SIGBUS".to_owned();
        let tries = vec![Try { verdict: Verdict::Differs, text, duration_ms: 80 }];
        if case == "emulator" {
            cell.known = vec!["QEMU 7.2 has no `io_uring`".to_owned()];
            cell.issue = Some("tracker 42".to_owned());
        }
        cell.tries = if case == "tried" { tries } else { Vec::new() };
        cell.expected = (verdict == Verdict::Expected).then(|| "32-bit time_t".to_owned());
        add(&mut events, cell);
    }
    for (case, verdict, fix) in [
        ("*", Verdict::NotRun, Some("triplecheck setup wasm32-wasip1")),
        ("tests::only_there", Verdict::Extra, None),
        ("tests::only_here", Verdict::Missing, None),
    ] {
        let suite = if case == "*" { "c" } else { "unit" };
        events.push(Event::NotRun(NotRun {
            suite: suite.into(),
            case: case.into(),
            target: TARGETS[3].into(),
            reason: "there is no `wasm32-wasip1` C library here".into(),
            fix: fix.map(str::to_owned),
            verdict,
            declared: false,
        }));
    }
    events.push(Event::RunFinished {
        duration_ms: 41_200,
        interrupted: false,
        started: 37,
        unmatched: Vec::new(),
    });
    events
}

/// The whole run, with what was asked after it and with an expectation that holds for nothing.
pub(crate) fn with_opinions() -> Vec<Event> {
    let mut events = whole();
    let Some(Event::RunFinished { unmatched, .. }) = events.last_mut() else { panic!("the last event") };
    unmatched.push(Unmatched {
        test: "c::oder".into(),
        target: "s390x*".into(),
        reason: "renamed".into(),
        issue: Some("tracker 7".into()),
    });
    if let Some(Event::RunStarted(run)) = events.first_mut() {
        run.runnable = vec!["powerpc64-unknown-linux-gnu".into()];
    }
    let is_order = |event: &Event| matches!(event, Event::Cell(cell) if cell.case == "tests::order");
    let place = events.iter().position(is_order).expect("it is there");
    for target in [TARGETS[0], TARGETS[2], TARGETS[3]] {
        events.insert(place, Event::Cell(cell("unit", "tests::order", target, Verdict::Same)));
    }
    let repeated = Some(Repeated { runs: 20, findings: 3, native_odd: 1 });
    events.insert(place, Event::Cell(Cell { repeated, ..cell("c", "stress", TARGETS[0], Verdict::Flaky) }));
    events.push(Event::Confirmed(Confirmed {
        suite: "unit".into(),
        case: "tests::order".into(),
        target: TARGETS[1].into(),
        emulator: "qemu-user@max".into(),
        agrees: Some(true),
        as_native: false,
        shown: "cross-fail".into(),
    }));
    events
}

/// A run with so many cells, of which a few differ.
pub(crate) fn large(cells: usize) -> Vec<Event> {
    let targets = [
        "i686-unknown-linux-gnu",
        "aarch64-unknown-linux-gnu",
        "armv7-unknown-linux-gnueabihf",
        "riscv64gc-unknown-linux-gnu",
        "s390x-unknown-linux-gnu",
        "powerpc64le-unknown-linux-gnu",
        "x86_64-pc-windows-gnu",
        "wasm32-wasip1",
    ];
    let mut events = vec![started(&targets)];
    for number in 0..cells {
        let (case, target) = (number / targets.len(), targets[number % targets.len()]);
        let suite = if case % 3 == 0 { "c" } else { "unit" };
        let name = format!("module_{}::tests::case_{case}", case / 40);
        let verdict = match number % 97 {
            3 => Verdict::Differs,
            11 => Verdict::CrossFail,
            17 | 29 | 31 => Verdict::Equivalent,
            41 => Verdict::Expected,
            _ => Verdict::Same,
        };
        let mut cell = cell(suite, &name, target, verdict);
        cell.duration_ms = (number as u64 * 7919) % 900 + 5;
        cell.native_ms = cell.duration_ms / 9 + 1;
        if verdict == Verdict::Differs {
            cell.cause = Some(
                ["byte-order: the bytes of `n` are reversed", "float-conversion: out of range"][case % 2]
                    .into(),
            );
            cell.differences = vec![difference("stdout", 3, "n = 67305985, m = 7", "n = 16909060, m = 7")];
        }
        if verdict == Verdict::CrossFail {
            cell.differences = vec![difference("outcome", 0, "ok", &panic("src/lib.rs:10:9"))];
        }
        if verdict == Verdict::Equivalent {
            cell.rules = vec![RuleCount { rule: Rule::Crlf, count: 3 }];
        }
        events.push(Event::Cell(cell));
    }
    events.push(Event::RunFinished {
        duration_ms: 94_000,
        interrupted: false,
        started: cells as u64,
        unmatched: Vec::new(),
    });
    events
}

/// Records events as a run does, in a directory that can be reported on.
pub(crate) fn record(dir: &Path, events: &[Event]) {
    std::fs::create_dir_all(dir).expect("the temporary directory is writable");
    let mut log = Log::create(&dir.join("events.jsonl")).expect("there is none yet");
    for event in events {
        log.append(event).expect("the temporary directory is writable");
    }
}
