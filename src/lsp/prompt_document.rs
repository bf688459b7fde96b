//! Prompt documents in the editor: where instructions are written that no code action can ask for, and where replies go.

use std::{path::PathBuf, sync::Arc};

use serde::{Deserialize, Serialize};
use tower_lsp::lsp_types::{
    MessageType, ShowDocumentParams, Url,
    request::{Request, ShowDocument},
};

use super::{
    apply::Applied,
    command::{PromptArguments, selected_lines},
    runs::RunRequest,
    server::Shared,
    workspace::blocking,
};
use crate::{
    document::{FileRef, Place, format, prompt},
    engine::{
        Outcome,
        job::{Job, Selection, fresh_id},
        ports::{Edit, Message, Snapshot, WorkspaceError},
    },
    setup,
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
        let text = prompt::new(&workflow, &self.names(references), &quote);
        let shared = self.clone();
        tokio::spawn(async move {
            shared.create_and_show(&workflow, text, "write what is to be done, then pick its Run action").await;
        });
    }

    /// The request that a prompt document makes.
    pub fn prompt_request(&self, uri: &Url) -> Result<RunRequest, String> {
        let text = {
            let state = self.state();
            let document = state.documents.get(uri);
            document.map(|document| format::normalize(&document.text()).into_owned())
        };
        let text = text.ok_or_else(|| "the prompt document isn't open in this editor; open it first".to_owned())?;
        let parsed = prompt::parse(&text);
        let document =
            parsed.ok_or_else(|| "the document has no front matter with the key `stepwright`".to_owned())??;
        Ok(RunRequest {
            workflow: document.workflow,
            instruction: document.instruction,
            files: Some(document.files.unwrap_or_default()),
            messages: document.messages,
            tags: document.tags,
            turns: document.turns.into_iter().map(|(prompt, reply)| Message { prompt, reply }).collect(),
            prompt: Some(uri.clone()),
            ..RunRequest::default()
        })
    }

    /// Puts the reply where the conversation is: at the end of its prompt document, or into a new one.
    pub async fn show_replies(self: &Arc<Self>, job: &Job, outcome: &Outcome) {
        let Some(last) = outcome.replies.last() else { return };
        let addition = prompt::reply(&last.message, &last.text);
        if let Some(file) = &job.reply_to {
            if let Err(reason) = self.append(file, &addition).await {
                self.outbox.message(MessageType::WARNING, format!("the reply isn't in the prompt document: {reason}"));
            }
            return;
        }
        if job.workflow.saves() {
            return;
        }
        let files: Vec<_> = job.files.iter().map(|file| file.name.clone()).collect();
        let text = prompt::new(&job.id, &files, &job.instruction) + &addition;
        self.create_and_show(&job.id, text, "the reply is there").await;
    }

    async fn append(self: &Arc<Self>, file: &FileRef, addition: &str) -> Result<(), String> {
        let snapshot = {
            let state = self.state();
            let (_, document) = state.document(file).ok_or("it isn't open any more")?;
            let text = format::normalize(&document.text()).into_owned();
            Snapshot { file: file.clone(), text: Some(text), version: Some(document.version()) }
        };
        let before = snapshot.text.as_deref().unwrap_or_default();
        let text = format!("{}\n{addition}", before.trim_end());
        let (title, run, named) = ("Reply".to_owned(), String::new(), true);
        let edit = Edit { title, run, step: 0, base: snapshot, text, named, risk: None };
        match self.apply(&edit, None).await.map_err(|error| error.to_string())? {
            Applied::Done(_) => Ok(()),
            Applied::Kept(reason) => Err(reason),
        }
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
    let document = state.documents.get(uri)?;
    // Only the beginning can be front matter, however long the conversation.
    const FRONT_BYTES: usize = 4096;
    let rope = document.rope();
    let end = rope.byte_to_char(rope.len_bytes().min(FRONT_BYTES));
    let beginning = rope.slice(..end).to_string();
    prompt::workflow(&format::normalize(&beginning))
}

fn longest_run(text: &str, of: char) -> usize {
    text.split(|c| c != of).map(str::len).max().unwrap_or_default()
}
