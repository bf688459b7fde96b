//! The port through which a run is kept: facts that are durable before anybody is told of them, and what a later process goes on from.
//!
//! Knows no database. What is kept of a step is all that the steps after it can see, so that a run which was interrupted goes on behind
//! its last finished step.

use std::collections::BTreeMap;

use async_trait::async_trait;
use thiserror::Error;

use super::{
    event::FileOutcome,
    job::Job,
    ports::{Edit, Message, Request, Usage},
};
use crate::{
    document::FileRef,
    workflow::{Status, template::Value},
};

/// Keeps what happens in runs, in the order of the calls.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Returns once the entry is durable.
    async fn record(&self, run: &str, entry: Entry) -> Result<(), JournalError>;

    /// Doesn't wait: the entry is durable when what is kept next is, which may tell of its failure. For what nobody is told of before that.
    fn note(&self, run: &str, entry: Entry);

    /// Keeps a step that is finished, and its prompt and reply as a message, both or neither. Returns the message's id (`m1`, `m2`, …,
    /// unique in the workspace), which the step leaves behind as well. A step has one message: when it is kept again, the id is the same.
    async fn finish(&self, run: &str, step: StepEntry, message: Message) -> Result<String, JournalError>;

    /// Keeps both sides of an edit, before it leaves. Returns the edit's number.
    async fn edit(&self, run: &str, edit: EditEntry) -> Result<EditId, JournalError>;
}

/// Names a kept edit.
pub type EditId = i64;

/// One fact about a run.
#[derive(Clone, Debug)]
pub enum Entry {
    /// The run begins; or, when it is known already, goes on.
    Begin { job: Box<Job>, nonce: String },
    /// Steps that became known, or whose module did.
    Plan(Vec<Planned>),
    /// A request of a step is about to be sent. `number` counts the answers that the step asks for, from 0; when a request is sent again, it
    /// has the same number.
    Attempt { step: u32, number: u32, request: Box<Request> },
    /// The whole answer to the last attempt of this number.
    Answer { step: u32, number: u32, text: String, usage: Usage },
    /// A step's status changed.
    Step(Box<StepEntry>),
    /// What became of a kept edit.
    Edited { edit: EditId, state: EditState },
    /// The run ends, for now: an interrupted one may go on.
    End { status: Status, summary: String, usage: Usage },
}

/// A step of the run before it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    pub id: u32,
    /// Where it stands in the workflow: the same in every process that runs the same job.
    pub path: String,
    pub module: String,
}

/// A step's status, and what it leaves behind.
#[derive(Clone, Debug, PartialEq)]
pub struct StepEntry {
    pub id: u32,
    pub module: String,
    pub status: Status,
    pub error: Option<String>,
    /// Of a finished step.
    pub left: Option<Left>,
}

/// What a finished step leaves to the user and to the steps after it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Left {
    pub response: Option<String>,
    pub file_name: Option<String>,
    /// Variables that it set.
    pub output: Vec<(String, Value)>,
    /// Where the tests go, when it found that out.
    pub tests: Option<TestPlace>,
    /// What became of its file, in words, and as an outcome unless the file needed no change.
    pub file: Option<(String, Option<FileOutcome>)>,
    /// The message that its reply is kept as.
    pub message: Option<String>,
}

/// The file that a test-file step found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestPlace {
    pub path: String,
    /// The tests go into the file under test itself.
    pub inline: bool,
}

/// An edit, before it leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EditEntry {
    /// 0: none of the steps, but the run itself.
    pub step: u32,
    /// "Write Tests".
    pub title: String,
    pub file: FileRef,
    /// The text that the result was made from, with LF line ends and without BOM; `None`: there was no file.
    pub base: Option<String>,
    /// The result, in the same form.
    pub text: String,
    /// The file as it is when the edit leaves, line ends and BOM included; `None`: there is none. What revert brings back.
    pub before: Option<String>,
    /// The file as the edit makes it.
    pub after: String,
    pub state: EditState,
}

impl Edit {
    /// What is kept of it: `before` and `after` are the file with line ends and all.
    pub fn entry(&self, before: Option<String>, after: String, state: EditState) -> EditEntry {
        let Edit { step, title, base, text, .. } = self;
        let (file, base) = (base.file.clone(), base.text.clone());
        EditEntry { step: *step, title: title.clone(), file, base, text: text.clone(), before, after, state }
    }
}

/// How far an edit has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EditState {
    /// It left, or is about to; the content of the file tells whether it arrived.
    Sent,
    Applied,
    /// It waits for the user.
    Pending {
        reason: String,
    },
    /// The file shows neither side, so that nothing was changed.
    Failed {
        reason: String,
    },
    Discarded,
    Reverted,
}

/// What an earlier process did of a run; empty for a new one.
#[derive(Clone, Debug, Default)]
pub struct Past {
    /// Of its prompts, so that the same request is the same text.
    pub nonce: Option<String>,
    /// By path.
    pub steps: BTreeMap<String, PastStep>,
    pub usage: Option<Usage>,
    /// By file name: results that wait to be applied.
    pub pending: BTreeMap<String, Held>,
}

/// A result that waits to be applied; the run's later steps build on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// What it was made from; `None`: there was no file.
    pub base: Option<String>,
    pub text: String,
}

/// What is known of one of its steps.
#[derive(Clone, Debug, Default)]
pub struct PastStep {
    pub id: u32,
    pub module: String,
    /// `Some` for a finished step, which isn't run again.
    pub left: Option<Left>,
    /// By number: whole answers of a step that was interrupted. Answers of a step that failed aren't used again.
    pub answers: BTreeMap<u32, PastAnswer>,
    /// The edit of a step that was interrupted after it was kept.
    pub edit: Option<EditEntry>,
}

/// An answer that was paid for.
#[derive(Clone, Debug)]
pub struct PastAnswer {
    /// It counts only for the very same request.
    pub request: Request,
    pub text: String,
    pub usage: Usage,
}

#[derive(Clone, Debug, Error)]
#[error("failed to keep the run's history: {0}")]
pub struct JournalError(pub String);
