//! The example file and the JSON schema, made from the list of settings.

use super::channels::tree;
use super::options::{Kind, OPTIONS, SECTIONS, Setting};
use super::{Config, ConfigError};
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// A file with every setting at its default, explained.
///
/// # Errors
/// Never in practice: the defaults can be written.
pub fn example() -> Result<String, ConfigError> {
    let defaults = defaults()?;
    let mut text = String::from("# Every setting of Tandem with its default. Flags win over the environment, the\n");
    text.push_str("# environment wins over this file. A setting marked with its variable has a flag too.\n\n");
    for option in OPTIONS.iter().filter(|option| !option.path.contains('.')) {
        entry(&mut text, option, option.path, &defaults, "");
    }
    for (section, doc) in SECTIONS {
        let _ = write!(text, "\n# {doc}\n{section}:\n");
        for option in &OPTIONS {
            if let Some(("", name)) = option.path.strip_prefix(section).and_then(|rest| rest.split_once('.')) {
                entry(&mut text, option, name, &defaults, "  ");
            }
        }
    }
    tree::example(&mut text, &defaults);
    Ok(text)
}

/// Absent values are written as comments, so that the example reads back as the defaults.
fn entry(text: &mut String, option: &Setting, name: &str, defaults: &Value, indent: &str) {
    let value = default_of(defaults, option.path);
    let variable = option.variable().map(|variable| format!(" ({variable})")).unwrap_or_default();
    let _ = writeln!(text, "{indent}# {}{variable}", option.doc);
    let _ = match value {
        Value::Null => writeln!(text, "{indent}# {name}:"),
        value => writeln!(text, "{indent}{name}: {value}"),
    };
}

/// JSON schema (draft 2020-12) of the file, for editors.
///
/// # Errors
/// Never in practice: the defaults can be written.
pub fn schema() -> Result<Value, ConfigError> {
    let defaults = defaults()?;
    let mut top = Map::new();
    for option in OPTIONS.iter().filter(|option| !option.path.contains('.')) {
        top.insert(option.path.to_owned(), property(option, &defaults));
    }
    for (section, doc) in SECTIONS {
        let mut inner = Map::new();
        for option in &OPTIONS {
            if let Some(("", name)) = option.path.strip_prefix(section).and_then(|rest| rest.split_once('.')) {
                inner.insert(name.to_owned(), property(option, &defaults));
            }
        }
        let object = json!({"type": "object", "description": doc, "additionalProperties": false, "properties": inner});
        top.insert(section.to_owned(), object);
    }
    tree::schema(&mut top, &defaults);
    Ok(json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Tandem configuration",
        "type": "object",
        "additionalProperties": false,
        "properties": top,
    }))
}

fn property(option: &Setting, defaults: &Value) -> Value {
    let mut property = match option.kind {
        Kind::Bool => json!({"type": "boolean"}),
        Kind::Port => json!({"type": "integer", "minimum": 0, "maximum": 65_535}),
        Kind::Number => json!({"type": "integer", "minimum": 0}),
        Kind::Text | Kind::Address => json!({"type": "string"}),
        Kind::Ports => json!({"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 65_535}}),
        Kind::Addresses | Kind::Texts => json!({"type": "array", "items": {"type": "string"}}),
        Kind::Pairs => json!({"type": "object", "additionalProperties": {"type": "string"}}),
    };
    if let Some(object) = property.as_object_mut() {
        object.insert("description".to_owned(), option.doc.into());
        let default = default_of(defaults, option.path);
        if !default.is_null() {
            object.insert("default".to_owned(), default);
        }
    }
    property
}

fn defaults() -> Result<Value, ConfigError> {
    serde_json::to_value(Config::default()).map_err(|error| ConfigError::Invalid(error.to_string()))
}

pub(super) fn default_of(defaults: &Value, path: &str) -> Value {
    path.split('.').try_fold(defaults, |value, part| value.get(part)).cloned().unwrap_or_default()
}
