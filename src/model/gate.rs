//! How many requests go to one model side by side, and when none may. Knows no wire and no server.
//!
//! Additive increase, multiplicative decrease below a ceiling: halved when a server complains, one more after as many successes as
//! are allowed side by side. Requests with the same shared beginning wait for the first of them to begin its answer, because only then
//! do providers have that beginning in their cache.

use std::{
    collections::HashMap,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use crate::model::output::Output;

/// How long providers keep a prompt's beginning at least.
const CACHE_LIFETIME: Duration = Duration::from_secs(5 * 60);

/// Lets requests through. One for each origin, key and model.
#[derive(Debug)]
pub struct Gate {
    ceiling: usize,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    limit: usize,
    active: usize,
    successes: usize,
    closed_until: Option<Instant>,
    /// By hash of a shared beginning: when an answer with it began; `None` while the first one hasn't.
    beginnings: HashMap<u64, Option<Instant>>,
}

/// Why a request can't go yet.
enum Blocked {
    Closed(Instant),
    Full(usize),
    Filling,
}

impl Gate {
    /// `ceiling`: requests side by side, at least 1.
    pub fn new(ceiling: usize) -> Arc<Gate> {
        let ceiling = ceiling.max(1);
        let state = State { limit: ceiling, active: 0, successes: 0, closed_until: None, beginnings: HashMap::new() };
        Arc::new(Gate { ceiling, state: Mutex::new(state), changed: Notify::new() })
    }

    pub fn ceiling(&self) -> usize {
        self.ceiling
    }

    /// Waits until a request may go, and says so. `beginning` is the hash of what it shares with others, if anything.
    pub async fn enter(self: &Arc<Gate>, beginning: Option<u64>, output: &Output) -> Permit {
        let mut told = false;
        loop {
            // Registered before looking, so that a change in between isn't missed.
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            match self.try_enter(beginning) {
                Ok(permit) => return permit,
                Err(Blocked::Closed(until)) => {
                    output.waiting(until.duration_since(Instant::now()), "the server asked for a pause".to_owned());
                    tokio::time::sleep_until(until).await;
                }
                Err(blocked) => {
                    if !std::mem::replace(&mut told, true) {
                        output.waiting(Duration::ZERO, blocked.reason());
                    }
                    changed.await;
                }
            }
        }
    }

    fn try_enter(self: &Arc<Gate>, beginning: Option<u64>) -> Result<Permit, Blocked> {
        let now = Instant::now();
        let mut state = self.state();
        if let Some(until) = state.closed_until.filter(|until| *until > now) {
            return Err(Blocked::Closed(until));
        }
        state.closed_until = None;
        if state.active >= state.limit {
            return Err(Blocked::Full(state.active));
        }
        state.beginnings.retain(|_, began| began.is_none_or(|began| now - began < CACHE_LIFETIME));
        let filling = match beginning.map(|beginning| (beginning, state.beginnings.get(&beginning))) {
            Some((_, Some(None))) => return Err(Blocked::Filling),
            Some((beginning, None)) => Some(beginning),
            Some((_, Some(Some(_)))) | None => None,
        };
        if let Some(beginning) = filling {
            state.beginnings.insert(beginning, None);
        }
        state.active += 1;
        Ok(Permit { gate: self.clone(), filling: Mutex::new(filling) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Blocked {
    fn reason(&self) -> String {
        match self {
            Blocked::Full(1) => "another request to this model is under way".to_owned(),
            Blocked::Full(active) => format!("{active} other requests to this model are under way"),
            Blocked::Filling => "another request fills the provider's cache first".to_owned(),
            Blocked::Closed(_) => "the server asked for a pause".to_owned(),
        }
    }
}

/// The right to have one request under way. Ends with its value.
#[derive(Debug)]
pub struct Permit {
    gate: Arc<Gate>,
    /// The beginning that others wait for.
    filling: Mutex<Option<u64>>,
}

impl Permit {
    /// The answer began, so the provider has read the prompt.
    pub fn began(&self) {
        if let Some(beginning) = self.filling().take() {
            self.gate.state().beginnings.insert(beginning, Some(Instant::now()));
            self.gate.changed.notify_waiters();
        }
    }

    /// The answer is whole.
    pub fn succeeded(&self) {
        let mut state = self.gate.state();
        state.successes += 1;
        if state.successes >= state.limit && state.limit < self.gate.ceiling {
            state.limit += 1;
            state.successes = 0;
        }
    }

    /// The server has too much to do: nothing goes for `pause`, and then less than before.
    pub fn overloaded(&self, pause: Duration) {
        let until = Instant::now() + pause;
        let mut state = self.gate.state();
        state.limit = (state.limit / 2).max(1);
        state.successes = 0;
        state.closed_until = Some(state.closed_until.map_or(until, |known| known.max(until)));
    }

    fn filling(&self) -> MutexGuard<'_, Option<u64>> {
        self.filling.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let filling = self.filling().take();
        let mut state = self.gate.state();
        state.active -= 1;
        if let Some(beginning) = filling {
            state.beginnings.remove(&beginning);
        }
        drop(state);
        self.gate.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn enter(gate: &Arc<Gate>, beginning: Option<u64>) -> Option<Permit> {
        gate.enter(beginning, &Output::default()).now_or_never()
    }

    #[test]
    fn no_more_than_the_ceiling_at_once() {
        let gate = Gate::new(2);
        let first = enter(&gate, None).unwrap();
        let _second = enter(&gate, None).unwrap();
        assert!(enter(&gate, None).is_none());
        drop(first);
        assert!(enter(&gate, None).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn halved_on_complaint_and_back_by_successes() {
        let gate = Gate::new(4);
        enter(&gate, None).unwrap().overloaded(Duration::from_secs(3));
        assert!(enter(&gate, None).is_none(), "closed for the pause");
        tokio::time::advance(Duration::from_secs(4)).await;
        let limit = || std::iter::from_fn(|| enter(&gate, None)).collect::<Vec<_>>().len();
        assert_eq!(limit(), 2);
        for expected in [2, 3, 3, 3, 4, 4, 4, 4, 4] {
            enter(&gate, None).unwrap().succeeded();
            assert_eq!(limit(), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_requests_go_when_one_ends_and_leave_nothing_when_dropped() {
        let gate = Gate::new(1);
        let first = enter(&gate, None).unwrap();
        let output = Output::default();
        let mut dropped = Box::pin(gate.enter(None, &output));
        assert!(dropped.as_mut().now_or_never().is_none());
        let waiting = gate.enter(None, &output);
        drop(dropped);
        drop(first);
        let second = waiting.await;
        assert!(enter(&gate, None).is_none());
        drop(second);
        assert!(enter(&gate, None).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_of_a_batch_goes_alone_until_its_answer_begins() {
        let gate = Gate::new(4);
        let first = enter(&gate, Some(1)).unwrap();
        assert!(enter(&gate, Some(1)).is_none());
        let _other = enter(&gate, Some(2)).expect("another beginning doesn't wait");
        drop(first);
        let second = enter(&gate, Some(1)).expect("a failed first one hands over");
        assert!(enter(&gate, Some(1)).is_none());
        second.began();
        let _third = enter(&gate, Some(1)).expect("the cache is filled");
        tokio::time::advance(CACHE_LIFETIME).await;
        let _fourth = enter(&gate, Some(1)).expect("a new first one");
        drop(second);
        assert!(enter(&gate, Some(1)).is_none(), "the cache has to be filled anew");
    }
}
