//! The for-each: iterations side by side or one after the other, partial success, order where order matters.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use futures::{FutureExt, StreamExt, stream};
use tokio_util::sync::CancellationToken;

use super::{
    Run,
    error::StepError,
    plan::{Block, Slot},
    ports::Snapshot,
    step::Scope,
};
use crate::workflow::{
    ForEach, OnError,
    template::{Value, Vars},
};

/// A place in the order of parallel iterations.
#[derive(Clone, Default)]
pub struct Turn {
    before: Option<CancellationToken>,
    parallel: bool,
}

impl Turn {
    pub fn is_parallel(&self) -> bool {
        self.parallel
    }

    /// Waits until the iteration before has ended, however it did.
    pub async fn wait(&self) {
        if let Some(before) = &self.before {
            before.cancelled().await;
        }
    }
}

/// Shared documents as the first of parallel iterations found them. The others are shown the same: providers remember what requests begin
/// with, and none of them can count on what another has written by then.
#[derive(Default)]
pub struct Shown(Mutex<BTreeMap<String, Snapshot>>);

impl Shown {
    /// What was shown first under this name: `found`, if nothing was.
    pub fn first(&self, name: &str, found: Snapshot) -> Snapshot {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shown.entry(name.to_owned()).or_insert(found).clone()
    }
}

impl Run {
    pub(super) async fn for_each(&self, each: &ForEach, blocks: &mut [Block], scope: &Scope) -> Result<(), StepError> {
        let count = blocks.len();
        let limit = match each.parallel {
            0 => self.ports.model.concurrency(),
            n => n as usize,
        };
        let limit = limit.clamp(1, count.max(1));
        let outer = Arc::new(scope.vars.clone());
        let shown = if limit > 1 { Some(Arc::default()) } else { scope.shown.clone() };
        let mut before: Option<CancellationToken> = None;
        let iterations: Vec<_> = blocks
            .iter_mut()
            .map(|block| {
                let done = CancellationToken::new();
                let turn = Turn { before: before.replace(done.clone()), parallel: limit > 1 };
                let shown = shown.clone();
                self.iteration(each, block, Scope { turn, shown, ..scope.inside(Vars::inside(&outer)) }, done)
            })
            .collect();
        let mut running = stream::iter(iterations).buffer_unordered(limit);
        let mut failures = Vec::new();
        while let Some(result) = running.next().await {
            match result {
                Ok(()) => {}
                Err(error @ StepError::Cancelled) => return Err(error),
                Err(error) if each.on_error == OnError::Stop => return Err(error),
                Err(error) => failures.push(error),
            }
        }
        match failures.len() {
            0 => Ok(()),
            1 if count == 1 => Err(failures.remove(0)),
            // The reasons are among the results.
            n if n == count => Err(StepError::AllFailed(n)),
            _ => Ok(()),
        }
    }

    fn record_failure(&self, item: Option<&Value>, error: &StepError) {
        let name = item.map(|item| item.text().into_owned()).unwrap_or_default();
        let mut state = self.state();
        state.results.insert(name.clone(), super::failed(&error.to_string()));
        if matches!(item, Some(Value::File(_))) {
            state.failed_files.push(name.clone());
        }
        state.failed.push(name);
    }

    /// Boxed, because a block may hold another for-each.
    fn iteration<'a>(
        &'a self,
        each: &'a ForEach,
        block: &'a mut Block,
        mut scope: Scope,
        done: CancellationToken,
    ) -> futures::future::BoxFuture<'a, Result<(), StepError>> {
        async move {
            let _done = done.drop_guard();
            let result = self.block(&each.steps, block, &mut scope).await;
            // An error that ends the run is told by its end.
            if let Err(error) = &result
                && !matches!(error, StepError::Cancelled)
                && each.on_error == OnError::Continue
            {
                self.record_failure(block.bindings.get(&each.name), error);
                self.close(ids(block));
            }
            result
        }
        .boxed()
    }
}

/// The steps in a block, with those inside its loops.
fn ids(block: &Block) -> Vec<u32> {
    block
        .slots
        .iter()
        .flat_map(|slot| match slot {
            Slot::Step(id) => vec![*id],
            Slot::Absent => Vec::new(),
            Slot::Each(blocks) => blocks.iter().flat_map(ids).collect(),
        })
        .collect()
}

#[cfg(test)]
mod tests;
