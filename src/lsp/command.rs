//! The commands of `workspace/executeCommand`: their names, and what each carries, as one typed struct.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

/// All of them, static: Helix ignores dynamic registration, and Neovim checks this list.
pub const NAMES: &[&str] = &[
    RUN,
    CANCEL,
    SELECT,
    DESELECT,
    CLEAR_SELECTION,
    APPLY,
    DISCARD,
    REVERT,
    RESUME,
    RETRY,
    NEW_PROMPT,
    ESTIMATE,
    SHOW_RUN,
    SHOW_HISTORY,
];

pub const RUN: &str = "stepwright.run";
pub const CANCEL: &str = "stepwright.cancel";
pub const SELECT: &str = "stepwright.select";
pub const DESELECT: &str = "stepwright.deselect";
pub const CLEAR_SELECTION: &str = "stepwright.clearSelection";
pub const APPLY: &str = "stepwright.apply";
pub const DISCARD: &str = "stepwright.discard";
pub const REVERT: &str = "stepwright.revert";
pub const RESUME: &str = "stepwright.resume";
pub const RETRY: &str = "stepwright.retry";
pub const NEW_PROMPT: &str = "stepwright.newPrompt";
pub const ESTIMATE: &str = "stepwright.estimate";
pub const SHOW_RUN: &str = "stepwright.showRun";
pub const SHOW_HISTORY: &str = "stepwright.showHistory";

/// A command with what it carries.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    Run(RunArguments),
    Cancel(RunName),
    Select(FileArguments),
    Deselect(FileArguments),
    ClearSelection,
    Apply(ResultName),
    Discard(ResultName),
    Revert(RunName),
    Resume(RunName),
    Retry(RunName),
    NewPrompt(PromptArguments),
    ShowRun(ResultName),
    ShowHistory,
    Estimate(RunArguments),
    /// Known by name, not by this version.
    Later(&'static str),
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunArguments {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instruction: Option<String>,
    /// The current document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// The current document by path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The references: URIs, paths or globs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<tower_lsp::lsp_types::Range>,
    /// 1-based, inclusive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line_start: Option<u32>,
    /// 1-based, inclusive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line_end: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, Value>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunName {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FileArguments {
    /// The files that version control says were changed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub changed: bool,
    /// The files that are open.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub open: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<Vec<String>>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResultName {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The file's name; none: every waiting result of the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The client applies the edit that came with the action, so that the command only acknowledges.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub inline: bool,
    /// The edit came with the action, and there is no result behind it: its title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edit: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PromptArguments {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<Vec<String>>,
    /// The lines of the only file that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<tower_lsp::lsp_types::Range>,
    /// Ids of messages to use as context.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<String>,
}

impl Command {
    /// Reads a command as a client sends it: one object, a bare string that stands for an instruction, or nothing.
    pub fn parse(name: &str, arguments: Vec<Value>) -> Result<Self, String> {
        let argument = match arguments.into_iter().find(|argument| !argument.is_null()) {
            None => Value::Object(serde_json::Map::new()),
            Some(Value::String(text)) => serde_json::json!({ "instruction": text }),
            Some(value) => value,
        };
        if !argument.is_object() {
            return Err(format!(
                "failed to read the argument of `{name}`: it is one object, such as {{\"file\": \"a.py\"}}"
            ));
        }
        Ok(match name {
            RUN => Self::Run(read(name, argument)?),
            CANCEL => Self::Cancel(read(name, argument)?),
            SELECT => Self::Select(read(name, argument)?),
            DESELECT => Self::Deselect(read(name, argument)?),
            CLEAR_SELECTION => Self::ClearSelection,
            APPLY => Self::Apply(read(name, argument)?),
            DISCARD => Self::Discard(read(name, argument)?),
            REVERT => Self::Revert(read(name, argument)?),
            RESUME => Self::Resume(read(name, argument)?),
            RETRY => Self::Retry(read(name, argument)?),
            SHOW_RUN => Self::ShowRun(read(name, argument)?),
            SHOW_HISTORY => Self::ShowHistory,
            NEW_PROMPT => Self::NewPrompt(read(name, argument)?),
            ESTIMATE => Self::Estimate(read(name, argument)?),
            _ => match NAMES.iter().find(|known| **known == name) {
                Some(known) => Self::Later(known),
                None => return Err(format!("there is no command `{name}`; there are: {}", NAMES.join(", "))),
            },
        })
    }
}

fn read<T: DeserializeOwned>(name: &str, argument: Value) -> Result<T, String> {
    serde_path_to_error::deserialize(argument).map_err(|error| {
        let key = match error.path().to_string() {
            // What is unknown names itself.
            key if key == "." || error.inner().to_string().starts_with("unknown field") => String::new(),
            key => format!("`{key}`: "),
        };
        format!("failed to read the argument of `{name}`: {key}{}", error.inner())
    })
}

impl RunArguments {
    /// Tags as text: clients send numbers as numbers.
    pub fn tags(&self) -> BTreeMap<String, String> {
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        self.tags
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.clone(), text(value)))
            .collect()
    }

    /// 1-based first and last line.
    pub fn lines(&self) -> Option<(u32, u32)> {
        match (self.range, self.line_start) {
            (Some(range), _) => Some(selected_lines(range)),
            (None, Some(start)) => Some((start.max(1), self.line_end.unwrap_or(start).max(start.max(1)))),
            (None, None) => None,
        }
    }
}

