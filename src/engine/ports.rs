//! The ports through which a run acts: model, workspace, observer; the fourth, the journal, is [`super::journal`].
//!
//! Nothing here knows an editor, a wire format, SQL or a disk. A front end, or a test, brings an implementation of each.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::{FutureExt, future::BoxFuture, stream::BoxStream};
use thiserror::Error;

use super::{event::Event, journal::Journal};
use crate::{
    config::Price,
    document::{FileRef, tests_for::Placement},
    engine::spending::Spending,
    workflow::Role,
};

/// What a run is given to act with.
#[derive(Clone)]
pub struct Ports {
    pub model: Arc<dyn Model>,
    pub workspace: Arc<dyn Workspace>,
    pub observer: Arc<dyn Observer>,
    pub journal: Arc<dyn Journal>,
    /// Only where the user trusts the workspace's check command.
    pub checker: Option<Arc<dyn Checker>>,
    /// What the run may cost, and what runs of this process cost today.
    pub spending: Spending,
}

/// Answers one prompt.
pub trait Model: Send + Sync {
    /// Streams the answer. The last item of a good answer is [`Delta::Done`]; an error is the last item of a failed one.
    /// Dropping the stream abandons the request and closes its connection.
    fn answer(&self, request: Request) -> BoxStream<'_, Result<Delta, ModelError>>;

    /// How many requests may be under way side by side, at least 1.
    fn concurrency(&self) -> usize;

    /// Whether a model of this name (`provider/model`, a role, or `replay`) is configured.
    fn knows(&self, name: &str) -> bool;

    /// The model of the main role, as `provider/model` or `replay`, as far as that is known without asking anybody. Nothing is by default.
    fn main_name(&self) -> Option<String> {
        None
    }

    /// The models that servers list, as `provider/model`. Asks them now; one that doesn't answer is left out. None by default.
    fn listed(&self) -> BoxFuture<'_, Vec<String>> {
        async { Vec::new() }.boxed()
    }

    /// What is known about the model that would answer for this role; `model` is what the user named, and wins. Asks a server only for
    /// what nobody else can tell. Nothing is known by default.
    fn facts<'a>(&'a self, _role: Role, _model: Option<&'a str>) -> BoxFuture<'a, Result<Facts, ModelError>> {
        async { Ok(Facts::default()) }.boxed()
    }
}

/// What is known about a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// `provider/model`, or `replay`.
    pub name: String,
    /// Tokens of prompt and answer together.
    pub context_window: Option<u64>,
    /// Tokens of an answer.
    pub max_output: Option<u64>,
    /// Tokens after which each answer is cut off, because the user said so.
    pub output_limit: Option<u64>,
    /// `None`: nobody knows.
    pub price: Option<Price>,
    pub strength: Strength,
    /// Whether requests stay on this machine.
    pub is_local: bool,
    /// Of prompts, as the server has counted them so far.
    pub bytes_per_token: f64,
}

/// How far a model can be trusted with exact forms of answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strength {
    /// Or not known.
    #[default]
    Weak,
    Strong,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            name: String::new(),
            context_window: None,
            max_output: None,
            output_limit: None,
            price: None,
            strength: Strength::default(),
            is_local: false,
            bytes_per_token: BYTES_PER_TOKEN,
        }
    }
}

/// Of prose and code in most scripts, within a factor of two. A tokenizer knows better, but one model's words only, and takes longer to load
/// than a run takes to begin.
pub const BYTES_PER_TOKEN: f64 = 3.0;

/// One prompt in the order that lets provider caches hit: `system`, `shared`, (breakpoint), `prompt`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The step's module, for error messages: "Plan Tests".
    pub step: String,
    pub role: Role,
    /// A role or `provider/model` that the user named; wins over `role`.
    pub model: Option<String>,
    /// The same for every step of a run.
    pub system: String,
    /// Documents that several requests have in common, sorted by path. May be empty.
    pub shared: String,
    /// Target document, instruction, and a reminder of the answer's form.
    pub prompt: String,
    /// What names the tags in all of these, and differs from run to run.
    pub nonce: String,
    /// Tokens after which the answer is to be cut off, where a cost cap can't allow for what the model could write.
    pub max_output: Option<u64>,
}

/// A piece of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Delta {
    Text(String),
    /// The request waits before it is sent, or sent again. Nothing was received for it so far.
    Waiting {
        delay: Duration,
        reason: String,
    },
    Done {
        finish: Finish,
        usage: Usage,
    },
}

/// Why a model stopped, as it said itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The answer is whole.
    Stop,
    /// Cut off at the output limit.
    Length,
    /// Refused or filtered; carries the model's reason, or the signal's name.
    Blocked(String),
    /// Anything else, by its wire name: `tool_calls`, `pause_turn`, …
    Unexpected(String),
}

