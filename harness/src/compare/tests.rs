//! What counts as equal, by which rule, and what never does.

mod bad_input;
mod noise;
mod properties;
mod rules;

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::observation::End;

/// What a run showed whose directory is `root`.
fn seen(stdout: &[u8], stderr: &[u8], root: &str) -> Observation {
    Observation {
        end: End::Exited { code: 0 },
        stdout: stdout.to_vec(),
        stderr: stderr.to_vec(),
        files: BTreeMap::new(),
        wall: Duration::ZERO,
        cpu: Duration::ZERO,
        peak_rss_bytes: 0,
        leaked: Vec::new(),
        emulator_log: Vec::new(),
        roots: vec![(format!("{root}/bin/prog").into(), "<program>"), (root.into(), "<cwd>")],
    }
}

fn side(observation: &Observation, emulator: Kind) -> Side<'_> {
    Side { observation, windows: emulator == Kind::Wine, emulator }
}

/// Compares two outputs: the native one and that of a target under `emulator`.
fn outputs(native: &[u8], target: &[u8], emulator: Kind, how: &How) -> Comparison {
    let (native, target) = (seen(native, b"", "/tmp/n/cwd"), seen(target, b"", "/tmp/t/cwd"));
    compare(side(&native, Kind::Native), side(&target, emulator), how)
}
