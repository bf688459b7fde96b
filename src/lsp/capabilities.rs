//! What the client can do and what we say we can: both negotiated here, once. Each workaround names the client it is for.

use serde_json::{Value, json};
use tower_lsp::lsp_types::{
    CodeActionKind, CodeActionOptions, CodeActionProviderCapability, CompletionOptions, ExecuteCommandOptions,
    HoverProviderCapability, InitializeParams, InitializeResult, PositionEncodingKind, ResourceOperationKind,
    SaveOptions, ServerCapabilities, ServerInfo, TextDocumentSyncCapability, TextDocumentSyncKind,
    TextDocumentSyncOptions, TextDocumentSyncSaveOptions, WorkspaceFoldersServerCapabilities,
    WorkspaceServerCapabilities,
};

use super::command;
use crate::document::position::Encoding;

/// The kind of every action of ours; a workflow's own kind lies below it.
pub const ACTION_KIND: &str = "refactor.rewrite.stepwright";
/// The kind of fixes for our own diagnostics.
pub const FIX_KIND: &str = "quickfix.stepwright";

/// How VS Code and the editors made from it call themselves.
const VS_CODES: &[&str] = &["Visual Studio Code", "VSCodium", "code-server", "Code - OSS", "Cursor", "Windsurf"];

/// What we know of the client.
#[derive(Clone, Debug)]
pub struct ClientFacts {
    pub encoding: Encoding,
    pub progress: bool,
    pub apply_edit: bool,
    /// `documentChanges` are understood.
    pub document_changes: bool,
    /// `CreateFile` is understood.
    pub create_files: bool,
    pub show_document: bool,
    /// Edits can be shown and confirmed before they are made.
    pub confirms_edits: bool,
    /// `DeleteFile` is understood.
    pub delete_files: bool,
    /// `window/showMessageRequest` is answered with the user's choice.
    pub ask: bool,
    /// Settings can be pulled.
    pub configuration: bool,
    /// Our own notifications are wanted.
    pub events: bool,
    /// Our own request for an instruction is answered.
    pub input_box: bool,
    /// Many small edits of a document hinder nobody: neither its undo nor its cursor.
    pub takes_small_edits: bool,
    /// Buffers are lists of lines: a created file has a line before anything is inserted.
    pub created_files_have_a_line: bool,
}

impl Default for ClientFacts {
    fn default() -> Self {
        Self {
            encoding: Encoding::Utf16,
            progress: false,
            apply_edit: false,
            document_changes: false,
            create_files: false,
            confirms_edits: false,
            delete_files: false,
            show_document: false,
            ask: false,
            configuration: false,
            events: false,
            input_box: false,
            takes_small_edits: false,
            created_files_have_a_line: false,
        }
    }
}

