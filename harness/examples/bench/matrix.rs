//! The jobs of a CI system from a run of ten thousand cells, for every target that has a compiler in Debian.

use std::process::Command;

use super::html::made;
use super::{Bench, Outcome, paired, quiet};

const CELLS: usize = 10_000;

impl Bench {
    pub(crate) fn matrix(&self) -> Outcome {
        let listed = Command::new(&self.binary).args(["targets", "--json"]).output()?;
        let text = String::from_utf8_lossy(&listed.stdout);
        let targets: Vec<String> = text
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .filter_map(|target| Some(format!("{:?}", target["target"].as_str()?)))
            .collect();
        let manifest = format!(
            "targets = [{}]\n[[suite]]\nname = \"c\"\nkind = \"prebuilt\"\npath = {{ native = \"x\" }}\n",
            targets.join(", ")
        );
        std::fs::write(self.work.join("triplecheck.toml"), manifest)?;
        made::record(&self.work.join("run"), &made::large(CELLS));
        let ours = || {
            let mut command = quiet(&self.binary);
            command
                .arg("-C")
                .arg(&self.work)
                .args(["matrix", "--ci", "github", "--jobs", "256", "--from", "run"]);
            command
        };
        let (ours, nothing) = paired(self.runs, &ours, &|| quiet("true"))?;
        let count = targets.len();
        println!("matrix {count} targets, a run of {CELLS} cells: {ours}, `true` {nothing}");
        Ok(())
    }
}
