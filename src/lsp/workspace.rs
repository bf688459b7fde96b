//! The files of an editor's user behind the engine's port: open buffers first, edits through the client, and confirmed by
//! what it shows afterwards, since "applied" proves nothing.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use tower_lsp::lsp_types::{
    ApplyWorkspaceEditParams, MessageActionItem, MessageType, ShowMessageRequestParams, Url,
    request::{ApplyWorkspaceEdit, ShowMessageRequest},
};

use super::{
    convert::{self, FileEdit},
    server::Shared,
    state::{Expected, Pending},
};
use crate::{
    document::{
        FileRef, Place, format,
        merge::{Merged, merge},
        tests_for::Placement,
    },
    engine::journal::Journal,
    engine::ports::{Edit, Saved, Snapshot, Workspace, WorkspaceError},
    files::Permission,
};

/// How long a client may take to answer an edit.
const APPLY_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the change may take to show after the client said that it applied the edit; Neovim takes up to 150 ms.
pub const CONFIRM_TIMEOUT: Duration = Duration::from_secs(1);

pub struct EditorWorkspace {
    pub shared: Arc<Shared>,
}

/// How often an edit is made anew because the user types faster than it arrives.
const MOST_TRIES: usize = 3;

/// How the client took an edit.
enum Answer {
    Applied,
    Refused(String),
    Silent,
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
        let files = self.shared.state().files.clone();
        let (file, named) = (edit.base.file.clone(), edit.named);
        let permission = blocking(move || files.permission(&file, named)).await?;
        let reason = match (permission, &edit.risk) {
            (Permission::Needed(reason), _) => Some(reason),
            (Permission::Granted, Some(risk)) => Some(risk.clone()),
            (Permission::Granted, None) => None,
        };
        if let Some(reason) = reason {
            return Ok(self.keep(edit, reason));
        }
        match self.shared.apply(&edit.title, &edit.base, &edit.text).await? {
            Ok(saved) => Ok(saved),
            Err(reason) => Ok(self.keep(edit, reason)),
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
        if !self.shared.state().client.ask {
            return None;
        }
        let item = |title: &&str| MessageActionItem { title: (*title).to_owned(), properties: Default::default() };
        let params = ShowMessageRequestParams {
            typ: MessageType::INFO,
            message: question.to_owned(),
            actions: Some(options.iter().map(item).collect()),
        };
        let client = self.shared.client.clone();
        // Spawned, because a reply to a request that nobody waits for any more upsets the framework.
        let answer = tokio::spawn(async move { client.send_request::<ShowMessageRequest>(params).await });
        let chosen = answer.await.ok()?.ok()??;
        options.iter().position(|option| *option == chosen.title)
    }
}

impl EditorWorkspace {
    fn keep(&self, edit: Edit, reason: String) -> Saved {
        let mut state = self.shared.state();
        let file = edit.base.file;
        // A later step's result of the same run takes the place of an earlier one, which it was made from.
        let before = state.pending.iter().position(|pending| pending.run == edit.run && pending.file == file);
        let base = before.map(|at| state.pending.remove(at).base).unwrap_or(edit.base.text);
        let (run, name, text) = (edit.run, edit.title, edit.text);
        state.pending.push(Pending { run, name, file, base, text });
        Saved::Pending { reason }
    }
}

impl Shared {
    /// Makes the file's text `text`, merged with what was typed since `base`, and waits until that shows. The inner error is why the
    /// result must be kept instead. When the file changes just as the edit is on its way, it is made anew, a few times.
    pub async fn apply(
        self: &Arc<Self>,
        title: &str,
        base: &Snapshot,
        text: &str,
    ) -> Result<Result<Saved, String>, WorkspaceError> {
        if !self.state().client.apply_edit {
            return Ok(Err("the editor takes no edits from a server".to_owned()));
        }
        // Neovim carries out an edit for version 0 whatever the version is by then, so two never overtake each other.
        let _turn = self.turns.take(&base.file).await;
        let mut reason = String::new();
        for _ in 0..MOST_TRIES {
            let now = self.now(&base.file).await?;
            let current = now.text();
            let merged = match (&base.text, &current) {
                _ if base.text == current => text.to_owned(),
                (Some(base), Some(current)) => match merge(base, current, text) {
                    Merged { text, conflicts } if conflicts.is_empty() => text,
                    _ => return Ok(Err("the same lines were changed while the run was going on".to_owned())),
                },
                (None, Some(current)) if current == text => return Ok(Ok(Saved::Unchanged)),
                (None, Some(_)) => {
                    return Ok(Err("somebody else created the file while the run was going on".to_owned()));
                }
                (_, None) => return Ok(Err("the file is gone".to_owned())),
            };
            let new = format::restore(now.raw.as_deref().unwrap_or_default(), &merged);
            if now.raw.as_ref() == Some(&new) {
                return Ok(Ok(Saved::Unchanged));
            }
            match self.apply_once(title, &base.file, &now, &new, &merged).await? {
                Ok(saved) => return Ok(Ok(saved)),
                Err(failure) => reason = failure,
            }
            if self.now(&base.file).await?.raw == now.raw {
                break;
            }
        }
        Ok(Err(reason))
    }

    /// What the file is at this moment, in the editor or on disk.
    pub async fn now(&self, file: &FileRef) -> Result<Now, WorkspaceError> {
        let files = {
            let state = self.state();
            if let Some((url, document)) = state.document(file) {
                return Ok(Now {
                    url: Some(url.clone()),
                    version: Some(document.version()),
                    raw: Some(document.text()),
                });
            }
            state.files.clone()
        };
        let wanted = file.clone();
        let raw = blocking(move || files.raw(&wanted)).await?;
        Ok(Now { url: convert::url(file), version: None, raw })
    }

