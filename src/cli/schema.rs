//! `stepwright schema NAME`: JSON Schemas for editors that complete and check TOML.

use anyhow::{Context as _, Result, bail};

use crate::{config, workflow};

/// The names that [`print`] knows.
pub const NAMES: [&str; 2] = ["config", "workflow"];

/// The schema of a kind of file, as indented JSON.
pub fn print(name: &str) -> Result<String> {
    let schema = match name {
        "config" => config::schema(),
        "workflow" => workflow::schema(),
        _ => bail!("there is no schema `{name}`; the names are: {}", NAMES.join(", ")),
    };
    serde_json::to_string_pretty(&schema).with_context(|| format!("failed to print the schema `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_prints_a_schema() {
        for name in NAMES {
            let schema: serde_json::Value = serde_json::from_str(&print(name).unwrap()).unwrap();
            assert!(schema["properties"].is_object(), "{name}");
        }
        let error = print("cofnig").unwrap_err().to_string();
        assert!(NAMES.iter().all(|name| error.contains(name)), "{error}");
    }
}
