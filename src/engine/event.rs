//! What a run tells its observer.

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum Event {}
