//! Hover in a prompt document: what a workflow will do, what a file costs in tokens, what a message said.

use std::{fmt::Write, fs, sync::Arc};

use tower_lsp::lsp_types::{Hover, HoverContents, MarkupContent, MarkupKind, Position, Range, Url};

use super::{
    super::{convert, server::Shared, workspace::blocking},
    completion::range,
    facts::Facts,
};
use crate::{
    document::{
        self, FileRef,
        front::{Front, Place, Word},
        position::Encoding,
        prompt::{self, KEY},
        reference::{self, Verdict},
    },
    engine::ports::{BYTES_PER_TOKEN, Message, WorkspaceError},
    workflow::{Step, Template, Workflow, catalog::Entry},
};

/// Files of a glob that are named one by one.
const MAX_FILES: usize = 10;
/// How much of a message is shown.
const MAX_CHARS: usize = 1200;

/// What the cursor is on.
enum Subject {
    Front(Front, Place),
    /// The heading of a reply.
    Reply(String, Word, String),
}

impl Shared {
    pub async fn hover_prompt(self: &Arc<Self>, uri: &Url, position: Position) -> Option<Hover> {
        let (subject, encoding) = {
            let state = self.state();
            let document = state.documents.get(uri)?;
            let front = Front::of(document.rope())?;
            let encoding = state.client.encoding;
            let subject = if position.line > front.end_line() {
                let line = document.rope().get_line(position.line as usize)?.to_string();
                let line = line.trim_end().to_owned();
                let id = prompt::reply_id(&line)?.to_owned();
                let word = Word { text: line.clone(), line: position.line, start: 0, end: line.len() };
                Subject::Reply(id, word, line)
            } else {
                let byte = convert::byte_in_line(document, position, encoding);
                let place = front.place(position.line, byte)?;
                Subject::Front(front, place)
            };
            (subject, encoding)
        };
        let facts = Facts::of(self);
        match subject {
            Subject::Reply(id, word, line) => {
                let message = facts.message(&id).await?;
                Some(hover(about_message(&message), range(&word, &line, encoding)))
            }
            Subject::Front(front, place) => front_hover(facts, front, place, encoding).await,
        }
    }
}

async fn front_hover(facts: Facts, front: Front, place: Place, encoding: Encoding) -> Option<Hover> {
    let (word, text) = match place {
        Place::Key(word) => {
            let keys = facts.keys(facts.workflow(&front).as_deref());
            let (key, about) = keys.into_iter().find(|(key, _)| *key == word.text)?;
            (word, format!("**{key}**: {about}"))
        }
        Place::Value { word, .. } if word.start == word.end => return None,
        Place::Value { key, word, .. } => {
            let text = match key.as_str() {
                KEY => {
                    let (entry, workflow) = facts.catalog.get(&word.text).ok()?;
                    about_workflow(entry, &workflow)
                }
                "model" => {
                    let (name, about) = facts.models().into_iter().find(|(name, _)| *name == word.text)?;
                    format!("**{name}**: {about}")
                }
                "messages" => about_message(&facts.message(&word.text).await?),
                "files" => {
                    let named = word.text.clone();
                    blocking(move || Ok(about_files(&facts, &named))).await.ok()?
                }
                _ => return None,
            };
            (word, text)
        }
    };
    let line = front.line(word.line).unwrap_or_default();
    Some(hover(text, range(&word, line, encoding)))
}

fn hover(value: String, range: Range) -> Hover {
    let contents = HoverContents::Markup(MarkupContent { kind: MarkupKind::Markdown, value });
    Hover { contents, range: Some(range) }
}

/// What a workflow does, step by step.
pub fn about_workflow(entry: &Entry, workflow: &Workflow) -> String {
    let mut text = format!("**{}** ({})\n\n", entry.name(), entry.source);
    steps(&workflow.steps, 0, &mut text);
    text.trim_end().to_owned()
}

