//! Mistakes in the front matter of prompt documents: found behind the typing, shown at their place, with a fix where one is obvious.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tower_lsp::lsp_types::{Diagnostic, DiagnosticSeverity, PublishDiagnosticsParams, TextEdit, Url};

use super::{
    super::{convert, server::Shared, workspace::blocking},
    completion::range,
    facts::Facts,
};
use crate::{
    document::{
        Place,
        front::{self, Form, Front, Word},
        position::Encoding,
        prompt::{self, KEY},
        reference::{self, Ignore, ReferenceError},
    },
    engine::job::most,
    workflow::{COMMON_TAGS, Tag, TagKind, nearest},
};

/// How long typing must rest before the disk is asked about what was typed.
const PAUSE: Duration = Duration::from_millis(120);
/// References that are looked at.
const MAX_REFERENCES: usize = 100;

/// A prompt document as it was last looked at.
pub struct Checked {
    pub front: Front,
    pub problems: Vec<Mistake>,
}

/// Something wrong at a place.
#[derive(Clone, Debug)]
pub struct Mistake {
    pub word: Word,
    /// It keeps the document from being run.
    pub is_error: bool,
    pub message: String,
    /// A title, and what takes the place of the word.
    pub fix: Option<(String, String)>,
}

impl Mistake {
    pub fn diagnostic(&self, front: &Front, encoding: Encoding) -> Diagnostic {
        let severity = if self.is_error { DiagnosticSeverity::ERROR } else { DiagnosticSeverity::WARNING };
        Diagnostic {
            range: self.range(front, encoding),
            severity: Some(severity),
            source: Some("stepwright".to_owned()),
            message: self.message.clone(),
            ..Diagnostic::default()
        }
    }

    pub fn edit(&self, front: &Front, encoding: Encoding) -> Option<(String, TextEdit)> {
        let (title, text) = self.fix.clone()?;
        Some((title, TextEdit::new(self.range(front, encoding), text)))
    }

    fn range(&self, front: &Front, encoding: Encoding) -> tower_lsp::lsp_types::Range {
        range(&self.word, front.line(self.word.line).unwrap_or_default(), encoding)
    }
}

impl Shared {
    /// A document was opened or changed. Anything below the front matter changes nothing here.
    pub fn look_at_prompt(self: &Arc<Self>, uri: &Url, pause: bool) {
        let was_checked = {
            let mut state = self.state();
            let front = state.documents.get(uri).and_then(|document| Front::of(document.rope()));
            match front {
                Some(front) if state.prompts.get(uri).is_some_and(|known| known.front == front) => return,
                Some(front) => {
                    let before = state.prompts.remove(uri);
                    // What is wrong in other lines still is, and its fixes still fit.
                    let still =
                        |mistake: &Mistake, old: &Front| old.line(mistake.word.line) == front.line(mistake.word.line);
                    let known = before.map(|Checked { front: old, mut problems }| {
                        problems.retain(|mistake| still(mistake, &old));
                        problems
                    });
                    state.prompts.insert(uri.clone(), Checked { front, problems: known.unwrap_or_default() });
                    drop(state);
                    return self.check_prompt(uri.clone(), if pause { PAUSE } else { Duration::ZERO });
                }
                None => state.prompts.remove(uri).is_some(),
            }
        };
        if was_checked {
            let (uri, diagnostics) = (uri.clone(), Vec::new());
            self.outbox.diagnostics(PublishDiagnosticsParams { uri, diagnostics, version: None });
        }
    }

    /// Files, settings or messages are others than before.
    pub fn look_at_all_prompts(self: &Arc<Self>) {
        let open: Vec<Url> = self.state().prompts.keys().cloned().collect();
        for uri in open {
            self.check_prompt(uri, PAUSE);
        }
    }

    fn check_prompt(self: &Arc<Self>, uri: Url, pause: Duration) {
        let Some(front) = self.state().prompts.get(&uri).map(|known| known.front.clone()) else { return };
        let shared = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            let is_latest =
                |shared: &Shared| shared.state().prompts.get(&uri).is_some_and(|known| known.front == front);
            if !is_latest(&shared) {
                return;
            }
            // The first letters of a path are completed from this.
            shared.listing().await;
            let (facts, looked_at) = (Facts::of(&shared), front.clone());
            let unknown = facts.unknown_messages(&front).await;
            let Ok(problems) = blocking(move || Ok(problems(&facts, &looked_at, unknown))).await else { return };
            let mut state = shared.state();
            let encoding = state.client.encoding;
            let version = state.documents.get(&uri).map(crate::document::Document::version);
            let Some(known) = state.prompts.get_mut(&uri).filter(|known| known.front == front) else { return };
            let diagnostics = problems.iter().map(|mistake| mistake.diagnostic(&front, encoding)).collect();
            known.problems = problems;
            shared.outbox.diagnostics(PublishDiagnosticsParams { uri: uri.clone(), diagnostics, version });
        });
    }
}

