//! The JSON Schemas in the repository, held against what is really written.
//!
//! The validator below knows the words that the schemas use and refuses any other, so that none is passed over unread.

use serde_json::Value;

use crate::{made, report};

const REPORT: &str = include_str!("../../schema/report.json");
const EVENTS: &str = include_str!("../../schema/events.json");
const MANIFEST: &str = include_str!("../../schema/manifest.json");

pub(crate) struct Schema {
    root: Value,
}

impl Schema {
    pub(crate) fn new(text: &str) -> Self {
        Self { root: serde_json::from_str(text).unwrap() }
    }

    /// The first thing that is wrong with a value, if any.
    pub(crate) fn problem(&self, value: &Value) -> Option<String> {
        self.at(&self.root, value, "")
    }

    fn at(&self, schema: &Value, value: &Value, path: &str) -> Option<String> {
        if let Value::Bool(anything) = schema {
            return (!anything).then(|| format!("{path}: nothing may be there"));
        }
        schema.as_object()?.iter().find_map(|(word, wanted)| {
            let fails = |text: String| Some(format!("{path}: {text}"));
            let count = |schemas: &Value| {
                let all = schemas.as_array().unwrap().iter();
                all.filter(|schema| self.at(schema, value, path).is_none()).count()
            };
            match word.as_str() {
                "$schema" | "$defs" | "title" | "description" | "default" | "format" => None,
                "$ref" => {
                    let name = wanted.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                    self.at(&self.root["$defs"][name], value, path)
                }
                "type" => {
                    let kinds: Vec<&Value> =
                        wanted.as_array().map_or(vec![wanted], |kinds| kinds.iter().collect());
                    let is = kinds.iter().any(|kind| is_a(kind.as_str().unwrap(), value));
                    if is { None } else { fails(format!("{value} is no {wanted}")) }
                }
                "const" if wanted == value => None,
                "enum" if wanted.as_array().unwrap().contains(value) => None,
                "const" | "enum" => fails(format!("{value} is not in {wanted}")),
                "minimum" | "maximum" => {
                    let (is, limit) = (value.as_f64()?, wanted.as_f64().unwrap());
                    let holds = if word == "minimum" { is >= limit } else { is <= limit };
                    if holds { None } else { fails(format!("{value} breaks {word} {wanted}")) }
                }
                "pattern" => {
                    let expression = regex::Regex::new(wanted.as_str().unwrap()).unwrap();
                    let matches = value.as_str().is_none_or(|text| expression.is_match(text));
                    if matches { None } else { fails(format!("{value} is not as {wanted}")) }
                }
                "oneOf" if count(wanted) == 1 => None,
                "anyOf" if count(wanted) >= 1 => None,
                "oneOf" | "anyOf" => fails(format!("{value} is none of what {word} lists")),
                "required" => {
                    let names = wanted.as_array().unwrap().iter().map(|name| name.as_str().unwrap());
                    names
                        .filter(|name| value.get(name).is_none())
                        .find_map(|name| fails(format!("no `{name}`")))
                }
                "properties" => {
                    let known = wanted.as_object().unwrap();
                    known.iter().find_map(|(name, schema)| {
                        self.at(schema, value.get(name)?, &format!("{path}/{name}"))
                    })
                }
                "additionalProperties" => {
                    let known = schema.get("properties").unwrap_or(&Value::Null);
                    let others = value.as_object()?.iter().filter(|(name, _)| known.get(name).is_none());
                    others
                        .into_iter()
                        .find_map(|(name, value)| self.at(wanted, value, &format!("{path}/{name}")))
                }
                "items" => {
                    value.as_array()?.iter().find_map(|item| self.at(wanted, item, &format!("{path}[]")))
                }
                other => panic!("the schema says `{other}`, which nobody here reads"),
            }
        })
    }
}

fn is_a(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("there is no type `{other}`"),
    }
}

#[test]
fn every_report_and_event_is_as_its_schema_says() {
    let (of_reports, of_events) = (Schema::new(REPORT), Schema::new(EVENTS));
    for events in [made::whole(), made::with_opinions(), made::whole()[..9].to_vec(), made::large(200)] {
        let value: Value = serde_json::from_str(&report("json", &events)).unwrap();
        assert_eq!(of_reports.problem(&value), None);
        for event in &events {
            assert_eq!(of_events.problem(&serde_json::to_value(event).unwrap()), None);
        }
    }
}

