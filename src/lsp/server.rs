//! The language server: each method converts, calls, and converts back. What takes time happens elsewhere.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::Value;
use tokio::sync::Notify;
use tower_lsp::{Client, LanguageServer, jsonrpc::Result, lsp_types::*};

use super::{
    actions, capabilities,
    command::{Command, RunName},
    convert,
    history::FileFact,
    outbox::Outbox,
    progress,
    prompt_document::{Choices, ListedModels, Listings},
    settings,
    state::State,
    turns::Turns,
};
use crate::{
    document::Document,
    engine::{ports::Model, spending::Day},
    history::History,
    setup,
};

/// How long the answer to `shutdown` may wait for runs to end.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(1);

/// What the handlers and the runs have in common.
pub struct Shared {
    pub client: Client,
    pub outbox: Outbox,
    /// Of all workspaces.
    pub histories: History,
    /// What runs cost today.
    pub day: Arc<Day>,
    /// Wakes who waits for a document to change.
    pub changed: Notify,
    /// One edit of a file at a time.
    pub turns: Turns,
    /// One edit at a time is shown for confirmation: VS Code asks in a dialog which of two is to be given up.
    pub reviews: tokio::sync::Mutex<()>,
    /// Wakes who waits for a run to end.
    pub ended: Notify,
    /// The names of the user's files.
    pub listings: Listings,
    pub models: ListedModels,
    state: Mutex<State>,
    model: Mutex<Option<Arc<dyn Model>>>,
}

pub struct Server {
    pub shared: Arc<Shared>,
}

impl Shared {
    /// Never held across an await.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The models of the current settings.
    pub fn model(&self) -> Arc<dyn Model> {
        let settings = self.state().settings.clone();
        let mut model = self.model.lock().unwrap_or_else(PoisonError::into_inner);
        model.get_or_insert_with(|| crate::model::connect(&settings, &|name| std::env::var(name).ok())).clone()
    }

    /// Settings have changed.
    pub fn forget_model(&self) {
        *self.model.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Interrupts all runs, and waits a moment for them to say so.
    async fn end_all(&self) {
        for running in self.state().runs.values() {
            running.stop.interrupt();
        }
        let all_ended = async {
            loop {
                let ended = self.ended.notified();
                tokio::pin!(ended);
                ended.as_mut().enable();
                if self.state().runs.is_empty() {
                    break;
                }
                ended.await;
            }
            let histories = self.histories.clone();
            let flushed = tokio::task::spawn_blocking(move || histories.flush(SHUTDOWN_PATIENCE));
            // A thread that fell over has written what it could.
            let _ = flushed.await;
            // What was said about their end comes before the answer, after which nobody listens.
            self.outbox.flush().await;
        };
        // A run that makes an edit just now ends with it; the client wants its answer all the same.
        let _ = tokio::time::timeout(SHUTDOWN_PATIENCE, all_ended).await;
    }
}

impl Server {
    pub fn new(client: Client, origin: settings::Origin) -> Self {
        let shared = Shared {
            outbox: Outbox::new(client.clone()),
            histories: History::open(setup::state_folder()),
            day: Arc::default(),
            changed: Notify::new(),
            turns: Turns::default(),
            reviews: tokio::sync::Mutex::default(),
            ended: Notify::new(),
            listings: Listings::default(),
            models: ListedModels::default(),
            state: Mutex::new(State::new(origin)),
            model: Mutex::default(),
            client,
        };
        Self { shared: Arc::new(shared) }
    }

    /// `window/workDoneProgress/cancel`, which the framework doesn't know.
    pub async fn cancel_progress(&self, params: WorkDoneProgressCancelParams) {
        let number = progress::token_number(&params.token);
        let run = number.and_then(|number| self.shared.state().tokens.get(&number).cloned());
        if let Some(run) = run {
            self.shared.cancel(|other| other == run);
        }
    }

    /// `stepwright/choices`: what an extension's lists can offer for a run.
    pub async fn choices(&self) -> Result<Choices> {
        Ok(self.shared.choices().await)
    }

