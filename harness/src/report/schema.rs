//! The JSON Schemas of what we write and of the manifest, made from the types themselves: `harness/schema/*.json` in the repository are theirs.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;

use super::changes::Changes;
use super::history::History;
use super::json::Report;
use super::overview::Overview;
use crate::events::Event;
use crate::manifest::Manifest;
use crate::matrix::Matrix;

/// Set to write the files anew.
const UPDATE: &str = "UPDATE_SCHEMA";

/// What we write.
#[track_caller]
fn check<T: JsonSchema>(name: &str, title: &str) {
    compare::<T>(SchemaSettings::draft2020_12().for_serialize(), name, title);
}

#[track_caller]
fn compare<T: JsonSchema>(settings: SchemaSettings, name: &str, title: &str) {
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.insert("title".into(), title.into());
    let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schema").join(name);
    if std::env::var_os(UPDATE).is_some() {
        fs_err::write(&path, &text).unwrap();
    }
    let there = fs_err::read_to_string(&path).unwrap_or_default();
    assert!(there == text, "`{}` is not what the types say; {UPDATE}=1 writes it anew", path.display());
}

#[test]
fn the_schemas_in_the_repository_are_those_of_the_types() {
    let reading = SchemaSettings::draft2020_12().for_deserialize();
    compare::<Manifest>(reading, "manifest.json", "triplecheck.toml");
    check::<Report<'static>>("report.json", "triplecheck report");
    check::<crate::built::Record>("archive.json", "the archive.json of an archive of built programs");
    check::<crate::bundle::Bundle>("bundle.json", "the bundle.json of a bundle");
    check::<Event>("events.json", "a line of a run's events.jsonl");
    check::<Overview>("runs.json", "triplecheck show --json");
    check::<Changes<'static>>("changes.json", "triplecheck show OLD NEW --json");
    check::<Matrix>("matrix.json", "triplecheck matrix --ci json");
    check::<History<'static>>("history.json", "triplecheck show --history CASE --json");
}
