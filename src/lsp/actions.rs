//! The code-action menu of a spot: computed from memory, at once, complete. Reads no file and asks nobody.

use serde::Serialize;
use serde_json::{Value, json};
use tower_lsp::lsp_types::{
    CodeAction, CodeActionKind, CodeActionParams, CodeActionTriggerKind, Command as LspCommand, Range, Url,
};

use super::{
    capabilities::ACTION_KIND,
    command::{self, FileArguments, PromptArguments, ResultName, RunArguments, RunName, selected_lines},
    convert::{self, FileEdit},
    prompt_document::workflow_of,
    state::{MAX_DOCUMENT_BYTES, Pending, State},
};
use crate::{
    document::{FileRef, format},
    workflow::{
        Offer, Workflow,
        template::{Value as Variable, Vars},
    },
};

/// The menu for a place in a document, most specific first.
pub fn actions(state: &State, params: &CodeActionParams) -> Vec<CodeAction> {
    let uri = &params.text_document.uri;
    let only = params.context.only.as_deref();
    let Some(file) = state.file(uri) else { return Vec::new() };
    let fits = state.documents.get(uri).is_none_or(|document| document.len_bytes() <= MAX_DOCUMENT_BYTES);
    if !fits {
        return Vec::new();
    }
    let mut menu = Menu { state, uri, file, actions: Vec::new() };
    menu.results();
    menu.running();
    if menu.prompt_document() {
        return menu.chosen(only);
    }
    menu.marker(params.range);
    // An editor that asks by itself, on every move, is told only of what belongs to this very document.
    if params.context.trigger_kind != Some(CodeActionTriggerKind::AUTOMATIC) {
        menu.interrupted();
        menu.failures();
        menu.workflows(params.range);
        menu.presets();
        menu.reverts();
        menu.selection();
    }
    menu.chosen(only)
}

struct Menu<'a> {
    state: &'a State,
    uri: &'a Url,
    file: FileRef,
    actions: Vec<CodeAction>,
}

