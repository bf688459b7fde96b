//! What each command does, up to its answer: state changes at once, everything else in the background.

use std::sync::Arc;

use tower_lsp::lsp_types::{MessageType, Url};

use super::{
    command::{Command, FileArguments, RunArguments, RunName},
    prompt_document::workflow_of,
    runs::RunRequest,
    server::Shared,
    state::Failed,
    workspace::blocking,
};
use crate::{
    document::{FileRef, reference},
    engine::{
        job::{Job, fresh_id},
        ports::WorkspaceError,
    },
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
                self.keep_selection();
                self.outbox.message(MessageType::INFO, "no files are selected for workflows any more");
            }
            Command::Apply(name) => self.apply_command(name),
            Command::Discard(name) => self.discard_command(name),
            Command::Revert(RunName { run }) => self.revert_command(run),
            Command::Resume(RunName { run }) => self.resume_command(run),
            Command::ShowRun(name) => self.show_run_command(name),
            Command::ShowHistory => self.show_history_command(),
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
        let prompt = prompt.filter(|uri| arguments.preset.is_none() && workflow_of(&self.state(), uri).is_some());
        match prompt {
            Some(uri) => self.prompt_request(&uri, arguments),
            None => RunRequest::new(arguments, &self.state()),
        }
    }

    fn retry(self: &Arc<Self>, run: Option<&str>) {
        let failed = {
            let mut state = self.state();
            let at = state.failed.iter().rposition(|failed| run.is_none_or(|run| run == failed.job.run));
            at.map(|at| state.failed.remove(at))
        };
        match failed {
            Some(Failed { job, files }) => self.start_again(Job { run: fresh_id(), current: None, files, ..job }),
            None => self.outbox.message(MessageType::INFO, "there is no run with failed files to retry"),
        }
    }

    fn select(self: &Arc<Self>, arguments: FileArguments, add: bool) {
        let FileArguments { uri, file, files, changed, open } = arguments;
        if changed {
            return self.select_changed(add);
        }
        if open {
            let files = self.state().open_files();
            return self.say_selected(&files, add);
        }
        let references: Vec<String> = uri.into_iter().chain(file).chain(files.unwrap_or_default()).collect();
        if references.is_empty() {
            return self.outbox.message(MessageType::ERROR, "say which file, as `uri`, `file` or `files`");
        }
        let shared = self.clone();
        tokio::spawn(async move {
            match shared.resolve(references).await {
                Ok(found) => shared.say_selected(&found, add),
                Err(error) => shared.outbox.message(MessageType::ERROR, error.to_string()),
            }
        });
    }

    /// Selects files, or deselects them, and says how many are selected then.
    pub fn say_selected(self: &Arc<Self>, files: &[FileRef], add: bool) {
        let said = self.change_selection(files, add);
        self.keep_selection();
        self.outbox.message(MessageType::INFO, said);
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
}
