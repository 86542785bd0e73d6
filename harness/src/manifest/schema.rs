//! What the manifest's JSON Schema says of values for which we have no type of our own.

use schemars::JsonSchema;

/// `60s`, `500ms`, `2m`, `2min`
#[derive(JsonSchema)]
#[schemars(transparent)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct Duration(#[schemars(regex(pattern = r"^[0-9]+(ms|s|m|min)$"))] String);

/// `2027-06-30`
#[derive(JsonSchema)]
#[schemars(transparent)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct Day(#[schemars(regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))] String);

/// A string or a list of strings
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}
