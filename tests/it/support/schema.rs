//! As much of JSON Schema as our own schemas use. A keyword that isn't known here fails the test, so that none is passed over.

use serde_json::Value;

/// What says something about schemas, not about values.
const NOTES: &[&str] = &["$schema", "$defs", "default", "description", "format", "title"];

/// Why `value` doesn't fit `schema`; nothing if it does.
pub fn mistakes(schema: &Value, value: &Value) -> Vec<String> {
    let mut mistakes = Vec::new();
    check(schema, schema, value, "", &mut mistakes);
    mistakes
}

fn check(root: &Value, schema: &Value, value: &Value, at: &str, mistakes: &mut Vec<String>) {
    let Some(keywords) = schema.as_object() else {
        if schema == &Value::Bool(false) {
            mistakes.push(format!("{at}: nothing goes here"));
        }
        return;
    };
    let fits = |schema: &Value| {
        let mut inner = Vec::new();
        check(root, schema, value, at, &mut inner);
        inner.is_empty()
    };
    let number = |keyword: &Value| keyword.as_f64().expect("a number");
    let count = |keyword: &Value| usize::try_from(keyword.as_u64().expect("a count")).expect("a small count");
    for (keyword, rule) in keywords {
        let holds = match keyword.as_str() {
            name if NOTES.contains(&name) => true,
            "$ref" => {
                let pointer = rule.as_str().and_then(|path| path.strip_prefix('#')).expect("a reference within");
                check(root, root.pointer(pointer).expect("what is referred to"), value, at, mistakes);
                true
            }
            "type" => match rule {
                Value::Array(types) => types.iter().any(|name| is(value, name)),
                name => is(value, name),
            },
            "enum" => rule.as_array().expect("a list").contains(value),
            "const" => rule == value,
            "oneOf" => rule.as_array().expect("a list").iter().filter(|choice| fits(choice)).count() == 1,
            "anyOf" => rule.as_array().expect("a list").iter().any(fits),
            "minimum" => value.as_f64().is_none_or(|value| value >= number(rule)),
            "maximum" => value.as_f64().is_none_or(|value| value <= number(rule)),
            "minLength" => value.as_str().is_none_or(|text| text.chars().count() >= count(rule)),
            "minItems" => value.as_array().is_none_or(|items| items.len() >= count(rule)),
            "pattern" => {
                let pattern = regex::Regex::new(rule.as_str().expect("text")).expect("a valid expression");
                value.as_str().is_none_or(|text| pattern.is_match(text))
            }
            "items" => {
                for (i, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, rule, item, &format!("{at}/{i}"), mistakes);
                }
                true
            }
            "required" => {
                let names = rule.as_array().expect("a list").iter().map(|name| name.as_str().expect("a name"));
                value.as_object().is_none_or(|fields| names.into_iter().all(|name| fields.contains_key(name)))
            }
            "properties" => {
                for (name, field) in value.as_object().into_iter().flatten() {
                    if let Some(schema) = rule.get(name) {
                        check(root, schema, field, &format!("{at}/{name}"), mistakes);
                    }
                }
                true
            }
            "additionalProperties" => {
                let known = |name: &String| keywords.get("properties").is_some_and(|known| known.get(name).is_some());
                for (name, field) in value.as_object().into_iter().flatten().filter(|(name, _)| !known(name)) {
                    check(root, rule, field, &format!("{at}/{name}"), mistakes);
                }
                true
            }
            other => panic!("the keyword `{other}` at {at}: add it to this file"),
        };
        if !holds {
            mistakes.push(format!("{at}: {value} against `{keyword}`: {rule}"));
        }
    }
}

fn is(value: &Value, name: &Value) -> bool {
    match name.as_str().expect("a type") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        other => panic!("a type `{other}`"),
    }
}
