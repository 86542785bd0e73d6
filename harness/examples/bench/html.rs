//! The HTML report of ten thousand cells: how long it takes to be written, and a browser to paint it.

use std::path::Path;
use std::process::{Command, Stdio};

use super::{Bench, Outcome, Samples, quiet, timed};

#[path = "../../tests/reports/made.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
pub(super) mod made;

const CELLS: usize = 10_000;
const RUNS: usize = 5;

/// What the page says when it is painted for the first time, on the browser's console.
const OBSERVER: &str = "new PerformanceObserver((list) => { for (const entry of list.getEntries()) \
    console.log(`${entry.name}=${entry.startTime}=`); }).observe({ type: 'paint', buffered: true });";

impl Bench {
    pub(crate) fn html(&self) -> Outcome {
        made::record(&self.work.join("run"), &made::large(CELLS));
        let page = self.work.join("report.html");
        let mut written = Vec::new();
        for _ in 0..=RUNS {
            let mut command = quiet(&self.binary);
            command.arg("-C").arg(&self.work).args(["report", "--format", "html", "--output"]);
            written.push(timed(command.arg(&page).arg("run"))?);
        }
        let written = sorted(written.split_off(1));
        let bytes = std::fs::metadata(&page)?.len();
        let painted = match self.painted(&page) {
            Ok(samples) => format!("first paint in Chromium {samples}"),
            Err(error) => format!("first paint not measured: {error}"),
        };
        println!("html   {CELLS} cells written in {written}, {} KiB; {painted}", bytes / 1024);
        Ok(())
    }

    /// From the start of loading to the first paint with something in it, each time in a new browser.
    fn painted(&self, page: &Path) -> Result<Samples, Box<dyn std::error::Error>> {
        let text = std::fs::read_to_string(page)?;
        let nonce = text.split("script-src 'nonce-").nth(1).and_then(|rest| rest.split('\'').next());
        let script = format!("<script nonce=\"{}\">{OBSERVER}</script></body>", nonce.ok_or("no policy")?);
        let observed = self.work.join("observed.html");
        let (before, after) = text.rsplit_once("</body>").ok_or("no body")?;
        std::fs::write(&observed, format!("{before}{script}{after}"))?;
        let mut samples = Vec::new();
        for _ in 0..=RUNS {
            samples.push(self.paint(&observed)?);
        }
        Ok(sorted(samples.split_off(1)))
    }

    fn paint(&self, page: &Path) -> Result<f64, Box<dyn std::error::Error>> {
        let mut browser = Command::new("chromium");
        browser.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]);
        browser.args(["--disable-background-networking", "--disable-component-update", "--disable-sync"]);
        browser.arg(format!("--user-data-dir={}", self.work.join("profile").display()));
        browser.arg(format!("--screenshot={}", self.work.join("page.png").display()));
        browser.args(["--enable-logging=stderr", "--window-size=1280,1000"]);
        browser.arg(format!("file://{}#tab=cells", page.display()));
        let output = browser.stdin(Stdio::null()).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        let time = said.split("first-contentful-paint=").nth(1).and_then(|rest| rest.split('=').next());
        Ok(time.ok_or("the browser painted nothing")?.parse()?)
    }
}

fn sorted(mut samples: Vec<f64>) -> Samples {
    samples.sort_by(f64::total_cmp);
    Samples(samples)
}
