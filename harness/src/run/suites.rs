//! Where the messages of each suite's programs begin their relative paths, for reports that point into sources.

use std::path::{Component, Path, PathBuf};

use crate::events::SuiteInfo;
use crate::plan::{Origin, Plan, PlannedSuite};

/// What reports know of the suites that the filters want.
pub(super) fn suites(plan: &Plan) -> Vec<SuiteInfo> {
    let wanted = plan.suites.iter().filter(|suite| plan.wants_suite(&suite.name));
    wanted.map(|suite| SuiteInfo { name: suite.name.clone(), sources: sources(suite, &plan.root) }).collect()
}

fn sources(suite: &PlannedSuite, root: &Path) -> String {
    let directory = match &suite.origin {
        Origin::Cargo(cargo) => workspace(&cargo.manifest_path),
        Origin::C { .. } | Origin::Prebuilt { .. } | Origin::Command { .. } => root.to_owned(),
    };
    let relative = relative(&directory, root).unwrap_or(directory);
    if relative.as_os_str().is_empty() { ".".to_owned() } else { relative.to_string_lossy().into_owned() }
}

/// The directory in which cargo starts rustc: the workspace's, of which the package says nothing itself. cargo's own answer
/// would cost a process; where a manifest hides its workspace from this search, paths of messages lose their files.
fn workspace(manifest: &Path) -> PathBuf {
    let package = manifest.parent().unwrap_or(manifest);
    let is_root = |directory: &&Path| {
        let text = std::fs::read_to_string(directory.join("Cargo.toml")).unwrap_or_default();
        let table: toml::Table = text.parse().unwrap_or_default();
        let Some(workspace) = table.get("workspace") else { return false };
        let excluded = workspace.get("exclude").and_then(toml::Value::as_array);
        !excluded.is_some_and(|paths| {
            paths.iter().filter_map(toml::Value::as_str).any(|path| package.starts_with(directory.join(path)))
        })
    };
    package.ancestors().find(is_root).unwrap_or(package).to_owned()
}

/// The way from `base` to `path`, both absolute.
fn relative(path: &Path, base: &Path) -> Option<PathBuf> {
    let common = path.components().zip(base.components()).take_while(|(a, b)| a == b).count();
    let mut way = PathBuf::new();
    for component in base.components().skip(common) {
        if !matches!(component, Component::Normal(_)) {
            return None;
        }
        way.push("..");
    }
    way.extend(path.components().skip(common));
    Some(way)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_leads_from_one_directory_to_another() {
        let check = |path: &str, base: &str, way: &str| {
            assert_eq!(relative(Path::new(path), Path::new(base)), Some(PathBuf::from(way)));
        };
        check("/r/rust", "/r", "rust");
        check("/r", "/r", "");
        check("/r/lib", "/r/tests/x", "../../lib");
        assert_eq!(relative(Path::new("/r"), Path::new("../x")), None);
    }

    #[test]
    fn rustc_runs_in_the_workspace_that_holds_the_package() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let write = |path: &str, text: &str| {
            let path = root.join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        };
        write("Cargo.toml", "[workspace]\nmembers = [\"a\"]\nexclude = [\"out\"]\n");
        for package in ["a", "out", "out/in"] {
            write(&format!("{package}/Cargo.toml"), "[package]\nname = \"p\"\n");
        }
        write("own/Cargo.toml", "[package]\nname = \"p\"\n[workspace]\n");
        for (package, expected) in [("a", ""), ("out", "out"), ("out/in", "out/in"), ("own", "own")] {
            assert_eq!(workspace(&root.join(package).join("Cargo.toml")), root.join(expected), "{package}");
        }
    }
}