    /// `stepwright/files`: what became of a run's files by now.
    pub async fn files(&self, params: RunName) -> Result<Vec<FileFact>> {
        Ok(self.shared.files_now(&params.run.unwrap_or_default()).await)
    }

    /// `stepwright/model`: the model of the main role, `null` as long as that isn't known. Asks nobody.
    pub async fn model(&self) -> Result<Option<String>> {
        Ok(self.shared.model().main_name())
    }
}

#[tower_lsp::async_trait]
impl LanguageServer for Server {
    async fn initialize(&self, params: InitializeParams) -> Result<InitializeResult> {
        let (facts, result) = capabilities::negotiate(&params);
        settings::begin(&self.shared, &params, facts);
        Ok(result)
    }

    async fn initialized(&self, _: InitializedParams) {
        settings::pull(&self.shared);
        self.shared.take_up();
    }

    async fn shutdown(&self) -> Result<()> {
        self.shared.end_all().await;
        Ok(())
    }

    async fn did_change_configuration(&self, params: DidChangeConfigurationParams) {
        settings::pushed(&self.shared, params.settings);
    }

    async fn did_change_workspace_folders(&self, params: DidChangeWorkspaceFoldersParams) {
        settings::folders_changed(&self.shared, params.event);
    }

    async fn did_open(&self, params: DidOpenTextDocumentParams) {
        let TextDocumentItem { uri, language_id, version, text } = params.text_document;
        self.shared.state().documents.insert(uri.clone(), Document::new(&text, version, language_id));
        self.shared.changed.notify_waiters();
        settings::opened(&self.shared, &uri);
        self.shared.look_at_prompt(&uri, false);
    }

    async fn did_change(&self, params: DidChangeTextDocumentParams) {
        let VersionedTextDocumentIdentifier { uri, version } = params.text_document;
        let changes = params.content_changes.into_iter().map(convert::change);
        self.shared.state().change(&uri, version, changes);
        self.shared.changed.notify_waiters();
        self.shared.look_at_prompt(&uri, true);
    }

    async fn did_save(&self, params: DidSaveTextDocumentParams) {
        settings::saved(&self.shared, &params.text_document.uri);
        self.shared.changed.notify_waiters();
        self.shared.look_at_all_prompts();
    }

    async fn did_close(&self, params: DidCloseTextDocumentParams) {
        self.shared.state().documents.remove(&params.text_document.uri);
        self.shared.changed.notify_waiters();
        self.shared.look_at_prompt(&params.text_document.uri, false);
    }

    async fn code_action(&self, params: CodeActionParams) -> Result<Option<CodeActionResponse>> {
        let actions = actions::actions(&self.shared.state(), &params);
        Ok(Some(actions.into_iter().map(CodeActionOrCommand::CodeAction).collect()))
    }

    async fn completion(&self, params: CompletionParams) -> Result<Option<CompletionResponse>> {
        let TextDocumentPositionParams { text_document, position } = params.text_document_position;
        let own = self.shared.complete_own_file(&text_document.uri, position);
        let list = match own {
            Some(list) => Some(list),
            None => self.shared.complete_prompt(&text_document.uri, position).await,
        };
        Ok(list.map(CompletionResponse::List))
    }

    async fn hover(&self, params: HoverParams) -> Result<Option<Hover>> {
        let TextDocumentPositionParams { text_document, position } = params.text_document_position_params;
        let own = self.shared.hover_own_file(&text_document.uri, position);
        Ok(match own {
            Some(hover) => Some(hover),
            None => self.shared.hover_prompt(&text_document.uri, position).await,
        })
    }

    async fn execute_command(&self, params: ExecuteCommandParams) -> Result<Option<Value>> {
        match Command::parse(&params.command, params.arguments) {
            Ok(command) => self.shared.execute(command),
            Err(error) => self.shared.outbox.message(MessageType::ERROR, error),
        }
        Ok(None)
    }
}
