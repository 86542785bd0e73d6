//! Programs that are there already: prebuilt files and host commands.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Built, Program, ProgramKind};
use crate::events::BuildFailure;
use crate::pattern::TargetPattern;
use triplecheck_emulators::target::Target;

/// Gives each target the first path whose pattern matches it; the host takes `native` first.
pub fn resolve(name: &str, paths: &[(String, PathBuf)], host: &Target, targets: &[Target]) -> Built {
    let find = |target: &Target, is_host: bool| {
        let native = paths.iter().find(|(key, _)| is_host && key == "native");
        native.or_else(|| {
            paths
                .iter()
                .find(|(key, _)| TargetPattern::parse(key).is_ok_and(|pattern| pattern.matches(target)))
        })
    };
    let mut files = BTreeMap::new();
    let mut failures = Vec::new();
    for (target, is_host) in std::iter::once((host, true)).chain(targets.iter().map(|target| (target, false)))
    {
        match find(target, is_host) {
            Some((_, path)) if path.is_file() => {
                files.insert(target.to_string(), path.clone());
            }
            Some((_, path)) => failures.push(BuildFailure {
                target: target.to_string(),
                program: Some(name.to_owned()),
                text: format!("there is no file `{}`", path.display()),
            }),
            // A target without a path is not run; the run says so.
            None => {}
        }
    }
    let program = Program { name: name.to_owned(), files, kind: ProgramKind::Plain };
    Built { programs: vec![program], failures }
}
