//! Why a step, or a run, didn't reach its end.

use thiserror::Error;

use super::{
    journal::JournalError,
    ports::{ModelError, WorkspaceError},
};

/// A step that failed. The text goes to the user as it is.
#[derive(Clone, Debug, Error)]
pub enum StepError {
    #[error("cancelled")]
    Cancelled,
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The workflow file can't be carried out.
    #[error("failed to carry out step `{module}`: {cause}")]
    Workflow { module: String, cause: String },
    /// The model answered, but not with something that may be used.
    #[error("the answer to step `{module}` can't be used: {cause}")]
    Answer { module: String, cause: String },
    /// Nothing was sent: the prompt is too long for the model.
    #[error("step `{module}` wasn't sent: {cause}")]
    Unsent { module: String, cause: String },
    /// Nothing was sent, because of what it could cost.
    #[error("{0}")]
    Capped(String),
    /// Nothing of the run was begun.
    #[error("{0}")]
    Refused(String),
    /// A parallel step whose every item failed; they reported why.
    #[error("none of {0} could be processed")]
    AllFailed(usize),
}
