//! Fills the matrix, one family after the other in as many threads as there are processors, and prints it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::Chosen;
use crate::exceptions::{EXCEPTIONS, Exception};
use crate::families::{FAMILIES, Family, Kind};
use crate::lab::{Bench, Way};
use crate::rows::{self, Of, Row};

/// What became of one cell.
#[derive(Debug, Clone)]
enum Cell {
    /// As native.
    Same,
    /// Otherwise, as this exception says.
    Excepted(&'static str),
    Failed,
}

/// Cells by row and family; what was not asked for is not there.
pub(crate) struct Matrix {
    cells: BTreeMap<(&'static str, &'static str), Cell>,
    /// The families that can be run here.
    present: Vec<&'static str>,
}

pub(crate) fn fill(bench: &Bench, chosen: &Chosen) -> Matrix {
    let native = bench.native(&FAMILIES[0]).expect("the host has a C compiler, which has built the starter");
    let wanted: Vec<&Family> =
        FAMILIES.iter().filter(|family| rows::all().any(|row| chosen.holds(family.name, row.name))).collect();
    let ways: Vec<(&Family, Way)> =
        wanted.into_iter().filter_map(|family| Some((family, bench.hooked(family)?))).collect();
    // The slowest first: Wine.
    let mut order: Vec<&(&Family, Way)> = ways.iter().collect();
    order.sort_by_key(|(family, _)| family.kind != Kind::Wine);
    let expected = Expected::default();
    let cells = Mutex::new(BTreeMap::new());
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((family, way)) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                    for row in rows::all()
                        .filter(|row| is_asked(*row, family) && chosen.holds(family.name, row.name))
                    {
                        let cell = judge(row, family, way, &expected.of(row, &native));
                        cells.lock().unwrap().insert((row.name, family.name), cell);
                    }
                }
            });
        }
    });
    Matrix {
        cells: cells.into_inner().unwrap(),
        present: ways.iter().map(|(family, _)| family.name).collect(),
    }
}

fn is_asked(row: Row, family: &Family) -> bool {
    row.of == Of::All || family.kind == Kind::Wine
}

/// What the host's own program shows, asked once for each row.
#[derive(Default)]
struct Expected(Mutex<BTreeMap<&'static str, String>>);

impl Expected {
    fn of(&self, row: Row, native: &Way) -> String {
        // Held meanwhile: a second thread wants the same answer, not another run in the same directory.
        let mut known = self.0.lock().unwrap();
        known.entry(row.name).or_insert_with(|| (row.see)(native)).clone()
    }
}

fn judge(row: Row, family: &Family, way: &Way, native: &str) -> Cell {
    let start = Instant::now();
    let seen =
        std::panic::catch_unwind(|| (row.see)(way)).unwrap_or_else(|_| "the row itself failed".to_owned());
    let exception = Exception::of(family, row.name);
    let verdict = match exception {
        None if seen == native => Ok(Cell::Same),
        None => Err("differs from native".to_owned()),
        Some(_) if seen == native => Err("is as native, so that its exception is needless".to_owned()),
        Some(exception) => match exception.seen.iter().find(|part| !seen.contains(**part)) {
            None => Ok(Cell::Excepted(exception.name)),
            Some(part) => Err(format!("is neither as native nor as excepted: no {part:?}")),
        },
    };
    let milliseconds = start.elapsed().as_millis();
    let outcome = match &verdict {
        Ok(Cell::Same | Cell::Failed) => "ok".to_owned(),
        Ok(Cell::Excepted(name)) => format!("ok ({name})"),
        Err(why) => format!("FAILED: {why}\n--- native\n{native}\n--- {}\n{seen}\n---", family.name),
    };
    println!("test {}::{} ... {outcome} ({milliseconds} ms)", family.name, row.name);
    verdict.unwrap_or(Cell::Failed)
}

impl Matrix {
    /// The cells that are neither as native nor as excepted.
    pub(crate) fn failures(&self) -> Vec<String> {
        let failed = self.cells.iter().filter(|(_, cell)| matches!(cell, Cell::Failed));
        failed.map(|((row, family), _)| format!("{family}::{row}")).collect()
    }

    fn text(&self, row: &'static str, family: &'static str) -> &'static str {
        match self.cells.get(&(row, family)) {
            None => "-",
            Some(Cell::Same) => "ok",
            Some(Cell::Excepted(name)) => name,
            Some(Cell::Failed) => "FAIL",
        }
    }
}

impl fmt::Display for Matrix {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<Row> =
            rows::all().filter(|row| self.cells.keys().any(|(name, _)| *name == row.name)).collect();
        let first = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
        let width = |family: &'static str| {
            rows.iter().map(|row| self.text(row.name, family).len()).max().unwrap_or(0).max(family.len())
        };
        write!(out, "\n{:first$}", "")?;
        for family in &self.present {
            write!(out, "  {family:0$}", width(family))?;
        }
        for row in &rows {
            write!(out, "\n{:first$}", row.name)?;
            for family in &self.present {
                write!(out, "  {:1$}", self.text(row.name, family), width(family))?;
            }
        }
        writeln!(out, "\n")?;
        let seen = |name| self.cells.values().any(|cell| matches!(cell, Cell::Excepted(of) if *of == name));
        let reasons: BTreeSet<(&str, &str)> = EXCEPTIONS
            .iter()
            .filter(|exception| seen(exception.name))
            .map(|exception| (exception.name, exception.why))
            .collect();
        for (name, why) in reasons {
            writeln!(out, "{name}: {why}")?;
        }
        let failures = self.failures();
        let excepted = self.cells.values().filter(|cell| matches!(cell, Cell::Excepted(_))).count();
        let passed = self.cells.len() - failures.len() - excepted;
        write!(
            out,
            "\ntest result: {passed} as native, {excepted} excepted, {} failed {failures:?}",
            failures.len()
        )
    }
}
