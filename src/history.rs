//! What happened: runs, their steps, and the messages that later runs can name, in a database that outlives the process.
//!
//! The only place that knows SQL. One thread owns the database: writes that wait there side by side are committed together, and each
//! call returns once its own is durable. The database is opened by the first call, so that having a history costs nothing.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;

use crate::{
    document::FileRef,
    engine::{
        journal::{EditEntry, EditId, EditState, Entry, Journal, JournalError, Past, StepEntry},
        ports::{Message, Usage},
    },
    workflow::Status,
};

mod blob;
mod claim;
mod clean;
mod database;
mod failure;
mod kept;
mod lease;
mod open;
mod query;
mod record;
pub mod report;
pub mod undo;
mod writer;

pub use kept::KeptJob;

use database::Place;
use failure::Failure;
use lease::Process;
use writer::Writer;

/// The history of all workspaces. Clones are the same one.
#[derive(Clone)]
pub struct History {
    writer: Arc<Writer>,
}

/// The part of it that belongs to one workspace. Message ids are unique in it.
#[derive(Clone)]
pub struct WorkspaceHistory {
    writer: Arc<Writer>,
    key: Arc<str>,
}

/// A run in short.
#[derive(Clone, Debug, PartialEq)]
pub struct RunSummary {
    pub run: String,
    /// The workflow's id.
    pub workflow: String,
    pub instruction: String,
    pub status: Status,
    /// It finished, but some of its steps failed: resuming it tries those again.
    pub in_part: bool,
    /// The sentence with which it ended.
    pub summary: String,
    pub started: SystemTime,
    /// How long it was under way, all attempts together.
    pub duration: Duration,
    pub usage: Usage,
    /// What is true of each file now, in the order of the edits.
    pub files: Vec<FileNow>,
    /// Its prompts, answers and file contents were removed to save space: it can't be resumed or reverted any more.
    pub cleaned: bool,
}

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileNow {
    pub file: FileRef,
    /// `created`, `changed`, `pending`, `discarded`, `reverted`, `failed`, or `sent` when nobody knows whether the edit arrived.
    pub action: &'static str,
    pub reason: Option<String>,
}

/// A run in full, but for the contents of its files.
#[derive(Clone, Debug, PartialEq)]
pub struct RunReport {
    pub summary: RunSummary,
    pub steps: Vec<StepReport>,
}

/// A step in full.
#[derive(Clone, Debug, PartialEq)]
pub struct StepReport {
    pub step_id: u32,
    pub module: String,
    pub status: Status,
    /// What it left, or else the last answer.
    pub response: Option<String>,
    pub error: Option<String>,
    pub duration: Duration,
    /// Of all its requests.
    pub usage: Usage,
    /// In the order in which they were sent.
    pub requests: Vec<RequestReport>,
}

/// One request and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestReport {
    /// The texts that several requests have in common are kept in memory once.
    pub system: Arc<str>,
    pub shared: Arc<str>,
    pub prompt: String,
    pub answer: Option<String>,
}

/// A message that a later run can name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageSummary {
    /// `m12`.
    pub id: String,
    /// The workflow's id.
    pub workflow: String,
    pub module: String,
    /// The first words of its prompt.
    pub words: String,
}

/// An edit with both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptEdit {
    pub id: EditId,
    pub run: String,
    pub at: SystemTime,
    pub step: u32,
    pub title: String,
    pub file: FileRef,
    pub state: EditState,
    /// `None` once they were removed to save space.
    pub texts: Option<Texts>,
}

/// The texts of an edit, see [`EditEntry`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Texts {
    pub base: Option<String>,
    pub text: String,
    pub before: Option<String>,
    pub after: String,
}

/// The right to go on with a run, and what is needed for that. It lapses unless [`Entry::Begin`] follows within seconds.
#[derive(Clone, Debug)]
pub struct Claim {
    pub job: KeptJob,
    pub past: Past,
}

/// Why a run can't be gone on with. Each says what to do.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ClaimError {
    #[error("there is no run `{0}` in this workspace, or several begin like that; `stepwright history` lists them")]
    Unknown(String),
    #[error("run `{0}` is under way in another stepwright; cancel it there first")]
    UnderWay(String),
    #[error("run `{0}` has finished, so that nothing is left to do")]
    Finished(String),
    #[error("run `{0}` is too old: its prompts and answers were removed to save space; start it anew")]
    Cleaned(String),
    #[error(transparent)]
    Failed(#[from] JournalError),
}

impl History {
    /// The history in this folder. `None`, and a folder that can't be used: in memory only, and [`Self::notice`] says why.
    pub fn open(folder: Option<PathBuf>) -> Self {
        Self::at(Place { folder, ..place() })
    }

    /// A history that ends with the process, without a word about it.
    pub fn in_memory() -> Self {
        Self::at(Place { in_memory: true, ..place() })
    }

    fn at(place: Place) -> Self {
        Self { writer: Arc::new(Writer::new(place)) }
    }

    /// Why history isn't kept on disk, and what to do about it. Said once.
    pub async fn notice(&self) -> Option<String> {
        self.writer.read(|database| Ok(database.notice.take())).await.unwrap_or_else(|error| Some(error.to_string()))
    }

    /// The history of a workspace: the canonical path of its first folder, or nothing where there is none.
    pub fn workspace(&self, key: &str) -> WorkspaceHistory {
        WorkspaceHistory { writer: self.writer.clone(), key: Arc::from(key) }
    }

    /// USD that answers have cost since then, in all workspaces, as far as their prices are known. Of the last 40 days.
    pub async fn spent_since(&self, since: SystemTime) -> Result<f64, JournalError> {
        self.writer.read(move |database| database.spent_since(since)).await
    }

