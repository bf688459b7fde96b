//! The files of an editor's user behind the engine's port: open buffers first, edits through the client; what can't be applied is kept.

use std::sync::Arc;

use async_trait::async_trait;
use tower_lsp::lsp_types::{MessageActionItem, MessageType, ShowMessageRequestParams, request::ShowMessageRequest};

use super::{apply::Applied, server::Shared, state::Pending};
use crate::{
    document::{FileRef, format, tests_for::Placement},
    engine::{
        journal::{EditState, Journal, JournalError},
        ports::{Edit, Saved, Snapshot, Workspace, WorkspaceError},
    },
};

pub struct EditorWorkspace {
    pub shared: Arc<Shared>,
    /// As the runs have it, for what goes on behind their backs.
    pub journal: Arc<dyn Journal>,
}

#[async_trait]
impl Workspace for EditorWorkspace {
    fn locate(&self, path: &str) -> Result<FileRef, WorkspaceError> {
        let files = self.shared.state().files.clone();
        files.locate(path)
    }

    fn exists(&self, file: &FileRef) -> bool {
        let files = {
            let state = self.shared.state();
            if state.document(file).is_some() {
                return true;
            }
            state.files.clone()
        };
        files.exists(file)
    }

    async fn read(&self, file: &FileRef) -> Result<Snapshot, WorkspaceError> {
        let files = {
            let state = self.shared.state();
            if let Some((_, document)) = state.document(file) {
                let text = Some(format::normalize(&document.text()).into_owned());
                return Ok(Snapshot { file: file.clone(), text, version: Some(document.version()) });
            }
            state.files.clone()
        };
        let file = file.clone();
        blocking(move || files.read(&file)).await
    }

    fn unsaved(&self) -> Vec<(FileRef, String)> {
        let state = self.shared.state();
        let open = state.documents.iter().filter_map(|(uri, document)| Some((state.file(uri)?, document)));
        open.map(|(file, document)| (file, format::normalize(&document.text()).into_owned())).collect()
    }

    fn may_write(&self, file: &FileRef) -> Result<(), WorkspaceError> {
        let files = self.shared.state().files.clone();
        files.permission(file, true).map(drop)
    }

    async fn save(&self, edit: Edit, journal: &dyn Journal) -> Result<Saved, WorkspaceError> {
        let (files, review) = {
            let state = self.shared.state();
            (state.files.clone(), state.settings.review)
        };
        let asked = edit.clone();
        if let Some(reason) = blocking(move || files.needs_review(&asked, review)).await? {
            let pending = self.shared.keep(&edit, &reason, journal).await?;
            if self.shared.state().client.confirms_edits {
                self.ask(edit, pending, reason.clone());
            }
            return Ok(Saved::Pending { reason });
        }
        match self.shared.apply(&edit, Some(journal)).await? {
            Applied::Done(saved) => Ok(saved),
            Applied::Kept(reason) => {
                self.shared.keep(&edit, &reason, journal).await?;
                Ok(Saved::Pending { reason })
            }
        }
    }

    async fn tests_for(&self, source: &Snapshot) -> Result<Option<Placement>, WorkspaceError> {
        let (files, open) = {
            let state = self.shared.state();
            let open: Vec<_> = state.documents.keys().filter_map(|uri| state.file(uri)).map(|file| file.name).collect();
            (state.files.clone(), open)
        };
        let source = source.clone();
        blocking(move || Ok(files.tests_for(&source, &open))).await
    }

    async fn choose(&self, question: &str, options: &[&str]) -> Option<usize> {
        self.shared.choose(question, options).await
    }
}

impl EditorWorkspace {
    /// Has the editor show the edit and ask. The run goes on meanwhile, and the result stays on offer until the document shows it.
    fn ask(&self, edit: Edit, pending: Pending, reason: String) {
        let (shared, journal) = (self.shared.clone(), self.journal.clone());
        tokio::spawn(async move {
            let _turn = shared.reviews.lock().await;
            // It may have been applied or discarded by now.
            if !shared.state().pending.iter().any(|known| known.edit == pending.edit) {
                return;
            }
            let question = format!("{} is about to be changed, but {reason}", pending.file.name);
            let applied = shared.apply_reviewed(&edit, &*journal, &question).await;
            if let Ok(Applied::Done(_)) = applied {
                shared.state().pending.retain(|known| known.edit != pending.edit);
                shared.took_place(&pending).await;
                let text = format!("applied the result of {} to {}", pending.name, pending.file.name);
                shared.outbox.message(MessageType::INFO, text);
            }
        });
    }
}

impl Shared {
    /// Puts a result where the user finds it, since nothing that was paid for is thrown away.
    pub async fn keep(&self, edit: &Edit, reason: &str, journal: &dyn Journal) -> Result<Pending, WorkspaceError> {
        let state = EditState::Pending { reason: reason.to_owned() };
        let entry = edit.entry(edit.base.text.clone(), edit.text.clone(), state);
        let kept = journal.edit(&edit.run, entry).await.map_err(unkept)?;
        let pending = Pending {
            edit: kept,
            run: edit.run.clone(),
            name: edit.title.clone(),
            file: edit.base.file.clone(),
            base: edit.base.text.clone(),
            text: edit.text.clone(),
        };
        let waiting = &mut self.state().pending;
        // A later step's result of the same run takes the place of an earlier one.
        waiting.retain(|known| known.run != pending.run || known.file != pending.file);
        waiting.push(pending.clone());
        Ok(pending)
    }

    /// Asks the user to pick; `None` where nobody can be asked, or nobody answers.
    pub async fn choose(&self, question: &str, options: &[&str]) -> Option<usize> {
        if !self.state().client.ask {
            return None;
        }
        let item = |title: &&str| MessageActionItem { title: (*title).to_owned(), properties: Default::default() };
        let params = ShowMessageRequestParams {
            typ: MessageType::INFO,
            message: question.to_owned(),
            actions: Some(options.iter().map(item).collect()),
        };
        let client = self.client.clone();
        // Spawned, because a reply to a request that nobody waits for any more upsets the framework.
        let answer = tokio::spawn(async move { client.send_request::<ShowMessageRequest>(params).await });
        let chosen = answer.await.ok()?.ok()??;
        options.iter().position(|option| *option == chosen.title)
    }
}

pub fn unkept(error: JournalError) -> WorkspaceError {
    WorkspaceError::Failed(error.to_string())
}

/// Runs what may touch the disk where it holds up nobody.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, WorkspaceError> + Send + 'static,
) -> Result<T, WorkspaceError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(WorkspaceError::Failed(format!("failed to reach the disk: {error}"))))
}