impl Menu<'_> {
    fn chosen(self, only: Option<&[CodeActionKind]>) -> Vec<CodeAction> {
        // An empty list asks for nothing in particular.
        let only = only.filter(|only| !only.is_empty());
        let wanted = |kind: &CodeActionKind| only.is_none_or(|only| only.iter().any(|wanted| holds(wanted, kind)));
        self.actions.into_iter().filter(|action| action.kind.as_ref().is_some_and(wanted)).collect()
    }

    /// In a prompt document there is one thing to do.
    fn prompt_document(&mut self) -> bool {
        let Some(workflow) = workflow_of(self.state, self.uri) else { return false };
        let uri = Some(self.uri.to_string());
        let arguments = RunArguments { workflow: Some(workflow.clone()), uri, ..RunArguments::default() };
        self.add(&workflow, format!("Run {workflow}"), command::RUN, &arguments);
        true
    }

    /// Results that wait, this document's first.
    fn results(&mut self) {
        let (own, others): (Vec<_>, Vec<_>) = self.state.pending.iter().partition(|pending| pending.file == self.file);
        for pending in own.into_iter().chain(others) {
            let name =
                ResultName { run: Some(pending.run.clone()), file: Some(pending.file.name.clone()), inline: false };
            let edit = inline_edit(self.state, pending);
            let apply = ResultName { inline: edit.is_some(), ..name.clone() };
            let title = format!("Apply result of {} to {}", pending.name, pending.file.name);
            self.add("apply", title, command::APPLY, &apply);
            if let Some(action) = self.actions.last_mut() {
                action.edit = edit;
            }
            let title = format!("Show result of {} to {}", pending.name, pending.file.name);
            self.add("show", title, command::SHOW_RUN, &name);
            let title = format!("Discard result of {} to {}", pending.name, pending.file.name);
            self.add("discard", title, command::DISCARD, &name);
        }
    }

    fn running(&mut self) {
        for (run, running) in &self.state.runs {
            let title = format!("Cancel {}", running.name);
            self.add("cancel", title, command::CANCEL, &RunName { run: Some(run.clone()) });
        }
    }

    /// The newest run that edited this document.
    fn reverts(&mut self) {
        let known = self.state.reverts.iter().rfind(|known| known.files.contains(&self.file));
        if let Some(known) = known {
            let name = RunName { run: Some(known.run.clone()) };
            self.add("revert", format!("Revert {}", known.name), command::REVERT, &name);
        }
    }

    /// Runs of earlier servers that didn't reach their end.
    fn interrupted(&mut self) {
        if let Some(run) = self.state.resumable.first() {
            let name = RunName { run: Some(run.run.clone()) };
            self.add("resume", format!("Resume {}", run.name()), command::RESUME, &name);
            let name = ResultName { run: Some(run.run.clone()), ..ResultName::default() };
            self.add("forget", format!("Forget the interrupted {}", run.name()), command::DISCARD, &name);
        }
    }

    /// An instruction in a comment here.
    fn marker(&mut self, range: Range) {
        let Some(marker) = self.state.marker(self.uri, &self.file, range.start.line) else { return };
        let workflow = marker.workflow.unwrap_or_else(|| self.state.settings.marker_workflow());
        let title = format!("{}: {} ({workflow})", self.state.settings.marker, marker.instruction);
        let arguments = RunArguments {
            workflow: Some(workflow),
            instruction: Some(marker.instruction),
            uri: Some(self.uri.to_string()),
            line_start: Some(marker.first_line + 1),
            line_end: Some(marker.last_line + 1),
            ..RunArguments::default()
        };
        self.add("marker", title, command::RUN, &arguments);
    }

    fn failures(&mut self) {
        if let Some(failed) = self.state.failed.last() {
            let count = failed.files.len();
            let title = format!("Retry {count} failed {}", if count == 1 { "file" } else { "files" });
            self.add("retry", title, command::RETRY, &RunName { run: Some(failed.job.run.clone()) });
        }
    }

    fn workflows(&mut self, range: Range) {
        let selected = range.start != range.end;
        let selection = &self.state.selection;
        for entry in self.state.catalog.entries() {
            let Some(workflow) = &entry.workflow else { continue };
            let mut arguments = RunArguments { workflow: Some(entry.id.clone()), ..RunArguments::default() };
            let on_lines = selected && workflow.mentions("selection");
            let what = match workflow.offer {
                Offer::Prompt => continue,
                Offer::Selection if !selected => continue,
                Offer::Files if selection.len() > 1 => {
                    arguments.files = Some(selection.iter().map(reference).collect());
                    format!("{} selected files", selection.len())
                }
                _ => {
                    arguments.uri = Some(self.uri.to_string());
                    short_name(&self.file)
                }
            };
            let what = if on_lines {
                arguments.range = Some(range);
                match selected_lines(range) {
                    (first, last) if first == last => format!("line {first}"),
                    (first, last) => format!("lines {first}–{last}"),
                }
            } else {
                what
            };
            let title = title(workflow, &what);
            if workflow.needs_instruction() && !self.state.client.input_box {
                // No editor of itself can ask for words; a document can hold them.
                let files = arguments.files.or(arguments.uri.map(|uri| vec![uri]));
                let arguments = PromptArguments { workflow: arguments.workflow, files, range: arguments.range };
                self.add(&entry.id, format!("{title}…"), command::NEW_PROMPT, &arguments);
            } else {
                self.add(&entry.id, title, command::RUN, &arguments);
            }
        }
    }

    fn presets(&mut self) {
        for preset in &self.state.settings.presets {
            let arguments = RunArguments {
                preset: Some(preset.id.clone()),
                uri: Some(self.uri.to_string()),
                ..RunArguments::default()
            };
            self.add(&format!("preset.{}", preset.id), preset.title.clone(), command::RUN, &arguments);
        }
    }

    fn selection(&mut self) {
        let arguments = FileArguments { uri: Some(self.uri.to_string()), ..FileArguments::default() };
        let name = short_name(&self.file);
        if self.state.selection.contains(&self.file) {
            self.add("deselect", format!("Deselect {name} for workflows"), command::DESELECT, &arguments);
        } else {
            self.add("select", format!("Select {name} for workflows"), command::SELECT, &arguments);
        }
        match self.state.selection.len() {
            0 | 1 => {}
            n => self.add("clear", format!("Clear the selection of {n} files"), command::CLEAR_SELECTION, &json!({})),
        }
    }

    fn add(&mut self, kind: &str, title: String, command: &str, argument: &impl Serialize) {
        let argument = serde_json::to_value(argument).unwrap_or(Value::Null);
        let title = super::outbox::one_line(&title);
        self.actions.push(CodeAction {
            kind: Some(CodeActionKind::from(format!("{ACTION_KIND}.{kind}"))),
            command: Some(LspCommand {
                title: title.clone(),
                command: command.to_owned(),
                arguments: Some(vec![argument]),
            }),
            title,
            ..CodeAction::default()
        });
    }
}

/// The edit that applies a waiting result to the text as it is now; `None` where only the disk knows that text.
pub fn inline_edit(state: &State, pending: &Pending) -> Option<tower_lsp::lsp_types::WorkspaceEdit> {
    let url = convert::url(&pending.file)?;
    let (version, old) = match state.document(&pending.file) {
        Some((_, document)) => (Some(document.version()), Some(document.text())),
        None if pending.base.is_none() => (None, None),
        None => return None,
    };
    let current = old.as_deref().map(format::normalize);
    let new = format::restore(old.as_deref().unwrap_or_default(), &pending.merged_into(current.as_deref()));
    Some(convert::workspace_edit(FileEdit { url, version, old, new }, &state.client))
}

/// How a client that is asked to run something on a file should name it.
fn reference(file: &FileRef) -> String {
    convert::url(file).map_or_else(|| file.name.clone(), String::from)
}

/// Kinds are hierarchical: `refactor` asks for all that lies below it.
fn holds(wanted: &CodeActionKind, kind: &CodeActionKind) -> bool {
    let (wanted, kind) = (wanted.as_str(), kind.as_str());
    wanted.is_empty() || kind.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn title(workflow: &Workflow, what: &str) -> String {
    let mut vars = Vars::default();
    vars.set("file", Variable::Text(what.to_owned()));
    workflow.title.render(&vars).unwrap_or_else(|_| workflow.title.0.clone())
}

fn short_name(file: &FileRef) -> String {
    file.name.rsplit('/').next().unwrap_or(&file.name).to_owned()
}
