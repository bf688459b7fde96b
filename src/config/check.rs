//! Holds what was written against the schema: keeps what is right, and says of the rest what is wrong and what to do.
//!
//! Knows the schema's rules, and no setting by name.

use std::collections::{BTreeMap, HashSet};

use regex::Regex;
use serde_json::{Map, Value};

use super::{
    Problem,
    secret::{looks_like_key, names_a_key, shown},
    tree::{Entry, Node, Tree},
};

/// Beyond this a key is no slip of the finger, and comparing would cost more than it helps.
const SUGGESTED_CHARACTERS: usize = 64;

/// Whether a layer may set a key of the top level; if not, the sentence that says so.
pub type Permission<'a> = &'a dyn Fn(&str) -> Result<(), String>;

/// What is left of a file when the mistakes are taken out.
#[derive(Debug, Default)]
pub struct Checked {
    pub value: Value,
    /// Lines of the keys, by dotted path.
    pub lines: BTreeMap<String, u32>,
    pub problems: Vec<Problem>,
}

/// Checks a whole file. `camel_case` accepts `maxPages` for `max-pages`.
pub fn check(tree: &Tree, schema: &Value, camel_case: bool, may_set: Permission) -> Checked {
    let mut walk = Walk { root: schema, camel_case, may_set, lines: BTreeMap::new(), problems: Vec::new() };
    let value = walk.node(tree, schema, &Path::default()).unwrap_or_else(|| Value::Object(Map::new()));
    walk.problems.sort_by_key(|problem| problem.line);
    Checked { value, lines: walk.lines, problems: walk.problems }
}

/// Where in a file the walk is.
#[derive(Clone, Debug, Default)]
struct Path(Vec<String>);

impl Path {
    fn with(&self, key: &str) -> Self {
        Self(self.0.iter().cloned().chain([key.to_owned()]).collect())
    }

    /// For the index of lines, not for people.
    fn dotted(&self) -> String {
        self.0.join(".")
    }

    fn shown(&self) -> String {
        self.0.iter().map(|key| shown(key)).collect::<Vec<_>>().join(".")
    }

    /// Where there are lines, the key alone says which one is meant.
    fn subject(&self, line: Option<u32>) -> String {
        match self.0.last() {
            Some(key) if line.is_some() => format!("`{}`", shown(key)),
            Some(_) => format!("`{}`", self.shown()),
            None => "this file".into(),
        }
    }
}

struct Walk<'a> {
    root: &'a Value,
    camel_case: bool,
    may_set: Permission<'a>,
    lines: BTreeMap<String, u32>,
    problems: Vec<Problem>,
}

