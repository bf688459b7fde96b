//! The menu of a prompt document: run it, ask about it first, and what can be put into its front matter.

use serde_json::json;
use tower_lsp::lsp_types::{Range, TextEdit, Url, WorkspaceEdit};

use super::{Menu, Spot, reference};
use crate::{
    document::{
        FileRef, Place,
        front::Front,
        prompt::{self, KEY},
    },
    lsp::{
        capabilities::ACTION_KIND,
        command::{self, PromptArguments, RunArguments},
        convert, prompt_document,
    },
    workflow::template::Vars,
};

/// Other prompt documents that a reply can go to; more would fill the menu.
const MAX_OTHERS: usize = 2;

impl Menu<'_> {
    /// Whether this is a prompt document, which has a menu of its own.
    pub(super) fn prompt_document(&mut self, spot: &Spot) -> bool {
        let state = self.state;
        let Some(document) = state.documents.get(self.uri) else { return false };
        let Some(front) = Front::of(document.rope()) else { return false };
        let workflow = front.value(KEY).map(|word| word.text.clone()).unwrap_or_default();
        let run = |workflow: &str, instruction: Option<String>| RunArguments {
            workflow: Some(workflow.to_owned()),
            uri: Some(self.uri.to_string()),
            instruction,
            ..RunArguments::default()
        };
        let (plain, selected) = (run(&workflow, None), spot.text.clone().map(|text| run(&workflow, Some(text))));
        self.prompt_fixes(spot.range);
        if let Some(arguments) = selected.filter(|_| spot.range.start.line > front.end_line()) {
            self.add("run-selection", "Run selection as instruction".to_owned(), command::RUN, &arguments);
        }
        self.reply(spot.range);
        // Whoever names a workflow here wants it, whatever is hidden elsewhere.
        if !workflow.is_empty() {
            self.push(format!("{ACTION_KIND}.{workflow}"), format!("Run {workflow}"), command::RUN, &plain);
        }
        if self.is_automatic || workflow.is_empty() {
            return true;
        }
        self.add("estimate", format!("Estimate {workflow}"), command::ESTIMATE, &plain);
        for (entry, helper) in state.catalog.about_instructions() {
            if entry.id != workflow {
                let title = helper.title.render(&Vars::default()).unwrap_or_else(|_| helper.title.0.clone());
                let arguments = RunArguments { workflow: Some(entry.id.clone()), ..plain.clone() };
                self.add(&entry.id, title, command::RUN, &arguments);
            }
        }
        let open: Vec<FileRef> = state.documents.keys().filter_map(|uri| self.usable(uri)).collect();
        self.add_files(&front, "add-open", "open", open);
        self.add_files(&front, "add-selected", "selected", state.selection.clone());
        true
    }

    fn prompt_fixes(&mut self, range: Range) {
        let lines = range.start.line..=range.end.line;
        for (title, diagnostic, edit) in prompt_document::fixes(self.state, self.uri, lines) {
            let argument = json!({ "edit": title, "inline": true });
            self.add_fix("front-matter", title, command::APPLY, &argument, Some((diagnostic, edit)));
        }
    }

    /// On the heading of a reply: it can be context elsewhere.
    fn reply(&mut self, range: Range) {
        let state = self.state;
        let Some(document) = state.documents.get(self.uri) else { return };
        let line = document.rope().get_line(range.start.line as usize).map(|line| line.to_string());
        let Some(id) = line.as_deref().and_then(|line| prompt::reply_id(line.trim_end())) else { return };
        let arguments = PromptArguments { messages: vec![id.to_owned()], ..PromptArguments::default() };
        self.add("use-reply", format!("Use reply {id} as context"), command::NEW_PROMPT, &arguments);
        let mut others: Vec<&Url> = state.prompts.keys().filter(|uri| *uri != self.uri).collect();
        others.sort();
        for uri in others.into_iter().take(MAX_OTHERS) {
            let (Some(file), Some(document)) = (state.file(uri), state.documents.get(uri)) else { continue };
            let Some(front) = Front::of(document.rope()) else { continue };
            let is_used = front.entry("messages").is_some_and(|entry| entry.values.iter().any(|word| word.text == id));
            let edit = self.front_edit(uri, &front, "messages", &[id.to_owned()]);
            if let (false, Some(edit)) = (is_used, edit) {
                let title = format!("Use reply {id} as context in {}", super::short_name(&file));
                self.add_edit("use-reply", title, edit);
            }
        }
    }

    /// Offers to name files in the front matter that aren't named yet.
    fn add_files(&mut self, front: &Front, kind: &str, adjective: &str, files: Vec<FileRef>) {
        let named = front.entry("files").map(|entry| entry.values.as_slice()).unwrap_or_default();
        let is_new = |name: &String| !named.iter().any(|word| word.text == *name);
        let name = |file: &FileRef| match file.place {
            Place::Disk(_) => file.name.clone(),
            Place::Buffer(_) => reference(file),
        };
        let mut new: Vec<String> = files.iter().filter(|file| **file != self.file).map(name).filter(is_new).collect();
        new.sort();
        new.dedup();
        let title = match new.as_slice() {
            [] => return,
            [one] => format!("Add the {adjective} file {one}"),
            _ => format!("Add {} {adjective} files", new.len()),
        };
        if let Some(edit) = self.front_edit(self.uri, front, "files", &new) {
            self.add_edit(kind, title, edit);
        }
    }

    /// An open file that can be named as one to read.
    fn usable(&self, uri: &Url) -> Option<FileRef> {
        self.state.file(uri).filter(|_| !self.state.prompts.contains_key(uri))
    }

    /// The edit that adds values to a list of the front matter.
    fn front_edit(&self, uri: &Url, front: &Front, key: &str, values: &[String]) -> Option<WorkspaceEdit> {
        let encoding = self.state.client.encoding;
        let edits = front.with(key, values, encoding).into_iter().map(convert::to_lsp_edit).collect::<Vec<TextEdit>>();
        if edits.is_empty() { None } else { convert::one_document_edit(self.state, uri, edits) }
    }

    fn add_edit(&mut self, kind: &str, title: String, edit: WorkspaceEdit) {
        let argument = json!({ "edit": title, "inline": true });
        let before = self.actions.len();
        self.add(kind, title, command::APPLY, &argument);
        if let Some(action) = self.actions.get_mut(before) {
            action.edit = Some(edit);
        }
    }
}
