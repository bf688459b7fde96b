//! Files on disk behind the engine's port, for a run without an editor: edits are written at once, or only shown as a diff.

use std::{
    collections::BTreeMap,
    io::{BufRead, IsTerminal, Write},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;

use crate::{
    config::Review,
    document::{FileRef, disk, edit::unified_diff, tests_for::Placement},
    engine::{
        journal::{EditState, Entry, Journal, JournalError},
        ports::{Edit, Saved, Snapshot, Workspace, WorkspaceError},
    },
    files::{Files, Plan, Written},
};

pub struct DiskWorkspace {
    files: Arc<Files>,
    /// With `--diff`: the new texts, which nothing writes.
    instead: Option<Mutex<BTreeMap<FileRef, Change>>>,
    /// Where results go that nobody can be asked about.
    waiting: Option<PathBuf>,
    review: Review,
}

/// How often a write is planned anew because somebody else writes the file.
const MOST_TRIES: usize = 3;

/// What a file would become.
struct Change {
    old: Option<String>,
    new: String,
}

impl DiskWorkspace {
    pub fn new(files: Arc<Files>, diff: bool, waiting: Option<PathBuf>, review: Review) -> Self {
        Self { files, instead: diff.then(Mutex::default), waiting, review }
    }

    /// What would have been written.
    pub fn diff(&self) -> String {
        let Some(texts) = self.instead() else { return String::new() };
        texts.iter().map(|(file, change)| unified_diff(&file.name, change.old.as_deref(), &change.new)).collect()
    }

    fn instead(&self) -> Option<MutexGuard<'_, BTreeMap<FileRef, Change>>> {
        Some(self.instead.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A disk takes milliseconds to make a write durable; the run's other files go on meanwhile. When the file changes in between, the
    /// write is planned anew, a few times.
    async fn write(&self, edit: &Edit, journal: &dyn Journal) -> Result<Saved, WorkspaceError> {
        for _ in 0..MOST_TRIES {
            let (files, base, text) = (self.files.clone(), edit.base.clone(), edit.text.clone());
            let (before, after) = match blocking(move || files.plan(&base, &text)).await? {
                Plan::Nothing => return Ok(Saved::Unchanged),
                Plan::Keep(reason) => return self.keep(edit, reason, journal).await,
                Plan::Write { before, after, .. } => (before, after),
            };
            let entry = edit.entry(before.clone(), after.clone(), EditState::Sent);
            let kept = journal.edit(&edit.run, entry).await.map_err(unkept)?;
            let (files, file) = (self.files.clone(), edit.base.file.clone());
            let written = blocking(move || files.write(&file, before.as_deref(), &after)).await;
            let state = match &written {
                Ok(Written::Done(_)) => EditState::Applied,
                Ok(Written::Moved) => EditState::Failed { reason: "the file changed just before".to_owned() },
                Ok(Written::Unencodable(reason)) => EditState::Failed { reason: reason.clone() },
                Err(error) => EditState::Failed { reason: error.to_string() },
            };
            // Until that is durable, the content of the file tells.
            journal.note(&edit.run, Entry::Edited { edit: kept, state });
            match written? {
                Written::Done(saved) => return Ok(saved),
                Written::Unencodable(reason) => return self.keep(edit, &reason, journal).await,
                Written::Moved => {}
            }
        }
        self.keep(edit, "the file keeps changing on disk", journal).await
    }

    /// Puts a result where the user finds it, since nothing that was paid for is thrown away.
    async fn keep(&self, edit: &Edit, reason: &str, journal: &dyn Journal) -> Result<Saved, WorkspaceError> {
        let state = EditState::Pending { reason: reason.to_owned() };
        let entry = edit.entry(edit.base.text.clone(), edit.text.clone(), state);
        journal.edit(&edit.run, entry).await.map_err(unkept)?;
        let Some(folder) = &self.waiting else {
            return Ok(Saved::Pending { reason: reason.to_owned() });
        };
        let path = folder.join(&edit.run).join(edit.base.file.name.replace(['/', '\\', ':'], "__"));
        // A later step's result of the same run takes the place of an earlier one.
        let before = disk::read_file(&path, disk::MAX_FILE_BYTES).ok().flatten();
        disk::write_atomically(&path, edit.text.as_bytes(), before.as_deref()).map_err(|error| {
            WorkspaceError::Failed(format!("failed to keep the result in `{}`: {error}", path.display()))
        })?;
        Ok(Saved::Pending { reason: format!("{reason}; the result is in {}", path.display()) })
    }
}

#[async_trait]
impl Workspace for DiskWorkspace {
    fn locate(&self, path: &str) -> Result<FileRef, WorkspaceError> {
        self.files.locate(path)
    }

    fn exists(&self, file: &FileRef) -> bool {
        self.instead().is_some_and(|texts| texts.contains_key(file)) || self.files.exists(file)
    }

    async fn read(&self, file: &FileRef) -> Result<Snapshot, WorkspaceError> {
        if let Some(Change { new: text, .. }) = self.instead().as_ref().and_then(|texts| texts.get(file)) {
            return Ok(Snapshot { file: file.clone(), text: Some(text.clone()), version: None });
        }
        self.files.read(file)
    }

    fn unsaved(&self) -> Vec<(FileRef, String)> {
        let texts = self.instead();
        texts.iter().flat_map(|texts| texts.iter().map(|(file, change)| (file.clone(), change.new.clone()))).collect()
    }

    fn may_write(&self, file: &FileRef) -> Result<(), WorkspaceError> {
        self.files.permission(file, true).map(drop)
    }

    async fn save(&self, edit: Edit, journal: &dyn Journal) -> Result<Saved, WorkspaceError> {
        let (files, asked, review) = (self.files.clone(), edit.clone(), self.review);
        let reason = blocking(move || files.needs_review(&asked, review)).await?;
        if let Some(mut texts) = self.instead() {
            let old = texts.get(&edit.base.file).map_or_else(|| edit.base.text.clone(), |change| change.old.clone());
            let saved = if old.is_none() { Saved::Created } else { Saved::Changed };
            texts.insert(edit.base.file, Change { old, new: edit.text });
            return Ok(saved);
        }
        if let Some(reason) = reason {
            let question = format!("{} is about to be written, but {reason}. Write it?", edit.base.file.name);
            if self.choose(&question, &["Yes", "No"]).await != Some(0) {
                return self.keep(&edit, &reason, journal).await;
            }
        }
        self.write(&edit, journal).await
    }

    async fn tests_for(&self, source: &Snapshot) -> Result<Option<Placement>, WorkspaceError> {
        Ok(self.files.tests_for(source, &[]))
    }

    /// At a terminal, by the first letter of an option.
    async fn choose(&self, question: &str, options: &[&str]) -> Option<usize> {
        let (input, output) = (std::io::stdin(), std::io::stderr());
        if !input.is_terminal() || !output.is_terminal() {
            return None;
        }
        let text = format!("{question} [{}] ", options.join("/"));
        let answer = tokio::task::spawn_blocking(move || {
            write!(std::io::stderr(), "{text}").and_then(|()| std::io::stderr().flush()).ok()?;
            let mut line = String::new();
            input.lock().read_line(&mut line).ok()?;
            Some(line.trim().to_lowercase())
        });
        let answer = answer.await.ok()??;
        options.iter().position(|option| !answer.is_empty() && option.to_lowercase().starts_with(&answer))
    }
}

fn unkept(error: JournalError) -> WorkspaceError {
    WorkspaceError::Failed(error.to_string())
}

/// Runs what waits for the disk where it holds up nobody.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, WorkspaceError> + Send + 'static,
) -> Result<T, WorkspaceError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(WorkspaceError::Failed(format!("failed to reach the disk: {error}"))))
}
