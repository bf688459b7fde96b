//! What outlives the server: results that wait, the selection, interrupted runs, and reports of what happened.

use std::{path::PathBuf, sync::Arc};

use serde::Serialize;
use tower_lsp::lsp_types::MessageType;

use super::{
    command::ResultName,
    convert,
    results::log,
    server::Shared,
    state::{Failed, Pending, Reverting},
};
use crate::{
    engine::{
        Outcome,
        event::Action,
        job::Job,
        journal::{EditState, Past},
        ports::WorkspaceError,
    },
    history::{Claim, FileNow, RunSummary, WorkspaceHistory, report},
    setup,
    workflow::descriptor::display_name,
};

/// Of the list of runs.
const MOST_RUNS: usize = 100;
/// What can be picked in the question about an interrupted run.
const CHOICES: [&str; 3] = ["Resume", "Show", "Forget"];

/// A file of a run, in the answer to `stepwright/files`.
#[derive(Debug, Serialize)]
pub struct FileFact {
    uri: String,
    /// `created`, `changed`, `pending`, `discarded`, `reverted`, `failed`, or `sent` when nobody knows whether the edit arrived.
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Shared {
    /// The history of this workspace.
    pub fn history(&self) -> WorkspaceHistory {
        let key = setup::workspace_key(&self.state().origin.folders);
        self.histories.workspace(&key)
    }

    /// Takes up what earlier servers left, once the client is ready. Nobody waits for it.
    pub fn take_up(self: &Arc<Self>) {
        let shared = self.clone();
        tokio::spawn(async move {
            let history = shared.history();
            let (pending, selection, resumable) =
                (history.pending().await, history.selection().await, history.resumable().await);
            {
                let mut state = shared.state();
                let waiting: Vec<_> = pending.unwrap_or_default().into_iter().filter_map(Pending::new).collect();
                let is_new = |pending: &Pending| state.pending.iter().all(|known| known.edit != pending.edit);
                let new: Vec<_> = waiting.into_iter().filter(is_new).collect();
                // Older than what came in meanwhile.
                state.pending.splice(0..0, new);
                if state.selection.is_empty() {
                    state.selection = selection.unwrap_or_default();
                }
                let under_way = |run: &RunSummary| state.runs.contains_key(&run.run);
                let resumable: Vec<_> =
                    resumable.unwrap_or_default().into_iter().filter(|run| !under_way(run)).collect();
                state.resumable = resumable;
            }
            if let Some(notice) = shared.histories.notice().await {
                shared.outbox.message(MessageType::WARNING, notice);
            }
            shared.offer_to_resume().await;
        });
    }

    /// Where nobody can be asked, the menu offers it.
    async fn offer_to_resume(self: &Arc<Self>) {
        let Some(run) = self.state().resumable.first().cloned() else { return };
        let question = format!("{} was interrupted. What shall become of it?", run.name());
        match self.choose(&question, &CHOICES).await {
            Some(0) => self.resume_command(Some(run.run)),
            Some(1) => self.show_run_command(ResultName { run: Some(run.run), ..ResultName::default() }),
            Some(_) => self.discard_command(ResultName { run: Some(run.run), ..ResultName::default() }),
            None => {}
        }
    }

    /// Removes a run that could be resumed from the offers. A name is needed to give one up.
    pub fn take_resumable(&self, run: Option<&str>) -> Option<RunSummary> {
        let resumable = &mut self.state().resumable;
        let at = resumable.iter().position(|known| Some(known.run.as_str()) == run)?;
        Some(resumable.remove(at))
    }

    /// No name: the newest run that was interrupted.
    pub fn resume_command(self: &Arc<Self>, run: Option<String>) {
        let run = run.or_else(|| self.state().resumable.first().map(|run| run.run.clone()));
        let Some(run) = run else {
            return self.outbox.message(MessageType::INFO, "there is no interrupted run to resume");
        };
        let shared = self.clone();
        tokio::spawn(async move {
            let claimed = shared.history().claim(&run).await.map_err(|error| error.to_string());
            match claimed.and_then(|claim| shared.claimed(claim)) {
                Ok((job, past)) => {
                    shared.take_resumable(Some(&job.run));
                    shared.go_on(job, past);
                }
                Err(error) => shared.outbox.message(MessageType::ERROR, error),
            }
        });
    }

    fn claimed(&self, Claim { job, past }: Claim) -> Result<(Job, Past), String> {
        let (_, workflow) = self.state().catalog.get(&job.workflow)?;
        Ok((job.into_job(workflow)?, past))
    }

    /// A run ended: what can be done about it from now on.
    pub fn note_end(&self, job: Job, outcome: &Outcome) {
        let files: Vec<_> = outcome
            .files
            .iter()
            .filter(|file| matches!(file.action, Action::Created | Action::Changed))
            .map(|outcome| outcome.file.clone())
            .collect();
        let mut state = self.state();
        if !files.is_empty() {
            state.reverts.retain(|known| known.run != job.run);
            state.reverts.push(Reverting { run: job.run.clone(), name: job.name(), files });
        }
        let failed: Vec<_> =
            job.targets().into_iter().filter(|file| outcome.failed_files.contains(&file.name)).collect();
        if !failed.is_empty() {
            state.failed.push(Failed { job, files: failed });
        }
    }

    /// Keeps the selection for the next start.
    pub fn keep_selection(self: &Arc<Self>) {
        let shared = self.clone();
        tokio::spawn(async move {
            // Read when it is written, so that the last one wins whatever the order.
            let selection = shared.state().selection.clone();
            log(shared.history().set_selection(selection).await);
        });
    }

    /// What became of a run's files by now, which somebody may have applied, discarded or reverted since it ended. Nothing of a run that
    /// isn't known.
    pub async fn files_now(&self, run: &str) -> Vec<FileFact> {
        let summary = self.history().run(run).await.ok().flatten().map(|report| report.summary);
        let files = summary.into_iter().flat_map(|summary| summary.files);
        let fact = |now: FileNow| {
            let uri = convert::url(&now.file)?.to_string();
            Some(FileFact { uri, action: now.action, reason: now.reason })
        };
        files.filter_map(fact).collect()
    }

    /// A waiting result of the run when a file is named, else the run's report.
    pub fn show_run_command(self: &Arc<Self>, name: ResultName) {
        let shared = self.clone();
        tokio::spawn(async move {
            let pending = name.file.is_some().then(|| {
                let state = shared.state();
                state.pending.iter().rfind(|pending| name.means(pending)).cloned()
            });
            match (pending, &name.run) {
                (Some(Some(pending)), _) => shared.show_result(&pending).await,
                (Some(None), _) => shared.outbox.message(MessageType::INFO, "there is no such result to show"),
                (None, Some(run)) => shared.show_run(run).await,
                (None, None) => match shared.history().runs(1).await {
                    Ok(runs) if runs.is_empty() => shared.outbox.message(MessageType::INFO, "nothing was run here yet"),
                    Ok(runs) => shared.show_run(&runs[0].run).await,
                    Err(error) => shared.outbox.message(MessageType::ERROR, error.to_string()),
                },
            }
        });
    }

    async fn show_run(self: &Arc<Self>, run: &str) {
        match self.history().run(run).await {
            Ok(Some(report)) => self.show_report(&report.summary.run, report::run_markdown(&report)).await,
            Ok(None) => {
                let text = format!("there is no run `{run}` in this workspace; the history lists all");
                self.outbox.message(MessageType::ERROR, text);
            }
            Err(error) => self.outbox.message(MessageType::ERROR, error.to_string()),
        }
    }

    pub fn show_history_command(self: &Arc<Self>) {
        let shared = self.clone();
        tokio::spawn(async move {
            match shared.history().runs(MOST_RUNS).await {
                Ok(runs) => shared.show_report("history", report::runs_markdown(&runs)).await,
                Err(error) => shared.outbox.message(MessageType::ERROR, error.to_string()),
            }
        });
    }

    /// Shows a document of ours, which takes the place of an older one of that name.
    pub async fn show_report(self: &Arc<Self>, name: &str, text: String) {
        match write_report(name.to_owned(), text).await {
            Ok(path) => self.show_or_name(path, "the report is there").await,
            Err(error) => self.outbox.message(MessageType::ERROR, error.to_string()),
        }
    }
}

impl Pending {
    /// `None` when its texts are gone.
    fn new(kept: crate::history::KeptEdit) -> Option<Self> {
        let waits = matches!(kept.state, EditState::Pending { .. });
        let texts = kept.texts.filter(|_| waits)?;
        let (edit, run, name, file) = (kept.id, kept.run, kept.title, kept.file);
        Some(Self { edit, run, name, file, base: texts.base, text: texts.text })
    }
}

impl RunSummary {
    /// "Write Tests".
    pub fn name(&self) -> String {
        display_name(&self.workflow)
    }
}

async fn write_report(name: String, text: String) -> Result<PathBuf, WorkspaceError> {
    let failed = |cause: String| WorkspaceError::Failed(format!("failed to write the report: {cause}"));
    let state =
        setup::state_folder().ok_or_else(|| failed("there is no home folder; set XDG_STATE_HOME".to_owned()))?;
    let path = state.join("reports").join(format!("{name}.md"));
    super::workspace::blocking(move || {
        let before = crate::document::disk::read_file(&path, crate::document::disk::MAX_FILE_BYTES);
        let before = before.map_err(|error| failed(error.to_string()))?;
        let written = crate::document::disk::write_atomically(&path, text.as_bytes(), before.as_deref());
        written.map(|()| path).map_err(|error| failed(error.to_string()))
    })
    .await
}
