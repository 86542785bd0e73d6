//! The target table is what rustc says: rebuilt from the rustc on `PATH` (or `$RUSTC`) and compared.
//!
//! `TRIPLECHECK_BLESS=1 cargo test -p triplecheck-emulators --test targets` writes the table anew.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "asks the real rustc; the spawn modules are for what the tool itself starts"
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use triplecheck_emulators::target::{RUSTC_VERSION, Target};

/// Where the table stands.
fn table_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/target/rustc.rs")
}

/// What `rustc ARGS` prints, or `None` where there is no rustc. Unstable answers are allowed: the JSON list
/// is one, and 320 calls of the stable one take seven seconds.
fn rustc(args: &[&str]) -> Option<String> {
    let program = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = match Command::new(&program).args(args).env("RUSTC_BOOTSTRAP", "1").output() {
        Ok(output) => output,
        Err(error) => {
            let required = std::env::var("TRIPLECHECK_REQUIRE").unwrap_or_default();
            assert!(!required.split(',').any(|name| name == "rustc"), "rustc is required: {error}");
            println!("skipped: {} does not start: {error}", program.display());
            return None;
        }
    };
    assert!(output.status.success(), "rustc {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).expect("rustc prints UTF-8"))
}

/// rustc's release, `1.95.0`.
fn version() -> Option<String> {
    let text = rustc(&["-vV"])?;
    let line = text.lines().find_map(|line| line.strip_prefix("release: "));
    Some(line.expect("`rustc -vV` has a release line").to_owned())
}

/// One row of the table, column by column, as Rust source.
type Row = Vec<String>;

/// The rows that rustc's JSON amounts to, in its order.
fn rows(json: &str) -> Vec<Row> {
    let specs: Value = serde_json::from_str(json).expect("rustc prints JSON");
    let specs = specs.as_object().expect("an object of targets");
    let mut rows: Vec<Row> = specs.iter().map(|(triple, spec)| row(triple, spec)).collect();
    rows.sort();
    rows
}

/// One target. Absent keys are rustc's defaults (`compiler/rustc_target/src/spec/mod.rs`, `TargetOptions`).
fn row(triple: &str, spec: &Value) -> Row {
    let text = |key: &str, default: &str| format!("{:?}", spec[key].as_str().unwrap_or(default));
    let endian = match spec["target-endian"].as_str().unwrap_or("little") {
        "big" => "Big",
        "little" => "Little",
        other => panic!("{triple}: byte order `{other}`"),
    };
    let mut family: Vec<&str> = spec["target-family"]
        .as_array()
        .map_or_else(Vec::new, |words| words.iter().filter_map(Value::as_str).collect());
    family.sort_unstable();
    let panic = spec["panic-strategy"].as_str().unwrap_or("unwind");
    vec![
        format!("{triple:?}"),
        text("arch", ""),
        text("os", "none"),
        text("env", ""),
        text("abi", ""),
        text("vendor", "unknown"),
        format!("{:?}", family.join(" ")),
        endian.to_owned(),
        spec["target-pointer-width"].to_string().replace('"', ""),
        format!("{:?}", atomic_bits(spec)),
        spec["metadata"]["tier"].as_u64().unwrap_or(0).to_string(),
        spec["metadata"]["std"].as_bool().unwrap_or(false).to_string(),
        (panic == "unwind").to_string(),
        spec["crt-static-default"].as_bool().unwrap_or(false).to_string(),
        text("exe-suffix", ""),
    ]
}

/// The widths for which rustc sets `target_has_atomic`.
fn atomic_bits(spec: &Value) -> Vec<u64> {
    let width = spec["target-pointer-width"]
        .as_u64()
        .or_else(|| spec["target-pointer-width"].as_str()?.parse().ok())
        .expect("a pointer width");
    let least = spec["min-atomic-width"].as_u64().unwrap_or(8);
    let most = spec["max-atomic-width"].as_u64().unwrap_or(width);
    let has_cas = spec["atomic-cas"].as_bool().unwrap_or(true);
    [8, 16, 32, 64, 128].into_iter().filter(|bits| has_cas && (least..=most).contains(bits)).collect()
}

/// The rows of the table that is compiled in.
fn compiled_rows() -> Vec<Row> {
    Target::all()
        .map(|target| {
            let facts = target.facts();
            vec![
                format!("{:?}", facts.triple),
                format!("{:?}", facts.arch),
                format!("{:?}", facts.os),
                format!("{:?}", facts.env),
                format!("{:?}", facts.abi),
                format!("{:?}", facts.vendor),
                format!("{:?}", facts.family),
                format!("{:?}", facts.endian),
                facts.pointer_width.to_string(),
                format!("{:?}", facts.atomic_bits),
                facts.tier.to_string(),
                facts.std.to_string(),
                facts.unwinds.to_string(),
                facts.crt_static.to_string(),
                format!("{:?}", facts.exe_suffix),
            ]
        })
        .collect()
}

/// The whole source file.
fn source(version: &str, rows: &[Row]) -> String {
    let headings = [
        "triple",
        "arch",
        "os",
        "env",
        "abi",
        "vendor",
        "family",
        "endian",
        "bits",
        "atomic_bits",
        "tier",
        "std",
        "unwinds",
        "crt_static",
        "exe",
    ];
    let widths: Vec<usize> = (0..headings.len())
        .map(|at| {
            let longest = rows.iter().map(|row| row[at].len()).max().unwrap_or(0);
            longest.max(headings[at].len()) + 1
        })
        .collect();
    let line = |cells: &[&str]| {
        let mut line = String::new();
        for (at, cell) in cells.iter().enumerate() {
            let comma = if at + 1 == cells.len() { "" } else { "," };
            write!(line, "{:<width$}", format!("{cell}{comma}"), width = widths[at] + 1)
                .expect("a string takes what is written");
        }
        line.trim_end().to_owned()
    };
    let mut text = format!(
        "{HEAD}\n/// The rustc whose answers these are.\npub const RUSTC_VERSION: &str = {version:?};\n{MACRO}"
    );
    writeln!(text, "    // {}", line(&headings)).expect("a string takes what is written");
    for row in rows {
        let cells: Vec<&str> = row.iter().map(String::as_str).collect();
        writeln!(text, "    ({}),", line(&cells)).expect("a string takes what is written");
    }
    text.push_str("};\n");
    text
}

const HEAD: &str = "\
//! rustc's own facts about every target it knows, one row each, sorted by triple.
//!
//! Generated: `TRIPLECHECK_BLESS=1 cargo test -p triplecheck-emulators --test targets` writes this file from
//! `rustc --print all-target-specs-json`; the same test compares the two on every run. Never edited by hand.
//! Longer and wider than our files are, because a table that is read by column must not be broken or split.

use super::Endian::{Big, Little};
use super::TargetFacts;
";

const MACRO: &str = r"
/// Rows by position, so that a column lines up under its heading; the fields are named here, once.
macro_rules! table {
    ($(($triple:literal, $arch:literal, $os:literal, $env:literal, $abi:literal, $vendor:literal, $family:literal,
        $endian:ident, $pointer_width:literal, $atomic_bits:expr, $tier:literal, $std:literal, $unwinds:literal,
        $crt_static:literal, $exe_suffix:literal)),* $(,)?) => {
        &[$(TargetFacts {
            triple: $triple,
            arch: $arch,
            os: $os,
            env: $env,
            abi: $abi,
            vendor: $vendor,
            family: $family,
            endian: $endian,
            pointer_width: $pointer_width,
            atomic_bits: &$atomic_bits,
            tier: $tier,
            std: $std,
            unwinds: $unwinds,
            crt_static: $crt_static,
            exe_suffix: $exe_suffix,
        }),*]
    };
}

/// Every target, sorted by triple for the binary search.
#[rustfmt::skip]
pub(super) static TARGETS: &[TargetFacts] = table! {
";

#[test]
fn the_table_is_what_rustc_says() {
    let Some(version) = version() else { return };
    let args = ["--print", "all-target-specs-json", "-Zunstable-options"];
    let Some(json) = rustc(&args) else { return };
    let rows = rows(&json);
    if std::env::var_os("TRIPLECHECK_BLESS").is_some() {
        std::fs::write(table_path(), source(&version, &rows)).expect("the table can be written");
        println!("wrote {} rows of rustc {version}", rows.len());
        return;
    }
    let mut unknown = Vec::new();
    let mut differing = Vec::new();
    let compiled = compiled_rows();
    for row in &rows {
        match compiled.iter().find(|known| known[0] == row[0]) {
            None => unknown.push(&row[0]),
            // A tier or a library may come and go with the release; the rest is the target's ABI.
            Some(known) if version != RUSTC_VERSION => {
                if known[..10] != row[..10] {
                    differing.push((known, row));
                }
            }
            Some(known) if known != row => differing.push((known, row)),
            Some(_) => {}
        }
    }
    assert!(differing.is_empty(), "table against rustc {version}: {differing:#?}");
    if version == RUSTC_VERSION {
        assert!(unknown.is_empty(), "rustc {version} knows more: {unknown:?}");
        assert_eq!(compiled.len(), rows.len(), "the table knows more than rustc {version}");
    } else {
        println!("rustc {version} is not {RUSTC_VERSION}; it alone knows {unknown:?}");
    }
}

/// The JSON leaves defaults out, so we know them; this asks rustc what it makes of them. The sample is every
/// target that CI runs and every thirteenth other, for a call costs 23 ms and tests run often.
#[test]
fn the_table_is_what_cfg_evaluates_to() {
    let Some(version) = version() else { return };
    if version != RUSTC_VERSION {
        println!("skipped: rustc {version} may answer otherwise than {RUSTC_VERSION}");
        return;
    }
    let all = std::env::var_os("TRIPLECHECK_ALL_CFG").is_some();
    let main = [
        "x86_64-pc-windows-gnu",
        "wasm32-wasip1",
        "wasm32-unknown-emscripten",
        "avr-none",
        "bpfeb-unknown-none",
        "thumbv6m-none-eabi",
        "s390x-unknown-linux-gnu",
    ];
    for (at, target) in Target::all().enumerate() {
        if !(all || at % 13 == 0 || main.contains(&target.triple())) {
            continue;
        }
        let Some(cfg) = rustc(&["--print", "cfg", "--target", target.triple()]) else { return };
        let told = Target::from_cfg(target.triple(), &cfg).expect("rustc's own cfg is complete");
        let (told, facts) = (told.facts(), target.facts());
        // Neither is among cfg's answers.
        assert_eq!((told.tier, told.std), (0, false));
        assert_eq!(told.arch, facts.arch, "{target}");
        assert_eq!(told.os, facts.os, "{target}");
        assert_eq!(told.env, facts.env, "{target}");
        assert_eq!(told.abi, facts.abi, "{target}");
        assert_eq!(told.vendor, facts.vendor, "{target}");
        assert_eq!(told.family, facts.family, "{target}");
        assert_eq!(told.endian, facts.endian, "{target}");
        assert_eq!(told.pointer_width, facts.pointer_width, "{target}");
        assert_eq!(told.atomic_bits, facts.atomic_bits, "{target}");
        assert_eq!(told.unwinds, facts.unwinds, "{target}");
        assert_eq!(told.crt_static, facts.crt_static, "{target}");
        // Where a system has no suffix of its own, the target's is its maker's choice.
        if !matches!(facts.os, "none" | "horizon" | "psx" | "qurt" | "vita") {
            assert_eq!(told.exe_suffix, facts.exe_suffix, "{target}");
        }
    }
}
