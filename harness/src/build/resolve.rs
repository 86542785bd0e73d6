//! Programs that are there already: prebuilt files and host commands.

use std::path::PathBuf;

use super::{Piece, ProgramKind, Told};
use crate::events::BuildFailure;
use crate::pattern::TargetPattern;
use triplecheck_emulators::target::Target;

/// Gives each target the first path whose pattern matches it; the host takes `native` first.
pub fn resolve(
    name: &str,
    paths: &[(String, PathBuf)],
    host: &Target,
    targets: &[Target],
    told: Told<'_>,
) -> Vec<BuildFailure> {
    let find = |target: &Target, is_host: bool| {
        let native = paths.iter().find(|(key, _)| is_host && key == "native");
        native.or_else(|| {
            paths
                .iter()
                .find(|(key, _)| TargetPattern::parse(key).is_ok_and(|pattern| pattern.matches(target)))
        })
    };
    let mut failures = Vec::new();
    for (target, is_host) in std::iter::once((host, true)).chain(targets.iter().map(|target| (target, false)))
    {
        match find(target, is_host) {
            Some((_, path)) if path.is_file() => {
                told(Piece {
                    id: name.to_owned(),
                    name: name.to_owned(),
                    kind: ProgramKind::Plain,
                    target: target.to_string(),
                    file: path.clone(),
                });
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
    failures
}
