//! A cause from two whole runs: how they ended, what one of them printed less or in another order, what a panic says.

use std::collections::BTreeMap;

use super::cause::{Cause, Class};
use super::panics;
use super::tokens::{Lines, reversed_in_groups};
use super::values::words::{line_ending_cause, name_case_cause, ordering_cause};
use super::values::{self, Sides, numbers};
use super::{Difference, Run};
use crate::observation::End;

/// The most bytes of an output that are looked at.
const BYTES_MAX: usize = 1 << 20;

/// The cause of `differences` between two runs.
pub(super) fn cause(native: &Run<'_>, target: &Run<'_>, differences: &[Difference]) -> Option<Cause> {
    let sides = Sides::of(native.target, target.target);
    let ends = (&native.observation.end, &target.observation.end);
    ending(ends.0, ends.1, &sides)
        .or_else(|| {
            let text = |run: &Run<'_>| {
                let stderr = &run.observation.stderr;
                String::from_utf8_lossy(&stderr[..stderr.len().min(BYTES_MAX)]).into_owned()
            };
            let told = text(target);
            let panicked = panics::has_panicked(&told) && !panics::has_panicked(&text(native));
            if panicked { panics::cause(&told, &sides) } else { None }
        })
        .or_else(|| differences.iter().find_map(|difference| whole(native, target, difference, &sides)))
        .or_else(|| differences.iter().find_map(|difference| first_lines(difference, &sides)))
        .or_else(|| differences.iter().find_map(|difference| all_lines(native, target, difference, &sides)))
        .or_else(|| {
            let mut lone = differences.iter().filter(|difference| difference.place == "stderr");
            lone.find_map(|difference| panics::reversed_number(&difference.target, &sides))
        })
}

/// What two ways of ending say.
fn ending(native: &End, target: &End, sides: &Sides<'_>) -> Option<Cause> {
    /// SIGILL.
    const ILLEGAL_INSTRUCTION: i32 = 4;
    /// SIGBUS.
    const BUS_ERROR: i32 = 7;
    match (native, target) {
        (End::Signalled { signal: left, .. }, End::Signalled { signal: right, .. }) if left == right => None,
        (_, End::Signalled { signal: ILLEGAL_INSTRUCTION, .. }) => {
            let sentence = "an instruction that the emulated processor lacks, or a deliberate trap; ask for a larger \
                            CPU model with `--cpu`, or build for the target's minimum";
            Some(Cause::new(Class::CpuFeature, sentence))
        }
        (_, End::Signalled { signal: BUS_ERROR, .. }) => {
            let sentence = "an access to memory that is not aligned, which x86 allows and the target does not; \
                            copy with `memcpy` or `read_unaligned`";
            Some(Cause::new(Class::Layout, sentence))
        }
        (End::Signalled { .. }, End::Exited { .. }) if sides.target.windows || sides.target.wasm => {
            let system = if sides.target.windows { "Windows" } else { "WebAssembly" };
            let sentence = format!("natively a signal ends the program; {system} has no signals");
            Some(Cause::new(Class::Signals, sentence))
        }
        (End::Exited { code: native, .. }, End::Exited { code: target, .. })
            if *native < 256 && *target > 255 && target & 0xff == *native =>
        {
            let sentence =
                "Unix keeps the low 8 bits of an exit status and Windows all 32; exit with at most 255";
            Some(Cause::new(Class::ExitStatus, sentence))
        }
        _ => None,
    }
}

/// The two texts or files at one place.
fn bytes<'a>(native: &Run<'a>, target: &Run<'a>, place: &str) -> Option<(&'a [u8], &'a [u8])> {
    let cut = |bytes: &'a [u8]| &bytes[..bytes.len().min(BYTES_MAX)];
    let (native, target) = (native.observation, target.observation);
    match place {
        "stdout" => Some((cut(&native.stdout), cut(&target.stdout))),
        "stderr" => Some((cut(&native.stderr), cut(&target.stderr))),
        _ => {
            let name = place.strip_prefix("file ")?;
            Some((cut(native.files.get(name)?), cut(target.files.get(name)?)))
        }
    }
}

