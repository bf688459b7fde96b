//! How a run is told to end.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio_util::sync::CancellationToken;

use crate::workflow::Status;

/// Ends a run before its time.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    pub(super) token: CancellationToken,
    interrupted: Arc<AtomicBool>,
}

impl Stop {
    /// The user doesn't want it any more.
    pub fn cancel(&self) {
        self.token.cancel();
    }

    /// The program ends; the run isn't given up.
    pub fn interrupt(&self) {
        self.interrupted.store(true, Ordering::Relaxed);
        self.token.cancel();
    }

    pub(super) fn status(&self) -> Status {
        if self.interrupted.load(Ordering::Relaxed) { Status::Interrupted } else { Status::Cancelled }
    }
}
