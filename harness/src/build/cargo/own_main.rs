//! Test targets with a `main` of their own. cargo's messages do not tell them from libtest's, its manifests do.

use std::collections::BTreeMap;
use std::path::PathBuf;

use cargo_metadata::{Artifact, TargetKind};

/// Which targets say `harness = false`; each manifest is read once.
#[derive(Default)]
pub(super) struct OwnMains(BTreeMap<PathBuf, toml::Table>);

impl OwnMains {
    pub(super) fn has(&mut self, artifact: &Artifact) -> bool {
        let path = artifact.manifest_path.as_std_path();
        let manifest = self.0.entry(path.to_owned()).or_insert_with(|| {
            // What cargo has just built from can be read; where not, it is an ordinary test.
            fs_err::read_to_string(path).ok().and_then(|text| text.parse().ok()).unwrap_or_default()
        });
        let own_main =
            |table: &toml::Value| table.get("harness").and_then(toml::Value::as_bool) == Some(false);
        let kinds = &artifact.target.kind;
        let section = [
            (TargetKind::Test, "test"),
            (TargetKind::Bench, "bench"),
            (TargetKind::Bin, "bin"),
            (TargetKind::Example, "example"),
        ];
        match section.iter().find(|(kind, _)| kinds.contains(kind)) {
            Some((_, section)) => {
                let entries = manifest.get(*section).and_then(toml::Value::as_array).into_iter().flatten();
                let name = artifact.target.name.as_str();
                let mut named =
                    entries.filter(|entry| entry.get("name").and_then(toml::Value::as_str) == Some(name));
                named.any(own_main)
            }
            None => manifest.get("lib").is_some_and(own_main),
        }
    }
}