/// What shows only in the whole of an output or a file.
fn whole(native: &Run<'_>, target: &Run<'_>, difference: &Difference, sides: &Sides<'_>) -> Option<Cause> {
    let place = difference.place.as_str();
    let is_file = place.starts_with("file ");
    if is_file && let Some(cause) = other_case(native, target, place, sides) {
        return Some(cause);
    }
    if difference.reordered {
        return Some(ordering_cause());
    }
    let (left, right) = bytes(native, target, place)?;
    let unix = |bytes: &[u8]| -> Vec<u8> {
        let is_return = |at: usize| bytes[at] == b'\r' && bytes.get(at + 1) == Some(&b'\n');
        (0..bytes.len()).filter(|at| !is_return(*at)).map(|at| bytes[at]).collect()
    };
    let (plain_left, plain_right) = (unix(left), unix(right));
    if is_file {
        if sides.native.windows != sides.target.windows && plain_left == plain_right {
            return Some(line_ending_cause());
        }
        if sides.native.endian != sides.target.endian
            && (reversed_in_groups(left, right, &[2, 4, 8, 16]) || encoded_in_pairs(left, right))
        {
            return Some(numbers::byte_order_cause(sides));
        }
        return (right.len() < left.len() && left.starts_with(right)).then(|| {
            let sentence = "the end of a file is missing: a length is counted in something that is smaller on the \
                            target, or the file was not flushed";
            Cause::new(Class::TruncatedFile, sentence)
        });
    }
    if place == "stdout" && native.observation.end == target.observation.end {
        let same_stderr = native.observation.stderr.is_empty() == target.observation.stderr.is_empty();
        if same_stderr && plain_right.len() < plain_left.len() && plain_left.starts_with(&plain_right) {
            let sentence =
                "the target's output stops early and it ends as native does; flush before `exit` or `_exit`";
            return Some(Cause::new(Class::LostOutput, sentence));
        }
    }
    None
}

/// UTF-16 in the other order: every pair of bytes is swapped.
fn encoded_in_pairs(native: &[u8], target: &[u8]) -> bool {
    let swapped = native.chunks(2).flat_map(|pair| pair.iter().rev());
    native.len() >= 4 && native.len().is_multiple_of(2) && native != target && swapped.eq(target)
}

/// A file that is there under a name in another case.
fn other_case(native: &Run<'_>, target: &Run<'_>, place: &str, sides: &Sides<'_>) -> Option<Cause> {
    let name = place.strip_prefix("file ")?;
    let among = |files: &BTreeMap<String, Vec<u8>>| {
        files.keys().any(|other| other != name && other.eq_ignore_ascii_case(name))
    };
    let (left, right) = (&native.observation.files, &target.observation.files);
    let one_sided = left.contains_key(name) != right.contains_key(name);
    let fits = one_sided && (among(left) || among(right)) && sides.native.windows != sides.target.windows;
    fits.then(name_case_cause)
}

/// The first lines that differ, as they are shown.
fn first_lines(difference: &Difference, sides: &Sides<'_>) -> Option<Cause> {
    let shown = |text: &str| text != "(no such line)" && text != "not there";
    let lines = Lines { native: &difference.native, target: &difference.target };
    let comparable = difference.place != "status" && shown(lines.native) && shown(lines.target);
    if comparable { values::cause(&[lines], sides) } else { None }
}

/// All lines that differ at the same place: the first may show nothing and a later one all.
fn all_lines(
    native: &Run<'_>,
    target: &Run<'_>,
    difference: &Difference,
    sides: &Sides<'_>,
) -> Option<Cause> {
    let (left, right) = bytes(native, target, &difference.place)?;
    let (left, right) = (String::from_utf8_lossy(left), String::from_utf8_lossy(right));
    let (left, right): (Vec<&str>, Vec<&str>) = (left.lines().collect(), right.lines().collect());
    if left.len() != right.len() {
        return None;
    }
    let pairs = left.into_iter().zip(right).map(|(native, target)| Lines { native, target });
    values::cause(&pairs.collect::<Vec<_>>(), sides)
}
