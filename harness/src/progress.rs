//! What a run shows while it goes on: a bar on a terminal, plain lines elsewhere, nothing with `--json`.

use std::io::{IsTerminal as _, Write as _};

use indicatif::{ProgressBar, ProgressStyle};

use crate::events::Event;
use crate::report::text::seconds;
use crate::run::Observer;
use crate::verdict::Weight;

/// Shows events on standard error.
pub struct Progress {
    bar: Option<ProgressBar>,
    quiet: bool,
    cells: u64,
    findings: u64,
    natives: u64,
}

/// In a log without a terminal, one line stands for so many cells.
const CELLS_PER_LINE: u64 = 100;

impl Progress {
    /// Shows nothing where `quiet`.
    pub fn new(quiet: bool) -> Self {
        let terminal = !quiet && std::io::stderr().is_terminal();
        let bar = terminal.then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}") {
                bar.set_style(style);
            }
            bar
        });
        Self { bar, quiet, cells: 0, findings: 0, natives: 0 }
    }

    /// Removes the bar, so that the report starts on a clean line.
    pub fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            // A closed standard error is no reason to end a run.
            None => drop(writeln!(std::io::stderr(), "{line}")),
        }
    }

    fn show(&self) {
        if let Some(bar) = &self.bar {
            let (cells, findings) = (self.cells, self.findings);
            bar.set_message(format!(
                "{} native runs, {cells} cells compared, {findings} findings",
                self.natives
            ));
            bar.tick();
        }
    }
}

impl Observer for Progress {
    fn event(&mut self, event: &Event) {
        if self.quiet {
            return;
        }
        match event {
            Event::RunStarted(run) => {
                let rustc = run.rustc.as_deref().unwrap_or("no rustc needed");
                self.say(&format!(
                    "run {} on {} ({rustc}), {} targets",
                    run.run,
                    run.host,
                    run.targets.len()
                ));
            }
            Event::BuildStarted { suite, what } => self.say(&format!("build {suite}: {what}")),
            Event::BuildFinished { suite, duration_ms, failures } => {
                let failed = match failures.len() {
                    0 => String::new(),
                    count => format!(", {count} failed"),
                };
                self.say(&format!("built {suite} in {}{failed}", seconds(*duration_ms)));
            }
            Event::Observed(_) => self.natives += 1,
            Event::Cell(cell) => {
                self.cells += 1;
                if cell.verdict.weight() == Weight::Finding {
                    self.findings += 1;
                    self.say(&format!("{}  {}::{} on {}", cell.verdict, cell.suite, cell.case, cell.target));
                }
                if self.bar.is_none() && self.cells.is_multiple_of(CELLS_PER_LINE) {
                    self.say(&format!("{} cells compared, {} findings", self.cells, self.findings));
                }
            }
            Event::NotRun(_) | Event::RunFinished { .. } => {}
        }
        self.show();
    }
}