#[test]
fn the_schemas_can_say_no() {
    let (of_reports, of_events) = (Schema::new(REPORT), Schema::new(EVENTS));
    let report: Value = serde_json::from_str(&report("json", &made::whole())).unwrap();
    for (place, wrong) in
        [("/schema", Value::from("1")), ("/cells/0/verdict", "fine".into()), ("/findings/0/cells", 3.into())]
    {
        let mut report = report.clone();
        *report.pointer_mut(place).unwrap() = wrong;
        assert!(of_reports.problem(&report).is_some(), "{place}");
    }
    let cell = serde_json::to_value(&made::whole()[4]).unwrap();
    for name in ["event", "suite", "differences"] {
        let mut cell = cell.clone();
        cell.as_object_mut().unwrap().remove(name);
        assert!(of_events.problem(&cell).is_some(), "{name}");
    }
}

/// What is wrong with the text of a manifest by its schema.
#[track_caller]
fn problem_of_manifest(text: &str) -> Option<String> {
    let table: toml::Table = toml::from_str(text).unwrap();
    Schema::new(MANIFEST).problem(&serde_json::to_value(table).unwrap())
}

#[test]
fn the_manifests_that_we_have_are_as_their_schema_says() {
    for name in ["triplecheck.toml", "labels.toml"] {
        let path = crate::support::repository().join("cross-tests").join(name);
        assert_eq!(problem_of_manifest(&std::fs::read_to_string(path).unwrap()), None, "{name}");
    }
}

#[test]
fn a_duration_that_the_plan_will_refuse_is_refused_by_the_schema() {
    for (text, is_right) in
        [("timeout = '2m'", true), ("timeout = 'soon'", false), ("retry-delay = '5'", false)]
    {
        assert_eq!(problem_of_manifest(text).is_none(), is_right, "{text}");
    }
}

/// Manifests, and whether they are right. What a schema cannot say (names that are there twice, patterns of targets, what
/// each kind of suite needs) is not among them.
const MANIFESTS: &[(&str, bool)] = &[
    ("", true),
    (
        "targets = ['s390x-unknown-linux-gnu@z13']\ntimeout = '500ms'\nretries = 3\nretry-backoff = 'fixed'",
        true,
    ),
    (
        "[[suite]]\nname = 'a'\nkind = 'c'\nsources = 'c/*.c'\ncompare = { stdout = 'exact', float = { ulps = 4, type = 'f32' } }",
        true,
    ),
    (
        "[[suite]]\nname = 'a'\nkind = 'c'\nsources = ['a.c', 'b.c']\nnormalise = [{ regex = 'a', replace = 'b' }]",
        true,
    ),
    ("[[suite]]\nname = 'a'\nkind = 'prebuilt'\npath = { native = 'a', 'cfg(windows)' = 'a.exe' }", true),
    ("[target.'cfg(windows)']\nenv = { A = 'b' }\nrunner = ['wine']\ncpu = 'max'", true),
    (
        "[[expect]]\ntest = 'a::b'\ntarget = '*'\nverdict = 'differs'\ncause = 'byte-order'\nreason = 'r'\nuntil = '2027-06-30'",
        true,
    ),
    ("target = ['s390x-unknown-linux-gnu']", false),
    ("targets = 's390x-unknown-linux-gnu'", false),
    ("timeout = 60", false),
    ("retries = -1", false),
    ("[[suite]]\nkind = 'c'", false),
    ("[[suite]]\nname = 'a'\nkind = 'python'", false),
    ("[[suite]]\nname = 'a'\nkind = 'c'\nsource = 'a.c'", false),
    ("[[suite]]\nname = 'a'\nkind = 'cargo-test'\nisolation = 'thread'", false),
    ("[[suite]]\nname = 'a'\nkind = 'c'\nsources = 'a.c'\ncompare = { float = { ulp = 1 } }", false),
    ("[[expect]]\ntest = 'a'\ntarget = '*'\nverdict = 'wrong'\nreason = 'r'", false),
    ("[[expect]]\ntest = 'a'\ntarget = '*'\nverdict = 'differs'\ncause = 'magic'\nreason = 'r'", false),
    ("[[expect]]\ntest = 'a'\ntarget = '*'\nverdict = 'differs'", false),
    ("[[expect]]\ntest = 'a'\ntarget = '*'\nverdict = 'differs'\nreason = 'r'\nuntil = 'June'", false),
];

#[test]
fn what_the_schema_of_the_manifest_says_is_what_is_read() {
    use triplecheck::manifest::{Manifest, Source};
    for (text, is_right) in MANIFESTS {
        let problem = problem_of_manifest(text);
        assert_eq!(problem.is_none(), *is_right, "the schema: {problem:?}\n{text}");
        let read = Manifest::parse(&Source::new("triplecheck.toml", (*text).to_owned()));
        let error = read.err().map(|error| error.render());
        assert_eq!(error.is_none(), *is_right, "the reader: {error:?}\n{text}");
    }
}
