//! Completion in the front matter of a prompt document: keys, workflows, models, files and globs, messages, numbers.

use std::sync::Arc;

use tower_lsp::lsp_types::{
    CompletionItem, CompletionItemKind, CompletionList, CompletionTextEdit, Documentation, MarkupContent, MarkupKind,
    Position, Range, TextEdit, Url,
};

use super::{
    super::{convert, outbox::one_line, server::Shared},
    facts::{Facts, Listing},
};
use crate::{
    document::{
        front::{self, Form, Front, Place, Word},
        position::Encoding,
        prompt::KEY,
    },
    engine::job::most,
    workflow::TagKind,
};

/// More are no help; the editor asks again with the next letter.
const MAX_ITEMS: usize = 100;
/// Messages that are offered.
pub const MAX_MESSAGES: usize = 20;
/// Numbers that are offered.
const MAX_NUMBERS: u32 = 10;

/// One thing that could stand at the cursor.
struct Offer {
    value: String,
    detail: String,
    kind: CompletionItemKind,
    about: Option<String>,
}

impl Shared {
    /// What can stand at a position of a document; nothing outside the front matter of prompt documents.
    pub async fn complete_prompt(self: &Arc<Self>, uri: &Url, position: Position) -> Option<CompletionList> {
        let (front, place, byte, encoding) = {
            let state = self.state();
            let document = state.documents.get(uri)?;
            let front = Front::of(document.rope())?;
            let byte = convert::byte_in_line(document, position, state.client.encoding);
            let place = front.place(position.line, byte)?;
            (front, place, byte, state.client.encoding)
        };
        let facts = Facts::of(self);
        let offers = match &place {
            Place::Key(_) => keys(&facts, &front),
            Place::Value { key, word, .. } if is_file_key(&facts, &front, key) => {
                files(&facts, &*self.listing().await, key, &typed(&front, word, byte))
            }
            Place::Value { key, .. } if key == "messages" => messages(&facts, &front).await,
            Place::Value { key, word, .. } if key == "model" => {
                let facts = Facts { listed_models: self.listed_models().await, ..facts };
                models(&facts, &typed(&front, word, byte))
            }
            Place::Value { key, .. } => values(&facts, &front, key),
        };
        let items = offers.into_iter().take(MAX_ITEMS).enumerate();
        let items = items.map(|(rank, offer)| item(rank, offer, &front, &place, byte, encoding)).collect();
        Some(CompletionList { is_incomplete: matches!(place, Place::Value { .. }), items })
    }
}

fn keys(facts: &Facts, front: &Front) -> Vec<Offer> {
    let keys = facts.keys(facts.workflow(front).as_deref()).into_iter();
    let is_new = |key: &str| front.entry(key).is_none();
    let offer = |(value, detail)| Offer { value, detail, kind: CompletionItemKind::PROPERTY, about: None };
    keys.filter(|(key, _)| is_new(key)).map(offer).collect()
}

fn values(facts: &Facts, front: &Front, key: &str) -> Vec<Offer> {
    let plain = |(value, detail)| Offer { value, detail, kind: CompletionItemKind::VALUE, about: None };
    match key {
        KEY => {
            let entries = facts.catalog.entries().into_iter().filter(|entry| entry.workflow.is_some());
            entries
                .map(|entry| Offer {
                    value: entry.id.clone(),
                    detail: entry.name(),
                    kind: CompletionItemKind::FUNCTION,
                    about: entry.workflow.as_deref().map(|workflow| super::hover::about_workflow(entry, workflow)),
                })
                .collect()
        }
        _ => {
            let workflow = facts.workflow(front);
            let Some(tag) = workflow.as_deref().and_then(|workflow| workflow.tag(key)) else { return Vec::new() };
            match tag.kind {
                TagKind::Number => {
                    let min = tag.min.unwrap_or(1);
                    let max =
                        most(tag, &facts.settings).unwrap_or(MAX_NUMBERS).min(min.saturating_add(MAX_NUMBERS - 1));
                    (min..=max).map(|number| plain((number.to_string(), String::new()))).collect()
                }
                _ => tag.default.iter().map(|default| plain((default.clone(), "the default".to_owned()))).collect(),
            }
        }
    }
}

