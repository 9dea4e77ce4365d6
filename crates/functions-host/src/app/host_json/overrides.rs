//! Replaces values of host.json by settings (functions-host 1.2).

use serde_json::{Map, Value};

use crate::app::json_file::text_of;

/// Sets the value at `a:b:c`, letter case ignored; sections that are missing are made.
///
/// A plain text cannot take the place of a section. For a list of arguments it may be the text of a JSON array; text
/// that does not parse is ignored, as in the real host.
pub(super) fn apply(file: &mut Map<String, Value>, path: &str, value: String) {
    let (name, rest) = path.split_once(':').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let key = file.keys().find(|key| key.eq_ignore_ascii_case(name)).cloned().unwrap_or_else(|| name.to_owned());
    let entry = file.entry(key).or_insert(Value::Null);
    match (rest, entry) {
        (None, entry) => set(entry, name, value),
        (Some(rest), Value::Object(section)) => apply(section, rest, value),
        (Some(rest), entry) => {
            let mut section = section_of(entry);
            apply(&mut section, rest, value);
            *entry = Value::Object(section);
        }
    }
}

/// The strings of a JSON array.
pub(super) fn list_of(text: &str) -> Option<Vec<String>> {
    let items: Vec<Value> = serde_json::from_str(text).ok()?;
    items.iter().map(text_of).collect()
}

/// Every plain value of host.json with its path, `a:b:c`.
pub(super) fn flattened(file: &Map<String, Value>) -> Vec<(String, String)> {
    let mut values = Vec::new();
    for (name, value) in file {
        flatten(name.clone(), value, &mut values);
    }
    values
}

fn flatten(path: String, value: &Value, values: &mut Vec<(String, String)>) {
    match value {
        Value::Object(section) => {
            section.iter().for_each(|(name, value)| flatten(format!("{path}:{name}"), value, values));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| flatten(format!("{path}:{index}"), item, values));
        }
        value => values.extend(text_of(value).map(|text| (path, text))),
    }
}

fn set(entry: &mut Value, name: &str, value: String) {
    let is_list = name.eq_ignore_ascii_case("arguments") || name.eq_ignore_ascii_case("workerArguments");
    if is_list {
        if let Some(items) = list_of(&value) {
            *entry = Value::Array(items.into_iter().map(Value::String).collect());
        }
    } else if !entry.is_object() && !entry.is_array() {
        *entry = Value::String(value);
    }
}

/// An array as a section whose names are indexes; anything else as an empty section.
fn section_of(value: &Value) -> Map<String, Value> {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().enumerate().map(|(index, item)| (index.to_string(), item.clone())).collect()
}
