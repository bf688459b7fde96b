//! Edits on their way to the editor: computed from what the document is now, kept in the journal before they leave, and confirmed by what
//! the document shows afterwards, since "applied" proves nothing.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tower_lsp::lsp_types::{ApplyWorkspaceEditParams, Url, request::ApplyWorkspaceEdit};

use super::{
    convert::{self, FileEdit},
    server::Shared,
    state::Expected,
    workspace::{blocking, unkept},
};
use crate::{
    document::{FileRef, Place, format},
    engine::{
        journal::{EditState, Entry, Journal},
        ports::{Edit, Saved, WorkspaceError},
    },
    files::{self, Plan},
};

/// How long a client may take to answer an edit.
const APPLY_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a person may look at an edit before it is made.
const REVIEW_TIMEOUT: Duration = Duration::from_secs(15 * 60);
/// How long the change may take to show after the client said that it applied the edit; Neovim takes up to 150 ms.
pub const CONFIRM_TIMEOUT: Duration = Duration::from_secs(1);
/// How often an edit is made anew because the user types faster than it arrives.
const MOST_TRIES: usize = 3;

/// How an edit ended.
pub enum Applied {
    Done(Saved),
    /// It must be kept instead; the reason why.
    Kept(String),
}

/// How the client took an edit.
enum Answer {
    Applied,
    Refused(String),
    Silent,
}

/// A file's new text, computed from what it is now.
struct Next<'a> {
    /// Nothing where nobody should be told of each edit.
    title: String,
    file: &'a FileRef,
    now: &'a Now,
    /// With line ends and all.
    after: &'a str,
    /// As runs see it.
    text: &'a str,
    /// What the editor asks the user to confirm.
    question: Option<&'a str>,
}

impl Shared {
    /// Makes the edit, merged with what was typed since its base, and waits until that shows. When the file changes just as the edit is on
    /// its way, it is made anew, a few times. `journal` has both sides of it before it leaves; replies in a conversation are kept as
    /// messages, and have none.
    pub async fn apply(
        self: &Arc<Self>,
        edit: &Edit,
        journal: Option<&dyn Journal>,
    ) -> Result<Applied, WorkspaceError> {
        // Neovim carries out an edit for version 0 whatever the version is by then, so two never overtake each other.
        let _turn = self.turns.take(&edit.base.file).await;
        self.apply_after(edit, journal, None).await
    }

    /// Has the editor show the edit to the user first. Nobody waits for that: other edits of the file go on.
    pub async fn apply_reviewed(
        self: &Arc<Self>,
        edit: &Edit,
        journal: &dyn Journal,
        question: &str,
    ) -> Result<Applied, WorkspaceError> {
        self.apply_after(edit, Some(journal), Some(question)).await
    }

    async fn apply_after(
        self: &Arc<Self>,
        edit: &Edit,
        journal: Option<&dyn Journal>,
        question: Option<&str>,
    ) -> Result<Applied, WorkspaceError> {
        if !self.state().client.apply_edit {
            return Ok(Applied::Kept("the editor takes no edits from a server".to_owned()));
        }
        let file = &edit.base.file;
        let mut reason = "the file keeps changing".to_owned();
        for _ in 0..MOST_TRIES {
            let now = self.now(file).await?;
            let (before, after, text) = match files::plan(&edit.base, now.raw.clone(), &edit.text)? {
                Plan::Nothing => return Ok(Applied::Done(Saved::Unchanged)),
                Plan::Keep(reason) => return Ok(Applied::Kept(reason.to_owned())),
                Plan::Write { before, after, text } => (before, after, text),
            };
            let kept = match journal {
                Some(journal) => {
                    let entry = edit.entry(before, after.clone(), EditState::Sent);
                    Some(journal.edit(&edit.run, entry).await.map_err(unkept)?)
                }
                None => None,
            };
            // Keeping it took a moment.
            let outcome = if self.now(file).await?.raw == now.raw {
                let title = label(edit);
                self.apply_once(&Next { title, file, now: &now, after: &after, text: &text, question }).await?
            } else {
                Err("the file changed just before".to_owned())
            };
            if let (Some(journal), Some(edit_id)) = (journal, kept) {
                let state = match &outcome {
                    Ok(_) => EditState::Applied,
                    Err(reason) => EditState::Failed { reason: reason.clone() },
                };
                // Until that is durable, the content of the file tells.
                journal.note(&edit.run, Entry::Edited { edit: edit_id, state });
            }
            match outcome {
                Ok(saved) => return Ok(Applied::Done(saved)),
                Err(failure) => reason = failure,
            }
            if question.is_some() || self.now(file).await?.raw == now.raw {
                break;
            }
        }
        Ok(Applied::Kept(reason))
    }

    /// Makes the file's text exactly `after`, if it still is what `now` says.
    pub async fn replace(self: &Arc<Self>, title: &str, file: &FileRef, now: &Now, after: &str) -> Result<(), String> {
        let text = format::normalize(after);
        let next = Next { title: title.to_owned(), file, now, after, text: &text, question: None };
        self.apply_once(&next).await.map_err(|error| error.to_string())?.map(drop)
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
        let raw = blocking(move || files.raw_for_editor(&wanted)).await?;
        Ok(Now { url: convert::url(file), version: None, raw })
    }

    async fn apply_once(self: &Arc<Self>, next: &Next<'_>) -> Result<Result<Saved, String>, WorkspaceError> {
        let Next { title, file, now, after, text, question } = next;
        let Some(url) = now.url.clone() else {
            return Ok(Err("the editor has no name for this file".to_owned()));
        };
        if now.raw.is_none()
            && let Place::Disk(path) = &file.place
            && let Some(folder) = path.parent()
        {
            make_folders(folder).await?;
        }
        let edit = FileEdit { url: url.clone(), version: now.version, old: now.raw.clone(), new: (*after).to_owned() };
        let edit = convert::workspace_edit(edit, &self.state().client);
        let edit = match question {
            Some(question) => convert::to_be_confirmed(edit, title, question),
            None => edit,
        };
        let patience = if question.is_some() { REVIEW_TIMEOUT } else { APPLY_TIMEOUT };
        let expected = self.expect(url, text);
        let answer = self
            .send(
                ApplyWorkspaceEditParams { label: Some(title.clone()).filter(|title| !title.is_empty()), edit },
                patience,
            )
            .await;
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

    /// The error is why the file is still there.
    pub async fn send_deletion(&self, params: ApplyWorkspaceEditParams) -> Result<(), String> {
        match self.send(params, APPLY_TIMEOUT).await {
            Answer::Applied => Ok(()),
            Answer::Refused(reason) => Err(reason),
            Answer::Silent => Err("the editor didn't answer".to_owned()),
        }
    }

    async fn send(&self, params: ApplyWorkspaceEditParams, patience: Duration) -> Answer {
        let client = self.client.clone();
        // Spawned, because a reply to a request that nobody waits for any more upsets the framework.
        let request = tokio::spawn(async move { client.send_request::<ApplyWorkspaceEdit>(params).await });
        match tokio::time::timeout(patience, request).await {
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
    pub url: Option<Url>,
    pub version: Option<i32>,
    /// Line ends and all; `None`: there is no such file.
    pub raw: Option<String>,
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

/// What an editor prints: Neovim asks for a key when it takes more than a line, so the path of a file elsewhere is left out.
fn label(edit: &Edit) -> String {
    let path = Path::new(&edit.base.file.name);
    let name = path.file_name().filter(|_| path.is_absolute()).unwrap_or(path.as_os_str()).display();
    if edit.title.is_empty() { String::new() } else { format!("{}: {name}", edit.title) }
}