impl Walk<'_> {
    fn problem(&mut self, line: Option<u32>, message: String) {
        self.problems.push(Problem { line, message });
    }

    fn node(&mut self, tree: &Tree, schema: &Value, path: &Path) -> Option<Value> {
        match (&tree.node, schema["type"].as_str()) {
            (Node::Null, _) => None,
            (Node::Table(entries), Some("object")) => match schema.get("properties") {
                Some(properties) => self.table(tree, entries, schema, properties, path),
                None => Some(self.dictionary(entries, schema, path)),
            },
            (Node::List(items), Some("array")) => self.list(tree, items, schema, path),
            _ => match leaf(&tree.node, schema) {
                Some(value) => Some(value),
                None => {
                    let message =
                        format!("{} takes {}{}", path.subject(tree.line), takes(schema), not(&tree.node, schema));
                    self.problem(tree.line, message);
                    None
                }
            },
        }
    }

    /// A table whose keys we know.
    fn table(&mut self, tree: &Tree, entries: &[Entry], schema: &Value, keys: &Value, path: &Path) -> Option<Value> {
        let is_essential = |key: &str| keys[key]["x-essential"] == true;
        let mut kept = Map::new();
        let mut written = HashSet::new();
        let mut lost = None;
        for entry in entries.iter().filter(|entry| entry.value.node != Node::Null) {
            let key = if self.camel_case { kebab_case(&entry.key) } else { entry.key.clone() };
            let Some(rule) = keys.get(&key) else {
                lost = lost.or(nearest(&key, names(keys)).filter(|near| is_essential(near)));
                let message = self.unknown(&key, keys, path);
                self.problem(entry.line, message);
                continue;
            };
            let path = path.with(&key);
            if path.0.len() == 1
                && let Err(message) = (self.may_set)(&key)
            {
                self.problem(entry.line, message);
                continue;
            }
            if let Some(line) = entry.line {
                self.lines.insert(path.dotted(), line);
            }
            match self.node(&entry.value, rule, &path) {
                Some(value) => {
                    kept.insert(key.clone(), value);
                }
                None if is_essential(&key) => lost = lost.or(Some(key.clone())),
                None => {}
            }
            written.insert(key);
        }
        if let Some(key) = lost {
            self.problem(tree.line, format!("`{}` is ignored until its `{key}` is right", path.shown()));
            return None;
        }
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let lacking: Vec<&str> = required.filter(|key| !kept.contains_key(*key)).collect();
        let never_written: Vec<String> =
            lacking.iter().filter(|key| !written.contains(**key)).map(|key| format!("`{key}`")).collect();
        if !never_written.is_empty() {
            self.problem(tree.line, format!("`{}` lacks {}, so it is ignored", path.shown(), never_written.join(", ")));
        }
        lacking.is_empty().then_some(Value::Object(kept))
    }

    /// A table whose keys are the user's own names.
    fn dictionary(&mut self, entries: &[Entry], schema: &Value, path: &Path) -> Value {
        let pattern = schema["x-key"].as_str().and_then(|pattern| Regex::new(pattern).ok());
        let mut kept = Map::new();
        for entry in entries {
            if pattern.as_ref().is_some_and(|pattern| !pattern.is_match(&entry.key)) {
                let form =
                    if path.dotted() == "models" { "\"provider/model\"" } else { "a name without `/` and spaces" };
                let message = format!("a key of `{}` is {form}, not `{}`", path.shown(), shown(&entry.key));
                self.problem(entry.line, message);
                continue;
            }
            let path = path.with(&entry.key);
            if let Some(line) = entry.line {
                self.lines.insert(path.dotted(), line);
            }
            if let Some(value) = self.node(&entry.value, &schema["additionalProperties"], &path) {
                kept.insert(entry.key.clone(), value);
            }
        }
        Value::Object(kept)
    }

    fn list(&mut self, tree: &Tree, items: &[Tree], schema: &Value, path: &Path) -> Option<Value> {
        if (items.len() as u64) < schema["minItems"].as_u64().unwrap_or(0) {
            let message = format!("{} takes {}, not an empty list", path.subject(tree.line), takes(schema));
            self.problem(tree.line, message);
            return None;
        }
        let mut kept = Vec::new();
        let mut seen = HashSet::new();
        for (index, item) in items.iter().enumerate() {
            let mut at = path.clone();
            if let Some(last) = at.0.last_mut() {
                *last = format!("{last}[{}]", index + 1);
            }
            let Some(value) = self.node(item, &schema["items"], &at) else {
                if schema["x-whole"] == true {
                    return None;
                }
                continue;
            };
            if let Some(unique) = schema["x-unique"].as_str()
                && let Some(name) = value[unique].as_str()
                && !seen.insert(name.to_owned())
            {
                let message = format!(
                    "two of `{}` have the {unique} `{}`; the second is ignored: give it another one",
                    path.shown(),
                    shown(name)
                );
                self.problem(item.line, message);
                continue;
            }
            kept.push(value);
        }
        Some(Value::Array(kept))
    }

    fn unknown(&self, key: &str, keys: &Value, path: &Path) -> String {
        if names_a_key(key) {
            return "keys aren't kept in files: remove it here, and name the environment variable that holds it with \
                    `key-env`, or a command that prints it with `key-command`"
                .into();
        }
        let place = if path.0.is_empty() { String::new() } else { format!(" in `{}`", path.shown()) };
        let advice = if let Some(near) = nearest(key, names(keys)) {
            format!("did you mean `{near}`?")
        } else if let Some(home) = home_of(key, self.root) {
            format!("it belongs in `{home}`")
        } else {
            let is_ours = |name: &&str| !path.0.is_empty() || (self.may_set)(name).is_ok();
            let valid: Vec<String> = names(keys).filter(is_ours).map(|name| format!("`{name}`")).collect();
            format!("valid here: {}", valid.join(", "))
        };
        format!("unknown key `{}`{place}; {advice}", shown(key))
    }
}

/// A single value, if it is what the schema asks for.
fn leaf(node: &Node, schema: &Value) -> Option<Value> {
    let within = |number: f64| {
        schema["minimum"].as_f64().is_none_or(|minimum| number >= minimum)
            && schema["maximum"].as_f64().is_none_or(|maximum| number <= maximum)
    };
    match (node, schema["type"].as_str()?) {
        (Node::Boolean(value), "boolean") => Some(Value::Bool(*value)),
        (Node::Integer(number), "integer" | "number") if within(*number as f64) => {
            Some(Value::from(i64::try_from(*number).ok()?))
        }
        (Node::Float(number), "number") if number.is_finite() && within(*number) => Some(Value::from(*number)),
        (Node::Text(text), "string") => {
            let is_choice = schema["enum"].as_array().is_none_or(|choices| choices.iter().any(|choice| choice == text));
            let is_long_enough = text.trim().len() as u64 >= schema["minLength"].as_u64().unwrap_or(0);
            let has_form = schema["pattern"]
                .as_str()
                .is_none_or(|pattern| Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(text)));
            let is_key = schema["x-name"] == true && looks_like_key(text);
            // A NUL can be in no path and in no argument.
            let is_clean = !text.contains('\0');
            (is_choice && is_long_enough && has_form && !is_key && is_clean).then(|| Value::from(text.as_str()))
        }
        _ => None,
    }
}