/// Tokens and money of one answer. `input` includes `cached`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    pub input: u64,
    pub cached: u64,
    pub output: u64,
    /// USD; `None` when the price is unknown.
    pub cost: Option<f64>,
}

/// A model that gave no usable answer. `message` is one sentence that names provider, model and remedy.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{message}")]
pub struct ModelError {
    pub kind: ModelErrorKind,
    pub message: String,
}

/// What callers branch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelErrorKind {
    /// No model is configured, or the configuration can't work.
    Configuration,
    /// Wrong or missing key.
    Auth,
    /// No credit left.
    Quota,
    /// No such model or endpoint.
    NotFound,
    /// The prompt doesn't fit the context window.
    TooLong,
    /// The server refuses the request.
    Rejected,
    /// Unreachable, overloaded, or failing, after the retries.
    Unavailable,
    /// Silence beyond a timeout.
    Timeout,
    /// The stream ended without a finish signal.
    Truncated,
    /// Not what the wire promises.
    Protocol,
}

/// The user's files, open or on disk.
#[async_trait]
pub trait Workspace: Send + Sync {
    /// Resolves a workspace-relative path that a user or a model named, without asking whether it may be written.
    fn locate(&self, path: &str) -> Result<FileRef, WorkspaceError>;

    /// Whether there is such a file, open or on disk.
    fn exists(&self, file: &FileRef) -> bool;

    /// The text as the user sees it now: an open buffer wins over disk. A missing file is a snapshot without text.
    async fn read(&self, file: &FileRef) -> Result<Snapshot, WorkspaceError>;

    /// The texts that [`Self::read`] gives instead of what is on disk, or may give: of open buffers, and of edits that nothing writes.
    fn unsaved(&self) -> Vec<(FileRef, String)> {
        Vec::new()
    }

    /// Whether an edit of this file could be carried out, asked before anything is paid for.
    fn may_write(&self, file: &FileRef) -> Result<(), WorkspaceError>;

    /// Carries out an edit. Nothing is overwritten that isn't what the edit is based on, and nothing leaves before `journal` has both sides
    /// of it.
    async fn save(&self, edit: Edit, journal: &dyn Journal) -> Result<Saved, WorkspaceError>;

    /// Where the tests of a source file go, by the rules that need no model.
    async fn tests_for(&self, source: &Snapshot) -> Result<Option<Placement>, WorkspaceError>;

    /// Asks the user to pick one of `options`; `None` where nobody can be asked.
    async fn choose(&self, question: &str, options: &[&str]) -> Option<usize>;
}

/// A file's new content.
#[derive(Clone, Debug)]
pub struct Edit {
    /// The run's name, for the user: "Write Tests".
    pub title: String,
    pub run: String,
    /// 0: none of the steps, but the run itself.
    pub step: u32,
    pub base: Snapshot,
    /// LF line ends.
    pub text: String,
    /// The user named this file for writing, which is the confirmation that protected paths need.
    pub named: bool,
    /// Why a person should look at it first.
    pub risk: Option<Risk>,
}

/// What makes the content of an edit worth a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Risk {
    /// More than half of the lines go.
    Shrunk,
    /// Characters come in that can't be seen, or that reorder others.
    Hidden,
}

/// A file as a step saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub file: FileRef,
    /// Line ends as LF, without BOM; `None` when the file doesn't exist.
    pub text: Option<String>,
    /// The editor's version, for open documents.
    pub version: Option<i32>,
}

/// How an edit ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saved {
    Created,
    Changed,
    /// The text is what it was: no edit.
    Unchanged,
    /// Kept, and offered to the user, because it can't be applied safely now.
    Pending {
        reason: String,
    },
}

/// A file that can't be read or written. The message names it and says what to do.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum WorkspaceError {
    /// The write policy says no.
    #[error("refused to write `{file}`: {reason}")]
    Refused { file: String, reason: String },
    #[error("{0}")]
    Failed(String),
}

/// Is told what happens. Synchronous and infallible: reporting never slows or fails a run.
pub trait Observer: Send + Sync {
    fn report(&self, event: &Event);
}

/// Has the workspace's check command.
pub trait Checker: Send + Sync {
    /// For the checks of one run. What they need on disk is removed when it is dropped.
    fn begin(&self) -> Box<dyn CheckSession>;
}

/// Runs the check command.
#[async_trait]
pub trait CheckSession: Send + Sync {
    /// Runs it for one file, in a copy of the workspace with `texts` in place of what the disk has. Dropping the future ends the command
    /// with all that it started. That it fails, or takes too long, is a result; an error means that it can't be run.
    async fn check(&self, file: &FileRef, texts: &[(FileRef, String)]) -> Result<CheckResult, WorkspaceError>;
}

/// What the check command said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckResult {
    pub passed: bool,
    /// Standard output and error, shortened in the middle, and how the command ended.
    pub output: String,
}

/// A prompt and its reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub prompt: String,
    pub reply: String,
}
