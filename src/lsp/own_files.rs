//! Completion and hover in our own TOML files: keys and values as their JSON Schema has them. Knows no setting by name.

use std::{path::Path, sync::Arc};

use serde_json::Value;
use tower_lsp::lsp_types::{
    CompletionItem, CompletionItemKind, CompletionList, CompletionTextEdit, Hover, HoverContents, MarkupContent,
    MarkupKind, Position, Range, TextEdit, Url,
};

use super::{convert, server::Shared};
use crate::{
    config::{self, Layer},
    document::{
        Document,
        position::Encoding,
        toml_place::{At, Place, place},
    },
    setup,
    workflow::{self, catalog::Catalog},
};

/// Our own files are a page or two; in others nobody looks.
const MAX_BYTES: usize = 1024 * 1024;

/// A place in one of our files.
struct Spot {
    place: Place,
    line: String,
    position: Position,
    encoding: Encoding,
    root: Value,
    /// Only a part of the keys can be set in a workspace's file.
    layer: Layer,
    catalog: Arc<Catalog>,
}

impl Shared {
    pub fn complete_own_file(&self, uri: &Url, position: Position) -> Option<CompletionList> {
        let spot = self.spot(uri, position)?;
        let items = match &spot.place.at {
            At::Header => spot.headers(),
            At::Key => spot.keys(),
            At::Value(key) => spot.values(key),
        };
        Some(CompletionList { is_incomplete: false, items })
    }

    pub fn hover_own_file(&self, uri: &Url, position: Position) -> Option<Hover> {
        let spot = self.spot(uri, position)?;
        let (table, key) = match &spot.place.at {
            At::Header => {
                let names = crate::document::toml_place::header(&spot.line)?;
                let (last, before) = names.split_last()?;
                (before.to_vec(), last.clone())
            }
            At::Key => (spot.place.table.clone(), spot.place.text.clone()),
            At::Value(key) => (spot.place.table.clone(), key.clone()),
        };
        let schema = variants(&spot.root, &table).into_iter().find_map(|table| property(&spot.root, table, &key))?;
        let about = describe(&spot.root, schema);
        let text = if about.is_empty() { format!("**{key}**") } else { format!("**{key}**: {about}") };
        let contents = HoverContents::Markup(MarkupContent { kind: MarkupKind::Markdown, value: text });
        Some(Hover { contents, range: Some(spot.range()) })
    }

    fn spot(&self, uri: &Url, position: Position) -> Option<Spot> {
        let path = uri.to_file_path().ok()?;
        let state = self.state();
        let document: &Document = state.documents.get(uri).filter(|document| document.len_bytes() <= MAX_BYTES)?;
        let folders = &state.origin.folders;
        if !setup::is_ours(&path, state.origin.config.as_deref(), folders) {
            return None;
        }
        let text = document.text();
        let lines = crate::document::format::lines(&text);
        let lines: Vec<&str> = lines.into_iter().map(|line| line.trim_end_matches(['\n', '\r'])).chain([""]).collect();
        let encoding = state.client.encoding;
        let byte = convert::byte_in_line(document, position, encoding);
        let place = place(&lines, position.line as usize, byte)?;
        let line = lines.get(position.line as usize).copied().unwrap_or_default().to_owned();
        let is_workflow = path.parent().and_then(Path::file_name).is_some_and(|folder| folder == "workflows");
        let root = if is_workflow { workflow::schema() } else { config::schema() };
        let is_workspaces = !is_workflow && folders.iter().any(|folder| path.starts_with(folder));
        let layer = if is_workspaces { Layer::Workspace } else { Layer::User };
        let catalog = state.catalog.clone();
        Some(Spot { place, line, position, encoding, root, layer, catalog })
    }
}

impl Spot {
    fn headers(&self) -> Vec<CompletionItem> {
        let mut items = Vec::new();
        self.tables(&self.root, &mut Vec::new(), &mut items);
        items
    }

    /// The tables below `schema`, two levels deep: further down they have names of the user's.
    fn tables(&self, schema: &Value, path: &mut Vec<String>, items: &mut Vec<CompletionItem>) {
        for table in alternatives(&self.root, schema) {
            for (key, schema) in table["properties"].as_object().into_iter().flatten() {
                if path.is_empty() && self.layer.may_set(key, "").is_err() {
                    continue;
                }
                let resolved = resolve(&self.root, schema);
                let (is_table, is_list) = match resolved["type"].as_str() {
                    Some("object") => (true, false),
                    Some("array") => (!alternatives(&self.root, &resolved["items"]).is_empty(), true),
                    _ => (false, false),
                };
                if !is_table {
                    continue;
                }
                path.push(key.clone());
                let name = path.join(".");
                let text = if is_list { format!("[[{name}]]") } else { format!("[{name}]") };
                if !items.iter().any(|item| item.label == text) {
                    items.push(self.item(text.clone(), text, CompletionItemKind::STRUCT, schema));
                }
                if path.len() < 2 {
                    self.tables(if is_list { &resolved["items"] } else { resolved }, path, items);
                }
                path.pop();
            }
        }
    }

