//! What a workflow is.

/// Which of the two models a step uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    #[default]
    Main,
    Fast,
}

/// Of a step, and of a workflow as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    #[default]
    Pending,
    InProgress,
    Streaming,
    Finished,
    Error,
    Cancelled,
    Skipped,
    Interrupted,
}