/// The lines of a range, 1-based and inclusive; a range that ends at the start of a line doesn't hold that line.
pub fn selected_lines(range: tower_lsp::lsp_types::Range) -> (u32, u32) {
    let ends_at_margin = range.end.character == 0 && range.end.line > range.start.line;
    let last = if ends_at_margin { range.end.line } else { range.end.line.saturating_add(1) };
    (range.start.line.saturating_add(1), last.max(range.start.line.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn arguments_come_in_many_forms() {
        let run = |arguments: Vec<Value>| Command::parse(RUN, arguments);
        let with = |instruction: &str| {
            Ok(Command::Run(RunArguments { instruction: Some(instruction.to_owned()), ..RunArguments::default() }))
        };
        assert_eq!(run(vec![]), Ok(Command::Run(RunArguments::default())));
        assert_eq!(run(vec![Value::Null]), Ok(Command::Run(RunArguments::default())));
        assert_eq!(run(vec![json!("do it")]), with("do it"));
        assert_eq!(run(vec![json!({ "instruction": "do it" }), json!(7)]), with("do it"));
        assert!(run(vec![json!({ "instruktion": "do it" })]).unwrap_err().contains("unknown field `instruktion`"));
        assert!(run(vec![json!([1])]).is_err());
        assert!(Command::parse("stepwright.nothing", vec![]).unwrap_err().contains("stepwright.run"));
        for name in NAMES {
            assert!(Command::parse(name, vec![]).is_ok(), "{name}");
        }
    }

    #[test]
    fn tags_are_text_and_lines_are_counted_from_one() {
        let arguments: RunArguments =
            serde_json::from_value(json!({ "tags": { "pages": 3, "write": "a.md", "none": null }, "line_start": 4 }))
                .unwrap();
        let expected = [("pages", "3"), ("write", "a.md")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(arguments.tags(), expected.into());
        assert_eq!(arguments.lines(), Some((4, 4)));
        let range = |a: u32, b: u32, c: u32, d: u32| {
            let position = tower_lsp::lsp_types::Position::new;
            selected_lines(tower_lsp::lsp_types::Range::new(position(a, b), position(c, d)))
        };
        assert_eq!(range(9, 0, 42, 0), (10, 42));
        assert_eq!(range(9, 3, 41, 5), (10, 42));
        assert_eq!(range(9, 3, 9, 3), (10, 10));
        assert_eq!(range(u32::MAX, 0, u32::MAX, 0), (u32::MAX, u32::MAX));
    }
}
