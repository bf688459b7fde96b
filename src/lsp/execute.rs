//! What each command does, up to its answer: state changes at once, everything else in the background.

use std::sync::Arc;

use tower_lsp::lsp_types::{MessageType, Url};

use super::{
    command::{Command, FileArguments, ResultName, RunArguments, RunName},
    prompt_document::workflow_of,
    runs::RunRequest,
    server::Shared,
    state::Pending,
    workspace::{CONFIRM_TIMEOUT, blocking},
};
use crate::{
    document::{FileRef, merge::CONFLICT_END, reference},
    engine::ports::{Saved, Snapshot, WorkspaceError},
};

impl Shared {
    pub fn execute(self: &Arc<Self>, command: Command) {
        match command {
            Command::Run(arguments) => self.run_command(arguments),
            Command::Cancel(RunName { run }) => {
                let stopped = self.cancel(|other| run.as_deref().is_none_or(|run| run == other));
                if stopped == 0 {
                    self.outbox.message(MessageType::INFO, "nothing to cancel: no such run is going on");
                }
            }
            Command::Select(arguments) => self.select(arguments, true),
            Command::Deselect(arguments) => self.select(arguments, false),
            Command::ClearSelection => {
                self.state().selection.clear();
                self.outbox.message(MessageType::INFO, "no files are selected for workflows any more");
            }
            Command::Apply(name) => self.apply_command(name),
            Command::Discard(name) => {
                let dropped = self.take_pending(&name);
                let text = match dropped.len() {
                    0 => "there is no such result to discard".to_owned(),
                    n => format!("discarded {n} waiting {}", if n == 1 { "result" } else { "results" }),
                };
                self.outbox.message(MessageType::INFO, text);
            }
            Command::Retry(RunName { run }) => self.retry(run.as_deref()),
            Command::NewPrompt(arguments) => self.new_prompt(arguments),
            Command::Estimate(arguments) => self.estimate_command(arguments),
            Command::Later(name) => {
                self.outbox
                    .message(MessageType::INFO, format!("`{name}` isn't part of this version of stepwright yet"));
            }
        }
    }

    fn run_command(self: &Arc<Self>, arguments: RunArguments) {
        match self.run_request(arguments) {
            Ok(request) if self.can_ask_for_instruction(&request) => self.ask_for_instruction(request),
            Ok(request) => self.start(request),
            Err(error) => self.outbox.message(MessageType::ERROR, error),
        }
    }

    fn estimate_command(self: &Arc<Self>, arguments: RunArguments) {
        match self.run_request(arguments) {
            Ok(request) => self.estimate(request),
            Err(error) => self.outbox.message(MessageType::ERROR, error),
        }
    }

    /// What the arguments mean; a prompt document says most of it itself.
    fn run_request(&self, arguments: RunArguments) -> Result<RunRequest, String> {
        let prompt = arguments.uri.as_deref().and_then(|uri| Url::parse(uri).ok());
        let prompt = prompt.filter(|uri| arguments.instruction.is_none() && workflow_of(&self.state(), uri).is_some());
        match prompt {
            Some(uri) => self.prompt_request(&uri),
            None => RunRequest::new(arguments, &self.state()),
        }
    }

    fn retry(self: &Arc<Self>, run: Option<&str>) {
        let failed = {
            let mut state = self.state();
            let at = state.failed.iter().rposition(|failed| run.is_none_or(|run| run == failed.run));
            at.map(|at| state.failed.remove(at))
        };
        match failed {
            Some(failed) => {
                let request = RunRequest { current: None, files: Some(failed.files), ..failed.request };
                self.start(request);
            }
            None => self.outbox.message(MessageType::INFO, "there is no run with failed files to retry"),
        }
    }

    fn select(self: &Arc<Self>, arguments: FileArguments, add: bool) {
        let FileArguments { uri, file, files } = arguments;
        let references: Vec<String> = uri.into_iter().chain(file).chain(files.unwrap_or_default()).collect();
        if references.is_empty() {
            return self.outbox.message(MessageType::ERROR, "say which file, as `uri`, `file` or `files`");
        }
        let shared = self.clone();
        tokio::spawn(async move {
            match shared.resolve(references).await {
                Ok(found) => shared.outbox.message(MessageType::INFO, shared.change_selection(&found, add)),
                Err(error) => shared.outbox.message(MessageType::ERROR, error.to_string()),
            }
        });
    }

