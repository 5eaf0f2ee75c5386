//! JSON schemas as people read them.

use serde_json::Value;

use super::operation::Parameter;

/// A word of a type's description; one that names another type leads there.
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    pub(super) is_name: bool,
}

/// A member of an object, or a parameter.
pub(super) struct Member<'a> {
    pub(super) name: &'a str,
    pub(super) kind: Vec<Word<'a>>,
    pub(super) is_required: bool,
    pub(super) place: &'a str,
    pub(super) description: &'a str,
}

/// A type with a name of its own.
pub(super) struct Named<'a> {
    pub(super) name: &'a str,
    pub(super) kind: Vec<Word<'a>>,
    pub(super) description: &'a str,
    pub(super) members: Vec<Member<'a>>,
}

/// All types of the document.
pub(super) fn named(document: &Value) -> Vec<Named<'_>> {
    let schemas = document["components"]["schemas"].as_object().into_iter().flatten();
    let named = schemas.map(|(name, schema)| Named {
        name,
        kind: words(schema),
        description: text(&schema["description"]),
        members: members(document, schema),
    });
    named.collect()
}

/// What a schema takes, in words.
pub(super) fn words(schema: &Value) -> Vec<Word<'_>> {
    if let Some(name) = name(schema) {
        return vec![Word { text: name, is_name: true }];
    }
    if let Some(values) = schema["enum"].as_array() {
        return joined(values.iter().map(|value| vec![plain(text(value))]));
    }
    for several in ["anyOf", "oneOf", "allOf"] {
        if let Some(schemas) = schema[several].as_array() {
            return joined(schemas.iter().map(words));
        }
    }
    if !schema["const"].is_null() {
        return vec![plain(text(&schema["const"]))];
    }
    match &schema["type"] {
        Value::String(kind) if kind == "array" => {
            [vec![plain("array of ")], words(&schema["items"])].into_iter().flatten().collect()
        }
        Value::String(kind) => vec![plain(text(&schema["format"])), plain(" "), plain(kind)],
        Value::Array(kinds) => joined(kinds.iter().map(|kind| vec![plain(text(kind))])),
        _ => Vec::new(),
    }
}

/// The members of the object that a schema describes, itself or by name.
pub(super) fn members<'a>(document: &'a Value, schema: &'a Value) -> Vec<Member<'a>> {
    let schema = match name(schema) {
        Some(name) => &document["components"]["schemas"][name],
        None => schema,
    };
    let required = schema["required"].as_array();
    let is_required = |name: &str| required.is_some_and(|all| all.iter().any(|it| it == name));
    let properties = schema["properties"].as_object().into_iter().flatten();
    let members = properties.map(|(name, schema)| Member {
        name,
        kind: words(schema),
        is_required: is_required(name),
        place: "",
        description: text(&schema["description"]),
    });
    members.collect()
}

impl<'a> Member<'a> {
    pub(super) fn of_parameter(parameter: &'a Parameter) -> Self {
        Self {
            name: parameter.name,
            kind: words(&parameter.schema),
            is_required: parameter.is_required,
            place: parameter.place,
            description: parameter.description,
        }
    }
}

fn name(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.strip_prefix("#/components/schemas/")
}

fn joined<'a>(parts: impl Iterator<Item = Vec<Word<'a>>>) -> Vec<Word<'a>> {
    let mut words = Vec::new();
    for part in parts {
        if !words.is_empty() {
            words.push(plain(" or "));
        }
        words.extend(part);
    }
    words
}

fn plain(text: &str) -> Word<'_> {
    Word { text, is_name: false }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
