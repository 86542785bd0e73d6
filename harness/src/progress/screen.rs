//! Where progress is shown: a terminal, with a head and a row for each running guest below everything that was said, or
//! lines one after the other.

use std::io::{IsTerminal as _, Write as _};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// The most running guests that are shown at once; a key tells of all.
const ROWS_MAX: usize = 8;

pub(super) struct Screen {
    live: Option<Live>,
    paint: Paint,
}

struct Live {
    all: MultiProgress,
    head: ProgressBar,
    rows: Vec<ProgressBar>,
}

/// Whether words are coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Paint(bool);

impl Paint {
    pub(super) fn word(self, style: anstyle::Style, word: &str) -> String {
        if self.0 { format!("{style}{word}{style:#}") } else { word.to_owned() }
    }

    #[cfg(test)]
    pub(super) fn none() -> Self {
        Self(false)
    }
}

impl Screen {
    pub(super) fn new() -> Self {
        let stderr = std::io::stderr();
        let colour = anstream::AutoStream::choice(&stderr) != anstream::ColorChoice::Never;
        let live = (stderr.is_terminal() && can_move_its_cursor()).then(Live::new);
        Self { live, paint: Paint(colour) }
    }

    pub(super) fn is_terminal(&self) -> bool {
        self.live.is_some()
    }

    pub(super) fn paint(&self) -> Paint {
        self.paint
    }

    /// Writes a line that stays.
    pub(super) fn say(&self, text: &str) {
        // A closed standard error is no reason to end a run.
        let _ = match &self.live {
            Some(live) => live.all.println(text),
            None => writeln!(std::io::stderr(), "{text}"),
        };
    }

    /// Shows this instead of what was shown before.
    pub(super) fn show(&mut self, head: String, mut rows: Vec<String>) {
        let Some(live) = &mut self.live else { return };
        if rows.len() > ROWS_MAX {
            let more = rows.len() - (ROWS_MAX - 1);
            rows.truncate(ROWS_MAX - 1);
            rows.push(format!("  and {more} more"));
        }
        while live.rows.len() > rows.len()
            && let Some(row) = live.rows.pop()
        {
            row.finish_and_clear();
            live.all.remove(&row);
        }
        while live.rows.len() < rows.len() {
            live.rows.push(live.all.add(line("{wide_msg}")));
        }
        live.head.set_message(head);
        live.head.tick();
        for (row, text) in live.rows.iter().zip(rows) {
            row.set_message(text);
            row.tick();
        }
    }

    /// Takes away what is shown; what was said stays.
    pub(super) fn clear(&mut self) {
        let Some(live) = self.live.take() else { return };
        for bar in live.rows.iter().chain([&live.head]) {
            bar.finish_and_clear();
        }
        // A terminal that is gone is clear.
        let _ = live.all.clear();
    }
}

impl Live {
    fn new() -> Self {
        let all = MultiProgress::new();
        let head = all.add(line("{spinner} {wide_msg}"));
        Self { all, head, rows: Vec::new() }
    }
}

/// One line that is cut at the terminal's edge, wherever that is by now.
fn line(template: &str) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Terminals of CI systems and of editors that say so keep every line that was ever shown.
fn can_move_its_cursor() -> bool {
    let is = |name: &str, value: &str| std::env::var_os(name).is_some_and(|is| is == value);
    let is_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
    !is("TERM", "dumb") && !is_ci
}