/// Everything that is wrong, `unknown` being ids of messages that there aren't. Looks at the disk.
pub fn problems(facts: &Facts, front: &Front, unknown: BTreeSet<String>) -> Vec<Mistake> {
    let mut check = Check { facts, front, unknown, ignore: facts.files.ignore(), found: Vec::new(), wrong: None };
    check.syntax();
    check.keys();
    check.values();
    check.found.sort_by_key(|mistake| (mistake.word.line, mistake.word.start));
    check.found
}

struct Check<'a> {
    facts: &'a Facts,
    front: &'a Front,
    /// Messages.
    unknown: BTreeSet<String>,
    ignore: Ignore,
    found: Vec<Mistake>,
    /// The key whose value can't be read.
    wrong: Option<String>,
}

impl Check<'_> {
    fn add(&mut self, word: &Word, is_error: bool, message: String, fix: Option<(String, String)>) {
        self.found.push(Mistake { word: word.clone(), is_error, message, fix });
    }

    fn syntax(&mut self) {
        let Err(mistake) = prompt::parse_front(&self.front.lines.join("\n")) else { return };
        // Of two the last, and an unknown one isn't told twice.
        let named = self.front.entries.iter().rfind(|entry| mistake.key.as_ref() == Some(&entry.key.text));
        self.wrong = mistake.key.clone();
        if named.is_some_and(|entry| !self.is_known(&entry.key.text)) {
            return;
        }
        let word = match (named, mistake.line) {
            (Some(entry), _) => entry.key.clone(),
            (None, line) => {
                let line = line.unwrap_or(1).clamp(1, self.front.end_line().saturating_sub(1).max(1));
                let text = self.front.line(line).unwrap_or_default();
                let start = text.len() - text.trim_start().len();
                Word { text: String::new(), line, start, end: text.trim_end().len().max(start) }
            }
        };
        self.add(&word, true, mistake.message, None);
    }

    fn keys(&mut self) {
        let (facts, front) = (self.facts, self.front);
        // Without a workflow nobody knows its keys.
        let Some(workflow) = facts.workflow(front) else { return };
        let known = facts.keys(Some(&workflow));
        let name = front.value(KEY).map(|word| word.text.clone()).unwrap_or_default();
        for entry in &front.entries {
            let key = &entry.key.text;
            if self.is_known(key) {
                continue;
            }
            let is_new = |known: &&str| front.entry(known).is_none();
            let near = nearest(key, known.iter().map(|(known, _)| known.as_str()).filter(is_new));
            let hint = near.map_or_else(
                || format!("its keys: {}", known.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>().join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            let fix = near.map(|near| (format!("Change to `{near}`"), near.to_owned()));
            // Of a list under an unknown key nobody knows what to do.
            let is_error = entry.form != Form::Scalar;
            let so = if is_error { "" } else { ", so it is ignored" };
            self.add(&entry.key, is_error, format!("`{name}` has no key `{key}`{so}; {hint}"), fix);
        }
    }

    /// Whether a key may be there; without a workflow nobody knows.
    fn is_known(&self, key: &str) -> bool {
        let workflow = self.facts.workflow(self.front);
        let keys = self.facts.keys(workflow.as_deref());
        workflow.is_none() || COMMON_TAGS.contains(&key) || keys.iter().any(|(known, _)| known == key)
    }

    fn values(&mut self) {
        let (facts, front) = (self.facts, self.front);
        let workflow = facts.workflow(front);
        let wrong = self.wrong.take();
        for entry in front.entries.iter().filter(|entry| wrong.as_ref() != Some(&entry.key.text)) {
            match entry.key.text.as_str() {
                KEY => match entry.values.first() {
                    Some(word) => self.workflow(word),
                    None => {
                        let message = format!("say which workflow: {}", self.workflow_ids().join(", "));
                        self.add(&entry.key, true, message, None);
                    }
                },
                "model" => entry.values.iter().for_each(|word| self.model(word)),
                "messages" => entry.values.iter().for_each(|word| self.message(word)),
                "files" => {
                    for word in entry.values.iter().take(MAX_REFERENCES) {
                        self.file(word, entry.form == Form::Brackets);
                    }
                }
                key => {
                    if let (Some(tag), Some(word)) =
                        (workflow.as_deref().and_then(|workflow| workflow.tag(key)), entry.values.first())
                    {
                        self.tag(tag, word);
                    }
                }
            }
        }
    }

    fn workflow_ids(&self) -> Vec<String> {
        self.facts.catalog.entries().into_iter().map(|entry| entry.id.clone()).collect()
    }

    fn workflow(&mut self, word: &Word) {
        let Err(message) = self.facts.catalog.get(&word.text) else { return };
        let ids = self.workflow_ids();
        let near = nearest(&word.text, ids.iter().map(String::as_str).filter(|id| **id != word.text));
        self.add(word, true, message, near.map(change_to));
    }

    fn model(&mut self, word: &Word) {
        if self.facts.model.knows(&word.text) {
            return;
        }
        let models = self.facts.models();
        let near = nearest(&word.text, models.iter().map(|(name, _)| name.as_str()));
        let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        let message = format!("there is no model `{}` in the configuration, so the default is used{hint}", word.text);
        self.add(word, false, message, near.map(change_to));
    }

    fn message(&mut self, word: &Word) {
        if self.unknown.contains(&word.text) {
            let message = format!("there is no message `{}`; ids look like `m1`, and stand over each reply", word.text);
            self.add(word, true, message, None);
        }
    }

    fn file(&mut self, word: &Word, in_brackets: bool) {
        let facts = self.facts;
        let is_open = |path: &std::path::Path| facts.is_open(path);
        let found = reference::resolve(&facts.files.roots, std::slice::from_ref(&word.text), &is_open, &self.ignore);
        match found {
            Err(error) => {
                let instead = match &error {
                    ReferenceError::Missing { nearest, .. } => nearest.clone(),
                    ReferenceError::Folder { glob, .. } => Some(glob.clone()),
                    _ => None,
                };
                let fix = instead.map(|name| (format!("Change to `{name}`"), front::quoted(&name, in_brackets)));
                self.add(word, true, error.to_string(), fix);
            }
            Ok(files) => {
                // A glob leaves out by itself what is ignored.
                let [file] = files.as_slice() else { return };
                let Place::Disk(path) = &file.place else { return };
                if file.name == word.text
                    && let Some(reason) = self.ignore.verdict(path).reason()
                {
                    let message = format!("`{}` is sent although it is left out elsewhere: {reason}", word.text);
                    self.add(word, false, message, None);
                }
            }
        }
    }

    fn tag(&mut self, tag: &Tag, word: &Word) {
        let (name, value) = (&tag.name, &word.text);
        match tag.kind {
            TagKind::Text => {}
            TagKind::Path => {
                if let Err(error) = self.facts.files.locate(value) {
                    self.add(word, true, error.to_string(), None);
                }
            }
            TagKind::Number => {
                let min = tag.min.unwrap_or(0);
                let use_instead = |number: String| Some((format!("Change to `{number}`"), number));
                match (value.trim().parse::<i64>(), most(tag, &self.facts.settings)) {
                    (Err(_), _) => {
                        let default = tag.default.clone().unwrap_or_else(|| "1".to_owned());
                        let message = format!("`{name}` takes a whole number, not `{value}`; {default} is used");
                        self.add(word, false, message, use_instead(default));
                    }
                    (Ok(number), _) if number < i64::from(min) => {
                        let message = format!("`{name}` takes a whole number of at least {min}, not {number}");
                        self.add(word, true, message, use_instead(min.to_string()));
                    }
                    (Ok(number), Some(most)) if number > i64::from(most) => {
                        let message = format!("`{name}` is at most {most}, so {most} is used instead of {number}");
                        self.add(word, false, message, use_instead(most.to_string()));
                    }
                    _ => {}
                }
            }
        }
    }
}

fn change_to(name: &str) -> (String, String) {
    (format!("Change to `{name}`"), name.to_owned())
}

/// The fixes for what is wrong at these lines of a document, with their diagnostics.
pub fn fixes(
    state: &super::super::state::State,
    uri: &Url,
    lines: std::ops::RangeInclusive<u32>,
) -> Vec<(String, Diagnostic, tower_lsp::lsp_types::WorkspaceEdit)> {
    let Some(Checked { front, problems }) = state.prompts.get(uri) else { return Vec::new() };
    let encoding = state.client.encoding;
    let here = problems.iter().filter(|mistake| lines.contains(&mistake.word.line));
    let fix = |mistake: &Mistake| {
        let (title, edit) = mistake.edit(front, encoding)?;
        let edit = convert::one_document_edit(state, uri, vec![edit])?;
        Some((title, mistake.diagnostic(front, encoding), edit))
    };
    here.filter_map(fix).collect()
}
