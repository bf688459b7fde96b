//! What was said, in a form that is the same in every run: temporary paths, tokens, run ids and durations replaced.
//!
//! Leaves out what depends on speed: progress between begin and end, streamed text, and log lines.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

pub struct Transcript {
    lines: Vec<String>,
    root: Vec<String>,
    duration: Regex,
    names: BTreeMap<String, String>,
}

impl Transcript {
    /// `root` lists the spellings of the temporary folder, as a URI and as a path.
    pub fn new(root: Vec<String>) -> Self {
        let duration = Regex::new(r"\b\d+(\.\d+)? ?m?s\b").expect("a valid expression");
        Self { lines: Vec::new(), root, duration, names: BTreeMap::new() }
    }

    pub fn text(&self) -> String {
        self.lines.join("\n")
    }

    /// Notes a message of the editor.
    pub fn sent(&mut self, method: &str, params: &Value) {
        let document = &params["textDocument"];
        let detail = match (&document["uri"], &document["version"]) {
            (Value::String(uri), Value::Null) => self.plain(uri),
            (Value::String(uri), version) => format!("{} v{version}", self.plain(uri)),
            _ if method == "initialize" => String::new(),
            _ => self.normal(params).to_string(),
        };
        self.lines.push(format!("-> {method} {detail}").trim_end().to_owned());
    }

    /// Notes a request or a notification of the server.
    pub fn received(&mut self, method: &str, params: &Value) {
        let depends_on_speed = match method {
            "stepwright/text" | "window/logMessage" => true,
            "$/progress" => params["value"]["kind"] == "report",
            _ => false,
        };
        if !depends_on_speed {
            let detail = self.normal(params).to_string();
            self.lines.push(format!("<- {method} {detail}"));
        }
    }

    /// Notes an answer of the server; of code actions the titles.
    pub fn answered(&mut self, method: &str, response: &Value) {
        let detail = match response.get("error") {
            Some(error) => format!("error {}", self.normal(error)),
            None if method == "initialize" => return,
            None => match response["result"].as_array() {
                Some(items) if items.iter().all(|item| item["title"].is_string()) => items
                    .iter()
                    .map(|item| format!("\n     {}", self.plain(item["title"].as_str().unwrap_or_default())))
                    .collect(),
                _ => self.normal(&response["result"]).to_string(),
            },
        };
        self.lines.push(format!("<- ({method}) {detail}"));
    }

    fn normal(&mut self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.plain(text).into(),
            Value::Array(items) => items.iter().map(|item| self.normal(item)).collect(),
            Value::Object(fields) => {
                let field = |(key, value): (&String, &Value)| {
                    let value = match (key.as_str(), value) {
                        ("token" | "run", Value::String(name)) => self.name(key, name).into(),
                        _ => self.normal(value),
                    };
                    (key.clone(), value)
                };
                Value::Object(fields.iter().map(field).collect())
            }
            _ => value.clone(),
        }
    }

    fn plain(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for root in &self.root {
            text = text.replace(root.as_str(), "$ROOT");
        }
        self.duration.replace_all(&text, "N s").into_owned()
    }

    /// `token 1`, `run 2`, … in order of appearance.
    fn name(&mut self, kind: &str, name: &str) -> String {
        let next = self.names.values().filter(|known| known.starts_with(kind)).count() + 1;
        self.names.entry(format!("{kind} {name}")).or_insert_with(|| format!("{kind} {next}")).clone()
    }
}
