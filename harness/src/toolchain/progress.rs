//! Where long work says what it is doing. Owns the words' rhythm, not their content: who works calls
//! [`Progress`], who shows it decides how.

use std::io::Write;
use std::time::{Duration, Instant};

/// How often a plain progress repeats itself within one step; a log of a minute's work stays readable.
const DETAIL_EVERY: Duration = Duration::from_secs(10);

/// A listener to long work. All texts are lower-case, fit into one line and have no final stop.
pub trait Progress {
    /// A step begins: `build std for riscv64gc-unknown-linux-gnu`.
    fn step(&mut self, what: &str);

    /// What happens within the step: `compiling core`. May come many times a second. An empty text says that the
    /// same goes on.
    fn detail(&mut self, what: &str);

    /// The step is over, well or not.
    fn done(&mut self, outcome: Outcome<'_>);
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// It did what it should.
    Done,
    /// It did not, for this reason.
    Failed(&'a str),
    /// It was not begun, for this reason.
    Skipped(&'a str),
}

/// Plain lines for logs and pipes: one when a step begins, one when it ends, some in between.
#[derive(Debug)]
pub struct PlainProgress<W> {
    out: W,
    name: String,
    latest: String,
    began: Instant,
    told: Option<Instant>,
}

impl<W: Write> PlainProgress<W> {
    /// Writes to `out`, which is stderr in the command line.
    pub fn new(out: W) -> Self {
        Self { out, name: String::new(), latest: String::new(), began: Instant::now(), told: None }
    }

    /// A log that cannot be written must not end the work that it tells of.
    fn line(&mut self, text: &str) {
        let _ = writeln!(self.out, "{text}").and_then(|()| self.out.flush());
    }
}

impl<W: Write> Progress for PlainProgress<W> {
    fn step(&mut self, what: &str) {
        what.clone_into(&mut self.name);
        self.latest.clear();
        self.began = Instant::now();
        self.told = None;
        self.line(&format!("{what} ..."));
    }

    fn detail(&mut self, what: &str) {
        if !what.is_empty() {
            what.clone_into(&mut self.latest);
        }
        let now = Instant::now();
        if now.duration_since(self.told.unwrap_or(self.began)) < DETAIL_EVERY {
            return;
        }
        self.told = Some(now);
        let text = format!("  {:>3} s  {}", now.duration_since(self.began).as_secs(), self.latest);
        self.line(&text);
    }

    fn done(&mut self, outcome: Outcome<'_>) {
        let seconds = self.began.elapsed().as_secs_f32();
        let name = std::mem::take(&mut self.name);
        match outcome {
            Outcome::Done => self.line(&format!("{name}: done in {seconds:.1} s")),
            Outcome::Failed(why) => self.line(&format!("{name}: failed after {seconds:.1} s: {why}")),
            Outcome::Skipped(why) => self.line(&format!("{name}: skipped, {why}")),
        }
    }
}

/// Says nothing; for tests and for callers that show nothing.
#[derive(Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn step(&mut self, _what: &str) {}
    fn detail(&mut self, _what: &str) {}
    fn done(&mut self, _outcome: Outcome<'_>) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_lines_name_the_step_when_it_begins_and_when_it_ends() {
        let mut out = Vec::new();
        let mut progress = PlainProgress::new(&mut out);
        progress.step("build std for mips");
        progress.detail("compiling core");
        progress.done(Outcome::Failed("no space left"));
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "build std for mips ...");
        assert!(lines[1].starts_with("build std for mips: failed after "), "{text}");
        assert!(lines[1].ends_with(": no space left"), "{text}");
        assert_eq!(lines.len(), 2, "details within the first seconds are not told: {text}");
    }
}
