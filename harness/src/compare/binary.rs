//! What is compared byte by byte: told by offset, in hex, with how many further bytes differ.

use super::Difference;
use super::align::common_prefix;
use super::excerpt::Mark;

/// How many bytes from the first difference on are shown.
const SHOWN_BYTES: usize = 16;

/// The first difference of two byte strings that are not the same.
pub(super) fn difference(place: &str, native: &[u8], target: &[u8]) -> Difference {
    let at = common_prefix(native, target);
    let (left, right) = (&native[at..], &target[at..]);
    let others = left.iter().zip(right).filter(|(a, b)| a != b).count() + left.len().abs_diff(right.len());
    let run = left.iter().zip(right).take(SHOWN_BYTES).take_while(|(a, b)| a != b).count().max(1);
    let mark = |side: &[u8]| (0, hex_len(side.len().min(run)));
    Difference {
        place: place.to_owned(),
        at: at as u64,
        native: window(left, native.len()),
        target: window(right, target.len()),
        more: others.saturating_sub(run) as u64,
        marks: vec![Mark { native: mark(left), target: mark(right) }],
        ..Difference::default()
    }
}

fn window(rest: &[u8], whole: usize) -> String {
    let hex: Vec<String> = rest.iter().take(SHOWN_BYTES).map(|byte| format!("{byte:02x}")).collect();
    let shown = if hex.is_empty() { "(end)".to_owned() } else { hex.join(" ") };
    format!("{shown} (of {whole} bytes)")
}

/// The length of `count` bytes in hex with blanks between them; of nothing, that of `(end)`.
fn hex_len(count: usize) -> usize {
    if count == 0 { "(end)".len() } else { 3 * count - 1 }
}
