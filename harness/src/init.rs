//! `triplecheck init`: from what is found in a project to its manifest and its CI file. Pure; [`look`] does the looking.

pub mod look;
mod systems;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

pub use systems::{BuildSystem, SYSTEMS};

/// The targets that a project is first tried on, and what each of them shows.
pub const TARGETS: [(&str, &str); 3] = [
    ("aarch64-unknown-linux-gnu", "what most other machines are; its chars are unsigned"),
    ("i686-unknown-linux-gnu", "32 bits"),
    ("s390x-unknown-linux-gnu", "the most significant byte first"),
];

/// The jobs of a workflow that nobody has tuned yet.
const JOBS: u32 = 8;

/// Who runs a project's jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Ci {
    /// A GitHub workflow
    Github,
    /// A GitLab pipeline
    Gitlab,
    /// None
    None,
}

/// What is found in a project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Packages of cargo, by their `Cargo.toml` relative to the project.
    pub cargo: Vec<PathBuf>,
    /// Other build systems, the one that counts first.
    pub systems: Vec<BuildSystem>,
    /// C programs that need nothing but the C library, by directory.
    pub c: Vec<CPrograms>,
    /// Programs that are built already, for the host and other targets, by name.
    pub prebuilt: BTreeMap<String, BTreeMap<String, String>>,
    /// The branch that is checked out.
    pub branch: Option<String>,
}

/// C programs of one directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CPrograms {
    /// The directory, relative to the project; empty for the project itself.
    pub directory: String,
    /// Their files; empty where all C files of the directory are programs.
    pub files: Vec<String>,
    /// What they link.
    pub link: Vec<String>,
}

impl Found {
    /// Whether `triplecheck run` has anything to do.
    pub fn has_suites(&self) -> bool {
        !(self.cargo.is_empty() && self.c.is_empty() && self.prebuilt.is_empty())
    }

    /// What was found, one line each.
    pub fn told(&self) -> Vec<String> {
        let mut lines: Vec<String> =
            self.cargo.iter().map(|path| format!("a cargo project: {}", path.display())).collect();
        lines.extend(self.c.iter().map(|programs| {
            let count = programs.files.len();
            let what =
                if count == 0 { "C programs".to_owned() } else { format!("C programs ({count} files)") };
            format!("{what} in {}", if programs.directory.is_empty() { "." } else { &programs.directory })
        }));
        lines.extend(self.prebuilt.iter().map(|(name, paths)| {
            let targets: Vec<&str> = paths.keys().map(String::as_str).collect();
            format!("`{name}`, built already for {}", targets.join(", "))
        }));
        lines.extend(self.systems.iter().map(|system| format!("{}: {}", system.name, system.marker)));
        lines
    }
}

/// The manifest.
pub fn manifest(found: &Found, asked: &[String]) -> String {
    let mut text = String::from(
        "# Made by `triplecheck init`, and yours from now on.\n\
         # triplecheck run --setup builds, runs and compares; triplecheck doctor says what is missing here.\n\n",
    );
    targets(&mut text, found, asked);
    for path in &found.cargo {
        let directory = path.parent().map(|parent| parent.display().to_string()).unwrap_or_default();
        let name = if directory.is_empty() { "unit".to_owned() } else { suite_name(&directory) };
        let _ = write!(text, "\n# Every test of cargo test, compared one by one.\n[[suite]]\n");
        let _ = write!(text, "name = {name:?}\nkind = \"cargo-test\"\n");
        if !directory.is_empty() {
            let _ = writeln!(text, "manifest-path = {:?}", path.display().to_string());
        }
    }
    for programs in &found.c {
        let name =
            if programs.directory.is_empty() { "c".to_owned() } else { suite_name(&programs.directory) };
        let within = |file: &str| match programs.directory.as_str() {
            "" => file.to_owned(),
            directory => format!("{directory}/{file}"),
        };
        let _ = write!(text, "\n# Each file is one program.\n[[suite]]\nname = {name:?}\nkind = \"c\"\n");
        match programs.files.as_slice() {
            [] => {
                let _ = writeln!(text, "sources = {:?}", within("*.c"));
            }
            files => {
                let files: Vec<String> = files.iter().map(|file| format!("{:?}", within(file))).collect();
                let _ = writeln!(text, "sources = [{}]", files.join(", "));
            }
        }
        if !programs.link.is_empty() {
            let link: Vec<String> = programs.link.iter().map(|word| format!("{word:?}")).collect();
            let _ = writeln!(text, "link = [{}]", link.join(", "));
        }
    }
    for (name, paths) in &found.prebuilt {
        let paths: Vec<String> =
            paths.iter().map(|(target, path)| format!("{target:?} = {path:?}")).collect();
        let _ = write!(text, "\n# Files that are there already. `cases` gives them arguments and input.\n");
        let _ = write!(text, "[[suite]]\nname = {:?}\nkind = \"prebuilt\"\n", suite_name(name));
        let _ = writeln!(text, "path = {{ {} }}", paths.join(", "));
    }
    if let Some(system) = found.systems.first() {
        let _ = write!(
            text,
            "\n# {} builds and tests this project itself; its programs find their emulator, for each target, by\n",
            system.name
        );
        for line in system.commands {
            let _ = writeln!(text, "#   {line}");
        }
    }
    if !found.has_suites() {
        let _ = write!(
            text,
            "\n# What triplecheck itself shall build, run and compare stands in suites:\n\
             # [[suite]]\n# name = \"unit\"\n# kind = \"c\"          # or cargo-test, cargo-bin, prebuilt, command\n\
             # sources = \"tests/*.c\"\n"
        );
    }
    text
}