    async fn apply_once(
        self: &Arc<Self>,
        title: &str,
        file: &FileRef,
        now: &Now,
        new: &str,
        text: &str,
    ) -> Result<Result<Saved, String>, WorkspaceError> {
        let Some(url) = now.url.clone() else {
            return Ok(Err("the editor has no name for this file".to_owned()));
        };
        if now.raw.is_none()
            && let Place::Disk(path) = &file.place
            && let Some(folder) = path.parent()
        {
            make_folders(folder).await?;
        }
        let edit = FileEdit { url: url.clone(), version: now.version, old: now.raw.clone(), new: new.to_owned() };
        let edit = convert::workspace_edit(edit, &self.state().client);
        let expected = self.expect(url, text);
        let answer = self.send(ApplyWorkspaceEditParams { label: Some(format!("{title}: {}", file.name)), edit }).await;
        let saved = if now.raw.is_none() { Saved::Created } else { Saved::Changed };
        // A file that the editor doesn't open can show nothing before it is saved; then its word has to do.
        let is_open = now.version.is_some();
        Ok(match answer {
            Answer::Refused(reason) => Err(reason),
            Answer::Applied if self.shows(&expected, file, text, is_open, CONFIRM_TIMEOUT).await => Ok(saved),
            Answer::Applied => {
                Err("the editor said that it applied the edit, but the document doesn't show it".to_owned())
            }
            Answer::Silent if self.shows(&expected, file, text, true, Duration::ZERO).await => Ok(saved),
            Answer::Silent => Err("the editor didn't answer".to_owned()),
        })
    }

    async fn send(&self, params: ApplyWorkspaceEditParams) -> Answer {
        let client = self.client.clone();
        // Spawned, because a reply to a request that nobody waits for any more upsets the framework.
        let request = tokio::spawn(async move { client.send_request::<ApplyWorkspaceEdit>(params).await });
        match tokio::time::timeout(APPLY_TIMEOUT, request).await {
            Ok(Ok(Ok(response))) if response.applied => Answer::Applied,
            Ok(Ok(Ok(response))) => {
                let reason = response.failure_reason.filter(|reason| !reason.is_empty());
                Answer::Refused(
                    reason.map_or("the editor refused the edit".to_owned(), |r| {
                        format!("the editor refused the edit: {r}")
                    }),
                )
            }
            // An answer that can't be read, as eglot's `applied: null`, says no more than an error does.
            Ok(Ok(Err(error))) => Answer::Refused(format!("the editor refused the edit: {}", error.message)),
            Ok(Err(_)) | Err(_) => Answer::Silent,
        }
    }

    /// Notes that a document will soon show `text`, if only between two keystrokes.
    pub fn expect(&self, url: Url, text: &str) -> Expectation {
        let met = Arc::new(AtomicBool::new(false));
        self.state().expected.push(Expected { url, text: text.to_owned(), met: Arc::downgrade(&met) });
        Expectation { met }
    }

    /// Waits until the file shows `text`: in the open document, else on disk. `strict`: nothing else will do.
    pub async fn shows(
        &self,
        expectation: &Expectation,
        file: &FileRef,
        text: &str,
        strict: bool,
        patience: Duration,
    ) -> bool {
        let deadline = Instant::now() + patience;
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let shown = self.showing(file, text).await;
            if expectation.met.load(Ordering::Relaxed) || shown == Some(true) {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || tokio::time::timeout(left, changed).await.is_err() {
                return expectation.met.load(Ordering::Relaxed) || self.showing(file, text).await.unwrap_or(!strict);
            }
        }
    }

    /// Whether the file shows the text; `None` when neither an open document nor the disk can tell.
    async fn showing(&self, file: &FileRef, text: &str) -> Option<bool> {
        let same = |shown: &str| is_shown(shown, text);
        let files = {
            let state = self.state();
            if let Some((_, document)) = state.document(file) {
                return Some(same(&document.text()));
            }
            state.files.clone()
        };
        let file = file.clone();
        let on_disk = blocking(move || files.raw(&file)).await.ok().flatten()?;
        same(&on_disk).then_some(true)
    }
}

/// What a file is at a moment.
pub struct Now {
    url: Option<Url>,
    version: Option<i32>,
    /// Line ends and all; `None`: there is no such file.
    raw: Option<String>,
}

impl Now {
    pub fn text(&self) -> Option<String> {
        self.raw.as_deref().map(|raw| format::normalize(raw).into_owned())
    }
}

/// As long as it is kept, changes of the document are compared with what is expected.
pub struct Expectation {
    met: Arc<AtomicBool>,
}

/// Whether a document's text is the expected one; editors that keep lines end a file as they like.
pub fn is_shown(shown: &str, text: &str) -> bool {
    format::normalize(shown).trim_end_matches('\n') == text.trim_end_matches('\n')
}

async fn make_folders(folder: &Path) -> Result<(), WorkspaceError> {
    let made = tokio::fs::create_dir_all(folder).await;
    made.map_err(|error| WorkspaceError::Failed(format!("failed to make the folder `{}`: {error}", folder.display())))
}

/// Runs what may touch the disk where it holds up nobody.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, WorkspaceError> + Send + 'static,
) -> Result<T, WorkspaceError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(WorkspaceError::Failed(format!("failed to reach the disk: {error}"))))
}
