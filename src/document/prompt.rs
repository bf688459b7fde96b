//! Prompt documents: Markdown whose front matter has the key `stepwright`, and whose body is a conversation.
//! Reads and writes their text; runs nothing.

use std::collections::BTreeMap;

use serde_json::Value;

/// The key that makes a document a prompt document; its value is the workflow.
const KEY: &str = "stepwright";
const FENCE: &str = "---";
const REPLY: &str = "## stepwright ";
const USER: &str = "## you";

/// What a prompt document asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PromptDocument {
    pub workflow: String,
    /// References, as written.
    pub files: Option<Vec<String>>,
    /// Ids of messages.
    pub messages: Vec<String>,
    /// Every other key.
    pub tags: BTreeMap<String, String>,
    /// Finished turns: what the user said, and the reply.
    pub turns: Vec<(String, String)>,
    /// What the user said last.
    pub instruction: String,
}

/// The workflow that a document names; `None` for any other document. Looks at the front matter alone.
pub fn workflow(text: &str) -> Option<String> {
    let (front, _) = split(text)?;
    let line = front.lines().find_map(|line| line.strip_prefix(KEY)?.trim_start().strip_prefix(':'))?;
    let name = line.split(" #").next().unwrap_or_default().trim().trim_matches(['"', '\'']);
    Some(name.to_owned())
}

/// Reads a prompt document; `None` for any other document, an error says what is wrong in the front matter.
pub fn parse(text: &str) -> Option<Result<PromptDocument, String>> {
    let (front, body) = split(text)?;
    workflow(text)?;
    Some(read(front, body))
}

/// A new prompt document.
pub fn new(workflow: &str, files: &[String], instruction: &str) -> String {
    let mut front = format!("{FENCE}\n{KEY}: {workflow}\n");
    if !files.is_empty() {
        // JSON strings are YAML strings.
        let names: Vec<_> = files.iter().map(|file| Value::String(file.clone()).to_string()).collect();
        front.push_str(&format!("files: [{}]\n", names.join(", ")));
    }
    format!("{front}{FENCE}\n{instruction}\n")
}

/// The text to add at the end for a reply, after which the user goes on.
pub fn reply(message: &str, text: &str) -> String {
    format!("\n{REPLY}{message}\n\n{}\n\n{USER}\n\n", text.trim())
}

fn read(front: &str, body: &str) -> Result<PromptDocument, String> {
    let fields: BTreeMap<String, Value> =
        serde_saphyr::from_str(front).map_err(|error| format!("failed to read the front matter: {error}"))?;
    let mut document = PromptDocument::default();
    for (key, value) in fields {
        match key.as_str() {
            KEY => document.workflow = scalar(&key, &value)?,
            "files" => document.files = Some(list(&key, &value)?),
            "messages" => document.messages = list(&key, &value)?,
            _ => {
                document.tags.insert(key.clone(), scalar(&key, &value)?);
            }
        }
    }
    (document.turns, document.instruction) = conversation(body);
    Ok(document)
}

/// The front matter, and what comes after it.
fn split(text: &str) -> Option<(&str, &str)> {
    let rest = text.trim_start_matches('\u{feff}').strip_prefix(FENCE)?;
    let rest = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix('\n'))?;
    let mut at = 0;
    for line in rest.split_inclusive('\n') {
        if line.trim_end() == FENCE {
            return Some((&rest[..at], &rest[at + line.len()..]));
        }
        at += line.len();
    }
    None
}

fn conversation(body: &str) -> (Vec<(String, String)>, String) {
    let mut turns = Vec::new();
    let (mut said, mut replied) = (String::new(), None::<String>);
    for line in body.lines() {
        if is_reply(line) {
            replied = Some(String::new());
        } else if line.trim_end() == USER && replied.is_some() {
            turns.push((
                std::mem::take(&mut said).trim().to_owned(),
                replied.take().unwrap_or_default().trim().to_owned(),
            ));
        } else {
            let text = replied.as_mut().unwrap_or(&mut said);
            text.push_str(line);
            text.push('\n');
        }
    }
    if let Some(reply) = replied {
        turns.push((std::mem::take(&mut said).trim().to_owned(), reply.trim().to_owned()));
    }
    (turns, said.trim().to_owned())
}

/// `## stepwright m13`
fn is_reply(line: &str) -> bool {
    let id = line.strip_prefix(REPLY).and_then(|id| id.trim_end().strip_prefix('m'));
    id.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn scalar(key: &str, value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
        Value::Null => Ok(String::new()),
        Value::Array(_) | Value::Object(_) => Err(format!("`{key}` takes one value, not a list or a table")),
    }
}

fn list(key: &str, value: &Value) -> Result<Vec<String>, String> {
    match value {
        Value::Array(values) => values.iter().map(|value| scalar(key, value)).collect(),
        Value::Null => Ok(Vec::new()),
        _ => Ok(vec![scalar(key, value)?]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The contract's sample.
    const SAMPLE: &str = "---\nstepwright: write-pages\nmodel: main\npages: 3\nwrite: docs/guide.md\nfiles: [src/lib.rs, \
                          \"src/store/*.rs\"]\nmessages: [m12]\n---\nWrite the user guide for a newcomer.\n";

    #[test]
    fn the_sample() {
        let document = parse(SAMPLE).unwrap().unwrap();
        let text = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>();
        assert_eq!(workflow(SAMPLE).as_deref(), Some("write-pages"));
        assert_eq!(document.workflow, "write-pages");
        assert_eq!(document.files, Some(text(&["src/lib.rs", "src/store/*.rs"])));
        assert_eq!(document.messages, text(&["m12"]));
        let tags = [("model", "main"), ("pages", "3"), ("write", "docs/guide.md")];
        assert_eq!(document.tags, tags.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
        assert_eq!(document.instruction, "Write the user guide for a newcomer.");
    }

    #[test]
    fn other_documents_are_left_alone() {
        for text in ["", "# Title\n", "---\ntitle: x\n---\n", "---\nstepwright: chat\n", "--- stepwright: chat\n---\n"]
        {
            assert_eq!(workflow(text), None, "{text}");
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn mistakes_are_said() {
        for (front, part) in
            [("files: {a: b}", "`files` takes one value"), ("x: [1", "failed to read the front matter")]
        {
            let text = format!("---\nstepwright: chat\n{front}\n---\n");
            let error = parse(&text).unwrap().unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_conversation_goes_on() {
        let mut text = new("chat", &["a \"b\".py".to_owned()], "First?");
        text.push_str(&reply("m1", "One.\n\n## you are right\n"));
        text.push_str("Second?\n");
        let document = parse(&text).unwrap().unwrap();
        assert_eq!(document.files, Some(vec!["a \"b\".py".to_owned()]));
        assert_eq!(document.turns, [("First?".to_owned(), "One.\n\n## you are right".to_owned())]);
        assert_eq!(document.instruction, "Second?");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(text in "(---\n)?(stepwright: [a-z\\[\\]{}&*!:\"'-]{0,12}\n)?.{0,40}(\n---\n)?(## (you|stepwright m1)\n)?.{0,20}") {
            parse(&text);
        }
    }
}