/// The better a name matches, the earlier.
fn models(facts: &Facts, typed: &str) -> Vec<Offer> {
    let known = facts.models().into_iter();
    let mut ranked: Vec<(u8, (String, String))> =
        known.filter_map(|model| Some((rank(&model.0, typed)?, model))).collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    let offer = |(_, (value, detail))| Offer { value, detail, kind: CompletionItemKind::VALUE, about: None };
    ranked.into_iter().map(offer).collect()
}

/// What stands between the beginning of a word and the cursor.
fn typed(front: &Front, word: &Word, byte: usize) -> String {
    let typed = front.line(word.line).and_then(|line| line.get(word.start..byte)).unwrap_or_default();
    typed.trim_start_matches(['"', '\'']).to_owned()
}

/// Those that aren't named yet, the newest first.
async fn messages(facts: &Facts, front: &Front) -> Vec<Offer> {
    let used = front.entry("messages").map(|entry| entry.values.as_slice()).unwrap_or_default();
    let recent = facts.history.recent_messages(MAX_MESSAGES).await.unwrap_or_default();
    let mut offers = Vec::new();
    for known in recent.into_iter().filter(|known| !used.iter().any(|word| word.text == known.id)) {
        let Some(message) = facts.message(&known.id).await else { continue };
        offers.push(Offer {
            detail: first_words(&message.reply),
            kind: CompletionItemKind::REFERENCE,
            about: Some(super::hover::about_message(&message)),
            value: known.id,
        });
    }
    offers
}

fn is_file_key(facts: &Facts, front: &Front, key: &str) -> bool {
    let is_path = || Some(facts.workflow(front)?.tag(key)?.kind == TagKind::Path);
    key == "files" || is_path() == Some(true)
}

/// Files, those that are open first, then globs; the better a name matches, the earlier.
fn files(facts: &Facts, listing: &Listing, key: &str, typed: &str) -> Vec<Offer> {
    let mut ranked: Vec<(u8, &str, String)> = Vec::new();
    let open: Vec<&str> = facts.open.iter().map(|(file, _)| file.name.as_str()).collect();
    for name in open.iter().filter(|name| !name.contains("://") && !name.starts_with('/')) {
        if let Some(rank) = rank(name, typed) {
            ranked.push((rank, name, "open".to_owned()));
        }
    }
    for name in listing.names.iter().filter(|name| !open.contains(&name.as_str())) {
        if let Some(rank) = rank(name, typed) {
            ranked.push((rank + 1, name, String::new()));
        }
    }
    if key == "files" {
        for (glob, count) in &listing.globs {
            if let Some(rank) = rank(glob, typed) {
                ranked.push((rank + 2, glob, format!("{count} files")));
            }
        }
    }
    // Stable: names of the same rank stay in their order.
    ranked.sort_by_key(|(rank, ..)| *rank);
    ranked.truncate(MAX_ITEMS);
    let offer = |(_, name, detail): (u8, &str, String)| Offer {
        value: name.to_owned(),
        detail,
        kind: CompletionItemKind::FILE,
        about: None,
    };
    ranked.into_iter().map(offer).collect()
}

fn begins(text: &str, typed: &str) -> bool {
    text.get(..typed.len()).is_some_and(|start| start.eq_ignore_ascii_case(typed))
}

/// How well a name matches what is typed, 0 being best; `None` when it lacks a letter of it.
fn rank(name: &str, typed: &str) -> Option<u8> {
    if typed.is_empty() {
        return Some(0);
    }
    let base = name.rsplit('/').next().unwrap_or(name);
    if begins(name, typed) || begins(base, typed) {
        return Some(0);
    }
    let mut letters = name.chars().map(|c| c.to_ascii_lowercase());
    let holds_all = typed.chars().all(|wanted| letters.any(|letter| letter == wanted.to_ascii_lowercase()));
    holds_all.then_some(if name.contains(typed) { 3 } else { 6 })
}