fn steps(steps: &[Step], depth: usize, text: &mut String) {
    let indent = "   ".repeat(depth);
    for step in steps {
        match step {
            Step::ForEach(each) => {
                let _ = writeln!(text, "{indent}1. For each of *{}*:", each.items);
                self::steps(&each.steps, depth + 1, text);
            }
            _ => {
                let Some((module, description)) = step.heading() else { continue };
                let saves = if matches!(step, Step::Save(_)) { " (edits the file)" } else { "" };
                let about = shown(description);
                let colon = if about.is_empty() { "" } else { ": " };
                let _ = writeln!(text, "{indent}1. {}{colon}{about}{saves}", shown(module));
            }
        }
    }
}

/// A template for people: names of variables instead of values.
fn shown(template: &Template) -> String {
    template.0.replace("{{", "*").replace("}}", "*")
}

/// What was asked and said, as inert text.
pub fn about_message(message: &Message) -> String {
    let part = |text: &str| {
        let text: String = text
            .trim()
            .chars()
            .filter(|c| *c == '\n' || !(c.is_control() || document::path::is_bidi_or_tag(*c)))
            .collect();
        let mut short: String = text.chars().take(MAX_CHARS).collect();
        if short.len() < text.len() {
            short.push('…');
        }
        let fence = "`".repeat(3.max(super::longest_run(&short, '`') + 1));
        format!("{fence}text\n{short}\n{fence}\n")
    };
    format!("You:\n\n{}\nReply:\n\n{}", part(&message.prompt), part(&message.reply))
}

/// What sending these files takes. Looks at the disk.
fn about_files(facts: &Facts, named: &str) -> String {
    let ignore = facts.files.ignore();
    let is_open = |path: &std::path::Path| facts.is_open(path);
    let found = reference::resolve(&facts.files.roots, &[named.to_owned()], &is_open, &ignore);
    let files = match found {
        Ok(files) => files,
        Err(error) => return WorkspaceError::Failed(error.to_string()).to_string(),
    };
    let sizes: Vec<(&FileRef, u64)> = files.iter().map(|file| (file, size(facts, file))).collect();
    let total: u64 = sizes.iter().map(|(_, bytes)| bytes).sum();
    let mut text = match files.as_slice() {
        [_] => format!("About {}\n", amount(total)),
        _ => format!("{} files, about {}\n\n", files.len(), amount(total)),
    };
    if files.len() > 1 {
        for (file, bytes) in sizes.iter().take(MAX_FILES) {
            let _ = writeln!(text, "- `{}`: {}", file.name, amount(*bytes));
        }
        if files.len() > MAX_FILES {
            let _ = writeln!(text, "- and {} more", files.len() - MAX_FILES);
        }
    }
    if let [file] = files.as_slice()
        && let document::Place::Disk(path) = &file.place
    {
        if facts.is_open(path) {
            text.push_str("\nIt is open: what its buffer holds is sent, saved or not.\n");
        }
        let verdict = ignore.verdict(path);
        if let (true, Some(reason)) = (verdict != Verdict::Sent, verdict.reason()) {
            let _ = writeln!(text, "\nGlobs leave it out ({reason}); named like this, it is sent.");
        }
    }
    text.trim_end().to_owned()
}

fn size(facts: &Facts, file: &FileRef) -> u64 {
    let open = facts.open.iter().find(|(open, _)| open == file).map(|(_, bytes)| *bytes as u64);
    open.unwrap_or_else(|| match &file.place {
        document::Place::Disk(path) => fs::metadata(path).map_or(0, |metadata| metadata.len()),
        document::Place::Buffer(_) => 0,
    })
}

/// "1234 tokens (3.7 kB)"
fn amount(bytes: u64) -> String {
    let tokens = (bytes as f64 / BYTES_PER_TOKEN).ceil() as u64;
    let noun = if tokens == 1 { "token" } else { "tokens" };
    let size = if bytes < 1000 { format!("{bytes} bytes") } else { format!("{:.1} kB", bytes as f64 / 1000.0) };
    format!("{tokens} {noun} ({size})")
}
