//! The JSON Schema of the configuration, and its reference page made from it.

use super::raw;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value as Json};
use std::collections::HashMap;

/// The JSON Schema of a configuration file, for editors.
#[must_use]
pub fn schema() -> Json {
    let mut schema =
        SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<raw::Config>().to_value();
    drop_null_defaults(&mut schema);
    if let Some(root) = schema.as_object_mut() {
        root.insert("title".to_owned(), Json::from("Fanlight configuration"));
    }
    schema
}

/// A key without a default has none in the schema either.
fn drop_null_defaults(schema: &mut Json) {
    match schema {
        Json::Object(members) => {
            members.retain(|name, value| name != "default" || !value.is_null());
            members.values_mut().for_each(drop_null_defaults);
        }
        Json::Array(items) => items.iter_mut().for_each(drop_null_defaults),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

/// Every key with its type, its default and what it means, as Markdown.
#[must_use]
pub fn reference() -> String {
    let schema = schema();
    let mut page = String::from(INTRODUCTION);
    let mut sections = vec![(String::new(), &schema)];
    let mut described = Described::new();
    while let Some((path, section)) = sections.pop() {
        let (text, inner) = describe(&schema, &path, section, &mut described);
        page.push_str(&text);
        // The last one is taken first: the page follows the order of the keys, depth first.
        sections.extend(inner.into_iter().rev());
    }
    page
}

const INTRODUCTION: &str = "\
# Configuration

One YAML file (JSON is YAML). This page is generated from the program: `fanlight schema` prints the same as JSON Schema.

- Durations are whole numbers with a unit: `250ms`, `5s`, `10m`, `1h30m`, `7d`. Sizes likewise: `256KiB`, `10GB`.
- `${NAME}` is replaced by the environment variable, `${file:PATH}` by the file's content without the line break at its end, in every
  value. `$${` is a literal `${`. Inside `{ }` and `[ ]`, put quotes around it. What came from outside is never shown in messages.
- Relative paths start at the working directory.
- A list of one may be written as the value alone.
";

/// Sections that have a place on the page, by what they describe: what stands at two places is described once.
type Described = HashMap<*const Json, String>;

/// One section, and the sections below it that are new.
fn describe<'s>(
    root: &'s Json,
    path: &str,
    section: &'s Json,
    described: &mut Described,
) -> (String, Vec<(String, &'s Json)>) {
    let mut inner = Vec::new();
    let mut rows = String::new();
    let required: Vec<&str> = section
        .get("required")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .collect();
    for (key, property) in section.get("properties").and_then(Json::as_object).into_iter().flatten() {
        let below =
            below(root, property).map(|(step, schema)| (format!("{}{step}", join(path, key)), schema));
        let kind = match (text(property, "title"), &below) {
            ("", Some(_)) => "a mapping",
            (title, _) => title,
        };
        let default = match property.get("default") {
            Some(value) => format!("`{}`", plain(value)),
            None if required.contains(&key.as_str()) => "required".to_owned(),
            None => String::new(),
        };
        let meaning = text(property, "description").replace('|', "\\|").replace('\n', " ");
        let mut see = String::new();
        if let Some((path, schema)) = below {
            let place = described.entry(schema).or_insert_with(|| {
                inner.push((path.clone(), schema));
                path
            });
            see = format!(" See [`{place}`](#{}).", anchor(place));
        }
        rows.push_str(&format!("| `{key}` | {kind} | {default} | {meaning}{see} |\n"));
    }
    let title = if path.is_empty() { "The whole file".to_owned() } else { format!("`{path}`") };
    let meaning = if path.is_empty() { "" } else { text(section, "description") };
    let gap = if meaning.is_empty() { "" } else { "\n\n" };
    let head =
        format!("\n## {title}\n\n{meaning}{gap}| key | value | default | meaning |\n|---|---|---|---|\n");
    (head + &rows, inner)
}

/// The mapping with keys of its own that a property leads to, and the step to it.
pub(super) fn below<'s>(root: &'s Json, property: &'s Json) -> Option<(&'static str, &'s Json)> {
    if let Some(reference) = property.get("$ref").and_then(Json::as_str) {
        let found = root.pointer(reference.strip_prefix('#')?)?;
        return Some(("", found));
    }
    if let Some(value) = property.get("additionalProperties").filter(|value| value.is_object()) {
        return below(root, value).map(|(_, found)| (".NAME", found));
    }
    property.get("anyOf")?.as_array()?.iter().find_map(|choice| below(root, choice))
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// The anchor that Markdown renderers make of a heading.
fn anchor(path: &str) -> String {
    path.to_lowercase().replace('.', "")
}

fn text<'s>(schema: &'s Json, key: &str) -> &'s str {
    schema.as_object().and_then(|members: &Map<_, _>| members.get(key)?.as_str()).unwrap_or_default()
}

pub(super) fn plain(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Array(items) => format!("[{}]", items.iter().map(plain).collect::<Vec<_>>().join(", ")),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_) => value.to_string(),
    }
}
