//! Where the server's settings come from: initialize, pulled and pushed editor settings, and our own files, whose mistakes
//! become diagnostics and messages.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::Value;
use tower_lsp::lsp_types::{
    ConfigurationItem, Diagnostic, DiagnosticSeverity, InitializeParams, MessageType, Position,
    PublishDiagnosticsParams, Range, Url, WorkspaceFoldersChangeEvent,
};

use super::{
    capabilities::{self, ClientFacts},
    changed,
    server::Shared,
};
use crate::{
    config::{Problem, Source},
    setup::{self, Setup},
};

/// How the server was started, and what the editor said; kept because any part may change.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The file that the command line names.
    pub config: Option<PathBuf>,
    pub folders: Vec<PathBuf>,
    pub editor: Option<Value>,
    /// Mistakes that the user was told of, so that they are told once.
    told: Vec<String>,
}

impl Origin {
    pub fn new(config: Option<PathBuf>) -> Self {
        Self { config, ..Self::default() }
    }
}

/// The keys of `initializationOptions` that are no settings.
const CLIENT_KEYS: &[&str] = &["events", "inputBox"];

/// Takes over what the client says first.
pub fn begin(shared: &Arc<Shared>, params: &InitializeParams, facts: ClientFacts) {
    {
        let mut state = shared.state();
        state.client = facts;
        state.origin.folders = folders(params);
        let mut editor = capabilities::own_options(params.initialization_options.as_ref());
        if let Some(editor) = editor.as_object_mut() {
            editor.retain(|key, _| !CLIENT_KEYS.contains(&key.as_str()));
        }
        state.origin.editor = Some(editor);
    }
    reload(shared);
}

/// Asks the client for its settings, and takes them when they come.
pub fn pull(shared: &Arc<Shared>) {
    report(shared);
    if !shared.state().client.configuration {
        return;
    }
    let shared = shared.clone();
    tokio::spawn(async move {
        let item = ConfigurationItem { scope_uri: None, section: Some("stepwright".to_owned()) };
        let Ok(answers) = shared.client.configuration(vec![item]).await else { return };
        // Clients answer with null, or with fewer items than were asked for.
        if let Some(settings) = answers.into_iter().next().filter(|settings| !settings.is_null()) {
            take(&shared, settings);
        }
    });
}

/// Takes pushed settings; without any, they are to be pulled.
pub fn pushed(shared: &Arc<Shared>, settings: Value) {
    match settings.get("stepwright").cloned().unwrap_or(settings) {
        Value::Object(own) if !own.is_empty() => take(shared, Value::Object(own)),
        _ => pull(shared),
    }
}

pub fn folders_changed(shared: &Arc<Shared>, event: WorkspaceFoldersChangeEvent) {
    let paths = |folders: Vec<tower_lsp::lsp_types::WorkspaceFolder>| {
        folders.into_iter().filter_map(|folder| local(&folder.uri)).collect::<Vec<_>>()
    };
    {
        let mut state = shared.state();
        let (added, removed) = (paths(event.added), paths(event.removed));
        let folders = &mut state.origin.folders;
        folders.retain(|folder| !removed.contains(folder));
        folders.extend(added);
    }
    reload(shared);
    report(shared);
}

/// One of our own files was saved: what it says counts from now on.
pub fn saved(shared: &Arc<Shared>, uri: &Url) {
    let Some(path) = local(uri) else { return };
    if is_ours(shared, &path) {
        reload(shared);
        report(shared);
        publish(shared, uri, &path);
    }
}

/// One of our own files was opened.
pub fn opened(shared: &Arc<Shared>, uri: &Url) {
    if let Some(path) = local(uri).filter(|path| is_ours(shared, path)) {
        publish(shared, uri, &path);
    }
}

fn take(shared: &Arc<Shared>, editor: Value) {
    shared.state().origin.editor = Some(editor);
    reload(shared);
    report(shared);
}

fn reload(shared: &Arc<Shared>) {
    let origin = shared.state().origin.clone();
    let Setup { settings, catalog, files, checker, problems } =
        setup::read(origin.config.as_deref(), origin.editor, &origin.folders);
    let has_version_control = files.roots.folders().iter().any(|root| changed::repository(root).is_some());
    let mut state = shared.state();
    state.settings = settings;
    state.catalog = catalog;
    state.files = files;
    state.checker = checker;
    state.problems = problems;
    state.has_version_control = has_version_control;
    drop(state);
    shared.forget_model();
    shared.look_at_all_prompts();
}

/// Tells each mistake once, where it is.
fn report(shared: &Arc<Shared>) {
    let mut messages = Vec::new();
    {
        let mut state = shared.state();
        let mut found: Vec<(MessageType, String)> = Vec::new();
        for (source, problem) in &state.problems {
            let place = match source {
                Source::File(path) => path.display().to_string(),
                Source::Editor => "the editor's settings".to_owned(),
            };
            found.push((MessageType::WARNING, format!("stepwright: {place}: {problem}")));
        }
        for entry in state.catalog.entries() {
            for problem in &entry.problems {
                found.push((MessageType::WARNING, format!("stepwright: {}: {problem}", entry.source)));
            }
        }
        found.retain(|(_, text)| !state.origin.told.contains(text));
        state.origin.told.extend(found.iter().map(|(_, text)| text.clone()));
        messages.append(&mut found);
    }
    for (kind, text) in messages {
        shared.outbox.message(kind, text);
    }
}

/// Shows the mistakes of one of our files in it.
fn publish(shared: &Arc<Shared>, uri: &Url, path: &Path) {
    let (problems, version): (Vec<Problem>, _) = {
        let state = shared.state();
        let configured = state.problems.iter().filter(|(source, _)| *source == Source::File(path.to_owned()));
        let configured = configured.map(|(_, problem)| problem.clone());
        let shown = path.display().to_string();
        let entries = state.catalog.entries();
        let workflows = entries.iter().filter(|entry| entry.source == shown).flat_map(|entry| entry.problems.clone());
        (configured.chain(workflows).collect(), state.documents.get(uri).map(crate::document::Document::version))
    };
    let diagnostics = problems
        .into_iter()
        .map(|problem| {
            let line = problem.line.unwrap_or(1).saturating_sub(1);
            Diagnostic {
                range: Range::new(Position::new(line, 0), Position::new(line.saturating_add(1), 0)),
                severity: Some(DiagnosticSeverity::WARNING),
                source: Some("stepwright".to_owned()),
                message: problem.message,
                ..Diagnostic::default()
            }
        })
        .collect();
    shared.outbox.diagnostics(PublishDiagnosticsParams { uri: uri.clone(), diagnostics, version });
}

fn is_ours(shared: &Arc<Shared>, path: &Path) -> bool {
    let origin = &shared.state().origin;
    setup::is_ours(path, origin.config.as_deref(), &origin.folders)
}

fn folders(params: &InitializeParams) -> Vec<PathBuf> {
    let listed = params.workspace_folders.iter().flatten().map(|folder| &folder.uri);
    let folders: Vec<_> = listed.filter_map(local).collect();
    if !folders.is_empty() {
        return folders;
    }
    #[expect(deprecated, reason = "clients without workspace folders say it this way")]
    let root = params.root_uri.as_ref().and_then(local).or_else(|| params.root_path.as_ref().map(PathBuf::from));
    root.into_iter().collect()
}

fn local(uri: &Url) -> Option<PathBuf> {
    (uri.scheme() == "file").then(|| uri.to_file_path().ok()).flatten()
}