/// Reads the client's side and answers with ours.
pub fn negotiate(params: &InitializeParams) -> (ClientFacts, InitializeResult) {
    let name = params.client_info.as_ref().map_or("", |info| info.name.as_str());
    let workspace = params.capabilities.workspace.as_ref();
    let window = params.capabilities.window.as_ref();
    let edits = workspace.and_then(|workspace| workspace.workspace_edit.as_ref());
    let operations = edits.and_then(|edits| edits.resource_operations.as_deref()).unwrap_or_default();
    let neovim = name == "Neovim";
    let helix = name == "helix";
    let ours = |key: &str| own_option(params.initialization_options.as_ref(), key) == Some(&Value::Bool(true));
    let (encoding, encoding_kind) = encoding(params);
    let facts = ClientFacts {
        encoding,
        progress: window.and_then(|window| window.work_done_progress) == Some(true),
        apply_edit: workspace.and_then(|workspace| workspace.apply_edit) == Some(true),
        // Neovim applies them without saying so.
        document_changes: edits.and_then(|edits| edits.document_changes) == Some(true) || neovim,
        create_files: operations.contains(&ResourceOperationKind::Create),
        // Our own extension, which has an input box, shows waiting results beside their files instead.
        confirms_edits: edits.is_some_and(|edits| edits.change_annotation_support.is_some()) && !ours("inputBox"),
        delete_files: operations.contains(&ResourceOperationKind::Delete),
        // Helix shows documents without saying so.
        show_document: window.and_then(|window| window.show_document.as_ref()).is_some_and(|show| show.support)
            || helix,
        // Helix answers it with MethodNotFound, whatever it declares.
        ask: window.is_some_and(|window| window.show_message.is_some()) && !helix,
        configuration: workspace.and_then(|workspace| workspace.configuration) == Some(true),
        events: ours("events"),
        input_box: ours("inputBox"),
        takes_small_edits: neovim || VS_CODES.iter().any(|code| name.starts_with(code)),
        created_files_have_a_line: neovim,
    };
    let capabilities = ServerCapabilities {
        position_encoding: Some(encoding_kind),
        text_document_sync: Some(TextDocumentSyncCapability::Options(TextDocumentSyncOptions {
            open_close: Some(true),
            change: Some(TextDocumentSyncKind::INCREMENTAL),
            save: Some(TextDocumentSyncSaveOptions::SaveOptions(SaveOptions { include_text: Some(false) })),
            ..TextDocumentSyncOptions::default()
        })),
        code_action_provider: Some(CodeActionProviderCapability::Options(CodeActionOptions {
            code_action_kinds: Some(vec![CodeActionKind::new(ACTION_KIND), CodeActionKind::new(FIX_KIND)]),
            resolve_provider: Some(false),
            ..CodeActionOptions::default()
        })),
        // In front matter and our own TOML files alone; elsewhere nothing is answered.
        completion_provider: Some(CompletionOptions {
            trigger_characters: Some([" ", "/", "[", ",", "\""].map(str::to_owned).into()),
            resolve_provider: Some(false),
            ..CompletionOptions::default()
        }),
        hover_provider: Some(HoverProviderCapability::Simple(true)),
        execute_command_provider: Some(ExecuteCommandOptions {
            commands: command::NAMES.iter().map(|name| (*name).to_owned()).collect(),
            ..ExecuteCommandOptions::default()
        }),
        workspace: Some(WorkspaceServerCapabilities {
            workspace_folders: Some(WorkspaceFoldersServerCapabilities {
                supported: Some(true),
                change_notifications: Some(tower_lsp::lsp_types::OneOf::Left(true)),
            }),
            ..WorkspaceServerCapabilities::default()
        }),
        ..ServerCapabilities::default()
    };
    let server_info = ServerInfo { name: "stepwright".to_owned(), version: Some(env!("CARGO_PKG_VERSION").to_owned()) };
    (facts, InitializeResult { capabilities, server_info: Some(server_info) })
}

/// Our own options, bare or under `stepwright`.
pub fn own_options(options: Option<&Value>) -> Value {
    let Some(options) = options else { return json!({}) };
    match options.get("stepwright") {
        Some(section @ Value::Object(_)) => section.clone(),
        _ => options.clone(),
    }
}

fn own_option<'a>(options: Option<&'a Value>, key: &str) -> Option<&'a Value> {
    let options = options?;
    options.get("stepwright").and_then(|section| section.get(key)).or_else(|| options.get(key))
}

/// The first of the client's list that we know. A client without a list speaks UTF-16; VS Code stops at anything else.
fn encoding(params: &InitializeParams) -> (Encoding, PositionEncodingKind) {
    let offered = params.capabilities.general.as_ref().and_then(|general| general.position_encodings.as_deref());
    let known = |kind: &PositionEncodingKind| match kind.as_str() {
        "utf-8" => Some((Encoding::Utf8, kind.clone())),
        "utf-16" => Some((Encoding::Utf16, kind.clone())),
        "utf-32" => Some((Encoding::Utf32, kind.clone())),
        _ => None,
    };
    offered.unwrap_or_default().iter().find_map(known).unwrap_or((Encoding::Utf16, PositionEncodingKind::UTF16))
}
