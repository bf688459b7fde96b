//! The code-action menu of a spot: computed from memory, at once, complete. Reads no file and asks nobody.

use serde::Serialize;
use serde_json::{Value, json};
use tower_lsp::lsp_types::{
    CodeAction, CodeActionKind, CodeActionParams, CodeActionTriggerKind, Command as LspCommand, Diagnostic, Range, Url,
    WorkspaceEdit,
};

mod presets;
mod prompt;

use super::{
    capabilities::{ACTION_KIND, FIX_KIND},
    command::{self, FileArguments, PromptArguments, ResultName, RunArguments, RunName, selected_lines},
    convert::{self, FileEdit},
    state::{MAX_DOCUMENT_BYTES, Pending, State},
};
use crate::{
    document::{
        FileRef, format,
        language::{Kind, kind},
        marker,
    },
    workflow::{
        Offer, Workflow,
        template::{Value as Variable, Vars},
    },
};

/// What a menu holds where nothing special is going on.
const NORMAL_LENGTH: usize = 8;
/// A longer selection is no instruction.
const MAX_INSTRUCTION_BYTES: usize = 64 * 1024;
/// In UTF-8.
const MAX_CHARACTER_BYTES: usize = 4;

/// The menu for a place in a document, most specific first.
pub fn actions(state: &State, params: &CodeActionParams) -> Vec<CodeAction> {
    let uri = &params.text_document.uri;
    let only = params.context.only.as_deref().filter(|only| !only.is_empty());
    let Some(file) = state.file(uri) else { return Vec::new() };
    let fits = state.documents.get(uri).is_none_or(|document| document.len_bytes() <= MAX_DOCUMENT_BYTES);
    if !fits {
        return Vec::new();
    }
    // An editor that asks by itself, on every move, is told only of what belongs to this very spot.
    let is_automatic = params.context.trigger_kind == Some(CodeActionTriggerKind::AUTOMATIC);
    let mut menu = Menu { state, uri, file, is_automatic, actions: Vec::new() };
    let spot = menu.spot(params.range);
    menu.results();
    menu.running();
    if menu.prompt_document(&spot) {
        return menu.chosen(only);
    }
    menu.marker(params.range);
    menu.diagnostics(&spot, &params.context.diagnostics);
    if !is_automatic {
        // Who asks for one kind of action gets all of it.
        let length = if only.is_some() { usize::MAX } else { NORMAL_LENGTH };
        menu.selected_text(&spot);
        menu.interrupted();
        menu.failures();
        menu.workflows(&spot);
        menu.reverts();
        let selecting = menu.selecting();
        menu.presets(&spot, length.saturating_sub(menu.actions.len() + selecting.must));
        let room = length.saturating_sub(menu.actions.len()).max(selecting.must);
        menu.actions.extend(selecting.actions.into_iter().take(room));
    }
    menu.chosen(only)
}

struct Menu<'a> {
    state: &'a State,
    uri: &'a Url,
    file: FileRef,
    is_automatic: bool,
    actions: Vec<CodeAction>,
}

/// What is at the place that the menu is asked for.
struct Spot {
    range: Range,
    /// More than the character under a cursor, which is what some editors always select.
    selected: Option<Range>,
    /// What is selected, where it is prose.
    text: Option<String>,
    on_comment: bool,
}

impl Spot {
    fn is_selected(&self) -> bool {
        self.selected.is_some()
    }
}

/// The actions that select files, of which the first `must` are always there.
struct Selecting {
    actions: Vec<CodeAction>,
    must: usize,
}

