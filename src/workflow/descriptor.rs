//! What a client is told of a run's steps. Made from the very steps that are executed; there is no second list of them.

use serde::Serialize;
use serde_json::{Value, json};

use super::Status;

/// The form that clients get, see the contract's workflow descriptor.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Descriptor {
    pub version: &'static str,
    pub workflow_name: String,
    pub status: Status,
    pub steps: Vec<StepDescriptor>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepDescriptor {
    /// Unique within a run, never reused, from 1.
    pub step_id: u32,
    pub module: String,
    pub description: String,
    pub parameters: Value,
    pub status: Status,
    pub response: Value,
}

impl Descriptor {
    /// Of the format, not of the program.
    pub const VERSION: &'static str = "1.0";
}

/// `write-pages` → `Write Pages`: how a workflow is called in progress and reports.
pub fn display_name(id: &str) -> String {
    let words = id.split(['-', '_', ' ']).filter(|word| !word.is_empty()).map(|word| {
        let mut chars = word.chars();
        chars.next().map(|first| first.to_uppercase().chain(chars).collect::<String>()).unwrap_or_default()
    });
    words.collect::<Vec<_>>().join(" ")
}

/// How a step is called while it runs: "2/5 Writing to File src/store.rs".
pub fn title(steps: &[StepDescriptor], step_id: u32) -> String {
    let step = (step_id as usize).checked_sub(1).and_then(|at| steps.get(at));
    let Some(StepDescriptor { module, parameters, .. }) = step else { return String::new() };
    let file = parameters.get("file_name").and_then(Value::as_str).unwrap_or_default();
    let file = if module.contains(file) { String::new() } else { format!(" {file}") };
    format!("{step_id}/{} {module}{file}", steps.len())
}

/// The response of a step that has none is an empty object.
pub fn response(text: Option<&str>) -> Value {
    text.map_or_else(|| json!({}), |text| json!({ "text": text }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (id, name) in [("chat", "Chat"), ("write-pages", "Write Pages"), ("my_own--flow", "My Own Flow"), ("", "")]
        {
            assert_eq!(display_name(id), name);
        }
    }
}
