//! From the path of a message to the path of the file in its repository, as web pages about a commit want it. Pure.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use crate::events::SuiteInfo;

/// Where the sources of a run's suites are.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    repository: PathBuf,
    project: PathBuf,
    suites: BTreeMap<String, PathBuf>,
}

impl Sources {
    /// For the suites of the project in `project`, which is in `repository`; both absolute.
    pub fn new(repository: &Path, project: &Path, suites: &[SuiteInfo]) -> Self {
        let places = suites.iter().map(|suite| (suite.name.clone(), project.join(&suite.sources)));
        Self { repository: repository.to_owned(), project: project.to_owned(), suites: places.collect() }
    }

    /// The file that a message of a suite's program means, relative to the repository; `None` for one that is not in it:
    /// the standard library's, a dependency's.
    pub(super) fn find(&self, suite: &str, file: &str) -> Option<String> {
        let base = self.suites.get(suite).unwrap_or(&self.project);
        // A path of Windows' is never absolute in what was built here.
        let file = file.replace('\\', "/");
        let within = normal(&base.join(file)).strip_prefix(normal(&self.repository)).ok()?.to_owned();
        let text = within.to_str()?;
        (!text.is_empty() && !text.starts_with("..")).then(|| text.to_owned())
    }

    /// A file of the project's, relative to the repository.
    pub(super) fn of_project(&self, file: &str) -> String {
        let path = normal(&self.project.join(file));
        let within = path.strip_prefix(normal(&self.repository)).unwrap_or(Path::new(file));
        within.to_string_lossy().into_owned()
    }
}

/// The path without `.` and, as far as names tell, without `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if normal.file_name().is_some() => {
                normal.pop();
            }
            Component::ParentDir | Component::Normal(_) | Component::RootDir | Component::Prefix(_) => {
                normal.push(component);
            }
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_those_of_the_repository() {
        let suite = |name: &str, sources: &str| SuiteInfo { name: name.into(), sources: sources.into() };
        let suites = [suite("rust", "rust"), suite("c", "."), suite("up", "../lib")];
        let sources = Sources::new(Path::new("/r"), Path::new("/r/cross-tests"), &suites);
        let check = |suite: &str, file: &str, expected: Option<&str>| {
            assert_eq!(sources.find(suite, file).as_deref(), expected, "{suite} {file}");
        };
        check("rust", "src/lib.rs", Some("cross-tests/rust/src/lib.rs"));
        check("rust", "src\\lib.rs", Some("cross-tests/rust/src/lib.rs"));
        check("c", "./c/order.c", Some("cross-tests/c/order.c"));
        check("c", "/r/cross-tests/c/order.c", Some("cross-tests/c/order.c"));
        check("up", "src/lib.rs", Some("lib/src/lib.rs"));
        check("unknown", "src/lib.rs", Some("cross-tests/src/lib.rs"));
        check("rust", "/rustc/0123/library/core/src/option.rs", None);
        check("rust", "../../../elsewhere/x.rs", None);
        check("rust", "/r", None);
        assert_eq!(sources.of_project("triplecheck.toml"), "cross-tests/triplecheck.toml");
    }
}