/// What a key takes, in words.
pub fn takes(schema: &Value) -> String {
    if let Some(words) = schema["x-takes"].as_str() {
        return words.to_owned();
    }
    if let Some(choices) = schema["enum"].as_array() {
        let choices: Vec<String> = choices.iter().map(Value::to_string).collect();
        return alternatives(&choices);
    }
    let range = match (schema["minimum"].as_f64(), schema["maximum"].as_f64()) {
        (Some(minimum), Some(maximum)) => format!(" from {minimum} to {maximum}"),
        _ => String::new(),
    };
    match schema["type"].as_str() {
        Some("boolean") => "true or false".into(),
        Some("integer") => format!("a whole number{range}"),
        Some("number") => format!("a number{range}"),
        Some("array") if schema["items"]["type"] == "object" => "a list of tables".into(),
        Some("array") => "a list of texts".into(),
        Some("object") => "a table".into(),
        _ => "a text".into(),
    }
}

/// What was written instead, without what could be a key.
fn not(node: &Node, schema: &Value) -> String {
    // Where a name, an address or a command belongs, what stands there may well be a key, or carry one.
    let is_address = schema["x-essential"] == true && schema.get("enum").is_none();
    let may_be_key = schema["x-name"] == true || schema["x-whole"] == true || is_address;
    let written = match node {
        Node::Null => "nothing".into(),
        Node::Boolean(value) => value.to_string(),
        Node::Integer(i128::MAX) => "so large a number".into(),
        Node::Integer(number) => number.to_string(),
        Node::Float(number) => format!("{number:?}"),
        Node::Text(text) if text.trim().is_empty() => "an empty text".into(),
        Node::Text(text) if text.contains('\0') => "a text with a NUL in it".into(),
        Node::Text(text) if looks_like_key(text) => return "; what stands there looks like a key".into(),
        Node::Text(_) if may_be_key => return String::new(),
        Node::Text(text) => {
            let choices = schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
            match nearest(text, choices) {
                Some(near) => format!("\"{}\"; did you mean \"{near}\"?", shown(text)),
                None => format!("\"{}\"", shown(text)),
            }
        }
        Node::Date(_) => "a date".into(),
        Node::List(_) => "a list".into(),
        Node::Table(_) => "a table".into(),
    };
    format!(", not {written}")
}

/// `a, b or c`.
fn alternatives(choices: &[String]) -> String {
    match choices {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

fn names(keys: &Value) -> impl Iterator<Item = &str> {
    keys.as_object().into_iter().flat_map(Map::keys).map(String::as_str)
}

/// The name that was probably meant.
fn nearest<'a>(written: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    let characters = written.chars().count();
    if characters > SUGGESTED_CHARACTERS {
        return None;
    }
    let tolerated = (characters / 3).clamp(1, 3);
    let plain = kebab_case(&written.replace('_', "-"));
    names
        .map(|name| (strsim::damerau_levenshtein(&plain, name), name))
        .filter(|(distance, name)| *distance <= tolerated && *distance < name.chars().count())
        .min()
        .map(|(_, name)| name.to_owned())
}

/// The table one level down that has this key, as its header is written.
fn home_of(key: &str, root: &Value) -> Option<String> {
    let key = kebab_case(&key.replace('_', "-"));
    root["properties"].as_object()?.iter().find_map(|(table, schema)| {
        let has = |keys: &Value| keys.get(&key).is_some();
        match schema["type"].as_str() {
            Some("object") if has(&schema["properties"]) => Some(format!("[{table}]")),
            Some("object") if has(&schema["additionalProperties"]["properties"]) => Some(format!("[{table}.NAME]")),
            Some("array") if has(&schema["items"]["properties"]) => Some(format!("[[{table}]]")),
            _ => None,
        }
    })
}

/// `maxPages` as `max-pages`.
pub fn kebab_case(key: &str) -> String {
    let mut kebab = String::with_capacity(key.len());
    for character in key.chars() {
        if character.is_ascii_uppercase() && !kebab.is_empty() && !kebab.ends_with('-') {
            kebab.push('-');
        }
        kebab.push(character.to_ascii_lowercase());
    }
    kebab
}
