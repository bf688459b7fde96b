//! The fields of front matter, each value as it is written: a file named `no` is no truth value, and version `1.10` no number.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor},
};
use serde_json::Value;

use super::Mistake;

type Fields = BTreeMap<String, Value>;

/// Reads the lines between the fences.
pub fn read(front: &str) -> Result<Fields, Mistake> {
    let fields: Fields = serde_saphyr::from_str(front).map_err(mistake)?;
    // YAML tells texts from numbers only while nobody asks for a text, so the forms must be known before the texts can be had.
    let written = serde_saphyr::with_deserializer_from_str(front, |yaml| Written(&fields).deserialize(yaml));
    Ok(written.unwrap_or(fields))
}

/// The same fields once more, with texts for whatever isn't a list or a table.
struct Written<'a>(&'a Fields);

impl<'de> DeserializeSeed<'de> for Written<'_> {
    type Value = Fields;

    fn deserialize<D: Deserializer<'de>>(self, yaml: D) -> Result<Fields, D::Error> {
        yaml.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Written<'_> {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Fields, M::Error> {
        let mut written = Fields::new();
        while let Some(key) = map.next_key::<String>()? {
            let is_nested = |value: &Value| value.is_array() || value.is_object();
            let value = match self.0.get(&key) {
                Some(Value::Array(values)) if !values.iter().any(is_nested) => {
                    map.next_value::<Vec<Option<String>>>()?.into()
                }
                Some(value) if is_nested(value) => {
                    map.next_value::<IgnoredAny>()?;
                    value.clone()
                }
                _ => map.next_value::<Option<String>>()?.into(),
            };
            written.insert(key, value);
        }
        Ok(written)
    }
}

fn mistake(error: serde_saphyr::Error) -> Mistake {
    // Its first line is the document's second, which is line 1.
    let line = error.location().and_then(|location| u32::try_from(location.line()).ok());
    let error = error.without_snippet().to_string();
    // It says where within the front matter, which nobody counts.
    let cause = error.split(" at line ").next().unwrap_or(&error);
    if let Some(key) = cause.strip_prefix("duplicate mapping key: ") {
        let key = key.split(',').next().unwrap_or(key).to_owned();
        let message = format!("the key `{key}` is there twice; take one of them out");
        return Mistake { line, key: Some(key), message };
    }
    Mistake { line, key: None, message: format!("failed to read the front matter: {cause}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_what_is_written() {
        for (front, expected) in [
            (
                "files: [no, on, 007, 1.10, null, ~, a b]",
                json!({ "files": ["no", "on", "007", "1.10", null, null, "a b"] }),
            ),
            ("files:\n  - yes\n  - 'it''s'\n  - \"1\"\n", json!({ "files": ["yes", "it's", "1"] })),
            (
                "version: 1.10\npages: 3 # three\nwrite:\nno: off",
                json!({ "version": "1.10", "pages": "3", "write": null, "no": "off" }),
            ),
            ("a: {b: no}\nc: [[no]]\nd: 0x1f", json!({ "a": { "b": false }, "c": [[false]], "d": "0x1f" })),
            ("a: |\n  first\n  second\nb: >\n  third\n", json!({ "a": "first\nsecond\n", "b": "third\n" })),
            ("", json!({})),
        ] {
            assert_eq!(json!(read(front).unwrap()), expected, "{front}");
        }
    }
}
