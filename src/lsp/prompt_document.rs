//! Prompt documents in the editor: where instructions are written that no code action can ask for, and where replies go.

use std::{path::PathBuf, sync::Arc};

mod choices;
mod completion;
mod diagnostics;
mod facts;
mod hover;
mod models;
mod replies;

pub use choices::Choices;
pub use diagnostics::{Checked, fixes};
pub use facts::Listings;
pub use models::ListedModels;
pub use replies::ReplyStream;

use serde::{Deserialize, Serialize};
use tower_lsp::lsp_types::{
    MessageType, ShowDocumentParams, Url,
    request::{Request, ShowDocument},
};

use super::{
    command::{PromptArguments, RunArguments, selected_lines},
    runs::RunRequest,
    server::Shared,
    workspace::blocking,
};
use crate::{
    document::{
        FileRef, Place, format,
        front::Front,
        prompt::{self, KEY},
    },
    engine::{
        job::{Selection, fresh_id},
        ports::{Message, WorkspaceError},
    },
    setup,
    workflow::COMMON_TAGS,
};

/// Asks an extension's input box for an instruction.
enum Input {}

#[derive(Serialize, Deserialize)]
struct InputParams {
    title: String,
    placeholder: String,
    value: String,
}

#[derive(Serialize, Deserialize)]
struct InputResult {
    value: String,
}

impl Request for Input {
    type Params = InputParams;
    type Result = Option<InputResult>;
    const METHOD: &'static str = "stepwright/input";
}

impl Shared {
    /// Whether the words that the request lacks can be asked for.
    pub fn can_ask_for_instruction(&self, request: &RunRequest) -> bool {
        let state = self.state();
        let Ok((_, workflow)) = state.catalog.get(&request.workflow) else { return false };
        state.client.input_box && request.instruction.is_empty() && workflow.needs_instruction()
    }

    /// By the client's input box.
    pub fn ask_for_instruction(self: &Arc<Self>, request: RunRequest) {
        let shared = self.clone();
        tokio::spawn(async move {
            let title =
                shared.state().catalog.get(&request.workflow).map(|(entry, _)| entry.name()).unwrap_or_default();
            let placeholder = "What should be done?".to_owned();
            let params = InputParams { title, placeholder, value: String::new() };
            // No answer, or none that can be read, is as good as a dismissal.
            if let Ok(Some(InputResult { value })) = shared.client.send_request::<Input>(params).await {
                shared.start(RunRequest { instruction: value, ..request });
            }
        });
    }

    /// Creates a prompt document and shows it.
    pub fn new_prompt(self: &Arc<Self>, arguments: PromptArguments) {
        let workflow = arguments.workflow.unwrap_or_else(|| "chat".to_owned());
        let known = self.state().catalog.get(&workflow).map(drop);
        if let Err(error) = known {
            return self.outbox.message(MessageType::ERROR, error);
        }
        let references = arguments.files.unwrap_or_default();
        let quote = match (references.as_slice(), arguments.range) {
            ([reference], Some(range)) => self.quote(reference, selected_lines(range)).unwrap_or_default(),
            _ => String::new(),
        };
        let text = prompt::new(&workflow, &self.names(references), &arguments.messages, &quote);
        let shared = self.clone();
        tokio::spawn(async move {
            shared.create_and_show(&workflow, text, "write what is to be done, then pick its Run action").await;
        });
    }