impl Menu<'_> {
    fn chosen(self, only: Option<&[CodeActionKind]>) -> Vec<CodeAction> {
        let wanted = |kind: &CodeActionKind| only.is_none_or(|only| only.iter().any(|wanted| holds(wanted, kind)));
        self.actions.into_iter().filter(|action| action.kind.as_ref().is_some_and(wanted)).collect()
    }

    fn spot(&self, range: Range) -> Spot {
        let empty = Spot { range, selected: None, text: None, on_comment: false };
        let Some(document) = self.state.documents.get(self.uri) else { return empty };
        let rope = document.rope();
        let comment_at = |line: u32| {
            let line = rope.get_line(line as usize).map(|line| line.to_string()).unwrap_or_default();
            marker::is_comment(&line, document.language(), &self.file.name)
        };
        let on_comment = comment_at(range.start.line);
        let (range_of, encoding) = (convert::range(range), self.state.client.encoding);
        let bytes = document.byte_at(range_of.end, encoding).saturating_sub(document.byte_at(range_of.start, encoding));
        let slice = || document.slice(range_of, encoding);
        // A longer one is a selection without looking.
        if bytes <= MAX_CHARACTER_BYTES && slice().chars().nth(1).is_none() {
            return Spot { on_comment, ..empty };
        }
        let may_instruct = bytes <= MAX_INSTRUCTION_BYTES && kind(&self.file.name) == Kind::Prose;
        let text = may_instruct.then(slice).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        Spot { range, selected: Some(range), text, on_comment }
    }

    /// Results that wait, this document's first.
    fn results(&mut self) {
        let (own, others): (Vec<_>, Vec<_>) = self.state.pending.iter().partition(|pending| pending.file == self.file);
        for pending in own.into_iter().chain(others) {
            let (run, file) = (Some(pending.run.clone()), Some(pending.file.name.clone()));
            let name = ResultName { run, file, ..ResultName::default() };
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

    /// Selected prose can say what is to be done.
    fn selected_text(&mut self, spot: &Spot) {
        let Some(text) = spot.text.clone() else { return };
        let arguments = RunArguments {
            workflow: Some(self.state.settings.selection_workflow()),
            instruction: Some(text),
            uri: Some(self.uri.to_string()),
            ..RunArguments::default()
        };
        self.add("run-selection", "Run selection as instruction".to_owned(), command::RUN, &arguments);
    }

    /// Those about the selected lines first.
    fn workflows(&mut self, spot: &Spot) {
        let state = self.state;
        let entries = state.catalog.entries().into_iter();
        let offered: Vec<_> = entries.filter_map(|entry| Some((&entry.id, entry.workflow.as_ref()?))).collect();
        let is_on_lines = |workflow: &Workflow| spot.is_selected() && workflow.mentions("selection");
        let (on_lines, others): (Vec<_>, Vec<_>) = offered.into_iter().partition(|(_, workflow)| is_on_lines(workflow));
        for (id, workflow) in on_lines {
            self.workflow(id, workflow, spot.selected);
        }
        for (id, workflow) in others {
            let is_offered = match workflow.offer {
                Offer::Prompt => false,
                Offer::Selection => spot.is_selected(),
                Offer::File | Offer::Files => true,
            };
            if is_offered {
                self.workflow(id, workflow, None);
            }
        }
    }

    fn workflow(&mut self, id: &str, workflow: &Workflow, range: Option<Range>) {
        let selection = &self.state.selection;
        let mut arguments = RunArguments { workflow: Some(id.to_owned()), range, ..RunArguments::default() };
        let what = if workflow.offer == Offer::Files && selection.len() > 1 {
            arguments.files = Some(selection.iter().map(reference).collect());
            format!("{} selected files", selection.len())
        } else {
            arguments.uri = Some(self.uri.to_string());
            short_name(&self.file)
        };
        let title = title(workflow, &range.map_or(what, lines));
        if workflow.needs_instruction() && !self.state.client.input_box {
            // No editor of itself can ask for words; a document can hold them.
            let files = arguments.files.or(arguments.uri.map(|uri| vec![uri]));
            let (workflow, range) = (arguments.workflow, arguments.range);
            let arguments = PromptArguments { workflow, files, range, ..PromptArguments::default() };
            self.add(id, format!("{title}…"), command::NEW_PROMPT, &arguments);
        } else {
            self.add(id, title, command::RUN, &arguments);
        }
    }

    /// Adding to the selection, which the menu has more of once there is one.
    fn selecting(&self) -> Selecting {
        let state = self.state;
        let (uri, name) = (self.uri.to_string(), short_name(&self.file));
        let mut menu = Menu { state, uri: self.uri, file: self.file.clone(), is_automatic: false, actions: Vec::new() };
        let this = FileArguments { uri: Some(uri), ..FileArguments::default() };
        if state.selection.contains(&self.file) {
            menu.add("deselect", format!("Deselect {name} for workflows"), command::DESELECT, &this);
        } else {
            menu.add("select", format!("Select {name} for workflows"), command::SELECT, &this);
        }
        if let n @ 2.. = state.selection.len() {
            menu.add("clear", format!("Clear the selection of {n} files"), command::CLEAR_SELECTION, &json!({}));
        }
        let must = menu.actions.len();
        if state.has_open_files_to_select() {
            let all = FileArguments { open: true, ..FileArguments::default() };
            menu.add("select-open", "Select all open files".to_owned(), command::SELECT, &all);
        }
        if state.has_version_control {
            let changed = FileArguments { changed: true, ..FileArguments::default() };
            menu.add("select-changed", "Select files changed in git".to_owned(), command::SELECT, &changed);
        }
        let must = if state.selection.is_empty() { must } else { menu.actions.len() };
        Selecting { actions: menu.actions, must }
    }

    fn add(&mut self, kind: &str, title: String, command: &str, argument: &impl Serialize) {
        if !self.is_hidden(kind) {
            self.push(format!("{ACTION_KIND}.{kind}"), title, command, argument);
        }
    }

    /// A fix for what is marked here; one that needs no run has its edit with it.
    fn add_fix(
        &mut self,
        kind: &str,
        title: String,
        command: &str,
        argument: &impl Serialize,
        edit: Option<(Diagnostic, WorkspaceEdit)>,
    ) {
        if self.is_hidden(kind) {
            return;
        }
        self.push(format!("{FIX_KIND}.{kind}"), title, command, argument);
        if let (Some(action), Some((diagnostic, edit))) = (self.actions.last_mut(), edit) {
            action.diagnostics = Some(vec![diagnostic]);
            action.edit = Some(edit);
        }
    }

    /// Whether the user doesn't want it. What a run needs can't be hidden.
    fn is_hidden(&self, kind: &str) -> bool {
        let name = kind.strip_prefix("preset.").unwrap_or(kind);
        let name = if name == "deselect" { "select" } else { name };
        !NEEDED.contains(&kind) && self.state.settings.hidden.contains(name)
    }

    fn push(&mut self, kind: String, title: String, command: &str, argument: &impl Serialize) {
        let argument = serde_json::to_value(argument).unwrap_or(Value::Null);
        let title = super::outbox::one_line(&title);
        self.actions.push(CodeAction {
            kind: Some(CodeActionKind::from(kind)),
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

/// Kinds of actions without which something would be out of reach.
const NEEDED: &[&str] = &["apply", "discard", "cancel", "front-matter"];

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

/// "line 3", "lines 10–42"
fn lines(range: Range) -> String {
    match selected_lines(range) {
        (first, last) if first == last => format!("line {first}"),
        (first, last) => format!("lines {first}–{last}"),
    }
}

fn short_name(file: &FileRef) -> String {
    // A document without a file has a URI for its name: `untitled:Untitled-1`.
    let without_scheme = file.name.strip_prefix("untitled:").unwrap_or(&file.name);
    without_scheme.rsplit('/').next().unwrap_or(without_scheme).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Place;

    #[test]
    fn short_names() {
        for (name, short) in [
            ("store.py", "store.py"),
            ("src/store.py", "store.py"),
            ("untitled:Untitled-1", "Untitled-1"),
            ("untitled:/w/new.py", "new.py"),
        ] {
            assert_eq!(short_name(&FileRef { name: name.to_owned(), place: Place::Buffer(name.to_owned()) }), short);
        }
    }
}