    fn change_selection(&self, files: &[FileRef], add: bool) -> String {
        let selection = &mut self.state().selection;
        selection.retain(|known| !files.contains(known));
        if add {
            selection.extend(files.iter().cloned());
        }
        match selection.len() {
            0 => "no files are selected for workflows any more".to_owned(),
            1 => format!("1 file is selected for workflows: {}", selection[0].name),
            n => format!("{n} files are selected for workflows"),
        }
    }

    async fn resolve(self: &Arc<Self>, references: Vec<String>) -> Result<Vec<FileRef>, WorkspaceError> {
        let (files, open) = {
            let state = self.state();
            let open: Vec<FileRef> = state.documents.keys().filter_map(|uri: &Url| state.file(uri)).collect();
            (state.files.clone(), open)
        };
        blocking(move || {
            let is_open = |path: &std::path::Path| {
                open.iter().any(|file| matches!(&file.place, crate::document::Place::Disk(at) if at == path))
            };
            reference::resolve(&files.roots, &references, &is_open, &files.ignore())
                .map_err(|error| WorkspaceError::Failed(error.to_string()))
        })
        .await
    }

    fn apply_command(self: &Arc<Self>, name: ResultName) {
        let results = self.take_pending(&name);
        if results.is_empty() {
            return self.outbox.message(MessageType::INFO, "there is no such result to apply");
        }
        if name.inline {
            // The client applies the edit that came with the action; a second one would do it twice.
            for pending in results {
                let shared = self.clone();
                tokio::spawn(async move { shared.acknowledge(pending).await });
            }
            return;
        }
        for pending in results {
            let shared = self.clone();
            tokio::spawn(async move { shared.apply_pending(pending).await });
        }
    }

    /// The result is kept until the document shows it.
    async fn acknowledge(self: &Arc<Self>, pending: Pending) {
        let named = pending.file.name.clone();
        let current = match self.now(&pending.file).await {
            Ok(now) => now.text(),
            Err(error) => return self.keep_waiting(pending, &error.to_string()),
        };
        // Where both changed the same lines, the text with the marks in it is the result.
        let marked = current.as_ref().is_some_and(|text| text.contains(CONFLICT_END));
        let text = pending.merged_into(current.as_deref());
        let Some(url) = super::convert::url(&pending.file) else {
            return self.keep_waiting(pending, "the editor has no name for this file");
        };
        let expectation = self.expect(url, &text);
        if marked || self.shows(&expectation, &pending.file, &text, false, CONFIRM_TIMEOUT).await {
            let text = format!("applied the result of {} to {named}", pending.name);
            return self.outbox.message(MessageType::INFO, text);
        }
        self.keep_waiting(pending, "the document doesn't show it");
    }

    fn keep_waiting(&self, pending: Pending, reason: &str) {
        let text = format!("failed to apply the result to `{}`: {reason}; it still waits", pending.file.name);
        self.state().pending.push(pending);
        self.outbox.message(MessageType::WARNING, text);
    }

    /// Makes the edit against the text as it is now: the user asked for it.
    async fn apply_pending(self: &Arc<Self>, pending: Pending) {
        let result = match self.now(&pending.file).await {
            Ok(now) => {
                let text = pending.merged_into(now.text().as_deref());
                let base = Snapshot { file: pending.file.clone(), text: now.text(), version: None };
                self.apply(&pending.name, &base, &text).await
            }
            Err(error) => Err(error),
        };
        match result {
            Ok(Ok(saved)) => {
                let text = match saved {
                    Saved::Unchanged => format!("{} has this result already", pending.file.name),
                    _ => format!("applied the result of {} to {}", pending.name, pending.file.name),
                };
                self.outbox.message(MessageType::INFO, text);
            }
            Ok(Err(reason)) => self.keep_waiting(pending, &reason),
            Err(error) => self.keep_waiting(pending, &error.to_string()),
        }
    }

    /// Removes and returns the results that are meant; no name means all.
    fn take_pending(&self, name: &ResultName) -> Vec<Pending> {
        let meant = |pending: &Pending| {
            name.run.as_ref().is_none_or(|run| *run == pending.run)
                && name.file.as_ref().is_none_or(|file| *file == pending.file.name || is_url_of(file, &pending.file))
        };
        let pending = &mut self.state().pending;
        let (taken, kept) = std::mem::take(pending).into_iter().partition(meant);
        *pending = kept;
        taken
    }
}

fn is_url_of(text: &str, file: &FileRef) -> bool {
    Url::parse(text).ok().is_some_and(|url| Some(url) == super::convert::url(file))
}