fn targets(text: &mut String, found: &Found, asked: &[String]) {
    let of_files: Vec<&String> =
        found.prebuilt.values().flat_map(BTreeMap::keys).filter(|target| *target != "native").collect();
    text.push_str("targets = [\n");
    if !asked.is_empty() {
        for target in asked {
            let _ = writeln!(text, "  {target:?},");
        }
    } else if found.cargo.is_empty() && found.c.is_empty() && !of_files.is_empty() {
        let mut known = Vec::new();
        for target in of_files {
            if !known.contains(&target) {
                let _ = writeln!(text, "  {target:?},");
                known.push(target);
            }
        }
    } else {
        for (target, why) in TARGETS {
            let _ = writeln!(text, "  {:30}# {why}", format!("{target:?},"));
        }
        let _ = writeln!(text, "  # {:28}# under Wine", "\"x86_64-pc-windows-gnu\",");
    }
    text.push_str("]\n");
}

/// A suite's name from a path: its letters, digits and dashes.
fn suite_name(path: &str) -> String {
    let name: String = path
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() || letter == '_' { letter } else { '-' })
        .collect();
    name.trim_matches('-').to_owned()
}

/// A file of a CI system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CiFile {
    /// Where it goes, relative to the repository.
    pub path: &'static str,
    /// What is in it.
    pub text: String,
}

const GITHUB: &str = include_str!("../templates/github.yml");
const GITLAB: &str = include_str!("../templates/gitlab.yml");

/// The line by which GitLab finds the file.
pub const GITLAB_INCLUDE: &str = "include:\n  - local: .gitlab/triplecheck.yml\n";

/// The CI file of a project with these targets.
pub fn ci_file(ci: Ci, found: &Found, targets: &[String]) -> Option<CiFile> {
    let (path, template, indent) = match ci {
        Ci::Github => (".github/workflows/triplecheck.yml", GITHUB, "          "),
        Ci::Gitlab => (".gitlab/triplecheck.yml", GITLAB, "      "),
        Ci::None => return None,
    };
    let system = found.systems.first();
    let commands = system.map_or(String::new(), |system| system.commands.join(&format!("\n{indent}")));
    let values = [
        ("VERSION", env!("CARGO_PKG_VERSION").to_owned()),
        ("JOBS", JOBS.to_string()),
        ("BRANCH", format!("{:?}", found.branch.as_deref().unwrap_or("main"))),
        ("TARGETS", targets.join(", ")),
        ("SYSTEM", system.map_or(String::new(), |system| system.name.to_lowercase())),
        ("COMMANDS", commands),
    ];
    // A project without suites of its own and without a build system has a job that waits for its first suite.
    let has_suites = found.has_suites() || system.is_none();
    let kept = [("run", has_suites), ("hook", system.is_some())];
    Some(CiFile { path, text: fill(template, &kept, &values) })
}

/// The template with the parts that are kept, and with its values.
fn fill(template: &str, parts: &[(&str, bool)], values: &[(&str, String)]) -> String {
    let mut text = String::new();
    let mut is_kept = true;
    for line in template.lines() {
        match line.strip_prefix("#:") {
            Some("end") => is_kept = true,
            Some(part) => is_kept = parts.iter().any(|(name, kept)| *name == part && *kept),
            None if is_kept => text.extend([line, "\n"]),
            None => {}
        }
    }
    for (name, value) in values {
        text = text.replace(&format!("@{name}@"), value);
    }
    text
}

#[cfg(test)]
mod tests;