    fn keys(&self) -> Vec<CompletionItem> {
        let has_equals = self.line.contains('=');
        let mut items: Vec<CompletionItem> = Vec::new();
        for table in variants(&self.root, &self.place.table) {
            for (key, schema) in table["properties"].as_object().into_iter().flatten() {
                // Tables have headers.
                if !alternatives(&self.root, schema).is_empty() {
                    continue;
                }
                let is_allowed = !self.place.table.is_empty() || self.layer.may_set(key, "").is_ok();
                if is_allowed && !items.iter().any(|item| item.label == *key) {
                    let text = if has_equals { key.clone() } else { format!("{key} = ") };
                    items.push(self.item(key.clone(), text, CompletionItemKind::PROPERTY, schema));
                }
            }
        }
        items
    }

    fn values(&self, key: &str) -> Vec<CompletionItem> {
        let mut values: Vec<(Value, &Value)> = Vec::new();
        for table in variants(&self.root, &self.place.table) {
            let Some(schema) = property(&self.root, table, key) else { continue };
            for (value, about) in choices(&self.root, schema) {
                if !values.iter().any(|(known, _)| *known == value) {
                    values.push((value, about));
                }
            }
        }
        if values.is_empty() && key == "workflow" {
            values.extend(self.catalog.entries().into_iter().map(|entry| (entry.id.clone().into(), &Value::Null)));
        }
        let blank =
            if self.line.get(..self.place.start).is_some_and(|before| before.ends_with('=')) { " " } else { "" };
        let item = |(value, about): (Value, &Value)| {
            let label = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            // JSON's texts and truth values are TOML's as well.
            self.item(label, format!("{blank}{value}"), CompletionItemKind::VALUE, about)
        };
        values.into_iter().map(item).collect()
    }

    fn item(&self, label: String, new_text: String, kind: CompletionItemKind, schema: &Value) -> CompletionItem {
        let about = describe(&self.root, schema);
        let quoted = self.place.text.starts_with('"');
        CompletionItem {
            filter_text: Some(if quoted { new_text.trim_start().to_owned() } else { label.clone() }),
            label,
            kind: Some(kind),
            detail: (!about.is_empty()).then_some(about),
            text_edit: Some(CompletionTextEdit::Edit(TextEdit::new(self.range(), new_text))),
            ..CompletionItem::default()
        }
    }

    fn range(&self) -> Range {
        let column = |byte: usize| {
            let before = self.line.get(..byte).unwrap_or(&self.line);
            u32::try_from(self.encoding.length(before)).unwrap_or(u32::MAX)
        };
        let line = self.position.line;
        Range::new(Position::new(line, column(self.place.start)), Position::new(line, column(self.place.end)))
    }
}

/// The schemas that a table of this path may follow.
fn variants<'a>(root: &'a Value, path: &[String]) -> Vec<&'a Value> {
    let mut tables = alternatives(root, root);
    for name in path {
        let next = tables.iter().filter_map(|table| property(root, table, name));
        tables = next.flat_map(|schema| alternatives(root, schema)).collect();
    }
    tables
}

/// The tables that a schema allows, looking through lists and choices.
fn alternatives<'a>(root: &'a Value, schema: &'a Value) -> Vec<&'a Value> {
    let schema = resolve(root, schema);
    for choice in ["oneOf", "anyOf"] {
        if let Some(branches) = schema[choice].as_array() {
            return branches.iter().flat_map(|branch| alternatives(root, branch)).collect();
        }
    }
    match schema["type"].as_str() {
        Some("array") => alternatives(root, &schema["items"]),
        Some("object") => vec![schema],
        _ => Vec::new(),
    }
}

fn property<'a>(root: &'a Value, table: &'a Value, key: &str) -> Option<&'a Value> {
    let table = resolve(root, table);
    table["properties"].get(key).or_else(|| Some(&table["additionalProperties"]).filter(|schema| schema.is_object()))
}

/// What can be chosen from, each with the schema that describes it.
fn choices<'a>(root: &'a Value, schema: &'a Value) -> Vec<(Value, &'a Value)> {
    let schema = resolve(root, schema);
    if let Some(value) = schema.get("const") {
        return vec![(value.clone(), schema)];
    }
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().filter(|value| !value.is_null()).map(|value| (value.clone(), &Value::Null)).collect();
    }
    for choice in ["oneOf", "anyOf"] {
        if let Some(branches) = schema[choice].as_array() {
            return branches.iter().flat_map(|branch| choices(root, branch)).collect();
        }
    }
    let is_truth =
        |kind: &Value| kind == "boolean" || kind.as_array().is_some_and(|kinds| kinds.contains(&"boolean".into()));
    if is_truth(&schema["type"]) {
        return [true, false].map(|value| (value.into(), &Value::Null)).into();
    }
    Vec::new()
}

/// What a schema says of itself, or what it refers to does.
fn describe(root: &Value, schema: &Value) -> String {
    let own = schema["description"].as_str();
    let about = own.or_else(|| resolve(root, schema)["description"].as_str()).unwrap_or_default();
    about.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let target = schema["$ref"].as_str().and_then(|place| root.pointer(place.strip_prefix('#')?));
    target.unwrap_or(schema)
}
