//! The slowest cells: as many as were asked for, or those that were slow. A bounded list, whatever was run.

use std::fmt::Write as _;

use super::text::seconds;
use crate::events::Cell;
use crate::run::slow_period;

/// The most slow cells that are listed unasked.
const UNASKED_MAX: usize = 10;

/// The list with its heading, empty where there is nothing to list.
pub(super) fn table(cells: &[Cell], asked: Option<usize>) -> String {
    let mut listed: Vec<&Cell> = cells.iter().filter(|cell| asked.is_some() || is_slow(cell)).collect();
    listed.sort_by_key(|cell| std::cmp::Reverse(cell.duration_ms));
    let all = listed.len();
    listed.truncate(asked.unwrap_or(UNASKED_MAX));
    let mut out = String::new();
    if listed.is_empty() {
        return out;
    }
    let _ = writeln!(out, "\nslowest cells, and how many times as long as natively");
    for cell in &listed {
        let times = match cell.native_ms {
            0 => "     ".to_owned(),
            native => format!("{:>4}x", cell.duration_ms.div_ceil(native)),
        };
        let name = format!("{}::{} on {}", cell.suite, cell.case, cell.target);
        let _ = writeln!(out, "  {:>12}  {times}  {name}", seconds(cell.duration_ms));
    }
    if asked.is_none() && all > listed.len() {
        let _ = writeln!(out, "  {} more were slow: --durations {all}", all - listed.len());
    }
    out
}

/// Whether a cell ran so long that it was called slow while it did.
fn is_slow(cell: &Cell) -> bool {
    let period = slow_period(std::time::Duration::from_millis(cell.limit_ms));
    !cell.unchanged && cell.limit_ms > 0 && u128::from(cell.duration_ms) > period.as_millis()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Verdict;

    fn cell(case: &str, duration_ms: u64, native_ms: u64) -> Cell {
        let cell = Cell::example(case, "s390x", Verdict::Same);
        Cell { duration_ms, native_ms, limit_ms: 60_000, ..cell }
    }

    #[test]
    fn the_slowest_are_listed_first_with_their_slowdown() {
        let cells = [cell("a", 500, 0), cell("b", 12_000, 1_000), cell("c", 40, 39)];
        assert_eq!(
            table(&cells, Some(2)),
            "\nslowest cells, and how many times as long as natively\n        12.0 s    12x  unit::b on s390x\n        500 ms         unit::a on s390x\n"
        );
    }

    #[test]
    fn unasked_only_what_was_slow_is_listed_and_not_without_end() {
        let fast = [cell("a", 500, 0), cell("b", 19_999, 1_000)];
        assert_eq!(table(&fast, None), "");
        let slow: Vec<Cell> = (0..13).map(|number| cell("a", 20_001 + number, 5_000)).collect();
        let text = table(&slow, None);
        assert_eq!(text.lines().filter(|line| line.contains("unit::a")).count(), UNASKED_MAX);
        assert!(text.ends_with("  3 more were slow: --durations 13\n"), "{text}");
    }
}