    /// The request that a prompt document makes. What the command says itself counts more than what the document says.
    pub fn prompt_request(&self, uri: &Url, arguments: RunArguments) -> Result<RunRequest, String> {
        let text = {
            let state = self.state();
            let document = state.documents.get(uri);
            document.map(|document| format::normalize(&document.text()).into_owned())
        };
        let text = text.ok_or_else(|| "the prompt document isn't open in this editor; open it first".to_owned())?;
        let parsed = prompt::parse(&text);
        let document = parsed.ok_or_else(|| "the document has no front matter with the key `stepwright`".to_owned())?;
        let document = document.map_err(|mistake| mistake.to_string())?;
        let mut tags = document.tags;
        let workflow = arguments.workflow.clone().unwrap_or_else(|| document.workflow.clone());
        if workflow != document.workflow
            && let Ok((_, other)) = self.state().catalog.get(&workflow)
        {
            // They were meant for another workflow.
            tags.retain(|key, _| COMMON_TAGS.contains(&key.as_str()) || other.tag(key).is_some());
        }
        tags.extend(arguments.tags());
        Ok(RunRequest {
            workflow,
            instruction: arguments.instruction.unwrap_or(document.instruction),
            files: Some(arguments.files.or(document.files).unwrap_or_default()),
            messages: document.messages.into_iter().chain(arguments.messages).collect(),
            tags,
            prompt_text: Some(text),
            turns: document.turns.into_iter().map(|(prompt, reply)| Message { prompt, reply }).collect(),
            prompt: Some(uri.clone()),
            ..RunRequest::default()
        })
    }

    pub async fn create_and_show(self: &Arc<Self>, workflow: &str, text: String, what: &str) {
        let created = create(workflow.to_owned(), text).await;
        match created {
            Ok(path) => self.show_or_name(path, what).await,
            Err(error) => self.outbox.message(MessageType::ERROR, error.to_string()),
        }
    }

    /// Where nothing can be shown, a message says where it is.
    pub async fn show_or_name(&self, path: PathBuf, what: &str) {
        let shown = match Url::from_file_path(&path) {
            Ok(uri) if self.state().client.show_document => self.show(uri).await,
            _ => false,
        };
        if !shown {
            self.outbox.message(MessageType::INFO, format!("open {}: {what}", path.display()));
        }
    }

    async fn show(&self, uri: Url) -> bool {
        let params = ShowDocumentParams { uri, external: None, take_focus: Some(true), selection: None };
        let client = self.client.clone();
        // Spawned, because a reply to a request that nobody waits for any more upsets the framework.
        let answer = tokio::spawn(async move { client.send_request::<ShowDocument>(params).await });
        matches!(answer.await, Ok(Ok(result)) if result.success)
    }

    /// Lines of an open document, to be asked about.
    fn quote(&self, reference: &str, lines: (u32, u32)) -> Option<String> {
        let file = self.state().file(&Url::parse(reference).ok()?)?;
        let Selection { file, first_line, last_line, text } = self.selection(&file, lines)?;
        let fence = "`".repeat(3.max(longest_run(&text, '`') + 1));
        Some(format!("\n\nLines {first_line} to {last_line} of {file}:\n\n{fence}\n{}\n{fence}\n", text.trim_end()))
    }

    /// References as a prompt document names them: paths rather than URIs.
    fn names(&self, references: Vec<String>) -> Vec<String> {
        let state = self.state();
        let name = |reference: String| match Url::parse(&reference).ok().and_then(|uri| state.file(&uri)) {
            Some(FileRef { name, place: Place::Disk(_) }) => name,
            _ => reference,
        };
        references.into_iter().map(name).collect()
    }
}

/// The document of a workflow's conversation, in the state folder.
async fn create(workflow: String, text: String) -> Result<PathBuf, WorkspaceError> {
    let failed = |cause: String| WorkspaceError::Failed(format!("failed to make a prompt document: {cause}"));
    let state =
        setup::state_folder().ok_or_else(|| failed("there is no home folder; set XDG_STATE_HOME".to_owned()))?;
    let path = state.join("conversations").join(format!("{workflow}-{}.md", fresh_id()));
    blocking(move || {
        let written = crate::document::disk::write_atomically(&path, text.as_bytes(), None);
        written.map(|()| path).map_err(|error| failed(error.to_string()))
    })
    .await
}

/// Whether the document is a prompt document, and of which workflow.
pub fn workflow_of(state: &super::state::State, uri: &Url) -> Option<String> {
    let front = Front::of(state.documents.get(uri)?.rope())?;
    Some(front.value(KEY).map(|word| word.text.clone()).unwrap_or_default())
}

pub fn longest_run(text: &str, of: char) -> usize {
    text.split(|c| c != of).map(str::len).max().unwrap_or_default()
}
