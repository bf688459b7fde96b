//! Which variables a check command gets. What tests print goes to a model, so no key is among them.

use std::ffi::{OsStr, OsString};

use crate::config::names_a_key;

/// Keys of models are longer; a shorter value could be any word, and is looked for in no other variable.
const KEY_BYTES: usize = 16;

/// The variables without those that hold keys: those that the settings name, those whose names say so, and other variables with the
/// value of a model's key. `keys` are names.
pub fn without_keys(
    variables: impl Iterator<Item = (OsString, OsString)>,
    keys: &[String],
) -> Vec<(OsString, OsString)> {
    let variables: Vec<_> = variables.collect();
    let is_models = |name: &OsStr| {
        keys.iter().any(|key| name.eq_ignore_ascii_case(key)) || name.to_string_lossy().ends_with("_API_KEY")
    };
    let values: Vec<OsString> = variables
        .iter()
        .filter(|(name, value)| is_models(name) && value.len() >= KEY_BYTES)
        .map(|(_, value)| value.clone())
        .collect();
    let holds_value = |value: &OsStr| {
        let bytes = value.as_encoded_bytes();
        values.iter().any(|key| bytes.windows(key.len()).any(|part| part == key.as_encoded_bytes()))
    };
    let is_key = |name: &OsStr, value: &OsStr| {
        let text = name.to_string_lossy();
        is_models(name) || names_a_key(&text) || text.to_ascii_uppercase().ends_with("_KEY") || holds_value(value)
    };
    variables.into_iter().filter(|(name, value)| !is_key(name, value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_is_left() {
        let key = "canary-0123456789abcdef";
        let variables = [
            ("PATH", "/bin"),
            ("OPENAI_API_KEY", key),
            ("MINE", "another-canary-0123"),
            ("COPY_OF_MINE", "Bearer another-canary-0123"),
            ("COPY", key),
            ("GITHUB_TOKEN", "x"),
            ("CLIENT_SECRET", "x"),
            ("AWS_SECRET_ACCESS_KEY", "x"),
            ("DB_PASSWORD", "x"),
            ("LOCAL_API_KEY", "none"),
            ("NONE", "none"),
            ("KEYBOARD", "us"),
        ];
        let variables = variables.map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let kept = without_keys(variables.into_iter(), &["MINE".to_owned()]);
        let names: Vec<_> = kept.iter().filter_map(|(name, _)| name.to_str()).collect();
        assert_eq!(names, ["PATH", "NONE", "KEYBOARD"]);
    }
}