fn item(rank: usize, offer: Offer, front: &Front, place: &Place, byte: usize, encoding: Encoding) -> CompletionItem {
    let (word, new_text) = match place {
        Place::Key(word) => {
            let has_colon = front.entries.iter().any(|entry| entry.key == *word);
            (word, if has_colon { offer.value.clone() } else { format!("{}: ", offer.value) })
        }
        Place::Value { key, word, in_brackets } => (word, value_text(&offer.value, key, word, *in_brackets, front)),
    };
    let line = front.line(word.line).unwrap_or_default();
    let replaced = line.get(word.start..word.end).unwrap_or_default();
    // Editors compare this with what they are about to replace.
    let quote = replaced.chars().next().filter(|c| matches!(c, '"' | '\''));
    // Some of them take only what begins with what is typed: the part that does.
    let typed = typed(front, word, byte);
    let is_named = begins(&offer.value, &typed);
    let base = offer.value.rsplit('/').next().filter(|base| !is_named && begins(base, &typed));
    let matching = base.unwrap_or(&offer.value);
    let filter_text = quote.map_or_else(|| matching.to_owned(), |quote| format!("{quote}{matching}"));
    let about = offer.about.map(|value| MarkupContent { kind: MarkupKind::Markdown, value });
    CompletionItem {
        label: offer.value,
        kind: Some(offer.kind),
        detail: (!offer.detail.is_empty()).then_some(offer.detail),
        documentation: about.map(Documentation::MarkupContent),
        sort_text: Some(format!("{rank:04}")),
        filter_text: Some(filter_text),
        text_edit: Some(CompletionTextEdit::Edit(TextEdit { range: range(word, line, encoding), new_text })),
        ..CompletionItem::default()
    }
}

/// A value as it is written at this place.
fn value_text(value: &str, key: &str, word: &Word, in_brackets: bool, front: &Front) -> String {
    let before = front.line(word.line).and_then(|line| line.get(..word.start)).unwrap_or_default();
    let is_list = matches!(key, "files" | "messages");
    let is_dashed = before.trim_start().starts_with('-');
    let has_values = front.entry(key).is_some_and(|entry| entry.form == Form::Dashes || entry.values.len() > 1);
    let quoted = front::quoted(value, in_brackets || is_list);
    let text = if is_list && !in_brackets && !is_dashed && !has_values { format!("[{quoted}]") } else { quoted };
    // YAML wants a blank behind the colon.
    if before.ends_with(':') || (is_dashed && before.ends_with('-')) { format!(" {text}") } else { text }
}

pub fn range(word: &Word, line: &str, encoding: Encoding) -> Range {
    let column = |byte: usize| {
        let before = line.get(..byte).unwrap_or(line);
        u32::try_from(encoding.length(before)).unwrap_or(u32::MAX)
    };
    Range::new(Position::new(word.line, column(word.start)), Position::new(word.line, column(word.end)))
}

/// The beginning of a text, to know it again.
pub fn first_words(text: &str) -> String {
    const MAX_CHARS: usize = 60;
    let line = one_line(text.trim());
    let mut short: String = line.chars().take(MAX_CHARS).collect();
    if line.chars().count() > MAX_CHARS {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ranked_by_how_they_match() {
        for (name, typed, expected) in [
            ("src/store.rs", "", Some(0)),
            ("src/store.rs", "src/s", Some(0)),
            ("src/store.rs", "STO", Some(0)),
            ("src/store.rs", "ore", Some(3)),
            ("src/store.rs", "srs", Some(6)),
            ("src/store.rs", "xyz", None),
            ("é", "éa", None),
        ] {
            assert_eq!(rank(name, typed), expected, "{name} {typed}");
        }
    }
}
