//! What is made from the list of fields: the search for misspelt names, the example, the schema.

use super::super::ConfigError;
use super::super::options::nearest;
use super::fields::{Field, Kind, TOP};
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// Looks below a section for names that are none of ours. `None`: the section is not about channels.
pub(in super::super) fn check_section(name: &str, value: &serde_yaml_ng::Value) -> Option<Result<(), ConfigError>> {
    let section = TOP.iter().find(|field| field.name == name)?;
    Some(check(section, name, value))
}

fn check(field: &Field, path: &str, value: &serde_yaml_ng::Value) -> Result<(), ConfigError> {
    match field.kind {
        Kind::Section(parts) => check_names(parts, path, value),
        Kind::List(parts) => {
            let mut elements = value.as_sequence().into_iter().flatten().enumerate();
            elements.try_for_each(|(index, element)| check_names(parts, &format!("{path}[{index}]"), element))
        }
        _ => Ok(()),
    }
}

fn check_names(parts: &[&[Field]], path: &str, value: &serde_yaml_ng::Value) -> Result<(), ConfigError> {
    for (key, value) in value.as_mapping().into_iter().flatten() {
        let name = key.as_str().unwrap_or_default();
        let fields = || parts.iter().copied().flatten();
        match fields().find(|field| field.name == name) {
            Some(field) => check(field, &format!("{path}.{name}"), value)?,
            None => {
                let best = nearest(name, fields().map(|field| field.name.to_owned()));
                let nearest = best.map(|name| format!("{path}.{name}"));
                return Err(ConfigError::Unknown { name: format!("{path}.{name}"), nearest });
            }
        }
    }
    Ok(())
}

/// Appends the sections with their defaults, explained.
pub(in super::super) fn example(text: &mut String, defaults: &Value) {
    let mut writer = Example { text, explained: Vec::new() };
    for section in TOP {
        writer.text.push('\n');
        let default = defaults.get(section.name).unwrap_or(&Value::Null);
        writer.field(section, default, section.name, 0);
    }
}

struct Example<'a> {
    text: &'a mut String,
    /// Settings that stand in several places are explained in the first of them.
    explained: Vec<(&'static [Field], String)>,
}

impl Example<'_> {
    fn field(&mut self, field: &Field, default: &Value, path: &str, depth: usize) {
        let (indent, name) = ("  ".repeat(depth), field.name);
        let more = match field.kind {
            Kind::Word(words) => format!(" One of {}.", listed(words)),
            Kind::Section(parts) => match self.explained_in(parts) {
                Some(place) => {
                    let _ = writeln!(self.text, "{indent}# {} Settings as in {place}.", field.doc);
                    let switch = parts.iter().find(|part| part.len() == 1).and_then(|part| part.first());
                    let switch = switch.map(|field| format!("{}: false", field.name)).unwrap_or_default();
                    let _ = writeln!(self.text, "{indent}# {name}: {{{switch}}}");
                    return;
                }
                None => String::new(),
            },
            _ => String::new(),
        };
        let _ = writeln!(self.text, "{indent}# {}{more}", field.doc);
        match field.kind {
            Kind::Section(parts) => {
                self.explained.extend(parts.iter().filter(|part| part.len() > 1).map(|part| (*part, path.to_owned())));
                let _ = writeln!(self.text, "{indent}{name}:");
                for inner in parts.iter().copied().flatten() {
                    let default = default.get(inner.name).unwrap_or(&Value::Null);
                    self.field(inner, default, &format!("{path}.{}", inner.name), depth + 1);
                }
            }
            // Absent values are comments, so that the example reads back as the defaults.
            _ if default.is_null() => drop(writeln!(self.text, "{indent}# {name}:")),
            _ => drop(writeln!(self.text, "{indent}{name}: {default}")),
        }
    }

    fn explained_in(&self, parts: &[&[Field]]) -> Option<String> {
        let names = |part: &[Field]| part.iter().map(|field| field.name).collect::<Vec<_>>();
        let same = |part: &[Field]| self.explained.iter().find(|(known, _)| names(known) == names(part));
        parts.iter().find_map(|part| same(part)).map(|(_, place)| place.clone())
    }
}

fn listed(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    quoted.join(", ")
}

/// Adds the sections to the properties of a schema.
pub(in super::super) fn schema(properties: &mut Map<String, Value>, defaults: &Value) {
    for section in TOP {
        properties.insert(section.name.to_owned(), property(section, defaults.get(section.name)));
    }
}

fn property(field: &Field, default: Option<&Value>) -> Value {
    let mut property = match field.kind {
        Kind::Bool => json!({"type": "boolean"}),
        Kind::Number => json!({"type": "integer", "minimum": 0}),
        Kind::Text => json!({"type": "string"}),
        Kind::Time => json!({"type": ["string", "number"]}),
        Kind::Texts => json!({"type": "array", "items": {"type": "string"}}),
        Kind::Map => json!({"type": "object", "additionalProperties": {"type": "string"}}),
        Kind::Word(words) => json!({"enum": words}),
        Kind::Section(parts) => object(parts, default),
        Kind::List(parts) => json!({"type": "array", "items": object(parts, None)}),
    };
    if let Some(map) = property.as_object_mut() {
        map.insert("description".to_owned(), field.doc.into());
        let leaf = !matches!(field.kind, Kind::Section(_));
        if let Some(default) = default.filter(|default| leaf && !default.is_null()) {
            map.insert("default".to_owned(), default.clone());
        }
    }
    property
}

fn object(parts: &[&[Field]], default: Option<&Value>) -> Value {
    let fields = parts.iter().copied().flatten();
    let inner = |field: &Field| property(field, default.and_then(|default| default.get(field.name)));
    let properties: Map<String, Value> = fields.map(|field| (field.name.to_owned(), inner(field))).collect();
    json!({"type": "object", "additionalProperties": false, "properties": properties})
}