    /// Waits until what was recorded so far is durable, or the time is up. Blocks.
    pub fn flush(&self, patience: Duration) {
        self.writer.flush(patience);
    }
}

impl WorkspaceHistory {
    pub async fn find_message(&self, id: &str) -> Result<Option<Message>, JournalError> {
        let (key, id) = (self.key.clone(), id.to_owned());
        self.writer.read(move |database| database.find_message(&key, &id)).await
    }

    /// Newest first.
    pub async fn recent_messages(&self, most: usize) -> Result<Vec<MessageSummary>, JournalError> {
        let key = self.key.clone();
        self.writer.read(move |database| database.recent_messages(&key, most)).await
    }

    /// Newest first.
    pub async fn runs(&self, most: usize) -> Result<Vec<RunSummary>, JournalError> {
        let key = self.key.clone();
        self.writer.read(move |database| database.runs(&key, most)).await
    }

    /// A run by its name, or by what only its name begins with. The same goes for all that take a run's name here.
    pub async fn run(&self, run: &str) -> Result<Option<RunReport>, JournalError> {
        let (key, run) = (self.key.clone(), run.to_owned());
        self.writer.read(move |database| database.report(&key, &run)).await
    }

    /// A run's edits in order.
    pub async fn edits(&self, run: &str) -> Result<Vec<KeptEdit>, JournalError> {
        let (key, run) = (self.key.clone(), run.to_owned());
        self.writer.read(move |database| database.edits(&key, &run)).await
    }

    /// The edits that wait for the user, oldest first.
    pub async fn pending(&self) -> Result<Vec<KeptEdit>, JournalError> {
        let key = self.key.clone();
        self.writer.read(move |database| database.waiting_edits(&key)).await
    }

    /// What became of an edit, by the user's doing.
    pub async fn set_edit(&self, edit: EditId, state: EditState) -> Result<(), JournalError> {
        let key = self.key.clone();
        let set = move |database: &mut database::Database| {
            let run = database.run_of_edit(&key, edit)?;
            let run = run.ok_or_else(|| Failure::Said(format!("there is no edit {edit} in this workspace")))?;
            database.change_edit(run, edit, &state)
        };
        self.writer.write(set).await
    }

    /// Runs that were interrupted, or whose process is gone; newest first.
    pub async fn resumable(&self) -> Result<Vec<RunSummary>, JournalError> {
        let key = self.key.clone();
        self.writer.read(move |database| database.resumable(&key)).await
    }

    /// Takes over a run that isn't under way, and hasn't finished in full.
    pub async fn claim(&self, run: &str) -> Result<Claim, ClaimError> {
        let (key, run) = (self.key.clone(), run.to_owned());
        self.writer.write(move |database| database.claim(&key, &run)).await?
    }

    /// Gives up a run that isn't under way: it counts as cancelled.
    pub async fn forget(&self, run: &str) -> Result<(), ClaimError> {
        let (key, run) = (self.key.clone(), run.to_owned());
        self.writer.write(move |database| database.forget(&key, &run)).await?
    }

    /// What a run was asked to do.
    pub async fn kept_job(&self, run: &str) -> Result<Option<KeptJob>, JournalError> {
        let (key, run) = (self.key.clone(), run.to_owned());
        let job = move |database: &mut database::Database| match database.find_run(&key, &run)? {
            Some(run) => database.job(&run),
            None => Ok(None),
        };
        self.writer.read(job).await
    }

    /// The files that the user has selected for workflows.
    pub async fn selection(&self) -> Result<Vec<FileRef>, JournalError> {
        let key = self.key.clone();
        self.writer.read(move |database| database.selection(&key)).await
    }

    pub async fn set_selection(&self, files: Vec<FileRef>) -> Result<(), JournalError> {
        let key = self.key.clone();
        self.writer.write(move |database| database.set_selection(&key, &files)).await
    }
}

#[async_trait]
impl Journal for WorkspaceHistory {
    async fn record(&self, run: &str, entry: Entry) -> Result<(), JournalError> {
        let (key, run) = (self.key.clone(), run.to_owned());
        self.writer.write(move |database| database.record(&key, &run, &entry)).await
    }

    fn note(&self, run: &str, entry: Entry) {
        let (key, run) = (self.key.clone(), run.to_owned());
        self.writer.note(move |database| database.record(&key, &run, &entry));
    }

    async fn finish(&self, run: &str, step: StepEntry, message: Message) -> Result<String, JournalError> {
        let (key, run) = (self.key.clone(), run.to_owned());
        self.writer.write(move |database| database.finish(&key, &run, &step, &message)).await
    }

    async fn edit(&self, run: &str, edit: EditEntry) -> Result<EditId, JournalError> {
        let run = run.to_owned();
        self.writer.write(move |database| database.keep_edit(&run, &edit)).await
    }
}

/// Where nothing else is said.
fn place() -> Place {
    let (clock, process) = (Arc::new(SystemTime::now), Process::this());
    Place { folder: None, in_memory: false, max_bytes: clean::MAX_BYTES, clock, process }
}

impl KeptEdit {
    /// As the run kept it, unless its texts are gone.
    pub fn entry(&self) -> Option<EditEntry> {
        let Texts { base, text, before, after } = self.texts.clone()?;
        let (title, file, state) = (self.title.clone(), self.file.clone(), self.state.clone());
        Some(EditEntry { step: self.step, title, file, base, text, before, after, state })
    }
}

#[cfg(test)]
mod tests;
